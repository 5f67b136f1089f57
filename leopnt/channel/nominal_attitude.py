"""Attitude of navigation satellites that steer their solar panels to the Sun.

Body axes as columns of a rotation from body to ECEF axes. The other attitudes are
`frames.orbit_frame`: z nadir, y opposite to the orbit normal, x along the flight. It is that of
nadir-pointing LEO satellites, and the orbit-normal mode of BeiDou GEO.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from leopnt.channel._batches import vectors

_ALIGNED2 = 1e-20


def yaw_steering_axes(
    sat_pos_ecef_m: Float[ArrayLike, "... 3"], sun_pos_ecef_m: Float[ArrayLike, "... 3"]
) -> Float[Array, "... 3 3"]:
    """Axes x, y, z (columns) in nominal yaw steering, as MEO and IGSO keep it.

        z = -r / |r|,   y = z x e_sun / |z x e_sun|,   x = y x z

    z points to the Earth's center, y along the axis of the panels, x to the side of the Sun (axes
    of the IGS for all systems; the yaw angle is atan2(-tan beta, sin mu), mu counted from orbit
    midnight). Turns at noon and midnight, which real satellites make slower, are not modeled: for a
    Sun within 2 to 3 degrees of the orbit plane the axes can be wrong there by half a turn.

    Args:
        sat_pos_ecef_m: satellite.
        sun_pos_ecef_m: Sun, see `sun_position_ecef`.

    Returns:
        rotations; NaN where Sun, Earth and satellite are in line.

    Raises:
        LeopntError: shapes that do not fit, 32 bits, not finite.

    Source: [montenbruck-2015], sec. 3.
    """
    sat, sun = vectors(sat_pos_ecef_m=sat_pos_ecef_m, sun_pos_ecef_m=sun_pos_ecef_m)
    return _yaw_steering_axes(sat, sun)


@jax.jit
def _yaw_steering_axes(sat, sun):
    z = -_unit(sat)
    across = jnp.cross(z, _unit(sun - sat))
    length2 = jnp.sum(across**2, axis=-1, keepdims=True)
    y = across / jnp.sqrt(jnp.where(length2 > _ALIGNED2, length2, jnp.nan))
    return jnp.stack([jnp.cross(y, z), y, z], axis=-1)


def _unit(vector):
    return vector / jnp.linalg.norm(vector, axis=-1, keepdims=True)
