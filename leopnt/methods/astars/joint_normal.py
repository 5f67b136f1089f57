"""Normal equations of the joint estimator in closed form, a few sums for each surface.

All satellites of one surface share its last leg. With e_i the unit vector from satellite i to the
surface and u the one from the surface to the receiver, their rows are

    d L_i / d(S, U, clock) = (e_i - u, u, 1)

so that sums of w, w e, w e e^T and of the misclosures times w and w e hold all that they tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.inference.linearize import Normal
from leopnt.methods.astars.joint_model import (
    AstarsTheta,
    Knowledge,
    RelayedPhases,
    transverse_axes,
)

Scalar = Float[Array, ""]
XYZ = range(3)


class _Totals:
    """Information and gradient, entry by entry; `add` sums up."""

    def __init__(self, size: int):
        zero = jnp.zeros(())
        self.entry = {(i, j): zero for i in range(size) for j in range(i, size)}
        self.slope = [zero] * size
        self.cost = zero
        self.size = size

    def add(self, i: int, j: int, value: Scalar) -> None:
        """Add to entry (i, j) of the information, and so to (j, i)."""
        place = (min(i, j), max(i, j))
        self.entry[place] = self.entry[place] + value

    def pull(self, i: int, value: Scalar) -> None:
        """Add to entry i of the gradient."""
        self.slope[i] = self.slope[i] + value

    def normal(self) -> Normal:
        """As arrays."""
        order = range(self.size)
        rows = [jnp.stack([self.entry[min(i, j), max(i, j)] for j in order]) for i in order]
        return Normal(jnp.stack(rows), jnp.stack(self.slope), self.cost)


class _Group(NamedTuple):
    """Sums over satellites: w, w e, w e e^T (upper entries), w z and w e z; z the misclosure."""

    weight: Scalar
    first: list[Scalar]
    second: dict[tuple[int, int], Scalar]
    miss: Scalar
    first_miss: list[Scalar]

    def square(self, i: int, j: int) -> Scalar:
        return self.second[min(i, j), max(i, j)]


class _Leg(NamedTuple):
    """Last leg of a surface: its length and its unit vector, surface to receiver."""

    length_m: Scalar
    unit: list[Scalar]


def relayed_normal(phases: RelayedPhases, known: Knowledge) -> Callable[[AstarsTheta], Normal]:
    """Theta -> normal equations in (surfaces, receiver, clock) [m] of phases and knowledge.

    Equal to `inference.linearize.normal_equations` of `RELAYED_PHASES` with `known` as its prior.
    """
    via, sigma = jnp.asarray(phases.links.via), jnp.asarray(phases.links.sigma_m)
    weight, constant = 1.0 / sigma**2, _constant(sigma)
    axes = [transverse_axes(jnp.asarray(known.departure)[k]) for k in range(via.shape[1])]

    def normal(theta: AstarsTheta) -> Normal:
        legs = [_leg(theta, k) for k in range(via.shape[1])]
        totals = _Totals(3 * len(legs) + 4)
        totals.cost = constant
        _add_phases(totals, phases, theta, weight, legs)
        _add_survey(totals, known, theta)
        for k, leg in enumerate(legs):
            _add_direction(totals, k, leg, axes[k], jnp.asarray(known.sigma_aod_rad)[k])
        _add_clock(totals, known, theta)
        return totals.normal()

    return normal


def moved(theta: AstarsTheta, step: Float[Array, " param"]) -> AstarsTheta:
    """Theta after a step in (surfaces, receiver, clock)."""
    surfaces = jnp.asarray(theta.surface_pos_ecef_m)
    return AstarsTheta(
        surfaces + step[:-4].reshape(surfaces.shape),
        theta.rx_pos_ecef_m + step[-4:-1],
        theta.clock_bias_m + step[-1],
    )


def _constant(sigma: Float[Array, " link"]) -> Scalar:
    """What the negative log-likelihood of Gaussian noise holds besides the squares."""
    each = jnp.log(sigma) + 0.5 * jnp.log(2.0 * jnp.pi)
    return jnp.sum(jnp.where(jnp.isfinite(sigma), each, 0.0))


def square_sum(cost: Scalar, sigma: Float[Array, " link"]) -> Scalar:
    """Squared whitened residuals, knowledge included, from the cost of a `Normal`."""
    return 2.0 * (cost - _constant(sigma))


def _leg(theta: AstarsTheta, k: int) -> _Leg:
    surfaces, receiver = jnp.asarray(theta.surface_pos_ecef_m), jnp.asarray(theta.rx_pos_ecef_m)
    offset = [receiver[j] - surfaces[k, j] for j in XYZ]
    length = jnp.sqrt(sum(x * x for x in offset))
    return _Leg(length, [x / length for x in offset])


def _add_phases(totals: _Totals, phases: RelayedPhases, theta, weight, legs: list[_Leg]) -> None:
    links, via = phases.links, jnp.asarray(phases.links.via)
    surfaces, receiver = jnp.asarray(theta.surface_pos_ecef_m), jnp.asarray(theta.rx_pos_ecef_m)
    direct = 1.0 - jnp.sum(via, axis=1)
    satellites, ranges = jnp.asarray(links.sat_pos_ecef_m), jnp.asarray(phases.range_m)
    groups = [(via[:, k], surfaces[k]) for k in range(len(legs))] + [(direct, receiver)]
    # The point that the satellite's ray meets first.
    ray = [sum(share * at[j] for share, at in groups) - satellites[:, j] for j in XYZ]
    length = jnp.sqrt(sum(x * x for x in ray))
    unit = [x / length for x in ray]
    last = sum(via[:, k] * leg.length_m for k, leg in enumerate(legs))
    miss = ranges - length - (last + theta.clock_bias_m)
    totals.cost = totals.cost + 0.5 * jnp.sum(weight * miss * miss)
    for k, leg in enumerate(legs):
        _add_relayed(totals, k, leg, _group(weight * via[:, k], unit, miss))
    _add_direct(totals, _group(weight * direct, unit, miss))


def _group(weight, unit, miss) -> _Group:
    first = [weight * x for x in unit]
    return _Group(
        jnp.sum(weight),
        [jnp.sum(x) for x in first],
        {(i, j): jnp.sum(first[i] * unit[j]) for i in XYZ for j in range(i, 3)},
        jnp.sum(weight * miss),
        [jnp.sum(x * miss) for x in first],
    )


def _add_relayed(totals: _Totals, k: int, leg: _Leg, group: _Group) -> None:
    rx, clock, u, w = totals.size - 4, totals.size - 1, leg.unit, group.weight
    across = [group.first[i] - w * u[i] for i in XYZ]
    for i in XYZ:
        for j in range(i, 3):
            of_surface = group.square(i, j) - group.first[i] * u[j] - u[i] * across[j]
            totals.add(3 * k + i, 3 * k + j, of_surface)
            totals.add(rx + i, rx + j, w * u[i] * u[j])
        for j in XYZ:
            totals.add(3 * k + i, rx + j, across[i] * u[j])
        totals.add(3 * k + i, clock, across[i])
        totals.add(rx + i, clock, w * u[i])
        totals.pull(3 * k + i, group.first_miss[i] - group.miss * u[i])
        totals.pull(rx + i, group.miss * u[i])
    totals.add(clock, clock, w)
    totals.pull(clock, group.miss)


def _add_direct(totals: _Totals, group: _Group) -> None:
    rx, clock = totals.size - 4, totals.size - 1
    for i in XYZ:
        for j in range(i, 3):
            totals.add(rx + i, rx + j, group.square(i, j))
        totals.add(rx + i, clock, group.first[i])
        totals.pull(rx + i, group.first_miss[i])
    totals.add(clock, clock, group.weight)
    totals.pull(clock, group.miss)


def _add_survey(totals: _Totals, known: Knowledge, theta: AstarsTheta) -> None:
    weight = 1.0 / jnp.asarray(known.sigma_survey_m) ** 2
    off = jnp.asarray(theta.surface_pos_ecef_m) - known.surface_pos_ecef_m
    for k in range(off.shape[0]):
        for i in XYZ:
            totals.add(3 * k + i, 3 * k + i, weight[k])
            totals.pull(3 * k + i, -weight[k] * off[k, i])
            totals.cost = totals.cost + 0.5 * weight[k] * off[k, i] ** 2


def _add_direction(totals: _Totals, k: int, leg: _Leg, axes, sigma) -> None:
    """Rows (t - (t . u) u) / (r sigma) of the receiver, and minus that of the surface."""
    rx, weight = totals.size - 4, 1.0 / sigma**2
    for axis in axes:
        misfit = sum(axis[i] * leg.unit[i] for i in XYZ)
        row = [(axis[i] - misfit * leg.unit[i]) / leg.length_m for i in XYZ]
        for i in XYZ:
            for j in range(i, 3):
                share = weight * row[i] * row[j]
                totals.add(rx + i, rx + j, share)
                totals.add(3 * k + i, 3 * k + j, share)
            for j in XYZ:
                totals.add(3 * k + i, rx + j, -weight * row[i] * row[j])
            totals.pull(rx + i, -weight * misfit * row[i])
            totals.pull(3 * k + i, weight * misfit * row[i])
        totals.cost = totals.cost + 0.5 * weight * misfit * misfit


def _add_clock(totals: _Totals, known: Knowledge, theta: AstarsTheta) -> None:
    clock = totals.size - 1
    weight = 1.0 / (SPEED_OF_LIGHT_MPS * jnp.asarray(known.sigma_sync_s)) ** 2
    off = theta.clock_bias_m - SPEED_OF_LIGHT_MPS * known.clock_bias_s
    totals.add(clock, clock, weight)
    totals.pull(clock, -weight * off)
    totals.cost = totals.cost + 0.5 * weight * off * off
