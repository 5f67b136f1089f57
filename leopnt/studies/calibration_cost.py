"""What a calibration will cost: its first station-day is reduced to know."""

from __future__ import annotations

import time
from typing import NamedTuple

from leopnt.errors import LeopntError
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.methods.calibration import ReducedNormals, StationDayJob, layout_of
from leopnt.studies.calibration_estimates import solution_of
from leopnt.studies.calibration_network import source_of
from leopnt.studies.calibration_rounds import round_job, variance_job, viewed, weights_of
from leopnt.studies.calibration_run import reduction_of, units_of
from leopnt.studies.calibration_settings import CalibrationStudy
from leopnt.studies.runner import AbstractWorkers

_ROUND_FACTOR = 10.0  # of a station-day's time, where the first alone has no solution


class CalibrationCost(NamedTuple):
    """What a run will cost: one station-day was read or simulated, and reduced.

    num_rounds: of new weights at most; all of them are in seconds.
    """

    num_satellites: int
    num_stations: int
    num_days: int
    num_jobs: int
    num_unknowns: int
    seconds: float
    seconds_per_job: float
    disk_bytes: float
    num_rounds: int = 0
    seconds_per_round_job: float = 0.0


def cost_of(study: CalibrationStudy, workers: AbstractWorkers) -> CalibrationCost:
    """Size of a run, and its time from its first station-day on one core; nothing is kept.

    A second look at station-days (residuals, delays) is counted like the first, and with weights by
    residuals like a round; of rounds as many as there may be.
    """
    network = source_of(study).network
    estimate = study.settings.estimate
    settings, refinement = estimate.calibration(), estimate.refinement()
    layout = layout_of(settings, len(network.satellites), len(network.stations))
    units = list(units_of(network, settings).values())
    with one_blas_thread():
        begin = time.perf_counter()
        normals = reduction_of(settings)(units[0], layout, settings)
        each_s = time.perf_counter() - begin
        round_s = _round_s(study, units[0], normals, each_s) if refinement else 0.0
    output, delays = study.settings.output, study.settings.delays
    has_review = output.residuals or delays.model != "off"
    review_s = max(each_s, round_s if refinement and refinement.loss else 0.0)
    number, num_rounds = len(units), refinement.max_rounds if refinement else 0
    job_s = each_s + review_s * has_review + num_rounds * round_s
    kept = 1 + 2 * bool(refinement)
    return CalibrationCost(
        len(network.satellites),
        len(network.stations),
        len({job.day for job in network.jobs}),
        number,
        layout.size,
        number * job_s / min(workers.num_workers, number),
        each_s,
        8.0 * (kept * number + num_rounds) * layout.size**2,
        num_rounds,
        round_s,
    )


def _round_s(
    study: CalibrationStudy, job: StationDayJob, normals: ReducedNormals, each_s: float
) -> float:
    """Time of a station-day in a round, about the solution that it has alone."""
    estimate = study.settings.estimate
    refinement, settings = estimate.refinement(), estimate.calibration()
    assert refinement is not None
    try:
        found = solution_of(normals, estimate.orbit_model)
        own = viewed(settings, found, normals.layout)
        weights = weights_of(refinement, found, own)
        begin = time.perf_counter()
        if refinement.groups:
            variance_job(job, found, own, weights)
        round_job(job, weights, normals.layout, settings)
    except LeopntError:
        return refinement.passes * _ROUND_FACTOR * each_s
    return time.perf_counter() - begin
