"""One BLAS thread while Python threads do the parallel work.

OpenBLAS starts a thread per core for every product and lets them spin. With one Python thread per
core as well, matrices of a few hundred rows take several times as long (4 times on two busy cores).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import scipy

_LOCK = threading.Lock()
_STATE: dict[str, list[int]] = {"held": [], "before": []}


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit the OpenBLAS of NumPy and SciPy to one thread, in the whole process, inside the block.

    Blocks nest and overlap; the last one to end restores what was set before the first. Where
    another BLAS is installed nothing happens.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def blas_threads() -> list[int]:
    """Threads that each OpenBLAS found uses now; empty where there is none."""
    return [get() for get, _ in _controls()]


def _enter() -> None:
    with _LOCK:
        if not _STATE["held"]:
            _STATE["before"] = blas_threads()
            for _, put in _controls():
                put(1)
        _STATE["held"].append(1)


def _leave() -> None:
    with _LOCK:
        _STATE["held"].pop()
        if not _STATE["held"]:
            for (_, put), count in zip(_controls(), _STATE["before"], strict=True):
                put(count)


@functools.cache
def _controls() -> tuple[tuple[Callable[[], int], Callable[[int], None]], ...]:
    """Readers and setters of the libraries that the wheels of NumPy and SciPy bring along."""
    found = []
    for package in (np, scipy):
        folder = Path(str(package.__file__)).parent
        for place in (folder.parent / f"{package.__name__}.libs", folder / ".dylibs"):
            for file in sorted(place.glob("*openblas*")):
                control = _control(file)
                if control is not None:
                    found.append(control)
    return tuple(found)


def _control(file: Path):
    try:
        library = ctypes.CDLL(str(file))
    except OSError:
        return None
    for prefix in ("scipy_openblas", "openblas"):
        for suffix in ("", "64_"):
            get = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
            put = getattr(library, f"{prefix}_set_num_threads{suffix}", None)
            if get is not None and put is not None:
                get.restype, put.argtypes, put.restype = ctypes.c_int, [ctypes.c_int], None
                return get, put
    return None
