"""Which of the satellites in view a receiver uses."""

from __future__ import annotations

import abc
import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.scenes.visible import slot_bucket

_PART = 4096


class AbstractChoice(abc.ABC):
    """Some of the satellites in view. Those of a case are sorted from the highest down."""

    @abc.abstractmethod
    def columns(
        self,
        visible: Bool[np.ndarray, "case slot"],
        az_rad: Float[np.ndarray, "case slot"],
        el_rad: Float[np.ndarray, "case slot"],
    ) -> Int[np.ndarray, "case sat"]:
        """Columns that are taken; where a case has fewer, some that are not `visible`."""


@dataclasses.dataclass(frozen=True)
class AllInView(AbstractChoice):
    """Every satellite above the mask."""

    def columns(self, visible, az_rad, el_rad):
        width = slot_bucket(int(visible.sum(axis=1).max()))
        width = min(width, visible.shape[1])
        return np.broadcast_to(np.arange(width), (len(visible), width))


@dataclasses.dataclass(frozen=True)
class Highest(AbstractChoice):
    """The highest satellites.

    Attributes:
        count: how many, 1 or more.
    """

    count: int

    def __post_init__(self):
        _check_count(self.count)

    def columns(self, visible, az_rad, el_rad):
        width = min(self.count, visible.shape[1])
        return np.broadcast_to(np.arange(width), (len(visible), width))


@dataclasses.dataclass(frozen=True)
class Spread(AbstractChoice):
    """The highest satellite, then each time the one farthest in angle from all taken before.

    Attributes:
        count: how many, 1 or more.
    """

    count: int

    def __post_init__(self):
        _check_count(self.count)

    def columns(self, visible, az_rad, el_rad):
        width = min(self.count, visible.shape[1])
        found = np.empty((len(visible), width), int)
        for first in range(0, len(visible), _PART):
            part = slice(first, first + _PART)
            found[part] = _farthest(visible[part], _units(az_rad[part], el_rad[part]), width)
        return found


def _check_count(count: int) -> None:
    if count < 1:
        raise LeopntError(f"count = {count}: expected 1 or more satellites.")


def _units(az_rad, el_rad) -> Float[np.ndarray, "case slot 3"]:
    level = np.cos(el_rad)
    return np.stack([level * np.sin(az_rad), level * np.cos(az_rad), np.sin(el_rad)], axis=-1)


def _farthest(visible, units, width: int) -> Int[np.ndarray, "case sat"]:
    """Columns in the order taken; the first is column 0, the highest."""
    case = np.arange(len(visible))
    taken = np.zeros((len(visible), width), int)
    nearest = np.where(visible, -1.0, 2.0)  # cosine to the nearest one taken; 2: not to be taken
    nearest[:, 0] = 3.0  # taken; what is taken comes after what is not visible
    for i in range(1, width):
        cosine = np.einsum("csj,cj->cs", units, units[case, taken[:, i - 1]])
        nearest = np.where(nearest < 2.0, np.maximum(nearest, cosine), nearest)
        taken[:, i] = np.argmin(nearest, axis=1)
        nearest[case, taken[:, i]] = 3.0
    return taken
