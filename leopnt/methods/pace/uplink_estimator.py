"""Uplink: gain, delay and channel vector of a user from its pilots, by maximum likelihood.

PACE forms a beam towards the direction that it believes and estimates one gain; UCE estimates each
antenna's; both look for the delay at which the subcarriers add up best.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact, Key

from leopnt.errors import LeopntError
from leopnt.inference.status import Status
from leopnt.methods.pace.peak_search import find_peak
from leopnt.methods.pace.uplink import check_uplink
from leopnt.signals.ofdm import OfdmGrid

Number = Float[Array, ""] | float


class PaceEstimate(NamedTuple):
    """gain: at the reference subcarrier; vector: gain a~; toa_s."""

    gain: Complex[Array, "*link"]
    vector: Complex[Array, "*link ant"]
    toa_s: Float[Array, "*link"]
    status: Status


class UceEstimate(NamedTuple):
    """vector: at the reference subcarrier, every entry estimated; toa_s."""

    vector: Complex[Array, "*link ant"]
    toa_s: Float[Array, "*link"]
    status: Status


def correlate_uplink(
    received: Complex[Array, "symbol sub ant"],
    pilots: Complex[Array | np.ndarray, "symbol sub"],
    grid: OfdmGrid,
    user_power_w: Number,
) -> Complex[Array, "sub ant"]:
    """Mean over symbols of conj(pilot) received / sqrt(P / K): all that estimators need.

    Its entries are the channel, with noise of variance sigma^2 K / (P Lc).

    Raises:
        LeopntError: shapes that disagree.
    """
    shape = (grid.num_symbol, grid.num_sub)
    if received.shape[:2] != shape or pilots.shape != shape:
        raise LeopntError(
            f"received has shape {received.shape}, pilots {pilots.shape}; accepted: "
            f"{(*shape, 'ant')} and {shape}."
        )
    mean = jnp.mean(jnp.conj(jnp.asarray(pilots))[:, :, None] * received, axis=0)
    return mean / jnp.sqrt(user_power_w / grid.num_sub)


def draw_uplink(
    key: Key[Array, ""],
    vector: Inexact[Array, " ant"],
    toa_s: Number,
    grid: OfdmGrid,
    user_power_w: Number,
    noise_w: Number,
    reference_subcarrier: Number = 0.0,
) -> Complex[Array, "sub ant"]:
    """Draw what `correlate_uplink` returns for a channel vector (at the reference) and a delay."""
    place = _place(grid, reference_subcarrier)
    carrier = jnp.exp(-2j * jnp.pi * grid.spacing_hz * toa_s * place)
    mean = carrier[:, None] * vector[None, :]
    variance = noise_w * grid.num_sub / (user_power_w * grid.num_symbol)
    return mean + jnp.sqrt(variance) * jax.random.normal(key, mean.shape, complex)


@jax.jit
def estimate_pace(
    correlated: Complex[Array, "sub ant"],
    steering: Complex[Array, " ant"],
    grid: OfdmGrid,
    expected_toa_s: Number = 0.0,
    reference_subcarrier: Number = 0.0,
) -> PaceEstimate:
    """Gain and delay with the steering vector believed; the true one makes it Perfect-PACE.

        m[k] = a~^H x[k] / N,   tau = argmax |sum_k m[k] exp(2 pi i k Df tau)|,
        gain = mean_k m[k] exp(2 pi i (k - k0) Df tau)

    Args:
        correlated: from `correlate_uplink`.
        steering: a~.
        expected_toa_s: the delay is told within +-1 / (2 Df) of it.
        reference_subcarrier: k0, where the phase of the gain is meant.
    """
    check_uplink(grid)
    matched = correlated @ jnp.conj(steering) / steering.shape[0]
    gain, toa_s, status = _combined(matched[:, None], grid, expected_toa_s, reference_subcarrier)
    return PaceEstimate(gain[0], gain[0] * steering, toa_s, status)


@jax.jit
def estimate_uce(
    correlated: Complex[Array, "sub ant"],
    grid: OfdmGrid,
    expected_toa_s: Number = 0.0,
    reference_subcarrier: Number = 0.0,
) -> UceEstimate:
    """Vector and delay when nothing is known of the array; arguments as `estimate_pace`."""
    check_uplink(grid)
    return UceEstimate(*_combined(correlated, grid, expected_toa_s, reference_subcarrier))


def _combined(
    streams: Complex[Array, "sub stream"], grid: OfdmGrid, expected_toa_s, reference_subcarrier
):
    """Amplitude of each stream at the reference, the common delay, and how the search ended."""
    place = _place(grid, reference_subcarrier)
    turn = 2j * jnp.pi * grid.spacing_hz * place
    still = streams * jnp.exp(turn * expected_toa_s)[:, None]
    found = find_peak(still.T[:, None, :])
    beyond_s = found.turns[1] / grid.spacing_hz
    amplitude = jnp.mean(still * jnp.exp(turn * beyond_s)[:, None], axis=0)
    return amplitude, expected_toa_s + beyond_s, found.status


def _place(grid: OfdmGrid, reference_subcarrier: Number) -> Float[Array, " sub"]:
    return jnp.arange(1.0, grid.num_sub + 1.0) - reference_subcarrier
