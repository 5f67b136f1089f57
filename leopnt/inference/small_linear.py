"""Small dense symmetric systems, written out entry by entry.

Under `vmap` every entry becomes one long vector, which a CPU and a GPU both like: six times faster
than a batched library call at 5 x 5. Above `UNROLL_LIMIT` unknowns the library takes over.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float

UNROLL_LIMIT = 10
"""Largest size that is written out; compile time grows with its cube."""

PIVOT_FLOOR = 1e-13
"""Smallest pivot of a unit-diagonal matrix that still counts as information."""


COLUMN_FLOOR = 1e-13
"""A column whose remainder is below this share of its length holds nothing but rounding."""


def gram(rows: Float[Array, "obs param"]) -> Float[Array, "param param"]:
    """J^T J of whitened rows."""
    if rows.shape[1] > UNROLL_LIMIT:
        return rows.T @ rows
    return gram_of_columns([rows[:, i] for i in range(rows.shape[1])])


def gram_of_columns(columns: Sequence[Float[Array, "*obs"]]) -> Float[Array, "param param"]:
    """J^T J of whitened rows kept as one array per unknown."""
    size = len(columns)
    entry = {}
    for i in range(size):
        for j in range(i, size):
            entry[i, j] = entry[j, i] = jnp.sum(columns[i] * columns[j])
    return jnp.stack([jnp.stack([entry[i, j] for j in range(size)]) for i in range(size)])


def equilibrate(
    matrix: Float[Array, "param param"],
) -> tuple[Float[Array, "param param"], Float[Array, " param"]]:
    """Scale to unit diagonal; returns the scaled matrix and d with scaled = d matrix d.

    A zero or negative diagonal entry keeps scale 1 and is caught by the pivot test.
    """
    diagonal = jnp.diag(matrix)
    d = jnp.where(diagonal > 0, jax.lax.rsqrt(jnp.where(diagonal > 0, diagonal, 1.0)), 1.0)
    return d[:, None] * matrix * d[None, :], d


def factor(
    matrix: Float[Array, "param param"],
) -> tuple[Float[Array, "param param"], Bool[Array, ""]]:
    """Lower Cholesky factor of a unit-diagonal matrix, and whether every pivot is information.

    Where a pivot is below `PIVOT_FLOOR` it is replaced by 1, so that nothing becomes NaN; the
    caller looks at the flag.
    """
    size = matrix.shape[0]
    if size > UNROLL_LIMIT:
        return _factor_library(matrix)
    low, regular = _factor_entries(matrix)
    zero = jnp.zeros_like(matrix[0, 0])
    return _assemble(lambda i, j: low.get((i, j), zero), size), regular


def _factor_entries(matrix: Float[Array, "param param"]):
    """Entries of the lower factor by place, and whether every pivot is information."""
    low: dict[tuple[int, int], Array] = {}
    regular = jnp.asarray(True)
    for j in range(matrix.shape[0]):
        pivot = matrix[j, j] - sum(low[j, k] ** 2 for k in range(j))
        good = pivot > PIVOT_FLOOR
        regular = regular & good
        inverse = jax.lax.rsqrt(jnp.where(good, pivot, 1.0))
        low[j, j] = jnp.where(good, pivot, 1.0) * inverse
        for i in range(j + 1, matrix.shape[0]):
            dot = sum(low[i, k] * low[j, k] for k in range(j))
            low[i, j] = (matrix[i, j] - dot) * inverse
    return low, regular


def _assemble(entry, size: int) -> Float[Array, "param param"]:
    return jnp.stack([jnp.stack([entry(i, j) for j in range(size)]) for i in range(size)])


def _factor_library(matrix):
    low = jnp.linalg.cholesky(matrix)
    pivots = jnp.diag(low) ** 2
    regular = jnp.all(jnp.isfinite(low)) & jnp.all(pivots > PIVOT_FLOOR)
    return jnp.where(regular, low, jnp.eye(matrix.shape[0])), regular


def solve_lower(
    low: Float[Array, "param param"], rhs: Float[Array, "param *cols"]
) -> Float[Array, "param *cols"]:
    """Solve L x = rhs by forward substitution."""
    if low.shape[0] > UNROLL_LIMIT:
        return solve_triangular(low, rhs, lower=True)
    return jnp.stack(_forward(low, rhs))


def solve_upper(
    low: Float[Array, "param param"], rhs: Float[Array, "param *cols"]
) -> Float[Array, "param *cols"]:
    """Solve L^T x = rhs by back substitution."""
    if low.shape[0] > UNROLL_LIMIT:
        return solve_triangular(low, rhs, lower=True, trans=1)
    return jnp.stack(_backward(low, rhs))


def _forward(low, rhs) -> list[Array]:
    """L^-1 rhs, entry by entry; `low` is a matrix or its entries by place."""
    x: list[Array] = []
    for i in range(rhs.shape[0]):
        x.append((rhs[i] - sum(low[i, k] * x[k] for k in range(i))) / low[i, i])
    return x


def _backward(low, rhs) -> list[Array]:
    """L^-T rhs, entry by entry."""
    size = len(rhs)
    x: dict[int, Array] = {}
    for i in reversed(range(size)):
        x[i] = (rhs[i] - sum(low[k, i] * x[k] for k in range(i + 1, size))) / low[i, i]
    return [x[i] for i in range(size)]


def solve_spd(
    matrix: Float[Array, "param param"], rhs: Float[Array, "param *cols"]
) -> tuple[Float[Array, "param *cols"], Bool[Array, ""]]:
    """Solve a symmetric positive definite system after equilibration.

    Returns the solution and whether the matrix was numerically regular; the solution means
    nothing where it was not.
    """
    scaled, d = equilibrate(matrix)
    column = d.reshape(d.shape + (1,) * (rhs.ndim - 1))
    if matrix.shape[0] > UNROLL_LIMIT:
        low, regular = _factor_library(scaled)
        return column * solve_upper(low, solve_lower(low, column * rhs)), regular
    entries, regular = _factor_entries(scaled)
    return column * jnp.stack(_backward(entries, _forward(entries, column * rhs))), regular


def inverse_spd(
    matrix: Float[Array, "param param"],
) -> tuple[Float[Array, "param param"], Bool[Array, ""]]:
    """Inverse of a symmetric positive definite matrix, NaN where it is singular."""
    scaled, d = equilibrate(matrix)
    size = matrix.shape[0]
    if size > UNROLL_LIMIT:
        low, regular = _factor_library(scaled)
        inverse = gram(solve_lower(low, jnp.eye(size)))
    else:
        entries, regular = _factor_entries(scaled)
        inverse = _inverse_entries(entries, size)
    return jnp.where(regular, inverse * d[:, None] * d[None, :], jnp.nan), regular


def _inverse_entries(low: dict[tuple[int, int], Array], size: int) -> Float[Array, "param param"]:
    """(L L^T)^-1 = L^-T L^-1 from the entries of L, skipping the zeros of L^-1."""
    root: dict[tuple[int, int], Array] = {}
    for j in range(size):
        root[j, j] = 1.0 / low[j, j]
        for i in range(j + 1, size):
            root[i, j] = -sum(low[i, k] * root[k, j] for k in range(j, i)) / low[i, i]
    entry = {
        (i, j): sum(root[k, i] * root[k, j] for k in range(j, size))
        for i in range(size)
        for j in range(i, size)
    }
    return _assemble(lambda i, j: entry[min(i, j), max(i, j)], size)


@functools.partial(jax.jit, static_argnums=1)
def eliminate_columns(rows: Float[Array, "row param"], count: int) -> Float[Array, "row param"]:
    """Rows after Householder elimination of the first `count` columns.

    The returned rows keep their number; the ones used up by the elimination are zero, and so are
    the first `count` columns. rest = out[:, count:] satisfies

        rest^T rest = C - B^T A^+ B      for rows^T rows = [[A, B], [B^T, C]]

    the (generalized) Schur complement, without ever forming it. A column that earlier ones explain
    to `COLUMN_FLOOR` of its length uses up no row.
    """
    columns = rows.T
    floor = COLUMN_FLOOR * _lengths(columns)

    def step(j, state):
        columns, used = state
        columns, live = _reflect(columns, j, used, floor[j])
        return columns, used + live.astype(int)

    columns, used = jax.lax.fori_loop(0, count, step, (columns, jnp.asarray(0)))
    spare = jnp.arange(rows.shape[0]) >= used
    return jnp.where(spare[:, None] & (jnp.arange(rows.shape[1]) >= count)[None, :], columns.T, 0.0)


@jax.jit
def triangular_root(rows: Float[Array, "row param"]) -> Float[Array, "param param"]:
    """Upper triangular R, diagonal >= 0, with R^T R = rows^T rows, by Householder reflections.

    Works on the rows: what J^T J loses at a condition number of 1e8 is resolved up to 1e13, and any
    number that comes from the scale of the columns alone. Own version because batched library QR
    called from two threads can block for good on two cores. A dependent column (see
    `COLUMN_FLOOR`) leaves a zero on the diagonal; the rest of its row may hold information about
    later columns.
    """
    count, size = rows.shape
    if count < size:
        rows = jnp.concatenate([rows, jnp.zeros((size - count, size))])
    columns = rows.T
    floor = COLUMN_FLOOR * _lengths(columns)

    def step(j, state):
        columns, independent = state
        columns, live = _reflect(columns, j, j, floor[j])
        return columns, independent.at[j].set(live)

    columns, independent = jax.lax.fori_loop(0, size, step, (columns, jnp.zeros(size, bool)))
    root = jnp.triu(columns[:, :size].T)
    root = jnp.where(jnp.eye(size, dtype=bool) & ~independent[:, None], 0.0, root)
    return root * jnp.where(jnp.diag(root) < 0, -1.0, 1.0)[:, None]


def _reflect(columns: Float[Array, "param row"], j, pivot, floor: Float[Array, ""]):
    """Householder reflection that gathers column j, from row `pivot` on, in row `pivot`.

    None where that part is shorter than `floor`. Columns lie along the last axis, which is the long
    one. Returns the columns and whether there was a reflection.
    """
    order = jnp.arange(columns.shape[1])
    own = jax.lax.dynamic_index_in_dim(columns, j, axis=0, keepdims=False)
    rest = jnp.where(order >= pivot, own, 0.0)
    length = jnp.sqrt(jnp.sum(rest * rest))
    live = length > floor
    head = jnp.sum(jnp.where(order == pivot, rest, 0.0))
    target = -jnp.where(head >= 0, length, -length)
    v = rest - jnp.where(order == pivot, target, 0.0)
    square = jnp.sum(v * v)
    beta = jnp.where(live, 2.0 / jnp.where(live, square, 1.0), 0.0)
    return columns - (beta * jnp.sum(v[None, :] * columns, axis=1))[:, None] * v[None, :], live


def _lengths(columns: Float[Array, "param row"]) -> Float[Array, " param"]:
    return jnp.sqrt(jnp.sum(columns * columns, axis=1))


def inverse_of_root(
    root: Float[Array, "param param"],
) -> tuple[Float[Array, "param param"], Bool[Array, ""]]:
    """(R^T R)^-1 from a triangular root with unit-free columns, NaN where R is singular."""
    regular = jnp.all(jnp.diag(root) > 0)
    safe = jnp.where(regular, root, jnp.eye(root.shape[0]))
    inverse = solve_upper(safe.T, jnp.eye(root.shape[0]))
    return jnp.where(regular, inverse @ inverse.T, jnp.nan), regular
