"""Propagate the whole Starlink file (3115 satellites) to ECEF over a day of minutes.

    python -m benchmarks.propagation

States come from `propagate_chunks`, frame rotation and both velocities included. The verdict is
the ratio to skyfield (`at()` and its rotation to ITRS) in the same run, on fewer satellites.
"""

import datetime
import json
import os
import resource
import statistics
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.circumstances import circumstances
from leopnt.eop import EopTable
from leopnt.epochs import Epoch
from leopnt.errors import LeopntWarning
from leopnt.io.tle import read_tle
from leopnt.orbits.sgp4 import AnyAge, propagate_chunks

ROOT = Path(__file__).parent.parent
TLE = ROOT / "examples" / "data" / "tle_2025" / "starlink.tle"
RESULT = ROOT / "benchmarks" / "results" / "propagation.json"
START = Epoch.from_iso("2025-12-28T12:00:00Z")
NUM_EPOCHS = 1440
NUM_PEER_SATELLITES = 20
REPEATS = 5
TARGET_US = 1.0


def median_s(work):
    """Median wall time of REPEATS runs, after one to warm up."""
    work()
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def ours_us(elements, epoch):
    """Microseconds a state, and states computed, of leopnt."""

    def work():
        count = 0
        for _, part in propagate_chunks(elements, epoch, age_gate=AnyAge()):
            count += part.is_valid.size
        return count

    num_states = work()
    return median_s(work) / num_states * 1e6, num_states


def skyfield_us(epoch):
    """Microseconds a state of skyfield, position and velocity in ITRS, polar motion included.

    First with the matrices of the epochs worked out anew in each run, as ours are; then with them
    kept from the run before.
    """
    from skyfield.api import EarthSatellite, load
    from skyfield.framelib import itrs

    lines = TLE.read_text().splitlines()
    ts = load.timescale(builtin=True)
    eop = EopTable.bundled().at(epoch)
    utc = epoch.to_datetime64().astype("M8[us]").tolist()
    arcsec = 180 / np.pi * 3600
    tt = ts.from_datetimes([one.replace(tzinfo=datetime.UTC) for one in utc]).tt
    ts.polar_motion_table = tt, eop.x_pole_rad * arcsec, eop.y_pole_rad * arcsec
    satellites = [
        EarthSatellite(lines[i + 1], lines[i + 2], lines[i], ts)
        for i in range(0, 3 * NUM_PEER_SATELLITES, 3)
    ]

    def work(times):
        for satellite in satellites:
            satellite.at(times).frame_xyz_and_velocity(itrs)

    kept = ts.tt_jd(tt)
    num_states = NUM_PEER_SATELLITES * len(epoch)
    fresh_s, kept_s = median_s(lambda: work(ts.tt_jd(tt))), median_s(lambda: work(kept))
    return fresh_s / num_states * 1e6, kept_s / num_states * 1e6


def main():
    warnings.simplefilter("ignore", LeopntWarning)
    load_before = os.getloadavg()[0]
    elements = read_tle(TLE)
    epoch = START + 60.0 * np.arange(NUM_EPOCHS)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    us, num_states = ours_us(elements, epoch)
    grown_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb
    same_us, _ = ours_us(elements[:NUM_PEER_SATELLITES], epoch)
    peer_us, peer_kept_us = skyfield_us(epoch)
    row = {
        "benchmark": "propagation",
        "what": "TLE to ECEF position and both velocities",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "satellites": len(elements),
        "epochs": NUM_EPOCHS,
        "states": num_states,
        "us_per_state": round(us, 4),
        "target_us_per_state": TARGET_US,
        "memory_growth_mb": round(grown_mb, 1),
        "peer": "skyfield at() and ITRS",
        "peer_satellites": NUM_PEER_SATELLITES,
        "peer_us_per_state": round(peer_us, 3),
        "us_per_state_on_the_peer_size": round(same_us, 4),
        "peer_us_per_state_with_matrices_kept": round(peer_kept_us, 3),
        "ratio_to_peer": round(peer_us / same_us, 2),
        "ratio_to_peer_with_matrices_kept": round(peer_kept_us / same_us, 2),
        "repeats": REPEATS,
        **circumstances(load_before, "numpy", "sgp4", "pyerfa", "skyfield"),
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    print(
        f"propagation: {num_states} states at {us:.3f} us each (target {TARGET_US} us), memory "
        f"grew by {grown_mb:.0f} MB"
    )
    print(
        f"  {NUM_PEER_SATELLITES} satellites: leopnt {same_us:.3f} us, skyfield {peer_us:.3f} us "
        f"(ratio {peer_us / same_us:.1f}), with its matrices kept {peer_kept_us:.3f} us (ratio "
        f"{peer_kept_us / same_us:.1f}); load {load_before:.2f} before, {row['load_after']:.2f} "
        "after"
    )
    return row


if __name__ == "__main__":
    main()
