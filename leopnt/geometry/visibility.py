"""Which satellites a receiver sees, and ragged sets padded to a fixed satellite axis."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from leopnt.errors import LeopntError
from leopnt.geometry._inputs import check_vectors


def elevation_spherical(
    sat_pos_ecef_m: Float[Array, "3"], rx_pos_ecef_m: Float[Array, "3"]
) -> Float[Array, ""]:
    """Elevation [rad] over the plane normal to the receiver's position vector.

    Geocentric vertical: differs from the geodetic elevation (`frames.geodetic.azel`) by up to
    0.193 deg. For masks in kernels that must stay cheap: within 1e-4 rad of the zenith it resolves
    2e-8 rad, and at the zenith it has no derivative.
    """
    check_vectors(sat_pos_ecef_m=sat_pos_ecef_m, rx_pos_ecef_m=rx_pos_ecef_m)
    offset_m = sat_pos_ecef_m - rx_pos_ecef_m
    sine = offset_m @ rx_pos_ecef_m / (jnp.linalg.norm(offset_m) * jnp.linalg.norm(rx_pos_ecef_m))
    return jnp.arcsin(jnp.clip(sine, -1.0, 1.0))


def visible_above(
    el_rad: Float[Array, " *sat"], mask_rad: Float[Array, ""] | float
) -> Bool[Array, " *sat"]:
    """True where the elevation is at or above the mask; NaN elevations are not visible."""
    return el_rad >= mask_rad


def pad_visible(
    visible: Bool[np.ndarray, "*batch sat"], num_slots: int | None = None
) -> tuple[Shaped[np.ndarray, "*batch slot"], Bool[np.ndarray, "*batch slot"]]:
    """Gather the visible satellites of every row to the front of a common, shorter axis.

    Args:
        visible: mask over all satellites, at least one.
        num_slots: length of the padded axis, at least 1; default: the largest number visible in
            any row, or 1 where that is zero.

    Returns:
        indices of satellites (0 where the slot is empty), in their order, and the mask of filled
        slots. Index any satellite array with the first, and carry the second as `visible`.

    Raises:
        LeopntError: `visible` is no Boolean mask over satellites, or `num_slots` is smaller than
            the number visible in some row.
    """
    visible = np.asarray(visible)
    if visible.dtype != bool or not visible.ndim or not visible.shape[-1]:
        raise LeopntError(
            f"visible: got {visible.dtype} of shape {visible.shape}; accepted: a Boolean mask "
            "whose last axis runs over one or more satellites."
        )
    needed = max(int(visible.sum(axis=-1).max(initial=0)), 1)
    num_slots = needed if num_slots is None else num_slots
    if num_slots < needed:
        raise LeopntError(
            f"num_slots={num_slots} is too small for {needed} visible satellites; accepted: "
            f"{needed} or more."
        )
    order = np.argsort(~visible, axis=-1, kind="stable")[..., :num_slots]
    filled = np.take_along_axis(visible, order, axis=-1)
    empty = [(0, 0)] * (visible.ndim - 1) + [(0, num_slots - filled.shape[-1])]
    return np.pad(np.where(filled, order, 0), empty), np.pad(filled, empty)
