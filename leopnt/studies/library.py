"""The studies that come with leopnt, and the schema of study files."""

from __future__ import annotations

import functools
import operator
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from leopnt.errors import LeopntError, did_you_mean
from leopnt.studies.method import MODULES, method_of
from leopnt.studies.study_file import Study, load_study


class Entry(NamedTuple):
    """A study of the catalogue: name, method, one line about it, its file."""

    name: str
    method: str
    about: str
    path: Path


def catalog() -> list[Entry]:
    """All studies of the catalogue, by name."""
    root = Path(str(files("leopnt.studies") / "catalog_files"))
    entries = []
    paths = {p.relative_to(root).with_suffix("").as_posix(): p for p in root.rglob("*.toml")}
    for name, path in sorted(paths.items()):
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        entries.append(Entry(name, raw["study"]["method"], raw["about"], path))
    return entries


def catalog_study(name: str) -> Study:
    """A study of the catalogue.

    Raises:
        LeopntError: no such study.
    """
    entries = {entry.name: entry.path for entry in catalog()}
    if name not in entries:
        raise LeopntError(
            f"no catalogue study {name!r}.{did_you_mean(name, entries)} `leopnt list` shows all."
        )
    return load_study(entries[name])


def study_schema(method: str | None = None) -> dict[str, Any]:
    """JSON schema of the study files of a method, or of all: for editors that complete TOML."""
    if method is not None:
        return method_of(method).settings.model_json_schema()
    every: Any = functools.reduce(operator.or_, (method_of(name).settings for name in MODULES))
    return TypeAdapter(every).json_schema()
