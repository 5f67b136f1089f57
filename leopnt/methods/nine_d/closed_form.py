"""Delays, Dopplers and their derivatives in closed form; the weights of each.

Columns are position, rotation (small global rotation vector) and velocity: 9 in all.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.methods.nine_d.scene import NineDScene


class Observed(NamedTuple):
    """What is observed, without offsets.

    delay_s: tau; doppler: nu, range rate over c, receding positive; observed_hz: carrier as
    received; omega_hz2: alpha_1^2 + 2 f_o alpha_1 alpha_2 + f_o^2.

    Source: [emenonye-9d] Sec. II, with the sign of nu corrected.
    """

    delay_s: Float[Array, "sat slot ant"]
    doppler: Float[Array, "sat slot"]
    observed_hz: Float[Array, "sat slot"]
    omega_hz2: Float[Array, "sat slot"]


class Derivatives(NamedTuple):
    """d tau and d nu by position [1/m], rotation [1/rad] and velocity [s/m]."""

    delay: Float[Array, "sat slot ant 9"]
    doppler: Float[Array, "sat slot 9"]


class Weights(NamedTuple):
    """Information of one delay [1/s^2] and of one Doppler [1], before nuisances.

    delay = SNR omega,   doppler = weight f_c^2 t2 sum_u SNR
    """

    delay: Float[Array, "sat slot ant"]
    doppler: Float[Array, "sat slot"]


def _offsets(scene: NineDScene):
    """Receiver centroid minus satellite (sat, slot, 3), and antennas from the centroid (ant, 3)."""
    receiver = scene.rx_pos_m[None, :] + scene.slot_time_s[:, None] * scene.rx_vel_mps[None, :]
    return receiver[None] - scene.sat_pos_m, scene.antennas_body_m @ scene.rotation.T


def _length(vector):
    return jnp.sqrt(jnp.sum(vector * vector, axis=-1))


@jax.jit
def observed(scene: NineDScene) -> Observed:
    """Delays and Dopplers of all links."""
    offset, antennas = _offsets(scene)
    to_antenna = offset[:, :, None, :] + antennas[None, None]
    unit = offset / _length(offset)[..., None]
    relative = scene.rx_vel_mps[None, None] - scene.sat_vel_mps
    doppler = jnp.sum(unit * relative, axis=-1) / SPEED_OF_LIGHT_MPS
    at_hz = scene.carrier_hz * (1.0 - doppler) + scene.freq_offset_hz[:, None]
    alpha, rho = scene.bandwidth_hz, scene.correlation
    omega = alpha**2 + 2.0 * at_hz * alpha * rho + at_hz**2
    return Observed(_length(to_antenna) / SPEED_OF_LIGHT_MPS, doppler, at_hz, omega)


@jax.jit
def derivatives(scene: NineDScene) -> Derivatives:
    """D tau and d nu, exact for spherical waves.

        d tau/dp = D_u/c,   d tau/d theta = (s_u x D_u)/c,   d tau/dv = T D_u/c
        d nu/dp = g = (I - D D^T)(v_U - v_b)/(c d),   d nu/dv = D/c + T g

    D_u points from the satellite to antenna u, D to the centroid.
    """
    offset, antennas = _offsets(scene)
    to_antenna = offset[:, :, None, :] + antennas[None, None]
    towards = to_antenna / _length(to_antenna)[..., None]
    return Derivatives(_delay_rows(scene, towards, towards, antennas), _doppler_rows(scene, offset))


@jax.jit
def decoupled_derivatives(scene: NineDScene) -> Derivatives:
    """As `derivatives`, without the share 1e-7 (array over range) that depends on the curvature of
    the wave: all antennas have the centroid's derivatives by position and velocity.
    """
    offset, antennas = _offsets(scene)
    to_antenna = offset[:, :, None, :] + antennas[None, None]
    towards = to_antenna / _length(to_antenna)[..., None]
    middle = (offset / _length(offset)[..., None])[:, :, None, :]
    level = jnp.broadcast_to(middle, to_antenna.shape)
    return Derivatives(_delay_rows(scene, level, towards, antennas), _doppler_rows(scene, offset))


def _delay_rows(scene: NineDScene, by_position, by_rotation, antennas):
    """`by_position`, `by_rotation`: unit vectors (sat, slot, ant, 3) for these columns."""
    turned = jnp.cross(jnp.broadcast_to(antennas[None, None], by_rotation.shape), by_rotation)
    moved = scene.slot_time_s[None, :, None, None] * by_position
    return jnp.concatenate([by_position, turned, moved], axis=-1) / SPEED_OF_LIGHT_MPS


def _doppler_rows(scene: NineDScene, offset):
    distance = _length(offset)[..., None]
    unit = offset / distance
    relative = scene.rx_vel_mps[None, None] - scene.sat_vel_mps
    across = relative - jnp.sum(unit * relative, axis=-1, keepdims=True) * unit
    g = across / distance
    by_velocity = unit + scene.slot_time_s[None, :, None] * g
    return jnp.concatenate([g, jnp.zeros_like(g), by_velocity], axis=-1) / SPEED_OF_LIGHT_MPS


@jax.jit
def weights(scene: NineDScene) -> Weights:
    """Information of each delay and Doppler."""
    omega = observed(scene).omega_hz2
    total = jnp.sum(scene.snr, axis=-1)
    doppler = scene.doppler_weight * scene.carrier_hz**2 * scene.mean_square_time_s2 * total
    return Weights(scene.snr * omega[..., None], doppler)


@jax.jit
def euler_map(scene_rotation: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """E with (small rotation vector) = E d(yaw, pitch, roll); singular at pitch = +-90 degrees."""
    yaw = jnp.arctan2(scene_rotation[1, 0], scene_rotation[0, 0])
    zero = jnp.zeros_like(yaw)
    roll_axis = scene_rotation[:, 0]
    pitch_axis = jnp.stack([-jnp.sin(yaw), jnp.cos(yaw), zero])
    return jnp.stack([jnp.array([0.0, 0.0, 1.0]), pitch_axis, roll_axis], axis=1)


@jax.jit
def euler_covariance(
    rotation: Float[Array, "3 3"], covariance: Float[Array, "3 3"]
) -> Float[Array, "3 3"]:
    """Covariance of yaw, pitch and roll from that of a small rotation vector in global axes."""
    a, b, c = euler_map(rotation).T
    cofactor = jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)])
    back = cofactor / (a @ cofactor[0])
    return back @ covariance @ back.T
