"""The two-step covariance against drawn errors, and DOP against NumPy."""

import astars_worked_case as case
import numpy as np
import pytest
from astars_skies import AOD, ENU, design, relayed_m, sky

from leopnt.errors import LeopntError
from leopnt.methods.astars import polar_chain, seed_ecef_axes, surface_dop, two_step_covariance

TRIALS, SIGMA_M, SYNC_S, AOD_RAD = 20000, 0.2, 2e-9, 5e-3
SATELLITES = sky(np.random.default_rng(31), 1, 8)[0]


def test_covariance_is_that_of_drawn_errors(evidence):
    rng = np.random.default_rng(2)
    ranges = relayed_m(SATELLITES) + SIGMA_M * rng.normal(size=(TRIALS, 8))
    side = np.linalg.svd(AOD[None])[2][1:]
    directions = AOD + AOD_RAD * rng.normal(size=(TRIALS, 2)) @ side
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    found = polar_chain(SATELLITES, ranges, SYNC_S * rng.normal(size=TRIALS), directions)
    drawn = np.cov(found.rx_pos_ecef_m, rowvar=False)
    rows = design(SATELLITES)
    cofactor = np.linalg.inv(rows.T @ rows)
    elos_m = np.linalg.norm(case.OUTDOOR_ECEF_M - case.SURFACE_ECEF_M)
    parts = two_step_covariance(cofactor, AOD, elos_m, SIGMA_M, SYNC_S, AOD_RAD)
    scale = np.sqrt(np.outer(np.diag(parts.total_m2), np.diag(parts.total_m2)))
    evidence(
        "methods.astars.covariance",
        "covariance of the receiver, ranges, sync and direction drawn, relative",
        f"{TRIALS} runs of the chain",
        "monte carlo",
        achieved=np.max(np.abs(drawn - parts.total_m2) / scale),
        tolerance=0.05,
    )
    np.testing.assert_allclose(np.trace(parts.aod_m2), 2 * (elos_m * AOD_RAD) ** 2, rtol=1e-12)
    np.testing.assert_allclose(np.trace(parts.sync_m2), (299792458.0 * SYNC_S) ** 2, rtol=1e-12)


def test_dop_in_both_axes_is_that_of_numpy(evidence):
    rows = -design(SATELLITES)
    q_ecef = np.linalg.inv(rows.T @ rows)
    turn = np.eye(4)
    turn[:3, :3] = ENU
    q = turn @ q_ecef @ turn.T
    dop = surface_dop(SATELLITES, case.SURFACE_ECEF_M)
    seed = surface_dop(SATELLITES, case.SURFACE_ECEF_M, seed_ecef_axes)
    pairs = [
        (dop.hdop, np.sqrt(q[0, 0] + q[1, 1])),
        (dop.vdop, np.sqrt(q[2, 2])),
        (dop.gdop, np.sqrt(np.trace(q))),
        (seed.hdop, np.sqrt(q_ecef[0, 0] + q_ecef[1, 1])),
        (seed.vdop, np.sqrt(q_ecef[2, 2])),
        (seed.pdop, dop.pdop),
    ]
    evidence(
        "methods.astars.dop",
        "DOP in local and in ECEF axes, relative",
        "numpy.linalg.inv",
        "implementation",
        achieved=max(abs(float(ours) / float(theirs) - 1) for ours, theirs in pairs),
        tolerance=1e-10,
    )


def test_dop_of_twins_is_no_number():
    twins = np.concatenate([SATELLITES[:3], SATELLITES[:1]])
    assert np.isnan(surface_dop(twins, case.SURFACE_ECEF_M).pdop)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.eye(3), AOD, 50.0, 0.2, 0.0, 0.0), r"cofactor has shape \(3, 3\)"),
        ((-np.eye(4), AOD, 50.0, 0.2, 0.0, 0.0), "cofactor has the eigenvalue -1; expected none"),
        ((np.triu(np.ones((4, 4))), AOD, 50.0, 0.2, 0.0, 0.0), "cofactor is off symmetry by 1"),
        ((np.eye(4), AOD, 50.0, 0.0, 0.0, 0.0), "sigma_range_m = 0: expected numbers above 0"),
        ((np.eye(4), AOD, 50.0, 0.2, -1e-9, 0.0), "sigma_sync_s = -1e-09: expected numbers of 0"),
        ((np.eye(4), 2 * AOD, 50.0, 0.2, 0.0, 0.0), "departure: a length is off 1"),
    ],
)
def test_bad_input_is_refused(arguments, message, untyped):
    with pytest.raises(LeopntError, match=message):
        two_step_covariance(*arguments)
