"""What corrections accept: 64-bit numbers and vectors whose leading axes broadcast.

Values are checked where they are known; of traced ones only type and shape are.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from leopnt.errors import LeopntError


def vectors(**named) -> list[jax.Array]:
    """Float64 arrays (..., 3) on common leading axes; the keyword is the argument's name."""
    return shaped([(3,)] * len(named), **named)


def numbers(**named) -> list[jax.Array]:
    """Float64 arrays of one common shape."""
    return shaped([()] * len(named), **named)


def shaped(tails: Sequence[tuple[int, ...]], **named) -> list[jax.Array]:
    """Float64 arrays that end in axes of these lengths, on common leading axes."""
    pairs = zip(named.items(), tails, strict=True)
    arrays = {name: _checked(name, value, tail) for (name, value), tail in pairs}
    ends = dict(zip(named, tails, strict=True))
    leading = {name: one.shape[: one.ndim - len(ends[name])] for name, one in arrays.items()}
    try:
        shape = np.broadcast_shapes(*leading.values())
    except ValueError:
        raise LeopntError(
            f"leading axes do not fit: {', '.join(f'{n} {s}' for n, s in leading.items())}; "
            "accepted: axes that broadcast."
        ) from None
    return [jnp.broadcast_to(one, (*shape, *ends[name])) for name, one in arrays.items()]


def between(low: float, high: float, unit: str, **named) -> None:
    """Refuse known values outside [low, high]; the keyword is the argument's name."""
    for name, value in named.items():
        if isinstance(value, Tracer):
            continue
        values = np.asarray(value, float)
        wrong = values[~((values >= low) & (values <= high))]
        if wrong.size:
            limits = f"{low:g} or more" if high == np.inf else f"{low:g} to {high:g}"
            spaced = f" {unit}" if unit else ""
            raise LeopntError(f"{name} = {wrong.flat[0]:g}{spaced}: expected {limits}.")


def above_zero(unit: str, **named) -> None:
    """Refuse known values that are not above zero."""
    for name, value in named.items():
        if isinstance(value, Tracer):
            continue
        values = np.asarray(value, float)
        wrong = values[~(values > 0.0)]
        if wrong.size:
            raise LeopntError(f"{name} = {wrong.flat[0]:g} {unit}: expected a number above 0.")


def _checked(name: str, value, tail: tuple[int, ...]) -> jax.Array:
    dtype = getattr(value, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jnp.inexact) and dtype != np.float64:
        raise LeopntError(f"{name}: got {dtype}; accepted: float64.")
    try:
        array = jnp.asarray(value, float)
    except (TypeError, ValueError):
        raise LeopntError(f"{name} = {value!r}: expected numbers.") from None
    if tail and array.shape[-len(tail) :] != tail:
        expected = ", ".join(["...", *map(str, tail)])
        raise LeopntError(f"{name}: got shape {array.shape}; accepted: ({expected}).")
    if not isinstance(array, Tracer) and not np.all(np.isfinite(np.asarray(array))):
        raise LeopntError(f"{name} holds NaN or infinity; expected finite numbers.")
    return array
