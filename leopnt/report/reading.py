"""Reading a result: what is missing or not finite comes back as NaN or empty, never an error."""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from leopnt.errors import LeopntError


def require_kind(dataset: xr.Dataset, kind: str) -> None:
    """Refuse a result of another kind."""
    found = dataset.attrs.get("kind")
    if found != kind:
        raise LeopntError(f"the result is of kind {found!r}; expected a result of kind {kind!r}.")


def number(dataset: xr.Dataset, name: str) -> float:
    """A scalar variable, else a numeric attribute, else NaN."""
    if name in dataset:
        return float(dataset[name])
    return float(dataset.attrs.get(name, math.nan))


def vector(dataset: xr.Dataset, name: str, size: int) -> np.ndarray:
    """A vector variable as floats; NaN of this size if it is missing."""
    if name in dataset:
        return np.asarray(dataset[name].values, float)
    return np.full(size, np.nan)


def column(dataset: xr.Dataset, name: str, dim: str) -> np.ndarray:
    """A variable over one list dimension as floats; NaN of its length if it is missing."""
    return vector(dataset, name, dataset.sizes.get(dim, 0))


def flags(dataset: xr.Dataset, name: str, dim: str) -> np.ndarray:
    """A yes/no variable over one list dimension; all no if it is missing."""
    if name in dataset:
        return np.asarray(dataset[name].values, bool)
    return np.zeros(dataset.sizes.get(dim, 0), bool)


def strings(dataset: xr.Dataset, name: str, dim: str) -> list[str]:
    """A text variable over one list dimension; empty texts if it is missing."""
    if name in dataset:
        return [str(value) for value in dataset[name].values.tolist()]
    return [""] * dataset.sizes.get(dim, 0)


def text(dataset: xr.Dataset, name: str) -> str:
    """An attribute as text, empty if it is missing."""
    return str(dataset.attrs.get(name, ""))


def unit(dataset: xr.Dataset, name: str) -> str:
    """The unit of a variable, empty for a pure number or a missing variable."""
    found = str(dataset[name].attrs.get("units", "")) if name in dataset else ""
    return "" if found == "1" else found


def json_attribute(dataset: xr.Dataset, name: str, default: Any) -> Any:
    """An attribute that holds JSON text; text that is no JSON comes back as it is."""
    found = text(dataset, name)
    if not found:
        return default
    try:
        return json.loads(found)
    except json.JSONDecodeError:
        return found


def user_warnings(dataset: xr.Dataset) -> list[str]:
    """The sentences of the attribute `warnings`."""
    found = json_attribute(dataset, "warnings", [])
    return [str(sentence) for sentence in (found if isinstance(found, list) else [found])]


def has_position(dataset: xr.Dataset) -> bool:
    """Whether the fix has a latitude and a longitude."""
    return math.isfinite(number(dataset, "latitude_deg") + number(dataset, "longitude_deg"))


MAX_TRACK_POINTS = 500
PASS_GAP_S = 600.0
"""Measurements of one satellite further apart than this belong to different passes."""


def broken_at_gaps(track: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """A track of points (point, 2) without those not finite, with NaN between passes.

    Long tracks are thinned to about `MAX_TRACK_POINTS`; first and last point stay.
    """
    finite = np.flatnonzero(np.all(np.isfinite(track), axis=1))
    step = 1 + len(finite) // MAX_TRACK_POINTS
    kept = np.union1d(finite[::step], finite[-1:])
    gaps = np.flatnonzero(np.diff(time_s[kept]) > PASS_GAP_S) + 1
    return np.insert(track[kept], gaps, np.nan, axis=0)


def measurements_by_satellite(dataset: xr.Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """Each satellite and the indices of its measurements, in the order of the satellite list."""
    ids = np.array(strings(dataset, "satellite_id", "measurement"), dtype=str)
    found, inverse = np.unique(ids, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    groups = np.split(order, np.searchsorted(inverse[order], np.arange(1, len(found))))
    members = dict(zip(found.tolist(), groups, strict=False))
    listed = strings(dataset, "satellite", "satellite") if "satellite" in dataset else []
    for name in dict.fromkeys([*listed, *found.tolist()]):
        yield name, members.get(name, np.array([], dtype=int))
