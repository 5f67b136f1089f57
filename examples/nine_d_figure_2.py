"""The 9D position bound against the spacing of slots: three satellites, three slots, four antennas.

Medians over random geometries of the 3D root-sum-square of the position bound at 20 dB, all else
unknown (rotation, velocity, every satellite's time and frequency offset). The paper's figure claims
a slow decrease from 25 to 100 ms and a drastic one above; its motion turns every satellite anew in
every slot. Run:

    python examples/nine_d_figure_2.py [number of geometries]
"""

import sys

import jax
import numpy as np

from leopnt.methods.nine_d import (
    integrated_motion,
    location_bounds,
    orbit_motion,
    random_scene,
    seed_motion,
)

SPACINGS_S = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
MOTIONS = {
    "a new direction in every slot (as printed)": seed_motion,
    "the same, position being its integral": integrated_motion,
    "circular orbits": orbit_motion,
}


def median_bound_m(motion, spacing_s, num_scenes=400, slot_length_s=10e-3):
    """Median over random scenes of the position bound [m]."""
    keys = jax.random.split(jax.random.key(0), num_scenes)

    def make(key):
        return random_scene(key, motion, slot_spacing_s=spacing_s, slot_length_s=slot_length_s)

    scenes = jax.jit(jax.vmap(make))(keys)
    bound = location_bounds(jax.tree.map(np.asarray, scenes)).crb
    return float(np.median(np.sqrt(np.trace(bound[:, :3, :3], axis1=1, axis2=2))))


def main():
    """Print medians and slopes."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    print(f"medians of {count} geometries [m], 20 dB, slots of 10 ms")
    print("spacing [ms]" + "".join(f"{1e3 * s:10.0f}" for s in SPACINGS_S) + "   slope 0.3-1 s")
    for name, motion in MOTIONS.items():
        values = [median_bound_m(motion, spacing_s, count) for spacing_s in SPACINGS_S]
        slope = np.log(values[-1] / values[4]) / np.log(SPACINGS_S[-1] / SPACINGS_S[4])
        print(name)
        print(" " * 12 + "".join(f"{value:10.3g}" for value in values) + f"   {slope:13.2f}")


if __name__ == "__main__":
    main()
