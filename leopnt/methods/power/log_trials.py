"""Many draws of one power log, solved in a batch: does the fix reach its bound?"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from leopnt.antennas._inputs import check_count, check_positive
from leopnt.antennas.beams import AbstractBeams
from leopnt.inference.batch import batch_map
from leopnt.inference.least_squares import solve
from leopnt.inference.model import Data
from leopnt.inference.priors import AbstractPrior, GaussianPrior
from leopnt.inference.status import Status
from leopnt.methods.power.ellipsoid_fix import LOG_SOLVER, near
from leopnt.methods.power.log import PowerLog
from leopnt.methods.power.log_bound import LogBound, log_bound, row_bucket
from leopnt.methods.power.log_model import (
    POWER_ROWS,
    CommonLevel,
    DopplerRows,
    EllipsoidHeight,
    PowerTheta,
    data_of,
    predict_amplitude,
    priors_of,
    theta_of,
)
from leopnt.methods.power.log_options import PowerLogOptions, check_against

TILE = 8


class PowerTrials(NamedTuple):
    """Errors of many fixes of one receiver.

    error_ecef_m: estimate minus truth.
    covariance_ecef_m2: that each fix claims.
    converged: False where a fix did not end.
    bound: at the truth.
    """

    error_ecef_m: Float[np.ndarray, "trial 3"]
    covariance_ecef_m2: Float[np.ndarray, "trial 3 3"]
    converged: Bool[np.ndarray, " trial"]
    bound: LogBound

    @property
    def ratio(self) -> float:
        """RMS of the position error over its bound."""
        square = np.sum(self.error_ecef_m[self.converged] ** 2, axis=1)
        return float(np.sqrt(np.mean(square)) / self.bound.position_m)

    @property
    def nees(self) -> Float[np.ndarray, " trial"]:
        """Squared errors over the claimed covariances: chi-square with 3 degrees of freedom."""
        scaled = np.linalg.solve(self.covariance_ecef_m2, self.error_ecef_m[:, :, None])
        return np.sum(self.error_ecef_m * scaled[:, :, 0], axis=1)


def power_trials(
    log: PowerLog,
    antenna: AbstractBeams,
    rx_pos_ecef_m: Float[np.ndarray, "3"],
    options: PowerLogOptions,
    count: int,
    key: PRNGKeyArray,
    *,
    start_error_m: float = 5e3,
    tile: int = TILE,
) -> PowerTrials:
    """Draw the rows of a log anew and solve, `count` times; what it holds of powers is not used.

    All that a prior speaks of is drawn, too: heights that are believed, levels and biases of the
    beams that are true. Fixes start `start_error_m` from the truth.

    Args:
        key: trial i takes the i-th key split from it.
        tile: trials per tile.
    """
    check_count(1, count=count)
    check_positive("m", start_error_m=start_error_m)
    check_against(options, log, antenna)
    data = data_of(log, antenna, options, row_bucket(log.num_rows))
    shared = (
        theta_of(antenna, options, rx_pos_ecef_m),
        data,
        priors_of(log, antenna, options),
        jnp.asarray(float(start_error_m)),
    )
    keys = jax.random.key_data(jax.random.split(key, count))
    kernel = _KERNELS.setdefault(options.free, _Trial(options.free))
    shared = jax.tree.map(jnp.asarray, shared)
    error, covariance, converged = batch_map(kernel, keys, shared=shared, tile=min(tile, count))
    bound = log_bound(log, antenna, rx_pos_ecef_m, options)
    return PowerTrials(error, covariance, converged, bound)


class _Trial:
    """One trial, for chosen unknowns."""

    def __init__(self, free: tuple[str, ...]):
        self.free = free

    def __call__(self, key_data: Array, shared: Any):
        theta, data, priors, start_error_m = shared
        of_truth, of_rows, of_start = jax.random.split(jax.random.wrap_key_data(key_data), 3)
        truth, drawn = _draw(theta, priors, of_truth)
        data = Data(data.links, _rows(truth, data, of_rows), data.visible, data.shared)
        away = jax.random.normal(of_start, (3,))
        away = start_error_m * away / jnp.sqrt(away @ away)
        start = eqx.tree_at(lambda t: t.rx_pos_ecef_m, theta, theta.rx_pos_ecef_m + away)
        start = near(self.free, start, data, drawn)
        end = solve(POWER_ROWS, start, data, self.free, solver=LOG_SOLVER, priors=drawn)
        error = end.theta.rx_pos_ecef_m - truth.rx_pos_ecef_m
        return error, end.covariance_of("rx_pos_ecef_m"), end.status == Status.converged


_KERNELS: dict[tuple[str, ...], _Trial] = {}


def _rows(truth: PowerTheta, data: Data, key) -> Float[Array, " obs"]:
    def one(key, link):
        prediction = predict_amplitude(truth, data.shared, link)
        return data.shared.noise.sample(key, prediction)

    return jax.vmap(one)(jax.random.split(key, data.mask.shape[0]), data.links)


def _draw(
    theta: PowerTheta, priors: tuple[AbstractPrior, ...], key
) -> tuple[PowerTheta, tuple[AbstractPrior, ...]]:
    """A truth out of the priors, then priors (and Doppler) as a receiver there has them."""
    keys = jax.random.split(key, max(len(priors), 1))
    for prior, one in zip(priors, keys, strict=False):
        if isinstance(prior, CommonLevel):
            level = prior.mean_db + _sigma(prior.weight_per_db) * jax.random.normal(one)
            theta = eqx.tree_at(lambda t: t.level_db, theta, level)
        if isinstance(prior, GaussianPrior):
            mean = jnp.asarray(prior.mean)
            value = mean + jnp.asarray(prior.sigma) * jax.random.normal(one, mean.shape)
            theta = eqx.tree_at(lambda t, n=prior.name: getattr(t, n), theta, value)
    return theta, tuple(
        _believed(prior, theta, one) for prior, one in zip(priors, keys, strict=False)
    )


def _believed(prior: AbstractPrior, theta: PowerTheta, key) -> AbstractPrior:
    if isinstance(prior, EllipsoidHeight):
        mean = prior.height_m(theta) + _sigma(prior.weight_per_m) * jax.random.normal(key)
        return EllipsoidHeight(mean, prior.weight_per_m)
    if isinstance(prior, DopplerRows):
        noise = jax.random.normal(key, prior.doppler_hz.shape)
        measured = prior.predict_hz(theta) + prior.sigma_hz * noise
        return eqx.tree_at(lambda p: p.doppler_hz, prior, measured)
    return prior


def _sigma(weight: Float[Array, ""]) -> Float[Array, ""]:
    """Standard deviation to draw with; 0 where nothing is known."""
    known = weight > 0.0
    return jnp.where(known, 1.0 / jnp.where(known, weight, 1.0), 0.0)
