"""Consider covariance: what unestimated but uncertain fields do to an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from leopnt.inference.linearize import whitened_rows
from leopnt.inference.model import Model
from leopnt.inference.parameters import Unknowns
from leopnt.inference.priors import AbstractPrior, prior_rows
from leopnt.inference.small_linear import inverse_spd


def consider_covariance(
    model: Model,
    theta: Any,
    links: PyTree,
    free: Sequence[str] | str,
    considered: Sequence[str] | str,
    considered_covariance: Float[Array, "consider consider"],
    *,
    shared: PyTree = None,
    visible: Bool[Array, " link"] | None = None,
    priors: Sequence[AbstractPrior] = (),
    link_weight: Float[Array, " link"] | None = None,
) -> Float[Array, "param param"]:
    """Covariance of the free fields when others were held fixed at uncertain values, SI.

        P_c = P + S C S^T,   S = -P A_f^T A_c      (A: whitened rows of free and considered fields)

    Args:
        considered: fields held at the values in `theta` by the estimator.
        considered_covariance: their true covariance C, SI, order of `considered`.
        priors: on the free fields, as given to the estimator.
        link_weight: robust or down-weighting factors on each link's information, if any were used.

    Source: Tapley, Schutz & Born, Statistical Orbit Determination (2004), eq. 6.4.14.
    """
    free_unknowns = Unknowns.of(theta, free)
    other = Unknowns.of(theta, considered)
    rows_f = whitened_rows(model, free_unknowns, theta, links, shared)
    rows_c = whitened_rows(model, other, theta, links, shared)
    weight = jnp.ones(rows_f.shape[0]) if link_weight is None else link_weight
    if visible is not None:
        weight = jnp.where(visible, weight, 0.0)
    weighted = jnp.where(weight[:, None, None] > 0, rows_f * weight[:, None, None], 0.0)
    normal = jnp.einsum("lop,loq->pq", weighted, jnp.where(weight[:, None, None] > 0, rows_f, 0.0))
    cross = jnp.einsum("lop,loc->pc", weighted, jnp.where(weight[:, None, None] > 0, rows_c, 0.0))
    for prior in priors:
        rows = prior_rows(prior, free_unknowns, theta)[1]
        normal = normal + rows.T @ rows
    cofactor, _ = inverse_spd(normal)
    scale_f, scale_c = jnp.asarray(free_unknowns.scale_vector), jnp.asarray(other.scale_vector)
    sensitivity = -(cofactor @ cross) * scale_f[:, None] / scale_c[None, :]
    formal = cofactor * scale_f[:, None] * scale_f[None, :]
    return formal + sensitivity @ considered_covariance @ sensitivity.T
