"""How far the clock product of LEO satellites is trusted from epoch to epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from leopnt.errors import LeopntError


@runtime_checkable
class LeoClock(Protocol):
    """Standard deviation of an error that all stations see of a satellite at an epoch."""

    @property
    def epoch_sigma_m(self) -> float:
        """0 for none, infinity for a clock that is free at each epoch."""
        ...


@dataclass(frozen=True)
class KnownClock:
    """The product is exact, or its white noise is in the sigma of LEO phase."""

    @property
    def epoch_sigma_m(self) -> float:
        """0."""
        return 0.0


@dataclass(frozen=True)
class WhiteClock:
    """White noise about the product, common to all stations and to code and phase.

    Nothing becomes inestimable: the noise is 0 in the mean. Reduce whole days with `reduce_day`,
    and give LEO phase its own sigma, without the clock's share.

    Attributes:
        sigma_m: of the noise.
    """

    sigma_m: float = 0.01

    def __post_init__(self):
        if not (np.isfinite(self.sigma_m) and self.sigma_m > 0.0):
            raise LeopntError(
                f"sigma_m = {self.sigma_m!r}: expected a number above 0; `KnownClock()` for none, "
                "`FreeClock()` for no limit."
            )

    @property
    def epoch_sigma_m(self) -> float:
        """sigma_m."""
        return self.sigma_m


@dataclass(frozen=True)
class FreeClock:
    """A free clock per satellite and epoch: only differences between stations tell anything.

    The clock contains the delay, which is NaN in the result: its level cannot be told at all, and
    its changes are those of the clock. Offsets and, between stations that receive code of a
    satellite at the same epochs, inter-system biases remain. Reduce whole days with `reduce_day`.
    """

    @property
    def epoch_sigma_m(self) -> float:
        """Infinity."""
        return float("inf")
