"""Delays of each epoch from the reviews of station-days, and how far they are off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from leopnt.methods.calibration import (
    FREE_LEVEL_SIGMA_M,
    Calibration,
    DelayLinks,
    DelayModel,
    smooth_delays,
)
from leopnt.studies.calibration_network import Source
from leopnt.studies.calibration_review import StationDayReview, links_of_satellites

MOST_LINKS = 1_000_000
"""Links of a few satellites that are in memory at a time."""


class Delays(NamedTuple):
    """Delays of all satellites one after the other, each by time.

    satellite: number; t_s: from the start; sigma_m: formal.
    """

    satellite: Int[np.ndarray, " row"]
    t_s: Float[np.ndarray, " row"]
    delay_m: Float[np.ndarray, " row"]
    sigma_m: Float[np.ndarray, " row"]


def delays_of(reviews: Sequence[StationDayReview], of: Calibration, model: DelayModel) -> Delays:
    """Smooth the residual delays of each satellite; those without a level or code have no rows.

    The level of step 2 comes from the code of the same days: it is where delays start from, and
    its sigma is not used again.

    Args:
        reviews: gone through once for some satellites at a time; may read from files.

    Raises:
        LeopntError: what `smooth_delays` raises.
    """
    counts = np.zeros(of.layout.num_satellites, np.int64)
    for review in reviews:
        counts += np.bincount(review.satellite, minlength=len(counts))
    parts = [np.zeros((4, 0))]
    for first, last in _batches(counts):
        links = links_of_satellites(reviews, range(first, last))
        parts += _smoothed(links, first, of, model)
    table = np.concatenate(parts, axis=1)
    return Delays(table[0].astype(np.int64), *table[1:])


def _batches(counts: Int[np.ndarray, " sat"]) -> list[tuple[int, int]]:
    """First satellite and the one after the last, of about `MOST_LINKS` links each."""
    place = np.cumsum(counts) // MOST_LINKS
    cuts = np.flatnonzero(np.diff(place)) + 1
    return list(pairwise([0, *cuts.tolist(), len(counts)]))


def _smoothed(
    every: Sequence[DelayLinks | None], first: int, of: Calibration, model: DelayModel
) -> Iterator[Float[np.ndarray, "4 row"]]:
    for sat, links in enumerate(every, first):
        level = float(of.delay_m[sat])
        if links is None or not np.isfinite(level):
            continue
        series = smooth_delays(links, model, level, FREE_LEVEL_SIGMA_M)
        number = np.full(len(series.t_s), float(sat))
        yield np.stack([number, *series])


class DelayTruth(NamedTuple):
    """What delays of epochs are compared with [m].

    delay_m: the true delay in the datum. clock_m: the error of the clock product, which a user of
    the delay takes along with it.
    """

    delay_m: Float[np.ndarray, " row"]
    clock_m: Float[np.ndarray, " row"]


def delay_truth(
    delays: Delays, source: Source, true_delay_m: Float[np.ndarray, " sat"]
) -> DelayTruth:
    """True delays of each row; clock errors where the source knows them, else NaN."""
    clock = np.full(len(delays.t_s), np.nan)
    if source.clock_errors is not None:
        for sat in np.unique(delays.satellite).tolist():
            here = delays.satellite == sat
            clock[here] = source.clock_errors(sat, delays.t_s[here])
    true = true_delay_m[delays.satellite]
    if source.truth is not None:
        true = true + source.truth.swing.at(delays.t_s)
    return DelayTruth(true, clock)


def rms_by_satellite(
    satellite: Int[np.ndarray, " row"], values: Float[np.ndarray, " row"], number: int
) -> Float[np.ndarray, " sat"]:
    """Root mean square of the rows of each satellite; NaN without any."""
    count = np.bincount(satellite, minlength=number)
    squares = np.bincount(satellite, values**2, number)
    return np.sqrt(np.where(count > 0, squares / np.maximum(count, 1), np.nan))
