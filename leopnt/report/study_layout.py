"""What the plots of a study show: statistics against the sweep, distributions, outcomes.

Which plots a study has stands in its attribute `plots`; a plot whose variables are missing or hold
no number is left out.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from leopnt.report.case_plots import map_plot, time_plot
from leopnt.report.plot_parts import (
    WIDE_RATIO,
    common_label,
    drawn_variables,
    is_geometric,
    is_wide,
    legend_keys,
    name_and_title,
    readable,
    series_look,
    spread_text,
    thinned,
    variable_values,
    wants_log_y,
    with_member,
    y_label,
)
from leopnt.report.plots import LINES, Axis, Bar, Key, Look, Plot, Series
from leopnt.report.reading import column, json_attribute, strings, unit
from leopnt.report.study_points import (
    Parameter,
    axis_label,
    evenly_chosen,
    long_name,
    lower_first,
    num_points,
    point_name,
    swept_parameters,
)

MAX_FAMILIES = 7
MAX_CDF_LINES = 8
MAX_NAMED_BARS = 16
MAX_BAR_NAME = 24
"""More or longer names than these, and bars are numbered instead."""
MOSTLY_SOLVED = 80.0
"""If every point has at least this share [%] of solved trials, only the others are drawn."""


def study_plots(study: xr.Dataset) -> list[Plot]:
    """The plots that the study asks for, in its order, those without data left out."""
    listed = json_attribute(study, "plots", [])
    described = [entry for entry in listed if isinstance(entry, dict)]
    makers = {
        "sweep": _sweep,
        "cdf": _cdf,
        "outcomes": _outcomes,
        "map": map_plot,
        "time": time_plot,
    }
    made = [makers[e["kind"]](study, e) for e in described if e.get("kind") in makers]
    return [plot for plot in made if plot is not None]


# Against the swept parameter


def _sweep(study: xr.Dataset, entry: Mapping[str, Any]) -> Plot | None:
    """Statistics against the first swept parameter; further ones make families of lines."""
    parameters = swept_parameters(study)
    names = drawn_variables(study, entry, "point")
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
        values = variable_values(study, name, "point")
        for i, points in enumerate(groups):
            look = series_look(k, i, len(members) > 1)
            look = Look(look.color, "none", k) if random else look
            label = with_member(long_name(study, name), members, i)
            order = points[np.argsort(first.values[points], kind="stable")]
            order = order[thinned(len(order))]
            series.append(Series(label, first.values[order], values[order], look))
    labels = [long_name(study, name) for name in names]
    of_y, factor = readable(
        str(entry.get("y_label") or y_label(study, names)), [one.y for one in series]
    )
    series = [dataclasses.replace(one, y=factor * one.y) for one in series]
    return Plot(
        *name_and_title(entry),
        x=Axis(first.label, is_geometric(first.values), first.categories),
        y=Axis(of_y, wants_log_y(entry, series)),
        caption=_sweep_caption(study, entry, others, len(families) - len(members), random),
        alternative=_sweep_alternative(study, names, first),
        series=tuple(series),
        legend_title=", ".join(p.label for p in others) if len(members) > 1 else "",
        keys=legend_keys(labels, members, series),
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


def _sweep_caption(
    study: xr.Dataset,
    entry: Mapping[str, Any],
    others: list[Parameter],
    left_out: int,
    random: bool,
) -> str:
    sentences, own = [], str(entry.get("caption") or "")
    if own:
        sentences.append(own)
    elif any("bound" in name for name in drawn_variables(study, entry, "point")):
        sentences.append("Markers are what the trials gave, lines without markers are bounds.")
    if random:
        sentences = [*filter(None, [own]), "Each marker is one point of the random sweep."]
    elif others and left_out >= 0 and num_points(study) > 1:
        swept = ", ".join(lower_first(p.name) for p in others)
        sentences.append(f"Colors and markers tell {swept} apart.")
    if left_out > 0:
        sentences.append(f"{left_out} more families of lines are in the NetCDF file.")
    if not own:
        sentences.append("Statistics of solved trials only.")
    return " ".join(sentences)


def _sweep_alternative(study: xr.Dataset, names: list[str], first: Parameter) -> str:
    parts = [
        f"{long_name(study, n)} {spread_text(variable_values(study, n, 'point'), unit(study, n))}"
        for n in names
    ]
    over = ""
    if not first.categories:
        over = f" {spread_text(first.values, first.unit)}"
    return f"Over {lower_first(first.name)}{over}: {'; '.join(parts)}."


# Distribution of the error


def _cdf(study: xr.Dataset, entry: Mapping[str, Any]) -> Plot | None:
    """Probability against error, a line per point."""
    names = drawn_variables(study, entry, "point", "quantile")
    if not names or "quantile" not in study:
        return None
    probability = np.asarray(study["quantile"].values, float)
    parameters = swept_parameters(study)
    values = {name: variable_values(study, name, "point", "quantile") for name in names}
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
    label = common_label(["m"]) if several else axis_label(study, names[0])
    usual = "The share of solved trials whose error is at most the one below."
    caption = str(entry.get("caption") or usual)
    if len(shown) < num_points(study):
        caption += f" {len(shown)} of {num_points(study)} points are drawn."
    return Plot(
        *name_and_title(entry),
        x=Axis(label, is_wide(everything, 10 * WIDE_RATIO)),
        y=Axis("Probability"),
        caption=caption,
        alternative=_cdf_alternative(study, names[0], probability, values[names[0]], shown),
        series=tuple(series),
        legend_title=", ".join(p.name for p in parameters),
        keys=tuple(Key(one.name, one.look) for one in series) if len(series) > 1 else (),
    )


def _cdf_alternative(
    study: xr.Dataset, name: str, probability: np.ndarray, values: np.ndarray, shown: list[int]
) -> str:
    middle = int(np.argmin(np.abs(probability - 0.5)))
    median = spread_text(values[shown][:, middle], unit(study, name))
    return f"Cumulative distribution of {lower_first(long_name(study, name))}; median {median}."


# Outcomes


def _outcomes(study: xr.Dataset, entry: Mapping[str, Any]) -> Plot | None:
    """Share of each outcome by point, as stacked bars."""
    if "count" not in study or "status" not in study:
        return None
    count = variable_values(study, "count", "point", "status")
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
    ticks = tuple(
        point_name(parameters, i) or "all trials" for i in range(num_points(study) if named else 0)
    )
    named = named and max(map(len, ticks)) <= MAX_BAR_NAME
    swept = ", ".join(p.name for p in parameters)
    return Plot(
        *name_and_title(entry),
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
    parts = (f"{bar.name} {spread_text(bar.shares, '%')}" for bar in bars)
    return f"Shares of the outcomes: {'; '.join(parts)}."
