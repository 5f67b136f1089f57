"""Normal equations of a station-day, receiver clocks eliminated, over its own unknowns.

Rows of a link (w: weight, t: clock, free at each epoch):

    LEO code   G.c + d + b + m z + t            LEO phase   G.c + m z + B + t
    code       m z + t                          phase       m z + B + t

Code and phase of a link share their geometry, so that one Gram matrix per piece of an arc between
two zenith nodes serves both. Clocks are eliminated in dense pieces of an hour, over the unknowns
that occur in it, by one matrix product each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.methods.calibration.defects import floating_arcs
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.settings import CalibrationSettings, sigma_growth
from leopnt.methods.calibration.station_day import Links, StationDay, check_order
from leopnt.methods.calibration.zenith_delay import mapping_factor, node_weights

_PIECE_S = 3600.0


class Rows(NamedTuple):
    """Links of one system as rows; columns count in the unknowns of the station-day.

    shared: (k, link) derivatives that code and phase share, shared_column their places.
    code_column: (c, link) places of what only code depends on; arc_column of the ambiguity.
    """

    epoch: Int[np.ndarray, " link"]
    code_weight: Float[np.ndarray, " link"]
    phase_weight: Float[np.ndarray, " link"]
    code_m: Float[np.ndarray, " link"]
    phase_m: Float[np.ndarray, " link"]
    shared: Float[np.ndarray, "shared link"]
    shared_column: Int[np.ndarray, "shared link"]
    code_column: Int[np.ndarray, "code link"]
    arc_column: Int[np.ndarray, " link"]
    start: Int[np.ndarray, " piece"]


class Unknowns(NamedTuple):
    """Which unknowns a station-day has: global ones first, then nodes and arcs.

    global_place: place in the layout of each global one.
    node, leo_arc, reference_arc: place of each in the station-day, `size` where not estimated.
    floating: arcs whose ambiguity is held at 0 because no code reaches them: local defects.
    """

    global_place: Int[np.ndarray, " kept"]
    sat_column: Int[np.ndarray, "sat column"]
    delay: Int[np.ndarray, " sat"]
    bias: int
    node: Int[np.ndarray, " node"]
    leo_arc: Int[np.ndarray, " arc"]
    reference_arc: Int[np.ndarray, " reference"]
    floating: int
    size: int

    def name_of(self, local: int) -> str:
        """Name of a local unknown, counted from 0 after the global ones."""
        place = local + len(self.global_place)
        kinds = ("zenith delay node", self.node), ("ambiguity of LEO arc", self.leo_arc)
        for kind, places in (*kinds, ("ambiguity of reference arc", self.reference_arc)):
            hit = np.flatnonzero(places == place)
            if hit.size:
                return f"{kind} {hit[0]}"
        return f"unknown {place}"


class Apriori(NamedTuple):
    """Subtracted from observations before anything is summed, so that sums keep their digits.

    Clocks from reference code alone, ambiguities from it and the phases; any value would do.
    """

    clock_m: Float[np.ndarray, " epoch"]
    leo_arc_m: Float[np.ndarray, " arc"]
    reference_arc_m: Float[np.ndarray, " reference"]


class Gathered(NamedTuple):
    """Rows of a station-day and what belongs to them, before any sum.

    clock_weight: D_e, sum of weights of each epoch. num_observations: codes, phases, and changes
    of the zenith delay that are known beforehand.
    """

    rows: tuple[Rows, Rows]
    unknowns: Unknowns
    apriori: Apriori
    clock_weight: Float[np.ndarray, " epoch"]
    num_observations: int


class ClockFree(NamedTuple):
    """N, v, q of a station-day without its clocks, and the rows that made them.

    Clocks and ambiguities count from `apriori`.
    """

    matrix: Float[np.ndarray, "param param"]
    vector: Float[np.ndarray, " param"]
    square: float
    unknowns: Unknowns
    rows: tuple[Rows, Rows]
    clock_weight: Float[np.ndarray, " epoch"]
    num_observations: int
    apriori: Apriori


def assemble(day: StationDay, layout: Layout, settings: CalibrationSettings) -> ClockFree:
    """Normal equations of a station-day, clocks eliminated.

        N = A^T W A - C^T D^-1 C      v = A^T W y - C^T D^-1 g      q = y^T W y - g^T D^-1 g
        D_e = sum w      g_e = sum w y      C_e = sum w a      over the rows of epoch e

    Raises:
        LeopntError: satellite or station beyond the layout, links below the mask, LEO code but no
            reference code; a clock per satellite and epoch, which needs all stations of the day.
    """
    if settings.leo_clock.epoch_sigma_m != 0.0:
        raise LeopntError(
            f"settings.leo_clock = {settings.leo_clock!r} ties the stations of a day together; "
            "expected `KnownClock()`, or all of them at once in `reduce_day`."
        )
    found = gathered(day, layout, settings)
    size = found.unknowns.size + 1  # the last place is thrown away
    matrix, vector = np.zeros((size, size)), np.zeros(size)
    for part in found.rows:
        add_pieces(matrix, vector, part)
    square = _eliminate_clocks(matrix, vector, found.rows, found.clock_weight, day.epoch_s)
    tie_nodes(matrix, found.unknowns, settings)
    return ClockFree(
        matrix[:-1, :-1],
        vector[:-1],
        square,
        found.unknowns,
        found.rows,
        found.clock_weight,
        found.num_observations,
        found.apriori,
    )


def gathered(day: StationDay, layout: Layout, settings: CalibrationSettings) -> Gathered:
    """Rows of a station-day, weighted, about a-priori clocks and ambiguities.

    Raises:
        LeopntError: see `assemble`.
    """
    _check(day, layout, settings)
    weights = _weights(day, settings)
    unknowns = _unknowns(day, layout, settings, weights)
    apriori = _apriori(day, unknowns, weights)
    rows = _rows(_about(day, apriori), settings, unknowns, weights)
    count = len(day.epoch_s)
    clock_weight = sum(np.bincount(r.epoch, r.code_weight + r.phase_weight, count) for r in rows)
    used = sum(int(np.count_nonzero(w)) for pair in weights for w in pair)
    used += len(_ties(unknowns, settings)[0])
    return Gathered(rows, unknowns, apriori, np.asarray(clock_weight), used)


def tie_nodes(matrix, unknowns: Unknowns, settings: CalibrationSettings) -> None:
    """Add what is known about the change from node to node, in place."""
    left, right, weight = _ties(unknowns, settings)
    matrix[left, left] += weight
    matrix[right, right] += weight
    matrix[left, right] -= weight
    matrix[right, left] -= weight


def _ties(unknowns: Unknowns, settings: CalibrationSettings):
    """Places of consecutive nodes, and the information about their difference if there is any."""
    node = np.flatnonzero(unknowns.node < unknowns.size)
    gap_s = settings.ztd_spacing_s * np.diff(node)
    weight = 1.0 / settings.zenith.change_variance_m2(gap_s)
    told = weight > 0.0
    place = unknowns.node[node]
    return place[:-1][told], place[1:][told], weight[told]


def _apriori(day: StationDay, unknowns: Unknowns, weights) -> Apriori:
    (_, leo_phase), (code, phase) = weights
    count, ref = len(day.epoch_s), day.reference
    weight = np.bincount(ref.epoch, code, count)
    known = np.flatnonzero(weight > 0)
    clock = np.zeros(count)
    if len(known):
        mean = np.bincount(ref.epoch, code * ref.code_m, count)[known] / weight[known]
        clock = np.interp(np.arange(count), known, mean)
    arcs = []
    kinds = (day.leo, leo_phase, unknowns.leo_arc), (ref, phase, unknowns.reference_arc)
    for links, weight, place in kinds:
        told = np.bincount(links.arc, weight, links.num_arcs)
        moment = np.bincount(
            links.arc, weight * (links.phase_m - clock[links.epoch]), links.num_arcs
        )
        estimated = (place < unknowns.size) & (told > 0)  # others stay where they are held
        arcs.append(np.where(estimated, moment / np.where(told > 0, told, 1.0), 0.0))
    return Apriori(clock, arcs[0], arcs[1])


def _about(day: StationDay, apriori: Apriori) -> StationDay:
    """The same observations less what is known beforehand."""
    moved = []
    for links, arc in (
        (day.leo, apriori.leo_arc_m),
        (day.reference, apriori.reference_arc_m),
    ):
        clock = apriori.clock_m[links.epoch]
        code, phase = links.code_m - clock, links.phase_m - clock - arc[links.arc]
        moved.append(links._replace(code_m=code, phase_m=phase))
    return replace(day, leo=moved[0], reference=moved[1])


def _check(day: StationDay, layout: Layout, settings: CalibrationSettings) -> None:
    where = f"station {day.station}, day {day.day}"
    if layout.column_names != settings.orbit.names():
        raise LeopntError(
            f"layout has columns {layout.column_names}, settings.orbit = {settings.orbit!r} has "
            f"{settings.orbit.names()}; expected the layout of `layout_of(settings, ...)`."
        )
    check_order(day)
    if not 0 <= day.station < layout.num_stations:
        raise LeopntError(f"station = {day.station}: expected 0 to {layout.num_stations - 1}.")
    if day.leo.satellite.size and day.leo.satellite.max() >= layout.num_satellites:
        raise LeopntError(
            f"leo.satellite of {where} goes to {day.leo.satellite.max()}; expected 0 to "
            f"{layout.num_satellites - 1}."
        )
    for name, links in (("leo", day.leo), ("reference", day.reference)):
        low = links.elevation_rad < settings.mask_rad - 1e-12
        if np.any(low):
            i = int(np.argmax(low))
            raise LeopntError(
                f"{name} satellite {links.satellite[i]} of {where} is at "
                f"{links.elevation_rad[i]:.4f} rad, below the mask of {settings.mask_rad:.4f} rad."
            )
    if np.any(day.leo.has_code) and not np.any(day.reference.has_code):
        raise LeopntError(
            f"{where} has LEO code but no reference code, so that receiver clock and inter-system "
            "bias cannot be separated; expected code of satellites with known clocks."
        )


Weights = tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]


def _weights(day: StationDay, settings: CalibrationSettings) -> tuple[Weights, Weights]:
    """Of code and phase; phase of arcs with one phase observation is left out."""
    phases = (settings.leo_phase_sigma_m, settings.phase_sigma_m)
    found = []
    for links, phase_sigma in zip((day.leo, day.reference), phases, strict=True):
        growth = sigma_growth(links.elevation_rad, settings.full_weight_el_rad) ** -2.0
        code = np.where(links.has_code, growth / settings.code_sigma_m**2, 0.0)
        phases_of_arc = np.bincount(links.arc, links.has_phase, links.num_arcs)
        told = links.has_phase & (phases_of_arc > 1)[links.arc]
        phase = np.where(told, growth / phase_sigma**2, 0.0)
        if links.code_factor is not None:
            code *= links.code_factor
        if links.phase_factor is not None:
            phase *= links.phase_factor
        found.append((code, phase))
    return found[0], found[1]


def _unknowns(day, layout, settings, weights) -> Unknowns:
    (leo_code, leo_phase), (_, ref_phase) = weights
    seen = np.zeros(layout.num_satellites, bool)
    coded = np.zeros(layout.num_satellites, bool)
    seen[day.leo.satellite[(leo_code > 0) | (leo_phase > 0)]] = True
    coded[day.leo.satellite[leo_code > 0]] = True
    late = coded if layout.has_delays else np.zeros_like(coded)
    places = layout.columns[seen], layout.delays[late]
    bias = layout.biases[[day.station]] if np.any(coded) else np.zeros(0, int)
    num_columns = places[0].size
    global_place = np.concatenate([places[0].ravel(), places[1], bias])
    leo_used = np.bincount(day.leo.arc, leo_phase, day.leo.num_arcs) > 0
    ref_used = np.bincount(day.reference.arc, ref_phase, day.reference.num_arcs) > 0
    held = floating_arcs(day, weights)
    leo_used[held[0]] = False
    ref_used[held[1]] = False
    node_used = _supported_nodes(day, settings, weights)
    size = len(global_place) + sum(int(np.sum(u)) for u in (node_used, leo_used, ref_used))
    node, leo_arc, reference_arc = _places(len(global_place), size, node_used, leo_used, ref_used)
    sat_column = np.full((layout.num_satellites, layout.num_columns), size)
    sat_column[seen] = np.arange(num_columns).reshape(-1, layout.num_columns)
    delay = np.full(layout.num_satellites, size)
    delay[late] = num_columns + np.arange(len(places[1]))
    bias_place = len(global_place) - 1 if len(bias) else size
    floating = len(held[0]) + len(held[1])
    return Unknowns(
        global_place, sat_column, delay, bias_place, node, leo_arc, reference_arc, floating, size
    )


def _places(first: int, absent: int, *used: Bool[np.ndarray, "..."]) -> list[np.ndarray]:
    """Places of the used ones, counted on from `first`; `absent` of the others."""
    found = []
    for mask in used:
        places = np.full(len(mask), absent)
        places[mask] = first + np.arange(int(np.sum(mask)))
        first += int(np.sum(mask))
        found.append(places)
    return found


def _supported_nodes(day, settings, weights) -> Bool[np.ndarray, " node"]:
    nodes = node_weights(day.epoch_s, settings.ztd_spacing_s)
    epochs = np.zeros(len(day.epoch_s), bool)
    for links, (code, phase) in zip((day.leo, day.reference), weights, strict=True):
        epochs[links.epoch[(code > 0) | (phase > 0)]] = True
    used = np.zeros(nodes.num_nodes, bool)
    used[nodes.interval[epochs & (nodes.left > 0)]] = True
    used[nodes.interval[epochs & (nodes.right > 0)] + 1] = True
    return used


def _rows(day, settings, unknowns, weights) -> tuple[Rows, Rows]:
    geometry = day.geometry
    columns = settings.orbit.columns(geometry.partials, geometry.orbit_angle_rad)
    sat = day.leo.satellite
    bias = np.full(len(sat), unknowns.bias)
    leo = _rows_of(
        day, settings, unknowns, day.leo, weights[0],
        (columns, unknowns.sat_column[sat].T, np.stack([unknowns.delay[sat], bias])),
        unknowns.leo_arc,
    )  # fmt: skip
    count = len(day.reference.satellite)
    nothing = np.zeros((0, count)), np.zeros((0, count), int), np.zeros((0, count), int)
    reference = _rows_of(
        day, settings, unknowns, day.reference, weights[1], nothing, unknowns.reference_arc
    )
    return leo, reference


def _rows_of(day, settings, unknowns, links: Links, weight: Weights, own, arc_place) -> Rows:
    nodes = node_weights(day.epoch_s, settings.ztd_spacing_s)
    interval = nodes.interval[links.epoch]
    slant = mapping_factor(links.elevation_rad)
    delay = np.stack([slant * nodes.left[links.epoch], slant * nodes.right[links.epoch]])
    places = np.stack([unknowns.node[interval], unknowns.node[interval + 1]])
    new = (np.diff(links.arc) != 0) | (np.diff(interval) != 0)
    start = np.concatenate([[0], np.flatnonzero(new) + 1])[: len(links.arc)]
    columns, column_places, code_places = own
    return Rows(
        links.epoch,
        *weight,
        links.code_m,
        links.phase_m,
        np.concatenate([columns, delay]),
        np.concatenate([column_places, places]),
        code_places,
        arc_place[links.arc],
        start.astype(np.int64),
    )


def add_pieces(matrix, vector, rows: Rows) -> None:
    """Gram matrices of pieces of arcs, within which the unknowns are the same."""
    if not len(rows.start):
        return

    def total(values):
        return np.add.reduceat(values, rows.start)

    at = [row[rows.start] for row in rows.shared_column]
    code_at = [row[rows.start] for row in rows.code_column]
    arc_at = rows.arc_column[rows.start]
    code, phase = rows.code_weight, rows.phase_weight
    both = code + phase
    moment = code * rows.code_m + phase * rows.phase_m
    for i, x in enumerate(rows.shared):
        weighted = both * x
        np.add.at(vector, at[i], total(moment * x))
        for j in range(i + 1):
            _add(matrix, at[i], at[j], total(weighted * rows.shared[j]), i != j)
        of_code, of_phase = total(code * x), total(phase * x)
        for place in code_at:
            _add(matrix, at[i], place, of_code, True)
        _add(matrix, at[i], arc_at, of_phase, True)
    code_sum, code_moment = total(code), total(code * rows.code_m)
    for i, place in enumerate(code_at):
        np.add.at(vector, place, code_moment)
        for j in range(i + 1):
            _add(matrix, place, code_at[j], code_sum, i != j)
    _add(matrix, arc_at, arc_at, total(phase), False)
    np.add.at(vector, arc_at, total(phase * rows.phase_m))


def _add(matrix, row, column, values, mirror: bool) -> None:
    np.add.at(matrix, (row, column), values)
    if mirror:
        np.add.at(matrix, (column, row), values)


def _eliminate_clocks(matrix, vector, rows, clock_weight, epoch_s) -> float:
    """Subtract C^T D^-1 C and C^T D^-1 g in place; returns q."""
    count = len(epoch_s)
    moment = np.zeros(count)
    square = 0.0
    for r in rows:
        code, phase = r.code_weight * r.code_m, r.phase_weight * r.phase_m
        moment += np.bincount(r.epoch, code + phase, count)
        square += float(code @ r.code_m + phase @ r.phase_m)
    inverse = np.where(clock_weight > 0.0, 1.0 / np.where(clock_weight > 0, clock_weight, 1.0), 0.0)
    for piece in clock_pieces(rows, epoch_s, len(vector)):
        span = slice(piece.first, piece.first + len(piece.sums))
        scaled = piece.sums * np.sqrt(inverse[span])[:, None]
        matrix[np.ix_(piece.column, piece.column)] -= scaled.T @ scaled
        vector[piece.column] -= piece.sums.T @ (inverse[span] * moment[span])
    return square - float(np.sum(moment**2 * inverse))


class ClockPiece(NamedTuple):
    """C of some consecutive epochs, over the unknowns that occur in them."""

    first: int
    column: Int[np.ndarray, " some"]
    sums: Float[np.ndarray, "epoch some"]


def clock_pieces(rows, epoch_s: Float[np.ndarray, " epoch"], size: int):
    """C_e = sum w a in pieces of an hour."""
    step_s = float(np.median(np.diff(epoch_s))) if len(epoch_s) > 1 else _PIECE_S
    length = max(32, int(np.ceil(_PIECE_S / step_s)))
    number = -(-len(epoch_s) // length)
    sorted_rows = [_by_piece(r, length, number) for r in rows]
    for k in range(number):
        first = k * length
        epochs = min(length, len(epoch_s) - first)
        parts = [(r, order[bound[k] : bound[k + 1]]) for r, order, bound in sorted_rows]
        yield _piece(parts, first, epochs, size)


def _by_piece(rows: Rows, length: int, number: int):
    piece = (rows.epoch // length).astype(np.int16)
    order = np.argsort(piece, kind="stable")
    return rows, order, np.searchsorted(piece[order], np.arange(number + 1))


def _piece(parts, first: int, epochs: int, size: int) -> ClockPiece:
    used = np.zeros(size, bool)
    for rows, i in parts:
        for places in (*rows.shared_column, *rows.code_column, rows.arc_column):
            used[places[i]] = True
    column = np.flatnonzero(used)
    place = np.zeros(size, np.int64)
    place[column] = np.arange(len(column))
    sums = np.zeros((epochs, len(column)))
    flat, width = sums.reshape(-1), len(column)
    for rows, i in parts:
        base = (rows.epoch[i] - first) * width
        code, phase = rows.code_weight[i], rows.phase_weight[i]
        both = code + phase
        num_own = len(rows.shared) - 2
        for row, where in zip(rows.shared[:num_own], rows.shared_column, strict=False):
            flat[base + place[where[i]]] += both * row[i]  # one link of a satellite per epoch
        if len(rows.code_column):
            flat[base + place[rows.code_column[0][i]]] += code
        flat[base + place[rows.arc_column[i]]] += phase
        for places in rows.code_column[1:]:
            _scatter(sums, rows.epoch[i] - first, place[places[i]], code)
        for row, where in zip(rows.shared[num_own:], rows.shared_column[num_own:], strict=True):
            _scatter(sums, rows.epoch[i] - first, place[where[i]], both * row[i])
    return ClockPiece(first, column, sums)


def _scatter(sums, epoch, column, values) -> None:
    """Add values whose places repeat: few columns, each by a histogram over the epochs."""
    for one in np.flatnonzero(np.bincount(column)):
        hit = column == one
        sums[:, one] += np.bincount(epoch[hit], values[hit], len(sums))
