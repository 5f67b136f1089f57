"""Dilution of precision at the surface, in local axes or, as published, in ECEF axes."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from leopnt.frames import ecef_to_geodetic, enu_basis
from leopnt.geometry import Dop, dop_from_cofactor
from leopnt.inference.orthogonal import cofactor_of, orthogonalize
from leopnt.methods.astars.batches import over_batch
from leopnt.methods.astars.inputs import (
    broadcast,
    check_mask,
    check_positions,
    check_satellites,
    common_shape,
)
from leopnt.methods.astars.ranging import MAX_CONDITION

Axes = Callable[[Float[Array, "3"]], Float[Array, "3 3"]]
"""Position in ECEF -> rows: the two horizontal axes and the vertical one."""


def local_axes(pos_ecef_m: Float[Array, "3"]) -> Float[Array, "3 3"]:
    """East, north and up at a place, as rows."""
    lat_rad, lon_rad, _ = ecef_to_geodetic(pos_ecef_m)
    return enu_basis(lat_rad, lon_rad)


def seed_ecef_axes(pos_ecef_m: Float[Array, "3"]) -> Float[Array, "3 3"]:
    """ECEF x and y as horizontal, z as vertical: what the paper's numbers seem to be made with."""
    return jnp.eye(3)


def surface_dop(
    sat_pos_ecef_m: Float[ArrayLike, "*#batch sat 3"],
    surface_pos_ecef_m: Float[ArrayLike, "*#batch 3"],
    axes: Axes = local_axes,
    *,
    visible: Bool[ArrayLike, "*#batch sat"] | None = None,
) -> Dop:
    """DOP of four or more satellites at a surface; NaN where they do not determine it.

        Q = (G^T G)^-1,   rows of G: [e_i in the axes, 1]

    Args:
        axes: `local_axes`, or `seed_ecef_axes` for comparison with the paper.

    Source: [zhang-astars] eq. 34-35, with the diagonal of Q.
    """
    satellites = check_satellites(sat_pos_ecef_m, 4)
    surface = check_positions("surface_pos_ecef_m", surface_pos_ecef_m)
    batch = common_shape(
        sat_pos_ecef_m=satellites.shape[:-2], surface_pos_ecef_m=surface.shape[:-1]
    )
    shape = (*batch, satellites.shape[-2])
    return over_batch(
        _kernel_of(axes),
        batch,
        broadcast("sat_pos_ecef_m", satellites, (*shape, 3)),
        broadcast("surface_pos_ecef_m", surface, (*batch, 3)),
        check_mask(visible, shape),
    )


@functools.lru_cache(maxsize=64)
def _kernel_of(axes: Axes) -> Callable:
    """One kernel for each choice of axes, so that it is compiled once."""
    return functools.partial(_dop_one, axes)


def _dop_one(axes: Axes, sat_pos_ecef_m, surface_pos_ecef_m, visible) -> Dop:
    offset_m = (sat_pos_ecef_m - surface_pos_ecef_m[None, :]) @ axes(surface_pos_ecef_m).T
    distance_m = jnp.sqrt(jnp.sum(offset_m**2, axis=1))
    unit = jnp.where(visible[:, None], offset_m / distance_m[:, None], 0.0)
    ones = jnp.where(visible, 1.0, 0.0)
    found = orthogonalize([unit[:, 0], unit[:, 1], unit[:, 2], ones], jnp.zeros_like(ones))
    cofactor = cofactor_of(found.root)
    good = found.regular & (jnp.trace(cofactor) < MAX_CONDITION**2) & (jnp.sum(visible) >= 4)
    return dop_from_cofactor(jnp.where(good, cofactor, jnp.nan))
