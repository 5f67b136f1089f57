"""The points of a sweep: what was swept, the value at each point, and how a point is called."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from leopnt.report.reading import column, json_attribute, strings, unit


@dataclass(frozen=True, eq=False)
class Parameter:
    """A swept parameter: its path in the study file, its name in words, its value at each point.

    `values` are floats, shown with so many significant `digits`, or the places 0, 1, 2... in
    `categories` where the values are texts.
    """

    path: str
    name: str
    unit: str
    values: np.ndarray
    categories: tuple[str, ...] = ()
    digits: int = 6

    @property
    def label(self) -> str:
        """Name with the unit in brackets."""
        return with_unit(self.name, self.unit)

    def text(self, point: int) -> str:
        """The value at a point, with its unit."""
        return f"{self.number(point)} {self.unit}".rstrip()

    def number(self, point: int) -> str:
        """The value at a point, without its unit."""
        value = self.values[point]
        return self.categories[int(value)] if self.categories else f"{value:.{self.digits}g}"


def with_unit(name: str, unit_name: str) -> str:
    """A label: `3D error [m]`; the name alone if there is no unit."""
    return f"{name} [{unit_name}]" if unit_name else name


def long_name(study: xr.Dataset, variable: str) -> str:
    """The name of a variable in words, the first letter a capital."""
    found = str(study[variable].attrs.get("long_name") or variable)
    return found[:1].upper() + found[1:]


def axis_label(study: xr.Dataset, variable: str) -> str:
    """The name of a variable in words, with its unit."""
    return with_unit(long_name(study, variable), unit(study, variable))


def num_points(study: xr.Dataset) -> int:
    """How many points the sweep has; 1 without a sweep."""
    return study.sizes.get("point", 1)


def swept_parameters(study: xr.Dataset) -> list[Parameter]:
    """The swept parameters in the order of the study file; none without a sweep."""
    paths = json_attribute(study, "swept", [])
    paths = paths if isinstance(paths, list) else [paths]
    return [_parameter(study, path) for path in map(str, paths) if path in study]


def _parameter(study: xr.Dataset, path: str) -> Parameter:
    name, unit_name = long_name(study, path), unit(study, path)
    if study[path].dtype.kind in "fiub":
        digits = 4 if study.attrs.get("sweep_kind") == "random" else 6
        return Parameter(path, name, unit_name, column(study, path, "point"), digits=digits)
    texts = strings(study, path, "point")
    categories = list(dict.fromkeys(texts))
    places = np.array([categories.index(text) for text in texts], float)
    return Parameter(path, name, unit_name, places, tuple(categories))


def point_name(parameters: list[Parameter], point: int) -> str:
    """A point by its values alone: `2 m, 10 deg`; empty without a sweep."""
    return ", ".join(parameter.text(point) for parameter in parameters)


def point_phrase(parameters: list[Parameter], point: int) -> str:
    """A point within a sentence: `at code noise 2 m, mask 10 deg`; empty without a sweep."""
    named = (f"{lower_first(p.name)} {p.text(point)}" for p in parameters)
    return f"at {', '.join(named)}" if parameters else ""


def lower_first(name: str) -> str:
    """The name inside a sentence: `Code noise` -> `code noise`, but `RMSE` and `PDOP` stay."""
    return name if name[1:2].isupper() or name[:1].isdigit() else name[:1].lower() + name[1:]


def evenly_chosen(count: int, at_most: int) -> list[int]:
    """At most so many of the indices below `count`, evenly spread, first and last among them."""
    if count <= at_most:
        return list(range(count))
    return np.unique(np.linspace(0, count - 1, at_most).round().astype(int)).tolist()
