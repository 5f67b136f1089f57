"""Zenith delay corrections: mapping function and piecewise linear nodes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


def mapping_factor(elevation_rad: Float[np.ndarray, "*batch"]) -> Float[np.ndarray, "*batch"]:
    """m(E) = 1.001 / sqrt(0.002001 + sin^2 E): slant over zenith delay."""
    return np.asarray(1.001 / np.sqrt(0.002001 + np.sin(elevation_rad) ** 2))


class NodeWeights(NamedTuple):
    """z(t) = left z_k + right z_(k+1) at each epoch."""

    interval: Int[np.ndarray, " epoch"]
    left: Float[np.ndarray, " epoch"]
    right: Float[np.ndarray, " epoch"]
    num_nodes: int


def node_weights(epoch_s: Float[np.ndarray, " epoch"], spacing_s: float) -> NodeWeights:
    """Nodes every `spacing_s` from the first epoch on; the last at or beyond the last epoch."""
    place = (epoch_s - epoch_s[0]) / spacing_s
    num_nodes = max(2, int(np.ceil(place[-1] - 1e-9)) + 1)
    interval = np.clip(np.floor(place).astype(np.int64), 0, num_nodes - 2)
    right = place - interval
    return NodeWeights(interval, 1.0 - right, right, num_nodes)
