"""How well one epoch of powers can tell where a user is."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from leopnt.antennas.beams import DB_PER_NEPER
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.inference.small_linear import gram_of_columns, inverse_spd
from leopnt.methods.power.geometry import Number, place_gradient
from leopnt.methods.power.height import NO_PRIOR, HeightPrior, height_gradient, height_row
from leopnt.methods.power.link import Coherent, PowerScene, amplitudes, cosines
from leopnt.noise.base import AbstractNoise

NADIR_RAD = np.radians(0.5)
"""Below this angle off nadir an azimuth says little."""

WEAK_AZIMUTH_RAD = np.radians(0.5)
"""Above this sigma across the line of sight an azimuth says little."""


class PowerBound(NamedTuple):
    """Standard deviations at a place, with the covariance that they come from.

    All from the inverse of I = sum_k (i_k/N) dA_k dA_k^T + grad h grad h^T / sigma_h^2; NaN where
    that is singular. i_k is 1 for a coherent receiver, less for another noise.

    gamma_rad, beta_rad: angle off nadir and azimuth; beta is infinite at nadir.
    range_m, height_m, distance_m, timing_s: slant range, height, horizontal distance, range / c.
    position_m: root of the trace of the position covariance.
    covariance: of (u, v, ln d).
    covariance_m2: of the position in antenna axes (x, y, nadir).
    information: of (u, v, ln d).
    condition: bound on the condition number of the information with unit diagonal.
    azimuth_is_weak: gamma < 0.5 deg, or sin(gamma) sigma_beta > 0.5 deg.
    """

    gamma_rad: Float[Array, "*batch"]
    beta_rad: Float[Array, "*batch"]
    range_m: Float[Array, "*batch"]
    height_m: Float[Array, "*batch"]
    distance_m: Float[Array, "*batch"]
    timing_s: Float[Array, "*batch"]
    position_m: Float[Array, "*batch"]
    covariance: Float[Array, "*batch 3 3"]
    covariance_m2: Float[Array, "*batch 3 3"]
    information: Float[Array, "*batch 3 3"]
    condition: Float[Array, "*batch"]
    azimuth_is_weak: Bool[Array, "*batch"]


def power_bound(
    scene: PowerScene,
    gamma_rad: Number,
    beta_rad: Number,
    range_m: Number,
    prior: HeightPrior = NO_PRIOR,
    *,
    transmitted: Bool[Array, " beam"] | Bool[np.ndarray, " beam"] | None = None,
    sigma_cal_db: Number = 0.0,
    noise: AbstractNoise | None = None,
) -> PowerBound:
    """Bound of one user at a place.

    Args:
        prior: on the height.
        transmitted: False marks beams that are not sent.
        sigma_cal_db: standard deviation of each beam's EIRP, independent.
        noise: of A / sqrt(N); default `Coherent()`, `NonCoherent()` for a receiver that does not
            know the phase.
    """
    mask = jnp.ones(scene.antenna.num_beams, bool) if transmitted is None else transmitted
    numbers = jax.tree.map(jnp.asarray, (gamma_rad, beta_rad, range_m, prior, mask, sigma_cal_db))
    return _bound(scene, jax.tree.map(jnp.asarray, _known(noise)), *numbers)


@eqx.filter_jit
def _bound(scene: PowerScene, noise, gamma, beta, range_m, prior, mask, sigma_cal_db) -> PowerBound:
    at, log_range = cosines(gamma, beta), jnp.log(range_m)
    information = information_at(scene, prior, mask, sigma_cal_db, at.u, at.v, log_range, noise)
    return bound_of_information(scene, information, at.u, at.v, log_range)


def information_at(
    scene: PowerScene,
    prior: HeightPrior,
    mask: Bool[Array, " beam"],
    sigma_cal_db: Number,
    u: Number,
    v: Number,
    log_range: Number,
    noise: AbstractNoise | None = None,
) -> Float[Array, "3 3"]:
    """Fisher information about (u, v, ln d).

    An EIRP known to sigma_cal [dB] only adds (A sigma_cal ln(10)/20)^2 to the variance 1/i of A.
    """
    found = amplitudes(scene, u, v, log_range)
    spread = 0.5 / DB_PER_NEPER * sigma_cal_db * found.amplitude
    root = _known(noise).whiten(jnp.ones_like(found.amplitude), found.amplitude)
    weight = jnp.where(mask, root / jnp.sqrt(1.0 + (root * spread) ** 2), 0.0)
    columns = [jnp.where(mask, weight * column, 0.0) for column in found[1:]]
    known = height_row(scene.shell, prior, u, v, log_range).row
    return gram_of_columns(columns) + gram_of_columns([entry[None] for entry in known])


def _known(noise: AbstractNoise | None) -> AbstractNoise:
    return Coherent() if noise is None else noise


def bound_of_information(
    scene: PowerScene, information: Float[Array, "3 3"], u: Number, v: Number, log_range: Number
) -> PowerBound:
    """Standard deviations from an information about (u, v, ln d), by the gradients at a place."""
    covariance, _ = inverse_spd(information)
    gradient = _gradients(scene, u, v, log_range)
    # One sum over products: a batch compiles many times faster than with a product per row.
    spread = gradient[:, None, :, None] * covariance[None, None] * gradient[None, :, None, :]
    of_all = jnp.sum(spread, axis=(2, 3))
    gamma, across, height, distance, *_ = jnp.sqrt(jnp.diag(of_all))
    covariance_m2 = of_all[4:, 4:]
    rho, d = jnp.sqrt(u * u + v * v), jnp.exp(log_range)
    beta = jnp.where(rho == 0.0, jnp.inf, across / jnp.where(rho == 0.0, 1.0, rho))
    range_m = d * jnp.sqrt(covariance[2, 2])
    return PowerBound(
        gamma,
        beta,
        range_m,
        height,
        distance,
        range_m / SPEED_OF_LIGHT_MPS,
        jnp.sqrt(jnp.trace(covariance_m2)),
        covariance,
        covariance_m2,
        information,
        _condition(information, covariance),
        (jnp.arcsin(rho) < NADIR_RAD) | (across > WEAK_AZIMUTH_RAD),
    )


def _gradients(scene: PowerScene, u, v, log_range) -> Float[Array, "7 3"]:
    """Derivatives by (u, v, ln d): gamma, direction across, height, distance, x, y, nadir."""
    d, zero = jnp.exp(log_range), jnp.zeros(())
    rho, cosine = jnp.sqrt(u * u + v * v), jnp.sqrt(1.0 - u * u - v * v)
    at_nadir = rho == 0.0
    safe = jnp.where(at_nadir, 1.0, rho)
    cos_beta, sin_beta = jnp.where(at_nadir, 1.0, u / safe), jnp.where(at_nadir, 0.0, v / safe)
    by_gamma = (cos_beta / cosine, sin_beta / cosine)
    of_x = place_gradient(scene.shell, jnp.arcsin(rho), d).distance
    rows = [
        (*by_gamma, zero),
        (-sin_beta, cos_beta, zero),
        height_gradient(scene.shell, u, v, log_range)[1:],
        (of_x[0] * by_gamma[0], of_x[0] * by_gamma[1], of_x[1] * d),
        (d, zero, d * u),
        (zero, d, d * v),
        (-d * u / cosine, -d * v / cosine, d * cosine),
    ]
    return jnp.stack([jnp.stack(row) for row in rows])


def _condition(information, covariance) -> Float[Array, ""]:
    """Frobenius norms of a unit-diagonal matrix and its inverse: no LAPACK call in a batch."""
    diagonal = jnp.diag(information)
    scale = diagonal[:, None] * diagonal[None, :]
    return jnp.sqrt(jnp.sum(information**2 / scale) * jnp.sum(covariance**2 * scale))
