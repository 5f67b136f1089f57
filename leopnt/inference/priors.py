"""Prior knowledge as extra rows: on a field of theta, or on any function of it."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from leopnt.errors import LeopntError, did_you_mean
from leopnt.inference.parameters import Unknowns, field_difference, specs_of
from leopnt.noise.base import check_positive


class AbstractPrior(eqx.Module):
    """Knowledge about theta, Gaussian after whitening."""

    @abc.abstractmethod
    def residual(self, theta: Any) -> Float[Array, " row"]:
        """Whitened misfit: N(0, I) when theta is right; cost |residual|^2 / 2."""


def prior_rows(
    prior: AbstractPrior, unknowns: Unknowns, theta: Any
) -> tuple[Float[Array, " row"], Float[Array, "row param"]]:
    """Whitened misfit of a prior at `theta`, and its Jacobian in scaled unknowns."""

    def misfit(delta):
        value = prior.residual(unknowns.displace(theta, delta))
        return value, value

    rows, residual = jax.jacfwd(misfit, has_aux=True)(jnp.zeros(unknowns.size))
    return residual, rows


class GaussianPrior(AbstractPrior):
    """Field `name` of theta is `mean` within `sigma` (independent components).

    For fields with a `retract` (rotations) the misfit is the tangent from `mean` to the value.
    """

    name: str = eqx.field(static=True)
    mean: Any
    sigma: Float[Array, "..."] | float

    def __check_init__(self):
        check_positive("GaussianPrior", "sigma", self.sigma)

    def residual(self, theta: Any) -> Float[Array, " row"]:
        misfit, sigma = _misfit(theta, self.name, self.mean), jnp.ravel(jnp.asarray(self.sigma))
        if sigma.size not in (1, misfit.size):
            raise LeopntError(
                f"prior: {self.name!r} has {misfit.size} components, sigma {sigma.size}; "
                "accepted: one, or one per component."
            )
        return misfit / sigma


class GaussianCovariancePrior(AbstractPrior):
    """Field `name` of theta is `mean` with a full covariance (SI)."""

    name: str = eqx.field(static=True)
    mean: Any
    covariance: Float[Array, "size size"]

    def __check_init__(self):
        _check_definite(self.covariance)

    def residual(self, theta: Any) -> Float[Array, " row"]:
        factor = jnp.linalg.cholesky(self.covariance)
        return solve_triangular(factor, _misfit(theta, self.name, self.mean), lower=True)


class FunctionPrior(AbstractPrior):
    """`function(theta)` is `mean` within `sigma`: a known height, a distance, a map line."""

    function: Callable[[Any], Array] = eqx.field(static=True)
    mean: Float[Array, "..."] | float
    sigma: Float[Array, "..."] | float

    def __check_init__(self):
        check_positive("FunctionPrior", "sigma", self.sigma)

    def residual(self, theta: Any) -> Float[Array, " row"]:
        return jnp.atleast_1d((self.function(theta) - self.mean) / self.sigma)


def _check_definite(covariance: Any) -> None:
    """Refuse a concrete matrix that is no covariance; traced values pass."""
    if isinstance(covariance, Tracer):
        return
    matrix = np.asarray(covariance)
    symmetric = np.allclose(matrix, matrix.T, rtol=1e-10, atol=0.0)
    if not symmetric or not np.all(np.linalg.eigvalsh(matrix) > 0):
        raise LeopntError(
            "GaussianCovariancePrior: covariance must be symmetric positive definite, got "
            f"{matrix.tolist()!r}."
        )


def _misfit(theta: Any, name: str, mean: Any) -> Float[Array, " size"]:
    specs = specs_of(theta)
    if name not in specs:
        raise LeopntError(
            f"prior: theta has no field {name!r}; it has {list(specs)}." + did_you_mean(name, specs)
        )
    return field_difference(name, specs[name], mean, getattr(theta, name))
