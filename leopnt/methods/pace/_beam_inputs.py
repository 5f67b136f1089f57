"""What the beamforming functions accept: 64-bit complex channels, finite, with sensible powers.

Types and shapes are checked always, values where they are known (not while a function is traced).
"""

from __future__ import annotations

import numpy as np
from jax.core import Tracer

from leopnt.errors import LeopntError

LARGEST_POWER_W = 1e6
"""Above it a power in watts is surely something else, such as dBm."""


def check_channel(**named) -> None:
    """Refuse what is no finite complex128 array of two or more axes; name=array."""
    for name, value in named.items():
        dtype, shape = getattr(value, "dtype", None), np.shape(value)
        if dtype != np.complex128:
            raise LeopntError(f"{name}: got {dtype}; accepted: complex128.")
        if len(shape) < 2 or 0 in shape:
            raise LeopntError(
                f"{name}: got shape {shape}; accepted: (user, ant) with at least one of each, "
                "further axes in front."
            )
        check_finite_values(**{name: value})


def check_finite_values(**named) -> None:
    """Refuse NaN and infinity."""
    for name, value in named.items():
        if not isinstance(value, Tracer) and not np.all(np.isfinite(np.asarray(value))):
            raise LeopntError(f"{name} holds NaN or infinity; expected finite numbers.")


def check_same_users(channel, **named) -> None:
    """Refuse vectors that do not have one entry for each user of the channel."""
    for name, value in named.items():
        if np.shape(value) != np.shape(channel)[-2:-1]:
            raise LeopntError(
                f"{name}: got shape {np.shape(value)}; accepted: {np.shape(channel)[-2:-1]}, one "
                "entry for each user of channel."
            )


def check_same_shape(**named) -> None:
    """Refuse arrays of different shapes; two or more keywords."""
    if len({np.shape(value) for value in named.values()}) > 1:
        found = ", ".join(f"{name} {np.shape(value)}" for name, value in named.items())
        raise LeopntError(f"shapes disagree: {found}; expected one shape for all.")


def check_weights(omega) -> None:
    """Refuse weights that are not finite and above zero."""
    check_finite_values(omega=omega)
    if not isinstance(omega, Tracer) and not np.all(np.asarray(omega) > 0):
        raise LeopntError(
            f"omega: smallest weight is {float(np.min(np.asarray(omega))):g}; expected weights "
            "above 0."
        )


def check_powers(**named) -> None:
    """Refuse powers in watts that are not above zero, or beyond `LARGEST_POWER_W`."""
    check_above_zero(**named)
    for name, value in named.items():
        if not isinstance(value, Tracer) and np.max(np.asarray(value)) > LARGEST_POWER_W:
            raise LeopntError(
                f"{name} = {float(np.max(np.asarray(value))):g} W: expected at most "
                f"{LARGEST_POWER_W:g} W; is it in dBm? Convert it to watts."
            )


def check_above_zero(**named) -> None:
    """Refuse what is not finite and above zero; numbers or arrays."""
    check_finite_values(**named)
    for name, value in named.items():
        if not isinstance(value, Tracer) and not np.all(np.asarray(value) > 0):
            raise LeopntError(
                f"{name} = {float(np.min(np.asarray(value))):g}: expected a number above 0."
            )


def check_not_negative(**named) -> None:
    """Refuse what is not finite, or below zero; numbers or arrays."""
    check_finite_values(**named)
    for name, value in named.items():
        if not isinstance(value, Tracer) and not np.all(np.asarray(value) >= 0):
            raise LeopntError(f"{name} = {float(np.min(np.asarray(value))):g}: expected 0 or more.")


def check_between_zero_and_one(**named) -> None:
    """Refuse what is not above 0 and below 1."""
    check_above_zero(**named)
    for name, value in named.items():
        if not isinstance(value, Tracer) and np.max(np.asarray(value)) >= 1.0:
            raise LeopntError(
                f"{name} = {float(np.max(np.asarray(value))):g}: expected a number above 0 and "
                "below 1."
            )
