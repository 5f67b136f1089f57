"""What functions of a surface accept; values are checked where they are known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from leopnt.antennas._inputs import check_positive
from leopnt.errors import LeopntError

UNIT_TOLERANCE = 1e-6


def check_point(**named) -> None:
    """Refuse what is no single finite position; the keyword is the argument's name."""
    for name, value in named.items():
        found = check_points(name, value)
        if found.ndim != 1:
            raise LeopntError(f"{name} has shape {found.shape}; accepted: (3,).")


def check_points(name: str, value) -> jax.Array:
    """Positions (..., 3) as 64-bit floats.

    Raises:
        LeopntError: another shape, no numbers, 32-bit floats, NaN or infinity.
    """
    found = numbers(name, value)
    if found.ndim < 1 or found.shape[-1] != 3:
        raise LeopntError(f"{name} has shape {found.shape}; accepted: (..., 3).")
    return found


def check_unit(name: str, value) -> jax.Array:
    """Unit vectors (..., 3); they are not made so silently."""
    found = check_points(name, value)
    if is_known(found):
        off = np.max(np.abs(np.sqrt(np.sum(np.asarray(found) ** 2, axis=-1)) - 1.0), initial=0.0)
        if off > UNIT_TOLERANCE:
            raise LeopntError(
                f"{name}: a length is off 1 by {off:.3g}; expected unit vectors, to "
                f"{UNIT_TOLERANCE:g}."
            )
    return found


def check_axes(normal, row_axis) -> None:
    """Refuse axes of a panel that are no perpendicular unit vectors."""
    check_point(normal=normal, row_axis=row_axis)
    axes = [check_unit("normal", normal), check_unit("row_axis", row_axis)]
    if is_known(*axes):
        cosine = float(np.sum(np.asarray(axes[0]) * np.asarray(axes[1])))
        if abs(cosine) > UNIT_TOLERANCE:
            raise LeopntError(
                f"row_axis: its cosine with the normal is {cosine:.3g}; expected an axis in the "
                f"plane, 0 to {UNIT_TOLERANCE:g}."
            )


def check_phases(surface, phases_rad) -> jax.Array:
    """Phases (..., ant), one per element."""
    found = numbers("phases_rad", phases_rad)
    if found.ndim < 1 or found.shape[-1] != surface.num_elements:
        raise LeopntError(
            f"phases_rad has shape {found.shape}; accepted: (..., {surface.num_elements}), one per "
            "element."
        )
    return found


def check_wavelength(wavelength_m) -> None:
    """Refuse a wavelength that is not one number above zero."""
    check_positive("m", wavelength_m=wavelength_m)


def check_served(surface, sat_pos_ecef_m, rx_pos_ecef_m) -> None:
    """Refuse a satellite that is not in front, and a receiver on a side that gets nothing.

    Raises:
        LeopntError: also a receiver in the plane of the panel.
    """
    _check_satellite("sat_pos_ecef_m", _height_m(surface, sat_pos_ecef_m), " m")
    _check_receiver("rx_pos_ecef_m", surface, _height_m(surface, rx_pos_ecef_m), " m")


def check_directions_served(surface, arrival, departure) -> None:
    """As `check_served`, of unit vectors from the surface to both ends."""
    _check_satellite("arrival", _along_normal(surface, arrival), "")
    _check_receiver("departure", surface, _along_normal(surface, departure), "")


def leading_shape(**named: tuple[int, ...]) -> tuple[int, ...]:
    """Shape that all leading axes broadcast to."""
    try:
        return np.broadcast_shapes(*named.values())
    except ValueError:
        found = ", ".join(f"{name} {shape}" for name, shape in named.items())
        raise LeopntError(f"leading axes do not fit together: {found}.") from None


def numbers(name: str, value) -> jax.Array:
    """The value as an array of 64-bit floats; refuses NaN and infinity where it is known."""
    dtype = getattr(value, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jnp.inexact) and dtype != np.float64:
        raise LeopntError(f"{name}: got {dtype}; accepted: float64.")
    try:
        found = jnp.asarray(value, float)
    except (TypeError, ValueError):
        raise LeopntError(f"{name} = {value!r}: expected numbers.") from None
    if is_known(found) and not np.all(np.isfinite(np.asarray(found))):
        raise LeopntError(f"{name} holds NaN or infinity; expected finite numbers.")
    return found


def is_known(*values) -> bool:
    """Whether no value is traced."""
    return not any(isinstance(one, (Tracer, jax.ShapeDtypeStruct)) for one in values)


def _check_satellite(name: str, height: np.ndarray | None, unit: str) -> None:
    if height is None or np.all(height > 0.0):
        return
    lowest = np.min(height.reshape(-1, height.shape[-1] if height.ndim else 1), axis=0)
    raise LeopntError(
        f"{name}: satellite {int(np.argmin(lowest))} is {-float(np.min(lowest)):.4g}{unit} behind "
        "the plane of the panel; expected satellites in front."
    )


def _check_receiver(name: str, surface, height: np.ndarray | None, unit: str) -> None:
    if height is None:
        return
    if np.any(height == 0.0):
        raise LeopntError(f"{name}: the receiver is in the plane of the panel, which is unlit.")
    if np.any(height < 0.0) and _is_zero(surface.transmit_gain):
        raise LeopntError(
            f"{name}: the receiver is {-float(np.min(height)):.4g}{unit} behind a panel that only "
            "reflects (transmit_gain = 0); expected it in front."
        )
    if np.any(height > 0.0) and _is_zero(surface.reflect_gain):
        raise LeopntError(
            f"{name}: the receiver is {float(np.max(height)):.4g}{unit} in front of a panel that "
            "only transmits (reflect_gain = 0); expected it behind."
        )


def _is_zero(gain) -> bool:
    return is_known(gain) and float(gain) == 0.0


def _height_m(surface, pos_ecef_m) -> np.ndarray | None:
    """Distance from the plane [m], positive in front; None where something is traced."""
    if not is_known(pos_ecef_m, surface.centroid_ecef_m):
        return None
    offset_m = np.asarray(pos_ecef_m, float) - np.asarray(surface.centroid_ecef_m, float)
    return _along_normal(surface, offset_m)


def _along_normal(surface, vector) -> np.ndarray | None:
    if not is_known(vector, surface.normal):
        return None
    product = np.asarray(vector, float) * np.asarray(surface.normal, float)
    return np.asarray(np.sum(product, axis=-1))
