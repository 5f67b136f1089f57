"""Dilution of precision: geometry factor between measurement error and solution error."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class Dop(NamedTuple):
    """Dilutions of precision; NaN where the geometry does not determine the unknowns."""

    gdop: Float[Array, ""]
    pdop: Float[Array, ""]
    hdop: Float[Array, ""]
    vdop: Float[Array, ""]
    tdop: Float[Array, ""]


def dop_from_cofactor(cofactor_enu: Float[Array, "4 4"]) -> Dop:
    """DOP values from Q = (G^T G)^-1 with unknowns ordered east, north, up, clock.

    Source: Kaplan & Hegarty, Understanding GPS/GNSS, 3rd ed., eqs. 11.23-11.27.
    """
    return _dop(*jnp.diag(cofactor_enu))


def _dop(east, north, up, clock) -> Dop:
    horizontal, position = east + north, east + north + up
    return Dop(*(jnp.sqrt(q) for q in (position + clock, position, horizontal, up, clock)))


def dop_pseudorange(
    az_rad: Float[Array, " sat"], el_rad: Float[Array, " sat"], visible: Bool[Array, " sat"]
) -> Dop:
    """DOP of unit-variance pseudoranges with one unknown receiver clock.

        G = [-u_i^T, 1]  (rows of visible satellites),  u = [cos el sin az, cos el cos az, sin el]
        Q = (G^T G)^-1

    Subtracting the mean direction eliminates the clock; the three centered columns are then
    orthogonalized. Smooth in all angles, also where eigenvalues of Q coincide.

    Fewer than four visible satellites, or a degenerate geometry (all directions on one cone: a
    squared pivot below 1e-13 per satellite, which is a PDOP of millions), gives NaN throughout.
    """
    # Angles of satellites that are not visible may be NaN; replaced first, they spoil no gradient.
    az, el = (jnp.where(visible, jnp.asarray(x, float), 0.0) for x in (az_rad, el_rad))
    los = (jnp.cos(el) * jnp.sin(az), jnp.cos(el) * jnp.cos(az), jnp.sin(el))
    count = jnp.maximum(jnp.sum(visible), 1)
    mean = [jnp.sum(jnp.where(visible, u, 0.0)) / count for u in los]
    centered = [jnp.where(visible, u - m, 0.0) for u, m in zip(los, mean, strict=True)]
    return _dop(*_cofactors(centered, mean, count))


def _cofactors(centered, mean, count):
    """Diagonal of Q for centered columns A = Z U (Z orthogonal, U unit upper triangular).

    With D = Z^T Z and X = U^-1:  Q_position = X D^-1 X^T,  Q_clock = 1/count + mean^T Q mean.
    """
    east, north, up = centered
    d1, unit1 = _square(east, count)
    u12, u13 = jnp.sum(east * north) / unit1, jnp.sum(east * up) / unit1
    north, up = north - u12 * east, up - u13 * east
    d2, unit2 = _square(north, count)
    u23 = jnp.sum(north * up) / unit2
    d3, _ = _square(up - u23 * north, count)
    x13 = u12 * u23 - u13
    q_east = 1 / d1 + u12**2 / d2 + x13**2 / d3
    q_north = 1 / d2 + u23**2 / d3
    x_mean = (mean[0], mean[1] - u12 * mean[0], mean[2] - u23 * mean[1] + x13 * mean[0])
    q_clock = 1 / count + sum(x**2 / d for x, d in zip(x_mean, (d1, d2, d3), strict=True))
    solvable = jnp.isfinite(q_clock)
    return (jnp.where(solvable, q, jnp.nan) for q in (q_east, q_north, 1 / d3, q_clock))


def _square(column: Float[Array, " sat"], count: Int[Array, ""]):
    """Squared length, NaN where it is no information; and a stand-in that is safe to divide by."""
    square = jnp.sum(column * column)
    good = square > 1e-13 * count
    return jnp.where(good, square, jnp.nan), jnp.where(good, square, 1.0)
