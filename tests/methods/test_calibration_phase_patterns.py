"""Phase-center variations: planted ones come back, in the datum that separates them."""

from dataclasses import replace

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.methods.calibration.orbit_models import KnownOrbit, OncePerRevolution
from leopnt.methods.calibration.phase_patterns import (
    PhasePattern,
    WithPattern,
    pattern_estimates,
)
from leopnt.methods.calibration.reduction import reduce_station_day, stacked
from leopnt.methods.calibration.settings import SEED_SETTINGS
from leopnt.methods.calibration.simulation import QUIET, draw_truth, simulate_station_day
from leopnt.methods.calibration.solution import solve_calibration

NODES_DEG = np.array([0.0, 20.0, 30.0, 40.0, 50.0, 60.0])
NODES = tuple(np.radians(NODES_DEG).tolist())
ZONAL, TURNED = PhasePattern(NODES), PhasePattern(NODES, num_harmonics=2)
SATELLITES = np.array([0, 6, 12, 18])
SATS = len(SATELLITES)
DAYS = [(r, d) for d in range(2) for r in range(6)]


def settings_of(pattern, orbit=None):
    flat = replace(SEED_SETTINGS, full_weight_el_rad=0.0, ztd_spacing_s=3600.0)
    return replace(flat, orbit=WithPattern(orbit or KnownOrbit(), pattern))


def planted(seed, num_functions):
    """Node values of each satellite [m], in no datum: 1, then cos and sin of 1 and 2 azimuths."""
    values = 0.01 * np.random.default_rng(seed).standard_normal((SATS, num_functions, len(NODES)))
    values[:, 1:, 0] = 0.0  # no azimuth at nadir
    return values


def with_pattern(day, values):
    """Add the pattern in plain interpolation, satellite by satellite."""
    x, y, z = -day.geometry.partials.T
    nadir, azimuth = np.degrees(np.arctan2(np.hypot(x, y), z)), np.arctan2(y, x)
    more = np.zeros(len(nadir))
    waves = [np.ones(len(nadir))]
    for m in (1, 2):
        waves += [np.cos(m * azimuth), np.sin(m * azimuth)]
    for s, of_sat in enumerate(values):
        here = day.leo.satellite == s
        for wave, nodes in zip(waves, of_sat, strict=False):
            more[here] += (wave * np.interp(nadir, NODES_DEG, nodes))[here]
    leo = day.leo._replace(code_m=day.leo.code_m + more, phase_m=day.leo.phase_m + more)
    return replace(day, leo=leo)


def in_datum(values):
    """Node values without the best-fitting constant and offset, and that offset X, Y, Z."""
    eta = np.radians(NODES_DEG)
    step = np.radians([10.0, 15.0, 10.0, 10.0, 10.0, 5.0])
    root = np.sqrt(np.sin(eta) * step)
    left, offset = values.copy(), np.zeros((len(values), 3))
    shapes = [np.stack([np.ones(len(eta)), np.cos(eta)], axis=1)] + [np.sin(eta)[:, None]] * 2
    for s in range(len(values)):
        for f, shape in enumerate(shapes[: values.shape[1]]):
            fit = np.linalg.lstsq(root[:, None] * shape, root * values[s, f], rcond=None)[0]
            left[s, f] -= shape @ fit
            # h = -(sin eta cos alpha, sin eta sin alpha, cos eta)
            offset[s, 2 if f == 0 else f - 1] = -fit[-1]
    return left, offset


def solved(days, settings, stations=6):
    layout = cases.layout_of(settings, SATS, stations)
    return solve_calibration(stacked(reduce_station_day(d, layout, settings) for d in days))


def four_satellites():
    whole = cases.scene(24, 6, 60.0)
    return replace(whole, leo=whole.leo.subset(SATELLITES))


@pytest.fixture(scope="module")
def quiet():
    """Four satellites at six stations, no noise, no offset."""
    truth = replace(draw_truth(3, SATS, 6), offset_m=np.zeros((SATS, 3)))
    return [simulate_station_day(four_satellites(), truth, *x, 3, noise=QUIET) for x in DAYS]


@pytest.mark.parametrize(("pattern", "functions"), [(ZONAL, 1), (TURNED, 5)])
def test_a_planted_pattern_comes_back_in_its_datum(quiet, pattern, functions, evidence):
    left, _ = in_datum(planted(1, functions))
    # A constant is in the ambiguities; what varies as an offset does is the offset.
    constant = left.copy()
    constant[:, 0] += 0.05
    found = solved([with_pattern(day, constant) for day in quiet], settings_of(pattern))
    told = pattern_estimates(found, pattern)
    evidence(
        "methods.calibration.phase_patterns",
        f"pattern at nodes, {functions} functions of azimuth, no noise",
        "what was planted, in the datum by a weighted fit",
        "closed form",
        achieved=max(np.max(np.abs(told.value_m - left)), np.max(np.abs(found.offset_m))),
        tolerance=1e-7,
        unit="m",
    )
    moved = []
    for day in quiet:
        x, y, z = -day.geometry.partials.T
        nadir, azimuth = np.arctan2(np.hypot(x, y), z), np.arctan2(y, x)
        more = -0.3 * np.cos(nadir) + 0.1 * np.sin(nadir) * np.cos(azimuth)
        leo = day.leo._replace(code_m=day.leo.code_m + more, phase_m=day.leo.phase_m + more)
        moved.append(replace(day, leo=leo))
    found = solved(moved, settings_of(pattern))
    told = pattern_estimates(found, pattern)
    np.testing.assert_allclose(told.value_m, 0.0, atol=1e-7)
    np.testing.assert_allclose(found.offset_m, np.tile([-0.1, 0.0, 0.3], (SATS, 1)), atol=1e-7)


def test_a_planted_pattern_is_recovered_within_its_sigmas(evidence):
    scene = four_satellites()
    settings, pulls, planted_over = settings_of(ZONAL), [], []
    for seed in range(3):
        truth, values = draw_truth(seed, SATS, 6), planted(seed, 1)
        noise = replace(QUIET, code_m=0.3, phase_m=0.003)
        days = [simulate_station_day(scene, truth, *x, seed, noise=noise) for x in DAYS]
        found = solved([with_pattern(day, values) for day in days], settings)
        told = pattern_estimates(found, ZONAL)
        left, offset = in_datum(values)
        pulls.append(((told.value_m - left) / told.sigma_m).ravel())
        pulls.append(((found.offset_m - truth.offset_m - offset) / found.offset_sigma_m).ravel())
        planted_over.append(np.sqrt(np.mean((left / told.sigma_m) ** 2)))
    over = np.sqrt(np.mean(np.concatenate(pulls) ** 2))
    assert min(planted_over) > 3.0  # what was planted is well above its sigma
    evidence(
        "methods.calibration.phase_patterns",
        "errors of pattern and offset over formal sigma, logarithm",
        "1 for white noise",
        "monte carlo",
        achieved=abs(np.log(over)),
        tolerance=0.25,
    )


def test_without_the_datum_pattern_and_offset_are_one(quiet):
    """Tents of all nodes leave directions that shift offset and pattern against each other."""
    settings = settings_of(ZONAL)
    day = quiet[0]
    h = day.geometry.partials[:400]
    columns = settings.orbit.columns(h, np.zeros(len(h)))
    own = np.concatenate([columns, np.ones((1, len(h)))])  # the ambiguity
    assert np.linalg.matrix_rank(own, tol=1e-6 * np.linalg.norm(own)) == 3 + 4 + 1
    tents = ZONAL.functions(np.arccos(-h[:, 2]), np.zeros(len(h)))
    free = np.concatenate([tents, h[:, 2:].T, np.ones((1, len(h)))])
    weak = np.linalg.svd(free / np.linalg.norm(free, axis=1)[:, None], compute_uv=False)
    assert weak[-1] < 1e-12 * weak[0]
    assert weak[-2] < 5e-3 * weak[0]


def test_a_pattern_beside_orbit_terms_is_that_of_one_dense_least_squares(evidence):
    days, _, _ = cases.small_days()
    orbit = WithPattern(OncePerRevolution(), PhasePattern(sigma_m=0.02))
    settings = replace(SEED_SETTINGS, orbit=orbit)
    layout = cases.layout_of(settings, 5, 2)
    found = solve_calibration(stacked(reduce_station_day(d, layout, settings) for d in days))
    with one_blas_thread():
        problem = cases.dense_problem(days, settings, 5, 2)
        x, q, _ = cases.dense_solution(problem, settings, 5, 2)
    size = layout.size
    np.testing.assert_allclose(found.sigma_m, np.sqrt(np.diag(q)[:size]), rtol=1e-6)
    evidence(
        "methods.calibration.phase_patterns",
        f"global estimates, {layout.num_columns} columns per satellite",
        "dense least squares, all unknowns at once",
        "implementation",
        achieved=np.max(np.abs(found.estimate - x[:size])),
        tolerance=1e-8,
        unit="m",
    )


def test_bad_patterns_are_named(untyped, quiet):
    with pytest.raises(LeopntError, match="expected four or more increasing angles from 0 on"):
        PhasePattern((0.0, 0.1, 0.1, 0.2))
    with pytest.raises(LeopntError, match="nodes_rad goes to 60; expected up to pi/2"):
        PhasePattern((0.0, 20.0, 40.0, 60.0))
    with pytest.raises(LeopntError, match="num_harmonics = -1: expected 0 or more"):
        PhasePattern(num_harmonics=-1)
    with pytest.raises(LeopntError, match=r"sigma_m = 0\.0: expected a number above 0"):
        PhasePattern(sigma_m=0.0)
    short = settings_of(PhasePattern((0.0, 0.1, 0.2, 0.3)))
    with pytest.raises(LeopntError, match=r"beyond the last node of the pattern, 0.3000 rad"):
        solved(quiet, short)
    with pytest.raises(LeopntError, match="expected the 4 coefficients of this pattern"):
        pattern_estimates(solved(quiet, SEED_SETTINGS), ZONAL)
