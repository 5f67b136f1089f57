"""What a fix from a power log may assume, and what it solves for."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from leopnt.antennas._inputs import check_finite
from leopnt.antennas.beams import AbstractBeams
from leopnt.errors import LeopntError, did_you_mean
from leopnt.methods.power.height import HeightPrior
from leopnt.methods.power.log import PowerLog
from leopnt.noise.base import AbstractNoise
from leopnt.noise.folded import FoldedAmplitude

FIELDS = ("rx_pos_ecef_m", "level_db", "freq_offset_hz")
"""Fields of theta that may be named as unknowns; `sigma_cal_db` adds the biases of the beams."""


@dataclasses.dataclass(frozen=True)
class PowerLogOptions:
    """Settings of `fix_log`.

    Attributes:
        unknowns: names out of `FIELDS`; the position is always among them.
        height: knowledge of the height above the WGS 84 ellipsoid; `NO_PRIOR` for none.
        sigma_cal_db: standard deviation of each beam's EIRP, one number or one per beam. The bias
            of a beam is the same in all its rows: averaging does not remove it.
        level_db: level common to all beams (EIRP, receiver's gain) beyond antenna and
            `rx_gain_dbi`; the mean of its prior where it is unknown.
        level_sigma_db: of that prior; infinity for none.
        rx_gain_dbi: G of the receiver's antenna, the same in all directions.
        noise: of A / sqrt(N); `Rician(1.0)` for a receiver that does not know the phase.
        start_ecef_m: a guess, used beside the search.
    """

    unknowns: tuple[str, ...] = ("rx_pos_ecef_m",)
    height: HeightPrior = dataclasses.field(default_factory=HeightPrior)
    sigma_cal_db: float | Float[np.ndarray, " beam"] = 0.0
    level_db: float = 0.0
    level_sigma_db: float = np.inf
    rx_gain_dbi: float = 0.0
    noise: AbstractNoise = dataclasses.field(default_factory=lambda: FoldedAmplitude(1.0))
    start_ecef_m: Float[np.ndarray, "3"] | None = None

    def __post_init__(self):
        for name in self.unknowns:
            if name not in FIELDS:
                raise LeopntError(
                    f"unknowns: {name!r}; accepted: {', '.join(FIELDS)}."
                    + did_you_mean(name, FIELDS)
                )
        if "rx_pos_ecef_m" not in self.unknowns or len(set(self.unknowns)) != len(self.unknowns):
            raise LeopntError(
                f"unknowns = {self.unknowns!r}: expected 'rx_pos_ecef_m' and others, each once."
            )
        check_finite("dB", level_db=self.level_db)
        check_finite("dBi", rx_gain_dbi=self.rx_gain_dbi)
        if not self.level_sigma_db > 0.0:
            raise LeopntError(
                f"level_sigma_db = {self.level_sigma_db:g} dB: expected a number above 0; infinity "
                "for no prior."
            )
        sigma = np.asarray(self.sigma_cal_db, float)
        if sigma.ndim > 1 or not np.all(np.isfinite(sigma) & (sigma >= 0.0)):
            raise LeopntError(
                f"sigma_cal_db = {self.sigma_cal_db}: expected 0 or more [dB], one number or one "
                "per beam."
            )

        start = self.start_ecef_m
        if start is not None and (np.shape(start) != (3,) or not np.all(np.isfinite(start))):
            raise LeopntError(f"start_ecef_m = {start}: expected three finite numbers [m].")

    @property
    def has_bias(self) -> bool:
        """True if the EIRP of the beams is known to some decibels only."""
        return bool(np.any(np.asarray(self.sigma_cal_db) > 0.0))

    @property
    def free(self) -> tuple[str, ...]:
        """Fields of theta that are solved for, biases of the beams included."""
        return (*self.unknowns, "beam_bias_db") if self.has_bias else self.unknowns


def check_against(options: PowerLogOptions, log: PowerLog, antenna: AbstractBeams) -> None:
    """Refuse options that do not go with a log.

    Raises:
        LeopntError: a frequency offset without Doppler, sigmas for another number of beams, biases
            of beams with more than one satellite, more than one height.
    """
    num_sat = len(np.unique(log.sat_index))
    if options.has_bias and num_sat > 1:
        raise LeopntError(
            f"sigma_cal_db: the biases of beams are those of one satellite, and the log has "
            f"{num_sat}; fix each satellite by itself (`PowerLog.rows`), or take 0."
        )
    if "freq_offset_hz" in options.unknowns and log.doppler is None:
        raise LeopntError("unknowns: 'freq_offset_hz' needs Doppler rows; the log has none.")
    shape = np.shape(options.sigma_cal_db)
    if shape not in ((), (antenna.num_beams,)):
        raise LeopntError(f"sigma_cal_db has shape {shape}; accepted: ({antenna.num_beams},).")
    for name in ("mean_m", "sigma_m"):
        if np.shape(getattr(options.height, name)):
            raise LeopntError(f"height.{name} has an axis; expected one number for one receiver.")
    if not float(options.height.sigma_m) > 0.0:
        raise LeopntError(
            f"height.sigma_m = {float(options.height.sigma_m):g} m: expected a number above 0; "
            "infinity for no prior."
        )
