"""Cycle slips nobody flagged, and observations that do not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from leopnt.errors import LeopntError
from leopnt.methods.calibration.back_substitution import LinkResiduals
from leopnt.methods.calibration.station_day import Links, StationDay, arcs_of


def slips_of(
    day: StationDay, threshold_m: float = 0.05
) -> tuple[Bool[np.ndarray, " leo"], Bool[np.ndarray, " reference"]]:
    """Links after a jump of phase within an arc, LEO and reference links.

    The change of phase from one epoch to the next, less the median of all satellites (the receiver
    clock), is a few millimeters; what exceeds the threshold is a slip. An offset of a LEO satellite
    that is left in moves its phase by up to 4 % of it in 5 s and by a quarter in 30 s: take
    `about_offsets` of what is known first. A zenith delay of 5 cm moves it by as much as 7 cm in a
    minute near 10 degrees; sample faster. At an epoch with fewer than three continuing links none
    is found.

    Args:
        threshold_m: above noise and orbit errors, below the least jump to be found.
    """
    if not threshold_m > 0.0:
        raise LeopntError(f"threshold_m = {threshold_m!r}: expected a length above 0.")
    changes = [_changes(links) for links in (day.leo, day.reference)]
    epoch = np.concatenate([links.epoch[on] for links, (on, _) in _pairs(day, changes)])
    change = np.concatenate([value for _, value in changes])
    median = _medians(epoch, change, len(day.epoch_s))
    flags = []
    for links, (on, value) in _pairs(day, changes):
        flag = np.zeros(len(links.epoch), bool)
        off = np.abs(value - median[links.epoch[on]])
        flag[on] = np.isfinite(off) & (off > threshold_m)
        flags.append(flag)
    return flags[0], flags[1]


def with_slips(
    day: StationDay, leo: Bool[np.ndarray, " leo"], reference: Bool[np.ndarray, " reference"]
) -> StationDay:
    """The same observations with arcs that end at slips, besides where they ended."""
    return replace(day, leo=_cut(day.leo, leo), reference=_cut(day.reference, reference))


def without_outliers(
    day: StationDay, leo: LinkResiduals, reference: LinkResiduals, limit_sigmas: float = 5.0
) -> tuple[StationDay, int]:
    """Leave out codes and phases whose residual exceeds a limit; how many there were.

    Residuals over a-priori sigmas, not normalized by their redundancy: nearly the same here, where
    dozens of links share a clock and hundreds an ambiguity. Estimate again afterwards.
    """
    if not limit_sigmas > 0.0:
        raise LeopntError(f"limit_sigmas = {limit_sigmas!r}: expected a number above 0.")
    cleaned, count = [], 0
    for links, residuals in ((day.leo, leo), (day.reference, reference)):
        code = np.abs(residuals.code_sigmas) > limit_sigmas
        phase = np.abs(residuals.phase_sigmas) > limit_sigmas
        count += int(np.sum(code) + np.sum(phase))
        kept = {"has_code": links.has_code & ~code, "has_phase": links.has_phase & ~phase}
        cleaned.append(links._replace(**kept))
    return replace(day, leo=cleaned[0], reference=cleaned[1]), count


def _pairs(day: StationDay, changes):
    return zip((day.leo, day.reference), changes, strict=True)


def _changes(links: Links):
    """Links that go on from the epoch before, and their change of phase."""
    on = np.zeros(len(links.arc), bool)
    on[1:] = (np.diff(links.arc) == 0) & (np.diff(links.epoch) == 1)
    on[1:] &= links.has_phase[1:] & links.has_phase[:-1]
    place = np.flatnonzero(on)
    return place, links.phase_m[place] - links.phase_m[place - 1]


def _medians(epoch: np.ndarray, change: np.ndarray, count: int) -> Float[np.ndarray, " epoch"]:
    """Median per epoch; NaN with fewer than three."""
    order = np.lexsort((change, epoch))
    ordered, number = change[order], np.bincount(epoch, minlength=count)
    first = np.cumsum(number) - number
    enough = number >= 3
    median = np.full(count, np.nan)
    low, high = first + (number - 1) // 2, first + number // 2
    median[enough] = 0.5 * (ordered[low[enough]] + ordered[high[enough]])
    return median


def _cut(links: Links, slip: Bool[np.ndarray, " link"]) -> Links:
    if slip.shape != links.arc.shape:
        raise LeopntError(f"slips have shape {slip.shape}; expected {links.arc.shape}, as links.")
    ended = np.zeros(len(slip), bool)
    ended[1:] = np.diff(links.arc) != 0
    gap = len(slip) + int(links.epoch.max(initial=0)) + 1  # arcs end where they did, no gap rule
    return links._replace(arc=arcs_of(links.satellite, links.epoch, slip | ended, gap))
