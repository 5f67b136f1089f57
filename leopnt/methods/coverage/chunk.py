"""One piece of work of a map: some epochs of all satellites over the whole grid, as plain data."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError, did_you_mean
from leopnt.methods.coverage.bound import needed_sums
from leopnt.methods.coverage.errors import LinkWeights
from leopnt.methods.coverage.footprint import bounding_sphere
from leopnt.methods.coverage.grid import EarthGrid
from leopnt.methods.coverage.knowledge import Unknowns
from leopnt.methods.coverage.sums import DOP_SUMS

QUANTITIES = (
    "num_visible",
    "gdop",
    "pdop",
    "hdop",
    "vdop",
    "tdop",
    "position_m",
    "horizontal_m",
    "vertical_m",
    "clock_s",
    "velocity_mps",
    "drift",
)
"""What a map can show of a user at an epoch: number of satellites, DOP, Cramer-Rao bounds."""

DOP_QUANTITIES = QUANTITIES[:6]

_FIRST_PARAMETER: dict[str, int] = dict(zip(QUANTITIES[6:], (0, 0, 2, 3, 4, 7), strict=True))


@dataclasses.dataclass(frozen=True)
class Limit:
    """A cell is available at an epoch where a quantity is known and at most (or least) this."""

    quantity: str
    value: float

    @property
    def is_floor(self) -> bool:
        """Numbers of satellites must reach the limit; all else must stay below it."""
        return self.quantity == "num_visible"


@dataclasses.dataclass(frozen=True, eq=False)
class MapChunk:
    """Epochs to be mapped; it can be pickled, sent and computed alone.

    Attributes:
        grid: of the users.
        sat_pos_ecef_m, sat_vel_ecef_mps: states; NaN where a satellite has none.
        mask_rad: lowest elevation above the plane normal to the figure's vertical.
        weights: information of a link to each satellite.
        unknowns: of the bound.
        quantities: names out of `QUANTITIES`.
        limit: for availability, its quantity among `quantities`; None: available is where the last
            quantity that is estimated is solved.
        kept: quantities whose values stay, for percentiles and pictures.
    """

    grid: EarthGrid
    sat_pos_ecef_m: Float[np.ndarray, "epoch sat 3"]
    sat_vel_ecef_mps: Float[np.ndarray, "epoch sat 3"]
    mask_rad: float
    weights: LinkWeights
    unknowns: Unknowns
    quantities: tuple[str, ...] = DOP_QUANTITIES
    limit: Limit | None = None
    kept: tuple[str, ...] = ()

    def __post_init__(self):
        shape = np.shape(self.sat_pos_ecef_m)
        if len(shape) != 3 or shape[2] != 3 or np.shape(self.sat_vel_ecef_mps) != shape:
            raise LeopntError(
                f"sat_pos_ecef_m has shape {shape}, sat_vel_ecef_mps "
                f"{np.shape(self.sat_vel_ecef_mps)}; expected (epoch, sat, 3) for both."
            )
        if any(np.shape(column) != shape[1:2] for column in self.weights):
            raise LeopntError(
                f"weights are for {len(self.weights[0])} satellites; expected {shape[1]}."
            )
        bounding_sphere(self.grid, self.mask_rad)
        check_quantities("quantities", self.quantities, QUANTITIES)
        check_quantities("kept", self.kept, self.quantities)
        if self.limit is not None:
            check_quantities("limit.quantity", (self.limit.quantity,), self.quantities)

    @property
    def num_epochs(self) -> int:
        """Epochs in this piece."""
        return self.sat_pos_ecef_m.shape[0]

    @property
    def deciding_row(self) -> int:
        """Place of the quantity that decides on availability."""
        if self.limit is not None:
            return self.quantities.index(self.limit.quantity)
        estimated = [
            row
            for row, name in enumerate(self.quantities)
            if name in DOP_QUANTITIES or _FIRST_PARAMETER[name] in self.unknowns.free
        ]
        return estimated[-1] if estimated else len(self.quantities) - 1

    @property
    def num_sums(self) -> int:
        """How many of the sums over satellites the quantities need."""
        if set(self.quantities) <= set(DOP_QUANTITIES):
            return DOP_SUMS
        return needed_sums(self.unknowns)


def check_quantities(where: str, names: tuple[str, ...], accepted: tuple[str, ...]) -> None:
    """Refuse names that are unknown or there twice.

    Raises:
        LeopntError: such a name.
    """
    for name in names:
        if name not in accepted:
            hint = did_you_mean(str(name), accepted)
            raise LeopntError(
                f"{where}: {name!r} is no quantity here.{hint} Accepted: {', '.join(accepted)}."
            )
        if names.count(name) > 1:
            raise LeopntError(f"{where}: {name!r} is there twice.")
