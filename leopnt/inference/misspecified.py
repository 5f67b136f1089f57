"""Bounds under a wrong model: pseudo-true point, misspecified CRB and the bound on the error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, PRNGKeyArray, PyTree

from leopnt.errors import LeopntError
from leopnt.inference.least_squares import AbstractSolver, Estimate, LevenbergMarquardt, solve
from leopnt.inference.linearize import link_jacobian, sum_chunks
from leopnt.inference.model import Data, Model, check_data, require_gaussian, with_array_floats
from leopnt.inference.parameters import Unknowns
from leopnt.inference.small_linear import solve_spd
from leopnt.inference.status import Status
from leopnt.noise.base import AbstractNoise

_SOLVER = LevenbergMarquardt(tolerance=1e-8)


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
    visible: Bool[Array | np.ndarray, " link"] | None = None,
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
    check_data(data)
    _check_covariance(data, true_covariance)
    return _bound_gaussian(
        *with_array_floats((assumed, start, data)), unknowns, true_covariance, solver or _SOLVER
    )


def misspecified_bound_from_draws(
    assumed: Model,
    start: Any,
    links: PyTree,
    draws: Inexact[Array, "draw link ..."],
    free: Sequence[str] | str,
    *,
    shared: PyTree = None,
    visible: Bool[Array | np.ndarray, " link"] | None = None,
    solver: AbstractSolver | None = None,
) -> MisspecifiedBound:
    """As `misspecified_bound`, for any noise: expectations are averages over draws of the truth.

        theta_0 = argmin sum E[nll(y, f(theta))],   A = Hessian of that sum at theta_0
        B = sum J^T Cov[score(y, f(theta_0))] J

    Args:
        draws: observations of all links under the true model (`simulate` it). K of them move the
            pseudo-true point by sqrt(MCRB/K), and the bound by a share of about 1/sqrt(K link).
    """
    unknowns = Unknowns.of(start, free)
    data = Data(links, jnp.moveaxis(draws, 0, 1), visible, shared)
    check_data(data)
    if draws.shape[0] < 2:
        raise LeopntError(f"draws: got {draws.shape[0]}; accepted: 2 or more, best 1000.")
    return _bound_from_draws(
        *with_array_floats((assumed, start, data)), unknowns, solver or _SOLVER
    )


class _Average(AbstractNoise):
    """Noise whose observation is a stack of draws: the mean of their likelihoods."""

    one: AbstractNoise

    def sample(self, key: PRNGKeyArray, prediction: Inexact[Array, "..."]):
        raise NotImplementedError

    def nll(self, observation, prediction) -> Float[Array, ""]:
        return jnp.mean(jax.vmap(lambda y: self.one.nll(y, prediction))(observation))

    def score(self, observation, prediction) -> Float[Array, " obs"]:
        return jnp.mean(self.scores(observation, prediction), axis=0)

    def scores(self, observation, prediction) -> Float[Array, "draw obs"]:
        return jax.vmap(lambda y: self.one.score(y, prediction))(observation)

    def whiten(self, rows, prediction) -> Float[Array, "obs *cols"]:
        return self.one.whiten(rows, prediction)


@eqx.filter_jit
def _bound_gaussian(assumed: Model, start, data: Data, unknowns: Unknowns, covariance, solver):
    found = solve(assumed, start, data, unknowns.names, solver=solver)

    def scatter(noise, prediction, _, covariance):
        require_gaussian(noise, "misspecified_bound", "use misspecified_bound_from_draws")
        weight = noise.information(prediction)
        return weight @ covariance @ weight

    return _bound(assumed, found, data, unknowns, scatter, covariance)


@eqx.filter_jit
def _bound_from_draws(assumed: Model, start, data: Data, unknowns: Unknowns, solver):
    def average(shared, link):
        return _Average(assumed.noise_of(shared, link))

    averaged = Model(assumed.predict_link, average)
    found = solve(averaged, start, data, unknowns.names, solver=solver)

    def scatter(noise, prediction, draws, _):
        return jnp.atleast_2d(jnp.cov(noise.scores(draws, prediction), rowvar=False))

    return _bound(averaged, found, data, unknowns, scatter, jnp.zeros(data.observations.shape[0]))


def _bound(assumed: Model, found: Estimate, data: Data, unknowns: Unknowns, scatter, extra):
    """A, B and MCRB at the pseudo-true point.

    `scatter` (noise, prediction, observation, extra) -> covariance of one link's score with
    respect to its prediction.
    """
    zero = jnp.zeros(unknowns.size)

    def one(link, observation, extra):
        noise = assumed.noise_of(data.shared, link)

        def nll(delta):
            moved = unknowns.displace(found.theta, delta)
            return noise.nll(observation, assumed.predict_link(moved, data.shared, link))

        hessian = jax.jacfwd(jax.grad(nll))(zero)
        prediction, jacobian = link_jacobian(assumed, unknowns, found.theta, data.shared, link)
        rows = noise.whiten(jacobian, prediction)
        middle = scatter(noise, prediction, observation, extra)
        return hessian, jacobian.T @ middle @ jacobian, rows.T @ rows

    def part(tree, visible):
        each = jax.vmap(one)(*tree)
        if visible is not None:
            each = tuple(jnp.where(visible[:, None, None], x, 0.0) for x in each)
        return tuple(jnp.sum(x, axis=0) for x in each)

    a, b, fim = sum_chunks(part, (data.links, data.observations, extra), data.visible)
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


def _check_covariance(data: Data, true_covariance) -> None:
    shape = jnp.shape(data.observations)
    entries = int(np.prod(shape[1:])) * (2 if jnp.iscomplexobj(data.observations) else 1)
    if jnp.shape(true_covariance) != (shape[0], entries, entries):
        raise LeopntError(
            f"true_covariance has shape {jnp.shape(true_covariance)}; accepted for these "
            f"observations, real form: {(shape[0], entries, entries)}."
        )
