"""Range and its rate between a satellite at transmission and a receiver at reception."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.geometry.light_time import flight_time, rotate_earth


def line_of_sight(
    sat_pos_ecef_m: Float[Array, "3"], rx_pos_ecef_m: Float[Array, "3"]
) -> Float[Array, "3"]:
    """Unit vector from receiver to satellite, both positions in the same axes."""
    offset_m = sat_pos_ecef_m - rx_pos_ecef_m
    return offset_m / jnp.linalg.norm(offset_m)


def range_instantaneous(
    sat_pos_ecef_m: Float[Array, "3"], rx_pos_ecef_m: Float[Array, "3"]
) -> Float[Array, ""]:
    """Distance [m] of two points given in the same axes: no light time, no Earth rotation."""
    return jnp.linalg.norm(sat_pos_ecef_m - rx_pos_ecef_m)


def range_in_flight(
    sat_pos_ecef_m: Float[Array, "3"], rx_pos_ecef_m: Float[Array, "3"]
) -> Float[Array, ""]:
    """Range [m] that a signal travels, Earth rotation in flight included.

        range = |R3(omega tau) p_sat - p_rx|,   tau = range / c

    Args:
        sat_pos_ecef_m: satellite at transmission, ECEF axes of the transmission epoch.
        rx_pos_ecef_m: receiver at reception, ECEF axes of the reception epoch.

    Differs from `range_instantaneous` by the Sagnac term, up to 30 m for LEO and 40 m for MEO.
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
    difference. This is u . (v_sat - v_rx); the derivative of the range with respect to the
    reception time is that expression with v_sat scaled by dt_transmission/dt_reception
    (1 - 2.5e-5 for LEO), see `observables.doppler`.

    Args:
        sat_pos_ecef_m, sat_vel_ecef_mps: satellite at transmission, ECEF axes of that epoch.
        rx_pos_ecef_m, rx_vel_ecef_mps: receiver at reception, ECEF axes of that epoch.
    """
    tau_s = flight_time(sat_pos_ecef_m, rx_pos_ecef_m)
    los = line_of_sight(rotate_earth(sat_pos_ecef_m, tau_s), rx_pos_ecef_m)
    return los @ (rotate_earth(sat_vel_ecef_mps, tau_s) - rx_vel_ecef_mps)
