"""The error budget against an independent implementation's numbers and drawn errors."""

import astars_worked_case as case
import numpy as np
import pytest
from astars_skies import AOD, design, relayed_m, sky

from leopnt.errors import LeopntError
from leopnt.methods.astars import (
    beam_aod_sigma_rad,
    beam_radius_m,
    beam_width_rad,
    disc_beam_error_m,
    error_budget,
    phase_error_m,
    polar_chain,
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


TRIALS, ELOS_M = 20000, float(np.linalg.norm(case.OUTDOOR_ECEF_M - case.SURFACE_ECEF_M))
SATELLITES = sky(np.random.default_rng(31), 1, 8)[0]
ROWS = design(SATELLITES)
COFACTOR = np.linalg.inv(ROWS.T @ ROWS)
SOURCES = {
    "sigma_range_m": 0.02,
    "sigma_phase_rad": 0.6,
    "phase_step_rad": np.pi / 2,
    "sigma_sync_s": 2e-10,
    "sigma_aod_rad": 8e-4,
    "angle_step_rad": np.radians(0.2),
}
"""Of a few centimeters each."""


def rounding(rng, step, shape):
    """What rounding changes in numbers from anywhere."""
    told = rng.uniform(-100.0, 100.0, shape)
    return np.round(told / step) * step - told


def test_one_covariance_of_all_sources_is_that_of_drawn_errors(evidence):
    rng, shape = np.random.default_rng(15), (TRIALS, 8)
    phases = SOURCES["sigma_phase_rad"] * rng.normal(size=shape)
    phases += rounding(rng, SOURCES["phase_step_rad"], shape)
    ranges = relayed_m(SATELLITES) + SOURCES["sigma_range_m"] * rng.normal(size=shape)
    ranges += phases * WAVELENGTHS_M[0] / (2.0 * np.pi)
    across = SOURCES["sigma_aod_rad"] * rng.normal(size=(TRIALS, 2))
    across += rounding(rng, SOURCES["angle_step_rad"], (TRIALS, 2))
    directions = AOD + across @ np.linalg.svd(AOD[None])[2][1:]
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    sync_s = SOURCES["sigma_sync_s"] * rng.normal(size=TRIALS)
    found = polar_chain(SATELLITES, ranges, sync_s, directions)
    drawn = np.cov(found.rx_pos_ecef_m, rowvar=False)
    total = error_budget(COFACTOR, AOD, ELOS_M, WAVELENGTHS_M[0], **SOURCES).total_m2
    scale = np.sqrt(np.outer(np.diag(total), np.diag(total)))
    evidence(
        "methods.astars.budget",
        "covariance of the receiver from six sources of error, relative",
        f"{TRIALS} runs of the chain, phases and angles rounded",
        "monte carlo",
        achieved=np.max(np.abs(drawn - total) / scale),
        tolerance=0.05,
    )


def test_parts_add_up_and_each_is_that_of_its_source_alone(evidence):
    found = error_budget(COFACTOR, AOD, ELOS_M, WAVELENGTHS_M[0], **SOURCES)
    reach = np.column_stack([np.eye(3), -AOD])
    dilution = np.linalg.norm(reach @ np.linalg.pinv(ROWS))
    step_m = quantized_phase_sigma_m(WAVELENGTHS_M[0], SOURCES["phase_step_rad"])
    expected = {
        "range": SOURCES["sigma_range_m"] * dilution,
        "phase": phase_error_m(SOURCES["sigma_phase_rad"], WAVELENGTHS_M[0]) * dilution,
        "phase_rounding": step_m * dilution,
        "sync": sync_error_m(SOURCES["sigma_sync_s"]),
        "aod": np.sqrt(2.0) * ELOS_M * SOURCES["sigma_aod_rad"],
        "angle_rounding": np.sqrt(2.0) * quantized_angle_sigma_m(ELOS_M, SOURCES["angle_step_rad"]),
    }
    expected["total"] = np.sqrt(sum(value**2 for value in expected.values()))
    off = {name: abs(found.sigma_m[name] / value - 1.0) for name, value in expected.items()}
    assert found.sigma_m.keys() == expected.keys()
    evidence(
        "methods.astars.budget",
        "size of the error, total and by source, relative",
        "budget of each source by numpy.linalg.pinv, added as squares",
        "closed form",
        achieved=max(off.values()),
        tolerance=1e-10,
    )
    np.testing.assert_allclose(found.dilution, dilution, rtol=1e-10)
    alone = error_budget(COFACTOR, AOD, ELOS_M, 0.19, sigma_sync_s=2e-10)
    np.testing.assert_allclose(alone.total_m2, found.sync_m2, rtol=1e-12)


def test_a_budget_of_many_sigmas_is_a_batch():
    found = error_budget(COFACTOR, AOD, ELOS_M, 0.19, sigma_sync_s=np.array([0.0, 1e-9, 2e-9]))
    assert all(one.shape == (3, 3, 3) for one in found[:-1])
    assert found.dilution.shape == (3,)
    np.testing.assert_allclose(found.sigma_m["total"], 0.299792458 * np.arange(3.0), atol=1e-12)


def test_the_published_sum_counts_dop_twice():
    assert float(seed_total_error_m(0.1, 1.0, 3.0, 0.5, 4.0)) == pytest.approx(6.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: beam_radius_m(0.0, 0.19, 40, 0.125), "elos_m = 0: expected numbers above 0"),
        (lambda: beam_width_rad(0.19, 40, -1.0), "spacing_m = -1: expected numbers above 0"),
        (lambda: sync_gamma_s(1e-8, 1e-8, 0.0), "updates_per_s = 0"),
        (
            lambda: error_budget(COFACTOR, AOD, ELOS_M, 0.19, angle_step_rad=-0.1),
            "angle_step_rad = -0.1: expected numbers of 0 or more",
        ),
        (
            lambda: error_budget(COFACTOR, AOD, ELOS_M, [0.19, 0.25]),
            r"wavelength_m has shape \(2,\); accepted: one number",
        ),
        (
            lambda: error_budget(
                COFACTOR, AOD, ELOS_M, 0.19, sigma_sync_s=np.zeros(2), sigma_aod_rad=np.zeros(3)
            ),
            r"sigma_sync_s \(2,\)",
        ),
        (lambda: seed_total_error_m(-0.1, 1, 3, 0.5, 4), "phase_m = -0.1: expected numbers of 0"),
    ],
)
def test_bad_input_is_refused(call, message, untyped):
    with pytest.raises(LeopntError, match=message):
        call()
