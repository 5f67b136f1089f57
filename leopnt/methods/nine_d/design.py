"""How good a scene is, as one number with derivatives: to improve a design by gradient or greedily.

All criteria are less where the scene is better, NaN where the quantity cannot be told at all, and
differentiable by anything in the scene: slot times, satellites, antennas, SNR.

    slope = jax.grad(lambda spacing_s: mean_variance(scene_of(spacing_s), Goal()))(1.0)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from leopnt.errors import LeopntError, did_you_mean
from leopnt.inference.batch import batch_map
from leopnt.inference.design import covariance_of_rows, log_det_of_rows
from leopnt.inference.parameters import Unknowns
from leopnt.methods.nine_d.bounds import LOCATION, rows_of, unknowns_of
from leopnt.methods.nine_d.nuisances import BOTH_OFFSETS, AbstractNuisance
from leopnt.methods.nine_d.scene import NineDScene


class _Units(dict):
    """A dictionary that may be part of a compiled function's signature."""

    def __hash__(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return hash(tuple(sorted(self.items())))


@dataclasses.dataclass(frozen=True)
class Goal:
    """What shall be known well, in which units, and what else is unknown.

    Attributes:
        unit: size of an error that matters, SI, by name of `LOCATION`: {"rx_pos_m": 1.0,
            "rotation_rad": 0.01} counts 10 mrad as much as 1 m.
        known: names of `LOCATION` that are known; the others are nuisances.
        nuisances: what else is unknown; they must be told apart.
    """

    unit: Mapping[str, float]
    known: tuple[str, ...] = ()
    nuisances: tuple[AbstractNuisance, ...] = BOTH_OFFSETS

    def __post_init__(self):
        object.__setattr__(self, "unit", _Units(self.unit))
        for name in (*self.unit, *self.known):
            if name not in LOCATION:
                raise LeopntError(
                    f"Goal: {name!r} is none of {list(LOCATION)}." + did_you_mean(name, LOCATION)
                )
        for name, value in self.unit.items():
            if not 0 < value < np.inf:
                raise LeopntError(f"Goal: unit of {name} = {value!r}: expected a number above 0.")
        both = [name for name in self.unit if name in self.known]
        if both or not self.unit:
            raise LeopntError(
                f"Goal: unit names {list(self.unit)}, known {list(self.known)}: expected one or "
                "more of which none is known."
            )


Criterion = Callable[[NineDScene, Goal], Float[Array, ""]]
"""(scene, goal) -> a number that is less for a better scene."""

POSITION = Goal({"rx_pos_m": 1.0})
"""Position, with rotation, velocity and all offsets unknown [m^2]."""


def scaled_crb(scene: NineDScene, goal: Goal = POSITION) -> Float[Array, "size size"]:
    """Cramer-Rao bound of what the goal names, in its units, order of `LOCATION`."""
    rows, places, scale = _rows(scene, goal)
    covariance = covariance_of_rows(rows)[places[:, None], places[None, :]]
    covariance = covariance / (scale[:, None] * scale[None, :])
    return jnp.where(_shows(rows, places), covariance, jnp.nan)


def mean_variance(scene: NineDScene, goal: Goal = POSITION) -> Float[Array, ""]:
    """Trace of the scaled bound (A-optimal): for a position alone the squared 3D error."""
    return jnp.trace(scaled_crb(scene, goal))


def log_volume(scene: NineDScene, goal: Goal = POSITION) -> Float[Array, ""]:
    """Log det of the scaled bound (D-optimal); twice the log volume of the error ellipsoid.

    Other units add a constant: the best design does not depend on them.
    """
    rows, places, scale = _rows(scene, goal)
    rest = np.setdiff1d(np.arange(rows.shape[1]), places)
    told = log_det_of_rows(rows) - (log_det_of_rows(rows[:, rest]) if len(rest) else 0.0)
    told = jnp.where(_shows(rows, places), told, jnp.nan)
    return -told - 2.0 * np.sum(np.log(scale))


def worst_variance(scene: NineDScene, goal: Goal = POSITION) -> Float[Array, ""]:
    """Largest eigenvalue of the scaled bound (E-optimal): the worst direction.

    Has no derivative where two directions are equally bad.
    """
    crb = scaled_crb(scene, goal)
    regular = jnp.all(jnp.isfinite(crb))
    value = jnp.linalg.eigvalsh(jnp.where(regular, crb, jnp.diag(jnp.arange(1.0, 1.0 + len(crb)))))
    return jnp.where(regular, value[-1], jnp.nan)


def _rows(scene: NineDScene, goal: Goal):
    """Whitened rows without the columns of what is known, places and units of what is asked."""
    unknowns = unknowns_of(scene, goal.nuisances)
    asked = tuple(name for name in LOCATION if name in goal.unit)
    places = unknowns.indices(asked)
    keep = np.setdiff1d(np.arange(unknowns.size), _indices(unknowns, goal.known))
    rows = rows_of(scene, goal.nuisances)[:, keep]
    scale = np.repeat([goal.unit[name] for name in asked], 3)
    return rows, np.searchsorted(keep, places), scale


def _shows(rows: Float[Array, "row param"], places: np.ndarray) -> Bool[Array, ""]:
    """Whether anything at all depends on each of what is asked."""
    return jnp.all(jnp.any(rows[:, places] != 0.0, axis=0))


def _indices(unknowns: Unknowns, names: Sequence[str]) -> np.ndarray:
    return unknowns.indices(names) if names else np.zeros(0, int)


def with_satellites(scene: NineDScene, weight: Float[Array, " sat"]) -> NineDScene:
    """The scene with the SNR of each satellite multiplied: power shares, or 0 to leave one out."""
    return eqx.tree_at(lambda s: s.snr, scene, scene.snr * weight[:, None, None])


def criterion_of_subsets(
    scene: NineDScene,
    used: Bool[np.ndarray, "subset sat"],
    criterion: Criterion = log_volume,
    goal: Goal = POSITION,
) -> Float[np.ndarray, " subset"]:
    """Criterion of many subsets of the satellites; infinite where the subset does not suffice."""
    run = _SubsetCriterion(criterion, goal)
    found = batch_map(run, np.asarray(used, float), shared=scene, tile=64, threads=1)
    return np.where(np.isfinite(found), found, np.inf)


class _SubsetCriterion(NamedTuple):
    criterion: Criterion
    goal: Goal

    def __call__(self, weight, scene):
        return self.criterion(with_satellites(scene, weight), self.goal)


class Selection(NamedTuple):
    """A subset of the satellites: their numbers, ascending from 0, and its criterion."""

    satellites: tuple[int, ...]
    value: float


def drop_satellites(
    scene: NineDScene,
    count: int,
    criterion: Criterion = log_volume,
    goal: Goal = POSITION,
) -> Selection:
    """The `count` satellites that remain when the least useful one is left out again and again.

    Greedy: close to the best subset, not always it. `criterion_of_subsets` tries them all.

    Raises:
        LeopntError: `count` is not 1 to the number of satellites.
    """
    num_sat = scene.snr.shape[0]
    if not 1 <= count <= num_sat:
        raise LeopntError(f"count = {count}: expected 1 to {num_sat}, the satellites of the scene.")
    chosen = np.ones((1, num_sat), bool)
    value = criterion_of_subsets(scene, chosen, criterion, goal)[0]
    while chosen.sum() > count:
        fewer = np.repeat(chosen, chosen.sum(), axis=0)
        fewer[np.arange(len(fewer)), np.flatnonzero(chosen)] = False
        values = criterion_of_subsets(scene, fewer, criterion, goal)
        best = int(np.argmin(values))
        chosen, value = fewer[best : best + 1], values[best]
    return Selection(tuple(int(b) for b in np.flatnonzero(chosen)), float(value))


def gradient(
    criterion: Criterion, scene_of: Callable[[Array], NineDScene], goal: Goal = POSITION
) -> Callable[[Array], tuple[Float[Array, ""], Array]]:
    """Compiled design -> (criterion, its gradient), for any function from a design to a scene."""
    return jax.jit(jax.value_and_grad(lambda design: criterion(scene_of(design), goal)))
