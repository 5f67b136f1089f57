"""A study file: read, checked as a whole, and laid out point by point. Nothing in it is executed.

Every mistake of the file is found before anything runs, those of single sweep points included.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

import leopnt
from leopnt.errors import LeopntError, did_you_mean
from leopnt.scenes.fix_settings import carrier_hint
from leopnt.scenes.settings import (
    SettingsTable,
    field_problems,
    listed,
    read_toml,
    require_file_of,
    shown,
    table_of,
)
from leopnt.studies.method import MODULES, AbstractStudyMethod, CommonSettings, method_of
from leopnt.studies.published import published_problems
from leopnt.studies.sweep import SweepSettings, expand, sweep_problems

_NOT_SWEPT = {
    "study": "method, trials and seed are the same for the whole study",
    "sweep": "a sweep does not sweep itself",
    "output": "the output is the same for the whole study",
    "title": "the title is the same for the whole study",
    "about": "it is text",
    "published": "published numbers are compared with, not varied",
    "users": "users are cases of every point; give several of them instead",
    "time": "epochs are cases of every point; give duration_s and step_s instead",
}
_NO_NUMBERS = ("title", "about", "output", "published")
_MAX_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class Point:
    """One point of the sweep: values of the swept parameters by path, and all settings there."""

    index: int
    values: dict[str, Any]
    settings: CommonSettings


@dataclasses.dataclass(frozen=True)
class Study:
    """A checked study.

    Attributes:
        path: of the file.
        folder: that its paths count from.
        text: content of the file, kept for the report.
        method: that it runs.
        settings: without the sweep's values.
        points: of the sweep; one if there is none.
        fingerprint: digest of all that the numbers depend on: settings, input files, versions.
    """

    path: Path
    folder: Path
    text: str
    method: AbstractStudyMethod
    settings: CommonSettings
    points: tuple[Point, ...]
    fingerprint: str

    @property
    def title(self) -> str:
        """Of the file, else its name."""
        return self.settings.title or self.path.stem.replace("_", " ")


def load_study(path: str | Path) -> Study:
    """Read and check a study file without running it.

    Raises:
        LeopntError: no such file; a file for another command; or a line for every mistake: its
            place, the value found, what is accepted, and the nearest accepted word.
        FormatError: not TOML.
    """
    path = Path(path)
    text, raw = read_toml(path)
    require_file_of("run", path, raw)
    name = table_of(raw, "study").get("method")
    try:
        method = method_of(name)
    except LeopntError as error:
        wrong = [] if name is None else [str(error)]
        wrong += field_problems(CommonSettings, _common(raw))
        raise LeopntError(listed(path, list(dict.fromkeys(wrong)))) from None
    problems = list(study_problems(method, raw, path.parent))
    if problems:
        raise LeopntError(listed(path, problems))
    settings = method.settings.model_validate(raw)
    points = tuple(_points(method, raw, settings))
    mark = _fingerprint(method, settings, points, path.parent)
    return Study(path, path.parent, text, method, settings, points, mark)


def _common(raw: dict[str, Any]) -> dict[str, Any]:
    """Without the keys of single methods, which are no mistakes while the method is not known."""
    known = {key for name in MODULES for key in method_of(name).settings.model_fields}
    special = known - set(CommonSettings.model_fields)
    return {name: one for name, one in raw.items() if name not in special}


def study_problems(method: AbstractStudyMethod, raw: dict[str, Any], folder: Path) -> Iterator[str]:
    """Every mistake of a study file, as sentences."""
    found = [
        *field_problems(method.settings, raw, carrier_hint),
        *method.problems(raw, folder),
        *(sweep_problems(raw["sweep"]) if isinstance(raw.get("sweep"), dict) else ()),
        *published_problems(raw),
    ]
    yield from dict.fromkeys(found)
    if isinstance(raw.get("sweep"), dict):
        yield from _swept_problems(method, raw, folder, set(found))


def _swept_problems(method, raw, folder: Path, known: set[str]) -> Iterator[str]:
    """Mistakes in the paths that are swept, and in the values that they take."""
    values = table_of(raw, "sweep", "values")
    wrong = {name: _path_problem(method.settings, name) for name in values}
    yield from (problem for problem in wrong.values() if problem)
    good = {name: value for name, value in values.items() if not wrong[name]}
    rest = {**raw["sweep"], "values": good}
    if not good or any(True for _ in sweep_problems(raw["sweep"])):
        return
    try:
        sweep = SweepSettings.model_validate(rest)
    except ValueError:
        return
    seen = set(known)
    for point in expand(sweep):
        changed = _with_values(raw, point)
        for problem in [
            *field_problems(method.settings, changed),
            *method.problems(changed, folder),
        ]:
            if problem in seen:
                continue
            seen.add(problem)
            where = ", ".join(f"{name} = {shown(value)}" for name, value in point.items())
            yield f"[sweep] at {where}: {problem}"
            if len(seen) - len(known) >= _MAX_SHOWN:
                yield f"[sweep]: after {_MAX_SHOWN} mistakes the other points were not looked at."
                return


def _path_problem(model: type[BaseModel], path: str) -> str:
    """Why a path cannot be swept; empty if it can."""
    for start, reason in _NOT_SWEPT.items():
        if path == start or path.startswith(f"{start}."):
            return f"[sweep.values] {path}: cannot be swept: {reason}."
    table: type[BaseModel] | None = model
    *tables, name = path.split(".")
    for i, step in enumerate(tables):
        found = _inner(table, step) if table else None
        if found is None:
            return _no_such(path, ".".join(tables[: i + 1]), _names(table))
        table = found
    if table is None or name not in table.model_fields:
        return _no_such(path, path, [".".join([*tables, n]) for n in _names(table)])
    if _inner(table, name) is not None:
        inside = ", ".join(f"{path}.{n}" for n in _names(_inner(table, name)))
        return f"[sweep.values] {path}: is a table; sweep one of its keys: {inside}."
    return ""


def _no_such(path: str, part: str, known: list[str]) -> str:
    return (
        f"[sweep.values] {path}: there is no {part!r}.{did_you_mean(part, known)} Accepted: "
        f"{', '.join(known)}."
    )


def _names(table: type[BaseModel] | None) -> list[str]:
    return list(table.model_fields) if table else []


def _inner(table: type[BaseModel] | None, name: str) -> type[BaseModel] | None:
    """The table that a key of a table holds, if it holds one."""
    field = None if table is None else table.model_fields.get(name)
    if field is None:
        return None
    options = get_args(field.annotation) or (field.annotation,)
    inside = [o for o in options if isinstance(o, type) and issubclass(o, SettingsTable)]
    return inside[0] if inside else None


def _with_values(raw: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    changed = {key: copy.deepcopy(one) for key, one in raw.items() if key != "sweep"}
    for path, value in values.items():
        *tables, name = path.split(".")
        table = changed
        for step in tables:
            if not isinstance(table.get(step), dict):  # not there, or refused already
                table[step] = {}
            table = table[step]
        table[name] = value
    return changed


def _points(method: AbstractStudyMethod, raw, settings: CommonSettings) -> Iterator[Point]:
    for index, values in enumerate(expand(settings.sweep)):
        yield Point(index, values, method.settings.model_validate(_with_values(raw, values)))


def _fingerprint(
    method: AbstractStudyMethod,
    settings: CommonSettings,
    points: tuple[Point, ...],
    folder: Path,
) -> str:
    """Digest of what the numbers depend on; titles and output folders are not part of it."""
    files = {file for point in points for file in method.files(point.settings, folder)}
    content = {
        "settings": settings.model_dump(mode="json", exclude=set(_NO_NUMBERS)),
        "tile": method.tile,
        "chunk": method.chunk_trials,
        "files": [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)],
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of what computes, and the platform."""
    names = ("jax", "jaxlib", "equinox", "numpy")
    return {
        "leopnt": leopnt.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: version(name) for name in names},
    }
