"""Better designs by gradient: which satellites get the power, and where the antennas stand.

1. Power: eight satellites share a fixed power. Gradient steps on log det of the 9D bound find the
   shares. Proof of the optimum: no satellite has a slope above the number of unknowns, nine
   (Kiefer & Wolfowitz 1960), so that no other shares can do better.
2. Subset: the best 3 of the 8, by leaving out the least useful one by one, and by trying all 56.
3. Array: four antennas in a disk, for the smallest error of the orientation, by gradient from a
   careless start, and by a grid over rectangles inscribed in the disk.

Run (under 30 s):

    python examples/nine_d_design.py
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from leopnt.methods.nine_d import (
    LOCATION,
    Goal,
    criterion_of_subsets,
    drop_satellites,
    gradient,
    log_volume,
    mean_variance,
    random_scene,
    with_satellites,
)

NINE = Goal(dict(zip(LOCATION, (100.0, 0.1, 1.0), strict=True)))
ROTATION = Goal({"rotation_rad": 1.0})
RADIUS_M = 0.3


def share_power(scene, steps=400):
    """Shares of power (mean 1) that minimize log det of the bound; criteria; largest slope.

    Multiplicative steps: share times slope / 9, which keep the sum and never go up.
    """
    slope_of = gradient(log_volume, lambda share: with_satellites(scene, share), NINE)
    num_sat = scene.snr.shape[0]
    share = jnp.ones(num_sat)
    before = float(slope_of(share)[0])
    for _ in range(steps):
        share = share * -slope_of(share)[1] * num_sat / 9.0
    after, slope = slope_of(share)
    return np.asarray(share), before, float(after), float(np.max(-np.asarray(slope)) * num_sat)


def choose(scene, count=3):
    """Greedy choice, best of all, and the criterion of every subset."""
    greedy = drop_satellites(scene, count, log_volume, NINE)
    subsets = list(itertools.combinations(range(scene.snr.shape[0]), count))
    used = np.array([[b in subset for b in range(scene.snr.shape[0])] for subset in subsets])
    values = criterion_of_subsets(scene, used, log_volume, NINE)
    return greedy, subsets[int(np.argmin(values))], values


def inside(free):
    """Antennas (4, 3) with mean zero in the disk from any eight numbers."""
    place = free.reshape(4, 2)
    place = place - jnp.mean(place, axis=0, keepdims=True)
    farthest = jnp.max(jnp.sqrt(jnp.sum(place**2, axis=1)))
    place = place * RADIUS_M / jnp.maximum(farthest, RADIUS_M)
    return jnp.concatenate([place, jnp.zeros((4, 1))], axis=1)


def rectangle(turn, half_angle):
    """Four antennas on the rim: two pairs of opposite ones."""
    angle = turn + jnp.array([half_angle, -half_angle]) + jnp.pi * jnp.arange(2.0)[:, None]
    place = RADIUS_M * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1).reshape(4, 2)
    return jnp.concatenate([place, jnp.zeros((4, 1))], axis=1)


def with_antennas(scene, antennas_body_m):
    """The scene with four other antennas."""
    return eqx.tree_at(lambda s: s.antennas_body_m, scene, antennas_body_m)


def place_antennas(scene, steps=600, rate_m=2e-3):
    """Antennas by gradient; RMS error of the rotation [rad] at the start, by gradient, by grid."""
    slope_of = gradient(
        lambda s, goal: 0.5 * jnp.log(mean_variance(s, goal)),
        lambda free: with_antennas(scene, inside(free)),
        ROTATION,
    )
    free = jnp.array([-0.1, 0.02, 0.09, -0.03, 0.05, 0.04, -0.02, -0.06])
    before = float(jnp.exp(slope_of(free)[0]))
    for i in range(steps):
        slope = slope_of(free)[1]
        free = free - rate_m * 0.995**i * slope / jnp.sqrt(jnp.sum(slope**2))
    after = float(jnp.exp(slope_of(free)[0]))
    turns, halves = (x.reshape(-1) for x in np.meshgrid(
        np.linspace(0, np.pi, 61), np.linspace(0.05, np.pi / 2 - 0.05, 61)))  # fmt: skip
    on_grid = jax.jit(jax.vmap(
        lambda turn, half: mean_variance(with_antennas(scene, rectangle(turn, half)), ROTATION)
    ))(turns, halves)  # fmt: skip
    return np.asarray(inside(free)), before, after, float(np.sqrt(np.min(on_grid)))


def main():
    """Print what was, what is, and what brute force says."""
    scene = random_scene(jax.random.key(3), num_sat=8, slot_spacing_s=10.0, snr_linear=1e4)
    share, before, after, largest = share_power(scene)
    print("1. power of 8 satellites, log det of the 9D bound")
    print(f"   equal shares {before:.4f}, by gradient {after:.4f}")
    print("   shares " + " ".join(f"{x:.3f}" for x in share))
    print(f"   largest slope {largest:.6f}; 9 at the optimum")
    greedy, best, values = choose(scene)
    rank = int(np.sum(values < greedy.value - 1e-9)) + 1
    print("2. best 3 of 8 satellites, log det of the 9D bound")
    print(f"   one by one {greedy.satellites}: {greedy.value:.4f}, rank {rank} of {len(values)}")
    print(f"   all tried  {best}: {values.min():.4f}; median {np.median(values):.4f}")
    antennas, start, found, grid = place_antennas(scene)
    print(f"3. four antennas in a disk of {RADIUS_M} m, error of the rotation")
    print(f"   start {1e3 * start:.3f} mrad, by gradient {1e3 * found:.3f}, by grid {1e3 * grid:.3f}")
    for x, y, _ in antennas:
        print(f"   x {x:7.4f} m  y {y:7.4f} m  at {np.hypot(x, y):.4f} m")


if __name__ == "__main__":
    main()
