"""What a user knows before measuring: position, clock, velocity and clock drift."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.methods.coverage.errors import LinkWeights

PARAMETERS = (
    "east_m",
    "north_m",
    "up_m",
    "clock_m",
    "east_mps",
    "north_mps",
    "up_mps",
    "drift_mps",
)
"""Unknowns of one user at one epoch, in this order; clock and drift times the speed of light."""


@dataclasses.dataclass(frozen=True)
class Unknown:
    """Estimated at every epoch anew, without prior knowledge."""


@dataclasses.dataclass(frozen=True)
class Known:
    """Known without error."""


@dataclasses.dataclass(frozen=True)
class Prior:
    """Known with a standard deviation: metres, or metres per second; of each component alike."""

    sigma: float

    def __post_init__(self):
        if not 0.0 < self.sigma < math.inf:
            raise LeopntError(
                f"Prior.sigma = {self.sigma!r}: expected a number above 0; Known() is exact."
            )


Knowledge = Unknown | Known | Prior


@dataclasses.dataclass(frozen=True)
class UserKnowledge:
    """Knowledge of the four parts of the state.

    Attributes:
        position: of all three components.
        clock: common to all satellites, times the speed of light.
        velocity: `Known()` for users at rest.
        drift: of the clock, common to all satellites, times the speed of light.
    """

    position: Knowledge = Unknown()
    clock: Knowledge = Unknown()
    velocity: Knowledge = Known()
    drift: Knowledge = Unknown()


class Unknowns(NamedTuple):
    """Indices into `PARAMETERS` of what is estimated, and prior information on each of the eight.

    A part that no observable depends on is not estimated, as the clock by Doppler or the drift by
    ranges. Its variance is `apart`: 0 where known, that of a prior, NaN where nothing is known.
    """

    free: tuple[int, ...]
    prior: Float[np.ndarray, "8"]
    apart: Float[np.ndarray, "8"]


def unknowns_of(knowledge: UserKnowledge, weights: LinkWeights) -> Unknowns:
    """What is estimated from these observables under this knowledge.

    Raises:
        LeopntError: nothing is left to estimate.
    """
    has_range, has_rate = (bool(np.any(column > 0.0)) for column in weights)
    parts = (
        (knowledge.position, range(3), True),
        (knowledge.clock, range(3, 4), has_range),
        (knowledge.velocity, range(4, 7), has_rate),
        (knowledge.drift, range(7, 8), has_rate),
    )
    free: list[int] = []
    prior, apart = np.zeros(8), np.zeros(8)
    for one, indices, seen in parts:
        if isinstance(one, Known):
            continue
        if not seen:
            apart[list(indices)] = one.sigma**2 if isinstance(one, Prior) else np.nan
            continue
        free += indices
        if isinstance(one, Prior):
            prior[list(indices)] = one.sigma**-2
    if not free:
        raise LeopntError(
            "UserKnowledge: everything that these observables depend on is Known(); expected "
            "something to estimate."
        )
    return Unknowns(tuple(free), prior, apart)
