"""Position from ranges by Gauss-Newton: three unknowns, or four with a common offset."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from leopnt.inference.orthogonal import (
    back_substitute,
    cofactor_of,
    condition,
    orthogonalize,
)
from leopnt.methods.astars.status import AstarsStatus

STEP_M = 1e-6
MAX_ITERATIONS = 20
MAX_CONDITION = 1e8
_SUSPECT_CONDITION = 1e4
_ROUNDING_M = 2e-8
"""Rounding of a misclosure at 6e7 m, with a margin."""
_NEAR_M = 1e3
"""Only steps below this one say how fast they fall."""
_SAME_PLACE_M = 1e-3


class RangeFix(NamedTuple):
    """Where Gauss-Newton ended.

    values: position, then the offset if there is one. cofactor: (A^T W A)^-1. range_m: from the
    satellites to the position. residual_m: measured minus predicted. condition: of W^(1/2) A.
    """

    values: Float[Array, " param"]
    cofactor: Float[Array, "param param"]
    range_m: Float[Array, " sat"]
    residual_m: Float[Array, " sat"]
    condition: Float[Array, ""]
    num_iterations: Int[Array, ""]
    step_m: Float[Array, ""]
    status: AstarsStatus


class _About(NamedTuple):
    """Where the iteration starts, and distances and misclosures there."""

    sat_pos_ecef_m: Float[Array, "sat 3"]
    start: Float[Array, " param"]
    distance_m: Float[Array, " sat"]
    misclosure_m: Float[Array, " sat"]


class _State(NamedTuple):
    """`moved`: from the start, so that its size is not that of a position."""

    moved: Float[Array, " param"]
    root: Float[Array, "param param"]
    regular: Bool[Array, ""]
    step_m: Float[Array, ""]
    iteration: Int[Array, ""]
    running: Bool[Array, ""]
    converged: Bool[Array, ""]


def fix_ranges(
    sat_pos_ecef_m: Float[Array, "sat 3"],
    range_m: Float[Array, " sat"],
    weight: Float[Array, " sat"],
    visible: Bool[Array, " sat"],
    start: Float[Array, " param"],
) -> RangeFix:
    """Solve L_i = |s_i - X| - b for (X, b), or L_i = |s_i - X| for X.

        row [(X - s_i) / |s_i - X|, -1],   misclosure L_i - (|s_i - X| - b)

    until a step, or the next one as the last two predict it, is below 1 micrometer or, in a weak
    geometry, below what rounding leaves: the end is within

        max(1e-6 m, 2e-8 m sqrt(largest weight x trace of the cofactor))

    of the minimum, 1e-4 m at a condition of 1e4 (200 000 skies of each kind: at most 0.34 of it).

    Args:
        weight: the variance of range i is sigma^2 / weight_i.
        start: (X, b) or X; as many unknowns as it has entries.
    """
    root_weight = jnp.where(visible, jnp.sqrt(weight), 0.0)
    about = _about(sat_pos_ecef_m, range_m, start)
    enough = jnp.sum(visible) >= start.size
    no = jnp.asarray(False)
    begin = _State(
        jnp.zeros(start.size),
        jnp.eye(start.size),
        no,
        jnp.asarray(0.0),
        jnp.asarray(0),
        enough,
        no,
    )
    end = jax.lax.while_loop(
        lambda state: state.running, functools.partial(_step, about, root_weight), begin
    )
    ratio = jnp.where(end.regular, condition(end.root), jnp.inf)
    # A singular geometry is approached slowly: no convergence on the way there is its sign.
    weak = ~(ratio <= jnp.where(end.converged, MAX_CONDITION, _SUSPECT_CONDITION))
    status = AstarsStatus.where(end.converged, AstarsStatus.ok, AstarsStatus.not_converged)
    status = AstarsStatus.where(weak, AstarsStatus.weak_geometry, status)
    twins = _has_twins(sat_pos_ecef_m, visible)
    status = AstarsStatus.where(twins, AstarsStatus.duplicate_satellites, status)
    status = AstarsStatus.where(enough, status, AstarsStatus.too_few_satellites)
    blank = jnp.where(status == AstarsStatus.ok, 1.0, jnp.nan)
    _, distance_m, misclosure_m = _misclosures(about, end.moved)
    return RangeFix(
        blank * (start + end.moved),
        blank * cofactor_of(end.root),
        blank * distance_m,
        blank * misclosure_m,
        ratio,
        end.iteration,
        end.step_m,
        status,
    )


def _step(about: _About, root_weight, state: _State) -> _State:
    """One step of Gauss-Newton, and whether another one is worth taking.

    Steps fall quadratically: the next one is below length^2 / last.
    """
    offset, distance_m, misclosure_m = _misclosures(about, state.moved)
    scale = root_weight / distance_m
    columns = [scale * x for x in offset]
    if state.moved.size == 4:
        columns.append(-root_weight)
    found = orthogonalize(columns, root_weight * misclosure_m)
    move = jnp.where(found.regular, back_substitute(found), 0.0)
    length = jnp.sqrt(jnp.sum(move * move))
    floor = jnp.max(root_weight) * _ROUNDING_M / jnp.min(jnp.diag(found.root))
    floor = jnp.maximum(STEP_M, floor)
    small = (length < floor) | (length * length < floor * jnp.minimum(state.step_m, _NEAR_M))
    count = state.iteration + 1
    on = found.regular & jnp.isfinite(length) & ~small & (count < MAX_ITERATIONS)
    return _State(
        state.moved + move,
        found.root,
        found.regular,
        length,
        count,
        on,
        small & found.regular,
    )


def _about(sat_pos_ecef_m, range_m, start) -> _About:
    distance_m = jnp.sqrt(sum(x * x for x in _offset(sat_pos_ecef_m, start)))
    clock_m = start[3] if start.size == 4 else 0.0
    return _About(sat_pos_ecef_m, start, distance_m, range_m - distance_m + clock_m)


def _offset(sat_pos_ecef_m, start) -> list[Float[Array, " sat"]]:
    return [start[i] - sat_pos_ecef_m[:, i] for i in range(3)]


def _misclosures(about: _About, moved):
    """Offsets from the satellites (three arrays), distances, misclosures.

    |o + d| - |o| = d . (2 o + d) / (|o + d| + |o|): no difference of large numbers.
    """
    origin = _offset(about.sat_pos_ecef_m, about.start)
    offset_m = [o + moved[i] for i, o in enumerate(origin)]
    length_m = jnp.sqrt(sum(x * x for x in offset_m))
    twice = sum(moved[i] * (origin[i] + offset_m[i]) for i in range(3))
    change_m = twice / (length_m + about.distance_m)
    misclosure_m = about.misclosure_m - change_m
    if moved.size == 4:
        misclosure_m = misclosure_m + moved[3]
    return offset_m, about.distance_m + change_m, misclosure_m


def _has_twins(sat_pos_ecef_m, visible) -> Bool[Array, ""]:
    """Two usable satellites in one place, to a millimeter in each coordinate."""
    found = jnp.ones((visible.size, visible.size), bool)
    for x in (sat_pos_ecef_m[:, 0], sat_pos_ecef_m[:, 1], sat_pos_ecef_m[:, 2]):
        found = found & (jnp.abs(x[:, None] - x[None, :]) < _SAME_PLACE_M)
    order = jnp.arange(visible.size)
    both = visible[:, None] & visible[None, :] & (order[:, None] < order[None, :])
    return jnp.any(found & both)
