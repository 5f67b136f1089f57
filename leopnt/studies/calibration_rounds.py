"""Rounds of a calibration: station-days are reduced again with other weights, each kept.

CHUNKS/variances01-day*.npz  what station-days tell about the sigmas, round 1
CHUNKS/round01-day*.npz      their normal equations with new weights; those of the last round stay
CHUNKS/round01.npz           the sum of the normal equations, once all are there
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError
from leopnt.io.results import replacing
from leopnt.methods.calibration import (
    SETTLED_SIGMAS,
    Calibration,
    CalibrationSettings,
    KnownClock,
    KnownOrbit,
    Layout,
    ReducedNormals,
    StationDay,
    StationDayJob,
    VarianceComponents,
    Weights,
    WithPattern,
    components_of,
    largest_move,
    load_normals,
    load_notes,
    reduce_station_day,
    rescaled,
    save_normals,
    stacked,
    variance_sums,
    with_factors,
)
from leopnt.studies.calibration_refinement import GROUPS, Refinement

SETTLED_SHARE = 1e-3
"""Rounds end when no sigma changes by more than this part of itself."""

Key = tuple[int, int]
"""Station and day."""

_MARK, _SUMS, _COUNTS, _UNTESTED = "mark", "sums", "counts", "untested"
_NAME = re.compile(r"(round|variances)(\d+)(-.*)?\.npz")


class Counts(NamedTuple):
    """Codes and phases of a station-day, by kind (LEO code and phase, then reference).

    observed: all of them. reduced: those that count less; left_out: of these, not any more.
    untested: those of any kind whose residual tells too little of their error.
    """

    observed: Int[np.ndarray, "4"]
    reduced: Int[np.ndarray, "4"]
    left_out: Int[np.ndarray, "4"]
    untested: int


class RoundNormals(NamedTuple):
    """A station-day with the weights of a round."""

    normals: ReducedNormals
    counts: Counts


class Round(NamedTuple):
    """What a round did.

    moved_sigmas: largest change of an offset or delay; 0 where nothing was reduced anew. counts: of
    all station-days. components: factors on the variances of the round before, None where sigmas
    are kept. settings: those that it reduced with.
    """

    moved_sigmas: float
    counts: Counts
    components: VarianceComponents | None
    settings: CalibrationSettings


class Refined(NamedTuple):
    """How the rounds ended.

    number: of the round whose normal equations are the result, 0 for those before the first.
    weights: of that round; None for full ones. failures: why station-days have none.
    """

    number: int
    keys: list[Key]
    settings: CalibrationSettings
    weights: Weights | None
    rounds: tuple[Round, ...]
    is_settled: bool
    counts: dict[Key, Counts]
    failures: dict[Key, str]
    mark: str


@dataclass(frozen=True)
class WeighedLoad:
    """Loads a station-day with weights by its residuals: plain data that travels."""

    load: Callable[[], StationDay]
    weights: Weights

    def __call__(self) -> StationDay:
        return self.weights.applied(self.load()).day


def weighed(job: StationDayJob, weights: Weights | None) -> StationDayJob:
    """The same station-day, with weights where there are any."""
    return job if weights is None else replace(job, load=WeighedLoad(job.load, weights))


def round_job(
    job: StationDayJob, weights: Weights | None, layout: Layout, settings: CalibrationSettings
) -> RoundNormals:
    """Read or simulate a station-day, weigh and reduce it: a plain function of plain data."""
    day = job.load()
    observed = np.array([np.sum(there) for there in _there(day)])
    if weights is None:
        counts = Counts(observed, np.zeros(4, int), np.zeros(4, int), 0)
        return RoundNormals(reduce_station_day(day, layout, settings), counts)
    told = weights.applied(day)
    leo, reference = told.day.leo, told.day.reference
    factors = (leo.code_factor, leo.phase_factor, reference.code_factor, reference.phase_factor)
    reduced = np.array([np.sum(one < 1.0) for one in factors if one is not None])
    left = observed - [np.sum(there) for there in _there(told.day)]
    counts = Counts(observed, reduced, left, told.num_untested)
    return RoundNormals(reduce_station_day(told.day, layout, settings), counts)


def variance_job(
    job: StationDayJob, of: Calibration, settings: CalibrationSettings, weights: Weights | None
) -> Float[np.ndarray, "3 2"]:
    """What a station-day tells about the sigmas: a plain function of plain data.

    Weights only take observations out: what is left counts in full, so that sigmas are those of all
    errors that are not gross.
    """
    day = job.load()
    if weights is not None:
        day = with_factors(weights.applied(day).day, None)
    return variance_sums(day, of, settings)


def weights_of(
    refinement: Refinement, of: Calibration, settings: CalibrationSettings
) -> Weights | None:
    """By residuals about a calibration; None for full weights."""
    if refinement.loss is None:
        return None
    return Weights(of, settings, refinement.loss, refinement.least_redundancy)


def viewed(settings: CalibrationSettings, of: Calibration, layout: Layout) -> CalibrationSettings:
    """Settings by which a station-day is looked at again, by itself, about a calibration.

    A station alone cannot tell the clock of a satellite: white noise of it is in the sigma.

    Args:
        layout: of the reduction; the calibration may have left out the orbit's columns.
    """
    if of.layout != layout:
        pattern = getattr(settings.orbit, "pattern", None)
        orbit = WithPattern(KnownOrbit(), pattern) if pattern else KnownOrbit()
        settings = replace(settings, orbit=orbit)
    noise = float(np.hypot(settings.leo_phase_sigma_m, settings.leo_clock.epoch_sigma_m))
    return replace(settings, leo_clock=KnownClock(), leo_phase_sigma_m=noise)


def round_file(file: Path, number: int) -> Path:
    """Where normal equations of a round are, by where those before the first round are."""
    return file.with_name(f"round{number:02d}-{file.name}") if number else file


def _there(day: StationDay) -> tuple[np.ndarray, ...]:
    links = day.leo, day.reference
    return tuple(there for one in links for there in (one.has_code, one.has_phase))


Ended = Callable[[Callable, dict[Key, StationDayJob], Callable], dict[Key, str]]
"""Runs a function on jobs, keeps each result with its key, and tells why some failed."""

Begun = Callable[[str, int, int], None]
"""Told what begins, how many jobs it has, and how many of these are there."""


@dataclass
class Rounds:
    """Rounds of one run in its folder.

    Attributes:
        refinement: what they do.
        jobs: every station-day. layout, settings: of the reduction before the first round.
        solved: from normal equations to estimates.
        folder, name_of: where files are, and that of a station-day before the first round.
        ended, begun: of the run.
    """

    refinement: Refinement
    jobs: dict[Key, StationDayJob]
    layout: Layout
    settings: CalibrationSettings
    solved: Callable[[ReducedNormals], Calibration]
    folder: Path
    name_of: Callable[[Key], str]
    ended: Ended
    begun: Begun
    failures: dict[Key, str] = field(default_factory=dict)

    def refined(self, keys: list[Key]) -> Refined:
        """Rounds until nothing moves, or as many as there may be.

        Raises:
            LeopntError: what the solution raises, sigmas that nothing tells, or no station-day
                that could be reduced.
        """
        found = self.solved(stacked(load_normals(self._file(key, 0)) for key in keys))
        now = _State(0, keys, self.settings, None, found)
        rounds: list[Round] = []
        counts: dict[Key, Counts] = {}
        is_settled = False
        while not is_settled and len(rounds) < self.refinement.max_rounds:
            number = len(rounds) + 1
            settings, components, is_steady = self._sigmas(number, now)
            moved = 0.0
            if not is_steady or self.refinement.loss is not None:
                before, now = now, self._next(number, now, settings)
                now, counts = self._reduced(now)
                moved = largest_move(before.found, now.found)
                self._drop(before)
            rounds.append(Round(moved, _total(counts), components, settings))
            is_settled = is_steady and moved < SETTLED_SIGMAS
        self._restore(now)
        self._drop_others(now.number, len(rounds))
        keys = [key for key in now.keys if key not in self.failures]
        last = now.number, keys, now.settings, now.weights
        return Refined(*last, tuple(rounds), is_settled, counts, self.failures, _digest_of(now))

    def _file(self, key: Key, number: int) -> Path:
        return round_file(self.folder / self.name_of(key), number)

    def _sum_file(self, number: int) -> Path:
        return self.folder / f"round{number:02d}.npz"

    def _next(self, number: int, now: _State, settings: CalibrationSettings) -> _State:
        """What the next round starts from."""
        keys = [key for key in now.keys if key not in self.failures]
        return _State(number, keys, settings, self._weights(now, settings), now.found)

    def _weights(self, now: _State, settings: CalibrationSettings) -> Weights | None:
        return weights_of(self.refinement, now.found, viewed(settings, now.found, self.layout))

    def _sigmas(
        self, number: int, now: _State
    ) -> tuple[CalibrationSettings, VarianceComponents | None, bool]:
        """Settings with the sigmas that residuals tell, by which factors, and if they are steady.

        Steady ones stay as they are. Where there are robust weights too, the first round has only
        those: gross errors are in all residuals before.
        """
        if not self.refinement.groups:
            return now.settings, None, True
        if number == 1 and self.refinement.loss is not None:
            return now.settings, None, False
        settings = viewed(now.settings, now.found, self.layout)
        weights = weights_of(self.refinement, now.found, settings)
        how = weights and (weights.loss, weights.least_redundancy)
        mark = _digest(now.found, settings, how)
        paths = {k: self.folder / f"variances{number:02d}-{self.name_of(k)}" for k in now.keys}
        sums = {key: _load_sums(path, mark) for key, path in paths.items()}
        missing = {key: self.jobs[key] for key, one in sums.items() if one is None}
        self._begin(number, "sigmas", now.keys, missing)

        def keep(key: Key, one: np.ndarray) -> None:
            _save_sums(paths[key], one, mark)
            sums[key] = one

        task = partial(variance_job, of=now.found, settings=settings, weights=weights)
        self.failures |= self.ended(task, missing, keep)
        told = [one for one in sums.values() if one is not None]
        self._need(told, number)
        held = set(GROUPS) - set(self.refinement.groups)
        try:
            found = components_of(np.sum(told, axis=0), held)
        except LeopntError as error:
            raise LeopntError(f"[estimate.variance_components] groups: {error}") from error
        changes = [abs(part.factor**0.5 - 1.0) for part in found]
        is_steady = max(changes) < SETTLED_SHARE
        settings = now.settings if is_steady else rescaled(now.settings, found)
        return settings, found, is_steady

    def _reduced(self, now: _State) -> tuple[_State, dict[Key, Counts]]:
        """Estimates of a round, and what its weights did to each station-day."""
        file, mark = self._sum_file(now.number), _digest_of(now)
        notes = load_notes(file)
        if str(notes.get(_MARK)) == f"{mark} {now.keys}":
            self._begin(now.number, "reduction", now.keys, {})
            normals, counts = load_normals(file), _counts_of(notes, now.keys)
            return now._replace(found=self.solved(normals)), counts
        missing = self._missing(now)
        self._begin(now.number, "reduction", now.keys, missing)
        self._fill(now, missing)
        keys = [key for key in now.keys if key not in self.failures]
        self._need(keys, now.number)
        normals = stacked(load_normals(self._file(key, now.number)) for key in keys)
        counts: dict[Key, Counts] = {}
        for key in keys:
            counts |= _counts_of(load_notes(self._file(key, now.number)), [key])
        if keys == now.keys:
            save_normals(file, normals, mark=f"{mark} {keys}", **_notes(counts))
        return now._replace(keys=keys, found=self.solved(normals)), counts

    def _missing(self, now: _State) -> dict[Key, StationDayJob]:
        """Station-days that are not there with the weights of now."""
        mark = _digest_of(now)

        def is_there(key: Key) -> bool:
            file = self._file(key, now.number)
            try:
                same = str(load_notes(file).get(_MARK)) == mark
                return same and load_normals(file).layout == self.layout
            except LeopntError:  # damaged: reduced again
                return False

        return {key: self.jobs[key] for key in now.keys if not is_there(key)}

    def _fill(self, now: _State, missing: dict[Key, StationDayJob]) -> None:
        """Weigh and reduce what is missing."""
        mark = _digest_of(now)

        def keep(key: Key, one: RoundNormals) -> None:
            notes = _notes({key: one.counts})
            save_normals(self._file(key, now.number), one.normals, mark=mark, **notes)

        task = partial(round_job, weights=now.weights, layout=self.layout, settings=now.settings)
        self.failures |= self.ended(task, missing, keep)

    def _begin(self, number: int, step: str, keys: list[Key], missing: dict) -> None:
        text = f"round {number} of at most {self.refinement.max_rounds}, {step}"
        self.begun(text, len(keys), len(keys) - len(missing))

    def _need(self, some: list, number: int) -> None:
        if not some:
            reason = next(iter(self.failures.values()))
            raise LeopntError(f"no station-day could be reduced in round {number}: {reason}")

    def _restore(self, now: _State) -> None:
        """Bring back station-days of the last round whose files are gone."""
        missing = self._missing(now) if now.number else {}
        if missing:
            self.begun(f"round {now.number} again", len(missing), 0)
            self._fill(now, missing)

    def _drop(self, before: _State) -> None:
        """Station-days of a round whose sum is kept."""
        if before.number and self._sum_file(before.number).is_file():
            for key in before.keys:
                self._file(key, before.number).unlink(missing_ok=True)

    def _drop_others(self, last: int, number: int) -> None:
        """What runs with other tables left."""
        for file in self.folder.glob("*.npz"):
            found = _NAME.fullmatch(file.name)
            if found and int(found[2]) > (last if found[1] == "round" else number):
                file.unlink(missing_ok=True)


class _State(NamedTuple):
    """Where the rounds are: estimates of station-days with these settings and weights."""

    number: int
    keys: list[Key]
    settings: CalibrationSettings
    weights: Weights | None
    found: Calibration


def _digest(of: Calibration, *others: object) -> str:
    """What results depend on besides the station-day."""
    text = hashlib.sha256(of.estimate.tobytes())
    text.update(of.covariance.tobytes())
    text.update(repr(others).encode())
    return text.hexdigest()


def _digest_of(now: _State) -> str:
    weights = now.weights
    if weights is None:
        return hashlib.sha256(repr(now.settings).encode()).hexdigest()
    how = weights.settings, weights.loss, weights.least_redundancy
    return _digest(weights.of, now.settings, *how)


def _total(counts: dict[Key, Counts]) -> Counts:
    every = list(counts.values())
    kinds = np.sum([_by_kind(one) for one in every], axis=0) if every else np.zeros((3, 4), int)
    return Counts(kinds[0], kinds[1], kinds[2], sum(one.untested for one in every))


def _by_kind(counts: Counts) -> Int[np.ndarray, "3 4"]:
    return np.stack([counts.observed, counts.reduced, counts.left_out])


def _notes(counts: dict[Key, Counts]) -> dict[str, np.ndarray]:
    """Counts of station-days, in their order, as `_counts_of` reads them."""
    every = list(counts.values())
    kinds = np.array([_by_kind(one) for one in every])
    return {_COUNTS: kinds, _UNTESTED: np.array([one.untested for one in every])}


def _counts_of(notes: dict[str, np.ndarray], keys: list[Key]) -> dict[Key, Counts]:
    parts = zip(keys, notes[_COUNTS], notes[_UNTESTED].tolist(), strict=True)
    return {key: Counts(kinds[0], kinds[1], kinds[2], untested) for key, kinds, untested in parts}


def _save_sums(path: Path, sums: np.ndarray, mark: str) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_SUMS: sums, _MARK: np.asarray(mark)})


def _load_sums(path: Path, mark: str) -> np.ndarray | None:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return file[_SUMS] if str(file[_MARK]) == mark else None
    except Exception:  # a damaged zip raises a dozen kinds
        return None
