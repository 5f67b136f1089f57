"""Filters and smoothers against dense Gaussian conditioning."""

import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.inference.kalman import (
    LinearSteps,
    kalman_filter,
    rts_smoother,
    two_filter_smoother,
)
from leopnt.inference.tridiagonal import solve_bordered_chain

RNG = np.random.default_rng(8)
STEPS, STATES, OBS = 7, 3, 2


def problem():
    f = np.eye(STATES)[None] + 0.2 * RNG.normal(size=(STEPS, STATES, STATES))
    f[4, 1] = 0.0  # this state starts anew
    g = 0.3 * RNG.normal(size=(STEPS, STATES, 2))
    g[4, 1] = [10.0, 0.0]
    rows = RNG.normal(size=(STEPS, OBS, STATES))
    y = RNG.normal(size=(STEPS, OBS))
    r = RNG.uniform(0.1, 1.0, (STEPS, OBS))
    r[2, 0] = np.inf
    return f, g, rows, y, r


def conditioned(f, g, rows, y, r, mean, cov, last):
    """Mean and covariance of all states given observations up to step `last`."""
    size = STEPS * STATES
    root = np.zeros((size, STATES + 2 * STEPS))
    root[:STATES, :STATES] = np.linalg.cholesky(cov)
    centers = [mean]
    for k in range(1, STEPS):
        now, before = slice(k * STATES, (k + 1) * STATES), slice((k - 1) * STATES, k * STATES)
        root[now] = f[k] @ root[before]
        root[now, STATES + 2 * k : STATES + 2 * k + 2] += g[k]
        centers.append(f[k] @ centers[-1])
    prior, mean = root @ root.T, np.concatenate(centers)
    used = [(k, i) for k in range(last + 1) for i in range(OBS) if np.isfinite(r[k, i])]
    h = np.zeros((len(used), size))
    for n, (k, i) in enumerate(used):
        h[n, k * STATES : (k + 1) * STATES] = rows[k, i]
    noise = np.diag([r[k, i] for k, i in used])
    gain = prior @ h.T @ np.linalg.inv(h @ prior @ h.T + noise)
    miss = np.array([y[k, i] for k, i in used]) - h @ mean
    return mean + gain @ miss, prior - gain @ h @ prior


def test_filter_and_smoothers_are_dense_conditioning(evidence):
    parts = problem()
    mean, cov = RNG.normal(size=STATES), np.diag([1.0, 4.0, 0.5])
    steps = LinearSteps(*map(jnp.asarray, parts))
    filtered = kalman_filter(steps, jnp.asarray(mean), jnp.asarray(cov))
    for k in range(STEPS):
        x, p = conditioned(*parts, mean, cov, k)
        at = slice(k * STATES, (k + 1) * STATES)
        np.testing.assert_allclose(filtered.mean[k], x[at], atol=1e-11)
        np.testing.assert_allclose(filtered.covariance[k], p[at, at], atol=1e-10)
    x, p = conditioned(*parts, mean, cov, STEPS - 1)
    worst = 0.0
    for smoother in (rts_smoother, two_filter_smoother):
        found = smoother(steps, filtered)
        worst = max(worst, float(np.max(np.abs(np.ravel(found.mean) - x))))
        for k in range(STEPS):
            at = slice(k * STATES, (k + 1) * STATES)
            np.testing.assert_allclose(found.covariance[k], p[at, at], atol=1e-9)
    evidence(
        "inference.kalman",
        "smoothed states, both smoothers",
        "dense Gaussian conditioning",
        "closed form",
        achieved=worst,
        tolerance=1e-10,
    )


@pytest.mark.parametrize("length", [1, 2, 9])
def test_a_bordered_chain_is_the_dense_system(length, evidence):
    diagonal = RNG.uniform(3.0, 4.0, length)
    off = RNG.uniform(-1.0, 1.0, length - 1)
    t = np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1)
    cross, border = RNG.normal(size=(length, 2)), 40.0 * np.eye(2)
    v, u = RNG.normal(size=length), RNG.normal(size=2)
    found = solve_bordered_chain(diagonal, off, cross, border, v, u)
    every = np.linalg.inv(np.block([[t, cross], [cross.T, border]]))
    expected = every @ np.r_[v, u]
    worst = np.max(np.abs(np.r_[found.chain, found.border] - expected))
    np.testing.assert_allclose(found.chain_variance, np.diag(every)[:length], rtol=1e-12)
    np.testing.assert_allclose(found.border_covariance, every[length:, length:], rtol=1e-10)
    evidence(
        "inference.tridiagonal",
        f"chain of {length} with a border of 2",
        "dense inverse",
        "implementation",
        achieved=worst,
        tolerance=1e-13,
    )
    alone = solve_bordered_chain(diagonal, off, cross[:, :0], border[:0, :0], v, u[:0])
    np.testing.assert_allclose(alone.chain, np.linalg.solve(t, v), rtol=1e-12)


def test_a_chain_that_is_not_positive_definite_is_refused():
    one = np.ones(1)
    with pytest.raises(LeopntError, match="the chain is not determined at place 1"):
        solve_bordered_chain(
            np.ones(2), 2 * one, np.zeros((2, 0)), np.zeros((0, 0)), np.ones(2), np.zeros(0)
        )
