"""Satellite files: found by name, evaluated at any epoch, whatever their format."""

from pathlib import Path

import numpy as np
import pytest
from sgp4.api import Satrec, jday
from skyfield.api import EarthSatellite, load
from skyfield.framelib import itrs

from leopnt.eop import EopTable
from leopnt.epochs import Epoch
from leopnt.errors import FormatError, LeopntError, LeopntWarning
from leopnt.scenes.satellite_file import ElementFile, TableFile, read_satellite_file

DATA = Path(__file__).parents[2] / "examples" / "data"
IRIDIUM = DATA / "tle_2025" / "iridium.tle"
STELLA = DATA / "sp3" / "nsgf_stella_20231208_0000.sp3"
NOON = Epoch.from_iso("2025-12-28T12:00:00Z")
DAY_S = 86_400.0


def copied(folder, text, name="sats.tle"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_tle_state_agrees_with_skyfield(evidence):
    file = read_satellite_file(IRIDIUM)
    epoch = NOON + 60.0 * np.arange(30)
    state = file.states(file.find("IRIDIUM 106"), epoch, DAY_S)
    lines = IRIDIUM.read_text().splitlines()
    at = lines.index("IRIDIUM 106")
    scale = load.timescale(builtin=True)
    table, last, arcsec_rad = EopTable.bundled(), slice(-800, None), np.pi / 648_000
    scale.polar_motion_table = (  # by TT; Skyfield leaves it out (15 m) unless told
        table.mjd_utc[last] + 2_400_000.5 + 69.184 / DAY_S,
        table.x_pole_rad[last] / arcsec_rad,
        table.y_pole_rad[last] / arcsec_rad,
    )
    satellite = EarthSatellite(lines[at + 1], lines[at + 2], ts=scale)
    times = scale.utc(2025, 12, 28, 12, np.arange(30))
    expected_m = satellite.at(times).frame_xyz(itrs).m.T
    evidence(
        "scenes.satellite_file",
        "ECEF position of an Iridium satellite found by name, 30 min",
        "skyfield 1.55",
        "implementation",
        achieved=np.max(np.linalg.norm(state.pos_ecef_m - expected_m, axis=1)),
        tolerance=0.1,
        unit="m",
    )


def test_formats_are_told_from_their_content(tmp_path):
    renamed = copied(tmp_path, STELLA.read_text(), "orbit.tle")
    assert isinstance(read_satellite_file(renamed), TableFile)
    omm = copied(tmp_path, (DATA / "tle_2025" / "omm_sample.json").read_text(), "omm.txt")
    assert isinstance(read_satellite_file(omm), ElementFile)
    assert isinstance(read_satellite_file(copied(tmp_path, IRIDIUM.read_text(), "x")), ElementFile)


def test_omm_and_tle_of_one_satellite_agree():
    tle, omm = (
        read_satellite_file(IRIDIUM),
        read_satellite_file(DATA / "tle_2025" / "omm_sample.json"),
    )
    both = sorted(set(tle.names) & set(omm.names))
    assert both
    states = [f.states(f.find(both[0]), NOON + np.zeros(1), DAY_S).pos_ecef_m for f in (tle, omm)]
    assert np.linalg.norm(states[0] - states[1]) < 1e-3


def test_an_sp3_state_at_a_node_is_the_node():
    file = read_satellite_file(STELLA)
    node = Epoch.from_iso("2023-12-08T01:00:00Z")
    state = file.states(file.find("l56"), node + np.zeros(1), DAY_S)
    line = next(
        STELLA.read_text().splitlines()[i + 1]
        for i, line in enumerate(STELLA.read_text().splitlines())
        if line.startswith("*  2023 12  8  1  0")
    )
    expected_m = [float(word) * 1e3 for word in line[4:].split()[:3]]
    np.testing.assert_allclose(state.pos_ecef_m[0], expected_m, atol=1e-5)
    assert file.age_s(0, node) == 0.0
    assert file.norad_cat_id.tolist() == [0]
    assert file.epoch == Epoch.from_iso("2023-12-08T00:00:00Z")


def test_satellites_are_found_by_number_and_by_name():
    file = read_satellite_file(IRIDIUM)
    index = file.find("iridium 106")
    assert file.names[index] == "IRIDIUM 106"
    assert file.find(str(file.norad_cat_id[index])) == index
    days = (NOON.since(file.elements.epoch[index])) / DAY_S
    assert file.age_s(index, NOON) == pytest.approx(days * DAY_S)
    assert abs(file.epoch.since(NOON)) < DAY_S


def test_an_unknown_satellite_names_a_close_one():
    with pytest.raises(LeopntError) as caught:
        read_satellite_file(IRIDIUM).find("IRIDIUM-106")
    assert str(caught.value).startswith("satellite 'IRIDIUM-106' is not in ")
    assert "Did you mean 'IRIDIUM 106'? It holds IRIDIUM" in str(caught.value)
    with pytest.raises(LeopntError, match=r"satellite 'G01' is not in .* It holds L56\."):
        read_satellite_file(STELLA).find("G01")


def test_a_name_of_two_objects_asks_for_numbers(tmp_path):
    lines = IRIDIUM.read_text().splitlines()
    text = "\n".join(["TBA", *lines[1:3], "TBA", *lines[4:6]])
    file = read_satellite_file(copied(tmp_path, text))
    with pytest.raises(LeopntError, match=r"2 objects of .* have this name .* use catalogue num"):
        file.find("TBA")


def test_of_several_sets_the_nearest_is_used(tmp_path):
    history = read_satellite_file(DATA / "tle_history_sentinel6a" / "Sentinel-6A.tle")
    assert len(history.names) == 1
    assert len(history.elements) > 10
    late = history.elements.epoch[len(history.elements) - 1]
    assert history.age_s(0, late) == 0.0
    first = history.elements.epoch[0]
    assert history.age_s(0, first) == 0.0


def test_elements_of_another_year_are_refused():
    file = read_satellite_file(IRIDIUM)
    with pytest.raises(LeopntError) as caught:
        file.states(file.find("IRIDIUM 106"), Epoch.from_iso(["2024-12-28T12:00:00Z"]), 3.5 * DAY_S)
    message = str(caught.value)
    assert "2024-12-28T12:00:00Z is 36" in message
    assert "days before the elements of IRIDIUM 106 (41917) (2025-12-2" in message
    assert "at most 3.5 days are allowed" in message
    assert message.endswith("Take element sets of the date, or raise max_age_days.")


def test_an_epoch_outside_the_table_is_refused():
    file = read_satellite_file(STELLA)
    with pytest.raises(LeopntError, match="the table has no position of L56 at 2025-12-28"):
        file.states(0, NOON + np.zeros(1), DAY_S)


def test_blocks_leave_out_what_is_too_old_or_not_there():
    file = read_satellite_file(IRIDIUM)
    blocks = list(file.blocks(NOON + np.array([0.0, 40 * DAY_S]), DAY_S))
    assert np.concatenate([b.sat_index for b in blocks]).tolist() == list(range(len(file.names)))
    valid = np.concatenate([b.is_valid for b in blocks])
    assert valid[:, 0].sum() > 60
    assert not valid[:, 1].any()
    assert np.isnan(blocks[0].state.pos_ecef_m[:, 1]).all()
    table = list(read_satellite_file(STELLA).blocks(NOON + np.zeros(2), DAY_S))
    assert not table[0].is_valid.any()


def test_bad_sets_among_good_ones_are_left_out_with_a_warning(tmp_path):
    lines = IRIDIUM.read_text().splitlines()[:9]
    lines[4] = lines[4][:-1] + str((int(lines[4][-1]) + 1) % 10)
    with pytest.warns(LeopntWarning, match="1 bad element sets were left out, 2 kept. The first: "):
        assert len(read_satellite_file(copied(tmp_path, "\n".join(lines))).names) == 2
    with pytest.raises(FormatError, match="checksum"):
        read_satellite_file(copied(tmp_path, "\n".join(lines[3:6])))


@pytest.mark.parametrize(
    ("text", "found"), [("", "it is empty"), ("hello\n", "it begins with 'hello'")]
)
def test_a_file_of_no_known_format_is_refused(tmp_path, text, found):
    with pytest.raises(FormatError, match=f"is no TLE, OMM or SP3 file: {found}."):
        read_satellite_file(copied(tmp_path, text))


def test_a_decayed_satellite_is_refused(tmp_path):
    # An object that SGP4 brings down within days: drag a thousand times that of a satellite.
    line_1 = "1 99999U 25001A   25362.50000000  .00000000  00000+0  99999+0 0    0"
    line_2 = "2 99999  51.6000 100.0000 0001000  90.0000 270.0000 16.4000000000001"
    lines = [line[:68] + str(checksum(line[:68])) for line in (line_1, line_2)]
    satrec = Satrec.twoline2rv(*lines)
    assert satrec.sgp4(*jday(2026, 1, 7, 12, 0, 0))[0] != 0
    file = read_satellite_file(copied(tmp_path, "\n".join(lines)))
    with pytest.warns(LeopntWarning), pytest.raises(LeopntError, match="SGP4 cannot propagate"):
        file.states(0, Epoch.from_iso(["2026-01-07T12:00:00Z"]), 30 * DAY_S)


def checksum(line):
    return sum(int(c) if c.isdigit() else c == "-" for c in line) % 10
