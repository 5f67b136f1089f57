"""Variants of a study file: named sets of keys that differ, to sweep over as one word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import Field

from leopnt.errors import did_you_mean
from leopnt.scenes.settings import SettingsTable, field_problems, shown, table_of
from leopnt.studies.method import CommonSettings


class VariedSettings(CommonSettings):
    """A study file with variants."""

    variants: dict[str, dict[str, dict[str, Any]]] = Field(
        default={}, description="a table: name = the keys that differ, as { table.key = 4 }"
    )
    variant: str = Field(default="", description="the name of one of [variants]; empty for none")


Settings = TypeVar("Settings", bound=VariedSettings)


def with_variant(settings: Settings) -> Settings:
    """The settings with the keys of the variant that they name."""
    changed = {
        name: type(table).model_validate(table.model_dump() | changes)
        for name, changes in settings.variants.get(settings.variant, {}).items()
        for table in [getattr(settings, name)]
    }
    return settings.model_copy(update=changed)


def raw_with_variant(raw: dict[str, Any]) -> dict[str, Any]:
    """The same for a file that is not checked yet."""
    changes = table_of(raw, "variants", str(raw.get("variant", "")))
    return raw | {name: table_of(raw, name) | table_of(changes, name) for name in changes}


def variant_problems(
    model: type[SettingsTable], raw: dict[str, Any], varied: tuple[str, ...]
) -> Iterator[str]:
    """Sentences on variants that change other tables, and on one that is not there or wrong.

    Args:
        varied: tables whose keys a variant may change.
    """
    wrong = [*_table_problems(raw, varied), *_name_problems(raw)]
    yield from wrong
    if table_of(raw, "variants", str(raw.get("variant", ""))) and not wrong:
        for problem in field_problems(model, raw_with_variant(raw)):
            yield f"variant {shown(raw['variant'])}: {problem}"


def _table_problems(raw: dict[str, Any], varied: tuple[str, ...]) -> Iterator[str]:
    for name, changes in table_of(raw, "variants").items():
        for table in changes if isinstance(changes, dict) else ():
            if table not in varied:
                close = did_you_mean(table, varied)
                yield (
                    f"[variants] {shown(name)}: cannot change {shown(table)}.{close} Accepted: "
                    f"{', '.join(varied)}."
                )


def _name_problems(raw: dict[str, Any]) -> Iterator[str]:
    name, variants = raw.get("variant", ""), table_of(raw, "variants")
    if isinstance(name, str) and name and name not in variants:
        known = ", ".join(variants) or "none"
        close = did_you_mean(name, variants)
        yield f"variant = {shown(name)}: is not in [variants].{close} Known: {known}."
