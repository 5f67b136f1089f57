"""DOP and Cramer-Rao bounds of users from their sums."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.geometry.dop import Dop
from leopnt.methods.coverage.knowledge import Unknowns
from leopnt.methods.coverage.sums import RANGE_SUMS, RATE_SUMS, TRIANGLE

INFLATION_LIMIT = 1e11
"""Largest variance, relative to that with all other unknowns known, that sums can tell: rounding
then spoils the fifth digit."""


class UserBound(NamedTuple):
    """Bounds on standard deviations; 0 where known, NaN where not observable."""

    position_m: Float[Array, " *cell"]
    horizontal_m: Float[Array, " *cell"]
    vertical_m: Float[Array, " *cell"]
    clock_s: Float[Array, " *cell"]
    velocity_mps: Float[Array, " *cell"]
    drift: Float[Array, " *cell"]


def dop_of_sums(sums: Float[Array, "*cell sum"]) -> Dop:
    """DOP of equally good pseudoranges with one unknown clock, from the first ten sums.

    Q = [[sum u u^T, -sum u], [-sum u^T, n]]^-1. NaN with fewer than four satellites and where the
    geometry is degenerate: a PDOP of a hundred thousand.
    """
    n, east, north, up = (sums[..., i] for i in range(4))
    square = dict(zip(TRIANGLE, (sums[..., i] for i in range(4, 10)), strict=True))
    matrix = [[n, -east, -north, -up]]
    for i, first in enumerate((east, north, up)):
        matrix.append([-first, *(square[min(i, j), max(i, j)] for j in range(3))])
    clock, east, north, up = inverse_diagonal(matrix)
    clock = jnp.where(n > 3.5, clock, jnp.nan)
    solved = jnp.isfinite(clock)
    horizontal = jnp.where(solved, east + north, jnp.nan)
    up = jnp.where(solved, up, jnp.nan)
    position = horizontal + up
    return Dop(*(jnp.sqrt(q) for q in (position + clock, position, horizontal, up, clock)))


def fim_of_sums(sums: Float[Array, "*cell sum"]) -> list[list[Float[Array, " *cell"]]]:
    """Fisher information about the eight `PARAMETERS`, entry by entry.

    A range depends on (position, clock) through (-u, 1); a rate on (position, velocity, drift)
    through (-a, -u, 1).
    """
    zero = jnp.zeros_like(sums[..., 0])
    sum_of = [sums[..., i] if i < sums.shape[-1] else zero for i in range(48)]
    w, w_u, w_uu = _moments(sum_of, 10)
    r, r_a, r_aa = _moments(sum_of, 20)
    r_u, r_uu = sum_of[30:33], dict(zip(TRIANGLE, sum_of[33:39], strict=True))
    matrix = [[zero] * 8 for _ in range(8)]

    def put(i, j, value):
        matrix[i][j] = matrix[j][i] = value

    for i in range(3):
        for j in range(3):
            pair = min(i, j), max(i, j)
            put(i, j, w_uu[pair] + r_aa[pair])
            put(4 + i, 4 + j, r_uu[pair])
            put(i, 4 + j, sum_of[39 + 3 * i + j])
        put(i, 3, -w_u[i])
        put(i, 7, -r_a[i])
        put(4 + i, 7, -r_u[i])
    put(3, 3, w)
    put(7, 7, r)
    return matrix


def bound_of_sums(sums: Float[Array, "*cell sum"], unknowns: Unknowns) -> UserBound:
    """Cramer-Rao bounds of the unknowns, priors included.

    An unknown without any information, of measurements or a prior, has none; the others, which it
    then does not touch, keep theirs: a prior of the position bounds it where no satellite is seen.
    """
    full = fim_of_sums(sums)
    free = unknowns.free
    if not needed_sums(unknowns) <= sums.shape[-1]:
        raise ValueError("sums: too few for these unknowns")
    part = [[full[i][j] + (unknowns.prior[i] if i == j else 0.0) for j in free] for i in free]
    is_untold = [_all_zero(row) for row in part]
    for i, one in enumerate(is_untold):
        part[i][i] = jnp.where(one, 1.0, part[i][i])
    diagonal = inverse_diagonal(part)
    zero = jnp.zeros_like(sums[..., 0])
    variance = {i: zero + unknowns.apart[i] for i in range(8)}
    variance |= {i: jnp.where(is_untold[k], jnp.nan, diagonal[k]) for k, i in enumerate(free)}

    def of(indices):
        return sum((variance[i] for i in indices), zero)

    horizontal, vertical, clock = of((0, 1)), of((2,)), of((3,))
    velocity, drift = of((4, 5, 6)), of((7,))
    c = SPEED_OF_LIGHT_MPS
    return UserBound(
        jnp.sqrt(horizontal + vertical),
        jnp.sqrt(horizontal),
        jnp.sqrt(vertical),
        jnp.sqrt(clock) / c,
        jnp.sqrt(velocity),
        jnp.sqrt(drift) / c,
    )


def needed_sums(unknowns: Unknowns) -> int:
    """The least number of sums that tell about these unknowns."""
    if 4 in unknowns.free:
        return RATE_SUMS + 18
    return RATE_SUMS if 7 in unknowns.free else RANGE_SUMS


def inverse_diagonal(matrix: list[list[Float[Array, " *cell"]]]) -> list[Float[Array, " *cell"]]:
    """Diagonal of the inverse of symmetric positive definite matrices, entry by entry.

    M = L D L^T,   (M^-1)_ii = sum_k (L^-1)_ki^2 / D_k

    without square roots, so the result does not depend on the units of the unknowns. NaN
    throughout where a pivot is not positive or an M_ii (M^-1)_ii is above `INFLATION_LIMIT`.
    """
    size = len(matrix)
    low: dict[tuple[int, int], Array] = {}
    inverse_pivot: list[Array] = []
    regular = jnp.ones_like(matrix[0][0], dtype=bool)
    for j in range(size):
        scaled = [low[j, k] / inverse_pivot[k] for k in range(j)]
        pivot = matrix[j][j] - sum(low[j, k] * scaled[k] for k in range(j))
        good = pivot > 0.0
        regular = regular & good
        inverse_pivot.append(1.0 / jnp.where(good, pivot, 1.0))
        for i in range(j + 1, size):
            rest = matrix[i][j] - sum(low[i, k] * scaled[k] for k in range(j))
            low[i, j] = rest * inverse_pivot[j]
    diagonal = []
    for i in range(size):
        column = {i: jnp.ones_like(matrix[0][0])}
        for k in range(i + 1, size):
            column[k] = -sum((low[k, m] * column[m] for m in range(i + 1, k)), low[k, i])
        diagonal.append(sum(column[k] ** 2 * inverse_pivot[k] for k in range(i, size)))
        regular = regular & (matrix[i][i] * diagonal[i] < INFLATION_LIMIT)
    return [jnp.where(regular, one, jnp.nan) for one in diagonal]


def _all_zero(row: list[Float[Array, " *cell"]]) -> Bool[Array, " *cell"]:
    return functools.reduce(jnp.logical_and, [one == 0.0 for one in row])


def _moments(sum_of: list, first: int):
    square = dict(zip(TRIANGLE, sum_of[first + 4 : first + 10], strict=True))
    return sum_of[first], sum_of[first + 1 : first + 4], square
