"""Statistics of bounds against NumPy; what is not told counts as infinitely large."""

import numpy as np
import pytest

from leopnt.inference.status import Status
from leopnt.studies.bound_statistics import BoundStatistics, quantiles
from leopnt.studies.method import Quantity

UNOBSERVABLE = int(np.asarray(Status.unobservable._value))
QUANTITIES = {
    "position_bound": Quantity((), "m", "position bound"),
    "velocity_bound": Quantity((), "m/s", "velocity bound"),
}
LEVELS = np.array([0.0, 0.05, 0.5, 0.77, 1.0])


def drawn(count, share_told, seed=5):
    rng = np.random.default_rng(seed)
    told = rng.random(count) < share_told
    position = np.where(told, rng.lognormal(3.0, 1.0, count), np.nan)
    return {
        "status": np.where(told, 0, UNOBSERVABLE).astype(np.int8),
        "position_bound": position,
        "velocity_bound": rng.lognormal(0.0, 1.0, count),
        "practical": (told & (position < 30.0)).astype(np.int8),
    }


def statistics_of(trials, num_cases=1, pieces=1):
    count = len(trials["status"])
    found = BoundStatistics(QUANTITIES, num_cases, count // num_cases)
    for part in np.array_split(np.arange(count), pieces):
        found.add(part, {name: values[part] for name, values in trials.items()})
    return {name: column.values for name, column in found.columns().items()}


def test_quantiles_of_finite_values_are_those_of_numpy(evidence):
    values = np.random.default_rng(1).lognormal(0.0, 2.0, 237)
    evidence(
        "studies.bound_statistics",
        "quantiles of 237 values, relative",
        "numpy 2",
        "implementation",
        achieved=np.max(np.abs(quantiles(values, LEVELS) / np.quantile(values, LEVELS) - 1.0)),
        tolerance=1e-14,
    )


def test_what_is_not_told_is_larger_than_anything():
    values = np.array([3.0, np.nan, 1.0, 2.0, np.inf])
    np.testing.assert_array_equal(quantiles(values, np.array([0.0, 0.25, 0.5])), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(quantiles(values, np.array([0.6, 1.0])), [np.nan, np.nan])
    np.testing.assert_array_equal(quantiles(np.zeros(0), LEVELS), np.full(5, np.nan))
    np.testing.assert_array_equal(quantiles(np.array([4.0]), LEVELS), np.full(5, 4.0))


@pytest.mark.parametrize("share_told", [1.0, 0.8, 0.3, 0.0])
def test_columns_tell_medians_and_shares(share_told):
    trials = drawn(1000, share_told)
    found = statistics_of(trials, pieces=7)
    told = np.isfinite(trials["position_bound"])
    assert found["solved"] == found["trials"] - found["not_solved"] == told.sum()
    assert found["missing"] == found["not_finite"] == 0
    assert found["count"][UNOBSERVABLE] == found["not_solved"]
    assert found["identifiable"] == found["position_bound_told"] == told.mean()
    assert found["practical"] == trials["practical"].mean()
    assert found["velocity_bound_told"] == 1.0
    filled = np.where(told, trials["position_bound"], 1e300)
    for name, level in (("median", 0.5), ("q05", 0.05), ("q25", 0.25), ("q75", 0.75)):
        expected = np.quantile(filled, level)
        expected = np.nan if expected > 1e200 else expected
        np.testing.assert_allclose(found[f"position_bound_{name}"], expected, rtol=1e-14)
    assert found["position_bound_quantile"].shape == (99,)
    np.testing.assert_array_equal(
        found["position_bound_quantile"][49], found["position_bound_median"]
    )


def test_the_pieces_of_a_run_make_no_difference():
    trials = drawn(600, 0.7)
    one, many = statistics_of(trials, 3), statistics_of(trials, 3, pieces=11)
    for name, values in one.items():
        np.testing.assert_array_equal(values, many[name])


def test_every_case_has_its_median():
    trials = drawn(900, 0.9)
    found = statistics_of(trials, num_cases=3)
    expected = [
        quantiles(part, np.array([0.5]))[0] for part in np.split(trials["position_bound"], 3)
    ]
    np.testing.assert_array_equal(found["case_position_bound"], expected)
    assert "case_position_bound" not in statistics_of(trials)


def test_a_trial_that_claims_to_be_solved_without_a_number_is_not_finite():
    trials = drawn(10, 1.0)
    trials["velocity_bound"][[2, 5]] = np.inf
    found = statistics_of(trials)
    assert (found["solved"], found["not_finite"], found["not_solved"]) == (8, 2, 2)


def test_without_trials_all_are_missing():
    empty = BoundStatistics(QUANTITIES, 2, 50).columns()
    assert empty["missing"].values == 100
    assert np.isnan(empty["position_bound_median"].values)
    assert np.isnan(empty["practical"].values)
    assert empty["case_position_bound"].values.shape == (2,)
    full = BoundStatistics(QUANTITIES, 2, 50)
    full.add(np.arange(100), drawn(100, 0.5))
    assert full.columns().keys() == empty.keys()
