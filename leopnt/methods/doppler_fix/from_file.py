"""A Doppler fix from a settings file: options from its words, and the flight time settled."""

from __future__ import annotations

import dataclasses

import numpy as np

from leopnt.methods.doppler_fix.model import FIRST_ORDER, RELATIVISTIC
from leopnt.methods.doppler_fix.options import (
    AbstractWeights,
    CommonSigma,
    EphemerisAgeing,
    FixOptions,
    GivenSigma,
    Height,
    PerSatelliteSigma,
)
from leopnt.methods.doppler_fix.result import DopplerFix
from leopnt.methods.doppler_fix.solve import fix
from leopnt.scenes.doppler_scene import DopplerScene
from leopnt.scenes.fix_settings import FixSettings
from leopnt.scenes.log_rows import place_ecef

_FIELDS = {
    "position": "rx_pos_ecef_m",
    "velocity": "rx_vel_ecef_mps",
    "frequency_offset": "freq_offset_hz",
    "frequency_drift": "freq_drift_hzps",
    "satellite_frequency_offset": "sat_freq_offset_hz",
    "satellite_time_offset": "sat_time_offset_s",
    "satellite_orbit_offset": "sat_orbit_offset_m",
}
_WEIGHTS: dict[str, AbstractWeights] = {
    "given": GivenSigma(),
    "common": CommonSigma(),
    "per-satellite": PerSatelliteSigma(),
}
_MODELS = {"first-order": FIRST_ORDER, "relativistic": RELATIVISTIC}


def fix_scene(scene: DopplerScene) -> DopplerFix:
    """Solve a scene as its settings say.

    Where satellite states are known at reception, the fix is repeated with the flight times of the
    first solution, which leaves flight times wrong by its error over c (100 m: 0.3 us, 3 mm of
    orbit).

    Raises:
        LeopntError: see `fix`.
    """
    options = fix_options(scene.file.settings)
    first = fix(scene.log(), options)
    if not scene.at_reception or not np.all(np.isfinite(first.position_ecef_m)):
        return first
    again = dataclasses.replace(options, start_ecef_m=first.position_ecef_m)
    return fix(scene.log(receiver_track(first)), again)


def receiver_track(solved: DopplerFix):
    """Position (obs, 3) of the receiver at each measurement [m], velocity included."""
    theta, time_s = solved.estimate.theta, solved.log.time_s
    elapsed_s = time_s - np.mean(time_s)  # the reference time of `problem`
    return solved.position_ecef_m + elapsed_s[:, None] * np.asarray(theta.rx_vel_ecef_mps)


def fix_options(settings: FixSettings) -> FixOptions:
    """Options of a fix from its settings.

    Weights that are not named: `given` where the log or the settings give sigmas, else `common`.
    """
    measurement, estimate = settings.measurement, settings.estimate
    has_sigma = measurement.sigma_hz is not None or measurement.columns.sigma_hz is not None
    weights = measurement.weights or ("given" if has_sigma else "common")
    mask_deg, ageing, start = estimate.mask_deg, estimate.ageing, estimate.start
    return FixOptions(
        unknowns=tuple(_FIELDS[name] for name in estimate.unknowns),
        weights=_WEIGHTS[weights],
        height=(
            None
            if estimate.height_m is None
            else Height(estimate.height_m, estimate.height_sigma_m)
        ),
        model=_MODELS[measurement.correction],
        start_ecef_m=(
            None
            if start is None
            else place_ecef(start.latitude_deg, start.longitude_deg, start.height_m)
        ),
        snooping_sigmas=estimate.snooping_sigmas if estimate.reject_outliers else None,
        ageing=None if ageing is None else EphemerisAgeing(**ageing.model_dump()),
        sat_freq_sigma_hz=estimate.satellite_frequency_sigma_hz,
        mask_rad=None if mask_deg is None else float(np.radians(mask_deg)),
    )
