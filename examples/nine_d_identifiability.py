"""How many satellites and slots does one need? Tables of the smallest numbers that suffice.

Entries are pairs satellites x slots: with at least as many of both, the unknowns are identifiable;
"-" means never (1 to 4 satellites, 1 to 5 slots tried). The structural table leaves out what only
the curvature of the wave over the array tells, which is information on paper alone. Satellites on
orbits in random directions, one geometry for each array: verdicts are exact and the same for all
but special geometries. Run (under a minute on one core):

    python examples/nine_d_identifiability.py [orbit | integrated | seed]
"""

import itertools
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from leopnt.inference.identifiability import Verdict
from leopnt.methods.nine_d.bounds import LOCATION
from leopnt.methods.nine_d.exact import formal_information, structural_information
from leopnt.methods.nine_d.kinematics import (
    half_wavelength_square,
    integrated_motion,
    orbit_motion,
    random_scene,
    seed_motion,
)

MOTIONS = {"orbit": orbit_motion, "integrated": integrated_motion, "seed": seed_motion}
HALF_WAVE_M = 0.149896229
LINE = np.array([[1.0, 0.0, 0.0]]) * HALF_WAVE_M
TURNS = 2.0 * np.pi / 3.0 * np.arange(3)
TRIANGLE = np.stack([np.cos(TURNS), np.sin(TURNS), 0.0 * TURNS], axis=1)
ARRAYS = {
    "1": np.zeros((1, 3)),
    "2": np.array([[-0.5], [0.5]]) * LINE,
    "4 collinear": np.array([[-1.5], [-0.5], [0.5], [1.5]]) * LINE,
    "3 triangle": TRIANGLE * HALF_WAVE_M / np.sqrt(3.0),
    "4 square": np.asarray(half_wavelength_square()),
}
OFFSETS = {
    "none": (),
    "time": ("time_offset_s",),
    "freq": ("freq_offset_hz",),
    "both": ("time_offset_s", "freq_offset_hz"),
}
SETS = {
    "p": ("rx_pos_m",),
    "Phi": ("rotation_rad",),
    "v": ("rx_vel_mps",),
    "p+Phi": ("rx_pos_m", "rotation_rad"),
    "p+v": ("rx_pos_m", "rx_vel_mps"),
    "Phi+v": ("rotation_rad", "rx_vel_mps"),
    "9D": LOCATION,
}
MODELS = {"formal": formal_information, "structural": structural_information}
GRID = tuple(itertools.product(range(1, 5), range(1, 6)))


def largest_scene(array, motion="orbit", seed=0):
    """Four satellites over five slots, of which the tables use the first few."""
    draw = eqx.filter_jit(random_scene)
    key, antennas = jax.random.key(seed), jnp.asarray(ARRAYS[array])
    return draw(key, MOTIONS[motion], num_sat=4, num_slot=5, antennas_body_m=antennas)


def first(scene, num_sat, num_slot):
    """The scene with all links blocked but those of the first satellites and slots."""
    snr = np.array(scene.snr)
    snr[num_sat:], snr[:, num_slot:] = 0.0, 0.0
    return eqx.tree_at(lambda s: s.snr, scene, jnp.asarray(snr))


def verdicts(scene, model, grid=GRID, offsets=tuple(OFFSETS), sets=tuple(SETS)):
    """Exact verdicts by (offsets, unknowns, (satellites, slots))."""
    found, names = {}, OFFSETS["both"]
    for size in grid:
        every = MODELS[model](first(scene, *size))
        for offset in offsets:
            known = [name for name in names if name not in OFFSETS[offset]]
            told = every.known(known).eliminated(OFFSETS[offset])
            for unknown in sets:
                given = [name for name in LOCATION if name not in SETS[unknown]]
                found[offset, unknown, size] = told.known(given).verdict().verdict
    return found


def minimal_pairs(found, offset, unknown):
    """Pairs that suffice where one satellite or one slot less does not, as text."""
    of_size = {size: found[offset, unknown, size] for size in GRID}
    if Verdict.UNDECIDED in of_size.values():
        return "undecided"
    enough = {size for size in GRID if of_size[size] is Verdict.IDENTIFIABLE}
    least = [(b, k) for b, k in enough if not {(b - 1, k), (b, k - 1)} & enough]
    return " ".join(f"{b}x{k}" for b, k in sorted(least)) or "-"


def table(model, motion="orbit", arrays=tuple(ARRAYS)):
    """Cells by (array, offsets, unknowns)."""
    cells = {}
    for array in arrays:
        found = verdicts(largest_scene(array, motion), model)
        for offset, unknown in itertools.product(OFFSETS, SETS):
            cells[array, offset, unknown] = minimal_pairs(found, offset, unknown)
    return cells


def show(cells):
    """Print a table, one line per array and offsets."""
    print(f"{'antennas':12s} {'offsets':8s}" + "".join(f"{name:16s}" for name in SETS))
    for array, offset in dict.fromkeys((array, offset) for array, offset, _ in cells):
        row = "".join(f"{cells[array, offset, name]:16s}" for name in SETS)
        print(f"{array:12s} {offset:8s}{row.rstrip()}", flush=True)


def main():
    """Print both tables."""
    motion = sys.argv[1] if len(sys.argv) > 1 else "orbit"
    for model, title in (
        ("structural", "Structural: without the curvature of the wave over the array"),
        ("formal", "Formal: exact rank with spherical waves"),
    ):
        print(f"\n{title} (satellites x slots, motion: {motion})")
        show(table(model, motion))


if __name__ == "__main__":
    main()
