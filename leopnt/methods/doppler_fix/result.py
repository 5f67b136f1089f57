"""The result of a Doppler fix: numbers, judgments, and the dataset that reports are made of."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from leopnt.constants import EARTH_GM_M3PS2
from leopnt.frames.geodetic import azel, ecef_to_geodetic, enu_basis
from leopnt.inference.consider import consider_covariance
from leopnt.inference.consistency import ChiSquare, ResidualCheck, Snooped, chi_square
from leopnt.inference.fisher import Information, fisher_information
from leopnt.inference.least_squares import Estimate
from leopnt.inference.model import Data, predict
from leopnt.inference.status import Status
from leopnt.methods.doppler_fix.options import CommonSigma, EphemerisAgeing, FixOptions, GivenSigma
from leopnt.scenes.doppler_log import DopplerLog

if TYPE_CHECKING:
    import xarray as xr

AMBIGUOUS_BELOW = 25.0
"""Another solution counts as equally good if its cost exceeds the best by less, in sigma^2."""


class Alternative(NamedTuple):
    """A distinct solution of the search.

    position_ecef_m; scale: robust sigma of its residuals relative to the assumed one; cost_above:
    robust chi-square above the best; is_solution: the one that was kept.
    """

    position_ecef_m: Float[np.ndarray, "3"]
    scale: float
    cost_above: float
    is_solution: bool


@dataclasses.dataclass(frozen=True)
class DopplerFix:
    """A position from Doppler, with everything that is needed to judge it.

    Attributes:
        log, options: what went in.
        estimate: solution, covariance and status of the last iteration (SI, by field name).
        status: as `estimate.status`, or ambiguous.
        used: (obs,) False where rejected; `rejection` says why.
        sigma_hz: (obs,) standard deviations after weighting.
        predicted_hz, residual_hz: (obs,) at the solution; residual = observed - predicted.
        check: whitened and normalized residuals, leverages.
        az_rad, el_rad: (obs,) direction of each satellite from the solution.
        lat_rad, lon_rad, height_m: geodetic solution.
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
    def position_ecef_m(self) -> Float[np.ndarray, "3"]:
        """Solution, ECEF."""
        return np.asarray(self.estimate.theta.rx_pos_ecef_m)

    @property
    def converged(self) -> bool:
        """True if the fix may be used."""
        return bool(self.status == Status.converged)

    @property
    def residual_rms_hz(self) -> float:
        """Root mean square of the used residuals."""
        return float(np.sqrt(np.mean(self.residual_hz[self.used] ** 2)))

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
    data: Data,
    priors,
    alternatives: list[Alternative],
) -> DopplerFix:
    """Collect a finished estimate and everything that judges it."""
    estimate, count = snooped.estimate, len(log.time_s)
    place = place_of(estimate.theta.rx_pos_ecef_m, log.sat_pos_ecef_m)
    judged = _judge(options.model, estimate.theta, data, snooped.used, priors, options.unknowns)
    covariance = _covariance(log, options, estimate, data, snooped.used, priors)
    # From here on without the padding of the link axis.
    used, axes = np.asarray(snooped.used)[:count], place.axes
    check = jax.tree.map(lambda leaf: np.asarray(leaf)[:count], snooped.check)
    predicted = predicted_hz(options.model, estimate.theta, data)[:count]
    num_priors = sum(jax.eval_shape(p.residual, estimate.theta).size for p in priors)
    dof = int(used.sum()) + num_priors - estimate.unknowns.size
    chi2 = chi_square(float(np.sum(check.whitened[used, 0] ** 2)), dof)
    status = _status(estimate, alternatives)
    return DopplerFix(
        log=log,
        options=options,
        estimate=estimate,
        status=status,
        used=used,
        rejection=_rejections(options, used, check, place.el_rad),
        sigma_hz=np.asarray(data.links.sigma_hz)[:count],
        predicted_hz=predicted,
        residual_hz=np.asarray(log.doppler_hz) - predicted,
        check=check,
        az_rad=place.az_rad,
        el_rad=place.el_rad,
        lat_rad=place.lat_rad,
        lon_rad=place.lon_rad,
        height_m=place.height_m,
        enu_axes=axes,
        covariance_enu_m2=axes @ covariance @ axes.T,
        crb_enu_m2=axes @ judged.crb_m2 @ axes.T,
        information=judged.information,
        dop_m_per_hz=_dop(judged.cofactor, axes),
        chi2=chi2,
        alternatives=tuple(alternatives),
        warnings=tuple(_warnings(log, options, used, chi2, status, alternatives)),
    )


def predicted_hz(model, theta, data: Data) -> np.ndarray:
    """Doppler of every link at theta."""
    return np.asarray(_predict_kernel(model, theta, data.links, data.shared))


_predict_kernel = eqx.filter_jit(predict)


class Place(NamedTuple):
    """A position in geodetic terms, with the directions of satellites seen from it."""

    lat_rad: float
    lon_rad: float
    height_m: float
    axes: Float[np.ndarray, "3 3"]
    az_rad: Float[np.ndarray, " obs"]
    el_rad: Float[np.ndarray, " obs"]


def place_of(rx_pos_ecef_m, sat_pos_ecef_m) -> Place:
    """Geodetic coordinates, ENU axes and satellite directions of a position."""
    lat, lon, height, axes, az, el = _place_kernel(rx_pos_ecef_m, sat_pos_ecef_m)
    return Place(
        float(lat), float(lon), float(height), np.asarray(axes), np.asarray(az), np.asarray(el)
    )


@jax.jit
def _place_kernel(position, satellites):
    lat, lon, height = ecef_to_geodetic(position)
    az, el = jax.vmap(azel, in_axes=(0, None))(satellites, position)
    return lat, lon, height, enu_basis(lat, lon), az, el


class _Judged(NamedTuple):
    information: Information
    crb_m2: np.ndarray
    cofactor: np.ndarray


def _judge(model, theta, data: Data, used, priors, free) -> _Judged:
    """Fisher information of the used links, its bound, and the bound for 1 Hz on every link."""
    information, crb, cofactor = _judge_kernel(model, theta, data, used, priors, free)
    return _Judged(information, np.asarray(crb), np.asarray(cofactor))


@eqx.filter_jit
def _judge_kernel(model, theta, data: Data, used, priors, free):
    def of(links) -> Information:
        return fisher_information(
            model, theta, links, free, shared=data.shared, visible=used, priors=priors
        )

    information = of(data.links)
    unit = of(eqx.tree_at(lambda k: k.sigma_hz, data.links, jnp.ones(used.shape)))
    return information, information.crb("rx_pos_ecef_m"), unit.crb("rx_pos_ecef_m")


def _covariance(log, options: FixOptions, estimate: Estimate, data: Data, used, priors):
    """Position covariance, with the ephemeris error considered if it was not estimated."""
    where = estimate.unknowns.slice("rx_pos_ecef_m")
    considered, covariance = _considered(log, options)
    if not considered:
        return np.asarray(estimate.covariance)[where, where]
    total = _consider_kernel(
        options.model,
        estimate.theta,
        data,
        used,
        priors,
        options.unknowns,
        considered,
        covariance,
    )
    return np.asarray(total)[where, where]


@eqx.filter_jit
def _consider_kernel(model, theta, data: Data, visible, priors, free, considered, covariance):
    return consider_covariance(
        model,
        theta,
        data.links,
        free,
        considered,
        covariance,
        shared=data.shared,
        visible=visible,
        priors=priors,
    )


def _considered(log: DopplerLog, options: FixOptions):
    """Names and covariance of the ephemeris errors that the fix did not estimate."""
    if options.ageing is None:
        return (), None
    along_s, cross_m = orbit_sigmas(log, options.ageing)
    sigmas = {"sat_time_offset_s": along_s, "sat_orbit_offset_m": np.repeat(cross_m, 2)}
    names = tuple(name for name in sigmas if name not in options.unknowns)
    if not names:
        return (), None
    return names, jnp.diag(jnp.asarray(np.concatenate([sigmas[n] for n in names]) ** 2))


def orbit_sigmas(log: DopplerLog, ageing: EphemerisAgeing) -> tuple[np.ndarray, np.ndarray]:
    """Sigma of each satellite's time offset [s] and of its radial and normal displacement [m]."""
    age_s = np.zeros(len(log.satellites)) if log.ephemeris_age_s is None else log.ephemeris_age_s
    along_m = ageing.along_track_m(np.asarray(age_s))
    radius_m = np.median(np.linalg.norm(log.sat_pos_ecef_m, axis=1))
    return along_m / np.sqrt(EARTH_GM_M3PS2 / radius_m), ageing.cross_share * along_m


def _dop(cofactor: np.ndarray, axes: np.ndarray) -> np.ndarray:
    variance = np.diag(axes @ cofactor @ axes.T)
    return np.sqrt(np.array([variance[0] + variance[1], variance[2]]))


def _status(estimate: Estimate, alternatives: list[Alternative]) -> Status:
    rivals = [a for a in alternatives if not a.is_solution and a.cost_above < AMBIGUOUS_BELOW]
    if estimate.status == Status.converged and rivals:
        return Status.ambiguous
    return estimate.status


def _rejections(options: FixOptions, used, check: ResidualCheck, el) -> tuple[str, ...]:
    normalized = np.asarray(check.normalized)[:, 0]
    reasons = []
    for i in range(len(used)):
        if used[i]:
            reasons.append("")
        elif options.mask_rad is not None and el[i] < options.mask_rad:
            reasons.append(
                f"elevation {np.degrees(el[i]):.1f} deg is below the mask of "
                f"{np.degrees(options.mask_rad):.1f} deg"
            )
        else:
            reasons.append(
                f"residual is {normalized[i]:+.1f} sigma, limit {options.snooping_sigmas:g}"
            )
    return tuple(reasons)


def _warnings(log: DopplerLog, options: FixOptions, used, chi2: ChiSquare, status, alternatives):
    share = 1.0 - np.mean(used)
    if share > 0.1:
        yield (
            f"{share:.0%} of the measurements were rejected; if that is not the log's fault, the "
            "sigma or the model is wrong."
        )
    if isinstance(options.weights, GivenSigma) and chi2.p_value < 1e-3:
        yield (
            f"The residuals are larger than the stated sigmas allow (chi-square "
            f"{chi2.value:.0f} for {chi2.dof} degrees of freedom): the covariance is optimistic."
        )
    if isinstance(options.weights, GivenSigma) and chi2.p_value > 0.999:
        yield (
            f"The residuals are smaller than the stated sigmas (chi-square {chi2.value:.0f} for "
            f"{chi2.dof} degrees of freedom): the covariance is pessimistic."
        )
    if isinstance(options.weights, CommonSigma) and chi2.dof < 10:
        yield f"sigma was estimated from only {chi2.dof} redundant measurements."
    seen = np.unique(np.asarray(log.sat_index)[used])
    if len(seen) == 1:
        yield "Only one satellite was used: its mirror position is hard to tell from the true one."
    if log.ephemeris_age_s is not None and options.ageing is None:
        oldest = float(np.max(np.abs(np.asarray(log.ephemeris_age_s)[seen]))) / 86400.0
        if oldest > 1.0:
            yield (
                f"Elements are up to {oldest:.1f} days old and taken as exact; estimate "
                "'satellite_time_offset', or give `ageing` so that the covariance stays honest."
            )
    if status == Status.ambiguous:
        rival = next(a for a in alternatives if not a.is_solution)
        place = place_of(rival.position_ecef_m, log.sat_pos_ecef_m)
        yield (
            f"Another position fits nearly as well: {np.degrees(place.lat_rad):.4f}, "
            f"{np.degrees(place.lon_rad):.4f} deg (chi-square {rival.cost_above:.1f} higher)."
        )
