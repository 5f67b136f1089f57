"""What the writers of SINEX and Bias-SINEX share: cells, times, numbers that read back."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from leopnt.civil import mjd_of_date
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io._replacing import replacing
from leopnt.io._rinex_text import calendar_fields

Form = Callable[[float], str]


def write_lines(path: str | Path, lines: Iterable[str]) -> Path:
    """Write whole lines, without blanks at their ends; nothing is there before all are made."""
    text = "".join(f"{line.rstrip(' ')}\n" for line in lines)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="latin-1", newline="")
    return Path(path)


def block(name: str, head: str, lines: Iterable[str]) -> Iterator[str]:
    """A block with the line that names its columns."""
    yield f"+{name}"
    yield head
    yield from lines
    yield f"-{name}"


def block_if_any(name: str, head: str, lines: Iterable[str]) -> list[str]:
    """The same; nothing where there are no lines."""
    those = list(lines)
    return list(block(name, head, those)) if those else []


def reference_lines(references: Sequence[tuple[str, str]], writer: str) -> Iterator[str]:
    """Lines of FILE/REFERENCE."""
    for kind, text in references:
        what = f"{writer}: references"
        yield f" {cell(kind, 18, what)} {cell(text, 60, what)}"


def comment_lines(comments: Sequence[str], writer: str) -> Iterator[str]:
    """Lines of FILE/COMMENT."""
    for comment in comments:
        if not comment.strip(" "):
            raise LeopntError(
                f"{writer}: comments: {comment!r} is empty; expected lines of 1 to 79 characters."
            )
        yield f" {cell(comment, 79, f'{writer}: comments', blanks_before=True)}"


# Arguments


def require_kinds(content: object, writer: str, **kinds: type) -> None:
    """Fields are what they are said to be.

    Raises:
        LeopntError: another type; texts that are no tuple of texts; an epoch that is no array.
    """
    for name, kind in kinds.items():
        found = getattr(content, name)
        words = _KIND_WORDS[kind]
        is_good = isinstance(found, kind)
        if is_good and kind is tuple:
            is_good = all(isinstance(one, str) for one in found)
        if is_good and kind is Epoch:
            is_good = len(found.shape) == 1
            words = f"{words}, as Epoch.from_iso(['2025-01-01T00:00:00Z'])"
        if not is_good:
            raise LeopntError(f"{writer}: {name} is {_short(found)}; expected {words}.")


def _short(value: object) -> str:
    text = repr(value)
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return text if isinstance(value, str) else f"{text} ({type(value).__name__})"


_KIND_WORDS: dict[type, str] = {
    tuple: "a tuple of texts",
    Epoch: "an array of epochs",
    np.ndarray: "a NumPy array",
    TimeScale: "a TimeScale, as TimeScale.GPST",
}


# Cells


def cell(text: str, width: int, what: str, *, blanks_before: bool = False) -> str:
    """A text in its columns, blank where it is empty."""
    bare = text.rstrip(" ") if blanks_before else text.strip(" ")
    if len(text) > width or text != bare or any(ord(c) < 32 or ord(c) > 255 for c in text):
        raise LeopntError(
            f"{what}: {text!r} does not fit; expected up to {width} Latin-1 characters without "
            "blanks around."
        )
    return f"{text:{width}}"


def dashed(text: str, width: int, what: str) -> str:
    """As `cell`; dashes where it is empty, which means "not known"."""
    if text and not text.strip("-"):
        raise LeopntError(f"{what}: {text!r} would mean 'not known'; expected another text or ''.")
    return cell(text or "-" * width, width, what)


# Times


def time_fields(epoch: Epoch, scale: TimeScale, what: str) -> list[tuple[int, int, int]]:
    """Year, day of year and second of day of whole seconds.

    Raises:
        LeopntError: fractions of a second; leap seconds, which read as the midnight after them.
    """
    year, month, day, hour, minute, second, _ = calendar_fields(epoch, scale, 0, what).T
    if np.any(second == 60):
        at = int(np.argmax(second == 60))
        raise LeopntError(
            f"{what}: epoch {epoch[at].to_iso(scale)} is a leap second, which the format cannot "
            "tell from the midnight after it; expected another second."
        )
    first = np.ones_like(year)
    day_of_year = mjd_of_date(year, month, day) - mjd_of_date(year, first, first) + 1
    second_of_day = 3600 * hour + 60 * minute + second
    return list(zip(year.tolist(), day_of_year.tolist(), second_of_day.tolist(), strict=True))


def short_times(epoch: Epoch, what: str) -> list[str]:
    """YY:DDD:SSSSS in UTC, of 1951 to 2050."""
    texts = []
    for year, day, second in time_fields(epoch, TimeScale.UTC, what):
        if not 1951 <= year <= 2050:
            raise LeopntError(
                f"{what}: year {year} does not fit in two digits; expected 1951 to 2050."
            )
        texts.append(f"{year % 100:02d}:{day:03d}:{second:05d}")
    return texts


def long_times(epoch: Epoch, scale: TimeScale, what: str) -> list[str]:
    """YYYY:DDD:SSSSS."""
    return [f"{y:04d}:{day:03d}:{s:05d}" for y, day, s in time_fields(epoch, scale, what)]


def short_time(epoch: Epoch | None, what: str) -> str:
    """One of them; zeros if it is open."""
    return "00:000:00000" if epoch is None else short_times(_one(epoch), what)[0]


def long_time(epoch: Epoch | None, scale: TimeScale, what: str) -> str:
    """One of them; zeros if it is open."""
    return "0000:000:00000" if epoch is None else long_times(_one(epoch), scale, what)[0]


def _one(epoch: Epoch) -> Epoch:
    return Epoch(np.atleast_1d(epoch.tai_s), np.atleast_1d(epoch.fraction_s))


# Numbers


def number_cell(
    value: float,
    near: float,
    read: Callable[[float], float],
    forms: Sequence[Form],
    width: int,
    what: str,
) -> str:
    """The first text from which `read` gives `value` back, else the one that comes closest.

    Args:
        value: in our unit.
        near: in the unit of the file.
        read: from the unit of the file to ours, as the reader does.
        forms: ways to write a number; the first is that of the format, which must fit, the others
            may have more digits.
        width, what: columns, and name of the value in errors.

    Raises:
        LeopntError: not finite, or too long for the columns.
    """
    if not (math.isfinite(value) and math.isfinite(near)):
        raise LeopntError(f"{what}: {value}; expected a finite number.")
    if len(forms[0](near)) > width:
        raise LeopntError(f"{what}: {forms[0](near)} does not fit in {width} columns.")
    best, least = "", math.inf
    candidates = (near, math.nextafter(near, -math.inf), math.nextafter(near, math.inf))
    for form in forms:
        for text in map(form, candidates):
            error = abs(read(float(text)) - value) if len(text) <= width else math.inf
            if error < least:
                best, least = text, error
            if error == 0.0:
                return f"{best:>{width}}"
    return f"{best:>{width}}"


def exponential(width: int, digits: int) -> tuple[Form, ...]:
    """Fortran's E form of so many digits, the same with a short exponent, any other form."""

    def full(value: float) -> str:
        text = _fortran(value, digits, 2)
        return f"0{text}" if text[0] == "." and len(text) < width else text

    def short(value: float) -> str:
        sign = math.copysign(1.0, value) < 0.0
        return _fortran(value, width - 4 - sign, 1)

    return full, short, *_shortest(width)


def fixed(width: int) -> tuple[Form, ...]:
    """Four decimals, 15 digits, any other form."""
    return "{:.4f}".format, "{:.15g}".format, *_shortest(width), exponential(width, 1)[1]


def _fortran(value: float, digits: int, exponent_digits: int) -> str:
    mantissa, power = f"{abs(value):.{digits - 1}e}".split("e")
    exponent = int(power) + 1 if value else 0
    sign = "-" if math.copysign(1.0, value) < 0.0 else ""
    return f"{sign}.{mantissa.replace('.', '')}E{exponent:+0{exponent_digits + 1}d}"


def _shortest(width: int) -> tuple[Form, ...]:
    """All digits that a number has, and as many as fit."""

    def fitting(value: float) -> str:
        texts = (f"{value:.{digits}g}" for digits in range(17, 0, -1))
        return next((text for text in texts if len(text) <= width), repr(value))

    def bare(value: float) -> str:
        text = repr(value)
        return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text

    return repr, bare, fitting
