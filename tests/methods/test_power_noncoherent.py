"""A receiver that does not know the phase: its information, bound and fixes."""

import jax
import jax.numpy as jnp
import numpy as np
import power_users
import pytest
from scipy import integrate, special

from leopnt.antennas.beams import b52
from leopnt.methods.power import (
    NO_PRIOR,
    Coherent,
    NonCoherent,
    Starts,
    amplitudes,
    cosines,
    measure,
    ml_fix,
    power_bound,
    power_scene,
    received_power_dbw,
)
from leopnt.noise import FoldedAmplitude, Rician

QUIET = power_scene(b52(), noise_bandwidth_hz=30e3)
"""Short integration: most of the beams that are heard at all are near the noise."""

TRUTH = power_users.users_at(np.array([35.0]), np.array([220.0]))
AT = tuple(float(x[0]) for x in (TRUTH.gamma_rad, TRUTH.beta_rad, TRUTH.range_m))
USERS = 1000


@pytest.fixture(scope="module")
def power():
    """One user's powers, measured without phase a thousand times."""
    truth = received_power_dbw(QUIET, *AT)
    keys = jax.random.split(jax.random.key(7), USERS)
    draw = jax.jit(jax.vmap(lambda key: measure(QUIET, key, truth, NonCoherent())))
    return np.asarray(draw(keys))


@pytest.fixture(scope="module")
def start():
    return Starts(np.full((USERS, 1), AT[0] + 1e-3), np.full((USERS, 1), AT[1] + 1e-3))


@pytest.fixture(scope="module")
def fix(power, start):
    return ml_fix(QUIET, power, start, NO_PRIOR, noise=NonCoherent())


def log_density(y, amplitude):
    return np.log(y) - 0.5 * (y - amplitude) ** 2 + np.log(special.i0e(amplitude * y))


def information_by_integration(amplitude):
    """E[(d ln p / dA)^2] of the Rician law, its derivative by differences."""
    y = np.linspace(max(amplitude - 9.0, 0.0), amplitude + 9.0, 4001)[1:]
    step = 1e-5
    score = (log_density(y, amplitude + step) - log_density(y, amplitude - step)) / (2 * step)
    return integrate.simpson(np.exp(log_density(y, amplitude)) * score**2, x=y)


def test_the_information_is_that_of_the_integrated_rician_law(evidence):
    found = amplitudes(QUIET, *cosines(AT[0], AT[1]), jnp.log(AT[2]))
    weight = np.array([information_by_integration(float(a)) for a in found.amplitude])
    columns = np.stack(found[1:], axis=1)
    expected = columns.T @ (weight[:, None] * columns)
    ours = np.asarray(power_bound(QUIET, *AT, noise=NonCoherent()).information)
    scale = np.sqrt(np.diag(expected)[:, None] * np.diag(expected)[None, :])
    evidence(
        "methods.power.bound",
        "information about (u, v, ln d) of 52 beams without phase, relative",
        "density by SciPy's Bessel function, integrated numerically",
        "implementation",
        achieved=np.max(np.abs(ours - expected) / scale),
        tolerance=1e-7,
    )


def test_the_scatter_of_the_score_is_the_information(evidence):
    amplitude = jnp.array([0.1, 0.5, 1.0, 2.0, 5.0])
    scene = power_scene(b52())
    truth_dbw = 10 * jnp.log10(0.5 * scene.noise_w * amplitude**2)
    keys = jax.random.split(jax.random.key(1), 50_000)
    draw = jax.jit(jax.vmap(lambda key: measure(scene, key, truth_dbw, NonCoherent())))
    drawn_dbw = draw(keys)
    drawn = jnp.sqrt(2.0 * 10.0 ** (drawn_dbw / 10.0) / scene.noise_w)
    score = np.asarray(jax.jit(jax.vmap(lambda y: NonCoherent().score(y, amplitude)))(drawn))
    information = np.asarray(NonCoherent().whiten(jnp.ones(5), amplitude)) ** 2
    evidence(
        "methods.power.link",
        "variance of the score of an amplitude of 0.1 to 5 sigma without phase, relative",
        "Rician information, 50 000 draws",
        "monte carlo",
        achieved=np.max(np.abs(np.mean(score**2, axis=0) / information - 1)),
        tolerance=0.04,
    )
    assert np.all(np.abs(np.mean(score, axis=0)) < 4 * np.sqrt(information / len(keys)))


def test_fixes_without_phase_reach_their_bound(fix, evidence):
    error = power_users.position_error_m(fix, power_users.users_at(np.full(USERS, 35.0), 220.0))
    bound = float(power_bound(QUIET, *AT, noise=NonCoherent()).position_m)
    evidence(
        "methods.power.fix",
        "ML position RMS without phase over bound minus 1, 1000 runs, 30 kHz noise bandwidth",
        "Cramer-Rao bound of the Rician law",
        "monte carlo",
        achieved=abs(np.sqrt(np.mean(error**2)) / bound - 1),
        tolerance=0.08,
    )
    assert np.mean(fix.ok) > 0.99
    bias = np.mean(fix.range_m) - AT[2]
    assert abs(bias) < 4 * np.std(fix.range_m) / np.sqrt(USERS)
    # Every fix carries that bound at its own end.
    np.testing.assert_allclose(np.median(fix.bound.position_m), bound, rtol=0.02)


def test_a_lost_phase_costs_information_near_the_noise_only():
    quiet, loud = (power_scene(b52(), noise_bandwidth_hz=b) for b in (30e3, 1e-4))
    for scene, least, most in ((quiet, 1.01, 3.0), (loud, 1.0, 1.0 + 1e-4)):
        ratio = (
            power_bound(scene, *AT, noise=NonCoherent()).position_m
            / power_bound(scene, *AT).position_m
        )
        assert least <= ratio <= most
    lost_sign = power_bound(quiet, *AT, noise=FoldedAmplitude(1.0)).position_m
    assert power_bound(quiet, *AT).position_m < lost_sign
    assert lost_sign < power_bound(quiet, *AT, noise=NonCoherent()).position_m


def test_both_receivers_are_named_for_what_they_are():
    truth, key = received_power_dbw(QUIET, *AT), jax.random.key(2)
    y, a = jnp.array([0.3, 1.0, 4.0]), jnp.array([0.1, 1.5, 4.5])
    for named, law in ((Coherent(), FoldedAmplitude(1.0)), (NonCoherent(), Rician(1.0))):
        np.testing.assert_array_equal(named.nll(y, a), law.nll(y, a))
        np.testing.assert_array_equal(named.score(y, a), law.score(y, a))
        drawn = measure(QUIET, key, truth, named)
        np.testing.assert_array_equal(drawn, measure(QUIET, key, truth, law))
    np.testing.assert_array_equal(
        measure(QUIET, key, truth), measure(QUIET, key, truth, Coherent())
    )
    np.testing.assert_array_equal(
        power_bound(QUIET, *AT).covariance, power_bound(QUIET, *AT, noise=Coherent()).covariance
    )


def test_an_uncertain_calibration_adds_to_the_noise_without_phase():
    exact, fair = (
        power_bound(QUIET, *AT, noise=NonCoherent(), sigma_cal_db=x).position_m for x in (0.0, 1.0)
    )
    coherent = power_bound(QUIET, *AT, sigma_cal_db=1.0).position_m
    assert exact < fair
    assert coherent < fair
