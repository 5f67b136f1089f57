"""Consider covariance: what unestimated but uncertain fields do to an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from leopnt.errors import LeopntError
from leopnt.inference.linearize import sum_chunks, whitened_rows
from leopnt.inference.model import Model, check_links, with_array_floats
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
    visible: Bool[Array | np.ndarray, " link"] | None = None,
    priors: Sequence[AbstractPrior] = (),
    link_weight: Float[Array, " link"] | None = None,
) -> Float[Array, "param param"]:
    """Covariance of the free fields when others were held fixed at uncertain values, SI.

        P_c = P + S C S^T,   S = -P A_f^T A_c      (A: whitened rows of free and considered fields)

    Args:
        considered: fields held at the values in `theta` by the estimator; none of them free.
        considered_covariance: their true covariance C, SI, order of `considered`.
        visible: False marks padding and rejected links.
        priors: on the free fields, as given to the estimator.
        link_weight: robust or down-weighting factors on each link's information, if any were used.

    Source: Tapley, Schutz & Born, Statistical Orbit Determination (2004), eq. 6.4.14.
    """
    free_unknowns = Unknowns.of(theta, free)
    unknowns = Unknowns.of(theta, _names(free) + _names(considered))
    weight = jnp.ones(check_links(links, shared, visible)) if link_weight is None else link_weight
    _check_covariance(considered_covariance, unknowns.size - free_unknowns.size)
    given = with_array_floats((model, theta, links, shared, tuple(priors)))
    return _consider(free_unknowns, unknowns, weight, visible, considered_covariance, *given)


@eqx.filter_jit
def _consider(
    free: Unknowns,
    unknowns: Unknowns,
    weight,
    visible,
    covariance,
    model,
    theta,
    links,
    shared,
    priors,
):
    size = free.size

    def part(tree, visible):
        links, weight = tree
        counts = weight > 0 if visible is None else visible & (weight > 0)
        rows = whitened_rows(model, unknowns, theta, links, shared)
        rows = jnp.where(counts[:, None, None], rows * jnp.sqrt(weight)[:, None, None], 0.0)
        return jnp.einsum("lop,loq->pq", rows[..., :size], rows)

    products = sum_chunks(part, (links, weight), visible)
    normal, cross = products[:, :size], products[:, size:]
    for prior in priors:
        rows = prior_rows(prior, free, theta)[1]
        normal = normal + rows.T @ rows
    cofactor, _ = inverse_spd(normal)
    scale = jnp.asarray(unknowns.scale_vector)
    sensitivity = -(cofactor @ cross) * scale[:size, None] / scale[None, size:]
    formal = cofactor * scale[:size, None] * scale[None, :size]
    return formal + sensitivity @ covariance @ sensitivity.T


def _names(names: Sequence[str] | str) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _check_covariance(covariance, size: int) -> None:
    if jnp.shape(covariance) != (size, size):
        raise LeopntError(
            f"considered_covariance has shape {jnp.shape(covariance)}; the considered fields have "
            f"{size} components, so accepted is ({size}, {size})."
        )
