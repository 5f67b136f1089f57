"""Order and names of the global unknowns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError
from leopnt.methods.calibration.settings import CalibrationSettings


@dataclass(frozen=True)
class Layout:
    """Global unknowns: columns of each satellite (offset X, Y, Z first), delays, biases.

        g = [columns (K S) | d (S) | b (R)], satellite-major

    Attributes:
        num_satellites, num_stations: S and R.
        column_names: of one satellite, K of them.
        prior_sigma_m: prior of each column about 0, infinity for none; empty for none at all.
        has_delays: False where a clock per epoch contains them, so that they stay NaN.
    """

    num_satellites: int
    num_stations: int
    column_names: tuple[str, ...]
    prior_sigma_m: tuple[float, ...] = ()
    has_delays: bool = True

    def __post_init__(self):
        for name in ("num_satellites", "num_stations"):
            value = getattr(self, name)
            if isinstance(value, bool) or int(value) != value or value < 1:
                raise LeopntError(f"{name} = {value}: expected an integer, 1 or more.")
            object.__setattr__(self, name, int(value))
        if not all(sigma > 0.0 for sigma in self.prior_sigma_m) or len(self.prior_sigma_m) not in (
            0,
            self.num_columns,
        ):
            raise LeopntError(
                f"prior_sigma_m = {self.prior_sigma_m}: expected {self.num_columns} numbers above "
                "0 or infinity, or none."
            )

    @property
    def num_columns(self) -> int:
        """K."""
        return len(self.column_names)

    @property
    def prior_weight(self) -> Float[np.ndarray, " column"]:
        """1 / sigma^2 of the prior of each column of a satellite, 0 for none [1/m^2]."""
        return np.array(self.prior_sigma_m or (np.inf,) * self.num_columns) ** -2.0

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


def layout_of(settings: CalibrationSettings, num_satellites: int, num_stations: int) -> Layout:
    """Global unknowns of so many satellites and stations, with the priors of the orbit model."""
    orbit = settings.orbit
    prior = tuple(float(sigma) for sigma in orbit.prior_sigma_m())
    has_delays = bool(np.isfinite(settings.leo_clock.epoch_sigma_m))
    return Layout(num_satellites, num_stations, orbit.names(), prior, has_delays)
