"""The bound against the worked case, finite differences of a NumPy model, and scaling laws."""

import jax
import jax.numpy as jnp
import numpy as np
import power_users
import power_worked_case as case
import pytest
from power_plain import plain_amplitudes

from leopnt.antennas.beams import b52
from leopnt.errors import LeopntError
from leopnt.methods.power import HeightPrior, position_m, power_bound, power_scene

SCENE = power_scene(b52())
TRUTH = power_users.users_at(np.array([35.0]), np.array([220.0]))
AT = tuple(float(x[0]) for x in (TRUTH.gamma_rad, TRUTH.beta_rad, TRUTH.range_m))


def plain_sigmas(gamma, beta, d, sigma_h=np.inf):
    steps = np.array([1e-6, 1e-6, 1.0])
    rows = []
    for i in range(3):
        up, down = np.array([gamma, beta, d]), np.array([gamma, beta, d])
        up[i], down[i] = up[i] + steps[i], down[i] - steps[i]
        rows.append((plain_amplitudes(*up) - plain_amplitudes(*down)) / (2 * steps[i]))
    r = np.hypot(d * np.sin(gamma), 7571e3 - d * np.cos(gamma))
    height = np.array([7571e3 * d * np.sin(gamma) / r, 0, (d - 7571e3 * np.cos(gamma)) / r])
    information = np.array(rows) @ np.array(rows).T + np.outer(height, height) / sigma_h**2
    covariance = np.linalg.inv(information)
    return np.sqrt([*np.diag(covariance), height @ covariance @ height])


def test_bounds_of_the_worked_case_are_found(evidence):
    found = power_bound(SCENE, *AT)
    error = [float(getattr(found, name)) / value - 1 for name, value in case.BOUND.items()]
    known = power_bound(SCENE, *AT, HeightPrior(0.0, 1000.0))
    error += [
        float(getattr(known, name)) / value - 1 for name, value in case.BOUND_WITH_PRIOR.items()
    ]
    evidence(
        "methods.power.bound",
        "eight standard deviations, relative (six digits are printed)",
        "worked case of an independent implementation",
        "implementation",
        achieved=np.max(np.abs(error)),
        tolerance=1e-6,
    )
    np.testing.assert_allclose(found.timing_s, case.BOUND["range_m"] / 299792458.0, rtol=1e-6)


@pytest.mark.parametrize("sigma_h", [np.inf, 300.0])
def test_bounds_are_those_of_a_plain_model_in_other_unknowns(sigma_h, evidence):
    worst = 0.0
    for alpha, beta in ((12.0, 17.0), (48.0, -130.0), (83.0, 92.0)):
        users = power_users.users_at(np.array([alpha]), np.array([beta]))
        at = [float(x[0]) for x in (users.gamma_rad, users.beta_rad, users.range_m)]
        found = power_bound(SCENE, *at, HeightPrior(0.0, sigma_h))
        ours = np.array([found.gamma_rad, found.beta_rad, found.range_m, found.height_m])
        worst = max(worst, np.max(np.abs(ours / plain_sigmas(*at, sigma_h) - 1)))
    evidence(
        "methods.power.bound",
        f"bounds over (gamma, beta, d), sigma_h = {sigma_h:g} m, relative",
        "plain NumPy model, finite differences",
        "implementation",
        achieved=worst,
        tolerance=1e-6,
    )


def test_the_position_covariance_is_that_of_the_gradients():
    found = power_bound(SCENE, *AT)

    def place_m(state):
        u, v, log_range = state
        return jnp.exp(log_range) * jnp.stack([u, v, jnp.sqrt(1 - u * u - v * v)])

    u, v = np.sin(AT[0]) * np.cos(AT[1]), np.sin(AT[0]) * np.sin(AT[1])
    jacobian = np.asarray(jax.jacfwd(place_m)(jnp.array([u, v, np.log(AT[2])])))
    expected = jacobian @ np.asarray(found.covariance) @ jacobian.T
    np.testing.assert_allclose(found.covariance_m2, expected, rtol=1e-9)
    np.testing.assert_allclose(found.position_m, np.sqrt(np.trace(expected)), rtol=1e-12)
    # The height above the sphere is one direction of that covariance.
    up = np.asarray(position_m(SCENE.shell, *AT)) * [1, 1, -1]
    up /= np.linalg.norm(up)
    np.testing.assert_allclose(found.height_m, np.sqrt(up @ expected @ up), rtol=1e-9)


def test_ten_times_the_integration_shrinks_the_bound_by_the_root_of_ten():
    longer = power_scene(b52(), noise_bandwidth_hz=100.0)
    ratio = np.array(power_bound(SCENE, *AT)[:7]) / np.array(power_bound(longer, *AT)[:7])
    np.testing.assert_allclose(ratio, np.sqrt(10.0), rtol=1e-10)


def test_at_nadir_only_the_azimuth_is_unknown():
    found = power_bound(SCENE, 0.0, 0.0, 1200e3)
    assert np.isinf(found.beta_rad)
    assert bool(found.azimuth_is_weak)
    near = power_bound(SCENE, 1e-7, 0.0, 1200e3)
    np.testing.assert_allclose(found.gamma_rad, near.gamma_rad, rtol=1e-5)
    np.testing.assert_allclose(found.height_m, found.range_m, rtol=1e-9)
    assert not bool(power_bound(SCENE, *AT).azimuth_is_weak)


def test_an_uncertain_calibration_never_helps_and_in_the_end_is_all_that_counts():
    exact, fair, poor, hopeless = (
        power_bound(SCENE, *AT, sigma_cal_db=x).position_m for x in (0.0, 0.3, 100.0, 1000.0)
    )
    assert exact < fair < poor < hopeless
    # All beams are then equally well known in decibels: sigma is proportional to sigma_cal.
    np.testing.assert_allclose(hopeless / poor, 10.0, rtol=0.01)


def test_two_beams_do_not_determine_three_unknowns():
    two = np.zeros(52, bool)
    two[[43, 44]] = True
    assert np.isnan(power_bound(SCENE, *AT, transmitted=two).position_m)
    assert np.isfinite(
        power_bound(SCENE, *AT, HeightPrior(0.0, 1000.0), transmitted=two).position_m
    )


@pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan])
def test_a_height_prior_needs_a_positive_sigma(untyped, sigma):
    with pytest.raises(LeopntError, match=r"sigma_m = .* m: expected a number above 0"):
        HeightPrior(0.0, sigma)
