"""Run a study: chunks on a pool of threads or processes, each kept as soon as it is done."""

from __future__ import annotations

import abc
import dataclasses
import functools
import os
import threading
import time
import traceback
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from leopnt.errors import LeopntError
from leopnt.inference.batch import batch_map
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.inference.devices import working_platform
from leopnt.studies.method import HostTrial, Prepared
from leopnt.studies.plan import Chunk, chunks_of
from leopnt.studies.store import RunFolder
from leopnt.studies.study_file import Study, load_study
from leopnt.studies.tasks import (
    BROKEN,
    LOOK_AHEAD,
    Results,
    as_they_end,
    map_on_processes,
    map_on_threads,
    process_pool,
    stopping,
    submitted,
)

Progress = Callable[[int, int], None]
"""Called with the trials that are done, earlier runs included, and all trials."""

_CHANGED = "the study file or its input was changed while the study ran"
_PREPARED_POINTS = 4


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        done, total: chunks that are kept, and all of them.
        failures: for each chunk that failed, why.
        stopped_by: why the run gave up before its end; empty if it did not.
    """

    done: int
    total: int
    failures: dict[Chunk, str]
    stopped_by: str = ""

    @property
    def is_complete(self) -> bool:
        """True if no chunk is missing."""
        return self.done == self.total


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or a terminating signal, after the running chunks were kept."""

    def __init__(self, done: int, total: int):
        super().__init__(f"{done} of {total} chunks are done")
        self.done, self.total = done, total


@dataclasses.dataclass(frozen=True)
class Problem:
    """Why a chunk was not kept; fatal if the others would not be kept either."""

    reason: str
    is_fatal: bool


Ended = Generator[tuple[Chunk, Problem | None], None, None]
"""Each chunk as it ends, kept where there is no problem."""


class AbstractWorkers(abc.ABC):
    """Who computes: threads, processes, a cluster.

    Attributes:
        num_workers: how many items are computed at the same time.
    """

    num_workers: int

    @abc.abstractmethod
    def map(
        self, function: Callable[[Any, Any], Any], items: Iterable[Any], shared: Any = None
    ) -> Results:
        """Call `function(item, shared)` for every item; results as they end, with their numbers.

        Close the generator to give up what waits. An exception of the function ends it.

        Args:
            function: of module level (processes and clusters send it by its name), which gives
                NumPy arrays or plain values; for JAX it runs one kernel at a time.
            items: small, read as far as workers are free.
            shared: what all calls need; it travels once to each worker.

        Raises:
            LeopntError: the workers are lost.
        """

    @abc.abstractmethod
    def executor(self) -> AbstractContextManager[Executor]:
        """An executor for plain functions of module level; leaving it gives up what waits."""

    @abc.abstractmethod
    def computed(self, study: Study, folder: RunFolder, missing: list[Chunk]) -> Ended:
        """Compute chunks of a study and keep them in its folder."""


@dataclasses.dataclass(frozen=True)
class Threads(AbstractWorkers):
    """Threads of this process; scenes are built once. Best on one machine."""

    num_workers: int

    def pool(self, study: Study, folder: RunFolder) -> Executor:
        """An executor for `chunk_task`."""
        return ThreadPoolExecutor(self.num_workers, initializer=_adopt, initargs=(study, folder))

    def map(self, function, items, shared=None) -> Results:
        return map_on_threads(self.num_workers, function, items, shared)

    def executor(self) -> AbstractContextManager[Executor]:
        return stopping(ThreadPoolExecutor(self.num_workers))

    def computed(self, study: Study, folder: RunFolder, missing: list[Chunk]) -> Ended:
        pool = functools.partial(self.pool, study, folder)
        return _computed(pool, self.num_workers, missing)


@dataclasses.dataclass(frozen=True)
class Processes(AbstractWorkers):
    """Processes of this machine; each builds its scenes and compiles its kernels."""

    num_workers: int

    def pool(self, study: Study, folder: RunFolder) -> Executor:
        """An executor for `chunk_task`."""
        return process_pool(self.num_workers, _load, study.path, folder.path, study.fingerprint)

    def map(self, function, items, shared=None) -> Results:
        return map_on_processes(self.num_workers, function, items, shared)

    def executor(self) -> AbstractContextManager[Executor]:
        return stopping(process_pool(self.num_workers))

    def computed(self, study: Study, folder: RunFolder, missing: list[Chunk]) -> Ended:
        pool = functools.partial(self.pool, study, folder)
        return _computed(pool, self.num_workers, missing)


def default_workers() -> Threads:
    """One thread for every core at hand; on a GPU two: one computes while the other writes."""
    if working_platform() != "cpu":
        return Threads(2)
    if hasattr(os, "sched_getaffinity"):
        return Threads(len(os.sched_getaffinity(0)))
    return Threads(os.cpu_count() or 1)


def all_chunks(study: Study) -> list[Chunk]:
    """Chunks of every point, in order."""
    per_point = trials_per_point(study)
    return chunks_of(len(study.points), per_point, study.method.chunk_trials)


def trials_per_point(study: Study) -> int:
    """Trials of one point: those of a case times the cases."""
    return prepared_point(study, 0).num_cases * study.settings.study.trials


_LOCK = threading.Lock()


def prepared_point(study: Study, point: int) -> Prepared:
    """Scene and bounds of a point; the last few are kept in memory."""
    with _LOCK:  # two threads would build the same scene twice
        return _prepared(_ByMark(study), point)


@dataclasses.dataclass(frozen=True)
class _ByMark:
    study: Study

    def __hash__(self):
        return hash(self.study.fingerprint)

    def __eq__(self, other):
        return self.study.fingerprint == other.study.fingerprint


@functools.lru_cache(maxsize=_PREPARED_POINTS)
def _prepared(marked: _ByMark, point: int) -> Prepared:
    study = marked.study
    return study.method.prepare(study.points[point].settings, study.folder)


def compute_chunk(study: Study, chunk: Chunk) -> dict[str, np.ndarray]:
    """Outcomes of the trials of a chunk, from their numbers alone: who computes it is no matter."""
    return outcomes_of(prepared_point(study, chunk.point), chunk.index, study.method.tile)


def outcomes_of(
    point: Prepared, index: Int[np.ndarray, " trial"], tile: int
) -> dict[str, np.ndarray]:
    """Outcomes of the trials of these numbers, compiled or on the host, one after the other."""
    if isinstance(point.kernel, HostTrial):
        return _on_host(point.kernel, index, point.shared)
    return batch_map(point.kernel, index, shared=point.shared, tile=tile, threads=1)


def _on_host(trial: HostTrial, index: Int[np.ndarray, " trial"], shared) -> dict[str, np.ndarray]:
    with one_blas_thread():  # more of them would round differently
        rows = [trial.function(int(number), shared) for number in index]
    return {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}


def run_chunks(
    study: Study,
    folder: RunFolder,
    workers: AbstractWorkers,
    progress: Progress = lambda done, total: None,
    on_kept: Callable[[Collection[Chunk]], None] = lambda kept: None,
) -> Outcome:
    """Compute every chunk that is not kept yet.

    A chunk that fails is noted and the others go on; a write that fails (disk full) ends the run.
    On Ctrl-C the chunks that are running are finished and kept.

    Args:
        progress: called with trials done and all trials.
        on_kept: called with all chunks that are on disk, whenever there is one more; what it takes
            on is done beside the workers.

    Raises:
        Interrupted: Ctrl-C; run again to go on.
    """
    chunks = all_chunks(study)
    missing = [chunk for chunk in chunks if not folder.has(chunk)]
    total = sum(chunk.size for chunk in chunks)
    done = total - sum(chunk.size for chunk in missing)
    progress(done, total)
    failures: dict[Chunk, str] = {}
    stopped_by, kept = "", set(chunks) - set(missing)
    try:
        on_kept(kept)
        with closing(workers.computed(study, folder, missing)) as ended:
            for chunk, problem in ended:
                if problem is None:
                    kept.add(chunk)
                    done += chunk.size
                    progress(done, total)
                    on_kept(kept)
                    continue
                failures[chunk] = problem.reason
                if problem.is_fatal:
                    stopped_by = problem.reason
                    break
    except KeyboardInterrupt:
        raise Interrupted(_num_kept(folder, chunks), len(chunks)) from None
    if stopped_by:  # what was running has ended since
        return Outcome(_num_kept(folder, chunks), len(chunks), failures, stopped_by)
    return Outcome(len(kept), len(chunks), failures, stopped_by)


def _num_kept(folder: RunFolder, chunks: list[Chunk]) -> int:
    return sum(folder.has(chunk) for chunk in chunks)


def _computed(make_pool: Callable[[], Executor], num_workers: int, missing: list[Chunk]) -> Ended:
    """Each chunk as it ends. Threads may compile the first kernel twice, which takes no longer."""
    if not missing:
        return
    with stopping(make_pool()) as pool:
        submit = functools.partial(submitted, pool, chunk_task)
        for number, future in as_they_end(submit, missing, lambda: LOOK_AHEAD * num_workers):
            yield missing[number], _result(future)


def _result(future: Future) -> Problem | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return Problem(BROKEN, True)


# In the worker

_HERE = threading.local()


def _adopt(study: Study, folder: RunFolder) -> None:
    _HERE.job = (study, folder)


def _load(path: Path, folder: Path, fingerprint: str) -> None:
    try:
        study = load_study(path)
    except LeopntError:
        study = None
    same = study is not None and study.fingerprint == fingerprint
    _HERE.job = (study, RunFolder(folder, fingerprint)) if same else None


def chunk_task(chunk: Chunk) -> Problem | None:
    """Compute and keep one chunk; None if that went well."""
    if _HERE.job is None:
        return Problem(_CHANGED, True)
    study, folder = _HERE.job
    return keep_chunk(folder, chunk, lambda: compute_chunk(study, chunk))


def keep_chunk(
    folder: RunFolder, chunk: Chunk, compute: Callable[[], Mapping[str, np.ndarray]]
) -> Problem | None:
    """Keep what `compute` gives for a chunk; None if that went well."""
    try:
        arrays = compute()
    except Exception as error:  # one chunk must not take the others with it
        folder.write_failure(chunk, traceback.format_exc())
        return Problem(f"{type(error).__name__}: {error}", False)
    try:
        folder.write(chunk, arrays)
    except LeopntError as error:
        return Problem(str(error), True)
    return None


def time_of_trials(study: Study, num_trials: int) -> tuple[float, float]:
    """Seconds to prepare and compile, and seconds per trial, measured on the first point.

    Args:
        num_trials: how many to time, at most those of a point.
    """
    begin = time.perf_counter()
    chunk = Chunk(0, 0, 0, min(num_trials, trials_per_point(study)))
    compute_chunk(study, chunk)
    first_s = time.perf_counter() - begin
    begin = time.perf_counter()
    compute_chunk(study, chunk)
    again_s = time.perf_counter() - begin
    return max(first_s - again_s, 0.0), again_s / chunk.size
