"""Which part of the sky a panel on a wall serves."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

from leopnt.errors import LeopntError
from leopnt.methods.astars.dop import local_axes
from leopnt.methods.astars.inputs import (
    EARTH_FLOOR_M,
    check_directions,
    check_positions,
    finite_array,
)

MASK_RAD = np.pi / 18.0
_LOWEST_M = EARTH_FLOOR_M - 1e5
_HIGHEST_M = EARTH_FLOOR_M + 1e5


@dataclasses.dataclass(frozen=True, eq=False)
class Panel:
    """A flat surface that relays what arrives on the side its normal points to.

    Attributes:
        pos_ecef_m: centroid.
        normal_ecef: unit vector.
    """

    pos_ecef_m: Float[np.ndarray, "3"]
    normal_ecef: Float[np.ndarray, "3"]

    def __post_init__(self):
        position = check_positions("pos_ecef_m", self.pos_ecef_m)
        normal = check_directions("normal_ecef", self.normal_ecef)
        if position.shape != (3,) or normal.shape != (3,):
            raise LeopntError(
                f"pos_ecef_m and normal_ecef have shapes {position.shape} and {normal.shape}; "
                "accepted: (3,) both, one panel."
            )
        radius = float(np.linalg.norm(position))
        if not _LOWEST_M < radius < _HIGHEST_M:
            raise LeopntError(
                f"pos_ecef_m is {radius:g} m from the Earth's center; expected a place on the "
                f"Earth, {_LOWEST_M:g} to {_HIGHEST_M:g} m."
            )

    @property
    def enu_axes(self) -> Float[np.ndarray, "3 3"]:
        """East, north and up at the panel, as rows."""
        return np.asarray(local_axes(jnp.asarray(self.pos_ecef_m)))

    @property
    def azimuth_rad(self) -> float:
        """Direction of the normal, from north over east; 0 for a panel that looks straight up."""
        east, north, _ = self.enu_axes @ self.normal_ecef
        return float(np.arctan2(east, north) % (2.0 * np.pi))

    def faces(self, direction_ecef: Float[ArrayLike, "*batch 3"]) -> Bool[np.ndarray, "*batch"]:
        """True where a direction from the panel points to its front."""
        return np.asarray(np.asarray(direction_ecef) @ self.normal_ecef > 0.0)


def panel_facing(
    pos_ecef_m: Float[ArrayLike, "3"], azimuth_rad: float, tilt_rad: float = 0.0
) -> Panel:
    """A panel on a wall.

    Args:
        pos_ecef_m: centroid.
        azimuth_rad: where it looks, from north over east.
        tilt_rad: how far its normal points above the horizon.
    """
    position = check_positions("pos_ecef_m", pos_ecef_m)
    az, up = (
        float(finite_array(name, value))
        for name, value in {"azimuth_rad": azimuth_rad, "tilt_rad": tilt_rad}.items()
    )
    enu = np.array([np.cos(up) * np.sin(az), np.cos(up) * np.cos(az), np.sin(up)])
    return Panel(position, enu @ np.asarray(local_axes(jnp.asarray(position))))


@dataclasses.dataclass(frozen=True)
class Sector:
    """Directions above a mask within a range of azimuths.

    Attributes:
        center_rad: azimuth of the middle, from north over east.
        width_rad: full width, up to 2 pi.
        mask_rad: lowest elevation, 0 or more.
    """

    center_rad: float
    width_rad: float = np.pi
    mask_rad: float = MASK_RAD

    def __post_init__(self):
        if not np.isfinite(self.center_rad):
            raise LeopntError(f"center_rad = {self.center_rad!r}: expected a finite number.")
        if not 0.0 < self.width_rad <= 2.0 * np.pi:
            raise LeopntError(f"width_rad = {self.width_rad!r}: expected above 0 to 2 pi; degrees?")
        if not 0.0 <= self.mask_rad < 0.5 * np.pi:
            raise LeopntError(f"mask_rad = {self.mask_rad!r}: expected 0 to below pi / 2; degrees?")

    def contains(
        self, az_rad: Float[ArrayLike, "*batch"], el_rad: Float[ArrayLike, "*batch"]
    ) -> Bool[np.ndarray, "*batch"]:
        """True where a direction is in the sector, edges included."""
        off = np.asarray(az_rad) - self.center_rad + np.pi
        off = np.abs(off % (2.0 * np.pi) - np.pi)
        high = np.asarray(el_rad) >= self.mask_rad
        return np.asarray(high & (off <= 0.5 * self.width_rad * (1.0 + 1e-12)))


def half_sky(panel: Panel, mask_rad: float = MASK_RAD) -> Sector:
    """The 180 degrees in front of a panel that is upright."""
    return Sector(panel.azimuth_rad, np.pi, mask_rad)


def whole_sky(mask_rad: float = MASK_RAD) -> Sector:
    """All azimuths; a panel still serves its front only."""
    return Sector(0.0, 2.0 * np.pi, mask_rad)
