"""Position and clock from pseudoranges, one epoch, one receiver or a batch."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.geometry.light_time import rotate_earth
from leopnt.inference.batch import DEFAULT_TILE, batch_map
from leopnt.inference.closed_form import bancroft
from leopnt.inference.least_squares import AbstractSolver, Estimate, GaussNewton, solve
from leopnt.inference.model import Data, Model
from leopnt.inference.parameters import parameter
from leopnt.noise.gaussian import Gaussian
from leopnt.observables.pseudorange import pseudorange


class PvtTheta(eqx.Module):
    """Receiver position and clock.

    Attributes:
        rx_pos_ecef_m: receiver antenna, ECEF.
        clock_bias_m: c times (receiver clock minus system time); positive reads late.
    """

    rx_pos_ecef_m: Float[Array | np.ndarray, "*batch 3"] = parameter(scale=1e3, unit="m")
    clock_bias_m: Float[Array | np.ndarray, "*batch"] = parameter(scale=1e3, unit="m")


class PvtLink(eqx.Module):
    """One satellite as seen by the code.

    Attributes:
        sat_pos_ecef_m: at transmission, ECEF axes of that epoch.
        sat_clock_bias_m: c times (satellite clock minus system time).
        sigma_m: standard deviation of the pseudorange.
    """

    sat_pos_ecef_m: Float[Array | np.ndarray, "*link 3"]
    sat_clock_bias_m: Float[Array | np.ndarray, "*link"]
    sigma_m: Float[Array | np.ndarray, "*link"]


def predict_link(theta: PvtTheta, shared: None, link: PvtLink) -> Float[Array, ""]:
    """Pseudorange [m] of one link, Earth rotation in flight included; see `observables`."""
    return pseudorange(
        jnp.asarray(link.sat_pos_ecef_m),
        jnp.asarray(theta.rx_pos_ecef_m),
        jnp.asarray(theta.clock_bias_m),
        jnp.asarray(link.sat_clock_bias_m),
    )


def link_noise(shared: None, link: PvtLink) -> Gaussian:
    """Independent Gaussian noise with the link's own sigma."""
    return Gaussian(jnp.asarray(link.sigma_m))


MODEL = Model(predict_link, link_noise)
"""The pseudorange model: simulate, estimate and bound with it."""

FREE = ("rx_pos_ecef_m", "clock_bias_m")


def bancroft_start(data: Data) -> PvtTheta:
    """A start in closed form, from four or more pseudoranges of one receiver.

    Satellites are first turned by the Earth's rotation over the pseudorange's own time, which is
    right to 1 m for a clock error of 1 ms. NaN where the geometry is hopeless.
    """
    links = data.links
    corrected_m = jnp.asarray(data.observations) + links.sat_clock_bias_m
    turned = jax.vmap(rotate_earth)(links.sat_pos_ecef_m, corrected_m / SPEED_OF_LIGHT_MPS)
    roots = bancroft(turned, corrected_m, data.mask)
    return PvtTheta(roots.rx_pos_ecef_m[0], roots.clock_bias_m[0])


def fix_batch(
    links: PvtLink,
    pseudoranges_m: Float[Array | np.ndarray, "batch sat"],
    start: PvtTheta | None = None,
    *,
    visible: Bool[Array | np.ndarray, "batch sat"] | None = None,
    solver: AbstractSolver | None = None,
    tile: int = DEFAULT_TILE,
    threads: int | None = None,
) -> Estimate:
    """Position and clock of many receivers, covariance included.

    Args:
        links: arrays (batch, sat, ...).
        pseudoranges_m: measured.
        start: starting values (batch, ...); within 1000 km is enough for Gauss-Newton. Default: the
            closed form of `inference.bancroft` (the Earth's center is no start for LEO geometry).
        visible: False marks empty slots of a padded satellite axis.
        solver: default `GaussNewton()`.

    Returns:
        an `Estimate` whose arrays carry a leading batch axis (NumPy).
    """
    data, solver = Data(links, pseudoranges_m, visible), solver or GaussNewton()
    if start is None:
        return batch_map(_fix_cold, data, shared=solver, tile=tile, threads=threads)
    return batch_map(_fix_one, start, data, shared=solver, tile=tile, threads=threads)


def _fix_one(start: PvtTheta, data: Data, solver: AbstractSolver) -> Estimate:
    return solve(MODEL, start, data, FREE, solver=solver)


def _fix_cold(data: Data, solver: AbstractSolver) -> Estimate:
    return solve(MODEL, bancroft_start(data), data, FREE, solver=solver)


def fix(
    links: PvtLink,
    pseudoranges_m: Float[Array | np.ndarray, " sat"],
    start: PvtTheta | None = None,
    *,
    visible: Bool[Array | np.ndarray, " sat"] | None = None,
    free: Sequence[str] = FREE,
    solver: AbstractSolver | None = None,
) -> Estimate:
    """Position and clock of one receiver; arguments as `fix_batch` without the batch axis.

    Args:
        free: fields to estimate; the others stay as in `start` (a clock known from elsewhere).
    """
    data = Data(links, pseudoranges_m, visible)
    start = bancroft_start(data) if start is None else start
    return solve(MODEL, start, data, free, solver=solver)


__all__ = [
    "FREE",
    "MODEL",
    "PvtLink",
    "PvtTheta",
    "bancroft_start",
    "fix",
    "fix_batch",
    "link_noise",
    "predict_link",
]
