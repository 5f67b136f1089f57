"""Random 9D scenes: satellites that move as the paper says, or as satellites do.

Every function draws one scene from a JAX key; `jax.vmap` over keys draws a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.frames.attitude import rotation_from_yaw_pitch_roll
from leopnt.methods.nine_d.scene import NineDScene

EARTH_RADIUS_M = 6371e3

Scalar: TypeAlias = float | Float[Array, ""]

Motion = Callable[
    [Key[Array, ""], Float[Array, "sat 3"], Float[Array, " slot"], Float[Array, ""]],
    tuple[Float[Array, "sat slot 3"], Float[Array, "sat slot 3"]],
]
"""(key, first positions, slot times, speed) -> positions [m], velocities [m/s]."""


def seed_motion(key, first_pos_m, slot_time_s, speed_mps):
    """As printed: a new uniform direction per slot, p_k = p_1 + T_k v_k.

    No trajectory: the positions are not the integral of the velocities.

    Source: [emenonye-9d] Sec. IV.
    """
    vel = _new_directions(key, first_pos_m, slot_time_s, speed_mps)
    return first_pos_m[:, None, :] + slot_time_s[None, :, None] * vel, vel


def integrated_motion(key, first_pos_m, slot_time_s, speed_mps):
    """The velocities of `seed_motion`, with positions that follow: p_k+1 = p_k + dT v_k."""
    vel = _new_directions(key, first_pos_m, slot_time_s, speed_mps)
    steps = jnp.diff(slot_time_s)[None, :, None] * vel[:, :-1]
    moved = jnp.concatenate([jnp.zeros_like(vel[:, :1]), jnp.cumsum(steps, axis=1)], axis=1)
    return first_pos_m[:, None, :] + moved, vel


def orbit_motion(key, first_pos_m, slot_time_s, speed_mps):
    """Circular arcs about a center 6371 km below the origin, in a uniform tangent direction."""
    center = jnp.array([0.0, 0.0, -EARTH_RADIUS_M])
    arm = first_pos_m - center[None, :]
    radius = jnp.linalg.norm(arm, axis=1, keepdims=True)
    up = arm / radius
    drawn = uniform_directions(key, (first_pos_m.shape[0],))
    level = drawn - jnp.sum(drawn * up, axis=1, keepdims=True) * up
    along = level / jnp.linalg.norm(level, axis=1, keepdims=True)
    angle = (speed_mps / radius * slot_time_s[None, :])[:, :, None]
    out = jnp.cos(angle) * up[:, None] + jnp.sin(angle) * along[:, None]
    ahead = jnp.cos(angle) * along[:, None] - jnp.sin(angle) * up[:, None]
    return center[None, None] + radius[:, :, None] * out, speed_mps * ahead


def half_wavelength_square(carrier_hz: Scalar = 1e9) -> Float[Array, "4 3"]:
    """Four antennas in the body x-y plane, side lambda/2."""
    quarter_m = SPEED_OF_LIGHT_MPS / carrier_hz / 4.0
    corners = jnp.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    return quarter_m * corners


def random_scene(
    key: Key[Array, ""],
    motion: Motion = orbit_motion,
    *,
    num_sat: int = 3,
    num_slot: int = 3,
    slot_spacing_s: Scalar = 1.0,
    antennas_body_m: Float[Array, "ant 3"] | None = None,
    snr_linear: Scalar = 100.0,
    carrier_hz: Scalar = 1e9,
    bandwidth_hz: Scalar = 100e6,
    slot_length_s: Scalar = 10e-3,
    doppler_weight: Scalar = 1.0,
    sat_range_m: Scalar = 2e6,
    sat_speed_mps: Scalar = 8000.0,
    rx_offset_m: Scalar = 30.0,
    rx_speed_mps: Scalar = 25.0,
    angle_limit_rad: Scalar = 1.0,
) -> NineDScene:
    """One scene of the paper's Monte Carlo, with what it leaves open filled in.

    Satellites start at `sat_range_m` from the receiver, uniform on the upper hemisphere; the
    receiver is `rx_offset_m` from the origin in a uniform direction, and moves in another; yaw,
    pitch and roll are uniform in +-`angle_limit_rad`. Other choices of the paper: SNR 20 dB,
    effective bandwidth 100 MHz uncorrelated with a carrier of 1 GHz.

    Args:
        key: makes the scene; the same key, the same directions at any spacing.
        motion: `orbit_motion`, `integrated_motion`, `seed_motion` or your own.
        antennas_body_m: default `half_wavelength_square(carrier_hz)`; their mean must be zero.
        slot_length_s: T, mean square time T^2/12.

    Source: [emenonye-9d] Sec. IV.
    """
    if num_sat < 1 or num_slot < 1:
        raise LeopntError(f"num_sat = {num_sat}, num_slot = {num_slot}: expected 1 or more each.")
    keys = jax.random.split(key, 5)
    antennas = half_wavelength_square(carrier_hz) if antennas_body_m is None else antennas_body_m
    rx_pos = rx_offset_m * uniform_directions(keys[0], ())
    angles = jax.random.uniform(keys[1], (3,), minval=-angle_limit_rad, maxval=angle_limit_rad)
    directions = uniform_directions(keys[2], (num_sat,))
    up = directions.at[:, 2].set(jnp.abs(directions[:, 2]))
    slot_time = jnp.asarray(slot_spacing_s) * jnp.arange(float(num_slot))
    first = rx_pos[None, :] + sat_range_m * up
    sat_pos, sat_vel = motion(keys[3], first, slot_time, jnp.asarray(sat_speed_mps))
    per_slot = jnp.ones((num_sat, num_slot))
    return NineDScene(
        sat_pos_m=sat_pos,
        sat_vel_mps=sat_vel,
        slot_time_s=slot_time,
        rx_pos_m=rx_pos,
        rx_vel_mps=rx_speed_mps * uniform_directions(keys[4], ()),
        rotation=rotation_from_yaw_pitch_roll(*angles),
        antennas_body_m=antennas,
        carrier_hz=jnp.asarray(carrier_hz),
        bandwidth_hz=bandwidth_hz * per_slot,
        correlation=0.0 * per_slot,
        snr=snr_linear * jnp.ones((num_sat, num_slot, antennas.shape[0])),
        mean_square_time_s2=slot_length_s**2 / 12.0 * per_slot,
        freq_offset_hz=jnp.zeros(num_sat),
        doppler_weight=jnp.asarray(doppler_weight),
    )


def uniform_directions(key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "*shape 3"]:
    """Unit vectors, uniform on the sphere."""
    drawn = jax.random.normal(key, (*shape, 3))
    return drawn / jnp.linalg.norm(drawn, axis=-1, keepdims=True)


def _new_directions(key, first_pos_m, slot_time_s, speed_mps):
    return speed_mps * uniform_directions(key, (first_pos_m.shape[0], slot_time_s.shape[0]))
