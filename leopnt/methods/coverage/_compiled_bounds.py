"""Bounds and DOP of cells from their sums, compiled by Numba: what `bound` does in JAX."""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.methods.coverage.bound import INFLATION_LIMIT

compiled = numba.njit(fastmath={"contract", "reassoc"}, nogil=True, cache=True, error_model="numpy")
"""How all functions of maps are compiled."""


@compiled
@no_type_check
def evaluate_cells(sums, place, free, prior, apart, values):
    """Quantities of all cells at one epoch, rows of `values` as `place` says."""
    has_dop = False
    for i in range(1, 6):
        has_dop = has_dop or place[i] >= 0
    has_bound = False
    for i in range(6, 12):
        has_bound = has_bound or place[i] >= 0
    fim = np.empty((8, 8))
    work = np.empty((8, 8))
    variance = np.zeros(8)
    nan = np.nan
    c = SPEED_OF_LIGHT_MPS
    for cell in range(sums.shape[0]):
        s = sums[cell]
        if place[0] >= 0:
            values[place[0], cell] = s[0]
        if has_dop:
            qe, qn, qu, qc = _dop_variances(s)
            if place[1] >= 0:
                values[place[1], cell] = math.sqrt(qe + qn + qu + qc)
            if place[2] >= 0:
                values[place[2], cell] = math.sqrt(qe + qn + qu)
            if place[3] >= 0:
                values[place[3], cell] = math.sqrt(qe + qn)
            if place[4] >= 0:
                values[place[4], cell] = math.sqrt(qu)
            if place[5] >= 0:
                values[place[5], cell] = math.sqrt(qc)
        if has_bound:
            _fill_fim(s, prior, fim)
            variance[:] = apart
            solved = _variances(fim, free, work, variance)
            v = variance
            found = (
                v[0] + v[1] + v[2],
                v[0] + v[1],
                v[2],
                v[3] / (c * c),
                v[4] + v[5] + v[6],
                v[7] / (c * c),
            )
            for i in range(6):
                if place[6 + i] >= 0:
                    # What is known stays so also where the rest is not observable.
                    is_told = solved or not _is_free(free, i)
                    values[place[6 + i], cell] = math.sqrt(found[i]) if is_told else nan


@compiled
@no_type_check
def _is_free(free, quantity):
    for k in free:
        if quantity == 0 and k < 3:
            return True
        if quantity == 1 and k < 2:
            return True
        if quantity == 2 and k == 2:
            return True
        if quantity == 3 and k == 3:
            return True
        if quantity == 4 and 4 <= k <= 6:
            return True
        if quantity == 5 and k == 7:
            return True
    return False


@compiled
@no_type_check
def _dop_variances(s):
    """Diagonal of Q for east, north, up and the clock; the clock is eliminated first."""
    nan = np.nan
    n = s[0]
    if n < 3.5:
        return nan, nan, nan, nan
    inverse = 1.0 / n
    me, mn, mu = s[1] * inverse, s[2] * inverse, s[3] * inverse
    d1 = s[4] - s[1] * me
    if not d1 > 0.0:
        return nan, nan, nan, nan
    i1 = 1.0 / d1
    c12, c13 = s[5] - s[1] * mn, s[6] - s[1] * mu
    u12, u13 = c12 * i1, c13 * i1
    d2 = s[7] - s[2] * mn - c12 * u12
    if not d2 > 0.0:
        return nan, nan, nan, nan
    i2 = 1.0 / d2
    c23 = s[8] - s[2] * mu - c12 * u13
    u23 = c23 * i2
    d3 = s[9] - s[3] * mu - c13 * u13 - c23 * u23
    if not d3 > 0.0:
        return nan, nan, nan, nan
    i3 = 1.0 / d3
    x13 = u12 * u23 - u13
    xc2 = mn - u12 * me
    xc3 = mu - u23 * mn + x13 * me
    qc = inverse + me * me * i1 + xc2 * xc2 * i2 + xc3 * xc3 * i3
    qe, qn = i1 + u12 * u12 * i2 + x13 * x13 * i3, i2 + u23 * u23 * i3
    if not max(qe * s[4], qn * s[7], i3 * s[9], qc * n) < INFLATION_LIMIT:
        return nan, nan, nan, nan
    return qe, qn, i3, qc


@compiled
@no_type_check
def _fill_fim(s, prior, fim):
    """Fisher information about the eight parameters, lower triangle; see `bound.fim_of_sums`."""
    count = s.shape[0]
    fim[:] = 0.0
    k = 4
    for i in range(3):
        for j in range(i, 3):
            fim[j, i] = s[10 + k]
            if count > 20:
                fim[j, i] += s[20 + k]
            if count > 30:
                fim[4 + j, 4 + i] = s[29 + k]
            k += 1
        fim[3, i] = -s[11 + i]
        if count > 20:
            fim[7, i] = -s[21 + i]
        if count > 30:
            fim[7, 4 + i] = -s[30 + i]
            for j in range(3):
                fim[4 + j, i] = s[39 + 3 * i + j]
    fim[3, 3] = s[10]
    if count > 20:
        fim[7, 7] = s[20]
    for i in range(8):
        fim[i, i] += prior[i]


@compiled
@no_type_check
def _variances(fim, free, low, variance):
    """Diagonal of the inverse of the free part; False where it is not regular.

    NaN for unknowns without any information, which the others then do not depend on.
    """
    size = free.shape[0]
    for j in range(size):
        pivot = fim[free[j], free[j]]
        if pivot == 0.0 and _is_untold(fim, free, j):
            fim[free[j], free[j]] = pivot = 1.0
            variance[free[j]] = np.nan
        for k in range(j):
            pivot -= low[j, k] * low[j, k] * low[k, k]
        if not pivot > 0.0:
            return False
        low[j, j] = pivot
        inverse = 1.0 / pivot
        for i in range(j + 1, size):
            rest = fim[free[i], free[j]]
            for k in range(j):
                rest -= low[i, k] * low[j, k] * low[k, k]
            low[i, j] = rest * inverse
    # Above the diagonal: rows of the inverse of the unit lower factor, transposed.
    for i in range(size):
        total = 1.0 / low[i, i]
        for k in range(i + 1, size):
            rest = -low[k, i]
            for m in range(i + 1, k):
                rest -= low[k, m] * low[i, m]
            low[i, k] = rest
            total += rest * rest / low[k, k]
        if not total * fim[free[i], free[i]] < INFLATION_LIMIT:
            return False
        if variance[free[i]] == 0.0:  # told
            variance[free[i]] = total
    return True


@compiled
@no_type_check
def _is_untold(fim, free, j):
    """Whether one unknown's row of the free part, of which the lower triangle is there, is zero."""
    entries = 0
    for k in range(free.shape[0]):
        entries += fim[free[max(j, k)], free[min(j, k)]] != 0.0
    return entries == 0
