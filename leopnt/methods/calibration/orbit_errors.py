"""Observations less what was estimated of orbits and antennas beside the offset, for step 3."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from leopnt.methods.calibration.orbit_models import CLOCK_NAMES, OFFSET_NAMES
from leopnt.methods.calibration.settings import CalibrationSettings
from leopnt.methods.calibration.solution import Calibration
from leopnt.methods.calibration.station_day import StationDay


def without_orbit_errors(
    day: StationDay, of: Calibration, settings: CalibrationSettings
) -> StationDay:
    """LEO observations less estimated orbit errors and phase patterns; clock errors stay in.

        y' = y - sum_k g_k x_k        over the columns of the orbit model but offset and clock

    A delay for users holds the error of the clock product that they take, but not the orbit's. With
    a model that has no such columns the day itself comes back.

    Args:
        of: with the columns of `settings.orbit`; satellites without estimates stay as they are.
    """
    names = settings.orbit.names()
    taken = [k for k, name in enumerate(names) if name not in OFFSET_NAMES + CLOCK_NAMES]
    if not taken:
        return day
    rows = settings.orbit.columns(day.geometry.partials, day.geometry.orbit_angle_rad)[taken]
    terms = np.nan_to_num(of.estimate[of.layout.columns[:, taken]])[day.leo.satellite]
    error = np.sum(rows.T * terms, axis=1)
    leo = day.leo._replace(code_m=day.leo.code_m - error, phase_m=day.leo.phase_m - error)
    return replace(day, leo=leo)
