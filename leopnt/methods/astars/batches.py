"""One problem or many: leading axes of arguments to a batch, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from leopnt.inference.batch import batch_map

TILE = 250
"""Problems that advance together, by default: a fix of twelve satellites stays in the cache."""


def over_batch(
    kernel: Callable[..., Any],
    shape: tuple[int, ...],
    *arguments: np.ndarray,
    tile: int = TILE,
    threads: int | None = None,
) -> Any:
    """Apply a kernel of one problem to arguments with leading axes `shape`.

    Args:
        kernel: defined at module level.
        arguments: arrays of shape (*shape, ...).
        tile, threads: as `inference.batch_map`; a single problem has a tile of its own.
    """
    flat = [np.reshape(x, (-1, *x.shape[len(shape) :])) for x in arguments]
    size = 1 if shape == () else tile
    found = batch_map(kernel, *flat, tile=size, threads=threads)
    return jax.tree.map(lambda leaf: leaf.reshape((*shape, *leaf.shape[1:])), found)
