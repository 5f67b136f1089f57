"""LS-2: its identity with the closed form and what a sync error does."""

import astars_worked_case as case
import numpy as np
import pytest
from astars_skies import AOD, relayed_m, sky

from leopnt.errors import LeopntError
from leopnt.methods.astars import (
    AstarsStatus,
    angle_cosine,
    arrival_directions,
    corrected_range,
    polar_chain,
    published_chain,
    receiver_fix,
    receiver_fix_with_offset,
    receiver_polar,
)

TRIALS = 500


@pytest.fixture(scope="module")
def skies():
    return sky(np.random.default_rng(3), TRIALS, 8)


def corrected(satellites, elos_m, direction=AOD):
    e = arrival_directions(satellites, case.SURFACE_ECEF_M)
    range_m = np.linalg.norm(satellites - case.SURFACE_ECEF_M, axis=-1)
    chi = angle_cosine(e, direction)
    return corrected_range(range_m, np.asarray(elos_m), chi)


@pytest.mark.parametrize("num_sats", [3, 8])
def test_one_direction_gives_the_closed_form_whatever_the_sync_error(skies, num_sats, evidence):
    elos_m = 55.9 + 30.0
    satellites = skies[:, :num_sats]
    found = receiver_fix(satellites, corrected(satellites, elos_m), case.SURFACE_ECEF_M)
    polar = receiver_polar(case.SURFACE_ECEF_M, elos_m, AOD)
    good = (found.status == AstarsStatus.ok) & (found.condition < 10.0)
    assert np.mean(good) > 0.3
    evidence(
        "methods.astars.receiver_fix",
        f"LS-2 of {num_sats} satellites, one direction, 100 ns of sync error",
        "S + r u",
        "closed form",
        achieved=np.max(np.linalg.norm(found.rx_pos_ecef_m[good] - polar, axis=-1)),
        tolerance=5e-8,
        unit="m",
    )
    # A corrected range of 2e7 m is rounded by up to 2e-9 m, and PDOP multiplies that.
    off_m = np.linalg.norm(found.rx_pos_ecef_m[good] - polar, axis=-1)
    pdop = np.sqrt(np.trace(found.cofactor[good], axis1=1, axis2=2))
    evidence(
        "methods.astars.receiver_fix",
        f"LS-2 of {num_sats} satellites, one direction, RMS for each unit of PDOP",
        "S + r u",
        "closed form",
        achieved=np.sqrt(np.mean((off_m / pdop) ** 2)),
        tolerance=5e-9,
        unit="m",
    )


def test_the_worked_case_keeps_the_identity(evidence):
    found = corrected(case.SAT_POS_ECEF_M, 55.9)
    solved = receiver_fix(case.SAT_POS_ECEF_M, found, case.SURFACE_ECEF_M)
    polar = receiver_polar(case.SURFACE_ECEF_M, 55.9, AOD)
    evidence(
        "methods.astars.receiver_fix",
        "LS-2 of the worked case's satellites",
        "S + r u",
        "closed form",
        achieved=np.linalg.norm(solved.rx_pos_ecef_m - polar),
        tolerance=5e-9,
        unit="m",
    )


def test_exact_chain_finds_the_receiver_and_a_sync_error_moves_it_along(skies, evidence):
    ranges = relayed_m(skies, clock_bias_m=-299792458.0 * 1e-7)
    exact = published_chain(skies, ranges, -1e-7, AOD)
    late = published_chain(skies, ranges, -1.1e-7, AOD)
    good = (exact.status == AstarsStatus.ok) & (exact.surface.condition < 30.0)
    evidence(
        "methods.astars.chain",
        "receiver by the exact chain, 8 satellites",
        "planted position",
        "invariance",
        achieved=np.max(np.linalg.norm(exact.rx_pos_ecef_m[good] - case.OUTDOOR_ECEF_M, axis=-1)),
        tolerance=1e-6,
        unit="m",
    )
    moved = (late.rx_pos_ecef_m - exact.rx_pos_ecef_m)[good]
    expected = 299792458.0 * 1e-8 * AOD
    evidence(
        "methods.astars.chain",
        "move of the receiver by 10 ns of sync error",
        "2.9979 m along the last leg",
        "closed form",
        achieved=np.max(np.linalg.norm(moved - expected, axis=-1)),
        tolerance=1e-6,
        unit="m",
    )
    closed = polar_chain(skies, ranges, -1.1e-7, AOD)
    np.testing.assert_allclose(closed.rx_pos_ecef_m[good], late.rx_pos_ecef_m[good], atol=1e-6)


def test_a_common_offset_does_not_absorb_a_sync_error(skies):
    good = np.linalg.cond(arrival_directions(skies, case.SURFACE_ECEF_M)) < 10
    elos_m = 55.9017 + 2.9979
    found = receiver_fix_with_offset(skies, corrected(skies, elos_m), case.SURFACE_ECEF_M)
    off_m = np.linalg.norm(found.rx_pos_ecef_m - case.OUTDOOR_ECEF_M, axis=-1)
    good &= found.status == AstarsStatus.ok
    np.testing.assert_allclose(off_m[good], 2.9979, atol=1e-3)
    np.testing.assert_allclose(found.range_offset_m[good], 0.0, atol=1e-5)


def test_a_network_time_of_the_wrong_sign_is_told():
    ranges = relayed_m(case.SAT_POS_ECEF_M, clock_bias_m=-299792458.0 * 2e-7)
    found = published_chain(case.SAT_POS_ECEF_M, ranges, 2e-7, AOD)
    assert found.status == AstarsStatus.no_last_leg
    assert "network time of the wrong sign" in AstarsStatus[found.status]
    assert np.all(np.isnan(found.rx_pos_ecef_m))
    assert found.elos_m < 0.0


S = case.SURFACE_ECEF_M


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: receiver_polar(S, -1.0, AOD), "elos_m = -1: expected a distance above 0"),
        (lambda: receiver_polar(S, 50.0, 1.001 * AOD), "departure: a length is off 1 by 0.001"),
        (lambda: receiver_polar(S[:2], 50.0, AOD), r"surface_pos_ecef_m has shape \(2,\)"),
        (
            lambda: receiver_fix(case.SAT_POS_ECEF_M[:2], np.full(2, 2.2e7), S),
            "holds 2 satellites; the unknowns need 3",
        ),
        (
            lambda: receiver_fix_with_offset(case.SAT_POS_ECEF_M[:3], np.full(3, 2.2e7), S),
            "holds 3 satellites; the unknowns need 4",
        ),
        (
            lambda: published_chain(case.SAT_POS_ECEF_M, np.full(5, 2.2e7), np.nan, AOD),
            "network_clock_bias_s.* is nan",
        ),
    ],
)
def test_bad_input_is_refused(call, message, untyped):
    with pytest.raises(LeopntError, match=message):
        call()
