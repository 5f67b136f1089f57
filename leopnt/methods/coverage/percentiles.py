"""Percentiles over time and over area, with little memory beside the values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

_AT_ONCE = 1_000_000
_DIGIT_BITS = 16


def percentiles_over_time(
    values: Float[np.ndarray, "epoch cell"], percent: Float[np.ndarray, " percent"]
) -> Float[np.ndarray, "percent cell"]:
    """Value that is not exceeded for this share of the epochs; epochs without a value count worst.

    The smallest value whose share reaches the percentage (no interpolation): inf where the
    quantity is not known for that long. Of -values: minus the largest value that is reached for
    this share.
    """
    num_epochs, num_cells = values.shape
    index = np.ceil(np.asarray(percent) / 100.0 * num_epochs - 1e-9).astype(int) - 1
    index = np.clip(index, 0, num_epochs - 1)
    found = np.empty((len(index), num_cells), values.dtype)
    at_once = max(1, _AT_ONCE // num_epochs)
    for cells in (slice(first, first + at_once) for first in range(0, num_cells, at_once)):
        ordered = values[:, cells].T.copy()
        ordered[np.isnan(ordered)] = np.inf
        ordered.sort(axis=1)
        found[:, cells] = ordered[:, index].T
    return found


def percentiles_over_area(
    values: Float[np.ndarray, "*epoch cell"],
    weight: Float[np.ndarray, " cell"],
    percent: Float[np.ndarray, " percent"],
) -> Float[np.ndarray, " percent"]:
    """Value that is not exceeded in this share of area and time; NaN values are left out.

    Values are not sorted: numbers whose order is that of the values are told digit by digit.
    """
    rows = values.reshape(-1, len(weight))
    bits = 8 * rows.itemsize
    shares = _shares(rows, weight, 0, bits)
    if not shares.any():
        return np.full(len(percent), np.nan)
    goals = np.asarray(percent) / 100.0 * shares.sum() * (1.0 - 1e-12)
    return np.array([_at_share(rows, weight, shares, goal, bits) for goal in goals])


def _at_share(rows: np.ndarray, weight: np.ndarray, shares: np.ndarray, goal: float, bits: int):
    """The smallest value up to which the weights reach the goal; the first digits' are given."""
    number = 0
    while True:
        up_to = np.cumsum(shares)
        there = np.flatnonzero(shares)
        digit = int(np.clip(np.searchsorted(up_to, goal), there[0], there[-1]))
        goal -= up_to[digit - 1] if digit else 0.0
        number, bits = (number << _DIGIT_BITS) | digit, bits - _DIGIT_BITS
        if not bits:
            return _value(number, rows.dtype)
        shares = _shares(rows, weight, number, bits)


def _shares(
    rows: Float[np.ndarray, "epoch cell"], weight: Float[np.ndarray, " cell"], begin: int, bits: int
) -> Float[np.ndarray, " digit"]:
    """Weight of each next digit, of the numbers that begin so and have this many bits left."""
    found = np.zeros(1 << _DIGIT_BITS)
    for numbers, weights in _numbers(rows, weight):
        if bits < 8 * rows.itemsize:
            is_one = numbers >> bits == begin
            numbers, weights = numbers[is_one], weights[is_one]
        digits = (numbers >> (bits - _DIGIT_BITS)) & ((1 << _DIGIT_BITS) - 1)
        found += np.bincount(digits.astype(np.intp), weights, len(found))
    return found


def _numbers(rows: np.ndarray, weight: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Unsigned integers in the order of the values that are known, and their weights."""
    at_once = max(1, _AT_ONCE // len(weight))
    top = rows.dtype.type(-0.0).view(f"u{rows.itemsize}")
    for first in range(0, len(rows), at_once):
        part = rows[first : first + at_once]
        known = ~np.isnan(part)
        word = part[known].view(f"u{rows.itemsize}")
        yield np.where(word & top, ~word, word | top), np.broadcast_to(weight, part.shape)[known]


def _value(number: int, dtype: np.dtype) -> float:
    """What `_numbers` made this number of."""
    word = np.array(number, f"u{dtype.itemsize}")
    top = dtype.type(-0.0).view(word.dtype)
    return float(np.where(word & top, word ^ top, ~word).view(dtype))
