"""Numbers and sentences: what a reader is told, checked against hand-written text."""

import math

import numpy as np
import pytest
import xarray as xr

from leopnt.report import words


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (61.27, 2, "61"),
        (101.3, 2, "101"),
        (8.346, 2, "8.3"),
        (0.05, 2, "0.050"),
        (-2414467.8, 6, "-2414468"),
        (0.0, 3, "0"),
        (1.7e-7, 2, "1.7e-07"),
        (math.nan, 3, "unknown"),
        (math.inf, 3, "unknown"),
    ],
)
def test_significant_digits_never_round_before_the_point(value, digits, text):
    assert words.significant(value, digits) == text


@pytest.mark.parametrize(
    ("value_m", "text"),
    [
        (61.3, "61 m"),
        (0.034, "34 mm"),
        (-0.034, "-34 mm"),
        (12_345.0, "12.3 km"),
        (0.0, "0 m"),
        (math.nan, "unknown"),
    ],
)
def test_lengths_choose_their_unit(value_m, text):
    assert words.length(value_m) == text


def test_places_name_hemispheres_and_wrap_longitudes():
    assert words.place(22.3046, 114.18012) == "22.30460 N, 114.18012 E"
    assert words.place(-33.5, 181.0) == "33.50000 S, 179.00000 W"
    assert words.place(math.nan, 1.0) == "unknown"


@pytest.mark.parametrize(
    ("sigma_m", "digits"), [(61.0, 5), (0.02, 8), (5e4, 2), (1e-9, 9), (math.nan, 5), (1e9, 2)]
)
def test_last_digit_of_a_place_follows_its_sigma(sigma_m, digits):
    latitude = words.place(1.0, 2.0, sigma_m).split(" ")[0]
    assert len(latitude.split(".")[1]) == digits


def test_fix_is_told_most_important_first(fix):
    assert words.fix_sentences(fix) == [
        "22.30408 N, 114.18094 E, height 83 m above the WGS 84 ellipsoid; predicted 1-sigma "
        "78 m east, 48 m north, 53 m up.",
        "Error against the surveyed truth: 102 m horizontal, 104 m in 3D; the truth lies inside "
        "the 95 % ellipse.",
        "Converged in 6 iterations.",
        "218 Doppler measurements of 7 satellites: 214 used, 4 rejected.",
        "The residuals agree with the assumed noise (chi-square 203.7 for 210 degrees of "
        "freedom, p = 0.41).",
        "The search found 2 other positions; the best lies 1707 km away and has a residual rms "
        "of 1843 Hz (mirror across the ground track of Iridium 19).",
    ]


def test_unsolved_fix_leads_with_the_reason(unsolved_fix):
    assert words.fix_sentences(unsolved_fix) == [
        "Not converged: fewer usable satellites than unknowns.",
        "There is no position.",
        "218 Doppler measurements of 7 satellites: 0 used, 218 rejected.",
    ]


def test_status_of_a_converged_fix_is_passed_on(fix):
    noted = fix.assign_attrs(status="the bound on the height was reached.")
    assert words.status_sentence(noted) == (
        "Converged in 6 iterations; the bound on the height was reached."
    )


@pytest.mark.parametrize(
    ("chi2", "p_value", "verdict"),
    [
        (840.0, 1e-9, "are 2.00 times the assumed noise"),
        (52.5, 1.0, "are only 0.500 times the assumed noise"),
        (203.7, 0.41, "agree with the assumed noise"),
    ],
)
def test_chi_square_gets_a_verdict_on_both_sides(fix, chi2, p_value, verdict):
    changed = fix.assign(chi2=chi2, chi2_p_value=p_value)
    assert verdict in words.chi_square_sentence(changed)


def test_chi_square_without_redundancy_is_no_test(fix):
    assert "nothing is left over" in words.chi_square_sentence(fix.assign(chi2_dof=0))


@pytest.mark.parametrize(("error_m", "verdict"), [(2.44, "inside"), (2.46, "outside")])
def test_truth_is_inside_up_to_2_45_sigma(error_m, verdict):
    fix = xr.Dataset(
        {
            "covariance_enu_m2": (("enu", "enu_2"), np.eye(3)),
            "error_enu_m": ("enu", np.array([0.6 * error_m, -0.8 * error_m, 50.0])),
        }
    )
    assert words.truth_in_ellipse(fix) == verdict


def test_distance_of_a_quarter_of_the_equator_is_10008_km():
    assert words.distance_between(0.0, 170.0, 0.0, -100.0) == pytest.approx(10_007_543, rel=1e-4)
    assert words.distance_between(90.0, 0.0, -90.0, 50.0) == pytest.approx(20_015_087, rel=1e-4)


def test_sky_is_told_in_words(sky):
    first, second = words.sky_sentences(sky)
    assert first == (
        "Over 22.30460 N, 114.18012 E, 2025-12-05 12:00:00 to 12:30:00 UTC: 22 of 240 "
        "satellites above 10 deg at some time."
    )
    assert second.startswith("At once: 3 to 6, median 4. PDOP: ")
    assert "undefined at 2 of 61 epochs" in second


def test_time_span_repeats_the_date_only_if_it_changes():
    assert words.time_span(["2025-12-31T23:00:00Z", "2026-01-01T01:00:00.5Z"]) == (
        "2025-12-31 23:00:00 to 2026-01-01 01:00:00 UTC"
    )
    assert words.time_span(["2025-12-31T23:00:00Z"]) == "2025-12-31 23:00:00 UTC"
    assert words.time_span([]) == "no epoch"
