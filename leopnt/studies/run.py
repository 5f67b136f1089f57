"""Run a study in a folder: compute what is missing, consolidate, summarize."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import xarray as xr

from leopnt.errors import LeopntError, did_you_mean
from leopnt.io.results import read_netcdf, write_netcdf
from leopnt.scenes.settings import shown
from leopnt.studies.gathering import gathering
from leopnt.studies.published import with_verdicts
from leopnt.studies.results import study_dataset
from leopnt.studies.runner import (
    AbstractWorkers,
    Progress,
    default_workers,
    prepared_point,
    run_chunks,
    time_of_trials,
    trials_per_point,
)
from leopnt.studies.store import RESULT, TRIALS, open_run, require_room
from leopnt.studies.study_file import Study

_TIMED_TILES = 8


def run_study(
    study: Study,
    out: str | Path,
    *,
    workers: AbstractWorkers | None = None,
    restart: bool = False,
    progress: Progress = lambda done, total: None,
) -> xr.Dataset:
    """Run a study, or go on with a run that was stopped, and summarize what is there.

    The numbers are the same for any workers and any number of interruptions. A complete run is
    read back, not computed again.

    Args:
        study: of `load_study`.
        out: folder of the run, made if it is not there: study.nc, trials.nc and, until all is done,
            one file per chunk.
        workers: `Threads` or `Processes`; default: a thread for every core.
        restart: drop what an earlier run left in the folder.
        progress: called with trials done and all trials.

    Returns:
        the result; attribute "complete" is 0 where chunks failed.

    Raises:
        LeopntError: the folder holds another study, is in use, or cannot be written; a published
            number is of a quantity that the study does not give.
        Interrupted: Ctrl-C; run again to go on.
    """
    out = Path(out)
    with open_run(out, study.fingerprint, restart=restart) as folder:
        trials = out / TRIALS if study.settings.output.keep_trials else None
        results = [out / RESULT, *([trials] if trials else [])]
        if folder.is_complete and all(file.is_file() for file in results):
            progress(1, 1)
            return _read_back(study, out / RESULT)
        if folder.is_complete:
            folder.reopen()
        _require_quantities(study)
        with gathering(study, folder, trials) as gathered:
            workers = workers or default_workers()
            outcome = run_chunks(study, folder, workers, progress, gathered.advance)
            dataset = study_dataset(study, gathered, outcome)
        dataset = with_verdicts(dataset, study.settings.published)
        _write_result(dataset, out / RESULT)
        if outcome.is_complete:
            folder.finish()
        return dataset


def _require_quantities(study: Study) -> None:
    """Refuse a published number of no quantity before hours are spent; most are at any point."""
    published = enumerate(study.settings.published)
    wanted = {one.quantity: i for i, one in published if not one.not_reproducible}
    known: set[str] = set()
    for point in range(len(study.points) if wanted else 0):
        try:
            prepared = prepared_point(study, point)
        except Exception:  # the run tells why, and keeps the other points
            return
        columns = study.method.statistics(prepared, study.settings.study.trials).columns()
        columns |= prepared.values
        known |= {name for name, column in columns.items() if column.dims == ()}
        if known.issuperset(wanted):
            return
    for name in sorted(wanted.keys() - known):
        raise LeopntError(
            f"published[{wanted[name]}].quantity = {shown(name)}: is no result of this study; "
            f"accepted: {', '.join(sorted(known))}.{did_you_mean(name, known)}"
        )


def _read_back(study: Study, path: Path) -> xr.Dataset:
    """The result on disk, with what the file says today and no number depends on."""
    stored = read_netcdf(path)
    found = stored.drop_dims("published", errors="ignore").assign_attrs(
        title=study.title, input_file=study.path.name, input_text=study.text
    )
    found = with_verdicts(found, study.settings.published)
    if not found.identical(stored):
        _write_result(found, path)
    return found


def _write_result(dataset: xr.Dataset, path: Path) -> None:
    text = sum(len(str(value).encode()) for value in dataset.attrs.values())
    overhead = 2_000 * (len(dataset.variables) + 30)  # of the format
    require_room(path, dataset.nbytes + text + overhead)
    write_netcdf(dataset, path)


class Estimate(NamedTuple):
    """What a run will cost: measured on the first trials of its first point."""

    num_points: int
    num_cases: int
    num_trials: int
    num_chunks: int
    seconds: float
    seconds_per_trial: float
    disk_bytes: float


def estimate_cost(study: Study, workers: AbstractWorkers | None = None) -> Estimate:
    """Size of a run, and its time from a short trial run on one core.

    The time counts the workers as so many cores.
    """
    workers = workers or default_workers()
    per_point = trials_per_point(study)
    total = per_point * len(study.points)
    timed = min(_TIMED_TILES * study.method.tile, study.method.chunk_trials)
    start_s, each_s = time_of_trials(study, timed)
    sizes = {"enu": 3}
    per_trial = sum(
        8 * math.prod(sizes[dim] for dim in quantity.dims)
        for quantity in study.method.outcomes.values()
    )
    chunks = -(-per_point // study.method.chunk_trials) * len(study.points)
    return Estimate(
        len(study.points),
        prepared_point(study, 0).num_cases,
        total,
        chunks,
        start_s + total * each_s / workers.num_workers,
        each_s,
        float(total * per_trial),
    )
