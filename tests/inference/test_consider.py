"""Consider covariance: Tapley's formula in NumPy, and the scatter of the estimator it describes."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import CASES, LINEAR, LinearLink, linear_case

from leopnt.errors import LeopntError
from leopnt.inference import (
    Data,
    GaussianPrior,
    consider_covariance,
    fisher_information,
    simulate,
    solve,
)

CASE = linear_case()
C3 = np.array([[0.5, 0.1, 0.0], [0.1, 2.0, -0.3], [0.0, -0.3, 0.1]])


def rows_of(case):
    row, sigma = np.asarray(case.links.row), np.asarray(case.links.sigma)
    return row[:, :3] / sigma[:, None], row[:, 3:] / sigma[:, None]


def tapley(of_free, of_considered, covariance, information=0.0):
    """P + S C S^T with whitened rows and prior information on the free ones."""
    P = np.linalg.inv(of_free.T @ of_free + information)
    S = -P @ of_free.T @ of_considered
    return P + S @ covariance @ S.T


def deviation(found, expected):
    scale = np.sqrt(np.diag(expected))
    return np.max(np.abs(np.asarray(found) - expected) / np.outer(scale, scale))


def test_it_is_the_formula_of_tapley(evidence):
    x, y = rows_of(CASE)
    of_x = consider_covariance(LINEAR, CASE.truth, CASE.links, "x", "y", jnp.asarray([[9.0]]))
    of_y = consider_covariance(LINEAR, CASE.truth, CASE.links, "y", ("x",), jnp.asarray(C3))
    evidence(
        "inference.consider",
        "covariance of x with y considered, and of y with x considered",
        "Tapley, Schutz and Born (2004), eq. 6.4.14, in NumPy",
        "published",
        achieved=max(
            deviation(of_x, tapley(x, y, np.array([[9.0]]))), deviation(of_y, tapley(y, x, C3))
        ),
        tolerance=1e-11,
    )


def test_certain_considered_fields_leave_the_formal_covariance():
    x, _ = rows_of(CASE)
    found = consider_covariance(LINEAR, CASE.truth, CASE.links, "x", "y", jnp.zeros((1, 1)))
    assert deviation(found, np.linalg.inv(x.T @ x)) < 1e-12
    bound = fisher_information(LINEAR, CASE.truth, CASE.links, "x").crb()
    assert deviation(found, np.asarray(bound)) < 1e-11


def test_priors_add_to_the_information_of_the_free_fields():
    x, y = rows_of(CASE)
    sigma = np.array([0.3, 1.0, 0.05])
    prior = GaussianPrior("x", CASE.truth.x + 1.0, jnp.asarray(sigma))
    found = consider_covariance(
        LINEAR, CASE.truth, CASE.links, "x", "y", jnp.asarray([[4.0]]), priors=[prior]
    )
    expected = tapley(x, y, np.array([[4.0]]), np.diag(1 / sigma**2))
    assert deviation(found, expected) < 1e-11


def test_hidden_links_count_for_nothing_whatever_they_hold():
    keep = np.arange(12) % 3 != 1
    x, y = rows_of(CASE)
    expected = tapley(x[keep], y[keep], np.array([[4.0]]))
    rows = np.where(keep[:, None], np.asarray(CASE.links.row), np.nan)
    links = LinearLink(jnp.asarray(rows), CASE.links.sigma)
    given = (LINEAR, CASE.truth, links, "x", "y", jnp.asarray([[4.0]]))
    by_mask = consider_covariance(*given, visible=jnp.asarray(keep))
    by_weight = consider_covariance(*given, link_weight=jnp.asarray(keep.astype(float)))
    assert deviation(by_mask, expected) < 1e-11
    assert deviation(by_weight, expected) < 1e-11


def test_link_weights_act_as_larger_sigmas():
    weight = np.linspace(0.1, 1.0, 12)
    x, y = rows_of(CASE)
    root = np.sqrt(weight)[:, None]
    found = consider_covariance(
        LINEAR,
        CASE.truth,
        CASE.links,
        "x",
        "y",
        jnp.asarray([[4.0]]),
        link_weight=jnp.asarray(weight),
    )
    assert deviation(found, tapley(root * x, root * y, np.array([[4.0]]))) < 1e-11


def test_many_links_add_up_chunk_by_chunk():
    case = linear_case(20000, seed=5)
    x, y = rows_of(case)
    keep = np.random.default_rng(0).random(20000) < 0.7
    found = consider_covariance(
        LINEAR,
        case.truth,
        case.links,
        "x",
        "y",
        jnp.asarray([[4.0]]),
        visible=jnp.asarray(keep),
    )
    assert deviation(found, tapley(x[keep], y[keep], np.array([[4.0]]))) < 1e-10


def test_it_is_the_scatter_of_fixes_with_a_wrong_fixed_offset(evidence):
    case, num_draws, sigma_hz = CASES["doppler"], 8000, 3.0
    covariance = consider_covariance(
        case.model,
        case.truth,
        case.links,
        "rx_pos_ecef_m",
        "offset_hz",
        jnp.asarray([[sigma_hz**2]]),
    )

    def error(key):
        noise, wrong = jax.random.split(key)
        y = simulate(case.model, case.truth, case.links, noise)
        offset = case.truth.offset_hz + sigma_hz * jax.random.normal(wrong)
        start = dataclasses.replace(case.truth, offset_hz=offset)
        found = solve(case.model, start, Data(case.links, y), "rx_pos_ecef_m")
        return found.theta.rx_pos_ecef_m - case.truth.rx_pos_ecef_m

    errors = np.asarray(
        eqx.filter_jit(jax.vmap(error))(jax.random.split(jax.random.key(1), num_draws))
    )
    scatter = errors.T @ errors / num_draws
    formal = np.asarray(
        fisher_information(case.model, case.truth, case.links, "rx_pos_ecef_m").crb()
    )
    assert np.trace(scatter) > 2 * np.trace(formal)
    evidence(
        "inference.consider",
        "normalized mean square of position errors with a wrong fixed Doppler offset",
        "8000 simulated fixes",
        "monte carlo",
        achieved=np.max(np.abs(np.linalg.eigvals(np.linalg.solve(covariance, scatter)) - 1)),
        tolerance=0.06,
    )


def test_an_unobservable_field_has_no_covariance():
    few = linear_case(2)
    found = consider_covariance(LINEAR, few.truth, few.links, "x", "y", jnp.asarray([[1.0]]))
    assert np.all(np.isnan(found))


def test_a_covariance_of_another_size_is_refused():
    with pytest.raises(LeopntError, match=r"shape \(2, 2\); .* 1 components, .* \(1, 1\)"):
        consider_covariance(LINEAR, CASE.truth, CASE.links, "x", "y", jnp.eye(2))


def test_a_field_cannot_be_free_and_considered():
    with pytest.raises(LeopntError, match="'x' is named 2 times"):
        consider_covariance(LINEAR, CASE.truth, CASE.links, ("x", "y"), "x", jnp.eye(3))
