"""Fading of single paths, and what is left of many that a surface adds up.

Amplitudes are complex, of mean square one, independent from element to element.
"""

from __future__ import annotations

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import i0e, i1e
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float

from leopnt.antennas._inputs import check_count, check_finite
from leopnt.antennas.decibels import from_db, to_db
from leopnt.errors import LeopntError

Number = Float[Array, ""] | float


class AbstractFading(eqx.Module):
    """Complex amplitude h of a path, E|h|^2 = 1."""

    @abc.abstractmethod
    def mean(self) -> Float[Array, ""]:
        """E h: what is known of the path from the geometry alone."""

    @abc.abstractmethod
    def mean_magnitude(self) -> Float[Array, ""]:
        """E |h|."""

    @abc.abstractmethod
    def sample(self, key: Array, shape: tuple[int, ...]) -> Complex[Array, "..."]:
        """Independent draws."""


class NoFading(AbstractFading):
    """A line of sight and nothing else: h = 1."""

    def mean(self) -> Float[Array, ""]:
        return jnp.ones(())

    def mean_magnitude(self) -> Float[Array, ""]:
        return jnp.ones(())

    def sample(self, key: Array, shape: tuple[int, ...]) -> Complex[Array, "..."]:
        return jnp.ones(shape, complex)


class RicianFading(AbstractFading):
    """A line of sight K times as strong as all that is scattered.

        h = sqrt(K / (K + 1)) + CN(0, 1 / (K + 1))

    Attributes:
        k_factor_db: 10 log10 K.

    Source: [rice-1945].
    """

    k_factor_db: Number = 10.0

    def __check_init__(self):
        check_finite("dB", k_factor_db=self.k_factor_db)

    def mean(self) -> Float[Array, ""]:
        k = from_db(self.k_factor_db)
        return jnp.sqrt(k / (k + 1.0))

    def mean_magnitude(self) -> Float[Array, ""]:
        k = from_db(self.k_factor_db)
        # sqrt(pi / (4 (K + 1))) L_1/2(-K), Laguerre's function by scaled Bessel functions.
        laguerre = (1.0 + k) * i0e(0.5 * k) + k * i1e(0.5 * k)
        return jnp.sqrt(jnp.pi / (4.0 * (k + 1.0))) * laguerre

    def sample(self, key: Array, shape: tuple[int, ...]) -> Complex[Array, "..."]:
        k = from_db(self.k_factor_db)
        return self.mean() + _scattered(key, shape) / jnp.sqrt(k + 1.0)


class RayleighFading(AbstractFading):
    """All scattered, no line of sight: h = CN(0, 1)."""

    def mean(self) -> Float[Array, ""]:
        return jnp.zeros(())

    def mean_magnitude(self) -> Float[Array, ""]:
        return jnp.asarray(0.5 * np.sqrt(np.pi))

    def sample(self, key: Array, shape: tuple[int, ...]) -> Complex[Array, "..."]:
        return _scattered(key, shape)


def focused_gain_db(
    num_elements: int, first: AbstractFading, second: AbstractFading
) -> Float[Array, ""]:
    """Mean power of elements whose phases follow from the geometry, over that of one [dB].

        E|sum_k h_k g_k|^2 = K^2 m^2 + K (1 - m^2),   m = E h E g

    All of K^2 with lines of sight, K where one hop is Rayleigh: nothing adds up in phase.

    Args:
        num_elements: K, 1 or more.
        first, second: fading of the hop to the surface and of that from it.
    """
    return _gain_db(num_elements, first.mean() * second.mean())


def matched_gain_db(
    num_elements: int, first: AbstractFading, second: AbstractFading
) -> Float[Array, ""]:
    """As `focused_gain_db` where the phases of both hops are known at every element [dB].

    E(sum_k |h_k g_k|)^2 = K^2 m^2 + K (1 - m^2),   m = E|h| E|g|
    """
    return _gain_db(num_elements, first.mean_magnitude() * second.mean_magnitude())


def faded_power(
    amplitudes: Complex[ArrayLike, " ant"],
    first: AbstractFading,
    second: AbstractFading,
    key: Array,
    num_draws: int,
) -> Float[Array, " draw"]:
    """Draws of |sum_k a_k h_k g_k|^2, the power of elements that fade.

    Args:
        amplitudes: a_k without fading, as `element_amplitudes` of `leopnt.antennas`.
        first, second: fading of the hop to the surface and of that from it.
        num_draws: 1 or more; each takes new fading at every element.
    """
    check_count(1, num_draws=num_draws)
    fields = jnp.asarray(amplitudes)
    if fields.ndim != 1 or not fields.size:
        raise LeopntError(f"amplitudes has shape {fields.shape}; accepted: (ant,).")
    shape, keys = (num_draws, fields.shape[0]), jax.random.split(key)
    total = (first.sample(keys[0], shape) * second.sample(keys[1], shape)) @ fields
    return total.real**2 + total.imag**2


def _gain_db(num_elements: int, mean: Float[Array, ""]) -> Float[Array, ""]:
    check_count(1, num_elements=num_elements)
    return to_db(num_elements**2 * mean**2 + num_elements * (1.0 - mean**2))


def _scattered(key: Array, shape: tuple[int, ...]) -> Complex[Array, "..."]:
    parts = jax.random.normal(key, (2, *shape)) / np.sqrt(2.0)
    return parts[0] + 1j * parts[1]
