"""Position, frequency offset and clock bias of a user from the Dopplers and delays of all links.

Every pair has its own offsets; the estimator assumes one of each. What that costs is here.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.small_linear import inverse_spd, solve_spd
from leopnt.inference.status import Status
from leopnt.methods.pace.position_problem import PositionProblem, inverse_of_pairs
from leopnt.methods.pace.position_search import (
    at_truth,
    expand,
    normal_matrix,
    predicted,
    scaled_weight,
    scales,
    search,
    unscaled,
)
from leopnt.methods.pace.scene import numbers


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


def position_bound_kernel(problem: PositionProblem) -> PositionBound:
    """All bounds of one user: for `jax.vmap` and `batch_map`. `position_bound` checks and raises.

        r~ = argmin eps^T W eps,   eps = fbar - f(r),   J = df/dr,   W = Sigma^-1
        A_ij = eps^T W d2f/dri drj - [J^T W J]_ij,   B = J^T W Sigma_true W J

    The part of B that is the square of the gradient is zero at r~. Works in m and m/s throughout.

    Source: [zhang-pace] eqs. 13-20, corrected: real data, symmetric second derivatives.
    """
    scale = scales(problem)
    offsets = jnp.stack([problem.freq_offset_hz, problem.clock_bias_s], -1) * scale[None, :]
    mean = predicted(problem, problem.user_pos_m) + offsets
    truth = jnp.concatenate([jnp.zeros(3), jnp.mean(offsets, axis=0)])
    point, status, count = search(problem, mean)
    weight = scaled_weight(problem)
    noise = problem.covariance * scale[None, :, None] * scale[None, None, :]
    local = expand(problem, weight, mean, point)
    believed = expand(problem, weight, mean, truth)
    middle = weight @ noise @ weight
    b = jnp.einsum("sai,sab,sbj->ij", local.jacobian, middle, local.jacobian)
    half, is_regular = solve_spd(local.hessian, b)
    mcrb, _ = solve_spd(local.hessian, half.T)
    is_local = is_regular & (status == Status.converged) & is_near(problem, point[:3])
    crb, _ = inverse_spd(normal_matrix(believed.jacobian, inverse_of_pairs(noise)))
    bias = point - truth
    nan = jnp.where(is_local, 1.0, jnp.nan)
    mcrb = 0.5 * (mcrb + mcrb.T) * nan
    total = (mcrb + bias[:, None] * bias[None, :]) * nan
    unit = jnp.concatenate([jnp.ones(3), 1.0 / scale])
    outer = unit[:, None] * unit[None, :]
    return PositionBound(
        truth=unscaled(problem, truth),
        pseudo_true=unscaled(problem, point) * nan,
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
    """How r~ moves with each [delta_s (Hz), b_s (s)], to first order.

    (J^T W J)^-1 J^T W at the truth. NaN where the geometry is singular.
    """
    scale = scales(problem)
    weight = scaled_weight(problem)
    here = at_truth(problem)
    inverse, _ = inverse_spd(here.normal)
    gain = jnp.einsum("ij,saj,sab->isb", inverse, here.jacobian, weight)
    unit = jnp.concatenate([jnp.ones(3), 1.0 / scale])
    return gain * unit[:, None, None] * scale[None, None, :]


_bound = jax.jit(position_bound_kernel)


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
    normal = np.asarray(at_truth(problem).normal)
    size = np.sqrt(np.diag(normal))
    if not np.all(size > 0):
        return float("inf")
    value = np.linalg.eigvalsh(normal / np.outer(size, size))
    return float(value[-1] / value[0]) if value[0] > 0 else float("inf")


def is_near(problem: PositionProblem, bias_m: Float[Array, "3"]) -> Bool[Array, ""]:
    """Whether a biased position lies on the same side of every satellite as the true one."""
    true = problem.user_pos_m[None, :] - problem.sat_pos_m
    return jnp.all(jnp.sum((true + bias_m[None, :]) * true, axis=1) > 0.0)
