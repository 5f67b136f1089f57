"""From scenes to position bounds: one scene checked, or many at once."""

from __future__ import annotations

import functools
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from leopnt.errors import LeopntError
from leopnt.inference.batch import batch_map
from leopnt.inference.status import Status
from leopnt.methods.pace.beams import AbstractPilotBeam, UserBeams
from leopnt.methods.pace.downlink import check_identifiable, efim_of_links
from leopnt.methods.pace.links import links_of
from leopnt.methods.pace.position_problem import PositionProblem, problem_of_information
from leopnt.methods.pace.positioning import (
    PositionBound,
    check_geometry,
    position_bound_kernel,
)
from leopnt.methods.pace.scene import PaceScene
from leopnt.methods.pace.system import PaceSystem

TILE = 8
"""Scenes that advance together: their working set fits the cache of a core."""


class PositionErrors(NamedTuple):
    """Bounds on the position error [m] of every user: see `PositionBound`.

    bias_m: of the position; status: of the search; is_local: whether the others mean anything.
    """

    crb_m: Float[Array, "*batch user"]
    mcrb_m: Float[Array, "*batch user"]
    lb_m: Float[Array, "*batch user"]
    bias_m: Float[Array, "*batch user 3"]
    status: Status
    is_local: Bool[Array, "*batch user"]


class Shared(eqx.Module):
    """What all scenes of a batch share."""

    system: PaceSystem
    beam: AbstractPilotBeam = eqx.field(static=True)


def position_problems(
    scene: PaceScene, system: PaceSystem, beam: AbstractPilotBeam | None = None
) -> PositionProblem:
    """Problems of all users, leading axis user, with isotropic pilots.

    Args:
        beam: `UserBeams()` (default) or `VerticalBeam()`.
    """
    check_identifiable(system.downlink)
    return _problems(scene, system, beam or UserBeams())


@functools.partial(jax.jit, static_argnames="beam")
def _problems(scene: PaceScene, system: PaceSystem, beam: AbstractPilotBeam) -> PositionProblem:
    information = efim_of_links(links_of(scene, system), scene, system, beam)
    matrix = information[..., :, None] * jnp.eye(2)[None, None]

    def of_user(user, freq, clock, matrix):
        return problem_of_information(
            sat_pos_m=scene.sat_pos_m,
            sat_vel_mps=scene.sat_vel_mps,
            user_pos_m=user,
            freq_offset_hz=freq,
            clock_bias_s=clock,
            information=matrix,
            carrier_hz=system.carrier_hz,
        )

    return jax.vmap(of_user, in_axes=(0, 1, 1, 1))(
        scene.user_pos_m, scene.freq_offset_hz, scene.clock_bias_s, matrix
    )


def problem_of_user(
    scene: PaceScene, system: PaceSystem, user: int, beam: AbstractPilotBeam | None = None
) -> PositionProblem:
    """Problem of one user: for `position_bound`, `fit_position` and `weighted_for_offsets`.

    Raises:
        LeopntError: no such user, or a geometry that tells too little.
    """
    num_user = scene.user_pos_m.shape[0]
    if not 0 <= user < num_user:
        raise LeopntError(f"user = {user}: expected 0 to {num_user - 1}.")
    every = position_problems(scene, system, beam)
    problem = jax.tree.map(lambda leaf: leaf[user], every)
    check_geometry(problem)
    return problem


@functools.partial(jax.jit, static_argnames="beam")
def scene_position_bounds(
    scene: PaceScene, system: PaceSystem, beam: AbstractPilotBeam
) -> PositionBound:
    """All bounds of all users of a scene, leading axis user. A kernel: it raises nothing."""
    return jax.vmap(position_bound_kernel)(position_problems(scene, system, beam))


def position_errors(
    scenes: PaceScene,
    system: PaceSystem,
    beam: AbstractPilotBeam | None = None,
    *,
    tile: int = TILE,
    threads: int | None = None,
) -> PositionErrors:
    """Geometry to bounds for many scenes: arrays with a leading batch axis in and out.

    Users whose mismatch is too large for a local bound read NaN and `is_local` false.

    Args:
        scenes: as from `jax.vmap` or `jax.tree.map(jnp.stack, ...)`, each with three satellites or
            more.
        beam: `UserBeams()` (default) or `VerticalBeam()`.
    """
    num_sat = scenes.sat_pos_m.shape[-2]
    if num_sat < 3:
        raise LeopntError(
            f"scenes: {num_sat} satellites; need 2*S >= 5 measurements: 3 satellites or more."
        )
    return batch_map(
        _errors, scenes, shared=Shared(system, beam or UserBeams()), tile=tile, threads=threads
    )


def _errors(scene: PaceScene, shared: Shared) -> PositionErrors:
    found = scene_position_bounds(scene, shared.system, shared.beam)
    return PositionErrors(
        found.crb_m,
        found.mcrb_m,
        found.lb_m,
        found.bias[:, :3],
        found.status,
        found.is_local,
    )
