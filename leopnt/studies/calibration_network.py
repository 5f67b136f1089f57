"""Where the station-days of a calibration come from, and the truth where it is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from leopnt.epochs import Epoch
from leopnt.methods.calibration import (
    STATIONS_ECEF_M,
    Network,
    Scene,
    StationDayJob,
    Truth,
    bds3_orbits,
    draw_truth,
    polar_star,
    simulate_station_day,
    true_clock_errors,
)
from leopnt.studies.calibration_files import network_of_files
from leopnt.studies.calibration_settings import CalibrationStudy, SimulationTable

DAY_S = 86400.0

ClockErrors = Callable[[int, Float[np.ndarray, " epoch"]], Float[np.ndarray, " epoch"]]
"""From a satellite and times [s] to the error of its clock product [m]."""


@dataclass(frozen=True)
class Source:
    """What a calibration works on.

    Attributes:
        network: satellites, stations, and a job for each station-day.
        truth: what was simulated; None for files.
        clock_errors: of the simulated clock products, which users of a delay get along with it.
    """

    network: Network
    truth: Truth | None = None
    clock_errors: ClockErrors | None = None


def source_of(study: CalibrationStudy) -> Source:
    """Station-days of a study, simulated or of files; nothing is simulated or observed yet.

    Raises:
        LeopntError: files that do not fit together.
    """
    settings = study.settings
    if settings.simulation is not None:
        return simulated_source(settings.simulation, settings.estimate.mask_deg)
    assert settings.files is not None  # `load_calibration` has seen to it
    mask_deg = settings.estimate.mask_deg
    return Source(network_of_files(settings.files, study.folder, mask_deg))


def simulated_source(table: SimulationTable, mask_deg: float) -> Source:
    """A network whose station-days are drawn, each by its own numbers alone."""
    places = STATIONS_ECEF_M | {name: tuple(at) for name, at in table.positions_ecef_m.items()}
    scene = Scene(
        polar_star(*table.size),
        bds3_orbits(),
        np.array([places[name] for name in table.stations]),
        sampling_s=table.sampling_s,
        mask_rad=float(np.radians(mask_deg)),
    )
    truth = draw_truth(table.seed, scene.leo.num_satellites, len(table.stations))
    truth = replace(truth, swing=table.swing.swing())
    errors, noise = table.errors.errors(), table.noise.noise()

    def job(station: int, day: int) -> StationDayJob:
        numbers = (station, day, table.seed, errors, noise)
        return StationDayJob(station, day, partial(simulate_station_day, scene, truth, *numbers))

    def clock_errors(satellite: int, t_s: Float[np.ndarray, " epoch"]):
        found = np.zeros(len(t_s))
        days = np.floor(t_s / DAY_S).astype(int)
        for day in np.unique(days).tolist():
            here = days == day
            every = true_clock_errors(scene, errors, table.seed, day, satellite)
            found[here] = every[np.rint((t_s[here] - day * DAY_S) / table.sampling_s).astype(int)]
        return found

    jobs = tuple(
        job(station, day) for day in range(table.days) for station in range(len(table.stations))
    )
    network = Network(
        table.satellite_names, tuple(table.stations), Epoch.from_iso(table.start), jobs
    )
    return Source(network, truth, clock_errors)


def with_names(message: str, network: Network) -> str:
    """Numbers of satellites and stations in a message replaced by their names."""
    for what, names in (("satellite", network.satellites), ("station", network.stations)):

        def name(number: str, names: tuple[str, ...] = names) -> str:
            return names[int(number)] if int(number) < len(names) else number

        def one(found: re.Match[str]) -> str:
            return f"{found[1]} {name(found[2])}"

        def many(found: re.Match[str]) -> str:
            return f"{found[1]} {', '.join(map(name, found[2].split(', ')))}"

        message = re.sub(rf"\b({what}) (\d+)\b", one, message)
        message = re.sub(rf"\b({what}s) \[(\d+(?:, \d+)*)\]", many, message)
    return message
