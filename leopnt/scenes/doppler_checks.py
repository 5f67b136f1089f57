"""Refuse a Doppler log that cannot be right, before anything is computed from it."""

from __future__ import annotations

import numpy as np

from leopnt.constants import EARTH_GM_M3PS2, EARTH_ROTATION_RADPS, SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.scenes.doppler_log import DopplerLog

_MAX_OSCILLATOR_ERROR = 1e-4
"""Largest frequency error, relative to the carrier, that a receiver may have (100 ppm)."""

_SLOWEST_SHARE, _FASTEST_SHARE = 0.2, 1.5
"""Bounds of the inertial speed relative to the circular orbit: apogee of e = 0.96, and escape."""


def check_log(log: DopplerLog) -> None:
    """Raise for shapes, NaN, order, duplicates and units that cannot be right.

    Raises:
        LeopntError: naming the measurement (file and line where known), the value and what is
            accepted; units that look like km, km/s, MHz, kHz are called by name.
    """
    _check_shapes(log)
    _check_finite(log)
    _check_order(log)
    _check_satellite_units(log)
    _check_doppler_units(log)


def _check_shapes(log: DopplerLog) -> None:
    count = len(log.time_s)
    if count == 0:
        raise LeopntError(f"{log.source or 'log'}: it holds no measurement.")
    expected = {
        "sat_index": (count,),
        "doppler_hz": (count,),
        "sat_pos_ecef_m": (count, 3),
        "sat_vel_ecef_mps": (count, 3),
        "carrier_hz": (count,),
    }
    for name in ("sigma_hz", "source_line"):
        if getattr(log, name) is not None:
            expected[name] = (count,)
    for name, shape in expected.items():
        found = np.shape(getattr(log, name))
        if found != shape:
            raise LeopntError(f"{name} has shape {found}; accepted: {shape}, one a measurement.")
    ages_s = log.ephemeris_age_s
    if ages_s is not None and np.shape(ages_s) != (len(log.satellites),):
        raise LeopntError(
            f"ephemeris_age_s has shape {np.shape(ages_s)}; accepted: ({len(log.satellites)},), "
            "one per satellite."
        )
    indices = np.asarray(log.sat_index)
    if indices.min() < 0 or indices.max() >= len(log.satellites):
        raise LeopntError(
            f"sat_index runs from {indices.min()} to {indices.max()}; accepted: 0 to "
            f"{len(log.satellites) - 1}, the places in `satellites`."
        )


def _check_finite(log: DopplerLog) -> None:
    for name in ("time_s", "doppler_hz", "sat_pos_ecef_m", "sat_vel_ecef_mps", "carrier_hz"):
        values = np.asarray(getattr(log, name)).reshape(len(log.time_s), -1)
        bad = np.flatnonzero(~np.all(np.isfinite(values), axis=1))
        if len(bad):
            raise LeopntError(
                f"{log.where(bad[0])}: {name} is {values[bad[0]].tolist()}; accepted: finite "
                f"numbers ({len(bad)} of {len(values)} measurements are not)."
            )
    if log.sigma_hz is not None:
        bad = np.flatnonzero(~(np.isfinite(log.sigma_hz) & (np.asarray(log.sigma_hz) > 0)))
        if len(bad):
            raise LeopntError(
                f"{log.where(bad[0])}: sigma_hz is {log.sigma_hz[bad[0]]}; accepted: finite and "
                "positive."
            )

    if log.ephemeris_age_s is not None and not np.all(np.isfinite(log.ephemeris_age_s)):
        bad = int(np.flatnonzero(~np.isfinite(log.ephemeris_age_s))[0])
        raise LeopntError(
            f"ephemeris_age_s of {log.satellites[bad]} is {log.ephemeris_age_s[bad]}; accepted: "
            "finite seconds."
        )


def _check_order(log: DopplerLog) -> None:
    time_s = np.asarray(log.time_s)
    back = np.flatnonzero(np.diff(time_s) < 0)
    if len(back):
        i = int(back[0]) + 1
        raise LeopntError(
            f"{log.where(i)}: time {time_s[i]} s comes after {time_s[i - 1]} s; accepted: "
            "measurements in order of time (sort the log)."
        )
    order = np.lexsort((time_s, log.sat_index))
    same = (np.diff(time_s[order]) == 0) & (np.diff(np.asarray(log.sat_index)[order]) == 0)
    if np.any(same):
        first = int(order[np.flatnonzero(same)[0]])
        second = int(order[np.flatnonzero(same)[0] + 1])
        raise LeopntError(
            f"{log.where(max(first, second))}: satellite "
            f"{log.satellites[log.sat_index[first]]} has a second measurement at "
            f"{time_s[first]} s (the other: {log.where(min(first, second))}); accepted: one per "
            "satellite and time."
        )


def _check_satellite_units(log: DopplerLog) -> None:
    radius_m = np.linalg.norm(log.sat_pos_ecef_m, axis=1)
    _refuse(log, radius_m < 1e5, "sat_pos_ecef_m", radius_m, "m", "it looks like km")
    _refuse(
        log, radius_m < 6.4e6, "sat_pos_ecef_m", radius_m, "m", "that point is inside the Earth"
    )
    _refuse(log, radius_m > 1e9, "sat_pos_ecef_m", radius_m, "m", "it looks like mm")
    speed_mps = np.linalg.norm(log.sat_vel_ecef_mps, axis=1)
    spin = np.array([0.0, 0.0, EARTH_ROTATION_RADPS])
    inertial_mps = np.linalg.norm(log.sat_vel_ecef_mps + np.cross(spin, log.sat_pos_ecef_m), axis=1)
    share = inertial_mps / np.sqrt(EARTH_GM_M3PS2 / radius_m)
    slow = share < _SLOWEST_SHARE
    _refuse(
        log, slow & (speed_mps < 20), "sat_vel_ecef_mps", speed_mps, "m/s", "it looks like km/s"
    )
    no_orbit = "no orbit at that distance is so slow"
    _refuse(log, slow, "sat_vel_ecef_mps", speed_mps, "m/s", no_orbit)
    no_orbit = "no orbit at that distance is so fast"
    _refuse(log, share > _FASTEST_SHARE, "sat_vel_ecef_mps", speed_mps, "m/s", no_orbit)


def _check_doppler_units(log: DopplerLog) -> None:
    carrier_hz = np.asarray(log.carrier_hz)
    _refuse(log, carrier_hz < 1e5, "carrier_hz", carrier_hz, "Hz", "it looks like MHz or GHz")
    _refuse(log, carrier_hz > 1e12, "carrier_hz", carrier_hz, "Hz", "it looks like mHz")
    speed_mps = np.linalg.norm(log.sat_vel_ecef_mps, axis=1) + 1e3
    largest_hz = carrier_hz * (speed_mps / SPEED_OF_LIGHT_MPS + _MAX_OSCILLATOR_ERROR)
    measured_hz = np.abs(np.asarray(log.doppler_hz))
    if np.median(measured_hz) > 0.5 * np.median(carrier_hz):
        raise LeopntError(
            f"{log.where(0)}: doppler_hz is {log.doppler_hz[0]:g}, about the carrier itself; "
            "accepted: the shift in Hz, received minus transmitted frequency."
        )
    _refuse(
        log,
        measured_hz > largest_hz,
        "doppler_hz",
        np.asarray(log.doppler_hz),
        "Hz",
        "that is more than this carrier and satellite speed allow: wrong unit or wrong carrier",
    )
    # Over an arc, real Doppler spans a fair part of its range; all within a thousandth is kHz.
    if len(measured_hz) >= 4 and measured_hz.max() < 1e-3 * np.median(carrier_hz * speed_mps) / (
        SPEED_OF_LIGHT_MPS
    ):
        raise LeopntError(
            f"doppler_hz: no value exceeds {measured_hz.max():.4g} Hz where this carrier gives up "
            f"to {np.median(carrier_hz * speed_mps) / SPEED_OF_LIGHT_MPS:.4g} Hz; it looks like "
            "kHz or MHz. Accepted: Hz."
        )


def _refuse(log: DopplerLog, bad: np.ndarray, name: str, value: np.ndarray, unit: str, why: str):
    if np.any(bad):
        i = int(np.flatnonzero(bad)[0])
        size = "|" + name + "|" if np.ndim(getattr(log, name)) == 2 else name
        raise LeopntError(
            f"{log.where(i)}: {size} is {value[i]:.6g} {unit}: {why} ({int(np.sum(bad))} of "
            f"{len(bad)} measurements). Accepted: {unit}."
        )
