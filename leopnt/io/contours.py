"""Antenna patterns as contours below the peak of each beam, and the way to a grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from leopnt.errors import LeopntError
from leopnt.io.patterns import RELATIVE_DB, CosinePattern

LONLAT, UV = "lonlat", "uv"


@dataclass(frozen=True, eq=False)
class Contour:
    """A closed line of one level.

    Attributes:
        level_db: below the peak, negative.
        points: (point, 2) corners, the first one not repeated.
    """

    level_db: float
    points: Float[np.ndarray, "point 2"]


@dataclass(frozen=True, eq=False)
class BeamContours:
    """Contours of one beam.

    Attributes:
        name: of the beam.
        peak: (2,) where the level is 0 dB.
        contours: in the order of the file.
    """

    name: str
    peak: Float[np.ndarray, "2"]
    contours: tuple[Contour, ...]


@dataclass(frozen=True, eq=False)
class ContourPattern:
    """Contours of every beam, in the coordinates of the file.

    Attributes:
        source: the file, for messages.
        coordinates: `LONLAT`, degrees on the ellipsoid, or `UV`.
        beams: in the order of the file.
    """

    source: str
    coordinates: str
    beams: tuple[BeamContours, ...]

    def seen_from(self, sat_pos_ecef_m: ArrayLike, axes_ecef: ArrayLike) -> ContourPattern:
        """The same contours in direction cosines of an antenna, from those on the Earth.

        Args:
            sat_pos_ecef_m: (3,) of the antenna.
            axes_ecef: (3, 3) its x, y and boresight as columns.

        Raises:
            LeopntError: contours that are in (u, v), a point that the antenna does not see.
        """
        if self.coordinates != LONLAT:
            raise LeopntError(f"{self.source} is in {self.coordinates} already; expected lonlat.")
        beams = []
        for beam in self.beams:
            everything = np.concatenate([beam.peak[None], *(one.points for one in beam.contours)])
            cosines = self._cosines(beam.name, everything, sat_pos_ecef_m, axes_ecef)
            ends = np.cumsum([1, *(len(one.points) for one in beam.contours)])
            parts = np.split(cosines, ends[:-1])
            contours = tuple(
                replace(one, points=part)
                for one, part in zip(beam.contours, parts[1:], strict=True)
            )
            beams.append(BeamContours(beam.name, parts[0][0], contours))
        return ContourPattern(self.source, UV, tuple(beams))

    def on_grid(self, u: Float[np.ndarray, " nu"], v: Float[np.ndarray, " nv"]) -> CosinePattern:
        """Levels on a grid: inside each beam's outermost contours; elsewhere they are not known.

        Between contours the square root of the decibels below the peak is linear on triangles:
        exact for a beam that is a parabola in decibels, but for the corners of the contours.

        Args:
            u, v: axes, rising in equal steps.

        Raises:
            LeopntError: contours on the Earth (see `seen_from`), a contour or a peak that lies
                outside of the outermost one, a grid without a node in a beam.
        """
        if self.coordinates != UV:
            raise LeopntError(f"{self.source} is in {self.coordinates}: use seen_from first.")
        nodes = np.stack(np.meshgrid(u, v, indexing="ij"), axis=-1).reshape(-1, 2)
        level_db = np.stack([_levels(self.source, beam, nodes) for beam in self.beams])
        level_db = level_db.reshape(len(self.beams), len(u), len(v))
        names = tuple(beam.name for beam in self.beams)
        is_known = np.isfinite(level_db)
        return CosinePattern(self.source, names, u, v, level_db, RELATIVE_DB, is_known)

    def _cosines(self, name: str, lonlat_deg, sat_pos_ecef_m, axes_ecef):
        import jax
        import jax.numpy as jnp

        from leopnt.frames import enu_basis, geodetic_to_ecef
        from leopnt.observables import seen_from_antenna

        sat_pos_ecef_m, axes_ecef = (jnp.asarray(x, float) for x in (sat_pos_ecef_m, axes_ecef))

        def one(lon_lat):
            place = geodetic_to_ecef(lon_lat[1], lon_lat[0], 0.0)
            up = enu_basis(lon_lat[1], lon_lat[0])[2]
            seen = seen_from_antenna(place, sat_pos_ecef_m, axes_ecef)
            return jnp.stack([seen.u, seen.v]), up @ (sat_pos_ecef_m - place)

        at, height = (np.asarray(x) for x in jax.vmap(one)(jnp.radians(lonlat_deg)))
        hidden = ~((height > 0.0) & np.isfinite(at[:, 0]))
        if np.any(hidden):
            lon, lat = lonlat_deg[np.argmax(hidden)]
            raise LeopntError(
                f"{self.source}: a point of beam {name!r} at longitude {lon:g}, latitude {lat:g} "
                "is not seen by the antenna; expected points above its horizon."
            )
        return at


def _levels(source: str, beam: BeamContours, nodes: np.ndarray) -> np.ndarray:
    """Level of a beam at each node; NaN outside of its outermost contours."""
    from scipy.interpolate import LinearNDInterpolator

    lowest = min(one.level_db for one in beam.contours)
    outer = [one.points for one in beam.contours if one.level_db == lowest]
    inner = [one for one in beam.contours if one.level_db > lowest]
    checked = [("peak", beam.peak[None])]
    checked += [(f"contour of {one.level_db:g} dB", one.points) for one in inner]
    for what, points in checked:
        if not np.all(_inside_any(points, outer)):
            raise LeopntError(
                f"{source}: the {what} of beam {beam.name!r} leaves its outermost contour "
                f"({lowest:g} dB)."
            )
    points = np.concatenate([beam.peak[None], *(one.points for one in beam.contours)])
    depth = np.concatenate([[0.0], *(np.full(len(c.points), -c.level_db) for c in beam.contours)])
    inside = _inside_any(nodes, outer)
    if not np.any(inside):
        raise LeopntError(
            f"{source}: no node of the grid lies in beam {beam.name!r}; expected a finer grid, or "
            "one that covers it."
        )
    root = LinearNDInterpolator(points, np.sqrt(depth))(nodes)
    return np.where(inside, -(root**2), np.nan)


def _inside_any(points: np.ndarray, polygons: list[np.ndarray]) -> np.ndarray:
    """Which points lie inside or on the border of one of the polygons."""
    return np.any([_inside(points, polygon) for polygon in polygons], axis=0)


def _inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Even-odd count of edges to the right of each point."""
    x, y = points.T
    crossings = np.zeros(len(points), int)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        spans = (y0 > y) != (y1 > y)
        if np.any(spans):
            at = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
            crossings += spans & (at > x)
    return crossings % 2 == 1
