"""Rates that beams reach on the true channel."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from leopnt.antennas._inputs import check_count
from leopnt.errors import LeopntError
from leopnt.methods.pace._beam_inputs import check_above_zero, check_channel
from leopnt.methods.pace.bands import AbstractBands, OwnBand


class NetworkRate(NamedTuple):
    """Rates of satellites that share users, each on subcarriers of its own.

    rates_bpshz: of each link on one subcarrier; user_rates_bps: of each user over all satellites
    and subcarriers; total_bps: of all users.
    """

    rates_bpshz: Float[Array, "sat user"]
    user_rates_bps: Float[Array, " user"]
    total_bps: Float[Array, ""]


def sinr(
    channel: Complex[Array, "*batch user ant"],
    beams: Complex[Array, "*batch ant user"],
    noise_w: Float[Array, ""] | float,
) -> Float[Array, "*batch user"]:
    """Signal over interference of the satellite's other beams and noise, at each user.

        |h_u^T w_u|^2 / (sum_(m != u) |h_u^T w_m|^2 + noise)

    Args:
        channel: rows h_u^T, the true ones: beams may come from estimates.
        beams: [sqrt(W)], one column for each user.
        noise_w: noise variance of one subcarrier.

    Source: [zhang-pace] eq. (34).
    """
    _check_beams(channel, beams)
    check_above_zero(noise_w=noise_w)
    received = channel @ beams
    power = received.real**2 + received.imag**2
    own = jnp.eye(power.shape[-1], dtype=bool)
    own = jnp.broadcast_to(own, power.shape)
    wanted = jnp.sum(jnp.where(own, power, 0.0), axis=-1)
    return wanted / (jnp.sum(jnp.where(own, 0.0, power), axis=-1) + noise_w)


def user_rates_bpshz(
    channel: Complex[Array, "*batch user ant"],
    beams: Complex[Array, "*batch ant user"],
    noise_w: Float[Array, ""] | float,
) -> Float[Array, "*batch user"]:
    """log2(1 + SINR) of each user on one subcarrier [bit/s/Hz]; arguments as `sinr`.

    A phase common to a user's channel does not change it: in the line-of-sight model it is the
    same on all subcarriers.

    Source: [zhang-pace] eq. (34), (35).
    """
    return jnp.log1p(sinr(channel, beams, noise_w)) / np.log(2.0)


def network_rate(
    channels: Complex[Array, "sat user ant"],
    beams: Complex[Array, "sat ant user"],
    noise_w: Float[Array, ""] | float,
    num_sub: int,
    spacing_hz: float,
    bands: AbstractBands = OwnBand(),
) -> NetworkRate:
    """Rates of all satellites on their subcarriers, alike on each of them.

        total = spacing sum_s Kbar_s sum_u log2(1 + SINR_su)

    Args:
        channels: true ones.
        beams: [sqrt(W)] of one subcarrier.
        noise_w: of one subcarrier.
        num_sub: K of the system.
        spacing_hz: subcarrier spacing.
        bands: which share of the subcarriers a satellite has.
    """
    check_channel(channels=channels)
    check_count(1, num_sub=num_sub)
    check_above_zero(spacing_hz=spacing_hz)
    rates = user_rates_bpshz(channels, beams, noise_w)
    counts = jnp.asarray(bands.counts(num_sub, channels.shape[0]), float)
    user_rates = spacing_hz * jnp.sum(counts[:, None] * rates, axis=0)
    return NetworkRate(rates, user_rates, jnp.sum(user_rates))


def _check_beams(channel, beams) -> None:
    check_channel(channel=channel, beams=beams)
    expected = (*channel.shape[:-2], channel.shape[-1], channel.shape[-2])
    if beams.shape != expected:
        raise LeopntError(
            f"beams: got shape {beams.shape}; accepted: {expected}, one column for each user of "
            f"channel {channel.shape}."
        )
