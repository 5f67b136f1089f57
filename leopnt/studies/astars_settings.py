"""The file of a study of positions through a surface: tables, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.frames import ecef_to_geodetic, enu_basis
from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.studies.method import CommonSettings

Place = Annotated[list[float], Field(min_length=3, max_length=3)]

BANDS_HZ = {"L1": 1575.42e6, "L2": 1227.60e6, "L5": 1176.45e6}
SURFACE_ECEF_M = (-2604348.533, 4743312.217, 3364998.513)
"""Of the paper: at the bank of the Yangtze, 42 m above the ellipsoid."""

SEED_PLACES_ECEF_M = {
    "outdoor": (-2604298.533, 4743297.217, 3364978.513),
    "indoor": (-2604398.533, 4743350.217, 3365030.513),
}
ROOM_ENU_M = (15.0, 0.0, -5.0)
MAX_SATELLITES = 64
_LOWEST_M, _HIGHEST_M = 6.4e6, 6e7
_JOINT = ("joint", "joint-survey")
_BY_RANGES = ("chain", "chain-offset")


class SurfaceTable(SettingsTable):
    """`[surface]`: where it is, and its elements."""

    position_ecef_m: Place = Field(
        default=list(SURFACE_ECEF_M), description="[x, y, z] in metres, Earth-fixed"
    )
    elements_per_row: int = Field(
        default=40, ge=1, le=100_000, description="the elements of a row, 1 to 100000"
    )
    spacing_m: float = Field(
        default=0.125, gt=0, le=100, description="from element to element in metres, above 0 to 100"
    )


class AstarsReceiverTable(SettingsTable):
    """`[receiver]`: where it is."""

    place: Literal["outdoor", "indoor", "room"] = Field(
        default="outdoor",
        description="'outdoor' or 'indoor' (of the paper, the latter 66 m above the surface), or "
        "'room' (15 m east of the surface, 5 m below)",
    )
    offset_enu_m: Place | None = Field(
        default=None, description="[east, north, up] in metres from the surface, instead of a place"
    )
    distance_m: float | None = Field(
        default=None,
        gt=0,
        le=1e5,
        description="metres from the surface, above 0 to 1e5: the place is moved along its line",
    )


class SectorTable(SettingsTable):
    """`[sky]`: satellites that the surface sees, drawn in every trial unless they are given."""

    satellites: int = Field(
        default=8, ge=4, le=MAX_SATELLITES, description=f"their number, 4 to {MAX_SATELLITES}"
    )
    azimuth_deg: float = Field(
        default=270.0, ge=-360, le=360, description="the middle of the sector in degrees from north"
    )
    sector_width_deg: float = Field(
        default=180.0,
        gt=0,
        le=360,
        description="the width of the sector in azimuth in degrees, above 0 to 360 (all around)",
    )
    mask_deg: float = Field(
        default=10.0, ge=0, le=85, description="the lowest elevation in degrees, 0 to 85"
    )
    radius_km: float = Field(
        default=26559.7,
        ge=6500,
        le=60000,
        description="the satellites' distance from the Earth's center in km, 6500 to 60000",
    )
    satellites_ecef_m: (
        Annotated[list[Place], Field(min_length=4, max_length=MAX_SATELLITES)] | None
    ) = Field(
        default=None,
        description=f"a list of 4 to {MAX_SATELLITES} [x, y, z] in metres, Earth-fixed, the same "
        "in every trial",
    )


class BandTable(SettingsTable):
    """`[signal]`: the carrier."""

    band: Literal["L1", "L2", "L5"] = Field(default="L1", description="'L1', 'L2' or 'L5'")
    carrier_hz: float | None = Field(
        default=None, ge=1e8, le=1e12, description="the carrier in Hz, 1e8 to 1e12, instead of band"
    )


class AstarsErrorsTable(SettingsTable):
    """`[errors]`: of ranges, network time and direction."""

    range_sigma_m: float = Field(
        default=0.2,
        ge=0,
        le=1000,
        description="the standard deviation of a phase, as a range, in metres, 0 to 1000",
    )
    phase_sigma_rad: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="the standard deviation of the phase that the surface adds unasked for to each "
        "satellite, in rad, 0 to 100",
    )
    sync_ns: float = Field(
        default=10.0, ge=0, le=1e6, description="the error of the network time in ns, 0 to 1e6"
    )
    sync_law: Literal["gauss", "fixed", "uniform"] = Field(
        default="gauss",
        description="'gauss' (sync_ns is its standard deviation), 'fixed' (the last leg is found "
        "too long by it) or 'uniform' (up to it, either way)",
    )
    aod_law: Literal["beam", "disc", "gauss", "none"] = Field(
        default="beam",
        description="'beam' (as published: the distance from the middle of the beam's spot is "
        "uniform), 'disc' (the place in the spot is uniform), 'gauss' or 'none': the error of the "
        "direction to the receiver",
    )
    aod_sigma_rad: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="the standard deviation on each of two axes in rad, above 0 to 1, of aod_law = "
        "'gauss'; default: that of the beam",
    )
    aod_draw: Literal["common", "satellite"] = Field(
        default="common",
        description="'common' (one direction, one error) or 'satellite' (an error for each)",
    )


class NetworkTimeTable(SettingsTable):
    """`[network_time]`: of compute = 'sync'."""

    update_rate_hz: float = Field(
        default=500.0, gt=0, le=1e9, description="synchronizations a second, above 0 to 1e9"
    )
    seed_deviation_s: float = Field(
        default=1e-4, ge=0, le=1, description="v of the published form in seconds, 0 to 1"
    )
    deviation_s: float = Field(
        default=1e-8, ge=0, le=1, description="v of the consistent form in seconds, 0 to 1"
    )


class AstarsMethodTable(SettingsTable):
    """`[method]`: what is computed, how a position is found, what is told of many."""

    compute: Literal["positions", "surface", "dop", "budget", "beam", "sync"] = Field(
        default="positions",
        description="'positions' or 'surface' (LS-1 alone) with drawn errors, 'dop' or 'budget' "
        "(predicted errors, part by part) of drawn satellites, or by formula 'beam' or 'sync'",
    )
    estimator: Literal["polar", "chain", "chain-offset", "joint", "joint-survey"] = Field(
        default="polar",
        description="'chain' (as published), 'chain-offset' (its last step with a common offset), "
        "'polar' (the chain in closed form), 'joint' (everything at once) or 'joint-survey' (with "
        "a surveyed surface)",
    )
    survey_sigma_m: float = Field(
        default=0.01,
        gt=0,
        le=1e4,
        description="the standard deviation of each component of the survey in metres, above 0 to "
        "1e4",
    )
    best_percent: float = Field(
        default=99.0,
        gt=0,
        le=100,
        description="above 0 to 100: means and RMS are those of the smallest errors, so many of a "
        "hundred",
    )
    pdop_limit: float = Field(
        default=30.0, gt=0, le=1e9, description="above 0: mean DOPs are those of PDOPs below"
    )


class AstarsSettings(CommonSettings):
    """The whole file of a study of positions through a surface."""

    surface: SurfaceTable = Field(default=SurfaceTable(), description="a table")
    receiver: AstarsReceiverTable = Field(default=AstarsReceiverTable(), description="a table")
    sky: SectorTable = Field(default=SectorTable(), description="a table")
    signal: BandTable = Field(default=BandTable(), description="a table")
    errors: AstarsErrorsTable = Field(default=AstarsErrorsTable(), description="a table")
    network_time: NetworkTimeTable = Field(default=NetworkTimeTable(), description="a table")
    method: AstarsMethodTable = Field(default=AstarsMethodTable(), description="a table")


def wavelength_m_of(signal: BandTable) -> float:
    """Wavelength of the carrier [m]."""
    carrier_hz = BANDS_HZ[signal.band] if signal.carrier_hz is None else signal.carrier_hz
    return SPEED_OF_LIGHT_MPS / carrier_hz


def axes_of(surface: SurfaceTable) -> Float[np.ndarray, "3 3"]:
    """East, north and up at the surface, as rows."""
    lat_rad, lon_rad, _ = ecef_to_geodetic(np.asarray(surface.position_ecef_m))
    return np.asarray(enu_basis(lat_rad, lon_rad))


def last_leg_of(settings: AstarsSettings) -> Float[np.ndarray, "3"]:
    """From surface to receiver [m], ECEF."""
    surface, receiver = settings.surface, settings.receiver
    axes = axes_of(surface)
    if receiver.offset_enu_m is not None:
        leg_m = np.asarray(receiver.offset_enu_m) @ axes
    elif receiver.place == "room":
        leg_m = np.asarray(ROOM_ENU_M) @ axes
    else:  # moves with the surface
        leg_m = np.asarray(SEED_PLACES_ECEF_M[receiver.place]) - np.asarray(SURFACE_ECEF_M)
    if receiver.distance_m is None:
        return leg_m
    return leg_m * receiver.distance_m / np.linalg.norm(leg_m)


def num_satellites_of(sky: SectorTable) -> int:
    """Satellites of a trial."""
    return sky.satellites if sky.satellites_ecef_m is None else len(sky.satellites_ecef_m)


def astars_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Sentences on tables that contradict each other or themselves."""
    yield from _place_problems(table_of(raw, "surface"), table_of(raw, "receiver"))
    yield from _sky_problems(table_of(raw, "sky"))
    signal, errors = table_of(raw, "signal"), table_of(raw, "errors")
    if "band" in signal and "carrier_hz" in signal:
        yield (
            f"[signal] band = {shown(signal['band'])}, carrier_hz = {shown(signal['carrier_hz'])}: "
            "give one of them."
        )
    if "aod_sigma_rad" in errors and errors.get("aod_law", "beam") != "gauss":
        value = shown(errors["aod_sigma_rad"])
        yield f"[errors] aod_sigma_rad = {value}: goes with aod_law = 'gauss'."
    yield from _method_problems(table_of(raw, "method"), errors)


def _place_problems(surface: dict[str, Any], receiver: dict[str, Any]) -> Iterator[str]:
    place = _numbers(surface.get("position_ecef_m"))
    if place is not None and not 6.3e6 < np.linalg.norm(place) < 6.5e6:
        yield (
            f"[surface] position_ecef_m = {shown(surface['position_ecef_m'])}: expected a place on "
            "the Earth, 6300 to 6500 km from its center."
        )
    if "place" in receiver and "offset_enu_m" in receiver:
        value = shown(receiver["place"])
        yield f"[receiver] place = {value}: offset_enu_m tells the place already; drop one."
    offset = _numbers(receiver.get("offset_enu_m"))
    if offset is not None and not 0.0 < np.linalg.norm(offset) <= 1e5:
        yield (
            f"[receiver] offset_enu_m = {shown(receiver['offset_enu_m'])}: expected a receiver "
            "above 0, up to 1e5 m from the surface."
        )


def _sky_problems(sky: dict[str, Any]) -> Iterator[str]:
    if "satellites_ecef_m" not in sky:
        return
    for name in sky:
        if name != "satellites_ecef_m":
            value = shown(sky[name])
            yield f"[sky] {name} = {value}: satellites_ecef_m tells the sky already; drop one."
    given = sky["satellites_ecef_m"]
    for i, one in enumerate(given if isinstance(given, list) else []):
        place = _numbers(one)
        if place is not None and not _LOWEST_M <= np.linalg.norm(place) <= _HIGHEST_M:
            yield (
                f"[sky] satellites_ecef_m[{i}] = {shown(one)}: expected 6.4e6 to 6e7 m from the "
                "Earth's center."
            )


def _method_problems(method: dict[str, Any], errors: dict[str, Any]) -> Iterator[str]:
    estimator = method.get("estimator", "polar")
    if errors.get("aod_draw") == "satellite" and estimator not in _BY_RANGES:
        yield (
            "[errors] aod_draw = 'satellite': goes with [method] estimator = 'chain' or "
            f"'chain-offset', not with {shown(estimator)}."
        )
    if "survey_sigma_m" in method and estimator != "joint-survey":
        value = shown(method["survey_sigma_m"])
        yield f"[method] survey_sigma_m = {value}: goes with estimator = 'joint-survey'."
    noises = errors.get("range_sigma_m", 0.2), errors.get("phase_sigma_rad", 0.0)
    if estimator in _JOINT and all(one == 0 for one in noises):
        yield (
            f"[errors] range_sigma_m = {shown(noises[0])}: expected above 0 with [method] "
            f"estimator = {shown(estimator)}, which weighs by it."
        )
    if "pdop_limit" in method and method.get("compute") != "dop":
        value = shown(method["pdop_limit"])
        yield f"[method] pdop_limit = {value}: goes with compute = 'dop'."


def _numbers(value: Any) -> np.ndarray | None:
    """Three finite numbers; None if it is something else, which is said elsewhere."""
    if not isinstance(value, list) or len(value) != 3:
        return None
    if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in value):
        return None
    try:
        return np.asarray(value, float)
    except OverflowError:
        return None
