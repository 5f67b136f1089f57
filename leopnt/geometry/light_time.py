"""Earth rotation while the signal flies, and the flight time itself."""

import functools

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from leopnt.constants import EARTH_ROTATION_RADPS, SPEED_OF_LIGHT_MPS
from leopnt.geometry._inputs import check_vectors


def rotate_earth(
    vector_ecef: Float[Array, "3"], duration_s: Float[Array, ""] | float
) -> Float[Array, "3"]:
    """Express a vector given in ECEF axes of one instant in the axes `duration_s` later.

        v' = R3(omega duration) v,   R3 the frame rotation about z

    A point at rest in inertial space moves westward in ECEF, so a satellite position of the
    transmission epoch comes out in the axes of the reception epoch for `duration_s` = flight time.

    Source: IS-GPS-200, 20.3.3.4.3.3.2 (Earth-centered inertial ranging).
    """
    check_vectors(vector_ecef=vector_ecef)
    angle_rad = EARTH_ROTATION_RADPS * duration_s
    cos, sin = jnp.cos(angle_rad), jnp.sin(angle_rad)
    x, y, z = vector_ecef[0], vector_ecef[1], vector_ecef[2]
    return jnp.stack([cos * x + sin * y, cos * y - sin * x, z])


@jax.custom_jvp
def flight_time(
    sat_pos_ecef_m: Float[Array, "3"], rx_pos_ecef_m: Float[Array, "3"]
) -> Float[Array, ""]:
    """Signal flight time [s] in vacuum, with Earth rotation in flight.

        tau = |R3(omega tau) p_sat - p_rx| / c

    Args:
        sat_pos_ecef_m: satellite at TRANSMISSION, in the ECEF axes of that instant.
        rx_pos_ecef_m: receiver at reception, in the ECEF axes of that instant.

    One Newton step from the straight distance leaves rounding only: 2e-9 m of range for LEO,
    1.5e-8 m at geostationary distance. The derivative is that of the implicit equation, to 1e-10.
    """
    return _solve_flight(sat_pos_ecef_m, rx_pos_ecef_m)[0]


@functools.partial(flight_time.defjvp, symbolic_zeros=True)
def _flight_time_jvp(primals, tangents):
    tau_s, los, slope, angle_rad = _solve_flight(*primals)
    d_sat, d_rx = tangents
    d_range = 0.0
    if not isinstance(d_sat, SymbolicZero):
        d_range += _dot(los, _turn(d_sat, angle_rad))
    if not isinstance(d_rx, SymbolicZero):
        d_range -= _dot(los, d_rx)
    return tau_s, d_range / (SPEED_OF_LIGHT_MPS * (1.0 - slope))


def _solve_flight(sat_pos_m: Float[Array, "3"], rx_pos_m: Float[Array, "3"]):
    """Flight time, line of sight, d(range)/d(c tau) through Earth rotation, angle turned.

    Written in components: under `vmap` every one is a long vector, three times faster on a CPU
    than arrays whose last axis is 3.
    """
    check_vectors(sat_pos_ecef_m=sat_pos_m, rx_pos_ecef_m=rx_pos_m)
    x, y, z = (sat_pos_m[i] - rx_pos_m[i] for i in range(3))
    straight_s = jnp.sqrt(x * x + y * y + z * z) / SPEED_OF_LIGHT_MPS
    turned = _turn(sat_pos_m, EARTH_ROTATION_RADPS * straight_s)
    x, y = turned[0] - rx_pos_m[0], turned[1] - rx_pos_m[1]
    range_m = jnp.sqrt(x * x + y * y + z * z)
    los = (x / range_m, y / range_m, z / range_m)
    slope = (EARTH_ROTATION_RADPS / SPEED_OF_LIGHT_MPS) * (los[0] * turned[1] - los[1] * turned[0])
    tau_s = straight_s + (range_m / SPEED_OF_LIGHT_MPS - straight_s) / (1.0 - slope)
    return tau_s, los, slope, EARTH_ROTATION_RADPS * tau_s


def _turn(vector, angle_rad: Float[Array, ""]):
    """Components of R3(angle) vector for angles below 1e-3 rad, by series (error 1e-18)."""
    square = angle_rad * angle_rad
    cos = 1.0 - square * (0.5 - square / 24.0)
    sin = angle_rad * (1.0 - square * (1.0 / 6.0 - square / 120.0))
    x, y, z = vector[0], vector[1], vector[2]
    return cos * x + sin * y, cos * y - sin * x, z


def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def transmission_time_offset(
    sat_pos_ecef_m: Float[Array, "3"],
    sat_vel_inertial_ecef_mps: Float[Array, "3"],
    rx_pos_ecef_m: Float[Array, "3"],
) -> Float[Array, ""]:
    """Flight time [s] when the satellite state is known at RECEPTION instead of transmission.

        tau = |p_sat(t) - v_inertial tau - p_rx| / c

    Both vectors in the ECEF axes of the reception epoch; the satellite moves on a straight line in
    inertial space during tau (error 0.5 a tau^2 < 1 mm of position for tau < 15 ms). The state at
    transmission, in reception axes, is p_sat - tau v_inertial.
    """
    check_vectors(
        sat_pos_ecef_m=sat_pos_ecef_m,
        sat_vel_inertial_ecef_mps=sat_vel_inertial_ecef_mps,
        rx_pos_ecef_m=rx_pos_ecef_m,
    )
    tau_s = jnp.linalg.norm(sat_pos_ecef_m - rx_pos_ecef_m) / SPEED_OF_LIGHT_MPS
    for _ in range(3):
        moved = sat_pos_ecef_m - tau_s * sat_vel_inertial_ecef_mps
        tau_s = jnp.linalg.norm(moved - rx_pos_ecef_m) / SPEED_OF_LIGHT_MPS
    return tau_s
