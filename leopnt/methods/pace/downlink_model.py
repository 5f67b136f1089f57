"""The downlink as a measurement model, sample by sample: to check bounds, and what ignoring costs.

Only for small grids: every symbol is a link, with one complex observation per subcarrier. Closed
forms for any size are in `downlink` and `downlink_effects`.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float

from leopnt.antennas.elements import SineElement
from leopnt.antennas.steering import UniformPlanarArray, dirichlet
from leopnt.errors import LeopntError
from leopnt.inference.misspecified import MisspecifiedBound, misspecified_bound
from leopnt.inference.model import Model, predict
from leopnt.inference.parameters import parameter
from leopnt.inference.status import Status
from leopnt.methods.pace.downlink_effects import PilotPhase
from leopnt.noise.gaussian import ComplexGaussian


class DownlinkTheta(eqx.Module):
    """Unknowns of a link, in the order of `CHANNEL_WITH_RATE`."""

    doppler_hz: Float[Array, ""] = parameter(scale=1.0, unit="Hz")
    delay_s: Float[Array, ""] = parameter(scale=1e-9, unit="s")
    az_rad: Float[Array, ""] = parameter(scale=1e-3, unit="rad")
    el_rad: Float[Array, ""] = parameter(scale=1e-3, unit="rad")
    gain_real: Float[Array, ""] = parameter(scale=1e-8)
    gain_imag: Float[Array, ""] = parameter(scale=1e-8)
    doppler_rate_hzps: Float[Array, ""] = parameter(scale=1e3, unit="Hz/s")


class DownlinkShared(eqx.Module):
    """Known to the receiver.

    Attributes:
        beamformer: F.
        array, element: of the satellite.
        spacing_hz: of subcarriers.
        phase: how it turns over the pilots.
        noise_w: sigma^2.
    """

    beamformer: Complex[Array, "ant stream"]
    array: UniformPlanarArray
    element: SineElement
    spacing_hz: Float[Array, ""]
    phase: PilotPhase
    noise_w: Float[Array, ""]


class DownlinkSymbol(eqx.Module):
    """One symbol: its number l, and its pilots."""

    number: Float[Array, "*link"]
    pilots: Complex[Array, "*link sub stream"]


def predict_symbol(
    theta: DownlinkTheta, shared: DownlinkShared, link: DownlinkSymbol
) -> Complex[Array, " sub"]:
    """Samples alpha G exp(i phi) a^T F t of a symbol, phi that of `PilotPhase`."""
    steering = shared.array.steering(theta.az_rad, theta.el_rad)
    amplitude = (theta.gain_real + 1j * theta.gain_imag) * shared.element.amplitude(theta.el_rad)
    sent = link.pilots @ (shared.beamformer.T @ steering)
    sub_hz = shared.spacing_hz * jnp.arange(1.0, link.pilots.shape[0] + 1.0)
    time_s = link.number / shared.spacing_hz
    after_s = time_s - shared.phase.reference_symbol / shared.spacing_hz
    turns = (
        time_s * theta.doppler_hz * (1.0 + sub_hz / shared.phase.carrier_hz)
        + 0.5 * theta.doppler_rate_hzps * after_s**2
        - sub_hz * theta.delay_s
    )
    angle = 2.0 * jnp.pi * turns
    return amplitude * (jnp.cos(angle) + 1j * jnp.sin(angle)) * sent


def predict_leaking(
    theta: DownlinkTheta, shared: DownlinkShared, link: DownlinkSymbol
) -> Complex[Array, " sub"]:
    """Samples with the Doppler turning within a symbol, too: every subcarrier leaks into all.

        y[k] = sum_k' D(K, 2 pi (k' - k + nu T) / K) mu[k'],   D(N, p) = mean of exp(i n p)

    with mu the samples of `predict_symbol`, K time samples a symbol and no cyclic prefix's help.
    """
    still = predict_symbol(theta, shared, link)
    count = still.shape[0]
    place = jnp.arange(float(count))
    apart = place[None, :] - place[:, None] + theta.doppler_hz / shared.spacing_hz
    return dirichlet(count, 2.0 * jnp.pi * apart / count) @ still


def sample_noise(shared: DownlinkShared, link: DownlinkSymbol) -> ComplexGaussian:
    """White noise of every sample."""
    return ComplexGaussian(jnp.sqrt(shared.noise_w))


DOWNLINK_MODEL = Model(predict_symbol, sample_noise)
"""Pilots of one symbol: Doppler, delay, angles, gain, rate."""

LEAKING_MODEL = Model(predict_leaking, sample_noise)
"""As `DOWNLINK_MODEL`, with leakage between subcarriers."""


def downlink_symbols(pilots: ArrayLike) -> DownlinkSymbol:
    """Symbols 1 to L with pilots (symbol, sub, stream)."""
    pilots = jnp.asarray(pilots, complex)
    if pilots.ndim != 3:
        raise LeopntError(f"pilots have shape {pilots.shape}; accepted: (symbol, sub, stream).")
    return DownlinkSymbol(jnp.arange(1.0, pilots.shape[0] + 1.0), pilots)


def downlink_bound_ignoring(
    truth: DownlinkTheta,
    symbols: DownlinkSymbol,
    shared: DownlinkShared,
    free: Sequence[str],
    *,
    true_model: Model = DOWNLINK_MODEL,
    assumed_model: Model = DOWNLINK_MODEL,
    assumed_phase: PilotPhase | None = None,
    assumed_rate_hzps: float | None = None,
) -> MisspecifiedBound:
    """Pseudo-true point and misspecified bound of a receiver that leaves an effect out.

    `bias_from(truth)` of the result says what Doppler and delay it reports are off by.

    A local bound: it needs pilots that still add up under the assumed model, with a phase left over
    well below 1 rad at the edges of symbols and subcarriers. Of a rate r about the middle symbol
    that is pi r (L T / 2)^2, of a wide band 2 pi nu (L T / 2) (B / 2) / f_c: 183 Hz/s and 800 Hz
    make 1 rad of 83 ms and 123 MHz. Beyond, the likelihood's peak breaks up.

    Args:
        truth, shared: as things are.
        free: fields that the receiver solves for; one stream tells no angles.
        true_model, assumed_model: `DOWNLINK_MODEL` or `LEAKING_MODEL`.
        assumed_phase: what the receiver believes; default: as things are.
        assumed_rate_hzps: drift that it takes for granted; default: the true one.

    Raises:
        LeopntError: no pseudo-true point was found, or less than half of the power adds up there.
    """
    mean = predict(true_model, truth, symbols, shared)
    entries = 2 * mean.shape[1]
    covariance = jnp.broadcast_to(
        (0.5 * shared.noise_w * jnp.eye(entries))[None], (mean.shape[0], entries, entries)
    )
    believed = shared
    if assumed_phase is not None:
        believed = eqx.tree_at(lambda s: s.phase, shared, assumed_phase)
    start = truth
    if assumed_rate_hzps is not None:
        rate = jnp.asarray(assumed_rate_hzps, float)
        start = eqx.tree_at(lambda t: t.doppler_rate_hzps, truth, rate)
    found = misspecified_bound(
        assumed_model, start, symbols, mean, covariance, tuple(free), shared=believed
    )
    _check_local(found, mean, predict(assumed_model, found.theta, symbols, believed))
    return found


_LEAST_COHERENT = 0.5


def _check_local(found: MisspecifiedBound, mean, fitted) -> None:
    """Refuse a search that failed, and samples of which the model explains less than half."""
    if found.status != Status.converged:
        raise LeopntError(f"mismatch too large for a local bound: {Status[found.status]}.")
    mean, fitted = np.asarray(mean), np.asarray(fitted)
    size = np.sum(np.abs(mean) ** 2) * np.sum(np.abs(fitted) ** 2)
    share = np.abs(np.vdot(fitted, mean)) ** 2 / size if size > 0 else 0.0
    if not share >= _LEAST_COHERENT:
        raise LeopntError(
            f"mismatch too large for a local bound: {100 * share:.3g} % of the power of the "
            f"samples adds up under the assumed model; accepted: {100 * _LEAST_COHERENT:g} % or "
            "more."
        )
