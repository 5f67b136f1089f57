"""LAMBDA as a whole: against enumeration, under changes of basis, and by simulation."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from ambiguity_cases import (
    double_differences,
    draw,
    half_sky,
    random_unimodular,
    squared_norm,
    two_best_by_definition,
)
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.inference.ambiguity import (
    NO_INTEGER,
    Acceptance,
    AmbiguityStatus,
    fix_ambiguities,
    fix_partially,
)
from leopnt.inference.integer_rounding import bootstrap_integers, round_integers

ANY = Acceptance(min_ratio=1.0, min_success_rate=0.0)


def status_names(status):
    values = {int(getattr(AmbiguityStatus, n)._value): n for n in AmbiguityStatus._name_to_item}
    return [values[int(v)] for v in np.ravel(np.asarray(status._value))]


@pytest.mark.parametrize("num_sat", [4, 6, 9])
def test_two_best_are_those_of_an_enumeration(num_sat, evidence):
    rng = np.random.default_rng(num_sat)
    cov, _, _ = double_differences(half_sky(rng, 4, num_sat), code_m=0.1)
    floats = draw(rng, cov) + rng.integers(-1000, 1000, cov.shape[:-1])
    found = fix_ambiguities(floats, cov)
    worst = 0.0
    for i in range(4):
        vectors, norms = two_best_by_definition(floats[i], cov[i])
        np.testing.assert_array_equal(found.integers[i], vectors[0])
        np.testing.assert_array_equal(found.second_best[i], vectors[1])
        worst = max(worst, np.max(np.abs(found.squared_norms[i] / norms - 1.0)))
    evidence(
        "inference.ambiguity",
        "squared norms of the two best, double differences, relative",
        "enumeration of a sphere, without decorrelation",
        "implementation",
        achieved=worst,
        tolerance=1e-6,
    )


@pytest.mark.parametrize("size", [8, 40])
def test_fixes_follow_a_change_of_basis_and_integer_shifts(size, evidence):
    rng = np.random.default_rng(size)
    cov, _, _ = double_differences(half_sky(rng, 2, size + 1))
    floats, shift = draw(rng, cov), rng.integers(-(10**8), 10**8, size)
    z = random_unimodular(rng, size)
    other = np.einsum("ji,bjk,kl->bil", z, cov, z)
    found = fix_ambiguities(floats, cov)
    moved = fix_ambiguities((floats + shift[None, :]) @ z, 0.5 * (other + other.mT))
    wrong = np.sum(moved.integers != (found.integers + shift[None, :]) @ z)
    wrong += np.sum(moved.second_best != (found.second_best + shift[None, :]) @ z)
    np.testing.assert_allclose(moved.squared_norms, found.squared_norms, rtol=1e-4)
    np.testing.assert_allclose(moved.success_rate, found.success_rate, atol=0.02)
    evidence(
        "inference.ambiguity",
        "integers that differ after a unimodular change of basis and shifts of 1e8 cycles",
        "the same change of the integers",
        "invariance",
        achieved=wrong,
        tolerance=0,
    )


@pytest.mark.parametrize(("code_m", "num", "rtol"), [(3.0, 2, 1e-6), (30.0, 1, 1e-4)])
def test_forty_strongly_correlated_ambiguities_are_resolved(code_m, num, rtol):
    # Condition numbers of 1e6 and 1e8: the norms lose as many digits.
    rng = np.random.default_rng(40)
    cov, _, _ = double_differences(half_sky(rng, num, 41), code_m=code_m)
    floats = draw(rng, cov)
    found = fix_ambiguities(floats, cov)
    assert np.all(np.abs(floats).max(axis=1) > 1.0)  # cycles: rounding finds none of the vectors
    assert status_names(found.status) == ["fixed"] * num
    np.testing.assert_array_equal(found.integers, 0)
    for i in range(num):
        norms = [
            squared_norm(floats[i] - v[i], cov[i]) for v in (found.integers, found.second_best)
        ]
        np.testing.assert_allclose(found.squared_norms[i], norms, rtol=rtol)


def test_a_search_that_hits_its_limit_says_so():
    rng = np.random.default_rng(41)
    cov, _, _ = double_differences(half_sky(rng, 1, 41))
    found = fix_ambiguities(draw(rng, cov), cov, Acceptance(max_nodes=100))
    assert status_names(found.status) == ["search_limit"]
    assert found.num_fixed[0] == 0
    assert AmbiguityStatus[AmbiguityStatus.search_limit].startswith("the search reached its limit")


@pytest.mark.study
@pytest.mark.parametrize(
    ("num_sat", "formula", "band"),
    [(5, 0.03, 0.02), (6, 0.23, 0.03), (8, 0.91, 0.02), (9, 0.99, 0.01)],
)
def test_least_squares_succeeds_at_or_above_the_bootstrapped_rate(num_sat, formula, band, evidence):
    # An independent implementation's means over half-sky geometries: a second implementation's.
    rng = np.random.default_rng(num_sat)
    cov, _, _ = double_differences(half_sky(rng, study_size(4000, 20000), num_sat))
    found = fix_ambiguities(draw(rng, cov), cov, ANY)
    success = np.all(found.integers == 0, axis=-1)
    z = found.decorrelation.transform.astype(float)
    sampling = 3.0 * np.std(success - found.success_rate) / np.sqrt(len(success))
    evidence(
        "inference.ambiguity",
        f"bootstrapped success rate minus share of right integers, {num_sat - 1} ambiguities",
        "simulated float solutions, three standard errors",
        "monte carlo",
        achieved=np.mean(found.success_rate) - np.mean(success),
        tolerance=sampling,
    )
    assert abs(np.mean(found.success_rate) - formula) < band
    floats = draw(rng, cov)
    z_cov = np.swapaxes(z, -1, -2) @ cov @ z
    z_cov = 0.5 * (z_cov + z_cov.mT)
    by_steps = bootstrap_integers(np.einsum("bij,bi->bj", z, floats), z_cov) == 0
    np.testing.assert_allclose(
        np.mean(by_steps.all(-1)), np.mean(found.success_rate), atol=sampling
    )
    rounded = np.mean(np.all(round_integers(floats) == 0, axis=-1))
    assert rounded <= np.mean(by_steps.all(-1)) + sampling


@pytest.mark.study
def test_the_ratio_alone_accepts_wrong_integers_and_the_success_rate_stops_them():
    rng = np.random.default_rng(55)
    cov, _, _ = double_differences(half_sky(rng, 4000, 5))
    floats = draw(rng, cov)
    loose = fix_ambiguities(floats, cov, Acceptance(min_success_rate=0.0))
    accepted = loose.num_fixed > 0
    wrong = np.any(loose.integers != 0, axis=-1)
    assert 0.08 < accepted.mean() < 0.14  # independently: 11 %
    assert wrong[accepted].mean() > 0.9  # independently: 97 %
    strict = fix_ambiguities(floats, cov)
    assert np.mean(wrong & (strict.num_fixed > 0)) < 0.01 * max(np.mean(strict.num_fixed > 0), 0.01)


def test_both_conditions_must_hold_and_float_is_kept_otherwise():
    floats = np.array([[0.1, 0.1], [0.45, 0.1], [0.1, 0.1]])
    cov = np.stack([0.01 * np.eye(2), 0.001 * np.eye(2), np.eye(2)])
    found = fix_ambiguities(floats, cov)
    assert status_names(found.status) == ["fixed", "low_ratio", "low_success_rate"]
    assert found.num_fixed.tolist() == [2, 0, 0]
    np.testing.assert_array_equal(found.ambiguities_cycles[0], [0.0, 0.0])
    np.testing.assert_array_equal(found.ambiguities_cycles[1:], floats[1:])
    # by hand: (0.1^2 + 0.9^2) / (2 * 0.1^2)
    np.testing.assert_allclose(found.ratio[0], (0.01 + 0.81) / 0.02)


def test_one_ambiguity_is_rounded():
    found = fix_ambiguities(np.array([1e8 + 0.2]), np.array([[0.01]]))
    assert found.integers.dtype == np.int64
    assert found.integers.tolist() == [10**8]
    assert found.second_best.tolist() == [10**8 + 1]
    np.testing.assert_allclose(found.ratio, 16.0, rtol=1e-6)
    assert AmbiguityStatus[found.status] == ""


def test_arrays_of_jax_are_taken_and_any_batch_shape_comes_back():
    floats = jnp.full((2, 3, 2), 0.1)
    cov = jnp.broadcast_to(0.01 * jnp.eye(2), (2, 3, 2, 2))
    found = fix_ambiguities(floats, cov)
    assert found.integers.shape == (2, 3, 2)
    assert found.ratio.shape == found.num_fixed.shape == found.status._value.shape == (2, 3)
    assert fix_partially(floats, cov).covariance.shape == (2, 3, 2, 2)


def test_unusable_problems_have_a_status_and_no_number():
    floats = np.array([[0.1, 0.1], [np.nan, 0.1], [0.1, 0.1], [1e300, 0.1]])
    cov = np.stack([0.01 * np.eye(2), np.eye(2), -np.eye(2), np.eye(2)])
    for found in (fix_ambiguities(floats, cov), fix_partially(floats, cov)):
        names = ["fixed", "not_finite", "not_positive_definite", "not_finite"]
        assert status_names(found.status) == names
        assert found.num_fixed.tolist() == [2, 0, 0, 0]
        assert np.isnan(found.ratio[1:]).all()
    found = fix_ambiguities(floats, cov)
    assert np.all(found.integers[1:] == NO_INTEGER)
    assert np.isnan(found.squared_norms[1:]).all()


def test_partial_fixing_takes_the_largest_sufficient_subset():
    rng = np.random.default_rng(7)
    cov, _, _ = double_differences(half_sky(rng, 200, 7))
    floats = draw(rng, cov)
    found = fix_partially(floats, cov)
    assert 0 < np.mean(found.num_fixed) < 6
    some = np.flatnonzero((found.num_fixed > 0) & (found.num_fixed < 6))
    assert np.all(found.success_rate[some] >= 0.99)
    z = found.decorrelation.transform
    for i in some[:20]:
        num = found.num_fixed[i]
        one_more = np.sqrt(0.125 / found.decorrelation.variances[i, 5 - num :])
        assert math.prod(math.erf(x) for x in one_more) < 0.99
        last = z[i][:, 6 - num :]
        np.testing.assert_allclose(
            found.ambiguities_cycles[i] @ last,
            np.rint(found.ambiguities_cycles[i] @ last),
            atol=1e-6,
        )
        np.testing.assert_allclose(last.T @ found.covariance[i] @ last, 0.0, atol=1e-6)
        assert np.trace(found.covariance[i]) < np.trace(cov[i])


def test_a_subset_of_all_is_the_full_fix_and_of_none_the_float_solution():
    rng = np.random.default_rng(9)
    cov, _, _ = double_differences(half_sky(rng, 20, 14))
    floats = draw(rng, cov)
    full, partial = fix_ambiguities(floats, cov), fix_partially(floats, cov)
    fixed = full.num_fixed == 13
    assert fixed.all()
    np.testing.assert_allclose(partial.ambiguities_cycles, full.integers, atol=1e-6)
    np.testing.assert_allclose(partial.ratio, full.ratio)
    none = fix_partially(floats, cov * 1e6)
    assert status_names(none.status) == ["low_success_rate"] * 20
    np.testing.assert_array_equal(none.ambiguities_cycles, floats)
    np.testing.assert_array_equal(none.covariance, cov * 1e6)


def test_shapes_that_do_not_match_are_refused(untyped):
    with pytest.raises(LeopntError, match=r"float_cycles: got shape \(3,\) with a covariance of"):
        fix_ambiguities(np.zeros(3), np.eye(2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_ratio": 0.5}, "min_ratio: got 0.5; accepted: 1 or more"),
        ({"min_success_rate": 1.0}, "min_success_rate: got 1.0; accepted: from 0 to below 1"),
    ],
)
def test_conditions_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(LeopntError, match=message):
        Acceptance(**settings)
