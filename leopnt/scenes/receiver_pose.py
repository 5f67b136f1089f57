"""How a receiver is held over the ground: heading, pitch and roll against north, east and down."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from leopnt.frames.attitude import rotation_from_yaw_pitch_roll

BODY_UP = (0.0, 0.0, -1.0)
"""Up in the axes of a body that lies level: body z points down."""


def body_rotation(
    enu_axes: Float[ArrayLike, "3 3"],
    heading_rad: Float[ArrayLike, ""],
    pitch_rad: Float[ArrayLike, ""] = 0.0,
    roll_rad: Float[ArrayLike, ""] = 0.0,
) -> Float[Array, "3 3"]:
    """Rotation from body to ECEF axes, `v_ecef = rotation @ v_body`.

        rotation = [north, east, down] Rz(heading) Ry(pitch) Rx(roll)

    Body axes are forward, right and down. Heading counts from north over east, pitch is positive
    with the nose up, roll with the right side down. All zero: forward is north.

    The rotation is of ECEF, which turns with the ground: a body that keeps its heading, pitch and
    roll does not turn in it.

    Args:
        enu_axes: rows east, north and up in ECEF, as `StudyScene.enu_axes` or `enu_basis`.
        heading_rad, pitch_rad, roll_rad: of the body.
    """
    east, north, up = jnp.asarray(enu_axes)
    local = jnp.stack([north, east, -up], axis=1)
    return local @ rotation_from_yaw_pitch_roll(heading_rad, pitch_rad, roll_rad)
