"""Gridded antenna patterns as arrays, and the way from them to an antenna with beams.

Readers: `pattern_csv`, `grasp_grd`, `gxt`, `pattern_mat`. Directions are cosines (u, v) in the
antenna's plane, or angles theta off its boresight and phi from +x to +y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from leopnt.errors import LeopntError

if TYPE_CHECKING:
    from leopnt.antennas import GriddedBeams, PolarBeams

EIRP_DBW = "eirp_dbw"
GAIN_DBI = "gain_dbi"
RELATIVE_DB = "relative_db"
QUANTITIES = {
    EIRP_DBW: "EIRP [dBW]",
    GAIN_DBI: "gain [dBi]",
    RELATIVE_DB: "decibels below the peak",
}
"""What a file's levels may be."""

_FLOOR_BELOW_PEAK_DB = 80.0


@dataclass(frozen=True, eq=False)
class CosinePattern:
    """Levels of every beam on a regular grid of direction cosines.

    Attributes:
        source: the file, for messages.
        beams: names, in the order of the file.
        u, v: axes, rising in equal steps.
        level_db: (beam, nu, nv); -infinity for no power, NaN where `is_known` is False.
        quantity: what the levels are, a key of `QUANTITIES`.
        is_known: (beam, nu, nv) nodes that the file tells about.
    """

    source: str
    beams: tuple[str, ...]
    u: Float[np.ndarray, " nu"]
    v: Float[np.ndarray, " nv"]
    level_db: Float[np.ndarray, "beam nu nv"]
    quantity: str
    is_known: Bool[np.ndarray, "beam nu nv"]

    def antenna(
        self,
        offset_db: ArrayLike | None = None,
        *,
        element_exponent: float = 0.0,
    ) -> GriddedBeams:
        """Splines through the linear power; nothing is extrapolated.

        Args:
            offset_db: added to the levels, one number or one per beam: transmit power [dBW] to
                gain, peak EIRP [dBW] to decibels below the peak. Needed unless the file holds EIRP.
            element_exponent: q of a factor cos(gamma)^q that is divided out before the spline and
                multiplied after it: smoother where elements set the fall towards the horizon.

        A spline is cut off 80 dB below the strongest sample of all beams.

        Raises:
            LeopntError: levels that are no EIRP without an offset; an irregular or too small grid.
        """
        from leopnt.antennas import GriddedBeams

        power = _linear(self, offset_db)
        power = np.where(self.is_known, power, 0.0)
        if not np.all(self.is_known):
            power = np.stack([_filled(*pair) for pair in zip(power, self.is_known, strict=True)])
        square = 1.0 - self.u[:, None] ** 2 - self.v[None, :] ** 2
        floor_w = _floor_w(power)
        return GriddedBeams.of_samples(
            self.u,
            self.v,
            _without_element(power, square, element_exponent),
            floor_w=floor_w,
            element_exponent=element_exponent,
            is_known=None if np.all(self.is_known) else self.is_known,
        )


@dataclass(frozen=True, eq=False)
class AnglePattern:
    """Levels of every beam on a regular grid of angles.

    Attributes:
        source: the file, for messages.
        beams: names, in the order of the file.
        theta_rad: off the boresight, rising in equal steps.
        phi_rad: azimuth from +x to +y, rising in equal steps.
        level_db: (beam, ntheta, nphi); -infinity for no power.
        quantity: what the levels are, a key of `QUANTITIES`.
    """

    source: str
    beams: tuple[str, ...]
    theta_rad: Float[np.ndarray, " ntheta"]
    phi_rad: Float[np.ndarray, " nphi"]
    level_db: Float[np.ndarray, "beam ntheta nphi"]
    quantity: str

    def antenna(
        self, offset_db: ArrayLike | None = None, *, element_exponent: float = 0.0
    ) -> PolarBeams:
        """Splines through the linear power; nothing is extrapolated.

        Args: as `CosinePattern.antenna`.

        Raises:
            LeopntError: as there; a grid that does not begin at theta = 0 or is not a whole turn.
        """
        from leopnt.antennas import PolarBeams

        power = _linear(self, offset_db)
        cosine = np.cos(self.theta_rad)
        square = np.where(cosine > 0.0, cosine, 0.0)[:, None] ** 2
        return PolarBeams.of_samples(
            self.theta_rad,
            self.phi_rad,
            _without_element(power, square, element_exponent),
            floor_w=_floor_w(power),
            element_exponent=element_exponent,
        )


def _linear(pattern: CosinePattern | AnglePattern, offset_db: ArrayLike | None) -> np.ndarray:
    """EIRP [W] of the samples."""
    beams = len(pattern.beams)
    if offset_db is None:
        if pattern.quantity != EIRP_DBW:
            raise LeopntError(
                f"{pattern.source} holds {QUANTITIES[pattern.quantity]}, no EIRP: give offset_db, "
                "the transmit power of each beam [dBW] for gain, its peak EIRP for levels below it."
            )
        offset_db = 0.0
    offset = np.asarray(offset_db, float)
    if offset.shape not in ((), (beams,)):
        raise LeopntError(f"offset_db has shape {offset.shape}; accepted: a number or ({beams},).")
    if not np.all(np.isfinite(offset)):
        raise LeopntError("offset_db holds NaN or infinity; expected finite numbers.")
    return 10.0 ** ((pattern.level_db + np.broadcast_to(offset, beams)[:, None, None]) / 10.0)


def _without_element(power: np.ndarray, square: np.ndarray, exponent: float) -> np.ndarray:
    """Divide by cos(gamma)^q; from the horizon on the nearest direction in front stands in."""
    if exponent == 0.0:
        return power
    in_front = np.broadcast_to(square > 1e-9, power.shape[1:])
    bare = power / np.where(in_front, square, 1.0) ** (0.5 * exponent)
    return bare if np.all(in_front) else np.stack([_filled(one, in_front) for one in bare])


def _floor_w(power: np.ndarray) -> float:
    peak = float(power.max())
    if not peak > 0.0:
        raise LeopntError("the pattern has no power in any direction; expected a finite level.")
    return peak * 10.0 ** (-_FLOOR_BELOW_PEAK_DB / 10.0)


def _filled(power: np.ndarray, is_known: np.ndarray) -> np.ndarray:
    """Unknown nodes take the value of the nearest known one, so that a spline stays calm."""
    from scipy.ndimage import distance_transform_edt

    nearest = np.asarray(
        distance_transform_edt(~is_known, return_distances=False, return_indices=True)
    )
    return power[nearest[0], nearest[1]]
