"""Sum-rate beams of one satellite (WMMSE): one update, a full run, many runs, growing arrays.

    python -m benchmarks.pace_beamforming

Ours beside CVXPY (Clarabel) in the same run: the same convex problem for an update of the beams,
the same iteration for a full run, compared by objective. The problem is compiled once for CVXPY
too (parameters). Links are those of the default PACE cluster, 8 satellites 500 km up, 4 users.
Rates per core are counted by the processor time of the process, wall time beside it.
"""

import json
import os
import statistics
import time
from pathlib import Path

import cvxpy as cp
import jax
import numpy as np

import leopnt  # noqa: F401  64 bit
from benchmarks.circumstances import circumstances
from leopnt.methods.pace.weighted_mse import weighted_mse_beams
from leopnt.methods.pace.wmmse import Stop, wmmse_batch, wmmse_beams

RESULT = Path(__file__).parent / "results" / "pace_beamforming.json"
REPEATS = 5
SIDES = (4, 6, 8, 12, 16, 24, 32)
DRAWS = 500
NOISE_W = 10 ** ((-173.855 + 10 - 30) / 10) * 120e3
SUBCARRIER_W = {50.0: 100.0 / 128, 70.0: 1e4 / 128}
UPLINK_UNIT = NOISE_W / 1000.0  # one watt, 1000 pilots: error variance of an unstructured estimate
TARGETS = {
    "update_ratio": 50.0,
    "run_ratio": 50.0,
    "objective_difference": 1e-6,
    "exponent": 1.1,
    "runs_per_s_and_core": 1e3,
}


def on_sphere(inclination_deg, azimuth_deg):
    i, w = np.radians(inclination_deg), np.radians(azimuth_deg)
    return np.stack([np.sin(i) * np.cos(w), np.sin(i) * np.sin(w), np.cos(i)], axis=-1)


def cluster(side):
    """Channels (sat, user, ant) of the default cluster, free space."""
    tilt = np.array([1, 2, 3, 4, 1.5, 2.5, 3.5, 0.5])
    turn = 45.0 * np.arange(8)
    sat, along = 6.9e6 * on_sphere(tilt, turn), on_sphere(tilt + 90, turn)
    user = 6.4e6 * on_sphere(np.array([0.3, 0.9, 0.6, 0.8]), np.array([20, 100, 200, 290]))
    down = -sat / 6.9e6
    normal = np.cross(sat, along) / 6.9e6
    offset = user[None] - sat[:, None]
    distance = np.linalg.norm(offset, axis=-1, keepdims=True)
    axes = np.stack([normal, np.cross(down, normal), down], axis=1)
    x, y, z = np.moveaxis(np.einsum("sij,suj->sui", axes, offset / distance), -1, 0)
    amplitude = 299_792_458.0 / (4 * np.pi * 12.7e9) / distance[..., 0] * z
    steps = np.arange(side)
    phase = x[..., None, None] * steps[:, None] + y[..., None, None] * steps[None, :]
    steering = np.exp(-1j * np.pi * phase).reshape(8, 4, -1)
    return amplitude[..., None] * steering


def estimates(draws, seed=0):
    """Noisy estimates (draw, sat, user, ant) with random gain phases, N = 64."""
    rng = np.random.default_rng(seed)
    turn = np.exp(2j * np.pi * rng.uniform(size=(draws, 8, 4, 1)))
    size = (2, draws, 8, 4, 64)
    noise = rng.normal(size=size) * np.sqrt(UPLINK_UNIT / 2)
    return turn * cluster(8)[None] + noise[0] + 1j * noise[1]


def weights(scaled, beams):
    """Receivers mu and weights omega at beams of unit power."""
    received = scaled @ beams
    wanted = np.diag(received)
    total = np.sum(np.abs(received) ** 2, axis=1) + 1
    return wanted.conj() / total, 1 / (1 - np.abs(wanted) ** 2 / total)


def weighted_error(scaled, mu, omega, beams):
    root = np.sqrt(omega)
    off = (root * mu)[:, None] * (scaled @ beams) - np.diag(root)
    return float(np.sum(np.abs(off) ** 2) + np.sum(omega * np.abs(mu) ** 2))


def sum_rate(scaled, beams):
    power = np.abs(scaled @ beams) ** 2
    own = np.diag(power)
    return float(np.sum(np.log2(1 + own / (power.sum(axis=1) - own + 1))))


class ConvexUpdate:
    """min || diag(sqrt(omega) mu) H W - diag(sqrt(omega)) ||_F^2 subject to ||W||_F <= 1."""

    def __init__(self, num_user, num_ant):
        self.left = cp.Parameter((num_user, num_ant), complex=True)
        self.right = cp.Parameter((num_user, num_user))
        self.beams = cp.Variable((num_ant, num_user), complex=True)
        error = cp.sum_squares(self.left @ self.beams - self.right)
        self.problem = cp.Problem(cp.Minimize(error), [cp.norm(self.beams, "fro") <= 1])

    def __call__(self, scaled, mu, omega):
        root = np.sqrt(omega)
        self.left.value = (root * mu)[:, None] * scaled
        self.right.value = np.diag(root)
        self.problem.solve(solver=cp.CLARABEL)
        return self.beams.value


def convex_run(update, scaled, iterations):
    """As many updates as ours took; the stop itself flips with the peer's rounding."""
    beams = scaled.conj().T / np.linalg.norm(scaled)
    for _ in range(iterations):
        beams = update(scaled, *weights(scaled, beams))
    return beams


def timed(work):
    """Medians of wall and processor time [s]."""
    work()
    wall, processor = [], []
    for _ in range(REPEATS):
        begin, spent = time.perf_counter(), time.process_time()
        jax.block_until_ready(work())
        wall.append(time.perf_counter() - begin)
        processor.append(time.process_time() - spent)
    return statistics.median(wall), statistics.median(processor)


def repeated(work, times):
    def all_of_them():
        for _ in range(times):
            found = work()
        return found

    return all_of_them


def compare_update(peer):
    channel = cluster(8)[0] * np.sqrt(SUBCARRIER_W[50.0] / NOISE_W)
    mu, omega = weights(channel, channel.conj().T / np.linalg.norm(channel))
    solve = jax.jit(weighted_mse_beams)
    ours = timed(repeated(lambda: solve(channel, omega, mu), 100))[0] / 100
    theirs = timed(lambda: peer(channel, mu, omega))[0]
    best = weighted_error(channel, mu, omega, np.asarray(solve(channel, omega, mu).beams))
    other = weighted_error(channel, mu, omega, peer(channel, mu, omega))
    return {
        "ours_s": ours,
        "cvxpy_s": theirs,
        "ratio": theirs / ours,
        "objective_difference": abs(best / other - 1),
    }


def compare_run(peer, power_dbm):
    power_w = SUBCARRIER_W[power_dbm]
    channel = cluster(8)[0]
    scaled = channel * np.sqrt(power_w / NOISE_W)
    solve = jax.jit(wmmse_beams)
    ours = timed(repeated(lambda: solve(channel, power_w, NOISE_W), 20))[0] / 20
    found = solve(channel, power_w, NOISE_W)
    begin = time.perf_counter()
    beams = convex_run(peer, scaled, int(found.iterations))
    theirs = time.perf_counter() - begin
    rate = sum_rate(scaled, np.asarray(found.beams) / np.sqrt(power_w))
    return {
        "ours_s": ours,
        "cvxpy_s": theirs,
        "ratio": theirs / ours,
        "iterations": int(found.iterations),
        "sum_rate_bpshz": rate,
        "objective_difference": abs(rate / sum_rate(scaled, beams) - 1),
    }


def growth():
    """Full runs of one problem over the number of antennas, channel in, beams out."""
    solve = jax.jit(wmmse_beams)
    rows = []
    for side in SIDES:
        # Less power for more antennas: the same SNR with all of them, hence like problems.
        channel, power_w = cluster(side)[0], SUBCARRIER_W[50.0] * 64 / side**2
        took = timed(repeated(lambda c=channel, p=power_w: solve(c, p, NOISE_W), 20))[0] / 20
        count = int(solve(channel, power_w, NOISE_W).iterations)
        rows.append({"antennas": side**2, "s": took, "iterations": count})
    size = np.log([row["antennas"] for row in rows])
    run = np.polyfit(size, np.log([row["s"] for row in rows]), 1)[0]
    each = np.polyfit(size, np.log([row["s"] / row["iterations"] for row in rows]), 1)[0]
    return {"runs": rows, "exponent": run, "exponent_per_iteration": each}


def throughput(power_dbm):
    draws = estimates(DRAWS)
    work = lambda: wmmse_batch(draws, SUBCARRIER_W[power_dbm], NOISE_W, Stop(1e-6), threads=1)  # noqa: E731
    wall, processor = timed(work)
    found = work()
    count = found.iterations.size
    return {
        "runs": count,
        "runs_per_s": count / wall,
        "runs_per_s_and_core": count / processor,
        "mean_iterations": float(found.iterations.mean()),
    }


def rounded(value):
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main():
    load_before = os.getloadavg()[0]
    peer = ConvexUpdate(4, 64)
    row = {
        "benchmark": "pace_beamforming",
        "what": "WMMSE beams, 4 users, 64 antennas, stop 1e-6; CVXPY with Clarabel beside it",
        "date": time.strftime("%Y-%m-%d"),
        "update": compare_update(peer),
        "run_50_dbm": compare_run(peer, 50.0),
        "run_70_dbm": compare_run(peer, 70.0),
        "growth": growth(),
        "batch_50_dbm": throughput(50.0),
        "batch_70_dbm": throughput(70.0),
        "targets": TARGETS,
        "repeats": REPEATS,
        **circumstances(load_before, "jax", "numpy", "cvxpy", "clarabel"),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(rounded(row), indent=1) + "\n")
    report(row)


def report(row):
    print(f"load {row['load_before']} before, {row['load_after']} after; medians of {REPEATS}")
    for name in ("update", "run_50_dbm", "run_70_dbm"):
        part = row[name]
        print(
            f"{name:12s} ours {part['ours_s'] * 1e3:8.3f} ms   CVXPY {part['cvxpy_s'] * 1e3:9.1f} "
            f"ms   {part['ratio']:8.0f} x   objectives differ by {part['objective_difference']:.1e}"
        )
    grown = row["growth"]
    print(
        f"N = 16 to 1024: a full run grows as N^{grown['exponent']:.2f}, an iteration as "
        f"N^{grown['exponent_per_iteration']:.2f}"
    )
    for name in ("batch_50_dbm", "batch_70_dbm"):
        part = row[name]
        print(
            f"{name:12s} {part['runs_per_s_and_core']:8,.0f} runs/s and core "
            f"({part['runs_per_s']:,.0f} by wall time), {part['mean_iterations']:.0f} iterations"
        )


if __name__ == "__main__":
    main()
