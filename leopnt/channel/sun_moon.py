"""Where the Sun and the Moon are, for tides and the attitude of satellites.

Series of ERFA: the Sun to 20 km (0.03 arcsec), the Moon to 20 arcsec of direction and some 50 km of
distance, which is 4e-4 of its tide. On the host, once for all epochs.
"""

from __future__ import annotations

import erfa
import numpy as np
from jaxtyping import Float

from leopnt.eop import EopTable
from leopnt.epochs import Epoch, TimeScale
from leopnt.frames.earth import gcrs_to_ecef_matrix

ASTRONOMICAL_UNIT_M = 149_597_870_700.0
"""Exact (IAU 2012, resolution B2)."""


def sun_position_gcrs(epoch: Epoch) -> Float[np.ndarray, "*epoch 3"]:
    """Geometric position [m] of the Sun from the Earth's center, axes of the GCRS.

    No light time or aberration (0.006 degrees). TT stands for TDB (2 ms).

    Source: ERFA epv00 (VSOP2000, Bretagnon 2000).
    """
    heliocentric, _ = erfa.epv00(*epoch.to_jd(TimeScale.TT))
    return -ASTRONOMICAL_UNIT_M * heliocentric["p"]


def moon_position_gcrs(epoch: Epoch) -> Float[np.ndarray, "*epoch 3"]:
    """Geometric position [m] of the Moon from the Earth's center, axes of the GCRS.

    Source: ERFA moon98 (Meeus, Astronomical Algorithms, 2nd ed., ch. 47).
    """
    return ASTRONOMICAL_UNIT_M * erfa.moon98(*epoch.to_jd(TimeScale.TT))["p"]


def sun_position_ecef(epoch: Epoch, eop: EopTable | None = None) -> Float[np.ndarray, "*epoch 3"]:
    """Geometric position [m] of the Sun, ECEF.

    Args:
        epoch: instants.
        eop: Earth orientation, None for the bundled table.

    Raises:
        LeopntError: an epoch outside the table.
    """
    return _turned(sun_position_gcrs(epoch), epoch, eop)


def moon_position_ecef(epoch: Epoch, eop: EopTable | None = None) -> Float[np.ndarray, "*epoch 3"]:
    """Geometric position [m] of the Moon, ECEF; arguments as `sun_position_ecef`."""
    return _turned(moon_position_gcrs(epoch), epoch, eop)


def _turned(pos_gcrs_m: np.ndarray, epoch: Epoch, eop: EopTable | None) -> np.ndarray:
    return np.einsum("...ij,...j->...i", gcrs_to_ecef_matrix(epoch, eop), pos_gcrs_m)
