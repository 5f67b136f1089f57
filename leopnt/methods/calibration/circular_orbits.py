"""Many circular two-body orbits in turning axes, at any of their epochs, fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from leopnt.constants import EARTH_GM_M3PS2, EARTH_ROTATION_ERA_RADPS
from leopnt.orbits.constellations import BDS3, walker_star
from leopnt.orbits.kepler import KeplerElements


@dataclass(frozen=True)
class CircularOrbits:
    """Circular orbits; inertial and ECEF axes agree at t = 0.

        r = a (cos n t A + sin n t B)      n = sqrt(mu / a^3)

    Attributes:
        axis_m: a of each satellite.
        start, ahead: unit vectors A to its place at t = 0, and B a quarter turn on.
        latitude_rad: argument of latitude at t = 0.
    """

    axis_m: Float[np.ndarray, " sat"]
    start: Float[np.ndarray, "sat 3"]
    ahead: Float[np.ndarray, "sat 3"]
    latitude_rad: Float[np.ndarray, " sat"]

    @property
    def num_satellites(self) -> int:
        """Number of satellites."""
        return len(self.axis_m)

    @property
    def rate_radps(self) -> Float[np.ndarray, " sat"]:
        """Mean motion n."""
        return np.sqrt(EARTH_GM_M3PS2 / self.axis_m**3)

    def subset(self, satellites: Int[np.ndarray, " some"] | slice) -> CircularOrbits:
        """Some of the satellites, numbered anew."""
        return CircularOrbits(*(value[satellites] for value in vars(self).values()))

    def angle_rad(
        self, satellite: Int[np.ndarray, " link"], t_s: Float[np.ndarray, " link"]
    ) -> Float[np.ndarray, " link"]:
        """Argument of latitude."""
        return self.latitude_rad[satellite] + self.rate_radps[satellite] * t_s

    def positions(
        self, satellite: Int[np.ndarray, " link"], t_s: Float[np.ndarray, " link"]
    ) -> Float[np.ndarray, "link 3"]:
        """Position [m] in ECEF axes."""
        axis = self.axis_m
        turn = self.rate_radps[satellite] * t_s
        to_start, to_ahead = axis[:, None] * self.start, axis[:, None] * self.ahead
        pos = np.cos(turn)[:, None] * to_start[satellite]
        pos += np.sin(turn)[:, None] * to_ahead[satellite]
        return _turned(pos, EARTH_ROTATION_ERA_RADPS * t_s)

    def states(
        self, satellite: Int[np.ndarray, " link"], t_s: Float[np.ndarray, " link"]
    ) -> tuple[Float[np.ndarray, "link 3"], Float[np.ndarray, "link 3"]]:
        """Position [m] and inertial velocity [m/s], both in ECEF axes."""
        rate, axis = self.rate_radps[satellite], self.axis_m[satellite]
        cos, sin = np.cos(rate * t_s)[:, None], np.sin(rate * t_s)[:, None]
        start, ahead = self.start[satellite], self.ahead[satellite]
        pos = axis[:, None] * (cos * start + sin * ahead)
        vel = (axis * rate)[:, None] * (cos * ahead - sin * start)
        angle = EARTH_ROTATION_ERA_RADPS * t_s
        return _turned(pos, angle), _turned(vel, angle)


def circular_orbits(of: KeplerElements) -> CircularOrbits:
    """Orbits of satellites that move in circles; eccentricities and drifts are left out."""
    node, tilt = np.asarray(of.raan_rad), np.asarray(of.inclination_rad)
    latitude = np.asarray(of.arg_perigee_rad) + np.asarray(of.mean_anomaly_rad)
    cos_o, sin_o, cos_i, sin_i = np.cos(node), np.sin(node), np.cos(tilt), np.sin(tilt)
    to_node = np.stack([cos_o, sin_o, 0.0 * node], axis=1)
    north = np.stack([-sin_o * cos_i, cos_o * cos_i, sin_i], axis=1)
    cos, sin = np.cos(latitude)[:, None], np.sin(latitude)[:, None]
    return CircularOrbits(
        np.asarray(of.semi_major_axis_m),
        cos * to_node + sin * north,
        cos * north - sin * to_node,
        latitude,
    )


def polar_star(num_satellites: int, num_planes: int, altitude_m: float) -> CircularOrbits:
    """Polar planes over half the equator, phased by 360 degrees / satellites per plane number."""
    star = walker_star("LEO", num_satellites, num_planes, 1, np.pi / 2, altitude_m)
    return circular_orbits(star.elements())


def bds3_orbits() -> CircularOrbits:
    """24 MEO, 3 IGSO and 3 GEO of BDS-3, two-body: synchronous ones at one turn a sidereal day."""
    found = circular_orbits(BDS3.elements())
    synchronous_m = (EARTH_GM_M3PS2 / EARTH_ROTATION_ERA_RADPS**2) ** (1.0 / 3.0)
    axis_m = np.where(found.axis_m > 4e7, synchronous_m, found.axis_m)
    return CircularOrbits(axis_m, found.start, found.ahead, found.latitude_rad)


CONSTELLATIONS = {
    "A": (144, 6, 500e3),
    "B": (144, 6, 1000e3),
    "C": (72, 12, 1500e3),
    "D": (144, 12, 1500e3),
    "E": (216, 12, 1500e3),
}
"""Satellites, planes and altitude [m] of the five published constellations, for `polar_star`."""

STATIONS_ECEF_M = {
    "SHAO": (-2831733.0, 4675666.0, 3275369.0),
    "URUM": (193030.0, 4606851.0, 4393311.0),
    "CHAN": (-2674427.0, 3757143.0, 4391521.0),
    "LHAZ": (-106941.0, 5549270.0, 3139215.0),
    "BJFS": (-2148744.0, 4426641.0, 4044656.0),
    "HKSL": (-2393382.0, 5393861.0, 2412592.0),
}
"""Approximate places of the six published stations."""


def _turned(vec: Float[np.ndarray, "link 3"], angle: Float[np.ndarray, " link"]):
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = vec.T
    return np.stack([cos * x + sin * y, cos * y - sin * x, z], axis=1)
