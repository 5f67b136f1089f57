"""Passes of LEO satellites over all stations of a day, tied together by phase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from leopnt.methods.calibration.station_day import StationDay


class Passes(NamedTuple):
    """Epochs of LEO satellites that phase ties together, over all stations of a day.

    coded: which stations have code in each pass.
    loose: one arc (position in `days`, arc) of each pass that no code reaches.
    """

    coded: Bool[np.ndarray, "pass station"]
    loose: list[tuple[int, int]]


def passes_of(
    days: Sequence[StationDay],
    weights: Sequence[tuple[Float[np.ndarray, "_"], Float[np.ndarray, "_"]]],
    num_stations: int,
) -> Passes:
    """Parts of the graph of satellite epochs and arcs, tied by phases.

    With a free clock at each epoch of a satellite, all clocks of a part shift with its ambiguities;
    only code ends that.

    Args:
        weights: of LEO code and phase of each station-day; 0 is no observation.
    """
    times = epochs_of_day(days)
    pair, arc, station, first = [], [], [], 0
    for i, day in enumerate(days):
        at = np.searchsorted(times, rounded_epochs(day))
        pair.append(day.leo.satellite * len(times) + at[day.leo.epoch])
        arc.append(first + day.leo.arc)
        station.append(np.full(len(day.leo.arc), i))
        first += day.leo.num_arcs
    pairs, arcs, stations = (np.concatenate(x) for x in (pair, arc, station))
    code, phase = (np.concatenate(x) > 0.0 for x in zip(*weights, strict=True))
    used, pairs = np.unique(pairs, return_inverse=True)
    size = len(used) + first
    ends = pairs[phase], len(used) + arcs[phase]
    graph = coo_array((np.ones(len(ends[0])), ends), (size, size))
    number, part = connected_components(graph, directed=False)
    coded = np.zeros((number, num_stations), bool)
    of_station = np.array([day.station for day in days])
    coded[part[pairs[code]], of_station[stations[code]]] = True
    seen = np.unique(arcs[phase])
    bare = seen[~np.any(coded[part[len(used) + seen]], axis=1)]
    _, at = np.unique(part[len(used) + bare], return_index=True)
    starts = np.cumsum([0] + [day.leo.num_arcs for day in days])
    owner = np.searchsorted(starts, bare[at], side="right") - 1
    loose = [(int(i), int(a - starts[i])) for i, a in zip(owner, bare[at], strict=True)]
    return Passes(coded[np.any(coded, axis=1)], loose)


def rounded_epochs(day: StationDay) -> Float[np.ndarray, " epoch"]:
    """Epochs to a millisecond: stations that agree to it observe at the same time."""
    return np.round(day.epoch_s, 3)


def epochs_of_day(days: Sequence[StationDay]) -> Float[np.ndarray, " epoch"]:
    """Epochs of all stations, each once."""
    return np.unique(np.concatenate([rounded_epochs(day) for day in days]))
