"""ASTARS: 100 000 surface fixes (LS-1) and 20 000 joint fixes of twelve satellites.

    python -m benchmarks.astars_fixes

Ours, with covariances and statuses, from a closed-form start to the stop rule, through the public
functions on one and two threads, beside plain batched NumPy versions with a fixed number of passes
from a start near the truth and without any of these, in the same run on the same problems.
"""

import json
import os
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.circumstances import circumstances
from leopnt.methods.astars import joint_fix, knowledge, relayed_phases, surface_fix

RESULT = Path(__file__).parent / "results" / "astars_fixes.json"
SURFACES, JOINTS, SATELLITES, REPEATS = 100_000, 20_000, 12, 5
SURFACE_TARGET_PER_S, JOINT_TARGET_PER_S = 5e5, 1e5
SIGMA_M, SURVEY_M, AOD_RAD, SYNC_S = 0.2, 0.01, 1e-3, 1e-9
LIGHT_MPS = 299792458.0
S_M = np.array([-2604348.533, 4743312.217, 3364998.513])
U_M = np.array([-2604298.533, 4743297.217, 3364978.513])
REACH_M = np.linalg.norm(U_M - S_M)


def problem(count, seed=0):
    """Satellites in half the sky over the surface, and their ranges by way of it."""
    rng = np.random.default_rng(seed)
    up = S_M / np.linalg.norm(S_M)
    north = np.cross(up, np.cross([0.0, 0.0, 1.0], up))
    north /= np.linalg.norm(north)
    shape = (count, SATELLITES)
    sine, azimuth = rng.uniform(0.17, 1.0, shape), rng.uniform(0.0, np.pi, shape)
    flat = np.sqrt(1.0 - sine**2)
    parts = np.stack([flat * np.sin(azimuth), flat * np.cos(azimuth), sine], axis=-1)
    e = parts @ np.stack([np.cross(north, up), north, up])
    along = e @ S_M
    away = -along + np.sqrt(along**2 + 26559.7e3**2 - S_M @ S_M)
    ranges = away + REACH_M + SIGMA_M * rng.normal(size=shape)
    return S_M + away[..., None] * e, ranges


def knowns(count, seed=1):
    """Measured directions, network times and surveys."""
    rng = np.random.default_rng(seed)
    u = (U_M - S_M) / REACH_M
    side = np.linalg.svd(u[None])[2][1:]
    departure = u + AOD_RAD * rng.normal(size=(count, 2)) @ side
    departure /= np.linalg.norm(departure, axis=-1, keepdims=True)
    survey = S_M + SURVEY_M * rng.normal(size=(count, 3))
    return departure, SYNC_S * rng.normal(size=count), survey


def plain_surface(satellites, ranges, passes=3):
    """Gauss-Newton on (S, b) by normal equations, from 100 m beside the surface."""
    x = np.tile(np.append(S_M + 100.0, -REACH_M), (len(ranges), 1))
    for _ in range(passes):
        offset = x[:, None, :3] - satellites
        length = np.sqrt(np.einsum("nij,nij->ni", offset, offset))
        rows = np.concatenate([offset / length[..., None], -np.ones((*length.shape, 1))], axis=-1)
        miss = ranges - length + x[:, 3:]
        normal = np.einsum("nij,nik->njk", rows, rows)
        x += np.linalg.solve(normal, np.einsum("nij,ni->nj", rows, miss)[..., None])[..., 0]
    return x


def plain_joint(satellites, ranges, departure, clock_s, survey, passes=4):
    """Gauss-Newton on (S, U, clock) by normal equations, from survey, direction and range."""
    s, count = survey.copy(), len(ranges)
    clock = LIGHT_MPS * clock_s
    first = np.linalg.norm(satellites - s[:, None], axis=-1)
    reach = np.mean(ranges - first, axis=1) - clock
    u = s + reach[:, None] * departure
    side = np.linalg.svd(departure[:, None, :])[2][:, 1:]
    for _ in range(passes):
        offset, last = s[:, None] - satellites, u - s
        length, reach = np.linalg.norm(offset, axis=-1), np.linalg.norm(last, axis=-1)
        unit = last / reach[:, None]
        rows, miss = np.zeros((count, SATELLITES + 6, 7)), np.zeros((count, SATELLITES + 6))
        rows[:, :SATELLITES, :3] = offset / length[..., None] - unit[:, None]
        rows[:, :SATELLITES, 3:6] = unit[:, None]
        rows[:, :SATELLITES, 6] = 1.0
        miss[:, :SATELLITES] = ranges - length - (reach + clock)[:, None]
        rows[:, :SATELLITES] /= SIGMA_M
        miss[:, :SATELLITES] /= SIGMA_M
        across = np.einsum("nij,nj->ni", side, unit)
        turn = (side - across[..., None] * unit[:, None]) / reach[:, None, None] / AOD_RAD
        rows[:, SATELLITES : SATELLITES + 2, :3] = -turn
        rows[:, SATELLITES : SATELLITES + 2, 3:6] = turn
        miss[:, SATELLITES : SATELLITES + 2] = -across / AOD_RAD
        rows[:, SATELLITES + 2, 6] = 1.0 / (LIGHT_MPS * SYNC_S)
        miss[:, SATELLITES + 2] = clock_s / SYNC_S - clock / (LIGHT_MPS * SYNC_S)
        rows[:, SATELLITES + 3 :, :3] = np.eye(3) / SURVEY_M
        miss[:, SATELLITES + 3 :] = (survey - s) / SURVEY_M
        normal = np.einsum("nij,nik->njk", rows, rows)
        step = np.linalg.solve(normal, np.einsum("nij,ni->nj", rows, miss)[..., None])[..., 0]
        s, u, clock = s + step[:, :3], u + step[:, 3:6], clock + step[:, 6]
    return u


def timed(function):
    """Median wall and processor time [s] after one call to compile, and the last result."""
    result, wall, own = function(), [], []
    for _ in range(REPEATS):
        begin, begin_own = time.perf_counter(), time.process_time()
        result = function()
        wall.append(time.perf_counter() - begin)
        own.append(time.process_time() - begin_own)
    return statistics.median(wall), statistics.median(own), result


def main():
    load_before = os.getloadavg()[0]
    satellites, ranges = problem(SURFACES)
    some, some_m = satellites[:JOINTS], ranges[:JOINTS]
    departure, clock_s, survey = knowns(JOINTS)
    phases = relayed_phases(some, some_m, SIGMA_M)
    known = knowledge(
        surface_pos_ecef_m=survey[:, None],
        sigma_survey_m=SURVEY_M,
        departure=departure[:, None],
        sigma_aod_rad=AOD_RAD,
        clock_bias_s=clock_s,
        sigma_sync_s=SYNC_S,
    )
    cases = {
        "LS-1, leopnt, 1 thread": lambda: surface_fix(satellites, ranges, threads=1),
        "LS-1, leopnt, 2 threads": lambda: surface_fix(satellites, ranges, threads=2),
        "LS-1, plain NumPy, 3 passes": lambda: plain_surface(satellites, ranges),
        "joint, leopnt, 1 thread": lambda: joint_fix(phases, known, threads=1),
        "joint, leopnt, 2 threads": lambda: joint_fix(phases, known, threads=2),
        "joint, plain NumPy, 4 passes": lambda: plain_joint(
            some, some_m, departure, clock_s, survey
        ),
    }
    rates, results = {}, {}
    for name, run in cases.items():
        wall, own, results[name] = timed(run)
        count = SURFACES if name.startswith("LS-1") else JOINTS
        rates[name] = {"per_s": round(count / wall), "per_s_of_processor": round(count / own)}
    surface_m = results["LS-1, leopnt, 1 thread"].surface_pos_ecef_m
    receiver_m = results["joint, leopnt, 1 thread"].rx_pos_ecef_m
    off_m = {
        "LS-1": float(np.max(np.abs(surface_m - results["LS-1, plain NumPy, 3 passes"][:, :3]))),
        "joint": float(np.max(np.abs(receiver_m - results["joint, plain NumPy, 4 passes"]))),
    }
    record(rates, off_m, load_before)


def record(rates, off_m, load_before):
    def ratio(name):
        plain = next(n for n in rates if "NumPy" in n and n[:4] == name[:4])
        return rates[name]["per_s_of_processor"] / rates[plain]["per_s_of_processor"]

    row = {
        "benchmark": "astars_fixes",
        "what": "fixes of twelve satellites: surface and clock; surface, receiver and clock",
        "date": time.strftime("%Y-%m-%d"),
        "fixes_per_s": {n: r["per_s"] for n, r in rates.items()},
        "fixes_per_s_of_processor": {n: r["per_s_of_processor"] for n, r in rates.items()},
        "ratio_to_plain_numpy": {n: round(ratio(n), 2) for n in rates},
        "largest_difference_from_numpy_m": off_m,
        "targets_per_s": {"LS-1": SURFACE_TARGET_PER_S, "joint": JOINT_TARGET_PER_S},
        "repeats": REPEATS,
        **circumstances(load_before, "jax", "numpy"),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    print(f"load {load_before:.2f} before, {row['load_after']} after; medians of {REPEATS}")
    for name, rate in rates.items():
        print(f"{name:32s} {rate['per_s']:7d} /s wall {rate['per_s_of_processor']:7d} /s processor")
    print(f"positions differ from plain NumPy by at most {off_m}")


if __name__ == "__main__":
    main()
