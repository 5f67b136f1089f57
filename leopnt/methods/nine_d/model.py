"""Delays and Dopplers as a measurement model: to simulate, to estimate, and to check the bounds."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.frames.attitude import retract, vector_from_rotation
from leopnt.inference.model import Model
from leopnt.inference.parameters import parameter
from leopnt.methods.nine_d.closed_form import weights
from leopnt.methods.nine_d.scene import NineDScene
from leopnt.noise.gaussian import Gaussian


def _turned(base: Float[Array, "3 3"], value: Float[Array, "3 3"]) -> Float[Array, "3"]:
    return vector_from_rotation(value @ base.T)


class NineDTheta(eqx.Module):
    """Unknowns; choose the free ones by name.

    Attributes:
        rx_pos_m: centroid of the antennas at slot_time 0.
        rotation: body to global axes; moved by small vectors in global axes.
        rx_vel_mps: constant velocity.
        time_offset_s, freq_offset_hz: of each satellite.
    """

    rx_pos_m: Float[Array, "*batch 3"] = parameter(scale=1.0, unit="m")
    rotation: Float[Array, "*batch 3 3"] = parameter(
        scale=1.0, unit="rad", retract=retract, local=_turned, tangent_size=3
    )
    rx_vel_mps: Float[Array, "*batch 3"] = parameter(scale=1.0, unit="m/s")
    time_offset_s: Float[Array, "*batch sat"] = parameter(scale=1e-9, unit="s")
    freq_offset_hz: Float[Array, "*batch sat"] = parameter(scale=1.0, unit="Hz")


class NineDLink(eqx.Module):
    """A satellite in a slot.

    Attributes:
        sat_index: number of the satellite.
        sat_pos_m, sat_vel_mps, slot_time_s: as in the scene.
        delay_sigma_s: (ant,) standard deviation 1/sqrt(SNR omega); infinite if blocked.
        doppler_sigma: of the normalized Doppler, 1/sqrt(q).
    """

    sat_index: Int[Array, "*link"]
    sat_pos_m: Float[Array, "*link 3"]
    sat_vel_mps: Float[Array, "*link 3"]
    slot_time_s: Float[Array, "*link"]
    delay_sigma_s: Float[Array, "*link ant"]
    doppler_sigma: Float[Array, "*link"]


class NineDShared(eqx.Module):
    """Known to all links: antennas in body axes, and the carrier."""

    antennas_body_m: Float[Array, "ant 3"]
    carrier_hz: Float[Array, ""]


def predict_link(theta: NineDTheta, shared: NineDShared, link: NineDLink) -> Float[Array, " obs"]:
    """Delay [s] of every antenna, tau - delta, then the normalized Doppler, nu - eps/f_c."""
    centroid_m = theta.rx_pos_m + link.slot_time_s * theta.rx_vel_mps
    antennas_m = shared.antennas_body_m @ theta.rotation.T
    offset_m = centroid_m - link.sat_pos_m
    to_antenna_m = offset_m[None, :] + antennas_m
    delay_s = jnp.sqrt(jnp.sum(to_antenna_m**2, axis=1)) / SPEED_OF_LIGHT_MPS
    unit = offset_m / jnp.sqrt(offset_m @ offset_m)
    doppler = unit @ (theta.rx_vel_mps - link.sat_vel_mps) / SPEED_OF_LIGHT_MPS
    delay_s = delay_s - theta.time_offset_s[link.sat_index]
    doppler = doppler - theta.freq_offset_hz[link.sat_index] / shared.carrier_hz
    return jnp.append(delay_s, doppler)


def link_noise(shared: NineDShared, link: NineDLink) -> Gaussian:
    """Independent Gaussian errors of delays and Doppler, as large as the channel FIM says."""
    return Gaussian(jnp.append(link.delay_sigma_s, link.doppler_sigma))


MODEL = Model(predict_link, link_noise)
"""Coherent delays and Dopplers of one satellite in one slot."""


@jax.jit
def problem_of(scene: NineDScene) -> tuple[NineDTheta, NineDLink, NineDShared]:
    """Truth, links and what they share, of a scene: for the functions of `leopnt.inference`.

    Time offsets are zero in the truth; the frequency offsets are those of the scene.
    """
    num_sat, num_slot, _ = scene.snr.shape
    weight = weights(scene)
    links = NineDLink(
        jnp.repeat(jnp.arange(num_sat), num_slot),
        scene.sat_pos_m.reshape(-1, 3),
        scene.sat_vel_mps.reshape(-1, 3),
        jnp.tile(scene.slot_time_s, num_sat),
        _sigma(weight.delay).reshape(num_sat * num_slot, -1),
        _sigma(weight.doppler).reshape(-1),
    )
    truth = NineDTheta(
        scene.rx_pos_m,
        scene.rotation,
        scene.rx_vel_mps,
        jnp.zeros(num_sat),
        scene.freq_offset_hz,
    )
    return truth, links, NineDShared(scene.antennas_body_m, scene.carrier_hz)


def _sigma(weight):
    positive = weight > 0
    return jnp.where(positive, 1.0 / jnp.sqrt(jnp.where(positive, weight, 1.0)), jnp.inf)
