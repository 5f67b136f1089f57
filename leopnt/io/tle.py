"""Two-line element sets, with or without a name line.

Columns and checksum: [spacetrack-3]; Alpha-5 catalog numbers: the letters A to Z without I and O
stand for 10 to 33 in the first of five characters (100 000 to 339 999). Numbers beyond that exist
in OMM only: prefer `leopnt.io.omm`.
"""

import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from leopnt.errors import FormatError
from leopnt.io.element_sets import (
    CalendarTime,
    ElementSet,
    ScannedElements,
    collect,
    designator,
)
from leopnt.io.textfile import decode, read_bytes, split_lines
from leopnt.orbits.elements import MeanElements

LINE_LENGTH = 69
_LONGEST_NAME = 24
_ALPHA5 = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_SGP4_TYPES = " 023"
_CHECKSUM = bytes(c - 48 if 48 <= c <= 57 else int(c == 45) for c in range(256))


class _Field(NamedTuple):
    name: str
    first: int
    last: int
    pattern: str
    expected: str


_BLANK = "a blank"
_ANGLE = r"[ 0-9]{3}\.[0-9]{4}"
_POWER = r"[ +-][ 0-9]{5}[ +-][0-9]"
_NUMBER = _Field("number", 3, 7, r"[ 0-9A-HJ-NP-Z][ 0-9]{4}", "five digits, or Alpha-5 as 'A0001'")
_LINE_1 = (
    _Field("line", 1, 2, "1 ", "'1 '"),
    _NUMBER,
    _Field("class", 8, 8, ".", "a classification letter"),
    _Field("blank 9", 9, 9, " ", _BLANK),
    _Field("designator", 10, 17, ".{8}", "an international designator as '98067A  '"),
    _Field("blank 18", 18, 18, " ", _BLANK),
    _Field("epoch year", 19, 20, "[ 0-9][0-9]", "two digits"),
    _Field("epoch day", 21, 32, r"[ 0-9]{3}\.[0-9]{8}", "a day of year as '362.64741190'"),
    _Field("blank 33", 33, 33, " ", _BLANK),
    _Field("n_dot/2", 34, 43, r"[ +-](?:\.[0-9]{8}|[0-9]\.[0-9]{7})", "as '-.00000015'"),
    _Field("blank 44", 44, 44, " ", _BLANK),
    _Field("n_ddot/6", 45, 52, _POWER, "an assumed decimal point and a power of ten as ' 00000-0'"),
    _Field("blank 53", 53, 53, " ", _BLANK),
    _Field("B*", 54, 61, _POWER, "an assumed decimal point and a power of ten as ' 17863-4'"),
    _Field("blank 62", 62, 62, " ", _BLANK),
    _Field("ephemeris type", 63, 63, "[ 0-9]", "a digit"),
    _Field("blank 64", 64, 64, " ", _BLANK),
    _Field("set number", 65, 68, "[ 0-9]{4}", "digits"),
    _Field("checksum", 69, 69, "[0-9]", "a digit"),
)
_LINE_2 = (
    _Field("line", 1, 2, "2 ", "'2 '"),
    _NUMBER,
    _Field("blank 8", 8, 8, " ", _BLANK),
    _Field("inclination", 9, 16, _ANGLE, "degrees as ' 53.0566'"),
    _Field("blank 17", 17, 17, " ", _BLANK),
    _Field("RAAN", 18, 25, _ANGLE, "degrees as '145.5400'"),
    _Field("blank 26", 26, 26, " ", _BLANK),
    _Field("eccentricity", 27, 33, "[ 0-9]{6}[0-9]", "seven decimals without a point as '0001314'"),
    _Field("blank 34", 34, 34, " ", _BLANK),
    _Field("argument of perigee", 35, 42, _ANGLE, "degrees as ' 91.1935'"),
    _Field("blank 43", 43, 43, " ", _BLANK),
    _Field("mean anomaly", 44, 51, _ANGLE, "degrees as '268.9204'"),
    _Field("blank 52", 52, 52, " ", _BLANK),
    _Field("mean motion", 53, 63, r"[ 0-9]{2}\.[0-9]{8}", "revolutions a day as '15.06397360'"),
    _Field("revolution", 64, 68, "[ 0-9]{5}", "digits"),
    _Field("checksum", 69, 69, "[0-9]", "a digit"),
)


def _line_pattern(fields: tuple[_Field, ...]) -> re.Pattern[str]:
    return re.compile("".join(f"({field.pattern})" for field in fields))


_PATTERNS = {"1": (_line_pattern(_LINE_1), _LINE_1), "2": (_line_pattern(_LINE_2), _LINE_2)}


def read_tle(path: str | Path) -> MeanElements:
    """Read all element sets of a file; any bad record is an error naming its line.

    Accepts two-line and three-line files (a leading "0 " of the name is dropped), blank lines, LF
    or CRLF, byte order marks, trailing blanks, gzip. Sets of one satellite at several epochs are
    all kept (`MeanElements.nearest` chooses).

    Raises:
        FormatError: wrong columns, checksum, or values that no Earth orbit has; SGP4-XP sets
            (ephemeris type 4), which this library cannot propagate.
    """
    return scan_tle(path).require()


def scan_tle(path: str | Path) -> ScannedElements:
    """Read the good element sets of a file, and collect an error for each bad one."""
    return parse_tle(decode(read_bytes(path), path), path)


def parse_tle(text: str, source: str | Path = "<text>") -> ScannedElements:
    """Like `scan_tle`, from text; `source` is what messages call it."""
    records = _records(split_lines(text), source)
    return collect(records, source, "TLE lines of 69 columns beginning with '1 ' and '2 '")


def _records(lines: list[str], source: str | Path) -> Iterator[ElementSet | FormatError]:
    """One element set, or the reason why not, per group of name, line 1 and line 2."""
    name: tuple[int, str] | None = None
    first: tuple[int, str] | None = None
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip()
        kind = _kind(line)
        if not kind:
            continue
        if first is not None and kind != "2":
            yield FormatError(source, first[0], "line 1 of an element set has no line 2 after it.")
            name = first = None
        if kind == "name":
            if name is not None:
                yield _lonely_name(source, *name)
            name = number, line
        elif kind == "1":
            first = number, line
        elif first is None:
            yield FormatError(source, number, "line 2 of an element set has no line 1 before it.")
            name = None
        else:
            yield _element_set(source, name[1] if name else "", *first, number, line)
            name = first = None
    if first is not None:
        yield FormatError(source, first[0], "the file ends after line 1 of an element set.")
    elif name is not None:
        yield _lonely_name(source, *name)


def _kind(line: str) -> str:
    if not line.strip():
        return ""
    is_element_line = line[:2] in ("1 ", "2 ") and len(line) > _LONGEST_NAME
    return line[0] if is_element_line else "name"


def _lonely_name(source: str | Path, number: int, line: str) -> FormatError:
    return FormatError(
        source,
        number,
        f"no element lines follow {line[:40]!r}; expected lines of 69 columns beginning with '1 ' "
        "and '2 '.",
    )


def _element_set(
    source: str | Path, name: str, number_1: int, line_1: str, number_2: int, line_2: str
) -> ElementSet | FormatError:
    try:
        one = _fields(source, number_1, line_1)
        two = _fields(source, number_2, line_2)
        if one["number"] != two["number"]:
            raise FormatError(
                source,
                number_2,
                f"line 2 is of object {two['number']!r}, but line 1 of {one['number']!r}.",
            )
        record = _convert(source, name, number_1, one, number_2, two)
    except FormatError as error:
        return error
    complaint = record.complaint()
    return FormatError(source, number_1, complaint) if complaint else record


def _fields(source: str | Path, number: int, line: str) -> dict[str, str]:
    """Split one line into its columns, checked."""
    pattern, fields = _PATTERNS[line[0]]
    match = pattern.fullmatch(line)
    if not match:
        raise FormatError(source, number, _what_is_wrong(line, fields))
    total = sum(line[:-1].encode("latin-1", "replace").translate(_CHECKSUM)) % 10
    if total != int(line[-1]):
        raise FormatError(
            source,
            number,
            f"the checksum in column 69 is {line[-1]}, but the line adds up to {total}: a "
            "character was changed or lost.",
        )
    return dict(zip((field.name for field in fields), match.groups(), strict=True))


def _what_is_wrong(line: str, fields: tuple[_Field, ...]) -> str:
    if len(line) == LINE_LENGTH - 1:
        return "68 columns, expected 69: the checksum is missing or a column was lost."
    if len(line) != LINE_LENGTH:
        return f"{len(line)} columns, expected {LINE_LENGTH} with the checksum in the last."
    for field in fields:
        found = line[field.first - 1 : field.last]
        if not re.fullmatch(field.pattern, found):
            return (
                f"columns {field.first}-{field.last} ({field.name}): expected {field.expected}, "
                f"found {found!r}."
            )
    raise AssertionError(f"no field explains {line!r}")  # the patterns are the same


def _convert(
    source: str | Path, name: str, number_1: int, one: dict, number_2: int, two: dict
) -> ElementSet:
    if one["ephemeris type"] not in _SGP4_TYPES:
        raise FormatError(source, number_1, unusable_ephemeris_type(one["ephemeris type"]))

    epoch_utc = _number(
        source, number_1, one, "epoch day", lambda day: _epoch(one["epoch year"], day)
    )
    if epoch_utc is None:
        raise FormatError(
            source, number_1, f"epoch day {one['epoch day']!r} is not a day of its year."
        )
    return ElementSet(
        name=name.removeprefix("0 ").strip(),
        object_id=designator(one["designator"]),
        norad_cat_id=_number(source, number_1, one, "number", _catalog_number),
        epoch_utc=epoch_utc,
        mean_motion_rev_per_day=_number(source, number_2, two, "mean motion", float),
        eccentricity=int(two["eccentricity"].replace(" ", "0")) / 1e7,
        inclination_deg=_number(source, number_2, two, "inclination", float),
        raan_deg=_number(source, number_2, two, "RAAN", float),
        arg_perigee_deg=_number(source, number_2, two, "argument of perigee", float),
        mean_anomaly_deg=_number(source, number_2, two, "mean anomaly", float),
        bstar_per_earth_radius=_number(source, number_1, one, "B*", _power),
        mean_motion_dot_rev_per_day2=_number(source, number_1, one, "n_dot/2", float),
        mean_motion_ddot_rev_per_day3=_number(source, number_1, one, "n_ddot/6", _power),
        element_set_no=_number(source, number_1, one, "set number", _count),
        rev_at_epoch=_number(source, number_2, two, "revolution", _count),
    )


def _number(source: str | Path, line_number: int, fields: dict, key: str, convert: Callable):
    try:
        return convert(fields[key])
    except ValueError:
        raise FormatError(source, line_number, f"{key}: {fields[key]!r} is not a number.") from None


def unusable_ephemeris_type(kind: str) -> str:
    """Sentence that refuses an ephemeris type that is not SGP4."""
    what = " (SGP4-XP)" if kind.strip() == "4" else ""
    return (
        f"ephemeris type {kind}{what} is not an SGP4 element set; expected 0 (also 2 and 3). SGP4 "
        "would put the satellite kilometers off: take the SGP4 set of the same catalog."
    )


def _catalog_number(text: str) -> int:
    if text[0] in _ALPHA5:
        return (10 + _ALPHA5.index(text[0])) * 10_000 + int(text[1:])
    return int(text)


def _count(text: str) -> int:
    return int(text) if text.strip() else 0


def _power(text: str) -> float:
    """Read ' 17863-4' as 0.17863e-4, correctly rounded."""
    mantissa = text[1:6].replace(" ", "0")
    return float(f"{text[0].strip()}0.{mantissa}e{text[6].strip()}{text[7]}")


def _epoch(year: str, day: str) -> CalendarTime | None:
    """UTC date of a two-digit year (57 to 56 are 1957 to 2056) and day; None if there is none."""
    full_year = int(year) + (1900 if int(year) >= 57 else 2000)
    date = datetime.date(full_year, 1, 1) + datetime.timedelta(days=int(day[:3]) - 1)
    if date.year != full_year:
        return None
    second_of_day, rest = divmod(int(day[4:]) * 86_400, 10**8)  # exact: 8 decimals of a day
    minute, second = divmod(second_of_day, 60)
    return CalendarTime(*date.timetuple()[:3], *divmod(minute, 60), second, rest / 1e8)
