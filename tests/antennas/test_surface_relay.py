"""What a surface passes on: conservation of energy, phases by hand, both sides of the panel."""

import jax
import numpy as np
import pytest
from surface_cases import L1_M, SITE, along, behind, panel

from leopnt.antennas import (
    centered_phases,
    coherent_gain,
    composite_phase_cycles,
    element_amplitudes,
    far_field_phases,
    near_field_phases,
    path_excess_m,
    relay_amplitude,
    relay_power_ratio,
)
from leopnt.errors import LeopntError

SMALL = panel(num_rows=6, num_columns=8)
SAT = along(SMALL, 0.3, 0.5, 2.2e7)
RX = along(SMALL, -0.2, -0.4, 55.9)


def test_a_passive_panel_radiates_what_it_collects(evidence):
    # Flux times r^2 over all directions, in direction cosines: du dv = cos dOmega. The pattern is
    # a trigonometric polynomial of degree 15 in both, so 40 points a period integrate exactly.
    surface = panel(num_rows=16, num_columns=16, spacing_m=0.5 * L1_M)
    sat, far_m = along(surface, 0.3, 0.4, 2.2e7), 1e6
    e, u = (sat - SITE) / 2.2e7, (along(surface, 0.2, -0.1, 1.0) - SITE)
    phases = far_field_phases(surface, e, u, L1_M)
    steps = (np.arange(40) + 0.5) / 20.0 - 1.0
    x, y = (one.ravel() for one in np.meshgrid(steps, steps))
    inside = x * x + y * y < 1.0
    x, y = x[inside], y[inside]
    points = np.array([along(surface, a, b, far_m) for a, b in zip(x, y, strict=True)])
    ratio = np.asarray(relay_power_ratio(surface, phases, sat, points, L1_M))
    radiated_m2 = np.sum(ratio / np.sqrt(1 - x * x - y * y)) * far_m**2 / 20.0**2
    collected_m2 = float(surface.area_m2) * np.sqrt(1 - 0.25)
    evidence(
        "antennas.surface_relay",
        "power radiated by a focused passive panel over power collected",
        "conservation of energy, 1",
        "invariance",
        achieved=abs(radiated_m2 / collected_m2 - 1.0),
        tolerance=0.02,  # side lobes beyond the horizon, which radiate nothing
    )


def test_composite_phase_is_what_separates_the_measured_phase_from_the_path(evidence):
    # Received field by hand, absolute paths; a satellite that the profile is not focused on too.
    other = along(SMALL, 0.28, 0.45, 2.1e7)
    places = np.asarray(SMALL.positions_ecef_m())
    worst = 0.0
    for make in (near_field_phases, centered_phases):
        phases = np.asarray(make(panel(num_rows=6, num_columns=8, phase_bits=2), SAT, RX, L1_M))
        for sat in (SAT, other):
            out_m = np.linalg.norm(RX - places, axis=1)
            path_m = np.linalg.norm(sat - places, axis=1) + out_m
            field = np.sum(np.exp(1j * (phases - 2 * np.pi * (path_m / L1_M % 1.0))) / out_m)
            measured = -np.angle(field) / (2 * np.pi)
            center = (np.linalg.norm(sat - SITE) + np.linalg.norm(RX - SITE)) / L1_M
            left = measured - float(composite_phase_cycles(SMALL, phases, sat, RX, L1_M)) - center
            worst = max(worst, abs(left - round(left)))
    evidence(
        "antennas.surface_relay",
        "carrier phase through a 2-bit panel less its composite phase",
        "path over the centroid, phase of the field by hand",
        "closed form",
        achieved=worst,
        tolerance=2e-4,  # cosines of the elements, left out by hand
        unit="cycles",
    )


def test_a_centered_focus_adds_no_phase_and_the_whole_path_takes_all():
    centered = centered_phases(SMALL, SAT, RX, L1_M)
    assert abs(float(composite_phase_cycles(SMALL, centered, SAT, RX, L1_M))) < 1e-9
    path = (np.linalg.norm(SAT - SITE) + np.linalg.norm(RX - SITE)) / L1_M
    whole = near_field_phases(SMALL, SAT, RX, L1_M)
    left = float(composite_phase_cycles(SMALL, whole, SAT, RX, L1_M)) + path
    np.testing.assert_allclose(left, round(left), atol=2e-7)


def test_one_phase_added_to_all_elements_shifts_the_composite_and_no_power():
    phases = centered_phases(SMALL, SAT, RX, L1_M)
    shifted = phases + 2 * np.pi * 0.1
    found = composite_phase_cycles(SMALL, shifted, SAT, RX, L1_M)
    np.testing.assert_allclose(found, -0.1, atol=1e-9)
    np.testing.assert_allclose(
        relay_power_ratio(SMALL, shifted, SAT, RX, L1_M),
        relay_power_ratio(SMALL, phases, SAT, RX, L1_M),
        rtol=1e-12,
    )


def test_a_panel_passes_on_as_much_through_as_it_reflects():
    both = panel(num_rows=6, num_columns=8, reflect_gain=0.4, transmit_gain=0.6)
    front = RX
    height = np.dot(RX - SITE, both.normal)
    back = RX - 2 * height * np.asarray(both.normal)
    ratio = [
        float(relay_power_ratio(both, centered_phases(both, SAT, rx, L1_M), SAT, rx, L1_M))
        for rx in (front, back)
    ]
    np.testing.assert_allclose(ratio[1] / ratio[0], 1.5, rtol=1e-9)


def test_excess_paths_are_differences_of_ranges():
    near = np.array([RX, along(SMALL, 0.6, 0.1, 2.0)])
    places = np.asarray(SMALL.positions_ecef_m())
    expected = np.linalg.norm(near[:, None] - places[None], axis=2)
    expected -= np.linalg.norm(near - SITE, axis=1)[:, None]
    np.testing.assert_allclose(path_excess_m(SMALL, near), expected, atol=1e-8)


def test_elements_sum_to_the_whole_and_batches_to_each_alone():
    satellites = np.array([SAT, along(SMALL, -0.1, 0.2, 1e6), along(SMALL, 0.0, 0.0, 2e7)])
    phases = centered_phases(SMALL, satellites, RX, L1_M)
    both = relay_amplitude(SMALL, phases[:, None], satellites[None], RX, L1_M)
    assert both.shape == (3, 3)
    fields = element_amplitudes(SMALL, phases[1], satellites[2], RX, L1_M)
    np.testing.assert_allclose(both[1, 2], np.sum(np.asarray(fields)), rtol=1e-9)
    compiled = jax.jit(lambda p, s: relay_power_ratio(SMALL, p, s, RX, L1_M))
    np.testing.assert_allclose(compiled(phases[1], satellites[2]), abs(both[1, 2]) ** 2, rtol=1e-6)


def test_compiled_code_gives_nan_where_nothing_is_served():
    phases = np.zeros(48)
    compiled = jax.jit(lambda s, rx: relay_power_ratio(SMALL, phases, s, rx, L1_M))
    assert np.isnan(compiled(SAT, behind(SMALL, 5.0)))
    assert np.isnan(compiled(behind(SMALL, 2e7), RX))
    assert np.isfinite(compiled(SAT, RX))


@pytest.mark.parametrize("function", [relay_power_ratio, coherent_gain, composite_phase_cycles])
def test_ends_that_are_not_served_are_refused(function):
    with pytest.raises(LeopntError, match=r"satellite 0 is .* behind the plane of the panel"):
        function(SMALL, np.zeros(48), behind(SMALL, 2e7), RX, L1_M)
    with pytest.raises(LeopntError, match="behind a panel that only reflects"):
        function(SMALL, np.zeros(48), SAT, behind(SMALL, 5.0), L1_M)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(47), SAT, RX), r"phases_rad has shape \(47,\); accepted: \(..., 48\)"),
        ((np.full(48, np.inf), SAT, RX), "phases_rad holds NaN or infinity"),
        ((np.zeros(48), SAT[:2], RX), r"sat_pos_ecef_m has shape \(2,\); accepted: \(..., 3\)"),
        (
            (np.zeros((2, 48)), np.tile(SAT, (3, 1)), RX),
            r"leading axes do not fit together: phases_rad \(2,\), sat_pos_ecef_m \(3,\)",
        ),
    ],
)
def test_what_has_no_relay_is_refused(untyped, arguments, message):
    with pytest.raises(LeopntError, match=message):
        relay_power_ratio(SMALL, *arguments, L1_M)
