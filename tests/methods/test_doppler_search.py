"""The global search: grid, elimination of frequency unknowns, what counts as possible."""

import dataclasses

import numpy as np
import pytest
from doppler_logs import DRIFT, OFFSET, PLACE_M, POSITION, ecef, noisy, six_passes

from leopnt.inference.model import Data
from leopnt.methods.doppler_fix import FIRST_ORDER, FixOptions, problem, search_globe
from leopnt.methods.doppler_fix.candidates import mirror_positions
from leopnt.methods.doppler_fix.search import (
    GRID_POINTS,
    fibonacci_sphere,
    is_plausible,
    pick_separated,
    spread_links,
)

PLACES = {
    "Zurich": (47.0, 8.5),
    "date line": (-17.0, 179.99),
    "Arctic": (82.0, -60.0),
    "north pole": (89.9999, 0.0),
    "equator": (0.0, -78.0),
}


def found_from(log, free):
    theta, data, _ = problem(log, FixOptions(unknowns=free))
    return np.asarray(search_globe(FIRST_ORDER, theta, data, free))


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("free", [POSITION, DRIFT])
def test_the_best_point_is_a_neighbor_of_the_receiver(name, free, evidence):
    place = PLACES[name]
    log = noisy(six_passes(place), 5.0, np.random.default_rng(0))
    if free == DRIFT:  # 50 kHz and 2 Hz/s of the receiver's own
        shift = 5e4 + 2.0 * (log.time_s - log.time_s.mean())
        log = dataclasses.replace(log, doppler_hz=log.doppler_hz + shift)
    points = found_from(log, free)
    away_m = np.linalg.norm(points - ecef(*place, 400.0), axis=1)
    evidence(
        "methods.doppler_fix.search",
        f"distance of the best grid point from the receiver, {len(free)} unknown fields",
        "simulated place",
        "implementation",
        achieved=away_m[0] / 1e3,
        tolerance=300.0,
        unit="km",
    )
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(len(points), 1)]
    assert gaps.min() > 400e3


def test_frequency_unknowns_are_eliminated_whatever_their_size():
    log = noisy(six_passes(), 5.0, np.random.default_rng(0))
    of_sat = np.array([1e4, -3e3, 7e2, 2e4, -1e4, 5e3])[log.sat_index]
    moved = dataclasses.replace(log, doppler_hz=log.doppler_hz + of_sat)
    free = (*POSITION, "sat_freq_offset_hz")
    np.testing.assert_allclose(found_from(moved, free), found_from(log, free), atol=1e-6)
    far = dataclasses.replace(log, doppler_hz=log.doppler_hz + 1e5)
    np.testing.assert_allclose(found_from(far, OFFSET), found_from(log, OFFSET), atol=1e-6)


def test_points_of_the_grid_share_the_sphere_evenly():
    lat, lon = fibonacci_sphere(GRID_POINTS)
    points = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    # No place is further from a point than 0.9 of the side of a cell of mean area.
    places = np.random.default_rng(0).normal(size=(500, 3))
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    nearest = np.min(np.linalg.norm(places[:, None] - points[None], axis=2), axis=1)
    assert nearest.max() < 0.9 * np.sqrt(4 * np.pi / GRID_POINTS)
    assert np.abs(points.mean(axis=0)).max() < 1e-3


def test_links_are_shared_out_among_satellites_with_the_ends_of_every_arc():
    sat_index = np.repeat([0, 1, 2], [1000, 40, 3])
    usable = np.ones(len(sat_index), bool)
    usable[:10] = False
    chosen = spread_links(sat_index, usable, 90)
    counts = np.bincount(sat_index[chosen])
    assert counts.tolist() == [30, 30, 3]
    assert chosen[0] == 10  # first usable of satellite 0
    assert {999, 1000, 1039, 1040, 1042} <= set(chosen.tolist())
    assert len(spread_links(sat_index, np.zeros(len(sat_index), bool), 90)) == 0


def test_points_without_the_satellites_in_sight_are_passed_over():
    points = 6.4e6 * np.eye(3)
    cost, sight = np.array([1.0, 2.0, 3.0]), np.array([0.1, 1.0, 0.9])
    np.testing.assert_array_equal(pick_separated(points, cost, sight, 5, 4e5), points[1:])
    # Contradictory data: those that see most.
    np.testing.assert_array_equal(
        pick_separated(points, cost, np.array([0.1, 0.3, 0.3]), 5, 4e5), points[1:]
    )


def test_a_receiver_is_above_ground_below_space_and_sees_its_satellites():
    log = six_passes()
    exact, loose = 1e4 * np.eye(3), 9e8 * np.eye(3)
    sats = log.sat_pos_ecef_m
    assert is_plausible(PLACE_M, exact, sats, 5e4)
    assert not is_plausible(-PLACE_M, exact, sats, 5e4)
    under, space = ecef(47.0, 8.5, -2e4), ecef(47.0, 8.5, 1.5e5)
    assert not is_plausible(under, exact, sats, 5e4)
    assert is_plausible(under, loose, sats, 5e4)  # 0.7 sigma below ground
    assert not is_plausible(space, exact, sats, 5e4)
    assert is_plausible(space, exact, sats, np.inf)
    assert not is_plausible(PLACE_M, np.full((3, 3), np.nan), sats, 5e4)
    assert not is_plausible(np.full(3, np.nan), exact, sats, 5e4)


def test_mirrors_lie_as_high_and_as_far_on_the_other_side():
    log = six_passes()
    _, data, _ = problem(log, FixOptions())
    arc = log.sat_index == np.argmax(np.bincount(log.sat_index))
    normal = np.cross(log.sat_pos_ecef_m, log.sat_vel_ecef_mps)[arc].sum(axis=0)
    normal /= np.linalg.norm(normal)
    mirrors = mirror_positions(PLACE_M, data)
    assert len(mirrors) == 4
    np.testing.assert_allclose(mirrors[0] @ normal, -(PLACE_M @ normal), rtol=1e-12)
    for mirror in mirrors:
        np.testing.assert_allclose(np.linalg.norm(mirror), np.linalg.norm(PLACE_M), rtol=1e-12)


def test_only_visible_links_count_in_the_search():
    log = noisy(six_passes(), 5.0, np.random.default_rng(0))
    theta, data, _ = problem(log, FixOptions())
    spoiled = data.observations.copy()
    hidden = np.arange(len(spoiled)) % 3 == 0
    spoiled[hidden] = 1e5
    part = Data(data.links, spoiled, np.asarray(data.mask) & ~hidden, data.shared)
    best = np.asarray(search_globe(FIRST_ORDER, theta, part, OFFSET))[0]
    assert np.linalg.norm(best - PLACE_M) < 300e3
