"""Derivatives and their sums: against differences, dense NumPy algebra and themselves in parts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import CASES, LINEAR, LinearLink, linear_case
from jaxtyping import Array

from leopnt.inference import Cauchy, Data, Huber, Model, Unknowns, nll, parameter, predict, simulate
from leopnt.inference.linearize import (
    LINK_CHUNK,
    link_jacobian,
    normal_equations,
    split_chunks,
    whitened_residual,
    whitened_rows,
)
from leopnt.noise import Gaussian, as_real

KEY = jax.random.key(1)
CASE = linear_case()
SCALE = np.array([1.0, 10.0, 0.1, 5.0])


def at_truth(case, observations, **options):
    unknowns = Unknowns.of(case.truth, case.free)
    data = Data(case.links, observations, None, case.shared)
    return jax.jit(
        lambda data: normal_equations(case.model, unknowns, case.truth, data, **options)
    )(data)


def dense(y, weight=1.0):
    """J^T W J, J^T W r of the linear case in scaled unknowns."""
    sigma = np.asarray(CASE.links.sigma)
    A = np.asarray(CASE.links.row) * SCALE / sigma[:, None]
    z = (np.asarray(y) - np.asarray(predict(LINEAR, CASE.truth, CASE.links))) / sigma
    return A.T @ (weight * A.T).T, A.T @ (weight * z), z


@pytest.mark.parametrize("name", list(CASES))
def test_jacobian_agrees_with_central_differences(name, evidence):
    case = CASES[name]
    unknowns = Unknowns.of(case.truth, case.free)
    link = jax.tree.map(lambda leaf: leaf[0], case.links)

    @jax.jit
    def real(delta):
        return as_real(
            case.model.predict_link(unknowns.displace(case.truth, delta), case.shared, link)
        )

    step = 1e-3
    columns = [
        (8 * (real(step * e) - real(-step * e)) - (real(2 * step * e) - real(-2 * step * e)))
        / (12 * step)
        for e in np.eye(unknowns.size)
    ]
    value, jacobian = link_jacobian(case.model, unknowns, case.truth, case.shared, link)
    np.testing.assert_allclose(as_real(value), real(np.zeros(unknowns.size)), rtol=1e-14)
    evidence(
        "inference.linearize",
        f"Jacobian of one link, {name} model",
        "fourth-order central differences",
        "closed form",
        achieved=np.max(np.abs(jacobian - np.stack(columns, axis=1))) / np.max(np.abs(jacobian)),
        tolerance=1e-8,
    )


@pytest.mark.parametrize("name", list(CASES))
def test_gradient_is_the_slope_of_the_likelihood(name):
    case = CASES[name]
    y = simulate(case.model, case.truth, case.links, KEY, case.shared)
    unknowns = Unknowns.of(case.truth, case.free)
    data = Data(case.links, y, None, case.shared)
    slope = jax.jit(jax.grad(lambda d: nll(case.model, unknowns.displace(case.truth, d), data)))
    truth = -np.asarray(slope(jnp.zeros(unknowns.size)))
    normal = at_truth(case, y)
    np.testing.assert_allclose(normal.gradient, truth, rtol=1e-9, atol=1e-9 * np.abs(truth).max())
    assert float(normal.cost) == pytest.approx(float(nll(case.model, case.truth, data)), rel=1e-12)


@pytest.mark.parametrize("name", list(CASES))
def test_whitened_rows_carry_the_whole_information(name):
    case = CASES[name]
    unknowns = Unknowns.of(case.truth, case.free)
    y = predict(case.model, case.truth, case.links, case.shared)
    y = jnp.abs(y) if name == "beam" else y
    rows = np.asarray(whitened_rows(case.model, unknowns, case.truth, case.links, case.shared))
    flat = rows.reshape(-1, unknowns.size)
    truth = np.asarray(at_truth(case, y).information)
    np.testing.assert_allclose(flat.T @ flat, truth, rtol=1e-10, atol=1e-12 * np.abs(truth).max())


def test_sums_of_a_linear_model_are_the_normal_equations(evidence):
    y = simulate(LINEAR, CASE.truth, CASE.links, KEY)
    information, gradient, z = dense(y)
    normal = at_truth(CASE, y)
    evidence(
        "inference.linearize",
        "J^T J and J^T r of a linear model",
        "dense NumPy products",
        "closed form",
        achieved=max(
            np.max(np.abs(normal.information - information)) / np.max(information),
            np.max(np.abs(normal.gradient - gradient)) / np.max(np.abs(gradient)),
        ),
        tolerance=1e-14,
    )
    link = jax.tree.map(lambda leaf: leaf[3], CASE.links)
    assert whitened_residual(LINEAR, CASE.truth, None, link, y[3]) == pytest.approx(z[3], rel=1e-12)


@pytest.mark.parametrize("loss", [Huber(0.7), Cauchy(1.0)])
def test_a_loss_weighs_each_link_by_its_slope(loss):
    y = simulate(LINEAR, CASE.truth, CASE.links, KEY)
    z = dense(y)[2]
    weight = np.array(jax.vmap(loss.weight)(jnp.asarray(z**2)))
    assert weight.min() < 0.95
    information, gradient, _ = dense(y, weight)
    normal = at_truth(CASE, y, loss=loss)
    np.testing.assert_allclose(normal.information, information, rtol=1e-11)
    np.testing.assert_allclose(normal.gradient, gradient, rtol=1e-11)
    cost = 0.5 * float(np.sum(jax.vmap(loss.value)(jnp.asarray(z**2))))
    assert float(normal.cost) == pytest.approx(cost, rel=1e-12)


@pytest.mark.parametrize("loss", [None, Huber()])
def test_invisible_links_count_for_nothing_even_if_they_are_nan(loss):
    y = simulate(LINEAR, CASE.truth, CASE.links, KEY)
    unknowns = Unknowns.of(CASE.truth, CASE.free)
    bad = jax.tree.map(lambda a: jnp.concatenate([a, jnp.full_like(a[:4], jnp.nan)]), CASE.links)
    visible = jnp.arange(16) < 12
    padded = Data(bad, jnp.concatenate([y, jnp.full(4, jnp.nan)]), visible)
    normal = normal_equations(LINEAR, unknowns, CASE.truth, padded, loss=loss)
    plain = normal_equations(LINEAR, unknowns, CASE.truth, Data(CASE.links, y), loss=loss)
    for a, b in zip(normal, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_more_links_than_a_chunk_are_scanned_to_the_same_sums():
    num = 2 * LINK_CHUNK + 77
    rng = np.random.default_rng(3)
    links = LinearLink(jnp.asarray(rng.normal(size=(num, 4))), jnp.asarray(rng.uniform(1, 2, num)))
    visible = jnp.asarray(rng.uniform(size=num) > 0.2)
    y = jnp.where(visible, simulate(LINEAR, CASE.truth, links, KEY), jnp.nan)
    unknowns = Unknowns.of(CASE.truth, CASE.free)
    normal = normal_equations(LINEAR, unknowns, CASE.truth, Data(links, y, visible))
    A = (np.asarray(links.row) * SCALE / np.asarray(links.sigma)[:, None])[np.asarray(visible)]
    z = np.asarray((y - predict(LINEAR, CASE.truth, links)) / links.sigma)[np.asarray(visible)]
    np.testing.assert_allclose(normal.information, A.T @ A, rtol=1e-11, atol=1e-9)
    np.testing.assert_allclose(normal.gradient, A.T @ z, rtol=1e-10)


def test_chunks_hold_every_link_once():
    tree, mask = split_chunks(jnp.arange(2.0 * LINK_CHUNK + 5), None)
    assert tree.shape == mask.shape == (3, LINK_CHUNK)
    np.testing.assert_array_equal(tree[mask], np.arange(2 * LINK_CHUNK + 5))


class WideTheta(eqx.Module):
    x: Array = parameter(scale=2.0)


def predict_wide(theta, shared, link):
    return link @ theta.x


def test_many_unknowns_take_the_dense_path_to_the_same_sums():
    rng = np.random.default_rng(5)
    rows, truth = rng.normal(size=(30, 2, 14)), rng.normal(size=14)
    model = Model(predict_wide, Gaussian(0.5))
    theta = WideTheta(jnp.asarray(truth))
    y = rows @ truth + rng.normal(size=(30, 2))
    for loss in (None, Huber(1.0)):
        normal = normal_equations(
            model,
            Unknowns.of(theta, "x"),
            theta,
            Data(jnp.asarray(rows), jnp.asarray(y)),
            loss=loss,
        )
        A, z = 4.0 * rows, (y - rows @ truth) / 0.5
        square = np.sum(z**2, axis=1)
        weight = np.ones(30) if loss is None else np.minimum(1.0, 1.0 / np.sqrt(square))
        information = np.einsum("l,lop,loq->pq", weight, A, A)
        np.testing.assert_allclose(normal.information, information, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(
            normal.gradient, np.einsum("l,lop,lo->p", weight, A, z), rtol=1e-9
        )
