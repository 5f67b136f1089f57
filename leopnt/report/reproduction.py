"""All reproduced studies in words and tables: by seed, by figure, number by number."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from leopnt.report import words
from leopnt.report.content import Table
from leopnt.report.reading import column, strings
from leopnt.report.study_points import with_unit

VERDICTS = {
    "held": "held",
    "fitted": "fitted",
    "differs": "differ",
    "not reproducible": "not reproducible",
}
"""What each verdict is called in a sentence about several numbers."""

_DIGITS = {"published": 9, "tolerance": 3, "ours": 5}


def sentences(found: xr.Dataset) -> list[str]:
    """What came out, the most important first."""
    failed = [name for name in strings(found, "study_failure", "study") if name]
    unknown = int(np.nansum(column(found, "study_unexplained", "study")))
    count = found.sizes["study"]
    studies = f"{count} {'study' if count == 1 else 'studies'}"
    lead = f"{studies}, {words.counted(found.sizes['number'], 'published number')}: "
    lead += f"{counted_verdicts(strings(found, 'number_verdict', 'number'))}."
    differing = strings(found, "number_verdict", "number").count("differs")
    verdicts, own = strings(found, "number_verdict", "number"), own_numbers(found)
    told = [lead]
    if own:
        told.append(
            f"Of these the papers print {len(own)}: "
            f"{counted_verdicts([verdicts[i] for i in own])}. The others are an independent "
            "implementation's, closed forms and bounds."
        )
    if failed:
        told.insert(0, f"{len(failed)} of {studies} FAILED.")
    if differing and not unknown:
        told.append("Every number that differs does so for a reason that its study tells.")
    elif unknown:
        told.append(f"DIFFERENT for no known reason: {words.counted(unknown, 'number')}.")
    reduced = int(found.attrs.get("num_reduced", 0))
    if reduced:
        told.append(
            f"Reduced size: {reduced} of {studies} ran a quarter of their trials, at least 1000, "
            "and their tolerances are wider by three standard errors of what that changes."
        )
    open_ones = len(undecided(found))
    if open_ones:
        told.append(f"Of those held {open_ones} did so by that alone: --full decides.")
    seconds = float(np.nansum(column(found, "study_seconds", "study")))
    told.append(f"It took {seconds / 60.0:.1f} min this time.")
    return told


def counted_verdicts(verdicts: Sequence[str]) -> str:
    """How many of each, those that occur."""
    counts = {label: verdicts.count(verdict) for verdict, label in VERDICTS.items()}
    return ", ".join(f"{count} {label}" for label, count in counts.items() if count) or "none"


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


def own_numbers(found: xr.Dataset) -> list[int]:
    """Rows of `number` that a paper prints: those whose source begins with its key."""
    keys = {key for key in strings(found, "shown_key", "shown") if key}
    sources = strings(found, "number_source", "number")
    return [
        i for i, source in enumerate(sources) if source.startswith(tuple(f"[{k}]" for k in keys))
    ]


def undecided(found: xr.Dataset) -> list[int]:
    """Rows of `number` that held at reduced size by their wider tolerance alone."""
    names = ("ours", "published", "tolerance", "widening")
    ours, published, tolerance, widening = (
        column(found, f"number_{name}", "number") for name in names
    )
    beyond = np.abs(ours - published) > tolerance - widening
    agree = np.isin(strings(found, "number_verdict", "number"), ("held", "fitted"))
    return np.flatnonzero(agree & beyond & (widening > 0.0)).tolist()


def by_subject(found: xr.Dataset) -> Table:
    """One row per seed and per subject beyond them: studies, figures covered, verdicts."""
    ran = set(strings(found, "study_name", "study"))
    every = [tuple(name for name in studies if name in ran) for studies in studies_of(found)]
    rows = []
    own, verdicts = set(own_numbers(found)), strings(found, "number_verdict", "number")
    keys = strings(found, "shown_key", "shown")
    for title, members in subjects(found).items():
        studies = tuple(dict.fromkeys(name for i in members for name in every[i]))
        is_seed = bool(keys[members[0]])
        covered = f"{sum(bool(every[i]) for i in members)} of {len(members)}" if is_seed else ""
        printed = [verdicts[i] for i in numbers_of(found, studies) if i in own]
        counts = _counts(verdicts_of(found, studies))
        told = counted_verdicts(printed) if is_seed else ""
        rows.append((title, covered, str(len(studies)), *counts, told))
    columns = ("System", "Covered", "Studies", "Numbers", *map(str.capitalize, VERDICTS),
               "Printed in the paper")  # fmt: skip
    note = "Covered: figures and tables that have a study, of all that the paper has."
    numeric = (False, *[True] * (len(columns) - 2), False)
    return Table("By system", columns, tuple(rows), numeric, note)


def brief(table: Table) -> Table:
    """The same without the last column, for a terminal."""
    return replace(
        table,
        columns=table.columns[:-1],
        rows=tuple(row[:-1] for row in table.rows),
        numeric=table.numeric[:-1],
    )


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
    names = ("quantity", "at", "units", "verdict", "reason", "source")
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
            text["source"][i],
        )
        for i in chosen
    )
    columns = ("Verdict", "Study", "Quantity", "At", "Published", "Tolerance", "Ours", "Reason",
               "Source")  # fmt: skip
    return Table(title, columns, rows, (*[False] * 4, *[True] * 3, False, False))


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}g}" if np.isfinite(value) else "-"
