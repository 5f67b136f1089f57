"""The file of `leopnt map`: satellites, times, grid, measurements, and what users know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from leopnt.scenes.fix_tables import HEIGHT, Height
from leopnt.scenes.settings import SettingsTable, field_problems, table_of
from leopnt.scenes.study_checks import count_epochs, scene_problems
from leopnt.scenes.study_settings import (
    AntennaSettings,
    ConstellationSettings,
    SignalSettings,
    TimeSettings,
)

MAX_KEPT = 200_000_000
"""Most values, cells times epochs, that percentiles may need in memory."""

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
        description="[west, east] in degrees, from -360 to 360, at most 360 apart",
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
    yield from _measurement_problems(raw)
    try:
        settings = MapSettings.model_validate(raw)
    except ValidationError:
        return
    yield from _size_problems(settings)


def num_cells(table: MapTable) -> int:
    """Cells of the grid."""
    counts = [
        (high - low) / table.step_deg for low, high in (table.latitude_deg, table.longitude_deg)
    ]
    return int(counts[0] + 1) * int(counts[1] + 1)


def _grid_problems(raw: dict[str, Any]) -> Iterator[str]:
    try:
        table = MapTable.model_validate(table_of(raw, "map"))
    except ValidationError:
        return
    south, north = table.latitude_deg
    if not -90 <= south < north <= 90:
        yield f"[map] latitude_deg = {table.latitude_deg}: expected [south, north], -90 to 90."
    west, east = table.longitude_deg
    if not (-360 <= west < east <= 360 and east - west <= 360):
        yield (
            f"[map] longitude_deg = {table.longitude_deg}: expected [west, east], -360 to 360, at "
            "most 360 apart."
        )


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
    if quantity == "velocity_mps" and user.get("velocity", "known") == "known":
        yield "[map] quantity = 'velocity_mps': [user] velocity is 'known'; nothing to show."
    dependent = {"position": True, "clock": has_range, "velocity": has_rate, "drift": has_rate}
    defaults = UserSettings().model_dump()
    if given and all(
        user.get(name, defaults[name]) == "known" for name, seen in dependent.items() if seen
    ):
        yield "[user]: all that these measurements depend on is 'known'; nothing to estimate."


def _size_problems(settings: MapSettings) -> Iterator[str]:
    epochs, cells = count_epochs(settings.time), num_cells(settings.map)
    if epochs * cells > MAX_KEPT:
        yield (
            f"[map] and [time]: {cells} cells at {epochs} epochs are {cells * epochs} values; "
            f"expected at most {MAX_KEPT}. Take larger steps."
        )
