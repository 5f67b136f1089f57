"""Budgets over a surface against numbers by hand and sums over its elements."""

import jax
import numpy as np
import pytest
from surface_cases import L1_M, SITE, along, behind, panel

from leopnt.antennas import (
    CosinePower,
    centered_phases,
    element_amplitudes,
    relay_power_ratio,
)
from leopnt.channel import (
    Amplifiers,
    NoFading,
    RayleighFading,
    Receiver,
    carrier_phase_sigma_cycles,
    faded_power,
    focused_gain_db,
    focused_power_ratio,
    sub_array_loss_db,
    surface_budget,
    surface_noise_density,
    time_share_loss_db,
)
from leopnt.channel.fading import RicianFading
from leopnt.errors import LeopntError, LeopntWarning

FIVE_METERS = panel(spacing_m=0.125)
SAT, RX = along(FIVE_METERS, 0.0, 0.0, 2.2e7), along(FIVE_METERS, 0.0, 0.0, 55.902)
CLEAR = {"first_hop": NoFading(), "second_hop": NoFading()}
RECEIVER = Receiver(290.0)


def decibels(ratio):
    return 10 * np.log10(np.asarray(ratio))


def test_five_passive_meters_at_56_are_7_db_over_the_direct_signal(evidence):
    # 20 log10(25 / (0.190294 55.902)) = 20 log10 2.35012 = 7.422 dB; 20 log10 8 = 18.062 dB.
    whole = float(decibels(focused_power_ratio(25.0, 55.902, L1_M)))
    shared = float(decibels(focused_power_ratio(25.0, 55.902, L1_M, num_sub_arrays=8)))
    evidence(
        "channel.surface_path",
        "relayed over direct power, 5 m panel at 55.9 m, whole and shared by 8",
        "by hand, +7.4 and -10.6 dB",
        "closed form",
        achieved=max(abs(whole - 7.4), abs(shared + 10.6)),
        tolerance=0.05,
        unit="dB",
    )
    restored = focused_power_ratio(25.0, 55.902, L1_M, num_sub_arrays=8, power_gain=10**1.1)
    assert 0.0 < decibels(restored) < 1.0  # 11 dB restore the direct level


def test_the_closed_form_is_the_sum_over_the_elements(evidence):
    # The sum takes flux from every cell and radiates it as a cell does: another way to the same
    # power, which conserves energy (tests of antennas.surface_relay).
    cases = [
        (0.0, 0.0, 0.0, 0.0, 55.902),
        (0.3, 0.5, -0.2, -0.4, 55.9),
        (0.1, 0.6, 0.5, 0.0, 200.0),
    ]
    worst = 0.0
    for x, y, a, b, range_m in cases:
        sat, rx = along(FIVE_METERS, x, y, 2.2e7), along(FIVE_METERS, a, b, range_m)
        with pytest.warns(LeopntWarning, match="grating lobes"):
            phases = centered_phases(FIVE_METERS, sat, rx, L1_M)
        summed = relay_power_ratio(FIVE_METERS, phases, sat, rx, L1_M)
        budget = surface_budget(FIVE_METERS, sat, rx, L1_M, RECEIVER, **CLEAR)
        worst = max(worst, abs(float(budget.relayed_over_direct_db - decibels(summed))))
    evidence(
        "channel.surface_path",
        "relayed power of a focused 5 m panel, three geometries",
        "sum over 1600 elements",
        "implementation",
        achieved=worst,
        tolerance=0.02,  # elements are not all equally far: (D / r)^2
        unit="dB",
    )


def test_carrier_and_noise_in_watts_come_out_by_hand(evidence):
    surface = panel(spacing_m=0.125, amplification=100.0, reflect_gain=60.0, transmit_gain=40.0)
    found = surface_budget(
        surface,
        SAT,
        behind(surface, 30.0),
        L1_M,
        Receiver(400.0, CosinePower(1.0)),
        num_sub_arrays=4,
        amplifiers=Amplifiers(3.0),
        rx_angle_rad=0.8,
        **CLEAR,
    )
    antenna = 4.0 * np.cos(0.8)
    carrier_w = 10**-15.85 * 40.0 * (25.0 / (4 * L1_M * 30.0)) ** 2 * antenna
    # Each of 1600 amplifiers: k T F beta through 4 pi a / lambda^2, (lambda / (4 pi r))^2.
    cell = 4 * np.pi * 0.125**2 / L1_M**2 * (L1_M / (4 * np.pi * 30.0)) ** 2
    surface_wphz = 1600 * 1.380649e-23 * 290.0 * 10**0.3 * 40.0 * cell * antenna
    noise_wphz = 1.380649e-23 * 400.0 + surface_wphz
    evidence(
        "channel.surface_path",
        "C/N0 of an active panel transmitting to four satellites' receiver",
        "powers in watts, element by element",
        "closed form",
        achieved=abs(float(found.cn0_dbhz) - decibels(carrier_w / noise_wphz)),
        tolerance=1e-9,
        unit="dB",
    )
    np.testing.assert_allclose(found.surface_noise_dbwphz, decibels(surface_wphz), rtol=1e-12)
    np.testing.assert_allclose(found.snr_db(0.02), found.cn0_dbhz - 16.9897, atol=1e-4)
    sigma = carrier_phase_sigma_cycles(found.cn0_dbhz, 15.0, 0.02)
    np.testing.assert_allclose(found.phase_sigma_cycles(), sigma, rtol=1e-12)


def test_amplifiers_cost_no_more_than_their_noise_and_gain_saturates():
    # With ever more gain the amplified noise rules: C/N0 tends to that of the panel's own input.
    def cn0_dbhz(gain):
        surface = panel(spacing_m=0.125, amplification=gain, reflect_gain=gain)
        found = surface_budget(
            surface, SAT, RX, L1_M, RECEIVER, amplifiers=Amplifiers(2.0), **CLEAR
        )
        return float(found.cn0_dbhz)

    at_input = -158.5 + 10 * np.log10(4 * np.pi * 25.0 / L1_M**2) + 228.599 - 24.624 - 2.0
    np.testing.assert_allclose(cn0_dbhz(1e9), at_input, atol=2e-3)
    assert cn0_dbhz(1.0) < cn0_dbhz(10.0) < cn0_dbhz(100.0) < at_input


def test_fading_loses_what_draws_of_the_elements_lose(evidence):
    surface = panel(num_rows=8, num_columns=8)
    phases = centered_phases(surface, SAT, RX, L1_M)
    fields = element_amplitudes(surface, phases, SAT, RX, L1_M)
    draws = faded_power(fields, RicianFading(), RicianFading(), jax.random.key(2), 4000)
    found = surface_budget(surface, SAT, RX, L1_M, RECEIVER)
    loss_db = float(decibels(np.mean(np.asarray(draws)))) - float(found.panel_db)
    evidence(
        "channel.surface_path",
        "mean loss by Rician hops of 10 dB, 64 elements",
        "4000 draws of all elements",
        "monte carlo",
        achieved=abs(float(found.fading_db) - loss_db),
        tolerance=0.05,  # four standard errors
        unit="dB",
    )
    rayleigh = surface_budget(surface, SAT, RX, L1_M, RECEIVER, second_hop=RayleighFading())
    np.testing.assert_allclose(rayleigh.fading_db, -10 * np.log10(64), rtol=1e-9)
    quarter = surface_budget(surface, SAT, RX, L1_M, RECEIVER, num_sub_arrays=4)
    expected = focused_gain_db(16, RicianFading(), RicianFading()) - 20 * np.log10(16)
    np.testing.assert_allclose(quarter.fading_db, expected, rtol=1e-9)


def test_steps_of_the_phases_count():
    one_bit = panel(num_rows=8, num_columns=8, phase_bits=1)
    found = surface_budget(one_bit, SAT, RX, L1_M, RECEIVER, **CLEAR)
    np.testing.assert_allclose(found.relayed_over_direct_db - found.panel_db, -3.92, atol=5e-3)


def test_a_passive_surface_adds_no_noise():
    found = surface_budget(FIVE_METERS, SAT, RX, L1_M, RECEIVER, **CLEAR)
    assert found.surface_noise_dbwphz == -np.inf
    np.testing.assert_allclose(found.noise_dbwphz, -228.599 + 24.624, atol=1e-3)
    np.testing.assert_allclose(found.carrier_dbw, -158.5 + 7.422, atol=1e-3)


def test_elements_cost_twice_the_decibels_of_time():
    np.testing.assert_allclose(sub_array_loss_db(8), 18.062, atol=1e-3)
    np.testing.assert_allclose(time_share_loss_db(8), 9.031, atol=1e-3)


def test_many_receivers_at_once_are_each_alone_and_unlit_ones_nan():
    receivers = np.array([along(FIVE_METERS, 0.3, -0.2, r) for r in (30.0, 80.0)])

    def ratio_db(rx):
        found = surface_budget(FIVE_METERS, SAT, rx, L1_M, RECEIVER)
        return found.relayed_over_direct_db

    together = jax.jit(jax.vmap(ratio_db))(np.array([*receivers, behind(FIVE_METERS, 9.0)]))
    np.testing.assert_allclose(together[:2], [ratio_db(rx) for rx in receivers], rtol=1e-12)
    assert np.isnan(together[2])


def test_nearer_than_the_panel_is_large_the_closed_form_warns():
    with pytest.warns(LeopntWarning, match=r"the receiver is 4 m from a panel of 7.07 m diagonal"):
        surface_budget(FIVE_METERS, SAT, along(FIVE_METERS, 0, 0, 4.0), L1_M, RECEIVER)


ACTIVE = panel(num_rows=2, amplification=4.0, reflect_gain=4.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rx_pos_ecef_m": behind(FIVE_METERS, 9.0)}, "is 9 m behind a panel that only reflects"),
        ({"sat_pos_ecef_m": behind(FIVE_METERS, 9e6)}, "behind the plane of the panel; expected"),
        ({"rx_pos_ecef_m": SITE}, "in the plane of the panel, which is unlit"),
        ({"rx_pos_ecef_m": np.stack([RX, RX])}, r"rx_pos_ecef_m has shape \(2, 3\); accepted: "),
        (
            {"surface": ACTIVE},
            r"amplifiers: none for a surface with amplification = 4; .* adds noi",
        ),
        ({"wavelength_m": 0.0}, "wavelength_m = 0 m: expected a number above 0"),
        ({"direct_dbw": np.nan}, "direct_dbw = nan: expected a finite number"),
        ({"num_sub_arrays": 0}, "num_sub_arrays = 0: expected an integer of 1 or more"),
        ({"num_sub_arrays": 2000}, "num_sub_arrays = 2000: expected at most 1600"),
    ],
)
def test_what_is_no_path_over_a_surface_is_refused(untyped, change, message):
    good = {
        "surface": FIVE_METERS,
        "sat_pos_ecef_m": SAT,
        "rx_pos_ecef_m": RX,
        "wavelength_m": L1_M,
        "receiver": RECEIVER,
    }
    with pytest.raises(LeopntError, match=message):
        surface_budget(**{**good, **change})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Amplifiers(-1.0), "noise_figure_db = -1 dB: expected 0 or more"),
        (lambda: focused_power_ratio(0.0, 50.0, 0.2), "area_m2 = 0 m2: expected"),
        (lambda: focused_power_ratio(25.0, -5.0, 0.2), "range_m = -5 m: expected"),
        (lambda: focused_power_ratio(25.0, 5.0, 0.2, cos_in=1.2), "cos_in = 1.2: expected 0 to 1"),
        (lambda: focused_power_ratio(25.0, 5.0, 0.2, power_gain=-1.0), "power_gain = -1: expected"),
        (
            lambda: surface_noise_density(25.0, 0.0, 1.0, 1.0, Amplifiers()),
            "range_m = 0 m: expected",
        ),
        (lambda: sub_array_loss_db(0), "num_sub_arrays = 0: expected an integer"),
        (lambda: time_share_loss_db(0), "num_slots = 0: expected an integer"),
    ],
)
def test_terms_out_of_range_are_refused(call, message):
    with pytest.raises(LeopntError, match=message):
        call()
