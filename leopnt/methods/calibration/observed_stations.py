"""Observations of a station and day, and its receiver clock from code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
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
from leopnt.methods.calibration.place_offset import check_coordinates, place_offset
from leopnt.methods.calibration.products import read_satellites
from leopnt.methods.calibration.signals import SignalPair

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
        path = path_of(
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


def path_of(
    satellites: Satellites,
    station: str,
    place_ecef_m: Float[np.ndarray, "3"],
    links: RawLinks,
    epoch_s: Float[np.ndarray, " epoch"],
    late_s: Float[np.ndarray, " epoch"],
    corrections: Sequence[Correction],
) -> LinkPath:
    """Way of the links of a station, whose clock is late by `late_s` at each epoch."""
    return link_path(
        satellites, station, place_ecef_m, links.satellite, epoch_s[links.epoch],
        late_s[links.epoch], corrections,
    )  # fmt: skip


def _first_epoch(path: Path, head: RinexObsHeader) -> Epoch:
    if head.first is None:
        raise LeopntError(f"{path}: the header has no line TIME OF FIRST OBS.")
    return head.first


class _Nothing:
    """Orbits and clocks of no satellites."""

    def states(self, satellite, t_s):
        """No state."""
        return np.zeros((len(t_s), 3)), np.zeros((len(t_s), 3))

    def at(self, satellite, t_s):
        """No clock."""
        return np.zeros(len(t_s))
