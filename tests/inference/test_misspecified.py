"""Misspecified bounds: linear closed forms in NumPy, quadrature, and simulated fixes."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from inference_cases import CASES, LINEAR, LinearTheta, PhaseTheta, linear_case
from jaxtyping import Array
from scipy.spatial.transform import Rotation

from leopnt.errors import LeopntError
from leopnt.inference import (
    Data,
    GaussNewton,
    MisspecifiedBound,
    Model,
    Status,
    Unknowns,
    fisher_information,
    misspecified_bound,
    misspecified_bound_from_draws,
    parameter,
    predict,
    solve,
)
from leopnt.methods import pvt
from leopnt.noise import ComplexGaussian, GaussianCovariance, StudentT


def random_covariances(rng, count, size):
    roots = rng.normal(size=(count, size, size))
    return roots @ np.swapaxes(roots, 1, 2) + 0.2 * np.eye(size)


def linear_closed_form(jacobians, mean, assumed, true):
    """Pseudo-true point, A, B and MCRB of y = J x; arrays (link, obs, ...)."""
    weights = np.linalg.inv(assumed)
    A = np.einsum("lop,lok,lkq->pq", jacobians, weights, jacobians)
    side = np.einsum("lop,lok,lk->p", jacobians, weights, mean)
    B = np.einsum("lop,loj,ljk,lkm,lmq->pq", jacobians, weights, true, weights, jacobians)
    inverse = np.linalg.inv(A)
    return np.linalg.solve(A, side), A, B, inverse @ B @ inverse


def deviation(found, expected):
    scale = np.sqrt(np.diag(expected))
    return np.max(np.abs(np.asarray(found) - expected) / np.outer(scale, scale))


def worst_of(found, point, expected):
    x, *matrices = expected
    pairs = zip((found.a, found.b, found.mcrb), matrices, strict=True)
    return max(np.max(np.abs(point / x - 1)), *(deviation(own, ref) for own, ref in pairs))


class VectorLink(eqx.Module):
    rows: Array
    covariance: Array


def predict_vector(theta, shared, link):
    return link.rows[:, :3] @ theta.x + link.rows[:, 3] * theta.y


def noise_vector(shared, link):
    return GaussianCovariance(link.covariance)


def test_linear_gaussian_links_have_a_closed_form(evidence):
    rng = np.random.default_rng(0)
    rows, mean = rng.normal(size=(7, 3, 4)), rng.normal(size=(7, 3)) + 5.0
    assumed, true = random_covariances(rng, 7, 3), random_covariances(rng, 7, 3)
    visible = np.arange(7) != 2
    links = VectorLink(jnp.asarray(rows), jnp.asarray(assumed))
    found = misspecified_bound(
        Model(predict_vector, noise_vector),
        LinearTheta(jnp.zeros(3), jnp.asarray(0.0)),
        links,
        jnp.asarray(np.where(visible[:, None], mean, np.nan)),
        jnp.asarray(true),
        ("x", "y"),
        visible=jnp.asarray(visible),
    )
    expected = linear_closed_form(*(x[visible] for x in (rows, mean, assumed, true)))
    assert bool(found.status == Status.converged)
    evidence(
        "inference.misspecified",
        "pseudo-true point, A, B and MCRB of linear links with correlated noise",
        "closed form in NumPy",
        "closed form",
        achieved=worst_of(found, np.append(found.theta.x, found.theta.y), expected),
        tolerance=1e-7,
    )
    assert deviation(found.fim, expected[1]) < 1e-10


def test_draws_of_linear_links_enter_by_their_mean_and_covariance():
    case, rng = linear_case(), np.random.default_rng(1)
    draws = rng.standard_t(4, size=(30, 12)) * 3.0 + rng.normal(size=12)
    found = misspecified_bound_from_draws(
        LINEAR, case.start, case.links, jnp.asarray(draws), case.free
    )
    expected = linear_closed_form(
        np.asarray(case.links.row)[:, None, :],
        draws.mean(axis=0)[:, None],
        np.asarray(case.links.sigma)[:, None, None] ** 2,
        draws.var(axis=0, ddof=1)[:, None, None],
    )
    point = np.append(found.theta.x, found.theta.y)
    assert worst_of(found, point, expected) < 1e-7


class Level(eqx.Module):
    level: Array = parameter(scale=3.0)


class LevelLink(eqx.Module):
    gain: Array


def predict_level(theta, shared, link):
    return link.gain * theta.level


def test_heavy_tails_assumed_for_gaussian_noise_agree_with_quadrature(evidence):
    dof, scale, sigma = 3.0, 0.7, 1.5
    # Equally probable quantiles in place of draws: the averages become quadratures.
    noise = sigma * scipy.stats.norm.ppf((np.arange(20000) + 0.5) / 20000)
    gain = np.array([1.0, -2.0])
    found = misspecified_bound_from_draws(
        Model(predict_level, StudentT(scale, dof)),
        Level(jnp.asarray(1.0)),
        LevelLink(jnp.asarray(gain)),
        jnp.asarray(4.0 * gain[None, :] + noise[:, None]),
        "level",
    )

    def average(function):
        density = scipy.stats.norm(scale=sigma).pdf
        return scipy.integrate.quad(lambda e: function(e) * density(e), -12, 12, limit=200)[0]

    def psi(e):
        return (dof + 1) * e / (dof * scale**2 + e**2)

    def slope(e):
        return (dof + 1) * (dof * scale**2 - e**2) / (dof * scale**2 + e**2) ** 2

    A, B = 5.0 * average(slope), 5.0 * average(lambda e: psi(e) ** 2)
    assert float(found.theta.level) == pytest.approx(4.0, abs=1e-6)
    evidence(
        "inference.misspecified",
        "A, B and MCRB of a Student-t assumption for Gaussian noise",
        "scipy.integrate.quad over the score",
        "implementation",
        achieved=max(
            abs(float(found.a[0, 0]) / A - 1),
            abs(float(found.b[0, 0]) / B - 1),
            abs(float(found.mcrb[0, 0]) / (B / A**2) - 1),
        ),
        tolerance=1e-3,
    )


def test_complex_observations_count_as_their_two_parts(evidence):
    """A second path and improper noise; only the gain is free, so the closed form is linear."""
    case, rng = CASES["ofdm"], np.random.default_rng(2)
    echo = 0.3 * np.exp(2j * np.pi * rng.random((4, 8)))
    mean = np.asarray(predict(case.model, case.truth, case.links)) + echo
    true = 0.01 * random_covariances(rng, 4, 16)
    free = ("gain_re", "gain_im")
    found = misspecified_bound(
        case.model, case.truth, case.links, jnp.asarray(mean), jnp.asarray(true), free
    )
    delay = float(case.truth.delay_s)
    shape = np.asarray(case.links.pilot) * np.exp(
        -2j * np.pi * np.asarray(case.links.sub_hz) * delay
    )
    complex_rows = np.stack([shape, 1j * shape], axis=-1)
    expected = linear_closed_form(
        np.concatenate([complex_rows.real, complex_rows.imag], axis=1),
        np.concatenate([mean.real, mean.imag], axis=1),
        np.broadcast_to(0.5 * 0.1**2 * np.eye(16), (4, 16, 16)),
        true,
    )
    point = np.array([found.theta.gain_re, found.theta.gain_im])
    evidence(
        "inference.misspecified",
        "complex gain with an unmodeled path and improper noise",
        "closed form of the real and imaginary parts in NumPy",
        "closed form",
        achieved=worst_of(found, point, expected),
        tolerance=1e-7,
    )


def leo_links(num_sats=8):
    rng = np.random.default_rng(3)
    rx = np.array([6.371e6, 0.0, 0.0])
    toward = rng.normal(size=(200, 3))
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    toward = toward[toward[:, 0] > 0.3][:num_sats]
    along = toward @ rx
    distance = -along + np.sqrt(along**2 + 7.0e6**2 - rx @ rx)
    sats = rx + distance[:, None] * toward
    sigma = np.full(num_sats, 100.0)
    links = pvt.PvtLink(jnp.asarray(sats), jnp.zeros(num_sats), jnp.asarray(sigma))
    return pvt.PvtTheta(jnp.asarray(rx), jnp.asarray(50.0)), links


def test_simulated_fixes_with_biased_ranges_scatter_as_the_bound_says(evidence):
    """Biases of 100 km bend the ranges enough for the curvature in A to matter."""
    truth, links = leo_links()
    rng = np.random.default_rng(4)
    bias, sigma = rng.normal(size=8) * 1e5, rng.uniform(20.0, 200.0, 8)
    mean = predict(pvt.MODEL, truth, links) + bias
    found = misspecified_bound(
        pvt.MODEL, truth, links, mean, jnp.asarray(sigma**2)[:, None, None], pvt.FREE
    )
    assert bool(found.status == Status.converged)

    def moved(noise):
        data = Data(links, mean + sigma * noise)
        solver = GaussNewton(tolerance=1e-5, max_iterations=60)
        fix = solve(pvt.MODEL, found.theta, data, pvt.FREE, solver=solver)
        return found.unknowns.difference(found.theta, fix.theta), fix.converged

    noise = jax.random.normal(jax.random.key(6), (20000, 8))
    moves, converged = eqx.filter_jit(jax.vmap(moved))(noise)
    assert bool(jnp.all(converged))
    scatter = np.cov(np.asarray(moves), rowvar=False)
    assert np.max(np.abs(np.mean(moves, axis=0)) / np.sqrt(np.diag(found.mcrb))) < 0.05
    evidence(
        "inference.misspecified",
        "variances of LEO position and clock with biased ranges and wrong sigmas",
        "20000 simulated fixes",
        "monte carlo",
        achieved=np.max(np.abs(np.diag(scatter) / np.diag(np.asarray(found.mcrb)) - 1)),
        tolerance=0.03,
    )
    flat = np.linalg.inv(found.fim)
    flat = flat @ np.asarray(found.b) @ flat
    assert np.max(np.abs(np.diag(scatter) / np.diag(flat) - 1)) > 0.1
    offset = np.asarray(found.bias_from(truth))
    np.testing.assert_allclose(offset[:3], found.theta.rx_pos_ecef_m - truth.rx_pos_ecef_m)
    errors = np.asarray(moves) + offset
    mse = errors.T @ errors / len(errors)
    assert deviation(found.lower_bound(jnp.asarray(offset)), mse) < 0.03


def test_the_lower_bound_adds_the_square_of_the_bias():
    case, bias = linear_case(), np.array([1.0, -2.0, 0.5, 4.0])
    mean, true = predict(LINEAR, case.truth, case.links), jnp.ones((12, 1, 1))
    found = misspecified_bound(LINEAR, case.truth, case.links, mean, true, case.free)
    added = np.asarray(found.lower_bound(jnp.asarray(bias)) - found.mcrb)
    np.testing.assert_allclose(added, np.outer(bias, bias), rtol=1e-9)


def test_the_bias_of_a_rotation_is_the_angle_between():
    turn, true = Rotation.from_rotvec([0.05, 0.02, -0.03]), Rotation.from_rotvec([0.2, -1.0, 0.4])
    truth = PhaseTheta(jnp.asarray(true.as_matrix()), jnp.asarray(1.0))
    theta = PhaseTheta(jnp.asarray((turn * true).as_matrix()), jnp.asarray(1.5))
    nothing, unknowns = jnp.zeros((4, 4)), Unknowns.of(truth, ("rotation", "phase_rad"))
    bound = MisspecifiedBound(theta, nothing, nothing, nothing, nothing, Status.converged, unknowns)
    expected = np.append(turn.as_rotvec(), 0.5)
    np.testing.assert_allclose(bound.bias_from(truth), expected, atol=1e-12)


def real_form_covariance(model, case):
    """Noise covariance that the model itself assumes."""
    if isinstance(model.noise, ComplexGaussian):
        return np.broadcast_to(0.5 * model.noise.sigma**2 * np.eye(16), (4, 16, 16))
    return np.asarray(case.links.sigma)[:, None, None] ** 2


@pytest.mark.parametrize("name", ["linear", "ofdm"])
def test_the_right_model_has_the_ordinary_bound(evidence, name):
    case = CASES[name]
    mean = predict(case.model, case.truth, case.links, case.shared)
    true = jnp.asarray(real_form_covariance(case.model, case))
    found = misspecified_bound(
        case.model, case.start, case.links, mean, true, case.free, shared=case.shared
    )
    crb = np.asarray(
        fisher_information(case.model, case.truth, case.links, case.free, shared=case.shared).crb()
    )
    assert np.all(np.abs(found.bias_from(case.truth)) < 1e-5 * np.sqrt(np.diag(crb)))
    evidence(
        "inference.misspecified",
        f"MCRB where the assumed model is right ({name})",
        "the CRB",
        "invariance",
        achieved=deviation(found.mcrb, crb),
        tolerance=1e-6,
    )
    assert deviation(found.a, np.asarray(found.b)) < 1e-6


def test_an_unobservable_field_has_no_bound():
    case = linear_case(2)
    mean = predict(LINEAR, case.truth, case.links)
    found = misspecified_bound(LINEAR, case.truth, case.links, mean, jnp.ones((2, 1, 1)), case.free)
    assert not bool(found.status == Status.converged)
    assert np.all(np.isnan(found.mcrb))


def test_covariances_of_another_shape_are_refused():
    case = linear_case()
    mean = predict(LINEAR, case.truth, case.links)
    with pytest.raises(LeopntError, match=r"true_covariance has shape \(12, 2, 2\).*\(12, 1, 1\)"):
        misspecified_bound(LINEAR, case.truth, case.links, mean, jnp.ones((12, 2, 2)), case.free)
    ofdm = CASES["ofdm"]
    mean = predict(ofdm.model, ofdm.truth, ofdm.links)
    with pytest.raises(LeopntError, match=r"\(4, 8, 8\).* real form: \(4, 16, 16\)"):
        misspecified_bound(ofdm.model, ofdm.truth, ofdm.links, mean, jnp.ones((4, 8, 8)), ofdm.free)


def test_other_noise_is_refused_and_sent_to_the_draws():
    case = linear_case()
    model = dataclasses.replace(LINEAR, noise=StudentT(1.0, 4.0))
    mean = predict(model, case.truth, case.links)
    with pytest.raises(LeopntError, match=r"noise is StudentT; .*misspecified_bound_from_draws"):
        misspecified_bound(model, case.truth, case.links, mean, jnp.ones((12, 1, 1)), case.free)


def test_a_single_draw_is_refused():
    case = linear_case()
    with pytest.raises(LeopntError, match="draws: got 1; accepted: 2 or more"):
        misspecified_bound_from_draws(LINEAR, case.truth, case.links, jnp.ones((1, 12)), case.free)
