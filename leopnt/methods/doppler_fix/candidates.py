"""Local solutions of a Doppler fix: refined against outliers, compared, told apart."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from leopnt.inference.least_squares import Estimate, LevenbergMarquardt, solve
from leopnt.inference.losses import Cauchy
from leopnt.inference.model import Data, Model
from leopnt.inference.priors import AbstractPrior
from leopnt.inference.status import Status
from leopnt.methods.doppler_fix.judge import predicted_hz, prior_square
from leopnt.methods.doppler_fix.model import DopplerTheta
from leopnt.methods.doppler_fix.options import FixOptions
from leopnt.methods.doppler_fix.padding import bucket, padded
from leopnt.methods.doppler_fix.search import highest_of, is_plausible, search_globe, spread_links
from leopnt.methods.doppler_fix.verdict import Alternative
from leopnt.methods.doppler_fix.weights import robust_scale

_SOLVER = LevenbergMarquardt(max_iterations=60)
_PLAIN = 1e8
"""Cauchy scale at which every weight is 1 to the last bit: least squares by the same kernel."""
_CAUCHY = 2.385
_REFINE_LINKS = 4000
_ROBUST_ROUNDS = 12
_SETTLED = 0.8
_MIRRORS = 4
_SAME_M = 1.0
_SAME_SIGMAS = 3.0


class Candidate(NamedTuple):
    """A local solution.

    estimate: robust, at the scale of its own residuals; whitened: those residuals, in sigmas of the
    log; scale: their robust sigma; prior_square: squared misfit of the priors; is_plausible: it
    converged to where a receiver can be.
    """

    estimate: Estimate
    whitened: Float[np.ndarray, " obs"]
    scale: float
    prior_square: float
    is_plausible: bool

    @property
    def position_m(self) -> Float[np.ndarray, "3"]:
        """Receiver position, ECEF."""
        return np.asarray(self.estimate.theta.rx_pos_ecef_m)


def local_solutions(
    theta: DopplerTheta, data: Data, priors: tuple[AbstractPrior, ...], options: FixOptions
) -> list[Candidate]:
    """Refine the starts of the global search, the user's, and the mirrors of the best solution.

    At most 4000 measurements, spread over every arc, are used.
    """
    height = 0.0 if options.height is None else options.height.height_m
    starts = search_globe(options.model, theta, data, options.unknowns, height_m=height)
    if options.start_ecef_m is not None:
        starts = np.concatenate([np.asarray(options.start_ecef_m, float)[None], starts])
    small = _thinned(data)
    found: list[Candidate] = []
    coarse_m: list[np.ndarray] = []
    _refine(starts, theta, small, priors, options, found, coarse_m)
    best = found[best_of(found, options)]
    mirrors = mirror_positions(best.position_m, small)
    _refine(mirrors, theta, small, priors, options, found, coarse_m)
    return found


def _thinned(data: Data) -> Data:
    chosen = spread_links(np.asarray(data.links.sat_index), np.asarray(data.mask), _REFINE_LINKS)
    links, observed = jax.tree.map(
        lambda leaf: np.asarray(leaf)[chosen], (data.links, data.observations)
    )
    return padded(Data(links, observed, None, data.shared), bucket(len(chosen), 64))


def _refine(starts_m, theta, data: Data, priors, options: FixOptions, found, coarse_m) -> None:
    """Append to `found` the solutions that the starts lead to, each once."""
    for start_m in starts_m:
        start = eqx.tree_at(lambda t: t.rx_pos_ecef_m, theta, jnp.asarray(start_m, float))
        scale = _scale(whitened(options.model, start, data), options)
        estimate = _robust(start, data, scale, priors, options)
        position_m = np.asarray(estimate.theta.rx_pos_ecef_m)
        if any(np.linalg.norm(position_m - other) < _SAME_M for other in coarse_m):
            continue
        coarse_m.append(position_m)
        found.append(_annealed(estimate, scale, data, priors, options))


def _annealed(estimate: Estimate, scale: float, data: Data, priors, options) -> Candidate:
    """Repeat the robust solution at the scale its residuals show, until they shrink no more."""
    for _ in range(_ROBUST_ROUNDS):
        smaller = _scale(whitened(options.model, estimate.theta, data), options)
        settled = smaller > _SETTLED * scale
        scale = smaller
        estimate = _robust(estimate.theta, data, scale, priors, options)
        if settled:
            break
    theta = estimate.theta
    z = whitened(options.model, theta, data)
    return Candidate(
        estimate,
        z,
        robust_scale(z, estimate.unknowns.size),
        prior_square(theta, priors),
        bool(estimate.status == Status.converged)
        and is_plausible(
            np.asarray(theta.rx_pos_ecef_m),
            np.asarray(estimate.covariance_of("rx_pos_ecef_m")),
            np.asarray(data.links.sat_pos_ecef_m)[np.asarray(data.mask)],
            highest_of(options),
        ),
    )


def _robust(start: DopplerTheta, data: Data, scale: float, priors, options) -> Estimate:
    scaled = with_sigma(data, np.asarray(data.links.sigma_hz) * scale)
    return solve_links(options, start, scaled, priors, _CAUCHY)


def _scale(z: np.ndarray, options: FixOptions) -> float:
    """Robust scale of the residuals; sigmas that are trusted are never made smaller."""
    scale = robust_scale(z, 0)
    return max(scale, 1.0) if options.weights.trusts_log else scale


def mirror_positions(position_m: Float[np.ndarray, "3"], data: Data) -> list[np.ndarray]:
    """The position reflected in the planes in which the satellites observed most move over ground.

    Doppler from one pass fixes the place along the track and the distance from it, not the side.
    """
    links, mask = data.links, np.asarray(data.mask)
    index = np.asarray(links.sat_index)[mask]
    pos_m = np.asarray(links.sat_pos_ecef_m)[mask]
    momentum = np.cross(pos_m, np.asarray(links.sat_vel_ecef_mps)[mask])
    mirrors = []
    for satellite in np.argsort(-np.bincount(index), kind="stable")[:_MIRRORS]:
        normal = momentum[index == satellite].sum(axis=0)
        square = normal @ normal
        if square > 0.0:
            mirrors.append(position_m - 2.0 * (position_m @ normal) / square * normal)
    return mirrors


def best_of(candidates: list[Candidate], options: FixOptions) -> int:
    """Place of the candidate that fits best, out of the plausible ones if there are any."""
    cost = comparable_squares(candidates, options)
    sane = np.array([c.is_plausible for c in candidates])
    return int(np.argmin(np.where(sane, cost, np.inf) if np.any(sane) else cost))


def comparable_squares(candidates: list[Candidate], options: FixOptions) -> np.ndarray:
    """Robust sum of squares of every candidate at one scale, that of the best: in sigma^2."""
    finite = [c.scale for c in candidates if np.all(np.isfinite(c.whitened))]
    scale = min(finite, default=1.0)
    if options.weights.trusts_log:
        scale = max(scale, 1.0)
    each = [_cauchy_square(c.whitened / scale) + c.prior_square for c in candidates]
    return np.where(np.isfinite(each), each, np.inf)


def _cauchy_square(z: np.ndarray) -> float:
    return float(_CAUCHY**2 * np.sum(np.log1p((z / _CAUCHY) ** 2)))


def rank(candidates: list[Candidate], options: FixOptions) -> list[Alternative]:
    """Distinct plausible solutions, the kept one first, then by cost.

    Where the sigmas come from the residuals, a difference d of sums of squares counts as
    nu ln(1 + d / nu), nu the redundancy: the log-likelihood ratio of a fit whose scale is unknown.
    """
    cost, best = comparable_squares(candidates, options), best_of(candidates, options)
    above = np.maximum(cost - cost[best], 0.0)
    if not options.weights.trusts_log:
        spare = max(len(candidates[best].whitened) - candidates[best].estimate.unknowns.size, 1)
        above = spare * np.log1p(above / spare)
    kept: list[int] = []
    for i in [best, *np.argsort(above, kind="stable")]:
        candidate = candidates[i]
        usable = i == best or (candidate.is_plausible and np.isfinite(above[i]))
        if usable and not any(_is_same(candidates[k], candidate) for k in kept):
            kept.append(int(i))
    return [
        Alternative(candidates[i].position_m, candidates[i].scale, float(above[i]), i == best)
        for i in kept
    ]


def _is_same(better: Candidate, other: Candidate) -> bool:
    """True if `other` lies within a metre, or within 3 sigma, of `better`."""
    apart_m = other.position_m - better.position_m
    if np.linalg.norm(apart_m) < _SAME_M:
        return True
    covariance = np.asarray(better.estimate.covariance_of("rx_pos_ecef_m"))
    if not np.all(np.isfinite(covariance)):
        return False
    return bool(apart_m @ np.linalg.solve(covariance, apart_m) < _SAME_SIGMAS**2)


def least_squares(start: DopplerTheta, data: Data, priors, options: FixOptions) -> Estimate:
    """Plain least squares from a start."""
    return solve_links(options, start, data, priors, _PLAIN)


def solve_links(options: FixOptions, start: DopplerTheta, data: Data, priors, cauchy) -> Estimate:
    """Levenberg-Marquardt with a Cauchy loss of the given scale, in sigmas."""
    scale = jnp.asarray(float(cauchy))
    return _solve_kernel(options.model, start, data, options.unknowns, priors, scale)


@eqx.filter_jit
def _solve_kernel(model: Model, start, data: Data, free: tuple[str, ...], priors, scale):
    return solve(model, start, data, free, solver=_SOLVER, priors=priors, loss=Cauchy(scale))


def whitened(model: Model, theta: DopplerTheta, data: Data) -> Float[np.ndarray, " obs"]:
    """Residuals of the visible links over their sigmas."""
    residual = np.asarray(data.observations) - predicted_hz(model, theta, data)
    return (residual / np.asarray(data.links.sigma_hz))[np.asarray(data.mask)]


def with_sigma(data: Data, sigma_hz: np.ndarray) -> Data:
    """Data with other standard deviations."""
    links = eqx.tree_at(lambda k: k.sigma_hz, data.links, np.asarray(sigma_hz, float))
    return Data(links, data.observations, data.visible, data.shared)
