"""The settings file of a fix from beam powers: its tables, and mistakes across them.

`fix_settings.load_fix_file` reads it where `[measurement] type = "power"`; `scenes.power_scene`
reads what it names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from leopnt.scenes.fix_tables import (
    CARRIER,
    HEIGHT,
    POSITION_COLUMNS,
    REFERENCE_EPOCH,
    STATES_AT,
    TIME_SCALE,
    TYPE,
    VELOCITY_COLUMNS,
    Carrier,
    ColumnName,
    Height,
    LogColumns,
    OutputSettings,
    SatelliteSettings,
    ScaleName,
    StartSettings,
    StatesAt,
    ThreeColumns,
    TruthSettings,
    column,
    state_problems,
    time_problems,
    truth_problems,
    unknowns_problems,
)
from leopnt.scenes.settings import SettingsTable, table_of

PowerUnknown = Literal["position", "level", "frequency_offset"]

TwoCounts = Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=2, max_length=2)]
FourColumns = Annotated[list[ColumnName], Field(min_length=4, max_length=4)]
Offset = Annotated[float, Field(ge=-200, le=200)]
Sigma = Annotated[float, Field(ge=0, le=100)]

_B52_ONLY = ("elements", "floor_db", "spacing_wavelengths")
_B52_RINGS = 4


class PowerColumns(LogColumns):
    """`[measurement.columns]`: which column of the log holds what; the units are fixed."""

    beam: ColumnName = Field(
        default="beam",
        description="the name of the column that holds beams: numbers from 0, or names of the "
        "pattern file",
    )
    power_dbw: ColumnName | None = column("received powers in dBW")
    power_dbm: ColumnName | None = column("received powers in dBm")
    carrier_hz: ColumnName | None = column("each row's carrier in Hz")
    integration_s: ColumnName | None = column("each row's integration time in seconds")
    sat_pos_ecef_m: ThreeColumns | None = POSITION_COLUMNS
    sat_vel_ecef_mps: ThreeColumns | None = VELOCITY_COLUMNS
    quaternion: FourColumns | None = Field(
        default=None,
        description="the names of four columns: a unit quaternion w, x, y, z that turns the axes "
        "of the antenna into ECEF",
    )


class PowerMeasurementSettings(SettingsTable):
    """`[measurement]`: the log of beam powers, and the noise they were measured in."""

    type: Literal["power"] = TYPE
    file: str = Field(min_length=1, description="the log of powers, CSV or Parquet")
    carrier_hz: Carrier | None = Field(default=None, description=CARRIER)
    integration_s: float | None = Field(
        default=None,
        gt=0,
        le=1e4,
        description="the coherent integration time of a power in seconds, above 0 to 10000",
    )
    noise_temperature_k: float = Field(
        default=290.0,
        gt=0,
        le=1e6,
        description="the receiver's noise temperature in kelvin, above 0 to 1000000",
    )
    noise: Literal["coherent", "non-coherent"] = Field(
        default="coherent",
        description="'coherent' (a receiver that knows the carrier's phase) or 'non-coherent'",
    )
    reference_epoch: str | None = REFERENCE_EPOCH
    time_scale: ScaleName = TIME_SCALE
    states_at: StatesAt = STATES_AT
    columns: PowerColumns = Field(default=PowerColumns(), description="a table of column names")


class AntennaSettings(SettingsTable):
    """`[antenna]`: EIRP of the satellite's beams, and how the antenna is held."""

    model: Literal["B52"] | None = Field(default=None, description="'B52'")
    file: str | None = Field(
        default=None,
        min_length=1,
        description="a pattern file: .csv with columns u, v (or theta_deg, phi_deg), beam, "
        "eirp_dbw; .grd, .gxt or .mat",
    )
    elements: Annotated[
        list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=2, max_length=2)
    ] = Field(default=[8, 8], description="two numbers of elements, along x and y, 1 to 1000")
    element_exponent: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="the exponent of the cosine that is the element's power pattern, 0 to 10",
    )
    floor_db: float = Field(
        default=-35.0,
        ge=-200,
        le=0,
        description="the side-lobe floor below the peak in dB, -200 to 0",
    )
    spacing_wavelengths: float = Field(
        default=0.5, gt=0, le=10, description="between elements, in wavelengths, above 0 to 10"
    )
    eirp_offset_db: Offset | list[Offset] = Field(
        default=0.0,
        description="decibels added to the EIRP, -200 to 200: a number, or a list of one per ring "
        "(B52) or beam (file)",
    )
    attitude: Literal["orbit", "quaternion"] = Field(
        default="orbit",
        description="'orbit' (x along-track, z to the Earth's center) or 'quaternion' (columns of "
        "the log)",
    )


class DopplerColumns(LogColumns):
    """`[doppler.columns]`: as for a Doppler fix."""

    doppler_hz: ColumnName = Field(
        default="doppler_hz",
        description="the name of the column that holds Doppler in Hz, positive approaching",
    )
    sigma_hz: ColumnName | None = column("standard deviations in Hz")
    sat_pos_ecef_m: ThreeColumns | None = POSITION_COLUMNS
    sat_vel_ecef_mps: ThreeColumns | None = VELOCITY_COLUMNS


class DopplerTable(SettingsTable):
    """`[doppler]`: Doppler that the same receiver measured."""

    file: str = Field(min_length=1, description="the log of Doppler, CSV or Parquet")
    carrier_hz: Carrier | None = Field(default=None, description=CARRIER)
    sigma_hz: float | None = Field(
        default=None, gt=0, description="the standard deviation of a measurement in Hz, above 0"
    )
    columns: DopplerColumns = Field(default=DopplerColumns(), description="a table of column names")


class PowerEstimateSettings(SettingsTable):
    """`[estimate]`: what is solved for, and what is known."""

    unknowns: list[PowerUnknown] = Field(
        default=["position"],
        description="a list of names out of "
        + ", ".join(repr(one) for one in get_args(PowerUnknown)),
    )
    height_m: Height = Field(default=0.0, description=HEIGHT)
    height_sigma_m: float = Field(
        default=1000.0,
        gt=0,
        allow_inf_nan=True,
        description="the standard deviation of height_m in metres, above 0; inf for not known",
    )
    eirp_sigma_db: Sigma | list[Sigma] | Annotated[str, Field(min_length=1)] = Field(
        default=0.0,
        description="the standard deviation of each beam's EIRP in dB, 0 to 100: a number, a list "
        "of one per beam, or a CSV file with columns beam, sigma_db",
    )
    level_sigma_db: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="the standard deviation of the level common to all beams in dB, above 0",
    )
    receiver_gain_dbi: float = Field(
        default=0.0,
        ge=-100,
        le=100,
        description="the gain of the receiver's antenna in dBi, -100 to 100",
    )
    start: StartSettings | None = Field(
        default=None, description="a table with latitude_deg and longitude_deg"
    )


class PowerFixSettings(SettingsTable):
    """The whole file."""

    title: str = Field(default="", description="text")
    measurement: PowerMeasurementSettings = Field(description="a table with type and file")
    satellites: SatelliteSettings | None = Field(
        default=None, description="a table with the name of a TLE, OMM or SP3 file"
    )
    antenna: AntennaSettings = Field(description="a table with model or file")
    doppler: DopplerTable | None = Field(
        default=None, description="a table with the name of a Doppler log"
    )
    estimate: PowerEstimateSettings = Field(default=PowerEstimateSettings(), description="a table")
    truth: TruthSettings | None = Field(default=None, description="a table")
    output: OutputSettings = Field(default=OutputSettings(), description="a table")


# Mistakes across fields


def power_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Mistakes across the fields of a fix from powers."""
    yield from time_problems(raw)
    yield from state_problems(raw, "axes of the antenna")
    yield from _given_once(raw)
    yield from _antenna_problems(raw)
    yield from _doppler_problems(raw)
    yield from _estimate_problems(raw)
    yield from truth_problems(table_of(raw, "truth"))


def _given_once(raw: dict[str, Any]) -> Iterator[str]:
    measurement, columns = table_of(raw, "measurement"), table_of(raw, "measurement", "columns")
    if {"power_dbw", "power_dbm"} <= set(columns):
        yield "[measurement.columns] power_dbw and power_dbm: give one of them."
    for name, accepted in (
        ("carrier_hz", CARRIER),
        ("integration_s", "the coherent integration time of a power in seconds"),
    ):
        if name in columns and name in measurement:
            yield f"[measurement] {name}: the column {name} gives it already; drop one."
        if name not in columns and name not in measurement:
            yield f"[measurement] {name}: missing; expected {accepted}, or a column."


def _antenna_problems(raw: dict[str, Any]) -> Iterator[str]:
    antenna = table_of(raw, "antenna")
    if {"model", "file"} <= set(antenna):
        yield "[antenna] model and file: give one of them."
    elif antenna and not {"model", "file"} & set(antenna):
        yield "[antenna] model: missing; expected 'B52', or a pattern file."
    if "file" in antenna:
        for name in _B52_ONLY:
            if name in antenna:
                yield f"[antenna] {name}: goes with model = 'B52'; the pattern file has its own."
    has_columns = "quaternion" in table_of(raw, "measurement", "columns")
    if antenna.get("attitude") == "quaternion" and not has_columns:
        yield (
            "[antenna] attitude = 'quaternion': needs [measurement.columns] quaternion, four "
            "columns of the log."
        )
    elif has_columns and antenna.get("attitude", "orbit") == "orbit":
        yield "[measurement.columns] quaternion: goes with [antenna] attitude = 'quaternion'."
    offset = antenna.get("eirp_offset_db")
    if "model" in antenna and isinstance(offset, list) and len(offset) != _B52_RINGS:
        yield (
            f"[antenna] eirp_offset_db: {len(offset)} numbers; expected one, or {_B52_RINGS}, one "
            "per ring of B52."
        )


def _doppler_problems(raw: dict[str, Any]) -> Iterator[str]:
    doppler, columns = table_of(raw, "doppler"), table_of(raw, "doppler", "columns")
    if not doppler:
        return
    if "sigma_hz" in doppler and "sigma_hz" in columns:
        yield "[doppler] sigma_hz: the column sigma_hz gives it already; drop one."
    if "sigma_hz" not in doppler and "sigma_hz" not in columns:
        yield "[doppler] sigma_hz: missing; beside powers Doppler needs its sigma, or a column."
    if "carrier_hz" not in doppler and "carrier_hz" in table_of(raw, "measurement", "columns"):
        yield f"[doppler] carrier_hz: missing; expected {CARRIER}."
    given = [name for name in ("sat_pos_ecef_m", "sat_vel_ecef_mps") if name in columns]
    if given and "satellites" in raw:
        yield (
            f"[satellites] and [doppler.columns] {given[0]}: satellite states would come from two "
            "places; drop one."
        )
    if len(given) < 2 and "satellites" not in raw:
        yield (
            "[doppler.columns] sat_pos_ecef_m and sat_vel_ecef_mps: expected both where there is "
            "no [satellites] file."
        )
    yield from _doppler_times(raw, columns)


def _doppler_times(raw: dict[str, Any], columns: dict[str, Any]) -> Iterator[str]:
    times = [name for name in ("time_s", "time_utc", "time_unix_s") if name in columns]
    if len(times) > 1:
        yield f"[doppler.columns] {' and '.join(times)}: give one of them."
    is_relative = times == ["time_s"] or not times
    has_epoch = "reference_epoch" in table_of(raw, "measurement")
    if is_relative and "satellites" in raw and not has_epoch:
        yield (
            "[doppler.columns] time_utc or time_unix_s: missing; there is no reference_epoch that "
            "time_s could count from."
        )


def _estimate_problems(raw: dict[str, Any]) -> Iterator[str]:
    estimate = table_of(raw, "estimate")
    unknowns = estimate.get("unknowns", ["position"])
    if not isinstance(unknowns, list):
        return
    yield from unknowns_problems(unknowns)
    if "frequency_offset" in unknowns and "doppler" not in raw:
        yield "[estimate] unknowns: 'frequency_offset' needs a [doppler] table; there is none."
    if "level_sigma_db" in estimate and "level" not in unknowns:
        yield "[estimate] level_sigma_db: goes with the unknown 'level', which is not named."
