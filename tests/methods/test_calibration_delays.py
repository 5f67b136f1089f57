"""Delays per epoch: the printed worked case, three ways of solving, and what their sigmas mean."""

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.calibration.back_substitution import estimate_station_day
from leopnt.methods.calibration.delay_models import RandomWalkDelay, SharedLevel, WhiteDelay
from leopnt.methods.calibration.delays import (
    DelayLinks,
    ForwardBackward,
    TwoFilter,
    delay_links,
    filter_delays,
    joined_links,
    smooth_delays,
)
from leopnt.methods.calibration.reduction import reduce_station_day, stacked
from leopnt.methods.calibration.settings import SEED_SETTINGS, sigma_growth
from leopnt.methods.calibration.solution import solve_calibration

MODELS = [WhiteDelay(0.03), SharedLevel(0.03), RandomWalkDelay(1e-6)]


def worked_case():
    el = np.radians(np.array([40.0, 20, 50, 25, 30, 35, 45]))
    growth = sigma_growth(el, np.radians(30.0)) ** 2
    return DelayLinks(
        np.array([0.0, 0, 30, 30, 60, 600, 600]),
        np.array([0, 1, 0, 1, 1, 0, 1]),
        np.array([0, 1, 0, 1, 1, 2, 3]),
        np.array([10.31, 9.85, 10.12, 9.70, 10.40, 9.95, 10.22]),
        np.array([14.002, 7.498, 14.005, 7.503, 7.499, 11.001, 5.252]),
        0.3**2 * growth,
        0.003**2 * growth,
    )


def test_the_worked_case_has_all_printed_digits(evidence):
    printed = np.array(
        [
            [10.1132299, 10.1156981, 10.1137957, 10.1134541],
            [0.120036348, 0.120027635, 0.120025570, 0.120830912],
        ]
    )
    links, walk = worked_case(), RandomWalkDelay(1e-6)
    level = np.full(5, 10.0), np.ones(5)
    found = [smooth_delays(links, walk, 10.0, 1.0)]
    found += filter_delays([links] * 5, walk, *level)[:1]
    found += filter_delays([links] * 5, walk, *level, TwoFilter())[-1:]
    worst = max(np.max(np.abs(one.delay_m - printed[0])) for one in found)
    for one in found:
        np.testing.assert_allclose(one.sigma_m, printed[1], rtol=0, atol=6e-10)
    evidence(
        "methods.calibration.delays",
        "smoothed delays of four epochs, three ways",
        "worked case of an independent implementation, 7 decimals",
        "implementation",
        achieved=worst,
        tolerance=6e-8,
        unit="m",
    )


@pytest.fixture(scope="module")
def links():
    days, _, _ = cases.small_days()
    layout = cases.layout_of(SEED_SETTINGS, 5, 2)
    normals = stacked(reduce_station_day(day, layout, SEED_SETTINGS) for day in days)
    found = solve_calibration(normals)
    parts = []
    for day in days:
        local = estimate_station_day(day, found, SEED_SETTINGS)
        parts.append(
            delay_links(
                day,
                SEED_SETTINGS,
                offset_m=found.offset_m,
                isb_m=float(found.isb_m[day.station]),
                clock_m=local.clock_m,
                zenith_delay_m=local.zenith_delay_m,
            )
        )
    return [joined_links(of_sat) for of_sat in zip(*parts, strict=True)], found


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_three_ways_of_smoothing_agree(links, model, evidence):
    tables, found = links
    level = found.delay_m, found.delay_sigma_m
    batch = [smooth_delays(*one) for one in zip(tables, [model] * 5, *level, strict=True)]
    worst = 0.0
    for smoother in (ForwardBackward(), TwoFilter()):
        series = filter_delays(tables, model, *level, smoother)
        for one, other in zip(batch, series, strict=True):
            worst = max(worst, np.max(np.abs(one.delay_m - other.delay_m)))
            np.testing.assert_allclose(one.sigma_m, other.sigma_m, rtol=1e-6)
    evidence(
        "methods.calibration.delay_models",
        f"{type(model).__name__}: forward-backward, two filters",
        "bordered tridiagonal batch",
        "implementation",
        achieved=worst,
        tolerance=1e-8,
        unit="m",
    )


def dense(links, prior_covariance, mean):
    """Delays and sigmas by conditioning on a full prior covariance."""
    t, epoch = np.unique(links.t_s, return_inverse=True)
    arcs, count = links.arc.max() + 1, len(links.t_s)
    a = np.zeros((2 * count, len(t) + arcs))
    a[np.arange(count), epoch] = a[count + np.arange(count), epoch] = 1.0
    a[count + np.arange(count), len(t) + links.arc] = 1.0
    y = np.r_[links.code_m, links.phase_m] - mean
    w = 1.0 / np.r_[links.code_variance_m2, links.phase_variance_m2]
    information = np.zeros((len(t) + arcs,) * 2)
    information[: len(t), : len(t)] = np.linalg.inv(prior_covariance(t))
    information[len(t) :, len(t) :] = 1e-4 * np.eye(arcs)
    q = np.linalg.inv(a.T @ (w[:, None] * a) + information)
    x = q @ (a.T @ (w * y))
    return mean + x[: len(t)], np.sqrt(np.diag(q))[: len(t)]


@pytest.mark.parametrize(
    ("model", "covariance"),
    [
        (WhiteDelay(0.03), lambda t: 9e-4 * np.eye(len(t))),
        (SharedLevel(0.03), lambda t: 9e-4 * np.eye(len(t)) + 0.05**2),
        (RandomWalkDelay(1e-6), lambda t: 0.05**2 + 1e-6 * np.minimum.outer(t, t)),
    ],
)
def test_priors_are_those_that_the_models_describe(model, covariance):
    links = worked_case()
    found = smooth_delays(links, model, 10.0, 0.05)
    delay, sigma = dense(links, covariance, 10.0)
    np.testing.assert_allclose(found.delay_m, delay, rtol=0, atol=1e-7)
    np.testing.assert_allclose(found.sigma_m, sigma, rtol=1e-5)


def test_counting_the_level_at_every_epoch_makes_its_sigma_too_small(links):
    tables, found = links
    many = int(np.argmax([len(one.t_s) for one in tables]))
    level = float(found.delay_m[many]), float(found.delay_sigma_m[many])
    repeated = smooth_delays(tables[many], WhiteDelay(0.03), *level)
    shared = smooth_delays(tables[many], SharedLevel(0.03), *level)
    assert np.median(shared.sigma_m) > 2.0 * np.median(repeated.sigma_m)


def test_missing_code_is_no_information():
    links = worked_case()
    gone = links._replace(
        code_m=np.where(np.arange(7) == 2, 1e3, links.code_m),
        code_variance_m2=np.where(np.arange(7) == 2, np.inf, links.code_variance_m2),
    )
    other = gone._replace(code_m=np.where(np.arange(7) == 2, -7.0, links.code_m))
    for run in (
        lambda x: smooth_delays(x, SharedLevel(), 10.0, 1.0),
        lambda x: filter_delays([x] * 5, WhiteDelay(), np.full(5, 10.0), np.ones(5))[0],
    ):
        np.testing.assert_array_equal(run(gone).delay_m, run(other).delay_m)


def test_bad_input_is_named(links):
    _, found = links
    nothing = DelayLinks(*(x[:0] for x in worked_case()))
    with pytest.raises(LeopntError, match="links: a satellite has none"):
        smooth_delays(nothing, SharedLevel(), 0.0, 1.0)
    with pytest.raises(LeopntError, match=r"level_m = nan, level_sigma_m = 1\.0"):
        smooth_delays(worked_case(), SharedLevel(), float("nan"), 1.0)
    for make, name in (
        (SharedLevel, "sigma_m"),
        (WhiteDelay, "sigma_m"),
        (RandomWalkDelay, "rate"),
    ):
        with pytest.raises(LeopntError, match=f"{name}.* = 0.0: expected a number above 0"):
            make(0.0)
    days, _, _ = cases.small_days()
    with pytest.raises(LeopntError, match="clock_m has 1 epochs and zenith_delay_m 1 nodes"):
        delay_links(
            days[0],
            SEED_SETTINGS,
            offset_m=found.offset_m,
            isb_m=0.0,
            clock_m=np.zeros(1),
            zenith_delay_m=np.zeros(1),
        )
