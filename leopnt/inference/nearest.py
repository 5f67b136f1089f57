"""Nearest fingerprints: which rows of a table are closest to a measured row.

Squared distances come from one matrix product, the nearest ones from `top_k`: fast on a CPU and on
a GPU, and with dozens of columns as good as any tree.
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


class Nearest(NamedTuple):
    """Rows of the table, nearest first, and their squared distances; row -1 where there is none."""

    index: Int[Array, "query near"]
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
    return _in_chunks(lambda square: _smallest(square, count), table, queries, used)


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

    def spread(square):
        found = []
        for _ in range(count):
            index = jnp.argmin(square, axis=1)
            value = jnp.take_along_axis(square, index[:, None], axis=1)[:, 0]
            found.append((jnp.where(jnp.isfinite(value), index, -1), value))
            away = jnp.sum((at[None, :, :] - at[index][:, None, :]) ** 2, axis=-1)
            square = jnp.where(away <= radius**2, jnp.inf, square)
        return Nearest(*(jnp.stack(part, axis=1) for part in zip(*found, strict=True)))

    return _in_chunks(spread, table, queries, used)


def _smallest(square, count: int) -> Nearest:
    negative, index = jax.lax.top_k(-square, count)
    return Nearest(index, -negative)


def _in_chunks(choose, table, queries, used) -> Nearest:
    table, queries = jnp.asarray(table), jnp.asarray(queries)
    used = None if used is None else jnp.asarray(used)
    return _search(choose, table, queries, used)


@eqx.filter_jit
def _search(choose, table, queries, used):
    total = queries.shape[0]
    chunk = min(QUERY_CHUNK, total)
    padding = -total % chunk

    def chunks(rows):
        wide = jnp.pad(rows, ((0, padding), (0, 0)))
        return wide.reshape(-1, chunk, rows.shape[1])

    norm = jnp.sum(table * table, axis=1)

    def one(part):
        measured, mask = part
        if mask is None:
            of_table = norm[None, :]
        else:
            measured, of_table = jnp.where(mask, measured, 0.0), mask.astype(float) @ (table**2).T
        own = jnp.sum(measured * measured, axis=1)[:, None]
        return choose(jnp.maximum(own - 2.0 * (measured @ table.T) + of_table, 0.0))

    masks = None if used is None else chunks(used)
    found = jax.lax.map(one, (chunks(queries), masks))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, leaf.shape[-1])[:total], found)


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
