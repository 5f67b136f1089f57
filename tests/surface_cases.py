"""A panel on a wall, and directions about it, for tests of surfaces."""

import numpy as np

from leopnt.antennas import facade_surface

L1_M = 299_792_458.0 / 1575.42e6
L2_M = 299_792_458.0 / 1227.60e6
SITE = np.array([-2604348.533, 4743312.217, 3364998.513])
WEST_RAD = -0.5 * np.pi


def panel(**settings):
    """Small and dense unless said otherwise: no grating lobes at L1."""
    return facade_surface(SITE, WEST_RAD, **{"spacing_m": 0.095, **settings})


def along(surface, x, y, distance_m):
    """A point at a distance, of direction cosines x and y along row and column axis, in front."""
    z = np.sqrt(1.0 - x * x - y * y)
    axes = (surface.row_axis, surface.column_axis, surface.normal)
    direction = sum(c * np.asarray(a) for c, a in zip((x, y, z), axes, strict=True))
    return SITE + distance_m * direction


def behind(surface, distance_m):
    return SITE - distance_m * np.asarray(surface.normal)
