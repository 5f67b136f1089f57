"""Folded normal noise: the magnitude of a real amplitude in Gaussian noise."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from leopnt.noise.base import AbstractNoise, broadcast_rows, check_positive

_LOG_2PI = 1.8378770664093453
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_HALF_WIDTH = 9.0


class FoldedAmplitude(AbstractNoise):
    """y = |a + n|, n ~ N(0, sigma^2): sign of the amplitude lost, independent entries.

        p(y) = N(y; a, sigma^2) + N(y; -a, sigma^2),  y >= 0
        score = (y tanh(a y / sigma^2) - a) / sigma^2

    The information about a falls from 1/sigma^2 at high SNR to 0 at a = 0; it is evaluated by
    64-point Gauss-Legendre quadrature (relative error below 1e-9 for a > 1e-3 sigma).

    Attributes:
        sigma: standard deviation of n, scalar or one per entry.

    Source: Leone, Nelson & Nottingham, Technometrics 3 (1961) 543 (density).
    """

    sigma: Float[Array, "..."] | float

    def __check_init__(self):
        check_positive("FoldedAmplitude", "sigma", self.sigma)

    def sample(self, key: PRNGKeyArray, prediction: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.abs(prediction + self.sigma * jax.random.normal(key, jnp.shape(prediction)))

    def nll(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        y, a = observation / self.sigma, jnp.abs(prediction) / self.sigma
        log_sigma = jnp.broadcast_to(jnp.log(self.sigma), y.shape)
        near = 0.5 * (y - a) ** 2 + 0.5 * _LOG_2PI + log_sigma
        return jnp.sum(near - jnp.log1p(jnp.exp(-2 * y * a)))

    def score(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, " obs"]:
        variance = jnp.asarray(self.sigma) ** 2
        pull = observation * jnp.tanh(prediction * observation / variance) - prediction
        return jnp.ravel(pull / variance)

    def whiten(
        self, rows: Float[Array, "obs *cols"], prediction: Float[Array, "..."]
    ) -> Float[Array, "obs *cols"]:
        snr = jnp.ravel(prediction / self.sigma)
        sigma = jnp.broadcast_to(jnp.asarray(self.sigma), jnp.shape(prediction)).ravel()
        return rows * broadcast_rows(jnp.sqrt(folded_information(snr)) / sigma, rows)


def folded_information(snr: Float[Array, " obs"]) -> Float[Array, " obs"]:
    """Information about the amplitude, times sigma^2, of a folded normal; in [0, 1].

    I = E[(z tanh(s z) - s)^2],  z ~ N(s, 1),  s = a / sigma
    """
    s = jnp.abs(snr)[..., None]
    z = s + _HALF_WIDTH * jnp.asarray(_NODES)
    density = jnp.exp(-0.5 * (z - s) ** 2 - 0.5 * _LOG_2PI) * _HALF_WIDTH * jnp.asarray(_WEIGHTS)
    return jnp.sum(density * (z * jnp.tanh(s * z) - s) ** 2, axis=-1)
