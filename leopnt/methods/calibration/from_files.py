"""Station-days from files: observed minus computed code and phase, cut into arcs.

One RINEX file is one job. Products are read once per process. The receiver clock a priori comes
from the code of the reference system, by the same prediction; its level is taken off all
observations of an epoch (clocks are free, so nothing else changes).
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from leopnt.antennas.phase_center import offset_partials
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError, LeopntWarning
from leopnt.frames.geodetic import ecef_to_geodetic, enu_basis
from leopnt.io.packed_rinex import read_rinex_bytes
from leopnt.io.rinex_obs import RinexObs, read_rinex_obs
from leopnt.io.rinex_obs_header import RinexObsHeader, parse_header
from leopnt.io.rinex_obs_splice import splice_rinex_obs
from leopnt.io.textfile import decode
from leopnt.methods.calibration.antenna_corrections import WindUp
from leopnt.methods.calibration.file_inputs import FileInputs, midnight_before
from leopnt.methods.calibration.file_observations import RawLinks, raw_links
from leopnt.methods.calibration.link_path import Correction, LinkPath, Satellites, link_path
from leopnt.methods.calibration.network import Network, StationDayJob
from leopnt.methods.calibration.place_offset import check_coordinates, place_offset
from leopnt.methods.calibration.products import read_satellites
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

_DAY_S = 86_400.0
_CLOCK_STEPS = 2
_FAR_M = 1000.0
_END = b"END OF HEADER"


@dataclass(frozen=True)
class StationFile:
    """Observations of a station: whose, of which day.

    Attributes:
        path: file.
        station: name.
        day: from the start.
        more: further files of the same day, such as hourly ones.
    """

    path: Path
    station: str
    day: int
    more: tuple[Path, ...] = ()

    @property
    def source(self) -> str:
        """What messages call it."""
        return str(self.path) + (f" and {len(self.more)} more" if self.more else "")

    def read(self) -> RinexObs:
        """All observations of the day; see `splice_rinex_obs`."""
        paths = (self.path, *self.more)
        return splice_rinex_obs([read_rinex_obs(path) for path in paths], [*map(str, paths)])


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


def station_files(inputs: FileInputs) -> tuple[Epoch, tuple[StationFile, ...]]:
    """Start of the times, and whose the observation files are, by their headers.

    Raises:
        LeopntError: as `station_days_from_files`.
    """
    heads = [(Path(path), read_header(path)) for path in inputs.observations]
    firsts = [_first_epoch(path, head) for path, head in heads]
    start = inputs.start
    if start is None:
        start = midnight_before(min(firsts, key=lambda one: one.tai_s.item()))
    found: dict[tuple[str, int], StationFile] = {}
    for (path, head), first in zip(heads, firsts, strict=True):
        name = head.marker_name
        if name not in inputs.station_pos_ecef_m:
            raise LeopntError(
                f"{path}: no coordinates of station {name!r} (MARKER NAME); station_pos_ecef_m "
                f"has {', '.join(inputs.station_pos_ecef_m)}."
            )
        day = int(np.floor(float(first.since(start)) / _DAY_S))
        if day < 0:
            raise LeopntError(f"{path}: begins before start = {start.to_iso(TimeScale.GPST)}.")
        known = found.get((name, day))
        if known and path in (known.path, *known.more):
            raise LeopntError(f"observations: {path} is given twice; expected every file once.")
        found[name, day] = (
            replace(known, more=(*known.more, path)) if known else StationFile(path, name, day)
        )
    return start, tuple(found.values())


def read_header(path: Path | str) -> RinexObsHeader:
    """Header of an observation file.

    Raises:
        FormatError: no header, or a malformed one.
        LeopntError: no such file.
    """
    data = read_rinex_bytes(path)
    end = data.find(_END)
    text = decode(data[: data.rfind(b"\n", 0, end) + 1] if end >= 0 else data[:2000], path)
    return parse_header(path, [line.rstrip("\r") for line in text.split("\n")[:-1]])


def satellites_of(
    signals: SignalPair, sp3: Sequence[Path | str], clk: Sequence[Path | str], start: Epoch
) -> Satellites:
    """Satellites of a system from product files, read once per process."""
    return read_satellites(signals.letter, signals.pair, tuple(sp3), tuple(clk), start)


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
class ObservedStation:
    """Observations of a file, its station and its receiver clock from code.

    Attributes:
        source: the file.
        station: name.
        pos_ecef_m: antenna reference point.
        epoch_s: tags, from the start.
        late_s: receiver clock minus GPS time; NaN at epochs without reference code.
        reference, leo: satellites and raw links of the two systems.
    """

    source: str
    station: str
    pos_ecef_m: Float[np.ndarray, "3"]
    epoch_s: Float[np.ndarray, " epoch"]
    late_s: Float[np.ndarray, " epoch"]
    reference: tuple[Satellites, RawLinks]
    leo: tuple[Satellites, RawLinks]


def read_station_file(inputs: FileInputs, file: StationFile) -> ObservedStation:
    """Read an observation file and find the receiver clock from the reference code.

    Raises:
        LeopntError: as `load_station_day`.
    """
    if inputs.start is None:
        raise LeopntError("start = None: expected the instant from which times count.")
    obs, source = file.read(), file.source
    place = antenna_place(obs, inputs.station_pos_ecef_m[file.station], source)
    t = obs.epoch.since(inputs.start)
    systems = []
    for signals, sp3, clk in (
        (inputs.reference, inputs.reference_sp3, inputs.reference_clk),
        (inputs.leo, inputs.leo_sp3, inputs.leo_clk),
    ):
        known = satellites_of(signals, sp3, clk, inputs.start) if sp3 else None
        if known is None:
            known = Satellites((), _Nothing(), _Nothing(), inputs.start, signals.pair)
        systems.append((known, raw_links(obs, signals, known.names, source, inputs.sampling_s)))
    late = code_clock_s(source, file.station, place, t, systems[0], inputs)
    return ObservedStation(source, file.station, place, t, late, systems[0], systems[1])


def antenna_place(
    obs: RinexObs, marker_ecef_m: Float[np.ndarray, "3"], source: str
) -> Float[np.ndarray, "3"]:
    """Antenna reference point: coordinates plus the header's height, east and north.

    Raises:
        LeopntError: coordinates more than 1 km off the header's approximate position.
    """
    marker = np.asarray(marker_ecef_m, float)
    rough = obs.header.approx_pos_ecef_m
    if np.all(np.isfinite(rough)) and np.any(rough != 0.0):
        off = float(np.linalg.norm(rough - marker))
        if off > _FAR_M:
            raise LeopntError(
                f"{source}: APPROX POSITION XYZ is {off / 1e3:.1f} km off the coordinates "
                f"{np.round(marker, 1).tolist()} m of {obs.header.marker_name!r}; wrong station?"
            )
    up, east, north = np.nan_to_num(obs.header.antenna_height_east_north_m)
    lat, lon, _ = ecef_to_geodetic(marker)
    return marker + np.array([east, north, up]) @ np.asarray(enu_basis(lat, lon))


def code_clock_s(
    source: str,
    station: str,
    place_ecef_m: Float[np.ndarray, "3"],
    epoch_s: Float[np.ndarray, " epoch"],
    reference: tuple[Satellites, RawLinks],
    inputs: FileInputs,
) -> Float[np.ndarray, " epoch"]:
    """Receiver clock minus system time [s] by the median of the reference code at each epoch.

    Raises:
        LeopntError: no code at all, residuals beyond `largest_residual_m`, or coordinates off by
            more than `largest_offset_m`.
    """
    satellites, links = reference
    corrections = inputs.model.without(WindUp).reference  # code has none
    code, _ = links.ionosphere_free_m()
    late, off, unit = np.zeros(len(epoch_s)), np.full(len(code), np.nan), np.zeros((len(code), 3))
    for _ in range(_CLOCK_STEPS):
        path = _path(
            satellites, station, place_ecef_m, links, epoch_s, np.nan_to_num(late), corrections
        )  # fmt: skip
        seen, unit = path.elevation_rad >= inputs.mask_rad, path.local_unit
        off = np.where(seen, code - path.code_prediction_m(), np.nan)
        late = medians(links.epoch, off, len(epoch_s)) / SPEED_OF_LIGHT_MPS
    if np.all(np.isnan(late)):
        raise LeopntError(
            f"{source}: no {inputs.reference.name} code with a complete prediction, so that the "
            "receiver clock cannot be separated from inter-system bias; expected "
            f"{' and '.join(inputs.reference.code)} of satellites with orbits and clocks."
        )
    rest = np.abs(off - SPEED_OF_LIGHT_MPS * late[links.epoch])
    typical = float(np.nanmedian(rest))
    if typical > inputs.largest_residual_m:
        raise LeopntError(
            f"{source}: {inputs.reference.name} code of station {station} is off its prediction by "
            f"{typical:.4g} m in the median; expected below {inputs.largest_residual_m:g} m. Is "
            "the time scale, the day or frame of the products, or the station wrong?"
        )
    place = place_offset(off, unit, links.epoch)
    check_coordinates(place, inputs.largest_offset_m, source, station, inputs.reference.name)
    return late


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
    path = _path(
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


def medians(
    group: Int[np.ndarray, " link"], values: Float[np.ndarray, " link"], count: int
) -> Float[np.ndarray, " group"]:
    """Median of the finite values of each group; NaN where there is none."""
    finite = np.isfinite(values)
    group, values = group[finite], values[finite]
    ordered = values[np.lexsort((values, group))]
    number = np.bincount(group, minlength=count)
    first = np.cumsum(number) - number
    found = np.full(count, np.nan)
    there = number > 0
    low, high = first + (number - 1) // 2, first + number // 2
    found[there] = 0.5 * (ordered[low[there]] + ordered[high[there]])
    return found


def _path(
    satellites: Satellites,
    station: str,
    place_ecef_m: Float[np.ndarray, "3"],
    links: RawLinks,
    epoch_s: Float[np.ndarray, " epoch"],
    late_s: Float[np.ndarray, " epoch"],
    corrections: Sequence[Correction],
) -> LinkPath:
    return link_path(
        satellites, station, place_ecef_m, links.satellite, epoch_s[links.epoch],
        late_s[links.epoch], corrections,
    )  # fmt: skip


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


def _first_epoch(path: Path, head: RinexObsHeader) -> Epoch:
    if head.first is None:
        raise LeopntError(f"{path}: the header has no line TIME OF FIRST OBS.")
    return head.first


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


class _Nothing:
    """Orbits and clocks of no satellites."""

    def states(self, satellite, t_s):
        """No state."""
        return np.zeros((len(t_s), 3)), np.zeros((len(t_s), 3))

    def at(self, satellite, t_s):
        """No clock."""
        return np.zeros(len(t_s))
