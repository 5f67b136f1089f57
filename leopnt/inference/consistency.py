"""Do the residuals fit the claimed noise? Chi-square test, normalized residuals, data snooping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.inference.least_squares import Estimate
from leopnt.inference.linearize import whitened_residual, whitened_rows
from leopnt.inference.model import Data, Model
from leopnt.inference.parameters import Unknowns


class ChiSquare(NamedTuple):
    """Global test of the residuals.

    value: sum of squared whitened residuals; dof: degrees of freedom; p_value: probability of a
    larger value if the model and its sigmas are right (two-sided reading is up to the caller:
    close to 0 means residuals too large, close to 1 too small).
    """

    value: float
    dof: int
    p_value: float


def chi_square(value: float, dof: int) -> ChiSquare:
    """Chi-square test of a sum of squares; p is NaN where there is no redundancy."""
    if dof <= 0:
        return ChiSquare(float(value), int(dof), float("nan"))
    from scipy.special import gammaincc

    return ChiSquare(float(value), int(dof), float(gammaincc(0.5 * dof, 0.5 * value)))


class ResidualCheck(NamedTuple):
    """Per-link whitened residuals and what is left of them after the fit.

    whitened: z = (observed - predicted)/sigma (link, obs). leverage: share h of each observation
    that the fit absorbed, in [0, 1]. normalized: z / sqrt(1 - h), standard normal if all is right;
    0 where the observation has no redundancy (h = 1), since nothing checks it; NaN without a fit.
    """

    whitened: Float[Array, "link obs"]
    leverage: Float[Array, "link obs"]
    normalized: Float[Array, "link obs"]


def check_residuals(
    model: Model, estimate: Estimate, data: Data, *, weight: Float[Array, " link"] | None = None
) -> ResidualCheck:
    """Normalized residuals of every link, used or not, at an estimate.

        h = a P a^T for links that were used, -a P a^T for the others (their prediction error adds)

    Source: Baarda, A testing procedure for use in geodetic networks (1968); for rejected links
    this is the deletion residual.
    """
    unknowns: Unknowns = estimate.unknowns
    rows = whitened_rows(model, unknowns, estimate.theta, data.links, data.shared)
    scale = jnp.asarray(unknowns.scale_vector)
    cofactor = jnp.asarray(estimate.covariance) / (scale[:, None] * scale[None, :])
    raw = jnp.einsum("lop,pq,loq->lo", rows, cofactor, rows)
    used = data.mask[:, None]
    factor = 1.0 if weight is None else weight[:, None]
    leverage = jnp.where(used, raw * factor, -raw)

    def residual(link, observation):
        return whitened_residual(model, estimate.theta, data.shared, link, observation)

    z = jax.vmap(residual)(data.links, data.observations)
    spare = 1.0 - leverage
    unchecked = spare <= 1e-9
    normalized = jnp.where(unchecked, 0.0, z / jnp.sqrt(jnp.where(unchecked, 1.0, spare)))
    return ResidualCheck(z, leverage, normalized)


class Snooped(NamedTuple):
    """Result of `data_snooping`: the final estimate, which links it used, and the last check.

    settled: False where it gave up, because too many links contradict, the choice went in circles,
    the rounds ran out (the model or its sigmas are wrong, or the start is), or the last fit has no
    covariance.
    """

    estimate: Estimate
    used: Bool[np.ndarray, " link"]
    check: ResidualCheck
    rounds: int
    settled: bool = True


def data_snooping(
    solve_visible: Callable[[Any, Bool[np.ndarray, " link"]], Estimate],
    model: Model,
    start: Any,
    data: Data,
    *,
    threshold: float = 4.0,
    max_share: float = 0.3,
    max_rounds: int = 30,
    groups: Int[np.ndarray, " link"] | None = None,
    first: Bool[np.ndarray, " link"] | None = None,
) -> Snooped:
    """Reject the links that contradict the others, and re-admit those rejected wrongly.

    Every round solves, computes normalized residuals, drops of every group the worst link above
    `threshold` sigma and those at least half as bad (smaller ones may be its victims), and takes
    back rejected links that now fit within the threshold. Gross errors spoil the first solution
    and hide in it: give the links that a robust estimate trusts as `first`; if these determine no
    fit, it starts over with all.

    Args:
        solve_visible: (start, visible) -> Estimate.
        threshold: in sigmas; 4 keeps 99.994 % of good links.
        max_share: stop rejecting when this share of the links is out: then it is the model that
            is wrong, not the data.
        groups: label of each link (satellite number, say); default: one group.
        first: links to begin with, out of the visible ones; default: all of them.
    """
    visible = np.asarray(data.mask) if first is None else np.asarray(data.mask) & first
    allowed = np.asarray(data.mask).copy()
    labels = np.zeros(len(visible), int) if groups is None else np.asarray(groups)
    seen = {visible.tobytes()}
    estimate = solve_visible(start, visible)
    rounds = 0
    while True:
        rounds += 1
        check = _checked_visible(model, estimate, data, visible)
        badness = np.max(np.abs(np.asarray(check.normalized)), axis=1)
        failed = not np.all(np.isfinite(badness[allowed]))
        wanted = allowed if failed else _next_mask(badness, visible, allowed, labels, threshold)
        settled = not failed and bool(np.array_equal(wanted, visible))
        too_many = np.sum(allowed & ~wanted) > max_share * allowed.sum()
        if settled or too_many or wanted.tobytes() in seen or rounds >= max_rounds:
            return Snooped(estimate, visible, check, rounds, settled)
        seen.add(wanted.tobytes())
        visible = wanted
        estimate = solve_visible(start if failed else estimate.theta, visible)


@eqx.filter_jit
def checked(model: Model, estimate: Estimate, data: Data) -> ResidualCheck:
    """Compiled `check_residuals`."""
    return check_residuals(model, estimate, data)


def _checked_visible(model, estimate, data: Data, visible) -> ResidualCheck:
    return checked(model, estimate, Data(data.links, data.observations, visible, data.shared))


def _next_mask(badness, visible, allowed, labels, threshold):
    wanted = visible | (allowed & (badness <= threshold))
    bad = visible & (badness > threshold)
    if np.any(bad):
        for label in np.unique(labels[bad]):
            inside = bad & (labels == label)
            wanted[inside & (badness >= 0.5 * badness[inside].max())] = False
    return wanted
