"""Errors of positions through a surface, condensed so that a heavy tail is told, not averaged.

A few weak geometries have errors of any size, so there is no plain mean or RMS: means and RMS are
those of the best 99 % of trials (or so), beside medians and percentiles of all. A trial without a
solution counts as infinitely far off.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from leopnt.studies.astars_kernel import GEOMETRY
from leopnt.studies.bound_statistics import quantiles
from leopnt.studies.method import AbstractStatistics, Column
from leopnt.studies.statistics import QUANTILES, scalar, status_sentences

LEVELS = {"median": 0.5, "p95": 0.95, "p99": 0.99}
ENU, ECEF = ("east", "north", "up"), ("x", "y", "z")
DOPS = {
    "pdop": "PDOP at the surface",
    **{name: GEOMETRY[name].long_name for name in ("hdop", "vdop", "tdop")},
    **{name: GEOMETRY[name].long_name for name in ("seed_hdop", "seed_vdop")},
}
PARTS = {
    "predicted": "predicted error",
    "ranges_part": "due to phases",
    "sync_part": "due to network time",
    "aod_part": "due to the beam",
    "seed_total": "published sum",
}


class _Trials(AbstractStatistics):
    """Trials of one point, kept in order, and how they ended.

    kept: outcomes that are needed, finite in a solved trial; the first is of no use in others.
    """

    kept: tuple[str, ...] = ()

    def __init__(self, num_trials: int):
        self.num_trials = num_trials
        self.count = np.zeros(len(status_sentences()), int)
        self.parts: dict[str, list[np.ndarray]] = {name: [] for name in self.kept}

    def add(self, index: Int[np.ndarray, " trial"], trials: Mapping[str, np.ndarray]) -> None:
        """Add trials with "status" and the outcomes that are kept."""
        solved = trials["status"] == 0
        values = [np.reshape(trials[name], (len(index), -1)) for name in self.kept]
        finite = np.all(np.isfinite(np.concatenate(values, axis=1)), axis=1) if values else solved
        lost = solved & ~finite
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


class PositionErrors(_Trials):
    """Errors of receiver and surface."""

    kept = ("error_enu", "surface_error_enu", "predicted", "pdop")

    def __init__(self, axes: Float[np.ndarray, "3 3"], best: float, num_trials: int):
        """`axes`: east, north and up (rows). `best`: share of trials that means and RMS take."""
        super().__init__(num_trials)
        self.axes, self.best = axes, best

    def columns(self) -> dict[str, Column]:
        """All columns of the point, without the point dimension."""
        error, surface = self._all("error_enu", 3), self._all("surface_error_enu", 3)
        size_m = _length(error)
        predicted_m = self._all("predicted")
        known = np.isfinite(size_m) & (predicted_m > 0.0)
        ratio = size_m[known] / predicted_m[known]
        rms = np.sqrt(np.mean(ratio**2)) if len(ratio) else np.nan
        columns = self._counts()
        columns |= self._sizes("error", "position error", size_m)
        columns |= self._sizes("surface", "error of the surface", _length(surface))
        columns |= _axes("error", "position error", ENU, error)
        columns |= _axes("surface", "error of the surface", ENU, surface)
        columns |= _axes("surface", "error of the surface", ECEF, surface @ self.axes)
        for name, label in (("predicted", "predicted error"), ("pdop", "PDOP")):
            middle, units = quantiles(self._all(name), np.array([0.5]))[0], "1m"[label != "PDOP"]
            columns[f"{name}_median"] = scalar(middle, units, f"median {label}")
        label = "RMS of error over prediction"
        return columns | {"error_over_predicted": scalar(rms, "1", label)}

    def _sizes(self, name: str, label: str, size_m: Float[np.ndarray, " trial"]):
        best = _best(size_m, self.best)
        mean, rms = (np.mean(best), np.sqrt(np.mean(best**2))) if len(best) else [np.nan] * 2
        of = f"best {100 * self.best:g} %"
        columns = {
            f"{name}_mean_best": scalar(mean, "m", f"mean {label}, {of}"),
            f"{name}_rms_best": scalar(rms, "m", f"RMS {label}, {of}"),
        }
        found = quantiles(size_m, QUANTILES)
        columns[f"{name}_quantile"] = Column(("quantile",), found, "m", label)
        return columns | _levels(name, label, size_m)


class GeometryStatistics(_Trials):
    """DOPs, means of those with a PDOP below a limit; and medians of predicted errors."""

    kept = (*DOPS, *PARTS)

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
        for name, label in DOPS.items():
            values = self._all(name)
            mean = np.mean(values[kept]) if np.any(kept) else np.nan
            columns[f"{name}_mean"] = scalar(mean, "1", f"mean {label}")
            middle = quantiles(values, np.array([0.5]))[0]
            columns[f"{name}_median"] = scalar(middle, "1", f"median {label}")
        for name, label in PARTS.items():
            middle = quantiles(self._all(name), np.array([0.5]))[0]
            columns[f"{name}_median"] = scalar(middle, "m", f"median {label}")
        return columns


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
    return {
        f"{name}_{level}": scalar(value, "m", text.format(label))
        for level, value, text in zip(LEVELS, found, texts, strict=True)
    }


def _axes(name: str, label: str, axes: tuple[str, ...], error_m) -> dict[str, Column]:
    """Percentiles of the sizes of single components."""
    columns: dict[str, Column] = {}
    for i, axis in enumerate(axes):
        size_m, one = np.abs(error_m[:, i]), f"{label}, {axis}"
        columns |= _levels(f"{name}_{axis}", one, size_m)
        quantile = Column(("quantile",), quantiles(size_m, QUANTILES), "m", one)
        columns[f"{name}_{axis}_quantile"] = quantile
    return columns


def _length(error_m: Float[np.ndarray, "trial 3"]) -> Float[np.ndarray, " trial"]:
    return np.sqrt(np.sum(error_m**2, axis=1))
