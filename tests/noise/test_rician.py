"""Rician noise against SciPy and against adaptive quadrature."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from leopnt.noise import ComplexGaussian, Gaussian, Rician
from leopnt.noise.rician import bessel_ratio, rician_information


def information_by_adaptive_quadrature(s):
    """E[(y I1(s y)/I0(s y) - s)^2] with SciPy."""

    def integrand(y):
        ratio = special.i1e(s * y) / special.i0e(s * y)
        density = y * np.exp(-0.5 * (y - s) ** 2) * special.i0e(s * y)
        return density * (y * ratio - s) ** 2

    edges = np.unique(np.clip([0.0, 1.0, 3.0, s - 6, s - 3, s, s + 3, s + 6, s + 14], 0.0, s + 14))
    pieces = itertools.pairwise(edges)
    return sum(integrate.quad(integrand, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in pieces)


def test_information_agrees_with_adaptive_quadrature(evidence):
    snrs = np.concatenate([np.geomspace(1e-3, 30.0, 30), np.linspace(1.0, 10.0, 11)])
    got = np.asarray(rician_information(jnp.asarray(snrs)))
    exact = np.array([information_by_adaptive_quadrature(s) for s in snrs])
    evidence(
        "noise.rician",
        "information of a Rician amplitude, SNR 0.001 to 30, relative",
        "scipy adaptive quadrature",
        "implementation",
        achieved=np.max(np.abs(got / exact - 1)),
        tolerance=1e-12,
    )


def test_information_has_its_limits_and_is_even():
    small, large = jnp.array([0.0, 1e-8, 1e-5]), jnp.array([30.0, 1e3, 1e5])
    np.testing.assert_allclose(rician_information(small), small**2, rtol=1e-9)
    np.testing.assert_allclose(1 - rician_information(large), 0.5 / large**2, rtol=3e-3, atol=1e-11)
    np.testing.assert_array_equal(rician_information(-large), rician_information(large))
    assert np.all(np.diff(rician_information(jnp.linspace(0.0, 20.0, 200))) > 0)


def test_information_has_smooth_derivatives_through_zero():
    @jax.jit
    def information(s):
        return rician_information(s[None])[0]

    zero = jnp.asarray(0.0)
    slope = jax.jit(jax.grad(information))
    assert slope(zero) == 0.0
    np.testing.assert_allclose(jax.jit(jax.grad(slope))(zero), 2.0, rtol=1e-12)
    s, step = 0.8, 1e-3
    below, above = (information_by_adaptive_quadrature(s + x) for x in (-step, step))
    difference = (above - below) / (2 * step)
    np.testing.assert_allclose(slope(jnp.asarray(s)), difference, rtol=1e-5)


@pytest.mark.parametrize("amplitude", [0.0, 0.3, 1.5, 40.0])
def test_likelihood_is_that_of_scipy(amplitude):
    y = np.array([1e-6, 0.1, 0.9, 3.0, 44.0])
    expected = -stats.rice.logpdf(y, amplitude / 0.8, scale=0.8)
    noise = Rician(0.8)
    got = [noise.nll(jnp.asarray(v), jnp.asarray(amplitude)) for v in y]
    keep = np.isfinite(expected)
    assert keep.sum() >= 1
    np.testing.assert_allclose(np.array(got)[keep], expected[keep], rtol=1e-11, atol=1e-11)
    together = noise.nll(jnp.asarray(y), jnp.full(5, amplitude))
    np.testing.assert_allclose(together, np.sum(got), rtol=1e-14)


def test_far_tails_are_finite_and_follow_the_asymptotic_law():
    # a y / sigma^2 = 1e12: I0 overflows, the density is that of a Gaussian times sqrt(y/a).
    y, a = 1.0e6 + 2.0, 1.0e6
    exact = 0.5 * 2.0**2 + 0.5 * np.log(2 * np.pi) - 0.5 * np.log(y / a)
    got = Rician(1.0).nll(jnp.asarray(y), jnp.asarray(a))
    np.testing.assert_allclose(got, exact, rtol=1e-12)
    np.testing.assert_allclose(Rician(1.0).score(jnp.asarray(y), jnp.asarray(a)), 2.0, rtol=1e-6)


def test_without_signal_it_is_rayleigh():
    y = jnp.array([0.2, 1.0, 3.0])
    expected = -stats.rayleigh.logpdf(np.asarray(y), scale=0.7).sum()
    np.testing.assert_allclose(Rician(0.7).nll(y, jnp.zeros(3)), expected, rtol=1e-13)


def test_it_is_complex_noise_averaged_over_the_unseen_phase(evidence):
    # p(|z|) = |z| * integral over the phase of the complex density, CN with twice the variance.
    worst = 0.0
    phase = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    for y, a in ((0.3, 0.0), (0.9, 1.2), (4.0, 2.5)):
        noise = ComplexGaussian(0.8 * np.sqrt(2))
        ring = jnp.asarray(y * np.exp(1j * phase))
        nll = jax.vmap(lambda z, n=noise, p=a: n.nll(z, jnp.asarray(p + 0j)))(ring)
        density = y * np.mean(np.exp(-np.asarray(nll))) * 2 * np.pi
        got = Rician(0.8).nll(jnp.asarray(y), jnp.asarray(a))
        worst = max(worst, abs(float(got) + np.log(density)))
    evidence(
        "noise.rician",
        "negative log-likelihood",
        "complex Gaussian density integrated over the phase",
        "closed form",
        achieved=worst,
        tolerance=1e-12,
        unit="nat",
    )


def test_the_sign_of_the_amplitude_does_not_matter():
    noise = Rician(0.6)
    y, a = jnp.array([0.2, 1.0, 20.0]), jnp.array([0.5, 0.1, 19.0])
    np.testing.assert_allclose(noise.nll(y, -a), noise.nll(y, a), rtol=1e-13)
    np.testing.assert_allclose(noise.score(y, -a), -noise.score(y, a), rtol=1e-13)
    np.testing.assert_allclose(noise.information(-a), noise.information(a), rtol=1e-14)


def test_curvature_at_zero_amplitude_is_one_minus_half_the_power_over_variance():
    # d2 nll / d a2 = 1/sigma^2 - y^2/(2 sigma^4) at a = 0, and no slope.
    for y in (0.1, 0.5, 2.0):

        def nll(a, y=y):
            return Rician(0.8).nll(jnp.asarray(y), a)

        assert jax.grad(nll)(0.0) == 0.0
        np.testing.assert_allclose(
            jax.hessian(nll)(0.0), 1 / 0.8**2 - 0.5 * y**2 / 0.8**4, rtol=1e-13
        )


def test_at_high_snr_one_quadrature_is_left():
    noise, plain = Rician(0.5), Gaussian(0.5)
    y, a = jnp.asarray(5000.3), jnp.asarray(5000.0)
    np.testing.assert_allclose(noise.score(y, a), plain.score(y, a), atol=1e-3)
    np.testing.assert_allclose(noise.information(a), plain.information(a), rtol=1e-7)


def test_zero_and_negative_magnitudes_are_impossible():
    noise = Rician(1.0)
    for y in (0.0, -0.1):
        assert noise.nll(jnp.asarray(y), jnp.asarray(0.3)) == jnp.inf
        assert np.isfinite(jax.grad(lambda a, y=y: noise.nll(jnp.asarray(y), a))(0.3))
    assert np.isnan(noise.nll(jnp.asarray(np.nan), jnp.asarray(0.3)))
    assert noise.score(jnp.asarray(0.0), jnp.asarray(0.0)) == 0.0


@pytest.mark.parametrize("x", [0.0, 1e-9, 1e-3, 0.0099, 0.0101, 0.7, 30.0, 999.0, 1001.0, 1e8])
def test_bessel_ratio_and_its_two_derivatives(x):
    ratio = special.i1e(x) / special.i0e(x)
    over = 0.5 if x == 0 else ratio / x
    np.testing.assert_allclose(bessel_ratio(jnp.asarray(x)), ratio, rtol=1e-14)
    np.testing.assert_allclose(bessel_ratio(jnp.asarray(-x)), -ratio, rtol=1e-14)
    slope = jax.grad(bessel_ratio)(jnp.asarray(x))
    tail = 0.5 / x**2 + 0.25 / x**3 if x > 30 else 1 - over - ratio**2
    np.testing.assert_allclose(slope, tail, rtol=2e-3 if x == 30 else 1e-5, atol=1e-15)
    step = 1e-3 * max(x, 1.0)
    slopes = [jax.grad(bessel_ratio)(jnp.asarray(x + k * step)) for k in (-1, 1)]
    difference = (slopes[1] - slopes[0]) / (2 * step)
    curvature = jax.grad(jax.grad(bessel_ratio))(jnp.asarray(x))
    np.testing.assert_allclose(curvature, difference, rtol=1e-5, atol=1e-7 / max(x, 1.0) ** 3)


@pytest.mark.parametrize("amplitude", [0.0, 0.7, -3.0])
def test_samples_follow_the_rician_law(amplitude):
    sample = Rician(0.8).sample(jax.random.key(3), jnp.full(20_000, amplitude))
    law = stats.rice(abs(amplitude) / 0.8, scale=0.8)
    assert stats.kstest(np.asarray(sample), law.cdf).pvalue > 1e-3
    assert abs(np.mean(sample) - law.mean()) < 4 * law.std() / np.sqrt(20_000)
