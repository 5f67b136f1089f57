"""Predictions, draws and likelihoods of all links, against loops and scipy.stats."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import LINEAR, LinearLink, LinearTheta, linear_case, ofdm_case
from scipy import stats

from leopnt.errors import LeopntError
from leopnt.inference import Data, Model, nll, predict, simulate, solve
from leopnt.noise import Gaussian

CASE = linear_case()
KEY = jax.random.key(0)


def test_predictions_of_all_links_are_those_of_each(evidence):
    case = ofdm_case()
    rows = [
        (0.6 - 0.7j) * pilot * np.exp(-2j * np.pi * sub_hz * 20e-9)
        for sub_hz, pilot in zip(case.links.sub_hz, case.links.pilot, strict=True)
    ]
    evidence(
        "inference.model",
        "prediction of all links of a complex model",
        "a loop in NumPy",
        "closed form",
        achieved=np.max(np.abs(predict(case.model, case.truth, case.links) - np.stack(rows))),
        tolerance=1e-14,
    )


def test_draws_scatter_around_the_prediction_as_the_noise_says(evidence):
    keys = jax.random.split(KEY, 20000)
    draws = jax.vmap(lambda k: simulate(LINEAR, CASE.truth, CASE.links, k))(keys)
    z = (draws - predict(LINEAR, CASE.truth, CASE.links)[None]) / CASE.links.sigma[None]
    evidence(
        "inference.model",
        "mean and variance of 240000 simulated residuals, in sigmas",
        "standard normal",
        "monte carlo",
        achieved=max(abs(float(jnp.mean(z))), abs(float(jnp.var(z)) - 1.0)),
        tolerance=4 * np.sqrt(2 / z.size),
    )
    assert np.max(np.abs(np.corrcoef(np.asarray(z).T) - np.eye(12))) < 5 / np.sqrt(20000)


def test_links_added_at_the_end_leave_the_draws_of_the_others_alone():
    longer = jax.tree.map(lambda a: jnp.concatenate([a, a[:5]]), CASE.links)
    short = simulate(LINEAR, CASE.truth, CASE.links, KEY)
    np.testing.assert_array_equal(simulate(LINEAR, CASE.truth, longer, KEY)[:12], short)
    np.testing.assert_array_equal(simulate(LINEAR, CASE.truth, CASE.links, KEY), short)


def test_likelihood_agrees_with_scipy(evidence):
    y = simulate(LINEAR, CASE.truth, CASE.links, KEY)
    mean = np.asarray(CASE.links.row) @ np.append(CASE.truth.x, CASE.truth.y)
    truth = -stats.norm.logpdf(np.asarray(y), mean, np.asarray(CASE.links.sigma))
    evidence(
        "inference.model",
        "negative log-likelihood of real links",
        "scipy.stats.norm",
        "implementation",
        achieved=abs(float(nll(LINEAR, CASE.truth, Data(CASE.links, y))) - truth.sum()),
        tolerance=1e-11,
        unit="nat",
    )
    visible = jnp.arange(12) % 3 != 0
    masked = nll(LINEAR, CASE.truth, Data(CASE.links, y.at[0].set(jnp.nan), visible))
    assert float(masked) == pytest.approx(truth[np.asarray(visible)].sum(), rel=1e-13)


def test_complex_likelihood_is_that_of_its_real_and_imaginary_parts():
    case = ofdm_case()
    y = simulate(case.model, case.truth, case.links, KEY)
    residual = np.asarray(y - predict(case.model, case.truth, case.links))
    parts = np.stack([residual.real, residual.imag])
    truth = -stats.norm.logpdf(parts, 0.0, 0.1 / np.sqrt(2)).sum()
    assert float(nll(case.model, case.truth, Data(case.links, y))) == pytest.approx(
        truth, rel=1e-12
    )


def test_one_noise_object_serves_all_links():
    model = Model(LINEAR.predict_link, Gaussian(0.5))
    draws = simulate(model, CASE.truth, CASE.links, KEY)
    residual = (draws - predict(model, CASE.truth, CASE.links)) / 0.5
    own = simulate(LINEAR, CASE.truth, CASE.links, KEY) - predict(LINEAR, CASE.truth, CASE.links)
    np.testing.assert_allclose(residual, own / CASE.links.sigma, rtol=1e-12)


@pytest.mark.parametrize(
    ("links", "message"),
    [
        (LinearLink(jnp.ones((3, 4)), jnp.ones(4)), "same leading link axis; found lengths: 3, 4"),
        (LinearLink(jnp.ones((3, 4)), jnp.ones(())), r"found lengths: none \(a scalar\), 3"),
        (None, "found lengths: no arrays at all"),
        (LinearLink(jnp.ones((3, 4), jnp.float32), jnp.ones(3)), r"links\.row has type float32"),
    ],
)
def test_links_that_do_not_fit_together_are_refused(links, message):
    with pytest.raises(LeopntError, match=message):
        predict(LINEAR, CASE.truth, links)
    with pytest.raises(LeopntError, match=message):
        simulate(LINEAR, CASE.truth, links, KEY)


@pytest.mark.parametrize(
    ("observations", "visible", "shared", "message"),
    [
        (jnp.ones(11), None, None, r"observations have shape \(11,\) for 12 links"),
        (jnp.ones(()), None, None, r"observations have shape \(\) for 12 links"),
        (jnp.ones(12), jnp.ones(11, bool), None, r"visible has shape \(11,\) for 12 links"),
        (jnp.ones(12, jnp.float32), None, None, "observations has type float32, which resolves"),
        (
            jnp.ones(12),
            None,
            {"a": jnp.ones(2, jnp.complex64)},
            r"shared\['a'\] has type complex64",
        ),
    ],
)
def test_observations_that_do_not_fit_the_links_are_refused(observations, visible, shared, message):
    # Annotated types are loose on purpose: the messages are for callers without type checks.
    data = object.__new__(Data)
    for name, value in zip(
        ("links", "observations", "visible", "shared"),
        (CASE.links, observations, visible, shared),
        strict=True,
    ):
        object.__setattr__(data, name, value)
    for use in (
        lambda: nll(LINEAR, CASE.truth, data),
        lambda: solve(LINEAR, CASE.start, data, "x"),
    ):
        with pytest.raises(LeopntError, match=message):
            use()


def test_whole_numbers_are_no_observations():
    data = object.__new__(Data)
    object.__setattr__(data, "links", CASE.links)
    object.__setattr__(data, "observations", jnp.ones(12, int))
    object.__setattr__(data, "visible", None)
    object.__setattr__(data, "shared", None)
    with pytest.raises(LeopntError, match="observations have type int64; accepted: 64-bit floats"):
        nll(LINEAR, CASE.truth, data)


def test_another_value_of_a_python_float_compiles_nothing_new():
    calls = []

    def counted(theta, shared, link):
        calls.append(1)
        return link.row[3] * theta.y

    for y in (1.0, 2.0, 3.0):
        theta = object.__new__(LinearTheta)
        object.__setattr__(theta, "x", CASE.truth.x)
        object.__setattr__(theta, "y", y)
        object.__setattr__(theta, "fixed", None)
        out = predict(Model(counted, Gaussian(y)), theta, CASE.links)
        np.testing.assert_allclose(out, y * CASE.links.row[:, 3])
    assert len(calls) == 1
