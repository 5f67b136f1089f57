"""Several observation files of one station, such as 24 hourly ones, as if they were one."""

import itertools
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io.rinex_obs import RinexObs, SystemObs

_ALIKE = (
    "time_scale",
    "marker_name",
    "receiver",
    "antenna",
    "antenna_height_east_north_m",
    "is_clock_corrected",
    "phase_shifts",
)
"""Fields of headers that must agree: one antenna and one receiver with its settings."""


def splice_rinex_obs(parts: Sequence[RinexObs], sources: Sequence[str] | None = None) -> RinexObs:
    """One file of several, in the order of their epochs.

    The header is that of the earliest, with the last epoch of the latest; columns are those of all
    parts, NaN where a part lacks one.

    Args:
        parts: at least one, of one marker, antenna and receiver; epochs must not overlap.
        sources: what messages call them; default "part 1" and so on.

    Raises:
        LeopntError: no parts, headers that contradict each other, epochs that overlap.
    """
    named = [f"part {i + 1}" for i in range(len(parts))] if sources is None else list(sources)
    if not parts or len(named) != len(parts):
        raise LeopntError(
            f"{len(parts)} parts with {len(named)} names: expected at least one, and as many names."
        )
    pairs = [(one, name) for one, name in zip(parts, named, strict=True) if len(one.epoch)]
    if len(pairs) < 2:
        return pairs[0][0] if pairs else parts[0]
    pairs.sort(key=lambda pair: _first_tai_s(pair[0]))
    _refuse_contradictions(pairs)
    _refuse_overlaps(pairs)
    return _spliced([one for one, _ in pairs])


def _first_tai_s(one: RinexObs) -> tuple[float, float]:
    return float(one.epoch.tai_s[0]), float(one.epoch.fraction_s[0])


def _refuse_contradictions(pairs: list[tuple[RinexObs, str]]) -> None:
    first, source = pairs[0]
    for one, name in pairs[1:]:
        for field in _ALIKE:
            a, b = getattr(first.header, field), getattr(one.header, field)
            if not _equal(a, b):
                raise LeopntError(
                    f"{name}: header has {field} = {b!r}, and {source} has {a!r}; expected files "
                    "of one antenna and receiver with the same settings."
                )


def _equal(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b, equal_nan=True))
    return a == b or repr(a) == repr(b)  # phase shifts may hold NaN


def _refuse_overlaps(pairs: list[tuple[RinexObs, str]]) -> None:
    for (one, name), (two, later) in itertools.pairwise(pairs):
        if not bool(two.epoch[0] > one.epoch[-1]):
            raise LeopntError(
                f"{later}: begins at {two.epoch[0].to_iso(TimeScale.GPST)}, but {name} ends at "
                f"{one.epoch[-1].to_iso(TimeScale.GPST)} (GPST); expected files that do not "
                "overlap."
            )


def _spliced(parts: list[RinexObs]) -> RinexObs:
    first = np.concatenate([[0], np.cumsum([len(one.epoch) for one in parts])])
    letters = sorted({letter for one in parts for letter in one.systems})
    systems = {
        letter: _system(
            [(one.systems[letter], int(at)) for one, at in zip(parts, first, strict=False)
             if letter in one.systems]
        )
        for letter in letters
    }  # fmt: skip
    events = tuple(
        replace(event, before=event.before + int(at))
        for one, at in zip(parts, first, strict=False)
        for event in one.events
    )
    return RinexObs(
        replace(parts[0].header, codes=_header_codes(parts), last=parts[-1].epoch[-1]),
        Epoch.concatenate([one.epoch for one in parts]),
        np.concatenate([one.clock_offset_s for one in parts]),
        np.concatenate([one.is_after_power_failure for one in parts]),
        systems,
        events,
    )


def _header_codes(parts: list[RinexObs]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in parts:
        for letter, codes in one.header.codes.items():
            found[letter] = tuple(dict.fromkeys((*found.get(letter, ()), *codes)))
    return found


def _system(parts: list[tuple[SystemObs, int]]) -> SystemObs:
    codes = tuple(dict.fromkeys(code for one, _ in parts for code in one.codes))
    satellites = tuple(sorted({name for one, _ in parts for name in one.satellites}))
    place = {name: i for i, name in enumerate(satellites)}
    tables = {
        field.name: np.concatenate(
            [_columns(getattr(one, field.name), one.codes, codes) for one, _ in parts]
        )
        for field in fields(SystemObs)
        if field.name in ("value", "lli", "ssi")
    }
    return SystemObs(
        codes,
        satellites,
        np.concatenate([np.array([place[n] for n in one.satellites])[one.sat] for one, _ in parts]),
        np.concatenate([one.epoch + at for one, at in parts]),
        **tables,
    )


def _columns(table: np.ndarray, own: tuple[str, ...], codes: tuple[str, ...]) -> np.ndarray:
    """Columns in the order of all codes; NaN or 0 where a part has none."""
    missing = np.nan if table.dtype.kind == "f" else 0
    out = np.full((len(table), len(codes)), missing, table.dtype)
    out[:, [codes.index(code) for code in own]] = table
    return out
