"""From positions to what a link is: angles, delay, Doppler, loss, complex gain."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from leopnt.antennas.orientation import array_angles, array_frame
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.methods.pace.scene import PaceScene
from leopnt.methods.pace.system import PaceSystem


class Links(NamedTuple):
    """Every satellite's link to every user, without clock bias and frequency offset.

    range_m: rho; delay_s: rho / c; doppler_hz: v . (p_u - p_s) / (lambda rho), positive
    approaching; az_rad, el_rad: departure, elevation from the array plane, azimuth 0 where it is
    undefined (el = pi/2); user_el_rad: of the satellite over the user's horizon; loss_db;
    gain: alpha, complex, |alpha|^2 = 10^(-loss/10); element: G, amplitude of the array's element;
    element_slope: dG / d el.
    """

    range_m: Float[Array, "*link"]
    delay_s: Float[Array, "*link"]
    doppler_hz: Float[Array, "*link"]
    az_rad: Float[Array, "*link"]
    el_rad: Float[Array, "*link"]
    user_el_rad: Float[Array, "*link"]
    loss_db: Float[Array, "*link"]
    gain: Inexact[Array, "*link"]
    element: Float[Array, "*link"]
    element_slope: Float[Array, "*link"]

    @property
    def channel_gain(self) -> Inexact[Array, "*link"]:
        """Vartheta = alpha G, which the uplink estimates."""
        return self.gain * self.element


@jax.jit
def links_of(scene: PaceScene, system: PaceSystem) -> Links:
    """All links of a scene, axes (sat, user)."""

    def of_satellite(pos, vel, phase):
        frame = array_frame(pos, vel)
        return jax.vmap(lambda user, phase: _link(system, pos, vel, frame, user, phase))(
            scene.user_pos_m, phase
        )

    return jax.vmap(of_satellite)(scene.sat_pos_m, scene.sat_vel_mps, scene.gain_phase_rad)


@jax.jit
def departure_angles(
    scene: PaceScene, user_pos_m: Float[Array, "user 3"]
) -> tuple[Float[Array, "sat user"], Float[Array, "sat user"]]:
    """Azimuth and elevation [rad] at which the satellites would see users at other positions."""

    def of_satellite(pos, vel):
        frame = array_frame(pos, vel)
        return jax.vmap(lambda user: array_angles(frame, user - pos))(user_pos_m)

    return jax.vmap(of_satellite)(scene.sat_pos_m, scene.sat_vel_mps)


@jax.jit
def doppler_rates_hzps(scene: PaceScene, system: PaceSystem) -> Float[Array, "sat user"]:
    """Rate of the Doppler [Hz/s] of every link, satellites on circular arcs around the Earth.

        lambda dnu/dt = a . D / rho - (|v|^2 - (v . D)^2 / rho^2) / rho,   a = -|v|^2 p_s / |p_s|^2

    The bounds take the Doppler as constant over the pilots; a few hundred hertz of drift over
    83 ms is usual. A rate that is estimated too costs nothing where nu means the middle symbol's:
    there l and l^2 are orthogonal.
    """

    def one(pos, vel, user):
        offset = user - pos
        range_m = jnp.sqrt(offset @ offset)
        square = vel @ vel
        pulled = -square / (pos @ pos) * (pos @ offset)
        across = square - (vel @ offset) ** 2 / range_m**2
        return (pulled - across) / (range_m * system.wavelength_m)

    of_satellite = jax.vmap(one, in_axes=(None, None, 0))
    return jax.vmap(of_satellite, in_axes=(0, 0, None))(
        scene.sat_pos_m, scene.sat_vel_mps, scene.user_pos_m
    )


def _link(system: PaceSystem, pos, vel, frame, user, phase) -> Links:
    offset = user - pos
    range_m = jnp.sqrt(offset @ offset)
    az, el = array_angles(frame, offset)
    sine = -(offset @ user) / (range_m * jnp.sqrt(user @ user))
    user_el = jnp.arcsin(jnp.clip(sine, -1.0, 1.0))
    loss_db = system.losses.loss_db(range_m, system.carrier_hz, user_el)
    magnitude = 10.0 ** (-loss_db / 20.0)
    return Links(
        range_m=range_m,
        delay_s=range_m / SPEED_OF_LIGHT_MPS,
        doppler_hz=(vel @ offset) / (system.wavelength_m * range_m),
        az_rad=az,
        el_rad=el,
        user_el_rad=user_el,
        loss_db=loss_db,
        gain=magnitude * (jnp.cos(phase) + 1j * jnp.sin(phase)),
        element=system.element.amplitude(el),
        element_slope=system.element.slope(el),
    )
