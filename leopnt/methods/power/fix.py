"""Position from powers by maximum likelihood in amplitude, or by least squares in decibels.

State (u, v, ln d): regular at nadir. Steps are those of `LevenbergMarquardt` and `GaussNewton`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from leopnt.antennas._inputs import check_between
from leopnt.antennas.beams import DB_PER_NEPER
from leopnt.errors import LeopntError
from leopnt.inference.batch import batch_map
from leopnt.inference.least_squares import (
    AbstractSolver,
    GaussNewton,
    LevenbergMarquardt,
    Problem,
)
from leopnt.inference.linearize import Normal
from leopnt.inference.small_linear import gram_of_columns
from leopnt.inference.status import Status
from leopnt.methods.power.bound import PowerBound, bound_of_information, information_at
from leopnt.methods.power.fingerprints import Starts, starts_of
from leopnt.methods.power.geometry import place_of_sine, range_of_gamma
from leopnt.methods.power.height import HeightPrior, height_row
from leopnt.methods.power.inputs import Powers, check_powers, check_sensitivity
from leopnt.methods.power.link import (
    Coherent,
    PowerScene,
    amplitude_of_power,
    amplitudes,
    heard,
    power_of_amplitude,
)
from leopnt.methods.power.status import PowerStatus
from leopnt.noise.base import AbstractNoise

TILE = 250
"""Users that advance together: they wait for the slowest of them."""

LARGEST_STEP = 0.1
LARGEST_RHO = 0.999
WEAK_CONDITION = 1e10
"""Condition number of the unit-diagonal information beyond which a position means nothing."""

EQUAL_DB = 1e-6
"""Powers closer together than this carry no direction."""

AMBIGUITY_COST = 9.0
"""Twice the log-likelihood ratio below which another position counts as likely as the best."""

APART_SIGMAS = 6.0
"""Two ends closer than this, by the better one's information, are one position."""

TIE_COST = 1e-3
"""Of two ends that fit equally well up to this, a converged one is kept."""

ML_SOLVER = LevenbergMarquardt(tolerance=1e-6, max_iterations=25, damping=1e-3)
"""At most 25 steps; a step of 1e-6 sigma, about 1e-9 in u and v, is none."""


GLS_SOLVER = GaussNewton(tolerance=1e-6, max_iterations=25)
"""Undamped: weights that follow the state leave no one cost to judge a step by."""


class PowerFix(eqx.Module):
    """Position of a user, with its bound. Fields carry a leading user axis.

    Attributes:
        gamma_rad, beta_rad: off nadir, and azimuth in (-pi, pi].
        u, v: direction cosines.
        range_m, height_m, distance_m: slant range; height and horizontal distance of the triangle.
        bound: standard deviations at the solution, prior included.
        cost: C, twice the negative log-likelihood plus prior, without constants that no position
            changes.
        second_cost: lowest C among starts that ended elsewhere; infinity if none did.
        chi_square: sum of squared residuals over their variances.
        num_beams: that were used.
        num_iterations: steps tried.
        status: `PowerStatus[fix.status]` is the sentence.
    """

    gamma_rad: Float[Array, "*batch"]
    beta_rad: Float[Array, "*batch"]
    u: Float[Array, "*batch"]
    v: Float[Array, "*batch"]
    range_m: Float[Array, "*batch"]
    height_m: Float[Array, "*batch"]
    distance_m: Float[Array, "*batch"]
    bound: PowerBound
    cost: Float[Array, "*batch"]
    second_cost: Float[Array, "*batch"]
    chi_square: Float[Array, "*batch"]
    num_beams: Int[Array, "*batch"]
    num_iterations: Int[Array, "*batch"]
    status: PowerStatus

    @property
    def ok(self):
        """True where the position may be used."""
        return self.status == PowerStatus.ok


class _Sums(NamedTuple):
    """What a solver needs at a state, and what a user wants to know there."""

    normal: Normal
    chi_square: Float[Array, ""]


class _Setting(NamedTuple):
    """What all users share."""

    scene: PowerScene
    noise: AbstractNoise
    solver: AbstractSolver
    sigma_cal_db: Float[Array, ""]
    sensitivity_dbw: Float[Array, ""]


def ml_fix(
    scene: PowerScene,
    power_dbw: ArrayLike,
    start: Starts | None = None,
    prior: HeightPrior | None = None,
    *,
    transmitted: ArrayLike | None = None,
    noise: AbstractNoise | None = None,
    solver: AbstractSolver = ML_SOLVER,
    tile: int = TILE,
    threads: int | None = None,
) -> PowerFix:
    """Maximum likelihood in amplitude over all transmitted beams, without a threshold.

        C = sum_k [(y_k - A_k)^2 / N - 2 ln(1 + exp(-2 y_k A_k / N))] + ((h - h0) / sigma_h)^2,
        y_k = sqrt(2 P_hat_k)

    by Fisher scoring with weights 1/N. A beam below the noise says that the user is not in it.

        fix = ml_fix(scene, power_dbw)
        fix.gamma_rad, fix.bound.gamma_rad, PowerStatus[fix.status[0]]

    Args:
        power_dbw: (user, beam) measured.
        start: directions (user, start); the best end is kept, the next one tells of ambiguity.
            Default: two of the amplitude fingerprints.
        prior: on the height; default 0 +- 1 km, `NO_PRIOR` for none.
        transmitted: False where a beam was not sent, (beam,) or (user, beam).
        noise: of A / sqrt(N); default `Coherent()`, `NonCoherent()` for a receiver that does not
            know the phase. Likelihood and bound are those of the noise; steps are weighted by 1/N.
        tile: users per tile.

    Raises:
        LeopntError: as `check_powers`; starts or heights for another number of users.
    """
    setting = _setting(scene, noise, solver, 0.0, -np.inf)
    return _fix(_ml_one, setting, power_dbw, start, prior, transmitted, tile, threads)


def gls_fix(
    scene: PowerScene,
    power_dbw: ArrayLike,
    start: Starts | None = None,
    prior: HeightPrior | None = None,
    *,
    sigma_cal_db: float = 0.0,
    sensitivity_dbw: float = -160.0,
    transmitted: ArrayLike | None = None,
    solver: AbstractSolver = GLS_SOLVER,
    tile: int = TILE,
    threads: int | None = None,
) -> PowerFix:
    """Generalized least squares in decibels, for EIRP that is known to sigma_cal only.

        rows [dE_k, 1] with weights 1 / (sigma_k^2 + sigma_cal^2),
        sigma_k = (20 / ln 10) sqrt(N / (2 P_k))

    sigma_k is of the model's power at every step. The column of ones is that of the loss: no beam
    is a reference, and the result is that of all differences with their covariance.

    Args:
        sigma_cal_db: standard deviation of each beam's EIRP, independent.
        sensitivity_dbw: measured powers below it do not count; far below the noise decibels are
            biased.
        Others as in `ml_fix`.
    """
    check_between(0.0, np.inf, "dB", sigma_cal_db=sigma_cal_db)
    check_sensitivity(sensitivity_dbw)
    setting = _setting(scene, None, solver, sigma_cal_db, sensitivity_dbw)
    return _fix(_gls_one, setting, power_dbw, start, prior, transmitted, tile, threads)


def _setting(scene, noise, solver, sigma_cal_db, sensitivity_dbw) -> _Setting:
    noise = Coherent() if noise is None else noise
    numbers = (jnp.asarray(float(x)) for x in (sigma_cal_db, sensitivity_dbw))
    noise = jax.tree.map(jnp.asarray, noise)
    return _Setting(scene, noise, solver, *numbers)


def _fix(one, setting, power_dbw, start, prior, transmitted, tile, threads) -> PowerFix:
    powers = check_powers(setting.scene, power_dbw, transmitted)
    users = len(powers.power_dbw)
    if start is None:
        start = starts_of(setting.scene, powers)
    start = _check_starts(start, users)
    prior = _per_user(prior or HeightPrior(), users)
    return batch_map(one, powers, start, prior, shared=setting, tile=tile, threads=threads)


def _check_starts(start: Starts, users: int) -> Starts:
    gamma, beta = (np.asarray(x, float) for x in start)
    if gamma.ndim != 2 or gamma.shape != beta.shape or len(gamma) != users or not gamma.shape[1]:
        raise LeopntError(
            f"start has shapes {gamma.shape} and {beta.shape}; accepted: ({users}, start), alike."
        )
    if not (np.all(np.isfinite(gamma)) and np.all(np.isfinite(beta))):
        raise LeopntError("start holds NaN or infinity; expected angles in rad.")
    return Starts(gamma, beta)


def _per_user(prior: HeightPrior, users: int) -> HeightPrior:
    fields = {}
    for name in ("mean_m", "sigma_m"):
        found = np.asarray(getattr(prior, name), float)
        if found.shape not in ((), (users,)):
            raise LeopntError(f"prior.{name} has shape {found.shape}; accepted: ({users},).")
        fields[name] = np.broadcast_to(found, (users,)).copy()
    return HeightPrior(**fields)


def _ml_one(powers: Powers, start: Starts, prior: HeightPrior, setting: _Setting) -> PowerFix:
    scene, noise, mask = setting.scene, setting.noise, jnp.asarray(powers.transmitted)
    y = jnp.where(mask, amplitude_of_power(scene, jnp.asarray(powers.power_dbw)), 1.0)

    # Beams that were not sent stand in the sum as 1 where 1 is expected.
    of_others = jnp.sum(~mask) * noise.nll(jnp.ones(()), jnp.ones(()))

    def sums(state):
        found = amplitudes(scene, *state)
        a = jnp.where(mask, found.amplitude, 1.0)
        score = noise.score(y, a)
        columns = [jnp.where(mask, column, 0.0) for column in found[1:]]
        data_cost = noise.nll(y, a) - of_others
        return _with_prior(scene, prior, state, columns, score, data_cost, jnp.sum((y - a) ** 2))

    return _best(sums, powers, mask, start, prior, setting)


def _gls_one(powers: Powers, start: Starts, prior: HeightPrior, setting: _Setting) -> PowerFix:
    scene, power = setting.scene, jnp.asarray(powers.power_dbw)
    mask = heard(power, setting.sensitivity_dbw, jnp.asarray(powers.transmitted))

    def sums(state):
        found = amplitudes(scene, *state)
        per_neper = 2.0 * DB_PER_NEPER / found.amplitude
        variance = per_neper**2 + setting.sigma_cal_db**2
        root = jnp.where(mask, 1.0 / jnp.sqrt(variance), 0.0)
        residual = root * (power - power_of_amplitude(scene, found.amplitude))
        columns = [root * per_neper * column for column in found[1:]]
        chi_square = jnp.sum(residual**2)
        # The weights follow the state: their part of the likelihood keeps the cost comparable.
        spread = jnp.sum(jnp.where(mask, jnp.log(variance), 0.0))
        cost = 0.5 * (chi_square + spread)
        return _with_prior(scene, prior, state, columns, residual, cost, chi_square)

    return _best(sums, powers, mask, start, prior, setting)


def _with_prior(scene, prior, state, columns, residual, cost, chi_square) -> _Sums:
    """Normal equations of whitened columns and residuals, and of the height."""
    known = height_row(scene.shell, prior, *state)
    information = gram_of_columns(columns) + gram_of_columns([x[None] for x in known.row])
    gradient = jnp.stack(
        [
            jnp.sum(column * residual) + x * known.residual
            for column, x in zip(columns, known.row, strict=True)
        ]
    )
    return _Sums(Normal(information, gradient, cost + 0.5 * known.residual**2), chi_square)


def _best(
    sums: Callable[[Any], _Sums], powers, mask, start: Starts, prior, setting: _Setting
) -> PowerFix:
    """Solve from every start and keep the lowest cost."""
    problem = Problem(lambda state: sums(state).normal, _move)
    num_beams = jnp.sum(mask)
    enough = num_beams + jnp.isfinite(prior.sigma_m) >= 3

    def one(gamma, beta):
        return setting.solver.run(problem, _state(setting.scene, prior, gamma, beta), enough)

    ends = jax.vmap(one)(jnp.asarray(start.gamma_rad), jnp.asarray(start.beta_rad))
    costs = jnp.where(jnp.isfinite(ends.normal.cost), ends.normal.cost, jnp.inf)
    unfinished = ends.status != Status.converged
    best = jnp.argmin(costs + jnp.where(unfinished, TIE_COST, 0.0))
    end = jax.tree.map(lambda leaf: leaf[best], ends)
    # A start that ends where another did says nothing about ambiguity.
    off = jnp.stack(ends.values, axis=1) - jnp.stack(end.values)[None, :]
    away = jnp.einsum("si,ij,sj->s", off, end.normal.information, off) > APART_SIGMAS**2
    second = jnp.min(jnp.where(away, costs, jnp.inf))
    scene = setting.scene
    bound = _bound(end, prior, mask, setting)
    spread_db = jnp.max(jnp.where(mask, powers.power_dbw, -jnp.inf)) - jnp.min(
        jnp.where(mask, powers.power_dbw, jnp.inf)
    )
    weak = (bound.condition > WEAK_CONDITION) | jnp.isnan(bound.condition) | (spread_db < EQUAL_DB)
    constant = jnp.log(2.0 * jnp.pi) * num_beams
    is_ambiguous = 2.0 * (second - end.normal.cost) < AMBIGUITY_COST
    status = _status(end.status, enough, weak, is_ambiguous)
    usable = enough & jnp.isfinite(end.normal.cost)
    u, v, log_range = (jnp.where(usable, x, jnp.nan) for x in end.values)
    rho_squared = u * u + v * v
    found = place_of_sine(
        scene.shell, jnp.sqrt(rho_squared), jnp.sqrt(1.0 - rho_squared), jnp.exp(log_range)
    )
    return PowerFix(
        jnp.arcsin(jnp.sqrt(rho_squared)),
        jnp.arctan2(v, u),
        u,
        v,
        jnp.exp(log_range),
        found.height_m,
        found.distance_m,
        bound,
        2.0 * end.normal.cost - constant,
        2.0 * second - constant,
        sums(end.values).chi_square,
        num_beams,
        end.num_iterations,
        status,
    )


def _bound(end, prior, mask, setting: _Setting) -> PowerBound:
    u, v, log_range = end.values
    information = information_at(
        setting.scene, prior, mask, setting.sigma_cal_db, u, v, log_range, setting.noise
    )
    return bound_of_information(setting.scene, information, u, v, log_range)


def _state(scene: PowerScene, prior: HeightPrior, gamma, beta):
    """Start: a direction, at the range of the known height there (or of the limb)."""
    inside = jnp.minimum(jnp.abs(gamma), 0.999 * scene.shell.limb_rad(jnp.asarray(prior.mean_m)))
    range_m = range_of_gamma(scene.shell, inside, jnp.asarray(prior.mean_m))
    sine = jnp.sin(gamma)
    return sine * jnp.cos(beta), sine * jnp.sin(beta), jnp.log(range_m)


def _move(state, delta):
    """A step of at most 0.1 in each unknown, rho kept below 0.999."""
    u, v, log_range = (
        x + jnp.clip(delta[i], -LARGEST_STEP, LARGEST_STEP) for i, x in enumerate(state)
    )
    rho = jnp.sqrt(u * u + v * v)
    shrink = jnp.where(rho > LARGEST_RHO, LARGEST_RHO / jnp.where(rho > 0.0, rho, 1.0), 1.0)
    return u * shrink, v * shrink, log_range


def _status(ended: Status, enough, weak, is_ambiguous) -> PowerStatus:
    status = PowerStatus.where(is_ambiguous, PowerStatus.ambiguous, PowerStatus.ok)
    status = PowerStatus.where(ended == Status.converged, status, PowerStatus.not_converged)
    status = PowerStatus.where(weak, PowerStatus.weak_geometry, status)
    status = PowerStatus.where(ended == Status.not_finite, PowerStatus.invalid_input, status)
    return PowerStatus.where(enough, status, PowerStatus.insufficient_beams)
