"""The tables of a study in a street: the street, its panels, the walk, what is known how well."""

from __future__ import annotations

import math

from pydantic import Field

from leopnt.scenes.settings import SettingsTable
from leopnt.studies.method import SceneStudySettings


class StreetTable(SettingsTable):
    """`[street]`: two rows of houses; the place of a user is the middle of the street."""

    width_m: float = Field(
        default=20.0, ge=5, le=200, description="metres from facade to facade, 5 to 200"
    )
    height_m: float = Field(
        default=40.0, ge=1, le=1000, description="metres, the height of the houses, 1 to 1000"
    )
    length_m: float = Field(default=200.0, ge=10, le=1e5, description="metres, 10 to 100000")
    azimuth_deg: float = Field(
        default=90.0,
        ge=-360,
        le=360,
        description="the way forward in degrees from north over east, -360 to 360",
    )


class PanelTable(SettingsTable):
    """`[panels]`: reflecting panels, right and left in turn, outward from the middle."""

    count: int = Field(default=2, ge=0, le=8, description="the number of panels, 0 to 8")
    spacing_m: float = Field(
        default=40.0, gt=0, le=1e4, description="metres along the street from one to the next"
    )
    height_m: float = Field(
        default=25.0, gt=0, le=1000, description="metres, the height of their middles, above 0"
    )
    size_m: float = Field(
        default=5.0, gt=0, le=100, description="metres, their width and height, above 0"
    )
    reach_m: float = Field(
        default=150.0, gt=0, le=1e4, description="metres, the longest last leg, above 0"
    )
    satellites: int = Field(
        default=8, ge=1, le=100, description="how many satellites share a panel, 1 to 100"
    )


class WalkTable(SettingsTable):
    """`[walk]`: where the receiver is; it starts anew at the other end."""

    from_m: float = Field(
        default=-60.0, ge=-1e5, le=1e5, description="metres along the street where the walk starts"
    )
    to_m: float = Field(
        default=60.0, ge=-1e5, le=1e5, description="metres along the street where it ends"
    )
    aside_m: float = Field(
        default=-5.0, ge=-100, le=100, description="metres right of the middle of the street"
    )
    speed_mps: float = Field(default=1.4, ge=0, le=100, description="metres a second, 0 to 100")


class ErrorTable(SettingsTable):
    """`[errors]`: what is known how well, one sigma."""

    range_sigma_m: float = Field(
        default=0.2, gt=0, le=1e3, description="a phase as a range in metres, above 0"
    )
    sync_ns: float = Field(
        default=10.0, gt=0, le=1e6, description="the network's time in nanoseconds, above 0"
    )
    survey_sigma_m: float = Field(
        default=0.01, gt=0, le=100, description="the position of a panel in metres, above 0"
    )


class MethodTable(SettingsTable):
    """`[method]`: what counts as available."""

    limit_m: float = Field(
        default=1.0, gt=0, le=1e6, description="the largest horizontal error in metres, above 0"
    )


class UrbanSettings(SceneStudySettings):
    """The whole file of a study in a street."""

    street: StreetTable = Field(default=StreetTable(), description="a table")
    panels: PanelTable = Field(default=PanelTable(), description="a table")
    walk: WalkTable = Field(default=WalkTable(), description="a table")
    errors: ErrorTable = Field(default=ErrorTable(), description="a table")
    method: MethodTable = Field(default=MethodTable(), description="a table")

    @property
    def azimuth_rad(self) -> float:
        """Of the street."""
        return math.radians(self.street.azimuth_deg)
