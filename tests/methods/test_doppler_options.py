"""Settings of a fix that contradict themselves are refused when they are made."""

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.doppler_fix import (
    EphemerisAgeing,
    FixOptions,
    Height,
    PerSatelliteSigma,
)

POSITION = ("rx_pos_ecef_m",)
BOTH = (*POSITION, "freq_offset_hz", "sat_freq_offset_hz")

REFUSED = [
    (
        lambda: FixOptions(unknowns=(*POSITION, "freq_ofset_hz")),
        "unknowns: 'freq_ofset_hz' is not one of [",
    ),
    (lambda: FixOptions(unknowns=(*POSITION, "freq_ofset_hz")), "Did you mean 'freq_offset_hz'?"),
    (lambda: FixOptions(unknowns=(*POSITION, *POSITION)), "'rx_pos_ecef_m' is named twice"),
    (lambda: FixOptions(unknowns=("freq_offset_hz",)), "a fix solves for 'rx_pos_ecef_m'; add it"),
    (
        lambda: FixOptions(unknowns=BOTH),
        "cannot be told apart; drop one, or give sat_freq_sigma_hz",
    ),
    (
        lambda: FixOptions(unknowns=(*POSITION, "sat_time_offset_s")),
        "'sat_time_offset_s' needs an a-priori sigma; give ageing=EphemerisAgeing()",
    ),
    (
        lambda: FixOptions(unknowns=(*POSITION, "sat_orbit_offset_m")),
        "'sat_orbit_offset_m' needs an a-priori sigma",
    ),
    (
        lambda: FixOptions(
            unknowns=(*POSITION, "sat_orbit_offset_m"), ageing=EphemerisAgeing(cross_share=0.0)
        ),
        "cross_share of 0 is known exactly",
    ),
    (lambda: FixOptions(snooping_sigmas=1.5), "snooping_sigmas=1.5 would reject good measurements"),
    (lambda: FixOptions(snooping_sigmas=float("nan")), "snooping_sigmas=nan"),
    (
        lambda: FixOptions(unknowns=BOTH, sat_freq_sigma_hz=-1.0),
        "sat_freq_sigma_hz=-1.0; accepted: finite and positive",
    ),
    (lambda: FixOptions(mask_rad=10.0), "mask_rad=10.0 is no elevation in radians (degrees?)"),
    (lambda: FixOptions(start_ecef_m=np.array([1.0, np.nan, 0.0])), "accepted: three finite"),
    (lambda: Height(float("nan")), "height_m=nan"),
    (lambda: Height(100.0, 0.0), "a finite height and a positive sigma"),
    (lambda: Height(6378137.0), "is not the height of a receiver in metres"),
    (lambda: Height(-6000.0), "accepted: -1000 to 2000000"),
    (lambda: PerSatelliteSigma(prior_dof=-1.0), "prior_dof=-1.0; accepted: finite, 0 or more"),
    (lambda: EphemerisAgeing(per_day_m=-5.0), "terms of 0 or more"),
    (lambda: EphemerisAgeing(0.0, 0.0, 0.0), "not all three 0"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_cannot_be_is_refused_with_what_can(make, message):
    with pytest.raises(LeopntError) as caught:
        make()
    assert message in str(caught.value)


def test_no_contradiction_is_accepted(evidence):
    accepted = 0
    for make, _ in REFUSED:
        try:
            make()
        except LeopntError:
            continue
        accepted += 1
    evidence(
        "methods.doppler_fix.options",
        "contradictory settings that were accepted, of 20",
        "list of contradictions",
        "own",
        achieved=accepted,
        tolerance=0,
    )
    assert len(REFUSED) == 20


def test_both_offsets_are_told_apart_by_a_prior():
    assert FixOptions(unknowns=BOTH, sat_freq_sigma_hz=5.0).unknowns == BOTH


def test_elements_age_by_the_stated_polynomial_in_either_direction():
    ageing = EphemerisAgeing(100.0, 20.0, 3.0)
    np.testing.assert_allclose(
        ageing.along_track_m(np.array([0.0, 2.0, -2.0]) * 86400.0), [100.0, 152.0, 152.0]
    )
