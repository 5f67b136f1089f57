"""Limits of surfaces against numbers by hand and sums over elements."""

import numpy as np
import pytest
from surface_cases import L1_M, L2_M, SITE, along, panel

from leopnt.antennas import (
    coherent_gain,
    far_field_phases,
    focal_spot_m,
    largest_spacing_m,
    near_field_distance_m,
    near_field_phases,
    relay_power_ratio,
    scan_limit_rad,
    warn_of_grating_lobes,
)
from leopnt.errors import LeopntError, LeopntWarning

FAR_M = 2.2e7


def test_an_eighth_of_a_meter_scans_to_31_degrees_at_l1_and_72_at_l2(evidence):
    found = np.degrees([float(scan_limit_rad(0.125, lam)) for lam in (L1_M, L2_M)])
    # sin = 0.190294 / 0.125 - 1 = 0.52235, 0.244210 / 0.125 - 1 = 0.95368
    evidence(
        "antennas.surface_limits",
        "scan limit of 0.125 m at L1 and L2",
        "by hand, 31.5 and 72.5 deg",
        "closed form",
        achieved=np.max(np.abs(found - [31.491, 72.494])),
        tolerance=2e-3,
        unit="deg",
    )


@pytest.mark.parametrize(("spacing_m", "limit_rad"), [(0.5, np.pi / 2), (0.2, np.pi / 2), (1.0, 0)])
def test_the_limit_ends_at_half_a_wavelength_and_at_a_whole_one(spacing_m, limit_rad):
    np.testing.assert_allclose(scan_limit_rad(spacing_m, 1.0), limit_rad, atol=1e-7)


def test_beyond_the_limit_another_direction_has_the_full_gain():
    surface = panel(num_rows=4, num_columns=10, spacing_m=0.125)
    sine, sat = np.sin(np.radians(40.0)), along(surface, 0.0, 0.0, FAR_M)
    with pytest.warns(LeopntWarning, match=r"0.66 wavelengths, .* beyond 31.5 deg .* 0.095 m"):
        phases = near_field_phases(surface, sat, along(surface, sine, 0.0, 1e6), L1_M)
    lobe = along(surface, sine - L1_M / 0.125, 0.0, 1e6)
    gain = coherent_gain(surface, phases, sat, lobe, L1_M)
    np.testing.assert_allclose(gain, 40.0**2, rtol=1e-5)
    # Within it the same offset is beyond the horizon.
    limit = float(scan_limit_rad(0.125, L1_M))
    assert np.sin(limit + 1e-3) - L1_M / 0.125 > -1.0 > np.sin(limit - 1e-3) - L1_M / 0.125


def test_half_a_wavelength_or_less_says_nothing():
    warn_of_grating_lobes(panel(), L1_M)
    warn_of_grating_lobes(panel(spacing_m=0.5 * L1_M), L1_M)


def test_the_band_with_the_shortest_wave_sets_the_spacing():
    np.testing.assert_allclose(largest_spacing_m(np.array([L1_M, L2_M])), 0.0951, atol=1e-4)
    np.testing.assert_allclose(largest_spacing_m(0.2), 0.1)


@pytest.mark.parametrize(("side_m", "expected_m"), [(5.0, 263.0), (25.0, 6569.0)])
def test_five_meters_are_near_up_to_263_meters(side_m, expected_m):
    np.testing.assert_allclose(near_field_distance_m(side_m, L1_M), expected_m, atol=0.5)
    # A sixteenth of a wavelength from the plane to the sphere at the end of the side.
    sag_m = expected_m - np.sqrt(expected_m**2 - (side_m / 2) ** 2)
    np.testing.assert_allclose(sag_m, L1_M / 16, rtol=2e-3)


def test_the_spot_has_its_first_null_at_lambda_r_over_d():
    surface = panel(num_rows=4, num_columns=40)
    sat, rx = along(surface, 0.0, 0.0, FAR_M), along(surface, 0.0, 0.0, 60.0)
    phases = near_field_phases(surface, sat, rx, L1_M)
    offset_m = float(focal_spot_m(surface.size_m[0], 60.0, L1_M))
    null = rx + offset_m * np.asarray(surface.row_axis)
    ratio = relay_power_ratio(surface, phases, sat, np.array([rx, null]), L1_M)
    assert ratio[1] < 1e-4 * ratio[0]
    # Plane-wave phases do not focus there: 3.8 m are near at 60 m.
    flat = far_field_phases(surface, (sat - SITE) / FAR_M, (rx - SITE) / 60.0, L1_M)
    assert relay_power_ratio(surface, flat, sat, rx, L1_M) < 0.95 * ratio[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scan_limit_rad(0.0, 0.2), "spacing_m = 0 m: expected a number above 0"),
        (lambda: near_field_distance_m(-5.0, 0.2), "side_m = -5 m: expected"),
        (lambda: focal_spot_m(5.0, 0.0, 0.2), "range_m = 0 m: expected"),
        (lambda: largest_spacing_m(np.array([0.2, -0.1])), "wavelength_m = .*: expected numbers"),
        (lambda: warn_of_grating_lobes(panel(), 0.0), "wavelength_m = 0 m: expected"),
    ],
)
def test_what_is_no_length_is_refused(call, message):
    with pytest.raises(LeopntError, match=message):
        call()
