"""Pressure, temperature and water vapor of a standard atmosphere."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_between, check_positive

_SEA_LEVEL_VAPOR_KGPM3 = 7.5e-3
_VAPOR_SCALE_M = 2000.0
_LOWEST_MIXING_RATIO = 2e-6
_HPA = 100.0

# Geopotential height [km'], temperature [K], lapse [K/km'], pressure [hPa] at the foot of a layer.
_FOOT_KM = np.array([0.0, 11.0, 20.0, 32.0, 47.0, 51.0, 71.0])
_FOOT_K = np.array([288.15, 216.65, 216.65, 228.65, 270.65, 270.65, 214.65])
_LAPSE = np.array([-6.5, 0.0, 1.0, 2.8, 0.0, -2.8, -2.0])
_FOOT_HPA = np.array([1013.25, 226.3226, 54.74980, 8.680422, 1.109106, 0.6694167, 0.03956649])
_GRAVITY_OVER_GAS = 34.1632
_EARTH_KM = 6356.766
_MIDDLE_TOP_KM = 86.0

LOWEST_M = -500.0
"""The atmosphere is continued below sea level to here."""
TOP_M = 100e3
"""The atmosphere ends here."""


class AirState(eqx.Module):
    """Air at one place. `reference_air` gives it where it was not measured.

    Attributes:
        dry_pressure_pa: pressure without that of water vapor.
        temperature_k: absolute temperature.
        vapor_density_kgpm3: water vapor.
    """

    dry_pressure_pa: Float[Array, ""] | float
    temperature_k: Float[Array, ""] | float
    vapor_density_kgpm3: Float[Array, ""] | float

    def __check_init__(self):
        check_between(0.0, np.inf, "Pa", dry_pressure_pa=self.dry_pressure_pa)
        check_positive("K", temperature_k=self.temperature_k)
        check_between(0.0, np.inf, "kg/m3", vapor_density_kgpm3=self.vapor_density_kgpm3)

    @property
    def vapor_pressure_pa(self) -> Float[Array, ""]:
        """Partial pressure of water vapor: e [hPa] = rho [g/m3] T / 216.7.

        Source: Recommendation ITU-R P.676-13, eq. 4.
        """
        grams = 1e3 * jnp.asarray(self.vapor_density_kgpm3, float)
        return _HPA * grams * self.temperature_k / 216.7

    @property
    def refractivity(self) -> Float[Array, ""]:
        """Refractive index minus one at radio frequencies.

            (77.6 p/T + 72 e/T + 3.75e5 e/T^2) 1e-6,   p (dry), e in hPa

        Source: Recommendation ITU-R P.453-14, eq. 2.
        """
        dry, vapor = self.dry_pressure_pa / _HPA, self.vapor_pressure_pa / _HPA
        t = self.temperature_k
        return 1e-6 * (77.6 * dry + 72.0 * vapor + 3.75e5 * vapor / t) / t


def reference_air(
    height_m: Float[Array, ""] | float,
    sea_level_vapor_kgpm3: Float[Array, ""] | float = _SEA_LEVEL_VAPOR_KGPM3,
) -> AirState:
    """Mean annual global reference atmosphere at a height above sea level.

    The pressure of the Recommendation is that of dry air and water vapor together. Water vapor
    falls by e every 2 km, down to 2e-6 of the pressure.

    Args:
        height_m: -500 m to 100 km; NaN results where a traced one lies outside. Below sea level
            the lowest layer is continued.
        sea_level_vapor_kgpm3: water vapor at sea level; 7.5 g/m3 in the Recommendation.

    Raises:
        LeopntError: a height outside, a negative density.

    Source: Recommendation ITU-R P.835-6, Annex 1, sec. 1.
    """
    check_between(LOWEST_M, TOP_M, "m", height_m=height_m)
    check_between(0.0, np.inf, "kg/m3", sea_level_vapor_kgpm3=sea_level_vapor_kgpm3)
    height = jnp.asarray(height_m, float)
    height += jnp.where((height >= LOWEST_M) & (height <= TOP_M), 0.0, jnp.nan)
    is_high = height > 1e3 * _MIDDLE_TOP_KM
    temperature, pressure = (
        jnp.where(is_high, high, low)
        for high, low in zip(_above_86_km(height / 1e3), _below_86_km(height / 1e3), strict=True)
    )
    falling = sea_level_vapor_kgpm3 * jnp.exp(-height / _VAPOR_SCALE_M)
    least = 1e-3 * 216.7 * _LOWEST_MIXING_RATIO * pressure / temperature
    is_dry = jnp.asarray(sea_level_vapor_kgpm3) == 0.0
    vapor = jnp.where(is_dry, 0.0, jnp.maximum(falling, least))
    vapor_pressure = AirState(0.0, temperature, vapor).vapor_pressure_pa
    return AirState(_HPA * pressure - vapor_pressure, temperature, vapor)


def _below_86_km(height_km: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Temperature [K] and pressure [hPa] of the seven layers."""
    height = jnp.minimum(height_km, _MIDDLE_TOP_KM)
    geopotential = _EARTH_KM * height / (_EARTH_KM + height)
    layer = jnp.maximum(jnp.sum(geopotential >= _FOOT_KM) - 1, 0)
    foot_k, lapse, foot_hpa, foot_km = (
        jnp.asarray(column)[layer] for column in (_FOOT_K, _LAPSE, _FOOT_HPA, _FOOT_KM)
    )
    rise = geopotential - foot_km
    ratio = lapse * rise / foot_k
    # log(1 + ratio) / lapse, which tends to rise / foot_k.
    is_small = jnp.abs(ratio) < 1e-9
    safe = jnp.where(is_small, 1.0, ratio)
    slope = jnp.where(is_small, 1.0 - 0.5 * ratio, jnp.log1p(safe) / safe)
    return foot_k * (1.0 + ratio), foot_hpa * jnp.exp(-_GRAVITY_OVER_GAS * slope * rise / foot_k)


def _above_86_km(height_km: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Temperature [K] and pressure [hPa] from 86 to 100 km."""
    h = jnp.clip(height_km, _MIDDLE_TOP_KM, 1e-3 * TOP_M)
    over = jnp.maximum(h - 91.0, 0.0) / 19.9429
    temperature = jnp.where(h <= 91.0, 186.8673, 263.1905 - 76.3232 * jnp.sqrt(1.0 - over**2))
    coefficients = np.array([1.340543e-6, -4.789660e-4, 6.424731e-2, -4.011801, 95.571899])
    return temperature, jnp.exp(jnp.polyval(coefficients, h))


SEA_LEVEL_AIR = AirState(101_325.0 - 997.288_878_634_056, 288.15, _SEA_LEVEL_VAPOR_KGPM3)
"""`reference_air` at sea level."""
