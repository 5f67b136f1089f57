"""The file of a study of 9D bounds below a constellation: tables, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from leopnt.scenes.satellite_choice import AbstractChoice, AllInView, Highest, Spread
from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.scenes.study_settings import SceneSettings, SignalSettings
from leopnt.studies.method import SkySettings
from leopnt.studies.nine_d_link import LinkTable
from leopnt.studies.nine_d_tables import (
    ArrayTable,
    LimitsTable,
    NineDSignalTable,
    PriorTable,
    SlotsTable,
    UnknownsTable,
)

DEFAULT_SATELLITES = 4

Velocity = Annotated[list[float], Field(min_length=3, max_length=3)]


class GeometryTable(SlotsTable):
    """`[geometry]`: which satellites in view are used, and over which slots."""

    choose: Literal["spread", "highest", "all"] = Field(
        default="spread",
        description="'spread' (the highest, then each time the one farthest in angle), 'highest' "
        "or 'all'",
    )
    satellites: int | None = Field(
        default=None,
        ge=1,
        le=200,
        description="the satellites that are used, 1 to 200; default 4, and none with 'all'",
    )


class ReceiverTable(SettingsTable):
    """`[receiver]`: how it is held over the ground (axes forward, right, down), how it moves."""

    attitude: Literal["fixed", "random"] = Field(
        default="fixed",
        description="'fixed' (as the angles say) or 'random' (drawn in every trial: any heading, "
        "pitch and roll within tilt_deg)",
    )
    heading_deg: float = Field(
        default=0.0, ge=-360, le=360, description="degrees from north over east, -360 to 360"
    )
    pitch_deg: float = Field(
        default=0.0, ge=-90, le=90, description="degrees, nose up positive, -90 to 90"
    )
    roll_deg: float = Field(
        default=0.0, ge=-180, le=180, description="degrees, right side down positive, -180 to 180"
    )
    tilt_deg: float = Field(
        default=0.0,
        ge=0,
        le=90,
        description="with attitude 'random': pitch and roll are uniform within plus or minus this "
        "many degrees, 0 to 90",
    )
    velocity_enu_mps: Velocity = Field(
        default=[0.0, 0.0, 0.0], description="[east, north, up] in m/s, for users who stand"
    )


class NineDSettings(SkySettings):
    """The whole file of a study of 9D bounds below a constellation."""

    geometry: GeometryTable = Field(default=GeometryTable(), description="a table")
    receiver: ReceiverTable = Field(default=ReceiverTable(), description="a table")
    array: ArrayTable = Field(default=ArrayTable(), description="a table")
    signal: NineDSignalTable = Field(default=NineDSignalTable(), description="a table")
    link: LinkTable | None = Field(default=None, description="a table with eirp_dbw")
    method: UnknownsTable = Field(default=UnknownsTable(), description="a table")
    priors: PriorTable = Field(default=PriorTable(), description="a table")
    limits: LimitsTable = Field(default=LimitsTable(), description="a table")

    @property
    def scene(self) -> SceneSettings:
        """The tables of the scene as one."""
        return self.scene_with(SignalSettings(carrier_hz=self.signal.carrier_hz))


def choice_of(geometry: GeometryTable) -> AbstractChoice:
    """Which of the satellites in view are used."""
    count = DEFAULT_SATELLITES if geometry.satellites is None else geometry.satellites
    choices = {"spread": Spread(count), "highest": Highest(count), "all": AllInView()}
    return choices[geometry.choose]


def own_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Sentences on tables of this file that contradict each other."""
    geometry, receiver = table_of(raw, "geometry"), table_of(raw, "receiver")
    if geometry.get("choose") == "all" and "satellites" in geometry:
        yield (
            f"[geometry] satellites = {shown(geometry['satellites'])}: goes with 'spread' and "
            "'highest'; with choose = 'all' every satellite above the mask is used."
        )
    is_random = receiver.get("attitude") == "random"
    for name in ("heading_deg", "pitch_deg", "roll_deg") if is_random else ("tilt_deg",):
        if name in receiver:
            other = "fixed" if is_random else "random"
            yield f"[receiver] {name} = {shown(receiver[name])}: goes with attitude = '{other}'."
    if "velocity_enu_mps" in receiver and "track" in table_of(raw, "users"):
        yield "[receiver] velocity_enu_mps: the track of [users] says how the receiver moves."
    trials = table_of(raw, "study").get("trials")
    if not is_random and isinstance(trials, int) and trials > 1:
        yield (
            f"[study] trials = {shown(trials)}: nothing is random with [receiver] attitude = "
            "'fixed'; expected 1."
        )
