"""Standard deviations from residuals: scales, variance components, rejection limits."""

import dataclasses

import numpy as np
import pytest
from doppler_logs import IRIDIUM_CARRIER_HZ, PLACE_M, iridium, noisy, six_passes
from gauss_newton import doppler
from scipy import stats
from study_sizes import study_size

from leopnt.methods.doppler_fix import (
    CommonSigma,
    FixOptions,
    GivenSigma,
    PerSatelliteSigma,
    fix,
)
from leopnt.methods.doppler_fix.weights import rejection_limit, robust_scale, satellite_sigmas


def test_the_robust_scale_is_the_sigma_of_normal_noise_and_stands_gross_errors(evidence):
    z = 3.0 * np.random.default_rng(0).normal(size=20000)
    evidence(
        "methods.doppler_fix.weights",
        "robust scale of 20 000 normal residuals, relative",
        "their sigma",
        "monte carlo",
        achieved=abs(robust_scale(z, 0) / 3.0 - 1),
        tolerance=0.025,
    )
    z[:8000] += 1e5
    assert 3.0 < robust_scale(z, 0) < 9.0
    assert robust_scale(np.ones(4), 4) == 1.0
    assert robust_scale(np.zeros(9), 4) == 1e-6
    # n / (n - p) makes up for the unknowns.
    np.testing.assert_allclose(robust_scale(z, 5000) / robust_scale(z, 0), np.sqrt(4 / 3))


@pytest.mark.parametrize("spare", [1.0, 3.0, 15.0, 200.0])
def test_the_rejection_limit_is_as_rare_as_for_a_known_sigma(spare, evidence):
    limit = rejection_limit(4.0, spare)
    evidence(
        "methods.doppler_fix.weights",
        "probability of exceeding the rejection limit, relative",
        "scipy.stats Student and normal distributions",
        "implementation",
        achieved=abs(stats.t.sf(limit, spare) / stats.norm.sf(4.0) - 1),
        tolerance=1e-6,
    )
    assert limit > 4.0


def test_variance_components_without_prior_are_the_mean_squares_over_redundancy():
    residual = np.array([1.0, -2.0, 3.0, 5.0, 50.0])
    used = np.array([True, True, True, True, False])
    index = np.array([0, 0, 1, 1, 1])
    spare = np.array([0.5, 0.5, 0.8, 0.7, 0.9])
    found = satellite_sigmas(residual, spare, used, index, 0.0)
    np.testing.assert_allclose(found, np.sqrt([5.0 / 1.0, 34.0 / 1.5]))
    # Shrunk on the logarithm, then scaled to a chi-square of the redundancy, 2.5.
    common = (5.0 / 1.0) ** (1.0 / 2.5) * (34.0 / 1.5) ** (1.5 / 2.5)
    shape = np.array(
        [5.0 ** (1 / 5) * common ** (4 / 5), (34 / 1.5) ** (1.5 / 5.5) * common ** (4 / 5.5)]
    )
    shrunk = satellite_sigmas(residual, spare, used, index, 4.0)
    factor = (5.0 / shape[0] + 34.0 / shape[1]) / 2.5
    np.testing.assert_allclose(shrunk, np.sqrt(shape * factor))


def test_a_satellite_without_used_measurements_gets_the_common_sigma():
    used, index = np.array([True, True, True, False]), np.array([0, 0, 1, 2])
    found = satellite_sigmas(np.array([2.0, -2.0, 2.0, 99.0]), np.ones(4), used, index, 4.0)
    np.testing.assert_allclose(found, 2.0)


@pytest.fixture(scope="module")
def trials():
    """Fixes of logs whose noise is what they say, with stated and with estimated sigma."""
    base, rng = six_passes(), np.random.default_rng(11)
    logs = [noisy(base, 4.0, rng, offset_hz=150.0, state=True) for _ in range(study_size(40, 1000))]
    unknown = [dataclasses.replace(log, sigma_hz=None) for log in logs]
    return {
        GivenSigma: [fix(log, FixOptions(weights=GivenSigma())) for log in logs],
        CommonSigma: [fix(log, FixOptions(weights=CommonSigma())) for log in unknown],
    }


@pytest.mark.study
def test_chi_square_of_true_sigmas_is_uniform(trials, evidence):
    p_values = [result.chi2.p_value for result in trials[GivenSigma]]
    distance = stats.kstest(p_values, "uniform").statistic
    evidence(
        "methods.doppler_fix.result",
        "distance of chi-square p-values from uniform, times root n (Kolmogorov-Smirnov)",
        "99.9 % point, 1.95",
        "monte carlo",
        achieved=distance * np.sqrt(len(p_values)),
        tolerance=1.95,
    )


@pytest.mark.study
def test_the_common_sigma_is_the_true_one(trials, evidence):
    sigmas = np.array([result.sigma_hz[0] for result in trials[CommonSigma]])
    dof = trials[CommonSigma][0].chi2.dof
    spread = 1 / np.sqrt(2 * dof * len(sigmas))
    evidence(
        "methods.doppler_fix.weights",
        "mean of the estimated variance over the true one, in standard errors",
        "4 Hz drawn",
        "monte carlo",
        achieved=abs(np.mean(sigmas**2) / 16.0 - 1) / (2 * spread),
        tolerance=4.0,
    )
    # One sigma for all, scattered as a chi-square of that many degrees of freedom says.
    assert abs(np.std(sigmas) / (4.0 / np.sqrt(2 * dof)) - 1) < 4 / np.sqrt(2 * len(sigmas))


@pytest.mark.study
def test_good_measurements_are_rejected_as_rarely_as_the_limit_says(trials, evidence):
    for weights, results in trials.items():
        rejected = sum(int(np.sum(~result.used)) for result in results)
        expected = sum(len(result.used) for result in results) * 2 * stats.norm.sf(4.0)
        evidence(
            "methods.doppler_fix.solve",
            "good measurements rejected beyond expectation, in Poisson sigmas, " + weights.__name__,
            "normal tail at 4 sigma",
            "monte carlo",
            achieved=(rejected - expected) / np.sqrt(expected),
            tolerance=4.0,
        )


@pytest.mark.study
def test_sigmas_by_satellite_are_recovered_and_improve_the_fix(evidence):
    true = np.array([2.0, 2.0, 2.0, 20.0, 20.0, 20.0])
    base, rng = six_passes(), np.random.default_rng(5)
    ratio, square = [], {CommonSigma: [], PerSatelliteSigma: []}
    for _ in range(study_size(15, 300)):
        log = noisy(base, true, rng, offset_hz=50.0)
        for weights in square:
            result = fix(log, FixOptions(weights=weights()))
            assert result.converged
            square[weights].append(np.sum(result.error_enu_m(PLACE_M) ** 2))
        first = [np.argmax(log.sat_index == s) for s in range(6)]
        ratio.append(result.sigma_hz[first] / true)
    assert np.all(np.abs(np.mean(ratio, axis=0) - 1) < 0.2)
    gain = np.sqrt(np.mean(square[PerSatelliteSigma]) / np.mean(square[CommonSigma]))
    evidence(
        "methods.doppler_fix.weights",
        "RMS error with sigmas by satellite over that with one sigma, noise of 2 and 20 Hz",
        "no gain: 1",
        "monte carlo",
        achieved=gain,
        tolerance=0.7,
    )


def test_random_halves_of_the_iridium_set_predict_each_other_as_well_by_either_weights(evidence):
    # The weights are judged by measurements that took no part, never by the true position.
    log, rng = iridium(), np.random.default_rng(2)
    rms = {CommonSigma: [], PerSatelliteSigma: []}
    for _ in range(study_size(6, 100)):
        first = rng.permutation(len(log.time_s)) < len(log.time_s) // 2
        for weights in rms:
            result = fix(only(log, first), FixOptions(weights=weights()))
            x = {
                "rx_pos_ecef_m": result.position_ecef_m,
                "freq_offset_hz": float(result.estimate.theta.freq_offset_hz),
            }
            other = only(log, ~first)
            rms[weights].append(np.mean((other.doppler_hz - doppler(other, x)) ** 2))
    assert log.carrier_hz[0] == IRIDIUM_CARRIER_HZ
    evidence(
        "methods.doppler_fix.weights",
        "rms of held-out Iridium residuals, weights by satellite over equal weights, minus 1",
        "harmless: 0",
        "real data",
        achieved=np.sqrt(np.mean(rms[PerSatelliteSigma]) / np.mean(rms[CommonSigma])) - 1,
        tolerance=0.01,
    )


def only(log, keep):
    names = ("time_s", "sat_index", "doppler_hz", "sat_pos_ecef_m", "sat_vel_ecef_mps")
    return dataclasses.replace(
        log, **{name: getattr(log, name)[keep] for name in (*names, "carrier_hz")}
    )
