"""The published method against the worked case, the tables and the start experiments."""

import functools

import numpy as np
import power_users
import power_worked_case as case
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.power import (
    ANGLE_LIMITS,
    LENGTH_LIMITS,
    Angles,
    PowerStatus,
    angle_error,
    availability_per_run,
    availability_per_user,
    powers_of_beams,
    received_power_dbw,
    score_per_user,
    seed_fix,
    seed_search,
    seed_tables,
    timing_error_s,
)

SCENE = power_users.scene()
# gamma deg, beta deg, h km, x km: the range over four noise seeds of an independent implementation.
TABLES = {
    (-160, "10-90"): [(0.088, 0.093), (0.152, 0.158), (10.3, 10.7), (7.17, 7.52)],
    (-160, "10-30"): [(0.174, 0.191), (0.162, 0.173), (25.7, 27.3), (15.7, 17.0)],
    (-160, "30-90"): [(0.057, 0.061), (0.149, 0.153), (5.06, 5.21), (4.32, 4.38)],
    (-190, "10-90"): [(0.088, 0.092), (0.158, 0.161), (10.9, 11.3), (7.39, 7.99)],
    (-190, "10-30"): [(0.177, 0.196), (0.159, 0.171), (26.2, 28.4), (16.2, 18.8)],
    (-190, "30-90"): [(0.057, 0.060), (0.154, 0.162), (5.42, 5.80), (4.27, 4.47)],
}
# Availability per run and per user [%]: range, and how far outside is accepted.
AVAILABLE = {
    (-160, "10-30"): [(72.0, 73.5, 4.0), (80.7, 84.0, 5.0)],
    (-160, "30-90"): [(98.4, 98.6, 1.0), (98.7, 98.9, 1.0)],
    (-190, "10-30"): [(60.0, 61.5, 4.0)],
    (-190, "30-90"): [(97.0, 97.2, 1.5)],
}


@functools.cache
def start():
    power = power_users.grid_draws()
    return seed_search(seed_tables(SCENE), power, power_users.grid().beta_rad)


@functools.cache
def fixed(sensitivity):
    return seed_fix(SCENE, power_users.grid_draws(), start(), sensitivity_dbw=sensitivity)


def by_user(values):
    return np.asarray(values).reshape(-1, power_users.RUNS)


def errors(fix, users):
    """Errors (user, run) of gamma, beta [rad], height and horizontal distance [m]."""
    return [
        by_user(fix.gamma_rad - users.gamma_rad),
        by_user(angle_error(fix.beta_rad, users.beta_rad)),
        by_user(fix.height_m - users.height_m),
        by_user(fix.distance_m - users.distance_m),
    ]


def band_of(name):
    return power_users.grid(runs=1).band(*power_users.BANDS[name])


def off(value, low, high):
    """How far outside of a range."""
    return max(low - value, value - high, 0.0)


def worked_case(start_deg=case.START_DEG):
    powers = powers_of_beams(SCENE, case.STRONGEST, case.MEASURED_DBW)
    start = Angles(*(np.radians([x]) for x in start_deg))
    return seed_fix(SCENE, powers.power_dbw, start, transmitted=powers.transmitted)


def test_the_worked_case_is_solved(evidence):
    fix = worked_case()
    path = np.degrees(fix.path_rad[0])
    np.testing.assert_allclose(path[0], case.START_DEG, rtol=1e-14)
    found = [*path[1], *path[10], fix.range_m[0], fix.distance_m[0], fix.distance_exact_m[0]]
    expected = [*case.AFTER_ONE_DEG, *case.AFTER_TEN_DEG, case.SEED_RANGE_M, case.SEED_DISTANCE_M,
                case.EXACT_DISTANCE_M]  # fmt: skip
    evidence(
        "methods.power.seed",
        "angles after 1 and 10 steps, range and distances, relative",
        "worked case of an independent implementation",
        "implementation",
        achieved=np.max(np.abs(np.array(found) / expected - 1)),
        tolerance=1e-9,
    )
    np.testing.assert_allclose(fix.height_m[0], case.SEED_HEIGHT_M, rtol=1e-6)
    np.testing.assert_allclose(fix.height_exact_m[0], case.EXACT_HEIGHT_M, rtol=1e-6)
    timing = timing_error_s(float(fix.range_m[0]), case.RANGE_M)
    np.testing.assert_allclose(timing, case.SEED_TIMING_S, atol=5e-10)
    assert np.all(fix.status == PowerStatus.ok)
    assert fix.num_beams[0] == 6


@pytest.mark.parametrize(("sensitivity", "band"), TABLES)
def test_biases_are_those_of_the_tables(sensitivity, band, evidence):
    users, chosen = power_users.grid(), band_of(band)
    margin = 0.15 if band == "10-30" else 0.10
    limits = (ANGLE_LIMITS, ANGLE_LIMITS, LENGTH_LIMITS, LENGTH_LIMITS)
    units = (np.radians(1.0), np.radians(1.0), 1e3, 1e3)
    worst = 0.0
    rows = zip(errors(fixed(sensitivity), users), limits, units, TABLES[sensitivity, band],
               strict=True)  # fmt: skip
    for error, limit, unit, (low, high) in rows:
        bias = score_per_user(error[chosen], limit).bias / unit
        worst = max(worst, off(bias, low, high) / (low if bias < low else high))
    evidence(
        "methods.power.seed",
        f"biases at {sensitivity} dBW, elevation {band} deg: share outside of the stated range",
        "tables of an independent implementation, range over four noise seeds",
        "implementation",
        achieved=worst,
        tolerance=margin,
    )


@pytest.mark.parametrize(("sensitivity", "band"), AVAILABLE)
def test_availability_is_that_of_the_tables(sensitivity, band):
    _, _, height, distance = errors(fixed(sensitivity), power_users.grid())
    chosen = band_of(band)
    found = [
        100 * of(height[chosen], distance[chosen])
        for of in (availability_per_run, availability_per_user)
    ]
    for value, (low, high, margin) in zip(found, AVAILABLE[sensitivity, band], strict=False):
        assert off(value, low, high) <= margin, (value, low, high)


def test_availability_by_elevation_is_that_of_the_table():
    _, _, height, distance = errors(fixed(-160), power_users.grid())
    users = power_users.grid(runs=1)
    found = []
    for low in range(10, 90, 10):
        chosen = users.band(low, low + 10)
        found.append(100 * availability_per_run(height[chosen], distance[chosen]))
    expected = [59, 87, 97, 95, 100, 99, 100, 100]
    assert np.all(np.abs(np.subtract(found, expected)) <= [6, 6, 2, 2, 2, 2, 2, 2]), found


@pytest.mark.parametrize(("band", "expected_us"), [("10-30", 47.0), ("30-90", 31.7)])
def test_timing_errors_are_those_of_the_table(band, expected_us):
    users, fix = power_users.grid(), fixed(-160)
    _, _, height, distance = errors(fix, users)
    available = ((np.abs(height) < 50e3) & (np.abs(distance) < 50e3)).ravel()
    chosen = available & users.band(*power_users.BANDS[band])
    timing = np.abs(fix.range_m - users.range_m)[chosen] / 299.792458
    np.testing.assert_allclose(timing.mean(), expected_us, rtol=0.15)


def test_a_single_user_scatters_as_published():
    users = power_users.users_at(np.full(1000, 60.0), np.full(1000, 30.0))
    power = power_users.drawn_dbw(users, seed=1)
    first = seed_search(seed_tables(SCENE), power, users.beta_rad)
    fix = seed_fix(SCENE, power, first)
    found = [
        np.degrees(np.std(fix.gamma_rad)),
        np.degrees(np.std(fix.beta_rad)),
        np.std(fix.height_m) / 1e3,
        np.std(fix.distance_m) / 1e3,
    ]
    np.testing.assert_allclose(found, [0.093, 0.141, 11.8, 4.1], rtol=0.12)


@pytest.mark.parametrize(("axis", "expected"), [(0, 88.3), (1, 88.8)])
def test_two_degrees_off_most_users_converge(axis, expected, evidence):
    users, power = power_users.grid(), power_users.grid_draws()
    shares = []
    for sign in (-1, 1):
        start = [users.gamma_rad.copy(), users.beta_rad.copy()]
        start[axis] += sign * np.radians(2.0)
        error = errors(seed_fix(SCENE, power, Angles(*start)), users)[axis]
        capped = np.clip(np.where(np.isnan(error), ANGLE_LIMITS.cap, error),
                         -ANGLE_LIMITS.cap, ANGLE_LIMITS.cap)  # fmt: skip
        shares.append(np.mean(np.abs(capped.mean(axis=1)) < np.radians(0.5)))
    evidence(
        "methods.power.seed",
        f"users converged from a start 2 deg off in {('gamma', 'beta')[axis]}, percent",
        f"independent implementation, {expected} %",
        "implementation",
        achieved=abs(100 * np.mean(shares) - expected),
        tolerance=3.0,
        unit="points",
    )


def test_the_search_in_a_known_bin_errs_as_published():
    users = power_users.grid()
    gamma = np.abs(np.degrees(start().gamma_rad - users.gamma_rad))
    beta = np.abs(np.degrees(angle_error(start().beta_rad, users.beta_rad)))
    np.testing.assert_allclose([gamma.mean(), beta.mean()], [0.50, 1.24], rtol=0.15)
    assert abs(100 * np.mean((gamma <= 2) & (beta <= 2)) - 79) <= 4


def test_without_a_bin_the_search_finds_entries_of_the_tables():
    tables = seed_tables(SCENE)
    bins, entries = np.array([0, 17, 40, 71]), np.array([3, 50, 20, 70])
    found = seed_search(tables, tables.power_dbw[bins, entries])
    np.testing.assert_allclose(found.gamma_rad, tables.gamma_rad[entries])
    np.testing.assert_allclose(angle_error(found.beta_rad, tables.azimuth_rad[bins]), 0, atol=1e-12)


def test_tables_have_72_bins_from_10_to_90_degrees():
    tables = seed_tables(SCENE)
    assert tables.power_dbw.shape == (72, 81, 52)
    np.testing.assert_allclose(np.degrees(tables.azimuth_rad[[0, -1]]), [2.5, 357.5])
    np.testing.assert_allclose(np.degrees(tables.gamma_rad[[0, -1]]), [55.967, 0.0], atol=1e-3)


def test_every_end_has_its_status():
    users = power_users.users_at(np.full(4, 12.0), np.full(4, 33.0))
    power = power_users.drawn_dbw(users)
    start = Angles(users.gamma_rad, users.beta_rad)
    quiet = seed_fix(SCENE, power, start, sensitivity_dbw=-90.0)
    assert np.all(quiet.status == PowerStatus.insufficient_beams)
    assert np.all(np.isnan(quiet.gamma_rad))
    lost = seed_fix(SCENE, power, Angles(np.full(4, 0.1), users.beta_rad + 3.0))
    assert np.all((lost.status == PowerStatus.diverged) == np.isnan(lost.gamma_rad))
    # Powers of a direction that misses the Earth.
    gamma, beta = float(SCENE.shell.limb_rad()) + 0.01, 0.4
    beyond = np.asarray(received_power_dbw(SCENE, gamma, beta, 3.5e6))[None]
    off_earth = seed_fix(SCENE, beyond, Angles(np.array([gamma]), np.array([beta])))
    assert np.all(off_earth.status == PowerStatus.off_earth)
    assert np.isnan(off_earth.height_m[0])
    assert np.isnan(off_earth.distance_m[0])
    assert np.isfinite(off_earth.height_exact_m[0])
    np.testing.assert_allclose(off_earth.range_m, 3.5e6, rtol=1e-9)


def test_noise_free_powers_give_the_place_back():
    users = power_users.users_at(np.array([20.0, 50.0, 85.0]), np.array([10.0, 170.0, -90.0]))
    rows = zip(users.gamma_rad, users.beta_rad, users.range_m, strict=True)
    power = np.stack([received_power_dbw(SCENE, *map(float, row)) for row in rows])
    # A ten-thousandth of a radian off: within the basin of ten steps of Gauss-Newton.
    fix = seed_fix(SCENE, power, Angles(users.gamma_rad + 1e-4, users.beta_rad + 1e-4))
    np.testing.assert_allclose(fix.gamma_rad, users.gamma_rad, atol=1e-9)
    np.testing.assert_allclose(fix.range_m, users.range_m, rtol=1e-8)
    np.testing.assert_allclose(fix.height_m, 0.0, atol=0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: seed_tables(SCENE, elevation_rad=[]), "elevation_rad: the bins would be empty"),
        (lambda p: seed_fix(SCENE, p, Angles(np.zeros(2), np.zeros(2))),
         r"gamma_rad has shape \(2,\); accepted: \(1,\)"),
        (lambda p: seed_fix(SCENE, p, Angles(np.array([np.nan]), np.zeros(1))),
         "gamma_rad holds NaN or infinity"),
        (lambda p: seed_fix(SCENE, p, Angles(np.zeros(1), np.zeros(1)), sensitivity_dbw=np.nan),
         "sensitivity_dbw = nan: expected a finite number"),
        (lambda p: seed_search(seed_tables(SCENE), p, [0.0, 1.0]),
         r"azimuth_rad has shape \(2,\); accepted: \(1,\)"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(untyped, call, message):
    with pytest.raises(LeopntError, match=message):
        call(np.full((1, 52), -150.0))
