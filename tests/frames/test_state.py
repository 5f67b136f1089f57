"""The two velocities of a satellite state."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from leopnt.constants import EARTH_ROTATION_ERA_RADPS
from leopnt.epochs import Epoch
from leopnt.frames import SatelliteState, teme_to_ecef


def test_the_velocities_differ_by_the_earths_rotation(evidence):
    epoch = Epoch.from_iso("2025-05-05") + np.linspace(0.0, 86_000.0, 50)
    pos_m = np.tile([5.0e6, 4.0e6, 3.0e6], (50, 1))
    vel_mps = np.tile([-4.0e3, 1.0e3, 5.0e3], (50, 1))
    state = teme_to_ecef(pos_m, vel_mps, epoch)
    omega = np.array([0.0, 0.0, EARTH_ROTATION_ERA_RADPS])
    expected = state.vel_inertial_ecef_mps - np.cross(omega, state.pos_ecef_m)
    evidence(
        "frames.state",
        "inertial minus ECEF velocity is omega x r",
        "textbook formula without polar motion",
        "closed form",
        achieved=np.max(np.abs(state.vel_ecef_mps - expected)),
        tolerance=2e-3,  # half an arc second of polar motion times 465 m/s, and a little
        unit="m/s",
    )
    speed_mps = np.linalg.norm(state.vel_inertial_ecef_mps, axis=-1)
    np.testing.assert_allclose(speed_mps, np.linalg.norm(vel_mps, axis=-1), rtol=1e-15)


def test_a_state_passes_through_jit_and_vmap_and_is_indexed():
    batch = SatelliteState(*(jnp.arange(12.0).reshape(4, 3) + k for k in range(3)))

    @eqx.filter_jit
    def speed(state, reference):
        assert reference.shape == ()
        return jax.vmap(lambda s: jnp.sqrt(s.vel_ecef_mps @ s.vel_ecef_mps))(state)

    speeds = speed(batch, Epoch.from_iso("2025-05-05"))
    assert speeds[2] == jnp.sqrt(jnp.sum(batch[2].vel_ecef_mps ** 2))
