"""What a calibration works on: named satellites and stations, and one job for each station-day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.methods.calibration.station_day import StationDay


@dataclass(frozen=True)
class StationDayJob:
    """A station-day that can be read or simulated anywhere, at any time.

    Attributes:
        station, day: numbers from 0.
        load: reads or simulates it; a picklable function without arguments, the same result each
            time.
    """

    station: int
    day: int
    load: Callable[[], StationDay]


@dataclass(frozen=True)
class Network:
    """Satellites, stations and jobs of a calibration.

    Attributes:
        satellites, stations: their names; numbers in jobs count through them.
        start: instant that times of the station-days count from.
        jobs: station-days, by day, then by station.
        inputs: files that the numbers depend on; none for a simulation.
    """

    satellites: tuple[str, ...]
    stations: tuple[str, ...]
    start: Epoch
    jobs: tuple[StationDayJob, ...]
    inputs: tuple[Path, ...] = ()

    def __post_init__(self):
        for name in ("satellites", "stations", "jobs"):
            if not getattr(self, name):
                raise LeopntError(f"{name} is empty; expected one or more.")
        keys = [(job.station, job.day) for job in self.jobs]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise LeopntError(
                f"jobs holds station {self.stations[twice[0]]}, day {twice[1]} twice; expected "
                "each station-day once."
            )
        for job in self.jobs:
            if not (0 <= job.station < len(self.stations) and job.day >= 0):
                raise LeopntError(
                    f"jobs holds station {job.station}, day {job.day}; expected stations 0 to "
                    f"{len(self.stations) - 1} and days from 0 on."
                )
