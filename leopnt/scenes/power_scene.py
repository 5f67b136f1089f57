"""Settings and files to the rows of a power log, the antenna, and Doppler beside them.

As for Doppler (`doppler_scene`), states known at reception are moved to transmission: first with
the satellite in the zenith, then with the flight time of a position.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple, SupportsIndex

import numpy as np
from jaxtyping import Float, Int

from leopnt.antennas.beams import B52_RINGS, AbstractBeams, ring_beams
from leopnt.constants import EARTH_ROTATION_RADPS
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError, did_you_mean
from leopnt.io.measurements import Labels, MeasurementTable, Progress, read_measurements
from leopnt.scenes.doppler_scene import (
    DopplerScene,
    doppler_scene,
    require_ecef_velocity,
    states_at_transmission,
)
from leopnt.scenes.fix_settings import (
    ColumnSettings,
    FixSettings,
    MeasurementSettings,
    load_fix_file,
)
from leopnt.scenes.fix_tables import FixFile
from leopnt.scenes.log_rows import (
    log_times,
    satellites_of_columns,
    satellites_of_file,
    time_columns,
    truth_ecef,
)
from leopnt.scenes.pattern_files import read_pattern
from leopnt.scenes.power_fix_settings import AntennaSettings, PowerFixSettings

DBM_PER_DBW = 30.0
_UNIT = 1e-3
_SPIN = np.array([0.0, 0.0, EARTH_ROTATION_RADPS])


@dataclasses.dataclass(frozen=True)
class PowerRows:
    """Rows of a power log as files give them.

    Attributes:
        time_s: (obs,) reception time, seconds from `reference_epoch` or from any origin.
        satellites: names, in the order of `sat_index`.
        sat_index: (obs,) satellite of each row.
        beam: (obs,) 0-based number of the antenna's beam.
        power_dbw: (obs,) measured.
        sat_pos_ecef_m, sat_vel_ecef_mps: (obs, 3) ECEF, at the instant they were given for.
        carrier_hz: (obs,) carrier.
        integration_s: (obs,) coherent integration time.
        reference_epoch: instant of time_s = 0, or None.
        ephemeris_age_s: (sat,) age of each satellite's elements at the middle of the log, or None.
        source_line: (obs,) line in the file.
        source: name of the file.
        quaternion: (obs, 4) from axes of the antenna to ECEF, or None for axes along the orbit.
    """

    time_s: Float[np.ndarray, " obs"]
    satellites: tuple[str, ...]
    sat_index: Int[np.ndarray, " obs"]
    beam: Int[np.ndarray, " obs"]
    power_dbw: Float[np.ndarray, " obs"]
    sat_pos_ecef_m: Float[np.ndarray, "obs 3"]
    sat_vel_ecef_mps: Float[np.ndarray, "obs 3"]
    carrier_hz: Float[np.ndarray, " obs"]
    integration_s: Float[np.ndarray, " obs"]
    reference_epoch: Epoch | None
    ephemeris_age_s: Float[np.ndarray, " sat"] | None
    source_line: Int[np.ndarray, " obs"]
    source: str
    quaternion: Float[np.ndarray, "obs 4"] | None = None

    def where(self, measurement: SupportsIndex) -> str:
        """How to name a row in a message."""
        return f"{self.source}:{self.source_line[measurement]}"


class SentStates(NamedTuple):
    """States at transmission, each in ECEF axes of its own instant; two velocities."""

    pos_ecef_m: Float[np.ndarray, "obs 3"]
    vel_ecef_mps: Float[np.ndarray, "obs 3"]
    vel_inertial_ecef_mps: Float[np.ndarray, "obs 3"]


class NamedBeams(NamedTuple):
    """An antenna and the names of its beams, as logs call them."""

    antenna: AbstractBeams
    names: tuple[str, ...]
    source: str


@dataclasses.dataclass(frozen=True)
class PowerLogScene:
    """What the settings of a fix from powers name, read and checked.

    Attributes:
        file: the settings.
        rows: of the power log.
        beams: the satellite's antenna.
        doppler: of the same receiver, or None.
        at_reception: the rows' states hold at reception; `states` moves them to transmission.
        truth_ecef_m: surveyed position, or None.
        eirp_sigma_db: of each beam's EIRP, one number or one per beam.
    """

    file: FixFile[PowerFixSettings]
    rows: PowerRows
    beams: NamedBeams
    doppler: DopplerScene | None
    at_reception: bool
    truth_ecef_m: Float[np.ndarray, "3"] | None
    eirp_sigma_db: float | Float[np.ndarray, " beam"] = 0.0

    def states(self, rx_pos_ecef_m: Float[np.ndarray, "3"] | None = None) -> SentStates:
        """Satellite states at transmission.

        Args:
            rx_pos_ecef_m: the receiver, for the flight time; None takes each satellite to be in
                its zenith.
        """
        pos_m, vel_mps = self.rows.sat_pos_ecef_m, self.rows.sat_vel_ecef_mps
        if self.at_reception:
            pos_m, vel_mps = states_at_transmission(pos_m, vel_mps, rx_pos_ecef_m)
        return SentStates(pos_m, vel_mps, vel_mps + np.cross(_SPIN, pos_m))


def load_power_scene(path: str | Path, progress: Progress | None = None) -> PowerLogScene:
    """Read the settings of a fix from powers and all files that they name.

    Args:
        path: the settings, a TOML file.
        progress: called while the log is read, with how much is done and how much there is.

    Raises:
        LeopntError: anything in settings or files that cannot be right, with its place.
    """
    file = load_fix_file(path)
    if not isinstance(file.settings, PowerFixSettings):
        raise LeopntError(
            f"{path}: [measurement] type = {file.settings.measurement.type!r}; a power scene needs "
            "'power'."
        )
    return power_scene(FixFile(file.path, file.text, file.settings), progress)


def power_scene(file: FixFile[PowerFixSettings], progress: Progress | None = None) -> PowerLogScene:
    """As `load_power_scene`, for settings already read."""
    settings = file.settings
    beams = named_beams(file, settings.antenna)
    rows = _rows(file, _read_log(file, progress), beams)
    if settings.satellites is None:
        require_ecef_velocity(rows)
    return PowerLogScene(
        file,
        rows,
        beams,
        _doppler(file),
        settings.satellites is not None or settings.measurement.states_at == "reception",
        truth_ecef(settings.truth),
        _eirp_sigma_db(file, beams),
    )


# The antenna


def named_beams(file: FixFile, antenna: AntennaSettings) -> NamedBeams:
    """The antenna of the settings.

    Raises:
        LeopntError: the pattern file (`read_pattern`), or offsets for another number of beams.
    """
    if antenna.file is not None:
        return _beams_of_file(file, antenna, antenna.file)
    offsets = np.broadcast_to(np.asarray(antenna.eirp_offset_db, float), len(B52_RINGS))
    rings = [
        dataclasses.replace(ring, peak_dbw=ring.peak_dbw + float(offset))
        for ring, offset in zip(B52_RINGS, offsets, strict=True)
    ]
    exponent = 1.2 if antenna.element_exponent is None else antenna.element_exponent
    model = ring_beams(
        rings,
        *antenna.elements,
        element_exponent=exponent,
        floor_db=antenna.floor_db,
        spacing_wavelengths=antenna.spacing_wavelengths,
    )
    return NamedBeams(model, tuple(map(str, range(model.num_beams))), "antenna B52")


def _beams_of_file(file: FixFile, antenna: AntennaSettings, name: str) -> NamedBeams:
    pattern = read_pattern(file.resolve(name))
    offset = antenna.eirp_offset_db
    if isinstance(offset, list) and len(offset) != len(pattern.beams):
        raise LeopntError(
            f"[antenna] eirp_offset_db: {len(offset)} numbers; expected one, or "
            f"{len(pattern.beams)}, one per beam of {pattern.source}."
        )
    is_plain = "eirp_offset_db" not in antenna.model_fields_set
    try:
        model = pattern.antenna(
            None if is_plain else np.asarray(offset, float),
            element_exponent=antenna.element_exponent or 0.0,
        )
    except LeopntError as error:
        raise LeopntError(f"[antenna] file, eirp_offset_db: {error}") from None
    return NamedBeams(model, pattern.beams, pattern.source)


def _eirp_sigma_db(
    file: FixFile[PowerFixSettings], beams: NamedBeams
) -> float | Float[np.ndarray, " beam"]:
    given, count = file.settings.estimate.eirp_sigma_db, len(beams.names)
    if isinstance(given, str):
        return _sigmas_of_file(file.resolve(given), beams)
    if isinstance(given, list) and len(given) != count:
        raise LeopntError(
            f"[estimate] eirp_sigma_db: {len(given)} numbers; expected one, or {count}, one per "
            f"beam of {beams.source}."
        )
    return np.asarray(given, float) if isinstance(given, list) else given


def _sigmas_of_file(path: Path, beams: NamedBeams) -> Float[np.ndarray, " beam"]:
    """One row per beam, in any order."""
    table = read_measurements(path, numbers=("sigma_db",), labels=("beam",))
    value, number = (
        table.numbers["sigma_db"],
        _beam_numbers(table, table.labels["beam"], "beam", beams),
    )
    if np.any(value < 0.0):
        row = int(np.argmax(value < 0.0))
        raise table.error(row, f"column 'sigma_db': {value[row]:g}; expected 0 or more.")
    times = np.bincount(number, minlength=len(beams.names))
    if np.any(times != 1):
        beam = int(np.argmax(times != 1))
        raise LeopntError(
            f"{table.source}: beam {beams.names[beam]!r} has {times[beam]} rows; expected one for "
            f"each beam of {beams.source}."
        )
    return value[np.argsort(number)]


# The log


def _read_log(file: FixFile[PowerFixSettings], progress: Progress | None) -> MeasurementTable:
    columns = file.settings.measurement.columns
    numbers = [_power_column(file.settings), columns.carrier_hz, columns.integration_s]
    numbers += time_columns(columns)
    numbers += [*(columns.sat_pos_ecef_m or ()), *(columns.sat_vel_ecef_mps or ())]
    numbers += columns.quaternion or ()
    return read_measurements(
        file.resolve(file.settings.measurement.file),
        numbers=[name for name in numbers if name is not None],
        labels=[columns.satellite, columns.beam],
        instants=[columns.time_utc] if columns.time_utc else [],
        progress=progress,
    )


def _power_column(settings: PowerFixSettings) -> str:
    columns = settings.measurement.columns
    return columns.power_dbw or columns.power_dbm or "power_dbw"


def _rows(file: FixFile[PowerFixSettings], table: MeasurementTable, beams: NamedBeams) -> PowerRows:
    settings = file.settings
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
    power = table.numbers[_power_column(settings)]
    return PowerRows(
        time_s=time_s,
        satellites=satellites.names,
        sat_index=satellites.sat_index,
        beam=_beam_numbers(table, table.labels[columns.beam], columns.beam, beams),
        power_dbw=power - (DBM_PER_DBW if columns.power_dbm else 0.0),
        sat_pos_ecef_m=satellites.pos_ecef_m,
        sat_vel_ecef_mps=satellites.vel_ecef_mps,
        carrier_hz=_column_or(table, columns.carrier_hz, measurement.carrier_hz),
        integration_s=_column_or(table, columns.integration_s, measurement.integration_s),
        reference_epoch=reference,
        ephemeris_age_s=satellites.age_s,
        source_line=table.line,
        source=table.source,
        quaternion=_quaternions(table, columns.quaternion),
    )


def _quaternions(table: MeasurementTable, names: list[str] | None):
    """Unit quaternions of all rows, or None."""
    if names is None:
        return None
    found = np.stack([table.numbers[name] for name in names], axis=1)
    norm = np.linalg.norm(found, axis=1)
    bad = np.abs(norm - 1.0) > _UNIT
    if np.any(bad):
        row = int(np.argmax(bad))
        raise table.error(
            row,
            f"columns {', '.join(names)}: a quaternion of length {norm[row]:g}; expected w, x, y, "
            "z of length 1.",
        )
    return found


def _column_or(table: MeasurementTable, column: str | None, value: float | None):
    """A column of positive numbers, or one number for all rows."""
    if column is None:
        assert value is not None  # the settings were checked
        return np.full(len(table), float(value))
    found = table.numbers[column]
    if not np.all(found > 0.0):
        row = int(np.argmax(~(found > 0.0)))
        raise table.error(row, f"column {column!r}: {found[row]:g}; expected a number above 0.")
    return found


def _beam_numbers(table: MeasurementTable, labels: Labels, column: str, beams: NamedBeams):
    """Number of each row's beam; refuses names that the antenna has not."""
    known = {name: number for number, name in enumerate(beams.names)}
    for index, name in enumerate(labels.names):
        if name not in known:
            row = int(np.argmax(labels.index == index))
            few = ", ".join(beams.names[:6]) + (", ..." if len(beams.names) > 6 else "")
            raise table.error(
                row,
                f"column {column!r}: {beams.source} has no beam {name!r}."
                f"{did_you_mean(name, beams.names)} Its {len(beams.names)} beams: {few}.",
            )
    return np.array([known[name] for name in labels.names])[labels.index]


# Doppler


def _doppler(file: FixFile[PowerFixSettings]) -> DopplerScene | None:
    """The Doppler log, read as that of a Doppler fix with the same times and satellites."""
    settings = file.settings
    doppler, measurement = settings.doppler, settings.measurement
    if doppler is None:
        return None
    as_fix = FixSettings(
        measurement=MeasurementSettings(
            type="doppler",
            file=doppler.file,
            carrier_hz=doppler.carrier_hz or measurement.carrier_hz,
            sigma_hz=doppler.sigma_hz,
            reference_epoch=measurement.reference_epoch,
            time_scale=measurement.time_scale,
            states_at=measurement.states_at,
            columns=ColumnSettings(**doppler.columns.model_dump()),
        ),
        satellites=settings.satellites,
    )
    return doppler_scene(FixFile(file.path, file.text, as_fix))
