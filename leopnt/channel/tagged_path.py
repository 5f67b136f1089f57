"""The way of a signal that a receiver with a wrong clock has tagged: light time and Earth rotation.

    t_r = tag - late          t_s = t_r - |r(t_s) - x(t_r)| / c

in axes that are ECEF at the tag and do not turn: r moves by its inertial velocity and the pull of
the Earth, x by the Earth's rotation. The Sagnac term comes of itself.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from leopnt.channel._batches import shaped
from leopnt.constants import EARTH_GM_M3PS2, EARTH_ROTATION_ERA_RADPS, SPEED_OF_LIGHT_MPS

_STEPS = 4


class TaggedPath(eqx.Module):
    """Ends of the way, in the axes that ECEF has at the tag.

    Attributes:
        range_m: length of the way.
        sat_pos_m: satellite when it sent.
        rx_pos_m: receiver when it received.
    """

    range_m: Float[Array, "..."]
    sat_pos_m: Float[Array, "... 3"]
    rx_pos_m: Float[Array, "... 3"]


def tagged_path(
    sat_pos_ecef_m: Float[ArrayLike, "... 3"],
    sat_vel_inertial_ecef_mps: Float[ArrayLike, "... 3"],
    rx_pos_ecef_m: Float[ArrayLike, "... 3"],
    rx_late_s: Float[ArrayLike, "..."],
) -> TaggedPath:
    """Range of a signal from the state of the satellite AT THE TAG of the receiver.

    The satellite is followed for the time of flight and the lateness by two terms of its motion
    (1 um for LEO and GNSS if the clock is right to 10 ms). Leading axes broadcast.

    Args:
        sat_pos_ecef_m: at the tag (GPS time of the tag as if the clock were right).
        sat_vel_inertial_ecef_mps: inertial velocity in ECEF axes at the tag.
        rx_pos_ecef_m: receiver, at rest on the Earth.
        rx_late_s: receiver clock minus system time; positive reads late, so the signal came before
            the tag says. 1 us is up to 7 mm of a LEO range: take it from code first.

    Raises:
        LeopntError: shapes that do not fit, 32 bits, not finite (if not traced).

    Source: [is-gps-200], 20.3.3.4.3 (inertial ranging).
    """
    arguments = shaped(
        [(3,), (3,), (3,), ()],
        sat_pos_ecef_m=sat_pos_ecef_m,
        sat_vel_inertial_ecef_mps=sat_vel_inertial_ecef_mps,
        rx_pos_ecef_m=rx_pos_ecef_m,
        rx_late_s=rx_late_s,
    )
    return _tagged_path(*arguments)


@jax.jit
def _tagged_path(pos, vel, rx, late_s):
    received = _turned(rx, -EARTH_ROTATION_ERA_RADPS * late_s)
    pull = -EARTH_GM_M3PS2 * pos / jnp.linalg.norm(pos, axis=-1, keepdims=True) ** 3
    sent, range_m = pos, jnp.linalg.norm(pos - received, axis=-1)
    for _ in range(_STEPS):
        t = (-late_s - range_m / SPEED_OF_LIGHT_MPS)[..., None]
        sent = pos + t * vel + 0.5 * t * t * pull
        range_m = jnp.linalg.norm(sent - received, axis=-1)
    return TaggedPath(range_m, sent, received)


def _turned(vector, angle_rad):
    """A point that goes along with the Earth, after the Earth has turned by an angle."""
    cos, sin = jnp.cos(angle_rad), jnp.sin(angle_rad)
    x, y, z = (vector[..., i] for i in range(3))
    return jnp.stack([cos * x - sin * y, cos * y + sin * x, z], axis=-1)
