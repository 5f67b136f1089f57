"""Leap seconds: TAI - UTC from the IERS table, 1972 on, as exact integers."""

import functools
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from leopnt.errors import FormatError, LeopntError, LeopntWarning

DAY_S = 86_400
MJD_OF_2000_01_01 = 51_544
NOON_S = 43_200

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EXPIRY = re.compile(r"File expires on\s+(\d{1,2})\s+([A-Za-z]+)\s+(\d{4})")
_warned: set[str] = set()


@dataclass(frozen=True, eq=False)
class LeapSeconds:
    """Table of TAI - UTC, one row per day on which a new value starts.

    UTC is written as (day, second of day): `mjd_utc` counts days and `second_of_day` runs to 86400
    on a day that ends with a leap second. TAI counts seconds since 2000-01-01T12:00:00 TAI.

    Attributes:
        mjd_utc: first day of each value, as Modified Julian Date; the first is 41317, 1972-01-01.
        tai_minus_utc_s: TAI - UTC from 0h of that day.
        expiry_mjd_utc: day up to which the table is known to be complete, None when not stated.
        source: name of the file, for messages.
    """

    mjd_utc: Int[np.ndarray, " leap"]
    tai_minus_utc_s: Int[np.ndarray, " leap"]
    expiry_mjd_utc: int | None
    source: str

    def __post_init__(self):
        steps_s = np.diff(self.tai_minus_utc_s)
        if np.any(np.diff(self.mjd_utc) <= 0) or np.any(np.abs(steps_s) != 1):
            raise LeopntError(
                f"LeapSeconds: {self.source} must list increasing days with steps of one second, "
                f"got mjd_utc={self.mjd_utc.tolist()}, "
                f"tai_minus_utc_s={self.tai_minus_utc_s.tolist()}."
            )

    @staticmethod
    def bundled() -> "LeapSeconds":
        """Table of the installed astropy-iers-data package; read once, never from the network."""
        return _bundled()

    @staticmethod
    def from_file(path: str | Path) -> "LeapSeconds":
        """Read a file in the format of the IERS `Leap_Second.dat` (MJD, day, month, year, s)."""
        return _read(Path(path))

    @functools.cached_property
    def start_tai_s(self) -> Int[np.ndarray, " leap"]:
        """TAI of 0h UTC of each row."""
        return (self.mjd_utc - MJD_OF_2000_01_01) * DAY_S - NOON_S + self.tai_minus_utc_s

    def day_length_s(self, mjd_utc: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """Length of UTC days: 86400, or 86401 when the day ends with a leap second."""
        row = np.searchsorted(self.mjd_utc, mjd_utc + 1)
        inside = np.clip(row, 1, len(self.mjd_utc) - 1)
        ends_here = self.mjd_utc[inside] == mjd_utc + 1
        step = self.tai_minus_utc_s[inside] - self.tai_minus_utc_s[inside - 1]
        return np.asarray(DAY_S + np.where(ends_here, step, 0))

    def tai_s(
        self, mjd_utc: Int[np.ndarray, "..."], second_of_day: Int[np.ndarray, "..."]
    ) -> Int[np.ndarray, "..."]:
        """TAI of a UTC day and second of day; seconds beyond the day run on in TAI."""
        row = np.searchsorted(self.mjd_utc, mjd_utc, side="right") - 1
        if np.any(row < 0):
            raise self._before_1972(int(np.min(mjd_utc)))
        day_s = (mjd_utc - MJD_OF_2000_01_01) * DAY_S - NOON_S
        return np.asarray(day_s + self.tai_minus_utc_s[row] + second_of_day)

    def utc(
        self, tai_s: Int[np.ndarray, "..."]
    ) -> tuple[Int[np.ndarray, "..."], Int[np.ndarray, "..."]]:
        """UTC day (MJD) and second of day of TAI seconds; 86400 is second 60 of 23:59."""
        row = np.searchsorted(self.start_tai_s, tai_s, side="right") - 1
        if np.any(row < 0):
            first = (np.min(tai_s) + NOON_S) // DAY_S + MJD_OF_2000_01_01
            raise self._before_1972(int(first))
        utc_s = tai_s - self.tai_minus_utc_s[row] + NOON_S
        day = utc_s // DAY_S + MJD_OF_2000_01_01
        next_row = np.minimum(row + 1, len(self.mjd_utc) - 1)
        in_leap_second = (day == self.mjd_utc[next_row]) & (next_row > row)
        day = np.where(in_leap_second, day - 1, day)
        return day, np.asarray(utc_s - (day - MJD_OF_2000_01_01) * DAY_S)

    def _before_1972(self, mjd_utc: int) -> LeopntError:
        return LeopntError(
            f"UTC is defined here from 1972-01-01 (MJD {self.mjd_utc[0]}), when it began to step "
            f"by whole seconds; got MJD {mjd_utc}. For older dates use TimeScale.TAI or TT."
        )

    def warn_if_expired(self, mjd_utc: Int[np.ndarray, "..."]) -> None:
        """Warn, once per process, when a day lies beyond the expiry date of the table."""
        if self.expiry_mjd_utc is None or self.source in _warned:
            return
        if np.size(mjd_utc) and np.max(mjd_utc) > self.expiry_mjd_utc:
            _warned.add(self.source)
            date = np.datetime64(self.expiry_mjd_utc - 40_587, "D")
            warnings.warn(
                f"{self.source} knows leap seconds up to {date}; later UTC assumes no further "
                "one. Update astropy-iers-data, or pass a newer LeapSeconds.from_file(path).",
                LeopntWarning,
                stacklevel=4,
            )


@functools.cache
def _bundled() -> LeapSeconds:
    import astropy_iers_data

    return _read(Path(astropy_iers_data.IERS_LEAP_SECOND_FILE))


def _read(path: Path) -> LeapSeconds:
    rows, expiry = [], None
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        if line.lstrip().startswith("#"):
            expiry = _expiry_mjd(line, expiry)
        elif line.strip():
            rows.append(_row(path, number, line))
    if not rows:
        raise FormatError(path, None, "no leap second rows; expected an IERS Leap_Second.dat.")
    mjd, offset = np.array(rows, dtype=np.int64).T
    return LeapSeconds(mjd, offset, expiry, path.name)


def _row(path: Path, number: int, line: str) -> tuple[int, int]:
    try:
        mjd, day, month, year, offset = (float(word) for word in line.split())
        date = np.datetime64(f"{int(year):04d}-{int(month):02d}-{int(day):02d}", "D")
    except ValueError:
        raise FormatError(
            path, number, f"expected MJD, day, month, year and TAI-UTC in seconds, found {line!r}."
        ) from None
    if date.astype(np.int64) + 40_587 != mjd:
        raise FormatError(path, number, f"MJD and date differ in {line!r}.")
    return int(mjd), int(offset)


def _expiry_mjd(line: str, known: int | None) -> int | None:
    found = _EXPIRY.search(line)
    if not found or found[2][:3].lower() not in _MONTHS:
        return known
    month = _MONTHS.index(found[2][:3].lower()) + 1
    date = np.datetime64(f"{found[3]}-{month:02d}-{int(found[1]):02d}", "D")
    return int(date.astype(np.int64)) + 40_587
