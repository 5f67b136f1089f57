"""Dilution of precision: geometry factor between measurement error and solution error."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


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
    q = jnp.diag(cofactor_enu)
    horizontal, position = q[0] + q[1], q[0] + q[1] + q[2]
    return Dop(*(jnp.sqrt(x) for x in (position + q[3], position, horizontal, q[2], q[3])))


def dop_pseudorange(
    az_rad: Float[Array, " sat"], el_rad: Float[Array, " sat"], visible: Bool[Array, " sat"]
) -> Dop:
    """DOP of unit-variance pseudoranges with one unknown receiver clock.

        G = [-cos el sin az, -cos el cos az, -sin el, 1]  (rows of visible satellites)
        Q = (G^T G)^-1

    Fewer than four visible satellites, or a degenerate geometry (reciprocal condition of G^T G
    below 1e-13), gives NaN throughout.
    """
    cos_el = jnp.cos(el_rad)
    rows = jnp.stack(
        [
            -cos_el * jnp.sin(az_rad),
            -cos_el * jnp.cos(az_rad),
            -jnp.sin(el_rad),
            jnp.ones_like(el_rad),
        ],
        axis=-1,
    )
    rows = jnp.where(visible[:, None], rows, 0.0)
    values, vectors = jnp.linalg.eigh(rows.T @ rows)
    solvable = values[0] > 1e-13 * values[-1]
    cofactor = (vectors / jnp.where(solvable, values, jnp.nan)[None, :]) @ vectors.T
    return dop_from_cofactor(cofactor)
