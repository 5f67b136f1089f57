"""Satellites over slots, against the orbits evaluated apart."""

import dataclasses
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from study_oracles import SPIN_RADPS, circular_position, geodetic, turn, walker_angles

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io.tle import read_tle
from leopnt.orbits import sgp4
from leopnt.orbits.sgp4 import AnyAge
from leopnt.scenes import SceneSettings, build_scene, nine_d_scene
from leopnt.scenes.nine_d_scene import EndedLinks, slot_links, slot_links_in_parts
from leopnt.scenes.satellite_choice import AllInView, Highest, Spread

TLE = Path(__file__).parents[2] / "examples" / "data" / "tle_2025" / "oneweb.tle"
SLOTS_S = np.array([0.0, 4.0, 8.0])
ALTITUDE_M, INCLINATION_DEG = 1.2e6, 87.9
WALKER = {
    "pattern": "delta",
    "satellites": 240,
    "planes": 12,
    "phasing": 1.0,
    "inclination_deg": INCLINATION_DEG,
    "altitude_km": ALTITUDE_M / 1e3,
}


def scene_of(constellation, *, cities=("Paris", "Quito"), mask_deg=15.0, beyond_s=8.0, **time):
    raw = {
        "constellation": constellation,
        "time": {"duration_s": 600.0, "step_s": 600.0, **time},
        "users": {"cities": list(cities)},
        "antenna": {"mask_deg": mask_deg},
    }
    return build_scene(SceneSettings.model_validate(raw), Path(), beyond_s=beyond_s)


@pytest.fixture(scope="module")
def walker():
    return scene_of({"walker": WALKER})


def walker_position(sat, t_s):
    """ECEF positions of satellites of `WALKER` by other formulas."""
    node, latitude = walker_angles(240, 12, 1.0)
    axis_m = 6378137.0 + ALTITUDE_M
    inclination = np.radians(INCLINATION_DEG)
    pos = circular_position(axis_m, inclination, node[sat], latitude[sat], t_s)
    return turn(pos, SPIN_RADPS * t_s)


def test_states_are_those_of_the_orbits_at_the_middle_of_each_slot(walker, evidence):
    links = slot_links(walker, SLOTS_S, Highest(4))
    worst_m = worst_mps = 0.0
    for case in range(walker.num_cases):
        for k, after_s in enumerate(SLOTS_S):
            t_s, sat = walker.case_time_s[case] + after_s, links.sat_index[case]
            place = walker_position(sat, t_s)
            speed = (walker_position(sat, t_s + 0.05) - walker_position(sat, t_s - 0.05)) / 0.1
            worst_m = max(worst_m, np.abs(links.sat_pos_ecef_m[case, :, k] - place).max())
            worst_mps = max(worst_mps, np.abs(links.sat_vel_ecef_mps[case, :, k] - speed).max())
    for quantity, achieved, tolerance, unit in (
        ("satellite position at the middle of a slot", worst_m, 1e-3, "m"),
        ("satellite velocity at the middle of a slot", worst_mps, 0.1, "m/s"),  # osculating J2
    ):
        evidence(
            "scenes.nine_d_scene",
            quantity,
            "circular orbits in plain NumPy",
            "implementation",
            achieved=achieved,
            tolerance=tolerance,
            unit=unit,
        )


def test_states_of_element_sets_are_those_of_the_propagator(evidence):
    start = "2025-12-28T18:00:00Z"
    scene = scene_of({"file": str(TLE)}, start=start)
    links = slot_links(scene, SLOTS_S, Spread(4))
    elements = read_tle(TLE)
    case, sat, slot = 3, 2, 2
    name = scene.satellites[links.sat_index[case, sat]]
    row = list(elements.name).index(name)
    at = Epoch.from_iso(start) + (scene.case_time_s[[case]] + SLOTS_S[slot])
    direct = sgp4.propagate(elements[np.array([row])], at, age_gate=AnyAge()).state
    evidence(
        "scenes.nine_d_scene",
        "position of a OneWeb satellite at the middle of a slot",
        "SGP4 at that time",
        "own",
        achieved=np.abs(links.sat_pos_ecef_m[case, sat, slot] - direct.pos_ecef_m.ravel()).max(),
        tolerance=1e-4,
        unit="m",
    )


def test_elevation_and_range_are_those_from_the_moving_receiver(walker):
    velocity = np.tile([30.0, -40.0, 20.0], (walker.num_cases, 1))
    links = slot_links(walker, SLOTS_S, Highest(3), velocity)
    _, axes = geodetic(48.86, 2.35, 80.0)
    for k, after_s in enumerate(SLOTS_S):
        here = walker.rx_pos_ecef_m[0] + after_s * velocity[0]
        offset = links.sat_pos_ecef_m[0, :, k] - here
        np.testing.assert_allclose(links.range_m[0, :, k], np.linalg.norm(offset, axis=1))
        sine = offset @ axes[2] / np.linalg.norm(offset, axis=1)
        np.testing.assert_allclose(links.el_rad[0, :, k], np.arcsin(sine), atol=1e-12)


def test_satellites_below_the_mask_in_a_later_slot_are_blocked_there():
    scene = scene_of({"walker": WALKER}, beyond_s=240.0)
    links = slot_links(scene, np.array([0.0, 120.0, 240.0]), AllInView())
    assert links.link_up[:, :, 0].sum() == links.used.sum() == scene.num_visible.sum()
    lost = links.used[:, :, None] & ~links.link_up
    assert lost[:, :, 1:].any()
    assert np.all(links.el_rad[lost] < scene.mask_rad)
    assert np.all(links.el_rad[links.link_up] > scene.mask_rad - 1e-4)
    ended = links.ended()
    assert (ended.links, ended.below_mask) == (3 * links.used.sum(), lost.sum())
    assert "sinks below the mask" in ended.sentences()[0]


def test_links_below_the_horizon_are_named():
    scene = scene_of({"walker": WALKER}, mask_deg=1.0, beyond_s=240.0)
    links = slot_links(scene, np.array([0.0, 120.0, 240.0]), AllInView())
    below = int(np.sum(links.used[:, :, None] & (links.el_rad < 0.0)))
    assert below
    assert links.ended().below_horizon == below
    (sentence,) = links.ended().sentences()
    assert "sinks below the mask, or even below the horizon in a later slot" in sentence


def test_parts_are_the_whole(walker, monkeypatch):
    whole = slot_links(walker, SLOTS_S, Spread(3))
    monkeypatch.setattr(nine_d_scene, "_PART", 20)
    parts = list(slot_links_in_parts(walker, SLOTS_S, Spread(3)))
    assert len(parts) == 2
    for name in whole._fields:
        joined = np.concatenate([getattr(part, name) for _, part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))
    assert sum((part.ended() for _, part in parts), EndedLinks(0, 0, 0)) == whole.ended()


def test_a_case_without_satellites_has_harmless_ones_that_are_not_used():
    scene = scene_of({"preset": "gps"}, cities=("Paris",), mask_deg=89.0)
    links = slot_links(scene, SLOTS_S, Highest(3))
    assert not links.used.any()
    assert not links.link_up.any()
    assert links.num_used.tolist() == [0, 0]
    np.testing.assert_allclose(links.range_m, 1e6)
    distance = np.linalg.norm(links.sat_pos_ecef_m - scene.rx_pos_ecef_m[:, None, None], axis=-1)
    np.testing.assert_allclose(distance, 1e6)
    assert links.ended().sentences() == ()


def test_slots_beyond_the_ephemeris_are_refused():
    scene = scene_of({"walker": WALKER}, beyond_s=0.0)
    with pytest.raises(LeopntError, match=r"the last slot is at 608 s.*beyond_s = 8"):
        slot_links(scene, SLOTS_S)


def test_states_that_fit_in_no_memory_are_refused(walker):
    with pytest.raises(LeopntError, match="more than 2e\\+07 states"):
        slot_links(walker, np.linspace(0.0, 8.0, 3_000_000))


def test_slots_stay_over_the_ground_wherever_it_has_turned_to(walker, evidence):
    """The whole scene turned about the Earth's axis: elevations and ranges stay."""
    angle = 1.234
    turned = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0],
                       [0, 0, 1]])  # fmt: skip
    ephemeris = dataclasses.replace(
        walker.ephemeris,
        pos_ecef_m=jnp.asarray(walker.ephemeris.pos_ecef_m @ turned.T),
        vel_inertial_ecef_mps=jnp.asarray(walker.ephemeris.vel_inertial_ecef_mps @ turned.T),
    )
    other = dataclasses.replace(
        walker,
        ephemeris=ephemeris,
        rx_pos_ecef_m=walker.rx_pos_ecef_m @ turned.T,
        enu_axes=walker.enu_axes @ turned.T,
    )
    one, two = (slot_links(scene, SLOTS_S, Highest(4)) for scene in (walker, other))
    evidence(
        "scenes.nine_d_scene",
        "range from the receiver after a turn of everything about the Earth's axis",
        "before the turn",
        "invariance",
        achieved=np.abs(one.range_m - two.range_m).max(),
        tolerance=1e-6,
        unit="m",
    )
    np.testing.assert_allclose(one.el_rad, two.el_rad, atol=1e-12)
