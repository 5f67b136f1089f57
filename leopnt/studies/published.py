"""Published numbers beside ours: what a study file states, and the verdict on each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from pydantic import Field

from leopnt.scenes.settings import SettingsTable, table_of

HELD, DIFFERS, NOT_REPRODUCIBLE = "held", "differs", "not reproducible"


class PublishedTable(SettingsTable):
    """One of `[[published]]`: a number from a paper, or one that theory gives."""

    quantity: str = Field(min_length=1, description="the name of a variable of the result")
    at: dict[str, Any] = Field(
        default={}, description="a table: values of swept parameters that name the point"
    )
    value: float = Field(description="the published number, in the unit of the variable")
    tolerance: float = Field(
        gt=0, description="how far ours may be from it, in the same unit, above 0"
    )
    source: str = Field(min_length=1, description="text: paper, and table or figure")
    why: str = Field(default="", description="text: why ours differs, where it is known to")
    not_reproducible: str = Field(
        default="", description="text: why it cannot be reproduced, where that is so"
    )


def published_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Sentences on published numbers that name no point of the sweep."""
    values, listed = table_of(raw, "sweep", "values"), raw.get("published")
    for i, one in enumerate(listed if isinstance(listed, list) else []):
        at = one.get("at") if isinstance(one, dict) else None
        for name, value in (at if isinstance(at, dict) else {}).items():
            where = f"[[published]] {i + 1} at {name} = {value!r}"
            if name not in values:
                yield f"{where}: is not swept. Swept: {', '.join(values) or 'nothing'}."
            elif isinstance(values[name], list) and value not in values[name]:
                yield f"{where}: no point of the sweep has it; expected one of {values[name]}."


def with_verdicts(dataset: xr.Dataset, published: list[PublishedTable]) -> xr.Dataset:
    """The result with one row per published number: ours, and whether it held.

    held: within the tolerance; differs: it is not, with the reason that the file knows; not
    reproducible: the file says why. A number that the result does not have differs.
    """
    if not published:
        return dataset
    rows = [_row(dataset, one) for one in published]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return dataset.assign(
        {
            name: (("published",), np.asarray(values), {"units": "1", "long_name": name})
            for name, values in columns.items()
        }
    )


def _row(dataset: xr.Dataset, one: PublishedTable) -> dict[str, Any]:
    ours = _ours(dataset, one)
    if one.not_reproducible:
        verdict, reason = NOT_REPRODUCIBLE, one.not_reproducible
    elif math.isfinite(ours) and abs(ours - one.value) <= one.tolerance:
        verdict, reason = HELD, ""
    elif math.isfinite(ours):
        verdict, reason = DIFFERS, one.why or "no reason is known"
    else:
        verdict, reason = DIFFERS, f"the result has no {one.quantity} there"
    return {
        "published_quantity": one.quantity,
        "published_at": ", ".join(f"{name} = {value}" for name, value in one.at.items()),
        "published_value": one.value,
        "published_tolerance": one.tolerance,
        "ours": ours,
        "verdict": verdict,
        "verdict_reason": reason,
        "published_source": one.source,
    }


def _ours(dataset: xr.Dataset, one: PublishedTable) -> float:
    """Value at the first point where the swept parameters have these values; NaN without one."""
    if one.quantity not in dataset or dataset[one.quantity].dims != ("point",):
        return math.nan
    matches = np.ones(dataset.sizes["point"], bool)
    for name, value in one.at.items():
        stored = dataset[name].values
        is_text = stored.dtype.kind not in "fiu"
        matches &= stored == str(value) if is_text else np.isclose(stored, value, rtol=1e-9)
    found = np.flatnonzero(matches)
    return float(dataset[one.quantity].values[found[0]]) if len(found) else math.nan
