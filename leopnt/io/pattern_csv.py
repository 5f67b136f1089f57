"""Antenna patterns in CSV: one row per beam and direction.

Columns, in any order, with names in the first line:

| column | holds |
|---|---|
| `beam` | name or number of the beam |
| `u`, `v` | direction cosines, or instead |
| `theta_deg`, `phi_deg` | angle off the boresight, 0 to 180; azimuth from +x to +y, -360 to 720 |
| `eirp_dbw` | EIRP, or instead |
| `gain_dbi` | gain, or instead |
| `relative_db` | decibels below the peak, 0 or less |

Every beam has a row at every node of one regular grid, rows in any order. Coordinates may be off by
a hundredth of a step. Delimiters, comments and encodings: as measurement logs.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from leopnt.errors import FormatError, did_you_mean
from leopnt.io._pattern_grid import Coordinate, grid_of_rows
from leopnt.io.measurements import MeasurementTable, read_measurements
from leopnt.io.patterns import QUANTITIES, RELATIVE_DB, AnglePattern, CosinePattern
from leopnt.io.textfile import decode, read_bytes, split_lines

_COSINES, _ANGLES = ("u", "v"), ("theta_deg", "phi_deg")
_LIMITS = {
    "u": (-1.0, 1.0),
    "v": (-1.0, 1.0),
    "theta_deg": (0.0, 180.0),
    "phi_deg": (-360.0, 720.0),
}
_KNOWN = ("beam", *_COSINES, *_ANGLES, *QUANTITIES)


def read_pattern_csv(path: str | Path) -> CosinePattern | AnglePattern:
    """Read a pattern on a regular grid; `.antenna()` of it is an antenna with beams.

    Raises:
        LeopntError: no such file.
        FormatError: unknown or missing columns, a cell that is no finite number, a direction beyond
            the limits, off the grid, twice or missing.
    """
    path = Path(path)
    axes, quantity = _columns(path)
    table = read_measurements(path, numbers=(*axes, quantity), labels=("beam",))
    for name in axes:
        _check_limits(table, name, *_LIMITS[name])
    if quantity == RELATIVE_DB:
        _check_limits(table, quantity, -np.inf, 0.0)
    labels, first, second = table.labels["beam"], *(table.numbers[name] for name in axes)

    def complain(row: int | None, message: str) -> FormatError:
        return FormatError(path, None if row is None else int(table.line[row]), message)

    grid = grid_of_rows(
        labels.names,
        labels.index,
        Coordinate(axes[0], first),
        Coordinate(axes[1], second),
        table.numbers[quantity],
        complain,
    )
    common = (str(path), labels.names)
    if axes == _COSINES:
        is_known = np.ones(grid.level_db.shape, bool)
        return CosinePattern(*common, *grid, quantity, is_known)
    return AnglePattern(
        *common, np.radians(grid.first), np.radians(grid.second), grid.level_db, quantity
    )


def _columns(path: Path) -> tuple[tuple[str, str], str]:
    """The two coordinates and the level of this file; refuses any other column."""
    line, names = _header(path)
    for name in names:
        if name not in _KNOWN:
            raise FormatError(
                path,
                line,
                f"unknown column {name!r}; accepted: {', '.join(_KNOWN)}."
                f"{did_you_mean(name, _KNOWN)}",
            )
        if names.count(name) > 1:
            raise FormatError(path, line, f"column {name!r} occurs twice.")
    axes = [pair for pair in (_COSINES, _ANGLES) if set(pair) & set(names)]
    levels = [name for name in QUANTITIES if name in names]
    if len(axes) != 1 or not set(axes[0]) <= set(names):
        raise FormatError(
            path,
            line,
            f"columns {', '.join(names)}: expected either u and v, or theta_deg and phi_deg.",
        )
    if len(levels) != 1:
        raise FormatError(
            path, line, f"columns {', '.join(names)}: expected one of {', '.join(QUANTITIES)}."
        )
    return axes[0], levels[0]


def _header(path: Path) -> tuple[int, list[str]]:
    for number, line in enumerate(split_lines(decode(read_bytes(path), path)), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            delimiter = max((",", ";", "\t"), key=line.count)
            return number, [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]
    raise FormatError(path, None, "the file is empty; expected a line of column names.")


def _check_limits(table: MeasurementTable, name: str, low: float, high: float) -> None:
    value = table.numbers[name]
    bad = (value < low) | (value > high)
    if np.any(bad):
        row = int(np.argmax(bad))
        hint = " A direction cosine has no unit: are these degrees?" if name in _COSINES else ""
        raise table.error(
            row, f"column {name!r}: {value[row]:g}; expected {low:g} to {high:g}.{hint}"
        )
