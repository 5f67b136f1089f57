"""Student-t noise: Gaussian core with heavy tails."""

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, Float, PRNGKeyArray

from leopnt.noise.base import AbstractNoise, broadcast_rows, check_positive, check_real


class StudentT(AbstractNoise):
    """Independent real entries, y = f + sigma t, t with `dof` degrees of freedom.

        I = (dof + 1) / ((dof + 3) sigma^2)

    Attributes:
        sigma: scale (not the standard deviation, which is sigma sqrt(dof/(dof-2)) for dof > 2).
        dof: degrees of freedom; infinity approaches `Gaussian`.

    Source: Lange, Little & Taylor, JASA 84 (1989) 881, appendix B.
    """

    sigma: Float[Array, "..."] | float
    dof: Float[Array, ""] | float

    def __check_init__(self):
        check_positive("StudentT", "sigma", self.sigma)
        check_positive("StudentT", "dof", self.dof)

    def sample(self, key: PRNGKeyArray, prediction: Float[Array, "..."]) -> Float[Array, "..."]:
        check_real(self, prediction)
        return prediction + self.sigma * jax.random.t(key, self.dof, jnp.shape(prediction))

    def nll(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        check_real(self, prediction, observation)
        dof = jnp.asarray(self.dof, float)
        z = (observation - prediction) / self.sigma
        constant = 0.5 * jnp.log(dof * jnp.pi) - _log_gamma_step(dof / 2)
        log_sigma = jnp.broadcast_to(jnp.log(self.sigma), z.shape)
        return jnp.sum(0.5 * (dof + 1) * jnp.log1p(z**2 / dof) + constant + log_sigma)

    def whiten(
        self, rows: Float[Array, "obs *cols"], prediction: Float[Array, "..."]
    ) -> Float[Array, "obs *cols"]:
        check_real(self, prediction)
        root = jnp.sqrt((self.dof + 1) / (self.dof + 3)) / jnp.asarray(self.sigma)
        return rows * broadcast_rows(root, rows)


def _log_gamma_step(x: Float[Array, ""]) -> Float[Array, ""]:
    """Difference log Gamma(x + 1/2) - log Gamma(x), kept exact where both are huge."""
    far = x > 50.0
    inverse = 1.0 / jnp.where(far, x, 1.0)
    square = inverse * inverse
    tail = inverse * (1 / 8 - square * (1 / 192 - square * (1 / 640 - square * 17 / 14336)))
    near = jnp.where(far, 1.0, x)
    return jnp.where(
        far, 0.5 * jnp.log(jnp.where(far, x, 1.0)) - tail, gammaln(near + 0.5) - gammaln(near)
    )
