"""A plot told apart from how it is drawn: numbers, words, and looks by number.

`study_figures` draws a `Plot` with matplotlib, `interactive` with plotly.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from leopnt.report.maps import turned

INK = -1
"""The color of what is no member of a family."""
LINES = ("solid", "dashed", "dotted", "dashdot")


@dataclass(frozen=True)
class Look:
    """How a series is told from the others: a color and a marker by number, a kind of line."""

    color: int
    line: str = "solid"
    marker: int | None = None


@dataclass(frozen=True)
class Axis:
    """Label with unit, scale, and the names of the places 0, 1, 2... if these are no numbers."""

    label: str
    log: bool = False
    ticks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Series:
    """A line (or points, if the look has no line) under its full name."""

    name: str
    x: np.ndarray
    y: np.ndarray
    look: Look


@dataclass(frozen=True)
class Key:
    """An entry of the legend."""

    name: str
    look: Look


@dataclass(frozen=True, eq=False)
class Bar:
    """One layer of stacked bars: its name, its color by number, its share [%] at each point."""

    name: str
    color: int
    shares: np.ndarray


@dataclass(frozen=True, eq=False)
class MapPoints:
    """Places on the Earth with a value each; not finite where there is none.

    `cell_deg`: steps in longitude and latitude of places that fill a grid and are drawn as cells;
    None for places that are drawn as points. `missing` says what has no value, for the legend;
    `subtitle` what the map of a grid is about.
    """

    names: tuple[str, ...]
    lon_deg: np.ndarray
    lat_deg: np.ndarray
    values: np.ndarray
    label: str
    log: bool
    cell_deg: tuple[float, float] | None = None
    missing: str = ""
    subtitle: str = ""


class Cells(NamedTuple):
    """Places of a grid as a table: middles of the cells, edges, and values (latitude, longitude).

    Longitudes are turned as in `map_points_deg`.
    """

    lon_deg: np.ndarray
    lat_deg: np.ndarray
    lon_edges_deg: np.ndarray
    lat_edges_deg: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Plot:
    """Everything a drawing needs; one of `series`, `bars` and `places` is filled.

    `alternative` says what the plot shows to those who cannot see it, `caption` how to read it.
    """

    name: str
    title: str
    x: Axis
    y: Axis
    caption: str
    alternative: str
    series: tuple[Series, ...] = ()
    legend_title: str = ""
    keys: tuple[Key, ...] = ()
    bars: tuple[Bar, ...] = ()
    places: MapPoints | None = None


def map_middle_deg(places: MapPoints) -> float:
    """The longitude opposite to the widest gap between the places: the middle of a map of them."""
    lon_deg = np.unique(places.lon_deg % 360.0)
    gaps = np.diff(np.append(lon_deg, lon_deg[0] + 360.0))
    widest = int(np.argmax(gaps))
    span_deg = 360.0 - gaps[widest]
    middle_deg = (lon_deg[(widest + 1) % len(lon_deg)] + span_deg / 2 + 180.0) % 360.0 - 180.0
    return 0.0 if span_deg > 270.0 else float(middle_deg)


def map_points_deg(places: MapPoints) -> np.ndarray:
    """Longitude and latitude (place, 2), turned so that the antimeridian splits nothing."""
    lon_deg = turned(places.lon_deg, map_middle_deg(places))
    return np.stack([lon_deg, places.lat_deg], axis=-1)


def map_cells(places: MapPoints) -> Cells:
    """The cells of places that have `cell_deg`; a pole, which is one place, fills its row."""
    assert places.cell_deg is not None
    points = map_points_deg(places)
    lon_deg, column = np.unique(points[:, 0].round(6), return_inverse=True)
    lat_deg, row = np.unique(points[:, 1].round(6), return_inverse=True)
    values = np.full((len(lat_deg), len(lon_deg)), np.nan)
    values[row.ravel(), column.ravel()] = places.values
    for at_pole in np.flatnonzero(np.abs(lat_deg) == 90.0):
        values[at_pole] = places.values[row.ravel() == at_pole][0]
    edges = [_edges(x, step) for x, step in zip((lon_deg, lat_deg), places.cell_deg, strict=True)]
    return Cells(lon_deg, lat_deg, edges[0], np.clip(edges[1], -90.0, 90.0), values)


def _edges(middle: np.ndarray, step: float) -> np.ndarray:
    return np.append(middle, middle[-1] + step) - 0.5 * step


def color_limits(places: MapPoints) -> tuple[float, float]:
    """Ends of the color scale: of many cells without the outermost half percent on either side."""
    values = places.values[np.isfinite(places.values)]
    if places.cell_deg is None:
        return float(values.min()), float(values.max())
    low, high = np.quantile(values, [0.005, 0.995])
    if low < high:
        return float(low), float(high)
    return float(values.min()), float(values.max())
