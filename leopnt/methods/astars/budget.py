"""Where the error of a position through a surface comes from, one source at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.methods.astars.covariance import two_step_covariance
from leopnt.methods.astars.inputs import (
    check_above_zero,
    check_not_negative,
    check_one_above_zero,
    common_shape,
    finite_array,
)

Numbers = Float[ArrayLike, "..."] | float | int
Found = Float[np.ndarray | np.floating, "..."]


class ErrorBudget(NamedTuple):
    """Covariance [m^2] of U in ECEF, and what each source adds to it; see `error_budget`."""

    total_m2: Float[np.ndarray, "*batch 3 3"]
    range_m2: Float[np.ndarray, "*batch 3 3"]
    phase_m2: Float[np.ndarray, "*batch 3 3"]
    phase_rounding_m2: Float[np.ndarray, "*batch 3 3"]
    sync_m2: Float[np.ndarray, "*batch 3 3"]
    aod_m2: Float[np.ndarray, "*batch 3 3"]
    angle_rounding_m2: Float[np.ndarray, "*batch 3 3"]
    dilution: Float[np.ndarray | np.floating, "*batch"]

    @property
    def sigma_m(self) -> dict[str, Float[np.ndarray | np.floating, "*batch"]]:
        """Root of the trace of the total and of each part; their squares add up."""
        parts = {name: one for name, one in self._asdict().items() if name.endswith("_m2")}
        return {
            name.removesuffix("_m2"): np.sqrt(np.trace(one, axis1=-2, axis2=-1))
            for name, one in parts.items()
        }


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


def error_budget(
    cofactor: Float[ArrayLike, "*#batch 4 4"],
    departure: Float[ArrayLike, "*#batch 3"],
    elos_m: Numbers,
    wavelength_m: float,
    *,
    sigma_range_m: Numbers = 0.0,
    sigma_phase_rad: Numbers = 0.0,
    phase_step_rad: Numbers = 0.0,
    sigma_sync_s: Numbers = 0.0,
    sigma_aod_rad: Numbers = 0.0,
    angle_step_rad: Numbers = 0.0,
) -> ErrorBudget:
    """All sources of error in one covariance of the receiver, U = S + (c T_u - b) u.

        P = (s_L^2 + (lambda / 2 pi)^2 (s_phi^2 + D_phi^2 / 12)) m Q_4 m^T
            + (c s_sync)^2 u u^T + r^2 (s_aod^2 + D_u^2 / 12) (I - u u^T),   m = [I_3, -u]

    The sources are independent of each other; those of ranges also from satellite to satellite
    (what all share is one with the clock, as an error of the network time).

    Args:
        cofactor: Q_4 of (S, b), see `surface_fix`: the geometry.
        departure: u, unit vector from the surface to the receiver.
        elos_m: r.
        sigma_range_m: s_L, of all that is no phase error of the surface: receiver, orbits, air.
        sigma_phase_rad: s_phi, of the composite phase of the panel, see `phase_error_m`.
        phase_step_rad: D_phi, the composite phase is rounded to; 0: not rounded.
        sigma_sync_s: of the network time, see `sync_gamma_s`.
        sigma_aod_rad: of u on each of two axes across it: `beam_aod_sigma_rad`, or the bound of an
            array (`inference.angle_bounds`).
        angle_step_rad: D_u, u is rounded to on each of these axes; 0: not rounded.

    Returns:
        the total, its parts, and the dilution sqrt(tr m Q_4 m^T) from a range to the receiver.

    Raises:
        LeopntError: as `two_step_covariance`; a negative sigma or step.

    Source: [zhang-astars] eq. 27-37, with variances in place of the sum `seed_total_error_m`.
    """
    named = {"sigma_range_m": sigma_range_m, "sigma_phase_rad": sigma_phase_rad}
    named |= {"phase_step_rad": phase_step_rad, "sigma_sync_s": sigma_sync_s}
    named |= {"sigma_aod_rad": sigma_aod_rad, "angle_step_rad": angle_step_rad}
    checked = {name: check_not_negative(name, value) for name, value in named.items()}
    one = two_step_covariance(cofactor, departure, elos_m, 1.0, 1.0, 1.0)
    batch = common_shape(
        geometry=one.total_m2.shape[:-2],
        **{name: value.shape for name, value in checked.items()},
    )
    per_rad_m = check_one_above_zero("wavelength_m", wavelength_m) / (2.0 * np.pi)
    rounded = 1.0 / np.sqrt(12.0)
    range_s, phase_s, phase_step, sync_s, aod_s, angle_step = checked.values()
    ranges = _scaled(one.ranges_m2, range_s, batch)
    phase = _scaled(one.ranges_m2, per_rad_m * phase_s, batch)
    phase_rounding = _scaled(one.ranges_m2, per_rad_m * rounded * phase_step, batch)
    sync = _scaled(one.sync_m2, sync_s, batch)
    aod = _scaled(one.aod_m2, aod_s, batch)
    angle_rounding = _scaled(one.aod_m2, rounded * angle_step, batch)
    return ErrorBudget(
        ranges + phase + phase_rounding + sync + aod + angle_rounding,
        ranges,
        phase,
        phase_rounding,
        sync,
        aod,
        angle_rounding,
        np.broadcast_to(np.sqrt(np.trace(one.ranges_m2, axis1=-2, axis2=-1)), batch),
    )


def seed_total_error_m(
    phase_m: Numbers, beam_m: Numbers, sync_m: Numbers, sigma_position_m: Numbers, dop: Numbers
) -> Found:
    """The published sum: phase + beam + sync + sigma_position DOP, [m].

    Adds means, standard deviations and a position error, and counts the DOP twice (sigma_position
    holds it): to be shown beside `error_budget`, not instead.

    Source: [zhang-astars] eq. 37.
    """
    named = {"phase_m": phase_m, "beam_m": beam_m, "sync_m": sync_m}
    named |= {"sigma_position_m": sigma_position_m, "dop": dop}
    phase, beam, sync, position, dilution = (check_not_negative(k, v) for k, v in named.items())
    return phase + beam + sync + position * dilution


def _scaled(unit_m2, sigma, batch: tuple[int, ...]) -> Float[np.ndarray, "*batch 3 3"]:
    """The covariance of a source from that of its unit."""
    return np.broadcast_to(sigma[..., None, None] ** 2 * unit_m2, (*batch, 3, 3))


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
