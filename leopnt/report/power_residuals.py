"""Residuals of beam powers: over sigma against time, and in decibels against the power."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leopnt.report import style, words
from leopnt.report.reading import column, flags, measurements_by_satellite, text

MAX_NAMED = 7
CROWDED = 3000
_HEIGHT_IN = 6.6
_LEFT_IN, _RIGHT_IN = 0.85, 0.3


def power_residual_figure(fix: xr.Dataset) -> Figure | None:
    """Two panels of one color per satellite; None if there is no residual to draw.

    Above: residual amplitude over sigma against time. A trend tells of a satellite that is not
    where it was thought to be. Below: residual in decibels against predicted power, with the band
    of three sigmas that opens towards the noise; rows too weak for decibels are left out.
    """
    shown = np.isfinite(column(fix, "normalized_residual", "measurement"))
    if not np.any(shown):
        return None
    with style.look():
        figure = style.new_figure(_HEIGHT_IN)
        above = style.axes_with_margins(figure, _LEFT_IN, _RIGHT_IN, 3.75, 0.75)
        below = style.axes_with_margins(figure, _LEFT_IN, _RIGHT_IN, 0.6, 3.65)
        _over_time(above, fix)
        _over_power(below, fix)
        counts = words.use_sentence(fix).rstrip(".")
        style.heading(above, "Residuals over sigma, and in decibels", counts)
        if 1 < len(list(measurements_by_satellite(fix))) <= MAX_NAMED:
            above.legend(loc="upper right", ncols=4, borderaxespad=0.2)
    return figure


def _over_time(axes: Axes, fix: xr.Dataset) -> None:
    ratio = column(fix, "normalized_residual", "measurement")
    time_s = column(fix, "time_s", "measurement")
    half = 1.35 * max(3.5, float(np.nanmax(np.abs(ratio))))
    margin = 0.03 * float(np.ptp(time_s)) or 1.0
    limits = (float(time_s.min()) - margin, float(time_s.max()) + margin)
    axes.fill_between(limits, -3.0, 3.0, color=style.BAND, linewidth=0.0)
    axes.axhline(0.0, color=style.GRAY, linewidth=0.6, zorder=1.5)
    _dots(axes, fix, time_s, ratio)
    axes.set_xlim(*limits)
    axes.set_ylim(-half, half)
    reference = text(fix, "reference_epoch")
    since = f"Time since {words.clock(reference)} UTC [s]" if reference else "Time [s]"
    axes.set_xlabel(since)
    axes.set_ylabel("Residual over sigma")


def _over_power(axes: Axes, fix: xr.Dataset) -> None:
    power, residual, sigma = (
        column(fix, name, "measurement") for name in ("predicted", "residual", "sigma")
    )
    told = np.isfinite(power + residual + sigma)
    if not np.any(told):
        axes.set_axis_off()
        return
    order = np.flatnonzero(told)[np.argsort(power[told], kind="stable")]
    order = np.unique(order[np.linspace(0, len(order) - 1, 400).astype(int)])
    order = order[np.argsort(power[order], kind="stable")]
    reach = 3.0 * sigma[order]
    axes.fill_between(
        power[order], -reach, reach, color=style.BAND, linewidth=0.0, label="±3 sigma"
    )
    axes.axhline(0.0, color=style.GRAY, linewidth=0.6, zorder=1.5)
    _dots(axes, fix, np.where(told, power, np.nan), residual)
    half = 1.1 * max(float(np.max(np.abs(residual[told]))), float(np.median(reach)))
    axes.set_ylim(-half, half)
    axes.set_xlabel("Predicted power [dBW]")
    axes.set_ylabel("Residual [dB]")
    axes.legend(handles=axes.collections[:1], loc="lower right")


def _dots(
    axes: Axes, fix: xr.Dataset, x: np.ndarray, y: np.ndarray, *, labels: bool = True
) -> None:
    used = flags(fix, "used", "measurement")
    for i, (satellite, indices) in enumerate(measurements_by_satellite(fix)):
        chosen = indices[used[indices]]
        axes.plot(
            x[chosen],
            y[chosen],
            "o",
            color=style.satellite_color(i),
            markersize=3.4 if len(chosen) < CROWDED else 1.8,
            markeredgewidth=0.0,
            alpha=0.7,
            rasterized=len(chosen) > CROWDED,
            label=satellite,
        )
