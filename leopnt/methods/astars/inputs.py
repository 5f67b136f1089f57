"""What the functions of this method accept, and how carrier phases become ranges."""

from __future__ import annotations

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.ambiguity import NO_INTEGER

EARTH_FLOOR_M = 6.4e6
"""Satellites are at least this far from the Earth's center."""

RANGE_LIMITS_M = (3.0e5, 6.0e7)
"""Ranges from satellites are between these."""

UNIT_TOLERANCE = 1e-6

_PIECE = 8192


def ranges_of_phases(
    phase_cycles: Float[ArrayLike, "*#batch sat"], wavelength_m: float
) -> Float[np.ndarray, "..."]:
    """Carrier phases as ranges, L = lambda phi.

    Args:
        phase_cycles: ambiguity-fixed, and corrected for satellite clock, atmosphere and the phase
            that the surface was told to add.

    Raises:
        LeopntError: not finite; ranges outside 300 km to 60 000 km (phases in radians or meters?).
    """
    wavelength = check_one_above_zero("wavelength_m", wavelength_m)
    ranges = finite_array("phase_cycles", phase_cycles) * wavelength
    _check_limits("phase_cycles times wavelength_m", ranges, "; phases in cycles?")
    return ranges


def check_satellites(
    sat_pos_ecef_m: ArrayLike, least: int, name: str = "sat_pos_ecef_m"
) -> Float[np.ndarray, "..."]:
    """Refuse satellite positions that are none.

    Args:
        least: smallest number that the unknowns need.

    Raises:
        LeopntError: shape other than (..., sat, 3), fewer than `least`, not finite, or nearer to
            the Earth's center than 6400 km.
    """
    found = finite_array(name, sat_pos_ecef_m)
    if found.ndim < 2 or found.shape[-1] != 3:
        raise LeopntError(f"{name} has shape {found.shape}; accepted: (..., sat, 3).")
    if found.shape[-2] < least:
        raise LeopntError(f"{name} holds {found.shape[-2]} satellites; the unknowns need {least}.")
    nearest = _least_length(found.reshape(-1, 3))
    if nearest < EARTH_FLOOR_M:
        raise LeopntError(
            f"{name}: a satellite is {nearest:g} m from the Earth's center; expected at "
            f"least {EARTH_FLOOR_M:g} m; kilometers?"
        )
    return found


def check_ranges(name: str, range_m: ArrayLike, satellites: np.ndarray) -> Float[np.ndarray, "..."]:
    """Refuse ranges that do not go with the satellites, or that no satellite has."""
    found = finite_array(name, range_m)
    if found.ndim < 1 or found.shape[-1] != satellites.shape[-2]:
        raise LeopntError(
            f"{name} has shape {found.shape} for {satellites.shape[-2]} satellites; accepted: "
            "(..., sat)."
        )
    _check_limits(name, found, "; meters, with the ambiguities fixed?")
    return found


def check_weights(weight: ArrayLike | None, shape: tuple[int, ...]) -> np.ndarray:
    """Weights above zero, one per range; default: ones."""
    if weight is None:
        return np.broadcast_to(1.0, shape)
    found = check_above_zero("weight", weight)
    return broadcast("weight", found, shape)


def check_mask(visible: ArrayLike | None, shape: tuple[int, ...]) -> Bool[np.ndarray, "..."]:
    """A mask of type bool, one entry per range; default: all True."""
    if visible is None:
        return np.broadcast_to(True, shape)
    found = np.asarray(visible)
    if found.dtype != bool:
        raise LeopntError(f"visible has type {found.dtype}; accepted: bool.")
    return broadcast("visible", found, shape)


def check_directions(name: str, direction: ArrayLike) -> Float[np.ndarray, "... 3"]:
    """Refuse vectors that are no unit vectors; they are not made so silently."""
    found = finite_array(name, direction)
    if found.ndim < 1 or found.shape[-1] != 3:
        raise LeopntError(f"{name} has shape {found.shape}; accepted: (..., 3).")
    off = np.max(np.abs(np.sqrt(np.sum(found * found, axis=-1)) - 1.0), initial=0.0)
    if off > UNIT_TOLERANCE:
        raise LeopntError(
            f"{name}: a length is off 1 by {off:.3g}; expected unit vectors, to {UNIT_TOLERANCE:g}."
        )
    return found


def check_positions(name: str, position: ArrayLike) -> Float[np.ndarray, "... 3"]:
    """Refuse what is no finite position (..., 3)."""
    found = finite_array(name, position)
    if found.ndim < 1 or found.shape[-1] != 3:
        raise LeopntError(f"{name} has shape {found.shape}; accepted: (..., 3).")
    return found


def check_cosine(chi: ArrayLike) -> Float[np.ndarray, "..."]:
    """Refuse a cosine outside [-1, 1], rounding aside."""
    found = finite_array("chi", chi)
    worst = float(np.max(np.abs(found), initial=0.0))
    if worst > 1.0 + 1e-12:
        raise LeopntError(f"chi: |chi| = {worst:.15g}; expected a cosine, at most 1.")
    return np.clip(found, -1.0, 1.0)


def check_above_zero(name: str, value: ArrayLike) -> Float[np.ndarray, "..."]:
    """Refuse numbers that are not finite and above zero."""
    found = finite_array(name, value)
    if not np.all(found > 0.0):
        raise LeopntError(f"{name} = {float(np.min(found)):g}: expected numbers above 0.")
    return found


def check_above_zero_or_none(name: str, value: ArrayLike) -> Float[np.ndarray, "..."]:
    """Refuse numbers that are not above zero; infinity stands for none."""
    found = numbers(name, value)
    check_above_zero(name, np.where(np.isposinf(found), 1.0, found))
    return found


def check_not_negative(name: str, value: ArrayLike) -> Float[np.ndarray, "..."]:
    """Refuse numbers that are not finite, or negative."""
    found = finite_array(name, value)
    if not np.all(found >= 0.0):
        raise LeopntError(f"{name} = {float(np.min(found)):g}: expected numbers of 0 or more.")
    return found


def finite_array(name: str, value: ArrayLike) -> Float[np.ndarray, "..."]:
    """`numbers` without NaN and infinity."""
    found = numbers(name, value)
    # A sum is finite where all terms are, overflow aside: one pass without an array of flags.
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = not np.isfinite(np.sum(found))
    if suspect and not np.all(np.isfinite(found)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(found))[0])
        raise LeopntError(f"{name}{list(where)} is {found[where]:g}; expected finite numbers.")
    return found


def numbers(name: str, value: ArrayLike) -> Float[np.ndarray, "..."]:
    """The value as 64-bit floats; NaN and infinity pass.

    Raises:
        LeopntError: no numbers; 32-bit floats, which resolve meters of a range; complex numbers;
            masked entries.
    """
    if np.ma.is_masked(value):
        raise LeopntError(f"{name} holds masked entries, whose values would count; see visible.")
    try:
        found = np.asarray(value)
        if found.dtype.kind not in "biuOSU" and found.dtype != np.float64:
            raise LeopntError(f"{name}: got {found.dtype}; accepted: float64.")
        return np.asarray(found, float)
    except (TypeError, ValueError) as error:
        if isinstance(error, LeopntError):
            raise
        raise LeopntError(f"{name} = {value!r}: expected numbers.") from None


def check_one_above_zero(name: str, value: ArrayLike) -> float:
    """Refuse what is not one finite number above zero."""
    if np.ndim(value) != 0:
        raise LeopntError(f"{name} has shape {np.shape(value)}; accepted: one number.")
    return float(check_above_zero(name, value))


def check_whole(name: str, value: ArrayLike) -> Int[np.ndarray, "..."]:
    """Refuse what is not of an integer type, and integers that stand for none."""
    found = np.asarray(value)
    if found.dtype.kind not in "iu":
        raise LeopntError(f"{name} has type {found.dtype}; accepted: integers.")
    if np.any(found == NO_INTEGER):
        where = [int(i) for i in np.argwhere(found == NO_INTEGER)[0]]
        raise LeopntError(f"{name}{where} is NO_INTEGER: there is none; see the status of the fix.")
    return found


def broadcast(name: str, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The value in a shape that it fits; refuses one that it does not fit."""
    try:
        return np.broadcast_to(value, shape)
    except ValueError:
        raise LeopntError(f"{name} has shape {value.shape}; accepted: {shape}.") from None


def common_shape(**named: tuple[int, ...]) -> tuple[int, ...]:
    """Batch shape that all arguments share, by the rules of broadcasting."""
    try:
        return np.broadcast_shapes(*named.values())
    except ValueError:
        found = ", ".join(f"{name} {shape}" for name, shape in named.items())
        raise LeopntError(f"batch axes do not fit together: {found}.") from None


def _least_length(vectors: Float[np.ndarray, "count 3"]) -> float:
    """Length of the shortest vector, a piece at a time that stays in the cache."""
    pieces = (vectors[i : i + _PIECE].T for i in range(0, len(vectors), _PIECE))
    return float(
        np.sqrt(min((np.min(x * x + y * y + z * z) for x, y, z in pieces), default=np.inf))
    )


def _check_limits(name: str, ranges: np.ndarray, hint: str) -> None:
    low, high = float(np.min(ranges, initial=np.inf)), float(np.max(ranges, initial=-np.inf))
    if low < RANGE_LIMITS_M[0] or high > RANGE_LIMITS_M[1]:
        worst = low if low < RANGE_LIMITS_M[0] else high
        raise LeopntError(f"{name} = {worst:g} m: expected 3e5 to 6e7 m{hint}")
