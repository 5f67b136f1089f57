"""The lines of a text file as one array of bytes, for readers of fixed columns."""

import codecs
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leopnt.errors import FormatError
from leopnt.io.textfile import decode

BLANK = np.uint8(32)
_NEWLINE = 10
_ROWS_AT_ONCE = 8192
_PAD = 20_000  # over 3 + 16 * 999, the longest record: windows of columns end in blanks


@dataclass(frozen=True, eq=False)
class ByteLines:
    """Lines ended by LF, CRLF or CR, without these ends.

    Attributes:
        path: the file, for messages.
        data: (byte,) all of it, followed by blanks.
        start, end: (line,) where each line is in `data`; rows count from 0, lines of messages
            from 1.
        is_cut: the last line has no end, which a whole file has.
    """

    path: Path
    data: np.ndarray
    start: np.ndarray
    end: np.ndarray
    is_cut: bool

    def __len__(self) -> int:
        return len(self.start)

    def text(self, row: int | np.integer) -> str:
        """One line, as Latin-1."""
        return self.data[self.start[row] : self.end[row]].tobytes().decode("latin-1")

    def columns(self, rows: np.ndarray, first: int, last: int) -> np.ndarray:
        """(row, column) bytes of columns `first` to `last` (from 1), blank beyond the lines."""
        width = last - first + 1
        windows = np.lib.stride_tricks.sliding_window_view(self.data, width)
        begin = self.start[rows] + (first - 1)
        block = windows[begin]
        room = self.end[rows] - begin
        short = np.flatnonzero(room < width)
        if len(short):
            beyond = np.arange(width)[None, :] >= room[short][:, None]
            block[short] = np.where(beyond, BLANK, block[short])
        return block

    def width(self, rows: np.ndarray) -> np.ndarray:
        """(row,) lengths of lines."""
        return self.end[rows] - self.start[rows]

    def error(self, row: int | np.integer, message: str) -> FormatError:
        """An error that names a line."""
        return FormatError(self.path, int(row) + 1, message)

    def refuse_text_beyond(self, rows: np.ndarray, column: int) -> None:
        """Raise if a line holds anything but blanks after a column."""
        for row in rows[self.width(rows) > column]:
            rest = self.text(row)[column:]
            if rest.strip():
                at = column + 1 + len(rest) - len(rest.lstrip())
                raise self.error(
                    row,
                    f"columns {at} and on: expected nothing after column {column}, found "
                    f"{rest.strip()[:20]!r}.",
                )


def byte_lines(raw: bytes, path: str | Path) -> ByteLines:
    """Split a file into lines; blank lines at its end are dropped.

    Raises:
        FormatError: bytes that no text file holds.
    """
    if raw.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raw = decode(raw, path).encode("latin-1", "replace")
    if b"\0" in raw:
        raise FormatError(path, None, "holds NUL bytes, so it is not a text file.")
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    length = len(raw.rstrip(b" \t\n"))
    data = np.full(len(raw) + _PAD, BLANK)
    data[: len(raw)] = np.frombuffer(raw, dtype=np.uint8)
    end = np.flatnonzero(data[:length] == _NEWLINE)
    end = np.append(end, length) if length else end
    if length and len(raw) > length:  # blanks at the end of the last line belong to it
        rest = raw.find(b"\n", length)
        end[-1] = len(raw) if rest < 0 else rest
    start = np.concatenate([[0], end[:-1] + 1]) if length else end
    return ByteLines(Path(path), data, start, end, bool(length) and not raw.endswith(b"\n"))


def integers(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers without sign, right-justified after blanks, in (row, column) bytes; is each one?"""
    value = np.zeros(len(block), dtype=np.int64)
    has_digit = np.zeros(len(block), dtype=bool)
    is_good = np.ones(len(block), dtype=bool)
    for column in block.T:
        digit = column - np.uint8(ord("0"))
        is_digit = digit < 10
        is_good &= is_digit | ((column == BLANK) & ~has_digit)
        has_digit |= is_digit
        value = np.where(is_digit, 10 * value + digit, value)
    return value, is_good & has_digit


def in_chunks(num_rows: int):
    """Slices that cover rows a few thousand at a time, so that temporary arrays stay in cache."""
    for first in range(0, num_rows, _ROWS_AT_ONCE):
        yield slice(first, first + _ROWS_AT_ONCE)
