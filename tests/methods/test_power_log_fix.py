"""Positions on the ellipsoid: against the fix on a sphere, plain NumPy, closed forms, draws."""

import dataclasses

import erfa
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from power_log_cases import (
    ANTENNA,
    MUNICH_M,
    ephemeris,
    measured,
    one_epoch,
    rows,
    turn,
    with_doppler,
    without_doppler,
)
from power_plain import plain_amplitudes
from scipy.optimize import minimize
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.methods.power import (
    NO_PRIOR,
    HeightPrior,
    PowerLogOptions,
    PowerStatus,
    beams_in_turn,
    check_powers,
    draw_powers,
    fix_log,
    measure,
    ml_fix,
    power_scene,
    power_trials,
    received_power_dbw,
    rows_from_ephemeris,
    starts_of,
)

C_MPS = 299792458.0
AXES = turn(5)
FREE = PowerLogOptions(height=NO_PRIOR)
KNOWN = PowerLogOptions(height=HeightPrior(520.0, 1000.0))
EVERY = PowerLogOptions(
    unknowns=("rx_pos_ecef_m", "level_db", "freq_offset_hz"),
    height=HeightPrior(520.0, 1000.0),
    level_sigma_db=1.0,
)
LEVEL = dataclasses.replace(EVERY, level_sigma_db=np.inf)


@pytest.fixture(scope="module")
def scene():
    return power_scene(ANTENNA)


@pytest.fixture(scope="module")
def epoch(scene):
    """Powers of one epoch over the sphere of the paper: alpha 60 deg, beta 130 deg."""
    alpha, beta = np.radians(60.0), np.radians(130.0)
    gamma = np.arcsin(6371.0 / 7571.0 * np.cos(alpha))
    range_m = np.sqrt(7571e3**2 - (6371e3 * np.cos(alpha)) ** 2) - 6371e3 * np.sin(alpha)
    true = received_power_dbw(scene, jnp.asarray(gamma), jnp.asarray(beta), jnp.asarray(range_m))
    return np.asarray(measure(scene, jax.random.key(4), true))


@pytest.fixture(scope="module")
def free(epoch):
    return fix_log(one_epoch(epoch, AXES), ANTENNA, FREE)


@pytest.fixture(scope="module")
def munich():
    return fix_log(measured(rows()), ANTENNA, KNOWN)


def on_a_sphere(scene, power_dbw, transmitted=None):
    """The fix relative to the satellite, from as many starts as a fix from a log takes."""
    powers = check_powers(scene, power_dbw[None], transmitted)
    starts = starts_of(scene, powers, 3)
    return ml_fix(scene, power_dbw[None], starts, NO_PRIOR, transmitted=transmitted, tile=1)


def direction(fix):
    u, v = float(fix.u[0]), float(fix.v[0])
    return np.array([u, v, np.sqrt(1.0 - u * u - v * v)])


def test_one_epoch_ends_where_the_fix_on_a_sphere_does(scene, epoch, free, evidence):
    sphere = on_a_sphere(scene, epoch)
    # r = r_sat + d (u e_x + v e_y + cos(gamma) e_z), by hand.
    place = -7571e3 * AXES[:, 2] + float(sphere.range_m[0]) * (AXES @ direction(sphere))
    assert free.ok
    evidence(
        "methods.power.ellipsoid_fix",
        "position of one epoch without a height, over its sigma",
        "the fix on a sphere, turned into ECEF",
        "implementation",
        achieved=np.linalg.norm(free.position_ecef_m - place) / free.bound.position_m,
        tolerance=1e-4,
    )


def test_the_covariance_is_that_of_the_sphere_turned(scene, epoch, free, evidence):
    # Amplitudes below the noise tell less than 1/N: the engine knows, the bound on a sphere does
    # not; both agree to a few 1e-4 where dozens of beams are strong.
    sphere = on_a_sphere(scene, epoch)
    turned = AXES @ np.asarray(sphere.bound.covariance_m2[0]) @ AXES.T
    scale = np.sqrt(np.diag(turned)[:, None] * np.diag(turned)[None, :])
    evidence(
        "methods.power.ellipsoid_fix",
        "covariance of one epoch, relative to the product of sigmas",
        "the bound on a sphere, turned into ECEF",
        "implementation",
        achieved=np.max(np.abs(free.covariance_ecef_m2 - turned) / scale),
        tolerance=2e-3,
    )


def test_a_turned_earth_turns_the_fix(epoch, free, evidence):
    """WGS 84 is symmetric about its axis."""
    angle = np.radians(73.0)
    about_z = np.array(
        [[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]]
    )
    there = fix_log(one_epoch(epoch, about_z @ AXES), ANTENNA, FREE)
    evidence(
        "methods.power.ellipsoid_fix",
        "position after a turn of satellite and antenna about the Earth's axis",
        "the position turned",
        "invariance",
        achieved=np.linalg.norm(there.position_ecef_m - about_z @ free.position_ecef_m),
        tolerance=0.05,
        unit="m",
    )
    assert there.height_m == pytest.approx(free.height_m, abs=0.05)


def test_a_wrong_level_stretches_the_range_by_1_15_percent_per_tenth_of_a_decibel(
    epoch, free, evidence
):
    louder = fix_log(one_epoch(epoch + 0.1, AXES), ANTENNA, FREE)
    # Noise is left as it was: the folds differ by less than the tolerance.
    evidence(
        "methods.power.log_model",
        "range by a level 0.1 dB too high, relative",
        "10^(-0.1/20)",
        "closed form",
        achieved=np.max(np.abs(louder.range_m / free.range_m * 10.0 ** (0.1 / 20.0) - 1.0)),
        tolerance=1e-5,
    )


def plain_cost(place, log, height_m, sigma_m):
    """C of one satellite in NumPy and ERFA, without the package's geometry."""
    offset = place - log.sat_pos_ecef_m[0]
    range_m = np.linalg.norm(offset)
    x, y, z = log.axes_ecef[0].T @ offset / range_m
    a = plain_amplitudes(np.arctan2(np.hypot(x, y), z), np.arctan2(y, x), range_m)
    y = np.sqrt(2.0 * 10.0 ** (0.1 * log.power_dbw) / log.noise_w)
    folded = np.sum((y - a) ** 2 - 2.0 * np.log1p(np.exp(-2.0 * y * a)))
    return folded + ((erfa.gc2gd(1, place)[2] - height_m) / sigma_m) ** 2


def test_the_fix_is_the_minimum_of_a_plain_likelihood_on_the_ellipsoid(munich, evidence):
    log, axes = munich.log, munich.enu_axes

    def cost(enu_km):
        place = munich.position_ecef_m + 1e3 * np.asarray(enu_km) @ axes
        return plain_cost(place, log, 520.0, 1000.0)

    found = minimize(cost, [0.3, -0.4, 0.5], method="Nelder-Mead", options={"xatol": 1e-5})
    evidence(
        "methods.power.ellipsoid_fix",
        "position over Munich with a known height, over its sigma",
        "simplex search on a likelihood in NumPy and ERFA",
        "implementation",
        achieved=np.linalg.norm(1e3 * found.x) / munich.bound.position_m,
        tolerance=1e-3,
    )


def test_the_solution_tells_its_place_height_and_residuals(munich):
    log = munich.log
    assert munich.ok
    assert PowerStatus[munich.status] == ""
    lon, lat, height = erfa.gc2gd(1, munich.position_ecef_m)
    np.testing.assert_allclose([munich.lat_rad, munich.lon_rad], [lat, lon], atol=1e-12)
    assert munich.height_m == pytest.approx(height, abs=1e-6)
    error = munich.error_enu_m(MUNICH_M)
    assert error @ np.linalg.solve(munich.covariance_enu_m2, error) < 16.0
    np.testing.assert_allclose(munich.residual_db, log.power_dbw - munich.predicted_dbw)
    assert 1e-3 < munich.chi2.p_value < 1.0 - 1e-3
    np.testing.assert_allclose(munich.covariance_enu_m2, munich.bound.covariance_enu_m2, rtol=1e-6)
    assert munich.level_sigma_db == 0.0
    assert munich.second_cost > 1000.0
    assert not munich.is_ambiguous
    assert munich.doppler_residual_hz.shape == (0,)


def test_the_timing_error_is_that_of_the_range_over_c(munich, evidence):
    log = munich.log
    true_m = np.linalg.norm(MUNICH_M[None] - log.sat_pos_ecef_m, axis=1)
    found_m = np.linalg.norm(munich.position_ecef_m[None] - log.sat_pos_ecef_m, axis=1)
    np.testing.assert_allclose(munich.timing_error_s(MUNICH_M), (found_m - true_m) / C_MPS)
    towards = (munich.position_ecef_m - log.sat_pos_ecef_m[0]) / found_m[0]
    sigma_s = np.sqrt(towards @ munich.covariance_ecef_m2 @ towards) / C_MPS
    evidence(
        "methods.power.ellipsoid_fix",
        "standard deviation of the timing, relative",
        "covariance along the line of sight over c",
        "closed form",
        achieved=abs(munich.timing_sigma_s[0] / sigma_s - 1.0),
        tolerance=1e-6,
    )


def test_the_ellipse_holds_the_covariance(munich):
    major, minor, azimuth = munich.ellipse(1.0 - np.exp(-0.5))  # one sigma
    along = np.array([np.sin(azimuth), np.cos(azimuth)])
    horizontal = munich.covariance_enu_m2[:2, :2]
    assert along @ horizontal @ along == pytest.approx(major**2)
    assert major**2 * minor**2 == pytest.approx(np.linalg.det(horizontal))


def test_beams_that_are_not_in_the_log_count_as_not_transmitted(scene, epoch):
    kept = np.arange(52) % 3 != 0
    part = fix_log(one_epoch(epoch, AXES).rows(kept), ANTENNA, FREE)
    sphere = on_a_sphere(scene, epoch, kept)
    place = -7571e3 * AXES[:, 2] + float(sphere.range_m[0]) * (AXES @ direction(sphere))
    assert np.linalg.norm(part.position_ecef_m - place) < 1e-4 * part.bound.position_m


def test_an_unknown_level_is_found(evidence):
    quiet = draw_powers(with_doppler(), ANTENNA, MUNICH_M, jax.random.key(3), level_db=-17.0)
    fix = fix_log(quiet, ANTENNA, LEVEL)
    assert fix.ok
    evidence(
        "methods.power.log_options",
        "level of one log, solved for beside the position",
        "4 sigma of the level that was drawn",
        "monte carlo",
        achieved=abs(fix.level_db + 17.0),
        tolerance=4.0 * fix.level_sigma_db,
        unit="dB",
    )
    wrong = fix_log(without_doppler(quiet), ANTENNA, KNOWN)
    assert wrong.chi2.p_value < 1e-6


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_level_far_from_its_prior_does_not_mislead_the_search(seed):
    quiet = draw_powers(with_doppler(), ANTENNA, MUNICH_M, jax.random.key(seed), level_db=-14.0)
    fix = fix_log(quiet, ANTENNA, dataclasses.replace(EVERY, level_sigma_db=10.0))
    assert fix.ok
    assert np.all(np.abs(fix.error_enu_m(MUNICH_M)) < 5.0 * fix.sigma_enu_m)


def test_powers_that_the_antenna_cannot_send_are_refused():
    log = measured(rows())
    loud = dataclasses.replace(log, power_dbw=log.power_dbw + 30.0)
    with pytest.raises(LeopntError, match=r"at most -12\d\.\d dBW .* dBm \(subtract 30"):
        fix_log(loud, ANTENNA, KNOWN)


def test_a_blocked_beam_is_a_poor_fit():
    log = measured(rows())
    strongest = int(np.argmax(log.power_dbw))
    power = log.power_dbw - 10.0 * (np.arange(log.num_rows) == strongest)
    fix = fix_log(dataclasses.replace(log, power_dbw=power), ANTENNA, KNOWN)
    assert fix.status == PowerStatus.poor_fit
    assert not fix.ok
    assert np.all(np.isfinite(fix.position_ecef_m))


def two_satellites():
    """The log of one satellite, and the same from the other side of the Earth."""
    log = measured(rows())
    twice = {
        name: np.concatenate([getattr(log, name)] * 2)
        for name in ("time_s", "beam", "power_dbw", "carrier_hz", "noise_w")
    }
    return dataclasses.replace(
        log,
        **twice,
        satellites=("ONE", "TWO"),
        sat_index=np.repeat([0, 1], log.num_rows),
        sat_pos_ecef_m=np.concatenate([log.sat_pos_ecef_m, -log.sat_pos_ecef_m]),
        sat_vel_ecef_mps=np.concatenate([log.sat_vel_ecef_mps, -log.sat_vel_ecef_mps]),
        axes_ecef=np.concatenate([log.axes_ecef, log.axes_ecef * np.array([-1.0, 1.0, -1.0])]),
    )


def test_a_satellite_behind_the_earth_is_not_believed():
    assert not fix_log(two_satellites(), ANTENNA, KNOWN).ok


def test_biases_of_beams_are_those_of_one_satellite():
    with pytest.raises(LeopntError, match=r"biases of beams are those of .* has 2"):
        fix_log(two_satellites(), ANTENNA, dataclasses.replace(KNOWN, sigma_cal_db=0.3))
    sigma = HeightPrior(0.0, jnp.asarray(-1000.0))
    with pytest.raises(LeopntError, match=r"height\.sigma_m = -1000 m: expected a number above 0"):
        fix_log(measured(rows()), ANTENNA, dataclasses.replace(KNOWN, height=sigma))


def test_beams_that_take_turns_are_not_taken_for_one_epoch(evidence):
    """48 of 52 beams, a new one every 90 ms: the satellite moves 35 km meanwhile."""
    turns = beams_in_turn(ANTENNA, 30.0, 52 * 0.09, 0.09)
    log = rows_from_ephemeris(ephemeris(), 32, turns, MUNICH_M)
    log = draw_powers(log, ANTENNA, MUNICH_M, jax.random.key(8))
    fix = fix_log(log, ANTENNA, KNOWN)
    error = fix.error_enu_m(MUNICH_M)
    evidence(
        "methods.power.ellipsoid_fix",
        "squared error of a fix from beams that take turns, over its covariance",
        "the true place (16 is 4 sigma)",
        "monte carlo",
        achieved=error @ np.linalg.solve(fix.covariance_enu_m2, error),
        tolerance=16.0,
    )
    assert fix.chi2.p_value > 1e-3
    at_once = {
        name: np.repeat(getattr(log, name)[26:27], 52, axis=0)
        for name in ("sat_pos_ecef_m", "axes_ecef")
    }
    assert fix_log(dataclasses.replace(log, **at_once), ANTENNA, KNOWN).chi2.p_value < 1e-9


def test_doppler_finds_the_offset_of_the_receiver_and_sharpens_the_position(munich):
    fix = fix_log(with_doppler(), ANTENNA, EVERY)
    assert fix.ok
    assert abs(fix.freq_offset_hz - 120.0) < 4.0 * fix.freq_offset_sigma_hz
    assert np.std(fix.doppler_residual_hz) == pytest.approx(5.0, rel=0.4)
    assert np.all(fix.sigma_enu_m < munich.sigma_enu_m)
    # 30 rows and a level that is believed, less an offset and the level.
    assert fix.chi2.dof == munich.chi2.dof + 30 - 1


def test_a_start_far_away_does_no_harm(munich, evidence):
    given = dataclasses.replace(KNOWN, start_ecef_m=np.array([6378e3, 0.0, 0.0]))
    again = fix_log(munich.log, ANTENNA, given)
    evidence(
        "methods.power.log_start",
        "a fix from a wrong start 5000 km away beside the search",
        "the fix without it",
        "invariance",
        achieved=np.linalg.norm(again.position_ecef_m - munich.position_ecef_m),
        tolerance=0.1,
        unit="m",
    )


STATUSES = {
    "insufficient_beams": (FREE, [20, 21]),
    "weak_geometry": (FREE, [44, 44, 44, 44]),
    # On the antenna's x axis all is symmetric in v.
    "ambiguous": (KNOWN, [4, 9, 14, 22, 30, 41]),
}


@pytest.mark.parametrize("name", STATUSES)
def test_a_log_that_tells_too_little_says_so(name):
    options, beams = STATUSES[name]
    log = measured(rows()).rows(np.asarray(beams))
    log = dataclasses.replace(log, time_s=np.arange(float(log.num_rows)))
    fix = fix_log(log, ANTENNA, options)
    assert fix.status == getattr(PowerStatus, name)
    assert not fix.ok
    if name == "insufficient_beams":
        assert np.all(np.isnan(fix.position_ecef_m))
        assert np.isnan(fix.lat_rad)
    if name == "ambiguous":
        assert fix.is_ambiguous
        mirror = fix.alternatives[0].position_ecef_m
        assert min(np.linalg.norm(x - MUNICH_M) for x in (mirror, fix.position_ecef_m)) < 1e5


def test_a_direction_that_misses_the_earth_says_so(scene):
    """60 degrees off nadir, beyond the limb, seen from behind it."""
    place = (jnp.asarray(x) for x in (np.radians(60.0), np.radians(130.0), 5e6))
    power = np.asarray(received_power_dbw(scene, *place))
    fix = fix_log(one_epoch(power, AXES), ANTENNA, FREE)
    assert fix.status == PowerStatus.off_earth
    assert np.max(fix.el_rad) < 0.0
    np.testing.assert_allclose(fix.range_m, 5e6, rtol=0.02)


def test_equal_powers_are_weak():
    log = rows()
    flat = dataclasses.replace(log, power_dbw=np.full(52, -140.0))
    assert fix_log(flat, ANTENNA, KNOWN).status == PowerStatus.weak_geometry


@pytest.mark.study
def test_draws_reach_the_bound(evidence):
    """Powers of an unknown level that is known to 1 dB, Doppler, a height that is known to 1 km."""
    # The RMS of n draws of a position that is mostly one component scatters by 1/sqrt(2 n).
    count = study_size(200, 4000)
    trials = power_trials(with_doppler(), ANTENNA, MUNICH_M, EVERY, count, jax.random.key(2))
    assert np.all(trials.converged)
    evidence(
        "methods.power.log_trials",
        "RMS of fixes from powers and Doppler over Munich over the bound, off 1",
        "Cramer-Rao bound",
        "monte carlo",
        achieved=abs(trials.ratio - 1.0),
        tolerance=4.0 / np.sqrt(2.0 * count),
    )
    # Mean of chi-square with 3 degrees of freedom.
    assert abs(np.mean(trials.nees) - 3.0) < 5.0 * np.sqrt(6.0 / count)
