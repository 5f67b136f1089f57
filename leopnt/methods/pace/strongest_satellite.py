"""S3: every user served by its strongest satellite alone."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from leopnt.methods.pace._beam_inputs import check_channel, check_powers
from leopnt.methods.pace.bands import AbstractBands, OwnBand
from leopnt.methods.pace.rates import NetworkRate, network_rate
from leopnt.methods.pace.wmmse import Stop, Wmmse, wmmse_batch


class StrongestSatellite(NamedTuple):
    """serving: satellite of each user; beams and rates of all satellites, idle ones zero."""

    serving: Int[Array, " user"]
    beams: Wmmse
    rate: NetworkRate


def serving_satellite(channels: Complex[Array, "sat user ant"]) -> Int[Array, " user"]:
    """argmax_s |alpha_su G_su|, which is argmax_s ||h_su||; the first one of equals."""
    check_channel(channels=channels)
    power = jnp.sum(channels.real**2 + channels.imag**2, axis=2)
    return jnp.argmax(power, axis=0)


def strongest_satellite_rates(
    channels: Complex[Array, "sat user ant"],
    power_w: Float[Array, ""] | float,
    noise_w: Float[Array, ""] | float,
    num_sub: int,
    spacing_hz: float,
    bands: AbstractBands = OwnBand(),
    stop: Stop = Stop(),
) -> StrongestSatellite:
    """Rates when each satellite serves only the users to whom it is the strongest.

    Beams by WMMSE with perfect channels over the satellite's own users, at P_s / Kbar on each of
    its Kbar subcarriers.

    Args:
        channels: true ones.
        power_w: P_s, all subcarriers of a satellite together.
        noise_w: of one subcarrier.
        num_sub, spacing_hz: of the system.
        bands: the account. `OwnBand()`: each satellite keeps its share Phi_s, the others lie
            idle where nobody uses them; `FullBand()`: every satellite is granted the full band
            without interference from others.
        stop: of WMMSE.

    Source: [zhang-pace] Sec. V, which leaves the account open.
    """
    check_powers(power_w=power_w)
    serving = serving_satellite(channels)
    own = serving[None, :] == jnp.arange(channels.shape[0])[:, None]
    served = jnp.where(own[:, :, None], channels, 0.0)
    counts = bands.counts(num_sub, channels.shape[0])
    found = wmmse_batch(served, np.asarray(power_w) / counts, noise_w, stop)
    beams = jax.tree.map(jnp.asarray, found)
    rate = network_rate(served, beams.beams, noise_w, num_sub, spacing_hz, bands)
    return StrongestSatellite(serving, beams, rate)
