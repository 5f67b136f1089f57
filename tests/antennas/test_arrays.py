"""Element positions against hand-made ones and plane geometry."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas import (
    centered_array,
    line_array,
    num_antennas,
    planar_array,
    polygon_array,
    single_antenna,
)
from leopnt.errors import LeopntError

ARRAYS = {
    "single": (single_antenna(), 1, 0),
    "line": (line_array(4, 0.1), 4, 1),
    "square": (planar_array(2, 2, 0.15), 4, 2),
    "grid": (planar_array(3, 5, 0.02), 15, 2),
    "triangle": (polygon_array(3, 0.15), 3, 2),
    "heptagon": (polygon_array(7, 1.0), 7, 2),
    "given": (centered_array([[1.0, 0, 0], [0, 2.0, 0], [0, 0, 3.0], [5, 5, 5]]), 4, 3),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_every_array_has_its_count_and_dimension_and_centroid_zero(name):
    positions, count, dimension = ARRAYS[name]
    assert num_antennas(positions) == count
    np.testing.assert_allclose(np.mean(positions, axis=0), 0.0, atol=1e-15)
    assert np.linalg.matrix_rank(np.asarray(positions), tol=1e-9) == dimension


def test_a_square_of_half_a_wavelength_is_that_of_the_published_case():
    expected = [[-0.075, -0.075, 0], [0.075, -0.075, 0], [-0.075, 0.075, 0], [0.075, 0.075, 0]]
    np.testing.assert_allclose(planar_array(2, 2, 0.15), expected, rtol=1e-15)


@pytest.mark.parametrize("num", [3, 4, 5, 12])
def test_a_polygon_has_equal_sides_and_one_radius(num, evidence):
    corners = np.asarray(polygon_array(num, 0.3))
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    radii = np.linalg.norm(corners, axis=1)
    evidence(
        "antennas.arrays",
        f"sides and radii of a regular polygon of {num} corners, relative",
        "plane geometry",
        "closed form",
        achieved=max(np.max(np.abs(sides / 0.3 - 1)), np.ptp(radii) / radii[0]),
        tolerance=1e-14,
    )


def test_neighbors_of_a_grid_are_one_spacing_apart():
    grid = np.asarray(planar_array(4, 3, 0.05)).reshape(3, 4, 3)
    np.testing.assert_allclose(np.diff(grid, axis=1)[..., 0], 0.05, rtol=1e-13)
    np.testing.assert_allclose(np.diff(grid, axis=0)[..., 1], 0.05, rtol=1e-13)


def test_centering_keeps_every_distance():
    positions = np.random.default_rng(2).normal(size=(5, 3)) + 10.0
    moved = np.asarray(centered_array(positions))
    for a, b in itertools.combinations(range(5), 2):
        expected = np.linalg.norm(positions[a] - positions[b])
        np.testing.assert_allclose(np.linalg.norm(moved[a] - moved[b]), expected, rtol=1e-13)


@pytest.mark.parametrize(
    "make",
    [
        lambda d: line_array(3, d),
        lambda d: planar_array(2, 3, d),
        lambda d: polygon_array(3, d),
        lambda d: centered_array(jnp.stack([jnp.zeros(3), d * jnp.ones(3)])),
    ],
)
def test_positions_are_linear_in_their_size(make):
    by_size = jax.jit(jax.jacfwd(make))(jnp.asarray(0.2))
    np.testing.assert_allclose(0.2 * by_size, make(jnp.asarray(0.2)), rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: line_array(0, 0.1), "num = 0: expected an integer of 1 or more"),
        (lambda: line_array(2.0, 0.1), "num = 2.0: expected an integer"),
        (lambda: line_array(True, 0.1), "num = True: expected an integer"),
        (lambda: line_array(2, -0.1), "spacing_m = -0.1 m: expected a number above 0"),
        (lambda: line_array(2, "wide"), "spacing_m = 'wide': expected a number"),
        (lambda: line_array(2, np.nan), "spacing_m = nan: expected a finite number"),
        (lambda: line_array(2, np.float32(0.1)), "spacing_m: got float32"),
        (lambda: line_array(2, np.ones(2)), r"spacing_m: got shape \(2,\)"),
        (lambda: planar_array(2, 0, 0.1), "num_y = 0: expected an integer of 1 or more"),
        (lambda: polygon_array(2, 0.1), "num = 2: expected an integer of 3 or more"),
        (lambda: polygon_array(3, 0.0), "side_m = 0 m: expected a number above 0"),
        (lambda: centered_array([1.0, 2.0]), r"pos_body_m has shape \(2,\); accepted: \(ant, 3\)"),
        (lambda: centered_array(np.ones((0, 3))), r"pos_body_m has shape \(0, 3\)"),
        (lambda: centered_array([[np.inf, 0, 0]]), "pos_body_m holds NaN or infinity"),
        (lambda: centered_array([["x", 0, 0]]), "pos_body_m = .*: expected an array of numbers"),
    ],
)
def test_what_is_no_array_is_refused(untyped, call, message):
    with pytest.raises(LeopntError, match=message):
        call()
