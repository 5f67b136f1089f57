"""Complete 9D bounds, 3 satellites x 3 slots x 4 antennas: information and bound of all nine.

    python -m benchmarks.nine_d_bounds

Ours on one thread beside a plain NumPy loop and batched NumPy in the same run: all from positions,
velocities and antennas to the equivalent information of nine unknowns, time and frequency offsets
of every satellite eliminated from the rows, and its inverse by QR of scaled rows. Rates by the
clock, and by the processor time of all threads: what one core does, also on a busy machine. Then a
million random geometries, drawn where they are bounded and summarized piece by piece, in a process
of its own whose peak memory is told.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import leopnt  # noqa: F401  64 bit
from benchmarks.circumstances import circumstances
from leopnt.inference.batch import batch_stream
from leopnt.methods.nine_d import location_bound, location_bounds, random_scene

RESULT = Path(__file__).parent / "results" / "nine_d_bounds.json"
SCENES, LOOP_SCENES, STREAMED, REPEATS = 100_000, 1000, 1_000_000, 5
TARGET, TARGET_MB, AGREEMENT = 5e4, 1000.0, 1e-9
CONDITION = 1e4  # of rows with unit columns; beyond it 64 bit itself leaves less than AGREEMENT
LIGHT_MPS = 299_792_458.0


def draw(index):
    """Random geometry number `index`: circular orbits, slots 10 s apart, 20 dB."""
    return random_scene(jax.random.fold_in(jax.random.key(0), index), slot_spacing_s=10.0)


def scenes_of(count):
    """That many geometries, NumPy arrays with a leading axis."""
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(draw))(jnp.arange(count)))


def numpy_one(s):
    """One scene as one would write it down: rows, offsets out, QR, inverse."""
    rx = s.rx_pos_m + s.slot_time_s[:, None] * s.rx_vel_mps
    antennas = s.antennas_body_m @ s.rotation.T
    parts = []
    for b in range(s.snr.shape[0]):
        to_middle = rx - s.sat_pos_m[b]
        distance = np.linalg.norm(to_middle, axis=1, keepdims=True)
        unit = to_middle / distance
        relative = s.rx_vel_mps - s.sat_vel_mps[b]
        speed = np.sum(unit * relative, axis=1, keepdims=True)
        to_antenna = to_middle[:, None] + antennas
        towards = to_antenna / np.linalg.norm(to_antenna, axis=-1, keepdims=True)
        time = s.slot_time_s[:, None]
        delay = np.concatenate(
            [towards, np.cross(antennas[None], towards), time[:, None] * towards], axis=-1
        )
        delay = delay.reshape(-1, 9) / LIGHT_MPS
        g = (relative - speed * unit) / distance
        doppler = np.concatenate([g, np.zeros_like(g), unit + time * g], axis=-1) / LIGHT_MPS
        at_hz = s.carrier_hz * (1 - speed[:, 0] / LIGHT_MPS) + s.freq_offset_hz[b]
        alpha, rho = s.bandwidth_hz[b], s.correlation[b]
        omega = alpha**2 + 2 * at_hz * alpha * rho + at_hz**2
        w = (s.snr[b] * omega[:, None]).reshape(-1)
        q = s.doppler_weight * s.carrier_hz**2 * s.mean_square_time_s2[b] * s.snr[b].sum(axis=1)
        parts.append(np.sqrt(w)[:, None] * (delay - w @ delay / w.sum()))
        parts.append(np.sqrt(q)[:, None] * (doppler - q @ doppler / q.sum()))
    rows = np.concatenate(parts)
    length = np.linalg.norm(rows, axis=0)
    root = np.linalg.qr(rows / length, mode="r")
    inverse = np.linalg.inv(root)
    scaled = root * length
    return scaled.T @ scaled, inverse @ inverse.T / np.outer(length, length)


def numpy_loop(scenes):
    """`numpy_one` of each."""
    count = len(scenes.rx_pos_m)
    found = [numpy_one(jax.tree.map(lambda leaf, i=i: leaf[i], scenes)) for i in range(count)]
    return [np.stack(part) for part in zip(*found, strict=True)]


def numpy_batched(scenes, tile=200):
    """The same for all at once, in pieces that fit the cache."""
    count = len(scenes.rx_pos_m)
    pieces = [
        _numpy_tile(jax.tree.map(lambda leaf, i=i: leaf[i : i + tile], scenes))
        for i in range(0, count, tile)
    ]
    return [np.concatenate(part) for part in zip(*pieces, strict=True)]


def _numpy_tile(s):
    count = len(s.rx_pos_m)
    time = s.slot_time_s[:, None, :, None]
    antennas = (s.antennas_body_m @ np.swapaxes(s.rotation, 1, 2))[:, None, None]
    to_middle = s.rx_pos_m[:, None, None] + time * s.rx_vel_mps[:, None, None] - s.sat_pos_m
    distance = np.sqrt(np.sum(to_middle**2, axis=-1, keepdims=True))
    unit = to_middle / distance
    relative = s.rx_vel_mps[:, None, None] - s.sat_vel_mps
    speed = np.sum(unit * relative, axis=-1, keepdims=True)
    to_antenna = to_middle[..., None, :] + antennas
    towards = to_antenna / np.sqrt(np.sum(to_antenna**2, axis=-1, keepdims=True))
    ax, ay, az = np.moveaxis(antennas, -1, 0)
    x, y, z = np.moveaxis(towards, -1, 0)
    turned = np.stack([ay * z - az * y, az * x - ax * z, ax * y - ay * x], axis=-1)
    delay = np.concatenate([towards, turned, time[..., None] * towards], axis=-1) / LIGHT_MPS
    g = (relative - speed * unit) / distance
    doppler = np.concatenate([g, np.zeros_like(g), unit + time * g], axis=-1) / LIGHT_MPS
    carrier = s.carrier_hz[:, None, None]
    at_hz = carrier * (1 - speed[..., 0] / LIGHT_MPS) + s.freq_offset_hz[..., None]
    alpha, rho = s.bandwidth_hz, s.correlation
    w = (s.snr * (alpha**2 + 2 * at_hz * alpha * rho + at_hz**2)[..., None])[..., None]
    of_doppler = s.doppler_weight[:, None, None] * carrier**2 * s.mean_square_time_s2
    q = (of_doppler * s.snr.sum(axis=-1))[..., None]
    delay -= np.sum(w * delay, axis=(2, 3), keepdims=True) / np.sum(w, axis=(2, 3), keepdims=True)
    doppler -= np.sum(q * doppler, axis=2, keepdims=True) / np.sum(q, axis=2, keepdims=True)
    parts = [(np.sqrt(a) * b).reshape(count, -1, 9) for a, b in ((w, delay), (q, doppler))]
    rows = np.concatenate(parts, axis=1)
    length = np.sqrt(np.sum(rows**2, axis=1, keepdims=True))
    root = np.linalg.qr(rows / length, mode="r")
    inverse = np.linalg.inv(root)
    scaled = root * length
    crb = inverse @ np.swapaxes(inverse, 1, 2) / (length * np.swapaxes(length, 1, 2))
    return np.swapaxes(scaled, 1, 2) @ scaled, crb


def summary(index):
    """Drawn and bounded: root sum of squares of position, rotation and velocity."""
    crb = location_bound(draw(index)).crb
    return jnp.sqrt(jnp.sum(jnp.diag(crb).reshape(3, 3), axis=1))


def stream():
    """Bound `STREAMED` geometries; print their medians, rate and the peak memory as JSON."""
    begin = time.perf_counter()
    errors, count = [], 0
    for piece in batch_stream(summary, np.arange(STREAMED), tile=100, threads=1):
        errors.append(np.asarray(piece, np.float32))
        count += len(piece)
    took = time.perf_counter() - begin
    # Not getrusage: its peak is that of the process before exec, too.
    status = Path("/proc/self/status").read_text()
    peak_mb = int(status.split("VmHWM:")[1].split()[0]) / 1024
    medians = np.median(np.concatenate(errors), axis=0)
    row = {
        "geometries": count,
        "median_position_m_rotation_rad_velocity_mps": [float(f"{x:.4g}") for x in medians],
        "per_s_one_thread_drawing_included": round(count / took),
        "peak_memory_mb": round(peak_mb),
        "target_mb": TARGET_MB,
    }
    print(json.dumps(row))


def rates_of(count, work):
    """Medians of `REPEATS` runs after one to warm up: per second, and per second of processor."""
    work()
    took, worked = [], []
    for _ in range(REPEATS):
        begin, busy = time.perf_counter(), time.process_time()
        work()
        took.append(time.perf_counter() - begin)
        worked.append(time.process_time() - busy)
    return {
        "per_s": round(count / statistics.median(took)),
        "per_cpu_s": round(count / statistics.median(worked)),
    }


def differences(found, expected):
    """Largest deviation of information and bound, relative to sqrt(X_ii X_jj); of the bound also
    where the geometry is regular.
    """
    deviation = {}
    for name, ours, other in zip(("efim", "crb"), found, expected, strict=True):
        size = np.sqrt(np.diagonal(other, axis1=1, axis2=2))
        part = np.abs(ours[: len(other)] - other) / (size[:, :, None] * size[:, None, :])
        deviation[name] = np.max(part, axis=(1, 2))
    size = np.sqrt(np.diagonal(expected[0], axis1=1, axis2=2))
    regular = np.linalg.cond(expected[0] / (size[:, :, None] * size[:, None, :])) < CONDITION**2
    return {
        "efim": float(np.max(deviation["efim"])),
        "crb": float(np.max(deviation["crb"][regular])),
        "crb_of_all": float(np.max(deviation["crb"])),
        "share_regular": float(np.mean(regular)),
    }


def main():
    """Measure, compare, stream; write the result."""
    scenes = scenes_of(SCENES)
    few = jax.tree.map(lambda leaf: leaf[:LOOP_SCENES], scenes)
    load_before = os.getloadavg()[0]
    rates = {
        "leopnt, 1 thread": rates_of(SCENES, lambda: location_bounds(scenes, threads=1)),
        "NumPy batched": rates_of(SCENES, lambda: numpy_batched(scenes)),
        "NumPy, one by one": rates_of(LOOP_SCENES, lambda: numpy_loop(few)),
        "leopnt, 2 threads": rates_of(SCENES, lambda: location_bounds(scenes, threads=2)),
    }
    ours = location_bounds(scenes, threads=1)
    compared = {
        "NumPy batched": differences(ours, numpy_batched(scenes)),
        "NumPy, one by one": differences(ours, numpy_loop(few)),
    }
    assert all(max(pair["efim"], pair["crb"]) < AGREEMENT for pair in compared.values()), compared
    command = [sys.executable, "-c", "from benchmarks.nine_d_bounds import stream; stream()"]
    streamed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    report(rates, compared, streamed, load_before)


def report(rates, compared, streamed, load_before):
    """Write and print what was measured."""
    best = rates["leopnt, 1 thread"]["per_s"]
    row = {
        "benchmark": "nine_d_bounds",
        "what": f"{SCENES} scenes of 3 satellites x 3 slots x 4 antennas: EFIM and CRB of all nine",
        "date": time.strftime("%Y-%m-%d"),
        "bounds": rates,
        "ratio_of_ours_on_one_thread": {n: round(best / r["per_s"], 2) for n, r in rates.items()},
        "largest_relative_difference": compared,
        "target_bounds_per_s_and_core": TARGET,
        "stream": streamed,
        "repeats": REPEATS,
        **circumstances(load_before, "jax", "numpy"),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(row, indent=1) + "\n")
    print(f"load {load_before:.2f} before, {row['load_after']} after; medians of {REPEATS}")
    for name, rate in rates.items():
        print(
            f"{name:20s} {rate['per_s']:10,} bounds/s {rate['per_cpu_s']:10,} per processor second"
            f"   ours on one thread is {best / rate['per_s']:7.2f} x"
        )
    print(f"largest relative differences {compared}")
    print(
        f"{streamed['geometries']:,} geometries streamed in {streamed['peak_memory_mb']} MB, "
        f"{streamed['per_s_one_thread_drawing_included']:,} per second"
    )


if __name__ == "__main__":
    main()
