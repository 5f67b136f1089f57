"""LS-2 and its closed form: the receiver, from ranges corrected for the detour by the surface."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.methods.astars.batches import TILE, over_batch
from leopnt.methods.astars.inputs import (
    broadcast,
    check_directions,
    check_mask,
    check_positions,
    check_ranges,
    check_satellites,
    check_weights,
    common_shape,
    finite_array,
)
from leopnt.methods.astars.ranging import RangeFix, fix_ranges
from leopnt.methods.astars.status import AstarsStatus


class ReceiverFix(eqx.Module):
    """A receiver. NaN where the status is not ok.

    Attributes:
        rx_pos_ecef_m: U.
        range_offset_m: common offset of the ranges, where it was an unknown; else 0.
        cofactor: (A^T W A)^-1 of U, or of U and the offset.
        residual_m: corrected range minus |s_i - U| (and minus the offset).
        condition, num_iterations, step_m, status: as `SurfaceFix`.
    """

    rx_pos_ecef_m: Float[Array | np.ndarray, "*batch 3"]
    range_offset_m: Float[Array | np.ndarray, "*batch"]
    cofactor: Float[Array | np.ndarray, "*batch param param"]
    residual_m: Float[Array | np.ndarray, "*batch sat"]
    condition: Float[Array | np.ndarray, "*batch"]
    num_iterations: Int[Array | np.ndarray, "*batch"]
    step_m: Float[Array | np.ndarray, "*batch"]
    status: AstarsStatus


def receiver_fix(
    sat_pos_ecef_m: Float[ArrayLike, "*#batch sat 3"],
    corrected_m: Float[ArrayLike, "*#batch sat"],
    start_ecef_m: Float[ArrayLike, "*#batch 3"],
    *,
    weight: Float[ArrayLike, "*#batch sat"] | None = None,
    visible: Bool[ArrayLike, "*#batch sat"] | None = None,
    tile: int = TILE,
    threads: int | None = None,
) -> ReceiverFix:
    """Receiver from three or more corrected ranges, rho_i = |s_i - U|.

    Where all corrections come from one direction, `receiver_polar` gives the same, whatever the
    number of satellites and whatever the error of the network time; this one is for a direction of
    its own for each satellite.

    Args:
        corrected_m: rho, see `corrected_range`.
        start_ecef_m: the surface.
        Others as `surface_fix`.

    Raises:
        LeopntError: bad satellites or ranges (`inputs`), fewer than three.

    Source: [zhang-astars] eq. 23-24, with the sign corrected.
    """
    batch, arguments = _arguments(sat_pos_ecef_m, corrected_m, start_ecef_m, weight, visible, 3)
    return over_batch(receiver_fix_one, batch, *arguments, tile=tile, threads=threads)


def receiver_fix_with_offset(
    sat_pos_ecef_m: Float[ArrayLike, "*#batch sat 3"],
    corrected_m: Float[ArrayLike, "*#batch sat"],
    start_ecef_m: Float[ArrayLike, "*#batch 3"],
    *,
    weight: Float[ArrayLike, "*#batch sat"] | None = None,
    visible: Bool[ArrayLike, "*#batch sat"] | None = None,
    tile: int = TILE,
    threads: int | None = None,
) -> ReceiverFix:
    """As `receiver_fix` with a common offset of the ranges as fourth unknown.

    It does not absorb an error of the network time, which enters each range by its own cosine; it
    costs geometry. Needs four satellites.
    """
    batch, arguments = _arguments(sat_pos_ecef_m, corrected_m, start_ecef_m, weight, visible, 4)
    return over_batch(_with_offset_one, batch, *arguments, tile=tile, threads=threads)


def receiver_polar(
    surface_pos_ecef_m: Float[ArrayLike, "*#batch 3"],
    elos_m: Float[ArrayLike, "*#batch"],
    departure: Float[ArrayLike, "*#batch 3"],
) -> Float[np.ndarray, "... 3"]:
    """U = S + r u: what `receiver_fix` returns where one direction corrected all ranges.

    Args:
        elos_m: r, the last leg.
        departure: u, unit vector from surface to receiver.

    Raises:
        LeopntError: not finite, no unit vector, or r not above zero.
    """
    surface = check_positions("surface_pos_ecef_m", surface_pos_ecef_m)
    direction = check_directions("departure", departure)
    distance = finite_array("elos_m", elos_m)
    if not np.all(distance > 0.0):
        raise LeopntError(
            f"elos_m = {float(np.min(distance)):g}: expected a distance above 0; a network time of "
            "the wrong sign?"
        )
    common_shape(
        surface_pos_ecef_m=surface.shape[:-1],
        elos_m=distance.shape,
        departure=direction.shape[:-1],
    )
    return surface + distance[..., None] * direction


def receiver_fix_one(
    sat_pos_ecef_m: Float[Array, "sat 3"],
    corrected_m: Float[Array, " sat"],
    start_ecef_m: Float[Array, "3"],
    weight: Float[Array, " sat"],
    visible: Bool[Array, " sat"],
) -> ReceiverFix:
    """`receiver_fix` of one set, unchecked and traceable."""
    found = fix_ranges(sat_pos_ecef_m, corrected_m, weight, visible, start_ecef_m)
    return _fix(found, 0.0 * found.condition)


def _with_offset_one(sat_pos_ecef_m, corrected_m, start_ecef_m, weight, visible) -> ReceiverFix:
    start = jnp.append(start_ecef_m, 0.0)
    found = fix_ranges(sat_pos_ecef_m, corrected_m, weight, visible, start)
    return _fix(found, -found.values[3])


def _fix(found: RangeFix, offset_m: Float[Array, ""]) -> ReceiverFix:
    return ReceiverFix(
        found.values[:3],
        offset_m,
        found.cofactor,
        found.residual_m,
        found.condition,
        found.num_iterations,
        found.step_m,
        found.status,
    )


def _arguments(sat_pos_ecef_m, corrected_m, start_ecef_m, weight, visible, least: int):
    satellites = check_satellites(sat_pos_ecef_m, least)
    ranges = check_ranges("corrected_m", corrected_m, satellites)
    start = check_positions("start_ecef_m", start_ecef_m)
    batch = common_shape(
        sat_pos_ecef_m=satellites.shape[:-2],
        corrected_m=ranges.shape[:-1],
        start_ecef_m=start.shape[:-1],
    )
    shape = (*batch, satellites.shape[-2])
    return batch, (
        broadcast("sat_pos_ecef_m", satellites, (*shape, 3)),
        broadcast("corrected_m", ranges, shape),
        broadcast("start_ecef_m", start, (*batch, 3)),
        check_weights(weight, shape),
        check_mask(visible, shape),
    )
