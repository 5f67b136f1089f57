"""Where things are in the body of a RINEX observation file, versions 2 and 3.

A walk over the epoch lines checks that each is followed by as many lines as it promises, so a line
lost or cut is found before anything is read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from leopnt.io._byte_lines import BLANK, ByteLines, integers
from leopnt.io._rinex_text import label_of
from leopnt.io.rinex_obs_header import RinexObsHeader, header_lines, parse_lines

CYCLE_SLIPS = 6
_IS_EPOCH = ord(">")
_COUNT = re.compile(r" *[0-9]+", re.ASCII)
_CLOCK = re.compile(r" *[+-]?[0-9]*\.[0-9]*", re.ASCII)


class Layout(NamedTuple):
    """Columns (from 1) of an epoch line."""

    date: tuple[tuple[int, int], ...]  # year, month, day, hour, minute, whole second
    decimals: tuple[int, int]
    flag: int
    num: tuple[int, int]
    reserved: tuple[int, int]
    clock: tuple[int, int]


LAYOUT_3 = Layout(
    ((3, 6), (8, 9), (11, 12), (14, 15), (17, 18), (19, 21)),
    (23, 29),
    32,
    (33, 35),
    (36, 41),
    (42, 56),
)
LAYOUT_2 = Layout(
    ((2, 3), (5, 6), (8, 9), (11, 12), (14, 15), (16, 18)), (20, 26), 29, (30, 32), (0, 0), (69, 80)
)


@dataclass(frozen=True, eq=False)
class Span:
    """Part of a file in which records list the same codes: from an epoch on."""

    first_epoch: int
    codes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class Body:
    """Epoch lines with observations, their records, and events in between.

    Attributes:
        epoch_row: line of each epoch.
        flag: 0, or 1 after a power failure.
        record_row, record_epoch: first line of each record, and which epoch it belongs to.
        id_row, id_column: where the id of its satellite stands.
        spans: lists of codes.
        event_row, event_count, event_flag: line of each event, lines that follow, its flag.
    """

    epoch_row: np.ndarray
    flag: np.ndarray
    record_row: np.ndarray
    record_epoch: np.ndarray
    id_row: np.ndarray
    id_column: np.ndarray
    spans: tuple[Span, ...]
    event_row: np.ndarray
    event_count: np.ndarray
    event_flag: np.ndarray


def body_3(lines: ByteLines, first: int, header: RinexObsHeader) -> Body:
    """Structure of the body, versions 3 and 4."""
    row, flag, count = _walk_3(lines, first)
    is_obs = flag <= 1
    spans = [Span(0, header.codes)]
    for at in np.flatnonzero(~is_obs & (flag != CYCLE_SLIPS)):
        codes = _new_codes(lines, int(row[at]) + 1, int(count[at]), header.version)
        if codes:
            first_epoch = int(np.sum(is_obs[:at]))
            spans.append(Span(first_epoch, {**spans[-1].codes, **codes}))
    num = count[is_obs]
    record_row = np.repeat(row[is_obs] + 1, num) + _within(num)
    column = np.ones(len(record_row), dtype=np.int64)
    return Body(
        epoch_row=row[is_obs],
        flag=flag[is_obs],
        record_row=record_row,
        record_epoch=np.repeat(np.arange(len(num)), num),
        id_row=record_row,
        id_column=column,
        spans=tuple(spans),
        event_row=row[~is_obs],
        event_count=count[~is_obs],
        event_flag=flag[~is_obs],
    )


def body_2(lines: ByteLines, first: int, header: RinexObsHeader) -> Body:
    """Structure of the body, version 2: satellites in the epoch line, five observations a line."""
    spans = [Span(0, header.codes)]
    found: list[tuple[int, int, int, int]] = []  # row, flag, count, lines per record
    events: list[tuple[int, int, int]] = []
    before = None
    row = first
    while row < len(lines):
        flag, count = _flag_and_count(lines, row, LAYOUT_2, before)
        before = (row, flag, count)
        per_record = -(-len(spans[-1].codes[""]) // 5)
        has_satellites = flag <= 1 or flag == CYCLE_SLIPS
        more = max(-(-count // 12) - 1, 0) + count * per_record if has_satellites else count
        if row + 1 + more > len(lines):
            raise _too_few(lines, row, count, len(lines) - row - 1, more)
        if flag <= 1:
            found.append((row, flag, count, per_record))
        else:
            events.append((row, more, flag))
            codes = _new_codes(lines, row + 1, more, header.version) if not has_satellites else {}
            if codes:
                spans.append(Span(len(found), codes))
        row += 1 + more
    rows, flags, counts, per_records = np.array(found, dtype=np.int64).reshape(-1, 4).T
    event_row, event_count, event_flag = np.array(events, dtype=np.int64).reshape(-1, 3).T
    within = _within(counts)
    head = np.repeat(rows, counts)
    extra = np.repeat(np.maximum(-(-counts // 12), 1), counts)
    return Body(
        epoch_row=rows,
        flag=flags,
        record_row=head + extra + within * np.repeat(per_records, counts),
        record_epoch=np.repeat(np.arange(len(rows)), counts),
        id_row=head + within // 12,
        id_column=33 + 3 * (within % 12),
        spans=tuple(spans),
        event_row=event_row,
        event_count=event_count,
        event_flag=event_flag,
    )


def _within(counts: np.ndarray) -> np.ndarray:
    """0, 1... counts[0] - 1, 0, 1... counts[1] - 1, ..."""
    before = np.cumsum(counts) - counts
    return np.arange(int(np.sum(counts))) - np.repeat(before, counts)


def _walk_3(lines: ByteLines, first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the epoch lines, their flags and their counts of lines that follow."""
    every = np.arange(first, len(lines))
    rows = every[lines.data[lines.start[every]] == _IS_EPOCH]
    flag = lines.columns(rows, LAYOUT_3.flag, LAYOUT_3.flag)[:, 0].astype(np.int64) - ord("0")
    count, is_count = integers(lines.columns(rows, *LAYOUT_3.num))
    follows = np.append(rows, len(lines))
    is_regular = (
        follows[0] == first
        and np.all(is_count)
        and np.all((flag >= 0) & (flag <= 6))
        and np.array_equal(rows + 1 + count, follows[1:])
    )
    if is_regular:
        return rows, flag, count
    return _walk_3_in_steps(lines, first, set(rows.tolist()))


def _walk_3_in_steps(lines: ByteLines, first: int, marked: set[int]):
    """The same line by line: event lines may begin with >, and errors are named."""
    found = []
    row = first
    while row < len(lines):
        if row not in marked:
            raise lines.error(
                row,
                f"expected an epoch line that begins with >, found {lines.text(row)[:20]!r}"
                f"{_promise(found[-1] if found else None)}.",
            )
        flag, count = _flag_and_count(lines, row, LAYOUT_3, found[-1] if found else None)
        end = row + 1 + count
        if flag <= 1:
            cut = next((i for i in range(row + 1, min(end, len(lines))) if i in marked), None)
            if cut is not None:
                raise _too_few(lines, row, count, cut - row - 1, count)
        if end > len(lines):
            raise _too_few(lines, row, count, len(lines) - row - 1, count)
        found.append((row, flag, count))
        row = end
    table = np.array(found, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _flag_and_count(
    lines: ByteLines, row: int, layout: Layout, before: tuple[int, int, int] | None
) -> tuple[int, int]:
    """Flag and number of satellites or lines; `before` is the epoch line before, for messages."""
    text = lines.text(row)
    flag = text[layout.flag - 1 : layout.flag]
    if flag not in tuple("0123456"):
        raise lines.error(
            row,
            f"column {layout.flag} (epoch flag): expected a digit 0 to 6, found {flag!r}"
            f"{_promise(before)}.",
        )
    first, last = layout.num
    if not _COUNT.fullmatch(text[first - 1 : last]):
        raise lines.error(
            row,
            f"columns {first}-{last} (number of satellites or lines that follow): expected an "
            f"integer, found {text[first - 1 : last]!r}.",
        )
    return int(flag), int(text[first - 1 : last])


def _promise(before: tuple[int, int, int] | None) -> str:
    return f"; the epoch of line {before[0] + 1} promises {before[2]}" if before else ""


def _too_few(lines: ByteLines, row: int, count: int, found: int, wanted: int):
    return lines.error(
        row,
        f"the epoch promises {count} satellites or lines, {wanted} lines in all, but {found} "
        "follow: the file is cut or lines are lost.",
    )


def _new_codes(lines: ByteLines, row: int, count: int, version: float) -> dict:
    """Codes that header lines after an event set anew."""
    texts = [lines.text(i) for i in range(row, row + count)]
    listed = [label_of(text) in ("SYS / # / OBS TYPES", "# / TYPES OF OBSERV") for text in texts]
    if not any(listed):
        return {}
    return parse_lines(header_lines(lines.path, row + 1, texts), version).get("codes", {})


# Epochs and satellites


def epoch_fields(
    lines: ByteLines, rows: np.ndarray, layout: Layout
) -> tuple[np.ndarray, np.ndarray]:
    """(row, 6) year to whole second, and the fraction of the second."""
    names = ("year", "month", "day", "hour", "minute", "second")
    columns = []
    for name, (first, last) in zip(names, layout.date, strict=True):
        columns.append(_require(lines, rows, first, last, name))
    first, last = layout.decimals
    point = lines.columns(rows, first - 1, first - 1)[:, 0] != ord(".")
    if np.any(point):
        row = rows[np.argmax(point)]
        raise lines.error(
            row,
            f"column {first - 1}: expected the point of the seconds, found "
            f"{lines.text(row)[first - 2 : first - 1]!r} in {lines.text(row)[:40]!r}.",
        )
    units = _require(lines, rows, first, last, "decimals of the second")
    if layout is LAYOUT_2:
        columns[0] = columns[0] + np.where(columns[0] < 80, 2000, 1900)
    return np.stack(columns, axis=1), units / 10.0 ** (last - first + 1)


def _require(lines: ByteLines, rows: np.ndarray, first: int, last: int, what: str) -> np.ndarray:
    value, is_good = integers(lines.columns(rows, first, last))
    if not np.all(is_good):
        row = rows[np.argmin(is_good)]
        raise lines.error(
            row,
            f"columns {first}-{last} ({what}): expected an integer, found "
            f"{lines.text(row)[first - 1 : last]!r}.",
        )
    return value


def clock_offsets(lines: ByteLines, rows: np.ndarray, layout: Layout) -> np.ndarray:
    """Receiver clock offsets [s], NaN where blank."""
    first, last = layout.clock
    block = lines.columns(rows, first, last)
    offset = np.full(len(rows), np.nan)
    for i in np.flatnonzero(np.any(block != BLANK, axis=1)):
        text = block[i].tobytes().decode("latin-1")
        if not _CLOCK.fullmatch(text) or not any(c.isdigit() for c in text):
            raise lines.error(
                rows[i],
                f"columns {first}-{last} (receiver clock offset, s): expected a number, "
                f"found {text!r}.",
            )
        offset[i] = float(text)
    return offset


def refuse_reserved(lines: ByteLines, rows: np.ndarray, layout: Layout) -> None:
    """Raise if columns that the format leaves free hold something, such as picoseconds."""
    first, last = layout.reserved
    if last:
        is_used = np.any(lines.columns(rows, first, last) != BLANK, axis=1)
        if np.any(is_used):
            row = rows[np.argmax(is_used)]
            raise lines.error(
                row,
                f"columns {first}-{last}: expected blanks, found "
                f"{lines.text(row)[first - 1 : last]!r}.",
            )
    lines.refuse_text_beyond(rows, layout.clock[1])


def satellites(lines: ByteLines, body: Body, default: str) -> tuple[np.ndarray, np.ndarray]:
    """System letter (as a byte) and number of the satellite of each record.

    A blank letter (version 2) is `default`.
    """
    ids = np.empty((len(body.id_row), 3), dtype=np.uint8)
    for column in np.unique(body.id_column):
        those = body.id_column == column
        ids[those] = lines.columns(body.id_row[those], int(column), int(column) + 2)
    letter = (
        np.where(ids[:, 0] == BLANK, np.uint8(ord(default)), ids[:, 0]) if default else ids[:, 0]
    )
    number, is_number = integers(ids[:, 1:])
    is_good = is_number & (letter >= ord("A")) & (letter <= ord("Z"))
    if not np.all(is_good):
        bad = int(np.argmin(is_good))
        first = int(body.id_column[bad])
        raise lines.error(
            body.id_row[bad],
            f"columns {first}-{first + 2} (satellite): expected an id such as 'G01', found "
            f"{ids[bad].tobytes().decode('latin-1')!r}.",
        )
    return letter, number
