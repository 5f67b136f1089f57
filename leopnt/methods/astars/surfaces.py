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
from leopnt.geometry import Dop, dop_from_cofactor
from leopnt.methods.astars.batches import over_batch
from leopnt.methods.astars.dop import local_axes
from leopnt.methods.astars.inputs import broadcast, check_positions, common_shape
from leopnt.methods.astars.joint_model import Knowledge, RelayedPhases
from leopnt.methods.astars.orthogonal import cofactor_of, orthogonalize
from leopnt.methods.astars.ranging import MAX_CONDITION
from leopnt.methods.astars.status import AstarsStatus

UNKNOWNS_OF_RECEIVER = 4


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
    def total(self) -> Int[np.ndarray, "*batch"]:
        """Numbers that tell of the receiver and its clock."""
        return self.num_surfaces + self.num_direct + 2 * self.num_directions + self.num_sync


def receiver_equations(phases: RelayedPhases, known: Knowledge) -> ReceiverEquations:
    """Count what tells of the receiver: a fix is hopeless where it is less than four.

    Surfaces are taken as surveyed, or found by four satellites of their own.
    """
    via = np.asarray(phases.links.via)
    used = np.any(via > 0.5, axis=-2)
    direct = np.sum(np.sum(via, axis=-1) < 0.5, axis=-1)
    directions = np.sum(used & np.isfinite(known.sigma_aod_rad), axis=-1)
    sync = np.isfinite(known.sigma_sync_s).astype(int)
    parts = np.broadcast_arrays(np.sum(used, axis=-1), direct, directions, sync)
    total = parts[0] + parts[1] + 2 * parts[2] + parts[3]
    enough = jnp.asarray(total >= UNKNOWNS_OF_RECEIVER)
    status = AstarsStatus.where(enough, AstarsStatus.ok, AstarsStatus.receiver_hidden)
    return ReceiverEquations(*parts, status)


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
    return _over_batch(_unsynced_one, surface_pos_ecef_m, rx_pos_ecef_m, 4)


def surfaces_dop_synced(
    surface_pos_ecef_m: Float[ArrayLike, "*#batch surface 3"],
    rx_pos_ecef_m: Float[ArrayLike, "*#batch 3"],
) -> Dop:
    """As `surfaces_dop` with the clock known exactly: three surfaces suffice, TDOP is 0."""
    return _over_batch(_synced_one, surface_pos_ecef_m, rx_pos_ecef_m, 3)


def _over_batch(kernel, surface_pos_ecef_m, rx_pos_ecef_m, least: int) -> Dop:
    surfaces = check_positions("surface_pos_ecef_m", surface_pos_ecef_m)
    receiver = check_positions("rx_pos_ecef_m", rx_pos_ecef_m)
    if surfaces.ndim < 2 or surfaces.shape[-2] < least:
        raise LeopntError(
            f"surface_pos_ecef_m has shape {surfaces.shape}; accepted: (..., surface, 3) with "
            f"{least} surfaces or more: each tells one number about the receiver."
        )
    offset_m = receiver[..., None, :] - surfaces
    if not np.all(np.any(offset_m != 0.0, axis=-1)):
        raise LeopntError("surface_pos_ecef_m: a surface stands where the receiver is.")
    batch = common_shape(surface_pos_ecef_m=surfaces.shape[:-2], rx_pos_ecef_m=receiver.shape[:-1])
    shape = (*batch, surfaces.shape[-2], 3)
    return over_batch(
        kernel,
        batch,
        broadcast("surface_pos_ecef_m", surfaces, shape),
        broadcast("rx_pos_ecef_m", receiver, (*batch, 3)),
    )


def _directions(surface_pos_ecef_m, rx_pos_ecef_m):
    offset_m = (rx_pos_ecef_m[None, :] - surface_pos_ecef_m) @ local_axes(rx_pos_ecef_m).T
    unit = offset_m / jnp.sqrt(jnp.sum(offset_m**2, axis=1))[:, None]
    return [unit[:, 0], unit[:, 1], unit[:, 2]]


def _unsynced_one(surface_pos_ecef_m, rx_pos_ecef_m) -> Dop:
    columns = _directions(surface_pos_ecef_m, rx_pos_ecef_m)
    return _dop([*columns, jnp.ones_like(columns[0])])


def _synced_one(surface_pos_ecef_m, rx_pos_ecef_m) -> Dop:
    return _dop(_directions(surface_pos_ecef_m, rx_pos_ecef_m))


def _dop(columns) -> Dop:
    found = orthogonalize(columns, jnp.zeros_like(columns[0]))
    cofactor = cofactor_of(found.root)
    good = found.regular & (jnp.trace(cofactor) < MAX_CONDITION**2)
    full = jnp.zeros((4, 4)).at[: len(columns), : len(columns)].set(cofactor)
    return dop_from_cofactor(jnp.where(good, full, jnp.nan))
