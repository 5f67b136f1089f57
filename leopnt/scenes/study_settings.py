"""Tables of a study that say where everybody is: satellites, times, users, mask and carrier.

The tables only check and hold. What a table cannot see by itself (one of several keys, files,
counts) is said by `study_checks.scene_problems`; `study_scene.build_scene` makes arrays of them.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from leopnt.scenes.fix_tables import (
    CARRIER,
    HEIGHT,
    Carrier,
    Height,
    Latitude,
    Longitude,
)
from leopnt.scenes.settings import SettingsTable

MAX_PLACES = 1_000_000
MAX_DURATION_S = 31 * 86_400.0

Preset = Literal["iridium", "oneweb", "starlink-shell-1", "centispace", "gps", "bds-3"]
Pattern = Literal["delta", "star"]
Name = Annotated[str, Field(min_length=1)]
TwoLatitudes = Annotated[list[Latitude], Field(min_length=2, max_length=2)]
FromToStep = Annotated[list[float], Field(min_length=3, max_length=3)]


def _quoted(literal: object) -> str:
    return ", ".join(repr(one) for one in get_args(literal))


class WalkerSettings(SettingsTable):
    """`[constellation.walker]`: a Walker pattern of circular orbits."""

    pattern: Pattern = Field(description="'delta' (planes all around) or 'star' (over half)")
    satellites: int = Field(
        ge=1, le=100_000, description="the number of satellites, a multiple of planes"
    )
    planes: int = Field(ge=1, le=10_000, description="the number of orbit planes, 1 or more")
    phasing: float = Field(
        default=0.0, description="the phasing F: neighbors in the next plane are F/satellites ahead"
    )
    inclination_deg: float = Field(ge=0, le=180, description="degrees, 0 to 180")
    altitude_km: float = Field(
        ge=160, le=100_000, description="kilometres above the equatorial radius, 160 to 100000"
    )
    node_spread_deg: float | None = Field(
        default=None,
        gt=0,
        le=360,
        description="with pattern 'star': degrees that all planes spread over (planes times their "
        "spacing), above 0 to 360",
    )


class ConstellationSettings(SettingsTable):
    """`[constellation]`: the satellites, from a file, a preset or a Walker pattern."""

    file: str | None = Field(default=None, min_length=1, description="a TLE, OMM or SP3 file")
    max_age_days: float = Field(
        default=3.5, gt=0, description="the oldest element set to use, in days, above 0"
    )
    preset: Preset | None = Field(default=None, description=f"one of {_quoted(Preset)}")
    walker: WalkerSettings | None = Field(
        default=None,
        description="a table with pattern, satellites, planes, inclination_deg and altitude_km",
    )
    satellites: Annotated[list[Name], Field(min_length=1)] | None = Field(
        default=None, description="a list of names of the satellites to keep"
    )


class TimeSettings(SettingsTable):
    """`[time]`: when receivers measure. The last epoch is within the duration."""

    start: str | None = Field(
        default=None, min_length=1, description="a UTC time, as '2025-12-28T12:00:00Z'"
    )
    duration_s: float = Field(
        default=0.0, ge=0, le=MAX_DURATION_S, description="seconds, 0 to 2678400 (31 days)"
    )
    step_s: float = Field(default=60.0, gt=0, description="seconds between epochs, above 0")


class PlaceSettings(SettingsTable):
    """One of `[[users.places]]`: a named place."""

    name: Name = Field(description="text")
    latitude_deg: Latitude
    longitude_deg: Longitude
    height_m: Height = 0.0


class GridSettings(SettingsTable):
    """`[users.grid]`: places at all crossings; poles and doubled meridians are there once."""

    latitude_deg: FromToStep = Field(
        description="[from, to, step] in degrees north, from -90 to 90, the step above 0"
    )
    longitude_deg: FromToStep = Field(
        description="[from, to, step] in degrees east, from -180 to 360, the step above 0"
    )
    height_m: Height = Field(default=0.0, description=HEIGHT)


class RandomPlaceSettings(SettingsTable):
    """`[users.random]`: places scattered evenly over the sphere between two latitudes."""

    count: int = Field(ge=1, le=MAX_PLACES, description=f"the number of places, 1 to {MAX_PLACES}")
    latitude_deg: TwoLatitudes = Field(
        default=[-90.0, 90.0], description="[from, to] in degrees north, from -90 to 90"
    )
    height_m: Height = Field(default=0.0, description=HEIGHT)
    seed: int = Field(default=0, ge=0, description="a whole number, 0 or more")


class WaypointSettings(SettingsTable):
    """One of `[[users.track.waypoints]]`: where the user is at a time."""

    time_s: float = Field(description="seconds since the start")
    latitude_deg: Latitude
    longitude_deg: Longitude
    height_m: Height = 0.0


class TrackSettings(SettingsTable):
    """`[users.track]`: one user who moves, along great circles from waypoint to waypoint."""

    waypoints: Annotated[list[WaypointSettings], Field(min_length=2)] = Field(
        description="two or more tables with time_s, latitude_deg and longitude_deg"
    )


class UsersSettings(SettingsTable):
    """`[users]`: who measures, given in one of five ways."""

    places: Annotated[list[PlaceSettings], Field(min_length=1)] | None = Field(
        default=None, description="tables with name, latitude_deg and longitude_deg"
    )
    cities: Annotated[list[Name], Field(min_length=1)] | None = Field(
        default=None, description="a list of city names"
    )
    grid: GridSettings | None = Field(
        default=None, description="a table with latitude_deg and longitude_deg"
    )
    random: RandomPlaceSettings | None = Field(
        default=None, description="a table with count, and latitude_deg and seed if wanted"
    )
    track: TrackSettings | None = Field(default=None, description="a table with waypoints")


class AntennaSettings(SettingsTable):
    """`[antenna]`: what the receiver's antenna sees."""

    mask_deg: float = Field(
        default=10.0, ge=0, lt=90, description="the lowest elevation in degrees, 0 to below 90"
    )


class SignalSettings(SettingsTable):
    """`[signal]`: what the satellites send."""

    carrier_hz: Carrier = Field(default=1.57542e9, description=CARRIER)


class SceneSettings(SettingsTable):
    """Everything that a scene is built from."""

    constellation: ConstellationSettings = Field(description="a table with file, preset or walker")
    time: TimeSettings = Field(default=TimeSettings(), description="a table")
    users: UsersSettings = Field(description="a table with places, cities, grid, random or track")
    antenna: AntennaSettings = Field(default=AntennaSettings(), description="a table")
    signal: SignalSettings = Field(default=SignalSettings(), description="a table")
