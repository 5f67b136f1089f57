"""Statistics of positioning trials: of those that were solved, beside the count of the others."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.inference.status import Status
from leopnt.studies.method import AbstractStatistics, Column, Quantity

QUANTILES = np.arange(1, 100) / 100.0
NOT_FINITE = "the result is not finite"
SOLVED = "solved"
_OK = int(np.asarray(Status.converged._value))


def status_sentences() -> list[str]:
    """What a trial may end with, by the number of its status; one more for results not finite."""
    sentences = [str(Status[getattr(Status, name)]) for name in Status._name_to_item]
    return [SOLVED, *sentences[1:], NOT_FINITE]


def nees_of(error: Float[Array, "3"], covariance: Float[Array, "3 3"]) -> Float[Array, ""]:
    """error^T covariance^-1 error, by the adjugate: no library call, safe in threads."""
    a, b, c = covariance
    adjugate = jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)])
    return error @ adjugate @ error / (a @ adjugate[0])


def scalar(value: float | np.generic, units: str, long_name: str) -> Column:
    """A column with one value per point."""
    return Column((), np.asarray(value), units, long_name)


class ScalarStatistics(AbstractStatistics):
    """Scalars of the good trials of one point: status 0 and finite. Others are counted.

    Attributes:
        not_solved: what the column of that name says.
    """

    not_solved: ClassVar[str] = "trials without a result"

    def __init__(self, quantities: Mapping[str, Quantity], num_trials: int):
        """`quantities`: scalars that the trials have, by name."""
        self.quantities, self.num_trials = quantities, num_trials
        self.count = np.zeros(len(status_sentences()), int)
        self.values: dict[str, list[np.ndarray]] = {name: [] for name in quantities}

    @abc.abstractmethod
    def columns_of(
        self, name: str, quantity: Quantity, values: Float[np.ndarray, " trial"]
    ) -> dict[str, Column]:
        """Columns of one quantity over the good trials, of which there may be none."""

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
            "not_solved": scalar(run - solved, "1", self.not_solved),
            "missing": scalar(self.num_trials - run, "1", "trials that were not run"),
            "not_finite": scalar(self.count[-1], "1", "trials whose result is not finite"),
            "count": Column(("status",), self.count, "1", "trials that ended with this status"),
        }
        for name, quantity in self.quantities.items():
            values = np.concatenate([np.zeros(0), *self.values[name]])
            found |= self.columns_of(name, quantity, values)
        return found


class PositionStatistics(AbstractStatistics):
    """Errors of positions over the solved trials of one point, chunk by chunk.

    Sums are kept by case; of single trials only the size of the error, for quantiles.
    """

    def __init__(self, bound_enu_m2: Float[np.ndarray, "case 3 3"], trials_per_case: int):
        """`bound_enu_m2`: Cramer-Rao bound of each case, NaN where there is none."""
        num_cases = len(bound_enu_m2)
        self.bound_m2, self.trials_per_case = bound_enu_m2, trials_per_case
        self.bounded = _is_bound(bound_enu_m2)
        self.whitening = _whitening(bound_enu_m2, self.bounded)
        self.count = np.zeros(len(status_sentences()), int)
        self.run, self.solved = np.zeros(num_cases), np.zeros(num_cases)
        self.sums = np.zeros((num_cases, 3))
        self.squares = np.zeros((num_cases, 3))
        self.fourth = np.zeros(num_cases)
        self.normalized, self.normalized_fourth = np.zeros(num_cases), np.zeros(num_cases)
        self.nees, self.num_nees = 0.0, 0
        self.size_m: list[np.ndarray] = []
        self.horizontal_m: list[np.ndarray] = []

    def add(self, index: Int[np.ndarray, " trial"], trials) -> None:
        """Add trials with "status", "error_enu_m" and "nees"."""
        case, status = index // self.trials_per_case, trials["status"]
        error_m = np.ascontiguousarray(trials["error_enu_m"].T)
        finite = np.isfinite(error_m).all(axis=0)
        ok, lost = (status == _OK) & finite, (status == _OK) & ~finite
        self.count += np.bincount(status[~lost], minlength=len(self.count))
        self.count[-1] += np.sum(lost)
        self.run += _Runs(case, len(self.run)).count()
        nees = trials["nees"][ok]
        self.nees += np.sum(nees[np.isfinite(nees)])
        self.num_nees += int(np.sum(np.isfinite(nees)))
        self._add_errors(case[ok], error_m[:, ok])

    def _add_errors(self, case, error_m) -> None:
        runs = _Runs(case, len(self.run))
        horizontal = error_m[0] ** 2 + error_m[1] ** 2
        square = horizontal + error_m[2] ** 2
        white = np.einsum("tij,jt->ti", self.whitening[case], error_m)
        normalized = np.einsum("ti,ti->t", white, white)
        self.solved += runs.count()
        for axis, error in enumerate(error_m):
            self.sums[:, axis] += runs.sum(error)
            self.squares[:, axis] += runs.sum(error**2)
        self.fourth += runs.sum(square**2)
        self.normalized += runs.sum(normalized)
        self.normalized_fourth += runs.sum(normalized**2)
        self.size_m.append(np.sqrt(square))
        self.horizontal_m.append(np.sqrt(horizontal))

    def columns(self) -> dict[str, Column]:
        """All columns of the point, without the point dimension."""
        return self._counts() | self._errors() | self._quantiles() | self._bounds() | self._cases()

    def _counts(self) -> dict[str, Column]:
        expected = self.trials_per_case * len(self.run)
        solved, run = self.count[0], self.count.sum()
        return {
            "trials": scalar(expected, "1", "trials of the point"),
            "solved": scalar(solved, "1", "trials that were solved"),
            "not_solved": scalar(run - solved, "1", "trials that were run and not solved"),
            "missing": scalar(expected - run, "1", "trials that were not run"),
            "not_finite": scalar(self.count[-1], "1", "trials whose result is not finite"),
            "count": Column(("status",), self.count, "1", "trials that ended with this status"),
        }

    def _errors(self) -> dict[str, Column]:
        mean, square = _mean(self.sums, self.solved), _mean(self.squares, self.solved)
        columns = {
            "rmse_3d": scalar(np.sqrt(square.sum()), "m", "RMS 3D error of solved trials"),
            "rmse_horizontal": scalar(np.sqrt(square[:2].sum()), "m", "RMS horizontal error"),
            "rmse_vertical": scalar(np.sqrt(square[2]), "m", "RMS vertical error"),
            "mean_nees": scalar(
                self.nees / self.num_nees if self.num_nees else np.nan,
                "1",
                "mean squared error over stated covariance",
            ),
        }
        for axis, value in zip(("east", "north", "up"), mean, strict=True):
            columns[f"bias_{axis}"] = scalar(value, "m", f"mean error {axis}")
        return columns

    def _quantiles(self) -> dict[str, Column]:
        columns = {}
        for name, label, parts in (
            ("3d", "3D", self.size_m),
            ("horizontal", "horizontal", self.horizontal_m),
        ):
            values = np.sort(np.concatenate([np.zeros(0), *parts]))  # faster than to select
            found = np.full(len(QUANTILES), np.nan)
            if len(values):
                found = np.quantile(values, QUANTILES, overwrite_input=True)
            text = f"{label} error of solved trials"
            columns[f"error_{name}_quantile"] = Column(("quantile",), found, "m", f"{label} error")
            columns[f"error_{name}_median"] = scalar(found[49], "m", f"median {text}")
        return columns

    def _bounds(self) -> dict[str, Column]:
        """Bounds over the mix of cases that the solved trials have, and the errors beside them."""
        use = self.bounded & (self.solved > 0)
        solved, number = self.solved[use], self.solved[use].sum()
        mean = _mean(np.diagonal(self.bound_m2[use], axis1=1, axis2=2) * solved[:, None], solved)
        square = _mean(self.squares[use], solved).sum()
        ratio = np.sqrt(square / mean.sum())
        spread = _spread(self.fourth[use].sum(), square, number)
        normalized = _mean(self.normalized[use][:, None], solved)[0]
        of_normalized = _spread(self.normalized_fourth[use].sum(), normalized, number)
        root = np.sqrt(normalized / 3.0)
        return {
            "bound_3d": scalar(np.sqrt(mean.sum()), "m", "Cramer-Rao bound of the 3D error"),
            "bound_horizontal": scalar(
                np.sqrt(mean[:2].sum()), "m", "bound of the horizontal error"
            ),
            "bound_vertical": scalar(np.sqrt(mean[2]), "m", "bound of the vertical error"),
            "rmse_over_bound": scalar(ratio, "1", "RMS 3D error over its Cramer-Rao bound"),
            "rmse_over_bound_sigma": scalar(
                0.5 * ratio * spread, "1", "Monte Carlo standard error of rmse_over_bound"
            ),
            "normalized_rmse": scalar(root, "1", "RMS error in units of each case's own bound"),
            "normalized_rmse_sigma": scalar(
                0.5 * root * of_normalized, "1", "Monte Carlo standard error of normalized_rmse"
            ),
        }

    def _cases(self) -> dict[str, Column]:
        with np.errstate(divide="ignore", invalid="ignore"):
            rms = np.sqrt(self.squares.sum(axis=1) / self.solved)
            share = self.solved / self.run
        return {
            "case_rmse_3d": Column(("case",), rms, "m", "RMS 3D error of the case's solved trials"),
            "case_solved": Column(
                ("case",), share, "1", "share of the case's trials that were solved"
            ),
        }


class _Runs:
    """Sums by case of trials that come case by case."""

    def __init__(self, case: Int[np.ndarray, " trial"], num_cases: int):
        self.starts = np.flatnonzero(np.diff(case, prepend=-1))
        self.case, self.num_cases = case[self.starts], num_cases
        self.length = np.diff(self.starts, append=len(case))

    def count(self) -> Float[np.ndarray, " case"]:
        """Trials of each case."""
        return self._spread(self.length)

    def sum(self, values: Float[np.ndarray, " trial"]) -> Float[np.ndarray, " case"]:
        """Sum of the values over the trials of each case."""
        return self._spread(np.add.reduceat(values, self.starts) if len(values) else self.length)

    def _spread(self, of_run: np.ndarray) -> np.ndarray:
        found = np.zeros(self.num_cases)
        np.add.at(found, self.case, of_run)
        return found


def _is_bound(bound_m2: Float[np.ndarray, "case 3 3"]) -> Bool[np.ndarray, " case"]:
    """True where the bound is finite and, as rounding may spoil in flat geometry, a covariance."""
    known = np.all(np.isfinite(bound_m2), axis=(1, 2))
    known[known] = np.linalg.eigvalsh(bound_m2[known]).min(axis=1, initial=np.inf) > 0.0
    return known


def _whitening(
    bound_m2: Float[np.ndarray, "case 3 3"], known: Bool[np.ndarray, " case"]
) -> Float[np.ndarray, "case 3 3"]:
    """W with W bound W^T = 1, zero where there is no bound."""
    found = np.zeros_like(bound_m2)
    found[known] = np.linalg.inv(np.linalg.cholesky(bound_m2[known]))
    return found


def _mean(sums: Float[np.ndarray, "case k"], counts: Float[np.ndarray, " case"]) -> np.ndarray:
    """Mean over all trials from sums by case; NaN without trials."""
    total = counts.sum()
    return sums.sum(axis=0) / total if total else np.full(sums.shape[1], np.nan)


def _spread(sum_of_squares: float, mean: float, number: float) -> float:
    """Standard error of a mean, relative to it, from the sum of squares; NaN below two values."""
    if number < 2:
        return float("nan")
    variance = max(sum_of_squares / number - mean**2, 0.0)
    return float(np.sqrt(variance / (number - 1)) / mean)
