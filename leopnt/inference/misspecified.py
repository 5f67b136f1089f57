"""Bounds under a wrong model: pseudo-true point, misspecified CRB and the bound on the error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact, PyTree

from leopnt.errors import LeopntError
from leopnt.inference.least_squares import AbstractSolver, LevenbergMarquardt, solve
from leopnt.inference.linearize import link_jacobian, sum_chunks
from leopnt.inference.model import Data, Model
from leopnt.inference.parameters import Unknowns
from leopnt.inference.small_linear import solve_spd
from leopnt.inference.status import Status
from leopnt.noise.base import AbstractNoise
from leopnt.noise.gaussian import (
    ComplexGaussian,
    ComplexGaussianCovariance,
    Gaussian,
    GaussianCovariance,
)

GAUSSIAN = (Gaussian, ComplexGaussian, GaussianCovariance, ComplexGaussianCovariance)
"""Noise objects whose log-likelihood is quadratic in the prediction."""


class MisspecifiedBound(eqx.Module):
    """What an estimator that assumes the wrong model converges to, and how it scatters.

    All in SI, order of `unknowns`, tangents at the pseudo-true point.

    Attributes:
        theta: pseudo-true point, where the assumed likelihood peaks on average.
        a: (param, param) A = -E[Hessian of the assumed log-likelihood] > 0.
        b: (param, param) B = Cov[score of the assumed log-likelihood].
        mcrb: A^-1 B A^-1, the covariance of the misspecified ML estimator.
        fim: A without the residual-curvature term, J^T Sigma^-1 J: what the assumed model believes.
        status: of the search for the pseudo-true point.
    """

    theta: Any
    a: Float[Array, "param param"]
    b: Float[Array, "param param"]
    mcrb: Float[Array, "param param"]
    fim: Float[Array, "param param"]
    status: Status
    unknowns: Unknowns = eqx.field(static=True)

    def lower_bound(self, bias: Float[Array, " param"]) -> Float[Array, "param param"]:
        """Bound on the mean-square error matrix, MCRB + bias bias^T.

        Args:
            bias: pseudo-true minus true value of the unknowns, SI, order of `unknowns`: `bias_from`
                where the fields of both models mean the same.
        """
        return self.mcrb + bias[:, None] * bias[None, :]

    def bias_from(self, truth: Any) -> Float[Array, " param"]:
        """Pseudo-true minus true unknowns, SI; `truth` has fields of the same names."""
        return self.unknowns.difference(truth, self.theta)


def misspecified_bound(
    assumed: Model,
    start: Any,
    links: PyTree,
    true_mean: Inexact[Array, "link ..."],
    true_covariance: Float[Array, "link obs obs"],
    free: Sequence[str] | str,
    *,
    shared: PyTree = None,
    visible: Bool[Array, " link"] | None = None,
    solver: AbstractSolver | None = None,
) -> MisspecifiedBound:
    """Misspecified Cramer-Rao bound of a Gaussian assumed model.

        theta_0 = argmin sum |mu - f(theta)|^2_{Sigma^-1}
        A = sum J^T Sigma^-1 J - sum_k (Sigma^-1 r)_k Hess f_k,   r = mu - f(theta_0)
        B = sum J^T Sigma^-1 C Sigma^-1 J
        MCRB = A^-1 B A^-1

    Args:
        assumed: the model the estimator believes; its noise must be (complex) Gaussian with
            covariance Sigma.
        start: theta near the expected solution.
        true_mean: mu, mean of the observations under the true model (`predict` of it).
        true_covariance: C, covariance of the observations under the true model, real form
            (complex observations: [real, imaginary] parts).
        free: fields the estimator solves for.

    Links are independent under both models. Source: Fortunati et al., IEEE Signal Process. Mag.
    34(6) (2017) 142, eqs. 8-16.
    """
    unknowns = Unknowns.of(start, free)
    data = Data(links, true_mean, visible, shared)
    found = solve(assumed, start, data, free, solver=solver or LevenbergMarquardt(tolerance=1e-8))
    a, b, fim = _moments(assumed, unknowns, found.theta, data, true_covariance)
    half, regular = solve_spd(a, b)
    mcrb, _ = solve_spd(a, half.T)
    scale = jnp.asarray(unknowns.scale_vector)
    outer = scale[:, None] * scale[None, :]
    return MisspecifiedBound(
        found.theta,
        a / outer,
        b / outer,
        jnp.where(regular, 0.5 * (mcrb + mcrb.T), jnp.nan) * outer,
        fim / outer,
        Status.where(regular, found.status, Status.unobservable),
        unknowns,
    )


def _gaussian_noise(assumed: Model, shared: Any, link: Any) -> AbstractNoise:
    noise = assumed.noise_of(shared, link)
    if not isinstance(noise, GAUSSIAN):
        raise LeopntError(
            f"misspecified_bound: the assumed noise is {type(noise).__name__}; accepted: "
            + ", ".join(kind.__name__ for kind in GAUSSIAN)
            + ". The mean and covariance of the truth say too little about any other."
        )
    return noise


def _moments(assumed: Model, unknowns: Unknowns, theta, data: Data, true_covariance):
    zero = jnp.zeros(unknowns.size)

    def one(link, mean, covariance):
        noise = _gaussian_noise(assumed, data.shared, link)

        def expected_nll(delta):
            moved = unknowns.displace(theta, delta)
            return noise.nll(mean, assumed.predict_link(moved, data.shared, link))

        hessian = jax.jacfwd(jax.grad(expected_nll))(zero)
        prediction, jacobian = link_jacobian(assumed, unknowns, theta, data.shared, link)
        rows = noise.whiten(jacobian, prediction)
        root = noise.whiten(jnp.eye(jacobian.shape[0]), prediction)
        whitened = root @ covariance @ root.T
        return hessian, rows.T @ whitened @ rows, rows.T @ rows

    def part(tree, visible):
        each = jax.vmap(one)(*tree)
        if visible is not None:
            each = tuple(jnp.where(visible[:, None, None], x, 0.0) for x in each)
        return tuple(jnp.sum(x, axis=0) for x in each)

    return sum_chunks(part, (data.links, data.observations, true_covariance), data.visible)
