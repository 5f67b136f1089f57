"""Reading observations: a RINEX 3 file of 24 h x 30 s x 40 satellites x 8 observables, 15 MB.

    python -m benchmarks.rinex_reading

Ours beside pyrtklib (RTKLIB in C) and georinex (Python), where they are installed: the same file in
the same run, each reader in a process of its own for its peak memory. The file is made by our
writer from random numbers in legal columns, and every reader's values are compared with these.
"""

import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from benchmarks.circumstances import circumstances
from leopnt.epochs import Epoch, TimeScale
from leopnt.io.rinex_obs import RinexObs, SystemObs, read_rinex_obs
from leopnt.io.rinex_obs_header import RinexObsHeader
from leopnt.io.rinex_obs_writer import write_rinex_obs

RESULT = Path(__file__).parent / "results" / "rinex_reading.json"
REPEATS = 5
TARGET_S, TARGET_MB = 0.5, 150.0
NUM_EPOCHS = 2880
SYSTEMS = {
    "G": (12, "C1C L1C D1C S1C C5Q L5Q D5Q S5Q"),
    "R": (8, "C1C L1C D1C S1C C2P L2P D2P S2P"),
    "E": (10, "C1C L1C D1C S1C C5Q L5Q D5Q S5Q"),
    "C": (10, "C2I L2I D2I S2I C6I L6I D6I S6I"),
}


def observations() -> RinexObs:
    """Random observations in the ranges of real ones, 2 % of them missing."""
    rng = np.random.default_rng(0)
    systems = {}
    for letter, (num, codes) in SYSTEMS.items():
        shape = (NUM_EPOCHS * num, 2)
        columns = [
            rng.integers(20_000_000_000, 26_000_000_000, shape),  # range, mm
            rng.integers(80_000_000_000, 136_000_000_000, shape),  # phase, 0.001 cycles
            rng.integers(-4_000_000, 4_000_000, shape),  # Doppler, mHz
            rng.integers(20_000, 55_000, shape),  # C/N0, 0.001 dB-Hz
        ]
        value = np.stack(columns, axis=2).transpose(0, 1, 2).reshape(shape[0], 8) / 1000.0
        value[(rng.random(value.shape) < 0.02) | (value == 0.0)] = np.nan
        systems[letter] = SystemObs(
            codes=tuple(codes.split()),
            satellites=tuple(f"{letter}{i + 1:02d}" for i in range(num)),
            sat=np.tile(np.arange(num), NUM_EPOCHS),
            epoch=np.repeat(np.arange(NUM_EPOCHS), num),
            value=value,
            lli=np.zeros(value.shape, dtype=np.uint8),
            ssi=rng.integers(0, 10, size=value.shape).astype(np.uint8),
        )
    start = Epoch.from_calendar(2025, 1, 1, scale=TimeScale.GPST)
    return RinexObs(
        header=RinexObsHeader(interval_s=30.0, approx_pos_ecef_m=np.array([1.0, 2.0, 3.0])),
        epoch=start + 30.0 * np.arange(NUM_EPOCHS),
        clock_offset_s=np.full(NUM_EPOCHS, np.nan),
        is_after_power_failure=np.zeros(NUM_EPOCHS, dtype=bool),
        systems=systems,
    )


def timed(function, repeats):
    """Wall and processor times [s] of each call, and the last result."""
    wall, own, result = [], [], None
    for _ in range(repeats):
        begin, begin_own = time.perf_counter(), time.process_time()
        result = function()
        wall.append(time.perf_counter() - begin)
        own.append(time.process_time() - begin_own)
    return wall, own, result


def largest_deviation(expected, found) -> float:
    """Of two tables; infinite where one has a value and the other none."""
    is_gap = np.isnan(expected)
    if not np.array_equal(is_gap, np.isnan(found)):
        return float("inf")
    return float(np.max(np.abs(expected - found)[~is_gap]))


def leopnt_reader(path):
    times = timed(lambda: read_rinex_obs(path), REPEATS)

    def check(obs):
        back = times[2]
        return max(
            largest_deviation(one.value, back.systems[letter].value)
            for letter, one in obs.systems.items()
        )

    return times, check


def pyrtklib_reader(path):
    import pyrtklib as rtk

    def read():
        obs, nav, station = rtk.obs_t(), rtk.nav_t(), rtk.sta_t()
        rtk.readrnx(str(path), 1, "", obs, nav, station)
        return obs

    times = timed(read, REPEATS)

    def check(obs):
        """First-frequency ranges of GPS, all epochs; it sorts them by time and satellite."""
        data = times[2].data
        rows = [(one.time.time, one.sat, one.P[0]) for one in (data[i] for i in range(times[2].n))]
        num = SYSTEMS["G"][0]
        start = rows[0][0]
        table = np.full((num, NUM_EPOCHS), np.nan)
        for second, sat, range_m in rows:
            if sat <= num:
                table[sat - 1, (second - start) // 30] = range_m or np.nan
        return largest_deviation(obs.values("G", "C1C"), table)

    return times, check


def georinex_reader(path):
    import georinex

    warnings.simplefilter("ignore")
    times = timed(lambda: georinex.load(path), 1)

    def check(obs):
        found = times[2]["C1C"].sel(sv=list(obs.system("G").satellites)).values.T
        return largest_deviation(obs.values("G", "C1C"), found)

    return times, check


READERS = {"leopnt": leopnt_reader, "pyrtklib": pyrtklib_reader, "georinex": georinex_reader}


def one_reader(name, path):
    """Times, peak memory and deviations of one reader, in this process."""
    (wall, own, _), check = READERS[name](path)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {
        "wall_s": round(statistics.median(wall), 3),
        "cpu_s": round(statistics.median(own), 3),
        "fastest_wall_s": round(min(wall), 3),
        "peak_resident_mb": round(peak_mb, 1),
        "largest_deviation": check(observations()),
        "repeats": len(wall),
    }


def in_own_process(name, path):
    command = [sys.executable, "-m", "benchmarks.rinex_reading", "--reader", name, str(path)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def main():
    load_before = os.getloadavg()[0]
    found, skipped = {}, []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.rnx"
        obs = observations()
        wall, own, _ = timed(lambda: write_rinex_obs(path, obs), REPEATS)
        written = {
            "wall_s": round(statistics.median(wall), 3),
            "cpu_s": round(statistics.median(own), 3),
        }
        size = path.stat().st_size
        for name in READERS:
            if importlib.util.find_spec(name) is None:
                skipped.append(
                    f"{name} is not installed, so it is not compared; pip install {name}"
                )
                continue
            found[name] = in_own_process(name, path)
    record(found, written, skipped, size, load_before)


def record(found, written, skipped, size, load_before):
    base = found["leopnt"]["cpu_s"]
    row = {
        "benchmark": "rinex_reading",
        "what": "a RINEX 3.04 observation file, 24 h x 30 s x 40 satellites x 8 observables",
        "date": time.strftime("%Y-%m-%d"),
        "file_mb": round(size / 1e6, 2),
        "readers": found,
        "ratio_of_processor_time_to_ours": {
            name: round(one["cpu_s"] / base, 2) for name, one in found.items()
        },
        "leopnt_writing": written,
        "skipped": skipped,
        "targets": {"read [s]": TARGET_S, "peak resident [MB]": TARGET_MB},
        **circumstances(load_before),
        "versions": {name: _version(name) for name in ("numpy", *READERS) if name != "leopnt"},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    print(f"{row['file_mb']} MB; load {load_before:.2f} before, {row['load_after']} after")
    for name, one in found.items():
        print(
            f"{name:10s} {one['wall_s']:8.3f} s wall {one['cpu_s']:8.3f} s of processor "
            f"{one['peak_resident_mb']:6.0f} MB, off by {one['largest_deviation']:g}, median of "
            f"{one['repeats']}"
        )
    print(f"writing    {written['wall_s']:8.3f} s wall {written['cpu_s']:8.3f} s of processor")
    for sentence in skipped:
        print(sentence)


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    if sys.argv[1:2] == ["--reader"]:
        print(json.dumps(one_reader(sys.argv[2], Path(sys.argv[3]))))
    else:
        main()
