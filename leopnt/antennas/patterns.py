"""Gain of an element or antenna against the angle off its boresight.

All patterns are round (no azimuth), even in the angle, and have slope zero at boresight.
"""

from __future__ import annotations

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._bessel import aperture_transform
from leopnt.antennas._inputs import check_between, check_count, check_finite, check_positive
from leopnt.antennas.decibels import from_db, to_db
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError


class AbstractPattern(eqx.Module):
    """Gain over an isotropic antenna. A new pattern defines `gain` for one angle."""

    @abc.abstractmethod
    def gain(self, angle_rad: Float[Array, ""] | float) -> Float[Array, ""]:
        """Gain as a power ratio at an angle [rad] off boresight, -pi to pi."""

    def gain_dbi(self, angle_rad: Float[Array, ""] | float) -> Float[Array, ""]:
        """Gain [dBi]; -infinity in a null."""
        return to_db(self.gain(angle_rad))


class Isotropic(AbstractPattern):
    """0 dBi in every direction."""

    def gain(self, angle_rad: Float[Array, ""] | float) -> Float[Array, ""]:
        return jnp.where(jnp.isnan(_angle(angle_rad)), jnp.nan, 1.0)


class CosinePower(AbstractPattern):
    """A lossless element that radiates forward only.

        G = 2 (q + 1) cos^q(angle)   up to 90 degrees, 0 behind

    The factor makes the mean over the sphere one.

    Attributes:
        exponent: q of power (not of field), 0 or more.
    """

    exponent: Float[Array, ""] | float

    def __check_init__(self):
        check_between(0.0, np.inf, "", exponent=self.exponent)

    def gain(self, angle_rad: Float[Array, ""] | float) -> Float[Array, ""]:
        cosine = jnp.cos(_angle(angle_rad))
        is_behind = cosine <= 0.0
        peak = 2.0 * (jnp.asarray(self.exponent, float) + 1.0)
        return jnp.where(is_behind, 0.0, peak * jnp.where(is_behind, 1.0, cosine) ** self.exponent)


class CircularAperture(AbstractPattern):
    """A round aperture in an infinite screen, zero behind it.

        G = G0 |Gamma(n + 2) (2/x)^(n+1) J_(n+1)(x)|^2,   x = k a sin(angle)

    For uniform illumination (n = 0) this is 4 |J1(x)/x|^2. A taper of n lights the aperture as
    (1 - (r/a)^2)^n: a wider main lobe, lower side lobes.

    Attributes:
        radius_wavelengths: a over the wavelength.
        peak_dbi: G0.
        taper: n, 0 to 3.

    Source: 3GPP TR 38.811 sec. 6.4.1 (n = 0); Balanis, Antenna Theory, 4th ed., table 12.2.
    """

    radius_wavelengths: Float[Array, ""] | float
    peak_dbi: Float[Array, ""] | float
    taper: int = eqx.field(static=True, default=0)

    def __check_init__(self):
        check_positive("", radius_wavelengths=self.radius_wavelengths)
        check_finite("dBi", peak_dbi=self.peak_dbi)
        check_count(0, taper=self.taper)
        if self.taper > 3:
            raise LeopntError(f"taper = {self.taper}: expected an integer of 0 to 3.")

    @staticmethod
    def from_size(
        radius_m: Float[Array, ""] | float,
        carrier_hz: Float[Array, ""] | float,
        *,
        efficiency: Float[Array, ""] | float = 1.0,
        taper: int = 0,
    ) -> CircularAperture:
        """With the peak that the size gives: G0 = efficiency (k a)^2 (2 n + 1) / (n + 1)^2.

        Args:
            radius_m: of the aperture.
            carrier_hz: at which it is used.
            efficiency: what remains beside the loss by the taper, above 0 to 1.
            taper: n, 0 to 3.
        """
        check_positive("m", radius_m=radius_m)
        check_positive("Hz", carrier_hz=carrier_hz)
        check_positive("", efficiency=efficiency)
        check_between(0.0, 1.0, "", efficiency=efficiency)
        check_count(0, taper=taper)
        radius = radius_m * carrier_hz / SPEED_OF_LIGHT_MPS
        by_taper = (2.0 * taper + 1.0) / (taper + 1.0) ** 2
        peak = efficiency * by_taper * (2.0 * np.pi * radius) ** 2
        return CircularAperture(radius, to_db(peak), taper)

    def gain(self, angle_rad: Float[Array, ""] | float) -> Float[Array, ""]:
        angle = _angle(angle_rad)
        x = 2.0 * np.pi * self.radius_wavelengths * jnp.sin(angle)
        field = aperture_transform(self.taper + 1, x)
        return jnp.where(jnp.cos(angle) < 0.0, 0.0, from_db(self.peak_dbi) * field**2)


class ParabolicBeam(AbstractPattern):
    """A beam of known width with a floor, in decibels a parabola.

        G_dB = G0 - min(12 (angle / width)^2, depth)

    Attributes:
        peak_dbi: G0.
        width_rad: between the two -3 dB points.
        depth_db: of the floor below the peak; 3GPP takes 30 dB.

    Source: 3GPP TR 38.901 table 7.3-1.
    """

    peak_dbi: Float[Array, ""] | float
    width_rad: Float[Array, ""] | float
    depth_db: Float[Array, ""] | float = 30.0

    def __check_init__(self):
        check_finite("dBi", peak_dbi=self.peak_dbi)
        check_positive("rad", width_rad=self.width_rad)
        check_between(0.0, np.inf, "dB", depth_db=self.depth_db)

    def gain(self, angle_rad: Float[Array, ""] | float) -> Float[Array, ""]:
        down_db = 12.0 * (_angle(angle_rad) / self.width_rad) ** 2
        return from_db(self.peak_dbi - jnp.minimum(down_db, self.depth_db))


class HemisphericalPatch(AbstractPattern):
    """A receiving patch for the whole sky: decibels linear in the cosine.

        G_dB = horizon + (peak - horizon) cos(angle)

    A stand-in for a pattern that was not measured; at the back it falls to 2 horizon - peak.

    Attributes:
        peak_dbi: at boresight (zenith).
        horizon_dbi: at 90 degrees, at most `peak_dbi`.
    """

    peak_dbi: Float[Array, ""] | float = 5.0
    horizon_dbi: Float[Array, ""] | float = -5.0

    def __check_init__(self):
        check_finite("dBi", peak_dbi=self.peak_dbi, horizon_dbi=self.horizon_dbi)
        check_between(0.0, np.inf, "dB", **{"peak_dbi - horizon_dbi": self._drop_db()})

    def gain(self, angle_rad: Float[Array, ""] | float) -> Float[Array, ""]:
        return from_db(self.horizon_dbi + self._drop_db() * jnp.cos(_angle(angle_rad)))

    def _drop_db(self) -> Float[Array, ""] | float:
        return self.peak_dbi - self.horizon_dbi


def angle_off_boresight(
    direction: Float[Array, "3"], boresight: Float[Array, "3"]
) -> Float[Array, ""]:
    """Angle [rad] between two directions of any length, 0 to pi.

    Exact near 0 and pi; there, where the angle has no derivative, its derivative reads zero, which
    is that of every pattern.
    """
    cross = jnp.cross(direction, boresight)
    square = cross @ cross
    is_aligned = square == 0.0
    sine = jnp.where(is_aligned, 0.0, jnp.sqrt(jnp.where(is_aligned, 1.0, square)))
    return jnp.arctan2(sine, direction @ boresight)


def _angle(angle_rad: Float[Array, ""] | float) -> Float[Array, ""]:
    """The angle as an array; NaN where a traced one lies outside -pi to pi."""
    check_between(-np.pi, np.pi, "rad", angle_rad=angle_rad)
    angle = jnp.asarray(angle_rad, float)
    return angle + jnp.where(jnp.abs(angle) <= np.pi, 0.0, jnp.nan)
