"""Integers without a search: rounding and bootstrapping, the baselines of LAMBDA."""

from __future__ import annotations

import numpy as np
from jaxtyping import Array, Float, Int

from leopnt.inference.ambiguity import LARGEST_CYCLES, NO_INTEGER, checked_problem
from leopnt.inference.lambda_reduction import conditional_variances


def round_integers(
    float_cycles: Float[Array | np.ndarray, "*batch amb"],
) -> Int[np.ndarray, "*batch amb"]:
    """Nearest integer of every ambiguity by itself: the weakest of the integer estimators.

    `NO_INTEGER` for those that are not finite.
    """
    floats = np.asarray(float_cycles, float)
    fine = np.abs(floats) < LARGEST_CYCLES
    rounded = np.rint(np.where(fine, floats, 0.0)).astype(np.int64)
    return np.where(fine, rounded, NO_INTEGER)


def bootstrap_integers(
    float_cycles: Float[Array | np.ndarray, "*batch amb"],
    covariance: Float[Array | np.ndarray, "*batch amb amb"],
) -> Int[np.ndarray, "*batch amb"]:
    """Rounding from the last ambiguity to the first, each given those rounded before.

        n_i = round(c_i),  c_i = a_i + sum_j>i (n_j - c_j) L_ji

    There is no decorrelation in it: give it z and the covariance of z for that. `NO_INTEGER` where
    the input is not finite or Q not positive definite.

    Raises:
        LeopntError: shapes that do not match, a covariance that is not symmetric.

    Source: Teunissen, J. Geodesy 72 (1998) 606.
    """
    floats, cov = checked_problem(float_cycles, covariance)
    lower, variances = conditional_variances(cov)
    known = np.isfinite(variances) & (np.abs(floats) < LARGEST_CYCLES)
    usable = known.all(-1, keepdims=True)
    whole = np.rint(np.where(usable, floats, 0.0))
    center = np.where(usable, floats - whole, 0.0)
    for i in reversed(range(floats.shape[-1])):
        miss = np.rint(center[..., i]) - center[..., i]
        row = np.where(usable, lower[..., i, :i], 0.0)
        center[..., :i] += miss[..., None] * row
    return np.where(usable, (np.rint(center) + whole).astype(np.int64), NO_INTEGER)
