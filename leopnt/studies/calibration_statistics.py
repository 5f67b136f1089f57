"""Errors and sigmas of calibrations over the trials of a point, in millimeters."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from leopnt.studies.method import Column, Quantity
from leopnt.studies.statistics import ScalarStatistics, scalar

MILLI = {"m": (1e3, "mm")}
"""Factor and unit that a unit is told in."""


class CalibrationStatistics(ScalarStatistics):
    """Values of the trials of one point whose results are all finite.

    Columns of each quantity x: x, the root mean square over the trials; x_low, x_median and x_high,
    the smallest, the middle and the largest of them. Lengths are in mm.
    """

    def columns_of(
        self, name: str, quantity: Quantity, values: Float[np.ndarray, " trial"]
    ) -> dict[str, Column]:
        """See `ScalarStatistics`."""
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
            for ending, value, text in zip(
                ("", "_low", "_median", "_high"), told, labels, strict=True
            )
        }
