"""Damage to files: bytes changed, lines lost, doubled or swapped, the end cut off."""

import contextlib
import time
import tracemalloc
import warnings

import numpy as np

from leopnt.errors import LeopntError, LeopntWarning

_ALPHABET = np.frombuffer(b" 0123456789.-+>*EDGRCEJ:NaN\n\t\xe4", dtype=np.uint8)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One damaged copy."""
    kind = rng.integers(8)
    if kind == 0:
        return data[: rng.integers(len(data))]
    if kind <= 3:
        out = np.frombuffer(data, dtype=np.uint8).copy()
        at = rng.integers(len(out), size=rng.integers(1, 6))
        fresh = rng.integers(256, size=len(at)) if kind == 1 else rng.choice(_ALPHABET, len(at))
        out[at] = fresh
        return out.tobytes()
    if kind == 4:
        at, length = rng.integers(len(data)), rng.integers(1, 40)
        return data[:at] + data[at + length :]
    if kind == 5:
        at = rng.integers(len(data))
        return data[:at] + rng.choice(_ALPHABET, rng.integers(1, 20)).tobytes() + data[at:]
    lines = data.split(b"\n")
    at, to = rng.integers(len(lines), size=2)
    if kind == 6:
        del lines[min(at, to) : min(at, to) + rng.integers(1, 4)]
    else:
        lines[at], lines[to] = lines[to], lines[at]
        if rng.integers(2):
            lines.insert(at, lines[to])
    return b"\n".join(lines)


def read_damaged(read, path, data: bytes, number: int, seed: int, limit_s: float = 60.0) -> int:
    """Read `number` damaged copies; only LeopntError may be raised. How many were refused."""
    rng = np.random.default_rng(seed)
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", LeopntWarning)
        for _ in range(number):
            path.write_bytes(mutated(data, rng))
            start = time.perf_counter()
            try:
                read(path)
            except LeopntError:
                refused += 1
            assert time.perf_counter() - start < limit_s
    return refused


def peak_bytes(read, path) -> int:
    """Most memory in use while a file is read, whether or not it is refused."""
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeopntWarning)
            with contextlib.suppress(LeopntError):
                read(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
