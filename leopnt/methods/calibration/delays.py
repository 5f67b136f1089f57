"""Delay of each satellite at each epoch, offsets and station unknowns held: step 3.

Of a satellite, with its ambiguities B of each station and arc:

    code - h.p - m z - t - b = d(t) + eps      phase - h.p - m z - t = d(t) + B + e

`smooth_delays` solves it in one batch; `filter_delays` by a forward-backward filter or by two
filters. All agree to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.kalman import (
    Filtered,
    LinearSteps,
    Smoothed,
    kalman_filter,
    rts_smoother,
    two_filter_smoother,
)
from leopnt.inference.tridiagonal import solve_bordered_chain
from leopnt.methods.calibration.delay_models import DelayModel
from leopnt.methods.calibration.settings import CalibrationSettings, sigma_growth
from leopnt.methods.calibration.station_day import StationDay
from leopnt.methods.calibration.zenith_delay import mapping_factor, node_weights

AMBIGUITY_VARIANCE_M2 = 1e4
"""Of the prior about 0, which is why `delay_links` takes most of each ambiguity off."""

FREE_LEVEL_SIGMA_M = 1e4
"""Sigma of a level that says nothing: for delays of days that step 2 had its level from."""

_TILE = 16


class DelayLinks(NamedTuple):
    """Residual delays of one satellite, sorted by time; infinite variance where missing.

    arc: number of the ambiguity, of one station each.
    """

    t_s: Float[np.ndarray, " link"]
    station: Int[np.ndarray, " link"]
    arc: Int[np.ndarray, " link"]
    code_m: Float[np.ndarray, " link"]
    phase_m: Float[np.ndarray, " link"]
    code_variance_m2: Float[np.ndarray, " link"]
    phase_variance_m2: Float[np.ndarray, " link"]


class DelaySeries(NamedTuple):
    """Delay of one satellite over its epochs, formal sigma included."""

    t_s: Float[np.ndarray, " epoch"]
    delay_m: Float[np.ndarray, " epoch"]
    sigma_m: Float[np.ndarray, " epoch"]


def delay_links(
    day: StationDay,
    settings: CalibrationSettings,
    *,
    offset_m: Float[np.ndarray, "sat 3"],
    isb_m: float,
    clock_m: Float[np.ndarray, " epoch"],
    zenith_delay_m: Float[np.ndarray, " node"],
) -> list[DelayLinks]:
    """Residual delays of a station-day for each satellite, in the order of `offset_m`.

    Counters of phase start anywhere, the prior of an ambiguity is about 0: the mean phase of each
    arc less the satellite's mean code is taken off its phases, so that only centimetres to metres
    of ambiguity are left for every solver.

    Args:
        offset_m: of step 2; isb_m: of this station.
        clock_m, zenith_delay_m: of step 2 or of the reference system alone, as
            `estimate_station_day` gives them.

    Raises:
        LeopntError: clocks or nodes that do not fit the station-day.
    """
    nodes = node_weights(day.epoch_s, settings.ztd_spacing_s)
    if len(clock_m) != len(day.epoch_s) or len(zenith_delay_m) != nodes.num_nodes:
        raise LeopntError(
            f"clock_m has {len(clock_m)} epochs and zenith_delay_m {len(zenith_delay_m)} nodes; "
            f"expected {len(day.epoch_s)} and {nodes.num_nodes}."
        )
    leo, e = day.leo, day.leo.epoch
    held = np.nan_to_num(zenith_delay_m)
    interval = nodes.interval[e]
    zenith = nodes.left[e] * held[interval] + nodes.right[e] * held[interval + 1]
    known = np.sum(day.geometry.partials * offset_m[leo.satellite], axis=1) + clock_m[e]
    known = known + mapping_factor(leo.elevation_rad) * zenith
    growth = sigma_growth(leo.elevation_rad, settings.full_weight_el_rad) ** 2
    told = np.isfinite(known)
    code_growth, phase_growth = (
        growth if factor is None else growth / factor
        for factor in (leo.code_factor, leo.phase_factor)
    )
    code_variance = np.where(leo.has_code & told, code_growth * settings.code_sigma_m**2, np.inf)
    phase_sigma_m = settings.leo_phase_sigma_m
    phase_variance = np.where(leo.has_phase & told, phase_growth * phase_sigma_m**2, np.inf)
    known = np.where(told, known, 0.0)
    code = leo.code_m - known - isb_m
    mean = _means(leo.satellite, code, code_variance)[leo.satellite]
    phase = leo.phase_m - known
    phase = phase - _means(leo.arc, phase - mean, phase_variance)[leo.arc]
    station = np.full(len(e), day.station)
    table = (day.epoch_s[e], station, leo.arc, code, phase, code_variance, phase_variance)
    bounds = np.searchsorted(leo.satellite, np.arange(len(offset_m) + 1))
    return [DelayLinks(*(x[a:b] for x in table)) for a, b in pairwise(bounds)]


def _means(group, values, variance) -> Float[np.ndarray, " group"]:
    """Mean of each group; 0 where all is missing."""
    weight = 1.0 / variance
    total = np.bincount(group, weight)
    moment = np.bincount(group, np.where(weight > 0.0, weight * values, 0.0))
    return np.where(total > 0.0, moment / np.where(total > 0.0, total, 1.0), 0.0)


def joined_links(parts: Sequence[DelayLinks]) -> DelayLinks:
    """Links of one satellite to several stations, or of several days, by time; arcs renumbered."""
    arcs, first = [], 0
    for part in parts:
        _, number = np.unique(part.arc, return_inverse=True)
        arcs.append(first + number.reshape(-1))
        first += int(number.max(initial=-1)) + 1
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    columns[2] = np.concatenate(arcs)
    order = np.lexsort((columns[1], columns[0]))
    return DelayLinks(*(column[order] for column in columns))


def smooth_delays(
    links: DelayLinks, model: DelayModel, level_m: float, level_sigma_m: float
) -> DelaySeries:
    """Delays of one satellite by one bordered tridiagonal solution.

    Args:
        level_m, level_sigma_m: of step 2. Where these links were part of step 2 the level holds
            their code already: give `FREE_LEVEL_SIGMA_M`, or it counts twice.

    Raises:
        LeopntError: no link, or a level that is not finite.
    """
    t, epoch = _epochs(links, level_m, level_sigma_m)
    prior = model.prior(t, level_sigma_m)
    num_arcs = int(links.arc.max()) + 1
    code_w, phase_w = 1.0 / links.code_variance_m2, 1.0 / links.phase_variance_m2
    code, phase = links.code_m - level_m, links.phase_m - level_m
    diagonal = prior.diagonal + np.bincount(epoch, code_w + phase_w, len(t))
    vector = np.bincount(epoch, code_w * code + phase_w * phase, len(t))
    cross = np.zeros((len(t), num_arcs + (prior.shift is not None)))
    np.add.at(cross, (epoch, links.arc), phase_w)
    own = np.bincount(links.arc, phase_w, num_arcs) + 1.0 / AMBIGUITY_VARIANCE_M2
    border_vector = np.bincount(links.arc, phase_w * phase, num_arcs)
    if prior.shift is not None:
        cross[:, -1] = prior.shift[0]
        own = np.append(own, prior.shift[1])
        border_vector = np.append(border_vector, 0.0)
    found = solve_bordered_chain(
        diagonal, prior.off_diagonal, cross, np.diag(own), vector, border_vector
    )
    return DelaySeries(t, level_m + found.chain, np.sqrt(found.chain_variance))


@runtime_checkable
class Smoother(Protocol):
    """How the filter's results become those given all observations."""

    def smooth(self, steps: LinearSteps, filtered: Filtered) -> Smoothed:
        """Smooth one problem."""
        ...


@dataclass(frozen=True)
class ForwardBackward:
    """Rauch-Tung-Striebel."""

    def smooth(self, steps: LinearSteps, filtered: Filtered) -> Smoothed:
        """Backward over the filter's results."""
        return rts_smoother(steps, filtered)


@dataclass(frozen=True)
class TwoFilter:
    """A second filter runs backward; both are joined."""

    def smooth(self, steps: LinearSteps, filtered: Filtered) -> Smoothed:
        """Join with the information of later epochs."""
        return two_filter_smoother(steps, filtered)


def filter_delays(
    links: Sequence[DelayLinks],
    model: DelayModel,
    level_m: Float[np.ndarray, " sat"],
    level_sigma_m: Float[np.ndarray, " sat"],
    smoother: Smoother | None = None,
) -> list[DelaySeries]:
    """Delays of many satellites by a filter forward and a smoother, satellites side by side.

    States: those of the model and one ambiguity per station, which starts anew at each arc.

    Args:
        level_m, level_sigma_m: as for `smooth_delays`.
        smoother: default `ForwardBackward()`.
    """
    stations = np.unique(np.concatenate([one.station for one in links]))
    tables = [
        _steps(one, model, float(level), float(sigma), stations)
        for one, level, sigma in zip(links, level_m, level_sigma_m, strict=True)
    ]
    longest = max(64, 1 << (max(len(t) for t, _, _ in tables) - 1).bit_length())
    found = []
    for first in range(0, len(tables), _TILE):
        some = tables[first : first + _TILE]
        padded = [_padded(steps, longest) for _, steps, _ in some]
        stacked = LinearSteps(*(jnp.stack(column) for column in zip(*padded, strict=True)))
        sigmas = jnp.stack([jnp.asarray(sigma) for _, _, sigma in some])
        mean, variance = _kernel(stacked, sigmas, smoother or ForwardBackward(), len(stations))
        for i, (t, _, _) in enumerate(some):
            delay = level_m[first + i] + np.asarray(mean[i, : len(t)])
            found.append(DelaySeries(t, delay, np.sqrt(np.asarray(variance[i, : len(t)]))))
    return found


def _smoothed(stacked: LinearSteps, sigmas, smoother: Smoother, num_slots: int):
    def one(steps, sigma):
        before = kalman_filter(steps, jnp.zeros(len(sigma)), jnp.diag(sigma**2))
        after = smoother.smooth(steps, before)
        states = len(sigma) - num_slots
        variance = jnp.sum(after.covariance[:, :states, :states], axis=(1, 2))
        return jnp.sum(after.mean[:, :states], axis=1), variance

    return jax.vmap(one)(stacked, sigmas)


_kernel = jax.jit(_smoothed, static_argnums=(2, 3))


def _steps(links: DelayLinks, model: DelayModel, level_m, level_sigma_m, stations):
    """Steps of one satellite over its epochs; sigmas of the first states."""
    t, epoch = _epochs(links, level_m, level_sigma_m)
    states = model.states(t, level_sigma_m)
    own, slots = len(states.keep), len(stations)
    size, slot = own + slots, np.searchsorted(stations, links.station)
    keep, noise = np.ones((len(t), size)), np.zeros((len(t), size))
    keep[:, :own], noise[:, :own] = states.keep[None, :], states.step
    fresh = np.zeros(len(t) * slots, bool)
    _, first = np.unique(links.arc, return_index=True)
    fresh[epoch[first] * slots + slot[first]] = True
    fresh = fresh.reshape(len(t), slots)
    keep[:, own:][fresh] = 0.0
    noise[:, own:][fresh] = np.sqrt(AMBIGUITY_VARIANCE_M2)
    rows = np.zeros((len(t), slots, 2, size))
    observed, variance = np.zeros((len(t), slots, 2)), np.full((len(t), slots, 2), np.inf)
    rows[..., :own] = 1.0
    rows[:, np.arange(slots), 1, own + np.arange(slots)] = 1.0
    observed[epoch, slot, 0] = links.code_m - level_m
    observed[epoch, slot, 1] = links.phase_m - level_m
    variance[epoch, slot, 0] = links.code_variance_m2
    variance[epoch, slot, 1] = links.phase_variance_m2
    flat = (rows.reshape(len(t), -1, size), observed.reshape(len(t), -1))
    eye = np.eye(size)[None]
    steps = LinearSteps(  # pyright: ignore[reportArgumentType]
        *map(jnp.asarray, (keep[:, :, None] * eye, noise[:, :, None] * eye)),
        *map(jnp.asarray, (*flat, variance.reshape(len(t), -1))),
    )
    start = np.concatenate([states.sigma, np.full(slots, np.sqrt(AMBIGUITY_VARIANCE_M2))])
    return t, steps, start


def _padded(steps: LinearSteps, length: int) -> LinearSteps:
    """Steps after the last in which nothing moves and nothing is seen."""
    missing = length - steps.observed.shape[0]

    def more(x, value):
        width = [(0, missing)] + [(0, 0)] * (x.ndim - 1)
        return jnp.pad(x, width, constant_values=value)

    still = jnp.tile(jnp.eye(steps.transition.shape[-1])[None], (missing, 1, 1))
    return LinearSteps(
        jnp.concatenate([steps.transition, still]),
        more(steps.noise_root, 0.0),
        more(steps.rows, 0.0),
        more(steps.observed, 0.0),
        more(steps.variance, np.inf),
    )


def _epochs(links: DelayLinks, level_m, level_sigma_m):
    if not len(links.t_s):
        raise LeopntError("links: a satellite has none; expected one or more, leave it out.")
    if not (np.isfinite(level_m) and level_sigma_m > 0.0):
        raise LeopntError(
            f"level_m = {level_m}, level_sigma_m = {level_sigma_m}: expected a finite level with a "
            "sigma above 0, as step 2 gives."
        )
    t, epoch = np.unique(links.t_s, return_inverse=True)
    return t, epoch.reshape(-1)
