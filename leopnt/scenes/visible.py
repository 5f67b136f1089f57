"""Which satellites of a catalog each of many users sees, as their signals arrive.

Directions change little while a signal flies (by less than v / c, 3e-5 rad). So candidates down to
a little below the mask are found first, by one matrix product at the time of reception. Those few
are then followed back to their transmission, and their own elevation decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.geometry.light_time import flight_time, rotate_earth
from leopnt.orbits.ephemeris import Ephemeris

MAX_SLOTS = 50_000_000
"""Slots of all cases together, 3.5 GB."""

_SLACK_RAD = 4e-3  # 3.4e-3 from the geocentric vertical to the normal, 3e-5 in flight
_CANDIDATES = 1_000_000
_TILE = 4096
_OVERHEAD_M = 1e6


class VisibleSatellites(NamedTuple):
    """Satellites at or above the mask in each case, the highest first, padded to one width.

    Slots that are not `visible` hold a harmless state: another satellite's, or 1000 km overhead.
    """

    sat_index: Int[np.ndarray, "case slot"]
    visible: Bool[np.ndarray, "case slot"]
    sat_pos_ecef_m: Float[np.ndarray, "case slot 3"]
    sat_vel_ecef_mps: Float[np.ndarray, "case slot 3"]
    az_rad: Float[np.ndarray, "case slot"]
    el_rad: Float[np.ndarray, "case slot"]


class _Rays(NamedTuple):
    """Signals that arrive above the mask, one row each."""

    case: np.ndarray
    sat_index: np.ndarray
    pos_m: np.ndarray
    vel_mps: np.ndarray
    az_rad: np.ndarray
    el_rad: np.ndarray


def slot_bucket(count: int) -> int:
    """Width of the satellite axis for so many satellites: a multiple of 4, at least 4."""
    return max(4, -(-count // 4) * 4)


def find_visible(
    ephemeris: Ephemeris,
    time_s: Float[np.ndarray, " epoch"],
    rx_pos_ecef_m: Float[np.ndarray, "user epoch 3"],
    enu_axes: Float[np.ndarray, "user epoch 3 3"],
    mask_rad: float,
) -> VisibleSatellites:
    """Satellites that users see, with their states at transmission, in ECEF axes of that instant.

    A case is a user at an epoch, users outermost. Work is done in parts of bounded size; beyond
    the result, its largest column is in memory a second time at most.

    Args:
        ephemeris: covers `time_s` and the flights before.
        time_s: reception, seconds since the ephemeris' reference.
        rx_pos_ecef_m, enu_axes: receivers at reception.
        mask_rad: lowest elevation as seen at the receiver, 0 or more, no refraction.

    Raises:
        LeopntError: so many satellites in so many cases that they do not fit in memory.
    """
    rx, axes = rx_pos_ecef_m.reshape(-1, 3), enu_axes.reshape(-1, 3, 3)
    columns = _empty(rx, axes)
    for case, epoch, sat in _candidates(ephemeris, time_s, rx_pos_ecef_m, mask_rad):
        rays = _rays(ephemeris, case, sat, time_s[epoch], rx, axes)
        _fill(columns, _Rays(*(column[rays.el_rad >= mask_rad] for column in rays)))
    return VisibleSatellites(*columns)


def _empty(rx: np.ndarray, axes: np.ndarray) -> list[np.ndarray]:
    """Columns of `VisibleSatellites` without any satellite."""
    shape = len(rx), slot_bucket(0)
    overhead = rx + _OVERHEAD_M * axes[:, 2]
    return [
        np.zeros(shape, np.int32),
        np.zeros(shape, bool),
        np.repeat(overhead[:, None], shape[1], axis=1),
        np.zeros((*shape, 3)),
        np.zeros(shape),
        np.full(shape, 0.5 * np.pi),
    ]


def _fill(columns: list[np.ndarray], rays: _Rays) -> None:
    """Put signals into the slots of their cases, all of a case at once, the highest first."""
    if not len(rays.case):
        return
    order = np.lexsort((rays.sat_index, -rays.el_rad, rays.case))
    case = rays.case[order]
    _, first, count = np.unique(case, return_index=True, return_counts=True)
    slot = np.arange(len(case)) - np.repeat(first, count)
    width = max(columns[0].shape[1], slot_bucket(int(count.max())))
    _check_size(len(columns[0]), width)
    for i in range(len(columns)):  # one after the other: only one is there twice at a time
        columns[i] = with_slots(columns[i], width)
    columns[1][case, slot] = True
    for column, values in zip([columns[0], *columns[2:]], rays[1:], strict=True):
        column[case, slot] = values[order]


def _check_size(num_cases: int, width: int) -> None:
    if num_cases * width > MAX_SLOTS:
        raise LeopntError(
            f"{num_cases} cases (users times epochs) with up to {width} satellites are more than "
            f"{MAX_SLOTS:.0e} slots, 3.5 GB; take fewer users or epochs, or a higher mask."
        )


def with_slots(
    values: Shaped[np.ndarray, "case ..."], num_slots: int
) -> Shaped[np.ndarray, "case ..."]:
    """An array (case, slot, ...) with more slots, which repeat the last one, or fewer.

    Of masks the new slots are False.
    """
    missing = num_slots - values.shape[1]
    if missing == 0:
        return values
    extra = [(0, 0), (0, max(0, missing))] + [(0, 0)] * (values.ndim - 2)
    if values.dtype == bool:
        return np.pad(values[:, :num_slots], extra)
    return np.pad(values[:, :num_slots], extra, mode="edge")


def _candidates(
    ephemeris: Ephemeris, time_s, rx_pos, mask_rad: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Case, epoch and satellite of all pairs that may be above the mask."""
    num_users, num_epochs = rx_pos.shape[:2]
    num_sats = ephemeris.pos_ecef_m.shape[0]
    user_step = min(num_users, max(1, _CANDIDATES // num_sats))
    epoch_step = min(num_epochs, max(1, _CANDIDATES // (num_sats * user_step)))
    for first in range(0, num_epochs, epoch_step):
        epochs = np.arange(first, min(first + epoch_step, num_epochs))
        sat_pos = _positions(ephemeris, time_s[epochs], epoch_step)
        for user in range(0, num_users, user_step):
            is_high = _is_high(sat_pos, rx_pos[user : user + user_step, epochs], mask_rad)
            epoch_at, user_at, sat = np.nonzero(is_high)
            epoch = epochs[epoch_at]
            yield (user + user_at) * num_epochs + epoch, epoch, sat


def _positions(ephemeris: Ephemeris, time_s, num_epochs: int):
    """Positions (epoch, sat, 3) at the epochs themselves; fewer are filled up, for one shape."""
    filled = np.concatenate([time_s, np.repeat(time_s[-1:], num_epochs - len(time_s))])
    return np.asarray(_positions_kernel(ephemeris, filled))[: len(time_s)]


@jax.jit
def _positions_kernel(ephemeris: Ephemeris, time_s):
    sats = jnp.arange(ephemeris.pos_ecef_m.shape[0])
    over_sats = jax.vmap(lambda sat, t: ephemeris.state(sat, t).pos_ecef_m, in_axes=(0, None))
    return jax.vmap(over_sats, in_axes=(None, 0))(sats, time_s)


def _is_high(sat_pos, rx_pos, mask_rad: float):
    """Mask (epoch, user, sat) of elevations above the mask or slightly below it.

    A satellite at radius R over a user at radius r has the elevation el where the two are apart by
    the angle acos(r cos(el) / R) - el, seen from the center of the Earth; it is higher where they
    are closer.
    """
    lowest_rad = mask_rad - _SLACK_RAD
    rx_pos, sats = rx_pos.swapaxes(0, 1), sat_pos.swapaxes(1, 2)
    rx_radius_m = np.linalg.norm(rx_pos, axis=-1, keepdims=True)
    sat_radius_m = np.linalg.norm(sats, axis=1, keepdims=True)
    cosine = np.min(rx_radius_m) * np.cos(lowest_rad) / sat_radius_m
    farthest_rad = np.arccos(np.minimum(cosine, 1.0)) - lowest_rad
    return (rx_pos / rx_radius_m) @ sats >= sat_radius_m * np.cos(farthest_rad)


def _rays(ephemeris: Ephemeris, case, sat, time_s, rx, axes) -> _Rays:
    """Follow candidates back to their transmission, in tiles of one size."""
    out = np.empty((len(case), 8))
    for first in range(0, len(case), _TILE):
        part = slice(first, first + _TILE)
        rows = (sat[part], time_s[part], rx[case[part]], axes[case[part]])
        count = len(rows[0])
        filled = [np.concatenate([r, np.repeat(r[-1:], _TILE - count, axis=0)]) for r in rows]
        out[part] = np.asarray(_rays_kernel(ephemeris, *filled))[:count]
    small = sat.astype(np.int32)
    return _Rays(case, small, out[:, :3], out[:, 3:6], out[:, 6], out[:, 7])


@jax.jit
def _rays_kernel(ephemeris: Ephemeris, sat, time_s, rx, axes):
    def one(sat, t, rx_pos, enu):
        at_reception = ephemeris.state(sat, t).pos_ecef_m
        tau_s = jnp.linalg.norm(at_reception - rx_pos) / SPEED_OF_LIGHT_MPS
        for _ in range(2):  # each leaves v / c of the error before: 2 mm, 50 nm of orbit, rounding
            tau_s = flight_time(ephemeris.state(sat, t - tau_s).pos_ecef_m, rx_pos)
        state = ephemeris.state(sat, t - tau_s)
        arriving = rotate_earth(jnp.asarray(state.pos_ecef_m), tau_s)
        east, north, up = enu @ (arriving - rx_pos)
        azimuth = jnp.mod(jnp.arctan2(east, north), 2.0 * jnp.pi)
        elevation = jnp.arctan2(up, jnp.hypot(east, north))
        direction = jnp.stack([azimuth, elevation])
        return jnp.concatenate([state.pos_ecef_m, state.vel_ecef_mps, direction])

    return jax.vmap(one)(sat, time_s, rx, axes)
