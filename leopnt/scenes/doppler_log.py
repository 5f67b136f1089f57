"""A Doppler log ready for a fix: measurements with the satellite states that belong to them."""

from __future__ import annotations

import dataclasses
from typing import SupportsIndex

import numpy as np
from jaxtyping import Float, Int

from leopnt.epochs import Epoch


@dataclasses.dataclass(frozen=True)
class DopplerLog:
    """Measurements of one receiver, sorted by time.

    Attributes:
        time_s: (obs,) reception time, seconds from `reference_epoch` or from any origin.
        satellites: names, in the order of `sat_index`.
        sat_index: (obs,) satellite of each measurement.
        doppler_hz: (obs,) measured Doppler, positive approaching.
        sat_pos_ecef_m, sat_vel_ecef_mps: (obs, 3) satellite at TRANSMISSION, ECEF axes of that
            epoch.
        carrier_hz: (obs,) transmitted carrier.
        sigma_hz: (obs,) standard deviation, or None where it is not known.
        reference_epoch: instant of time_s = 0, or None for logs without an absolute date.
        ephemeris_age_s: (sat,) age of each satellite's elements at the middle of the log, or None.
        source_line: (obs,) line in the file each measurement came from, or None.
        source: name of the file, for messages.
    """

    time_s: Float[np.ndarray, " obs"]
    satellites: tuple[str, ...]
    sat_index: Int[np.ndarray, " obs"]
    doppler_hz: Float[np.ndarray, " obs"]
    sat_pos_ecef_m: Float[np.ndarray, "obs 3"]
    sat_vel_ecef_mps: Float[np.ndarray, "obs 3"]
    carrier_hz: Float[np.ndarray, " obs"]
    sigma_hz: Float[np.ndarray, " obs"] | None = None
    reference_epoch: Epoch | None = None
    ephemeris_age_s: Float[np.ndarray, " sat"] | None = None
    source_line: Int[np.ndarray, " obs"] | None = None
    source: str = ""

    def where(self, measurement: SupportsIndex) -> str:
        """How to name a measurement in a message."""
        if self.source_line is None:
            return f"measurement {measurement}"
        return f"{self.source}:{self.source_line[measurement]}"
