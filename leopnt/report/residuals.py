"""Residuals over time, one lane per satellite, with what was rejected and why it stood out."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from leopnt.report import style, words
from leopnt.report.reading import column, flags, measurements_by_satellite, number, text, unit

MAX_LANES = 18
LANE_IN = 0.72
LOWEST_IN = 2.3
"""Few lanes share at least this height, so that the label of the axis fits."""
CROWDED = 3000
"""Above this number of points in a lane they are drawn small, and as one image inside an SVG."""
MAX_VALUES = 6
"""More triangles than this in one lane stand without their values."""


def residual_figure(fix: xr.Dataset) -> Figure | None:
    """Residuals against time; None if there is none to draw.

    Up to 18 satellites get a lane each, with the band of +-3 sigma of their own measurements.
    More are drawn together, as residual over sigma.
    """
    time_s, residual = (column(fix, n, "measurement") for n in ("time_s", "residual"))
    if not np.any(np.isfinite(time_s + residual)):
        return None
    with style.look():
        lanes = list(measurements_by_satellite(fix))
        return _lanes(fix, lanes) if len(lanes) <= MAX_LANES else _together(fix)


def doppler_figure(fix: xr.Dataset) -> Figure | None:
    """As `residual_figure`, for Doppler that stands beside other measurements; None without."""
    if not fix.sizes.get("doppler"):
        return None
    names = ("time_s", "satellite_id", "residual", "sigma", "residual_rms")
    beside = xr.Dataset({name: fix[f"doppler_{name}"].variable for name in names})
    beside = beside.rename(doppler="measurement")
    beside = beside.assign(used=beside["residual"].notnull())
    beside = beside.assign(normalized_residual=beside["residual"] / beside["sigma"])
    reference = text(fix, "doppler_reference_epoch")
    return residual_figure(
        beside.assign_attrs(measurement_type="doppler", reference_epoch=reference)
    )


def _time_label(fix: xr.Dataset) -> str:
    reference = text(fix, "reference_epoch")
    return f"Time since {words.clock(reference)} UTC [s]" if reference else "Time [s]"


def _subtitle(fix: xr.Dataset) -> str:
    rms = words.quantity(number(fix, "residual_rms"), unit(fix, "residual_rms"))
    counts = words.use_sentence(fix).rstrip(".")
    return f"{counts}; rms {rms}" if len(counts) < 65 else counts


def _time_limits(time_s: np.ndarray) -> tuple[float, float]:
    first, last = float(np.nanmin(time_s)), float(np.nanmax(time_s))
    margin = 0.03 * (last - first) or 1.0
    return first - margin, last + margin


def _lanes(fix: xr.Dataset, lanes: list[tuple[str, np.ndarray]]) -> Figure:
    figure = style.new_figure(1.37 + max(LANE_IN * len(lanes), LOWEST_IN))
    axes = style.axes_with_margins(figure, 0.95, 1.35, 0.62, 0.70)
    limits = _time_limits(column(fix, "time_s", "measurement"))
    half = _half_lane(fix)
    axes.set_xlim(*limits)
    for lane, (satellite, indices) in enumerate(lanes):
        _draw_lane(axes, fix, indices, (-2.2 * half * lane, half), limits, lane)
        _name_lane(axes, fix, satellite, indices, -2.2 * half * lane, lane)
    axes.set_ylim(-2.2 * half * (len(lanes) - 1) - 1.1 * half, 1.1 * half)
    _lane_ticks(axes, len(lanes), half)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(_time_label(fix))
    axes.set_ylabel(f"Residual (observed minus predicted) [{unit(fix, 'residual') or '1'}]")
    style.heading(axes, "Residuals by satellite", _subtitle(fix))
    _legend(axes, "±3 sigma")
    return figure


def _half_lane(fix: xr.Dataset) -> float:
    """Half the height of a lane: 3 sigma and all that was used fit; far outliers need not."""
    used = flags(fix, "used", "measurement")
    residual, sigma = (column(fix, n, "measurement") for n in ("residual", "sigma"))
    seen = [*np.abs(residual[used]).tolist(), *(3.0 * sigma).tolist()]
    finite = [value for value in seen if np.isfinite(value) and value > 0.0]
    return 1.15 * max(finite, default=float(np.nanmax(np.abs(residual))) or 1.0)


def _draw_lane(
    axes: Axes,
    fix: xr.Dataset,
    indices: np.ndarray,
    lane: tuple[float, float],
    limits: tuple[float, float],
    color_index: int,
) -> None:
    center = lane[0]
    time_s, residual, sigma = (
        column(fix, name, "measurement")[indices] for name in ("time_s", "residual", "sigma")
    )
    used = flags(fix, "used", "measurement")[indices]
    _draw_band(axes, time_s, sigma, center, limits)
    axes.plot(limits, [center, center], color=style.GRAY, linewidth=0.6, zorder=1.5)
    axes.plot(
        time_s[used],
        center + residual[used],
        "o",
        color=style.satellite_color(color_index),
        markersize=4.2 if len(time_s) < CROWDED else 2.0,
        markeredgewidth=0.0,
        alpha=0.85,
        rasterized=len(time_s) > CROWDED,
    )
    _draw_rejected(axes, time_s[~used], residual[~used], lane, unit(fix, "residual"))


def _draw_band(
    axes: Axes, time_s: np.ndarray, sigma: np.ndarray, center: float, limits: tuple[float, float]
) -> None:
    if not len(time_s):
        return
    order = np.argsort(time_s, kind="stable")
    order = order[_where_it_changes(sigma[order])]
    at = np.concatenate([limits[:1], time_s[order], limits[1:]])
    reach = 3.0 * np.concatenate([sigma[order[:1]], sigma[order], sigma[order[-1:]]])
    axes.fill_between(
        at, center - reach, center + reach, color=style.BAND, linewidth=0.0, step="mid"
    )


def _where_it_changes(sigma: np.ndarray) -> np.ndarray:
    """Indices of the first and last value and of those that differ from a neighbor, thinned."""
    differs = np.diff(sigma) != 0.0
    kept = np.flatnonzero(np.append(True, differs) | np.append(differs, True))
    return kept[:: 1 + len(kept) // CROWDED]


def _draw_rejected(
    axes: Axes,
    time_s: np.ndarray,
    residual: np.ndarray,
    lane: tuple[float, float],
    unit_name: str,
) -> None:
    """Crosses; what lies beyond the lane becomes a triangle at its edge with its value."""
    center, half = lane
    near = np.abs(residual) <= half
    axes.plot(
        time_s[near],
        center + residual[near],
        "x",
        color=style.REJECTED_COLOR,
        markersize=7.0,
        markeredgewidth=1.8,
    )
    far = np.flatnonzero(~near & np.isfinite(residual))
    for i in far.tolist():
        edge = center + np.copysign(0.72 * half, residual[i])
        shape = "^" if residual[i] > 0 else "v"
        axes.plot(time_s[i], edge, shape, color=style.REJECTED_COLOR, markersize=7)
    for i in far.tolist() if len(far) <= MAX_VALUES else ():
        _write_value(axes, float(time_s[i]), center, float(residual[i]), half, unit_name)


def _write_value(
    axes: Axes, time_s: float, center: float, value: float, half: float, unit_name: str
) -> None:
    """The value beside its triangle, on the side where there is room."""
    low, high = axes.get_xlim()
    is_late = time_s > low + 0.85 * (high - low)
    axes.annotate(
        f"{'+' if value > 0 else '−'}{words.quantity(abs(value), unit_name)}",
        (time_s, center + np.copysign(0.72 * half, value)),
        (-7.0 if is_late else 7.0, 0.0),
        textcoords="offset points",
        color=style.REJECTED_COLOR,
        fontsize=9.0,
        ha="right" if is_late else "left",
        va="center",
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
    )


def _name_lane(
    axes: Axes, fix: xr.Dataset, satellite: str, indices: np.ndarray, center: float, lane: int
) -> None:
    used = flags(fix, "used", "measurement")[indices]
    where = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
    axes.annotate(
        satellite if len(satellite) <= 15 else f"{satellite[:14]}…",
        (1.0, center),
        (8.0, 7.0),
        color=style.satellite_color(lane),
        fontweight="bold",
        fontsize=10.0,
        va="center",
        **where,
    )
    count = f"{int(used.sum())} of {len(used)} used"
    if len(used) > 999:
        count = f"{len(used)}, {100.0 * used.mean():.1f} % used"
    axes.annotate(
        count, (1.0, center), (8.0, -7.0), color=style.GRAY, fontsize=9.0, va="center", **where
    )


def _lane_ticks(axes: Axes, num_lanes: int, half: float) -> None:
    """Three ticks a lane: a round number below the edge, zero, and its negative."""
    power = 10.0 ** np.floor(np.log10(0.85 * half))
    step = power * max(m for m in (1, 2, 5) if m * power <= 0.85 * half)
    centers = [-2.2 * half * lane for lane in range(num_lanes)]
    axes.set_yticks([center + offset for center in centers for offset in (step, 0.0, -step)])
    axes.set_yticklabels([f"{step:+g}", "0", f"−{step:g}"] * num_lanes, fontsize=9.0)


def _legend(axes: Axes, band: str) -> None:
    handles = [
        axes.fill_between([], [], color=style.BAND, linewidth=0.0, label=band),
        *axes.plot([], [], "o", color=style.GRAY, markersize=5, label="used"),
        *axes.plot(
            [],
            [],
            "x",
            color=style.REJECTED_COLOR,
            markersize=7,
            markeredgewidth=1.8,
            label="rejected",
        ),
    ]
    figure = axes.figure
    axes.legend(
        handles=handles,
        ncols=3,
        loc="upper right",
        bbox_to_anchor=(0.995, 0.995),
        bbox_transform=figure.transFigure,
        borderaxespad=0.3,
    )


def _together(fix: xr.Dataset) -> Figure:
    """All satellites in one panel, as residual over sigma."""
    figure = style.new_figure(5.0)
    axes = style.axes_with_margins(figure, 0.8, 0.3, 0.62, 0.70)
    time_s = column(fix, "time_s", "measurement")
    ratio = column(fix, "normalized_residual", "measurement")
    used = flags(fix, "used", "measurement")
    limits = _time_limits(time_s)
    half = 1.1 * max(3.5, float(np.nanmax(np.abs(ratio[used]), initial=0.0)))
    axes.set_xlim(*limits)
    axes.fill_between(limits, -3.0, 3.0, color=style.BAND, linewidth=0.0)
    axes.plot(
        time_s[used],
        ratio[used],
        "o",
        color=style.BLUE,
        markersize=3.0 if len(ratio) < CROWDED else 1.5,
        markeredgewidth=0.0,
        alpha=0.5,
        rasterized=len(ratio) > CROWDED,
    )
    _draw_rejected(axes, time_s[~used], ratio[~used], (0.0, half), "sigma")
    axes.set_ylim(-half, half)
    axes.set_xlabel(_time_label(fix))
    axes.set_ylabel("Residual over sigma")
    style.heading(axes, "Normalized residuals", _subtitle(fix))
    _legend(axes, "±3 sigma")
    return figure
