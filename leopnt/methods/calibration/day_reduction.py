"""All stations of a day reduced at once, with a clock per satellite and epoch.

The clock of a satellite is common to all stations, so that station-days are no jobs of their own. A
quarter of an hour at a time enters a front: global unknowns, zenith nodes, reference arcs, and LEO
arcs that are going on. Clocks are eliminated in it, LEO arcs as they end; memory is that of the
front, whatever the length of the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.inference.normal_equations import Eliminated, eliminate_last
from leopnt.methods.calibration.assembly import Gathered, Rows, add_pieces, gathered, tie_nodes
from leopnt.methods.calibration.epoch_clocks import (
    ClockSums,
    EpochLinks,
    eliminate_epoch_clocks,
)
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.passes import epochs_of_day, passes_of, rounded_epochs
from leopnt.methods.calibration.reduction import (
    ReducedNormals,
    link_counts,
    members_of,
    phase_spans,
    reduce_station_day,
    stacked,
)
from leopnt.methods.calibration.settings import CalibrationSettings
from leopnt.methods.calibration.station_day import StationDay

_PIECE_S = 900.0


@one_blas_thread()
def reduce_day(
    days: Sequence[StationDay], layout: Layout, settings: CalibrationSettings
) -> ReducedNormals:
    """Eliminate clocks of receivers and satellites, zenith delays and ambiguities of a day.

    With `KnownClock()` this is the sum of `reduce_station_day`. With `FreeClock()` the layout has
    no delays, and stations hang together through passes that they have code in. The result adds
    up over days; priors of a white clock and of a zenith walk count as observations.

    Args:
        days: all stations of one day, at epochs that agree to a millisecond.
        layout: as `layout_of(settings, ...)` makes it.

    Raises:
        LeopntError: several days, a station twice, a layout with delays beside `FreeClock()`,
            a station without reference code beside it; see also `reduce_station_day`.
    """
    _check(days, layout, settings)
    sigma = settings.leo_clock.epoch_sigma_m
    if sigma == 0.0:
        return stacked(reduce_station_day(day, layout, settings) for day in days)
    parts = [gathered(day, layout, settings) for day in days]
    weights = [(part.rows[0].code_weight, part.rows[0].phase_weight) for part in parts]
    loose, coded = [], np.zeros((0, layout.num_stations), bool)
    if np.isinf(sigma):
        _check_reference(days, parts)
        coded, loose = passes_of(days, weights, layout.num_stations)
    front = _front(days, parts, settings, loose)
    clocks = [_piece(front, k, sigma**-2.0) for k in range(front.num_pieces)]
    return _finished(front, clocks, layout, coded, len(loose))


def _check(days, layout: Layout, settings: CalibrationSettings) -> None:
    if not days:
        raise LeopntError("days: no station-day at all; expected all stations of one day.")
    numbers, stations = {day.day for day in days}, [day.station for day in days]
    if len(numbers) > 1 or len(set(stations)) < len(stations):
        raise LeopntError(
            f"days holds stations {stations} of days {sorted(numbers)}; expected each station of "
            "one day once. Reduce several days one after the other and add the results."
        )
    if layout.has_delays != bool(np.isfinite(settings.leo_clock.epoch_sigma_m)):
        raise LeopntError(
            f"layout.has_delays = {layout.has_delays} does not fit settings.leo_clock = "
            f"{settings.leo_clock!r}: a free clock contains the delay; expected the layout of "
            "`layout_of(settings, ...)`."
        )


def _check_reference(days, parts) -> None:
    for day, part in zip(days, parts, strict=True):
        if part.unknowns.floating:
            raise LeopntError(
                f"station {day.station}, day {day.day} has phases that no code of the reference "
                "system reaches; expected such code beside `FreeClock()`, or the station left out."
            )


class _Station(NamedTuple):
    """Rows of a station-day sorted by piece, and where its unknowns are in the front.

    order, bound: of the rows of each system, links of piece k are order[bound[k]:bound[k + 1]].
    epoch: place of the station's epochs in the day's. place: in the front, changes as arcs go.
    first, last: pieces of each LEO arc; -1 for arcs that are not estimated.
    """

    day: StationDay
    part: Gathered
    epoch: Int[np.ndarray, " epoch"]
    order: list[Int[np.ndarray, " link"]]
    bound: list[Int[np.ndarray, " piece"]]
    place: Int[np.ndarray, " param"]
    first: Int[np.ndarray, " arc"]
    last: Int[np.ndarray, " arc"]


class _Front(NamedTuple):
    """Normal equations of [global | nodes, reference arcs | LEO arcs going on | thrown away]."""

    matrix: Float[np.ndarray, "front front"]
    vector: Float[np.ndarray, " front"]
    kept: Int[np.ndarray, " kept"]
    num_fixed: int
    stations: list[_Station]
    length: int
    num_pieces: int
    num_epochs: int


def _front(days, parts, settings: CalibrationSettings, loose) -> _Front:
    times = epochs_of_day(days)
    step_s = float(np.median(np.diff(times))) if len(times) > 1 else _PIECE_S
    length = max(16, int(np.ceil(_PIECE_S / step_s)))
    number = -(-len(times) // length)
    kept = np.unique(np.concatenate([part.unknowns.global_place for part in parts]))
    stations, fixed = [], len(kept)
    for i, (day, part) in enumerate(zip(days, parts, strict=True)):
        held = [arc for where, arc in loose if where == i]
        epoch = np.searchsorted(times, rounded_epochs(day))
        station, fixed = _station(day, part, epoch, (length, number), held, (kept, fixed))
        stations.append(station)
    busy = np.zeros(number + 1, np.int64)
    for s in stations:
        going = s.first >= 0
        np.add.at(busy, s.first[going], 1)
        np.add.at(busy, s.last[going] + 1, -1)
    size = fixed + int(np.max(np.cumsum(busy), initial=0)) + 1
    for s in stations:
        s.place[s.place < 0] = size - 1
    front = _Front(
        np.zeros((size, size)), np.zeros(size), kept, fixed, stations, length, number, len(times)
    )
    for s in stations:
        u = s.part.unknowns
        node = np.where(u.node < u.size, s.place[u.node], size)
        tie_nodes(front.matrix, u._replace(node=node, size=size), settings)
    return front


def _station(day, part: Gathered, epoch, pieces, held, start) -> tuple[_Station, int]:
    length, number = pieces
    kept, fixed = start
    u = part.unknowns
    place = np.full(u.size + 1, -1)
    place[: len(u.global_place)] = np.searchsorted(kept, u.global_place)
    for own in (u.node, u.reference_arc):
        own = own[own < u.size]
        place[own] = fixed + np.arange(len(own))
        fixed += len(own)
    order, bound, piece = [], [], []
    for rows in part.rows:
        number_of = epoch[rows.epoch] // length
        piece.append(number_of)
        order.append(np.argsort(number_of, kind="stable"))
        bound.append(np.searchsorted(number_of[order[-1]], np.arange(number + 1)))
    first, last = np.full(len(u.leo_arc), -1), np.full(len(u.leo_arc), -1)
    starts = np.flatnonzero(np.diff(day.leo.arc, prepend=-1))
    stops = np.append(starts[1:], len(day.leo.arc)) - 1
    arc = day.leo.arc[starts]
    first[arc[: len(starts)]], last[arc] = piece[0][starts], piece[0][stops]
    away = u.leo_arc == u.size
    away[held] = True
    first[away] = last[away] = -1
    return _Station(day, part, epoch, order, bound, place, first, last), fixed


def _piece(front: _Front, k: int, prior_weight: float) -> tuple[float, int, ClockSums]:
    """Take in the observations of a piece; eliminate its clocks, then arcs that end in it."""
    _start_arcs(front, k)
    links = [[_links(front, s, system, k) for system in range(2)] for s in front.stations]
    square = 0.0
    for part in (part for parts in links for part in parts):
        add_pieces(front.matrix, front.vector, part.rows)
        r = part.rows
        square += float((r.code_weight * r.code_m) @ r.code_m)
        square += float((r.phase_weight * r.phase_m) @ r.phase_m)
    epochs = min(front.length, front.num_epochs - k * front.length)
    clocks = eliminate_epoch_clocks(front.matrix, front.vector, links, epochs, prior_weight)
    taken, number = _end_arcs(front, k)
    return square - clocks.square - taken, number, clocks


def _links(front: _Front, s: _Station, system: int, k: int) -> EpochLinks:
    rows, i = s.part.rows[system], s.order[system][s.bound[system][k] : s.bound[system][k + 1]]
    shared_column, code_column = s.place[rows.shared_column[:, i]], s.place[rows.code_column[:, i]]
    arc_column = s.place[rows.arc_column[i]]
    places = np.concatenate([shared_column, code_column, arc_column[None]])
    start = np.flatnonzero(np.any(np.diff(places, axis=1, prepend=-1) != 0, axis=0))
    of = s.day.reference if system else s.day.leo
    satellite = np.full(len(i), -1) if system else of.satellite[i]
    weights = rows.code_weight[i], rows.phase_weight[i]
    values = rows.code_m[i], rows.phase_m[i], np.ascontiguousarray(rows.shared[:, i])
    epoch = s.epoch[rows.epoch[i]] - k * front.length
    own = Rows(epoch, *weights, *values, shared_column, code_column, arc_column, start)
    return EpochLinks(own, satellite)


def _start_arcs(front: _Front, k: int) -> None:
    dump = len(front.vector) - 1
    taken = np.zeros(len(front.vector), bool)
    for s in front.stations:
        going = (s.first >= 0) & (s.first < k) & (s.last >= k)
        taken[s.place[s.part.unknowns.leo_arc[going]]] = True
    free = iter(np.flatnonzero(~taken[front.num_fixed : dump]) + front.num_fixed)
    for s in front.stations:
        for arc in np.flatnonzero(s.first == k):
            s.place[s.part.unknowns.leo_arc[arc]] = next(free)


def _end_arcs(front: _Front, k: int) -> tuple[float, int]:
    """Square taken off and number of arcs."""
    dump = len(front.vector) - 1
    names, ended = [], []
    for s in front.stations:
        for arc in np.flatnonzero(s.last == k):
            local = s.part.unknowns.leo_arc[arc]
            ended.append(s.place[local])
            names.append(f"ambiguity of LEO arc {arc} of station {s.day.station}, day {s.day.day}")
            s.place[local] = dump
    if not ended:
        return 0.0, 0
    touched = np.any(front.matrix[ended] != 0.0, axis=0)
    touched[ended] = touched[dump] = False
    others = np.flatnonzero(touched)
    found = _eliminated(front, others, np.array(ended), names.__getitem__)
    front.matrix[np.ix_(others, others)] = found.matrix
    front.vector[others] = found.vector
    front.matrix[ended] = front.matrix[:, ended] = 0.0
    front.vector[ended] = 0.0
    return -found.square, len(ended)


def _eliminated(front: _Front, kept, gone, name_of) -> Eliminated:
    places = np.concatenate([kept, gone])
    matrix, vector = front.matrix[np.ix_(places, places)], front.vector[places]
    return eliminate_last(matrix, vector, 0.0, len(kept), name_of)


def _finished(front: _Front, pieces, layout: Layout, coded, num_loose: int) -> ReducedNormals:
    num_kept = len(front.kept)

    def name_of(local: int) -> str:
        for s in front.stations:
            hit = np.flatnonzero(s.place == num_kept + local)
            if hit.size:
                name = s.part.unknowns.name_of(int(hit[0]) - len(s.part.unknowns.global_place))
                return f"{name} of station {s.day.station}, day {s.day.day}"
        return f"unknown {local}"

    fixed = np.arange(num_kept, front.num_fixed)
    found = _eliminated(front, np.arange(num_kept), fixed, name_of)
    matrix, vector = np.zeros((layout.size, layout.size)), np.zeros(layout.size)
    matrix[np.ix_(front.kept, front.kept)] = found.matrix
    vector[front.kept] = found.vector
    square = sum(one for one, _, _ in pieces) + found.square
    satellite_clocks = sum(c.satellite_clocks for _, _, c in pieces)
    receiver_clocks = sum(c.receiver_clocks for _, _, c in pieces)
    arcs = sum(n for _, n, _ in pieces)
    counts = sum(link_counts(s.day, layout, s.part.rows[0]) for s in front.stations)
    spans = np.array([phase_spans(s.day, layout, s.part.rows[0]) for s in front.stations])
    observations = sum(s.part.num_observations for s in front.stations)
    floating = sum(s.part.unknowns.floating for s in front.stations)
    return ReducedNormals(
        layout,
        matrix,
        vector,
        float(square),
        observations + satellite_clocks * layout.has_delays,
        satellite_clocks + receiver_clocks + arcs + len(fixed),
        floating + num_loose,
        *np.asarray(counts),
        shared_code=coded.T.astype(np.int64) @ coded.astype(np.int64),
        span_s=np.stack([np.min(spans[..., 0], axis=0), np.max(spans[..., 1], axis=0)], axis=1),
        members={k: v for s in front.stations for k, v in members_of(s.day).items()},
    )
