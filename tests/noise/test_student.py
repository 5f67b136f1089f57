"""Student-t noise against SciPy and its Gaussian limit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from leopnt.noise import Gaussian, StudentT


def test_likelihood_is_that_of_scipy(evidence):
    y = np.array([-40.0, -1.0, 0.0, 0.3, 2.0, 1e3, 1e8])
    worst = 0.0
    for dof in (0.3, 1.0, 2.5, 4.0, 30.0, 99.0, 101.0, 1e3):
        expected = -stats.t.logpdf(y, dof, 0.2, 0.7)
        for v, e in zip(y, expected, strict=True):
            got = float(StudentT(0.7, dof).nll(jnp.asarray(v), jnp.asarray(0.2)))
            worst = max(worst, abs(got - e) / max(1.0, abs(e)))
    evidence(
        "noise.student",
        "negative log-likelihood, 0.3 to 1000 degrees of freedom, relative",
        "scipy.stats.t",
        "implementation",
        achieved=worst,
        tolerance=1e-11,
    )


def test_entries_add_up_whether_sigma_is_shared_or_not():
    y, sigma = np.array([0.3, -2.0, 5.0]), np.array([0.5, 1.0, 4.0])
    for scale in (0.7, sigma):
        expected = -stats.t.logpdf(y, 3.0, 0.0, scale).sum()
        noise = StudentT(jnp.asarray(scale), 3.0)
        np.testing.assert_allclose(noise.nll(jnp.asarray(y), jnp.zeros(3)), expected, rtol=1e-13)


def test_with_one_degree_of_freedom_it_is_cauchy():
    got = StudentT(2.0, 1.0).nll(jnp.asarray(5.0), jnp.asarray(1.0))
    np.testing.assert_allclose(got, np.log(np.pi * 2.0 * (1 + 4.0)), rtol=1e-14)


@pytest.mark.parametrize("dof", [1e6, 1e10, 1e14])
def test_many_degrees_of_freedom_approach_gaussian_noise(dof):
    # First correction: (z^4 - 2 z^2 - 1) / (4 dof), times -1 in the likelihood.
    y, f, z = jnp.asarray(1.3), jnp.asarray(0.2), 1.1 / 0.7
    noise, plain = StudentT(0.7, dof), Gaussian(0.7)
    correction = -(z**4 - 2 * z**2 - 1) / (4 * dof)
    np.testing.assert_allclose(noise.nll(y, f) - plain.nll(y, f), correction, atol=2e-12)
    np.testing.assert_allclose(noise.score(y, f), plain.score(y, f), rtol=10 / dof + 1e-13)
    np.testing.assert_allclose(noise.information(f), plain.information(f), rtol=10 / dof + 1e-13)


def test_information_is_the_textbook_value():
    # (dof + 1) / ((dof + 3) sigma^2)
    noise = StudentT(jnp.array([0.5, 2.0]), 5.0)
    np.testing.assert_allclose(
        noise.information(jnp.zeros(2)), np.diag([6 / 8 / 0.25, 6 / 8 / 4.0]), rtol=1e-14
    )


def test_outliers_pull_less_the_farther_they_are():
    # Redescending score: (dof + 1) z / ((dof + z^2) sigma), largest at z = sqrt(dof).
    noise = StudentT(1.0, 4.0)
    z = jnp.array([0.5, 2.0, 10.0, 1e6])
    got = jax.vmap(lambda y: noise.score(y, jnp.asarray(0.0))[0])(z)
    np.testing.assert_allclose(got, 5 * z / (4 + z**2), rtol=1e-13)
    assert np.argmax(np.asarray(got)) == 1


def test_the_likelihood_is_differentiable_by_its_own_parameters():
    y = 1.7

    def nll(sigma, dof):
        return StudentT(sigma, dof).nll(jnp.asarray(y), jnp.asarray(0.0))

    for dof in (3.0, 99.9, 100.1, 400.0):
        by_sigma, by_dof = jax.grad(nll, argnums=(0, 1))(jnp.asarray(0.8), jnp.asarray(dof))
        h = 1e-4
        differences = [
            -(stats.t.logpdf(y, dof, 0, 0.8 + h) - stats.t.logpdf(y, dof, 0, 0.8 - h)) / (2 * h),
            -(stats.t.logpdf(y, dof + h, 0, 0.8) - stats.t.logpdf(y, dof - h, 0, 0.8)) / (2 * h),
        ]
        np.testing.assert_allclose([by_sigma, by_dof], differences, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("dof", [1.0, 4.0, 50.0])
def test_samples_follow_the_t_law(dof):
    sample = StudentT(0.8, dof).sample(jax.random.key(3), jnp.full(20_000, 2.0))
    assert stats.kstest(np.asarray(sample), stats.t(dof, 2.0, 0.8).cdf).pvalue > 1e-3
