"""Relativity of a satellite link: the periodic part of the satellite clock, and Shapiro's delay.

Leading axes of all arguments broadcast.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from leopnt.channel._batches import vectors
from leopnt.constants import EARTH_GM_M3PS2, SPEED_OF_LIGHT_MPS


def periodic_clock_s(
    sat_pos_ecef_m: Float[ArrayLike, "... 3"], sat_vel_ecef_mps: Float[ArrayLike, "... 3"]
) -> Float[Array, "..."]:
    """Relativistic part [s] of a satellite clock that its clock product leaves out.

        dt = -2 r.v / c^2   ( = -2 sqrt(GM a) e sin(E) / c^2 on a Kepler orbit )

    ADD it to the satellite clock bias (satellite minus system time); the pseudorange falls by
    c dt. GNSS clock products (broadcast, IGS) leave it out. A clock product of an on-board receiver
    usually holds whatever its clock does: then add nothing.

    Args:
        sat_pos_ecef_m: center of mass.
        sat_vel_ecef_mps: inertial or Earth-relative velocity, the result is the same, since
            (omega x r).r = 0.

    Raises:
        LeopntError: shapes that do not fit, 32 bits, not finite.

    Source: IS-GPS-200, 20.3.3.3.3.1; BeiDou ICD B1I 3.0, user algorithm for the clock.
    """
    pos, vel = vectors(sat_pos_ecef_m=sat_pos_ecef_m, sat_vel_ecef_mps=sat_vel_ecef_mps)
    return -2.0 * jnp.sum(pos * vel, axis=-1) / SPEED_OF_LIGHT_MPS**2


def shapiro_delay_m(
    sat_pos_ecef_m: Float[ArrayLike, "... 3"], rx_pos_ecef_m: Float[ArrayLike, "... 3"]
) -> Float[Array, "..."]:
    """Delay [m] by the Earth's gravity, positive, code and phase alike: 1 to 3 cm.

        d = 2 GM / c^2  ln[(r_s + r_r + rho) / (r_s + r_r - rho)]

    Args:
        sat_pos_ecef_m: satellite; axes of transmission or reception make no difference.
        rx_pos_ecef_m: receiver.

    Raises:
        LeopntError: shapes that do not fit, 32 bits, not finite.

    Source: [iers-2010], eq. 11.17, with gamma = 1.
    """
    sat, rx = vectors(sat_pos_ecef_m=sat_pos_ecef_m, rx_pos_ecef_m=rx_pos_ecef_m)
    radii = jnp.linalg.norm(sat, axis=-1) + jnp.linalg.norm(rx, axis=-1)
    distance = jnp.linalg.norm(sat - rx, axis=-1)
    # log((1 + x) / (1 - x)) keeps its digits for receivers close to the satellite.
    return 4.0 * EARTH_GM_M3PS2 / SPEED_OF_LIGHT_MPS**2 * jnp.arctanh(distance / radii)
