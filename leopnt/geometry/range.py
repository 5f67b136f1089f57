"""Range and its rate between a satellite at transmission and a receiver at reception."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.geometry._inputs import check_vectors
from leopnt.geometry.light_time import flight_time, rotate_earth


def line_of_sight(
    sat_pos_ecef_m: Float[Array, "3"], rx_pos_ecef_m: Float[Array, "3"]
) -> Float[Array, "3"]:
    """Unit vector from receiver to satellite, both positions in the same axes."""
    check_vectors(sat_pos_ecef_m=sat_pos_ecef_m, rx_pos_ecef_m=rx_pos_ecef_m)
    offset_m = sat_pos_ecef_m - rx_pos_ecef_m
    return offset_m / jnp.linalg.norm(offset_m)


def range_instantaneous(
    sat_pos_ecef_m: Float[Array, "3"], rx_pos_ecef_m: Float[Array, "3"]
) -> Float[Array, ""]:
    """Distance [m] of two points given in the same axes: no light time, no Earth rotation."""
    check_vectors(sat_pos_ecef_m=sat_pos_ecef_m, rx_pos_ecef_m=rx_pos_ecef_m)
    return jnp.linalg.norm(sat_pos_ecef_m - rx_pos_ecef_m)


def range_in_flight(
    sat_pos_ecef_m: Float[Array, "3"], rx_pos_ecef_m: Float[Array, "3"]
) -> Float[Array, ""]:
    """Range [m] that a signal travels, Earth rotation in flight included.

        range = |R3(omega tau) p_sat - p_rx|,   tau = range / c

    Args:
        sat_pos_ecef_m: satellite at transmission, ECEF axes of the transmission epoch.
        rx_pos_ecef_m: receiver at reception, ECEF axes of the reception epoch.

    Differs from `range_instantaneous` by the Sagnac term: at most 4 m for a satellite at 500 km,
    8.5 m at 2000 km, 45 m at 23 200 km (MEO), 65 m at geostationary height.
    Source: IS-GPS-200, 20.3.3.4.3.3.2.
    """
    return SPEED_OF_LIGHT_MPS * flight_time(sat_pos_ecef_m, rx_pos_ecef_m)


def range_rate_instantaneous(
    sat_pos_ecef_m: Float[Array, "3"],
    sat_vel_ecef_mps: Float[Array, "3"],
    rx_pos_ecef_m: Float[Array, "3"],
    rx_vel_ecef_mps: Float[Array, "3"],
) -> Float[Array, ""]:
    """d(range)/dt [m/s], positive receding, of two states given in the same axes.

    range_rate = u . (v_sat - v_rx),   u from receiver to satellite
    """
    check_vectors(sat_vel_ecef_mps=sat_vel_ecef_mps, rx_vel_ecef_mps=rx_vel_ecef_mps)
    los = line_of_sight(sat_pos_ecef_m, rx_pos_ecef_m)
    return los @ (sat_vel_ecef_mps - rx_vel_ecef_mps)


def range_rate_in_flight(
    sat_pos_ecef_m: Float[Array, "3"],
    sat_vel_ecef_mps: Float[Array, "3"],
    rx_pos_ecef_m: Float[Array, "3"],
    rx_vel_ecef_mps: Float[Array, "3"],
) -> Float[Array, ""]:
    """Closing speed along the ray [m/s], positive receding, Earth rotation in flight included.

        range_rate = u . (R3(omega tau) v_sat - v_rx),   u = unit(R3(omega tau) p_sat - p_rx)

    ECEF velocities may be used although the frame turns: with inertial velocities
    v + omega x p the extra term u . (omega x (p_sat - p_rx)) is zero, u being parallel to the
    difference. With w the inertial velocities, the derivative of the range is

        by reception time     range_rate / (1 + u . w_sat / c)
        by transmission time  range_rate / (1 + u . w_rx / c)

    where the first divisor is within 2.5e-5 of 1 for LEO, the second within 1.6e-6.

    Args:
        sat_pos_ecef_m, sat_vel_ecef_mps: satellite at transmission, ECEF axes of that epoch.
        rx_pos_ecef_m, rx_vel_ecef_mps: receiver at reception, ECEF axes of that epoch.
    """
    check_vectors(sat_vel_ecef_mps=sat_vel_ecef_mps, rx_vel_ecef_mps=rx_vel_ecef_mps)
    tau_s = flight_time(sat_pos_ecef_m, rx_pos_ecef_m)
    los = line_of_sight(rotate_earth(sat_pos_ecef_m, tau_s), rx_pos_ecef_m)
    return los @ (rotate_earth(sat_vel_ecef_mps, tau_s) - rx_vel_ecef_mps)
