"""Who computes a chunk: JAX anywhere, or compiled code on a processor core."""

from __future__ import annotations

import dataclasses
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.inference.devices import working_platform
from leopnt.methods.coverage.chunk import MapChunk
from leopnt.methods.coverage.statistics import ChunkStatistics, statistics_of


@dataclasses.dataclass(frozen=True)
class TiledEngine:
    """JAX, on its default device."""

    def sums(self, chunk: MapChunk) -> Float[np.ndarray, "epoch cell sum"]:
        """Sums over satellites; see `sums`."""
        from leopnt.methods.coverage.tiles import tile_sums

        return tile_sums(chunk)

    def values(self, chunk: MapChunk) -> Float[np.ndarray, "epoch quantity cell"]:
        """Quantities of a chunk; NaN where not solved."""
        from leopnt.methods.coverage.tiles import tile_values

        return tile_values(chunk)

    def statistics(self, chunk: MapChunk) -> ChunkStatistics:
        """Statistics over the epochs of a chunk."""
        return statistics_of(chunk, self.values(chunk))


@dataclasses.dataclass(frozen=True)
class CompiledEngine:
    """Numba, on one core of the processor; chunks may run in threads.

    Raises:
        LeopntError: numba is not installed.
    """

    def __post_init__(self):
        if find_spec("numba") is None:
            raise LeopntError(
                "CompiledEngine needs numba: pip install leopnt[speed], or take TiledEngine()."
            )

    def sums(self, chunk: MapChunk) -> Float[np.ndarray, "epoch cell sum"]:
        """Sums over satellites; see `sums`."""
        from leopnt.methods.coverage.compiled import compiled_sums

        return compiled_sums(chunk)

    def values(self, chunk: MapChunk) -> Float[np.ndarray, "epoch quantity cell"]:
        """Quantities of a chunk; NaN where not solved."""
        from leopnt.methods.coverage.compiled import compiled_values

        return compiled_values(chunk)

    def statistics(self, chunk: MapChunk) -> ChunkStatistics:
        """Statistics over the epochs of a chunk, epoch after epoch."""
        from leopnt.methods.coverage.compiled import compiled_statistics

        return compiled_statistics(chunk)


Engine = TiledEngine | CompiledEngine


def fastest_engine() -> Engine:
    """Compiled code on a processor where numba is installed, else JAX."""
    if working_platform() == "cpu" and find_spec("numba") is not None:
        return CompiledEngine()
    return TiledEngine()


def engine_name() -> str:
    """What `fastest_engine` computes with here, as 'Numba 0.61.0' or 'JAX on gpu'.

    Numbers of another engine differ in their last digits, and a bound of which little is left by
    a weak geometry in the seventh.
    """
    if isinstance(fastest_engine(), CompiledEngine):
        return f"Numba {version('numba')}"
    return f"JAX on {working_platform()}"


def evaluate_chunk(chunk: MapChunk, engine: Engine | None = None) -> ChunkStatistics:
    """Statistics of one chunk: a plain function of plain data, for any scheduler."""
    return (engine or fastest_engine()).statistics(chunk)
