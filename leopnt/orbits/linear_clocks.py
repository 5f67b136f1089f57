"""Tabulated clocks at the own time of each link: linear between neighbors, NaN in gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.orbits.even_steps import EvenSteps, even_steps

_REACH_S = 1.0


@dataclass(frozen=True, eq=False)
class LinearClocks:
    """Clocks at even steps; made by `linear_clocks`.

    Attributes:
        steps: times of the nodes.
        bias_s: clock minus system time, NaN where missing.
        jumps: the clock jumped between the node before and this one.
    """

    steps: EvenSteps
    bias_s: Float[np.ndarray, "sat node"]
    jumps: Bool[np.ndarray, "sat node"]

    def at(
        self, satellite: Int[np.ndarray, " link"], t_s: Float[np.ndarray, " link"]
    ) -> Float[np.ndarray, " link"]:
        """Clock [s] of each link at its time, up to 1 s beyond the table."""
        place = self.steps.place(t_s)
        left = np.clip(np.floor(np.nan_to_num(place)), 0, self.steps.count - 2).astype(np.int64)
        weight = place - left
        early, late = self.bias_s[satellite, left], self.bias_s[satellite, left + 1]
        reach = _REACH_S / self.steps.step_s
        bad = self.jumps[satellite, left + 1] | (weight < -reach) | (weight > 1.0 + reach)
        return np.where(bad, np.nan, early + weight * (late - early))


def linear_clocks(
    nodes_s: Float[np.ndarray, " epoch"],
    bias_s: Float[np.ndarray, "sat epoch"],
    jumps: Bool[np.ndarray, "sat epoch"] | None = None,
    source: str = "nodes_s",
) -> LinearClocks:
    """A table of clocks, ready to be interpolated.

    Args:
        nodes_s: increasing, in even steps some of which may be missing.
        bias_s: NaN where missing.
        jumps: the clock jumped between the node before and this one.
        source: what messages call the table.

    Raises:
        LeopntError: uneven steps.
    """
    steps, at = even_steps(nodes_s, source)
    bias = np.full((len(bias_s), steps.count), np.nan)
    bias[:, at] = bias_s
    jumped = np.zeros(bias.shape, bool)
    if jumps is not None:
        jumped[:, at] = jumps
    return LinearClocks(steps, bias, jumped)
