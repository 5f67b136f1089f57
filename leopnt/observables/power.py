"""Power received from the beams of one satellite."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas.decibels import from_db
from leopnt.errors import LeopntError
from leopnt.geometry._inputs import check_scalars, check_vectors

Number = Float[Array, ""] | float
Pattern = Callable[[Float[Array, ""], Float[Array, ""]], Float[Array, " beam"]]
"""EIRP of every beam at direction cosines (u, v), such as a method of `AbstractBeams`."""


class SeenFromAntenna(NamedTuple):
    """Where an antenna sees a point: direction cosines in its plane, and the distance.

    u, v: along the antenna's x and y axes; NaN behind the antenna.
    range_m: distance.
    """

    u: Float[Array, ""]
    v: Float[Array, ""]
    range_m: Float[Array, ""]


def seen_from_antenna(
    rx_pos_ecef_m: Float[Array, "3"],
    sat_pos_ecef_m: Float[Array, "3"],
    axes_ecef: Float[Array, "3 3"],
) -> SeenFromAntenna:
    """Direction cosines and range of a receiver.

        p_rx = p_sat + d (u e_x + v e_y + cos(gamma) e_z)

    Args:
        rx_pos_ecef_m: receiver.
        sat_pos_ecef_m: phase center of the antenna at transmission, in the same axes.
        axes_ecef: e_x, e_y, e_z of the antenna as COLUMNS, e_z its boresight (nadir):
            `frames.orbit_frame` for an antenna along the orbit, times a body rotation for another
            attitude.
    """
    check_vectors(rx_pos_ecef_m=rx_pos_ecef_m, sat_pos_ecef_m=sat_pos_ecef_m)
    _check_axes(axes_ecef)
    offset_m = rx_pos_ecef_m - sat_pos_ecef_m
    range_m = jnp.sqrt(offset_m @ offset_m)
    u, v, boresight = (axes_ecef[:, i] @ offset_m / range_m for i in range(3))
    in_front = boresight > 0.0
    return SeenFromAntenna(
        jnp.where(in_front, u, jnp.nan), jnp.where(in_front, v, jnp.nan), range_m
    )


def received_power_dbw(
    rx_pos_ecef_m: Float[Array, "3"],
    sat_pos_ecef_m: Float[Array, "3"],
    axes_ecef: Float[Array, "3 3"],
    eirp_dbw_of_uv: Pattern,
    wavelength_m: Number,
    rx_gain_dbi: Number = 0.0,
) -> Float[Array, " beam"]:
    """Power [dBW] of every beam at a receiver; NaN where the antenna's pattern is not known.

        P_k = E_k(u, v) - 20 log10(4 pi d / lambda) + G

    Atmosphere, polarization and pointing errors are not included. No light time either: the Earth
    turns by 4 m while the signal of a LEO satellite flies: below 0.001 dB away from nulls.

    Args:
        rx_pos_ecef_m, sat_pos_ecef_m, axes_ecef: as `seen_from_antenna`.
        eirp_dbw_of_uv: the antenna, as `antenna.eirp_dbw` of `AbstractBeams`.
        wavelength_m: of the carrier.
        rx_gain_dbi: G, gain of the receiver's antenna in this direction.

    Source: [gao-power] eq. 1, 7.
    """
    check_scalars(wavelength_m=wavelength_m, rx_gain_dbi=rx_gain_dbi)
    at = seen_from_antenna(rx_pos_ecef_m, sat_pos_ecef_m, axes_ecef)
    loss_db = 20.0 * jnp.log10(4.0 * jnp.pi * at.range_m / wavelength_m)
    return eirp_dbw_of_uv(at.u, at.v) - loss_db + rx_gain_dbi


def received_amplitude(
    rx_pos_ecef_m: Float[Array, "3"],
    sat_pos_ecef_m: Float[Array, "3"],
    axes_ecef: Float[Array, "3 3"],
    eirp_w_of_uv: Pattern,
    wavelength_m: Number,
    rx_gain_dbi: Number = 0.0,
) -> Float[Array, " beam"]:
    """Carrier amplitude [sqrt(W)] of every beam, A_k = sqrt(2 P_k[W]).

        A_k = sqrt(2 G E_k) lambda / (4 pi d)

    What `FoldedAmplitude(sqrt(N))` (carrier phase known, sign lost) and `Rician(sqrt(N))` (phase
    unknown) scatter about, N the noise power after integration. Its derivative is infinite where a
    pattern has a null: give it a floor.

    Args:
        eirp_w_of_uv: the antenna, as `antenna.eirp_w` of `AbstractBeams`.
        Others as `received_power_dbw`.
    """
    check_scalars(wavelength_m=wavelength_m, rx_gain_dbi=rx_gain_dbi)
    at = seen_from_antenna(rx_pos_ecef_m, sat_pos_ecef_m, axes_ecef)
    spread = wavelength_m / (4.0 * jnp.pi * at.range_m)
    return jnp.sqrt(2.0 * from_db(rx_gain_dbi) * eirp_w_of_uv(at.u, at.v)) * spread


def _check_axes(axes_ecef) -> None:
    if not hasattr(axes_ecef, "dtype") or axes_ecef.dtype != np.float64:
        found = getattr(axes_ecef, "dtype", type(axes_ecef).__name__)
        raise LeopntError(f"axes_ecef: got {found}; accepted: a float64 array of shape (3, 3).")
    if tuple(axes_ecef.shape) != (3, 3):
        raise LeopntError(
            f"axes_ecef: got shape {tuple(axes_ecef.shape)}; accepted: (3, 3), the antenna's x, y "
            "and boresight as columns; use jax.vmap for many."
        )
