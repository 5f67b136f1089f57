"""The file of a PACE study: tables, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from leopnt.antennas.steering import UniformPlanarArray
from leopnt.errors import LeopntError
from leopnt.methods.pace import (
    AbstractBands,
    FullBand,
    OwnBand,
    PaceScene,
    PaceSystem,
    default_scene,
    pace_scene_from_ephemeris,
)
from leopnt.scenes.constellation import load_satellites
from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.scenes.sky_scene import Place, city
from leopnt.scenes.study_checks import scene_problems
from leopnt.scenes.study_settings import ConstellationSettings, TimeSettings
from leopnt.signals.ofdm import OfdmGrid
from leopnt.studies.method import CommonSettings

Span = Annotated[list[float], Field(min_length=2, max_length=2)]

NUM_SAT = 8
"""Satellites of a scene."""

_BEARING_DEG = np.array([20.0, 100.0, 200.0, 290.0])
_METERS_PER_DEGREE = 111.2e3
_TIME = {"start": "start", "duration_s": "after_s"}


class PowerTable(SettingsTable):
    """`[power]`: over all subcarriers."""

    satellite_dbm: float = Field(
        default=50.0, ge=-100, le=90, description="of each satellite in dBm, -100 to 90"
    )
    user_dbm: float = Field(
        default=30.0, ge=-100, le=90, description="of each user in dBm, -100 to 90"
    )


class PaceArrayTable(SettingsTable):
    """`[array]`: of every satellite, half a wavelength apart."""

    side: int = Field(default=8, ge=1, le=64, description="the elements of each side, 1 to 64")


class PaceSignalTable(SettingsTable):
    """`[signal]`: carrier and grids of pilots."""

    carrier_hz: float = Field(
        default=12.7e9, ge=1e8, le=1e11, description="the carrier in Hz, 1e8 to 1e11"
    )
    spacing_hz: float = Field(
        default=120e3, ge=1e3, le=1e7, description="the subcarrier spacing in Hz, 1e3 to 1e7"
    )
    subcarriers: int = Field(
        default=1024, ge=8, le=65536, description="a multiple of 8 (satellites), 8 to 65536"
    )
    downlink_symbols: int = Field(
        default=10_000, ge=2, le=10**7, description="the positioning pilots, 2 to 10000000 symbols"
    )
    uplink_symbols: int = Field(
        default=1000, ge=1, le=10**7, description="the uplink pilots, 1 to 10000000 symbols"
    )


class OffsetTable(SettingsTable):
    """`[offsets]`: clock biases and frequency offsets of the satellites."""

    kind: Literal["fixed", "drawn"] = Field(
        default="fixed",
        description="'fixed' (those of the default scene) or 'drawn' (in every trial, uniform)",
    )
    clock_bias_ns: Span = Field(
        default=[80.0, 120.0], description="[lowest, highest] of drawn clock biases in ns"
    )
    freq_offset_hz: Span = Field(
        default=[1000.0, 1500.0], description="[lowest, highest] of drawn frequency offsets in Hz"
    )
    clock_scale: float = Field(
        default=1.0,
        ge=0,
        le=1e6,
        description="drawn clock biases are multiplied with this, 0 to 1e6",
    )
    freq_scale: float = Field(
        default=1.0,
        ge=0,
        le=1e6,
        description="drawn frequency offsets are multiplied with this, 0 to 1e6",
    )


class BelievedTable(SettingsTable):
    """`[believed]`: how wrong the positions are that the uplink takes."""

    error_m: float = Field(
        default=0.0,
        ge=0,
        le=1e5,
        description="the horizontal error in metres, 0 to 1e5, in eight directions by turns",
    )


class PacePlaceTable(SettingsTable):
    """`[place]`: where the users are, and when, below a constellation."""

    city: str = Field(min_length=1, description="the name of a city")
    user_distance_m: float = Field(
        default=30e3,
        ge=0,
        le=3e5,
        description="metres from the city to each of the four users, 0 to 3e5",
    )
    start: str | None = Field(
        default=None, min_length=1, description="a UTC time, as '2025-12-28T12:00:00Z'"
    )
    after_s: float = Field(
        default=0.0, ge=0, le=86400, description="seconds after start, 0 to 86400"
    )
    mask_deg: float = Field(
        default=30.0, ge=5, le=85, description="the lowest elevation in degrees, 5 to 85"
    )


class PaceMethodTable(SettingsTable):
    """`[method]`: what is computed, and how."""

    compute: Literal["bounds", "rates"] = Field(
        default="bounds", description="'bounds' or 'rates' (of beams on drawn channel estimates)"
    )
    account: Literal["own", "full"] = Field(
        default="own",
        description="'own' (S3 satellites keep their share of the band) or 'full' (the whole band)",
    )


class PaceSettings(CommonSettings):
    """The whole file of a PACE study."""

    constellation: ConstellationSettings | None = Field(
        default=None, description="a table with file, preset or walker"
    )
    place: PacePlaceTable | None = Field(default=None, description="a table with city")
    power: PowerTable = Field(default=PowerTable(), description="a table")
    array: PaceArrayTable = Field(default=PaceArrayTable(), description="a table")
    signal: PaceSignalTable = Field(default=PaceSignalTable(), description="a table")
    offsets: OffsetTable = Field(default=OffsetTable(), description="a table")
    believed: BelievedTable = Field(default=BelievedTable(), description="a table")
    method: PaceMethodTable = Field(default=PaceMethodTable(), description="a table")


def system_of(settings: PaceSettings, side: int) -> PaceSystem:
    """Carrier and grids of the file, arrays of side x side; noise and losses of the paper."""
    signal = settings.signal
    default = PaceSystem()
    grids = [
        OfdmGrid(signal.subcarriers, signal.spacing_hz, count)
        for count in (signal.downlink_symbols, signal.uplink_symbols)
    ]
    return PaceSystem(
        carrier_hz=signal.carrier_hz,
        noise_w=default.noise_w * signal.spacing_hz / default.downlink.spacing_hz,
        downlink=grids[0],
        uplink=grids[1],
        array=UniformPlanarArray(side, side),
    )


def scene_of(settings: PaceSettings, folder: Path) -> PaceScene:
    """The default cluster, or the highest satellites over a place, with the powers of the file."""
    power, scene = settings.power, default_scene()
    if settings.constellation is not None and settings.place is not None:
        scene = _scene_below(settings.constellation, settings.place, folder, scene)
    watts = [jnp.asarray(10.0 ** (0.1 * x - 3.0)) for x in (power.satellite_dbm, power.user_dbm)]
    return eqx.tree_at(lambda s: [s.sat_power_w, s.user_power_w], scene, watts)


def _scene_below(
    constellation: ConstellationSettings, place: PacePlaceTable, folder: Path, like: PaceScene
) -> PaceScene:
    """The highest satellites, with the offsets of the default scene."""
    time = TimeSettings(start=place.start, duration_s=place.after_s)
    satellites = load_satellites(constellation, time, folder)
    return pace_scene_from_ephemeris(
        satellites.ephemeris,
        places_of(place),
        time_s=place.after_s,
        num_sat=NUM_SAT,
        mask_rad=float(np.radians(place.mask_deg)),
        clock_bias_s=like.clock_bias_s,
        freq_offset_hz=like.freq_offset_hz,
    ).scene


def places_of(place: PacePlaceTable) -> list[Place]:
    """Four users around a city."""
    middle = city(place.city)
    step_deg = place.user_distance_m / _METERS_PER_DEGREE
    bearing = np.radians(_BEARING_DEG)
    north, east = step_deg * np.cos(bearing), step_deg * np.sin(bearing)
    east = east / np.cos(np.radians(middle.latitude_deg))
    return [
        Place(middle.latitude_deg + n, middle.longitude_deg + e, middle.height_m)
        for n, e in zip(north.tolist(), east.tolist(), strict=True)
    ]


def bands_of(settings: PaceSettings) -> AbstractBands:
    """The account of S3."""
    return {"own": OwnBand(), "full": FullBand()}[settings.method.account]


def pace_problems(raw: dict[str, Any], folder: Path) -> Iterator[str]:
    """Sentences on tables that contradict each other or themselves."""
    yield from _place_problems(raw, folder)
    offsets, signal = table_of(raw, "offsets"), table_of(raw, "signal")
    if offsets.get("kind", "fixed") == "fixed":
        for name in ("clock_bias_ns", "freq_offset_hz", "clock_scale", "freq_scale"):
            if name in offsets:
                yield f"[offsets] {name} = {shown(offsets[name])}: goes with kind = 'drawn'."
    for name in ("clock_bias_ns", "freq_offset_hz"):
        value = offsets.get(name)
        if isinstance(value, list) and len(value) == 2 and value[0] > value[1]:
            yield f"[offsets] {name} = {shown(value)}: the first is above the second."
    count = signal.get("subcarriers")
    if isinstance(count, int) and count % NUM_SAT:
        yield (
            f"[signal] subcarriers = {shown(count)}: expected a multiple of {NUM_SAT}, the number "
            "of satellites that share them."
        )


def _place_problems(raw: dict[str, Any], folder: Path) -> Iterator[str]:
    for name, other in (("constellation", "place"), ("place", "constellation")):
        if name in raw and other not in raw:
            yield f"[{name}]: goes with [{other}], which is missing; without both: a cluster."
    place = table_of(raw, "place")
    if isinstance(place.get("city"), str):
        try:
            city(place["city"])
        except LeopntError as error:
            yield f"[place] city: {error}"
    if "constellation" in raw:
        time = {new: place[old] for new, old in _TIME.items() if old in place}
        scene = {"constellation": raw["constellation"], "time": time}
        for sentence in scene_problems(scene, folder):
            yield sentence.replace("[time]", "[place]")
