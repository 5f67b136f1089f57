"""Map files: every mistake at once, and what a right one loads."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.coverage import DOP_QUANTITIES, QUANTITIES, SPHERE, Limit, grid
from leopnt.methods.coverage.from_scene import chunks_of, epochs_at_once, grid_of
from leopnt.orbits import kepler
from leopnt.orbits.constellations import IRIDIUM
from leopnt.scenes import map_settings
from leopnt.scenes.fix_settings import load_fix_file
from leopnt.scenes.map_scene import load_map
from leopnt.scenes.map_settings import MapSettings, map_problems
from leopnt.scenes.settings import SettingsTable
from leopnt.studies import load_study
from leopnt.studies.calibration_settings import load_calibration

WALKER = """
[constellation.walker]
pattern = "delta"
satellites = 60
planes = 6
phasing = 1
inclination_deg = 60
altitude_km = 1500
"""


def scene_of(tmp_path, text):
    path = tmp_path / "some_map.toml"
    path.write_text(text)
    return load_map(path)


def mistakes(tmp_path, text):
    with pytest.raises(LeopntError) as caught:
        scene_of(tmp_path, text)
    return str(caught.value)


def test_a_file_with_many_mistakes_names_them_all_at_once(tmp_path, evidence):
    message = mistakes(
        tmp_path,
        """
colour = "red"
[constellation]
preset = "gps"
file = "nowhere.tle"
[time]
step_s = -1
[antenna]
mask_deg = 95
[map]
step_deg = 0
figure = "flat"
quantity = "pdob"
latitude_deg = [10, -10]
[user]
clock = "maybe"
""",
    )
    expected = (
        "colour: unknown key",
        "[constellation] file and preset: give one of them",
        "[time] start: missing",
        "[constellation] file: ",
        "[time] step_s = -1: expected seconds between epochs",
        "[antenna] mask_deg = 95",
        "[map] step_deg = 0: expected the side of a cell",
        "[map] figure = 'flat': expected 'ellipsoid'",
        "[map] quantity = 'pdob': expected one of",
        "[user] clock = 'maybe': expected 'unknown'",
        "[user]: goes with [measurements]",
    )
    evidence(
        "scenes.map_settings",
        "mistakes of a map file that are not named",
        "11 mistakes put in",
        "own",
        achieved=sum(one not in message for one in expected),
        tolerance=0,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[map]\nlatitude_deg = [10, -10]\n", r"latitude_deg = .* expected \[south, north\]"),
        ("[map]\nlatitude_deg = [47, 47]\n", r"\[47.0, 47.0\]: .* 90, south less than north\."),
        ("[map]\nlongitude_deg = [12, 5]\n", r"west less than east, .* 180 degrees \[170, 190\]"),
        ("[map]\nlimit = 4.5\nquantity = 'num_visible'\n", "limit = 4.5: .* a whole number"),
        ("[time]\nduration_s = 50\n", "step_s = 60: longer than duration_s = 50; expected at most"),
        ("[map]\nlongitude_deg = [-200, 200]\n", r"longitude_deg = .* at most 360 apart"),
        ("[map]\nquantity = 'clock_s'\n", r"'clock_s': needs \[measurements\]"),
        ("[measurements]\nephemeris_m = 1\n", r"\[measurements\]: expected one or more of pseudo"),
        (
            "[map]\nquantity = 'clock_s'\n[measurements]\ndoppler_hz = 1\n",
            "cannot be told without pseudorange_m or carrier_phase_m",
        ),
        (
            "[map]\nquantity = 'drift'\n[measurements]\npseudorange_m = 1\n",
            "cannot be told without doppler_hz",
        ),
        (
            "[map]\nquantity = 'velocity_mps'\n[measurements]\ndoppler_hz = 1\n",
            r"\[user\] velocity is 'known'; nothing to show",
        ),
        (
            "[measurements]\npseudorange_m = 1\n[user]\nposition = 'known'\nclock = 'known'\n",
            "all that these measurements depend on is 'known'",
        ),
        (
            "[measurements]\npseudorange_m = 1\ncarrier_difference_m = 0.1\n",
            "give both or neither",
        ),
        (
            "[time]\nduration_s = 86400\nstep_s = 1\n[map]\nstep_deg = 0.5\n",
            "expected at most 200000000. Take larger steps",
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_said(text, message, tmp_path):
    with pytest.raises(LeopntError, match=message):
        scene_of(tmp_path, WALKER + text)


def test_a_region_across_180_degrees_is_written_in_two_ways(tmp_path):
    first, second = (
        grid_of(scene_of(tmp_path, f"{WALKER}[map]\nlongitude_deg = {one}\n"))
        for one in ("[170, -170]", "[170, 190]")
    )
    np.testing.assert_array_equal(first.longitude_rad, second.longitude_rad)
    np.testing.assert_allclose(np.degrees(first.longitude_rad), [172.5, 177.5, 182.5, 187.5])
    np.testing.assert_array_equal(first.pos_ecef_m, second.pos_ecef_m)


def test_a_right_file_becomes_orbits_a_grid_and_chunks(tmp_path, evidence):
    scene = scene_of(
        tmp_path,
        """
[constellation]
preset = "iridium"
satellites = ["iridium 2-03", "IRIDIUM 1-01"]
[time]
duration_s = 6000
step_s = 50
[map]
figure = "sphere"
step_deg = 10
limit = 0.5
quantity = "clock_s"
[measurements]
pseudorange_m = 4
doppler_hz = 2
ephemeris_m = 3
[user]
clock = 1e-6
velocity = "unknown"
""",
    )
    assert scene.title == "some map"
    names = IRIDIUM.names()
    row = names.index(scene.satellites[0])
    elements = jax.tree.map(lambda column: column[row], IRIDIUM.elements())
    state = kepler.ecef_state(elements, jnp.asarray(500.0), jnp.asarray(0.0))
    makers = chunks_of(scene)
    assert len(scene.time_s) == 121
    assert len(makers) == -(-121 // epochs_at_once(scene))
    chunk = makers[0]()
    evidence(
        "scenes.map_scene",
        "position of a chosen satellite of a preset",
        "orbits.kepler",
        "own",
        achieved=np.max(np.abs(chunk.sat_pos_ecef_m[10, 0] - np.asarray(state.pos_ecef_m))),
        tolerance=1e-6,
        unit="m",
    )
    evidence(
        "methods.coverage.from_scene",
        "information of a range, 4 m with an ephemeris of 3 m, relative",
        "1/25 per square metre",
        "closed form",
        achieved=abs(25.0 * chunk.weights.range_per_m2[0] - 1.0),
        tolerance=1e-14,
    )
    assert grid_of(scene).figure == SPHERE
    assert chunk.quantities == QUANTITIES
    assert chunk.limit == Limit("clock_s", 0.5)
    assert chunk.unknowns.free == tuple(range(8))
    assert np.isclose(chunk.unknowns.prior[3], 299.792458**-2)


def test_without_measurements_a_map_is_about_dop(tmp_path):
    scene = scene_of(tmp_path, WALKER)
    chunk = chunks_of(scene)[0]()
    assert scene.settings.quantity == "pdop"
    assert chunk.quantities == DOP_QUANTITIES
    assert chunk.limit == Limit("pdop", np.inf)  # wherever it is known


def test_satellites_of_a_file_are_read_once_and_change_the_fingerprint(tmp_path):
    elements = "examples/data/tle_2025/gps.tle"
    text = """
[constellation]
file = "gps.tle"
max_age_days = 20
[time]
start = "2025-12-28T12:00:00Z"
duration_s = 600
"""
    lines = (Path(__file__).parents[2] / elements).read_text().splitlines(keepends=True)
    (tmp_path / "gps.tle").write_text("".join(lines[:9]))
    first = scene_of(tmp_path, text)
    (tmp_path / "gps.tle").write_text("".join(lines[:12]))
    second = scene_of(tmp_path, text)
    assert (len(first.satellites), len(second.satellites)) == (3, 4)
    assert first.fingerprint != second.fingerprint
    assert np.all(np.isfinite(first.orbits.states(first.time_s)[0]))


@pytest.mark.parametrize(
    ("quantity", "measured", "part"),
    [
        ("position_m", "pseudorange_m = 1", "position"),
        ("horizontal_m", "doppler_hz = 1", "position"),
        ("vertical_m", "pseudorange_m = 1", "position"),
        ("clock_s", "pseudorange_m = 1", "clock"),
        ("drift", "doppler_hz = 1", "drift"),
    ],
)
def test_a_map_of_what_is_known_is_refused(quantity, measured, part, tmp_path):
    message = mistakes(
        tmp_path,
        f"{WALKER}[map]\nquantity = '{quantity}'\n[measurements]\n{measured}\n"
        f"[user]\n{part} = 'known'\n",
    )
    assert message.endswith(
        f"[map] quantity = '{quantity}': [user] {part} is 'known'; nothing to show."
    )


def test_a_map_without_a_quantity_and_with_a_known_position_says_what_it_would_show(tmp_path):
    text = f"{WALKER}[measurements]\npseudorange_m = 1\n[user]\nposition = 'known'\n"
    assert "[map] quantity, 'position_m' where none is given: [user] position" in mistakes(
        tmp_path, text
    )


@pytest.mark.parametrize("names", ['["GPS A1", "gps a1"]', '["gps d2", "GPS A1", "GPS D2"]'])
def test_two_names_of_one_planned_satellite_are_refused(names, tmp_path):
    message = mistakes(tmp_path, f"[constellation]\npreset = 'gps'\nsatellites = {names}\n")
    assert "are the same object." in message
    assert "mistakes" not in message


def test_a_step_with_too_many_cells_is_told_in_degrees(tmp_path, evidence):
    assert map_settings.MAX_CELLS == grid.MAX_CELLS
    message = mistakes(tmp_path, f"{WALKER}[map]\nstep_deg = 0.1\n")
    assert "some_map.toml: [map] step_deg = 0.1: 6480000 cells in this region; expected" in message
    assert "at most 5000000: 0.114 degrees or more, or a smaller region." in message
    some = [(0.114, 90, 180), (5.0, 90, 180), (7.0, 90, 180), (0.1, 1, 0.25), (60.0, 10, 10)]
    tables = [
        map_settings.MapTable(step_deg=step, latitude_deg=[-s, s], longitude_deg=[-e, e])
        for step, s, e in some
    ]
    counts = [
        grid.equal_angle_grid(
            np.radians(one.step_deg),
            latitude_rad=tuple(np.radians(one.latitude_deg).tolist()),
            longitude_rad=tuple(np.radians(one.longitude_deg).tolist()),
        ).num_cells
        for one in tables
    ]
    evidence(
        "scenes.map_settings",
        "cells that a file is said to have",
        "those of its grid",
        "own",
        achieved=max(
            abs(map_settings.num_cells(t) - n) for t, n in zip(tables, counts, strict=True)
        ),
        tolerance=0,
    )


def test_mistakes_are_told_once_and_do_not_hide_others(tmp_path):
    message = mistakes(
        tmp_path,
        f"{WALKER}[map]\nstep_deg = 'wide'\nlatitude_deg = [10, -10]\n[measurements]\n"
        "pseudorange_m = 1\n[user]\nposition = 'knwon'\n",
    )
    assert "3 mistakes" in message
    assert "[map] step_deg = 'wide': expected the side of a cell" in message
    assert "[map] latitude_deg = [10.0, -10.0]: expected [south, north]" in message
    assert message.count("'knwon'") == 1
    assert "Did you mean 'known'" in message


def keys_of(model):
    """Names of all keys of a table and of the tables in it."""
    for name, field in model.model_fields.items():
        yield name
        for one in (field.annotation, *get_args(field.annotation)):
            if isinstance(one, type) and issubclass(one, SettingsTable):
                yield from keys_of(one)


def test_the_template_names_every_key_and_is_right_with_all_of_them(tmp_path):
    text = (files("leopnt.studies") / "templates" / "map.toml").read_text(encoding="utf-8")
    assert scene_of(tmp_path, text).settings.quantity == "pdop"
    head, rest = text.split("[constellation]")
    shown = head + "[constellation]" + re.sub(r"^# ?", "", rest, flags=re.MULTILINE)
    raw = tomllib.loads(shown)
    found = [*raw, *(name for table in raw.values() if isinstance(table, dict) for name in table)]
    assert set(keys_of(MapSettings)) == {*found, *raw["constellation"]["walker"]}
    for name in ("file", "max_age_days", "walker", "satellites"):
        raw["constellation"].pop(name)
    del raw["constellation"]["preset"], raw["time"]["start"]
    raw["constellation"]["walker"] = tomllib.loads(WALKER)["constellation"]["walker"]
    assert not list(map_problems(raw, tmp_path))


def test_a_file_for_another_command_is_named(tmp_path):
    texts = {
        "map": f"{WALKER}[map]\nstep_deg = 10\n",
        "calibrate": "[simulation]\nsatellites = 4\n[estimate]\n",
        "run": "[study]\nmethod = 'pvt'\n[time]\nstep_s = 60\n",
        "fix": "[measurement]\ntype = 'doppler'\n[estimate]\n",
    }
    loaders = {
        "map": load_map, "calibrate": load_calibration, "run": load_study, "fix": load_fix_file
    }  # fmt: skip
    path = tmp_path / "some.toml"
    for written, text in texts.items():
        path.write_text(text)
        for command, load in loaders.items():
            if command != written:
                with pytest.raises(LeopntError) as caught:
                    load(path)
                assert f"this is a file for leopnt {written}, as its table [" in str(caught.value)
                assert str(caught.value).endswith(f"with: leopnt {written} {path}")
    path.write_text("[study]\nmethod = 'pvt'\n[map]\nstep_deg = 10\n")
    with pytest.raises(LeopntError, match=r"constellation: missing") as caught:
        load_map(path)  # tables of two commands do not tell
