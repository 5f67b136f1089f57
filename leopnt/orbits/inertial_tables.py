"""Tabulated orbits at the own time of each link, fast: Lagrange interpolation in inertial axes.

    r(t) = R3(w t) sum_k l_k(t) R3(-w t_k) r_k          R3: into axes turned about z

The axes that do not turn agree with ECEF at t = 0; w is the rate of the Earth rotation angle.
Polar motion and precession stay in the nodes, where they are as smooth as the orbit. With 10 points
on a circular orbit 1000 km high the error is below 1 um at steps of 60 s, 1 um at 120 s, 0.06 mm at
180 s and 10 mm at 300 s.

`tabulated.interpolate` serves all satellites at common epochs; here each link has a satellite and a
time of its own. What a table does not reach is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.constants import EARTH_ROTATION_ERA_RADPS
from leopnt.errors import LeopntError
from leopnt.orbits.even_steps import EvenSteps, even_steps

NUM_POINTS = 10
_REACH_S = 1.0  # beyond the first and last node of an arc, for the time of flight


@dataclass(frozen=True, eq=False)
class InertialTable:
    """Nodes of orbits in axes that do not turn; made by `inertial_table`.

    Attributes:
        steps: times of the nodes, seconds from any origin.
        nodes: positions, and velocities where the table has them, in inertial axes.
        arc_first, arc_last: first and last node of the uninterrupted arc of each node; -1 where
            it is missing.
        num_points: of a polynomial.
    """

    steps: EvenSteps
    nodes: Float[np.ndarray, "sat node component"]
    arc_first: Int[np.ndarray, "sat node"]
    arc_last: Int[np.ndarray, "sat node"]
    num_points: int

    def states(
        self, satellite: Int[np.ndarray, " link"], t_s: Float[np.ndarray, " link"]
    ) -> tuple[Float[np.ndarray, "link 3"], Float[np.ndarray, "link 3"]]:
        """Position [m] and inertial velocity [m/s], both in ECEF axes of the time of the link."""
        place = self.steps.place(t_s)
        first, usable = self._windows(satellite, place)
        x = place - first
        value, rate = lagrange_weights(x, self.num_points)
        at = satellite * self.steps.count + first
        nodes = self.nodes.reshape(-1, self.nodes.shape[2])
        has_velocity = self.nodes.shape[2] == 6
        both, moving = np.zeros((len(x), nodes.shape[1])), np.zeros((len(x), nodes.shape[1]))
        for k in range(self.num_points):
            node = nodes[at + k]
            both += value[:, k, None] * node
            if not has_velocity:
                moving += rate[:, k, None] * node
        pos = both[:, :3]
        vel = both[:, 3:] if has_velocity else moving / self.steps.step_s
        pos, vel = (np.where(usable[:, None], one, np.nan) for one in (pos, vel))
        angle = EARTH_ROTATION_ERA_RADPS * t_s
        return turned_axes(pos, angle), turned_axes(vel, angle)

    def _windows(
        self, satellite: Int[np.ndarray, " link"], place: Float[np.ndarray, " link"]
    ) -> tuple[Int[np.ndarray, " link"], Bool[np.ndarray, " link"]]:
        """First node of the polynomial of each link, and whether its arc has one."""
        reach = _REACH_S / self.steps.step_s
        inside = (place >= -reach) & (place <= self.steps.count - 1 + reach)
        left = np.clip(np.floor(place), 0, self.steps.count - 2).astype(np.int64)
        begin, end = self.arc_first[satellite, left], self.arc_last[satellite, left]
        other = self.arc_first[satellite, left + 1]
        beyond_end = (place - left <= reach) & (begin >= 0)
        before_start = (left + 1 - place <= reach) & (other >= 0) & (begin != other)
        begin = np.where(before_start, other, begin)
        end = np.where(before_start, self.arc_last[satellite, left + 1], end)
        usable = inside & (begin >= 0) & ((begin == other) | beyond_end | before_start)
        usable &= end - begin + 1 >= self.num_points
        centered = np.floor(place - 0.5 * (self.num_points - 2)).astype(np.int64)
        first = np.clip(centered, begin, np.maximum(begin, end - self.num_points + 1))
        return np.where(usable, first, 0), usable


def inertial_table(
    nodes_s: Float[np.ndarray, " epoch"],
    pos_ecef_m: Float[np.ndarray, "sat epoch 3"],
    vel_ecef_mps: Float[np.ndarray, "sat epoch 3"] | None = None,
    *,
    starts_arc: Bool[np.ndarray, "sat epoch"] | None = None,
    num_points: int = NUM_POINTS,
    source: str = "nodes_s",
) -> InertialTable:
    """A table of nodes, ready to be interpolated.

    Args:
        nodes_s: increasing, in even steps some of which may be missing.
        pos_ecef_m: NaN where missing.
        vel_ecef_mps: relative to the Earth, of every position; None (or any missing) makes the
            velocity the derivative of the positions.
        starts_arc: a maneuver lies between the node before and this one.
        num_points: nodes of a polynomial.
        source: what messages call the table.

    Raises:
        LeopntError: uneven steps, fewer nodes than points.
    """
    steps, at = even_steps(nodes_s, source)
    if not 2 <= num_points <= 20 or steps.count < num_points:
        raise LeopntError(
            f"{source}: {steps.count} nodes for polynomials through {num_points}; expected 2 to 20 "
            "points, and a table of at least as many nodes."
        )
    shape = (len(pos_ecef_m), steps.count, 3)
    pos = np.full(shape, np.nan)
    pos[:, at] = pos_ecef_m
    starts = np.zeros(shape[:2], bool)
    if starts_arc is not None:
        starts[:, at] = starts_arc
    is_there = np.all(np.isfinite(pos), axis=2)
    arc_first, arc_last = _arcs(is_there, starts)
    angle = -EARTH_ROTATION_ERA_RADPS * np.broadcast_to(steps.times_s(), shape[:2])
    parts = [turned_axes(pos, angle)]
    if vel_ecef_mps is not None and np.all(np.isfinite(vel_ecef_mps) | np.isnan(pos_ecef_m)):
        vel = np.full(shape, np.nan)
        vel[:, at] = vel_ecef_mps
        vel[..., 0] -= EARTH_ROTATION_ERA_RADPS * pos[..., 1]
        vel[..., 1] += EARTH_ROTATION_ERA_RADPS * pos[..., 0]
        parts.append(turned_axes(vel, angle))
    nodes = np.where(is_there[:, :, None], np.concatenate(parts, axis=2), 0.0)
    return InertialTable(steps, nodes, arc_first, arc_last, num_points)


def turned_axes(
    vec: Float[np.ndarray, "*batch 3"], angle_rad: Float[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch 3"]:
    """Components in axes turned by an angle about z, the R3 of textbooks."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    x, y, z = vec[..., 0], vec[..., 1], vec[..., 2]
    return np.stack([cos * x + sin * y, cos * y - sin * x, z], axis=-1)


def lagrange_weights(
    x: Float[np.ndarray, " link"], num_points: int
) -> tuple[Float[np.ndarray, "link point"], Float[np.ndarray, "link point"]]:
    """Weights of nodes 0, 1, ... for the value and the derivative of their polynomial at x."""
    last = num_points - 1
    signs = (-1.0) ** (last - np.arange(num_points))
    divisor = np.array([factorial(k) * factorial(last - k) for k in range(num_points)]) * signs
    away = x[None, :] - np.arange(num_points)[:, None]
    before, after = np.ones_like(away), np.ones_like(away)
    before_rate, after_rate = np.zeros_like(away), np.zeros_like(away)
    for j in range(1, num_points):
        i = last - j
        before[j] = before[j - 1] * away[j - 1]
        before_rate[j] = before_rate[j - 1] * away[j - 1] + before[j - 1]
        after[i] = after[i + 1] * away[i + 1]
        after_rate[i] = after_rate[i + 1] * away[i + 1] + after[i + 1]
    rates = (before_rate * after + before * after_rate) / divisor[:, None]
    return (before * after / divisor[:, None]).T, rates.T


def _arcs(is_there: Bool[np.ndarray, "sat node"], starts: Bool[np.ndarray, "sat node"]):
    """First and last node of the arc of each node; -1 where there is none."""
    count = is_there.shape[1]
    number = np.broadcast_to(np.arange(count), is_there.shape)
    begins = is_there.copy()
    begins[:, 1:] &= ~is_there[:, :-1] | starts[:, 1:]
    ends = is_there.copy()
    ends[:, :-1] &= ~is_there[:, 1:] | starts[:, 1:]
    first = np.maximum.accumulate(np.where(begins, number, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, number, count)[:, ::-1], axis=1)[:, ::-1]
    return np.where(is_there, first, -1), np.where(is_there, last, -1)
