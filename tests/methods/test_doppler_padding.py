"""Padding of the link axis, which lets logs of any size share compiled kernels."""

import numpy as np
import pytest
from doppler_logs import OFFSET, iridium
from gauss_newton import doppler

from leopnt.methods.doppler_fix import FIRST_ORDER, FixOptions, problem
from leopnt.methods.doppler_fix.candidates import least_squares
from leopnt.methods.doppler_fix.padding import bucket, padded


@pytest.mark.parametrize("count", [1, 63, 64, 65, 96, 97, 1000, 4097, 200_000])
def test_lengths_are_few_and_waste_at_most_a_third(count):
    length = bucket(count, 64)
    assert length >= count
    assert count > 64 or length == 64
    assert count <= 64 or count > 2 / 3 * length
    doublings = np.log2(length / 64)
    assert min(doublings % 1, (np.log2(length / 96)) % 1) < 1e-12


def test_invisible_links_change_no_estimate(evidence):
    log = iridium()
    theta, data, priors = problem(log, FixOptions(unknowns=OFFSET))
    assert data.observations.shape[0] == 256
    assert int(np.sum(data.mask)) == 218
    options = FixOptions(unknowns=OFFSET, model=FIRST_ORDER)
    start = {"rx_pos_ecef_m": np.array([-2.4e6, 5.4e6, 2.4e6]), "freq_offset_hz": 0.0}
    near = type(theta).at(start["rx_pos_ecef_m"], 8)
    short = least_squares(near, data, priors, options)
    wide = least_squares(near, padded(data, 384), priors, options)
    evidence(
        "methods.doppler_fix.padding",
        "movement of a fix by 128 invisible links",
        "none",
        "invariance",
        achieved=np.linalg.norm(short.theta.rx_pos_ecef_m - wide.theta.rx_pos_ecef_m),
        tolerance=1e-6,
        unit="m",
    )
    x = {"rx_pos_ecef_m": np.asarray(wide.theta.rx_pos_ecef_m)}
    x["freq_offset_hz"] = float(wide.theta.freq_offset_hz)
    assert np.std(log.doppler_hz - doppler(log, x)) < 5.6
