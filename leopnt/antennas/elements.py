"""Amplitude gain of an array's element against the elevation from the array plane."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_between


class SineElement(eqx.Module):
    """G = sin(el)^q, an amplitude: the cosine of the angle off boresight to the power q.

    Not normalized over the sphere; zero in the array plane and behind it.

    Attributes:
        exponent: q of the amplitude (of the power it is 2 q), 0 or more.

    Source: [zhang-pace] table I, which prints cos(el): its elevation is not that of its eq. 2.
    """

    exponent: Float[Array, ""] | float = 1.0

    def __check_init__(self):
        check_between(0.0, np.inf, "", exponent=self.exponent)

    def amplitude(self, el_rad: Float[Array, ""] | float) -> Float[Array, ""]:
        """Amplitude gain at an elevation [rad] from the array plane."""
        sine = jnp.sin(jnp.asarray(el_rad, float))
        is_front = sine > 0.0
        return jnp.where(is_front, jnp.where(is_front, sine, 1.0) ** self.exponent, 0.0)

    def slope(self, el_rad: Float[Array, ""] | float) -> Float[Array, ""]:
        """D amplitude / d el [1/rad]; 0 in the array plane and behind it."""
        el = jnp.asarray(el_rad, float)
        sine = jnp.sin(el)
        is_front = sine > 0.0
        power = jnp.where(is_front, sine, 1.0) ** (self.exponent - 1.0)
        return jnp.where(is_front, self.exponent * power * jnp.cos(el), 0.0)
