"""A function of single links over arguments with leading axes that broadcast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from leopnt.antennas._surface_inputs import leading_shape


def over_leading_axes(kernel: Callable[..., Any], **vectors: jax.Array) -> Any:
    """Apply `kernel` along the last axis of every argument; leading axes broadcast.

    The keywords name the arguments in messages; the kernel gets them in this order.
    """
    shape = leading_shape(**{name: one.shape[:-1] for name, one in vectors.items()})
    flat = [_flat(one, shape) for one in vectors.values()]
    found = jax.vmap(kernel)(*flat)
    return jax.tree.map(lambda leaf: leaf.reshape((*shape, *leaf.shape[1:])), found)


def _flat(vector: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    length = vector.shape[-1]
    return jnp.broadcast_to(vector, (*shape, length)).reshape((-1, length))
