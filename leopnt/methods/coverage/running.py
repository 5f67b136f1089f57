"""Chunks of a map in threads, in the order of time, with few of them in memory at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from leopnt.errors import LeopntError
from leopnt.methods.coverage.chunk import MapChunk
from leopnt.methods.coverage.engine import Engine, evaluate_chunk
from leopnt.methods.coverage.statistics import ChunkStatistics, merged


def coverage_map(
    chunks: Iterable[MapChunk | Callable[[], MapChunk]],
    *,
    engine: Engine | None = None,
    workers: int = 1,
) -> ChunkStatistics:
    """Statistics of a map, from chunks that follow each other in time.

    Args:
        chunks: epochs in order, all of the same grid, quantities and limit. Functions that make a
            chunk are called in the thread that computes it.
        engine: default: `fastest_engine()`.
        workers: threads.

    Raises:
        LeopntError: no chunk.
    """
    parts = list(each_chunk(chunks, engine=engine, workers=workers))
    if not parts:
        raise LeopntError("chunks is empty; expected one or more.")
    return merged(parts)


def each_chunk(
    chunks: Iterable[MapChunk | Callable[[], MapChunk]],
    *,
    engine: Engine | None = None,
    workers: int = 1,
) -> Iterator[ChunkStatistics]:
    """Statistics of each chunk in order; at most `workers` + 1 chunks are held at once."""
    if workers < 1:
        raise LeopntError(f"workers = {workers!r}: expected 1 or more.")

    def work(chunk: MapChunk | Callable[[], MapChunk]) -> ChunkStatistics:
        return evaluate_chunk(chunk if isinstance(chunk, MapChunk) else chunk(), engine)

    if workers == 1:
        yield from map(work, chunks)
        return
    waiting: deque[Future[ChunkStatistics]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for chunk in chunks:
                waiting.append(pool.submit(work, chunk))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
