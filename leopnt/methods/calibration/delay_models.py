"""How an equipment delay may vary: priors of a delay per epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError


class Prior(NamedTuple):
    """Information about d(t) - level at all epochs, tridiagonal, and about a common shift of it.

    diagonal, off_diagonal: of the epochs. shift: None, or (cross with each epoch, own).
    """

    diagonal: Float[np.ndarray, " epoch"]
    off_diagonal: Float[np.ndarray, " gap"]
    shift: tuple[Float[np.ndarray, " epoch"], float] | None


class StateModel(NamedTuple):
    """The same as states of a filter: d is the sum of the states.

    keep: F of each state; step: standard deviation of the noise of each state before each epoch;
    sigma: of each state at the first epoch.
    """

    keep: Float[np.ndarray, " state"]
    step: Float[np.ndarray, "epoch state"]
    sigma: Float[np.ndarray, " state"]


@runtime_checkable
class DelayModel(Protocol):
    """Prior of a delay about its level, which step 2 found with a standard deviation."""

    def prior(self, t_s: Float[np.ndarray, " epoch"], level_sigma_m: float) -> Prior:
        """As normal equations."""
        ...

    def states(self, t_s: Float[np.ndarray, " epoch"], level_sigma_m: float) -> StateModel:
        """As a filter."""
        ...


@dataclass(frozen=True)
class SharedLevel:
    """d(t) = d_0 + w(t), one prior on d_0 for all epochs, w white: the honest default.

    Honest where that prior is independent of the links: a level from other days. Step 2's level
    from the same days holds the same code, and is counted twice: in 56 simulated cases RMS errors
    of 48 mm beside formal sigmas of 38 mm. There, take `delays.FREE_LEVEL_SIGMA_M` as its sigma.

    Attributes:
        sigma_m: of w.
    """

    sigma_m: float = 0.03

    def __post_init__(self):
        _check("sigma_m", self.sigma_m)

    def prior(self, t_s: Float[np.ndarray, " epoch"], level_sigma_m: float) -> Prior:
        """The level is an unknown of its own."""
        weight = np.full(len(t_s), self.sigma_m**-2.0)
        own = float(np.sum(weight)) + level_sigma_m**-2.0
        return Prior(weight, np.zeros(len(t_s) - 1), (-weight, own))

    def states(self, t_s: Float[np.ndarray, " epoch"], level_sigma_m: float) -> StateModel:
        """d_0 kept, w drawn anew."""
        step = np.tile([0.0, self.sigma_m], (len(t_s), 1))
        return StateModel(np.array([1.0, 0.0]), step, np.array([level_sigma_m, self.sigma_m]))


@dataclass(frozen=True)
class WhiteDelay:
    """The same level as an independent prior at every epoch, as the publication seems to have it.

    It counts the level once per epoch: the formal sigma is far too small (4.6 mm against errors of
    18 mm for 3 cm in the published case). `SharedLevel` counts it once.

    Attributes:
        sigma_m: of d(t) about the level; the sigma of the level itself is not used.
    """

    sigma_m: float = 0.03

    def __post_init__(self):
        _check("sigma_m", self.sigma_m)

    def prior(self, t_s: Float[np.ndarray, " epoch"], level_sigma_m: float) -> Prior:
        """Diagonal."""
        del level_sigma_m
        return Prior(np.full(len(t_s), self.sigma_m**-2.0), np.zeros(len(t_s) - 1), None)

    def states(self, t_s: Float[np.ndarray, " epoch"], level_sigma_m: float) -> StateModel:
        """One state, drawn anew."""
        del level_sigma_m
        return StateModel(
            np.zeros(1), np.full((len(t_s), 1), self.sigma_m), np.array([self.sigma_m])
        )


@dataclass(frozen=True)
class RandomWalkDelay:
    """d(t) drifts: the variance of a change grows with the time between epochs.

    Attributes:
        rate_m2ps: variance per second.
    """

    rate_m2ps: float = 1e-8

    def __post_init__(self):
        _check("rate_m2ps", self.rate_m2ps)

    def prior(self, t_s: Float[np.ndarray, " epoch"], level_sigma_m: float) -> Prior:
        """Tridiagonal."""
        gap = 1.0 / (self.rate_m2ps * np.diff(t_s))
        diagonal = np.zeros(len(t_s))
        diagonal[:-1] += gap
        diagonal[1:] += gap
        diagonal[0] += level_sigma_m**-2.0
        return Prior(diagonal, -gap, None)

    def states(self, t_s: Float[np.ndarray, " epoch"], level_sigma_m: float) -> StateModel:
        """One state, kept."""
        step = np.sqrt(self.rate_m2ps * np.diff(t_s, prepend=t_s[0]))
        return StateModel(np.ones(1), step[:, None], np.array([level_sigma_m]))


def _check(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0.0):
        raise LeopntError(f"{name} = {value!r}: expected a number above 0.")
