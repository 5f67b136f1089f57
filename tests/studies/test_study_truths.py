"""What statistics say must come out: estimators at their bounds, wrong models above them."""

import numpy as np
import pytest
from study_sizes import study_size
from study_texts import DOPPLER, PVT, load_text

from leopnt.scenes import build_scene
from leopnt.studies import Threads, run_study

CITIES = '["Hong Kong", "London", "Nairobi", "Sydney"]'

PSEUDORANGES = (
    PVT.replace('["Paris", "Quito"]', CITIES)
    .replace("gps", "starlink-shell-1")
    .replace("mask_deg = 10.0", "mask_deg = 25.0")
    .replace("trials = 20", f"trials = {study_size(4000, 40_000)}")
)
MATCHED, DOUBLED, DELAYED, UNWEIGHTED = range(4)
POINTS = """
[errors]
elevation_exponent = 1.0
[sweep]
kind = "list"
[sweep.values]
"errors.code_sigma_m" = [1.0, 2.0, 1.0, 1.0]
"errors.zenith_delay_m" = [0.0, 0.0, 3.0, 0.0]
"method.weights" = ["modelled", "modelled", "modelled", "equal"]
"""

RATES = DOPPLER.replace(
    'cities = ["Paris", "Quito"]',
    "random = { count = 20, latitude_deg = [-80.0, 80.0], seed = 5 }",
).replace("trials = 20", f"trials = {study_size(60, 600)}")
RATE_POINTS = """
[sweep]
kind = "list"
[sweep.values]
"errors.range_rate_sigma_mps" = [0.1, 0.2, 0.1]
"errors.frequency_drift_hzps" = [0.0, 0.0, 0.2]
"""


@pytest.fixture(scope="module")
def pseudoranges(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pvt")
    return run_study(load_text(folder, PSEUDORANGES + POINTS), folder / "out", workers=Threads(2))


@pytest.fixture(scope="module")
def rates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doppler")
    return run_study(load_text(folder, RATES + RATE_POINTS), folder / "out", workers=Threads(2))


def prepared(folder, text):
    study = load_text(folder, text)
    return study.method.prepare(study.settings, folder), study


# Monte Carlo


@pytest.mark.study
def test_pseudorange_fixes_reach_their_bound_and_state_their_errors(pseudoranges, evidence):
    assert np.all(pseudoranges["not_solved"] == 0)
    for point in (MATCHED, DOUBLED):
        found = pseudoranges.isel(point=point)
        evidence(
            "studies.pvt_study",
            "RMS error over the Cramer-Rao bound",
            "1, linear Gaussian",
            "monte carlo",
            achieved=abs(float(found["rmse_over_bound"]) - 1.0),
            tolerance=0.02,
        )
        evidence(
            "studies.pvt_study",
            "mean squared error over stated covariance",
            "3, mean of chi-square",
            "monte carlo",
            achieved=abs(float(found["mean_nees"]) - 3.0),
            tolerance=0.06,
        )
        assert abs(found["rmse_over_bound"] - 1.0) < 5 * found["rmse_over_bound_sigma"]
        assert np.isnan(found["mismatched_bound_3d"])


@pytest.mark.study
def test_a_wrong_model_raises_the_error_to_the_misspecified_bound(pseudoranges, evidence):
    best_m = float(pseudoranges["rmse_3d"][MATCHED])
    for point, what in ((DELAYED, "an unmodelled delay"), (UNWEIGHTED, "equal weights")):
        found = pseudoranges.isel(point=point)
        evidence(
            "studies.pvt_study",
            f"RMS error over the misspecified bound, {what}",
            "1, linear Gaussian",
            "monte carlo",
            achieved=abs(float(found["rmse_over_mismatched_bound"]) - 1.0),
            tolerance=0.02,
        )
        assert found["rmse_3d"] > 1.02 * best_m
        assert found["mismatched_bound_3d"] > found["bound_3d"]
        # the bound of who knows all is the same
        np.testing.assert_allclose(found["bound_3d"], pseudoranges["bound_3d"][MATCHED], rtol=1e-12)
    # late signals from all around push the fix up or down, and the stated covariance knows nothing
    assert abs(pseudoranges["bias_up"][DELAYED]) > 10 * abs(pseudoranges["bias_up"][MATCHED])
    assert pseudoranges["mean_nees"][DELAYED] > 4.0


@pytest.mark.study
def test_doppler_fixes_reach_their_bound_and_a_drift_spoils_them(rates, evidence):
    assert np.all(rates["not_solved"] == 0)
    matched, doubled, drifting = (rates.isel(point=i) for i in range(3))
    for found in (matched, doubled):
        evidence(
            "studies.doppler_study",
            "RMS error in units of each place's Cramer-Rao bound",
            "1, nearly linear Gaussian",
            "monte carlo",
            achieved=abs(float(found["normalized_rmse"]) - 1.0),
            tolerance=0.05,
        )
        assert float(found["mean_nees"]) == pytest.approx(3.0, rel=0.1)
    assert drifting["normalized_rmse"] > 1.5
    np.testing.assert_allclose(drifting["bound_3d"], matched["bound_3d"], rtol=1e-12)


# Closed forms


@pytest.mark.study
def test_twice_the_noise_is_twice_the_bound_and_twice_the_error(pseudoranges, rates, evidence):
    for result, name in ((pseudoranges, "pvt_study"), (rates, "doppler_study")):
        off = np.abs(result["case_bound_3d"][1] / result["case_bound_3d"][0] / 2.0 - 1.0)
        evidence(
            f"studies.{name}",
            "bound under twice the noise over twice the bound",
            "1, a Gaussian model",
            "closed form",
            achieved=off.max(),
            tolerance=1e-9,
        )
        # the same draws, scaled: what is left is the curvature of the model
        ratio = float(result["rmse_3d"][1] / result["rmse_3d"][0])
        assert ratio == pytest.approx(2.0, rel=0.01)


def test_independent_errors_of_a_range_add_in_square(tmp_path):
    one, _ = prepared(tmp_path, PVT + "[errors]\ncode_sigma_m = 1.0")
    both, _ = prepared(tmp_path, PVT + "[errors]\ncode_sigma_m = 3.0\nephemeris_sigma_m = 4.0")
    np.testing.assert_allclose(
        both.values["case_bound_3d"].values, 5.0 * one.values["case_bound_3d"].values, rtol=1e-9
    )


def pdop_of(scene, case, sine_power=0.0):
    """Root of the position part of (H^T W H)^-1, from the textbook matrix of directions."""
    use = scene.visible[case]
    away = scene.sat_pos_ecef_m[case][use] - scene.rx_pos_ecef_m[case]
    directions = away / np.linalg.norm(away, axis=1, keepdims=True)
    up = scene.rx_pos_ecef_m[case] / np.linalg.norm(scene.rx_pos_ecef_m[case])
    weight = (directions @ up) ** (2 * sine_power)
    H = np.column_stack([-directions, np.ones(len(directions))])
    return np.sqrt(np.trace(np.linalg.inv(H.T @ (weight[:, None] * H))[:3, :3]))


def test_the_bound_of_equal_noise_is_pdop_times_sigma_under_any_mask(tmp_path, evidence):
    bounds_m = []
    for mask_deg in (5.0, 15.0, 25.0):
        text = PVT.replace("mask_deg = 10.0", f"mask_deg = {mask_deg}")
        point, study = prepared(tmp_path, text + "[errors]\ncode_sigma_m = 2.5")
        scene = build_scene(study.settings.scene, tmp_path)
        pdop = np.array([pdop_of(scene, case) for case in range(2)])
        off = np.abs(point.values["case_bound_3d"].values / (2.5 * pdop) - 1.0)
        evidence(
            "studies.pvt_study",
            "bound of equal noise over PDOP times sigma",
            "the textbook matrix of directions",
            "closed form",
            achieved=off.max(),
            tolerance=1e-4,  # the Earth turns by 1e-5 rad while a signal flies
        )
        np.testing.assert_allclose(point.values["case_pdop"].values, pdop, rtol=1e-4)
        bounds_m.append(point.values["case_bound_3d"].values)
    # fewer satellites never tell more
    assert np.all(np.diff(bounds_m, axis=0) >= 0)


def test_noise_that_grows_toward_the_horizon_weighs_by_the_sine(tmp_path):
    point, study = prepared(tmp_path, PVT + "[errors]\nelevation_exponent = 1.5")
    scene = build_scene(study.settings.scene, tmp_path)
    expected = [pdop_of(scene, case, sine_power=1.5) for case in range(2)]
    # the normal of the ellipsoid is up to 0.2 degrees off the radius
    np.testing.assert_allclose(point.values["case_bound_3d"].values, expected, rtol=0.02)


def test_a_model_that_is_right_has_no_misspecified_bound(tmp_path):
    name = "case_mismatched_bound_3d"
    right = ("", "[method]\nweights = 'equal'", "[errors]\nelevation_exponent = 1.0")
    wrong = (
        "[errors]\nzenith_delay_m = -1.0",
        "[errors]\nelevation_exponent = 1.0\n[method]\nweights = 'equal'",
    )
    for text in right:
        assert name not in prepared(tmp_path, PVT + text)[0].values
    for text in wrong:
        values = prepared(tmp_path, PVT + text)[0].values
        assert np.all(values[name].values > values["case_bound_3d"].values)
