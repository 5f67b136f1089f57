"""Gauss-Newton, Fisher scoring and Levenberg-Marquardt on any model, one problem or a batch."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.inference.linearize import Normal, normal_equations
from leopnt.inference.losses import AbstractLoss
from leopnt.inference.model import Data, Model, check_data, with_array_floats
from leopnt.inference.parameters import Unknowns
from leopnt.inference.priors import AbstractPrior
from leopnt.inference.small_linear import inverse_spd, solve_spd
from leopnt.inference.status import Status
from leopnt.noise.base import check_positive

_GROWTH_LIMIT = 3
_STEP_FLOOR = 1e-12
_NEAR = 1e-2
_COST_ROUNDING = 1e-14
_DAMPING_MIN = 1e-15
_DAMPING_MAX = 1e12


class AbstractSolver(eqx.Module):
    """How steps are taken. `tolerance` is the step, in predicted sigmas, that counts as none."""

    tolerance: eqx.AbstractVar[float]
    max_iterations: eqx.AbstractVar[int]

    @abc.abstractmethod
    def run(self, problem: Problem, start: Any, enough: Bool[Array, ""]) -> End:
        """Iterate from `start`; where not `enough`, only linearize there."""


class Problem(NamedTuple):
    """What a solver needs to know about the model.

    linearize: values -> `Normal` there; move: (values, scaled tangent) -> values. `values` is a
    pytree that the solver passes on and never looks into.
    """

    linearize: Callable[[Any], Normal]
    move: Callable[[Any, Float[Array, " param"]], Any]


class End(NamedTuple):
    """Where and how a solver ended; `normal` belongs to `values`."""

    values: Any
    normal: Normal
    num_iterations: Int[Array, ""]
    step_sigma: Float[Array, ""]
    status: Status


class GaussNewton(AbstractSolver):
    """Undamped steps (J^T I J)^-1 J^T score.

    For Gaussian noise this is Gauss-Newton; for any other noise object it is Fisher scoring, since
    `whiten` carries the expected information.
    """

    tolerance: float = eqx.field(default=1e-5, static=True)
    max_iterations: int = eqx.field(default=20, static=True)

    def __check_init__(self):
        _check_solver(self)

    def run(self, problem: Problem, start: Any, enough: Bool[Array, ""]) -> End:
        state = jax.lax.while_loop(
            lambda s: s.running,
            functools.partial(_gn_step, self, problem),
            _Newton(
                start,
                jax.tree.map(_zeros, jax.eval_shape(problem.linearize, start)),
                jnp.asarray(jnp.inf),
                jnp.asarray(0),
                jnp.asarray(0),
                Status.where(enough, Status.max_iterations, Status.too_few_measurements),
                enough,
                jnp.asarray(True),
            ),
        )
        return End(state.values, state.normal, state.iteration, state.last_step, state.status)


FisherScoring = GaussNewton
"""The same iteration under the name that fits non-Gaussian noise."""


class LevenbergMarquardt(AbstractSolver):
    """Damped steps (J^T I J + mu diag)^-1 J^T score; a step that raises the cost is taken back.

    The damping falls, to a third at most, as far as the cost fell as expected; it rises by 2, 4, 8
    after steps in vain. Source: Madsen, Nielsen & Tingleff, Methods for Non-Linear Least Squares
    Problems, 2nd ed. (2004), algorithm 3.16.
    """

    tolerance: float = eqx.field(default=1e-5, static=True)
    max_iterations: int = eqx.field(default=100, static=True)
    damping: float = eqx.field(default=1e-3, static=True)

    def __check_init__(self):
        _check_solver(self)
        check_positive("LevenbergMarquardt", "damping", self.damping)

    def run(self, problem: Problem, start: Any, enough: Bool[Array, ""]) -> End:
        normal = jax.tree.map(_zeros, jax.eval_shape(problem.linearize, start))
        state = jax.lax.while_loop(
            lambda s: s.running,
            functools.partial(_lm_step, self, problem),
            _Damped(
                start,
                normal,
                start,
                jnp.asarray(self.damping),
                jnp.asarray(2.0),
                jnp.asarray(1.0),
                jnp.asarray(jnp.inf),
                jnp.asarray(0),
                Status.where(enough, Status.max_iterations, Status.too_few_measurements),
                enough,
                jnp.asarray(True),
            ),
        )
        return End(state.values, state.normal, state.iteration, state.last_step, state.status)


def _check_solver(solver: AbstractSolver) -> None:
    owner = type(solver).__name__
    check_positive(owner, "tolerance", solver.tolerance)
    check_positive(owner, "max_iterations", solver.max_iterations)


def _zeros(like: jax.ShapeDtypeStruct) -> Array:
    return jnp.zeros(like.shape, like.dtype)


class Estimate(eqx.Module):
    """A solution with its covariance and how it ended.

    Attributes:
        theta: estimated (free) and given (fixed) fields.
        covariance: (param, param) of the free tangents, SI; NaN where unobservable, not finite or
            short of measurements.
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
        return _block(self.covariance, self.unknowns.indices(names))

    def sigma_of(self, name: str) -> Float[Array, "*batch size"]:
        """Standard deviations of a field's components, SI."""
        return _deviations(self.covariance, self.unknowns.indices(name))


@jax.jit
def _block(covariance: Array | np.ndarray, places: Array | np.ndarray) -> Array:
    return jnp.asarray(covariance)[..., places[:, None], places[None, :]]


@jax.jit
def _deviations(covariance: Array | np.ndarray, places: Array | np.ndarray) -> Array:
    return jnp.sqrt(jnp.diagonal(_block(covariance, places), axis1=-2, axis2=-1))


class _Newton(NamedTuple):
    """Loop state of undamped steps. While `moving` a pass steps; the last one only linearizes."""

    values: Any
    normal: Normal
    last_step: Float[Array, ""]
    growth: Int[Array, ""]
    iteration: Int[Array, ""]
    status: Status
    moving: Bool[Array, ""]
    running: Bool[Array, ""]


class _Damped(NamedTuple):
    """Loop state of Levenberg-Marquardt: `normal` belongs to `values`, `trial` is judged next."""

    values: Any
    normal: Normal
    trial: Any
    damping: Float[Array, ""]
    rise: Float[Array, ""]
    expected: Float[Array, ""]
    last_step: Float[Array, ""]
    iteration: Int[Array, ""]
    status: Status
    moving: Bool[Array, ""]
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

    Compiled once for each `predict_link`, shape of `data` and choice of `free`. Pure and traceable:
    batches go through `batch_map`, or `jax.vmap`.

    Args:
        start: theta to start from, every field set.
        free: names of the fields to estimate.
        solver: default `GaussNewton()`.
        priors: extra rows; they count as equations.
        loss: robust loss over each link's whitened residual, for Gaussian noise.

    Nothing raises for a hopeless geometry or a diverged start: see `Estimate.status`.
    """
    check_data(data)
    unknowns = Unknowns.of(start, free)
    given = with_array_floats((model, start, data, tuple(priors), loss))
    return _solve(unknowns, solver or GaussNewton(), *given)


@eqx.filter_jit
def _solve(unknowns: Unknowns, solver, model, start, data, priors, loss) -> Estimate:
    # Only the free fields go round the loop: the fixed ones may be anything.
    def linearize(values):
        theta = unknowns.put(start, values)
        return normal_equations(model, unknowns, theta, data, priors, loss)

    def move(values, delta):
        return unknowns.take(unknowns.displace(unknowns.put(start, values), delta))

    enough = _num_equations(start, data, priors) >= unknowns.size
    end = solver.run(Problem(linearize, move), unknowns.take(start), enough)
    return estimate_at(end, unknowns.put(start, end.values), unknowns)


def _num_equations(start, data: Data, priors) -> Int[Array, ""]:
    per_link = int(np.prod(data.observations.shape[1:]))
    per_link *= 2 if jnp.iscomplexobj(data.observations) else 1
    of_priors = sum(jax.eval_shape(p.residual, start).size for p in priors)
    if data.visible is None:
        return jnp.asarray(data.observations.shape[0] * per_link + of_priors)
    return jnp.sum(data.visible) * per_link + of_priors


def _gn_step(solver: GaussNewton, problem: Problem, state: _Newton) -> _Newton:
    normal = problem.linearize(state.values)
    delta, regular = solve_spd(normal.information, normal.gradient)
    length = jnp.sqrt(jnp.abs(jnp.sum(delta * normal.gradient)))
    finite = jnp.isfinite(length)
    growth = jnp.where(length > state.last_step, state.growth + 1, 0)
    done = _settled(solver.tolerance, state, delta, length)
    status = _first(
        (~finite, Status.not_finite),
        (~regular, Status.unobservable),
        (done, Status.converged),
        (growth >= _GROWTH_LIMIT, Status.diverged),
    )
    step = jnp.where(state.moving & regular & finite, delta, 0.0)
    iteration = state.iteration + state.moving
    on = regular & finite & ~done & (growth < _GROWTH_LIMIT) & (iteration < solver.max_iterations)
    return _Newton(
        problem.move(state.values, step),
        normal,
        jnp.where(state.moving, length, state.last_step),
        growth,
        iteration,
        Status.where(state.moving, status, state.status),
        state.moving & on,
        state.moving,
    )


def _settled(tolerance: float, state: _Newton, delta, length) -> Bool[Array, ""]:
    """No step worth taking remains after this one.

    Either it is none itself; or its contraction, length/last_step, predicts that the next one is
    none; or steps do not shrink any more, far below a sigma: the rounding of the prediction.
    """
    none = (length < tolerance) | (jnp.max(jnp.abs(delta)) < _STEP_FLOOR)
    last = state.last_step
    near = (length < _NEAR) & (state.iteration > 0)
    return none | near & ((length * length < tolerance * last) | (length >= last))


def _lm_step(solver: LevenbergMarquardt, problem: Problem, state: _Damped) -> _Damped:
    trial, cost = problem.linearize(state.trial), state.normal.cost
    first = state.iteration == 0
    step = state.last_step
    # Where the expected gain drowns in the rounding of the cost, the cost is no judge.
    blind = step**2 < _COST_ROUNDING * jnp.abs(cost)
    small = step < solver.tolerance
    better = (trial.cost <= cost) | ((small | blind) & jnp.isfinite(trial.cost))

    def keep(new, old):
        return jnp.where(better | first, new, old)

    values = jax.tree.map(keep, state.trial, state.values)
    normal = jax.tree.map(keep, trial, state.normal)
    finite = jnp.isfinite(normal.cost)
    # A rise of the cost over a hundredth of a sigma is rounding, too.
    done = (small | (step < _NEAR) & ~better) & (state.damping <= 1.0)
    stuck = state.damping > _DAMPING_MAX
    share = jnp.clip((cost - trial.cost) / state.expected, 0.0, 1.0)
    relief = jnp.maximum(1.0 / 3.0, 1.0 - (2.0 * share - 1.0) ** 3)
    factor = jnp.where(first, 1.0, jnp.where(better, relief, state.rise))
    damping = jnp.maximum(state.damping * factor, _DAMPING_MIN)
    delta, length, expected = _damped_step(normal, damping)
    status = _first((~finite, Status.not_finite), (done, Status.converged), (stuck, Status.stalled))
    on = state.moving & finite & ~done & ~stuck & (state.iteration < solver.max_iterations)
    return _Damped(
        values,
        normal,
        problem.move(values, delta),
        damping,
        jnp.where(better, 2.0, 2.0 * state.rise),
        expected,
        jnp.where(on, length, step),
        state.iteration + on,
        Status.where(state.moving, status, state.status),
        state.moving,
        on,
    )


def _damped_step(normal: Normal, damping: Float[Array, ""]):
    """Levenberg-Marquardt step, 0 where not finite, and its length in predicted sigmas."""
    diagonal = jnp.diag(normal.information)
    added = jnp.diag(damping * jnp.where(diagonal > 0, diagonal, 1.0))
    delta, _ = solve_spd(normal.information + added, normal.gradient)
    slope = jnp.sum(delta * normal.gradient)
    expected = 0.5 * (slope + jnp.sum(jnp.diag(added) * delta * delta))
    return jnp.where(jnp.isfinite(delta), delta, 0.0), jnp.sqrt(jnp.abs(slope)), expected


def _first(*cases) -> Status:
    """Status of the first case that holds; `max_iterations` if none does."""
    status = Status.max_iterations
    for condition, name in reversed(cases):
        status = Status.where(condition, name, status)
    return status


def estimate_at(end: End, theta: Any, unknowns: Unknowns) -> Estimate:
    """Covariance and status of where a solver ended; `theta` holds `end.values`."""
    inverse, regular = inverse_spd(end.normal.information)
    judged = (end.status == Status.converged) & ~regular
    status = Status.where(judged, Status.unobservable, end.status)
    hopeless = (status == Status.too_few_measurements) | (status == Status.not_finite)
    usable = regular & ~hopeless
    scale = jnp.asarray(unknowns.scale_vector)
    outer = scale[:, None] * scale[None, :]
    return Estimate(
        theta,
        jnp.where(usable, inverse * outer, jnp.nan),
        end.normal.information / outer,
        end.normal.cost,
        end.num_iterations,
        end.step_sigma,
        status,
        unknowns,
    )
