"""Angles at the surface against vectors, corrected ranges against positions, and panels."""

import astars_worked_case as case
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.astars import (
    angle_cosine,
    arrival_directions,
    check_reflecting,
    check_transmitting,
    corrected_range,
    elos_distance,
    plane_wave_range,
    reflection_cosine,
    seed_reflection_cosine,
    seed_transmission_cosine,
    transmission_cosine,
)

RNG = np.random.default_rng(4)
TA, TD = RNG.uniform(0.0, np.pi / 2, (2, 200))
PSI_A, PSI_D = RNG.uniform(-np.pi, np.pi, (2, 200))


def unit(polar, azimuth):
    flat = np.sin(polar)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.cos(polar)], axis=-1)


@pytest.mark.parametrize(
    ("name", "form", "back"),
    [("reflection", reflection_cosine, 1.0), ("transmission", transmission_cosine, -1.0)],
)
def test_angles_in_the_panel_frame_give_the_cosine_of_the_vectors(name, form, back, evidence):
    departure = unit(TD, PSI_D) * np.array([1.0, 1.0, back])
    expected = np.sum(unit(TA, PSI_A) * departure, axis=-1)
    evidence(
        "methods.astars.correction",
        f"cosine at the surface, {name}",
        "product of unit vectors",
        "closed form",
        achieved=np.max(np.abs(form(TA, TD, PSI_A - PSI_D) - expected)),
        tolerance=1e-14,
    )


def test_published_cosines_are_those_of_one_plane():
    np.testing.assert_allclose(seed_reflection_cosine(TA, TD), np.cos(TA + TD), atol=1e-14)
    expected = np.cos(np.pi - TA + TD)
    np.testing.assert_allclose(seed_transmission_cosine(TA, TD), expected, atol=1e-14)


def test_corrected_ranges_are_distances(evidence):
    surface, receiver = case.SURFACE_ECEF_M, case.OUTDOOR_ECEF_M
    elos_m = np.linalg.norm(receiver - surface)
    chi = angle_cosine(
        arrival_directions(case.SAT_POS_ECEF_M, surface), (receiver - surface) / elos_m
    )
    range_m = np.linalg.norm(case.SAT_POS_ECEF_M - surface, axis=-1)
    expected = np.linalg.norm(case.SAT_POS_ECEF_M - receiver, axis=-1)
    evidence(
        "methods.astars.correction",
        "corrected range",
        "distance from satellite to receiver",
        "closed form",
        achieved=np.max(np.abs(corrected_range(range_m, elos_m, chi) - expected)),
        tolerance=2e-8,
        unit="m",
    )
    np.testing.assert_allclose(plane_wave_range(range_m, elos_m, chi), expected, atol=1e-8, rtol=0)


def test_a_late_network_time_shortens_the_last_leg():
    exact = elos_distance(-1.02e-7, case.FOUND_LUMPED_CLOCK_M)
    np.testing.assert_allclose(exact, case.FOUND_ELOS_M, atol=1e-6)
    later = elos_distance(-1.02e-7 + 1e-9, case.FOUND_LUMPED_CLOCK_M)
    np.testing.assert_allclose(later - exact, -0.299792458, atol=1e-9)


NORMAL = np.array([0.0, 0.0, 1.0])
FRONT, BACK = np.array([[0.6, 0.0, 0.8]]), np.array([[0.6, 0.0, -0.8]])


def test_panels_accept_what_they_serve():
    check_reflecting(NORMAL, FRONT, FRONT[0])
    check_transmitting(NORMAL, FRONT, BACK[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_reflecting(NORMAL, FRONT, BACK[0]), "receiver is behind the panel"),
        (lambda: check_transmitting(NORMAL, FRONT, FRONT[0]), "receiver is in front of the panel"),
        (lambda: check_reflecting(NORMAL, BACK, FRONT[0]), "satellite 0 is behind the panel"),
        (lambda: angle_cosine(2.0 * FRONT, FRONT[0]), "arrival: a length is off 1 by 1"),
        (lambda: angle_cosine(FRONT[0], FRONT[0]), r"arrival has shape \(3,\)"),
        (lambda: corrected_range(2e7, 50.0, 1.001), r"chi: \|chi\| = 1.001"),
        (lambda: corrected_range(2e7, 0.0, 0.5), "elos_m = 0: expected numbers above 0"),
        (lambda: corrected_range(np.inf, 50.0, 0.5), "expected finite numbers"),
        (lambda: plane_wave_range(np.full(3, 2e7), np.full(2, 50.0), 0.5), r"elos_m \(2,\)"),
        (lambda: elos_distance(np.zeros(3), np.zeros(2)), r"lumped_clock_m \(2,\)"),
        (lambda: reflection_cosine(np.zeros(3), 0.0, np.zeros(2)), r"arrival_polar_rad \(3,\)"),
        (lambda: arrival_directions(2e7 * np.ones((2, 5, 3)), np.ones((3, 3))), "do not fit"),
    ],
)
def test_bad_input_is_refused(call, message, untyped):
    with pytest.raises(LeopntError, match=message):
        call()
