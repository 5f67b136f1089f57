"""Simulated Doppler logs from real element sets: arcs, clocks, aged ephemerides."""

from __future__ import annotations

import abc
import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from leopnt.constants import EARTH_ROTATION_RADPS
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.frames.geodetic import azel
from leopnt.geometry.light_time import flight_time
from leopnt.inference.model import Model
from leopnt.methods.doppler_fix.model import FIRST_ORDER
from leopnt.methods.doppler_fix.options import FixOptions
from leopnt.methods.doppler_fix.padding import bucket
from leopnt.methods.doppler_fix.result import predicted_hz
from leopnt.methods.doppler_fix.solve import problem
from leopnt.orbits.elements import MeanElements
from leopnt.orbits.kepler import advance
from leopnt.orbits.sgp4 import AnyAge, propagate
from leopnt.scenes.doppler_log import DopplerLog


@dataclasses.dataclass(frozen=True)
class ArcPlan:
    """How arcs are chosen at a place.

    Attributes:
        num_arcs: satellites observed.
        shortest_s, longest_s: length of an arc, uniform between the two but cut at the mask.
        step_s: interval of the measurements.
        window_s: time in which all arcs lie.
        mask_rad: lowest elevation.
    """

    num_arcs: int = 6
    shortest_s: float = 60.0
    longest_s: float = 600.0
    step_s: float = 1.0
    window_s: float = 1800.0
    mask_rad: float = np.radians(10.0)

    def __post_init__(self):
        if not 0 < self.shortest_s <= self.longest_s <= self.window_s:
            raise LeopntError(
                f"ArcPlan: shortest_s={self.shortest_s!r}, longest_s={self.longest_s!r}, "
                f"window_s={self.window_s!r}; accepted: 0 < shortest <= longest <= window."
            )


class Arc(eqx.Module):
    """One satellite observed without a break: index in the elements, start [s], length [s]."""

    sat: int
    start_s: float
    length_s: float


def choose_arcs(
    elevation_rad: Float[np.ndarray, "sat epoch"],
    coarse_s: Float[np.ndarray, " epoch"],
    plan: ArcPlan,
    rng: np.random.Generator,
) -> list[Arc]:
    """Random arcs of different satellites, each above the mask throughout.

    Raises:
        LeopntError: fewer satellites than `plan.num_arcs` stay up for `plan.shortest_s`.
    """
    runs = [
        (s, *run)
        for s in np.flatnonzero((elevation_rad >= plan.mask_rad).any(axis=1))
        for run in _runs(elevation_rad[s] >= plan.mask_rad, coarse_s, plan.shortest_s)
    ]
    rng.shuffle(runs)
    arcs: list[Arc] = []
    for sat, first_s, last_s in runs:
        if len(arcs) == plan.num_arcs:
            break
        if sat in {arc.sat for arc in arcs}:
            continue
        wanted_s = rng.uniform(plan.shortest_s, plan.longest_s)
        length_s = float(np.floor(min(wanted_s, last_s - first_s)))
        start_s = float(np.floor(rng.uniform(first_s, last_s - length_s)))
        arcs.append(Arc(int(sat), start_s, length_s))
    if len(arcs) < plan.num_arcs:
        raise LeopntError(
            f"num_arcs: only {len(arcs)} satellites stay above {np.degrees(plan.mask_rad):.0f} deg "
            f"for {plan.shortest_s:g} s within {plan.window_s:g} s; asked for {plan.num_arcs}."
        )
    return arcs


def _runs(up: Bool[np.ndarray, " epoch"], coarse_s, shortest_s: float):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], up.astype(int), [0]])))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        if coarse_s[stop - 1] - coarse_s[first] >= shortest_s:
            yield coarse_s[first], coarse_s[stop - 1]


def elevations(
    elements: MeanElements,
    start: Epoch,
    coarse_s: Float[np.ndarray, " epoch"],
    places_ecef_m: Float[np.ndarray, "place 3"],
) -> list[Float[np.ndarray, "sat epoch"]]:
    """Elevation [rad] of every satellite over every place; NaN where SGP4 fails."""
    states = propagate(elements, start + coarse_s, age_gate=AnyAge()).state.pos_ecef_m
    kernel = jax.jit(jax.vmap(jax.vmap(lambda s, r: azel(s, r)[1], (0, None)), (0, None)))
    return [np.asarray(kernel(states, place)) for place in places_ecef_m]


def log_of_arcs(
    elements: MeanElements,
    start: Epoch,
    arcs: list[Arc],
    rx_pos_ecef_m: Float[np.ndarray, "3"],
    carrier_hz: float,
    step_s: float = 1.0,
) -> DopplerLog:
    """A log without measurements yet (Doppler zero): times and satellite states of the arcs.

    Transmission times lie on the step grid; the reception time is one flight time later, exact
    for the given receiver position.
    """
    parts = [_arc_states(elements, start, arc, step_s) for arc in arcs]
    time_s = np.concatenate([p[0] for p in parts])
    pos_m, vel_mps = (np.concatenate([p[k] for p in parts]) for k in (1, 2))
    sat_index = np.repeat(np.arange(len(arcs)), [len(p[0]) for p in parts])
    time_s = time_s + _flight_times(pos_m, rx_pos_ecef_m)
    order = np.argsort(time_s, kind="stable")
    ages_s = np.abs(start.since(elements.epoch[np.array([arc.sat for arc in arcs])]))
    return DopplerLog(
        time_s=time_s[order],
        satellites=tuple(elements.label(arc.sat) for arc in arcs),
        sat_index=sat_index[order],
        doppler_hz=np.zeros(len(order)),
        sat_pos_ecef_m=pos_m[order],
        sat_vel_ecef_mps=vel_mps[order],
        carrier_hz=np.full(len(order), float(carrier_hz)),
        reference_epoch=start,
        ephemeris_age_s=np.asarray(ages_s, float),
        source="simulation",
    )


def _flight_times(sat_pos_ecef_m, rx_pos_ecef_m) -> np.ndarray:
    count = len(sat_pos_ecef_m)
    missing = bucket(count, 64) - count
    filled = np.concatenate([sat_pos_ecef_m, np.repeat(sat_pos_ecef_m[-1:], missing, axis=0)])
    return np.asarray(_flight_kernel(filled, jnp.asarray(rx_pos_ecef_m)))[:count]


_flight_kernel = jax.jit(jax.vmap(flight_time, (0, None)))


def _arc_states(elements: MeanElements, start: Epoch, arc: Arc, step_s: float):
    time_s = arc.start_s + step_s * np.arange(int(arc.length_s / step_s) + 1)
    one = elements[arc.sat : arc.sat + 1]
    states = propagate(one, start + time_s, age_gate=AnyAge()).state
    return time_s, states.pos_ecef_m[0], states.vel_ecef_mps[0]


class AbstractClock(abc.ABC):
    """Frequency error that a receiver or satellite clock adds to every measurement."""

    @abc.abstractmethod
    def error_hz(self, log: DopplerLog, rng: np.random.Generator) -> Float[np.ndarray, " obs"]:
        """Draw the error of each measurement [Hz]."""


@dataclasses.dataclass(frozen=True)
class ReceiverClock(AbstractClock):
    """Offset and linear drift of the receiver's oscillator, at the log's carrier.

    error = offset + drift (t - mean t)
    """

    offset_hz: float = 0.0
    drift_hzps: float = 0.0

    def error_hz(self, log: DopplerLog, rng: np.random.Generator) -> Float[np.ndarray, " obs"]:
        return self.offset_hz + self.drift_hzps * (log.time_s - np.mean(log.time_s))


@dataclasses.dataclass(frozen=True)
class SteppedClock(AbstractClock):
    """A broadband satellite's clock, corrected in steps once a second and restless at times.

    Every second the clock may be set by a uniform step of up to `step_s`, with `step_probability`;
    a Doppler measured over that second is off by f_c step / 1 s. Time is cut into spells of
    `spell_s`; a share `jitter_share` of them has its noise raised by `jitter_hz`.

    Source: values like those measured on the downlink of a broadband constellation
    (Qin et al., Timing Properties of the Starlink Ku-Band Downlink, 2025).
    """

    step_s: float = 300e-9
    step_probability: float = 0.03
    spell_s: float = 15.0
    jitter_share: float = 0.15
    jitter_hz: float = 30.0

    def error_hz(self, log: DopplerLog, rng: np.random.Generator) -> Float[np.ndarray, " obs"]:
        stepped = rng.random(len(log.time_s)) < self.step_probability
        steps_s = np.where(stepped, rng.uniform(-self.step_s, self.step_s, len(stepped)), 0.0)
        spell = np.floor(log.time_s / self.spell_s).astype(int)
        num_spells = int(spell.max()) + 1
        restless = rng.random((len(log.satellites), num_spells)) < self.jitter_share
        jitter = rng.normal(0.0, self.jitter_hz, len(stepped)) * restless[log.sat_index, spell]
        return log.carrier_hz * steps_s + jitter


def measure(
    log: DopplerLog,
    rx_pos_ecef_m: Float[np.ndarray, "3"],
    sigma_hz: float,
    rng: np.random.Generator,
    *,
    rx_vel_ecef_mps: Float[np.ndarray, "3"] | None = None,
    clock: AbstractClock | None = None,
    model: Model = FIRST_ORDER,
) -> DopplerLog:
    """Fill a log with Doppler of a receiver: prediction, clock error, white noise."""
    if not sigma_hz >= 0:
        raise LeopntError(f"sigma_hz={sigma_hz!r}; accepted: zero or more, in Hz.")
    blank = dataclasses.replace(log, doppler_hz=np.zeros(len(log.time_s)), sigma_hz=None)
    theta, data, _ = problem(blank, FixOptions(model=model))
    theta = eqx.tree_at(lambda t: t.rx_pos_ecef_m, theta, jnp.asarray(rx_pos_ecef_m))
    if rx_vel_ecef_mps is not None:
        theta = eqx.tree_at(lambda t: t.rx_vel_ecef_mps, theta, jnp.asarray(rx_vel_ecef_mps))
    count = len(log.time_s)
    doppler_hz = predicted_hz(model, theta, data)[:count]
    if clock is not None:
        doppler_hz = doppler_hz + clock.error_hz(log, rng)
    doppler_hz = doppler_hz + rng.normal(0.0, 1.0, count) * sigma_hz
    sigma = np.full(count, float(sigma_hz)) if sigma_hz > 0 else None
    return dataclasses.replace(log, doppler_hz=doppler_hz, sigma_hz=sigma)


def aged(
    log: DopplerLog,
    along_track_m: Float[np.ndarray, " sat"],
    radial_m: Float[np.ndarray, " sat"],
    normal_m: Float[np.ndarray, " sat"],
    age_s: Float[np.ndarray, " sat"],
) -> DopplerLog:
    """The log as a user with old elements sees it: measurements kept, satellite states in error.

    The true satellite is `along_track_m` ahead of the returned state along its orbit, and displaced
    by `radial_m` outward and `normal_m` along the orbit normal.
    """
    pos_m, vel_mps = _aged_states(
        log.sat_pos_ecef_m,
        log.sat_vel_ecef_mps,
        *(np.asarray(x, float)[log.sat_index] for x in (along_track_m, radial_m, normal_m)),
    )
    return dataclasses.replace(
        log,
        sat_pos_ecef_m=np.asarray(pos_m),
        sat_vel_ecef_mps=np.asarray(vel_mps),
        ephemeris_age_s=np.asarray(age_s, float),
    )


@jax.jit
@jax.vmap
def _aged_states(pos_m, vel_ecef_mps, along_m, radial_m, normal_m):
    spin = jnp.array([0.0, 0.0, EARTH_ROTATION_RADPS])
    vel_mps = vel_ecef_mps + jnp.cross(spin, pos_m)
    up = pos_m / jnp.linalg.norm(pos_m)
    normal = jnp.cross(pos_m, vel_mps)
    normal = normal / jnp.linalg.norm(normal)
    undisplaced_m = pos_m - radial_m * up - normal_m * normal
    pos_m, vel_mps = advance(undisplaced_m, vel_mps, -along_m / jnp.linalg.norm(vel_mps))
    return pos_m, vel_mps - jnp.cross(spin, pos_m)
