"""One trial of a 9D study over random geometries: a geometry drawn from its number, its bounds."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from leopnt.inference.eigen3 import largest_eigenvalue
from leopnt.inference.status import Status
from leopnt.methods.nine_d import (
    LOCATION,
    AbstractNuisance,
    Knowledge,
    Motion,
    NineDScene,
    euler_covariance,
    integrated_motion,
    location_covariance,
    orbit_motion,
    random_scene,
    seed_motion,
)

MOTIONS: dict[str, Motion] = {
    "orbit": orbit_motion,
    "integrated": integrated_motion,
    "seed": seed_motion,
}
BOUNDS: dict[str, str] = dict(
    zip(("position_bound", "orientation_bound", "velocity_bound"), LOCATION, strict=True)
)
"""The field of each bound."""

_UNOBSERVABLE = int(np.asarray(Status.unobservable._value))


class Layout(NamedTuple):
    """What a compiled kernel is made for: room for so many satellites and slots."""

    num_sat: int
    num_slot: int
    nuisances: tuple[AbstractNuisance, ...]
    known: tuple[str, ...]


class Shared(NamedTuple):
    """What every trial of a point shares.

    motion: place in `MOTIONS`; is_there: which of the drawn satellites and slots take part;
    numbers: arguments of `random_scene` by name.
    """

    key: jax.Array
    motion: jax.Array
    is_there: jax.Array
    numbers: dict[str, jax.Array]
    correlation: jax.Array
    knowledge: Knowledge
    position_share: jax.Array
    limits: jax.Array
    is_unknown: jax.Array


@functools.lru_cache(maxsize=64)
def trial_kernel(layout: Layout):
    """The kernel of a trial with this layout; the same object for the same layout."""

    def nine_d_random_trial(index, shared: Shared) -> dict[str, Any]:
        drawn = random_scene(
            jax.random.fold_in(shared.key, index),
            lambda *start: jax.lax.switch(shared.motion, list(MOTIONS.values()), *start),
            num_sat=layout.num_sat,
            num_slot=layout.num_slot,
            **shared.numbers,
        )
        scene = eqx.tree_at(
            lambda s: [s.correlation, s.snr],
            drawn,
            [
                shared.correlation * jnp.ones_like(drawn.correlation),
                jnp.where(shared.is_there[:, :, None], drawn.snr, 0.0),
            ],
        )
        found = location_covariance(
            scene, layout.nuisances, known=layout.known, knowledge=shared.knowledge
        )
        sigmas = jnp.sqrt(jnp.stack([jnp.trace(one) for one in found]))
        angles = euler_covariance(scene.rotation, found.rotation)
        position_limit_m = shared.position_share * _nearest_m(scene, shared.is_there)
        limits = jnp.concatenate([position_limit_m[None], shared.limits])
        told = jnp.isfinite(sigmas) | ~shared.is_unknown
        useful = (sigmas < limits) | ~shared.is_unknown
        return {
            "status": jnp.where(jnp.all(told), 0, _UNOBSERVABLE).astype(jnp.int8),
            **dict(zip(BOUNDS, sigmas, strict=True)),
            "euler_bound": jnp.sqrt(jnp.trace(angles)),
            "weakest_position": jnp.sqrt(largest_eigenvalue(found.position)),
            "practical": jnp.all(useful).astype(jnp.int8),
        }

    return nine_d_random_trial


def _nearest_m(scene: NineDScene, is_there: Bool[Array, "sat slot"]) -> Float[Array, ""]:
    moved = scene.slot_time_s[:, None] * scene.rx_vel_mps[None, :]
    offset = scene.sat_pos_m - (scene.rx_pos_m[None, :] + moved)[None]
    return jnp.sqrt(jnp.min(jnp.sum(offset * offset, axis=-1), initial=jnp.inf, where=is_there))
