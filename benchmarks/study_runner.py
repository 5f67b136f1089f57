"""The study runner against the bare kernel: one million simulated pseudorange fixes.

    python -m benchmarks.study_runner

The bare kernel runs the same trials through `batch_stream` and throws the results away. The runner
keeps every chunk on disk, then consolidates them into statistics and one file of all trials.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.circumstances import circumstances
from leopnt.inference.batch import batch_stream
from leopnt.studies import Threads, load_study, run_study
from leopnt.studies.runner import prepared_point, trials_per_point

RESULT = Path(__file__).parent / "results" / "study_runner.json"
TARGET_RATIO, TARGET_MB, REPEATS = 0.8, 1000.0, 5
STUDY = """
[study]
method = "pvt"
trials = 100000

[constellation]
preset = "starlink-shell-1"

[users]
cities = ["Beijing", "Cape Town", "Hong Kong", "London", "Nairobi", "New York", "Paris", "Quito",
          "Sydney", "Tokyo"]

[antenna]
mask_deg = 30.0
"""
_PEAK = """
import resource, sys
from leopnt.studies import Threads, load_study, run_study
run_study(load_study(sys.argv[1]), sys.argv[2], workers=Threads(2))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def bare(study):
    point = prepared_point(study, 0)
    index = np.arange(trials_per_point(study))
    begin = time.perf_counter()
    for _ in batch_stream(
        point.kernel, index, shared=point.shared, tile=study.method.tile, threads=2
    ):
        pass
    return time.perf_counter() - begin


def whole(study, folder):
    shutil.rmtree(folder, ignore_errors=True)
    begin = time.perf_counter()
    result = run_study(study, folder, workers=Threads(2))
    assert result.attrs["complete"]
    return time.perf_counter() - begin


def main():
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.toml"
        path.write_text(STUDY)
        study = load_study(path)
        out = Path(folder) / "out"
        bare(study), whole(study, out)  # compile
        pairs = [(bare(study), whole(study, out)) for _ in range(REPEATS)]
        command = [sys.executable, "-c", _PEAK, str(path), str(Path(folder) / "peak")]
        peak_mb = int(subprocess.check_output(command)) / 1024
        trials = trials_per_point(study)
    bare_s, whole_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(kernel / runner for kernel, runner in pairs)
    row = {
        "benchmark": "study_runner",
        "what": "1 000 000 simulated pseudorange fixes on 2 threads, runner with all its files",
        "date": time.strftime("%Y-%m-%d"),
        "trials_per_s": {
            "bare kernel": round(trials / bare_s),
            "runner, files and statistics included": round(trials / whole_s),
        },
        "runner_over_bare_kernel": round(ratio, 3),
        "target_ratio": TARGET_RATIO,
        "peak_memory_mb": round(peak_mb),
        "target_memory_mb": TARGET_MB,
        "repeats": REPEATS,
        **circumstances(load_before, "jax", "numpy", "h5netcdf"),
    }
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
