"""How strongly estimates hang together, averaged over arcs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from leopnt.methods.calibration.assembly import assemble, clock_pieces
from leopnt.methods.calibration.back_substitution import determined_part, estimate_station_day
from leopnt.methods.calibration.settings import CalibrationSettings
from leopnt.methods.calibration.solution import Calibration
from leopnt.methods.calibration.station_day import StationDay

CORRELATED = ("X", "Y", "Z", "delay", "ambiguity", "clock", "zenith delay")


def arc_correlations(
    day: StationDay, of: Calibration, settings: CalibrationSettings
) -> Float[np.ndarray, "arc 7 7"]:
    """Correlation matrix of `CORRELATED` for each LEO arc of a station-day.

    The ambiguity is the arc's, the clock that of its middle epoch, the zenith delay that of the
    node before it. Arcs without all seven are left out. Average the absolute values over arcs of
    all station-days for a table.
    """
    local = estimate_station_day(day, of, settings)
    found = assemble(determined_part(day, of), of.layout, settings)
    u, q = local.unknowns, local.covariance
    clock_row = _clock_rows(found, day.epoch_s, u.size)
    matrices = []
    for arc in range(day.leo.num_arcs):
        members = np.flatnonzero(day.leo.arc == arc)
        middle = members[len(members) // 2]
        sat, epoch = day.leo.satellite[middle], day.leo.epoch[middle]
        node = int((day.epoch_s[epoch] - day.epoch_s[0]) / settings.ztd_spacing_s)
        places = [*u.sat_column[sat, :3], u.delay[sat], u.leo_arc[arc], u.node[node]]
        if max(places) >= u.size:
            continue
        row = clock_row(int(epoch))
        joint = np.zeros((7, 7))
        order = [0, 1, 2, 3, 4, 6]
        joint[np.ix_(order, order)] = q[np.ix_(places, places)]
        joint[5, order] = joint[order, 5] = -(q[places] @ row)
        joint[5, 5] = local.clock_sigma_m[epoch] ** 2
        sigma = np.sqrt(np.diag(joint))
        matrices.append(joint / sigma[:, None] / sigma[None, :])
    return np.array(matrices).reshape(-1, 7, 7)


def _clock_rows(found, epoch_s, size: int):
    """Rows C_e / D_e of any epoch, over the unknowns of the station-day."""
    pieces = list(clock_pieces(found.rows, epoch_s, size + 1))
    firsts = np.array([piece.first for piece in pieces])

    def row(epoch: int) -> Float[np.ndarray, " param"]:
        piece = pieces[int(np.searchsorted(firsts, epoch, side="right")) - 1]
        every = np.zeros(size + 1)
        every[piece.column] = piece.sums[epoch - piece.first] / found.clock_weight[epoch]
        return every[:-1]

    return row
