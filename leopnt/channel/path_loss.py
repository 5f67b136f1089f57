"""Free space between two antennas."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_positive
from leopnt.antennas.decibels import from_db
from leopnt.constants import SPEED_OF_LIGHT_MPS


def wavelength(carrier_hz: Float[Array, ""] | float) -> Float[Array, ""]:
    """Wavelength [m] in vacuum, c / f.

    Raises:
        LeopntError: a carrier that is not above zero.
    """
    check_positive("Hz", carrier_hz=carrier_hz)
    return SPEED_OF_LIGHT_MPS / jnp.asarray(carrier_hz, float)


def free_space_loss(
    range_m: Float[Array, ""] | float, carrier_hz: Float[Array, ""] | float
) -> Float[Array, ""]:
    """Transmitted over received power between isotropic antennas: (4 pi d / lambda)^2.

    Above one in the far field, where it holds.

    Raises:
        LeopntError: as `free_space_loss_db`.

    Source: Recommendation ITU-R P.525, eq. 3 and 4.
    """
    return from_db(free_space_loss_db(range_m, carrier_hz))


def free_space_loss_db(
    range_m: Float[Array, ""] | float, carrier_hz: Float[Array, ""] | float
) -> Float[Array, ""]:
    """Free-space loss [dB], positive: 20 log10(4 pi d / lambda).

    Raises:
        LeopntError: a range or carrier that is not above zero (NaN where they are traced).

    Source: Recommendation ITU-R P.525, eq. 4.
    """
    check_positive("m", range_m=range_m)
    # Logarithms apart: a product of two negative numbers would look right.
    log_range = jnp.log10(4.0 * jnp.pi * jnp.asarray(range_m, float))
    return 20.0 * (log_range - jnp.log10(wavelength(carrier_hz)))
