"""Scintillation of the troposphere by table."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._inputs import known_number
from leopnt.errors import LeopntError

_EL_RAD = np.radians(np.arange(10.0, 91.0, 10.0))
_LOSS_DB = np.array([1.08, 0.48, 0.30, 0.22, 0.17, 0.13, 0.12, 0.12, 0.12])


def scintillation_db(el_rad: Float[Array, ""] | float) -> Float[Array, ""]:
    """Loss [dB] that is exceeded 1 % of the time at 20 GHz, linear between the table's elevations.

    From 1.08 dB at 10 degrees to 0.12 dB at 70 and above; conservative at lower carriers. Below 10
    degrees, where the table ends, the value of 10 degrees. NaN at and below the horizon.

    Raises:
        LeopntError: an elevation that is not above 0 and at most pi/2.

    Source: 3GPP TR 38.811, table 6.6.6.2.1-1.
    """
    check_above_horizon(el_rad)
    el = jnp.asarray(el_rad, float)
    # On equal steps the interpolation needs no search.
    place = jnp.clip(el / _EL_RAD[0] - 1.0, 0.0, len(_LOSS_DB) - 1.0)
    steps = np.diff(_LOSS_DB)
    share = jnp.clip(place[None] - np.arange(len(steps)), 0.0, 1.0)
    return _LOSS_DB[0] + jnp.sum(share * steps) + jnp.where(is_above_horizon(el), 0.0, jnp.nan)


def is_above_horizon(el_rad):
    """Whether an elevation lies above 0 and, but for rounding, not beyond the zenith."""
    return (el_rad > 0.0) & (el_rad <= 0.5 * np.pi + 1e-12)


def check_above_horizon(el_rad) -> None:
    """Refuse a known elevation at or below the horizon, or beyond the zenith."""
    number = known_number("el_rad", el_rad)
    if number is not None and not is_above_horizon(number):
        raise LeopntError(f"el_rad = {number:g} rad: expected above 0 and at most pi/2.")
