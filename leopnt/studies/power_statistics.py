"""Errors of power positioning, condensed by both definitions, by band of elevation.

A run without a solution is no run to be dropped: definitions (A) and (B) say what it counts as, no
solution is available, and in medians and quantiles it counts as infinitely large.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.methods.power import (
    ANGLE_LIMITS,
    LENGTH_LIMITS,
    Limits,
    Score,
    availability_per_run,
    availability_per_user,
    score_per_run,
    score_per_user,
)
from leopnt.studies.bound_statistics import quantiles
from leopnt.studies.method import AbstractStatistics, Column
from leopnt.studies.statistics import QUANTILES, scalar, status_sentences

BANDS = {"": (0.0, 90.1), "_10_30": (10.0, 30.0), "_30_90": (30.0, 90.1)}
"""Ending of a column's name, and elevations [deg] from, up to below."""

BINS = {f"_{low}_{low + 10}": (float(low), low + 10.0) for low in range(10, 80, 10)} | {
    "_80_90": (80.0, 90.1)
}
NEAR_M = 10e3
MICRO = 1e6


class Scored(NamedTuple):
    """A quantity of the published tables."""

    outcome: str
    limits: Limits
    per_unit: float
    units: str
    label: str


SCORED = {
    "gamma": Scored("gamma_error", ANGLE_LIMITS, np.degrees(1.0), "deg", "angle off nadir"),
    "beta": Scored("beta_error", ANGLE_LIMITS, np.degrees(1.0), "deg", "azimuth"),
    "height": Scored("height_error", LENGTH_LIMITS, 1e-3, "km", "height"),
    "distance": Scored("distance_error", LENGTH_LIMITS, 1e-3, "km", "horizontal distance"),
}


class Bounds(NamedTuple):
    """Standard deviations that no unbiased estimator beats, by user."""

    position_m: Float[np.ndarray, " user"]
    timing_s: Float[np.ndarray, " user"]


class PowerStatistics(AbstractStatistics):
    """Errors of the trials of one point; users that miss trials are left out.

    Columns end with the band of elevation: nothing (all users), _10_30, _30_90, and for
    availability and the ratio to the bound also _10_20 ... _80_90. Bands without users have none.
    """

    def __init__(
        self,
        elevation_deg: Float[np.ndarray, " user"],
        bounds: Bounds,
        names: list[str],
        trials_per_case: int,
    ):
        """`names`: of the outcomes."""
        self.elevation_deg, self.bounds = np.round(elevation_deg, 9), bounds
        self.shape = (len(elevation_deg), trials_per_case)
        self.count = np.zeros(len(status_sentences()), int)
        self.was_run = np.zeros(self.shape, bool)
        self.errors = {name: np.full(self.shape, np.nan) for name in names}

    def add(self, index: Int[np.ndarray, " trial"], trials: Mapping[str, np.ndarray]) -> None:
        """Add trials with "status" and the errors."""
        status = trials["status"]
        lost = (status == 0) & ~np.isfinite(trials["position_error"])
        self.count += np.bincount(status[~lost], minlength=len(self.count))
        self.count[-1] += np.sum(lost)
        self.was_run.flat[index] = True
        for name, values in self.errors.items():
            values.flat[index] = trials[name]

    def columns(self) -> dict[str, Column]:
        """All columns of the point, without the point dimension."""
        found = self._counts()
        whole = np.asarray(self.was_run.all(axis=1))
        for ending, limits in (BANDS | BINS).items():
            inside = _between(self.elevation_deg, limits)
            if not np.any(inside):
                continue
            part = _Part(inside & whole, self.errors, self.bounds)
            where = f", {ending[1:].replace('_', '-')} deg" if ending else ""
            made = part.summary() if ending in BANDS else part.brief()
            found |= {
                f"{name}{ending}": scalar(value, units, f"{label}{where}")
                for name, (value, units, label) in made.items()
            }
        return found | self._quantiles(whole)

    def _counts(self) -> dict[str, Column]:
        solved, run = self.count[0], self.count.sum()
        total = self.shape[0] * self.shape[1]
        return {
            "trials": scalar(total, "1", "trials of the point"),
            "solved": scalar(solved, "1", "trials that were solved"),
            "not_solved": scalar(run - solved, "1", "trials that were run and not solved"),
            "missing": scalar(total - run, "1", "trials that were not run"),
            "not_finite": scalar(self.count[-1], "1", "trials whose result is not finite"),
            "count": Column(("status",), self.count, "1", "trials that ended with this status"),
        }

    def _quantiles(self, whole: Bool[np.ndarray, " user"]) -> dict[str, Column]:
        values = 1e-3 * quantiles(self.errors["position_error"][whole].ravel(), QUANTILES)
        return {"position_quantile": Column(("quantile",), values, "km", "position error")}


Entry = tuple[float, str, str]
"""Value, unit and meaning."""


class _Part:
    """The errors of the users of a band, as the columns want them."""

    def __init__(self, users: Bool[np.ndarray, " user"], errors, bounds: Bounds):
        self.errors = {name: values[users] for name, values in errors.items()}
        self.position_bound_m = bounds.position_m[users]
        self.timing_bound_s = bounds.timing_s[users]
        self.is_empty = not np.any(users)

    def summary(self) -> dict[str, Entry]:
        """Everything that is told of a band."""
        found = self._scores() | self._lengths() | self._timing() | self._start() | self.brief()
        if self.is_empty:
            return {name: (np.nan, units, label) for name, (_, units, label) in found.items()}
        return found

    def brief(self) -> dict[str, Entry]:
        """What is told of every ten degrees, too.

        Available: height and distance within 50 km. Lost: all other runs, solved or not.
        """
        if self.is_empty:
            per_run = per_user = ratio = np.nan
        else:
            pair = self.errors["height_error"], self.errors["distance_error"]
            per_run, per_user = availability_per_run(*pair), availability_per_user(*pair)
            ratio = _rms(self.errors["position_error"]) / _rms(self.position_bound_m)
        return {
            "available_runs": (100 * per_run, "%", "available runs"),
            "lost_runs": (100 - 100 * per_run, "%", "lost runs (50 km off or more)"),
            "available_users": (100 * per_user, "%", "available users, by their mean"),
            "rms_over_bound": (ratio, "1", "RMS over bound"),
        }

    def _scores(self) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for name, one in SCORED.items():
            error = self.errors[one.outcome]
            runs, users = Score(np.nan, np.nan), Score(np.nan, np.nan)
            if not self.is_empty:
                runs, users = _by_runs(error, one.limits), _by_users(error, one.limits)
            for key, value, text in (
                ("bias", users.bias, "bias by users (B)"),
                ("std", runs.std, "standard deviation from run to run"),
                ("run_bias", runs.bias, "bias by runs (A)"),
                ("capped_std", users.std, "standard deviation of limited errors"),
            ):
                label = f"{one.label}, {text}"
                found[f"{name}_{key}"] = (one.per_unit * value, one.units, label)
        return found

    def _lengths(self) -> dict[str, Entry]:
        error_m = self.errors["position_error"].ravel()
        median, p95 = 1e-3 * quantiles(error_m, np.array([0.5, 0.95]))
        ratio = self.errors["position_error"] / self.position_bound_m[:, None]
        return {
            "position_median": (median, "km", "median error"),
            "position_p95": (p95, "km", "95 % error"),
            "position_rms": (1e-3 * _rms(error_m), "km", "RMS error"),
            "position_bound": (1e-3 * _rms(self.position_bound_m), "km", "position bound"),
            "within_10_km": (_share(error_m < NEAR_M), "%", "runs within 10 km"),
            "largest_over_bound": (_largest(ratio), "1", "largest position error over its bound"),
        }

    def _timing(self) -> dict[str, Entry]:
        errors = self.errors
        timing = MICRO / SPEED_OF_LIGHT_MPS * np.abs(errors["range_error"])
        limit = LENGTH_LIMITS.limit
        available = np.abs(errors["height_error"]) < limit
        available &= np.abs(errors["distance_error"]) < limit
        median = quantiles(timing.ravel(), np.array([0.5]))[0]
        return {
            "timing_mean": (_mean(timing[available]), "us", "mean timing error, available runs"),
            "timing_mean_all": (_mean(timing), "us", "mean timing error, solved runs"),
            "timing_median": (median, "us", "median timing error"),
            "timing_rms": (_rms(timing), "us", "RMS timing error"),
            "timing_bound": (MICRO * _rms(self.timing_bound_s), "us", "timing bound"),
        }

    def _start(self) -> dict[str, Entry]:
        gamma, beta = (np.degrees(self.errors[f"start_{name}_error"]) for name in ("gamma", "beta"))
        both = (np.abs(gamma) <= 2.0) & (np.abs(beta) <= 2.0)
        found = {
            "start_gamma": (_mean(np.abs(gamma)), "deg", "mean error of the start off nadir"),
            "start_beta": (_mean(np.abs(beta)), "deg", "mean error of the start in azimuth"),
            "start_within_2_deg": (_share(both), "%", "starts within 2 deg in both angles"),
        }
        for name in ("gamma", "beta"):
            near = _converged(self.errors[f"{name}_error"])
            label = f"users converged, {SCORED[name].label}"
            found[f"{name}_converged"] = (_share(near), "%", label)
        return found


def _by_runs(error: Float[np.ndarray, "user run"], limits: Limits) -> Score:
    """Definition (A); no spread where no user has two solutions."""
    if np.any(np.isfinite(error).sum(axis=1) >= 2):
        return score_per_run(error, limits)
    return score_per_run(_twice(error), limits)._replace(std=np.nan)


def _by_users(error: Float[np.ndarray, "user run"], limits: Limits) -> Score:
    """Definition (B); no spread of a single run."""
    if error.shape[1] >= 2:
        return score_per_user(error, limits)
    return score_per_user(_twice(error), limits)._replace(std=np.nan)


def _twice(error: Float[np.ndarray, "user run"]) -> Float[np.ndarray, "user run2"]:
    """Every run twice, which changes no bias; one without a solution is far off."""
    return np.repeat(np.where(np.isnan(error), _FAR, error), 2, axis=1)


def _between(elevation_deg: np.ndarray, limits: tuple[float, float]) -> Bool[np.ndarray, " user"]:
    return (elevation_deg >= limits[0]) & (elevation_deg < limits[1])


def _converged(error_rad: Float[np.ndarray, "user run"]) -> Bool[np.ndarray, " user"]:
    """Users whose errors, each limited and then averaged, are below half a degree."""
    cap = ANGLE_LIMITS.cap
    capped = np.clip(np.where(np.isnan(error_rad), cap, error_rad), -cap, cap)
    return np.abs(np.mean(capped, axis=1)) < ANGLE_LIMITS.limit if error_rad.size else _NOBODY


_FAR = 1e30
_NOBODY = np.zeros(0, bool)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(_mean(np.square(values))))


def _mean(values: np.ndarray) -> float:
    """Of what is finite; NaN of nothing."""
    finite = values[np.isfinite(values)]
    return float(np.mean(finite)) if finite.size else np.nan


def _largest(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.max(finite)) if finite.size else np.nan


def _share(values: np.ndarray) -> float:
    """In percent; NaN of nothing."""
    return 100.0 * float(np.mean(values)) if values.size else np.nan
