"""Downlink with a Doppler that drifts, pilots over a wide band, and subcarriers that leak.

What the closed form of `downlink` leaves out, each as an option whose bound goes over into it.
"""

from __future__ import annotations

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Complex, Float, Inexact

from leopnt.antennas.elements import SineElement
from leopnt.antennas.steering import UniformPlanarArray, dirichlet, dirichlet_power
from leopnt.errors import LeopntError
from leopnt.methods.pace._beam_inputs import check_finite_values
from leopnt.methods.pace.beams import AbstractPilotBeam
from leopnt.methods.pace.downlink import CHANNEL, check_identifiable, snr
from leopnt.methods.pace.links import Links
from leopnt.methods.pace.scene import PaceScene
from leopnt.methods.pace.system import PaceSystem
from leopnt.signals.ofdm import OfdmGrid

CHANNEL_WITH_RATE = (*CHANNEL, "doppler_rate_hzps")
"""Order of the channel parameters with a Doppler that drifts."""


class PilotPhase(eqx.Module):
    """How the phase of a link turns over its pilots.

        phi = 2 pi [t nu (1 + k Df / f_c) + r (t - t_0)^2 / 2 - k Df tau],   t = l T, t_0 = l_0 T

    The defaults are those of `downlink`: a narrow band, symbols counted from 1.

    Attributes:
        carrier_hz: f_c at subcarrier 0: a delay drifts by -nu / f_c. Infinite: a narrow band.
        reference_symbol: l_0, at which nu is the Doppler; only a rate r makes a difference.
    """

    carrier_hz: Float[Array, ""] | float = np.inf
    reference_symbol: Float[Array, ""] | float = 0.0

    def __check_init__(self):
        carrier = self.carrier_hz
        if not isinstance(carrier, Tracer) and not np.all(np.asarray(carrier) > 0):
            raise LeopntError(f"carrier_hz = {float(carrier):g}: expected a number above 0.")
        check_finite_values(reference_symbol=self.reference_symbol)


def middle_symbol(grid: OfdmGrid) -> float:
    """(L + 1) / 2: a Doppler meant there loses nothing to a rate that is estimated too."""
    return 0.5 * (grid.num_symbol + 1)


def slope_covariance(grid: OfdmGrid, phase: PilotPhase = PilotPhase()) -> Float[Array, "3 3"]:
    """Covariance over the grid of the phase's slopes by nu, tau and r.

    With e = Df / f_c, lb and kb the means of l and k, sl and sk their variances, d = lb - l_0:

        nu, nu:   (2 pi T)^2 (c^2 sl + e^2 (lb^2 + sl) sk),   c = 1 + e kb
        nu, tau:  -(2 pi)^2 e lb sk,      tau, tau:  (2 pi Df)^2 sk
        nu, r:    (2 pi)^2 T^3 c d sl,    tau, r:    0
        r, r:     (2 pi)^2 T^4 / 4 ((L^2 - 1)(L^2 - 4) / 180 + 4 d^2 sl)
    """
    symbol_s = grid.symbol_s
    share = grid.spacing_hz / phase.carrier_hz
    mean_l, mean_k = 0.5 * (grid.num_symbol + 1), 0.5 * (grid.num_sub + 1)
    var_l, var_k = grid.symbol_variance, grid.sub_variance
    off, grown = mean_l - phase.reference_symbol, 1.0 + share * mean_k
    square = grid.num_symbol**2
    bend = (square - 1.0) * (square - 4.0) / 180.0 + 4.0 * off**2 * var_l
    doppler = symbol_s**2 * (grown**2 * var_l + share**2 * (mean_l**2 + var_l) * var_k)
    mixed = -share * mean_l * var_k
    delay = grid.spacing_hz**2 * var_k
    drift = symbol_s**3 * grown * off * var_l
    rows = [[doppler, mixed, drift], [mixed, delay, 0.0], [drift, 0.0, 0.25 * symbol_s**4 * bend]]
    return (2.0 * jnp.pi) ** 2 * jnp.stack(
        [jnp.stack([jnp.asarray(x, float) for x in row]) for row in rows]
    )


def efim_with_rate(
    snr: Float[Array, "*link"] | float, grid: OfdmGrid, phase: PilotPhase = PilotPhase()
) -> Float[Array, "*link 3 3"]:
    """EFIM of [nu (Hz), tau (s), r (Hz/s)] for isotropic pilots, angles and gain eliminated.

        J = 2 SNR Cov(slopes)

    for the reason of `efim_closed_form`: what angles and gain take away are the means of the
    slopes. Its first two rows and columns are the EFIM of a known rate, those of
    `efim_closed_form` in a narrow band.

    Raises:
        LeopntError: fewer than three symbols, or one subcarrier.
    """
    check_rate_identifiable(grid)
    information = 2.0 * jnp.asarray(snr, float)
    covariance = slope_covariance(grid, phase)
    wide = jnp.broadcast_to(covariance, (*information.shape, 3, 3))
    return information[..., None, None] * wide


def rate_eliminated(efim: Float[Array, "*link 3 3"]) -> Float[Array, "*link 2 2"]:
    """EFIM of [nu, tau] with the rate unknown.

    Nu loses the factor 1 + 4 d^2 sl 180 / ((L^2 - 1)(L^2 - 4)) in a narrow band: none at the middle
    symbol, 16 at the first or last of many.
    """
    _check_rate_information(efim[..., 2, 2])
    across = efim[..., :2, 2]
    return efim[..., :2, :2] - across[..., :, None] * across[..., None, :] / efim[..., 2:, 2:]


@functools.partial(jax.jit, static_argnames="beam")
def efim_of_links_with_rate(
    links: Links,
    scene: PaceScene,
    system: PaceSystem,
    beam: AbstractPilotBeam,
    phase: PilotPhase = PilotPhase(),
) -> Float[Array, "sat user 2 2"]:
    """EFIM of [nu, tau] of all links with an unknown rate, as `efim_of_links`.

    `[:, u]` is the `information` of `problem_of_information`, hence of all position bounds.
    """
    check_rate_identifiable(system.downlink)
    power_w = scene.sat_power_w / system.downlink.num_sub
    towards = jax.vmap(lambda az, el: beam.power_towards(system.array, az, el, power_w))(
        links.az_rad, links.el_rad
    )
    found = snr(links.channel_gain, towards, system.downlink, system.noise_w)
    return rate_eliminated(efim_with_rate(found, system.downlink, phase))


@jax.jit
def channel_fim_with_rate(
    *,
    az_rad: Float[Array, ""] | float,
    el_rad: Float[Array, ""] | float,
    gain: Inexact[Array, ""] | complex,
    beamformer: Complex[Array, "ant stream"],
    array: UniformPlanarArray,
    element: SineElement,
    grid: OfdmGrid,
    noise_w: Float[Array, ""] | float,
    phase: PilotPhase = PilotPhase(),
) -> Float[Array, "7 7"]:
    """Fisher information of one link about `CHANNEL_WITH_RATE`, isotropic pilots, SI.

    As `channel_fim`, with weights 1, l (1 + e k), k and (l - l_0)^2 in place of 1, l and k.
    """
    check_rate_identifiable(grid)
    steering = array.steering_derivatives(az_rad, el_rad)
    c, c_az, c_el = (beamformer.T @ x for x in steering)
    amplitude, slope = element.amplitude(el_rad), element.slope(el_rad)
    still = jnp.stack(
        [
            gain * amplitude * c_az,
            gain * (slope * c + amplitude * c_el),
            amplitude * c,
            1j * amplitude * c,
        ]
    )
    turned = 1j * gain * amplitude * c
    covariance = slope_covariance(grid, phase)
    mean = _slope_means(grid, phase)
    second = covariance + mean[:, None] * mean[None, :]
    # Order: nu, tau, r multiply `turned` by their slopes; angles and gain multiply 1.
    turning = second * jnp.sum(turned.real**2 + turned.imag**2)
    mixed = mean[:, None] * (jnp.conj(turned)[None, :] @ still.T).real
    plain = (jnp.conj(still) @ still.T).real
    fim = jnp.block([[turning, mixed], [mixed.T, plain]])
    order = np.array([0, 1, 3, 4, 5, 6, 2])
    return 2.0 / noise_w * grid.num_sample * fim[order[:, None], order[None, :]]


def fim_without_rate(fim: Float[Array, "7 7"]) -> Float[Array, "6 6"]:
    """Information about `CHANNEL` with the rate unknown: for `channel_efim`."""
    _check_rate_information(fim[6, 6])
    return fim[:6, :6] - fim[:6, 6:] * fim[6:, :6] / fim[6, 6]


def check_rate_identifiable(grid: OfdmGrid) -> None:
    """Refuse a downlink that cannot tell Doppler and rate (two symbols), or delay."""
    if grid.num_symbol < 3:
        raise LeopntError(
            f"num_symbol = {grid.num_symbol}: Doppler rate is not identifiable; expected 3 or more "
            "symbols."
        )
    check_identifiable(grid)


def _check_rate_information(value) -> None:
    if not isinstance(value, Tracer) and not np.all(np.asarray(value) > 0):
        raise LeopntError(
            f"information about the Doppler rate is {float(np.min(np.asarray(value))):g}: it is "
            "not identifiable; expected numbers above 0."
        )


def kept_in_subcarrier(
    doppler_hz: Float[Array, "*link"] | float, grid: OfdmGrid
) -> Float[Array, "*link"]:
    """Share of a subcarrier's power that stays in it when a Doppler turns it within a symbol.

    |sin(pi nu T) / (K sin(pi nu T / K))|^2; the rest leaks into the others.

    Args:
        doppler_hz: what the receiver has not removed.
    """
    return dirichlet_power(grid.num_sub, 2.0 * jnp.pi * doppler_hz * grid.symbol_s / grid.num_sub)


def snr_with_leakage(
    snr: Float[Array, "*link"], doppler_hz: Float[Array, "*link"] | float, grid: OfdmGrid
) -> Float[Array, "*link"]:
    """SNR after integration of a receiver that takes what leaks between subcarriers as noise.

        SNR q / (1 + (1 - s2) SNR / (L K))
        q = `kept_in_subcarrier`,   s2 = sin(2 pi nu T) / (K sin(2 pi nu T / K))

    for `efim_closed_form` and `efim_with_rate`. It saturates at L K q / (1 - s2), whatever the
    power. A receiver that knows the leakage (`LEAKING_MODEL`) loses nothing.

    Doppler and delay are read off the phases, and leakage is not circular: of its power 1 - q, the
    phases get (1 - s2) / 2 in place of (1 - q) / 2, twice as much where little leaks. Derivation:
    D(d) is what leaks over d subcarriers, t the pilots. What subcarriers k and k' leak into each
    other holds t[k'] t[k]^* and its conjugate, so that phases which change slowly over k see

        sum_d |D(d)|^2 - Re sum_d D(d) D(-d) e^(-2 i arg D(0)) = (1 - q) - (s2 - q),   d not 0

    For random pilots with E t^2 = 0, such as QPSK, while little leaks. Exact for the Doppler; the
    far edges of the band leak into each other, which makes the variance of the delay smaller: by
    6 % at K = 128, 1 % at K = 1024.

    Args:
        snr: without leakage.
        doppler_hz: what the receiver has not removed.
    """
    kept = kept_in_subcarrier(doppler_hz, grid)
    turn = 4.0 * jnp.pi * doppler_hz * grid.symbol_s / grid.num_sub
    middle = 0.5 * (grid.num_sub - 1) * turn
    kernel = dirichlet(grid.num_sub, turn)
    straight = kernel.real * jnp.cos(middle) + kernel.imag * jnp.sin(middle)
    return snr * kept / (1.0 + (1.0 - straight) * snr / grid.num_sample)


def _slope_means(grid: OfdmGrid, phase: PilotPhase) -> Float[Array, "3"]:
    """Mean over the grid of the phase's slopes by nu, tau and r."""
    mean_l, mean_k = 0.5 * (grid.num_symbol + 1), 0.5 * (grid.num_sub + 1)
    share = grid.spacing_hz / phase.carrier_hz
    square = grid.symbol_variance + (mean_l - phase.reference_symbol) ** 2
    means = [
        grid.symbol_s * mean_l * (1.0 + share * mean_k),
        -grid.spacing_hz * mean_k,
        0.5 * grid.symbol_s**2 * square,
    ]
    return 2.0 * jnp.pi * jnp.stack([jnp.asarray(x, float) for x in means])
