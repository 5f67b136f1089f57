"""Small Hermitian systems against NumPy."""

import jax
import numpy as np
import pytest

from leopnt.inference.small_hermitian import factor, product, solve_lower, solve_upper


@pytest.mark.parametrize("size", [1, 4, 12])
def test_factor_and_solves_follow_numpy(size, evidence):
    rng = np.random.default_rng(size)
    root = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
    matrix = root @ root.conj().T + np.eye(size)

    @jax.jit
    def solved(a, b):
        low = factor(a)
        return low, solve_upper(low, solve_lower(low, b)), product(a, b)

    low, found, together = solved(matrix, root)
    expected = np.linalg.solve(matrix, root)
    np.testing.assert_allclose(low, np.linalg.cholesky(matrix), atol=1e-12 * np.abs(matrix).max())
    np.testing.assert_allclose(together, matrix @ root, rtol=1e-12)
    evidence(
        "inference.small_hermitian",
        "solution of a small Hermitian system, relative",
        "numpy.linalg.solve",
        "implementation",
        achieved=np.max(np.abs(found - expected)) / np.max(np.abs(expected)),
        tolerance=1e-11,
    )


def test_a_singular_matrix_gives_finite_factors():
    row = np.array([[1.0 + 1.0j, 2.0, 0.5j]])
    low = factor(jax.numpy.asarray(row.conj().T @ row))
    assert np.all(np.isfinite(np.asarray(low)))
