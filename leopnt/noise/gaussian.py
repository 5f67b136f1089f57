"""Gaussian noise: real or circular complex, independent entries or a full covariance."""

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Complex, Float, Inexact, PRNGKeyArray

from leopnt.noise.base import (
    AbstractNoise,
    broadcast_rows,
    check_complex,
    check_covariance,
    check_positive,
    check_real,
)

_LOG_2PI = 1.8378770664093453


class Gaussian(AbstractNoise):
    """Independent real entries, y = f + n, n ~ N(0, sigma^2).

    Attributes:
        sigma: standard deviation in the unit of the observation, scalar or one per entry.
    """

    sigma: Float[Array, "..."] | float

    def __check_init__(self):
        check_positive("Gaussian", "sigma", self.sigma)

    def sample(self, key: PRNGKeyArray, prediction: Float[Array, "..."]) -> Float[Array, "..."]:
        check_real(self, prediction)
        return prediction + self.sigma * jax.random.normal(key, jnp.shape(prediction))

    def nll(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        check_real(self, prediction, observation)
        z = (observation - prediction) / self.sigma
        log_sigma = jnp.broadcast_to(jnp.log(self.sigma), z.shape)
        return jnp.sum(0.5 * z**2 + log_sigma + 0.5 * _LOG_2PI)

    def whiten(
        self, rows: Float[Array, "obs *cols"], prediction: Float[Array, "..."]
    ) -> Float[Array, "obs *cols"]:
        check_real(self, prediction)
        return rows * broadcast_rows(1.0 / jnp.asarray(self.sigma), rows)

    def score(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, " obs"]:
        check_real(self, prediction, observation)
        return jnp.ravel((observation - prediction) / jnp.asarray(self.sigma) ** 2)


class ComplexGaussian(AbstractNoise):
    """Independent circular complex entries, y = f + n, n ~ CN(0, sigma^2).

    Attributes:
        sigma: root of E|n|^2; real and imaginary part have variance sigma^2/2 each. Scalar or one
            per complex entry.
    """

    sigma: Float[Array, "..."] | float

    def __check_init__(self):
        check_positive("ComplexGaussian", "sigma", self.sigma)

    def sample(self, key: PRNGKeyArray, prediction: Complex[Array, "..."]) -> Complex[Array, "..."]:
        check_complex(self, prediction)
        parts = jax.random.normal(key, (2, *jnp.shape(prediction)))
        return prediction + self.sigma * jnp.sqrt(0.5) * (parts[0] + 1j * parts[1])

    def nll(
        self, observation: Inexact[Array, "..."], prediction: Inexact[Array, "..."]
    ) -> Float[Array, ""]:
        check_complex(self, prediction, observation)
        residual = observation - prediction
        # real**2 + imag**2: abs(z)**2 has a zero second derivative at z = 0.
        power = residual.real**2 + residual.imag**2
        variance = jnp.broadcast_to(jnp.asarray(self.sigma) ** 2, power.shape)
        return jnp.sum(power / variance + jnp.log(jnp.pi * variance))

    def whiten(
        self, rows: Float[Array, "obs *cols"], prediction: Inexact[Array, "..."]
    ) -> Float[Array, "obs *cols"]:
        check_complex(self, prediction)
        weight = jnp.sqrt(2.0) / jnp.asarray(self.sigma)
        if weight.ndim:
            weight = jnp.concatenate([weight.ravel(), weight.ravel()])
        return rows * broadcast_rows(weight, rows)


class GaussianCovariance(AbstractNoise):
    """Correlated real entries of one link, n ~ N(0, C).

    Attributes:
        covariance: symmetric positive definite, unit of the observation squared.
    """

    covariance: Float[Array, "obs obs"]

    def __check_init__(self):
        check_covariance("GaussianCovariance", self.covariance)

    def sample(self, key: PRNGKeyArray, prediction: Float[Array, " obs"]) -> Float[Array, " obs"]:
        check_real(self, prediction)
        factor = jnp.linalg.cholesky(self.covariance)
        return prediction + factor @ jax.random.normal(key, prediction.shape)

    def nll(
        self, observation: Float[Array, " obs"], prediction: Float[Array, " obs"]
    ) -> Float[Array, ""]:
        check_real(self, prediction, observation)
        factor = jnp.linalg.cholesky(self.covariance)
        z = solve_triangular(factor, observation - prediction, lower=True)
        return 0.5 * z @ z + jnp.sum(jnp.log(jnp.diag(factor))) + 0.5 * z.size * _LOG_2PI

    def whiten(
        self, rows: Float[Array, "obs *cols"], prediction: Float[Array, " obs"]
    ) -> Float[Array, "obs *cols"]:
        check_real(self, prediction)
        return solve_triangular(jnp.linalg.cholesky(self.covariance), rows, lower=True)


class ComplexGaussianCovariance(AbstractNoise):
    """Correlated circular complex entries of one link, n ~ CN(0, C), C = E[n n^H].

    Attributes:
        covariance: Hermitian positive definite.
    """

    covariance: Complex[Array, "ant ant"]

    def __check_init__(self):
        check_covariance("ComplexGaussianCovariance", self.covariance)

    def sample(
        self, key: PRNGKeyArray, prediction: Complex[Array, " ant"]
    ) -> Complex[Array, " ant"]:
        check_complex(self, prediction)
        parts = jax.random.normal(key, (2, *prediction.shape)) * jnp.sqrt(0.5)
        return prediction + jnp.linalg.cholesky(self.covariance) @ (parts[0] + 1j * parts[1])

    def nll(
        self, observation: Complex[Array, " ant"], prediction: Complex[Array, " ant"]
    ) -> Float[Array, ""]:
        check_complex(self, prediction, observation)
        factor = jnp.linalg.cholesky(self.covariance)
        z = solve_triangular(factor, observation - prediction, lower=True)
        log_det = 2 * jnp.sum(jnp.log(jnp.diag(factor).real))
        return jnp.sum(z.real**2 + z.imag**2) + log_det + z.size * jnp.log(jnp.pi)

    def whiten(
        self, rows: Float[Array, "obs *cols"], prediction: Complex[Array, " ant"]
    ) -> Float[Array, "obs *cols"]:
        check_complex(self, prediction)
        half = self.covariance.shape[0]
        factor = jnp.linalg.cholesky(self.covariance)
        z = jnp.sqrt(2.0) * solve_triangular(factor, rows[:half] + 1j * rows[half:], lower=True)
        return jnp.concatenate([z.real, z.imag])
