"""Estimated orbit errors taken off the observations, against the formula written out."""

from dataclasses import replace

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.methods.calibration import (
    SEED_SETTINGS,
    CalibrationSettings,
    OncePerRevolution,
    PhasePattern,
    WithPattern,
    layout_of,
    reduce_station_day,
    solve_calibration,
    stacked,
    without_orbit_errors,
)


@pytest.fixture(scope="module")
def solved():
    """Two stations and two days, and a calibration whose orbit terms are numbers of ours."""
    days, _, _ = cases.small_days()
    layout = layout_of(CalibrationSettings(), 5, 2)
    normals = stacked(reduce_station_day(day, layout, CalibrationSettings()) for day in days)
    found = solve_calibration(normals)
    terms = np.random.default_rng(1).normal(size=(5, 8))
    estimate = found.estimate.copy()
    estimate[layout.columns[:, 3:]] = terms
    return days[0], replace(found, estimate=estimate), terms


def test_radial_along_track_and_normal_errors_go_and_the_clock_stays(solved, evidence):
    day, found, terms = solved
    left = without_orbit_errors(day, found, CalibrationSettings())
    k, (x, y, z) = day.leo.satellite, day.geometry.partials.T
    cos, sin = np.cos(day.geometry.orbit_angle_rad), np.sin(day.geometry.orbit_angle_rad)
    radial, along, normal = (
        terms[k, i] * cos + terms[k, i + 1] * sin
        for i in (0, 2, 4)  # terms 6 and 7 are the clock's
    )
    expected = -z * radial + x * along - y * normal
    miss = [day.leo.code_m - left.leo.code_m, day.leo.phase_m - left.leo.phase_m]
    evidence(
        "methods.calibration.orbit_errors",
        "what is taken off code and phase",
        "-h_Z R + h_X T - h_Y N of the estimated terms",
        "closed form",
        achieved=np.max(np.abs(np.array(miss) - expected)),
        tolerance=1e-8,  # phases are 1e7 m
        unit="m",
    )
    np.testing.assert_array_equal(left.reference.code_m, day.reference.code_m)


def test_without_orbit_terms_the_day_comes_back(solved):
    day, found, _ = solved
    assert without_orbit_errors(day, found, SEED_SETTINGS) is day


@pytest.mark.filterwarnings("ignore::leopnt.errors.LeopntWarning")
def test_a_pattern_is_taken_off_as_well(solved):
    day, _, _ = solved
    pattern = PhasePattern(tuple(np.radians([0.0, 20.0, 40.0, 65.0]).tolist()), 0, 0.1)
    settings = replace(CalibrationSettings(), orbit=WithPattern(OncePerRevolution(), pattern))
    layout = layout_of(settings, 5, 2)
    found = solve_calibration(reduce_station_day(day, layout, settings))
    estimate = np.nan_to_num(found.estimate)
    estimate[layout.columns[:, 3:11]] = 0.0
    estimate[layout.columns[:, 11:]] = [0.3, -0.2]
    left = without_orbit_errors(day, replace(found, estimate=estimate), settings)
    nadir = np.arccos(-day.geometry.partials[:, 2])
    expected = np.interp(nadir, pattern.nodes_rad, pattern.node_matrix() @ [0.3, -0.2])
    np.testing.assert_allclose(day.leo.code_m - left.leo.code_m, expected, rtol=0, atol=1e-8)
