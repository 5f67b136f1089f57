"""The header of a RINEX observation file, versions 2, 3 and 4.

Format: [rinex-304] (and [rinex-211], [rinex-400], which differ in few lines).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError
from leopnt.io._rinex_text import TIME_SYSTEMS, HeaderLine, epochs

SYSTEM_TIMES = {
    "G": TimeScale.GPST,
    "R": TimeScale.UTC,
    "E": TimeScale.GST,
    "J": TimeScale.GPST,
    "C": TimeScale.BDT,
    "I": TimeScale.GPST,
    "S": TimeScale.GPST,
}
"""Time in which a file of one satellite system is written if it does not say."""

_CODE_3 = re.compile(r"[A-Z][0-9A-Z][0-9A-Z]?", re.ASCII)
_CODE_2 = re.compile(r"[A-Z][0-9A-Z]", re.ASCII)
_SATELLITE = re.compile(r"[A-Z][ 0-9][0-9]", re.ASCII)


@dataclass(frozen=True)
class PhaseShift:
    """A shift that was added to the phases of one code, to align it with others of its frequency.

    Attributes:
        system, code: "G", "L2X"; code is empty where the shifts of a system are not known.
        cycles: NaN where the file leaves it blank.
        satellites: those concerned; empty means all of the system.
    """

    system: str
    code: str
    cycles: float
    satellites: tuple[str, ...] = ()


def _nothing() -> Float[np.ndarray, "3"]:
    return np.full(3, np.nan)


@dataclass(frozen=True, eq=False)
class RinexObsHeader:
    """What the header says; texts are empty and numbers NaN or None where it does not.

    Attributes:
        version: 2.11, 3.04...
        satellite_system: of the file: a letter, or "M" for several.
        codes: by system letter, the observations of a record in order, "C1C" or, in version 2,
            "C1". Version 2 has one list for all systems, under the key "".
        time_scale: of all epochs.
        program, run_by, date: who wrote the file, when.
        marker_name, marker_number, marker_type: the station.
        observer, agency: who runs it.
        receiver, antenna: number, type and version; number and type with radome.
        approx_pos_ecef_m: of the marker.
        antenna_height_east_north_m: of the antenna reference point above the marker.
        interval_s: step between epochs.
        first, last: epochs of the first and last observation, as promised.
        is_clock_corrected: epochs, code and phase were corrected by the receiver clock offset.
        phase_shifts: added to phases.
        glonass_slots: frequency numbers by satellite.
        glonass_biases_m: code-phase biases by code.
        scale_factors: by system and code, what stored values were divided by on reading.
        signal_strength_unit: of observations S.
        leap_seconds: GPS time minus UTC, s.
        comments: texts.
        lines: every line before END OF HEADER, as (label, text of columns 1 to 60).
    """

    version: float = 3.04
    satellite_system: str = "M"
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    time_scale: TimeScale = TimeScale.GPST
    program: str = ""
    run_by: str = ""
    date: str = ""
    marker_name: str = ""
    marker_number: str = ""
    marker_type: str = ""
    observer: str = ""
    agency: str = ""
    receiver: tuple[str, str, str] = ("", "", "")
    antenna: tuple[str, str] = ("", "")
    approx_pos_ecef_m: Float[np.ndarray, "3"] = field(default_factory=_nothing)
    antenna_height_east_north_m: Float[np.ndarray, "3"] = field(default_factory=_nothing)
    interval_s: float = float("nan")
    first: Epoch | None = None
    last: Epoch | None = None
    is_clock_corrected: bool = False
    phase_shifts: tuple[PhaseShift, ...] = ()
    glonass_slots: Mapping[str, int] = field(default_factory=dict)
    glonass_biases_m: Mapping[str, float] = field(default_factory=dict)
    scale_factors: Mapping[tuple[str, str], int] = field(default_factory=dict)
    signal_strength_unit: str = ""
    leap_seconds: int | None = None
    comments: tuple[str, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()


def parse_header(path: str | Path, texts: list[str]) -> RinexObsHeader:
    """The header from its lines, without END OF HEADER.

    Raises:
        FormatError: a line without a label, a field that does not follow the format, by line and
            columns.
    """
    if not texts:
        raise FormatError(path, 1, "END OF HEADER is the first line; expected a header before it.")
    lines = [_line(path, number, text) for number, text in enumerate(texts, 1)]
    found = _version(lines[0])
    found |= parse_lines(lines[1:], found["version"])
    codes = found.get("codes", {})
    if not codes:
        label = "# / TYPES OF OBSERV" if found["version"] < 3 else "SYS / # / OBS TYPES"
        raise FormatError(path, None, f"the header has no line {label!r}.")
    found["time_scale"] = _time_scale(path, lines, found["satellite_system"])
    for name in ("first", "last"):
        found[name] = _instant(found.get(name), found["time_scale"])
    found["lines"] = tuple((line.label, line.text[:60]) for line in lines)
    return RinexObsHeader(**found)


def parse_lines(lines: list[HeaderLine], version: float) -> dict[str, Any]:
    """Fields of header lines, also of those in the body after an event."""
    found: dict[str, Any] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.label in _SIMPLE:
            _SIMPLE[line.label](line, found)
            at += 1
        elif line.label in _BLOCKS:
            at = _BLOCKS[line.label](lines, at, found)
        else:
            at += 1  # labels of later versions, and those that nobody needs here
    return found


def _line(path: str | Path, number: int, text: str) -> HeaderLine:
    line = HeaderLine(path, number, text.ljust(60), text[60:80].strip())
    if not line.label:
        raise line.error(61, 80, "label", "a header label such as 'COMMENT'")
    return line


def header_lines(path: str | Path, first_number: int, texts: list[str]) -> list[HeaderLine]:
    """Header lines in the body; those of an event may do without a label."""
    return [
        HeaderLine(path, first_number + i, text.ljust(60), text[60:80].strip())
        for i, text in enumerate(texts)
    ]


def _version(line: HeaderLine) -> dict[str, Any]:
    if line.label != "RINEX VERSION / TYPE":
        raise line.error(61, 80, "label", "'RINEX VERSION / TYPE' in the first line")
    version = line.number_at(1, 9, "version")
    if not 2.0 <= version < 5.0:
        raise line.error(1, 9, "version", "2.00 to 4.99")
    if line.text[20] != "O":
        raise line.error(21, 40, "file type", "'O', an observation file")
    system = line.text[40].strip() or ("G" if version < 3 else "M")
    return {"version": version, "satellite_system": system}


def _time_scale(path: str | Path, lines: list[HeaderLine], system: str) -> TimeScale:
    for line in lines:
        name = line.field(49, 51)
        if line.label == "TIME OF FIRST OBS" and name:
            if name not in TIME_SYSTEMS:
                raise line.error(49, 51, "time system", f"one of {', '.join(TIME_SYSTEMS)}")
            return TIME_SYSTEMS[name]
    return SYSTEM_TIMES.get(system, TimeScale.GPST)


def _instant(fields: tuple | None, scale: TimeScale) -> Epoch | None:
    if fields is None:
        return None
    line, whole, fraction_s = fields
    return epochs(line.path, np.array([line.number]), whole, fraction_s, scale)[0]


# Lines that stand alone


def _text(name: str, last: int = 60) -> Callable[[HeaderLine, dict], None]:
    def read(line: HeaderLine, found: dict) -> None:
        found[name] = line.field(1, last)

    return read


def _texts(**columns: tuple[int, int]) -> Callable[[HeaderLine, dict], None]:
    def read(line: HeaderLine, found: dict) -> None:
        found.update({name: line.field(*where) for name, where in columns.items()})

    return read


def _receiver(line: HeaderLine, found: dict) -> None:
    found["receiver"] = (line.field(1, 20), line.field(21, 40), line.field(41, 60))


def _antenna(line: HeaderLine, found: dict) -> None:
    found["antenna"] = (line.field(1, 20), line.field(21, 40))


def _vector(name: str, what: str) -> Callable[[HeaderLine, dict], None]:
    def read(line: HeaderLine, found: dict) -> None:
        found[name] = line.vector(what)

    return read


def _comment(line: HeaderLine, found: dict) -> None:
    found["comments"] = (*found.get("comments", ()), line.text[:60].rstrip())


def _interval(line: HeaderLine, found: dict) -> None:
    found["interval_s"] = line.number_at(1, 10, "interval, s")


def _leap_seconds(line: HeaderLine, found: dict) -> None:
    if line.field(25, 27) in ("", "GPS"):  # BDS counts its own
        found["leap_seconds"] = line.integer(1, 6, "leap seconds")


def _clock_applied(line: HeaderLine, found: dict) -> None:
    found["is_clock_corrected"] = line.integer(1, 6, "receiver clock offset applied") == 1


def _time(name: str) -> Callable[[HeaderLine, dict], None]:
    def read(line: HeaderLine, found: dict) -> None:
        if not line.field(1, 43):
            return
        whole = [line.integer(1 + 6 * i, 6 + 6 * i, "date and time") for i in range(5)]
        second = line.number_at(31, 43, "seconds")
        count = np.floor(second)
        fields = np.array([[*whole, int(count)]])
        found[name] = (line, fields, np.array([second - count]))

    return read


_SIMPLE: dict[str, Callable[[HeaderLine, dict], None]] = {
    "PGM / RUN BY / DATE": _texts(program=(1, 20), run_by=(21, 40), date=(41, 60)),
    "MARKER NAME": _text("marker_name"),
    "MARKER NUMBER": _text("marker_number", 20),
    "MARKER TYPE": _text("marker_type", 20),
    "OBSERVER / AGENCY": _texts(observer=(1, 20), agency=(21, 60)),
    "REC # / TYPE / VERS": _receiver,
    "ANT # / TYPE": _antenna,
    "APPROX POSITION XYZ": _vector("approx_pos_ecef_m", "approximate position, m"),
    "ANTENNA: DELTA H/E/N": _vector("antenna_height_east_north_m", "antenna offset, m"),
    "COMMENT": _comment,
    "INTERVAL": _interval,
    "LEAP SECONDS": _leap_seconds,
    "RCV CLOCK OFFS APPL": _clock_applied,
    "SIGNAL STRENGTH UNIT": _text("signal_strength_unit", 20),
    "TIME OF FIRST OBS": _time("first"),
    "TIME OF LAST OBS": _time("last"),
}


# Lines that go on in the next


def _list(
    lines: list[HeaderLine], at: int, count: int, per_line: int, first: int, step: int, what: str
) -> tuple[list[tuple[HeaderLine, int, int]], int]:
    """Where `count` items of a list stand: (line, first column, last column); and what follows."""
    label, found = lines[at].label, []
    head = lines[at]
    if count < 0:
        raise FormatError(head.path, head.number, f"{label}: {count} {what} cannot be.")
    while len(found) < count:
        if at == len(lines) or lines[at].label != label:
            raise FormatError(
                head.path,
                head.number,
                f"{label}: promises {count} {what}, but the lines hold {len(found)}.",
            )
        num = min(per_line, count - len(found))
        found += [(lines[at], first + step * i, first + step * (i + 1) - 1) for i in range(num)]
        at += 1
    return found, at


def _codes(items: list, pattern: re.Pattern[str], system: str) -> tuple[str, ...]:
    codes = []
    for line, first, last in items:
        code = line.field(first, last)
        if not pattern.fullmatch(code):
            raise line.error(first, last, "observation code", "a code such as 'C1C' or 'L1'")
        if code in codes:
            raise FormatError(
                line.path, line.number, f"observation code {code} of {system} is listed twice."
            )
        codes.append(code)
    return tuple(codes)


def _codes_3(lines: list[HeaderLine], at: int, found: dict) -> int:
    line = lines[at]
    system = line.text[0]
    if not re.fullmatch("[A-Z]", system, re.ASCII):
        raise line.error(1, 1, "satellite system", "a letter")
    count = line.integer(4, 6, "number of observation codes")
    items, after = _list(lines, at, max(count, 1), 13, 7, 4, "codes")
    for other, *_ in items[13::13]:
        if other.text[0] not in (" ", system):
            raise other.error(1, 1, "satellite system", f"a blank: codes of {system} go on here")
    codes = found.setdefault("codes", {})
    if system in codes:
        raise FormatError(line.path, line.number, f"a second list of codes of system {system}.")
    codes[system] = _codes(items[:count], _CODE_3, f"system {system}")
    return after


def _codes_2(lines: list[HeaderLine], at: int, found: dict) -> int:
    count = lines[at].integer(1, 6, "number of observation types")
    if count < 1:
        raise lines[at].error(1, 6, "number of observation types", "1 or more")
    items, after = _list(lines, at, count, 9, 7, 6, "types")
    found["codes"] = {"": _codes(items, _CODE_2, "the file")}
    return after


def _satellites(items: list) -> tuple[str, ...]:
    names = []
    for line, first, last in items:
        name = line.field(first, last)
        if not _SATELLITE.fullmatch(name):
            raise line.error(first, last, "satellite", "an id such as 'G01'")
        names.append(name.replace(" ", "0"))
    return tuple(names)


def _phase_shift(lines: list[HeaderLine], at: int, found: dict) -> int:
    line = lines[at]
    cycles = line.number_at(7, 14, "phase shift, cycles") if line.field(7, 14) else float("nan")
    count = line.integer(17, 18, "number of satellites") if line.field(17, 18) else 0
    items, after = _list(lines, at, max(count, 1), 10, 19, 4, "satellites")
    shift = PhaseShift(line.text[0].strip(), line.field(3, 5), cycles, _satellites(items[:count]))
    found["phase_shifts"] = (*found.get("phase_shifts", ()), shift)
    return after


def _glonass_slots(lines: list[HeaderLine], at: int, found: dict) -> int:
    line = lines[at]
    if not line.field(1, 3):
        return at + 1
    count = line.integer(1, 3, "number of satellites")
    items, after = _list(lines, at, max(count, 1), 8, 5, 7, "satellites")
    names = _satellites([(one, first, first + 2) for one, first, _ in items[:count]])
    found["glonass_slots"] = {
        name: one.integer(first + 4, first + 5, "GLONASS frequency number")
        for name, (one, first, _) in zip(names, items, strict=False)
    }
    return after


def _glonass_biases(lines: list[HeaderLine], at: int, found: dict) -> int:
    line = lines[at]
    found["glonass_biases_m"] = {
        line.field(first, first + 2): line.number_at(first + 4, first + 11, "code-phase bias, m")
        for first in range(2, 54, 13)
        if line.field(first, first + 2) and line.field(first + 4, first + 11)
    }
    return at + 1


def _scale_factor(lines: list[HeaderLine], at: int, found: dict) -> int:
    line = lines[at]
    system = line.text[0]
    factor = line.integer(3, 6, "scale factor")
    if factor not in (1, 10, 100, 1000):
        raise line.error(3, 6, "scale factor", "1, 10, 100 or 1000")
    count = line.integer(9, 10, "number of codes") if line.field(9, 10) else 0
    items, after = _list(lines, at, max(count, 1), 12, 11, 4, "codes")
    codes = _codes(items[:count], _CODE_3, f"system {system}")
    every = codes or found.get("codes", {}).get(system, ())
    factors = found.setdefault("scale_factors", {})
    factors.update({(system, code): factor for code in every})
    return after


_BLOCKS: dict[str, Callable[[list[HeaderLine], int, dict], int]] = {
    "SYS / # / OBS TYPES": _codes_3,
    "# / TYPES OF OBSERV": _codes_2,
    "SYS / PHASE SHIFT": _phase_shift,
    "SYS / PHASE SHIFTS": _phase_shift,
    "GLONASS SLOT / FRQ #": _glonass_slots,
    "GLONASS COD/PHS/BIS": _glonass_biases,
    "SYS / SCALE FACTOR": _scale_factor,
}
