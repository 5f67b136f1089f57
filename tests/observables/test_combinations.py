"""Differences: what cancels, and covariances against closed forms and drawn noise."""

import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.observables import (
    carrier_phase_relayed,
    difference_matrix,
    double_difference,
    double_difference_covariance,
    single_difference,
    single_difference_covariance,
)

RNG = np.random.default_rng(7)
WAVELENGTH_M = 0.19


def test_clocks_cancel_in_double_differences():
    base, rover = RNG.normal(size=(2, 6))
    sat_clocks, base_clock, rover_clock = RNG.normal(size=6), 11.0, -5.0
    plain = double_difference(jnp.asarray(base), jnp.asarray(rover), 2)
    shifted = double_difference(
        jnp.asarray(base + sat_clocks + base_clock),
        jnp.asarray(rover + sat_clocks + rover_clock),
        2,
    )
    np.testing.assert_allclose(shifted, plain, atol=1e-13)
    d = rover - base
    np.testing.assert_allclose(plain, np.delete(d - d[2], 2), atol=1e-15)


def test_covariance_of_equal_sigmas_has_fours_and_twos(evidence):
    found = double_difference_covariance(jnp.full(5, 0.003))
    expected = 0.003**2 * (2.0 * np.ones((4, 4)) + 2.0 * np.eye(4))
    evidence(
        "observables.combinations",
        "covariance of double differences, equal sigmas, relative",
        "2 sigma^2 D D^T written out",
        "closed form",
        achieved=np.max(np.abs(found / expected - 1)),
        tolerance=1e-14,
    )


def test_covariance_is_that_of_drawn_noise(evidence):
    sigma, trials = np.array([0.5, 1.0, 1.5, 2.0]), 20000
    noise = RNG.normal(size=(2, trials, 4)) * sigma
    matrix = np.asarray(difference_matrix(4, 1))
    drawn = np.cov((noise[1] - noise[0]) @ matrix.T, rowvar=False)
    found = np.asarray(double_difference_covariance(jnp.asarray(sigma), 1))
    scale = np.sqrt(np.outer(np.diag(found), np.diag(found)))
    evidence(
        "observables.combinations",
        "covariance of double differences, unequal sigmas, relative",
        "20 000 draws",
        "monte carlo",
        achieved=np.max(np.abs(drawn - found) / scale),
        tolerance=4.0 * np.sqrt(2.0 / trials),
    )
    single = np.asarray(single_difference_covariance(jnp.asarray(sigma)))
    np.testing.assert_allclose(single, np.diag(2.0 * sigma**2))


def test_moving_the_receiver_leaves_double_differences_through_one_surface_alone(evidence):
    surface = jnp.array([-2604348.533, 4743312.217, 3364998.513])
    base = surface + jnp.array([40.0, -20.0, 15.0])
    sats = [
        jnp.asarray(x)
        for x in (np.asarray(surface) / 6.37e6 + RNG.normal(size=(5, 3)) * 0.3) * 2.6e7
    ]

    def phases(receiver):
        each = [carrier_phase_relayed(s, surface, receiver, WAVELENGTH_M) for s in sats]
        return jnp.stack(each)

    moved = base + jnp.array([8.0, -7.0, 7.5])
    change = double_difference(phases(base), phases(moved))
    evidence(
        "observables.combinations",
        "double differences between two receivers 13 m apart, one surface",
        "zero: they tell nothing about the receiver",
        "invariance",
        achieved=np.max(np.abs(change)) * WAVELENGTH_M,
        tolerance=2e-8,
        unit="m",
    )
    assert abs(float(single_difference(phases(base), phases(moved))[0])) > 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: difference_matrix(1), "num_sats = 1: expected 2"),
        (lambda: difference_matrix(4, 4), "reference = 4: expected 0 to 3"),
        (lambda: single_difference(jnp.zeros(3), jnp.zeros(4)), r"shapes \(3,\) and \(4,\)"),
        (lambda: double_difference_covariance(jnp.zeros((2, 2))), r"sigma has shape \(2, 2\)"),
        (lambda: double_difference_covariance(jnp.array([1.0, 0.0])), "expected numbers above 0"),
    ],
)
def test_what_cannot_be_differenced_is_refused(call, message, untyped):
    with pytest.raises(LeopntError, match=message):
        call()
