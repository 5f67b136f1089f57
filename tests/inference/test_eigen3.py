"""The weakest direction of a covariance, against LAPACK."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.inference.eigen3 import eigenvector, largest_eigenvalue


def test_the_weakest_direction_is_that_of_the_largest_eigenvalue(evidence):
    rng = np.random.default_rng(1)
    roots = rng.normal(size=(200, 3, 3)) * 10.0 ** rng.uniform(-6, 9, (200, 1, 1))
    roots[::2] *= np.array([[1.0], [10.0], [1e3]])
    matrices = roots @ np.swapaxes(roots, 1, 2)
    values, vectors = np.linalg.eigh(matrices)
    largest = jax.vmap(largest_eigenvalue)(jnp.asarray(matrices))
    evidence(
        "inference.eigen3",
        "largest eigenvalue of covariances, relative",
        "LAPACK",
        "implementation",
        achieved=float(np.max(np.abs(largest / values[:, -1] - 1.0))),
        tolerance=1e-12,
    )
    found = np.asarray(jax.vmap(eigenvector)(jnp.asarray(matrices), largest))
    np.testing.assert_allclose(np.abs(np.sum(found * vectors[:, :, -1], axis=1)), 1.0, atol=1e-9)
    assert np.all(found[:, 2] >= 0.0)


def test_a_round_covariance_has_its_one_eigenvalue_and_no_direction():
    assert float(largest_eigenvalue(4.0 * jnp.eye(3))) == pytest.approx(4.0)
    assert np.all(np.isnan(eigenvector(4.0 * jnp.eye(3), jnp.asarray(4.0))))
