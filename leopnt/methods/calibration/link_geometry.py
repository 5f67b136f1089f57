"""Range, elevation and partials of links: shared by simulation and estimation."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from leopnt.antennas.phase_center import body_axes, offset_partials, offset_range
from leopnt.errors import LeopntError
from leopnt.frames.geodetic import ecef_to_geodetic, enu_basis
from leopnt.methods.calibration.station_day import LeoGeometry, Links, StationDay, exact_numbers


class LinkGeometry(NamedTuple):
    """Of links to one station: unit vector from the station, range, ellipsoidal elevation."""

    unit: Float[np.ndarray, "link 3"]
    range_m: Float[np.ndarray, " link"]
    elevation_rad: Float[np.ndarray, " link"]


def link_geometry(
    sat_pos_ecef_m: Float[np.ndarray, "link 3"], station_pos_ecef_m: Float[np.ndarray, "3"]
) -> LinkGeometry:
    """Geometric range, no light time: positions are those of one instant in one frame."""
    away = sat_pos_ecef_m - station_pos_ecef_m[None, :]
    range_m = np.sqrt(np.sum(away * away, axis=1))
    unit = away / range_m[:, None]
    sine = np.clip(unit @ vertical(station_pos_ecef_m), -1.0, 1.0)
    return LinkGeometry(unit, range_m, np.arcsin(sine))


def vertical(station_pos_ecef_m: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Up along the ellipsoid normal."""
    return np.asarray(_vertical(station_pos_ecef_m))


@jax.jit
def _vertical(station_pos_ecef_m):
    lat, lon, _ = ecef_to_geodetic(station_pos_ecef_m)
    return enu_basis(lat, lon)[2]


def leo_partials(
    unit: Float[np.ndarray, "link 3"],
    sat_pos_ecef_m: Float[np.ndarray, "link 3"],
    vel_inertial_ecef_mps: Float[np.ndarray, "link 3"],
) -> Float[np.ndarray, "link 3"]:
    """Partials h = A^T u of nadir-pointing satellites."""
    return offset_partials(unit, body_axes(sat_pos_ecef_m, vel_inertial_ecef_mps))


def about_offsets(day: StationDay, offset_m: Float[np.ndarray, "sat 3"]) -> StationDay:
    """The same observations about a-priori offsets: estimates become corrections to them.

    The range is evaluated at the offset exactly, and h there: h' = (rho h + p) / rho'.

    Raises:
        LeopntError: offsets of too few satellites, or not finite.
    """
    offset_m = exact_numbers("offset_m", offset_m)
    sat = day.leo.satellite
    if offset_m.ndim != 2 or offset_m.shape[1] != 3:
        raise LeopntError(f"offset_m has shape {offset_m.shape}; accepted: (satellite, 3).")
    if len(sat) and (sat.max() >= len(offset_m) or not np.all(np.isfinite(offset_m[sat]))):
        raise LeopntError(
            f"offset_m has {len(offset_m)} rows; expected a finite offset of each of satellites 0 "
            f"to {sat.max()}."
        )
    p, geometry = offset_m[sat], day.geometry
    change = offset_range(geometry.range_m, geometry.partials, p)
    range_m = geometry.range_m + change
    partials = (geometry.range_m[:, None] * geometry.partials + p) / range_m[:, None]
    leo = day.leo._replace(code_m=day.leo.code_m - change, phase_m=day.leo.phase_m - change)
    moved = LeoGeometry(partials, range_m, geometry.orbit_angle_rad)
    return StationDay(day.station, day.day, day.epoch_s, Links(*leo), moved, day.reference)
