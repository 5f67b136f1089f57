"""Precise orbits and clocks in SP3-c and SP3-d.

Format: [sp3-d] (S. Hilla, The Extended Standard Product 3 Orbit Format, 2016). P and V records are
read, with clocks and flags; the standard deviations and correlations in the records (columns
62-73, EP and EV lines) are not.
"""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError, LeopntWarning
from leopnt.io.textfile import decode, read_bytes, split_lines

if TYPE_CHECKING:
    from leopnt.orbits.tabulated import TabulatedOrbits

_WIDTH = 80
_MISSING_CLOCK = 999_999.0  # written 999999.999999, in some files with fewer decimals
_SCALES = {
    "GPS": TimeScale.GPST,
    "GLO": TimeScale.UTC,  # SP3 writes GLONASS epochs in UTC, without Moscow's three hours
    "GAL": TimeScale.GST,
    "BDT": TimeScale.BDT,
    "BDS": TimeScale.BDT,
    "TAI": TimeScale.TAI,
    "UTC": TimeScale.UTC,
    "QZS": TimeScale.GPST,
    "IRN": TimeScale.GPST,
}
_INERTIAL = {
    "ECI",
    "GCRS",
    "GCRF",
    "ICRF",
    "ICRS",
    "J2000",
    "EME00",
    "EME20",
    "TEME",
    "TOD",
    "MOD",
}
_SATELLITE = re.compile(r"[A-Z][ 0-9A-Z][0-9A-Z]", re.ASCII)
_EPOCH = re.compile(
    r"\*  ([ 0-9]{4}) ([ 0-9]{2}) ([ 0-9]{2}) ([ 0-9]{2}) ([ 0-9]{2}) ([ 0-9]{2})\.([0-9]{1,8}) *",
    re.ASCII,
)
_NUMBER_BYTES = np.zeros(256, dtype=bool)
_NUMBER_BYTES[list(b" 0123456789.+-")] = True


@dataclass(frozen=True, eq=False)
class Sp3:
    """One SP3 file as arrays, SI; missing values are NaN.

    Attributes:
        satellites: ids of the header, "G01", "C19", "L56".
        epoch: instants of the records, in the time system of the header.
        time_scale: that time system (GLO is UTC; QZS and IRN are GPST).
        pos_ecef_m: positions, centre of mass.
        vel_ecef_mps: velocities relative to the Earth; all NaN in a file of positions only.
        clock_s: satellite clock minus system time. Broadcast relativistic periodic terms are not
            included in it, as in all SP3 files.
        clock_rate: its rate from V records, s/s.
        is_clock_event: flag E, the clock jumped between the epoch before and this one.
        is_clock_predicted, is_orbit_predicted: flags P.
        is_maneuver: flag M, a maneuver took place between the epoch before and this one.
        orbit_sigma_m: accuracy of the header, 2**n mm; NaN where it says 0, unknown.
        coordinate_system, orbit_type, agency: texts of the first line, as "IGb14", "FIT", "AIUB".
    """

    satellites: tuple[str, ...]
    epoch: Epoch
    time_scale: TimeScale
    pos_ecef_m: Float[np.ndarray, "sat epoch 3"]
    vel_ecef_mps: Float[np.ndarray, "sat epoch 3"]
    clock_s: Float[np.ndarray, "sat epoch"]
    clock_rate: Float[np.ndarray, "sat epoch"]
    is_clock_event: Bool[np.ndarray, "sat epoch"]
    is_clock_predicted: Bool[np.ndarray, "sat epoch"]
    is_maneuver: Bool[np.ndarray, "sat epoch"]
    is_orbit_predicted: Bool[np.ndarray, "sat epoch"]
    orbit_sigma_m: Float[np.ndarray, " sat"]
    coordinate_system: str
    orbit_type: str
    agency: str

    def tabulated(self) -> "TabulatedOrbits":
        """The orbits and clocks, ready to be interpolated."""
        from leopnt.orbits.tabulated import TabulatedOrbits  # loads JAX, which reading does not

        return TabulatedOrbits(
            name=self.satellites,
            epoch=self.epoch,
            pos_ecef_m=self.pos_ecef_m,
            vel_ecef_mps=self.vel_ecef_mps,
            clock_s=self.clock_s,
            starts_arc=self.is_maneuver,
            starts_clock_arc=self.is_clock_event,
        )


def read_sp3(path: str | Path) -> Sp3:
    """Read an SP3-c or SP3-d file, plain or gzip.

    Positions of 0.0 0.0 0.0 or 999999.999999, clocks of 999999.999999 or blank, and satellites
    left out of an epoch are missing. Warns when the header promises another number of epochs, as
    in a cut-out of a longer file.

    Raises:
        FormatError: SP3-a and SP3-b (which name no satellite system), unknown time systems,
            inertial coordinates, a file without its final EOF line, and any malformed line, by
            number.
    """
    lines = split_lines(decode(read_bytes(path), path))
    header, first = _header(path, lines)
    last = _end(path, lines)
    _check_starts(path, lines, first, last)
    epoch_rows = np.array([i for i in range(first, last) if lines[i][0] == "*"])
    record_rows = np.array([i for i in range(first, last) if lines[i][0] in "PV"], dtype=np.int64)
    epoch = _epochs(path, lines, epoch_rows, header.time_scale)
    if len(epoch) != header.num_epochs:
        warnings.warn(
            f"{path}: the header promises {header.num_epochs} epochs, the file holds {len(epoch)}."
            " Is this the part that you need?",
            LeopntWarning,
            stacklevel=2,
        )
    return _assemble(path, lines, header, epoch, epoch_rows, record_rows)


# --- header -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Header:
    satellites: tuple[str, ...]
    orbit_sigma_m: np.ndarray
    num_epochs: int
    time_scale: TimeScale
    coordinate_system: str
    orbit_type: str
    agency: str


def _header(path: str | Path, lines: list[str]) -> tuple[_Header, int]:
    """Header, and the index of the first epoch line."""
    head = lines[0] if lines else ""
    if not re.match(r"#[cd][PV]", head):
        raise FormatError(path, 1, _not_sp3(head))
    num_epochs = _integer(path, 1, head, 33, 39, "number of epochs")
    coordinate_system = head[46:51].strip()
    if coordinate_system.upper() in _INERTIAL:
        raise FormatError(
            path,
            1,
            f"coordinate system {coordinate_system!r} (columns 47-51) is inertial; expected an "
            "Earth-fixed one such as ITRF or IGS20.",
        )
    first = next((i for i, line in enumerate(lines) if line.startswith("*")), len(lines))
    satellites, sigma_m = _satellites(path, lines[:first])
    return _Header(
        satellites,
        sigma_m,
        num_epochs,
        _time_scale(path, lines[:first]),
        coordinate_system,
        head[52:55].strip(),
        head[56:60].strip(),
    ), first


def _not_sp3(head: str) -> str:
    if re.match(r"#[abPV ]", head):
        return f"version {head[:2]!r}; expected '#c' or '#d': older ones name no satellite system."
    return f"expected a line that begins with #cP, #cV, #dP or #dV, found {head[:20]!r}."


def _integer(path: str | Path, number: int, line: str, first: int, last: int, what: str) -> int:
    text = line[first - 1 : last].strip()
    if not re.fullmatch(r"[0-9]+", text, re.ASCII):
        raise FormatError(
            path, number, f"columns {first}-{last} ({what}): expected an integer, found {text!r}."
        )
    return int(text)


def _satellites(path: str | Path, lines: list[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Satellite ids of the '+' lines, and accuracies of the '++' lines."""
    ids: list[str] = []
    exponents: list[int] = []
    count, count_line = None, 0
    for number, line in enumerate(lines, 1):
        if line.startswith("++"):
            rest = line[9:60]
            for at in range(0, len(rest) - len(rest) % 3, 3):
                exponents.append(_integer(path, number, line, at + 10, at + 12, "accuracy"))
        elif line.startswith("+"):
            if count is None:
                count, count_line = _integer(path, number, line, 2, 6, "satellites"), number
            words = [line[at : at + 3] for at in range(9, min(60, len(line)), 3)]
            ids += [_satellite(path, number, word) for word in words[: max(count - len(ids), 0)]]
    if not count or len(ids) != count:
        raise FormatError(
            path,
            count_line or None,
            f"the header promises {count or 'no'} satellites and names {len(ids)} in its + lines.",
        )
    if len(set(ids)) < count:
        twice = next(one for one in ids if ids.count(one) > 1)
        raise FormatError(path, count_line, f"satellite {twice} is listed twice.")
    exponent = np.array((exponents + [0] * count)[:count])
    sigma_m = np.where(exponent > 0, 2.0 ** np.minimum(exponent, 60) * 1e-3, np.nan)
    return tuple(ids), sigma_m


def _satellite(path: str | Path, number: int, word: str) -> str:
    if not _SATELLITE.fullmatch(word):
        raise FormatError(
            path,
            number,
            f"satellite id {word!r}; expected a system letter and two characters, 'G01'.",
        )
    return word.replace(" ", "0")


def _time_scale(path: str | Path, lines: list[str]) -> TimeScale:
    found = [(i, line) for i, line in enumerate(lines, 1) if line.startswith("%c")]
    if not found:
        raise FormatError(path, None, "no %c line before the first epoch names the time system.")
    number, line = found[0]
    name = line[9:12]
    if name not in _SCALES:
        raise FormatError(
            path,
            number,
            f"time system {name!r} (columns 10-12); expected one of {', '.join(_SCALES)}.",
        )
    return _SCALES[name]


# --- body ---------------------------------------------------------------------------------------


def _end(path: str | Path, lines: list[str]) -> int:
    """Index of the EOF line; only blank lines may follow."""
    last = len(lines) - 1
    while last >= 0 and not lines[last].strip():
        last -= 1
    if last < 0 or lines[last].rstrip() != "EOF":
        raise FormatError(
            path, last + 1, "the last line is not 'EOF': the file is cut, or something follows it."
        )
    return last


def _check_starts(path: str | Path, lines: list[str], first: int, last: int) -> None:
    """Refuse lines of the body that are no epoch, record or comment."""
    if first >= last:
        raise FormatError(path, None, "no epoch: no line begins with '*'.")
    for i in range(first, last):
        start = lines[i][:1]
        if start in ("P", "V", "*") or lines[i][:2] in ("EP", "EV", "/*"):
            continue
        raise FormatError(
            path,
            i + 1,
            f"expected a line that begins with *, P, V, EP, EV or /*, found {lines[i][:20]!r}.",
        )


def _epochs(path: str | Path, lines: list[str], rows: np.ndarray, scale: TimeScale) -> Epoch:
    fields = []
    for row in rows:
        match = _EPOCH.fullmatch(lines[row])
        numbers = match and [word.strip() for word in match.groups()]
        if not numbers or not all(numbers[:6]):
            raise FormatError(
                path,
                int(row) + 1,
                "expected an epoch as '*  2021  4 28 18  0  0.00000000', found "
                f"{lines[row][:40]!r}.",
            )
        try:
            values = [int(word) for word in numbers[:6]]
        except ValueError:
            raise FormatError(path, int(row) + 1, f"{lines[row][:40]!r} is not a date.") from None
        fields.append((*values, float(f"0.{numbers[6]}")))
    table = np.array(fields)
    whole = table[:, :6].astype(np.int64)
    epoch = _calendar(path, rows, whole, table[:, 6], scale)
    back = np.flatnonzero(epoch[1:] <= epoch[:-1])
    if len(back):
        raise FormatError(
            path, int(rows[back[0] + 1]) + 1, "this epoch is not after the one before."
        )
    return epoch


def _calendar(path: str | Path, rows, whole, fraction_s, scale: TimeScale) -> Epoch:
    try:
        return Epoch.from_calendar(*whole.T, scale=scale, fraction_s=fraction_s)
    except LeopntError as error:
        complaint = str(error)
    for i, row in enumerate(rows):
        try:
            Epoch.from_calendar(*whole[i], scale=scale, fraction_s=fraction_s[i])
        except LeopntError as error:
            raise FormatError(path, int(row) + 1, str(error)) from None
    raise FormatError(path, None, complaint)


def _assemble(
    path: str | Path,
    lines: list[str],
    header: _Header,
    epoch: Epoch,
    epoch_rows: np.ndarray,
    record_rows: np.ndarray,
) -> Sp3:
    """Put the P and V records into arrays over satellites and epochs."""
    shape = (len(header.satellites), len(epoch))
    is_velocity = np.array([lines[i][0] == "V" for i in record_rows], dtype=bool)
    p_rows, v_rows = record_rows[~is_velocity], record_rows[is_velocity]
    p_text, pos = _records(path, lines, p_rows)
    _, vel = _records(path, lines, v_rows)
    p_at = _places(path, lines, header.satellites, epoch_rows, p_rows)
    v_at = _places(path, lines, header.satellites, epoch_rows, v_rows)
    is_missing = np.all(pos[:, :3] == 0.0, axis=1) | np.any(pos[:, :3] >= _MISSING_CLOCK, axis=1)
    pos[is_missing, :3] = np.nan
    is_missing = np.all(vel[:, :3] == 0.0, axis=1) | np.any(
        vel[:, :3] >= _MISSING_CLOCK * 10, axis=1
    )
    vel[is_missing, :3] = np.nan

    def flag(column: int, letter: str) -> np.ndarray:
        return _scatter(shape, p_at, p_text[:, column - 1] == ord(letter), False)

    return Sp3(
        satellites=header.satellites,
        epoch=epoch,
        time_scale=header.time_scale,
        pos_ecef_m=_scatter((*shape, 3), p_at, pos[:, :3] * 1e3, np.nan),
        vel_ecef_mps=_scatter((*shape, 3), v_at, vel[:, :3] * 0.1, np.nan),
        clock_s=_scatter(shape, p_at, _clock(pos[:, 3]) * 1e-6, np.nan),
        clock_rate=_scatter(shape, v_at, _clock(vel[:, 3]) * 1e-10, np.nan),
        is_clock_event=flag(75, "E"),
        is_clock_predicted=flag(76, "P"),
        is_maneuver=flag(79, "M"),
        is_orbit_predicted=flag(80, "P"),
        orbit_sigma_m=header.orbit_sigma_m,
        coordinate_system=header.coordinate_system,
        orbit_type=header.orbit_type,
        agency=header.agency,
    )


def _records(path: str | Path, lines: list[str], rows: np.ndarray):
    """Bytes of the records, and their three coordinates and clock as written."""
    words = [lines[i][:_WIDTH].encode("latin-1", "replace") for i in rows]
    text = np.array(words, dtype=f"S{_WIDTH}").view(np.uint8).reshape(-1, _WIDTH)
    text = np.where(text == 0, np.uint8(ord(" ")), text)  # padding of short lines
    field = np.ascontiguousarray(text[:, 4:60]).reshape(-1, 14)
    is_blank = np.all(field == ord(" "), axis=1)
    numbers = np.where(is_blank, b"999999.999999", field.view("S14")[:, 0])
    is_bad = ~np.all(_NUMBER_BYTES[field], axis=1) | (is_blank & (np.arange(len(field)) % 4 != 3))
    if np.any(is_bad):
        _raise_bad_number(path, lines, rows, int(np.argmax(is_bad)))
    try:
        return text, numbers.astype(np.float64).reshape(-1, 4)
    except ValueError:
        for at, number in enumerate(numbers):
            try:
                float(number)
            except ValueError:
                _raise_bad_number(path, lines, rows, at)
        raise


def _raise_bad_number(path: str | Path, lines: list[str], rows: np.ndarray, at: int):
    record, column = divmod(at, 4)
    row = int(rows[record])
    start = 4 + 14 * column
    what = ("x", "y", "z", "clock")[column]
    raise FormatError(
        path,
        row + 1,
        f"columns {start + 1}-{start + 14} ({what}) of a {lines[row][0]} record: expected a "
        f"decimal number, found {lines[row][start : start + 14]!r}.",
    )


def _places(
    path: str | Path,
    lines: list[str],
    satellites: tuple[str, ...],
    epoch_rows: np.ndarray,
    rows: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Satellite and epoch index of each record."""
    index = {name: i for i, name in enumerate(satellites)}
    index |= {f"{name[0]} {name[2]}": i for name, i in index.items() if name[1] == "0"}
    sat = np.array([index.get(lines[i][1:4], -1) for i in rows], dtype=np.int64)
    if np.any(sat < 0):
        row = int(rows[np.argmax(sat < 0)])
        raise FormatError(
            path, row + 1, f"satellite {lines[row][1:4]!r} is not among those of the header."
        )
    epoch = np.searchsorted(epoch_rows, rows) - 1
    key = sat * len(epoch_rows) + epoch
    _, first, counts = np.unique(key, return_index=True, return_counts=True)
    if np.any(counts > 1):
        at = first[np.argmax(counts > 1)]
        again = np.flatnonzero(key == key[at])[1]
        name = satellites[int(sat[at])]
        raise FormatError(
            path,
            int(rows[again]) + 1,
            f"a second {lines[rows[again]][0]} record of {name} at one epoch.",
        )
    return sat, epoch


def _clock(values: np.ndarray) -> np.ndarray:
    return np.where(np.abs(values) >= _MISSING_CLOCK, np.nan, values)


def _scatter(shape, at, values, default) -> np.ndarray:
    out = np.full(shape, default)
    out[at] = values
    return out
