"""What the readers of element sets share: one record, its checks, and good beside bad records."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from leopnt.epochs import Epoch
from leopnt.errors import FormatError, LeopntError
from leopnt.orbits.elements import (
    LARGEST_MEAN_MOTION_RADPS,
    REV_PER_DAY_RADPS,
    MeanElements,
)

_LARGEST_REV_PER_DAY = LARGEST_MEAN_MOTION_RADPS / REV_PER_DAY_RADPS
_DAY_S = 86_400.0


class CalendarTime(NamedTuple):
    """UTC date and time of day of one record; the fraction is that of the second."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    fraction_s: float


class ElementSet(NamedTuple):
    """One record as TLE and OMM write it: degrees, revolutions and days."""

    name: str
    object_id: str
    norad_cat_id: int
    epoch_utc: CalendarTime
    mean_motion_rev_per_day: float
    eccentricity: float
    inclination_deg: float
    raan_deg: float
    arg_perigee_deg: float
    mean_anomaly_deg: float
    bstar_per_earth_radius: float
    mean_motion_dot_rev_per_day2: float
    mean_motion_ddot_rev_per_day3: float
    element_set_no: int
    rev_at_epoch: int

    def complaint(self) -> str | None:
        """What in this record cannot be an orbit around the Earth, or None."""
        if self.epoch_utc.year < 1972:
            return f"epoch in {self.epoch_utc.year}; UTC with leap seconds begins in 1972."
        if not 1 <= self.norad_cat_id <= 999_999_999:
            return f"catalog number {self.norad_cat_id}; expected 1 to 999999999."
        if not 0.0 <= self.eccentricity < 1.0:
            return f"eccentricity {self.eccentricity}; expected 0 <= e < 1."
        if not 1e-4 <= self.mean_motion_rev_per_day <= _LARGEST_REV_PER_DAY:
            return (
                f"mean motion {self.mean_motion_rev_per_day} rev/day; expected up to "
                f"{_LARGEST_REV_PER_DAY:g}, where an orbit would touch the ground."
            )
        if not 0.0 <= self.inclination_deg <= 180.0:
            return f"inclination {self.inclination_deg} deg; expected 0 to 180."
        for what in ("raan_deg", "arg_perigee_deg", "mean_anomaly_deg"):
            if not -360.0 <= getattr(self, what) <= 360.0:
                return (
                    f"{what[:-4].replace('_', ' ')} {getattr(self, what)} deg; expected 0 to 360."
                )
        if not abs(self.bstar_per_earth_radius) <= 10.0:
            return f"B* {self.bstar_per_earth_radius} per Earth radius; expected -10 to 10."
        return None


@dataclass(frozen=True)
class ScannedElements:
    """Good records of a file, and an error for each bad one.

    Attributes:
        elements: the records that can be used, in file order.
        rejected: one error per bad record, each with its line and reason. Look at it: nobody else
            will tell that satellites are missing.
    """

    elements: MeanElements
    rejected: tuple[FormatError, ...]

    def require(self) -> MeanElements:
        """The elements if every record was good, else the first error, naming how many follow."""
        if not self.rejected:
            return self.elements
        first, more = self.rejected[0], len(self.rejected) - 1
        if not more:
            raise first
        where = (
            f"{first.path}" if first.line_number is None else f"{first.path}:{first.line_number}"
        )
        raise FormatError(
            first.path,
            first.line_number,
            f"{str(first).removeprefix(where + ': ')} ({more} more bad records follow; the scan_ "
            f"function of this format keeps the {len(self.elements)} good ones.)",
        )


def collect(
    records: Iterable[ElementSet | FormatError], path: str | Path, expected: str
) -> ScannedElements:
    """Sort records into good and bad ones; a file without any record is one bad record."""
    good, bad = [], []
    for record in records:
        (bad if isinstance(record, FormatError) else good).append(record)
    if not good and not bad:
        bad.append(FormatError(path, None, f"holds no element set; expected {expected}."))
    return ScannedElements(_mean_elements(good), tuple(bad))


def leap_second_complaint(time: CalendarTime) -> str | None:
    """Why a second of 60 or more does not exist, or None."""
    try:
        Epoch.from_calendar(*time[:6], fraction_s=time.fraction_s)
    except LeopntError as error:
        return str(error)
    return None


def designator(text: str) -> str:
    """International designator of a TLE, "98067A", as OMM writes it, "1998-067A"."""
    text = text.strip()
    match = re.fullmatch(r"([0-9]{2})([0-9]{3}[A-Z]{1,3})", text)
    if not match:
        return text
    year = int(match[1])
    return f"{year + (1900 if year >= 57 else 2000)}-{match[2]}"


def _mean_elements(records: list[ElementSet]) -> MeanElements:
    columns = dict(zip(ElementSet._fields, zip(*records, strict=True), strict=False))
    columns = {name: columns.get(name, ()) for name in ElementSet._fields}

    def floats(name: str, factor: float = 1.0):
        return np.array(columns[name], dtype=np.float64) * factor

    def angles(name: str):
        return np.deg2rad(np.array(columns[name], dtype=np.float64))

    def integers(name: str):
        return np.array(columns[name], dtype=np.int64)

    return MeanElements(
        name=tuple(columns["name"]),
        object_id=tuple(columns["object_id"]),
        norad_cat_id=integers("norad_cat_id"),
        epoch=_epochs(columns["epoch_utc"]),
        mean_motion_radps=floats("mean_motion_rev_per_day", REV_PER_DAY_RADPS),
        eccentricity=floats("eccentricity"),
        inclination_rad=angles("inclination_deg"),
        raan_rad=angles("raan_deg"),
        arg_perigee_rad=angles("arg_perigee_deg"),
        mean_anomaly_rad=angles("mean_anomaly_deg"),
        bstar_per_earth_radius=floats("bstar_per_earth_radius"),
        mean_motion_dot_radps2=floats("mean_motion_dot_rev_per_day2", REV_PER_DAY_RADPS / _DAY_S),
        mean_motion_ddot_radps3=floats(
            "mean_motion_ddot_rev_per_day3", REV_PER_DAY_RADPS / _DAY_S**2
        ),
        element_set_no=integers("element_set_no"),
        rev_at_epoch=integers("rev_at_epoch"),
    )


def _epochs(times: Iterable[CalendarTime]) -> Epoch:
    rows = list(times)
    fields = np.array([time[:6] for time in rows], dtype=np.int64).reshape(-1, 6)
    year, month, day, hour, minute, second = fields.T
    fraction_s = np.array([time.fraction_s for time in rows], dtype=np.float64)
    return Epoch.from_calendar(year, month, day, hour, minute, second, fraction_s=fraction_s)
