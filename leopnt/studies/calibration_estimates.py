"""Estimates of a calibration with formal and honest sigmas, of any sum of normal equations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.methods.calibration import (
    Calibration,
    Datum,
    Layout,
    ReducedNormals,
    Truth,
    block_bootstrap,
    consider_orbits,
    offsets_only,
    solve_calibration,
    stacked,
    truth_in_datum,
)

COMPONENTS = ("X", "Y", "Z", "delay")


class Sigmas(NamedTuple):
    """Standard deviations [m] of offsets and delays (last column) and of biases."""

    satellite: Float[np.ndarray, "sat 4"]
    isb: Float[np.ndarray, " station"]


class Estimates(NamedTuple):
    """A solution, its sigmas as if orbits were exact, and those that count orbit errors.

    honest is NaN where orbit errors were not looked at.
    """

    solution: Calibration
    formal: Sigmas
    honest: Sigmas

    @property
    def satellite_m(self) -> Float[np.ndarray, "sat 4"]:
        """Offsets and delays."""
        return np.column_stack([self.solution.offset_m, self.solution.delay_m])


def estimates_of(normals: ReducedNormals, datum: Datum, orbit_model: str) -> Estimates:
    """Solve, with both kinds of sigmas; no warning is given.

    Args:
        orbit_model: of a calibration file: "once_per_revolution", "considered" or "known".

    Raises:
        LeopntError: an unknown that the observations do not determine, by number.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeopntWarning)  # `run_calibration` says them with names
        return _ESTIMATORS[orbit_model](normals, datum)


def solution_of(normals: ReducedNormals, orbit_model: str) -> Calibration:
    """The estimates that residuals are about; the level of delays does not change residuals.

    Biases add up to zero in each part; no warning is given.

    Raises:
        LeopntError: an unknown that the observations do not determine, by number.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeopntWarning)
        considered = orbit_model == "considered"
        return solve_calibration(offsets_only(normals) if considered else normals)


def _estimated(normals: ReducedNormals, datum: Datum) -> Estimates:
    """Orbit errors are unknowns; the formal sigma is that of the same data without them."""
    solution = solve_calibration(normals, datum)
    formal = solve_calibration(offsets_only(normals), datum)
    return Estimates(solution, _sigmas(formal), _sigmas(solution))


def _considered(normals: ReducedNormals, datum: Datum) -> Estimates:
    """Orbits are taken as exact; the honest sigma is that of the consider covariance."""
    solution, covariance = consider_orbits(normals, datum)
    return Estimates(solution, _sigmas(solution), _sigmas(solution, np.diag(covariance)))


def _known(normals: ReducedNormals, datum: Datum) -> Estimates:
    """Orbits are taken as exact, and nothing is said about their errors."""
    solution = solve_calibration(normals, datum)
    formal = _sigmas(solution)
    return Estimates(solution, formal, Sigmas(*(np.full_like(part, np.nan) for part in formal)))


_ESTIMATORS: dict[str, Callable[[ReducedNormals, Datum], Estimates]] = {
    "once_per_revolution": _estimated,
    "considered": _considered,
    "known": _known,
}


def _sigmas(of: Calibration, variance: Float[np.ndarray, " param"] | None = None) -> Sigmas:
    every = of.sigma_m if variance is None else np.sqrt(np.maximum(variance, 0.0))
    return sigmas_of_unknowns(of.layout, every)


def sigmas_of_unknowns(layout: Layout, every: Float[np.ndarray, " param"]) -> Sigmas:
    """Standard deviations of all unknowns, sorted by what they belong to."""
    columns = [every[layout.offsets], every[layout.delays][:, None]]
    return Sigmas(np.concatenate(columns, axis=1), every[layout.biases])


def true_values(
    of: Calibration, truth: Truth
) -> tuple[Float[np.ndarray, "sat 4"], Float[np.ndarray, " station"]]:
    """True offsets and delays, and biases, moved to the datum of a solution."""
    delay, isb = truth_in_datum(of, truth.delay_m, truth.isb_m)
    return np.column_stack([truth.offset_m, delay]), isb


def bootstrap_sigmas(
    blocks: Sequence[ReducedNormals], datum: Datum, orbit_model: str, num_draws: int, seed: int
) -> tuple[Sigmas | None, str]:
    """Scatter when whole blocks are drawn anew, or None and why not.

    None without a reason where fewer than 3 blocks or no draws are asked for.
    """
    if len(blocks) < 3 or num_draws < 2:
        return None, ""
    if orbit_model == "considered":
        blocks = [offsets_only(block) for block in blocks]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeopntWarning)
        try:
            every = block_bootstrap(blocks, num_draws, seed, datum)
        except LeopntError as error:  # a draw without what the datum holds
            return None, str(error)
    return sigmas_of_unknowns(blocks[0].layout, every), ""


class Trend(NamedTuple):
    """How errors and sigmas fall with more days or stations: RMS over satellites [m].

    label: of each step, the days or stations that were taken. error: against the truth, NaN
    without one. change: from the estimates of all of them. problem: of each step, why it has no
    solution, or what is left out of it; empty for none.
    """

    label: tuple[str, ...]
    number: np.ndarray
    error: Float[np.ndarray, "step 4"]
    change: Float[np.ndarray, "step 4"]
    formal: Float[np.ndarray, "step 4"]
    honest: Float[np.ndarray, "step 4"]
    problem: tuple[str, ...] = ()


def trend_of(
    groups: Sequence[tuple[str, int, Callable[[], ReducedNormals]]],
    whole: Estimates,
    orbit_model: str,
    truth: Truth | None,
) -> Trend:
    """Estimates from the first group, the first two and so on; NaN where a step has no solution.

    Args:
        groups: name after this group was added, number of members till then, and what loads its
            normal equations; one is in memory at a time.
    """
    rows = np.full((4, len(groups), 4), np.nan)
    problems = [""] * len(groups)
    total = None
    for i, (_, _, load) in enumerate(groups):
        part = load()
        total = part if total is None else stacked([total, part])
        try:
            found = estimates_of(total, whole.solution.datum, orbit_model)
        except LeopntError as error:
            problems[i] = str(error)
            continue
        if found.solution.undetermined:
            problems[i] = f"not determined: {', '.join(found.solution.undetermined)}."
        if truth is not None:
            rows[0, i] = rms(found.satellite_m - true_values(found.solution, truth)[0])
        rows[1, i] = rms(found.satellite_m - whole.satellite_m)
        rows[2, i], rows[3, i] = rms(found.formal.satellite), rms(found.honest.satellite)
    counts = np.array([count for _, count, _ in groups], np.int64)
    names = tuple(name for name, _, _ in groups)
    return Trend(names, counts, rows[0], rows[1], rows[2], rows[3], tuple(problems))


def rms(values: Float[np.ndarray, "sat 4"]) -> Float[np.ndarray, "4"]:
    """Root mean square over satellites, those without a value left out."""
    known = np.isfinite(values)
    number = np.sum(known, axis=0)
    squares = np.sum(np.where(known, values, 0.0) ** 2, axis=0)
    return np.sqrt(np.where(number > 0, squares / np.maximum(number, 1), np.nan))
