"""The frequency and delay at which rotating phasors add up best: grid by FFT, then Newton.

Streams that share frequency and delay but not their amplitudes are summed as powers.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float

from leopnt.inference.status import Status

ITERATIONS = 8
"""Newton steps; four bring a start on the grid to rounding."""

_PADDING = 2
_STEP_BINS = 1e-6


class Peak(NamedTuple):
    """turns: [per row, per column], each within +-1/2 of the start; power: sum |S|^2 there."""

    turns: Float[Array, "2"]
    power: Float[Array, ""]
    status: Status


@jax.jit
def find_peak(values: Complex[Array, "stream row col"]) -> Peak:
    """Maximum of the power of all streams, each with an amplitude of its own.

        P(x, y) = sum_stream |S|^2,   S = sum_rc values exp(-2 pi i (r x - c y))

    With white noise of the same strength in all streams this is the maximum likelihood. An axis of
    one row (or column) keeps zero turns. Not converged: no maximum within a bin of the grid's best.
    """
    start = _best_of_grid(values)
    size = jnp.asarray(values.shape[1:], float)
    is_free = size > 1

    def advance(_, turns):
        step, _ = _newton(values, turns, is_free)
        return turns + jnp.clip(step, -0.5 / size, 0.5 / size)

    turns = jax.lax.fori_loop(0, ITERATIONS, advance, start)
    step, is_maximum = _newton(values, turns, is_free)
    is_near = jnp.all(jnp.abs(turns - start) * size < 1.0)
    is_still = jnp.all(jnp.abs(step) * size < _STEP_BINS)
    status = Status.where(is_maximum & is_near & is_still, Status.converged, Status.stalled)
    central = _moments(values, turns)[:, 0, 0]
    power = jnp.sum(central.real**2 + central.imag**2)
    status = Status.where(jnp.isfinite(power), status, Status.not_finite)
    return Peak(turns, power, status)


def _best_of_grid(values: Complex[Array, "stream row col"]) -> Float[Array, "2"]:
    """Turns at the strongest point of a grid of half bins."""
    rows, cols = (_PADDING * n if n > 1 else 1 for n in values.shape[1:])

    def power(total, one):
        spectrum = jnp.fft.ifft(jnp.fft.fft(one, rows, axis=0), cols, axis=1)
        return total + spectrum.real**2 + spectrum.imag**2, None

    total, _ = jax.lax.scan(power, jnp.zeros((rows, cols)), values)
    row, col = jnp.divmod(jnp.argmax(total), cols)
    turns = jnp.stack([row / rows, col / cols])
    return turns - jnp.round(turns)


def _newton(
    values: Complex[Array, "stream row col"], turns: Float[Array, "2"], is_free: Bool[Array, "2"]
) -> tuple[Float[Array, "2"], Bool[Array, ""]]:
    """Newton's step for log power, zero where that does not curve down; whether it does.

    The logarithm of a main lobe is nearly a parabola all over, the lobe itself is not.
    """
    s = _moments(values, turns)
    turn = 2.0 * jnp.pi
    first = jnp.stack([-1j * turn * s[:, 1, 0], 1j * turn * s[:, 0, 1]])
    mixed = turn**2 * s[:, 1, 1]
    rows = [[-(turn**2) * s[:, 2, 0], mixed], [mixed, -(turn**2) * s[:, 0, 2]]]
    second = jnp.stack([jnp.stack(row) for row in rows])
    center = jnp.conj(s[:, 0, 0])
    power = jnp.sum(center.real**2 + center.imag**2)
    slope = 2.0 * jnp.sum((center[None] * first).real, axis=-1) / power
    outer = jnp.conj(first)[:, None] * first[None, :]
    bend = 2.0 * jnp.sum((outer + center[None, None] * second).real, axis=-1) / power
    bend = bend - slope[:, None] * slope[None, :]
    a = jnp.where(is_free[0], bend[0, 0], -1.0)
    d = jnp.where(is_free[1], bend[1, 1], -1.0)
    b = jnp.where(jnp.all(is_free), bend[0, 1], 0.0)
    slope = jnp.where(is_free, slope, 0.0)
    determinant = a * d - b * b
    is_maximum = (a < 0.0) & (determinant > 0.0)
    step = jnp.stack([b * slope[1] - d * slope[0], b * slope[0] - a * slope[1]])
    return jnp.where(is_maximum, step / jnp.where(is_maximum, determinant, 1.0), 0.0), is_maximum


def _moments(
    values: Complex[Array, "stream row col"], turns: Float[Array, "2"]
) -> Complex[Array, "stream 3 3"]:
    """Sums with weights 1, r, r^2 and 1, c, c^2, indices from the middle."""
    rows = _weighted_phasors(values.shape[1], -turns[0])
    cols = _weighted_phasors(values.shape[2], turns[1])
    return jnp.einsum("slb,al->sab", values @ cols.T, rows)


def _weighted_phasors(count: int, turns: Float[Array, ""]) -> Complex[Array, "3 count"]:
    index = jnp.arange(count) - 0.5 * (count - 1)
    phasor = jnp.exp(2j * jnp.pi * turns * index)
    return jnp.stack([phasor, index * phasor, index * index * phasor])
