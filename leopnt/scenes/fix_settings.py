"""The settings file of a position fix: what may stand in it, and every mistake in one message.

A small TOML. Paths in it are relative to the file; nothing in it is executed. The models only check
and hold; `scenes.doppler_scene` reads what they name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field

from leopnt.errors import LeopntError
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
    FixFile,
    Height,
    LogColumns,
    OutputSettings,
    SatelliteSettings,
    ScaleName,
    StartSettings,
    StatesAt,
    ThreeColumns,
    TruthSettings,
    carrier_hint,
    column,
    missing_files,
    state_problems,
    time_problems,
    truth_problems,
    unknowns_problems,
)
from leopnt.scenes.power_fix_settings import PowerFixSettings, power_problems
from leopnt.scenes.settings import (
    SettingsTable,
    field_problems,
    listed,
    read_toml,
    require_file_of,
    table_of,
)

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


class ColumnSettings(LogColumns):
    """`[measurement.columns]`: which column of the log holds what; the units are fixed."""

    doppler_hz: ColumnName = Field(
        default="doppler_hz",
        description="the name of the column that holds Doppler in Hz, positive approaching",
    )
    carrier_hz: ColumnName | None = column("each measurement's carrier in Hz")
    sigma_hz: ColumnName | None = column("standard deviations in Hz")
    sat_pos_ecef_m: ThreeColumns | None = POSITION_COLUMNS
    sat_vel_ecef_mps: ThreeColumns | None = VELOCITY_COLUMNS


class MeasurementSettings(SettingsTable):
    """`[measurement]`: the log and what was measured."""

    type: Literal["doppler"] = TYPE
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
    reference_epoch: str | None = REFERENCE_EPOCH
    time_scale: ScaleName = TIME_SCALE
    states_at: StatesAt = STATES_AT
    columns: ColumnSettings = Field(default=ColumnSettings(), description="a table of column names")


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


_MODELS: dict[str, type[FixSettings] | type[PowerFixSettings]] = {
    "doppler": FixSettings,
    "power": PowerFixSettings,
}


def settings_class(raw: dict[str, Any]) -> type[FixSettings] | type[PowerFixSettings]:
    """The tables that `[measurement] type` asks for; where it is none, an antenna means powers."""
    nearest = PowerFixSettings if "antenna" in raw else FixSettings
    return _MODELS.get(str(table_of(raw, "measurement").get("type")), nearest)


def load_fix_file(path: str | Path) -> FixFile[FixSettings] | FixFile[PowerFixSettings]:
    """Read and check the settings of a fix without running it; its `type` says of which kind.

    Raises:
        LeopntError: no such file; a file for another command; or a line for every mistake: its
            place, the value found, what is accepted, and the nearest accepted word.
        FormatError: not TOML.
    """
    path = Path(path)
    text, raw = read_toml(path)
    require_file_of("fix", path, raw)
    model = settings_class(raw)
    across = cross_problems if model is FixSettings else power_problems
    tables = ("measurement", "satellites", "doppler", "antenna")
    problems = [
        *field_problems(model, raw, carrier_hint),
        *across(raw),
        *missing_files(raw, path.parent, tables),
    ]
    if problems:
        raise LeopntError(listed(path, problems))
    if model is FixSettings:
        return FixFile(path, text, FixSettings.model_validate(raw))
    return FixFile(path, text, PowerFixSettings.model_validate(raw))


# Mistakes across fields


def cross_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Mistakes across the fields of a Doppler fix."""
    yield from time_problems(raw)
    yield from state_problems(raw, "Doppler")
    yield from _carrier_problems(raw)
    yield from _estimate_problems(table_of(raw, "estimate"))
    yield from truth_problems(table_of(raw, "truth"))


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
    yield from unknowns_problems(unknowns)
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
