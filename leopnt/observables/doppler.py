"""Doppler shift of one link: first order, and with the terms of special and general relativity."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.constants import EARTH_GM_M3PS2, EARTH_ROTATION_RADPS, SPEED_OF_LIGHT_MPS
from leopnt.geometry._inputs import check_scalars, check_vectors
from leopnt.geometry.light_time import flight_time, rotate_earth
from leopnt.geometry.range import line_of_sight, range_rate_in_flight, range_rate_instantaneous


def doppler_instantaneous(
    sat_pos_ecef_m: Float[Array, "3"],
    sat_vel_ecef_mps: Float[Array, "3"],
    rx_pos_ecef_m: Float[Array, "3"],
    rx_vel_ecef_mps: Float[Array, "3"],
    carrier_hz: Float[Array, ""] | float,
) -> Float[Array, ""]:
    """First-order Doppler [Hz], positive approaching, both states in the same axes.

        f_D = -f_c u . (v_sat - v_rx) / c

    No light time and no Earth rotation in flight: see `doppler_first_order`.
    """
    check_scalars(carrier_hz=carrier_hz)
    check_scalars(carrier_hz=carrier_hz)
    rate = range_rate_instantaneous(
        sat_pos_ecef_m, sat_vel_ecef_mps, rx_pos_ecef_m, rx_vel_ecef_mps
    )
    return -carrier_hz * rate / SPEED_OF_LIGHT_MPS


def doppler_first_order(
    sat_pos_ecef_m: Float[Array, "3"],
    sat_vel_ecef_mps: Float[Array, "3"],
    rx_pos_ecef_m: Float[Array, "3"],
    rx_vel_ecef_mps: Float[Array, "3"],
    carrier_hz: Float[Array, ""] | float,
) -> Float[Array, ""]:
    """First-order Doppler [Hz], positive approaching, Earth rotation in flight included.

        f_D = -f_c u . (R3(omega tau) v_sat - v_rx) / c,   u = unit(R3(omega tau) p_sat - p_rx)

    Leaves out terms of order (v/c)^2: for circular orbits of 500 to 1200 km and a receiver on the
    ground between -2.8e-10 and 3.3e-10 f_c, half a hertz at 1.6 GHz. Of them -1.8e-10 f_c (1200 km)
    to -2.8e-10 f_c (500 km) are common to all satellites of one altitude: a frequency offset
    takes them up.

    Args:
        sat_pos_ecef_m, sat_vel_ecef_mps: satellite at transmission, ECEF axes of that epoch.
        rx_pos_ecef_m, rx_vel_ecef_mps: receiver at reception, ECEF.
        carrier_hz: transmitted carrier.
    """
    check_scalars(carrier_hz=carrier_hz)
    rate = range_rate_in_flight(sat_pos_ecef_m, sat_vel_ecef_mps, rx_pos_ecef_m, rx_vel_ecef_mps)
    return -carrier_hz * rate / SPEED_OF_LIGHT_MPS


def doppler_relativistic(
    sat_pos_ecef_m: Float[Array, "3"],
    sat_vel_ecef_mps: Float[Array, "3"],
    rx_pos_ecef_m: Float[Array, "3"],
    rx_vel_ecef_mps: Float[Array, "3"],
    carrier_hz: Float[Array, ""] | float,
) -> Float[Array, ""]:
    """Doppler [Hz], positive approaching, with the terms of special and general relativity.

        f_r / f_t = (1 + u.v_r/c) / (1 + u.v_s/c) * (1 - GM/(r_s c^2) - v_s^2/(2 c^2))
                                                  / (1 - GM/(r_r c^2) - v_r^2/(2 c^2))
        f_D = f_c (f_r / f_t - 1)

    with inertial velocities v = v_ecef + omega x p in the axes of the reception epoch and u from
    receiver to satellite. The satellite's transmitted frequency is `carrier_hz` in its own frame: a
    factory offset that cancels the mean relativistic shift must be put into `carrier_hz`.

    Not included: the rate of the Shapiro delay (under 1e-13 f_c for LEO), the Earth's oblateness
    (4e-13 f_c on the ground), terms of order c^-4 (1e-19 f_c).

    Args: as `doppler_first_order`.

    Source: Ashby, Living Rev. Relativity 6 (2003) 1; Earth potential: point mass.
    """
    check_vectors(sat_vel_ecef_mps=sat_vel_ecef_mps, rx_vel_ecef_mps=rx_vel_ecef_mps)
    check_scalars(carrier_hz=carrier_hz)
    tau_s = flight_time(sat_pos_ecef_m, rx_pos_ecef_m)
    sat_pos_m = rotate_earth(sat_pos_ecef_m, tau_s)
    sat_vel_mps = _inertial(sat_pos_m, rotate_earth(sat_vel_ecef_mps, tau_s))
    rx_vel_mps = _inertial(rx_pos_ecef_m, rx_vel_ecef_mps)
    los = line_of_sight(sat_pos_m, rx_pos_ecef_m)
    # Differences from 1 are kept apart, or 1e-16 of f_c = 0.2 uHz is lost.
    log_ratio = (
        jnp.log1p(los @ rx_vel_mps / SPEED_OF_LIGHT_MPS)
        - jnp.log1p(los @ sat_vel_mps / SPEED_OF_LIGHT_MPS)
        + jnp.log1p(_proper_rate(sat_pos_m, sat_vel_mps))
        - jnp.log1p(_proper_rate(rx_pos_ecef_m, rx_vel_mps))
    )
    return carrier_hz * jnp.expm1(log_ratio)


def _inertial(pos_m: Float[Array, "3"], vel_ecef_mps: Float[Array, "3"]) -> Float[Array, "3"]:
    """Inertial velocity resolved in ECEF axes: v + omega x p."""
    return vel_ecef_mps + EARTH_ROTATION_RADPS * jnp.stack(
        [-pos_m[1], pos_m[0], jnp.zeros_like(pos_m[0])]
    )


def _proper_rate(pos_m: Float[Array, "3"], vel_mps: Float[Array, "3"]) -> Float[Array, ""]:
    """d(proper time)/dt - 1 of a clock at rest or in motion in the Earth's point-mass field."""
    potential = EARTH_GM_M3PS2 / jnp.linalg.norm(pos_m)
    return -(potential + 0.5 * vel_mps @ vel_mps) / SPEED_OF_LIGHT_MPS**2
