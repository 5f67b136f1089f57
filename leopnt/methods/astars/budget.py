"""Where the error of a position through a surface comes from, one source at a time."""

from __future__ import annotations

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.methods.astars.inputs import check_above_zero, check_not_negative, finite_array

Numbers = Float[ArrayLike, "..."] | float | int
Found = Float[np.ndarray | np.floating, "..."]


def phase_error_m(phase_error_rad: Numbers, wavelength_m: Numbers) -> Found:
    """Range error of a phase error, theta lambda / (2 pi).

    Args:
        phase_error_rad: of the composite phase of the whole panel, not of one element.

    Source: [zhang-astars] eq. 27.
    """
    phase = finite_array("phase_error_rad", phase_error_rad)
    return phase * check_above_zero("wavelength_m", wavelength_m) / (2.0 * np.pi)


def beam_width_rad(wavelength_m: Numbers, elements_per_row: Numbers, spacing_m: Numbers) -> Found:
    """Width between nulls of the beam toward the receiver, 2 lambda / (e d).

    Source: [zhang-astars] eq. 28.
    """
    return 2.0 * _half_width(wavelength_m, elements_per_row, spacing_m)


def beam_radius_m(
    elos_m: Numbers, wavelength_m: Numbers, elements_per_row: Numbers, spacing_m: Numbers
) -> Found:
    """Radius of the beam's spot at the receiver, dp = r tan(lambda / (e d)).

    Source: [zhang-astars] eq. 29.
    """
    half = _half_width(wavelength_m, elements_per_row, spacing_m)
    return check_above_zero("elos_m", elos_m) * np.tan(half)


def seed_beam_error_m(radius_m: Numbers) -> Found:
    """Mean error where the radius is uniform in [0, dp]: dp / 2.

    Source: [zhang-astars] eq. 30-31.
    """
    return check_above_zero("radius_m", radius_m) / 2.0


def disc_beam_error_m(radius_m: Numbers) -> Found:
    """Mean error where the place is uniform over the spot: 2 dp / 3."""
    return check_above_zero("radius_m", radius_m) * 2.0 / 3.0


def beam_aod_sigma_rad(
    wavelength_m: Numbers, elements_per_row: Numbers, spacing_m: Numbers
) -> Found:
    """Direction error on each of two axes that goes with `seed_beam_error_m`.

    A radius uniform in [0, dp] is dp / sqrt(3) rms, which is lambda / (e d) / sqrt(6) per axis.
    """
    return _half_width(wavelength_m, elements_per_row, spacing_m) / np.sqrt(6.0)


def sync_gamma_s(largest_offset_s: Numbers, drift_s: Numbers, updates_per_s: Numbers) -> Found:
    """Error of the network time, max |delta| + v / sqrt(f), in consistent units.

    Args:
        largest_offset_s: max |delta|.
        drift_s: v, such as 1e-8 s.
        updates_per_s: f, synchronizations a second.
    """
    offset, drift, rate = _sync(largest_offset_s, drift_s, updates_per_s)
    return offset + drift / np.sqrt(rate)


def seed_gamma_s(largest_offset_s: Numbers, drift_s: Numbers, updates_per_s: Numbers) -> Found:
    """Error of the network time as published, max |delta| + v^2 / f.

    Adds a variance over a rate to a time; v = 1e-4 s in the paper.

    Source: [zhang-astars] eq. 32.
    """
    offset, drift, rate = _sync(largest_offset_s, drift_s, updates_per_s)
    return offset + drift**2 / rate


def sync_error_m(gamma_s: Numbers) -> Found:
    """Error along the last leg of an error of the network time, c gamma.

    Source: [zhang-astars] eq. 33.
    """
    return SPEED_OF_LIGHT_MPS * finite_array("gamma_s", gamma_s)


def quantized_angle_sigma_m(elos_m: Numbers, step_rad: Numbers) -> Found:
    """Error across the last leg of angles rounded to a step, r Delta / sqrt(12)."""
    step = check_above_zero("step_rad", step_rad)
    return check_above_zero("elos_m", elos_m) * step / np.sqrt(12.0)


def quantized_phase_sigma_m(wavelength_m: Numbers, step_rad: Numbers) -> Found:
    """Range error of phases rounded to a step, lambda Delta / (2 pi sqrt(12))."""
    return phase_error_m(check_above_zero("step_rad", step_rad), wavelength_m) / np.sqrt(12.0)


def seed_total_error_m(
    phase_m: Numbers, beam_m: Numbers, sync_m: Numbers, sigma_position_m: Numbers, dop: Numbers
) -> Found:
    """The published sum: phase + beam + sync + sigma_position DOP, [m].

    Adds means, standard deviations and a position error, and counts the DOP twice (sigma_position
    holds it): to be shown beside `two_step_covariance`, not instead.

    Source: [zhang-astars] eq. 37.
    """
    named = {"phase_m": phase_m, "beam_m": beam_m, "sync_m": sync_m}
    named |= {"sigma_position_m": sigma_position_m, "dop": dop}
    phase, beam, sync, position, dilution = (check_not_negative(k, v) for k, v in named.items())
    return phase + beam + sync + position * dilution


def _half_width(wavelength_m, elements_per_row, spacing_m) -> Found:
    wavelength = check_above_zero("wavelength_m", wavelength_m)
    count = check_above_zero("elements_per_row", elements_per_row)
    return wavelength / (count * check_above_zero("spacing_m", spacing_m))


def _sync(largest_offset_s, drift_s, updates_per_s):
    return (
        check_not_negative("largest_offset_s", largest_offset_s),
        check_not_negative("drift_s", drift_s),
        check_above_zero("updates_per_s", updates_per_s),
    )
