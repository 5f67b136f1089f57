"""A clock per satellite and epoch: against dense least squares, dense ranks, and its limits."""

from dataclasses import replace

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.methods.calibration.datum import DelayZeroSum, IsbReference
from leopnt.methods.calibration.day_reduction import reduce_day
from leopnt.methods.calibration.epoch_clocks import passes_of
from leopnt.methods.calibration.leo_clocks import FreeClock, KnownClock, WhiteClock
from leopnt.methods.calibration.product_errors import BASELINE_ERRORS
from leopnt.methods.calibration.reduction import (
    load_normals,
    reduce_station_day,
    save_normals,
    stacked,
)
from leopnt.methods.calibration.settings import SEED_SETTINGS
from leopnt.methods.calibration.solution import solve_calibration, truth_in_datum
from leopnt.methods.calibration.zenith_delay import RandomWalkNodes

WHITE = replace(SEED_SETTINGS, leo_clock=WhiteClock(0.01))
FREE = replace(SEED_SETTINGS, leo_clock=FreeClock())
WALK = replace(WHITE, ztd_spacing_s=600.0, zenith=RandomWalkNodes(0.005))


@pytest.fixture(scope="module")
def days():
    """Both stations move an hour apart in the second day, so that passes overlap in part."""
    found, _, _ = cases.small_days(BASELINE_ERRORS)
    return found


def by_day(days):
    return [[day for day in days if day.day == d] for d in sorted({day.day for day in days})]


def reduced(days, settings, sats=5, stations=2):
    layout = cases.layout_of(settings, sats, stations)
    return stacked(reduce_day(some, layout, settings) for some in by_day(days))


def dense(days, settings, sats=5, stations=2):
    """(A, y, sigma, columns) with a column per satellite epoch, and rows of the priors."""
    a, y, sigma, columns = cases.dense_problem(days, settings, sats, stations)
    clocks, entries, row = {}, [], 0
    for day in days:
        for kind, links in (("leo", day.leo), ("ref", day.reference)):
            for i in range(len(links.satellite)):
                for told in (links.has_code[i], links.has_phase[i]):
                    if told and kind == "leo":
                        t = round(float(day.epoch_s[links.epoch[i]]), 3)
                        name = (int(links.satellite[i]), t)
                        entries.append((row, clocks.setdefault(name, len(clocks))))
                    row += bool(told)
    more = np.zeros((len(a), len(clocks)))
    more[tuple(np.array(entries).T)] = 1.0
    extra, spread = [], []
    width = a.shape[1] + len(clocks)
    if np.isfinite(settings.leo_clock.epoch_sigma_m):
        for j in range(len(clocks)):
            extra.append({a.shape[1] + j: 1.0})
            spread.append(settings.leo_clock.epoch_sigma_m)
    if isinstance(settings.zenith, RandomWalkNodes):
        for name, j in columns.items():
            after = columns.get((*name[:2], name[2] + 1)) if name[0] == "z" else None
            if after is not None:
                extra.append({j: -1.0, after: 1.0})
                rate = settings.zenith.rate_m_per_sqrt_h
                spread.append(rate * np.sqrt(settings.ztd_spacing_s / 3600.0))
    tail = np.zeros((len(extra), width))
    for i, row in enumerate(extra):
        for j, value in row.items():
            tail[i, j] = value
    a = np.concatenate([np.concatenate([a, more], axis=1), tail])
    names = columns | {("u", *name): len(columns) + j for name, j in clocks.items()}
    return a, np.append(y, np.zeros(len(tail))), np.append(sigma, spread), names


def least_norm(problem):
    """Any least-squares solution, projector on what is estimable, and covariance."""
    a, y, sigma, _ = problem
    rows = a / sigma[:, None]
    scale = np.maximum(np.linalg.norm(rows, axis=0), 1e-300)
    u, s, vt = np.linalg.svd(rows / scale, full_matrices=False)
    kept = s > 1e-9 * s[0]
    half = (vt[kept].T / s[kept]) / scale[:, None]
    return half @ (u[:, kept].T @ (y / sigma)), half @ half.T, int(np.sum(~kept))


@pytest.mark.parametrize("settings", [WHITE, WALK], ids=["nodes", "walk"])
def test_white_clocks_are_those_of_one_dense_least_squares(days, settings, evidence):
    found = solve_calibration(reduced(days, settings))
    x, q, squares = cases.dense_solution(dense(days, settings), settings, 5, 2)
    size = found.layout.size
    np.testing.assert_allclose(found.sigma_m, np.sqrt(np.diag(q)[:size]), rtol=1e-7)
    assert found.variance_factor * found.redundancy == pytest.approx(squares, rel=1e-8)
    evidence(
        "methods.calibration.day_reduction",
        f"global estimates, white clock of 1 cm, {type(settings.zenith).__name__}",
        "dense least squares, all unknowns at once",
        "implementation",
        achieved=np.max(np.abs(found.estimate - x[:size])),
        tolerance=1e-8,
        unit="m",
    )


def test_free_clocks_are_those_of_one_dense_least_squares(days, evidence):
    found = solve_calibration(reduced(days, FREE))
    problem = dense(days, FREE)
    x, q, defects = least_norm(problem)
    # Delays of five satellites, and one level of the biases.
    assert defects == 6
    assert found.components.parts == 1
    assert np.all(np.isnan(found.delay_m))
    worst = np.max(np.abs(found.offset_m.ravel() - x[:15]))
    np.testing.assert_allclose(
        found.offset_sigma_m.ravel(), np.sqrt(np.diag(q)[:15]), rtol=1e-6
    )
    b = [problem[3]["b", r] for r in range(2)]
    worst = max(worst, abs(np.diff(found.isb_m)[0] - (x[b[1]] - x[b[0]])))
    apart = q[b[0], b[0]] + q[b[1], b[1]] - 2 * q[b[0], b[1]]
    way = np.zeros(found.layout.size)
    way[found.layout.biases] = [1.0, -1.0]
    known = np.nan_to_num(found.covariance)
    assert way @ known @ way == pytest.approx(apart, rel=1e-6)
    rows = problem[0] / problem[2][:, None]
    squares = float(np.sum((problem[1] / problem[2] - rows @ x) ** 2))
    assert found.variance_factor * found.redundancy == pytest.approx(squares, rel=1e-8)
    assert found.redundancy == rows.shape[0] - (rows.shape[1] - defects)
    evidence(
        "methods.calibration.epoch_clocks",
        "offsets and difference of biases, free clocks",
        "dense least squares of least norm",
        "implementation",
        achieved=worst,
        tolerance=1e-8,
        unit="m",
    )
