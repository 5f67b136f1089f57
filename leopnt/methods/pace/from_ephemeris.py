"""Scenes of PACE from real or planned satellites over places on the Earth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from leopnt.antennas._inputs import check_count
from leopnt.errors import LeopntError
from leopnt.methods.pace.motion import SceneMotion
from leopnt.methods.pace.scene import Numbers, PaceScene, pace_scene
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.sky_scene import Place

NUM_SAT = 8


class SceneOverPlaces(NamedTuple):
    """A scene and whose it is.

    sat_index: rows of the ephemeris, the highest first; lowest_el_rad: of each satellite over the
    horizons of all places; motion: for `FramePlan`, seconds after the scene.
    """

    scene: PaceScene
    sat_index: Int[np.ndarray, " sat"]
    lowest_el_rad: Float[np.ndarray, " sat"]
    motion: SceneMotion


def pace_scene_from_ephemeris(
    ephemeris: Ephemeris,
    places: Sequence[Place],
    *,
    time_s: float,
    num_sat: int = NUM_SAT,
    mask_rad: float = np.pi / 6.0,
    clock_bias_s: Numbers = 0.0,
    freq_offset_hz: Numbers = 0.0,
    gain_phase_rad: Numbers = 0.0,
    sat_power_w: float = 100.0,
    user_power_w: float = 1.0,
) -> SceneOverPlaces:
    """The satellites that stand highest over all places at one time.

    ECEF, in which users rest; velocities are relative to it, so that Dopplers are right. The axes
    of an array follow the ground track, up to 4 degrees off the orbit's. States are those of
    `time_s`, not of the transmission (2 ms and 15 m before).

    Args:
        ephemeris: covers `time_s`.
        places: of the users, near each other.
        time_s: since `ephemeris.reference`.
        num_sat: satellites, those with the highest elevation over the place where it is lowest.
        mask_rad: lowest elevation at every place, over the sphere of the channel model.
        clock_bias_s, freq_offset_hz, gain_phase_rad, sat_power_w, user_power_w: as `pace_scene`.

    Raises:
        LeopntError: no place, too few satellites above the mask, or as `pace_scene`.
    """
    check_count(1, num_sat=num_sat)
    if not places:
        raise LeopntError("places: none; expected one or more.")
    users = np.stack([np.asarray(place.pos_ecef_m) for place in places])
    every = np.arange(ephemeris.pos_ecef_m.shape[0])
    pos, vel = _states(ephemeris, jnp.asarray(every), float(time_s))
    lowest = _lowest_elevation(np.asarray(pos), users)
    chosen = np.argsort(-np.nan_to_num(lowest, nan=-np.inf), kind="stable")[:num_sat]
    in_view = int(np.sum(lowest[chosen] >= mask_rad))
    if in_view < num_sat:
        raise LeopntError(
            f"{in_view} satellites are above the mask of {np.degrees(mask_rad):g} degrees at all "
            f"{len(places)} places at time_s = {time_s:g}; num_sat = {num_sat} were asked for."
        )
    scene = pace_scene(
        sat_pos_m=np.asarray(pos)[chosen],
        sat_vel_mps=np.asarray(vel)[chosen],
        user_pos_m=users,
        clock_bias_s=clock_bias_s,
        freq_offset_hz=freq_offset_hz,
        gain_phase_rad=gain_phase_rad,
        sat_power_w=sat_power_w,
        user_power_w=user_power_w,
    )

    def motion(scene: PaceScene, after_s: Float[Array, ""] | float) -> PaceScene:
        states = _states(ephemeris, jnp.asarray(chosen), time_s + after_s)
        return eqx.tree_at(lambda s: (s.sat_pos_m, s.sat_vel_mps), scene, states)

    return SceneOverPlaces(scene, chosen, lowest[chosen], motion)


@jax.jit
def _states(ephemeris: Ephemeris, sats: Int[Array, " sat"], time_s):
    state = jax.vmap(lambda sat: ephemeris.state(sat, time_s))(sats)
    return state.pos_ecef_m, state.vel_ecef_mps


def _lowest_elevation(pos: np.ndarray, users: np.ndarray) -> Float[np.ndarray, " sat"]:
    """Lowest elevation of each satellite over the users' horizons on a sphere."""
    up = users / np.linalg.norm(users, axis=1, keepdims=True)
    offset = pos[:, None] - users[None]
    sine = np.einsum("sui,ui->su", offset, up) / np.linalg.norm(offset, axis=2)
    return np.min(np.arcsin(np.clip(sine, -1.0, 1.0)), axis=1)
