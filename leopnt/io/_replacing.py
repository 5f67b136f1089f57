"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leopnt.errors import LeopntError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what was written there replaces `path` at the end.

    If the block fails, `path` is left as it was. Errors: `LeopntError` if the directory is
    missing, `path` is a directory, or the system refuses the write.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise LeopntError(
            f"cannot write {str(path)!r}: the directory {str(path.parent)!r} does not exist; "
            "create it first."
        )
    if path.is_dir():
        raise LeopntError(f"cannot write {str(path)!r}: it is a directory; name a file.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise LeopntError(f"cannot write {str(path)!r}: {reason}.") from error
    finally:
        temporary.unlink(missing_ok=True)
