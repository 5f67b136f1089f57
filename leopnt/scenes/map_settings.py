"""The file of `leopnt map`: satellites, times, grid, measurements, and what users know."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from leopnt.scenes.fix_tables import HEIGHT, Height
from leopnt.scenes.settings import SettingsTable, field_problems, table_of
from leopnt.scenes.study_checks import count_epochs, scene_problems
from leopnt.scenes.study_settings import (
    AntennaSettings,
    ConstellationSettings,
    SignalSettings,
    TimeSettings,
)

MAX_CELLS = 5_000_000
"""Most cells of a grid."""

MAX_KEPT = 200_000_000
"""Most values, cells times epochs, that percentiles keep in memory: 8 bytes each."""

Sigma = Annotated[float, Field(gt=0, le=1e9)]
Quantity = Literal[
    "num_visible",
    "gdop",
    "pdop",
    "hdop",
    "vdop",
    "tdop",
    "position_m",
    "horizontal_m",
    "vertical_m",
    "clock_s",
    "velocity_mps",
    "drift",
]
Percent = Annotated[float, Field(gt=0, le=100)]
Two = Annotated[list[float], Field(min_length=2, max_length=2)]
State = Literal["unknown", "known"]
BOUNDS = ("position_m", "horizontal_m", "vertical_m", "clock_s", "velocity_mps", "drift")
_PARTS = {
    "position_m": "position",
    "horizontal_m": "position",
    "vertical_m": "position",
    "clock_s": "clock",
    "velocity_mps": "velocity",
    "drift": "drift",
}
"""Which key of `[user]` each bound is about."""

_KNOWN = "'unknown' at every epoch, 'known', or the standard deviation of what is known of it"


class MapTable(SettingsTable):
    """`[map]`: the grid, and what is shown of it."""

    step_deg: float = Field(
        default=5.0, ge=0.1, le=60, description="the side of a cell in degrees, 0.1 to 60"
    )
    latitude_deg: Two = Field(
        default=[-90.0, 90.0], description="[south, north] in degrees, from -90 to 90"
    )
    longitude_deg: Two = Field(
        default=[-180.0, 180.0],
        description="[west, east] in degrees, from -360 to 360, at most 360 apart; across 180 "
        "degrees [170, 190] or [170, -170]",
    )
    figure: Literal["ellipsoid", "sphere"] = Field(
        default="ellipsoid", description="'ellipsoid' (WGS 84) or 'sphere' (equatorial radius)"
    )
    height_m: Height = Field(default=0.0, description=HEIGHT)
    quantity: Quantity | None = Field(
        default=None,
        description="one of 'num_visible', 'gdop', 'pdop', 'hdop', 'vdop', 'tdop', and with "
        "[measurements] 'position_m', 'horizontal_m', 'vertical_m', 'clock_s', 'velocity_mps', "
        "'drift'",
    )
    limit: float | None = Field(
        default=None,
        gt=0,
        description="the largest value (of num_visible the smallest) that counts as available, "
        "above 0",
    )
    percentiles: Annotated[list[Percent], Field(min_length=1, max_length=10)] = Field(
        default=[50.0, 95.0], description="1 to 10 percentages, above 0 to 100"
    )

    @field_validator("longitude_deg")
    @classmethod
    def _across_180_degrees(cls, longitude_deg: list[float]) -> list[float]:
        """[170, -170] is [170, 190], if the region is not wider than half the Earth."""
        west, east = longitude_deg
        is_across = -180.0 <= east < west <= 180.0 and east + 360.0 - west <= 180.0
        return [west, east + 360.0] if is_across else longitude_deg


class MeasurementSettings(SettingsTable):
    """`[measurements]`: standard deviations of what is measured; without it, DOP only."""

    pseudorange_m: Sigma | None = Field(default=None, description="metres, above 0")
    carrier_phase_m: Sigma | None = Field(
        default=None, description="metres, above 0; ambiguities are known"
    )
    doppler_hz: Sigma | None = Field(default=None, description="Hz at carrier_hz, above 0")
    carrier_difference_m: Sigma | None = Field(
        default=None, description="metres, above 0; carrier phase with unknown ambiguities"
    )
    carrier_difference_s: Sigma | None = Field(
        default=None, description="seconds between the two epochs of a difference, above 0"
    )
    ephemeris_m: float = Field(
        default=0.0, ge=0, le=1e9, description="metres along the line of sight, 0 or more"
    )
    ephemeris_mps: float = Field(
        default=0.0,
        ge=0,
        le=1e9,
        description="metres per second along the line of sight, 0 or more",
    )


class UserSettings(SettingsTable):
    """`[user]`: what users know before they measure."""

    position: State | Sigma = Field(default="unknown", description=f"{_KNOWN}, metres")
    clock: State | Sigma = Field(default="unknown", description=f"{_KNOWN}, seconds")
    velocity: State | Sigma = Field(default="known", description=f"{_KNOWN}, m/s")
    drift: State | Sigma = Field(default="unknown", description=f"{_KNOWN}, s/s")


class MapSettings(SettingsTable):
    """A whole file."""

    title: str = Field(default="", description="text")
    constellation: ConstellationSettings = Field(description="a table with file, preset or walker")
    time: TimeSettings = Field(default=TimeSettings(), description="a table")
    antenna: AntennaSettings = Field(default=AntennaSettings(), description="a table")
    signal: SignalSettings = Field(default=SignalSettings(), description="a table")
    map: MapTable = Field(default=MapTable(), description="a table")
    measurements: MeasurementSettings | None = Field(default=None, description="a table")
    user: UserSettings = Field(default=UserSettings(), description="a table")

    @property
    def quantity(self) -> str:
        """What percentiles, limit and pictures are about."""
        return self.map.quantity or ("position_m" if self.measurements else "pdop")


def map_problems(raw: dict[str, Any], folder: Path) -> Iterator[str]:
    """A sentence for each mistake of a map file."""
    yield from field_problems(MapSettings, raw)
    yield from scene_problems({name: one for name, one in raw.items() if name != "users"}, folder)
    yield from _grid_problems(raw)
    yield from _limit_problems(table_of(raw, "map"))
    yield from _measurement_problems(raw)
    try:
        settings = MapSettings.model_validate(raw)
    except ValidationError:
        return
    yield from _size_problems(settings)
    yield from _step_problems(settings.time)


def num_cells(table: MapTable) -> int:
    """Cells of the grid."""
    rows, columns = (
        max(1, math.ceil((high - low) / table.step_deg - 1e-9))
        for low, high in (table.latitude_deg, table.longitude_deg)
    )
    return rows * columns


def _grid_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Edges that are no region, and steps too small for it, whatever else is wrong in `[map]`."""
    table = table_of(raw, "map")
    latitude, longitude, step = (
        _alone(table, name) for name in ("latitude_deg", "longitude_deg", "step_deg")
    )
    wrong = []
    if latitude is not None:
        south, north = latitude.latitude_deg
        if not -90 <= south < north <= 90:
            wrong.append(
                f"[map] latitude_deg = {latitude.latitude_deg}: expected [south, north], -90 to "
                "90, south less than north."
            )
    if longitude is not None:
        west, east = longitude.longitude_deg
        if not (-360 <= west < east <= 360 and east - west <= 360):
            wrong.append(
                f"[map] longitude_deg = {longitude.longitude_deg}: expected [west, east], -360 to "
                "360, west less than east, at most 360 apart; across 180 degrees [170, 190] or "
                "[170, -170]."
            )
    yield from wrong
    if latitude is None or longitude is None or step is None or wrong:
        return
    table = step.model_copy(
        update={"latitude_deg": latitude.latitude_deg, "longitude_deg": longitude.longitude_deg}
    )
    if num_cells(table) > MAX_CELLS:
        yield (
            f"[map] step_deg = {table.step_deg:g}: {num_cells(table)} cells in this region; "
            f"expected at most {MAX_CELLS}: {_least_step_deg(table):g} degrees or more, or a "
            "smaller region."
        )


def _limit_problems(table: dict[str, Any]) -> Iterator[str]:
    limit = table.get("limit")
    if table.get("quantity") == "num_visible" and isinstance(limit, float) and limit % 1.0:
        yield f"[map] limit = {limit!r}: of num_visible, expected a whole number of satellites."


def _step_problems(time: TimeSettings) -> Iterator[str]:
    if time.step_s > time.duration_s > 0.0:
        yield (
            f"[time] step_s = {time.step_s:g}: longer than duration_s = {time.duration_s:g}; "
            "expected at most that, or duration_s = 0 for one epoch."
        )


def _alone(table: dict[str, Any], name: str) -> MapTable | None:
    """A table of this key only, if it is right by itself."""
    try:
        return MapTable.model_validate({name: table[name]} if name in table else {})
    except ValidationError:
        return None


def _least_step_deg(table: MapTable) -> float:
    """A step with cells few enough, to a thousandth of a degree."""
    (south, north), (west, east) = table.latitude_deg, table.longitude_deg
    return math.ceil(1e3 * math.sqrt((north - south) * (east - west) / MAX_CELLS)) / 1e3


def _measurement_problems(raw: dict[str, Any]) -> Iterator[str]:
    table = table_of(raw, "measurements")
    quantity = table_of(raw, "map").get("quantity")
    names = ("pseudorange_m", "carrier_phase_m", "doppler_hz", "carrier_difference_m")
    given = [name for name in names if table.get(name) is not None]
    if "measurements" not in raw:
        if quantity in BOUNDS:
            yield f"[map] quantity = {quantity!r}: needs [measurements], which is not given."
        if "user" in raw:
            yield "[user]: goes with [measurements], which is not given."
        return
    if not given:
        yield f"[measurements]: expected one or more of {', '.join(names)}."
    if ("carrier_difference_m" in table) != ("carrier_difference_s" in table):
        yield "[measurements] carrier_difference_m and carrier_difference_s: give both or neither."
    has_range = any(name in given for name in names[:2])
    has_rate = any(name in given for name in names[2:])
    user = table_of(raw, "user")
    needs = {"clock_s": has_range, "velocity_mps": has_rate, "drift": has_rate}
    if given and not needs.get(str(quantity), True):
        what = "pseudorange_m or carrier_phase_m" if quantity == "clock_s" else "doppler_hz"
        yield f"[map] quantity = {quantity!r}: cannot be told without {what}."
    known = UserSettings().model_dump() | user
    dependent = {"position": True, "clock": has_range, "velocity": has_rate, "drift": has_rate}
    part = _PARTS.get(str(quantity or "position_m"))
    if given and all(known[name] == "known" for name, seen in dependent.items() if seen):
        yield "[user]: all that these measurements depend on is 'known'; nothing to estimate."
    elif part is not None and known[part] == "known":
        told = f" = {quantity!r}" if quantity else ", 'position_m' where none is given"
        yield f"[map] quantity{told}: [user] {part} is 'known'; nothing to show."


def _size_problems(settings: MapSettings) -> Iterator[str]:
    epochs, cells = count_epochs(settings.time), num_cells(settings.map)
    if epochs * cells > MAX_KEPT:
        yield (
            f"[map] and [time]: {cells} cells at {epochs} epochs are {cells * epochs} values; "
            f"expected at most {MAX_KEPT}. Take larger steps."
        )
