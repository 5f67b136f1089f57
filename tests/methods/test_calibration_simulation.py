"""Orbits, errors and noise of simulations against closed forms and other orbit code."""

import calibration_cases as cases
import jax
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.calibration.circular_orbits import bds3_orbits, polar_star
from leopnt.methods.calibration.product_errors import (
    ProductErrors,
    clock_errors,
    error_phases,
    range_errors,
    white_clock,
)
from leopnt.methods.calibration.settings import sigma_growth
from leopnt.methods.calibration.simulation import draw_truth, simulate_station_day
from leopnt.methods.calibration.station_day import arcs_of
from leopnt.orbits.constellations import walker_star
from leopnt.orbits.kepler import state_from_elements


def test_orbits_are_two_body_orbits_in_turning_axes(evidence):
    star = walker_star("LEO", 12, 3, 1, np.pi / 2, 1000e3)
    t, n = 5000.0, np.sqrt(3.986004418e14 / 7378137.0**3)
    angle = 7.292115146706979e-5 * t
    turn = np.array(
        [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    elements = star.elements()
    moved = jax.tree.map(lambda x: x, elements)
    moved = type(moved)(*vars(elements).values())
    later = moved.mean_anomaly_rad + n * t
    moved = type(moved)(*list(vars(elements).values())[:5], later)
    pos, vel = jax.vmap(state_from_elements)(moved)
    ours = polar_star(12, 3, 1000e3).states(np.arange(12), np.full(12, t))
    worst = np.max(np.abs(ours[0] - np.asarray(pos) @ turn.T))
    np.testing.assert_allclose(ours[1], np.asarray(vel) @ turn.T, rtol=0, atol=1e-8)
    evidence(
        "methods.calibration.circular_orbits",
        "positions of 12 satellites after 5000 s",
        "Kepler orbits of this library, turned",
        "implementation",
        achieved=worst,
        tolerance=1e-7,
        unit="m",
    )


def test_geostationary_satellites_stay_over_their_longitudes():
    of = bds3_orbits()
    for t in (0.0, 2e5):
        pos, _ = of.states(np.arange(27, 30), np.full(3, t))
        lon = np.degrees(np.arctan2(pos[:, 1], pos[:, 0]))
        np.testing.assert_allclose(lon, [80.0, 110.5, 140.0], atol=1e-6)


def test_orbit_errors_change_the_range_as_moving_the_satellite_does(evidence):
    scene = cases.scene(24, 1, 60.0)
    day = simulate_station_day(scene, draw_truth(1, 24, 1), 0, 0, 1)
    sat, t = day.leo.satellite, day.epoch_s[day.leo.epoch]
    errors = ProductErrors(3.0, 2.0, 1.0, 0.0, 0.0, 10800.0)
    phases = error_phases(4, 24)
    pos, vel = scene.leo.states(sat, t)
    waves = np.cos(2 * np.pi / 10800.0 * t[:, None] + phases[sat, :3]) * [3.0, 2.0, 1.0]
    radial = pos / np.linalg.norm(pos, axis=1, keepdims=True)
    normal = np.cross(pos, vel)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    along = np.cross(normal, radial)
    moved = pos + waves[:, :1] * radial + waves[:, 1:2] * along + waves[:, 2:] * normal
    place = scene.station_pos_ecef_m[0]
    change = np.linalg.norm(moved - place, axis=1) - np.linalg.norm(pos - place, axis=1)
    found = range_errors(
        errors, phases, sat, t, day.geometry.orbit_angle_rad, day.geometry.partials
    )
    evidence(
        "methods.calibration.product_errors",
        "range errors of orbit errors of meters",
        "ranges to satellites that were moved",
        "closed form",
        achieved=np.max(np.abs(found - change)),
        tolerance=1e-5,  # squares of the error over the range
        unit="m",
    )


def test_clock_errors_are_the_same_for_all_stations_and_days_have_their_own():
    errors = ProductErrors(0.0, 0.0, 0.0, 0.02, 0.01, np.inf)
    one, two = (white_clock(errors, 3, day, 7, 2000) for day in (0, 1))
    np.testing.assert_array_equal(one, white_clock(errors, 3, 0, 7, 2000))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.1
    assert np.std(one) == pytest.approx(0.01, rel=0.07)
    angle, phases = np.linspace(0.0, 20.0, 2000), error_phases(3, 8)
    both = clock_errors(errors, phases, 7, angle, angle, one)
    np.testing.assert_allclose(both - one, 0.02 * np.cos(angle + phases[7, 3]))


def test_noise_and_ambiguities_are_as_asked_for(evidence):
    day = simulate_station_day(cases.scene(24, 1, 60.0), draw_truth(1, 24, 1), 0, 0, 1)
    links = day.reference
    ambiguity = links.phase_m - links.code_m
    mean = np.bincount(links.arc, ambiguity) / np.bincount(links.arc)
    spread = np.std(ambiguity - mean[links.arc])
    # code and phase noise of each link, less the arc means
    expected = np.hypot(0.3, 0.003) * np.sqrt(1 - links.num_arcs / len(links.arc))
    evidence(
        "methods.calibration.simulation",
        "noise of code minus phase, relative",
        "0.3 m and 3 mm",
        "monte carlo",
        achieved=abs(spread / expected - 1.0),
        tolerance=4.0 / np.sqrt(2 * len(links.arc)),
    )


def test_truth_is_within_its_limits_and_does_not_depend_on_how_many():
    many, few = draw_truth(9, 200, 40), draw_truth(9, 3, 2)
    np.testing.assert_array_equal(many.offset_m[:3], few.offset_m)
    np.testing.assert_array_equal(many.isb_m[:2], few.isb_m)
    assert np.all(np.abs(many.offset_m[:, :2]) <= 0.3)
    assert np.all((many.offset_m[:, 2] >= 0.3) & (many.offset_m[:, 2] <= 1.0))
    delay_ns = many.delay_m / 0.299792458
    assert np.all((delay_ns >= 30.0) & (delay_ns <= 300.0))
    assert 2.0 < np.std(many.isb_m) < 4.2


def test_weights_and_arcs_have_closed_forms(evidence):
    el = np.radians(np.array([90.0, 30.0, 29.0, 10.0]))
    expected = [1.0, 1.0, 0.5 / np.sin(el[2]), 0.5 / np.sin(el[3])]
    evidence(
        "methods.calibration.settings",
        "growth of sigma with falling elevation",
        "1 / (2 sin E) below 30 degrees",
        "closed form",
        achieved=np.max(np.abs(sigma_growth(el, np.radians(30.0)) - expected)),
        tolerance=1e-15,
    )
    sat, epoch = np.array([0, 0, 0, 0, 2, 2]), np.array([1, 2, 4, 5, 6, 7])
    slip = np.array([False, False, False, True, False, False])
    found = arcs_of(sat, epoch, slip)
    evidence(
        "methods.calibration.station_day",
        "arcs of a list with a gap, a slip and another satellite",
        "counted by hand",
        "closed form",
        achieved=np.max(np.abs(found - [0, 0, 1, 2, 3, 3])),
        tolerance=0,
    )
    np.testing.assert_array_equal(arcs_of(sat, epoch, slip, 2), [0, 0, 0, 1, 2, 2])


@pytest.mark.parametrize("change", [{"radial_m": -1.0}, {"period_s": 0.0}, {"clock_m": np.nan}])
def test_bad_errors_are_named(change):
    (name,) = change
    with pytest.raises(LeopntError, match=f"{name} = .*: expected a number of 0 or more"):
        ProductErrors(**change)
