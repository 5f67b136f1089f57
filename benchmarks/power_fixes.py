"""Power positioning: 12 000 maximum-likelihood fixes of 52 beams, prior-free.

    python -m benchmarks.power_fixes

Ours, run to its stop rule and with bounds and statuses, on one and two threads, beside a plain
NumPy version of 12 Fisher-scoring steps without any of these, in the same run, from the same
starts. The published method, the search of starts and a stream of 290 000 fixes come along.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.circumstances import circumstances
from leopnt.antennas.beams import b52
from leopnt.methods.power import (
    NO_PRIOR,
    Shell,
    amplitude_table,
    fingerprint_search,
    gamma_of_elevation,
    measure,
    ml_fix,
    power_scene,
    range_of_elevation,
    received_power_dbw,
    seed_fix,
    seed_search,
    seed_tables,
)

RESULT = Path(__file__).parent / "results" / "power_fixes.json"
USERS, RUNS, REPEATS, STREAM = 1200, 10, 5, 290_000
TARGET_S, STREAM_TARGET_S, STREAM_TARGET_GB = 1.0, 30.0, 0.6
SCENE = power_scene(b52())


def problem(seed=0):
    """Powers of 1200 users (elevation 10.5 ... 88.5 deg, 30 azimuths) times 10 runs; azimuths."""
    alpha, beta = np.meshgrid(10.5 + 2 * np.arange(40), 3.7 + 12 * np.arange(30), indexing="ij")
    alpha, beta = (np.repeat(np.radians(x.ravel()), RUNS) for x in (alpha, beta))

    @jax.jit
    @jax.vmap
    def draw(key, alpha, beta):
        gamma = gamma_of_elevation(SCENE.shell, alpha)
        range_m = range_of_elevation(SCENE.shell, alpha)
        return measure(SCENE, key, received_power_dbw(SCENE, gamma, beta, range_m))

    keys = jax.random.split(jax.random.key(seed), len(alpha))
    return np.asarray(draw(keys, jnp.asarray(alpha), jnp.asarray(beta))), beta


def plain_numpy(power_dbw, start, steps=12):
    """12 damped Fisher-scoring steps for all users at once; (u, v, ln d) of each."""
    antenna, shell = b52(), Shell()
    noise_w = 1.380649e-23 * 290.0 * 1000.0
    y = np.sqrt(2.0 * 10.0 ** (power_dbw / 10.0) / noise_w)
    per_watt = 2.0 / noise_w * (299792458.0 / 1.6e9 / (4.0 * np.pi)) ** 2
    peak = 10.0 ** (antenna.peak_dbw / 10.0)

    def axis(cosine, of_beam):
        x = np.pi * (cosine[:, None] - of_beam[None])
        value, slope = np.zeros_like(x), np.zeros_like(x)
        for n in (0.5, 1.5, 2.5, 3.5):
            value += 0.25 * np.cos(n * x)
            slope -= 0.25 * np.pi * n * np.sin(n * x)
        return value, slope

    def model(state):
        u, v, log_range = state
        (x, of_x), (z, of_z) = axis(u, antenna.beam_u), axis(v, antenna.beam_v)
        square = 1.0 - u * u - v * v
        scale = per_watt * np.exp(-2.0 * log_range) * square**0.6
        bare = (x * z) ** 2 + 10**-3.5
        amplitude = np.sqrt(scale[:, None] * peak[None] * bare)
        element = 1.2 / square
        by_u = amplitude * (x * z * z * of_x / bare - 0.5 * (element * u)[:, None])
        by_v = amplitude * (z * x * x * of_z / bare - 0.5 * (element * v)[:, None])
        cost = np.sum((y - amplitude) ** 2 - 2.0 * np.log1p(np.exp(-2.0 * y * amplitude)), axis=1)
        return amplitude, np.stack([by_u, by_v, -amplitude], axis=-1), cost

    gamma, beta = start.gamma_rad[:, 0], start.beta_rad[:, 0]
    a = shell.sat_radius_m
    d = a * np.cos(gamma) - np.sqrt(shell.earth_radius_m**2 - (a * np.sin(gamma)) ** 2)
    state = np.stack([np.sin(gamma) * np.cos(beta), np.sin(gamma) * np.sin(beta), np.log(d)])
    damping = np.full(len(gamma), 1e-3)
    amplitude, rows, cost = model(state)
    for _ in range(steps):
        score = y * np.tanh(y * amplitude) - amplitude
        normal = np.einsum("ubi,ubj->uij", rows, rows)
        normal[:, range(3), range(3)] *= 1.0 + damping[:, None]
        step = np.linalg.solve(normal, np.einsum("ubi,ub->ui", rows, score)[..., None])[..., 0].T
        trial = state + np.clip(step, -0.1, 0.1)
        rho = np.hypot(trial[0], trial[1])
        trial[:2] *= np.where(rho > 0.999, 0.999 / rho, 1.0)
        of_trial = model(trial)
        better = of_trial[2] <= cost
        state = np.where(better, trial, state)
        amplitude = np.where(better[:, None], of_trial[0], amplitude)
        rows = np.where(better[:, None, None], of_trial[1], rows)
        cost = np.where(better, of_trial[2], cost)
        damping = np.where(better, damping / 3.0, damping * 4.0)
    return state


def timed(function, repeats=REPEATS):
    """Median wall and processor time [s] after one call to compile, and the last result."""
    result, wall, own = function(), [], []
    for _ in range(repeats):
        begin, begin_own = time.perf_counter(), time.process_time()
        result = function()
        wall.append(time.perf_counter() - begin)
        own.append(time.process_time() - begin_own)
    return statistics.median(wall), statistics.median(own), result


def stream():
    """Times of STREAM fixes, drawn, started and fixed 12 000 at a time; fixes only are timed."""
    wall = own = 0.0
    table = amplitude_table(SCENE)
    for seed in range(-(-STREAM // (USERS * RUNS))):
        power, _ = problem(seed)
        power = power[: STREAM - seed * USERS * RUNS]
        start = fingerprint_search(SCENE, table, power)
        if not seed:
            ml_fix(SCENE, power, start, NO_PRIOR, threads=1)  # compiles
        begin, begin_own = time.perf_counter(), time.process_time()
        ml_fix(SCENE, power, start, NO_PRIOR, threads=1)
        wall += time.perf_counter() - begin
        own += time.process_time() - begin_own
    resident_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"wall_s": round(wall, 2), "cpu_s": round(own, 2)}, round(resident_gb, 2)


def stream_alone(**environment):
    """`stream` in a process of its own, because what compiling frees stays in a process."""
    command = [sys.executable, "-m", "benchmarks.power_fixes", "--stream"]
    run = subprocess.run(
        command, env=os.environ | environment, check=True, capture_output=True, text=True
    )
    return json.loads(run.stdout)


def main():
    load_before = os.getloadavg()[0]
    power, beta = problem()
    table, tables = amplitude_table(SCENE), seed_tables(SCENE)
    start = fingerprint_search(SCENE, table, power)
    first = seed_search(tables, power, beta)
    _, default_gb = stream_alone()
    streamed, one_arena_gb = stream_alone(MALLOC_ARENA_MAX="1")
    cases = {
        "leopnt ML, 1 thread": lambda: ml_fix(SCENE, power, start, NO_PRIOR, threads=1),
        "leopnt ML, 2 threads": lambda: ml_fix(SCENE, power, start, NO_PRIOR, threads=2),
        "plain NumPy, 12 steps": lambda: plain_numpy(power, start),
        "published method, 1 thread": lambda: seed_fix(SCENE, power, first, threads=1),
        "search of starts": lambda: fingerprint_search(SCENE, table, power),
    }
    times, results = {}, {}
    for name, run in cases.items():
        wall, own, results[name] = timed(run)
        times[name] = {"wall_s": round(wall, 3), "cpu_s": round(own, 3)}
    times[f"leopnt ML of {STREAM}, 1 thread"] = streamed
    ours, plain = results["leopnt ML, 1 thread"], results["plain NumPy, 12 steps"]
    sigma = np.sqrt(np.diagonal(ours.bound.covariance, axis1=1, axis2=2)).T
    off = np.abs(np.stack([ours.u, ours.v, np.log(ours.range_m)]) - plain) / sigma
    peaks = {"as installed": default_gb, "with MALLOC_ARENA_MAX=1": one_arena_gb}
    record(times, off, ours, load_before, peaks)


def record(times, off_sigmas, ours, load_before, peaks_gb):
    base = times["leopnt ML, 1 thread"]["wall_s"]
    row = {
        "benchmark": "power_fixes",
        "what": "12 000 ML fixes of 52 beams, prior-free, ours with bounds, to the stop rule",
        "date": time.strftime("%Y-%m-%d"),
        "times": times,
        "ratio_to_ours_on_one_thread": {n: round(t["wall_s"] / base, 2) for n, t in times.items()},
        "share_of_fixes_within_1e-3_sigma_of_numpy": float(np.mean(off_sigmas.max(0) < 1e-3)),
        "mean_iterations": round(float(np.mean(ours.num_iterations)), 2),
        "targets": {
            "12 000 fixes [s]": TARGET_S,
            f"{STREAM} fixes [s]": STREAM_TARGET_S,
            "resident [GB]": STREAM_TARGET_GB,
        },
        "peak_resident_gb_of_the_stream": peaks_gb,
        "repeats": REPEATS,
        **circumstances(load_before, "jax", "numpy"),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    print(f"load {load_before:.2f} before, {row['load_after']} after; medians of {REPEATS}")
    for name, own in times.items():
        print(f"{name:34s} {own['wall_s']:8.3f} s wall {own['cpu_s']:8.3f} s of processor")
    print(f"within 1e-3 sigma of NumPy: {row['share_of_fixes_within_1e-3_sigma_of_numpy']:.5f}")
    print(f"largest resident memory of the stream [GB]: {peaks_gb}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--stream"]:
        print(json.dumps(stream()))
    else:
        main()
