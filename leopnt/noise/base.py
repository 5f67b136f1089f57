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
    return weight.reshape((-1,) + (1,) * (rows.ndim - 1))


def check_real(noise: AbstractNoise, *values) -> None:
    """Refuse a prediction (and observation) that is complex or of a shape that does not fit.

    Types and shapes are known while a function is traced: compiled code pays nothing.
    """
    _check_values(noise, values, False, "accepted: real values; ComplexGaussian takes complex ones")


def check_complex(noise: AbstractNoise, *values) -> None:
    """Refuse a prediction (and observation) that is real or of a shape that does not fit."""
    _check_values(noise, values, True, "accepted: complex values; Gaussian takes real ones")


def _check_values(noise, values, wanted: bool, remedy: str) -> None:
    owner = type(noise).__name__
    for what, value in zip(("prediction", "observation"), values, strict=False):
        if jnp.iscomplexobj(value) != wanted:
            raise LeopntError(f"{owner}: the {what} is {jnp.result_type(value)}; {remedy}.")
    shape = jnp.shape(values[0])
    if any(jnp.shape(value) != shape for value in values):
        raise LeopntError(
            f"{owner}: the observation has shape {jnp.shape(values[1])}, the prediction {shape}; "
            "accepted: equal shapes."
        )
    of_covariance = jnp.shape(getattr(noise, "covariance", 0.0))
    if of_covariance and shape != of_covariance[:1]:
        raise LeopntError(
            f"{owner}: covariance has shape {of_covariance}, the prediction {shape}; accepted: a "
            f"prediction of shape {of_covariance[:1]}."
        )
    of_sigma = jnp.shape(getattr(noise, "sigma", 0.0))
    if of_sigma not in ((), shape):
        raise LeopntError(
            f"{owner}: sigma has shape {of_sigma}, the prediction of one link {shape}; accepted: a "
            "number or one per entry. For a sigma of each link give the model a function "
            "(shared, link) -> noise."
        )


def check_positive(owner: str, name: str, value) -> None:
    """Refuse what is no float, and a concrete value that is not finite and positive.

    Of a traced value only the type is known.
    """
    if not hasattr(value, "dtype"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise LeopntError(f"{owner}: {name} must be a float or an array, got {value!r}.")
        value = float(value)
    elif value.dtype not in (np.float32, np.float64):
        raise LeopntError(f"{owner}: {name} must be of floats, got an array of {value.dtype}.")
    if isinstance(value, (Tracer, jax.ShapeDtypeStruct)):
        return
    array = np.asarray(value)
    if not np.all(np.isfinite(array) & (array > 0)):
        bad = array[~(np.isfinite(array) & (array > 0))].ravel()[0]
        raise LeopntError(f"{owner}: {name} must be finite and positive, got {float(bad)!r}.")


def check_covariance(owner: str, value) -> None:
    """Refuse what is no square matrix, and a concrete one that is not a regular covariance."""
    shape = tuple(getattr(value, "shape", ()))
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
        found = f"shape {shape}" if hasattr(value, "shape") else repr(value)
        raise LeopntError(f"{owner}: covariance must be a square matrix, got {found}.")
    if not jnp.issubdtype(value.dtype, jnp.inexact):
        raise LeopntError(f"{owner}: covariance must be of floats, got an array of {value.dtype}.")
    if isinstance(value, (Tracer, jax.ShapeDtypeStruct)):
        return
    matrix = np.asarray(value)
    variance = np.real(np.diag(matrix))
    if not np.all(np.isfinite(matrix)) or not np.all(variance > 0):
        raise LeopntError(f"{owner}: covariance must be finite with a positive diagonal.")
    correlation = matrix / np.sqrt(variance[:, None] * variance[None, :])
    asymmetry = np.max(np.abs(correlation - correlation.conj().T))
    if asymmetry > 1e-9:
        raise LeopntError(
            f"{owner}: covariance must equal its conjugate transpose, but its correlations differ "
            f"by {asymmetry:.3g}."
        )
    smallest = np.linalg.eigvalsh(correlation)[0]
    if smallest < 1e-14:
        raise LeopntError(
            f"{owner}: covariance must be positive definite, but the smallest eigenvalue of its "
            f"correlations is {smallest:.3g}."
        )
