"""Observations in RINEX 2, 3 and 4.

Formats: [rinex-211], [rinex-304], [rinex-400]. The numbers of a file are whole counts of
thousandths; they are read as such, so each value is the float nearest to the decimal number.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from leopnt.epochs import Epoch
from leopnt.errors import FormatError, LeopntError, LeopntWarning, did_you_mean
from leopnt.io import _rinex_obs_body as bodies
from leopnt.io._byte_lines import ByteLines, byte_lines
from leopnt.io._f14_3 import observations
from leopnt.io._rinex_text import epochs, label_of, refuse_steps_back
from leopnt.io.packed_rinex import read_rinex_bytes
from leopnt.io.rinex_obs_header import RinexObsHeader, parse_header
from leopnt.io.textfile import decode

_END = "END OF HEADER"
_MAX_BYTES_PER_BYTE = 100  # a table over so many times as large as its file is a damaged header


@dataclass(frozen=True, eq=False)
class SystemObs:
    """Records of one satellite system: one per satellite and epoch, in file order.

    Attributes:
        codes: what the columns hold, "C1C" (version 2: "C1").
        satellites: ids, sorted.
        sat, epoch: which satellite and epoch each record belongs to.
        value: as in the file: C and P (range) in m, L (phase) in cycles, D (Doppler) in Hz,
            positive approaching, S (signal) in the unit of the header; NaN where blank or 0.0,
            which the format defines to be missing.
        lli: loss-of-lock indicator, 0 where blank; bit 0 is lost lock (a possible cycle slip),
            bit 1 a possible half-cycle ambiguity, bit 2 BOC tracking (version 2: antispoofing).
        ssi: signal strength 1 (weak) to 9, 0 where blank (not known).
    """

    codes: tuple[str, ...]
    satellites: tuple[str, ...]
    sat: Int[np.ndarray, " obs"]
    epoch: Int[np.ndarray, " obs"]
    value: Float[np.ndarray, "obs code"]
    lli: UInt8[np.ndarray, "obs code"]
    ssi: UInt8[np.ndarray, "obs code"]

    def column(self, code: str) -> int:
        """Which column holds a code; `LeopntError` if none does."""
        if code not in self.codes:
            raise LeopntError(
                f"no observations {code!r}; there are {', '.join(self.codes)}."
                f"{did_you_mean(code, self.codes)}"
            )
        return self.codes.index(code)


@dataclass(frozen=True)
class RinexEvent:
    """An epoch line with flag 2 to 6, and the lines after it, as they are.

    Attributes:
        flag: 2 antenna starts to move, 3 new site, 4 header lines, 5 external event, 6 cycle slips.
        epoch: when, or None where the line gives no time.
        before: index of the epoch of observations that comes next.
        lines: texts.
    """

    flag: int
    epoch: Epoch | None
    before: int
    lines: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RinexObs:
    """One observation file.

    Attributes:
        header: what it says of itself.
        epoch: instants of the observations on the receiver's clock, increasing.
        clock_offset_s: receiver clock offset of the epoch lines, NaN where blank.
        is_after_power_failure: epoch flag 1.
        systems: records by system letter ("G", "C", and "L" for LEO, which is private).
        events: flags 2 to 6.
    """

    header: RinexObsHeader
    epoch: Epoch
    clock_offset_s: Float[np.ndarray, " epoch"]
    is_after_power_failure: Bool[np.ndarray, " epoch"]
    systems: Mapping[str, SystemObs]
    events: tuple[RinexEvent, ...] = ()

    def system(self, letter: str) -> SystemObs:
        """Records of a system; `LeopntError` if there are none."""
        if letter not in self.systems:
            raise LeopntError(
                f"no observations of system {letter!r}; there are {', '.join(self.systems)}."
            )
        return self.systems[letter]

    def values(self, letter: str, code: str) -> Float[np.ndarray, "sat epoch"]:
        """One observation as a table of the system's satellites and all epochs; NaN is missing."""
        one = self.system(letter)
        return self._table(one, one.value[:, one.column(code)], np.nan)

    def has_lost_lock(self, letter: str, code: str) -> Bool[np.ndarray, "sat epoch"]:
        """Bit 0 of the loss-of-lock indicator of a code, as a table like that of `values`."""
        one = self.system(letter)
        return self._table(one, (one.lli[:, one.column(code)] & 1).astype(bool), False)

    def _table(self, one: SystemObs, values: np.ndarray, missing) -> np.ndarray:
        table = np.full((len(one.satellites), len(self.epoch)), missing)
        table[one.sat, one.epoch] = values
        return table


def read_rinex_obs(path: str | Path) -> RinexObs:
    """Read an observation file, plain, gzip, compact (.crx, .21d) or .Z.

    Warns when the last epoch is not the one that the header promises, or the file does not end
    with the end of a line: it may be a part of what you need.

    Raises:
        FormatError: anything that does not follow the format, by line and columns: fewer records
            than an epoch line promises, satellites of a system that the header does not name or
            twice at one epoch, epochs out of order, numbers out of their columns.
        LeopntError: no such file.
    """
    return parse_rinex_obs(read_rinex_bytes(path), path)


def parse_rinex_obs(data: bytes, source: str | Path = "<bytes>") -> RinexObs:
    """Like `read_rinex_obs`, from the bytes of a plain file; `source` is what messages call it."""
    lines = byte_lines(data, source)
    del data
    header, first = _header(lines)
    is_2 = header.version < 3
    layout = bodies.LAYOUT_2 if is_2 else bodies.LAYOUT_3
    body = (bodies.body_2 if is_2 else bodies.body_3)(lines, first, header)
    rows = body.epoch_row
    bodies.refuse_reserved(lines, rows, layout)
    epoch = epochs(source, rows + 1, *bodies.epoch_fields(lines, rows, layout), header.time_scale)
    refuse_steps_back(source, rows + 1, epoch)
    if lines.is_cut:
        _warn(f"{source}: the last line has no end; the file may be cut.")
    if header.last is not None and not (len(epoch) and epoch[-1] >= header.last):
        ends = f"ends at {epoch[-1].to_iso(header.time_scale)}" if len(epoch) else "has none"
        _warn(
            f"{source}: the header promises observations until "
            f"{header.last.to_iso(header.time_scale)} {header.time_scale.value}, the file {ends}. "
            "Is this the part that you need?"
        )
    return RinexObs(
        header=header,
        epoch=epoch,
        clock_offset_s=bodies.clock_offsets(lines, rows, layout),
        is_after_power_failure=body.flag == 1,
        systems=_systems(lines, body, header),
        events=_events(lines, body, layout, header),
    )


def _warn(message: str) -> None:
    warnings.warn(message, LeopntWarning, stacklevel=4)


def _header(lines: ByteLines) -> tuple[RinexObsHeader, int]:
    """Header, and the row after it."""
    if not len(lines):
        raise FormatError(lines.path, None, "is empty; expected a RINEX observation file.")
    if "CRINEX VERS" in lines.text(0):
        raise lines.error(0, "is Compact RINEX; read it with read_rinex_obs.")
    end = next((i for i in range(len(lines)) if label_of(lines.text(i)) == _END), None)
    if end is None:
        if label_of(lines.text(0)) != "RINEX VERSION / TYPE":
            parse_header(lines.path, [lines.text(0)])  # says what is wrong with it
        raise FormatError(lines.path, None, "the header has no line END OF HEADER.")
    text = lines.data[: lines.end[end]].tobytes()
    return parse_header(lines.path, decode(text, lines.path).split("\n")[:end]), end + 1


# Records


def _systems(lines: ByteLines, body: bodies.Body, header: RinexObsHeader) -> dict[str, SystemObs]:
    is_2 = header.version < 3
    default = "" if not is_2 else header.satellite_system.replace("M", "G")
    letter, number = bodies.satellites(lines, body, default)
    _refuse_twice(lines, body, letter, number)
    span = np.searchsorted([s.first_epoch for s in body.spans], body.record_epoch, "right") - 1
    found = {}
    for one in dict.fromkeys(letter.tolist()):
        parts = []
        for at in range(len(body.spans)):
            those = np.flatnonzero((letter == one) & (span == at))
            if len(those):
                codes = _codes_of(lines, body, header, int(those[0]), at, chr(one))
                _refuse_blow_up(lines, len(those), codes)
                read = _records_2 if is_2 else _records_3
                parts.append((those, codes, read(lines, body.record_row[those], codes)))
        found[chr(one)] = _joined(parts, header, chr(one), number, body.record_epoch)
    return found


def _codes_of(
    lines: ByteLines, body: bodies.Body, header: RinexObsHeader, record: int, span: int, letter: str
) -> tuple[str, ...]:
    codes = body.spans[span].codes
    key = "" if header.version < 3 else letter
    if key not in codes:
        raise lines.error(
            body.id_row[record],
            f"a satellite of system {letter!r}, of which the header lists no observations; it "
            f"lists {', '.join(codes)}.",
        )
    return codes[key]


def _refuse_twice(lines: ByteLines, body: bodies.Body, letter: np.ndarray, number: np.ndarray):
    key = (body.record_epoch * 256 + letter) * 100 + number
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    if len(again):
        bad = int(np.min(order[again + 1]))
        raise lines.error(
            body.id_row[bad],
            f"a second record of {chr(letter[bad])}{number[bad]:02d} at one epoch.",
        )


def _refuse_blow_up(lines: ByteLines, num_records: int, codes: tuple[str, ...]) -> None:
    wanted = 10 * num_records * len(codes)
    if wanted > _MAX_BYTES_PER_BYTE * len(lines.data):
        raise FormatError(
            lines.path,
            None,
            f"the header lists {len(codes)} codes, but the records are too short to hold them.",
        )


def _records_3(lines: ByteLines, rows: np.ndarray, codes: tuple[str, ...]):
    lines.refuse_text_beyond(rows, 3 + 16 * len(codes))
    return observations(lines, rows, 4, codes)


def _records_2(lines: ByteLines, rows: np.ndarray, codes: tuple[str, ...]):
    parts = []
    for line, first in enumerate(range(0, len(codes), 5)):
        some = codes[first : first + 5]
        lines.refuse_text_beyond(rows + line, 16 * len(some))
        parts.append(observations(lines, rows + line, 1, some))
    return tuple(np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True))


def _joined(
    parts: list, header: RinexObsHeader, letter: str, number: np.ndarray, record_epoch: np.ndarray
) -> SystemObs:
    """Records of one system, of all spans, over the union of their codes."""
    codes = tuple(dict.fromkeys(code for _, some, _ in parts for code in some))
    records = np.concatenate([those for those, _, _ in parts])
    if len(parts) == 1:
        value, lli, ssi = parts[0][2]
    else:
        shape = (len(records), len(codes))
        value = np.full(shape, np.nan)
        lli, ssi = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        first = 0
        for those, some, read in parts:
            at = np.ix_(range(first, first + len(those)), [codes.index(code) for code in some])
            for whole, part in zip((value, lli, ssi), read, strict=True):
                whole[at] = part
            first += len(those)
    for at, code in enumerate(codes):
        factor = header.scale_factors.get((letter, code), 1)
        if factor != 1:  # one division of whole thousandths, so that it is rounded once
            value[:, at] = np.rint(value[:, at] * 1000.0) / (1000.0 * factor)
    numbers, sat = np.unique(number[records], return_inverse=True)
    return SystemObs(
        codes=codes,
        satellites=tuple(f"{letter}{one:02d}" for one in numbers.tolist()),
        sat=sat,
        epoch=record_epoch[records],
        value=value,
        lli=lli,
        ssi=ssi,
    )


# Events


def _events(
    lines: ByteLines, body: bodies.Body, layout: bodies.Layout, header: RinexObsHeader
) -> tuple[RinexEvent, ...]:
    found = []
    for row, count, flag in zip(
        body.event_row.tolist(), body.event_count.tolist(), body.event_flag.tolist(), strict=True
    ):
        epoch = None
        first, last = layout.date[0][0], layout.decimals[1]
        if lines.text(row)[first - 1 : last].strip():
            rows = np.array([row])
            epoch = epochs(
                lines.path, rows + 1, *bodies.epoch_fields(lines, rows, layout), header.time_scale
            )[0]
        texts = tuple(lines.text(i).rstrip() for i in range(row + 1, row + 1 + count))
        before = int(np.searchsorted(body.epoch_row, row))
        found.append(RinexEvent(flag, epoch, before, texts))
    return tuple(found)
