"""What the plots of a study show, told apart from how they are drawn.

A `Plot` holds numbers and words only; `study_figures` draws it with matplotlib, `interactive` with
plotly. Which plots a study has stands in its attribute `plots`; a plot whose variables are missing
or hold no number is left out.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from leopnt.report import words
from leopnt.report.reading import column, json_attribute, strings, unit
from leopnt.report.study_points import (
    Parameter,
    axis_label,
    evenly_chosen,
    long_name,
    lower_first,
    num_points,
    point_name,
    point_phrase,
    swept_parameters,
)

MAX_FAMILIES = 7
MAX_CDF_LINES = 8
MAX_USERS = 6
MAX_NAMED_BARS = 16
MAX_DRAWN = 5000
"""Points of one series, and places of one map, that are drawn; more are thinned evenly."""
MIN_PLACES = 3
WIDE_RATIO = 30.0
"""Values that spread over more than this get a logarithmic axis."""

MOSTLY_SOLVED = 80.0
"""If every point has at least this share [%] of solved trials, only the others are drawn."""

INK = -1
"""The color of what is no member of a family."""
LINES = ("solid", "dashed", "dotted", "dashdot")


@dataclass(frozen=True)
class Look:
    """How a series is told from the others: a color and a marker by number, a kind of line."""

    color: int
    line: str = "solid"
    marker: int | None = None


@dataclass(frozen=True)
class Axis:
    """Label with unit, scale, and the names of the places 0, 1, 2... if these are no numbers."""

    label: str
    log: bool = False
    ticks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Series:
    """A line (or points, if the look has no line) under its full name."""

    name: str
    x: np.ndarray
    y: np.ndarray
    look: Look


@dataclass(frozen=True)
class Key:
    """An entry of the legend."""

    name: str
    look: Look


@dataclass(frozen=True, eq=False)
class Bar:
    """One layer of stacked bars: its name, its color by number, its share [%] at each point."""

    name: str
    color: int
    shares: np.ndarray


@dataclass(frozen=True, eq=False)
class MapPoints:
    """Places on the Earth with a value each; not finite where there is none."""

    names: tuple[str, ...]
    lon_deg: np.ndarray
    lat_deg: np.ndarray
    values: np.ndarray
    label: str
    log: bool


@dataclass(frozen=True, eq=False)
class Plot:
    """Everything a drawing needs; one of `series`, `bars` and `places` is filled.

    `alternative` says what the plot shows to those who cannot see it, `caption` how to read it.
    """

    name: str
    title: str
    x: Axis
    y: Axis
    caption: str
    alternative: str
    series: tuple[Series, ...] = ()
    legend_title: str = ""
    keys: tuple[Key, ...] = ()
    bars: tuple[Bar, ...] = ()
    places: MapPoints | None = None


def study_plots(study: xr.Dataset) -> list[Plot]:
    """The plots that the study asks for, in its order, those without data left out."""
    listed = json_attribute(study, "plots", [])
    described = [entry for entry in listed if isinstance(entry, dict)]
    makers = {
        "sweep": _sweep,
        "cdf": _cdf,
        "outcomes": _outcomes,
        "map": _map,
        "time": _time,
    }
    made = [makers[e["kind"]](study, e) for e in described if e.get("kind") in makers]
    return [plot for plot in made if plot is not None]


# What all plots share


def _variables(study: xr.Dataset, entry: Mapping[str, Any], dims: tuple[str, ...]) -> list[str]:
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


def _values(study: xr.Dataset, name: str, *dims: str) -> np.ndarray:
    return np.asarray(study[name].transpose(*dims).values, float)


def _titles(entry: Mapping[str, Any]) -> dict[str, str]:
    name = str(entry.get("name") or entry["kind"])
    return {"name": name, "title": str(entry.get("title") or name.capitalize())}


def _y_label(study: xr.Dataset, names: list[str]) -> str:
    """The label of the variable, or of the unit alone if there are several."""
    units = sorted({unit(study, name) for name in names})
    return axis_label(study, names[0]) if len(names) == 1 else _common_label(units)


def _common_label(units: list[str]) -> str:
    return "Error [m]" if units == ["m"] else f"Value [{', '.join(u or '1' for u in units)}]"


def is_geometric(values: np.ndarray) -> bool:
    """Whether positive values spread widely, and evenly on a logarithmic scale."""
    found = np.unique(values[np.isfinite(values)])
    if len(found) < 2 or found[0] <= 0.0 or found[-1] / found[0] < WIDE_RATIO:
        return False
    middle = float(np.median(found))
    geometric = math.sqrt(float(found[0] * found[-1]))
    arithmetic = float(found[0] + found[-1]) / 2
    return len(found) == 2 or abs(middle - geometric) < abs(arithmetic - middle)


def _spread(values: np.ndarray, unit_name: str) -> str:
    """Smallest and largest finite value in words: `from 1.20 m to 34.0 m`."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "unknown"
    low, high = (words.quantity(float(v), unit_name) for v in (finite.min(), finite.max()))
    return low if low == high else f"from {low} to {high}"


def _thinned(count: int) -> np.ndarray:
    return np.array(evenly_chosen(count, MAX_DRAWN), int)


def _look(variable: int, family: int, has_families: bool, marker_lines: bool = True) -> Look:
    """Variables differ by line, families by color and marker; without families all three differ.

    The first variable alone has markers, so that a bound is a line that an estimate stands on.
    """
    line = LINES[variable % len(LINES)]
    marker = family if variable == 0 and marker_lines else None
    if has_families:
        return Look(family, line, marker)
    return Look((0, INK, 1, 2)[variable % 4], line, marker)


def _keys(names: list[str], members: list[str], series: list[Series]) -> tuple[Key, ...]:
    """Series by name; of families, the members by color and below them the variables by line."""
    if len(members) < 2:
        return tuple(Key(one.name, one.look) for one in series)
    looks = [_look(0, i, True) for i in range(len(members))]
    keys = [Key(name, look) for name, look in zip(members, looks, strict=True)]
    if len(names) > 1:
        for i, name in enumerate(names):
            keys.append(Key(name, Look(INK, LINES[i % len(LINES)], 0 if i == 0 else None)))
    return tuple(keys)


# Against the swept parameter


def _sweep(study: xr.Dataset, entry: Mapping[str, Any]) -> Plot | None:
    """Statistics against the first swept parameter; further ones make families of lines."""
    parameters = swept_parameters(study)
    names = _variables(study, entry, ("point",))
    if not parameters or not names or num_points(study) < 2:
        return None
    first, others = parameters[0], parameters[1:]
    random = study.attrs.get("sweep_kind") == "random"
    families = {} if random else _families(study, others)
    shown = evenly_chosen(len(families), MAX_FAMILIES)
    members = [list(families)[i] for i in shown]
    groups = [families[member] for member in members] or [np.arange(num_points(study))]
    series = []
    for k, name in enumerate(names):
        values = _values(study, name, "point")
        for i, points in enumerate(groups):
            look = _look(k, i, len(members) > 1)
            look = Look(look.color, "none", k) if random else look
            label = _with_member(long_name(study, name), members, i)
            order = points[np.argsort(first.values[points], kind="stable")]
            order = order[_thinned(len(order))]
            series.append(Series(label, first.values[order], values[order], look))
    labels = [long_name(study, name) for name in names]
    return Plot(
        **_titles(entry),
        x=Axis(first.label, is_geometric(first.values), first.categories),
        y=Axis(_y_label(study, names), _log_y(study, entry, names)),
        caption=_sweep_caption(study, names, others, len(families) - len(members), random),
        alternative=_sweep_alternative(study, names, first),
        series=tuple(series),
        legend_title=", ".join(p.label for p in others) if len(members) > 1 else "",
        keys=_keys(labels, members, series),
    )


def _families(study: xr.Dataset, others: list[Parameter]) -> dict[str, np.ndarray]:
    """The points that share the values of all parameters but the first, by these values.

    A list whose parameters change together has no families: every one would be a single point.
    """
    groups: dict[str, list[int]] = {}
    for point in range(num_points(study)):
        name = ", ".join(p.number(point) for p in others)
        groups.setdefault(name, []).append(point)
    if max(map(len, groups.values())) < 2:
        return {}
    return {name: np.array(points) for name, points in groups.items()}


def _with_member(label: str, members: list[str], index: int) -> str:
    return f"{label}, {members[index]}" if len(members) > 1 else label


def _log_y(study: xr.Dataset, entry: Mapping[str, Any], names: list[str]) -> bool:
    """As asked, unless a value is not positive."""
    values = np.concatenate([np.asarray(study[name].values, float).ravel() for name in names])
    return bool(entry.get("log_y")) and bool(np.all(values[np.isfinite(values)] > 0.0))


def _sweep_caption(
    study: xr.Dataset, names: list[str], others: list[Parameter], left_out: int, random: bool
) -> str:
    sentences = []
    if any("bound" in name for name in names):
        sentences.append("Markers are what the trials gave, lines without markers are bounds.")
    if random:
        sentences = ["Each marker is one point of the random sweep."]
    elif others and left_out >= 0 and num_points(study) > 1:
        swept = ", ".join(lower_first(p.name) for p in others)
        sentences.append(f"Colors and markers tell {swept} apart.")
    if left_out > 0:
        sentences.append(f"{left_out} more families of lines are in the NetCDF file.")
    sentences.append("Statistics of solved trials only.")
    return " ".join(sentences)


def _sweep_alternative(study: xr.Dataset, names: list[str], first: Parameter) -> str:
    parts = [
        f"{long_name(study, n)} {_spread(_values(study, n, 'point'), unit(study, n))}"
        for n in names
    ]
    over = ""
    if not first.categories:
        over = f" {_spread(first.values, first.unit)}"
    return f"Over {lower_first(first.name)}{over}: {'; '.join(parts)}."


# Distribution of the error


def _cdf(study: xr.Dataset, entry: Mapping[str, Any]) -> Plot | None:
    """Probability against error, a line per point."""
    names = _variables(study, entry, ("point", "quantile"))
    if not names or "quantile" not in study:
        return None
    probability = np.asarray(study["quantile"].values, float)
    parameters = swept_parameters(study)
    values = {name: _values(study, name, "point", "quantile") for name in names}
    solved = [i for i in range(num_points(study)) if np.any(np.isfinite(values[names[0]][i]))]
    shown = [solved[i] for i in evenly_chosen(len(solved), MAX_CDF_LINES // len(names))]
    several = len(names) > 1
    series = []
    for point in shown:
        for name in names:
            label = point_name(parameters, point)
            if several or not label:
                label = ", ".join(filter(None, (long_name(study, name), label)))
            number = len(series)
            look = Look(number, LINES[number % len(LINES)])
            series.append(Series(label, values[name][point], probability, look))
    everything = np.concatenate([one.x for one in series])
    label = _common_label(["m"]) if several else axis_label(study, names[0])
    caption = "The share of solved trials whose error is at most the one below."
    if len(shown) < num_points(study):
        caption += f" {len(shown)} of {num_points(study)} points are drawn."
    return Plot(
        **_titles(entry),
        x=Axis(label, _spans_decades(everything)),
        y=Axis("Probability"),
        caption=caption,
        alternative=_cdf_alternative(study, names[0], probability, values[names[0]], shown),
        series=tuple(series),
        legend_title=", ".join(p.name for p in parameters),
        keys=tuple(Key(one.name, one.look) for one in series) if len(series) > 1 else (),
    )


def _spans_decades(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return bool(finite.min() > 0.0 and finite.max() / finite.min() > 10 * WIDE_RATIO)


def _cdf_alternative(
    study: xr.Dataset, name: str, probability: np.ndarray, values: np.ndarray, shown: list[int]
) -> str:
    middle = int(np.argmin(np.abs(probability - 0.5)))
    median = _spread(values[shown][:, middle], unit(study, name))
    return f"Cumulative distribution of {lower_first(long_name(study, name))}; median {median}."


# Outcomes


def _outcomes(study: xr.Dataset, entry: Mapping[str, Any]) -> Plot | None:
    """Share of each outcome by point, as stacked bars."""
    if "count" not in study or "status" not in study:
        return None
    count = _values(study, "count", "point", "status")
    missing = column(study, "missing", "point")[:, None]
    layers = np.concatenate([count, np.nan_to_num(missing)], axis=1)
    total = layers.sum(axis=1)
    if not np.any(total > 0.0):
        return None
    shares = 100.0 * layers / np.where(total > 0.0, total, np.nan)[:, None]
    labels = [*strings(study, "status", "status"), "missing: not run, or its chunk failed"]
    failed = [i for i in range(1, len(labels)) if np.any(layers[:, i] > 0.0)]
    mostly_solved = bool(failed) and float(np.nanmin(shares[:, 0])) >= MOSTLY_SOLVED
    bars = tuple(
        Bar(labels[i], i, shares[:, i]) for i in (failed if mostly_solved else [0, *failed])
    )
    parameters = swept_parameters(study)
    named = num_points(study) <= MAX_NAMED_BARS
    ticks = tuple(point_name(parameters, i) or "all trials" for i in range(num_points(study)))
    swept = ", ".join(p.name for p in parameters)
    return Plot(
        **_titles(entry),
        x=Axis(
            swept if named else "Point of the sweep, the first is 0", ticks=ticks if named else ()
        ),
        y=Axis("Share of trials [%]"),
        caption="All trials that are not drawn here were solved."
        if mostly_solved
        else "How the trials ended; only solved ones enter the statistics.",
        alternative=_outcome_alternative(bars),
        bars=bars,
    )


def _outcome_alternative(bars: tuple[Bar, ...]) -> str:
    parts = (f"{bar.name} {_spread(bar.shares, '%')}" for bar in bars)
    return f"Shares of the outcomes: {'; '.join(parts)}."


# On the Earth


def _map(study: xr.Dataset, entry: Mapping[str, Any]) -> Plot | None:
    """Places colored by a statistic of their cases, at one point of the sweep."""
    point = _chosen_point(study, entry)
    names = _variables(study, entry, ("point", "case")) or _variables(study, entry, ("case",))
    coordinates = ("latitude_deg", "longitude_deg")
    if not names or any(name not in study for name in coordinates):
        return None
    name = names[0]
    values = _at_point(study, name, point)
    lat_deg, lon_deg = (column(study, n, "case") for n in coordinates)
    places, owner = np.unique(np.stack([lat_deg, lon_deg], 1), axis=0, return_inverse=True)
    if len(places) < MIN_PLACES or not np.any(np.isfinite(values)):
        return None
    combined = _of_each_place(values, owner.ravel(), len(places), unit(study, name) == "m")
    users = np.array(strings(study, "user", "case"), dtype=object)
    first_case = np.unique(owner.ravel(), return_index=True)[1]
    kept = _thinned(len(places))
    found = MapPoints(
        tuple(str(users[i]) for i in first_case[kept]),
        places[kept, 1],
        places[kept, 0],
        combined[kept],
        axis_label(study, name),
        _is_wide(combined),
    )
    return Plot(
        **_titles(entry),
        x=Axis(""),
        y=Axis(""),
        caption=_map_caption(study, point, len(kept), len(places), len(values), combined),
        alternative=f"Map of {words.counted(len(places), 'place')}; "
        f"{lower_first(long_name(study, name))} {_spread(combined, unit(study, name))}.",
        places=found,
    )


def _chosen_point(study: xr.Dataset, entry: Mapping[str, Any]) -> int:
    asked = entry.get("point", 0)
    return asked if isinstance(asked, int) and 0 <= asked < num_points(study) else 0


def _at_point(study: xr.Dataset, name: str, point: int) -> np.ndarray:
    variable = study[name]
    return np.asarray((variable.isel(point=point) if "point" in variable.dims else variable).values,
                      float)  # fmt: skip


def _is_wide(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return bool(finite.min() > 0.0 and finite.max() / finite.min() > WIDE_RATIO)


def _of_each_place(
    values: np.ndarray, owner: np.ndarray, count: int, root_mean_square: bool
) -> np.ndarray:
    """Over the epochs of a place: root mean square of errors, mean of all else."""
    finite = np.isfinite(values)
    weight = np.bincount(owner[finite], minlength=count).astype(float)
    power = values[finite] ** 2 if root_mean_square else values[finite]
    mean = np.bincount(owner[finite], power, count) / np.where(weight > 0.0, weight, np.nan)
    return np.sqrt(mean) if root_mean_square else mean


def _map_caption(
    study: xr.Dataset, point: int, drawn: int, places: int, cases: int, values: np.ndarray
) -> str:
    parameters = swept_parameters(study)
    sentences = []
    if parameters:
        sentences.append(f"Drawn {point_phrase(parameters, point)}.")
    if cases > places:
        sentences.append("All epochs of a place are taken together.")
    if not np.all(np.isfinite(values)):
        sentences.append("Crosses are places without a solved trial.")
    if drawn < places:
        sentences.append(f"{drawn} of {places} places are drawn.")
    return " ".join([*sentences, "Land: Natural Earth."])


# Over time


def _time(study: xr.Dataset, entry: Mapping[str, Any]) -> Plot | None:
    """Statistics of the cases against time, a line per user, at one point of the sweep."""
    point = _chosen_point(study, entry)
    names = _variables(study, entry, ("point", "case")) or _variables(study, entry, ("case",))
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
        **_titles(entry),
        x=Axis(axis_label(study, "time_s")),
        y=Axis(_y_label(study, names), bool(entry.get("log_y")) and _positive(series)),
        caption=" ".join(sentences),
        alternative=_time_alternative(study, names, point, shown),
        series=tuple(series),
        legend_title="User" if len(shown) > 1 else "",
        keys=_keys(labels, shown, series) if len(series) > 1 else (),
    )


def _positive(series: list[Series]) -> bool:
    values = np.concatenate([one.y for one in series])
    return bool(np.all(values[np.isfinite(values)] > 0.0))


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
        for i, (user, indices) in enumerate(cases.items()):
            kept = indices[_thinned(len(indices))]
            look = _look(k, i, len(cases) > 1)
            label = _with_member(long_name(study, name), list(cases), i)
            yield Series(label, time_s[kept], values[kept], look)


def _time_alternative(study: xr.Dataset, names: list[str], point: int, users: list[str]) -> str:
    parts = (
        f"{long_name(study, n)} {_spread(_at_point(study, n, point), unit(study, n))}"
        for n in names
    )
    return f"Over time at {', '.join(users)}: {'; '.join(parts)}."
