"""Differences of observations: between receivers, between satellites, and both."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from leopnt.errors import LeopntError


def difference_matrix(num_sats: int, reference: int = 0) -> Float[Array, "diff sat"]:
    """D with (D y)_k = y_k - y_reference, for all satellites but the reference, in order.

    Raises:
        LeopntError: fewer than two satellites, or a reference that is none of them.
    """
    if num_sats < 2:
        raise LeopntError(f"num_sats = {num_sats}: expected 2 satellites or more to difference.")
    if not 0 <= reference < num_sats:
        raise LeopntError(f"reference = {reference}: expected 0 to {num_sats - 1}.")
    others = np.delete(np.eye(num_sats), reference, axis=0)
    others[:, reference] = -1.0
    return jnp.asarray(others)


def single_difference(
    base: Float[Array, " sat"], rover: Float[Array, " sat"]
) -> Float[Array, " sat"]:
    """Rover minus base, satellite by satellite: satellite clocks cancel."""
    _check_pair(base, rover)
    return rover - base


def double_difference(
    base: Float[Array, " sat"], rover: Float[Array, " sat"], reference: int = 0
) -> Float[Array, " diff"]:
    """Single differences minus that of a reference satellite: receiver clocks cancel as well.

    One difference fewer than satellites, in their order.
    """
    difference = single_difference(base, rover)
    return difference_matrix(difference.shape[0], reference) @ difference


def single_difference_covariance(sigma: Float[Array, " sat"]) -> Float[Array, "sat sat"]:
    """2 diag(sigma^2), sigma of each satellite's observation at either receiver."""
    _check_sigma(sigma)
    return 2.0 * jnp.diag(sigma**2)


def double_difference_covariance(
    sigma: Float[Array, " sat"], reference: int = 0
) -> Float[Array, "diff diff"]:
    """2 D diag(sigma^2) D^T: full, since all differences share the reference satellite.

    Equal sigmas give 2 sigma^2 D D^T: variances 4 sigma^2, covariances 2 sigma^2.

    Args:
        sigma: of each satellite's observation at either receiver.
    """
    covariance = single_difference_covariance(sigma)
    matrix = difference_matrix(covariance.shape[0], reference)
    return matrix @ covariance @ matrix.T


def _check_pair(base, rover) -> None:
    if jnp.ndim(base) != 1 or jnp.shape(base) != jnp.shape(rover):
        raise LeopntError(
            f"base and rover have shapes {jnp.shape(base)} and {jnp.shape(rover)}; accepted: "
            "(sat,) both, the same satellites in the same order; use jax.vmap for many epochs."
        )


def _check_sigma(sigma) -> None:
    if jnp.ndim(sigma) != 1:
        raise LeopntError(f"sigma has shape {jnp.shape(sigma)}; accepted: (sat,).")
    if isinstance(sigma, Tracer):
        return
    values = np.asarray(sigma)
    if not np.all(np.isfinite(values) & (values > 0.0)):
        raise LeopntError(f"sigma: got {values.tolist()!r}; expected numbers above 0.")
