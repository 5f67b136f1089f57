"""The plots of a study drawn with matplotlib."""

import math
from textwrap import fill

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from leopnt.report import style
from leopnt.report.maps import draw_coast, earth_axes
from leopnt.report.plots import (
    INK,
    Look,
    MapPoints,
    Plot,
    color_limits,
    map_cells,
    map_points_deg,
)
from leopnt.report.reading import require_kind
from leopnt.report.study_layout import study_plots

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = {"solid": "-", "dashed": (0, (5, 2)), "dotted": (0, (1, 1.4)), "dashdot": "-."}
MARKED = 12
"""A long line carries about so many markers."""
LONGEST = 72
"""Characters in a line of the legend."""
LEGEND_ROW_IN = 0.22
BAR_IN = 0.30


def study_figures(study: xr.Dataset) -> dict[str, Figure]:
    """Figures of a study, by the name of the plot: `error`, `distribution`, `outcomes`, ..."""
    require_kind(study, "study")
    return {plot.name: draw(plot) for plot in study_plots(study)}


def draw(plot: Plot) -> Figure:
    """One plot as a figure."""
    with style.look():
        if plot.places is not None:
            return _draw_map(plot, plot.places)
        return _draw_bars(plot) if plot.bars else _draw_series(plot)


def look_color(look: Look) -> str:
    """The color of a series or key."""
    return style.INK if look.color == INK else style.satellite_color(look.color)


# Lines and points


def _draw_series(plot: Plot) -> Figure:
    columns = _legend_columns([key.name for key in plot.keys])
    rows = math.ceil(len(plot.keys) / columns) + bool(plot.legend_title)
    legend_in = LEGEND_ROW_IN * rows + 0.1 if plot.keys else 0.0
    figure = style.new_figure(4.0 + legend_in)
    axes = style.axes_with_margins(figure, 0.95, 0.25, 0.62 + legend_in, 0.45)
    for one in plot.series:
        axes.plot(one.x, one.y, **_line(one.look, len(one.x)))
    _scales(axes, plot)
    x = np.concatenate([one.x for one in plot.series])
    if not (plot.x.ticks or plot.x.log or np.any(x % 1)):  # counts: no tick between them
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    style.heading(axes, plot.title)
    if plot.keys:
        _legend(axes, plot, columns)
    return figure


def _line(look: Look, count: int) -> dict:
    return {
        "color": look_color(look),
        "linestyle": DASHES.get(look.line, "none"),
        "marker": None if look.marker is None else MARKERS[look.marker % len(MARKERS)],
        "markersize": 5.5,
        "markevery": max(1, math.ceil(count / MARKED)) if look.line != "none" else None,
    }


def _scales(axes: Axes, plot: Plot) -> None:
    axes.set_xlabel(plot.x.label)
    axes.set_ylabel(plot.y.label)
    for axis, described in ((axes.xaxis, plot.x), (axes.yaxis, plot.y)):
        if described.ticks:
            axis.set_ticks(range(len(described.ticks)), described.ticks)
        elif described.log:
            axis.axes.set(**{f"{axis.axis_name}scale": "log"})
            style.log_ticks(axis)


def _legend_columns(names: list[str]) -> int:
    longest = max(map(len, names), default=1)
    return max(1, min(4, 80 // (longest + 8), len(names)))


def _legend(axes: Axes, plot: Plot, columns: int) -> None:
    handles = [
        Line2D([], [], label=fill(key.name, LONGEST), **_line(key.look, 1)) for key in plot.keys
    ]
    legend = axes.legend(
        handles=handles,
        title=plot.legend_title or None,
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(0.14, 0.0),
        bbox_transform=axes.figure.transFigure,
        ncols=columns,
        handlelength=2.6,
    )
    legend.get_title().set_fontsize(10.0)


# Stacked bars


def bar_color(index: int) -> str:
    """The color of an outcome: solved first, then the reasons."""
    return (style.BLUE, style.ORANGE, style.VERMILION, style.PURPLE, "#4D4D4D", style.SKY_BLUE)[
        index % 6
    ]


HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++")


def _draw_bars(plot: Plot) -> Figure:
    """Horizontal bars for named points, narrow upright ones for many."""
    count = len(plot.bars[0].shares)
    named = bool(plot.x.ticks)
    names = [fill(bar.name, LONGEST) for bar in plot.bars]
    legend_in = LEGEND_ROW_IN * sum(name.count("\n") + 1 for name in names) + 0.1
    label_in = 0.4 + 0.082 * max(map(len, plot.x.ticks), default=3) if named else 0.95
    height_in = (BAR_IN * count + 0.3) if named else 2.6
    figure = style.new_figure(height_in + 1.1 + legend_in)
    axes = style.axes_with_margins(figure, label_in, 0.3, 0.62 + legend_in, 0.45)
    before = np.zeros(count)
    for bar, name in zip(plot.bars, names, strict=True):
        look = {
            "facecolor": bar_color(bar.color),
            "hatch": HATCHES[bar.color % len(HATCHES)],
            "edgecolor": "white",
            "linewidth": 0.0,
            "label": name,
        }
        shares = np.nan_to_num(bar.shares)
        if named:
            axes.barh(np.arange(count), shares, left=before, height=0.72, **look)
        else:
            edges = np.arange(count + 1) - 0.5
            axes.stairs(before + shares, edges, baseline=before, fill=True, **look)
        before = before + shares
    _bar_axes(axes, plot, named, count)
    style.heading(axes, plot.title)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.05, 0.0),
        bbox_transform=figure.transFigure,
        ncols=1,
    )
    return figure


def _top(plot: Plot) -> float:
    """100 % if the bars come near it, else somewhat above the highest."""
    highest = float(np.nanmax(np.sum([bar.shares for bar in plot.bars], axis=0)))
    return 100.0 if highest > 50.0 else 1.08 * highest


def _bar_axes(axes: Axes, plot: Plot, named: bool, count: int) -> None:
    if named:
        axes.set_yticks(range(count), plot.x.ticks)
        axes.set_ylim(count - 0.4, -0.6)
        axes.set_xlim(0.0, _top(plot))
        axes.set_xlabel(plot.y.label)
        axes.grid(visible=False, axis="y")
    else:
        axes.set_ylim(0.0, _top(plot))
        axes.set_xlim(-0.5, count - 0.5)
        axes.set(xlabel=plot.x.label, ylabel=plot.y.label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=False, axis="x")


# The Earth


def _draw_map(plot: Plot, places: MapPoints) -> Figure:
    points_deg = map_points_deg(places)
    has_missing = not np.all(np.isfinite(places.values))
    is_grid = places.cell_deg is not None
    key_in = 0.25 if is_grid and has_missing else 0.0
    top_in = 0.72 if places.subtitle else 0.5
    corners_deg = _corners_deg(places) if is_grid else points_deg
    figure, axes = earth_axes(corners_deg, 1.1 + key_in, top_in)
    limits = color_limits(places)
    norm = LogNorm(*limits) if places.log else Normalize(*limits)
    if is_grid:
        drawn = _draw_cells(axes, places, norm)
    else:
        drawn = _draw_points(axes, points_deg, places.values, norm)
    width_in, height_in = figure.get_size_inches()
    bottom = (0.56 + key_in) / height_in
    bar = figure.add_axes((0.7 / width_in, bottom, 1 - 0.95 / width_in, 0.12 / height_in))
    ends = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}
    lowest, highest = np.nanmin(places.values), np.nanmax(places.values)
    beyond = ends[int(lowest < limits[0]), int(highest > limits[1])]
    figure.colorbar(drawn, cax=bar, orientation="horizontal", label=places.label, extend=beyond)
    if places.log:
        style.log_ticks(bar.xaxis)
    bar.grid(visible=False)
    if key_in:
        axes.legend(
            handles=[Patch(label=places.missing, **_HATCHED)],
            loc="lower left",
            bbox_to_anchor=(0.09, 0.0),
            bbox_transform=figure.transFigure,
        )
    style.heading(axes, plot.title, places.subtitle)
    return figure


_HATCHED = {"facecolor": "white", "edgecolor": style.FAINT, "hatch": "//////", "linewidth": 0.0}


def _corners_deg(places: MapPoints) -> np.ndarray:
    cells = map_cells(places)
    ends = [edges[[0, -1]] for edges in (cells.lon_edges_deg, cells.lat_edges_deg)]
    return np.stack(ends, axis=-1)


def _draw_cells(axes: Axes, places: MapPoints, norm: Normalize):
    """A grid as colored cells, hatched where there is no value, under the coast."""
    cells = map_cells(places)
    (west, east), (south, north) = (e[[0, -1]] for e in (cells.lon_edges_deg, cells.lat_edges_deg))
    hatched = Rectangle((west, south), east - west, north - south, zorder=1.0, **_HATCHED)
    axes.add_patch(hatched)
    drawn = axes.pcolormesh(
        cells.lon_edges_deg,
        cells.lat_edges_deg,
        np.ma.masked_invalid(cells.values),
        norm=norm,
        cmap="viridis",
        zorder=2.0,
        rasterized=True,
    )
    axes.grid(visible=False)
    draw_coast(axes)
    return drawn


def _draw_points(axes: Axes, points_deg: np.ndarray, values: np.ndarray, norm: Normalize):
    solved = np.isfinite(values)
    size = min(70.0, max(4.0, 6000.0 / len(points_deg)))
    drawn = axes.scatter(
        *points_deg[solved].T,
        c=values[solved],
        s=size,
        norm=norm,
        cmap="viridis",
        edgecolors="white" if size > 20.0 else "none",
        linewidths=0.8,
        zorder=3,
    )
    axes.scatter(
        *points_deg[~solved].T, marker="x", c=style.REJECTED_COLOR, s=max(size, 16.0), zorder=4
    )
    return drawn
