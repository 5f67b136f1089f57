"""Plots of the cases of a study: on the Earth, and over time."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from leopnt.report import words
from leopnt.report.plot_parts import (
    drawn_variables,
    is_wide,
    legend_keys,
    name_and_title,
    readable,
    series_look,
    spread_text,
    thinned,
    wants_log_y,
    with_member,
    y_label,
)
from leopnt.report.plots import Axis, MapPoints, Plot, Series
from leopnt.report.reading import column, strings, text, unit
from leopnt.report.study_points import (
    axis_label,
    evenly_chosen,
    long_name,
    lower_first,
    num_points,
    point_phrase,
    swept_parameters,
)

MAX_USERS = 6
MIN_PLACES = 3


def map_plot(study: xr.Dataset, entry: Mapping[str, Any]) -> Plot | None:
    """Places colored by a statistic of their cases, at one point of the sweep."""
    point = _chosen_point(study, entry)
    names = _case_variables(study, entry)
    coordinates = ("latitude_deg", "longitude_deg")
    if not names or any(name not in study for name in coordinates):
        return None
    name = names[0]
    values = _at_point(study, name, point)
    lat_deg, lon_deg = (column(study, n, "case") for n in coordinates)
    places, owner = np.unique(np.stack([lat_deg, lon_deg], 1), axis=0, return_inverse=True)
    if len(places) < MIN_PLACES or not np.any(np.isfinite(values)):
        return None
    combine = entry.get("combine") or ("rms" if unit(study, name) == "m" else "mean")
    combined = _of_each_place(values, owner.ravel(), len(places), str(combine))
    if not np.any(np.isfinite(combined)):
        return None
    label, factor = readable(axis_label(study, name), [combined])
    users = np.array(strings(study, "user", "case"), dtype=object)
    first_case = np.unique(owner.ravel(), return_index=True)[1]
    cell_deg = _grid_steps(places)
    kept = thinned(len(places)) if cell_deg is None else np.arange(len(places))
    found = MapPoints(
        tuple(str(users[i]) for i in first_case[kept]),
        places[kept, 1],
        places[kept, 0],
        factor * combined[kept],
        label,
        is_wide(combined),
        cell_deg,
        str(entry.get("missing") or "no solved trial"),
        "" if cell_deg is None else text(study, "title"),
    )
    return Plot(
        *name_and_title(entry),
        x=Axis(""),
        y=Axis(""),
        caption=_map_caption(study, point, found, len(places), len(values), str(combine)),
        alternative=f"Map of {words.counted(len(places), 'place')}; "
        f"{lower_first(long_name(study, name))} {spread_text(combined, unit(study, name))}.",
        places=found,
    )


def _case_variables(study: xr.Dataset, entry: Mapping[str, Any]) -> list[str]:
    """The variables over cases, at every point or once for all."""
    return drawn_variables(study, entry, "point", "case") or drawn_variables(study, entry, "case")


def _chosen_point(study: xr.Dataset, entry: Mapping[str, Any]) -> int:
    asked = entry.get("point", 0)
    return asked if isinstance(asked, int) and 0 <= asked < num_points(study) else 0


def _at_point(study: xr.Dataset, name: str, point: int) -> np.ndarray:
    variable = study[name]
    return np.asarray((variable.isel(point=point) if "point" in variable.dims else variable).values,
                      float)  # fmt: skip


def _of_each_place(values: np.ndarray, owner: np.ndarray, count: int, combine: str) -> np.ndarray:
    """Over the epochs of a place: "rms" or "mean" of the finite values; or the "median".

    For the median a value that is not finite counts as infinitely large.
    """
    if combine == "median":
        return _median_of_each(values, owner, count)
    finite = np.isfinite(values)
    weight = np.bincount(owner[finite], minlength=count).astype(float)
    power = values[finite] ** 2 if combine == "rms" else values[finite]
    mean = np.bincount(owner[finite], power, count) / np.where(weight > 0.0, weight, np.nan)
    return np.sqrt(mean) if combine == "rms" else mean


def _median_of_each(values: np.ndarray, owner: np.ndarray, count: int) -> np.ndarray:
    large = np.where(np.isfinite(values), values, np.inf)
    ordered = large[np.lexsort((large, owner))]
    size = np.bincount(owner, minlength=count)
    first = np.cumsum(size) - size
    with np.errstate(invalid="ignore"):
        middle = 0.5 * (ordered[first + (size - 1) // 2] + ordered[first + size // 2])
    return np.where(np.isfinite(middle), middle, np.nan)


MIN_CELLS = 100
"""A grid of fewer places is drawn as points."""


def _grid_steps(places: np.ndarray) -> tuple[float, float] | None:
    """Steps in longitude and latitude, if these places (latitude, longitude) fill a grid."""
    lat_deg, lon_deg = (np.unique(places[:, i].round(6)) for i in (0, 1))
    if len(places) < MIN_CELLS or min(len(lat_deg), len(lon_deg)) < 3:
        return None
    steps = [np.diff(one) for one in (lon_deg, lat_deg)]
    if any(np.ptp(one) > 1e-4 for one in steps):
        return None
    num_poles = int(np.sum(np.abs(lat_deg) == 90.0))
    expected = (len(lat_deg) - num_poles) * len(lon_deg) + num_poles
    return (float(steps[0][0]), float(steps[1][0])) if len(places) == expected else None


_TOGETHER = {
    "rms": "All epochs of a place are taken together.",
    "mean": "All epochs of a place are taken together.",
    "median": "Median of all epochs of a place; one without a value counts as infinitely large.",
}


def _map_caption(
    study: xr.Dataset, point: int, drawn: MapPoints, places: int, cases: int, combine: str
) -> str:
    parameters = swept_parameters(study)
    sentences = []
    if parameters:
        sentences.append(f"Drawn {point_phrase(parameters, point)}.")
    if cases > places:
        sentences.append(_TOGETHER[combine])
    if not np.all(np.isfinite(drawn.values)):
        mark = "Crosses" if drawn.cell_deg is None else "Hatched"
        sentences.append(f"{mark}: {drawn.missing}.")
    if drawn.cell_deg is not None:
        sentences.append("Half a percent of the cells on either side is beyond the color scale.")
    if len(drawn.values) < places:
        sentences.append(f"{len(drawn.values)} of {places} places are drawn.")
    return " ".join([*sentences, "Land: Natural Earth."])


# Over time


def time_plot(study: xr.Dataset, entry: Mapping[str, Any]) -> Plot | None:
    """Statistics of the cases against time, a line per user, at one point of the sweep."""
    point = _chosen_point(study, entry)
    names = _case_variables(study, entry)
    time_s = column(study, "time_s", "case")
    if not names or len(np.unique(time_s[np.isfinite(time_s)])) < 2:
        return None
    cases = _cases_by_user(study, time_s)
    shown = [list(cases)[i] for i in evenly_chosen(len(cases), MAX_USERS)]
    series = list(_time_series(study, names, point, {user: cases[user] for user in shown}, time_s))
    if not any(np.any(np.isfinite(one.y)) for one in series):
        return None
    labels = [long_name(study, name) for name in names]
    sentences = [f"Drawn {point_phrase(swept_parameters(study), point)}."]
    sentences = sentences if swept_parameters(study) else []
    if len(shown) < len(cases):
        sentences.append(f"{len(shown)} of {len(cases)} users are drawn.")
    sentences.append("Gaps are epochs without a solved trial.")
    return Plot(
        *name_and_title(entry),
        x=Axis(axis_label(study, "time_s")),
        y=Axis(y_label(study, names), wants_log_y(entry, series)),
        caption=" ".join(sentences),
        alternative=_time_alternative(study, names, point, shown),
        series=tuple(series),
        legend_title="User" if len(shown) > 1 else "",
        keys=legend_keys(labels, shown, series) if len(series) > 1 else (),
    )


def _cases_by_user(study: xr.Dataset, time_s: np.ndarray) -> dict[str, np.ndarray]:
    """The cases of each user in the order of time."""
    users = strings(study, "user", "case")
    found: dict[str, list[int]] = {}
    for case in np.argsort(time_s, kind="stable").tolist():
        found.setdefault(users[case], []).append(case)
    return {user: np.array(found[user]) for user in dict.fromkeys(users)}


def _time_series(
    study: xr.Dataset,
    names: list[str],
    point: int,
    cases: dict[str, np.ndarray],
    time_s: np.ndarray,
) -> Iterator[Series]:
    for k, name in enumerate(names):
        values = _at_point(study, name, point)
        for i, indices in enumerate(cases.values()):
            kept = indices[thinned(len(indices))]
            look = series_look(k, i, len(cases) > 1)
            label = with_member(long_name(study, name), list(cases), i)
            yield Series(label, time_s[kept], values[kept], look)


def _time_alternative(study: xr.Dataset, names: list[str], point: int, users: list[str]) -> str:
    parts = (
        f"{long_name(study, n)} {spread_text(_at_point(study, n, point), unit(study, n))}"
        for n in names
    )
    return f"Over time at {', '.join(users)}: {'; '.join(parts)}."
