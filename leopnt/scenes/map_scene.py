"""A map file, read and checked: orbits, epochs and settings."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float

import leopnt
from leopnt.constants import WGS84_SEMI_MAJOR_M
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.scenes.constellation import (
    load_satellites,
    planned,
    planned_rows,
    start_of,
)
from leopnt.scenes.map_orbits import CircularOrbits, InterpolatedOrbits, MapOrbits
from leopnt.scenes.map_settings import MapSettings, map_problems
from leopnt.scenes.settings import listed, read_toml, require_file_of
from leopnt.scenes.study_scene import epochs_s


@dataclasses.dataclass(frozen=True, eq=False)
class MapScene:
    """What a map is made of.

    Attributes:
        settings: checked.
        file_name: of the file.
        text: its content, kept for the report.
        title: of the map.
        satellites: names.
        orbits: states of all satellites at any epoch.
        reference: the epoch of time_s = 0.
        time_s: of the epochs.
        mask_rad: lowest elevation.
        warnings: sentences that the user should read.
        fingerprint: of the file and its input; versions and the engine count too.
    """

    settings: MapSettings
    file_name: str
    text: str
    title: str
    satellites: tuple[str, ...]
    orbits: MapOrbits
    reference: Epoch
    time_s: Float[np.ndarray, " epoch"]
    mask_rad: float
    warnings: tuple[str, ...]
    fingerprint: str


def load_map(path: str | Path) -> MapScene:
    """Read and check a map file, and its satellites.

    Raises:
        LeopntError: no such file; a file for another command; or a line for every mistake.
        FormatError: not TOML.
    """
    path = Path(path)
    text, raw = read_toml(path)
    require_file_of("map", path, raw)
    problems = list(dict.fromkeys(map_problems(raw, path.parent)))
    if problems:
        raise LeopntError(listed(path, problems))
    settings = MapSettings.model_validate(raw)
    names, orbits, warnings = _satellites(settings, path.parent)
    times_s = epochs_s(settings.time)
    problem = _height_problem(settings.map.height_m, orbits, times_s)
    if problem:
        raise LeopntError(listed(path, [problem]))
    return MapScene(
        settings=settings,
        file_name=path.name,
        text=text,
        title=settings.title or path.stem.replace("_", " "),
        satellites=names,
        orbits=orbits,
        reference=start_of(settings.time),
        time_s=times_s,
        mask_rad=math.radians(settings.antenna.mask_deg),
        warnings=warnings,
        fingerprint=_fingerprint(settings, path.parent),
    )


def _satellites(settings: MapSettings, folder: Path):
    """Planned circular orbits in closed form, others through an ephemeris."""
    table = settings.constellation
    if table.file is not None:
        found = load_satellites(table, settings.time, folder)
        return found.names, InterpolatedOrbits(found.ephemeris), found.warnings
    names, elements = planned(table).names(), planned(table).elements()
    if table.satellites is not None:
        rows = planned_rows(table, names)
        names = tuple(names[i] for i in rows)
        elements = jax.tree.map(lambda column: column[rows], elements)
    return names, CircularOrbits(elements), ()


def _height_problem(height_m: float, orbits: MapOrbits, time_s: Float[np.ndarray, " epoch"]) -> str:
    """Why users are too high: above every satellite at some epochs; empty if they are not."""
    pos_ecef_m, _ = orbits.states(time_s[:: max(1, len(time_s) // 8)])
    highest_m = float(np.nanmax(np.linalg.norm(pos_ecef_m, axis=-1), initial=0.0))
    if highest_m == 0.0 or WGS84_SEMI_MAJOR_M + height_m < highest_m:
        return ""
    top_m = highest_m - WGS84_SEMI_MAJOR_M
    return (
        f"[map] height_m = {height_m:.10g}: users are above all satellites, the highest of which "
        f"is at {top_m / 1e3:.0f} km; expected less than {top_m:.0f}."
    )


def _fingerprint(settings: MapSettings, folder: Path) -> str:
    digest = hashlib.sha256(settings.model_dump_json(exclude={"title"}).encode())
    digest.update(leopnt.__version__.encode())
    if settings.constellation.file is not None:
        digest.update((folder / settings.constellation.file).read_bytes())
    return digest.hexdigest()
