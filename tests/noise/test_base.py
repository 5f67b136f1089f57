"""What every noise object must satisfy, one row each; and the checks they share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import leopnt.noise
from leopnt.errors import LeopntError
from leopnt.noise import (
    AbstractNoise,
    ComplexGaussian,
    ComplexGaussianCovariance,
    FoldedAmplitude,
    Gaussian,
    GaussianCovariance,
    Rician,
    StudentT,
    as_real,
    from_real,
)

REAL_COVARIANCE = jnp.array([[2.0, 0.6, -0.3], [0.6, 0.5, 0.1], [-0.3, 0.1, 1.2]])
HERMITIAN = jnp.array([[2.0, 0.5 - 0.8j], [0.5 + 0.8j, 1.1]])
VECTOR = jnp.array([0.4, -1.1, 2.5])
AMPLITUDES = jnp.array([0.0, 0.9, 7.0])
IQ = jnp.array([0.3 - 1.2j, -2.0 + 0.1j])

# Adding a noise object is adding a row: a name, the object, a prediction of one link.
CASES = {
    "Gaussian": (Gaussian(0.7), jnp.asarray(1.3)),
    "Gaussian, weak": (Gaussian(2.5e3), jnp.asarray(2.0e7)),
    "Gaussian, vector": (Gaussian(jnp.array([0.2, 1.0, 3.0])), VECTOR),
    "Gaussian, matrix": (Gaussian(jnp.array([[0.2, 1.0, 3.0]])), VECTOR[None, :]),
    "FoldedAmplitude": (FoldedAmplitude(0.7), jnp.asarray(0.8)),
    "FoldedAmplitude, none": (FoldedAmplitude(0.7), jnp.asarray(0.0)),
    "FoldedAmplitude, strong": (FoldedAmplitude(0.5), jnp.asarray(-12.0)),
    "FoldedAmplitude, vector": (FoldedAmplitude(jnp.array([1.0, 0.8, 1.5])), AMPLITUDES),
    "Rician": (Rician(0.7), jnp.asarray(0.9)),
    "Rician, none": (Rician(0.7), jnp.asarray(0.0)),
    "Rician, strong": (Rician(0.5), jnp.asarray(15.0)),
    "Rician, opposite sign": (Rician(0.7), jnp.asarray(-0.9)),
    "Rician, vector": (Rician(jnp.array([1.3, 0.8, 2.0])), AMPLITUDES),
    "StudentT": (StudentT(0.7, 4.0), jnp.asarray(1.3)),
    "StudentT, Cauchy": (StudentT(2.0, 1.0), jnp.asarray(-3.0)),
    "StudentT, vector": (StudentT(jnp.array([0.2, 1.0, 3.0]), 5.0), VECTOR),
    "GaussianCovariance": (GaussianCovariance(REAL_COVARIANCE), VECTOR),
    "ComplexGaussian": (ComplexGaussian(0.7), jnp.asarray(1.3 - 0.4j)),
    "ComplexGaussian, vector": (ComplexGaussian(jnp.array([0.7, 2.0])), IQ),
    "ComplexGaussianCovariance": (ComplexGaussianCovariance(HERMITIAN), IQ),
}
SCALAR_REAL = [k for k, (_, p) in CASES.items() if p.ndim == 0 and not jnp.iscomplexobj(p)]
NUM_DRAWS = 20_000
POSITIVE_ONLY = (FoldedAmplitude, Rician)


@jax.jit
def everything(noise, prediction, keys, columns, shifts):
    """All that the tests look at, from one compiled function for all rows of one kind."""
    point = as_real(prediction)

    def nll(real, observation):
        return noise.nll(observation, from_real(real, prediction))

    def of_key(key):
        observation = noise.sample(key, prediction)
        return observation, nll(point, observation), noise.score(observation, prediction)

    observations, values, scores = jax.vmap(of_key)(keys)
    observation = observations[0]
    return {
        "observations": observations,
        "nll": values,
        "scores": scores,
        "gradient": jax.grad(nll)(point, observation),
        "hessian": jax.hessian(nll)(point, observation),
        "shifted nll": jax.vmap(lambda shift: nll(point + shift, observation))(shifts),
        "information": noise.information(prediction),
        "information slope": jax.jacfwd(lambda r: noise.information(from_real(r, prediction)))(
            point
        ),
        "root": noise.whiten(jnp.eye(point.size), prediction),
        "root slope": jax.jacfwd(
            lambda r: noise.whiten(jnp.eye(point.size), from_real(r, prediction))
        )(point),
        "white columns": noise.whiten(columns, prediction),
        "white column": noise.whiten(columns[:, 0], prediction),
    }


@functools.cache
def computed(name):
    """A row, and all that is computed from it."""
    noise, prediction = CASES[name]
    point = np.asarray(as_real(prediction))
    step = 1e-3 * np.maximum(1.0, np.abs(point) * 1e-2)
    keys = jax.random.split(jax.random.key(2), NUM_DRAWS)
    columns = np.random.default_rng(3).normal(size=(point.size, 4))
    multiples = np.array([-2.0, -1.0, 1.0, 2.0])
    shifts = (multiples[:, None, None] * np.diag(step)).reshape(-1, point.size)
    found = everything(noise, prediction, keys, jnp.asarray(columns), jnp.asarray(shifts))
    found = jax.tree.map(np.asarray, found)
    low2, low, high, high2 = found.pop("shifted nll").reshape(4, point.size)
    found["differences"] = (8 * (high - low) - (high2 - low2)) / (12 * step)
    found["columns"] = columns
    return noise, prediction, found


@pytest.fixture(params=CASES)
def case(request):
    return computed(request.param)


def nodes_of(noise, prediction):
    """Observations and weights that integrate any smooth density over a real scalar to 1e-12.

    Panels of Gauss-Legendre nodes; heavy tails through y = a + sigma tan(u).
    """
    x, w = np.polynomial.legendre.leggauss(40)
    center, sigma = abs(float(prediction)), float(noise.sigma)
    if isinstance(noise, StudentT):
        edges, center = np.linspace(-np.pi / 2, np.pi / 2, 41), float(prediction)
    elif isinstance(noise, POSITIVE_ONLY):
        edges = np.linspace(max(-12.0, -center / sigma), 12.0, 31)
    else:
        edges, center = np.linspace(-12.0, 12.0, 31), float(prediction)
    half = 0.5 * np.diff(edges)[:, None]
    u = (half * x + 0.5 * (edges[1:] + edges[:-1])[:, None]).ravel()
    weight = (half * w).ravel() * sigma
    if isinstance(noise, StudentT):
        return center + sigma * np.tan(u), weight / np.cos(u) ** 2
    return center + sigma * u, weight


@jax.jit
@functools.partial(jax.vmap, in_axes=(None, None, 0))
def densities(noise, prediction, observation):
    score = noise.score(observation, prediction)[0]
    curvature = jax.grad(jax.grad(lambda p: noise.nll(observation, p)))(prediction)
    density = jnp.exp(-noise.nll(observation, prediction))
    return density * jnp.stack([jnp.ones(()), score, score**2, curvature])


@functools.cache
def expectations(name):
    """Integrals over the density exp(-nll): of 1, score, its square, and the curvature of nll."""
    noise, prediction = CASES[name]
    y, weight = nodes_of(noise, prediction)
    return weight @ np.asarray(densities(noise, prediction, jnp.asarray(y)))


def test_every_noise_object_has_its_row():
    exported = {
        value
        for value in (getattr(leopnt.noise, name) for name in leopnt.noise.__all__)
        if isinstance(value, type) and issubclass(value, AbstractNoise)
    }
    assert exported - {AbstractNoise} == {type(noise) for noise, _ in CASES.values()}


def test_a_sample_has_the_shape_and_kind_of_the_prediction(case):
    _, prediction, found = case
    assert found["observations"].shape == (NUM_DRAWS, *prediction.shape)
    assert found["observations"].dtype == prediction.dtype
    assert np.all(np.isfinite(found["observations"]))


@pytest.mark.parametrize("name", SCALAR_REAL)
def test_likelihood_integrates_to_one(name):
    np.testing.assert_allclose(expectations(name)[0], 1.0, rtol=1e-11)


def test_complex_likelihood_integrates_to_one():
    noise, prediction = CASES["ComplexGaussian"]
    grid = jnp.linspace(-6.0, 6.0, 121)  # trapezoids converge exponentially for a Gaussian
    y = prediction + (grid[:, None] + 1j * grid[None, :]).ravel()
    density = jnp.exp(-jax.vmap(lambda o: noise.nll(o, prediction))(y))
    np.testing.assert_allclose(jnp.sum(density) * (grid[1] - grid[0]) ** 2, 1.0, rtol=1e-12)


def test_score_is_minus_the_gradient_of_the_likelihood(case):
    _, prediction, found = case
    score = found["scores"][0]
    assert score.shape == as_real(prediction).shape
    np.testing.assert_allclose(score, -found["gradient"], rtol=1e-9, atol=1e-12)
    # And minus its differences, which no derivative rule can bend.
    np.testing.assert_allclose(score, -found["differences"], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", SCALAR_REAL)
def test_expected_curvature_of_the_likelihood_is_the_information(name):
    # Second Bartlett identity; catches second derivatives lost at zero amplitude.
    noise, _, found = computed(name)
    scaled = (expectations(name)[3] - found["information"][0, 0]) * float(noise.sigma) ** 2
    assert abs(scaled) < 1e-9


def test_information_of_a_scalar_is_the_mean_square_of_the_score(evidence):
    worst = 0.0
    for name in SCALAR_REAL:
        noise, _, found = computed(name)
        _, mean, square, _ = expectations(name)
        sigma = float(noise.sigma)
        worst = max(worst, abs(mean) * sigma)
        worst = max(worst, abs(square - found["information"][0, 0]) * sigma**2)
    evidence(
        "noise.base",
        "mean and mean square of the score against zero and the information, scalar noise",
        "quadrature over the likelihood",
        "closed form",
        achieved=worst,
        tolerance=1e-8,
        unit="1/sigma^2",
    )


def test_samples_score_zero_on_average_and_scatter_by_the_information(evidence):
    worst = 0.0
    for name in CASES:
        _, _, found = computed(name)
        scores = found["scores"]
        products = scores[:, :, None] * scores[:, None, :]
        for sample, truth in ((scores, 0.0), (products, found["information"])):
            error = np.maximum(sample.std(axis=0) / np.sqrt(NUM_DRAWS), 1e-300)
            worst = max(worst, np.max(np.abs(sample.mean(axis=0) - truth) / error))
    evidence(
        "noise.base",
        "mean and scatter of the score of samples, every noise object",
        "zero and the information, 20 000 draws each",
        "monte carlo",
        achieved=worst,
        tolerance=5.0,
        unit="standard errors",
    )


def test_whitening_is_a_square_root_of_the_information(case):
    _, _, found = case
    root, columns = found["root"], found["columns"]
    np.testing.assert_allclose(root.T @ root, found["information"], rtol=1e-12, atol=1e-14)
    # Linear, and the same for one column as for many.
    np.testing.assert_allclose(found["white columns"], root @ columns, atol=1e-12)
    np.testing.assert_allclose(found["white column"], root @ columns[:, 0], atol=1e-12)


def test_a_compiled_batch_agrees_with_one_by_one(case):
    noise, prediction, found = case
    for i in (0, NUM_DRAWS - 1):
        observation = jnp.asarray(found["observations"][i])
        value, score = found["nll"][i], found["scores"][i]
        np.testing.assert_allclose(noise.nll(observation, prediction), value, rtol=1e-12)
        np.testing.assert_allclose(
            noise.score(observation, prediction), score, rtol=1e-12, atol=1e-14
        )


def test_second_derivatives_and_those_of_the_information_are_finite(case):
    _, _, found = case
    for name in ("hessian", "information slope", "root slope"):
        assert np.all(np.isfinite(found[name])), name
    np.testing.assert_allclose(found["hessian"], found["hessian"].T, atol=1e-12)


def test_noise_can_be_made_of_traced_values_inside_compiled_code():
    @jax.jit
    def total(sigma, dof, covariance, observation):
        return (
            Gaussian(sigma).nll(observation, 0.0 * observation)
            + StudentT(sigma, dof).nll(observation, 0.0 * observation)
            + GaussianCovariance(covariance).nll(observation, 0.0 * observation)
        )

    observation = jnp.array([0.3, -0.2, 1.0])
    traced = total(jnp.asarray(0.8), jnp.asarray(3.0), REAL_COVARIANCE, observation)
    plain = (
        Gaussian(0.8).nll(observation, 0.0 * observation)
        + StudentT(0.8, 3.0).nll(observation, 0.0 * observation)
        + GaussianCovariance(REAL_COVARIANCE).nll(observation, 0.0 * observation)
    )
    np.testing.assert_allclose(traced, plain, rtol=1e-14)


@pytest.mark.parametrize(
    "value",
    [jnp.asarray(1.5), jnp.asarray(1.5 - 2j), jnp.arange(6.0).reshape(2, 3), IQ, IQ[None, :]],
)
def test_the_real_form_holds_every_part_and_comes_back(value):
    real = as_real(value)
    assert not jnp.iscomplexobj(real)
    parts = [np.ravel(np.real(value))] + (
        [np.ravel(np.imag(value))] if real.size > value.size else []
    )
    np.testing.assert_array_equal(real, np.concatenate(parts))
    back = from_real(real, value)
    np.testing.assert_array_equal(back, value)
    assert back.shape == value.shape
    assert back.dtype == value.dtype


# --- what a user may get wrong ---

WITH_SIGMA = {
    "Gaussian": Gaussian,
    "ComplexGaussian": ComplexGaussian,
    "FoldedAmplitude": FoldedAmplitude,
    "Rician": Rician,
    "StudentT": lambda sigma: StudentT(sigma, 4.0),
}
BAD_NUMBERS = [0.0, -1.0, float("nan"), float("inf"), np.array([1.0, -2.0]), jnp.array([1.0, 0.0])]


@pytest.mark.parametrize("owner", WITH_SIGMA)
@pytest.mark.parametrize("sigma", BAD_NUMBERS, ids=str)
def test_sigma_must_be_finite_and_positive(untyped, owner, sigma):
    with pytest.raises(LeopntError, match=f"^{owner}: sigma must be finite and positive, got "):
        WITH_SIGMA[owner](sigma)


@pytest.mark.parametrize("dof", [0.0, -3.0, float("inf")])
def test_degrees_of_freedom_must_be_finite_and_positive(dof):
    with pytest.raises(LeopntError, match="StudentT: dof must be finite and positive, got"):
        StudentT(1.0, dof)


def test_the_offending_number_is_quoted():
    with pytest.raises(LeopntError, match=r"got -2\.0\."):
        Gaussian(jnp.array([1.0, -2.0, -3.0]))


@pytest.mark.parametrize("owner", WITH_SIGMA)
@pytest.mark.parametrize("sigma", [[1.0, 2.0], None, "1.0", True, (1.0,)], ids=str)
def test_sigma_must_be_a_number_or_an_array(untyped, owner, sigma):
    with pytest.raises(LeopntError, match=f"{owner}: sigma must be a float or an array, got"):
        WITH_SIGMA[owner](sigma)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, bool, np.float16, complex])
def test_an_array_of_sigmas_must_hold_floats(untyped, dtype):
    # sigma**2 of 32-bit integers would overflow in silence.
    with pytest.raises(LeopntError, match="Gaussian: sigma must be of floats, got an array of"):
        Gaussian(np.ones(3, dtype))
    with pytest.raises(LeopntError, match="Gaussian: sigma must be of floats, got an array of"):
        jax.jit(lambda sigma: Gaussian(sigma).sigma)(np.ones(3, dtype))


def test_a_whole_number_and_a_numpy_array_are_sigmas(untyped):
    observation, prediction = jnp.array([1.0, 2.0]), jnp.array([1.5, 1.5])
    expected = Gaussian(2.0).nll(observation, prediction)
    assert Gaussian(2).nll(observation, prediction) == expected
    assert Gaussian(np.array([2.0, 2.0])).nll(observation, prediction) == expected
    assert Gaussian(np.float64(2.0)).nll(observation, prediction) == expected


USES = {
    "sample": lambda noise, p, o: noise.sample(jax.random.key(0), p),
    "nll": lambda noise, p, o: noise.nll(o, p),
    "score": lambda noise, p, o: noise.score(o, p),
    "whiten": lambda noise, p, o: noise.whiten(jnp.eye(as_real(p).size), p),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", ["Gaussian", "FoldedAmplitude", "Rician", "StudentT"])
def test_real_noise_refuses_a_complex_prediction(untyped, name, use):
    noise, prediction = CASES[name]
    with pytest.raises(LeopntError, match=f"{name}: the prediction is complex128; accepted: real"):
        USES[use](noise, prediction + 0j, prediction + 0j)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", ["ComplexGaussian", "ComplexGaussianCovariance"])
def test_complex_noise_refuses_a_real_prediction(untyped, name, use):
    noise, prediction = CASES[name]
    with pytest.raises(LeopntError, match=f"{name}: the prediction is float64; accepted: complex"):
        USES[use](noise, prediction.real, prediction.real)


@pytest.mark.parametrize("use", ["nll", "score"])
def test_an_observation_of_the_other_kind_is_refused(untyped, use):
    with pytest.raises(LeopntError, match="Gaussian: the observation is complex128"):
        USES[use](Gaussian(1.0), VECTOR, VECTOR + 0j)
    with pytest.raises(LeopntError, match="ComplexGaussian: the observation is float64"):
        USES[use](ComplexGaussian(1.0), IQ, IQ.real)


@pytest.mark.parametrize("use", ["nll", "score"])
@pytest.mark.parametrize("name", ["Gaussian", "FoldedAmplitude", "Rician", "StudentT"])
def test_an_observation_of_another_shape_is_refused_not_broadcast(untyped, name, use):
    noise, prediction = CASES[name]
    with pytest.raises(
        LeopntError, match=rf"{name}: the observation has shape \(3,\), the prediction \(\)"
    ):
        USES[use](noise, prediction, jnp.ones(3))


@pytest.mark.parametrize("use", USES)
def test_one_sigma_per_link_is_refused_where_one_per_entry_is_meant(untyped, use):
    noise = Gaussian(jnp.array([1.0, 2.0, 3.0]))
    with pytest.raises(LeopntError, match=r"sigma has shape \(3,\).*\(shared, link\) -> noise"):
        USES[use](noise, jnp.asarray(0.0), jnp.asarray(0.0))


@pytest.mark.parametrize("use", USES)
def test_a_covariance_of_another_size_is_refused(untyped, use):
    noise = GaussianCovariance(REAL_COVARIANCE)
    with pytest.raises(
        LeopntError, match=r"covariance has shape \(3, 3\), the prediction \(2,\); .*\(3,\)"
    ):
        USES[use](noise, jnp.zeros(2), jnp.zeros(2))


REAL_BAD = {
    r"must be a square matrix, got shape \(2, 3\)": np.ones((2, 3)),
    r"must be a square matrix, got shape \(3,\)": np.ones(3),
    r"must be a square matrix, got 2\.0": 2.0,
    r"must be a square matrix, got shape \(0, 0\)": np.ones((0, 0)),
    r"must be of floats, got an array of int64": np.eye(2, dtype=int),
    r"must be finite with a positive diagonal": np.array([[1.0, np.nan], [np.nan, 1.0]]),
    r"must be finite with a positive diagonal\.": np.diag([1.0, -2.0]),
    r"must equal its conjugate transpose, but its correlations differ by 0\.5": np.array(
        [[1.0, 0.5], [0.0, 1.0]]
    ),
    r"must be positive definite, but the smallest eigenvalue of its correlations is -1": np.array(
        [[1.0, 2.0], [2.0, 1.0]]
    ),
    r"must be positive definite, but the smallest eigenvalue": np.ones((2, 2)),
}


@pytest.mark.parametrize("owner", [GaussianCovariance, ComplexGaussianCovariance])
@pytest.mark.parametrize("message", REAL_BAD)
def test_a_covariance_must_be_one(untyped, owner, message):
    value = REAL_BAD[message]
    if owner is ComplexGaussianCovariance and "float" in str(getattr(value, "dtype", "")):
        value = value + 0j
    with pytest.raises(LeopntError, match=f"^{owner.__name__}: covariance {message}"):
        owner(value)


def test_a_symmetric_complex_covariance_is_not_hermitian(untyped):
    with pytest.raises(LeopntError, match="must equal its conjugate transpose"):
        ComplexGaussianCovariance(jnp.array([[1.0, 0.5j], [0.5j, 1.0]]))


def test_a_covariance_in_any_units_is_judged_by_its_correlations():
    # Meters beside seconds: entries over 20 orders of magnitude, yet perfectly regular.
    scale = jnp.array([1e7, 1e-9, 1.0])
    covariance = REAL_COVARIANCE * scale[:, None] * scale[None, :]
    assert np.isfinite(GaussianCovariance(covariance).nll(VECTOR * scale, 0.0 * VECTOR))
