"""A second look at a station-day, once offsets and delays are known: a plain function of data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError
from leopnt.io.results import replacing
from leopnt.methods.calibration import (
    CORRELATED,
    Calibration,
    CalibrationSettings,
    DelayLinks,
    LinkResiduals,
    StationDay,
    StationDayJob,
    arc_correlations,
    delay_links,
    joined_links,
    values_of_station_day,
    without_orbit_errors,
)

KINDS = ("LEO code", "LEO phase", "reference code", "reference phase")
EDGES_DEG = np.arange(0.0, 91.0, 5.0)
_MARK = "mark"


class StationDayReview(NamedTuple):
    """What a station-day tells once the global unknowns are known.

    squares, weighted: sums of squared residuals [m^2], and over their variance, by kind and
        elevation; number: how many.
    largest: residual over its sigma, by kind.
    correlation: sum of absolute correlation matrices of `CORRELATED`; num_arcs: of how many.
    satellite: of each row of links. links: residual delays of all satellites, by satellite.
    """

    squares: Float[np.ndarray, "4 bin"]
    weighted: Float[np.ndarray, "4 bin"]
    number: Int[np.ndarray, "4 bin"]
    largest: Float[np.ndarray, "4"]
    correlation: Float[np.ndarray, "7 7"]
    num_arcs: int
    satellite: Int[np.ndarray, " link"]
    links: DelayLinks


class Review(NamedTuple):
    """What to look at: correlations of arcs, residual delays; residuals always."""

    correlations: bool
    delays: bool


def review_job(
    job: StationDayJob, of: Calibration, settings: CalibrationSettings, what: Review
) -> StationDayReview:
    """Residuals, correlations and residual delays of a station-day.

    Raises:
        LeopntError: what reading, simulating or back-substitution raises.
    """
    day = job.load()
    local = values_of_station_day(day, of, settings)
    sums = _residual_sums(day, (local.leo_residuals, local.reference_residuals))
    correlation, num_arcs = np.zeros((len(CORRELATED), len(CORRELATED))), 0
    if what.correlations:
        every = arc_correlations(day, of, settings)
        correlation, num_arcs = np.sum(np.abs(every), axis=0), len(every)
    parts: list[DelayLinks] = []
    isb = float(of.isb_m[day.station])
    if what.delays and np.isfinite(isb):
        parts = delay_links(
            without_orbit_errors(day, of, settings),
            settings,
            offset_m=np.nan_to_num(of.offset_m),
            isb_m=isb,
            clock_m=local.clock_m,
            zenith_delay_m=local.zenith_delay_m,
        )
    satellite = np.repeat(np.arange(len(parts)), [len(part.t_s) for part in parts])
    links = DelayLinks(*(np.concatenate(c) for c in zip(*parts, strict=True))) if parts else _NONE
    return StationDayReview(*sums, correlation, num_arcs, satellite, links)


_NONE = DelayLinks(
    np.zeros(0), np.zeros(0, int), np.zeros(0, int), *(np.zeros(0) for _ in range(4))
)


def without_links(review: StationDayReview) -> StationDayReview:
    """Sums and correlations alone, which are small."""
    return review._replace(satellite=review.satellite[:0], links=_NONE)


def links_of_satellites(
    reviews: Iterable[StationDayReview], satellites: range
) -> list[DelayLinks | None]:
    """Residual delays of satellites over all station-days; None where there are none."""
    found: list[DelayLinks | None] = []
    every: list[list[DelayLinks]] = [[] for _ in satellites]
    for review in reviews:
        cut = np.searchsorted(review.satellite, np.append(satellites, satellites.stop)).tolist()
        for parts, (a, b) in zip(every, pairwise(cut), strict=True):
            if a < b:
                parts.append(DelayLinks(*(column[a:b].copy() for column in review.links)))
    for parts in every:
        joined = joined_links(parts) if parts else None
        told = joined is not None and np.any(np.isfinite(joined.code_variance_m2))
        found.append(joined if told else None)
    return found


def _residual_sums(day: StationDay, residuals: tuple[LinkResiduals, LinkResiduals]):
    bins = len(EDGES_DEG) - 1
    squares, weighted = np.zeros((4, bins)), np.zeros((4, bins))
    count, largest = np.zeros((4, bins), np.int64), np.zeros(4)
    for system, (links, found) in enumerate(zip((day.leo, day.reference), residuals, strict=True)):
        place = np.digitize(np.degrees(links.elevation_rad), EDGES_DEG) - 1
        pairs = ((found.code_m, found.code_sigmas), (found.phase_m, found.phase_sigmas))
        for what, (length, over_sigma) in enumerate(pairs):
            there, kind = np.isfinite(length), 2 * system + what
            at = place[there]
            squares[kind] = np.bincount(at, length[there] ** 2, bins)[:bins]
            weighted[kind] = np.bincount(at, over_sigma[there] ** 2, bins)[:bins]
            count[kind] = np.bincount(at, minlength=bins)[:bins]
            largest[kind] = np.max(np.abs(over_sigma[there]), initial=0.0)
    return squares, weighted, count, largest


def save_review(path: Path, review: StationDayReview, mark: str) -> None:
    """Write to an .npz file, whole or not at all; `mark` tells what it was made with."""
    plain = review._asdict() | {f"link_{n}": v for n, v in review.links._asdict().items()}
    del plain["links"]
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **plain, **{_MARK: np.asarray(mark)})


def load_review(path: Path, mark: str) -> StationDayReview | None:
    """Read what `save_review` wrote; None if it is missing, damaged or of another mark."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        if str(found.pop(_MARK)) != mark:
            return None
        links = DelayLinks(*(found.pop(f"link_{name}") for name in DelayLinks._fields))
        num_arcs = int(found.pop("num_arcs"))
        return StationDayReview(**found, num_arcs=num_arcs, links=links)
    except Exception:  # a damaged zip raises a dozen kinds
        return None


class StoredReviews(Sequence[StationDayReview]):
    """Reviews in files, read again whenever one is asked for."""

    def __init__(self, paths: Sequence[Path], mark: str):
        self.paths, self.mark = paths, mark

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: Any) -> Any:
        found = load_review(self.paths[place], self.mark)
        if found is None:
            raise LeopntError(f"{self.paths[place]} changed while it was read; run again.")
        return found


def consecutive(values: Sequence[int], most: int) -> list[list[int]]:
    """Values in their order, cut into at most so many groups of about equal size."""
    number = min(most, len(values))
    cuts = np.rint(np.linspace(0, len(values), number + 1)).astype(int)
    return [list(values[a:b]) for a, b in pairwise(cuts.tolist())]
