"""Weighted least squares for position, frequency offset and clock bias, in closed-form derivatives.

Inside, Dopplers count in m/s (lambda nu), delays in m (c tau), the position from the true one.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.inference.small_linear import solve_spd
from leopnt.inference.status import Status
from leopnt.methods.pace.position_problem import PositionProblem

MAX_ITERATIONS = 60

# A step this far below sigma, or below what rounding of ranges and range rates makes of it, is
# none: Dopplers count in m/s (lambda nu), delays in m (c tau).
_STEP_SIGMAS = 1e-6
_ROUNDING = np.array([1e-11, 1e-9])


class PositionFit(NamedTuple):
    """Weighted least-squares solution.

    solution: r, SI; status: of the search; iterations: steps tried.
    """

    solution: Float[Array, "*batch 5"]
    status: Status
    iterations: Int[Array, "*batch"]


@jax.jit
def fit_position(problem: PositionProblem, measured: Float[Array, "sat 2"]) -> PositionFit:
    """Weighted least squares for r, from the true position on.

    Newton's step, Gauss-Newton's where the Hessian is not positive definite; halved until the
    misfit falls. It converges where the gradient is at rounding level.

    Args:
        problem: geometry and weight; its offsets are not used.
        measured: [nu (Hz), tau (s)] of every link: of `true_mean`, r is the pseudo-true point.
    """
    point, status, count = search(problem, measured * scales(problem)[None, :])
    return PositionFit(unscaled(problem, point), status, count)


@jax.jit
def true_mean(problem: PositionProblem) -> Float[Array, "sat 2"]:
    """Mean fbar of [nu (Hz), tau (s)]: geometry plus each pair's own offsets."""
    geometry = predicted(problem, problem.user_pos_m)
    offsets = jnp.stack([problem.freq_offset_hz, problem.clock_bias_s], axis=-1)
    return geometry / scales(problem)[None, :] + offsets


class Expansion(NamedTuple):
    """Misfit at a point: eps^T W eps, J^T W eps, J^T W J, and J^T W J - eps^T W d2f."""

    cost: Float[Array, ""]
    gradient: Float[Array, "5"]
    normal: Float[Array, "5 5"]
    hessian: Float[Array, "5 5"]
    jacobian: Float[Array, "sat 2 5"]


@jax.jit
def at_truth(problem: PositionProblem) -> Expansion:
    """Expansion at the true position, offsets aside."""
    nothing = jnp.zeros((*problem.freq_offset_hz.shape, 2))
    return expand(problem, scaled_weight(problem), nothing, jnp.zeros(5))


class _Search(NamedTuple):
    point: Float[Array, "5"]
    now: Expansion
    share: Float[Array, ""]
    tried: Int[Array, ""]
    is_done: Bool[Array, ""]


def search(problem: PositionProblem, mean: Float[Array, "sat 2"]):
    """Solution [m from the truth, m/s, m], status and number of steps."""
    weight = scaled_weight(problem)
    rounding = jnp.sqrt(jnp.einsum("saa,a->", weight, jnp.asarray(_ROUNDING) ** 2))
    floor = (_STEP_SIGMAS + rounding) ** 2
    at = jnp.concatenate([jnp.zeros(3), jnp.mean(mean - predicted(problem, problem.user_pos_m), 0)])

    def step_of(now: Expansion):
        newton, is_convex = solve_spd(now.hessian, now.gradient)
        plain, is_regular = solve_spd(now.normal, now.gradient)
        return jnp.where(is_convex, newton, plain), is_convex | is_regular

    def keep_going(state: _Search):
        return ~state.is_done & (state.tried < MAX_ITERATIONS)

    def advance(state: _Search):
        step, is_regular = step_of(state.now)
        decrement = step @ state.now.gradient
        is_small = decrement <= floor
        trial = state.point + state.share * step
        ahead = expand(problem, weight, mean, trial)
        # Near the end rounding of the misfit exceeds what a step gains.
        slack = rounding * (2.0 * jnp.sqrt(state.now.cost) + rounding)
        is_better = ahead.cost <= state.now.cost + slack
        chosen = jax.tree.map(lambda a, b: jnp.where(is_better, a, b), ahead, state.now)
        share = jnp.where(is_better, jnp.minimum(1.0, 2.0 * state.share), 0.5 * state.share)
        is_done = is_small | ~is_regular | (share < 1e-10) | ~jnp.isfinite(decrement)
        return _Search(
            jnp.where(is_better, trial, state.point), chosen, share, state.tried + 1, is_done
        )

    start = _Search(
        at,
        expand(problem, weight, mean, at),
        jnp.asarray(1.0),
        jnp.asarray(0),
        jnp.asarray(False),
    )
    last = jax.lax.while_loop(keep_going, advance, start)
    step, is_regular = step_of(last.now)
    decrement = step @ last.now.gradient
    status = Status.where(last.tried >= MAX_ITERATIONS, Status.max_iterations, Status.stalled)
    status = Status.where(decrement <= 4.0 * floor, Status.converged, status)
    status = Status.where(is_regular, status, Status.unobservable)
    status = Status.where(jnp.isfinite(decrement), status, Status.not_finite)
    return last.point, status, last.tried


def scales(problem: PositionProblem) -> Float[Array, "2"]:
    """What turns Hz into m/s and s into m: lambda and c."""
    return jnp.stack(
        [SPEED_OF_LIGHT_MPS / problem.carrier_hz, jnp.asarray(SPEED_OF_LIGHT_MPS)], axis=-1
    )


def unscaled(problem: PositionProblem, point: Float[Array, "5"]) -> Float[Array, "5"]:
    """Unknowns r in SI of a point [m from the truth, m/s, m]."""
    return jnp.concatenate([problem.user_pos_m + point[:3], point[3:] / scales(problem)])


def scaled_weight(problem: PositionProblem) -> Float[Array, "sat 2 2"]:
    """Weight of [lambda nu (m/s), c tau (m)]."""
    scale = scales(problem)
    return problem.weight / (scale[None, :, None] * scale[None, None, :])


def normal_matrix(jacobian, weight) -> Float[Array, "5 5"]:
    """J^T W J over all satellites."""
    return jnp.einsum("sai,sab,sbj->ij", jacobian, weight, jacobian)


def predicted(problem: PositionProblem, pos_m: Float[Array, "3"]) -> Float[Array, "sat 2"]:
    """Both lambda nu [m/s] and c tau [m], without offsets."""
    offset = pos_m[None, :] - problem.sat_pos_m
    range_m = jnp.sqrt(jnp.sum(offset * offset, axis=1))
    return jnp.stack([jnp.sum(problem.sat_vel_mps * offset, axis=1) / range_m, range_m], axis=1)


def expand(problem: PositionProblem, weight, mean, point: Float[Array, "5"]) -> Expansion:
    """Second-order expansion of the misfit in [m, m/s, m], derivatives in closed form.

    d(lam nu)/dp = v/n - (v.D) D/n^3,   d(c tau)/dp = D/n
    d2(lam nu)/dp2 = [-(v D^T + D v^T) - (v.D) I]/n^3 + 3 (v.D) D D^T/n^5
    d2(c tau)/dp2 = I/n - D D^T/n^3
    """
    offset = problem.user_pos_m[None, :] + point[None, :3] - problem.sat_pos_m
    n = jnp.sqrt(jnp.sum(offset * offset, axis=1))
    unit, v = offset / n[:, None], problem.sat_vel_mps
    speed = jnp.sum(v * unit, axis=1)
    across = (v - speed[:, None] * unit) / n[:, None]
    predicted = jnp.stack([speed, n], axis=1) + point[None, 3:]
    misfit = mean - predicted
    pulled = jnp.einsum("sab,sb->sa", weight, misfit)
    one, zero = jnp.ones_like(n), jnp.zeros_like(n)
    own = jnp.stack([jnp.stack([one, zero], 1), jnp.stack([zero, one], 1)], axis=1)
    jacobian = jnp.concatenate([jnp.stack([across, unit], axis=1), own], axis=2)
    plane = (jnp.eye(3)[None] - unit[:, :, None] * unit[:, None, :]) / n[:, None, None]
    mixed = across[:, :, None] * unit[:, None, :]
    bend = -(mixed + mixed.transpose(0, 2, 1) + speed[:, None, None] * plane) / n[:, None, None]
    curvature = jnp.sum(pulled[:, :1, None] * bend + pulled[:, 1:, None] * plane, axis=0)
    normal = normal_matrix(jacobian, weight)
    return Expansion(
        cost=jnp.sum(misfit * pulled),
        gradient=jnp.einsum("sai,sa->i", jacobian, pulled),
        normal=normal,
        hessian=normal.at[:3, :3].add(-curvature),
        jacobian=jacobian,
    )
