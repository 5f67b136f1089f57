"""Sigmas of code and phase as the residuals tell them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.methods.calibration.back_substitution import values_of_station_day
from leopnt.methods.calibration.pipeline import Load
from leopnt.methods.calibration.redundancy import redundancy_numbers
from leopnt.methods.calibration.settings import CalibrationSettings
from leopnt.methods.calibration.solution import Calibration
from leopnt.methods.calibration.station_day import StationDay

_LEAST_FACTOR = 1e-12


class VarianceComponent(NamedTuple):
    """Factor on the variance of one kind of observation, and the redundancy that it rests on.

    Its own relative standard deviation is about sqrt(2 / redundancy).
    """

    factor: float
    redundancy: float


class VarianceComponents(NamedTuple):
    """Factors on the squares of code_sigma_m, phase_sigma_m, leo_phase_sigma_m."""

    code: VarianceComponent
    phase: VarianceComponent
    leo_phase: VarianceComponent


def variance_components(
    loads: Iterable[Load], of: Calibration, settings: CalibrationSettings
) -> VarianceComponents:
    """Variances of code, of reference phase and of LEO phase over those of the settings.

        factor = sum w v^2 / sum r

    over all observations of a kind, r their redundancy numbers. Repeat with `rescaled` settings
    until the factors are 1; two or three rounds do.

    Args:
        loads: the station-days that `of` rests on.

    Raises:
        LeopntError: a kind without redundancy, or whose residuals are all zero.
    """
    sums = np.zeros((3, 2))
    for load in loads:
        sums += variance_sums(load(), of, settings)
    return components_of(sums)


def variance_sums(
    day: StationDay, of: Calibration, settings: CalibrationSettings
) -> Float[np.ndarray, "3 2"]:
    """What a station-day adds to sum w v^2 and sum r of code, reference phase and LEO phase."""
    sums = np.zeros((3, 2))
    local = values_of_station_day(day, of, settings)
    residuals = local.leo_residuals, local.reference_residuals
    numbers = redundancy_numbers(day, of, settings)
    for system, (v, r) in enumerate(zip(residuals, numbers, strict=True)):
        sums[0] += np.nansum(v.code_sigmas**2), np.nansum(r.code)
        sums[2 - system] += np.nansum(v.phase_sigmas**2), np.nansum(r.phase)
    return sums


def components_of(sums: Float[np.ndarray, "3 2"], held: Collection[str] = ()) -> VarianceComponents:
    """Variances from the sums of all station-days.

    Args:
        held: kinds whose factor stays 1, whatever their residuals are.

    Raises:
        LeopntError: a kind that is not held without redundancy, or without any residual.
    """
    found = []
    for name, (square, redundancy) in zip(VarianceComponents._fields, sums.tolist(), strict=True):
        if name in held:
            found.append(VarianceComponent(1.0, redundancy))
            continue
        if not redundancy > 1e-9:
            raise LeopntError(
                f"{name} has a redundancy of {redundancy:.2g}; expected observations that others "
                "check."
            )
        if not square / redundancy > _LEAST_FACTOR:
            raise LeopntError(
                f"{name} has residuals of {(square / redundancy) ** 0.5:.2g} sigma; expected "
                "observations with noise."
            )
        found.append(VarianceComponent(square / redundancy, redundancy))
    return VarianceComponents(*found)


def rescaled(settings: CalibrationSettings, found: VarianceComponents) -> CalibrationSettings:
    """Settings whose sigmas are those that the residuals tell."""
    sigmas = {f"{name}_sigma_m": part.factor for name, part in found._asdict().items()}
    return replace(settings, **{n: getattr(settings, n) * f**0.5 for n, f in sigmas.items()})
