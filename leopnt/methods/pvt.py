"""Position and clock from pseudoranges, one epoch, one receiver or a batch."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
from jaxtyping import Array, Bool, Float

from leopnt.inference.batch import DEFAULT_TILE, batch_map
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

    rx_pos_ecef_m: Float[Array, "*batch 3"] = parameter(scale=1e3, unit="m")
    clock_bias_m: Float[Array, "*batch"] = parameter(scale=1e3, unit="m")


class PvtLink(eqx.Module):
    """One satellite as seen by the code.

    Attributes:
        sat_pos_ecef_m: at transmission, ECEF axes of that epoch.
        sat_clock_bias_m: c times (satellite clock minus system time).
        sigma_m: standard deviation of the pseudorange.
    """

    sat_pos_ecef_m: Float[Array, "*link 3"]
    sat_clock_bias_m: Float[Array, "*link"]
    sigma_m: Float[Array, "*link"]


def predict_link(theta: PvtTheta, shared: None, link: PvtLink) -> Float[Array, ""]:
    """Pseudorange [m] of one link, Earth rotation in flight included; see `observables`."""
    return pseudorange(
        link.sat_pos_ecef_m, theta.rx_pos_ecef_m, theta.clock_bias_m, link.sat_clock_bias_m
    )


def link_noise(shared: None, link: PvtLink) -> Gaussian:
    """Independent Gaussian noise with the link's own sigma."""
    return Gaussian(link.sigma_m)


MODEL = Model(predict_link, link_noise)
"""The pseudorange model: simulate, estimate and bound with it."""

FREE = ("rx_pos_ecef_m", "clock_bias_m")


def _fix_one(start: PvtTheta, data: Data, solver: AbstractSolver) -> Estimate:
    return solve(MODEL, start, data, FREE, solver=solver)


def fix_batch(
    links: PvtLink,
    pseudoranges_m: Float[Array, "batch sat"],
    start: PvtTheta,
    *,
    visible: Bool[Array, "batch sat"] | None = None,
    solver: AbstractSolver | None = None,
    tile: int = DEFAULT_TILE,
    threads: int | None = None,
) -> Estimate:
    """Position and clock of many receivers, covariance included.

    Args:
        links: arrays (batch, sat, ...).
        pseudoranges_m: measured.
        start: starting values (batch, ...); within 1000 km is enough for Gauss-Newton. Without any
            idea use `inference.bancroft` first: the Earth's center is no start for LEO geometry.
        visible: False marks empty slots of a padded satellite axis.
        solver: default `GaussNewton()`.

    Returns:
        an `Estimate` whose arrays carry a leading batch axis (NumPy).
    """
    data = Data(links, pseudoranges_m, visible)
    return batch_map(
        _fix_one, start, data, shared=solver or GaussNewton(), tile=tile, threads=threads
    )


def fix(
    links: PvtLink,
    pseudoranges_m: Float[Array, " sat"],
    start: PvtTheta,
    *,
    visible: Bool[Array, " sat"] | None = None,
    free: Sequence[str] = FREE,
    solver: AbstractSolver | None = None,
) -> Estimate:
    """Position and clock of one receiver; arguments as `fix_batch` without the batch axis.

    Args:
        free: fields to estimate; the others stay as in `start` (a clock known from elsewhere).
    """
    return solve(MODEL, start, Data(links, pseudoranges_m, visible), free, solver=solver)


__all__ = [
    "FREE",
    "MODEL",
    "PvtLink",
    "PvtTheta",
    "fix",
    "fix_batch",
    "link_noise",
    "predict_link",
]
