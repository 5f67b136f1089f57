"""What a Dask cluster costs beside threads of one machine: two local worker processes.

    python -m benchmarks.cluster_overhead

Sleeping items take no core, so that the time beyond their sleep is the cluster's own. The study is
one million simulated pseudorange fixes, whose 20 chunks come back to be kept here.
"""

import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.circumstances import circumstances
from benchmarks.study_runner import STUDY, whole
from leopnt.studies import cluster_at, load_study, run_study

RESULT = Path(__file__).parent / "results" / "cluster_overhead.json"
NUM_WORKERS, REPEATS, NUM_EMPTY = 2, 5, 1000
SLEEPS_S = (0.02, 0.05, 0.2, 1.0)


def sleep(item, seconds):
    time.sleep(seconds)


def took_s(function, *words):
    begin = time.perf_counter()
    function(*words)
    return time.perf_counter() - begin


def mapped_s(workers, num_items, seconds):
    return took_s(lambda: list(workers.map(sleep, range(num_items), seconds)))


def overhead_percent(workers, seconds):
    """Time beyond that of the sleep, with the workers always busy."""
    num_items = NUM_WORKERS * max(4, round(1.0 / seconds))
    ideal_s = num_items * seconds / NUM_WORKERS
    found = statistics.median(mapped_s(workers, num_items, seconds) for _ in range(3))
    return 100.0 * (found / ideal_s - 1.0)


def on_cluster_s(study, folder, workers):
    return took_s(lambda: run_study(study, folder, workers=workers, restart=True))


def study_times_s(workers):
    """The first run on the cluster, and medians of runs there and on two threads in turn."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "study.toml", Path(folder) / "out"
        path.write_text(STUDY)
        study = load_study(path)
        whole(study, out)  # compile here
        first_s = on_cluster_s(study, out, workers)
        runs = [(on_cluster_s(study, out, workers), whole(study, out)) for _ in range(REPEATS)]
    return first_s, *(statistics.median(column) for column in zip(*runs, strict=True))


def main():
    from distributed import LocalCluster

    load_before = os.getloadavg()[0]
    with LocalCluster(
        n_workers=NUM_WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as made:
        with cluster_at(made.scheduler_address) as workers:  # its workers import JAX
            list(workers.map(sleep, range(10), 0.0))
        begin = time.perf_counter()
        with cluster_at(made.scheduler_address) as workers:
            connect_s = time.perf_counter() - begin
            empty_ms = 1e3 * mapped_s(workers, NUM_EMPTY, 0.0) / NUM_EMPTY
            overheads = {
                f"chunks of {s:g} s": round(overhead_percent(workers, s), 1) for s in SLEEPS_S
            }
            first_s, cluster_s, threads_s = study_times_s(workers)
    row = {
        "benchmark": "cluster_overhead",
        "what": "a Dask cluster of 2 local worker processes beside 2 threads of one process: empty "
        "chunks, chunks that sleep, and a study of 1 000 000 pseudorange fixes",
        "date": time.strftime("%Y-%m-%d"),
        "connect_s": round(connect_s, 2),
        "ms_per_empty_chunk": round(empty_ms, 2),
        "overhead_percent": overheads,
        "study_first_run_on_cluster_s": round(first_s, 2),
        "study_on_cluster_s": round(cluster_s, 2),
        "study_on_threads_s": round(threads_s, 2),
        "repeats": REPEATS,
        **circumstances(load_before, "jax", "distributed"),
    }
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
