"""A checked map file to chunks, and their statistics to a dataset."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable

import numpy as np
import xarray as xr

import leopnt
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.methods.coverage.chunk import DOP_QUANTITIES, QUANTITIES, Limit, MapChunk
from leopnt.methods.coverage.errors import (
    Carrier,
    CarrierDifference,
    Doppler,
    EphemerisError,
    Observable,
    Pseudorange,
    link_weights,
)
from leopnt.methods.coverage.grid import SPHERE, WGS84, EarthGrid, equal_angle_grid
from leopnt.methods.coverage.knowledge import (
    Knowledge,
    Known,
    Prior,
    Unknown,
    UserKnowledge,
    unknowns_of,
)
from leopnt.methods.coverage.statistics import (
    ChunkStatistics,
    percentiles_over_area,
    percentiles_over_time,
)
from leopnt.scenes.map_scene import MapScene

MAX_FRAMES = 24
"""Pictures of single epochs that a result keeps."""

_FRAME_VALUES = 1_500_000
_CHUNK_VALUES = 2_000_000

MEANINGS = {
    "num_visible": ("satellites above the mask", "1"),
    "gdop": ("geometric dilution of precision", "1"),
    "pdop": ("position dilution of precision", "1"),
    "hdop": ("horizontal dilution of precision", "1"),
    "vdop": ("vertical dilution of precision", "1"),
    "tdop": ("time dilution of precision", "1"),
    "position_m": ("bound of the position error, 1 sigma in three dimensions", "m"),
    "horizontal_m": ("bound of the horizontal error, 1 sigma", "m"),
    "vertical_m": ("bound of the vertical error, 1 sigma", "m"),
    "clock_s": ("bound of the clock error, 1 sigma", "s"),
    "velocity_mps": ("bound of the velocity error, 1 sigma in three dimensions", "m/s"),
    "drift": ("bound of the clock drift, 1 sigma", "s/s"),
}


def grid_of(scene: MapScene) -> EarthGrid:
    """The grid of a scene."""
    table = scene.settings.map
    return equal_angle_grid(
        math.radians(table.step_deg),
        figure=SPHERE if table.figure == "sphere" else WGS84,
        latitude_rad=tuple(np.radians(table.latitude_deg).tolist()),
        longitude_rad=tuple(np.radians(table.longitude_deg).tolist()),
        height_m=table.height_m,
    )


def chunks_of(scene: MapScene) -> list[Callable[[], MapChunk]]:
    """Functions that make the chunks of a scene, in the order of time."""
    settings, grid = scene.settings, grid_of(scene)
    num_satellites = len(scene.satellites)
    has_bound = settings.measurements is not None
    weights = link_weights(_observables(scene), num_satellites, _ephemeris_error(scene))
    unknowns = unknowns_of(_knowledge(scene) if has_bound else UserKnowledge(), weights)
    quantities = QUANTITIES if has_bound else DOP_QUANTITIES
    limit = settings.map.limit
    size = epochs_at_once(scene)

    def make(first: int) -> MapChunk:
        return MapChunk(
            grid,
            *scene.orbits.states(scene.time_s[first : first + size]),
            scene.mask_rad,
            weights,
            unknowns,
            quantities,
            None if limit is None else Limit(settings.quantity, limit),
            (settings.quantity,),
        )

    return [lambda first=first: make(first) for first in range(0, len(scene.time_s), size)]


def epochs_at_once(scene: MapScene) -> int:
    """Epochs of a chunk: some seconds of work."""
    return int(np.clip(_CHUNK_VALUES // grid_of(scene).num_cells, 1, 64))


def _observables(scene: MapScene) -> tuple[Observable, ...]:
    table = scene.settings.measurements
    if table is None:
        return (Pseudorange(1.0),)
    found: list[Observable] = []
    if table.pseudorange_m is not None:
        found.append(Pseudorange(table.pseudorange_m))
    if table.carrier_phase_m is not None:
        found.append(Carrier(table.carrier_phase_m))
    if table.doppler_hz is not None:
        found.append(Doppler(table.doppler_hz, scene.settings.signal.carrier_hz))
    if table.carrier_difference_m is not None and table.carrier_difference_s is not None:
        found.append(CarrierDifference(table.carrier_difference_m, table.carrier_difference_s))
    return tuple(found)


def _ephemeris_error(scene: MapScene) -> EphemerisError:
    table = scene.settings.measurements
    return (
        EphemerisError()
        if table is None
        else EphemerisError(table.ephemeris_m, table.ephemeris_mps)
    )


def _knowledge(scene: MapScene) -> UserKnowledge:
    user, c = scene.settings.user, SPEED_OF_LIGHT_MPS
    return UserKnowledge(
        _known(user.position, 1.0),
        _known(user.clock, c),
        _known(user.velocity, 1.0),
        _known(user.drift, c),
    )


def _known(value: str | float, scale: float) -> Knowledge:
    if value == "unknown":
        return Unknown()
    return Known() if value == "known" else Prior(scale * float(value))


def map_dataset(scene: MapScene, found: ChunkStatistics) -> xr.Dataset:
    """The result of a map, with units, for files and reports."""
    settings, grid = scene.settings, grid_of(scene)
    names = QUANTITIES if settings.measurements is not None else DOP_QUANTITIES
    place, quantity = ("latitude", "longitude"), settings.quantity
    meaning, unit = MEANINGS[quantity]
    kept = found.kept[:, 0]
    weight, epochs = grid.area_weight, found.num_epochs
    step_s = settings.time.step_s
    frames = frame_indices(epochs, grid.num_cells)
    percent = np.array(settings.map.percentiles)
    within = f"within {settings.map.limit:g}" if settings.map.limit is not None else "solved"
    if quantity == "num_visible" and settings.map.limit is not None:
        within = f"at least {settings.map.limit:g}"
    epoch = scene.reference + scene.time_s

    def on_grid(values):
        return values.reshape(*values.shape[:-1], *grid.shape)

    over_time = percentiles_over_time(kept, _worst_first(percent, quantity))
    over_area = percentiles_over_area(kept, weight, _worst_first(percent, quantity))
    variables = {
        "latitude": ("latitude", np.degrees(grid.latitude_rad), "latitude of centers", "deg"),
        "longitude": ("longitude", np.degrees(grid.longitude_rad), "longitude of centers", "deg"),
        "percent": ("percent", percent, "share of the time", "%"),
        "epoch_utc": ("epoch", np.asarray(epoch.to_iso()), "epoch, UTC", ""),
        "area_weight": (place, on_grid(weight), "share of the area of the map", "1"),
        "available_percent": (
            place, on_grid(100.0 * found.num_available / epochs),
            f"share of the time with {meaning} {within}", "%",
        ),
        "longest_gap_s": (
            place, on_grid(step_s * found.longest.astype(float)),
            "longest time without (epochs in a row times their step)", "s",
        ),
        f"{quantity}_percentile": (
            ("percent", *place), on_grid(np.where(np.isinf(over_time), np.nan, over_time)),
            f"{meaning}, not exceeded for a share of the time" if quantity != "num_visible"
            else f"{meaning}, reached for a share of the time", unit,
        ),
        f"{quantity}_area_percentile": (
            "percent", over_area, f"{meaning}, not exceeded in a share of area and solved time", unit,
        ),
        "available_area_percent": (
            "epoch", 100.0 * found.available_share, "share of the area that is available", "%",
        ),
        f"{quantity}_at": (
            ("frame", *place), on_grid(kept[frames]), f"{meaning}, at one epoch", unit,
        ),
        "frame_index": ("frame", frames, "which epoch", ""),
        "num_visible_least": (
            place, on_grid(np.where(found.num_solved[0] > 0, found.least[0], 0.0)),
            "fewest satellites above the mask", "1",
        ),
    }  # fmt: skip
    for i, name in enumerate(names):
        text, unit_name = MEANINGS[name]
        variables[f"{name}_mean"] = (
            place, on_grid(found.mean[i]), f"{text}, mean over the time it is known", unit_name,
        )  # fmt: skip
        variables[f"{name}_area_mean"] = (
            "epoch", found.mean_at[:, i], f"{text}, mean over the area where it is known", unit_name,
        )  # fmt: skip
    described = {
        name: (dims, values, {"long_name": text, "units": unit_name})
        for name, (dims, values, text, unit_name) in variables.items()
    }
    return xr.Dataset(described, attrs=_attributes(scene, found, weight))


def frame_indices(num_epochs: int, num_cells: int) -> np.ndarray:
    """Epochs that are kept as pictures, evenly over the time."""
    most = int(np.clip(_FRAME_VALUES // num_cells, 2, MAX_FRAMES))
    return np.unique(np.linspace(0, num_epochs - 1, min(most, num_epochs)).round().astype(int))


def _worst_first(percent: np.ndarray, quantity: str) -> np.ndarray:
    """Of numbers of satellites the small ones are bad: what is reached for this share."""
    return np.maximum(100.0 - percent, 1e-9) if quantity == "num_visible" else percent


def _attributes(scene: MapScene, found: ChunkStatistics, weight: np.ndarray) -> dict:
    settings, epochs = scene.settings, found.num_epochs
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    dated = settings.time.start is not None
    return {
        "kind": "map",
        "title": scene.title,
        "quantity": settings.quantity,
        "limit": math.nan if settings.map.limit is None else settings.map.limit,
        "num_satellites": len(scene.satellites),
        "num_epochs": epochs,
        "step_s": settings.time.step_s,
        "cell_deg": settings.map.step_deg,
        "mask_deg": settings.antenna.mask_deg,
        "figure": settings.map.figure,
        "available_percent": 100.0 * float(found.num_available @ weight) / epochs,
        "num_visible_mean": float(found.total[0] @ weight) / epochs,
        "reference_epoch": str(scene.reference.to_iso(digits=0)),
        "is_dated": int(dated),
        "warnings": json.dumps(list(scene.warnings)),
        "input_text": scene.text,
        "leopnt_version": leopnt.__version__,
        "created": now.isoformat(),
    }
