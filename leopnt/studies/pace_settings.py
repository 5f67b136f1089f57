"""The file of a PACE study: tables, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import equinox as eqx
import jax.numpy as jnp
from pydantic import Field

from leopnt.antennas.steering import UniformPlanarArray
from leopnt.methods.pace import (
    AbstractBands,
    FullBand,
    OwnBand,
    PaceScene,
    PaceSystem,
    default_scene,
)
from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.signals.ofdm import OfdmGrid
from leopnt.studies.method import CommonSettings

Span = Annotated[list[float], Field(min_length=2, max_length=2)]

NUM_SAT = 8
"""Satellites of the default cluster."""


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


def scene_of(settings: PaceSettings) -> PaceScene:
    """The default cluster with the powers of the file."""
    power = settings.power
    watts = [jnp.asarray(10.0 ** (0.1 * x - 3.0)) for x in (power.satellite_dbm, power.user_dbm)]
    return eqx.tree_at(lambda s: [s.sat_power_w, s.user_power_w], default_scene(), watts)


def bands_of(settings: PaceSettings) -> AbstractBands:
    """The account of S3."""
    return {"own": OwnBand(), "full": FullBand()}[settings.method.account]


def pace_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Sentences on tables that contradict each other or themselves."""
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
