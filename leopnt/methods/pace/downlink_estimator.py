"""Downlink: Doppler and delay of a link from its pilots, without knowing angles or gain.

A user removes the Doppler and delay that it expects, takes each stream's pilots off, and looks for
the pair at which the powers of all streams add up best. Blocks of symbols and subcarriers are
summed first where what is left turns little within one.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact, Key

from leopnt.antennas._inputs import check_count
from leopnt.antennas.steering import dirichlet
from leopnt.errors import LeopntError
from leopnt.inference.status import Status
from leopnt.methods.pace.peak_search import find_peak
from leopnt.signals.ofdm import OfdmGrid

Number = Float[Array, ""] | float


class PilotBlocks(NamedTuple):
    """Symbols and subcarriers that are summed before the search.

    Doppler and delay are then told within +-1 / (2 symbols T) and +-1 / (2 subs Df); close to that
    a block loses up to 3.9 dB.
    """

    symbols: int = 10
    subs: int = 4


class PilotSums(NamedTuple):
    """What an estimator needs of a link: sums over blocks, streams of independent noise.

    values: sqrt(W), scaled so that each has the noise variance of a sample; symbol_s, spacing_hz:
    from a block to the next.
    """

    values: Complex[Array, "*link stream block_symbol block_sub"]
    symbol_s: Float[Array, "*link"]
    spacing_hz: Float[Array, "*link"]


class DownlinkEstimate(NamedTuple):
    """doppler_hz, delay_s: beyond what was expected; energy_w: of all streams.

    energy_w is L K |alpha G|^2 ||F^T a||^2 plus one noise variance per stream: over the noise, the
    SNR of `downlink.snr`.
    """

    doppler_hz: Float[Array, "*link"]
    delay_s: Float[Array, "*link"]
    energy_w: Float[Array, "*link"]
    status: Status


@jax.jit
def estimate_downlink(sums: PilotSums) -> DownlinkEstimate:
    """Maximum likelihood of Doppler and delay of one link; `jax.vmap` or `jax.lax.map` for many.

        max over nu, tau of sum_stream |sum_lk values exp(-2 pi i (l T nu - k Df tau))|^2

    Amplitudes of the streams, alpha G F^T a, are nuisances that the maximum has eliminated.
    """
    found = find_peak(sums.values)
    count = sums.values.shape[-2] * sums.values.shape[-1]
    return DownlinkEstimate(
        found.turns[0] / sums.symbol_s,
        found.turns[1] / sums.spacing_hz,
        found.power / count,
        found.status,
    )


def pilot_sums(
    received: Complex[Array, "symbol sub"],
    pilots: Complex[Array | np.ndarray, "symbol sub stream"],
    grid: OfdmGrid,
    blocks: PilotBlocks = PilotBlocks(1, 1),
    *,
    expected_doppler_hz: Number = 0.0,
    expected_delay_s: Number = 0.0,
) -> PilotSums:
    """Take the pilots off the samples of a link and sum over blocks.

        values = L^-1 sum conj(t) received exp(-2 pi i (l T nu_0 - k Df tau_0)),
        L L^H = mean of conj(t) t^T

    so that pilots which are not orthogonal do not disturb each other.

    Raises:
        LeopntError: shapes that disagree, blocks that do not divide the grid, dependent pilots.
    """
    pilots = jnp.asarray(pilots)
    shape = (grid.num_symbol, grid.num_sub)
    if received.shape != shape or pilots.shape[:2] != shape:
        raise LeopntError(
            f"received has shape {received.shape}, pilots {pilots.shape}; accepted: {shape} and "
            f"{(*shape, 'stream')}."
        )
    symbols, subs = _counts(grid, blocks)
    symbol, sub = jnp.arange(1.0, shape[0] + 1.0), jnp.arange(1.0, shape[1] + 1.0)
    turns = (symbol * grid.symbol_s * expected_doppler_hz)[:, None] - (
        sub * grid.spacing_hz * expected_delay_s
    )[None, :]
    still = received * jnp.exp(-2j * jnp.pi * turns)
    streams = jnp.moveaxis(jnp.conj(pilots) * still[:, :, None], -1, 0)
    parts = streams.reshape(-1, symbols, blocks.symbols, subs, blocks.subs)
    summed = jnp.sum(parts, axis=(2, 4)) / (blocks.symbols * blocks.subs) ** 0.5
    gram = jnp.einsum("lks,lkt->st", jnp.conj(pilots), pilots) / grid.num_sample
    low = jnp.linalg.cholesky(gram)
    if not bool(jnp.all(jnp.isfinite(low))):
        raise LeopntError("pilots: the streams depend on each other; expected independent ones.")
    white = jax.scipy.linalg.solve_triangular(low, summed.reshape(len(gram), -1), lower=True)
    return PilotSums(white.reshape(summed.shape), *_steps(grid, blocks))


def draw_pilot_sums(
    key: Key[Array, ""],
    amplitude: Inexact[Array, " stream"],
    doppler_hz: Number,
    delay_s: Number,
    grid: OfdmGrid,
    noise_w: Number,
    blocks: PilotBlocks = PilotBlocks(),
) -> PilotSums:
    """Draw the sums of a link with orthogonal pilots, without ever holding its samples.

    What is left of a neighboring stream within a block (nothing as long as phases stand still) is
    left out; the loss within a block is in.

    Args:
        amplitude: alpha G F^T a of each stream [sqrt(W)].
        doppler_hz, delay_s: beyond what the user expected and removed.
        noise_w: sigma^2 of a sample.
    """
    symbols, subs = _counts(grid, blocks)
    steps = _steps(grid, blocks)
    rows = _block_phasors(symbols, blocks.symbols, grid.symbol_s * doppler_hz)
    cols = _block_phasors(subs, blocks.subs, -grid.spacing_hz * delay_s)
    mean = (rows[:, None] * cols[None, :])[None] * amplitude[:, None, None]
    noise = jnp.sqrt(noise_w) * jax.random.normal(key, mean.shape, complex)
    return PilotSums(mean + noise, *steps)


def _block_phasors(count: int, size: int, turns: Number) -> Complex[Array, " block"]:
    """Sums of exp(2 pi i n turns) over the n of each block, over sqrt(size); n from 1."""
    phase = 2.0 * jnp.pi * turns
    first = 1.0 + size * jnp.arange(count)
    return size**0.5 * dirichlet(size, phase) * jnp.exp(1j * phase * first)


def _steps(grid: OfdmGrid, blocks: PilotBlocks) -> tuple[Float[Array, ""], Float[Array, ""]]:
    return (
        jnp.asarray(blocks.symbols * grid.symbol_s, float),
        jnp.asarray(blocks.subs * grid.spacing_hz, float),
    )


def _counts(grid: OfdmGrid, blocks: PilotBlocks) -> tuple[int, int]:
    """Blocks along symbols and subcarriers."""
    check_count(1, symbols=blocks.symbols, subs=blocks.subs)
    found = []
    for name, total, size in (
        ("symbols", grid.num_symbol, blocks.symbols),
        ("subs", grid.num_sub, blocks.subs),
    ):
        if total % size or total // size < 2:
            raise LeopntError(
                f"blocks.{name} = {size}: expected to divide {total} into two blocks or more."
            )
        found.append(total // size)
    return found[0], found[1]
