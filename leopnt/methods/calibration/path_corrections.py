"""What makes the way of a signal differ from the geometric range at the tag, one object each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import jax
import numpy as np

from leopnt.channel.pole_tide import pole_offset_rad, pole_tide_m
from leopnt.channel.relativity import periodic_clock_s, shapiro_delay_m
from leopnt.constants import (
    EARTH_GM_M3PS2,
    EARTH_ROTATION_ERA_RADPS,
    SPEED_OF_LIGHT_MPS,
)
from leopnt.methods.calibration.constant_shapes import in_tiles
from leopnt.methods.calibration.link_path import LinkPath, Stage
from leopnt.methods.calibration.sky_tables import solid_tide_table
from leopnt.methods.calibration.zenith_delay import mapping_factor

_LOOKS = 3
_shapiro = jax.jit(shapiro_delay_m)
_periodic = jax.jit(periodic_clock_s)


@dataclass(frozen=True)
class ReceiverClock:
    """The signal came when the clock was right, not at the tag: received = tag - late."""

    stage = Stage.TAG

    def applied(self, path: LinkPath) -> LinkPath:
        """Move the reception."""
        return replace(path, received_s=path.received_s - path.late_s)


@dataclass(frozen=True)
class EarthRotation:
    """ECEF axes turn while the signal is under way (Sagnac); needs `LightTime`."""

    stage = Stage.TAG

    def applied(self, path: LinkPath) -> LinkPath:
        """Set the rate."""
        return replace(path, turn_radps=EARTH_ROTATION_ERA_RADPS)


@dataclass(frozen=True)
class SolidTides:
    """The Sun and the Moon lift the station (`channel.solid_tide_m`)."""

    stage = Stage.STATION

    def applied(self, path: LinkPath) -> LinkPath:
        """Add the displacement to the station."""
        if not len(path.satellite):
            return path
        place, t = path.rx_pos_ecef_m, path.received_s
        rise = solid_tide_table(path.satellites.origin, np.round(place[0], 1), t)
        return replace(path, rx_pos_ecef_m=place + rise)


@dataclass(frozen=True)
class PoleTides:
    """Polar motion lifts the station by up to 25 mm (`channel.pole_tide_m`); one value a day."""

    stage = Stage.STATION

    def applied(self, path: LinkPath) -> LinkPath:
        """Add the displacement to the station."""
        if not len(path.satellite):
            return path
        middle = path.satellites.origin + float(np.mean(path.received_s))
        rise = np.asarray(pole_tide_m(path.rx_pos_ecef_m[0], pole_offset_rad(middle)))
        return replace(path, rx_pos_ecef_m=path.rx_pos_ecef_m + rise[None, :])


@dataclass(frozen=True)
class LightTime:
    """The satellite is where it was when it sent: t_s = t_r - |r(t_s) - x(t_r)| / c.

    It is moved back by its velocity and the pull of the Earth, as in `channel.tagged_path`: 1 um.
    """

    stage = Stage.FLIGHT

    def applied(self, path: LinkPath) -> LinkPath:
        """Move the satellite back and into the axes of reception."""
        pos, vel = path.sat_pos_m, path.sat_vel_inertial_mps
        radius2 = np.einsum("ij,ij->i", pos, pos)
        pull = -(EARTH_GM_M3PS2 / (radius2 * np.sqrt(radius2)))[:, None] * pos
        if not path.turn_radps:
            vel = vel - _swept(pos)
        sent, flight = path, path.range_m / SPEED_OF_LIGHT_MPS
        for _ in range(_LOOKS):
            t = flight[:, None]
            sent = replace(path, sat_pos_m=pos - t * vel + 0.5 * t * t * pull, flight_s=flight)
            flight = sent.range_m / SPEED_OF_LIGHT_MPS
        moved = path.sat_vel_inertial_mps - sent.flight_s[:, None] * pull
        return replace(sent, sat_vel_inertial_mps=moved)


@dataclass(frozen=True)
class PeriodicRelativity:
    """The part of GNSS clocks that their products leave out, -2 r.v / c^2.

    Not for LEO clocks of on-board receivers, whose products hold all that the clock does.
    """

    stage = Stage.DELAY

    def applied(self, path: LinkPath) -> LinkPath:
        """Subtract the clock."""
        clock_s = _where_known(path, _periodic, path.sat_pos_m, path.sat_vel_inertial_mps)
        return replace(path, delay_m=path.delay_m - SPEED_OF_LIGHT_MPS * clock_s)


@dataclass(frozen=True)
class Shapiro:
    """Delay by the Earth's gravity."""

    stage = Stage.DELAY

    def applied(self, path: LinkPath) -> LinkPath:
        """Add the delay."""
        delay = _where_known(path, _shapiro, path.sat_pos_m, path.rx_pos_ecef_m)
        return replace(path, delay_m=path.delay_m + delay)


@dataclass(frozen=True)
class ZenithDelays:
    """A-priori troposphere from zenith delays and the mapping function of the estimated one.

    Attributes:
        hydrostatic_m, wet_m: of any station, unless `by_station` (name: total) knows better.
    """

    hydrostatic_m: float = 2.3
    wet_m: float = 0.0
    by_station: Mapping[str, float] = field(default_factory=dict)

    stage = Stage.DELAY

    def applied(self, path: LinkPath) -> LinkPath:
        """Add the slant delay."""
        zenith_m = self.by_station.get(path.station, self.hydrostatic_m + self.wet_m)
        slant = zenith_m * mapping_factor(path.elevation_rad)
        return replace(path, delay_m=path.delay_m + slant)


@dataclass(frozen=True)
class SatelliteBiases:
    """Code biases of satellites for the observed signals, ionosphere-free combination.

    Attributes:
        bias_m: by satellite; the prediction of the code grows by it. NaN for those not named.
    """

    bias_m: Mapping[str, float]

    stage = Stage.DELAY

    def applied(self, path: LinkPath) -> LinkPath:
        """Add the biases to the code."""
        of_each = np.array([self.bias_m.get(name, np.nan) for name in path.satellites.names])
        return replace(path, code_m=path.code_m + of_each[path.satellite])


def _swept(pos: np.ndarray) -> np.ndarray:
    """Velocity of the turning axes, omega x r."""
    return EARTH_ROTATION_ERA_RADPS * np.stack([-pos[:, 1], pos[:, 0], np.zeros(len(pos))], axis=1)


def _where_known(path: LinkPath, function, *arrays: np.ndarray) -> np.ndarray:
    """A compiled function of links whose satellite is known; NaN for the others."""
    known = np.isfinite(path.sat_pos_m[:, 0])
    if not np.any(known):
        return np.full(len(known), np.nan)
    if np.all(known):
        return in_tiles(function, *arrays)
    found = np.full(len(known), np.nan)
    found[known] = in_tiles(function, *(one[known] for one in arrays))
    return found
