"""Fisher information by name: against textbook matrices, projections and Hessians."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import linear_case

from leopnt.errors import LeopntError
from leopnt.inference import GaussianPrior, Model, fisher_information, nll, parameter
from leopnt.inference.fisher import Information, dilution
from leopnt.inference.linearize import LINK_CHUNK
from leopnt.inference.model import Data, predict
from leopnt.inference.parameters import Unknowns
from leopnt.noise import ComplexGaussian


def textbook(case):
    rows = np.asarray(case.links.row) / np.asarray(case.links.sigma)[:, None]
    return rows.T @ rows


def information_of(case, **options):
    return fisher_information(case.model, case.truth, case.links, case.free, **options)


def test_fim_of_a_linear_model_is_that_of_the_textbook(evidence):
    case = linear_case(40)
    expected = textbook(case)
    found = np.asarray(information_of(case).matrix)
    evidence(
        "inference.fisher",
        "FIM of a linear model, relative to sqrt(J_ii J_jj)",
        "A^T W A in NumPy",
        "closed form",
        achieved=np.max(np.abs(found - expected) / np.sqrt(np.outer(*[np.diag(expected)] * 2))),
        tolerance=1e-13,
    )
    np.testing.assert_allclose(
        information_of(case).block("x", "y")[:, 0], expected[:3, 3], rtol=1e-10
    )


def test_efim_and_crb_are_blocks_of_the_inverse_whatever_is_a_nuisance():
    case = linear_case(30, seed=3)
    full = np.linalg.inv(textbook(case))
    information = information_of(case)
    np.testing.assert_allclose(information.crb("x"), full[:3, :3], rtol=1e-10)
    np.testing.assert_allclose(information.efim("x"), np.linalg.inv(full[:3, :3]), rtol=1e-10)
    np.testing.assert_allclose(information.crb(), full, rtol=1e-9, atol=1e-14)
    known = np.linalg.inv(textbook(case)[:3, :3])
    np.testing.assert_allclose(information.crb("x", known=("y",)), known, rtol=1e-10)
    np.testing.assert_allclose(information.sigma("y")[0], np.sqrt(full[3, 3]), rtol=1e-10)


def test_a_nuisance_without_information_costs_nothing_and_has_no_bound(evidence):
    # A zero column and a repeated one: the generalised Schur complement by projection in NumPy.
    rng = np.random.default_rng(5)
    nuisance = rng.normal(size=(20, 3))
    nuisance = np.column_stack([nuisance, nuisance[:, 0] - 2 * nuisance[:, 1], np.zeros(20)])
    interest = rng.normal(size=(20, 2))
    projector = np.eye(20) - nuisance @ np.linalg.pinv(nuisance)
    expected = interest.T @ projector @ interest
    unknowns = Unknowns(("nuisance", "interest"), (5, 2), (1.0,) * 7, ("", ""))
    root = np.linalg.qr(np.column_stack([nuisance, interest]))[1]
    found = Information(jnp.asarray(root), unknowns).efim("interest")
    evidence(
        "inference.fisher",
        "EFIM with a rank-deficient nuisance, relative",
        "projection with the pseudo-inverse in NumPy",
        "implementation",
        achieved=np.max(np.abs(found - expected)) / np.max(np.abs(expected)),
        tolerance=1e-12,
    )
    assert np.all(np.isnan(Information(jnp.asarray(root), unknowns).crb("nuisance")))


def test_weak_geometry_keeps_its_digits_where_normal_equations_lose_them():
    # Two columns that differ by 1e-10: J^T J has condition 1e20.
    rng = np.random.default_rng(8)
    base, other = rng.normal(size=(2, 30))
    unknowns = Unknowns(("a", "b"), (1, 1), (1.0, 1.0), ("", ""))
    rows = np.column_stack([base, base + 1e-10 * other])
    root = np.linalg.qr(rows)[1]
    found = float(Information(jnp.asarray(root), unknowns).crb("b")[0, 0])
    remainder = rows[:, 1] - base  # what the rounded rows really hold
    left = remainder - base * (base @ remainder) / (base @ base)
    np.testing.assert_allclose(found, 1 / (left @ left), rtol=1e-4)


def test_priors_and_invisible_links_enter_as_they_should():
    case = linear_case(12)
    prior = GaussianPrior("y", jnp.asarray(0.0), jnp.asarray(0.5))
    expected = textbook(case) + np.diag([0, 0, 0, 4.0])
    np.testing.assert_allclose(information_of(case, priors=(prior,)).matrix, expected, rtol=1e-9)
    visible = np.arange(12) < 9
    part = jax.tree.map(lambda leaf: leaf[:9], case.links)
    fewer = fisher_information(case.model, case.truth, part, case.free).matrix
    np.testing.assert_allclose(information_of(case, visible=visible).matrix, fewer, rtol=1e-12)


def test_more_links_than_a_chunk_add_up():
    case = linear_case(50)
    copies = LINK_CHUNK // 50 + 3
    many = jax.tree.map(lambda leaf: jnp.tile(leaf, (copies, *(1,) * (leaf.ndim - 1))), case.links)
    found = fisher_information(case.model, case.truth, many, case.free).matrix
    np.testing.assert_allclose(found, copies * textbook(case), rtol=1e-10)


class Tone(eqx.Module):
    phase_rad: jax.Array = parameter(scale=1.0, unit="rad")
    amplitude: jax.Array = parameter(scale=0.5)


def predict_tone(theta, shared, link):
    return theta.amplitude * jnp.exp(1j * (theta.phase_rad + shared * link))


def test_information_of_complex_samples_is_the_expected_curvature_of_the_likelihood(evidence):
    # Slepian-Bangs: 2 Re(d mu^H d mu) / sigma^2; and Hess(nll) = FIM where the data is noise-free.
    model = Model(predict_tone, ComplexGaussian(0.3))
    theta = Tone(jnp.asarray(0.7), jnp.asarray(2.0))
    times, rate = jnp.linspace(0.0, 1.0, 25), jnp.asarray(5.0)
    found = fisher_information(model, theta, times, ("phase_rad", "amplitude"), shared=rate).matrix
    np.testing.assert_allclose(
        found, np.diag([2 * 25 * 2.0**2, 2 * 25]) / 0.09, rtol=1e-12, atol=1e-9
    )
    exact = Data(times, predict(model, theta, times, rate), None, rate)

    def cost(vector):
        return nll(model, Tone(vector[0], vector[1]), exact)

    hessian = jax.hessian(cost)(jnp.array([0.7, 2.0]))
    evidence(
        "inference.fisher",
        "FIM of complex samples, relative",
        "Hessian of the negative log-likelihood on noise-free data",
        "closed form",
        achieved=float(jnp.max(jnp.abs(found - hessian)) / jnp.max(jnp.abs(hessian))),
        tolerance=1e-12,
    )


def test_dilution_refuses_fields_that_are_no_position_and_clock():
    case = linear_case(12)
    with pytest.raises(LeopntError, match="rx_pos_ecef_m"):
        dilution(information_of(case), jnp.eye(3), 1.0)
    with pytest.raises(LeopntError, match="components"):
        dilution(information_of(case), jnp.eye(3), 1.0, position="y", clock="y")
