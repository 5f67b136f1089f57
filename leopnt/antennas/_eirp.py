"""What antennas with many beams share: the element's factor, and a floor under a pattern."""

import jax.numpy as jnp
import numpy as np

from leopnt.antennas._inputs import check_finite


def element_power(exponent, u, v):
    """cos(gamma)^q and the derivative of its logarithm by u^2 + v^2; NaN behind the array."""
    square = 1.0 - jnp.asarray(u) ** 2 - jnp.asarray(v) ** 2
    square = jnp.where(square > 0.0, square, jnp.nan)
    return square ** (0.5 * exponent), -0.5 * exponent / square


def floored(power_w, floor_w, exponent, u, v):
    """Splined power cut off at a floor, times the element's; NaN stays NaN."""
    element, _ = element_power(exponent, u, v)
    return jnp.where(jnp.isnan(power_w), jnp.nan, jnp.maximum(power_w, floor_w)) * element


def floored_gradient(power_w, by_u, by_v, floor_w, exponent, u, v):
    """As `floored`, with its derivatives by u and v: those of the element where it is cut off."""
    element, by_square = element_power(exponent, u, v)
    eirp = floored(power_w, floor_w, exponent, u, v)
    is_cut = power_w <= floor_w
    return (
        eirp,
        jnp.where(is_cut, 0.0, by_u) * element + eirp * (2.0 * u * by_square),
        jnp.where(is_cut, 0.0, by_v) * element + eirp * (2.0 * v * by_square),
    )


def check_floor_db(floor_db) -> None:
    """Refuse a floor that is neither finite nor -infinity, which is none."""
    if not (isinstance(floor_db, (int, float)) and floor_db == -np.inf):
        check_finite("dB", floor_db=floor_db)
