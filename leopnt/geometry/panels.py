"""Flat panels on facades: which directions they see, and which places they serve."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from leopnt.errors import LeopntError
from leopnt.geometry.buildings import Buildings, is_blocked

MAX_ANGLE_RAD = np.radians(75.0)
"""Farthest from the normal that a panel works, by default: it looks a quarter as wide there."""


class Panel(eqx.Module):
    """A rectangular panel that takes signals from its front; made by a function below.

    Attributes:
        center_m: its middle, in the axes of the buildings.
        normal: toward its front, of length 1.
        width_m, height_m: of the panel.
        side: 1 if it serves its front (reflects), -1 if it serves its back (transmits).
        thickness_m: signals come and go at half of it off the middle, clear of the wall.
        max_angle_rad: from the normal, on the way in and on the way out.
        reach_m: longest last leg.
    """

    center_m: Float[Array | np.ndarray, "*panel 3"]
    normal: Float[Array | np.ndarray, "*panel 3"]
    width_m: Float[Array | np.ndarray, "*panel"]
    height_m: Float[Array | np.ndarray, "*panel"]
    side: Float[Array | np.ndarray, "*panel"]
    thickness_m: Float[Array | np.ndarray, "*panel"]
    max_angle_rad: Float[Array | np.ndarray, "*panel"]
    reach_m: Float[Array | np.ndarray, "*panel"]


def reflecting_panel(
    center_m: Float[ArrayLike, "3"],
    normal: Float[ArrayLike, "3"],
    width_m: float = 5.0,
    height_m: float = 5.0,
    *,
    thickness_m: float = 0.2,
    max_angle_rad: float = float(MAX_ANGLE_RAD),
    reach_m: float = np.inf,
) -> Panel:
    """A panel that serves the side from which its signals come: the middle is before the wall.

    Raises:
        LeopntError: a normal that is not of length 1, a size that is not above zero, an angle
            outside 0 to pi / 2.
    """
    return _panel(center_m, normal, width_m, height_m, 1.0, thickness_m, max_angle_rad, reach_m)


def transmitting_panel(
    center_m: Float[ArrayLike, "3"],
    normal: Float[ArrayLike, "3"],
    width_m: float = 5.0,
    height_m: float = 5.0,
    *,
    thickness_m: float = 0.2,
    max_angle_rad: float = float(MAX_ANGLE_RAD),
    reach_m: float = np.inf,
) -> Panel:
    """A panel that serves the side behind it: it fills a wall of its thickness, as a window does.

    Raises:
        LeopntError: as `reflecting_panel`.
    """
    return _panel(center_m, normal, width_m, height_m, -1.0, thickness_m, max_angle_rad, reach_m)


def stack_panels(panels: Sequence[Panel]) -> Panel:
    """Several panels as one, with a leading axis, for `jax.vmap`."""
    return Panel(*(np.stack(leaf) for leaf in zip(*map(jax.tree.leaves, panels), strict=True)))


def panel_sees(
    panel: Panel, buildings: Buildings, direction: Float[Array | np.ndarray, "3"]
) -> Bool[Array, ""]:
    """Whether a satellite in this direction is before the panel and not hidden from its middle."""
    cosine = jnp.asarray(panel.normal) @ jnp.asarray(direction)
    facing = cosine > jnp.cos(panel.max_angle_rad)
    return facing & ~is_blocked(buildings, _face(panel, 1.0), direction)


def panel_serves(
    panel: Panel, buildings: Buildings, place_m: Float[Array | np.ndarray, "3"]
) -> Bool[Array, ""]:
    """Whether a place is on the side that the panel serves, in reach and not hidden from it."""
    face = _face(panel, panel.side)
    offset = jnp.asarray(place_m) - face
    length = jnp.sqrt(jnp.sum(offset * offset))
    direction = offset / jnp.maximum(length, 1e-9)
    cosine = jnp.asarray(panel.side) * (jnp.asarray(panel.normal) @ direction)
    facing = (cosine > jnp.cos(panel.max_angle_rad)) & (length <= jnp.asarray(panel.reach_m))
    return facing & ~is_blocked(buildings, face, direction, length)


def _face(panel: Panel, side) -> Float[Array, "3"]:
    off_m = 0.5 * side * jnp.asarray(panel.thickness_m)
    return jnp.asarray(panel.center_m) + off_m * jnp.asarray(panel.normal)


def _panel(center, normal, width, height, side, thickness, max_angle, reach) -> Panel:
    unit = np.asarray(normal, float)
    if unit.shape != (3,) or not abs(np.linalg.norm(unit) - 1.0) < 1e-6:
        raise LeopntError(f"normal = {unit.tolist()!r}: expected three components of length 1.")
    named = {"width_m": width, "height_m": height, "thickness_m": thickness, "reach_m": reach}
    for name, value in named.items():
        if not value > 0.0:
            raise LeopntError(f"{name} = {value:g}: expected a number above 0.")
    if not 0.0 < max_angle < 0.5 * np.pi:
        raise LeopntError(f"max_angle_rad = {max_angle:g}: expected a number between 0 and pi / 2.")
    values = (width, height, side, thickness, max_angle, reach)
    return Panel(np.array(center, float), unit, *(np.asarray(float(v)) for v in values))
