"""Received power and noise against the worked case, closed forms and automatic differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
import power_users
import power_worked_case as case
import pytest

from leopnt.antennas.beams import b52
from leopnt.channel.path_loss import free_space_loss_db
from leopnt.errors import LeopntError
from leopnt.methods.power import (
    amplitude_of_power,
    amplitudes,
    cosines,
    eirp_of_angles,
    heard,
    measure,
    power_of_amplitude,
    power_scene,
    power_sigma_db,
    received_power_dbw,
)
from leopnt.noise import Rician

SCENE = power_scene(b52())
TRUTH = power_users.users_at(np.array([35.0]), np.array([220.0]))
GAMMA, BETA, RANGE_M = (float(x[0]) for x in (TRUTH.gamma_rad, TRUTH.beta_rad, TRUTH.range_m))


def test_powers_of_the_worked_case_are_found(evidence):
    power = np.asarray(received_power_dbw(SCENE, GAMMA, BETA, RANGE_M))
    assert list(np.argsort(-power)[:6]) == case.STRONGEST
    assert np.sum(power > -160.0) == 27
    np.testing.assert_allclose(
        free_space_loss_db(RANGE_M, SCENE.carrier_hz), case.LOSS_DB, atol=1e-8
    )
    evidence(
        "methods.power.link",
        "received powers of the six strongest beams",
        "worked case of an independent implementation",
        "implementation",
        achieved=np.max(np.abs(power[case.STRONGEST] - case.POWER_DBW)),
        tolerance=1e-8,
        unit="dB",
    )


def test_derivatives_of_the_worked_case_are_found():
    found = eirp_of_angles(SCENE.antenna, GAMMA, BETA).jacobian_db
    np.testing.assert_allclose(
        np.asarray(found)[case.STRONGEST], case.JACOBIAN_DB_PER_RAD, atol=1e-8
    )


def test_derivatives_by_angles_and_cosines_agree_with_automatic_ones(evidence):
    rng = np.random.default_rng(2)
    gamma, beta = rng.uniform(0.05, 0.97, 30), rng.uniform(-np.pi, np.pi, 30)
    places = jnp.asarray(np.stack([gamma, beta], axis=1))

    def eirp(y):
        return SCENE.antenna.eirp_dbw(*cosines(y[0], y[1]))

    found = jax.jit(jax.vmap(lambda y: eirp_of_angles(SCENE.antenna, y[0], y[1])))(places)
    automatic = jax.jit(jax.vmap(jax.jacfwd(eirp)))(places)
    size = np.max(np.abs(automatic), axis=(1, 2), keepdims=True)
    worst = np.max(np.abs(found.jacobian_db - automatic) / size)

    states = jnp.stack([*cosines(places[:, 0], places[:, 1]), jnp.full(30, 14.3)], axis=1)
    rows = jax.jit(jax.vmap(lambda y: amplitudes(SCENE, *y)))(states)
    of_amplitude = jax.jit(jax.vmap(jax.jacfwd(lambda y: amplitudes(SCENE, *y).amplitude)))(states)
    ours = np.stack(rows[1:], axis=-1)
    size = np.max(np.abs(of_amplitude), axis=(1, 2), keepdims=True)
    evidence(
        "methods.power.link",
        "derivatives of EIRP by angles and of amplitudes by (u, v, ln d), relative",
        "automatic differentiation",
        "implementation",
        achieved=max(worst, np.max(np.abs(ours - of_amplitude) / size)),
        tolerance=1e-10,
    )


def test_amplitudes_are_those_of_the_powers():
    found = amplitudes(SCENE, *cosines(GAMMA, BETA), np.log(RANGE_M)).amplitude
    power = received_power_dbw(SCENE, GAMMA, BETA, RANGE_M)
    np.testing.assert_allclose(found, amplitude_of_power(SCENE, power), rtol=1e-11)
    np.testing.assert_allclose(power_of_amplitude(SCENE, found), power, rtol=1e-12)


def test_noise_is_that_of_the_stated_temperature_and_bandwidth():
    np.testing.assert_allclose(SCENE.noise_w, 4.00388e-18, rtol=2e-6)
    np.testing.assert_allclose(10 * np.log10(SCENE.noise_w), -173.9752, atol=5e-5)
    sigma = power_sigma_db(SCENE, jnp.array([-130.0, -140.0, -150.0, -160.0]))
    np.testing.assert_allclose(sigma, [0.039, 0.12, 0.39, 1.23], rtol=0.03)


@pytest.mark.parametrize(("noise", "share"), [(None, 0.5), (Rician(1.0), 1.0)])
def test_measured_powers_are_too_high_by_their_share_of_the_noise(noise, share, evidence):
    true_w = 3.0 * float(SCENE.noise_w)
    power = jnp.full(200_000, 10 * np.log10(true_w))
    measured_w = 10 ** (np.asarray(measure(SCENE, jax.random.key(3), power, noise)) / 10)
    excess = (measured_w.mean() - true_w) / float(SCENE.noise_w)
    evidence(
        "methods.power.link",
        f"bias of measured power in units of N, expected {share}, 200 000 draws",
        "E P_hat = P + N/2 coherent, P + N non-coherent",
        "monte carlo",
        achieved=abs(excess - share),
        tolerance=0.03,
    )


def test_strong_powers_scatter_as_small_noise_says():
    power = jnp.full(100_000, -140.0)
    scatter = np.std(measure(SCENE, jax.random.key(5), power))
    np.testing.assert_allclose(scatter, power_sigma_db(SCENE, power)[0], rtol=0.01)


def test_the_footprint_is_as_strong_and_has_as_many_beams_as_published():
    users = power_users.grid(runs=1)
    one = jax.jit(jax.vmap(lambda g, b, d: received_power_dbw(SCENE, g, b, d)))
    power = np.asarray(one(users.gamma_rad, users.beta_rad, users.range_m))
    counts = np.sum(power > -160.0, axis=1)
    means = [counts[users.band(low, low + 10)].mean() for low in range(10, 90, 10)]
    np.testing.assert_allclose(means, [11.5, 17, 25, 33, 36, 40, 43, 44], atol=0.8)
    best = power.max(axis=1)
    for alpha, expected in ((84.5, -134.0), (30.5, -128.0), (14.5, -132.0)):
        assert abs(best[users.alpha_deg == alpha].mean() - expected) < 1.0


def test_the_threshold_is_on_measured_power_and_counts_only_what_was_sent():
    power = jnp.array([-159.9, -160.0, -160.1, -120.0])
    used = heard(power, -160.0, jnp.array([True, True, True, False]))
    np.testing.assert_array_equal(used, [True, True, False, False])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature_k": 0.0}, "temperature_k = 0 K: expected a number above 0"),
        ({"noise_bandwidth_hz": -1.0}, "noise_bandwidth_hz = -1 Hz: expected a number above 0"),
        ({"carrier_hz": 0.0}, "carrier_hz = 0 Hz: expected a number above 0"),
        ({"rx_gain_dbi": np.nan}, "rx_gain_dbi = nan: expected a finite number"),
    ],
)
def test_impossible_receivers_are_refused(untyped, settings, message):
    with pytest.raises(LeopntError, match=message):
        power_scene(b52(), **settings)
