"""Published numbers beside ours: what a study file states, and the verdict on each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from pydantic import Field

from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.studies.sweep import points_of

Value = bool | int | float | str
HELD, FITTED, DIFFERS, NOT_REPRODUCIBLE = "held", "fitted", "differs", "not reproducible"
_NO_REASON = "no reason is known"
_MOST_SHOWN = 8


class PublishedTable(SettingsTable):
    """One of `[[published]]`: a number from a paper, or one that theory gives."""

    quantity: str = Field(min_length=1, description="the name of a variable of the result")
    at: dict[str, Value] = Field(
        default={},
        description="a table: values (numbers, texts) of swept parameters that name the point",
    )
    slope_from: dict[str, Value] = Field(
        default={},
        description="a table: one swept number where a slope begins; the published number is then "
        "the slope from there to `at`, both axes logarithmic",
    )
    value: float = Field(description="the published number, in the unit of the variable")
    tolerance: float = Field(
        gt=0, description="how far ours may be from it, in the same unit, above 0"
    )
    source: str = Field(min_length=1, description="text: paper, and table or figure")
    fitted: str = Field(
        default="", description="text: what of ours was chosen so that it agrees, where that is so"
    )
    why: str = Field(default="", description="text: why ours differs, where it is known to")
    not_reproducible: str = Field(
        default="", description="text: why it cannot be reproduced, where that is so"
    )


def published_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Sentences on published numbers that name no point of the sweep."""
    points, listed = points_of(raw.get("sweep")), raw.get("published")
    for i, one in enumerate(listed if isinstance(listed, list) else []):
        at = table_of(one, "at") if isinstance(one, dict) else {}
        start = table_of(one, "slope_from") if isinstance(one, dict) else {}
        if points is None or not all(isinstance(v, Value) for v in (*at.values(), *start.values())):
            continue
        found = list(_point_problems(f"published[{i}].at", at, points))
        yield from found
        if start and not found:
            yield from _slope_problems(f"published[{i}].slope_from", start, at, points)


def _point_problems(
    where: str, at: dict[str, Value], points: list[dict[str, Any]]
) -> Iterator[str]:
    unknown = [name for name in at if name not in points[0]]
    for name in unknown:
        swept = ", ".join(points[0]) or "nothing"
        yield f"{where} {name} = {shown(at[name])}: is not swept. Swept: {swept}."
    if unknown or any(_is_at(point, at) for point in points):
        return
    named = ", ".join(f"{name} = {shown(value)}" for name, value in at.items())
    there = ["(" + ", ".join(shown(one[name]) for name in at) + ")" for one in points]
    more = ", ..." if len(there) > _MOST_SHOWN else ""
    accepted = ", ".join(dict.fromkeys(there[:_MOST_SHOWN]))
    yield f"{where} {named}: no point of the sweep has it; expected one of {accepted}{more}."


def _slope_problems(
    where: str, start: dict[str, Value], at: dict[str, Value], points: list[dict[str, Any]]
) -> Iterator[str]:
    """Of a slope whose other end is no point, or differs in anything but one positive number."""
    if len(start) != 1 or not start.keys() <= at.keys():
        accepted = ", ".join(at) or "a swept number, which `at` has too"
        yield f"{where} = {shown(start)}: expected one value, of one of: {accepted}."
        return
    ((name, value),) = start.items()
    ends = [one for one in (value, at[name]) if not isinstance(one, str) and one > 0]
    if len(ends) < 2 or _are_same(value, at[name]):
        yield f"{where} {name} = {shown(value)}: expected a positive number other than that of at."
        return
    yield from _point_problems(where, {**at, **start}, points)


def _is_at(point: Mapping[str, Any], at: Mapping[str, Value]) -> bool:
    return all(_are_same(point[name], value) for name, value in at.items())


def _are_same(stored: Any, value: Value) -> bool:
    """Equal texts, or numbers that differ by rounding at most."""
    if isinstance(value, str) and not isinstance(stored, str):
        return False
    try:
        numbers = [float(one) for one in (stored, value) if not isinstance(one, str | bool)]
    except OverflowError:  # integers of a TOML file have any length
        return False
    return math.isclose(*numbers, rel_tol=1e-9) if len(numbers) == 2 else str(stored) == str(value)


def with_verdicts(dataset: xr.Dataset, published: list[PublishedTable]) -> xr.Dataset:
    """The result with one row per published number: ours, and whether it held.

    held: within the tolerance; fitted: so it is, and the file says what was chosen for that;
    differs: it is not, with the reason that the file knows; not reproducible: the file says why. A
    number that the result does not have differs.
    """
    if not published:
        return dataset
    rows = [_row(dataset, one) for one in published]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return dataset.assign(
        {
            name: (("published",), np.asarray(values), {"units": "1", "long_name": name})
            for name, values in columns.items()
        }
    )


def unexplained(dataset: xr.Dataset) -> list[str]:
    """A sentence for each published number that differs without a known reason."""
    if "verdict" not in dataset:
        return []
    names = ("published_quantity", "published_at", "ours", "published_value", "published_tolerance")
    rows = zip(*(dataset[name].values.tolist() for name in names), strict=True)
    verdicts, reasons = dataset["verdict"].values, dataset["verdict_reason"].values
    sentences = []
    for row, verdict, reason in zip(rows, verdicts, reasons, strict=True):
        quantity, at, ours, value, tolerance = row
        if verdict == DIFFERS and (reason == _NO_REASON or not math.isfinite(ours)):
            where = f" at {at}" if at else ""
            sentences.append(
                f"{quantity}{where}: ours is {ours:.6g}, published {value:.6g} +- {tolerance:.3g}; "
                f"{reason}"
            )
    return sentences


def _row(dataset: xr.Dataset, one: PublishedTable) -> dict[str, Any]:
    ours, is_slope = _ours(dataset, one), bool(one.slope_from)
    if one.not_reproducible:
        verdict, reason = NOT_REPRODUCIBLE, one.not_reproducible
    elif math.isfinite(ours) and abs(ours - one.value) <= one.tolerance:
        verdict, reason = (FITTED, one.fitted) if one.fitted else (HELD, "")
    elif math.isfinite(ours):
        verdict, reason = DIFFERS, one.why or _NO_REASON
    else:
        verdict, reason = DIFFERS, f"the result has no {one.quantity} there"
    return {
        "published_quantity": f"slope of {one.quantity}" if is_slope else one.quantity,
        "published_at": ", ".join(_place(one, name) for name in one.at),
        "published_units": dataset[one.quantity].attrs.get("units", "1")
        if one.quantity in dataset and not is_slope
        else "1",
        "published_value": one.value,
        "published_tolerance": one.tolerance,
        "ours": ours,
        "verdict": verdict,
        "verdict_reason": reason,
        "published_source": one.source,
    }


def _place(one: PublishedTable, name: str) -> str:
    if name in one.slope_from:
        return f"{name} = {one.slope_from[name]} to {one.at[name]}"
    return f"{name} = {one.at[name]}"


def _ours(dataset: xr.Dataset, one: PublishedTable) -> float:
    """The value of ours that a published one is compared with; NaN without one."""
    end = _value_at(dataset, one.quantity, one.at)
    if not one.slope_from:
        return end
    ((name, start_at),) = one.slope_from.items()
    start = _value_at(dataset, one.quantity, {**one.at, **one.slope_from})
    if not (start > 0 and end > 0):
        return math.nan
    return math.log(end / start) / math.log(float(one.at[name]) / float(start_at))


def _value_at(dataset: xr.Dataset, quantity: str, at: Mapping[str, Value]) -> float:
    """Value at the first point where the swept parameters have these values; NaN without one."""
    if quantity not in dataset or dataset[quantity].dims != ("point",):
        return math.nan
    columns = {name: dataset[name].values.tolist() for name in at}
    for i in range(dataset.sizes["point"]):
        if _is_at({name: column[i] for name, column in columns.items()}, at):
            return float(dataset[quantity].values[i])
    return math.nan
