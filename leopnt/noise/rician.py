"""Rician noise: the magnitude of a complex amplitude in circular Gaussian noise."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import i0e, i1e
from jaxtyping import Array, Float, PRNGKeyArray

from leopnt.noise.base import AbstractNoise, broadcast_rows, check_positive

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_HALF_WIDTH = 9.0


class Rician(AbstractNoise):
    """y = |a + n_I + j n_Q|, both parts N(0, sigma^2), a >= 0, independent entries.

        p(y) = y / sigma^2 exp(-(y^2 + a^2) / (2 sigma^2)) I0(a y / sigma^2)
        score = (y I1(x)/I0(x) - a) / sigma^2,   x = a y / sigma^2

    Attributes:
        sigma: standard deviation of each quadrature, scalar or one per entry.

    Source: Rice, Bell Syst. Tech. J. 24 (1945) 46, eq. 3.10-11.
    """

    sigma: Float[Array, "..."] | float

    def __check_init__(self):
        check_positive("Rician", "sigma", self.sigma)

    def sample(self, key: PRNGKeyArray, prediction: Float[Array, "..."]) -> Float[Array, "..."]:
        parts = self.sigma * jax.random.normal(key, (2, *jnp.shape(prediction)))
        return jnp.hypot(prediction + parts[0], parts[1])

    def nll(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        y, a = observation / self.sigma, prediction / self.sigma
        log_sigma = jnp.broadcast_to(jnp.log(self.sigma), y.shape)
        return jnp.sum(log_sigma - jnp.log(y) + 0.5 * (y - a) ** 2 - jnp.log(i0e(a * y)))

    def score(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, " obs"]:
        variance = jnp.asarray(self.sigma) ** 2
        x = prediction * observation / variance
        return jnp.ravel((observation * i1e(x) / i0e(x) - prediction) / variance)

    def whiten(
        self, rows: Float[Array, "obs *cols"], prediction: Float[Array, "..."]
    ) -> Float[Array, "obs *cols"]:
        snr = jnp.ravel(prediction / self.sigma)
        sigma = jnp.broadcast_to(jnp.asarray(self.sigma), jnp.shape(prediction)).ravel()
        return rows * broadcast_rows(jnp.sqrt(rician_information(snr)) / sigma, rows)


def rician_information(snr: Float[Array, " obs"]) -> Float[Array, " obs"]:
    """Information about the amplitude, times sigma^2, of a Rician magnitude; in [0, 1].

        I = E[(y I1(s y)/I0(s y) - s)^2],  s = a / sigma

    by 64-point Gauss-Legendre quadrature over s +- 9, cut at zero.
    """
    s = jnp.abs(snr)[..., None]
    low, high = jnp.maximum(s - _HALF_WIDTH, 0.0), s + _HALF_WIDTH
    y = 0.5 * (high + low) + 0.5 * (high - low) * jnp.asarray(_NODES)
    weight = 0.5 * (high - low) * jnp.asarray(_WEIGHTS)
    density = y * jnp.exp(-0.5 * (y - s) ** 2) * i0e(s * y)
    return jnp.sum(weight * density * (y * i1e(s * y) / i0e(s * y) - s) ** 2, axis=-1)
