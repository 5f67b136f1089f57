"""Observations of RINEX, F14.3 and two digits, read from bytes 16 columns at a time.

A field is two words of eight bytes. Arithmetic on the words treats their eight characters at once:
a million fields take some 0.1 s. The number is a whole count of thousandths (13
digits at most, far below 2**53), so that dividing it by 1000 gives the float nearest to the
decimal number in the file.

    columns  1  2  3  4  5  6  7  8 | 9 10 11 12 13 14 15 16
             i  i  i  i  i  i  i  i   i  i  .  d  d  d  L  S
"""

import re

import numpy as np

from leopnt.io._byte_lines import ByteLines, in_chunks

WIDTH = 16
_NUMBER = re.compile(r" *[+-]?[0-9]*\.[0-9]{3}", re.ASCII)


def _bytes(value: int) -> np.uint64:
    """A word whose eight bytes are equal."""
    return np.uint64(value * 0x0101_0101_0101_0101)


def _u64(value: int) -> np.uint64:
    return np.uint64(value)


_ONE = _u64(1)
_BLANKS = _bytes(0x20)
_ZEROS = _bytes(0x30)
_MINUS_XOR_BLANK = _u64(0x0D)  # ord("-") ^ ord(" ")
_LOW_6 = _u64(0xFFFF_FFFF_FFFF)


def observations(
    lines: ByteLines, rows: np.ndarray, column: int, codes: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values (row, code), NaN where blank or 0.0; loss-of-lock indicator; signal strength.

    Fields of 16 columns from `column` (from 1) on.

    Raises:
        FormatError: the first line and column where there is neither a number nor blanks.
    """
    shape = (len(rows), len(codes))
    value, lli, ssi = np.empty(shape), np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    last = column + WIDTH * len(codes) - 1
    for part in in_chunks(len(rows)):
        block = lines.columns(rows[part], column, last)
        words = np.ascontiguousarray(block).view("<u8").reshape(-1, len(codes), 2)
        thousandths, is_fine = _thousandths(words[..., 0], words[..., 1])
        flags, are_fine = _flags(words[..., 1])
        lli[part], ssi[part] = flags
        if not np.all(is_fine & are_fine):
            strange = np.argwhere(~(is_fine & are_fine))
            _mend(lines, rows[part], column, codes, block, strange, thousandths)
        count = thousandths.astype(np.float64)
        value[part] = np.where(thousandths == 0, np.nan, count / 1000.0)
    return value, lli, ssi


def _thousandths(high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number as an integer, 0 where blank, and whether it is written in the usual way."""
    is_blank = (high == _BLANKS) & ((low & _LOW_6) == (_BLANKS & _LOW_6))
    is_short = high == _BLANKS
    high, is_negative = _filled(high)
    # Digits 9 and 10 and the three decimals, without the point, as the last five of eight.
    rest = (
        _u64(0x20_2020)
        | ((low & _u64(0xFFFF)) << _u64(24))
        | ((low << _u64(16)) & ~_u64(2**40 - 1))
    )
    filled, is_negative_short = _filled(rest)
    rest = np.where(is_short, filled, rest | _u64(0x30_3030))
    is_negative |= is_short & is_negative_short
    is_fine = (
        _are_digits(high)
        & _are_digits(rest)
        & (((low >> _u64(16)) & _u64(0xFF)) == _u64(ord(".")))
        & (((low >> _u64(24)) & _u64(0xF0)) == _u64(0x30))  # a decimal, no sign or blank
    )
    count = (_eight_digits(high) * _u64(100_000) + _eight_digits(rest)).astype(np.int64)
    count = np.where(is_negative, -count, count)
    return np.where(is_blank, 0, count), is_fine | is_blank


def _filled(word: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leading blanks, and a minus sign after them, as zeros; was there a minus sign?"""
    marked = word ^ _BLANKS
    lowest = marked & (~marked + _ONE)  # lowest bit of the first character that is no blank
    word = word | ((lowest - _ONE) & _ZEROS)
    is_negative = (lowest != 0) & ((marked & (lowest * _u64(0xFF))) == lowest * _MINUS_XOR_BLANK)
    return np.where(is_negative, word + lowest * _u64(3), word), is_negative  # "-" + 3 = "0"


def _are_digits(word: np.ndarray) -> np.ndarray:
    high_nibbles = word & _bytes(0xF0)
    after = ((word + _bytes(0x06)) & _bytes(0xF0)) >> _u64(4)
    return (high_nibbles | after) == _bytes(0x33)


def _eight_digits(word: np.ndarray) -> np.ndarray:
    """The number that eight digits spell, the first character in the lowest byte."""
    word = word - _ZEROS
    word = word * _u64(10) + (word >> _u64(8))  # pairs, in every second byte
    pairs = _u64(0x0000_00FF_0000_00FF)
    first = (word & pairs) * _u64(100 + (1_000_000 << 32))
    second = ((word >> _u64(16)) & pairs) * _u64(1 + (10_000 << 32))
    return (first + second) >> _u64(32)


def _flags(low: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Loss of lock and signal strength, 0 where blank, and whether both are digits or blank."""
    found, is_fine = [], np.ones(low.shape, dtype=bool)
    for shift in (48, 56):
        character = (low >> _u64(shift)).astype(np.uint8)
        digit = character - np.uint8(ord("0"))
        is_blank = character == np.uint8(ord(" "))
        is_fine &= is_blank | (digit < 10)
        found.append(np.where(is_blank, np.uint8(0), digit))
    return (found[0], found[1]), is_fine


def _mend(lines, rows, column, codes, block, strange, thousandths) -> None:
    """Read fields written in a rare way ("+1.000"), one by one; raise at the first that is bad."""
    for row, at in strange:
        text = block[row, WIDTH * at : WIDTH * (at + 1)].tobytes().decode("latin-1")
        first = column + WIDTH * int(at)
        number, flags = text[:14], text[14:]
        where = f"columns {first}-{first + 13} ({codes[at]})"
        if number.strip() and not _NUMBER.fullmatch(number):
            raise lines.error(
                rows[row],
                f"{where}: expected a number with three decimals that ends in column "
                f"{first + 13}, or blanks, found {number!r}.",
            )
        if not re.fullmatch("[ 0-9]{2}", flags, re.ASCII):
            raise lines.error(
                rows[row],
                f"columns {first + 14}-{first + 15} (loss of lock and signal strength of "
                f"{codes[at]}): expected digits or blanks, found {flags!r}.",
            )
        if number.strip():
            thousandths[row, at] = round(float(number) * 1000.0)
