"""Position, frequency offset and clock bias of a user from the Dopplers and delays of all links.

Every pair has its own offsets; the estimator assumes one of each. What that costs is here.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.inference.small_linear import inverse_spd, solve_spd
from leopnt.inference.status import Status
from leopnt.methods.pace.scene import numbers

UNKNOWNS = ("x_m", "y_m", "z_m", "freq_offset_hz", "clock_bias_s")
"""Order of the unknowns r: position, delta, b."""

MAX_ITERATIONS = 60

# A step this far below sigma, or below what rounding of ranges and range rates makes of it, is
# none: Dopplers count in m/s (lambda nu), delays in m (c tau).
_STEP_SIGMAS = 1e-6
_ROUNDING = np.array([1e-11, 1e-9])
_COST_ROUNDING = 1e-12


class PositionProblem(eqx.Module):
    """Links of one user to all satellites, at the truth.

    Attributes:
        sat_pos_m, sat_vel_mps, user_pos_m: as in the scene.
        freq_offset_hz, clock_bias_s: of each pair; the estimator assumes one of each.
        weight: inverse of the covariance that the estimator assumes for [nu (Hz), tau (s)].
        covariance: the true one; `problem_of_information` makes the two inverses of each other.
        carrier_hz: carrier.
    """

    sat_pos_m: Float[Array, "*batch sat 3"]
    sat_vel_mps: Float[Array, "*batch sat 3"]
    user_pos_m: Float[Array, "*batch 3"]
    freq_offset_hz: Float[Array, "*batch sat"]
    clock_bias_s: Float[Array, "*batch sat"]
    weight: Float[Array, "*batch sat 2 2"]
    covariance: Float[Array, "*batch sat 2 2"]
    carrier_hz: Float[Array, "*batch"]


class PositionFit(NamedTuple):
    """Weighted least-squares solution.

    solution: r, SI; status: of the search; iterations: steps tried.
    """

    solution: Float[Array, "*batch 5"]
    status: Status
    iterations: Int[Array, "*batch"]


class PositionBound(NamedTuple):
    """Bounds of one user, all SI, order of `UNKNOWNS`. NaN where `is_local` is false.

    truth: rbar, offsets at their mean over the satellites; pseudo_true: r~; bias: r~ - rbar;
    a: expected Hessian of the log-likelihood at r~, negative definite (`MisspecifiedBound.a` is
    -A); b: covariance of its gradient; mcrb: A^-1 B A^-1; lower_bound: MCRB + bias bias^T;
    crb: bound without mismatch, (J^T Sigma^-1 J)^-1 at rbar.
    crb_m, mcrb_m, lb_m: root of the trace of the position blocks.
    status: of the search for r~; is_local: it converged, A is negative definite, and no satellite
    is seen from r~ more than a right angle off its true direction.
    """

    truth: Float[Array, "*batch 5"]
    pseudo_true: Float[Array, "*batch 5"]
    bias: Float[Array, "*batch 5"]
    a: Float[Array, "*batch 5 5"]
    b: Float[Array, "*batch 5 5"]
    mcrb: Float[Array, "*batch 5 5"]
    lower_bound: Float[Array, "*batch 5 5"]
    crb: Float[Array, "*batch 5 5"]
    crb_m: Float[Array, "*batch"]
    mcrb_m: Float[Array, "*batch"]
    lb_m: Float[Array, "*batch"]
    status: Status
    is_local: Bool[Array, "*batch"]
    iterations: Int[Array, "*batch"]


def problem_of_information(
    *,
    sat_pos_m: Float[Array, "sat 3"],
    sat_vel_mps: Float[Array, "sat 3"],
    user_pos_m: Float[Array, "3"],
    freq_offset_hz: Float[Array, " sat"],
    clock_bias_s: Float[Array, " sat"],
    information: Float[Array, "sat 2 2"],
    carrier_hz: Float[Array, ""] | float,
) -> PositionProblem:
    """Problem of an estimator that knows how well each link is measured.

    Args:
        information: EFIM of [nu (Hz), tau (s)] of each link, regular.
    """
    return PositionProblem(
        sat_pos_m,
        sat_vel_mps,
        user_pos_m,
        freq_offset_hz,
        clock_bias_s,
        information,
        inverse_of_pairs(information),
        jnp.asarray(carrier_hz, float),
    )


def weighted_for_offsets(
    problem: PositionProblem,
    freq_offset_std_hz: Float[Array, ""] | float,
    clock_bias_std_s: Float[Array, ""] | float,
) -> PositionProblem:
    """The same links seen by an estimator that knows how far offsets spread.

        assumed covariance = covariance + diag(spread^2),   true covariance as before

    Only what is known of the spread enters, not the offsets themselves.
    """
    spread = jnp.stack([jnp.asarray(freq_offset_std_hz) ** 2, jnp.asarray(clock_bias_std_s) ** 2])
    assumed = problem.covariance + jnp.diag(spread)[None]
    return eqx.tree_at(lambda p: p.weight, problem, inverse_of_pairs(assumed))


def inverse_of_pairs(matrix: Float[Array, "*batch 2 2"]) -> Float[Array, "*batch 2 2"]:
    """Inverses of 2 x 2 matrices whose two entries differ by 20 orders of magnitude."""
    a, b, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
    left = 1.0 - (b / a) * (b / d)
    off = -(b / a) / d / left
    rows = [jnp.stack([1.0 / (a * left), off], -1), jnp.stack([off, 1.0 / (d * left)], -1)]
    return jnp.stack(rows, -2)


@jax.jit
def true_mean(problem: PositionProblem) -> Float[Array, "sat 2"]:
    """fbar, mean of [nu (Hz), tau (s)]: geometry plus each pair's own offsets."""
    geometry = _predicted(problem, problem.user_pos_m)
    offsets = jnp.stack([problem.freq_offset_hz, problem.clock_bias_s], axis=-1)
    return geometry / _scales(problem)[None, :] + offsets


@jax.jit
def fit_position(problem: PositionProblem, measured: Float[Array, "sat 2"]) -> PositionFit:
    """Weighted least squares for r, from the true position on.

    Newton's step, Gauss-Newton's where the Hessian is not positive definite; halved until the
    misfit falls. It converges where the gradient is at rounding level.

    Args:
        problem: geometry and weight; its offsets are not used.
        measured: [nu (Hz), tau (s)] of every link: of `true_mean`, r is the pseudo-true point.
    """
    point, status, count = _search(problem, measured * _scales(problem)[None, :])
    return PositionFit(_unscaled(problem, point), status, count)


def position_bound_kernel(problem: PositionProblem) -> PositionBound:
    """All bounds of one user: for `jax.vmap` and `batch_map`. `position_bound` checks and raises.

        r~ = argmin eps^T W eps,   eps = fbar - f(r),   J = df/dr,   W = Sigma^-1
        A_ij = eps^T W d2f/dri drj - [J^T W J]_ij,   B = J^T W Sigma_true W J

    The part of B that is the square of the gradient is zero at r~. Works in m and m/s throughout.

    Source: [zhang-pace] eqs. 13-20, corrected: real data, symmetric second derivatives.
    """
    scale = _scales(problem)
    offsets = jnp.stack([problem.freq_offset_hz, problem.clock_bias_s], -1) * scale[None, :]
    mean = _predicted(problem, problem.user_pos_m) + offsets
    truth = jnp.concatenate([jnp.zeros(3), jnp.mean(offsets, axis=0)])
    point, status, count = _search(problem, mean)
    weight = _scaled_weight(problem)
    noise = problem.covariance * scale[None, :, None] * scale[None, None, :]
    local = _expand(problem, weight, mean, point)
    believed = _expand(problem, weight, mean, truth)
    middle = weight @ noise @ weight
    b = jnp.einsum("sai,sab,sbj->ij", local.jacobian, middle, local.jacobian)
    half, is_regular = solve_spd(local.hessian, b)
    mcrb, _ = solve_spd(local.hessian, half.T)
    is_local = is_regular & (status == Status.converged) & _is_near(problem, point)
    crb, _ = inverse_spd(_normal(believed.jacobian, inverse_of_pairs(noise)))
    bias = point - truth
    nan = jnp.where(is_local, 1.0, jnp.nan)
    mcrb = 0.5 * (mcrb + mcrb.T) * nan
    total = (mcrb + bias[:, None] * bias[None, :]) * nan
    unit = jnp.concatenate([jnp.ones(3), 1.0 / scale])
    outer = unit[:, None] * unit[None, :]
    return PositionBound(
        truth=_unscaled(problem, truth),
        pseudo_true=_unscaled(problem, point) * nan,
        bias=bias * unit * nan,
        a=-local.hessian / outer * nan,
        b=b / outer * nan,
        mcrb=mcrb * outer,
        lower_bound=total * outer,
        crb=crb * outer,
        crb_m=jnp.sqrt(crb[0, 0] + crb[1, 1] + crb[2, 2]),
        mcrb_m=jnp.sqrt(mcrb[0, 0] + mcrb[1, 1] + mcrb[2, 2]),
        lb_m=jnp.sqrt(total[0, 0] + total[1, 1] + total[2, 2]),
        status=status,
        is_local=is_local,
        iterations=count,
    )


@jax.jit
def offset_response(problem: PositionProblem) -> Float[Array, "5 sat 2"]:
    """D r~ / d [delta_s (Hz), b_s (s)]: where small offsets move the solution, to first order.

    (J^T W J)^-1 J^T W at the truth. NaN where the geometry is singular.
    """
    scale = _scales(problem)
    weight = _scaled_weight(problem)
    here = _at_truth(problem)
    inverse, _ = inverse_spd(here.normal)
    gain = jnp.einsum("ij,saj,sab->isb", inverse, here.jacobian, weight)
    unit = jnp.concatenate([jnp.ones(3), 1.0 / scale])
    return gain * unit[:, None, None] * scale[None, None, :]


@eqx.filter_jit
def _bound(problem: PositionProblem) -> PositionBound:
    return position_bound_kernel(problem)


def position_bound(problem: PositionProblem) -> PositionBound:
    """All bounds of one user, or an error that says why there are none.

    Raises:
        LeopntError: fewer than three satellites, singular geometry, or a mismatch so large that the
            likelihood has no peak near the truth.
    """
    check_geometry(problem)
    found = _bound(problem)
    if not bool(found.is_local):
        why = Status[found.status] or "the likelihood has no maximum near the truth"
        raise LeopntError(
            f"mismatch too large for a local bound: {why}. The offsets spread over "
            f"{float(jnp.ptp(problem.freq_offset_hz)):.3g} Hz and "
            f"{float(jnp.ptp(problem.clock_bias_s)):.3g} s."
        )
    return found


CONDITION_LIMIT = 1e12
"""Condition number of the unit-diagonal information above which the geometry counts as singular."""


def check_geometry(problem: PositionProblem) -> None:
    """Refuse links that cannot tell position, frequency offset and clock bias.

    Raises:
        LeopntError: fewer than three satellites; information of deficient rank, with its condition.
    """
    _check_numbers(problem)
    num_sat = problem.sat_pos_m.shape[0]
    if num_sat < 3:
        raise LeopntError(
            f"{num_sat} satellites give {2 * num_sat} measurements; need 2*S >= 5 measurements for "
            "position, frequency offset and clock bias: 3 satellites or more."
        )
    condition = condition_number(problem)
    if not condition < CONDITION_LIMIT:
        raise LeopntError(
            "the geometry is singular: satellites coincide, stand still or line up. The condition "
            f"number of the scaled information is {condition:.3g}; accepted: below "
            f"{CONDITION_LIMIT:g}."
        )


def _check_numbers(problem: PositionProblem) -> None:
    """Refuse what is not finite or of 32 bits, shapes that disagree, and weights that are none."""
    num_sat = problem.sat_pos_m.shape[0]
    for field in dataclasses.fields(problem):
        value = numbers(field.name, getattr(problem, field.name))
        if field.name not in ("user_pos_m", "carrier_hz") and value.shape[:1] != (num_sat,):
            raise LeopntError(
                f"{field.name} has shape {value.shape}; accepted: a row for each of the "
                f"{num_sat} satellites of sat_pos_m."
            )
    for name in ("weight", "covariance"):
        value = np.asarray(getattr(problem, name))
        first, second = value[:, 0, 0], value[:, 1, 1]
        is_positive = (first > 0) & (second > 0)
        is_positive &= value[:, 0, 1] * value[:, 1, 0] < first * second
        for s in np.flatnonzero(~is_positive):
            raise LeopntError(
                f"{name}[{s}] = {value[s].tolist()}: expected a positive definite matrix."
            )


def condition_number(problem: PositionProblem) -> float:
    """Condition number of the unit-diagonal information at the truth; infinite if singular."""
    normal = np.asarray(_at_truth(problem).normal)
    size = np.sqrt(np.diag(normal))
    if not np.all(size > 0):
        return float("inf")
    value = np.linalg.eigvalsh(normal / np.outer(size, size))
    return float(value[-1] / value[0]) if value[0] > 0 else float("inf")


def _is_near(problem: PositionProblem, point: Float[Array, "5"]) -> Bool[Array, ""]:
    true = problem.user_pos_m[None, :] - problem.sat_pos_m
    return jnp.all(jnp.sum((true + point[None, :3]) * true, axis=1) > 0.0)


class _Expansion(NamedTuple):
    """Misfit at a point: eps^T W eps, J^T W eps, J^T W J, and J^T W J - eps^T W d2f."""

    cost: Float[Array, ""]
    gradient: Float[Array, "5"]
    normal: Float[Array, "5 5"]
    hessian: Float[Array, "5 5"]
    jacobian: Float[Array, "sat 2 5"]


class _Search(NamedTuple):
    point: Float[Array, "5"]
    now: _Expansion
    share: Float[Array, ""]
    tried: Int[Array, ""]
    is_done: Bool[Array, ""]


def _search(problem: PositionProblem, mean: Float[Array, "sat 2"]):
    """Solution [m from the truth, m/s, m], status and number of steps."""
    weight = _scaled_weight(problem)
    rounding = jnp.sqrt(jnp.einsum("saa,a->", weight, jnp.asarray(_ROUNDING) ** 2))
    floor = (_STEP_SIGMAS + rounding) ** 2
    at = jnp.concatenate(
        [jnp.zeros(3), jnp.mean(mean - _predicted(problem, problem.user_pos_m), 0)]
    )

    def step_of(now: _Expansion):
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
        ahead = _expand(problem, weight, mean, trial)
        # Near the end rounding of the misfit exceeds what a step gains.
        is_better = ahead.cost <= (1.0 + _COST_ROUNDING) * state.now.cost
        chosen = jax.tree.map(lambda a, b: jnp.where(is_better, a, b), ahead, state.now)
        share = jnp.where(is_better, jnp.minimum(1.0, 2.0 * state.share), 0.5 * state.share)
        is_done = is_small | ~is_regular | (share < 1e-10) | ~jnp.isfinite(decrement)
        return _Search(
            jnp.where(is_better, trial, state.point), chosen, share, state.tried + 1, is_done
        )

    start = _Search(
        at,
        _expand(problem, weight, mean, at),
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


def _scales(problem: PositionProblem) -> Float[Array, "2"]:
    """What turns Hz into m/s and s into m: lambda and c."""
    return jnp.stack(
        [SPEED_OF_LIGHT_MPS / problem.carrier_hz, jnp.asarray(SPEED_OF_LIGHT_MPS)], axis=-1
    )


def _unscaled(problem: PositionProblem, point: Float[Array, "5"]) -> Float[Array, "5"]:
    return jnp.concatenate([problem.user_pos_m + point[:3], point[3:] / _scales(problem)])


def _scaled_weight(problem: PositionProblem) -> Float[Array, "sat 2 2"]:
    scale = _scales(problem)
    return problem.weight / (scale[None, :, None] * scale[None, None, :])


@jax.jit
def _at_truth(problem: PositionProblem) -> _Expansion:
    """Expansion at the true position, offsets aside."""
    nothing = jnp.zeros((*problem.freq_offset_hz.shape, 2))
    return _expand(problem, _scaled_weight(problem), nothing, jnp.zeros(5))


def _normal(jacobian, weight) -> Float[Array, "5 5"]:
    return jnp.einsum("sai,sab,sbj->ij", jacobian, weight, jacobian)


def _predicted(problem: PositionProblem, pos_m: Float[Array, "3"]) -> Float[Array, "sat 2"]:
    """Lambda nu [m/s] and c tau [m] without offsets."""
    offset = pos_m[None, :] - problem.sat_pos_m
    range_m = jnp.sqrt(jnp.sum(offset * offset, axis=1))
    return jnp.stack([jnp.sum(problem.sat_vel_mps * offset, axis=1) / range_m, range_m], axis=1)


def _expand(problem: PositionProblem, weight, mean, point: Float[Array, "5"]) -> _Expansion:
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
    normal = _normal(jacobian, weight)
    return _Expansion(
        cost=jnp.sum(misfit * pulled),
        gradient=jnp.einsum("sai,sa->i", jacobian, pulled),
        normal=normal,
        hessian=normal.at[:3, :3].add(-curvature),
        jacobian=jacobian,
    )
