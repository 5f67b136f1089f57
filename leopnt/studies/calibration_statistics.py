"""Errors and sigmas of calibrations over the trials of a point, in millimeters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from leopnt.studies.method import AbstractStatistics, Column, Quantity
from leopnt.studies.statistics import scalar, status_sentences

MILLI = {"m": (1e3, "mm")}
"""Factor and unit that a unit is told in."""


class CalibrationStatistics(AbstractStatistics):
    """Values of the trials of one point whose results are all finite.

    Columns of each quantity x: x, the root mean square over the trials; x_low, x_median and x_high,
    the smallest, the middle and the largest of them. Lengths are in mm.
    """

    def __init__(self, quantities: Mapping[str, Quantity], num_trials: int):
        """`quantities`: scalars that the trials have, by name."""
        self.quantities, self.num_trials = quantities, num_trials
        self.count = np.zeros(len(status_sentences()), int)
        self.values: dict[str, list[np.ndarray]] = {name: [] for name in quantities}

    def add(self, index: Int[np.ndarray, " trial"], trials: Mapping[str, np.ndarray]) -> None:
        """Add trials with "status" and the quantities."""
        finite = np.all([np.isfinite(trials[name]) for name in self.quantities], axis=0)
        solved = trials["status"] == 0
        lost = solved & ~finite
        self.count += np.bincount(trials["status"][~lost], minlength=len(self.count))
        self.count[-1] += np.sum(lost)
        for name, parts in self.values.items():
            parts.append(np.asarray(trials[name][solved & finite], float))

    def columns(self) -> dict[str, Column]:
        """All columns of the point, without the point dimension."""
        solved, run = self.count[0], self.count.sum()
        found = {
            "trials": scalar(self.num_trials, "1", "trials of the point"),
            "solved": scalar(solved, "1", "trials with a result"),
            "not_solved": scalar(run - solved, "1", "trials without a result"),
            "missing": scalar(self.num_trials - run, "1", "trials that were not run"),
            "not_finite": scalar(self.count[-1], "1", "trials whose result is not finite"),
            "count": Column(("status",), self.count, "1", "trials that ended with this status"),
        }
        for name, quantity in self.quantities.items():
            found |= _of(name, quantity, np.concatenate([np.zeros(0), *self.values[name]]))
        return found


def _of(name: str, quantity: Quantity, values: Float[np.ndarray, " trial"]) -> dict[str, Column]:
    factor, units = MILLI.get(quantity.units, (1.0, quantity.units))
    if len(values):
        rms = np.sqrt(np.mean(np.square(values)))
        told = factor * np.array([rms, np.min(values), np.median(values), np.max(values)])
    else:
        told = np.full(4, np.nan)
    label = quantity.long_name
    labels = (label, f"{label}, smallest", f"{label}, median", f"{label}, largest")
    return {
        f"{name}{ending}": scalar(value, units, text)
        for ending, value, text in zip(("", "_low", "_median", "_high"), told, labels, strict=True)
    }
