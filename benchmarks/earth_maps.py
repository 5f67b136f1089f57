"""Maps of DOP and of position bounds over the Earth and a day.

    python -m benchmarks.earth_maps

DOP of a Walker delta 1584/72/17 (53 deg, 550 km, mask 25 deg, sphere, one day), orbits included,
beside kshana, whose engine is written in Rust and takes one core, in the same run: on 10 degrees x
144 epochs and 5 degrees x 1440. The verdict is the ratio of processor seconds, which other work on
the machine disturbs least. Means of both stand side by side; they differ as kshana leaves out how
J2 moves satellites along their orbits (`tests/methods/test_coverage.py` gets its digits without).
Percentiles of each cell over time are timed apart. Then bounds from pseudorange and Doppler of 3115
Starlink satellites on a 1 degree grid, one day every 5 minutes. What more cells, epochs and
satellites cost: `earth_map_costs`.
"""

import datetime
import json
import math
import os
import resource
import statistics
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.circumstances import circumstances
from leopnt.methods.coverage import (
    DOP_QUANTITIES,
    SPHERE,
    Doppler,
    Limit,
    MapChunk,
    Pseudorange,
    UserKnowledge,
    coverage_map,
    equal_angle_grid,
    link_weights,
    percentiles_over_time,
    unknowns_of,
)
from leopnt.orbits.constellations import STARLINK_SHELL_1
from leopnt.scenes.constellation import load_satellites
from leopnt.scenes.map_orbits import CircularOrbits, InterpolatedOrbits
from leopnt.scenes.study_settings import ConstellationSettings, TimeSettings

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "earth_maps.json"
TLE_FOLDER = ROOT / "examples" / "data" / "tle_2025"
DAY_S = 86_400.0
CASES = {"10 deg x 144": (10.0, 600.0), "5 deg x 1440": (5.0, 60.0)}
EPOCHS_AT_ONCE = 36
REPEATS = 5
CATALOGUE_STEP_S = 300.0
CATALOGUE_EPOCHS_AT_ONCE = 12
TARGETS = {"ratio_to_kshana": 1.0, "speedup_of_two": 1.7, "wall_s": 600.0, "memory_mb": 2e3}


def walker_chunks(grid_deg, step_s, kept=()):
    """Chunks of the Walker case, whose states are worked out when a chunk's turn comes."""
    grid = equal_angle_grid(math.radians(grid_deg), figure=SPHERE)
    orbits = CircularOrbits(STARLINK_SHELL_1.elements())
    weights = link_weights((Pseudorange(1.0),), STARLINK_SHELL_1.num_satellites)
    unknowns = unknowns_of(UserKnowledge(), weights)
    t_s = np.arange(0.0, DAY_S, step_s)

    def chunk(first):
        states = orbits.states(t_s[first : first + EPOCHS_AT_ONCE])
        mask, limit = math.radians(25.0), Limit("pdop", 6.0)
        return MapChunk(grid, *states, mask, weights, unknowns, DOP_QUANTITIES, limit, kept)

    return [lambda i=i: chunk(i) for i in range(0, len(t_s), EPOCHS_AT_ONCE)]


def kshana_file(grid_deg, step_s):
    """The same case as kshana takes it."""
    return f"""
kind = "constellation-design"
body = "earth"
duration_s = {DAY_S}
step_s = {step_s}
mask_deg = 25.0
pdop_threshold = 6.0
grid_step_deg = {grid_deg}
clock = "common"
j2 = true
track_points = 2
max_tracks = 1
[[constellation]]
name = "W"
[[constellation.shell]]
pattern = "delta"
total = 1584
planes = 72
phasing = 17
inclination_deg = 53.0
altitude_km = 550.0
"""


def timed(works):
    """Median wall and processor seconds of each piece of work, taken in turn."""
    for work in works.values():
        work()
    wall, busy = ({name: [] for name in works} for _ in range(2))
    for _ in range(REPEATS):
        for name, work in works.items():
            start, start_busy = time.perf_counter(), time.process_time()
            work()
            wall[name].append(time.perf_counter() - start)
            busy[name].append(time.process_time() - start_busy)
    return [
        {name: round(statistics.median(taken), 4) for name, taken in one.items()}
        for one in (wall, busy)
    ]


def walker_rows():
    """Each case, with one thread and two, beside kshana where it is installed."""
    rows = {}
    for name, case in CASES.items():
        works = {
            "leopnt, 1 thread": lambda case=case: coverage_map(walker_chunks(*case)),
            "leopnt, 2 threads": lambda case=case: coverage_map(walker_chunks(*case), workers=2),
        }
        if find_spec("kshana") is not None:
            import kshana

            text = kshana_file(*case)
            works["kshana"] = lambda text=text: kshana.run(text)
        wall, busy = timed(works)
        row = {f"wall_s, {name}": one for name, one in wall.items()}
        row |= {f"processor_s, {name}": one for name, one in busy.items()}
        row["speedup_of_two"] = round(wall["leopnt, 1 thread"] / wall["leopnt, 2 threads"], 2)
        if "kshana" in works:
            row["ratio_to_kshana"] = round(busy["kshana"] / busy["leopnt, 1 thread"], 2)
            row |= agreement(case, json.loads(works["kshana"]()))
        rows[name] = row
    return rows


def agreement(case, peer):
    """Area-weighted figures of both, side by side."""
    found = coverage_map(walker_chunks(*case))
    grid = equal_angle_grid(math.radians(case[0]), figure=SPHERE)
    weight, epochs = grid.area_weight, found.num_epochs
    solved = found.num_solved * weight[None, :]
    mean = np.sum(found.total * weight[None, :], axis=1) / np.sum(solved, axis=1)
    ours = {
        "mean_visible": mean[0],
        "mean_gdop": mean[1],
        "mean_hdop": mean[3],
        "availability_percent": 100.0 * found.num_available @ weight / epochs,
        "fix_percent": 100.0 * found.num_solved[2] @ weight / epochs,
    }
    theirs = peer["global"]
    values = (theirs["mean_visible"], theirs["gdop"]["mean"], theirs["hdop"]["mean"],
              theirs["availability_pct"], theirs["fix_pct"])  # fmt: skip
    row = {}
    for (name, one), other in zip(ours.items(), values, strict=True):
        row |= {name: round(float(one), 3), f"{name}, kshana": round(other, 3)}
    return row


def percentile_seconds():
    """Seconds for the 50th and 95th percentile of PDOP over time in every cell, 5 deg x 1440."""
    kept = coverage_map(walker_chunks(*CASES["5 deg x 1440"], kept=("pdop",))).kept[:, 0]
    start = time.perf_counter()
    percentiles_over_time(kept, np.array([50.0, 95.0]))
    return round(time.perf_counter() - start, 3)


def catalogue_row(workers):
    """Bounds of all Starlink satellites, from the file to the map."""
    start, start_busy = time.perf_counter(), time.process_time()
    span = TimeSettings(start="2025-12-28T12:00:00Z", duration_s=DAY_S, step_s=CATALOGUE_STEP_S)
    source = ConstellationSettings(file="starlink.tle", max_age_days=30.0)
    satellites = load_satellites(source, span, TLE_FOLDER)
    orbits, grid = InterpolatedOrbits(satellites.ephemeris), equal_angle_grid(math.radians(1.0))
    weights = link_weights((Pseudorange(3.0), Doppler(10.0, 11.325e9)), len(satellites.names))
    unknowns = unknowns_of(UserKnowledge(), weights)
    t_s = np.arange(0.0, DAY_S, CATALOGUE_STEP_S)
    quantities = ("num_visible", "pdop", "position_m", "horizontal_m", "vertical_m", "clock_s")

    def chunk(first):
        states = orbits.states(t_s[first : first + CATALOGUE_EPOCHS_AT_ONCE])
        mask, limit = math.radians(25.0), Limit("position_m", 10.0)
        return MapChunk(grid, *states, mask, weights, unknowns, quantities, limit)

    found = coverage_map(
        [lambda i=i: chunk(i) for i in range(0, len(t_s), CATALOGUE_EPOCHS_AT_ONCE)],
        workers=workers,
    )
    wall, busy = time.perf_counter() - start, time.process_time() - start_busy
    return {
        "satellites": len(satellites.names),
        "cells": grid.num_cells,
        "epochs": len(t_s),
        "threads": workers,
        "wall_s": round(wall, 2),
        "processor_s": round(busy, 2),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "available_percent": round(100.0 * float(found.num_available @ grid.area_weight) / 288, 2),
    }


def main():
    load_before = os.getloadavg()[0]
    catalogue = catalogue_row(workers=2)
    rows = walker_rows()
    percentiles_s = percentile_seconds()
    peers = [name for name in ("numba", "kshana") if find_spec(name) is not None]
    row = {
        "benchmark": "earth_maps",
        "what": "DOP of a Walker delta 1584/72/17 over the Earth and a day, orbits included, and "
        "bounds of all Starlink satellites",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        **rows,
        "starlink": catalogue,
        "targets": TARGETS,
        "percentiles_s": percentiles_s,
        "repeats": REPEATS,
        **circumstances(load_before, "jax", "numpy", *peers),
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    for name, one in rows.items():
        times = {key: value for key, value in one.items() if "_s, " in key}
        print(f"earth maps, {name}: {times}")
        print(
            f"  ratio to kshana {one.get('ratio_to_kshana', 'not measured')} (target 1), two "
            f"threads {one['speedup_of_two']} times as fast (target 1.7)"
        )
    print(f"  percentiles of each cell, apart: {percentiles_s} s")
    print(
        f"  {catalogue['satellites']} satellites, {catalogue['cells']} cells, "
        f"{catalogue['epochs']} epochs: {catalogue['wall_s']} s (target 600), "
        f"{catalogue['memory_mb']} MB (target 2000); load {load_before:.2f} before, "
        f"{row['load_after']:.2f} after"
    )
    return row


if __name__ == "__main__":
    main()
