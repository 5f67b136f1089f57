"""The sky as seen from a place, and how it changes: sky plot, satellites and DOP over time."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from leopnt.report import style, words
from leopnt.report.labels import place_labels
from leopnt.report.reading import (
    broken_at_gaps,
    column,
    flags,
    measurements_by_satellite,
    number,
    strings,
)

MAX_LABELS = 14
MAX_TRACKS = 40
SNAPSHOT = np.timedelta64(90, "s")
RINGS_DEG = (0.0, 30.0, 60.0)
DOP_LINES = {
    "gdop": (style.INK, "-"),
    "pdop": (style.BLUE, "-"),
    "hdop": (style.GREEN, "--"),
    "vdop": (style.VERMILION, ":"),
}


def _on_the_page(azimuth_deg: np.ndarray, elevation_deg: np.ndarray) -> np.ndarray:
    """East to the right, north up, the zenith in the center, the horizon at 90."""
    azimuth_rad = np.radians(azimuth_deg)
    radius = (90.0 - elevation_deg)[:, None]
    return radius * np.stack([np.sin(azimuth_rad), np.cos(azimuth_rad)], axis=-1)


def _spot(azimuth_deg: float, elevation_deg: float) -> np.ndarray:
    return _on_the_page(np.array([azimuth_deg]), np.array([elevation_deg]))[0]


RING_LABELS = {ring_deg: _spot(45.0, ring_deg + 4.0) for ring_deg in RINGS_DEG}
AZIMUTH_LABELS = {
    azimuth_deg: (
        {0: "N", 90: "E", 180: "S", 270: "W"}.get(azimuth_deg, f"{azimuth_deg}°"),
        _spot(float(azimuth_deg), -6.5),
    )
    for azimuth_deg in range(0, 360, 30)
}


def fix_sky_figure(fix: xr.Dataset) -> Figure | None:
    """Where the satellites stood that were measured; None if no direction is known."""
    az_deg, el_deg = (column(fix, f"{n}_deg", "measurement") for n in ("azimuth", "elevation"))
    if not np.any(np.isfinite(az_deg + el_deg)):
        return None
    used = flags(fix, "used", "measurement")
    time_s = column(fix, "time_s", "measurement")
    tracks, names = [], []
    for name, indices in measurements_by_satellite(fix):
        track = _on_the_page(az_deg[indices], el_deg[indices])
        track = broken_at_gaps(track, time_s[indices])
        if len(track):
            tracks.append(track)
            names.append(name)
    with style.look():
        figure = style.new_figure(5.95)
        axes = _sky_axes(figure, "Satellites measured", words.use_sentence(fix).rstrip("."))
        _draw_tracks(axes, tracks, names)
        away = _on_the_page(az_deg[~used], el_deg[~used])
        rejected = {"color": style.REJECTED_COLOR, "markersize": 5.0, "markeredgewidth": 1.4}
        if len(away):
            axes.plot(*away.T, "x", label="rejected", zorder=5, **rejected)
            axes.legend(loc="lower right")
    return figure


def sky_figure(sky: xr.Dataset) -> Figure | None:
    """Tracks of all satellites above the mask; None if there is none.

    More than 40 tracks would be a smear: then the sky is drawn as it stands at the middle epoch,
    each satellite with the next 90 s of its way.
    """
    sky, subtitle = _thinned(sky)
    visible = np.asarray(sky["visible"].values, bool)
    elevation_deg = np.where(visible, sky["elevation_deg"].values, np.nan)
    seen = np.flatnonzero(visible.any(axis=1))
    if not len(seen):
        return None
    order = seen[np.argsort(-np.nanmax(elevation_deg[seen], axis=1), kind="stable")]
    names = strings(sky, "satellite", "satellite")
    azimuth_deg = sky["azimuth_deg"].values
    tracks = [_on_the_page(azimuth_deg[i], elevation_deg[i]) for i in order]
    with style.look():
        figure = style.new_figure(5.95)
        axes = _sky_axes(figure, "Satellites above the mask", subtitle)
        mask_deg = number(sky, "mask_deg")
        if mask_deg > 0.0:
            axes.add_patch(
                Circle((0, 0), 90.0 - mask_deg, fill=False, color=style.GRAY, linestyle=":")
            )
        _draw_tracks(axes, tracks, [names[i] for i in order])
    return figure


def _thinned(sky: xr.Dataset) -> tuple[xr.Dataset, str]:
    """The sky itself, or its middle 90 s if it holds too many tracks; and what it then shows."""
    visible = np.asarray(sky["visible"].values, bool)
    if visible.any(axis=1).sum() <= MAX_TRACKS:
        return sky, _time_span(sky)
    time = _instants(strings(sky, "epoch_utc", "epoch"))
    middle = len(time) // 2
    shown = np.flatnonzero((time >= time[middle]) & (time <= time[middle] + SNAPSHOT))
    part = sky.isel(epoch=shown, satellite=np.flatnonzero(visible[:, middle]))
    return part, _time_span(part)


def _sky_axes(figure: Figure, title: str, subtitle: str) -> Axes:
    axes = style.axes_with_margins(figure, 0.2, 0.2, 0.05, 0.65)
    axes.set_aspect("equal")
    axes.set_xlim(-113.0, 113.0)
    axes.set_ylim(-102.0, 102.0)
    axes.axis("off")
    style.heading(axes, title, subtitle)
    axes.add_patch(Circle((0, 0), 90.0, facecolor=style.SEA, edgecolor="none", zorder=0))
    for ring_deg in RINGS_DEG:
        axes.add_patch(
            Circle(
                (0, 0),
                90.0 - ring_deg,
                fill=False,
                color=style.GRAY if ring_deg == 0 else style.PALE,
                linewidth=1.0,
                zorder=1,
            )
        )
        axes.text(
            float(RING_LABELS[ring_deg][0]),
            float(RING_LABELS[ring_deg][1]),
            f"{ring_deg:.0f}°",
            color=style.GRAY,
            fontsize=9.0,
            ha="center",
            va="center",
            zorder=1.2,
        )
    _draw_azimuths(axes)
    return axes


def _draw_azimuths(axes: Axes) -> None:
    for azimuth_deg, (label, spot) in AZIMUTH_LABELS.items():
        rim = spot * 90.0 / np.linalg.norm(spot)
        axes.plot([0.0, rim[0]], [0.0, rim[1]], color=style.PALE, linewidth=0.7, zorder=1)
        cardinal = azimuth_deg % 90 == 0
        axes.text(
            float(spot[0]),
            float(spot[1]),
            label,
            color=style.INK if cardinal else style.GRAY,
            fontsize=12.0 if cardinal else 9.0,
            fontweight="bold" if cardinal else "normal",
            ha="center",
            va="center",
        )


def _draw_tracks(axes: Axes, tracks: Sequence[np.ndarray], names: Sequence[str]) -> None:
    """Tracks with an arrow at the end; the first `MAX_LABELS` colored and named."""
    tips = []
    for i, track in reversed(list(enumerate(tracks))):
        named = i < MAX_LABELS
        color = style.satellite_color(i) if named else style.FAINT
        axes.plot(*track.T, color=color, linewidth=2.2 if named else 1.0)
        tips.append(_arrow(axes, _finite(track), color, 1.0 if named else 0.6))
    spots = np.array([*RING_LABELS.values(), *(spot for _, spot in AZIMUTH_LABELS.values())])
    kept_free = [spots + np.array([dx, 0.0]) for dx in (-4.0, -2.0, 0.0, 2.0, 4.0)] * 3
    place_labels(
        axes,
        [_along(_finite(track)) for track in tracks[:MAX_LABELS]],
        names[:MAX_LABELS],
        [style.satellite_color(i) for i in range(len(names[:MAX_LABELS]))],
        np.concatenate([*map(_dense, tracks), *kept_free, np.array(tips)]),
    )


def _finite(track: np.ndarray) -> np.ndarray:
    return track[np.all(np.isfinite(track), axis=1)]


def _dense(track: np.ndarray) -> np.ndarray:
    """The track with four points between neighbors, so that no label slips in between."""
    fine = np.arange(0.0, len(track) - 0.9, max(0.2, len(track) / 200.0))
    index = np.arange(len(track))
    return _finite(np.stack([np.interp(fine, index, axis) for axis in track.T], axis=-1))


def _along(track: np.ndarray) -> np.ndarray:
    """Where a track may be named, best first: the middle, then towards its ends."""
    places = np.array([0.5, 0.35, 0.65, 0.2, 0.8, 0.08, 0.92]) * (len(track) - 1)
    return track[np.round(places).astype(int)]


def _arrow(axes: Axes, track: np.ndarray, color: str, size: float) -> np.ndarray:
    """A short arrow in the direction of motion from the end of the track; return its tip.

    A track that does not move gets a dot.
    """
    back = track[-1] - track
    moved = np.flatnonzero(np.linalg.norm(back, axis=1) > 1e-6)
    if not len(moved):
        axes.plot(*track[-1], "o", color=color, markersize=6.0 * size)
        return track[-1]
    step = back[moved[-1]]
    tip = track[-1] + 7.0 * size * step / np.linalg.norm(step)
    axes.annotate(
        "",
        tip,
        track[-1],
        arrowprops={
            "arrowstyle": "-|>",
            "color": color,
            "linewidth": 1.2 * size,
            "mutation_scale": 13 * size,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
    return tip


def _time_span(sky: xr.Dataset) -> str:
    epochs = strings(sky, "epoch_utc", "epoch")
    where = words.place(number(sky, "latitude_deg"), number(sky, "longitude_deg"))
    mask = f"mask {words.significant(number(sky, 'mask_deg'), 2)}°"
    return f"{where}, {words.time_span(epochs)}, {mask}"


# Over time


def satellites_and_dop_figure(sky: xr.Dataset) -> Figure | None:
    """How many satellites are up, and the DOPs, over time; None for a single epoch."""
    if sky.sizes.get("epoch", 0) < 2:
        return None
    with style.look():
        figure = style.new_figure(5.4)
        upper = style.axes_with_margins(figure, 0.75, 0.75, 3.25, 0.65)
        lower = style.axes_with_margins(figure, 0.75, 0.75, 0.65, 2.4)
        time = _instants(strings(sky, "epoch_utc", "epoch"))
        _draw_counts(upper, time, column(sky, "num_visible", "epoch"))
        style.heading(upper, "Satellites above the mask and DOP", _time_span(sky))
        _draw_dops(lower, time, sky)
        for axes in (upper, lower):
            axes.set_xlim(time[0], time[-1])
        upper.tick_params(labelbottom=False)
        _time_axis(lower, time)
    return figure


def _instants(epochs_utc: Sequence[str]) -> np.ndarray:
    """Instants for plotting; a leap second is drawn at the end of the second before it."""
    plain = [text.rstrip("Z").replace(":60", ":59.999", 1) for text in epochs_utc]
    cut = [text if ":59.999" not in text else text.split(".999")[0] + ".999" for text in plain]
    return np.array(cut, dtype="datetime64[ms]")


def _time_axis(axes: Axes, time: np.ndarray) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.set_xlabel(f"Time, UTC, from {str(time[0]).replace('T', ' ')[:19]}")


def _draw_counts(axes: Axes, time: np.ndarray, count: np.ndarray) -> None:
    axes.fill_between(time, count, step="post", color=style.BAND, linewidth=0.0)
    axes.step(time, count, where="post", color=style.BLUE)
    axes.set_ylim(0.0, max(4.0, float(np.nanmax(count))) * 1.15)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.set_ylabel("Satellites")


def _draw_dops(axes: Axes, time: np.ndarray, sky: xr.Dataset) -> None:
    curves = {name: column(sky, name, "epoch") for name in DOP_LINES if name in sky}
    finite = np.concatenate([values[np.isfinite(values)] for values in curves.values()] or [[]])
    axes.set_ylabel("DOP")
    if not len(finite):
        axes.text(0.5, 0.5, "no DOP: too few satellites at every epoch", ha="center",
                  transform=axes.transAxes, color=style.GRAY)  # fmt: skip
        return
    top = min(1.1 * float(finite.max()), max(2.0 * float(np.percentile(finite, 90)), 5.0))
    axes.set_ylim(0.0, top)
    ends = {}
    for name, values in curves.items():
        color, dash = DOP_LINES[name]
        axes.plot(time, values, dash, color=color)
        shown = np.flatnonzero(np.isfinite(values))
        if len(shown):
            ends[name] = min(float(values[shown[-1]]), top)
    for name, height in _spread_apart(ends, 0.085 * top).items():
        axes.annotate(
            name.upper(),
            (1.0, height),
            (6.0, 0.0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            color=DOP_LINES[name][0],
            fontweight="bold",
            fontsize=10.0,
            va="center",
        )


def _spread_apart(heights: dict[str, float], gap: float) -> dict[str, float]:
    """Heights of labels pushed up until neighbors are a gap apart."""
    placed: dict[str, float] = {}
    last = -np.inf
    for name in sorted(heights, key=heights.__getitem__):
        last = max(heights[name], last + gap)
        placed[name] = last
    return placed
