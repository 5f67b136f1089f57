"""What SINEX and Bias-SINEX share: blocks, times, columns."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leopnt.civil import mjd_of_date
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError, LeopntWarning
from leopnt.io._rinex_text import decimal
from leopnt.io.packed_rinex import read_rinex_bytes
from leopnt.io.textfile import split_lines

_TIME = re.compile(r"([0-9]{2}|[0-9]{4}):([0-9]{3}):([0-9]{5})", re.ASCII)


@dataclass(frozen=True)
class Row:
    """One data line of a block."""

    path: str | Path
    number: int
    text: str

    def field(self, first: int, last: int) -> str:
        """Columns, from 1, without the blanks around."""
        return self.text[first - 1 : last].strip(" ")

    def word(self, first: int, last: int) -> str:
        """As `field`; empty where the file has dashes alone, which mean "not known"."""
        text = self.field(first, last)
        return text if text.strip("-") else ""

    def number_at(self, first: int, last: int, what: str) -> float:
        """A number that must be there."""
        return decimal(self.path, self.number, self.text, first, last, what)

    def error(self, first: int, last: int, what: str, expected: str) -> FormatError:
        """An error about some columns, which quotes them."""
        return FormatError(
            self.path,
            self.number,
            f"columns {first}-{last} ({what}): expected {expected}, found "
            f"{self.text[first - 1 : last]!r}.",
        )

    def time(self, first: int, last: int, what: str) -> tuple[int, int] | None:
        """Day (MJD) and second of day of YY:DDD:SSSSS or YYYY:DDD:SSSSS; None if all are zero."""
        match = _TIME.fullmatch(self.field(first, last))
        if not match:
            raise self.error(first, last, what, "a time as '10:006:43185' or '2021:265:00000'")
        year, day, second = (int(one) for one in match.groups())
        if not (year or day or second):
            return None
        if len(match[1]) == 2:
            year += 2000 if year <= 50 else 1900
        is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        if not (1 <= day <= 365 + is_leap and second <= 86_400 and year):
            raise self.error(first, last, what, "a day of its year and a second up to 86400")
        return int(mjd_of_date(np.array(year), np.array(1), np.array(1))) + day - 1, second


def head_time(head: Row, first: int, last: int, scale: TimeScale) -> Epoch | None:
    """A time of the first line; None if it is open, or not as the format has it."""
    try:
        time = head.time(first, last, "time")
        return instants([time], scale)[0] if time else None
    except LeopntError:
        return None


def references(rows: list[Row]) -> tuple[tuple[str, str], ...]:
    """(kind, text) of block FILE/REFERENCE."""
    return tuple((row.field(2, 19), row.field(21, 80)) for row in rows)


def comments(rows: list[Row]) -> tuple[str, ...]:
    """Lines of block FILE/COMMENT."""
    return tuple(row.text[1:].rstrip(" ") for row in rows)


def instants(times: list[tuple[int, int]], scale: TimeScale) -> Epoch:
    """Epochs of (MJD, second of day); in UTC, second 86400 is the next midnight."""
    days = np.array([one[0] for one in times], dtype=np.int64)
    seconds = np.array([one[1] for one in times], dtype=np.int64)
    over, seconds = np.divmod(seconds, 86_400)
    return Epoch.from_jd(2_400_000.5 + days + over, 0.0, scale) + seconds.astype(np.float64)


def blocks(path: str | Path, first: str, last: str) -> dict[str, list[Row]]:
    """Data lines by name of block; read as Latin-1, which station names of all files can be.

    Raises:
        FormatError: another first or last line, blocks that are not closed, lines outside of any.
    """
    lines = split_lines(read_rinex_bytes(path).decode("latin-1"))
    while lines and not lines[-1].strip():
        lines.pop()
    head = lines[0] if lines else ""
    if not head.startswith(first):
        raise FormatError(path, 1, f"expected a first line {first!r}, found {head[:20]!r}.")
    if lines[-1].rstrip() != last:
        raise FormatError(path, len(lines), f"the last line is not {last!r}: the file is cut.")
    found: dict[str, list[Row]] = {"": [Row(path, 1, head)]}
    for name, row in _rows(path, lines[1:-1]):
        found.setdefault(name, [])
        if row is not None:
            found[name].append(row)
    return found


def _rows(path: str | Path, lines: list[str]) -> Iterator[tuple[str, Row | None]]:
    """(block, data line); None for the line that opens a block."""
    block, opened = "", 0
    for number, text in enumerate(lines, 2):
        start, name = text[:1], text[1:].strip()
        if start in ("*", "") or not text.strip():
            continue
        if start == "+" and not block:
            block, opened = name, number
            yield block, None
        elif start == "-" and block and name == block:
            block = ""
        elif start == " " and block:
            yield block, Row(path, number, text)
        else:
            where = (
                f"within block {block}, opened in line {opened}" if block else "outside of blocks"
            )
            raise FormatError(path, number, f"{text[:40]!r} {where} is not expected.")
    if block:
        raise FormatError(path, opened, f"block {block} is not closed.")


def require_block(path: str | Path, found: dict[str, list[Row]], name: str) -> list[Row]:
    """Lines of a block that must be there."""
    if name not in found:
        there = ", ".join(one for one in found if one)
        raise FormatError(path, None, f"has no block {name}; there are {there or 'none'}.")
    return found[name]


def warn_of_other_count(path: str | Path, promised: str, found: int, what: str) -> None:
    """Warn where the first line promises another number of lines than the block has."""
    if promised.isdigit() and int(promised) != found:
        warnings.warn(
            f"{path}: the first line promises {int(promised)} {what}, the file holds {found}. Is "
            "this the part that you need?",
            LeopntWarning,
            stacklevel=3,
        )
