"""What antenna and link functions accept: one number, finite, within limits.

Values are checked where they are known; of traced ones only type and shape are.
"""

from __future__ import annotations

import jax
import numpy as np
from jax.core import Tracer

from leopnt.errors import LeopntError
from leopnt.geometry._inputs import check_scalars


def check_positive(unit: str, **named) -> None:
    """Refuse what is not finite and above zero; the keyword is the argument's name."""
    for name, value in named.items():
        number = known_number(name, value)
        if number is not None and not number > 0.0:
            raise LeopntError(f"{name} = {number:g}{_spaced(unit)}: expected a number above 0.")


def check_between(low: float, high: float, unit: str, **named) -> None:
    """Refuse what is not finite and in [low, high]; the keyword is the argument's name."""
    for name, value in named.items():
        number = known_number(name, value)
        if number is None or low <= number <= high:
            continue
        limits = f"{low:g} or more" if high == np.inf else f"{low:g} to {high:g}"
        raise LeopntError(f"{name} = {number:g}{_spaced(unit)}: expected {limits}.")


def check_finite(unit: str, **named) -> None:
    """Refuse NaN and infinity; the keyword is the argument's name."""
    check_between(-np.inf, np.inf, unit, **named)


def check_count(low: int, **named) -> None:
    """Refuse what is no integer of `low` or more."""
    for name, value in named.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
            raise LeopntError(f"{name} = {value!r}: expected an integer of {low} or more.")


def known_number(name: str, value) -> float | None:
    """The value as a finite float, or None if it is traced.

    Raises:
        LeopntError: no number, more than one, narrower than 64 bits, NaN or infinite.
    """
    check_scalars(**{name: value})
    if isinstance(value, (Tracer, jax.ShapeDtypeStruct)):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise LeopntError(f"{name} = {value!r}: expected a number.") from None
    if not np.isfinite(number):
        raise LeopntError(f"{name} = {number:g}: expected a finite number.")
    return number


def _spaced(unit: str) -> str:
    return f" {unit}" if unit else ""
