"""Maps in JAX: tiles of neighboring cells, each with the satellites that may serve it.

Runs anywhere JAX does; one compiled call for all epochs of a chunk. Each tile first picks its
satellites by one cosine, so that those out of view cost next to nothing.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from leopnt.methods.coverage.bound import bound_of_sums, dop_of_sums
from leopnt.methods.coverage.chunk import DOP_QUANTITIES, MapChunk
from leopnt.methods.coverage.footprint import bounding_sphere
from leopnt.methods.coverage.grid import EarthGrid
from leopnt.methods.coverage.knowledge import Unknowns
from leopnt.methods.coverage.sums import link_terms

TILE_RAD = math.radians(8.0)
"""Longest side of a tile of fine grids; footprints of LEO satellites are wider."""

MIN_SIDE = 4
"""Cells along a tile of coarse grids: picking satellites must pay."""

_SLOT_STEP = 16
_LINKS_AT_ONCE = 2**18
_LINKS_AT_ONCE_ON_DEVICE = 2**25


class Tiles(NamedTuple):
    """Cells in rectangles of one size; edges repeat their last row or column.

    Attributes:
        up: (tile, row, 2) cosine and sine of the latitude.
        place_m: (tile, row, 2) distance from the axis, and from the equator.
        meridian: (tile, column, 2) cosine and sine of the longitude.
        center: (tile, 3) unit vector.
        cos_radius, sin_radius: (tile,) angle at the Earth's center from it to the farthest cell.
    """

    up: Float[Array | np.ndarray, "tile row 2"]
    place_m: Float[Array | np.ndarray, "tile row 2"]
    meridian: Float[Array | np.ndarray, "tile column 2"]
    center: Float[Array | np.ndarray, "tile 3"]
    cos_radius: Float[Array | np.ndarray, " tile"]
    sin_radius: Float[Array | np.ndarray, " tile"]


def tiles_of(grid: EarthGrid) -> tuple[Tiles, Int[np.ndarray, "tile row column"]]:
    """Tiles of a grid, and the cell at each place in them."""
    rows, columns = grid.shape
    size = [min(n, max(MIN_SIDE, int(TILE_RAD / step + 1e-9)))
            for n, step in zip(grid.shape, grid.step_rad, strict=True)]  # fmt: skip
    row = np.minimum(np.arange(-(-rows // size[0]) * size[0]), rows - 1).reshape(-1, size[0])
    column = np.minimum(np.arange(-(-columns // size[1]) * size[1]), columns - 1)
    column = column.reshape(-1, size[1])
    of_row = np.repeat(np.arange(len(row)), len(column))
    of_column = np.tile(np.arange(len(column)), len(row))
    row, column = row[of_row], column[of_column]
    lat, lon = grid.latitude_rad, grid.longitude_rad
    p_m, z_m = grid.axis_distance_m, grid.equator_distance_m
    cell = row[:, :, None] * columns + column[:, None, :]
    direction = grid.pos_ecef_m / np.linalg.norm(grid.pos_ecef_m, axis=1, keepdims=True)
    inside = direction[cell.reshape(len(cell), -1)]
    center = inside.sum(axis=1)
    center /= np.maximum(np.linalg.norm(center, axis=1, keepdims=True), 1e-300)
    cos = np.clip(np.einsum("tck,tk->tc", inside, center).min(axis=1), -1.0, 1.0)
    radius = np.minimum(np.arccos(cos) + 1e-9, np.pi)
    tiles = Tiles(
        np.stack([np.cos(lat), np.sin(lat)], axis=-1)[row],
        np.stack([p_m, z_m], axis=-1)[row],
        np.stack([np.cos(lon), np.sin(lon)], axis=-1)[column],
        center,
        np.cos(radius),
        np.sin(radius),
    )
    return tiles, cell


def tile_sums(chunk: MapChunk) -> Float[np.ndarray, "epoch cell sum"]:
    """The sums over satellites of every cell and epoch: all that DOP and bounds are made of."""
    return _run(chunk, _sums_only, ())


def tile_values(chunk: MapChunk) -> Float[np.ndarray, "epoch quantity cell"]:
    """The quantities of a chunk at every cell and epoch; NaN where not solved."""
    found = _run(chunk, _values_only, (chunk.quantities, chunk.unknowns.free))
    return np.ascontiguousarray(np.moveaxis(found, 2, 1))


def _run(chunk: MapChunk, finish, options) -> np.ndarray:
    tiles, cell = tiles_of(chunk.grid)
    user_radius_m, sphere_mask_rad = bounding_sphere(chunk.grid, chunk.mask_rad)
    pos, vel = jnp.asarray(chunk.sat_pos_ecef_m), jnp.asarray(chunk.sat_vel_ecef_mps)
    sphere = jnp.asarray([user_radius_m, math.cos(sphere_mask_rad), math.sin(sphere_mask_rad)])
    most = int(_most_candidates(pos, tiles, sphere))
    num_slots = min(-(-max(most, 1) // _SLOT_STEP) * _SLOT_STEP, pos.shape[1])
    on_cpu = jax.default_backend() == "cpu"
    budget = _LINKS_AT_ONCE if on_cpu else _LINKS_AT_ONCE_ON_DEVICE
    at_once = int(np.clip(budget // (cell[0].size * num_slots), 1, len(cell)))
    weights = jnp.asarray(np.stack(chunk.weights))
    shape = num_slots, chunk.num_sums, at_once, finish, options
    sin_mask = jnp.asarray(math.sin(chunk.mask_rad))
    known = jnp.asarray([chunk.unknowns.prior, chunk.unknowns.apart])
    found = np.asarray(_kernel(pos, vel, weights, tiles, sphere, sin_mask, known, shape))
    out = np.empty((len(found), chunk.grid.num_cells, found.shape[-1]))
    out[:, cell.ravel()] = found.reshape(len(found), cell.size, -1)
    return out


@jax.jit
def _most_candidates(pos, tiles: Tiles, sphere) -> Int[Array, ""]:
    """The most satellites that may serve one tile at one epoch."""

    def at_epoch(one):
        return jnp.max(jnp.sum(_may_serve(one, tiles, sphere), axis=1))

    return jnp.max(jax.lax.map(at_epoch, pos))


def _may_serve(pos: Float[Array, "sat 3"], tiles: Tiles, sphere):
    """Whether the cap of each satellite, grown by the tile's radius, holds the tile's center."""
    radius_m = jnp.sqrt(jnp.sum(pos**2, axis=1))
    cos_rim = sphere[0] * sphere[1] / radius_m  # of the angle psi + mask
    sin_rim = jnp.sqrt(jnp.maximum(1.0 - cos_rim**2, 0.0))
    cos_cap = cos_rim * sphere[1] + sin_rim * sphere[2]
    sin_cap = sin_rim * sphere[1] - cos_rim * sphere[2]
    limit = (
        cos_cap[None, :] * tiles.cos_radius[:, None] - sin_cap[None, :] * tiles.sin_radius[:, None]
    )
    # Caps and tiles that together reach around half the Earth: take all.
    wide = cos_cap[None, :] + tiles.cos_radius[:, None] <= 0.0
    near = tiles.center @ pos.T >= limit * radius_m[None, :]
    return (near | wide) & (radius_m > sphere[0])[None, :]


@functools.partial(jax.jit, static_argnums=7)
def _kernel(pos, vel, weights, tiles: Tiles, sphere, sin_mask, known, shape):
    num_slots, count, at_once, finish, options = shape

    def at_epoch(state):
        pos, vel = state
        serving = _may_serve(pos, tiles, sphere)

        def at_tile(tile_and_serving):
            tile, serving = tile_and_serving
            index = jnp.nonzero(serving, size=num_slots, fill_value=-1)[0]
            sums = _sums_of_tile(
                tile, pos[index], vel[index], weights[:, index], index >= 0, sin_mask, count
            )
            return finish(sums, known, *options)

        return jax.lax.map(at_tile, (tiles, serving), batch_size=at_once)

    return jax.lax.map(at_epoch, (pos, vel))


def _sums_of_tile(tile: Tiles, pos, vel, weights, filled, sin_mask, count):
    """Sums of all cells of a tile, (row, column, sum)."""

    def along(vector, i):
        """Component of (slot, 3) vectors along the local parallel's radius, east."""
        cos, sin = tile.meridian[:, :1], tile.meridian[:, 1:]
        x, y = vector[None, :, 0], vector[None, :, 1]
        return (x * cos + y * sin) if i == 0 else (y * cos - x * sin)

    cos_lat, sin_lat = tile.up[:, :1, None], tile.up[:, 1:, None]
    out, east = along(pos, 0)[None], along(pos, 1)[None]
    dp = out - tile.place_m[:, :1, None]
    dz = pos[None, None, :, 2] - tile.place_m[:, 1:, None]
    up = cos_lat * dp + sin_lat * dz
    north = cos_lat * dz - sin_lat * dp
    east = jnp.broadcast_to(east, up.shape)
    v_out, v_east = along(vel, 0)[None], along(vel, 1)[None]
    v_z = vel[None, None, :, 2]
    v_up, v_north = cos_lat * v_out + sin_lat * v_z, cos_lat * v_z - sin_lat * v_out
    v_east = jnp.broadcast_to(v_east, up.shape)
    square = east**2 + north**2 + up**2
    visible = (up**2 >= sin_mask**2 * square) & (up > 0.0) & filled[None, None, :]
    terms = link_terms(
        (east, north, up),
        (v_east, v_north, v_up),
        jnp.broadcast_to(weights[0][None, None, :], up.shape),
        jnp.broadcast_to(weights[1][None, None, :], up.shape),
        visible,
        count,
    )
    return jnp.stack([jnp.sum(term, axis=-1) for term in terms], axis=-1)


def _sums_only(sums, known):
    return sums


def _values_only(sums, known, quantities: tuple[str, ...], free: tuple[int, ...]):
    """(row, column, quantity) of (row, column, sum)."""
    found = {"num_visible": sums[..., 0]}
    if set(quantities) & set(DOP_QUANTITIES[1:]):
        found |= dop_of_sums(sums)._asdict()
    if not set(quantities) <= set(DOP_QUANTITIES):
        found |= bound_of_sums(sums, Unknowns(free, known[0], known[1]))._asdict()
    return jnp.stack([found[name] for name in quantities], axis=-1)
