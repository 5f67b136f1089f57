"""Mistakes that no single field has: alternatives, files, orders, counts."""

import copy
import shutil
from pathlib import Path

import pytest

from leopnt.scenes.study_checks import scene_problems

TLE = Path(__file__).parents[2] / "examples" / "data" / "tle_2025"
SP3 = Path(__file__).parents[2] / "examples" / "data" / "sp3"
WALKER = {
    "pattern": "delta", "satellites": 6, "planes": 3, "inclination_deg": 50, "altitude_km": 600,
}  # fmt: skip
GOOD = {
    "constellation": {"file": "iridium.tle", "satellites": ["IRIDIUM 106"]},
    "time": {"start": "2025-12-28T12:00:00Z", "duration_s": 600, "step_s": 60},
    "users": {"cities": ["Quito"]},
}


def problems(folder=TLE, **tables):
    return list(scene_problems({**copy.deepcopy(GOOD), **tables}, folder))


def test_good_settings_have_no_problems():
    assert problems() == []
    assert problems(constellation={"walker": WALKER, "satellites": ["walker 1-1"]}) == []


def constellation(**keys):
    return {"constellation": keys}


def users(**keys):
    return {"users": keys}


def at(time_s, latitude_deg=0.0, longitude_deg=0.0):
    return {"time_s": time_s, "latitude_deg": latitude_deg, "longitude_deg": longitude_deg}


def grid(latitude_deg, longitude_deg):
    return users(grid={"latitude_deg": latitude_deg, "longitude_deg": longitude_deg})


def place(name):
    return {"name": name, "latitude_deg": 0, "longitude_deg": 0}


NO_START = {"time": {"duration_s": 60.0}}


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        (constellation(), "[constellation]: expected one of file, preset, walker."),
        (constellation(preset="gps", file="iridium.tle"),
         "[constellation] file and preset: give one of them."),
        (constellation(preset="gps", walker=WALKER, file="iridium.tle"),
         "[constellation] file and preset and walker: give one of them."),
        (constellation(preset="gps", max_age_days=1.0),
         "[constellation] max_age_days: goes with file, which is not given."),
        (constellation(walker={**WALKER, "planes": 4}),
         "[constellation.walker] satellites = 6: expected a multiple of the 4 planes."),
        (constellation(walker={**WALKER, "node_spread_deg": 180}),
         "[constellation.walker] node_spread_deg: goes with pattern 'star'; the planes of 'delta'"),
        (constellation(file="iridum.tle"), "iridum.tle: no such file. Did you mean 'iridium.tle'?"),
        (constellation(file="."), "is a folder; expected a file."),
        (constellation(file="README.md"), "[constellation] file: "),
        (constellation(file="README.md"), "README.md: is no TLE, OMM or SP3 file: it begins with"),
        (constellation(file="iridium.tle", satellites=["IRIDIUM 1O6"]),
         "[constellation] satellites: satellite 'IRIDIUM 1O6' is not in "),
        (constellation(file="iridium.tle", satellites=["IRIDIUN 106"]),
         "Did you mean 'IRIDIUM 106'? It holds IRIDIUM 106, "),
        (constellation(file="iridium.tle", satellites=["IRIDIUM 106", "IRIDIUM 106"]),
         "[constellation] satellites: 'IRIDIUM 106' is there twice."),
        (constellation(file="iridium.tle", satellites=["IRIDIUM 106", "41917"]),
         "[constellation] satellites: satellites 'IRIDIUM 106' and '41917' are the same object."),
        (constellation(preset="gps", satellites=["GPS A1", "GPS A9"]),
         "[constellation] satellites: satellite 'GPS A9' is not in gps. Did you mean 'GPS A"),
        (constellation(walker=WALKER, satellites=["WALKER 9-1"]),
         "[constellation] satellites: satellite 'WALKER 9-1' is not in the Walker pattern."),
        (NO_START, "[time] start: missing; with a [constellation] file the date must be known."),
        ({"time": {"start": "2025-12-32"}}, "[time] start: "),
        ({"time": {"start": "noon"}}, "[time] start: "),
        ({"time": {"start": "2026-01-28T12:00:00Z", "duration_s": 600.0}},
         "iridium.tle: no satellite has elements within 3.5 days of all of 2026-01-28T12:00:00Z "
         "to 2026-01-28T12:10:00Z; the file is of 2025-12-2"),
        ({"time": {"start": "2025-12-20T12:00:00Z"}}, " days later. Choose a start near that date"),
        ({"time": {"start": "2025-12-28T12:00:00Z", "duration_s": 1e6, "step_s": 1.0}},
         "[time] step_s: 1e+06 s in steps of 1 s are 1000001 epochs; expected at most 200000."),
        ({"time": {"duration_s": 2e6, "step_s": 1e-300}}, "expected at most 200000."),
        (users(), "[users]: expected one of places, cities, grid, random, track."),
        (users(cities=["Quito"], random={"count": 3}),
         "[users] cities and random: give one of them."),
        (users(cities=["Quito", "Pariss"]), "[users] cities[1]: no city 'Pariss'. Did you mean "),
        (users(cities=["Quito", "Quito"]), "[users] cities: 'Quito' is there twice."),
        (users(places=[place("A"), place("A")]), "[users] places: 'A' is there twice."),
        (grid([10, 0, 1], [0, 1, 1]), "[users.grid] latitude_deg = [10.0, 0.0, 1.0]: expected "
         "[from, to, step], -90 <= from <= to <= 90."),
        (grid([-100, 0, 1], [0, 1, 1]), "-90 <= from <= to <= 90."),
        (grid([0, 1, 1], [0, 361, 1]), "-180 <= from <= to <= 360."),
        (grid([0, 1, 0], [0, 1, 1]), "latitude_deg = [0.0, 1.0, 0.0]: expected [from, to, step], "
         "the step above 0."),
        (grid([0, 1, 1], [0, 1, -1]), "longitude_deg = [0.0, 1.0, -1.0]: expected [from, to, ste"),
        (grid([-90, 90, 0.1], [-180, 180, 0.1]),
         "[users.grid]: 1801 latitudes times 3601 longitudes are more than 1000000 places; take"),
        (grid([-90, 90, 1e-300], [-180, 180, 1]), "are more than 1000000 places; take larger st"),
        (users(random={"count": 3, "latitude_deg": [10, 0]}),
         "[users.random] latitude_deg = [10.0, 0.0]: expected [from, to], from south to north."),
        (users(track={"waypoints": [at(0), at(600), at(600)]}),
         "[users.track] waypoints[2].time_s = 600.0: expected more than 600.0, the time of the w"),
        (users(track={"waypoints": [at(0), at(500)]}),
         "[users.track] waypoints: go from time_s = 0 to 500; expected all epochs, 0 to 600 s."),
        (users(track={"waypoints": [at(1), at(900)]}), "go from time_s = 1 to 900; expected all "),
        (users(track={"waypoints": [at(0, 10, 20), at(900, -10, -160)]}),
         "[users.track] waypoints[1]: lies on the other side of the Earth from the one before"),
        (users(random={"count": 100_000}), "[users] and [time]: 100000 users at 11 epochs are "
         "1100000 cases; expected at most 1000000."),
    ],
)  # fmt: skip
def test_a_mistake_across_fields_gets_its_sentence(tables, sentence):
    found = problems(**tables)
    assert any(sentence in one for one in found), found


def test_a_name_given_twice_is_one_mistake():
    raw = {"file": "iridium.tle", "satellites": ["IRIDIUM 106", "IRIDIUM 106", "IRIDIUM 999"]}
    assert len(problems(constellation=raw)) == 2
    assert len(problems(constellation={**raw, "satellites": raw["satellites"][:2]})) == 1


def test_an_orbit_table_that_does_not_reach_is_a_problem():
    raw = {"file": "COD0MGXFIN_20211180000_01D_05M_ORB.SP3"}
    (problem,) = problems(SP3, constellation=raw, time={"start": "2021-04-28T17:59:42Z"})
    assert ".SP3: the orbits span 2021-04-28T17:59:42Z to 2021-04-28T23:59:42Z; " in problem
    assert "reaches outside. Accepted: within, and 1 s or more after the beginning, beca" in problem
    late = {"start": "2021-04-28T23:00:00Z", "duration_s": 3600.0}
    assert len(problems(SP3, constellation=raw, time=late)) == 1
    assert not problems(SP3, constellation=raw, time={"start": "2021-04-28T17:59:43Z"})


def test_an_ambiguous_name_is_a_problem(tmp_path):
    text = (TLE / "iridium.tle").read_text().splitlines()[:6]
    text[3] = text[0]
    (tmp_path / "two.tle").write_text("\n".join(text) + "\n")
    raw = {"file": "two.tle", "satellites": ["IRIDIUM 106"]}
    (problem,) = problems(tmp_path, constellation=raw)
    assert "satellite 'IRIDIUM 106': 2 objects of " in problem
    assert "use catalogue numbers." in problem


def test_a_mended_file_is_read_again(tmp_path):
    (tmp_path / "iridium.tle").write_text("nothing\n")
    assert len(problems(tmp_path)) == 1
    shutil.copy(TLE / "iridium.tle", tmp_path / "iridium.tle")
    assert problems(tmp_path) == []


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"constellation": 3, "time": [], "users": "x"},
        {"constellation": {"file": 3, "satellites": "all"}, "users": {"cities": [1, {}]}},
        {"constellation": {"walker": {"satellites": "6", "planes": 0}}, "users": {"grid": []}},
        {"constellation": {"preset": "none"}, "users": {"places": ["x"], "track": {}}},
        {"constellation": {"file": "iridium.tle", "satellites": [4]}, "time": {"start": 4}},
        {"users": {"track": {"waypoints": [1, 2]}}, "antenna": 0},
    ],
)
def test_values_of_a_wrong_type_are_left_to_the_fields(raw):
    assert all(isinstance(one, str) for one in scene_problems(raw, TLE))


def test_all_planted_mistakes_are_found_at_once(evidence):
    raw = {
        "constellation": {"file": "iridum.tle", "preset": "gps"},
        "time": {"duration_s": 1e6, "step_s": 1.0},
        "users": {
            "cities": ["Pariss"],
            "grid": {"latitude_deg": [1, 0, 1], "longitude_deg": [0, 1, 0]},
        },
    }
    planted = [
        "file and preset: give one", "[time] start: missing", "iridum.tle: no such file",
        "[time] step_s: ", "cities and grid: give one", "no city 'Pariss'", "latitude_deg = [1.0",
        "longitude_deg = [0.0",
    ]  # fmt: skip
    found = list(scene_problems(raw, TLE))
    missed = [one for one in planted if not any(one in said for said in found)]
    evidence(
        "scenes.study_checks",
        "mistakes across fields that are not named, or named without a mistake",
        "eight mistakes planted by hand",
        "closed form",
        achieved=len(missed) + len(found) - len(planted),
        tolerance=0,
    )
