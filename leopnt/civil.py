"""Civil dates: Gregorian calendar to Modified Julian Date, and ISO 8601 text."""

import re
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from leopnt.errors import LeopntError

MJD_OF_UNIX_EPOCH = 40_587

_ISO = re.compile(
    r"\s*(\d{4})-(?:(\d{2})-(\d{2})|(\d{3}))"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?)?\s*(Z|\+00:00)?\s*"
)


class IsoTime(NamedTuple):
    """Fields of one ISO 8601 text, not yet checked against the calendar."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    fraction_s: float
    is_utc: bool


def mjd_of_date(
    year: Int[np.ndarray, "..."], month: Int[np.ndarray, "..."], day: Int[np.ndarray, "..."]
) -> Int[np.ndarray, "..."]:
    """Modified Julian Date of a (proleptic) Gregorian date; a date that does not exist raises."""
    months = np.asarray((year - 1970) * 12 + (np.clip(month, 1, 12) - 1), dtype="M8[M]")
    days = months.astype("M8[D]") + (day - 1)
    is_wrong = (month < 1) | (month > 12) | (days.astype("M8[M]") != months)
    if np.any(is_wrong):
        worst = np.unravel_index(np.argmax(is_wrong), np.shape(is_wrong))
        y, m, d = (np.broadcast_to(v, np.shape(is_wrong))[worst] for v in (year, month, day))
        raise LeopntError(f"{y:04d}-{m:02d}-{d:02d} is not a date of the Gregorian calendar.")
    return np.asarray(days.astype(np.int64) + MJD_OF_UNIX_EPOCH)


def date_of_mjd(
    mjd: Int[np.ndarray, "..."],
) -> tuple[Int[np.ndarray, "..."], Int[np.ndarray, "..."], Int[np.ndarray, "..."]]:
    """Year, month and day of a Modified Julian Date."""
    days = np.asarray(mjd - MJD_OF_UNIX_EPOCH, dtype="M8[D]")
    months = days.astype("M8[M]")
    month_count = months.astype(np.int64)
    year = np.asarray(month_count // 12 + 1970)
    month = np.asarray(month_count % 12 + 1)
    day = np.asarray((days - months.astype("M8[D]")).astype(np.int64) + 1)
    return year, month, day


def parse_iso(text: str) -> IsoTime:
    """Fields of `YYYY-MM-DD` or `YYYY-DDD`, with `Thh:mm[:ss[.fff]]` and `Z` optional."""
    found = _ISO.fullmatch(text)
    if not found:
        raise LeopntError(
            f"{text!r} is not an ISO 8601 time; expected YYYY-MM-DDThh:mm:ss.fff or "
            "YYYY-DDDThh:mm:ss.fff, optionally with a final Z."
        )
    year, month, day, day_of_year, hour, minute, second, fraction, zone = found.groups()
    if day_of_year:
        date = np.datetime64(year, "D") + (int(day_of_year) - 1)
        if date.astype("M8[Y]") != np.datetime64(year, "Y"):
            raise LeopntError(f"{text!r}: year {year} has no day {day_of_year}.")
        month, day = str(date)[5:7], str(date)[8:10]
    return IsoTime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        float(f"0.{fraction}") if fraction else 0.0,
        bool(zone),
    )


def format_iso(mjd: int, second_of_day: int, units: int, digits: int, suffix: str) -> str:
    """ISO 8601 text of a day, second of day and `units` of 10**-digits seconds."""
    year, month, day = (int(v) for v in date_of_mjd(np.asarray(mjd)))
    minute_of_day = min(second_of_day // 60, 1439)
    hour, minute = divmod(minute_of_day, 60)
    second = second_of_day - 60 * minute_of_day
    fraction = f".{units:0{digits}d}" if digits else ""
    return (
        f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}{fraction}{suffix}"
    )
