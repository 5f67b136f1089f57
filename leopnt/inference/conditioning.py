"""What fixed ambiguities tell about everything that is correlated with them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.lambda_reduction import Decorrelation, conditional_variances


class FixedBaseline(NamedTuple):
    """Baseline, or any other real-valued unknowns, and covariance once ambiguities are fixed."""

    baseline: Float[np.ndarray, "*batch base"]
    covariance: Float[np.ndarray, "*batch base base"]


def fixed_baseline(
    baseline: Float[Array | np.ndarray, "*batch base"],
    covariance: Float[Array | np.ndarray, "*batch base base"],
    cross_covariance: Float[Array | np.ndarray, "*batch base amb"],
    float_cycles: Float[Array | np.ndarray, "*batch amb"],
    amb_covariance: Float[Array | np.ndarray, "*batch amb amb"],
    integers: Int[Array | np.ndarray, "*batch amb"],
) -> FixedBaseline:
    """The baseline given all integers, whoever chose them.

        b - Q_bn Q_nn^-1 (a - n),  Q_bb - Q_bn Q_nn^-1 Q_nb

    NaN where Q_nn is not positive definite. Right integers are taken for granted: the covariance
    holds only if they are.

    Raises:
        LeopntError: shapes that do not match, an ambiguity covariance that is not symmetric.
    """
    _, variances = conditional_variances(amb_covariance)
    regular = np.asarray(np.isfinite(variances).all(-1))
    miss = np.asarray(float_cycles, float) - np.asarray(integers)
    base, cov, cross = _checked(baseline, covariance, cross_covariance, miss.shape)
    safe = np.where(regular[..., None, None], np.asarray(amb_covariance), np.eye(miss.shape[-1]))
    values, conditional = _condition(base, cov, cross, safe, miss)
    return FixedBaseline(
        np.where(regular[..., None], values, np.nan),
        np.where(regular[..., None, None], conditional, np.nan),
    )


def baseline_after(
    fix,
    baseline: Float[Array | np.ndarray, "*batch base"],
    covariance: Float[Array | np.ndarray, "*batch base base"],
    cross_covariance: Float[Array | np.ndarray, "*batch base amb"],
) -> FixedBaseline:
    """The baseline given what an `AmbiguityFix` or `PartialFix` has fixed; float where nothing.

    Args:
        fix: from `fix_ambiguities` or `fix_partially`.
        baseline: float values; covariance: theirs; cross_covariance: with the ambiguities in their
            original order, in units of the baseline times cycles.

    Raises:
        LeopntError: shapes that do not match.
    """
    base, cov, cross = _checked(baseline, covariance, cross_covariance, fix.z_miss.shape)
    found = given_last(base, cov, cross, fix.decorrelation, fix.z_miss, fix.num_fixed)
    return FixedBaseline(*found)


def given_last(
    values: Float[np.ndarray, "*batch base"],
    covariance: Float[np.ndarray, "*batch base base"],
    cross_covariance: Float[np.ndarray, "*batch base amb"],
    decorrelation: Decorrelation,
    z_miss: Float[np.ndarray, "*batch amb"],
    num_fixed: Int[np.ndarray, "*batch"],
) -> tuple[Float[np.ndarray, "*batch base"], Float[np.ndarray, "*batch base base"]]:
    """Values and covariance given the last `num_fixed` decorrelated ambiguities.

    z_miss is z_float - z_fixed where fixed, else 0.
    """
    size = z_miss.shape[-1]
    chosen = np.arange(size) >= size - num_fixed[..., None]
    known = (num_fixed > 0)[..., None, None]
    lower = np.where(known, decorrelation.lower, np.eye(size))
    variances = np.where(known[..., 0], decorrelation.variances, 1.0)
    z_cov = np.swapaxes(lower, -1, -2) @ (variances[..., None] * lower)
    both = chosen[..., :, None] & chosen[..., None, :]
    z_cov = np.where(both, z_cov, np.eye(size))
    cross = np.where(
        chosen[..., None, :], cross_covariance @ decorrelation.transform.astype(float), 0.0
    )
    return _condition(values, covariance, cross, z_cov, z_miss)


def _condition(values, covariance, cross, amb_covariance, miss):
    across = np.swapaxes(cross, -1, -2)
    solved = np.linalg.solve(amb_covariance, np.concatenate([across, miss[..., None]], axis=-1))
    moved = values - (cross @ solved[..., -1:])[..., 0]
    conditional = covariance - cross @ solved[..., :-1]
    return moved, 0.5 * (conditional + np.swapaxes(conditional, -1, -2))


def _checked(baseline, covariance, cross_covariance, amb_shape):
    base, cov, cross = (np.asarray(x, float) for x in (baseline, covariance, cross_covariance))
    size = base.shape[-1] if base.ndim else 0
    wanted = (*amb_shape[:-1], size), (*amb_shape[:-1], size, size), (*amb_shape[:-1], size)
    if (base.shape, cov.shape, cross.shape[:-1]) != wanted or cross.shape[-1] != amb_shape[-1]:
        raise LeopntError(
            f"baseline, covariance, cross_covariance: got shapes {base.shape}, {cov.shape}, "
            f"{cross.shape} with ambiguities of shape {amb_shape}; accepted: (..., b), "
            "(..., b, b), (..., b, n) with (..., n)."
        )
    return base, cov, cross
