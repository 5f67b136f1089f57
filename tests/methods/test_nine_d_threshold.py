"""Below which SNR the 9D bounds are not attainable: limits, and estimators that try."""

import jax.numpy as jnp
import numpy as np
import pytest
from nine_d_worked_case import worked_case
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.methods.nine_d.threshold import (
    delay_thresholds,
    esn0_db,
    phase_sigma_rad,
    phase_valid,
    ziv_zakai_delay_s2,
)

CARRIER_HZ, ALPHA_HZ, WIDTH_S = 1e9, 100e6, 20e-9


def crb_s2(esn0, carrier_hz=CARRIER_HZ, alpha_hz=ALPHA_HZ):
    return 1 / (8 * np.pi**2 * esn0 * (carrier_hz**2 + alpha_hz**2))


def test_phase_sigma_at_the_snr_of_the_paper(evidence):
    # 40, 20, 0, -20 dB in steps of slots and satellites; printed 0.06, 0.63, 6.3, 63 rad.
    snr_db = np.array([40.0, 20.0, -20.0])[:, None]
    scene = worked_case(snr_linear=None, snr_db=np.repeat(snr_db, 3, axis=1))
    evidence(
        "methods.nine_d.threshold",
        "carrier phase sigma of a link at 40, 20 and -20 dB, relative",
        "independent implementation, printed to 2 digits",
        "implementation",
        achieved=np.max(np.abs(phase_sigma_rad(scene)[:, 0, 0] / np.array([0.063, 0.63, 63]) - 1)),
        tolerance=5e-3,
    )
    np.testing.assert_allclose(esn0_db(scene)[:, 0, 0], snr_db[:, 0] - 18.97, atol=5e-3)
    assert phase_valid(scene)[:, 0, 0].tolist() == [True, True, False]


def test_a_blocked_link_has_no_energy_and_no_phase():
    scene = worked_case(snr_linear=np.array([[0.0] * 3, [100.0] * 3, [100.0] * 3]))
    assert np.all(np.isneginf(esn0_db(scene)[0]))
    assert not np.any(phase_valid(scene)[0])
    found = delay_thresholds(scene, WIDTH_S)
    assert np.all(np.isinf(found.crb_s[0]))
    np.testing.assert_allclose(found.ziv_zakai_s[0], WIDTH_S / np.sqrt(12), rtol=5e-3)
    assert not np.any(found.attainable[0])


@pytest.mark.parametrize(("carrier_hz", "alpha_hz"), [(1e9, 1e8), (0.0, 1e8), (1e10, 1e7)])
def test_ziv_zakai_goes_from_the_prior_to_cramer_rao(carrier_hz, alpha_hz, evidence):
    def bound(esn0):
        return float(ziv_zakai_delay_s2(esn0, carrier_hz, alpha_hz, 1e-6))

    strong = bound(1e9) / crb_s2(1e9, carrier_hz, alpha_hz)
    evidence(
        "methods.nine_d.threshold",
        f"Ziv-Zakai bound of a delay at 90 dB, carrier {carrier_hz:g} Hz, relative",
        "Cramer-Rao bound",
        "closed form",
        achieved=abs(strong - 1),
        tolerance=0.01,
    )
    assert strong <= 1.0
    evidence(
        "methods.nine_d.threshold",
        f"Ziv-Zakai bound of a delay without signal, carrier {carrier_hz:g} Hz, relative",
        "variance T^2/12 of the prior",
        "closed form",
        achieved=abs(bound(0.0) / (1e-6**2 / 12) - 1),
        tolerance=0.01,
    )
    # More energy never makes the bound larger.
    bounds = [bound(10 ** (db / 10)) for db in range(-20, 91, 5)]
    assert np.all(np.diff(bounds) < 0)


def delay_errors(esn0, trials, seed):
    """Errors of maximum likelihood, and of the mean of the posterior, which is the best there is.

    Samples of the spectrum of a known signal: 65 lines over sqrt(12) alpha, period 187 ns.
    """
    rng = np.random.default_rng(seed)
    num = 65
    lines_hz = CARRIER_HZ + np.sqrt(12) * ALPHA_HZ * ((np.arange(num) + 0.5) / num - 0.5)
    truth = rng.uniform(0.0, WIDTH_S, trials)
    grid = (np.arange(4000) + 0.5) * (WIDTH_S / 4000)
    noise = rng.normal(size=(2, trials, num)) / np.sqrt(2)
    seen = np.sqrt(esn0 / num) * np.exp(-2j * np.pi * lines_hz * truth[:, None])
    seen = seen + noise[0] + 1j * noise[1]
    fit = 2 * np.sqrt(esn0 / num) * (seen @ np.exp(2j * np.pi * lines_hz[:, None] * grid)).real
    likely = grid[np.argmax(fit, axis=1)]
    posterior = np.exp(fit - fit.max(axis=1, keepdims=True))
    mean = posterior @ grid / posterior.sum(axis=1)
    return likely - truth, mean - truth


@pytest.mark.study
@pytest.mark.parametrize("esn0_db_value", [-20, -5, 1, 6, 10, 14, 18, 22])
def test_no_estimator_of_a_delay_is_below_ziv_zakai(esn0_db_value, evidence):
    trials = study_size(2000, 10_000)
    esn0 = 10 ** (esn0_db_value / 10)
    bound = float(ziv_zakai_delay_s2(esn0, CARRIER_HZ, ALPHA_HZ, WIDTH_S))
    likely, mean = delay_errors(esn0, trials, seed=esn0_db_value + 100)
    for name, error in (("maximum likelihood", likely), ("mean of the posterior", mean)):
        square = error**2
        # Three standard errors of the mean square.
        spread = 3 * np.std(square) / np.sqrt(trials) / square.mean()
        evidence(
            "methods.nine_d.threshold",
            f"share by which {name} is below Ziv-Zakai at E/N0 of {esn0_db_value} dB",
            "Monte Carlo of a delay",
            "monte carlo",
            achieved=max(0.0, 1 - square.mean() / bound),
            tolerance=spread,
        )
    if esn0_db_value == 22:
        np.testing.assert_allclose(np.mean(likely**2), crb_s2(esn0), rtol=0.12)
    if esn0_db_value <= 10:
        assert np.mean(likely**2) > 4 * crb_s2(esn0)


def test_the_scene_of_the_paper_is_attainable_at_40_db_and_not_at_20_db():
    snr_db = np.repeat(np.array([[40.0], [20.0], [0.0]]), 3, axis=1)
    found = delay_thresholds(worked_case(snr_linear=None, snr_db=snr_db), WIDTH_S)
    assert np.asarray(found.attainable)[:, 0, 0].tolist() == [True, False, False]
    assert float(found.excess[1, 0, 0]) > 5


def test_what_is_no_signal_is_refused():
    with pytest.raises(LeopntError, match=r"prior_width_s = 0\.0: expected a number above 0"):
        ziv_zakai_delay_s2(1.0, 1e9, 1e8, 0.0)
    with pytest.raises(LeopntError, match=r"esn0_linear = -1\.0: expected 0 or more"):
        ziv_zakai_delay_s2(-1.0, 1e9, 1e8, 1e-6)
    with pytest.raises(LeopntError, match="correlation is not 0"):
        delay_thresholds(worked_case(correlation=0.1), 1e-6)
    assert jnp.isfinite(ziv_zakai_delay_s2(1.0, 1e9, 1e8, 1e-6))
