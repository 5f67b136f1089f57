"""Satellites in a sector of the sky over the surface, in NumPy."""

import numpy as np
from astars_worked_case import OUTDOOR_ECEF_M, SURFACE_ECEF_M

from leopnt.frames import ecef_to_geodetic, enu_basis

LAT_RAD, LON_RAD, _ = ecef_to_geodetic(SURFACE_ECEF_M)
ENU = np.asarray(enu_basis(LAT_RAD, LON_RAD))
"""Rows east, north, up at the surface."""

MEO_RADIUS_M, LEO_RADIUS_M = 26559.7e3, 6921e3
AOD = (OUTDOOR_ECEF_M - SURFACE_ECEF_M) / np.linalg.norm(OUTDOOR_ECEF_M - SURFACE_ECEF_M)


def sky(rng, trials, num_sats, width_deg=180.0, radius_m=MEO_RADIUS_M):
    """Uniform in solid angle above 10 degrees, in a sector toward the west: (trial, sat, 3)."""
    shape = (trials, num_sats)
    az = np.radians(270.0) + np.radians(width_deg) * (rng.random(shape) - 0.5)
    low = np.sin(np.radians(10.0))
    up = low + (1.0 - low) * rng.random(shape)
    flat = np.sqrt(1.0 - up**2)
    e = np.stack([flat * np.sin(az), flat * np.cos(az), up], axis=-1) @ ENU
    along = e @ SURFACE_ECEF_M
    away = -along + np.sqrt(along**2 + radius_m**2 - SURFACE_ECEF_M @ SURFACE_ECEF_M)
    return SURFACE_ECEF_M + away[..., None] * e


def relayed_m(satellites, surface=SURFACE_ECEF_M, receiver=OUTDOOR_ECEF_M, clock_bias_m=0.0):
    """Ranges by way of the surface."""
    first = np.linalg.norm(satellites - surface, axis=-1)
    return first + np.linalg.norm(receiver - surface, axis=-1) + clock_bias_m


def design(satellites, surface=SURFACE_ECEF_M):
    """Rows [(S - s) / r, -1] of LS-1."""
    offset = surface - satellites
    unit = offset / np.linalg.norm(offset, axis=-1, keepdims=True)
    return np.concatenate([unit, -np.ones((*unit.shape[:-1], 1))], axis=-1)


def best(errors, share=0.99):
    """The smallest errors: the tail of weak geometries is heavy."""
    return np.sort(errors)[: int(share * errors.size)]
