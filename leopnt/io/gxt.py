"""Antenna patterns as contours: text files in the manner of ITU's graphical exchange files (GXT).

    # a comment
    [file]
    coordinates = lonlat       longitude; latitude in degrees, or: uv, direction cosines
    [beam A]                   name
    peak = 114.2; 22.3         where the level is 0 dB
    `[contour]`                of the beam above, in any number
    level = -3                 decibels below the peak
    P1 = 112.0; 20.1           corners in order, the last one joined to the first
    P2 = 116.3; 20.4
    ...

Nothing else is read: other sections and keys are refused by name. A beam may have several contours
of one level. The layout is ours; exchange files of ITU hold more and need to be cut down to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from leopnt.errors import FormatError
from leopnt.io.contours import LONLAT, UV, BeamContours, Contour, ContourPattern
from leopnt.io.textfile import decode, read_bytes, split_lines

_SECTION = re.compile(r"\[\s*(file|beam|contour)\b\s*(.*?)\s*\]", re.IGNORECASE)
_POINT = re.compile(r"P([0-9]+)", re.IGNORECASE | re.ASCII)


def read_gxt(path: str | Path) -> ContourPattern:
    """Read contours: `read_gxt(path).on_grid(u, v).antenna(peak_dbw)` is an antenna with beams.

    Raises:
        LeopntError: no such file.
        FormatError: another section or key, a point that is no pair of numbers or out of order,
            fewer than 3 points, a level of 0 or more, a beam without peak or contour.
    """
    return _Reader(path).read()


@dataclass
class _Beam:
    """A beam while it is read."""

    name: str
    line: int
    peak: np.ndarray | None = None
    contours: list[_Contour] = field(default_factory=list)


@dataclass
class _Contour:
    """A contour while it is read."""

    line: int
    level_db: float | None = None
    points: list[np.ndarray] = field(default_factory=list)


class _Reader:
    """Takes a file line by line."""

    def __init__(self, path: str | Path):
        self.path = path
        self.line = 0
        self.section = ""
        self.coordinates = ""
        self.beams: list[_Beam] = []

    def read(self) -> ContourPattern:
        lines = split_lines(decode(read_bytes(self.path), self.path))
        for number, line in enumerate(lines, 1):
            self.line, text = number, line.split("#", 1)[0].strip()
            if text.startswith("["):
                self._open(text)
            elif text:
                self._take(text)
        if not self.coordinates:
            raise FormatError(
                self.path, None, "no 'coordinates = lonlat' or '= uv' in a section [file]."
            )
        if not self.beams:
            raise FormatError(self.path, None, "no section [beam NAME].")
        return ContourPattern(
            str(self.path), self.coordinates, tuple(self._finished(one) for one in self.beams)
        )

    def _error(self, message: str, line: int | None = None) -> FormatError:
        return FormatError(self.path, self.line if line is None else line, message)

    def _open(self, text: str) -> None:
        found = _SECTION.fullmatch(text)
        if not found:
            raise self._error(f"section {text!r}; accepted: [file], [beam NAME], [contour].")
        self.section, name = found[1].lower(), found[2]
        if self.section == "beam":
            if not name or name in [one.name for one in self.beams]:
                raise self._error(f"section {text!r}: expected a name, each once.")
            self.beams.append(_Beam(name, self.line))
        elif self.section == "contour":
            if not self.beams:
                raise self._error("[contour] before the first [beam NAME].")
            self.beams[-1].contours.append(_Contour(self.line))

    def _take(self, text: str) -> None:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise self._error(f"expected 'key = value' or a section, found {text[:40]!r}.")
        if self.section == "file" and key.lower() == "coordinates":
            self.coordinates = self._kind(value)
        elif self.section == "beam" and key.lower() == "peak":
            self.beams[-1].peak = self._pair(value)
        elif self.section == "contour" and key.lower() == "level":
            self.beams[-1].contours[-1].level_db = self._level(value)
        elif self.section == "contour" and _POINT.fullmatch(key):
            self._point(int(key[1:]), value)
        else:
            accepted = {"file": "coordinates", "beam": "peak", "contour": "level, P1, P2, ..."}
            where = f"[{self.section}]" if self.section else "the top of the file"
            raise self._error(
                f"key {key!r} in {where}; accepted: {accepted.get(self.section, 'a section')}."
            )

    def _kind(self, value: str) -> str:
        if value.lower() not in (LONLAT, UV):
            raise self._error(f"coordinates = {value!r}; accepted: {LONLAT}, {UV}.")
        return value.lower()

    def _point(self, number: int, value: str) -> None:
        points = self.beams[-1].contours[-1].points
        if number != len(points) + 1:
            raise self._error(f"point P{number}; expected P{len(points) + 1}, in order.")
        points.append(self._pair(value))

    def _level(self, value: str) -> float:
        level_db = self._number(value)
        if not level_db < 0.0:
            raise self._error(f"level = {level_db:g} dB; expected decibels below 0, the peak.")
        return level_db

    def _pair(self, value: str) -> np.ndarray:
        words = value.split(";")
        if len(words) != 2:
            raise self._error(f"expected two numbers 'x; y', found {value[:40]!r}.")
        if not self.coordinates:
            raise self._error("a point before 'coordinates' in a section [file].")
        pair = np.array([self._number(word) for word in words])
        limits = (1.0, 1.0) if self.coordinates == UV else (360.0, 90.0)
        if not (abs(pair[0]) <= limits[0] and abs(pair[1]) <= limits[1]):
            raise self._error(
                f"point {value.strip()!r} in {self.coordinates}; expected at most {limits[0]:g} "
                f"and {limits[1]:g}."
            )
        return pair

    def _number(self, word: str) -> float:
        try:
            value = float(word) if "_" not in word else np.nan
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise self._error(f"expected a finite number, found {word.strip()[:30]!r}.")
        return value

    def _finished(self, beam: _Beam) -> BeamContours:
        if beam.peak is None:
            raise self._error(f"beam {beam.name!r} has no 'peak = x; y'.", beam.line)
        if not beam.contours:
            raise self._error(f"beam {beam.name!r} has no [contour].", beam.line)
        contours = []
        for one in beam.contours:
            if one.level_db is None:
                raise self._error("contour without 'level = ...'.", one.line)
            points = _open_ring(one.points)
            if len(points) < 3:
                raise self._error(f"contour of {len(points)} points; expected 3 or more.", one.line)
            contours.append(Contour(one.level_db, np.stack(points)))
        return BeamContours(beam.name, beam.peak, tuple(contours))


def _open_ring(points: list[np.ndarray]) -> list[np.ndarray]:
    """Without the first corner again at the end."""
    if len(points) > 1 and np.array_equal(points[0], points[-1]):
        return points[:-1]
    return points
