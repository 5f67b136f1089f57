"""`[files]` of a calibration: observations, orbits and clocks, and where the stations are."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io.antex import Antex, read_antex
from leopnt.io.bias_sinex import read_bias_sinex
from leopnt.io.orbex import read_orbex
from leopnt.io.rinex_obs_header import RinexObsHeader
from leopnt.methods.calibration import (
    BEIDOU_SIGNALS,
    GALILEO_SIGNALS,
    GPS_SIGNALS,
    LEO_SIGNALS,
    Attitude,
    Correction,
    FileInputs,
    NadirAttitude,
    NavigationAttitude,
    Network,
    PathModel,
    QuaternionAttitude,
    SatelliteBiases,
    SatelliteOffsets,
    SignalPair,
    StationOffsets,
    StationVariations,
    WindUp,
    read_satellites,
    receiver_antenna,
    satellite_biases,
    satellite_offsets,
    standard_model,
    station_coordinates,
    station_days_from_files,
)
from leopnt.methods.calibration.observed_stations import read_header
from leopnt.scenes.settings import SettingsTable, shown

FileNames = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
Position = Annotated[
    list[Annotated[float, Field(ge=-1e7, le=1e7)]], Field(min_length=3, max_length=3)
]

Codes = Annotated[
    list[Annotated[str, Field(pattern=r"^C[0-9][A-Z]$")]], Field(min_length=2, max_length=2)
]

REFERENCE_SIGNALS = {"C": BEIDOU_SIGNALS, "G": GPS_SIGNALS, "E": GALILEO_SIGNALS}
"""What is observed of each reference system unless codes are given."""

_LISTS = (
    "observations",
    "leo_orbits",
    "leo_clocks",
    "reference_orbits",
    "reference_clocks",
)
_SINGLE = ("sinex", "antex", "receiver_antex", "biases", "attitude")


class FilesTable(SettingsTable):
    """`[files]`: what a calibration of real observations reads; names may hold `*` and `?`."""

    observations: FileNames = Field(
        description="a list of RINEX observation files, as ['obs/*.rnx.gz']"
    )
    leo_orbits: FileNames = Field(description="a list of SP3 files of the LEO satellites")
    leo_clocks: FileNames | None = Field(
        default=None, description="a list of CLK files; default: the clocks of leo_orbits"
    )
    reference_orbits: FileNames = Field(description="a list of SP3 files of the reference system")
    reference_clocks: FileNames | None = Field(
        default=None, description="a list of CLK files; default: the clocks of reference_orbits"
    )
    reference_system: Literal["C", "G", "E"] = Field(
        default="C", description="'C' (BDS), 'G' (GPS) or 'E' (Galileo)"
    )
    leo_system: Annotated[str, Field(pattern=r"^[A-Z]$")] = Field(
        default="L", description="the letter of the LEO satellites, as 'L'"
    )
    reference_codes: Codes | None = Field(
        default=None, description="two RINEX codes on the system's carriers, as ['C1X', 'C5X']"
    )
    leo_codes: Codes | None = Field(
        default=None, description="two RINEX codes of bands 1 and 5, as ['C1C', 'C5Q']"
    )
    sinex: str | None = Field(
        default=None, min_length=1, description="a SINEX file of station positions"
    )
    positions_ecef_m: dict[str, Position] = Field(
        default={}, description="a station's x, y, z in metres, -1e7 to 1e7"
    )
    antex: str | None = Field(
        default=None, min_length=1, description="an ANTEX file of the reference satellites"
    )
    receiver_antex: str | None = Field(
        default=None, min_length=1, description="an ANTEX file of the stations' antennas"
    )
    biases: str | None = Field(
        default=None, min_length=1, description="a Bias-SINEX file of the reference satellites"
    )
    attitude: str | None = Field(
        default=None, min_length=1, description="an ORBEX file of the LEO satellites' attitude"
    )


def file_problems(raw: dict[str, Any], folder: Path) -> Iterator[str]:
    """Files that are not there, and stations without a place."""
    for name in _LISTS:
        found = raw.get(name)
        for i, pattern in enumerate(found if isinstance(found, list) else ()):
            if isinstance(pattern, str) and pattern and not _matching(folder, pattern):
                yield f"[files] {name}[{i}] = {shown(pattern)}: there is no such file."
    for name in _SINGLE:
        one = raw.get(name)
        if isinstance(one, str) and one and not (folder / one).is_file():
            yield f"[files] {name} = {shown(one)}: there is no such file."
    if "sinex" not in raw and not raw.get("positions_ecef_m"):
        yield "[files] sinex, positions_ecef_m: missing; expected one of them, where stations are."
    yield from _code_problems(raw)


def input_files(table: FilesTable, folder: Path) -> tuple[Path, ...]:
    """Every file that the table names, each once, in order."""
    lists = [getattr(table, name) or [] for name in _LISTS]
    found = [path for names in lists for one in names for path in _matching(folder, one)]
    found += [folder / name for one in _SINGLE if (name := getattr(table, one))]
    return tuple(dict.fromkeys(found))


def network_of_files(table: FilesTable, folder: Path, mask_deg: float = 10.0) -> Network:
    """Satellites, stations and a job for each station-day, from files.

    Headers and the orbits of the LEO satellites are read now, observations when a job is loaded.

    Raises:
        LeopntError: files that are malformed or do not fit together, stations without coordinates.
    """
    observations = _all_matching(folder, table.observations)
    heads = [read_header(path) for path in observations]
    firsts = [head.first for head in heads if head.first is not None]
    if not firsts:
        raise LeopntError(
            f"{observations[0]}: the header has no line TIME OF FIRST OBS; expected one."
        )
    start = min(firsts, key=lambda one: float(one.tai_s))
    products = {
        name: tuple(_all_matching(folder, getattr(table, name) or []))
        for name in ("reference_orbits", "reference_clocks", "leo_orbits", "leo_clocks")
    }
    reference = _signals(REFERENCE_SIGNALS[table.reference_system], table.reference_codes)
    leo = replace(_signals(LEO_SIGNALS, table.leo_codes), letter=table.leo_system)
    markers = list(dict.fromkeys(head.marker_name for head in heads))
    model = standard_model(*_corrections(table, folder, reference, products, start))
    if table.receiver_antex is not None:
        antennas = read_antex(folder / table.receiver_antex)
        model = _with_stations(model, antennas, antennas_of(heads), reference, leo)
    attitude: Attitude = NadirAttitude()
    if table.attitude is not None:
        attitude = QuaternionAttitude(read_orbex(folder / table.attitude))
        model = PathModel(model.reference, _turned(model.leo, attitude))
    inputs = FileInputs(
        tuple(observations),
        products["reference_orbits"],
        products["leo_orbits"],
        _coordinates(table, folder, markers, start),
        reference_clk=products["reference_clocks"],
        leo_clk=products["leo_clocks"],
        reference=reference,
        leo=leo,
        model=model,
        leo_attitude=attitude,
        mask_rad=float(np.radians(mask_deg)),
    )
    found = station_days_from_files(inputs)
    return replace(found, inputs=input_files(table, folder))


def _coordinates(
    table: FilesTable, folder: Path, markers: list[str], start: Epoch
) -> dict[str, Float[np.ndarray, "3"]]:
    """Of every station; those given in the table win."""
    places = {name: np.array(at, float) for name, at in table.positions_ecef_m.items()}
    others = [name for name in markers if name not in places]
    if table.sinex is not None and others:
        places |= station_coordinates(folder / table.sinex, others, start)
    return places


def _corrections(
    table: FilesTable, folder: Path, reference: SignalPair, products: dict, start: Epoch
) -> Iterator[Correction]:
    """Antennas and code biases of the reference system, where files tell them."""
    if table.antex is None and table.biases is None:
        return
    orbits, clocks = products["reference_orbits"], products["reference_clocks"]
    names = read_satellites(reference.letter, reference.pair, orbits, clocks, start).names
    if table.antex is not None:
        antex = read_antex(folder / table.antex)
        known = satellite_offsets(antex, names, start, reference.pair, reference.antex_codes)
        yield SatelliteOffsets(known, NavigationAttitude())
    if table.biases is not None:
        biases = read_bias_sinex(folder / table.biases)
        yield SatelliteBiases(satellite_biases(biases, names, reference, start))


def antennas_of(heads: Sequence[RinexObsHeader]) -> dict[str, str]:
    """Antenna type and radome of each station, by its headers.

    Raises:
        LeopntError: no antenna in a header, or different ones.
    """
    found: dict[str, str] = {}
    for head in heads:
        name = head.antenna[1]
        before = found.setdefault(head.marker_name, name)
        if not name or before.split() != name.split():
            raise LeopntError(
                f"station {head.marker_name!r} has the antennas {before!r} and {name!r} (ANT # / "
                "TYPE) in its files; expected the same one in all of them, with receiver_antex."
            )
    return found


def _with_stations(
    model: PathModel,
    antex: Antex,
    antennas: dict[str, str],
    reference: SignalPair,
    leo: SignalPair,
) -> PathModel:
    """Phase centers of the stations' antennas, on the carriers of each system."""
    more = []
    for signals in (reference, leo):
        both = {
            station: receiver_antenna(antex, name, signals.pair, signals.antex_codes)
            for station, name in antennas.items()
        }
        offsets = StationOffsets({station: one for station, (one, _) in both.items()})
        more.append((offsets, StationVariations({station: v for station, (_, v) in both.items()})))
    return PathModel((*model.reference, *more[0]), (*model.leo, *more[1]))


def _turned(corrections: tuple[Correction, ...], attitude: Attitude) -> tuple[Correction, ...]:
    """The same corrections, wind-up by a measured attitude."""
    return tuple(WindUp(attitude) if isinstance(one, WindUp) else one for one in corrections)


def _signals(default: SignalPair, codes: list[str] | None) -> SignalPair:
    """The system's signals, or those of other code on the same carriers."""
    if codes is None:
        return default
    first, second = codes
    return replace(default, code=(first, second), phase=(f"L{first[1:]}", f"L{second[1:]}"))


def _code_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Codes of other carriers than the system's."""
    systems = {"reference_codes": REFERENCE_SIGNALS.get(str(raw.get("reference_system", "C")))}
    for name, default in (systems | {"leo_codes": LEO_SIGNALS}).items():
        found = raw.get(name)
        if default is None or not isinstance(found, list) or len(found) != 2:
            continue
        bands = [code[1] for code in default.code]
        if [str(code)[1:2] for code in found] != bands:
            yield (
                f"[files] {name} = {shown(found)}: expected codes of the bands "
                f"{' and '.join(bands)}, as {list(default.code)}."
            )


def _all_matching(folder: Path, patterns: list[str]) -> list[Path]:
    return list(dict.fromkeys(path for one in patterns for path in _matching(folder, one)))


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Files of a name or a pattern, sorted."""
    found = sorted(glob.glob(pattern, root_dir=folder, recursive=True))
    return [folder / name for name in found if (folder / name).is_file()]
