"""Power logs with noise that is not the default: no carrier phase, and a blocked beam."""

import dataclasses

import jax
import numpy as np
import pytest
from power_log_cases import ANTENNA, MUNICH_M, measured, rows
from study_sizes import study_size

from leopnt.methods.power import HeightPrior, PowerLogOptions, fix_log, power_trials
from leopnt.noise import Rician, StudentT

KNOWN = PowerLogOptions(height=HeightPrior(520.0, 1000.0))


@pytest.mark.study
def test_fixes_without_phase_claim_the_errors_they_have(evidence):
    count = study_size(200, 4000)
    options = dataclasses.replace(KNOWN, noise=Rician(1.0))
    trials = power_trials(rows(), ANTENNA, MUNICH_M, options, count, jax.random.key(5))
    assert np.all(trials.converged)
    evidence(
        "methods.power.log_trials",
        "mean squared error over claimed covariance without carrier phase, off 3",
        "mean of chi-square with 3 degrees of freedom",
        "monte carlo",
        achieved=abs(np.mean(trials.nees) - 3.0),
        tolerance=5.0 * np.sqrt(6.0 / count),
    )


def test_tails_of_student_save_a_fix_from_a_blocked_beam():
    log = measured(rows(), 1)
    power = np.array(log.power_dbw)
    power[np.argsort(-power)[3]] -= 20.0
    blocked = dataclasses.replace(log, power_dbw=power)
    plain = fix_log(blocked, ANTENNA, KNOWN)
    robust = fix_log(blocked, ANTENNA, dataclasses.replace(KNOWN, noise=StudentT(1.0, 4.0)))
    assert bool(robust.estimate.converged)
    error_m = [np.linalg.norm(one.error_enu_m(MUNICH_M)) for one in (plain, robust)]
    assert error_m[0] > 10.0 * np.linalg.norm(plain.sigma_enu_m)
    assert error_m[1] < 3.0 * np.linalg.norm(robust.sigma_enu_m)
