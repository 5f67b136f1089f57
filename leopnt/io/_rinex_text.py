"""What RINEX readers share: header lines with labels, numbers in columns, epochs, time systems."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError

TIME_SYSTEMS = {
    "GPS": TimeScale.GPST,
    "GLO": TimeScale.UTC,  # RINEX writes GLONASS epochs in UTC, without Moscow's three hours
    "GAL": TimeScale.GST,
    "QZS": TimeScale.GPST,
    "BDT": TimeScale.BDT,
    "BDS": TimeScale.BDT,
    "IRN": TimeScale.GPST,
    "UTC": TimeScale.UTC,
    "TAI": TimeScale.TAI,
}
NAMES_OF_SCALES = {
    TimeScale.GPST: "GPS",
    TimeScale.UTC: "GLO",
    TimeScale.GST: "GAL",
    TimeScale.BDT: "BDT",
}
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eEdD][+-]?[0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True)
class HeaderLine:
    """One line of a header, with the means to complain about it."""

    path: str | Path
    number: int
    text: str
    label: str

    def field(self, first: int, last: int) -> str:
        """Columns, from 1, without the blanks around."""
        return self.text[first - 1 : last].strip(" ")

    def error(self, first: int, last: int, what: str, expected: str) -> FormatError:
        """An error about some columns, which quotes them."""
        return FormatError(
            self.path,
            self.number,
            f"columns {first}-{last} ({what}): expected {expected}, found "
            f"{self.text[first - 1 : last]!r}.",
        )

    def integer(self, first: int, last: int, what: str) -> int:
        """A whole number that must be there."""
        text = self.field(first, last)
        if not re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
            raise self.error(first, last, what, "an integer")
        return int(text)

    def number_at(self, first: int, last: int, what: str) -> float:
        """A decimal number that must be there."""
        return decimal(self.path, self.number, self.text, first, last, what)

    def vector(self, what: str) -> np.ndarray:
        """Three numbers of 14 columns."""
        return np.array([self.number_at(1 + 14 * i, 14 + 14 * i, what) for i in range(3)])


def decimal(
    path: str | Path, line_number: int, text: str, first: int, last: int, what: str
) -> float:
    """A finite decimal number in columns `first` to `last` (from 1)."""
    word = text[first - 1 : last].strip(" ")
    if not _DECIMAL.fullmatch(word) or not np.isfinite(
        float(word.replace("D", "e").replace("d", "e"))
    ):
        raise FormatError(
            path,
            line_number,
            f"columns {first}-{last} ({what}): expected a number, found "
            f"{text[first - 1 : last]!r}.",
        )
    return float(word.replace("D", "e").replace("d", "e"))


def label_of(text: str, column: int = 61) -> str:
    """What stands from a column on, without the blanks around."""
    return text[column - 1 : column + 19].strip()


def epochs(
    path: str | Path,
    line_numbers: np.ndarray,
    fields: np.ndarray,
    fraction_s: np.ndarray,
    scale: TimeScale,
) -> Epoch:
    """Instants of (row, 6) year to whole second, plus fractions; a bad one is named by its line."""
    try:
        return Epoch.from_calendar(*fields.T, scale=scale, fraction_s=fraction_s)
    except LeopntError as error:
        complaint = str(error)
    for i, number in enumerate(line_numbers):
        try:
            Epoch.from_calendar(*fields[i], scale=scale, fraction_s=fraction_s[i])
        except LeopntError as error:
            raise FormatError(path, int(number), str(error)) from None
    raise FormatError(path, None, complaint)


def refuse_steps_back(path: str | Path, line_numbers: np.ndarray, epoch: Epoch) -> None:
    """Raise if an epoch is not after the one before it."""
    back = np.flatnonzero(epoch[1:] <= epoch[:-1])
    if len(back):
        raise FormatError(
            path, int(line_numbers[back[0] + 1]), "this epoch is not after the one before."
        )


def calendar_fields(epoch: Epoch, scale: TimeScale, decimals: int, what: str) -> np.ndarray:
    """(epoch, 7) year to second and units of 10**-decimals s, in one array of integers.

    Raises:
        LeopntError: an epoch with more decimals than a file can hold (by over 1 ns).
    """
    unit = 10**decimals
    units = np.rint(epoch.fraction_s * unit)
    off = np.abs(epoch.fraction_s - units / unit)
    if np.any(off > 1e-9):
        worst = epoch[int(np.argmax(off))]
        raise LeopntError(
            f"{what}: epoch {worst.to_iso(scale, 12)} {scale.value} has more than {decimals} "
            "decimals of a second, which is all that the format holds; round the epochs first."
        )
    rounded = Epoch(epoch.tai_s, np.zeros_like(epoch.fraction_s)) + units / unit
    *whole, rest = rounded.to_calendar(scale)
    return np.stack([*whole, np.rint(rest * unit).astype(np.int64)], axis=-1)
