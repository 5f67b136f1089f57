"""Rician noise: the magnitude of a complex amplitude in circular Gaussian noise."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import i0e, i1e
from jaxtyping import Array, Float, PRNGKeyArray

from leopnt.noise.base import AbstractNoise, broadcast_rows, check_positive, check_real

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_HALF_WIDTH = 9.0


class Rician(AbstractNoise):
    """y = |a + n_I + j n_Q|, both parts N(0, sigma^2), independent entries.

        p(y) = y / sigma^2 exp(-(y^2 + a^2) / (2 sigma^2)) I0(a y / sigma^2),  y > 0
        score = (y I1(x)/I0(x) - a) / sigma^2,   x = a y / sigma^2

    Zero or negative y has density zero (nll infinite); the sign of a is free.

    Attributes:
        sigma: standard deviation of each quadrature, scalar or one per entry.

    Source: Rice, Bell Syst. Tech. J. 24 (1945) 46, eq. 3.10-11.
    """

    sigma: Float[Array, "..."] | float

    def __check_init__(self):
        check_positive("Rician", "sigma", self.sigma)

    def sample(self, key: PRNGKeyArray, prediction: Float[Array, "..."]) -> Float[Array, "..."]:
        check_real(self, prediction)
        parts = jax.random.normal(key, (2, *jnp.shape(prediction)))
        return jnp.hypot(prediction + self.sigma * parts[0], self.sigma * parts[1])

    def nll(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        check_real(self, prediction, observation)
        y, a = observation / self.sigma, prediction / self.sigma
        log_sigma = jnp.broadcast_to(jnp.log(self.sigma), y.shape)
        impossible = y <= 0
        safe = jnp.where(impossible, 1.0, y)
        each = log_sigma - jnp.log(safe) + 0.5 * (y - a) ** 2 - _log_i0_minus(a * y)
        return jnp.sum(jnp.where(impossible, jnp.inf, each))

    def score(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, " obs"]:
        check_real(self, prediction, observation)
        variance = jnp.asarray(self.sigma) ** 2
        x = prediction * observation / variance
        return jnp.ravel((observation * bessel_ratio(x) - prediction) / variance)

    def whiten(
        self, rows: Float[Array, "obs *cols"], prediction: Float[Array, "..."]
    ) -> Float[Array, "obs *cols"]:
        check_real(self, prediction)
        snr = jnp.ravel(prediction / self.sigma)
        sigma = jnp.broadcast_to(jnp.asarray(self.sigma), jnp.shape(prediction)).ravel()
        return rows * broadcast_rows(_information_root(snr) / sigma, rows)


def rician_information(snr: Float[Array, " obs"]) -> Float[Array, " obs"]:
    """Information about the amplitude, times sigma^2, of a Rician magnitude; in [0, 1].

        I = E[(y I1(s y)/I0(s y) - s)^2],  s = a / sigma

    by 48-point Gauss-Legendre quadrature over y in [max(|s| - 9, 0), |s| + 9]: relative error below
    1e-12 + 1e-16 |s|. Near zero I = s^2, far out I = 1 - 1/(2 s^2).
    """
    return _information_root(snr) ** 2


@jax.vmap
def _information_root(s: Float[Array, ""]) -> Float[Array, ""]:
    """Square root of the information with the sign of s: smooth through s = 0."""
    a = jnp.abs(s)
    middle = jax.lax.stop_gradient(a)
    low, high = jnp.maximum(middle - _HALF_WIDTH, 0.0), middle + _HALF_WIDTH
    y = 0.5 * (high + low) + 0.5 * (high - low) * _NODES
    density = y * jnp.exp(_log_i0_minus(a * y) - 0.5 * (y - a) ** 2)
    square = (y**2 * _ratio_over(a * y) - 1.0) ** 2
    return s * jnp.sqrt(0.5 * (high - low) * jnp.sum(_WEIGHTS * density * square))


@jax.custom_jvp
def _log_i0_minus(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Smooth log I0(x) - x without overflow, for x of either sign."""
    return jnp.log(i0e(x)) + (jnp.abs(x) - x)


@_log_i0_minus.defjvp
def _log_i0_minus_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return _log_i0_minus(x), (bessel_ratio(x) - 1.0) * dx


@jax.custom_jvp
def bessel_ratio(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """I1(x) / I0(x), odd and smooth; its derivative is 1 - A/x - A^2, 1/2 at zero."""
    return i1e(x) / i0e(x)


@bessel_ratio.defjvp
def _bessel_ratio_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    ratio = bessel_ratio(x)
    far = jnp.abs(x) > 1e3
    inverse = 1.0 / jnp.where(far, jnp.abs(x), 1.0)
    # 1 - A/x - A^2 cancels far out: there the asymptotic series.
    tail = inverse**2 * (0.5 + inverse * (0.25 + inverse * (0.375 + inverse * 0.78125)))
    slope = jnp.where(far, tail, 1.0 - _ratio_over(x) - ratio**2)
    return ratio, slope * dx


def _ratio_over(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Smooth I1(x) / (x I0(x))."""
    small = jnp.abs(x) < 1e-2
    safe = jnp.where(small, 1.0, x)
    q = jnp.where(small, 0.25 * x * x, 0.0)
    series = 0.5 - q * (0.25 - q * (1.0 / 6.0 - q * (11.0 / 96.0)))
    return jnp.where(small, series, bessel_ratio(safe) / safe)
