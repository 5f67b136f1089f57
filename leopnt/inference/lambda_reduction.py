"""Decorrelation of integer ambiguities: the first half of LAMBDA, for many problems at once.

NumPy with the problems along the last, contiguous axis: problems whose work is done leave, which a
compiled kernel of fixed shape cannot do. No library factorization is called.

Source: Teunissen, J. Geodesy 70 (1995) 65; de Jonge and Tiberius, LGR Series 12, TU Delft (1996).
The order of the swaps is our own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.errors import LeopntError

PIVOT_FLOOR = 1e-14
"""A conditional variance below this share of the variance holds nothing but rounding."""

SYMMETRY = 1e-9
"""Largest difference across the diagonal, as a share of the two standard deviations."""

_HALF = 0.5 + 1e-6
"""Entries of L up to this stay, so that rounding does not move one to and fro."""

_EXACT = 2.0**53
"""Integers below this are exact in double precision."""

_LONG = 3.0
"""Entries of L up to this may wait for the end of the reduction; longer ones lose digits."""

_LONG_OF_FEW = 100.0
"""The same of up to `_FEW` ambiguities, where rounding has less room to grow."""

_FEW = 12

_REFRESHES = 5
"""Times a reduction is resumed from Z^T Q Z; Z is unimodular whenever it ends."""

_GAIN = 1.0 - 1e-6
"""A swap must lower the later conditional variance below this share, so that the swaps end."""


class Decorrelation(NamedTuple):
    """z = Z^T a with covariance Z^T Q Z = L^T diag(d) L.

    d tends to fall along the ambiguities, the last being the most precise; the entries of L below
    its unit diagonal are at most 1/2 (and 1e-6) in size. Where Q is not finite or not positive
    definite, in double precision, `regular` is False, d and L are NaN, and Z means nothing.
    """

    transform: Int[np.ndarray, "*batch amb amb"]
    inverse: Int[np.ndarray, "*batch amb amb"]
    lower: Float[np.ndarray, "*batch amb amb"]
    variances: Float[np.ndarray, "*batch amb"]
    regular: Bool[np.ndarray, "*batch"]


def decorrelate(covariance: Float[Array | np.ndarray, "*batch amb amb"]) -> Decorrelation:
    """Unimodular Z that makes the ambiguities as little correlated as integers can.

    Integer Gauss transformations and swaps of neighbors, sweep after sweep until no swap lowers the
    conditional variance of the later one of a pair.

    Raises:
        LeopntError: no ambiguities, not square, not symmetric.
    """
    cov = checked_covariance(covariance)
    batch, size = cov.shape[:-2], cov.shape[-1]
    flat = np.ascontiguousarray(np.moveaxis(cov.reshape(-1, size, size), 0, -1))
    lower, variances, regular = _factor(flat)
    columns = _columns(lower)
    again = np.flatnonzero(_reduce(columns, variances) & regular)
    for _ in range(_REFRESHES):
        changed, good = _refresh(flat, columns, variances, again)
        regular[again[~good]] = False
        again = again[changed & good]
    out = np.ascontiguousarray(np.moveaxis(columns, -1, 0)).reshape(-1, size, 3, size)
    lower_z = np.moveaxis(out[:, :, 0], 1, 2)
    transform = np.moveaxis(out[:, :, 1], 1, 2).astype(np.int64)
    inverse = out[:, :, 2].astype(np.int64)
    regular &= (transform @ inverse == np.eye(size, dtype=np.int64)[None]).all(axis=(1, 2))
    variances = np.where(regular[:, None], variances.T, np.nan)
    return Decorrelation(
        transform=transform.reshape(cov.shape),
        inverse=inverse.reshape(cov.shape),
        lower=np.where(regular[:, None, None], lower_z, np.nan).reshape(cov.shape),
        variances=variances.reshape(*batch, size),
        regular=np.asarray(regular).reshape(batch),
    )


def checked_covariance(covariance) -> Float[np.ndarray, "*batch amb amb"]:
    """The covariance as a NumPy array; raises what `decorrelate` raises."""
    cov = np.asarray(covariance, float)
    if cov.ndim < 2 or cov.shape[-1] != cov.shape[-2] or not cov.shape[-1]:
        raise LeopntError(
            f"covariance: got shape {cov.shape}; accepted: (..., n, n) with n >= 1 ambiguities."
        )
    sigma = np.sqrt(np.abs(np.diagonal(cov, axis1=-2, axis2=-1)))
    with np.errstate(invalid="ignore"):
        gap = np.abs(cov - np.swapaxes(cov, -1, -2))
        bad = gap > SYMMETRY * sigma[..., :, None] * sigma[..., None, :]
    if bad.any():
        at = tuple(np.argwhere(bad)[0])
        across = (*at[:-2], at[-1], at[-2])
        raise LeopntError(
            f"covariance: entry {tuple(map(int, at))} is {cov[at]:.6g} and its mirror image "
            f"{cov[across]:.6g}; accepted: symmetric matrices, to {SYMMETRY:g} of the standard "
            "deviations."
        )
    return cov


def conditional_variances(
    covariance: Float[Array | np.ndarray, "*batch amb amb"],
) -> tuple[Float[np.ndarray, "*batch amb amb"], Float[np.ndarray, "*batch amb"]]:
    """L and d of Q = L^T diag(d) L without any decorrelation, NaN where Q is not positive definite.

    d_i is the variance of ambiguity i once all later ones are known.
    """
    cov = checked_covariance(covariance)
    size = cov.shape[-1]
    flat = np.ascontiguousarray(np.moveaxis(cov.reshape(-1, size, size), 0, -1))
    lower, variances, regular = _factor(flat)
    lower = np.where(regular[:, None, None], np.moveaxis(lower, -1, 0), np.nan)
    variances = np.where(regular[:, None], variances.T, np.nan)
    return lower.reshape(cov.shape), variances.reshape(cov.shape[:-1])


def _factor(cov: Float[np.ndarray, "amb amb problem"]):
    """L, d and whether all pivots are information; the identity stands in for other problems."""
    size = len(cov)
    finite = np.asarray(np.isfinite(cov).all(axis=(0, 1)))
    floor = PIVOT_FLOOR * np.where(finite, cov[range(size), range(size)], 1.0)
    rest = np.where(finite, cov, np.eye(size)[..., None])
    lower = np.zeros_like(rest)
    variances = np.empty((size, cov.shape[-1]))
    regular: np.ndarray = finite
    for i in reversed(range(size)):
        good = rest[i, i] > np.maximum(floor[i], 0.0)
        regular = np.asarray(regular & good)
        variances[i] = np.where(good, rest[i, i], 1.0)
        lower[i, i] = 1.0
        lower[i, :i] = rest[i, :i] / variances[i]
        rest[:i, :i] -= lower[i, :i, None] * rest[i, None, :i]
    lower = np.where(regular, lower, np.eye(size)[..., None])
    return lower, np.where(regular, variances, 1.0), np.array(regular)


def _columns(lower: Float[np.ndarray, "amb amb problem"]) -> Float[np.ndarray, "amb three problem"]:
    """Per ambiguity: column of L, column of Z, row of Z^-1, which all move together."""
    unit = np.broadcast_to(np.eye(len(lower))[..., None], lower.shape)
    return np.concatenate([np.swapaxes(lower, 0, 1), unit, unit], axis=1)


def _refresh(cov, columns, variances, at):
    """Factor Z^T Q Z anew, because swaps pile up rounding, and reduce on.

    Says what changed, and where Q has lost its meaning on the way: too nearly singular for Z.
    """
    size = len(columns)
    z = np.moveaxis(columns[:, size : 2 * size, at], -1, 0)
    product = z @ np.moveaxis(cov[..., at], -1, 0) @ np.swapaxes(z, -1, -2)
    lower, fresh, good = _factor(np.ascontiguousarray(np.moveaxis(product, 0, -1)))
    good = good & (np.abs(columns[:, size:, at]) < _EXACT).all(axis=(0, 1))
    part = np.ascontiguousarray(columns[..., at])
    part[:, :size] = np.swapaxes(lower, 0, 1)
    changed = _reduce(part, fresh)
    part[..., ~good] = _columns(np.eye(size)[..., None])
    columns[..., at], variances[:, at] = part, fresh
    return changed, good


def _reduce(
    columns: Float[np.ndarray, "amb three problem"], variances
) -> Bool[np.ndarray, " prob"]:
    """Sweep until no problem swaps any more, then make L small; in place, says what changed."""
    changed = np.zeros(columns.shape[-1], bool)
    moving = np.arange(columns.shape[-1])
    part, part_var = columns, variances
    while moving.size:
        swapped = np.zeros(moving.size, bool)
        for k in reversed(range(len(columns) - 1)):
            swapped |= _pair(part, part_var, k)
        changed[moving] |= swapped
        if part is not columns:
            columns[..., moving], variances[..., moving] = part, part_var
        if swapped.sum() < 0.7 * moving.size:
            moving = moving[swapped]
            part = np.ascontiguousarray(columns[..., moving])
            part_var = np.ascontiguousarray(variances[..., moving])
    for i in range(1, len(columns)):
        for j in reversed(range(i)):
            changed |= _gauss(columns, i, j)
    return changed


def _gauss(columns, i: int, j: int) -> Bool[np.ndarray, " prob"]:
    """Take an integer multiple of ambiguity i from j < i, so that |L_ij| <= 1/2; says where."""
    size = len(columns)
    mu = np.where(np.abs(columns[j, i]) > _HALF, np.rint(columns[j, i]), 0.0)
    if mu.any():
        columns[j, i : 2 * size] -= mu * columns[i, i : 2 * size]
        columns[i, 2 * size :] += mu * columns[j, 2 * size :]
    return mu != 0.0


def _shorten(columns, k: int, at: Int[np.ndarray, " swapped"]) -> None:
    """Make column k of L small below the diagonal; without it swaps let rounding grow for ever."""
    size = len(columns)
    first = columns[k][:, at]
    limit = _LONG if size > _FEW else _LONG_OF_FEW
    for i in range(k + 1, size):
        mu = np.rint(first[i])
        if i == k + 1 or np.abs(mu).max() > limit:
            first[i : 2 * size] -= mu * columns[i, i : 2 * size][:, at]
            columns[i, 2 * size :][:, at] += mu * first[2 * size :]
    columns[k][:, at] = first


def _pair(columns, variances, k: int) -> Bool[np.ndarray, " problem"]:
    """Decorrelate ambiguities k and k + 1 and swap them where that pays; says where."""
    low = columns[k, k + 1]
    low = low - np.rint(low)
    swap = variances[k] + low * low * variances[k + 1] < _GAIN * variances[k + 1]
    at = np.flatnonzero(swap)
    if not at.size:
        return swap
    _shorten(columns, k, at)
    first, second = columns[k][:, at], columns[k + 1][:, at]
    low, d_first, d_second = first[k + 1].copy(), variances[k, at], variances[k + 1, at]
    total = d_first + low * low * d_second
    eta, slope = d_first / total, d_second * low / total
    variances[k, at], variances[k + 1, at] = eta * d_second, total
    if k:
        upper, below = columns[:k, k][:, at], columns[:k, k + 1][:, at]
        columns[:k, k][:, at] = below - low * upper
        columns[:k, k + 1][:, at] = eta * upper + slope * below
    first[k], first[k + 1], second[k], second[k + 1] = 0.0, 1.0, 1.0, slope
    columns[k][:, at], columns[k + 1][:, at] = second, first
    return swap
