"""Cycle slips found in the observations of a file, before anything is known of the satellites.

`quality.slips_of` looks at the phases of whole station-days instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.methods.calibration.file_observations import RawLinks

_WINDOW = 10


@runtime_checkable
class SlipDetector(Protocol):
    """Finds slips of one system at one station."""

    def slips(self, links: RawLinks) -> Bool[np.ndarray, " link"]:
        """True at the first link after a slip."""
        ...


@dataclass(frozen=True)
class LostLock:
    """Slips that the receiver flagged (loss-of-lock indicator, power failure)."""

    def slips(self, links: RawLinks) -> Bool[np.ndarray, " link"]:
        """The flags of the file."""
        return links.lost_lock


@dataclass(frozen=True)
class WideLaneJumps:
    """Jumps of the Melbourne-Wuebbena combination, free of geometry, clocks and ionosphere.

        W = (phi1 - phi2) - (f1 P1 + f2 P2) / (f1 + f2) / lambda_w        (cycles)

    Means over up to 10 epochs before and after are compared, with no epoch left out between them. A
    slip by the same number of cycles on both carriers does not show: `quality.leo_slips_of` and
    `quality.slips_of` look for those.

    Attributes:
        least_cycles: smallest jump.
        least_sigmas: smallest jump over its standard deviation, from the scatter of W.
    """

    least_cycles: float = 0.5
    least_sigmas: float = 6.0

    def __post_init__(self):
        for name, value in vars(self).items():
            if not value > 0.0:
                raise LeopntError(f"{name} = {value!r}: expected a number above 0.")

    def slips(self, links: RawLinks) -> Bool[np.ndarray, " link"]:
        """The largest jump of each neighborhood that has any."""
        wide = wide_lane_cycles(links)
        found = np.zeros(len(wide), bool)
        known = np.flatnonzero(np.isfinite(wide))
        if len(known) < 3:
            return found
        step = links.epoch if links.step is None else links.step
        jump, spread = _steps(wide[known], _runs(links.satellite[known], step[known]))
        change = np.diff(wide[known])
        noise = np.median(np.abs(change)) / (0.6745 * np.sqrt(2.0))
        size = np.abs(jump)
        large = (size > self.least_cycles) & (size > self.least_sigmas * noise * spread)
        found[known[_peaks(np.where(large, size, 0.0))]] = True
        return found


def wide_lane_cycles(links: RawLinks) -> Float[np.ndarray, " link"]:
    """Melbourne-Wuebbena combination [cycles of the wide lane]; NaN where incomplete."""
    first, second = links.pair
    phase = (first * links.phase_m[:, 0] - second * links.phase_m[:, 1]) / SPEED_OF_LIGHT_MPS
    code = (first * links.code_m[:, 0] + second * links.code_m[:, 1]) / (first + second)
    return phase - code * (first - second) / SPEED_OF_LIGHT_MPS


def _runs(satellite: Int[np.ndarray, " link"], epoch: Int[np.ndarray, " link"]):
    """First and one past the last link of the uninterrupted run of each."""
    cuts = np.flatnonzero((np.diff(satellite) != 0) | (np.diff(epoch) != 1)) + 1
    edges = np.concatenate([[0], cuts, [len(satellite)]])
    number = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    return edges[number], edges[number + 1]


def _steps(values: Float[np.ndarray, " link"], runs):
    """Mean after minus mean before each link, and its sigma over that of one value."""
    begin, end = runs
    here = np.arange(len(values))
    low, high = np.maximum(here - _WINDOW, begin), np.minimum(here + _WINDOW, end)
    total = np.concatenate([[0.0], np.cumsum(values - values.mean())])
    before, after = here - low, high - here
    inside = before > 0
    mean_before = (total[here] - total[low]) / np.where(inside, before, 1)
    mean_after = (total[high] - total[here]) / after
    spread = np.sqrt(1.0 / np.where(inside, before, 1) + 1.0 / after)
    return np.where(inside, mean_after - mean_before, 0.0), spread


def _peaks(size: Float[np.ndarray, " link"]) -> Int[np.ndarray, " some"]:
    """Links whose size is the largest within half a window, and above zero."""
    half = _WINDOW // 2
    padded = np.pad(size, half)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.flatnonzero((size > 0.0) & (size >= around.max(axis=1)))
