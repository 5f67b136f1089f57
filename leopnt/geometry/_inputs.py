"""What a kernel accepts: one 64-bit vector of three components, one 64-bit number.

Types and shapes are known while a function is traced, so these checks cost compiled code nothing.
"""

import jax.numpy as jnp
import numpy as np

from leopnt.errors import LeopntError


def check_vectors(**named) -> None:
    """Refuse anything but float64 arrays of shape (3,); the keyword is the argument's name."""
    for name, value in named.items():
        if not hasattr(value, "dtype") or not hasattr(value, "shape"):
            raise LeopntError(
                f"{name}: got {type(value).__name__} {value!r}; accepted: a float64 array of "
                "shape (3,), for example jnp.asarray([...], float)."
            )
        if value.dtype != np.float64:
            raise LeopntError(f"{name}: got {value.dtype}; {_accepted_type()}")
        if tuple(value.shape) != (3,):
            raise LeopntError(
                f"{name}: got shape {tuple(value.shape)}; accepted: (3,), one link at a time; "
                "use jax.vmap for many."
            )


def check_scalars(**named) -> None:
    """Refuse floating numbers narrower than 64 bits and arrays of more than one number."""
    for name, value in named.items():
        dtype, shape = getattr(value, "dtype", None), tuple(getattr(value, "shape", ()))
        if dtype is not None and jnp.issubdtype(dtype, jnp.inexact) and dtype != np.float64:
            raise LeopntError(f"{name}: got {dtype}; {_accepted_type()}")
        if shape:
            raise LeopntError(
                f"{name}: got shape {shape}; accepted: one number per link; use jax.vmap for many."
            )


def _accepted_type() -> str:
    if jnp.result_type(float) != np.float64:
        return "accepted: float64, which JAX has switched off: set jax_enable_x64 to True."
    return "accepted: float64 (32-bit floats resolve 6 to 25 cm at LEO ranges)."
