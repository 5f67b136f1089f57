"""Statistics of power positioning: made-up errors by hand, and fixes at their bound."""

import numpy as np
import pytest
from study_texts import load_text

from leopnt.inference.batch import batch_map
from leopnt.methods.power import power_bound
from leopnt.studies.power_statistics import Bounds, PowerStatistics

NAMES = ["gamma_error", "beta_error", "height_error", "distance_error", "range_error",
         "position_error", "start_gamma_error", "start_beta_error"]  # fmt: skip
NAN = np.nan


def made_up(status=(0, 0, 0, 0), runs=2, **errors):
    """Statistics of two users, at 20 and 60 degrees, two runs of each."""
    bounds = Bounds(np.array([3e3, 4e3]), np.array([1e-5, 2e-5]))
    found = PowerStatistics(np.array([20.0, 60.0]), bounds, NAMES, runs)
    trials = {name: np.zeros(len(status)) for name in NAMES}
    trials |= {name: np.asarray(values, float) for name, values in errors.items()}
    found.add(np.arange(len(status)), {"status": np.asarray(status, np.int8), **trials})
    return {name: one.values for name, one in found.columns().items() if one.dims == ()}


def test_biases_and_availability_are_those_by_hand(evidence):
    found = made_up(
        height_error=[30e3, -20e3, 60e3, 70e3],
        distance_error=[1e3, 1e3, 1e3, 1e3],
        gamma_error=np.radians([0.2, 0.4, -0.1, 0.3]),
    )
    expected = {
        "height_bias_10_30": 5.0,  # of the mean of 30 and -20
        "height_bias_30_90": 100.0,  # the mean, 65, is beyond 50
        "height_bias": 52.5,
        "height_run_bias": (30 + 20 + 100 + 100) / 4,
        "height_std_10_30": np.std([30, -20], ddof=1),
        "distance_bias": 1.0,
        "gamma_bias": (0.3 + 0.1) / 2,
        "available_runs": 50.0,
        "available_runs_20_30": 100.0,
        "available_users_60_70": 0.0,
        "lost_runs_30_90": 100.0,
        "gamma_converged": 100.0,
    }
    evidence(
        "studies.power_statistics",
        "biases, spreads and availability of four made-up runs, relative",
        "by hand",
        "closed form",
        achieved=max(abs(found[k] - v) / max(v, 1.0) for k, v in expected.items()),
        tolerance=1e-12,
    )
    assert "height_bias_10_20" not in found
    assert "available_runs_40_50" not in found


def test_a_run_that_is_solved_but_far_off_is_lost_and_the_name_says_so():
    bounds = Bounds(np.array([3e3, 4e3]), np.array([1e-5, 2e-5]))
    found = PowerStatistics(np.array([20.0, 60.0]), bounds, NAMES, 2)
    trials = {name: np.zeros(4) for name in NAMES} | {
        "height_error": np.array([49e3, -51e3, 60e3, np.nan])
    }
    found.add(np.arange(4), {"status": np.zeros(4, np.int8), **trials})
    columns = found.columns()
    assert (columns["solved"].values, columns["lost_runs"].values) == (4, 75.0)
    assert columns["lost_runs"].long_name == "lost runs (50 km off or more)"


def test_lengths_times_and_starts_are_those_by_hand():
    found = made_up(
        position_error=[3e3, 4e3, 30e3, 40e3],
        range_error=[299.792458, -299.792458, 0.0, 599.584916],
        height_error=[0.0, 0.0, 60e3, 0.0],
        start_gamma_error=np.radians([1.0, -3.0, 1.0, 1.0]),
        start_beta_error=np.radians([0.5, 0.5, 2.5, -0.5]),
    )
    expected = {
        "position_median": 17.0,
        "position_rms_10_30": np.sqrt(12.5),
        "position_bound_10_30": 3.0,
        "rms_over_bound_10_30": np.sqrt(12.5) / 3,
        "largest_over_bound": 10.0,
        "within_10_km": 50.0,
        "timing_mean": (1.0 + 1.0 + 2.0) / 3,  # one run is not available
        "timing_mean_all": 1.0,
        "timing_rms": np.sqrt(6.0 / 4.0),
        "timing_bound_30_90": 20.0,
        "start_gamma": 1.5,
        "start_beta": 1.0,
        "start_within_2_deg": 50.0,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12), name


def test_a_run_without_a_solution_is_counted_not_dropped():
    lost = {name: [1e3, 1e3, NAN, 1e3] for name in ("height_error", "distance_error")}
    found = made_up((0, 0, 2, 0), **lost, position_error=[1e3, 2e3, NAN, 3e3],
                    gamma_error=[0.0, 0.0, NAN, 0.0])  # fmt: skip
    assert [found[x] for x in ("trials", "solved", "not_solved", "missing")] == [4, 3, 1, 0]
    assert found["available_runs"] == 75.0
    assert found["height_run_bias"] == pytest.approx((1 + 1 + 100 + 1) / 4)
    assert found["height_bias_30_90"] == 100.0  # the mean of 200 and 1 is beyond 50
    assert found["position_median"] == pytest.approx(2.5)  # of 1, 2, 3 and infinity
    assert np.isnan(found["position_p95"])
    assert found["gamma_converged"] == 50.0  # the mean of 2 and 0 degrees is not below 0.5


def test_a_single_run_has_biases_and_no_spread():
    found = made_up((0, 2), runs=1, height_error=[10e3, NAN])
    assert found["height_bias"] == pytest.approx((10 + 100) / 2)
    assert found["height_run_bias"] == pytest.approx((10 + 100) / 2)
    assert np.isnan(found["height_std"])
    assert np.isnan(found["height_capped_std"])


def test_users_that_miss_trials_are_left_out_and_nothing_is_nan():
    found = made_up((0, 0, 0), height_error=[1e3, 1e3, 9e3])
    assert found["missing"] == 1
    assert found["height_bias"] == pytest.approx(1.0)
    assert np.isnan(found["height_bias_30_90"])
    bounds = Bounds(np.ones(1), np.ones(1))
    empty = PowerStatistics(np.array([20.0]), bounds, NAMES, 3).columns()
    assert empty["missing"].values == 3
    assert np.isnan(empty["available_runs"].values)


ML = """
[study]
method = "power"
trials = 25
seed = 5
[grid]
elevation_deg = [35.0, 80.0, 5.0]
azimuth_deg = [70.0, 70.0, 1.0]
"""


def test_maximum_likelihood_with_drawn_heights_errs_as_the_bound_says(tmp_path, evidence):
    study = load_text(tmp_path, ML + "[height]\ndrawn_sigma_m = 1000.0\n")
    point = study.method.prepare(study.settings, tmp_path)
    trials = batch_map(point.kernel, np.arange(250), shared=point.shared, tile=250, threads=1)
    statistics = study.method.statistics(point, 25)
    statistics.add(np.arange(250), trials)
    found = {name: float(one.values) for name, one in statistics.columns().items() if not one.dims}
    evidence(
        "studies.power_study",
        "ML position RMS over bound minus 1, random heights, 250 runs",
        "Cramer-Rao bound with prior",
        "monte carlo",
        achieved=abs(found["rms_over_bound"] - 1.0),
        tolerance=0.15,  # three sigma of 250 runs
    )
    assert np.all(trials["status"] == 0)
    alpha = np.radians(35.0)
    gamma = np.arcsin(6371.0 / 7571.0 * np.cos(alpha))
    range_m = np.sqrt(7571e3**2 - (6371e3 * np.cos(alpha)) ** 2) - 6371e3 * np.sin(alpha)
    scene, prior = point.shared.scene, point.shared.estimator.prior
    expected = power_bound(scene, gamma, np.radians(70.0), range_m, prior).position_m
    np.testing.assert_allclose(statistics.bounds.position_m[0], expected, rtol=1e-9)
