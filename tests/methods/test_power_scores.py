"""Scores of made-up errors, by hand."""

import numpy as np

from leopnt.methods.power import (
    ANGLE_LIMITS,
    LENGTH_LIMITS,
    angle_error,
    availability_per_run,
    availability_per_user,
    score_per_run,
    score_per_user,
)

# Two users, three runs [km]: one outlier, one run without a solution.
ERROR_M = np.array([[10.0, -20.0, 400.0], [30.0, np.nan, -30.0]]) * 1e3


def test_scores_per_run_replace_each_outlier(evidence):
    found = score_per_run(ERROR_M, LENGTH_LIMITS)
    by_hand = (10 + 20 + 100 + 30 + 100 + 30) / 6
    spread = (np.std([10, -20, 400], ddof=1) + np.std([30, -30], ddof=1)) / 2
    evidence(
        "methods.power.scores",
        "bias and spread by definition A, relative",
        "by hand",
        "closed form",
        achieved=max(abs(found.bias / 1e3 / by_hand - 1), abs(found.std / 1e3 / spread - 1)),
        tolerance=1e-12,
    )


def test_scores_per_user_average_first_and_cap_single_runs(evidence):
    found = score_per_user(ERROR_M, LENGTH_LIMITS)
    # Averages of (10, -20, 200) and (30, 200, -30): the second is beyond 50 km and becomes 100.
    by_hand = (190 / 3 > 50) * 100 / 2 + (200 / 3 > 50) * 100 / 2
    spread = (np.std([10, -20, 200], ddof=1) + np.std([30, 200, -30], ddof=1)) / 2
    evidence(
        "methods.power.scores",
        "bias and spread by definition B, relative",
        "by hand",
        "closed form",
        achieved=max(abs(found.bias / 1e3 / by_hand - 1), abs(found.std / 1e3 / spread - 1)),
        tolerance=1e-12,
    )
    small = score_per_user(np.array([[10e3, -20e3, 40e3]]), LENGTH_LIMITS)
    np.testing.assert_allclose(small.bias, 10e3)


def test_angles_have_limits_of_half_a_degree():
    found = score_per_run(np.radians([[0.2, 0.6]]), ANGLE_LIMITS)
    np.testing.assert_allclose(np.degrees(found.bias), (0.2 + 1.0) / 2)


def test_availability_counts_runs_or_averaged_users():
    none = np.zeros((2, 3))
    np.testing.assert_allclose(availability_per_run(ERROR_M, none), 4 / 6)
    np.testing.assert_allclose(availability_per_user(ERROR_M, none), 0.0)
    np.testing.assert_allclose(availability_per_user(ERROR_M / 4, none), 0.5)


def test_azimuths_differ_by_less_than_half_a_turn():
    found = angle_error(np.radians([179.0, -179.0, 10.0]), np.radians([-179.0, 179.0, 370.0]))
    np.testing.assert_allclose(np.degrees(found), [-2.0, 2.0, 0.0], atol=1e-12)
