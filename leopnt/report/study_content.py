"""What the report of a study lists: one row per point, outcomes, published numbers, evidence."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

import numpy as np
import xarray as xr

from leopnt.report import words
from leopnt.report.content import Table, cut
from leopnt.report.reading import column, json_attribute, strings, unit
from leopnt.report.study_points import (
    long_name,
    num_points,
    point_name,
    swept_parameters,
    with_unit,
)
from leopnt.report.study_words import (
    FEW_TRIALS,
    failures,
    headline,
    ratio_and_sigma,
    share,
    total,
)
from leopnt.report.verdict_words import legend

NONE = "-"
"""What stands where there is no number."""

ERRORS = {
    "rmse_3d": "RMSE 3D",
    "rmse_horizontal": "RMSE horizontal",
    "rmse_vertical": "RMSE vertical",
    "bound_3d": "Bound 3D",
    "mismatched_bound_3d": "Mismatched bound 3D",
}
BRIEF = ("rmse_3d", "bound_3d", "mismatched_bound_3d")


def study_tables(study: xr.Dataset, max_rows: int) -> list[Table]:
    """The tables of a study, those without rows left out; lists are cut at `max_rows`."""
    tables = [
        points(study, max_rows),
        outcomes(study),
        published(study, max_rows),
        checks(study, max_rows),
        told_verdicts(study),
        evidence(study),
    ]
    return [table for table in tables if table.rows]


def terminal_tables(study: xr.Dataset, max_rows: int) -> list[Table]:
    """The tables that fit a terminal: fewer columns for the points, no evidence.

    What papers print gets twice the rows, checks a third of them.
    """
    compared = _with_notes(_without(published(study, 2 * max_rows), ("Tolerance", "Source")))
    checked = _without(checks(study, max(1, max_rows // 3)), ("Tolerance",))
    errors = _without(points(study, max_rows, BRIEF), ("its sigma",))
    tables = [errors, outcomes(study), compared, checked, told_verdicts(study)]
    return [table for table in tables if table.rows]


def _without(table: Table, columns: Sequence[str]) -> Table:
    kept = [i for i, name in enumerate(table.columns) if not name.startswith(tuple(columns))]
    return replace(
        table,
        columns=tuple(table.columns[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in table.rows),
        numeric=tuple(table.numeric[i] for i in kept),
    )


def points(study: xr.Dataset, max_rows: int, errors: Sequence[str] = tuple(ERRORS)) -> Table:
    """Per point: swept values, trials, errors, bound, ratio to it, NEES and 95 % error."""
    parameters = swept_parameters(study)
    columns = [(p.label, [p.number(i) for i in range(num_points(study))]) for p in parameters]
    columns += [(name.capitalize(), _counts(study, name)) for name in ("trials", "solved")]
    named = {name: ERRORS[name] for name in errors if name in study}
    named |= {name: long_name(study, name) for name in headline(study)}
    columns += [
        (with_unit(label, unit(study, name)), _numbers(column(study, name, "point")))
        for name, label in named.items()
    ]
    if "rmse_over_bound" in study:
        both = (column(study, f"rmse_over_bound{end}", "point").tolist() for end in ("", "_sigma"))
        ratios = [ratio_and_sigma(*pair) for pair in zip(*both, strict=True)]
        columns.append(("RMSE / bound", [ratio or NONE for ratio, _ in ratios]))
        columns.append(("its sigma", [sigma or NONE for _, sigma in ratios]))
    if "mean_nees" in study:
        columns.append(("Mean NEES", _numbers(column(study, "mean_nees", "point"))))
    at_95 = _error_95(study)
    if at_95 is not None:
        label = with_unit("95 % error 3D", unit(study, "error_3d_quantile"))
        columns.append((label, _numbers(at_95)))
    rows = list(zip(*(cells for _, cells in columns), strict=True))
    kept, note = cut(rows, max_rows)
    numeric = tuple(not (i < len(parameters) and parameters[i].categories)
                    for i in range(len(columns)))  # fmt: skip
    alone = "Results" if headline(study) else "Errors"
    title = "Points of the sweep" if parameters else alone
    return Table(title, tuple(label for label, _ in columns), kept, numeric, _few(study) + note)


def _few(study: xr.Dataset) -> str:
    solved = column(study, "solved", "point")
    if not np.any(solved < FEW_TRIALS):
        return ""
    return f"A * marks fewer than {FEW_TRIALS} solved trials. "


def _counts(study: xr.Dataset, name: str) -> list[str]:
    values = column(study, name, "point")
    texts = [f"{value:,.0f}" if math.isfinite(value) else NONE for value in values.tolist()]
    if name != "solved":
        return texts
    return [f"{t} *" if value < FEW_TRIALS else t for t, value in zip(texts, values, strict=True)]


def _numbers(values: np.ndarray) -> list[str]:
    return [words.significant(v, 4) if math.isfinite(v) else NONE for v in values.tolist()]


def _error_95(study: xr.Dataset) -> np.ndarray | None:
    """The 95 % quantile of the 3D error at each point; None if it was not kept."""
    if "error_3d_quantile" not in study or "quantile" not in study:
        return None
    found = np.flatnonzero(np.abs(np.asarray(study["quantile"].values, float) - 0.95) < 1e-6)
    if not len(found):
        return None
    return study["error_3d_quantile"].transpose("point", "quantile").values[:, int(found[0])]


def outcomes(study: xr.Dataset) -> Table:
    """How often each outcome occurred, and the point at which it did most."""
    trials = total(study, "trials")
    parameters = swept_parameters(study)
    statuses = strings(study, "status", "status")
    entries = [("solved", total(study, "solved"), column(study, "solved", "point"))]
    for reason, number in failures(study):
        where = study["count"].transpose("point", "status").values[:, statuses.index(reason)]
        entries.append((reason, number, where))
    for label, name in (("of these not finite", "not_finite"), ("missing", "missing")):
        if total(study, name):
            entries.append((label, total(study, name), column(study, name, "point")))
    rows = []
    for label, number, where in entries:
        row = (label, f"{number:,}", share(number, trials))
        most = point_name(parameters, int(np.nanargmax(where))) if label != "solved" else ""
        rows.append((*row, most) if parameters else row)
    columns = ("Outcome", "Trials", "Share", *(("Most often at",) if parameters else ()))
    numeric = (False, True, True, False)[: len(columns)]
    return Table("How the trials ended", columns, tuple(rows), numeric)


def published(study: xr.Dataset, max_rows: int) -> Table:
    """What papers print or say beside ours, with the verdict and its reason."""
    return _compared(study, max_rows, "Ours beside the published", "Published", are_checks=False)


def checks(study: xr.Dataset, max_rows: int) -> Table:
    """Theory and independent implementations beside ours, with the verdict and its reason."""
    title = "Checks against theory and independent implementations"
    return _compared(study, max_rows, title, "Expected", are_checks=True)


def _compared(
    study: xr.Dataset, max_rows: int, title: str, number: str, *, are_checks: bool
) -> Table:
    """The rows that are checks, or those that are not; a reason has no column if no row has one."""
    units = strings(study, "published_units", "published")
    names = ("published_quantity", "published_at", "verdict", "verdict_reason", "published_source",
             "published_kind")  # fmt: skip
    quantities, places, verdicts, reasons, sources, kinds = (
        strings(study, name, "published") for name in names
    )
    values, tolerances, ours = (
        column(study, name, "published")
        for name in ("published_value", "published_tolerance", "ours")
    )
    rows = [
        (
            verdicts[i],
            with_unit(quantities[i], "" if units[i] == "1" else units[i]),
            places[i],
            _as_given(float(values[i])),
            _as_given(float(tolerances[i])),
            _numbers(ours)[i],
            reasons[i],
            sources[i],
        )
        for i in range(len(quantities))
        if (kinds[i] == "check") == are_checks
    ]
    kept, note = cut(rows, max_rows)
    columns = ("Verdict", "Quantity", "At", number, "Tolerance", "Ours", "Reason", "Source")
    numeric = (False, False, False, True, True, True, False, False)
    return _without_empty(Table(title, columns, kept, numeric, note), ("At", "Reason"))


def _without_empty(table: Table, columns: Sequence[str]) -> Table:
    """The table without those of the columns that no row fills."""
    empty = [
        name
        for i, name in enumerate(table.columns)
        if name in columns and not any(row[i] for row in table.rows)
    ]
    return _without(table, empty)


def _with_notes(table: Table) -> Table:
    """The table with every reason that several rows share below it, and its number in the rows."""
    if "Reason" not in table.columns:
        return table
    at = table.columns.index("Reason")
    counts = Counter(row[at] for row in table.rows)
    shared = [text for text, count in counts.items() if text and count > 1]
    numbers = {text: f"({i})" for i, text in enumerate(shared, start=1)}
    rows = tuple((*row[:at], numbers.get(row[at], row[at]), *row[at + 1 :]) for row in table.rows)
    lines = [f"{number} {text}" for text, number in numbers.items()]
    return replace(table, rows=rows, note="\n".join(filter(None, (*lines, table.note))))


def told_verdicts(study: xr.Dataset) -> Table:
    """What the verdicts that occur mean."""
    found = legend(strings(study, "verdict", "published"))
    rows = tuple(tuple(one.split(": ", 1)) for one in found)
    return Table("What the verdicts mean", ("Verdict", "Our number"), rows, (False, False))


def evidence(study: xr.Dataset) -> Table:
    """How the parts of leopnt that the study used were checked; no row without evidence file."""
    used = json_attribute(study, "evidence", [])
    used = [str(name) for name in used] if isinstance(used, list) else []
    rows = [
        (
            str(row["capability"]),
            str(row["quantity"]),
            str(row["reference"]),
            str(row["kind"]),
            _with_unit(row["achieved"], row["unit"]),
            _with_unit(row["tolerance"], row["unit"]),
        )
        for name in used
        for row in _evidence_rows()
        if row["capability"] == name or row["capability"].startswith(f"{name}.")
    ]
    columns = ("Part", "Quantity", "Compared with", "Kind", "Achieved", "Tolerance")
    numeric = (False, False, False, False, True, True)
    return Table("Evidence", columns, tuple(rows), numeric)


def _as_given(value: float) -> str:
    return f"{value:.9g}" if math.isfinite(value) else NONE


def _with_unit(value: float, unit_name: str) -> str:
    return f"{value:.2g} {unit_name}".rstrip()


def _evidence_rows() -> list[dict]:
    """The rows that the tests of leopnt wrote; none in a checkout that never wrote them."""
    file = files("leopnt.report") / "data" / "evidence.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
