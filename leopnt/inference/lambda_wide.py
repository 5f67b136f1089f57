"""Search of one large tree: thousands of nodes of one level at a time, the deepest level first.

For the rare problems whose search takes long: many ambiguities, or hopeless ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

_WIDTH = 1024
"""Nodes expanded at once; memory stays below about levels * width * children * 8 n bytes."""


class _Nodes(NamedTuple):
    """Nodes of one level: offsets z - zc of the levels fixed so far, integers, squared norms."""

    level: int
    miss: Float[np.ndarray, "node amb"]
    trial: Float[np.ndarray, "node amb"]
    norm: Float[np.ndarray, " node"]


def search_wide(floats, lower, weights, integers, norms, max_nodes: int):
    """Two best of one problem, given two found so far (squared norms infinite if none).

    Returns:
        integers (2, n), squared norms (2,), nodes looked at, and whether the search was complete.
    """
    size = len(floats)
    root = _Nodes(size, np.zeros((1, size)), np.zeros((1, size)), np.zeros(1))
    stack, nodes = [root], 0
    while stack:
        if nodes >= max_nodes:
            return integers, norms, nodes, False
        parents = stack.pop()
        parents = _part(parents, np.flatnonzero(parents.norm < norms[1]))
        if len(parents.norm) > _WIDTH:
            stack.append(_part(parents, slice(_WIDTH, None)))
            parents = _part(parents, slice(_WIDTH))
        if not len(parents.norm):
            continue
        children = _children(parents, floats, lower, weights, norms[1])
        nodes += len(children.norm)
        if children.level:
            stack.append(children)
        else:
            integers, norms = _two_best(children, integers, norms)
    return integers, norms, nodes, True


def _children(parents: _Nodes, floats, lower, weights, bound) -> _Nodes:
    """All integers of the next level within the bound, nearest first."""
    k = parents.level - 1
    center = floats[k] + parents.miss[:, k + 1 :] @ lower[k + 1 :, k]
    reach = np.sqrt((bound - parents.norm) / weights[k])
    first = np.ceil(center - reach)
    count = np.maximum(np.floor(center + reach) - first + 1, 0).astype(int)
    parent = np.repeat(np.arange(len(count)), count)
    order = np.arange(len(parent)) - np.repeat(np.cumsum(count) - count, count)
    z = first[parent] + order
    miss = z - center[parent]
    norm = parents.norm[parent] + miss * miss * weights[k]
    nearest = np.argsort(norm, kind="stable")
    grown = _Nodes(k, parents.miss[parent[nearest]], parents.trial[parent[nearest]], norm[nearest])
    grown.miss[:, k], grown.trial[:, k] = miss[nearest], z[nearest]
    return grown


def _part(nodes: _Nodes, chosen) -> _Nodes:
    return _Nodes(nodes.level, nodes.miss[chosen], nodes.trial[chosen], nodes.norm[chosen])


def _two_best(leaves: _Nodes, integers, norms):
    """The two best of two old vectors and of the leaves, each vector once."""
    fresh = (leaves.trial[:, None, :] != integers[None]).any(-1) | ~np.isfinite(norms)[None, :]
    few = np.flatnonzero(fresh.all(axis=1))[:2]
    vectors = np.concatenate([integers, leaves.trial[few]])
    all_norms = np.concatenate([norms, leaves.norm[few]])
    two = np.argsort(all_norms, kind="stable")[:2]
    return vectors[two], all_norms[two]
