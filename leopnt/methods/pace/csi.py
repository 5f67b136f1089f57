"""Channel estimates as the satellite draws its beams from: positioning-aided, or unstructured."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from leopnt.antennas._inputs import check_count
from leopnt.errors import LeopntError
from leopnt.methods.pace._beam_inputs import (
    check_above_zero,
    check_channel,
    check_finite_values,
    check_same_shape,
)


def pace_channels(
    key: PRNGKeyArray,
    gain: Complex[Array, "*batch user"],
    rho: Complex[Array, "*batch user"],
    steering: Complex[Array, "*batch user ant"],
    unit: Float[Array, ""] | float,
    num_sub: int,
    reference_subcarrier: float = 0.0,
) -> Complex[Array, "*batch user ant"]:
    """Draw h_hat = gain_hat a~ as an efficient PACE estimator would return it.

        gain_hat = (rho gain + n) exp(j phi)
        n circular Gaussian of variance unit / N,
        phi Gaussian of variance unit (kb - k0)^2 / (2 vk) / (N |rho gain|^2)

    with kb = (K + 1) / 2, vk = (K^2 - 1) / 12. phi is the error of the delay carried to subcarrier
    k0; it is common to all antennas and changes no rate.

    Args:
        key: one for each draw.
        gain: true gain alpha G of each link.
        rho: a~^H a / N, correlation of assumed and true steering vector; 1 at the true position.
        steering: a~, at the estimated position.
        unit: sigma^2 / (P_u Lc) [-], the variance of a channel entry that is estimated alone.
        num_sub: K.
        reference_subcarrier: k0; subcarriers count from 1.

    Source: [zhang-pace] Sec. III, eq. (21)-(30), in closed form.
    """
    _check(steering, unit, num_sub, name="steering")
    check_same_shape(gain=gain, rho=rho)
    check_finite_values(gain=gain, rho=rho)
    if jnp.shape(gain) != steering.shape[:-1]:
        raise LeopntError(
            f"gain: got shape {jnp.shape(gain)}; accepted: {steering.shape[:-1]}, one for each "
            "link of steering."
        )
    of_gain, of_phase = jax.random.split(key)
    num_ant = steering.shape[-1]
    mean = rho * gain
    error = jnp.sqrt(unit / num_ant) * jax.random.normal(of_gain, mean.shape, complex)
    turn = _common_phase(of_phase, num_ant * _square(mean), unit, num_sub, reference_subcarrier)
    return ((mean + error) * turn)[..., None] * steering


def unstructured_channels(
    key: PRNGKeyArray,
    channel: Complex[Array, "*batch user ant"],
    unit: Float[Array, ""] | float,
    num_sub: int,
    reference_subcarrier: float = 0.0,
) -> Complex[Array, "*batch user ant"]:
    """Draw h_hat as an efficient UCE estimator, which knows no array, would return it.

        h_hat = (h + n) exp(j phi), n circular Gaussian of variance unit at every antenna,
        phi Gaussian of variance unit (kb - k0)^2 / (2 vk) / ||h||^2

    Args:
        key: one for each draw.
        channel: true h.
        unit, num_sub, reference_subcarrier: see `pace_channels`.

    Source: [zhang-pace] Sec. III.
    """
    _check(channel, unit, num_sub, name="channel")
    of_entries, of_phase = jax.random.split(key)
    error = jnp.sqrt(unit) * jax.random.normal(of_entries, channel.shape, complex)
    norm2 = jnp.sum(_square(channel), axis=-1)
    turn = _common_phase(of_phase, norm2, unit, num_sub, reference_subcarrier)
    return (channel + error) * turn[..., None]


def _common_phase(key, norm2, unit, num_sub, reference_subcarrier):
    """exp(j phi), 1 where there is no channel."""
    center = (num_sub + 1) / 2.0 - reference_subcarrier
    variance = unit * center**2 * 6.0 / (num_sub**2 - 1.0)
    live = norm2 > 0
    sigma_rad = jnp.where(live, jnp.sqrt(variance / jnp.where(live, norm2, 1.0)), 0.0)
    return jnp.exp(1j * sigma_rad * jax.random.normal(key, jnp.shape(norm2)))


def _check(channel, unit, num_sub, name: str) -> None:
    check_channel(**{name: channel})
    check_above_zero(unit=unit)
    check_count(2, num_sub=num_sub)


def _square(z):
    return z.real**2 + z.imag**2
