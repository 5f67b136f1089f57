"""Rotations against SciPy and closed forms; derivatives at zero and at half a turn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from leopnt.frames import (
    orbit_frame,
    quaternion_from_rotation,
    retract,
    rotation_from_quaternion,
    rotation_from_vector,
    rotation_from_yaw_pitch_roll,
    vector_from_rotation,
    yaw_pitch_roll_from_rotation,
)

ANGLES = np.array([0.0, 1e-12, 1e-6, 0.03, 0.0999, 0.1, 0.1001, 1.0, 2.0, 3.0, np.pi - 1e-9])


def batched(function):
    return jax.jit(jax.vmap(function))


def there_and_back(vector):
    return vector_from_rotation(rotation_from_vector(vector))


exp = jax.jit(rotation_from_vector)
log = jax.jit(vector_from_rotation)
exp_jacobian = jax.jit(jax.jacfwd(rotation_from_vector))
log_jacobians = [jax.jit(d(vector_from_rotation)) for d in (jax.jacfwd, jax.jacrev)]
both_jacobians = [jax.jit(d(there_and_back)) for d in (jax.jacfwd, jax.jacrev)]
both_hessian = jax.jit(jax.hessian(there_and_back))
to_angles = jax.jit(yaw_pitch_roll_from_rotation)
angles_jacobian = jax.jit(jax.jacrev(lambda r: jnp.stack(yaw_pitch_roll_from_rotation(r))))


def rotvecs():
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(len(ANGLES), 20, 3))
    axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
    return (ANGLES[:, None, None] * axes).reshape(-1, 3)


def cross_matrix(v):
    return np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])


def largest(difference):
    return float(np.max(np.abs(difference)))


def test_rotations_agree_with_scipy(evidence):
    vectors = rotvecs()
    theirs = Rotation.from_rotvec(vectors)
    ours = np.asarray(batched(rotation_from_vector)(vectors))
    scalar_first = theirs.as_quat(scalar_first=True)
    turns = np.random.default_rng(1).uniform(-1.5, 1.5, (200, 3))
    euler = np.asarray(batched(rotation_from_yaw_pitch_roll)(*turns.T))
    back = np.stack(batched(yaw_pitch_roll_from_rotation)(euler), axis=-1)
    rows = {
        "rotation matrix of a rotation vector": ours - theirs.as_matrix(),
        "rotation vector of a matrix": batched(vector_from_rotation)(ours) - vectors,
        "rotation matrix of a quaternion": batched(rotation_from_quaternion)(3.0 * scalar_first)
        - ours,
        "quaternion of a matrix": batched(quaternion_from_rotation)(ours)
        - scalar_first * np.where(scalar_first[:, :1] < 0, -1, 1),
        "rotation of yaw, pitch and roll": euler - Rotation.from_euler("ZYX", turns).as_matrix(),
        "yaw, pitch and roll of a matrix": back - turns,
    }
    for quantity, difference in rows.items():
        evidence(
            "frames.attitude",
            quantity,
            "SciPy 1.17 Rotation",
            "implementation",
            achieved=largest(difference),
            tolerance=5e-15,
        )


def test_the_exponential_is_that_of_the_cross_product_matrix(evidence):
    vectors = rotvecs()
    theirs = np.array([expm(cross_matrix(v)) for v in vectors])
    evidence(
        "frames.attitude",
        "exponential map",
        "SciPy matrix exponential",
        "implementation",
        achieved=largest(batched(rotation_from_vector)(vectors) - theirs),
        tolerance=5e-15,
    )


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (-1, 2, -3)])
def test_half_a_turn_has_a_vector_of_length_pi(axis):
    axis = np.array(axis) / np.linalg.norm(axis)
    rotation = 2 * np.outer(axis, axis) - np.eye(3)
    vector = np.asarray(log(rotation))
    assert np.linalg.norm(vector) == pytest.approx(np.pi, rel=1e-15)
    assert abs(vector @ axis) == pytest.approx(np.pi, rel=1e-14)
    for jacobian in log_jacobians:
        assert np.isfinite(jacobian(rotation)).all()


def test_derivatives_at_zero_are_the_generators(evidence):
    zero = jnp.zeros(3)
    generators = np.stack([cross_matrix(e) for e in np.eye(3)], axis=-1)
    first = exp_jacobian(zero)
    second = jax.jit(jax.jacfwd(jax.jacrev(rotation_from_vector)))(zero)
    g = np.moveaxis(generators, -1, 0)
    expected = np.einsum("aij,bjk->ikab", g, g)
    expected = (expected + np.swapaxes(expected, -1, -2)) / 2
    evidence(
        "frames.attitude",
        "first and second derivative of the exponential map at zero",
        "generators of rotation",
        "closed form",
        achieved=max(largest(first - generators), largest(second - expected)),
        tolerance=1e-15,
    )


@pytest.mark.parametrize("angle", [0.0, 1e-10, 0.05, 0.0999999, 0.1000001, 1.0, 3.0, 3.1415])
def test_the_logarithm_undoes_the_exponential_with_its_derivative(angle):
    vector = jnp.array([2.0, -1.0, 2.0]) / 3.0 * angle
    np.testing.assert_allclose(log(exp(vector)), vector, atol=5e-15)
    tolerance = 1e-13 if angle < 3 else 1e-10
    for jacobian in both_jacobians:
        np.testing.assert_allclose(jacobian(vector), np.eye(3), atol=tolerance)
    assert np.isfinite(both_hessian(vector)).all()


def test_derivatives_agree_with_central_differences_across_the_series():
    step = 1e-5
    for angle in (0.0998, 0.1, 0.1002, 2.5):
        vector = jnp.array([1.0, 2.0, -2.0]) / 3.0 * angle
        numeric = np.stack(
            [(exp(vector + d) - exp(vector - d)) / (2 * step) for d in step * np.eye(3)],
            axis=-1,
        )
        np.testing.assert_allclose(exp_jacobian(vector), numeric, atol=3e-11)


def test_retract_turns_in_reference_axes():
    rotation = rotation_from_yaw_pitch_roll(0.3, -0.2, 1.0)
    small = jnp.array([1e-3, -2e-3, 5e-4])
    turned = retract(rotation, small)
    np.testing.assert_allclose(turned, expm(cross_matrix(np.asarray(small))) @ rotation, atol=1e-15)
    np.testing.assert_array_equal(retract(rotation, jnp.zeros(3)), rotation)
    np.testing.assert_allclose(turned.T @ turned, np.eye(3), atol=1e-15)


def test_quaternions_of_either_sign_are_one_rotation():
    quaternion = jnp.array([0.2, -0.5, 0.7, 0.4])
    one, other = rotation_from_quaternion(quaternion), rotation_from_quaternion(-quaternion)
    np.testing.assert_allclose(one, other, atol=1e-16)
    assert float(quaternion_from_rotation(one)[0]) > 0


@pytest.mark.parametrize("pitch", [np.pi / 2, -np.pi / 2])
def test_at_vertical_pitch_roll_is_zero_and_the_rotation_is_kept(pitch):
    rotation = Rotation.from_euler("ZYX", [0.4, pitch, 0.7]).as_matrix()
    yaw, pitch_back, roll = to_angles(rotation)
    assert float(roll) == 0.0
    assert float(pitch_back) == pytest.approx(pitch, abs=1e-12)
    kept = rotation_from_yaw_pitch_roll(yaw, pitch_back, roll)
    np.testing.assert_allclose(kept, rotation, atol=1e-14)
    assert np.isfinite(angles_jacobian(rotation)).all()


def test_the_orbit_frame_of_an_equatorial_orbit_is_known():
    # Eastward over the Gulf of Guinea: along-track is east, nadir is -x, y is south.
    axes = jax.jit(orbit_frame)(jnp.array([7e6, 0.0, 0.0]), jnp.array([10.0, 7.5e3, 0.0]))
    np.testing.assert_allclose(axes.T, [[0, 1, 0], [0, 0, -1], [-1, 0, 0]], atol=1e-15)


def test_the_orbit_frame_follows_its_definition_in_any_orbit(evidence):
    rng = np.random.default_rng(3)
    pos, vel = rng.normal(size=(2, 100, 3)) * np.array([7e6, 7e3])[:, None, None]
    axes = np.asarray(batched(orbit_frame)(pos, vel))
    x, y, z = np.moveaxis(axes, -1, 0)
    h = np.cross(pos, vel)
    deviations = [
        z + pos / np.linalg.norm(pos, axis=1, keepdims=True),
        y + h / np.linalg.norm(h, axis=1, keepdims=True),
        np.cross(y, z) - x,
        np.linalg.det(axes) - 1,
        np.swapaxes(axes, 1, 2) @ axes - np.eye(3),
    ]
    evidence(
        "frames.attitude",
        "orbit frame: z nadir, y opposite to the angular momentum, right-handed",
        "definition",
        "closed form",
        achieved=max(largest(d) for d in deviations),
        tolerance=2e-15,
    )
    assert np.all(np.einsum("ni,ni->n", x, vel) > 0)
