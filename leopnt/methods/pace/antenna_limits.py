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
from leopnt.inference.small_hermitian import factor, solve_lower, solve_upper
from leopnt.inference.status import Status
from leopnt.methods.pace._beam_inputs import (
    check_above_zero,
    check_between_zero_and_one,
    check_channel,
    check_powers,
    check_same_users,
    check_weights,
)
from leopnt.methods.pace.wmmse import Stop

GAP = 1e-11
"""The update is done when the duality gap is this share of the weighted error of noise alone."""

_MAX_STEPS = 80
_TOWARDS_WALL = 0.98
_CENTERING = 0.1


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
    of the sum, 0 where a limit is slack; gap: between the weighted error and its lower bound.
    """

    beams: Complex[Array, "ant user"]
    antenna_multiplier: Float[Array, " ant"]
    multiplier: Float[Array, ""]
    gap: Float[Array, ""]


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

    with y_n, x >= 0, each zero or its limit met: a monotone complementarity problem, solved by
    primal-dual Newton steps. What rounding leaves above a limit is scaled away.

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
    """As `wmmse_beams`, with a limit on each antenna: from MRT that is scaled to fit.

    The sum rate never decreases: an update that rounding makes worse is dropped, and ends the
    search. Costs grow with the cube of the number of antennas.

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


def _iterate(channel, limits, stop: Stop) -> LimitedWmmse:
    """WMMSE on the scaled channel: unit noise, unit total power."""

    def step(state: _State) -> _State:
        omega, mu = _receivers(channel, state.beams)
        beams = _update(channel, omega, mu, limits).beams
        rate = jnp.sum(_rates(channel, beams))
        better = rate > state.rate
        moving = rate - state.rate > stop.relative_change * rate
        return _State(
            jnp.where(better, beams, state.beams),
            jnp.where(better, rate, state.rate),
            state.iterations + 1,
            moving,
        )

    def unfinished(state: _State):
        return state.going & (state.iterations < stop.max_iterations)

    matched = jnp.conj(channel.T)
    over = jnp.max(_row_powers(matched) / limits)
    total = jnp.sum(_row_powers(matched))
    # Limits may exceed the total: the matched filters fit both.
    size = jnp.maximum(over, total)
    matched = matched / jnp.sqrt(jnp.where(size > 0, size, 1.0))
    start = jnp.sum(_rates(channel, matched))
    first = _State(matched, start, jnp.asarray(0), jnp.asarray(True))
    end = jax.lax.while_loop(unfinished, step, first)
    ran_out = Status.where(end.going, Status.max_iterations, Status.converged)
    rates = _rates(channel, end.beams)
    return LimitedWmmse(
        beams=end.beams,
        rates_bpshz=rates / np.log(2.0),
        sum_rate_bpshz=end.rate / np.log(2.0),
        start_rate_bpshz=start / np.log(2.0),
        iterations=end.iterations,
        status=Status.where(jnp.isfinite(end.rate), ran_out, Status.not_finite),
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


class _Search(NamedTuple):
    """Multipliers (y, x), slacks of their limits, and the steps tried."""

    multiplier: Float[Array, " limit"]
    slack: Float[Array, " limit"]
    steps: Int[Array, ""]
    done: Array


def _update(channel, omega, mu, limits) -> LimitedMseBeams:
    """Beams within limits on each antenna and unit total power.

    With z = (y, x) and F(z) the unused power of each limit, 0 <= z, s = F(z) >= 0, z s = t; every
    step solves (J + diag(s / z)) dz = t / z - F and t shrinks.
    """
    size = jnp.sqrt(mu.real**2 + mu.imag**2)
    turn = jnp.where(size > 0, jnp.conj(mu) / jnp.where(size > 0, size, 1.0), 0.0)
    mixed = jnp.conj(channel.T) * (jnp.sqrt(omega) * size)[None, :]
    allowed = jnp.append(limits, 1.0)
    noise = jnp.sum(omega * size**2)
    floor = jnp.finfo(float).tiny ** 0.5

    def at(z):
        """Beams Z^-1 M (I + M^H Z^-1 M)^-1 D, F, and (A + Z)^-1."""
        spread = mixed / (z[:-1] + z[-1])[:, None]
        low = factor(jnp.eye(len(omega)) + jnp.conj(mixed.T) @ spread)
        root = jnp.diag(jnp.sqrt(omega) * turn)
        beams = spread @ solve_upper(low, solve_lower(low, root))
        used = _row_powers(beams)
        half = solve_lower(low, jnp.conj(spread.T))
        inverse = jnp.diag(1.0 / (z[:-1] + z[-1])) - jnp.conj(half.T) @ half
        return beams, allowed - jnp.append(used, jnp.sum(used)), inverse

    def unfinished(state: _Search):
        return ~state.done & (state.steps < _MAX_STEPS)

    def step(state: _Search) -> _Search:
        z, slack = state.multiplier, state.slack
        beams, unused, inverse = at(z)
        gap = z @ slack + z @ jnp.abs(slack - unused)
        inner = 2.0 * (inverse * (beams @ jnp.conj(beams.T)).T).real
        side = jnp.sum(inner, axis=1)
        slope = jnp.block([[inner, side[:, None]], [side[None, :], jnp.sum(side)[None, None]]])
        aim = _CENTERING * (z @ slack) / len(z)
        dz = cho_solve(cho_factor(slope + jnp.diag(slack / z), lower=True), aim / z - unused)
        ds = slope @ dz + unused - slack
        share = jnp.minimum(_room(z, dz), _room(slack, ds))
        # A matrix that rounding makes indefinite ends the search at the last good point.
        done = (gap <= GAP * noise + floor) & jnp.all(unused >= -GAP * allowed)
        done = done | ~jnp.all(jnp.isfinite(dz))
        share = jnp.where(done, 0.0, share)
        dz, ds = jnp.where(done, 0.0, dz), jnp.where(done, 0.0, ds)
        return _Search(z + share * dz, slack + share * ds, state.steps + 1, done)

    start = _Search(
        jnp.full(len(allowed), noise + floor), allowed, jnp.asarray(0), jnp.asarray(False)
    )
    found = jax.lax.while_loop(unfinished, step, start)
    beams, _, _ = at(found.multiplier)
    row = _row_powers(beams)
    beams = beams * jnp.sqrt(jnp.minimum(1.0, limits / jnp.maximum(row, floor)))[:, None]
    beams = beams * jax.lax.rsqrt(jnp.maximum(1.0, jnp.sum(_row_powers(beams))))
    gap = found.multiplier @ found.slack
    return LimitedMseBeams(beams, found.multiplier[:-1], found.multiplier[-1], gap)


def _room(value, change) -> Float[Array, ""]:
    """Largest share of a step, at most 1, that keeps all values above zero."""
    ratio = jnp.where(change < 0, -value / jnp.where(change < 0, change, -1.0), jnp.inf)
    return jnp.minimum(1.0, _TOWARDS_WALL * jnp.min(ratio))


def _row_powers(beams) -> Float[Array, " ant"]:
    return jnp.sum(beams.real**2 + beams.imag**2, axis=1)


def _limits(limit: PerAntennaLimit, num_ant: int):
    """Limits of the antennas, and the total that they and the satellite allow."""
    antenna = limit.of_antennas(num_ant)
    return antenna, jnp.minimum(jnp.sum(antenna), limit.total_w)
