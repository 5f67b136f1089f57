"""Who measures: places, cities, grids, scattered places and tracks, as arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from leopnt.scenes.sky_scene import city
from leopnt.scenes.study_settings import (
    GridSettings,
    RandomPlaceSettings,
    TrackSettings,
    UsersSettings,
)
from leopnt.scenes.tracks import along_track, normals, on_ellipsoid


@dataclasses.dataclass(frozen=True, eq=False)
class Users:
    """Users at epochs, in ECEF.

    Attributes:
        names: (user,).
        latitude_deg, longitude_deg, height_m: above the WGS 84 ellipsoid, longitude as given.
        pos_ecef_m, vel_ecef_mps: relative to the Earth, so 0 m/s for who stands.
        enu_axes: rows east, north and up (normal of the ellipsoid) in ECEF. At a pole the
            longitude given says where east is.
    """

    names: tuple[str, ...]
    latitude_deg: Float[np.ndarray, "user epoch"]
    longitude_deg: Float[np.ndarray, "user epoch"]
    height_m: Float[np.ndarray, "user epoch"]
    pos_ecef_m: Float[np.ndarray, "user epoch 3"]
    vel_ecef_mps: Float[np.ndarray, "user epoch 3"]
    enu_axes: Float[np.ndarray, "user epoch 3 3"]


class Places(NamedTuple):
    """Points that stand still; longitudes as the settings give them."""

    names: tuple[str, ...]
    latitude_deg: Float[np.ndarray, " user"]
    longitude_deg: Float[np.ndarray, " user"]
    height_m: Float[np.ndarray, " user"]


def place_users(settings: UsersSettings, time_s: Float[np.ndarray, " epoch"]) -> Users:
    """Users of checked settings at times since the start."""
    if settings.track is not None:
        return _moving(settings.track, time_s)
    return _standing(places_of(settings), len(time_s))


def places_of(settings: UsersSettings) -> Places:
    """Users who stand, in the order of the settings; a grid runs along each parallel."""
    if settings.grid is not None:
        return _grid(settings.grid)
    if settings.random is not None:
        return _scattered(settings.random)
    if settings.cities is not None:
        found = [(name, city(name)) for name in settings.cities]
    else:
        found = [(place.name, place) for place in settings.places or ()]
    rows = [(place.latitude_deg, place.longitude_deg, place.height_m) for _, place in found]
    return Places(tuple(name for name, _ in found), *np.array(rows, dtype=float).T)


def count_users(settings: UsersSettings) -> int:
    """How many users `place_users` would make."""
    if settings.grid is not None:
        return sum(len(longitudes) for _, longitudes in _parallels(settings.grid))
    if settings.random is not None:
        return settings.random.count
    return 1 if settings.track is not None else len(settings.cities or settings.places or ())


def steps(first: float, last: float, step: float) -> int:
    """How many numbers first, first + step, ... do not pass `last`, rounding forgiven."""
    return int((last - first) / step + 1e-9) + 1


def _parallels(grid: GridSettings) -> Iterator[tuple[float, np.ndarray]]:
    south, north, step = grid.latitude_deg
    for i in range(steps(south, north, step)):
        latitude_deg = min(south + step * i, north)
        yield latitude_deg, _longitudes(grid, abs(latitude_deg) == 90.0)


def _longitudes(grid: GridSettings, is_pole: bool) -> np.ndarray:
    west, east, step = grid.longitude_deg
    found = np.minimum(west + step * np.arange(steps(west, east, step)), east)
    if is_pole:
        return found[:1]
    return found[found < west + 360.0 - 1e-9 * step]


def _grid(grid: GridSettings) -> Places:
    rows = [
        (latitude_deg, float(longitude_deg))
        for latitude_deg, longitudes in _parallels(grid)
        for longitude_deg in longitudes
    ]
    latitude_deg, longitude_deg = np.array(rows).T
    names = tuple(_coordinates(*row) for row in rows)
    return Places(names, latitude_deg, longitude_deg, np.full(len(rows), grid.height_m))


def _coordinates(latitude_deg: float, longitude_deg: float) -> str:
    east_deg = (longitude_deg + 180.0) % 360.0 - 180.0
    sides = "NS"[latitude_deg < 0], "EW"[east_deg < 0]
    return f"{abs(latitude_deg):.7g} {sides[0]}, {abs(east_deg):.7g} {sides[1]}"


def _scattered(settings: RandomPlaceSettings) -> Places:
    random = np.random.default_rng(settings.seed)
    south, north = np.sin(np.radians(settings.latitude_deg))
    latitude_deg = np.degrees(np.arcsin(random.uniform(south, north, settings.count)))
    longitude_deg = random.uniform(-180.0, 180.0, settings.count)
    names = tuple(f"place {i + 1}" for i in range(settings.count))
    return Places(names, latitude_deg, longitude_deg, np.full(settings.count, settings.height_m))


def _standing(places: Places, num_epochs: int) -> Users:
    up = normals(np.radians(places.latitude_deg), np.radians(places.longitude_deg))
    still = np.zeros_like(places.height_m)
    pos_m, vel_mps = on_ellipsoid(up, np.zeros_like(up), places.height_m, still)
    axes = _axes(up, np.radians(places.longitude_deg))

    def all_epochs(values):
        return np.repeat(values[:, None], num_epochs, axis=1)

    columns = (*places[1:], pos_m, vel_mps, axes)
    return Users(places.names, *(all_epochs(one) for one in columns))


def _moving(track: TrackSettings, time_s: Float[np.ndarray, " epoch"]) -> Users:
    fields = [(p.time_s, p.latitude_deg, p.longitude_deg, p.height_m) for p in track.waypoints]
    at_s, latitude_deg, longitude_deg, height_m = np.array(fields, dtype=float).T
    corners = normals(np.radians(latitude_deg), np.radians(longitude_deg))
    motion = along_track(at_s, corners, height_m, time_s)
    x, y, z = motion.normal.T
    longitude_rad = np.arctan2(y, x)
    columns = (
        np.degrees(np.arctan2(z, np.hypot(x, y))),
        np.degrees(longitude_rad),
        motion.height_m,
        motion.pos_ecef_m,
        motion.vel_ecef_mps,
        _axes(motion.normal, longitude_rad),
    )
    return Users(("track",), *(one[None] for one in columns))


def _axes(up, longitude_rad):
    """East along the parallel, north toward the pole, up along the normal."""
    east = np.stack([-np.sin(longitude_rad), np.cos(longitude_rad), 0.0 * longitude_rad], axis=-1)
    return np.stack([east, np.cross(up, east), up], axis=-2)
