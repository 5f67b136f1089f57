"""Statistics of a map as a dataset, for files and reports."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterator

import numpy as np
import xarray as xr

import leopnt
from leopnt.methods.coverage.chunk import DOP_QUANTITIES, QUANTITIES
from leopnt.methods.coverage.from_scene import grid_of
from leopnt.methods.coverage.grid import EarthGrid
from leopnt.methods.coverage.percentiles import percentiles_over_area, percentiles_over_time
from leopnt.methods.coverage.statistics import ChunkStatistics
from leopnt.scenes.map_scene import MapScene

MAX_FRAMES = 24
"""Pictures of single epochs that a result keeps."""

_FRAME_VALUES = 1_500_000
_PLACE = ("latitude", "longitude")
_Variable = tuple[str, object, np.ndarray, str, str]
"""Name, dimensions, values, meaning, unit."""

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


def map_dataset(scene: MapScene, found: ChunkStatistics) -> xr.Dataset:
    """The result of a map: coordinates, availability, percentiles, pictures and means."""
    grid = grid_of(scene)
    variables = [
        *_coordinates(scene, grid),
        *_availability(scene, found, grid),
        *_percentiles(scene, found, grid),
        *_pictures(scene, found, grid),
        *_means(scene, found, grid),
    ]
    described = {
        name: (dims, values, {"long_name": text, "units": unit})
        for name, dims, values, text, unit in variables
    }
    return xr.Dataset(described, attrs=_attributes(scene, found, grid))


def frame_indices(num_epochs: int, num_cells: int) -> np.ndarray:
    """Epochs that are kept as pictures, evenly over the time."""
    most = int(np.clip(_FRAME_VALUES // num_cells, 2, MAX_FRAMES))
    return np.unique(np.linspace(0, num_epochs - 1, min(most, num_epochs)).round().astype(int))


def _on(grid: EarthGrid, values: np.ndarray) -> np.ndarray:
    return values.reshape(*values.shape[:-1], *grid.shape)


def _coordinates(scene: MapScene, grid: EarthGrid) -> Iterator[_Variable]:
    lat_deg, lon_deg = np.degrees(grid.latitude_rad), np.degrees(grid.longitude_rad)
    yield "latitude", "latitude", lat_deg, "latitude of centers", "deg"
    yield "longitude", "longitude", lon_deg, "longitude of centers", "deg"
    epoch = np.asarray((scene.reference + scene.time_s).to_iso())
    yield "epoch_utc", "epoch", epoch, "epoch, UTC", ""
    weight = _on(grid, grid.area_weight)
    yield "area_weight", _PLACE, weight, "share of the area of the map", "1"


def _availability(scene: MapScene, found: ChunkStatistics, grid: EarthGrid) -> Iterator[_Variable]:
    within = "within the limit, or with the quantity known where there is none"
    share = _on(grid, 100.0 * found.num_available / found.num_epochs)
    yield "available_percent", _PLACE, share, f"share of the time {within}", "%"
    gap_s = _on(grid, scene.settings.time.step_s * found.longest.astype(float))
    yield "longest_gap_s", _PLACE, gap_s, "longest run of epochs without, times their step", "s"
    over_time = 100.0 * found.available_share
    yield "available_area_percent", "epoch", over_time, f"share of the area {within}", "%"


def _percentiles(scene: MapScene, found: ChunkStatistics, grid: EarthGrid) -> Iterator[_Variable]:
    """Of errors the values not exceeded; of satellites those reached."""
    quantity, percent = scene.settings.quantity, np.array(scene.settings.map.percentiles)
    meaning, unit = MEANINGS[quantity]
    is_count = quantity == "num_visible"
    verb, sign = ("reached", -1.0) if is_count else ("not exceeded", 1.0)
    kept = -found.kept[:, 0] if is_count else found.kept[:, 0]
    over_time = sign * percentiles_over_time(kept, percent)
    over_time = _on(grid, np.where(np.isinf(over_time), np.nan, over_time))
    over_area = sign * percentiles_over_area(kept, grid.area_weight, percent)
    yield "percent", "percent", percent, "share of the time", "%"
    text = f"{meaning}, {verb} for this share of the time"
    yield f"{quantity}_percentile", ("percent", *_PLACE), over_time, text, unit
    text = f"{meaning}, {verb} in this share of area and solved time"
    yield f"{quantity}_area_percentile", "percent", over_area, text, unit


def _pictures(scene: MapScene, found: ChunkStatistics, grid: EarthGrid) -> Iterator[_Variable]:
    quantity = scene.settings.quantity
    meaning, unit = MEANINGS[quantity]
    frames = frame_indices(found.num_epochs, grid.num_cells)
    yield "frame_index", "frame", frames, "which epoch", ""
    values = _on(grid, found.kept[frames, 0])
    yield f"{quantity}_at", ("frame", *_PLACE), values, f"{meaning}, at one epoch", unit


def _means(scene: MapScene, found: ChunkStatistics, grid: EarthGrid) -> Iterator[_Variable]:
    names = QUANTITIES if scene.settings.measurements is not None else DOP_QUANTITIES
    least = _on(grid, found.least[0])
    yield "num_visible_least", _PLACE, least, "fewest satellites above the mask", "1"
    for i, name in enumerate(names):
        meaning, unit = MEANINGS[name]
        mean = _on(grid, found.mean[i])
        yield f"{name}_mean", _PLACE, mean, f"{meaning}, mean over the time it is known", unit
        text = f"{meaning}, mean over the area where it is known"
        yield f"{name}_area_mean", "epoch", found.mean_at[:, i], text, unit
        text = f"{meaning}, mean over area and time where it is known"
        yield f"{name}_overall_mean", (), _overall(found, i, grid.area_weight), text, unit


def _overall(found: ChunkStatistics, row: int, weight: np.ndarray) -> np.ndarray:
    """Mean over area and time of a quantity where it is known; NaN where it never is."""
    known = float(found.num_solved[row] @ weight)
    return np.asarray(found.total[row] @ weight / known if known else math.nan)


def _attributes(scene: MapScene, found: ChunkStatistics, grid: EarthGrid) -> dict:
    settings, epochs, weight = scene.settings, found.num_epochs, grid.area_weight
    side_deg = np.degrees(grid.step_rad).tolist()
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return {
        "kind": "map",
        "title": scene.title,
        "quantity": settings.quantity,
        "limit": math.nan if settings.map.limit is None else settings.map.limit,
        "num_satellites": len(scene.satellites),
        "num_epochs": epochs,
        "step_s": settings.time.step_s,
        "cell_latitude_deg": side_deg[0],
        "cell_longitude_deg": side_deg[1],
        "mask_deg": settings.antenna.mask_deg,
        "figure": settings.map.figure,
        "available_percent": 100.0 * float(found.num_available @ weight) / epochs,
        "num_visible_mean": float(found.total[0] @ weight) / epochs,
        "reference_epoch": str(scene.reference.to_iso(digits=0)),
        "is_dated": int(settings.time.start is not None),
        **_carrier(scene),
        "warnings": json.dumps([*scene.warnings, *_warnings(scene, found)]),
        "input_file": scene.file_name,
        "input_text": scene.text,
        "leopnt_version": leopnt.__version__,
        "created": now.isoformat(),
    }


def _carrier(scene: MapScene) -> dict[str, float]:
    """The carrier of Doppler shifts, where they are measured."""
    settings = scene.settings
    if settings.measurements is None or settings.measurements.doppler_hz is None:
        return {}
    is_default = "carrier_hz" not in settings.signal.model_fields_set
    return {
        "doppler_carrier_hz": settings.signal.carrier_hz,
        "is_default_carrier": int(is_default),
    }


def _warnings(scene: MapScene, found: ChunkStatistics) -> Iterator[str]:
    """What makes a map blank."""
    settings, table = scene.settings, scene.settings.constellation
    source = table.preset or table.file or "the Walker pattern"
    where = f"mask of {settings.antenna.mask_deg:g} degrees"
    if float(np.sum(found.total[0])) == 0.0:
        yield (
            f"No satellite of {source} ({len(scene.satellites)} in all) is ever above the {where} "
            "in this region: there is nothing to map."
        )
    elif not np.any(np.isfinite(found.kept[:, 0])):
        yield (
            f"{settings.quantity} has no value anywhere: satellites of {source} above the {where} "
            "never determine it."
        )
