"""Cycle slips nobody flagged, and observations that do not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.methods.calibration.back_substitution import LinkResiduals
from leopnt.methods.calibration.station_day import (
    Links,
    StationDay,
    cut_arcs,
    epoch_steps,
)
from leopnt.methods.calibration.zenith_delay import mapping_factor, node_weights

_ZENITH_SPACING_S = 7200.0
_LOOSE_OFFSET_M = 3.0
_LOOSE_ZENITH_M = 0.3
_PHASE_M = 0.005
_FIT_STEPS = 12
_ELEVATIONS_RAD = np.radians([15.0, 20.0, 30.0, 50.0])
_FEW = 30


def slips_of(
    day: StationDay, threshold_m: float = 0.05, *, sampling_s: float | None = None
) -> tuple[Bool[np.ndarray, " leo"], Bool[np.ndarray, " reference"]]:
    """Links after a jump of phase within an arc, LEO and reference links.

    The change of phase from one epoch to the next, less the median of all satellites (the receiver
    clock), is a few millimeters; what exceeds the threshold is a slip. An offset of a LEO satellite
    that is left in moves its phase by up to 4 % of it in 5 s and by a quarter in 30 s: where
    offsets are unknown, what is found of LEO links is false alarm and `leo_slips_of` is meant
    instead; or take `about_offsets` of what is known first. A zenith delay of 5 cm moves it by as
    much as 7 cm in a minute near 10 degrees; sample faster. At an epoch with fewer than three
    continuing links none is found.

    Args:
        threshold_m: above noise and orbit errors, below the least jump to be found.
        sampling_s: interval between epochs; None for the median of the day.
    """
    if not threshold_m > 0.0:
        raise LeopntError(f"threshold_m = {threshold_m!r}: expected a length above 0.")
    step = epoch_steps(day.epoch_s, sampling_s)
    changes = [_changes(links, step) for links in (day.leo, day.reference)]
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


def leo_slips_of(
    day: StationDay,
    threshold_m: float = 0.05,
    *,
    least_sigmas: float = 5.0,
    sampling_s: float | None = None,
) -> Bool[np.ndarray, " leo"]:
    """LEO links after a jump of phase within an arc, offsets and zenith delay unknown.

        dy = dh . p + dm z + slip        (dy: change of phase from one epoch to the next, less the
                                          median change of the reference phases: the clock)

    p of each satellite and z (nodes every 2 h) are fitted to all changes of the day by least
    absolute residuals. A residual beyond `threshold_m` and beyond `least_sigmas` of the scatter at
    its elevation is a slip.

    Found: jumps of the ionosphere-free phase above both limits, whatever cycles made them; with
    white noise of 3 mm and of 1 cm (a raised LEO clock) the limits are 5 and 8 cm. Not found:
    smaller jumps, among them some pairs of cycles that nearly cancel; jumps across epochs left out
    (`station_day` ends arcs there) or at epochs with fewer than three continuing reference phases;
    jumps of a satellite with few changes more than the three unknowns of its offset, and most of
    those in half or more of its changes.

    Args:
        threshold_m: above orbit and clock errors in one interval, below the least jump to be found.
        least_sigmas: over the scatter, from the median of absolute residuals.
        sampling_s: interval between epochs; None for the median of the day.
    """
    for name, value in (("threshold_m", threshold_m), ("least_sigmas", least_sigmas)):
        if not value > 0.0:
            raise LeopntError(f"{name} = {value!r}: expected a number above 0.")
    step = epoch_steps(day.epoch_s, sampling_s)
    flag = np.zeros(len(day.leo.arc), bool)
    on, change = _changes(day.reference, step)
    clock = _medians(day.reference.epoch[on], change, len(day.epoch_s))
    place, change = _changes(day.leo, step)
    change = change - clock[day.leo.epoch[place]]
    known = np.isfinite(change)
    place, change = place[known], change[known]
    if len(place):
        off = np.abs(_robust_residuals(day, place, change))
        sigma = _scatter(off, day.leo.elevation_rad[place])
        flag[place] = off > np.maximum(threshold_m, least_sigmas * sigma)
    return flag


def _robust_residuals(
    day: StationDay, place: Int[np.ndarray, " change"], change: Float[np.ndarray, " change"]
) -> Float[np.ndarray, " change"]:
    """Residuals of changes after a fit of offsets and zenith delays.

    Weights 1 / max(|residual|, 5 mm), from a first fit with equal ones; loose priors (3 m, 0.3 m)
    keep satellites and nodes with few changes regular.
    """
    partial = day.geometry.partials[place] - day.geometry.partials[place - 1]
    nodes = node_weights(day.epoch_s, _ZENITH_SPACING_S)
    epoch, mapping = day.leo.epoch, mapping_factor(day.leo.elevation_rad)
    zenith = np.zeros((len(place), nodes.num_nodes))
    row = np.arange(len(place))
    for side, sign in ((place, 1.0), (place - 1, -1.0)):
        at = epoch[side]
        zenith[row, nodes.interval[at]] += sign * mapping[side] * nodes.left[at]
        zenith[row, nodes.interval[at] + 1] += sign * mapping[side] * nodes.right[at]
    weight = np.full(len(place), 1.0 / _PHASE_M)
    rest = change
    starts = np.flatnonzero(np.diff(day.leo.satellite[place], prepend=-1))
    for _ in range(_FIT_STEPS):
        rest = change - _fitted(partial, zenith, weight, change, starts)
        weight = 1.0 / np.maximum(np.abs(rest), _PHASE_M)
    return rest


def _fitted(partial, zenith, weight, change, starts) -> Float[np.ndarray, " change"]:
    """Least squares with the offset of each satellite eliminated first."""
    weighted = partial * weight[:, None]
    prior = np.eye(3) * _PHASE_M / _LOOSE_OFFSET_M**2
    own = np.add.reduceat(weighted[:, :, None] * partial[:, None, :], starts) + prior
    mixed = np.stack(
        [np.add.reduceat(weighted[:, i, None] * zenith, starts) for i in range(3)], axis=1
    )
    seen = np.add.reduceat(weighted * change[:, None], starts)
    shared = zenith.T @ (zenith * weight[:, None])
    shared += np.eye(zenith.shape[1]) * _PHASE_M / _LOOSE_ZENITH_M**2
    lowered = np.linalg.solve(own, np.concatenate([mixed, seen[:, :, None]], axis=2))
    matrix = shared - np.einsum("sia,sib->ab", mixed, lowered[:, :, :-1])
    vector = zenith.T @ (weight * change) - np.einsum("sia,si->a", mixed, lowered[:, :, -1])
    level = np.linalg.solve(matrix, vector)
    offset = lowered[:, :, -1] - lowered[:, :, :-1] @ level
    number = np.diff(np.append(starts, len(change)))
    return np.sum(partial * np.repeat(offset, number, axis=0), axis=1) + zenith @ level


def _scatter(
    off: Float[np.ndarray, " change"], elevation_rad: Float[np.ndarray, " change"]
) -> Float[np.ndarray, " change"]:
    """Standard deviation by the median of absolute residuals at similar elevations."""
    group = np.searchsorted(_ELEVATIONS_RAD, elevation_rad)
    sigma = np.full(len(_ELEVATIONS_RAD) + 1, np.median(off) / 0.6745)
    for i in range(len(sigma)):
        some = off[group == i]
        if len(some) >= _FEW:
            sigma[i] = np.median(some) / 0.6745
    return sigma[group]


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


def _changes(links: Links, step: Int[np.ndarray, " epoch"]):
    """Links that go on from one sampling interval before, and their change of phase."""
    on = np.zeros(len(links.arc), bool)
    on[1:] = (np.diff(links.arc) == 0) & (np.diff(step[links.epoch]) == 1)
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
    return cut_arcs(links, slip)
