"""Text files as users have them: compressed, with a byte order mark, or not there at all."""

import codecs
import gzip
import zlib
from pathlib import Path

from leopnt.errors import FormatError, LeopntError, did_you_mean

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_bytes(path: str | Path) -> bytes:
    """Content of a file, unpacked if it is gzip.

    Raises:
        LeopntError: no such file, a folder, or not readable.
        FormatError: a damaged gzip file, or Unix `compress` (.Z), which is not unpacked here.
    """
    data = read_packed(path)
    if data[:2] == b"\x1f\x9d":
        raise FormatError(
            path, None, "packed with Unix compress (.Z); unpack it with gunzip first."
        )
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(path, None, f"a damaged gzip file: {error}.") from None


def read_packed(path: str | Path) -> bytes:
    """Content of a file as it lies on the disk.

    Raises:
        LeopntError: no such file, a folder, or not readable.
    """
    path = Path(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise LeopntError(f"{path}: no such file.{_nearby(path)}") from None
    except IsADirectoryError:
        raise LeopntError(f"{path} is a folder; expected a file.") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise LeopntError(f"{path!s}: cannot be read: {error}.") from None


def decode(data: bytes, path: str | Path) -> str:
    """Text of a file: UTF-8, UTF-16 with its mark, else Latin-1 (old station files).

    Raises:
        FormatError: bytes that no text file holds.
    """
    mark, encoding = next((one for one in _MARKS if data.startswith(one[0])), (b"", "utf-8"))
    data = data[len(mark) :]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\0" in text:
        raise FormatError(path, None, "holds NUL bytes, so it is not a text file.")
    return text


def split_lines(text: str) -> list[str]:
    """Lines ended by LF, CRLF or CR; form feeds and Unicode separators do not end a line."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _nearby(path: Path) -> str:
    try:
        return did_you_mean(path.name, (one.name for one in path.parent.iterdir()))
    except (OSError, ValueError):
        return ""
