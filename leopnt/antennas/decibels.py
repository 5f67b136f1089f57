"""Power ratios and decibels."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def to_db(ratio: Float[Array, "*shape"] | float) -> Float[Array, "*shape"]:
    """10 log10 of a power ratio: -infinity at zero (with derivative zero), NaN below."""
    ratio = jnp.asarray(ratio, float)
    is_zero = ratio == 0.0
    return jnp.where(is_zero, -jnp.inf, 10.0 * jnp.log10(jnp.where(is_zero, 1.0, ratio)))


def from_db(value_db: Float[Array, "*shape"] | float) -> Float[Array, "*shape"]:
    """Power ratio of decibels: 10^(x/10), zero at -infinity."""
    return 10.0 ** (jnp.asarray(value_db, float) / 10.0)
