"""Weights, nodes and orbit model of a calibration; the published values in `SEED_SETTINGS`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.methods.calibration.leo_clocks import KnownClock, LeoClock
from leopnt.methods.calibration.orbit_models import KnownOrbit, OncePerRevolution, OrbitModel
from leopnt.methods.calibration.zenith_delay import FreeNodes, ZenithModel


@dataclass(frozen=True)
class CalibrationSettings:
    """How observations are weighted and what is estimated beside offsets and delays.

        sigma(E) = sigma_0 for E >= full_weight_el,      sigma_0 / (2 sin E) below

    Attributes:
        code_sigma_m, phase_sigma_m: sigma_0 of ionosphere-free code and phase.
        leo_phase_sigma_m: sigma_0 of LEO phase; above `phase_sigma_m` it stands for white noise of
            the on-board clock product, sqrt(3^2 + 10^2) mm for 10 mm.
        full_weight_el_rad: from here up an observation has its full weight.
        mask_rad: links below are refused.
        ztd_spacing_s: between nodes of the piecewise linear zenith delay.
        orbit: what is estimated of each satellite.
        zenith: what is known about the change of the zenith delay between nodes.
        leo_clock: how far the clock product is trusted from epoch to epoch; with any but
            `KnownClock()` stations of a day hang together and are reduced by `reduce_day`.
    """

    code_sigma_m: float = 0.3
    phase_sigma_m: float = 0.003
    leo_phase_sigma_m: float = float(np.hypot(0.003, 0.010))
    full_weight_el_rad: float = float(np.radians(30.0))
    mask_rad: float = float(np.radians(10.0))
    ztd_spacing_s: float = 1800.0
    orbit: OrbitModel = field(default_factory=OncePerRevolution)
    zenith: ZenithModel = field(default_factory=FreeNodes)
    leo_clock: LeoClock = field(default_factory=KnownClock)

    def __post_init__(self):
        for name in ("code_sigma_m", "phase_sigma_m", "leo_phase_sigma_m", "ztd_spacing_s"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0.0):
                raise LeopntError(f"{name} = {value!r}: expected a number above 0.")
        for name in ("full_weight_el_rad", "mask_rad"):
            value = getattr(self, name)
            if not 0.0 <= value <= np.pi / 2:
                raise LeopntError(f"{name} = {value!r}: expected 0 to pi/2 (radians).")
        kinds = ("orbit", OrbitModel), ("zenith", ZenithModel), ("leo_clock", LeoClock)
        for name, kind in kinds:
            if not isinstance(getattr(self, name), kind):
                raise LeopntError(
                    f"{name} = {getattr(self, name)!r}: expected an object with the methods of "
                    f"`{kind.__name__}`."
                )


SEED_SETTINGS = CalibrationSettings(
    leo_phase_sigma_m=0.003, ztd_spacing_s=7200.0, orbit=KnownOrbit()
)
"""Values of [leo-pco], completed: 2 h nodes, equal sigmas, orbits and clocks taken as exact."""


def sigma_growth(
    elevation_rad: Float[np.ndarray, " link"], full_weight_el_rad: float
) -> Float[np.ndarray, " link"]:
    """sigma(E) / sigma_0: 1 from the full-weight elevation up, 1 / (2 sin E) below."""
    low = 0.5 / np.sin(elevation_rad)
    return np.where(elevation_rad >= full_weight_el_rad, 1.0, low)
