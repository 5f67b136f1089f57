"""Clocks of receivers and satellites eliminated together, epoch by epoch, over all stations.

Every row of a LEO link contains t_re + u_se: clock of the receiver and clock of the satellite. Both
differ from epoch to epoch, so that the clocks of one epoch are a block of their own:

    [ D_t   W  ] [t]         D_t, D_u diagonal: sums of weights of a receiver, of a satellite
    [ W^T  D_u ] [u]         W: weight of a link; D_u contains 1 / sigma^2 of white noise

Satellites go first (D_u is diagonal); what is left, D_t - W D_u^-1 W^T, is as small as there are
stations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from leopnt.inference.normal_equations import PIVOT_FLOOR
from leopnt.methods.calibration.assembly import Rows


class EpochLinks(NamedTuple):
    """Rows of one station in some epochs, counted from 0; satellite is -1 for the reference."""

    rows: Rows
    satellite: Int[np.ndarray, " link"]


class ClockSums(NamedTuple):
    """What the elimination leaves behind.

    square: taken off y^T W y. satellite_clocks, receiver_clocks: eliminated, each epoch its own.
    """

    square: float
    satellite_clocks: int
    receiver_clocks: int


def eliminate_epoch_clocks(
    matrix: Float[np.ndarray, "param param"],
    vector: Float[np.ndarray, " param"],
    links: Sequence[Sequence[EpochLinks]],
    num_epochs: int,
    prior_weight: float,
) -> ClockSums:
    """Subtract what the clocks of some epochs explain, in place.

    Args:
        matrix, vector: the last place is thrown away.
        links: of each station.
        prior_weight: 1 / sigma^2 of the satellite clocks, 0 where they are free.

    A clock that no observation tells (no satellite with a known clock in its part of an epoch)
    shifts together with others of that epoch and explains nothing; it is left out.
    """
    column = _columns(links, len(vector))
    place = np.full(len(vector), len(column))
    place[column] = np.arange(len(column))
    shape = num_epochs, len(links)
    clocks = np.zeros((*shape, len(column) + 1))
    block, moment = np.zeros((*shape, len(links))), np.zeros(shape)
    for r, parts in enumerate(links):
        for part in parts:
            _add_receiver(clocks[:, r], block[:, r, r], moment[:, r], part.rows, place)
    off, number = 0.0, 0
    table = _by_satellite(links, place)
    for one in table:
        found = _satellite(one, num_epochs, len(links), len(column), prior_weight)
        sums, inverse, told, weight = found
        own = np.flatnonzero(np.any(sums != 0.0, axis=0))
        small = sums[:, own]
        scaled = small * np.sqrt(inverse)[:, None]
        where = column[own]
        matrix[np.ix_(where, where)] -= scaled.T @ scaled
        vector[where] -= small.T @ (inverse * told)
        off += float(np.sum(told**2 * inverse))
        number += int(np.count_nonzero(inverse))
        share = weight * inverse[:, None]
        clocks[:, :, own] -= share[:, :, None] * small[:, None, :]
        moment -= share * told[:, None]
        block -= share[:, :, None] * weight[:, None, :]
    clocks[..., -1] = moment  # the place that is thrown away carries the right-hand side
    kept = _whitened(block, clocks)
    flat = clocks.reshape(-1, len(column) + 1)
    flat = flat[np.any(flat != 0.0, axis=1)]
    matrix[np.ix_(column, column)] -= flat[:, :-1].T @ flat[:, :-1]
    vector[column] -= flat[:, :-1].T @ flat[:, -1]
    return ClockSums(off + float(flat[:, -1] @ flat[:, -1]), number, kept)


def _columns(links, size: int) -> Int[np.ndarray, " some"]:
    used = np.zeros(size, bool)
    for part in (part for parts in links for part in parts):
        rows = part.rows
        for places in (*rows.shared_column, *rows.code_column, rows.arc_column):
            used[places] = True
    return np.flatnonzero(used[:-1])


def _entries(rows: Rows, place) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of sum w a of each link, (entry, link)."""
    both = rows.code_weight + rows.phase_weight
    where = np.concatenate([rows.shared_column, rows.code_column, rows.arc_column[None]])
    code = np.tile(rows.code_weight, (len(rows.code_column), 1))
    values = np.concatenate([both * rows.shared, code, rows.phase_weight[None]])
    return place[where], values


def _add_receiver(clocks, weight, moment, rows: Rows, place) -> None:
    count, width = clocks.shape
    where, values = _entries(rows, place)
    flat = rows.epoch[None, :] * width + where
    clocks += np.bincount(flat.ravel(), values.ravel(), count * width).reshape(count, width)
    weight += np.bincount(rows.epoch, rows.code_weight + rows.phase_weight, count)
    moment += np.bincount(rows.epoch, _moment(rows), count)


def _moment(rows: Rows) -> Float[np.ndarray, " link"]:
    return rows.code_weight * rows.code_m + rows.phase_weight * rows.phase_m


class _SatelliteLinks(NamedTuple):
    epoch: Int[np.ndarray, " link"]
    station: Int[np.ndarray, " link"]
    weight: Float[np.ndarray, " link"]
    moment: Float[np.ndarray, " link"]
    where: Int[np.ndarray, "entry link"]
    values: Float[np.ndarray, "entry link"]


def _by_satellite(links, place) -> list[_SatelliteLinks]:
    """Links of each LEO satellite to all stations."""
    tables, satellites = [], []
    for r, parts in enumerate(links):
        for part in parts:
            rows = part.rows
            if not len(part.satellite) or part.satellite[0] < 0:
                continue
            satellites.append(part.satellite)
            weight = rows.code_weight + rows.phase_weight
            station = np.full(len(weight), r)
            tables.append((rows.epoch, station, weight, _moment(rows), *_entries(rows, place)))
    if not tables:
        return []
    columns = [np.concatenate(x, axis=-1) for x in zip(*tables, strict=True)]
    satellite = np.concatenate(satellites)
    order = np.argsort(satellite, kind="stable")
    bounds = np.flatnonzero(np.diff(satellite[order])) + 1
    pieces = [np.split(x[..., order], bounds, axis=-1) for x in columns]
    return [_SatelliteLinks(*one) for one in zip(*pieces, strict=True)]


def _satellite(one: _SatelliteLinks, num_epochs: int, num_stations: int, width: int, prior):
    """C_u, 1 / D_u, moment and W of one satellite, by epoch."""
    flat = one.epoch[None, :] * (width + 1) + one.where
    size = num_epochs * (width + 1)
    sums = np.bincount(flat.ravel(), one.values.ravel(), size).reshape(num_epochs, -1)
    total = np.bincount(one.epoch, one.weight, num_epochs)
    inverse = np.where(total > 0.0, 1.0 / np.where(total > 0.0, total + prior, 1.0), 0.0)
    moment = np.bincount(one.epoch, one.moment, num_epochs)
    link = one.epoch * num_stations + one.station
    weight = np.bincount(link, one.weight, num_epochs * num_stations)
    return sums[:, :-1], inverse, moment, weight.reshape(num_epochs, num_stations)


def _whitened(block: Float[np.ndarray, "epoch r r"], rhs: Float[np.ndarray, "epoch r more"]) -> int:
    """L^-1 rhs in place, L L^T = block of each epoch; how many pivots there were."""
    largest = np.einsum("eii->ei", block).copy()
    count = 0
    for i in range(block.shape[1]):
        pivot = block[:, i, i]
        told = pivot > PIVOT_FLOOR * largest[:, i]
        count += int(np.count_nonzero(told))
        inverse = np.where(told, 1.0 / np.sqrt(np.where(told, pivot, 1.0)), 0.0)
        low = block[:, i + 1 :, i] * inverse[:, None]
        rhs[:, i] *= inverse[:, None]
        rhs[:, i + 1 :] -= low[:, :, None] * rhs[:, i, None, :]
        block[:, i + 1 :, i + 1 :] -= low[:, :, None] * low[:, None, :]
    return count
