"""Which arcs of which satellites a place observes, and the links that they consist of."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.geometry.light_time import flight_time
from leopnt.methods.doppler_fix.padding import bucket
from leopnt.methods.doppler_fix.simulate import Arc, ArcPlan, choose_arcs
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.users import Users

_COARSE_S = 15.0


@dataclasses.dataclass(frozen=True)
class ObservationPlan:
    """As `ArcPlan`, but with a window of 0 s all satellites are observed once, at one epoch."""

    num_arcs: int
    shortest_s: float
    longest_s: float
    step_s: float
    window_s: float
    mask_rad: float


def observed_arcs(
    plan: ObservationPlan, ephemeris: Ephemeris, users: Users, seed: int
) -> list[list[Arc]]:
    """Arcs of every user, drawn from the seed and the user's number; none where there are too few.

    Arcs stay above the mask on a grid of 15 s.
    """
    steps = int(np.ceil(plan.window_s / _COARSE_S))
    coarse_s = np.linspace(0.0, plan.window_s, steps + 1)
    pos_m = np.asarray(_grid_kernel(ephemeris, jnp.asarray(coarse_s)))
    found = []
    for user, (rx_m, axes) in enumerate(
        zip(users.pos_ecef_m[:, 0], users.enu_axes[:, 0], strict=True)
    ):
        offset = pos_m - rx_m
        el_rad = np.arcsin(offset @ axes[2] / np.linalg.norm(offset, axis=-1))
        found.append(_drawn(plan, el_rad, coarse_s, np.random.default_rng([seed, user])))
    return found


def _drawn(plan: ObservationPlan, el_rad, coarse_s, rng: np.random.Generator) -> list[Arc]:
    if not plan.window_s:
        high = np.flatnonzero(el_rad[:, 0] >= plan.mask_rad)
        if len(high) < plan.num_arcs:
            return []
        chosen = rng.choice(high, plan.num_arcs, replace=False)
        return [Arc(int(sat), 0.0, 0.0) for sat in chosen]
    try:
        return choose_arcs(el_rad, coarse_s, ArcPlan(**dataclasses.asdict(plan)), rng)
    except LeopntError:  # too few satellites stay up
        return []


@jax.jit
def _grid_kernel(ephemeris: Ephemeris, time_s):
    """Positions (sat, epoch, 3) at times."""
    number = jnp.arange(ephemeris.pos_ecef_m.shape[0])
    over_time = jax.vmap(lambda s, t: ephemeris.state(s, t).pos_ecef_m, (None, 0))
    return jax.vmap(over_time, (0, None))(number, time_s)


class ArcLinks(NamedTuple):
    """Measurements of every case, padded to one length (`visible` False).

    arc_index: which arc of the case; received_s: reception; states at transmission, ECEF; middle_s:
    mean time of reception of each case.
    """

    arc_index: Int[np.ndarray, "case link"]
    visible: Bool[np.ndarray, "case link"]
    received_s: Float[np.ndarray, "case link"]
    sat_pos_ecef_m: Float[np.ndarray, "case link 3"]
    sat_vel_ecef_mps: Float[np.ndarray, "case link 3"]
    middle_s: Float[np.ndarray, " case"]


def links_of(
    arcs: list[list[Arc]],
    step_s: float,
    ephemeris: Ephemeris,
    rx_pos_ecef_m: Float[np.ndarray, "case 3"],
) -> ArcLinks:
    """Links of all arcs, sent every `step_s`, received one flight time later."""
    sent = [
        [arc.start_s + step_s * np.arange(int(arc.length_s / step_s) + 1) for arc in one]
        for one in arcs
    ]
    counts = np.array([sum(map(len, times)) for times in sent])
    longest = max(int(counts.max()), 1)
    length = bucket(longest, 8 if longest <= 64 else 64)
    sent_s, sat, arc_index = np.zeros((3, len(arcs), length))
    for case, (one, times) in enumerate(zip(arcs, sent, strict=True)):
        if one:
            sizes, missing = [len(t) for t in times], length - counts[case]
            for table, values in (
                (sent_s, np.concatenate(times)),
                (sat, np.repeat([arc.sat for arc in one], sizes)),
                (arc_index, np.repeat(np.arange(len(one)), sizes)),
            ):
                table[case] = np.pad(values, (0, missing), mode="edge")
    visible = np.arange(length) < counts[:, None]
    pos_m, vel_mps, received_s = (
        np.asarray(x) for x in _state_kernel(ephemeris, sat.astype(int), sent_s, rx_pos_ecef_m)
    )
    middle_s = np.sum(np.where(visible, received_s, 0.0), axis=1) / np.maximum(counts, 1)
    return ArcLinks(arc_index.astype(int), visible, received_s, pos_m, vel_mps, middle_s)


@jax.jit
def _state_kernel(ephemeris: Ephemeris, sat, sent_s, rx_m):
    """State at transmission and time of reception of every link (case, link)."""

    def one(sat, t, rx):
        state = ephemeris.state(sat, t)
        return state.pos_ecef_m, state.vel_ecef_mps, t + flight_time(state.pos_ecef_m, rx)

    return jax.vmap(jax.vmap(one, (0, 0, None)))(sat, sent_s, rx_m)
