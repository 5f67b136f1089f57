"""Baselines once ambiguities are known: weighted least squares with them held."""

import numpy as np
import pytest
from ambiguity_cases import double_differences, draw, half_sky

from leopnt.errors import LeopntError
from leopnt.inference.ambiguity import fix_ambiguities, fix_partially
from leopnt.inference.conditioning import baseline_after, fixed_baseline


@pytest.fixture(scope="module")
def epochs():
    """Float solutions of 30 epochs: covariances, floats, baselines; true baseline zero."""
    rng = np.random.default_rng(11)
    cov, base_cov, cross = double_differences(half_sky(rng, 30, 9))
    joint = np.concatenate(
        [np.concatenate([cov, cross.mT], -1), np.concatenate([cross, base_cov], -1)], -2
    )
    both = draw(rng, joint)
    return cov, both[:, :8] + 1e6, both[:, 8:], base_cov, cross


def test_the_fixed_baseline_is_that_of_code_and_phase_with_known_integers(evidence):
    rng = np.random.default_rng(12)
    los = half_sky(rng, 5, 7)
    cov, base_cov, cross = double_differences(los)
    difference = np.concatenate([-np.ones((6, 1)), np.eye(6)], axis=1)
    weight = np.linalg.inv(2.0 * difference @ difference.T)
    geometry = difference @ los
    normal = geometry.mT @ weight[None] @ geometry * (1.0 / 0.3**2 + 1.0 / 0.003**2)
    zero = np.zeros((5, 6))
    found = fixed_baseline(np.zeros((5, 3)), base_cov, cross, zero, cov, zero.astype(int))
    evidence(
        "inference.conditioning",
        "covariance of the fixed baseline, relative",
        "inverse normal matrix of code and phase",
        "closed form",
        achieved=np.max(np.abs(found.covariance @ normal - np.eye(3)[None])),
        tolerance=1e-6,
    )


def test_right_integers_bring_the_baseline_to_millimeters(epochs):
    cov, floats, baseline, base_cov, cross = epochs
    truth = np.full((30, 8), 10**6)
    found = fixed_baseline(baseline, base_cov, cross, floats, cov, truth)
    sigma = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
    ratio = found.baseline / sigma
    assert np.sqrt(np.mean(ratio**2)) == pytest.approx(1.0, abs=0.2)
    assert np.median(np.abs(baseline)) > 20.0 * np.median(np.abs(found.baseline))


def test_a_fix_moves_the_baseline_where_it_is_fixed_and_nowhere_else(epochs):
    cov, floats, baseline, base_cov, cross = epochs
    fix = fix_ambiguities(floats, cov)
    found = baseline_after(fix, baseline, base_cov, cross)
    known = fixed_baseline(baseline, base_cov, cross, floats, cov, fix.integers)
    fixed = fix.num_fixed > 0
    assert 0 < fixed.sum() < 30
    np.testing.assert_allclose(found.baseline[fixed], known.baseline[fixed], atol=1e-6)
    np.testing.assert_allclose(found.covariance[fixed], known.covariance[fixed], atol=1e-9)
    np.testing.assert_array_equal(found.baseline[~fixed], baseline[~fixed])
    np.testing.assert_allclose(found.covariance[~fixed], base_cov[~fixed], rtol=1e-12)


def test_a_partial_fix_conditions_on_its_subset(epochs):
    cov, floats, baseline, base_cov, cross = epochs
    fix = fix_partially(floats, cov)
    found = baseline_after(fix, baseline, base_cov, cross)
    i = int(np.flatnonzero((fix.num_fixed > 0) & (fix.num_fixed < 8))[0])
    last = fix.decorrelation.transform[i][:, 8 - fix.num_fixed[i] :]
    z_cov, z_cross = last.T @ cov[i] @ last, cross[i] @ last
    miss = (floats[i] - fix.ambiguities_cycles[i]) @ last
    expected = baseline[i] - z_cross @ np.linalg.solve(z_cov, miss)
    np.testing.assert_allclose(found.baseline[i], expected, atol=1e-5)
    spread = base_cov[i] - z_cross @ np.linalg.solve(z_cov, z_cross.T)
    np.testing.assert_allclose(found.covariance[i], spread, atol=1e-8)


def test_a_covariance_that_is_not_positive_definite_gives_no_baseline():
    found = fixed_baseline(
        np.zeros(1), np.eye(1), np.ones((1, 2)), np.zeros(2), -np.eye(2), np.zeros(2, int)
    )
    assert np.isnan(found.baseline).all()
    assert np.isnan(found.covariance).all()


def test_shapes_that_do_not_match_are_refused(untyped):
    fix = fix_ambiguities(np.zeros(2), 0.01 * np.eye(2))
    with pytest.raises(LeopntError, match="baseline, covariance, cross_covariance: got shapes"):
        baseline_after(fix, np.zeros(3), np.eye(3), np.zeros((3, 5)))
