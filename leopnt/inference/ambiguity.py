"""Integer ambiguities by LAMBDA: search, ratio test and success rate, all or a part of them fixed.

Every function takes one problem or a batch of any shape, `(..., amb)` in cycles and
`(..., amb, amb)` in cycles squared, and runs in NumPy on the host: see `lambda_reduction`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.conditioning import given_last
from leopnt.inference.lambda_reduction import Decorrelation, checked_covariance, decorrelate
from leopnt.inference.lambda_search import MAX_NODES, TwoBest, search_two_best
from leopnt.inference.success_rate import success_rates_of_last

NO_INTEGER = np.iinfo(np.int64).min
"""What stands for an integer where there is none."""

LARGEST_CYCLES = 2.0**51
"""Float ambiguities from here on have no fraction of a cycle worth the name."""


class AmbiguityStatus(eqx.Enumeration):
    """How an ambiguity resolution ended; empty means fixed, in any other case float is kept."""

    fixed = ""
    low_success_rate = "integer fixing is too likely to fail; the float solution is kept"
    low_ratio = "the second best integers fit nearly as well; the float solution is kept"
    search_limit = "the search reached its limit of nodes; the float solution is kept"
    not_positive_definite = "the covariance of the ambiguities is not positive definite"
    not_finite = "an ambiguity or its covariance is not finite, or too large to have a fraction"


@dataclass(frozen=True)
class Acceptance:
    """When integers are accepted: both conditions must hold.

    The ratio alone accepts wrong integers where the model is weak; the success rate alone does not
    see a bad epoch.

    Args:
        min_ratio: least squared norm of the second best over that of the best.
        min_success_rate: least bootstrapped success rate.
        max_nodes: nodes of the search tree after which a problem is given up.
    """

    min_ratio: float = 3.0
    min_success_rate: float = 0.99
    max_nodes: int = MAX_NODES

    def __post_init__(self):
        if not self.min_ratio >= 1.0:
            raise LeopntError(f"min_ratio: got {self.min_ratio}; accepted: 1 or more.")
        if not 0.0 <= self.min_success_rate < 1.0:
            raise LeopntError(
                f"min_success_rate: got {self.min_success_rate}; accepted: from 0 to below 1."
            )


class AmbiguityFix(eqx.Module):
    """Result of `fix_ambiguities`.

    `integers` and `second_best` are what the search found, accepted or not (`NO_INTEGER` where the
    input was unusable); `ambiguities_cycles` is what to go on with: the integers where `num_fixed`
    is not 0, the float values elsewhere. `z_miss` is z_float - z_fixed, see `baseline_after`.
    """

    integers: Int[np.ndarray, "*batch amb"]
    second_best: Int[np.ndarray, "*batch amb"]
    squared_norms: Float[np.ndarray, "*batch 2"]
    ratio: Float[np.ndarray, "*batch"]
    success_rate: Float[np.ndarray, "*batch"]
    ambiguities_cycles: Float[np.ndarray, "*batch amb"]
    num_fixed: Int[np.ndarray, "*batch"]
    z_miss: Float[np.ndarray, "*batch amb"]
    num_nodes: Int[np.ndarray, "*batch"]
    decorrelation: Decorrelation
    status: AmbiguityStatus


class PartialFix(eqx.Module):
    """Result of `fix_partially`: the last `num_fixed` decorrelated ambiguities are integers.

    `ambiguities_cycles` and `covariance` are those of the original ambiguities given the fixed
    ones; `ratio` and `success_rate` those of the subset, NaN and 1 where it is empty.
    """

    ambiguities_cycles: Float[np.ndarray, "*batch amb"]
    covariance: Float[np.ndarray, "*batch amb amb"]
    num_fixed: Int[np.ndarray, "*batch"]
    z_miss: Float[np.ndarray, "*batch amb"]
    ratio: Float[np.ndarray, "*batch"]
    success_rate: Float[np.ndarray, "*batch"]
    num_nodes: Int[np.ndarray, "*batch"]
    decorrelation: Decorrelation
    status: AmbiguityStatus


def fix_ambiguities(
    float_cycles: Float[Array | np.ndarray, "*batch amb"],
    covariance: Float[Array | np.ndarray, "*batch amb amb"],
    acceptance: Acceptance = Acceptance(),
) -> AmbiguityFix:
    """LAMBDA: the integers n of least (a - n)^T Q^-1 (a - n), if ratio and success rate pass.

    Raises:
        LeopntError: shapes that do not match, a covariance that is not symmetric.

    Source: Teunissen, J. Geodesy 70 (1995) 65.
    """
    problem = _prepare(float_cycles, covariance)
    size = problem.floats.shape[-1]
    found = _search(problem, np.where(problem.usable, size, 0), acceptance.max_nodes)
    success = success_rates_of_last(problem.decorrelation.variances)[..., 0]
    status, accepted = _judge(problem, found, success, acceptance)
    best, second = (_original(problem, found.integers[..., i, :]) for i in (0, 1))
    return AmbiguityFix(
        integers=best,
        second_best=second,
        squared_norms=np.where(problem.usable[..., None], found.squared_norms, np.nan),
        ratio=_ratio(found, problem.usable),
        success_rate=success,
        ambiguities_cycles=np.where(accepted[..., None], best, problem.floats),
        num_fixed=np.where(accepted, size, 0),
        z_miss=np.where(accepted[..., None], problem.z - found.integers[..., 0, :], 0.0),
        num_nodes=found.num_nodes,
        decorrelation=problem.decorrelation,
        status=status,
    )


def fix_partially(
    float_cycles: Float[Array | np.ndarray, "*batch amb"],
    covariance: Float[Array | np.ndarray, "*batch amb amb"],
    acceptance: Acceptance = Acceptance(),
) -> PartialFix:
    """Fix the largest subset of decorrelated ambiguities whose success rate is sufficient.

    Subsets are the last m after decorrelation, which are the most precise; search and ratio test
    are done on the subset. The original ambiguities follow by conditioning:

        a - Q_az Q_zz^-1 (z - n_z)

    An empty subset ends as `low_success_rate`.

    Raises:
        LeopntError: as `fix_ambiguities`.
    """
    problem = _prepare(float_cycles, covariance)
    rates = success_rates_of_last(problem.decorrelation.variances)
    tried = np.sum(rates >= acceptance.min_success_rate, axis=-1)
    success = np.concatenate([np.ones_like(rates[..., :1]), np.flip(rates, -1)], axis=-1)
    success = np.take_along_axis(success, tried[..., None], axis=-1)[..., 0]
    found = _search(problem, tried, acceptance.max_nodes)
    passed = np.where(tried > 0, success, 0.0)
    status, accepted = _judge(problem, found, passed, acceptance)
    num_fixed = np.where(accepted, tried, 0)
    is_last = np.arange(rates.shape[-1]) >= rates.shape[-1] - num_fixed[..., None]
    miss = np.where(is_last, problem.z - found.integers[..., 0, :], 0.0)
    cov = np.asarray(covariance, float)
    floats, conditional = given_last(
        problem.floats, cov, cov, problem.decorrelation, miss, num_fixed
    )
    return PartialFix(
        ambiguities_cycles=floats,
        covariance=conditional,
        num_fixed=num_fixed,
        z_miss=miss,
        ratio=_ratio(found, tried > 0),
        success_rate=np.where(problem.usable, success, np.nan),
        num_nodes=found.num_nodes,
        decorrelation=problem.decorrelation,
        status=status,
    )


class _Problem(NamedTuple):
    """Checked input; z is the decorrelated fractional part, `whole` what was taken off before."""

    floats: Float[np.ndarray, "*batch amb"]
    whole: Int[np.ndarray, "*batch amb"]
    z: Float[np.ndarray, "*batch amb"]
    decorrelation: Decorrelation
    finite: Bool[np.ndarray, "*batch"]
    usable: Bool[np.ndarray, "*batch"]


def _prepare(float_cycles, covariance) -> _Problem:
    floats, cov = checked_problem(float_cycles, covariance)
    found = decorrelate(cov)
    finite = (np.abs(floats) < LARGEST_CYCLES).all(-1) & np.isfinite(cov).all((-2, -1))
    finite = np.asarray(finite)
    usable = finite & found.regular
    whole = np.rint(np.where(usable[..., None], floats, 0.0))
    fraction = np.where(usable[..., None], floats - whole, 0.0)
    z = np.einsum("...ij,...i->...j", found.transform.astype(float), fraction)
    return _Problem(floats, whole.astype(np.int64), z, found, finite, usable)


def checked_problem(float_cycles, covariance):
    """Both as NumPy arrays of matching shapes; raises what `fix_ambiguities` raises."""
    floats, cov = np.asarray(float_cycles, float), checked_covariance(covariance)
    if floats.shape != cov.shape[:-1]:
        raise LeopntError(
            f"float_cycles: got shape {floats.shape} with a covariance of shape {cov.shape}; "
            "accepted: (..., n) and (..., n, n)."
        )
    return floats, cov


def _search(problem: _Problem, num_last, max_nodes: int) -> TwoBest:
    """Two best of the last `num_last` of each problem; zeros in front of them."""
    batch, size = problem.usable.shape, problem.z.shape[-1]
    integers = np.zeros((*batch, 2, size), np.int64)
    norms, nodes = np.full((*batch, 2), np.inf), np.zeros(batch, int)
    complete = np.ones(batch, bool)
    for num in np.unique(num_last[num_last > 0]):
        at, last = num_last == num, slice(size - num, None)
        lower, variances = problem.decorrelation.lower[at], problem.decorrelation.variances[at]
        found = search_two_best(
            problem.z[at][:, last], lower[:, last, last], variances[:, last], max_nodes
        )
        integers[at, :, last] = found.integers
        norms[at], nodes[at], complete[at] = found.squared_norms, found.num_nodes, found.complete
    return TwoBest(integers, norms, nodes, complete)


def _original(problem: _Problem, z_integers) -> Int[np.ndarray, "*batch amb"]:
    """Integers a = Z^-T z, with what was taken off before added again."""
    offset = np.einsum("...ji,...j->...i", problem.decorrelation.inverse, z_integers)
    return np.where(problem.usable[..., None], problem.whole + offset, NO_INTEGER)


def _ratio(found: TwoBest, known) -> Float[np.ndarray, "*batch"]:
    best, second = np.moveaxis(found.squared_norms, -1, 0)
    with np.errstate(divide="ignore", over="ignore"):
        ratio = np.where(known, second, np.nan) / np.where(np.isfinite(best), best, np.nan)
    return np.asarray(ratio)


def _judge(problem: _Problem, found: TwoBest, success, acceptance: Acceptance):
    """Status, and whether it is fixed; what comes first in the list wins."""
    reasons = {
        "not_finite": ~problem.finite,
        "not_positive_definite": ~problem.decorrelation.regular,
        "low_success_rate": ~(success >= acceptance.min_success_rate) | (success == 0.0),
        "search_limit": ~found.complete,
        "low_ratio": ~(_ratio(found, problem.usable) >= acceptance.min_ratio),
    }
    items = [AmbiguityStatus.fixed] + [getattr(AmbiguityStatus, name) for name in reasons]
    values = [np.asarray(item._value) for item in items]
    codes = np.select(list(reasons.values()), values[1:], values[0])
    status = eqx.tree_at(lambda item: item._value, AmbiguityStatus.fixed, jnp.asarray(codes))
    return status, ~np.any(list(reasons.values()), axis=0)
