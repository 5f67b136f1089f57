"""The worked case of the 9D bounds, and random scenes, for several tests."""

import jax
import numpy as np

from leopnt.methods.nine_d.kinematics import random_scene
from leopnt.methods.nine_d.scene import nine_d_scene

HALF_WAVE_M = 0.149896229
LINE = np.array([[-1.5, 0.0, 0.0], [-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [1.5, 0.0, 0.0]])
SQUARE = np.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
LINE, SQUARE = LINE * HALF_WAVE_M, SQUARE * HALF_WAVE_M / 2.0
SINGLE = np.zeros((1, 3))

WORKED = {
    "sat_pos_m": [
        [(1.2e6, -3e5, 1.5e6), (1.2e6, -2.925e5, 1.5e6), (1.2e6, -2.85e5, 1499944)],
        [(-9e5, 1.1e6, 1.4e6), (-8.94e5, 1.1045e6, 1.4e6), (-8.88e5, 1.109e6, 1399944)],
        [(2e5, 1.3e6, 1.5e6), (2.07e5, 1.2975e6, 1.5e6), (2.14e5, 1.295e6, 1499944)],
    ],
    "sat_vel_mps": [
        [(0, 7500, 0), (0, 7500, -56), (0, 7500, -112)],
        [(6000, 4500, 0), (6000, 4500, -56), (6000, 4500, -112)],
        [(7000, -2500, 0), (7000, -2500, -56), (7000, -2500, -112)],
    ],
    "slot_spacing_s": 1.0,
    "rx_pos_m": (10.0, 20.0, 20.0),
    "rx_vel_mps": (20.0, 15.0, 0.0),
    "antennas_body_m": 0.075 * SQUARE / SQUARE.max(),
    "snr_linear": 100.0,
    "yaw_pitch_roll_rad": (0.3, -0.2, 0.1),
}


def worked_case(**changes):
    given = {**WORKED, **changes}
    return nine_d_scene(
        **{k: np.asarray(v, float) if isinstance(v, list | tuple) else v for k, v in given.items()}
    )


def random_case(num_sat=3, num_slot=3, antennas=SQUARE, seed=0, **options):
    key = jax.random.key(seed)
    antennas = jax.numpy.asarray(antennas)
    return random_scene(
        key, num_sat=num_sat, num_slot=num_slot, antennas_body_m=antennas, **options
    )
