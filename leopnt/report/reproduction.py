"""All reproduced studies in words and tables: by seed, by figure, number by number."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from leopnt.report import words
from leopnt.report.content import Table
from leopnt.report.reading import column, strings
from leopnt.report.study_points import with_unit
from leopnt.report.verdict_words import VERDICTS, counted_verdicts, legend

_DIGITS = {"published": 9, "tolerance": 3, "ours": 5}


def sentences(found: xr.Dataset) -> list[str]:
    """What came out, the most important first: what papers print before everything else."""
    failed = [name for name in strings(found, "study_failure", "study") if name]
    count = found.sizes["study"]
    studies = f"{count} {'study' if count == 1 else 'studies'}"
    told = [f"{len(failed)} of {studies} FAILED."] if failed else []
    told += _counted_by_kind(found, studies)
    told += _on_reasons(found)
    told += _on_size(found, studies)
    seconds = float(np.nansum(column(found, "study_seconds", "study")))
    told.append(f"It took {seconds / 60.0:.1f} min this time.")
    return told


def _counted_by_kind(found: xr.Dataset, studies: str) -> list[str]:
    """Printed numbers, readings and checks, each with its verdicts; printed ones once each."""
    verdicts = distinct_verdicts(found, range(found.sizes["number"]))
    printed, readings, checks = (verdicts[kind] for kind in ("paper", "reading", "check"))
    told = [
        f"{studies}, {words.counted(len(printed), 'number')} that papers print, each counted once: "
        f"{counted_verdicts(printed)}."
    ]
    if checks:
        told.append(
            f"Checks against theory and independent implementations, {len(checks)}: "
            f"{counted_verdicts(checks)}."
        )
    if readings:
        told.append(
            "Readings of what papers say in words or leave open, "
            f"{len(readings)}: {counted_verdicts(readings)}."
        )
    return told


def _on_reasons(found: xr.Dataset) -> list[str]:
    unknown = int(np.nansum(column(found, "study_unexplained", "study")))
    if unknown:
        return [f"DIFFERENT for no known reason: {words.counted(unknown, 'number')}."]
    if "differs" in strings(found, "number_verdict", "number"):
        return ["Every number that differs does so for a reason that its study tells."]
    return []


def _on_size(found: xr.Dataset, studies: str) -> list[str]:
    """What the reduced size leaves open."""
    reduced = int(found.attrs.get("num_reduced", 0))
    if not reduced:
        return []
    told = [
        f"Reduced size: {reduced} of {studies} ran a quarter of their trials, at least 1000, and "
        "their tolerances are wider by three standard errors of what that changes."
    ]
    open_ones = strings(found, "number_verdict", "number").count("undecided")
    if open_ones:
        told.append(
            f"Undecided: {words.counted(open_ones, 'number')}, of too few trials: they hold by a "
            "wider tolerance alone. --full decides."
        )
    wider = len(held_by_widening(found))
    if wider:
        told.append(f"Of those held {wider} did so by a wider tolerance: --full decides.")
    return told


def needs_attention(found: xr.Dataset) -> bool:
    """Whether a study failed or a number differs for no known reason."""
    failed = any(strings(found, "study_failure", "study"))
    return failed or bool(np.nansum(column(found, "study_unexplained", "study")))


def studies_of(found: xr.Dataset) -> list[tuple[str, ...]]:
    """Names of the studies of every row of `shown`."""
    return [tuple(json.loads(text)) for text in strings(found, "shown_studies", "shown")]


def subjects(found: xr.Dataset) -> dict[str, list[int]]:
    """Rows of `shown` by seed, then by subject beyond them, in order."""
    rows: dict[str, list[int]] = {}
    for i, title in enumerate(strings(found, "shown_seed", "shown")):
        rows.setdefault(title, []).append(i)
    return rows


def verdicts_of(found: xr.Dataset, studies: Sequence[str]) -> list[str]:
    """Verdicts of all numbers of these studies."""
    numbers = numbers_of(found, studies)
    verdicts = strings(found, "number_verdict", "number")
    return [verdicts[i] for i in numbers]


def numbers_of(found: xr.Dataset, studies: Sequence[str]) -> list[int]:
    """Rows of `number` that belong to these studies."""
    names = strings(found, "study_name", "study")
    wanted = {i for i, name in enumerate(names) if name in studies}
    of_study = column(found, "number_study", "number").astype(int).tolist()
    return [i for i, study in enumerate(of_study) if study in wanted]


def distinct_verdicts(found: xr.Dataset, chosen: Iterable[int]) -> dict[str, list[str]]:
    """Verdicts by kind: one for each number that a paper prints, however many rows it has."""
    kinds = strings(found, "number_kind", "number")
    verdicts = strings(found, "number_joint_verdict", "number")
    counted = column(found, "number_counted", "number") > 0
    told: dict[str, list[str]] = {kind: [] for kind in ("paper", "reading", "check")}
    for i in chosen:
        if counted[i]:
            told.setdefault(kinds[i], []).append(verdicts[i])
    return told


def held_by_widening(found: xr.Dataset) -> list[int]:
    """Rows of `number` that held at reduced size by a widening below their tolerance."""
    names = ("ours", "published", "tolerance", "widening")
    ours, published, tolerance, widening = (
        column(found, f"number_{name}", "number") for name in names
    )
    beyond = np.abs(ours - published) > tolerance - widening
    agree = np.isin(strings(found, "number_verdict", "number"), ("held", "fitted"))
    return np.flatnonzero(agree & beyond & (widening > 0.0)).tolist()


def by_subject(found: xr.Dataset) -> Table:
    """One row per seed and per subject beyond them: figures covered, verdicts, checks."""
    ran = set(strings(found, "study_name", "study"))
    every = [tuple(name for name in studies if name in ran) for studies in studies_of(found)]
    rows = []
    keys = strings(found, "shown_key", "shown")
    for title, members in subjects(found).items():
        studies = tuple(dict.fromkeys(name for i in members for name in every[i]))
        is_seed = bool(keys[members[0]])
        covered = f"{sum(bool(every[i]) for i in members)} of {len(members)}" if is_seed else ""
        verdicts = distinct_verdicts(found, numbers_of(found, studies))
        held = [_share_held(verdicts[kind]) for kind in ("reading", "check")]
        rows.append((title, covered, str(len(studies)), *_counts(verdicts["paper"]), *held))
    columns = ("System", "Covered", "Studies", "Printed", *map(str.capitalize, VERDICTS),
               "Readings", "Checks")  # fmt: skip
    note = (
        "Covered: figures and tables that have a study, of all that the paper has. Printed: "
        "numbers that the paper prints, each once, and their verdicts. Readings, checks: those "
        "that held, of all."
    )
    return Table("By system", columns, tuple(rows), (False, *[True] * (len(columns) - 1)), note)


def told_verdicts(found: xr.Dataset) -> Table:
    """What the verdicts that occur mean."""
    rows = tuple(
        tuple(one.split(": ", 1)) for one in legend(strings(found, "number_verdict", "number"))
    )
    return Table("What the verdicts mean", ("Verdict", "Our number"), rows, (False, False))


def brief(table: Table) -> Table:
    """The same without covered figures and readings, for a terminal."""
    kept = [i for i, name in enumerate(table.columns) if name not in ("Covered", "Readings")]
    return replace(
        table,
        columns=tuple(table.columns[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in table.rows),
        numeric=tuple(table.numeric[i] for i in kept),
        note="Printed: numbers that the paper prints, each once. Checks: those that held, of all.",
    )


def _share_held(verdicts: Sequence[str]) -> str:
    return f"{verdicts.count('held')} of {len(verdicts)}" if verdicts else ""


def _counts(verdicts: Sequence[str]) -> list[str]:
    return [str(len(verdicts)), *(str(verdicts.count(verdict)) for verdict in VERDICTS)]


def failures(found: xr.Dataset) -> Table:
    """Studies that failed, and why."""
    rows = zip(
        strings(found, "study_name", "study"),
        strings(found, "study_failure", "study"),
        strict=True,
    )
    failed = tuple(row for row in rows if row[1])
    return Table("Studies that failed", ("Study", "Why"), failed, (False, False))


def numbers(found: xr.Dataset, chosen: Sequence[int], title: str) -> Table:
    """Published numbers beside ours, one per row."""
    studies = strings(found, "study_name", "study")
    of_study = column(found, "number_study", "number").astype(int)
    names = ("quantity", "at", "units", "verdict", "reason", "source", "kind")
    text = {name: strings(found, f"number_{name}", "number") for name in names}
    value = {name: column(found, f"number_{name}", "number") for name in _DIGITS}
    rows = tuple(
        (
            text["verdict"][i],
            studies[of_study[i]],
            with_unit(text["quantity"][i], "" if text["units"][i] == "1" else text["units"][i]),
            text["at"][i],
            *(_number(value[name][i], digits) for name, digits in _DIGITS.items()),
            text["reason"][i],
            text["kind"][i],
            text["source"][i],
        )
        for i in chosen
    )
    columns = ("Verdict", "Study", "Quantity", "At", "Published", "Tolerance", "Ours", "Reason",
               "Kind", "Source")  # fmt: skip
    return Table(title, columns, rows, (*[False] * 4, *[True] * 3, *[False] * 3))


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}g}" if np.isfinite(value) else "-"
