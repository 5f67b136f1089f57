"""What settings files share: tables that refuse unknown keys, and mistakes said in sentences.

A field's `description` is what the user reads after "expected", so every field of a table has one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from leopnt.errors import FormatError, did_you_mean
from leopnt.io.textfile import decode, read_bytes

Hint = Callable[[str, float], str]
"""From the place and value of a refused number to one more sentence, or to an empty one."""


class SettingsTable(BaseModel):
    """A TOML table that refuses keys it does not know and values of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """Text and content of a TOML file.

    Raises:
        LeopntError: no such file.
        FormatError: not TOML.
    """
    text = decode(read_bytes(path), path)
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError(path, None, f"is not a settings file (TOML): {error}.") from None


def table_of(raw: dict[str, Any], *names: str) -> dict[str, Any]:
    """A table inside a table, empty if it is not there or is no table."""
    for name in names:
        found = raw.get(name)
        raw = found if isinstance(found, dict) else {}
    return raw


def listed(path: Path, problems: list[str]) -> str:
    """One message for all mistakes of a file."""
    if len(problems) == 1:
        return f"{path}: {problems[0]}"
    return f"{path}: {len(problems)} mistakes.\n" + "\n".join(f"  {one}" for one in problems)


def field_problems(
    model: type[SettingsTable], raw: dict[str, Any], hint: Hint = lambda name, value: ""
) -> Iterator[str]:
    """A sentence for each key that is unknown or missing, and each value that is not accepted."""
    try:
        model.model_validate(raw)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            yield _sentence(model, one, hint)


def _sentence(model: type[SettingsTable], error: Any, hint: Hint) -> str:
    path = tuple(error["loc"])
    where = _where(path)
    if error["type"] == "extra_forbidden":
        known = list(_table_at(model, path[:-1]).model_fields)
        close = did_you_mean(str(path[-1]), known)
        return f"{where}: unknown key.{close} Accepted: {', '.join(known)}."
    accepted, value = _accepted(model, path), error["input"]
    if error["type"] == "missing":
        return f"{where}: missing; expected {accepted}."
    more = ""
    if error["type"] == "literal_error" and isinstance(value, str):
        more = did_you_mean(value, accepted.split("'")[1::2])
    elif isinstance(value, int | float) and not isinstance(value, bool):
        more = hint(where, float(value))
    return f"{where} = {_shown(value)}: expected {accepted}.{more}"


def _where(path: tuple[Any, ...]) -> str:
    """`[measurement.columns] doppler_hz`, as the user finds it in the file."""
    *tables, name = (one for one in path if isinstance(one, str))
    name += "".join(f"[{one}]" for one in path if isinstance(one, int))
    return f"[{'.'.join(tables)}] {name}" if tables else name


def _table_at(model: type[BaseModel], path: tuple[Any, ...]) -> type[BaseModel]:
    for name in path:
        annotation = model.model_fields[name].annotation
        options = get_args(annotation) or (annotation,)
        inside = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        model = inside[0] if inside else model
    return model


def _accepted(model: type[BaseModel], path: tuple[Any, ...]) -> str:
    """Description of the last name on the path that is a field (others are keys of a mapping)."""
    names = [one for one in path if isinstance(one, str)]
    for end in range(len(names), 0, -1):
        field = _table_at(model, tuple(names[: end - 1])).model_fields.get(names[end - 1])
        if field is not None and field.description:
            return field.description
    raise AssertionError(f"no field of {model.__name__} at {path} has a description")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
