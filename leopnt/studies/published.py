"""Published numbers beside ours: what a study file states, and the verdict on each."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeGuard, get_args

import numpy as np
import xarray as xr
from pydantic import Field

from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.studies.sweep import points_of

Value = bool | int | float | str
HELD, FITTED, UNDECIDED = "held", "fitted", "undecided"
DIFFERS, NOT_REPRODUCIBLE = "differs", "not reproducible"
VERDICTS = (HELD, FITTED, UNDECIDED, DIFFERS, NOT_REPRODUCIBLE)
Kind = Literal["paper", "reading", "check"]
"""Printed in a paper; read from its words; or of theory or another implementation."""
KINDS: tuple[Kind, ...] = get_args(Kind)
_NO_REASON = "no reason is known"
_MOST_SHOWN = 8
_KEY = re.compile(r"\[[^\]]+\]")
"""A key of the bibliography, at the begin of a source."""


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
    why: str = Field(
        default="", description="text: why ours differs, where it does; goes with `ours`"
    )
    ours: float | None = Field(
        default=None,
        description="our number at full size, in the same unit, where it differs; goes with `why`",
    )
    ours_within: float | None = Field(
        default=None,
        gt=0,
        description="how far from `ours` the reason `why` still counts, in the same unit, above 0",
    )
    not_reproducible: str = Field(
        default="", description="text: why it cannot be reproduced, where that is so"
    )
    kind: Kind | None = Field(
        default=None,
        description="'paper' (it prints the number), 'reading' (of words of a paper) or 'check' "
        "(theory, another implementation); without it paper if the source begins with a [key]",
    )
    printed: str = Field(
        default="",
        description="text: the number that the paper prints, the same in all rows about that "
        "number; without it source, quantity and value are",
    )

    @property
    def told_kind(self) -> Kind:
        """The kind; where the file does not tell it, from the source."""
        return self.kind or ("paper" if _KEY.match(self.source) else "check")

    @property
    def told_printed(self) -> str:
        """What rows about one and the same number of a paper share."""
        named = "; ".join((self.source, _named(self), f"{self.value:g}"))
        return self.printed or named


def published_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Sentences on published numbers at no point of the sweep, and on reasons that excuse all."""
    points, listed = points_of(raw.get("sweep")), raw.get("published")
    for i, one in enumerate(listed if isinstance(listed, list) else []):
        yield from _reason_problems(f"published[{i}]", one if isinstance(one, dict) else {})
        at = table_of(one, "at") if isinstance(one, dict) else {}
        start = table_of(one, "slope_from") if isinstance(one, dict) else {}
        if points is None or not all(isinstance(v, Value) for v in (*at.values(), *start.values())):
            continue
        found = list(_point_problems(f"published[{i}].at", at, points))
        yield from found
        if start and not found:
            yield from _slope_problems(f"published[{i}].slope_from", start, at, points)


def _reason_problems(where: str, one: dict[str, Any]) -> Iterator[str]:
    """Of a reason without the number that it is for, and of one that is not needed."""
    names = ("why", "ours", "ours_within")
    told = [name for name in names if one.get(name) not in (None, "")]
    if told and len(told) < len(names):
        missing = " and ".join(name for name in names if name not in told)
        yield (
            f"{where}.{told[0]} = {shown(one[told[0]])}: a reason counts for one number of ours; "
            f"expected {missing}, too."
        )
    ours, value, tolerance = (one.get(name) for name in ("ours", "value", "tolerance"))
    if not (_is_number(ours) and _is_number(value) and _is_number(tolerance)):
        return
    if abs(ours - value) <= tolerance:
        yield (
            f"{where}.ours = {shown(ours)}: is within {shown(tolerance)} of the published "
            f"{shown(value)} and needs no reason; expected a number that differs, or none of why, "
            "ours and ours_within."
        )


def _is_number(value: Any) -> TypeGuard[float]:
    """A finite number whose distance to another one can be told."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # integers of a TOML file have any length
        return False


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


def with_verdicts(
    dataset: xr.Dataset, published: list[PublishedTable], widening: Sequence[float] | None = None
) -> xr.Dataset:
    """The result with one row per published number: ours, and whether it held.

    held: within the tolerance; fitted: so it is, and the file says what was chosen for that;
    undecided: within the widened tolerance only, and the widening is larger than the tolerance, or
    the file says that ours differs at full size; differs: it is not, with the reason that the file
    knows for this number of ours; not reproducible: the file says why. A number that the result
    does not have differs.

    Args:
        dataset: a result.
        published: numbers to compare with.
        widening: of each tolerance, for a run of too few trials; default: none.
    """
    if not published:
        return dataset
    wider = [0.0] * len(published) if widening is None else widening
    rows = [_row(dataset, one, more) for one, more in zip(published, wider, strict=True)]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return dataset.assign(
        {
            name: (("published",), np.asarray(values), {"units": "1", "long_name": name})
            for name, values in columns.items()
        }
    )


def unexplained(dataset: xr.Dataset) -> list[str]:
    """A sentence for each published number that differs and has no reason, or no longer has it."""
    if "verdict" not in dataset:
        return []
    names = ("published_quantity", "published_at", "ours", "published_value", "published_tolerance",
             "verdict", "verdict_reason", "verdict_explained")  # fmt: skip
    sentences = []
    for row in zip(*(dataset[name].values.tolist() for name in names), strict=True):
        quantity, at, ours, value, tolerance, verdict, reason, is_explained = row
        if verdict == DIFFERS and not is_explained:
            where = f" at {at}" if at else ""
            sentences.append(
                f"{quantity}{where}: ours is {ours:.6g}, published {value:.6g} +- {tolerance:.3g}; "
                f"{reason}"
            )
    return sentences


def joint_verdict(verdicts: Sequence[str]) -> str:
    """The verdict on one printed number from the rows about it: the least favorable one.

    In the order differs, undecided, not reproducible, fitted, held.
    """
    order = (DIFFERS, UNDECIDED, NOT_REPRODUCIBLE, FITTED, HELD)
    return next(verdict for verdict in order if verdict in verdicts)


def _row(dataset: xr.Dataset, one: PublishedTable, widening: float) -> dict[str, Any]:
    ours, is_slope = _ours(dataset, one), bool(one.slope_from)
    verdict, reason, is_explained = _verdict(ours, one, widening)
    return {
        "published_quantity": _named(one),
        "published_at": ", ".join(_place(one, name) for name in one.at),
        "published_units": dataset[one.quantity].attrs.get("units", "1")
        if one.quantity in dataset and not is_slope
        else "1",
        "published_value": one.value,
        "published_tolerance": one.tolerance + widening,
        "ours": ours,
        "verdict": verdict,
        "verdict_reason": reason,
        "verdict_explained": int(is_explained),
        "published_source": one.source,
        "published_kind": one.told_kind,
        "published_printed": one.told_printed,
    }


def _verdict(ours: float, one: PublishedTable, widening: float) -> tuple[str, str, bool]:
    """Verdict, its reason, and whether nobody needs to look at it."""
    if one.not_reproducible:
        return NOT_REPRODUCIBLE, one.not_reproducible, True
    if not math.isfinite(ours):
        return DIFFERS, f"the result has no {one.quantity} there", False
    distance = abs(ours - one.value)
    if distance <= one.tolerance + widening:
        if distance > one.tolerance and (few := _too_few(one, widening)):
            return UNDECIDED, f"too few trials: {few}", True
        return (FITTED, one.fitted, True) if one.fitted else (HELD, "", True)
    if one.ours is None or one.ours_within is None:
        return DIFFERS, _NO_REASON, False
    if abs(ours - one.ours) <= one.ours_within + widening:
        return DIFFERS, one.why, True
    then = f"ours was {one.ours:.6g} +- {one.ours_within:.3g} when the reason was written"
    return DIFFERS, f"{then}: {one.why}", False


def _too_few(one: PublishedTable, widening: float) -> str:
    """Why a number that holds by its widening alone is undecided; empty if it is not."""
    if widening > one.tolerance:
        return (
            f"it holds by a widening of {widening:.3g} alone, of a tolerance of {one.tolerance:.3g}"
        )
    if one.ours is not None:
        return f"at full size ours is {one.ours:.6g}, and differs: {one.why}"
    return ""


def _named(one: PublishedTable) -> str:
    return f"slope of {one.quantity}" if one.slope_from else one.quantity


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
