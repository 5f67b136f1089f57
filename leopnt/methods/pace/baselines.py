"""Linear beams to compare with: MRT, zero forcing, regularized, equal gain."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from leopnt.errors import LeopntError
from leopnt.inference.small_hermitian import factor, solve_lower, solve_upper
from leopnt.inference.small_linear import PIVOT_FLOOR
from leopnt.methods.pace._beam_inputs import check_above_zero, check_channel, check_powers


def mrt_beams(
    channel: Complex[Array, "user ant"], power_w: Float[Array, ""] | float
) -> Complex[Array, "ant user"]:
    """Maximum ratio transmission, W = zeta H^H [sqrt(W)], ||W||_F^2 = power.

    zeta is common to all users: the stronger channel gets more power.
    """
    _check(channel, power_w)
    return _at_power(jnp.conj(channel.T), power_w)


def zero_forcing_beams(
    channel: Complex[Array, "user ant"], power_w: Float[Array, ""] | float
) -> Complex[Array, "ant user"]:
    """W = zeta H^H (H H^H)^-1: no interference, the same received amplitude zeta at every user.

    NaN where the channels are linearly dependent (a zero channel included).

    Raises:
        LeopntError: more users than antennas.
    """
    _check(channel, power_w)
    num_user, num_ant = channel.shape
    if num_user > num_ant:
        raise LeopntError(
            f"channel: {num_user} users at {num_ant} antennas; zero forcing serves at most one "
            "user for each antenna."
        )
    return _at_power(_filtered(channel, jnp.zeros(())), power_w)


def mmse_beams(
    channel: Complex[Array, "user ant"],
    power_w: Float[Array, ""] | float,
    noise_w: Float[Array, ""] | float,
) -> Complex[Array, "ant user"]:
    """Regularized zero forcing, W = zeta H^H (H H^H + U noise / power I)^-1.

    MRT at low SNR, zero forcing at high.
    """
    _check(channel, power_w)
    check_above_zero(noise_w=noise_w)
    ridge = jnp.asarray(channel.shape[0] * noise_w / power_w, float)
    return _at_power(_filtered(channel, ridge), power_w)


def equal_gain_beams(
    steering: Complex[Array, "user ant"], power_w: Float[Array, ""] | float
) -> Complex[Array, "ant user"]:
    """PAB, W = zeta [conj(a_1), ..., conj(a_U)]: the same power towards every user's direction.

    Args:
        steering: rows a_u^T at the estimated directions, first entry 1.
        power_w: ||W||_F^2 on one subcarrier.
    """
    check_channel(steering=steering)
    check_powers(power_w=power_w)
    return _at_power(jnp.conj(steering.T), power_w)


def _filtered(channel, ridge) -> Complex[Array, "ant user"]:
    """H^H (H H^H + ridge I)^-1 with unit rows, NaN where nothing can be solved."""
    gram = channel @ jnp.conj(channel.T)
    gram = gram + ridge * jnp.eye(len(gram))
    length = jnp.sqrt(jnp.diag(gram).real)
    safe = jnp.where(length > 0, length, 1.0)
    low = factor(gram / (safe[:, None] * safe[None, :]))
    regular = jnp.all(length > 0) & jnp.all(jnp.diag(low).real ** 2 > PIVOT_FLOOR)
    inverse = solve_upper(low, solve_lower(low, jnp.diag(1.0 / safe).astype(complex)))
    mixing = inverse / safe[:, None]
    return jnp.where(regular, jnp.conj(channel.T) @ mixing, jnp.nan)


def _at_power(beams, power_w) -> Complex[Array, "ant user"]:
    """Scaled to ||W||_F^2 = power; zero stays zero."""
    largest = jnp.max(jnp.abs(beams))
    unit = beams / jnp.where(largest > 0, largest, 1.0)
    square = jnp.sum(unit.real**2 + unit.imag**2)
    return jnp.where(square > 0, jnp.sqrt(power_w / square), 1.0) * unit


def _check(channel, power_w) -> None:
    check_channel(channel=channel)
    if len(np.shape(channel)) != 2:
        raise LeopntError(
            f"channel: got shape {np.shape(channel)}; accepted: (user, ant), one satellite; use "
            "jax.vmap for many."
        )
    check_powers(power_w=power_w)
