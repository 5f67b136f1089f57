"""The published chain: surface, last leg from network time, corrected ranges, receiver."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.methods.astars.batches import TILE, over_batch
from leopnt.methods.astars.inputs import (
    broadcast,
    check_directions,
    check_mask,
    check_ranges,
    check_satellites,
    check_weights,
    common_shape,
    finite_array,
)
from leopnt.methods.astars.receiver_fix import ReceiverFix, receiver_fix_one
from leopnt.methods.astars.status import AstarsStatus
from leopnt.methods.astars.surface_fix import SurfaceFix, surface_fix_one


class Chain(eqx.Module):
    """All that the chain computes on its way. NaN after the step that failed.

    Attributes:
        surface: LS-1.
        elos_m: r, distance from surface to receiver; as found where it is not above zero.
        arrival: e_i, unit vectors from the surface to the satellites.
        chi: e_i . u.
        corrected_m: rho_i.
        receiver: LS-2; its status is that of the chain.
        rx_pos_ecef_m: U, that of `receiver`.
        status: the first step that failed, or ok.
    """

    surface: SurfaceFix
    elos_m: Float[Array | np.ndarray, "*batch"]
    arrival: Float[Array | np.ndarray, "*batch sat 3"]
    chi: Float[Array | np.ndarray, "*batch sat"]
    corrected_m: Float[Array | np.ndarray, "*batch sat"]
    receiver: ReceiverFix
    rx_pos_ecef_m: Float[Array | np.ndarray, "*batch 3"]
    status: AstarsStatus


class PolarChain(NamedTuple):
    """The same position without LS-2; NaN where the status is not ok."""

    surface: SurfaceFix
    elos_m: Float[Array | np.ndarray, "*batch"]
    rx_pos_ecef_m: Float[Array | np.ndarray, "*batch 3"]
    status: AstarsStatus


def published_chain(
    sat_pos_ecef_m: Float[ArrayLike, "*#batch sat 3"],
    range_m: Float[ArrayLike, "*#batch sat"],
    network_clock_bias_s: Float[ArrayLike, "*#batch"] | float,
    departure: Float[ArrayLike, "*#batch 3"],
    *,
    weight: Float[ArrayLike, "*#batch sat"] | None = None,
    visible: Bool[ArrayLike, "*#batch sat"] | None = None,
    tile: int = TILE,
    threads: int | None = None,
) -> Chain:
    """Receiver position in four steps, every intermediate quantity returned.

    1. `surface_fix`: S and b.      2. r = c T_u - b.
    3. rho_i = sqrt(r_i^2 + r^2 - 2 r_i r chi_i), chi_i = e_i . u.      4. `receiver_fix`.

    Args:
        range_m: L, see `ranges_of_phases`.
        network_clock_bias_s: receiver clock minus system time, positive reads late: -T_u.
        departure: u, unit vector from the surface to the receiver.
        Others as `surface_fix`.

    Raises:
        LeopntError: as `surface_fix`; a direction that is no unit vector.

    Source: [zhang-astars] Sec. III, corrected.
    """
    batch, arguments = _arguments(
        sat_pos_ecef_m, range_m, network_clock_bias_s, departure, weight, visible
    )
    return over_batch(chain_one, batch, *arguments, tile=tile, threads=threads)


def polar_chain(
    sat_pos_ecef_m: Float[ArrayLike, "*#batch sat 3"],
    range_m: Float[ArrayLike, "*#batch sat"],
    network_clock_bias_s: Float[ArrayLike, "*#batch"] | float,
    departure: Float[ArrayLike, "*#batch 3"],
    *,
    weight: Float[ArrayLike, "*#batch sat"] | None = None,
    visible: Bool[ArrayLike, "*#batch sat"] | None = None,
    tile: int = TILE,
    threads: int | None = None,
) -> PolarChain:
    """The position of `published_chain` as U = S + r u: the same, and faster."""
    batch, arguments = _arguments(
        sat_pos_ecef_m, range_m, network_clock_bias_s, departure, weight, visible
    )
    return over_batch(polar_chain_one, batch, *arguments, tile=tile, threads=threads)


def chain_one(
    sat_pos_ecef_m: Float[Array, "sat 3"],
    range_m: Float[Array, " sat"],
    network_clock_bias_s: Float[Array, ""],
    departure: Float[Array, "3"],
    weight: Float[Array, " sat"],
    visible: Bool[Array, " sat"],
) -> Chain:
    """`published_chain` of one set, unchecked and traceable."""
    surface, elos_m, status = _last_leg(
        sat_pos_ecef_m, range_m, network_clock_bias_s, weight, visible
    )
    offset_m = sat_pos_ecef_m - surface.surface_pos_ecef_m[None, :]
    arrival = offset_m / surface.range_m[:, None]
    chi = jnp.sum(arrival * departure[None, :], axis=1)
    # A direction may be 1e-6 off unit length: the part of r across e_i keeps it.
    across = jnp.maximum(jnp.sum(departure**2) - chi**2, 0.0)
    corrected_m = jnp.sqrt((surface.range_m - elos_m * chi) ** 2 + elos_m**2 * across)
    start = jnp.asarray(surface.surface_pos_ecef_m)
    # A last leg that is none gives ranges to nowhere: nothing after it.
    reached = status == AstarsStatus.ok
    corrected_m = jnp.where(reached, corrected_m, jnp.nan)
    receiver = receiver_fix_one(sat_pos_ecef_m, corrected_m, start, weight, visible)
    status = AstarsStatus.where(reached, receiver.status, status)
    receiver = eqx.tree_at(lambda one: one.status, receiver, status)
    position = receiver.rx_pos_ecef_m
    return Chain(surface, elos_m, arrival, chi, corrected_m, receiver, position, status)


def polar_chain_one(
    sat_pos_ecef_m: Float[Array, "sat 3"],
    range_m: Float[Array, " sat"],
    network_clock_bias_s: Float[Array, ""],
    departure: Float[Array, "3"],
    weight: Float[Array, " sat"],
    visible: Bool[Array, " sat"],
) -> PolarChain:
    """`polar_chain` of one set, unchecked and traceable."""
    surface, elos_m, status = _last_leg(
        sat_pos_ecef_m, range_m, network_clock_bias_s, weight, visible
    )
    position = surface.surface_pos_ecef_m + elos_m * departure
    blank = jnp.where(status == AstarsStatus.ok, 1.0, jnp.nan)
    return PolarChain(surface, elos_m, blank * position, status)


def _last_leg(sat_pos_ecef_m, range_m, network_clock_bias_s, weight, visible):
    surface = surface_fix_one(sat_pos_ecef_m, range_m, weight, visible)
    elos_m = -SPEED_OF_LIGHT_MPS * network_clock_bias_s - surface.lumped_clock_m
    wrong = (surface.status == AstarsStatus.ok) & ~(elos_m > 0.0)
    return surface, elos_m, AstarsStatus.where(wrong, AstarsStatus.no_last_leg, surface.status)


def _arguments(sat_pos_ecef_m, range_m, network_clock_bias_s, departure, weight, visible):
    satellites = check_satellites(sat_pos_ecef_m, 4)
    ranges = check_ranges("range_m", range_m, satellites)
    clock_s = finite_array("network_clock_bias_s", network_clock_bias_s)
    direction = check_directions("departure", departure)
    batch = common_shape(
        sat_pos_ecef_m=satellites.shape[:-2],
        range_m=ranges.shape[:-1],
        network_clock_bias_s=clock_s.shape,
        departure=direction.shape[:-1],
    )
    shape = (*batch, satellites.shape[-2])
    return batch, (
        broadcast("sat_pos_ecef_m", satellites, (*shape, 3)),
        broadcast("range_m", ranges, shape),
        broadcast("network_clock_bias_s", clock_s, batch),
        broadcast("departure", direction, (*batch, 3)),
        check_weights(weight, shape),
        check_mask(visible, shape),
    )
