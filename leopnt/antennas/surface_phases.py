"""Phases to command to the elements of a surface, so that one satellite adds up at one receiver.

All are in [0, 2 pi), and rounded to the steps that the surface has. A profile focuses one satellite
only: what it passes on from others is a side lobe.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_count
from leopnt.antennas._leading_axes import over_leading_axes
from leopnt.antennas._surface_inputs import (
    check_directions_served,
    check_points,
    check_served,
    check_unit,
    check_wavelength,
    numbers,
)
from leopnt.antennas.surface_limits import warn_of_grating_lobes
from leopnt.antennas.surface_relay import path_excess_one
from leopnt.antennas.surfaces import ActiveSurface

Number = Float[Array, ""] | float
Points = Float[ArrayLike, "*#batch 3"]


def near_field_phases(
    surface: ActiveSurface, sat_pos_ecef_m: Points, rx_pos_ecef_m: Points, wavelength_m: Number
) -> Float[Array, "... ant"]:
    """Phases that focus a satellite on a receiver at any distance, the curvature included.

        psi_k = 2 pi / lambda (|s - p_k| + |U - p_k|)

    They take away the whole path, over the centroid too, and with it the phase that positions:
    `composite_phase_cycles` says what to put back.

    Raises:
        LeopntError: satellite behind the panel, receiver on a side that gets nothing.

    Warns:
        LeopntWarning: elements more than half a wavelength apart.
    """
    sat, rx = _ends(surface, sat_pos_ecef_m, rx_pos_ecef_m, wavelength_m)
    warn_of_grating_lobes(surface, wavelength_m)
    vectors = {"sat_pos_ecef_m": sat, "rx_pos_ecef_m": rx}
    return over_leading_axes(_near_field, (surface, wavelength_m), **vectors)


def centered_phases(
    surface: ActiveSurface, sat_pos_ecef_m: Points, rx_pos_ecef_m: Points, wavelength_m: Number
) -> Float[Array, "... ant"]:
    """As `near_field_phases`, less the path over the centroid.

        psi_k = 2 pi / lambda (|s - p_k| - |s - S| + |U - p_k| - |U - S|)

    The relayed carrier phase is that of the path over the centroid; only the rounding of the
    phases is left in `composite_phase_cycles`.
    """
    sat, rx = _ends(surface, sat_pos_ecef_m, rx_pos_ecef_m, wavelength_m)
    warn_of_grating_lobes(surface, wavelength_m)
    vectors = {"sat_pos_ecef_m": sat, "rx_pos_ecef_m": rx}
    return over_leading_axes(_centered, (surface, wavelength_m), **vectors)


def far_field_phases(
    surface: ActiveSurface, arrival: Points, departure: Points, wavelength_m: Number
) -> Float[Array, "... ant"]:
    """Phases that turn a plane wave into a plane wave; zero at the centroid.

        psi_k = -2 pi / lambda (e + u) . (p_k - S)

    Args:
        arrival: e, unit vector from the surface to the satellite.
        departure: u, unit vector from the surface to the receiver.
    """
    e, u = check_unit("arrival", arrival), check_unit("departure", departure)
    check_directions_served(surface, e, u)
    check_wavelength(wavelength_m)
    warn_of_grating_lobes(surface, wavelength_m)
    return over_leading_axes(_far_field, (surface, wavelength_m), arrival=e, departure=u)


def quantized(
    surface: ActiveSurface, phases_rad: Float[ArrayLike, "*batch ant"]
) -> Float[Array, "*batch ant"]:
    """The nearest phases that the surface can set, in [0, 2 pi)."""
    turns = numbers("phases_rad", phases_rad) / (2.0 * jnp.pi)
    if surface.phase_bits is not None:
        levels = 2.0**surface.phase_bits
        turns = jnp.round(levels * turns) / levels
    turns = turns - jnp.floor(turns)
    # A little below zero rounds to a whole turn.
    return 2.0 * jnp.pi * jnp.where(turns < 1.0, turns, 0.0)


def quantization_loss_db(phase_bits: int) -> float:
    """Loss of a large panel's power [dB], positive: that of sinc^2(1 / 2^bits).

    Phases spread evenly over a step; 3.92 dB with one bit, 0.91 with two, 0.22 with three.
    """
    check_count(1, phase_bits=phase_bits)
    return float(-20.0 * np.log10(np.sinc(0.5**phase_bits)))


def _ends(surface, sat_pos_ecef_m, rx_pos_ecef_m, wavelength_m):
    sat = check_points("sat_pos_ecef_m", sat_pos_ecef_m)
    rx = check_points("rx_pos_ecef_m", rx_pos_ecef_m)
    check_served(surface, sat, rx)
    check_wavelength(wavelength_m)
    return sat, rx


def _near_field(surface, wavelength_m, sat, rx):
    center_m = _centroid_path_m(surface, sat) + _centroid_path_m(surface, rx)
    path_m = center_m + path_excess_one(surface, sat) + path_excess_one(surface, rx)
    return quantized(surface, 2.0 * jnp.pi * path_m / wavelength_m)


def _centered(surface, wavelength_m, sat, rx):
    path_m = path_excess_one(surface, sat) + path_excess_one(surface, rx)
    return quantized(surface, 2.0 * jnp.pi * path_m / wavelength_m)


def _far_field(surface, wavelength_m, arrival, departure):
    path_m = -(surface.offsets_m() @ (arrival + departure))
    return quantized(surface, 2.0 * jnp.pi * path_m / wavelength_m)


def _centroid_path_m(surface, point):
    return jnp.sqrt(jnp.sum((point - jnp.asarray(surface.centroid_ecef_m)) ** 2))
