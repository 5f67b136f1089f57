"""The result of a Doppler fix: numbers, judgments, and the dataset that reports are made of."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import jax
import numpy as np
from jaxtyping import Bool, Float

from leopnt.inference.consistency import ChiSquare, ResidualCheck, Snooped, chi_square
from leopnt.inference.fisher import Information
from leopnt.inference.least_squares import Estimate
from leopnt.inference.model import Data
from leopnt.inference.priors import AbstractPrior
from leopnt.inference.status import Status
from leopnt.methods.doppler_fix.judge import (
    place_of,
    position_covariance,
    position_dop,
    predicted_hz,
    prior_square,
    worth,
)
from leopnt.methods.doppler_fix.options import FixOptions
from leopnt.methods.doppler_fix.verdict import (
    Alternative,
    Findings,
    reasons,
    status_of,
    warnings_of,
)
from leopnt.scenes.doppler_log import DopplerLog

if TYPE_CHECKING:
    import xarray as xr


@dataclasses.dataclass(frozen=True)
class DopplerFix:
    """A position from Doppler, with everything that is needed to judge it.

    Attributes:
        log, options: what went in.
        estimate: solution, covariance and status of the last iteration (SI, by field name).
        status: as `estimate.status`, or why a converged solution is not to be trusted.
        used: (obs,) False where rejected; `rejection` says why.
        sigma_hz: (obs,) standard deviations after weighting.
        predicted_hz, residual_hz: (obs,) at the solution; residual = observed - predicted.
        check: whitened and normalized residuals, leverages.
        az_rad, el_rad: (obs,) direction of each satellite from the solution.
        lat_rad, lon_rad, height_m: geodetic solution, NaN where there is none.
        enu_axes: rows east, north, up at the solution.
        covariance_enu_m2: (3, 3) of the position, ephemeris error considered where asked for.
        crb_enu_m2: (3, 3) Cramer-Rao bound of the used measurements, ephemeris taken as exact.
        information: Fisher information of the used measurements and priors.
        dop_m_per_hz: (2,) horizontal and vertical dilution: CRB sigma per Hz of Doppler sigma.
        chi2: test of the residuals; its p-value means nothing where sigma came from them.
        alternatives: distinct solutions of the search, best first.
        warnings: sentences that the user should read.
    """

    log: DopplerLog
    options: FixOptions
    estimate: Estimate
    status: Status
    used: Bool[np.ndarray, " obs"]
    rejection: tuple[str, ...]
    sigma_hz: Float[np.ndarray, " obs"]
    predicted_hz: Float[np.ndarray, " obs"]
    residual_hz: Float[np.ndarray, " obs"]
    check: ResidualCheck
    az_rad: Float[np.ndarray, " obs"]
    el_rad: Float[np.ndarray, " obs"]
    lat_rad: float
    lon_rad: float
    height_m: float
    enu_axes: Float[np.ndarray, "3 3"]
    covariance_enu_m2: Float[np.ndarray, "3 3"]
    crb_enu_m2: Float[np.ndarray, "3 3"]
    information: Information
    dop_m_per_hz: Float[np.ndarray, "2"]
    chi2: ChiSquare
    alternatives: tuple[Alternative, ...]
    warnings: tuple[str, ...]

    @property
    def has_position(self) -> bool:
        """True if there is a solution, though perhaps not the only one."""
        return _has_position(self.status)

    @property
    def position_ecef_m(self) -> Float[np.ndarray, "3"]:
        """Solution, ECEF; NaN if there is none (`estimate.theta` is where the solver stopped)."""
        position_m = np.asarray(self.estimate.theta.rx_pos_ecef_m)
        return position_m if self.has_position else np.full(3, np.nan)

    @property
    def converged(self) -> bool:
        """True if the fix may be used."""
        return bool(self.status == Status.converged)

    @property
    def residual_rms_hz(self) -> float:
        """Root mean square of the used residuals; NaN if none was used."""
        used_hz = self.residual_hz[self.used]
        return float(np.sqrt(np.mean(used_hz**2))) if len(used_hz) else float("nan")

    def error_enu_m(self, truth_ecef_m: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
        """Solution minus truth, east, north, up at the solution."""
        return self.enu_axes @ (self.position_ecef_m - np.asarray(truth_ecef_m))

    def to_dataset(
        self,
        *,
        truth_ecef_m: Float[np.ndarray, "3"] | None = None,
        title: str = "Doppler fix",
        input_file: str = "",
        input_text: str = "",
    ) -> xr.Dataset:
        """The fix as an `xarray.Dataset` with units, for files and reports."""
        from leopnt.methods.doppler_fix.dataset import fix_dataset

        return fix_dataset(
            self,
            truth_ecef_m=truth_ecef_m,
            title=title,
            input_file=input_file,
            input_text=input_text,
        )


def assemble(
    log: DopplerLog,
    options: FixOptions,
    snooped: Snooped,
    limit: float,
    data: Data,
    priors: tuple[AbstractPrior, ...],
    alternatives: list[Alternative],
) -> DopplerFix:
    """Collect a finished estimate and everything that judges it."""
    estimate, count = snooped.estimate, len(log.time_s)
    place = place_of(estimate.theta.rx_pos_ecef_m, data.links.sat_pos_ecef_m)
    value = worth(options, estimate, data, snooped.used, priors)
    covariance_m2 = position_covariance(log, options, estimate, data, snooped.used, priors)
    # From here on without the padding of the link axis.
    used, axes = np.asarray(snooped.used)[:count], place.axes
    check = jax.tree.map(lambda leaf: np.asarray(leaf)[:count], snooped.check)
    predicted = predicted_hz(options.model, estimate.theta, data)[:count]
    findings = Findings(
        log=log,
        options=options,
        estimate=estimate,
        covariance_m2=covariance_m2,
        allowed=np.asarray(data.mask)[:count],
        used=used,
        limit=limit,
        normalized=check.normalized[:, 0],
        residual_hz=np.asarray(log.doppler_hz) - predicted,
        el_rad=place.el_rad[:count],
        chi2=_chi_square(estimate, check, used, priors),
        alternatives=tuple(alternatives),
    )
    status = status_of(findings)
    return DopplerFix(
        log=log,
        options=options,
        estimate=estimate,
        status=status,
        used=used,
        rejection=reasons(findings),
        sigma_hz=np.asarray(data.links.sigma_hz)[:count],
        predicted_hz=predicted,
        residual_hz=findings.residual_hz,
        check=check,
        az_rad=place.az_rad[:count],
        el_rad=findings.el_rad,
        lat_rad=place.lat_rad if _has_position(status) else float("nan"),
        lon_rad=place.lon_rad if _has_position(status) else float("nan"),
        height_m=place.height_m if _has_position(status) else float("nan"),
        enu_axes=axes,
        covariance_enu_m2=axes @ covariance_m2 @ axes.T,
        crb_enu_m2=axes @ value.crb_m2 @ axes.T,
        information=value.information,
        dop_m_per_hz=position_dop(value.cofactor, axes),
        chi2=findings.chi2,
        alternatives=findings.alternatives,
        warnings=tuple(warnings_of(findings, status)),
    )


def _has_position(status: Status) -> bool:
    return bool((status == Status.converged) | (status == Status.ambiguous))


def _chi_square(estimate: Estimate, check: ResidualCheck, used, priors) -> ChiSquare:
    """Test of residuals and priors together."""
    num_priors = sum(jax.eval_shape(p.residual, estimate.theta).size for p in priors)
    square = np.sum(check.whitened[used, 0] ** 2) + prior_square(estimate.theta, priors)
    return chi_square(float(square), int(used.sum()) + num_priors - estimate.unknowns.size)
