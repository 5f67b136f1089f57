"""RINEX files as archives keep them: compact (Hatanaka's .crx, .21d), gzip, Unix compress (.Z).

What Python does not unpack by itself goes to the package `hatanaka`, which carries the format's
reference programs.
"""

import warnings
import zipfile
import zlib
from pathlib import Path

from leopnt.errors import FormatError, LeopntWarning
from leopnt.io.textfile import read_bytes, read_packed

_DAMAGE = (RuntimeError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error)
_COMPRESS, _BZIP2, _ZIP = b"\x1f\x9d", b"BZh", b"PK\x03\x04"


def read_rinex_bytes(path: str | Path) -> bytes:
    """Plain text of a RINEX file.

    Raises:
        LeopntError: no such file.
        FormatError: a damaged packed file.
    """
    data = read_packed(path)
    if not data.startswith((_COMPRESS, _BZIP2, _ZIP)):
        data = read_bytes(path)  # plain, or gzip
        if not is_compact(data):
            return data
    return _unpacked(data, path)


def is_compact(data: bytes) -> bool:
    """Whether this is Compact RINEX."""
    return b"CRINEX VERS" in data[:120]


def _unpacked(data: bytes, path: str | Path) -> bytes:
    import hatanaka

    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            plain = hatanaka.decompress(data)
    except _DAMAGE as error:
        raise FormatError(path, None, f"cannot be unpacked: {error}") from None
    for one in said:
        warnings.warn(f"{path}: {one.message}", LeopntWarning, stacklevel=4)
    return plain
