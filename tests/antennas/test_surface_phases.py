"""Commanded phases against path lengths, and rounded ones against the loss of uniform steps."""

import jax
import numpy as np
import pytest
from surface_cases import L1_M, SITE, along, behind, panel

from leopnt.antennas import (
    centered_phases,
    coherent_gain,
    far_field_phases,
    near_field_phases,
    quantization_loss_db,
    quantized,
)
from leopnt.errors import LeopntError

SMALL = panel(num_rows=6, num_columns=8)
SAT = along(SMALL, 0.3, 0.5, 2.2e7)
RX = along(SMALL, -0.2, -0.4, 55.9)


def turns_apart(one_rad, other_rad):
    turns = (np.asarray(one_rad) - np.asarray(other_rad)) / (2 * np.pi)
    return np.max(np.abs(turns - np.round(turns)))


def unit(point):
    return (point - SITE) / np.linalg.norm(point - SITE)


def test_near_field_phases_are_the_whole_path_over_each_element(evidence):
    places = np.asarray(SMALL.positions_ecef_m())
    path_m = np.linalg.norm(SAT - places, axis=1) + np.linalg.norm(RX - places, axis=1)
    found = near_field_phases(SMALL, SAT, RX, L1_M)
    evidence(
        "antennas.surface_phases",
        "focusing phases of 48 elements, GPS satellite to 56 m",
        "2 pi / lambda (|s - p| + |U - p|), modulo a turn",
        "closed form",
        achieved=turns_apart(found, 2 * np.pi * path_m / L1_M),
        tolerance=2e-7,  # ranges of 2e7 m resolve 4e-9 m
        unit="cycles",
    )
    assert np.all((np.asarray(found) >= 0) & (np.asarray(found) < 2 * np.pi))
    less_m = np.linalg.norm(SAT - SITE) + np.linalg.norm(RX - SITE)
    centered = centered_phases(SMALL, SAT, RX, L1_M)
    assert turns_apart(centered, 2 * np.pi * (path_m - less_m) / L1_M) < 2e-7


def test_far_away_curved_phases_are_those_of_plane_waves():
    far = along(SMALL, -0.2, -0.4, 1e7)
    plane = far_field_phases(SMALL, unit(SAT), unit(far), L1_M)
    assert turns_apart(plane, centered_phases(SMALL, SAT, far, L1_M)) < 1e-6
    assert turns_apart(plane, centered_phases(SMALL, SAT, RX, L1_M)) > 1e-3


@pytest.mark.parametrize("make", [near_field_phases, centered_phases])
def test_a_focus_adds_up_all_elements(make):
    phases = make(SMALL, SAT, RX, L1_M)
    np.testing.assert_allclose(coherent_gain(SMALL, phases, SAT, RX, L1_M), 48.0**2, rtol=1e-10)


def test_many_satellites_at_once_are_each_alone():
    satellites = np.array([SAT, along(SMALL, -0.1, 0.2, 1e6)])
    together = jax.jit(lambda s: near_field_phases(SMALL, s, RX, L1_M))(satellites)
    assert together.shape == (2, 48)
    for one, sat in zip(together, satellites, strict=True):
        assert turns_apart(one, near_field_phases(SMALL, sat, RX, L1_M)) < 1e-6


@pytest.mark.parametrize(("bits", "loss_db"), [(1, 3.92), (2, 0.91), (3, 0.22)])
def test_rounded_phases_lose_what_uniform_errors_do(bits, loss_db, evidence):
    surface = panel(phase_bits=bits)
    rx = along(surface, 0.31, 0.17, 30.0)
    phases = near_field_phases(surface, SAT, rx, L1_M)
    steps = np.asarray(phases) * 2**bits / (2 * np.pi)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
    gain_db = 10 * np.log10(float(coherent_gain(surface, phases, SAT, rx, L1_M)) / 1600**2)
    np.testing.assert_allclose(quantization_loss_db(bits), loss_db, atol=5e-3)
    evidence(
        "antennas.surface_phases",
        f"loss of {bits}-bit phases, 1600 elements",
        "sinc^2(1 / 2^bits)",
        "closed form",
        achieved=abs(-gain_db - loss_db),
        tolerance=0.35 / bits,  # 1600 errors: their mean scatters by 2 %, more with one bit
        unit="dB",
    )


def test_rounding_takes_the_nearest_step_of_a_turn():
    surface = panel(num_rows=1, num_columns=4, phase_bits=2)
    found = quantized(surface, np.radians([44.0, 46.0, -44.0, 316.0]))
    np.testing.assert_allclose(np.degrees(found), [0.0, 90.0, 0.0, 0.0], atol=1e-12)
    assert np.all(np.asarray(quantized(SMALL, np.full(48, -1e-18))) == 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: near_field_phases(SMALL, np.array([SAT, behind(SMALL, 9e6)]), RX, L1_M),
            r"sat_pos_ecef_m: satellite 1 is 9e\+06 m behind the plane of the panel",
        ),
        (
            lambda: near_field_phases(SMALL, SAT, behind(SMALL, 7.0), L1_M),
            r"rx_pos_ecef_m: the receiver is 7 m behind a panel that only reflects",
        ),
        (
            lambda: centered_phases(
                panel(num_rows=2, reflect_gain=0.0, transmit_gain=1.0), SAT, RX, L1_M
            ),
            "m in front of a panel that only transmits",
        ),
        (lambda: near_field_phases(SMALL, SAT, SITE, L1_M), "in the plane of the panel"),
        (lambda: far_field_phases(SMALL, -unit(SAT), unit(RX), L1_M), "arrival: satellite 0 is"),
        (lambda: far_field_phases(SMALL, unit(SAT), -unit(RX), L1_M), "departure: the receiver is"),
        (lambda: far_field_phases(SMALL, SAT - SITE, unit(RX), L1_M), "arrival: a length is off"),
        (lambda: near_field_phases(SMALL, SAT, RX, 0.0), "wavelength_m = 0 m: expected"),
        (lambda: near_field_phases(SMALL, SAT, RX * np.nan, L1_M), "rx_pos_ecef_m holds NaN"),
        (
            lambda: near_field_phases(SMALL, np.tile(SAT, (2, 1)), np.tile(RX, (3, 1)), L1_M),
            r"leading axes do not fit together: sat_pos_ecef_m \(2,\), rx_pos_ecef_m \(3,\)",
        ),
        (lambda: quantization_loss_db(0), "phase_bits = 0: expected an integer of 1 or more"),
    ],
)
def test_what_cannot_be_focused_is_refused(untyped, call, message):
    with pytest.raises(LeopntError, match=message):
        call()
