"""Tests of residuals: scipy's chi-square, deletion in NumPy, and planted outliers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from inference_cases import CASES, LINEAR, LinearLink, linear_case

from leopnt.inference import (
    Data,
    Status,
    check_residuals,
    chi_square,
    data_snooping,
    simulate,
    solve,
)

CASE = linear_case()
checked = eqx.filter_jit(check_residuals)
ROWS = np.asarray(CASE.links.row) / np.asarray(CASE.links.sigma)[:, None]
Y = np.asarray(simulate(LINEAR, CASE.truth, CASE.links, jax.random.key(3)))


def test_p_values_are_the_survival_function_of_scipy(evidence):
    cases = [(v, k) for k in (1, 2, 7, 40, 3000) for v in (1e-3, 0.5 * k, k, 1.5 * k, 40.0 + k)]
    own = np.array([chi_square(v, k).p_value for v, k in cases])
    expected = np.array([scipy.stats.chi2.sf(v, k) for v, k in cases])
    evidence(
        "inference.consistency",
        "relative p-value of the chi-square test, 1 to 3000 degrees of freedom",
        "scipy.stats.chi2.sf",
        "implementation",
        achieved=np.max(np.abs(own / expected - 1)[expected > 0]),
        tolerance=1e-9,
    )


def test_p_values_of_good_residuals_are_uniform():
    draws = np.random.default_rng(0).normal(size=(2000, 12))
    left = draws - draws @ ROWS @ np.linalg.pinv(ROWS)
    p = [chi_square(float(np.sum(z**2)), 12 - 4).p_value for z in left]
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize("dof", [0, -3])
def test_without_redundancy_there_is_no_p_value(dof):
    found = chi_square(1.5, dof)
    assert found.value == 1.5
    assert found.dof == dof
    assert np.isnan(found.p_value)


def deleted(rows, sides, i):
    """Residual of equation i against the fit of all the others, in its own sigmas."""
    rest, side = np.delete(rows, i, axis=0), np.delete(sides, i)
    x = np.linalg.lstsq(rest, side, rcond=None)[0]
    variance = 1 + rows[i] @ np.linalg.solve(rest.T @ rest, rows[i])
    return (sides[i] - rows[i] @ x) / np.sqrt(variance)


def test_normalized_residuals_are_those_of_leaving_the_link_out(evidence):
    data = Data(CASE.links, jnp.asarray(Y))
    check = checked(LINEAR, solve(LINEAR, CASE.start, data, CASE.free), data)
    sides = Y / np.asarray(CASE.links.sigma)
    expected = np.array([deleted(ROWS, sides, i) for i in range(12)])
    evidence(
        "inference.consistency",
        "normalized residuals of 12 links",
        "fits without the link, numpy.linalg.lstsq",
        "implementation",
        achieved=np.max(np.abs(np.asarray(check.normalized)[:, 0] - expected)),
        tolerance=1e-9,
    )
    hat = ROWS @ np.linalg.pinv(ROWS)
    np.testing.assert_allclose(check.leverage[:, 0], np.diag(hat), atol=1e-11)
    np.testing.assert_allclose(check.whitened[:, 0], sides - hat @ sides, atol=1e-9)


def test_rejected_links_have_the_residual_they_would_have_if_left_out_alone():
    for i in range(12):
        data = Data(CASE.links, jnp.asarray(Y), jnp.arange(12) != i)
        check = checked(LINEAR, solve(LINEAR, CASE.start, data, CASE.free), data)
        expected = deleted(ROWS, Y / np.asarray(CASE.links.sigma), i)
        assert float(check.normalized[i, 0]) == pytest.approx(expected, abs=1e-9)
        assert float(check.leverage[i, 0]) < 0


def test_normalized_residuals_are_standard_normal(evidence):
    num_draws = 20000

    @eqx.filter_jit
    @jax.vmap
    def normalized(key):
        data = Data(CASE.links, simulate(LINEAR, CASE.truth, CASE.links, key))
        found = solve(LINEAR, CASE.truth, data, CASE.free)
        return check_residuals(LINEAR, found, data).normalized[:, 0]

    z = np.asarray(normalized(jax.random.split(jax.random.key(5), num_draws)))
    assert min(scipy.stats.kstest(z[:, i], "norm").pvalue for i in range(12)) > 1e-3
    evidence(
        "inference.consistency",
        "variance of the normalized residuals of each of 12 links",
        "one, by 20000 simulated fits",
        "monte carlo",
        achieved=np.max(np.abs(np.mean(z**2, axis=0) - 1)),
        tolerance=0.05,
    )


@pytest.mark.parametrize("name", ["linear", "ofdm"])
def test_leverages_sum_to_the_number_of_unknowns(name):
    case = CASES[name]
    y = simulate(case.model, case.truth, case.links, jax.random.key(0), case.shared)
    data = Data(case.links, y, None, case.shared)
    found = solve(case.model, case.truth, data, case.free)
    check = checked(case.model, found, data)
    assert float(jnp.sum(check.leverage)) == pytest.approx(found.unknowns.size, abs=1e-6)
    assert float(jnp.min(check.leverage)) >= 0
    assert float(jnp.max(check.leverage)) <= 1 + 1e-9


def test_weighted_leverages_sum_to_the_number_of_unknowns_too():
    weight = jnp.linspace(0.2, 1.0, 12)
    down = LinearLink(CASE.links.row, CASE.links.sigma / jnp.sqrt(weight))
    found = solve(LINEAR, CASE.start, Data(down, jnp.asarray(Y)), CASE.free)
    check = checked(LINEAR, found, Data(CASE.links, jnp.asarray(Y)), weight=weight)
    assert float(jnp.sum(check.leverage)) == pytest.approx(4, abs=1e-9)


def test_links_that_nothing_checks_have_no_normalized_residual():
    four = linear_case(4)
    y = simulate(LINEAR, four.truth, four.links, jax.random.key(1))
    data = Data(four.links, y)
    check = checked(LINEAR, solve(LINEAR, four.start, data, four.free), data)
    np.testing.assert_allclose(check.leverage, 1.0, atol=1e-9)
    np.testing.assert_array_equal(check.normalized, 0.0)


LONG = linear_case(40, seed=6)
SIGMA = np.asarray(LONG.links.sigma)
CLEAN = np.asarray(simulate(LINEAR, LONG.truth, LONG.links, jax.random.key(8)))


def snoop(data, **options):
    def solve_visible(start, visible):
        shown = Data(data.links, data.observations, jnp.asarray(visible))
        return solve(LINEAR, start, shown, LONG.free)

    return data_snooping(solve_visible, LINEAR, LONG.start, data, **options)


def spoiled(sigmas):
    y = CLEAN.copy()
    for link, size in sigmas.items():
        y[link] += size * SIGMA[link]
    return Data(LONG.links, jnp.asarray(y))


def places(mask):
    return set(np.flatnonzero(mask).tolist())


def test_good_data_keep_every_link():
    found = snoop(spoiled({}))
    assert places(~found.used) == set()
    assert found.settled
    assert found.rounds == 1


def test_planted_outliers_are_found_and_no_others(evidence):
    planted = {3: 40.0, 11: -25.0, 20: 60.0, 33: 12.0, 39: -15.0}
    found = snoop(spoiled(planted))
    evidence(
        "inference.consistency",
        "links judged wrongly by data snooping, 5 of 40 spoiled by 12 to 60 sigma",
        "planted outliers",
        "closed form",
        achieved=len(places(~found.used) ^ set(planted)),
        tolerance=0,
    )
    assert found.settled
    rows = (np.asarray(LONG.links.row) / SIGMA[:, None])[found.used]
    x = np.linalg.lstsq(rows, (CLEAN / SIGMA)[found.used], rcond=None)[0]
    np.testing.assert_allclose(found.estimate.theta.x, x[:3], rtol=1e-8)


def test_wrongly_rejected_links_come_back():
    first = np.arange(40) % 4 != 0
    found = snoop(spoiled({3: 30.0, 20: 40.0}), first=first)
    assert places(~found.used) == {3, 20}
    assert found.settled


def test_hidden_links_stay_hidden():
    data = Data(LONG.links, jnp.asarray(CLEAN), jnp.arange(40) >= 10)
    found = snoop(data, first=np.arange(40) % 4 != 0)
    assert places(found.used) == set(range(10, 40))


def test_it_gives_up_rather_than_reject_more_than_the_share_allowed():
    planted = dict.fromkeys(range(0, 40, 4), 50.0) | dict.fromkeys(range(1, 40, 4), -70.0)
    for max_share in (0.0, 0.1, 0.3):
        found = snoop(spoiled(planted), max_share=max_share)
        assert not found.settled
        assert np.mean(~found.used) <= max_share


def test_it_stops_when_the_rounds_run_out():
    found = snoop(spoiled({3: 30.0}), max_rounds=1)
    assert found.rounds == 1
    assert not found.settled
    assert places(~found.used) == set()


def test_every_group_loses_its_worst_link_in_the_same_round():
    data, labels = spoiled({3: 300.0, 30: 40.0}), (np.arange(40) >= 20).astype(int)
    assert snoop(data, max_rounds=2, groups=labels).used[[3, 30]].tolist() == [False, False]
    assert snoop(data, max_rounds=2).used[[3, 30]].tolist() == [False, True]


def test_too_few_first_links_make_it_start_over_with_all():
    found = snoop(spoiled({3: 40.0}), first=np.arange(40) < 2)
    assert places(~found.used) == {3}
    assert found.settled


def test_a_failed_fit_checks_nothing_and_settles_nothing():
    data = Data(LONG.links, jnp.asarray(CLEAN), jnp.arange(40) < 2)
    found = snoop(data)
    assert bool(found.estimate.status == Status.too_few_measurements)
    assert not found.settled
    assert np.all(np.isnan(found.check.normalized))
