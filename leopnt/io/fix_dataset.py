"""What datasets of all fixes share: variables with units, the place, the truth, provenance.

A variable is (dimensions, values, attributes); `dataset_of` makes a dataset of them.
"""

from __future__ import annotations

import datetime
import functools
import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

import leopnt
from leopnt.epochs import Epoch, TimeScale

Variable = tuple[Any, Any, dict[str, str]]


class Geodetic(NamedTuple):
    """A place on WGS 84."""

    lat_rad: float
    lon_rad: float
    height_m: float


def geodetic_of(place_ecef_m: Float[np.ndarray, "3"]) -> Geodetic:
    """Latitude, longitude and height of an ECEF position."""
    return Geodetic(*(float(x) for x in _geodetic_kernel()(np.asarray(place_ecef_m, float))))


@functools.cache
def _geodetic_kernel():
    """Compiled on first use: reading results needs no JAX."""
    import jax

    from leopnt.frames.geodetic import ecef_to_geodetic

    return jax.jit(ecef_to_geodetic)


def entry(dims: Any, value: Any, long_name: str, units: str = "") -> Variable:
    """A variable with what it is and its unit."""
    return dims, value, {"long_name": long_name, "units": units}


def ground_entries(sat_pos_ecef_m: Float[np.ndarray, "obs 3"]) -> dict[str, Variable]:
    """Point of the Earth under each satellite, for maps (geocentric latitude)."""
    x, y, z = np.asarray(sat_pos_ecef_m).T
    lat, lon = np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))
    m = "measurement"
    return {
        "satellite_latitude_deg": entry(m, lat, "latitude under the satellite", "deg"),
        "satellite_longitude_deg": entry(m, lon, "longitude under the satellite", "deg"),
    }


def direction_entries(az_rad: np.ndarray, el_rad: np.ndarray) -> dict[str, Variable]:
    """Where each satellite stood, as seen from the solution."""
    m = "measurement"
    azimuth = np.mod(np.degrees(az_rad), 360.0)
    return {
        "elevation_deg": entry(m, np.degrees(el_rad), "elevation of the satellite", "deg"),
        "azimuth_deg": entry(m, azimuth, "azimuth of the satellite", "deg"),
    }


def place_entries(
    position_ecef_m: Float[np.ndarray, "3"],
    place: Geodetic,
    covariance_enu_m2: Float[np.ndarray, "3 3"],
    crb_enu_m2: Float[np.ndarray, "3 3"],
    bound: str,
) -> dict[str, Variable]:
    """Position, covariance and bound; `bound` says what the bound takes for granted."""
    sigma = np.sqrt(np.diag(covariance_enu_m2))
    crb = np.sqrt(np.diag(crb_enu_m2))
    return {
        "position_ecef_m": entry("axis", position_ecef_m, "position, ECEF", "m"),
        "latitude_deg": entry((), np.degrees(place.lat_rad), "geodetic latitude, WGS 84", "deg"),
        "longitude_deg": entry((), np.degrees(place.lon_rad), "longitude, WGS 84", "deg"),
        "height_m": entry((), place.height_m, "height above the ellipsoid", "m"),
        "covariance_enu_m2": entry(
            ("enu", "enu_2"), covariance_enu_m2, "position covariance", "m2"
        ),
        "sigma_enu_m": entry("enu", sigma, "predicted standard deviation", "m"),
        "crb_enu_m": entry("enu", crb, bound, "m"),
    }


def truth_entries(
    truth_ecef_m: Float[np.ndarray, "3"], error_enu_m: Float[np.ndarray, "3"]
) -> dict[str, Variable]:
    """The surveyed position, and solution minus it."""
    truth, error = geodetic_of(truth_ecef_m), np.asarray(error_enu_m)
    return {
        "truth_latitude_deg": entry((), np.degrees(truth.lat_rad), "true latitude", "deg"),
        "truth_longitude_deg": entry((), np.degrees(truth.lon_rad), "true longitude", "deg"),
        "truth_height_m": entry((), truth.height_m, "true height above the ellipsoid", "m"),
        "error_enu_m": entry("enu", error, "solution minus truth", "m"),
        "error_horizontal_m": entry((), float(np.hypot(*error[:2])), "horizontal error", "m"),
        "error_3d_m": entry((), float(np.linalg.norm(error)), "error in three dimensions", "m"),
    }


def dataset_of(variables: Mapping[str, Variable], attributes: Mapping[str, Any]) -> xr.Dataset:
    """Dataset of a fix; axes x, y, z and east, north, up are named."""
    coordinates = {"axis": ["x", "y", "z"], "enu": ["east", "north", "up"]}
    return xr.Dataset(dict(variables), coords=coordinates, attrs=dict(attributes))


def fix_attributes(
    *,
    title: str,
    status: str,
    converged: bool,
    measured: tuple[str, str],
    reference_epoch: Epoch | None,
    warnings: Sequence[str],
    input_file: str,
    input_text: str,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Attributes of a fix: what was found, from what, by which version, when.

    Args:
        measured: what, and its unit.
        provenance: method and model; the version of Python is added.
    """
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    epoch = reference_epoch
    return {
        "kind": "fix",
        "title": title,
        "status": status,
        "converged": int(converged),
        "measurement_type": measured[0],
        "measurement_unit": measured[1],
        "reference_epoch": "" if epoch is None else str(epoch.to_iso(TimeScale.UTC)),
        "warnings": json.dumps(list(warnings)),
        "leopnt_version": leopnt.__version__,
        "created": now.isoformat().replace("+00:00", "Z"),
        "input_file": input_file,
        "input_text": input_text,
        "provenance": json.dumps({**provenance, "python": platform.python_version()}),
    }
