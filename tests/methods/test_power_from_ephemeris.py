"""Simulated power logs of a real satellite: states, powers, randomness, schedules."""

import dataclasses

import jax
import numpy as np
import pytest
from power_log_cases import (
    ANTENNA,
    ELEMENTS,
    MUNICH_M,
    SATELLITE,
    START,
    ephemeris,
    measured,
    positions,
    rows,
)
from power_plain import plain_amplitudes

from leopnt.errors import LeopntError
from leopnt.io.tle import read_tle
from leopnt.methods.power import (
    BeamSchedule,
    DopplerPlan,
    all_beams,
    beams_in_turn,
    draw_powers,
    noise_free_dbw,
    rows_from_ephemeris,
    simulate_log,
)
from leopnt.orbits.sgp4 import AnyAge, propagate

C_MPS = 299792458.0


def test_states_are_those_of_sgp4_at_transmission(evidence):
    log = rows(2)
    row = 60
    range_m = np.linalg.norm(log.sat_pos_ecef_m[row] - MUNICH_M)
    sent = START + np.array([log.time_s[row] - range_m / C_MPS])
    one = read_tle(ELEMENTS)[SATELLITE : SATELLITE + 1]
    state = propagate(one, sent, age_gate=AnyAge()).state
    # A metre is 0.1 ms of orbit; the flight takes 4 ms. The Earth turns by 2 m meanwhile.
    evidence(
        "methods.power.from_ephemeris",
        "position of an Iridium satellite at transmission",
        "SGP4 one range over c before reception",
        "real data",
        achieved=np.linalg.norm(log.sat_pos_ecef_m[row] - np.ravel(state.pos_ecef_m)),
        tolerance=0.01,
        unit="m",
    )


def test_powers_without_noise_are_those_of_the_plain_formulas(evidence):
    log = rows()
    offset = log.axes_ecef[0].T @ (MUNICH_M - log.sat_pos_ecef_m[0])
    gamma = np.arctan2(np.hypot(offset[0], offset[1]), offset[2])
    amplitude = plain_amplitudes(gamma, np.arctan2(offset[1], offset[0]), np.linalg.norm(offset))
    plain = 10.0 * np.log10(0.5 * 1.380649e-23 * 290.0 * 1000.0 * amplitude**2)
    evidence(
        "methods.power.from_ephemeris",
        "power of 52 beams over Munich [dBW]",
        "antenna and link in plain NumPy",
        "implementation",
        achieved=np.max(np.abs(noise_free_dbw(log, ANTENNA, MUNICH_M) - plain)),
        tolerance=1e-9,
        unit="dB",
    )


def test_the_antenna_points_down_and_along_the_orbit():
    log = rows()
    down = -log.sat_pos_ecef_m[0] / np.linalg.norm(log.sat_pos_ecef_m[0])
    np.testing.assert_allclose(log.axes_ecef[0][:, 2], down, atol=1e-12)
    # Inertial velocity: 86 degrees of inclination leave the ground track up to 4 degrees off.
    inertial = log.sat_vel_ecef_mps[0] + np.cross([0.0, 0.0, 7.292115e-5], log.sat_pos_ecef_m[0])
    along = log.axes_ecef[0][:, 0] @ inertial / np.linalg.norm(inertial)
    assert along == pytest.approx(1.0, abs=1e-6)


def test_draws_scatter_as_the_noise_does():
    log = rows()
    true = 10.0 ** (0.05 * noise_free_dbw(log, ANTENNA, MUNICH_M))
    drawn = [10.0 ** (0.05 * measured(log, seed).power_dbw) for seed in range(40)]
    strong = np.sqrt(2.0 / log.noise_w[0]) * true > 5.0
    z = (np.sqrt(2.0 / log.noise_w[0]) * (np.array(drawn) - true[None]))[:, strong]
    assert abs(np.mean(z)) < 4.0 / np.sqrt(z.size)
    assert abs(np.mean(z**2) - 1.0) < 4.0 * np.sqrt(2.0 / z.size)


def test_one_key_makes_one_log():
    a, b, c = measured(rows(), 5), measured(rows(), 5), measured(rows(), 6)
    np.testing.assert_array_equal(a.power_dbw, b.power_dbw)
    assert np.all(a.power_dbw != c.power_dbw)


def test_levels_and_biases_raise_the_powers():
    log, key = dataclasses.replace(rows(), noise_w=np.full(52, 1e-30)), jax.random.key(0)
    bias = np.linspace(-1.0, 1.0, 52)
    plain = draw_powers(log, ANTENNA, MUNICH_M, key)
    raised = draw_powers(log, ANTENNA, MUNICH_M, key, level_db=2.0, beam_bias_db=bias)
    np.testing.assert_allclose(raised.power_dbw - plain.power_dbw, 2.0 + bias, atol=1e-4)


def test_beams_take_turns():
    turns = beams_in_turn(ANTENNA, 10.0, 5.4, 0.09)
    assert len(turns.time_s) == 60
    np.testing.assert_allclose(np.diff(turns.time_s), 0.09)
    np.testing.assert_array_equal(turns.beam[50:54], [50, 51, 0, 1])
    every = all_beams(ANTENNA, np.array([1.0, 2.0]))
    assert every.beam[52] == 0
    assert every.time_s[51:53].tolist() == [1.0, 2.0]


def test_doppler_is_that_of_the_range_to_the_ephemeris(evidence):
    plan = DopplerPlan(np.array([30.0, 60.0, 90.0]), 1e-6, freq_offset_hz=120.0)
    log = simulate_log(
        ephemeris(),
        SATELLITE,
        ANTENNA,
        all_beams(ANTENNA, np.array([30.0])),
        MUNICH_M,
        jax.random.key(0),
        doppler=plan,
    )
    at_sent = log.doppler.sat_pos_ecef_m
    sent = plan.time_s - np.linalg.norm(at_sent - MUNICH_M[None], axis=1) / C_MPS
    before, after = (
        np.linalg.norm(positions(t) - MUNICH_M[None], axis=1) for t in (sent - 0.05, sent + 0.05)
    )
    plain = -(after - before) / 0.1 * 1.6e9 / C_MPS + 120.0
    # Earth rotation in flight: up to 0.5 m/s of line of sight per 1e-6 rad, a fraction of a hertz.
    evidence(
        "methods.power.from_ephemeris",
        "Doppler of an Iridium satellite with an offset",
        "difference of ranges over 0.1 s",
        "implementation",
        achieved=np.max(np.abs(log.doppler.doppler_hz - plain)),
        tolerance=1.0,
        unit="Hz",
    )


BAD = {
    r"time_s = 500: the ephemeris has no state of satellite 32 there; it spans 0 to 120 s": {
        "schedule": BeamSchedule(np.array([30.0, 500.0]), np.array([0, 0]))
    },
    "the ephemeris has no state of satellite 100000": {"sat": 100000},
    "carrier_hz = 0 Hz": {"carrier_hz": 0.0},
    "integration_s = -1 s": {"integration_s": -1.0},
}


@pytest.mark.parametrize("message", BAD)
def test_rows_that_cannot_be_had_are_refused(message):
    given = {"sat": SATELLITE, "schedule": all_beams(ANTENNA, np.array([30.0])), **BAD[message]}
    with pytest.raises(LeopntError, match=message):
        rows_from_ephemeris(ephemeris(), rx_pos_ecef_m=MUNICH_M, **given)


def test_schedules_and_plans_need_positive_times():
    with pytest.raises(LeopntError, match="dwell_s = 0 s"):
        beams_in_turn(ANTENNA, 0.0, 1.0, 0.0)
    with pytest.raises(LeopntError, match="sigma_hz = 0 Hz"):
        DopplerPlan(np.zeros(1), 0.0)
