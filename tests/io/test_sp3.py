import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError, LeopntWarning
from leopnt.io.sp3 import read_sp3

DATA = Path(__file__).parents[2] / "examples" / "data" / "sp3"
CODE = DATA / "COD0MGXFIN_20211180000_01D_05M_ORB.SP3"
STELLA = DATA / "nsgf_stella_20231208_0000.sp3"
SMALL = """\
#dV2024  1  1  0  0  0.00000000       2 ORBIT IGS20 FIT  TST
## 2295  86400.00000000   300.00000000 60310 0.0000000000000
+    3   G01C19L 7  0  0  0  0  0  0  0  0  0  0  0  0  0  0
++         5  0 10  0  0  0  0  0  0  0  0  0  0  0  0  0  0
%c M  cc GPS ccc cccc cccc cccc cccc ccccc ccccc ccccc ccccc
%f  1.2500000  1.025000000  0.00000000000  0.000000000000000
/* a comment
*  2024  1  1  0  0  0.00000000
PG01  13287.682546 -15491.926575  16545.690647    703.963460  5  5  5  90 EP  MP
VG01  -1234.567800      0.000000  30000.000001     -0.123456
PC19      0.000000      0.000000      0.000000 999999.999999
PL07   2447.693398  -1850.426620  -6499.605162
EP   55   55   55     222  1234567 -1234567 5999999      -30       21 -1230000
*  2024  1  1  0  5  0.12345678
PL 7   2970.413679  -2919.143105  -5856.583173 999999.999999
VL07      0.000000      0.000000      0.000000 999999.999999
PG01 999999.999999 999999.999999 999999.999999      0.000000
EOF
"""


def write(folder, text):
    path = folder / "orbits.sp3"
    path.write_text(text)
    return path


def message_of(folder, text):
    with pytest.raises(FormatError) as caught:
        read_sp3(write(folder, text))
    return str(caught.value)


def naive(path):
    """The same file by plain Python: {(id, row of the epoch): [x, y, z, clock]} in km and us."""
    rows, epoch = {}, -1
    for line in path.read_text().splitlines():
        if line.startswith("*"):
            epoch += 1
        elif line.startswith("P"):
            rows[line[1:4], epoch] = [float(word) for word in line[4:60].split()]
    return rows


def test_every_number_of_a_real_file_is_read_exactly(evidence):
    sp3, rows = read_sp3(CODE), naive(CODE)
    assert len(rows) == sp3.clock_s.size == 116 * 73
    worst = 0.0
    for (name, epoch), (x, y, z, clock) in rows.items():
        sat = sp3.satellites.index(name)
        expected = np.array([x, y, z]) * 1e3
        worst = max(worst, np.max(np.abs(sp3.pos_ecef_m[sat, epoch] - expected)))
        if clock > 999_999:
            assert np.isnan(sp3.clock_s[sat, epoch])
        else:
            assert sp3.clock_s[sat, epoch] == pytest.approx(clock * 1e-6, rel=1e-15)
    evidence(
        "io.sp3",
        "Positions of an SP3-d file, 116 satellites at 73 epochs",
        "line by line float() of the columns",
        "implementation",
        achieved=worst,
        tolerance=0.0,
        unit="m",
    )
    assert np.sum(np.isnan(sp3.clock_s)) == 117
    assert sp3.time_scale is TimeScale.GPST
    assert sp3.epoch[0] == Epoch.from_calendar(2021, 4, 28, 18, scale=TimeScale.GPST)
    assert (sp3.coordinate_system, sp3.orbit_type, sp3.agency) == ("IGb14", "FIT", "AIUB")
    assert {name[0] for name in sp3.satellites} == set("GRECJ")
    assert sp3.orbit_sigma_m[0] == 0.032


def test_positions_and_velocities_of_a_leo_file_belong_together():
    sp3 = read_sp3(STELLA)
    assert sp3.satellites == ("L56",)
    assert sp3.time_scale is TimeScale.UTC
    assert np.all(np.isnan(sp3.clock_s))
    pos, vel = sp3.pos_ecef_m[0], sp3.vel_ecef_mps[0]
    # Central differences over 360 s err by some percent in LEO: this checks dm/s, order and sign.
    rate = (pos[2:] - pos[:-2]) / 360.0
    assert np.max(np.linalg.norm(rate - vel[1:-1], axis=1)) < 0.02 * 7_500


def test_small_file_gives_units_flags_and_missing_values(tmp_path):
    sp3 = read_sp3(write(tmp_path, SMALL))
    assert sp3.satellites == ("G01", "C19", "L07")
    np.testing.assert_allclose(sp3.pos_ecef_m[0, 0], [13287682.546, -15491926.575, 16545690.647])
    np.testing.assert_allclose(sp3.vel_ecef_mps[0, 0], [-123.45678, 0.0, 3000.0000001])
    assert sp3.clock_s[0, 0] == pytest.approx(703.963460e-6, rel=1e-15)
    assert sp3.clock_rate[0, 0] == pytest.approx(-0.123456e-10, rel=1e-15)
    assert np.all(np.isnan(sp3.pos_ecef_m[1]))
    assert np.all(np.isnan(sp3.clock_s[1]))
    assert np.all(np.isnan(sp3.pos_ecef_m[0, 1]))
    assert sp3.clock_s[0, 1] == 0.0
    np.testing.assert_allclose(sp3.pos_ecef_m[2, 1], [2970413.679, -2919143.105, -5856583.173])
    assert np.all(np.isnan(sp3.clock_s[2]))
    assert np.all(np.isnan(sp3.vel_ecef_mps[2]))
    for flags in (
        sp3.is_clock_event,
        sp3.is_clock_predicted,
        sp3.is_maneuver,
        sp3.is_orbit_predicted,
    ):
        assert flags.tolist() == [[True, False], [False, False], [False, False]]
    np.testing.assert_array_equal(sp3.orbit_sigma_m, [0.032, np.nan, 1.024])
    assert sp3.epoch[1].since(sp3.epoch[0]) == pytest.approx(300.12345678, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("GPS", TimeScale.GPST),
        ("GLO", TimeScale.UTC),
        ("GAL", TimeScale.GST),
        ("BDT", TimeScale.BDT),
        ("TAI", TimeScale.TAI),
        ("UTC", TimeScale.UTC),
        ("QZS", TimeScale.GPST),
    ],
)
def test_time_systems_of_the_header_are_followed(tmp_path, name, scale):
    sp3 = read_sp3(write(tmp_path, SMALL.replace("cc GPS", f"cc {name}")))
    assert sp3.epoch[0] == Epoch.from_calendar(2024, 1, 1, scale=scale)


def test_disguised_files_read_the_same(tmp_path):
    expected = read_sp3(write(tmp_path, SMALL)).pos_ecef_m
    for text in (SMALL.replace("\n", "\r\n"), "\ufeff" + SMALL, SMALL + "\n\n"):
        path = tmp_path / "disguised.sp3"
        path.write_bytes(text.encode())
        np.testing.assert_array_equal(read_sp3(path).pos_ecef_m, expected)
    packed = tmp_path / "orbits.sp3.gz"
    packed.write_bytes(gzip.compress(SMALL.encode()))
    np.testing.assert_array_equal(read_sp3(packed).pos_ecef_m, expected)


def test_a_file_of_another_length_than_promised_warns(tmp_path):
    path = write(tmp_path, SMALL.replace("       2 ORBIT", "     289 ORBIT"))
    with pytest.warns(LeopntWarning, match="promises 289 epochs, the file holds 2"):
        read_sp3(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("#dV", "#aP", "orbits.sp3:1: version '#a'; expected '#c' or '#d'"),
        ("#dV", "<htm", "orbits.sp3:1: expected a line that begins with #cP"),
        ("       2 ORBIT", "       x ORBIT", "orbits.sp3:1: columns 33-39 (number of epochs)"),
        ("IGS20", "J2000", "orbits.sp3:1: coordinate system 'J2000' (columns 47-51) is inertial"),
        (
            "cc GPS",
            "cc XYZ",
            "orbits.sp3:5: time system 'XYZ' (columns 10-12); expected one of GPS",
        ),
        ("cc GPS", "cc ccc", "orbits.sp3:5: time system 'ccc'"),
        ("%c M", "%x M", "no %c line before the first epoch"),
        ("+    3", "+    4", "orbits.sp3:3: satellite id '  0'"),
        ("+    3   G01C19", "+   40   G01C19", "orbits.sp3:3: satellite id '  0'"),
        ("+    3   G01C19", "+    3   G01G01", "orbits.sp3:3: satellite G01 is listed twice"),
        ("+    3   G01C19", "+    3    01C19", "orbits.sp3:3: satellite id ' 01'"),
        ("PC19", "PC20", "orbits.sp3:11: satellite 'C20' is not among those of the header"),
        ("PC19", "PG01", "orbits.sp3:11: a second P record of G01 at one epoch"),
        ("-15491.926575", "-15491.9x6575", "orbits.sp3:9: columns 19-32 (y) of a P record"),
        ("  16545.690647", "  165.5.690647", "orbits.sp3:9: columns 33-46 (z) of a P record"),
        ("  30000.000001", "           nan", "orbits.sp3:10: columns 33-46 (z) of a V record"),
        ("    703.963460", "    703 963460", "orbits.sp3:9: columns 47-60 (clock) of a P record"),
        (
            "PL07   2447.693398  -1850.426620  -6499.605162",
            "PL07   2447.6",
            "orbits.sp3:12: columns 19",
        ),
        (
            "*  2024  1  1  0  5",
            "*  2024  1  1  0 61",
            "orbits.sp3:14: 00:61:0 GPST is not a time",
        ),
        ("*  2024  1  1  0  5", "*  2024 13  1  0  5", "orbits.sp3:14: "),
        ("*  2024  1  1  0  5", "*  2024  1  1     5", "orbits.sp3:14: expected an epoch as"),
        ("*  2024  1  1  0  5", "*  2023  1  1  0  5", "orbits.sp3:14: this epoch is not after"),
        ("EP   55", "XP   55", "orbits.sp3:13: expected a line that begins with *, P, V"),
        ("EOF\n", "", "orbits.sp3:17: the last line is not 'EOF': the file is cut"),
    ],
)
def test_malformed_files_are_named_by_line(tmp_path, old, new, message):
    assert old in SMALL
    assert message in message_of(tmp_path, SMALL.replace(old, new, 1))


def test_files_without_epochs_or_content_are_refused(tmp_path):
    header = SMALL[: SMALL.index("*  2024")]
    assert "no epoch" in message_of(tmp_path, header + "EOF\n")
    assert "expected a line that begins with #cP" in message_of(tmp_path, "")
    with pytest.raises(LeopntError, match="no such file"):
        read_sp3(tmp_path / "nothing.sp3")


def test_a_table_is_made_with_arcs_cut_at_maneuvers(tmp_path):
    table = read_sp3(write(tmp_path, SMALL)).tabulated()
    assert table.name == ("G01", "C19", "L07")
    assert table.starts_arc.tolist() == [[True, False], [False, False], [False, False]]
    assert table.starts_clock_arc[0, 0]


@given(
    st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.characters(codec="utf-8")), max_size=5),
    st.one_of(st.none(), st.integers(0, len(SMALL))),
)
@settings(max_examples=300, deadline=None)
def test_damaged_files_give_arrays_or_format_errors_only(tmp_path_factory, edits, length):
    characters = list(SMALL)
    for at, character in edits:
        characters[at] = character
    path = tmp_path_factory.getbasetemp() / "fuzz.sp3"
    path.write_bytes("".join(characters)[:length].encode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeopntWarning)
        try:
            sp3 = read_sp3(path)
        except FormatError:
            return
    assert sp3.pos_ecef_m.shape == (len(sp3.satellites), len(sp3.epoch), 3)
