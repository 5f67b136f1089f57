"""Bounds of one scene under any nuisances and prior knowledge: pure JAX, for batches and threads.

Answers what `bounds.information` answers, without a library factorization and satellite by
satellite: nuisances that one satellite has for itself are eliminated from its rows alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.errors import LeopntError, did_you_mean
from leopnt.inference.small_linear import (
    COLUMN_FLOOR,
    eliminate_columns,
    inverse_of_root,
    triangular_root,
)
from leopnt.methods.nine_d.bounds import LOCATION, whitened_rows
from leopnt.methods.nine_d.closed_form import derivatives
from leopnt.methods.nine_d.nuisances import BOTH_OFFSETS, AbstractNuisance
from leopnt.methods.nine_d.scene import NineDScene

_PER_SATELLITE = (
    "sat_pos_m",
    "sat_vel_mps",
    "bandwidth_hz",
    "correlation",
    "snr",
    "mean_square_time_s2",
    "freq_offset_hz",
)


class Knowledge(NamedTuple):
    """What is known before.

    location_rows: P with P^T P its information about position, rotation vector and velocity, SI;
        rows of zeros say nothing.
    nuisance_sigma: standard deviation of every parameter of a nuisance by its name; inf or missing
        says nothing.
    """

    location_rows: Float[Array | np.ndarray, "row 9"]
    nuisance_sigma: Mapping[str, Float[Array, ""] | float]


NOTHING = Knowledge(np.zeros((0, 9)), {})
"""No knowledge."""


class LocationCovariance(NamedTuple):
    """Bounds of position [m^2], small rotation vector [rad^2] and velocity [m^2/s^2].

    Each with the other two unknown; NaN where it cannot be told, and where it is known.
    """

    position: Float[Array, "*batch 3 3"]
    rotation: Float[Array, "*batch 3 3"]
    velocity: Float[Array, "*batch 3 3"]


def location_covariance(
    scene: NineDScene,
    nuisances: Sequence[AbstractNuisance] = BOTH_OFFSETS,
    *,
    known: Sequence[str] = (),
    knowledge: Knowledge = NOTHING,
) -> LocationCovariance:
    """Cramer-Rao bounds of one scene; position can be told even where rotation cannot.

    Args:
        scene: of `nine_d_scene`.
        nuisances: what else is unknown; () for a synchronized, coherent system.
        known: fields of `LOCATION` that are known exactly.
        knowledge: what is known before, less than exactly.

    Raises:
        LeopntError: `known` names something else.
    """
    for name in known:
        if name not in LOCATION:
            hint = did_you_mean(name, LOCATION)
            raise LeopntError(f"known: {name!r} is none of {list(LOCATION)}.{hint}")
    rows = equivalent_rows(scene, nuisances, knowledge=knowledge)
    unknown = [place for place, name in enumerate(LOCATION) if name not in known]
    found = jnp.full((3, 3, 3), jnp.nan)
    if unknown:
        keep = np.concatenate([3 * place + np.arange(3) for place in unknown])
        root = _scaled_root(rows[:, keep])
        found = found.at[np.array(unknown)].set(_blocks(root))
    return LocationCovariance(*found)


def equivalent_rows(
    scene: NineDScene,
    nuisances: Sequence[AbstractNuisance] = BOTH_OFFSETS,
    *,
    knowledge: Knowledge = NOTHING,
) -> Float[Array, "row 9"]:
    """Rows A with A^T A the EFIM of position, rotation vector and velocity, all nuisances unknown.

    `location_rows` of `batch` is the faster way for both offsets alone.
    """
    own = [one for one in nuisances if not one.is_common]
    common = [one for one in nuisances if one.is_common]

    def of_satellite(parts):
        single = dataclasses.replace(scene, **parts)
        columns = [one.columns(single) for one in (*own, *common)]
        rows = whitened_rows(single, derivatives(single), columns)
        before = _nuisance_rows(single, own, knowledge, rows.shape[1] - 9)
        ordered = jnp.concatenate([rows[:, 9:], rows[:, :9]], axis=1)
        return _eliminated(jnp.concatenate([ordered, before]), _count(single, own))

    split = {name: getattr(scene, name)[:, None] for name in _PER_SATELLITE}
    rows = jax.vmap(of_satellite)(split)
    rows = rows.reshape(-1, rows.shape[-1])
    num_common = rows.shape[1] - 9
    location = jnp.pad(jnp.asarray(knowledge.location_rows), ((0, 0), (num_common, 0)))
    known = _nuisance_rows(scene, common, knowledge, num_common)
    return _eliminated(jnp.concatenate([rows, known, location]), num_common)


def _count(scene: NineDScene, nuisances: Sequence[AbstractNuisance]) -> int:
    return sum(one.columns(scene).doppler.shape[-1] for one in nuisances)


def _nuisance_rows(scene: NineDScene, nuisances, knowledge: Knowledge, width: int):
    """Rows of what is known about nuisances, which come first of `width` columns; then location."""
    shares = []
    for one in nuisances:
        sigma = jnp.asarray(knowledge.nuisance_sigma.get(one.name, jnp.inf))
        shares.append(jnp.full(one.columns(scene).doppler.shape[-1], 1.0 / sigma))
    share = jnp.concatenate([jnp.zeros(0), *shares])
    return jnp.pad(jnp.diag(share), ((0, 0), (0, width - len(share) + 9)))


def _eliminated(rows: Float[Array, "row param"], count: int) -> Float[Array, "row rest"]:
    """Rows about the rest once the first `count` columns are unknown too."""
    if not count:
        return rows
    left = eliminate_columns(rows, count)[:, count:]
    # What is eliminated exactly leaves rounding behind, which must not pass for information.
    before, after = _lengths(rows[:, count:]), _lengths(left)
    return jnp.where((after > COLUMN_FLOOR * before)[None, :], left, 0.0)


def _lengths(rows: Float[Array, "row param"]) -> Float[Array, " param"]:
    return jnp.sqrt(jnp.sum(rows * rows, axis=0))


def _scaled_root(rows: Float[Array, "row param"]) -> Float[Array, "param param"]:
    """Triangular root of rows, factored with columns of length 1."""
    length = _lengths(rows)
    safe = jnp.where(length > 0, length, 1.0)
    return triangular_root(rows / safe[None, :]) * safe[None, :]


def _blocks(root: Float[Array, "param param"]) -> Float[Array, "block 3 3"]:
    """Covariance of each three unknowns, the others unknown; NaN where it is infinite."""
    size = root.shape[1]
    every = np.arange(size)
    order = [[*np.delete(every, every[i : i + 3]), *every[i : i + 3]] for i in range(0, size, 3)]
    return jax.vmap(lambda one: _last_block(root[:, one]))(jnp.array(order))


def _last_block(root: Float[Array, "param param"]) -> Float[Array, "3 3"]:
    rows = _eliminated(root, root.shape[1] - 3)
    length = _lengths(rows)
    safe = jnp.where(length > 0, length, 1.0)
    cofactor, _ = inverse_of_root(triangular_root(rows / safe[None, :]))
    covariance = cofactor / (safe[:, None] * safe[None, :])
    return jnp.where(jnp.all(length > 0), covariance, jnp.nan)
