"""Combination of two frequencies that is free of the ionosphere, to first order.

a = f1^2 / (f1^2 - f2^2)      b = -f2^2 / (f1^2 - f2^2)      y = a y1 + b y2      (meters)
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError


class CarrierPair(NamedTuple):
    """Two carriers [Hz]."""

    first_hz: float
    second_hz: float


BEIDOU_B1I_B3I = CarrierPair(1561.098e6, 1268.52e6)
"""BeiDou open-service carriers of the reference clock products; noise factor 3.53."""
BEIDOU_B1C_B2A = CarrierPair(1575.42e6, 1176.45e6)
"""BeiDou B1C and B2a, which LEO L-band downlinks take over; noise factor 2.59."""
GPS_L1_L2 = CarrierPair(1575.42e6, 1227.60e6)
"""GPS L1 and L2; noise factor 2.98."""
GALILEO_E1_E5A = CarrierPair(1575.42e6, 1176.45e6)
"""Galileo E1 and E5a; noise factor 2.59."""


def ionosphere_free_weights(pair: CarrierPair) -> tuple[float, float]:
    """Weights a and b of the first and second frequency; a + b = 1.

    Raises:
        LeopntError: a frequency that is not above zero and finite, or twice the same.
    """
    first, second = _checked(pair)
    difference = (first - second) * (first + second)
    return first * first / difference, -second * second / difference


def ionosphere_free(
    first_m: Float[ArrayLike, "..."], second_m: Float[ArrayLike, "..."], pair: CarrierPair
) -> Float[Array, "..."]:
    """Ionosphere-free code or phase [m] of two frequencies, both in meters.

    Raises:
        LeopntError: as `ionosphere_free_weights`.
    """
    a, b = ionosphere_free_weights(pair)
    return a * jnp.asarray(first_m, float) + b * jnp.asarray(second_m, float)


def ionosphere_free_noise_factor(pair: CarrierPair) -> float:
    """sqrt(a^2 + b^2): growth of equal and independent noise of the two frequencies.

    Raises:
        LeopntError: as `ionosphere_free_weights`.
    """
    return float(np.hypot(*ionosphere_free_weights(pair)))


def narrow_lane_m(pair: CarrierPair) -> float:
    """A lambda1 + b lambda2 = c / (f1 + f2) [m]: what one cycle on both carriers shifts.

    Raises:
        LeopntError: as `ionosphere_free_weights`.
    """
    first, second = _checked(pair)
    return SPEED_OF_LIGHT_MPS / (first + second)


def ionosphere_free_wind_up_m(
    wind_up_cycles: Float[ArrayLike, "..."], pair: CarrierPair
) -> Float[Array, "..."]:
    """Phase wind-up [m] of the ionosphere-free combination: `narrow_lane_m` times the cycles.

    The cycles, see `channel.wind_up_cycles`, are the same on both carriers. Add it to the predicted
    phase; code has none.

    Raises:
        LeopntError: as `ionosphere_free_weights`.
    """
    return narrow_lane_m(pair) * jnp.asarray(wind_up_cycles, float)


def _checked(pair: CarrierPair) -> tuple[float, float]:
    for name, value in (("first_hz", pair[0]), ("second_hz", pair[1])):
        if not (np.isfinite(value) and value > 0.0):
            raise LeopntError(f"{name} = {value:g} Hz: expected a finite number above 0.")
    if pair[0] == pair[1]:
        raise LeopntError(
            f"first_hz and second_hz are both {pair[0]:g} Hz; expected two different carriers."
        )
    return float(pair[0]), float(pair[1])
