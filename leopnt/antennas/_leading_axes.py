"""A compiled function of single links over arguments with leading axes that broadcast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from leopnt.antennas._surface_inputs import leading_shape


def over_leading_axes(kernel: Callable[..., Any], settings: tuple, **vectors: jax.Array) -> Any:
    """Apply `kernel(*settings, *vectors)` along the last axis of every vector.

    Args:
        kernel: defined at module level; compiled once for every shape.
        settings: numbers and modules that all links share.
        vectors: their leading axes broadcast. The keywords name them in messages; the kernel gets
            them in this order.
    """
    shape = leading_shape(**{name: one.shape[:-1] for name, one in vectors.items()})
    # As arrays, so that another value of a setting compiles nothing anew.
    settings = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), settings)
    return _apply(kernel, shape, settings, tuple(vectors.values()))


@eqx.filter_jit
def _apply(kernel, shape, settings, vectors):
    flat = [_flat(one, shape) for one in vectors]
    found = jax.vmap(lambda *each: kernel(*settings, *each))(*flat)
    return jax.tree.map(lambda leaf: leaf.reshape((*shape, *leaf.shape[1:])), found)


def _flat(vector: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    length = vector.shape[-1]
    return jnp.broadcast_to(vector, (*shape, length)).reshape((-1, length))
