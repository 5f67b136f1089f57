"""Zenith delay corrections: mapping function, piecewise linear nodes, and what ties the nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError


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


@runtime_checkable
class ZenithModel(Protocol):
    """What is known beforehand about the change of the zenith delay between nodes."""

    def change_variance_m2(self, gap_s: Float[np.ndarray, " gap"]) -> Float[np.ndarray, " gap"]:
        """Variance of z(t + gap) - z(t); infinity where nothing is known."""
        ...


@dataclass(frozen=True)
class FreeNodes:
    """Nothing: every node is free."""

    def change_variance_m2(self, gap_s: Float[np.ndarray, " gap"]) -> Float[np.ndarray, " gap"]:
        """Infinity."""
        return np.full(len(gap_s), np.inf)


@dataclass(frozen=True)
class RandomWalkNodes:
    """A random walk of unknown level, var(z(t + gap) - z(t)) = rate^2 gap.

    Between nodes the delay is still linear: space them closely. A walk leaves that line by up to
    rate sqrt(spacing) / 2, in the middle of two nodes: 0.7 mm for 5 mm / sqrt(h) and 300 s.

    Attributes:
        rate_m_per_sqrt_h: standard deviation of the change in an hour.
    """

    rate_m_per_sqrt_h: float = 0.005

    def __post_init__(self):
        if not (np.isfinite(self.rate_m_per_sqrt_h) and self.rate_m_per_sqrt_h > 0.0):
            raise LeopntError(
                f"rate_m_per_sqrt_h = {self.rate_m_per_sqrt_h!r}: expected a number above 0; "
                "`FreeNodes()` for nodes that nothing ties."
            )

    def change_variance_m2(self, gap_s: Float[np.ndarray, " gap"]) -> Float[np.ndarray, " gap"]:
        """rate^2 gap."""
        return self.rate_m_per_sqrt_h**2 / 3600.0 * gap_s
