"""Maps on a processor core, compiled by Numba: satellites hand their terms to the cells they serve.

An optional extra, `pip install leopnt[speed]`; importing this module needs numba. The same numbers
as `tiles`, without ever looking at a satellite and a cell that do not see each other: rows of the
grid that a footprint reaches, and in each row the columns between two meridians. Where the grid is
a region, one product tells satellites that no cell of it sees.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numpy as np
from jaxtyping import Float

from leopnt.methods.coverage._compiled_bounds import compiled, evaluate_cells
from leopnt.methods.coverage.chunk import QUANTITIES, MapChunk
from leopnt.methods.coverage.footprint import bounding_circle, bounding_sphere
from leopnt.methods.coverage.grid import EarthGrid
from leopnt.methods.coverage.statistics import ChunkStatistics, empty_statistics
from leopnt.methods.coverage.sums import DOP_SUMS, MOTION_SUMS, RANGE_SUMS, RATE_SUMS

_SLACK_RAD = 1e-9


def compiled_sums(chunk: MapChunk) -> Float[np.ndarray, "epoch cell sum"]:
    """The sums over satellites of every cell and epoch, as `tiles.tile_sums`."""
    out = np.zeros((chunk.num_epochs, chunk.grid.num_cells, chunk.num_sums))
    tables = _tables(chunk)
    for sums, pos, vel in zip(out, *_states(chunk), strict=True):
        _scatter(pos, vel, chunk.weights, tables, sums)
    return out


def compiled_values(chunk: MapChunk) -> Float[np.ndarray, "epoch quantity cell"]:
    """The quantities of a chunk at every cell and epoch, as `tiles.tile_values`."""
    out = np.empty((chunk.num_epochs, len(chunk.quantities), chunk.grid.num_cells))
    sums = np.empty((chunk.grid.num_cells, chunk.num_sums))
    tables, wanted = _tables(chunk), _wanted(chunk)
    for values, pos, vel in zip(out, *_states(chunk), strict=True):
        sums[:] = 0.0
        _scatter(pos, vel, chunk.weights, tables, sums)
        evaluate_cells(sums, *wanted, values)
    return out


def compiled_statistics(chunk: MapChunk) -> ChunkStatistics:
    """Statistics of a chunk, epoch after epoch, without keeping the values of all."""
    found = empty_statistics(chunk)
    sums = np.empty((chunk.grid.num_cells, chunk.num_sums))
    values = np.empty((len(chunk.quantities), chunk.grid.num_cells))
    tables, wanted = _tables(chunk), _wanted(chunk)
    limit = _limit(chunk)
    kept = np.array([chunk.quantities.index(name) for name in chunk.kept], int)
    pos, vel = _states(chunk)
    weight = chunk.grid.area_weight
    for epoch in range(chunk.num_epochs):
        sums[:] = 0.0
        _scatter(pos[epoch], vel[epoch], chunk.weights, tables, sums)
        evaluate_cells(sums, *wanted, values)
        _accumulate(
            values, weight, epoch, *limit, kept,
            found.num_solved, found.total, found.least, found.most, found.num_available,
            found.lead, found.trail, found.longest,
            found.available_share, found.solved_share, found.mean_at, found.kept,
        )  # fmt: skip
    return found


def _states(chunk: MapChunk) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.ascontiguousarray(chunk.sat_pos_ecef_m, float),
        np.ascontiguousarray(chunk.sat_vel_ecef_mps, float),
    )


def _tables(chunk: MapChunk):
    """What `_scatter` knows of the grid and the mask."""
    grid = chunk.grid
    user_radius_m, sphere_mask = bounding_sphere(grid, chunk.mask_rad)
    rows = np.stack(
        [
            np.cos(grid.latitude_rad),
            np.sin(grid.latitude_rad),
            grid.axis_distance_m,
            grid.equator_distance_m,
        ],
        axis=1,
    )
    columns = np.stack([np.cos(grid.longitude_rad), np.sin(grid.longitude_rad)], axis=1)
    edges = tuple(
        float(one)
        for one in (
            grid.latitude_rad[0],
            grid.step_rad[0],
            grid.longitude_rad[0],
            grid.step_rad[1],
            user_radius_m,
            math.cos(sphere_mask),
            math.sin(chunk.mask_rad),
            sphere_mask,
            1.01 * grid.figure.flattening,
        )
    )
    return rows, columns, edges, _region(grid, sphere_mask)


def _region(grid: EarthGrid, sphere_mask: float) -> tuple[bool, float, float, float, float, float]:
    """Whether the grid's circle tells satellites, its center, and its radius less the mask.

    A satellite at the angle psi from the center serves no cell where psi > acos(R cos m / r) + w,
    w = radius - m, as long as w < pi / 2. The last two are cos w and sin w.
    """
    center, radius = bounding_circle(grid)
    beyond = radius + _SLACK_RAD - sphere_mask
    return beyond < 0.5 * math.pi, *center.tolist(), math.cos(beyond), math.sin(beyond)


def _wanted(chunk: MapChunk):
    """What `_evaluate` computes, and for whom: where each quantity goes (-1: nowhere)."""
    place = np.array(
        [chunk.quantities.index(name) if name in chunk.quantities else -1 for name in QUANTITIES]
    )
    _, prior, apart = chunk.unknowns
    free = np.array(chunk.unknowns.free, int)
    return place, free, np.asarray(prior, float), np.asarray(apart, float)


def _limit(chunk: MapChunk) -> tuple[int, float, float]:
    """Row of the limiting quantity, the limit, and the sign that makes it an upper one."""
    if chunk.limit is None:
        return chunk.deciding_row, np.inf, 1.0
    sign = -1.0 if chunk.limit.is_floor else 1.0
    return chunk.deciding_row, sign * chunk.limit.value, sign


@compiled
@no_type_check
def _add_moments(cell, at, weight, e, n, u):
    we, wn, wu = weight * e, weight * n, weight * u
    cell[at] += weight
    cell[at + 1] += we
    cell[at + 2] += wn
    cell[at + 3] += wu
    cell[at + 4] += we * e
    cell[at + 5] += we * n
    cell[at + 6] += we * u
    cell[at + 7] += wn * n
    cell[at + 8] += wn * u
    cell[at + 9] += wu * u


@compiled
@no_type_check
def _add_motion(cell, weight, e, n, u, a_e, a_n, a_u):
    we, wn, wu = weight * e, weight * n, weight * u
    cell[30] += we
    cell[31] += wn
    cell[32] += wu
    cell[33] += we * e
    cell[34] += we * n
    cell[35] += we * u
    cell[36] += wn * n
    cell[37] += wn * u
    cell[38] += wu * u
    cell[39] += a_e * we
    cell[40] += a_e * wn
    cell[41] += a_e * wu
    cell[42] += a_n * we
    cell[43] += a_n * wn
    cell[44] += a_n * wu
    cell[45] += a_u * we
    cell[46] += a_u * wn
    cell[47] += a_u * wu


@compiled
@no_type_check
def _add_rates(cell, count, weight, vel, turn, sight):
    """Terms of range rates: `turn` to local axes at the cell, `sight` with 1 / range."""
    cos_lat, sin_lat, cos_lon, sin_lon = turn
    e, n, u, inverse = sight
    v_out = vel[0] * cos_lon + vel[1] * sin_lon
    v_e = vel[1] * cos_lon - vel[0] * sin_lon
    v_u = cos_lat * v_out + sin_lat * vel[2]
    v_n = cos_lat * vel[2] - sin_lat * v_out
    along = e * v_e + n * v_n + u * v_u
    a_e = (v_e - along * e) * inverse
    a_n = (v_n - along * n) * inverse
    a_u = (v_u - along * u) * inverse
    _add_moments(cell, 20, weight, a_e, a_n, a_u)
    if count > 30:
        _add_motion(cell, weight, e, n, u, a_e, a_n, a_u)


@compiled
@no_type_check
def _cap(x, y, z, edges, region, num_rows, num_columns):
    """First and last row that a satellite may reach (0 and -1: none), and the column east of it."""
    lat0, lat_step, lon0, lon_step, user_radius, cos_m, _, mask, tilt = edges
    is_region, center_x, center_y, center_z, cos_beyond, sin_beyond = region
    full = 2.0 * math.pi
    radius = math.sqrt(x * x + y * y + z * z)
    if not radius > user_radius:  # also NaN
        return 0, -1, 0
    cos_rim = user_radius * cos_m / radius
    if is_region:
        cos_limit = cos_rim * cos_beyond - math.sqrt(1.0 - cos_rim * cos_rim) * sin_beyond
        if center_x * x + center_y * y + center_z * z < cos_limit * radius:
            return 0, -1, 0
    lat = math.asin(z / radius)
    reach = math.acos(cos_rim) - mask + tilt + _SLACK_RAD
    first = max(0, math.ceil((lat - reach - lat0) / lat_step))
    last = min(num_rows - 1, math.floor((lat + reach - lat0) / lat_step))
    east_of_edge = math.atan2(y, x) - lon0
    east_of_edge -= full * math.floor(east_of_edge / full)
    begin = math.ceil(east_of_edge / lon_step)
    return first, last, begin if begin < num_columns else 0


def _scatter_of(count: int):
    """A function that adds the first `count` terms of all satellites to the cells that see them.

    The rows that a cap may reach, and in each of them columns eastward, then westward from the
    satellite's meridian until one does not see it: elevation falls with the angle between them.
    """

    @compiled
    @no_type_check
    def scatter(pos, vel, range_weight, rate_weight, rows, columns, edges, region, sums):
        sin_mask, num_columns = edges[6], columns.shape[0]
        least = sin_mask * sin_mask
        for sat in range(pos.shape[0]):
            x, y, z = pos[sat, 0], pos[sat, 1], pos[sat, 2]
            first, last, begin = _cap(x, y, z, edges, region, rows.shape[0], num_columns)
            for row in range(first, last + 1):
                cos_lat, sin_lat = rows[row, 0], rows[row, 1]
                p, dz = rows[row, 2], z - rows[row, 3]
                base = row * num_columns
                done, step, column = 0, 1, begin
                while done < num_columns:
                    cos_lon, sin_lon = columns[column, 0], columns[column, 1]
                    dp = x * cos_lon + y * sin_lon - p
                    e = y * cos_lon - x * sin_lon
                    u = cos_lat * dp + sin_lat * dz
                    n = cos_lat * dz - sin_lat * dp
                    square = e * e + n * n + u * u
                    if u > 0.0 and u * u >= least * square:
                        inverse = 1.0 / math.sqrt(square)
                        e *= inverse
                        n *= inverse
                        u *= inverse
                        cell = sums[base + column]
                        _add_moments(cell, 0, 1.0, e, n, u)
                        if count > 10:
                            _add_moments(cell, 10, range_weight[sat], e, n, u)
                        if count > 20:
                            v = vel[sat, 0], vel[sat, 1], vel[sat, 2]
                            turn = cos_lat, sin_lat, cos_lon, sin_lon
                            sight = e, n, u, inverse
                            _add_rates(cell, count, rate_weight[sat], v, turn, sight)
                        done += 1
                        column += step
                        if column == num_columns:
                            column = 0
                        elif column < 0:
                            column = num_columns - 1
                    elif step == 1:
                        step = -1
                        column = begin - 1
                        if column < 0:
                            column = num_columns - 1
                    else:
                        break

    return scatter


_scatters = {count: _scatter_of(count) for count in (DOP_SUMS, RANGE_SUMS, RATE_SUMS, MOTION_SUMS)}


def _scatter(pos, vel, weights, tables, sums):
    range_weight, rate_weight = weights
    rows, columns, edges, region = tables
    scatter = _scatters[sums.shape[1]]
    scatter(pos, vel, range_weight, rate_weight, rows, columns, edges, region, sums)


@compiled
@no_type_check
def _accumulate(
    values, weight, epoch, limit_row, limit, sign, kept,
    num_solved, total, least, most, num_available, lead, trail, longest,
    available_share, solved_share, mean_at, kept_values,
):  # fmt: skip
    """Take one epoch into the statistics of a chunk; see `statistics.ChunkStatistics`."""
    num_quantities, num_cells = values.shape
    for q in range(num_quantities):
        share, weighted = 0.0, 0.0
        for cell in range(num_cells):
            value = values[q, cell]
            if value == value:
                num_solved[q, cell] += 1
                total[q, cell] += value
                least[q, cell] = min(least[q, cell], value)
                most[q, cell] = max(most[q, cell], value)
                share += weight[cell]
                weighted += weight[cell] * value
        solved_share[epoch, q] = share
        mean_at[epoch, q] = weighted / share if share > 0.0 else np.nan
    share = 0.0
    for cell in range(num_cells):
        if sign * values[limit_row, cell] <= limit:
            num_available[cell] += 1
            share += weight[cell]
            trail[cell] = 0
        else:
            if num_available[cell] == 0:
                lead[cell] += 1
            trail[cell] += 1
            longest[cell] = max(longest[cell], trail[cell])
    available_share[epoch] = share
    for k in range(kept.shape[0]):
        for cell in range(num_cells):
            kept_values[epoch, k, cell] = values[kept[k], cell]
