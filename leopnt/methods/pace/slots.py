"""Satellites that send their positioning pilots one after the other: places and clocks move on."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from leopnt.errors import LeopntError
from leopnt.inference.least_squares import LevenbergMarquardt
from leopnt.inference.misspecified import MisspecifiedBound, misspecified_bound
from leopnt.inference.model import Model
from leopnt.inference.status import Status
from leopnt.methods.pace.motion import SceneMotion, circular_arcs
from leopnt.methods.pace.position_model import (
    FREE,
    POSITION_MODEL,
    PositionLink,
    PositionShared,
    PositionTheta,
    link_noise,
    links_of_problem,
    predict_link,
)
from leopnt.methods.pace.position_problem import PositionProblem
from leopnt.methods.pace.position_search import true_mean
from leopnt.methods.pace.positioning import check_geometry, is_near
from leopnt.methods.pace.scene import PaceScene, numbers

_SOLVER = LevenbergMarquardt(tolerance=1e-5)


class SlottedLink(eqx.Module):
    """A satellite at the time of its slot, and when that is after the time of the clock bias."""

    link: PositionLink
    start_s: Float[Array, "*link"]


def predict_slotted(
    theta: PositionTheta, shared: PositionShared, link: SlottedLink
) -> Float[Array, "2"]:
    """Doppler [Hz] and time of arrival [s] in a slot, clock and carrier from one oscillator.

        nu = v . D / (lambda rho) + delta,   tau = rho / c + b - delta t / f_c

    A frequency offset that reads high (delta > 0) is a clock that runs slow: it reads earlier and
    earlier.
    """
    here = predict_link(theta, shared, link.link)
    drift_s = theta.freq_offset_hz * link.start_s / shared.carrier_hz
    return here - jnp.stack([jnp.zeros_like(drift_s), drift_s])


def slot_noise(shared: PositionShared, link: SlottedLink):
    """As in `POSITION_MODEL`."""
    return link_noise(shared, link.link)


SLOTTED_MODEL = Model(predict_slotted, slot_noise)
"""Doppler and delay of one satellite in its slot."""


def slot_starts_s(num_sat: int, slot_s: float) -> Float[np.ndarray, " sat"]:
    """0, 1, 2, ... slots."""
    if num_sat < 1 or not (np.isfinite(slot_s) and slot_s >= 0.0):
        raise LeopntError(
            f"num_sat = {num_sat}, slot_s = {slot_s!r}: expected at least 1 satellite and a finite "
            "duration of 0 or more."
        )
    return slot_s * np.arange(float(num_sat))


def scene_in_slots(
    scene: PaceScene, start_s: ArrayLike, motion: SceneMotion = circular_arcs
) -> PaceScene:
    """The scene with every satellite where it is at the start of its own slot."""
    start = _starts(start_s, scene.sat_pos_m.shape[0])
    moved = jax.vmap(lambda t: motion(scene, t))(start)
    own = jnp.arange(len(start))
    places = (moved.sat_pos_m[own, own], moved.sat_vel_mps[own, own])
    return eqx.tree_at(lambda s: (s.sat_pos_m, s.sat_vel_mps), scene, places)


def slotted_mean(problem: PositionProblem, start_s: ArrayLike) -> Float[Array, "sat 2"]:
    """Mean of [nu (Hz), tau (s)] in slots, every pair drifting at its own frequency offset."""
    start = _starts(start_s, problem.sat_pos_m.shape[0])
    drift_s = problem.freq_offset_hz * start / problem.carrier_hz
    return true_mean(problem) - jnp.stack([jnp.zeros_like(drift_s), drift_s], axis=1)


def slotted_position_bound(problem: PositionProblem, start_s: ArrayLike) -> MisspecifiedBound:
    """Bound of a user that knows the slots: `position_bound_numeric` with a clock that drifts.

    Args:
        problem: of a scene in slots (`scene_in_slots`).
        start_s: of each satellite's slot.

    Raises:
        LeopntError: as `position_bound`.
    """
    check_geometry(problem)
    truth, links, shared = links_of_problem(problem)
    slotted = SlottedLink(links, _starts(start_s, problem.sat_pos_m.shape[0]))
    mean = slotted_mean(problem, start_s)
    found = misspecified_bound(
        SLOTTED_MODEL, truth, slotted, mean, problem.covariance, FREE, shared=shared, solver=_SOLVER
    )
    _check_local(found, problem, problem)
    return found


def position_bound_ignoring_slots(
    problem: PositionProblem, start_s: ArrayLike, assumed: PositionProblem | None = None
) -> MisspecifiedBound:
    """Bound of a user that takes all pilots as sent at once.

    Args:
        problem: of a scene in slots (`scene_in_slots`).
        start_s: of each satellite's slot.
        assumed: where the user takes the satellites to be; default: where they are in their slots,
            so that only the drift of the clock is left out.

    A bias of kilometers is still local, and is returned: the fix lies on the same side of every
    satellite as the user.

    Raises:
        LeopntError: as `position_bound`.
    """
    believed = problem if assumed is None else assumed
    check_geometry(believed)
    truth, links, shared = links_of_problem(believed)
    mean = slotted_mean(problem, start_s)
    found = misspecified_bound(
        POSITION_MODEL, truth, links, mean, problem.covariance, FREE, shared=shared, solver=_SOLVER
    )
    _check_local(found, problem, believed)
    return found


def _check_local(
    found: MisspecifiedBound, problem: PositionProblem, assumed: PositionProblem
) -> None:
    """Refuse a search that failed, and a fix beyond a satellite."""
    bias_m = found.theta.user_pos_m - assumed.user_pos_m
    if found.status == Status.converged and bool(is_near(assumed, bias_m)):
        return
    why = Status[found.status] or "the likelihood has no maximum near the truth"
    raise LeopntError(
        f"mismatch too large for a local bound: {why}. The offsets spread over "
        f"{float(jnp.ptp(problem.freq_offset_hz)):.3g} Hz and "
        f"{float(jnp.ptp(problem.clock_bias_s)):.3g} s."
    )


def _starts(start_s: ArrayLike | Sequence[float], num_sat: int) -> Float[Array, " sat"]:
    start = numbers("start_s", start_s)
    if start.shape != (num_sat,):
        raise LeopntError(f"start_s has shape {start.shape}; accepted: ({num_sat},).")
    return jnp.asarray(start)
