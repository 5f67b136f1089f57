"""Settings and files to a Doppler log ready for a fix.

Satellite states must hold at transmission, and how long a signal flew depends on where the
receiver is. Logs with states at transmission in their columns need no more. For states at reception
(columns, TLE, OMM, SP3) `DopplerScene.log()` first takes each satellite to be in the zenith: its
flight time is then short by at most 10 ms for LEO, 75 m of orbit. A second `log(position)` with the
position found leaves nothing but the receiver's error over c.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Protocol, SupportsIndex, runtime_checkable

import numpy as np
from jaxtyping import Float

from leopnt.constants import (
    EARTH_GM_M3PS2,
    EARTH_ROTATION_RADPS,
    SPEED_OF_LIGHT_MPS,
    WGS84_SEMI_MAJOR_M,
)
from leopnt.errors import LeopntError
from leopnt.io.measurements import MeasurementTable, Progress, read_measurements
from leopnt.scenes.doppler_checks import check_log
from leopnt.scenes.doppler_log import DopplerLog
from leopnt.scenes.fix_settings import FixSettings, load_fix_file
from leopnt.scenes.fix_tables import FixFile
from leopnt.scenes.log_rows import (
    SatelliteRows,
    log_times,
    satellites_of_columns,
    satellites_of_file,
    time_columns,
    truth_ecef,
)

_SPIN = np.array([0.0, 0.0, EARTH_ROTATION_RADPS])
_LARGEST_VELOCITY_MISFIT = 0.03
_LONGEST_PAIR_M, _LONGEST_PAIR_S = 5e5, 5e3


@dataclasses.dataclass(frozen=True)
class DopplerScene:
    """What the settings of a Doppler fix name, read and checked.

    Attributes:
        file: the settings.
        given: the log with its satellite states at the instant they were given for.
        at_reception: those states hold at reception; `log` moves them to transmission.
        truth_ecef_m: surveyed position, or None.
    """

    file: FixFile[FixSettings]
    given: DopplerLog
    at_reception: bool
    truth_ecef_m: Float[np.ndarray, "3"] | None

    def log(
        self, rx_pos_ecef_m: Float[np.ndarray, "3"] | Float[np.ndarray, "obs 3"] | None = None
    ) -> DopplerLog:
        """The log with satellite states at transmission.

        Args:
            rx_pos_ecef_m: the receiver (or its place at each measurement), for the flight time;
                None takes each satellite to be in its zenith.
        """
        if not self.at_reception:
            return self.given
        pos_m, vel_mps = states_at_transmission(
            self.given.sat_pos_ecef_m, self.given.sat_vel_ecef_mps, rx_pos_ecef_m
        )
        return dataclasses.replace(self.given, sat_pos_ecef_m=pos_m, sat_vel_ecef_mps=vel_mps)


def load_doppler_scene(path: str | Path, progress: Progress | None = None) -> DopplerScene:
    """Read the settings of a fix and all files that they name.

    Args:
        path: the settings, a TOML file.
        progress: called while the log is read, with how much is done and how much there is.

    Raises:
        LeopntError: anything in settings or files that cannot be right, with its place.
    """
    file = load_fix_file(path)
    if not isinstance(file.settings, FixSettings):
        raise LeopntError(
            f"{path}: [measurement] type = {file.settings.measurement.type!r}; a Doppler scene "
            "needs 'doppler'."
        )
    return doppler_scene(FixFile(file.path, file.text, file.settings), progress)


def doppler_scene(file: FixFile[FixSettings], progress: Progress | None = None) -> DopplerScene:
    """As `load_doppler_scene`, for settings already read."""
    settings = file.settings
    table = _read_log(file, progress)
    measurement, columns = settings.measurement, settings.measurement.columns
    time_s, reference = log_times(
        columns, table, measurement.reference_epoch, measurement.time_scale
    )
    labels = table.labels[columns.satellite]
    if settings.satellites is None:
        states = columns.sat_pos_ecef_m, columns.sat_vel_ecef_mps
        satellites = satellites_of_columns(table, labels, *states)
    else:
        assert reference is not None  # the settings were checked
        satellites = satellites_of_file(file, settings.satellites, table, labels, reference, time_s)
    given = DopplerLog(
        time_s=time_s,
        satellites=satellites.names,
        sat_index=satellites.sat_index,
        doppler_hz=table.numbers[columns.doppler_hz],
        sat_pos_ecef_m=satellites.pos_ecef_m,
        sat_vel_ecef_mps=satellites.vel_ecef_mps,
        carrier_hz=_carriers(settings, table, satellites),
        sigma_hz=_sigmas(settings, table),
        reference_epoch=reference,
        ephemeris_age_s=satellites.age_s,
        source_line=table.line,
        source=table.source,
    )
    check_log(given)
    if settings.satellites is None:
        require_ecef_velocity(given)
    at_reception = settings.satellites is not None or measurement.states_at == "reception"
    return DopplerScene(file, given, at_reception, truth_ecef(settings.truth))


# The log


def _read_log(file: FixFile[FixSettings], progress: Progress | None) -> MeasurementTable:
    columns = file.settings.measurement.columns
    numbers = [columns.doppler_hz, columns.carrier_hz, columns.sigma_hz]
    numbers += time_columns(columns)
    numbers += [*(columns.sat_pos_ecef_m or ()), *(columns.sat_vel_ecef_mps or ())]
    return read_measurements(
        file.resolve(file.settings.measurement.file),
        numbers=[name for name in numbers if name is not None],
        labels=[columns.satellite],
        instants=[columns.time_utc] if columns.time_utc else [],
        progress=progress,
    )


def _carriers(settings: FixSettings, table: MeasurementTable, satellites: SatelliteRows):
    measurement = settings.measurement
    if measurement.columns.carrier_hz is not None:
        return table.numbers[measurement.columns.carrier_hz]
    labels = table.labels[measurement.columns.satellite].names
    by_label = measurement.satellite_carrier_hz
    strangers = [name for name in by_label if name not in labels]
    if strangers:
        raise LeopntError(
            f"[measurement.satellite_carrier_hz] {strangers[0]}: no such satellite in "
            f"{table.source}; it holds {', '.join(labels[:20])}."
        )
    of_label = [by_label.get(name, measurement.carrier_hz) for name in labels]
    missing = [name for name, value in zip(labels, of_label, strict=True) if value is None]
    if missing:
        raise LeopntError(
            f"[measurement.satellite_carrier_hz] {missing[0]}: missing; give it, or a carrier_hz "
            "for all satellites that are not named."
        )
    return np.array(of_label, float)[table.labels[measurement.columns.satellite].index]


def _sigmas(settings: FixSettings, table: MeasurementTable) -> np.ndarray | None:
    measurement = settings.measurement
    if measurement.columns.sigma_hz is not None:
        return table.numbers[measurement.columns.sigma_hz]
    return None if measurement.sigma_hz is None else np.full(len(table), measurement.sigma_hz)


# States


def states_at_transmission(
    sat_pos_ecef_m: Float[np.ndarray, "obs 3"],
    sat_vel_ecef_mps: Float[np.ndarray, "obs 3"],
    rx_pos_ecef_m: Float[np.ndarray, "3"] | Float[np.ndarray, "obs 3"] | None,
) -> tuple[Float[np.ndarray, "obs 3"], Float[np.ndarray, "obs 3"]]:
    """Satellite states moved from reception back to transmission, each in ECEF axes of its instant.

        p(t - tau) = p - tau v + tau^2 a / 2        v(t - tau) = v - tau a
        a = -GM p / r^3 - 2 omega x v - omega x (omega x p)

    tau is the flight time in vacuum, found by iteration. Not included: J2 and the change of a
    during tau (below 0.01 mm and 0.2 mm/s from LEO to GNSS).

    Args:
        sat_pos_ecef_m, sat_vel_ecef_mps: at reception.
        rx_pos_ecef_m: receiver at reception; None: below the satellite.
    """
    radius_m = np.linalg.norm(sat_pos_ecef_m, axis=1, keepdims=True)
    turning = np.cross(_SPIN, 2.0 * sat_vel_ecef_mps + np.cross(_SPIN, sat_pos_ecef_m))
    acceleration = -EARTH_GM_M3PS2 * sat_pos_ecef_m / radius_m**3 - turning
    tau_s = (radius_m - WGS84_SEMI_MAJOR_M) / SPEED_OF_LIGHT_MPS
    pos_m = sat_pos_ecef_m - tau_s * sat_vel_ecef_mps + 0.5 * tau_s**2 * acceleration
    for _ in range(4 if rx_pos_ecef_m is not None else 0):
        angle = EARTH_ROTATION_RADPS * tau_s[:, 0]
        x, y, z = pos_m.T
        cos, sin = np.cos(angle), np.sin(angle)
        turned = np.stack([cos * x + sin * y, cos * y - sin * x, z], axis=1)
        tau_s = np.linalg.norm(turned - rx_pos_ecef_m, axis=1, keepdims=True) / SPEED_OF_LIGHT_MPS
        pos_m = sat_pos_ecef_m - tau_s * sat_vel_ecef_mps + 0.5 * tau_s**2 * acceleration
    return pos_m, sat_vel_ecef_mps - tau_s * acceleration


@runtime_checkable
class LoggedStates(Protocol):
    """Rows of a log with a satellite state each."""

    @property
    def time_s(self) -> np.ndarray: ...
    @property
    def sat_index(self) -> np.ndarray: ...
    @property
    def sat_pos_ecef_m(self) -> np.ndarray: ...
    @property
    def sat_vel_ecef_mps(self) -> np.ndarray: ...
    def where(self, measurement: SupportsIndex) -> str:
        """How to name a row in a message."""
        ...


def require_ecef_velocity(log: LoggedStates) -> None:
    """Refuse velocity columns that are not the derivative of the position columns.

    Catches inertial velocities (0.5 km/s off in LEO), swapped columns and times in another unit:
    neighboring positions of a satellite, up to 500 km apart, are compared with the mean of their
    velocities; the median difference may be 3 % of the orbital speed. Logs without such neighbors
    pass.

    Raises:
        LeopntError: naming a line, both velocities, the likely cause and what is accepted.
    """
    order = np.lexsort((log.time_s, log.sat_index))
    first, second = order[:-1], order[1:]
    step_s = log.time_s[second] - log.time_s[first]
    is_pair = (log.sat_index[first] == log.sat_index[second]) & (step_s > 0.0)
    is_pair &= step_s <= _LONGEST_PAIR_S  # less than one revolution
    apart_m = log.sat_pos_ecef_m[second] - log.sat_pos_ecef_m[first]
    is_pair &= np.linalg.norm(apart_m, axis=1) <= _LONGEST_PAIR_M
    first, second = first[is_pair], second[is_pair]
    if not len(first):
        return
    moved = apart_m[is_pair] / step_s[is_pair, None]
    stated = 0.5 * (log.sat_vel_ecef_mps[second] + log.sat_vel_ecef_mps[first])
    turning = np.cross(_SPIN, log.sat_pos_ecef_m[second])
    misfit = _relative(moved - stated, moved + turning)
    if np.median(misfit) <= _LARGEST_VELOCITY_MISFIT:
        return
    at = int(np.argsort(misfit)[len(misfit) // 2])
    raise LeopntError(
        f"{log.where(int(second[at]))}: the satellite's velocity is "
        f"{np.round(stated[at]).tolist()} m/s, but its positions move by "
        f"{np.round(moved[at]).tolist()} m/s.{_velocity_cause(moved, stated, turning)} Accepted: "
        "time in s, ECEF position in m, ECEF velocity in m/s, Earth rotation included."
    )


def _velocity_cause(moved: np.ndarray, stated: np.ndarray, turning: np.ndarray) -> str:
    """Why velocities and positions may disagree, as a sentence, or nothing."""
    if np.median(_relative(moved + turning - stated, moved + turning)) < _LARGEST_VELOCITY_MISFIT:
        return " The velocities are relative to inertial space: subtract omega x r."
    for unit, seconds in (("milliseconds", 1e-3), ("minutes", 60.0), ("hours", 3600.0)):
        if np.median(_relative(moved / seconds - stated, stated)) < _LARGEST_VELOCITY_MISFIT:
            return f" The times look like {unit}."
    return ""


def _relative(difference: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.linalg.norm(difference, axis=1) / np.linalg.norm(reference, axis=1)
