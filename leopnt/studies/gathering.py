"""Chunks of a run gathered in order, while others are still computed: summed, and written as one.

Statistics add up in the order of the chunks, so they are the same to the last bit whoever computed
which chunk when.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np

from leopnt.io.results import replacing
from leopnt.studies.method import AbstractStatistics, Column
from leopnt.studies.plan import Chunk
from leopnt.studies.runner import all_chunks, prepared_point, trials_per_point
from leopnt.studies.store import RunFolder, require_room
from leopnt.studies.study_file import Study

_MISSING_STATUS = -1

Arrays = dict[str, np.ndarray]


class Gathering:
    """Statistics of every point, from the chunks in order; also keeps every trial if asked to.

    Attributes:
        parts: columns of every point that is done, what its preparation gave among them.
        warnings: of the points' preparations.
    """

    def __init__(self, study: Study, folder: RunFolder, keep: Callable[[Chunk, Arrays], None]):
        self.parts: list[dict[str, Column]] = []
        self.warnings: list[str] = []
        self._study, self._folder, self._keep = study, folder, keep
        self._waiting = deque(all_chunks(study))
        self._point = -1
        self._statistics: AbstractStatistics | None = None

    def advance(self, kept: Collection[Chunk]) -> None:
        """Take the next chunks in order, as far as they are kept on disk."""
        while self._waiting and self._waiting[0] in kept:
            self._take(self._waiting.popleft())

    def finish(self) -> None:
        """Take all that are left; missing ones are passed over."""
        while self._waiting:
            self._take(self._waiting.popleft())
        self._close()

    def _take(self, chunk: Chunk) -> None:
        if chunk.point != self._point:
            self._close()
            self._open(chunk.point)
        arrays = self._folder.read(chunk)
        if arrays is not None and self._statistics is not None:
            self._keep(chunk, arrays)
            self._statistics.add(chunk.index, arrays)

    def _open(self, point: int) -> None:
        prepared = prepared_point(self._study, point)
        self._point = point
        self._statistics = self._study.method.statistics(
            prepared, self._study.settings.study.trials
        )

    def _close(self) -> None:
        if self._statistics is None:
            return
        prepared = prepared_point(self._study, self._point)
        self.parts.append({**prepared.values, **self._statistics.columns()})
        self.warnings += prepared.warnings
        self._statistics = None


@contextmanager
def gathering(study: Study, folder: RunFolder, trials: Path | None) -> Iterator[Gathering]:
    """Gather chunks of a run; every trial goes into the NetCDF file `trials`, if that is given.

    The file is there once the block ends well.
    """
    if trials is None:
        yield Gathering(study, folder, lambda chunk, arrays: None)
        return
    with replacing(trials) as temporary, ThreadPoolExecutor(1) as pool:
        writer = _Writer(study, trials, temporary, pool)
        with writer:
            yield Gathering(study, folder, writer)


class _Writer:
    """Writes chunk after chunk in a thread of its own; missing trials are NaN, their status -1."""

    def __init__(self, study: Study, path: Path, temporary: Path, pool: ThreadPoolExecutor):
        self._study, self._path, self._pool = study, path, pool
        self._file = h5netcdf.File(temporary, "w")
        self._variables: dict[str, Any] = {}
        self._pending: Future | None = None

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if self._pending is not None and kind is None:
                self._pending.result()
        finally:
            self._file.close()

    def __call__(self, chunk: Chunk, arrays: Arrays) -> None:
        """Write a chunk once the one before is written."""
        if self._pending is None:
            self._begin(arrays)
        else:
            self._pending.result()
        self._pending = self._pool.submit(self._write, chunk, arrays)

    def _begin(self, arrays: Arrays) -> None:
        """Reserve room for all, and name the dimensions."""
        points, per_point = len(self._study.points), trials_per_point(self._study)
        each = sum(values[0].nbytes for values in arrays.values())
        overhead = 2_000 * (len(arrays) + 10)  # of the format
        require_room(self._path, points * per_point * each + overhead)
        self._file.dimensions = {"point": points, "trial": per_point, "enu": 3}
        self._file.attrs.update(
            {
                "kind": "trials",
                "title": self._study.title,
                "fingerprint": self._study.fingerprint,
            }
        )

    def _write(self, chunk: Chunk, arrays: Arrays) -> None:
        for name, quantity in self._study.method.outcomes.items():
            values = arrays[name]
            if name not in self._variables:
                fill = np.nan if values.dtype.kind == "f" else _MISSING_STATUS
                dims = ("point", "trial", *quantity.dims)
                made = self._file.create_variable(name, dims, values.dtype, fillvalue=fill)
                made.attrs.update({"units": quantity.units, "long_name": quantity.long_name})
                self._variables[name] = made
            self._variables[name][chunk.point, chunk.start : chunk.stop] = values
