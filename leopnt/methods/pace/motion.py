"""Where satellites of a scene are some time later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.methods.pace.scene import PaceScene

SceneMotion: TypeAlias = Callable[[PaceScene, Float[Array, ""] | float], PaceScene]
"""The scene so many seconds later."""


@jax.jit
def circular_arcs(scene: PaceScene, time_s: Float[Array, ""] | float) -> PaceScene:
    """Satellites on circles around the frame's origin at their speed; users stay.

        p(t) = cos(w t) p + sin(w t) |p| v / |v|,   w = |v| / |p|

    with v the part of the velocity across p, the only one that is kept.
    """

    def one(pos, vel):
        radius = jnp.sqrt(pos @ pos)
        up = pos / radius
        level = vel - (vel @ up) * up
        speed = jnp.sqrt(level @ level)
        angle = speed / radius * time_s
        cosine, sine, along = jnp.cos(angle), jnp.sin(angle), level / speed
        return radius * (cosine * up + sine * along), speed * (cosine * along - sine * up)

    moved = jax.vmap(one)(scene.sat_pos_m, scene.sat_vel_mps)
    return eqx.tree_at(lambda s: (s.sat_pos_m, s.sat_vel_mps), scene, moved)
