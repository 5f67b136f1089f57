"""Heights of uniform air that lose as much as the atmosphere does at the zenith.

Those of edition 12 of the Recommendation; edition 13 tabulates the height of dry air instead.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.channel.reference_atmosphere import AirState

HIGHEST_HZ = 350e9
"""Carrier up to which they hold, from 1 GHz."""

_OXYGEN_HEIGHT = np.array(
    [
        (0.1597, 118.750334),
        (0.1066, 368.498246),
        (0.1325, 424.763020),
        (0.1242, 487.249273),
        (0.0938, 715.392902),
        (0.1448, 773.839490),
        (0.1374, 834.145546),
    ]
)

_VAPOR_HEIGHT = np.array(
    [
        (22.235080, 1.52, 2.56),
        (183.310087, 7.62, 10.2),
        (325.152888, 1.56, 2.70),
        (380.197353, 4.15, 5.70),
        (439.150807, 0.20, 0.91),
        (448.001085, 1.63, 2.46),
        (474.689092, 0.76, 2.22),
        (488.490108, 0.26, 2.49),
        (556.935985, 7.81, 10.0),
        (620.700807, 1.25, 2.35),
        (752.033113, 16.2, 20.0),
        (916.171582, 1.47, 2.58),
        (970.315022, 1.36, 2.44),
        (987.926764, 1.60, 1.86),
    ]
)


def oxygen_height_m(carrier_hz: Float[Array, ""] | float, air: AirState) -> Float[Array, ""]:
    """Equivalent height of dry air: attenuation at the zenith over that per length at the ground.

    Source: Recommendation ITU-R P.676-12, Annex 2, eq. 30 to 34 and table 3.
    """
    f, pressure = 1e-9 * carrier_hz, _relative_pressure(air)
    width = 2.87 + 12.4 * jnp.exp(-7.9 * pressure)
    t1 = 5.1040 / (1.0 + 0.066 * pressure**-2.3) * jnp.exp(-(((f - 59.7) / width) ** 2))
    c, line = _OXYGEN_HEIGHT.T
    rise, spread = jnp.exp(2.12 * pressure), jnp.exp(2.2 * pressure)
    t2 = jnp.sum(c * rise / ((f - line) ** 2 + 0.025 * spread))
    ratio = (15.02 * f**2 - 1353.0 * f + 5.333e4) / (f**3 - 151.3 * f**2 + 9629.0 * f - 6803.0)
    t3 = 0.0114 * f / (1.0 + 0.14 * pressure**-2.6) * ratio
    warmth = 0.7832 + 0.00709 * (air.temperature_k - 273.15)
    height_km = 6.1 * warmth / (1.0 + 0.17 * pressure**-1.1) * (1.0 + t1 + t2 + t3)
    limited = jnp.minimum(height_km, 10.7 * pressure**0.3)
    return 1e3 * jnp.where(f < 70.0, limited, height_km)


def vapor_height_m(carrier_hz: Float[Array, ""] | float, air: AirState) -> Float[Array, ""]:
    """Equivalent height of water vapor.

    Source: Recommendation ITU-R P.676-12, Annex 2, eq. 35 to 38 and table 4.
    """
    f, celsius = 1e-9 * carrier_hz, air.temperature_k - 273.15
    grams = 1e3 * jnp.asarray(air.vapor_density_kgpm3, float)
    share = 1.013 / (1.0 + jnp.exp(-8.6 * (_relative_pressure(air) - 0.57)))
    line, a, b = _VAPOR_HEIGHT.T
    resonances = jnp.sum(a * share / ((f - line) ** 2 + b * share))
    constant = 1.9298 - 0.04166 * celsius + 0.0517 * grams
    return 1e3 * (constant + (1.1674 - 0.00622 * celsius + 0.0063 * grams) * resonances)


def _relative_pressure(air: AirState) -> Float[Array, ""]:
    return (air.dry_pressure_pa + air.vapor_pressure_pa) / 101_325.0
