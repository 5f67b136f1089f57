"""From a power log to a position on the Earth: search, refine, compare, judge."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from leopnt.antennas.beams import DB_PER_NEPER, AbstractBeams
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.inference.consistency import ChiSquare, chi_square
from leopnt.inference.least_squares import Estimate, LevenbergMarquardt, solve
from leopnt.inference.model import Data, predict
from leopnt.inference.status import Status
from leopnt.io.ellipse import error_ellipse
from leopnt.methods.power.fix import AMBIGUITY_COST, APART_SIGMAS, EQUAL_DB, WEAK_CONDITION
from leopnt.methods.power.log import PowerLog, check_power_log
from leopnt.methods.power.log_bound import Judged, LogBound, bound_of, judge, row_bucket
from leopnt.methods.power.log_model import (
    POWER_ROWS,
    PowerTheta,
    data_of,
    doppler_of,
    num_equations,
    num_known,
    priors_of,
    theta_of,
)
from leopnt.methods.power.log_options import PowerLogOptions, check_against
from leopnt.methods.power.log_start import start_positions
from leopnt.methods.power.status import PowerStatus

LOG_SOLVER = LevenbergMarquardt(tolerance=1e-6, max_iterations=60, damping=1e-3)
"""Steps of a fix from a log."""

STRONG = 3.0
"""Rows whose predicted amplitude is above this, in sigmas of the noise, enter the residual test."""

POOR_FIT = 1e-6
"""A chi-square less likely than this: noise, priors or the antenna are not what they are said."""

HIDDEN_RAD = np.radians(1.0)
"""A satellite farther below the horizon of the solution than this cannot have been heard."""


class Alternative(NamedTuple):
    """Another end of the search: position, and twice its negative log-likelihood above the best."""

    position_ecef_m: Float[np.ndarray, "3"]
    cost_above: float


@dataclasses.dataclass(frozen=True)
class PowerSolution:
    """A position from a power log, with everything that is needed to judge it.

    Numbers are NaN where there is no solution; `estimate.theta` is where the solver stopped.

    Attributes:
        log, options: what went in.
        estimate: solution, covariance and status of the engine (SI, by field name).
        status: `PowerStatus[solution.status]` is the sentence.
        position_ecef_m, lat_rad, lon_rad, height_m: the position, on WGS 84.
        enu_axes: rows east, north, up at the solution.
        covariance_ecef_m2, covariance_enu_m2: of the position, priors included.
        bound: Cramer-Rao bound at the solution.
        level_db, level_sigma_db: common level; sigma 0 where it was known.
        freq_offset_hz, freq_offset_sigma_hz: of the receiver.
        beam_bias_db: (beam,) biases, as far as `sigma_cal_db` allows; zeros without.
        range_m: (obs,) to the satellite of each row; over c it is the time of flight.
        timing_sigma_s: (obs,) standard deviation of that time.
        az_rad, el_rad: (obs,) direction of each satellite from the solution.
        predicted_dbw, residual_db: (obs,) residual = measured - predicted.
        whitened: (obs,) residual amplitude in sigmas of the noise.
        doppler_residual_hz: of the Doppler rows, empty without.
        chi2: of the whitened residuals of rows above the noise (`STRONG`), Doppler and priors; the
            status is `poor_fit` where it is less likely than `POOR_FIT`.
        second_cost: twice the log-likelihood ratio to the next best position; infinity for none.
        alternatives: other positions that the search ended at, best first.
    """

    log: PowerLog
    options: PowerLogOptions
    estimate: Estimate
    status: PowerStatus
    position_ecef_m: Float[np.ndarray, "3"]
    lat_rad: float
    lon_rad: float
    height_m: float
    enu_axes: Float[np.ndarray, "3 3"]
    covariance_ecef_m2: Float[np.ndarray, "3 3"]
    covariance_enu_m2: Float[np.ndarray, "3 3"]
    bound: LogBound
    level_db: float
    level_sigma_db: float
    freq_offset_hz: float
    freq_offset_sigma_hz: float
    beam_bias_db: Float[np.ndarray, " beam"]
    range_m: Float[np.ndarray, " obs"]
    timing_sigma_s: Float[np.ndarray, " obs"]
    az_rad: Float[np.ndarray, " obs"]
    el_rad: Float[np.ndarray, " obs"]
    predicted_dbw: Float[np.ndarray, " obs"]
    residual_db: Float[np.ndarray, " obs"]
    whitened: Float[np.ndarray, " obs"]
    doppler_residual_hz: Float[np.ndarray, " row"]
    chi2: ChiSquare
    second_cost: float
    alternatives: tuple[Alternative, ...]

    @property
    def ok(self) -> bool:
        """True if the position may be used."""
        return bool(self.status == PowerStatus.ok)

    @property
    def is_ambiguous(self) -> bool:
        """True if another position fits about as well."""
        return self.second_cost < AMBIGUITY_COST

    @property
    def sigma_enu_m(self) -> Float[np.ndarray, "3"]:
        """Standard deviations east, north, up."""
        return np.sqrt(np.diag(self.covariance_enu_m2))

    def ellipse(self, probability: float = 0.95) -> tuple[float, float, float]:
        """Horizontal error ellipse: semi-major and semi-minor axis [m], azimuth [rad]."""
        return error_ellipse(self.covariance_enu_m2, probability)

    def error_enu_m(self, truth_ecef_m: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
        """Solution minus truth, east, north, up at the solution."""
        return self.enu_axes @ (self.position_ecef_m - np.asarray(truth_ecef_m))

    def timing_error_s(self, truth_ecef_m: Float[np.ndarray, "3"]) -> Float[np.ndarray, " obs"]:
        """Error of the range over c, solution minus truth: what it does to a time transfer."""
        sats = np.asarray(self.log.sat_pos_ecef_m)
        true_m = np.linalg.norm(sats - np.asarray(truth_ecef_m)[None], axis=1)
        return (self.range_m - true_m) / SPEED_OF_LIGHT_MPS


def fix_log(
    log: PowerLog, antenna: AbstractBeams, options: PowerLogOptions | None = None
) -> PowerSolution:
    """Position of a receiver at rest, and more, from a log of beam powers.

        minimize sum_rows nll(y_k; A_k) + sum_Doppler |.|^2 / 2 + sum_priors |.|^2 / 2,
        y_k = sqrt(2 P_hat_k / N),   A_k = sqrt(2 P_k(r) / N)

    1. The fingerprints on a sphere that are nearest to the sweep with most beams, and the mirror of
       the first in the orbit plane, are put into ECEF.
    2. Each is refined with all rows (Levenberg-Marquardt).
    3. The best is kept; the next best elsewhere tells of ambiguity.

    Beams whose EIRP is known to `sigma_cal_db` have a bias each, the same at all epochs, with that
    prior. For one epoch far above the noise this is least squares in decibels with the weights
    1 / (sigma_k^2 + sigma_cal^2), to first order.

        solution = fix_log(log, b52())
        solution.lat_rad, solution.sigma_enu_m, PowerStatus[solution.status]

    Raises:
        LeopntError: the log (`check_power_log`) or the options cannot be right.
    """
    options = options or PowerLogOptions()
    check_power_log(log, antenna)
    check_against(options, log, antenna)
    data = data_of(log, antenna, options, row_bucket(log.num_rows))
    priors = priors_of(log, antenna, options)
    ends = [
        _refine(log, antenna, options, data, priors, place)
        for place in start_positions(log, antenna, options)
    ]
    return _assemble(log, antenna, options, ends)


def _refine(log, antenna, options: PowerLogOptions, data: Data, priors, place) -> Estimate:
    theta = theta_of(antenna, options, place)
    return _refine_kernel(options.free, theta, data, priors)


@eqx.filter_jit
def _refine_kernel(free: tuple[str, ...], theta: PowerTheta, data: Data, priors) -> Estimate:
    start = near(free, theta, data, priors)
    return solve(POWER_ROWS, start, data, free, solver=LOG_SOLVER, priors=priors)


def near(free: tuple[str, ...], theta: PowerTheta, data: Data, priors) -> PowerTheta:
    """Level and frequency offset that go with a place: least squares in one unknown each.

    level = 20 log10(sum y A / sum A^2),   offset = mean(measured - predicted Doppler)
    """
    if "level_db" in free:
        amplitude = jnp.where(data.mask, predict(POWER_ROWS, theta, data.links, data.shared), 0.0)
        ratio = jnp.sum(amplitude * data.observations) / jnp.sum(amplitude**2)
        level = theta.level_db + 2.0 * DB_PER_NEPER * jnp.log(ratio)
        theta = eqx.tree_at(lambda t: t.level_db, theta, level)
    rows = doppler_of(priors)
    if "freq_offset_hz" in free and rows is not None:
        offset = jnp.mean(rows.doppler_hz - rows.predict_hz(theta))
        theta = eqx.tree_at(lambda t: t.freq_offset_hz, theta, offset)
    return theta


def _assemble(log, antenna, options, ends: list[Estimate]) -> PowerSolution:
    """The best end, and everything that judges it."""
    best, alternatives = _ranked(ends)
    theta, count = best.theta, log.num_rows
    found = judge(log, antenna, options, theta)
    bound = bound_of(log, options, found)
    second = alternatives[0].cost_above if alternatives else np.inf
    enough = num_equations(log, options) >= 2 + len(options.unknowns)
    weak = bound.condition > WEAK_CONDITION or bool(np.ptp(log.power_dbw) < EQUAL_DB)
    amplitude = np.asarray(found.amplitude)[:count]
    measured = np.sqrt(2.0 * 10.0 ** (0.1 * log.power_dbw) / log.noise_w)
    chi2 = _chi_square(log, options, found, measured - amplitude)
    ended = _ended(best.status, enough, weak, np.asarray(found.el_rad)[:count])
    status = _judged(second, chi2) if ended == PowerStatus.ok else ended
    lost = status in (PowerStatus.insufficient_beams, PowerStatus.invalid_input)
    blank = np.nan if lost else 1.0
    place, axes = blank * np.asarray(theta.rx_pos_ecef_m), np.asarray(found.enu_axes)
    covariance = blank * np.asarray(best.covariance_of("rx_pos_ecef_m"))
    predicted_dbw = 10.0 * np.log10(0.5 * log.noise_w * amplitude**2)
    return PowerSolution(
        log=log,
        options=options,
        estimate=best,
        status=status,
        position_ecef_m=place,
        lat_rad=blank * float(found.lat_rad),
        lon_rad=blank * float(found.lon_rad),
        height_m=blank * float(found.height_m),
        enu_axes=axes,
        covariance_ecef_m2=covariance,
        covariance_enu_m2=axes @ covariance @ axes.T,
        bound=bound,
        level_db=blank * float(theta.level_db),
        level_sigma_db=_sigma(best, "level_db"),
        freq_offset_hz=blank * float(theta.freq_offset_hz),
        freq_offset_sigma_hz=_sigma(best, "freq_offset_hz"),
        beam_bias_db=np.asarray(theta.beam_bias_db),
        range_m=np.linalg.norm(np.asarray(log.sat_pos_ecef_m) - place[None], axis=1),
        timing_sigma_s=blank * bound.timing_s,
        az_rad=np.asarray(found.az_rad)[:count],
        el_rad=np.asarray(found.el_rad)[:count],
        predicted_dbw=predicted_dbw,
        residual_db=log.power_dbw - predicted_dbw,
        whitened=measured - amplitude,
        doppler_residual_hz=np.asarray(found.doppler_residual_hz),
        chi2=chi2,
        second_cost=float(second),
        alternatives=alternatives,
    )


def _ranked(ends: list[Estimate]) -> tuple[Estimate, tuple[Alternative, ...]]:
    """The end with the lowest cost (a converged one, of those that tie), and the others."""
    cost = np.array([float(end.cost) for end in ends])
    cost = np.where(np.isfinite(cost), cost, np.inf)
    finished = np.array([bool(end.converged) for end in ends])
    best = ends[int(np.argmin(cost + np.where(finished, 0.0, 1e-3)))]
    kept: list[Alternative] = []
    for i in np.argsort(cost, kind="stable"):
        place = np.asarray(ends[i].theta.rx_pos_ecef_m)
        same = [_is_same(best, place - np.asarray(best.theta.rx_pos_ecef_m))]
        same += [_is_same(best, place - other.position_ecef_m) for other in kept]
        if np.isfinite(cost[i]) and not any(same):
            kept.append(Alternative(place, float(2.0 * (cost[i] - float(best.cost)))))
    return best, tuple(kept)


def _is_same(best: Estimate, off_m: np.ndarray) -> bool:
    """Two ends closer than `APART_SIGMAS`, by the covariance of the best, are one position."""
    covariance = np.asarray(best.covariance_of("rx_pos_ecef_m"))
    if not np.all(np.isfinite(covariance)):
        return bool(np.linalg.norm(off_m) < 1.0)
    return bool(off_m @ np.linalg.solve(covariance, off_m) < APART_SIGMAS**2)


def _chi_square(log, options: PowerLogOptions, found: Judged, whitened) -> ChiSquare:
    """Of rows above the noise, Doppler and priors; a beam's bias and its prior cancel."""
    strong = found.amplitude[: log.num_rows] > STRONG
    square = np.sum(whitened[strong] ** 2) + np.sum(found.known_squares)
    dof = int(strong.sum()) + num_known(log, options) - 2 - len(options.unknowns)
    return chi_square(float(square), dof)


def _sigma(best: Estimate, name: str) -> float:
    return float(best.sigma_of(name)[0]) if name in best.unknowns.names else 0.0


def _ended(ended: Status, enough: bool, weak: bool, el_rad: np.ndarray) -> PowerStatus:
    """Whether there is a position at all, seen by the satellites."""
    if not enough or ended == Status.too_few_measurements:
        return PowerStatus.insufficient_beams
    if ended == Status.not_finite:
        return PowerStatus.invalid_input
    if weak or ended == Status.unobservable:
        return PowerStatus.weak_geometry
    if ended != Status.converged:
        return PowerStatus.not_converged
    if np.max(el_rad) < 0.0 or np.min(el_rad) < -HIDDEN_RAD:
        return PowerStatus.off_earth
    return PowerStatus.ok


def _judged(second: float, chi2: ChiSquare) -> PowerStatus:
    """Whether the position may be believed."""
    if second < AMBIGUITY_COST:
        return PowerStatus.ambiguous
    return PowerStatus.poor_fit if chi2.p_value < POOR_FIT else PowerStatus.ok
