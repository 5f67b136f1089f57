"""What every noise object offers, and the real form of complex observations."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Inexact, PRNGKeyArray

from leopnt.errors import LeopntError


def as_real(value: Inexact[Array, "..."]) -> Float[Array, " obs"]:
    """Flat real form of a prediction or observation: complex x becomes [Re x, Im x]."""
    value = jnp.ravel(value)
    if jnp.iscomplexobj(value):
        return jnp.concatenate([value.real, value.imag])
    return value


def from_real(real: Float[Array, " obs"], like: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
    """Inverse of `as_real`; shape and kind are those of `like`."""
    if jnp.iscomplexobj(like):
        half = real.size // 2
        return jnp.reshape(real[:half] + 1j * real[half:], jnp.shape(like))
    return jnp.reshape(real, jnp.shape(like))


class AbstractNoise(eqx.Module):
    """Distribution of one link's observation around its prediction.

    Written for one link: `prediction` and `observation` have the shape of `predict_link`'s value,
    a scalar or a vector, real or complex. `obs` counts the entries of the real form (`as_real`).
    """

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, prediction: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
        """Draw one observation."""

    @abc.abstractmethod
    def nll(
        self, observation: Inexact[Array, "..."], prediction: Inexact[Array, "..."]
    ) -> Float[Array, ""]:
        """Negative log-likelihood [nat], constants included."""

    @abc.abstractmethod
    def whiten(
        self, rows: Float[Array, "obs *cols"], prediction: Inexact[Array, "..."]
    ) -> Float[Array, "obs *cols"]:
        """Multiply by a square root W of the Fisher information of the prediction, W^T W = I.

        For Gaussian noise this whitens residuals and Jacobian rows alike.
        """

    def score(
        self, observation: Inexact[Array, "..."], prediction: Inexact[Array, "..."]
    ) -> Float[Array, " obs"]:
        """-d nll / d prediction (real form): how the observation pulls on the prediction."""

        def nll_of_real(real: Float[Array, " obs"]) -> Float[Array, ""]:
            return self.nll(observation, from_real(real, prediction))

        return -jax.grad(nll_of_real)(as_real(prediction))

    def information(self, prediction: Inexact[Array, "..."]) -> Float[Array, "obs obs"]:
        """Fisher information about the real form of the prediction, E[score score^T]."""
        root = self.whiten(jnp.eye(as_real(prediction).size), prediction)
        return root.T @ root


def broadcast_rows(weight: Float[Array, "..."], rows: Float[Array, "obs *cols"]):
    """Shape a scalar or per-entry weight so that it multiplies every column of `rows`."""
    weight = jnp.asarray(weight)
    if weight.ndim == 0:
        return weight
    return weight.reshape(weight.shape + (1,) * (rows.ndim - 1))


def check_positive(owner: str, name: str, value) -> None:
    """Refuse a concrete value that is not finite and positive; traced values pass."""
    if isinstance(value, Tracer) or not isinstance(
        value, (int, float, np.ndarray, np.generic, jax.Array)
    ):
        return
    array = np.asarray(value)
    if not np.all(np.isfinite(array) & (array > 0)):
        bad = array[~(np.isfinite(array) & (array > 0))].ravel()[0]
        raise LeopntError(f"{owner}: {name} must be finite and positive, got {bad!r}.")
