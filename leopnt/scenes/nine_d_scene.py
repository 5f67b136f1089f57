"""Satellites of each user and epoch followed over a few slots, as the 9D bounds take them."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.satellite_choice import AbstractChoice, AllInView
from leopnt.scenes.study_scene import StudyScene

MAX_STATES = 20_000_000
"""Satellites times slots of all cases together, 1.6 GB."""

_TILE = 8192
_OVERHEAD_M = 1e6


class SlotLinks(NamedTuple):
    """States of the chosen satellites at the middle of each slot, padded to one number.

    sat_index: which satellite of the ephemeris; used: False where there is none, which then has
    some harmless state; link_up: used and not below the mask in that slot; sat_pos_ecef_m,
    sat_vel_ecef_mps: at the middle of the slot, at the same instant as the receiver, in ECEF axes
    (flight times and the turn of the Earth meanwhile move directions by less than 3e-5 rad);
    el_rad, range_m: at the receiver, which moves with its velocity.
    """

    sat_index: Int[np.ndarray, "case sat"]
    used: Bool[np.ndarray, "case sat"]
    link_up: Bool[np.ndarray, "case sat slot"]
    sat_pos_ecef_m: Float[np.ndarray, "case sat slot 3"]
    sat_vel_ecef_mps: Float[np.ndarray, "case sat slot 3"]
    el_rad: Float[np.ndarray, "case sat slot"]
    range_m: Float[np.ndarray, "case sat slot"]

    @property
    def num_used(self) -> Int[np.ndarray, " case"]:
        """Satellites with a link in the first slot."""
        return np.sum(self.used, axis=1)

    def sentences(self) -> tuple[str, ...]:
        """What the user should know: links that end, and below the horizon."""
        lost = self.used[:, :, None] & ~self.link_up
        below = int(np.sum(lost & (self.el_rad < 0.0)))
        found = ()
        if lost.any():
            found = (
                f"{int(lost.sum())} of {int(self.used.sum()) * lost.shape[2]} links end: the "
                "satellite sinks below the mask in a later slot, where it is blocked.",
            )
        if below:
            found += (f"{below} of these links are below the horizon.",)
        return found


def slot_links(
    scene: StudyScene,
    slot_time_s: Float[np.ndarray, " slot"],
    choice: AbstractChoice | None = None,
    rx_vel_ecef_mps: Float[np.ndarray, "case 3"] | None = None,
) -> SlotLinks:
    """Choose among the satellites in view at the first slot, and follow them over all slots.

    Axes of the receiver do not turn in ECEF: its attitude over the ground stays. Padded and
    vectorized; work is done in tiles.

    Args:
        scene: its ephemeris must reach the last slot of the last epoch (`build_scene` with
            `beyond_s`).
        slot_time_s: middle of each slot, counted from the epoch; the first is 0.
        choice: default `AllInView()`.
        rx_vel_ecef_mps: default that of the scene.

    Raises:
        LeopntError: slots beyond the ephemeris; more states than fit in memory.
    """
    velocity = scene.rx_vel_ecef_mps if rx_vel_ecef_mps is None else rx_vel_ecef_mps
    _check_reach(scene, slot_time_s)
    columns = (choice or AllInView()).columns(scene.visible, scene.az_rad, scene.el_rad)
    num_states = columns.size * len(slot_time_s)
    if num_states > MAX_STATES:
        raise LeopntError(
            f"{len(columns)} cases with up to {columns.shape[1]} satellites in {len(slot_time_s)} "
            f"slots are more than {MAX_STATES:.0e} states, 1.6 GB; take fewer users, epochs, "
            "satellites or slots."
        )
    sat = np.take_along_axis(scene.sat_index, columns, axis=1)
    used = np.take_along_axis(scene.visible, columns, axis=1)
    pos, vel, el, distance = _states(scene, sat, slot_time_s, velocity)
    empty = ~used
    up = scene.enu_axes[:, None, None, 2]
    overhead = scene.rx_pos_ecef_m[:, None, None] + _OVERHEAD_M * up
    pos = np.where(empty[:, :, None, None], overhead, pos)
    vel = np.where(empty[:, :, None, None], 0.0, vel)
    el = np.where(empty[:, :, None], 0.5 * np.pi, el)
    distance = np.where(empty[:, :, None], _OVERHEAD_M, distance)
    # The first slot was judged by where the signal comes from; it must not flicker here.
    later = np.arange(len(slot_time_s))[None, None, :] > 0
    link_up = used[:, :, None] & ((el >= scene.mask_rad) | ~later)
    return SlotLinks(sat, used, link_up, pos, vel, el, distance)


def _check_reach(scene: StudyScene, slot_time_s) -> None:
    last_s = float(np.max(scene.time_s)) + float(np.max(slot_time_s))
    end_s = float(scene.ephemeris.end_s)
    if last_s > end_s + 1e-9:
        raise LeopntError(
            f"slot_time_s: the last slot is at {last_s:g} s, and the ephemeris of the scene ends "
            f"at {end_s:g} s; build the scene with beyond_s = {float(np.max(slot_time_s)):g}."
        )


def _states(scene: StudyScene, sat, slot_time_s, velocity) -> list[np.ndarray]:
    """Positions, velocities, elevations and ranges (case, sat, slot, ...), tile by tile."""
    num_case, num_sat = sat.shape
    shape = (num_case, num_sat, len(slot_time_s))
    found = [np.empty((*shape, 3)), np.empty((*shape, 3)), np.empty(shape), np.empty(shape)]
    step = max(1, _TILE // num_sat)
    rows = (sat, scene.case_time_s, scene.rx_pos_ecef_m, velocity, scene.enu_axes[:, 2])
    end_s = float(scene.ephemeris.end_s)
    for first in range(0, num_case, step):
        part = [row[first : first + step] for row in rows]
        count = len(part[0])
        part = [np.concatenate([r, np.repeat(r[-1:], step - count, axis=0)]) for r in part]
        tile = _states_kernel(scene.ephemeris, slot_time_s, end_s, *part)
        for column, values in zip(found, tile, strict=True):
            column[first : first + count] = np.asarray(values)[:count]
    return found


@jax.jit
def _states_kernel(ephemeris: Ephemeris, slot_time_s, end_s, sat, time_s, rx_pos, rx_vel, up):
    def one(s, t, pos, vel, vertical, after):
        state = ephemeris.state(s, jnp.minimum(t + after, end_s))
        offset = state.pos_ecef_m - (pos + after * vel)
        distance = jnp.linalg.norm(offset)
        elevation = jnp.arcsin(jnp.clip(offset @ vertical / distance, -1.0, 1.0))
        return state.pos_ecef_m, state.vel_ecef_mps, elevation, distance

    over_slots = jax.vmap(one, (None,) * 5 + (0,))
    over_sats = jax.vmap(over_slots, (0, None, None, None, None, None))
    return jax.vmap(over_sats, (0, 0, 0, 0, 0, None))(sat, time_s, rx_pos, rx_vel, up, slot_time_s)
