"""Statistics of bounds over random geometries: medians, quantiles, and how many are of any use.

A geometry that does not tell a quantity has the bound NaN and counts as infinitely large, so that
a median over all geometries stays honest.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from leopnt.studies.method import AbstractStatistics, Column, Quantity
from leopnt.studies.statistics import QUANTILES, scalar, status_sentences

LEVELS = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
"""Quantiles that have a column of their own."""


def quantiles(
    values: Float[np.ndarray, " trial"], levels: Float[np.ndarray, " level"]
) -> Float[np.ndarray, " level"]:
    """Quantiles with NaN counted as infinitely large; NaN where they are not finite.

    Linear between neighboring values.
    """
    if not len(values):
        return np.full(len(levels), np.nan)
    ordered = np.sort(np.where(np.isfinite(values), values, np.inf))
    place = np.asarray(levels) * (len(ordered) - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + (place > low), len(ordered) - 1)
    known = np.isfinite(ordered[high])
    below, above = (np.where(known, ordered[i], np.nan) for i in (low, high))
    return below + (place - low) * (above - below)


class BoundStatistics(AbstractStatistics):
    """Bounds of the trials of one point, chunk by chunk.

    Trials have "status" (0: all that is asked for is told), one value of each quantity (NaN where
    it is not told) and "practical" (1: all within the limits of use).

    Columns of each quantity x: x_median, x_q05, x_q25, x_q75, x_q95, x_quantile, x_told (the share
    of trials that tell it), and with several cases case_x, the median of each. Of all: identifiable
    and practical, shares of trials.
    """

    def __init__(self, quantities: Mapping[str, Quantity], num_cases: int, trials_per_case: int):
        """`quantities`: scalar bounds that the trials have, by name."""
        self.quantities = quantities
        self.num_cases, self.trials_per_case = num_cases, trials_per_case
        self.count = np.zeros(len(status_sentences()), int)
        self.practical = 0
        self.case: list[np.ndarray] = []
        self.values: dict[str, list[np.ndarray]] = {name: [] for name in quantities}

    def add(self, index: Int[np.ndarray, " trial"], trials: Mapping[str, np.ndarray]) -> None:
        """Add trials with "status", "practical" and the quantities."""
        told = np.all([np.isfinite(trials[name]) for name in self.quantities], axis=0)
        lost = (trials["status"] == 0) & ~told
        self.count += np.bincount(trials["status"][~lost], minlength=len(self.count))
        self.count[-1] += np.sum(lost)
        self.practical += int(np.sum(trials["practical"] > 0))
        if self.num_cases > 1:
            self.case.append(index // self.trials_per_case)
        for name, parts in self.values.items():
            parts.append(np.asarray(trials[name], float))

    def columns(self) -> dict[str, Column]:
        """All columns of the point, without the point dimension."""
        found = self._counts()
        for name, quantity in self.quantities.items():
            found |= self._of(name, quantity, np.concatenate([np.zeros(0), *self.values[name]]))
        return found

    def _counts(self) -> dict[str, Column]:
        expected, run = self.trials_per_case * self.num_cases, self.count.sum()
        solved = self.count[0]
        share = (lambda part: part / run) if run else (lambda part: np.nan)
        return {
            "trials": scalar(expected, "1", "trials of the point"),
            "solved": scalar(solved, "1", "trials with all bounds finite"),
            "not_solved": scalar(run - solved, "1", "trials that do not tell all"),
            "missing": scalar(expected - run, "1", "trials that were not run"),
            "not_finite": scalar(self.count[-1], "1", "trials whose result is not finite"),
            "count": Column(("status",), self.count, "1", "trials that ended with this status"),
            "identifiable": scalar(share(solved), "1", "share of trials that tell all"),
            "practical": scalar(
                share(self.practical), "1", "share of trials with all bounds within limits of use"
            ),
        }

    def _of(self, name: str, quantity: Quantity, values: np.ndarray) -> dict[str, Column]:
        units, label = quantity.units, quantity.long_name
        single = quantiles(values, np.array(list(LEVELS.values())))
        texts = [
            f"{'median' if key == 'median' else f'{100 * level:g} % quantile'} of the {label}"
            for key, level in LEVELS.items()
        ]
        found = {
            f"{name}_{key}": scalar(value, units, text)
            for key, value, text in zip(LEVELS, single, texts, strict=True)
        }
        found[f"{name}_quantile"] = Column(
            ("quantile",), quantiles(values, QUANTILES), units, label
        )
        told = np.mean(np.isfinite(values)) if len(values) else np.nan
        found[f"{name}_told"] = scalar(told, "1", f"share of trials with a finite {label}")
        if self.num_cases > 1:
            medians = self._by_case(values)
            found[f"case_{name}"] = Column(("case",), medians, units, f"median of the {label}")
        return found

    def _by_case(self, values: np.ndarray) -> Float[np.ndarray, " case"]:
        case = np.concatenate([np.zeros(0, int), *self.case])
        order = np.argsort(case, kind="stable")
        edges = np.searchsorted(case[order], np.arange(self.num_cases + 1))
        half, sorted_values = np.array([0.5]), values[order]
        return np.array(
            [
                quantiles(sorted_values[start:stop], half)[0]
                for start, stop in itertools.pairwise(edges)
            ]
        )


def bound_plots(noun: str) -> tuple[dict[str, Any], ...]:
    """What every report on position bounds ends with: use and distribution.

    Args:
        noun: what is counted, plural.
    """
    return (
        {
            "kind": "sweep",
            "name": "useful",
            "title": f"{noun.capitalize()} that tell all, and whose bounds are of use",
            "y": ["identifiable", "practical"],
            "y_label": f"Share of {noun}",
            "caption": "Beyond the limits of the study file a bound means nothing.",
        },
        {
            "kind": "cdf",
            "name": "distribution",
            "title": "Distribution of the position bound",
            "y": ["position_bound_quantile"],
            "caption": f"The share of {noun} whose bound is at most the one below.",
        },
    )
