"""What the tables of a scene cannot see by themselves: one of several keys, files, counts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io.textfile import read_bytes
from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.scenes.sky_scene import MAX_EPOCHS, city
from leopnt.scenes.study_settings import (
    MAX_PLACES,
    ConstellationSettings,
    GridSettings,
    RandomPlaceSettings,
    TimeSettings,
    TrackSettings,
    UsersSettings,
    WaypointSettings,
)
from leopnt.scenes.tracks import angle_between, normals
from leopnt.scenes.users import count_users

MAX_CASES = 1_000_000
"""Most users times epochs of one scene."""

_OPPOSITE_RAD = 1e-6
_SOURCES = ("file", "preset", "walker")
_USERS = ("places", "cities", "grid", "random", "track")
_Table = TypeVar("_Table", bound=SettingsTable)


def scene_problems(raw: dict[str, Any], folder: Path) -> Iterator[str]:
    """A sentence for each mistake that is not of one field, whatever else is wrong.

    Args:
        raw: the file's content, with the tables constellation, time, users, antenna and signal;
            not checked yet. What is not of the right type is left to `settings.field_problems`.
        folder: what files are relative to.
    """
    raw = {name: one for name, one in raw.items() if isinstance(one, dict)}
    time = _checked(TimeSettings, raw.get("time", {}))
    users = _checked(UsersSettings, raw.get("users"))
    if "constellation" in raw:
        yield from _constellation_problems(table_of(raw, "constellation"), raw, folder)
    yield from _time_problems(time)
    if "users" in raw:
        yield from _one_of("users", table_of(raw, "users"), _USERS)
    yield from _user_problems(table_of(raw, "users"), time)
    yield from _size_problems(users, time)


def count_epochs(time: TimeSettings) -> int:
    """Epochs within the duration, the first one included."""
    return int(min(time.duration_s / time.step_s, 1e15) + 1e-9) + 1


def _checked(model: type[_Table], raw: Any) -> _Table | None:
    """The table, or None where `field_problems` has something to say about it."""
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def _one_of(table: str, raw: dict[str, Any], names: Sequence[str]) -> Iterator[str]:
    given = [name for name in names if raw.get(name) is not None]
    if not given:
        yield f"[{table}]: expected one of {', '.join(names)}."
    if len(given) > 1:
        yield f"[{table}] {' and '.join(given)}: give one of them."


# Satellites


def _constellation_problems(
    raw: dict[str, Any], scene: dict[str, Any], folder: Path
) -> Iterator[str]:
    yield from _one_of("constellation", raw, _SOURCES)
    yield from _walker_problems(table_of(raw, "walker"))
    has_file = raw.get("file") is not None
    if "max_age_days" in raw and not has_file:
        yield "[constellation] max_age_days: goes with file, which is not given."
    if has_file and table_of(scene, "time").get("start") is None:
        yield "[time] start: missing; with a [constellation] file the date must be known."
    names = raw.get("satellites")
    if isinstance(names, list):
        yield from _twice("[constellation] satellites", names)
    if isinstance(raw.get("file"), str) and raw["file"]:
        try:
            read_bytes(folder / raw["file"])
        except LeopntError as error:
            yield f"[constellation] file: {error}"
            return
    settings = _checked(ConstellationSettings, raw)
    if settings is not None and not list(_one_of("", raw, _SOURCES)):
        try:
            yield from _satellite_problems(settings, scene, folder)
        except LeopntError as error:
            yield f"[constellation] file: {error}"


def _walker_problems(walker: dict[str, Any]) -> Iterator[str]:
    counts = [walker.get(name) for name in ("satellites", "planes")]
    satellites, planes = (one if isinstance(one, int) else 1 for one in counts)
    if planes > 0 and satellites % planes:
        yield (
            f"[constellation.walker] satellites = {shown(satellites)}: expected a multiple of "
            f"the {shown(planes)} planes."
        )
    if walker.get("pattern") == "delta" and walker.get("node_spread_deg") is not None:
        yield (
            "[constellation.walker] node_spread_deg: goes with pattern 'star'; the planes of "
            "'delta' spread over 360 degrees."
        )


def _satellite_problems(
    settings: ConstellationSettings, scene: dict[str, Any], folder: Path
) -> Iterator[str]:
    """Names that are not there, and files that do not reach; a broken file raises."""
    from leopnt.scenes import constellation

    wanted = list(dict.fromkeys(settings.satellites or ()))
    if settings.file is None:
        if not list(_walker_problems(table_of(scene, "constellation", "walker"))):
            names = constellation.planned(settings).names()
            source = constellation.source_of(settings)
            wrong = [said for one in wanted
                     for said in _said(constellation.find_planned, one, names, source)]  # fmt: skip
            different = settings.model_copy(update={"satellites": wanted or None})
            yield from wrong or _said(constellation.planned_rows, different, names)
        return
    stamp = constellation.file_stamp(folder / settings.file)
    time = _checked(TimeSettings, scene.get("time", {}))
    good = time is not None and time.start and not list(_time_problems(time))
    given = settings.model_copy(update={"satellites": wanted or None}).model_dump_json()
    span = time.model_dump_json() if time is not None and good else ""
    yield from _file_problems(given, span, str(folder), stamp)


@functools.lru_cache(maxsize=64)
def _file_problems(
    constellation_json: str, time_json: str, folder: str, stamp: tuple[int, ...]
) -> tuple[str, ...]:
    """What is wrong with a file for these satellites and times; kept for the points of a sweep."""
    from leopnt.scenes import constellation

    settings = ConstellationSettings.model_validate_json(constellation_json)
    file = constellation.read_satellites(Path(folder) / str(settings.file), stamp)
    wrong = [said for one in settings.satellites or () for said in _said(file.find, one)]
    wrong = wrong or list(_said(constellation.wanted_rows, file, settings))
    if wrong or not time_json:
        return tuple(wrong)
    time = TimeSettings.model_validate_json(time_json)
    problem = constellation.span_problem(file, settings, time)
    return (f"[constellation] file: {problem}",) if problem else ()


def _said(find: Callable[..., object], *arguments: object) -> Iterator[str]:
    try:
        find(*arguments)
    except LeopntError as error:
        yield f"[constellation] satellites: {error}"


def _twice(where: str, names: list[Any]) -> Iterator[str]:
    texts = [one for one in names if isinstance(one, str)]
    for one in dict.fromkeys(texts):
        if texts.count(one) > 1:
            yield f"{where}: {one!r} is there twice."


# Times


def _time_problems(time: TimeSettings | None) -> Iterator[str]:
    if time is None:
        return
    if time.start is not None:
        try:
            Epoch.from_iso(time.start)
        except LeopntError as error:
            yield f"[time] start: {error}"
    if count_epochs(time) > MAX_EPOCHS:
        yield (
            f"[time] step_s: {time.duration_s:g} s in steps of {time.step_s:g} s are "
            f"{count_epochs(time)} epochs; expected at most {MAX_EPOCHS}."
        )


# Users


def _user_problems(raw: dict[str, Any], time: TimeSettings | None) -> Iterator[str]:
    yield from _place_problems(raw.get("places"))
    if isinstance(raw.get("cities"), list):
        yield from _twice("[users] cities", raw["cities"])
        yield from _city_problems(raw["cities"])
    grid = _checked(GridSettings, raw.get("grid"))
    if grid is not None:
        yield from _grid_problems(grid)
    random = _checked(RandomPlaceSettings, raw.get("random"))
    if random is not None and random.latitude_deg[0] > random.latitude_deg[1]:
        yield (
            f"[users.random] latitude_deg = {random.latitude_deg}: expected [from, to], from "
            "south to north."
        )
    track = _checked(TrackSettings, raw.get("track"))
    if track is not None:
        yield from _track_problems(track, time)


def _place_problems(places: Any) -> Iterator[str]:
    if isinstance(places, list):
        names = [one.get("name") for one in places if isinstance(one, dict)]
        yield from _twice("[users] places", names)


def _city_problems(names: list[Any]) -> Iterator[str]:
    for i, name in enumerate(names):
        if isinstance(name, str) and name:
            try:
                city(name)
            except LeopntError as error:
                yield f"[users] cities[{i}]: {error}"


def _grid_problems(grid: GridSettings) -> Iterator[str]:
    counts = []
    for name, lowest, highest in (("latitude_deg", -90, 90), ("longitude_deg", -180, 360)):
        first, last, step = found = getattr(grid, name)
        where = f"[users.grid] {name} = {found}: expected [from, to, step]"
        if not lowest <= first <= last <= highest:
            yield f"{where}, {lowest} <= from <= to <= {highest}."
        elif step <= 0:
            yield f"{where}, the step above 0."
        else:
            counts.append(int(min((last - first) / step, 1e9) + 1e-9) + 1)
    if len(counts) == 2 and counts[0] * counts[1] > MAX_PLACES:
        yield (
            f"[users.grid]: {counts[0]} latitudes times {counts[1]} longitudes are more than "
            f"{MAX_PLACES} places; take larger steps."
        )


def _track_problems(track: TrackSettings, time: TimeSettings | None) -> Iterator[str]:
    points = track.waypoints
    at_s = [one.time_s for one in points]
    for i in range(1, len(points)):
        if at_s[i] <= at_s[i - 1]:
            yield (
                f"[users.track] waypoints[{i}].time_s = {at_s[i]!r}: expected more than "
                f"{at_s[i - 1]!r}, the time of the waypoint before."
            )
        if _are_opposite(points[i - 1], points[i]):
            yield (
                f"[users.track] waypoints[{i}]: lies on the other side of the Earth from the one "
                "before, and every way is as short; expected a waypoint between them."
            )
    end_s = 0.0 if time is None else time.step_s * (count_epochs(time) - 1)
    if at_s == sorted(at_s) and not at_s[0] <= 0.0 <= end_s <= at_s[-1]:
        yield (
            f"[users.track] waypoints: go from time_s = {at_s[0]:g} to {at_s[-1]:g}; expected all "
            f"epochs, 0 to {end_s:g} s."
        )


def _are_opposite(one: WaypointSettings, other: WaypointSettings) -> bool:
    latitudes = np.radians([one.latitude_deg, other.latitude_deg])
    longitudes = np.radians([one.longitude_deg, other.longitude_deg])
    return bool(np.pi - angle_between(*normals(latitudes, longitudes)) < _OPPOSITE_RAD)


def _size_problems(users: UsersSettings | None, time: TimeSettings | None) -> Iterator[str]:
    """Too many cases; said only where users and epochs are right by themselves."""
    if users is None or time is None:
        return
    raw = users.model_dump(exclude_none=True)
    if list(_one_of("users", raw, _USERS)) or list(_user_problems(raw, time)):
        return
    num_users, num_epochs = count_users(users), count_epochs(time)
    if num_epochs <= MAX_EPOCHS and num_users * num_epochs > MAX_CASES:
        yield (
            f"[users] and [time]: {num_users} users at {num_epochs} epochs are "
            f"{num_users * num_epochs} cases; expected at most {MAX_CASES}."
        )
