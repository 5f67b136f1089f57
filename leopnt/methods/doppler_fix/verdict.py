"""What a solution is worth in words: status, reasons for rejection, warnings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from leopnt.constants import EARTH_GM_M3PS2, SPEED_OF_LIGHT_MPS
from leopnt.inference.consistency import ChiSquare
from leopnt.inference.least_squares import Estimate
from leopnt.inference.status import Status
from leopnt.methods.doppler_fix.judge import geodetic_of
from leopnt.methods.doppler_fix.options import FixOptions, GivenSigma
from leopnt.methods.doppler_fix.search import highest_of, is_plausible
from leopnt.scenes.doppler_log import DopplerLog

AMBIGUOUS_BELOW = 18.4
"""Another solution is a rival if its chi-square exceeds the best by less: odds of 10 000 to 1."""

WEAK_SHARE = 0.01
"""Beyond this share of the distance to the satellites a sigma is no longer a linear matter."""

HOPELESS_SHARE = 0.05
"""Beyond this share the measurements do not tell where on its horizon the receiver is."""

POOR_SHARE = 0.01
"""Residuals beyond this share of the largest Doppler of the orbit are no measurement noise."""


class Alternative(NamedTuple):
    """A distinct solution of the search.

    position_ecef_m; scale: robust sigma of its residuals relative to the assumed one; cost_above:
    robust chi-square above the best; is_solution: the one that was kept.
    """

    position_ecef_m: Float[np.ndarray, "3"]
    scale: float
    cost_above: float
    is_solution: bool

    @property
    def is_rival(self) -> bool:
        """True if it fits about as well as the solution."""
        return not self.is_solution and self.cost_above < AMBIGUOUS_BELOW


class Findings(NamedTuple):
    """What the verdict rests on: the fix before it is judged.

    considered: (obs,) False where masked; used: those that were not rejected either.
    """

    log: DopplerLog
    options: FixOptions
    estimate: Estimate
    covariance_m2: Float[np.ndarray, "3 3"]
    allowed: Bool[np.ndarray, " obs"]
    used: Bool[np.ndarray, " obs"]
    normalized: Float[np.ndarray, " obs"]
    residual_hz: Float[np.ndarray, " obs"]
    el_rad: Float[np.ndarray, " obs"]
    chi2: ChiSquare
    alternatives: tuple[Alternative, ...]

    @property
    def sigma_share(self) -> float:
        """Largest sigma of the position over the distance to the nearest satellite used."""
        position_m = np.asarray(self.estimate.theta.rx_pos_ecef_m)
        near_m = np.min(np.linalg.norm(self.log.sat_pos_ecef_m[self.used] - position_m, axis=1))
        return float(np.sqrt(np.linalg.eigvalsh(self.covariance_m2)[-1]) / near_m)


def status_of(f: Findings) -> Status:
    """Status of the fix: that of the solver, unless a converged solution cannot be trusted."""
    if f.estimate.status != Status.converged:
        return f.estimate.status
    position_m = np.asarray(f.estimate.theta.rx_pos_ecef_m)
    if not np.all(np.isfinite(f.covariance_m2)):
        return Status.unobservable
    highest_m = highest_of(f.options)
    if not is_plausible(position_m, f.covariance_m2, f.log.sat_pos_ecef_m[f.used], highest_m):
        return Status.implausible
    if f.sigma_share > HOPELESS_SHARE:
        return Status.unobservable
    if any(a.is_rival for a in f.alternatives):
        return Status.ambiguous
    return Status.converged


def reasons(f: Findings) -> tuple[str, ...]:
    """Why each measurement was left out; empty where it was used."""
    told = np.full(len(f.used), "", dtype=object)
    for i in np.flatnonzero(~f.used):
        if not f.allowed[i]:
            told[i] = (
                f"elevation {np.degrees(f.el_rad[i]):.1f} deg is below the mask of "
                f"{np.degrees(f.options.mask_rad or 0.0):.1f} deg"
            )
        else:
            limit = f.options.snooping_sigmas or 0.0
            told[i] = f"residual is {f.normalized[i]:+.1f} sigma, limit {limit:g}"
    return tuple(told.tolist())


def warnings_of(f: Findings, status: Status) -> Iterator[str]:
    """Sentences that the user should read."""
    if not np.any(f.used):
        return
    yield from _about_rejection(f)
    yield from _about_sigma(f)
    yield from _about_satellites(f)
    yield from _about_place(f, status)


def _about_rejection(f: Findings) -> Iterator[str]:
    share = 1.0 - np.sum(f.used) / max(np.sum(f.allowed), 1)
    if share > 0.1:
        yield (
            f"{share:.0%} of the measurements were rejected; if that is not the log's fault, the "
            "sigma or the model is wrong."
        )
    limit = f.options.snooping_sigmas
    left = 0 if limit is None else int(np.sum(np.abs(f.normalized[f.used]) > limit))
    if left:
        yield (
            f"{left} measurements beyond {limit:g} sigma were kept: too many contradict each other "
            "to tell which are wrong."
        )


def _about_sigma(f: Findings) -> Iterator[str]:
    chi2 = f.chi2
    numbers = f"(chi-square {chi2.value:.0f} for {chi2.dof} degrees of freedom)"
    if isinstance(f.options.weights, GivenSigma):
        if chi2.p_value < 1e-3:
            yield (
                f"The residuals are larger than the stated sigmas allow {numbers}: the covariance "
                "is optimistic."
            )
        if chi2.p_value > 0.999:
            yield (
                f"The residuals are smaller than the stated sigmas {numbers}: the covariance is "
                "pessimistic."
            )
    elif chi2.dof < 10:
        yield f"sigma was estimated from only {max(chi2.dof, 0)} redundant measurements."
    radius_m = np.median(np.linalg.norm(f.log.sat_pos_ecef_m, axis=1))
    largest_hz = np.median(f.log.carrier_hz) * np.sqrt(EARTH_GM_M3PS2 / radius_m)
    rms_hz = np.sqrt(np.mean(f.residual_hz[f.used] ** 2))
    if rms_hz > POOR_SHARE * largest_hz / SPEED_OF_LIGHT_MPS:
        yield (
            f"The residuals ({rms_hz:.3g} Hz rms) are too large for Doppler noise: look at times, "
            "carrier, satellite names and the age of their orbits."
        )


def _about_satellites(f: Findings) -> Iterator[str]:
    seen = np.unique(np.asarray(f.log.sat_index)[f.used])
    if len(seen) == 1:
        yield "Only one satellite was used: its mirror position is hard to tell from the true one."
    if f.log.ephemeris_age_s is None or f.options.ageing is not None:
        return
    oldest_days = float(np.max(np.abs(np.asarray(f.log.ephemeris_age_s)[seen]))) / 86400.0
    if oldest_days > 1.0:
        yield (
            f"Elements are up to {oldest_days:.1f} days old and taken as exact; give `ageing` so "
            "that the covariance stays honest, or estimate the satellites' time offsets as well."
        )


def _about_place(f: Findings, status: Status) -> Iterator[str]:
    if status in (Status.converged, Status.ambiguous) and f.sigma_share > WEAK_SHARE:
        sigma_m = np.sqrt(np.linalg.eigvalsh(f.covariance_m2)[-1])
        yield (
            f"The position is known to {sigma_m / 1e3:.0f} km only, along one direction; so far "
            "off the covariance is a rough guide, and errors several times as large occur."
        )
    rivals = [a for a in f.alternatives if a.is_rival]
    if rivals:
        lat, lon, _ = geodetic_of(rivals[0].position_ecef_m)
        yield (
            f"Another position fits nearly as well: {np.degrees(lat):.4f}, {np.degrees(lon):.4f} "
            f"deg (chi-square {rivals[0].cost_above:.1f} higher)."
        )
