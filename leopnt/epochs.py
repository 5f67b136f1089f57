"""Epochs: integer seconds plus a fraction, in GPST, BDT, GST, UTC, TAI, TT and UT1.

One float64 Julian date resolves 40 us and one float64 count of GPS seconds 0.24 us (71 m of light
travel), so an instant is an int64 and a fraction, and differences are taken on the integers first.

    TT = TAI + 32.184 s     GPST = GST = TAI - 19 s     BDT = TAI - 33 s

GPST, GST and BDT are the nominal scales. The offsets between their realizations (nanoseconds) are
broadcast or estimated, and are not applied here.
"""

import datetime
import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.civil import MJD_OF_UNIX_EPOCH, date_of_mjd, format_iso, mjd_of_date, parse_iso
from leopnt.eop import EopTable
from leopnt.errors import LeopntError
from leopnt.leap_seconds import DAY_S, MJD_OF_2000_01_01, NOON_S, LeapSeconds

WEEK_S = 604_800

_JD_OF_MJD_0 = 2_400_000.5
_DAY_PARTS = 1024  # 1/1024 day is 84.375 s, exact in binary


class TimeScale(enum.Enum):
    """Time scale in which an instant is read or written."""

    GPST = "GPST"
    BDT = "BDT"
    GST = "GST"
    UTC = "UTC"
    TAI = "TAI"
    TT = "TT"
    UT1 = "UT1"


_MINUS_TAI_S = {
    TimeScale.TAI: (0, 0.0),
    TimeScale.TT: (32, 0.184),
    TimeScale.GPST: (-19, 0.0),
    TimeScale.GST: (-19, 0.0),
    TimeScale.BDT: (-33, 0.0),
}
_WEEK_0_MJD = {TimeScale.GPST: 44_244, TimeScale.GST: 51_412, TimeScale.BDT: 53_736}


@dataclass(frozen=True, eq=False, repr=False)
class Epoch:
    """Instants of any array shape, exact to about 1e-16 s.

    Methods that meet UTC or UT1 take `eop`, a table of leap seconds and Earth orientation; None is
    the bundled one. `==` compares whole objects (so an epoch can be a key or a static field of a
    compiled function); `<`, `<=`, `>`, `>=` compare element by element.

    Attributes:
        tai_s: whole seconds since 2000-01-01T12:00:00 TAI.
        fraction_s: rest, in [0, 1).
    """

    tai_s: Int[np.ndarray, "*shape"]
    fraction_s: Float[np.ndarray, "*shape"]

    def __post_init__(self):
        if not np.all((self.fraction_s >= 0.0) & (self.fraction_s < 1.0)):
            raise LeopntError(f"Epoch: fraction_s must lie in [0, 1), got {self.fraction_s}.")

    @staticmethod
    def from_seconds(
        seconds: Any, fraction_s: Any, scale: TimeScale, eop: EopTable | None = None
    ) -> "Epoch":
        """Instants counted in seconds since 2000-01-01T12:00:00 of the same, uniform, scale.

        Args:
            seconds: whole seconds (integers).
            fraction_s: further seconds, any size and sign.
            scale: any scale but UTC, which does not count its leap seconds.
            eop: for UT1.
        """
        if scale is TimeScale.UTC:
            raise LeopntError(
                "Epoch.from_seconds: UTC has no uniform count of seconds; use TimeScale.TAI, or "
                "from_calendar, from_iso or from_jd for UTC."
            )
        count, rest = _carry(seconds, fraction_s)
        if scale is TimeScale.UT1:
            return _from_ut1(count, rest, eop or EopTable.bundled())
        whole_s, part_s = _MINUS_TAI_S[scale]
        return Epoch(*_carry(count - whole_s, rest - part_s))

    @staticmethod
    def from_calendar(
        year: Any,
        month: Any,
        day: Any,
        hour: Any = 0,
        minute: Any = 0,
        second: Any = 0.0,
        scale: TimeScale = TimeScale.UTC,
        *,
        fraction_s: Any = 0.0,
        eop: EopTable | None = None,
    ) -> "Epoch":
        """Instants of calendar dates (Gregorian), all fields broadcast together.

        `second` lies in [0, 60), and in [60, 61) only in UTC, in the last minute of a day that
        ends with a leap second. `fraction_s` is added, for where a float second is too coarse.

        Raises:
            LeopntError: no such date or time of day; UTC before 1972.
        """
        date = [_whole(v, name) for v, name in ((year, "year"), (month, "month"), (day, "day"))]
        mjd = mjd_of_date(*np.broadcast_arrays(*date))
        hour, minute = _whole(hour, "hour"), _whole(minute, "minute")
        second = np.asarray(second, dtype=np.float64)
        _check_time_of_day(mjd, hour, minute, second, scale, _leap_seconds(eop))
        whole = np.floor(second).astype(np.int64)
        second_of_day = hour * 3600 + minute * 60 + whole
        return _from_day(mjd, second_of_day, second - whole + fraction_s, scale, eop)

    @staticmethod
    def from_iso(
        text: str | Sequence[str] | np.ndarray,
        scale: TimeScale = TimeScale.UTC,
        eop: EopTable | None = None,
    ) -> "Epoch":
        """Instants of ISO 8601 texts: `2025-05-05T12:00:00.25Z`, `2025-125T12:00`, `2025-05-05`.

        A final `Z` is accepted for UTC only. A sequence of texts gives an array of its shape.
        """
        texts = np.asarray(text, dtype=object)
        fields = [parse_iso(str(one)) for one in texts.ravel()]
        if scale is not TimeScale.UTC and any(one.is_utc for one in fields):
            first = next(t for t, f in zip(texts.ravel(), fields, strict=True) if f.is_utc)
            raise LeopntError(f"{first!r} ends in Z, which is UTC, but was read as {scale.value}.")
        columns = [np.reshape(column, texts.shape) for column in zip(*fields, strict=True)]
        if not columns:
            return Epoch(np.zeros(texts.shape, np.int64), np.zeros(texts.shape))
        year, month, day, hour, minute, second, fraction_s, _ = columns
        return Epoch.from_calendar(
            year, month, day, hour, minute, second, scale, fraction_s=fraction_s, eop=eop
        )

    @staticmethod
    def from_datetime(moment: datetime.datetime) -> "Epoch":
        """Instant of a `datetime` that knows its time zone."""
        if moment.tzinfo is None:
            raise LeopntError(
                f"Epoch.from_datetime: {moment!r} has no time zone; for UTC pass "
                "moment.replace(tzinfo=datetime.timezone.utc)."
            )
        utc = moment.astimezone(datetime.UTC)
        date, clock = (utc.year, utc.month, utc.day), (utc.hour, utc.minute, utc.second)
        return Epoch.from_calendar(
            *date, *clock, TimeScale.UTC, fraction_s=utc.microsecond / 1_000_000
        )

    @staticmethod
    def from_datetime64(utc: np.datetime64 | np.ndarray) -> "Epoch":
        """Instants of NumPy dates, taken as UTC."""
        moments = np.asarray(utc, dtype="M8[ns]")
        if np.any(np.isnat(moments)):
            raise LeopntError("Epoch.from_datetime64: the dates contain NaT (not a time).")
        days = moments.astype("M8[D]")
        ns = (moments - days).astype(np.int64)
        mjd = np.asarray(days.astype(np.int64) + MJD_OF_UNIX_EPOCH)
        return _from_day(mjd, ns // 10**9, (ns % 10**9) / 1e9, TimeScale.UTC, None)

    @staticmethod
    def from_week(
        week: Any, seconds_of_week: Any, scale: TimeScale, *, fraction_s: Any = 0.0
    ) -> "Epoch":
        """Instants of continuous week numbers (no 1024-week rollover) and seconds of week.

        Week 0 begins 1980-01-06 in GPST, 1999-08-22 in GST (GPS week 1024), 2006-01-01 in BDT.
        RINEX writes Galileo weeks in the GPS count: read those as GPST.
        """
        start_s = (_week_0_mjd(scale) - MJD_OF_2000_01_01) * DAY_S - NOON_S
        count, rest = _carry(0, seconds_of_week)
        whole_weeks_s = _whole(week, "week") * WEEK_S
        return Epoch.from_seconds(start_s + whole_weeks_s + count, rest + fraction_s, scale)

    @staticmethod
    def from_jd(jd1: Any, jd2: Any, scale: TimeScale, eop: EopTable | None = None) -> "Epoch":
        """Instants of Julian dates in two parts, split in any way.

        In UTC the fraction counts in days of that day's own length, 86400 or 86401 s (the
        quasi-Julian date of ERFA).
        """
        whole1, whole2 = np.rint(jd1), np.rint(jd2)
        parts = (jd1 - whole1, jd2 - whole2)  # both exact
        over = np.floor(parts[0] + parts[1] + 0.5).astype(np.int64)
        mjd = np.asarray((whole1 + whole2).astype(np.int64) - 2_400_001 + over)
        day_s = _day_length_s(mjd, scale, eop)
        count, rest = _carry(0, (0.5 - over) * day_s)
        for part in parts:
            steps = np.rint(part * _DAY_PARTS)
            count, rest = _carry(count, rest + steps * day_s / _DAY_PARTS)
            rest = rest + (part - steps / _DAY_PARTS) * day_s
        return _from_day(mjd, count, rest, scale, eop)

    @staticmethod
    def concatenate(epochs: Sequence["Epoch"]) -> "Epoch":
        """Join one-dimensional epochs (single ones count as length 1)."""
        return Epoch(
            np.concatenate([np.atleast_1d(e.tai_s) for e in epochs]),
            np.concatenate([np.atleast_1d(e.fraction_s) for e in epochs]),
        )

    def to_seconds(
        self, scale: TimeScale, eop: EopTable | None = None
    ) -> tuple[Int[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """Whole seconds since 2000-01-01T12:00:00 of a uniform scale, and the rest in [0, 1)."""
        if scale is TimeScale.UTC:
            raise LeopntError(
                "Epoch.to_seconds: UTC has no uniform count of seconds; use TimeScale.TAI, or "
                "to_calendar, to_iso or to_jd for UTC."
            )
        return self._count(scale, eop)

    def to_calendar(
        self, scale: TimeScale, eop: EopTable | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Year, month, day, hour, minute, second (integers; 60 in a leap second) and fraction."""
        count, rest = self._count(scale, eop)
        mjd, second_of_day = _day_of(count, scale, eop)
        minute_of_day = np.minimum(second_of_day // 60, 1439)
        second = second_of_day - minute_of_day * 60
        hour, minute = np.divmod(minute_of_day, 60)
        return *date_of_mjd(mjd), np.asarray(hour), np.asarray(minute), np.asarray(second), rest

    def to_iso(
        self, scale: TimeScale = TimeScale.UTC, digits: int = 3, eop: EopTable | None = None
    ) -> str | np.ndarray:
        """ISO 8601 text, rounded to `digits` decimals (0 to 12), with a final Z in UTC.

        One text for a single epoch, else an array of texts.
        """
        if not 0 <= digits <= 12:
            raise LeopntError(f"Epoch.to_iso: digits must lie in 0..12, got {digits}.")
        mjd, second_of_day, units = self._rounded_day(scale, digits, eop)
        suffix = "Z" if scale is TimeScale.UTC else ""
        rows = zip(mjd.ravel(), second_of_day.ravel(), units.ravel(), strict=True)
        texts = [format_iso(int(d), int(s), int(u), digits, suffix) for d, s, u in rows]
        return texts[0] if self.shape == () else np.reshape(np.array(texts, dtype=str), self.shape)

    def to_datetime(self) -> datetime.datetime:
        """UTC `datetime` of a single epoch, rounded to microseconds; not inside a leap second."""
        if self.shape != ():
            raise LeopntError(f"Epoch.to_datetime takes one epoch, this has shape {self.shape}.")
        mjd, second_of_day, units = self._rounded_day(TimeScale.UTC, 6, None)
        self._refuse_leap_second(second_of_day, "datetime")
        start = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        day, second, micro = int(mjd) - MJD_OF_UNIX_EPOCH, int(second_of_day), int(units)
        return start + datetime.timedelta(days=day, seconds=second, microseconds=micro)

    def to_datetime64(self) -> np.ndarray:
        """UTC as NumPy `datetime64[ns]` (1972 to 2262); not inside a leap second."""
        mjd, second_of_day, units = self._rounded_day(TimeScale.UTC, 9, None)
        self._refuse_leap_second(second_of_day, "datetime64")
        seconds = (mjd - MJD_OF_UNIX_EPOCH) * DAY_S + second_of_day
        return np.asarray(seconds * 10**9 + units).astype("M8[ns]")

    def to_week(
        self, scale: TimeScale
    ) -> tuple[Int[np.ndarray, "..."], Int[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """Continuous week number, whole seconds of week and fraction; see `from_week`."""
        count, rest = self._count(scale, None)
        start_s = (_week_0_mjd(scale) - MJD_OF_2000_01_01) * DAY_S - NOON_S
        week, seconds_of_week = np.divmod(count - start_s, WEEK_S)
        return np.asarray(week), np.asarray(seconds_of_week), rest

    def to_jd(
        self, scale: TimeScale, eop: EopTable | None = None
    ) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """Julian date in two parts, a multiple of 1/1024 day and the rest; exact to 1e-14 s.

        UTC follows the quasi-Julian date of ERFA (see `from_jd`).
        """
        count, rest = self._count(scale, eop)
        mjd, second_of_day = _day_of(count, scale, eop)
        day_s = _day_length_s(mjd, scale, eop)
        steps = second_of_day * _DAY_PARTS // day_s
        left_s = (second_of_day - steps * day_s / _DAY_PARTS) + rest
        return np.asarray(mjd + _JD_OF_MJD_0 + steps / _DAY_PARTS), np.asarray(left_s / day_s)

    def since(self, other: "Epoch") -> Float[np.ndarray, "..."]:
        """Seconds (SI) from `other` to this, broadcast; exact up to the rounding of the result."""
        whole = np.subtract(self.tai_s, other.tai_s)
        return np.asarray(whole + (self.fraction_s - other.fraction_s))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of instants; () for a single one."""
        return self.tai_s.shape

    def __len__(self) -> int:
        return len(self.tai_s)

    def __getitem__(self, index: Any) -> "Epoch":
        return Epoch(np.asarray(self.tai_s[index]), np.asarray(self.fraction_s[index]))

    def __iter__(self) -> Iterator["Epoch"]:
        return (self[i] for i in range(len(self)))

    def __add__(self, seconds: Any) -> "Epoch":
        seconds = np.asarray(seconds)
        whole = np.floor(seconds)
        rest = self.fraction_s + (seconds - whole)
        return Epoch(*_carry(self.tai_s + np.asarray(whole).astype(np.int64), rest))

    def __sub__(self, seconds: Any) -> "Epoch":
        return self + np.negative(seconds)

    def __lt__(self, other: "Epoch") -> Bool[np.ndarray, "..."]:
        return np.asarray(
            (self.tai_s < other.tai_s)
            | ((self.tai_s == other.tai_s) & (self.fraction_s < other.fraction_s))
        )

    def __gt__(self, other: "Epoch") -> Bool[np.ndarray, "..."]:
        return other < self

    def __le__(self, other: "Epoch") -> Bool[np.ndarray, "..."]:
        return np.asarray(np.logical_not(other < self))

    def __ge__(self, other: "Epoch") -> Bool[np.ndarray, "..."]:
        return np.asarray(np.logical_not(self < other))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Epoch)
            and np.array_equal(self.tai_s, other.tai_s)
            and np.array_equal(self.fraction_s, other.fraction_s)
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.tai_s.tobytes(), (self.fraction_s + 0.0).tobytes()))

    def __repr__(self) -> str:
        if self.shape == ():
            return f"Epoch({self.to_iso(TimeScale.TAI, 12)} TAI)"
        if self.tai_s.size == 0:
            return f"Epoch(shape={self.shape})"
        flat = Epoch(self.tai_s.ravel(), self.fraction_s.ravel())
        first, last = flat[0].to_iso(TimeScale.TAI, 6), flat[-1].to_iso(TimeScale.TAI, 6)
        return f"Epoch(shape={self.shape}, {first} .. {last} TAI)"

    def _count(self, scale: TimeScale, eop: EopTable | None):
        """Whole seconds and fraction of the scale's own count; UTC is counted in TAI."""
        if scale is TimeScale.UTC:
            return self.tai_s, self.fraction_s
        if scale is TimeScale.UT1:
            table = eop or EopTable.bundled()
            return _carry(self.tai_s, self.fraction_s + table.at(self).ut1_minus_tai_s)
        whole_s, part_s = _MINUS_TAI_S[scale]
        return _carry(self.tai_s + whole_s, self.fraction_s + part_s)

    def _rounded_day(self, scale: TimeScale, digits: int, eop: EopTable | None):
        """Day, second of day and units of 10**-digits s, after rounding to whole units."""
        count, rest = self._count(scale, eop)
        carry, units = np.divmod(np.rint(rest * 10**digits).astype(np.int64), 10**digits)
        mjd, second_of_day = _day_of(np.asarray(count + carry), scale, eop)
        return mjd, second_of_day, np.asarray(units)

    def _refuse_leap_second(self, second_of_day, target: str):
        if np.any(second_of_day >= DAY_S):
            raise LeopntError(
                f"A {target} cannot hold the leap second in {self!r}; use to_iso or to_calendar."
            )


def _carry(seconds: Any, fraction_s: Any) -> tuple[np.ndarray, np.ndarray]:
    """Move whole seconds of the fraction to the integers, leaving [0, 1)."""
    if not np.all(np.isfinite(fraction_s)):
        raise LeopntError(f"Epoch: seconds must be finite, got {fraction_s}.")
    whole = np.floor(fraction_s)
    rest = np.asarray(fraction_s - whole, dtype=np.float64)
    is_full = rest >= 1.0  # a tiny negative fraction rounds up to 1
    count = _whole(seconds, "seconds") + whole.astype(np.int64) + is_full
    count, rest = np.broadcast_arrays(count, np.where(is_full, 0.0, rest))
    return count, rest


def _whole(value: Any, name: str) -> np.ndarray:
    """Integers, also when they come as floats with no fraction."""
    array = np.asarray(value)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind != "f" or not np.all(np.rint(array) == array):
        raise LeopntError(f"Epoch: {name} must be whole numbers, got {value!r}.")
    return array.astype(np.int64)


def _leap_seconds(eop: EopTable | None) -> LeapSeconds:
    return LeapSeconds.bundled() if eop is None else eop.leap_seconds


def _day_of(count: np.ndarray, scale: TimeScale, eop: EopTable | None):
    """Day (MJD) and second of day of a scale's count of seconds."""
    if scale is TimeScale.UTC:
        mjd, second_of_day = _leap_seconds(eop).utc(count)
        _leap_seconds(eop).warn_if_expired(mjd)
        return mjd, second_of_day
    day, second_of_day = np.divmod(count + NOON_S, DAY_S)
    return np.asarray(day + MJD_OF_2000_01_01), np.asarray(second_of_day)


def _from_day(mjd, second_of_day, fraction_s, scale: TimeScale, eop: EopTable | None) -> Epoch:
    """Epoch of a day, whole seconds (which may run over the day) and a fraction of any size."""
    if scale is TimeScale.UTC:
        leaps = _leap_seconds(eop)
        leaps.warn_if_expired(mjd)
        return Epoch(*_carry(leaps.tai_s(mjd, np.asarray(second_of_day)), fraction_s))
    count = (mjd - MJD_OF_2000_01_01) * DAY_S - NOON_S + second_of_day
    return Epoch.from_seconds(count, fraction_s, scale, eop)


def _from_ut1(count: np.ndarray, rest: np.ndarray, eop: EopTable) -> Epoch:
    """Solve tai + (UT1 - TAI)(tai) = ut1: the table gives it to 1 ns, one more step to 1e-17 s."""
    ut1_rows_s = eop.tai_s + eop.ut1_minus_tai_s
    guess_s = np.interp(count + rest, ut1_rows_s, eop.ut1_minus_tai_s)
    guess = Epoch(*_carry(count, rest - guess_s))
    return Epoch(*_carry(count, rest - eop.at(guess).ut1_minus_tai_s))


def _day_length_s(mjd: np.ndarray, scale: TimeScale, eop: EopTable | None) -> np.ndarray:
    if scale is TimeScale.UTC:
        return _leap_seconds(eop).day_length_s(mjd)
    return np.asarray(DAY_S)


def _week_0_mjd(scale: TimeScale) -> int:
    if scale not in _WEEK_0_MJD:
        accepted = ", ".join(one.value for one in _WEEK_0_MJD)
        raise LeopntError(f"{scale.value} has no week numbers; expected one of {accepted}.")
    return _WEEK_0_MJD[scale]


def _check_time_of_day(mjd, hour, minute, second, scale: TimeScale, leaps: LeapSeconds) -> None:
    """Refuse times of day that do not exist, a leap second where there is none above all."""
    mjd, hour, minute, second = np.broadcast_arrays(mjd, hour, minute, second)
    in_day = (hour >= 0) & (hour < 24) & (minute >= 0) & (minute < 60) & (second >= 0)
    is_leap = (second >= 60) & (second < 61) & (hour == 23) & (minute == 59)
    has_leap = is_leap & (leaps.day_length_s(mjd) > DAY_S) & (scale is TimeScale.UTC)
    is_wrong = ~(in_day & ((second < 60) | has_leap))
    if not np.any(is_wrong):
        return
    worst = np.unravel_index(np.argmax(is_wrong), is_wrong.shape)
    h, m, s = int(hour[worst]), int(minute[worst]), float(second[worst])
    date = "-".join(f"{int(v):02d}" for v in date_of_mjd(np.asarray(mjd[worst])))
    cause = (
        f"{date} does not end with a leap second in {leaps.source}"
        if scale is TimeScale.UTC
        else f"{scale.value} has no leap seconds"
    )
    hint = f": {cause}" if is_leap[worst] else "; expected 0..23, 0..59 and [0, 60)"
    raise LeopntError(f"{h:02d}:{m:02d}:{s:g} {scale.value} is not a time of {date}{hint}.")
