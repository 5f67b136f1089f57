"""What the observations cannot tell: connected components of code links, and floating arcs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from leopnt.methods.calibration.passes import passes_of
from leopnt.methods.calibration.station_day import StationDay


class Components(NamedTuple):
    """Connected parts of the graph "station r has LEO code of satellite s".

    satellite, station: number of the part of each; -1 without code. parts: how many.
    """

    satellite: Int[np.ndarray, " sat"]
    station: Int[np.ndarray, " station"]
    parts: int


def code_components(linked: Bool[np.ndarray, "sat station"]) -> Components:
    """Parts of the network by union-find; each is one rank defect of delays and biases.

    Code tells only sums d_s + b_r. Along the links of a part all of them hang together, so that
    exactly one shift d += k, b -= k per part changes nothing.
    """
    sats, stations = linked.shape
    parent = list(range(sats + stations))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for sat, station in np.argwhere(linked):
        a, b = root(int(sat)), root(sats + int(station))
        parent[max(a, b)] = min(a, b)
    has = np.concatenate([linked.any(axis=1), linked.any(axis=0)])
    roots = np.array([root(i) for i in range(sats + stations)])
    names = np.unique(roots[has])
    number = np.where(has, np.searchsorted(names, roots), -1)
    return Components(number[:sats], number[sats:], len(names))


def station_components(
    shared: Int[np.ndarray, "station station"], num_satellites: int
) -> Components:
    """Parts of the network with a free clock per satellite and epoch; satellites have no level.

    Code tells u + b_r, u the clock of a pass: a shift of all biases of stations that have code in
    the same passes changes nothing.

    Args:
        shared: passes in which both stations have code, its diagonal those of a station.
    """
    coded = np.diag(shared) > 0
    _, part = connected_components(coo_array(shared > 0), directed=False)
    names, number = np.unique(part[coded], return_inverse=True)
    station = np.full(len(coded), -1)
    station[coded] = number
    return Components(np.full(num_satellites, -1), station, len(names))


class RankDefects(NamedTuple):
    """How many directions no observation tells.

    datum: of delays and inter-system biases, one per part of the code network.
    local: of clocks and ambiguities, one per part of a station-day that no code reaches.
    unseen: delays and biases without any code.
    """

    datum: int
    local: int
    unseen: int

    @property
    def code_only(self) -> int:
        """Defect where delays and biases enter code alone, those without code left out."""
        return self.datum + self.local

    @property
    def in_phase_too(self) -> int:
        """Defect where phase contains delays and biases as well, and all of them are unknowns."""
        return self.datum + self.local + self.unseen


def rank_defects(days: list[StationDay], num_satellites: int, num_stations: int) -> RankDefects:
    """Count what station-days leave undetermined, without any factoring."""
    linked = np.zeros((num_satellites, num_stations), bool)
    local = 0
    for day in days:
        linked[day.leo.satellite[day.leo.has_code], day.station] = True
        ones = [
            (x.has_code.astype(float), x.has_phase.astype(float)) for x in (day.leo, day.reference)
        ]
        held = floating_arcs(day, (ones[0], ones[1]))
        local += len(held[0]) + len(held[1])
    parts = code_components(linked)
    unseen = int(np.sum(parts.satellite < 0) + np.sum(parts.station < 0))
    return RankDefects(parts.parts, local, unseen)


def floating_arcs(
    day: StationDay, weights
) -> tuple[Int[np.ndarray, " leo"], Int[np.ndarray, " reference"]]:
    """One arc of each part of a station-day that no code reaches, LEO and reference arcs.

    Epochs (clocks) and arcs (ambiguities) that phase links tie together shift as one; code at any
    of the epochs ends that. The arc named here can be held at any value.
    """
    count = len(day.epoch_s)
    observed, coded = np.zeros(count, bool), np.zeros(count, bool)
    for links, (code, phase) in zip((day.leo, day.reference), weights, strict=True):
        observed[links.epoch[phase > 0]] = True
        coded[links.epoch[code > 0]] = True
    if not np.any(observed & ~coded):
        return np.zeros(0, int), np.zeros(0, int)
    first_reference = count + day.leo.num_arcs
    size = first_reference + day.reference.num_arcs
    epochs, arcs = [], []
    starts = (count, first_reference)
    for links, (_, phase), start in zip((day.leo, day.reference), weights, starts, strict=True):
        epochs.append(links.epoch[phase > 0])
        arcs.append(start + links.arc[phase > 0])
    epoch, arc = np.concatenate(epochs), np.concatenate(arcs)
    graph = coo_array((np.ones(len(epoch)), (epoch, arc)), (size, size))
    number, part = connected_components(graph, directed=False)
    reached = np.zeros(number, bool)
    reached[part[:count][coded]] = True
    arc_names = np.unique(arc)
    loose = arc_names[~reached[part[arc_names]]]
    _, at = np.unique(part[loose], return_index=True)
    held = loose[at]
    return held[held < first_reference] - count, held[held >= first_reference] - first_reference


class FreeClockDefects(NamedTuple):
    """How many directions no observation tells beside a free clock per satellite and epoch.

    delays: all that have code; they are part of their clocks. levels: of inter-system biases, one
    per part of the network. passes: ambiguities and clocks of passes that no code reaches.
    """

    delays: int
    levels: int
    passes: int


def free_clock_defects(
    days: Sequence[StationDay], num_satellites: int, num_stations: int
) -> FreeClockDefects:
    """Count what station-days leave undetermined beside `FreeClock()`, without any factoring.

    Reference code is taken to reach every station-day, and reference satellites every epoch.
    """
    shared = np.zeros((num_stations, num_stations), np.int64)
    coded, loose = np.zeros(num_satellites, bool), 0
    for number in sorted({day.day for day in days}):
        some = [day for day in days if day.day == number]
        links = [(day.leo.has_code.astype(float), day.leo.has_phase.astype(float)) for day in some]
        found = passes_of(some, links, num_stations)
        shared += found.coded.T.astype(np.int64) @ found.coded.astype(np.int64)
        loose += len(found.loose)
        for day in some:
            coded[day.leo.satellite[day.leo.has_code]] = True
    parts = station_components(shared, num_satellites).parts
    return FreeClockDefects(int(np.sum(coded)), parts, loose)
