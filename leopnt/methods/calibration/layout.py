"""Order and names of the global unknowns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from leopnt.errors import LeopntError


@dataclass(frozen=True)
class Layout:
    """Global unknowns: columns of each satellite (offset X, Y, Z first), delays, biases.

        g = [columns (K S) | d (S) | b (R)], satellite-major

    Attributes:
        num_satellites, num_stations: S and R.
        column_names: of one satellite, K of them.
    """

    num_satellites: int
    num_stations: int
    column_names: tuple[str, ...]

    def __post_init__(self):
        for name in ("num_satellites", "num_stations"):
            if getattr(self, name) < 1:
                raise LeopntError(f"{name} = {getattr(self, name)}: expected 1 or more.")

    @property
    def num_columns(self) -> int:
        """K."""
        return len(self.column_names)

    @property
    def size(self) -> int:
        """Number of global unknowns."""
        return (self.num_columns + 1) * self.num_satellites + self.num_stations

    @property
    def columns(self) -> Int[np.ndarray, "sat column"]:
        """Places of the columns of each satellite."""
        return np.arange(self.num_columns * self.num_satellites).reshape(self.num_satellites, -1)

    @property
    def offsets(self) -> Int[np.ndarray, "sat 3"]:
        """Places of the offsets."""
        return self.columns[:, :3]

    @property
    def delays(self) -> Int[np.ndarray, " sat"]:
        """Places of the delays."""
        return self.num_columns * self.num_satellites + np.arange(self.num_satellites)

    @property
    def biases(self) -> Int[np.ndarray, " station"]:
        """Places of the inter-system biases."""
        return (self.num_columns + 1) * self.num_satellites + np.arange(self.num_stations)

    def name_of(self, place: int) -> str:
        """Name of an unknown by its place."""
        of_columns = self.num_columns * self.num_satellites
        if place < of_columns:
            sat, column = divmod(place, self.num_columns)
            return f"{self.column_names[column]} of satellite {sat}"
        if place < of_columns + self.num_satellites:
            return f"delay of satellite {place - of_columns}"
        return f"inter-system bias of station {place - of_columns - self.num_satellites}"
