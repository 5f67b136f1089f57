"""Troposphere of real stations a priori: Saastamoinen's zenith delays and Niell's mapping."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import jax
import numpy as np

from leopnt.channel.mapping import niell_mapping
from leopnt.channel.troposphere import saastamoinen, slant_delay_m, standard_weather
from leopnt.epochs import TimeScale
from leopnt.errors import LeopntError
from leopnt.frames.geodetic import ecef_to_geodetic
from leopnt.methods.calibration.constant_shapes import in_tiles
from leopnt.methods.calibration.link_path import LinkPath, Stage

_LOWEST_RAD = 0.01
_HIGHEST_M = 15e3
_slant = jax.jit(slant_delay_m)


@dataclass(frozen=True)
class StandardAir:
    """Delay in the standard atmosphere at the height of the station.

    Good to some centimeters in the zenith; the rest is estimated with the mapping function of
    `mapping_factor`. Heights above the ellipsoid stand for those above the sea: 30 m are 1 cm.

    Attributes:
        relative_humidity: at the station.
    """

    relative_humidity: float = 0.5

    stage = Stage.DELAY

    def applied(self, path: LinkPath) -> LinkPath:
        """Add the slant delay.

        Raises:
            LeopntError: a station below -500 m or above 15 km.
        """
        if not len(path.satellite):
            return path
        lat, _, height = ecef_to_geodetic(path.rx_pos_ecef_m[0])
        if not -500.0 <= float(height) <= _HIGHEST_M:
            raise LeopntError(
                f"station {path.station} lies {float(height):.0f} m above the ellipsoid: expected "
                f"-500 to {_HIGHEST_M:.0f} m."
            )
        zenith = saastamoinen(standard_weather(height, self.relative_humidity), lat, height)
        day, part = (path.satellites.origin + path.tag_s[0]).to_jd(TimeScale.TT)
        mapping = niell_mapping(lat, height, float(day + part) - 2_400_000.5)
        elevation = np.nan_to_num(path.elevation_rad, nan=1.0)
        slant = in_tiles(
            functools.partial(_slant, zenith, mapping), np.maximum(elevation, _LOWEST_RAD)
        )
        return replace(path, delay_m=path.delay_m + slant)
