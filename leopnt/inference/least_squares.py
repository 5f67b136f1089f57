"""Gauss-Newton, Fisher scoring and Levenberg-Marquardt on any model, one problem or a batch."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.inference.linearize import Normal, normal_equations
from leopnt.inference.losses import AbstractLoss
from leopnt.inference.model import Data, Model
from leopnt.inference.parameters import Unknowns
from leopnt.inference.priors import AbstractPrior
from leopnt.inference.small_linear import inverse_spd, solve_spd
from leopnt.inference.status import Status

_GROWTH_LIMIT = 3
_STEP_FLOOR = 1e-12
_DAMPING_MAX = 1e12


class AbstractSolver(eqx.Module):
    """How steps are taken. `tolerance` is the step, in predicted sigmas, that counts as none."""

    tolerance: eqx.AbstractVar[float]
    max_iterations: eqx.AbstractVar[int]

    @property
    @abc.abstractmethod
    def initial_damping(self) -> float:
        """Levenberg-Marquardt damping at the start; 0: undamped."""


class GaussNewton(AbstractSolver):
    """Undamped steps (J^T I J)^-1 J^T score.

    For Gaussian noise this is Gauss-Newton; for any other noise object it is Fisher scoring, since
    `whiten` carries the expected information.
    """

    tolerance: float = eqx.field(default=1e-5, static=True)
    max_iterations: int = eqx.field(default=20, static=True)

    @property
    def initial_damping(self) -> float:
        return 0.0


FisherScoring = GaussNewton
"""The same iteration under the name that fits non-Gaussian noise."""


class LevenbergMarquardt(AbstractSolver):
    """Damped steps (J^T I J + mu diag)^-1 J^T score; a step that raises the cost is taken back.

    Source: Marquardt, SIAM J. Appl. Math. 11 (1963) 431; damping times 1/10 and 10.
    """

    tolerance: float = eqx.field(default=1e-5, static=True)
    max_iterations: int = eqx.field(default=100, static=True)
    damping: float = eqx.field(default=1e-3, static=True)

    @property
    def initial_damping(self) -> float:
        return self.damping


class Estimate(eqx.Module):
    """A solution with its covariance and how it ended.

    Attributes:
        theta: estimated (free) and given (fixed) fields.
        covariance: (param, param) of the free tangents, SI; NaN where unobservable.
        information: (param, param), SI, priors and robust weights included; its inverse is
            `covariance`.
        cost: negative log-likelihood plus prior cost (or the robust cost) at the solution.
        num_iterations: steps tried.
        step_sigma: length of the last step in predicted sigmas, sqrt(step^T J^T I J step).
        status: a `Status`; `Status[estimate.status]` is the sentence.
        unknowns: names and places of the free fields.
    """

    theta: Any
    covariance: Float[Array, "*batch param param"]
    information: Float[Array, "*batch param param"]
    cost: Float[Array, "*batch"]
    num_iterations: Int[Array, "*batch"]
    step_sigma: Float[Array, "*batch"]
    status: Status
    unknowns: Unknowns = eqx.field(static=True)

    @property
    def converged(self):
        """True where the estimate may be used."""
        return self.status == Status.converged

    def covariance_of(self, names: str | Sequence[str]) -> Float[Array, "*batch size size"]:
        """Covariance block of the named fields, SI."""
        places = self.unknowns.indices(names)
        return self.covariance[..., places[:, None], places[None, :]]

    def sigma_of(self, name: str) -> Float[Array, "*batch size"]:
        """Standard deviations of a field's components, SI."""
        block = self.covariance_of(name)
        return jnp.sqrt(jnp.diagonal(block, axis1=-2, axis2=-1))


class _Newton(NamedTuple):
    """Loop state of undamped steps."""

    theta: Any
    last_step: Float[Array, ""]
    growth: Int[Array, ""]
    iteration: Int[Array, ""]
    status: Status
    running: Bool[Array, ""]


class _Damped(NamedTuple):
    """Loop state of Levenberg-Marquardt."""

    theta: Any
    normal: Normal
    damping: Float[Array, ""]
    last_step: Float[Array, ""]
    iteration: Int[Array, ""]
    status: Status
    running: Bool[Array, ""]


def solve(
    model: Model,
    start: Any,
    data: Data,
    free: Sequence[str] | str,
    *,
    solver: AbstractSolver | None = None,
    priors: Sequence[AbstractPrior] = (),
    loss: AbstractLoss | None = None,
) -> Estimate:
    """Estimate the `free` fields of theta from `data`; the other fields stay as in `start`.

        minimize  sum_links nll(observation, prediction(theta)) + sum_priors |residual|^2 / 2

    Pure and traceable: wrap it in `jax.vmap` for batches (see `solve_batch`) and `eqx.filter_jit`.

    Args:
        start: theta to start from, every field set.
        free: names of the fields to estimate.
        solver: default `GaussNewton()`.
        priors: extra rows; they count as equations.
        loss: robust loss over each link's whitened residual, for Gaussian noise.

    Nothing raises for a hopeless geometry or a diverged start: see `Estimate.status`.
    """
    unknowns = Unknowns.of(start, free)
    return _solve(model, start, data, unknowns, solver or GaussNewton(), tuple(priors), loss)


def _solve(model, start, data, unknowns, solver, priors, loss) -> Estimate:
    def linear(theta):
        return normal_equations(model, unknowns, theta, data, priors, loss)

    enough = _num_equations(start, data, priors) >= unknowns.size
    run = _run_damped if solver.initial_damping else _run_newton
    return run(start, linear, unknowns, solver, enough)


def _run_newton(start, linear, unknowns, solver, enough) -> Estimate:
    status = Status.where(enough, Status.max_iterations, Status.too_few_measurements)
    zero = jnp.asarray(0)
    state = jax.lax.while_loop(
        lambda s: s.running & (s.iteration < solver.max_iterations),
        lambda s: _gn_step(s, unknowns, linear, solver.tolerance),
        _Newton(start, jnp.asarray(jnp.inf), zero, zero, status, enough),
    )
    return _estimate(state, linear(state.theta), unknowns)


def _run_damped(start, linear, unknowns, solver, enough) -> Estimate:
    status = Status.where(enough, Status.max_iterations, Status.too_few_measurements)
    damping, far = jnp.asarray(float(solver.initial_damping)), jnp.asarray(jnp.inf)
    state = jax.lax.while_loop(
        lambda s: s.running & (s.iteration < solver.max_iterations),
        lambda s: _lm_step(s, unknowns, linear, solver.tolerance),
        _Damped(start, linear(start), damping, far, jnp.asarray(0), status, enough),
    )
    return _estimate(state, state.normal, unknowns)


def _num_equations(start, data: Data, priors) -> Int[Array, ""]:
    per_link = int(np.prod(data.observations.shape[1:]))
    per_link *= 2 if jnp.iscomplexobj(data.observations) else 1
    of_priors = sum(jax.eval_shape(p.residual, start).size for p in priors)
    if data.visible is None:
        return jnp.asarray(data.observations.shape[0] * per_link + of_priors)
    return jnp.sum(data.visible) * per_link + of_priors


def _gn_step(state: _Newton, unknowns: Unknowns, linear, tolerance: float) -> _Newton:
    normal = linear(state.theta)
    delta, regular = solve_spd(normal.information, normal.gradient)
    length = jnp.sqrt(jnp.abs(jnp.sum(delta * normal.gradient)))
    finite = jnp.isfinite(length)
    growth = jnp.where(length > state.last_step, state.growth + 1, 0)
    theta = unknowns.displace(state.theta, jnp.where(regular & finite, delta, 0.0))
    done = (length < tolerance) | (jnp.max(jnp.abs(delta)) < _STEP_FLOOR)
    status = _first(
        (~finite, Status.not_finite),
        (~regular, Status.unobservable),
        (done, Status.converged),
        (growth >= _GROWTH_LIMIT, Status.diverged),
    )
    running = finite & regular & ~done & (growth < _GROWTH_LIMIT)
    return _Newton(theta, length, growth, state.iteration + 1, status, running)


def _lm_step(state: _Damped, unknowns: Unknowns, linear, tolerance: float) -> _Damped:
    information, gradient, cost = state.normal
    diagonal = jnp.diag(information)
    damped = information + jnp.diag(state.damping * jnp.where(diagonal > 0, diagonal, 1.0))
    delta, _ = solve_spd(damped, gradient)
    length = jnp.sqrt(jnp.abs(jnp.sum(delta * gradient)))
    delta = jnp.where(jnp.isfinite(delta), delta, 0.0)
    trial_theta = unknowns.displace(state.theta, delta)
    trial = linear(trial_theta)
    finite = jnp.isfinite(cost)
    small = (length < tolerance) | (jnp.max(jnp.abs(delta)) < _STEP_FLOOR)
    # At the floor of rounding the cost no longer tells better from worse.
    better = (trial.cost <= cost) | (small & jnp.isfinite(trial.cost))
    done = small & (state.damping <= 1.0)
    stuck = state.damping > _DAMPING_MAX
    status = _first((~finite, Status.not_finite), (done, Status.converged), (stuck, Status.stalled))

    def keep(new, old):
        return jnp.where(better, new, old)

    return _Damped(
        jax.tree.map(keep, trial_theta, state.theta),
        jax.tree.map(keep, trial, state.normal),
        jnp.maximum(state.damping * jnp.where(better, 0.1, 10.0), 1e-15),
        length,
        state.iteration + 1,
        status,
        finite & ~done & ~stuck,
    )


def _first(*cases) -> Status:
    """Status of the first case that holds; `max_iterations` if none does."""
    status = Status.max_iterations
    for condition, name in reversed(cases):
        status = Status.where(condition, name, status)
    return status


def _estimate(state: _Newton | _Damped, normal: Normal, unknowns: Unknowns) -> Estimate:
    inverse, regular = inverse_spd(normal.information)
    judged = (state.status == Status.converged) & ~regular
    status = Status.where(judged, Status.unobservable, state.status)
    usable = regular & (status != Status.too_few_measurements)
    scale = jnp.asarray(unknowns.scale_vector)
    outer = scale[:, None] * scale[None, :]
    return Estimate(
        state.theta,
        jnp.where(usable, inverse * outer, jnp.nan),
        normal.information / outer,
        normal.cost,
        state.iteration,
        state.last_step,
        status,
        unknowns,
    )
