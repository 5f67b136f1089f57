"""How much of each observation is checked by the others: redundancy numbers of links."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from leopnt.inference.blas_threads import one_blas_thread
from leopnt.methods.calibration.assembly import Rows, clock_pieces
from leopnt.methods.calibration.back_substitution import recovered_of
from leopnt.methods.calibration.settings import CalibrationSettings
from leopnt.methods.calibration.solution import Calibration
from leopnt.methods.calibration.station_day import StationDay


class LinkRedundancy(NamedTuple):
    """Redundancy numbers of code and phase, NaN where there is none.

    1: fully checked by others, its residual is its error; 0: its error is hidden in the estimates.
    """

    code: Float[np.ndarray, " link"]
    phase: Float[np.ndarray, " link"]


@one_blas_thread()
def redundancy_numbers(
    day: StationDay, of: Calibration, settings: CalibrationSettings
) -> tuple[LinkRedundancy, LinkRedundancy]:
    """Redundancy numbers of LEO and reference links.

        r_i = 1 - w_i var(prediction)
        var(prediction) = a Q a^T - 2 a Q c^T + c Q c^T + 1 / D      c = C / D

    a: row without the clock, Q: covariance of the unknowns of the station-day. All of a network
    add up to its redundancy, n - u + defect.

    Raises:
        LeopntError: a satellite of this day that the calibration has no estimate of.
    """
    found, part, _ = recovered_of(day, of, settings)
    kept, size = found.unknowns.global_place, found.unknowns.size
    q = np.zeros((size + 1, size + 1))  # the last: not estimated
    q[:-1, :-1] = part.joint_covariance(of.covariance[np.ix_(kept, kept)])
    weight = found.clock_weight
    inverse = np.where(weight > 0, 1.0 / np.where(weight > 0, weight, 1.0), 0.0)
    pieces = list(clock_pieces(found.rows, day.epoch_s, size + 1))
    told = []
    for rows in found.rows:
        code, phase = _row_variances(rows, q)
        for piece in pieces:
            epochs = slice(piece.first, piece.first + len(piece.sums))
            i = np.flatnonzero((rows.epoch >= epochs.start) & (rows.epoch < epochs.stop))
            c = piece.sums * inverse[epochs][:, None]
            across = np.zeros((len(c), size + 1))
            across[:, piece.column] = c @ q[np.ix_(piece.column, piece.column)]
            own = np.sum(across[:, piece.column] * c, axis=1) + inverse[epochs]
            epoch = rows.epoch[i] - piece.first
            for values, shift in zip((code, phase), _crossed(rows, i, across, epoch), strict=True):
                values[i] += own[epoch] - 2.0 * shift
        told.append(
            LinkRedundancy(
                np.where(rows.code_weight > 0, 1.0 - rows.code_weight * code, np.nan),
                np.where(rows.phase_weight > 0, 1.0 - rows.phase_weight * phase, np.nan),
            )
        )
    return told[0], told[1]


def _row_variances(rows: Rows, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Products a Q a^T of code and phase."""
    shared = list(zip(rows.shared, rows.shared_column, strict=True))
    both = np.zeros(len(rows.epoch))
    code, phase = np.zeros(len(rows.epoch)), q[rows.arc_column, rows.arc_column].copy()
    for i, (x, at) in enumerate(shared):
        for j, (other, place) in enumerate(shared[: i + 1]):
            both += (1.0 + (i != j)) * x * other * q[at, place]
        phase += 2.0 * x * q[at, rows.arc_column]
        for place in rows.code_column:
            code += 2.0 * x * q[at, place]
    for i, at in enumerate(rows.code_column):
        for j, place in enumerate(rows.code_column[: i + 1]):
            code += (1.0 + (i != j)) * q[at, place]
    return both + code, both + phase


def _crossed(rows: Rows, i, across, epoch) -> tuple[np.ndarray, np.ndarray]:
    """Products a Q c^T of code and phase of some links."""
    both = np.zeros(len(i))
    for x, at in zip(rows.shared, rows.shared_column, strict=True):
        both += x[i] * across[epoch, at[i]]
    code = both.copy()
    for at in rows.code_column:
        code += across[epoch, at[i]]
    return code, both + across[epoch, rows.arc_column[i]]
