"""Biases of beams from receivers at known places: closed form, draws, datum, use in a fix."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from power_log_cases import ANTENNA, MUNICH_M, SATELLITE, ephemeris, measured, rows
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.inference import Status
from leopnt.methods.power import (
    CalibratedBeams,
    HeightPrior,
    KnownPlace,
    PowerLogOptions,
    all_beams,
    calibrate_beams,
    draw_powers,
    fix_log,
    noise_free_dbw,
    rows_from_ephemeris,
)
from leopnt.scenes.sky_scene import Place

BIAS_DB = 0.7 + np.random.default_rng(2).normal(0.0, 0.5, 52)
SITES_M = [
    np.asarray(Place(lat, lon, 100.0).pos_ecef_m)
    for lat, lon in ((48.1, 11.6), (52.5, 13.4), (41.9, 12.5), (48.9, 2.3))
]


@pytest.fixture(scope="module")
def blank():
    """Four places, four epochs each, without powers."""
    schedule = all_beams(ANTENNA, 20.0 + 25.0 * np.arange(4))
    return [rows_from_ephemeris(ephemeris(), SATELLITE, schedule, site) for site in SITES_M]


def drawn(blank, seed, bias_db=BIAS_DB):
    return [
        KnownPlace(
            draw_powers(log, ANTENNA, site, jax.random.key(100 * seed + i), beam_bias_db=bias_db),
            site,
        )
        for i, (log, site) in enumerate(zip(blank, SITES_M, strict=True))
    ]


@pytest.fixture(scope="module")
def calibration(blank):
    return calibrate_beams(drawn(blank, 0), ANTENNA)


def quiet(blank):
    """A thousand seconds of integration: all beams far above the noise."""
    return [dataclasses.replace(log, noise_w=1e-6 * log.noise_w) for log in blank]


def test_without_noise_the_biases_come_back(blank, evidence):
    places = []
    for log, site in zip(quiet(blank), SITES_M, strict=True):
        power = noise_free_dbw(log, ANTENNA, site) + BIAS_DB[log.beam]
        places.append(KnownPlace(dataclasses.replace(log, power_dbw=power), site))
    found = calibrate_beams(places, ANTENNA)
    assert np.all(found.calibrated)
    evidence(
        "methods.power.calibration",
        "biases of all beams from powers without noise",
        "the biases put in",
        "closed form",
        achieved=np.max(np.abs(found.total_db - BIAS_DB)),
        tolerance=1e-6,
        unit="dB",
    )


def test_strong_beams_are_averaged_in_decibels(blank, evidence):
    """The weighted mean of measured minus predicted power, weights 1/sigma^2."""
    places = drawn(quiet(blank), 1)
    found = calibrate_beams(places, ANTENNA)
    off, weight, beam = [], [], []
    for log, site in places:
        true = noise_free_dbw(log, ANTENNA, site)
        off.append(log.power_dbw - true)
        weight.append(2.0 * 10.0 ** (0.1 * (true + BIAS_DB[log.beam])) / log.noise_w)
        beam.append(log.beam)
    off, weight, beam = (np.concatenate(x) for x in (off, weight, beam))
    weight = weight / (20.0 / np.log(10.0)) ** 2
    mean = np.bincount(beam, weight * off) / np.bincount(beam, weight)
    sigma = 1.0 / np.sqrt(np.bincount(beam, weight))
    # A decibel is linear in the noise to 1/A, A some hundred sigmas.
    evidence(
        "methods.power.calibration",
        "biases of beams far above the noise, over their sigma",
        "mean over epochs in decibels",
        "closed form",
        achieved=np.max(np.abs(found.total_db - mean) / sigma),
        tolerance=0.05,
    )
    np.testing.assert_allclose(found.total_sigma_db, sigma, rtol=0.01)


@pytest.mark.study
def test_biases_scatter_as_their_sigmas_say(blank, evidence):
    count = study_size(20, 200)
    found = [calibrate_beams(drawn(blank, seed), ANTENNA) for seed in range(count)]
    z = np.array([(c.total_db - BIAS_DB) / c.total_sigma_db for c in found])
    known = found[0].calibrated
    assert known.sum() > 45
    square = np.mean(z[:, known] ** 2)
    evidence(
        "methods.power.calibration",
        "mean squared error of biases over their variance, off 1",
        "draws over four cities",
        "monte carlo",
        achieved=abs(square - 1.0),
        tolerance=4.0 * np.sqrt(2.0 / z[:, known].size),
    )
    common = np.array([(c.common_db - np.mean(BIAS_DB[known])) / c.common_sigma_db for c in found])
    assert abs(np.mean(common**2) - 1.0) < 4.0 * np.sqrt(2.0 / count)
    # Each chi-square has mean dof: all together, too.
    total, dof = (sum(getattr(c.chi2, name) for c in found) for name in ("value", "dof"))
    assert abs(total - dof) < 4.0 * np.sqrt(2.0 * dof)


def test_the_datum_splits_the_biases_and_keeps_their_sum(calibration):
    known = calibration.calibrated
    np.testing.assert_allclose(np.sum(calibration.bias_db[known]), 0.0, atol=1e-9)
    np.testing.assert_allclose(
        calibration.bias_db[known] + calibration.common_db, calibration.total_db[known]
    )
    size, variance = known.sum(), calibration.total_sigma_db[known] ** 2
    # Variance of m_k minus the mean of all.
    expected = variance * (1.0 - 2.0 / size) + np.sum(variance) / size**2
    np.testing.assert_allclose(calibration.bias_sigma_db[known] ** 2, expected, rtol=1e-9)
    np.testing.assert_allclose(
        np.sum(calibration.covariance_db2[np.ix_(known, known)]), 0.0, atol=1e-9
    )


def test_a_louder_receiver_changes_the_common_term_only(blank, calibration):
    louder = calibrate_beams(drawn(blank, 0), ANTENNA, rx_gain_dbi=1.5)
    known = calibration.calibrated & louder.calibrated
    assert louder.common_db == pytest.approx(calibration.common_db - 1.5, abs=0.05)
    shift = (louder.bias_db - calibration.bias_db)[known]
    assert np.max(np.abs(shift / calibration.total_sigma_db[known])) < 0.3


def test_a_bias_that_is_not_constant_fails_the_chi_square_test(blank, calibration):
    assert 1e-3 < calibration.chi2.p_value < 1.0 - 1e-3
    places = drawn(blank, 0)
    wander = np.random.default_rng(0).normal(0.0, 0.5, places[0].log.num_rows)
    moved = dataclasses.replace(places[0].log, power_dbw=places[0].log.power_dbw + wander)
    found = calibrate_beams([places[0]._replace(log=moved), *places[1:]], ANTENNA)
    assert found.chi2.p_value < 1e-6
    assert np.nanmax(found.scatter_db) > np.nanmax(calibration.scatter_db)


def test_a_calibrated_antenna_mends_the_fix(calibration):
    log = measured(rows(), 9, beam_bias_db=BIAS_DB)
    known = HeightPrior(520.0, 1000.0)
    as_believed = CalibratedBeams(ANTENNA, np.zeros(52))
    plain = fix_log(log, as_believed, PowerLogOptions(height=known))
    mended = fix_log(log, calibration.apply(ANTENNA), PowerLogOptions(height=known))
    assert plain.chi2.p_value < 1e-6
    assert mended.chi2.p_value > 1e-3
    assert np.linalg.norm(mended.error_enu_m(MUNICH_M)) < np.linalg.norm(
        plain.error_enu_m(MUNICH_M)
    )


def test_calibrated_beams_are_stronger_by_their_biases_everywhere():
    beams = CalibratedBeams(ANTENNA, BIAS_DB)
    u, v = jnp.asarray(0.31), jnp.asarray(-0.22)
    np.testing.assert_allclose(beams.eirp_dbw(u, v) - ANTENNA.eirp_dbw(u, v), BIAS_DB, atol=1e-12)
    np.testing.assert_allclose(
        beams.eirp_dbw_gradient(u, v), ANTENNA.eirp_dbw_gradient(u, v), rtol=1e-12
    )
    assert beams.num_beams == 52


def test_what_remains_is_the_sigma_of_the_calibration(calibration):
    remaining = calibration.remaining_sigma_db(1.0)
    known = calibration.calibrated
    np.testing.assert_array_equal(remaining[known], calibration.total_sigma_db[known])
    assert np.all(remaining[~known] == 1.0)
    PowerLogOptions(sigma_cal_db=remaining)


def test_beams_far_below_the_noise_are_left_alone(blank):
    loud = [dataclasses.replace(log, noise_w=1000.0 * log.noise_w) for log in blank]
    found = calibrate_beams(drawn(loud, 0), ANTENNA)
    assert found.status == Status.converged
    assert 0 < found.calibrated.sum() < 45
    z = (found.total_db - BIAS_DB)[found.calibrated] / found.total_sigma_db[found.calibrated]
    assert np.all(np.abs(z) < 5.0)
    assert np.all(found.total_sigma_db[found.calibrated] < 3.0)


def test_a_calibration_without_an_end_is_not_applied(calibration):
    lost = dataclasses.replace(calibration, status=Status.max_iterations)
    with pytest.raises(LeopntError, match="the calibration has no result"):
        lost.apply(ANTENNA)


def test_biases_are_those_of_one_satellite(blank):
    places = drawn(blank, 0)
    other = places[1]._replace(log=dataclasses.replace(places[1].log, satellites=("OTHER",)))
    with pytest.raises(LeopntError, match=r"their logs hold 2 satellites \(.*OTHER.*\)"):
        calibrate_beams([places[0], other], ANTENNA)


def test_what_cannot_be_calibrated_is_refused(blank):
    places = drawn(blank, 0)
    with pytest.raises(LeopntError, match="places: none"):
        calibrate_beams([], ANTENNA)
    with pytest.raises(LeopntError, match="no beam's bias would be known to weakest_db = 1e-06"):
        calibrate_beams(places, ANTENNA, weakest_db=1e-6)
    with pytest.raises(LeopntError, match="weakest_db = 0 dB"):
        calibrate_beams(places, ANTENNA, weakest_db=0.0)
    with pytest.raises(LeopntError, match=r"bias_db has shape \(3,\); accepted: \(52,\)"):
        CalibratedBeams(ANTENNA, np.zeros(3))
