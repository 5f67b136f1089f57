"""What a fix says about itself: covariance, bound, dilution, verdict, warnings, dataset."""

import dataclasses
import json

import gauss_newton
import numpy as np
import pytest
from doppler_logs import DRIFT, HONG_KONG_M, OFFSET, PLACE_M, POSITION, iridium, noisy, six_passes
from scipy import stats
from study_sizes import study_size

from leopnt.inference.fisher import Information
from leopnt.inference.status import Status
from leopnt.methods.doppler_fix import (
    Alternative,
    EphemerisAgeing,
    FixOptions,
    GivenSigma,
    Height,
    fix,
)
from leopnt.methods.doppler_fix.judge import orbit_sigmas

VELOCITY_MPS = np.array([40.0, -180.0, 90.0])
SAT_OFFSET_HZ = 3.0

SETS = {
    "position": (FixOptions(unknowns=POSITION), {}),
    "offset": (FixOptions(unknowns=OFFSET), {"offset_hz": 120.0}),
    "offset, height within 10 m": (
        FixOptions(unknowns=OFFSET, height=Height(400.0, 10.0)),
        {"offset_hz": 120.0},
    ),
    "offset and drift": (
        FixOptions(unknowns=DRIFT),
        {"offset_hz": 120.0, "drift_hzps": -0.4},
    ),
    "offset and satellite offsets": (
        FixOptions(unknowns=(*OFFSET, "sat_freq_offset_hz"), sat_freq_sigma_hz=SAT_OFFSET_HZ),
        {"offset_hz": 120.0},
    ),
}


def nees(result, truth_m):
    error = result.error_enu_m(truth_m)
    return error @ np.linalg.solve(result.covariance_enu_m2, error)


@pytest.mark.study
@pytest.mark.parametrize("name", SETS)
def test_errors_are_as_large_as_the_covariance_says(name, evidence):
    options, clock = SETS[name]
    options = dataclasses.replace(options, weights=GivenSigma())
    base, rng, squares = six_passes(), np.random.default_rng(7), []
    for _ in range(study_size(15, 400)):
        log = base
        if "sat_freq_offset_hz" in options.unknowns:
            shift = SAT_OFFSET_HZ * rng.normal(size=6)
            log = dataclasses.replace(base, doppler_hz=base.doppler_hz + shift[base.sat_index])
        if options.height is not None:  # the height is known with an error
            wrong = Height(400.0 + 10.0 * rng.normal(), 10.0)
            options = dataclasses.replace(options, height=wrong)
        result = fix(noisy(log, 4.0, rng, state=True, **clock), options)
        assert result.converged
        squares.append(nees(result, PLACE_M))
    total, count = np.sum(squares), len(squares)
    tail = min(stats.chi2.sf(total, 3 * count), stats.chi2.cdf(total, 3 * count))
    evidence(
        "methods.doppler_fix.result",
        f"normalized squared errors are chi-square, {name}: -log10 of the smaller tail",
        "chi-square of 3 degrees of freedom each",
        "monte carlo",
        achieved=-np.log10(tail),
        tolerance=4.0,
    )


def test_the_bound_and_the_dilution_are_those_of_the_textbook_matrix(evidence):
    log = noisy(six_passes(), 4.0, np.random.default_rng(0), state=True)
    result = fix(log, FixOptions(weights=GivenSigma()))
    x = {"rx_pos_ecef_m": result.position_ecef_m, "freq_offset_hz": 0.0}

    def slope(direction):
        there = x["rx_pos_ecef_m"] + direction
        back = x["rx_pos_ecef_m"] - direction
        forward = gauss_newton.doppler(log, {**x, "rx_pos_ecef_m": there})
        return (forward - gauss_newton.doppler(log, {**x, "rx_pos_ecef_m": back})) / 20.0

    rows = np.stack([*(slope(10.0 * axis) for axis in np.eye(3)), np.ones(len(log.time_s))], axis=1)
    cofactor = np.linalg.inv(rows.T @ rows)[:3, :3]
    lat, lon = result.lat_rad, result.lon_rad
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    axes = np.stack([east, np.cross(up, east), up])
    np.testing.assert_allclose(result.enu_axes, axes, atol=1e-12)
    enu = axes @ cofactor @ axes.T
    dop = np.sqrt([enu[0, 0] + enu[1, 1], enu[2, 2]])
    evidence(
        "methods.doppler_fix.judge",
        "horizontal and vertical dilution, relative",
        "inverse normal matrix of numeric derivatives",
        "implementation",
        achieved=np.abs(result.dop_m_per_hz / dop - 1).max(),
        tolerance=1e-5,
    )
    np.testing.assert_allclose(result.crb_enu_m2, 16.0 * enu, rtol=1e-4)
    assert isinstance(result.information, Information)
    np.testing.assert_allclose(
        result.information.block("rx_pos_ecef_m", "rx_pos_ecef_m"),
        (rows.T @ rows)[:3, :3] / 16.0,
        rtol=1e-5,
    )


def test_considering_the_ephemeris_widens_the_covariance_by_what_it_does_to_the_fix(evidence):
    log = noisy(six_passes(), 4.0, np.random.default_rng(0), state=True)
    num = len(log.satellites)
    aged = dataclasses.replace(log, ephemeris_age_s=np.full(num, 86400.0))
    ageing = EphemerisAgeing(cross_share=0.0)
    options = FixOptions(weights=GivenSigma(), snooping_sigmas=None)
    plain = fix(log, options)
    wide = fix(aged, dataclasses.replace(options, ageing=ageing))
    sigma_s, _ = orbit_sigmas(aged, ageing)
    radius = np.linalg.norm(log.sat_pos_ecef_m, axis=1)
    speed = np.sqrt(gauss_newton.GM / np.array([radius[log.sat_index == s][0] for s in range(num)]))
    np.testing.assert_allclose(sigma_s, 860.0 / speed, rtol=1e-6)
    # Shift one satellite after the other by a tenth of its sigma and solve again.
    start = {"rx_pos_ecef_m": plain.position_ecef_m, "freq_offset_hz": 0.0}
    shifts = []
    for satellite in range(num):
        offset = np.zeros(num)
        offset[satellite] = 0.1 * sigma_s[satellite]
        moved = np.zeros(3)
        for sign in (1, -1):
            pos, inertial = gauss_newton.fly(
                log.sat_pos_ecef_m,
                log.sat_vel_ecef_mps + np.cross(gauss_newton.SPIN, log.sat_pos_ecef_m),
                sign * offset[log.sat_index][:, None],
            )
            other = dataclasses.replace(
                log,
                sat_pos_ecef_m=pos,
                sat_vel_ecef_mps=inertial - np.cross(gauss_newton.SPIN, pos),
            )
            x, _ = gauss_newton.solve(other, start, 4.0)
            moved += sign * x["rx_pos_ecef_m"] / (2 * 0.1)
        shifts.append(plain.enu_axes @ moved)
    expected = plain.covariance_enu_m2 + np.transpose(shifts) @ np.array(shifts)
    unit = np.sqrt(np.diag(expected))
    difference = (wide.covariance_enu_m2 - expected) / np.outer(unit, unit)
    evidence(
        "methods.doppler_fix.judge",
        "covariance with the along-track errors of six satellites considered",
        "fixes repeated with every satellite moved",
        "implementation",
        achieved=np.abs(difference).max(),
        tolerance=0.01,
    )
    np.testing.assert_allclose(wide.crb_enu_m2, plain.crb_enu_m2, rtol=1e-6)


def test_chi_square_counts_priors_on_both_sides():
    log = noisy(six_passes(), 4.0, np.random.default_rng(3), state=True)
    # 5 sigma off the true height
    options = FixOptions(weights=GivenSigma(), height=Height(500.0, 20.0), snooping_sigmas=None)
    result = fix(log, options)
    residual = np.sum((result.residual_hz / 4.0) ** 2)
    misfit = (result.height_m - 500.0) / 20.0
    np.testing.assert_allclose(result.chi2.value, residual + misfit**2, rtol=1e-9)
    assert result.chi2.dof == len(log.time_s) + 1 - 4


# Verdicts


def test_warnings_name_what_the_user_can_act_on(evidence):
    log = noisy(six_passes(), 4.0, np.random.default_rng(1))
    small = dataclasses.replace(log, sigma_hz=np.full(len(log.time_s), 2.0))
    large = dataclasses.replace(log, sigma_hz=np.full(len(log.time_s), 9.0))
    given = FixOptions(weights=GivenSigma(), snooping_sigmas=None)
    old = dataclasses.replace(log, ephemeris_age_s=np.full(6, 3 * 86400.0))
    wrong = dataclasses.replace(log, carrier_hz=log.carrier_hz * 1.1)
    cases = [
        (log, FixOptions(), None),
        (small, given, "larger than the stated sigmas allow"),
        (large, given, "smaller than the stated sigmas"),
        (old, FixOptions(), "Elements are up to 3.0 days old and taken as exact"),
        (old, FixOptions(ageing=EphemerisAgeing()), None),
        (wrong, FixOptions(snooping_sigmas=None), "too large for Doppler noise: look at times"),
    ]
    missing = 0
    for case, options, sentence in cases:
        told = fix(case, options).warnings
        missing += bool(told) if sentence is None else not any(sentence in w for w in told)
    evidence(
        "methods.doppler_fix.verdict",
        "warnings missing or too many, in 6 cases",
        "list of cases",
        "own",
        achieved=missing,
        tolerance=0,
    )


def test_a_rival_is_another_solution_within_odds_of_ten_thousand():
    assert np.exp(-0.5 * 18.4) == pytest.approx(1e-4, rel=0.02)
    here = np.zeros(3)
    assert Alternative(here, 1.0, 18.3, False).is_rival
    assert not Alternative(here, 1.0, 18.5, False).is_rival
    assert not Alternative(here, 1.0, 0.0, True).is_rival


# The dataset


@pytest.fixture(scope="module")
def hong_kong():
    bursts = iridium()
    gross = bursts.doppler_hz.copy()
    gross[17] += 900.0
    result = fix(dataclasses.replace(bursts, doppler_hz=gross))
    return result, result.to_dataset(
        truth_ecef_m=HONG_KONG_M, title="Hong Kong", input_file="a.toml", input_text="# a"
    )


def test_every_variable_has_a_unit_and_a_name(hong_kong, evidence):
    _, dataset = hong_kong
    lacking = [
        name
        for name, variable in dataset.data_vars.items()
        if "units" not in variable.attrs or not variable.attrs.get("long_name")
    ]
    wrong = [
        name
        for name, variable in dataset.data_vars.items()
        if name.endswith("_deg") != (variable.attrs["units"] == "deg")
        or (name.endswith("_m") and variable.attrs["units"] != "m")
        or (name.endswith("_s") and variable.attrs["units"] != "s")
    ]
    evidence(
        "methods.doppler_fix.dataset",
        "variables without unit or name, or with a unit that their name denies",
        "all variables",
        "own",
        achieved=len(lacking) + len(wrong),
        tolerance=0,
    )


def test_numbers_come_out_as_they_went_in(hong_kong):
    result, dataset = hong_kong
    log = result.log
    np.testing.assert_array_equal(dataset["observed"], log.doppler_hz)
    np.testing.assert_array_equal(dataset["time_s"], log.time_s)
    np.testing.assert_allclose(dataset["observed"] - dataset["predicted"], dataset["residual"])
    np.testing.assert_allclose(np.radians(dataset["elevation_deg"]), result.el_rad)
    np.testing.assert_allclose(np.radians(dataset["latitude_deg"]), result.lat_rad)
    assert dataset["satellite_id"].values.tolist() == [log.satellites[i] for i in log.sat_index]
    assert int(dataset["used"].sum()) == 217
    assert "sigma" in str(dataset["rejection_reason"].values[17])
    np.testing.assert_array_equal(dataset["sat_count"], np.bincount(log.sat_index))
    rms = dataset["residual"].values[(log.sat_index == 2) & result.used]
    np.testing.assert_allclose(dataset["sat_residual_rms"][2], np.sqrt(np.mean(rms**2)))
    np.testing.assert_allclose(
        dataset["error_3d_m"], np.linalg.norm(result.position_ecef_m - HONG_KONG_M)
    )
    np.testing.assert_allclose(dataset["truth_height_m"], 61.384, atol=0.01)
    np.testing.assert_allclose(
        np.hypot(dataset["hdop"], dataset["vdop"]), dataset["pdop"], rtol=1e-12
    )
    order = dataset["unknown"].values.tolist()
    assert order[3:] == ["freq_offset_hz"]
    np.testing.assert_allclose(dataset["estimate"][:3], result.position_ecef_m)
    assert dataset.attrs["converged"] == 1
    assert json.loads(dataset.attrs["provenance"])["unknowns"] == list(OFFSET)


def test_a_fix_that_failed_has_no_position_in_its_dataset():
    result = fix(six_passes(), FixOptions(mask_rad=1.5))
    assert result.status == Status.too_few_measurements
    dataset = result.to_dataset(truth_ecef_m=PLACE_M)
    assert dataset.attrs["converged"] == 0
    assert "fewer usable measurements" in dataset.attrs["status"]
    for name in ("latitude_deg", "longitude_deg", "height_m", "error_3d_m"):
        assert np.isnan(dataset[name])
    assert np.all(np.isnan(dataset["position_ecef_m"]))
