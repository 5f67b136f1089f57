"""Cells of equal angle over the Earth, a sphere or an ellipsoid, with their areas."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Float

from leopnt.constants import WGS84_FLATTENING, WGS84_SEMI_MAJOR_M
from leopnt.errors import LeopntError

MAX_CELLS = 5_000_000


@dataclasses.dataclass(frozen=True)
class EarthFigure:
    """An ellipsoid of revolution, or a sphere where the flattening is 0."""

    semi_major_m: float
    flattening: float

    def __post_init__(self):
        if not (self.semi_major_m > 0.0 and 0.0 <= self.flattening < 0.1):
            raise LeopntError(
                f"EarthFigure({self.semi_major_m!r}, {self.flattening!r}): expected a length above "
                "0 and a flattening from 0 to below 0.1."
            )

    @property
    def eccentricity2(self) -> float:
        """First eccentricity, squared."""
        return self.flattening * (2.0 - self.flattening)


WGS84 = EarthFigure(WGS84_SEMI_MAJOR_M, WGS84_FLATTENING)
SPHERE = EarthFigure(WGS84_SEMI_MAJOR_M, 0.0)
"""A sphere of the equatorial radius, as many coverage studies take it."""


@dataclasses.dataclass(frozen=True, eq=False)
class EarthGrid:
    """Cells between parallels and meridians; a user stands at the center of each.

    Cell index = row * columns + column; rows from south to north, columns from west to east. Made
    by `equal_angle_grid`.

    Attributes:
        figure: of the Earth.
        latitude_rad, longitude_rad: geodetic, of the centers.
        step_rad: sides of a cell, latitude then longitude.
        height_m: of the users above the figure.
    """

    figure: EarthFigure
    latitude_rad: Float[np.ndarray, " row"]
    longitude_rad: Float[np.ndarray, " column"]
    step_rad: tuple[float, float]
    height_m: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.latitude_rad), len(self.longitude_rad)

    @property
    def num_cells(self) -> int:
        """Rows times columns."""
        return len(self.latitude_rad) * len(self.longitude_rad)

    @property
    def axis_distance_m(self) -> Float[np.ndarray, " row"]:
        """Distance of the users of each row from the Earth's axis."""
        normal_m, cos = self._normal_m(), np.cos(self.latitude_rad)
        return (normal_m + self.height_m) * cos

    @property
    def equator_distance_m(self) -> Float[np.ndarray, " row"]:
        """Distance of the users of each row north of the plane of the equator."""
        squeeze = 1.0 - self.figure.eccentricity2
        return (squeeze * self._normal_m() + self.height_m) * np.sin(self.latitude_rad)

    @property
    def pos_ecef_m(self) -> Float[np.ndarray, "cell 3"]:
        """ECEF positions of the users, row after row."""
        p, z = self.axis_distance_m[:, None], self.equator_distance_m[:, None]
        lon = self.longitude_rad[None, :]
        xyz = np.broadcast_arrays(p * np.cos(lon), p * np.sin(lon), z)
        return np.stack(xyz, axis=-1).reshape(-1, 3)

    @property
    def area_weight(self) -> Float[np.ndarray, " cell"]:
        """Share of each cell in the area of the grid; sums to 1.

        Area between the equator and a geodetic latitude, on the ellipsoid:

            A = pi b^2 (s / (1 - e^2 s^2) + artanh(e s) / e),   s = sin(latitude)

        Source: [snyder-1987] eq. (3-12).
        """
        half = 0.5 * self.step_rad[0]
        top = np.sin(np.minimum(self.latitude_rad + half, 0.5 * np.pi))
        low = np.sin(np.maximum(self.latitude_rad - half, -0.5 * np.pi))
        e = math.sqrt(self.figure.eccentricity2)
        row = _zone(top, e) - _zone(low, e)
        return np.repeat(row / (row.sum() * self.shape[1]), self.shape[1])

    def _normal_m(self) -> np.ndarray:
        """Radius of curvature in the prime vertical."""
        sin = np.sin(self.latitude_rad)
        return self.figure.semi_major_m / np.sqrt(1.0 - self.figure.eccentricity2 * sin**2)


def equal_angle_grid(
    step_rad: float,
    *,
    figure: EarthFigure = WGS84,
    latitude_rad: tuple[float, float] = (-0.5 * math.pi, 0.5 * math.pi),
    longitude_rad: tuple[float, float] = (-math.pi, math.pi),
    height_m: float = 0.0,
) -> EarthGrid:
    """Cells with sides of `step_rad` that fill a region, by default the whole Earth.

    Args:
        step_rad: side of a cell; made a little smaller where it does not divide the region.
        figure: sphere or ellipsoid.
        latitude_rad, longitude_rad: edges of the region, south to north and west to east.
        height_m: of all users.

    Raises:
        LeopntError: no region, a step out of range, or too many cells.
    """
    (south, north), (west, east) = latitude_rad, longitude_rad
    if not -0.5 * math.pi - 1e-12 <= south < north <= 0.5 * math.pi + 1e-12:
        raise LeopntError(
            f"latitude_rad = {latitude_rad!r}: expected (south, north) within -pi/2 to pi/2."
        )
    if not (-2.0 * math.pi <= west < east <= 2.0 * math.pi and east - west <= 2 * math.pi + 1e-12):
        raise LeopntError(
            f"longitude_rad = {longitude_rad!r}: expected (west, east), at most 2 pi apart."
        )
    if not 0.0 < step_rad <= math.pi:
        raise LeopntError(f"step_rad = {step_rad!r}: expected a number above 0, at most pi.")
    rows, columns = (max(1, math.ceil((high - low) / step_rad - 1e-9))
                     for low, high in (latitude_rad, longitude_rad))  # fmt: skip
    if rows * columns > MAX_CELLS:
        raise LeopntError(
            f"step_rad = {step_rad!r} makes {rows * columns} cells; expected at most {MAX_CELLS}."
        )
    steps = (north - south) / rows, (east - west) / columns
    return EarthGrid(
        figure,
        south + steps[0] * (np.arange(rows) + 0.5),
        west + steps[1] * (np.arange(columns) + 0.5),
        steps,
        float(height_m),
    )


def _zone(sin_lat: np.ndarray, e: float) -> np.ndarray:
    """Area from the equator, in units of pi b^2; of a sphere, 2 pi R^2 s."""
    if e == 0.0:
        return 2.0 * sin_lat
    return sin_lat / (1.0 - (e * sin_lat) ** 2) + np.arctanh(e * sin_lat) / e
