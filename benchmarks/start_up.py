"""Start-up of the command line: `leopnt --help`, and the demo with a warm compilation cache.

python -m benchmarks.start_up
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.circumstances import circumstances

ROOT = Path(__file__).parent.parent
RESULT = Path(__file__).parent / "results" / "start_up.json"
LEOPNT = Path(sys.executable).with_name("leopnt")
REPEATS = 5


def median_s(command):
    took = []
    for _ in range(REPEATS + 1):
        begin = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        took.append(time.perf_counter() - begin)
    return statistics.median(took[1:])


def main():
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as out:
        demo = [LEOPNT, "fix", "examples/iridium_hong_kong.toml", "--out", out]
        seconds = {
            "python -c pass": median_s([sys.executable, "-c", "pass"]),
            "leopnt --help": median_s([LEOPNT, "--help"]),
            "leopnt fix (demo), second and later runs": median_s(demo),
        }
    row = {
        "benchmark": "start_up",
        "what": "whole processes, wall time, medians",
        "date": time.strftime("%Y-%m-%d"),
        "seconds": {name: round(s, 3) for name, s in seconds.items()},
        "targets_s": {"leopnt --help": 0.15, "leopnt fix (demo), second and later runs": 5.0},
        "repeats": REPEATS,
        **circumstances(load_before),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    for name, value in seconds.items():
        print(f"{name:44s} {value:6.3f} s")


if __name__ == "__main__":
    main()
