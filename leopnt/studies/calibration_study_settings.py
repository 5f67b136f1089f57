"""The file of a calibration study: tables, what contradicts itself, and the objects they mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from leopnt.methods.calibration import (
    CONSTELLATIONS,
    ERROR_SCHEMES,
    NO_ERRORS,
    ONCE_PER_REVOLUTION_ERRORS,
    SEED_SETTINGS,
    STATIONS_ECEF_M,
    CalibrationSettings,
    CircularOrbits,
    DelayModel,
    DelaySwing,
    KnownOrbit,
    OncePerRevolution,
    ProductErrors,
    RandomWalkDelay,
    Scene,
    SharedLevel,
    SimulatedNoise,
    WhiteDelay,
    bds3_orbits,
    polar_star,
)
from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.studies.variants import VariedSettings, raw_with_variant, variant_problems

SCHEMES = {
    "none": NO_ERRORS,
    "baseline": ERROR_SCHEMES[1],
    "radial-4-cm": ERROR_SCHEMES[2],
    "along-4-cm": ERROR_SCHEMES[3],
    "normal-4-cm": ERROR_SCHEMES[4],
    "clock-2-cm": ERROR_SCHEMES[5],
    "white-clock-2-cm": ERROR_SCHEMES[6],
    "once-per-revolution": ONCE_PER_REVOLUTION_ERRORS,
}
"""Errors of orbits and clocks by name: none, the six published schemes, and one more period."""

MAX_SATELLITES = 2000
VARIED = ("constellation", "campaign", "errors", "noise", "swing", "estimate", "delays")
"""Tables whose keys a variant may change."""

_SIZE = ("satellites", "planes", "altitude_km")

Scheme = Literal[
    "none",
    "baseline",
    "radial-4-cm",
    "along-4-cm",
    "normal-4-cm",
    "clock-2-cm",
    "white-clock-2-cm",
    "once-per-revolution",
]


class StarTable(SettingsTable):
    """`[constellation]`: polar planes over half the equator."""

    preset: Literal["A", "B", "C", "D", "E"] | None = Field(
        default=None,
        description="one of the published 'A', 'B', 'C', 'D', 'E', instead of the three keys below",
    )
    satellites: int = Field(
        default=144, ge=1, le=MAX_SATELLITES, description=f"their number, 1 to {MAX_SATELLITES}"
    )
    planes: int = Field(
        default=6, ge=1, le=MAX_SATELLITES, description=f"a divisor of it, 1 to {MAX_SATELLITES}"
    )
    altitude_km: float = Field(
        default=1000.0, ge=200, le=40000, description="the altitude in km, 200 to 40000"
    )
    keep: int = Field(
        default=0,
        ge=0,
        le=MAX_SATELLITES,
        description="so many of them, evenly spread over the list; 0: all",
    )


class CampaignTable(SettingsTable):
    """`[campaign]`: who observes, for how long."""

    stations: int = Field(
        default=6, ge=1, le=6, description=f"the first so many of {', '.join(STATIONS_ECEF_M)}"
    )
    days: int = Field(default=7, ge=1, le=60, description="whole days, 1 to 60")
    sampling_s: float = Field(
        default=30.0, ge=1, le=600, description="seconds between epochs, 1 to 600"
    )


class ProductTable(SettingsTable):
    """`[errors]`: of the given LEO orbits and clocks."""

    scheme: Scheme = Field(
        default="baseline", description=f"one of {', '.join(repr(name) for name in SCHEMES)}"
    )
    radial_m: float | None = Field(
        default=None, ge=0, le=100, description="an amplitude in metres, instead of the scheme's"
    )
    along_m: float | None = Field(
        default=None, ge=0, le=100, description="an amplitude in metres, instead of the scheme's"
    )
    normal_m: float | None = Field(
        default=None, ge=0, le=100, description="an amplitude in metres, instead of the scheme's"
    )
    clock_m: float | None = Field(
        default=None, ge=0, le=100, description="an amplitude in metres, instead of the scheme's"
    )
    clock_white_m: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="a standard deviation in metres, instead of the scheme's",
    )
    period_s: float | None = Field(
        default=None, ge=1, le=1e9, description="seconds, instead of the scheme's period"
    )


class CalibrationNoiseTable(SettingsTable):
    """`[noise]`: of ionosphere-free code and phase, and the walk of the zenith delay."""

    code_m: float = Field(
        default=0.3, ge=0, le=100, description="a standard deviation in metres, 0 to 100"
    )
    phase_m: float = Field(
        default=0.003, ge=0, le=1, description="a standard deviation in metres, 0 to 1"
    )
    zenith_walk_m_per_sqrt_h: float = Field(
        default=0.005, ge=0, le=1, description="metres per square root of an hour, 0 to 1"
    )


class SwingTable(SettingsTable):
    """`[swing]`: how delays of all satellites vary, A cos(2 pi t / T)."""

    amplitude_m: float = Field(default=0.0, ge=0, le=10, description="metres, 0 to 10")
    period_s: float = Field(default=43200.0, ge=60, le=1e7, description="seconds, 60 to 1e7")


class EstimateTable(SettingsTable):
    """`[estimate]`: what the calibration believes and solves for."""

    settings: Literal["seed", "honest"] = Field(
        default="seed",
        description="'seed' (as published) or 'honest' (the defaults of the library): what the "
        "keys below are if they are not given",
    )
    orbit: Literal["known", "considered", "estimated"] | None = Field(
        default=None,
        description="'known', 'considered' (errors once per revolution, in the sigmas only) or "
        "'estimated' (with a prior)",
    )
    radial_m: float = Field(
        default=0.02, gt=0, le=100, description="the amplitude considered or estimated, in metres"
    )
    along_m: float = Field(
        default=0.02, gt=0, le=100, description="the amplitude considered or estimated, in metres"
    )
    normal_m: float = Field(
        default=0.02, gt=0, le=100, description="the amplitude considered or estimated, in metres"
    )
    clock_m: float = Field(
        default=0.02, gt=0, le=100, description="the amplitude considered or estimated, in metres"
    )
    zenith_spacing_s: float | None = Field(
        default=None, ge=60, le=86400, description="seconds between zenith delays, 60 to 86400"
    )
    leo_phase_m: float | None = Field(
        default=None, gt=0, le=10, description="the sigma of LEO phase in metres, above 0, to 10"
    )
    bootstrap_draws: int = Field(
        default=0,
        ge=0,
        le=10000,
        description="draws of days with replacement, 2 to 10000; 0: no bootstrap",
    )
    correlations: bool = Field(
        default=False,
        description="true or false: correlations of the first day's arcs, jointly and alone",
    )


class DelaysTable(SettingsTable):
    """`[delays]`: delays of each epoch, offsets and station unknowns held."""

    model: Literal["none", "white", "shared-level", "random-walk"] = Field(
        default="none",
        description="'none', 'white' (as published), 'shared-level' or 'random-walk'",
    )
    sigma_m: float = Field(
        default=0.03, gt=0, le=1e6, description="white and shared-level: metres, above 0, to 1e6"
    )
    rate_m2ps: float = Field(
        default=1e-8, gt=0, le=1e6, description="random-walk: m^2/s, above 0, to 1e6"
    )
    days: int = Field(default=1, ge=1, le=60, description="the first so many days, 1 to 60")


class CalibrationStudySettings(VariedSettings):
    """A calibration study."""

    constellation: StarTable = Field(default=StarTable(), description="a table")
    campaign: CampaignTable = Field(default=CampaignTable(), description="a table")
    errors: ProductTable = Field(default=ProductTable(), description="a table")
    noise: CalibrationNoiseTable = Field(default=CalibrationNoiseTable(), description="a table")
    swing: SwingTable = Field(default=SwingTable(), description="a table")
    estimate: EstimateTable = Field(default=EstimateTable(), description="a table")
    delays: DelaysTable = Field(default=DelaysTable(), description="a table")


def scene_of(settings: CalibrationStudySettings) -> Scene:
    """Satellites, stations and sampling."""
    stations = np.array(list(STATIONS_ECEF_M.values()))[: settings.campaign.stations]
    sampling_s = settings.campaign.sampling_s
    return Scene(satellites_of(settings.constellation), bds3_orbits(), stations, sampling_s)


def satellites_of(table: StarTable) -> CircularOrbits:
    """The satellites that are kept."""
    if table.preset is not None:
        star = polar_star(*CONSTELLATIONS[table.preset])
    else:
        star = polar_star(table.satellites, table.planes, 1e3 * table.altitude_km)
    if not table.keep:
        return star
    return star.subset(np.arange(table.keep) * star.num_satellites // table.keep)


def errors_of(table: ProductTable) -> ProductErrors:
    """The scheme, with what is given instead."""
    given = table.model_dump(exclude={"scheme"}, exclude_none=True)
    return replace(SCHEMES[table.scheme], **given)


def noise_of(table: CalibrationNoiseTable) -> SimulatedNoise:
    """Noise of the simulation."""
    return SimulatedNoise(**table.model_dump())


def swing_of(table: SwingTable) -> DelaySwing:
    """How true delays vary."""
    return DelaySwing(**table.model_dump())


def orbit_of(table: EstimateTable) -> str:
    """What is done about errors of the orbit."""
    return table.orbit or {"seed": "known", "honest": "estimated"}[table.settings]


def estimator_of(table: EstimateTable) -> CalibrationSettings:
    """Weights, nodes and the columns that station-days are reduced with."""
    base = SEED_SETTINGS if table.settings == "seed" else CalibrationSettings()
    amplitudes = table.radial_m, table.along_m, table.normal_m, table.clock_m
    known = orbit_of(table) == "known"
    return replace(
        base,
        orbit=KnownOrbit() if known else OncePerRevolution(*amplitudes),
        ztd_spacing_s=table.zenith_spacing_s or base.ztd_spacing_s,
        leo_phase_sigma_m=table.leo_phase_m or base.leo_phase_sigma_m,
    )


def delay_model_of(table: DelaysTable) -> DelayModel | None:
    """The model of delays per epoch; None without them."""
    if table.model == "white":
        return WhiteDelay(table.sigma_m)
    if table.model == "shared-level":
        return SharedLevel(table.sigma_m)
    return RandomWalkDelay(table.rate_m2ps) if table.model == "random-walk" else None


def calibration_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Sentences on tables that contradict each other or themselves."""
    yield from variant_problems(CalibrationStudySettings, raw, VARIED)
    raw = raw_with_variant(raw)
    star, campaign = table_of(raw, "constellation"), table_of(raw, "campaign")
    estimate, delays = table_of(raw, "estimate"), table_of(raw, "delays")
    yield from _star_problems(star)
    days = campaign.get("days", 7)
    draws, used = estimate.get("bootstrap_draws", 0), delays.get("days", 1)
    if not all(isinstance(one, int) for one in (days, draws, used)):
        return  # said elsewhere
    if draws and (days < 3 or draws < 2):
        yield (
            f"[estimate] bootstrap_draws = {shown(draws)}: expected 2 or more with [campaign] days "
            f"= 3 or more, or 0; days = {shown(days)}."
        )
    if used > days:
        yield (
            f"[delays] days = {shown(used)}: there are {shown(days)}; expected at most [campaign] "
            "days."
        )


def _star_problems(raw: dict[str, Any]) -> Iterator[str]:
    try:
        table = StarTable.model_validate(raw)
    except ValueError:  # said elsewhere
        return
    if table.preset is not None:
        for name in _SIZE:
            if name in raw:
                yield (
                    f"[constellation] {name} = {shown(raw[name])}: goes without preset, which has "
                    "its own."
                )
        number, planes, _ = CONSTELLATIONS[table.preset]
    else:
        number, planes = table.satellites, table.planes
    if number % planes:
        yield (
            f"[constellation] planes = {shown(planes)}: expected a divisor of satellites = "
            f"{shown(number)}."
        )
    if table.keep > number:
        yield f"[constellation] keep = {shown(table.keep)}: there are {number} satellites."
