"""Bounds of PACE: position bounds from geometry to LB, and uplink bounds, in batch.

    python -m benchmarks.pace_bounds

Scenes of 8 satellites and 4 users with drawn offsets, 8 x 8 antennas, a pilot beam per user. The
position bound of a user: angles, losses, information of the downlink, pseudo-true point, MCRB and
LB. Beside it a plain NumPy version that does one user after the other, in the same run. The uplink
bounds are those of PACE, Perfect-PACE and UCE of a link, geometry included.
"""

import json
import os
import statistics
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.circumstances import circumstances
from leopnt.methods import pace

RESULT = Path(__file__).parent / "results" / "pace_bounds.json"
SCENES, LOOP_SCENES, REPEATS = 4000, 40, 5
TARGET_BOUNDS_PER_S, TARGET_UPLINK_US = 1e4, 2.0
C_MPS = 299_792_458.0
LOSS_AT_DEG = np.arange(10.0, 91.0, 10.0), (1.08, 0.48, 0.3, 0.22, 0.17, 0.13, 0.12, 0.12, 0.12)


def scenes_of(count):
    """The default cluster with clock biases and frequency offsets drawn for every scene."""
    base, rng = pace.default_scene(), np.random.default_rng(0)
    many = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], count, axis=0), base)
    one_for_all = np.ones((1, 1, base.user_pos_m.shape[0]))
    clock_s = rng.uniform(80e-9, 120e-9, (count, 8, 1)) * one_for_all
    freq_hz = rng.uniform(1000.0, 1500.0, (count, 8, 1)) * one_for_all
    return pace.PaceScene(
        **{**vars(many), "clock_bias_s": clock_s, "freq_offset_hz": freq_hz},
    )


def numpy_bounds(scene, system):
    """LB [m] of every user of one scene, written out plainly."""
    sat, vel, users = (
        np.asarray(x) for x in (scene.sat_pos_m, scene.sat_vel_mps, scene.user_pos_m)
    )
    power = np.array([steering_powers(p, v, users) for p, v in zip(sat, vel, strict=True)])
    return [
        numpy_bound(sat, vel, users[u], power[:, u], scene.freq_offset_hz[:, u],
                    scene.clock_bias_s[:, u], system, float(scene.sat_power_w))
        for u in range(len(users))
    ]  # fmt: skip


def steering_powers(pos, vel, users, side=8):
    """||F^T a||^2 G^2 of the beams of all users towards each, for ||F||_F = 1."""
    z = -pos / np.linalg.norm(pos)
    x = np.cross(pos, vel)
    x /= np.linalg.norm(x)
    q = (users - pos) @ np.stack([x, np.cross(z, x), z]).T
    unit = q / np.linalg.norm(q, axis=1)[:, None]
    steps = np.arange(side)
    a = np.stack([
        np.kron(np.exp(-1j * np.pi * u * steps), np.exp(-1j * np.pi * v * steps))
        for u, v in unit[:, :2]
    ])  # fmt: skip
    gram = np.abs(a.conj() @ a.T) ** 2
    return gram.sum(axis=0) / (len(users) * side**2) * unit[:, 2] ** 2


def numpy_bound(sat, vel, user, beam_power, freq_hz, clock_s, system, sat_power_w):
    """LB [m] of one user: Gauss-Newton to the pseudo-true point, then A, B and the sandwich."""
    grid, wavelength = system.downlink, C_MPS / system.carrier_hz
    offset = user - sat
    distance = np.linalg.norm(offset, axis=1)
    sine = -offset @ user / (distance * np.linalg.norm(user))
    loss_db = 20 * np.log10(4 * np.pi * distance / wavelength) + 0.0637 / sine
    loss_db += np.interp(np.degrees(np.arcsin(sine)), *LOSS_AT_DEG)
    snr = grid.num_symbol * sat_power_w * 10 ** (-loss_db / 10) * beam_power / system.noise_w
    symbol_s = 1.0 / grid.spacing_hz
    of_freq = 2 * snr * (2 * np.pi * symbol_s) ** 2 * (grid.num_symbol**2 - 1) / 12
    of_time = 2 * snr * (2 * np.pi * grid.spacing_hz) ** 2 * (grid.num_sub**2 - 1) / 12
    weight = np.concatenate([of_freq / wavelength**2, of_time / C_MPS**2])
    mean = np.concatenate([speeds(sat, vel, user), distance])
    mean += np.concatenate([freq_hz * wavelength, clock_s * C_MPS])
    truth = np.array([*user, np.mean(freq_hz) * wavelength, np.mean(clock_s) * C_MPS])
    r = truth.copy()
    for _ in range(8):
        misfit, jac = mean - predicted(sat, vel, r), jacobian(sat, vel, r)
        r = r + np.linalg.solve(jac.T * weight @ jac, jac.T @ (weight * misfit))
    misfit, jac = mean - predicted(sat, vel, r), jacobian(sat, vel, r)
    fisher = jac.T * weight @ jac
    a = -fisher
    a[:3, :3] += np.einsum("m,mij->ij", weight * misfit, curvature(sat, vel, r))
    inverse = np.linalg.inv(a)
    bias = r - truth
    lower = inverse @ fisher @ inverse + np.outer(bias, bias)
    return np.sqrt(np.trace(lower[:3, :3]))


def speeds(sat, vel, user):
    offset = user - sat
    return np.sum(vel * offset, axis=1) / np.linalg.norm(offset, axis=1)


def predicted(sat, vel, r):
    return np.concatenate(
        [speeds(sat, vel, r[:3]) + r[3], np.linalg.norm(r[:3] - sat, axis=1) + r[4]]
    )


def jacobian(sat, vel, r):
    offset = r[:3] - sat
    n = np.linalg.norm(offset, axis=1)[:, None]
    speed = np.sum(vel * offset, axis=1)[:, None]
    one, zero = np.ones_like(n), np.zeros_like(n)
    rows = np.hstack([vel / n - speed * offset / n**3, one, zero])
    return np.vstack([rows, np.hstack([offset / n, zero, one])])


def curvature(sat, vel, r):
    offset = r[:3] - sat
    n = np.linalg.norm(offset, axis=1)[:, None, None]
    speed = np.sum(vel * offset, axis=1)[:, None, None]
    cross = vel[:, :, None] * offset[:, None, :]
    square = offset[:, :, None] * offset[:, None, :]
    both = cross + np.swapaxes(cross, 1, 2) + speed * np.eye(3)
    of_speed = -both / n**3 + 3 * speed * square / n**5
    return np.concatenate([of_speed, np.eye(3) / n - square / n**3])


def timed(work):
    """Medians of wall and processor seconds."""
    work()
    took = []
    for _ in range(REPEATS):
        wall, own = time.perf_counter(), time.process_time()
        work()
        took.append((time.perf_counter() - wall, time.process_time() - own))
    return [statistics.median(column) for column in zip(*took, strict=True)]


def main():
    scenes, system = scenes_of(SCENES), pace.PaceSystem()
    load_before = os.getloadavg()[0]
    taken_m = np.asarray(scenes.user_pos_m) + np.array([100.0, 0.0, 0.0])
    bounds = SCENES * scenes.user_pos_m.shape[1]
    wall_s, own_s = timed(lambda: pace.position_errors(scenes, system, threads=1))
    up_wall_s, up_own_s = timed(
        lambda: pace.uplink_bounds_of_scenes(scenes, system, jnp.asarray(taken_m), threads=1)
    )
    ours = pace.position_errors(scenes, system, threads=1)
    assert np.all(ours.is_local)
    few = [jax.tree.map(lambda leaf, i=i: leaf[i], scenes) for i in range(LOOP_SCENES)]
    loop = lambda: [numpy_bounds(scene, system) for scene in few]  # noqa: E731
    loop_s, _ = timed(loop)
    difference = float(np.max(np.abs(np.array(loop()) / ours.lb_m[:LOOP_SCENES] - 1.0)))
    assert difference < 1e-6, difference
    per_link_us = 1e6 / (bounds * scenes.sat_pos_m.shape[1])
    loop_per_s = LOOP_SCENES * scenes.user_pos_m.shape[1] / loop_s
    row = {
        "benchmark": "pace_bounds",
        "what": "position bounds of 16 000 users (8 satellites, 8 x 8 antennas), one thread",
        "date": time.strftime("%Y-%m-%d"),
        "bounds_per_s": {
            "leopnt, 1 thread": round(bounds / wall_s),
            "leopnt, per processor second": round(bounds / own_s),
            "NumPy, one by one": round(loop_per_s),
        },
        "target_bounds_per_s": TARGET_BOUNDS_PER_S,
        "ratio_to_numpy": round(bounds / wall_s / loop_per_s, 1),
        "largest_relative_difference": difference,
        "uplink_us_per_link": {
            "wall": round(up_wall_s * per_link_us, 3),
            "processor": round(up_own_s * per_link_us, 3),
        },
        "target_uplink_us": TARGET_UPLINK_US,
        "repeats": REPEATS,
        **circumstances(load_before, "jax", "numpy"),
    }
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
