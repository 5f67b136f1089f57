"""Footprints of an antenna's beams: in its plane of direction cosines, and on the Earth."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, PathPatch
from matplotlib.path import Path as Outline

from leopnt.errors import LeopntError
from leopnt.methods.power.footprints import EarthFootprints, PlaneFootprints
from leopnt.report import style
from leopnt.report.maps import earth_axes

_SAME_DB = 0.5
"""Peaks that follow each other by less share a color."""

_LIMB = {"colors": style.INK, "linestyles": "--", "linewidths": 1.2}
_SATELLITE: dict[str, Any] = {
    "marker": "*",
    "color": style.INK,
    "markersize": 9.0,
    "markeredgecolor": "white",
    "linestyle": "none",
    "zorder": 4.0,
}


def plane_figure(footprints: PlaneFootprints, level_db: float = -3.0) -> Figure:
    """Contours of every beam in (u, v), with the limb of the Earth.

    Args:
        level_db: below the peak of each beam.

    Raises:
        LeopntError: a level of 0 dB or more.
    """
    _check_level(level_db)
    limb = float(np.sin(footprints.limb_rad))
    with style.look():
        figure = style.new_figure(6.75)
        axes = style.axes_with_margins(figure, 0.8, 0.25, 1.0, 0.75)
        axes.set_aspect("equal")
        _shade_off_earth(axes, limb, float(footprints.u[-1]))
        groups = _groups(footprints.peak_dbw)
        for below, color in zip(footprints.below_peak_db, groups.colors, strict=True):
            _contour(axes, footprints.u, footprints.v, below.T, level_db, color)
        _number(axes, footprints.peak_u, footprints.peak_v, groups.colors)
        axes.set_xlim(footprints.u[0], footprints.u[-1])
        axes.set_ylim(footprints.v[0], footprints.v[-1])
        axes.set_xlabel("Direction cosine u, along the antenna's x axis")
        axes.set_ylabel("Direction cosine v")
        style.heading(
            axes, _title(level_db, footprints), "numbers at the peaks; gray: off the Earth"
        )
        limb_line = Line2D([], [], color=style.INK, linestyle="--", linewidth=1.2, label="limb")
        _legend(figure, axes, [*groups.handles, limb_line])
    return figure


def earth_figure(footprints: EarthFootprints, level_db: float = -3.0) -> Figure:
    """Contours of every beam on the Earth, with the horizon of the satellite.

    Args:
        level_db: below the peak of each beam on the ground.

    Raises:
        LeopntError: a level of 0 dB or more.
    """
    _check_level(level_db)
    lat_deg, lon_deg = np.degrees(footprints.lat_rad), np.degrees(footprints.lon_rad)
    with style.look():
        figure, axes = _map(footprints)
        groups = _groups(footprints.peak_dbw)
        for below, color in zip(footprints.below_peak_db, groups.colors, strict=True):
            _contour(axes, lon_deg, lat_deg, below, level_db, color)
        elevation_deg = np.degrees(footprints.elevation_rad)
        axes.contour(lon_deg, lat_deg, elevation_deg, [0.0], **_LIMB)
        at = np.degrees(footprints.peak_lon_rad), np.degrees(footprints.peak_lat_rad)
        _number(axes, *at, groups.colors, 7.5)
        below_satellite = np.degrees([footprints.sat_lon_rad]), np.degrees([footprints.sat_lat_rad])
        axes.plot(*below_satellite, **_SATELLITE)
        style.heading(
            axes, _title(level_db, footprints), "numbers where a beam is strongest on the ground"
        )
        handles = [
            *groups.handles,
            Line2D([], [], color=style.INK, linestyle="--", linewidth=1.2, label="horizon"),
            Line2D([], [], label="nadir", **_SATELLITE),
        ]
        _legend(figure, axes, handles)
    return figure


def _map(footprints: EarthFootprints) -> tuple[Figure, Axes]:
    """A map of what the satellite sees, filled by it."""
    seen = footprints.elevation_rad >= 0.0
    lat_deg = np.degrees(footprints.lat_rad)[np.any(seen, axis=1)]
    lon_deg = np.degrees(footprints.lon_rad)[np.any(seen, axis=0)]
    west, east = lon_deg[0] - 2.0, lon_deg[-1] + 2.0
    south, north = max(lat_deg[0] - 2.0, -90.0), min(lat_deg[-1] + 2.0, 90.0)
    figure, axes = earth_axes(np.array([[west, south], [east, north]]))
    left, bottom, right, top = 0.7, 0.95, 0.25, 0.75
    width_in = style.WIDTH_IN - left - right
    squeeze = max(float(np.cos(np.radians(0.5 * (south + north)))), 0.2)
    height_in = width_in * (north - south) / ((east - west) * squeeze)
    height_in = min(height_in, 1.3 * width_in)
    whole_in = height_in + bottom + top
    figure.set_size_inches(style.WIDTH_IN, whole_in)
    axes.set_position(
        (left / style.WIDTH_IN, bottom / whole_in, width_in / style.WIDTH_IN, height_in / whole_in)
    )
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    return figure, axes


class _Groups(NamedTuple):
    """A color for each beam, and lines for a legend."""

    colors: list[str]
    handles: list[Line2D]


def _groups(peak_dbw: np.ndarray) -> _Groups:
    """Beams of about one peak share a color; one color for all if there are many peaks."""
    order = np.argsort(peak_dbw)
    rank = np.empty(len(order), int)
    rank[order] = np.cumsum(np.append(0, np.diff(peak_dbw[order]) > _SAME_DB))
    if rank.max() >= len(style.SATELLITE_COLORS):
        handle = Line2D([], [], color=style.BLUE, label="beams")
        return _Groups([style.BLUE] * len(rank), [handle])
    handles = []
    for group in range(rank.max() + 1):
        peak = float(np.mean(peak_dbw[rank == group]))
        color = style.satellite_color(group)
        handles.append(Line2D([], [], color=color, label=f"{peak:.0f} dBW"))
    return _Groups([style.satellite_color(int(group)) for group in rank], handles)


def _contour(axes: Axes, x, y, below_peak_db, level_db: float, color: str) -> None:
    shown = below_peak_db[np.isfinite(below_peak_db)]
    if shown.size and shown.min() < level_db < shown.max():
        axes.contour(
            x, y, below_peak_db, [level_db], colors=color, linestyles="-", linewidths=1.3, zorder=3
        )


def _number(axes: Axes, x: np.ndarray, y: np.ndarray, colors: list[str], size: float = 8.5) -> None:
    """The number of each beam, from 0, at its peak."""
    for number, place in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        axes.annotate(
            str(number), place, color=colors[number], fontsize=size, ha="center", va="center",
            zorder=4,
        )  # fmt: skip


def _shade_off_earth(axes: Axes, limb: float, edge: float) -> None:
    """Everything beyond the limb, and the limb as a line."""
    around = 2.0 * edge
    square = Outline(around * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]), closed=True)
    # Wound the other way, the circle is a hole.
    turn = np.linspace(0.0, -2.0 * np.pi, 361)
    circle = Outline(limb * np.stack([np.cos(turn), np.sin(turn)], axis=1), closed=True)
    outside = Outline.make_compound_path(square, circle)
    axes.add_patch(PathPatch(outside, facecolor=style.BAND, edgecolor="none", zorder=0.5))
    axes.add_patch(
        Circle((0.0, 0.0), limb, fill=False, edgecolor=style.INK, linestyle="--", linewidth=1.2)
    )


def _title(level_db: float, footprints: PlaneFootprints | EarthFootprints) -> str:
    count = len(footprints.peak_dbw)
    beams = "The beam" if count == 1 else f"{count} beams"
    return f"{beams}, {-level_db:g} dB below peak EIRP"


def _legend(figure: Figure, axes: Axes, handles: list[Line2D]) -> None:
    axes.legend(
        handles=handles,
        title="peak EIRP",
        alignment="left",
        loc="lower center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=figure.transFigure,
        ncols=min(len(handles), 6),
    )


def _check_level(level_db: float) -> None:
    if not level_db < 0.0:
        raise LeopntError(f"level_db = {level_db:g} dB: expected below 0, the peak of a beam.")
