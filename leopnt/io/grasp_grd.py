"""Far fields on a grid in TICRA's GRASP `.grd` files.

What is read, line by line after the comment that ends with a line `++++`:

    KTYPE                  1
    NSET ICOMP NCOMP IGRID number of beams; components; 2; grid
    IX IY                  center of each set, in steps of its grid (NSET lines)
    XS YS XE YE            then for each set: first and last x and y
    NX NY KLIMIT           points; 0
    Re F1 Im F1 Re F2 Im F2   NX NY lines, x fastest

with x = XS + DX (IX + i), DX = (XE - XS)/(NX - 1), and so for y. Read are ICOMP 1 (theta, phi), 2
(right- and left-hand circular) and 3 (co- and cross-polar), which are orthogonal; IGRID 1, x = u
and y = v, and 7, x = phi and y = theta in degrees; and whole grids, KLIMIT 0. GRASP scales far
fields to 4 pi W of radiated power, so that |F|^2 is a gain over isotropic.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from leopnt.errors import FormatError
from leopnt.io.patterns import GAIN_DBI, AnglePattern, CosinePattern
from leopnt.io.textfile import decode, read_bytes, split_lines

Field = Complex[np.ndarray, "*grid"]
Component = Callable[[Field, Field], Float[np.ndarray, "*grid"]]
"""Power gain of the two components of a field."""

_GRIDS = {
    4: "elevation over azimuth",
    5: "elevation and azimuth",
    6: "azimuth over elevation",
    9: "azimuth over elevation (EDX)",
    10: "elevation over azimuth (EDX)",
}
_COMPONENTS = {
    4: "axes of the polarization ellipse",
    5: "theta/phi ratios",
    6: "circular ratios",
    7: "co/cross ratios",
    8: "axis ratios",
    9: "total power",
}
_SHORT_EXPONENT = re.compile(r"(?<=[0-9.])([+-][0-9]{3})$")


def total_power(first: Field, second: Field) -> Float[np.ndarray, "*grid"]:
    """Both polarizations together."""
    return np.abs(first) ** 2 + np.abs(second) ** 2


def first_component(first: Field, second: Field) -> Float[np.ndarray, "*grid"]:
    """What a receiver of the first polarization alone gets: co-polar, or right-hand circular."""
    return np.abs(first) ** 2


def second_component(first: Field, second: Field) -> Float[np.ndarray, "*grid"]:
    """What a receiver of the second polarization alone gets."""
    return np.abs(second) ** 2


def read_grasp_grd(
    path: str | Path, component: Component = total_power
) -> CosinePattern | AnglePattern:
    """Read the gain of every set of a file; sets are beams "1", "2", ... on one grid.

    Args:
        component: what of the field counts: `total_power`, `first_component`, `second_component`.

    Raises:
        LeopntError: no such file.
        FormatError: what the module does not read, by its name; sets on different grids; a line
            that is no number; a file that ends too early or goes on.
    """
    lines = _Lines(path)
    kind = lines.integers(1, "KTYPE")[0]
    if kind != 1:
        raise lines.error(f"KTYPE {kind}; expected 1, fields on a grid.")
    count, components, num_components, grid = lines.integers(4, "NSET ICOMP NCOMP IGRID")
    _check_kind(lines, count, components, num_components, grid)
    centers = [lines.integers(2, "IX IY") for _ in range(count)]
    sets = [_read_set(lines, center) for center in centers]
    lines.require_end()
    x, y = sets[0].x, sets[0].y
    for number, one in enumerate(sets, 1):
        if one.x.shape != x.shape or one.y.shape != y.shape or not _same(one, x, y):
            raise FormatError(
                path, None, f"set {number} is on another grid than set 1; expected one grid."
            )
    gain = np.stack([component(one.field[..., 0], one.field[..., 1]) for one in sets])
    with np.errstate(divide="ignore"):
        level_db = 10.0 * np.log10(gain)
    common = (str(path), tuple(str(number) for number in range(1, count + 1)))
    if grid == 1:
        turned = np.swapaxes(level_db, 1, 2)
        return CosinePattern(*common, x, y, turned, GAIN_DBI, np.ones(turned.shape, bool))
    return AnglePattern(*common, np.radians(y), np.radians(x), level_db, GAIN_DBI)


class _Set(NamedTuple):
    """One field: axes in the unit of the file, F1 and F2 (y, x, component)."""

    x: np.ndarray
    y: np.ndarray
    field: np.ndarray


def _same(one: _Set, x: np.ndarray, y: np.ndarray) -> bool:
    tolerance = 1e-6 * (x[1] - x[0]), 1e-6 * (y[1] - y[0])
    return bool(
        np.all(np.abs(one.x - x) <= tolerance[0]) and np.all(np.abs(one.y - y) <= tolerance[1])
    )


def _check_kind(lines: _Lines, count: int, components: int, num: int, grid: int) -> None:
    if count < 1:
        raise lines.error(f"NSET {count}; expected 1 or more sets.")
    if components not in (1, 2, 3):
        name = _COMPONENTS.get(components, "unknown")
        raise lines.error(
            f"ICOMP {components} ({name}); expected 1 (theta, phi), 2 (circular) or 3 (co, cross)."
        )
    if num != 2:
        raise lines.error(f"NCOMP {num}; expected 2 components, a far field.")
    if grid not in (1, 7):
        name = _GRIDS.get(grid, "unknown")
        raise lines.error(f"IGRID {grid} ({name}); expected 1 (uv) or 7 (theta-phi).")


def _read_set(lines: _Lines, center: list[int]) -> _Set:
    x_first, y_first, x_last, y_last = lines.floats(4, "XS YS XE YE")
    if not (x_last > x_first and y_last > y_first):
        raise lines.error(
            f"x from {x_first:g} to {x_last:g}, y from {y_first:g} to {y_last:g}; expected rising "
            "axes."
        )
    num_x, num_y, limit = lines.integers(3, "NX NY KLIMIT")
    if limit != 0:
        raise lines.error(f"KLIMIT {limit} (part of a grid); expected 0, a whole one.")
    if num_x < 4 or num_y < 4:
        raise lines.error(f"NX {num_x}, NY {num_y}; expected 4 or more points on each axis.")
    x = np.linspace(x_first, x_last, num_x) + center[0] * (x_last - x_first) / (num_x - 1)
    y = np.linspace(y_first, y_last, num_y) + center[1] * (y_last - y_first) / (num_y - 1)
    table = lines.table(num_x * num_y, 4).reshape(num_y, num_x, 2, 2)
    return _Set(x, y, table[..., 0] + 1j * table[..., 1])


class _Lines:
    """The lines after `++++`, taken one after the other."""

    def __init__(self, path: str | Path):
        self.path = path
        self.lines = split_lines(decode(read_bytes(path), path))
        marks = [i for i, line in enumerate(self.lines) if line.strip() == "++++"]
        if not marks:
            raise FormatError(path, None, "no line '++++' ends the comment; is it a .grd file?")
        self.at = marks[0] + 1

    def error(self, message: str) -> FormatError:
        """An error of the line that was taken last."""
        return FormatError(self.path, self.at, message)

    def words(self, count: int, what: str) -> list[str]:
        """Words of the next line that is not blank."""
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1
        if self.at >= len(self.lines):
            raise FormatError(self.path, None, f"the file ends where {what} should be.")
        words = self.lines[self.at].split()
        self.at += 1
        if len(words) != count:
            raise self.error(
                f"expected {count} values ({what}), found {self.lines[self.at - 1].strip()[:60]!r}."
            )
        return words

    def integers(self, count: int, what: str) -> list[int]:
        """The next line as integers."""
        words = self.words(count, what)
        for word in words:
            if not re.fullmatch(r"[+-]?[0-9]+", word, re.ASCII):
                raise self.error(f"expected integers ({what}), found {word[:20]!r}.")
        return [int(word) for word in words]

    def floats(self, count: int, what: str) -> list[float]:
        """The next line as finite numbers."""
        return [self._number(word, what) for word in self.words(count, what)]

    def table(self, rows: int, columns: int) -> Float[np.ndarray, "rows columns"]:
        """So many lines of numbers: fast, and slow only to say what is wrong."""
        chunk = self.lines[self.at : self.at + rows]
        try:
            found = np.array([line.split() for line in chunk]).astype(float)
            good = found.shape == (rows, columns) and bool(np.all(np.isfinite(found)))
            good = good and not any("_" in line for line in chunk)
        except ValueError:
            found, good = np.empty(0), False
        if good:
            self.at += rows
            return found
        what = "Re F1, Im F1, Re F2, Im F2"
        return np.array([self.floats(columns, what) for _ in range(rows)])

    def require_end(self) -> None:
        """Only blank lines may follow."""
        for number, line in enumerate(self.lines[self.at :], self.at + 1):
            if line.strip():
                raise FormatError(
                    self.path, number, f"expected the end of the file, found {line.strip()[:40]!r}."
                )

    def _number(self, word: str, what: str) -> float:
        # Fortran leaves out the E of an exponent of three digits.
        text = _SHORT_EXPONENT.sub(r"E\1", word)
        try:
            value = float(text) if "_" not in text else np.nan
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise self.error(f"expected finite numbers ({what}), found {word[:30]!r}.")
        return value
