"""Station coordinates in SINEX 1 and 2.

Format: [sinex-202]. Read as Latin-1: station names hold bytes that are not UTF-8. Times are
taken as UTC; a plate moves 30 nm in the seconds by which others differ.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError, did_you_mean
from leopnt.io._sinex_text import (
    Row,
    blocks,
    comments,
    head_time,
    instants,
    references,
    require_block,
    warn_of_other_count,
)

YEAR_S = 365.25 * 86_400.0
_AXES = "XYZ"
_UNITS = {"STA": ("m",), "VEL": ("m/y", "m/yr", "m/a")}


@dataclass(frozen=True)
class SinexSite:
    """A line of SITE/ID: code "BJFS", point "A", DOMES number and description.

    Texts are empty where the file has dashes. `technique` is "P" for GNSS, "R" for VLBI, "L" for
    laser ranging, "D" for DORIS, "C" for combinations.
    """

    code: str
    point: str
    domes: str
    description: str
    technique: str = "P"


@dataclass(frozen=True)
class SinexEquipment:
    """Antenna or receiver of a site over a span of time; None is open.

    Attributes:
        code, point: site.
        name: type; of antennas with radome, "LEIAT504        LEIS".
        serial: number, shortened in many files.
        valid_from, valid_until: the span.
        firmware: of a receiver, shortened; empty for antennas.
        solution: to which it belongs; empty is any.
        technique: as of `SinexSite`.
    """

    code: str
    point: str
    name: str
    serial: str
    valid_from: Epoch | None
    valid_until: Epoch | None
    firmware: str = ""
    solution: str = ""
    technique: str = "P"


@dataclass(frozen=True, eq=False)
class SinexEccentricity:
    """Antenna reference point minus marker, over a span of time.

    Attributes:
        code, point: site.
        system: "UNE" (up, north, east) or "XYZ".
        offset_m: the three components.
        valid_from, valid_until: None is open.
        solution, technique: as of `SinexEquipment`.
    """

    code: str
    point: str
    system: str
    offset_m: Float[np.ndarray, "3"]
    valid_from: Epoch | None
    valid_until: Epoch | None
    solution: str = ""
    technique: str = "P"


@dataclass(frozen=True)
class SinexSpan:
    """A line of SOLUTION/EPOCHS: first, last and mean epoch of the data; None is not known."""

    code: str
    point: str
    solution: str
    start: Epoch | None
    end: Epoch | None
    mean: Epoch | None
    technique: str = "P"


@dataclass(frozen=True, eq=False)
class Sinex:
    """Coordinates, one row per site, point and solution, in file order.

    Attributes:
        code, point, solution: "BJFS", "A", "1"; texts are empty where the file has dashes.
        epoch: reference epochs.
        pos_ecef_m, pos_sigma_m: estimates and standard deviations of the marker.
        vel_ecef_mps, vel_sigma_mps: velocities, NaN where not estimated; a year has 365.25 days.
        sites, antennas, receivers, eccentricities: other blocks, empty where the file has none.
        agency: who wrote the file.
        constraint: "0" fixed or tight, "1" significant, "2" not constrained, one per row; empty if
            not known.
        spans: of the data of solutions.
        references: what the file says of itself, ("OUTPUT", "IGS09P02_RSGB").
        comments: lines of text.
        data_agency: who made the solution.
        created, data_start, data_end: of file and data; None where not known.
        technique: of all, as of `SinexSite`.
        file_constraint: of all, as `constraint`.
    """

    code: tuple[str, ...]
    point: tuple[str, ...]
    solution: tuple[str, ...]
    epoch: Epoch
    pos_ecef_m: Float[np.ndarray, "station 3"]
    pos_sigma_m: Float[np.ndarray, "station 3"]
    vel_ecef_mps: Float[np.ndarray, "station 3"]
    vel_sigma_mps: Float[np.ndarray, "station 3"]
    sites: tuple[SinexSite, ...]
    antennas: tuple[SinexEquipment, ...]
    receivers: tuple[SinexEquipment, ...]
    eccentricities: tuple[SinexEccentricity, ...]
    agency: str
    constraint: tuple[str, ...] = ()
    spans: tuple[SinexSpan, ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    comments: tuple[str, ...] = ()
    data_agency: str = ""
    created: Epoch | None = None
    data_start: Epoch | None = None
    data_end: Epoch | None = None
    technique: str = "P"
    file_constraint: str = ""

    def row(self, code: str) -> int:
        """The only row of a site; `LeopntError` if there is none, or are several."""
        rows = [i for i, one in enumerate(self.code) if one == code]
        if len(rows) != 1:
            found = f"{len(rows)}." if rows else f"none.{did_you_mean(code, self.code)}"
            raise LeopntError(f"expected one solution of site {code!r}, found {found}")
        return rows[0]


def read_sinex(path: str | Path) -> Sinex:
    """Read station coordinates, plain, gzip or .Z.

    Warns when the first line promises another number of estimates.

    Raises:
        FormatError: anything that does not follow the format, by line and columns; no block
            SOLUTION/ESTIMATE; stations without all three coordinates.
        LeopntError: no such file.
    """
    found = blocks(path, "%=SNX", "%ENDSNX")
    rows = require_block(path, found, "SOLUTION/ESTIMATE")
    keys, constraint, times, values = _estimates(path, rows)
    columns = list(zip(*keys, strict=True)) or [(), (), ()]
    head = found[""][0]
    warn_of_other_count(path, head.field(61, 65), len(rows), "estimates")
    return Sinex(
        code=columns[0],
        point=columns[1],
        solution=columns[2],
        epoch=instants(times, TimeScale.UTC),
        pos_ecef_m=values[:, 0],
        pos_sigma_m=values[:, 1],
        vel_ecef_mps=values[:, 2] / YEAR_S,
        vel_sigma_mps=values[:, 3] / YEAR_S,
        sites=tuple(_site(row) for row in found.get("SITE/ID", [])),
        antennas=tuple(_equipment(row, "") for row in found.get("SITE/ANTENNA", [])),
        receivers=tuple(
            _equipment(row, row.word(70, 80)) for row in found.get("SITE/RECEIVER", [])
        ),
        eccentricities=tuple(_eccentricity(row) for row in found.get("SITE/ECCENTRICITY", [])),
        agency=head.word(12, 14),
        constraint=constraint,
        spans=tuple(_data_span(row) for row in found.get("SOLUTION/EPOCHS", [])),
        references=references(found.get("FILE/REFERENCE", [])),
        comments=comments(found.get("FILE/COMMENT", [])),
        data_agency=head.word(29, 31),
        created=head_time(head, 16, 27, TimeScale.UTC),
        data_start=head_time(head, 33, 44, TimeScale.UTC),
        data_end=head_time(head, 46, 57, TimeScale.UTC),
        technique=head.word(59, 59),
        file_constraint=head.word(67, 67),
    )


def _estimates(path: str | Path, rows: list[Row]):
    """Stations, constraints, epochs, and (station, 4, 3): position, sigma, velocity, sigma."""
    at: dict[tuple[str, str, str], int] = {}
    constraint: list[str] = []
    times: list[tuple[int, int]] = []
    table: list[np.ndarray] = []
    lines: list[int] = []
    for row in rows:
        kind = row.field(8, 13)
        if kind[:3] not in _UNITS or kind[3:] not in tuple(_AXES):
            continue
        if row.field(41, 44) not in _UNITS[kind[:3]]:
            raise row.error(41, 44, f"unit of {kind}", " or ".join(map(repr, _UNITS[kind[:3]])))
        key = (row.field(15, 18), row.word(20, 21), row.word(23, 26))
        if not key[0]:
            raise row.error(15, 18, "site", "a site code")
        time = row.time(28, 39, "reference epoch")
        if time is None:
            raise row.error(28, 39, "reference epoch", "an epoch that is not open")
        if key not in at:
            at[key] = len(times)
            constraint.append(row.word(46, 46))
            times.append(time)
            table.append(np.full((4, 3), np.nan))
            lines.append(row.number)
        station, first = at[key], 0 if kind[:3] == "STA" else 2
        axis = _AXES.index(kind[3])
        if not np.isnan(table[station][first, axis]):
            raise FormatError(row.path, row.number, f"a second {kind} of {' '.join(key)}.")
        if time != times[station]:
            raise row.error(28, 39, "reference epoch", f"that of line {lines[station]}")
        table[station][first, axis] = row.number_at(48, 68, f"{kind}")
        table[station][first + 1, axis] = row.number_at(70, 80, f"standard deviation of {kind}")
    values = np.array(table).reshape(-1, 4, 3)
    _require_whole(path, lines, list(at), values)
    return list(at), tuple(constraint), times, values


def _require_whole(path: str | Path, lines: list[int], keys: list, values: np.ndarray) -> None:
    """Three coordinates, and no or three velocities."""
    if not len(values):
        raise FormatError(path, None, "block SOLUTION/ESTIMATE holds no station coordinates.")
    for first, allowed in ((0, (0,)), (2, (0, 3))):
        missing = np.sum(np.isnan(values[:, first]), axis=1)
        bad = np.flatnonzero(~np.isin(missing, allowed))
        if len(bad):
            what = "coordinates" if first == 0 else "velocities"
            raise FormatError(
                path,
                lines[bad[0]],
                f"site {' '.join(keys[bad[0]])} has {3 - missing[bad[0]]} of three {what}.",
            )


def _site(row: Row) -> SinexSite:
    return SinexSite(
        row.field(2, 5), row.word(7, 8), row.word(10, 18), row.word(22, 43), row.word(20, 20)
    )


def _epoch(row: Row, first: int, last: int, what: str) -> Epoch | None:
    time = row.time(first, last, what)
    return _instant(*time) if time else None


@lru_cache(maxsize=4096)
def _instant(mjd: int, second: int) -> Epoch:
    """Kept, because a file repeats few times in many lines."""
    return instants([(mjd, second)], TimeScale.UTC)[0]


def _equipment(row: Row, firmware: str) -> SinexEquipment:
    return SinexEquipment(
        code=row.field(2, 5),
        point=row.word(7, 8),
        name=row.word(43, 62),
        serial=row.word(64, 68),
        valid_from=_epoch(row, 17, 28, "start"),
        valid_until=_epoch(row, 30, 41, "end"),
        firmware=firmware,
        solution=row.word(10, 13),
        technique=row.word(15, 15),
    )


def _eccentricity(row: Row) -> SinexEccentricity:
    system = row.field(43, 45)
    if system not in ("UNE", "XYZ"):
        raise row.error(43, 45, "axes", "'UNE' or 'XYZ'")
    columns = ((47, 54), (56, 63), (65, 72))
    return SinexEccentricity(
        code=row.field(2, 5),
        point=row.word(7, 8),
        system=system,
        offset_m=np.array([row.number_at(*one, "eccentricity, m") for one in columns]),
        valid_from=_epoch(row, 17, 28, "start"),
        valid_until=_epoch(row, 30, 41, "end"),
        solution=row.word(10, 13),
        technique=row.word(15, 15),
    )


def _data_span(row: Row) -> SinexSpan:
    return SinexSpan(
        code=row.field(2, 5),
        point=row.word(7, 8),
        solution=row.word(10, 13),
        start=_epoch(row, 17, 28, "start of data"),
        end=_epoch(row, 30, 41, "end of data"),
        mean=_epoch(row, 43, 54, "mean epoch"),
        technique=row.word(15, 15),
    )
