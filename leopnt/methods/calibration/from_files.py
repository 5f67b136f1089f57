"""Station-days from files: observed minus computed code and phase, cut into arcs.

The files of a station and a day are one job. Products are read once per process. The receiver clock
a priori comes from the code of the reference system, by the same prediction; its level is taken off
all observations of an epoch (clocks are free, so nothing else changes).
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from leopnt.antennas.phase_center import offset_partials
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntWarning
from leopnt.methods.calibration.file_inputs import FileInputs
from leopnt.methods.calibration.file_observations import RawLinks
from leopnt.methods.calibration.link_path import LinkPath, Satellites
from leopnt.methods.calibration.network import Network, StationDayJob
from leopnt.methods.calibration.observed_stations import (
    ObservedStation,
    StationFile,
    path_of,
    read_station_file,
    satellites_of,
    station_files,
)
from leopnt.methods.calibration.quality import leo_slips_of, slips_of, with_slips
from leopnt.methods.calibration.signals import SignalPair
from leopnt.methods.calibration.slip_detection import SlipDetector
from leopnt.methods.calibration.station_day import (
    LeoGeometry,
    Links,
    StationDay,
    leo_geometry,
    sorted_links,
    station_day,
)


def station_days_from_files(inputs: FileInputs) -> Network:
    """Network of a set of files; observations are read when a job is loaded.

    Headers of the observations and the orbits of the LEO satellites are read now.

    Raises:
        LeopntError: files that are not there or malformed, stations without coordinates, a file
            given twice, no LEO satellite.
    """
    start, files = station_files(inputs)
    stations = tuple(dict.fromkeys(one.station for one in files))
    leo = satellites_of(inputs.leo, inputs.leo_sp3, inputs.leo_clk, start)
    fixed = replace(inputs, start=start)
    jobs = sorted(
        (
            StationDayJob(
                stations.index(one.station),
                one.day,
                functools.partial(load_station_day, fixed, one, stations.index(one.station)),
            )
            for one in files
        ),
        key=lambda job: (job.day, job.station),
    )
    return Network(leo.names, stations, start, tuple(jobs), inputs.files())


def load_station_day(inputs: FileInputs, file: StationFile, station: int) -> StationDay:
    """Read one observation file and form its observed-minus-computed links.

    Satellites without products, and links in gaps of products, are left out with a warning.

    Raises:
        LeopntError: malformed files, no code of the reference system, coordinates more than 1 km
            off the header's, residuals beyond `largest_residual_m`, or coordinates that code says
            are off by more than `largest_offset_m`.
    """
    observed = read_station_file(inputs, file)
    reference = observed_minus_computed(inputs, observed, inputs.reference, observed.reference)
    leo = observed_minus_computed(inputs, observed, inputs.leo, observed.leo)
    geometry = _leo_geometry(leo.path, inputs)
    own, order = _links(leo, inputs.slip_detectors)
    ordered = LeoGeometry(*(one[order] for one in geometry))
    other, _ = _links(reference, inputs.slip_detectors)
    found = station_day(
        station, file.day, observed.epoch_s, own, ordered, other, sampling_s=inputs.sampling_s
    )
    return _cut_at_steps(found, inputs)


def _cut_at_steps(day: StationDay, inputs: FileInputs) -> StationDay:
    """Arcs end where phases step: those of the reference system first, they give the clock."""
    none = np.zeros(len(day.leo.arc), bool)
    if np.isfinite(inputs.largest_step_m):
        _, steps = slips_of(day, inputs.largest_step_m, sampling_s=inputs.sampling_s)
        day = with_slips(day, none, steps)
    if np.isfinite(inputs.least_leo_slip_m):
        steps = leo_slips_of(day, inputs.least_leo_slip_m, sampling_s=inputs.sampling_s)
        day = with_slips(day, steps, np.zeros(len(day.reference.arc), bool))
    return day


@dataclass(frozen=True, eq=False)
class ReducedLinks:
    """Observed minus computed links of one system at a station, in the order of the raw links.

    Attributes:
        raw: what was observed.
        path: as it was worked out.
        code_m, phase_m: O-C, without the receiver clock a priori; NaN where not observed.
    """

    raw: RawLinks
    path: LinkPath
    code_m: Float[np.ndarray, " link"]
    phase_m: Float[np.ndarray, " link"]


def observed_minus_computed(
    inputs: FileInputs,
    observed: ObservedStation,
    signals: SignalPair,
    system: tuple[Satellites, RawLinks],
) -> ReducedLinks:
    """Links of one system above the mask whose prediction is complete.

    The reference system's links, by themselves, show how well products and corrections fit.
    """
    satellites, links = system
    is_leo = signals.letter == inputs.leo.letter
    corrections = inputs.model.leo if is_leo else inputs.model.reference
    timed = links.kept(np.isfinite(observed.late_s[links.epoch]))
    path = path_of(
        satellites, observed.station, observed.pos_ecef_m, timed, observed.epoch_s,
        observed.late_s, corrections,
    )  # fmt: skip
    code, phase = timed.ionosphere_free_m()
    clock_m = SPEED_OF_LIGHT_MPS * path.late_s
    code = code - path.code_prediction_m() - clock_m
    phase = phase - path.phase_prediction_m() - clock_m
    complete = np.isfinite(path.code_prediction_m() + path.phase_prediction_m())
    _warn_of_gaps(timed, complete, satellites.names, signals, observed)
    with np.errstate(invalid="ignore"):
        keep = complete & (path.elevation_rad >= inputs.mask_rad)
    return ReducedLinks(timed.kept(keep), path.kept(keep), code[keep], phase[keep])


def _links(
    reduced: ReducedLinks, detectors: tuple[SlipDetector, ...]
) -> tuple[Links, Int[np.ndarray, " link"]]:
    raw = reduced.raw
    slip = np.zeros(len(raw.satellite), bool)
    for detector in detectors:
        slip |= detector.slips(raw)
    has_code, has_phase = np.isfinite(reduced.code_m), np.isfinite(reduced.phase_m)
    return sorted_links(
        raw.satellite, raw.epoch,
        np.where(has_code, reduced.code_m, 0.0), np.where(has_phase, reduced.phase_m, 0.0),
        reduced.path.elevation_rad, slip=slip, has_code=has_code, has_phase=has_phase,
    )  # fmt: skip


def _leo_geometry(path: LinkPath, inputs: FileInputs) -> LeoGeometry:
    axes = inputs.leo_attitude.axes(path)
    return leo_geometry(
        offset_partials(path.unit, axes),
        path.range_m,
        latitude_argument(path.sat_pos_m, path.sat_vel_inertial_mps),
    )


def latitude_argument(
    pos_m: Float[np.ndarray, "link 3"], vel_inertial_mps: Float[np.ndarray, "link 3"]
) -> Float[np.ndarray, " link"]:
    """Argument of latitude: angle in the orbit from the equator, northward."""
    normal = np.cross(pos_m, vel_inertial_mps)
    node = np.stack([-normal[:, 1], normal[:, 0], np.zeros(len(pos_m))], axis=1)
    ahead = np.cross(normal, node) / np.sqrt(np.sum(normal**2, axis=1))[:, None]
    return np.arctan2(np.sum(pos_m * ahead, axis=1), np.sum(pos_m * node, axis=1))


def _warn_of_gaps(links: RawLinks, complete, names, signals: SignalPair, observed) -> None:
    if np.all(complete):
        return
    missing, count = np.unique(links.satellite[~complete], return_counts=True)
    which = ", ".join(f"{names[i]} ({n})" for i, n in zip(missing, count, strict=True))
    warnings.warn(
        f"{observed.source}: {signals.name} links without a complete prediction (a gap in orbit or "
        f"clock, no antenna offset or no code bias) are left out: {which}.",
        LeopntWarning,
        stacklevel=3,
    )
