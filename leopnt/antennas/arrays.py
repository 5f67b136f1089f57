"""Where the elements of an antenna array sit: positions in body axes, centroid zero."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_count, check_positive
from leopnt.errors import LeopntError


def single_antenna() -> Float[Array, "ant 3"]:
    """One element at the origin: it sees no attitude."""
    return jnp.zeros((1, 3))


def line_array(num: int, spacing_m: Float[Array, ""] | float) -> Float[Array, "ant 3"]:
    """Elements [m] along the body x axis, from -x to +x.

    Rotation about the line itself stays unseen.

    Raises:
        LeopntError: fewer than one element, a spacing that is not above zero.
    """
    check_count(1, num=num)
    check_positive("m", spacing_m=spacing_m)
    return _in_plane(_steps(num) * spacing_m, jnp.zeros(num))


def planar_array(
    num_x: int, num_y: int, spacing_m: Float[Array, ""] | float
) -> Float[Array, "ant 3"]:
    """Rectangular grid [m] in the body x-y plane, x fastest, from (-x, -y) to (+x, +y).

    `planar_array(2, 2, side)` is a square: (-,-), (+,-), (-,+), (+,+).

    Raises:
        LeopntError: fewer than one element along an axis, a spacing that is not above zero.
    """
    check_count(1, num_x=num_x, num_y=num_y)
    check_positive("m", spacing_m=spacing_m)
    along_x = jnp.tile(_steps(num_x), num_y)
    along_y = jnp.repeat(_steps(num_y), num_x)
    return _in_plane(along_x * spacing_m, along_y * spacing_m)


def polygon_array(num: int, side_m: Float[Array, ""] | float) -> Float[Array, "ant 3"]:
    """Corners [m] of a regular polygon in the body x-y plane, from +x towards +y.

    `polygon_array(3, side)` is the smallest array that sees all three angles of attitude. The
    corners lie on a circle of radius side / (2 sin(pi / num)).

    Raises:
        LeopntError: fewer than three corners, a side that is not above zero.
    """
    check_count(3, num=num)
    check_positive("m", side_m=side_m)
    radius_m = side_m / (2.0 * np.sin(np.pi / num))
    angle = 2.0 * np.pi * np.arange(num) / num
    return _in_plane(radius_m * jnp.cos(angle), radius_m * jnp.sin(angle))


def centered_array(pos_body_m: ArrayLike | Sequence) -> Float[Array, "ant 3"]:
    """Given positions [m] in body axes, moved so that their centroid is zero.

    What was the origin moves to minus their mean: a receiver position is then that of the
    centroid.

    Raises:
        LeopntError: another shape than (ant, 3), no antenna, NaN or infinity.
    """
    try:
        positions = jnp.asarray(pos_body_m, float)
    except (TypeError, ValueError):
        raise LeopntError(f"pos_body_m = {pos_body_m!r}: expected an array of numbers.") from None
    if positions.ndim != 2 or positions.shape[1] != 3 or not positions.shape[0]:
        raise LeopntError(f"pos_body_m has shape {positions.shape}; accepted: (ant, 3).")
    if not isinstance(positions, Tracer) and not np.all(np.isfinite(positions)):
        raise LeopntError("pos_body_m holds NaN or infinity; expected finite numbers.")
    return positions - jnp.mean(positions, axis=0, keepdims=True)


def num_antennas(pos_body_m: Float[Array, "ant 3"]) -> int:
    """How many elements."""
    return pos_body_m.shape[0]


def _steps(num: int) -> Float[Array, " ant"]:
    """Integers or half-integers, symmetric about zero."""
    return jnp.arange(num) - 0.5 * (num - 1)


def _in_plane(x: Float[Array, " ant"], y: Float[Array, " ant"]) -> Float[Array, "ant 3"]:
    return jnp.stack([x, y, jnp.zeros_like(x)], axis=1)
