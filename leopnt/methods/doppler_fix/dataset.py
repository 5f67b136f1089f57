"""A Doppler fix as an `xarray.Dataset`: degrees and names for people, units on every variable."""

from __future__ import annotations

import datetime
import json
import platform
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

import leopnt
from leopnt.epochs import TimeScale
from leopnt.inference.status import Status
from leopnt.methods.doppler_fix.judge import geodetic_of

if TYPE_CHECKING:
    from leopnt.methods.doppler_fix.result import DopplerFix

_UNIT_OF = {
    "rx_pos_ecef_m": "m",
    "rx_vel_ecef_mps": "m/s",
    "freq_offset_hz": "Hz",
    "freq_drift_hzps": "Hz/s",
    "sat_freq_offset_hz": "Hz",
    "sat_time_offset_s": "s",
    "sat_orbit_offset_m": "m",
}


def fix_dataset(fix: DopplerFix, *, truth_ecef_m, title, input_file, input_text) -> xr.Dataset:
    """Assemble the dataset; see `DopplerFix.to_dataset`."""
    variables = {
        **_measurements(fix),
        **_ground(fix),
        **_satellites(fix),
        **_position(fix),
        **_unknowns(fix),
        **_quality(fix),
        **_candidates(fix),
    }
    if truth_ecef_m is not None:
        variables |= _truth(fix, np.asarray(truth_ecef_m, float))
    dataset = xr.Dataset(
        {name: (dims, value, attrs) for name, (dims, value, attrs) in variables.items()},
        coords={"axis": ["x", "y", "z"], "enu": ["east", "north", "up"]},
    )
    dataset.attrs = _attributes(fix, title, input_file, input_text)
    return dataset


def _entry(dims, value, long_name: str, units: str = ""):
    return dims, value, {"long_name": long_name, "units": units}


def _measurements(fix: DopplerFix) -> dict:
    log, m = fix.log, "measurement"
    names = np.array([log.satellites[i] for i in log.sat_index])
    normalized = np.asarray(fix.check.normalized)[:, 0]
    return {
        "time_s": _entry(m, log.time_s, "reception time since the reference epoch", "s"),
        "satellite_id": _entry(m, names, "satellite"),
        "observed": _entry(m, log.doppler_hz, "measured Doppler", "Hz"),
        "predicted": _entry(m, fix.predicted_hz, "Doppler predicted at the solution", "Hz"),
        "residual": _entry(m, fix.residual_hz, "observed minus predicted", "Hz"),
        "sigma": _entry(m, fix.sigma_hz, "standard deviation used", "Hz"),
        "normalized_residual": _entry(m, normalized, "residual over its own sigma", "1"),
        "used": _entry(m, fix.used, "measurement was used"),
        "rejection_reason": _entry(m, np.array(fix.rejection), "why it was not used"),
        "elevation_deg": _entry(m, np.degrees(fix.el_rad), "elevation of the satellite", "deg"),
        "azimuth_deg": _entry(
            m, np.mod(np.degrees(fix.az_rad), 360.0), "azimuth of the satellite", "deg"
        ),
    }


def _ground(fix: DopplerFix) -> dict:
    """Point of the Earth under each satellite, for maps (geocentric latitude)."""
    x, y, z = np.asarray(fix.log.sat_pos_ecef_m).T
    lat, lon = np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))
    m = "measurement"
    return {
        "satellite_latitude_deg": _entry(m, lat, "latitude under the satellite", "deg"),
        "satellite_longitude_deg": _entry(m, lon, "longitude under the satellite", "deg"),
    }


def _satellites(fix: DopplerFix) -> dict:
    log, s = fix.log, "satellite"
    index = np.asarray(log.sat_index)
    num = len(log.satellites)
    count = np.bincount(index, minlength=num)
    used = np.bincount(index[fix.used], minlength=num)
    squares = np.bincount(index[fix.used], fix.residual_hz[fix.used] ** 2, minlength=num)
    with np.errstate(invalid="ignore"):
        rms = np.sqrt(squares / used)
    sigma = np.full(num, np.nan)
    sigma[index] = fix.sigma_hz
    entries = {
        "satellite": _entry(s, np.array(log.satellites), "satellite"),
        "sat_count": _entry(s, count, "measurements in the log"),
        "sat_used": _entry(s, used, "measurements used"),
        "sat_residual_rms": _entry(s, rms, "rms of the used residuals", "Hz"),
        "sat_sigma": _entry(s, sigma, "standard deviation used", "Hz"),
    }
    for field, unit, text in (
        ("sat_freq_offset_hz", "Hz", "estimated frequency offset of the satellite"),
        ("sat_time_offset_s", "s", "estimated time by which the satellite is ahead"),
    ):
        if field in fix.options.unknowns:
            value = np.asarray(getattr(fix.estimate.theta, field))
            entries["sat_offset" if unit == "Hz" else "sat_time_offset"] = _entry(
                s, value, text, unit
            )
    return entries


def _position(fix: DopplerFix) -> dict:
    pair = ("enu", "enu_2")
    sigma = np.sqrt(np.diag(fix.covariance_enu_m2))
    bound = np.sqrt(np.diag(fix.crb_enu_m2))
    return {
        "position_ecef_m": _entry("axis", fix.position_ecef_m, "position, ECEF", "m"),
        "latitude_deg": _entry((), np.degrees(fix.lat_rad), "geodetic latitude, WGS 84", "deg"),
        "longitude_deg": _entry((), np.degrees(fix.lon_rad), "longitude, WGS 84", "deg"),
        "height_m": _entry((), fix.height_m, "height above the ellipsoid", "m"),
        "covariance_enu_m2": _entry(pair, fix.covariance_enu_m2, "position covariance", "m2"),
        "sigma_enu_m": _entry("enu", sigma, "predicted standard deviation", "m"),
        "crb_enu_m": _entry("enu", bound, "Cramer-Rao bound, ephemeris exact", "m"),
    }


def _unknowns(fix: DopplerFix) -> dict:
    unknowns, theta, u = fix.estimate.unknowns, fix.estimate.theta, "unknown"
    values = np.concatenate([np.ravel(np.asarray(getattr(theta, n))) for n in unknowns.names])
    units = np.concatenate(
        [[_UNIT_OF[n]] * size for n, size in zip(unknowns.names, unknowns.sizes, strict=True)]
    )
    sigma = np.sqrt(np.diag(np.asarray(fix.estimate.covariance)))
    return {
        "unknown": _entry(u, np.array(unknowns.labels()), "unknown"),
        "estimate": _entry(u, values, "estimate, in unit_unknown"),
        "sigma_unknown": _entry(u, sigma, "formal standard deviation, in unit_unknown"),
        "unit_unknown": _entry(u, units, "unit of the unknown"),
    }


def _quality(fix: DopplerFix) -> dict:
    hdop, vdop = fix.dop_m_per_hz
    return {
        "hdop": _entry((), hdop, "horizontal dilution of precision", "m/Hz"),
        "vdop": _entry((), vdop, "vertical dilution of precision", "m/Hz"),
        "pdop": _entry((), float(np.hypot(hdop, vdop)), "position dilution of precision", "m/Hz"),
        "chi2": _entry((), fix.chi2.value, "sum of squared whitened residuals", "1"),
        "chi2_dof": _entry((), fix.chi2.dof, "degrees of freedom", "1"),
        "chi2_p_value": _entry(
            (),
            fix.chi2.p_value if fix.options.weights.trusts_log else float("nan"),
            "probability of a larger chi-square; NaN where sigma came from these residuals",
            "1",
        ),
        "residual_rms": _entry((), fix.residual_rms_hz, "rms of the used residuals", "Hz"),
        "iterations": _entry((), int(fix.estimate.num_iterations), "steps of the last solve", "1"),
    }


def _candidates(fix: DopplerFix) -> dict:
    c = "candidate"
    places = [geodetic_of(a.position_ecef_m) for a in fix.alternatives]
    lat, lon, _ = np.degrees(np.reshape(places, (-1, 3))).T
    notes = [
        "the solution" if a.is_solution else f"chi-square {a.cost_above:.1f} above the solution"
        for a in fix.alternatives
    ]
    # Scales are relative to the assumed sigmas of the search.
    base = 1.0 if fix.log.sigma_hz is None else float(np.median(fix.log.sigma_hz))
    return {
        "candidate_latitude_deg": _entry(c, lat, "latitude of a local solution", "deg"),
        "candidate_longitude_deg": _entry(c, lon, "longitude of a local solution", "deg"),
        "candidate_rms": _entry(
            c,
            np.array([a.scale for a in fix.alternatives]) * base,
            "robust scale of the residuals",
            "Hz",
        ),
        "candidate_is_solution": _entry(
            c, np.array([a.is_solution for a in fix.alternatives]), "kept as the solution"
        ),
        "candidate_note": _entry(c, np.array(notes), "how it compares"),
    }


def _truth(fix: DopplerFix, truth_ecef_m: np.ndarray) -> dict:
    lat_rad, lon_rad, height_m = geodetic_of(truth_ecef_m)
    error = fix.error_enu_m(truth_ecef_m)
    return {
        "truth_latitude_deg": _entry((), np.degrees(lat_rad), "true latitude", "deg"),
        "truth_longitude_deg": _entry((), np.degrees(lon_rad), "true longitude", "deg"),
        "truth_height_m": _entry((), height_m, "true height above the ellipsoid", "m"),
        "error_enu_m": _entry("enu", error, "solution minus truth", "m"),
        "error_horizontal_m": _entry((), float(np.hypot(*error[:2])), "horizontal error", "m"),
        "error_3d_m": _entry((), float(np.linalg.norm(error)), "error in three dimensions", "m"),
    }


def _attributes(fix: DopplerFix, title: str, input_file: str, input_text: str) -> dict:
    epoch = fix.log.reference_epoch
    provenance = {
        "method": "doppler_fix",
        "unknowns": list(fix.options.unknowns),
        "model": fix.options.model.predict_link.__name__,
        "weights": type(fix.options.weights).__name__,
        "python": platform.python_version(),
        "log": fix.log.source,
    }
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return {
        "kind": "fix",
        "title": title,
        "status": str(Status[fix.status]),
        "converged": int(fix.converged),
        "measurement_type": "doppler",
        "measurement_unit": "Hz",
        "reference_epoch": "" if epoch is None else str(epoch.to_iso(TimeScale.UTC)),
        "warnings": json.dumps(list(fix.warnings)),
        "leopnt_version": leopnt.__version__,
        "created": now.isoformat().replace("+00:00", "Z"),
        "input_file": input_file,
        "input_text": input_text,
        "provenance": json.dumps(provenance),
    }
