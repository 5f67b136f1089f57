"""Several surveyed surfaces: how well they determine a receiver, and whether they do at all.

Each surface gives one number, its last leg plus the receiver's clock. Four of them determine the
receiver without network time and without any direction, as satellites would; three do with it.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from leopnt.errors import LeopntError
from leopnt.geometry import Dop
from leopnt.methods.astars.batches import over_batch
from leopnt.methods.astars.dop import local_axes
from leopnt.methods.astars.inputs import check_positions, common_shape
from leopnt.methods.astars.joint_model import (
    UNKNOWNS_OF_RECEIVER,
    Knowledge,
    RelayedPhases,
    numbers_about_receiver,
)
from leopnt.methods.astars.ranging import MAX_CONDITION
from leopnt.methods.astars.status import AstarsStatus


class ReceiverEquations(NamedTuple):
    """How many numbers tell of the receiver and its clock, which are four unknowns.

    num_surfaces: surfaces that relay a satellite, one number each, however many satellites.
    num_direct: satellites received directly, one each. num_directions: measured directions from
    such surfaces, two each. num_sync: 1 with network time. status: `receiver_hidden` where they
    are fewer than four, else ok (the geometry may still be weak).
    """

    num_surfaces: Int[np.ndarray, "*batch"]
    num_direct: Int[np.ndarray, "*batch"]
    num_directions: Int[np.ndarray, "*batch"]
    num_sync: Int[np.ndarray, "*batch"]
    status: AstarsStatus

    @property
    def total(self) -> Int[np.ndarray | np.integer, "*batch"]:
        """Numbers that tell of the receiver and its clock."""
        return self.num_surfaces + self.num_direct + 2 * self.num_directions + self.num_sync


def receiver_equations(phases: RelayedPhases, known: Knowledge) -> ReceiverEquations:
    """Count what tells of the receiver: a fix is hopeless where it is less than four.

    Surfaces are taken as surveyed, or found by four satellites of their own.
    """
    numbers = np.broadcast_arrays(*map(np.asarray, numbers_about_receiver(phases, known)))
    surfaces, direct, directions, sync = numbers
    enough = jnp.asarray(sum(numbers) >= UNKNOWNS_OF_RECEIVER)
    status = AstarsStatus.where(enough, AstarsStatus.ok, AstarsStatus.receiver_hidden)
    return ReceiverEquations(surfaces, direct, directions // 2, sync, status)


def surfaces_dop(
    surface_pos_ecef_m: Float[ArrayLike, "*#batch surface 3"],
    rx_pos_ecef_m: Float[ArrayLike, "*#batch 3"],
) -> Dop:
    """DOP of a receiver by four or more surveyed surfaces, its clock unknown; NaN where singular.

        Q = (G^T G)^-1,   rows of G: [u_k in east, north, up of the receiver, 1]

    u_k from surface k to the receiver; times the sigma of a relayed range it is the error.

    Raises:
        LeopntError: fewer than four surfaces, not finite, a surface at the receiver.
    """
    unit = _directions(surface_pos_ecef_m, rx_pos_ecef_m, 4)
    return _dop(np.concatenate([unit, np.ones((*unit.shape[:-1], 1))], axis=-1))


def surfaces_dop_synced(
    surface_pos_ecef_m: Float[ArrayLike, "*#batch surface 3"],
    rx_pos_ecef_m: Float[ArrayLike, "*#batch 3"],
) -> Dop:
    """As `surfaces_dop` with the clock known exactly: three surfaces suffice, TDOP is 0."""
    return _dop(_directions(surface_pos_ecef_m, rx_pos_ecef_m, 3))


def _directions(surface_pos_ecef_m, rx_pos_ecef_m, least: int) -> np.ndarray:
    """Unit vectors from the surfaces to the receiver, in its local axes."""
    surfaces = check_positions("surface_pos_ecef_m", surface_pos_ecef_m)
    receiver = check_positions("rx_pos_ecef_m", rx_pos_ecef_m)
    if surfaces.ndim < 2 or surfaces.shape[-2] < least:
        raise LeopntError(
            f"surface_pos_ecef_m has shape {surfaces.shape}; accepted: (..., surface, 3) with "
            f"{least} surfaces or more: each tells one number about the receiver."
        )
    common_shape(surface_pos_ecef_m=surfaces.shape[:-2], rx_pos_ecef_m=receiver.shape[:-1])
    offset_m = receiver[..., None, :] - surfaces
    distance_m = np.linalg.norm(offset_m, axis=-1, keepdims=True)
    if not np.all(distance_m > 0.0):
        raise LeopntError("surface_pos_ecef_m: a surface stands where the receiver is.")
    axes = over_batch(local_axes, receiver.shape[:-1], receiver)
    return (offset_m / distance_m) @ np.swapaxes(axes, -1, -2)


def _dop(rows: np.ndarray) -> Dop:
    """DOP of rows (..., surface, 3 or 4); without a column of the clock its variance is 0."""
    _, size, right = np.linalg.svd(rows, full_matrices=False)
    with np.errstate(divide="ignore"):
        inverse = np.where(size[..., -1:] * MAX_CONDITION > size[..., :1], 1.0, np.nan) / size
    variance = np.sum((np.swapaxes(right, -1, -2) * inverse[..., None, :]) ** 2, axis=-1)
    east, north, up = np.moveaxis(variance[..., :3], -1, 0)
    clock = variance[..., 3] if rows.shape[-1] == 4 else 0.0 * up
    horizontal, position = east + north, east + north + up
    values = (position + clock, position, horizontal, up, clock)
    return Dop(*(jnp.sqrt(jnp.asarray(value)) for value in values))
