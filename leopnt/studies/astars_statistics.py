"""Errors of positions through a surface, condensed so that a heavy tail is told, not averaged.

A few weak geometries have errors of any size, so there is no plain mean or RMS: means and RMS are
those of the best 99 % of trials (or so), beside medians and percentiles of all. A trial without a
solution counts as infinitely far off.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from leopnt.studies.astars_kernel import DOPS
from leopnt.studies.bound_statistics import quantiles
from leopnt.studies.method import AbstractStatistics, Column
from leopnt.studies.statistics import QUANTILES, scalar, status_sentences

LEVELS = {"median": 0.5, "p95": 0.95, "p99": 0.99}
ENU, ECEF = ("east", "north", "up"), ("x", "y", "z")
ALL_DOPS = {"pdop": "PDOP at the surface"} | {name: one.long_name for name, one in DOPS.items()}
BUDGET = {
    "predicted": "predicted error",
    "ranges_part": "error due to phases",
    "sync_part": "error due to network time",
    "aod_part": "error due to the beam",
    "seed_total": "published sum",
}


class _Trials(AbstractStatistics):
    """Trials of one point, kept in order, and how they ended.

    kept: outcomes that are needed; the first is finite in a solved trial, and of no use in others.
    """

    kept: tuple[str, ...] = ()

    def __init__(self, num_trials: int):
        self.num_trials = num_trials
        self.count = np.zeros(len(status_sentences()), int)
        self.parts: dict[str, list[np.ndarray]] = {name: [] for name in self.kept}

    def add(self, index: Int[np.ndarray, " trial"], trials: Mapping[str, np.ndarray]) -> None:
        """Add trials with "status" and the outcomes that are kept."""
        solved = trials["status"] == 0
        lost = np.zeros(len(index), bool)
        if self.kept:
            first = np.reshape(trials[self.kept[0]], (len(index), -1))
            lost = solved & ~np.all(np.isfinite(first), axis=1)
        self.count += np.bincount(trials["status"][~lost], minlength=len(self.count))
        self.count[-1] += np.sum(lost)
        for name, parts in self.parts.items():
            column = np.array(trials[name], float)
            if name == self.kept[0]:
                column[~solved] = np.nan
            parts.append(column)

    def _counts(self) -> dict[str, Column]:
        solved, run = self.count[0], self.count.sum()
        return {
            "trials": scalar(self.num_trials, "1", "trials of the point"),
            "solved": scalar(solved, "1", "trials that were solved"),
            "not_solved": scalar(run - solved, "1", "trials that were run and not solved"),
            "missing": scalar(self.num_trials - run, "1", "trials that were not run"),
            "not_finite": scalar(self.count[-1], "1", "trials whose result is not finite"),
            "count": Column(("status",), self.count, "1", "trials that ended with this status"),
        }

    def _all(self, name: str, width: int = 0) -> np.ndarray:
        """One outcome of every trial, NaN where there is none; of `width` components."""
        empty = np.zeros((0, width) if width else 0)
        return np.concatenate([empty, *self.parts[name]])


class _Errors(_Trials):
    """Errors of receivers or of surfaces. best: share of trials that means and RMS take."""

    def __init__(self, best: float, num_trials: int):
        super().__init__(num_trials)
        self.best = best

    def _sizes(self, name: str, label: str, error_m: Float[np.ndarray, "trial 3"]):
        size_m = _length(error_m)
        best = _best(size_m, self.best)
        mean, rms = (np.mean(best), np.sqrt(np.mean(best**2))) if len(best) else [np.nan] * 2
        of = f"best {100 * self.best:g} %"
        return self._counts() | {
            f"{name}_mean_best": scalar(mean, "m", f"mean {label}, {of}"),
            f"{name}_rms_best": scalar(rms, "m", f"RMS {label}, {of}"),
            "pdop_median": scalar(_median(self._all("pdop")), "1", "median PDOP"),
            **_levels(name, label, size_m),
        }


class PositionErrors(_Errors):
    """Errors of the receiver."""

    kept = ("error_enu", "predicted", "pdop")

    def columns(self) -> dict[str, Column]:
        """All columns of the point, without the point dimension."""
        error_m, predicted_m = self._all("error_enu", 3), self._all("predicted")
        size_m, label = _length(error_m), "position error"
        known = np.isfinite(size_m) & (predicted_m > 0.0)
        ratio = size_m[known] / predicted_m[known]
        rms = np.sqrt(np.mean(ratio**2)) if len(ratio) else np.nan
        columns = self._sizes("error", label, error_m) | _axes("error", label, ENU, error_m)
        return columns | {
            "prediction_median": scalar(_median(predicted_m), "m", "median predicted error"),
            "error_over_predicted": scalar(rms, "1", "RMS of error over prediction"),
        }


class SurfaceErrors(_Errors):
    """Errors of the surface."""

    kept = ("surface_error_enu", "pdop")

    def __init__(self, axes: Float[np.ndarray, "3 3"], best: float, num_trials: int):
        """`axes`: east, north and up (rows)."""
        super().__init__(best, num_trials)
        self.axes = axes

    def columns(self) -> dict[str, Column]:
        """All columns of the point, without the point dimension."""
        error_m, label = self._all("surface_error_enu", 3), "error of the surface"
        columns = self._sizes("surface", label, error_m)
        columns |= _axes("surface", label, ENU, error_m)
        return columns | _axes("surface", label, ECEF, error_m @ self.axes)


class DopStatistics(_Trials):
    """Means of the DOPs of skies with a PDOP below a limit, medians of all."""

    kept = tuple(ALL_DOPS)

    def __init__(self, pdop_limit: float, num_trials: int):
        super().__init__(num_trials)
        self.pdop_limit = pdop_limit

    def columns(self) -> dict[str, Column]:
        """All columns of the point, without the point dimension."""
        pdop = self._all("pdop")
        kept = pdop < self.pdop_limit
        share = 100.0 * np.mean(kept) if len(pdop) else np.nan
        label = f"skies of a PDOP below {self.pdop_limit:g}"
        columns = self._counts() | {"kept": scalar(share, "%", label)}
        for name, label in ALL_DOPS.items():
            values = self._all(name)
            mean = np.mean(values[kept]) if np.any(kept) else np.nan
            columns[f"{name}_mean"] = scalar(mean, "1", f"mean {label}")
            columns[f"{name}_median"] = scalar(_median(values), "1", f"median {label}")
        return columns


class BudgetStatistics(_Trials):
    """Medians of what makes the error, part by part."""

    kept = (*BUDGET, "pdop")

    def columns(self) -> dict[str, Column]:
        """All columns of the point, without the point dimension."""
        columns = self._counts()
        for name, label in BUDGET.items():
            columns[f"{name}_median"] = scalar(_median(self._all(name)), "m", f"median {label}")
        label = "median PDOP"
        return columns | {"pdop_median": scalar(_median(self._all("pdop")), "1", label)}


class FormulaColumns(_Trials):
    """What follows from the file alone."""

    def __init__(self, formulas: Mapping[str, Column], num_trials: int):
        super().__init__(num_trials)
        self.formulas = dict(formulas)

    def columns(self) -> dict[str, Column]:
        """All columns of the point, without the point dimension."""
        return self._counts() | self.formulas


def _best(size_m: Float[np.ndarray, " trial"], share: float) -> Float[np.ndarray, " best"]:
    """The smallest errors; none where the share holds trials without a solution."""
    ordered = np.sort(np.where(np.isfinite(size_m), size_m, np.inf))
    best = ordered[: int(share * len(ordered) + 1e-9)]
    return best if np.all(np.isfinite(best)) else np.zeros(0)


def _levels(name: str, label: str, size_m: Float[np.ndarray, " trial"]) -> dict[str, Column]:
    found = quantiles(size_m, np.array(list(LEVELS.values())))
    texts = ("median {}", "95 % {}", "99 % {}")
    columns = {
        f"{name}_{level}": scalar(value, "m", text.format(label))
        for level, value, text in zip(LEVELS, found, texts, strict=True)
    }
    every = Column(("quantile",), quantiles(size_m, QUANTILES), "m", label)
    return columns | {f"{name}_quantile": every}


def _axes(name: str, label: str, axes: tuple[str, ...], error_m) -> dict[str, Column]:
    """Percentiles of the sizes of single components."""
    columns: dict[str, Column] = {}
    for i, axis in enumerate(axes):
        columns |= _levels(f"{name}_{axis}", f"{label}, {axis}", np.abs(error_m[:, i]))
    return columns


def _median(values: Float[np.ndarray, " trial"]) -> float:
    return float(quantiles(values, np.array([0.5]))[0])


def _length(error_m: Float[np.ndarray, "trial 3"]) -> Float[np.ndarray, " trial"]:
    return np.sqrt(np.sum(error_m**2, axis=1))
