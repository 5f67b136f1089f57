"""A run on disk: one file per chunk, written beside its place and renamed, safe against kill -9.

FOLDER/run.json          what is run, by fingerprint; how it stands
FOLDER/chunks/NAME.npz   outcomes of finished chunks, until all are consolidated
FOLDER/chunks/NAME.txt   why a chunk failed
FOLDER/study.nc          statistics of what is there
FOLDER/trials.nc         every trial
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from leopnt.errors import LeopntError
from leopnt.io.results import replacing, write_text
from leopnt.studies.plan import Chunk

RESULT, TRIALS = "study.nc", "trials.nc"

_MARK = "fingerprint"
_RESULTS = (RESULT, TRIALS, "study.json", "report.html")
_LEFTOVERS = ".*.tmp"


class RunFolder:
    """The folder of one run.

    Attributes:
        path: of the folder.
        fingerprint: of the study that it holds.
    """

    def __init__(self, path: Path, fingerprint: str):
        self.path, self.fingerprint = path, fingerprint

    @property
    def chunks(self) -> Path:
        """Folder of the chunk files."""
        return self.path / "chunks"

    @property
    def is_complete(self) -> bool:
        """True if every chunk was consolidated."""
        return bool(_manifest(self.path).get("complete"))

    def has(self, chunk: Chunk) -> bool:
        """True if the chunk is there, whole, and of this study."""
        return self.read(chunk) is not None

    def read(self, chunk: Chunk) -> dict[str, np.ndarray] | None:
        """Outcomes of a chunk; None if it is missing, damaged or of another study."""
        try:
            file = self._file(chunk)
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
                arrays = {name: np.atleast_1d(stored[name]) for name in stored.files}
        except Exception:  # a damaged zip raises a dozen kinds, NotImplementedError among them
            return None
        mark = str(arrays.pop(_MARK, [""])[0])
        whole = all(len(values) == chunk.size for values in arrays.values())
        return arrays if mark == self.fingerprint and whole and arrays else None

    def write(self, chunk: Chunk, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the outcomes of a chunk: all of it or nothing, on the disk before it counts.

        Raises:
            LeopntError: the system refuses the write (disk full, no permission).
        """
        with replacing(self._file(chunk)) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays, **{_MARK: np.asarray(self.fingerprint)})
            file.flush()
            os.fsync(file.fileno())
        self._reason(chunk).unlink(missing_ok=True)

    def write_failure(self, chunk: Chunk, reason: str) -> None:
        """Keep why a chunk failed, for whoever looks."""
        with contextlib.suppress(LeopntError):
            write_text(reason, self._reason(chunk))

    def reopen(self) -> None:
        """Take back that the run is complete: its results are gone."""
        _make(self.chunks)
        _write_manifest(self.path, {_MARK: self.fingerprint, "complete": False})

    def finish(self) -> None:
        """Mark the run complete and drop the chunk files, whose content is safe on the disk."""
        for name in (RESULT, TRIALS):
            _settle(self.path / name)
        _write_manifest(self.path, {_MARK: self.fingerprint, "complete": True})
        shutil.rmtree(self.chunks, ignore_errors=True)

    def _file(self, chunk: Chunk) -> Path:
        return self.chunks / f"{chunk.name}.npz"

    def _reason(self, chunk: Chunk) -> Path:
        return self.chunks / f"{chunk.name}.txt"


@contextlib.contextmanager
def open_run(path: Path, fingerprint: str, *, restart: bool = False) -> Iterator[RunFolder]:
    """Open the folder of a run for one process, new or to go on with.

    Args:
        path: folder, made if it is not there.
        fingerprint: of the study.
        restart: drop what an earlier run left.

    Raises:
        LeopntError: the folder holds another study's run, or another process runs in it.
    """
    _make(path)
    lock = _lock(path)
    try:
        _begin(path, fingerprint, restart)
        yield RunFolder(path, fingerprint)
    finally:
        lock.release()


def _lock(path: Path) -> FileLock:
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LeopntError(
            f"{str(path)!r} is in use by another run; wait for it, or choose another --out."
        ) from None
    except OSError as error:
        raise LeopntError(
            f"cannot write in the folder {str(path)!r}: {error.strerror or error}."
        ) from None
    return lock


def _begin(path: Path, fingerprint: str, restart: bool) -> None:
    if restart:
        for name in (*_RESULTS, "run.json"):  # results first: they would speak for the new run
            (path / name).unlink(missing_ok=True)
        shutil.rmtree(path / "chunks", ignore_errors=True)
    found = _manifest(path)
    if found and found.get(_MARK) != fingerprint:
        raise LeopntError(
            f"{str(path)!r} holds a run of another study: the file, its input, a version or "
            "the device has changed since. Choose another --out, or drop the old run with "
            "--restart."
        )
    if not found.get("complete"):
        _make(path / "chunks")
        _write_manifest(path, {_MARK: fingerprint, "complete": False})
    for leftover in [*path.glob(_LEFTOVERS), *(path / "chunks").glob(_LEFTOVERS)]:
        leftover.unlink(missing_ok=True)


def _settle(path: Path) -> None:
    """Bring a file to the disk."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        os.fsync(file.fileno())


def require_room(path: Path, num_bytes: int) -> None:
    """Refuse a file for which there is no room, before HDF5 begins it.

    HDF5 cannot close a file that it cannot write: the process ends with a segmentation fault.

    Raises:
        LeopntError: the disk, a quota or a limit has no room for it.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.room.tmp")
    try:
        with temporary.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, num_bytes)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):  # it cannot tell
            reason = error.strerror or str(error)
            raise LeopntError(f"cannot write {str(path)!r}: {reason}.") from None
    finally:
        temporary.unlink(missing_ok=True)


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LeopntError(
            f"cannot make the folder {str(path)!r}: {error.strerror or error}."
        ) from None


def _manifest(path: Path) -> dict:
    file = path / "run.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LeopntError(
            f"{str(file)!r} cannot be read ({error}); drop the run with --restart."
        ) from None
    if not isinstance(found, dict):
        raise LeopntError(f"{str(file)!r} holds no run; drop it with --restart.")
    return found


def _write_manifest(path: Path, content: dict) -> None:
    write_text(json.dumps(content, indent=1) + "\n", path / "run.json")
