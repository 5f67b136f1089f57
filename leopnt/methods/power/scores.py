"""How errors of many runs per user are condensed, by two definitions.

The paper's tables cannot all come from one definition; (B) is our best guess, (A) the plain one.
A run without a solution (NaN) is no outlier to be dropped: in (A) it counts as one, in (B) as an
error of the cap.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


@dataclasses.dataclass(frozen=True)
class Limits:
    """Beyond `limit` an error counts as `penalty`; single errors enter averages up to `cap`."""

    limit: float
    penalty: float
    cap: float


ANGLE_LIMITS = Limits(np.radians(0.5), np.radians(1.0), np.radians(2.0))
LENGTH_LIMITS = Limits(50e3, 100e3, 200e3)


class Score(NamedTuple):
    """Bias and standard deviation, in the unit of the errors."""

    bias: float
    std: float


def score_per_run(error: Float[np.ndarray, "user run"], limits: Limits) -> Score:
    """Definition (A): every run substituted on its own; bias = mean |error|.

    The standard deviation is of the errors as they are, runs without a solution left out.
    """
    size = np.where(np.abs(error) <= limits.limit, np.abs(error), limits.penalty)
    return Score(float(np.mean(size)), float(np.mean(_std_of_runs(error))))


def score_per_user(error: Float[np.ndarray, "user run"], limits: Limits) -> Score:
    """Definition (B): errors averaged over a user's runs, then substituted; bias = mean |average|.

    Every error is first limited to the cap; one without a value is the cap. The standard deviation
    is the mean over users of that from run to run.
    """
    capped = np.clip(np.where(np.isnan(error), limits.cap, error), -limits.cap, limits.cap)
    mean = np.abs(np.mean(capped, axis=1))
    size = np.where(mean <= limits.limit, mean, limits.penalty)
    return Score(float(np.mean(size)), float(np.mean(np.std(capped, axis=1, ddof=1))))


def availability_per_run(
    height_error_m: Float[np.ndarray, "user run"],
    distance_error_m: Float[np.ndarray, "user run"],
) -> float:
    """Share of runs with |dh| < 50 km and |dx| < 50 km; NaN is not available."""
    return float(np.mean(_within(height_error_m) & _within(distance_error_m)))


def availability_per_user(
    height_error_m: Float[np.ndarray, "user run"],
    distance_error_m: Float[np.ndarray, "user run"],
) -> float:
    """Share of users whose capped, averaged errors are both below 50 km."""
    means = []
    for error in (height_error_m, distance_error_m):
        cap = LENGTH_LIMITS.cap
        means.append(np.mean(np.clip(np.where(np.isnan(error), cap, error), -cap, cap), axis=1))
    return float(np.mean(_within(means[0]) & _within(means[1])))


def angle_error(found_rad: np.ndarray, true_rad: np.ndarray) -> np.ndarray:
    """Difference of azimuths, wrapped into (-pi, pi]."""
    return np.pi - np.mod(np.pi - (found_rad - true_rad), 2.0 * np.pi)


def _within(error_m: np.ndarray) -> np.ndarray:
    return np.abs(error_m) < LENGTH_LIMITS.limit


def _std_of_runs(error: np.ndarray) -> np.ndarray:
    """Standard deviation from run to run of each user with two solutions or more."""
    good = np.isfinite(error)
    count = good.sum(axis=1)
    enough = count >= 2
    values = np.where(good, error, 0.0)[enough]
    mean = values.sum(axis=1) / count[enough]
    square = np.where(good[enough], (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return np.sqrt(square / (count[enough] - 1))
