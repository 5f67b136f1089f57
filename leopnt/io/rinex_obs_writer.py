"""Observations to RINEX 3.04.

Format: [rinex-304]. LEO satellites get the system letter `L` of SP3, which RINEX does not define:
other programs may skip such records or refuse the file.
"""

import re
from pathlib import Path

import numpy as np

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io._replacing import replacing
from leopnt.io._rinex_obs_header_text import header_text
from leopnt.io._rinex_text import NAMES_OF_SCALES, calendar_fields, label_of
from leopnt.io.rinex_obs import RinexEvent, RinexObs, SystemObs

_RECORDS_AT_ONCE = 8192
_BLANK, _ZERO = np.uint8(32), np.uint8(48)
_SATELLITE = re.compile(r"[A-Z][0-9]{2}", re.ASCII)
_CODE = re.compile(r"[A-Z][0-9A-Z]{2}", re.ASCII)
_MOST, _LEAST = 9_999_999_999_999, -999_999_999_999  # thousandths that fit in F14.3


def write_rinex_obs(path: str | Path, obs: RinexObs) -> Path:
    """Write an observation file; what `read_rinex_obs` gave comes back exactly.

    Values are rounded to three decimals; NaN is left blank, and so is what rounds to 0.000, which
    in RINEX means missing. The epochs of the first and last observation are those of `obs`. Events
    are written, except for their lists of codes: the file has one list, that of `obs`.

    Raises:
        LeopntError: no epochs; codes of version 2; satellites beyond two digits; values that are
            infinite or do not fit in 14 columns; epochs with more than seven decimals.
    """
    _check(obs)
    codes = {letter: one.codes for letter, one in obs.systems.items()}
    head = header_text(obs.header, codes, obs.epoch[0], obs.epoch[-1])
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(head.encode("latin-1"))
        for chunk in _chunks(obs):
            file.write(chunk)
    return Path(path)


def _check(obs: RinexObs) -> None:
    if not len(obs.epoch):
        raise LeopntError("write_rinex_obs: obs holds no epoch.")
    if obs.header.time_scale not in NAMES_OF_SCALES:
        raise LeopntError(
            f"write_rinex_obs: time scale {obs.header.time_scale.value} has no name in RINEX; "
            "expected GPST, UTC, GST or BDT."
        )
    if not np.all(obs.epoch[1:] > obs.epoch[:-1]):
        raise LeopntError("write_rinex_obs: obs.epoch must increase.")
    for letter, one in obs.systems.items():
        _check_system(letter, one, len(obs.epoch))


def _check_system(letter: str, one: SystemObs, num_epochs: int) -> None:
    for name in one.satellites:
        if not _SATELLITE.fullmatch(name) or name[0] != letter:
            raise LeopntError(
                f"write_rinex_obs: satellite {name!r} of system {letter!r}; expected its letter "
                "and two digits."
            )
    for code in one.codes:
        if not _CODE.fullmatch(code):
            raise LeopntError(
                f"write_rinex_obs: observation code {code!r}; expected three characters as 'C1C' "
                "(those of RINEX 2 have two)."
            )
    if len(one.epoch) and not (one.epoch.min() >= 0 and one.epoch.max() < num_epochs):
        raise LeopntError(f"write_rinex_obs: system {letter!r} names epochs that are not there.")
    if max(one.lli.max(initial=0), one.ssi.max(initial=0)) > 9:
        raise LeopntError(f"write_rinex_obs: lli and ssi of system {letter!r} must be 0 to 9.")


def _chunks(obs: RinexObs):
    """Bytes of the body, some epochs at a time."""
    orders = {letter: np.argsort(one.epoch, kind="stable") for letter, one in obs.systems.items()}
    count = np.zeros(len(obs.epoch), dtype=np.int64)
    for one in obs.systems.values():
        count += np.bincount(one.epoch, minlength=len(obs.epoch))
    if count.max() > 999:
        raise LeopntError(f"write_rinex_obs: {count.max()} records at one epoch; at most 999 fit.")
    heads = _epoch_lines(obs, count)
    total = np.cumsum(count)
    first = 0
    while first < len(obs.epoch):
        before = total[first] - count[first]
        last = max(int(np.searchsorted(total, before + _RECORDS_AT_ONCE)), first + 1)
        last = min(last, len(obs.epoch))
        blocks = [_head_block(heads[first:last])]
        for letter, one in obs.systems.items():
            order = orders[letter]
            begin, end = np.searchsorted(one.epoch[order], [first, last])
            those = order[begin:end]
            blocks.append((*_record_block(letter, one, those), one.epoch[those] - first))
        yield _interleaved(blocks)
        first = last
    yield "".join(_event_text(e, obs) for e in obs.events if e.before == len(heads)).encode(
        "latin-1"
    )


Block = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Lines one after the other as bytes, their lengths, and the epoch of each."""


def _interleaved(blocks: list[Block]) -> bytes:
    """The lines of all blocks, epoch by epoch, and in order of the blocks within one."""
    length = np.concatenate([own for _, own, _ in blocks])
    order = np.argsort(np.concatenate([epoch for *_, epoch in blocks]), kind="stable")
    begin = np.empty_like(length)
    begin[order] = np.cumsum(length[order]) - length[order]
    out = np.empty(int(length.sum()), dtype=np.uint8)
    done = 0
    for text, own, _ in blocks:
        start = begin[done : done + len(own)]
        done += len(own)
        out[np.repeat(start - (np.cumsum(own) - own), own) + np.arange(len(text))] = text
    return out.tobytes()


def _head_block(heads: list[str]) -> Block:
    text = np.frombuffer("".join(heads).encode("latin-1"), dtype=np.uint8)
    return text, np.array([len(head) for head in heads]), np.arange(len(heads))


# Epoch lines and events


def _epoch_lines(obs: RinexObs, count: np.ndarray) -> list[str]:
    """The line of each epoch, after the events before it."""
    fields = calendar_fields(obs.epoch, obs.header.time_scale, 7, "write_rinex_obs").tolist()
    flags = obs.is_after_power_failure.astype(int).tolist()
    clocks = obs.clock_offset_s.tolist()
    lines = [
        _epoch_line(_date(*row), flag, num, clock)
        for row, flag, num, clock in zip(fields, flags, count.tolist(), clocks, strict=True)
    ]
    for event in reversed(obs.events):
        if not 0 <= event.before <= len(lines):
            raise LeopntError(
                f"write_rinex_obs: an event is before epoch {event.before}, of {len(lines)}."
            )
        if event.before < len(lines):
            lines[event.before] = _event_text(event, obs) + lines[event.before]
    return lines


def _date(year, month, day, hour, minute, second, units) -> str:
    return f"{year:4d} {month:02d} {day:02d} {hour:02d} {minute:02d} {second:2d}.{units:07d}"


def _epoch_line(date: str, flag: int, count: int, clock_s: float) -> str:
    line = f"> {date:27}  {flag:1d}{count:3d}"
    if clock_s != clock_s:
        return line + "\n"
    text = f"{clock_s:15.12f}"
    if len(text) > 15:
        raise LeopntError(f"write_rinex_obs: clock offset {clock_s} s does not fit in 15 columns.")
    return f"{line}      {text}\n"


def _event_text(event: RinexEvent, obs: RinexObs) -> str:
    date = ""
    if event.epoch is not None:
        one = Epoch(np.atleast_1d(event.epoch.tai_s), np.atleast_1d(event.epoch.fraction_s))
        fields = calendar_fields(one, obs.header.time_scale, 7, "write_rinex_obs")
        date = _date(*fields[0].tolist())
    lines = [line for line in event.lines if label_of(line) != "SYS / # / OBS TYPES"]
    head = _epoch_line(date, event.flag, len(lines), float("nan"))
    return head + "".join(f"{line}\n" for line in lines)


# Records


def _record_block(letter: str, one: SystemObs, those: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Records as text, without blanks at the ends of lines, and their lengths."""
    num, width = len(those), 3 + 16 * len(one.codes)
    block = np.full((num, width + 1), _BLANK)
    names = np.frombuffer("".join(one.satellites).encode("ascii"), np.uint8).reshape(-1, 3)
    block[:, :3] = names[one.sat[those]]
    fields = block[:, 3:width].reshape(num, len(one.codes), 16)
    _put_numbers(fields, _thousandths(letter, one, those))
    for at, flags in ((14, one.lli[those]), (15, one.ssi[those])):
        fields[:, :, at] = np.where(flags == 0, _BLANK, flags + _ZERO)
    block[:, 3:width] = fields.reshape(num, width - 3)
    length = width + 1 - np.argmax(block[:, ::-1] != _BLANK, axis=1)
    block[np.arange(num), length] = ord("\n")  # the last column is blank so far
    return block[np.arange(width + 1)[None, :] <= length[:, None]], length + 1


def _thousandths(letter: str, one: SystemObs, those: np.ndarray) -> np.ndarray:
    """Values as whole thousandths, 0 where missing."""
    value = one.value[those]
    with np.errstate(invalid="ignore"):
        count = np.rint(value * 1000.0)
        is_bad = np.isinf(value) | (count > _MOST) | (count < _LEAST)
    if np.any(is_bad):
        record, at = np.argwhere(is_bad)[0]
        raise LeopntError(
            f"write_rinex_obs: {one.codes[at]} of {one.satellites[one.sat[those[record]]]} is "
            f"{value[record, at]} (epoch {one.epoch[those[record]]}), which does not fit in 14 "
            f"columns with three decimals."
        )
    return np.where(np.isnan(count), 0.0, count).astype(np.int64)


def _put_numbers(fields: np.ndarray, thousandths: np.ndarray) -> None:
    """Write the numbers into the first 14 columns of fields; 0 leaves them blank."""
    rest = np.abs(thousandths)
    is_there = rest > 0
    is_negative = thousandths < 0
    for column in (13, 12, 11, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0):
        is_leading = (rest == 0) & (column < 9)
        rest, digit = np.divmod(rest, 10)
        minus_here = is_leading & is_negative
        is_negative &= ~minus_here
        text = np.where(is_leading, np.where(minus_here, ord("-"), _BLANK), digit + _ZERO)
        fields[:, :, column] = np.where(is_there, text, _BLANK)
    fields[:, :, 10] = np.where(is_there, ord("."), _BLANK)
