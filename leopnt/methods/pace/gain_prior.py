"""What a satellite believes of a user's gain once it has estimated it: shrinkage by a prior."""

from __future__ import annotations

import abc
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import i0e, i1e
from jaxtyping import Array, Complex, Float

from leopnt.methods.pace._beam_inputs import (
    check_above_zero,
    check_finite_values,
    check_not_negative,
)


class GainBelief(NamedTuple):
    """Mean of the gain given its estimate, E[g | g_hat], and variance E|g - mean|^2 around it."""

    mean: Complex[Array, "*link"]
    variance: Float[Array, "*link"]


class AbstractGainPrior(eqx.Module):
    """What is known of a complex gain before it is estimated. A new one defines `belief`."""

    @abc.abstractmethod
    def belief(
        self,
        estimate: Complex[Array, "*link"],
        error_variance: Float[Array, "*link"] | float,
    ) -> GainBelief:
        """Mean and variance of g, given g_hat = g + n.

        Args:
            estimate: g_hat.
            error_variance: E|n|^2, 0 or more, n circular Gaussian; `unit` / N for PACE (see
                `pace_channels`).
        """


class CircularGain(AbstractGainPrior):
    """Circular Gaussian gain of zero mean: fading, or a link budget that is known on average.

        E[g | g_hat] = s g_hat,   variance = s v,   s = p / (p + v)

    Attributes:
        power: p = E|g|^2 of each link; it broadcasts to the estimates, and so does their error.
    """

    power: Float[Array, "*link"] | float

    def __check_init__(self):
        check_above_zero(power=self.power)

    def belief(self, estimate, error_variance):
        check_finite_values(estimate=estimate)
        check_not_negative(error_variance=error_variance)
        power, noise = (jnp.broadcast_to(x, estimate.shape) for x in (self.power, error_variance))
        share = power / (power + noise)
        return GainBelief(share * estimate, share * noise)


class KnownModulus(AbstractGainPrior):
    """Gain of a modulus that the link budget tells, with a phase that nobody knows.

        E[g | g_hat] = m I1(q) / I0(q) g_hat / |g_hat|,   q = 2 m |g_hat| / v
        variance = m^2 (1 - (I1(q) / I0(q))^2)

    with I0, I1 modified Bessel functions: the phase is von Mises around that of the estimate.

    Attributes:
        modulus: m = |g| of each link.
    """

    modulus: Float[Array, "*link"] | float

    def __check_init__(self):
        check_above_zero(modulus=self.modulus)

    def belief(self, estimate, error_variance):
        check_finite_values(estimate=estimate)
        check_not_negative(error_variance=error_variance)
        size = jnp.sqrt(estimate.real**2 + estimate.imag**2)
        turn = jnp.where(size > 0, estimate / jnp.where(size > 0, size, 1.0), 0.0)
        # Without an error the concentration is infinite; 1e300 is as good.
        noise = jnp.maximum(jnp.broadcast_to(error_variance, estimate.shape), 1e-300)
        modulus = jnp.broadcast_to(self.modulus, estimate.shape)
        concentration = jnp.minimum(2.0 * modulus * size / noise, 1e300)
        share = i1e(concentration) / i0e(concentration)
        variance = modulus**2 * (1.0 - share) * (1.0 + share)
        return GainBelief(modulus * share * turn, variance)
