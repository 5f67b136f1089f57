"""How well the curvature of a wave across a surface tells where it comes from: Fisher information.

A plane wave tells a direction. A curved one tells the range as well: its phase falls off from the
foot by x^2 / (2 r), which fades with the square of the distance.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_count, check_positive
from leopnt.antennas._leading_axes import over_leading_axes
from leopnt.antennas._surface_inputs import check_points, check_wavelength
from leopnt.antennas.surface_relay import path_excess_one
from leopnt.antennas.surfaces import ActiveSurface

Number = Float[Array, ""] | float

_LEAST_DETERMINANT = 1e-12
"""Of information with a diagonal of ones, where rounding leaves 1e-16 of a singular one."""


class NearFieldBound(NamedTuple):
    """Cramer-Rao bound of a source in polar coordinates about the centroid.

    Attributes:
        information: of (range [m], angle along `tangents[0]`, angle along `tangents[1]` [rad]).
        covariance: its inverse.
        tangents: the directions across the line of sight, ECEF, first the row axis projected.
        range_sigma_m: of the range.
        angle_sigma_rad: of both angles.
        position_covariance_m2: of the position, ECEF.
    """

    information: Float[Array, "... 3 3"]
    covariance: Float[Array, "... 3 3"]
    tangents: Float[Array, "... 2 3"]
    range_sigma_m: Float[Array, "..."]
    angle_sigma_rad: Float[Array, "... 2"]
    position_covariance_m2: Float[Array, "... 3 3"]


def near_field_bound(
    surface: ActiveSurface,
    source_pos_ecef_m: Float[ArrayLike, "*batch 3"],
    wavelength_m: Number,
    snr: Number,
) -> NearFieldBound:
    """Bound of range and direction from the phases of all elements.

        y_k = A exp(j (theta - 2 pi |U - p_k| / lambda)) + n_k
        J = 2 snr (2 pi / lambda)^2 sum_k (g_k - mean g)(g_k - mean g)^T,   g_k = d|U - p_k|

    Amplitude A and phase theta are unknown and the same at all elements; A tells nothing. On a
    panel, y_k is what it measures of a signal from the receiver, or what the receiver finds of each
    element after as many profiles as elements have been switched through.

    Args:
        source_pos_ecef_m: U. Where the panel cannot tell three coordinates (two rows and two
            columns seen along the normal, for example), the covariance is NaN.
        snr: A^2 / E|n_k|^2 of one element, all its snapshots together.

    Raises:
        LeopntError: a panel of one row or one column.

    For a square of side D, far away on the normal, with K elements:

        sigma_angle^2 = 6 / (snr K) (lambda / (2 pi D))^2
        sigma_range^2 = 45 / (snr K) (lambda r^2 / (pi D^2))^2

    Source: the phase model of [zhang-astars] with a spherical wave; [kay-1993] sec. 15.7.
    """
    points = check_points("source_pos_ecef_m", source_pos_ecef_m)
    check_wavelength(wavelength_m)
    check_positive("", snr=snr)
    check_count(2, num_rows=surface.num_rows, num_columns=surface.num_columns)
    return over_leading_axes(_bound, (surface, wavelength_m, snr), source_pos_ecef_m=points)


def _bound(surface, wavelength_m, snr, point) -> NearFieldBound:
    axes, slopes = _polar_slopes(surface, point)
    centered = slopes - jnp.mean(slopes, axis=0, keepdims=True)
    scale = 2.0 * snr * (2.0 * jnp.pi / wavelength_m) ** 2
    information = scale * jnp.sum(centered[:, :, None] * centered[:, None, :], axis=0)
    # What is the same at all elements but for rounding of positions, 1e-9 m, tells nothing.
    is_told = jnp.diagonal(information) > 1e-18 * scale * jnp.sum(slopes**2, axis=0)
    covariance = _inverse(jnp.where(jnp.all(is_told), information, jnp.nan))
    sigma = jnp.sqrt(jnp.diagonal(covariance))
    range_m = jnp.sqrt(jnp.sum((point - jnp.asarray(surface.centroid_ecef_m)) ** 2))
    steps = axes * jnp.stack([jnp.ones(()), range_m, range_m])[:, None]
    position = steps.T @ covariance @ steps
    return NearFieldBound(information, covariance, axes[1:], sigma[0], sigma[1:], position)


def _polar_slopes(surface, point) -> tuple[Float[Array, "3 3"], Float[Array, "ant 3"]]:
    """Line of sight and tangents as rows; change of |U - p_k| by range and by both angles.

    By range, less the same for all elements: u . u_k - 1 = -|u_k - u|^2 / 2.
    """
    center = point - jnp.asarray(surface.centroid_ecef_m)
    range_m = jnp.sqrt(jnp.sum(center**2))
    sight, excess_m = center / range_m, path_excess_one(surface, point)
    # u_k - u = -(o_k + u (r_k - r)) / r_k, without the difference of two unit vectors.
    turned = surface.offsets_m() + sight[None, :] * excess_m[:, None]
    turned = -turned / (range_m + excess_m)[:, None]
    axes = jnp.stack([sight, *_tangents(surface, sight)])
    by_range = -0.5 * jnp.sum(turned**2, axis=1)
    across = turned @ axes[1:].T
    return axes, jnp.concatenate([by_range[:, None], range_m * across], axis=1)


def _tangents(surface, sight) -> tuple[Float[Array, "3"], Float[Array, "3"]]:
    row_axis = jnp.asarray(surface.row_axis)
    first = row_axis - sight * jnp.sum(row_axis * sight)
    first = first / jnp.sqrt(jnp.sum(first**2))
    return first, jnp.cross(sight, first)


def _inverse(matrix: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """Inverse of a positive definite matrix, scaled to a diagonal of ones, by cofactors.

    NaN where it is singular to rounding.
    """
    scale = 1.0 / jnp.sqrt(jnp.diagonal(matrix))
    a, b, c = matrix * scale[:, None] * scale[None, :]
    cofactors = jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)])
    determinant = jnp.sum(a * cofactors[0])
    determinant = jnp.where(determinant > _LEAST_DETERMINANT, determinant, jnp.nan)
    return cofactors / determinant * scale[:, None] * scale[None, :]
