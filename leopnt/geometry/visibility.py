"""Which satellites a receiver sees, and ragged sets padded to a fixed satellite axis."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from leopnt.errors import LeopntError


def elevation_spherical(
    sat_pos_ecef_m: Float[Array, "3"], rx_pos_ecef_m: Float[Array, "3"]
) -> Float[Array, ""]:
    """Elevation [rad] over the plane normal to the receiver's position vector.

    Geocentric vertical: differs from the geodetic elevation (`frames.geodetic.azel`) by up to
    0.19 deg. For masks in kernels that must stay cheap.
    """
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
        visible: mask over all satellites.
        num_slots: length of the padded axis; default: the largest number visible in any row.

    Returns:
        indices of satellites (0 where the slot is empty), and the mask of filled slots. Index any
        satellite array with the first, and carry the second as `visible`.

    Raises:
        LeopntError: `num_slots` is smaller than the number visible in some row.
    """
    visible = np.asarray(visible)
    most = int(visible.sum(axis=-1).max(initial=0))
    num_slots = most if num_slots is None else num_slots
    if num_slots < most:
        raise LeopntError(
            f"num_slots={num_slots} cannot hold {most} visible satellites; accepted: {most} or more"
        )
    num_slots = max(num_slots, 1)
    order = np.argsort(~visible, axis=-1, kind="stable")[..., :num_slots]
    filled = np.take_along_axis(visible, order, axis=-1)
    return np.where(filled, order, 0), filled
