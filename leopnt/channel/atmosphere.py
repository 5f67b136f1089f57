"""Loss of an Earth-space path through the gases of the atmosphere."""

from __future__ import annotations

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_between, check_positive, known_number
from leopnt.channel.equivalent_heights import HIGHEST_HZ as HIGHEST_COSECANT_HZ
from leopnt.channel.equivalent_heights import oxygen_height_m, vapor_height_m
from leopnt.channel.reference_atmosphere import (
    LOWEST_M,
    SEA_LEVEL_AIR,
    TOP_M,
    AirState,
    reference_air,
)
from leopnt.channel.specific_attenuation import (
    HIGHEST_HZ,
    LOWEST_HZ,
    oxygen_attenuation_dbpm,
    water_vapor_attenuation_dbpm,
)

LOWEST_COSECANT_RAD = np.deg2rad(5.0)
"""Elevation above which the cosecant law holds."""

_EARTH_RADIUS_M = 6_371e3
_HIGHEST_STATION_M = 20e3
# Kinks of the reference atmosphere (geometric heights), with more edges where gases are dense, and
# edges close above the station for grazing paths.
_KINKS_KM = (0.0, 11.0190674, 20.0631345, 32.1619, 47.3500834, 51.4124841, 71.8019733, 86.0, 91.0)
_MORE_KM = (-0.5, 1.0, 3.0, 6.0, 15.0, 26.0, 40.0, 60.0, 100.0)
_EDGES_M = 1e3 * np.array(sorted(_KINKS_KM + _MORE_KM))
_GRAZING_M = np.array([0.0, 0.04, 1.0, 25.0, 300.0])
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)


class AbstractGases(eqx.Module):
    """What gases take from a path that leaves the atmosphere."""

    @abc.abstractmethod
    def loss_db(
        self, carrier_hz: Float[Array, ""] | float, el_rad: Float[Array, ""] | float
    ) -> Float[Array, ""]:
        """Loss [dB], positive, at a carrier and an elevation [rad] at the station.

        The elevation is that of the ray as it arrives, 0.5 degrees above the straight line at the
        horizon.
        """


class NoGases(AbstractGases):
    """No loss at any elevation: vacuum, or carriers below 1 GHz, which gases hardly attenuate."""

    def loss_db(
        self, carrier_hz: Float[Array, ""] | float, el_rad: Float[Array, ""] | float
    ) -> Float[Array, ""]:
        check_positive("Hz", carrier_hz=carrier_hz)
        _check_elevation(-0.5 * np.pi, el_rad)
        return jnp.zeros_like(jnp.asarray(el_rad, float))


class SlantPathGases(AbstractGases):
    """Line-by-line attenuation integrated along the bent path through the reference atmosphere.

        A = int gamma(h) / sin(phi) dh,   cos(phi) = c / (n r),   c = n0 r0 cos(el)

    with heights to 100 km and an Earth of 6371 km. Carriers of 1 GHz to 1 THz, elevations of 0 and
    above. It costs 10 000 line evaluations; in a `jax.vmap` over elevations at one carrier they are
    done once.

    The Recommendation prints a sum over 922 layers for this integral, from which this Gauss rule
    differs by 1e-5 of the loss. Derivatives by elevation hold from 0.01 degrees.

    Attributes:
        height_m: of the station above sea level, -500 m to 20 km.
        sea_level_vapor_kgpm3: water vapor at sea level (not at the station).

    Source: Recommendation ITU-R P.676-13, Annex 1, sec. 2.2; P.835-6; P.453-14.
    """

    height_m: Float[Array, ""] | float = 0.0
    sea_level_vapor_kgpm3: Float[Array, ""] | float = 7.5e-3

    def __check_init__(self):
        check_between(LOWEST_M, _HIGHEST_STATION_M, "m", height_m=self.height_m)
        check_between(0.0, np.inf, "kg/m3", sea_level_vapor_kgpm3=self.sea_level_vapor_kgpm3)

    def loss_db(
        self, carrier_hz: Float[Array, ""] | float, el_rad: Float[Array, ""] | float
    ) -> Float[Array, ""]:
        _check_elevation(0.0, el_rad)
        check_between(LOWEST_HZ, HIGHEST_HZ, "Hz", carrier_hz=carrier_hz)
        return _slant_loss_db(self, jnp.asarray(carrier_hz, float), jnp.asarray(el_rad, float))


class CosecantGases(AbstractGases):
    """Attenuation at the zenith by equivalent heights, times 1 / sin(el).

        A = (gamma_o h_o + gamma_w h_w) / sin(el)

    Carriers of 1 to 350 GHz, elevations of 5 degrees and above. From 10 degrees it is within 6 % of
    `SlantPathGases` at 1.5 to 43 GHz; on the vapor line at 183 GHz it is 12 % low.

    Attributes:
        air: at the station; default the reference atmosphere at sea level.

    Source: Recommendation ITU-R P.676-12, Annex 2; specific attenuation of Annex 1.
    """

    air: AirState = SEA_LEVEL_AIR

    def loss_db(
        self, carrier_hz: Float[Array, ""] | float, el_rad: Float[Array, ""] | float
    ) -> Float[Array, ""]:
        _check_elevation(LOWEST_COSECANT_RAD, el_rad)
        return self.zenith_loss_db(carrier_hz) / _sine_from(LOWEST_COSECANT_RAD, el_rad)

    def zenith_loss_db(self, carrier_hz: Float[Array, ""] | float) -> Float[Array, ""]:
        """Loss [dB] straight up."""
        check_between(LOWEST_HZ, HIGHEST_COSECANT_HZ, "Hz", carrier_hz=carrier_hz)
        return _zenith_loss_db(self.air, jnp.asarray(carrier_hz, float))


def attenuation_dbpm(carrier_hz: Float[Array, ""] | float, air: AirState) -> Float[Array, ""]:
    """Specific attenuation [dB/m] by oxygen and water vapor together."""
    return oxygen_attenuation_dbpm(carrier_hz, air) + water_vapor_attenuation_dbpm(carrier_hz, air)


@jax.jit
def _zenith_loss_db(air: AirState, carrier_hz: Float[Array, ""]) -> Float[Array, ""]:
    oxygen = oxygen_attenuation_dbpm(carrier_hz, air) * oxygen_height_m(carrier_hz, air)
    vapor = water_vapor_attenuation_dbpm(carrier_hz, air) * vapor_height_m(carrier_hz, air)
    return oxygen + vapor + jnp.where(carrier_hz <= HIGHEST_COSECANT_HZ, 0.0, jnp.nan)


@jax.jit
def _slant_loss_db(
    gases: SlantPathGases, carrier_hz: Float[Array, ""], el_rad: Float[Array, ""]
) -> Float[Array, ""]:
    def at(height_m):
        # Rounding of the topmost node must not leave the atmosphere.
        air = reference_air(jnp.minimum(height_m, TOP_M), gases.sea_level_vapor_kgpm3)
        return attenuation_dbpm(carrier_hz, air), air.refractivity

    start = jnp.asarray(gases.height_m, float)
    root, weight = _nodes(start)
    rise = root**2
    each, refractivity = jax.vmap(at)(start + rise)
    ground = 1.0 + at(start)[1]
    radius = _EARTH_RADIUS_M + start
    bottom = ground * radius
    # n r - n0 r0, without the cancellation
    gain = ground * rise + (refractivity + (1.0 - ground)) * (radius + rise)
    # d(length) / d(height), times d(height) / d(root) = 2 root
    sine = _sine_from(0.0, el_rad)
    vertical = jnp.sqrt(gain * (gain + 2.0 * bottom) + (bottom * sine) ** 2)
    return jnp.sum(weight * each * 2.0 * root * (bottom + gain) / vertical)


def _nodes(start_m: Float[Array, ""]) -> tuple[Float[Array, " node"], Float[Array, " node"]]:
    """Gauss nodes and weights in the root of the height above the station.

    In that variable the path length is smooth down to elevation zero.
    """
    above = jnp.maximum(jnp.concatenate([_EDGES_M - start_m, _GRAZING_M]), 0.0)
    is_above = above > 0.0
    edges = jnp.sort(jnp.where(is_above, jnp.sqrt(jnp.where(is_above, above, 1.0)), 0.0))
    half, middle = 0.5 * (edges[1:] - edges[:-1]), 0.5 * (edges[1:] + edges[:-1])
    root = middle[:, None] + half[:, None] * _NODES[None, :]
    weight = half[:, None] * _WEIGHTS[None, :]
    # Panels below the station have no weight; their nodes must not divide by zero.
    return jnp.where(weight > 0.0, root, 1.0).ravel(), weight.ravel()


def _check_elevation(lowest_rad: float, el_rad: Float[Array, ""] | float) -> None:
    number = known_number("el_rad", el_rad)
    if number is not None and not _is_covered(lowest_rad, number):
        check_between(lowest_rad, 0.5 * np.pi, "rad", el_rad=el_rad)


def _sine_from(lowest_rad: float, el_rad: Float[Array, ""] | float) -> Float[Array, ""]:
    """Sine of the elevation; NaN below the lowest and beyond the zenith."""
    el = jnp.asarray(el_rad, float)
    return jnp.sin(el) + jnp.where(_is_covered(lowest_rad, el), 0.0, jnp.nan)


def _is_covered(lowest_rad: float, el_rad):
    # One rounding beyond the zenith or the limit is no mistake.
    return (el_rad >= lowest_rad - 1e-12) & (el_rad <= 0.5 * np.pi + 1e-12)
