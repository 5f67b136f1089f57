"""Triangle Earth center, satellite, user: spherical Earth, one user.

gamma is the angle off nadir at the satellite, alpha the elevation of the satellite at the user, x
the horizontal distance: in the user's horizontal plane, from the user to the line from the Earth's
center to the satellite.

Source: [gao-power] eq. 2-5, 19-21, corrected.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_between, check_finite, check_positive, known_number
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError

Number = Float[Array, ""] | float
Numbers = Float[Array, "*batch"] | Float[np.ndarray, "*batch"] | float


class Shell(eqx.Module):
    """The sphere that users are on or near, and the one that the satellite is on.

    Attributes:
        earth_radius_m: R.
        orbit_height_m: H above it.
    """

    earth_radius_m: Number = 6371e3
    orbit_height_m: Number = 1200e3

    def __check_init__(self):
        check_positive("m", earth_radius_m=self.earth_radius_m, orbit_height_m=self.orbit_height_m)

    @property
    def sat_radius_m(self) -> Number:
        """R + H."""
        return self.earth_radius_m + self.orbit_height_m

    def limb_rad(self, height_m: Number = 0.0) -> Float[Array, ""]:
        """Largest off-nadir angle at which a sphere of this height is met: asin((R+h)/(R+H))."""
        self.check_height(height_m)
        return jnp.arcsin((self.earth_radius_m + height_m) / self.sat_radius_m)

    def check_height(self, height_m: Number) -> None:
        """Refuse a known height below the Earth's center or above the satellite."""
        check_finite("m", height_m=height_m)
        height = known_number("height_m", height_m)
        low = known_number("earth_radius_m", self.earth_radius_m)
        high = known_number("orbit_height_m", self.orbit_height_m)
        if height is not None and low is not None and high is not None:
            check_between(-low, high, "m", height_m=height)


class Place(NamedTuple):
    """A user as seen in its triangle: height above the sphere and horizontal distance x."""

    height_m: Float[Array, "*batch"]
    distance_m: Float[Array, "*batch"]


def gamma_of_elevation(
    shell: Shell, elevation_rad: Number, height_m: Number = 0.0
) -> Float[Array, ""]:
    """Off-nadir angle [rad]: sin(gamma) = (R+h)/(R+H) cos(alpha).

    NaN where a traced alpha is not in (0, 90] degrees.

    Raises:
        LeopntError: alpha outside of (0, 90] degrees, a height beyond the triangle.
    """
    _check_elevation(elevation_rad)
    shell.check_height(height_m)
    alpha = jnp.asarray(elevation_rad, float)
    ratio = (shell.earth_radius_m + height_m) / shell.sat_radius_m
    up = (alpha > 0.0) & (alpha <= np.pi / 2)
    return jnp.where(up, jnp.arcsin(ratio * jnp.cos(alpha)), jnp.nan)


def range_of_elevation(
    shell: Shell, elevation_rad: Number, height_m: Number = 0.0
) -> Float[Array, ""]:
    """Slant range [m]: sqrt((R+H)^2 - (R+h)^2 cos^2 alpha) - (R+h) sin alpha.

    Raises:
        LeopntError: as `gamma_of_elevation`.
    """
    _check_elevation(elevation_rad)
    shell.check_height(height_m)
    alpha = jnp.asarray(elevation_rad, float)
    radius = shell.earth_radius_m + height_m
    root = jnp.sqrt(shell.sat_radius_m**2 - (radius * jnp.cos(alpha)) ** 2)
    up = (alpha > 0.0) & (alpha <= np.pi / 2)
    return jnp.where(up, root - radius * jnp.sin(alpha), jnp.nan)


def range_of_gamma(
    shell: Shell, gamma_rad: Numbers, height_m: Number = 0.0
) -> Float[Array, "*batch"]:
    """Slant range [m] to the near point at this height; NaN above the limb.

    d = (R+H) cos(gamma) - sqrt((R+h)^2 - (R+H)^2 sin^2 gamma)
    """
    shell.check_height(height_m)
    radius, gamma = shell.earth_radius_m + height_m, jnp.asarray(gamma_rad, float)
    square = radius**2 - (shell.sat_radius_m * jnp.sin(gamma)) ** 2
    root = jnp.sqrt(jnp.where(square >= 0.0, square, jnp.nan))
    return shell.sat_radius_m * jnp.cos(gamma) - root


def elevation_of_gamma(
    shell: Shell, gamma_rad: Numbers, height_m: Number = 0.0
) -> Float[Array, "*batch"]:
    """Elevation [rad]: acos((R+H)/(R+h) sin gamma), eq. 19; NaN above the limb."""
    shell.check_height(height_m)
    radius = shell.earth_radius_m + height_m
    cosine = shell.sat_radius_m / radius * jnp.sin(jnp.asarray(gamma_rad, float))
    return jnp.arccos(jnp.where(jnp.abs(cosine) <= 1.0, cosine, jnp.nan))


def place(shell: Shell, gamma_rad: Numbers, range_m: Numbers) -> Place:
    """Height and horizontal distance of the exact triangle, at any angle and range.

    a = d sin(gamma),  b = R + H - d cos(gamma),  r = hypot(a, b),  h = r - R,  x = r a / b
    """
    return place_of_sine(shell, jnp.sin(gamma_rad), jnp.cos(gamma_rad), range_m)


def place_of_sine(shell: Shell, sine: Numbers, cosine: Numbers, range_m: Numbers) -> Place:
    """As `place`, from sin(gamma) and cos(gamma)."""
    across, along = range_m * sine, shell.sat_radius_m - range_m * cosine
    radius = jnp.hypot(across, along)
    return Place(radius - shell.earth_radius_m, radius * across / along)


class PlaceGradient(NamedTuple):
    """Derivatives of height and horizontal distance by (gamma, d)."""

    height: Float[Array, "2"]
    distance: Float[Array, "2"]


def place_gradient(shell: Shell, gamma_rad: Number, range_m: Number) -> PlaceGradient:
    """Derivatives of `place` by (gamma [rad], d [m]).

    dh/dgamma = (R+H) d sin(gamma) / r,      dh/dd = (d - (R+H) cos(gamma)) / r
    dx = (a/b) dh + (r/b) da - (r a / b^2) db
    """
    sine, cosine = jnp.sin(gamma_rad), jnp.cos(gamma_rad)
    a, b = range_m * sine, shell.sat_radius_m - range_m * cosine
    r = jnp.hypot(a, b)
    height = jnp.stack([shell.sat_radius_m * a / r, (range_m - shell.sat_radius_m * cosine) / r])
    of_a = jnp.stack([range_m * cosine, sine])
    of_b = jnp.stack([a, -cosine])
    return PlaceGradient(height, (a * height + r * of_a - r * a / b * of_b) / b)


def seed_place(shell: Shell, gamma_rad: Numbers, range_m: Numbers) -> Place:
    """Height and horizontal distance as published (eq. 19-21); NaN above the limb.

        alpha = acos((R+H)/R sin(gamma)),   that of a user at h = 0, then
        h = -R - d sin(alpha) + sqrt((R+H)^2 - d^2 cos^2 alpha),   x = d sin(gamma)/sin(alpha+gamma)

    Not self-consistent: an error of d enters h up to 3.5 times too large at low elevation.
    """
    gamma, d = jnp.asarray(gamma_rad, float), jnp.asarray(range_m, float)
    alpha = elevation_of_gamma(shell, gamma)
    root = jnp.sqrt(shell.sat_radius_m**2 - (d * jnp.cos(alpha)) ** 2)
    height = -shell.earth_radius_m - d * jnp.sin(alpha) + root
    return Place(height, d * jnp.sin(gamma) / jnp.sin(alpha + gamma))


def timing_error_s(range_m: Numbers, true_range_m: Numbers) -> Float[Array, "*batch"]:
    """|d_r - d| / c: what a wrong range does to a time transfer."""
    return jnp.abs(jnp.asarray(true_range_m) - range_m) / SPEED_OF_LIGHT_MPS


def position_m(
    shell: Shell, gamma_rad: Numbers, beta_rad: Numbers, range_m: Numbers
) -> Float[Array, "*batch 3"]:
    """Position [m] from the Earth's center, Z to the satellite, X and Y along the antenna's axes.

    Left-handed: X and Y are those of an antenna whose z axis is nadir. For distances only.
    """
    sine = jnp.sin(gamma_rad)
    across = range_m * sine
    up = shell.sat_radius_m - range_m * jnp.cos(gamma_rad)
    return jnp.stack([across * jnp.cos(beta_rad), across * jnp.sin(beta_rad), up], axis=-1)


def _check_elevation(elevation_rad: Number) -> None:
    alpha = known_number("elevation_rad", elevation_rad)
    if alpha is not None and not 0.0 < alpha <= np.pi / 2:
        raise LeopntError(f"elevation_rad = {alpha:g} rad: expected above 0, up to pi/2.")
