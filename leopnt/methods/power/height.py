"""What is known of a user's height."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_finite
from leopnt.errors import LeopntError
from leopnt.methods.power.geometry import Shell

Heights = Float[Array, "*batch"] | Float[np.ndarray, "*batch"] | float


class HeightPrior(eqx.Module):
    """Height above the sphere: normal with a mean and a standard deviation.

    Attributes:
        mean_m: h0, such as terrain; one number or one per user.
        sigma_m: above zero; infinity means that nothing is known.
    """

    mean_m: Heights = 0.0
    sigma_m: Heights = 1000.0

    def __check_init__(self):
        if isinstance(self.mean_m, (int, float)):
            check_finite("m", mean_m=self.mean_m)
        sigma = self.sigma_m
        if isinstance(sigma, Tracer) or not isinstance(sigma, (int, float, np.ndarray)):
            return
        if not np.all(np.asarray(sigma) > 0.0):
            worst = np.asarray(sigma)[~(np.asarray(sigma) > 0.0)].flat[0]
            raise LeopntError(
                f"sigma_m = {worst:g} m: expected a number above 0; infinity for no prior."
            )


NO_PRIOR = HeightPrior(0.0, np.inf)
"""Nothing is known of the height."""


class HeightRow(NamedTuple):
    """Height residual and row of one user over (u, v, ln d), both over sigma."""

    residual: Float[Array, ""]
    row: tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]


def height_row(shell: Shell, prior: HeightPrior, u, v, log_range) -> HeightRow:
    """(h0 - h) / sigma_h and grad h / sigma_h; zero without a prior. Regular at nadir.

    r^2 = d^2 + (R+H)^2 - 2 d (R+H) cos(gamma),   h = r - R
    """
    height, by_u, by_v, by_log = height_gradient(shell, u, v, log_range)
    weight = 1.0 / jnp.asarray(prior.sigma_m)
    residual = weight * (jnp.asarray(prior.mean_m) - height)
    return HeightRow(residual, (weight * by_u, weight * by_v, weight * by_log))


def height_gradient(shell: Shell, u, v, log_range):
    """Height [m] and its derivatives by u, v and ln d."""
    d, a = jnp.exp(log_range), shell.sat_radius_m
    cosine = jnp.sqrt(1.0 - u * u - v * v)
    r = jnp.sqrt(d * d + a * a - 2.0 * d * a * cosine)
    by_sine = a * d / (r * cosine)
    return r - shell.earth_radius_m, by_sine * u, by_sine * v, d * (d - a * cosine) / r
