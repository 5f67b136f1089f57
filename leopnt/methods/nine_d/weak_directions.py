"""Directions of a 9D scene in words: along a line of sight, about the array axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from leopnt.inference.identifiability import Direction, Words, in_words
from leopnt.methods.nine_d.exact import array_shape
from leopnt.methods.nine_d.scene import NineDScene

_ALONG = 0.99
"""Cosine above which two directions go by the same name."""

_ACROSS = 0.1


def words_of(scene: NineDScene) -> Words:
    """What to call directions of position, rotation and velocity in this scene."""
    sight, about = _lines_of_sight(scene), _array_axis(scene)
    return {
        "rx_pos_m": lambda way: f"position {_along(way, sight)}",
        "rotation_rad": lambda axis: _rotation(axis, sight, about),
        "rx_vel_mps": lambda way: f"velocity {_along(way, sight)}",
    }


def null_space_in_words(null_space: Sequence[Direction], words: Words) -> str:
    """Describe directions that show nothing; three of one field alone are all of it."""
    alone: dict[str, int] = {}
    for one in null_space:
        for name in one.unknowns.names:
            alone[name] = alone.get(name, 0) + (one.share(name) > 1.0 - 1e-12)
    plain = {"rx_pos_m": "position", "rotation_rad": "rotation", "rx_vel_mps": "velocity"}
    whole = [name for name in alone if name in plain and alone[name] == 3]
    said = [f"any {plain[name]}" for name in whole]
    rest = [one for one in null_space if all(one.share(name) < 1.0 - 1e-12 for name in whole)]
    return "; ".join(dict.fromkeys([*said, *(in_words(one, words) for one in rest)]))


def offsets_m(scene: NineDScene) -> Float[np.ndarray, "sat slot 3"]:
    """Satellites minus receiver."""
    moved = np.multiply.outer(np.asarray(scene.slot_time_s), np.asarray(scene.rx_vel_mps))
    return np.asarray(scene.sat_pos_m) - (np.asarray(scene.rx_pos_m)[None, :] + moved)[None]


def _lines_of_sight(scene: NineDScene) -> dict[int, Float[np.ndarray, "3"]]:
    """Unit vector to each satellite with a link, mean over the slots; counted from 1."""
    offset = offsets_m(scene)
    unit = offset / np.linalg.norm(offset, axis=-1, keepdims=True)
    found = {}
    for b, links in enumerate(np.asarray(scene.snr)):
        up = np.any(links > 0, axis=1)
        if np.any(up):
            mean = unit[b][up].mean(axis=0)
            found[b + 1] = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return found


def _array_axis(scene: NineDScene) -> Float[np.ndarray, "3"] | None:
    shape = array_shape(scene)
    return np.asarray(scene.rotation) @ shape.axes_body[0] if shape.dimension == 1 else None


def _along(way: np.ndarray, sight: dict[int, np.ndarray]) -> str:
    cosine = {number: abs(float(way @ unit)) for number, unit in sight.items()}
    nearest = max(cosine, key=lambda number: cosine[number], default=None)
    if nearest is not None and cosine[nearest] > _ALONG:
        return f"along the line of sight of satellite {nearest}"
    if nearest is not None and cosine[nearest] < _ACROSS:
        which = f"line of sight of satellite {nearest}" if len(cosine) == 1 else "lines of sight"
        return f"across the {which}"
    return f"along {_components(way)}"


def _rotation(axis: np.ndarray, sight: dict[int, np.ndarray], about: np.ndarray | None) -> str:
    if about is not None and abs(float(axis @ about)) > _ALONG:
        return "rotation about the array axis"
    for number, unit in sight.items():
        if abs(float(axis @ unit)) > _ALONG:
            return f"rotation about the line of sight of satellite {number}"
    return f"rotation about {_components(axis)}"


def _components(way: np.ndarray) -> str:
    rounded = np.round(way, 2) + 0.0  # no "-0.00"
    return f"({', '.join(f'{x:.2f}' for x in rounded)}) in global axes"
