"""Chunks of a study: which trials are computed together and kept in one file."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Int


@dataclasses.dataclass(frozen=True, order=True)
class Chunk:
    """Trials `start` to `stop` of one point, counted through all its cases."""

    point: int
    number: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        """Name of its file, without ending."""
        return f"point{self.point:05d}-chunk{self.number:06d}"

    @property
    def size(self) -> int:
        """Number of trials."""
        return self.stop - self.start

    @property
    def index(self) -> Int[np.ndarray, " trial"]:
        """Numbers of its trials."""
        return np.arange(self.start, self.stop)


def chunks_of(num_points: int, trials_per_point: int, chunk_trials: int) -> list[Chunk]:
    """All chunks in order, the same for any number of workers."""
    starts = range(0, trials_per_point, chunk_trials)
    return [
        Chunk(point, number, start, min(start + chunk_trials, trials_per_point))
        for point in range(num_points)
        for number, start in enumerate(starts)
    ]
