"""From the chunks of a run to its results: statistics by point, and every trial in one file."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import leopnt
from leopnt.studies.gathering import Gathering, gathering
from leopnt.studies.method import Column
from leopnt.studies.runner import Outcome, prepared_point
from leopnt.studies.statistics import QUANTILES, status_sentences
from leopnt.studies.store import RunFolder
from leopnt.studies.study_file import Study, versions

_UNITS = {
    "m": "m",
    "hz": "Hz",
    "s": "s",
    "ns": "ns",
    "deg": "deg",
    "mps": "m/s",
    "hzps": "Hz/s",
    "km": "km",
    "db": "dB",
    "dbw": "dBW",
    "dbm": "dBm",
}
_WORDS = {"snr": "SNR", "esn0": "E/N0"}
"""Parameters whose name is an abbreviation."""


def consolidate(
    study: Study, folder: RunFolder, outcome: Outcome, trials: Path | None
) -> xr.Dataset:
    """Statistics of every point over its solved trials, and every trial in a file, after a run.

    Args:
        trials: NetCDF file for every single trial, or None.
    """
    with gathering(study, folder, trials) as gathered:
        return study_dataset(study, gathered, outcome)


def study_dataset(study: Study, gathered: Gathering, outcome: Outcome) -> xr.Dataset:
    """The result (kind "study") from what was gathered; chunks that are left are taken first.

    Variables, over `point` and what they name: the swept parameters; counts of trials by status;
    what the method tells (errors, bounds, quantiles); what tells cases apart.
    """
    gathered.finish()
    parts = gathered.parts
    variables = {name: _stacked([part[name] for part in parts]) for name in _in_all(parts)}
    variables |= _swept(study) | _shared(prepared_point(study, 0).cases)
    warnings = [
        *_outcome_sentences(outcome),
        *_unsolved_sentences(parts),
        *dict.fromkeys(gathered.warnings),
    ]
    return xr.Dataset(variables, attrs=_attributes(study, outcome, warnings))


def _in_all(parts: list[dict[str, Column]]) -> list[str]:
    """Names of any point, those of the first in its order; a point without one gets NaN."""
    names = list(dict.fromkeys(name for part in parts for name in part))
    for name in names:
        like = next(part[name] for part in parts if name in part)
        for part in parts:
            if name not in part:
                part[name] = replace(like, values=np.full(like.values.shape, np.nan))
    return names


def _stacked(columns: list[Column]) -> xr.Variable:
    first = columns[0]
    values = np.stack([column.values for column in columns])
    attrs = {"units": first.units, "long_name": first.long_name}
    return xr.Variable(("point", *first.dims), values, attrs)


def _swept(study: Study) -> dict[str, xr.Variable]:
    found = {}
    for name in study.points[0].values:
        values = [point.values[name] for point in study.points]
        is_number = all(
            isinstance(one, int | float) and not isinstance(one, bool) for one in values
        )
        label, _, ending = name.split(".")[-1].rpartition("_")
        has_unit = is_number and ending in _UNITS
        stored = np.asarray(values, float) if is_number else np.asarray([str(v) for v in values])
        words = (label if has_unit else name.split(".")[-1]).replace("_", " ")
        attrs = {
            "units": _UNITS[ending] if has_unit else "1",
            "long_name": _WORDS.get(words, words),
        }
        found[name] = xr.Variable(("point",), stored, attrs)
    return found


def _shared(cases: Mapping[str, Column]) -> dict[str, xr.Variable]:
    columns = {
        "status": Column(("status",), np.asarray(status_sentences()), "1", "how a trial ended"),
        "quantile": Column(("quantile",), QUANTILES, "1", "probability"),
        **cases,
    }
    return {
        name: xr.Variable(one.dims, one.values, {"units": one.units, "long_name": one.long_name})
        for name, one in columns.items()
    }


def _outcome_sentences(outcome: Outcome) -> Iterator[str]:
    if not outcome.is_complete:
        yield (
            f"Incomplete: {outcome.total - outcome.done} of {outcome.total} chunks are missing; "
            "run the study again to compute them."
        )
    if outcome.stopped_by:
        yield f"The run stopped early: {outcome.stopped_by}"
    for chunk, reason in list(outcome.failures.items())[:5]:
        if reason != outcome.stopped_by:
            yield f"{chunk.name} failed: {reason}"


def _unsolved_sentences(parts: list[dict[str, Column]]) -> Iterator[str]:
    """Say so where every trial of a point was run in vain."""
    of_points = [part for part in parts if {"solved", "not_solved"} <= part.keys()]
    number = sum(part["solved"].values == 0 < part["not_solved"].values for part in of_points)
    if number:
        where = f"at {number} of {len(parts)} points of the sweep" if len(parts) > 1 else "at all"
        yield f"No trial was solved {where}."


def _attributes(study: Study, outcome: Outcome, warnings: list[str]) -> dict[str, Any]:
    sweep = study.settings.sweep
    return {
        "kind": "study",
        "title": study.title,
        "method": study.method.name,
        "complete": int(outcome.is_complete),
        "converged": int(outcome.is_complete),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "leopnt_version": leopnt.__version__,
        "seed": study.settings.study.seed,
        "trials_per_case": study.settings.study.trials,
        "input_file": study.path.name,
        "input_text": study.text,
        "warnings": json.dumps(warnings),
        "provenance": json.dumps({**versions(), "fingerprint": study.fingerprint}),
        "swept": json.dumps(list(study.points[0].values)),
        "sweep_kind": "none" if sweep is None else sweep.kind,
        "plots": json.dumps([dict(one) for one in study.method.plots]),
        "evidence": json.dumps(list(study.method.evidence)),
        "headline": json.dumps(list(study.method.headline)),
    }
