"""Maps: the error ellipse around a fix in metres, and the candidates on the Earth."""

import math
from functools import cache
from importlib.resources import files

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import MultipleLocator

from leopnt.io.ellipse import error_ellipse_enu_m
from leopnt.report import style, words
from leopnt.report.labels import place_labels
from leopnt.report.reading import (
    broken_at_gaps,
    column,
    has_position,
    measurements_by_satellite,
    number,
    vector,
)

MIN_SPAN_DEG = 30.0
MAX_NAMED = 20


@cache
def land_rings_deg() -> tuple[np.ndarray, ...]:
    """Longitude and latitude [deg] of the bundled land outline, (point, 2) per ring.

    Rings are closed, their longitudes continuous (they may leave [-180, 180]). Natural Earth,
    1:110 million; see `data/README.md`.
    """
    with (files("leopnt.report") / "data" / "land.npz").open("rb") as file, np.load(file) as data:
        difference_mdeg, num_points = data["difference_mdeg"], data["num_points"]
    parts = np.split(difference_mdeg, np.cumsum(num_points)[:-1])
    return tuple(np.cumsum(part, axis=0) / 1000.0 for part in parts)


# The error ellipse


def ellipse_figure(fix: xr.Dataset) -> Figure | None:
    """The 50 and 95 % ellipses around the fix, and the truth if known, in metres.

    None if the fix has no position or its covariance is not finite.
    """
    if not has_position(fix) or "covariance_enu_m2" not in fix:
        return None
    covariance = fix["covariance_enu_m2"].values
    outer_m = error_ellipse_enu_m(covariance, 0.95)
    if not np.all(np.isfinite(outer_m)):
        return None
    truth_m = -vector(fix, "error_enu_m", 3)[:2]
    half_m = 1.25 * max(float(np.abs(outer_m).max()), float(np.nanmax(np.abs(truth_m), initial=0)))
    unit_name, scale = ("mm", 1e3) if half_m < 0.1 else ("km", 1e-3) if half_m > 2e4 else ("m", 1.0)
    with style.look():
        figure = style.new_figure(6.45)
        axes = style.axes_with_margins(figure, 0.95, 0.9, 1.0, 0.7)
        axes.set_aspect("equal")
        _draw_ellipses(axes, covariance, scale)
        _draw_truth(axes, truth_m * scale, fix)
        axes.set_xlim(-half_m * scale, half_m * scale)
        axes.set_ylim(-half_m * scale, half_m * scale)
        axes.set_xlabel(f"East of the fix [{unit_name}]")
        axes.set_ylabel(f"North of the fix [{unit_name}]")
        sigma = words.east_north_up(vector(fix, "sigma_enu_m", 3))
        style.heading(axes, f"Fix at {words.fix_place(fix)}", f"predicted 1-sigma {sigma}")
        _draw_scale_bar(axes, half_m * scale, unit_name)
        _note_candidates(axes, fix)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=4)
    return figure


def _draw_ellipses(axes: Axes, covariance: np.ndarray, scale: float) -> None:
    for probability, alpha in ((0.95, 0.10), (0.50, 0.18)):
        east, north = (error_ellipse_enu_m(covariance, probability) * scale).T
        axes.fill(east, north, facecolor=style.FIX_COLOR, alpha=alpha, linewidth=0.0)
        axes.plot(
            east,
            north,
            color=style.FIX_COLOR,
            linestyle="-" if probability > 0.9 else "--",
            label=f"{100 * probability:.0f} % ellipse",
        )
    axes.axhline(0.0, color=style.FIX_COLOR, linewidth=0.6)
    axes.axvline(0.0, color=style.FIX_COLOR, linewidth=0.6)
    axes.plot(0.0, 0.0, "o", color=style.FIX_COLOR, markersize=7, label="fix")


def _draw_truth(axes: Axes, truth: np.ndarray, fix: xr.Dataset) -> None:
    if not np.all(np.isfinite(truth)):
        return
    axes.plot([0.0, truth[0]], [0.0, truth[1]], color=style.TRUTH_COLOR, linewidth=1.0)
    axes.plot(
        *truth,
        "+",
        color=style.TRUTH_COLOR,
        markersize=14,
        markeredgewidth=2.4,
        label=f"truth, {words.length(number(fix, 'error_horizontal_m'), 3)} away",
    )


def _round_below(value: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is not above the value."""
    power = 10.0 ** math.floor(math.log10(value))
    return power * max(m for m in (1, 2, 5) if m * power <= value)


def _draw_scale_bar(axes: Axes, half: float, unit_name: str) -> None:
    size = _round_below(0.45 * half)
    right, low = 0.94 * half, -0.93 * half
    axes.plot([right - size, right], [low, low], color=style.INK, linewidth=3.0,
              solid_capstyle="butt")  # fmt: skip
    axes.annotate(f"{size:g} {unit_name}", (right - size / 2, low), (0, 4), ha="center",
                  textcoords="offset points", fontsize=10.0)  # fmt: skip


def _note_candidates(axes: Axes, fix: xr.Dataset) -> None:
    others = words.other_candidates(fix)
    if not len(others):
        return
    away = words.length(words.candidate_distance_m(fix, int(others[0])))
    note = (
        f"{words.counted(len(others), 'other candidate')} off this map: best {away} away, "
        f"{words.candidate_misfit(fix, int(others[0]))}"
    )
    axes.annotate(
        note,
        (0.5, 0.0),
        (0.0, 4.0),
        xycoords=("axes fraction", "figure fraction"),
        textcoords="offset points",
        color=style.GRAY,
        fontsize=9.5,
        ha="center",
    )


# The Earth


def earth_figure(fix: xr.Dataset) -> Figure | None:
    """The fix, the other candidates and the ground below the satellites; None without a position.

    Longitude and latitude are both to scale at the middle latitude of the map. Satellites need the
    variables `satellite_latitude_deg` and `satellite_longitude_deg` (measurement).
    """
    if not has_position(fix):
        return None
    tracks = _ground_tracks(fix)
    positions = _candidate_positions(fix)
    everything = np.concatenate([*(track for _, track in tracks), positions])
    with style.look():
        figure, axes = earth_axes(everything)
        _draw_candidates(axes, positions)
        _draw_ground_tracks(axes, tracks)
        _name_on_earth(axes, fix, tracks, positions)
        style.heading(axes, "Candidate positions and satellites on the Earth")
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0.06, 0.0),
            bbox_transform=figure.transFigure,
            ncols=3,
        )
    return figure


def turned(lon_deg: np.ndarray, middle_deg: float) -> np.ndarray:
    """Longitudes within half a turn of the middle, so that the antimeridian is no edge."""
    return middle_deg + (lon_deg - middle_deg + 180.0) % 360.0 - 180.0


def _ground_tracks(fix: xr.Dataset) -> list[tuple[str, np.ndarray]]:
    lon_deg = column(fix, "satellite_longitude_deg", "measurement")
    lat_deg = column(fix, "satellite_latitude_deg", "measurement")
    time_s = column(fix, "time_s", "measurement")
    middle_deg = number(fix, "longitude_deg")
    tracks = []
    for name, indices in measurements_by_satellite(fix):
        track = np.stack([turned(lon_deg[indices], middle_deg), lat_deg[indices]], axis=-1)
        track = broken_at_gaps(track, time_s[indices])
        if len(track):
            tracks.append((name, track))
    return tracks


def _candidate_positions(fix: xr.Dataset) -> np.ndarray:
    """The fix first, then the other candidates, best first."""
    lon_deg, lat_deg = number(fix, "longitude_deg"), number(fix, "latitude_deg")
    others = words.other_candidates(fix)
    other_lon_deg = column(fix, "candidate_longitude_deg", "candidate")[others]
    other_lat_deg = column(fix, "candidate_latitude_deg", "candidate")[others]
    lon = [lon_deg, *turned(other_lon_deg, lon_deg).tolist()]
    return np.stack([np.array(lon), np.array([lat_deg, *other_lat_deg.tolist()])], axis=-1)


def map_limits_deg(points_deg: np.ndarray) -> tuple[float, float, float, float]:
    """West, east, south and north of a map with the points, half to two thirds as high as wide."""
    low, high = np.nanmin(points_deg, axis=0), np.nanmax(points_deg, axis=0)
    margin = np.maximum(0.12 * (high - low), (MIN_SPAN_DEG - (high - low)) / 2)
    (west, south), (east, north) = (low - margin).tolist(), (high + margin).tolist()
    south, north = max(south, -90.0), min(north, 90.0)
    squeeze = math.cos(math.radians((south + north) / 2))
    missing = 1.5 * (north - south) / max(squeeze, 0.2) - (east - west)
    if missing > 0.0:
        west, east = west - missing / 2, east + missing / 2
    missing = 0.5 * (east - west) * squeeze - (north - south)
    if missing > 0.0:
        south, north = max(south - missing / 2, -90.0), min(north + missing / 2, 90.0)
    if east - west > 360.0:
        middle = (east + west) / 2
        west, east = middle - 180.0, middle + 180.0
    return west, east, south, north


def earth_axes(
    points_deg: np.ndarray, bottom_in: float = 0.72, top_in: float = 0.5
) -> tuple[Figure, Axes]:
    """A figure with the land around these points (longitude, latitude), to be drawn upon.

    `bottom_in` inches stay free below the map, `top_in` above it.
    """
    return axes_between(map_limits_deg(points_deg), bottom_in, top_in)


def axes_between(
    limits_deg: tuple[float, float, float, float], bottom_in: float, top_in: float
) -> tuple[Figure, Axes]:
    """As `earth_axes`, from west to east and from south to north."""
    west, east, south, north = limits_deg
    stretch = 1.0 / max(math.cos(math.radians((south + north) / 2)), 0.2)
    width_in = style.WIDTH_IN - 0.95
    height_in = width_in * (north - south) * stretch / (east - west)
    figure = style.new_figure(height_in + bottom_in + top_in)
    axes = style.axes_with_margins(figure, 0.7, 0.25, bottom_in, top_in)
    axes.set_facecolor(style.SEA)
    _draw_land(axes, west, east)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    _degree_ticks(axes)
    for spine in axes.spines.values():
        spine.set_visible(True)
    return figure, axes


def land_between_deg(west: float, east: float) -> list[np.ndarray]:
    """The rings of land that reach between two longitudes, on any turn of the circle."""
    moved = (
        ring + np.array([turn_deg, 0.0])
        for ring in land_rings_deg()
        for turn_deg in (-720.0, -360.0, 0.0, 360.0, 720.0)
    )
    return [ring for ring in moved if ring[:, 0].max() >= west and ring[:, 0].min() <= east]


def _draw_land(axes: Axes, west: float, east: float) -> None:
    _add_land(axes, west, east, facecolor=style.LAND, edgecolor=style.COAST, zorder=0.5)


def draw_coast(axes: Axes) -> None:
    """The outline of the land over what fills the map: dark with a light seam, on any color."""
    west, east = axes.get_xlim()
    light = {"edgecolor": "white", "linewidth": 1.4, "alpha": 0.6, "zorder": 2.4}
    _add_land(axes, west, east, facecolor="none", **light)
    _add_land(axes, west, east, facecolor="none", edgecolor=style.INK, zorder=2.5)


def _add_land(axes: Axes, west: float, east: float, **look) -> None:
    """All rings as one path, so that the Caspian Sea, wound the other way, stays a hole."""
    shown = [Outline(ring, closed=True) for ring in land_between_deg(west, east)]
    if shown:
        land = Outline.make_compound_path(*shown)
        axes.add_patch(PathPatch(land, **{"linewidth": 0.6, **look}))


def _degree_ticks(axes: Axes) -> None:
    axes.locator_params(nbins=7, steps=[1, 2, 3, 6, 10])
    west, east = axes.get_xlim()
    if east - west > 300.0:
        axes.xaxis.set_major_locator(MultipleLocator(60.0))
    if np.ptp(axes.get_ylim()) > 120.0:
        axes.yaxis.set_major_locator(MultipleLocator(30.0))
    axes.xaxis.set_major_formatter(lambda x, _: _degrees(x, words.longitude))
    axes.yaxis.set_major_formatter(lambda y, _: _degrees(y, words.latitude))
    axes.set_xlabel("")


def _degrees(value_deg: float, form) -> str:
    """A degree with its direction; 0 and 180 have none."""
    if round(value_deg) == 0:
        return "0°"
    if abs(round(value_deg)) % 360 == 180:
        return "180°"
    return form(value_deg, 0).replace(" ", "°")


def _draw_ground_tracks(axes: Axes, tracks: list[tuple[str, np.ndarray]]) -> None:
    for i, (_, track) in enumerate(tracks):
        color = style.satellite_color(i)
        axes.plot(*track.T, color=color, linewidth=2.2)
        label = "below a satellite, last measurement" if i == 0 else None
        axes.plot(*track[-1], "o", color=color, markersize=5.5, linestyle="none", label=label)


def _draw_candidates(axes: Axes, positions: np.ndarray) -> None:
    axes.plot(
        *positions[0],
        "*",
        color=style.FIX_COLOR,
        markeredgecolor="white",
        markersize=18,
        label="fix",
        linestyle="none",
        zorder=5,
    )
    if len(positions) > 1:
        axes.plot(
            *positions[1:].T,
            "D",
            color="white",
            markeredgecolor=style.REJECTED_COLOR,
            markeredgewidth=1.8,
            markersize=7,
            linestyle="none",
            label="other candidate",
        )


def _name_on_earth(
    axes: Axes, fix: xr.Dataset, tracks: list[tuple[str, np.ndarray]], positions: np.ndarray
) -> None:
    """Candidates by how well they fit, satellites by their names."""
    others = words.other_candidates(fix).tolist()
    labels = ["fix", *(words.candidate_misfit(fix, i) for i in others)]
    colors = [style.FIX_COLOR, *[style.REJECTED_COLOR] * len(others)]
    named = tracks[:MAX_NAMED]
    points = np.concatenate([*(track for _, track in tracks), positions])
    place_labels(
        axes,
        [point[None, :] for point in (*positions, *(track[-1] for _, track in named))],
        [*labels, *(name for name, _ in named)],
        [*colors, *(style.satellite_color(i) for i in range(len(named)))],
        points[np.all(np.isfinite(points), axis=1)],
    )
