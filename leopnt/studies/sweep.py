"""Sweeps: which values the parameters of a study take, point by point."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from pydantic import Field

from leopnt.scenes.settings import SettingsTable, shown

MAX_POINTS = 100_000
_LARGEST = 1e100
SPACINGS = ("linear", "log")
_RANGE = "a list of values, or a table with low, high, num and spacing ('linear' or 'log')"
_RANDOM = "a list to draw from, or a table with low, high and spacing ('linear' or 'log')"

Sweep = Literal["grid", "list", "random"]


class SweepSettings(SettingsTable):
    """`[sweep]`: parameters of the study that take several values."""

    kind: Sweep = Field(
        default="grid",
        description="'grid' (every combination), 'list' (first values together, then second...) or "
        "'random' (drawn)",
    )
    points: int | None = Field(
        default=None, gt=0, le=MAX_POINTS, description=f"a whole number from 1 to {MAX_POINTS}"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="a whole number, 0 or more")
    values: dict[str, Any] = Field(
        default={}, description='a table: path of a parameter = values, as "errors.x" = [1, 2]'
    )


def sweep_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Sentences on a `[sweep]` table whose values cannot be laid out."""
    values, kind = raw.get("values", {}), raw.get("kind", "grid")
    if not isinstance(values, dict) or kind not in ("grid", "list", "random"):
        return
    if not values:
        yield '[sweep] values: missing; expected a table as "errors.x" = [1, 2].'
    if kind == "random" and "points" not in raw:
        yield "[sweep] points: missing; expected the number of random points."
    if kind != "random" and "points" in raw:
        yield f"[sweep] points: goes with kind = 'random' only, not with {kind!r}."
    found = [problem for one in values.items() for problem in _value_problems(kind, *one)]
    yield from found
    if found:
        return
    lengths = {name: len(_listed(one)) for name, one in values.items() if kind != "random"}
    if kind == "list" and len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} has {size}" for name, size in lengths.items())
        yield f"[sweep] values: a list needs equally many of each; {counts}."
    total = math.prod(lengths.values()) if kind == "grid" else max(lengths.values(), default=0)
    if total > MAX_POINTS:
        yield f"[sweep] values: {total} points; expected at most {MAX_POINTS}."


def _value_problems(kind: str, name: str, value: Any) -> Iterator[str]:
    where = f"[sweep.values] {name}"
    expected = _RANDOM if kind == "random" else _RANGE
    if isinstance(value, list):
        plain = all(isinstance(one, int | float | str) for one in value)
        if not value or not plain:
            yield f"{where} = {shown(value)}: expected {expected}, numbers or texts."
        return
    if not isinstance(value, dict):
        yield f"{where} = {shown(value)}: expected {expected}."
        return
    if value and not value.keys() & {"low", "high", "num", "spacing"}:
        inner = next(iter(value))
        yield f'{where}: write the whole path in quotes, as "{name}.{inner}" = [1, 2].'
        return
    yield from _range_problems(kind, where, value)


def _range_problems(kind: str, where: str, value: dict[str, Any]) -> Iterator[str]:
    known = {"low", "high", "spacing"} | (set() if kind == "random" else {"num"})
    for key in value.keys() - known:
        yield f"{where}: unknown key {key!r}. Accepted: {', '.join(sorted(known))}."
    for key in ("low", "high"):
        if not _is_number(value.get(key)):
            found = f" = {shown(value[key])}" if key in value else ""
            yield f"{where} {key}{found}: expected a number of size up to {_LARGEST:g}."
            return
    if not value["low"] < value["high"]:
        yield f"{where}: low = {value['low']!r} is not below high = {value['high']!r}."
    spacing = value.get("spacing", "linear")
    if spacing not in SPACINGS:
        yield f"{where} spacing = {shown(spacing)}: expected 'linear' or 'log'."
    elif spacing == "log" and value["low"] <= 0:
        yield f"{where} low = {value['low']!r}: expected above 0 with spacing = 'log'."
    num = value.get("num")
    if kind != "random" and not (isinstance(num, int) and 2 <= num <= MAX_POINTS):
        found = f" = {shown(num)}" if "num" in value else ""
        yield f"{where} num{found}: expected a whole number from 2 to {MAX_POINTS}."


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -_LARGEST <= value <= _LARGEST  # also of integers of any length; NaN is not


def points_of(raw: Any) -> list[dict[str, Any]] | None:
    """Values at every point of a `[sweep]` that is not checked yet; None if it has mistakes."""
    if raw is None:
        return expand(None)
    if not isinstance(raw, dict) or list(sweep_problems(raw)):
        return None
    try:
        return expand(SweepSettings.model_validate(raw))
    except ValueError:
        return None


def expand(sweep: SweepSettings | None) -> list[dict[str, Any]]:
    """Values of the swept parameters at every point; one empty point without a sweep.

    A grid runs through its last parameter fastest. Random values are independent draws, of one
    parameter after the other.
    """
    if sweep is None:
        return [{}]
    names = list(sweep.values)
    if sweep.kind == "random":
        rng, points = np.random.default_rng(sweep.seed), sweep.points or 1
        columns = [_drawn(one, points, rng) for one in sweep.values.values()]
    else:
        columns = [_listed(one) for one in sweep.values.values()]
    rows = itertools.product(*columns) if sweep.kind == "grid" else zip(*columns, strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    low, high, num = float(value["low"]), float(value["high"]), value["num"]
    space = np.geomspace if value.get("spacing") == "log" else np.linspace
    return space(low, high, num).tolist()


def _drawn(value: Any, points: int, rng: np.random.Generator) -> list[Any]:
    if isinstance(value, list):
        return [value[i] for i in rng.integers(len(value), size=points)]
    low, high = float(value["low"]), float(value["high"])
    if value.get("spacing") == "log":
        return np.exp(rng.uniform(np.log(low), np.log(high), points)).tolist()
    return rng.uniform(low, high, points).tolist()
