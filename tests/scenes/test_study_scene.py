"""Whole scenes: pseudoranges, masks, widths, and settings that do not fit together."""

from pathlib import Path

import jax
import numpy as np
import pytest
from study_oracles import circular_position, geodetic, seen, walker_angles

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.observables.pseudorange import pseudorange
from leopnt.orbits.sgp4 import AnyAge, propagate
from leopnt.scenes.satellite_file import read_satellite_file
from leopnt.scenes.study_scene import build_scene
from leopnt.scenes.study_settings import SceneSettings

TLE = Path(__file__).parents[2] / "examples" / "data" / "tle_2025"
WALKER = {
    "pattern": "delta", "satellites": 240, "planes": 12, "phasing": 5, "inclination_deg": 60,
    "altitude_km": 1100,
}  # fmt: skip
PLANNED = {
    "constellation": {"walker": WALKER},
    "time": {"duration_s": 125.0, "step_s": 60.0},
    "users": {
        "places": [
            {"name": "A", "latitude_deg": 50.0, "longitude_deg": 8.0, "height_m": 200.0},
            {"name": "B", "latitude_deg": -70.0, "longitude_deg": 180.0},
        ]
    },
    "signal": {"carrier_hz": 2.4e9},
}


def build(raw, folder=TLE, **tables):
    return build_scene(SceneSettings.model_validate({**raw, **tables}), folder)


@pytest.fixture(scope="module")
def scene():
    return build(PLANNED)


def orbits(t_s):
    node, latitude = walker_angles(240, 12, 5)
    return circular_position(6378137.0 + 1100e3, np.radians(60), node, latitude, t_s)


def test_cases_are_users_times_epochs_users_outermost(scene):
    assert scene.num_cases == 6
    assert scene.users == ("A", "B")
    assert scene.user_index.tolist() == [0, 0, 0, 1, 1, 1]
    assert scene.case_time_s.tolist() == [0, 60, 120, 0, 60, 120]
    assert scene.latitude_deg.tolist() == [50, 50, 50, -70, -70, -70]
    assert scene.height_m.tolist() == [200, 200, 200, 0, 0, 0]
    assert len(scene.satellites) == 240
    assert scene.carrier_hz == 2.4e9
    assert scene.mask_rad == pytest.approx(np.radians(10))
    assert not scene.rx_vel_ecef_mps.any()


def test_pseudoranges_of_a_scene_are_distances_in_axes_that_do_not_turn(scene, evidence):
    ranges = jax.vmap(jax.vmap(pseudorange, (0, None, None, None)), (0, 0, None, None))
    ours = np.asarray(ranges(scene.sat_pos_ecef_m, scene.rx_pos_ecef_m, 30.0, 10.0))
    worst_m, num_seen = 0.0, 0
    places = [(50.0, 8.0, 200.0)] * 3 + [(-70.0, 180.0, 0.0)] * 3
    for case, (place, t_s) in enumerate(zip(places, scene.case_time_s, strict=True)):
        _, el, range_m, _ = seen(orbits, *geodetic(*place), t_s)
        assert scene.num_visible[case] == np.sum(el >= np.radians(10))
        sats = scene.sat_index[case][scene.visible[case]]
        off_m = ours[case][scene.visible[case]] - (range_m[sats] + 20.0)
        worst_m, num_seen = max(worst_m, np.abs(off_m).max()), num_seen + len(sats)
    assert num_seen > 40
    evidence(
        "scenes.study_scene",
        "pseudoranges of a Walker shell over two places",
        "circular orbits, light time by iteration in inertial axes",
        "closed form",
        achieved=worst_m,
        tolerance=1e-4,  # interpolation of the ephemeris: 10 um
        unit="m",
    )


def test_satellites_of_a_catalog_are_those_that_sgp4_puts_above_the_mask(evidence):
    start = "2025-12-28T12:00:00Z"
    raw = {
        "constellation": {"file": "oneweb.tle"},
        "time": {"start": start, "duration_s": 600.0, "step_s": 300.0},
        "users": {"cities": ["Tromsoe", "Nairobi"]},
        "antenna": {"mask_deg": 15.0},
    }
    scene = build(raw)
    file = read_satellite_file(TLE / "oneweb.tle")
    rows = np.array([file.names.index(name) for name in scene.satellites])
    # Flights take 4 to 10 ms: 75 m of orbit at most, 7 microradians of the taken mean.
    epoch = Epoch.from_iso(start) + (scene.time_s - 0.007)
    there = propagate(file.elements[rows], epoch, age_gate=AnyAge()).state.pos_ecef_m
    wrong = 0
    for case in range(scene.num_cases):
        ray = there[:, case % 3] - scene.rx_pos_ecef_m[case]
        up = ray @ scene.enu_axes[case, 2] / np.linalg.norm(ray, axis=1)
        margin = np.arcsin(up) - np.radians(15.0)
        assert np.min(np.abs(margin)) > 5e-5  # none where the approximation matters
        wrong += set(scene.sat_index[case][scene.visible[case]]) != set(np.flatnonzero(margin > 0))
    assert scene.num_visible.min() > 3
    evidence(
        "scenes.study_scene",
        "cases whose OneWeb satellites differ from those above the mask",
        "SGP4 without an ephemeris, NumPy",
        "real data",
        achieved=wrong,
        tolerance=0,
    )


def test_the_last_of_steps_that_round_up_sees_satellites_too():
    raw = {
        "constellation": {"file": "oneweb.tle"},
        "time": {"start": "2025-12-28T12:00:00Z", "duration_s": 0.3, "step_s": 0.1},
        "users": {"cities": ["Tromsoe"]},
    }
    scene = build(raw)
    assert scene.time_s.tolist() == [0.0, 0.1, 0.2, 0.3]
    assert scene.num_visible.min() > 3
    assert len({tuple(sorted(row)) for row in scene.sat_index.tolist()}) == 1


def test_an_orbit_table_is_used_up_to_its_last_record():
    folder = TLE.parent / "sp3"
    raw = {
        "constellation": {"file": "COD0MGXFIN_20211180000_01D_05M_ORB.SP3"},
        "time": {"start": "2021-04-28T23:49:42Z", "duration_s": 600.0, "step_s": 300.0},
        "users": {"cities": ["Paris"]},
    }
    scene = build(raw, folder)
    assert scene.num_visible.min() > 20


def test_a_moving_user_sees_satellites_from_where_it_is():
    corners = [
        {"time_s": 0, "latitude_deg": 80, "longitude_deg": 0, "height_m": 10e3},
        {"time_s": 120, "latitude_deg": 80, "longitude_deg": 180, "height_m": 10e3},
    ]
    scene = build(PLANNED, users={"track": {"waypoints": corners}})
    over_the_pole = scene.rx_pos_ecef_m[1]
    assert np.hypot(*over_the_pole[:2]) < 1e-3
    assert scene.latitude_deg[1] == pytest.approx(90.0)
    assert np.linalg.norm(scene.rx_vel_ecef_mps[1]) == pytest.approx(
        (6399593.6 + 10e3) * np.radians(20) / 120, rel=1e-7
    )
    _, el, _, _ = seen(orbits, over_the_pole, scene.enu_axes[1], 60.0)
    assert set(scene.sat_index[1][scene.visible[1]]) == set(np.flatnonzero(el >= scene.mask_rad))


def assert_same(one, other):
    for name in ("visible", "sat_index", "sat_pos_ecef_m", "sat_vel_ecef_mps", "az_rad", "el_rad"):
        a, b = getattr(one, name), getattr(other, name)
        used = one.visible if a.ndim == 2 else one.visible[..., None]
        np.testing.assert_array_equal(np.where(used, a, 0), np.where(used, b, 0))


def test_a_higher_mask_needs_no_new_search(scene):
    rebuilt = build(PLANNED, antenna={"mask_deg": 35.0})
    assert rebuilt.ephemeris is scene.ephemeris
    raised = scene.above(35.0)
    assert raised.visible.shape == rebuilt.visible.shape
    assert raised.visible.shape[1] < scene.visible.shape[1]
    assert_same(raised, rebuilt)
    assert raised.mask_rad == rebuilt.mask_rad
    assert_same(scene.above(10.0), scene)


@pytest.mark.parametrize("mask_deg", [9.0, 90.0, float("nan")])
def test_a_mask_that_was_not_searched_is_refused(scene, mask_deg):
    with pytest.raises(LeopntError) as caught:
        scene.above(mask_deg)
    assert str(caught.value) == (
        f"mask_deg = {mask_deg!r}: expected 10, the mask that the scene was built with, to below "
        "90."
    )


def test_the_satellite_axis_can_be_made_wider_but_not_too_narrow(scene):
    wide = scene.with_slots(40)
    assert wide.visible.shape == (6, 40)
    assert_same(wide.with_slots(scene.visible.shape[1]), scene)
    assert np.array_equal(wide.num_visible, scene.num_visible)
    assert np.all(np.isfinite(wide.sat_pos_ecef_m))
    most = scene.num_visible.max()
    assert scene.with_slots(int(most)).visible.shape == (6, most)
    with pytest.raises(LeopntError, match=rf"num_slots = 3: expected {most} or more, the most sat"):
        scene.with_slots(3)


def test_a_scene_without_satellites_in_view_has_four_empty_slots():
    pole = {"name": "N", "latitude_deg": 90.0, "longitude_deg": 0.0}
    low = {**WALKER, "inclination_deg": 20}
    scene = build(PLANNED, constellation={"walker": low}, users={"places": [pole]})
    assert scene.visible.shape == (3, 4)
    assert not scene.visible.any()
    assert scene.above(60.0).visible.shape == (3, 4)


def test_problems_of_the_settings_come_in_one_message():
    with pytest.raises(LeopntError) as caught:
        build(PLANNED, users={"cities": ["Pariss"]}, constellation={"file": "none.tle"})
    message = str(caught.value)
    assert message.startswith("scene: 3 mistakes.\n")
    assert "no city 'Pariss'" in message
    assert "none.tle: no such file." in message
    assert "[time] start: missing" in message


def test_settings_that_say_none_are_those_that_say_nothing():
    raw = {"preset": "gps", "file": None, "walker": None, "satellites": None}
    users = {"cities": ["Quito"], "grid": None}
    assert build({"constellation": raw, "users": users}).num_cases == 1
