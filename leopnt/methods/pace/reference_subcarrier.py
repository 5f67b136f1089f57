"""Where on the band the phase of a gain is meant: the delay's error turns it everywhere else."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.methods.pace.uplink import check_uplink
from leopnt.signals.ofdm import OfdmGrid


def middle_subcarrier(grid: OfdmGrid) -> float:
    """(K + 1) / 2: the `reference_subcarrier` at which gain and delay do not depend on each other.

    The bound on the gain is least there, and a gain that is meant there needs no delay.
    """
    return 0.5 * (grid.num_sub + 1)


def reference_penalty(
    grid: OfdmGrid, reference_subcarrier: Float[Array, "*place"] | float
) -> Float[Array, "*place"]:
    """Bound on the gain's variance at a subcarrier over that at the middle of the band.

        1 + (kb - k0)^2 / (2 vk),   kb = (K + 1)/2,   vk = (K^2 - 1)/12

    1 at the middle, 2.5 at k0 = 0 and at either end of a wide band, 1.5 on average over the
    subcarriers. That of a vector of N entries, unstructured, is `1 + (reference_penalty - 1) / N`.
    """
    check_uplink(grid)
    off = middle_subcarrier(grid) - jnp.asarray(reference_subcarrier, float)
    return 1.0 + off**2 / (2.0 * grid.sub_variance)
