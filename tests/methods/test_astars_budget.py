"""The error budget against an independent implementation's numbers and drawn errors."""

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.astars import (
    beam_aod_sigma_rad,
    beam_radius_m,
    beam_width_rad,
    disc_beam_error_m,
    phase_error_m,
    quantized_angle_sigma_m,
    quantized_phase_sigma_m,
    seed_beam_error_m,
    seed_gamma_s,
    seed_total_error_m,
    sync_error_m,
    sync_gamma_s,
)

WAVELENGTHS_M = 299792458.0 / np.array([1575.42e6, 1227.60e6, 1176.45e6])


@pytest.mark.parametrize(
    ("count", "expected_m"), [(40, (1.064, 1.366, 1.426)), (200, (0.213, 0.273, 0.285))]
)
def test_beam_errors_are_those_of_the_table(count, expected_m, evidence):
    found = seed_beam_error_m(beam_radius_m(55.9017, WAVELENGTHS_M, count, 0.125))
    evidence(
        "methods.astars.budget",
        f"mean beam error at L1, L2, L5, {count} elements per row",
        "table of an independent implementation, three decimals",
        "implementation",
        achieved=np.max(np.abs(found - np.array(expected_m))),
        tolerance=6e-4,
        unit="m",
    )


def test_sync_errors_are_those_of_the_table(evidence):
    found = sync_error_m(seed_gamma_s(1e-8, 1e-4, np.array([50.0, 500.0])))
    evidence(
        "methods.astars.budget",
        "error of 10 ns at 50 and 500 synchronizations a second, published form",
        "table of an independent implementation, three decimals",
        "implementation",
        achieved=np.max(np.abs(found - np.array([3.058, 3.004]))),
        tolerance=6e-4,
        unit="m",
    )
    np.testing.assert_allclose(sync_error_m(sync_gamma_s(0.0, 1e-4, 50.0)), 4239.7, atol=0.1)


def test_direction_sigma_is_that_of_a_uniform_radius(evidence):
    rng = np.random.default_rng(6)
    radius = beam_radius_m(55.9, WAVELENGTHS_M[0], 40, 0.125)
    place = radius * rng.random(200000)
    angle = rng.uniform(0, 2 * np.pi, place.size)
    sigma = beam_aod_sigma_rad(WAVELENGTHS_M[0], 40, 0.125)
    evidence(
        "methods.astars.budget",
        "direction error of the beam per axis, relative",
        "200 000 drawn places",
        "monte carlo",
        achieved=abs(np.std(place * np.cos(angle)) / (55.9 * sigma) - 1),
        tolerance=0.01,
    )
    np.testing.assert_allclose(sigma, 0.0155, atol=5e-5)
    disc = np.mean(radius * np.sqrt(rng.random(200000)))
    np.testing.assert_allclose(disc_beam_error_m(radius), disc, rtol=0.005)
    width = beam_width_rad(WAVELENGTHS_M[0], 40, 0.125)
    np.testing.assert_allclose(radius, 55.9 * np.tan(width / 2), rtol=1e-12)


def test_rounding_errors_are_those_of_rounded_numbers():
    rng = np.random.default_rng(9)
    step = np.radians(5.0)
    phase = rng.uniform(-3.0, 3.0, 200000)
    off = np.round(phase / step) * step - phase
    np.testing.assert_allclose(quantized_angle_sigma_m(56.0, step), 56 * np.std(off), rtol=0.01)
    found = quantized_phase_sigma_m(0.19, step)
    np.testing.assert_allclose(found, np.std(phase_error_m(off, 0.19)), rtol=0.01)


def test_the_published_sum_counts_dop_twice():
    assert float(seed_total_error_m(0.1, 1.0, 3.0, 0.5, 4.0)) == pytest.approx(6.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: beam_radius_m(0.0, 0.19, 40, 0.125), "elos_m = 0: expected numbers above 0"),
        (lambda: beam_width_rad(0.19, 40, -1.0), "spacing_m = -1: expected numbers above 0"),
        (lambda: sync_gamma_s(1e-8, 1e-8, 0.0), "updates_per_s = 0"),
        (lambda: seed_total_error_m(-0.1, 1, 3, 0.5, 4), "phase_m = -0.1: expected numbers of 0"),
    ],
)
def test_bad_input_is_refused(call, message, untyped):
    with pytest.raises(LeopntError, match=message):
        call()
