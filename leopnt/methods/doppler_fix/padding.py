"""Pad the link axis to one of a few lengths, so that logs of any size share compiled kernels."""

import jax
import numpy as np

from leopnt.inference.model import Data


def bucket(count: int, smallest: int) -> int:
    """Next length out of smallest * (1, 1.5, 2, 3, 4, 6, ...); wastes at most a third."""
    size = smallest
    while size < count:
        if 3 * size // 2 >= count:
            return 3 * size // 2
        size *= 2
    return size


def padded(data: Data, length: int) -> Data:
    """Data with its last link repeated up to `length`, the repetitions invisible."""
    missing = length - data.observations.shape[0]

    def extend(leaf):
        leaf = np.asarray(leaf)
        return np.concatenate([leaf, np.repeat(leaf[-1:], missing, axis=0)])

    visible = np.concatenate([np.asarray(data.mask), np.zeros(missing, bool)])
    links = jax.tree.map(extend, data.links)
    return Data(links, extend(data.observations), visible, data.shared)
