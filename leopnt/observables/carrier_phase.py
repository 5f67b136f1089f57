"""Carrier phase of one link, direct or relayed by a surface."""

import math

import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from leopnt.errors import LeopntError
from leopnt.geometry._inputs import check_scalars, check_vectors
from leopnt.geometry.range import range_in_flight

Number = Float[Array, ""] | float


def carrier_phase(
    sat_pos_ecef_m: Float[Array, "3"],
    rx_pos_ecef_m: Float[Array, "3"],
    wavelength_m: Number,
    rx_clock_bias_m: Number = 0.0,
    sat_clock_bias_m: Number = 0.0,
    ambiguity_cycles: Number = 0.0,
    ionosphere_m: Number = 0.0,
    troposphere_m: Number = 0.0,
) -> Float[Array, ""]:
    """Carrier phase of one link, in cycles; it grows with the range.

        lambda phi = |R3(omega tau) p_sat - p_rx| + b_rx - b_sat + lambda N - I + T

    Phase wind-up, antenna offsets and relativity of the satellite clock are not included.

    Args:
        sat_pos_ecef_m: satellite at transmission, ECEF axes of that epoch.
        rx_pos_ecef_m: receiver at reception.
        rx_clock_bias_m: c times (receiver clock minus system time); positive reads late.
        sat_clock_bias_m: c times (satellite clock minus system time).
        ambiguity_cycles: N.
        ionosphere_m: I, delay of the code; it advances the phase.
        troposphere_m: T, delay.

    Source: Kaplan & Hegarty, 3rd ed., sec. 8.3.1.2; [zhang-astars] eq. 8 has the phase in radians
    and both atmospheric terms with one sign.
    """
    way_m = range_in_flight(sat_pos_ecef_m, rx_pos_ecef_m)
    rest = (rx_clock_bias_m, sat_clock_bias_m, ambiguity_cycles, ionosphere_m, troposphere_m)
    return _phase(way_m, wavelength_m, *rest)


def carrier_phase_relayed(
    sat_pos_ecef_m: Float[Array, "3"],
    surface_pos_ecef_m: Float[Array, "3"],
    rx_pos_ecef_m: Float[Array, "3"],
    wavelength_m: Number,
    rx_clock_bias_m: Number = 0.0,
    sat_clock_bias_m: Number = 0.0,
    ambiguity_cycles: Number = 0.0,
    ionosphere_m: Number = 0.0,
    troposphere_m: Number = 0.0,
    surface_phase_cycles: Number = 0.0,
) -> Float[Array, ""]:
    """Carrier phase of one link by way of a surface, in cycles.

        lambda phi = |R3(omega tau) p_sat - p_S| + |p_rx - p_S| + ... + lambda phi_S

    the dots as in `carrier_phase`.

    The Earth's turn during the last leg is left out: 2e-6 of its length.

    Args:
        surface_pos_ecef_m: centroid of the surface.
        surface_phase_cycles: phi_S, delay that the surface was told to add for this satellite.
        Others as `carrier_phase`.

    Source: [zhang-astars] eq. 8-13.
    """
    check_vectors(rx_pos_ecef_m=rx_pos_ecef_m)
    check_scalars(surface_phase_cycles=surface_phase_cycles)
    last = rx_pos_ecef_m - surface_pos_ecef_m
    way_m = range_in_flight(sat_pos_ecef_m, surface_pos_ecef_m) + jnp.sqrt(last @ last)
    rest = (rx_clock_bias_m, sat_clock_bias_m, ambiguity_cycles, ionosphere_m, troposphere_m)
    return _phase(way_m, wavelength_m, *rest) + surface_phase_cycles


def _phase(
    way_m: Float[Array, ""],
    wavelength_m: Number,
    rx_clock_bias_m: Number,
    sat_clock_bias_m: Number,
    ambiguity_cycles: Number,
    ionosphere_m: Number,
    troposphere_m: Number,
) -> Float[Array, ""]:
    check_scalars(
        wavelength_m=wavelength_m,
        rx_clock_bias_m=rx_clock_bias_m,
        sat_clock_bias_m=sat_clock_bias_m,
        ambiguity_cycles=ambiguity_cycles,
        ionosphere_m=ionosphere_m,
        troposphere_m=troposphere_m,
    )
    _check_wavelength(wavelength_m)
    total_m = way_m + rx_clock_bias_m - sat_clock_bias_m - ionosphere_m + troposphere_m
    return total_m / wavelength_m + ambiguity_cycles


def _check_wavelength(wavelength_m: Number) -> None:
    """Refuse a wavelength not above zero, where its value is known."""
    if isinstance(wavelength_m, Tracer):
        return
    if not (math.isfinite(wavelength_m) and wavelength_m > 0):
        raise LeopntError(f"wavelength_m = {float(wavelength_m)!r}: expected a number above 0.")
