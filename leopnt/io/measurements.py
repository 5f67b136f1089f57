"""Measurement logs in CSV or Parquet: plain columns with the line each value came from.

Files are read in blocks, so that a log of millions of rows needs little more memory than the
columns asked for. CSV: a header line with names, then one row per measurement, separated by commas,
semicolons or tabs; lines that begin with '#' and blank lines are skipped; UTF-8 with or without a
byte order mark, LF or CRLF, gzip. Whether a file is CSV or Parquet is told from its content.
"""

import contextlib
import csv
import gzip
import io
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from leopnt.epochs import Epoch
from leopnt.errors import FormatError, LeopntError, did_you_mean
from leopnt.io.textfile import read_bytes

BLOCK_BYTES = 4_000_000
ROWS_PER_BATCH = 65_536

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is."""

_DELIMITERS = (",", ";", "\t")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


@dataclass(frozen=True, eq=False)
class Labels:
    """A column of names: `names[index[row]]`, names in order of first occurrence."""

    names: tuple[str, ...]
    index: Int[np.ndarray, " row"]


@dataclass(frozen=True, eq=False)
class MeasurementTable:
    """Columns of a log, in file order.

    Attributes:
        source: the file, for messages.
        line: (row,) line in a CSV file, or number of the row (from 1) in a Parquet file.
        numbers: columns of finite numbers, in the unit of the file.
        labels: columns of names.
        instants: columns of UTC times.
    """

    source: str
    line: Int[np.ndarray, " row"]
    numbers: dict[str, Float[np.ndarray, " row"]]
    labels: dict[str, Labels]
    instants: dict[str, Epoch]

    def __len__(self) -> int:
        return len(self.line)

    def error(self, row: int, message: str) -> FormatError:
        """An error that names the line of a row."""
        return FormatError(self.source, int(self.line[row]), message)


def read_measurements(
    path: str | Path,
    *,
    numbers: Iterable[str] = (),
    labels: Iterable[str] = (),
    instants: Iterable[str] = (),
    progress: Progress | None = None,
) -> MeasurementTable:
    """Read some columns of a log; every value must be there.

    Args:
        numbers: names of columns that hold finite numbers.
        labels: names of columns that hold satellite names or the like, as text or whole numbers.
        instants: names of columns that hold UTC times, as ISO 8601 text or Parquet timestamps.
        progress: called with bytes (Parquet: rows) read so far and in all.

    Raises:
        LeopntError: no such file; a Parquet file where pyarrow is not installed.
        FormatError: a missing column (the message lists those there are), a cell that is no number
            or no time, a row of another width, no rows.
    """
    path = Path(path)
    wanted = _Wanted(tuple(numbers), tuple(labels), tuple(instants))
    with _opened(path) as raw:
        is_parquet = raw.peek(4)[:4] == b"PAR1"
        blocks = (_parquet_blocks if is_parquet else _csv_blocks)(path, raw, wanted, progress)
        return _collect(path, wanted, blocks)


# Blocks of rows


@dataclass(frozen=True)
class _Wanted:
    numbers: tuple[str, ...]
    labels: tuple[str, ...]
    instants: tuple[str, ...]

    def names(self) -> list[str]:
        """Every column once."""
        return list(dict.fromkeys([*self.numbers, *self.labels, *self.instants]))


@dataclass(frozen=True)
class _Block:
    """Some rows: `line` and, by column name, floats, texts or an Epoch."""

    line: np.ndarray
    numbers: dict[str, np.ndarray]
    labels: dict[str, Iterable[str]]
    instants: dict[str, Epoch]


def _collect(path: Path, wanted: _Wanted, blocks: Iterator[_Block]) -> MeasurementTable:
    lines: list[np.ndarray] = []
    parts: dict[str, list] = {name: [] for name in (*wanted.numbers, *wanted.instants)}
    codes: dict[str, dict[str, int]] = {name: {} for name in wanted.labels}
    index: dict[str, list[np.ndarray]] = {name: [] for name in wanted.labels}
    for block in blocks:
        lines.append(block.line)
        for name, column in (block.numbers | block.instants).items():
            parts[name].append(column)
        for name, column in block.labels.items():
            code = codes[name]
            index[name].append(np.array([code.setdefault(text, len(code)) for text in column]))
    if not sum(map(len, lines)):
        raise FormatError(path, None, "the log holds no measurement, only a header.")
    return MeasurementTable(
        source=str(path),
        line=np.concatenate(lines),
        numbers={name: np.concatenate(parts.pop(name)) for name in wanted.numbers},
        labels={
            name: Labels(tuple(codes[name]), np.concatenate(index[name])) for name in wanted.labels
        },
        instants={name: Epoch.concatenate(parts.pop(name)) for name in wanted.instants},
    )


def _require_columns(
    path: Path, line_number: int | None, there: list[str], wanted: _Wanted
) -> None:
    missing = [name for name in wanted.names() if name not in there]
    if missing:
        named = ", ".join(repr(name) for name in missing)
        hints = "".join(did_you_mean(name, there) for name in missing)
        shown = ", ".join(repr(name) for name in there[:40])
        raise FormatError(
            path,
            line_number,
            f"no column{'s' * (len(missing) > 1)} {named}.{hints} The columns there are: {shown}.",
        )
    twice = [name for name in wanted.names() if there.count(name) > 1]
    if twice:
        raise FormatError(path, line_number, f"two columns are named {twice[0]!r}.")


# CSV


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    """The file as bytes; what goes wrong with it as sentences."""
    try:
        raw = path.open("rb")
    except (OSError, ValueError):
        read_bytes(path)  # says why
        raise
    try:
        with raw:
            yield raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FormatError(path, None, f"a damaged gzip file: {error}.") from None


def _csv_blocks(
    path: Path, raw: io.BufferedReader, wanted: _Wanted, progress: Progress | None
) -> Iterator[_Block]:
    total = os.fstat(raw.fileno()).st_size
    unpacked: Any = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == b"\x1f\x8b" else raw
    with io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline=None) as text:
        numbered = _data_lines(path, text)
        header_line, header = next(numbered, (None, ""))
        if header_line is None:
            raise FormatError(path, None, "is empty; expected a header line with column names.")
        delimiter = max(_DELIMITERS, key=header.count)
        there = [name.strip() for name in next(csv.reader([header], delimiter=delimiter))]
        _refuse_bare_numbers(path, header_line, there)
        _require_columns(path, header_line, there, wanted)
        for lines in _in_blocks(numbered):
            yield _csv_block(path, lines, delimiter, there, wanted)
            if progress:
                progress(raw.tell(), total)


def _data_lines(path: Path, text: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines that are not blank and no comment, with their numbers."""
    number = 0
    try:
        for number, line in enumerate(text, 1):
            if "\0" in line:
                raise FormatError(path, number, "holds NUL bytes, so it is not a text file.")
            if line.strip() and not line.lstrip().startswith("#"):
                yield number, line
    except UnicodeDecodeError as error:
        found = error.object[error.start : error.start + 1]
        raise FormatError(
            path,
            None,
            f"byte {found!r} (line {number + 1} or later) is not UTF-8; save it as UTF-8.",
        ) from None


def _in_blocks(numbered: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    block, size = [], 0
    for one in numbered:
        block.append(one)
        size += len(one[1])
        if size >= BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _refuse_bare_numbers(path: Path, line_number: int, names: list[str]) -> None:
    if all(_NUMBER.fullmatch(name) for name in names):
        raise FormatError(
            path,
            line_number,
            f"the first line holds numbers ({', '.join(names)[:60]}); expected column names.",
        )


def _csv_block(
    path: Path, lines: list[tuple[int, str]], delimiter: str, there: list[str], wanted: _Wanted
) -> _Block:
    numbers, texts = zip(*lines, strict=True)
    rows = list(csv.reader(texts, delimiter=delimiter, skipinitialspace=True))
    _require_width(path, numbers, rows, len(there))
    cells = {name: [row[there.index(name)] for row in rows] for name in wanted.names()}
    line = np.array(numbers)
    return _Block(
        line,
        {name: _floats(path, line, name, cells[name]) for name in wanted.numbers},
        {name: _texts(path, line, name, cells[name]) for name in wanted.labels},
        {name: _epochs(path, line, name, cells[name]) for name in wanted.instants},
    )


def _require_width(path: Path, numbers: tuple, rows: list[list[str]], width: int) -> None:
    if len(rows) == len(numbers) and all(len(row) == width for row in rows):
        return
    for number, row in zip(numbers, rows, strict=False):
        if len(row) != width:
            raise FormatError(
                path, number, f"{len(row)} values, but the header names {width} columns."
            )
    raise FormatError(path, numbers[0], "a quoted value runs over the end of its line.")


def _floats(path: Path, line: np.ndarray, name: str, cells: list[str]) -> np.ndarray:
    try:
        column = np.array(list(map(float, cells)))
        is_good = bool(np.all(np.isfinite(column))) and "_" not in "".join(cells)
    except ValueError:
        is_good, column = False, np.empty(0)
    if not is_good:
        for number, cell in zip(line, cells, strict=True):
            if not _NUMBER.fullmatch(cell.strip()) or not np.isfinite(float(cell)):
                raise FormatError(path, int(number), _not_a_number(name, cell.strip()))
    return column


def _not_a_number(name: str, cell: str) -> str:
    if not cell:
        return f"column {name!r} is empty; expected a number (leave the row out if it is missing)."
    hint = ""
    if re.fullmatch(r"[+-]?\d+,\d+", cell):
        hint = " Write a decimal point, not a comma."
    elif re.fullmatch(r"[+-]?[\d.]+([eE][+-]?\d+)?\s*[A-Za-z/]+", cell):
        hint = " Write the number without its unit."
    return f"column {name!r}: expected a finite number, found {cell[:40]!r}.{hint}"


def _texts(path: Path, line: np.ndarray, name: str, cells: list[str]) -> list[str]:
    texts = [cell.strip() for cell in cells]
    if "" in texts:
        raise FormatError(path, int(line[texts.index("")]), f"column {name!r} is empty.")
    return texts


def _epochs(path: Path, line: np.ndarray, name: str, cells: list[str]) -> Epoch:
    try:
        return Epoch.from_iso(cells)
    except LeopntError:
        for number, cell in zip(line, cells, strict=True):
            try:
                Epoch.from_iso(cell)
            except LeopntError as error:
                raise FormatError(path, int(number), f"column {name!r}: {error}") from None
        raise


# Parquet


def _parquet_blocks(
    path: Path, raw: io.BufferedReader, wanted: _Wanted, progress: Progress | None
) -> Iterator[_Block]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise LeopntError(
            f"{path} is a Parquet file, and pyarrow is not installed; pip install "
            "'leopnt[parquet]', or save the log as CSV."
        ) from None
    try:
        file = pq.ParquetFile(raw)
    except pa.ArrowException as error:
        raise FormatError(path, None, f"a damaged Parquet file: {error}.") from None
    _require_columns(path, None, list(file.schema_arrow.names), wanted)
    total, done = file.metadata.num_rows, 0
    for batch in file.iter_batches(batch_size=ROWS_PER_BATCH, columns=wanted.names()):
        line = done + 1 + np.arange(batch.num_rows)
        yield _parquet_block(path, line, batch, wanted)
        done += batch.num_rows
        if progress:
            progress(done, total)


def _parquet_block(path: Path, line: np.ndarray, batch: Any, wanted: _Wanted) -> _Block:
    def column(name: str):
        return batch.column(batch.schema.get_field_index(name))

    return _Block(
        line,
        {name: _parquet_floats(path, line, name, column(name)) for name in wanted.numbers},
        {name: _parquet_texts(path, line, name, column(name)) for name in wanted.labels},
        {name: _parquet_epochs(path, line, name, column(name)) for name in wanted.instants},
    )


def _parquet_floats(path: Path, line: np.ndarray, name: str, column: Any) -> np.ndarray:
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        raise FormatError(path, None, f"column {name!r} holds {kind}; expected numbers.")
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    is_bad = ~np.isfinite(values)
    if np.any(is_bad):
        row = int(np.argmax(is_bad))
        found = "nothing" if column[row].as_py() is None else f"{values[row]}"
        raise FormatError(
            path, int(line[row]), f"column {name!r}: expected a finite number, found {found}."
        )
    return values


def _parquet_texts(path: Path, line: np.ndarray, name: str, column: Any) -> list[str]:
    cells = ["" if one is None else str(one) for one in column.to_pylist()]
    return _texts(path, line, name, cells)


def _parquet_epochs(path: Path, line: np.ndarray, name: str, column: Any) -> Epoch:
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type):
        return _epochs(path, line, name, _parquet_texts(path, line, name, column))
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
        raise FormatError(path, int(line[row]), f"column {name!r} is empty.")
    return Epoch.from_datetime64(column.to_numpy(zero_copy_only=False))
