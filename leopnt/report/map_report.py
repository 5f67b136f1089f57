"""A map result as figures, as a summary for the terminal, and as one HTML file with a globe."""

import math
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colorbar import Colorbar
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from rich.console import Group

from leopnt.io.results import write_text
from leopnt.report import style
from leopnt.report.globe import POLICY, globe_html, globe_script
from leopnt.report.map_words import (
    cell_sides_deg,
    layer_names,
    map_sentences,
    map_table,
    percent_label,
    quantity_title,
    sameness,
    scale_of,
    shade_of,
)
from leopnt.report.maps import axes_between, draw_coast
from leopnt.report.page import html_table, page, pictured
from leopnt.report.reading import require_kind, text
from leopnt.report.study_points import with_unit
from leopnt.report.tables import summary_of

_LEAST_HEIGHT = 0.3  # of a picture, in its width
WIDE_RATIO = 8.0
"""Values that spread over more than this get a logarithmic scale."""


def map_summary(result: xr.Dataset) -> Group:
    """A map for the terminal: words first, then a table."""
    require_kind(result, "map")
    return summary_of(result, map_sentences(result), "bold", [map_table(result)])


def map_figures(result: xr.Dataset) -> dict[str, Figure]:
    """Maps of availability, gaps, percentiles and satellites in view, and the share over time."""
    require_kind(result, "map")
    quantity, names = text(result, "quantity"), layer_names(result)
    scale, unit = scale_of(result, quantity)
    available, gap_min = result["available_percent"].values, result["longest_gap_s"].values / 60.0
    title, gap_title = (names["available"], ""), (names["gap"], "")
    figures = {
        "available": _map(
            result, available, title, "Share of the time [%]", False, Normalize(0.0, 100.0)
        ),
        "longest_gap": _map(result, gap_min, gap_title, "Longest time [min]", True),
    }
    label = with_unit(quantity_title(quantity), unit)
    for percent, values in zip(
        result["percent"].values, result[f"{quantity}_percentile"].values, strict=True
    ):
        title = names["percentile"], percent_label(percent, quantity)
        less = quantity != "num_visible"
        figures[f"{quantity}_{percent:g}"] = _map(result, scale * values, title, label, less)
    visible = result["num_visible_mean"].values
    figures["satellites"] = _map(result, visible, (names["visible"], ""), "Satellites", False)
    if result["epoch_utc"].size > 1:
        figures["over_time"] = _over_time(result)
    return figures


def write_map_report(
    result: xr.Dataset, path: str | Path, figures: Mapping[str, Figure] | None = None
) -> Path:
    """Write the report of a map; `figures` are those of `map_figures`, made here if not given."""
    require_kind(result, "map")
    drawn = map_figures(result) if figures is None else figures
    captions = {name: _caption(result, name) for name in drawn}
    pictures = pictured(drawn, captions)
    sections = [
        ("On the globe", [globe_html(result), html_table(map_table(result))]),
        ("Maps", list(pictures.values())),
    ]
    html = page(result, map_sentences(result), sections, POLICY, globe_script(), False)
    return write_text(html, path)


def _caption(result: xr.Dataset, name: str) -> tuple[str, str]:
    names, quantity = layer_names(result), text(result, "quantity")
    if name == "over_time":
        caption = (
            f"Share of the area with {names['available'].removeprefix('Share of the time with ')}."
        )
    elif name.startswith(f"{quantity}_"):
        percent = float(name.removeprefix(f"{quantity}_"))
        gray = f" Gray: solved for less than {percent:g} % of the time."
        caption = (
            f"{names['percentile']}, {percent_label(percent, quantity)}."
            f"{'' if quantity == 'num_visible' else gray}"
        )
    else:
        key = {"available": "available", "longest_gap": "gap", "satellites": "visible"}[name]
        caption = f"{names[key]}."
    return caption, caption


def _map(
    result: xr.Dataset,
    values: np.ndarray,
    title: tuple[str, str],
    label: str,
    less: bool,
    norm: Normalize | None = None,
) -> Figure:
    """Cells in color over the Earth; dark is bad. Without a norm, colors follow the values."""
    latitude, longitude = (
        _edges(result[name].values, side)
        for name, side in zip(("latitude", "longitude"), cell_sides_deg(result), strict=True)
    )
    note = "" if norm else sameness(values)
    used = norm or _norm(values)
    with style.look():
        limits = _limits_deg(longitude, latitude)
        figure, axes = axes_between(limits, 1.15, 0.7 if title[1] else 0.5)
        axes.grid(False)
        axes.fill_between(longitude[[0, -1]], *latitude[[0, -1]], color=style.PALE, zorder=0.9)
        mesh = axes.pcolormesh(
            longitude,
            latitude,
            np.ma.masked_invalid(values),
            cmap=_one_color(values, less) if note else "viridis_r" if less else "viridis",
            norm=used,
            rasterized=True,
            zorder=1.0,
        )
        draw_coast(axes)
        style.heading(axes, *title)
        height_in = figure.get_size_inches()[1]
        scale = figure.add_axes((0.15, 0.5 / height_in, 0.7, 0.16 / height_in))
        above = bool(np.any(values > used.vmax)) and not note  # NaN is not
        bar = figure.colorbar(
            mesh, cax=scale, orientation="horizontal", extend="max" if above else "neither"
        )
        bar.set_label(f"{label}: {note}" if note else label)
        _set_ticks(bar, values, note)
    return figure


def _norm(values: np.ndarray) -> Normalize:
    """From the least value almost to the largest, logarithmic where they spread widely."""
    known = values[np.isfinite(values)]
    if sameness(values):
        middle = float(known[0]) if known.size else 0.0
        return Normalize(middle - 0.5, middle + 0.5)
    low, high = np.percentile(known, [0, 98]).tolist()
    high = high if high > low else float(known.max())
    return LogNorm(low, high) if low > 0.0 and high / low > WIDE_RATIO else Normalize(low, high)


def _one_color(values: np.ndarray, less: bool) -> ListedColormap:
    """The color of a map of one value, gray of a map of none."""
    known = values[np.isfinite(values)]
    if not known.size:
        return ListedColormap([style.PALE])
    share = shade_of(float(known[0]))
    return ListedColormap([mpl.colormaps["viridis"](1.0 - share if less else share)])


def _set_ticks(bar: Colorbar, values: np.ndarray, note: str) -> None:
    if note:
        value = values[np.isfinite(values)][:1].tolist()
        bar.set_ticks(value, labels=[f"{one:.4g}" for one in value])
        bar.ax.minorticks_off()
    elif isinstance(bar.norm, LogNorm):
        style.log_ticks(bar.ax.xaxis)


def _limits_deg(longitude: np.ndarray, latitude: np.ndarray) -> tuple[float, float, float, float]:
    """West, east, south, north: of the region, and around one that is very long or very high."""
    (west, east), (south, north) = longitude[[0, -1]].tolist(), latitude[[0, -1]].tolist()
    squeeze = max(math.cos(math.radians((south + north) / 2)), 0.2)
    high = (north - south) / squeeze
    wider = max(0.0, min(high, 360.0) - (east - west)) / 2
    higher = max(0.0, _LEAST_HEIGHT * (east - west) - high) * squeeze / 2
    return west - wider, east + wider, max(south - higher, -90.0), min(north + higher, 90.0)


def _edges(centers: np.ndarray, side: float) -> np.ndarray:
    return np.concatenate([centers - side / 2, centers[-1:] + side / 2])


def _over_time(result: xr.Dataset) -> Figure:
    hours = np.arange(result["epoch_utc"].size) * float(result.attrs["step_s"]) / 3600.0
    with style.look():
        figure = style.new_figure(2.6)
        axes = style.axes_with_margins(figure, 0.7, 0.25, 0.6, 0.45)
        axes.plot(hours, result["available_area_percent"].values, color=style.BLUE, linewidth=1.6,
                  clip_on=False, zorder=3.0)  # fmt: skip
        axes.set_ylim(0.0, 100.0)
        axes.set_xlabel("Hours since the start")
        axes.set_ylabel("Share of the area [%]")
        name = layer_names(result)["available"].removeprefix("Share of the time with ")
        style.heading(axes, f"Area with {name}")
    return figure
