"""One trial of a 9D study below a constellation: the receiver held somehow, its bounds."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from leopnt.inference.eigen3 import eigenvector, largest_eigenvalue
from leopnt.inference.status import Status
from leopnt.methods.nine_d import AbstractNuisance, NineDScene
from leopnt.methods.nine_d.covariance import Knowledge, LocationCovariance, location_covariance
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.downlink import Downlink, antenna_gain
from leopnt.scenes.nine_d_scene import states_at
from leopnt.scenes.receiver_pose import body_rotation

_UNOBSERVABLE = int(np.asarray(Status.unobservable._value))


class Layout(NamedTuple):
    """What a compiled kernel is made for."""

    nuisances: tuple[AbstractNuisance, ...]
    known: tuple[str, ...]


class Cases(NamedTuple):
    """What differs between cases; `strength` is the SNR into an antenna of 0 dBi, 0 if blocked."""

    sat_index: Int[Array, "*case sat"]
    time_s: Float[Array, "*case"]
    strength: Float[Array, "*case sat slot"]
    rx_pos_m: Float[Array, "*case 3"]
    rx_vel_mps: Float[Array, "*case 3"]
    enu_axes: Float[Array, "*case 3 3"]
    nearest_m: Float[Array, "*case"]
    location_rows: Float[Array, "*case row 9"]


class Signal(NamedTuple):
    """Numbers of the signal, the same for all links."""

    carrier_hz: Float[Array, ""]
    bandwidth_hz: Float[Array, ""]
    correlation: Float[Array, ""]
    mean_square_time_s2: Float[Array, ""]
    doppler_weight: Float[Array, ""]


class Shared(NamedTuple):
    """What every trial of a point shares; states come from the ephemeris, to save memory."""

    key: jax.Array
    trials: jax.Array
    cases: Cases
    ephemeris: Ephemeris
    slot_time_s: Float[Array, " slot"]
    antennas_body_m: Float[Array, "ant 3"]
    signal: Signal
    downlink: Downlink | None
    angles_rad: Float[Array, "3"]
    spread_rad: Float[Array, "3"]
    nuisance_sigma: dict[str, Float[Array, ""]]
    position_share: Float[Array, ""]
    limits: Float[Array, "2"]
    is_unknown: Array


def scene_of(case: Cases, shared: Shared, heading_pitch_roll_rad: Float[Array, "3"]) -> NineDScene:
    """The 9D scene of one case with the receiver held like this; ECEF, where it does not turn."""
    rotation = body_rotation(case.enu_axes, *heading_pitch_roll_rad)
    num_ant = shared.antennas_body_m.shape[0]
    num_sat, num_slot = case.strength.shape
    sat_pos_m, sat_vel_mps = states_at(
        shared.ephemeris, case.sat_index, case.time_s, shared.slot_time_s
    )
    gain = jnp.ones((num_sat, num_slot, num_ant))
    if shared.downlink is not None:
        moved = shared.slot_time_s[:, None] * case.rx_vel_mps[None, :]
        towards = sat_pos_m - (case.rx_pos_m[None, :] + moved)[None]
        gain = antenna_gain(shared.downlink, num_ant, rotation, towards)
    per_slot = jnp.ones((num_sat, num_slot))
    signal = shared.signal
    return NineDScene(
        sat_pos_m=sat_pos_m,
        sat_vel_mps=sat_vel_mps,
        slot_time_s=shared.slot_time_s,
        rx_pos_m=case.rx_pos_m,
        rx_vel_mps=case.rx_vel_mps,
        rotation=rotation,
        antennas_body_m=shared.antennas_body_m,
        carrier_hz=signal.carrier_hz,
        bandwidth_hz=signal.bandwidth_hz * per_slot,
        correlation=signal.correlation * per_slot,
        snr=case.strength[..., None] * gain,
        mean_square_time_s2=signal.mean_square_time_s2 * per_slot,
        freq_offset_hz=jnp.zeros(num_sat),
        doppler_weight=signal.doppler_weight,
    )


@functools.lru_cache(maxsize=64)
def trial_kernel(layout: Layout):
    """The kernel of a trial with this layout; the same object for the same layout."""

    def nine_d_trial(index, shared: Shared) -> dict[str, Any]:
        number, trial = index // shared.trials, index % shared.trials
        case = jax.tree.map(lambda x: x[number], shared.cases)
        key = jax.random.fold_in(jax.random.fold_in(shared.key, number), trial)
        drawn = jax.random.uniform(key, (3,), minval=-1.0, maxval=1.0)
        scene = scene_of(case, shared, shared.angles_rad + drawn * shared.spread_rad)
        knowledge = Knowledge(case.location_rows, shared.nuisance_sigma)
        found = location_covariance(
            scene, layout.nuisances, known=layout.known, knowledge=knowledge
        )
        return _outcome(found, case, shared)

    return nine_d_trial


def _outcome(found: LocationCovariance, case: Cases, shared: Shared) -> dict[str, Any]:
    sigmas = jnp.sqrt(jnp.stack([jnp.trace(one) for one in found]))
    limits = jnp.concatenate([(shared.position_share * case.nearest_m)[None], shared.limits])
    told = jnp.isfinite(sigmas) | ~shared.is_unknown
    useful = (sigmas < limits) | ~shared.is_unknown
    position, rotation = (case.enu_axes @ one @ case.enu_axes.T for one in found[:2])
    largest = largest_eigenvalue(position)
    return {
        "status": jnp.where(jnp.all(told), 0, _UNOBSERVABLE).astype(jnp.int8),
        "position_bound": sigmas[0],
        "horizontal_bound": jnp.sqrt(position[0, 0] + position[1, 1]),
        "vertical_bound": jnp.sqrt(position[2, 2]),
        "weakest_position": jnp.sqrt(largest),
        "weakest_enu": eigenvector(position, largest),
        "orientation_bound": sigmas[1],
        "heading_bound": jnp.sqrt(rotation[2, 2]),
        "velocity_bound": sigmas[2],
        "practical": jnp.all(useful).astype(jnp.int8),
    }
