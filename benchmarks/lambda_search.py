"""Integer ambiguities: LAMBDA of 8 ambiguities (one epoch of code and phase, 9 satellites).

    python -m benchmarks.lambda_search

Ours, with both tests, success rate and statuses, in batches and one by one, beside a plain NumPy
version of reduction and search that takes one problem after the other, in the same run on the same
problems. Forty ambiguities come along. One thread: NumPy does the work.
"""

import json
import os
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.circumstances import circumstances
from leopnt.inference.ambiguity import fix_ambiguities

RESULT = Path(__file__).parent / "results" / "lambda_search.json"
PROBLEMS, PLAIN, REPEATS, TARGET_PER_S = 5000, 200, 5, 4000.0
WAVELENGTH_M, PHASE_M, CODE_M = 0.19029, 0.003, 0.3


def problem(num_problems, num_ambiguities, seed=0):
    """Float ambiguities with true values zero, and their covariances, half a sky each."""
    rng = np.random.default_rng(seed)
    shape = (num_problems, num_ambiguities + 1)
    sine, azimuth = rng.uniform(0.17, 1.0, shape), rng.uniform(0.0, np.pi, shape)
    cosine = np.sqrt(1.0 - sine**2)
    los = np.stack([cosine * np.sin(azimuth), cosine * np.cos(azimuth), sine], axis=-1)
    differences = np.c_[-np.ones(num_ambiguities), np.eye(num_ambiguities)]
    noise, geometry = 2.0 * differences @ differences.T, differences @ los
    normal = geometry.mT @ np.linalg.solve(noise, geometry)
    code = geometry @ np.linalg.solve(normal, geometry.mT) * CODE_M**2
    covariance = (noise * PHASE_M**2 + 0.5 * (code + code.mT)) / WAVELENGTH_M**2
    draws = rng.normal(size=covariance.shape[:-1])
    return np.einsum("bij,bj->bi", np.linalg.cholesky(covariance), draws), covariance


def plain_lambda(floats, covariance):
    """Two least squared norms of one problem: factor, reduce pair by pair, search depth first."""
    size = len(floats)
    rest, lower, var = covariance.copy(), np.eye(size), np.zeros(size)
    for i in reversed(range(size)):
        var[i] = rest[i, i]
        lower[i, :i] = rest[i, :i] / var[i]
        rest[:i, :i] -= np.outer(lower[i, :i], rest[i, :i])
    z = floats.copy()
    k, done = size - 2, size - 2
    while k >= 0:
        if k <= done:
            for i in range(k + 1, size):
                mu = np.rint(lower[i, k])
                if mu:
                    lower[i:, k] -= mu * lower[i:, i]
                    z[k] -= mu * z[i]
        low = lower[k + 1, k]
        total = var[k] + low * low * var[k + 1]
        if total >= var[k + 1] * (1.0 - 1e-6):
            k -= 1
            continue
        eta, slope = var[k] / total, var[k + 1] * low / total
        var[k], var[k + 1] = eta * var[k + 1], total
        lower[k : k + 2, :k] = np.array([[-low, 1.0], [eta, slope]]) @ lower[k : k + 2, :k]
        lower[k + 1, k] = slope
        lower[k + 2 :, [k, k + 1]] = lower[k + 2 :, [k + 1, k]]
        z[[k, k + 1]] = z[[k + 1, k]]
        done, k = k, size - 2
    return _plain_search(z - np.rint(z), lower, var)


def _plain_search(z, lower, var):
    size = len(z)
    center, miss, above, norms = z.copy(), np.zeros(size), np.zeros(size), [np.inf, np.inf]
    trial = np.rint(center)
    step = np.where(center < trial, -1.0, 1.0)
    k = size - 1
    while k < size:
        miss[k] = trial[k] - center[k]
        norm = above[k] + miss[k] ** 2 / var[k]
        if norm < norms[1] and k > 0:
            k -= 1
            above[k] = norm
            center[k] = z[k] + miss[k + 1 :] @ lower[k + 1 :, k]
            trial[k] = np.rint(center[k])
            step[k] = -1.0 if center[k] < trial[k] else 1.0
            continue
        if norm < norms[1]:
            norms = sorted([norms[0], norm])
        else:
            k += 1
        if k < size:
            trial[k] += step[k]
            step[k] = -step[k] - np.sign(step[k])
    return norms


def timed(function):
    """Median wall and processor time [s] after one call, and the last result."""
    result, wall, own = function(), [], []
    for _ in range(REPEATS):
        begin, begin_own = time.perf_counter(), time.process_time()
        result = function()
        wall.append(time.perf_counter() - begin)
        own.append(time.process_time() - begin_own)
    return statistics.median(wall), statistics.median(own), result


def in_batches(floats, covariance, size):
    starts = range(0, len(floats), size)
    return [fix_ambiguities(floats[i : i + size], covariance[i : i + size]) for i in starts]


def main():
    load_before = os.getloadavg()[0]
    floats, cov = problem(PROBLEMS, 8)
    many, many_cov = problem(20, 40, seed=1)
    cases = {
        "leopnt, batches of 1000": (PROBLEMS, lambda: in_batches(floats, cov, 1000)),
        "leopnt, batches of 250": (PROBLEMS, lambda: in_batches(floats, cov, 250)),
        "leopnt, one by one": (PLAIN, lambda: in_batches(floats[:PLAIN], cov[:PLAIN], 1)),
        "plain NumPy, one by one": (
            PLAIN,
            lambda: [plain_lambda(a, q) for a, q in zip(floats[:PLAIN], cov[:PLAIN], strict=True)],
        ),
        "leopnt, 40 ambiguities, batch of 20": (20, lambda: fix_ambiguities(many, many_cov)),
    }
    rates, results = {}, {}
    for name, (count, run) in cases.items():
        wall, own, results[name] = timed(run)
        rates[name] = {"per_s": round(count / wall), "per_s_of_processor": round(count / own)}
    ours = results["leopnt, batches of 1000"][0].squared_norms[:PLAIN]
    off = np.max(np.abs(ours / np.array(results["plain NumPy, one by one"]) - 1.0))
    record(rates, float(off), load_before)


def record(rates, off, load_before):
    base = rates["plain NumPy, one by one"]["per_s_of_processor"]
    row = {
        "benchmark": "lambda_search",
        "what": "LAMBDA of 8 ambiguities: reduction, two best, ratio, success rate, status",
        "date": time.strftime("%Y-%m-%d"),
        "fixes_per_s": {n: r["per_s"] for n, r in rates.items()},
        "fixes_per_s_of_processor": {n: r["per_s_of_processor"] for n, r in rates.items()},
        "ratio_to_plain_numpy": {
            n: round(r["per_s_of_processor"] / base, 2) for n, r in rates.items() if "40" not in n
        },
        "largest_difference_of_squared_norms_from_numpy": off,
        "target_per_s": TARGET_PER_S,
        "repeats": REPEATS,
        **circumstances(load_before, "jax", "numpy"),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    print(f"load {load_before:.2f} before, {row['load_after']} after; medians of {REPEATS}")
    for name, rate in rates.items():
        print(f"{name:38s} {rate['per_s']:7d} /s wall {rate['per_s_of_processor']:7d} /s processor")
    print(f"squared norms differ from plain NumPy by at most {off:.1e}")


if __name__ == "__main__":
    main()
