"""Better designs by gradient: which satellites get the power, and where the antennas stand.

1. Power: eight satellites share a fixed power. Steps by the gradient of log det of the 9D bound
   find the shares. Proof of the optimum: no satellite has a slope above the number of unknowns,
   nine (Kiefer & Wolfowitz 1960), so that no other shares can do better.
2. Subset: the best 3 of the 8, by leaving out the least useful one by one, and by trying all 56.
3. Array: four antennas in a disk, for the smallest error of the orientation, by gradient from a
   careless start, and by trying all choices of 4 of 24 places on its rim.

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


def centered(place_m):
    """Antennas (4, 3) about their mean, from places (4, 2) in the plane of the disk."""
    flat = place_m - jnp.mean(place_m, axis=0, keepdims=True)
    return jnp.concatenate([flat, jnp.zeros((4, 1))], axis=1)


def with_antennas(scene, antennas_body_m):
    """The scene with four other antennas."""
    return eqx.tree_at(lambda s: s.antennas_body_m, scene, antennas_body_m)


def place_antennas(scene, steps=300, rate_m=0.05):
    """Places by gradient; error of the rotation [rad] at the start, by gradient, by all tried.

    Each step is followed by a return to the disk of whatever left it.
    """

    def error_rad(place_m):
        return jnp.sqrt(mean_variance(with_antennas(scene, centered(place_m)), ROTATION))

    slope_of = jax.jit(jax.value_and_grad(error_rad))
    place = jnp.array([[-0.1, 0.02], [0.09, -0.03], [0.05, 0.04], [-0.02, -0.06]])
    before = float(error_rad(place))
    for i in range(steps):
        slope = slope_of(place)[1]
        place = place - rate_m * 0.98**i * slope / jnp.sqrt(jnp.sum(slope**2))
        length = jnp.sqrt(jnp.sum(place**2, axis=1, keepdims=True))
        place = place * jnp.minimum(1.0, RADIUS_M / length)
    angle = 2.0 * np.pi * np.array(list(itertools.combinations(range(24), 4))) / 24
    rim = RADIUS_M * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    tried = jax.lax.map(error_rad, jnp.asarray(rim), batch_size=500)
    return np.asarray(place), before, float(error_rad(place)), float(jnp.min(tried))


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
    places, start, found, tried = place_antennas(scene)
    print(f"3. four antennas in a disk of {RADIUS_M} m, error of the rotation")
    print(f"   {1e3 * start:.3f} mrad at the start, {1e3 * found:.3f} by gradient, ", end="")
    print(f"{1e3 * tried:.3f} the best of all tried")
    for x, y in places:
        print(f"   x {x:7.4f} m  y {y:7.4f} m  at {np.hypot(x, y):.4f} m")


if __name__ == "__main__":
    main()
