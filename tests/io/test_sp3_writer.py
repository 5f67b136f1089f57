from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io.sp3 import Sp3, read_sp3
from leopnt.io.sp3_writer import write_sp3_c, write_sp3_d

DATA = Path(__file__).parents[2] / "examples" / "data" / "sp3"
CODE = DATA / "COD0MGXFIN_20211180000_01D_05M_ORB.SP3"
STELLA = DATA / "nsgf_stella_20231208_0000.sp3"
FIELDS = (
    "satellites",
    "epoch",
    "time_scale",
    "pos_ecef_m",
    "vel_ecef_mps",
    "clock_s",
    "clock_rate",
    "is_clock_event",
    "is_clock_predicted",
    "is_maneuver",
    "is_orbit_predicted",
    "orbit_sigma_m",
    "coordinate_system",
    "orbit_type",
    "agency",
)


def leo(num_sats=3, num_epochs=4, scale=TimeScale.GPST):
    """Random satellites with velocities, clocks, flags and gaps, in whole units of the format."""
    rng = np.random.default_rng(0)
    shape = (num_sats, num_epochs)
    pos_mm = rng.integers(-(10**10), 10**10, size=(*shape, 3))
    clock_ps = rng.integers(-(10**9), 10**9, size=shape)
    vel = rng.integers(-(10**11), 10**11, size=(*shape, 3))
    pos_m = pos_mm / 1e6 * 1e3
    pos_m[1, -1] = np.nan
    clock_s = clock_ps / 1e6 * 1e-6
    clock_s[0, 1] = np.nan
    flags = rng.random((4, *shape)) < 0.3
    return Sp3(
        satellites=tuple(f"L{i + 1:02d}" for i in range(num_sats)),
        epoch=Epoch.from_calendar(2024, 12, 31, 23, 59, scale=scale) + 30.0 * np.arange(num_epochs),
        time_scale=scale,
        pos_ecef_m=pos_m,
        vel_ecef_mps=vel / 1e6 * 0.1,
        clock_s=clock_s,
        clock_rate=rng.integers(-(10**6), 10**6, size=shape) / 1e6 * 1e-10,
        is_clock_event=flags[0],
        is_clock_predicted=flags[1],
        is_maneuver=flags[2],
        is_orbit_predicted=flags[3],
        orbit_sigma_m=2.0 ** rng.integers(1, 9, size=num_sats) * 1e-3,
        coordinate_system="IGS20",
        orbit_type="FIT",
        agency="TST",
    )


def assert_same(one, other):
    for name in FIELDS:
        if isinstance(getattr(one, name), np.ndarray):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        else:
            assert getattr(one, name) == getattr(other, name), name


@pytest.mark.parametrize("write", [write_sp3_c, write_sp3_d])
@pytest.mark.parametrize("scale", [TimeScale.GPST, TimeScale.BDT, TimeScale.UTC, TimeScale.GST])
def test_positions_velocities_clocks_and_flags_come_back(tmp_path, write, scale):
    sp3 = leo(scale=scale)
    assert_same(read_sp3(write(tmp_path / "leo.sp3", sp3)), sp3)


def test_a_real_file_comes_back_line_by_line(tmp_path, evidence):
    sp3 = read_sp3(CODE)
    path = write_sp3_d(tmp_path / "copy.sp3", sp3)
    assert_same(read_sp3(path), sp3)
    ours = [line for line in path.read_text().splitlines() if line[:1] in "P*"]
    theirs = [line for line in CODE.read_text().splitlines() if line[:1] in "P*"]
    assert len(ours) == len(theirs) == 73 * 117
    different = sum(
        one[:60] != other[:60].rstrip() for one, other in zip(ours, theirs, strict=True)
    )
    evidence(
        "io.sp3_writer",
        f"Of {len(ours)} epoch and P lines of a file of CODE, those that we write otherwise",
        "the file itself",
        "implementation",
        achieved=different,
        tolerance=0,
    )
    assert path.read_text().splitlines()[1] == CODE.read_text().splitlines()[1].rstrip()


def test_leo_positions_and_velocities_of_a_real_file_come_back(tmp_path):
    sp3 = read_sp3(STELLA)
    path = write_sp3_c(tmp_path / "copy.sp3", sp3, comments=("a copy",))
    assert_same(read_sp3(path), sp3)
    lines = path.read_text().splitlines()
    assert lines[1] == STELLA.read_text().splitlines()[1]
    assert "/* a copy" in lines
    assert len([line for line in lines if line.startswith("/*")]) == 4


def test_many_satellites_need_version_d(tmp_path):
    sp3 = leo(num_sats=99, num_epochs=2)
    assert_same(read_sp3(write_sp3_d(tmp_path / "many.sp3", sp3)), sp3)
    with pytest.raises(LeopntError, match="99 satellites; SP3-c holds 1 to 85"):
        write_sp3_c(tmp_path / "many.sp3", sp3)


def test_epochs_keep_eight_decimals(tmp_path):
    sp3 = leo()
    fine = replace(sp3, epoch=sp3.epoch + 0.12345678)
    back = read_sp3(write_sp3_d(tmp_path / "fine.sp3", fine))
    assert np.max(np.abs(back.epoch.since(fine.epoch))) < 1e-12


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"satellites": ("L01", "L02", "L100")},
            "satellite 'L100'; expected a letter and two digits",
        ),
        ({"time_scale": TimeScale.TT}, "time scale TT has no name in SP3"),
        ({"pos_ecef_m": np.full((3, 4, 3), 1e9)}, "pos_ecef_m 1e[+]09 is beyond"),
        ({"vel_ecef_mps": np.full((3, 4, 3), np.inf)}, "vel_ecef_mps inf is beyond"),
        ({"clock_s": np.full((3, 4), 1.0)}, "clock_s 1 is beyond the 0.999"),
        ({"clock_rate": np.full((3, 4), -1e-4)}, "clock_rate -0.0001 is beyond"),
    ],
)
def test_what_does_not_fit_is_not_written(tmp_path, fields, message):
    with pytest.raises(LeopntError, match=message):
        write_sp3_d(tmp_path / "bad.sp3", replace(leo(), **fields))
    assert not list(tmp_path.iterdir())


def test_bad_epochs_and_comments_are_refused(tmp_path):
    sp3 = leo()
    with pytest.raises(LeopntError, match="one epoch or more, increasing"):
        write_sp3_d(tmp_path / "bad.sp3", replace(sp3, epoch=sp3.epoch[::-1]))
    with pytest.raises(LeopntError, match="more than 8 decimals"):
        write_sp3_d(tmp_path / "bad.sp3", replace(sp3, epoch=sp3.epoch + 5e-9))
    with pytest.raises(LeopntError, match="is no line of 57 characters"):
        write_sp3_c(tmp_path / "bad.sp3", sp3, comments=("x" * 58,))
