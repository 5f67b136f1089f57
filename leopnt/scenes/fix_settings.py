"""The settings file of a position fix: what may stand in it, and every mistake in one message.

A small TOML. Paths in it are relative to the file; nothing in it is executed. The models only check
and hold; `scenes.doppler_scene` reads what they name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from leopnt.errors import LeopntError
from leopnt.io.textfile import read_bytes
from leopnt.scenes.settings import SettingsTable, field_problems, listed, read_toml, table_of

Unknown = Literal[
    "position",
    "velocity",
    "frequency_offset",
    "frequency_drift",
    "satellite_frequency_offset",
    "satellite_time_offset",
    "satellite_orbit_offset",
]
Weights = Literal["given", "common", "per-satellite"]
Correction = Literal["first-order", "relativistic"]
StatesAt = Literal["transmission", "reception"]
ScaleName = Literal["UTC", "GPST", "GST", "BDT", "TAI", "TT"]
OutputFormat = Literal["json", "nc", "geojson", "kml", "png", "html"]

OUTPUT_FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)

SMALLEST_CARRIER_HZ, LARGEST_CARRIER_HZ = 1e7, 3e11

ColumnName = Annotated[str, Field(min_length=1)]
ThreeColumns = Annotated[list[ColumnName], Field(min_length=3, max_length=3)]
LATITUDE, LONGITUDE = "degrees north, -90 to 90", "degrees east, -180 to 360"
HEIGHT = "metres above the WGS 84 ellipsoid, -1000 to 2000000"
CARRIER = f"the transmitted carrier in Hz, {SMALLEST_CARRIER_HZ:g} to {LARGEST_CARRIER_HZ:g}"
Latitude = Annotated[float, Field(ge=-90, le=90, description=LATITUDE)]
Longitude = Annotated[float, Field(ge=-180, le=360, description=LONGITUDE)]
Height = Annotated[float, Field(ge=-1e3, le=2e6, description=HEIGHT)]
Carrier = Annotated[float, Field(ge=SMALLEST_CARRIER_HZ, le=LARGEST_CARRIER_HZ)]


def _column(what: str) -> Any:
    return Field(default=None, description=f"the name of the column that holds {what}")


class ColumnSettings(SettingsTable):
    """`[measurement.columns]`: which column of the log holds what; the units are fixed."""

    time_s: ColumnName | None = _column("time in seconds")
    time_utc: ColumnName | None = _column("UTC times, as 2025-12-05T12:00:00.250Z")
    time_unix_s: ColumnName | None = _column("Unix time in seconds")
    satellite: ColumnName = Field(
        default="satellite", description="the name of the column that holds satellite names"
    )
    doppler_hz: ColumnName = Field(
        default="doppler_hz",
        description="the name of the column that holds Doppler in Hz, positive approaching",
    )
    carrier_hz: ColumnName | None = _column("each measurement's carrier in Hz")
    sigma_hz: ColumnName | None = _column("standard deviations in Hz")
    sat_pos_ecef_m: ThreeColumns | None = Field(
        default=None, description="the names of three columns: ECEF position x, y, z in metres"
    )
    sat_vel_ecef_mps: ThreeColumns | None = Field(
        default=None,
        description="the names of three columns: ECEF velocity x, y, z in m/s, Earth rotation "
        "included (the derivative of the position)",
    )


class MeasurementSettings(SettingsTable):
    """`[measurement]`: the log and what was measured."""

    type: Literal["doppler"] = Field(description="'doppler'")
    file: str = Field(min_length=1, description="the measurement log, CSV or Parquet")
    carrier_hz: Carrier | None = Field(default=None, description=CARRIER)
    satellite_carrier_hz: dict[str, Carrier] = Field(
        default={}, description=f"for each satellite that differs, {CARRIER}"
    )
    sigma_hz: float | None = Field(
        default=None, gt=0, description="the standard deviation of a measurement in Hz, above 0"
    )
    weights: Weights | None = Field(
        default=None,
        description="'given' (sigma_hz is true), 'common' (one sigma, estimated) or "
        "'per-satellite' (one for each satellite, estimated)",
    )
    correction: Correction = Field(
        default="first-order", description="'first-order' or 'relativistic'"
    )
    reference_epoch: str | None = Field(
        default=None, description="the instant of time_s = 0, as '2025-12-05T12:00:00Z'"
    )
    time_scale: ScaleName = Field(
        default="UTC",
        description="the scale of reference_epoch: " + ", ".join(get_args(ScaleName)),
    )
    states_at: StatesAt = Field(
        default="transmission",
        description="'transmission' or 'reception': the instant the satellite columns hold for",
    )
    columns: ColumnSettings = Field(default=ColumnSettings(), description="a table of column names")


class SatelliteSettings(SettingsTable):
    """`[satellites]`: where the satellites were, if the log does not say."""

    file: str = Field(min_length=1, description="a TLE, OMM or SP3 file")
    max_age_days: float = Field(
        default=3.5, gt=0, description="the oldest element set to use, in days, above 0"
    )


class StartSettings(SettingsTable):
    """`[estimate.start]`: a guess, used beside the search over the whole Earth."""

    latitude_deg: Latitude
    longitude_deg: Longitude
    height_m: Height = 0.0


class AgeingSettings(SettingsTable):
    """`[estimate.ageing]`: how far satellites run from their elements, one sigma."""

    initial_m: float = Field(default=500.0, ge=0, description="metres, 0 or more")
    per_day_m: float = Field(default=300.0, ge=0, description="metres per day, 0 or more")
    per_day2_m: float = Field(default=60.0, ge=0, description="metres per day squared, 0 or more")


class EstimateSettings(SettingsTable):
    """`[estimate]`: what is solved for, and what is known."""

    unknowns: list[Unknown] = Field(
        default=["position", "frequency_offset"],
        description="a list of names out of " + ", ".join(repr(one) for one in get_args(Unknown)),
    )
    height_m: Height | None = Field(default=None, description=HEIGHT)
    height_sigma_m: float = Field(
        default=0.01, gt=0, description="the standard deviation of height_m in metres, above 0"
    )
    start: StartSettings | None = Field(
        default=None, description="a table with latitude_deg and longitude_deg"
    )
    mask_deg: float | None = Field(
        default=None, ge=0, lt=90, description="the lowest elevation in degrees, 0 to below 90"
    )
    reject_outliers: bool = Field(default=True, description="true or false")
    snooping_sigmas: float = Field(
        default=4.0, ge=2.5, description="the normalized residual to reject beyond, 2.5 or more"
    )
    ageing: AgeingSettings | None = Field(
        default=None, description="a table with initial_m, per_day_m and per_day2_m"
    )
    satellite_frequency_sigma_hz: float | None = Field(
        default=None, gt=0, description="the spread of the satellites' offsets in Hz, above 0"
    )


class TruthSettings(SettingsTable):
    """`[truth]`: the surveyed position, used only to print the error."""

    latitude_deg: Latitude | None = Field(default=None, description=LATITUDE)
    longitude_deg: Longitude | None = Field(default=None, description=LONGITUDE)
    height_m: Height | None = Field(default=None, description=HEIGHT)
    ecef_m: Annotated[list[float], Field(min_length=3, max_length=3)] | None = Field(
        default=None, description="three ECEF coordinates in metres"
    )


class OutputSettings(SettingsTable):
    """`[output]`: what is written, and where."""

    directory: str | None = Field(
        default=None, min_length=1, description="a folder, made if it is not there"
    )
    formats: list[OutputFormat] = Field(
        default=list(OUTPUT_FORMATS),
        description="a list of names out of " + ", ".join(repr(one) for one in OUTPUT_FORMATS),
    )


class FixSettings(SettingsTable):
    """The whole file."""

    title: str = Field(default="", description="text")
    measurement: MeasurementSettings = Field(description="a table with type and file")
    satellites: SatelliteSettings | None = Field(
        default=None, description="a table with the name of a TLE, OMM or SP3 file"
    )
    estimate: EstimateSettings = Field(default=EstimateSettings(), description="a table")
    truth: TruthSettings | None = Field(default=None, description="a table")
    output: OutputSettings = Field(default=OutputSettings(), description="a table")


@dataclasses.dataclass(frozen=True)
class FixFile:
    """Settings with the file they came from.

    Attributes:
        path: the TOML file.
        text: its content, kept for the report.
        settings: checked values.
    """

    path: Path
    text: str
    settings: FixSettings

    def resolve(self, name: str) -> Path:
        """A path of the settings, relative to the file that names it."""
        return self.path.parent / name


def load_fix_file(path: str | Path) -> FixFile:
    """Read and check the settings of a fix without running it.

    Raises:
        LeopntError: no such file; or a line for every mistake: its place, the value found, what is
            accepted, and the nearest accepted word.
        FormatError: not TOML.
    """
    path = Path(path)
    text, raw = read_toml(path)
    problems = [
        *field_problems(FixSettings, raw, carrier_hint),
        *_cross_problems(raw),
        *_missing_files(raw, path.parent),
    ]
    if problems:
        raise LeopntError(listed(path, problems))
    return FixFile(path, text, FixSettings.model_validate(raw))


def carrier_hint(name: str, value: float) -> str:
    """For a carrier outside the accepted range: its likely unit, as a sentence, or nothing."""
    for unit, factor, smallest in (("kHz", 1e3, 1e5), ("MHz", 1e6, 1e2), ("GHz", 1e9, 0.1)):
        if "carrier_hz" in name and smallest <= value < SMALLEST_CARRIER_HZ:
            return f" {value:.10g} looks like {unit}; write {value * factor:.10g}."
    return ""


# Mistakes across fields


def _cross_problems(raw: dict[str, Any]) -> Iterator[str]:
    yield from _time_problems(raw)
    yield from _state_problems(raw)
    yield from _carrier_problems(raw)
    yield from _estimate_problems(table_of(raw, "estimate"))
    yield from _truth_problems(table_of(raw, "truth"))


def _time_problems(raw: dict[str, Any]) -> Iterator[str]:
    measurement, columns = table_of(raw, "measurement"), table_of(raw, "measurement", "columns")
    times = [name for name in ("time_s", "time_utc", "time_unix_s") if name in columns]
    if len(times) > 1:
        yield f"[measurement.columns] {' and '.join(times)}: give one of them."
    if not measurement:
        return
    is_relative = times == ["time_s"] or not times
    if "reference_epoch" in measurement and not is_relative:
        yield "[measurement] reference_epoch: goes with the column time_s only."
    if "satellites" in raw and is_relative and "reference_epoch" not in measurement:
        yield (
            "[measurement] reference_epoch: missing; with a [satellites] file the date must be "
            "known. Give the instant of time_s = 0, or a column time_utc."
        )
    if "time_scale" in measurement and "reference_epoch" not in measurement:
        yield "[measurement] time_scale: goes with reference_epoch, which is not given."


def _state_problems(raw: dict[str, Any]) -> Iterator[str]:
    if not table_of(raw, "measurement"):
        return
    columns = table_of(raw, "measurement", "columns")
    given = [name for name in ("sat_pos_ecef_m", "sat_vel_ecef_mps") if name in columns]
    if len(given) == 1:
        other = ({"sat_pos_ecef_m", "sat_vel_ecef_mps"} - set(given)).pop()
        yield f"[measurement.columns] {other}: missing; {given[0]} alone gives no Doppler."
    if given and "satellites" in raw:
        yield (
            f"[satellites] and [measurement.columns] {given[0]}: satellite states would come from "
            "two places; drop one."
        )
    if not given and "satellites" not in raw:
        yield (
            "[satellites]: missing; expected a table with the name of a TLE, OMM or SP3 file, or "
            "the columns sat_pos_ecef_m and sat_vel_ecef_mps."
        )
    if "states_at" in table_of(raw, "measurement") and not given:
        yield "[measurement] states_at: goes with the columns sat_pos_ecef_m and sat_vel_ecef_mps."


def _carrier_problems(raw: dict[str, Any]) -> Iterator[str]:
    measurement, columns = table_of(raw, "measurement"), table_of(raw, "measurement", "columns")
    in_settings = [n for n in ("carrier_hz", "satellite_carrier_hz") if n in measurement]
    if "carrier_hz" in columns and in_settings:
        yield f"[measurement] {in_settings[0]}: the column carrier_hz gives it already; drop one."
    if measurement and "carrier_hz" not in columns and not in_settings:
        yield f"[measurement] carrier_hz: missing; expected {CARRIER}, or a column."
    if "sigma_hz" in columns and "sigma_hz" in measurement:
        yield "[measurement] sigma_hz: the column sigma_hz gives it already; drop one."
    if measurement.get("weights") == "given" and not {"sigma_hz"} & {*columns, *measurement}:
        yield "[measurement] weights = 'given': sigma_hz is given nowhere."


def _estimate_problems(estimate: dict[str, Any]) -> Iterator[str]:
    unknowns = estimate.get("unknowns", ["position"])
    if not isinstance(unknowns, list):
        return
    twice = sorted({repr(one) for one in unknowns if unknowns.count(one) > 1})
    if twice:
        yield f"[estimate] unknowns: {', '.join(twice)} is named twice."
    if "position" not in unknowns:
        yield "[estimate] unknowns: 'position' is missing; a fix solves for it."
    both = {"frequency_offset", "satellite_frequency_offset"} <= {str(one) for one in unknowns}
    if both and "satellite_frequency_sigma_hz" not in estimate:
        yield (
            "[estimate] unknowns: 'frequency_offset' and 'satellite_frequency_offset' together "
            "cannot be told apart; drop one, or give satellite_frequency_sigma_hz."
        )
    for name in ("satellite_time_offset", "satellite_orbit_offset"):
        if name in unknowns and "ageing" not in estimate:
            yield (
                f"[estimate] unknowns: {name!r} needs an a-priori sigma; give [estimate.ageing]."
            )
    if "height_sigma_m" in estimate and "height_m" not in estimate:
        yield "[estimate] height_sigma_m: goes with height_m, which is not given."


def _truth_problems(truth: dict[str, Any]) -> Iterator[str]:
    geodetic = [name for name in ("latitude_deg", "longitude_deg", "height_m") if name in truth]
    if "ecef_m" in truth and geodetic:
        yield f"[truth] ecef_m and {geodetic[0]}: give one or the other."
    elif truth and "ecef_m" not in truth and len(geodetic) < 3:
        missing = {"latitude_deg", "longitude_deg", "height_m"} - set(geodetic)
        yield f"[truth] {', '.join(sorted(missing))}: missing; or give ecef_m."


def _missing_files(raw: dict[str, Any], folder: Path) -> Iterator[str]:
    for table in ("measurement", "satellites"):
        name = table_of(raw, table).get("file")
        if isinstance(name, str) and name and not (folder / name).is_file():
            try:
                read_bytes(folder / name)
            except LeopntError as error:
                yield f"[{table}] file: {error}"
