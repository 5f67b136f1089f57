"""Unknowns chosen by name: places, scales, displacements, refusals."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import CASES, PhaseTheta
from jaxtyping import Array
from scipy.spatial.transform import Rotation

from leopnt.errors import LeopntError
from leopnt.inference import Unknowns, parameter


class Theta(eqx.Module):
    rx_pos_ecef_m: Array = parameter(scale=1e3, unit="m")
    drift: Array = parameter(scale=(1.0, 1e-9), unit="s/s")
    bias_m: Array | float = parameter(scale=10.0, unit="m")
    num_beams: int = 4
    height_m: float | None = None


THETA = Theta(jnp.asarray([1.0, 2.0, 3.0]), jnp.asarray([4.0, 5.0]), jnp.asarray(6.0))


def test_places_follow_the_order_asked_for():
    unknowns = Unknowns.of(THETA, ("bias_m", "rx_pos_ecef_m"))
    assert unknowns.size == 4
    assert unknowns.slice("rx_pos_ecef_m") == slice(1, 4)
    np.testing.assert_array_equal(unknowns.indices(("rx_pos_ecef_m", "bias_m")), [1, 2, 3, 0])
    np.testing.assert_array_equal(unknowns.indices("bias_m"), [0])
    assert unknowns.labels() == [
        "bias_m",
        "rx_pos_ecef_m[0]",
        "rx_pos_ecef_m[1]",
        "rx_pos_ecef_m[2]",
    ]
    assert unknowns.units == ("m", "m")
    np.testing.assert_array_equal(unknowns.scale_vector, [10.0, 1e3, 1e3, 1e3])


def test_scales_may_differ_by_component():
    np.testing.assert_array_equal(Unknowns.of(THETA, "drift").scale_vector, [1.0, 1e-9])


def test_displacement_is_scaled_and_leaves_the_other_fields_alone():
    unknowns = Unknowns.of(THETA, ("drift", "bias_m"))
    moved = unknowns.displace(THETA, jnp.asarray([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(moved.drift, [5.0, 5.0 + 2e-9])
    assert moved.bias_m == 36.0
    assert moved.rx_pos_ecef_m is THETA.rx_pos_ecef_m
    assert moved.num_beams == 4


def test_fields_that_share_one_array_move_apart():
    both = Theta(jnp.zeros(3), jnp.zeros(2), jnp.zeros(()))
    both = dataclasses.replace(both, rx_pos_ecef_m=both.rx_pos_ecef_m, bias_m=both.rx_pos_ecef_m)
    moved = Unknowns.of(both, "bias_m").displace(both, jnp.ones(3))
    np.testing.assert_array_equal(moved.bias_m, [10.0, 10.0, 10.0])
    np.testing.assert_array_equal(moved.rx_pos_ecef_m, [0.0, 0.0, 0.0])


def test_plain_python_floats_are_unknowns_too():
    theta = Theta(jnp.zeros(3), jnp.zeros(2), 7.0)
    moved = Unknowns.of(theta, "bias_m").displace(theta, jnp.ones(1))
    assert moved.bias_m == 17.0


def test_rotations_are_displaced_as_scipy_composes_them(evidence):
    base, turn = np.array([1.0, -0.5, 2.0]), np.array([0.3, 0.2, -0.7])
    theta = PhaseTheta(jnp.asarray(Rotation.from_rotvec(base).as_matrix()), jnp.asarray(0.0))
    unknowns = Unknowns.of(theta, "rotation")
    moved = unknowns.displace(theta, jnp.asarray(turn / 1e-2))
    truth = Rotation.from_rotvec(turn) * Rotation.from_rotvec(base)
    evidence(
        "inference.parameters",
        "rotation displaced by a rotation vector",
        "scipy Rotation",
        "implementation",
        achieved=np.max(np.abs(moved.rotation - truth.as_matrix())),
        tolerance=1e-14,
    )
    np.testing.assert_allclose(unknowns.difference(theta, moved), turn, atol=1e-13)


@pytest.mark.parametrize("name", list(CASES))
def test_difference_undoes_displacement(name):
    case = CASES[name]
    unknowns = Unknowns.of(case.truth, case.free)
    delta = jnp.asarray(np.random.default_rng(0).normal(size=unknowns.size))
    moved = unknowns.displace(case.truth, delta)
    back = unknowns.difference(case.truth, moved) / unknowns.scale_vector
    np.testing.assert_allclose(back, delta, atol=1e-9)


@pytest.mark.parametrize("name", list(CASES))
def test_the_tangent_plane_has_the_derivative_of_the_displacement(name):
    case = CASES[name]
    unknowns = Unknowns.of(case.truth, case.free)
    zero = jnp.zeros(unknowns.size)
    curved = jax.jacfwd(lambda d: unknowns.take(unknowns.displace(case.truth, d)))(zero)
    plane = jax.jacfwd(lambda d: unknowns.take(unknowns.linearized(case.truth)(d)))(zero)
    for a, b in zip(curved, plane, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-15)


def test_unknowns_are_hashable_so_that_kernels_are_found_again():
    first, second = (Unknowns.of(THETA, ("drift", "bias_m")) for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("rx_pos_ecef", r"no field 'rx_pos_ecef'.*Did you mean 'rx_pos_ecef_m'\?"),
        (("bias_m", "bias_m"), "'bias_m' is named 2 times"),
        ((), "name at least one field of theta; it has"),
        ("num_beams", r"theta\.num_beams is 4, not a float array"),
        ("height_m", r"theta\.height_m is None, not a float array; fix it or set it"),
    ],
)
def test_names_that_cannot_be_free_are_refused(names, message):
    with pytest.raises(LeopntError, match=message):
        Unknowns.of(THETA, names)


@pytest.mark.parametrize("kind", [jnp.int64, jnp.float32, jnp.complex128])
def test_fields_that_are_not_64_bit_floats_are_refused(kind):
    theta = Theta(jnp.zeros(3, kind), jnp.zeros(2), jnp.zeros(()))
    with pytest.raises(
        LeopntError, match=r"rx_pos_ecef_m has type \w+; unknowns are 64-bit floats"
    ):
        Unknowns.of(theta, "rx_pos_ecef_m")


def test_a_wrong_number_of_scales_is_refused():
    theta = Theta(jnp.zeros(3), jnp.zeros(5), jnp.zeros(()))
    with pytest.raises(LeopntError, match="'drift': 2 scales for 5 components; give one, or 5"):
        Unknowns.of(theta, "drift")


def test_asking_for_a_field_that_is_not_free_names_the_free_ones():
    unknowns = Unknowns.of(THETA, ("drift", "bias_m"))
    with pytest.raises(
        LeopntError, match=r"'bias' is not among the unknowns .*Did you mean 'bias_m'"
    ):
        unknowns.slice("bias")


def test_no_name_at_all_is_an_empty_choice():
    assert Unknowns.of(THETA, "drift").indices(()).size == 0


def test_declarations_that_make_no_sense_are_refused():
    with pytest.raises(LeopntError, match="give retract and tangent_size together"):
        parameter(retract=lambda value, tangent: value)
    for scale in (0.0, -1.0, float("nan"), (1.0, 0.0)):
        with pytest.raises(LeopntError, match="scale must be finite and positive"):
            parameter(scale=scale)


def test_a_rotation_without_its_inverse_says_so():
    class Turned(eqx.Module):
        rotation: Array = parameter(retract=lambda r, v: r, tangent_size=3)

    theta = Turned(jnp.eye(3))
    with pytest.raises(LeopntError, match=r"theta\.rotation has a retract but no `local`"):
        Unknowns.of(theta, "rotation").difference(theta, theta)
