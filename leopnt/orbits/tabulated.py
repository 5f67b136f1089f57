"""Tabulated orbits and clocks: Lagrange interpolation that never crosses a gap.

The position polynomial through the nearest nodes is evaluated in ECEF; velocity is its
derivative, or is interpolated from velocity records where a file has them. (Turning the nodes to
the inertial axes
of the wanted epoch first, as is often done, changed nothing: 0.283 and 0.282 m on a LEO table of
180 s, the same 2 mm on GNSS tables of 300 s.) Clocks are linear between neighbors: satellite clock
noise is not smooth.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.eop import EopTable
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.frames.state import SatelliteState
from leopnt.orbits.earth_spin import inertial_velocity

NUM_POINTS = 11
_GAP = 1.5  # nodes farther apart than this many usual steps leave a gap between them


@dataclass(frozen=True, eq=False)
class TabulatedOrbits:
    """Positions, and where known velocities and clocks, at the nodes of a table; NaN is missing.

    Attributes:
        name: satellite ids.
        epoch: nodes, increasing, in any spacing.
        pos_ecef_m: centre of mass.
        vel_ecef_mps: relative to the Earth, all NaN if the table has none.
        clock_s: satellite clock minus system time.
        starts_arc: a maneuver lies between the node before and this one.
        starts_clock_arc: the clock jumped between the node before and this one.
    """

    name: tuple[str, ...]
    epoch: Epoch
    pos_ecef_m: Float[np.ndarray, "sat epoch 3"]
    vel_ecef_mps: Float[np.ndarray, "sat epoch 3"]
    clock_s: Float[np.ndarray, "sat epoch"]
    starts_arc: Bool[np.ndarray, "sat epoch"]
    starts_clock_arc: Bool[np.ndarray, "sat epoch"]

    def __post_init__(self):
        if len(self.epoch) < 2 or not np.all(self.epoch[1:] > self.epoch[:-1]):
            raise LeopntError(
                f"TabulatedOrbits: epoch must hold at least two increasing nodes, got {self.epoch}."
            )

    @property
    def nodes_s(self) -> Float[np.ndarray, " epoch"]:
        """Nodes in seconds since the first."""
        return self.epoch.since(self.epoch[0])


@dataclass(frozen=True, eq=False)
class InterpolatedStates:
    """States and clocks at epochs between the nodes; NaN where the table does not reach.

    Attributes:
        name, epoch: satellites and epochs, as asked for.
        state: arrays over (sat, epoch).
        clock_s: NaN where a neighbor is missing or the clock jumps, apart from `is_valid`.
        is_valid: the position is there.
        is_edge: the polynomial is not centered on the epoch, near the ends of an arc, where its
            error is many times that of the middle.
    """

    name: tuple[str, ...]
    epoch: Epoch
    state: SatelliteState
    clock_s: Float[np.ndarray, "sat epoch"]
    is_valid: Bool[np.ndarray, "sat epoch"]
    is_edge: Bool[np.ndarray, "sat epoch"]

    def require(self) -> SatelliteState:
        """The states if all are there, else an error naming the first satellite and epoch."""
        if not np.all(self.is_valid):
            sat, at = np.argwhere(~self.is_valid)[0]
            raise LeopntError(
                f"the table has no position of {self.name[sat]} at {self.epoch[at].to_iso()}, "
                "which lies in a gap, after a maneuver, or outside the table "
                f"({np.sum(~self.is_valid)} of {self.is_valid.size} states are missing)."
            )
        return self.state


def interpolate(
    table: TabulatedOrbits,
    epoch: Epoch,
    num_points: int = NUM_POINTS,
    eop: EopTable | None = None,
) -> InterpolatedStates:
    """States at epochs (epoch,); the velocity is the derivative of the position polynomial.

    Args:
        table: nodes.
        epoch: any times, in any order.
        num_points: nodes per polynomial. 9 to 11 suit GNSS, 11 to 13 a LEO every 180 s or less;
            see `leave_one_out` for what it means on a table.
        eop: for the inertial velocity.
    """
    return _interpolate(table, epoch, num_points, eop, table.pos_ecef_m, _derivative)


def interpolate_velocity_records(
    table: TabulatedOrbits,
    epoch: Epoch,
    num_points: int = NUM_POINTS,
    eop: EopTable | None = None,
) -> InterpolatedStates:
    """As `interpolate`, but the velocity is interpolated from the velocities of the table.

    Positions and velocities of a file need not agree: those of the predicted Stella orbit in the
    examples differ by 6 mm/s.

    Raises:
        LeopntError: a satellite has no velocities at all.
    """
    is_bare = np.all(np.isnan(table.vel_ecef_mps), axis=(1, 2))
    if np.any(is_bare):
        raise LeopntError(
            f"the table has no velocities of {table.name[int(np.argmax(is_bare))]}; expected V "
            "records, or use `interpolate`, which differentiates the positions."
        )
    nodes = np.concatenate([table.pos_ecef_m, table.vel_ecef_mps], axis=2)
    return _interpolate(table, epoch, num_points, eop, nodes, _recorded)


def leave_one_out(
    table: TabulatedOrbits, num_points: int = NUM_POINTS + 1
) -> Float[np.ndarray, "sat epoch"]:
    """Distance [m] of each node from the polynomial through its `num_points` neighbors.

    Half of them before, half after; NaN where they are not all there. The missing node doubles the
    step in the middle, so this bounds the error of interpolation between the nodes from above,
    by a factor of some 4 to 1000 where the table is smooth, and shows the noise of the table else.
    """
    if num_points < 2 or num_points % 2:
        raise LeopntError(f"leave_one_out: num_points must be even and positive, got {num_points}.")
    half, num_nodes = num_points // 2, len(table.epoch)
    error_m = np.full(table.pos_ecef_m.shape[:2], np.nan)
    center = np.arange(half, num_nodes - half)
    if not len(center):
        return error_m
    offset = np.concatenate([np.arange(-half, 0), np.arange(1, half + 1)])
    around = center[:, None] + offset
    weights, _ = _lagrange(table.nodes_s[around], table.nodes_s[center])
    for sat, run in enumerate(_runs(table)):
        left, right = run[center - half], run[center + half]
        found = np.einsum("ep,epi->ei", weights, table.pos_ecef_m[sat, around])
        miss_m = np.linalg.norm(found - table.pos_ecef_m[sat, center], axis=1)
        error_m[sat, center] = np.where((left == right) & (left >= 0), miss_m, np.nan)
    return error_m


def _derivative(nodes, weights, rates):
    """Position and velocity from position nodes (epoch, point, 3)."""
    return np.einsum("ep,epi->ei", weights, nodes), np.einsum("ep,epi->ei", rates, nodes)


def _recorded(nodes, weights, rates):
    """Position and velocity from nodes of both (epoch, point, 6)."""
    both = np.einsum("ep,epi->ei", weights, nodes)
    return both[:, :3], both[:, 3:]


def _interpolate(table, epoch: Epoch, num_points: int, eop, nodes, evaluate) -> InterpolatedStates:
    if not 2 <= num_points <= 20:
        raise LeopntError(f"interpolate: num_points must lie in 2..20, got {num_points}.")
    t_s = np.atleast_1d(epoch.since(table.epoch[0]))
    epoch = Epoch(np.atleast_1d(epoch.tai_s), np.atleast_1d(epoch.fraction_s))
    interval = np.clip(
        np.searchsorted(table.nodes_s, t_s, side="right") - 1, 0, len(table.epoch) - 2
    )
    shape = (len(table.name), len(t_s))
    pos, vel = np.full((*shape, 3), np.nan), np.full((*shape, 3), np.nan)
    is_edge = np.zeros(shape, dtype=bool)
    for sat, run in enumerate(_runs(table)):
        first, is_edge[sat], usable = _windows(table.nodes_s, run, t_s, interval, num_points)
        if np.any(usable):
            around = first[usable][:, None] + np.arange(num_points)
            weights, rates = _lagrange(table.nodes_s[around], t_s[usable])
            pos[sat, usable], vel[sat, usable] = evaluate(nodes[sat, around], weights, rates)
    return InterpolatedStates(
        name=table.name,
        epoch=epoch,
        state=SatelliteState(pos, vel, inertial_velocity(pos, vel, epoch, eop)),
        clock_s=_clocks(table, t_s, interval),
        is_valid=np.all(np.isfinite(pos), axis=2),
        is_edge=is_edge,
    )


def _runs(table: TabulatedOrbits) -> Int[np.ndarray, "sat epoch"]:
    """Number of the uninterrupted arc that each node belongs to; -1 where it is missing."""
    step_s = np.diff(table.nodes_s)
    after_gap = np.concatenate([[False], step_s > _GAP * np.median(step_s)])
    is_there = np.all(np.isfinite(table.pos_ecef_m), axis=2)
    after_missing = np.pad(~is_there[:, :-1], ((0, 0), (1, 0)))
    number = np.cumsum(after_gap | after_missing | table.starts_arc, axis=1)
    return np.where(is_there, number, -1)


def _windows(nodes_s, run, t_s, interval, num_points: int):
    """First node of each polynomial, whether it is off center, and whether it can be had."""
    left, right = run[interval], run[interval + 1]
    on_left, on_right = t_s == nodes_s[interval], t_s == nodes_s[interval + 1]
    mine = np.where(left == right, left, np.where(on_left, left, np.where(on_right, right, -1)))
    names, first_of, count_of = np.unique(run, return_index=True, return_counts=True)
    arc = np.searchsorted(names, mine)
    arc_first, arc_count = first_of[arc], count_of[arc]
    usable = (mine >= 0) & (arc_count >= num_points) & (t_s >= 0) & (t_s <= nodes_s[-1])
    is_later_half = 2 * t_s > nodes_s[interval] + nodes_s[interval + 1]
    is_odd = num_points % 2
    centered = interval + (is_odd * is_later_half) - (num_points - 1) // 2
    first = np.clip(centered, arc_first, np.maximum(arc_first, arc_first + arc_count - num_points))
    return first, (first != centered) & usable, usable


def _lagrange(nodes_s: Float[np.ndarray, "epoch point"], t_s: Float[np.ndarray, " epoch"]):
    """Weights of the nodes for the value and the derivative [1/s] of their polynomial at t."""
    scale_s = (nodes_s[:, -1:] - nodes_s[:, :1]) / nodes_s.shape[1]
    x = (t_s[:, None] - nodes_s) / scale_s
    num_points = x.shape[1]
    before, before_rate = np.ones_like(x), np.zeros_like(x)
    after, after_rate = np.ones_like(x), np.zeros_like(x)
    for j in range(1, num_points):
        i = num_points - 1 - j
        before[:, j] = before[:, j - 1] * x[:, j - 1]
        before_rate[:, j] = before_rate[:, j - 1] * x[:, j - 1] + before[:, j - 1]
        after[:, i] = after[:, i + 1] * x[:, i + 1]
        after_rate[:, i] = after_rate[:, i + 1] * x[:, i + 1] + after[:, i + 1]
    apart = (nodes_s[:, :, None] - nodes_s[:, None, :]) / scale_s[:, :, None]
    divisor = np.prod(apart + np.eye(num_points), axis=2)
    weights = before * after / divisor
    return weights, (before_rate * after + before * after_rate) / (divisor * scale_s)


def _clocks(table: TabulatedOrbits, t_s, interval) -> Float[np.ndarray, "sat epoch"]:
    """Clocks linear between neighbors; at a node its own value even if the neighbor is missing."""
    start_s, end_s = table.nodes_s[interval], table.nodes_s[interval + 1]
    weight = (t_s - start_s) / (end_s - start_s)
    left, right = table.clock_s[:, interval], table.clock_s[:, interval + 1]
    is_cut = (end_s - start_s > _GAP * np.median(np.diff(table.nodes_s))) | (
        table.starts_clock_arc[:, interval + 1]
    )
    between = np.where(is_cut | (weight < 0) | (weight > 1), np.nan, left + weight * (right - left))
    return np.where(weight == 0, left, np.where(weight == 1, right, between))
