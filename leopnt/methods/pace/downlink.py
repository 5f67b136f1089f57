"""Downlink: what pilots tell about Doppler and delay when angles and gain are unknown too."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact, Int

from leopnt.antennas.elements import SineElement
from leopnt.antennas.steering import UniformPlanarArray
from leopnt.errors import LeopntError
from leopnt.methods.pace.beams import AbstractPilotBeam
from leopnt.methods.pace.links import Links, links_of
from leopnt.methods.pace.scene import PaceScene
from leopnt.methods.pace.system import PaceSystem
from leopnt.signals.ofdm import OfdmGrid
from leopnt.signals.pilots import isotropic_moments

CHANNEL = ("doppler_hz", "delay_s", "az_rad", "el_rad", "gain_real", "gain_imag")
"""Order of the channel parameters eta."""

RANK_FLOOR = 1e-12
"""Eigenvalue of the unit-diagonal nuisance block below which a direction is not identifiable."""


class ChannelEfim(NamedTuple):
    """Information about Doppler and delay with angles and gain eliminated.

    matrix: (2, 2) EFIM of [nu (Hz), tau (s)]; rank: of the scaled nuisance block, 4 where angles
    and gain can all be told; angles_identifiable: whether azimuth and elevation can.
    """

    matrix: Float[Array, "2 2"]
    rank: Int[Array, ""]
    angles_identifiable: Bool[Array, ""]


@jax.jit
def channel_fim(
    *,
    az_rad: Float[Array, ""] | float,
    el_rad: Float[Array, ""] | float,
    gain: Inexact[Array, ""] | complex,
    beamformer: Complex[Array, "ant stream"],
    moments: Complex[Array, "3 3 stream stream"],
    array: UniformPlanarArray,
    element: SineElement,
    spacing_hz: Float[Array, ""] | float,
    noise_w: Float[Array, ""] | float,
) -> Float[Array, "6 6"]:
    """Fisher information of one link about [nu, tau, az, el, Re alpha, Im alpha], SI.

        mu[l,k] = alpha G e^(2 pi i (l T nu - k Df tau)) a^T F t[l,k]
        J_ij = (2 / sigma^2) Re sum_ab u_a,i^H R_ab u_b,j

    with u the derivatives that multiply 1, l and k. The values of nu and tau do not matter.

    Args:
        gain: alpha, without the element's gain.
        beamformer: F.
        moments: R of the pilots: `isotropic_moments` or `pilot_moments`.
        element: its amplitude gain G(el) and slope.

    Source: [zhang-pace] eqs. 10-11, with sums over l and k from 1.
    """
    steering = array.steering_derivatives(az_rad, el_rad)
    c, c_az, c_el = (beamformer.T @ x for x in steering)
    amplitude, slope = element.amplitude(el_rad), element.slope(el_rad)
    turn = 2j * jnp.pi * gain * amplitude * c
    zero = jnp.zeros_like(c)
    constant = jnp.stack(
        [
            zero,
            zero,
            gain * amplitude * c_az,
            gain * (slope * c + amplitude * c_el),
            amplitude * c,
            1j * amplitude * c,
        ]
    )
    by_symbol = jnp.zeros_like(constant).at[0].set(turn / spacing_hz)
    by_sub = jnp.zeros_like(constant).at[1].set(-turn * spacing_hz)
    u = jnp.stack([constant, by_symbol, by_sub])
    fim = jnp.einsum("ais,abst,bjt->ij", jnp.conj(u), moments, u).real
    return 2.0 / noise_w * 0.5 * (fim + fim.T)


@jax.jit
def channel_efim(fim: Float[Array, "6 6"]) -> ChannelEfim:
    """EFIM of Doppler and delay from the 6 x 6 information.

        X - Y Z^+ Y^T,   Z scaled to unit diagonal

    Z is singular for a single beam (angles and gain cannot be told apart) and at boresight (no
    azimuth); the pseudo-inverse keeps the Schur complement exact. Library eigenvalues inside: not
    for kernels on several threads, which take `snr` and `efim_closed_form`.

    Source: [zhang-pace] eq. 12, with a pseudo-inverse.
    """
    diagonal = jnp.diag(fim)
    scale = jnp.where(diagonal > 0, 1.0 / jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1.0)), 0.0)
    unit = fim * scale[:, None] * scale[None, :]
    value, vector = jnp.linalg.eigh(unit[2:, 2:])
    seen = value > RANK_FLOOR
    inverse = jnp.where(seen, 1.0 / jnp.where(seen, value, 1.0), 0.0)
    cross = unit[:2, 2:] @ vector
    schur = unit[:2, :2] - (cross * inverse[None, :]) @ cross.T
    schur = 0.5 * (schur + schur.T)
    back = jnp.sqrt(diagonal[:2])
    rank = jnp.sum(seen)
    # Gain alone always has rank two: angles are told if each of them adds one.
    return ChannelEfim(schur * back[:, None] * back[None, :], rank, rank == 4)


def snr(
    channel_gain: Inexact[Array, "*link"],
    power_towards_w: Float[Array, "*link"],
    grid: OfdmGrid,
    noise_w: Float[Array, ""] | float,
) -> Float[Array, "*link"]:
    """SNR after integration: L K |alpha G|^2 ||F^T a||^2 / sigma^2."""
    power = channel_gain.real**2 + channel_gain.imag**2
    return grid.num_sample * power * power_towards_w / noise_w


def efim_closed_form(snr: Float[Array, "*link"], grid: OfdmGrid) -> Float[Array, "*link 2"]:
    """Diagonal of the EFIM of [nu, tau] for isotropic pilots, whatever the beams and their rank.

        J_nu = 2 SNR (2 pi T)^2 (L^2 - 1) / 12,   J_tau = 2 SNR (2 pi Df)^2 (K^2 - 1) / 12

    Off the diagonal it is zero. Where k and l start does not matter. Derivation: the derivatives
    by angles and gain multiply 1 only, hence take away exactly the means of l and k.
    """
    turn = 2.0 * jnp.pi
    doppler = 2.0 * snr * (turn / grid.spacing_hz) ** 2 * grid.symbol_variance
    delay = 2.0 * snr * (turn * grid.spacing_hz) ** 2 * grid.sub_variance
    return jnp.stack([doppler, delay], axis=-1)


@functools.partial(jax.jit, static_argnames="beam")
def efim_of_links(
    links: Links, scene: PaceScene, system: PaceSystem, beam: AbstractPilotBeam
) -> Float[Array, "sat user 2"]:
    """Closed-form EFIM of all links; beams are steered to the users' true directions."""
    power_w = scene.sat_power_w / system.downlink.num_sub
    towards = jax.vmap(lambda az, el: beam.power_towards(system.array, az, el, power_w))(
        links.az_rad, links.el_rad
    )
    found = snr(links.channel_gain, towards, system.downlink, system.noise_w)
    return efim_closed_form(found, system.downlink)


@functools.partial(jax.jit, static_argnames="beam")
def fim_of_links(
    scene: PaceScene,
    system: PaceSystem,
    beam: AbstractPilotBeam,
    moments: Complex[Array | np.ndarray, "3 3 stream stream"] | None = None,
) -> Float[Array, "sat user 6 6"]:
    """6 x 6 information of every link; for inspection and for pilots that are not isotropic.

    Args:
        moments: of the pilots, the same for all satellites; default: isotropic.

    Raises:
        LeopntError: pilots of another number of streams than the beam has.
    """
    links = links_of(scene, system)
    power_w = scene.sat_power_w / system.downlink.num_sub

    def of_satellite(az, el, gain):
        former = beam.matrix(system.array, az, el, power_w)
        given = _moments_for(former, moments, system.downlink)
        return jax.vmap(lambda *link: one(former, given, *link))(az, el, gain)

    def one(former, given, az, el, gain):
        return channel_fim(
            az_rad=az,
            el_rad=el,
            gain=gain,
            beamformer=former,
            moments=given,
            array=system.array,
            element=system.element,
            spacing_hz=system.downlink.spacing_hz,
            noise_w=system.noise_w,
        )

    return jax.vmap(of_satellite)(links.az_rad, links.el_rad, links.gain)


def _moments_for(former, moments, grid: OfdmGrid):
    streams = former.shape[1]
    if moments is None:
        return isotropic_moments(grid, streams)
    if moments.shape != (3, 3, streams, streams):
        raise LeopntError(
            f"moments have shape {moments.shape}; accepted for this beam: "
            f"{(3, 3, streams, streams)}."
        )
    return jnp.asarray(moments)


def check_identifiable(grid: OfdmGrid) -> None:
    """Refuse a downlink that cannot tell Doppler (one symbol) or delay (one subcarrier)."""
    if grid.num_symbol < 2:
        raise LeopntError("num_symbol = 1: Doppler is not identifiable; expected 2 or more.")
    if grid.num_sub < 2:
        raise LeopntError("num_sub = 1: delay is not identifiable; expected 2 or more.")
