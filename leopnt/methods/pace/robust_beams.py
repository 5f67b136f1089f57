"""Sum-rate beams from channel estimates whose errors are known on average.

Weighted MMSE with the mean-square error averaged over what the estimate leaves open. The error of
a gain acts along the user's own channel; an error of every entry alike acts as noise.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Complex, Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.batch import batch_map
from leopnt.inference.status import Status
from leopnt.methods.pace._beam_inputs import (
    check_above_zero,
    check_between_zero_and_one,
    check_channel,
    check_finite_values,
    check_powers,
    check_same_shape,
    check_same_users,
)
from leopnt.methods.pace.gain_prior import AbstractGainPrior
from leopnt.methods.pace.weighted_mse import regularized, within_power
from leopnt.methods.pace.wmmse import TILE, Stop, Wmmse, fell_by, how_ended

_LN2 = float(np.log(2.0))


class ChannelBelief(NamedTuple):
    """Users' channels as a satellite believes them, h = mean + gain error + entry errors.

        E[h h^H] = (1 + r) m m^H + e I

    channel: mean m, rows as in `wmmse_beams`; relative_variance: r, of the gain over the square
    of its mean; entry_variance: e, of every antenna's entry alike.
    """

    channel: Complex[Array, "*batch user ant"]
    relative_variance: Float[Array, "*batch user"]
    entry_variance: Float[Array, "*batch user"]


def belief_of_gains(
    estimate: Complex[Array, "*batch user"],
    error_variance: Float[Array, "*batch user"] | float,
    steering: Complex[Array, "*batch user ant"],
    prior: AbstractGainPrior,
) -> ChannelBelief:
    """Belief of PACE: a gain that a prior shrinks, times a steering vector that is taken as true.

    Args:
        estimate: gain of each link.
        error_variance: of the estimate; `unit` / N.
        steering: a~.
        prior: of the gains.
    """
    check_channel(steering=steering)
    check_same_shape(estimate=estimate, steering=steering[..., 0])
    gain = prior.belief(estimate, error_variance)
    square = gain.mean.real**2 + gain.mean.imag**2
    # A mean of zero has no relative variance: its user is off in any case.
    relative = jnp.where(square > 0, gain.variance / jnp.where(square > 0, square, 1.0), 0.0)
    return ChannelBelief(gain.mean[..., None] * steering, relative, jnp.zeros_like(relative))


def mean_power_channels(belief: ChannelBelief) -> Complex[Array, "*batch user ant"]:
    """Channels sqrt(1 + r) m: of the power that users receive on average, for `wmmse_beams`.

    A user's rate depends on the modulus of its gain alone, so that a phase which the satellite does
    not know costs nothing as long as the user knows it. Entry errors are left out.
    """
    return jnp.sqrt(1.0 + belief.relative_variance)[..., None] * belief.channel


def robust_wmmse_beams(
    belief: ChannelBelief,
    power_w: Float[Array, ""] | float,
    noise_w: Float[Array, ""] | float,
    stop: Stop = Stop(),
) -> Wmmse:
    """As `wmmse_beams`, with the mean-square error averaged over the belief.

        E Psi_u = |mu_u|^2 T_u - 2 Re(mu_u m_u^T w_u) + 1
        T_u = (1 + r_u) sum_m |m_u^T w_m|^2 + e_u ||W||_F^2 + 1

    The rates that it reports are those it can promise: -log2 E Psi_u, a lower bound on the mean of
    log2(1 + SINR_u), which a user that knows its channel reaches. All power is used, so e adds
    power_w e to the noise. Without errors it is `wmmse_beams`.

    Args:
        belief: of one satellite's users.
        power_w, noise_w, stop: as `wmmse_beams`.

    Raises:
        LeopntError: as `wmmse_beams`; variances below zero or of other users.
    """
    _check(belief, power_w, noise_w, stop)
    if belief.channel.ndim != 2:
        raise LeopntError(
            f"channel: got shape {belief.channel.shape}; accepted: (user, ant), one satellite; "
            "use robust_wmmse_batch for many."
        )
    check_same_users(
        belief.channel,
        relative_variance=belief.relative_variance,
        entry_variance=belief.entry_variance,
    )
    return _solve(belief, jnp.asarray(power_w, float), jnp.asarray(noise_w, float), stop)


def robust_wmmse_batch(
    beliefs: ChannelBelief,
    power_w: float,
    noise_w: float,
    stop: Stop = Stop(),
    *,
    tile: int = TILE,
    threads: int | None = None,
) -> Wmmse:
    """`robust_wmmse_beams` of many beliefs with any number of leading axes; NumPy arrays out."""
    _check(beliefs, power_w, noise_w, stop)
    lead = beliefs.channel.shape[:-2]
    check_same_shape(
        relative_variance=beliefs.relative_variance,
        entry_variance=beliefs.entry_variance,
        channel=beliefs.channel[..., 0],
    )
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[len(lead) :]), beliefs)
    given = [jnp.asarray(x, float) for x in (power_w, noise_w, stop.relative_change)]
    shared = (given[0], given[1], Stop(given[2], jnp.asarray(stop.max_iterations)))
    found = batch_map(_of_batch, flat, shared=shared, tile=tile, threads=threads)
    return jax.tree.map(lambda leaf: leaf.reshape(*lead, *leaf.shape[1:]), found)


def _of_batch(belief: ChannelBelief, shared) -> Wmmse:
    return _solve(belief, *shared)


class _State(NamedTuple):
    wanted: Float[Array, " user"]
    total: Float[Array, " user"]
    mixing: Complex[Array, "user user"]
    multiplier: Float[Array, ""]
    rate: Float[Array, ""]
    iterations: Int[Array, ""]
    going: Array
    fell: Array


def _solve(belief: ChannelBelief, power_w, noise_w, stop: Stop) -> Wmmse:
    noise = noise_w + power_w * belief.entry_variance
    scale_of = jnp.sqrt(power_w / noise)
    scaled = scale_of[:, None] * belief.channel
    gram = scaled @ jnp.conj(scaled.T)
    grown = 1.0 + belief.relative_variance

    def powers(received):
        power = received.real**2 + received.imag**2
        return jnp.diag(power), grown * jnp.sum(power, axis=1) + 1.0

    def step(state: _State) -> _State:
        clear = state.total - state.wanted
        scale = jnp.sqrt(grown * state.wanted / (state.total * clear))
        on = scale != 0
        root = jnp.where(on, jnp.sqrt(state.total / (clear * grown)), 0.0)
        found = regularized(gram, scale, root)
        sent = jnp.where(on[:, None], found.image / jnp.where(on, scale, 1.0)[:, None], 0.0)
        wanted, total = powers(sent)
        rate = _promised(wanted, total)
        count, change = state.iterations + 1, rate - state.rate
        moving = change > stop.relative_change * rate
        fell = fell_by(change, state.rate, stop)
        mixing = scale[:, None] * found.inverse
        new = _State(wanted, total, mixing, found.multiplier, rate, count, moving, fell)
        stay = state._replace(iterations=count, going=moving, fell=fell)
        return jax.tree.map(lambda x, y: jnp.where(change >= 0, x, y), new, stay)

    def unfinished(state: _State):
        return state.going & (state.iterations < stop.max_iterations)

    size = jnp.trace(gram).real
    matched = jnp.eye(len(gram), dtype=complex) / jnp.sqrt(jnp.where(size > 0, size, 1.0))
    wanted, total = powers(gram @ matched)
    start = _promised(wanted, total)
    zero, count, yes = jnp.asarray(0.0), jnp.asarray(0), jnp.asarray(True)
    first = _State(wanted, total, matched, zero, start, count, yes, ~yes)
    end = jax.lax.while_loop(unfinished, step, first)
    settled = how_ended(end.going, end.fell)
    return Wmmse(
        beams=within_power(jnp.sqrt(power_w) * (jnp.conj(scaled.T) @ end.mixing), power_w),
        rates_bpshz=-jnp.log1p(-end.wanted / end.total) / _LN2,
        sum_rate_bpshz=end.rate / _LN2,
        start_rate_bpshz=start / _LN2,
        mu=jnp.sqrt(end.wanted) / end.total,
        omega=end.total / (end.total - end.wanted),
        multiplier=end.multiplier,
        iterations=end.iterations,
        status=Status.where(jnp.isfinite(end.rate), settled, Status.not_finite),
    )


def _promised(wanted, total) -> Float[Array, ""]:
    return -jnp.sum(jnp.log1p(-wanted / total))


def _check(belief: ChannelBelief, power_w, noise_w, stop: Stop) -> None:
    check_channel(channel=belief.channel)
    check_powers(power_w=power_w)
    check_above_zero(noise_w=noise_w, max_iterations=stop.max_iterations)
    check_between_zero_and_one(relative_change=stop.relative_change)
    for name in ("relative_variance", "entry_variance"):
        value = getattr(belief, name)
        check_finite_values(**{name: value})
        if not isinstance(value, Tracer) and not np.all(np.asarray(value) >= 0):
            raise LeopntError(
                f"{name}: smallest value is {float(np.min(np.asarray(value))):g}; expected 0 or "
                "more."
            )
