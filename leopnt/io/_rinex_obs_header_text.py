"""The lines of a RINEX 3.04 observation header."""

import math
from collections.abc import Iterator, Mapping

import numpy as np

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io._rinex_text import NAMES_OF_SCALES, calendar_fields
from leopnt.io.rinex_obs_header import PhaseShift, RinexObsHeader


def header_text(
    header: RinexObsHeader, codes: Mapping[str, tuple[str, ...]], first: Epoch, last: Epoch
) -> str:
    """All lines of the header, END OF HEADER included."""
    rows = [
        (
            f"{3.04:9.2f}{'':11}{'OBSERVATION DATA':20}{_file_system(codes):20}",
            "RINEX VERSION / TYPE",
        ),
        (_cells((header.program, header.run_by, header.date)), "PGM / RUN BY / DATE"),
        *((_cell(comment, 60), "COMMENT") for comment in header.comments),
        (_cell(header.marker_name, 60), "MARKER NAME"),
        *_if_any(_cell(header.marker_number, 20), "MARKER NUMBER"),
        *_if_any(_cell(header.marker_type, 20), "MARKER TYPE"),
        (_cell(header.observer, 20) + _cell(header.agency, 40), "OBSERVER / AGENCY"),
        (_cells(header.receiver), "REC # / TYPE / VERS"),
        (_cells(header.antenna), "ANT # / TYPE"),
        *_vector(header.approx_pos_ecef_m, "APPROX POSITION XYZ"),
        *_vector(header.antenna_height_east_north_m, "ANTENNA: DELTA H/E/N"),
        *(row for system, some in codes.items() for row in _codes(system, some)),
        *_if_any(_cell(header.signal_strength_unit, 20), "SIGNAL STRENGTH UNIT"),
        *_interval(header.interval_s),
        (_time(first, header), "TIME OF FIRST OBS"),
        (_time(last, header), "TIME OF LAST OBS"),
        (f"{int(header.is_clock_corrected):6d}", "RCV CLOCK OFFS APPL"),
        *(row for shift in header.phase_shifts for row in _phase_shift(shift)),
        *_glonass_slots(header.glonass_slots),
        *_glonass_biases(header.glonass_biases_m),
        *_leap_seconds(header.leap_seconds),
        ("", "END OF HEADER"),
    ]
    return "".join(f"{text:60}{label}\n" for text, label in rows)


Row = tuple[str, str]


def _file_system(codes: Mapping[str, tuple[str, ...]]) -> str:
    return next(iter(codes)) if len(codes) == 1 else "M"


def _cell(text: str, width: int) -> str:
    if len(text) > width or any(ord(c) < 32 or ord(c) > 255 for c in text):
        raise LeopntError(
            f"header: {text!r} does not fit; expected up to {width} Latin-1 characters."
        )
    return f"{text:{width}}"


def _cells(texts: tuple[str, ...]) -> str:
    return "".join(_cell(text, 20) for text in texts)


def _if_any(text: str, label: str) -> list[Row]:
    return [(text, label)] if text.strip() else []


def _vector(values_m: np.ndarray, label: str) -> list[Row]:
    return [] if np.any(np.isnan(values_m)) else [("".join(f"{x:14.4f}" for x in values_m), label)]


def _continued(items: list[str], per_line: int, first: str, label: str) -> Iterator[Row]:
    """A list over several lines; all but the first begin with blanks."""
    for at in range(0, max(len(items), 1), per_line):
        start = first if at == 0 else " " * len(first)
        yield start + "".join(items[at : at + per_line]), label


def _codes(system: str, codes: tuple[str, ...]) -> Iterator[Row]:
    items = [f" {code:3}" for code in codes]
    yield from _continued(items, 13, f"{system}  {len(codes):3d}", "SYS / # / OBS TYPES")


def _interval(interval_s: float) -> list[Row]:
    return [] if math.isnan(interval_s) else [(f"{interval_s:10.3f}", "INTERVAL")]


def _time(epoch: Epoch, header: RinexObsHeader) -> str:
    one = Epoch(np.atleast_1d(epoch.tai_s), np.atleast_1d(epoch.fraction_s))
    year, *rest, second, units = calendar_fields(one, header.time_scale, 7, "header")[0].tolist()
    date = "".join(f"{x:6d}" for x in (year, *rest))
    return f"{date}{second:5d}.{units:07d}     {NAMES_OF_SCALES[header.time_scale]}"


def _phase_shift(shift: PhaseShift) -> Iterator[Row]:
    cycles = "" if math.isnan(shift.cycles) else f"{shift.cycles:8.5f}"
    count = f"  {len(shift.satellites):02d}" if shift.satellites else ""
    start = f"{shift.system:1} {shift.code:3} {cycles:8}{count}".rstrip()
    items = [f" {name}" for name in shift.satellites]
    start = f"{start:18}" if items else start
    yield from _continued(items, 10, start, "SYS / PHASE SHIFT")


def _glonass_slots(slots: Mapping[str, int]) -> Iterator[Row]:
    items = [f" {name} {number:2d}" for name, number in slots.items()]
    if items:
        yield from _continued(items, 8, f"{len(items):3d}", "GLONASS SLOT / FRQ #")


def _glonass_biases(biases_m: Mapping[str, float]) -> list[Row]:
    text = "".join(f" {code:3} {bias:8.3f}" for code, bias in biases_m.items())
    return [(text, "GLONASS COD/PHS/BIS")] if text else []


def _leap_seconds(leap_seconds: int | None) -> list[Row]:
    return [] if leap_seconds is None else [(f"{leap_seconds:6d}", "LEAP SECONDS")]
