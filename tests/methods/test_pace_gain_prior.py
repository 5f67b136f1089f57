"""Shrunk gains against integrals over all gains, and the error that they leave."""

import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.pace.gain_prior import CircularGain, KnownModulus
from leopnt.methods.pace.robust_beams import belief_of_gains

CAPABILITY = "methods.pace.gain_prior"
ESTIMATES = np.array([0.3 - 0.9j, 1.4 + 0.2j, 0.05j])


def moments(values, weights):
    mean = np.sum(weights * values) / np.sum(weights)
    return mean, np.sum(weights * np.abs(values - mean) ** 2) / np.sum(weights)


@pytest.mark.parametrize("error_variance", [0.2, 5.0])
def test_beliefs_are_the_moments_of_the_posterior(error_variance, evidence):
    axis = np.linspace(-9.0, 9.0, 721)
    plane = axis[:, None] + 1j * axis[None, :]
    circle = 1.3 * np.exp(2j * np.pi * np.arange(400) / 400)
    off = []
    for prior, values, density in (
        (CircularGain(0.7), plane, np.exp(-(np.abs(plane) ** 2) / 0.7)),
        (KnownModulus(1.3), circle, np.ones(400)),
    ):
        found = prior.belief(jnp.asarray(ESTIMATES), error_variance)
        for i, estimate in enumerate(ESTIMATES):
            weights = density * np.exp(-(np.abs(values - estimate) ** 2) / error_variance)
            mean, variance = moments(values, weights)
            off += [abs(found.mean[i] - mean), abs(found.variance[i] - variance)]
    evidence(
        CAPABILITY,
        f"mean and variance of gains of size 1, error variance {error_variance:g}",
        "sums over a grid of gains",
        "closed form",
        achieved=float(np.max(off)),
        tolerance=1e-10,
    )


def test_a_gain_without_error_is_taken_as_it_is():
    for prior in (CircularGain(1.0), KnownModulus(jnp.abs(jnp.asarray(ESTIMATES)))):
        for error_variance in (1e-14, 0.0):
            found = prior.belief(jnp.asarray(ESTIMATES), error_variance)
            np.testing.assert_allclose(found.mean, ESTIMATES, rtol=1e-11)
            assert np.all(np.asarray(found.variance) < 2e-14)


def test_an_estimate_of_zero_stays_finite():
    found = KnownModulus(2.0).belief(jnp.zeros(1, complex), 1.0)
    assert complex(found.mean[0]) == 0
    assert float(found.variance[0]) == 4.0


@pytest.mark.usefixtures("untyped")
def test_refuses_what_it_cannot_use_in_words():
    with pytest.raises(LeopntError, match="power = 0: expected a number above 0"):
        CircularGain(0.0)
    with pytest.raises(LeopntError, match="modulus = -1: expected a number above 0"):
        KnownModulus(-1.0)
    with pytest.raises(LeopntError, match="estimate holds NaN"):
        CircularGain(1.0).belief(jnp.asarray([np.nan + 0j]), 1.0)
    one = jnp.ones(1, complex)
    for prior in (CircularGain(1.0), KnownModulus(1.0)):
        with pytest.raises(LeopntError, match=r"error_variance = -0\.5: expected 0 or more"):
            prior.belief(one, -0.5)
        with pytest.raises(LeopntError, match=r"error_variance = -2: expected 0 or more"):
            belief_of_gains(one, jnp.asarray([-2.0]), one[:, None], prior)
