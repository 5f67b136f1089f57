"""Normal equations on the host: factors that name what is singular, elimination, constraints.

For problems too large for a dense Jacobian: sums N = A^T W A and v = A^T W y are formed elsewhere,
parts are eliminated by Schur complements, and what is left is solved under a datum. LAPACK on NumPy
arrays; for small problems in kernels see `small_linear`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import get_lapack_funcs, solve_triangular

from leopnt.errors import LeopntError

Matrix = Float[np.ndarray, "param param"]
Vector = Float[np.ndarray, " param"]
NameOf = Callable[[int], str]
"""The name of an unknown by its place, for error messages."""

(_POTRF,) = get_lapack_funcs(("potrf",), dtype=np.float64)

PIVOT_FLOOR = 1e-12
"""Share of an unknown's information that must be its own; below, rounding decides."""


class Factor(NamedTuple):
    """Cholesky factor of the matrix scaled to unit diagonal: D N D = L L^T."""

    lower: Matrix
    scale: Vector

    @property
    def weakest_pivot(self) -> float:
        """Smallest share of an unknown's information that the ones before it leave to it."""
        return float(np.min(np.diag(self.lower), initial=1.0)) ** 2


def factor(matrix: Matrix, name_of: NameOf) -> Factor:
    """Factor a symmetric positive definite matrix, scaled to unit diagonal.

    Raises:
        LeopntError: an unknown that no observation determines, or only together with others before
            it; the message names it.
    """
    diagonal = np.diag(matrix)
    bad = np.flatnonzero(~(diagonal > 0.0))
    if bad.size:
        raise LeopntError(
            f"the normal equations are singular at {name_of(int(bad[0]))}: its information is "
            f"{diagonal[bad[0]]:g}; expected above 0, from finite observations that depend on it."
        )
    scale = 1.0 / np.sqrt(diagonal)
    scaled = matrix * scale[:, None] * scale[None, :]
    lower, info = _POTRF(scaled, lower=1, clean=1, overwrite_a=1)
    pivots = np.diag(lower)[: info - 1 if info else None] ** 2
    weak = np.flatnonzero(~(pivots > PIVOT_FLOOR))
    if info or weak.size:
        place = int(weak[0]) if weak.size else int(info) - 1
        raise LeopntError(
            f"the normal equations are singular at {name_of(place)}: the observations do not "
            "separate it from the unknowns before it; expected more of them, or a constraint."
        )
    return Factor(lower, scale)


def solve_factored(of: Factor, rhs: Float[np.ndarray, "param *cols"]) -> np.ndarray:
    """N^-1 rhs."""
    return _scaled(of, solve_triangular(of.lower, half_solved(of, rhs), lower=True, trans=1))


def half_solved(of: Factor, rhs: Float[np.ndarray, "param *cols"]) -> np.ndarray:
    """L^-1 D rhs, whose inner products are rhs^T N^-1 rhs."""
    return solve_triangular(of.lower, _scaled(of, rhs), lower=True, check_finite=False)


def inverse_of(of: Factor) -> Matrix:
    """N^-1."""
    half = solve_triangular(of.lower, np.diag(of.scale), lower=True, check_finite=False)
    return half.T @ half


class Eliminated(NamedTuple):
    """What is left after some unknowns are eliminated, and how to get them back.

    matrix, vector, square: reduced N, v and y^T W y.
    local: factor of the eliminated block; cross: N_lg; local_vector: v_l.
    """

    matrix: Matrix
    vector: Vector
    square: float
    local: Factor
    cross: Float[np.ndarray, "local param"]
    local_vector: Float[np.ndarray, " local"]

    def recovered(self, kept: Vector) -> Float[np.ndarray, " local"]:
        """Estimates of the eliminated unknowns, N_ll^-1 (v_l - N_lg x_g)."""
        return solve_factored(self.local, self.local_vector - self.cross @ kept)

    def joint_covariance(self, kept_covariance: Matrix) -> Float[np.ndarray, "all all"]:
        """Covariance of kept and eliminated unknowns, in this order.

        K = N_ll^-1 N_lg      Q_lg = -K Q      Q_ll = N_ll^-1 + K Q K^T
        """
        gain = solve_factored(self.local, self.cross)
        across = -gain @ kept_covariance
        within = inverse_of(self.local) - across @ gain.T
        return np.block([[kept_covariance, across.T], [across, within]])


def eliminate_last(
    matrix: Float[np.ndarray, "all all"],
    vector: Float[np.ndarray, " all"],
    square: float,
    num_kept: int,
    name_of: NameOf,
) -> Eliminated:
    """Schur complement that keeps the first `num_kept` unknowns.

        N' = N_gg - N_gl N_ll^-1 N_lg      v' = v_g - N_gl N_ll^-1 v_l
        q' = q - v_l^T N_ll^-1 v_l

    Args:
        square: q = y^T W y.
        name_of: name of an eliminated unknown, counted from 0 after the kept ones.

    Raises:
        LeopntError: the eliminated unknowns cannot be told apart.
    """
    cross, v_l = matrix[num_kept:, :num_kept], vector[num_kept:]
    of = factor(matrix[num_kept:, num_kept:], name_of)
    half = half_solved(of, np.concatenate([cross, v_l[:, None]], axis=1))
    rows, rhs = half[:, :-1], half[:, -1]
    return Eliminated(
        matrix[:num_kept, :num_kept] - rows.T @ rows,
        vector[:num_kept] - rows.T @ rhs,
        float(square - rhs @ rhs),
        of,
        cross,
        v_l,
    )


class Normals(NamedTuple):
    """N = A^T W A, v = A^T W y and q = y^T W y."""

    matrix: Matrix
    vector: Vector
    square: float


def without_offsets(
    rows: Float[np.ndarray, "obs param"],
    weight: Float[np.ndarray, " obs"],
    observed: Float[np.ndarray, " obs"],
    group: Int[np.ndarray, " obs"],
) -> Normals:
    """Normal equations of y = A x + t_group + noise with one free offset t per group eliminated.

        N = A^T W A - C^T D^-1 C      v = A^T W y - C^T D^-1 g      q = y^T W y - g^T D^-1 g
        D_e = sum w      g_e = sum w y      C_e = sum w a      over the rows of group e

    Dense; the group is the epoch where t is a receiver clock.
    """
    count = int(group.max(initial=-1)) + 1
    weighted = rows * weight[:, None]
    total = np.bincount(group, weight, count)
    moment = np.bincount(group, weight * observed, count)
    sums = np.zeros((count, rows.shape[1]))
    np.add.at(sums, group, weighted)
    some = total > 0.0
    per = sums[some] / total[some][:, None]
    return Normals(
        weighted.T @ rows - per.T @ sums[some],
        weighted.T @ observed - per.T @ moment[some],
        float(weight @ observed**2 - np.sum(moment[some] ** 2 / total[some])),
    )


class Constrained(NamedTuple):
    """Solution under constraints C x = c, covariance and multipliers' factor included."""

    estimate: Vector
    covariance: Matrix
    weakest_pivot: float
    condition: float


def solve_constrained(
    matrix: Matrix,
    vector: Vector,
    constraints: Float[np.ndarray, "constraint param"],
    values: Float[np.ndarray, " constraint"],
    name_of: NameOf,
) -> Constrained:
    """Solve the bordered system under constraints, N scaled to unit diagonal.

        N x + C^T l = v      C x = c

    N may have the rank defect that the constraints remove: the leading block is factored as
    N + C^T C, which is the same system (its rows differ by C^T times the last ones).

    Raises:
        LeopntError: a defect that the constraints leave; the message names an unknown.
    """
    diagonal = np.diag(matrix)
    scale = np.where(diagonal > 0.0, 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0)), 1.0)
    scaled = matrix * scale[:, None] * scale[None, :]
    rows = constraints * scale[None, :]
    length = np.sqrt(np.sum(rows**2, axis=1))
    rows, wanted = rows / length[:, None], values / length
    of = factor(scaled + rows.T @ rows, name_of)
    solved = solve_factored(of, rows.T)
    inner = rows @ solved
    free = solve_factored(of, vector * scale + rows.T @ wanted)
    estimate = free - solved @ np.linalg.solve(inner, rows @ free - wanted)
    covariance = inverse_of(of) - solved @ np.linalg.solve(inner, solved.T)
    covariance = 0.5 * (covariance + covariance.T)
    spread = np.linalg.eigvalsh(scaled + rows.T @ rows) if len(scaled) else np.ones(1)
    return Constrained(
        estimate * scale,
        covariance * scale[:, None] * scale[None, :],
        of.weakest_pivot,
        float(spread[-1] / spread[0]),
    )


def _scaled(of: Factor, rhs: np.ndarray) -> np.ndarray:
    return of.scale.reshape(-1, *(1,) * (rhs.ndim - 1)) * rhs
