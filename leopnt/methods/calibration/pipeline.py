"""Reduce many station-days, one after the other or on threads, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from leopnt.errors import LeopntError
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.reduction import ReducedNormals, reduce_station_day, stacked
from leopnt.methods.calibration.settings import CalibrationSettings
from leopnt.methods.calibration.station_day import StationDay

Load = Callable[[], StationDay]
"""Read or simulate one station-day when its turn comes."""


def reduce_all(
    loads: Iterable[Load], layout: Layout, settings: CalibrationSettings, *, threads: int = 2
) -> ReducedNormals:
    """Sum of the reduced normal equations of station-days.

    At most `threads` + 1 station-days are in memory; sums are formed in the order given, so that
    the number of threads does not change a bit.

    Raises:
        LeopntError: no thread, no station-day, or what a station-day raises.
    """
    return stacked(reduced_stream(loads, layout, settings, threads=threads))


def reduced_stream(
    loads: Iterable[Load], layout: Layout, settings: CalibrationSettings, *, threads: int = 2
) -> Iterator[ReducedNormals]:
    """Reduced normal equations of each station-day, in order."""
    if threads < 1:
        raise LeopntError(f"threads = {threads}: expected 1 or more.")

    def job(load: Load) -> ReducedNormals:
        return reduce_station_day(load(), layout, settings)

    with one_blas_thread():
        if threads == 1:
            yield from map(job, loads)
        else:
            yield from _on_threads(job, loads, threads)


def _on_threads(job: Callable[[Load], ReducedNormals], loads: Iterable[Load], threads: int):
    with ThreadPoolExecutor(threads) as pool:
        pending = []
        for load in loads:
            pending.append(pool.submit(job, load))
            if len(pending) > threads:
                yield pending.pop(0).result()
        for future in pending:
            yield future.result()
