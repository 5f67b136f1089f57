"""Slips and outliers that were put in are found; scatter over drawn days is what errors are."""

from dataclasses import replace

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.calibration.back_substitution import values_of_station_day
from leopnt.methods.calibration.bootstrap import block_bootstrap
from leopnt.methods.calibration.link_geometry import about_offsets
from leopnt.methods.calibration.product_errors import BASELINE_ERRORS
from leopnt.methods.calibration.quality import slips_of, with_slips, without_outliers
from leopnt.methods.calibration.reduction import reduce_station_day, stacked
from leopnt.methods.calibration.settings import SEED_SETTINGS
from leopnt.methods.calibration.simulation import (
    SimulatedNoise,
    draw_truth,
    simulate_station_day,
)
from leopnt.methods.calibration.solution import solve_calibration

LAYOUT = cases.layout_of(SEED_SETTINGS, 24, 2)
SLIPS = (300, 5000, 9000)


@pytest.fixture(scope="module")
def day():
    scene, truth = cases.scene(24, 2, 60.0), draw_truth(6, 24, 2)
    return simulate_station_day(scene, truth, 0, 0, 6, BASELINE_ERRORS)


def jumped(links, place):
    """The same phases with a jump of a cycle of 0.107 m from a link to the end of its arc."""
    same = (links.arc == links.arc[place]) & (np.arange(len(links.arc)) >= place)
    return links._replace(phase_m=links.phase_m + 0.107 * same)


def test_slips_of_one_cycle_are_found_and_no_others(evidence):
    errors = replace(BASELINE_ERRORS, clock_white_m=0.002)
    day = simulate_station_day(cases.scene(6, 1, 10.0), draw_truth(6, 6, 1), 0, 0, 6, errors)
    # The receiver clock walks 0.1 m from epoch to epoch meanwhile.
    broken, put_in = day.reference, []
    for near in SLIPS:
        inside = np.flatnonzero(np.diff(broken.arc) == 0) + 1
        put_in.append(inside[np.searchsorted(inside, near)])
        broken = jumped(broken, put_in[-1])
    leo = np.flatnonzero(np.diff(day.leo.arc) == 0)[40] + 1
    both = replace(day, leo=jumped(day.leo, leo), reference=broken)
    both = about_offsets(both, draw_truth(6, 6, 1).offset_m)
    found = slips_of(both)
    wrong = len(set(np.flatnonzero(found[1])) ^ set(put_in)) + len(
        set(np.flatnonzero(found[0])) ^ {leo}
    )
    evidence(
        "methods.calibration.quality",
        "slips of one cycle missed or wrongly found",
        "four that were put in",
        "own",
        achieved=wrong,
        tolerance=0,
    )
    cut = with_slips(both, *found)
    assert cut.reference.num_arcs == day.reference.num_arcs + 3
    assert cut.leo.num_arcs == day.leo.num_arcs + 1
    known = about_offsets(day, draw_truth(6, 6, 1).offset_m)
    untouched = with_slips(day, *slips_of(known))
    np.testing.assert_array_equal(untouched.leo.arc, day.leo.arc)


def test_gross_errors_are_left_out_and_little_else(day):
    scene, truth = cases.scene(24, 2, 60.0), draw_truth(6, 24, 2)
    days = [day, simulate_station_day(scene, truth, 1, 0, 6, BASELINE_ERRORS)]
    code = day.leo.code_m.copy()
    code[[100, 700]] += [15.0, -15.0]
    phase = day.reference.phase_m.copy()
    phase[4000] += 0.5
    days[0] = replace(
        day,
        leo=day.leo._replace(code_m=code),
        reference=day.reference._replace(phase_m=phase),
    )
    found = solve_calibration(
        stacked(reduce_station_day(one, LAYOUT, SEED_SETTINGS) for one in days)
    )
    local = values_of_station_day(days[0], found, SEED_SETTINGS)
    clean, count = without_outliers(
        days[0], local.leo_residuals, local.reference_residuals, limit_sigmas=10.0
    )
    np.testing.assert_array_equal(np.flatnonzero(~clean.leo.has_code), [100, 700])
    assert not clean.reference.has_phase[4000]
    assert 3 <= count < 10
    again = reduce_station_day(clean, LAYOUT, SEED_SETTINGS)
    assert (
        again.num_observations < reduce_station_day(days[0], LAYOUT, SEED_SETTINGS).num_observations
    )


def test_days_drawn_anew_scatter_as_white_noise_does(evidence):
    noise = SimulatedNoise(zenith_walk_m_per_sqrt_h=0.0)
    whole = cases.scene(24, 2, 120.0)
    scene = replace(whole, leo=whole.leo.subset(slice(0, 24, 4)))
    truth, layout = draw_truth(7, 6, 2), cases.layout_of(SEED_SETTINGS, 6, 2)
    blocks = []
    for day in range(8):
        stations = [simulate_station_day(scene, truth, r, day, 7, noise=noise) for r in range(2)]
        blocks.append(stacked(reduce_station_day(x, layout, SEED_SETTINGS) for x in stations))
    sigma = block_bootstrap(blocks, 60, 1)[layout.offsets]
    formal = solve_calibration(stacked(blocks)).offset_sigma_m
    ratio = np.sqrt(np.mean((sigma / formal) ** 2))
    evidence(
        "methods.calibration.bootstrap",
        "scatter of offsets over formal sigma, logarithm",
        "white noise, whose formal sigma is right",
        "monte carlo",
        achieved=abs(np.log(ratio)),
        tolerance=0.4,
    )
    with pytest.raises(LeopntError, match="blocks holds 1, num_draws = 60; expected 3 and 2"):
        block_bootstrap(blocks[:1], 60, 1)


def test_bad_input_is_named(untyped, day):
    with pytest.raises(LeopntError, match=r"threshold_m = 0\.0: expected a length above 0"):
        slips_of(day, 0.0)
    with pytest.raises(LeopntError, match="limit_sigmas = -1"):
        without_outliers(day, None, None, -1.0)
    with pytest.raises(LeopntError, match=r"slips have shape \(1,\); expected"):
        with_slips(day, np.zeros(1, bool), np.zeros(1, bool))


def test_a_datum_is_an_object(untyped, day):
    normals = reduce_station_day(day, LAYOUT, SEED_SETTINGS)
    with pytest.raises(LeopntError, match=r"datum = 'isb_zero_sum': expected `IsbZeroSum\(\)`"):
        solve_calibration(normals, "isb_zero_sum")
