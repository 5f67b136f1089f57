"""Means and root mean squares over the draws of a study that estimates nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int

from leopnt.studies.method import AbstractStatistics, Column, Quantity
from leopnt.studies.statistics import scalar, status_sentences


class DrawStatistics(AbstractStatistics):
    """Values of the good trials of one point: status 0 and finite.

    Columns of each quantity x: x_rms, x_mean, x_sigma (standard deviation of one draw).
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
            "not_solved": scalar(run - solved, "1", "trials whose mismatch is beyond a bound"),
            "missing": scalar(self.num_trials - run, "1", "trials that were not run"),
            "not_finite": scalar(self.count[-1], "1", "trials whose result is not finite"),
            "count": Column(("status",), self.count, "1", "trials that ended with this status"),
        }
        for name, quantity in self.quantities.items():
            values = np.concatenate([np.zeros(0), *self.values[name]])
            found |= _of(name, quantity, values)
        return found


def _of(name: str, quantity: Quantity, values: np.ndarray) -> dict[str, Column]:
    units, label = quantity.units, quantity.long_name
    if len(values):
        rms, mean, sigma = np.sqrt(np.mean(values**2)), np.mean(values), np.std(values)
    else:
        rms = mean = sigma = np.nan
    return {
        f"{name}_rms": scalar(rms, units, f"{label}, RMS"),
        f"{name}_mean": scalar(mean, units, f"{label}, mean"),
        f"{name}_sigma": scalar(sigma, units, f"{label}, standard deviation of a draw"),
    }
