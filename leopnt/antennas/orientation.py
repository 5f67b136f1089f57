"""How an array hangs under a satellite, and in which direction it sees a point."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.geometry._inputs import check_vectors


def array_frame(pos_m: Float[Array, "3"], vel_mps: Float[Array, "3"]) -> Float[Array, "3 3"]:
    """Axes of a nadir-pointing array as COLUMNS: x orbit normal, y = z cross x, z nadir.

    x = p cross v / |p cross v|; y is the horizontal part of the velocity. In the orbit frame
    (`frames.orbit_frame`) x is -y_orbit and y is x_orbit. NaN where the velocity is zero or
    radial.

    Args:
        pos_m: position; z points to the Earth's center.
        vel_mps: velocity in the same axes: inertial for an array that is yawed along the orbit,
            Earth-fixed for one yawed along the ground track.

    Source: [zhang-pace] Sec. II, with the axes it leaves open.
    """
    check_vectors(pos_m=pos_m, vel_mps=vel_mps)
    z = -pos_m / jnp.sqrt(pos_m @ pos_m)
    normal = jnp.cross(pos_m, vel_mps)
    x = normal / jnp.sqrt(normal @ normal)
    return jnp.stack([x, jnp.cross(z, x), z], axis=1)


def array_angles(
    frame: Float[Array, "3 3"], offset_m: Float[Array, "3"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Azimuth and elevation [rad] of a direction: az from x towards y, el from the array plane.

    At boresight, where azimuth means nothing, it reads 0 and elevation exactly pi/2.

    Args:
        frame: axes of the array as columns.
        offset_m: from the array to the point, of any length.
    """
    check_vectors(offset_m=offset_m)
    x, y, z = frame.T @ offset_m
    square = x * x + y * y
    # Rounding of a nadir direction is no azimuth.
    is_boresight = square <= 1e-30 * (offset_m @ offset_m)
    level = jnp.where(is_boresight, 0.0, jnp.sqrt(jnp.where(is_boresight, 1.0, square)))
    az = jnp.where(is_boresight, 0.0, jnp.arctan2(y, jnp.where(is_boresight, 1.0, x)))
    return az, jnp.arctan2(z, level)
