"""Robust losses: how much a link's squared whitened residual counts."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.noise.base import check_positive


class AbstractLoss(eqx.Module):
    """A function rho(s) of the squared whitened residual s, replacing s in the cost s/2."""

    @abc.abstractmethod
    def value(self, square: Float[Array, ""]) -> Float[Array, ""]:
        """rho(s)."""

    @abc.abstractmethod
    def weight(self, square: Float[Array, ""]) -> Float[Array, ""]:
        """rho'(s), the factor on the link's information."""


class Huber(AbstractLoss):
    """Quadratic up to `threshold` sigma, linear beyond.

    The default threshold gives 95 % efficiency on Gaussian noise.
    Source: Huber, Ann. Math. Statist. 35 (1964) 73.
    """

    threshold: Float[Array, ""] | float = 1.345

    def __check_init__(self):
        check_positive("Huber", "threshold", self.threshold)

    def value(self, square: Float[Array, ""]) -> Float[Array, ""]:
        k = self.threshold
        outside = square > k**2
        root = jnp.sqrt(jnp.where(outside, square, 1.0))
        return jnp.where(outside, 2 * k * root - k**2, square)

    def weight(self, square: Float[Array, ""]) -> Float[Array, ""]:
        k = self.threshold
        outside = square > k**2
        return jnp.where(outside, k / jnp.sqrt(jnp.where(outside, square, 1.0)), 1.0)


class Cauchy(AbstractLoss):
    """rho(s) = k^2 ln(1 + s/k^2); redescending, for starts with many outliers.

    The default scale gives 95 % efficiency on Gaussian noise.
    Source: Holland & Welsch, Commun. Statist. A6 (1977) 813.
    """

    scale: Float[Array, ""] | float = 2.385

    def __check_init__(self):
        check_positive("Cauchy", "scale", self.scale)

    def value(self, square: Float[Array, ""]) -> Float[Array, ""]:
        return self.scale**2 * jnp.log1p(square / self.scale**2)

    def weight(self, square: Float[Array, ""]) -> Float[Array, ""]:
        return 1.0 / (1.0 + square / self.scale**2)
