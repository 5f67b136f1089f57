"""The file of a power positioning study: tables, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import equinox as eqx
import numpy as np
from jaxtyping import Float
from pydantic import Field

from leopnt.antennas.beams import B52_RINGS, BeamRing, SeparableBeams, ring_beams
from leopnt.methods.power import HeightPrior, PowerScene, Shell, power_scene
from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.studies.variants import VariedSettings, raw_with_variant, variant_problems

Rings = Annotated[list[float], Field(min_length=4, max_length=4)]
Axis = Annotated[list[float], Field(min_length=3, max_length=3)]

NO_PRIOR_M = 1e9
"""A height known no better than this is not known."""

MAX_USERS = 100_000
VARIED = ("orbit", "antenna", "signal", "receiver", "height", "calibration", "method")
"""Tables whose keys a variant may change; users are the same at every point."""

_SEEDS = ("seed", "seed-exact-triangle")


class OrbitTable(SettingsTable):
    """`[orbit]`: spherical Earth and the satellite's height."""

    earth_radius_km: float = Field(
        default=6371.0, ge=1.0, le=1e6, description="the radius in km, 1 to 1e6"
    )
    height_km: float = Field(
        default=1200.0, ge=1.0, le=1e6, description="the height in km, 1 to 1e6"
    )


class BeamsTable(SettingsTable):
    """`[antenna]`: 52 beams on four rings, of a square array of half-wave elements (B52)."""

    elements: int = Field(default=8, ge=2, le=64, description="the elements of each side, 2 to 64")
    ring_dbw: Rings = Field(
        default=[ring.peak_dbw for ring in B52_RINGS],
        description="the EIRP of a beam of each of the four rings in dBW",
    )
    ring_contrast: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="0 to 10: differences of ring_dbw from their mean over all beams are "
        "multiplied with it",
    )
    eirp_offset_db: float = Field(
        default=0.0,
        ge=-100,
        le=100,
        description="added to the EIRP of every beam in dB, -100 to 100",
    )
    floor_db: float = Field(
        default=-35.0, ge=-200, le=0, description="the floor of the side lobes in dB, -200 to 0"
    )
    element_exponent: float = Field(
        default=1.2, ge=0, le=10, description="q of an element's gain cos(gamma)^q, 0 to 10"
    )


class PowerSignalTable(SettingsTable):
    """`[signal]`: the carrier."""

    carrier_hz: float = Field(
        default=1.6e9, ge=1e8, le=1e11, description="the carrier in Hz, 1e8 to 1e11"
    )


class PowerReceiverTable(SettingsTable):
    """`[receiver]`: noise and what it hears."""

    temperature_k: float = Field(
        default=290.0, ge=1, le=1e5, description="the noise temperature in K, 1 to 1e5"
    )
    bandwidth_hz: float = Field(
        default=1000.0,
        ge=1e-3,
        le=1e9,
        description="the noise bandwidth in Hz, 1e-3 to 1e9: one over the integration time",
    )
    gain_dbi: float = Field(
        default=0.0, ge=-50, le=100, description="the antenna gain in dBi, -50 to 100"
    )
    sensitivity_dbw: float = Field(
        default=-160.0,
        ge=-300,
        le=-60,
        description="the lowest measured power in dBW that seed and gls use, -300 to -60",
    )


class PowerGridTable(SettingsTable):
    """`[grid]`: the users, every elevation with every azimuth."""

    elevation_deg: Axis = Field(
        default=[10.5, 88.5, 2.0],
        description="[first, last, step] of the satellite's elevation in degrees",
    )
    azimuth_deg: Axis = Field(
        default=[3.7, 351.7, 12.0],
        description="[first, last, step] of the azimuth at the satellite in degrees",
    )
    elevation_shift_deg: float = Field(
        default=0.0, ge=-90, le=90, description="added to every elevation in degrees, -90 to 90"
    )
    azimuth_shift_deg: float = Field(
        default=0.0, ge=-360, le=360, description="added to every azimuth in degrees, -360 to 360"
    )


class HeightTable(SettingsTable):
    """`[height]`: of the users above the sphere, and what gls and ml know of it."""

    drawn_sigma_m: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="the standard deviation of true heights in metres, drawn in every trial, 0 to "
        "1e6",
    )
    prior_sigma_m: float = Field(
        default=1000.0,
        gt=0,
        le=1e12,
        description="the standard deviation that gls and ml take in metres, above 0 to 1e12; from "
        "1e9 on: nothing is known",
    )


class CalibrationTable(SettingsTable):
    """`[calibration]`: errors of each beam's EIRP."""

    sigma_db: float = Field(
        default=0.0, ge=0, le=20, description="the standard deviation in dB, 0 to 20"
    )
    modelled_db: float | None = Field(
        default=None, ge=0, le=20, description="what gls takes it to be in dB, 0 to 20"
    )
    draw: Literal["user", "satellite"] = Field(
        default="user",
        description="'user' (errors of their own for each user, the same in all trials) or "
        "'satellite' (one draw for all users)",
    )


class PowerMethodTable(SettingsTable):
    """`[method]`: how a position is found."""

    estimator: Literal["seed", "seed-exact-triangle", "gls", "ml", "nearest"] = Field(
        default="ml",
        description="'seed' (as published), 'seed-exact-triangle', 'gls' (weighted), 'ml' (maximum "
        "likelihood) or 'nearest' (the start alone, on the sphere)",
    )
    start: Literal["usual", "bin", "all-bins", "fingerprint", "truth"] = Field(
        default="usual",
        description="'bin' (data base of the known azimuth, usual for the seeds), 'all-bins', "
        "'fingerprint' (amplitudes of all beams, usual for the others) or 'truth'",
    )
    start_gamma_deg: float = Field(
        default=0.0,
        ge=-30,
        le=30,
        description="added to gamma of start 'truth' in degrees, -30 to 30",
    )
    start_beta_deg: float = Field(
        default=0.0,
        ge=-180,
        le=180,
        description="added to beta of start 'truth' in degrees, -180 to 180",
    )
    reference: Literal["strongest", "first-visible"] = Field(
        default="strongest",
        description="'strongest' or 'first-visible': the beam that the seeds take differences to",
    )
    distance: Literal["reference", "mean"] = Field(
        default="reference",
        description="'reference' or 'mean': the beams whose loss tells the seeds the distance",
    )


class PowerSettings(VariedSettings):
    """The whole file of a power positioning study."""

    orbit: OrbitTable = Field(default=OrbitTable(), description="a table")
    antenna: BeamsTable = Field(default=BeamsTable(), description="a table")
    signal: PowerSignalTable = Field(default=PowerSignalTable(), description="a table")
    receiver: PowerReceiverTable = Field(default=PowerReceiverTable(), description="a table")
    grid: PowerGridTable = Field(default=PowerGridTable(), description="a table")
    height: HeightTable = Field(default=HeightTable(), description="a table")
    calibration: CalibrationTable = Field(default=CalibrationTable(), description="a table")
    method: PowerMethodTable = Field(default=PowerMethodTable(), description="a table")


def antenna_of(table: BeamsTable) -> SeparableBeams:
    """Antenna B52 with the numbers of the file."""
    counts = [ring.count for ring in B52_RINGS]
    mean_dbw = float(np.average(table.ring_dbw, weights=counts))
    rings = [
        BeamRing(
            ring.count,
            ring.rho,
            ring.first_azimuth_rad,
            mean_dbw + table.ring_contrast * (peak_dbw - mean_dbw) + table.eirp_offset_db,
        )
        for ring, peak_dbw in zip(B52_RINGS, table.ring_dbw, strict=True)
    ]
    antenna = ring_beams(
        rings,
        table.elements,
        table.elements,
        element_exponent=table.element_exponent,
        floor_db=table.floor_db,
    )
    taper = np.pad(np.ones(table.elements), _room(table.elements) // 2)
    return eqx.tree_at(lambda one: [one.taper_x, one.taper_y], antenna, [taper, taper])


def _room(elements: int) -> int:
    """Elements of weight 0 beyond a side: sides up to 8, 16... share compiled kernels."""
    return -elements % 8 // 2 * 2


def scene_of(settings: PowerSettings) -> PowerScene:
    """Satellite, antenna and receiver of the file."""
    orbit, receiver = settings.orbit, settings.receiver
    return power_scene(
        antenna_of(settings.antenna),
        shell=Shell(1e3 * orbit.earth_radius_km, 1e3 * orbit.height_km),
        carrier_hz=settings.signal.carrier_hz,
        temperature_k=receiver.temperature_k,
        noise_bandwidth_hz=receiver.bandwidth_hz,
        rx_gain_dbi=receiver.gain_dbi,
    )


def axis_of(first_last_step: list[float]) -> Float[np.ndarray, " count"]:
    """Values of an axis, its last included."""
    first, _, step = first_last_step
    return first + step * np.arange(_count(first_last_step))


def _count(first_last_step: list[float]) -> int:
    first, last, step = first_last_step
    return int(np.floor((last - first) / step + 1e-9)) + 1


def users_of(grid: PowerGridTable) -> tuple[np.ndarray, np.ndarray]:
    """Elevation and azimuth [rad] of every user; the azimuth runs fastest."""
    elevation, azimuth = np.meshgrid(
        axis_of(grid.elevation_deg) + grid.elevation_shift_deg,
        axis_of(grid.azimuth_deg) + grid.azimuth_shift_deg,
        indexing="ij",
    )
    return np.radians(elevation.ravel()), np.radians(azimuth.ravel())


def prior_of(height: HeightTable) -> HeightPrior:
    """What is known of the heights."""
    sigma_m = height.prior_sigma_m
    return HeightPrior(0.0, np.inf if sigma_m >= NO_PRIOR_M else sigma_m)


def sigma_cal_of(calibration: CalibrationTable) -> float:
    """What gls takes the standard deviation of an EIRP to be [dB]."""
    given = calibration.modelled_db
    return calibration.sigma_db if given is None else given


def start_of(method: PowerMethodTable) -> str:
    """The start that is meant."""
    if method.start != "usual":
        return method.start
    return "bin" if method.estimator in _SEEDS else "fingerprint"


def power_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Sentences on tables that contradict each other or themselves."""
    yield from variant_problems(PowerSettings, raw, VARIED)
    raw = raw_with_variant(raw)
    yield from _grid_problems(table_of(raw, "grid"))
    yield from _method_problems(table_of(raw, "method"))
    modelled = table_of(raw, "calibration").get("modelled_db")
    estimator = table_of(raw, "method").get("estimator", "ml")
    if modelled is not None and estimator != "gls":
        yield (
            f"[calibration] modelled_db = {shown(modelled)}: goes with [method] estimator = 'gls', "
            f"not with {shown(estimator)}."
        )


def _grid_problems(table: dict[str, Any]) -> Iterator[str]:
    try:
        grid = PowerGridTable.model_validate(table)
    except ValueError:  # said elsewhere
        return
    wrong = False
    for name in ("elevation_deg", "azimuth_deg"):
        first, last, step = value = getattr(grid, name)
        if step <= 0.0 or last < first:
            wrong = True
            yield (
                f"[grid] {name} = {shown(value)}: expected [first, last, step] with the last not "
                "below the first and a step above 0."
            )
    if wrong:
        return
    number = _count(grid.elevation_deg) * _count(grid.azimuth_deg)
    if number > MAX_USERS:
        yield f"[grid]: {number} users; expected at most {MAX_USERS}."
        return
    elevation_deg = axis_of(grid.elevation_deg) + grid.elevation_shift_deg
    for worst in (elevation_deg.min(), elevation_deg.max()):
        if not 0.0 < worst <= 90.0:
            yield (
                f"[grid] elevation_deg: an elevation of {worst:g} degrees (with "
                "elevation_shift_deg); expected above 0, up to 90."
            )


def _method_problems(table: dict[str, Any]) -> Iterator[str]:
    start, estimator = table.get("start", "usual"), table.get("estimator", "ml")
    for name in ("start_gamma_deg", "start_beta_deg"):
        if name in table and start != "truth":
            yield f"[method] {name} = {shown(table[name])}: goes with start = 'truth'."
    for name, usual in (("reference", "strongest"), ("distance", "reference")):
        if table.get(name, usual) != usual and estimator not in _SEEDS:
            yield (
                f"[method] {name} = {shown(table[name])}: goes with estimator = 'seed' or "
                "'seed-exact-triangle'."
            )
