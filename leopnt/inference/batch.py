"""Run a per-problem function over a large batch: fixed tiles, two threads, bounded memory."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from leopnt.errors import LeopntError
from leopnt.inference.devices import working_platform
from leopnt.inference.lapack_guard import turn_of

DEFAULT_TILE = 500
"""Problems that advance together: their working set fits the cache of one core."""

_TILES_PER_CALL = 8
"""Tiles that one kernel call works through, one after the other, to hide the cost of the call."""


def batch_map(
    function: Callable[..., PyTree],
    *batched: PyTree,
    shared: PyTree = None,
    tile: int = DEFAULT_TILE,
    threads: int | None = None,
) -> PyTree:
    """Apply `function(*one)`, or `function(*one, shared)`, to every problem of a batch.

    The batch is cut into tiles of `tile` problems (the last one padded by repetition), so that the
    compiled kernel and its rounding are the same for every batch size; tiles run on a thread pool
    and come back in order. Equal tile and platform give bit-equal results for any `threads`.

    Args:
        function: pure JAX function of one problem, defined at module level (the compiled kernel is
            cached by its identity). A function that calls LAPACK (library Cholesky, solve, QR,
            SVD) is run by one thread at a time in the whole process, see `lapack_guard`.
        batched: pytrees whose arrays have a leading batch axis.
        shared: pytree passed to every call as it is, last; None: no such argument.
        tile: problems per tile; another tile may round differently.
        threads: default: number of cores, at most 8 (one on an accelerator).

    Returns:
        the pytree of results, NumPy arrays with leading batch axis.
    """
    parts = list(batch_stream(function, *batched, shared=shared, tile=tile, threads=threads))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def batch_stream(
    function: Callable[..., PyTree],
    *batched: PyTree,
    shared: PyTree = None,
    tile: int = DEFAULT_TILE,
    threads: int | None = None,
) -> Iterator[PyTree]:
    """As `batch_map`, results piece by piece in order, never more than a few pieces in memory."""
    count = _batch_size(batched)
    for name, value in (("tile", tile), ("threads", threads)):
        if value is not None and value < 1:
            raise LeopntError(f"{name}: got {value}; accepted: 1 or more.")
    span = tile * min(_TILES_PER_CALL, -(-count // tile))
    kernel = _kernel(function, tile)

    def run(start: int) -> PyTree:
        stop = min(start + span, count)
        piece = jax.tree.map(lambda leaf: _cut(leaf, start, stop, span), batched)
        with turn:
            result = jax.tree.map(np.asarray, kernel(piece, shared))
        return jax.tree.map(lambda leaf: leaf[: stop - start], result)

    first = jax.tree.map(lambda leaf: _cut(leaf, 0, min(span, count), span), batched)
    turn = turn_of(kernel, first, shared)
    return _in_order(run, range(0, count, span), threads or _default_threads())


def _in_order(run: Callable[[int], PyTree], starts: range, threads: int) -> Iterator[PyTree]:
    if threads == 1 or len(starts) == 1:
        yield from map(run, starts)
        return
    yield run(starts[0])  # compile once, not once per thread
    with ThreadPoolExecutor(threads) as pool:
        pending = []
        for start in starts[1:]:
            pending.append(pool.submit(run, start))
            if len(pending) > 2 * threads:
                yield pending.pop(0).result()
        for future in pending:
            yield future.result()


@functools.lru_cache(maxsize=256)
def _kernel(function: Callable[..., PyTree], tile: int):
    """Compiled (tiles * tile problems) -> results; tiles run one after the other."""

    @jax.jit
    def kernel(piece, shared):
        def one_tile(problems):
            common = () if shared is None else (shared,)
            return jax.vmap(lambda *one: function(*one, *common))(*problems)

        tiles = jax.tree.map(lambda leaf: leaf.reshape(-1, tile, *leaf.shape[1:]), piece)
        results = jax.lax.map(one_tile, tiles)
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), results)

    return kernel


def _cut(leaf: Any, start: int, stop: int, span: int):
    part = leaf[start:stop]
    missing = span - (stop - start)
    if not missing:
        return part
    xp = jnp if isinstance(part, jax.Array) else np
    return xp.concatenate([part, xp.repeat(part[-1:], missing, axis=0)])


def _batch_size(batched: tuple) -> int:
    sizes = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(batched)}
    if len(sizes) != 1 or () in sizes:
        found = ", ".join(str(s[0]) if s else "none (a scalar)" for s in sorted(sizes))
        raise LeopntError(
            "batched: every array needs the same leading batch axis; found lengths: "
            f"{found or 'no arrays at all'}."
        )
    (size,) = sizes.pop()
    if not size:
        raise LeopntError("batched: the batch is empty; give at least one problem.")
    return size


def _default_threads() -> int:
    if working_platform() != "cpu":
        return 1
    if hasattr(os, "sched_getaffinity"):
        return min(8, len(os.sched_getaffinity(0)))
    return min(8, os.cpu_count() or 1)
