"""Decorrelation: unimodular, exact, and refusing what is no covariance."""

import numpy as np
import pytest
from ambiguity_cases import double_differences, half_sky

from leopnt.errors import LeopntError
from leopnt.inference.lambda_reduction import conditional_variances, decorrelate


@pytest.mark.parametrize("num_sat", [4, 9, 41])
def test_z_is_unimodular_and_factors_the_covariance(num_sat, evidence):
    cov, _, _ = double_differences(half_sky(np.random.default_rng(num_sat), 30, num_sat))
    found = decorrelate(cov)
    z, lower = found.transform.astype(float), found.lower
    rebuilt = np.swapaxes(lower, -1, -2) @ (found.variances[..., None] * lower)
    expected = np.swapaxes(z, -1, -2) @ cov @ z
    sigma = np.sqrt(np.diagonal(expected, axis1=-2, axis2=-1))
    unit = np.broadcast_to(np.eye(num_sat - 1, dtype=np.int64), found.transform.shape)
    np.testing.assert_array_equal(found.transform @ found.inverse, unit)
    assert found.regular.all()
    assert np.abs(np.tril(lower, -1)).max() <= 0.5 + 1e-6
    evidence(
        "inference.lambda_reduction",
        "covariance of decorrelated ambiguities, by its standard deviations",
        "Z^T Q Z",
        "closed form",
        achieved=np.max(np.abs(rebuilt - expected) / (sigma[..., :, None] * sigma[..., None, :])),
        tolerance=1e-6,
    )


def test_no_swap_of_neighbors_lowers_the_later_variance():
    cov, _, _ = double_differences(half_sky(np.random.default_rng(1), 50, 9))
    found = decorrelate(cov)
    k = np.arange(7)
    swapped = found.variances[:, :-1] + found.lower[:, k + 1, k] ** 2 * found.variances[:, 1:]
    assert np.all(swapped >= found.variances[:, 1:] * (1.0 - 1e-5))


def test_strongly_correlated_pair_has_the_published_transformation():
    # The two-dimensional example that the literature on LAMBDA uses most: de Jonge and Tiberius.
    cov = np.array([[6.290, 5.978, 0.544], [5.978, 6.292, 2.340], [0.544, 2.340, 6.288]])
    found = decorrelate(cov)
    z = found.transform.astype(float)
    np.testing.assert_allclose(
        np.sort(np.diag(z.T @ cov @ z)), np.sort([4.476, 1.146, 0.626]), atol=2e-3
    )


def test_conditional_variances_are_those_of_the_normal_distribution():
    cov, _, _ = double_differences(half_sky(np.random.default_rng(2), 1, 5))
    lower, variances = conditional_variances(cov[0])
    for i in range(4):
        later = cov[0][i + 1 :, i + 1 :]
        across = cov[0][i, i + 1 :]
        expected = cov[0][i, i] - across @ np.linalg.solve(later, across) if i < 3 else cov[0][3, 3]
        np.testing.assert_allclose(variances[i], expected, rtol=1e-8)
    np.testing.assert_allclose(lower.T @ np.diag(variances) @ lower, cov[0], rtol=1e-9)


@pytest.mark.parametrize(("size", "condition"), [(8, 1e12), (40, 1e12)])
def test_nearly_singular_covariances_keep_their_determinant(size, condition):
    # Without care, rounding in the swaps grows until nothing of Q is left.
    rng = np.random.default_rng(size)
    axes = np.linalg.qr(rng.normal(size=(3, size, size)))[0]
    eigenvalues = np.geomspace(1.0, condition, size)
    cov = (axes * eigenvalues[None, None, :]) @ axes.mT
    found = decorrelate(0.5 * (cov + cov.mT))
    unit = np.broadcast_to(np.eye(size, dtype=np.int64), cov.shape)
    np.testing.assert_array_equal(found.transform @ found.inverse, unit)
    logarithms = np.sum(np.log(found.variances), axis=-1)
    np.testing.assert_allclose(logarithms, np.sum(np.log(eigenvalues)), atol=0.01)
    # a reduced basis is no worse than this, and a random one is worse by orders
    assert np.all(found.variances.max(-1) / found.variances.min(-1) < 1e3)


def test_a_covariance_singular_to_working_precision_is_flagged():
    # 1e-13 of the variance remains: above the floor of the pivots, but rounding once Z is applied.
    row = np.array([1.0, np.sqrt(2.0), np.sqrt(3.0)]) * 1e6
    found = decorrelate(np.outer(row, row) + 1e-30 * np.eye(3))
    assert not found.regular
    assert np.isnan(found.lower).all()


def test_one_ambiguity_stays_as_it_is():
    found = decorrelate(np.array([[0.25]]))
    assert (found.transform, found.variances) == (np.array([[1]]), np.array([0.25]))


@pytest.mark.parametrize(
    "cov", [-np.eye(2), np.ones((2, 2)), np.diag([1.0, np.nan]), np.diag([np.inf, 1.0])]
)
def test_what_is_not_positive_definite_is_flagged(cov):
    found = decorrelate(np.stack([np.eye(2), cov]))
    assert found.regular.tolist() == [True, False]
    assert np.isnan(found.variances[1]).all()
    assert np.isfinite(found.variances[0]).all()
    assert np.isnan(conditional_variances(cov)[1]).all()


@pytest.mark.parametrize("shape", [(2, 3), (0, 0)])
def test_shapes_without_ambiguities_are_refused(shape, untyped):
    with pytest.raises(LeopntError, match=r"covariance: got shape .* accepted: \(\.\.\., n, n\)"):
        decorrelate(np.ones(shape))


def test_an_asymmetric_covariance_is_refused():
    cov = np.array([[[1.0, 0.2], [0.2, 1.0]], [[1.0, 0.3], [0.2, 1.0]]])
    with pytest.raises(LeopntError, match=r"entry \(1, 0, 1\) is 0.3 and its mirror image 0.2"):
        decorrelate(cov)
