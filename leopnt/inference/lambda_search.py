"""Search of the two nearest integer vectors: the second half of LAMBDA, many problems in step.

Depth first in the order of Schnorr and Euchner, the bound shrinking to the second best found. Every
problem advances by one node per pass; problems whose search is complete leave. The few whose trees
are large are finished one by one, thousands of nodes at a time, see `lambda_wide`.

Source: Schnorr and Euchner, Math. Programming 66 (1994) 181; the conditional estimates as in de
Jonge and Tiberius, LGR Series 12, TU Delft (1996).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.lambda_wide import search_wide

MAX_NODES = 20_000_000
"""Nodes of the search tree after which a problem is given up, which the result says."""

_CROWD = 2048
"""Problems that advance together: their state fits the cache of a core."""

_PASSES_PER_LEVEL = 16
"""Passes per ambiguity after which the problems left are finished one by one."""


class TwoBest(NamedTuple):
    """The two integer vectors z of least |z_float - z|^2, in units of the covariance, best first.

    `complete` is False where the limit of nodes ended the search: the vectors are the best so far,
    the second one perhaps missing (squared norm infinite).
    """

    integers: Int[np.ndarray, "*batch two amb"]
    squared_norms: Float[np.ndarray, "*batch two"]
    num_nodes: Int[np.ndarray, "*batch"]
    complete: Bool[np.ndarray, "*batch"]


def search_two_best(
    floats: Float[np.ndarray, "*batch amb"],
    lower: Float[np.ndarray, "*batch amb amb"],
    variances: Float[np.ndarray, "*batch amb"],
    max_nodes: int = MAX_NODES,
) -> TwoBest:
    """The two nearest integer vectors for Q = L^T diag(d) L.

        |z_float - z|^2 = sum_i (z_i - zc_i)^2 / d_i,  zc_i = z_float_i + sum_j>i (z_j - zc_j) L_ji

    Any L and d will do; those of `decorrelate` make it fast. Ties count as two vectors.

    Raises:
        LeopntError: a limit below the number of ambiguities, which no search can meet.
    """
    size = floats.shape[-1]
    if max_nodes <= size:
        raise LeopntError(
            f"max_nodes: got {max_nodes}; accepted: more than the {size} ambiguities, since one "
            "candidate takes as many nodes."
        )
    batch, count = floats.shape[:-1], int(np.prod(floats.shape[:-1], dtype=int))
    flat = (
        floats.reshape(count, size),
        np.swapaxes(lower, -1, -2).reshape(count, size, size),
        1.0 / variances.reshape(count, size),
    )
    found = _Found(
        np.zeros((count, 2, size)),
        np.full((count, 2), np.inf),
        np.zeros(count, int),
        np.zeros(count, bool),
    )
    for start in range(0, count, _CROWD):
        crowd = slice(start, start + _CROWD)
        tree = _Tree(*(x[crowd] for x in flat))
        _search(tree, _Found(*(x[crowd] for x in found)), max_nodes)
    return TwoBest(
        found.integers.astype(np.int64).reshape(*batch, 2, size),
        found.norms.reshape(*batch, 2),
        found.nodes.reshape(batch),
        found.complete.reshape(batch),
    )


class _Found(NamedTuple):
    """Results by problem, filled in place."""

    integers: np.ndarray
    norms: np.ndarray
    nodes: np.ndarray
    complete: np.ndarray


class _Tree:
    """Where each of the problems still in search stands in its tree."""

    def __init__(self, floats, upper, weights):
        count, size = floats.shape
        self.size = size
        self.problem = np.arange(count)  # place in the results
        self.floats, self.weights = floats, weights
        self.upper = upper * (1.0 - np.eye(size))[None]  # row i: L_ji of j > i, zero elsewhere
        self.center = floats.copy()
        self.trial = np.rint(floats)
        self.step = np.where(floats < self.trial, -1.0, 1.0)
        self.miss = np.zeros((count, size))  # z_j - zc_j of the levels fixed so far
        self.above = np.zeros((count, size))  # squared norm of the levels above
        self.level = np.full(count, size - 1)
        self.norms = np.full((count, 2), np.inf)
        self.integers = np.zeros((count, 2, size))

    def keep(self, chosen) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(self, name, value[chosen])


def _search(tree: _Tree, found: _Found, max_nodes: int) -> None:
    running = np.ones(len(tree.problem), bool)
    passes = min(max_nodes, _PASSES_PER_LEVEL * tree.size)
    for node in range(1, passes + 1):
        ended = running & _visit(tree)
        if not ended.any():
            continue
        _store(tree, ended, found, node)
        running &= ~ended
        if running.sum() < 0.8 * len(running):
            tree.keep(running)
            running = running[running]
            if not running.size:
                return
    _store(tree, running, found, passes)
    for i, at in zip(np.flatnonzero(running), tree.problem[running], strict=True):
        one = (tree.integers[i], tree.norms[i])
        rest = search_wide(
            tree.floats[i], tree.upper[i].T, tree.weights[i], *one, max_nodes - passes
        )
        found.integers[at], found.norms[at], more, found.complete[at] = rest
        found.nodes[at] = passes + more


def _store(tree: _Tree, chosen, found: _Found, nodes: int) -> None:
    at = tree.problem[chosen]
    found.integers[at], found.norms[at] = tree.integers[chosen], tree.norms[chosen]
    found.nodes[at], found.complete[at] = nodes, True


def _visit(tree: _Tree) -> Bool[np.ndarray, " problem"]:
    """Look at one node of every problem and move on to the next; says whose search is over."""
    size, level = tree.size, tree.level
    here = np.arange(len(level)) * size + level
    miss = tree.trial.ravel()[here] - tree.center.ravel()[here]
    norm = tree.above.ravel()[here] + miss * miss * tree.weights.ravel()[here]
    inside = norm < tree.norms[:, 1]
    bottom = level == 0
    _descend(tree, np.flatnonzero(inside & ~bottom), here, miss, norm)
    _keep_candidate(tree, np.flatnonzero(inside & bottom), norm)
    level += ~inside
    ended = level == size
    _next_integer(tree, np.flatnonzero((bottom | ~inside) & ~ended))
    level[ended] = size - 1  # stays valid until the problem leaves
    return ended


def _descend(tree: _Tree, at, here, miss, norm) -> None:
    """Fix this level at its trial and start the next one at its conditional estimate."""
    if not at.size:
        return
    tree.miss.ravel()[here[at]] = miss[at]
    tree.level[at] -= 1
    below = here[at] - 1
    row = tree.upper[at, tree.level[at]]
    center = tree.floats.ravel()[below] + np.einsum("pj,pj->p", row, tree.miss[at])
    trial = np.rint(center)
    tree.center.ravel()[below], tree.trial.ravel()[below] = center, trial
    tree.step.ravel()[below] = np.where(center < trial, -1.0, 1.0)
    tree.above.ravel()[below] = norm[at]


def _keep_candidate(tree: _Tree, at, norm) -> None:
    if not at.size:
        return
    new, old = norm[at], tree.norms[at]
    best = new < old[:, 0]
    vectors = tree.trial[at]
    tree.integers[at, 1] = np.where(best[:, None], tree.integers[at, 0], vectors)
    tree.integers[at, 0] = np.where(best[:, None], vectors, tree.integers[at, 0])
    tree.norms[at, 1] = np.where(best, old[:, 0], new)
    tree.norms[at, 0] = np.where(best, new, old[:, 0])


def _next_integer(tree: _Tree, at) -> None:
    """The next nearest integer of the level: x, x + 1, x - 1, x + 2, ..."""
    here = at * tree.size + tree.level[at]
    step = tree.step.ravel()[here]
    tree.trial.ravel()[here] += step
    tree.step.ravel()[here] = -step - np.sign(step)
