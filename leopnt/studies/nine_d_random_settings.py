"""The file of a study of 9D bounds over random geometries."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from pydantic import Field

from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.studies.method import CommonSettings
from leopnt.studies.nine_d_tables import (
    ArrayTable,
    LimitsTable,
    NineDSignalTable,
    PriorTable,
    SlotsTable,
    UnknownsTable,
    antennas_of,
)


class GeometryTable(SlotsTable):
    """`[geometry]`: satellites, drawn anew in every trial."""

    motion: Literal["orbit", "integrated", "seed"] = Field(
        default="orbit",
        description="'orbit' (circular arcs), 'seed' (a new direction in every slot, as the paper "
        "prints it) or 'integrated' (the same, with positions that follow)",
    )
    satellites: int = Field(default=3, ge=1, le=100, description="the satellites, 1 to 100")
    range_m: float = Field(
        default=2e6, ge=1e3, le=1e8, description="the first distance of satellites in metres"
    )
    speed_mps: float = Field(
        default=8000.0, ge=0, le=1e5, description="the speed of satellites in m/s, 0 to 1e5"
    )


class ReceiverTable(SettingsTable):
    """`[receiver]`: where it is, how it moves and how it is turned, drawn anew in every trial."""

    offset_m: float = Field(
        default=30.0, ge=0, le=1e6, description="its distance from the origin in metres, 0 to 1e6"
    )
    speed_mps: float = Field(
        default=25.0, ge=0, le=1e5, description="its speed in m/s, 0 to 1e5, in any direction"
    )
    orientation_spread_rad: float = Field(
        default=1.0,
        ge=0,
        le=math.pi,
        description="yaw, pitch and roll are uniform within plus or minus this many rad, 0 to pi",
    )


class NineDRandomSettings(CommonSettings):
    """The whole file of a study of 9D bounds over random geometries."""

    geometry: GeometryTable = Field(default=GeometryTable(), description="a table")
    receiver: ReceiverTable = Field(default=ReceiverTable(), description="a table")
    array: ArrayTable = Field(default=ArrayTable(), description="a table")
    signal: NineDSignalTable = Field(default=NineDSignalTable(), description="a table")
    method: UnknownsTable = Field(default=UnknownsTable(), description="a table")
    priors: PriorTable = Field(default=PriorTable(), description="a table")
    limits: LimitsTable = Field(default=LimitsTable(), description="a table")


def size_problems(raw: dict[str, Any]) -> Iterator[str]:
    """An array that reaches as far as the satellites."""
    try:
        array = ArrayTable.model_validate(table_of(raw, "array"))
        signal = NineDSignalTable.model_validate(table_of(raw, "signal"))
        geometry = GeometryTable.model_validate(table_of(raw, "geometry"))
    except ValueError:  # said elsewhere
        return
    antennas_m = antennas_of(array, signal.carrier_hz)
    size_m = float(np.max(np.linalg.norm(antennas_m, axis=1)))
    if 2.0 * size_m >= geometry.range_m:
        yield (
            f"[array] an antenna is {size_m:g} m from the centroid, too far for satellites at "
            f"[geometry] range_m = {shown(geometry.range_m)}."
        )
