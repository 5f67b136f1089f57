"""Where the beams of an antenna fall: on its plane of direction cosines, and on the Earth."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_between, check_count
from leopnt.antennas.beams import AbstractBeams
from leopnt.antennas.decibels import to_db
from leopnt.errors import LeopntError
from leopnt.frames.geodetic import ecef_to_geodetic, enu_basis, geodetic_to_ecef
from leopnt.observables.power import seen_from_antenna


class PlaneFootprints(NamedTuple):
    """EIRP over (u, v), below the peak of each beam towards the Earth.

    u, v: axes.
    below_peak_db: (beam, nu, nv); above 0 only off the Earth, NaN where a beam is not known.
    peak_dbw: largest EIRP within the limb.
    peak_u, peak_v: where that is.
    limb_rad: off-nadir angle of the limb.
    """

    u: Float[np.ndarray, " nu"]
    v: Float[np.ndarray, " nv"]
    below_peak_db: Float[np.ndarray, "beam nu nv"]
    peak_dbw: Float[np.ndarray, " beam"]
    peak_u: Float[np.ndarray, " beam"]
    peak_v: Float[np.ndarray, " beam"]
    limb_rad: float


class EarthFootprints(NamedTuple):
    """EIRP over the ground, below the peak of each beam there.

    lat_rad, lon_rad: axes; longitudes are continuous about that of the satellite.
    below_peak_db: (beam, nlat, nlon), 0 or less; NaN below the horizon.
    elevation_rad: (nlat, nlon) of the satellite, from the ground.
    peak_dbw: (beam,) largest EIRP on the ground.
    peak_lat_rad, peak_lon_rad: where that is.
    sat_lat_rad, sat_lon_rad: below the satellite.
    """

    lat_rad: Float[np.ndarray, " nlat"]
    lon_rad: Float[np.ndarray, " nlon"]
    below_peak_db: Float[np.ndarray, "beam nlat nlon"]
    elevation_rad: Float[np.ndarray, "nlat nlon"]
    peak_dbw: Float[np.ndarray, " beam"]
    peak_lat_rad: Float[np.ndarray, " beam"]
    peak_lon_rad: Float[np.ndarray, " beam"]
    sat_lat_rad: float
    sat_lon_rad: float


def plane_footprints(antenna: AbstractBeams, limb_rad: float, count: int = 241) -> PlaneFootprints:
    """EIRP of all beams on a square of direction cosines that holds the limb.

    Args:
        limb_rad: off-nadir angle of the limb, `Shell.limb_rad`.
        count: nodes per axis.

    Raises:
        LeopntError: a limb that is not in (0, 90) degrees, fewer than 3 nodes, no beam known
            towards the Earth.
    """
    check_between(0.0, 0.5 * np.pi, "rad", limb_rad=limb_rad)
    check_count(3, count=count)
    limb = float(np.sin(limb_rad))
    axis = np.linspace(-1.0, 1.0, count) * min(1.0, 1.15 * limb)
    eirp_dbw = np.moveaxis(np.asarray(_on_plane(antenna, jnp.asarray(axis))), -1, 0)
    on_earth = axis[:, None] ** 2 + axis[None, :] ** 2 <= limb**2
    peak_dbw, (i, j) = _peaks(np.where(on_earth[None], eirp_dbw, np.nan))
    below = eirp_dbw - peak_dbw[:, None, None]
    return PlaneFootprints(axis, axis, below, peak_dbw, axis[i], axis[j], float(limb_rad))


def earth_footprints(
    antenna: AbstractBeams, sat_pos_ecef_m: ArrayLike, axes_ecef: ArrayLike, count: int = 241
) -> EarthFootprints:
    """EIRP of all beams on the part of the ellipsoid that the satellite sees.

    Args:
        sat_pos_ecef_m: (3,) of the antenna.
        axes_ecef: (3, 3) its x, y and boresight as columns, as `frames.orbit_frame`.
        count: nodes per axis.

    Raises:
        LeopntError: a satellite below the ground, fewer than 3 nodes, no beam known on the ground.
    """
    check_count(3, count=count)
    sat, axes = jnp.asarray(sat_pos_ecef_m, float), jnp.asarray(axes_ecef, float)
    lat, lon, height = (float(x) for x in ecef_to_geodetic(sat))
    if not height > 0.0:
        raise LeopntError(f"sat_pos_ecef_m is {height:g} m above the ellipsoid; expected above 0.")
    lats, lons = _region(lat, lon, float(jnp.sqrt(sat @ sat)), count)
    eirp_dbw, elevation = _on_earth(antenna, sat, axes, jnp.asarray(lats), jnp.asarray(lons))
    eirp_dbw, elevation = np.moveaxis(np.asarray(eirp_dbw), -1, 0), np.asarray(elevation)
    eirp_dbw = np.where(elevation[None] >= 0.0, eirp_dbw, np.nan)
    peak_dbw, (i, j) = _peaks(eirp_dbw)
    below = eirp_dbw - peak_dbw[:, None, None]
    return EarthFootprints(lats, lons, below, elevation, peak_dbw, lats[i], lons[j], lat, lon)


def _region(lat: float, lon: float, radius_m: float, count: int):
    """Axes over the cap that a satellite sees, a little more than it."""
    reach = float(np.arccos(6356e3 / radius_m)) + np.radians(1.0)
    south, north = max(lat - reach, -0.5 * np.pi), min(lat + reach, 0.5 * np.pi)
    has_pole = lat + reach >= 0.5 * np.pi or lat - reach <= -0.5 * np.pi
    half = np.pi if has_pole else float(np.arcsin(np.sin(reach) / np.cos(lat)))
    return np.linspace(south, north, count), np.linspace(lon - half, lon + half, count)


def _peaks(eirp_dbw: Float[np.ndarray, "beam first second"]):
    """Largest value of every beam and where it is."""
    flat = np.where(np.isfinite(eirp_dbw), eirp_dbw, -np.inf).reshape(len(eirp_dbw), -1)
    at = np.argmax(flat, axis=1)
    peak_dbw = flat[np.arange(len(flat)), at]
    if not np.all(np.isfinite(peak_dbw)):
        beam = int(np.argmin(np.isfinite(peak_dbw)))
        raise LeopntError(f"beam {beam} is not known in any direction that meets the Earth.")
    return peak_dbw, np.unravel_index(at, eirp_dbw.shape[1:])


@eqx.filter_jit
def _on_plane(antenna: AbstractBeams, axis) -> Float[Array, "nu nv beam"]:
    # Row by row: a gridded pattern gathers 16 numbers per beam and direction.
    return jax.lax.map(lambda u: jax.vmap(lambda v: to_db(antenna.eirp_w(u, v)))(axis), axis)


@eqx.filter_jit
def _on_earth(antenna: AbstractBeams, sat, axes, lats, lons):
    def one(lat, lon):
        place = geodetic_to_ecef(lat, lon, 0.0)
        at = seen_from_antenna(place, sat, axes)
        up = enu_basis(lat, lon)[2] @ (sat - place) / at.range_m
        return to_db(antenna.eirp_w(at.u, at.v)), jnp.arcsin(up)

    return jax.lax.map(lambda lat: jax.vmap(lambda lon: one(lat, lon))(lons), lats)
