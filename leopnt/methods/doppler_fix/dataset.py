"""A Doppler fix as an `xarray.Dataset`: degrees and names for people, units on every variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from leopnt.inference.status import Status
from leopnt.io.fix_dataset import (
    Geodetic,
    dataset_of,
    direction_entries,
    entry,
    fix_attributes,
    geodetic_of,
    ground_entries,
    place_entries,
    truth_entries,
)

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
    place = Geodetic(fix.lat_rad, fix.lon_rad, fix.height_m)
    covariances = fix.covariance_enu_m2, fix.crb_enu_m2, "Cramer-Rao bound, ephemeris exact"
    variables = {
        **_measurements(fix),
        **ground_entries(fix.log.sat_pos_ecef_m),
        **_satellites(fix),
        **place_entries(fix.position_ecef_m, place, *covariances),
        **_unknowns(fix),
        **_quality(fix),
        **_candidates(fix),
    }
    if truth_ecef_m is not None:
        truth = np.asarray(truth_ecef_m, float)
        variables |= truth_entries(truth, fix.error_enu_m(truth))
    return dataset_of(variables, _attributes(fix, title, input_file, input_text))


def _measurements(fix: DopplerFix) -> dict:
    log, m = fix.log, "measurement"
    names = np.array([log.satellites[i] for i in log.sat_index])
    normalized = np.asarray(fix.check.normalized)[:, 0]
    return {
        "time_s": entry(m, log.time_s, "reception time since the reference epoch", "s"),
        "satellite_id": entry(m, names, "satellite"),
        "observed": entry(m, log.doppler_hz, "measured Doppler", "Hz"),
        "predicted": entry(m, fix.predicted_hz, "Doppler predicted at the solution", "Hz"),
        "residual": entry(m, fix.residual_hz, "observed minus predicted", "Hz"),
        "sigma": entry(m, fix.sigma_hz, "standard deviation used", "Hz"),
        "normalized_residual": entry(m, normalized, "residual over its own sigma", "1"),
        "used": entry(m, fix.used, "measurement was used"),
        "rejection_reason": entry(m, np.array(fix.rejection), "why it was not used"),
        **direction_entries(fix.az_rad, fix.el_rad),
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
        "satellite": entry(s, np.array(log.satellites), "satellite"),
        "sat_count": entry(s, count, "measurements in the log"),
        "sat_used": entry(s, used, "measurements used"),
        "sat_residual_rms": entry(s, rms, "rms of the used residuals", "Hz"),
        "sat_sigma": entry(s, sigma, "standard deviation used", "Hz"),
    }
    for field, unit, text in (
        ("sat_freq_offset_hz", "Hz", "estimated frequency offset of the satellite"),
        ("sat_time_offset_s", "s", "estimated time by which the satellite is ahead"),
    ):
        if field in fix.options.unknowns:
            value = np.asarray(getattr(fix.estimate.theta, field))
            entries["sat_offset" if unit == "Hz" else "sat_time_offset"] = entry(
                s, value, text, unit
            )
    return entries


def _unknowns(fix: DopplerFix) -> dict:
    unknowns, theta, u = fix.estimate.unknowns, fix.estimate.theta, "unknown"
    values = np.concatenate([np.ravel(np.asarray(getattr(theta, n))) for n in unknowns.names])
    units = np.concatenate(
        [[_UNIT_OF[n]] * size for n, size in zip(unknowns.names, unknowns.sizes, strict=True)]
    )
    sigma = np.sqrt(np.diag(np.asarray(fix.estimate.covariance)))
    return {
        "unknown": entry(u, np.array(unknowns.labels()), "unknown"),
        "estimate": entry(u, values, "estimate, in unit_unknown"),
        "sigma_unknown": entry(u, sigma, "formal standard deviation, in unit_unknown"),
        "unit_unknown": entry(u, units, "unit of the unknown"),
    }


def _quality(fix: DopplerFix) -> dict:
    hdop, vdop = fix.dop_m_per_hz
    return {
        "hdop": entry((), hdop, "horizontal dilution of precision", "m/Hz"),
        "vdop": entry((), vdop, "vertical dilution of precision", "m/Hz"),
        "pdop": entry((), float(np.hypot(hdop, vdop)), "position dilution of precision", "m/Hz"),
        "chi2": entry((), fix.chi2.value, "sum of squared whitened residuals", "1"),
        "chi2_dof": entry((), fix.chi2.dof, "degrees of freedom", "1"),
        "chi2_p_value": entry(
            (),
            fix.chi2.p_value if fix.options.weights.trusts_log else float("nan"),
            "probability of a larger chi-square; NaN where sigma came from these residuals",
            "1",
        ),
        "residual_rms": entry((), fix.residual_rms_hz, "rms of the used residuals", "Hz"),
        "iterations": entry((), int(fix.estimate.num_iterations), "steps of the last solve", "1"),
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
        "candidate_latitude_deg": entry(c, lat, "latitude of a local solution", "deg"),
        "candidate_longitude_deg": entry(c, lon, "longitude of a local solution", "deg"),
        "candidate_rms": entry(
            c,
            np.array([a.scale for a in fix.alternatives]) * base,
            "robust scale of the residuals",
            "Hz",
        ),
        "candidate_is_solution": entry(
            c, np.array([a.is_solution for a in fix.alternatives]), "kept as the solution"
        ),
        "candidate_note": entry(c, np.array(notes), "how it compares"),
    }


def _attributes(fix: DopplerFix, title: str, input_file: str, input_text: str) -> dict:
    provenance = {
        "method": "doppler_fix",
        "unknowns": list(fix.options.unknowns),
        "model": fix.options.model.predict_link.__name__,
        "weights": type(fix.options.weights).__name__,
        "log": fix.log.source,
    }
    return fix_attributes(
        title=title,
        status=str(Status[fix.status]),
        converged=bool(fix.converged),
        measured=("doppler", "Hz"),
        reference_epoch=fix.log.reference_epoch,
        warnings=fix.warnings,
        input_file=input_file,
        input_text=input_text,
        provenance=provenance,
    )
