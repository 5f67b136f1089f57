"""What a Doppler fix may assume and how it weighs its measurements."""

from __future__ import annotations

import abc
import dataclasses

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError, did_you_mean
from leopnt.inference.model import Model
from leopnt.methods.doppler_fix.model import FIRST_ORDER

FIELDS = (
    "rx_pos_ecef_m",
    "rx_vel_ecef_mps",
    "freq_offset_hz",
    "freq_drift_hzps",
    "sat_freq_offset_hz",
    "sat_time_offset_s",
    "sat_orbit_offset_m",
)
"""Fields of theta that a fix may solve for."""


class AbstractWeights(abc.ABC):
    """Where the standard deviations of the measurements come from."""

    @property
    @abc.abstractmethod
    def trusts_log(self) -> bool:
        """True if the log's sigmas are taken as absolute."""


@dataclasses.dataclass(frozen=True)
class GivenSigma(AbstractWeights):
    """Use the log's `sigma_hz`; the chi-square test then says whether it is true."""

    @property
    def trusts_log(self) -> bool:
        return True


@dataclasses.dataclass(frozen=True)
class CommonSigma(AbstractWeights):
    """Equal weights (or those of the log's sigmas); the scale is estimated from the residuals."""

    @property
    def trusts_log(self) -> bool:
        return False


@dataclasses.dataclass(frozen=True)
class PerSatelliteSigma(AbstractWeights):
    """One sigma per satellite, estimated from its residuals and the redundancy they keep.

    A satellite's variance is shrunk, on a logarithm, towards the common one with the weight of
    `prior_dof` measurements, so that one with two bursts is not believed to be perfect.
    """

    prior_dof: float = 4.0

    def __post_init__(self):
        if not (np.isfinite(self.prior_dof) and self.prior_dof >= 0):
            raise LeopntError(
                f"PerSatelliteSigma: prior_dof={self.prior_dof!r}; accepted: finite, 0 or more."
            )

    @property
    def trusts_log(self) -> bool:
        return False


@dataclasses.dataclass(frozen=True)
class Height:
    """Knowledge of the ellipsoidal height [m]; a small sigma means it is known."""

    height_m: float
    sigma_m: float = 0.01

    def __post_init__(self):
        if not (np.isfinite(self.height_m) and np.isfinite(self.sigma_m) and self.sigma_m > 0):
            raise LeopntError(
                f"Height: height_m={self.height_m!r}, sigma_m={self.sigma_m!r}; accepted: a finite "
                "height and a positive sigma."
            )
        if not -1e3 <= self.height_m <= 2e6:
            raise LeopntError(
                f"Height: height_m={self.height_m!r} is not the height of a receiver in metres; "
                "accepted: -1000 to 2000000."
            )


@dataclasses.dataclass(frozen=True)
class EphemerisAgeing:
    """How far a satellite runs from its elements as they age: one sigma, by age in days.

        along-track sigma = initial + per_day age + per_day2 age^2      [m]
        radial and normal sigma = cross_share times that

    Defaults: constellations that hold their orbit with few maneuvers (Iridium: median 5.1 km after
    7 days). Orbits under daily thrust (Starlink: 61 km) need `per_day2_m` near 1200.
    """

    initial_m: float = 500.0
    per_day_m: float = 300.0
    per_day2_m: float = 60.0
    cross_share: float = 0.15

    def __post_init__(self):
        terms = dataclasses.astuple(self)
        if not (np.all(np.isfinite(terms)) and min(terms) >= 0 and sum(terms[:3]) > 0):
            raise LeopntError(f"{self!r}: accepted: terms of 0 or more, not all three 0.")

    def along_track_m(self, age_s: Float[np.ndarray, " sat"]) -> Float[np.ndarray, " sat"]:
        """One-sigma along-track error [m] of elements of that age [s]."""
        days = np.abs(np.asarray(age_s)) / 86400.0
        return self.initial_m + self.per_day_m * days + self.per_day2_m * days**2


@dataclasses.dataclass(frozen=True)
class FixOptions:
    """Settings of `doppler_fix.fix`.

    Attributes:
        unknowns: names out of `FIELDS`; the position is always among them.
        weights: source of the standard deviations.
        height: knowledge of the height, or None.
        model: `FIRST_ORDER` or `RELATIVISTIC`.
        start_ecef_m: a guess; used beside the global search, never instead of it.
        snooping_sigmas: measurements with normalized residuals beyond this are rejected; None: keep
            all.
        ageing: size of the ephemeris errors: a-priori sigma of those that are unknowns; the others
            are considered in the covariance; None: ephemeris taken as exact.
        sat_freq_sigma_hz: prior on each satellite's frequency offset; None: no prior.
        mask_rad: measurements below this elevation at the solution are left out.
    """

    unknowns: tuple[str, ...] = ("rx_pos_ecef_m", "freq_offset_hz")
    weights: AbstractWeights = dataclasses.field(default_factory=CommonSigma)
    height: Height | None = None
    model: Model = FIRST_ORDER
    start_ecef_m: Float[np.ndarray, "3"] | None = None
    snooping_sigmas: float | None = 4.0
    ageing: EphemerisAgeing | None = None
    sat_freq_sigma_hz: float | None = None
    mask_rad: float | None = None

    def __post_init__(self):
        _check_unknowns(self)
        limit = self.snooping_sigmas
        if limit is not None and not limit >= 2.5:
            raise LeopntError(
                f"snooping_sigmas={limit!r} would reject good measurements; accepted: 2.5 or more, "
                "or None."
            )
        sigma_hz = self.sat_freq_sigma_hz
        if sigma_hz is not None and not (np.isfinite(sigma_hz) and sigma_hz > 0):
            raise LeopntError(
                f"sat_freq_sigma_hz={sigma_hz!r}; accepted: finite and positive, or None."
            )
        mask_rad = self.mask_rad
        if mask_rad is not None and not abs(mask_rad) <= 0.5 * np.pi:
            raise LeopntError(
                f"mask_rad={mask_rad!r} is no elevation in radians (degrees?); accepted: -pi/2 to "
                "pi/2, or None."
            )
        start = self.start_ecef_m
        if start is not None and not (np.shape(start) == (3,) and np.all(np.isfinite(start))):
            raise LeopntError(f"start_ecef_m={start!r}; accepted: three finite numbers, or None.")


def _check_unknowns(options: FixOptions) -> None:
    unknowns = options.unknowns
    for name in unknowns:
        if name not in FIELDS:
            raise LeopntError(
                f"unknowns: {name!r} is not one of {list(FIELDS)}." + did_you_mean(name, FIELDS)
            )
        if unknowns.count(name) > 1:
            raise LeopntError(f"unknowns: {name!r} is named twice.")
    if "rx_pos_ecef_m" not in unknowns:
        raise LeopntError("unknowns: a fix solves for 'rx_pos_ecef_m'; add it.")
    both = {"freq_offset_hz", "sat_freq_offset_hz"} <= set(unknowns)
    if both and options.sat_freq_sigma_hz is None:
        raise LeopntError(
            "unknowns: 'freq_offset_hz' and 'sat_freq_offset_hz' together cannot be told apart; "
            "drop one, or give sat_freq_sigma_hz."
        )
    for name in ("sat_time_offset_s", "sat_orbit_offset_m"):
        if name in unknowns and options.ageing is None:
            raise LeopntError(
                f"unknowns: {name!r} needs an a-priori sigma; give ageing=EphemerisAgeing()."
            )
    if "sat_orbit_offset_m" in unknowns and options.ageing and not options.ageing.cross_share:
        raise LeopntError(
            "unknowns: 'sat_orbit_offset_m' with a cross_share of 0 is known exactly; drop it, or "
            "give a share."
        )
