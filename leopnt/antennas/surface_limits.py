"""Lengths and angles that limit a surface: grating lobes, near field, focal spot."""

from __future__ import annotations

import warnings

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_positive
from leopnt.antennas._surface_inputs import is_known, numbers
from leopnt.antennas.surfaces import ActiveSurface
from leopnt.errors import LeopntError, LeopntWarning

Number = Float[Array, ""] | float


def scan_limit_rad(spacing_m: Number, wavelength_m: Number) -> Float[Array, ""]:
    """Largest angle off the normal without a grating lobe, arcsin(lambda / d - 1).

    pi/2 where d <= lambda/2, 0 where d >= lambda. In a plane along a row or column, the worst.
    """
    check_positive("m", spacing_m=spacing_m, wavelength_m=wavelength_m)
    return jnp.arcsin(jnp.clip(wavelength_m / jnp.asarray(spacing_m, float) - 1.0, 0.0, 1.0))


def largest_spacing_m(
    wavelength_m: Float[Array | np.ndarray, " band"] | float,
) -> Float[Array, ""]:
    """Largest spacing without grating lobes in any direction, half the shortest wavelength."""
    found = numbers("wavelength_m", wavelength_m)
    if is_known(found) and not (found.size and np.all(np.asarray(found) > 0.0)):
        raise LeopntError(f"wavelength_m = {np.asarray(found)}: expected numbers above 0.")
    return 0.5 * jnp.min(found)


def near_field_distance_m(side_m: Number, wavelength_m: Number) -> Float[Array, ""]:
    """Distance below which a wave across the panel is curved, 2 D^2 / lambda.

    There the curvature is 1/16 wavelength at the ends of a side D.
    """
    check_positive("m", side_m=side_m, wavelength_m=wavelength_m)
    return 2.0 * jnp.asarray(side_m, float) ** 2 / wavelength_m


def focal_spot_m(side_m: Number, range_m: Number, wavelength_m: Number) -> Float[Array, ""]:
    """Distance from the peak of a focused spot to its first null, lambda r / D.

    Parallel to a side D, seen along the normal.
    """
    check_positive("m", side_m=side_m, range_m=range_m, wavelength_m=wavelength_m)
    return wavelength_m * jnp.asarray(range_m, float) / side_m


def warn_of_grating_lobes(surface: ActiveSurface, wavelength_m: Number) -> None:
    """Warn where elements are more than half a wavelength apart, with the scan limit.

    Says nothing inside compiled code.
    """
    check_positive("m", wavelength_m=wavelength_m)
    if not is_known(surface.spacing_m, wavelength_m):
        return
    spacing_m, half_m = float(surface.spacing_m), 0.5 * float(wavelength_m)
    if spacing_m <= half_m * (1.0 + 1e-12):
        return
    limit = np.degrees(float(scan_limit_rad(spacing_m, wavelength_m)))
    warnings.warn(
        f"spacing_m: {spacing_m:g} m is {0.5 * spacing_m / half_m:.2f} wavelengths, so grating "
        f"lobes appear beyond {limit:.1f} deg from the normal; {half_m:.3f} m or less has none.",
        LeopntWarning,
        stacklevel=3,
    )
