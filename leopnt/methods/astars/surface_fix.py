"""LS-1: where the surface is, and the clock lumped with the last leg, from phases relayed by it."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from leopnt.constants import EARTH_EQUATORIAL_RADIUS_M
from leopnt.inference.closed_form import BancroftRoots, bancroft
from leopnt.methods.astars.batches import TILE, over_batch
from leopnt.methods.astars.inputs import (
    broadcast,
    check_mask,
    check_ranges,
    check_satellites,
    check_weights,
    common_shape,
)
from leopnt.methods.astars.ranging import fix_ranges
from leopnt.methods.astars.status import AstarsStatus

PLAUSIBLE_HEIGHTS_M = (-1e3, 1e4)
"""A surface stands between these heights above the ellipsoid."""


class SurfaceFix(eqx.Module):
    """A surface and the lumped clock. NaN where the status is not ok.

    Attributes:
        surface_pos_ecef_m: S.
        lumped_clock_m: b = c T_u - |U - S|, T_u positive where the receiver's clock is slow.
        cofactor: Q_4 = (A^T W A)^-1 of (S, b); sigma^2 Q_4 is their covariance.
        range_m: r_i = |s_i - S|.
        residual_m: L_i - (r_i - b).
        condition: of the weighted design matrix.
        num_iterations, step_m: steps taken, and the length of the last one.
        status: `AstarsStatus[fix.status]` is the sentence.
    """

    surface_pos_ecef_m: Float[Array | np.ndarray, "*batch 3"]
    lumped_clock_m: Float[Array | np.ndarray, "*batch"]
    cofactor: Float[Array | np.ndarray, "*batch 4 4"]
    range_m: Float[Array | np.ndarray, "*batch sat"]
    residual_m: Float[Array | np.ndarray, "*batch sat"]
    condition: Float[Array | np.ndarray, "*batch"]
    num_iterations: Int[Array | np.ndarray, "*batch"]
    step_m: Float[Array | np.ndarray, "*batch"]
    status: AstarsStatus


def surface_fix(
    sat_pos_ecef_m: Float[ArrayLike, "*#batch sat 3"],
    range_m: Float[ArrayLike, "*#batch sat"],
    *,
    weight: Float[ArrayLike, "*#batch sat"] | None = None,
    visible: Bool[ArrayLike, "*#batch sat"] | None = None,
    tile: int = TILE,
    threads: int | None = None,
) -> SurfaceFix:
    """Surface and lumped clock from four or more ranges relayed by one surface.

        L_i = |s_i - S| + |U - S| - c T_u = r_i - b

    Starts from Bancroft's closed form, at its root between -1 km and 10 km above the ellipsoid or
    else nearest to it: a start at the Earth's center fails for LEO. Four ranges may fit two places:
    where both are that high the status is `two_places`, and `inference.bancroft` has both. All that
    the ranges tell of the receiver is b.

    The iteration ends within 1e-6 m, or 2e-8 m sqrt(w trace Q_4) where that is more, of the least
    squares, w the largest weight: rounding, not noise.

    Args:
        sat_pos_ecef_m: at transmission, in the axes of the epoch of reception.
        range_m: L, see `ranges_of_phases`.
        weight: the variance of range i is sigma^2 / weight_i; default: ones.
        visible: False marks padding.
        tile, threads: of the batch, see `inference.batch_map`.

    Raises:
        LeopntError: bad satellites or ranges (`inputs`), fewer than four.

    Source: [zhang-astars] eq. 13-18, with the signs corrected and b in place of a time.
    """
    satellites = check_satellites(sat_pos_ecef_m, 4)
    ranges = check_ranges("range_m", range_m, satellites)
    batch = common_shape(sat_pos_ecef_m=satellites.shape[:-2], range_m=ranges.shape[:-1])
    shape = (*batch, satellites.shape[-2])
    return over_batch(
        surface_fix_one,
        batch,
        broadcast("sat_pos_ecef_m", satellites, (*shape, 3)),
        broadcast("range_m", ranges, shape),
        check_weights(weight, shape),
        check_mask(visible, shape),
        tile=tile,
        threads=threads,
    )


def surface_fix_one(
    sat_pos_ecef_m: Float[Array, "sat 3"],
    range_m: Float[Array, " sat"],
    weight: Float[Array, " sat"],
    visible: Bool[Array, " sat"],
) -> SurfaceFix:
    """`surface_fix` of one set, unchecked and traceable: for kernels that others batch."""
    roots = bancroft(sat_pos_ecef_m, range_m, visible)
    plausible = _plausible(roots)
    second = plausible[1] & ~plausible[0]
    pairs = (roots.rx_pos_ecef_m, roots.clock_bias_m)
    place, clock_m = (jnp.where(second, pair[1], pair[0]) for pair in pairs)
    start = jnp.append(place, -clock_m)
    below = _below_the_satellites(sat_pos_ecef_m, range_m, visible)
    rooted = jnp.all(jnp.isfinite(start))
    found = fix_ranges(sat_pos_ecef_m, range_m, weight, visible, jnp.where(rooted, start, below))
    # Neither a closed form nor an end of the iteration: nothing determines the surface.
    lost = ~rooted & (found.status == AstarsStatus.not_converged)
    status = AstarsStatus.where(lost, AstarsStatus.weak_geometry, found.status)
    # Four ranges fit both roots; more of them only one.
    two = jnp.all(plausible) & (jnp.sum(visible) == 4) & (status == AstarsStatus.ok)
    blank = jnp.where(two, jnp.nan, 1.0)
    return SurfaceFix(
        blank * found.values[:3],
        blank * found.values[3],
        blank * found.cofactor,
        blank * found.range_m,
        blank * found.residual_m,
        found.condition,
        found.num_iterations,
        found.step_m,
        AstarsStatus.where(two, AstarsStatus.two_places, status),
    )


def _plausible(roots: BancroftRoots) -> Bool[Array, "2"]:
    """Which roots stand where a surface may stand."""
    low, high = PLAUSIBLE_HEIGHTS_M
    return roots.solves & (roots.height_m > low) & (roots.height_m < high)


def _below_the_satellites(sat_pos_ecef_m, range_m, visible) -> Float[Array, "4"]:
    """A start where Bancroft's quadratic has no real root: the mean sub-satellite direction."""
    mean = jnp.sum(jnp.where(visible[:, None], sat_pos_ecef_m, 0.0), axis=0)
    length = jnp.sqrt(jnp.sum(mean * mean))
    ground = EARTH_EQUATORIAL_RADIUS_M * mean / jnp.where(length > 0, length, 1.0)
    away = jnp.sqrt(jnp.sum((sat_pos_ecef_m - ground[None, :]) ** 2, axis=1))
    count = jnp.maximum(jnp.sum(visible), 1)
    return jnp.append(ground, jnp.sum(jnp.where(visible, away - range_m, 0.0)) / count)
