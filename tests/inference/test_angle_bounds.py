"""Direction bounds against the Fisher information of the model."""

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.inference.angle_bounds import (
    line_angle_variance,
    plane_cosine_variance,
    random_source_factor,
)
from leopnt.inference.uniform_arrays import LineArray, PlaneArray


def deterministic_bound(steering, derivatives, snr, num_snapshots):
    """Inverse of 2 n snr Re(D^H (I - a a^H / M) D): unknown amplitudes projected out."""
    rest = np.eye(len(steering)) - np.outer(steering, steering.conj()) / len(steering)
    fisher = 2.0 * num_snapshots * snr * (derivatives.conj().T @ rest @ derivatives).real
    return np.linalg.inv(fisher)


def test_angle_variance_is_the_deterministic_bound(evidence):
    array, theta, snr, num = LineArray(7, 0.45), 0.6, 2.5, 30
    steering = array.steering(np.sin(theta))
    slope = 2.0 * np.pi * 0.45 * np.cos(theta) * np.arange(7)
    expected = deterministic_bound(steering, (1j * slope * steering)[:, None], snr, num)[0, 0]
    evidence(
        "inference.angle_bounds",
        "variance of the angle of a linear array, relative",
        "inverse Fisher information of the plane wave",
        "closed form",
        achieved=abs(line_angle_variance(array, theta, snr, num) / expected - 1.0),
        tolerance=1e-12,
    )


def test_cosine_variances_are_the_deterministic_bound_of_both():
    array, snr, num = PlaneArray(5, 3, 0.5), 1.5, 12
    steering = array.steering(0.2, -0.6)
    x, y = np.tile(np.arange(5), 3), np.repeat(np.arange(3), 5)
    derivatives = 1j * np.pi * np.stack([x * steering, y * steering], axis=1)
    expected = deterministic_bound(steering, derivatives, snr, num)
    np.testing.assert_allclose(
        np.diag(plane_cosine_variance(array, snr, num)), expected, atol=1e-15
    )


def test_a_random_source_costs_its_factor():
    # Stochastic bound of one source: 1 / (2 n p^2 a^H R^-1 a  d^H (I - a a^H / M) d), unit noise.
    array, snr, num = LineArray(6), 0.2, 40
    a = array.steering(0.3)
    d = 1j * np.pi * np.arange(6) * a
    inverse = np.linalg.inv(snr * np.outer(a, a.conj()) + np.eye(6))
    power = snr**2 * (a.conj() @ inverse @ a).real
    rest = (d.conj() @ (np.eye(6) - np.outer(a, a.conj()) / 6) @ d).real
    at_broadside = line_angle_variance(array, 0.0, snr, num)  # there theta and its sine agree
    np.testing.assert_allclose(
        at_broadside * random_source_factor(6, snr), 1.0 / (2.0 * num * power * rest), rtol=1e-12
    )


def test_the_angle_is_lost_at_endfire():
    assert line_angle_variance(LineArray(4), np.pi / 2.0, 1.0, 1) > 1e30


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: line_angle_variance(LineArray(4), 0.0, 0.0, 1), "snr: got 0; accepted: linear"),
        (lambda: line_angle_variance(LineArray(4), 0.0, 1.0, 0), "num_snapshots: got 0"),
        (lambda: line_angle_variance(LineArray(1), 0.0, 1.0, 1), "array: got 1 element"),
        (lambda: random_source_factor(4, -1.0), "snr: got -1"),
    ],
)
def test_bounds_without_information_are_refused(call, message):
    with pytest.raises(LeopntError, match=message):
        call()
