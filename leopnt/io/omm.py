"""Orbit mean-elements messages (OMM) in JSON, XML, KVN and CSV.

The way to read today's catalogs: an OMM holds catalog numbers of up to 9 digits, where a TLE
ends at 339 999. Keywords and units: [ccsds-odm] section 4; JSON and CSV as CelesTrak and
Space-Track write them, which leave out the keywords that are the same for all objects.
"""

import re
from pathlib import Path

from leopnt.errors import FormatError, did_you_mean
from leopnt.io.element_sets import (
    CalendarTime,
    ElementSet,
    ScannedElements,
    collect,
    leap_second_complaint,
)
from leopnt.io.omm_syntax import EXPECTED, MUST_BE, Record, records
from leopnt.io.textfile import decode, read_bytes
from leopnt.io.tle import unusable_ephemeris_type
from leopnt.orbits.elements import MeanElements

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_EPOCH = re.compile(
    r"([0-9]{4})-(?:([0-9]{2})-([0-9]{2})|([0-9]{3}))T([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]*))?Z?",
    re.ASCII,
)
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def read_omm(path: str | Path) -> MeanElements:
    """Read all messages of a file; any bad one is an error naming its line.

    The format (JSON, XML, KVN, CSV) is told from the content, not from the name. NORAD_CAT_ID,
    EPOCH, MEAN_MOTION, ECCENTRICITY, INCLINATION, RA_OF_ASC_NODE, ARG_OF_PERICENTER, MEAN_ANOMALY
    and BSTAR are needed; CENTER_NAME, REF_FRAME, TIME_SYSTEM and MEAN_ELEMENT_THEORY must be
    EARTH, TEME, UTC and SGP4 where given. Units in KVN brackets or XML attributes are checked.

    Raises:
        FormatError: anything else; DTDs and entities in XML are refused.
    """
    return scan_omm(path).require()


def scan_omm(path: str | Path) -> ScannedElements:
    """Read the good messages of a file, and collect an error for each bad one.

    After damage that hides where the next message begins (broken JSON or XML), the last error says
    that the rest was not read.
    """
    return parse_omm(decode(read_bytes(path), path), path)


def parse_omm(text: str, source: str | Path = "<text>") -> ScannedElements:
    """Like `scan_omm`, from text; `source` is what messages call it."""
    sets = (_element_set(record, source) for record in records(text, source))
    return collect(sets, source, EXPECTED)


class _BadFieldError(Exception):
    """Text of a complaint about one keyword; becomes a FormatError with the record's line."""


def _element_set(record: Record | FormatError, source: str | Path) -> ElementSet | FormatError:
    if isinstance(record, FormatError):
        return record
    try:
        converted = _convert(record.fields)
        complaint = converted.complaint()
    except _BadFieldError as error:
        converted, complaint = None, str(error)
    if converted is None or complaint:
        who = record.fields.get("OBJECT_NAME") or record.fields.get("NORAD_CAT_ID", "")
        return FormatError(
            source, record.line_number, f"{who}: {complaint}" if who else str(complaint)
        )
    return converted


def _convert(fields: dict[str, str]) -> ElementSet:
    for key, accepted in MUST_BE.items():
        value = fields.get(key) or accepted[0]
        if value.upper() not in accepted:
            raise _BadFieldError(
                f"{key} is {value!r}; only {accepted[0]} can be propagated here, so expected that."
            )
    kind = fields.get("EPHEMERIS_TYPE") or "0"
    if kind not in ("0", "2", "3"):
        raise _BadFieldError(unusable_ephemeris_type(kind))
    return ElementSet(
        name=_without_prefix(fields.get("OBJECT_NAME", "")),
        object_id=fields.get("OBJECT_ID", ""),
        norad_cat_id=_integer(fields, "NORAD_CAT_ID"),
        epoch_utc=_epoch(_need(fields, "EPOCH")),
        mean_motion_rev_per_day=_number(fields, "MEAN_MOTION"),
        eccentricity=_number(fields, "ECCENTRICITY"),
        inclination_deg=_number(fields, "INCLINATION"),
        raan_deg=_number(fields, "RA_OF_ASC_NODE"),
        arg_perigee_deg=_number(fields, "ARG_OF_PERICENTER"),
        mean_anomaly_deg=_number(fields, "MEAN_ANOMALY"),
        bstar_per_earth_radius=_number(fields, "BSTAR"),
        mean_motion_dot_rev_per_day2=_number(fields, "MEAN_MOTION_DOT", "0"),
        mean_motion_ddot_rev_per_day3=_number(fields, "MEAN_MOTION_DDOT", "0"),
        element_set_no=_integer(fields, "ELEMENT_SET_NO", "0"),
        rev_at_epoch=_integer(fields, "REV_AT_EPOCH", "0"),
    )


def _without_prefix(name: str) -> str:
    return name.removeprefix("0 ").strip()


def _need(fields: dict[str, str], key: str, default: str | None = None) -> str:
    value = fields.get(key) or default
    if value is None:
        hint = did_you_mean(key, fields)
        raise _BadFieldError(f"{key} is missing.{hint}")
    return value


def _number(fields: dict[str, str], key: str, default: str | None = None) -> float:
    text = _need(fields, key, default)
    if not _NUMBER.fullmatch(text) or len(text) > 100:
        raise _BadFieldError(f"{key}: expected a number, found {text[:40]!r}.")
    value = float(text)
    if abs(value) > 1e12:
        raise _BadFieldError(f"{key}: {text[:40]} is out of any range.")
    return value


def _integer(fields: dict[str, str], key: str, default: str | None = None) -> int:
    text = _need(fields, key, default)
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise _BadFieldError(f"{key}: expected an integer of up to 9 digits, found {text[:40]!r}.")
    return int(text)


def _epoch(text: str) -> CalendarTime:
    """Read an ISO date, calendar or day of year, with any number of decimals."""
    match = _EPOCH.fullmatch(text)
    if not match:
        raise _BadFieldError(
            f"EPOCH: expected UTC as 2025-12-28T12:16:30.296064, found {text[:40]!r}."
        )
    year, month, day, day_of_year, hour, minute, second = (int(g or 0) for g in match.groups()[:7])
    if day_of_year:
        month, day = _month_and_day(year, day_of_year)
    if not (1 <= month <= 12 and 1 <= day <= _days_in(year, month)):
        raise _BadFieldError(f"EPOCH: {text} is not a date.")
    time = CalendarTime(year, month, day, hour, minute, second, float(f"0.{match[8] or 0}"))
    if hour > 23 or minute > 59 or second > 59:
        complaint = leap_second_complaint(time) if year >= 1972 else "no such time of day"
        if complaint:
            raise _BadFieldError(f"EPOCH: {text} is not a time: {complaint}")
    return time


def _days_in(year: int, month: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_DAYS[month - 1] + (month == 2 and is_leap)


def _month_and_day(year: int, day_of_year: int) -> tuple[int, int]:
    for month in range(1, 13):
        if day_of_year <= _days_in(year, month):
            return month, day_of_year
        day_of_year -= _days_in(year, month)
    return 13, 0
