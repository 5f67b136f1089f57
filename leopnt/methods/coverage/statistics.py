"""Statistics over time that chunks of epochs add up to, in the order of the epochs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Float, Int

from leopnt.methods.coverage.chunk import MapChunk


@dataclasses.dataclass(frozen=True, eq=False)
class ChunkStatistics:
    """What epochs that follow each other leave behind.

    Attributes:
        num_epochs: how many.
        num_solved: epochs at which the quantity is known.
        total, least, most: over those; inf and -inf where there are none.
        num_available: epochs within the limit.
        lead, trail, longest: runs of epochs not within it: at the beginning, at the end, anywhere.
        available_share, solved_share: of the grid's area, at each epoch.
        mean_at: mean over the solved area at each epoch; NaN where there is none.
        kept: values of the quantities that were asked for.
    """

    num_epochs: int
    num_solved: Int[np.ndarray, "quantity cell"]
    total: Float[np.ndarray, "quantity cell"]
    least: Float[np.ndarray, "quantity cell"]
    most: Float[np.ndarray, "quantity cell"]
    num_available: Int[np.ndarray, " cell"]
    lead: Int[np.ndarray, " cell"]
    trail: Int[np.ndarray, " cell"]
    longest: Int[np.ndarray, " cell"]
    available_share: Float[np.ndarray, " epoch"]
    solved_share: Float[np.ndarray, "epoch quantity"]
    mean_at: Float[np.ndarray, "epoch quantity"]
    kept: Float[np.ndarray, "epoch kept cell"]

    @property
    def mean(self) -> Float[np.ndarray, "quantity cell"]:
        """Mean over the epochs at which the quantity is known; NaN where there are none."""
        return np.where(self.num_solved > 0, self.total / np.maximum(self.num_solved, 1), np.nan)

    def arrays(self) -> dict[str, np.ndarray]:
        """All fields by name, for a file or a message; see `from_arrays`."""
        return {one.name: np.asarray(getattr(self, one.name)) for one in dataclasses.fields(self)}

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray | np.generic]) -> ChunkStatistics:
        """What `arrays` gave."""
        rest = {k: np.asarray(values) for k, values in arrays.items() if k != "num_epochs"}
        return ChunkStatistics(int(arrays["num_epochs"]), **rest)


def empty_statistics(chunk: MapChunk) -> ChunkStatistics:
    """Statistics of a chunk before its first epoch."""
    quantities, cells, epochs = len(chunk.quantities), chunk.grid.num_cells, chunk.num_epochs
    return ChunkStatistics(
        num_epochs=epochs,
        num_solved=np.zeros((quantities, cells), np.int32),
        total=np.zeros((quantities, cells)),
        least=np.full((quantities, cells), np.inf),
        most=np.full((quantities, cells), -np.inf),
        num_available=np.zeros(cells, np.int32),
        lead=np.zeros(cells, np.int32),
        trail=np.zeros(cells, np.int32),
        longest=np.zeros(cells, np.int32),
        available_share=np.zeros(epochs),
        solved_share=np.zeros((epochs, quantities)),
        mean_at=np.zeros((epochs, quantities)),
        kept=np.empty((epochs, len(chunk.kept), cells), np.float32),
    )


def statistics_of(
    chunk: MapChunk, values: Float[np.ndarray, "epoch quantity cell"]
) -> ChunkStatistics:
    """Statistics of a chunk from its values."""
    solved = ~np.isnan(values)
    weight = chunk.grid.area_weight
    available = is_available(chunk, values)
    lead, trail, longest = _runs(~available)
    share = np.sum(solved * weight[None, None, :], axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_at = np.sum(np.where(solved, values, 0.0) * weight[None, None, :], axis=2) / share
    return ChunkStatistics(
        num_epochs=len(values),
        num_solved=solved.sum(axis=0, dtype=np.int32),
        total=np.sum(np.where(solved, values, 0.0), axis=0),
        least=np.min(np.where(solved, values, np.inf), axis=0),
        most=np.max(np.where(solved, values, -np.inf), axis=0),
        num_available=available.sum(axis=0, dtype=np.int32),
        lead=lead,
        trail=trail,
        longest=longest,
        available_share=available @ weight,
        solved_share=share,
        mean_at=mean_at,
        kept=values[:, [chunk.quantities.index(name) for name in chunk.kept]].astype(np.float32),
    )


def is_available(chunk: MapChunk, values: Float[np.ndarray, "epoch quantity cell"]) -> np.ndarray:
    """(epoch, cell): within the limit, or solved where there is none."""
    limited = values[:, chunk.deciding_row]
    if chunk.limit is None:
        return ~np.isnan(limited)
    within = limited >= chunk.limit.value if chunk.limit.is_floor else limited <= chunk.limit.value
    return within


def merged(parts: Iterable[ChunkStatistics]) -> ChunkStatistics:
    """Statistics of chunks that follow each other in time."""
    whole, *rest = every = list(parts)
    for one in rest:
        whole = _after(whole, one)
    if not rest:
        return whole
    by_epoch = {name: np.concatenate([getattr(x, name) for x in every]) for name in _BY_EPOCH}
    return dataclasses.replace(whole, **by_epoch)


_BY_EPOCH = ("available_share", "solved_share", "mean_at", "kept")


def _after(a: ChunkStatistics, b: ChunkStatistics) -> ChunkStatistics:
    """Of both, but for what is kept by epoch: that stays as in the first."""
    whole_a, whole_b = a.lead == a.num_epochs, b.lead == b.num_epochs
    joined = a.trail + b.lead
    return dataclasses.replace(
        a,
        num_epochs=a.num_epochs + b.num_epochs,
        num_solved=a.num_solved + b.num_solved,
        total=a.total + b.total,
        least=np.minimum(a.least, b.least),
        most=np.maximum(a.most, b.most),
        num_available=a.num_available + b.num_available,
        lead=np.where(whole_a, joined, a.lead).astype(np.int32),
        trail=np.where(whole_b, joined, b.trail).astype(np.int32),
        longest=np.maximum(np.maximum(a.longest, b.longest), joined).astype(np.int32),
    )


def _runs(missing: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Leading, trailing and longest runs of True along the first axis."""
    run = np.zeros(missing.shape[1], np.int32)
    longest = np.zeros_like(run)
    for now in missing:
        run = np.where(now, run + 1, 0).astype(np.int32)
        longest = np.maximum(longest, run)
    lead = np.where(missing.all(axis=0), len(missing), np.argmin(missing, axis=0))
    return lead.astype(np.int32), run, longest
