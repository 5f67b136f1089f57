"""What all plots of a study share: their variables, labels, scales, looks and legends."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from leopnt.report import words
from leopnt.report.plots import INK, LINES, Key, Look, Series
from leopnt.report.reading import unit
from leopnt.report.study_points import axis_label, evenly_chosen

MAX_DRAWN = 5000
"""Points of one series, and places of one map, that are drawn; more are thinned evenly."""
WIDE_RATIO = 30.0
"""Values that spread over more than this get a logarithmic axis."""
_PREFIXED = re.compile(r"\[(s|rad|bit/s|Hz)\]$")
_SMALL = (("", 1.0), ("m", 1e3), ("u", 1e6), ("n", 1e9), ("p", 1e12))
_LARGE = (("G", 1e-9), ("M", 1e-6), ("k", 1e-3), ("", 1.0))


def drawn_variables(study: xr.Dataset, entry: Mapping[str, Any], *dims: str) -> list[str]:
    """The variables named under `y` that exist over these dimensions and hold a number."""
    wanted = entry.get("y", [])
    wanted = wanted if isinstance(wanted, list) else [wanted]
    return [
        str(name)
        for name in wanted
        if name in study
        and set(study[name].dims) == set(dims)
        and np.any(np.isfinite(np.asarray(study[name].values, float)))
    ]


def variable_values(study: xr.Dataset, name: str, *dims: str) -> np.ndarray:
    """A variable as floats, its dimensions in this order."""
    return np.asarray(study[name].transpose(*dims).values, float)


def name_and_title(entry: Mapping[str, Any]) -> tuple[str, str]:
    """The name of a plot, fit for a file, and its title."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", str(entry.get("name") or entry["kind"]))
    return name, str(entry.get("title") or name.capitalize())


def y_label(study: xr.Dataset, names: list[str]) -> str:
    """The label of the variable, or of the unit alone if there are several."""
    units = sorted({unit(study, name) for name in names})
    return axis_label(study, names[0]) if len(names) == 1 else common_label(units)


def common_label(units: list[str]) -> str:
    """The label of an axis for several variables with these units."""
    return "Error [m]" if units == ["m"] else f"Value [{', '.join(u or '1' for u in units)}]"


def readable(label: str, values: Sequence[np.ndarray]) -> tuple[str, float]:
    """A label with the prefix of its unit that the values need, and what to multiply them with.

    `Delay bound [s]` of some 1e-10 becomes `Delay bound [ps]`, times 1e12.
    """
    found = _PREFIXED.search(label)
    sizes = np.concatenate([np.abs(one[np.isfinite(one)]) for one in values])
    if not found or not np.any(sizes > 0.0):
        return label, 1.0
    largest = float(sizes.max())
    choices = _SMALL if found[1] in ("s", "rad") else _LARGE
    prefix, factor = next(((p, f) for p, f in choices if largest * f >= 1.0), choices[-1])
    return label[: found.start()] + f"[{prefix}{found[1]}]", factor


def is_geometric(values: np.ndarray) -> bool:
    """Whether positive values spread widely, and evenly on a logarithmic scale."""
    found = np.unique(values[np.isfinite(values)])
    if len(found) < 2 or found[0] <= 0.0 or found[-1] / found[0] < WIDE_RATIO:
        return False
    middle = float(np.median(found))
    geometric = math.sqrt(float(found[0] * found[-1]))
    arithmetic = float(found[0] + found[-1]) / 2
    return len(found) == 2 or abs(middle - geometric) < abs(arithmetic - middle)


def spread_text(values: np.ndarray, unit_name: str) -> str:
    """Smallest and largest finite value in words: `from 1.20 m to 34.0 m`."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "unknown"
    low, high = (words.quantity(float(v), unit_name) for v in (finite.min(), finite.max()))
    return low if low == high else f"from {low} to {high}"


def thinned(count: int) -> np.ndarray:
    """The indices below `count` that are drawn."""
    return np.array(evenly_chosen(count, MAX_DRAWN), int)


def series_look(variable: int, family: int, has_families: bool) -> Look:
    """Variables differ by line, families by color and marker; without families all three differ.

    The first variable alone has markers, so that a bound is a line that an estimate stands on.
    """
    line = LINES[variable % len(LINES)]
    marker = family if variable == 0 else None
    if has_families:
        return Look(family, line, marker)
    return Look((0, INK, 1, 2, 3, 5, 6)[variable % 7], line, marker)


def legend_keys(names: list[str], members: list[str], series: list[Series]) -> tuple[Key, ...]:
    """Series by name; of families, the members by color and below them the variables by line."""
    if len(members) < 2:
        return tuple(Key(one.name, one.look) for one in series)
    looks = [series_look(0, i, True) for i in range(len(members))]
    keys = [Key(name, look) for name, look in zip(members, looks, strict=True)]
    if len(names) > 1:
        for i, name in enumerate(names):
            keys.append(Key(name, Look(INK, LINES[i % len(LINES)], 0 if i == 0 else None)))
    return tuple(keys)


def with_member(label: str, members: list[str], index: int) -> str:
    """The full name of a series of a family."""
    return f"{label}, {members[index]}" if len(members) > 1 else label


def is_positive(series: Sequence[Series]) -> bool:
    """Whether every finite value of y is positive, as a logarithmic axis needs it."""
    values = np.concatenate([one.y for one in series])
    return bool(np.all(values[np.isfinite(values)] > 0.0))


def wants_log_y(entry: Mapping[str, Any], series: Sequence[Series]) -> bool:
    """Whether a logarithmic axis is asked for and possible."""
    return bool(entry.get("log_y")) and is_positive(series)


def is_wide(values: np.ndarray, ratio: float = WIDE_RATIO) -> bool:
    """Whether the finite values are positive and spread over more than this ratio."""
    finite = values[np.isfinite(values)]
    return bool(len(finite) and finite.min() > 0.0 and finite.max() / finite.min() > ratio)
