"""Arrays and random scenes of the 9D bounds, for several tests."""

import jax
import jax.numpy as jnp
import numpy as np

from leopnt.methods.nine_d.kinematics import random_scene

HALF_WAVE_M = 0.149896229
LINE = np.array([[-1.5, 0.0, 0.0], [-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [1.5, 0.0, 0.0]])
SQUARE = np.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
LINE, SQUARE = LINE * HALF_WAVE_M, SQUARE * HALF_WAVE_M / 2.0
SINGLE = np.zeros((1, 3))


def random_case(num_sat=3, num_slot=3, antennas=SQUARE, seed=0, **options):
    key = jax.random.key(seed)
    antennas = jnp.asarray(antennas)
    return random_scene(
        key, num_sat=num_sat, num_slot=num_slot, antennas_body_m=antennas, **options
    )
