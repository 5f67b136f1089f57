"""Least squares by modified Gram-Schmidt against NumPy."""

import jax
import numpy as np

from leopnt.inference.orthogonal import back_substitute, cofactor_of, orthogonalize


def solved(rows, rhs):
    found = orthogonalize(list(rows.T), rhs)
    return back_substitute(found), cofactor_of(found.root), found.regular


def test_solutions_and_cofactors_are_those_of_numpy(evidence):
    rng = np.random.default_rng(4)
    # Two columns that differ by 1e-6: the normal equations would lose twelve digits.
    rows = rng.normal(size=(12, 4))
    rows[:, 3] = rows[:, 2] + 1e-6 * rows[:, 3]
    true = rng.normal(size=4)
    solution, cofactor, regular = jax.jit(solved)(rows, rows @ true)
    assert regular
    expected = np.linalg.pinv(rows) @ np.linalg.pinv(rows).T
    evidence(
        "inference.orthogonal",
        "solution with columns that differ by 1e-6",
        "planted",
        "closed form",
        achieved=np.max(np.abs(np.asarray(solution) - true)),
        tolerance=1e-8,
    )
    np.testing.assert_allclose(cofactor, expected, rtol=1e-6)


def test_a_column_of_zeros_is_not_regular():
    rows = np.random.default_rng(5).normal(size=(6, 3))
    rows[:, 1] = 0.0
    assert not jax.jit(solved)(rows, rows[:, 0])[2]
