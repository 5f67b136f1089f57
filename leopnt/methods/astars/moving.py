"""A receiver in motion, its clock and the surfaces, from phases and Dopplers of several epochs."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.errors import LeopntError
from leopnt.inference.fisher import Information, fisher_information
from leopnt.inference.least_squares import AbstractSolver, Estimate, LevenbergMarquardt, solve
from leopnt.inference.model import Data, predict
from leopnt.inference.priors import AbstractPrior
from leopnt.methods.astars.joint_model import Knowledge
from leopnt.methods.astars.moving_model import (
    MOVING_PHASES,
    MovingKnowledge,
    MovingRows,
    MovingTheta,
)

FREE_AT_REST = ("surface_pos_ecef_m", "rx_pos_ecef_m", "clock_bias_m", "clock_drift_mps")
"""Unknowns of a receiver that does not move."""

FREE_IN_MOTION = (*FREE_AT_REST, "rx_vel_ecef_mps")
"""Unknowns of one that does."""


def moving_fix(
    rows: MovingRows,
    known: Knowledge,
    start: MovingTheta,
    free: Sequence[str],
    *,
    priors: Sequence[AbstractPrior] = (),
    solver: AbstractSolver | None = None,
) -> Estimate:
    """Everything in one weighted least squares, as `joint_fix`, over several epochs.

    Phases and Dopplers of surfaces alone never tell a receiver across the last leg: what `known`
    tells of its direction, several surfaces or direct satellites do.

    Args:
        rows: see `phase_rows`, `doppler_rows`, `joined_rows`.
        known: of time 0, see `knowledge`.
        start: within some ten meters; fields that are not free hold their values.
        free: `FREE_AT_REST`, `FREE_IN_MOTION` or other fields of `MovingTheta`.
        priors: knowledge besides, such as `GaussianPrior("clock_drift_mps", 0.0, 0.01)` for a
            receiver on network frequency.
        solver: default Levenberg-Marquardt.

    `Status[found.status]` is the sentence; `unobservable` means that the rows and what is known do
    not determine all that is free.

    Raises:
        LeopntError: numbers of surfaces that differ, fields that there are not.
    """
    _check_surfaces(rows, known, start)
    data = Data(rows.links, jnp.asarray(rows.observed))
    every = (MovingKnowledge(known), *priors)
    return solve(
        MOVING_PHASES, start, data, tuple(free), solver=solver or LevenbergMarquardt(), priors=every
    )


def moving_bound(
    rows: MovingRows,
    known: Knowledge,
    theta: MovingTheta,
    free: Sequence[str],
    *,
    priors: Sequence[AbstractPrior] = (),
) -> Information:
    """Fisher information: `.crb("rx_vel_ecef_mps")` bounds the velocity, and so on.

    Args:
        rows: satellites, times and sigmas; what was measured does not matter.
        theta: where everything is.
        Others as `moving_fix`; directions are taken at their true values.
    """
    _check_surfaces(rows, known, theta)
    offset = jnp.asarray(theta.rx_pos_ecef_m)[None, :] - jnp.asarray(theta.surface_pos_ecef_m)
    unit = offset / jnp.sqrt(jnp.sum(offset**2, axis=1))[:, None]
    at_truth = MovingKnowledge(eqx.tree_at(lambda k: k.departure, known, unit))
    return fisher_information(
        MOVING_PHASES, theta, rows.links, tuple(free), priors=(at_truth, *priors)
    )


def moving_observations(rows: MovingRows, theta: MovingTheta) -> Float[Array, " link"]:
    """Noise-free ranges [m] and range rates [m/s] in the order of the rows."""
    return predict(MOVING_PHASES, theta, rows.links)


def _check_surfaces(rows: MovingRows, known: Knowledge, theta: MovingTheta) -> None:
    found = {
        "rows": rows.links.via.shape[-1],
        "known": known.surface_pos_ecef_m.shape[-2],
        "theta": theta.surface_pos_ecef_m.shape[-2],
    }
    if len(set(found.values())) != 1:
        told = ", ".join(f"{name} {count}" for name, count in found.items())
        raise LeopntError(f"numbers of surfaces differ: {told}.")
