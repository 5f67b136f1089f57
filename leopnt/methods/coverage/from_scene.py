"""A checked map file to chunks of work."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.methods.coverage.chunk import DOP_QUANTITIES, QUANTITIES, Limit, MapChunk
from leopnt.methods.coverage.engine import engine_name, evaluate_chunk
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
from leopnt.scenes.map_scene import MapScene

_CHUNK_VALUES = 2_000_000


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
    size = epochs_at_once(scene)

    def make(first: int) -> MapChunk:
        return MapChunk(
            grid,
            *scene.orbits.states(scene.time_s[first : first + size]),
            scene.mask_rad,
            weights,
            unknowns,
            quantities,
            _limit(scene),
            (settings.quantity,),
        )

    return [lambda first=first: make(first) for first in range(0, len(scene.time_s), size)]


@dataclasses.dataclass(frozen=True, eq=False)
class MapWork:
    """What workers share: a scene, and the engine that must compute all of it.

    Attributes:
        scene: of the map.
        engine: as `engine.engine_name` says it.
    """

    scene: MapScene
    engine: str


def engine_here(item: object, shared: object) -> str:
    """`engine.engine_name` of a worker."""
    return engine_name()


def chunk_arrays(number: int, work: MapWork) -> dict[str, np.ndarray]:
    """Statistics of one chunk of a scene as arrays: plain data in and out, for workers anywhere.

    Raises:
        LeopntError: the engine here is another one.
    """
    here = engine_name()
    if here != work.engine:
        raise LeopntError(
            f"a worker would compute this map by {here}, not by {work.engine} as the others do: "
            "numbers would differ. Install the same there."
        )
    return evaluate_chunk(chunks_of(work.scene)[number]()).arrays()


def epochs_at_once(scene: MapScene) -> int:
    """Epochs of a chunk: some seconds of work."""
    return int(np.clip(_CHUNK_VALUES // grid_of(scene).num_cells, 1, 64))


def _limit(scene: MapScene) -> Limit:
    """Without one in the file: whatever value, or a satellite."""
    quantity, value = scene.settings.quantity, scene.settings.map.limit
    anything = 1.0 if quantity == "num_visible" else math.inf
    return Limit(quantity, anything if value is None else value)


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
