"""What logs of all kinds share: times, satellites with their states, the surveyed place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io.measurements import Labels, MeasurementTable
from leopnt.orbits.sgp4 import DAY_S
from leopnt.scenes.fix_tables import (
    FixFile,
    LogColumns,
    SatelliteSettings,
    TruthSettings,
)
from leopnt.scenes.satellite_file import read_satellite_file


class SatelliteRows(NamedTuple):
    """Satellites of a log, the state of each row, and the age of elements at the log's middle."""

    names: tuple[str, ...]
    sat_index: np.ndarray
    pos_ecef_m: np.ndarray
    vel_ecef_mps: np.ndarray
    age_s: np.ndarray | None


def satellites_of_columns(
    table: MeasurementTable,
    labels: Labels,
    sat_pos_ecef_m: list[str] | None,
    sat_vel_ecef_mps: list[str] | None,
) -> SatelliteRows:
    """States from columns of the log, whatever instant they hold for."""
    assert sat_pos_ecef_m is not None  # the settings were checked
    assert sat_vel_ecef_mps is not None
    pos_m = np.stack([table.numbers[name] for name in sat_pos_ecef_m], axis=1)
    vel_mps = np.stack([table.numbers[name] for name in sat_vel_ecef_mps], axis=1)
    return SatelliteRows(labels.names, labels.index, pos_m, vel_mps, None)


def satellites_of_file(
    file: FixFile,
    satellites: SatelliteSettings,
    table: MeasurementTable,
    labels: Labels,
    reference: Epoch,
    time_s: np.ndarray,
) -> SatelliteRows:
    """States at reception, and the age of the elements at the middle of the log."""
    catalog = read_satellite_file(file.resolve(satellites.file))
    found = _found(table, labels, catalog)
    epoch, middle = reference + time_s, reference + 0.5 * (time_s[0] + time_s[-1])
    pos_m, vel_mps = np.empty((len(table), 3)), np.empty((len(table), 3))
    for label, index in enumerate(found):
        rows = np.flatnonzero(labels.index == label)
        state = catalog.states(index, epoch[rows], satellites.max_age_days * DAY_S)
        pos_m[rows], vel_mps[rows] = state.pos_ecef_m, state.vel_ecef_mps
    age_s = np.array([catalog.age_s(index, middle) for index in found])
    names = tuple(catalog.names[index] for index in found)
    return SatelliteRows(names, labels.index, pos_m, vel_mps, age_s)


def _found(table: MeasurementTable, labels: Labels, catalog) -> list[int]:
    """Index in the catalogue of every satellite of the log; complains with the first line."""
    found = []
    for label, name in enumerate(labels.names):
        try:
            found.append(catalog.find(name))
        except LeopntError as error:
            row = int(np.argmax(labels.index == label))
            raise table.error(row, str(error)) from None
    for label, index in enumerate(found):
        if index in found[:label]:
            first, second = labels.names[found.index(index)], labels.names[label]
            raise LeopntError(
                f"{table.source}: satellites {first!r} and {second!r} are the same object, "
                f"{catalog.names[index]}."
            )
    return found


def time_columns(columns: LogColumns) -> list[str]:
    """The column of numbers that holds the time, if it is one."""
    if columns.time_utc is not None:
        return []
    return [columns.time_unix_s or columns.time_s or "time_s"]


def log_times(
    columns: LogColumns, table: MeasurementTable, reference_epoch: str | None, time_scale: str
) -> tuple[np.ndarray, Epoch | None]:
    """Seconds since the reference epoch, and that epoch where the date is known."""
    if columns.time_utc is not None:
        epoch = table.instants[columns.time_utc]
        return epoch.since(epoch[0]), epoch[0]
    if columns.time_unix_s is not None:
        epoch = _unix_epochs(table, columns.time_unix_s)
        return epoch.since(epoch[0]), epoch[0]
    time_s = table.numbers[columns.time_s or "time_s"]
    if reference_epoch is None:
        return time_s, None
    try:
        return time_s, Epoch.from_iso(reference_epoch, TimeScale(time_scale))
    except LeopntError as error:
        raise LeopntError(f"[measurement] reference_epoch: {error}") from None


def _unix_epochs(table: MeasurementTable, name: str) -> Epoch:
    unix_s = table.numbers[name]
    if np.min(unix_s) < 8e7 or np.max(unix_s) > 8e9:  # 1972-07 and 2223
        row = int(np.argmin(unix_s)) if np.min(unix_s) < 8e7 else int(np.argmax(unix_s))
        hint = " It looks like milliseconds." if unix_s[row] > 1e11 else ""
        raise table.error(
            row,
            f"column {name!r}: {unix_s[row]!r} is no Unix time in seconds (1.7e9 is 2023).{hint}",
        )
    whole = np.floor(unix_s)
    seconds = whole.astype(np.int64).astype("M8[s]")
    return Epoch.from_datetime64(seconds) + (unix_s - whole)


def truth_ecef(truth: TruthSettings | None) -> Float[np.ndarray, "3"] | None:
    """Surveyed position of the settings [m], or None."""
    if truth is None:
        return None
    if truth.ecef_m is not None:
        return np.array(truth.ecef_m)
    assert truth.latitude_deg is not None  # the settings were checked
    assert truth.longitude_deg is not None
    assert truth.height_m is not None
    return place_ecef(truth.latitude_deg, truth.longitude_deg, truth.height_m)


def place_ecef(latitude_deg: float, longitude_deg: float, height_m: float):
    """ECEF position [m] of a place in degrees."""
    from leopnt.frames.geodetic import geodetic_to_ecef

    radians = np.radians([latitude_deg, longitude_deg])
    return np.asarray(geodetic_to_ecef(radians[0], radians[1], np.float64(height_m)))
