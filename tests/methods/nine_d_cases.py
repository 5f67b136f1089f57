"""Arrays and random scenes of the 9D bounds, for several tests."""

import functools

import equinox as eqx
import jax
import numpy as np

from leopnt.methods.nine_d.kinematics import orbit_motion, random_scene
from leopnt.methods.nine_d.scene import NineDScene

HALF_WAVE_M = 0.149896229
LINE = np.array([[-1.5, 0.0, 0.0], [-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [1.5, 0.0, 0.0]])
SQUARE = np.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
LINE, SQUARE = LINE * HALF_WAVE_M, SQUARE * HALF_WAVE_M / 2.0
SINGLE = np.zeros((1, 3))


@functools.cache
def largest_case(motion, seed):
    """Four satellites over five slots."""
    draw = eqx.filter_jit(random_scene)
    return draw(jax.random.key(seed), motion, num_sat=4, num_slot=5)


def random_case(num_sat=3, num_slot=3, antennas=SQUARE, seed=0, motion=orbit_motion):
    """The first satellites and slots of a random scene, at 1 s, compiled once for all sizes."""
    scene = largest_case(motion, seed)
    fields = {name: np.asarray(getattr(scene, name)) for name in vars(scene)}
    for name in ("sat_pos_m", "sat_vel_mps", "bandwidth_hz", "correlation", "mean_square_time_s2"):
        fields[name] = fields[name][:num_sat, :num_slot]
    fields["slot_time_s"] = fields["slot_time_s"][:num_slot]
    fields["freq_offset_hz"] = fields["freq_offset_hz"][:num_sat]
    fields["antennas_body_m"] = antennas
    fields["snr"] = np.full((num_sat, num_slot, len(antennas)), 100.0)
    return NineDScene(**jax.device_put(fields))
