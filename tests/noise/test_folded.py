"""Folded normal noise against SciPy and against adaptive quadrature."""

import itertools
from decimal import MIN_EMIN, Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from leopnt.noise import FoldedAmplitude, Gaussian
from leopnt.noise.folded import folded_information


def information_by_adaptive_quadrature(s):
    """E[(y tanh(s y) - s)^2] with SciPy, split where the integrand turns."""

    def integrand(y):
        density = stats.norm.pdf(y, s) + stats.norm.pdf(y, -s)
        return density * (y * np.tanh(s * y) - s) ** 2

    turns = [0.5 / s, 2 / s, s - 6, s - 3, s - 1, s, s + 1, s + 3, s + 6, 1.0, 3.0]
    edges = np.unique(np.clip([0.0, *turns, s + 14], 0.0, s + 14))
    pieces = itertools.pairwise(edges)
    return sum(integrate.quad(integrand, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in pieces)


def test_information_agrees_with_adaptive_quadrature(evidence):
    snrs = np.concatenate([np.geomspace(1e-3, 30.0, 30), np.linspace(1.0, 6.0, 11)])
    got = np.asarray(folded_information(jnp.asarray(snrs)))
    exact = np.array([information_by_adaptive_quadrature(s) for s in snrs])
    evidence(
        "noise.folded",
        "information of a folded amplitude, SNR 0.001 to 30, relative",
        "scipy adaptive quadrature",
        "implementation",
        achieved=np.max(np.abs(got / exact - 1)),
        tolerance=1e-12,
    )


def test_information_has_its_limits_and_is_even():
    snr = jnp.array([0.0, 1e-8, 1e-5, 1e3, 1e6])
    got = folded_information(snr)
    np.testing.assert_allclose(got[:3], 2 * snr[:3] ** 2, rtol=1e-9)  # series: 2 s^2 - 4 s^4
    np.testing.assert_allclose(got[3:], 1.0, rtol=1e-10)
    np.testing.assert_array_equal(folded_information(-snr), got)
    assert np.all(np.diff(folded_information(jnp.linspace(0.0, 5.0, 200))) > 0)


def test_information_has_smooth_derivatives_through_zero():
    @jax.jit
    def information(s):
        return folded_information(s[None])[0]

    zero = jnp.asarray(0.0)
    slope = jax.jit(jax.grad(information))
    assert slope(zero) == 0.0
    np.testing.assert_allclose(jax.jit(jax.grad(slope))(zero), 4.0, rtol=1e-12)
    s, step = 0.8, 1e-3
    below, above = (information_by_adaptive_quadrature(s + x) for x in (-step, step))
    difference = (above - below) / (2 * step)
    np.testing.assert_allclose(slope(jnp.asarray(s)), difference, rtol=1e-5)


@pytest.mark.parametrize("amplitude", [0.0, 0.3, -1.5, 40.0])
def test_likelihood_is_that_of_scipy(amplitude):
    y = np.array([0.0, 0.1, 0.9, 3.0, 44.0])
    expected = -stats.foldnorm.logpdf(y, abs(amplitude) / 0.8, scale=0.8)
    noise = FoldedAmplitude(0.8)
    got = [noise.nll(jnp.asarray(v), jnp.asarray(amplitude)) for v in y]
    keep = np.isfinite(expected)  # SciPy underflows in the far tails
    assert keep.sum() >= 1
    np.testing.assert_allclose(np.array(got)[keep], expected[keep], rtol=1e-12, atol=1e-12)
    together = noise.nll(jnp.asarray(y), jnp.full(5, amplitude))
    np.testing.assert_allclose(together, np.sum(got), rtol=1e-14)


@pytest.mark.parametrize(
    ("y", "a", "sigma"),
    [(1e3, 1e3, 1.0), (30.0, -30.0, 1.0), (0.0, 50.0, 1.0), (2e4, 1.0, 0.5), (5e-324, 3.0, 1.0)],
)
def test_far_tails_agree_with_50_digits(y, a, sigma):
    # a y / sigma^2 beyond 700, where exp overflows.
    with localcontext() as context:
        context.prec, context.Emin = 50, MIN_EMIN
        d_y, d_a, d_s = (Decimal(x) for x in (y, a, sigma))
        near, far = (-((d_y - x) ** 2) / (2 * d_s**2) for x in (d_a, -d_a))
        pi = Decimal("3.14159265358979323846264338327950288419716939937511")
        exact = -(near.exp() + far.exp()).ln() + (2 * pi).ln() / 2 + d_s.ln()
    got = FoldedAmplitude(sigma).nll(jnp.asarray(y), jnp.asarray(a))
    # With opposite signs 2 a y cancels, which costs digits of a y / sigma^2 and no more.
    np.testing.assert_allclose(got, float(exact), rtol=1e-14, atol=1e-16 * abs(a * y) / sigma**2)


def test_the_sign_of_the_amplitude_does_not_matter():
    noise = FoldedAmplitude(0.6)
    y, a = jnp.array([0.2, 1.0, 2.0]), jnp.array([0.5, -0.1, 1.9])
    np.testing.assert_allclose(noise.nll(y, -a), noise.nll(y, a), rtol=1e-14)
    np.testing.assert_allclose(noise.score(y, -a), -noise.score(y, a), rtol=1e-14)
    np.testing.assert_allclose(noise.information(-a), noise.information(a), rtol=1e-14)


def test_curvature_at_zero_amplitude_is_one_minus_power_over_variance():
    # d2 nll / d a2 = 1/sigma^2 - y^2/sigma^4 at a = 0: a |a| in the likelihood would lose it.
    for y in (0.0, 0.5, 2.0):
        got = jax.hessian(lambda a, y=y: FoldedAmplitude(0.8).nll(jnp.asarray(y), a))(0.0)
        np.testing.assert_allclose(got, 1 / 0.8**2 - y**2 / 0.8**4, rtol=1e-13)


def test_score_is_finite_at_zero_and_far_out():
    noise = FoldedAmplitude(1.0)
    y, a = jnp.array([0.0, 0.0, 3.0, 1e5]), jnp.array([0.0, 4.0, 0.0, 2e5])
    np.testing.assert_allclose(noise.score(y, a), [0.0, -4.0, 0.0, -1e5])


def test_at_high_snr_folding_loses_nothing():
    noise, plain = FoldedAmplitude(0.5), Gaussian(0.5)
    y, a = jnp.asarray(20.3), jnp.asarray(20.0)
    np.testing.assert_allclose(noise.nll(y, a), plain.nll(y, a), rtol=1e-14)
    np.testing.assert_allclose(noise.score(y, a), plain.score(y, a), rtol=1e-13)
    np.testing.assert_allclose(noise.information(a), plain.information(a), rtol=1e-13)


def test_a_negative_magnitude_is_impossible():
    noise = FoldedAmplitude(1.0)
    assert noise.nll(jnp.asarray(-0.1), jnp.asarray(0.3)) == jnp.inf
    assert noise.nll(jnp.array([0.5, -0.1]), jnp.zeros(2)) == jnp.inf
    assert np.isfinite(jax.grad(lambda a: noise.nll(jnp.asarray(-0.1), a))(0.3))
    assert np.isnan(noise.nll(jnp.asarray(np.nan), jnp.asarray(0.3)))


@pytest.mark.parametrize("amplitude", [0.0, 0.7, -3.0])
def test_samples_follow_the_folded_law(amplitude):
    sample = FoldedAmplitude(0.8).sample(jax.random.key(3), jnp.full(20_000, amplitude))
    law = stats.foldnorm(abs(amplitude) / 0.8, scale=0.8)
    assert stats.kstest(np.asarray(sample), law.cdf).pvalue > 1e-3
    assert abs(np.mean(sample) - law.mean()) < 4 * law.std() / np.sqrt(20_000)
