"""Gaussian noise against SciPy's densities and against its own correlated form."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from leopnt.noise import (
    ComplexGaussian,
    ComplexGaussianCovariance,
    Gaussian,
    GaussianCovariance,
    as_real,
    from_real,
)

RNG = np.random.default_rng(7)
FACTOR = RNG.normal(size=(4, 4))
COVARIANCE = FACTOR @ FACTOR.T + 0.1 * np.eye(4)
COMPLEX_FACTOR = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
HERMITIAN = COMPLEX_FACTOR @ COMPLEX_FACTOR.conj().T + 0.1 * np.eye(3)


def real_form(hermitian):
    """Covariance of [Re n, Im n] for n ~ CN(0, C): [[Re C, -Im C], [Im C, Re C]] / 2."""
    return 0.5 * np.block([[hermitian.real, -hermitian.imag], [hermitian.imag, hermitian.real]])


def test_likelihoods_are_those_of_scipy(evidence):
    observation, prediction = RNG.normal(size=(2, 4)) * 3
    z, mean = RNG.normal(size=(2, 3)) + 1j * RNG.normal(size=(2, 3))
    sigma = np.array([0.3, 1.0, 5.0, 2.0])
    o, p, zo, zp = map(jnp.asarray, (observation, prediction, z, mean))
    stacked = np.concatenate([(z - mean).real, (z - mean).imag])
    pairs = [
        (Gaussian(0.7).nll(o, p), stats.norm.logpdf(observation, prediction, 0.7).sum()),
        (
            Gaussian(jnp.asarray(sigma)).nll(o, p),
            stats.norm.logpdf(observation, prediction, sigma).sum(),
        ),
        (
            GaussianCovariance(jnp.asarray(COVARIANCE)).nll(o, p),
            stats.multivariate_normal.logpdf(observation, prediction, COVARIANCE),
        ),
        (
            ComplexGaussian(0.7).nll(zo, zp),
            stats.norm.logpdf(stacked, 0.0, 0.7 / np.sqrt(2)).sum(),
        ),
        (
            ComplexGaussianCovariance(jnp.asarray(HERMITIAN)).nll(zo, zp),
            stats.multivariate_normal.logpdf(stacked, None, real_form(HERMITIAN)),
        ),
    ]
    evidence(
        "noise.gaussian",
        "negative log-likelihood, real and complex, diagonal and correlated",
        "scipy.stats norm and multivariate_normal",
        "implementation",
        achieved=max(abs(float(nll) + logpdf) for nll, logpdf in pairs),
        tolerance=1e-11,
        unit="nat",
    )


def test_curvature_of_complex_noise_is_two_over_its_variance():
    # Also where the residual is zero, which is where abs(z)**2 would lose it.
    noise = ComplexGaussian(jnp.array([0.5, 2.0]))
    prediction = jnp.array([1.0 + 1j, -2.0j])
    curvature = jax.jit(
        jax.hessian(lambda r, observation: noise.nll(observation, from_real(r, prediction)))
    )
    for observation in (prediction, prediction + 0.3 - 0.2j):
        hessian = curvature(as_real(prediction), observation)
        np.testing.assert_allclose(hessian, np.diag([8.0, 0.5, 8.0, 0.5]), atol=1e-13)
    np.testing.assert_allclose(noise.information(prediction), np.diag([8.0, 0.5, 8.0, 0.5]))


def test_information_is_the_inverse_covariance_of_the_real_form(evidence):
    worst = 0.0
    for information, covariance in (
        (GaussianCovariance(jnp.asarray(COVARIANCE)).information(jnp.zeros(4)), COVARIANCE),
        (
            ComplexGaussianCovariance(jnp.asarray(HERMITIAN)).information(jnp.zeros(3) + 0j),
            real_form(HERMITIAN),
        ),
        (ComplexGaussian(0.7).information(jnp.zeros(2) + 0j), 0.245 * np.eye(4)),
        (Gaussian(0.5).information(jnp.zeros(2)), 0.25 * np.eye(2)),
    ):
        worst = max(worst, np.max(np.abs(information @ covariance - np.eye(len(covariance)))))
    evidence(
        "noise.gaussian",
        "information times covariance of the real form against identity",
        "closed form",
        "closed form",
        achieved=worst,
        tolerance=1e-11,
    )


def test_a_diagonal_covariance_is_independent_noise():
    sigma = jnp.array([0.4, 1.0, 3.0])
    o, p = jnp.asarray(RNG.normal(size=(2, 3)))
    rows = jnp.asarray(RNG.normal(size=(3, 5)))
    apart, together = Gaussian(sigma), GaussianCovariance(jnp.diag(sigma**2))
    np.testing.assert_allclose(together.nll(o, p), apart.nll(o, p), rtol=1e-13)
    np.testing.assert_allclose(together.score(o, p), apart.score(o, p), rtol=1e-13)
    np.testing.assert_allclose(together.whiten(rows, p), apart.whiten(rows, p), rtol=1e-13)

    zo, zp = o + 1j * p, p - 0.5j * o
    rows = jnp.asarray(RNG.normal(size=(6, 5)))
    apart = ComplexGaussian(sigma)
    together = ComplexGaussianCovariance(jnp.diag(sigma**2).astype(complex))
    np.testing.assert_allclose(together.nll(zo, zp), apart.nll(zo, zp), rtol=1e-13)
    np.testing.assert_allclose(together.score(zo, zp), apart.score(zo, zp), rtol=1e-13)
    np.testing.assert_allclose(together.whiten(rows, zp), apart.whiten(rows, zp), rtol=1e-13)


def test_turning_the_phase_of_circular_noise_changes_no_likelihood():
    turn = np.exp(0.7j)
    z, mean = (jnp.asarray(x) for x in RNG.normal(size=(2, 3)) + 1j * RNG.normal(size=(2, 3)))
    for noise in (ComplexGaussian(0.9), ComplexGaussianCovariance(jnp.asarray(HERMITIAN))):
        np.testing.assert_allclose(noise.nll(turn * z, turn * mean), noise.nll(z, mean), rtol=1e-13)


def test_samples_have_the_covariance_that_was_asked_for(evidence):
    num = 40_000
    worst = 0.0
    real_mean, mean = jnp.array([1.0, -2.0, 0.5, 3.0]), jnp.array([1.0 - 1j, 2j, -0.5])
    for i, (noise, prediction, covariance) in enumerate(
        (
            (Gaussian(jnp.array([0.1, 1.0, 2.0, 3.0])), real_mean, np.diag([0.01, 1.0, 4.0, 9.0])),
            (GaussianCovariance(jnp.asarray(COVARIANCE)), real_mean, COVARIANCE),
            (ComplexGaussian(2.0), mean, 2.0 * np.eye(6)),
            (ComplexGaussianCovariance(jnp.asarray(HERMITIAN)), mean, real_form(HERMITIAN)),
        )
    ):
        keys = jax.random.split(jax.random.key(i), num)
        samples = np.asarray(
            jax.vmap(lambda k, n=noise, p=prediction: as_real(n.sample(k, p)))(keys)
        ) - np.asarray(as_real(prediction))
        variance = np.diag(covariance)
        worst = max(worst, np.max(np.abs(samples.mean(axis=0)) / np.sqrt(variance / num)))
        # Var of a sample covariance entry: (C_ii C_jj + C_ij^2) / num.
        spread = np.sqrt((np.outer(variance, variance) + covariance**2) / num)
        worst = max(worst, np.max(np.abs(samples.T @ samples / num - covariance) / spread))
    evidence(
        "noise.gaussian",
        "mean and covariance of 40 000 draws, real and complex, diagonal and correlated",
        "the covariance asked for",
        "monte carlo",
        achieved=worst,
        tolerance=4.5,
        unit="standard errors",
    )


def test_complex_samples_are_circular():
    keys = jax.random.split(jax.random.key(9), 40_000)
    prediction = jnp.zeros(3) + 0j
    noise = ComplexGaussianCovariance(jnp.asarray(HERMITIAN))
    n = np.asarray(jax.vmap(lambda k: noise.sample(k, prediction))(keys))
    scale = np.sqrt(np.outer(np.diag(HERMITIAN).real, np.diag(HERMITIAN).real))
    assert np.max(np.abs(n.T @ n) / len(n) / scale) < 4.5 / np.sqrt(len(n)) * np.sqrt(2)
    np.testing.assert_allclose(n.T @ n.conj() / len(n) / scale, HERMITIAN / scale, atol=0.03)


def test_samples_follow_the_normal_law():
    sample = Gaussian(2.5).sample(jax.random.key(3), jnp.full(20_000, 7.0))
    assert stats.kstest(np.asarray(sample), stats.norm(7.0, 2.5).cdf).pvalue > 1e-3


def test_far_tails_keep_their_digits():
    np.testing.assert_allclose(
        Gaussian(1e-3).nll(jnp.asarray(1e6), jnp.asarray(0.0)), 0.5e18, rtol=1e-14
    )
