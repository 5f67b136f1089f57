"""Clocks of satellites and stations in RINEX CLK, read and written.

Format: [rinex-clk-304] (station names of 9 characters) and versions 2 and 3.00 to 3.02 (4
characters, the columns after them 5 to the left).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError
from leopnt.io._byte_lines import BLANK, ByteLines, byte_lines, integers
from leopnt.io._replacing import replacing
from leopnt.io._rinex_text import (
    NAMES_OF_SCALES,
    TIME_SYSTEMS,
    HeaderLine,
    calendar_fields,
    epochs,
    label_of,
)
from leopnt.io.packed_rinex import read_rinex_bytes

_END = "END OF HEADER"
_TYPES = ("AS", "AR", "CR", "DR", "MS")
_NUMBER = np.zeros(256, dtype=bool)
_NUMBER[list(b" 0123456789.+-eEdD")] = True
_MAX_BYTES_PER_BYTE = 500


@dataclass(frozen=True, eq=False)
class ClockTable:
    """Clocks over names and epochs; NaN where the file has no value.

    Attributes:
        names: "G01", or station names.
        bias_s: clock minus system time. Satellite clocks do not include the periodic relativistic
            term.
        bias_sigma_s: its standard deviation.
        rate, rate_sigma: s/s.
        acceleration_per_s, acceleration_sigma_per_s: s/s^2.
    """

    names: tuple[str, ...]
    bias_s: Float[np.ndarray, "name epoch"]
    bias_sigma_s: Float[np.ndarray, "name epoch"]
    rate: Float[np.ndarray, "name epoch"]
    rate_sigma: Float[np.ndarray, "name epoch"]
    acceleration_per_s: Float[np.ndarray, "name epoch"]
    acceleration_sigma_per_s: Float[np.ndarray, "name epoch"]

    @staticmethod
    def of_biases(
        names: tuple[str, ...],
        bias_s: Float[np.ndarray, "name epoch"],
        bias_sigma_s: Float[np.ndarray, "name epoch"] | None = None,
    ) -> "ClockTable":
        """A table of biases alone."""
        nothing = np.full(bias_s.shape, np.nan)
        sigma_s = nothing if bias_sigma_s is None else bias_sigma_s
        return ClockTable(names, bias_s, sigma_s, nothing, nothing, nothing, nothing)

    def columns(self) -> Float[np.ndarray, "6 name epoch"]:
        """All six quantities, in the order of the format."""
        return np.stack(
            [
                self.bias_s,
                self.bias_sigma_s,
                self.rate,
                self.rate_sigma,
                self.acceleration_per_s,
                self.acceleration_sigma_per_s,
            ]
        )


@dataclass(frozen=True, eq=False)
class RinexClk:
    """One clock file.

    Attributes:
        epoch: all epochs of records, increasing.
        time_scale: in which they are written.
        satellites, stations: records AS and AR.
        version: of the file.
        agency: analysis center.
        frame: reference frame of the stations, "IGb14".
        station_pos_ecef_m: positions by station name, mm resolution.
        leap_seconds: GPS time minus UTC.
        comments: texts.
        others: records CR, DR and MS (calibrations, discontinuities, monitors), as they are.
    """

    epoch: Epoch
    time_scale: TimeScale
    satellites: ClockTable
    stations: ClockTable
    version: float = 3.04
    agency: str = ""
    frame: str = ""
    station_pos_ecef_m: Mapping[str, Float[np.ndarray, "3"]] = field(default_factory=dict)
    leap_seconds: int | None = None
    comments: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def read_clk(path: str | Path) -> RinexClk:
    """Read a clock file, plain, gzip or .Z.

    Raises:
        FormatError: anything that does not follow the format, by line and columns; two records of
            one clock at one epoch.
        LeopntError: no such file.
    """
    lines = byte_lines(read_rinex_bytes(path), path)
    header, first = _header(lines)
    shift = 5 if header["version"] >= 3.04 else 0
    if lines.is_cut and len(lines.text(len(lines) - 1).rstrip()) not in (59 + shift, 79 + shift):
        raise lines.error(len(lines) - 1, "this line ends within a number: the file is cut.")
    rows, types, counts, others = _records(lines, first, shift)
    values = _values(lines, rows, counts, shift)
    moments, at_epoch = _epochs(lines, rows, shift, header["time_scale"])
    tables = {}
    for key, kind in (("satellites", "AS"), ("stations", "AR")):
        those = np.flatnonzero(types == kind)
        names = _names(lines, rows[those], 7 + shift)
        tables[key] = _table(lines, rows[those], names, at_epoch[those], values[:, those], moments)
    return RinexClk(epoch=moments, others=others, **tables, **header)


# Header


def _header(lines: ByteLines) -> tuple[dict, int]:
    """What the header says, and the row after it."""
    if not len(lines):
        raise FormatError(lines.path, None, "is empty; expected a RINEX clock file.")
    head = HeaderLine(lines.path, 1, lines.text(0), "")
    column = lines.text(0).find("RINEX VERSION / TYPE") + 1
    if column not in (61, 66) or head.text[20:22].strip() != "C":
        raise FormatError(
            lines.path,
            1,
            "expected a first line with 'C' (clock data) in column 21 or 22 and 'RINEX VERSION / "
            f"TYPE' from column 61 or 66 on, found {head.text[:70]!r}.",
        )
    version = head.number_at(1, 9, "version")
    if not 2.0 <= version < 4.0:
        raise head.error(1, 9, "version", "2.00 to 3.99")
    found = {"version": version, "time_scale": TimeScale.GPST, "station_pos_ecef_m": {}}
    for row in range(1, len(lines)):
        text = lines.text(row)
        line = HeaderLine(lines.path, row + 1, text, label_of(text, column))
        if line.label == _END:
            return found, row + 1
        _header_line(line, found, column)
    raise FormatError(lines.path, None, "the header has no line END OF HEADER.")


def _header_line(line: HeaderLine, found: dict, column: int) -> None:
    if not line.label:
        raise line.error(column, column + 19, "label", "a header label such as 'COMMENT'")
    if line.label == "TIME SYSTEM ID":
        if line.field(1, 6) not in TIME_SYSTEMS:
            raise line.error(1, 6, "time system", f"one of {', '.join(TIME_SYSTEMS)}")
        found["time_scale"] = TIME_SYSTEMS[line.field(1, 6)]
    elif line.label == "LEAP SECONDS GNSS" or (
        line.label == "LEAP SECONDS" and "leap_seconds" not in found
    ):
        found["leap_seconds"] = line.integer(1, 6, "leap seconds")
    elif line.label == "ANALYSIS CENTER":
        found["agency"] = line.field(1, 3)
    elif line.label == "# OF SOLN STA / TRF":
        found["frame"] = line.field(11, column - 1)
    elif line.label == "COMMENT":
        found["comments"] = (*found.get("comments", ()), line.text[: column - 1].rstrip())
    elif line.label == "SOLN STA NAME / NUM":
        end = 9 if column == 66 else 4
        found["station_pos_ecef_m"][line.field(1, end)] = _station(line, column)


def _station(line: HeaderLine, column: int) -> np.ndarray:
    first = 31 if column == 66 else 26
    return np.array(
        [
            line.integer(at, at + 10, "station coordinate, mm") / 1000.0
            for at in (first, first + 12, first + 24)
        ]
    )


# Records


def _records(lines: ByteLines, first: int, shift: int):
    """Rows of records AS and AR, their types and numbers of values, and the other records."""
    every = np.arange(first, len(lines))
    start = lines.columns(every, 1, 3)
    tag = start[:, 0].astype(np.int64) * 256 + start[:, 1]
    known = np.array([ord(t[0]) * 256 + ord(t[1]) for t in _TYPES])
    is_record = np.isin(tag, known) & (start[:, 2] == BLANK)
    rows = every[is_record]
    types = np.array(_TYPES)[np.argmax(tag[is_record][:, None] == known[None, :], axis=1)]
    counts, is_count = integers(lines.columns(rows, 35 + shift, 37 + shift))
    is_good = is_count & (counts >= 1) & (counts <= 6)
    if not np.all(is_good):
        row = rows[np.argmin(is_good)]
        raise lines.error(
            row,
            f"columns {35 + shift}-{37 + shift} (number of values): expected 1 to 6, found "
            f"{lines.text(row)[34 + shift : 37 + shift]!r}.",
        )
    _require_order(lines, first, rows, counts)
    is_clock = np.isin(types, ["AS", "AR"])
    others = tuple(
        "\n".join(lines.text(row + i) for i in range(1 + (count > 2)))
        for row, count in zip(rows[~is_clock], counts[~is_clock], strict=True)
    )
    return rows[is_clock], types[is_clock], counts[is_clock], others


def _require_order(lines: ByteLines, first: int, rows: np.ndarray, counts: np.ndarray) -> None:
    """Each record is followed by the next, or by one line of further values if it has over two."""
    expected = np.concatenate([[first], rows + 1 + (counts > 2)])
    there = np.append(rows, len(lines))
    wrong = np.flatnonzero(expected != there)
    if not len(wrong):
        return
    at = int(wrong[0])
    if there[at] < expected[at]:
        raise lines.error(rows[at - 1], f"promises {counts[at - 1]} values, but none follow.")
    row = int(expected[at])
    raise lines.error(
        row,
        f"expected a record that begins with {', '.join(_TYPES)}, found {lines.text(row)[:20]!r}.",
    )


def _values(lines: ByteLines, rows: np.ndarray, counts: np.ndarray, shift: int) -> np.ndarray:
    """(6, record) values, NaN where there are none."""
    values = np.full((6, len(rows)), np.nan)
    first = 41 + shift
    values[0] = _floats(lines, rows, first, "clock bias, s")
    two = np.flatnonzero(counts >= 2)
    values[1, two] = _floats(lines, rows[two], first + 20, "sigma of the clock bias, s")
    lines.refuse_text_beyond(rows, first + 38)
    for record in np.flatnonzero(counts > 2):
        row = int(rows[record]) + 1
        words = lines.text(row).split()
        wanted = int(counts[record]) - 2
        if len(words) != wanted:
            raise lines.error(row, f"expected {wanted} values, found {len(words)}.")
        for i, word in enumerate(words):
            line = HeaderLine(lines.path, row + 1, word, "")
            values[2 + i, record] = line.number_at(1, len(word), "clock rate or acceleration")
    return values


def _floats(lines: ByteLines, rows: np.ndarray, first: int, what: str) -> np.ndarray:
    """Numbers with exponents, 19 columns wide."""
    block = np.ascontiguousarray(lines.columns(rows, first, first + 18))
    is_good = np.all(_NUMBER[block], axis=1)
    block[(block == ord("D")) | (block == ord("d"))] = ord("E")
    texts = block.view("S19")[:, 0]
    if np.all(is_good):
        try:
            values = texts.astype(np.float64)
        except ValueError:
            is_good[:] = False
        else:
            is_good = np.isfinite(values)
            if np.all(is_good):
                return values
    for row in rows[~is_good]:
        text = lines.text(row)
        HeaderLine(lines.path, int(row) + 1, text, "").number_at(first, first + 18, what)
    raise FormatError(lines.path, None, f"{what}: a number cannot be read.")


def _epochs(
    lines: ByteLines, rows: np.ndarray, shift: int, scale: TimeScale
) -> tuple[Epoch, np.ndarray]:
    """All epochs once, increasing, and which each record belongs to."""
    columns = [(9, 12), (13, 15), (16, 18), (19, 21), (22, 24), (25, 27), (29, 34)]
    names = ("year", "month", "day", "hour", "minute", "second", "decimals of the second")
    fields = []
    for name, (first, last) in zip(names, columns, strict=True):
        value, is_good = integers(lines.columns(rows, first + shift, last + shift))
        if name == "decimals of the second":
            is_good &= lines.columns(rows, first + shift - 1, first + shift - 1)[:, 0] == ord(".")
        if not np.all(is_good):
            row = int(rows[np.argmin(is_good)])
            raise HeaderLine(lines.path, row + 1, lines.text(row), "").error(
                first + shift, last + shift, name, "an integer"
            )
        fields.append(value)
    key = np.stack(fields, axis=1)
    _, first_of, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    some = key[first_of]
    moments = epochs(lines.path, rows[first_of] + 1, some[:, :6], some[:, 6] / 1e6, scale)
    return moments, inverse.reshape(-1)


def _names(lines: ByteLines, rows: np.ndarray, last: int) -> np.ndarray:
    """(record,) names, the blanks around removed."""
    block = np.ascontiguousarray(lines.columns(rows, 4, last))
    names = np.char.strip(block.view(f"S{last - 3}")[:, 0])
    if np.any(names == b""):
        row = rows[np.argmax(names == b"")]
        raise lines.error(row, f"columns 4-{last} (name): expected a satellite or station.")
    return names


def _table(
    lines: ByteLines,
    rows: np.ndarray,
    names: np.ndarray,
    at_epoch: np.ndarray,
    values: np.ndarray,
    moments: Epoch,
) -> ClockTable:
    unique, at_name = np.unique(names, return_inverse=True)
    shape = (6, len(unique), len(moments))
    if 8 * np.prod(shape, dtype=np.float64) > _MAX_BYTES_PER_BYTE * len(lines.data):
        raise FormatError(
            lines.path,
            None,
            f"{len(unique)} names at {len(moments)} epochs in {len(rows)} records: hardly any name "
            "occurs twice, so the names or epochs are damaged.",
        )
    key = at_name * len(moments) + at_epoch
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    if len(again):
        bad = int(np.min(order[again + 1]))
        raise lines.error(
            rows[bad], f"a second record of {names[bad].decode('latin-1')} at one epoch."
        )
    table = np.full(shape, np.nan)
    table[:, at_name, at_epoch] = values
    return ClockTable(tuple(one.decode("latin-1") for one in unique.tolist()), *table)


# Writing


def write_clk(path: str | Path, clk: RinexClk) -> Path:
    """Write a clock file of version 3.04; what `read_clk` gave comes back to 12 digits.

    Clocks that are NaN are left out. `others` are not written.

    Raises:
        LeopntError: names over 9 characters; epochs with more than six decimals; infinite values.
    """
    if clk.time_scale not in NAMES_OF_SCALES:
        raise LeopntError(
            f"write_clk: time scale {clk.time_scale.value} has no name in RINEX; expected GPST, "
            "UTC, GST or BDT."
        )
    tables = [("AR", clk.stations), ("AS", clk.satellites)]
    prepared = [(kind, table.names, table.columns()) for kind, table in tables]
    for _, names, values in prepared:
        _check_table(names, values)
    fields = calendar_fields(clk.epoch, clk.time_scale, 6, "write_clk").tolist()
    with replacing(path) as temporary, temporary.open("w", encoding="latin-1", newline="") as file:
        file.write(_header_text(clk))
        for at, (year, month, day, hour, minute, second, units) in enumerate(fields):
            date = (
                f"{year:4d} {month:02d} {day:02d} {hour:02d} {minute:02d} {second:2d}.{units:06d}"
            )
            file.writelines(
                _record(kind, name, date, values[:, i, at].tolist())
                for kind, names, values in prepared
                for i, name in enumerate(names)
                if values[0, i, at] == values[0, i, at]
            )
    return Path(path)


def _check_table(names: tuple[str, ...], values: np.ndarray) -> None:
    for name in names:
        if not 1 <= len(name) <= 9 or name != name.strip() or not name.isascii():
            raise LeopntError(f"write_clk: name {name!r}; expected 1 to 9 ASCII characters.")
    if np.any(np.isinf(values)):
        raise LeopntError("write_clk: a clock is infinite; missing ones are NaN.")


def _record(kind: str, name: str, date: str, values: list[float]) -> str:
    count = max(i + 1 for i, value in enumerate(values) if value == value)
    words = [f"{0.0 if value != value else value:19.12E}" for value in values[:count]]
    more = "\n" + " ".join(words[2:]) if count > 2 else ""
    return f"{kind} {name:9} {date}{count:3d}   {' '.join(words[:2])}{more}\n"


def _header_text(clk: RinexClk) -> str:
    rows = [
        (f"{3.04:4.2f}{'':17}C{'':20}M", "RINEX VERSION / TYPE"),
        ("leopnt", "PGM / RUN BY / DATE"),
        *((comment, "COMMENT") for comment in clk.comments),
        (f"   {NAMES_OF_SCALES[clk.time_scale]}", "TIME SYSTEM ID"),
    ]
    if clk.leap_seconds is not None:
        rows.append((f"{clk.leap_seconds:6d}", "LEAP SECONDS GNSS"))
    kinds = [kind for kind, t in (("AR", clk.stations), ("AS", clk.satellites)) if t.names]
    rows.append((f"{len(kinds):6d}" + "".join(f"    {k}" for k in kinds), "# / TYPES OF DATA"))
    rows.append((clk.agency, "ANALYSIS CENTER"))
    if clk.station_pos_ecef_m:
        rows.append((f"{len(clk.station_pos_ecef_m):6d}    {clk.frame}", "# OF SOLN STA / TRF"))
    for name, pos_m in clk.station_pos_ecef_m.items():
        text = " ".join(f"{round(x * 1000.0):11d}" for x in pos_m.tolist())
        rows.append((f"{name:9} {'':20}{text}", "SOLN STA NAME / NUM"))
    names = clk.satellites.names
    if names:
        rows.append((f"{len(names):6d}", "# OF SOLN SATS"))
        rows += [(" ".join(names[i : i + 16]), "PRN LIST") for i in range(0, len(names), 16)]
    rows.append(("", _END))
    return "".join(f"{text:65}{label}\n" for text, label in rows)
