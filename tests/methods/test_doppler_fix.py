"""The Doppler fix on real Iridium bursts, and on altered copies of them."""

import csv
import dataclasses
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import least_squares
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.frames.geodetic import ecef_to_geodetic, enu_basis, geodetic_to_ecef
from leopnt.inference.status import Status
from leopnt.methods.doppler_fix import (
    EphemerisAgeing,
    FixOptions,
    GivenSigma,
    Height,
    PerSatelliteSigma,
    fix,
)
from leopnt.methods.doppler_fix.padding import bucket, padded
from leopnt.methods.doppler_fix.search import fibonacci_sphere, search_globe
from leopnt.methods.doppler_fix.solve import problem
from leopnt.methods.doppler_fix.weights import robust_scale, satellite_sigmas
from leopnt.scenes.doppler_log import DopplerLog

DATA = Path(__file__).parents[2] / "examples" / "data" / "iridium_hong_kong"
TRUTH = np.array([-2418244.985, 5385836.046, 2405675.159])
HEIGHT_M = 61.384
CARRIER_HZ = 1626270833.0
LIGHT, SPIN = 299_792_458.0, 7.292115e-5


def read_log():
    with open(DATA / "iridium_doppler.csv", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    names = sorted({row["sat_id"] for row in rows})

    def column(name):
        return np.array([float(row[name]) for row in rows])

    return DopplerLog(
        time_s=column("time_s"),
        satellites=tuple(names),
        sat_index=np.array([names.index(row["sat_id"]) for row in rows]),
        doppler_hz=column("doppler_meas_hz"),
        sat_pos_ecef_m=np.stack([column(f"sat_{k}_m") for k in "xyz"], axis=1),
        sat_vel_ecef_mps=np.stack([column(f"sat_v{k}_mps") for k in "xyz"], axis=1),
        carrier_hz=np.full(len(rows), CARRIER_HZ),
        source="iridium_doppler.csv",
    )


@pytest.fixture(scope="module")
def log():
    return read_log()


@pytest.fixture(scope="module")
def plain(log):
    return fix(log)


def independent_doppler(rx, log):
    """First-order Doppler with Earth rotation in flight, in plain NumPy."""
    tau = np.linalg.norm(log.sat_pos_ecef_m - rx, axis=1) / LIGHT
    for _ in range(4):
        c, s, zero, one = np.cos(SPIN * tau), np.sin(SPIN * tau), 0 * tau, 0 * tau + 1
        turn = np.array([[c, s, zero], [-s, c, zero], [zero, zero, one]]).transpose(2, 0, 1)
        pos = np.einsum("nij,nj->ni", turn, log.sat_pos_ecef_m)
        tau = np.linalg.norm(pos - rx, axis=1) / LIGHT
    vel = np.einsum("nij,nj->ni", turn, log.sat_vel_ecef_mps)
    los = (pos - rx) / np.linalg.norm(pos - rx, axis=1)[:, None]
    return -CARRIER_HZ * np.sum(los * vel, axis=1) / LIGHT


def error_m(result):
    return float(np.linalg.norm(result.error_enu_m(TRUTH)))


# What the independent script behind the data set obtains with equal weights.
EXPECTED = {
    "position": (FixOptions(unknowns=("rx_pos_ecef_m",)), 167.7),
    "position and frequency offset": (FixOptions(), 165.1),
    "with height known": (FixOptions(height=Height(HEIGHT_M)), 101.0),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_error_against_the_surveyed_antenna_is_the_expected_one(case, log, evidence):
    options, expected_m = EXPECTED[case]
    result = fix(log, options)
    assert result.converged
    assert result.used.all()
    evidence(
        "methods.doppler_fix.solve",
        f"3D error on 218 Iridium bursts, {case}: deviation from {expected_m} m",
        "independent least squares on the surveyed set",
        "real data",
        achieved=abs(error_m(result) - expected_m),
        tolerance=1.0,
        unit="m",
    )
    np.testing.assert_allclose(result.residual_rms_hz, 5.5, atol=0.05)


def test_solution_and_covariance_are_those_of_scipy(log, plain, evidence):
    def residual(x):
        return log.doppler_hz - independent_doppler(x[:3], log) - x[3]

    found = least_squares(residual, [*TRUTH, 0.0], x_scale=[1e3, 1e3, 1e3, 1.0], jac="3-point")
    evidence(
        "methods.doppler_fix.model",
        "position from the Iridium bursts",
        "scipy least_squares on a NumPy model",
        "implementation",
        achieved=np.linalg.norm(plain.position_ecef_m - found.x[:3]),
        tolerance=0.01,
        unit="m",
    )
    variance = np.sum(found.fun**2) / (len(found.fun) - 4)
    covariance = variance * np.linalg.inv(found.jac.T @ found.jac)[:3, :3]
    expected = plain.enu_axes @ covariance @ plain.enu_axes.T
    evidence(
        "methods.doppler_fix.judge",
        "predicted sigma, relative",
        "scipy Jacobian and residual variance",
        "implementation",
        achieved=np.max(np.abs(np.sqrt(np.diag(plain.covariance_enu_m2) / np.diag(expected)) - 1)),
        tolerance=1e-4,
    )
    np.testing.assert_allclose(plain.crb_enu_m2, plain.covariance_enu_m2, rtol=1e-6)
    lat, lon, _ = ecef_to_geodetic(jnp.asarray(plain.position_ecef_m))
    np.testing.assert_allclose(plain.enu_axes, enu_basis(lat, lon), atol=1e-12)


def test_truth_is_where_the_covariance_says(plain, evidence):
    error = plain.error_enu_m(TRUTH)
    nees = error @ np.linalg.solve(plain.covariance_enu_m2, error)
    # 99.9 % quantile of chi-square with three degrees of freedom.
    evidence(
        "methods.doppler_fix.result",
        "normalized squared error of the surveyed antenna",
        "99.9 % quantile of chi-square(3)",
        "real data",
        achieved=nees,
        tolerance=16.27,
    )


def test_the_same_solution_from_starts_all_over_the_earth(log, plain, evidence):
    lat, lon = fibonacci_sphere(study_size(12, 1000))
    starts = [np.asarray(geodetic_to_ecef(a, b, 0.0)) for a, b in zip(lat, lon, strict=True)]
    starts += [-TRUTH, np.array([1.0, 0.0, 0.0])]
    worst = 0.0
    for start in starts:
        result = fix(log, FixOptions(start_ecef_m=start))
        assert result.converged
        worst = max(worst, np.linalg.norm(result.position_ecef_m - plain.position_ecef_m))
    evidence(
        "methods.doppler_fix.candidates",
        "spread of the solution over starts all over the Earth, the antipode, the Earth's center",
        "solution without a start",
        "invariance",
        achieved=worst,
        tolerance=0.01,
        unit="m",
    )


def test_the_global_search_lands_within_the_basin_of_the_solution(log, plain, evidence):
    theta, data, _ = problem(log, FixOptions())
    found = search_globe(FixOptions().model, theta, data, FixOptions().unknowns)
    nearest = np.linalg.norm(np.asarray(found)[0] - TRUTH)
    evidence(
        "methods.doppler_fix.search",
        "distance of the best grid point from the surveyed antenna",
        "basin of a LEO pass, 500 km",
        "real data",
        achieved=nearest / 1e3,
        tolerance=500.0,
        unit="km",
    )


def test_planted_outliers_are_rejected_with_reasons(log, plain, evidence):
    rng = np.random.default_rng(4)
    bad = rng.choice(len(log.time_s), 22, replace=False)
    doppler = log.doppler_hz.copy()
    doppler[bad] += rng.choice([-1, 1], 22) * rng.uniform(200, 8000, 22)
    result = fix(dataclasses.replace(log, doppler_hz=doppler))
    assert result.converged
    assert not result.used[bad].any()
    assert all("sigma" in result.rejection[i] for i in bad)
    good = np.setdiff1d(np.arange(len(log.time_s)), bad)
    assert result.used[good].mean() > 0.99
    evidence(
        "methods.doppler_fix.verdict",
        "movement of the fix by 10 % gross errors, in its own sigmas",
        "fix without them",
        "real data",
        achieved=np.linalg.norm(result.position_ecef_m - plain.position_ecef_m)
        / np.sqrt(np.trace(plain.covariance_enu_m2)),
        tolerance=0.5,
    )


def test_weights_learned_on_one_half_do_no_harm_on_the_other(log):
    # Judged by the residuals of measurements that took no part, never by the truth.
    rng = np.random.default_rng(0)
    change = []
    for _ in range(6):
        half = np.sort(rng.permutation(len(log.time_s))[: len(log.time_s) // 2])
        rest = np.setdiff1d(np.arange(len(log.time_s)), half)
        rms = []
        for weights in (FixOptions().weights, PerSatelliteSigma()):
            result = fix(part(log, half), FixOptions(weights=weights))
            rms.append(_held_out_rms(result, log, rest))
        change.append(rms[1] / rms[0] - 1)
    assert abs(np.mean(change)) < 0.01


def part(log, rows):
    arrays = ("time_s", "sat_index", "doppler_hz", "sat_pos_ecef_m", "sat_vel_ecef_mps")
    cut = {name: getattr(log, name)[rows] for name in (*arrays, "carrier_hz")}
    return dataclasses.replace(log, **cut)


def _held_out_rms(result, log, rows):
    offset = float(result.estimate.theta.freq_offset_hz)
    predicted = independent_doppler(result.position_ecef_m, part(log, rows)) + offset
    return np.sqrt(np.mean((log.doppler_hz[rows] - predicted) ** 2))


def test_variance_components_recover_the_sigma_of_each_satellite(evidence):
    rng = np.random.default_rng(2)
    true = np.array([2.0, 5.0, 11.0])
    sat_index = np.repeat([0, 1, 2], 4000)
    residual = rng.normal(size=12000) * true[sat_index]
    found = satellite_sigmas(residual, np.ones(12000), np.ones(12000, bool), sat_index, 4.0)
    evidence(
        "methods.doppler_fix.weights",
        "sigma by satellite from 4000 residuals each, relative",
        "sigmas that were drawn",
        "monte carlo",
        achieved=np.max(np.abs(found / true - 1)),
        tolerance=0.05,
    )
    spoiled = rng.normal(size=2000) * 3.0
    spoiled[:600] = 1e6
    assert 2.7 < robust_scale(spoiled, 4) < 6.0


def test_padding_adds_nothing(log, evidence):
    _, data, _ = problem(log, FixOptions())
    count = len(log.time_s)
    assert data.observations.shape[0] == bucket(count, 64) == 256
    assert int(np.sum(data.mask)) == count
    wider = padded(data, 400)
    evidence(
        "methods.doppler_fix.padding",
        "visible measurements gained by padding",
        "none",
        "invariance",
        achieved=int(np.sum(wider.mask)) - count,
        tolerance=0,
    )
    assert [bucket(n, 64) for n in (1, 64, 65, 97, 129)] == [64, 64, 96, 128, 192]


def test_dataset_carries_units_and_the_same_numbers(plain, evidence):
    data = plain.to_dataset(truth_ecef_m=TRUTH, title="Iridium")
    assert all("units" in data[name].attrs for name in data.data_vars)
    assert all(data[name].attrs["long_name"] for name in data.data_vars)
    lat, lon, height = (float(data[n]) for n in ("latitude_deg", "longitude_deg", "height_m"))
    back = geodetic_to_ecef(np.radians(lat), np.radians(lon), height)
    evidence(
        "methods.doppler_fix.dataset",
        "position from its latitude, longitude and height",
        "ECEF position of the fix",
        "invariance",
        achieved=np.linalg.norm(np.asarray(back) - plain.position_ecef_m),
        tolerance=1e-6,
        unit="m",
    )
    np.testing.assert_allclose(data["error_3d_m"], error_m(plain))
    assert np.isnan(data["chi2_p_value"])  # sigma came from the residuals
    assert data.attrs["converged"] == 1


def test_given_sigmas_are_tested_and_small_ones_called_so(log):
    honest = fix(
        dataclasses.replace(log, sigma_hz=np.full(218, 5.5)), FixOptions(weights=GivenSigma())
    )
    assert 0.001 < honest.chi2.p_value < 0.999
    bold = fix(
        dataclasses.replace(log, sigma_hz=np.full(218, 2.0)),
        FixOptions(weights=GivenSigma(), snooping_sigmas=None),
    )
    assert any("optimistic" in sentence for sentence in bold.warnings)


def test_options_that_cannot_be_are_refused(evidence):
    refused = 0
    for arguments, message in (
        ({"unknowns": ("rx_pos_ecef_m", "freq_ofset_hz")}, "Did you mean 'freq_offset_hz'"),
        ({"unknowns": ("freq_offset_hz",)}, "rx_pos_ecef_m"),
        ({"unknowns": ("rx_pos_ecef_m", "sat_time_offset_s")}, "a-priori sigma"),
        (
            {"unknowns": ("rx_pos_ecef_m", "freq_offset_hz", "sat_freq_offset_hz")},
            "sat_freq_sigma_hz",
        ),
        ({"snooping_sigmas": 1.0}, "reject good measurements"),
    ):
        with pytest.raises(LeopntError, match=message):
            FixOptions(**arguments)
        refused += 1
    with pytest.raises(LeopntError, match="Height"):
        Height(float("nan"))
    evidence(
        "methods.doppler_fix.options",
        "contradictory settings that were accepted",
        "list of contradictions",
        "own",
        achieved=5 - refused,
        tolerance=0,
    )
    assert EphemerisAgeing().along_track_m(np.array([7 * 86400.0]))[0] == 500 + 2100 + 2940


def test_too_few_equations_are_refused(log):
    with pytest.raises(LeopntError, match="cannot determine"):
        fix(part(log, np.arange(3)))


def test_one_short_arc_is_never_a_silent_wrong_answer(log):
    # Nine bursts of one satellite: position, mirror or nothing, but told.
    rows = np.flatnonzero(log.sat_index == log.satellites.index("57"))
    result = fix(part(log, rows))
    told = result.status != Status.converged or len(result.warnings) > 0
    sigma = np.sqrt(np.trace(result.covariance_enu_m2))
    assert told
    assert not result.converged or error_m(result) < 5 * sigma
