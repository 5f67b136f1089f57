"""Calibration of 144 satellites from 6 stations at 5 s: one day measured, seven extrapolated.

    python -m benchmarks.calibration

Simulation, reduction on one and two threads, solution, and delays per epoch of all satellites;
beside SciPy's sparse factorization of the same normal equations, clocks kept as unknowns, at sizes
that it can hold.
"""

import json
import os
import resource
import time
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array, vstack
from scipy.sparse.linalg import splu

from benchmarks.circumstances import circumstances
from leopnt.methods.calibration import (
    BASELINE_ERRORS,
    CONSTELLATIONS,
    FREE_LEVEL_SIGMA_M,
    SEED_SETTINGS,
    STATIONS_ECEF_M,
    Scene,
    SharedLevel,
    bds3_orbits,
    delay_links,
    draw_truth,
    joined_links,
    layout_of,
    polar_star,
    reduce_all,
    reduce_station_day,
    simulate_station_day,
    smooth_delays,
    solve_calibration,
    values_of_station_day,
)
from leopnt.methods.calibration.assembly import assemble

RESULT = Path(__file__).parent / "results" / "calibration.json"
DAYS = 7
TARGETS = {"step 2 [s]": 10.0, "simulation and step 2 [s]": 20.0, "step 3 [s]": 10.0}
TARGET_GB = 1.0


def scene_of(satellites=144, stations=6, sampling_s=5.0):
    leo = polar_star(*CONSTELLATIONS["B"])
    step = 144 // satellites
    places = np.array(list(STATIONS_ECEF_M.values()))[:stations]
    return Scene(leo.subset(slice(0, 144, step)), bds3_orbits(), places, sampling_s)


def timed(function):
    begin, own = time.perf_counter(), time.process_time()
    result = function()
    wall, own = time.perf_counter() - begin, time.process_time() - own
    return {"wall_s": round(wall, 3), "cpu_s": round(own, 3)}, result


def one_day(scene, truth, layout):
    """Times of each part of one day, in the order of the work."""
    times = {}
    simulate_station_day(scene, truth, 0, 99, 1)  # compiles what is in JAX

    def simulated():
        return [simulate_station_day(scene, truth, r, 0, 1, BASELINE_ERRORS) for r in range(6)]

    times["simulation, 1 thread"], days = timed(simulated)
    for threads in (1, 2):
        loads = [lambda day=day: day for day in days]
        run = timed(lambda n=threads, x=loads: reduce_all(x, layout, SEED_SETTINGS, threads=n))
        times[f"reduction, {threads} thread{'s' * (threads > 1)}"], normals = run
    jobs = [
        lambda r=r: simulate_station_day(scene, truth, r, 0, 1, BASELINE_ERRORS) for r in range(6)
    ]
    name = "simulation and reduction, 2 threads"
    times[name], _ = timed(lambda: reduce_all(jobs, layout, SEED_SETTINGS, threads=2))
    times["solution"], found = timed(lambda: solve_calibration(normals))
    times["back-substitution"], local = timed(
        lambda: [values_of_station_day(day, found, SEED_SETTINGS) for day in days]
    )
    times["step 3"], _ = timed(lambda: delays_of(days, found, local))
    return times, normals, found


def delays_of(days, found, local):
    parts = [
        delay_links(
            day,
            SEED_SETTINGS,
            offset_m=found.offset_m,
            isb_m=float(found.isb_m[day.station]),
            clock_m=own.clock_m,
            zenith_delay_m=own.zenith_delay_m,
        )
        for day, own in zip(days, local, strict=True)
    ]
    return [
        smooth_delays(joined_links(of_sat), SharedLevel(), float(level), FREE_LEVEL_SIGMA_M)
        for of_sat, level in zip(zip(*parts, strict=True), found.delay_m, strict=True)
    ]


def sparse_rows(day, layout):
    """Weighted rows and observations with clocks as columns; places of the station-day."""
    found = assemble(day, layout, SEED_SETTINGS)
    size = found.unknowns.size
    blocks, targets = [], []
    for rows in found.rows:
        links = np.arange(len(rows.epoch))
        shared = [(w, v) for w, v in zip(rows.shared_column, rows.shared, strict=True)]
        ones = np.ones(len(links))
        clock = (size + 1 + rows.epoch, ones)
        code = [*shared, *((w, ones) for w in rows.code_column), clock]
        phase = [*shared, (rows.arc_column, ones), clock]
        for entries, weight, value in (
            (code, rows.code_weight, rows.code_m),
            (phase, rows.phase_weight, rows.phase_m),
        ):
            root = np.sqrt(weight)
            column = np.concatenate([w for w, _ in entries])
            data = np.concatenate([v * root for _, v in entries])
            shape = (len(links), size + 1 + len(day.epoch_s))
            blocks.append(coo_array((data, (np.tile(links, len(entries)), column)), shape))
            targets.append(value * root)
    return vstack(blocks).tocsc(), np.concatenate(targets), found.unknowns


def sparse_solution(day, layout):
    """Estimates of one station-day by one sparse factorization, its bias held at zero."""
    rows, target, unknowns = sparse_rows(day, layout)
    used = np.flatnonzero(abs(rows).sum(axis=0) > 0)
    used = used[(used != unknowns.bias) & (used != unknowns.size)]
    rows = rows[:, used]
    scale = 1.0 / np.sqrt(np.asarray((rows**2).sum(axis=0)).ravel())
    rows = rows * scale[None, :]
    solved = splu((rows.T @ rows).tocsc(), permc_spec="MMD_AT_PLUS_A").solve(rows.T @ target)
    estimate = np.full(layout.size, np.nan)
    place = unknowns.global_place
    wanted = used[used < len(place)]
    estimate[place[wanted]] = (solved * scale)[: len(wanted)]
    return estimate, len(used)


def curve():
    """The same station-day by both, with more and more epochs."""
    rows = []
    for satellites, sampling_s in ((12, 120.0), (24, 60.0), (48, 30.0), (144, 15.0), (144, 5.0)):
        scene = scene_of(satellites, 1, sampling_s)
        truth = draw_truth(1, satellites, 1)
        layout = layout_of(SEED_SETTINGS, satellites, 1)
        day = simulate_station_day(scene, truth, 0, 0, 1)
        peer, (other, size) = timed(lambda d=day, x=layout: sparse_solution(d, x))
        ours, found = timed(
            lambda d=day, x=layout: solve_calibration(reduce_station_day(d, x, SEED_SETTINGS))
        )
        places = layout.offsets.ravel()
        rows.append(
            {
                "satellites": satellites,
                "sampling_s": sampling_s,
                "unknowns": int(size),
                "ours_s": ours["wall_s"],
                "scipy_s": peer["wall_s"],
                "ratio": round(peer["wall_s"] / ours["wall_s"], 1),
                "largest_difference_m": float(np.max(np.abs(found.estimate - other)[places])),
            }
        )
    return rows


def main():
    load_before = os.getloadavg()[0]
    scene, truth = scene_of(), draw_truth(1, 144, 6)
    layout = layout_of(SEED_SETTINGS, 144, 6)
    times, normals, found = one_day(scene, truth, layout)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    week = {name: round(DAYS * part["wall_s"], 1) for name, part in times.items()}
    week["solution"] = times["solution"]["wall_s"]
    row = {
        "benchmark": "calibration",
        "what": "144 satellites, 6 stations, 5 s; one day measured",
        "date": time.strftime("%Y-%m-%d"),
        "observations_of_the_day": normals.num_observations,
        "times": times,
        "extrapolated_to_7_days_s": week,
        "formal_mm": [round(1e3 * float(x), 4) for x in found.offset_sigma_m.mean(axis=0)],
        "against_scipy_sparse": curve(),
        "targets_of_7_days": TARGETS | {"resident [GB]": TARGET_GB},
        "peak_resident_gb_of_a_day_in_memory": round(peak_gb, 2),
        **circumstances(load_before, "numpy", "scipy"),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    print(f"load {load_before:.2f} before, {row['load_after']} after")
    for name, part in times.items():
        print(f"{name:38s} {part['wall_s']:8.3f} s a day, {week[name]:7.1f} s a week")
    for one in row["against_scipy_sparse"]:
        print(
            f"{one['unknowns']:6d} unknowns: {one['ours_s']:7.3f} s, SciPy {one['scipy_s']:8.3f} s,"
            f" {one['largest_difference_m']:.1e} m apart"
        )
    print(f"largest resident memory: {peak_gb:.2f} GB")


if __name__ == "__main__":
    main()
