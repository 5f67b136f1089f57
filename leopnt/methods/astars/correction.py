"""From the range to the surface to the range to the receiver: the triangle at the surface."""

from __future__ import annotations

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.methods.astars.inputs import (
    check_above_zero,
    check_cosine,
    check_directions,
    check_positions,
    common_shape,
    finite_array,
    numbers,
)

Numbers = Float[ArrayLike, "..."] | float | int
Found = Float[np.ndarray | np.floating, "..."]


def elos_distance(network_clock_bias_s: Numbers, lumped_clock_m: Numbers) -> Found:
    """Last leg r = c T_u - b from the network's value of the receiver clock.

    An error g of T_u (positive: the value is too large) makes r too long by c g.

    Args:
        network_clock_bias_s: receiver clock minus system time, positive reads late: -T_u.
        lumped_clock_m: b of `surface_fix`.

    Zero or negative values are returned as they are; the fixes refuse them, or give a status.

    Source: [zhang-astars] eq. 12, 19-20; its T_n = -T_R + gamma has gamma with the other sign.
    """
    clock_s = finite_array("network_clock_bias_s", network_clock_bias_s)
    lumped_m = numbers("lumped_clock_m", lumped_clock_m)
    common_shape(network_clock_bias_s=clock_s.shape, lumped_clock_m=lumped_m.shape)
    return -SPEED_OF_LIGHT_MPS * clock_s - lumped_m


def arrival_directions(
    sat_pos_ecef_m: Float[ArrayLike, "*#batch sat 3"],
    surface_pos_ecef_m: Float[ArrayLike, "*#batch 3"],
) -> Float[np.ndarray, "... 3"]:
    """e_i, unit vectors from the surface to the satellites."""
    satellites = check_positions("sat_pos_ecef_m", sat_pos_ecef_m)
    surface = check_positions("surface_pos_ecef_m", surface_pos_ecef_m)
    common_shape(sat_pos_ecef_m=satellites.shape[:-1], surface_pos_ecef_m=(*surface.shape[:-1], 1))
    offset_m = satellites - surface[..., None, :]
    return offset_m / np.sqrt(np.sum(offset_m**2, axis=-1, keepdims=True))


def angle_cosine(
    arrival: Float[ArrayLike, "*#batch sat 3"], departure: Float[ArrayLike, "*#batch 3"]
) -> Float[np.ndarray, "..."]:
    """chi_i = e_i . u, cosine of the angle at the surface between satellite and receiver.

    Args:
        arrival: e_i, unit vectors from the surface to the satellites.
        departure: u, unit vector from the surface to the receiver.
    """
    e, u = check_directions("arrival", arrival), check_directions("departure", departure)
    if e.ndim < 2:
        raise LeopntError(f"arrival has shape {e.shape}; accepted: (..., sat, 3).")
    common_shape(arrival=e.shape[:-2], departure=u.shape[:-1])
    return np.clip(np.sum(e * u[..., None, :], axis=-1), -1.0, 1.0)


def reflection_cosine(
    arrival_polar_rad: Numbers, departure_polar_rad: Numbers, azimuth_difference_rad: Numbers
) -> Found:
    """Chi of a reflecting panel from angles in its own frame.

        chi = cos t_a cos t_d + sin t_a sin t_d cos(psi_a - psi_d)

    Args:
        arrival_polar_rad, departure_polar_rad: t_a and t_d, from the normal.
        azimuth_difference_rad: psi_a - psi_d, in the plane of the panel.
    """
    cosine, sine = _products(arrival_polar_rad, departure_polar_rad, azimuth_difference_rad)
    return cosine + sine


def transmission_cosine(
    arrival_polar_rad: Numbers, departure_polar_rad: Numbers, azimuth_difference_rad: Numbers
) -> Found:
    """Chi of a transmitting panel, t_d from the normal of its back.

    chi = -cos t_a cos t_d + sin t_a sin t_d cos(psi_a - psi_d)
    """
    cosine, sine = _products(arrival_polar_rad, departure_polar_rad, azimuth_difference_rad)
    return -cosine + sine


def seed_reflection_cosine(arrival_polar_rad: Numbers, departure_polar_rad: Numbers) -> Found:
    """Chi = cos(t_a + t_d), the published form: right only where psi_a - psi_d = pi.

    Source: [zhang-astars] eq. 21a, 21c.
    """
    return reflection_cosine(arrival_polar_rad, departure_polar_rad, np.pi)


def seed_transmission_cosine(arrival_polar_rad: Numbers, departure_polar_rad: Numbers) -> Found:
    """Chi = cos(pi - t_a + t_d), the published form: right only where psi_a - psi_d = pi.

    Source: [zhang-astars] eq. 21b, 21c.
    """
    return transmission_cosine(arrival_polar_rad, departure_polar_rad, np.pi)


def corrected_range(
    range_m: Float[ArrayLike, "..."], elos_m: Numbers, chi: Float[ArrayLike, "..."]
) -> Found:
    """Range from satellite to receiver, rho^2 = r_i^2 + r^2 - 2 r_i r chi.

    Computed as sqrt((r_i - r chi)^2 + r^2 (1 - chi^2)), which cancels nothing.

    Args:
        range_m: r_i = |s_i - S|.
        elos_m: r = |U - S|, of a shape that broadcasts with the others.
        chi: see `angle_cosine`.

    Raises:
        LeopntError: |chi| above 1, a distance not above zero.

    Source: [zhang-astars] eq. 22.
    """
    ranges, elos, cosine = _triangle(range_m, elos_m, chi)
    return np.sqrt((ranges - elos * cosine) ** 2 + elos**2 * (1.0 - cosine**2))


def plane_wave_range(
    range_m: Float[ArrayLike, "..."], elos_m: Numbers, chi: Float[ArrayLike, "..."]
) -> Found:
    """Rho = r_i - r chi + r^2 (1 - chi^2) / (2 r_i), to second order in the last leg."""
    ranges, elos, cosine = _triangle(range_m, elos_m, chi)
    return ranges - elos * cosine + elos**2 * (1.0 - cosine**2) / (2.0 * ranges)


def check_reflecting(
    normal: Float[ArrayLike, "3"],
    arrival: Float[ArrayLike, "*#batch sat 3"],
    departure: Float[ArrayLike, "*#batch 3"],
) -> None:
    """Refuse what a panel that only reflects cannot serve.

    Raises:
        LeopntError: a satellite or the receiver is not in front of the panel.
    """
    front = _check_satellites_in_front(normal, arrival)
    cosine = np.sum(check_directions("departure", departure) * front, axis=-1)
    if np.any(cosine <= 0.0):
        raise LeopntError(
            f"departure: the receiver is behind the panel (cosine {float(np.min(cosine)):.3g}); "
            "one that only reflects serves its front."
        )


def check_transmitting(
    normal: Float[ArrayLike, "3"],
    arrival: Float[ArrayLike, "*#batch sat 3"],
    departure: Float[ArrayLike, "*#batch 3"],
) -> None:
    """Refuse what a panel that only transmits cannot serve.

    Raises:
        LeopntError: a satellite is not in front of the panel, or the receiver not behind it.
    """
    front = _check_satellites_in_front(normal, arrival)
    cosine = np.sum(check_directions("departure", departure) * front, axis=-1)
    if np.any(cosine >= 0.0):
        raise LeopntError(
            f"departure: the receiver is in front of the panel (cosine {float(np.max(cosine)):.3g})"
            "; one that only transmits serves its back."
        )


def _triangle(range_m, elos_m, chi):
    ranges, elos = check_above_zero("range_m", range_m), check_above_zero("elos_m", elos_m)
    cosine = check_cosine(chi)
    common_shape(range_m=ranges.shape, elos_m=elos.shape, chi=cosine.shape)
    return ranges, elos, cosine


def _check_satellites_in_front(normal, arrival) -> Float[np.ndarray, "3"]:
    front = check_directions("normal", normal)
    cosine = np.sum(check_directions("arrival", arrival) * front, axis=-1)
    if np.any(cosine <= 0.0):
        raise LeopntError(
            f"arrival: satellite {int(np.argmin(cosine.reshape(-1)) % cosine.shape[-1])} is behind "
            f"the panel (cosine {float(np.min(cosine)):.3g}); expected satellites in front."
        )
    return front


def _products(arrival_polar_rad, departure_polar_rad, azimuth_difference_rad):
    a = finite_array("arrival_polar_rad", arrival_polar_rad)
    d = finite_array("departure_polar_rad", departure_polar_rad)
    psi = finite_array("azimuth_difference_rad", azimuth_difference_rad)
    common_shape(
        arrival_polar_rad=a.shape, departure_polar_rad=d.shape, azimuth_difference_rad=psi.shape
    )
    return np.cos(a) * np.cos(d), np.sin(a) * np.sin(d) * np.cos(psi)
