"""The published chain on an independent implementation's worked case."""

import astars_worked_case as case
import numpy as np
import pytest

from leopnt.methods.astars import AstarsStatus, published_chain, ranges_of_phases, surface_dop


@pytest.fixture(scope="module")
def found():
    range_m = ranges_of_phases(case.PHASE_CYCLES, case.WAVELENGTH_M)
    return published_chain(case.SAT_POS_ECEF_M, range_m, case.CLOCK_BIAS_S, case.AOD)


def test_worked_case_is_found_to_ten_micrometers(found, evidence):
    pairs = {
        "surface": (found.surface.surface_pos_ecef_m, case.FOUND_SURFACE_ECEF_M),
        "lumped clock": (found.surface.lumped_clock_m, case.FOUND_LUMPED_CLOCK_M),
        "last leg": (found.elos_m, case.FOUND_ELOS_M),
        "corrected ranges": (found.corrected_m, case.FOUND_CORRECTED_M),
        "receiver": (found.rx_pos_ecef_m, case.FOUND_RX_ECEF_M),
    }
    for what, (ours, theirs) in pairs.items():
        evidence(
            "methods.astars.chain",
            f"worked case: {what}",
            "worked case of an independent implementation",
            "implementation",
            achieved=np.max(np.abs(np.asarray(ours) - theirs)),
            tolerance=1e-5,
            unit="m",
        )
    error_m = np.linalg.norm(np.asarray(found.rx_pos_ecef_m) - case.OUTDOOR_ECEF_M)
    np.testing.assert_allclose(error_m, case.FOUND_ERROR_M, atol=1e-5)


def test_dop_of_the_worked_case_is_found(found, evidence):
    dop = surface_dop(case.SAT_POS_ECEF_M, found.surface.surface_pos_ecef_m)
    worst = max(abs(float(getattr(dop, name)) - value) for name, value in case.FOUND_DOP.items())
    evidence(
        "methods.astars.dop",
        "HDOP, VDOP, PDOP, TDOP at the surface",
        "worked case of an independent implementation",
        "implementation",
        achieved=worst,
        tolerance=1e-7,
    )


def test_a_last_leg_that_is_none_leaves_no_receiver_behind():
    range_m = ranges_of_phases(case.PHASE_CYCLES, case.WAVELENGTH_M)
    found = published_chain(case.SAT_POS_ECEF_M, range_m, case.CLOCK_BIAS_S + 1e-6, case.AOD)
    assert found.status == AstarsStatus.no_last_leg
    assert found.receiver.status == AstarsStatus.no_last_leg
    assert float(found.elos_m) < 0.0
    assert np.all(np.isfinite(found.surface.surface_pos_ecef_m))
    after = (found.corrected_m, found.rx_pos_ecef_m, found.receiver.rx_pos_ecef_m)
    after += (found.receiver.residual_m, found.receiver.cofactor)
    assert all(np.all(np.isnan(one)) for one in after)
