"""Nearest fingerprints: which rows of a table are closest to a measured row.

Squared distances come from one matrix product, the nearest ones from `top_k`: fast on a CPU and on
a GPU, and with dozens of columns as good as any tree. Single precision chooses (60 times faster
than double in `top_k` on a CPU), double precision orders the chosen and gives their distances.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.errors import LeopntError

QUERY_CHUNK = 256
"""Queries compared at a time: their distances to 10^4 rows fit the cache of a CPU."""


SPARE = 8
"""Rows chosen beyond those wanted, so that rounding at the border loses none."""


class Nearest(NamedTuple):
    """Rows of the table, nearest first, and their squared distances; row -1 where there is none."""

    row: Int[Array, "query near"]
    square: Float[Array, "query near"]


def nearest(
    table: Float[Array | np.ndarray, "row obs"],
    queries: Float[Array | np.ndarray, "query obs"],
    count: int = 1,
    *,
    used: Bool[Array | np.ndarray, "query obs"] | None = None,
) -> Nearest:
    """The `count` nearest rows of each query.

        sum_k used_k (query_k - table_k)^2

    Args:
        used: False marks entries of a query that do not count.

    Raises:
        LeopntError: an empty table, more rows wanted than there are, unequal numbers of columns.
    """
    _check(table, queries, count, used)
    chosen = min(count + SPARE, table.shape[0])
    return _search(_Smallest(chosen, count), _Sums.of(table, queries, used))


def nearest_apart(
    table: Float[Array | np.ndarray, "row obs"],
    places: Float[Array | np.ndarray, "row dim"],
    queries: Float[Array | np.ndarray, "query obs"],
    count: int,
    radius: float,
    *,
    used: Bool[Array | np.ndarray, "query obs"] | None = None,
) -> Nearest:
    """The nearest row, then the nearest one farther than `radius` from it, and so on.

    Neighbors in a dense table look alike; these are starts that a solver may take elsewhere.

    Args:
        places: where each row was taken, any coordinates.
        radius: in those coordinates, 0 or more.

    Raises:
        LeopntError: as `nearest`; a place for another number of rows, a negative radius.
    """
    _check(table, queries, count, used)
    if places.shape[0] != table.shape[0]:
        raise LeopntError(f"places has {places.shape[0]} rows, the table {table.shape[0]}.")
    if not radius >= 0.0:
        raise LeopntError(f"radius = {radius:g}: expected 0 or more.")
    at = jnp.asarray(places)
    at = at - jnp.mean(at, axis=0, keepdims=True)
    choice = _Apart(at, jnp.asarray(float(radius)), count)
    return _search(choice, _Sums.of(table, queries, used))


class _Smallest(eqx.Module):
    """Choose a few rows too many by rough squares, and the best of them by exact ones."""

    chosen: int = eqx.field(static=True)
    count: int = eqx.field(static=True)

    def choose(self, square):
        return jax.lax.top_k(-square, self.chosen)[1]

    def order(self, index, square):
        order = jnp.argsort(square, axis=1)[:, : self.count]
        return Nearest(*(jnp.take_along_axis(x, order, axis=1) for x in (index, square)))


class _Apart(eqx.Module):
    """Choose the nearest row, strike out those around it, and so on."""

    at: Float[Array, "row dim"]
    radius: Float[Array, ""]
    count: int = eqx.field(static=True)

    def choose(self, square):
        found = []
        for _ in range(self.count):
            index = jnp.argmin(square, axis=1)
            found.append(jnp.where(jnp.isfinite(jnp.min(square, axis=1)), index, -1))
            near = _squares(self.at, self.at[index], None) <= self.radius**2
            square = jnp.where(near, jnp.inf, square)
        return jnp.stack(found, axis=1)

    def order(self, index, square):
        return Nearest(index, square)


class _Sums(NamedTuple):
    """Table, queries and their masks, the table centered: products lose less that way."""

    table: Float[Array, "row obs"]
    queries: Float[Array, "query obs"]
    used: Bool[Array, "query obs"] | None

    @staticmethod
    def of(table, queries, used) -> _Sums:
        center = jnp.mean(jnp.asarray(table), axis=0, keepdims=True)
        used = None if used is None else jnp.asarray(used)
        return _Sums(jnp.asarray(table) - center, jnp.asarray(queries) - center, used)


@eqx.filter_jit
def _search(choice: _Smallest | _Apart, sums: _Sums) -> Nearest:
    """Chunk by chunk: choose rows by rough squares, order them by exact ones."""
    total = sums.queries.shape[0]
    chunk = min(QUERY_CHUNK, total)

    def chunks(rows):
        wide = jnp.pad(rows, ((0, -total % chunk), (0, 0)))
        return wide.reshape(-1, chunk, rows.shape[1])

    scale = jnp.maximum(jnp.max(jnp.abs(sums.table)), jnp.finfo(float).tiny)
    rough_table = (sums.table / scale).astype(jnp.float32)

    def one(part):
        queries, mask = part
        rough = _squares(rough_table, (queries / scale).astype(jnp.float32), mask)
        index = choice.choose(rough)
        off = sums.table[index] - queries[:, None, :]
        off = off if mask is None else jnp.where(mask[:, None, :], off, 0.0)
        square = jnp.where(index < 0, jnp.inf, jnp.sum(off * off, axis=-1))
        return choice.order(index, square)

    masks = None if sums.used is None else chunks(sums.used)
    found = jax.lax.map(one, (chunks(sums.queries), masks))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, leaf.shape[-1])[:total], found)


def _squares(table, queries, mask):
    """Squared distances (query, row), of the entries in the mask, up to rounding."""
    if mask is None:
        of_table = jnp.sum(table * table, axis=1)[None, :]
    else:
        queries = jnp.where(mask, queries, 0.0)
        of_table = mask.astype(table.dtype) @ (table * table).T
    own = jnp.sum(queries * queries, axis=1)[:, None]
    return own - 2.0 * (queries @ table.T) + of_table


def _check(table, queries, count: int, used) -> None:
    rows, columns = table.shape
    if not rows:
        raise LeopntError("table: it is empty; expected at least one fingerprint.")
    if not queries.shape[0]:
        raise LeopntError("queries: there are none; expected at least one.")
    if queries.shape[1] != columns:
        raise LeopntError(f"queries have {queries.shape[1]} columns, the table {columns}.")
    if used is not None and used.shape != queries.shape:
        raise LeopntError(f"used has shape {used.shape}; accepted: {queries.shape}, as queries.")
    if not 1 <= count <= rows:
        raise LeopntError(f"count = {count}: expected 1 to {rows}, the rows of the table.")
