"""Surfaces, receiver and clock in one weighted least squares, and how well that can work."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.inference.consistency import ChiSquare, chi_square
from leopnt.inference.fisher import Information, fisher_information
from leopnt.inference.least_squares import (
    AbstractSolver,
    End,
    Estimate,
    GaussNewton,
    LevenbergMarquardt,
    Problem,
    estimate_at,
)
from leopnt.inference.model import predict
from leopnt.inference.parameters import Unknowns
from leopnt.inference.status import Status
from leopnt.methods.astars.batches import TILE, over_batch
from leopnt.methods.astars.inputs import broadcast, check_positions, common_shape
from leopnt.methods.astars.joint_model import (
    RELAYED_PHASES,
    UNKNOWNS_OF_RECEIVER,
    AstarsTheta,
    Knowledge,
    RelayedPhases,
    RelayLink,
    numbers_about_receiver,
)
from leopnt.methods.astars.joint_normal import moved, relayed_normal, square_sum
from leopnt.methods.astars.joint_twin import twin_of
from leopnt.methods.astars.status import AstarsStatus, has_position
from leopnt.methods.astars.surface_fix import surface_fix_one

FREE = ("surface_pos_ecef_m", "rx_pos_ecef_m", "clock_bias_m")
CLOSEST_START_M = 1.0
"""A start is at least this far from its surface."""

LIKELY_LEG_M = 50.0
"""Last leg of a start where nothing tells it."""

SAME_PLACE_M = 0.01
"""Two ends nearer than this are one."""

TELLING_COST = 8.0
"""A place whose cost (half a chi-square) is higher by this is ruled out: e^-8 as likely."""


class JointFix(eqx.Module):
    """A receiver, its clock and the surfaces. NaN where the status is neither ok nor `ambiguous`.

    Attributes:
        rx_pos_ecef_m, surface_pos_ecef_m, clock_bias_s: estimated.
        covariance_m2: (3, 3) of the receiver, ECEF.
        square_sum: squared residuals over their variances, knowledge included.
        dof: equations (known ones included) minus unknowns.
        estimate: what the engine returns, with the covariance of all unknowns.
        status: `AstarsStatus[fix.status]` is the sentence.
        other_pos_ecef_m: where the status is `ambiguous`, the second place that fits; else NaN.
    """

    rx_pos_ecef_m: Float[Array | np.ndarray, "*batch 3"]
    surface_pos_ecef_m: Float[Array | np.ndarray, "*batch surface 3"]
    clock_bias_s: Float[Array | np.ndarray, "*batch"]
    covariance_m2: Float[Array | np.ndarray, "*batch 3 3"]
    square_sum: Float[Array | np.ndarray, "*batch"]
    dof: Int[Array | np.ndarray, "*batch"]
    estimate: Estimate
    status: AstarsStatus
    other_pos_ecef_m: Float[Array | np.ndarray, "*batch 3"]

    def chi_square(self) -> ChiSquare:
        """Do the residuals fit their sigmas? Of one fix, not of a batch."""
        if np.ndim(self.dof):
            raise LeopntError("chi_square: one fix at a time; this is a batch.")
        return chi_square(float(self.square_sum), int(self.dof))


def joint_fix(
    phases: RelayedPhases,
    known: Knowledge,
    start_ecef_m: Float[ArrayLike, "*#batch 3"] | None = None,
    *,
    solver: AbstractSolver | None = None,
    tile: int = TILE,
    threads: int | None = None,
) -> JointFix:
    """Everything at once: phases, directions, network time and survey, each with its sigma.

        minimize  sum_i (L_i - |s_i - S| - |U - S| + c T_u)^2 / sigma_i^2
                  + sum (t_1 . v)^2 / s_aod^2 + (t_2 . v)^2 / s_aod^2     v = (U - S) / |U - S|
                  + (T_u - network)^2 / s_sync^2 + sum |S - survey|^2 / s_survey^2

    over S, U and T_u; t_1, t_2 across the measured direction. Without a survey, and with one
    surface, this is the two-step chain again: nothing is redundant.

    Args:
        phases: of one receiver or a batch, see `relayed_phases`.
        known: see `knowledge`.
        start_ecef_m: near the receiver; needed where no direction is known.
        solver: default Gauss-Newton with a direction, Levenberg-Marquardt from `start_ecef_m`.

    A surface that is not surveyed needs four satellites of its own, or a start and a direction. A
    surveyed one needs one. A surface that relays nothing does no harm. Where no direction is known,
    spheres around surfaces may meet in two places: the fix is then the one near the start, its
    status `ambiguous`, and `other_pos_ecef_m` the second one.

    Raises:
        LeopntError: numbers of surfaces differ; no start and no direction.
    """
    surfaces = known.surface_pos_ecef_m.shape[-2]
    if phases.links.via.shape[-1] != surfaces:
        raise LeopntError(
            f"known: tells of {surfaces} surfaces, the phases of {phases.links.via.shape[-1]}."
        )
    batch = _batch(phases, known)
    if start_ecef_m is None:
        if not np.all(np.any(np.isfinite(known.sigma_aod_rad), axis=-1)):
            raise LeopntError("start_ecef_m: needed where no direction to the receiver is known.")
        place = np.full((*batch, 3), np.nan)
    else:
        place = check_positions("start_ecef_m", start_ecef_m)
        batch = common_shape(phases=batch, start_ecef_m=place.shape[:-1])
        place = np.broadcast_to(place, (*batch, 3))
    if solver is None:
        solver = GaussNewton() if start_ecef_m is None else LevenbergMarquardt()
    flat = [_spread(leaf, batch, tail) for leaf, tail in _leaves(phases, known)]
    surveyed = np.all(np.isfinite(known.sigma_survey_m))
    pointed = np.all(np.any(np.isfinite(known.sigma_aod_rad), axis=-1))
    starts = _surveyed_surfaces if surveyed else _found_surfaces
    kernel = _kernel_of(solver, starts, _one_place if pointed else _two_places)
    return over_batch(kernel, batch, *flat, place, tile=tile, threads=threads)


def joint_bound(
    phases: RelayedPhases,
    theta: AstarsTheta,
    known: Knowledge,
    free: Sequence[str] = FREE,
) -> Information:
    """Fisher information about surfaces, receiver and clock: `.crb("rx_pos_ecef_m")` bounds U.

    Args:
        phases: the satellites and their sigmas; the measured ranges do not matter.
        theta: where everything is.
        known: its sigmas count; directions are taken at their true values.
        free: what is not known exactly.

    For one epoch, not a batch.
    """
    surfaces = jnp.asarray(theta.surface_pos_ecef_m)
    offset = jnp.asarray(theta.rx_pos_ecef_m)[None, :] - surfaces
    unit = offset / jnp.sqrt(jnp.sum(offset**2, axis=1))[:, None]
    at_truth = eqx.tree_at(lambda k: k.departure, known, unit)
    return fisher_information(RELAYED_PHASES, theta, phases.links, free, priors=(at_truth,))


def joint_ranges(phases: RelayedPhases, theta: AstarsTheta) -> Float[Array, " link"]:
    """Noise-free ranges of all satellites of one epoch."""
    return predict(RELAYED_PHASES, theta, phases.links)


def joint_fix_one(
    phases: RelayedPhases,
    known: Knowledge,
    place: Float[Array, "3"],
    solver: AbstractSolver,
) -> JointFix:
    """`joint_fix` of one epoch, unchecked and traceable; a NaN place means none is given.

    Does not look for a second place.
    """
    return _solved(phases, known, place, solver, _found_surfaces, _one_place)


def surveyed_fix_one(
    phases: RelayedPhases,
    known: Knowledge,
    place: Float[Array, "3"],
    solver: AbstractSolver,
) -> JointFix:
    """`joint_fix_one` where all surfaces are surveyed: cheaper, and compiled sooner."""
    return _solved(phases, known, place, solver, _surveyed_surfaces, _one_place)


class _Places(NamedTuple):
    """Where the solver ended, and where else it may: NaN if nowhere."""

    end: End
    other: Float[Array, "3"]


def _one_place(end: End, again, phases: RelayedPhases, known: Knowledge) -> _Places:
    """Do not look for another place."""
    return _Places(end, jnp.full(3, jnp.nan))


def _two_places(end: End, again, phases: RelayedPhases, known: Knowledge) -> _Places:
    """Try the other root of the quadratic, take the better, and keep the other if it fits, too."""
    twin, exists = twin_of(end.values, phases, known)
    second = again(twin, exists)
    distance = jnp.sqrt(jnp.sum((second.values.rx_pos_ecef_m - end.values.rx_pos_ecef_m) ** 2))
    differs = exists & (second.status == Status.converged) & (distance > SAME_PLACE_M)
    gain = end.normal.cost - second.normal.cost
    better = differs & ((gain > TELLING_COST) | (end.status != Status.converged))
    fits = differs & (jnp.abs(gain) <= TELLING_COST) & (end.status == Status.converged)
    best = jax.tree.map(lambda a, b: jnp.where(better, b, a), end, second)
    return _Places(best, jnp.where(fits, second.values.rx_pos_ecef_m, jnp.nan))


def _solved(
    phases: RelayedPhases, known: Knowledge, place, solver, find_surfaces, find_places
) -> JointFix:
    known, dark = _without_dark(phases, known)
    surfaces, can_start = find_surfaces(phases, known, place)
    start, leg_m = _start(phases, known, place, surfaces)
    unknowns = Unknowns.of(start, FREE)
    problem = Problem(relayed_normal(phases, known), moved)
    num_rows = jnp.sum(jnp.isfinite(phases.links.sigma_m)) + _num_known(known)
    enough = num_rows >= unknowns.size
    first = solver.run(problem, start, enough)
    again = functools.partial(_again, solver, problem)
    end, other = find_places(first, again, phases, known)
    found, theta = estimate_at(end, end.values, unknowns), end.values
    offset = theta.rx_pos_ecef_m[None, :] - theta.surface_pos_ecef_m
    ahead = jnp.sum(offset * known.departure, axis=1) > 0.0
    no_leg = (leg_m <= 0.0) & (found.status != Status.converged)
    wrong_side = jnp.any(jnp.isfinite(known.sigma_aod_rad) & ~ahead) | no_leg
    hidden = sum(numbers_about_receiver(phases, known)) < UNKNOWNS_OF_RECEIVER
    two = jnp.all(jnp.isfinite(other))
    status = _status(found.status, wrong_side, can_start, hidden, two)
    blank = jnp.where(has_position(status), 1.0, jnp.nan)
    return JointFix(
        blank * theta.rx_pos_ecef_m,
        blank * jnp.where(dark[:, None], jnp.nan, theta.surface_pos_ecef_m),
        blank * theta.clock_bias_m / SPEED_OF_LIGHT_MPS,
        blank * found.covariance_of("rx_pos_ecef_m"),
        blank * square_sum(found.cost, jnp.asarray(phases.links.sigma_m)),
        num_rows - unknowns.size,
        found,
        status,
        jnp.where(status == AstarsStatus.ambiguous, other, jnp.nan),
    )


def _again(solver: AbstractSolver, problem: Problem, start: AstarsTheta, wanted) -> End:
    return solver.run(problem, start, wanted)


def _without_dark(phases: RelayedPhases, known: Knowledge) -> tuple[Knowledge, Array]:
    """Pin surfaces that relay nothing and are not surveyed: they tell nothing, and cannot be told.

    Their three equations make up for their three unknowns.
    """
    used = jnp.sum(_present(phases)[:, None] * phases.links.via, axis=0) > 0.5
    dark = ~used & ~jnp.isfinite(known.sigma_survey_m)
    pinned = eqx.tree_at(
        lambda k: (k.sigma_survey_m, k.sigma_aod_rad),
        known,
        (
            jnp.where(dark, 1.0, known.sigma_survey_m),
            jnp.where(dark, jnp.inf, known.sigma_aod_rad),
        ),
    )
    return pinned, dark


def _found_surfaces(phases: RelayedPhases, known: Knowledge, place) -> tuple[Array, Array]:
    """Start of each surface, by survey or else LS-1; whether all have one.

    Where LS-1 cannot and the receiver's start is given, a surface starts as far from it as a last
    leg may be, against the measured direction.
    """
    links, ranges = phases.links, jnp.asarray(phases.range_m)
    satellites, ones = jnp.asarray(links.sat_pos_ecef_m), jnp.ones_like(ranges)
    there, given = jnp.isfinite(links.sigma_m), jnp.all(jnp.isfinite(place))

    def one(via, sigma_survey_m, survey, departure):
        alone = surface_fix_one(satellites, ranges, ones, (via > 0.5) & there)
        is_found, surveyed = alone.status == AstarsStatus.ok, jnp.isfinite(sigma_survey_m)
        guess = place - LIKELY_LEG_M * departure
        at = jnp.where(is_found, alone.surface_pos_ecef_m, guess)
        return jnp.where(surveyed, survey, at), surveyed | is_found | given

    of_surfaces = links.via.T, known.sigma_survey_m, known.surface_pos_ecef_m, known.departure
    surfaces, good = jax.vmap(one)(*map(jnp.asarray, of_surfaces))
    return surfaces, jnp.all(good)


def _surveyed_surfaces(phases: RelayedPhases, known: Knowledge, place) -> tuple[Array, Array]:
    """Start of each surface where all are surveyed."""
    return jnp.asarray(known.surface_pos_ecef_m), jnp.asarray(True)


def _start(phases: RelayedPhases, known: Knowledge, place, surface) -> tuple[AstarsTheta, Array]:
    """The receiver from a direction, or as given; and the last leg that network time leaves."""
    links = phases.links
    leg = jnp.stack([_mean_leg(phases, surface[k], k) for k in range(surface.shape[0])])
    used = jnp.sum(_present(phases)[:, None] * links.via, axis=0) > 0.5
    synced = jnp.isfinite(known.sigma_sync_s)
    bias_m = jnp.where(synced, SPEED_OF_LIGHT_MPS * known.clock_bias_s, 0.0)
    pointed = jnp.isfinite(known.sigma_aod_rad)
    k = jnp.argmax(pointed * (1 + used))
    told = synced & pointed[k] & used[k]
    left_m = jnp.where(told, leg[k] - bias_m, LIKELY_LEG_M)
    ahead = surface[k] + jnp.maximum(left_m, CLOSEST_START_M) * known.departure[k]
    is_behind = pointed[k] & (jnp.sum((place - surface[k]) * known.departure[k]) <= 0.0)
    given = jnp.all(jnp.isfinite(place)) & ~is_behind
    receiver = jnp.where(given, place, ahead)
    offset = jnp.sqrt(jnp.sum((receiver[None, :] - surface) ** 2, axis=1))
    clock = jnp.where(synced, bias_m, _clock(phases, receiver, jnp.where(used, leg - offset, 0.0)))
    # A surface that is not surveyed may still move; its last leg is no verdict yet.
    left_m = jnp.where(told & jnp.isfinite(known.sigma_survey_m[k]), left_m, LIKELY_LEG_M)
    return AstarsTheta(surface, receiver, clock), left_m


def _mean_leg(phases: RelayedPhases, surface, k: int) -> Float[Array, ""]:
    """Mean of range minus distance to the surface, over the satellites of surface k."""
    own = jnp.asarray(phases.links.via)[:, k] * _present(phases)
    satellites = jnp.asarray(phases.links.sat_pos_ecef_m)
    away = jnp.sqrt(sum((satellites[:, j] - surface[j]) ** 2 for j in range(3)))
    return jnp.sum(own * (phases.range_m - away)) / jnp.maximum(jnp.sum(own), 1.0)


def _clock(phases: RelayedPhases, receiver, rest) -> Float[Array, ""]:
    """Mean clock of all satellites with the receiver at its start."""
    via, present = phases.links.via, _present(phases)
    direct = jnp.sum(via, axis=1) < 0.5
    offset = phases.links.sat_pos_ecef_m - receiver[None, :]
    away = jnp.sqrt(jnp.sum(offset**2, axis=1))
    each = jnp.where(direct, phases.range_m - away, jnp.sum(via * rest[None, :], axis=1))
    return jnp.sum(present * each) / jnp.maximum(jnp.sum(present), 1.0)


def _present(phases: RelayedPhases) -> Float[Array, " link"]:
    """One for each slot with a satellite, zero for the others."""
    return jnp.isfinite(phases.links.sigma_m).astype(float)


def _num_known(known: Knowledge) -> Int[Array, ""]:
    survey = 3 * jnp.sum(jnp.isfinite(known.sigma_survey_m))
    aod = 2 * jnp.sum(jnp.isfinite(known.sigma_aod_rad))
    return survey + aod + jnp.isfinite(known.sigma_sync_s)


def _status(ended: Status, wrong_side, can_start, hidden, two) -> AstarsStatus:
    status = AstarsStatus.where(two, AstarsStatus.ambiguous, AstarsStatus.ok)
    status = AstarsStatus.where(ended == Status.converged, status, AstarsStatus.not_converged)
    few = ended == Status.too_few_measurements
    status = AstarsStatus.where(wrong_side, AstarsStatus.no_last_leg, status)
    weak = (ended == Status.unobservable) | ~can_start
    status = AstarsStatus.where(weak, AstarsStatus.weak_geometry, status)
    status = AstarsStatus.where(hidden, AstarsStatus.receiver_hidden, status)
    return AstarsStatus.where(few, AstarsStatus.too_few_satellites, status)


def _leaves(phases: RelayedPhases, known: Knowledge) -> list[tuple[np.ndarray, int]]:
    """Arrays in the order of the kernel, and how many axes each has without a batch."""
    links = phases.links
    arrays = [(links.sat_pos_ecef_m, 2), (links.via, 2), (links.sigma_m, 1), (phases.range_m, 1)]
    arrays += [(known.surface_pos_ecef_m, 2), (known.sigma_survey_m, 1), (known.departure, 2)]
    arrays += [(known.sigma_aod_rad, 1), (known.clock_bias_s, 0), (known.sigma_sync_s, 0)]
    return [(np.asarray(array), tail) for array, tail in arrays]


def _batch(phases: RelayedPhases, known: Knowledge) -> tuple[int, ...]:
    return common_shape(phases=phases.range_m.shape[:-1], known=known.clock_bias_s.shape)


def _spread(leaf: np.ndarray, batch: tuple[int, ...], tail: int) -> np.ndarray:
    shape = (*batch, *leaf.shape[leaf.ndim - tail :])
    return broadcast("phases or known", leaf, shape)


@functools.lru_cache(maxsize=64)
def _kernel_of(solver: AbstractSolver, find_surfaces, find_places):
    """One kernel for each solver and way to start, so that it is compiled once."""
    return functools.partial(_flat_one, solver, find_surfaces, find_places)


def _flat_one(
    solver: AbstractSolver, find_surfaces, find_places, sat, via, sigma, range_m, *rest
) -> JointFix:
    *about, place = rest
    phases, known = RelayedPhases(RelayLink(sat, via, sigma), range_m), Knowledge(*about)
    return _solved(phases, known, place, solver, find_surfaces, find_places)
