"""Success rates: the formula, its simulation, and the bound by ADOP."""

import numpy as np
import scipy.stats
from ambiguity_cases import double_differences, half_sky, random_unimodular

from leopnt.inference.lambda_reduction import decorrelate
from leopnt.inference.success_rate import (
    adop_cycles,
    adop_success_bound,
    bootstrapped_success_rate,
    success_rates_of_last,
)


def test_rates_are_products_of_normal_probabilities():
    sigma = np.array([0.4, 0.2, 0.1])
    each = 2.0 * scipy.stats.norm.cdf(0.5 / sigma) - 1.0
    np.testing.assert_allclose(bootstrapped_success_rate(sigma**2), np.prod(each), rtol=1e-12)
    expected = [np.prod(each), np.prod(each[1:]), each[2]]
    np.testing.assert_allclose(success_rates_of_last(sigma**2), expected, rtol=1e-12)


def test_adop_is_a_root_of_the_determinant_and_keeps_under_a_change_of_basis(evidence):
    rng = np.random.default_rng(1)
    cov, _, _ = double_differences(half_sky(rng, 20, 9))
    z = random_unimodular(rng, 8)
    expected = np.linalg.det(cov) ** (1.0 / 16.0)
    moved = np.einsum("ji,bjk,kl->bil", z, cov, z)
    np.testing.assert_allclose(adop_cycles(0.5 * (moved + moved.mT)), expected, rtol=1e-5)
    evidence(
        "inference.success_rate",
        "ambiguity dilution of precision, relative",
        "numpy.linalg.det",
        "closed form",
        achieved=np.max(np.abs(adop_cycles(cov) / expected - 1.0)),
        tolerance=1e-9,
    )


def test_the_bound_by_adop_is_never_exceeded_and_reached_by_equal_variances():
    rng = np.random.default_rng(2)
    for num_sat in (4, 6, 9):
        cov, _, _ = double_differences(half_sky(rng, 200, num_sat))
        rate = bootstrapped_success_rate(decorrelate(cov).variances)
        bound = adop_success_bound(adop_cycles(cov), num_sat - 1)
        assert np.all(rate <= bound * (1.0 + 1e-9))
    np.testing.assert_allclose(
        adop_success_bound(adop_cycles(0.04 * np.eye(5)), 5),
        bootstrapped_success_rate(np.full(5, 0.04)),
        rtol=1e-12,
    )
