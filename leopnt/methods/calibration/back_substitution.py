"""Clocks, zenith delays, ambiguities and residuals of a station-day, with their covariances."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.inference.normal_equations import eliminate_last
from leopnt.methods.calibration.assembly import (
    ClockFree,
    Rows,
    Unknowns,
    assemble,
    clock_pieces,
)
from leopnt.methods.calibration.settings import CalibrationSettings
from leopnt.methods.calibration.solution import Calibration
from leopnt.methods.calibration.station_day import StationDay
from leopnt.methods.calibration.undetermined import owner_of


class LinkResiduals(NamedTuple):
    """Observed minus estimated, and over their a-priori sigma; NaN where left out."""

    code_m: Float[np.ndarray, " link"]
    phase_m: Float[np.ndarray, " link"]
    code_sigmas: Float[np.ndarray, " link"]
    phase_sigmas: Float[np.ndarray, " link"]


class ResidualStatistics(NamedTuple):
    """RMS of residuals [m], RMS over their sigma, and the largest over its sigma."""

    code_rms_m: float
    phase_rms_m: float
    code_rms_sigmas: float
    phase_rms_sigmas: float
    largest_sigmas: float


class StationDayEstimate(NamedTuple):
    """Local estimates of a station-day, given the global ones; NaN where not estimated.

    clock_m, clock_sigma_m: receiver clock of each epoch, as code of the reference system reads it.
    zenith_delay_m: at the nodes. leo_ambiguity_m, reference_ambiguity_m: of each arc.
    covariance: of [global unknowns of this station-day, nodes, LEO arcs, reference arcs] in the
        order of `unknowns` [m^2].
    """

    clock_m: Float[np.ndarray, " epoch"]
    clock_sigma_m: Float[np.ndarray, " epoch"]
    zenith_delay_m: Float[np.ndarray, " node"]
    zenith_delay_sigma_m: Float[np.ndarray, " node"]
    leo_ambiguity_m: Float[np.ndarray, " arc"]
    leo_ambiguity_sigma_m: Float[np.ndarray, " arc"]
    reference_ambiguity_m: Float[np.ndarray, " reference"]
    reference_ambiguity_sigma_m: Float[np.ndarray, " reference"]
    covariance: Float[np.ndarray, "param param"]
    leo_residuals: LinkResiduals
    reference_residuals: LinkResiduals
    unknowns: Unknowns


class StationDayValues(NamedTuple):
    """As `StationDayEstimate`, without any covariance: several times faster."""

    clock_m: Float[np.ndarray, " epoch"]
    zenith_delay_m: Float[np.ndarray, " node"]
    leo_ambiguity_m: Float[np.ndarray, " arc"]
    reference_ambiguity_m: Float[np.ndarray, " reference"]
    leo_residuals: LinkResiduals
    reference_residuals: LinkResiduals


@one_blas_thread()
def values_of_station_day(
    day: StationDay, of: Calibration, settings: CalibrationSettings
) -> StationDayValues:
    """Local estimates of a station-day, without their sigmas; what step 3 needs.

    Raises:
        LeopntError: a satellite of this day that the calibration has no estimate of.
    """
    found, _, x = recovered_of(day, of, settings)
    clock, residuals = _clocks(found, x, len(day.epoch_s))
    u, x = found.unknowns, np.append(x, np.nan)
    return StationDayValues(
        clock,
        x[u.node],
        x[u.leo_arc] + found.apriori.leo_arc_m,
        x[u.reference_arc] + found.apriori.reference_arc_m,
        residuals[0],
        residuals[1],
    )


@one_blas_thread()
def estimate_station_day(
    day: StationDay, of: Calibration, settings: CalibrationSettings
) -> StationDayEstimate:
    """Local estimates of a station-day.

        x_l = N_ll^-1 (v_l - N_lg x_g)      t = D^-1 (g - C [x_g; x_l])
        var t = 1 / D + c Q c^T,  c = C / D

    Raises:
        LeopntError: a satellite of this day that the calibration has no estimate of.
    """
    found, part, x = recovered_of(day, of, settings)
    u, kept = found.unknowns, found.unknowns.global_place
    covariance = part.joint_covariance(of.covariance[np.ix_(kept, kept)])
    clock, residuals = _clocks(found, x, len(day.epoch_s))
    clock_variance = _clock_variances(found, covariance, day.epoch_s)
    sigma = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    x, sigma = np.append(x, np.nan), np.append(sigma, np.nan)  # the last: not estimated
    return StationDayEstimate(
        clock,
        np.sqrt(clock_variance),
        x[u.node],
        sigma[u.node],
        x[u.leo_arc] + found.apriori.leo_arc_m,
        sigma[u.leo_arc],
        x[u.reference_arc] + found.apriori.reference_arc_m,
        sigma[u.reference_arc],
        covariance,
        residuals[0],
        residuals[1],
        u,
    )


def recovered_of(day: StationDay, of: Calibration, settings: CalibrationSettings):
    """Normal equations, their local part, and estimates of all unknowns of the station-day.

    Raises:
        LeopntError: a satellite of this day that the calibration has no estimate of.
    """
    found = assemble(determined_part(day, of), of.layout, settings)
    kept = found.unknowns.global_place
    known = of.estimate[kept]
    if not np.all(np.isfinite(known)):
        place = int(kept[np.argmax(~np.isfinite(known))])
        raise LeopntError(
            f"the calibration has no {of.layout.name_of(place)}, which station {day.station}, "
            f"day {day.day} needs."
        )

    def name_of(local: int) -> str:
        return f"{found.unknowns.name_of(local)} of station {day.station}, day {day.day}"

    part = eliminate_last(found.matrix, found.vector, found.square, len(kept), name_of)
    return found, part, np.concatenate([known, part.recovered(known)])


def determined_part(day: StationDay, of: Calibration) -> StationDay:
    """The station-day without observations of what a calibration left out; links stay in place."""
    code, phase = day.leo.has_code, day.leo.has_phase
    for sat, station in (owner_of(of.layout, place) for place in of.left_out):
        away = (day.leo.satellite == sat) if station is None else np.zeros(len(code), bool)
        code, phase = code & ~away & (day.station != station), phase & ~away
    return replace(day, leo=day.leo._replace(has_code=code, has_phase=phase))


def residual_statistics(residuals: list[LinkResiduals]) -> ResidualStatistics:
    """Statistics over the residuals of any number of station-days."""
    columns = [np.concatenate(part) for part in zip(*residuals, strict=True)]
    kept = [part[np.isfinite(part)] for part in columns]

    code, phase, code_sigmas, phase_sigmas = map(_rms, kept)
    largest = max(float(np.max(np.abs(part), initial=0.0)) for part in kept[2:])
    return ResidualStatistics(code, phase, code_sigmas, phase_sigmas, largest)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")


def _predicted(rows: Rows, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Code and phase without the clock."""
    values = np.append(x, 0.0)
    shared = np.sum(rows.shared * values[rows.shared_column], axis=0)
    code = shared + np.sum(values[rows.code_column], axis=0)
    return code, shared + values[rows.arc_column]


def _clocks(found: ClockFree, x: np.ndarray, count: int):
    moment = np.zeros(count)
    parts = []
    for rows in found.rows:
        code, phase = _predicted(rows, x)
        misses = rows.code_m - code, rows.phase_m - phase
        told = rows.code_weight * misses[0] + rows.phase_weight * misses[1]
        moment += np.bincount(rows.epoch, told, count)
        parts.append(misses)
    weight = found.clock_weight
    clock = np.where(weight > 0, moment / np.where(weight > 0, weight, 1.0), np.nan)
    residuals = [
        _link_residuals(rows, code - clock[rows.epoch], phase - clock[rows.epoch])
        for rows, (code, phase) in zip(found.rows, parts, strict=True)
    ]
    return clock + found.apriori.clock_m, residuals


def _link_residuals(rows: Rows, code: np.ndarray, phase: np.ndarray) -> LinkResiduals:
    code = np.where(rows.code_weight > 0, code, np.nan)
    phase = np.where(rows.phase_weight > 0, phase, np.nan)
    sigmas = code * np.sqrt(rows.code_weight), phase * np.sqrt(rows.phase_weight)
    return LinkResiduals(code, phase, *sigmas)


def _clock_variances(found: ClockFree, covariance: np.ndarray, epoch_s) -> np.ndarray:
    weight = found.clock_weight
    inverse = np.where(weight > 0, 1.0 / np.where(weight > 0, weight, 1.0), np.nan)
    variance, size = inverse.copy(), found.unknowns.size
    for piece in clock_pieces(found.rows, epoch_s, size + 1):
        own = piece.column < size
        column = piece.column[own]
        span = slice(piece.first, piece.first + len(piece.sums))
        c = piece.sums[:, own] * inverse[span][:, None]
        variance[span] += np.sum((c @ covariance[np.ix_(column, column)]) * c, axis=1)
    return variance
