"""Simulated Doppler fixes from real element sets: errors against their bounds."""

import importlib.util
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.stats import chi2
from study_sizes import study_size

from leopnt.epochs import Epoch
from leopnt.frames.geodetic import geodetic_to_ecef
from leopnt.io.tle import read_tle
from leopnt.methods.doppler_fix import CommonSigma, FixOptions, fix
from leopnt.methods.doppler_fix.monte_carlo import fix_trials
from leopnt.methods.doppler_fix.simulate import (
    Arc,
    ArcPlan,
    ReceiverClock,
    SteppedClock,
    aged,
    choose_arcs,
    elevations,
    log_of_arcs,
    measure,
)

ELEMENTS = Path(__file__).parents[2] / "examples" / "data" / "tle_2025"
START = Epoch.from_iso("2025-12-28T18:00:00")
LIGHT = 299_792_458.0
OFFSET = ("rx_pos_ecef_m", "freq_offset_hz")
DRIFT = (*OFFSET, "freq_drift_hzps")

# constellation: carrier [Hz], largest latitude [deg], window [s] in which six arcs are found
CONSTELLATIONS = {
    "iridium": (1.626e9, 85, 7200),
    "starlink": (11.325e9, 52, 3600),
    "oneweb": (11.325e9, 85, 3600),
    "orbcomm": (137.5e6, 48, 86400),
}


def random_places(count, max_lat_deg, rng):
    sine = np.sin(np.radians(max_lat_deg))
    lat, lon = np.arcsin(rng.uniform(-sine, sine, count)), rng.uniform(-np.pi, np.pi, count)
    return np.asarray(jax.vmap(geodetic_to_ecef, (0, 0, None))(lat, lon, 0.0))


def blank_logs(name, num_places, seed=1):
    """Six arcs of 60-600 s at 1 Hz over random places, without measurements."""
    carrier_hz, max_lat, window_s = CONSTELLATIONS[name]
    elements, rng = read_tle(ELEMENTS / f"{name}.tle"), np.random.default_rng(seed)
    places = random_places(num_places, max_lat, rng)
    plan, coarse_s = ArcPlan(window_s=window_s), np.arange(0.0, window_s + 1, 30.0)
    logs = []
    for place, elevation in zip(places, elevations(elements, START, coarse_s, places), strict=True):
        arcs = choose_arcs(elevation, coarse_s, plan, rng)
        logs.append(log_of_arcs(elements, START, arcs, place, carrier_hz))
    return logs, places


@pytest.mark.study
@pytest.mark.parametrize(
    "name",
    [
        "iridium",
        pytest.param("starlink", id="starlink"),
        "oneweb",
        "orbcomm",
    ],
)
def test_errors_reach_the_bound_when_the_model_is_right(name, evidence):
    places_count, draws = study_size(25, 200), study_size(16, 10)
    logs, places = blank_logs(name, places_count)
    rng = np.random.default_rng(2)
    truths = np.repeat(places, draws, axis=0)
    cases = [
        ("5 Hz, constant offset", 5.0, ReceiverClock(100.0), OFFSET),
        (
            "0.01 m/s, offset and drift",
            0.01 * logs[0].carrier_hz[0] / LIGHT,
            ReceiverClock(-40.0, 0.3),
            DRIFT,
        ),
    ]
    for label, sigma_hz, clock, unknowns in cases:
        measured = [
            measure(log, place, sigma_hz, rng, clock=clock)
            for log, place in zip(logs, places, strict=True)
            for _ in range(draws)
        ]
        trials = fix_trials(measured, truths, unknowns)
        assert trials.converged.all()
        evidence(
            "methods.doppler_fix.monte_carlo",
            f"{name}: RMS error over CRB, six arcs, {label}",
            "Cramer-Rao bound",
            "monte carlo",
            achieved=abs(trials.normalized_rms - 1.0),
            tolerance=0.05,
        )


def test_one_epoch_of_eight_satellites_at_one_centimetre_per_second_gives_metres(evidence):
    # Literature: 1-5 m from 8 or more range rates of 0.01 m/s at one epoch (Psiaki, Navigation
    # 68 (2021) 621).
    elements, rng = read_tle(ELEMENTS / "starlink.tle"), np.random.default_rng(3)
    places = random_places(60, 50, rng)
    sigma_hz = 0.01 * 11.325e9 / LIGHT
    logs = []
    for place, el in zip(places, elevations(elements, START, np.array([0.0]), places), strict=True):
        up = rng.choice(np.flatnonzero(el[:, 0] > np.radians(10)), 8, replace=False)
        log = log_of_arcs(elements, START, [Arc(int(s), 0.0, 0.0) for s in up], place, 11.325e9)
        logs.append(measure(log, place, sigma_hz, rng, clock=ReceiverClock(50.0)))
    trials = fix_trials(logs, places, OFFSET)
    median_m = np.median(np.linalg.norm(trials.error_ecef_m, axis=1))
    evidence(
        "methods.doppler_fix.simulate",
        "median 3D error, one epoch, 8 Starlink satellites, 0.01 m/s",
        "1 to 5 m in the literature",
        "published",
        achieved=median_m,
        tolerance=5.0,
        unit="m",
    )
    assert median_m > 1.0


def test_stepped_clocks_are_rejected_and_plain_least_squares_is_worse():
    logs, places = blank_logs("starlink", study_size(4, 20), seed=5)
    rng, clock = np.random.default_rng(6), SteppedClock()
    plain, robust = [], []
    for log, place in zip(logs, places, strict=True):
        log = measure(log, place, 5.0, rng, clock=clock)
        for errors, limit in ((plain, None), (robust, 4.0)):
            result = fix(log, FixOptions(weights=CommonSigma(), snooping_sigmas=limit))
            assert result.converged
            errors.append(np.linalg.norm(result.error_enu_m(place)))
        rejected = ~result.used
        assert 0.01 < rejected.mean() < 0.3
        assert all(reason for reason, out in zip(result.rejection, rejected, strict=True) if out)
    assert np.sqrt(np.mean(np.square(robust))) < 0.5 * np.sqrt(np.mean(np.square(plain)))


def test_aged_states_are_behind_by_the_stated_distance():
    logs, _ = blank_logs("iridium", 1, seed=7)
    log, num_sat = logs[0], len(logs[0].satellites)
    zero, along = np.zeros(num_sat), np.full(num_sat, 5000.0)
    old = aged(log, along, zero, zero, zero)
    offset = log.sat_pos_ecef_m - old.sat_pos_ecef_m
    spin = np.array([0.0, 0.0, 7.292115e-5])
    inertial = log.sat_vel_ecef_mps + np.cross(spin, log.sat_pos_ecef_m)
    direction = inertial / np.linalg.norm(inertial, axis=1, keepdims=True)
    np.testing.assert_allclose(np.sum(offset * direction, axis=1), 5000.0, rtol=1e-4)
    back = aged(old, -along, zero, zero, zero)
    np.testing.assert_allclose(back.sat_pos_ecef_m, log.sat_pos_ecef_m, atol=0.05)


@pytest.mark.study
@pytest.mark.parametrize("age_days", study_size([1.0], [1.0, 7.0]))
def test_old_elements_hurt_less_when_their_orbits_are_estimated(age_days, evidence):
    path = ELEMENTS.parents[1] / "aged_elements.py"
    spec = importlib.util.spec_from_file_location("aged_elements", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    places = study_size(8, 60)
    logs = example.simulated_logs(study_size(20, 60), age_days)
    # Logs of about one length share compiled kernels.
    lengths = study_size(range(1537, 2049), range(100_000))
    logs = [(log, place) for log, place in logs if len(log.time_s) in lengths][:places]
    assert len(logs) == places
    table = example.compare(logs)
    sigma_m = {name: row[1] for name, row in table.items()}
    nees = {name: row[2] for name, row in table.items()}
    exact, considered = "ephemeris taken as exact", "ephemeris considered"
    assert np.isnan(nees[exact]) or nees[exact] > 50
    # The errors scatter as their sigmas say (below), so a smaller sigma is a smaller error.
    assert sigma_m["orbits estimated"] < 0.6 * sigma_m[considered]
    for name in set(table) - {exact}:
        assert table[name][3] <= 0.05 if "time" in name else table[name][3] == 0.0
        evidence(
            "methods.doppler_fix.judge",
            f"mean NEES with elements {age_days:.0f} days old, {name}",
            f"99.99 % quantile of chi-square(3 x {places}) / {places}; expected 3",
            "monte carlo",
            achieved=nees[name],
            tolerance=chi2.isf(1e-4, 3 * places) / places,
        )
