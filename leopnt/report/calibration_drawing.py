"""Figures of a calibration: errors by satellite, correlations, delays, residuals, trends."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from leopnt.report import style, words
from leopnt.report.reading import column, require_kind, strings, text

MOST_NAMED = 24
"""Satellites whose names stand at the axis; more are numbered."""
MOST_UPRIGHT = 10
"""Of those named, more are written upward."""
MOST_SERIES = 3
MOST_LETTERS = 24
"""Steps of a trend whose names are longer together are written at a slant."""
MOST_CORRELATED = 12
"""Satellites whose correlations are drawn; those of more would be too fine to see."""
MOST_PASSES = 8
COMPONENT_LOOKS = (
    (style.BLUE, "o"),
    (style.ORANGE, "s"),
    (style.GREEN, "^"),
    (style.VERMILION, "D"),
)
"""Color and marker of X, Y, Z and delay."""

_LEFT_IN, _RIGHT_IN = 0.85, 0.25
_GAP_S = 600.0


def calibration_figures(result: xr.Dataset) -> dict[str, Figure]:
    """Figures `errors` (or `sigmas`), `arc_correlations`, `correlations`, `delays`, `residuals` and
    `trends`; those that a result has no data for are left out.
    """
    require_kind(result, "calibration")
    first = "errors" if "offset_error_m" in result else "sigmas"
    made = {
        first: errors_figure(result),
        "delays": delays_figure(result),
        "residuals": residuals_figure(result),
        "trends": trends_figure(result),
        "arc_correlations": arc_correlations_figure(result),
        "correlations": correlations_figure(result),
    }
    return {name: figure for name, figure in made.items() if figure is not None}


# Errors


def errors_figure(result: xr.Dataset) -> Figure | None:
    """Error of each satellite with its honest and formal 1-sigma; the sigmas alone without truth.

    Four panels in mm: X, Y, Z, delay. Wide bars are honest, dark ones formal.
    """
    names = strings(result, "satellite", "satellite")
    panels = _four(result, "offset{}_m", "delay{}_m")
    if not np.any(np.isfinite(panels[""])):
        return None
    has_truth = "offset_error_m" in result
    with style.look():
        height_in = 1.45
        below_in = 0.4 if len(names) <= MOST_UPRIGHT else 0.65
        figure = style.new_figure(4 * height_in + below_in + 0.45)
        for i, name in enumerate(("X", "Y", "Z", "Delay")):
            bottom = below_in + (3 - i) * height_in
            axes = style.axes_with_margins(
                figure, _LEFT_IN, _RIGHT_IN, bottom, 0.45 + i * height_in + 0.2
            )
            draw = _draw_errors if has_truth else _draw_sigmas
            draw(axes, {kind: 1e3 * table[:, i] for kind, table in panels.items()})
            axes.set_ylabel(f"{name} [mm]")
            _satellite_ticks(axes, names, last=i == 3)
            if i == 0:
                title = "Errors by satellite" if has_truth else "Sigmas by satellite"
                subtitle = "Bars: 1-sigma" if has_truth else "1-sigma"
                style.heading(axes, title, subtitle)
                _legend_above(axes)
    return figure


def _four(result: xr.Dataset, offset: str, delay: str) -> dict[str, np.ndarray]:
    """Columns X, Y, Z, delay of estimates, errors and sigmas; NaN where there are none."""
    found = {}
    for kind in ("", "_error", "_formal_sigma", "_honest_sigma"):
        name = offset.format(kind)
        size = result.sizes["satellite"]
        offsets = result[name].values if name in result else np.full((size, 3), np.nan)
        found[kind] = np.column_stack([offsets, column(result, delay.format(kind), "satellite")])
    return found


def _draw_errors(axes: Axes, mm: dict[str, np.ndarray]) -> None:
    at, error = np.arange(len(mm["_error"])), mm["_error"]
    width = 5.0 if len(at) <= MOST_NAMED else max(1.0, 330.0 / len(at))
    looks = {
        "_honest_sigma": {"elinewidth": width, "ecolor": "#a9cfe6", "label": "honest"},
        "_formal_sigma": {"elinewidth": 0.35 * width, "ecolor": style.BLUE, "label": "formal"},
    }
    for kind, look in looks.items():
        if np.any(np.isfinite(mm[kind])):
            axes.errorbar(at, error, np.nan_to_num(mm[kind]), fmt="none", **look)
    size = 4.0 if len(at) <= MOST_NAMED else 1.8
    axes.plot(at, error, "o", color=style.INK, markersize=size, label="error")
    axes.axhline(0.0, color=style.GRAY, linewidth=0.8, zorder=0.5)
    reach = 1.15 * float(np.max(np.nan_to_num(np.abs(error) + np.nan_to_num(mm["_honest_sigma"]))))
    axes.set_ylim(-(reach or 1.0), reach or 1.0)


def _draw_sigmas(axes: Axes, mm: dict[str, np.ndarray]) -> None:
    at = np.arange(len(mm[""]))
    size = 5.0 if len(at) <= MOST_NAMED else 2.2
    looks = {
        "_honest_sigma": ("o", style.BLUE, "honest"),
        "_formal_sigma": ("_", style.INK, "formal"),
    }
    for kind, (marker, color, label) in looks.items():
        if np.any(np.isfinite(mm[kind])):
            axes.plot(at, mm[kind], marker, color=color, markersize=size, label=label)
    axes.set_ylim(0.0, 1.2 * float(np.nanmax([np.nanmax(mm[k], initial=0.0) for k in looks])))


def _satellite_ticks(axes: Axes, names: list[str], *, last: bool) -> None:
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="x")
    if len(names) <= MOST_NAMED:
        axes.set_xticks(range(len(names)), names, rotation=90 if len(names) > MOST_UPRIGHT else 0)
    else:
        axes.set_xlabel(f"Satellite, in order ({names[0]} to {names[-1]})" if last else "")
    if not last:
        axes.tick_params(labelbottom=False)


def _legend_above(axes: Axes) -> None:
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, borderaxespad=0.3, columnspacing=1.0
    )


# Correlations


def arc_correlations_figure(result: xr.Dataset) -> Figure | None:
    """Mean absolute correlations of the unknowns of an arc, as a table of colors and numbers."""
    if "arc_correlation" not in result:
        return None
    names = strings(result, "quantity", "quantity")
    table = np.asarray(result["arc_correlation"].values, float)
    count = int(result["num_correlated_arcs"])
    with style.look():
        figure = style.new_figure(5.6)
        axes = style.axes_with_margins(figure, 1.15, 0.35, 1.0, 0.65)
        axes.imshow(table, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
        for i, row in enumerate(table):
            for k, value in enumerate(row):
                color = "white" if value > 0.6 else style.INK
                axes.text(k, i, f"{value:.2f}", ha="center", va="center", color=color, fontsize=9.5)
        axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
        axes.set_yticks(range(len(names)), names)
        _frameless(axes)
        style.heading(
            axes, "Correlations within an arc", f"Mean of absolute values over {count} arcs"
        )
    return figure


def correlations_figure(result: xr.Dataset) -> Figure | None:
    """Correlations of offsets, delays and biases: first all X, then Y, Z, delays, biases."""
    if "correlation" not in result:
        return None
    every, num_stations = result.sizes["satellite"], result.sizes["station"]
    num_sat = min(every, MOST_CORRELATED)
    of_satellites = np.arange(4 * num_sat).reshape(num_sat, 4).T
    order = np.concatenate([of_satellites.ravel(), 4 * every + np.arange(num_stations)])
    table = np.asarray(result["correlation"].values, float)[np.ix_(order, order)]
    edges = np.append(num_sat * np.arange(5), 4 * num_sat + num_stations)
    with style.look():
        figure = style.new_figure(6.0)
        axes = style.axes_with_margins(figure, 0.85, 1.1, 0.55, 0.75)
        image = axes.imshow(
            table, cmap="RdBu_r", vmin=-1.0, vmax=1.0, interpolation="nearest", aspect="auto"
        )
        for edge in edges[1:-1] - 0.5:
            axes.axhline(edge, color="white", linewidth=1.5)
            axes.axvline(edge, color="white", linewidth=1.5)
        middle = 0.5 * (edges[:-1] + edges[1:]) - 0.5
        labels = ("X", "Y", "Z", "delay", "bias")
        axes.set_xticks(middle, labels)
        axes.set_yticks(middle, labels)
        _frameless(axes)
        bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.03)
        bar.set_label("Correlation")
        some = (
            words.counted(num_sat, "satellite")
            if num_sat == every
            else (f"the first {num_sat} of {every} satellites")
        )
        style.heading(axes, "Correlations of estimates", f"Each block: {some}; last: stations")
    return figure


def _frameless(axes: Axes) -> None:
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


# Delays of epochs


def delays_figure(result: xr.Dataset) -> Figure | None:
    """The first passes of a few satellites, side by side: delays of epochs about the constant one.

    Dotted: the true delay plus the error of the satellite clock, which users get along with it.
    """
    if "row_delay_m" not in result:
        return None
    satellite = column(result, "row_satellite", "row").astype(int)
    shown = np.unique(satellite)[:MOST_SERIES]
    with style.look():
        height_in = 1.9
        figure = style.new_figure(height_in * len(shown) + 0.95)
        for i, sat in enumerate(shown.tolist()):
            below = 0.75 + (len(shown) - 1 - i) * height_in
            axes = style.axes_with_margins(
                figure, _LEFT_IN, _RIGHT_IN, below, 0.2 + i * height_in + 0.45
            )
            _draw_series(axes, result, sat, np.flatnonzero(satellite == sat))
            if i == 0:
                model = text(result, "delay_model").replace("_", " ")
                style.heading(axes, f"Delay of each epoch ({model})", "Band: 1-sigma")
                _legend_above(axes)
            if i == len(shown) - 1:
                axes.set_xlabel(f"Start of each pass, since {words.clock(text(result, 'start'))}")
    return figure


def _draw_series(axes: Axes, result: xr.Dataset, sat: int, rows: np.ndarray) -> None:
    time_s = column(result, "row_time_s", "row")[rows]
    breaks = np.flatnonzero(np.diff(time_s) > _GAP_S) + 1
    if len(breaks) >= MOST_PASSES:
        last = breaks[MOST_PASSES - 1]
        rows, time_s, breaks = rows[:last], time_s[:last], breaks[: MOST_PASSES - 1]
    level = float(column(result, "delay_m", "satellite")[sat])
    cm = {
        name: 100.0 * (column(result, f"row_{name}_m", "row")[rows] - (level if minus else 0.0))
        for name, minus in (("delay", True), ("sigma", False), ("true", True), ("clock", False))
    }
    gap = 0.012 * len(rows) + 1.0
    at = np.arange(len(rows)) + gap * np.searchsorted(breaks, np.arange(len(rows)), side="right")
    for k, part in enumerate(np.split(np.arange(len(rows)), breaks)):
        labels = ("estimate", "truth", "truth + clock error") if k == 0 else (None,) * 3
        _draw_pass(axes, at[part], {name: values[part] for name, values in cm.items()}, labels)
    _pass_ticks(axes, at, time_s, np.concatenate([[0], breaks]).astype(int))
    axes.set_ylabel(f"{strings(result, 'satellite', 'satellite')[sat]} [cm]")


def _draw_pass(axes: Axes, x: np.ndarray, cm: dict[str, np.ndarray], labels) -> None:
    delay, sigma = cm["delay"], cm["sigma"]
    axes.fill_between(x, delay - sigma, delay + sigma, color="#cfe3f0", linewidth=0.0)
    if np.any(np.isfinite(cm["true"])):
        axes.plot(x, cm["true"], color=style.INK, linewidth=1.2, label=labels[1])
    axes.plot(x, delay, color=style.BLUE, linewidth=1.4, label=labels[0])
    if np.any(np.isfinite(cm["clock"])):
        both = cm["true"] + cm["clock"]
        axes.plot(x, both, ":", color=style.VERMILION, linewidth=1.2, label=labels[2])


def _pass_ticks(axes: Axes, at: np.ndarray, time_s: np.ndarray, starts: np.ndarray) -> None:
    """Each pass under its time where there is room, and its day where that changes."""
    places, names, day_before = [], [], -1
    apart = 0.095 * (at[-1] - at[0] + 2.0)
    for place, second in zip(at[starts].tolist(), time_s[starts].tolist(), strict=True):
        if (places and place - places[-1] < apart) or at[-1] + 1.0 - place < 0.07 * apart / 0.095:
            continue
        day, rest = divmod(round(second / 60.0), 1440)
        name = f"{rest // 60:02d}:{rest % 60:02d}"
        places.append(place)
        names.append(name if day == day_before else f"{name}\nday {day}")
        day_before = day
    axes.set_xticks(places, names, ha="left")
    axes.grid(visible=False, axis="x")
    axes.set_xlim(at[0] - 1.0, at[-1] + 1.0)


# Residuals


def residuals_figure(result: xr.Dataset) -> Figure | None:
    """RMS of residuals against elevation, code above phase, with the sigmas that were assumed."""
    if "residual_rms_m" not in result:
        return None
    el_deg = column(result, "elevation_deg", "elevation")
    rms, sigma = result["residual_rms_m"].values, result["residual_sigma_m"].values
    with style.look():
        figure = style.new_figure(5.6)
        for i, (name, unit, scale) in enumerate((("Code", "m", 1.0), ("Phase", "mm", 1e3))):
            margins = (2.8, 0.75) if i == 0 else (0.6, 2.95)
            axes = style.axes_with_margins(figure, _LEFT_IN, _RIGHT_IN, *margins)
            looks = ((i, style.BLUE, "o", "LEO"), (2 + i, style.ORANGE, "s", "reference system"))
            for kind, color, marker, label in looks:
                axes.plot(el_deg, scale * rms[kind], color=color, marker=marker, markersize=4.5,
                          label=label)  # fmt: skip
                axes.plot(el_deg, scale * sigma[kind], "--", color=color, linewidth=1.2)
            axes.plot([], [], "--", color=style.GRAY, linewidth=1.2, label="assumed")
            axes.set_ylabel(f"{name} [{unit}]")
            axes.set_ylim(0.0, 1.2 * scale * float(np.nanmax([rms[[i, 2 + i]], sigma[[i, 2 + i]]])))
            axes.set_xlim(0.0, 90.0)
            if i == 0:
                style.heading(axes, "Residuals by elevation", "RMS in bins of 5 degrees")
                _legend_above(axes)
                axes.tick_params(labelbottom=False)
            else:
                axes.set_xlabel("Elevation [deg]")
    return figure


# Trends


def trends_figure(result: xr.Dataset) -> Figure | None:
    """How errors and sigmas fall with days and with stations, RMS over satellites."""
    shown = [of for of in ("days", "stations") if result.sizes.get(f"{of}_step", 0) > 1]
    if not shown:
        return None
    has_truth = bool(np.any(np.isfinite(result["days_error_m"].values)))
    with style.look():
        is_long = any(map(_is_long, (strings(result, f"{of}_step", f"{of}_step") for of in shown)))
        below_in = 0.8 if is_long else 0.4
        figure = style.new_figure(3.6 + below_in)
        width_in = (style.WIDTH_IN - _LEFT_IN - _RIGHT_IN - 0.3 * (len(shown) - 1)) / len(shown)
        all_axes = []
        for i, of in enumerate(shown):
            left = _LEFT_IN + i * (width_in + 0.3)
            right = style.WIDTH_IN - left - width_in
            axes = style.axes_with_margins(figure, left, right, below_in, 0.65)
            _draw_trend(axes, result, of, has_truth=has_truth)
            all_axes.append(axes)
        low = min(axes.get_ylim()[0] for axes in all_axes)
        high = max(axes.get_ylim()[1] for axes in all_axes)
        for axes in all_axes:
            axes.set_ylim(low, high)
        for axes in all_axes[1:]:
            axes.tick_params(labelleft=False, which="both")
        all_axes[0].set_ylabel("RMS over satellites [mm]")
        subtitle = "Solid: error; dashed: " if has_truth else ""
        kind = "honest" if text(result, "honest") else "formal"
        style.heading(all_axes[0], "What more data bring", f"{subtitle}{kind} 1-sigma")
        _legend_above(all_axes[-1])
    return figure


def _is_long(labels: list[str]) -> bool:
    """Whether the names of the steps have no room side by side."""
    return sum(map(len, labels)) > MOST_LETTERS


def _draw_trend(axes: Axes, result: xr.Dataset, of: str, *, has_truth: bool) -> None:
    kind = "honest" if text(result, "honest") else "formal"
    sigma = 1e3 * result[f"{of}_{kind}_sigma_m"].values
    error = 1e3 * result[f"{of}_error_m"].values
    at = np.arange(len(sigma))
    for k, name in enumerate(strings(result, "component", "component")):
        color, marker = COMPONENT_LOOKS[k]
        if has_truth:
            axes.plot(at, error[:, k], color=color, marker=marker, markersize=5.0, label=name)
            axes.plot(at, sigma[:, k], "--", color=color, linewidth=1.1)
        else:
            axes.plot(at, sigma[:, k], color=color, marker=marker, markersize=5.0, label=name)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    labels = strings(result, f"{of}_step", f"{of}_step")
    slanted = {"rotation": 35, "ha": "right"} if _is_long(labels) else {}
    axes.set_xticks(at, labels, **slanted)
    axes.set_xlim(-0.3, len(at) - 0.7)
