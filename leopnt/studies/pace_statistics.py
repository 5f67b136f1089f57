"""Means and root mean squares over the draws of a study that estimates nothing."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from leopnt.studies.method import Column, Quantity
from leopnt.studies.statistics import ScalarStatistics, scalar


class DrawStatistics(ScalarStatistics):
    """Values of the good trials of one point: status 0 and finite.

    Columns of each quantity x: x_rms, x_mean, x_sigma (standard deviation of one draw).
    """

    not_solved = "trials whose mismatch is beyond a bound"

    def columns_of(
        self, name: str, quantity: Quantity, values: Float[np.ndarray, " trial"]
    ) -> dict[str, Column]:
        """See `ScalarStatistics`."""
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
