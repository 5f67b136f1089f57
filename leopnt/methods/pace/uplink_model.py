"""The uplink as a measurement model, sample by sample: to simulate, estimate and check bounds.

Only for small grids: every symbol is a link, with one complex observation per antenna and
subcarrier. The bounds of any size are in `uplink`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact

from leopnt.inference.misspecified import MisspecifiedBound, misspecified_bound
from leopnt.inference.model import Model, predict
from leopnt.inference.parameters import parameter
from leopnt.methods.pace.uplink import check_uplink
from leopnt.noise.gaussian import ComplexGaussian
from leopnt.signals.ofdm import OfdmGrid


class GainTheta(eqx.Module):
    """Unknowns of PACE: complex gain at the reference subcarrier, and delay."""

    gain_real: Float[Array, ""] = parameter(scale=1e-8)
    gain_imag: Float[Array, ""] = parameter(scale=1e-8)
    delay_s: Float[Array, ""] = parameter(scale=1e-8, unit="s")


class VectorTheta(eqx.Module):
    """Unknowns of UCE: channel vector at the reference subcarrier, and delay."""

    vector_real: Float[Array, " ant"] = parameter(scale=1e-8)
    vector_imag: Float[Array, " ant"] = parameter(scale=1e-8)
    delay_s: Float[Array, ""] = parameter(scale=1e-8, unit="s")


class UplinkShared(eqx.Module):
    """Known to the estimator.

    Attributes:
        steering: the vector that it believes; unused by UCE.
        place: k - k0 of each subcarrier.
        spacing_hz: of subcarriers.
        amplitude: of a pilot, sqrt(P / K).
        noise_w: sigma^2.
    """

    steering: Complex[Array, " ant"]
    place: Float[Array, " sub"]
    spacing_hz: Float[Array, ""]
    amplitude: Float[Array, ""]
    noise_w: Float[Array, ""]


class UplinkSymbol(eqx.Module):
    """One symbol: nothing differs between them but the noise."""

    number: Float[Array, "*link"]


class UplinkProblem(NamedTuple):
    """Truth, symbols, what is known, and the mean under the true steering vector."""

    truth: GainTheta
    links: UplinkSymbol
    shared: UplinkShared
    true_mean: Complex[Array, "link obs"]
    true_covariance: Float[Array, "link real_obs real_obs"]


def _waveform(shared: UplinkShared, vector, delay_s) -> Complex[Array, " obs"]:
    turn = -2.0 * jnp.pi * shared.spacing_hz * shared.place * delay_s
    carrier = jnp.cos(turn) + 1j * jnp.sin(turn)
    return (shared.amplitude * vector[:, None] * carrier[None, :]).reshape(-1)


def predict_gain(theta: GainTheta, shared: UplinkShared, link: Any) -> Complex[Array, " obs"]:
    """Samples of a symbol, gain a~ exp(-2 pi i (k - k0) Df tau), subcarrier fastest."""
    gain = theta.gain_real + 1j * theta.gain_imag
    return _waveform(shared, gain * shared.steering, theta.delay_s)


def predict_vector(theta: VectorTheta, shared: UplinkShared, link: Any) -> Complex[Array, " obs"]:
    """Samples of a symbol with every entry of the vector free."""
    return _waveform(shared, theta.vector_real + 1j * theta.vector_imag, theta.delay_s)


def symbol_noise(shared: UplinkShared, link: Any) -> ComplexGaussian:
    """White noise of every sample."""
    return ComplexGaussian(jnp.sqrt(shared.noise_w))


GAIN_MODEL = Model(predict_gain, symbol_noise)
"""PACE: steering vector known, gain and delay unknown."""

VECTOR_MODEL = Model(predict_vector, symbol_noise)
"""UCE: channel vector and delay unknown."""


def uplink_problem(
    *,
    channel_gain: Inexact[Array, ""] | complex,
    delay_s: Float[Array, ""] | float,
    true_steering: Complex[Array, " ant"],
    taken_steering: Complex[Array, " ant"],
    grid: OfdmGrid,
    user_power_w: Float[Array, ""] | float,
    noise_w: Float[Array, ""] | float,
    reference_subcarrier: float = 0.0,
) -> UplinkProblem:
    """All samples of one user at one satellite that takes it to be in another direction."""
    check_uplink(grid)
    gain = jnp.asarray(channel_gain, complex)
    place = jnp.arange(1.0, grid.num_sub + 1.0) - reference_subcarrier
    given = [grid.spacing_hz, jnp.sqrt(user_power_w / grid.num_sub), noise_w]
    known = (place, *(jnp.asarray(x, float) for x in given))
    truth = GainTheta(gain.real, gain.imag, jnp.asarray(delay_s, float))
    links = UplinkSymbol(jnp.arange(1.0, grid.num_symbol + 1.0))
    mean = predict(GAIN_MODEL, truth, links, UplinkShared(true_steering, *known))
    entries = 2 * mean.shape[1]
    covariance = 0.5 * noise_w * jnp.eye(entries)
    return UplinkProblem(
        truth,
        links,
        UplinkShared(taken_steering, *known),
        mean,
        jnp.broadcast_to(covariance[None], (grid.num_symbol, entries, entries)),
    )


def uplink_bound_numeric(problem: UplinkProblem) -> MisspecifiedBound:
    """Pseudo-true gain and delay, A, B and MCRB from the samples, by automatic differentiation."""
    return misspecified_bound(
        GAIN_MODEL,
        problem.truth,
        problem.links,
        problem.true_mean,
        problem.true_covariance,
        ("gain_real", "gain_imag", "delay_s"),
        shared=problem.shared,
    )
