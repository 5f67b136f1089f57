"""Earth orientation: UT1, polar motion and celestial pole offsets from IERS tables."""

import functools
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.errors import FormatError, LeopntError, LeopntWarning
from leopnt.leap_seconds import LeapSeconds

ARCSEC_RAD = np.pi / 648_000
STALE_AFTER_DAYS = 30

_UNIX_MJD = 40_587
_FINALS_COLUMNS = {
    "mjd": slice(7, 15),
    "x_a": slice(18, 27),
    "y_a": slice(37, 46),
    "ut1_a": slice(58, 68),
    "dx_a": slice(97, 106),
    "dy_a": slice(116, 125),
    "x_b": slice(134, 144),
    "y_b": slice(144, 154),
    "ut1_b": slice(154, 165),
    "dx_b": slice(165, 175),
    "dy_b": slice(175, 185),
}
_C04_COLUMNS = {21: (4, 5, 6, 7, 8, 9), 16: (3, 4, 5, 6, 8, 9)}  # mjd, x, y, UT1-UTC, dX, dY
_LARGEST_DX_MAS = 50.0
_warned: set[str] = set()


@runtime_checkable
class Instant(Protocol):
    """What an `EopTable` needs of an epoch."""

    @property
    def tai_s(self) -> np.ndarray:
        """Whole seconds since 2000-01-01T12:00:00 TAI."""
        ...

    @property
    def fraction_s(self) -> np.ndarray:
        """Rest in [0, 1) s."""
        ...


@dataclass(frozen=True, eq=False)
class EarthOrientation:
    """Earth orientation at some epochs; every field has the shape of the epochs.

    Attributes:
        ut1_minus_tai_s: UT1 - TAI (continuous, no leap seconds).
        ut1_rate: d(UT1 - TAI)/dTAI, minus the excess length of day over 86400 s.
        x_pole_rad, y_pole_rad: pole coordinates of the CIP in the ITRF.
        dx_cip_rad, dy_cip_rad: offsets of the CIP from the IAU 2006/2000A model in the GCRS.
    """

    ut1_minus_tai_s: Float[np.ndarray, "..."]
    ut1_rate: Float[np.ndarray, "..."]
    x_pole_rad: Float[np.ndarray, "..."]
    y_pole_rad: Float[np.ndarray, "..."]
    dx_cip_rad: Float[np.ndarray, "..."]
    dy_cip_rad: Float[np.ndarray, "..."]


@dataclass(frozen=True, eq=False)
class EopTable:
    """Daily Earth orientation parameters, interpolated linearly in TAI.

    UT1 - TAI is stored because it is continuous; UT1 - UTC jumps at leap seconds. Not included:
    sub-daily ocean tides (up to 0.1 ms in UT1 and 1 mas in the pole, 5 cm at the ground) and what
    a straight line between days misses (0.03 ms in UT1 on 19 days of 20, 1.5 cm at the equator).

    Attributes:
        mjd_utc: days, 0h UTC; two rows on one day make a step.
        dx_cip_rad, dy_cip_rad: 0 where the source gives none (the last months of predictions).
        is_predicted: rows that were not measured when the table was made.
        leap_seconds: leap seconds that go with the table.
        source: name of the file, for messages.
    """

    mjd_utc: Float[np.ndarray, " day"]
    ut1_minus_tai_s: Float[np.ndarray, " day"]
    x_pole_rad: Float[np.ndarray, " day"]
    y_pole_rad: Float[np.ndarray, " day"]
    dx_cip_rad: Float[np.ndarray, " day"]
    dy_cip_rad: Float[np.ndarray, " day"]
    is_predicted: Bool[np.ndarray, " day"]
    leap_seconds: LeapSeconds
    source: str

    def __post_init__(self):
        if len(self.mjd_utc) < 2 or np.any(np.diff(self.mjd_utc) < 0):
            raise LeopntError(
                f"EopTable: {self.source} needs at least two days in increasing order, "
                f"got mjd_utc={self.mjd_utc}."
            )
        columns = (self.ut1_minus_tai_s, self.x_pole_rad, self.y_pole_rad)
        if not all(np.all(np.isfinite(column)) for column in columns):
            raise LeopntError(f"EopTable: {self.source} has gaps in UT1 or the pole coordinates.")

    @staticmethod
    def bundled() -> "EopTable":
        """Table of the installed astropy-iers-data package, read once, never from the network.

        It is finals2000A: Bulletin B where given, else A, with a year of predictions.
        """
        return _bundled()

    @staticmethod
    def from_file(path: str | Path, leap_seconds: LeapSeconds | None = None) -> "EopTable":
        """Read an IERS `finals2000A` file (all, data, daily) or an EOP C04 series (14 or 20)."""
        return _read(Path(path), leap_seconds or LeapSeconds.bundled())

    @staticmethod
    def constant(
        ut1_minus_utc_s: float = 0.0,
        x_pole_rad: float = 0.0,
        y_pole_rad: float = 0.0,
        leap_seconds: LeapSeconds | None = None,
    ) -> "EopTable":
        """The same UT1 - UTC and pole at every epoch from 1972 to 2200, without pole offsets.

        UT1 - TAI then steps with UTC: do not use it for UT1 across a leap second.
        """
        leaps = leap_seconds or LeapSeconds.bundled()
        mjd = np.repeat(leaps.mjd_utc, 2)[1:]
        offset_s = np.repeat(leaps.tai_minus_utc_s, 2)[:-1]
        mjd, offset_s = np.append(mjd, 124_593), np.append(offset_s, leaps.tai_minus_utc_s[-1])
        same = np.ones(len(mjd))
        return EopTable(
            mjd.astype(np.float64),
            ut1_minus_utc_s - offset_s,
            x_pole_rad * same,
            y_pole_rad * same,
            0.0 * same,
            0.0 * same,
            np.zeros(len(mjd), dtype=bool),
            leaps,
            "EopTable.constant",
        )

    @property
    def last_measured_mjd_utc(self) -> float:
        """Last day of the table that is not a prediction."""
        measured = self.mjd_utc[~self.is_predicted]
        return float(measured[-1]) if len(measured) else float(self.mjd_utc[0])

    @functools.cached_property
    def tai_s(self) -> Float[np.ndarray, " day"]:
        """TAI of the rows, seconds since 2000-01-01T12:00:00 TAI."""
        day = np.floor(self.mjd_utc).astype(np.int64)
        midnight_s = self.leap_seconds.tai_s(day, np.zeros_like(day))
        return midnight_s + (self.mjd_utc - day) * self.leap_seconds.day_length_s(day)

    def at(self, epoch: Instant) -> EarthOrientation:
        """Earth orientation at epochs, interpolated linearly between rows.

        Warns once per process when an epoch lies in the predicted part, more than 30 days after
        the last measured day.

        Raises:
            LeopntError: an epoch lies outside the table.
        """
        row = self._row(epoch)
        span_s = self.tai_s[row + 1] - self.tai_s[row]
        since_s = (epoch.tai_s - self.tai_s[row]) + epoch.fraction_s
        weight = since_s / span_s

        def between(column):
            return np.asarray(column[row] + weight * (column[row + 1] - column[row]))

        step_s = self.ut1_minus_tai_s[row + 1] - self.ut1_minus_tai_s[row]
        return EarthOrientation(
            between(self.ut1_minus_tai_s),
            np.asarray(step_s / span_s),
            between(self.x_pole_rad),
            between(self.y_pole_rad),
            between(self.dx_cip_rad),
            between(self.dy_cip_rad),
        )

    def _row(self, epoch: Instant) -> Int[np.ndarray, "..."]:
        """Index of the row at or before each epoch."""
        row = np.searchsorted(self.tai_s, epoch.tai_s, side="right") - 1
        last = len(self.tai_s) - 1
        at_end = (epoch.tai_s == self.tai_s[-1]) & (epoch.fraction_s == 0.0)
        if np.any((row < 0) | ((row >= last) & ~at_end)):
            raise LeopntError(self._outside(epoch))
        row = np.asarray(np.minimum(row, last - 1))
        if np.any(self.is_predicted[row + 1]):
            self._warn_if_stale(epoch)
        return row

    def _outside(self, epoch: Instant) -> str:
        first, last = np.min(epoch.tai_s), np.max(epoch.tai_s)
        worst = first if first < self.tai_s[0] else last
        return (
            f"Earth orientation is not known at {_date_of_tai(worst)}: {self.source} spans "
            f"{_date(self.mjd_utc[0])} to {_date(self.mjd_utc[-1])} UTC. Pass a file that covers "
            "it, eop=EopTable.from_file(path), or a fixed orientation, eop=EopTable.constant("
            "ut1_minus_utc_s, x_pole_rad, y_pole_rad)."
        )

    def _warn_if_stale(self, epoch: Instant):
        latest = np.max(epoch.tai_s)
        days = (latest + 43_200) / 86_400 + 51_544 - self.last_measured_mjd_utc
        if days <= STALE_AFTER_DAYS or self.source in _warned:
            return
        _warned.add(self.source)
        warnings.warn(
            f"Earth orientation at {_date_of_tai(latest)} is a prediction: the last measured day "
            f"of {self.source} is {_date(self.last_measured_mjd_utc)}, {days:.0f} days earlier. "
            "Predicted UT1 is uncertain by some 6 ms after 60 days and 25 ms after a year (3 m "
            "and 12 m at the equator). Update astropy-iers-data, or pass "
            "eop=EopTable.from_file(path).",
            LeopntWarning,
            stacklevel=4,
        )


def _date(mjd: float | int) -> str:
    return str(np.datetime64(int(mjd) - _UNIX_MJD, "D"))


def _date_of_tai(tai_s) -> str:
    return _date((int(tai_s) + 43_200) // 86_400 + 51_544)


@functools.cache
def _bundled() -> EopTable:
    import astropy_iers_data

    return _read(Path(astropy_iers_data.IERS_A_FILE), LeapSeconds.bundled())


def _read(path: Path, leap_seconds: LeapSeconds) -> EopTable:
    data = path.read_bytes()
    head = data[:2000].lstrip().upper()
    if head.startswith(b"#") or b"EARTH ORIENTATION PARAMETER" in head:
        return _read_c04(path, data, leap_seconds)
    return _read_finals(path, data, leap_seconds)


def _read_finals(path: Path, data: bytes, leap_seconds: LeapSeconds) -> EopTable:
    """Read finals2000A: fixed columns, Bulletin B preferred, rows with no prediction dropped."""
    lines = np.array(data.splitlines(), dtype="S187")
    text = lines.view(np.uint8).reshape(-1, 187)
    has_ut1 = np.any((text[:, 58:68] >= ord("0")) & (text[:, 58:68] <= ord("9")), axis=1)
    text, numbers = text[has_ut1], np.flatnonzero(has_ut1) + 1
    if len(text) < 2:
        raise FormatError(path, None, "not an IERS finals2000A or EOP C04 file.")
    c = {name: _column(path, text, numbers, where) for name, where in _FINALS_COLUMNS.items()}
    dx_mas, dy_mas = _prefer(c["dx_b"], c["dx_a"]), _prefer(c["dy_b"], c["dy_a"])
    if np.nanmax(np.abs(dx_mas), initial=0.0) > _LARGEST_DX_MAS:
        raise FormatError(
            path,
            None,
            f"dX reaches {np.nanmax(np.abs(dx_mas)):.0f} mas, so this is the IAU 1980 file "
            "(finals.all); pass the IAU 2000A one, finals2000A.all.",
        )
    return _table(
        path,
        leap_seconds,
        c["mjd"],
        ut1_minus_utc_s=_prefer(c["ut1_b"], c["ut1_a"]),
        x_pole_rad=_prefer(c["x_b"], c["x_a"]) * ARCSEC_RAD,
        y_pole_rad=_prefer(c["y_b"], c["y_a"]) * ARCSEC_RAD,
        dx_cip_rad=np.nan_to_num(dx_mas) * (ARCSEC_RAD / 1000),
        dy_cip_rad=np.nan_to_num(dy_mas) * (ARCSEC_RAD / 1000),
        is_predicted=(text[:, 57] == ord("P")) | (text[:, 16] == ord("P")),
    )


def _prefer(bulletin_b, bulletin_a):
    return np.where(np.isnan(bulletin_b), bulletin_a, bulletin_b)


def _column(path: Path, text, line_numbers, where: slice) -> Float[np.ndarray, " day"]:
    """Floats of one fixed-width column, NaN where blank."""
    field = np.ascontiguousarray(text[:, where])
    is_blank = np.all((field == ord(" ")) | (field == 0), axis=1)
    words = np.where(is_blank, b"nan", field.view(f"S{field.shape[1]}")[:, 0])
    try:
        return words.astype(np.float64)
    except ValueError:
        number, word = next(
            (n, w) for n, w in zip(line_numbers, words, strict=True) if not _is_number(w)
        )
        raise FormatError(
            path,
            int(number),
            f"columns {where.start + 1}-{where.stop} must hold a number, found "
            f"{word.decode('ascii', errors='replace')!r}.",
        ) from None


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _read_c04(path: Path, data: bytes, leap_seconds: LeapSeconds) -> EopTable:
    """Read EOP C04: the 2020 series has 21 columns with an hour, the 2014 series 16 without."""
    lines = data.decode("ascii", errors="replace").splitlines()
    numbers = [n for n, line in enumerate(lines) if line[:4].strip().isdigit()]
    width = len(lines[numbers[0]].split()) if numbers else 0
    if width not in _C04_COLUMNS:
        raise FormatError(
            path, None, f"EOP C04 rows have 21 or 16 columns, the first one here has {width}."
        )
    columns = _C04_COLUMNS[width]
    try:
        values = np.loadtxt([lines[n] for n in numbers], usecols=columns, ndmin=2)
    except ValueError as error:
        bad = next(n for n in numbers if not _is_c04_row(lines[n].split(), columns))
        raise FormatError(path, bad + 1, f"a row of EOP C04 cannot be read: {error}.") from None
    mjd, x, y, ut1, dx, dy = values.T
    return _table(
        path,
        leap_seconds,
        mjd,
        ut1_minus_utc_s=ut1,
        x_pole_rad=x * ARCSEC_RAD,
        y_pole_rad=y * ARCSEC_RAD,
        dx_cip_rad=dx * ARCSEC_RAD,
        dy_cip_rad=dy * ARCSEC_RAD,
        is_predicted=np.zeros(len(mjd), dtype=bool),
    )


def _is_c04_row(words: list[str], columns: tuple[int, ...]) -> bool:
    return len(words) > max(columns) and all(_is_number(words[c].encode()) for c in columns)


def _table(path: Path, leap_seconds: LeapSeconds, mjd, *, ut1_minus_utc_s, **columns) -> EopTable:
    """Build the table from 1972-01-01 on, with UT1 - UTC turned into UT1 - TAI."""
    keep = mjd >= leap_seconds.mjd_utc[0]
    mjd = mjd[keep]
    row = np.searchsorted(leap_seconds.mjd_utc, mjd, side="right") - 1
    return EopTable(
        mjd_utc=mjd,
        ut1_minus_tai_s=ut1_minus_utc_s[keep] - leap_seconds.tai_minus_utc_s[row],
        leap_seconds=leap_seconds,
        source=path.name,
        **{name: np.ascontiguousarray(column[keep]) for name, column in columns.items()},
    )
