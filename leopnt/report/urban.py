"""A walk through a city over time, and where in a city a position can be had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.ticker import MaxNLocator

from leopnt.errors import LeopntError
from leopnt.report import style
from leopnt.scenes.urban_site import UrbanSite

_COLORS, _MARKERS = ("#B07500", style.BLUE, "#008A64", "#B0568C"), ("s", "o", "^", "D")


class WalkSeries(NamedTuple):
    """One way to get positions along a walk.

    label: for the legend; error_m: of the fixes, NaN where there is none; bound_m: of the same
    quantity, infinite where there is none; num_links: used.
    """

    label: str
    error_m: Float[np.ndarray, " epoch"]
    bound_m: Float[np.ndarray, " epoch"]
    num_links: Int[np.ndarray, " epoch"]


def walk_figure(
    time_s: Float[np.ndarray, " epoch"],
    series: Sequence[WalkSeries],
    title: str,
    subtitle: str = "",
    *,
    quantity: str = "Horizontal error [m]",
    top_m: float = 100.0,
) -> Figure:
    """Errors as points and bounds as lines over time, and below them the number of links.

    Args:
        top_m: the axis ends here; what is larger leaves the picture.

    Raises:
        LeopntError: no series, or more than four.
    """
    if not 1 <= len(series) <= len(_COLORS):
        raise LeopntError(f"series: got {len(series)}; expected 1 to {len(_COLORS)}.")
    with style.look():
        figure = style.new_figure(5.6, 7.4)
        upper: Axes = figure.add_axes((0.10, 0.44, 0.87, 0.44))
        lower: Axes = figure.add_axes((0.10, 0.17, 0.87, 0.21), sharex=upper)
        for number, one in enumerate(series, start=int(len(series) == 1)):
            color, marker = _COLORS[number], _MARKERS[number]
            bound = np.where(np.isfinite(one.bound_m), one.bound_m, np.nan)
            upper.plot(time_s, bound, color=color, label=f"bound, {one.label}")
            upper.plot(
                time_s, one.error_m, marker, color=color, markersize=3.6, alpha=0.75,
                markeredgewidth=0.0, label=f"error, {one.label}",
            )  # fmt: skip
            lower.step(time_s, one.num_links, where="mid", color=color, label=one.label)
        upper.set_yscale("log")
        upper.yaxis.set_major_formatter("{x:g}")
        upper.set_ylim(top=min(upper.get_ylim()[1], top_m))
        upper.set_ylabel(quantity)
        upper.tick_params(labelbottom=False)
        lower.set_ylabel("Links")
        lower.set_ylim(0.0, 1.1 * max(1, *(int(one.num_links.max()) for one in series)))
        lower.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        lower.set_xlabel("Time [s]")
        style.heading(upper, title, subtitle)
        handles, labels = upper.get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=len(series), fontsize=9.5)
    return figure


class AvailabilityMap(NamedTuple):
    """Availability (0 to 1) of cells, NaN indoors; title: over its map."""

    title: str
    fraction: Float[np.ndarray, "north east"]


def availability_figure(
    site: UrbanSite,
    cells_enu_m: Float[np.ndarray, "north east 3"],
    is_open: Bool[np.ndarray, "north east"],
    maps: Sequence[AvailabilityMap],
    title: str,
    subtitle: str = "",
) -> Figure:
    """Maps side by side on one color scale, with buildings, their heights, and panels.

    Args:
        cells_enu_m: middles of square cells.
        is_open: where cells are drawn.

    Raises:
        LeopntError: no map.
    """
    if not maps:
        raise LeopntError("maps: there is none; expected one or more.")
    east, north = cells_enu_m[0, :, 0], cells_enu_m[:, 0, 1]
    step = float(east[1] - east[0])
    edges_e, edges_n = (np.append(x - 0.5 * step, x[-1] + 0.5 * step) for x in (east, north))
    width_in = 9.4
    tall_in = (width_in - 1.6) / len(maps) * (edges_n[-1] - edges_n[0]) / (edges_e[-1] - edges_e[0])
    with style.look():
        figure = style.new_figure(tall_in + 2.55, width_in)
        height_in = float(figure.get_size_inches()[1])
        panels = figure.subplots(1, len(maps), sharey=True, squeeze=False)[0]
        figure.subplots_adjust(
            0.75 / width_in, 1.45 / height_in, 1 - 0.15 / width_in, 1 - 1.0 / height_in, 0.06
        )
        for axes, one in zip(panels, maps, strict=True):
            shown = np.ma.masked_where(~is_open, 100.0 * one.fraction)
            axes.pcolormesh(edges_e, edges_n, shown, cmap=_colormap(), vmin=0, vmax=100)
            _draw_plan(axes, site, (edges_e[0], edges_e[-1]), (edges_n[0], edges_n[-1]))
            axes.set_aspect("equal")
            axes.grid(visible=False)
            axes.set_xlim(edges_e[0], edges_e[-1])
            axes.set_ylim(edges_n[0], edges_n[-1])
            axes.set_xlabel("East [m]")
            axes.set_title(one.title, fontsize=10.5, fontweight="normal")
        panels[0].set_ylabel("North [m]")
        figure.text(0.15 / width_in, 1 - 0.32 / height_in, title, fontsize=12.5, fontweight="bold")
        figure.text(
            0.15 / width_in, 1 - 0.58 / height_in, subtitle, fontsize=10.0, color=style.GRAY
        )
        bar = figure.add_axes((0.28, 0.62 / height_in, 0.44, 0.14 / height_in))
        figure.colorbar(
            panels[0].collections[0],
            cax=bar,
            orientation="horizontal",
            label="Available [% of the time]",
        )
    return figure


def _colormap() -> Colormap:
    from matplotlib import colormaps

    return colormaps["cividis"]


def _draw_plan(axes: Axes, site: UrbanSite, east, north) -> None:
    """Buildings from above with their heights, and panels as thick lines with their direction."""
    for prism in site.prisms:
        axes.add_patch(
            Polygon(prism.plan_m, facecolor="#e4e4e4", edgecolor=style.GRAY, linewidth=0.8)
        )
        clipped = np.clip(prism.plan_m, [east[0], north[0]], [east[1], north[1]])
        size = clipped.max(axis=0) - clipped.min(axis=0)
        if size.min() > 12.0:
            middle = 0.5 * (clipped.max(axis=0) + clipped.min(axis=0))
            axes.annotate(
                f"{prism.top_m:.0f} m", middle, ha="center", va="center", fontsize=8.5,
                color=style.INK,
            )  # fmt: skip
    for panel in site.panels:
        center, normal = np.asarray(panel.center_m)[:2], np.asarray(panel.normal)[:2]
        across = 0.5 * float(panel.width_m) * np.array([-normal[1], normal[0]])
        line = np.stack([center - across, center + across]) + 0.4 * normal
        axes.plot(*line.T, color=style.VERMILION, linewidth=3.2, solid_capstyle="butt", zorder=5)
        foot = center - 4.5 * normal
        axes.plot(*foot, marker=(3, 0, float(np.degrees(np.arctan2(normal[1], normal[0])) - 90.0)),
                  color=style.VERMILION, markersize=6, zorder=5)  # fmt: skip
