"""A fix from powers as an `xarray.Dataset`: degrees and names for people, units on every variable.

Rows, satellites, unknowns and candidates stand as those of other fixes do; beams, and Doppler where
there is some, have lists of their own.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Float

from leopnt.epochs import TimeScale
from leopnt.io.fix_dataset import (
    Geodetic,
    Variable,
    dataset_of,
    direction_entries,
    entry,
    fix_attributes,
    geodetic_of,
    ground_entries,
    place_entries,
    truth_entries,
)
from leopnt.methods.power.ellipsoid_fix import STRONG, PowerSolution
from leopnt.methods.power.status import PowerStatus

_UNIT_OF = {"rx_pos_ecef_m": "m", "level_db": "dB", "freq_offset_hz": "Hz"}
_PERCENT_PER_DB = 100.0 * (10.0**0.05 - 1.0)


def to_dataset(
    solution: PowerSolution,
    *,
    truth_ecef_m: Float[np.ndarray, "3"] | None = None,
    beam_names: tuple[str, ...] | None = None,
    title: str = "",
    input_file: str = "",
    input_text: str = "",
) -> xr.Dataset:
    """The fix as an `xarray.Dataset` with units, for files and reports.

    Rows whose predicted power is too weak for a residual in decibels (`STRONG`) have none; they
    are used all the same, in amplitude, and have a `normalized_residual`.

    Args:
        truth_ecef_m: surveyed position, for the error.
        beam_names: of the antenna; default their numbers.
    """
    place = Geodetic(solution.lat_rad, solution.lon_rad, solution.height_m)
    bound = solution.bound.covariance_enu_m2 * (1.0 if np.isfinite(solution.lat_rad) else np.nan)
    covariances = solution.covariance_enu_m2, bound, "Cramer-Rao bound, ephemeris exact"
    variables = {
        **_measurements(solution, _names(solution, beam_names)),
        **ground_entries(solution.log.sat_pos_ecef_m),
        **_satellites(solution),
        **_beams(solution, _names(solution, beam_names)),
        **_doppler(solution),
        **place_entries(solution.position_ecef_m, place, *covariances),
        **_unknowns(solution),
        **_quality(solution),
        **_candidates(solution),
    }
    if truth_ecef_m is not None:
        truth = np.asarray(truth_ecef_m, float)
        variables |= truth_entries(truth, solution.error_enu_m(truth))
    return dataset_of(variables, _attributes(solution, title, input_file, input_text))


def _names(solution: PowerSolution, beam_names: tuple[str, ...] | None) -> np.ndarray:
    count = len(solution.beam_bias_db)
    return np.array(beam_names if beam_names is not None else [str(i) for i in range(count)])


def _sigma_db(solution: PowerSolution) -> Float[np.ndarray, " obs"]:
    """Standard deviation of a power in decibels, to first order: (20/ln 10) sqrt(N / (2 P)).

    NaN for rows too weak for that.
    """
    amplitude = np.sqrt(2.0 * 10.0 ** (0.1 * solution.predicted_dbw) / solution.log.noise_w)
    return np.where(amplitude > STRONG, 20.0 / np.log(10.0) / amplitude, np.nan)


def _used(solution: PowerSolution) -> np.ndarray:
    return np.full(solution.log.num_rows, bool(np.isfinite(solution.lat_rad)))


def _measurements(solution: PowerSolution, names: np.ndarray) -> dict[str, Variable]:
    log, m = solution.log, "measurement"
    satellites = np.array([log.satellites[i] for i in log.sat_index])
    sigma, used = _sigma_db(solution), _used(solution)
    blank = np.where(np.isfinite(sigma) & used, 1.0, np.nan)
    whitened = np.where(used, solution.whitened, np.nan)
    predicted = np.where(used, solution.predicted_dbw, np.nan)
    timing = "standard deviation of the time of flight"
    return {
        "time_s": entry(m, log.time_s, "reception time since the reference epoch", "s"),
        "satellite_id": entry(m, satellites, "satellite"),
        "beam_id": entry(m, names[log.beam], "beam"),
        "observed": entry(m, log.power_dbw, "measured power", "dBW"),
        "predicted": entry(m, predicted, "power predicted at the solution", "dBW"),
        "residual": entry(m, blank * solution.residual_db, "observed minus predicted", "dB"),
        "sigma": entry(m, sigma, "standard deviation used, to first order", "dB"),
        "normalized_residual": entry(m, whitened, "residual amplitude over its sigma", "1"),
        "used": entry(m, used, "measurement was used"),
        "rejection_reason": entry(m, np.where(used, "", "there is no position"), "why not used"),
        "range_m": entry(m, solution.range_m, "distance to the satellite", "m"),
        "timing_sigma_us": entry(m, 1e6 * solution.timing_sigma_s, timing, "us"),
        **direction_entries(solution.az_rad, solution.el_rad),
    }


def _satellites(solution: PowerSolution) -> dict[str, Variable]:
    log, s = solution.log, "satellite"
    index, num = np.asarray(log.sat_index), len(log.satellites)
    used = _used(solution)
    return {
        "satellite": entry(s, np.array(log.satellites), "satellite"),
        "sat_count": entry(s, np.bincount(index, minlength=num), "powers in the log"),
        "sat_used": entry(s, np.bincount(index[used], minlength=num), "powers used"),
        "sat_residual_rms": entry(
            s, _grouped_rms(solution, index, num), "rms of the residuals", "dB"
        ),
        "sat_sigma": entry(
            s, _rms_of(_sigma_db(solution), index, num), "rms of the standard deviations", "dB"
        ),
    }


def _beams(solution: PowerSolution, names: np.ndarray) -> dict[str, Variable]:
    log, b, num = solution.log, "beam", len(names)
    entries = {
        "beam": entry(b, names, "beam"),
        "beam_count": entry(b, np.bincount(log.beam, minlength=num), "powers in the log"),
        "beam_residual_rms": entry(
            b, _grouped_rms(solution, log.beam, num), "rms of the residuals", "dB"
        ),
        "beam_sigma": entry(
            b, _rms_of(_sigma_db(solution), log.beam, num), "rms of the standard deviations", "dB"
        ),
    }
    if solution.options.has_bias:
        sigma = np.asarray(solution.estimate.sigma_of("beam_bias_db"))
        entries["beam_bias_db"] = entry(b, solution.beam_bias_db, "estimated bias of EIRP", "dB")
        entries["beam_bias_sigma_db"] = entry(b, sigma, "its standard deviation", "dB")
    return entries


def _grouped_rms(solution: PowerSolution, index, num: int) -> np.ndarray:
    known = np.isfinite(_sigma_db(solution)) & _used(solution)
    return _rms_of(np.where(known, solution.residual_db, np.nan), index, num)


def _rms_of(values: np.ndarray, index, num: int) -> np.ndarray:
    """RMS of the finite values of each group; NaN for a group without."""
    known = np.isfinite(values)
    count = np.bincount(index[known], minlength=num)
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.bincount(index[known], values[known] ** 2, minlength=num) / count)


def _doppler(solution: PowerSolution) -> dict[str, Variable]:
    found = solution.log.doppler
    if found is None:
        return {}
    d, residual = "doppler", solution.doppler_residual_hz
    names = np.array([found.satellites[i] for i in found.sat_index])
    return {
        "doppler_time_s": entry(d, found.time_s, "reception time of the Doppler log", "s"),
        "doppler_satellite_id": entry(d, names, "satellite"),
        "doppler_observed": entry(d, found.doppler_hz, "measured Doppler", "Hz"),
        "doppler_residual": entry(d, residual, "observed minus predicted", "Hz"),
        "doppler_sigma": entry(d, found.sigma_hz, "standard deviation used", "Hz"),
        "doppler_residual_rms": entry(
            (), float(np.sqrt(np.mean(residual**2))), "rms of the Doppler residuals", "Hz"
        ),
    }


def _unknowns(solution: PowerSolution) -> dict[str, Variable]:
    """Position, level and frequency offset; biases of beams stand with the beams."""
    u, theta, names = "unknown", solution.estimate.theta, solution.options.unknowns
    blank = 1.0 if np.isfinite(solution.lat_rad) else np.nan
    values = [blank * np.atleast_1d(np.asarray(getattr(theta, name))) for name in names]
    sigmas = [np.atleast_1d(np.asarray(solution.estimate.sigma_of(name))) for name in names]
    labels = [
        f"{name}[{i}]" if len(value) > 1 else name
        for name, value in zip(names, values, strict=True)
        for i in range(len(value))
    ]
    units = [
        _UNIT_OF[name] for name, value in zip(names, values, strict=True) for _ in range(len(value))
    ]
    return {
        "unknown": entry(u, np.array(labels), "unknown"),
        "estimate": entry(u, np.concatenate(values), "estimate, in unit_unknown"),
        "sigma_unknown": entry(
            u, np.concatenate(sigmas), "formal standard deviation, in unit_unknown"
        ),
        "unit_unknown": entry(u, np.array(units), "unit of the unknown"),
    }


def _quality(solution: PowerSolution) -> dict[str, Variable]:
    everything = np.zeros(solution.log.num_rows, int)
    rms = float(_grouped_rms(solution, everything, 1)[0])
    chi2, steps = solution.chi2, int(solution.estimate.num_iterations)
    p_value = "probability of a larger chi-square"
    return {
        "chi2": entry((), chi2.value, "sum of squared whitened residuals", "1"),
        "chi2_dof": entry((), chi2.dof, "degrees of freedom", "1"),
        "chi2_p_value": entry((), chi2.p_value, p_value, "1"),
        "residual_rms": entry((), rms, "rms of the residuals above the noise", "dB"),
        "iterations": entry((), steps, "steps of the last solve", "1"),
    }


def _candidates(solution: PowerSolution) -> dict[str, Variable]:
    c, others = "candidate", solution.alternatives
    places = [solution.position_ecef_m, *(other.position_ecef_m for other in others)]
    lat, lon, _ = np.degrees(np.array([geodetic_of(place) for place in places])).T
    cost = np.array([0.0, *(other.cost_above for other in others)])
    is_solution = np.arange(len(places)) == 0
    return {
        "candidate_latitude_deg": entry(c, lat, "latitude of a local solution", "deg"),
        "candidate_longitude_deg": entry(c, lon, "longitude of a local solution", "deg"),
        "candidate_cost": entry(
            c, cost, "twice the negative log-likelihood above the solution's", "1"
        ),
        "candidate_is_solution": entry(c, is_solution, "kept as the solution"),
    }


def _attributes(solution: PowerSolution, title: str, input_file: str, input_text: str) -> dict:
    height_sigma_m = float(solution.options.height.sigma_m)
    provenance = {
        "method": "power",
        "unknowns": list(solution.options.unknowns),
        "height_sigma_m": height_sigma_m if np.isfinite(height_sigma_m) else None,
        "eirp_sigma_db": np.asarray(solution.options.sigma_cal_db).tolist(),
        "noise": type(solution.options.noise).__name__,
        "log": solution.log.source,
    }
    attributes = fix_attributes(
        title=title,
        status=str(PowerStatus[solution.status]),
        converged=solution.ok,
        measured=("power", "dBW"),
        reference_epoch=solution.log.reference_epoch,
        warnings=_warnings(solution),
        input_file=input_file,
        input_text=input_text,
        provenance=provenance,
    )
    found = solution.log.doppler
    if found is not None and found.reference_epoch is not None:
        attributes["doppler_reference_epoch"] = str(found.reference_epoch.to_iso(TimeScale.UTC))
    return attributes


def _warnings(solution: PowerSolution) -> list[str]:
    options = solution.options
    if options.has_bias or "level_db" in options.unknowns:
        return []
    return [
        "EIRP is taken as exact: an error of 1 dB moves the range by "
        f"{_PERCENT_PER_DB:.0f} %. Say how well it is known, or solve for the level."
    ]
