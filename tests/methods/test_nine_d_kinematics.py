"""Random 9D scenes: motions against their laws, medians of their bounds against published ones."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.methods.nine_d.batch import location_bound
from leopnt.methods.nine_d.closed_form import euler_map
from leopnt.methods.nine_d.kinematics import (
    EARTH_RADIUS_M,
    half_wavelength_square,
    integrated_motion,
    orbit_motion,
    random_scene,
    seed_motion,
)

MOTIONS = (orbit_motion, integrated_motion, seed_motion)

# Median 9D sigmas, root sum of squares: position [m], yaw-pitch-roll [rad], velocity [m/s].
MEDIANS = {
    (3, 3, orbit_motion, 1.0): (7.7e3, 0.28, 22.0),
    (3, 3, orbit_motion, 10.0): (75.0, 0.28, 0.21),
    (3, 3, seed_motion, 1.0): (28.0, 0.28, 0.15),
    (2, 2, orbit_motion, 1.0): (2.7e8, 201.0, 8e5),
    (2, 2, orbit_motion, 10.0): (3e7, 20.0, 8e4),
    (2, 2, seed_motion, 1.0): (2.8e6, 1.9, 4.9e5),
    (2, 3, orbit_motion, 1.0): (1.2e8, 79.0, 3.2e5),
    (2, 3, orbit_motion, 10.0): (3.2e6, 2.0, 8.5e3),
    (2, 3, seed_motion, 1.0): (5.5e3, 0.39, 785.0),
    (3, 2, orbit_motion, 1.0): (6.4e5, 0.53, 2.1e3),
    (3, 2, orbit_motion, 10.0): (1.5e5, 0.36, 343.0),
    (3, 2, seed_motion, 1.0): (1.1e4, 0.31, 62.0),
    (4, 3, orbit_motion, 1.0): (2.2e3, 0.20, 6.9),
    (4, 3, orbit_motion, 10.0): (22.0, 0.20, 0.068),
    (4, 3, seed_motion, 1.0): (11.0, 0.20, 0.043),
    (4, 5, orbit_motion, 1.0): (496.0, 0.16, 1.5),
    (4, 5, orbit_motion, 10.0): (5.3, 0.16, 0.015),
    (4, 5, seed_motion, 1.0): (2.0, 0.16, 0.012),
}


draw = eqx.filter_jit(random_scene)


def random_case(motion, slot_spacing_s):
    """Four satellites over five slots."""
    key, spacing = jax.random.key(0), jnp.asarray(slot_spacing_s)
    return draw(key, motion, num_sat=4, num_slot=5, slot_spacing_s=spacing)


def lengths(vectors):
    return np.linalg.norm(np.asarray(vectors), axis=-1)


@pytest.mark.parametrize("motion", MOTIONS)
def test_scenes_have_the_distances_and_speeds_of_the_paper(motion):
    scene = random_case(motion, 2.0)
    offset = np.asarray(scene.sat_pos_m[:, 0] - scene.rx_pos_m[None, :])
    np.testing.assert_allclose(lengths(offset), 2e6, rtol=1e-12)
    assert np.all(offset[:, 2] > 0)
    np.testing.assert_allclose(lengths(scene.sat_vel_mps), 8000.0, rtol=1e-12)
    assert lengths(scene.rx_pos_m) == pytest.approx(30.0)
    assert lengths(scene.rx_vel_mps) == pytest.approx(25.0)
    np.testing.assert_array_equal(scene.slot_time_s, [0.0, 2.0, 4.0, 6.0, 8.0])
    assert scene.mean_square_time_s2[0, 0] == pytest.approx(1e-4 / 12)


def test_orbits_are_circles_and_their_velocity_is_the_derivative(evidence):
    key, first = jax.random.key(3), jnp.array([[1e6, 2e5, 1.7e6], [-3e5, 1e6, 1.5e6]])
    time, speed = jnp.array([0.0, 7.0, 60.0]), jnp.asarray(8000.0)

    def place(delta):
        return orbit_motion(key, first, time + delta, speed)[0]

    pos, vel = orbit_motion(key, first, time, speed)
    _, rate = jax.jvp(place, (jnp.asarray(0.0),), (jnp.asarray(1.0),))
    arm = np.asarray(pos) + np.array([0.0, 0.0, EARTH_RADIUS_M])
    np.testing.assert_allclose(lengths(arm), np.repeat(lengths(arm)[:, :1], 3, axis=1), rtol=1e-13)
    np.testing.assert_allclose(pos[:, 0], first, rtol=1e-9)
    evidence(
        "methods.nine_d.kinematics",
        "velocity on circular arcs",
        "automatic derivative of the position",
        "closed form",
        achieved=np.max(np.abs(np.asarray(vel - rate))),
        tolerance=1e-8,
        unit="m/s",
    )


def test_integrated_positions_follow_the_velocities():
    scene = random_case(integrated_motion, 0.5)
    step = np.diff(np.asarray(scene.sat_pos_m), axis=1)
    np.testing.assert_allclose(step, 0.5 * np.asarray(scene.sat_vel_mps[:, :-1]), atol=1e-8)


def test_seed_positions_forget_earlier_velocities():
    scene = random_case(seed_motion, 0.5)
    moved = np.asarray(scene.sat_pos_m - scene.sat_pos_m[:, :1])
    flown = np.asarray(scene.slot_time_s)[None, :, None] * np.asarray(scene.sat_vel_mps)
    np.testing.assert_allclose(moved, flown, atol=1e-8)


def test_directions_are_uniform_on_the_upper_hemisphere():
    # The height of a uniform direction is uniform: mean 1/2, variance 1/12; 4 sigma of 3000.
    keys = jax.random.split(jax.random.key(1), 1000)
    scenes = eqx.filter_jit(jax.vmap(random_scene))(keys)
    offset = scenes.sat_pos_m[:, :, 0] - scenes.rx_pos_m[:, None]
    height = np.asarray(offset[..., 2]).ravel() / 2e6
    assert height.mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 3000))
    assert height.var() == pytest.approx(1 / 12, rel=0.1)


def test_the_same_key_gives_the_same_directions_at_any_spacing():
    near, far = (random_case(orbit_motion, spacing) for spacing in (0.1, 10.0))
    np.testing.assert_array_equal(near.rx_vel_mps, far.rx_vel_mps)
    np.testing.assert_array_equal(near.sat_vel_mps[:, 0], far.sat_vel_mps[:, 0])


def test_the_default_array_has_sides_of_half_a_wavelength():
    corners = np.asarray(half_wavelength_square(2e9))
    assert lengths(corners[1] - corners[0]) == pytest.approx(299792458.0 / 2e9 / 2, rel=1e-15)
    np.testing.assert_array_equal(corners.mean(axis=0), 0.0)


@pytest.mark.study
def test_medians_of_random_geometries_are_the_published_ones(evidence):
    # The published medians are of 40 geometries: within 50 % of those of 400, as is said there.
    keys = jax.random.split(jax.random.key(0), study_size(200, 2000))
    for cell in list(MEDIANS)[: study_size(3, len(MEDIANS))]:
        median = np.median(np.asarray(euler_sigmas(keys, *cell[:3], jnp.asarray(cell[3]))), axis=0)
        evidence(
            "methods.nine_d.kinematics",
            "median 9D bounds of random geometries, relative deviation",
            "published medians of 40",
            "published",
            achieved=np.max(np.abs(median / np.array(MEDIANS[cell]) - 1.0)),
            tolerance=0.5,
        )


@eqx.filter_jit
def euler_sigmas(keys, num_sat, num_slot, motion, spacing_s):
    """Root sums of squares (trial, 3): position, yaw-pitch-roll, velocity."""

    def one(key):
        scene = random_scene(
            key, motion, num_sat=num_sat, num_slot=num_slot, slot_spacing_s=spacing_s
        )
        crb = location_bound(scene).crb
        back = jnp.linalg.inv(euler_map(scene.rotation))
        parts = crb[:3, :3], back @ crb[3:6, 3:6] @ back.T, crb[6:, 6:]
        return jnp.sqrt(jnp.stack([jnp.trace(part) for part in parts]))

    return jax.vmap(one)(keys)


def test_scenes_have_at_least_one_satellite_and_slot():
    with pytest.raises(LeopntError, match="num_sat = 0, num_slot = 3: expected 1 or more"):
        random_scene(jax.random.key(0), num_sat=0)
