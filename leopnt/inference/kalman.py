"""Linear filtering forward in time, and smoothing by two ways that must agree.

One problem; many with `jax.vmap` (no LAPACK inside). Steps of a linear Gaussian model:

    x_0 ~ N(mean, covariance)      x_k = F_k x_(k-1) + G_k w_k,   w_k ~ N(0, I)
    y_ki = h_ki^T x_k + v_ki,      v_ki ~ N(0, r_ki), independent

A state that starts anew has a row of F of zeros and its prior in G. Missing observations have
infinite r.

Source: [tapley-2004] ch. 4 and 5.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.inference.small_linear import equilibrate, factor, solve_spd


class LinearSteps(NamedTuple):
    """Model and observations of every step; F and G lead into a step, those of the first do not.

    transition: F; noise_root: G; rows: h; observed: y; variance: r, infinity where missing.
    """

    transition: Float[Array, "step state state"]
    noise_root: Float[Array, "step state noise"]
    rows: Float[Array, "step obs state"]
    observed: Float[Array, "step obs"]
    variance: Float[Array, "step obs"]


class Filtered(NamedTuple):
    """Mean and covariance given observations up to each step, and before those of the step."""

    mean: Float[Array, "step state"]
    covariance: Float[Array, "step state state"]
    mean_before: Float[Array, "step state"]
    covariance_before: Float[Array, "step state state"]


class Smoothed(NamedTuple):
    """Mean and covariance given all observations."""

    mean: Float[Array, "step state"]
    covariance: Float[Array, "step state state"]


def kalman_filter(
    steps: LinearSteps, mean: Float[Array, " state"], covariance: Float[Array, "state state"]
) -> Filtered:
    """Kalman filter, one scalar observation after the other in Joseph form.

    Args:
        mean, covariance: of the first step, before its observations.
    """
    first = jnp.arange(steps.observed.shape[0]) == 0

    def advance(carry, step):
        (x, p), (f, g, rows, observed, variance, is_first) = carry, step
        x_before = jnp.where(is_first, x, f @ x)
        p_before = jnp.where(is_first, p, f @ p @ f.T + g @ g.T)
        after = _updated(x_before, p_before, rows, observed, variance)
        return after, Filtered(*after, x_before, p_before)

    _, found = jax.lax.scan(advance, (mean, covariance), (*steps, first))
    return found


def _updated(x, p, rows, observed, variance):
    def one(carry, row):
        (x, p), (h, y, r) = carry, row
        there = jnp.isfinite(r)
        r = jnp.where(there, r, 1.0)
        ph = p @ h
        gain = jnp.where(there, ph / (h @ ph + r), 0.0)
        left = jnp.eye(len(h)) - gain[:, None] * h[None, :]
        x = x + gain * (jnp.where(there, y, 0.0) - h @ x)
        p = left @ p @ left.T + r * gain[:, None] * gain[None, :]
        return (x, 0.5 * (p + p.T)), None

    return jax.lax.scan(one, (x, p), (rows, observed, variance))[0]


def rts_smoother(steps: LinearSteps, filtered: Filtered) -> Smoothed:
    """Rauch-Tung-Striebel smoother, backward over the filter's results.

    C = P F^T (P')^-1      x_s = x + C (x_s' - F x)
    P_s = (I - C F) P (I - C F)^T + C (P_s' + G G^T) C^T
    """

    def back(carry, step):
        x_next, p_next = carry
        x, p, f, g, x_before, p_before = step
        gain = solve_spd(p_before, f @ p)[0].T
        left = jnp.eye(len(x)) - gain @ f
        x_s = x + gain @ (x_next - x_before)
        p_s = left @ p @ left.T + gain @ (p_next + g @ g.T) @ gain.T
        p_s = 0.5 * (p_s + p_s.T)
        return (x_s, p_s), (x_s, p_s)

    last = filtered.mean[-1], filtered.covariance[-1]
    over = (
        filtered.mean[:-1],
        filtered.covariance[:-1],
        steps.transition[1:],
        steps.noise_root[1:],
        filtered.mean_before[1:],
        filtered.covariance_before[1:],
    )
    _, (mean, covariance) = jax.lax.scan(back, last, over, reverse=True)
    return Smoothed(
        jnp.concatenate([mean, last[0][None]]), jnp.concatenate([covariance, last[1][None]])
    )


def two_filter_smoother(steps: LinearSteps, filtered: Filtered) -> Smoothed:
    """Smoother that joins the filter with an information filter that runs backward.

        M = I + G^T W G      W' = F^T (W - W G M^-1 G^T W) F      w' = F^T (w - W G M^-1 G^T w)
        P_s = (P^-1 + W')^-1      x_s = x + P_s (w' - W' x)

    W and w hold all later observations; they start from nothing, so that no prior counts twice.
    """
    size = steps.transition.shape[-1]

    def back(carry, step):
        f, g, rows, observed, variance = step
        there = jnp.isfinite(variance)
        weight = jnp.where(there, 1.0 / jnp.where(there, variance, 1.0), 0.0)
        info = carry[0] + rows.T @ (weight[:, None] * rows)
        vector = carry[1] + rows.T @ (weight * jnp.where(there, observed, 0.0))
        ahead = g.T @ info
        inner = jnp.eye(g.shape[1]) + ahead @ g
        solved = solve_spd(inner, jnp.concatenate([ahead, (g.T @ vector)[:, None]], axis=1))[0]
        info_before = f.T @ (info - ahead.T @ solved[:, :-1]) @ f
        vector_before = f.T @ (vector - ahead.T @ solved[:, -1])
        info_before = 0.5 * (info_before + info_before.T)
        return (info_before, vector_before), (info_before, vector_before)

    nothing = jnp.zeros((size, size)), jnp.zeros(size)
    later = jax.tree.map(lambda x: x[1:], steps)
    _, (info, vector) = jax.lax.scan(back, nothing, tuple(later), reverse=True)
    info = jnp.concatenate([info, nothing[0][None]])
    vector = jnp.concatenate([vector, nothing[1][None]])
    return Smoothed(*jax.vmap(_joined)(filtered.mean, filtered.covariance, info, vector))


def _joined(x, p, info, vector):
    scaled, d = equilibrate(p)
    root = factor(scaled)[0] / d[:, None]
    inner = jnp.eye(len(x)) + root.T @ info @ root
    p_s = root @ solve_spd(inner, root.T)[0]
    return x + p_s @ (vector - info @ x), 0.5 * (p_s + p_s.T)
