"""Beams of one satellite that minimize the weighted mean-square error of its users."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from leopnt.inference.small_hermitian import factor, product, solve_lower, solve_upper
from leopnt.methods.pace._beam_inputs import check_channel, check_same_users, check_weights

POWER_TOLERANCE = 1e-11
"""The multiplier is good when the beams' power is 1 to this; what is left is scaled away."""

_FLOOR = 1e-14
_MAX_STEPS = 40
_LEAST_SHARE = 0.1
"""What a step leaves of the multiplier: far below the root, users of one channel are singular."""


class Regularized(NamedTuple):
    """Solution of (A + x I) Y = E at the multiplier x of the power constraint.

    inverse: Y; image: A Y; multiplier: x, 0 where all of the power is not needed.
    """

    inverse: Complex[Array, "user user"]
    image: Complex[Array, "user user"]
    multiplier: Float[Array, ""]


class WeightedMseBeams(NamedTuple):
    """Beams of unit power or less, and the multiplier of the power constraint."""

    beams: Complex[Array, "ant user"]
    multiplier: Float[Array, ""]


def weighted_mse_beams(
    channel: Complex[Array, "user ant"],
    omega: Float[Array, " user"],
    mu: Complex[Array, " user"],
) -> WeightedMseBeams:
    """W that minimizes sum_u omega_u Psi_u subject to ||W||_F^2 <= 1.

        Psi_u = |mu_u h_u^T w_u - 1|^2 + |mu_u|^2 (sum_(m != u) |h_u^T w_m|^2 + 1)
        W = M (M^H M + x I)^-1 diag(sqrt(omega) conj(mu) / |mu|),  M = H^H diag(sqrt(omega) |mu|)

    with x >= 0 such that the power is 1, or 0. All but the Gram matrix is of size users x users.

    Args:
        channel: rows h_u^T scaled by sqrt(power / noise): unit noise, unit power.
        omega: weights, above zero.
        mu: receivers; a user with mu = 0 gets no beam.

    Raises:
        LeopntError: shapes that disagree, NaN or infinity, a weight that is not above zero.

    Source: [zhang-pace] eq. (40), with the weight that is missing there.
    """
    check_channel(channel=channel)
    check_same_users(channel, omega=omega, mu=mu)
    check_weights(omega=omega)
    size = jnp.sqrt(mu.real**2 + mu.imag**2)
    turn = jnp.where(size > 0, jnp.conj(mu) / jnp.where(size > 0, size, 1.0), 0.0)
    root = jnp.where(size > 0, jnp.sqrt(omega), 0.0)
    scale = jnp.sqrt(omega) * size
    found = regularized(channel @ jnp.conj(channel.T), scale, root)
    mixing = scale[:, None] * found.inverse * turn[None, :]
    return WeightedMseBeams(within_power(jnp.conj(channel.T) @ mixing, 1.0), found.multiplier)


def within_power(beams, power_w):
    """Beams (..., ant, user), scaled down to a power that rounding has made them exceed.

    Between users of one direction, mixtures are large and cancel; what is left of that shows here.
    NumPy in, NumPy out.
    """
    share = (beams.real**2 + beams.imag**2).sum(axis=(-2, -1), keepdims=True) / power_w
    return beams * (1.0 + (share - 1.0) * (share > 1.0)) ** -0.5


def regularized(
    gram: Complex[Array, "user user"], scale: Float[Array, " user"], root: Float[Array, " user"]
) -> Regularized:
    """Solve (A + x I) Y = diag(root), A = diag(scale) G diag(scale), for the x of unit power.

    The power is p(x) = tr(Y^H A Y); x = 0 where p(0) <= 1. 1 / sqrt(p) is concave and increasing:
    Newton steps on it, started anywhere, are below the root after one step and rise to it from
    there. The start, sum(scale^2), is the multiplier itself once WMMSE has converged. A step goes
    down by a factor of 10 at most: where users share a direction, A is singular, and the power
    computed at an x far below the root would be rounding alone.

    Args:
        gram: H H^H of the scaled channel.
        scale: sqrt(omega) |mu|; a user with 0 is off.
        root: sqrt(omega); 0 where the user is off.
    """
    a = scale[:, None] * gram * scale[None, :]
    floor = _FLOOR * jnp.sum(jnp.diag(a).real) + jnp.finfo(float).tiny

    def unfinished(state):
        x, trial, count = state
        slack = (x <= floor) & (trial.power <= 1.0)
        off = jnp.abs(trial.power - 1.0) > POWER_TOLERANCE
        return (count == 0) | (off & ~slack & (count < _MAX_STEPS))

    def step(state):
        x, trial, count = state
        x = jnp.maximum(jnp.maximum(x + _newton(trial), _LEAST_SHARE * x), floor)
        return x, _at(a, root, x), count + 1

    # The first step evaluates the start; in a loop the unrolled algebra is compiled only once.
    nowhere = _Trial(a, a, jnp.asarray(1.0), jnp.asarray(-1.0))
    x, trial, _ = jax.lax.while_loop(unfinished, step, (jnp.sum(scale * scale), nowhere, 0))
    slack = (x <= floor) & (trial.power <= 1.0)
    exact = jnp.where(slack, 1.0, jax.lax.rsqrt(jnp.where(slack, 1.0, trial.power)))
    multiplier = jnp.where(slack, 0.0, x)
    return Regularized(exact * trial.inverse, exact * trial.image, multiplier)


class _Trial(NamedTuple):
    inverse: Complex[Array, "user user"]
    image: Complex[Array, "user user"]
    power: Float[Array, ""]
    slope: Float[Array, ""]


def _at(a, root, x) -> _Trial:
    """Y, A Y, p and dp/dx = -2 tr(Y^H A (A + x I)^-1 Y) at one x."""
    low = factor(a + x * jnp.eye(a.shape[0]))
    inverse = solve_upper(low, solve_lower(low, jnp.diag(root).astype(a.dtype)))
    image = product(a, inverse)
    power = jnp.sum((jnp.conj(inverse) * image).real)
    halves = jnp.conj(solve_lower(low, inverse)) * solve_lower(low, image)
    return _Trial(inverse, image, power, -2.0 * jnp.sum(halves.real))


def _newton(trial: _Trial) -> Float[Array, ""]:
    """Newton step of 1 / sqrt(p) = 1; none where there is no power at all."""
    slope = jnp.where(trial.slope < 0, trial.slope, -1.0)
    return 2.0 * trial.power * (1.0 - jnp.sqrt(trial.power)) / slope
