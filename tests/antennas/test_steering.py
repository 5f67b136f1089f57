"""Steering vectors against element positions, autodiff and sums over elements."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas import (
    UniformPlanarArray,
    correlation,
    dirichlet,
    dirichlet_power,
    planar_array,
)
from leopnt.errors import LeopntError

ARRAY = UniformPlanarArray(3, 4, 0.47)
DIRECTIONS = [(0.3, 1.2), (-2.9, 0.4), (1.7, 1.5), (3.0, 0.02)]


def direction(az, el):
    return np.array([np.cos(el) * np.cos(az), np.cos(el) * np.sin(az), np.sin(el)])


@pytest.mark.parametrize(("az", "el"), DIRECTIONS)
def test_phases_are_those_of_a_plane_wave_at_the_elements(az, el, evidence):
    # A plane wave towards u: exp(-2 pi i x . u / lambda), element (0, 0) the reference.
    grid = np.asarray(planar_array(3, 4, 0.47))
    place = np.array([grid[v * 3 + h] - grid[0] for h in range(3) for v in range(4)])
    expected = np.exp(-2j * np.pi * place @ direction(az, el))
    evidence(
        "antennas.steering",
        "steering vector of a 3 x 4 array, horizontal index slowest",
        "plane wave at the elements' positions",
        "closed form",
        achieved=np.max(np.abs(ARRAY.steering(az, el) - expected)),
        tolerance=1e-13,
    )
    assert ARRAY.steering(az, el)[0] == 1.0


@pytest.mark.parametrize(("az", "el"), DIRECTIONS)
def test_derivatives_are_those_of_automatic_differentiation(az, el):
    found = ARRAY.steering_derivatives(az, el)
    for part in (jnp.real, jnp.imag):
        by_az, by_el = jax.jacfwd(lambda a, e, p=part: p(ARRAY.steering(a, e)), argnums=(0, 1))(
            az, el
        )
        np.testing.assert_allclose(part(found.by_az), by_az, atol=1e-12)
        np.testing.assert_allclose(part(found.by_el), by_el, atol=1e-12)
    np.testing.assert_allclose(found.vector, ARRAY.steering(az, el), rtol=1e-14)


def test_azimuth_does_not_count_at_boresight():
    found = ARRAY.steering_derivatives(0.7, np.pi / 2)
    assert np.all(np.asarray(found.by_az) == 0.0)
    assert np.all(np.asarray(found.vector) == 1.0)
    assert np.all(np.isfinite(found.by_el))


def test_correlation_is_the_inner_product_of_steering_vectors(evidence):
    worst = 0.0
    for a in DIRECTIONS:
        for b in DIRECTIONS:
            expected = np.vdot(ARRAY.steering(*a), ARRAY.steering(*b)) / 12
            worst = max(worst, abs(complex(correlation(ARRAY, *a, *b)) - expected))
    evidence(
        "antennas.steering",
        "correlation of two directions by Dirichlet kernels",
        "inner product of steering vectors",
        "closed form",
        achieved=worst,
        tolerance=1e-14,
    )


@pytest.mark.parametrize("num", [1, 2, 5, 8])
@pytest.mark.parametrize(
    "turn", [0.0, 1e-9, 1e-7, 0.3, np.pi, 2 * np.pi, 2 * np.pi - 1e-8, -2 * np.pi, 7.0]
)
def test_dirichlet_kernels_hold_at_their_peaks(num, turn):
    expected = np.mean(np.exp(1j * np.arange(num) * turn))
    np.testing.assert_allclose(dirichlet(num, turn), expected, atol=1e-7 if turn > 6.2 else 1e-14)
    np.testing.assert_allclose(dirichlet_power(num, turn), abs(expected) ** 2, atol=1e-13)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((0, 4), "num_h = 0: expected an integer of 1 or more"),
        ((4, 2.0), "num_v = 2.0: expected an integer"),
        ((4, 4, -0.5), "spacing_wavelengths = -0.5 wavelengths: expected a number above 0"),
    ],
)
def test_an_array_that_makes_no_sense_is_refused(untyped, args, words):
    with pytest.raises(LeopntError, match=words):
        UniformPlanarArray(*args)
