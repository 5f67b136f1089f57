"""What settings files of all fixes share: tables, units, and mistakes across their fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import Field

from leopnt.errors import LeopntError
from leopnt.io.textfile import read_bytes
from leopnt.scenes.settings import SettingsTable, table_of

FixType = Literal["doppler", "power"]
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


TYPES = " or ".join(repr(one) for one in get_args(FixType))


def column(what: str) -> Any:
    """A field that may name a column."""
    return Field(default=None, description=f"the name of the column that holds {what}")


POSITION_COLUMNS: Any = Field(
    default=None, description="the names of three columns: ECEF position x, y, z in metres"
)
VELOCITY_COLUMNS: Any = Field(
    default=None,
    description="the names of three columns: ECEF velocity x, y, z in m/s, Earth rotation "
    "included (the derivative of the position)",
)
REFERENCE_EPOCH: Any = Field(
    default=None, description="the instant of time_s = 0, as '2025-12-05T12:00:00Z'"
)
TIME_SCALE: Any = Field(
    default="UTC", description="the scale of reference_epoch: " + ", ".join(get_args(ScaleName))
)
STATES_AT: Any = Field(
    default="transmission",
    description="'transmission' or 'reception': the instant the satellite columns hold for",
)
TYPE: Any = Field(description=TYPES)


class LogColumns(SettingsTable):
    """Columns that every log has."""

    time_s: ColumnName | None = column("time in seconds")
    time_utc: ColumnName | None = column("UTC times, as 2025-12-05T12:00:00.250Z")
    time_unix_s: ColumnName | None = column("Unix time in seconds")
    satellite: ColumnName = Field(
        default="satellite", description="the name of the column that holds satellite names"
    )


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


FixTables = TypeVar("FixTables", bound=SettingsTable)


@dataclasses.dataclass(frozen=True)
class FixFile(Generic[FixTables]):
    """Settings with the file they came from.

    Attributes:
        path: the TOML file.
        text: its content, kept for the report.
        settings: checked values.
    """

    path: Path
    text: str
    settings: FixTables

    def resolve(self, name: str) -> Path:
        """A path of the settings, relative to the file that names it."""
        return self.path.parent / name


def carrier_hint(name: str, value: float) -> str:
    """For a carrier outside the accepted range: its likely unit, as a sentence, or nothing."""
    for unit, factor, smallest in (("kHz", 1e3, 1e5), ("MHz", 1e6, 1e2), ("GHz", 1e9, 0.1)):
        if "carrier_hz" in name and smallest <= value < SMALLEST_CARRIER_HZ:
            return f" {value:.10g} looks like {unit}; write {value * factor:.10g}."
    return ""


# Mistakes across fields


def time_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Which column holds the time, and what its zero is."""
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


def state_problems(raw: dict[str, Any], observed: str) -> Iterator[str]:
    """Satellite states from exactly one place; `observed` is what needs both of their columns."""
    if not table_of(raw, "measurement"):
        return
    columns = table_of(raw, "measurement", "columns")
    given = [name for name in ("sat_pos_ecef_m", "sat_vel_ecef_mps") if name in columns]
    if len(given) == 1:
        other = ({"sat_pos_ecef_m", "sat_vel_ecef_mps"} - set(given)).pop()
        yield f"[measurement.columns] {other}: missing; {given[0]} alone gives no {observed}."
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


def unknowns_problems(unknowns: list[Any]) -> Iterator[str]:
    """Unknowns named once, the position among them."""
    twice = sorted({repr(one) for one in unknowns if unknowns.count(one) > 1})
    if twice:
        yield f"[estimate] unknowns: {', '.join(twice)} is named twice."
    if "position" not in unknowns:
        yield "[estimate] unknowns: 'position' is missing; a fix solves for it."


def truth_problems(truth: dict[str, Any]) -> Iterator[str]:
    """A surveyed position given once, and whole."""
    geodetic = [name for name in ("latitude_deg", "longitude_deg", "height_m") if name in truth]
    if "ecef_m" in truth and geodetic:
        yield f"[truth] ecef_m and {geodetic[0]}: give one or the other."
    elif truth and "ecef_m" not in truth and len(geodetic) < 3:
        missing = {"latitude_deg", "longitude_deg", "height_m"} - set(geodetic)
        yield f"[truth] {', '.join(sorted(missing))}: missing; or give ecef_m."


def missing_files(raw: dict[str, Any], folder: Path, tables: Iterable[str]) -> Iterator[str]:
    """Files of these tables that cannot be read; paths are relative to the folder."""
    for table in tables:
        name = table_of(raw, table).get("file")
        if isinstance(name, str) and name and not (folder / name).is_file():
            try:
                read_bytes(folder / name)
            except LeopntError as error:
                yield f"[{table}] file: {error}"
