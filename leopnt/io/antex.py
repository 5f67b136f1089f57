"""Antenna phase centers in ANTEX 1.4, read and written.

Format: [antex-14]. North, east and up of a satellite antenna are x, y and z of its body frame, and
its zenith angle is the nadir angle at the satellite.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError, did_you_mean
from leopnt.io._byte_lines import ByteLines, byte_lines
from leopnt.io._replacing import replacing
from leopnt.io._rinex_text import HeaderLine, calendar_fields, epochs, label_of
from leopnt.io.packed_rinex import read_rinex_bytes

_NUMBER = np.zeros(256, dtype=bool)
_NUMBER[list(b" 0123456789.+-")] = True
_MOST_ANGLES = 721


@dataclass(frozen=True, eq=False)
class AntexFrequency:
    """Phase center of one antenna at one frequency, m.

    Attributes:
        pco_m: mean phase center: north, east, up of the antenna reference point (receiver), or x,
            y, z in the body frame from the center of mass (satellite).
        pcv_m: variations over zenith angle, azimuth left out (NOAZI).
        pcv_az_m: over azimuth and zenith angle; no rows where the file has none.
    """

    pco_m: Float[np.ndarray, "3"]
    pcv_m: Float[np.ndarray, " zenith"]
    pcv_az_m: Float[np.ndarray, "azimuth zenith"]


@dataclass(frozen=True, eq=False)
class AntexAntenna:
    """One antenna over one span of time.

    Attributes:
        name: type with radome ("TRM59800.80     NONE") or of the satellite ("BEIDOU-3M-CAST").
        serial: serial number, or satellite ("C22"); empty for all antennas of a type.
        sat_code, cospar_id: "C205", "2018-018A"; empty for receivers.
        zenith_rad: angles of the variations.
        azimuth_rad: of their rows, from north (x) over east (y); none if they have no azimuth.
        frequencies: by code, "G01" (GPS L1), "C02" (BDS B1I).
        frequency_sigmas: standard deviations, where the file has them.
        valid_from, valid_until: None means open.
        method, agency, num_calibrated, date: of the calibration.
        sinex_code: as "IGS14_2247".
        comments: texts.
    """

    name: str
    serial: str
    zenith_rad: Float[np.ndarray, " zenith"]
    azimuth_rad: Float[np.ndarray, " azimuth"]
    frequencies: Mapping[str, AntexFrequency]
    frequency_sigmas: Mapping[str, AntexFrequency] = field(default_factory=dict)
    sat_code: str = ""
    cospar_id: str = ""
    valid_from: Epoch | None = None
    valid_until: Epoch | None = None
    method: str = ""
    agency: str = ""
    num_calibrated: int = 0
    date: str = ""
    sinex_code: str = ""
    comments: tuple[str, ...] = ()

    def is_valid_at(self, epoch: Epoch) -> bool:
        """Whether one epoch lies in the span of validity."""
        after = self.valid_from is None or bool(epoch >= self.valid_from)
        return after and (self.valid_until is None or bool(epoch <= self.valid_until))

    def frequency(self, code: str) -> AntexFrequency:
        """Phase center at a frequency; `LeopntError` if the antenna has none."""
        if code not in self.frequencies:
            raise LeopntError(
                f"antenna {self.name} {self.serial}: no frequency {code!r}; there are "
                f"{', '.join(self.frequencies)}.{did_you_mean(code, self.frequencies)}"
            )
        return self.frequencies[code]


@dataclass(frozen=True, eq=False)
class Antex:
    """All antennas of a file.

    Attributes:
        antennas: in file order.
        pcv_type: "A" absolute or "R" relative to the reference antenna.
        reference_antenna: of relative values.
        satellite_system: a letter, or "M".
        comments: of the header.
    """

    antennas: tuple[AntexAntenna, ...]
    pcv_type: str = "A"
    reference_antenna: str = ""
    satellite_system: str = "M"
    comments: tuple[str, ...] = ()

    def satellite(self, name: str, epoch: Epoch) -> AntexAntenna:
        """The antenna of a satellite ("C22") at an epoch; `LeopntError` if there is none."""
        there = [one for one in self.antennas if one.serial == name and one.sat_code]
        for one in there:
            if one.is_valid_at(epoch):
                return one
        why = "at no epoch" if not there else f"not at {epoch.to_iso()}"
        raise LeopntError(f"the file holds an antenna of satellite {name!r} {why}.")

    def receiver(self, name: str) -> AntexAntenna:
        """The antenna of a type and radome, as "TRM59800.80     NONE", blanks not counted."""
        wanted = name.split()
        there = [one for one in self.antennas if not one.sat_code]
        for one in there:
            if one.name.split() == wanted and not one.serial:
                return one
        names = [one.name for one in there]
        raise LeopntError(
            f"the file holds no receiver antenna {name!r}.{did_you_mean(name, names)}"
        )


def read_antex(path: str | Path) -> Antex:
    """Read an ANTEX file, plain, gzip or .Z.

    Raises:
        FormatError: anything that does not follow the format, by line and columns; sections that
            are not closed; other numbers of frequencies, azimuths or zenith angles than promised.
        LeopntError: no such file.
    """
    return _Reader(byte_lines(read_rinex_bytes(path), path)).file()


class _Reader:
    """Goes through the lines once."""

    def __init__(self, lines: ByteLines):
        self.lines = lines
        self.row = 0

    def next(self, what: str) -> HeaderLine:
        if self.row >= len(self.lines):
            raise FormatError(self.lines.path, None, f"the file ends within {what}: it is cut.")
        text = self.lines.text(self.row)
        self.row += 1
        return HeaderLine(self.lines.path, self.row, text.ljust(60), label_of(text))

    def file(self) -> Antex:
        found = self.header()
        antennas = []
        while self.row < len(self.lines):
            line = self.next("the file")
            if line.label == "START OF ANTENNA":
                antennas.append(self.antenna())
            elif line.label != "COMMENT" and line.text.strip():
                raise FormatError(
                    line.path,
                    line.number,
                    f"expected START OF ANTENNA in column 61, found {line.text[:80].strip()!r}.",
                )
        return Antex(antennas=tuple(antennas), **found)

    def header(self) -> dict:
        line = self.next("the header")
        if line.label != "ANTEX VERSION / SYST":
            raise line.error(61, 80, "label", "'ANTEX VERSION / SYST' in the first line")
        version = line.number_at(1, 8, "version")
        if not 1.0 <= version < 2.0:
            raise line.error(1, 8, "version", "1.3 or 1.4")
        found = {"satellite_system": line.text[20].strip() or "M", "comments": ()}
        while line.label != "END OF HEADER":
            line = self.next("the header")
            if line.label == "PCV TYPE / REFANT":
                if line.text[0] not in "AR":
                    raise line.error(1, 1, "type of variations", "'A' or 'R'")
                found["pcv_type"], found["reference_antenna"] = line.text[0], line.field(21, 40)
            elif line.label == "COMMENT":
                found["comments"] = (*found["comments"], line.text[:60].rstrip())
        return found

    def antenna(self) -> AntexAntenna:
        found: dict = {"frequencies": {}, "frequency_sigmas": {}, "comments": ()}
        promised = 0
        while True:
            line = self.next("an antenna")
            if line.label == "END OF ANTENNA":
                break
            if line.label in ("START OF FREQUENCY", "START OF FREQ RMS"):
                self.frequency(line, found)
            elif line.label == "# OF FREQUENCIES":
                promised = line.integer(1, 6, "number of frequencies")
            elif line.label in _ANTENNA_LINES:
                _ANTENNA_LINES[line.label](line, found)
            elif line.label in ("START OF ANTENNA", "END OF FREQUENCY", "END OF FREQ RMS"):
                raise FormatError(line.path, line.number, f"{line.label} within an antenna.")
        if "name" not in found or "zenith_rad" not in found:
            missing = "TYPE / SERIAL NO" if "name" not in found else "ZEN1 / ZEN2 / DZEN"
            raise FormatError(line.path, line.number, f"this antenna has no line {missing}.")
        if len(found["frequencies"]) != promised:
            raise FormatError(
                line.path,
                line.number,
                f"this antenna promises {promised} frequencies and has "
                f"{len(found['frequencies'])}.",
            )
        has_rows = any(len(one.pcv_az_m) for one in found["frequencies"].values())
        if not has_rows:
            found["azimuth_rad"] = np.zeros(0)
        return AntexAntenna(**found)

    def frequency(self, start: HeaderLine, found: dict) -> None:
        is_sigma = start.label == "START OF FREQ RMS"
        ends = "END OF FREQ RMS" if is_sigma else "END OF FREQUENCY"
        code = start.text[3:6].replace(" ", "0")
        those = found["frequency_sigmas" if is_sigma else "frequencies"]
        if not (code[0].isalpha() and code.isascii() and code[1:].isdigit()):
            raise start.error(4, 6, "frequency", "a system letter and two digits, 'G01'")
        if code in those:
            raise FormatError(start.path, start.number, f"a second section of {code}.")
        if "zenith_rad" not in found:
            raise FormatError(start.path, start.number, "no line ZEN1 / ZEN2 / DZEN before this.")
        pco_m, rows = None, []
        while (line := self.next("a frequency")).label != ends:
            if line.label == "NORTH / EAST / UP":
                columns = ((1, 10), (11, 20), (21, 30))
                pco_m = np.array([line.number_at(*at, "phase center, mm") / 1e3 for at in columns])
            elif line.label in ("START OF ANTENNA", "END OF ANTENNA", "START OF FREQUENCY"):
                raise FormatError(line.path, line.number, f"expected {ends} before {line.label}.")
            elif line.label != "COMMENT":
                rows.append(line.number - 1)
        if line.text[3:6].replace(" ", "0") != code:
            raise line.error(4, 6, "frequency", f"{code!r}, which this section began with")
        if pco_m is None:
            raise FormatError(line.path, line.number, "this section has no NORTH / EAST / UP.")
        noazi_m, by_azimuth_m = self.variations(line, rows, found)
        those[code] = AntexFrequency(pco_m, noazi_m, by_azimuth_m)

    def variations(
        self, end: HeaderLine, rows: list[int], found: dict
    ) -> tuple[np.ndarray, np.ndarray]:
        azimuth_deg = np.degrees(found.get("azimuth_rad", np.zeros(0)))
        if len(rows) not in (1, 1 + len(azimuth_deg)):
            raise FormatError(
                end.path,
                end.number,
                f"this section has {len(rows)} lines of variations; expected 1 (NOAZI)"
                + (f" or {1 + len(azimuth_deg)}." if len(azimuth_deg) else "."),
            )
        first = self.lines.text(rows[0])
        if first[:8].strip() != "NOAZI":
            raise self.lines.error(rows[0], f"columns 1-8: expected 'NOAZI', found {first[:8]!r}.")
        table = self.table(rows, len(found["zenith_rad"])) / 1e3
        for row, expected in zip(rows[1:], azimuth_deg, strict=False):
            line = HeaderLine(self.lines.path, row + 1, self.lines.text(row), "")
            if abs(line.number_at(1, 8, "azimuth, deg") - expected) > 0.05:
                raise line.error(1, 8, "azimuth, deg", f"{expected:.1f}")
        return table[0], table[1:]

    def table(self, rows: list[int], count: int) -> np.ndarray:
        """Numbers of 8 columns from column 9 on."""
        these = np.array(rows)
        last = 8 + 8 * count
        self.lines.refuse_text_beyond(these, last)
        block = np.ascontiguousarray(self.lines.columns(these, 9, last)).reshape(-1, 8)
        texts = block.view("S8")[:, 0]
        if np.all(_NUMBER[block]):
            try:
                return texts.astype(np.float64).reshape(len(rows), count)
            except ValueError:
                pass
        for row in rows:
            line = HeaderLine(self.lines.path, row + 1, self.lines.text(row), "")
            for at in range(count):
                line.number_at(9 + 8 * at, 16 + 8 * at, "variation, mm")
        raise FormatError(self.lines.path, rows[0] + 1, "a variation cannot be read.")


def _type(line: HeaderLine, found: dict) -> None:
    found["name"], found["serial"] = line.text[:20].rstrip(), line.field(21, 40)
    found["sat_code"], found["cospar_id"] = line.field(41, 50), line.field(51, 60)


def _method(line: HeaderLine, found: dict) -> None:
    found["method"], found["agency"] = line.field(1, 20), line.field(21, 40)
    found["num_calibrated"] = line.integer(41, 46, "number calibrated") if line.field(41, 46) else 0
    found["date"] = line.field(51, 60)


def _azimuths(line: HeaderLine, found: dict) -> None:
    step_deg = line.number_at(3, 8, "step of azimuth, deg")
    found["azimuth_rad"] = _angles(line, 3, 8, 0.0, 360.0, step_deg) if step_deg else np.zeros(0)


def _zeniths(line: HeaderLine, found: dict) -> None:
    first, last = line.number_at(3, 8, "first zenith angle"), line.number_at(9, 14, "last one")
    step_deg = line.number_at(15, 20, "step of zenith angle, deg")
    found["zenith_rad"] = _angles(line, 3, 20, first, last, step_deg)


def _angles(
    line: HeaderLine, column: int, last_column: int, first: float, last: float, step: float
) -> np.ndarray:
    """Angles [rad] from degrees, ends included."""
    steps = (last - first) / step if step > 0 else -1.0
    if not 0 <= steps < _MOST_ANGLES or abs(steps - round(steps)) > 1e-6 or abs(last) > 360:
        raise line.error(column, last_column, "angles, deg", "first, last and a step that fits")
    return np.radians(first + step * np.arange(round(steps) + 1))


def _valid(name: str):
    def read(line: HeaderLine, found: dict) -> None:
        whole = [line.integer(1 + 6 * i, 6 + 6 * i, "date and time") for i in range(5)]
        second = line.number_at(31, 43, "seconds")
        count = np.floor(second)
        fields = np.array([[*whole, int(count)]])
        number, rest = np.array([line.number]), np.array([second - count])
        found[name] = epochs(line.path, number, fields, rest, TimeScale.GPST)[0]

    return read


def _sinex_code(line: HeaderLine, found: dict) -> None:
    found["sinex_code"] = line.field(1, 10)


def _comment(line: HeaderLine, found: dict) -> None:
    found["comments"] = (*found["comments"], line.text[:60].rstrip())


_ANTENNA_LINES = {
    "TYPE / SERIAL NO": _type,
    "METH / BY / # / DATE": _method,
    "DAZI": _azimuths,
    "ZEN1 / ZEN2 / DZEN": _zeniths,
    "VALID FROM": _valid("valid_from"),
    "VALID UNTIL": _valid("valid_until"),
    "SINEX CODE": _sinex_code,
    "COMMENT": _comment,
}


# Writing


def write_antex(path: str | Path, antex: Antex) -> Path:
    """Write an ANTEX 1.4 file; lengths are rounded to 0.01 mm.

    Raises:
        LeopntError: texts or lengths that do not fit in their columns, angles without a constant
            step, tables of another shape than the angles.
    """
    rows = list(_file_rows(antex))
    text = "".join(f"{text:60}{label}".rstrip() + "\n" for text, label in rows)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="latin-1", newline="")
    return Path(path)


Row = tuple[str, str]


def _file_rows(antex: Antex) -> Iterator[Row]:
    yield f"{1.4:8.1f}{'':12}{antex.satellite_system:1}", "ANTEX VERSION / SYST"
    yield f"{antex.pcv_type:1}{'':19}{_cell(antex.reference_antenna, 20)}", "PCV TYPE / REFANT"
    for comment in antex.comments:
        yield _cell(comment, 60), "COMMENT"
    yield "", "END OF HEADER"
    for one in antex.antennas:
        yield from _antenna_rows(one)


def _antenna_rows(one: AntexAntenna) -> Iterator[Row]:
    yield "", "START OF ANTENNA"
    yield (
        _cell(one.name, 20)
        + _cell(one.serial, 20)
        + _cell(one.sat_code, 10)
        + _cell(one.cospar_id, 10),
        "TYPE / SERIAL NO",
    )
    yield (
        f"{_cell(one.method, 20)}{_cell(one.agency, 20)}{one.num_calibrated:6d}    "
        f"{_cell(one.date, 10)}",
        "METH / BY / # / DATE",
    )
    yield f"  {_step_deg(one, one.azimuth_rad):6.1f}", "DAZI"
    zenith_deg = np.degrees(one.zenith_rad)
    step_deg = _step_deg(one, one.zenith_rad) or 1.0
    yield f"  {zenith_deg[0]:6.1f}{zenith_deg[-1]:6.1f}{step_deg:6.1f}", "ZEN1 / ZEN2 / DZEN"
    yield f"{len(one.frequencies):6d}", "# OF FREQUENCIES"
    for epoch, label in ((one.valid_from, "VALID FROM"), (one.valid_until, "VALID UNTIL")):
        if epoch is not None:
            yield _date(epoch), label
    if one.sinex_code:
        yield _cell(one.sinex_code, 10), "SINEX CODE"
    for comment in one.comments:
        yield _cell(comment, 60), "COMMENT"
    for code, frequency in one.frequencies.items():
        yield from _frequency_rows(one, code, frequency, "FREQUENCY")
    for code, frequency in one.frequency_sigmas.items():
        yield from _frequency_rows(one, code, frequency, "FREQ RMS")
    yield "", "END OF ANTENNA"


def _frequency_rows(
    one: AntexAntenna, code: str, frequency: AntexFrequency, section: str
) -> Iterator[Row]:
    zeniths, azimuths = len(one.zenith_rad), len(one.azimuth_rad)
    if frequency.pcv_m.shape != (zeniths,) or frequency.pcv_az_m.shape not in (
        (0, zeniths),
        (azimuths, zeniths),
    ):
        raise LeopntError(
            f"write_antex: {one.name} {code}: pcv_m {frequency.pcv_m.shape} and pcv_az_m "
            f"{frequency.pcv_az_m.shape} do not fit {zeniths} zenith angles and {azimuths} "
            "azimuths."
        )
    yield f"   {_cell(code, 3)}", f"START OF {section}"
    yield _numbers(one, frequency.pco_m, 10), "NORTH / EAST / UP"
    yield "   NOAZI" + _numbers(one, frequency.pcv_m, 8), ""
    for azimuth_rad, row in zip(one.azimuth_rad, frequency.pcv_az_m, strict=False):
        yield f"{np.degrees(azimuth_rad):8.1f}" + _numbers(one, row, 8), ""
    yield f"   {_cell(code, 3)}", f"END OF {section}"


def _numbers(one: AntexAntenna, lengths_m: np.ndarray, width: int) -> str:
    words = [f"{x * 1e3:{width}.2f}" for x in lengths_m.tolist()]
    wrong = next((word for word in words if len(word) > width or not word[-1].isdigit()), None)
    if wrong is not None:
        raise LeopntError(
            f"write_antex: {one.name} {one.serial}: {wrong.strip()} mm does not fit in {width} "
            "columns with two decimals."
        )
    return "".join(words)


def _step_deg(one: AntexAntenna, angles_rad: np.ndarray) -> float:
    if len(angles_rad) < 2:
        return 0.0
    steps_deg = np.diff(np.degrees(angles_rad))
    if np.ptp(steps_deg) > 1e-6 or abs(steps_deg[0] * 10 - round(steps_deg[0] * 10)) > 1e-6:
        raise LeopntError(
            f"write_antex: {one.name}: expected angles with one step, a multiple of 0.1 deg, found "
            f"steps from {steps_deg.min():g} to {steps_deg.max():g} deg."
        )
    return float(steps_deg[0])


def _cell(text: str, width: int) -> str:
    if len(text) > width or any(ord(c) < 32 or ord(c) > 255 for c in text):
        raise LeopntError(
            f"write_antex: {text!r} does not fit; expected up to {width} Latin-1 characters."
        )
    return f"{text:{width}}"


def _date(epoch: Epoch) -> str:
    one = Epoch(np.atleast_1d(epoch.tai_s), np.atleast_1d(epoch.fraction_s))
    *date, second, units = calendar_fields(one, TimeScale.GPST, 7, "write_antex")[0].tolist()
    return "".join(f"{x:6d}" for x in date) + f"{second:5d}.{units:07d}"
