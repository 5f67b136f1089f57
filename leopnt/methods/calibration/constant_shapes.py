"""Call compiled functions on any number of links without compiling for each number."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

TILE = 16384
"""Links at once; what is left over is filled up with the first link."""


def in_tiles(function: Callable[..., jax.Array], *arrays: np.ndarray) -> np.ndarray:
    """Result of a function whose arguments and result have links as their first axis.

    Arguments without links are left out by closing over them (`functools.partial`), and `function`
    should be compiled (`jax.jit`) once, at import.
    """
    count = len(arrays[0])
    parts = []
    for first in range(0, count, TILE):
        rows = np.arange(first, first + TILE)
        rows[rows >= count] = first
        found = np.asarray(function(*(one[rows] for one in arrays)))
        parts.append(found[: count - first])
    return np.concatenate(parts)
