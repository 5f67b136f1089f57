"""What fixes the level of delays and inter-system biases: one constraint per part of the network.

Code tells sums d_s + b_r only. Estimates under two datums differ by a constant k per part,
d += k, b -= k (the S-transform); offsets, clocks, zenith delays and differences do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError


@runtime_checkable
class Datum(Protocol):
    """One linear condition on the delays and biases of a part."""

    def condition(
        self, satellites: Int[np.ndarray, " sat"], stations: Int[np.ndarray, " station"]
    ) -> tuple[Float[np.ndarray, " sat"], Float[np.ndarray, " station"], float]:
        """Coefficients of the delays and biases of a part, and what their sum must be [m]."""
        ...

    def describe(self) -> str:
        """Say what is held, for tables."""
        ...


@dataclass(frozen=True)
class IsbZeroSum:
    """The biases of each part add up to zero: a delay contains the mean bias of the stations."""

    def condition(self, satellites, stations):
        """Sum of b = 0."""
        return np.zeros(len(satellites)), np.ones(len(stations)), 0.0

    def describe(self) -> str:
        """Say what is held."""
        return "inter-system biases add up to zero"


@dataclass(frozen=True)
class DelayZeroSum:
    """The delays of each part add up to zero."""

    def condition(self, satellites, stations):
        """Sum of d = 0."""
        return np.ones(len(satellites)), np.zeros(len(stations)), 0.0

    def describe(self) -> str:
        """Say what is held."""
        return "delays add up to zero"


@dataclass(frozen=True)
class IsbReference:
    """The bias of one station is known, of a calibrated receiver say.

    With several parts, give one for each: `IsbReference({0: 1.25, 4: -0.3})`.

    Attributes:
        isb_m: known biases by station; one in each part.
    """

    isb_m: dict[int, float]

    def __post_init__(self):
        for station, value in self.isb_m.items():
            if not np.isfinite(value):
                raise LeopntError(
                    f"isb_m = {self.isb_m!r}: station {station} has the bias {value}; expected a "
                    "finite number of metres."
                )

    def condition(self, satellites, stations):
        """One b = its value.

        Raises:
            LeopntError: none, or several, of the known stations in a part.
        """
        known = [int(r) for r in stations if int(r) in self.isb_m]
        if len(known) != 1:
            raise LeopntError(
                f"isb_m knows stations {sorted(self.isb_m)}; expected exactly one of stations "
                f"{[int(r) for r in stations]}, which share satellites."
            )
        chosen = (np.asarray(stations) == known[0]).astype(float)
        return np.zeros(len(satellites)), chosen, float(self.isb_m[known[0]])

    def describe(self) -> str:
        """Say what is held."""
        return ", ".join(f"bias of station {r} is {v:g} m" for r, v in sorted(self.isb_m.items()))
