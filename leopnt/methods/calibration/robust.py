"""Estimates that gross errors hardly move: weights that fall with the residual."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.inference.losses import AbstractLoss, Huber
from leopnt.methods.calibration.assembly import gathered
from leopnt.methods.calibration.back_substitution import values_of_station_day
from leopnt.methods.calibration.datum import Datum
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.pipeline import Load, reduce_all
from leopnt.methods.calibration.reduction import ReducedNormals
from leopnt.methods.calibration.redundancy import redundancy_numbers
from leopnt.methods.calibration.settings import CalibrationSettings
from leopnt.methods.calibration.solution import Calibration, solve_calibration
from leopnt.methods.calibration.station_day import StationDay

_LEAST_FACTOR = 1e-6
_ROUNDS_OF_A_DAY = 4
_START = Huber(), Huber(), Huber()

SETTLED_SIGMAS = 0.05
"""Rounds end when no offset or delay moves by more than this part of its sigma."""


class IggThree(AbstractLoss):
    """Full weight up to `full` sigma, falling to none at `none`: the scheme IGG III.

        factor = 1,  full / v ((none - v) / (none - full))^2,  0       in the three ranges of v

    Source: [yang-2002].
    """

    full: float = 2.5
    none: float = 6.0

    def __check_init__(self):
        if not 0.0 < self.full < self.none:
            raise LeopntError(
                f"full = {self.full!r}, none = {self.none!r}: expected 0 < full < none, in sigmas."
            )

    def value(self, square: Float[Array, ""]) -> Float[Array, ""]:
        """The loss whose derivative is the factor."""
        width = self.none - self.full
        v = jnp.clip(jnp.sqrt(jnp.maximum(square, self.full**2)), self.full, self.none)
        fallen = 2.0 / 3.0 * self.full * (width - (self.none - v) ** 3 / width**2)
        return jnp.minimum(square, self.full**2) + fallen

    def weight(self, square: Float[Array, ""]) -> Float[Array, ""]:
        """Factor on the weight."""
        v = jnp.sqrt(jnp.maximum(square, self.full**2))
        left = jnp.maximum(self.none - v, 0.0) / (self.none - self.full)
        return self.full / v * left**2


class Reweighted(NamedTuple):
    """A station-day with factors on its weights.

    num_reduced: codes and phases that count less. num_left_out: that do not count any more.
    num_untested: whose residual tells too little of their error; they count in full.
    """

    day: StationDay
    num_reduced: int
    num_left_out: int
    num_untested: int


def reweighted(
    day: StationDay,
    of: Calibration,
    settings: CalibrationSettings,
    loss: AbstractLoss,
    *,
    least_redundancy: float = 0.05,
) -> Reweighted:
    """Weights of a station-day by its residuals about a calibration.

        factor_i = loss.weight((v_i / (sigma_i sqrt(r_i) s))^2)

    r_i is the redundancy number: an observation with leverage pulls the estimates to itself, and
    its residual must be judged more strictly; below `least_redundancy` it cannot be judged at all
    and counts in full. s is 1.48 times the median of |v| / (sigma sqrt(r)) of its kind (LEO or
    reference, code or phase), and 1 at least. Clocks, ambiguities and zenith delays are estimated
    anew a few times, first with weights of `Huber()`: one gross phase pulls the clock of its epoch
    and all residuals with it. The result does not depend on factors that `day` came with.

    Raises:
        LeopntError: see `values_of_station_day`; a redundancy that is no share.
    """
    if not 0.0 <= least_redundancy < 1.0:
        raise LeopntError(f"least_redundancy = {least_redundancy!r}: expected 0 to below 1.")
    plain = with_factors(day, None)
    rows = gathered(plain, of.layout, settings).rows
    checks = []
    for part, told in zip(rows, redundancy_numbers(plain, of, settings), strict=True):
        for weight, r in zip((part.code_weight, part.phase_weight), told, strict=True):
            checks.append(np.sqrt(weight / np.where(r > least_redundancy, r, np.inf)))
    factors = [np.ones(len(check)) for check in checks]
    for one in (*_START, *(loss,) * _ROUNDS_OF_A_DAY):
        local = values_of_station_day(with_factors(plain, factors), of, settings)
        both = local.leo_residuals, local.reference_residuals
        residuals = [x for part in both for x in (part.code_m, part.phase_m)]
        pairs = zip(residuals, checks, strict=True)
        factors = [_factors(one, residual * check) for residual, check in pairs]
    gone = [factor <= _LEAST_FACTOR for factor in factors]
    counted = [check > 0.0 for check in checks]
    weights = [w for part in rows for w in (part.code_weight, part.phase_weight)]
    untested = sum(int(np.sum((w > 0) & ~c)) for w, c in zip(weights, counted, strict=True))
    reduced = sum(int(np.sum(factor < 1.0)) for factor in factors)
    kept = _without(with_factors(plain, factors), gone)
    return Reweighted(kept, reduced, sum(int(np.sum(x)) for x in gone), untested)


def with_factors(day: StationDay, factors: list[np.ndarray] | None) -> StationDay:
    """Factors on the weights of LEO code, LEO phase, reference code, reference phase; None: 1."""
    parts = [None] * 4 if factors is None else factors
    leo = day.leo._replace(code_factor=parts[0], phase_factor=parts[1])
    reference = day.reference._replace(code_factor=parts[2], phase_factor=parts[3])
    return replace(day, leo=leo, reference=reference)


@dataclass(frozen=True)
class Weights:
    """What station-days are weighted by: plain data, which travels to where they are loaded.

    Attributes:
        of, settings: the calibration that residuals are about, and what it was reduced with.
        loss, least_redundancy: see `reweighted`.
    """

    of: Calibration
    settings: CalibrationSettings
    loss: AbstractLoss
    least_redundancy: float = 0.05

    def applied(self, day: StationDay) -> Reweighted:
        """See `reweighted`."""
        least = self.least_redundancy
        return reweighted(day, self.of, self.settings, self.loss, least_redundancy=least)


@dataclass(frozen=True)
class RobustCalibration:
    """A calibration by falling weights.

    Attributes:
        calibration: the last one; its covariance is that of the weights, formal.
        rounds: solutions after the first, which has full weights.
        settled: the last round moved no offset or delay by more than 5 % of its sigma.
        num_reduced, num_left_out, num_untested: of all station-days, see `Reweighted`.
    """

    calibration: Calibration
    rounds: int
    settled: bool
    num_reduced: int
    num_left_out: int
    num_untested: int


def robust_calibration(
    loads: Iterable[Load],
    layout: Layout,
    settings: CalibrationSettings,
    loss: AbstractLoss | None = None,
    datum: Datum | None = None,
    *,
    max_rounds: int = 8,
    least_redundancy: float = 0.05,
    threads: int = 1,
) -> RobustCalibration:
    """Offsets, delays and biases with weights that fall with the residual, in a few rounds.

    Each round loads all station-days again, so that memory does not grow with them.

    Args:
        loss: default `IggThree()`; `Huber()` and `Cauchy()` of `leopnt.inference` keep some weight
            however large a residual is.
        least_redundancy: see `reweighted`.

    Raises:
        LeopntError: no round; see `reduce_all` and `solve_calibration`.
    """
    if max_rounds < 1:
        raise LeopntError(f"max_rounds = {max_rounds}: expected 1 or more.")
    chosen, jobs = loss or IggThree(), list(loads)
    found = _solved(reduce_all(jobs, layout, settings, threads=threads), datum)
    number, settled, counts = 0, False, []
    while not settled and number < max_rounds:
        counts, before, number = [], found, number + 1
        weights = Weights(found, settings, chosen, least_redundancy)
        again = [_Weighed(load, weights, counts) for load in jobs]
        found = _solved(reduce_all(again, layout, settings, threads=threads), datum)
        settled = largest_move(before, found) < SETTLED_SIGMAS
    sums = [sum(part) for part in zip(*counts, strict=True)]
    return RobustCalibration(found, number, settled, *sums)


def _solved(normals: ReducedNormals, datum: Datum | None) -> Calibration:
    """Without the warning of large residuals, which are what the weights are for."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"s0\^2 = ", LeopntWarning)
        return solve_calibration(normals, datum)


class _Weighed(NamedTuple):
    """Loads a station-day with factors by its residuals, and notes how many they were."""

    load: Load
    weights: Weights
    counts: list[tuple[int, int, int]]

    def __call__(self) -> StationDay:
        told = self.weights.applied(self.load())
        self.counts.append(told[1:])
        return told.day


def largest_move(before: Calibration, after: Calibration) -> float:
    """Largest change of an offset or delay over its sigma."""
    places = np.concatenate([after.layout.offsets.ravel(), after.layout.delays])
    moved = np.abs(after.estimate - before.estimate) / np.maximum(after.sigma_m, 1e-12)
    told = moved[places]
    return float(np.max(told[np.isfinite(told)], initial=0.0))


def _factors(loss: AbstractLoss, sigmas: np.ndarray) -> np.ndarray:
    """Factors by residuals over their sigma, 0 or NaN where they cannot be judged."""
    known = np.isfinite(sigmas) & (sigmas != 0.0)
    size = np.abs(np.where(known, sigmas, 0.0))
    scale = max(1.0, 1.4826 * float(np.median(size[known]))) if np.any(known) else 1.0
    padded = np.zeros(max(1024, 1 << (len(size) - 1).bit_length() if len(size) else 0))
    padded[: len(size)] = (size / scale) ** 2
    weight = np.asarray(jax.vmap(loss.weight)(jnp.asarray(padded)))[: len(size)]
    return np.where(known, np.maximum(weight, _LEAST_FACTOR), 1.0)


def _without(day: StationDay, gone: list[np.ndarray]) -> StationDay:
    links = []
    for x, (code, phase) in ((day.leo, gone[:2]), (day.reference, gone[2:])):
        links.append(x._replace(has_code=x.has_code & ~code, has_phase=x.has_phase & ~phase))
    return replace(day, leo=links[0], reference=links[1])
