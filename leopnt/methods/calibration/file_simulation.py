"""Simulated observation and product files, as a calibration of real data would read them.

The deterministic part is the same `link_path` that the estimator uses, at the true reception time,
with the true offsets of the LEO antennas in it. The truth stays aside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from leopnt.constants import EARTH_ROTATION_ERA_RADPS, SPEED_OF_LIGHT_MPS
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io.clk import ClockTable, RinexClk, write_clk
from leopnt.io.rinex_obs import RinexObs, SystemObs
from leopnt.io.rinex_obs_header import RinexObsHeader
from leopnt.io.rinex_obs_writer import write_rinex_obs
from leopnt.io.sp3 import Sp3
from leopnt.io.sp3_writer import write_sp3_d
from leopnt.methods.calibration.antenna_corrections import SatelliteOffsets
from leopnt.methods.calibration.attitudes import Attitude, NadirAttitude
from leopnt.methods.calibration.circular_orbits import CircularOrbits
from leopnt.methods.calibration.link_path import LinkPath, PathModel, Satellites, link_path
from leopnt.methods.calibration.signals import BEIDOU_SIGNALS, LEO_SIGNALS, SignalPair
from leopnt.methods.calibration.simulation import DAY_S, Truth
from leopnt.methods.calibration.station_day import arcs_of
from leopnt.methods.calibration.zenith_delay import mapping_factor
from leopnt.observables.ionosphere_free import ionosphere_free_noise_factor

_MARGIN_NODES = 6
_SHELL = 6371.0 / (6371.0 + 450.0)
_IONOSPHERE = 40.3e16
"""Delay [m Hz^2 / TECU]."""


@dataclass(frozen=True)
class LeoClocks:
    """On-board receiver clocks: an offset and a drift of each satellite.

    Attributes:
        bias_s, drift: at t = 0, and per second.
    """

    bias_s: Float[np.ndarray, " sat"]
    drift: Float[np.ndarray, " sat"]

    def at(
        self, satellite: Int[np.ndarray, " link"], t_s: Float[np.ndarray, " link"]
    ) -> Float[np.ndarray, " link"]:
        """Clock minus system time [s]."""
        return self.bias_s[satellite] + self.drift[satellite] * t_s


@dataclass(frozen=True)
class FileNoise:
    """What makes simulated files uncertain.

    Attributes:
        code_m, phase_m: white noise of the ionosphere-free combinations, at any elevation.
        zenith_level_m, zenith_walk_m_per_sqrt_h: wet delay in the zenith, beyond the a-priori one.
        clock_late_s, clock_walk_s: receiver clock, and its random walk per epoch.
        vertical_tecu: of the ionosphere, a thin shell at 450 km.
    """

    code_m: float = 0.3
    phase_m: float = 0.003
    zenith_level_m: float = 0.05
    zenith_walk_m_per_sqrt_h: float = 0.005
    clock_late_s: float = 3e-4
    clock_walk_s: float = 3e-10
    vertical_tecu: float = 20.0


QUIET_FILES = FileNoise(0.0, 0.0, zenith_walk_m_per_sqrt_h=0.0)
"""No noise but the rounding of the files, a constant wet delay."""


@dataclass(frozen=True, eq=False)
class FileScene:
    """Satellites, stations and models of simulated files.

    Attributes:
        leo: orbits; times count from `reference.origin`.
        reference: orbits and clocks that are given, and taken as the truth.
        station_pos_ecef_m: by name.
        model: all corrections that are at work.
        reference_signals, leo_signals: that are observed.
        num_days, day_s, sampling_s: one file for each station and day, this long.
        mask_rad: lowest elevation.
        attitude: of the LEO satellites.
        noise: of the observations.
    """

    leo: CircularOrbits
    reference: Satellites
    station_pos_ecef_m: Mapping[str, Float[np.ndarray, "3"]]
    model: PathModel
    reference_signals: SignalPair = BEIDOU_SIGNALS
    leo_signals: SignalPair = LEO_SIGNALS
    num_days: int = 1
    day_s: float = DAY_S
    sampling_s: float = 30.0
    mask_rad: float = float(np.radians(10.0))
    attitude: Attitude = field(default_factory=NadirAttitude)
    noise: FileNoise = field(default_factory=FileNoise)

    def __post_init__(self):
        if not 1 <= self.leo.num_satellites <= 99:
            raise LeopntError(
                f"leo has {self.leo.num_satellites} satellites; two digits hold 1 to 99. Simulate "
                "larger constellations as groups and stack their normals."
            )
        if not 0.0 < self.sampling_s <= self.day_s <= DAY_S or self.num_days < 1:
            raise LeopntError(
                f"sampling_s, day_s, num_days = {self.sampling_s!r}, {self.day_s!r}, "
                f"{self.num_days!r}: expected above 0, up to {DAY_S:g} s, and 1 or more."
            )

    @property
    def leo_names(self) -> tuple[str, ...]:
        """L01, L02..."""
        letter = self.leo_signals.letter
        return tuple(f"{letter}{i + 1:02d}" for i in range(self.leo.num_satellites))

    def tags_s(self, day: int) -> Float[np.ndarray, " epoch"]:
        """Tags of a day, from the origin."""
        count = int(np.ceil(self.day_s / self.sampling_s))
        return day * DAY_S + self.sampling_s * np.arange(count)


@dataclass(frozen=True)
class SimulatedFiles:
    """What was written, and the truth behind it.

    Attributes:
        observations: RINEX files, by day, then by station.
        leo_sp3, leo_clk: orbit and clock of the LEO satellites.
        truth: offsets, delays, biases.
        num_links: records in the observation files.
    """

    observations: tuple[Path, ...]
    leo_sp3: Path
    leo_clk: Path
    truth: Truth
    num_links: int


def write_simulated_files(
    scene: FileScene, truth: Truth, folder: Path | str, seed: int
) -> SimulatedFiles:
    """Write RINEX 3.04 files of all stations and days, and SP3-d and CLK of the LEO satellites.

    Args:
        scene: what to simulate.
        truth: what a calibration should find.
        folder: made if needed.
        seed: of noise, ambiguities and clocks.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    clocks = leo_clocks(scene, seed)
    sp3, clk = _write_products(scene, clocks, folder)
    paths, count = [], 0
    for day in range(scene.num_days):
        for station, name in enumerate(scene.station_pos_ecef_m):
            obs = simulate_observations(scene, truth, station, day, seed)
            count += sum(len(one.sat) for one in obs.systems.values())
            paths.append(write_rinex_obs(folder / f"{name}_{day:03d}.rnx", obs))
    return SimulatedFiles(tuple(paths), sp3, clk, truth, count)


def write_truth(path: Path | str, scene: FileScene, truth: Truth) -> Path:
    """Write the truth to a JSON file, by names, in meters."""
    stations = list(scene.station_pos_ecef_m)
    content = {
        "offset_body_m": dict(zip(scene.leo_names, truth.offset_m.tolist(), strict=True)),
        "delay_m": dict(zip(scene.leo_names, truth.delay_m.tolist(), strict=True)),
        "inter_system_bias_m": dict(zip(stations, truth.isb_m.tolist(), strict=True)),
    }
    Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return Path(path)


def leo_clocks(scene: FileScene, seed: int) -> LeoClocks:
    """On-board clocks: up to 10 us off, 1e-10 drift."""
    draws = [np.random.default_rng([seed, 4, s]) for s in range(scene.leo.num_satellites)]
    pairs = np.array([rng.uniform(-1.0, 1.0, 2) for rng in draws])
    return LeoClocks(1e-5 * pairs[:, 0], 1e-10 * pairs[:, 1])


def receiver_clock_s(
    scene: FileScene, station: int, day: int, seed: int
) -> Float[np.ndarray, " epoch"]:
    """True receiver clock of a station-day at its tags, positive reads late."""
    rng = np.random.default_rng([seed, 5, station, day])
    count = len(scene.tags_s(day))
    noise = scene.noise
    return noise.clock_late_s + noise.clock_walk_s * np.cumsum(rng.standard_normal(count))


def simulate_observations(
    scene: FileScene, truth: Truth, station: int, day: int, seed: int
) -> RinexObs:
    """Observations of one station and day, unrounded."""
    t, late = scene.tags_s(day), receiver_clock_s(scene, station, day, seed)
    rng = np.random.default_rng([seed, 6, station, day])
    wet = _wet_delay(scene, len(t), rng)
    leo = Satellites(
        scene.leo_names, scene.leo, leo_clocks(scene, seed), scene.reference.origin,
        scene.leo_signals.pair,
    )  # fmt: skip
    offsets = dict(zip(scene.leo_names, truth.offset_m, strict=True))
    turned = SatelliteOffsets(offsets, scene.attitude)
    systems = {}
    for satellites, signals, corrections, own in (
        (scene.reference, scene.reference_signals, scene.model.reference, None),
        (leo, scene.leo_signals, (*scene.model.leo, turned), truth.delay_m + truth.isb_m[station]),
    ):
        path = _visible(scene, satellites, station, t, late, corrections)
        epoch = np.searchsorted(t, path.tag_s)
        extra = np.zeros(len(epoch)) if own is None else own[path.satellite]
        extra = extra + wet[epoch] * mapping_factor(path.elevation_rad)
        systems[signals.letter] = _records(scene, path, epoch, extra, signals, rng)
    name = list(scene.station_pos_ecef_m)[station]
    header = RinexObsHeader(
        time_scale=TimeScale.GPST, marker_name=name, interval_s=scene.sampling_s,
        approx_pos_ecef_m=np.asarray(scene.station_pos_ecef_m[name], float),
        antenna_height_east_north_m=np.zeros(3), comments=("simulated",),
    )  # fmt: skip
    count = len(t)
    return RinexObs(
        header, scene.reference.origin + t, np.full(count, np.nan), np.zeros(count, bool), systems
    )


def _wet_delay(scene: FileScene, count: int, rng) -> Float[np.ndarray, " epoch"]:
    noise = scene.noise
    step = noise.zenith_walk_m_per_sqrt_h * np.sqrt(scene.sampling_s / 3600.0)
    level = noise.zenith_level_m * rng.standard_normal()
    return level + step * np.cumsum(rng.standard_normal(count))


def _visible(scene: FileScene, satellites: Satellites, station: int, t, late, corrections):
    """Paths of all links above the mask with a complete prediction, by satellite and epoch."""
    name, place = list(scene.station_pos_ecef_m.items())[station]
    parts = []
    for satellite in range(len(satellites.names)):
        of = np.full(len(t), satellite)
        rough, _ = satellites.orbits.states(of, t)
        near = _elevations(rough, place) > scene.mask_rad - np.radians(1.0)
        parts.append(np.stack([of[near], np.flatnonzero(near)]))
    satellite, epoch = np.concatenate(parts, axis=1)
    path = link_path(
        satellites, name, np.asarray(place, float), satellite, t[epoch], late[epoch], corrections
    )
    complete = np.isfinite(path.code_prediction_m() + path.phase_prediction_m())
    keep = complete & (path.elevation_rad >= scene.mask_rad)
    return path.kept(keep)


def _elevations(pos: Float[np.ndarray, "epoch 3"], place) -> Float[np.ndarray, " epoch"]:
    """Above the plane normal to the radius: within 0.2 degrees of the real ones."""
    away = pos - np.asarray(place, float)[None, :]
    up = np.asarray(place, float) / np.linalg.norm(place)
    return np.arcsin(away @ up / np.sqrt(np.sum(away * away, axis=1)))


def _records(
    scene: FileScene, path: LinkPath, epoch, extra_m, signals: SignalPair, rng
) -> SystemObs:
    """Uncombined code (m) and phase (cycles) of two carriers as records."""
    count = len(epoch)
    arc = arcs_of(path.satellite, epoch, np.zeros(count, bool))
    common = path.common_m() + SPEED_OF_LIGHT_MPS * path.late_s + extra_m
    share = ionosphere_free_noise_factor(signals.pair)
    columns = {}
    for code, phase, hz in zip(signals.code, signals.phase, signals.pair, strict=True):
        length = SPEED_OF_LIGHT_MPS / hz
        delay = _IONOSPHERE * _slant_tecu(scene, path) / hz**2
        noise = rng.standard_normal((2, count)) / share
        cycles = rng.integers(-1000, 1001, arc.max(initial=0) + 1)[arc]
        columns[code] = common + path.code_m + delay + scene.noise.code_m * noise[0]
        whole = common + path.phase_m - delay + scene.noise.phase_m * noise[1]
        columns[phase] = whole / length + path.wind_up_cycles + cycles
    value = np.stack(list(columns.values()), axis=1)
    used, sat = np.unique(path.satellite, return_inverse=True)
    names = tuple(path.satellites.names[i] for i in used)
    flags = np.zeros(value.shape, np.uint8)
    return SystemObs(tuple(columns), names, sat, epoch, value, flags, flags)


def _slant_tecu(scene: FileScene, path: LinkPath) -> Float[np.ndarray, " link"]:
    zenith_sine = _SHELL * np.cos(path.elevation_rad)
    return scene.noise.vertical_tecu / np.sqrt(1.0 - zenith_sine**2)


def _write_products(scene: FileScene, clocks: LeoClocks, folder: Path) -> tuple[Path, Path]:
    """Orbits and clocks of the LEO satellites, every sampling step up to 30 s."""
    step = min(30.0, scene.sampling_s)
    last = (scene.num_days - 1) * DAY_S + scene.day_s
    t = step * np.arange(-_MARGIN_NODES, int(np.ceil(last / step)) + _MARGIN_NODES + 1)
    epoch = scene.reference.origin + t
    count = scene.leo.num_satellites
    pos, vel, bias = (np.empty((count, len(t), n)) for n in (3, 3, 1))
    for one in range(count):
        of = np.full(len(t), one)
        pos[one], inertial = scene.leo.states(of, t)
        vel[one] = _earth_relative(pos[one], inertial)
        bias[one, :, 0] = clocks.at(of, t)
    bias = bias[:, :, 0]
    sp3 = write_sp3_d(folder / "leo.sp3", _sp3(scene, epoch, pos, vel, bias, clocks.drift))
    table = ClockTable.of_biases(scene.leo_names, bias)
    none = ClockTable.of_biases((), np.zeros((0, len(t))))
    clk = RinexClk(epoch, TimeScale.GPST, table, none, agency="SIM", comments=("simulated",))
    return sp3, write_clk(folder / "leo.clk", clk)


def _earth_relative(pos, vel):
    """V records are relative to the Earth: v - omega x r."""
    turning = np.stack([-pos[:, 1], pos[:, 0], np.zeros(len(pos))], axis=1)
    return vel - EARTH_ROTATION_ERA_RADPS * turning


def _sp3(scene: FileScene, epoch: Epoch, pos, vel, bias, drift) -> Sp3:
    shape = bias.shape
    never = np.zeros(shape, bool)
    return Sp3(
        scene.leo_names, epoch, TimeScale.GPST, pos, vel, bias,
        np.broadcast_to(drift[:, None], shape), never, never, never, never,
        np.full(shape[0], np.nan), "ITRF", "SIM", "SIM",
    )  # fmt: skip
