"""Beams of arrays with free elements against B52, steering vectors and automatic derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas import (
    ArrayBeams,
    UniformPlanarArray,
    b52,
    correlation,
    planar_array,
    polygon_array,
    steered_beams,
)
from leopnt.errors import LeopntError


def directions(count, seed=4):
    rng = np.random.default_rng(seed)
    rho, beta = 0.97 * np.sqrt(rng.uniform(size=count)), rng.uniform(-np.pi, np.pi, count)
    return jnp.asarray(rho * np.cos(beta)), jnp.asarray(rho * np.sin(beta))


def free_b52():
    """B52 element by element, with the elements in another order."""
    like, order = b52(), np.random.default_rng(2).permutation(64)
    positions = np.asarray(planar_array(8, 8, 0.5))[order]
    return steered_beams(positions, like.beam_u, like.beam_v, like.peak_dbw)


def crooked():
    """Nine elements in space with random weights: no symmetry at all."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(4, 9)) + 1j * rng.normal(size=(4, 9))
    return ArrayBeams(rng.normal(size=(9, 3)), weights, np.array([10.0, 20.0, 30.0, 5.0]), 0.8)


def test_an_array_element_by_element_is_the_separable_one(evidence):
    u, v = directions(100)
    found = jax.jit(jax.vmap(free_b52().eirp_dbw))(u, v)
    expected = jax.jit(jax.vmap(b52().eirp_dbw))(u, v)
    evidence(
        "antennas.array_beams",
        "EIRP of B52 as 64 free elements, 100 directions",
        "separable closed form",
        "closed form",
        achieved=np.max(np.abs(found - expected)),
        tolerance=1e-9,
        unit="dB",
    )


def test_derivatives_are_those_of_the_separable_one():
    u, v = directions(40)
    found = jax.jit(jax.vmap(free_b52().eirp_w_gradient))(u, v)
    expected = jax.jit(jax.vmap(b52().eirp_w_gradient))(u, v)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * np.max(np.abs(theirs)))


@pytest.mark.parametrize("antenna", [free_b52(), crooked()], ids=["B52", "crooked"])
def test_analytic_and_automatic_derivatives_agree(antenna, evidence):
    u, v = directions(30)
    places = jnp.stack([u, v], axis=1)
    automatic = jax.jit(jax.vmap(jax.jacfwd(lambda p: antenna.eirp_w(p[0], p[1]))))(places)
    found = jax.jit(jax.vmap(antenna.eirp_w_gradient))(u, v)
    size = np.max(np.abs(automatic), axis=(1, 2))[:, None]
    worst = max(
        np.max(np.abs(found.by_u - automatic[..., 0]) / size),
        np.max(np.abs(found.by_v - automatic[..., 1]) / size),
    )
    evidence(
        "antennas.array_beams",
        f"derivative of the EIRP of {antenna.weights.shape[1]} elements, relative",
        "automatic differentiation",
        "implementation",
        achieved=worst,
        tolerance=1e-10,
    )


def test_a_beam_along_a_steering_vector_correlates_with_others(evidence):
    grid = UniformPlanarArray(5, 3, 0.6)
    beams_az, beams_el = jnp.array([0.3, -2.0, 1.1]), jnp.array([1.4, 0.9, 0.5])
    steer = jax.vmap(grid.steering)(beams_az, beams_el)
    at = 0.6 * np.stack([np.repeat(np.arange(5.0), 3), np.tile(np.arange(3.0), 5), np.zeros(15)], 1)
    # A steering vector is the phase that a wave from there leaves: weights let waves to there add.
    antenna = ArrayBeams(at, np.asarray(steer), np.zeros(3), 0.0, -np.inf)
    az, el = jnp.linspace(-3.0, 3.0, 20), jnp.linspace(0.2, 1.5, 20)
    found = jax.vmap(antenna.eirp_w)(jnp.cos(el) * jnp.cos(az), jnp.cos(el) * jnp.sin(az))
    worst = 0.0
    for beam in range(3):
        of_beam = (jnp.full(20, beams_az[beam]), jnp.full(20, beams_el[beam]))
        power = np.abs(correlation(grid, *of_beam, az, el)) ** 2
        worst = max(worst, np.max(np.abs(found[:, beam] - power)))
    evidence(
        "antennas.array_beams",
        "power of beams along steering vectors, relative to the peak",
        "correlation of steering vectors",
        "implementation",
        achieved=worst,
        tolerance=1e-13,
    )


def test_a_steered_beam_has_its_peak_where_it_points():
    ring = np.asarray(polygon_array(7, 0.6)) + np.array([0.0, 0.0, 0.3]) * np.arange(7)[:, None]
    antenna = steered_beams(ring, [0.3, -0.2], [0.1, 0.4], [20.0, 17.0], element_exponent=0.0,
                            floor_db=-np.inf)  # fmt: skip
    peaks = [antenna.eirp_dbw(u, v)[i] for i, (u, v) in enumerate([(0.3, 0.1), (-0.2, 0.4)])]
    np.testing.assert_allclose(peaks, [20.0, 17.0], atol=1e-12)
    gradient = antenna.eirp_w_gradient(0.3, 0.1)
    np.testing.assert_allclose([gradient.by_u[0], gradient.by_v[0]], 0.0, atol=1e-9)


def test_moving_the_whole_array_or_turning_all_phases_changes_nothing():
    antenna, (u, v) = crooked(), directions(10)
    moved = ArrayBeams(
        antenna.positions_wavelengths + np.array([0.3, -2.0, 1.0]),
        antenna.weights * np.exp(1j * np.arange(4.0))[:, None] * 7.0,
        antenna.peak_dbw,
        0.8,
    )
    np.testing.assert_allclose(
        jax.vmap(moved.eirp_w)(u, v), jax.vmap(antenna.eirp_w)(u, v), rtol=1e-10
    )


def test_behind_the_array_there_is_nothing():
    assert np.all(np.isnan(crooked().eirp_w(0.8, 0.7)))
    assert np.all(np.isnan(crooked().eirp_w_gradient(0.8, 0.7).by_u))


ONE = np.zeros((1, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ArrayBeams(np.zeros((2, 2)), np.ones((1, 2)) + 0j, np.zeros(1)),
         r"positions_wavelengths has shape \(2, 2\); accepted: \(ant, 3\)"),
        (lambda: ArrayBeams(ONE, np.ones((1, 2)) + 0j, np.zeros(1)),
         r"weights has shape \(1, 2\); accepted: \(beam, 1\)"),
        (lambda: ArrayBeams(ONE, np.ones((2, 1)) + 0j, np.zeros(1)),
         r"peak_dbw has shape \(1,\); accepted: \(2,\), as beams"),
        (lambda: ArrayBeams(ONE, np.full((1, 1), np.nan) + 0j, np.zeros(1)),
         "weights holds NaN or infinity"),
        (lambda: ArrayBeams(ONE, np.array([[1.0], [0.0]]) + 0j, np.zeros(2)),
         "weights of beam 1 are all zero"),
        (lambda: ArrayBeams(ONE, np.ones((1, 1)) + 0j, np.zeros(1), -1.0),
         "element_exponent = -1: expected 0 or more"),
        (lambda: steered_beams(ONE, [0.1, 0.2], [0.1], [0.0]),
         r"beam_u and beam_v have shapes \(2,\) and \(1,\)"),
        (lambda: steered_beams(ONE, [0.1, 0.9], [0.1, 0.9], [0.0, 0.0]),
         "beam 1 points to u = 0.9, v = 0.9; expected"),
        (lambda: steered_beams(np.zeros(3), [0.1], [0.1], [0.0]),
         r"positions_wavelengths has shape \(3,\)"),
        (lambda: steered_beams(ONE, [0.1], [0.1], [0.0], taper=[1.0, 1.0]),
         r"taper has shape \(2,\); accepted: \(1,\)"),
    ],
)  # fmt: skip
def test_what_is_no_array_is_refused(untyped, call, message):
    with pytest.raises(LeopntError, match=message):
        call()
