"""The plots of a study as zoomable plots of plotly, for one HTML file that opens offline.

The drawing is plain JSON for plotly.js; the script itself comes from the Python package plotly
(extra `viz`), once per page. Nothing in it asks for anything from outside: maps are land outlines
in ordinary axes, not plotly's own, whose outlines live on a server.
"""

import json
import math
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec
from textwrap import wrap
from typing import Any

import numpy as np

from leopnt.report import style, words
from leopnt.report.maps import land_between_deg, map_limits_deg
from leopnt.report.plots import (
    Axis,
    Bar,
    Look,
    MapPoints,
    Plot,
    Series,
    color_limits,
    map_cells,
    map_points_deg,
)
from leopnt.report.study_drawing import MARKED, bar_color, look_color

POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
"""Inline scripts, and nothing from anywhere."""

HINT = (
    "These plots are still images. To get plots that can be zoomed, install plotly "
    "(pip install leopnt[viz]) and write the report again."
)
DASHES = {"solid": "solid", "dashed": "7px,4px", "dotted": "2px,3px", "dashdot": "8px,3px,2px,3px"}
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")
PATTERNS = ("", "/", ".", "x", "\\", "+")
MAX_BARS = 400
LONGEST = 40
"""Characters in a line of the legend."""
CONFIG = {
    "responsive": True,
    "displaylogo": False,
    "modeBarButtons": [
        ["toImage"],
        ["zoom2d", "pan2d"],
        ["zoomIn2d", "zoomOut2d", "resetScale2d"],
    ],
}
START = """
(function () {
  var touch = window.matchMedia("(pointer: coarse)").matches;
  var plots = JSON.parse(document.getElementById("plots").textContent);
  Object.keys(plots.drawn).forEach(function (id) {
    var plot = plots.drawn[id], config = Object.assign({}, plots.config);
    // A finger scrolls the page; the buttons zoom.
    if (touch) { plot.layout.dragmode = false; config.displayModeBar = true; }
    Plotly.newPlot(id, plot.data, plot.layout, config);
  });
})();
"""


def has_plotly() -> bool:
    """Whether the package plotly is there to draw with."""
    return find_spec("plotly") is not None


def plot_id(index: int) -> str:
    """The id of a plot in the page, by its place in the list."""
    return f"plot-{index}"


def plot_frame(plot: Plot, index: int) -> str:
    """The place of a plot in the page, with its caption."""
    return (
        f'<figure><h3>{escape(plot.title)}</h3><div class="plot" id="{plot_id(index)}" role="img" '
        f'aria-label="{escape(plot.alternative)}" style="height: {_height(plot)}">'
        "<noscript>This plot needs JavaScript; the image files show the same.</noscript></div>"
        f"<figcaption>{escape(plot.caption)}</figcaption></figure>\n"
    )


def _height(plot: Plot) -> str:
    """CSS height: of maps as their width wants it, of bars by their number."""
    if plot.places is not None:
        west, east, south, north = map_limits_deg(map_points_deg(plot.places))
        ratio = (north - south) * _stretch(south, north) / (east - west)
        return f"calc({ratio:.3f} * (100cqw - 60px) + 124px)"
    rows = sum(len(_lines(one.name)) for one in plot.keys or plot.bars)
    if plot.bars and plot.x.ticks:
        return f"{170 + 26 * len(plot.bars[0].shares) + 22 * rows}px"
    return f"{400 + 12 * rows}px"


def _stretch(south: float, north: float) -> float:
    """How much longer a degree of latitude is drawn than one of longitude."""
    return 1.0 / max(math.cos(math.radians((south + north) / 2)), 0.2)


def plot_scripts(plots: Sequence[Plot]) -> str:
    """The scripts at the end of a page with these plots; empty without plots."""
    if not plots:
        return ""
    from plotly.offline import get_plotlyjs

    drawn = {plot_id(i): plot_json(plot) for i, plot in enumerate(plots)}
    data = _script_safe({"config": CONFIG, "drawn": drawn})
    library = get_plotlyjs().replace("</script", "<\\/script")
    return (
        f'<script type="application/json" id="plots">{data}</script>\n'
        f"<script>{library}</script>\n<script>{START}</script>\n"
    )


def _script_safe(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def plot_json(plot: Plot) -> dict[str, Any]:
    """Data and layout of one plot, as plotly.js takes them."""
    if plot.places is not None:
        is_grid = plot.places.cell_deg is not None  # plotly draws filled lines over heat maps
        data = _cells(plot.places) if is_grid else [_land(plot.places), *_places(plot.places)]
    elif plot.bars:
        data = _bars(plot)
    else:
        data = [*(_series(one, plot) for one in plot.series), *_legend(plot)]
    return {"data": data, "layout": _layout(plot)}


def _text(words_: str) -> str:
    """Text that plotly, which knows some HTML, shows as it is."""
    return escape(words_, quote=False)


def _lines(name: str) -> list[str]:
    return wrap(name, LONGEST) or [""]


def _wrapped(name: str) -> str:
    """A name for the legend, in lines that a phone has room for."""
    return "<br>".join(map(_text, _lines(name)))


def _numbers(values: np.ndarray, digits: int = 7) -> list[float | None]:
    """Numbers to 7 significant digits; None for what is not finite."""
    return [float(f"{v:.{digits}g}") if math.isfinite(v) else None for v in values.tolist()]


# Lines and points


def _series(one: Series, plot: Plot) -> dict[str, Any]:
    several_keys = len(plot.keys) not in (0, len(plot.series))
    places = [plot.x.ticks[int(v)] for v in one.x] if plot.x.ticks else None
    return {
        "type": "scatter",
        "name": _wrapped(one.name),
        "x": _numbers(one.x),
        "y": _numbers(one.y),
        "text": [_text(place) for place in places] if places else None,
        "showlegend": not several_keys and len(plot.series) > 1,
        "legendgroup": str(one.look.color) if several_keys else _text(one.name),
        "hovertemplate": _hover(plot, bool(places)),
        **_drawn(one.look, len(one.x)),
    }


def _hover(plot: Plot, has_text: bool) -> str:
    x = "%{text}" if has_text else "%{x:.4g}"
    return f"{_text(plot.x.label)}: {x}<br>{_text(plot.y.label)}: %{{y:.4g}}"


def _drawn(look: Look, count: int) -> dict[str, Any]:
    color = look_color(look)
    has_line, has_marker = look.line != "none", look.marker is not None
    drawn: dict[str, Any] = {
        "mode": "+".join(["lines"] * has_line + ["markers"] * has_marker),
        "line": {"color": color, "width": 2, "dash": DASHES.get(look.line, "solid")},
    }
    if look.marker is not None:
        drawn["marker"] = {"color": color, "size": 8, "symbol": SYMBOLS[look.marker % len(SYMBOLS)]}
        if has_line and count > 2 * MARKED:
            drawn["marker"]["maxdisplayed"] = MARKED
    return drawn


def _legend(plot: Plot) -> list[dict[str, Any]]:
    """Keys that are no series: one per family and one per variable; a click hides a family."""
    if len(plot.keys) in (0, len(plot.series)):
        return []
    return [
        {
            "type": "scatter",
            "name": _wrapped(key.name),
            "x": [None],
            "y": [None],
            "hoverinfo": "skip",
            "legendgroup": str(key.look.color),
            **_drawn(key.look, 1),
        }
        for key in plot.keys
    ]


# Stacked bars


def _bars(plot: Plot) -> list[dict[str, Any]]:
    """Bars that lie if they are named and stand if not; very many are drawn as one area."""
    if plot.x.ticks:
        return [_lying(bar, plot) for bar in plot.bars]
    as_area = len(plot.bars[0].shares) > MAX_BARS
    return [_area(bar) if as_area else _standing(bar) for bar in plot.bars]


def _lying(bar: Bar, plot: Plot) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": _wrapped(bar.name),
        "x": _numbers(bar.shares),
        "y": list(range(len(bar.shares))),
        "text": [_text(tick) for tick in plot.x.ticks],
        "textposition": "none",
        "showlegend": True,
        "hovertemplate": "%{text}: %{x:.3g} %",
        "marker": {"color": bar_color(bar.color), "pattern": _pattern(bar)},
    }


def _standing(bar: Bar) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": _wrapped(bar.name),
        "x": list(range(len(bar.shares))),
        "y": _numbers(bar.shares),
        "showlegend": True,
        "hovertemplate": "%{x}: %{y:.3g} %",
        "marker": {"color": bar_color(bar.color), "pattern": _pattern(bar)},
    }


def _area(bar: Bar) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": _wrapped(bar.name),
        "x": list(range(len(bar.shares))),
        "y": _numbers(bar.shares),
        "stackgroup": "shares",
        "showlegend": True,
        "hovertemplate": "%{x}: %{y:.3g} %",
        "line": {"color": bar_color(bar.color), "width": 0, "shape": "hvh"},
        "fillcolor": bar_color(bar.color),
        "fillpattern": _pattern(bar),
    }


def _pattern(bar: Bar) -> dict[str, Any]:
    return {
        "shape": PATTERNS[bar.color % len(PATTERNS)],
        "fillmode": "overlay",
        "fgcolor": "white",
        "size": 7,
    }


# The Earth


def _land(places: MapPoints) -> dict[str, Any]:
    """All rings as one filled line, so that the Caspian Sea stays a hole."""
    west, east, _, _ = map_limits_deg(map_points_deg(places))
    x: list[float | None] = []
    y: list[float | None] = []
    for ring in land_between_deg(west, east):
        x += [*np.round(ring[:, 0], 2).tolist(), None]
        y += [*np.round(ring[:, 1], 2).tolist(), None]
    return {
        "type": "scatter",
        "name": "land",
        "x": x,
        "y": y,
        "mode": "lines",
        "fill": "toself",
        "fillcolor": style.LAND,
        "line": {"color": style.COAST, "width": 0.8},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _cells(places: MapPoints) -> list[dict[str, Any]]:
    """A grid as colored cells, empty where there is no value, and the coast over them."""
    cells, limits = map_cells(places), color_limits(places)
    values = np.log10(cells.values) if places.log else cells.values
    low, high = np.log10(limits) if places.log else limits
    heat = {
        "type": "heatmap",
        "name": _text(places.label),
        "x": _numbers(cells.lon_deg),
        "y": _numbers(cells.lat_deg),
        "z": [_numbers(row) for row in values],
        "customdata": [_numbers(row) for row in cells.values],
        "zmin": float(low),
        "zmax": float(high),
        "colorscale": "Viridis",
        "colorbar": _color_bar(places, np.asarray(limits)),
        "hoverongaps": False,
        "hovertemplate": "latitude %{y:.2f}, longitude %{x:.2f}<br>"
        f"{_text(places.label)}: %{{customdata:.4g}}<extra></extra>",
    }
    coast = _land(places) | {"name": "coast", "fill": "none"}
    coast["line"] = {"color": "white", "width": 1.0}
    return [heat, coast]


def _places(places: MapPoints) -> list[dict[str, Any]]:
    points_deg = map_points_deg(places)
    solved = np.isfinite(places.values)
    traces = [_marked(places, points_deg, solved, _colored(places, solved))]
    if not np.all(solved):
        cross = {"symbol": "x-thin", "size": 8, "line": {"color": style.REJECTED_COLOR, "width": 2}}
        traces.append(_marked(places, points_deg, ~solved, cross))
    return traces


def _marked(
    places: MapPoints, points_deg: np.ndarray, chosen: np.ndarray, marker: dict[str, Any]
) -> dict[str, Any]:
    indices = np.flatnonzero(chosen).tolist()
    return {
        "type": "scatter",
        "name": _text(places.label),
        "mode": "markers",
        "x": _numbers(points_deg[chosen, 0]),
        "y": _numbers(points_deg[chosen, 1]),
        "customdata": _numbers(places.values[chosen]),
        "text": [_text(_place_text(places, i)) for i in indices],
        "hovertemplate": f"%{{text}}<br>{_text(places.label)}: %{{customdata:.4g}}<extra></extra>",
        "marker": marker,
        "showlegend": False,
    }


def _place_text(places: MapPoints, index: int) -> str:
    where = words.latitude(float(places.lat_deg[index]), 2)
    where += f", {words.longitude(float(places.lon_deg[index]), 2)}"
    return f"{places.names[index]}: {where}"


def _colored(places: MapPoints, solved: np.ndarray) -> dict[str, Any]:
    values = places.values[solved]
    size = 11 if len(places.values) < 200 else 7 if len(places.values) < 1000 else 4
    return {
        "color": _numbers(np.log10(values) if places.log else values),
        "colorscale": "Viridis",
        "size": size,
        "line": {"color": "white", "width": 1 if size > 4 else 0},
        "colorbar": _color_bar(places, values),
    }


def _color_bar(places: MapPoints, values: np.ndarray) -> dict[str, Any]:
    bar: dict[str, Any] = {
        "orientation": "h",
        "yref": "container",
        "y": 0.0,
        "yanchor": "bottom",
        "thickness": 12,
        "len": 1.0,
        "outlinewidth": 0,
        "title": {"text": _text(places.label), "side": "bottom"},
    }
    if places.log:
        bar |= {
            "tickvals": (ticks := _log_ticks(values)),
            "ticktext": [f"{10**t:g}" for t in ticks],
        }
    return bar


def _log_ticks(values: np.ndarray) -> list[float]:
    low, high = math.floor(np.log10(values.min())), math.ceil(np.log10(values.max()))
    steps = (1, 2, 5) if high - low <= 3 else (1,)
    return [power + math.log10(step) for power in range(low, high + 1) for step in steps]


# Layout


def _layout(plot: Plot) -> dict[str, Any]:
    layout: dict[str, Any] = {
        "autosize": True,
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": style.INK},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "hovermode": "closest",
        "hoverlabel": {"namelength": -1},
        "margin": {"l": 64, "r": 14, "t": 34, "b": 52},
        "xaxis": _axis(plot.x, [one.x for one in plot.series]),
        "yaxis": _axis(plot.y, [one.y for one in plot.series]),
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": -0.2,
            "yanchor": "top",
            "title": {"text": _text(plot.legend_title), "side": "top"},
            "font": {"size": 12},
            "tracegroupgap": 0,
        },
    }
    if plot.places is not None:
        _lay_out_map(layout, plot.places)
    elif plot.bars:
        _lay_out_bars(layout, plot)
    return layout


def _axis(axis: Axis, values: Sequence[np.ndarray]) -> dict[str, Any]:
    laid: dict[str, Any] = {
        "title": {"text": _text(axis.label), "standoff": 8},
        "type": "log" if axis.log else "linear",
        "gridcolor": "#e3e3e3",
        "linecolor": style.GRAY,
        "showline": True,
        "zeroline": False,
        "ticks": "outside",
        "tickcolor": style.GRAY,
        "automargin": True,
        "exponentformat": "none",
    }
    if axis.ticks:
        laid |= {"tickvals": list(range(len(axis.ticks))), "ticktext": list(map(_text, axis.ticks))}
    elif axis.log:
        laid |= {"tickformat": "~g", "nticks": _log_nticks(np.concatenate(values))}
    return laid


def _log_nticks(values: np.ndarray) -> int:
    """So many ticks that plotly takes 1, 2, 5, 10, 20... and not all the numbers between."""
    found = values[np.isfinite(values) & (values > 0.0)]
    decades = math.log10(found.max() / found.min()) if len(found) else 0.0
    return 7 if decades < 0.8 else 3 if decades < 1.5 else 5


def _lay_out_bars(layout: dict[str, Any], plot: Plot) -> None:
    layout["barmode"] = "stack"
    layout["legend"]["traceorder"] = "normal"
    if not plot.x.ticks:
        layout["bargap"] = 0
        return
    count = len(plot.bars[0].shares)
    layout["xaxis"], layout["yaxis"] = layout["yaxis"], layout["xaxis"]
    layout["yaxis"] |= {"autorange": "reversed", "title": {"text": ""}, "showgrid": False}
    layout["legend"]["y"] = -70 / (26 * count + 30)


def _lay_out_map(layout: dict[str, Any], places: MapPoints) -> None:
    west, east, south, north = map_limits_deg(map_points_deg(places))
    layout["xaxis"] |= _degrees(west, east, words.longitude)
    layout["yaxis"] |= _degrees(south, north, words.latitude)
    layout["yaxis"] |= {"scaleanchor": "x", "scaleratio": _stretch(south, north)}
    layout["yaxis"]["constrain"] = "domain"
    layout["xaxis"] |= {"constrain": "domain", "tickangle": 0, "automargin": False}
    layout["yaxis"]["automargin"] = False
    layout["plot_bgcolor"] = style.SEA
    layout["margin"] = {"l": 46, "r": 14, "t": 34, "b": 90, "autoexpand": False}


def _degrees(low: float, high: float, form) -> dict[str, Any]:
    step = next((s for s in (5, 10, 15, 30, 45) if (high - low) / s <= 6), 60)
    ticks = list(range(math.ceil(low / step) * step, math.floor(high) + 1, step))
    names = [form(float(t), 0).replace(" ", "°") if t % 360 else "0°" for t in ticks]
    return {"range": [low, high], "tickvals": ticks, "ticktext": names, "title": {"text": ""}}
