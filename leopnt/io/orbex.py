"""Measured attitude of satellites in ORBEX 0.09: quaternions, records ATT.

Written from the description of the format (S. Loyer, O. Montenbruck, S. Hilla, ORBEX: the orbit
exchange format, draft 0.09, 2019); no file of an analysis center was at hand to try it on.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError
from leopnt.io.packed_rinex import read_rinex_bytes
from leopnt.io.textfile import split_lines

_SCALES = {
    "GPS": TimeScale.GPST,
    "GAL": TimeScale.GST,
    "BDT": TimeScale.BDT,
    "BDS": TimeScale.BDT,
    "TAI": TimeScale.TAI,
    "UTC": TimeScale.UTC,
}
_EPOCH = re.compile(
    r"## *(\d{4}) +(\d{1,2}) +(\d{1,2}) +(\d{1,2}) +(\d{1,2}) +(\d{1,2})\.(\d+)(?: +\d+)? *",
    re.ASCII,
)
_SATELLITE = re.compile(r"[A-Z][0-9]{2}", re.ASCII)
_OFF_UNIT = 1e-3


@dataclass(frozen=True, eq=False)
class Orbex:
    """Attitudes of one file.

    Attributes:
        satellites: ids, sorted.
        epoch: increasing.
        quaternion: (w, x, y, z), scalar first, that turn ECEF components into body components; NaN
            where missing.
        time_scale: in which epochs are written.
    """

    satellites: tuple[str, ...]
    epoch: Epoch
    quaternion: Float[np.ndarray, "sat epoch 4"]
    time_scale: TimeScale


def read_orbex(path: str | Path) -> Orbex:
    """Read the attitude records of an ORBEX file, plain, gzip or .Z; other records are skipped.

    Raises:
        FormatError: anything that does not follow the format, by line: another first line, frames
            that are not ECEF, records that are no four numbers of length 1, epochs out of order,
            satellites twice at one epoch, a file without its last line.
        LeopntError: no such file.
    """
    lines = split_lines(read_rinex_bytes(path).decode("latin-1"))
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines or not lines[0].startswith("%=ORBEX"):
        found = lines[0][:20] if lines else ""
        raise FormatError(path, 1, f"expected a first line '%=ORBEX', found {found!r}.")
    if not lines[-1].startswith("%END_ORBEX"):
        raise FormatError(path, len(lines), "the last line is not '%END_ORBEX': the file is cut.")
    scale = _description(path, lines)
    epochs, records = _records(path, lines, scale)
    names = tuple(sorted({name for _, name in records}))
    table = np.full((len(names), len(epochs), 4), np.nan)
    for (at, name), values in records.items():
        table[names.index(name), at] = values
    return Orbex(names, Epoch.concatenate(epochs), table, scale)


def _description(path: str | Path, lines: list[str]) -> TimeScale:
    """Time system; the frame must turn with the Earth."""
    scale = TimeScale.GPST
    for number, line in enumerate(lines, 1):
        words = line.split()
        if line[:1] != " " or len(words) < 2:
            continue
        if words[0] == "TIME_SYSTEM":
            if words[1] not in _SCALES:
                raise FormatError(
                    path, number, f"time system {words[1]!r}; expected {', '.join(_SCALES)}."
                )
            scale = _SCALES[words[1]]
        elif words[0] == "FRAME_TYPE" and words[1] != "ECEF":
            raise FormatError(path, number, f"frame {words[1]!r}; expected 'ECEF'.")
    return scale


def _records(path: str | Path, lines: list[str], scale: TimeScale):
    """Epochs, and quaternions by (index of the epoch, satellite)."""
    epochs: list[Epoch] = []
    records: dict[tuple[int, str], np.ndarray] = {}
    for number, line in enumerate(lines, 1):
        if line.startswith("##"):
            epochs.append(_epoch(path, number, line, scale))
            if len(epochs) > 1 and not epochs[-1] > epochs[-2]:
                raise FormatError(path, number, "this epoch is not after the one before.")
        elif line.startswith(" ATT "):
            if not epochs:
                raise FormatError(path, number, "a record before the first epoch (##).")
            name, values = _attitude(path, number, line)
            if (len(epochs) - 1, name) in records:
                raise FormatError(path, number, f"a second attitude of {name} at one epoch.")
            records[len(epochs) - 1, name] = values
    if not records:
        raise FormatError(path, None, "holds no attitude: no line begins with ' ATT '.")
    return epochs, records


def _epoch(path: str | Path, number: int, line: str, scale: TimeScale) -> Epoch:
    match = _EPOCH.fullmatch(line)
    if match is None:
        raise FormatError(
            path, number, f"expected '## 2019 01 01 00 00 00.000000000000 32', found {line[:40]!r}."
        )
    *whole, decimals = match.groups()
    try:
        return Epoch.from_calendar(
            *(int(one) for one in whole), scale=scale, fraction_s=float(f"0.{decimals}")
        )
    except LeopntError as error:
        raise FormatError(path, number, str(error)) from None


def _attitude(path: str | Path, number: int, line: str) -> tuple[str, np.ndarray]:
    words = line.split()
    try:
        values = np.array([float(word) for word in words[-4:]])
        good = len(words) == 7 and words[2] == "4" and bool(_SATELLITE.fullmatch(words[1]))
        good &= abs(float(np.linalg.norm(values)) - 1.0) < _OFF_UNIT
    except ValueError:
        good, values = False, np.zeros(4)
    if not good:
        raise FormatError(
            path,
            number,
            "expected ' ATT G01 4' and four numbers of length 1 (scalar first), found "
            f"{line[:60]!r}.",
        )
    return words[1], values
