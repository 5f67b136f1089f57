"""What one link adds to a user's information, and the sums over satellites that maps keep.

Instead of H^T W H, whose size depends on what is estimated, cells collect one fixed list of sums:

    0-9    1, u, u u^T                    every satellite counts 1: number, DOP
    10-19  the same times w_range         ranges
    20-29  (1, a, a a^T) times w_rate     range rates and the position
    30-47  (u, u u^T, a u^T) times w_rate range rates and the velocity

with u the direction to the satellite in east, north, up and a = (v - (u.v) u) / range the change of
the range rate with position; v is the satellite's velocity relative to the user. Symmetric
products are kept as ee, en, eu, nn, nu, uu.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

DOP_SUMS = 10
RANGE_SUMS = 20
RATE_SUMS = 30
MOTION_SUMS = 48

TRIANGLE = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""Order of the entries of a symmetric 3 x 3 matrix."""


Components = Sequence[Float[Array, "*links"]]
"""East, north and up of links, an array each."""


def link_terms(
    sat_pos_enu_m: Components,
    sat_vel_enu_mps: Components,
    range_weight: Float[Array, "*links"],
    rate_weight: Float[Array, "*links"],
    visible: Bool[Array, "*links"],
    count: int,
) -> list[Float[Array, "*links"]]:
    """The first `count` terms of links, zero where not visible.

    Args:
        sat_pos_enu_m, sat_vel_enu_mps: relative to the user, in the user's east, north and up.
        range_weight, rate_weight: inverse variances.
        visible: above the mask.
        count: `DOP_SUMS`, `RANGE_SUMS`, `RATE_SUMS` or `MOTION_SUMS`.
    """
    seen = visible.astype(float)
    inverse_m = 1.0 / jnp.sqrt(jnp.where(visible, sum(x**2 for x in sat_pos_enu_m), 1.0))
    u = [x * inverse_m for x in sat_pos_enu_m]
    terms = _moments(u, seen)
    if count > DOP_SUMS:
        terms += _moments(u, jnp.where(visible, range_weight, 0.0))
    if count > RANGE_SUMS:
        weight = jnp.where(visible, rate_weight, 0.0)
        along = sum(x * y for x, y in zip(u, sat_vel_enu_mps, strict=True))
        a = [(v - along * x) * inverse_m for v, x in zip(sat_vel_enu_mps, u, strict=True)]
        terms += _moments(a, weight)
        if count > RATE_SUMS:
            terms += _moments(u, weight)[1:]
            terms += [weight * x * y for x in a for y in u]
    return terms


def _moments(vector: list[Array], weight: Array) -> list[Array]:
    """Weight, weight times the vector, weight times its products."""
    weighted = [weight * x for x in vector]
    return [weight, *weighted, *(weighted[i] * vector[j] for i, j in TRIANGLE)]
