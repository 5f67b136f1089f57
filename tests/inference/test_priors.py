"""Priors as extra rows: against stacked least squares in NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import CASES, LINEAR, LinearTheta, PhaseTheta, linear_case
from jaxtyping import Array
from scipy.spatial.transform import Rotation

from leopnt.errors import LeopntError
from leopnt.inference import (
    Data,
    FunctionPrior,
    GaussianCovariancePrior,
    GaussianPrior,
    Unknowns,
    fisher_information,
    simulate,
    solve,
)
from leopnt.inference.priors import prior_rows

CASE = linear_case()
COVARIANCE = np.array([[0.5, 0.1, 0.0], [0.1, 2.0, -0.3], [0.0, -0.3, 0.1]])


def norm_of_x(theta):
    return jnp.sqrt(theta.x @ theta.x)


def stacked(rows, sides):
    """Weighted least squares in NumPy over whitened rows."""
    A, b = np.vstack(rows), np.concatenate(sides)
    return np.linalg.lstsq(A, b, rcond=None)[0], np.linalg.inv(A.T @ A)


def measurement_rows(observations):
    sigma = np.asarray(CASE.links.sigma)
    return np.asarray(CASE.links.row) / sigma[:, None], np.asarray(observations) / sigma


KEY = jax.random.key(3)


def test_gaussian_priors_equal_stacked_rows(evidence):
    y = simulate(LINEAR, CASE.truth, CASE.links, KEY)
    rows, side = measurement_rows(y)
    mean, sigma = np.array([0.5, -18.0, 0.2]), np.array([0.3, 1.0, 0.05])
    root = np.linalg.cholesky(COVARIANCE)
    x, covariance = stacked(
        [rows, np.eye(3, 4) / sigma[:, None], np.linalg.solve(root, np.eye(3, 4))],
        [side, mean / sigma, np.linalg.solve(root, mean + 0.1)],
    )
    priors = (
        GaussianPrior("x", jnp.asarray(mean), jnp.asarray(sigma)),
        GaussianCovariancePrior("x", jnp.asarray(mean + 0.1), jnp.asarray(COVARIANCE)),
    )
    found = solve(LINEAR, CASE.start, Data(CASE.links, y), CASE.free, priors=priors)
    worst = max(
        np.max(np.abs(np.append(found.theta.x, found.theta.y) - x) / np.abs(x)),
        np.max(np.abs(found.covariance - covariance)) / np.max(np.abs(covariance)),
    )
    evidence(
        "inference.priors",
        "estimate and covariance with a diagonal and a full prior",
        "stacked rows in numpy.linalg.lstsq",
        "implementation",
        achieved=worst,
        tolerance=1e-10,
    )
    bound = fisher_information(LINEAR, CASE.truth, CASE.links, CASE.free, priors=priors).crb()
    np.testing.assert_allclose(bound, covariance, rtol=1e-9, atol=1e-14)


def test_a_function_prior_is_its_own_linearization():
    theta = CASE.truth
    prior = FunctionPrior(norm_of_x, 21.0, 0.1)
    residual, rows = prior_rows(prior, Unknowns.of(theta, ("x", "y")), theta)
    x = np.asarray(theta.x)
    length = np.linalg.norm(x)
    np.testing.assert_allclose(residual, [(length - 21.0) / 0.1], rtol=1e-14)
    scale = np.array([1.0, 10.0, 0.1])
    np.testing.assert_allclose(rows[0, :3], x / length / 0.1 * scale, rtol=1e-13)
    assert rows[0, 3] == 0.0


def test_a_tight_function_prior_holds_the_estimate_on_its_surface():
    y = simulate(LINEAR, CASE.truth, CASE.links, KEY)
    prior = FunctionPrior(norm_of_x, 19.0, 1e-6)
    found = solve(LINEAR, CASE.truth, Data(CASE.links, y), CASE.free, priors=[prior])
    assert bool(found.converged)
    assert float(norm_of_x(found.theta)) == pytest.approx(19.0, abs=1e-5)


def test_priors_count_as_equations():
    few = linear_case(3)
    y = simulate(LINEAR, few.truth, few.links, KEY)
    prior = GaussianPrior("y", jnp.asarray(4.0), 0.1)
    assert not bool(solve(LINEAR, few.start, Data(few.links, y), few.free).converged)
    assert bool(solve(LINEAR, few.start, Data(few.links, y), few.free, priors=[prior]).converged)


def test_one_sigma_serves_all_components():
    prior = GaussianPrior("x", jnp.zeros(3), 2.0)
    np.testing.assert_allclose(prior.residual(CASE.truth), np.asarray(CASE.truth.x) / 2.0)


def test_prior_on_a_rotation_measures_the_angle_between(evidence):
    mean, turn = Rotation.from_rotvec([0.2, -1.0, 0.4]), Rotation.from_rotvec([0.05, 0.02, -0.03])
    theta = PhaseTheta(jnp.asarray((turn * mean).as_matrix()), jnp.asarray(0.0))
    prior = GaussianPrior("rotation", jnp.asarray(mean.as_matrix()), 0.01)
    evidence(
        "inference.priors",
        "misfit of a rotation against its prior mean",
        "scipy Rotation",
        "implementation",
        achieved=np.max(np.abs(prior.residual(theta) - turn.as_rotvec() / 0.01)),
        tolerance=1e-11,
    )


@pytest.mark.parametrize("bad", [0.0, -2.0, np.nan, np.array([1.0, 0.0])])
def test_sigmas_must_be_positive(bad):
    with pytest.raises(LeopntError, match="GaussianPrior: sigma must be finite and positive"):
        GaussianPrior("x", jnp.zeros(3), jnp.asarray(bad))
    with pytest.raises(LeopntError, match="FunctionPrior: sigma must be finite and positive"):
        FunctionPrior(norm_of_x, 1.0, jnp.asarray(bad))


@pytest.mark.parametrize(
    "bad", [np.array([[1.0, 2.0], [2.0, 1.0]]), np.zeros((2, 2)), np.array([[1.0, np.nan]] * 2)]
)
def test_covariances_must_be_positive_definite(bad):
    with pytest.raises(LeopntError, match="covariance must be symmetric positive definite"):
        GaussianCovariancePrior("x", jnp.zeros(2), jnp.asarray(bad))


def test_unknown_fields_are_refused_with_a_suggestion():
    class Longer(eqx.Module):
        clock_bias_m: Array

    with pytest.raises(LeopntError, match=r"no field 'clock_bias'.*Did you mean 'clock_bias_m'\?"):
        GaussianPrior("clock_bias", 0.0, 1.0).residual(Longer(jnp.zeros(())))


def test_priors_of_the_wrong_length_are_refused():
    with pytest.raises(LeopntError, match=r"'x' has 3 components, sigma 2"):
        GaussianPrior("x", jnp.zeros(3), jnp.ones(2)).residual(CASE.truth)


def test_a_prior_on_a_fixed_field_only_adds_to_the_cost():
    case = CASES["linear"]
    y = simulate(LINEAR, case.truth, case.links, KEY)
    start = LinearTheta(case.start.x, case.truth.y)
    prior = GaussianPrior("y", case.truth.y + 1.0, 0.5)
    with_prior = solve(LINEAR, start, Data(case.links, y), "x", priors=[prior])
    without = solve(LINEAR, start, Data(case.links, y), "x")
    np.testing.assert_array_equal(with_prior.covariance, without.covariance)
    assert float(with_prior.cost - without.cost) == pytest.approx(2.0)
