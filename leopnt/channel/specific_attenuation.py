"""Attenuation per length by oxygen and water vapor, summed line by line."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_between
from leopnt.channel.reference_atmosphere import AirState

LOWEST_HZ, HIGHEST_HZ = 1e9, 1e12
"""Carriers for which the sums hold."""

_DBPM_PER_DBPKM = 1e-3
_HPA_PER_PA = 1e-2


def oxygen_attenuation_dbpm(
    carrier_hz: Float[Array, ""] | float, air: AirState
) -> Float[Array, ""]:
    """Specific attenuation [dB/m] by dry air: 44 oxygen lines, Debye and nitrogen continuum.

        gamma = 0.182 f (sum_i S_i F_i + N_D)   [dB/km, f in GHz]

    Args:
        carrier_hz: 1 GHz to 1 THz; NaN where a traced one lies outside.
        air: at the place.

    Raises:
        LeopntError: a carrier outside.

    Source: Recommendation ITU-R P.676-13, Annex 1, eq. 1 to 9 (as in editions 11 and 12).
    """
    f = _gigahertz(carrier_hz)
    p, e, theta = _scaled(air)
    line, a1, a2, a3, a4, a5, a6 = lines("oxygen_lines.csv")
    strength = 1e-7 * a1 * p * theta**3 * jnp.exp(a2 * (1.0 - theta))
    width = 1e-4 * a3 * (p * theta ** (0.8 - a4) + 1.1 * e * theta)
    width = jnp.sqrt(width**2 + 2.25e-6)  # Zeeman splitting
    mixing = 1e-4 * (a5 + a6 * theta) * (p + e) * theta**0.8
    shape = _shape(f, line, width, mixing)
    return _attenuation(f, strength @ shape + _dry_continuum(f, p, e, theta))


def water_vapor_attenuation_dbpm(
    carrier_hz: Float[Array, ""] | float, air: AirState
) -> Float[Array, ""]:
    """Specific attenuation [dB/m] by water vapor: 35 lines, one of them for the continuum.

    Args, raises and source: as `oxygen_attenuation_dbpm`.
    """
    f = _gigahertz(carrier_hz)
    p, e, theta = _scaled(air)
    line, b1, b2, b3, b4, b5, b6 = lines("water_vapor_lines.csv")
    strength = 0.1 * b1 * e * theta**3.5 * jnp.exp(b2 * (1.0 - theta))
    width = 1e-4 * b3 * (p * theta**b4 + b5 * e * theta**b6)
    # Doppler broadening
    width = 0.535 * width + jnp.sqrt(0.217 * width**2 + 2.1316e-12 * line**2 / theta)
    return _attenuation(f, strength @ _shape(f, line, width, jnp.zeros_like(width)))


@cache
def lines(name: str) -> tuple[Float[np.ndarray, " line"], ...]:
    """Columns of a table of spectral lines: line [GHz] and six coefficients."""
    with (files("leopnt.channel") / "data" / name).open() as file:
        return tuple(np.loadtxt(file, delimiter=",", skiprows=1).T)


def _gigahertz(carrier_hz: Float[Array, ""] | float) -> Float[Array, ""]:
    check_between(LOWEST_HZ, HIGHEST_HZ, "Hz", carrier_hz=carrier_hz)
    carrier = jnp.asarray(carrier_hz, float)
    is_valid = (carrier >= LOWEST_HZ) & (carrier <= HIGHEST_HZ)
    return 1e-9 * carrier + jnp.where(is_valid, 0.0, jnp.nan)


def _scaled(air: AirState) -> tuple[Array, Array, Array]:
    """Dry and vapor pressure [hPa], and 300 K over the temperature."""
    dry = _HPA_PER_PA * jnp.asarray(air.dry_pressure_pa, float)
    vapor = _HPA_PER_PA * air.vapor_pressure_pa
    return dry, vapor, 300.0 / jnp.asarray(air.temperature_k, float)


def _shape(f, line, width, mixing) -> Float[Array, " line"]:
    """Line shapes: lines, widths and line mixing in GHz."""
    below, above = line - f, line + f
    near = (width - mixing * below) / (below**2 + width**2)
    far = (width - mixing * above) / (above**2 + width**2)
    return f / line * (near + far)


def _dry_continuum(f: Array, p: Array, e: Array, theta: Array) -> Float[Array, ""]:
    d = 5.6e-4 * (p + e) * theta**0.8
    # 6.14e-5 / (d (1 + (f/d)^2)), finite without air
    debye = 6.14e-5 * d / (d**2 + f**2)
    nitrogen = 1.4e-12 * p * theta**1.5 / (1.0 + 1.9e-5 * f**1.5)
    return f * p * theta**2 * (debye + nitrogen)


def _attenuation(f, refractivity) -> Float[Array, ""]:
    return _DBPM_PER_DBPKM * 0.1820 * f * refractivity
