"""Sum-rate beams of a satellite whose every antenna has an amplifier of its own.

The rows of W are limited one by one, beside the sum over all antennas. Beams are still those of
weighted MMSE; the update of W is a convex problem that mixes antennas, hence solved at their size.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.linalg import cho_factor, cho_solve
from jaxtyping import Array, Complex, Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.status import Status
from leopnt.methods.pace._beam_inputs import (
    check_above_zero,
    check_between_zero_and_one,
    check_channel,
    check_powers,
    check_same_users,
    check_weights,
)
from leopnt.methods.pace.wmmse import Stop, fell_by, how_ended, wmmse_beams

GAP = 1e-11
"""The update is done when the duality gap is this share of the weighted error of noise alone."""

_MAX_STEPS = 120
_SHRINK = 0.1
_LONGEST = 2.0
_LEAST_SHARE = 1e-6
_RESOLVED = 2e-14
_ROUNDING = 2e-12


class PerAntennaLimit(eqx.Module):
    """Power [W] that one subcarrier may have at each antenna, and over all of them.

    Attributes:
        antenna_w: of each antenna: a number for all, or (ant,).
        total_w: of the satellite; infinite (default): the antennas' limits are all there is.
    """

    antenna_w: Float[Array | np.ndarray, "..."] | float
    total_w: Float[Array, ""] | float = np.inf

    def __check_init__(self):
        check_powers(antenna_w=self.antenna_w)
        if not isinstance(self.total_w, Tracer) and self.total_w != np.inf:
            check_powers(total_w=self.total_w)

    def of_antennas(self, num_ant: int) -> Float[Array, " ant"]:
        """Limit of each antenna [W].

        Raises:
            LeopntError: limits of another number of antennas.
        """
        shape = np.shape(self.antenna_w)
        if shape not in ((), (num_ant,)):
            raise LeopntError(
                f"antenna_w: got shape {shape}; accepted: a number or ({num_ant},), one for each "
                "antenna of channel."
            )
        return jnp.broadcast_to(jnp.asarray(self.antenna_w, float), (num_ant,))


class LimitedMseBeams(NamedTuple):
    """Beams within all limits, and what the limits cost.

    antenna_multiplier, multiplier: slope of the weighted error by an antenna's limit and by that
    of the sum, near 0 where a limit is slack; gap: the weighted error minus its lower bound, the
    Lagrangian at these multipliers; status: converged where the gap is closed, to `GAP`.
    """

    beams: Complex[Array, "ant user"]
    antenna_multiplier: Float[Array, " ant"]
    multiplier: Float[Array, ""]
    gap: Float[Array, ""]
    status: Status


class LimitedWmmse(NamedTuple):
    """Beams W [sqrt(W)] within all limits, and how they were found; see `Wmmse`."""

    beams: Complex[Array, "ant user"]
    rates_bpshz: Float[Array, " user"]
    sum_rate_bpshz: Float[Array, ""]
    start_rate_bpshz: Float[Array, ""]
    iterations: Int[Array, ""]
    status: Status


def limited_mse_beams(
    channel: Complex[Array, "user ant"],
    omega: Float[Array, " user"],
    mu: Complex[Array, " user"],
    limit: PerAntennaLimit,
) -> LimitedMseBeams:
    """W that minimizes sum_u omega_u Psi_u of `weighted_mse_beams` within `limit`.

        ||row n of W||^2 <= p_n,   ||W||_F^2 <= P
        W = (A + diag(y) + x I)^-1 H^H diag(omega conj(mu)),   A = H^H diag(omega |mu|^2) H

    with y_n, x >= 0, each zero or its limit met: the dual problem, solved by Newton steps with a
    logarithmic barrier. What an unfinished search leaves above a limit is scaled away.

    Args:
        channel: rows h_u^T over the noise's standard deviation: unit noise.
        omega: weights, above zero.
        mu: receivers; a user with mu = 0 gets no beam.
        limit: on one subcarrier.

    Raises:
        LeopntError: as `weighted_mse_beams`; limits of another number of antennas.
    """
    check_channel(channel=channel)
    check_same_users(channel, omega=omega, mu=mu)
    check_weights(omega=omega)
    antenna, total = _limits(limit, channel.shape[1])
    found = _update(channel * jnp.sqrt(total), omega, mu, antenna / total)
    return found._replace(
        beams=jnp.sqrt(total) * found.beams,
        antenna_multiplier=found.antenna_multiplier / total,
        multiplier=found.multiplier / total,
    )


def limited_wmmse_beams(
    channel: Complex[Array, "user ant"],
    limit: PerAntennaLimit,
    noise_w: Float[Array, ""] | float,
    stop: Stop = Stop(),
) -> LimitedWmmse:
    """As `wmmse_beams`, with a limit on each antenna: from MRT or those beams, scaled to fit.

    The start is the better of the two, and the sum rate never decreases: an update that rounding
    makes worse is dropped, and ends the search. The status tells of a last update whose gap stayed
    open. Costs grow with the cube of the number of antennas.

    Args:
        channel: rows h_u^T, received = h^T x.
        limit: on one subcarrier.
        noise_w: noise variance of one subcarrier at a user.
        stop: as for `wmmse_beams`.

    Raises:
        LeopntError: as `wmmse_beams`; limits of another number of antennas.
    """
    check_channel(channel=channel)
    if len(np.shape(channel)) != 2:
        raise LeopntError(
            f"channel: got shape {np.shape(channel)}; accepted: (user, ant), one satellite."
        )
    check_above_zero(noise_w=noise_w, max_iterations=stop.max_iterations)
    check_between_zero_and_one(relative_change=stop.relative_change)
    antenna, total = _limits(limit, channel.shape[1])
    found = _iterate(channel * jnp.sqrt(total / noise_w), antenna / total, stop)
    return found._replace(beams=jnp.sqrt(total) * found.beams)


class _State(NamedTuple):
    beams: Complex[Array, "ant user"]
    rate: Float[Array, ""]
    iterations: Int[Array, ""]
    going: Array
    fell: Array
    update: Status


def _iterate(channel, limits, stop: Stop) -> LimitedWmmse:
    """WMMSE on the scaled channel: unit noise, unit total power."""

    def step(state: _State) -> _State:
        omega, mu = _receivers(channel, state.beams)
        found = _update(channel, omega, mu, limits)
        # Where all limits are slack, more power for all is better for each user.
        beams = _fitted(found.beams, limits)
        rate = jnp.sum(_rates(channel, beams))
        change = rate - state.rate
        better = change > 0
        return _State(
            jnp.where(better, beams, state.beams),
            jnp.where(better, rate, state.rate),
            state.iterations + 1,
            change > stop.relative_change * rate,
            fell_by(change, state.rate, stop),
            found.status,
        )

    def unfinished(state: _State):
        return state.going & (state.iterations < stop.max_iterations)

    matched = _fitted(jnp.conj(channel.T), limits)
    free = _fitted(wmmse_beams(channel, 1.0, 1.0, stop).beams, limits)
    rates = [jnp.sum(_rates(channel, beams)) for beams in (matched, free)]
    freed = rates[1] > rates[0]
    start = jnp.where(freed, rates[1], rates[0])
    yes, ended = jnp.asarray(True), Status.where(True, Status.converged, Status.converged)
    begin = jnp.where(freed, free, matched)
    first = _State(begin, start, jnp.asarray(0), yes, ~yes, ended)
    end = jax.lax.while_loop(unfinished, step, first)
    whole = end.update == Status.converged
    settled = Status.where(whole, how_ended(end.going, end.fell), end.update)
    rates = _rates(channel, end.beams)
    return LimitedWmmse(
        beams=end.beams,
        rates_bpshz=rates / np.log(2.0),
        sum_rate_bpshz=end.rate / np.log(2.0),
        start_rate_bpshz=start / np.log(2.0),
        iterations=end.iterations,
        status=Status.where(jnp.isfinite(end.rate), settled, Status.not_finite),
    )


def _receivers(channel, beams) -> tuple[Float[Array, " user"], Complex[Array, " user"]]:
    """MMSE weights omega and receivers mu for given beams."""
    received = channel @ beams
    power = received.real**2 + received.imag**2
    total = jnp.sum(power, axis=1) + 1.0
    own = jnp.diag(received)
    return total / (total - jnp.diag(power)), jnp.conj(own) / total


def _rates(channel, beams) -> Float[Array, " user"]:
    """ln(1 + SINR) of each user at unit noise."""
    received = channel @ beams
    power = received.real**2 + received.imag**2
    own = jnp.eye(len(power), dtype=bool)
    return jnp.log1p(jnp.diag(power) / (jnp.sum(jnp.where(own, 0.0, power), axis=1) + 1.0))


class _At(NamedTuple):
    """Multipliers z = (y, x), the beams W(z), F(z) and its slope J."""

    multiplier: Float[Array, " limit"]
    beams: Complex[Array, "ant user"]
    unused: Float[Array, " limit"]
    slope: Float[Array, "limit limit"]


class _Search(NamedTuple):
    """Multipliers on the way to z F(z) = t, steps tried, whether the last t is reached."""

    at: _At
    target: Float[Array, ""]
    steps: Int[Array, ""]
    done: Array


def _update(channel, omega, mu, limits) -> LimitedMseBeams:
    """Beams within limits on each antenna and unit total power.

    With z = (y, x) and F(z) the unused power of each limit, z F = t is the minimum of the convex
    -q(z) - t sum(ln z), q the least Lagrangian: a lower bound on the weighted error. Newton steps
    in ln z; t shrinks only where z F is t/2 to 3t/2: beams are within all limits there, and
    sum(z F) is what they can be worse than the best.
    """
    allowed = jnp.append(limits, 1.0)
    size = jnp.sqrt(mu.real**2 + mu.imag**2)
    noise = jnp.sum(omega * size**2)
    unit = jnp.where(noise > 0, noise, 1.0)
    at = _lagrangian(channel, omega, mu, allowed)

    def unfinished(state: _Search):
        return ~state.done & (state.steps < _MAX_STEPS)

    def step(state: _Search) -> _Search:
        new = _towards(at, state.at, state.target)
        product = new.multiplier * new.unused
        near = jnp.all(jnp.abs(product - state.target) < 0.5 * state.target)
        # F holds what rounding leaves of the limits; a smaller t cannot be told from 0.
        least = _RESOLVED * jnp.max(new.multiplier * allowed)
        last = state.target <= jnp.maximum(0.5 * GAP * unit / len(allowed), least)
        target = jnp.where(near & ~last, _SHRINK * state.target, state.target)
        # A matrix that rounding makes indefinite ends the search at the last good point.
        lost = ~jnp.all(jnp.isfinite(product))
        best = jax.tree.map(lambda x, y: jnp.where(lost, x, y), state.at, new)
        steps = jnp.where(lost, _MAX_STEPS, state.steps + 1)
        return _Search(best, target, steps, near & last)

    begin = at(jnp.full(len(allowed), unit))
    start = _Search(begin, unit, jnp.asarray(0), jnp.asarray(False))
    found = jax.lax.while_loop(unfinished, step, start).at
    beams = _within(found.beams, limits)
    error = [_weighted_error(channel, omega, mu, w) for w in (beams, found.beams)]
    # Of W(z): q = error - z F.
    gap = error[0] - error[1] + found.multiplier @ found.unused
    rounding = _ROUNDING * (error[1] + found.multiplier @ allowed)
    finished = jnp.abs(gap) <= GAP * unit + rounding
    status = Status.where(finished, Status.converged, Status.max_iterations)
    return LimitedMseBeams(beams, found.multiplier[:-1], found.multiplier[-1], gap, status)


def _lagrangian(channel, omega, mu, allowed):
    """Function of z: beams W, F = allowed - used, and dF/dz.

    With K = Z^-1/2 M, M = H^H diag(sqrt(omega) |mu|), and [K; I] = [Q1; Q2] R, W is
    Z^-1/2 K (I + K^H K)^-1 D = Z^-1/2 Q1 Q2^H D, and (A + Z)^-1 = Z^-1/2 (I - Q1 Q1^H) Z^-1/2.
    """
    size = jnp.sqrt(mu.real**2 + mu.imag**2)
    turn = jnp.where(size > 0, jnp.conj(mu) / jnp.where(size > 0, size, 1.0), 0.0)
    mixed = jnp.conj(channel.T) * (jnp.sqrt(omega) * size)[None, :]
    root = (jnp.sqrt(omega) * turn)[None, :]
    num_ant, num_user = mixed.shape

    def at(z) -> _At:
        small = jax.lax.rsqrt(z[:-1] + z[-1])[:, None]
        turned, _ = jnp.linalg.qr(jnp.concatenate([small * mixed, jnp.eye(num_user)]))
        upper, lower = turned[:num_ant], turned[num_ant:]
        beams = small * (upper @ jnp.conj(lower.T)) * root
        used = _row_powers(beams)
        rest = jnp.eye(num_ant) - upper @ jnp.conj(upper.T)
        scaled = small * beams
        inner = 2.0 * (rest * (scaled @ jnp.conj(scaled.T)).T).real
        side = jnp.sum(inner, axis=1)
        slope = jnp.block([[inner, side[:, None]], [side[None, :], jnp.sum(side)[None, None]]])
        return _At(z, beams, allowed - jnp.append(used, jnp.sum(used)), slope)

    return at


def _towards(at, state: _At, target) -> _At:
    """Newton step in ln z towards z F = target, halved until the slope along it has halved."""
    z = state.multiplier
    product = z * state.unused
    curvature = state.slope * z[:, None] * z[None, :]
    matrix = curvature + jnp.diag(jnp.maximum(product, target))
    step = cho_solve(cho_factor(matrix, lower=True), target - product)
    along = jnp.abs((product - target) @ step)

    def moved(share):
        return at(z * jnp.exp(share * step))

    def too_far(tried):
        share, new = tried
        beyond = (new.multiplier * new.unused - target) @ step
        return (beyond > 0.5 * along) & (share > _LEAST_SHARE)

    def halve(tried):
        return 0.5 * tried[0], moved(0.5 * tried[0])

    share = jnp.minimum(1.0, _LONGEST / jnp.maximum(jnp.max(jnp.abs(step)), _LONGEST))
    return jax.lax.while_loop(too_far, halve, (share, moved(share)))[1]


def _within(beams, limits):
    """Beams scaled down, row by row and then all, to what they exceed."""
    row = _row_powers(beams)
    over = jnp.where(row > limits, row / limits, 1.0)
    beams = beams * jax.lax.rsqrt(over)[:, None]
    return beams * jax.lax.rsqrt(jnp.maximum(1.0, jnp.sum(_row_powers(beams))))


def _fitted(beams, limits):
    """Beams times the one number that makes the most loaded limit hold."""
    power = _row_powers(beams)
    # Limits may exceed the total.
    size = jnp.maximum(jnp.max(power / limits), jnp.sum(power))
    return beams / jnp.sqrt(jnp.where(size > 0, size, 1.0))


def _weighted_error(channel, omega, mu, beams) -> Float[Array, ""]:
    off = mu[:, None] * (channel @ beams) - jnp.eye(len(omega))
    noise = mu.real**2 + mu.imag**2
    return jnp.sum(omega * (jnp.sum(off.real**2 + off.imag**2, axis=1) + noise))


def _row_powers(beams) -> Float[Array, " ant"]:
    return jnp.sum(beams.real**2 + beams.imag**2, axis=1)


def _limits(limit: PerAntennaLimit, num_ant: int):
    """Limits of the antennas, and the total that they and the satellite allow."""
    antenna = limit.of_antennas(num_ant)
    return antenna, jnp.minimum(jnp.sum(antenna), limit.total_w)
