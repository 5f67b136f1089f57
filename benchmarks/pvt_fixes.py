"""Batched pseudorange fixes: 1e5 users, 8 satellites, 4 unknowns, covariance included.

    python -m benchmarks.pvt_fixes

Ours on one and two threads beside NumPy batched, optimistix and scipy in the same run, all from
the same start 100 km away, all to the same solution. The peers do without the covariance and
without the Earth's rotation in flight; ours has both.
"""

import json
import os
import statistics
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from scipy.optimize import least_squares

import leopnt  # noqa: F401  64 bit
from benchmarks.circumstances import circumstances
from leopnt.inference import predict
from leopnt.methods import pvt

RESULT = Path(__file__).parent / "results" / "pvt_fixes.json"
USERS, SATELLITES, REPEATS = 100_000, 8, 5
EARTH_M, ALTITUDE_M = 6371e3, 1000e3
TARGET = 8e5


def problem(seed=0):
    """Users all over the Earth, 8 satellites each at 1000 km above a 15 degree mask."""
    rng = np.random.default_rng(seed)
    up = rng.normal(size=(USERS, 3))
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    sine = rng.uniform(np.sin(np.radians(15)), 1, (USERS, SATELLITES))
    side = rng.normal(size=(USERS, SATELLITES, 3))
    side -= np.sum(side * up[:, None], axis=-1, keepdims=True) * up[:, None]
    side /= np.linalg.norm(side, axis=-1, keepdims=True)
    los = np.sqrt(1 - sine**2)[..., None] * side + sine[..., None] * up[:, None]
    reach = np.sqrt((EARTH_M * sine) ** 2 + (EARTH_M + ALTITUDE_M) ** 2 - EARTH_M**2)
    rx = up * EARTH_M
    sat = rx[:, None] + (reach - EARTH_M * sine)[..., None] * los
    zero, one = np.zeros((USERS, SATELLITES)), np.ones((USERS, SATELLITES))
    links = pvt.PvtLink(sat, zero, one)
    theta = pvt.PvtTheta(rx, rng.normal(size=USERS) * 1e4)
    exact = jax.jit(jax.vmap(lambda t, k: predict(pvt.MODEL, t, k)))(theta, links)
    offset = rng.normal(size=(USERS, 3))
    offset *= 1e5 / np.linalg.norm(offset, axis=1, keepdims=True)
    start = pvt.PvtTheta(rx + offset, np.zeros(USERS))
    return links, np.asarray(exact) + rng.normal(size=zero.shape), start


def turned(sat, pseudorange):
    """Satellites in reception axes, for peers that know no Earth rotation (first order)."""
    angle = 7.292115e-5 * pseudorange / 299_792_458.0
    x, y, z = np.moveaxis(sat, -1, 0)
    return np.stack([x + angle * y, y - angle * x, z], axis=-1)


def numpy_batched(sat, measured, start, iterations=5):
    x = start.copy()
    for _ in range(iterations):
        offset = sat - x[:, None, :3]
        distance = np.linalg.norm(offset, axis=-1)
        h = np.concatenate([-offset / distance[..., None], np.ones((*distance.shape, 1))], axis=-1)
        residual = measured - distance - x[:, 3:]
        normal = np.swapaxes(h, 1, 2) @ h
        x = x + np.linalg.solve(normal, np.swapaxes(h, 1, 2) @ residual[..., None])[..., 0]
    return x


def scipy_loop(sat, measured, start):
    def residual(x, s, m):
        return np.linalg.norm(s - x[:3], axis=1) + x[3] - m

    scale = np.array([1e3, 1e3, 1e3, 1e3])
    return np.array(
        [
            least_squares(residual, x, args=(s, m), method="lm", x_scale=scale).x
            for x, s, m in zip(start, sat, measured, strict=True)
        ]
    )


def optimistix_batched():
    def residual(x, args):
        sat, measured = args
        x = x * 1e3
        offset = sat - x[None, :3]
        return jnp.sqrt(jnp.sum(offset**2, axis=1)) + x[3] - measured

    solver = optx.GaussNewton(rtol=1e-9, atol=1e-9)

    def one(start, sat, measured):
        found = optx.least_squares(
            residual, solver, start / 1e3, (sat, measured), max_steps=20, throw=False
        )
        return found.value * 1e3

    kernel = jax.jit(jax.vmap(one))

    def run(sat, measured, start, tile=1000):
        parts = [
            np.asarray(kernel(start[i : i + tile], sat[i : i + tile], measured[i : i + tile]))
            for i in range(0, len(start), tile)
        ]
        return np.concatenate(parts)

    return run


def median_s(work):
    work()
    took = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        work()
        took.append(time.perf_counter() - begin)
    return statistics.median(took)


def main():
    links, measured, start = problem()
    load_before = os.getloadavg()[0]
    rates, position = {}, {}
    for threads in (1, 2):
        name = f"leopnt, {threads} thread{'s' if threads > 1 else ''}"
        work = lambda threads=threads: pvt.fix_batch(links, measured, start, threads=threads)  # noqa: E731
        rates[name] = USERS / median_s(work)
        found = work()
        position[name] = found.theta.rx_pos_ecef_m
    assert found.converged.mean() > 0.999, found.converged.mean()
    # A few random skies put all satellites near one plane: no solver's business here.
    good = np.trace(found.covariance[:, :3, :3], axis1=1, axis2=2) < 1e4
    flat = np.column_stack([start.rx_pos_ecef_m, start.clock_bias_m])
    clockless = measured - np.asarray(found.theta.clock_bias_m)[:, None]
    sat = turned(np.asarray(links.sat_pos_ecef_m), clockless)
    peers = {
        "NumPy batched": (numpy_batched, USERS),
        "optimistix Gauss-Newton": (optimistix_batched(), USERS // 5),
        "scipy least_squares, one by one": (scipy_loop, 300),
    }
    for name, (solver, count) in peers.items():
        arguments = sat[:count], measured[:count], flat[:count]
        rates[name] = count / median_s(lambda s=solver, a=arguments: s(*a))
        position[name] = solver(*arguments)[:, :3]
    ours = position["leopnt, 2 threads"]
    differences = {
        name: float(np.max(np.abs(p - ours[: len(p)])[good[: len(p)]]))
        for name, p in position.items()
    }
    report(rates, differences, load_before)


def report(rates, differences, load_before):
    best = rates["leopnt, 2 threads"]
    row = {
        "benchmark": "pvt_fixes",
        "what": "100 000 users x 8 satellites, 4 unknowns, ours with covariance",
        "date": time.strftime("%Y-%m-%d"),
        "fixes_per_s": {name: round(rate) for name, rate in rates.items()},
        "ratio_to_ours_on_two_threads": {n: round(best / r, 2) for n, r in rates.items()},
        "largest_difference_m": differences,
        "target_fixes_per_s": TARGET,
        "repeats": REPEATS,
        **circumstances(load_before, "jax", "numpy", "scipy", "optimistix"),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    print(f"load {load_before:.2f} before, {row['load_after']} after; medians of {REPEATS}")
    for name, rate in rates.items():
        print(
            f"{name:34s} {rate:12,.0f} fixes/s   ours is {best / rate:7.2f} x   "
            f"differs by {differences[name]:.1e} m"
        )


if __name__ == "__main__":
    main()
