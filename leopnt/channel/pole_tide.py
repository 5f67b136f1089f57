"""How polar motion lifts a station: the Earth bends under the change of its centrifugal force."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from leopnt.channel._batches import shaped
from leopnt.eop import ARCSEC_RAD, EopTable
from leopnt.epochs import Epoch, TimeScale

_UP_M, _FLAT_M = 0.033, 0.009  # per arcsecond
_SECULAR_X_MAS, _SECULAR_Y_MAS = (55.0, 1.677), (320.5, 3.460)  # at 2000.0, and per year


def pole_offset_rad(epoch: Epoch, eop: EopTable | None = None) -> Float[np.ndarray, "*epoch 2"]:
    """Wobble m1, m2 [rad]: the pole minus the secular pole, m2 against y, on the host.

        m1 = x_p - x_s        m2 = -(y_p - y_s)

    Args:
        epoch: instants, of any shape.
        eop: Earth orientation, None for the bundled table.

    Raises:
        LeopntError: an epoch outside the table.

    Source: [iers-2010], eq. 7.21 and 7.24, in the update of 2018-02-01 (secular pole).
    """
    earth = (eop or EopTable.bundled()).at(epoch)
    day, part = epoch.to_jd(TimeScale.TT)
    years = ((day - 2_451_544.5) + part) / 365.25
    x, y = (
        1e-3 * ARCSEC_RAD * (start + rate * years)
        for start, rate in (_SECULAR_X_MAS, _SECULAR_Y_MAS)
    )
    return np.stack([earth.x_pole_rad - x, y - earth.y_pole_rad], axis=-1)


def pole_tide_m(
    station_pos_ecef_m: Float[ArrayLike, "... 3"], pole_offset_rad: Float[ArrayLike, "... 2"]
) -> Float[Array, "... 3"]:
    """Displacement [m] of a station by polar motion, ECEF, up to 25 mm: ADD it to the coordinates.

        up    = -33 mm sin 2 theta (m1 cos lon + m2 sin lon)
        south =  -9 mm cos 2 theta (m1 cos lon + m2 sin lon)
        east  =   9 mm cos theta   (m1 sin lon - m2 cos lon)

    per arcsecond, theta from the north pole.

    Args:
        station_pos_ecef_m: near the ground; leading axes broadcast.
        pole_offset_rad: m1, m2 of `pole_offset_rad`.

    Raises:
        LeopntError: shapes that do not fit, 32 bits, not finite.

    Source: [iers-2010], eq. 7.26.
    """
    station, offset = shaped(
        [(3,), (2,)], station_pos_ecef_m=station_pos_ecef_m, pole_offset_rad=pole_offset_rad
    )
    return _pole_tide(station, offset / ARCSEC_RAD)


@jax.jit
def _pole_tide(station_m, offset_arcsec):
    x, y, z = (station_m[..., i] for i in range(3))
    axis = jnp.sqrt(x * x + y * y)
    radius = jnp.sqrt(axis * axis + z * z)
    sin, cos, cos_lon, sin_lon = axis / radius, z / radius, x / axis, y / axis
    m1, m2 = offset_arcsec[..., 0], offset_arcsec[..., 1]
    along, across = m1 * cos_lon + m2 * sin_lon, m1 * sin_lon - m2 * cos_lon
    up = -2.0 * _UP_M * sin * cos * along
    south = -_FLAT_M * (cos**2 - sin**2) * along
    east = _FLAT_M * cos * across
    out = up * sin + south * cos
    x = out * cos_lon - east * sin_lon
    y = out * sin_lon + east * cos_lon
    return jnp.stack([x, y, up * cos - south * sin], axis=-1)
