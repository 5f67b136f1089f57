"""The part of the Earth that a satellite serves: a cap around the point below it."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.methods.coverage.grid import EarthGrid

_MAX_TILT = 1.01
"""Geodetic and geocentric verticals differ by less than this times the flattening [rad]."""


def cap_angle_rad(
    sat_radius_m: Float[np.ndarray, " *sat"], user_radius_m: float, mask_rad: float
) -> Float[np.ndarray, " *sat"]:
    """Angle at the center of a sphere between a satellite and the rim of its footprint.

        psi = acos(R cos(mask) / r) - mask

    NaN for a satellite below the user's sphere. Source: [wertz-2001] eq. (5-26).
    """
    with np.errstate(invalid="ignore"):
        ratio = user_radius_m * math.cos(mask_rad) / np.asarray(sat_radius_m, float)
        return np.where(ratio <= math.cos(mask_rad), np.arccos(ratio) - mask_rad, np.nan)


def bounding_sphere(grid: EarthGrid, mask_rad: float) -> tuple[float, float]:
    """Radius and mask of a sphere whose caps contain the true footprints on the grid's figure.

    The smallest distance of any user from the center, and a mask lowered by the largest angle
    between the ellipsoid's normal and the radius.

    Raises:
        LeopntError: a mask below 0 or not below 90 degrees.
    """
    if not 0.0 <= mask_rad < 0.5 * math.pi:
        raise LeopntError(f"mask_rad = {mask_rad!r}: expected 0 to below pi / 2.")
    radius_m = np.hypot(grid.axis_distance_m, grid.equator_distance_m)
    return float(radius_m.min()), mask_rad - _MAX_TILT * grid.figure.flattening


def bounding_circle(grid: EarthGrid) -> tuple[Float[np.ndarray, "3"], float]:
    """A direction from the Earth's center, and the largest angle between it and that of any user.

    The mean direction: of a whole Earth it is any.
    """
    pos_m = grid.pos_ecef_m
    direction = pos_m / np.linalg.norm(pos_m, axis=1, keepdims=True)
    center = direction.mean(axis=0)
    center /= max(float(np.linalg.norm(center)), 1e-300)
    return center, float(np.arccos(np.clip(direction @ center, -1.0, 1.0)).max())
