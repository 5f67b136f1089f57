"""Bounds of many scenes at once: closed-form rows, offsets eliminated by weighted means."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.inference.batch import batch_map
from leopnt.inference.small_linear import COLUMN_FLOOR, inverse_of_root, triangular_root
from leopnt.methods.nine_d.closed_form import Weights, derivatives, weights
from leopnt.methods.nine_d.scene import NineDScene

TILE = 100
"""Scenes that advance together: their rows fit the cache of a core."""


class LocationBound(NamedTuple):
    """Information and bound of position [m], small rotation vector [rad] and velocity [m/s].

    efim: equivalent Fisher information with every satellite's time and frequency offset unknown;
    crb: its inverse, NaN where not all nine can be told.
    """

    efim: Float[Array, "*batch 9 9"]
    crb: Float[Array, "*batch 9 9"]


def location_rows(scene: NineDScene) -> Float[Array, "row 9"]:
    """Rows A with A^T A the EFIM: offsets of every satellite eliminated by weighted means.

        sqrt(w) (d tau - mean_w d tau),   sqrt(q) (d nu - mean_q d nu)

    The means run over slots and antennas for delays, over slots for Dopplers.
    """
    rows, weight = derivatives(scene), weights(scene)
    delay = rows.delay - _mean(weight.delay, rows.delay, (1, 2))
    doppler = rows.doppler - _mean(weight.doppler, rows.doppler, (1,))
    left = _whitened(weight, delay, doppler)
    # What a mean eliminates exactly leaves rounding behind, which must not pass for information.
    before = jnp.sum(_whitened(weight, rows.delay, rows.doppler) ** 2, axis=0)
    after = jnp.sum(left**2, axis=0)
    return jnp.where((after > COLUMN_FLOOR**2 * before)[None, :], left, 0.0)


def _whitened(weight: Weights, delay, doppler) -> Float[Array, "row 9"]:
    of_delay = jnp.sqrt(weight.delay)[..., None] * delay
    of_doppler = jnp.sqrt(weight.doppler)[..., None] * doppler
    return jnp.concatenate([of_delay.reshape(-1, 9), of_doppler.reshape(-1, 9)])


def _mean(weight, values, axes: tuple[int, ...]):
    """Weighted mean over some axes, kept; 0 where nothing has weight."""
    total = jnp.sum(weight, axis=axes, keepdims=True)[..., None]
    summed = jnp.sum(weight[..., None] * values, axis=axes, keepdims=True)
    return jnp.where(total > 0, summed / jnp.where(total > 0, total, 1.0), 0.0)


@jax.jit
def location_bound(scene: NineDScene) -> LocationBound:
    """Information and bound of one scene, both offsets of every satellite unknown."""
    rows = location_rows(scene)
    length = jnp.sqrt(jnp.sum(rows * rows, axis=0))
    safe = jnp.where(length > 0, length, 1.0)
    root = triangular_root(rows / safe[None, :])
    cofactor, _ = inverse_of_root(root)
    scaled = root * safe[None, :]
    regular = jnp.all(length > 0)
    crb = jnp.where(regular, cofactor / (safe[:, None] * safe[None, :]), jnp.nan)
    return LocationBound(scaled.T @ scaled, crb)


def location_bounds(
    scenes: NineDScene, *, tile: int = TILE, threads: int | None = None
) -> LocationBound:
    """`location_bound` of many scenes; arrays with a leading batch axis in and out."""
    return batch_map(location_bound, scenes, tile=tile, threads=threads)
