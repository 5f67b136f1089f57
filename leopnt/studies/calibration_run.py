"""Run a calibration in a folder: station-days that are missing, then estimates and a result.

FOLDER/run.json              what is run, by fingerprint
FOLDER/chunks/day*.npz       reduced normal equations of finished station-days
FOLDER/chunks/round*.npz     the same with the weights of a round, see `calibration_rounds`
FOLDER/chunks/review-*.npz   residuals, correlations and residual delays of station-days
FOLDER/calibration.nc        the result; delays.nc: the delay of every epoch
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from leopnt.errors import LeopntError
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.io.results import write_netcdf
from leopnt.methods.calibration import (
    CalibrationSettings,
    Layout,
    Network,
    ReducedNormals,
    StationDay,
    StationDayJob,
    layout_of,
    load_normals,
    reduce_day,
    reduce_station_day,
    save_normals,
    stacked,
)
from leopnt.studies.calibration_delays import Delays, delays_of
from leopnt.studies.calibration_estimates import (
    Estimates,
    Trend,
    bootstrap_sigmas,
    estimates_of,
    solution_of,
    trend_of,
)
from leopnt.studies.calibration_network import Source, source_of, with_names
from leopnt.studies.calibration_result import (
    ALL_STATIONS,
    Findings,
    Key,
    calibration_dataset,
    delays_dataset,
    named,
)
from leopnt.studies.calibration_review import (
    Review,
    StationDayReview,
    StoredReviews,
    consecutive,
    load_review,
    review_job,
    save_review,
    without_links,
)
from leopnt.studies.calibration_rounds import (
    Refined,
    Rounds,
    round_file,
    viewed,
    weighed,
)
from leopnt.studies.calibration_settings import CalibrationStudy
from leopnt.studies.cluster import ClusterError
from leopnt.studies.runner import (
    AbstractWorkers,
    Interrupted,
    Progress,
    default_workers,
)
from leopnt.studies.store import open_run

RESULT, DELAYS = "calibration.nc", "delays.nc"
MOST_STEPS = 10
"""Steps of a trend, and blocks that are drawn: more days or stations are taken in groups."""

_OUTPUTS = ("nc", "json", "csv", "atx")
_POLL_S = 0.2


def run_calibration(
    study: CalibrationStudy,
    out: str | Path,
    *,
    workers: AbstractWorkers | Executor | None = None,
    restart: bool = False,
    progress: Progress = lambda done, total: None,
    stage: Callable[[str], None] = lambda text: None,
) -> xr.Dataset:
    """Run a calibration, or go on with one that was stopped.

    A station-day is kept as soon as it is reduced; the same study goes on at the last finished one,
    with a result that is equal to the last bit, for any workers. Datum, delays, output and what is
    done in rounds (robust weights, variance components) may be changed between runs: what was
    reduced stays valid. A station-day that fails is named in the result, and the others are kept.

    Args:
        study: of `load_calibration`.
        out: folder of the run, made if it is not there.
        workers: `Threads`, `Processes` or a `Cluster`; or any executor that runs plain functions
            elsewhere. Default: a thread for every core.
        restart: drop what an earlier run left in the folder.
        progress: called with jobs done and all jobs, whenever a station-day was kept; where there
            are rounds, those of each stage.
        stage: called with what begins where there are rounds: "round 2 of at most 8, reduction",
            "residuals"; before the first round there is none.

    Returns:
        the result (kind "calibration"); attribute "complete" is 0 where station-days failed.

    Raises:
        LeopntError: the folder holds another study, is in use, or cannot be written; no station-day
            at all; unknowns that the observations do not determine.
        Interrupted: Ctrl-C; run again to go on.
    """
    out = Path(out)
    with open_run(out, study.fingerprint, restart=restart) as folder, one_blas_thread():
        if restart:
            for ending in _OUTPUTS:
                (out / f"calibration.{ending}").unlink(missing_ok=True)
            (out / DELAYS).unlink(missing_ok=True)
        for leftover in folder.chunks.glob(".*.part"):
            leftover.unlink(missing_ok=True)
        source = source_of(study)
        with _pool(workers or default_workers()) as (pool, room):
            try:
                run = _Run(study, source, folder.chunks, pool, room, progress, stage)
                found = run.findings()
            except LeopntError as error:
                raise LeopntError(with_names(str(error), source.network)) from error
        dataset = calibration_dataset(study, source, found)
        if found.delays is not None:
            write_netcdf(delays_dataset(study, source, found), out / DELAYS)
        write_netcdf(dataset, out / RESULT)
        return dataset


def reduce_job(job: StationDayJob, layout: Layout, settings: CalibrationSettings) -> ReducedNormals:
    """Read or simulate a station-day and reduce it: a plain function of plain data."""
    return reduce_station_day(job.load(), layout, settings)


def reduce_jobs(
    jobs: Sequence[StationDayJob], layout: Layout, settings: CalibrationSettings
) -> ReducedNormals:
    """Read or simulate all stations of a day and reduce them together: a plain function too."""
    days: list[StationDay] = [job.load() for job in jobs]
    return reduce_day(days, layout, settings)


def units_of(network: Network, settings: CalibrationSettings) -> dict[Key, Any]:
    """What is reduced at a time: a station-day; all of a day where satellites have clocks."""
    if settings.leo_clock.epoch_sigma_m == 0.0:
        return {(job.station, job.day): job for job in network.jobs}
    days = dict.fromkeys(job.day for job in network.jobs)
    return {
        (ALL_STATIONS, day): tuple(job for job in network.jobs if job.day == day) for day in days
    }


def reduction_of(settings: CalibrationSettings) -> Callable:
    """What reduces one of `units_of`."""
    return reduce_job if settings.leo_clock.epoch_sigma_m == 0.0 else reduce_jobs


class StoredNormals(Sequence[ReducedNormals]):
    """Normal equations in files, read again whenever one is asked for; the last is kept."""

    def __init__(self, paths: Sequence[Path]):
        self.paths = paths
        self.last: tuple[int, ReducedNormals] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: Any) -> Any:
        if self.last is None or self.last[0] != place:
            self.last = None  # not two at a time
            self.last = int(place), load_normals(self.paths[place])
        return self.last[1]


class _Group(NamedTuple):
    """Parts that are added together: name after they were, how many days or stations till then."""

    label: str
    number: int
    members: list[Key]


@dataclass
class _Run:
    """One run in its folder."""

    study: CalibrationStudy
    source: Source
    folder: Path
    pool: Executor
    room: int
    progress: Progress
    stage: Callable[[str], None]

    def __post_init__(self):
        settings = self.study.settings
        self.settings = settings.estimate.calibration()
        network = self.source.network
        sizes = len(network.satellites), len(network.stations)
        self.layout = layout_of(self.settings, *sizes)
        unknown = set(settings.datum.isb_m) - set(network.stations)
        if unknown:
            raise LeopntError(
                f"[datum] isb_m: no station {sorted(unknown)[0]!r} in this study; accepted: "
                f"{', '.join(network.stations)}."
            )
        self.datum = settings.datum.datum(network.stations)
        self.units = units_of(network, self.settings)
        self.has_delays = settings.delays.delay_model() is not None
        wanted = settings.output.residuals or self.has_delays
        self.has_review = wanted and self.layout.has_delays
        self.counts: dict[Key, int] = {}
        self.done = 0
        self.num_reviews = len(network.jobs) if self.has_review else 0
        self.refinement = settings.estimate.refinement()
        self.refined: Refined | None = None
        self.total = len(self.units)
        if self.refinement is None:
            self.total += self.num_reviews

    def findings(self) -> Findings:
        """Everything that the result tells."""
        failures = self._reduced()
        keys = [key for key in self.units if key not in failures]
        if not keys:
            first = next(iter(self.units))
            raise LeopntError(
                f"none of {len(self.units)} station-days could be reduced; the first: "
                f"{named(self.source.network, first)}: {failures[first]}"
            )
        if self.refinement is not None:
            self.refined = self._rounds().refined(keys)
            keys, failures = self.refined.keys, failures | self.refined.failures
        by_days, by_stations = self._groups(keys)
        blocks = self._sums("days", by_days)
        model = self.study.settings.estimate.orbit_model
        normals = stacked(blocks)
        whole = estimates_of(normals, self.datum, model)
        trends = self._trend(whole, by_days, blocks), self._trend(whole, by_stations)
        output = self.study.settings.output
        bootstrap, why = bootstrap_sigmas(blocks, self.datum, model, output.bootstrap_draws, 0)
        self._drop_sums()
        del blocks  # the one that it holds
        reviews, more, delays = self._reviews(whole, keys)
        return Findings(
            tuple(self.units), normals, whole, trends, bootstrap, self.counts,
            reviews, failures, more, delays, why, self.refined,
        )  # fmt: skip

    def _rounds(self) -> Rounds:
        assert self.refinement is not None
        model = self.study.settings.estimate.orbit_model
        return Rounds(
            self.refinement,
            self.units,
            self.layout,
            self.settings,
            partial(solution_of, orbit_model=model),
            self.folder,
            lambda key: self._file(key).name,
            self._ended,
            self._begun,
        )

    def _begun(self, text: str, jobs: int, there: int) -> None:
        """A stage begins, with some of its jobs there already."""
        self.stage(text)
        self.done, self.total = there, jobs
        self._tell()

    def _tell(self) -> None:
        try:
            self.progress(self.done, self.total)
        except KeyboardInterrupt:
            raise Interrupted(self.done, self.total) from None

    def _file(self, key: Key) -> Path:
        if key[0] == ALL_STATIONS:
            return self.folder / f"day{key[1]:03d}.npz"
        name = re.sub(r"[^A-Za-z0-9_-]", "_", self.source.network.stations[key[0]])
        return self.folder / f"day{key[1]:03d}-{key[0]:02d}-{name}.npz"

    def _review_file(self, key: Key) -> Path:
        return self.folder / f"review-{self._file(key).name}"

    def _load(self, key: Key) -> ReducedNormals:
        file = self._file(key)
        if self.refined is not None:
            file = round_file(file, self.refined.number)
        found = load_normals(file)
        self.counts[key] = found.num_observations
        return found

    def _sum(self, keys: list[Key]) -> ReducedNormals:
        return stacked(map(self._load, keys))

    def _sums(self, of: str, groups: list[_Group]) -> StoredNormals:
        """Sums of groups in files of their own, so that one is in memory at a time."""
        paths = []
        for i, group in enumerate(groups):
            paths.append(self.folder / f".sum-{of}-{i}.part")
            save_normals(paths[-1], self._sum(group.members))
        return StoredNormals(paths)

    def _drop_sums(self) -> None:
        for path in self.folder.glob(".sum-*.part"):
            path.unlink(missing_ok=True)

    def _trend(
        self, whole: Estimates, groups: list[_Group], sums: StoredNormals | None = None
    ) -> Trend:
        """Estimates with one group more at a time."""
        steps = []
        for i, group in enumerate(groups):
            load = partial(self._sum, group.members)
            if sums is not None:
                load = partial(sums.__getitem__, i)
            steps.append((group.label, group.number, load))
        return trend_of(steps, whole, self.study.settings.estimate.orbit_model, self.source.truth)

    def _groups(self, keys: list[Key]) -> tuple[list[_Group], list[_Group]]:
        """Reduced parts by days, and by stations in their order; whole days are of all stations."""
        names = self.source.network.stations
        by_days, by_stations, count = [], [], 0
        for some in consecutive(sorted({day for _, day in keys}), MOST_STEPS):
            count += len(some)
            label = f"{count} day{'s' if count > 1 else ''}"
            by_days.append(_Group(label, count, [k for k in keys if k[1] in some]))
        stations = sorted({station for station, _ in keys})
        if stations == [ALL_STATIONS]:
            return by_days, [_Group(f"{len(names)} stations", len(names), keys)]
        count = 0
        for some in consecutive(stations, MOST_STEPS):
            count += len(some)
            label = f"{'+ ' if count > len(some) else ''}{names[some[-1]]}"
            by_stations.append(_Group(label, count, [k for k in keys if k[0] in some]))
        return by_days, by_stations

    def _reduced(self) -> dict[Key, str]:
        """Reduce what is missing; why station-days failed."""
        missing = {key: jobs for key, jobs in self.units.items() if not self._is_there(key)}
        task = partial(reduction_of(self.settings), layout=self.layout, settings=self.settings)
        self.done = len(self.units) - len(missing)
        return self._ended(task, missing, lambda key, found: save_normals(self._file(key), found))

    def _is_there(self, key: Key) -> bool:
        file = self._file(key)
        try:
            return file.is_file() and load_normals(file).layout == self.layout
        except LeopntError:  # cut or damaged: reduced again
            return False

    def _reviews(self, whole: Estimates, keys: list[Key]):
        """Reviews of the station-days that have estimates, why others have none, and delays."""
        if not self.has_review:
            return {}, {}, None
        settings, output = self._review_settings(whole), self.study.settings.output
        mark = self._mark(whole, settings)
        weights = self.refined.weights if self.refined else None
        jobs = {(job.station, job.day): weighed(job, weights) for job in self.source.network.jobs}
        reduced = set(keys)
        jobs = {k: j for k, j in jobs.items() if {k, (ALL_STATIONS, k[1])} & reduced}
        found: dict[Key, StationDayReview | None] = {}
        for key in jobs:
            review = load_review(self._review_file(key), mark)
            found[key] = None if review is None else without_links(review)
        first = min(day for _, day in keys)
        missing = sum(review is None for review in found.values())
        if self.refinement is None:
            self.done = self.total - missing
        else:
            self._begun("residuals", len(jobs), len(jobs) - missing)
        failures: dict[Key, str] = {}

        def keep(key: Key, review: StationDayReview) -> None:
            save_review(self._review_file(key), review, mark)
            found[key] = without_links(review)

        for is_first in (True, False):
            what = Review(output.residuals and is_first, self.has_delays)
            task = partial(review_job, of=whole.solution, settings=settings, what=what)
            some = {k: j for k, j in jobs.items() if found[k] is None}
            some = {k: j for k, j in some.items() if (k[1] == first) == is_first}
            failures |= self._ended(task, some, keep)
        reviews = {key: one for key, one in found.items() if one is not None}
        return reviews, failures, self._delays(whole, list(reviews), mark)

    def _delays(self, whole: Estimates, keys: list[Key], mark: str) -> Delays | None:
        model = self.study.settings.delays.delay_model()
        if model is None:
            return None
        stored = StoredReviews([self._review_file(key) for key in keys], mark)
        return delays_of(stored, whole.solution, model)

    def _review_settings(self, whole: Estimates) -> CalibrationSettings:
        """Settings by which a station-day is looked at again, by itself.

        A station alone cannot tell the clock of a satellite: white noise of it is in the sigma.
        """
        settings = self.refined.settings if self.refined else self.settings
        return viewed(settings, whole.solution, self.layout)

    def _mark(self, whole: Estimates, settings: CalibrationSettings) -> str:
        """Digest of what reviews depend on besides the station-days."""
        wanted = (self.study.settings.output.residuals, self.has_delays, repr(settings))
        wanted += (self.refined.mark,) if self.refined else ()
        text = whole.solution.estimate.tobytes() + repr(wanted).encode()
        return hashlib.sha256(text).hexdigest()

    def _ended(self, task: Callable, jobs: dict, keep: Callable) -> dict:
        """Run jobs and keep what they give; why some failed."""
        failures: dict = {}
        self._tell()
        if not jobs:
            return failures
        try:
            with closing(_results(self.pool, self.room, task, jobs)) as ended:
                for key, result in ended:
                    self.done += 1
                    if isinstance(result, BaseException):
                        failures[key] = with_names(_reason(result), self.source.network)
                    else:
                        keep(key, result)
                    self._tell()
        except KeyboardInterrupt:
            raise Interrupted(self.done, self.total) from None
        return failures


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, LeopntError) else f"{type(error).__name__}: {error}"


@contextmanager
def _pool(workers: AbstractWorkers | Executor) -> Iterator[tuple[Executor, int]]:
    """An executor, and how many jobs it is given at a time."""
    if isinstance(workers, Executor):
        yield workers, max(64, 4 * (os.cpu_count() or 1))
        return
    with workers.executor() as pool:
        yield pool, 3 * workers.num_workers


def _results(
    pool: Executor, room: int, task: Callable, jobs: dict[Hashable, Any]
) -> Generator[tuple[Hashable, object], None, None]:
    """Each job's result, or the exception it ended with, as they end."""
    running: dict[Future, Hashable] = {}
    waiting = iter(jobs.items())
    try:
        while True:
            for _, (key, job) in list(zip(range(room - len(running)), waiting, strict=False)):
                running[pool.submit(task, job)] = key
            if not running:
                return
            ended, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
            for future in ended:
                yield running.pop(future), _outcome(future)
    finally:
        for future in running:
            future.cancel()


def _outcome(future: Future) -> object:
    error = future.exception()
    if isinstance(error, ClusterError):
        raise error
    if isinstance(error, BrokenProcessPool):
        raise LeopntError(
            "a worker process ended abruptly (out of memory?); run again to go on, with fewer "
            "--workers."
        )
    return future.result() if error is None else error
