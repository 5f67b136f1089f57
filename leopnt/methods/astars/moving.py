"""A receiver in motion, its clock and the surfaces, from phases and Dopplers of several epochs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.consistency import ChiSquare, chi_square
from leopnt.inference.fisher import Information, fisher_information
from leopnt.inference.least_squares import AbstractSolver, Estimate, LevenbergMarquardt, solve
from leopnt.inference.model import Data, predict, with_array_floats
from leopnt.inference.parameters import Unknowns
from leopnt.inference.priors import AbstractPrior, prior_rows
from leopnt.inference.status import Status
from leopnt.methods.astars.batches import TILE, over_batch
from leopnt.methods.astars.inputs import broadcast, common_shape
from leopnt.methods.astars.joint_model import Knowledge
from leopnt.methods.astars.moving_model import (
    MOVING_PHASES,
    MovingKnowledge,
    MovingLink,
    MovingRows,
    MovingTheta,
    predict_moving,
)
from leopnt.methods.astars.status import AstarsStatus

FREE_AT_REST = ("surface_pos_ecef_m", "rx_pos_ecef_m", "clock_bias_m", "clock_drift_mps")
"""Unknowns of a receiver that does not move."""

FREE_IN_MOTION = (*FREE_AT_REST, "rx_vel_ecef_mps")
"""Unknowns of one that does."""

CLOSEST_START_M = 1.0
"""A start that is put in front of its surface is at least this far from it."""

WIDEST_START_COS = 0.5
"""A start more than 60 degrees off a measured direction is put onto one."""

CLOSEST_END_M = 0.1
"""Nearer to a surface than this there is no last leg: an end there was stopped by the surface."""

_TAILS = (1, 2, 2, 2, 1, 1, 1, 2, 1, 2, 1, 0, 0, 2, 1, 1, 0, 0)
"""Axes of the arrays of rows, knowledge and start without a batch."""


class MovingFix(eqx.Module):
    """Surfaces, receiver, velocity and clock. NaN where the status is not ok.

    Attributes:
        theta: estimated, and fields that were held.
        covariance: (param, param) of the free fields in their order, SI.
        square_sum: squared residuals over their variances, knowledge and priors included.
        dof: equations minus unknowns. Empty slots count for nothing, nor does what is known of
            nothing but held fields.
        estimate: what the engine returns, good or not.
        status: `AstarsStatus[fix.status]` is the sentence.
    """

    theta: MovingTheta
    covariance: Float[Array | np.ndarray, "*batch param param"]
    square_sum: Float[Array | np.ndarray, "*batch"]
    dof: Int[Array | np.ndarray, "*batch"]
    estimate: Estimate
    status: AstarsStatus

    def sigma_of(self, name: str) -> Float[Array | np.ndarray, "*batch size"]:
        """Standard deviations of a free field's components, SI."""
        at = self.estimate.unknowns.indices(name)
        return jnp.sqrt(jnp.asarray(self.covariance)[..., at, at])

    def chi_square(self) -> ChiSquare:
        """Do the residuals fit their sigmas? Of one fix, not of a batch."""
        if np.ndim(self.dof):
            raise LeopntError("chi_square: one fix at a time; this is a batch.")
        return chi_square(float(self.square_sum), int(self.dof))


def moving_fix(
    rows: MovingRows,
    known: Knowledge,
    start: MovingTheta,
    free: Sequence[str],
    *,
    priors: Sequence[AbstractPrior] = (),
    solver: AbstractSolver | None = None,
    tile: int = TILE,
    threads: int | None = None,
) -> MovingFix:
    """Everything in one weighted least squares, as `joint_fix`, over several epochs.

    Phases and Dopplers of surfaces alone never tell a receiver across the last leg: what `known`
    tells of its direction, several surfaces or direct satellites do.

    Args:
        rows: see `moving_rows`, `phase_rows`, `doppler_rows`, `joined_rows`; of one receiver or a
            batch.
        known: of time 0, see `knowledge`.
        start: within some ten meters; fields that are not free hold their values. A receiver that
            starts behind a surface, or beside it, starts as far along the measured direction.
        free: `FREE_AT_REST`, `FREE_IN_MOTION` or other fields of `MovingTheta`.
        priors: knowledge besides, such as `GaussianPrior("clock_drift_mps", 0.0, 0.01)` for a
            receiver on network frequency; the same for a whole batch.
        solver: default Levenberg-Marquardt.
        tile, threads: as `inference.batch_map`.

    Status: `weak_geometry` means that the rows and what is known do not determine all that is free.
    `no_last_leg` means that the receiver ended where no signal can have come from: behind a surface
    whose direction is known, within 0.1 m of a surface, or where the ranges less the clock leave
    nothing for the last leg. Network time that is late by more than the flight time does that. One
    that is late by less moves the receiver without a sign, unless something is redundant: see
    `MovingFix.chi_square`.

    Raises:
        LeopntError: numbers of surfaces that differ, fields that there are not, batches that do
            not fit together.
    """
    _check_surfaces(rows, known, start)
    names = (free,) if isinstance(free, str) else tuple(free)
    batch = common_shape(
        rows=np.shape(rows.observed)[:-1],
        known=np.shape(known.clock_bias_s),
        start=np.shape(start.clock_bias_m),
    )
    leaves, tree = jax.tree.flatten((rows, known, start, with_array_floats(tuple(priors))))
    tails = (*_TAILS, *(np.ndim(leaf) for leaf in leaves[len(_TAILS) :]))
    flat = [_spread(leaf, batch, tail) for leaf, tail in zip(leaves, tails, strict=True)]
    kernel = _kernel_of(solver or LevenbergMarquardt(), names, tree)
    return over_batch(kernel, batch, *flat, tile=tile, threads=threads)


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
        theta: where everything is; one, not a batch.
        Others as `moving_fix`; directions are taken at their true values.
    """
    _check_surfaces(rows, known, theta)
    offset = jnp.asarray(theta.rx_pos_ecef_m)[None, :] - jnp.asarray(theta.surface_pos_ecef_m)
    unit = offset / jnp.sqrt(jnp.sum(offset**2, axis=1))[:, None]
    at_truth = MovingKnowledge(eqx.tree_at(lambda k: k.departure, known, unit))
    links, present = _harmless(rows)
    return fisher_information(
        MOVING_PHASES, theta, links, tuple(free), visible=present, priors=(at_truth, *priors)
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


@functools.lru_cache(maxsize=64)
def _kernel_of(solver: AbstractSolver, free: tuple[str, ...], tree) -> Callable[..., MovingFix]:
    """One kernel for each solver, choice of unknowns and kind of priors: compiled once."""
    return functools.partial(_flat_one, solver, free, tree)


def _flat_one(solver, free, tree, *leaves) -> MovingFix:
    rows, known, start, priors = jax.tree.unflatten(tree, leaves)
    return _fix_one(rows, known, start, priors, free, solver)


def _fix_one(rows: MovingRows, known: Knowledge, start: MovingTheta, priors, free, solver):
    """One problem, traceable."""
    links, present = _harmless(rows)
    if "rx_pos_ecef_m" in free:
        start = _in_front(start, known)
    unknowns, every = Unknowns.of(start, free), (MovingKnowledge(known), *priors)
    data = Data(links, jnp.asarray(rows.observed), present)
    found = solve(MOVING_PHASES, start, data, free, solver=solver, priors=every)
    theta = found.theta
    misfit = rows.observed - jax.vmap(predict_moving, (None, None, 0))(theta, None, links)
    square = jnp.sum(jnp.where(present, (misfit / links.sigma) ** 2, 0.0))
    num_rows = jnp.sum(present)
    for prior in every:
        # A row that no unknown enters is about held fields, or not known at all.
        counts = jnp.any(prior_rows(prior, unknowns, start)[1] != 0.0, axis=1)
        square += jnp.sum(jnp.where(counts, prior.residual(theta) ** 2, 0.0))
        num_rows += jnp.sum(counts)
    no_leg = _is_behind(theta, known) | _has_no_leg(theta, links, misfit, present)
    synced = jnp.isfinite(known.sigma_sync_s)
    status = _status(found.status, no_leg, synced, num_rows < unknowns.size)
    blank = jnp.where(status == AstarsStatus.ok, 1.0, jnp.nan)
    return MovingFix(
        jax.tree.map(lambda leaf: blank * leaf, theta),
        blank * found.covariance,
        blank * square,
        num_rows - unknowns.size,
        found,
        status,
    )


def _harmless(rows: MovingRows) -> tuple[MovingLink, Bool[Array, " link"]]:
    """Links with finite sigmas, and which of them count."""
    sigma = jnp.asarray(rows.links.sigma)
    present = jnp.isfinite(sigma)
    return eqx.tree_at(lambda k: k.sigma, rows.links, jnp.where(present, sigma, 1.0)), present


def _in_front(start: MovingTheta, known: Knowledge) -> MovingTheta:
    """A start far off a measured direction goes as far along one, in front of most surfaces."""
    surfaces, ahead = jnp.asarray(start.surface_pos_ecef_m), jnp.asarray(known.departure)
    pointed = jnp.isfinite(known.sigma_aod_rad)
    offset = jnp.asarray(start.rx_pos_ecef_m)[None, :] - surfaces
    reach = jnp.maximum(jnp.sqrt(jnp.sum(offset**2, axis=1)), CLOSEST_START_M)
    place = surfaces + reach[:, None] * ahead
    apart = place[:, None, :] - surfaces[None, :, :]
    front = (jnp.sum(apart * ahead[None, :, :], axis=2) > 0.0) & pointed[None, :]
    best = jnp.argmax(jnp.where(pointed, jnp.sum(front, axis=1), -1))
    off = jnp.any(pointed & (jnp.sum(offset * ahead, axis=1) < WIDEST_START_COS * reach))
    receiver = jnp.where(off, place[best], start.rx_pos_ecef_m)
    return eqx.tree_at(lambda t: t.rx_pos_ecef_m, start, receiver)


def _is_behind(theta: MovingTheta, known: Knowledge) -> Bool[Array, ""]:
    """The rows of a direction hold for its opposite, too: only the side tells them apart."""
    offset = jnp.asarray(theta.rx_pos_ecef_m)[None, :] - jnp.asarray(theta.surface_pos_ecef_m)
    ahead = jnp.sum(offset * jnp.asarray(known.departure), axis=1) > 0.0
    return jnp.any(jnp.isfinite(known.sigma_aod_rad) & ~ahead)


def _has_no_leg(theta: MovingTheta, links: MovingLink, misfit, present) -> Bool[Array, ""]:
    """The receiver is at a surface, or ranges less the clock leave nothing for the last leg."""
    via = jnp.asarray(links.via) * present[:, None]
    time = jnp.asarray(links.time_s)[:, None]
    place = (
        jnp.asarray(theta.rx_pos_ecef_m)[None, :]
        + time * jnp.asarray(theta.rx_vel_ecef_mps)[None, :]
    )
    offset = place - via @ jnp.asarray(theta.surface_pos_ecef_m)
    leg_m = jnp.sqrt(jnp.sum(offset**2, axis=1))
    at_surface = jnp.any((jnp.sum(via, axis=1) > 0.5) & (leg_m < CLOSEST_END_M))
    is_range = jnp.asarray(links.is_rate) < 0.5
    weight = jnp.where(is_range, 1.0 / links.sigma**2, 0.0)[:, None] * via
    told = jnp.sum(weight * jnp.where(is_range, leg_m + misfit, 0.0)[:, None], axis=0)
    return at_surface | jnp.any((jnp.sum(weight, axis=0) > 0.0) & (told <= 0.0))


def _status(ended: Status, no_leg, synced, few) -> AstarsStatus:
    converged = ended == Status.converged
    status = AstarsStatus.where(converged, AstarsStatus.ok, AstarsStatus.not_converged)
    status = AstarsStatus.where(no_leg, AstarsStatus.no_last_leg, status)
    # At a surface all geometry is weak: where network time leads there, it is to blame.
    weak = (ended == Status.unobservable) & ~(no_leg & synced)
    status = AstarsStatus.where(weak, AstarsStatus.weak_geometry, status)
    return AstarsStatus.where(few, AstarsStatus.too_few_satellites, status)


def _spread(leaf, batch: tuple[int, ...], tail: int) -> np.ndarray:
    found = np.asarray(leaf)
    shape = (*batch, *found.shape[found.ndim - tail :])
    return broadcast("rows, known, start or priors", found, shape)
