"""Least squares of a chain of unknowns with a border: the batch form of a scalar random walk."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import get_lapack_funcs, solve_banded

from leopnt.errors import LeopntError
from leopnt.inference.normal_equations import factor, inverse_of, solve_factored

_PTTRF, _PTTRS = get_lapack_funcs(("pttrf", "pttrs"), dtype=np.float64)


class ChainSolution(NamedTuple):
    """Estimates of chain and border, variances of the chain, covariance of the border."""

    chain: Float[np.ndarray, " chain"]
    chain_variance: Float[np.ndarray, " chain"]
    border: Float[np.ndarray, " border"]
    border_covariance: Float[np.ndarray, "border border"]


def solve_bordered_chain(
    diagonal: Float[np.ndarray, " chain"],
    off_diagonal: Float[np.ndarray, " link"],
    cross: Float[np.ndarray, "chain border"],
    border: Float[np.ndarray, "border border"],
    chain_vector: Float[np.ndarray, " chain"],
    border_vector: Float[np.ndarray, " border"],
) -> ChainSolution:
    """Solve for a chain x and a border z; T is tridiagonal and positive definite.

        T x + C z = v      C^T x + B z = u
        S = B - C^T T^-1 C      z = S^-1 (u - C^T T^-1 v)      x = T^-1 (v - C z)
        var x = diag(T^-1) + diag(T^-1 C S^-1 C^T T^-1)

    Linear in the length of the chain. diag(T^-1) comes from T = L D L^T by
    z_i = 1 / d_i + l_i^2 z_(i+1).

    Raises:
        LeopntError: T or S not positive definite.
    """
    if len(diagonal) > 1:
        d, low, info = _PTTRF(diagonal, off_diagonal)
    else:
        d, low, info = diagonal.copy(), np.zeros(0), int(not np.all(diagonal > 0.0))
    if info:
        raise LeopntError(
            f"diagonal: the chain is not determined at place {abs(int(info)) - 1}; expected a "
            "positive definite tridiagonal matrix."
        )
    solved = _chain_solved(d, low, np.concatenate([cross, chain_vector[:, None]], axis=1))
    across, alone = solved[:, :-1], solved[:, -1]
    inner = border - cross.T @ across
    variance = _inverse_diagonal(d, low)
    if not len(border):
        return ChainSolution(alone, variance, np.zeros(0), np.zeros((0, 0)))
    of = factor(0.5 * (inner + inner.T), lambda i: f"border unknown {i}")
    z = solve_factored(of, border_vector - cross.T @ alone)
    spread = inverse_of(of)
    variance = variance + np.sum((across @ spread) * across, axis=1)
    return ChainSolution(alone - across @ z, variance, z, spread)


def _chain_solved(d: np.ndarray, low: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    if len(d) == 1:
        return rhs / d[:, None]
    return _PTTRS(d, low, rhs)[0]


def _inverse_diagonal(d: np.ndarray, low: np.ndarray) -> np.ndarray:
    if len(d) == 1:
        return 1.0 / d
    bands = np.stack([np.concatenate([[0.0], -(low**2)]), np.ones(len(d))])
    return solve_banded((0, 1), bands, 1.0 / d)
