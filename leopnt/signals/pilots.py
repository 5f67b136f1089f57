"""Pilots of several streams on a grid, and their moments: all that Fisher information asks of them.

    R_ab = sum over l, k of w_a w_b conj(t) t^T,   w = (1, l, k)

with t the pilots of all streams on symbol l and subcarrier k, both counted from 1.

Source: [zhang-pace] eqs. 10-11, sums done before the derivatives.
"""

from __future__ import annotations

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Key

from leopnt.errors import LeopntError
from leopnt.signals.ofdm import OfdmGrid

MODULUS_TOLERANCE = 1e-6
"""Largest deviation of a pilot's modulus from one."""

_BLOCK_SYMBOLS = 64
_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def isotropic_moments(grid: OfdmGrid, num_stream: int) -> Complex[Array, "3 3 stream stream"]:
    """Moments of independent pilots of zero mean and unit modulus, on average.

    R_ab = (sum over l, k of w_a w_b) I: information is linear in R, so this gives its exact mean.
    """
    return jnp.asarray(grid.sums)[:, :, None, None] * jnp.eye(num_stream, dtype=complex)[None, None]


def pilot_moments(pilots: ArrayLike) -> Complex[np.ndarray, "3 3 stream stream"]:
    """Moments of given pilots (symbol, sub, stream).

    Raises:
        LeopntError: another shape, a modulus other than one.
    """
    pilots = np.asarray(pilots)
    if pilots.ndim != 3 or 0 in pilots.shape:
        raise LeopntError(
            f"pilots have shape {pilots.shape}; accepted: (symbol, sub, stream), none of them zero."
        )
    starts = range(0, len(pilots), _BLOCK_SYMBOLS)
    return pilot_moments_of_blocks(pilots[i : i + _BLOCK_SYMBOLS] for i in starts)


def pilot_moments_of_blocks(
    blocks: Iterable[np.ndarray],
) -> Complex[np.ndarray, "3 3 stream stream"]:
    """As `pilot_moments`, from consecutive blocks of symbols: for pilots too many to hold."""
    total, before = None, 0
    for block in blocks:
        _check_modulus(block)
        part = _moments(np.asarray(block, complex), before)
        total = part if total is None else total + part
        before += len(block)
    if total is None:
        raise LeopntError("blocks: none; accepted: one or more arrays (symbol, sub, stream).")
    return total


def _moments(pilots: np.ndarray, before: int) -> np.ndarray:
    """Moments of a block that follows `before` symbols."""
    symbols, subs, streams = pilots.shape
    order = np.meshgrid(before + np.arange(1.0, symbols + 1), np.arange(1.0, subs + 1))
    weights = (np.ones(symbols * subs), order[0].T.ravel(), order[1].T.ravel())
    flat = pilots.reshape(-1, streams)
    found = np.empty((3, 3, streams, streams), complex)
    for a, b in _PAIRS:
        product = np.conj(flat).T @ ((weights[a] * weights[b])[:, None] * flat)
        found[a, b] = found[b, a] = product
    return found


def random_pilots(
    key: Key[Array, ""], grid: OfdmGrid, num_stream: int
) -> Complex[Array, "symbol sub stream"]:
    """Independent QPSK pilots."""
    quarter = jax.random.randint(key, (grid.num_symbol, grid.num_sub, num_stream), 0, 4)
    return jnp.exp(0.5j * jnp.pi * (quarter + 0.5))


def dft_pilots(grid: OfdmGrid, num_stream: int) -> Complex[np.ndarray, "symbol sub stream"]:
    """Pilots orthogonal over any `num_stream` symbols or subcarriers in a row.

    t = exp(-2 pi i (l + k) s / num_stream)
    """
    symbol = np.arange(1, grid.num_symbol + 1)[:, None, None]
    sub = np.arange(1, grid.num_sub + 1)[None, :, None]
    turn = (symbol + sub) * np.arange(num_stream)[None, None, :] % num_stream
    return np.exp(-2j * np.pi * turn / num_stream)


def _check_modulus(pilots: np.ndarray) -> None:
    off = np.max(np.abs(np.abs(pilots) - 1.0))
    if not off <= MODULUS_TOLERANCE:
        raise LeopntError(
            f"pilots: a modulus differs from one by {off:.3g}; accepted: unit modulus to "
            f"{MODULUS_TOLERANCE:g}."
        )
