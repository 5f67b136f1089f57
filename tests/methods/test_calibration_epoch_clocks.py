"""A clock per satellite and epoch: against dense least squares, dense ranks, and its limits."""

import warnings
from dataclasses import replace

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.methods.calibration.datum import DelayZeroSum, IsbReference
from leopnt.methods.calibration.day_reduction import reduce_day
from leopnt.methods.calibration.defects import free_clock_defects
from leopnt.methods.calibration.leo_clocks import FreeClock, WhiteClock
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
    """Two stations, two days, half an hour each: passes of five satellites that partly overlap."""
    found, _, _ = cases.small_days(BASELINE_ERRORS)
    spans = {0: (0, 30), 1: (29, 60)}
    return [cases.cut(day, *spans[day.day], np.arange(5), np.arange(7)) for day in found]


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


@one_blas_thread()
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
    with one_blas_thread():
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
    np.testing.assert_allclose(found.offset_sigma_m.ravel(), np.sqrt(np.diag(q)[:15]), rtol=1e-6)
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


def with_code(day, keep):
    """LEO code of some links only."""
    return replace(day, leo=day.leo._replace(has_code=day.leo.has_code & keep(day)))


def at_other_epochs(day):
    """Even epochs at station 0, odd ones at station 1."""
    return np.round(day.epoch_s[day.leo.epoch] / 60.0) % 2 == day.station


@pytest.mark.parametrize(
    ("keep", "delays", "levels", "passes"),
    [
        (lambda day: np.ones(len(day.leo.arc), bool), 5, 1, 0),
        (lambda day: (day.leo.satellite < 2) == (day.station == 0), 5, 2, 0),
        (lambda day: day.leo.satellite > 0, 4, 1, 2),
        (at_other_epochs, 5, 1, 0),
        (lambda day: np.zeros(len(day.leo.arc), bool), 0, 0, 10),
    ],
    ids=["all", "no shared code", "one without code", "code at other epochs", "phase alone"],
)
def test_defects_beside_free_clocks_are_those_of_the_dense_matrix(
    days, keep, delays, levels, passes, evidence
):
    some = [with_code(day, keep) for day in days]
    problem = dense(some, FREE)
    used = np.any(problem[0] != 0.0, axis=0)
    x, q, defects = least_norm((problem[0][:, used], *problem[1:3], None))
    normals = reduced(some, FREE)
    told = free_clock_defects(some, 5, 2)
    assert told == (delays, levels, passes)
    assert normals.local_defects == passes
    off = abs(sum(told) - defects)
    evidence(
        "methods.calibration.passes",
        f"loose passes beside {delays} delays and {levels} levels",
        "singular values of the dense matrix, delays and levels taken off",
        "implementation",
        achieved=abs(told.passes - (defects - delays - levels)),
        tolerance=0,
    )
    evidence(
        "methods.calibration.defects",
        f"rank defect with free clocks: {delays} delays, {levels} levels, {passes} passes",
        "singular values of the dense matrix",
        "implementation",
        achieved=off,
        tolerance=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeopntWarning)
        found = solve_calibration(normals)
    assert found.components.parts == levels
    np.testing.assert_allclose(found.offset_m.ravel(), x[:15], rtol=0, atol=1e-7)
    np.testing.assert_allclose(found.offset_sigma_m.ravel(), np.sqrt(np.diag(q)[:15]), rtol=1e-5)


def test_epochs_without_any_known_clock_shift_and_tell_differences_all_the_same(days):
    gone = []
    for day in days:
        silent = (day.reference.epoch >= 9) & (day.reference.epoch < 12)
        told = {"has_code": day.reference.has_code & ~silent}
        told["has_phase"] = day.reference.has_phase & ~silent
        gone.append(replace(day, reference=day.reference._replace(**told)))
    problem = dense(gone, FREE)
    x, q, defects = least_norm(problem)
    assert defects > 6
    found = solve_calibration(reduced(gone, FREE))
    np.testing.assert_allclose(found.offset_m.ravel(), x[:15], rtol=0, atol=1e-7)
    np.testing.assert_allclose(found.offset_sigma_m.ravel(), np.sqrt(np.diag(q)[:15]), rtol=1e-5)
    rows, columns = problem[0].shape
    assert found.redundancy == rows - (columns - defects)


def test_a_white_clock_without_noise_is_a_known_clock(days, evidence):
    nearly = replace(SEED_SETTINGS, leo_clock=WhiteClock(1e-7))
    found = solve_calibration(reduced(days, nearly))
    known = solve_calibration(reduced(days, SEED_SETTINGS))
    layout = cases.layout_of(SEED_SETTINGS, 5, 2)
    alone = stacked(reduce_station_day(day, layout, SEED_SETTINGS) for day in days)
    np.testing.assert_allclose(known.estimate, solve_calibration(alone).estimate, atol=1e-12)
    evidence(
        "methods.calibration.leo_clocks",
        "estimates with white clock noise of 0.1 um",
        "a known clock",
        "invariance",
        achieved=np.max(np.abs(found.estimate - known.estimate)),
        tolerance=1e-7,
        unit="m",
    )


def test_a_free_clock_takes_any_clock_error_of_a_satellite(days, evidence):
    rng = np.random.default_rng(8)
    late = 100.0 * rng.standard_normal((5, 2, 100))
    moved = []
    for day in days:
        e = np.round((day.epoch_s - 86400.0 * day.day) / 60.0).astype(int) - 300
        change = late[day.leo.satellite, day.day, e[day.leo.epoch]]
        leo = day.leo._replace(code_m=day.leo.code_m + change, phase_m=day.leo.phase_m + change)
        moved.append(replace(day, leo=leo))
    base, other = (solve_calibration(reduced(some, FREE)) for some in (days, moved))
    evidence(
        "methods.calibration.leo_clocks",
        "offsets, free clocks, errors of 100 m put in",
        "offsets without",
        "invariance",
        achieved=np.max(np.abs(other.offset_m - base.offset_m)),
        tolerance=1e-8,
        unit="m",
    )


def test_normals_of_days_store_and_know_the_level_of_their_biases(days, tmp_path):
    normals = reduced(days, FREE)
    save_normals(tmp_path / "day.npz", normals)
    again = load_normals(tmp_path / "day.npz")
    assert again.layout == normals.layout
    np.testing.assert_array_equal(again.shared_code, normals.shared_code)
    found = solve_calibration(again, IsbReference({1: 2.0}))
    assert found.isb_m[1] == pytest.approx(2.0)
    _, isb = truth_in_datum(found, np.zeros(5), np.array([1.0, 3.0]))
    np.testing.assert_allclose(isb, [0.0, 2.0])
    with pytest.raises(LeopntError, match="different layouts do not add"):
        again + reduced(days, WHITE)


def test_what_does_not_fit_is_refused(days, untyped):
    layout = cases.layout_of(FREE, 5, 2)
    with pytest.raises(LeopntError, match=r"leo_clock = FreeClock\(\) ties the stations of a day"):
        reduce_station_day(days[0], layout, FREE)
    with pytest.raises(LeopntError, match=r"days holds stations .* of days .0, 1.; expected each"):
        reduce_day(days, layout, FREE)
    with pytest.raises(LeopntError, match="days: no station-day at all"):
        reduce_day([], layout, FREE)
    with pytest.raises(LeopntError, match=r"layout.has_delays = True does not fit"):
        reduce_day(days[:2], cases.layout_of(WHITE, 5, 2), FREE)
    with pytest.raises(LeopntError, match=r"holds no unknown of stations .0, 1.: delays are not"):
        solve_calibration(reduced(days, FREE), DelayZeroSum())
    mute = with_code(days[0], lambda day: np.zeros(len(day.leo.arc), bool))
    no_code = np.zeros(len(mute.reference.arc), bool)
    mute = replace(mute, reference=mute.reference._replace(has_code=no_code))
    with pytest.raises(LeopntError, match="station 0, day 0 has phases that no code of the ref"):
        reduce_day([mute, days[1]], layout, FREE)
    with pytest.raises(LeopntError, match="sigma_m = 0: expected a number above 0; `KnownClock"):
        WhiteClock(0)
    with pytest.raises(LeopntError, match="leo_clock = 'free': expected an object with the method"):
        replace(SEED_SETTINGS, leo_clock="free")
