"""What settings files share: tables that refuse unknown keys, and mistakes said in sentences.

A field's `description` is what the user reads after "expected", so every field of a table has one.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from leopnt.errors import FormatError, LeopntError, did_you_mean
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
    except ValueError as error:  # TOMLDecodeError, or an integer of thousands of digits
        raise FormatError(path, None, f"is not a settings file (TOML): {error}.") from None


def table_of(raw: dict[str, Any], *names: str) -> dict[str, Any]:
    """A table inside a table, empty if it is not there or is no table."""
    for name in names:
        found = raw.get(name)
        raw = found if isinstance(found, dict) else {}
    return raw


_COMMANDS = {
    "fix": ("measurement",),
    "run": ("study",),
    "map": ("map",),
    "calibrate": ("simulation", "files"),
}
"""Tables that only the files of one command have."""


def require_file_of(command: str, path: Path, raw: dict[str, Any]) -> None:
    """Refuse a file whose tables show that it is for another command of leopnt.

    Raises:
        LeopntError: it has tables of one other command only, and none of this one.
    """
    found = {
        one: names
        for one, tables in _COMMANDS.items()
        if (names := [name for name in tables if isinstance(raw.get(name), dict)])
    }
    if command in found or len(found) != 1:
        return
    ((other, names),) = found.items()
    raise LeopntError(
        f"{path}: this is a file for leopnt {other}, as its table [{names[0]}] shows, not for "
        f"leopnt {command}; run it with: leopnt {other} {path}"
    )


def listed(path: Path | str, problems: list[str]) -> str:
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
        sentences = [_sentence(model, one, hint) for one in error.errors(include_url=False)]
        for one in dict.fromkeys(sentences):  # a value may fail each of several types
            if not any(other != one and other.startswith(one) for other in sentences):
                yield one  # with its hint


def _sentence(model: type[SettingsTable], error: Any, hint: Hint) -> str:
    path, value = tuple(error["loc"]), error["input"]
    if error["type"] == "extra_forbidden":
        known = list(_fields(_walk(model, path[:-1]).annotation))
        close = did_you_mean(str(path[-1]), known)
        where = _where((*_walk(model, path[:-1]).path, path[-1]))
        return f"{where}: unknown key.{close} Accepted: {', '.join(known)}."
    found = _walk(model, path)
    where, accepted = _where(found.path), found.description
    assert accepted, f"no field of {model.__name__} at {path} has a description"
    if error["type"] == "missing":
        return f"{where}: missing; expected {accepted}."
    more = ""
    if error["type"] == "literal_error" and isinstance(value, str):
        more = did_you_mean(value, accepted.split("'")[1::2])
    elif isinstance(value, int | float) and not isinstance(value, bool):
        more = hint(where, _as_float(value))
    return f"{where} = {shown(value)}: expected {accepted}.{more}"


def _as_float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:  # integers of a TOML file have any length
        return math.inf if value > 0 else -math.inf


def _where(path: tuple[Any, ...]) -> str:
    """`[users] places[1].height_m`: the table, and where in it."""
    first = next((i for i, one in enumerate(path) if isinstance(one, int)), len(path))
    *tables, name = path[:first]
    for one in path[first:]:
        name += f"[{one}]" if isinstance(one, int) else f".{one}"
    return f"[{'.'.join(tables)}] {name}" if tables else name


class _Place(NamedTuple):
    """Where the path of an error leads: the steps that exist, what is there, what is accepted."""

    path: tuple[Any, ...]
    annotation: Any
    description: str


def _walk(model: type[BaseModel], path: tuple[Any, ...]) -> _Place:
    """Follow a path of pydantic, leaving out its marks for the members of a union."""
    taken, annotation, description = (), model, ""
    for step in path:
        fields = _fields(annotation)
        if isinstance(step, str) and step in fields:
            annotation, description = fields[step].annotation, fields[step].description or ""
        elif (inside := _item_type(annotation, dict if isinstance(step, str) else list)) is None:
            continue
        else:
            annotation = inside
        taken = (*taken, step)
    return _Place(taken, annotation, description)


def _members(annotation: Any) -> Iterator[Any]:
    """The types that a `Union` or `Annotated` allows."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            yield from _members(one)
    else:
        yield annotation


def _fields(annotation: Any) -> dict[str, Any]:
    for one in _members(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one.model_fields
    return {}


def _item_type(annotation: Any, container: type) -> Any:
    """What a list or a mapping of these types holds, None if there is none."""
    for one in _members(annotation):
        if get_origin(one) is container:
            return get_args(one)[-1]
    return None


def shown(value: Any) -> str:
    """A value as messages quote it: of bounded length."""
    is_endless = isinstance(value, int) and value.bit_length() > 1000
    try:
        text = hex(value) if is_endless else repr(value)
    except ValueError:  # an integer of thousands of digits inside a list or table
        text = f"a {type(value).__name__} that holds an endless number"
    return text if len(text) <= 60 else f"{text[:57]}..."
