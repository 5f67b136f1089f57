"""Zenith delays as a random walk: against dense least squares, a gap, and errors over sigmas."""

from dataclasses import replace
from itertools import pairwise

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.methods.calibration.back_substitution import estimate_station_day
from leopnt.methods.calibration.product_errors import BASELINE_ERRORS
from leopnt.methods.calibration.reduction import reduce_station_day, stacked
from leopnt.methods.calibration.settings import SEED_SETTINGS
from leopnt.methods.calibration.simulation import draw_truth, simulate_station_day
from leopnt.methods.calibration.solution import solve_calibration
from leopnt.methods.calibration.zenith_delay import FreeNodes, RandomWalkNodes

RATE = 0.005
WALK = replace(SEED_SETTINGS, ztd_spacing_s=600.0, zenith=RandomWalkNodes(RATE))


def solved(days, settings, sats=5, stations=2):
    layout = cases.layout_of(settings, sats, stations)
    return solve_calibration(stacked(reduce_station_day(d, layout, settings) for d in days))


def tied(problem, settings):
    """The dense problem with an observation of 0 for the change between any two nodes in a row."""
    a, y, sigma, columns = seen(problem)
    nodes = sorted(name for name in columns if name[0] == "z")
    rows, spread = [], []
    for one, other in pairwise(nodes):
        if one[1] == other[1]:
            row = np.zeros(a.shape[1])
            row[[columns[one], columns[other]]] = [-1.0, 1.0]
            rows.append(row)
            hours = (other[2] - one[2]) * settings.ztd_spacing_s / 3600.0
            spread.append(RATE * np.sqrt(hours))
    y = np.append(y, np.zeros(len(rows)))
    return np.concatenate([a, rows]), y, np.append(sigma, spread), columns


def seen(problem):
    """Without columns that no observation has."""
    a, y, sigma, columns = problem
    used = np.any(a != 0.0, axis=0)
    place = np.cumsum(used) - 1
    return a[:, used], y, sigma, {n: int(place[j]) for n, j in columns.items() if used[j]}


def without_epochs(day, first, last):
    """No observation at some epochs."""
    links = []
    for x in (day.leo, day.reference):
        away = (x.epoch >= first) & (x.epoch < last)
        links.append(x._replace(has_code=x.has_code & ~away, has_phase=x.has_phase & ~away))
    return replace(day, leo=links[0], reference=links[1])


@pytest.mark.filterwarnings("ignore:satellites with one pass only:leopnt.errors.LeopntWarning")
@pytest.mark.parametrize("silent", [(0, 0), (14, 43)], ids=["whole", "gap over two nodes"])
def test_a_walk_is_that_of_one_dense_least_squares(silent, evidence):
    days, _, _ = cases.small_days(BASELINE_ERRORS)
    days = [without_epochs(day, *silent) for day in days]
    found = solved(days, WALK)
    with one_blas_thread():
        problem = tied(cases.dense_problem(days, WALK, 5, 2), WALK)
        x, q, squares = cases.dense_solution(problem, WALK, 5, 2)
    size = found.layout.size
    np.testing.assert_allclose(found.sigma_m, np.sqrt(np.diag(q)[:size]), rtol=1e-7)
    assert found.variance_factor * found.redundancy == pytest.approx(squares, rel=1e-7)
    worst = np.max(np.abs(found.estimate - x[:size]))
    for day in days:
        local = estimate_station_day(day, found, WALK)
        for name, j in problem[3].items():
            if name[0] == "z" and name[1] == (day.station, day.day):
                worst = max(worst, abs(local.zenith_delay_m[name[2]] - x[j]))
                sigma = local.zenith_delay_sigma_m[name[2]]
                np.testing.assert_allclose(sigma, np.sqrt(q[j, j]), rtol=1e-6)
    evidence(
        "methods.calibration.zenith_delay",
        f"estimates with a random walk of zenith delays, {silent[1] - silent[0]} epochs missing",
        "dense least squares, all unknowns at once",
        "implementation",
        achieved=worst,
        tolerance=1e-8,
        unit="m",
    )


def test_a_walk_without_limit_is_free_nodes():
    days, _, _ = cases.small_days(BASELINE_ERRORS)
    loose = replace(WALK, zenith=RandomWalkNodes(1e4))
    free = replace(WALK, zenith=FreeNodes())
    one, other = solved(days, loose), solved(days, free)
    np.testing.assert_allclose(one.offset_m, other.offset_m, rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.redundancy, other.redundancy + 4 * 6)


def test_errors_of_a_simulated_walk_are_as_large_as_its_sigmas(evidence):
    scene = cases.scene(12, 6, 120.0)
    # The simulated noise is the same at all elevations, and so are weights here.
    flat = {"full_weight_el_rad": 0.0}
    coarse, ratios = [], []
    for seed in range(4):
        truth = draw_truth(seed, 12, 6)
        days = [simulate_station_day(scene, truth, r, 0, seed) for r in range(6)]
        for settings, table in ((SEED_SETTINGS, coarse), (WALK, ratios)):
            found = solved(days, replace(settings, **flat), 12, 6)
            off = (found.offset_m - truth.offset_m) / found.offset_sigma_m
            table.append(off[:, 1:])
    over = np.sqrt(np.mean(np.square(ratios)))
    evidence(
        "methods.calibration.zenith_delay",
        "errors of Y and Z over formal sigma, walk of 10 min nodes, logarithm",
        "1, zenith delays simulated as that walk",
        "monte carlo",
        achieved=abs(np.log(over)),
        tolerance=0.25,
    )
    assert np.sqrt(np.mean(np.square(coarse))) > 1.2 * over  # 2 h nodes do not follow the walk


def test_bad_rates_are_named(untyped):
    with pytest.raises(LeopntError, match=r"rate_m_per_sqrt_h = 0\.0: expected a number above 0"):
        RandomWalkNodes(0.0)
    with pytest.raises(LeopntError, match=r"zenith = 0\.005: expected an object with the methods"):
        replace(SEED_SETTINGS, zenith=0.005)
