"""Simulated station-days: the same numbers whatever the order of the jobs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from leopnt.antennas.phase_center import offset_range
from leopnt.constants import EARTH_ROTATION_ERA_RADPS, SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.methods.calibration.circular_orbits import CircularOrbits
from leopnt.methods.calibration.link_geometry import leo_partials, link_geometry, vertical
from leopnt.methods.calibration.product_errors import (
    NO_ERRORS,
    ProductErrors,
    clock_errors,
    error_phases,
    range_errors,
    white_clock,
)
from leopnt.methods.calibration.station_day import (
    LeoGeometry,
    Links,
    StationDay,
    arcs_of,
    leo_geometry,
    station_day,
)
from leopnt.methods.calibration.zenith_delay import mapping_factor

DAY_S = 86400.0
_STEP_S = 60.0
_MARGIN_RAD = float(np.radians(8.0))


@dataclass(frozen=True)
class Scene:
    """Satellites, stations and sampling of a simulation.

    Attributes:
        leo, reference: orbits.
        station_pos_ecef_m: antenna references.
        sampling_s: between epochs.
        mask_rad: lowest elevation.
    """

    leo: CircularOrbits
    reference: CircularOrbits
    station_pos_ecef_m: Float[np.ndarray, "station 3"]
    sampling_s: float = 30.0
    mask_rad: float = float(np.radians(10.0))

    def __post_init__(self):
        if not 0.0 < self.sampling_s <= 3600.0:
            raise LeopntError(f"sampling_s = {self.sampling_s!r}: expected above 0, to 3600 s.")

    def epochs_of(self, day: int) -> Float[np.ndarray, " epoch"]:
        """Epochs of a day [s] from t = 0."""
        return day * DAY_S + self.sampling_s * np.arange(int(np.ceil(DAY_S / self.sampling_s)))


@dataclass(frozen=True)
class DelaySwing:
    """A_d cos(2 pi t / T): how equipment delays of all satellites vary about their constant.

    Code and phase have it alike, as step 3 takes it; the constant itself is in code.

    Attributes:
        amplitude_m: A_d; 0 for constant delays.
        period_s: T.
    """

    amplitude_m: float = 0.0
    period_s: float = 43200.0

    def __post_init__(self):
        if not (self.amplitude_m >= 0.0 and self.period_s > 0.0):
            raise LeopntError(
                f"amplitude_m = {self.amplitude_m!r}, period_s = {self.period_s!r}: expected a "
                "length of 0 or more and a time above 0."
            )

    def at(self, t_s: Float[np.ndarray, " epoch"]) -> Float[np.ndarray, " epoch"]:
        """Delay less its constant [m]."""
        return self.amplitude_m * np.cos(2.0 * np.pi / self.period_s * t_s)


@dataclass(frozen=True)
class Truth:
    """What a simulation puts in: offsets, delays, biases [m], and how delays vary."""

    offset_m: Float[np.ndarray, "sat 3"]
    delay_m: Float[np.ndarray, " sat"]
    isb_m: Float[np.ndarray, " station"]
    swing: DelaySwing = DelaySwing()


@dataclass(frozen=True)
class SimulatedNoise:
    """White noise of ionosphere-free code and phase, walks of zenith delay and receiver clock.

    Attributes:
        code_m, phase_m: standard deviations at any elevation.
        zenith_walk_m_per_sqrt_h: of the zenith wet delay; its level is drawn for each day.
        clock_walk_m: of the receiver clock from epoch to epoch.
        wavelength_m: ambiguities are integer multiples of it.
        gross_share: of codes and of phases that have a gross error, drawn for each.
        gross_code_m, gross_phase_m: the largest gross errors, of either sign; the smallest are a
            quarter of it.
    """

    code_m: float = 0.3
    phase_m: float = 0.003
    zenith_walk_m_per_sqrt_h: float = 0.005
    zenith_level_m: float = 0.05
    clock_walk_m: float = 0.1
    wavelength_m: float = 0.107
    gross_share: float = 0.0
    gross_code_m: float = 20.0
    gross_phase_m: float = 0.5


QUIET = SimulatedNoise(0.0, 0.0, 0.0)
"""No noise, a constant zenith delay."""


class LocalTruth(NamedTuple):
    """Receiver clock and zenith delay of a station-day [m]."""

    clock_m: Float[np.ndarray, " epoch"]
    zenith_delay_m: Float[np.ndarray, " epoch"]


def draw_truth(seed: int, num_satellites: int, num_stations: int) -> Truth:
    """Offsets X, Y in +-0.3 m, Z in 0.3 to 1 m; delays of 30 to 300 ns; biases of 3 m (1 sigma).

    A satellite or station has the same values whatever the number of others.
    """
    sats = [np.random.default_rng([seed, 1, s]).uniform(size=4) for s in range(num_satellites)]
    biases = [np.random.default_rng([seed, 2, r]).normal() for r in range(num_stations)]
    u = np.stack(sats)
    offset = np.stack([0.6 * u[:, 0] - 0.3, 0.6 * u[:, 1] - 0.3, 0.3 + 0.7 * u[:, 2]], axis=1)
    delay = (30.0 + 270.0 * u[:, 3]) * 1e-9 * SPEED_OF_LIGHT_MPS
    return Truth(offset, delay, 3.0 * np.array(biases))


def simulate_station_day(
    scene: Scene,
    truth: Truth,
    station: int,
    day: int,
    seed: int,
    errors: ProductErrors = NO_ERRORS,
    noise: SimulatedNoise | None = None,
) -> StationDay:
    """Observed-minus-computed code and phase of one station and day.

    Geometric ranges, no light time; the offset enters exactly, not by its partials.
    """
    noise = noise or SimulatedNoise()
    t = scene.epochs_of(day)
    local = local_truth(scene, noise, station, day, seed)
    place = scene.station_pos_ecef_m[station]
    key = (seed, station, day)
    sat, epoch, _ = _visible(scene.leo, place, t, scene.mask_rad)
    pos, vel = scene.leo.states(sat, t[epoch])
    seen = link_geometry(pos, place)
    partials = leo_partials(seen.unit, pos, vel)
    angle = scene.leo.angle_rad(sat, t[epoch])
    geometry = leo_geometry(partials, seen.range_m, angle)
    common = _common(local, epoch, seen.elevation_rad)
    common += offset_range(seen.range_m, partials, truth.offset_m[sat])
    common += _product_errors(scene, errors, seed, day, sat, epoch, geometry, t)
    if truth.swing.amplitude_m > 0.0:
        common += truth.swing.at(t)[epoch]
    own = truth.delay_m[sat] + truth.isb_m[station]
    leo = _observed(key, 0, noise, sat, epoch, seen.elevation_rad, common, own)
    sat, epoch, pos = _visible(scene.reference, place, t, scene.mask_rad)
    elevation = link_geometry(pos, place).elevation_rad
    common = _common(local, epoch, elevation)
    reference = _observed(key, 1, noise, sat, epoch, elevation, common, np.zeros(len(sat)))
    return station_day(station, day, t, leo, geometry, reference)


def local_truth(
    scene: Scene, noise: SimulatedNoise, station: int, day: int, seed: int
) -> LocalTruth:
    """Receiver clock and zenith delay that `simulate_station_day` puts in."""
    rng = np.random.default_rng([seed, 3, station, day])
    count = len(scene.epochs_of(day))
    clock = rng.uniform(-50.0, 50.0) + noise.clock_walk_m * np.cumsum(rng.standard_normal(count))
    step = noise.zenith_walk_m_per_sqrt_h * np.sqrt(scene.sampling_s / 3600.0)
    level = noise.zenith_level_m * rng.standard_normal()
    return LocalTruth(clock, level + step * np.cumsum(rng.standard_normal(count)))


def true_clock_errors(
    scene: Scene, errors: ProductErrors, seed: int, day: int, satellite: int
) -> Float[np.ndarray, " epoch"]:
    """Error of the clock product of a satellite, which users of its delay get along with it."""
    t = scene.epochs_of(day)
    phases = error_phases(seed, scene.leo.num_satellites)
    angle = scene.leo.angle_rad(np.full(len(t), satellite), t)
    white = white_clock(errors, seed, day, satellite, len(t))
    return clock_errors(errors, phases, satellite, t, angle, white)


def _common(local: LocalTruth, epoch, elevation_rad):
    return local.clock_m[epoch] + mapping_factor(elevation_rad) * local.zenith_delay_m[epoch]


def _product_errors(
    scene: Scene, errors: ProductErrors, seed, day, sat, epoch, geometry: LeoGeometry, t
):
    if errors == NO_ERRORS:
        return np.zeros(len(sat))
    phases = error_phases(seed, scene.leo.num_satellites)
    found = range_errors(errors, phases, sat, t[epoch], geometry.orbit_angle_rad, geometry.partials)
    bounds = np.searchsorted(sat, np.arange(scene.leo.num_satellites + 1))
    for s in range(scene.leo.num_satellites):
        part = slice(bounds[s], bounds[s + 1])
        if part.start < part.stop:
            found[part] += white_clock(errors, seed, day, s, len(t))[epoch[part]]
    return found


def _observed(key, system: int, noise: SimulatedNoise, sat, epoch, elevation, common, own) -> Links:
    """Add noise and ambiguities, drawn for each satellite of a station-day by itself."""
    arc = arcs_of(sat, epoch, np.zeros(len(sat), bool))
    code, phase = common + own, common.copy()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(sat)) + 1, [len(sat)]])
    for first, stop in pairwise(starts):
        if first == stop:
            continue
        rng = np.random.default_rng([*key, 4 + system, int(sat[first])])
        draws = rng.standard_normal((2, stop - first))
        code[first:stop] += noise.code_m * draws[0]
        number = arc[first:stop] - arc[first]
        cycles = rng.integers(-100, 101, number[-1] + 1)
        phase[first:stop] += noise.phase_m * draws[1] + noise.wavelength_m * cycles[number]
        if noise.gross_share > 0.0:
            rng = np.random.default_rng([*key, 6 + system, int(sat[first])])
            gross = _gross_errors(rng, noise.gross_share, int(stop - first))
            code[first:stop] += noise.gross_code_m * gross[0]
            phase[first:stop] += noise.gross_phase_m * gross[1]
    every = np.ones(len(sat), bool)
    return Links(sat, epoch, code, phase, elevation, arc, every, every)


def _gross_errors(
    rng: np.random.Generator, share: float, number: int
) -> Float[np.ndarray, "2 link"]:
    """0 for most, else 1/4 to 1 with either sign: of code, of phase."""
    size = (2, number)
    there = rng.uniform(size=size) < share
    return np.where(there, rng.choice([-1.0, 1.0], size) * rng.uniform(0.25, 1.0, size), 0.0)


def _visible(
    orbits: CircularOrbits, station: Float[np.ndarray, "3"], t: np.ndarray, mask_rad: float
) -> tuple[Int[np.ndarray, " link"], Int[np.ndarray, " link"], Float[np.ndarray, "link 3"]]:
    """Links above the mask and satellite positions, by satellite: first coarsely, then exactly."""
    step = max(1, round(_STEP_S / (t[1] - t[0]))) if len(t) > 1 else 1
    coarse = np.append(np.arange(0, len(t), step), len(t) - 1)
    near = sine_elevations(orbits, station, t[coarse]) > np.sin(mask_rad - _MARGIN_RAD)
    wide = near.copy()
    wide[:, 1:] |= near[:, :-1]
    wide[:, :-1] |= near[:, 1:]
    sat, piece = np.nonzero(wide[:, :-1])
    if step > 1:
        epoch = (coarse[piece][:, None] + np.arange(step)[None, :]).ravel()
        sat = np.repeat(sat, step)
        sat, epoch = sat[epoch < len(t)], epoch[epoch < len(t)]
    else:
        epoch = coarse[piece]
    pos = orbits.positions(sat, t[epoch])
    away = pos - station[None, :]
    high = away @ vertical(station) >= np.sin(mask_rad) * np.sqrt(np.sum(away * away, axis=1))
    return sat[high], epoch[high], pos[high]


def sine_elevations(
    orbits: CircularOrbits, station: Float[np.ndarray, "3"], t_s: Float[np.ndarray, " epoch"]
) -> Float[np.ndarray, "sat epoch"]:
    """Sine of the elevation of every satellite at every epoch."""
    angle = EARTH_ROTATION_ERA_RADPS * t_s

    def along(vec):  # of the station's vector, turned to inertial axes
        x, y = np.cos(angle) * vec[0] - np.sin(angle) * vec[1], np.sin(angle) * vec[0]
        turned = np.stack([x, y + np.cos(angle) * vec[1], np.full(len(t_s), vec[2])])
        turn = orbits.rate_radps[:, None] * t_s[None, :]
        parts = np.cos(turn) * (orbits.start @ turned) + np.sin(turn) * (orbits.ahead @ turned)
        return orbits.axis_m[:, None] * parts

    up = vertical(station)
    square = orbits.axis_m[:, None] ** 2 + station @ station - 2.0 * along(station)
    return (along(up) - up @ station) / np.sqrt(square)
