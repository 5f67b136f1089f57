"""What a surface with given phases passes on from a satellite to a receiver.

Amplitudes are over that of the direct signal at the receiver, phases relative to the path over the
centroid; a later signal has a smaller phase. Both ends have leading axes that broadcast.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float

from leopnt.antennas._leading_axes import over_leading_axes
from leopnt.antennas._surface_inputs import (
    check_phases,
    check_points,
    check_served,
    check_wavelength,
)
from leopnt.antennas.surfaces import ActiveSurface

Number = Float[Array, ""] | float
Points = Float[ArrayLike, "*#batch 3"]
Phases = Float[ArrayLike, "*#batch ant"]


def element_amplitudes(
    surface: ActiveSurface,
    phases_rad: Phases,
    sat_pos_ecef_m: Points,
    rx_pos_ecef_m: Points,
    wavelength_m: Number,
) -> Complex[Array, "... ant"]:
    """Field of the signal over each element, over that of the direct one.

        F_k = sqrt(beta c_k c'_k) a / (lambda r_k) exp(j (psi_k - 2 pi Delta_k / lambda))

    Every element collects from its cell a, projected by the cosine c_k of the satellite off the
    normal, and radiates beta times that as an aperture of the cell does, gain 4 pi a c'_k /
    lambda^2, over r_k = |U - p_k|. Reference is what the same receiving antenna has from the
    satellite without the panel in the way. Delta_k: path over the element less that over the
    centroid. beta: `reflect_gain` in front, `transmit_gain` behind. No fading, no coupling.

    Args:
        phases_rad: psi_k, as commanded.

    Raises:
        LeopntError: satellite behind the panel, receiver on a side that gets nothing (NaN where
            they are traced), wrong shapes.
    """
    phases = check_phases(surface, phases_rad)
    sat, rx = _ends(surface, sat_pos_ecef_m, rx_pos_ecef_m, wavelength_m)
    vectors = {"phases_rad": phases, "sat_pos_ecef_m": sat, "rx_pos_ecef_m": rx}
    return over_leading_axes(_amplitudes, (surface, wavelength_m), **vectors)


def relay_amplitude(
    surface: ActiveSurface,
    phases_rad: Phases,
    sat_pos_ecef_m: Points,
    rx_pos_ecef_m: Points,
    wavelength_m: Number,
) -> Complex[Array, "..."]:
    """Field of the relayed signal over that of the direct one, F = sum of `element_amplitudes`."""
    fields = element_amplitudes(surface, phases_rad, sat_pos_ecef_m, rx_pos_ecef_m, wavelength_m)
    return jnp.sum(fields, axis=-1)


def relay_power_ratio(
    surface: ActiveSurface,
    phases_rad: Phases,
    sat_pos_ecef_m: Points,
    rx_pos_ecef_m: Points,
    wavelength_m: Number,
) -> Float[Array, "..."]:
    """|F|^2 of `relay_amplitude`: relayed over direct power."""
    return _square(
        relay_amplitude(surface, phases_rad, sat_pos_ecef_m, rx_pos_ecef_m, wavelength_m)
    )


def coherent_gain(
    surface: ActiveSurface,
    phases_rad: Phases,
    sat_pos_ecef_m: Points,
    rx_pos_ecef_m: Points,
    wavelength_m: Number,
) -> Float[Array, "..."]:
    """|sum_k exp(j (psi_k - 2 pi Delta_k / lambda))|^2, over the power of one element.

    K^2 where all elements add up in phase, K on average where they do not.
    """
    phases = check_phases(surface, phases_rad)
    sat, rx = _ends(surface, sat_pos_ecef_m, rx_pos_ecef_m, wavelength_m)
    vectors = {"phases_rad": phases, "sat_pos_ecef_m": sat, "rx_pos_ecef_m": rx}
    return _square(over_leading_axes(_unweighted, (surface, wavelength_m), **vectors))


def composite_phase_cycles(
    surface: ActiveSurface,
    phases_rad: Phases,
    sat_pos_ecef_m: Points,
    rx_pos_ecef_m: Points,
    wavelength_m: Number,
) -> Float[Array, "..."]:
    """What the commanded phases add to the carrier phase, in cycles, -1/2 to 1/2.

    Subtract it from the measured phase, which then is that of the path over the centroid:

        phi - composite = (|s - S| + |U - S|) / lambda + clock + integer

    It differs from satellite to satellite and does not cancel in differences: what remains of it
    breaks integers. Commanded from places a little off, it is wrong by little: a focused profile
    is flat at its focus.

    Args:
        phases_rad: as commanded, quantized.
        sat_pos_ecef_m, rx_pos_ecef_m: as best known.
    """
    field = relay_amplitude(surface, phases_rad, sat_pos_ecef_m, rx_pos_ecef_m, wavelength_m)
    # A phase that advances the signal makes the path look shorter.
    return -jnp.arctan2(field.imag, field.real) / (2.0 * jnp.pi)


def path_excess_m(surface: ActiveSurface, pos_ecef_m: Points) -> Float[Array, "... ant"]:
    """|x - p_k| - |x - S| of a point x, without the cancellation of ranges of 2e7 m."""
    points = check_points("pos_ecef_m", pos_ecef_m)
    return over_leading_axes(path_excess_one, (surface,), pos_ecef_m=points)


def _ends(surface, sat_pos_ecef_m, rx_pos_ecef_m, wavelength_m):
    sat = check_points("sat_pos_ecef_m", sat_pos_ecef_m)
    rx = check_points("rx_pos_ecef_m", rx_pos_ecef_m)
    check_wavelength(wavelength_m)
    check_served(surface, sat, rx)
    return sat, rx


def _amplitudes(surface, wavelength_m, phases, sat, rx):
    offsets, height_in = surface.offsets_m(), _height(surface, sat)
    range_in, range_out = _range(surface, offsets, sat), _range(surface, offsets, rx)
    height_out = _height(surface, rx)
    cosines = (height_in / range_in) * (jnp.abs(height_out) / range_out)
    gain = _side_gain(surface, height_in, height_out)
    weight = jnp.sqrt(gain * cosines) * surface.element_area_m2 / (wavelength_m * range_out)
    return weight * _phasors(surface, wavelength_m, phases, sat, rx)


def _unweighted(surface, wavelength_m, phases, sat, rx):
    return jnp.sum(_phasors(surface, wavelength_m, phases, sat, rx))


def _phasors(surface, wavelength_m, phases, sat, rx) -> Complex[Array, " ant"]:
    excess_m = path_excess_one(surface, sat) + path_excess_one(surface, rx)
    angle = phases - 2.0 * jnp.pi * excess_m / wavelength_m
    return jnp.cos(angle) + 1j * jnp.sin(angle)


def path_excess_one(surface: ActiveSurface, point: Float[Array, "3"]) -> Float[Array, " ant"]:
    """As `path_excess_m`, of one point, to compile with the rest."""
    offsets, center = surface.offsets_m(), point - jnp.asarray(surface.centroid_ecef_m)
    # (|c - o|^2 - |c|^2) / (|c - o| + |c|)
    square = jnp.sum(offsets * (offsets - 2.0 * center[None, :]), axis=1)
    return square / (_range(surface, offsets, point) + jnp.sqrt(jnp.sum(center**2)))


def _range(surface, offsets, point) -> Float[Array, " ant"]:
    center = point - jnp.asarray(surface.centroid_ecef_m)
    return jnp.sqrt(jnp.sum((center[None, :] - offsets) ** 2, axis=1))


def _height(surface, point) -> Float[Array, ""]:
    return jnp.sum((point - jnp.asarray(surface.centroid_ecef_m)) * jnp.asarray(surface.normal))


def _side_gain(surface, height_in, height_out) -> Float[Array, ""]:
    """Power gain of the receiver's side; NaN where nothing may be served."""
    gain = jnp.where(height_out > 0.0, surface.reflect_gain, surface.transmit_gain)
    return jnp.where((height_in > 0.0) & (height_out != 0.0) & (gain > 0.0), gain, jnp.nan)


def _square(field: Complex[Array, "..."]) -> Float[Array, "..."]:
    # real**2 + imag**2: abs(z)**2 has a zero second derivative at z = 0.
    return field.real**2 + field.imag**2
