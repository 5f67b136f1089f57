"""Satellites of each user and epoch followed over a few slots, as the 9D bounds take them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.satellite_choice import AbstractChoice, AllInView
from leopnt.scenes.study_scene import StudyScene

MAX_STATES = 20_000_000
"""Satellites times slots of all cases together, 1.6 GB."""

_TILE = 8192
_PART = 500_000
_OVERHEAD_M = 1e6


class EndedLinks(NamedTuple):
    """Links of satellites and slots: all, those below the mask and those below the horizon."""

    links: int
    below_mask: int
    below_horizon: int

    def __add__(self, other: EndedLinks) -> EndedLinks:  # pyright: ignore
        return EndedLinks(*(one + two for one, two in zip(self, other, strict=True)))

    def sentences(self) -> tuple[str, ...]:
        """What the user should know; without numbers, so that it is said once for many scenes."""
        if not self.below_mask:
            return ()
        where = ", or even below the horizon" if self.below_horizon else ""
        return (
            f"Some links end: a satellite sinks below the mask{where} in a later slot, where it is "
            "blocked.",
        )


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

    def ended(self) -> EndedLinks:
        """How many links end, and where."""
        lost = self.used[:, :, None] & ~self.link_up
        below = lost & (self.el_rad < 0.0)
        links = int(self.used.sum()) * lost.shape[2]
        return EndedLinks(links, int(lost.sum()), int(below.sum()))


def slot_links(
    scene: StudyScene,
    slot_time_s: Float[np.ndarray, " slot"],
    choice: AbstractChoice | None = None,
    rx_vel_ecef_mps: Float[np.ndarray, "case 3"] | None = None,
) -> SlotLinks:
    """Choose among the satellites in view at the first slot, and follow them over all slots.

    Axes of the receiver do not turn in ECEF: its attitude over the ground stays.

    Args:
        scene: its ephemeris must reach the last slot of the last epoch (`build_scene` with
            `beyond_s`).
        slot_time_s: middle of each slot, counted from the epoch; the first is 0.
        choice: default `AllInView()`.
        rx_vel_ecef_mps: default that of the scene.

    Raises:
        LeopntError: slots beyond the ephemeris; more states than fit in memory.
    """
    columns = columns_of(scene, choice)
    num_states = columns.size * len(slot_time_s)
    if num_states > MAX_STATES:
        raise LeopntError(
            f"{len(columns)} cases with up to {columns.shape[1]} satellites in {len(slot_time_s)} "
            f"slots are more than {MAX_STATES:.0e} states, 1.6 GB; take fewer users, epochs, "
            "satellites or slots, or `slot_links_in_parts`."
        )
    return _links(scene, slot_time_s, columns, _velocity(scene, rx_vel_ecef_mps), slice(None))


def slot_links_in_parts(
    scene: StudyScene,
    slot_time_s: Float[np.ndarray, " slot"],
    choice: AbstractChoice | None = None,
    rx_vel_ecef_mps: Float[np.ndarray, "case 3"] | None = None,
) -> Iterator[tuple[slice, SlotLinks]]:
    """As `slot_links`, some cases after the other, so that never all states are in memory."""
    columns = columns_of(scene, choice)
    velocity = _velocity(scene, rx_vel_ecef_mps)
    step = max(1, _PART // (columns.shape[1] * len(slot_time_s)))
    for first in range(0, len(columns), step):
        cases = slice(first, first + step)
        yield cases, _links(scene, slot_time_s, columns, velocity, cases)


def columns_of(scene: StudyScene, choice: AbstractChoice | None) -> Int[np.ndarray, "case sat"]:
    """The columns of the scene that are taken; default all that are in view anywhere."""
    return (choice or AllInView()).columns(scene.visible, scene.az_rad, scene.el_rad)


def _velocity(scene: StudyScene, rx_vel_ecef_mps) -> Float[np.ndarray, "case 3"]:
    return scene.rx_vel_ecef_mps if rx_vel_ecef_mps is None else rx_vel_ecef_mps


def _links(scene: StudyScene, slot_time_s, columns, velocity, cases: slice) -> SlotLinks:
    _check_reach(scene, slot_time_s)
    columns = columns[cases]
    sat = np.take_along_axis(scene.sat_index[cases], columns, axis=1)
    used = np.take_along_axis(scene.visible[cases], columns, axis=1)
    pos, vel, el, distance = _states(scene, sat, slot_time_s, velocity, cases)
    overhead = scene.rx_pos_ecef_m[cases] + _OVERHEAD_M * scene.enu_axes[cases, 2]
    empty = np.nonzero(~used)
    pos[empty] = overhead[empty[0], None]
    vel[empty], el[empty], distance[empty] = 0.0, 0.5 * np.pi, _OVERHEAD_M
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


def _states(scene: StudyScene, sat, slot_time_s, velocity, cases: slice) -> list[np.ndarray]:
    """Positions, velocities, elevations and ranges (case, sat, slot, ...), tile by tile."""
    num_case, num_sat = sat.shape
    shape = (num_case, num_sat, len(slot_time_s))
    found = [np.empty((*shape, 3)), np.empty((*shape, 3)), np.empty(shape), np.empty(shape)]
    step = max(1, _TILE // num_sat)
    of_case = (scene.case_time_s, scene.rx_pos_ecef_m, velocity, scene.enu_axes[:, 2])
    rows = (sat, *(row[cases] for row in of_case))
    for first in range(0, num_case, step):
        part = [row[first : first + step] for row in rows]
        count = len(part[0])
        part = [np.concatenate([r, np.repeat(r[-1:], step - count, axis=0)]) for r in part]
        tile = _states_kernel(scene.ephemeris, slot_time_s, *part)
        for column, values in zip(found, tile, strict=True):
            column[first : first + count] = np.asarray(values)[:count]
    return found


def states_at(
    ephemeris: Ephemeris,
    sat_index: Int[Array, " sat"],
    time_s: Float[Array, ""],
    slot_time_s: Float[Array, " slot"],
) -> tuple[Float[Array, "sat slot 3"], Float[Array, "sat slot 3"]]:
    """Positions [m] and velocities [m/s] in ECEF at the middle of each slot, one case, in JAX."""

    def one(sat, after):
        # The last slot may end one rounding beyond the ephemeris.
        state = ephemeris.state(sat, jnp.minimum(time_s + after, ephemeris.end_s))
        return jnp.asarray(state.pos_ecef_m), jnp.asarray(state.vel_ecef_mps)

    return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(sat_index, slot_time_s)


@jax.jit
def _states_kernel(ephemeris: Ephemeris, slot_time_s, sat, time_s, rx_pos, rx_vel, up):
    def one(sats, t, place, velocity, vertical):
        pos, vel = states_at(ephemeris, sats, t, slot_time_s)
        moved = place[None, :] + slot_time_s[:, None] * velocity[None, :]
        offset = pos - moved[None]
        distance = jnp.sqrt(jnp.sum(offset * offset, axis=-1))
        elevation = jnp.arcsin(jnp.clip(offset @ vertical / distance, -1.0, 1.0))
        return pos, vel, elevation, distance

    return jax.vmap(one)(sat, time_s, rx_pos, rx_vel, up)
