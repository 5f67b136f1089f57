"""Steering vector of a planar array: phase of a plane wave at each element, and its derivatives.

Elevation is measured from the array plane: boresight is at pi/2, where azimuth means nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from leopnt.antennas._inputs import check_count, check_positive

Angle = Float[Array, ""] | float
Angles = Float[Array, "*direction"] | float

_BORESIGHT_COSINE = 1e-15
"""cos(pi/2) in floating point is 6e-17, not zero: azimuth must not count there."""


class Steering(NamedTuple):
    """Steering vector and its derivatives by azimuth and elevation [1/rad]."""

    vector: Complex[Array, " ant"]
    by_az: Complex[Array, " ant"]
    by_el: Complex[Array, " ant"]


class UniformPlanarArray(eqx.Module):
    """A rectangular grid of elements in the local x-y plane; element (0, 0) is the phase reference.

        a = exp(-2 pi i phi_h [0..Nh-1]) kron exp(-2 pi i phi_v [0..Nv-1])
        phi_h = spacing cos(az) cos(el),   phi_v = spacing sin(az) cos(el)

    The h index runs with local x and varies slowest; the v index runs with local y.

    Attributes:
        num_h, num_v: elements along x and y.
        spacing_wavelengths: distance of neighbors over the wavelength.

    Source: [zhang-pace] eq. 2.
    """

    num_h: int = eqx.field(static=True)
    num_v: int = eqx.field(static=True)
    spacing_wavelengths: Float[Array, ""] | float = 0.5

    def __check_init__(self):
        check_count(1, num_h=self.num_h, num_v=self.num_v)
        check_positive("wavelengths", spacing_wavelengths=self.spacing_wavelengths)

    @property
    def num_ant(self) -> int:
        """Nh Nv."""
        return self.num_h * self.num_v

    def steering(self, az_rad: Angle, el_rad: Angle) -> Complex[Array, " ant"]:
        """Steering vector towards a direction; its first entry is 1."""
        turn_h, turn_v = self.turns(az_rad, el_rad)
        return jnp.exp(-1j * (self._index_h() * turn_h + self._index_v() * turn_v))

    def steering_derivatives(self, az_rad: Angle, el_rad: Angle) -> Steering:
        """Steering vector and derivatives; at boresight that by azimuth is exactly zero."""
        turn_h, turn_v = self.turns(az_rad, el_rad)
        step = 2.0 * jnp.pi * self.spacing_wavelengths * jnp.sin(jnp.asarray(el_rad, float))
        h, v = self._index_h(), self._index_v()
        vector = jnp.exp(-1j * (h * turn_h + v * turn_v))
        by_az = -1j * (jnp.asarray(v) * turn_h - jnp.asarray(h) * turn_v) * vector
        by_el = 1j * step * (h * jnp.cos(az_rad) + v * jnp.sin(az_rad)) * vector
        return Steering(vector, by_az, by_el)

    def turns(
        self, az_rad: Angles, el_rad: Angles
    ) -> tuple[Float[Array, "*direction"], Float[Array, "*direction"]]:
        """Phase [rad] from an element to the next, 2 pi phi_h and 2 pi phi_v, of any directions."""
        az, el = jnp.asarray(az_rad, float), jnp.asarray(el_rad, float)
        cosine = jnp.cos(el)
        cosine = jnp.where(jnp.abs(cosine) < _BORESIGHT_COSINE, 0.0, cosine)
        step = 2.0 * jnp.pi * self.spacing_wavelengths * cosine
        return step * jnp.cos(az), step * jnp.sin(az)

    def _index_h(self) -> np.ndarray:
        return np.repeat(np.arange(float(self.num_h)), self.num_v)

    def _index_v(self) -> np.ndarray:
        return np.tile(np.arange(float(self.num_v)), self.num_h)


def correlation(
    array: UniformPlanarArray,
    az_a_rad: Angles,
    el_a_rad: Angles,
    az_b_rad: Angles,
    el_b_rad: Angles,
) -> Complex[Array, "*direction"]:
    """a(a)^H a(b) / N of two directions, in closed form: two Dirichlet kernels.

    Its square modulus is the power that a beam at direction a has at b, over that at a.
    """
    turn_a, turn_b = array.turns(az_a_rad, el_a_rad), array.turns(az_b_rad, el_b_rad)
    h = dirichlet(array.num_h, turn_a[0] - turn_b[0])
    return h * dirichlet(array.num_v, turn_a[1] - turn_b[1])


def dirichlet(num: int, turn_rad: Angles) -> Complex[Array, "*direction"]:
    """Mean of exp(i n turn) over n = 0..num-1."""
    half = 0.5 * jnp.asarray(turn_rad, float)
    phase = (num - 1) * half
    return _kernel(num, half) * (jnp.cos(phase) + 1j * jnp.sin(phase))


def dirichlet_power(num: int, turn_rad: Angles) -> Float[Array, "*direction"]:
    """Square modulus of `dirichlet`: a sine less."""
    return _kernel(num, 0.5 * jnp.asarray(turn_rad, float)) ** 2


def _kernel(num: int, half: Float[Array, "*direction"]) -> Float[Array, "*direction"]:
    """sin(num x) / (num sin x), by its series where both vanish."""
    sine = jnp.sin(half)
    is_peak = jnp.abs(sine) < 1e-7
    # At x = m pi the value is cos(m pi)^(num - 1), flat to second order.
    peak = jnp.where(num % 2 == 1, 1.0, jnp.cos(half))
    ratio = jnp.sin(num * half) / (num * jnp.where(is_peak, 1.0, sine))
    return jnp.where(is_peak, peak, ratio)
