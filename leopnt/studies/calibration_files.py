"""`[files]` of a calibration: observations, orbits and clocks, and where the stations are."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from leopnt.errors import LeopntError
from leopnt.methods.calibration import Network
from leopnt.scenes.settings import SettingsTable, shown

FileNames = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
Position = Annotated[
    list[Annotated[float, Field(ge=-1e7, le=1e7)]], Field(min_length=3, max_length=3)
]

_LISTS = (
    "observations",
    "leo_orbits",
    "leo_clocks",
    "reference_orbits",
    "reference_clocks",
)
_SINGLE = ("sinex", "antex", "biases")


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
    sinex: str | None = Field(
        default=None, min_length=1, description="a SINEX file of station positions"
    )
    positions_ecef_m: dict[str, Position] = Field(
        default={}, description="a station's x, y, z in metres, -1e7 to 1e7"
    )
    antex: str | None = Field(
        default=None, min_length=1, description="an ANTEX file of the reference satellites"
    )
    biases: str | None = Field(
        default=None, min_length=1, description="a Bias-SINEX file of the reference satellites"
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


def input_files(table: FilesTable, folder: Path) -> tuple[Path, ...]:
    """Every file that the table names, each once, in order."""
    lists = [getattr(table, name) or [] for name in _LISTS]
    found = [path for names in lists for one in names for path in _matching(folder, one)]
    found += [folder / name for one in _SINGLE if (name := getattr(table, one))]
    return tuple(dict.fromkeys(found))


def network_of_files(table: FilesTable, folder: Path) -> Network:
    """Satellites, stations and a job for each station-day, from files.

    Raises:
        LeopntError: station-days cannot be made from files yet.
    """
    raise LeopntError(
        f"[files] observations = {table.observations} in {str(folder)!r}: this version makes no "
        "station-days from files; expected [simulation]."
    )


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Files of a name or a pattern, sorted."""
    found = sorted(glob.glob(pattern, root_dir=folder, recursive=True))
    return [folder / name for name in found if (folder / name).is_file()]
