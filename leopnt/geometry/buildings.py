"""Buildings as upright convex prisms in local axes, and the rays that they block."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from leopnt.errors import LeopntError

TOUCH_M = 1e-6
"""A ray that is inside a building for less than this only touches it."""


@dataclasses.dataclass(frozen=True)
class Prism:
    """A building, or a part of one: a convex ground plan between two heights.

    Attributes:
        plan_m: corners of the ground plan, east and north, in either sense of rotation.
        base_m, top_m: heights.

    Raises:
        LeopntError: fewer than three corners, not convex, no area, not finite, or no height.
    """

    plan_m: Float[np.ndarray, "corner 2"]
    base_m: float
    top_m: float

    def __post_init__(self):
        plan = np.array(self.plan_m, float)
        if plan.ndim != 2 or plan.shape[1] != 2 or len(plan) < 3 or not np.isfinite(plan).all():
            raise LeopntError(
                f"plan_m has shape {plan.shape}; expected three or more finite corners (corner, 2)."
            )
        if not self.base_m < self.top_m:
            raise LeopntError(f"base_m = {self.base_m:g}, top_m = {self.top_m:g}: expected a top "
                              "above the base.")  # fmt: skip
        if _area(plan) < 0.0:
            plan = plan[::-1].copy()
        if not _is_convex(plan):
            raise LeopntError(
                f"plan_m = {plan.tolist()!r}: expected a convex ground plan without corners on a "
                "straight line; make a bent building of several prisms."
            )
        object.__setattr__(self, "plan_m", plan)

    def half_spaces(self) -> tuple[Float[np.ndarray, "face 3"], Float[np.ndarray, " face"]]:
        """Outward normals n and offsets a of all faces: inside, n . x <= a."""
        edge = np.roll(self.plan_m, -1, axis=0) - self.plan_m
        side = np.stack([edge[:, 1], -edge[:, 0], np.zeros(len(edge))], axis=1)
        side /= np.linalg.norm(side, axis=1, keepdims=True)
        normal = np.concatenate([side, [[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]])
        reach = np.sum(side[:, :2] * self.plan_m, axis=1)
        return normal, np.concatenate([reach, [-self.base_m, self.top_m]])


def box(
    center_m: Float[ArrayLike, "2"],
    size_m: tuple[float, float],
    height_m: float,
    *,
    base_m: float = 0.0,
    azimuth_rad: float = 0.0,
) -> Prism:
    """A building with a rectangular ground plan.

    Args:
        center_m: east and north of its middle.
        size_m: length along the azimuth and across it.
        height_m: from base to top.
        azimuth_rad: of its length, from north over east.
    """
    along = np.array([np.sin(azimuth_rad), np.cos(azimuth_rad)])
    across = np.array([along[1], -along[0]])
    signs = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)], float)
    half = 0.5 * signs * np.asarray(size_m, float)
    corners = np.asarray(center_m, float) + half @ np.stack([along, across])
    return Prism(corners, base_m, base_m + height_m)


class Buildings(eqx.Module):
    """All faces of several prisms; made by `buildings_of`.

    Attributes:
        normal, offset_m: inside of a prism is where normal . x <= offset for all its faces. A prism
            with fewer faces than another has its last one several times.
    """

    normal: Float[Array | np.ndarray, "prism face 3"]
    offset_m: Float[Array | np.ndarray, "prism face"]


def buildings_of(prisms: Sequence[Prism]) -> Buildings:
    """Prisms as arrays; none at all is allowed, and blocks nothing."""
    faces = [prism.half_spaces() for prism in prisms]
    if not faces:
        return Buildings(np.zeros((0, 1, 3)), np.zeros((0, 1)))
    width = max(len(offset) for _, offset in faces)
    normal, offset = (
        np.stack([np.concatenate([x, np.repeat(x[-1:], width - len(x), axis=0)]) for x in one])
        for one in zip(*faces, strict=True)
    )
    return Buildings(normal, offset)


def is_blocked(
    buildings: Buildings,
    start_m: Float[Array | np.ndarray, "3"],
    direction: Float[Array | np.ndarray, "3"],
    length_m: Float[Array, ""] | float = np.inf,
) -> Bool[Array, ""]:
    """Whether a ray is inside a building anywhere on its first `length_m`; in JAX, one ray.

        enter = max(0, max over faces with n . d < 0 of (a - n . s) / (n . d))
        leave = min(length, min over faces with n . d > 0 of the same),   blocked: enter < leave

    A ray along a face, or that touches an edge, is not blocked; nor is one that leaves the face
    on which it starts. One that starts inside a building is.

    Args:
        start_m, direction: in the axes of the buildings; the direction has length 1.
        length_m: infinite toward a satellite.

    Source: slab method; Cyrus & Beck, Comput. Graph. 3 (1978) 23, for more than six faces.
    """
    normal, offset = jnp.asarray(buildings.normal), jnp.asarray(buildings.offset_m)
    speed = normal @ jnp.asarray(direction)
    room = offset - normal @ jnp.asarray(start_m)
    # Along a face: no way in or out, if it is on the inner side.
    parallel = jnp.abs(speed) < 1e-15
    crossing = room / jnp.where(parallel, 1.0, speed)
    enter = jnp.max(jnp.where(speed < 0.0, crossing, 0.0), axis=1, where=~parallel, initial=0.0)
    leave = jnp.min(jnp.where(speed > 0.0, crossing, jnp.inf), axis=1, where=~parallel,
                    initial=jnp.inf)  # fmt: skip
    beside = jnp.any(parallel & (room <= TOUCH_M), axis=1)
    inside = jnp.minimum(leave, length_m) - enter > TOUCH_M
    return jnp.any(inside & ~beside)


def sees(
    buildings: Buildings,
    start_m: Float[Array | np.ndarray, "3"],
    end_m: Float[Array | np.ndarray, "3"],
) -> Bool[Array, ""]:
    """Whether no building is between two points; in JAX, one pair of different points."""
    offset = jnp.asarray(end_m) - jnp.asarray(start_m)
    length = jnp.sqrt(jnp.sum(offset * offset))
    return ~is_blocked(buildings, start_m, offset / length, length)


def _area(plan: np.ndarray) -> float:
    ahead = np.roll(plan, -1, axis=0)
    return 0.5 * float(np.sum(plan[:, 0] * ahead[:, 1] - plan[:, 1] * ahead[:, 0]))


def _is_convex(plan: np.ndarray) -> bool:
    """Whether every corner turns left, and all of them make one turn."""
    edge = np.roll(plan, -1, axis=0) - plan
    length = np.linalg.norm(edge, axis=1)
    if not np.all(length > 0.0):
        return False
    ahead = np.roll(edge, -1, axis=0)
    cross = edge[:, 0] * ahead[:, 1] - edge[:, 1] * ahead[:, 0]
    turn = np.arctan2(cross, np.sum(edge * ahead, axis=1))
    return bool(np.all(turn > 1e-9) and abs(turn.sum() - 2.0 * np.pi) < 1e-6)
