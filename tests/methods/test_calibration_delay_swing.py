"""Delays that vary over half a day, through the simulation, step 2 and step 3."""

from dataclasses import replace

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.calibration.back_substitution import values_of_station_day
from leopnt.methods.calibration.delay_models import RandomWalkDelay, SharedLevel
from leopnt.methods.calibration.delays import delay_links, joined_links, smooth_delays
from leopnt.methods.calibration.reduction import reduce_station_day, stacked
from leopnt.methods.calibration.settings import SEED_SETTINGS
from leopnt.methods.calibration.simulation import DelaySwing, draw_truth, simulate_station_day
from leopnt.methods.calibration.solution import solve_calibration, truth_in_datum

SATS, AMPLITUDE_M = 6, 0.3
SETTINGS = replace(SEED_SETTINGS, full_weight_el_rad=0.0)


def six_satellites():
    whole = cases.scene(24, 6, 30.0)
    return replace(whole, leo=whole.leo.subset(slice(0, 24, 4)))


def days_of(truth):
    return [simulate_station_day(six_satellites(), truth, r, 0, 9) for r in range(6)]


@pytest.fixture(scope="module")
def swung():
    """Residual delays of each satellite about offsets known beforehand, and levels in the datum."""
    truth = replace(draw_truth(9, SATS, 6), swing=DelaySwing(AMPLITUDE_M))
    days = days_of(truth)
    layout = cases.layout_of(SETTINGS, SATS, 6)
    found = solve_calibration(stacked(reduce_station_day(d, layout, SETTINGS) for d in days))
    parts = []
    for day in days:
        local = values_of_station_day(day, found, SETTINGS)
        held = {"clock_m": local.clock_m, "zenith_delay_m": local.zenith_delay_m}
        isb = float(found.isb_m[day.station])
        parts.append(delay_links(day, SETTINGS, offset_m=truth.offset_m, isb_m=isb, **held))
    links = [joined_links(of_sat) for of_sat in zip(*parts, strict=True)]
    level, _ = truth_in_datum(found, truth.delay_m, truth.isb_m)
    return links, found, level, truth


def test_the_swing_is_in_code_and_phase_of_all_satellites(evidence):
    truth = draw_truth(9, SATS, 6)
    still = simulate_station_day(six_satellites(), truth, 2, 0, 9)
    moved = simulate_station_day(
        six_satellites(), replace(truth, swing=DelaySwing(AMPLITUDE_M)), 2, 0, 9
    )
    t = still.epoch_s[still.leo.epoch]
    expected = AMPLITUDE_M * np.cos(2 * np.pi * t / 43200.0)
    off = [moved.leo.code_m - still.leo.code_m, moved.leo.phase_m - still.leo.phase_m]
    np.testing.assert_array_equal(moved.reference.code_m, still.reference.code_m)
    evidence(
        "methods.calibration.simulation",
        "code and phase with varying delays less those without",
        "A cos(2 pi t / 12 h)",
        "closed form",
        achieved=np.max(np.abs(np.array(off) - expected)),
        tolerance=1e-11,
        unit="m",
    )


def test_a_walk_follows_the_swing_within_its_sigmas(swung, evidence):
    links, found, level, truth = swung
    # A walk as wide as the amplitude in a quarter period or two.
    model = RandomWalkDelay(AMPLITUDE_M**2 / 20000.0)
    errors, pulls, constant = [], [], []
    for s, one in enumerate(links):
        series = smooth_delays(one, model, float(found.delay_m[s]), 0.5)
        off = series.delay_m - level[s] - truth.swing.at(series.t_s)
        errors.append(off)
        pulls.append(off / series.sigma_m)
        constant.append(level[s] + truth.swing.at(series.t_s) - found.delay_m[s])
    rms = np.sqrt(np.mean(np.concatenate(errors) ** 2))
    assert rms < 0.35 * np.sqrt(np.mean(np.concatenate(constant) ** 2))
    over = np.sqrt(np.mean(np.concatenate(pulls) ** 2))
    evidence(
        "methods.calibration.delay_models",
        "errors of varying delays over formal sigma, random walk",
        "truth of the simulation; at most about 1",
        "monte carlo",
        achieved=over,
        tolerance=1.3,
    )


def test_the_shared_level_follows_when_it_may_and_not_when_it_may_not(swung):
    links, found, level, truth = swung
    rms = []
    for sigma in (0.003, 0.3):
        off = []
        for s, one in enumerate(links):
            series = smooth_delays(one, SharedLevel(sigma), float(found.delay_m[s]), 0.5)
            off.append(series.delay_m - level[s] - truth.swing.at(series.t_s))
        rms.append(np.sqrt(np.mean(np.concatenate(off) ** 2)))
    assert rms[1] < 0.6 * rms[0]


def test_bad_swings_are_named():
    with pytest.raises(LeopntError, match=r"amplitude_m = -0\.1, period_s = 43200\.0: expected a"):
        DelaySwing(-0.1)
