"""All studies of the catalogue, one after the other, and their verdicts as one result.

Each study has its folder, so a run that was stopped goes on where it was. A study that fails does
not stop the others.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

import leopnt
from leopnt.errors import LeopntError
from leopnt.studies.library import Entry
from leopnt.studies.published import KINDS, VERDICTS, joint_verdict, unexplained
from leopnt.studies.reduction import Size, widened
from leopnt.studies.run import run_study
from leopnt.studies.runner import AbstractWorkers, Progress
from leopnt.studies.seeds import Beyond, Seed
from leopnt.studies.study_file import load_study, versions

_NUMBERS = {
    "quantity": "published_quantity",
    "at": "published_at",
    "units": "published_units",
    "published": "published_value",
    "tolerance": "published_tolerance",
    "widening": "published_widening",
    "ours": "ours",
    "verdict": "verdict",
    "reason": "verdict_reason",
    "source": "published_source",
    "kind": "published_kind",
    "printed": "published_printed",
}
"""Variables of a study with one row per published number, by what they are called here."""
_SECONDS = {
    "astars": 2.0,
    "calibration": 25.0,
    "doppler_fix": 12.0,
    "nine_d": 12.0,
    "pace": 7.0,
    "urban": 10.0,
}


class Reproduced(NamedTuple):
    """One study as it went.

    Attributes:
        entry: of the catalogue.
        dataset: its result with verdicts; None if it failed.
        failure: why it failed, or is not complete; empty if it did not.
        seconds: that it took this time.
        full_trials: trials at full size.
    """

    entry: Entry
    dataset: xr.Dataset | None
    failure: str
    seconds: float
    full_trials: int


Write = Callable[[xr.Dataset, Path], object]
"""Writes the report of a study into its folder."""


def reproduce_one(
    entry: Entry,
    folder: Path,
    size: Size,
    write: Write,
    *,
    workers: AbstractWorkers | None = None,
    restart: bool = False,
    progress: Progress = lambda done, total: None,
) -> Reproduced:
    """Run a study, judge it, and write its report.

    Args:
        entry: of the catalogue.
        folder: of the study.
        size: `full_size` or `reduced_size`.
        write: called with the judged result and the folder.
        workers, restart, progress: as in `run_study`.

    Returns:
        how it went; an error in a study is a row of the result.

    Raises:
        Interrupted: Ctrl-C; run again to go on.
    """
    began, full_trials, dataset = time.monotonic(), 0, None
    try:
        full_trials = load_study(entry.path).settings.study.trials
        study = size(entry, folder)
        dataset = run_study(study, folder, workers=workers, restart=restart, progress=progress)
        dataset = widened(study, dataset, folder, full_trials)
        write(dataset, folder)
        failure = "" if dataset.attrs["complete"] else _first_warning(dataset)
    except LeopntError as error:
        failure = str(error)
    except Exception as error:  # the other studies shall go on, whatever it is
        failure = f"{type(error).__name__}: {error}"
    return Reproduced(entry, dataset, failure, time.monotonic() - began, full_trials)


def rough_seconds(entry: Entry) -> float:
    """How long a study takes, more or less: for the time that is left, no more."""
    return _SECONDS.get(entry.method, 5.0)


def reproduction(
    results: Sequence[Reproduced], seeds: Sequence[Seed], beyond: Sequence[Beyond]
) -> xr.Dataset:
    """All verdicts as one result (kind "reproduction").

    Variables over `study` (name, counts of verdicts, seconds, failure), `number` (every published
    number beside ours), `total` (counts of verdicts by kind, each printed number once) and `shown`
    (figures and tables of the seeds, with their studies).
    """
    numbers = _numbers(results)
    variables = _studies(results) | numbers | _totals(numbers) | _shown(seeds, beyond)
    return xr.Dataset(variables, attrs=_attributes(results, seeds))


def problems(results: Sequence[Reproduced]) -> Iterator[str]:
    """A sentence for every study that failed and every number that differs for no known reason."""
    for one in results:
        name = one.entry.name
        if one.failure:
            yield f"{name} failed: {one.failure}"
        if one.dataset is not None:
            yield from (f"{name} differs: {sentence}." for sentence in unexplained(one.dataset))


def verdict_counts(dataset: xr.Dataset | None) -> dict[str, int]:
    """How many numbers of a study have each verdict."""
    found = (
        [] if dataset is None or "verdict" not in dataset else dataset["verdict"].values.tolist()
    )
    return {verdict: found.count(verdict) for verdict in VERDICTS}


def _studies(results: Sequence[Reproduced]) -> dict[str, xr.Variable]:
    counts = [verdict_counts(one.dataset) for one in results]
    unknown = [0 if one.dataset is None else len(unexplained(one.dataset)) for one in results]
    trials = [
        0 if one.dataset is None else int(one.dataset.attrs["trials_per_case"]) for one in results
    ]
    columns: dict[str, Any] = {
        "study_name": ([one.entry.name for one in results], "1", "study of the catalogue"),
        "study_about": ([one.entry.about for one in results], "1", "what it shows"),
        "study_failure": ([one.failure for one in results], "1", "why it failed"),
        "study_seconds": ([one.seconds for one in results], "s", "time that it took"),
        "study_trials": (trials, "1", "trials of each case"),
        "study_full_trials": ([one.full_trials for one in results], "1", "at full size"),
        "study_unexplained": (unknown, "1", "numbers that differ for no known reason"),
    } | {
        f"study_{verdict.replace(' ', '_')}": (
            [count[verdict] for count in counts],
            "1",
            f"numbers: {verdict}",
        )
        for verdict in VERDICTS
    }
    return {name: _variable("study", *column) for name, column in columns.items()}


def _numbers(results: Sequence[Reproduced]) -> dict[str, xr.Variable]:
    judged = [(i, one.dataset) for i, one in enumerate(results) if one.dataset is not None]
    judged = [(i, found) for i, found in judged if "verdict" in found]
    sizes = [found.sizes["published"] for _, found in judged]
    index = np.repeat([i for i, _ in judged], sizes).astype(int).tolist()
    columns = {"number_study": _variable("number", index, "1", "row of the study, from 0")}
    for name, source in _NUMBERS.items():
        parts = [
            found[source].values.tolist() if source in found else [0.0] * size
            for (_, found), size in zip(judged, sizes, strict=True)
        ]
        values = [value for part in parts for value in part]
        columns[f"number_{name}"] = _variable("number", values, "1", name)
    counted, joint = _joint(*(columns[f"number_{name}"].values.tolist()
                              for name in ("kind", "printed", "verdict")))  # fmt: skip
    about = "first row of what a paper prints once; 1 for every check"
    columns["number_counted"] = _variable("number", counted, "1", about)
    about = "verdict from all rows of the printed number"
    columns["number_joint_verdict"] = _variable("number", joint, "1", about)
    return columns


def _joint(
    kinds: Sequence[str], printed: Sequence[str], verdicts: Sequence[str]
) -> tuple[list[int], list[str]]:
    """Which row stands for a printed number, and the verdict of all rows about it."""
    rows: dict[tuple[str, str], list[int]] = {}
    for i, (kind, name) in enumerate(zip(kinds, printed, strict=True)):
        rows.setdefault((kind, str(i) if kind == "check" else name), []).append(i)
    counted, joint = [0] * len(kinds), [""] * len(kinds)
    for members in rows.values():
        counted[members[0]] = 1
        found = joint_verdict([verdicts[i] for i in members])
        for i in members:
            joint[i] = found
    return counted, joint


def _totals(numbers: dict[str, xr.Variable]) -> dict[str, xr.Variable]:
    """Counts of verdicts by kind: each number that a paper prints counts once."""
    names = ("kind", "joint_verdict", "counted")
    rows = list(zip(*(numbers[f"number_{name}"].values.tolist() for name in names), strict=True))
    found = [(kind, verdict) for kind, verdict, counted in rows if counted]
    columns = {"total_kind": _variable("total", KINDS, "1", "kind of number")}
    for verdict in VERDICTS:
        counts = [found.count((kind, verdict)) for kind in KINDS]
        name = f"total_{verdict.replace(' ', '_')}"
        columns[name] = _variable("total", counts, "1", f"distinct numbers: {verdict}")
    return columns


def _shown(seeds: Sequence[Seed], beyond: Sequence[Beyond]) -> dict[str, xr.Variable]:
    rows = [
        (seed.title, seed.key, one.name, one.about, json.dumps(one.studies), one.reason)
        for seed in seeds
        for one in seed.shown
    ]
    rows += [(one.title, "", "", "", json.dumps(one.studies), "") for one in beyond]
    names = {
        "seed": "published system, or subject beyond them",
        "key": "key of the bibliography",
        "name": "figure or table",
        "about": "what it shows",
        "studies": "studies of the catalogue, JSON",
        "reason": "why it is not covered, or in part",
    }
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return {
        f"shown_{name}": _variable("shown", list(values), "1", label)
        for (name, label), values in zip(names.items(), columns, strict=True)
    }


def _variable(dim: str, values: Sequence, units: str, long_name: str) -> xr.Variable:
    stored = np.asarray(values) if len(values) else np.zeros(0)
    return xr.Variable((dim,), stored, {"units": units, "long_name": long_name})


def _attributes(results: Sequence[Reproduced], seeds: Sequence[Seed]) -> dict:
    is_complete = not any(one.failure for one in results)
    reduced = sum(
        one.dataset is not None and one.dataset.attrs["trials_per_case"] < one.full_trials
        for one in results
    )
    return {
        "kind": "reproduction",
        "title": "Published figures and tables, reproduced",
        "complete": int(is_complete),
        "converged": int(is_complete),
        "num_seeds": len(seeds),
        "num_reduced": reduced,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "leopnt_version": leopnt.__version__,
        "warnings": json.dumps([]),
        "provenance": json.dumps(versions()),
    }


def _first_warning(dataset: xr.Dataset) -> str:
    return (json.loads(dataset.attrs.get("warnings") or "[]") or ["not complete"])[0]
