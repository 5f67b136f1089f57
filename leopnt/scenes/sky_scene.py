"""What is needed to look at the sky: satellites, a place, epochs and a mask."""

from __future__ import annotations

import dataclasses
import datetime
import math
from pathlib import Path

import numpy as np
from jaxtyping import Float

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError, did_you_mean
from leopnt.orbits.sgp4 import DAY_S
from leopnt.scenes.log_rows import place_ecef
from leopnt.scenes.satellite_file import AbstractSatelliteFile, TableFile, read_satellite_file

MAX_EPOCHS = 200_000


@dataclasses.dataclass(frozen=True)
class Place:
    """A place on the Earth in degrees and metres above the WGS 84 ellipsoid."""

    latitude_deg: float
    longitude_deg: float
    height_m: float = 0.0

    def __post_init__(self):
        ranges = {
            "latitude_deg": (-90.0, 90.0),
            "longitude_deg": (-180.0, 360.0),
            "height_m": (-1e3, 2e6),
        }
        for name, (lowest, highest) in ranges.items():
            value = getattr(self, name)
            if not lowest <= value <= highest:  # also refuses NaN
                raise LeopntError(
                    f"{name} = {value!r}: expected a number from {lowest:g} to {highest:g}."
                )

    @property
    def pos_ecef_m(self) -> Float[np.ndarray, "3"]:
        """ECEF position [m]."""
        return place_ecef(self.latitude_deg, self.longitude_deg, self.height_m)


CITIES = {
    "Beijing": Place(39.90, 116.40, 40.0),
    "Cape Town": Place(-33.92, 18.42, 40.0),
    "Hong Kong": Place(22.30, 114.17, 10.0),
    "London": Place(51.51, -0.13, 60.0),
    "Nairobi": Place(-1.29, 36.82, 1680.0),
    "New York": Place(40.71, -74.01, -20.0),
    "Paris": Place(48.86, 2.35, 80.0),
    "Quito": Place(-0.18, -78.47, 2870.0),
    "San Francisco": Place(37.77, -122.42, -10.0),
    "Sydney": Place(-33.87, 151.21, 60.0),
    "Tokyo": Place(35.68, 139.69, 80.0),
    "Tromsoe": Place(69.65, 18.96, 40.0),
}
"""City centers to 1 km, for a quick look."""


def city(name: str) -> Place:
    """A city of `CITIES`, capitals or not."""
    for known, place in CITIES.items():
        if known.lower() == name.strip().lower():
            return place
    hint = did_you_mean(name.strip().title(), CITIES)
    raise LeopntError(f"no city {name!r}.{hint} Known: {', '.join(CITIES)}.")


@dataclasses.dataclass(frozen=True)
class SkyScene:
    """Satellites over a place.

    Attributes:
        satellites: an element or orbit file.
        place: of the antenna.
        epoch: (epoch,) instants to look at, increasing.
        mask_rad: lowest elevation that counts.
        max_age_s: elements farther from an epoch than this are left out.
        title: for reports.
    """

    satellites: AbstractSatelliteFile
    place: Place
    epoch: Epoch
    mask_rad: float
    max_age_s: float
    title: str


def load_sky_scene(
    path: str | Path,
    place: Place,
    *,
    start: Epoch | None = None,
    duration_s: float = 3600.0,
    step_s: float = 30.0,
    mask_deg: float = 10.0,
    max_age_days: float = 7.0,
    title: str = "",
) -> SkyScene:
    """Read a TLE, OMM or SP3 file and lay out the epochs.

    Args:
        path: the file.
        place: of the antenna.
        start: first epoch; None: now, or the first epoch of an SP3 file.
        duration_s, step_s: how long and how often to look; the last epoch is within the duration.
        mask_deg: lowest elevation that counts.
        max_age_days: elements older than this at an epoch are left out there.
        title: None is made from the file name.

    Raises:
        LeopntError: values that make no sense; no start, and elements that are too old for now.
    """
    _require(0.0 <= duration_s < math.inf, f"duration_s = {duration_s!r}: expected 0 or more.")
    _require(0.0 < step_s < math.inf, f"step_s = {step_s!r}: expected a number above 0.")
    _require(0.0 <= mask_deg < 90.0, f"mask_deg = {mask_deg!r}: expected 0 to below 90.")
    _require(max_age_days > 0.0, f"max_age_days = {max_age_days!r}: expected a number above 0.")
    num_epochs = int(duration_s / step_s + 1e-9) + 1
    _require(
        num_epochs <= MAX_EPOCHS,
        f"{duration_s:g} s in steps of {step_s:g} s are {num_epochs} epochs; expected at most "
        f"{MAX_EPOCHS}.",
    )
    satellites = read_satellite_file(path)
    if start is None:
        start = _default_start(satellites, max_age_days, Path(path))
    return SkyScene(
        satellites=satellites,
        place=place,
        epoch=start + step_s * np.arange(num_epochs),
        mask_rad=math.radians(mask_deg),
        max_age_s=max_age_days * DAY_S,
        title=title or f"Sky of {Path(path).name}",
    )


def _require(is_good: bool, message: str) -> None:
    if not is_good:
        raise LeopntError(message)


def _default_start(satellites: AbstractSatelliteFile, max_age_days: float, path: Path) -> Epoch:
    if isinstance(satellites, TableFile):
        return satellites.epoch
    now = Epoch.from_datetime(datetime.datetime.now(datetime.UTC).replace(microsecond=0))
    days = float(now.since(satellites.epoch)) / DAY_S
    if abs(days) > max_age_days:
        raise LeopntError(
            f"{path}: the elements are of {satellites.epoch.to_iso(digits=0)}, {abs(days):.0f} "
            f"days {'before' if days > 0 else 'after'} now; give a start near that date, or take "
            "new elements."
        )
    return now
