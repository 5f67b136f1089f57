"""Delay of code and phase in the neutral atmosphere.

    T = m_h(el) Z_h + m_w(el) Z_w + m_g(el) (G_n cos az + G_e sin az)

Z_h and Z_w are zenith delays (`saastamoinen`, or estimated), m_h and m_w a mapping function
(`mapping`), G the gradients. Leading axes of all arguments broadcast.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from leopnt.channel._batches import above_zero, between, numbers
from leopnt.channel.mapping import AbstractMapping
from leopnt.channel.reference_atmosphere import LOWEST_M, reference_air

_HPA = 100.0
_HYDROSTATIC_MPHPA = 0.002_276_8
_WET_MPHPA = 0.002_277
_GRADIENT_C = 0.0032
_HIGHEST_M = 20e3


class Weather(eqx.Module):
    """Air at a station. `standard_weather` gives it where it was not measured.

    Attributes:
        pressure_pa: total pressure at the station (not reduced to sea level).
        temperature_k: absolute temperature.
        vapor_pressure_pa: partial pressure of water vapor, see `vapor_pressure_pa`.
    """

    pressure_pa: Float[ArrayLike, "..."]
    temperature_k: Float[ArrayLike, "..."]
    vapor_pressure_pa: Float[ArrayLike, "..."]

    def __check_init__(self):
        pressure, temperature, vapor = numbers(
            pressure_pa=self.pressure_pa,
            temperature_k=self.temperature_k,
            vapor_pressure_pa=self.vapor_pressure_pa,
        )
        between(0.0, 120e3, "Pa", pressure_pa=pressure)
        between(150.0, 350.0, "K", temperature_k=temperature)
        between(0.0, 20e3, "Pa", vapor_pressure_pa=vapor)


class ZenithDelay(eqx.Module):
    """Delays [m] straight up.

    Attributes:
        hydrostatic_m: of the air in hydrostatic balance, 2.3 m at sea level.
        wet_m: of water vapor, 0 to 0.4 m, predicted to some centimeters only: estimate the rest.
    """

    hydrostatic_m: Float[ArrayLike, "..."]
    wet_m: Float[ArrayLike, "..."]


def vapor_pressure_pa(
    temperature_k: Float[ArrayLike, "..."], relative_humidity: Float[ArrayLike, "..."]
) -> Float[Array, "..."]:
    """Partial pressure [Pa] of water vapor: e = RH 610.8 exp[(17.15 T - 4684) / (T - 38.45)].

    Args:
        temperature_k: of the air.
        relative_humidity: 0 to 1, over water.

    Raises:
        LeopntError: a temperature outside 150 to 350 K, a humidity outside 0 to 1.

    Source: Magnus formula as in the RTKLIB 2.4.2 manual, appendix E.5.
    """
    kelvin, humidity = numbers(temperature_k=temperature_k, relative_humidity=relative_humidity)
    between(150.0, 350.0, "K", temperature_k=kelvin)
    between(0.0, 1.0, "", relative_humidity=humidity)
    return 610.8 * humidity * jnp.exp((17.15 * kelvin - 4684.0) / (kelvin - 38.45))


def standard_weather(
    height_m: Float[ArrayLike, "..."], relative_humidity: Float[ArrayLike, "..."] = 0.5
) -> Weather:
    """Pressure and temperature of the reference atmosphere at a height, with a chosen humidity.

    Args:
        height_m: above sea level, -500 m to 20 km.
        relative_humidity: 0 to 1.

    Raises:
        LeopntError: a height or humidity outside.

    Source: Recommendation ITU-R P.835-6 (the US Standard Atmosphere 1976 below 86 km).
    """
    height, humidity = numbers(height_m=height_m, relative_humidity=relative_humidity)
    between(LOWEST_M, _HIGHEST_M, "m", height_m=height)
    pressure, temperature = _pressure_and_temperature(height)
    return Weather(pressure, temperature, vapor_pressure_pa(temperature, humidity))


@jax.jit
@jnp.vectorize
def _pressure_and_temperature(height_m):
    # Without vapor, since the pressure of the reference is the total one.
    air = reference_air(height_m, 0.0)
    return air.dry_pressure_pa, air.temperature_k


def saastamoinen(
    weather: Weather, lat_rad: Float[ArrayLike, "..."], height_m: Float[ArrayLike, "..."]
) -> ZenithDelay:
    """Zenith delays from the air at the station.

        Z_h = 0.0022768 p / (1 - 0.00266 cos 2 lat - 0.00028 h / km)
        Z_w = 0.002277 (1255 / T + 0.05) e             (p, e in hPa)

    Z_h is good to 1 mm with a pressure good to 0.4 hPa. Z_w is good to some centimeters.

    Args:
        weather: at the station.
        lat_rad: geodetic latitude.
        height_m: above sea level, -500 m to 20 km.

    Raises:
        LeopntError: a latitude or height outside, shapes that do not fit.

    Source: [saastamoinen-1972]; Davis et al. (1985); [iers-2010], eq. 9.3.
    """
    pressure, temperature, vapor, lat, height = numbers(
        pressure_pa=weather.pressure_pa,
        temperature_k=weather.temperature_k,
        vapor_pressure_pa=weather.vapor_pressure_pa,
        lat_rad=lat_rad,
        height_m=height_m,
    )
    between(-0.5 * np.pi, 0.5 * np.pi, "rad", lat_rad=lat)
    between(LOWEST_M, _HIGHEST_M, "m", height_m=height)
    gravity = 1.0 - 0.00266 * jnp.cos(2.0 * lat) - 0.28e-6 * height
    return ZenithDelay(
        _HYDROSTATIC_MPHPA * pressure / _HPA / gravity,
        _WET_MPHPA * (1255.0 / temperature + 0.05) * vapor / _HPA,
    )


def gradient_factor(el_rad: Float[ArrayLike, "..."]) -> Float[Array, "..."]:
    """Mapping of horizontal gradients: m_g = 1 / (sin el tan el + 0.0032).

    Args:
        el_rad: elevation, above 0 to pi/2.

    Raises:
        LeopntError: an elevation outside.

    Source: [chen-herring]; [iers-2010], eq. 9.12, with C for both parts together.
    """
    (el,) = numbers(el_rad=el_rad)
    between(0.0, 0.5 * np.pi, "rad", el_rad=el)
    above_zero("rad", el_rad=el)
    sin, cos = jnp.sin(el), jnp.cos(el)
    return cos / (sin * sin + _GRADIENT_C * cos)


def gradient_delay_m(
    el_rad: Float[ArrayLike, "..."],
    az_rad: Float[ArrayLike, "..."],
    north_m: Float[ArrayLike, "..."],
    east_m: Float[ArrayLike, "..."],
) -> Float[Array, "..."]:
    """Delay [m] by horizontal gradients: m_g (G_n cos az + G_e sin az).

    Args:
        el_rad: elevation, above 0 to pi/2.
        az_rad: azimuth, from north over east.
        north_m, east_m: gradients; positive where the delay grows to the north or the east. 1 mm
            makes 5.5 cm at 7 degrees.

    Raises:
        LeopntError: an elevation outside, shapes that do not fit.
    """
    el, az, north, east = numbers(el_rad=el_rad, az_rad=az_rad, north_m=north_m, east_m=east_m)
    return gradient_factor(el) * (north * jnp.cos(az) + east * jnp.sin(az))


def slant_delay_m(
    zenith: ZenithDelay, mapping: AbstractMapping, el_rad: Float[ArrayLike, "..."]
) -> Float[Array, "..."]:
    """Delay [m] of a link, without gradients: m_h Z_h + m_w Z_w.

    Args:
        zenith: delays straight up.
        mapping: to the elevation.
        el_rad: elevation, above 0 to pi/2.

    Raises:
        LeopntError: an elevation outside, shapes that do not fit.
    """
    hydrostatic, wet, el = numbers(
        hydrostatic_m=zenith.hydrostatic_m, wet_m=zenith.wet_m, el_rad=el_rad
    )
    factors = mapping.factors(el)
    return factors.hydrostatic * hydrostatic + factors.wet * wet
