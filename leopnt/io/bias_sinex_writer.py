"""Code and phase biases to Bias-SINEX 1.00.

Format: [bias-sinex-100]. Slopes (columns 105 to 137) are neither read nor written.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io._sinex_write import (
    block,
    block_if_any,
    cell,
    comment_lines,
    dashed,
    fixed,
    long_time,
    long_times,
    number_cell,
    reference_lines,
    require_kinds,
    write_lines,
)
from leopnt.io.bias_sinex import KINDS, BiasSinex

_NAME = "write_bias_sinex"
_TIME_SYSTEMS = {
    TimeScale.GPST: "G",
    TimeScale.UTC: "UTC",
    TimeScale.GST: "E",
    TimeScale.BDT: "C",
    TimeScale.TAI: "TAI",
}
_SATELLITE = re.compile(r"[A-Z]([0-9]{2})?", re.ASCII)
_CODE = re.compile(r"[CLPDS][1-9][A-Z]?", re.ASCII)
_SIGNALS = {
    "G": {"1": "CSLXPWYMNR", "2": "CDSLXPWYMNR", "5": "IQX"},
    "R": {"1": "CP", "2": "CP", "3": "IQX", "4": "ABX", "6": "ABX"},
    "E": {"1": "ABCXZ", "5": "IQX", "6": "ABCXZ", "7": "IQX", "8": "IQX"},
    "S": {"1": "C", "5": "IQX"},
    "J": {"1": "CELSXZB", "2": "SLX", "5": "IQXDPZ", "6": "SLXEZ"},
    "C": {
        "1": "DPXANSLZIQ",
        "2": "IQX",
        "5": "DPX",
        "6": "IQXDPZA",
        "7": "IQXDPZ",
        "8": "DPX",
    },
    "I": {"1": "DPX", "5": "ABCX", "9": "ABCX"},
}
"""Bands of each system and attributes of its signals in RINEX 3 and 4."""

_MOST_S = 1e-3
_SECONDS = ("OBSERVATION_SAMPLING", "PARAMETER_SPACING")
_OWN = {"BIAS_MODE": "is_absolute", "TIME_SYSTEM": "time_scale"}
_MOST = 99_999_999
_VALUE, _SIGMA = fixed(21), fixed(11)


def write_bias_sinex(path: str | Path, biases: BiasSinex) -> Path:
    """Write biases; what `read_bias_sinex` gave comes back exactly.

    Biases in seconds are written in ns, those in cycles in cycles, with four decimals, and more, up
    to what fits in the columns, where these do not give the same number back. Nothing is made up:
    standard deviations that are not known are left blank, unknown times are zeros.

    Args:
        path: file to write.
        biases: in file order; times are whole seconds.

    Raises:
        LeopntError: no bias; two of one observation that begin together; a row without a bias in
            either unit, or with both; numbers that are not finite, negative standard deviations;
            biases beyond 1 ms; kinds, satellites and observations that do not exist (of systems
            that RINEX defines, their bands and signals); an end before the start; a time scale
            without a name in the format; texts, numbers and times that do not fit in their columns;
            fields of other types and lengths.
    """
    _check(biases)
    return write_lines(path, _lines(biases))


def _check(biases: BiasSinex) -> None:
    _check_types(biases)
    _check_lengths(biases)
    if biases.time_scale not in _TIME_SYSTEMS:
        raise LeopntError(
            f"{_NAME}: time_scale {biases.time_scale.value} has no name in Bias-SINEX; expected "
            f"one of {', '.join(scale.value for scale in _TIME_SYSTEMS)}."
        )
    for row in range(len(biases.kind)):
        _check_names(biases, row)
        _check_numbers(biases, row)
    _check_order(biases)
    for key, _ in biases.description:
        if key in _OWN:
            raise LeopntError(
                f"{_NAME}: description holds {key!r}, which is written from {_OWN[key]}; leave it "
                "out."
            )


def _check_types(biases: BiasSinex) -> None:
    if not isinstance(biases, BiasSinex):
        raise LeopntError(f"{_NAME}: biases is {biases!r}; expected a BiasSinex.")
    texts = ("kind", "sat_code", "satellite", "station", "code", "second_code")
    numbers = ("has_start", "has_end", "bias_s", "sigma_s", "bias_cycles", "sigma_cycles")
    kinds: dict[str, type] = dict.fromkeys(texts, tuple)
    kinds |= dict.fromkeys(("start", "end"), Epoch) | dict.fromkeys(numbers, np.ndarray)
    require_kinds(biases, _NAME, time_scale=TimeScale, **kinds)
    for name in numbers:
        found = getattr(biases, name)
        if found.ndim != 1:
            raise LeopntError(
                f"{_NAME}: {name} has shape {found.shape}; expected ({len(biases.kind)},), one of "
                "each bias."
            )


def _check_order(biases: BiasSinex) -> None:
    """No end is before its start."""
    both = biases.has_start & biases.has_end
    for row in np.flatnonzero(both & (biases.end.since(biases.start) < 0.0)).tolist():
        times = [one[row].to_iso(biases.time_scale) for one in (biases.start, biases.end)]
        raise LeopntError(
            f"{_NAME}: {_label(biases, row)}: end {times[1]} is before start {times[0]}; expected "
            "a later one."
        )


def _check_lengths(biases: BiasSinex) -> None:
    names = ("sat_code", "satellite", "station", "code", "second_code", "start", "end")
    names += ("has_start", "has_end", "bias_s", "sigma_s", "bias_cycles", "sigma_cycles")
    count = len(biases.kind)
    wrong = [f"{x} {len(getattr(biases, x))}" for x in names if len(getattr(biases, x)) != count]
    if wrong or not 1 <= count <= _MOST:
        raise LeopntError(
            f"{_NAME}: expected one row of each field per bias, 1 to {_MOST}; found {count} in "
            f"kind, {', '.join(wrong) or 'as in all else'}."
        )


def _label(biases: BiasSinex, row: int) -> str:
    names = (biases.kind, biases.sat_code, biases.satellite, biases.station, biases.code)
    return " ".join(one[row] for one in (*names, biases.second_code) if one[row])


def _check_names(biases: BiasSinex, row: int) -> None:
    kind, satellite, station = biases.kind[row], biases.satellite[row], biases.station[row]
    first, second = biases.code[row], biases.second_code[row]
    start = f"{_NAME}: row {row}"
    if kind not in KINDS:
        raise LeopntError(f"{start}: kind {kind!r}; expected one of {', '.join(KINDS)}.")
    if satellite and not _SATELLITE.fullmatch(satellite):
        raise LeopntError(
            f"{start}: satellite {satellite!r}; expected a letter and two digits as 'G01', a "
            "letter for all of a system, or ''."
        )
    if not (satellite or station):
        raise LeopntError(f"{start}: satellite '' and station ''; expected one of them.")
    if not _CODE.fullmatch(first) or (second and not _CODE.fullmatch(second)):
        raise LeopntError(
            f"{start}: code {first!r} and second_code {second!r}; expected observations as 'C1W'."
        )
    for name, code in (("code", first), ("second_code", second)):
        bands = _SIGNALS.get(satellite[:1])
        if bands and code and (code[1] not in bands or code[2:] not in bands[code[1]]):
            accepted = ", ".join(f"{band}{'/'.join(bands[band])}" for band in bands)
            raise LeopntError(
                f"{start}: {name} {code!r} of satellite {satellite!r}: there is no such signal; "
                f"expected a band and signal of its system: {accepted}."
            )
    if (kind == "OSB" and second) or (kind == "DSB" and not second):
        raise LeopntError(
            f"{start}: {kind} with second_code {second!r}; expected '' for OSB, and an observation "
            "for DSB."
        )


def _check_numbers(biases: BiasSinex, row: int) -> None:
    seconds, cycles = float(biases.bias_s[row]), float(biases.bias_cycles[row])
    if np.isnan(seconds) == np.isnan(cycles):
        raise LeopntError(
            f"{_NAME}: {_label(biases, row)}: bias_s {seconds:g} and bias_cycles {cycles:g}; "
            "expected a number in one of them and NaN in the other."
        )
    if _MOST_S < abs(seconds) < np.inf:
        raise LeopntError(
            f"{_NAME}: {_label(biases, row)}: bias_s {seconds:g}; expected up to {_MOST_S:g} s "
            "either way: biases are in seconds, not in nanoseconds."
        )
    own, other = ("sigma_cycles", "sigma_s") if np.isnan(seconds) else ("sigma_s", "sigma_cycles")
    if getattr(biases, own)[row] < 0.0 or not np.isnan(getattr(biases, other)[row]):
        raise LeopntError(
            f"{_NAME}: {_label(biases, row)}: {own} {getattr(biases, own)[row]:g} and {other} "
            f"{getattr(biases, other)[row]:g}; expected no negative number (NaN is not known), and "
            "NaN in the unit that the bias has not."
        )


def _lines(biases: BiasSinex) -> Iterator[str]:
    yield _first_line(biases)
    yield from block_if_any(
        "FILE/REFERENCE",
        f"*INFO_TYPE_________ INFO{'_' * 56}",
        reference_lines(biases.references, _NAME),
    )
    yield from block_if_any("FILE/COMMENT", "*", comment_lines(biases.comments, _NAME))
    yield from block(
        "BIAS/DESCRIPTION",
        f"*KEYWORD{'_' * 32} VALUE(S){'_' * 31}",
        _description(biases),
    )
    yield from block(
        "BIAS/SOLUTION",
        "*BIAS SVN_ PRN STATION__ OBS1 OBS2 BIAS_START____ BIAS_END______ UNIT "
        "__ESTIMATED_VALUE____ _STD_DEV___",
        _solution(biases),
    )
    yield "%=ENDBIA"


def _first_line(biases: BiasSinex) -> str:
    times = [
        long_time(getattr(biases, name), biases.time_scale, f"{_NAME}: {name}")
        for name in ("created", "data_start", "data_end")
    ]
    return (
        f"%=BIA 1.00 {dashed(biases.agency, 3, f'{_NAME}: agency')} {times[0]} "
        f"{dashed(biases.data_agency, 3, f'{_NAME}: data_agency')} {times[1]} {times[2]} "
        f"{'A' if biases.is_absolute else 'R'} {len(biases.kind):08d}"
    )


def _description(biases: BiasSinex) -> Iterator[str]:
    own = (
        ("BIAS_MODE", "ABSOLUTE" if biases.is_absolute else "RELATIVE"),
        ("TIME_SYSTEM", _TIME_SYSTEMS[biases.time_scale]),
    )
    what = f"{_NAME}: description"
    for key, value in (*biases.description, *own):
        text = f"{value:>12}" if key in _SECONDS else value
        yield f" {cell(key, 39, what)} {cell(text, 39, what, blanks_before=True)}"


def _solution(biases: BiasSinex) -> Iterator[str]:
    starts = _times(biases, "start")
    ends = _times(biases, "end")
    seen: set[tuple[str, ...]] = set()
    for row in range(len(biases.kind)):
        names = _names(biases, row)
        if (names, starts[row]) in seen:
            raise LeopntError(
                f"{_NAME}: {_label(biases, row)} is there twice from {starts[row]} on; expected "
                "each once."
            )
        seen.add((names, starts[row]))
        yield f"{names} {starts[row]} {ends[row]} {_numbers(biases, row)}"


def _times(biases: BiasSinex, name: str) -> list[str]:
    """Texts of `start` or `end`; zeros where it is open."""
    is_there = np.flatnonzero(getattr(biases, f"has_{name}"))
    texts = ["0000:000:00000"] * len(biases.kind)
    some = long_times(getattr(biases, name)[is_there], biases.time_scale, f"{_NAME}: {name}")
    for row, text in zip(is_there.tolist(), some, strict=True):
        texts[row] = text
    return texts


def _names(biases: BiasSinex, row: int) -> str:
    """Columns 1 to 34."""
    return (
        f" {biases.kind[row]:4} {cell(biases.sat_code[row], 4, f'{_NAME}: sat_code')} "
        f"{biases.satellite[row]:3} {cell(biases.station[row], 9, f'{_NAME}: station')} "
        f"{biases.code[row]:4} {biases.second_code[row]:4}"
    )


def _numbers(biases: BiasSinex, row: int) -> str:
    """Unit, value and standard deviation."""
    in_cycles = bool(np.isnan(biases.bias_s[row]))
    unit, read, factor = ("cyc ", _as_it_is, 1.0) if in_cycles else ("ns  ", _from_ns, 1e9)
    ending = "cycles" if in_cycles else "s"
    words = [unit]
    for name, forms, width in ((f"bias_{ending}", _VALUE, 21), (f"sigma_{ending}", _SIGMA, 11)):
        value = float(getattr(biases, name)[row])
        if name.startswith("sigma") and np.isnan(value):
            continue
        what = f"{_NAME}: {name} of {_label(biases, row)}"
        words.append(number_cell(value, factor * value, read, forms, width, what))
    return " ".join(words)


def _as_it_is(value: float) -> float:
    return value


def _from_ns(value: float) -> float:
    return value * 1e-9
