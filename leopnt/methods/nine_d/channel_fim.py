"""Fisher information of the channel parameters, dense, and the way from there to the location.

For inspection and comparison with the printed formulas; bounds come from rows (`bounds`), which
survive weak geometry.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from leopnt.methods.nine_d.closed_form import derivatives, observed, weights
from leopnt.methods.nine_d.scene import NineDScene

Scalar: TypeAlias = float | Float[Array, ""]


class AbstractGain(abc.ABC):
    """Which links share one real gain beta."""

    @abc.abstractmethod
    def group(self, num_slot: int, num_ant: int) -> Int[np.ndarray, "slot ant"]:
        """Number of the gain of each link of a satellite."""


@dataclasses.dataclass(frozen=True)
class GainOfAntenna(AbstractGain):
    """Beam split: one for each slot and antenna."""

    def group(self, num_slot: int, num_ant: int) -> Int[np.ndarray, "slot ant"]:
        return np.arange(num_slot * num_ant).reshape(num_slot, num_ant)


@dataclasses.dataclass(frozen=True)
class GainOfSlot(AbstractGain):
    """No beam split: one for each slot."""

    def group(self, num_slot: int, num_ant: int) -> Int[np.ndarray, "slot ant"]:
        return np.repeat(np.arange(num_slot)[:, None], num_ant, axis=1)


@dataclasses.dataclass(frozen=True)
class GainOfSatellite(AbstractGain):
    """Constant over slots and antennas."""

    def group(self, num_slot: int, num_ant: int) -> Int[np.ndarray, "slot ant"]:
        return np.zeros((num_slot, num_ant), int)


class ChannelFim(NamedTuple):
    """Blocks J_eta of every satellite; those of different satellites are zero.

    Order of eta_b: delays (slot by slot, antenna fastest), Dopplers (slot), gains, delta_b [s],
    eps_b [Hz].
    """

    blocks: Float[Array, "sat eta eta"]
    delay: slice
    doppler: slice
    gain: slice
    time_offset: int
    freq_offset: int


def channel_fim(
    scene: NineDScene,
    *,
    gain: AbstractGain | None = None,
    beta: float = 1.0,
    mean_time_s: float = 0.0,
) -> ChannelFim:
    """Channel FIM of every satellite.

        (tau,tau) = w   (tau,delta) = -w   (delta,delta) = sum w           w = SNR omega
        (nu,nu) = q     (nu,eps) = -q/f_c  (eps,eps) = sum q / f_c^2       q = f_c^2 t2 sum_u SNR
        (beta,beta) = SNR / (4 pi^2 beta^2), summed over what shares a gain
        (tau,nu) = SNR f_c (f_o + alpha_1 alpha_2) t1, and with signs and 1/f_c for the offsets

    Args:
        gain: default `GainOfAntenna()`. Gains are decoupled from everything else, so beam split or
            not changes no bound on the location.
        beta: value of the gains.
        mean_time_s: t1, mean effective time; 0 where time counts from the slot's middle. Then
            `scene.mean_square_time_s2` is the raw second moment.

    Source: [emenonye-9d] eqs. 5-8, corrected: factor 1 instead of 1/2 for nu, sums over links.
    """
    _, num_slot, num_ant = scene.snr.shape
    num_delay = num_slot * num_ant
    group = (gain or GainOfAntenna()).group(num_slot, num_ant)
    num_gain = int(group.max()) + 1
    delay, doppler = slice(0, num_delay), slice(num_delay, num_delay + num_slot)
    gains = slice(doppler.stop, doppler.stop + num_gain)
    member = (group.reshape(-1)[:, None] == np.arange(num_gain)[None, :]).astype(float)
    blocks = _blocks(scene, member, beta, mean_time_s)
    return ChannelFim(blocks, delay, doppler, gains, gains.stop, gains.stop + 1)


@jax.jit
def _blocks(
    scene: NineDScene, member, beta: Scalar, mean_time_s: Scalar
) -> Float[Array, "sat eta eta"]:
    """`ChannelFim.blocks`; member: (link, gain), one where the link has the gain."""
    weight = weights(scene)
    _, num_slot, num_ant = scene.snr.shape
    at_doppler = num_slot * num_ant
    at_gain = at_doppler + num_slot
    at_delta = at_gain + member.shape[1]
    at_eps = at_delta + 1
    delay, doppler = slice(0, at_doppler), slice(at_doppler, at_gain)
    gains = slice(at_gain, at_delta)
    seen = observed(scene)
    middle_hz = seen.observed_hz + scene.bandwidth_hz * scene.correlation
    carrier_hz = scene.carrier_hz
    cross = scene.snr * (carrier_hz * middle_hz * mean_time_s)[..., None]
    of_slot = np.repeat(np.eye(num_slot), num_ant, axis=0)

    def block(w, q, c, snr):
        wide, c = w.reshape(-1), c.reshape(-1)
        fim = jnp.zeros((at_eps + 1, at_eps + 1))
        fim = fim.at[delay, delay].set(jnp.diag(wide))
        fim = fim.at[doppler, doppler].set(jnp.diag(q))
        shared = member.T @ snr.reshape(-1) / (4.0 * jnp.pi**2 * beta**2)
        fim = fim.at[gains, gains].set(jnp.diag(shared))
        tau_nu = c[:, None] * of_slot
        upper = jnp.zeros_like(fim)
        upper = upper.at[delay, doppler].set(tau_nu)
        upper = upper.at[delay, at_delta].set(-wide).at[delay, at_eps].set(-c / carrier_hz)
        upper = upper.at[doppler, at_delta].set(-jnp.sum(tau_nu, axis=0))
        upper = upper.at[doppler, at_eps].set(-q / carrier_hz)
        upper = upper.at[at_delta, at_eps].set(jnp.sum(c) / carrier_hz)
        fim = fim.at[at_delta, at_delta].set(jnp.sum(wide))
        fim = fim.at[at_eps, at_eps].set(jnp.sum(q) / carrier_hz**2)
        return fim + upper + upper.T

    return jax.vmap(block)(weight.delay, weight.doppler, cross, scene.snr)


def location_jacobian(scene: NineDScene, channel: ChannelFim) -> Float[Array, "sat kappa eta"]:
    """Upsilon of every satellite: d eta_b / d kappa, kappa = [location 9, gains, delta_b, eps_b].

    J_kappa, restricted to the location and one satellite's nuisances, is Upsilon J Upsilon^T.
    """
    return _jacobian(scene, channel.blocks.shape[-1] - channel.gain.start)


@functools.partial(jax.jit, static_argnums=1)
def _jacobian(scene: NineDScene, num_nuisance: int) -> Float[Array, "sat kappa eta"]:
    def one(delay, doppler):
        location = jnp.concatenate([delay.reshape(-1, 9), doppler])
        upper = jnp.concatenate([location.T, jnp.zeros((9, num_nuisance))], axis=1)
        lower = jnp.concatenate(
            [jnp.zeros((num_nuisance, len(location))), jnp.eye(num_nuisance)], axis=1
        )
        return jnp.concatenate([upper, lower])

    return jax.vmap(one)(*derivatives(scene))


class Losses(NamedTuple):
    """F of Lemmas 1 to 6, and what unknown offsets cost: EFIM = F - time - frequency, 9 x 9, SI.

    F = sum w dtau dtau^T + sum q dnu dnu^T
    time = sum_b a_b a_b^T / sum w,         a_b = sum w dtau
    frequency = sum_b h_b h_b^T / sum q,    h_b = sum q dnu
    """

    fim: Float[Array, "9 9"]
    time: Float[Array, "9 9"]
    frequency: Float[Array, "9 9"]


@jax.jit
def losses(scene: NineDScene) -> Losses:
    """Lemmas 1 to 6 and the loss matrices.

    Source: [emenonye-9d] Lemmas 1-6, eqs. 9-11, corrected: outer products, full derivative of nu.
    """
    rows, weight = derivatives(scene), weights(scene)
    fim = jnp.einsum("bku,bkui,bkuj->ij", weight.delay, rows.delay, rows.delay)
    fim = fim + jnp.einsum("bk,bki,bkj->ij", weight.doppler, rows.doppler, rows.doppler)
    a = jnp.einsum("bku,bkui->bi", weight.delay, rows.delay)
    h = jnp.einsum("bk,bki->bi", weight.doppler, rows.doppler)
    return Losses(
        fim,
        _loss(a, jnp.sum(weight.delay, axis=(1, 2))),
        _loss(h, jnp.sum(weight.doppler, axis=1)),
    )


def _loss(vector: Float[Array, "sat 9"], total: Float[Array, " sat"]) -> Float[Array, "9 9"]:
    share = jnp.where(total > 0, 1.0 / jnp.where(total > 0, total, 1.0), 0.0)
    return jnp.einsum("b,bi,bj->ij", share, vector, vector)
