"""Satellites of a study: where they are at its start, who is left out, and what is kept."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from study_oracles import circular_position

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io.sp3 import read_sp3
from leopnt.orbits.constellations import IRIDIUM
from leopnt.orbits.sgp4 import AnyAge, propagate
from leopnt.scenes import constellation
from leopnt.scenes.constellation import MARGIN_S, PRESETS, UNDATED, load_satellites
from leopnt.scenes.satellite_file import read_satellite_file
from leopnt.scenes.study_settings import ConstellationSettings, TimeSettings

DATA = Path(__file__).parents[2] / "examples" / "data"
TLE, SP3 = DATA / "tle_2025", DATA / "sp3"
GNSS = "COD0MGXFIN_20211180000_01D_05M_ORB.SP3"
NOON = "2025-12-28T12:00:00Z"
WALKER = {
    "pattern": "star", "satellites": 12, "planes": 3, "phasing": 1,
    "inclination_deg": 97, "altitude_km": 800, "node_spread_deg": 190,
}  # fmt: skip


def load(constellation_raw, time_raw=None, folder=TLE):
    return load_satellites(
        ConstellationSettings.model_validate(constellation_raw),
        TimeSettings.model_validate(time_raw or {}),
        folder,
    )


def test_a_walker_pattern_starts_where_it_says(evidence):
    found = load({"walker": WALKER}, {"duration_s": 1200.0})
    plane, place = np.divmod(np.arange(12), 4)
    node, latitude = plane * np.radians(190) / 3, np.radians(place * 90 + plane * 30)
    expected = circular_position(6378137.0 + 800e3, np.radians(97), node, latitude, 0.0)
    states = [found.ephemeris.state(i, 0.0).pos_ecef_m for i in range(12)]
    evidence(
        "scenes.constellation",
        "positions of a Walker star at the start of the study",
        "node and argument of latitude of each satellite",
        "closed form",
        achieved=np.abs(np.array(states) - expected).max(),
        tolerance=1e-4,  # interpolation of the ephemeris: 10 um
        unit="m",
    )
    assert found.names[:5] == tuple(f"WALKER {one}" for one in ("1-1", "1-2", "1-3", "1-4", "2-1"))
    assert found.ephemeris.reference == Epoch.from_iso(UNDATED)
    assert found.warnings == ()


def test_planes_of_a_star_spread_over_180_degrees_and_of_a_delta_over_360():
    star = {name: value for name, value in WALKER.items() if name != "node_spread_deg"}
    for pattern, step_deg in (("star", 60.0), ("delta", 120.0)):
        found = load({"walker": {**star, "pattern": pattern, "phasing": 0}})
        first, second = (found.ephemeris.state(i, 0.0).pos_ecef_m for i in (0, 4))
        angle = np.arctan2(second[1], second[0]) - np.arctan2(first[1], first[0])
        assert np.degrees(angle) % 360 == pytest.approx(step_deg)


@pytest.mark.parametrize(("name", "count"), [
    ("iridium", 66), ("oneweb", 588), ("starlink-shell-1", 1584), ("centispace", 190), ("gps", 24),
    ("bds-3", 30),
])  # fmt: skip
def test_presets_have_the_satellites_of_their_designs(name, count):
    settings = ConstellationSettings.model_validate({"preset": name})
    assert len(constellation.planned(settings).names()) == count


def test_settings_offer_every_preset():
    for name in PRESETS:
        ConstellationSettings.model_validate({"preset": name})
    message = ConstellationSettings.model_fields["preset"].description
    assert all(repr(name) in message for name in PRESETS)


def test_states_of_a_file_are_those_of_sgp4_from_before_the_start_to_the_end():
    time = {"start": NOON, "duration_s": 1800.0}
    found = load({"file": "iridium.tle", "satellites": ["IRIDIUM 180", "42803"]}, time)
    file = read_satellite_file(TLE / "iridium.tle")
    epoch = Epoch.from_iso(NOON) + np.array([-MARGIN_S, 0.0, 901.5, 1800.0])
    rows = np.array([file.find(name) for name in ("IRIDIUM 180", "42803")])
    truth = propagate(file.elements[rows], epoch, age_gate=AnyAge()).state
    assert found.names == tuple(file.names[i] for i in rows)
    for sat in range(2):
        for at, t_s in enumerate((-MARGIN_S, 0.0, 901.5, 1800.0)):
            state = found.ephemeris.state(sat, t_s)
            np.testing.assert_allclose(state.pos_ecef_m, truth.pos_ecef_m[sat, at], atol=1e-4)
            np.testing.assert_allclose(state.vel_ecef_mps, truth.vel_ecef_mps[sat, at], atol=1e-6)


def test_states_of_an_orbit_table_are_the_records_of_the_table(evidence):
    time = {"start": "2021-04-28T20:00:00Z", "duration_s": 600.0}
    found = load({"file": GNSS, "satellites": ["G05", "E11"]}, time, SP3)
    table = read_sp3(SP3 / GNSS).tabulated()
    start = Epoch.from_iso("2021-04-28T20:00:00Z")
    nodes_s = table.epoch.since(start)
    inside = np.flatnonzero((nodes_s >= 0) & (nodes_s <= 600))
    assert len(inside) >= 2
    errors = [
        np.asarray(found.ephemeris.state(sat, nodes_s[at]).pos_ecef_m)
        - table.pos_ecef_m[table.name.index(name), at]
        for sat, name in enumerate(("G05", "E11"))
        for at in inside
    ]
    evidence(
        "scenes.constellation",
        "satellite positions of a study on an SP3 file",
        "records of the file",
        "real data",
        achieved=np.abs(errors).max(),
        tolerance=1e-3,
        unit="m",
    )
    assert found.ephemeris.pos_ecef_m.shape[1] < 30  # not the whole day


def test_old_elements_are_left_out_with_a_warning():
    file = read_satellite_file(TLE / "starlink.tle")
    age_s = np.abs(Epoch.from_iso(NOON).since(file.elements.epoch))
    limit_days = float(np.median(age_s)) / 86_400
    found = load({"file": "starlink.tle", "max_age_days": limit_days}, {"start": NOON})
    assert len(found.names) == np.sum(age_s <= limit_days * 86_400)
    (warning,) = found.warnings
    left = len(file.names) - len(found.names)
    assert warning.startswith(f"{left} of {len(file.names)} satellites were left out (")
    assert "no state over the whole span: elements farther than" in warning


def test_a_satellite_asked_for_is_never_left_out_silently(tmp_path):
    lines = (TLE / "iridium.tle").read_text().splitlines()[:6]
    # The epoch of the second set, nine days back; its checksum goes down by 9.
    day = lines[4][20:23]
    lines[4] = lines[4][:20] + f"{int(day) - 9:03d}" + lines[4][23:68]
    digits = sum(int(c) if c.isdigit() else c == "-" for c in lines[4])
    lines[4] += str(digits % 10)
    (tmp_path / "two.tle").write_text("\n".join(lines) + "\n")
    names = [lines[0].strip(), lines[3].strip()]
    assert load({"file": "two.tle"}, {"start": NOON}, tmp_path).names == (names[0],)
    with pytest.raises(LeopntError) as caught:
        load({"file": "two.tle", "satellites": names}, {"start": NOON}, tmp_path)
    assert f"two.tle: {names[1]}: no state over the whole span" in str(caught.value)


def test_a_gap_of_a_table_within_the_study_leaves_the_satellite_out(monkeypatch):
    file = read_satellite_file(SP3 / GNSS)
    hour = int(np.argmin(np.abs(file.table.epoch.since(Epoch.from_iso("2021-04-28T21:00:00Z")))))
    file.table.pos_ecef_m[3, hour - 8 : hour + 9] = np.nan
    file.table.vel_ecef_mps[3, hour - 8 : hour + 9] = np.nan
    monkeypatch.setattr(constellation, "read_satellites", lambda path, stamp: file)
    inside = {"start": "2021-04-28T20:58:00Z", "duration_s": 240.0}
    assert file.names[3] not in load({"file": GNSS, "max_age_days": 3.1}, inside, SP3).names
    outside = {"start": "2021-04-28T22:30:00Z", "duration_s": 240.0}
    assert file.names[3] in load({"file": GNSS, "max_age_days": 3.1}, outside, SP3).names


def test_the_same_satellites_are_made_once_and_again_when_the_file_changes(tmp_path):
    path = tmp_path / "some.tle"
    shutil.copy(TLE / "orbcomm.tle", path)
    first = load({"file": "some.tle"}, {"start": NOON}, tmp_path)
    assert load({"file": "some.tle"}, {"start": NOON}, tmp_path) is first
    assert load({"file": "some.tle"}, {"start": NOON, "duration_s": 1.0}, tmp_path) is not first
    path.write_text("\n".join(path.read_text().splitlines()[:6]) + "\n")
    assert len(load({"file": "some.tle"}, {"start": NOON}, tmp_path).names) == 2


def test_planned_satellites_are_kept_by_name():
    names = IRIDIUM.names()
    found = load({"preset": "iridium", "satellites": [names[40].lower(), names[3]]})
    assert found.names == (names[40], names[3])
    whole = load({"preset": "iridium"}).ephemeris
    np.testing.assert_array_equal(
        found.ephemeris.state(0, 0.0).pos_ecef_m, whole.state(40, 0.0).pos_ecef_m
    )


def test_two_names_of_one_satellite_are_refused():
    raw = {"file": "iridium.tle", "satellites": ["IRIDIUM 106", "41917"]}
    with pytest.raises(LeopntError, match="'IRIDIUM 106' and '41917' are the same object"):
        load(raw, {"start": NOON})
