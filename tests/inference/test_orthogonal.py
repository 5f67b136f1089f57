"""Least squares by modified Gram-Schmidt against NumPy."""

import jax
import numpy as np
import pytest

from leopnt.inference.orthogonal import back_substitute, cofactor_of, condition, orthogonalize


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


@pytest.mark.parametrize("size", [2, 3, 4])
def test_condition_is_that_of_numpy(size, evidence):
    rng = np.random.default_rng(size)
    values = 10.0 ** rng.uniform(-4.0, 0.0, (300, size))
    values[:100, 1:] = values[:100, :1]  # all equal but for the next line
    values[:50, 0] = 1e-3
    turns = np.linalg.qr(rng.normal(size=(2, 300, size, size)))[0]
    rows = turns[0] * values[:, None, :] @ turns[1]
    roots = np.linalg.qr(rows)[1]
    roots *= np.sign(np.diagonal(roots, axis1=1, axis2=2))[:, :, None]
    found = jax.jit(jax.vmap(condition))(roots)
    evidence(
        "inference.orthogonal",
        f"condition of {size} columns, some singular values equal, relative",
        "numpy.linalg.cond",
        "implementation",
        achieved=np.max(np.abs(found / np.linalg.cond(rows) - 1.0)),
        tolerance=3e-3,
    )


def test_a_column_of_zeros_is_not_regular():
    rows = np.random.default_rng(5).normal(size=(6, 3))
    rows[:, 1] = 0.0
    assert not jax.jit(solved)(rows, rows[:, 0])[2]
