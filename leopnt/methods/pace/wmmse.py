"""Sum-rate beams of one satellite by weighted MMSE, iterated on the Gram matrix of its users.

Every beam is a mixture of the users' matched filters, W = H^H B. With G = H H^H all that an
iteration needs is of size users x users, so its cost does not depend on the number of antennas.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Complex, Float, Int, PRNGKeyArray

from leopnt.errors import LeopntError
from leopnt.inference.batch import batch_map
from leopnt.inference.status import Status
from leopnt.methods.pace._beam_inputs import (
    check_above_zero,
    check_between_zero_and_one,
    check_channel,
    check_powers,
)
from leopnt.methods.pace.weighted_mse import Regularized, regularized, within_power

TILE = 125
"""Problems that advance together; they stop together too, so a larger tile waits longer."""

_LN2 = float(np.log(2.0))
_ROUNDING = 1e-12


class Stop(NamedTuple):
    """When to stop: the relative change of the sum rate, or the number of iterations."""

    relative_change: Float[Array, ""] | float = 1e-6
    max_iterations: Int[Array, ""] | int = 5000


class Wmmse(NamedTuple):
    """Beams of one satellite and how they were found, mu and omega in units of scaled channels.

    beams: W [sqrt(W)], ||W||_F^2 <= power, each user's wanted gain h_u^T w_u real and positive;
    rates_bpshz: of each user on the channel they were designed for; start_rate_bpshz: sum rate of
    the start; mu, omega: receivers and weights at `beams` (Psi = 1 / omega); multiplier: x of the
    last update; iterations: updates of W; status: how it ended.
    """

    beams: Complex[Array, "*batch ant user"]
    rates_bpshz: Float[Array, "*batch user"]
    sum_rate_bpshz: Float[Array, "*batch"]
    start_rate_bpshz: Float[Array, "*batch"]
    mu: Float[Array, "*batch user"]
    omega: Float[Array, "*batch user"]
    multiplier: Float[Array, "*batch"]
    iterations: Int[Array, "*batch"]
    status: Status


class MultiStart(NamedTuple):
    """The best of several starts, and the sum rate that each of them reached."""

    best: Wmmse
    sum_rates_bpshz: Float[Array, "*batch start"]


class _Links(NamedTuple):
    """Wanted and interfering power at each user, over the noise."""

    wanted: Float[Array, " user"]
    interference: Float[Array, " user"]


class _State(NamedTuple):
    links: _Links
    mixing: Complex[Array, "user user"]
    multiplier: Float[Array, ""]
    rate: Float[Array, ""]
    iterations: Int[Array, ""]
    going: Array
    fell: Array


def wmmse_beams(
    channel: Complex[Array, "user ant"],
    power_w: Float[Array, ""] | float,
    noise_w: Float[Array, ""] | float,
    stop: Stop = Stop(),
) -> Wmmse:
    """Beams that maximize the sum rate of one satellite's users (a local maximum), from MRT.

    Iterates mu_u = conj(h_u^T w_u) / (sum_m |h_u^T w_m|^2 + 1), omega_u = 1 / Psi_u and the W
    of `weighted_mse_beams`; the sum rate never decreases: an update that rounding makes worse (at
    high SNR, with users of one direction) is dropped and ends the search. A user whose weight
    reaches zero stays off. A user with a zero channel is off from the start.

    Args:
        channel: rows h_u^T, received = h^T x.
        power_w: ||W||_F^2 allowed on one subcarrier, P_s / Kbar.
        noise_w: noise variance of one subcarrier at a user.
        stop: default 1e-6 of the sum rate, low by up to 1e-5; 1e-14 for a converged one.

    Raises:
        LeopntError: no complex128 (user, ant), NaN or infinity, a power or noise that is not above
            zero, more than 1e6 W, a stop outside (0, 1).

    Source: [zhang-pace] Sec. IV, eq. (37)-(40), corrected: the wanted signal in the denominator of
    mu, its conjugate, natural logarithm, weight omega in (40).
    """
    _checked(channel, power_w, noise_w, stop, axes=2)
    found = _from_matched_filters(_gram(channel, power_w, noise_w), stop)
    return found._replace(beams=_beams(channel, power_w, noise_w, found.beams))


def wmmse_best_of(
    channel: Complex[Array, "user ant"],
    power_w: Float[Array, ""] | float,
    noise_w: Float[Array, ""] | float,
    starts: Complex[Array, "start user user"],
    stop: Stop = Stop(),
) -> MultiStart:
    """As `wmmse_beams`, from each of several starts; see `random_starts`."""
    num_user = _checked(channel, power_w, noise_w, stop, axes=2)
    _check_starts(starts, num_user)
    found = _best_of(_gram(channel, power_w, noise_w), (stop, starts))
    beams = _beams(channel, power_w, noise_w, found.best.beams)
    return found._replace(best=found.best._replace(beams=beams))


def random_starts(
    key: PRNGKeyArray, num_user: int, num_random: int
) -> Complex[Array, "start user user"]:
    """Starts B of W = zeta H^H B: MRT (B = I) first, then circular Gaussian ones.

    Column m of B holds the weights of the users' matched filters in beam m.
    """
    if num_user < 1 or num_random < 0:
        raise LeopntError(
            f"num_user = {num_user}, num_random = {num_random}: expected at least 1 user and 0 or "
            "more random starts."
        )
    draws = jax.random.normal(key, (num_random, num_user, num_user), dtype=complex)
    matched = jnp.eye(num_user, dtype=complex)
    return jnp.concatenate([matched[None], draws])


def wmmse_batch(
    channels: Complex[np.ndarray, "*batch user ant"] | Complex[Array, "*batch user ant"],
    power_w: ArrayLike,
    noise_w: ArrayLike,
    stop: Stop = Stop(),
    *,
    tile: int = TILE,
    threads: int | None = None,
) -> Wmmse:
    """`wmmse_beams` of many channels: satellites, draws, subcarriers; NumPy arrays out.

    Args:
        channels: any number of leading axes.
        power_w, noise_w: numbers, or arrays that broadcast to the leading axes.
        stop: one for all.
        tile, threads: see `leopnt.inference.batch_map`; results do not depend on `threads`.
    """
    _checked(channels, power_w, noise_w, stop)
    power_w, noise_w = _over_users(channels, power_w), _over_users(channels, noise_w)
    gram = _gram(np.asarray(channels), power_w, noise_w)
    found = _mapped(_from_matched_filters, gram, _as_arrays(stop), tile, threads)
    return found._replace(beams=_beams(np.asarray(channels), power_w, noise_w, found.beams))


def wmmse_best_of_batch(
    channels: Complex[np.ndarray, "*batch user ant"] | Complex[Array, "*batch user ant"],
    power_w: ArrayLike,
    noise_w: ArrayLike,
    starts: Complex[Array, "start user user"],
    stop: Stop = Stop(),
    *,
    tile: int = TILE,
    threads: int | None = None,
) -> MultiStart:
    """`wmmse_best_of` of many channels, the same starts for each; arguments as `wmmse_batch`."""
    _check_starts(starts, _checked(channels, power_w, noise_w, stop))
    power_w, noise_w = _over_users(channels, power_w), _over_users(channels, noise_w)
    gram = _gram(np.asarray(channels), power_w, noise_w)
    found = _mapped(_best_of, gram, (_as_arrays(stop), starts), tile, threads)
    beams = _beams(np.asarray(channels), power_w, noise_w, found.best.beams)
    return found._replace(best=found.best._replace(beams=beams))


def wmmse_history(
    channel: Complex[Array, "user ant"],
    power_w: Float[Array, ""] | float,
    noise_w: Float[Array, ""] | float,
    num_iterations: int,
    start: Complex[Array, "user user"] | None = None,
) -> Float[Array, " iteration"]:
    """Sum rate [bit/s/Hz] of the start and after each of `num_iterations` updates of W.

    The objective sum_u ln(omega_u) - omega_u Psi_u is ln(2) times the sum rate minus the number of
    users. Updates are shown as they are, also one that rounding makes worse.

    Args:
        channel, power_w, noise_w: see `wmmse_beams`.
        num_iterations: 0 or more.
        start: one of `random_starts`; default MRT.
    """
    num_user = _checked(channel, power_w, noise_w, Stop(), axes=2)
    mixing = jnp.eye(num_user, dtype=complex) if start is None else start
    _check_starts(mixing[None], num_user)
    gram = _gram(channel, power_w, noise_w)
    first = _links(gram @ _of_unit_power(gram, mixing))

    def step(links, _):
        after = _links_after(*_update(gram, links))
        return after, _sum_rate(after)

    _, rates = jax.lax.scan(step, first, None, length=num_iterations)
    return jnp.concatenate([_sum_rate(first)[None], rates]) / _LN2


def _from_mixing(gram, stop: Stop, mixing) -> Wmmse:
    """Result whose `beams` hold the mixture B of W = zeta H^H B: antennas do not enter here."""
    mixing = _of_unit_power(gram, mixing)
    start = _links(gram @ mixing)
    end = _iterate(gram, start, mixing, stop)
    total = end.links.wanted + end.links.interference + 1.0
    settled = how_ended(end.going, end.fell)
    return Wmmse(
        beams=end.mixing,
        rates_bpshz=_rates(end.links) / _LN2,
        sum_rate_bpshz=end.rate / _LN2,
        start_rate_bpshz=_sum_rate(start) / _LN2,
        mu=jnp.sqrt(end.links.wanted) / total,
        omega=total / (end.links.interference + 1.0),
        multiplier=end.multiplier,
        iterations=end.iterations,
        status=Status.where(jnp.isfinite(end.rate), settled, Status.not_finite),
    )


def _from_matched_filters(gram, stop: Stop) -> Wmmse:
    return _from_mixing(gram, stop, jnp.eye(len(gram), dtype=complex))


def _best_of(gram, shared: tuple[Stop, Array]) -> MultiStart:
    stop, starts = shared
    found = jax.vmap(lambda mixing: _from_mixing(gram, stop, mixing))(starts)
    rates = found.sum_rate_bpshz
    best = jnp.argmax(jnp.where(jnp.isfinite(rates), rates, -1.0))
    return MultiStart(jax.tree.map(lambda leaf: leaf[best], found), rates)


def _mapped(function, gram, shared, tile: int, threads: int | None):
    """`function(gram, shared)` over any number of leading axes."""
    lead = gram.shape[:-2]
    flat = gram.reshape(-1, *gram.shape[-2:])
    found = batch_map(function, flat, shared=shared, tile=tile, threads=threads)
    return jax.tree.map(lambda leaf: leaf.reshape(*lead, *leaf.shape[1:]), found)


def _iterate(gram, start: _Links, mixing, stop: Stop) -> _State:
    def step(state: _State) -> _State:
        scale, found = _update(gram, state.links)
        after = _links_after(scale, found)
        rate = _sum_rate(after)
        count, change = state.iterations + 1, rate - state.rate
        moving = change > stop.relative_change * rate
        fell = fell_by(change, state.rate, stop)
        mixing = scale[:, None] * found.inverse
        new = _State(after, mixing, found.multiplier, rate, count, moving, fell)
        stay = state._replace(iterations=count, going=moving, fell=fell)
        return jax.tree.map(lambda x, y: jnp.where(change >= 0, x, y), new, stay)

    def unfinished(state: _State):
        return state.going & (state.iterations < stop.max_iterations)

    rate, zero, yes = _sum_rate(start), jnp.asarray(0.0), jnp.asarray(True)
    first = _State(start, mixing, zero, rate, jnp.asarray(0), yes, ~yes)
    return jax.lax.while_loop(unfinished, step, first)


def fell_by(change, rate, stop: Stop) -> Bool[Array, ""]:
    """Whether an update lowers the rate (or is not finite) by more than the stop and rounding."""
    return ~(change >= -jnp.maximum(stop.relative_change, _ROUNDING) * rate)


def how_ended(going: Bool[Array, ""], fell: Bool[Array, ""]) -> Status:
    """Stalled where the last update was dropped and more than rounding."""
    settled = Status.where(fell, Status.stalled, Status.converged)
    return Status.where(going, Status.max_iterations, settled)


def _links_after(scale: Float[Array, " user"], found: Regularized) -> _Links:
    """Power at the users after an update of W; what W sends is H W = G D Y = D^-1 A Y."""
    on = (scale != 0)[:, None]
    return _links(jnp.where(on, found.image / jnp.where(on, scale[:, None], 1.0), 0.0))


def _update(gram, links: _Links) -> tuple[Float[Array, " user"], Regularized]:
    """Scale sqrt(omega) |mu| of the users, and the update of W in the reduced form.

    With a = |h_u^T w_u|^2 and b = interference + 1: mu^2 = a / (a + b)^2, omega = (a + b) / b. Each
    column of W may carry any phase; here h_u^T w_u stays real and positive.
    """
    clear = links.interference + 1.0
    total = links.wanted + clear
    scale = jnp.sqrt(links.wanted / (total * clear))
    root = jnp.where(scale != 0, jnp.sqrt(total / clear), 0.0)
    return scale, regularized(gram, scale, root)


def _gram(channel, power_w, noise_w):
    """Hs Hs^H of the scaled channel Hs = H sqrt(power / noise)."""
    scaled = channel * (power_w / noise_w) ** 0.5
    return scaled @ scaled.conj().mT


def _beams(channel, power_w, noise_w, mixing):
    """W = sqrt(power) Hs^H B in physical units."""
    return within_power(power_w / noise_w**0.5 * (channel.conj().mT @ mixing), power_w)


def _of_unit_power(gram, mixing):
    """B of W = zeta H^H B, with zeta in it."""
    power = jnp.sum((jnp.conj(mixing) * (gram @ mixing)).real)
    return mixing / jnp.sqrt(jnp.where(power > 0, power, 1.0))


def _links(received: Complex[Array, "user user"]) -> _Links:
    power = received.real**2 + received.imag**2
    own = jnp.eye(len(received), dtype=bool)
    return _Links(jnp.diag(power), jnp.sum(jnp.where(own, 0.0, power), axis=1))


def _rates(links: _Links) -> Float[Array, " user"]:
    return jnp.log1p(links.wanted / (links.interference + 1.0))


def _sum_rate(links: _Links) -> Float[Array, ""]:
    return jnp.sum(_rates(links))


def _checked(channel, power_w, noise_w, stop: Stop, axes: int | None = None) -> int:
    """Number of users, once everything is accepted."""
    check_channel(channel=channel)
    if axes is not None and len(np.shape(channel)) != axes:
        raise LeopntError(
            f"channel: got shape {np.shape(channel)}; accepted: (user, ant), one satellite; use "
            "wmmse_batch for many."
        )
    check_powers(power_w=power_w)
    check_above_zero(noise_w=noise_w, max_iterations=stop.max_iterations)
    check_between_zero_and_one(relative_change=stop.relative_change)
    return np.shape(channel)[-2]


def _check_starts(starts, num_user: int) -> None:
    check_channel(starts=starts)
    if np.shape(starts)[1:] != (num_user, num_user):
        raise LeopntError(
            f"starts: got shape {np.shape(starts)}; accepted: (start, {num_user}, {num_user}), "
            "one mixture of matched filters for each start."
        )


def _over_users(channels, value) -> Float[np.ndarray, "*batch 1 1"]:
    """A number of each problem, to multiply with matrices."""
    lead = np.shape(channels)[:-2]
    try:
        return np.broadcast_to(np.asarray(value, float), lead)[..., None, None]
    except ValueError:
        raise LeopntError(
            f"power_w or noise_w: got shape {np.shape(value)}; accepted: a number, or an array "
            f"that broadcasts to {lead}, the leading axes of channels."
        ) from None


def _as_arrays(stop: Stop) -> Stop:
    return Stop(jnp.asarray(stop.relative_change, float), jnp.asarray(stop.max_iterations))
