"""Planned constellations: Walker patterns, slots on the Earth, and presets.

All of them count their nodes from the Greenwich meridian at the reference time t = 0, so they
need no
date: turn with `kepler.ecef_state(elements, t_s, earth_angle_rad=0)`. Presets are designs, not the
satellites of a day; for those read element sets.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float

from leopnt.constants import (
    EARTH_EQUATORIAL_RADIUS_M,
    EARTH_GM_M3PS2,
    EARTH_J2,
    EARTH_ROTATION_ERA_RADPS,
)
from leopnt.errors import LeopntError
from leopnt.orbits.kepler import KeplerElements

_DEG = np.pi / 180.0


class Constellation(Protocol):
    """Satellites with names and orbits."""

    def names(self) -> tuple[str, ...]:
        """Names, in the order of `elements`."""
        ...

    def elements(self) -> KeplerElements:
        """Circular orbits over the `sat` axis, nodes counted from Greenwich at t = 0."""
        ...


@dataclass(frozen=True)
class Walker:
    """Walker pattern T/P/F of circular orbits; build it with `walker_delta` or `walker_star`.

        node of plane p = first_node + spread p / P
        argument of latitude of satellite k in plane p = first_latitude + 2 pi (k P / T + p F / T)

    Attributes:
        name: prefix of the satellite names, "NAME 3-07" for the seventh of the third plane.
        num_satellites, num_planes, phasing: T, P and F.
        inclination_rad, semi_major_axis_m: the same for all.
        node_spread_rad: 2 pi for delta, about pi for star patterns.
        first_node_rad: node of plane 1, east of Greenwich at t = 0.
        first_latitude_rad: argument of latitude of its first satellite.

    Source: [walker-1984].
    """

    name: str
    num_satellites: int
    num_planes: int
    phasing: int | float
    inclination_rad: float
    semi_major_axis_m: float
    node_spread_rad: float
    first_node_rad: float = 0.0
    first_latitude_rad: float = 0.0

    def __post_init__(self):
        _check_orbit(self.name, self.semi_major_axis_m, self.inclination_rad)
        if self.num_planes < 1 or self.num_satellites < 1 or self.num_satellites % self.num_planes:
            raise LeopntError(
                f"{self.name}: {self.num_satellites} satellites do not fill {self.num_planes} "
                "planes evenly; expected a multiple."
            )

    def names(self) -> tuple[str, ...]:
        """Names with plane and place, both from 1."""
        per_plane = self.num_satellites // self.num_planes
        width = len(str(per_plane))
        return tuple(
            f"{self.name} {p + 1}-{k + 1:0{width}d}"
            for p in range(self.num_planes)
            for k in range(per_plane)
        )

    def elements(self) -> KeplerElements:
        """Orbits, plane after plane."""
        return walker_elements(
            self.num_satellites,
            self.num_planes,
            self.phasing,
            self.inclination_rad,
            self.semi_major_axis_m,
            self.node_spread_rad,
            self.first_node_rad,
            self.first_latitude_rad,
        )


def walker_elements(
    num_satellites: int,
    num_planes: int,
    phasing: Float[ArrayLike, ""] | float,
    inclination_rad: Float[ArrayLike, ""] | float,
    semi_major_axis_m: Float[ArrayLike, ""] | float,
    node_spread_rad: Float[ArrayLike, ""] | float,
    first_node_rad: Float[ArrayLike, ""] | float = 0.0,
    first_latitude_rad: Float[ArrayLike, ""] | float = 0.0,
) -> KeplerElements:
    """Orbits of a Walker pattern as in `Walker`, unchecked: for gradients by its parameters.

    All but the two counts can be traced and differentiated; `phasing` need not be whole.
    """
    per_plane = num_satellites // num_planes
    plane = np.repeat(np.arange(num_planes), per_plane)
    place = np.tile(np.arange(per_plane), num_planes)
    turn = 2 * np.pi / num_satellites
    return _circular(
        semi_major_axis_m,
        inclination_rad,
        first_node_rad + node_spread_rad * plane / num_planes,
        first_latitude_rad + turn * (place * num_planes + plane * phasing),
    )


def walker_delta(
    name: str,
    num_satellites: int,
    num_planes: int,
    phasing: int | float,
    inclination_rad: float,
    altitude_m: float,
) -> Walker:
    """Walker delta: planes spread evenly over the whole equator (Starlink, GNSS).

    The altitude is above the equatorial radius, 6378.137 km.
    """
    return Walker(
        name, num_satellites, num_planes, phasing, inclination_rad, _axis(altitude_m), 2 * np.pi
    )


def walker_star(
    name: str,
    num_satellites: int,
    num_planes: int,
    phasing: int | float,
    inclination_rad: float,
    altitude_m: float,
    node_spread_rad: float = np.pi,
) -> Walker:
    """Walker star: near-polar planes spread over half the equator, with a seam.

    A spread above pi widens the gaps between planes that move alike and narrows the seam, as
    Iridium and OneWeb do.
    """
    return Walker(
        name,
        num_satellites,
        num_planes,
        phasing,
        inclination_rad,
        _axis(altitude_m),
        node_spread_rad,
    )


@dataclass(frozen=True)
class Slots:
    """Circular orbits listed one by one.

    Attributes:
        slots: (name, node, argument of latitude) of each at t = 0 [rad], the node counted east
            from Greenwich.
    """

    inclination_rad: float
    semi_major_axis_m: float
    slots: tuple[tuple[str, float, float], ...]

    def __post_init__(self):
        _check_orbit(self.slots[0][0], self.semi_major_axis_m, self.inclination_rad)

    def names(self) -> tuple[str, ...]:
        """Names as listed."""
        return tuple(name for name, _, _ in self.slots)

    def elements(self) -> KeplerElements:
        """Orbits as listed."""
        node, latitude = np.array([slot[1:] for slot in self.slots]).T
        return _circular(self.semi_major_axis_m, self.inclination_rad, node, latitude)


@dataclass(frozen=True)
class Combined:
    """Several constellations as one."""

    parts: tuple[Walker | Slots, ...]

    def names(self) -> tuple[str, ...]:
        """Names of all parts."""
        return tuple(name for part in self.parts for name in part.names())

    def elements(self) -> KeplerElements:
        """Orbits of all parts."""
        parts = [part.elements() for part in self.parts]
        fields = KeplerElements.__dataclass_fields__
        return KeplerElements(
            *(jnp.concatenate([getattr(part, name) for part in parts]) for name in fields)
        )


def geosynchronous_axis_m(inclination_rad: float) -> float:
    """Semi-major axis of a circular orbit whose ground track repeats every sidereal day under J2.

    Solves raan' + arg_perigee' + mean_anomaly' = Earth rotation rate (`kepler.secular_rates`).
    """
    axis_m = (EARTH_GM_M3PS2 / EARTH_ROTATION_ERA_RADPS**2) ** (1 / 3)
    sin2, cos = np.sin(inclination_rad) ** 2, np.cos(inclination_rad)
    for _ in range(10):
        k = 1.5 * EARTH_J2 * (EARTH_EQUATORIAL_RADIUS_M / axis_m) ** 2
        mean_motion = EARTH_ROTATION_ERA_RADPS / (1.0 + k * (3.0 - 4.0 * sin2 - cos))
        axis_m = (EARTH_GM_M3PS2 / mean_motion**2) ** (1 / 3)
    return axis_m


def geostationary(name: str, longitudes_rad: tuple[float, ...]) -> Slots:
    """Geostationary satellites at these east longitudes."""
    slots = tuple((f"{name} {i + 1}", lon, 0.0) for i, lon in enumerate(longitudes_rad))
    return Slots(0.0, geosynchronous_axis_m(0.0), slots)


def inclined_geosynchronous(
    name: str, num_satellites: int, inclination_rad: float, crossing_rad: float
) -> Slots:
    """Inclined geosynchronous satellites evenly spaced on one figure-of-eight ground track.

    The track crosses the equator at the east longitude `crossing_rad`.
    """
    ahead = 2 * np.pi * np.arange(num_satellites) / num_satellites
    slots = tuple(
        (f"{name} {i + 1}", float(crossing_rad - at), float(at)) for i, at in enumerate(ahead)
    )
    return Slots(inclination_rad, geosynchronous_axis_m(inclination_rad), slots)


def _axis(altitude_m: float) -> float:
    return 6_378_137.0 + altitude_m


def _check_orbit(name: str, semi_major_axis_m: float, inclination_rad: float) -> None:
    if not 6.4e6 < semi_major_axis_m < 1e9:
        raise LeopntError(
            f"{name}: semi-major axis {semi_major_axis_m:g} m; expected 6.4e6 to 1e9 (altitudes "
            "are in meters)."
        )
    if not 0.0 <= inclination_rad <= np.pi:
        raise LeopntError(
            f"{name}: inclination {inclination_rad:g} rad; expected 0 to pi (radians)."
        )


def _circular(axis_m, inclination_rad, node_rad, latitude_rad) -> KeplerElements:
    ones = jnp.ones(len(node_rad))
    return KeplerElements(
        axis_m * ones,
        0.0 * ones,
        inclination_rad * ones,
        jnp.asarray(node_rad) % (2 * np.pi),
        0.0 * ones,
        jnp.asarray(latitude_rad) % (2 * np.pi),
    )


# --- presets ------------------------------------------------------------------------------------

IRIDIUM = walker_star("IRIDIUM", 66, 6, 2, 86.4 * _DEG, 781e3, node_spread_rad=6 * 31.6 * _DEG)
"""66/6/2 star, 86.4 deg, 781 km, planes 31.6 deg apart (as flown in December 2025)."""

ONEWEB = walker_star("ONEWEB", 588, 12, 1, 87.9 * _DEG, 1_200e3, node_spread_rad=12 * 15.225 * _DEG)
"""588 active satellites in 12 planes of 49, 87.9 deg, 1200 km, planes 15.225 deg apart (as flown
in December 2025). The phasing is ours; the operator does not publish it."""

STARLINK_SHELL_1 = walker_delta("STARLINK", 1584, 72, 17, 53.0 * _DEG, 550e3)
"""1584/72/17 delta, 53 deg, 550 km: the first shell as filed."""

CENTISPACE = Combined(
    (
        walker_delta("CENTISPACE A", 120, 12, 1, 55.0 * _DEG, 975e3),
        walker_delta("CENTISPACE B", 30, 3, 1, 87.4 * _DEG, 1_100e3),
        replace(
            walker_delta("CENTISPACE C", 40, 4, 1, 30.0 * _DEG, 1_100e3),
            first_node_rad=15.0 * _DEG,  # off the nodes of B at the same altitude
        ),
    )
)
"""CENTISPACE-like: 190 satellites in the three layers the literature quotes (120 at 975 km and 55
deg, 30 at 1100 km and 87.4 deg, 40 at 1100 km and 30 deg). The phasing is ours; the satellites in
orbit in December 2025 fly at 850 km and lower."""

_GPS_PLANES = (  # node in the inertial frame and arguments of latitude [deg], 1993-07-01 00:00 UTC
    ("A", 272.847, (268.126, 161.786, 11.676, 41.806)),
    ("B", 332.847, (80.956, 173.336, 309.976, 204.376)),
    ("C", 32.847, (111.876, 11.796, 339.666, 241.556)),
    ("D", 92.847, (135.226, 265.446, 35.156, 167.356)),
    ("E", 152.847, (197.046, 302.596, 66.066, 333.686)),
    ("F", 212.847, (238.886, 345.226, 105.206, 135.346)),
)
_GPS_GREENWICH_DEG = 15.0 * (18 + 36 / 60 + 14.4 / 3600)

GPS = Slots(
    55.0 * _DEG,
    26_559_700.0,
    tuple(
        (f"GPS {plane}{i + 1}", (node - _GPS_GREENWICH_DEG) * _DEG, latitude * _DEG)
        for plane, node, latitudes in _GPS_PLANES
        for i, latitude in enumerate(latitudes)
    ),
)
"""Baseline of 24 slots (GPS SPS Performance Standard, table of reference orbit slots)."""

BDS3 = Combined(
    (
        walker_delta("BDS M", 24, 3, 1, 55.0 * _DEG, 21_528e3),
        inclined_geosynchronous("BDS I", 3, 55.0 * _DEG, 118.0 * _DEG),
        geostationary("BDS G", (80.0 * _DEG, 110.5 * _DEG, 140.0 * _DEG)),
    )
)
"""BDS-3: 24/3/1 MEO at 21 528 km, three IGSO (55 deg, crossing at 118 deg E) and three GEO at 80,
110.5 and 140 deg E. The longitude of the MEO planes at t = 0 is ours."""
