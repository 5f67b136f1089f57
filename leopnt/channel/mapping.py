"""Mapping functions: how much longer the way through the troposphere is at an elevation.

`ReferenceMapping` serves simulations. For real data `niell_mapping` needs nothing but the place and
the day, `global_mapping` is a fit to weather models (GMF), and `vienna_mapping` (VMF1) takes
coefficients of the day from a file of the user.
"""

from __future__ import annotations

import abc
import functools
from importlib.resources import files

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from leopnt.channel._batches import above_zero, between, numbers

_HEIGHT_FRACTION = (2.53e-5, 5.49e-3, 1.14e-3)
_DAY_OF_PHASE_MJD = 44_239 - 1 + 28  # 28 January 1980
_YEAR_DAYS = 365.25

# Niell (1996), tables 3 and 4: at latitudes of 15, 30, 45, 60 and 75 degrees.
_NIELL_LAT_RAD = np.radians([15.0, 30.0, 45.0, 60.0, 75.0])
_NIELL_MEAN = np.array(
    [
        [1.2769934e-3, 1.2683230e-3, 1.2465397e-3, 1.2196049e-3, 1.2045996e-3],
        [2.9153695e-3, 2.9152299e-3, 2.9288445e-3, 2.9022565e-3, 2.9024912e-3],
        [62.610505e-3, 62.837393e-3, 63.721774e-3, 63.824265e-3, 64.258455e-3],
    ]
)
_NIELL_AMPLITUDE = np.array(
    [
        [0.0, 1.2709626e-5, 2.6523662e-5, 3.4000452e-5, 4.1202191e-5],
        [0.0, 2.1414979e-5, 3.0160779e-5, 7.2562722e-5, 11.723375e-5],
        [0.0, 9.0128400e-5, 4.3497037e-5, 84.795348e-5, 170.37206e-5],
    ]
)
_NIELL_WET = np.array(
    [
        [5.8021897e-4, 5.6794847e-4, 5.8118019e-4, 5.9727542e-4, 6.1641693e-4],
        [1.4275268e-3, 1.5138625e-3, 1.4572752e-3, 1.5007428e-3, 1.7599082e-3],
        [4.3472961e-2, 4.6729510e-2, 4.3908931e-2, 4.4626982e-2, 5.4736038e-2],
    ]
)
_VIENNA_B = 0.0029
_VIENNA_C0 = 0.062
_VIENNA_WET_B, _VIENNA_WET_C = 0.00146, 0.04391
_DEGREE = 9


class Factors(eqx.Module):
    """Slant over zenith delay.

    Attributes:
        hydrostatic: of the hydrostatic delay.
        wet: of the wet delay, also the partial derivative by an estimated zenith delay.
    """

    hydrostatic: Float[Array, "..."]
    wet: Float[Array, "..."]


class AbstractMapping(eqx.Module):
    """How zenith delays become slant delays."""

    @abc.abstractmethod
    def factors(self, el_rad: Float[ArrayLike, "..."]) -> Factors:
        """Factors at elevations [rad], above 0 to pi/2, geometric (in vacuum)."""


class ReferenceMapping(AbstractMapping):
    """m = 1.001 / sqrt(0.002001 + sin^2 el) for both parts: simple, right to 1 % from 10 degrees.

    Source: Black and Eisner (1984), as RTCA DO-229 takes it.
    """

    def factors(self, el_rad: Float[ArrayLike, "..."]) -> Factors:
        factor = 1.001 / jnp.sqrt(0.002001 + _sine(el_rad) ** 2)
        return Factors(factor, factor)


class ContinuedFraction(AbstractMapping):
    """Normalized continued fractions of Herring in sin(el), with a term of height.

        m = f(1) / f(sin el),   f(s) = s + a / (s + b / (s + c))
        m_h += (1 / sin el - m(a_ht, b_ht, c_ht)) h / km

    Made by `niell_mapping`, `global_mapping` and `vienna_mapping`; axes of the fields broadcast
    against those of the elevations.

    Attributes:
        hydrostatic: a, b, c.
        wet: a, b, c.
        height_m: station above sea level; 0 if the coefficients are those of the station itself.

    Source: [niell-1996], eq. 4 and 6; Herring (1992).
    """

    hydrostatic: tuple[Float[ArrayLike, "..."], ...]
    wet: tuple[Float[ArrayLike, "..."], ...]
    height_m: Float[ArrayLike, "..."]

    def factors(self, el_rad: Float[ArrayLike, "..."]) -> Factors:
        sine, height, *abc_ = numbers(
            el_rad=_sine(el_rad),
            height_m=self.height_m,
            **{f"hydrostatic_{i}": one for i, one in enumerate(self.hydrostatic)},
            **{f"wet_{i}": one for i, one in enumerate(self.wet)},
        )
        rise = 1.0 / sine - _fraction(sine, *_HEIGHT_FRACTION)
        return Factors(
            _fraction(sine, *abc_[:3]) + 1e-3 * height * rise, _fraction(sine, *abc_[3:])
        )


def niell_mapping(
    lat_rad: Float[ArrayLike, "..."],
    height_m: Float[ArrayLike, "..."],
    mjd: Float[ArrayLike, "..."],
) -> ContinuedFraction:
    """Mapping function of Niell (NMF): place and season, no weather.

    Args:
        lat_rad: latitude.
        height_m: above sea level, -500 m to 20 km.
        mjd: modified Julian date, any time scale.

    Raises:
        LeopntError: a latitude or height outside, shapes that do not fit.

    Source: [niell-1996], tables 3 and 4. The day of phase is 28 January.
    """
    lat, height, day = _place(lat_rad, height_m, mjd)
    season = jnp.cos(_season_rad(day) + jnp.where(lat < 0.0, jnp.pi, 0.0))
    at = jnp.abs(lat)

    def line(values):
        return jnp.interp(at, _NIELL_LAT_RAD, values)

    hydrostatic = tuple(
        line(mean) - season * line(amplitude)
        for mean, amplitude in zip(_NIELL_MEAN, _NIELL_AMPLITUDE, strict=True)
    )
    return ContinuedFraction(hydrostatic, tuple(line(values) for values in _NIELL_WET), height)


def vienna_mapping(
    a_hydrostatic: Float[ArrayLike, "..."],
    a_wet: Float[ArrayLike, "..."],
    lat_rad: Float[ArrayLike, "..."],
    height_m: Float[ArrayLike, "..."],
    mjd: Float[ArrayLike, "..."],
) -> ContinuedFraction:
    """Vienna mapping function 1 (VMF1), with coefficients a of the day.

    Args:
        a_hydrostatic, a_wet: of the epoch, from the files of the Vienna mapping functions.
        lat_rad: latitude.
        height_m: station above sea level for coefficients of a grid (which are for sea level); 0
            for coefficients computed for the station.
        mjd: modified Julian date, any time scale.

    Raises:
        LeopntError: coefficients not above zero, a latitude or height outside, shapes that do not
            fit.

    Source: [boehm-vmf1]; [iers-2010], software VMF1 and VMF1_HT.
    """
    lat, height, day = _place(lat_rad, height_m, mjd)
    above_zero("", a_hydrostatic=a_hydrostatic, a_wet=a_wet)
    a_h, a_w, lat, height, day = numbers(
        a_hydrostatic=a_hydrostatic, a_wet=a_wet, lat_rad=lat, height_m=height, mjd=day
    )
    is_south = lat < 0.0
    phase = jnp.where(is_south, jnp.pi, 0.0)
    c11, c10 = jnp.where(is_south, 0.007, 0.005), jnp.where(is_south, 0.002, 0.001)
    season = jnp.cos(_season_rad(day) + phase)
    c = _VIENNA_C0 + (0.5 * c11 * (season + 1.0) + c10) * (1.0 - jnp.cos(lat))
    return ContinuedFraction(
        (a_h, jnp.full_like(a_h, _VIENNA_B), c),
        (a_w, jnp.full_like(a_w, _VIENNA_WET_B), jnp.full_like(a_w, _VIENNA_WET_C)),
        height,
    )


def global_mapping(
    lat_rad: Float[ArrayLike, "..."],
    lon_rad: Float[ArrayLike, "..."],
    height_m: Float[ArrayLike, "..."],
    mjd: Float[ArrayLike, "..."],
) -> ContinuedFraction:
    """Global mapping function (GMF): VMF1 with coefficients from harmonics of place and season.

    Args:
        lat_rad, lon_rad: ellipsoidal latitude and longitude.
        height_m: above sea level, -500 m to 20 km.
        mjd: modified Julian date, any time scale.

    Raises:
        LeopntError: a latitude or height outside, shapes that do not fit.

    Source: [boehm-gmf]; [iers-2010], software GMF.
    """
    lat, height, day = _place(lat_rad, height_m, mjd)
    lat, lon, height, day = numbers(lat_rad=lat, lon_rad=lon_rad, height_m=height, mjd=day)
    harmonics = _harmonics(lat, lon)
    season = jnp.cos(_season_rad(day))

    def fitted(part: str):
        table = _table()
        mean, amplitude = (
            1e-5 * harmonics @ table[f"{part}_{kind}"] for kind in ("mean", "amplitude")
        )
        return mean + amplitude * season

    return vienna_mapping(fitted("hydrostatic"), fitted("wet"), lat, height, day)


@functools.cache
def _table() -> dict[str, np.ndarray]:
    """Coefficients of the cosines, then of the sines, by degree 0 to 9 and order."""
    with (files("leopnt.channel") / "data" / "global_mapping.csv").open() as file:
        table = np.loadtxt(file, delimiter=",", skiprows=1)
    names = ("hydrostatic_mean", "hydrostatic_amplitude", "wet_mean", "wet_amplitude")
    # Columns: degree, order, then the cosine and the sine of each.
    return {name: table[:, 2 + 2 * i : 4 + 2 * i].T.ravel() for i, name in enumerate(names)}


def _harmonics(lat, lon):
    """Unnormalized P_nm(sin lat) cos(m lon), then those with the sine, as columns.

    P_nm without the Condon-Shortley phase, by the recursion in degree.
    """
    sine, cosine = jnp.sin(lat), jnp.cos(lat)
    p = {(0, 0): jnp.ones_like(sine)}
    for m in range(1, _DEGREE + 1):
        p[m, m] = (2 * m - 1) * cosine * p[m - 1, m - 1]
    for m in range(_DEGREE + 1):
        for n in range(m + 1, _DEGREE + 1):
            before = p.get((n - 2, m), 0.0)
            p[n, m] = ((2 * n - 1) * sine * p[n - 1, m] - (n + m - 1) * before) / (n - m)
    pairs = [(n, m) for n in range(_DEGREE + 1) for m in range(n + 1)]
    cosines = [p[n, m] * jnp.cos(m * lon) for n, m in pairs]
    sines = [p[n, m] * jnp.sin(m * lon) for n, m in pairs]
    return jnp.stack(cosines + sines, axis=-1)


def _place(lat_rad, height_m, mjd):
    lat, height, day = numbers(lat_rad=lat_rad, height_m=height_m, mjd=mjd)
    between(-0.5 * np.pi, 0.5 * np.pi, "rad", lat_rad=lat)
    between(-500.0, 20e3, "m", height_m=height)
    return lat, height, day


def _season_rad(mjd):
    return (mjd - _DAY_OF_PHASE_MJD) / _YEAR_DAYS * 2.0 * jnp.pi


def _sine(el_rad):
    (el,) = numbers(el_rad=el_rad)
    between(0.0, 0.5 * np.pi, "rad", el_rad=el)
    above_zero("rad", el_rad=el)
    return jnp.sin(el)


def _fraction(sine, a, b, c):
    return (1.0 + a / (1.0 + b / (1.0 + c))) / (sine + a / (sine + b / (sine + c)))
