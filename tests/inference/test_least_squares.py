"""Estimation: against SciPy, Optimistix and NumPy, at the bound, and how it ends when it cannot."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
import pytest
import scipy.optimize
from inference_cases import (
    CASES,
    LINEAR,
    DopplerLink,
    DopplerTheta,
    LinearLink,
    LinearTheta,
    doppler_case,
    linear_case,
)
from jaxtyping import Array
from scipy.spatial.transform import Rotation

from leopnt.errors import LeopntError
from leopnt.inference import (
    Cauchy,
    Data,
    FisherScoring,
    GaussNewton,
    Huber,
    LevenbergMarquardt,
    Model,
    Status,
    Unknowns,
    batch_map,
    count_statuses,
    fisher_information,
    parameter,
    predict,
    simulate,
    solve,
)
from leopnt.noise import Gaussian

KEY = jax.random.key(5)
LINEAR_CASE, DOPPLER = linear_case(), doppler_case()
ONES = np.ones(12)
DOPPLER_DATA = Data(DOPPLER.links, simulate(DOPPLER.model, DOPPLER.truth, DOPPLER.links, KEY))


def flat(theta, names):
    return np.concatenate([np.ravel(getattr(theta, name)) for name in names])


def from_flat(x):
    return DopplerTheta(x[:3] * 1e3, x[3])


@jax.jit
def doppler_residual(x, data):
    return data.observations - predict(DOPPLER.model, from_flat(x), data.links)


doppler_jacobian = jax.jit(jax.jacfwd(doppler_residual))


def doppler_start():
    return np.append(np.asarray(DOPPLER.start.rx_pos_ecef_m) / 1e3, 0.0)


def scipy_doppler(data, **options):
    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
    return scipy.optimize.least_squares(
        lambda x: np.asarray(doppler_residual(x, data)),
        doppler_start(),
        lambda x: np.asarray(doppler_jacobian(x, data)),
        **tight,
        **options,
    )


def estimate_one(key, case_arrays, case):
    truth, start, links, shared = case_arrays
    y = simulate(case.model, truth, links, key, shared)
    return solve(case.model, start, Data(links, y, None, shared), case.free, solver=case.solver)


# One function for each model: compiled kernels are cached by the identity of the function.
ESTIMATORS = {
    name: (lambda key, arrays, case=case: estimate_one(key, arrays, case))
    for name, case in CASES.items()
}


@pytest.mark.parametrize("name", list(CASES))
def test_estimates_reach_the_bound(name, evidence):
    case, trials = CASES[name], 4000
    arrays = (case.truth, case.start, case.links, case.shared)
    found = batch_map(ESTIMATORS[name], jax.random.split(KEY, trials), shared=arrays)
    unknowns = Unknowns.of(case.truth, case.free)
    difference = jax.jit(jax.vmap(lambda t: unknowns.difference(case.truth, t)))
    error = np.asarray(difference(found.theta))
    info = fisher_information(case.model, case.truth, case.links, case.free, shared=case.shared)
    crb = np.asarray(info.crb())
    assert count_statuses(found.status) == {"converged": trials}
    # Mean of error^T FIM error: the number of unknowns if every direction meets the bound.
    share = np.mean(np.einsum("tp,pq,tq->t", error, info.matrix, error)) / unknowns.size
    evidence(
        "inference.least_squares",
        f"mean-square error over Cramer-Rao bound, {name} model, minus one",
        "Fisher information",
        "monte carlo",
        achieved=abs(share - 1.0),
        tolerance=4 * np.sqrt(2 / (trials * unknowns.size)) + 0.01,
    )
    formal = np.mean(found.covariance, axis=0)
    np.testing.assert_allclose(np.diag(formal), np.diag(crb), rtol=0.05)


def test_linear_models_are_solved_exactly_in_one_step():
    y = simulate(LINEAR, LINEAR_CASE.truth, LINEAR_CASE.links, KEY)
    found = solve(LINEAR, LINEAR_CASE.start, Data(LINEAR_CASE.links, y), ("x", "y"))
    sigma = np.asarray(LINEAR_CASE.links.sigma)
    A = np.asarray(LINEAR_CASE.links.row) / sigma[:, None]
    truth, residue, *_ = np.linalg.lstsq(A, np.asarray(y) / sigma, rcond=None)
    np.testing.assert_allclose(flat(found.theta, ("x", "y")), truth, rtol=1e-11)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(A.T @ A), rtol=1e-10, atol=1e-16)
    np.testing.assert_allclose(found.information, A.T @ A, rtol=1e-12, atol=1e-12)
    constants = np.sum(np.log(sigma * np.sqrt(2 * np.pi)))
    assert float(found.cost) == pytest.approx(0.5 * float(residue[0]) + constants, rel=1e-12)
    assert int(found.num_iterations) == 2
    assert bool(found.converged)


@pytest.mark.parametrize("solver", [GaussNewton(), LevenbergMarquardt()])
def test_nonlinear_estimates_agree_with_scipy(solver, evidence):
    truth = scipy_doppler(DOPPLER_DATA)
    found = solve(DOPPLER.model, DOPPLER.start, DOPPLER_DATA, DOPPLER.free, solver=solver)
    evidence(
        "inference.least_squares",
        f"Doppler position by {type(solver).__name__}",
        "scipy.optimize.least_squares",
        "implementation",
        achieved=np.max(np.abs(np.asarray(found.theta.rx_pos_ecef_m) - 1e3 * truth.x[:3])),
        tolerance=1e-3,
        unit="m",
    )
    units = np.array([1e3, 1e3, 1e3, 1.0])
    covariance = np.linalg.inv(truth.jac.T @ truth.jac) * units[:, None] * units
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-5, atol=1e-7)


def test_nonlinear_estimates_agree_with_optimistix(evidence):
    solution = optimistix.least_squares(
        doppler_residual,
        optimistix.LevenbergMarquardt(rtol=1e-13, atol=1e-13),
        jnp.asarray(doppler_start()),
        DOPPLER_DATA,
        max_steps=200,
    )
    found = solve(DOPPLER.model, DOPPLER.start, DOPPLER_DATA, DOPPLER.free)
    evidence(
        "inference.least_squares",
        "Doppler position by GaussNewton",
        "optimistix LevenbergMarquardt",
        "implementation",
        achieved=np.max(np.abs(found.theta.rx_pos_ecef_m - 1e3 * solution.value[:3])),
        tolerance=1e-3,
        unit="m",
    )


@pytest.mark.parametrize(
    ("loss", "name", "scale"), [(Huber(), "huber", 1.345), (Cauchy(), "cauchy", 2.385)]
)
def test_robust_estimates_agree_with_scipy(loss, name, scale, evidence):
    observations = np.array(DOPPLER_DATA.observations)
    observations[[2, 11]] += [80.0, -40.0]
    data = dataclasses.replace(DOPPLER_DATA, observations=jnp.asarray(observations))
    truth = scipy_doppler(data, loss=name, f_scale=scale)
    found = solve(
        DOPPLER.model, DOPPLER.start, data, DOPPLER.free, loss=loss, solver=LevenbergMarquardt(1e-8)
    )
    plain = solve(DOPPLER.model, DOPPLER.start, data, DOPPLER.free)
    shift = np.linalg.norm(np.asarray(plain.theta.rx_pos_ecef_m) - 1e3 * truth.x[:3])
    assert shift > 100.0
    assert float(found.cost) == pytest.approx(truth.cost, rel=1e-9)
    evidence(
        "inference.least_squares",
        f"Doppler position with two outliers, {name} loss",
        "scipy.optimize.least_squares",
        "implementation",
        achieved=np.max(np.abs(np.asarray(found.theta.rx_pos_ecef_m) - 1e3 * truth.x[:3])),
        tolerance=0.01,
        unit="m",
    )


class CurveTheta(eqx.Module):
    x: Array = parameter()
    y: Array = parameter()


def predict_valley(theta, shared, link):
    """Rosenbrock's valley as two measurements."""
    return jnp.where(link == 0, 10.0 * (theta.y - theta.x**2), 1.0 - theta.x)


VALLEY = Model(predict_valley, Gaussian(1.0))
VALLEY_DATA = Data(jnp.asarray([0.0, 1.0]), jnp.zeros(2))


@pytest.mark.parametrize("start", [(-1.2, 1.0), (0.0, 0.0), (30.0, -40.0)])
def test_damped_steps_walk_the_valley_of_rosenbrock(start):
    theta = CurveTheta(*map(jnp.asarray, start))
    found = solve(VALLEY, theta, VALLEY_DATA, ("x", "y"), solver=LevenbergMarquardt(1e-10))
    assert bool(found.converged)
    np.testing.assert_allclose([found.theta.x, found.theta.y], [1.0, 1.0], atol=1e-9)


def test_the_order_of_links_does_not_matter():
    order = np.random.default_rng(0).permutation(20)
    shuffled = jax.tree.map(lambda a: jnp.asarray(np.asarray(a)[order]), DOPPLER_DATA)
    a = solve(DOPPLER.model, DOPPLER.start, DOPPLER_DATA, DOPPLER.free)
    b = solve(DOPPLER.model, DOPPLER.start, shuffled, DOPPLER.free)
    np.testing.assert_allclose(a.theta.rx_pos_ecef_m, b.theta.rx_pos_ecef_m, atol=1e-5)
    np.testing.assert_allclose(a.covariance, b.covariance, rtol=1e-8, atol=1e-9)


class OtherScale(eqx.Module):
    rx_pos_ecef_m: Array = parameter(scale=(1e7, 2.0, 1e-3), unit="m")
    offset_hz: Array = parameter(scale=1e9, unit="Hz")


def test_the_declared_scale_does_not_matter():
    start = OtherScale(DOPPLER.start.rx_pos_ecef_m, DOPPLER.start.offset_hz)
    a = solve(DOPPLER.model, DOPPLER.start, DOPPLER_DATA, DOPPLER.free)
    b = solve(DOPPLER.model, start, DOPPLER_DATA, DOPPLER.free)
    np.testing.assert_allclose(a.theta.rx_pos_ecef_m, b.theta.rx_pos_ecef_m, atol=1e-5)
    np.testing.assert_allclose(a.covariance, b.covariance, rtol=1e-8, atol=1e-9)


def test_a_turned_frame_turns_estimate_and_covariance():
    # About the axis of the Earth, since Earth rotation in flight singles it out.
    turn = Rotation.from_rotvec([0.0, 0.0, 1.1]).as_matrix()
    links = DopplerLink(*(np.asarray(v) @ turn.T for v in jax.tree.leaves(DOPPLER.links)))
    start = DopplerTheta(jnp.asarray(turn @ DOPPLER.start.rx_pos_ecef_m), DOPPLER.start.offset_hz)
    data = Data(jax.tree.map(jnp.asarray, links), DOPPLER_DATA.observations)
    a = solve(DOPPLER.model, DOPPLER.start, DOPPLER_DATA, DOPPLER.free)
    b = solve(DOPPLER.model, start, data, DOPPLER.free)
    np.testing.assert_allclose(turn @ a.theta.rx_pos_ecef_m, b.theta.rx_pos_ecef_m, atol=1e-5)
    block = a.covariance_of("rx_pos_ecef_m")
    turned = turn @ block @ turn.T
    np.testing.assert_allclose(turned, b.covariance_of("rx_pos_ecef_m"), rtol=1e-7, atol=1e-8)


def test_invisible_links_change_nothing_even_if_they_are_nan():
    padded = jax.tree.map(
        lambda a: jnp.asarray(np.concatenate([a, np.full((6, *a.shape[1:]), np.nan)])), DOPPLER_DATA
    )
    padded = dataclasses.replace(padded, visible=jnp.asarray(np.arange(26) < 20))
    a = solve(DOPPLER.model, DOPPLER.start, DOPPLER_DATA, DOPPLER.free)
    b = solve(DOPPLER.model, DOPPLER.start, padded, DOPPLER.free)
    np.testing.assert_allclose(a.theta.rx_pos_ecef_m, b.theta.rx_pos_ecef_m, atol=1e-6)
    np.testing.assert_allclose(a.covariance, b.covariance, rtol=1e-9)
    assert bool(b.converged)


def test_covariances_are_found_by_name():
    found = solve(DOPPLER.model, DOPPLER.start, DOPPLER_DATA, DOPPLER.free)
    np.testing.assert_array_equal(found.covariance_of("offset_hz"), found.covariance[3:, 3:])
    swapped = found.covariance_of(("offset_hz", "rx_pos_ecef_m"))
    np.testing.assert_array_equal(swapped[1:, 0], found.covariance[:3, 3])
    np.testing.assert_array_equal(
        found.sigma_of("rx_pos_ecef_m"), np.sqrt(np.diag(found.covariance)[:3])
    )


def test_fixed_fields_may_be_anything_and_stay_as_they_are():
    y = simulate(LINEAR, LINEAR_CASE.truth, LINEAR_CASE.links, KEY)
    tag = ("antenna", 3)
    start = LinearTheta(LINEAR_CASE.truth.x, 1.0, tag)
    found = solve(LINEAR, start, Data(LINEAR_CASE.links, y), "y")
    assert found.theta.fixed == tag
    np.testing.assert_array_equal(found.theta.x, LINEAR_CASE.truth.x)
    sigma, row = np.asarray(LINEAR_CASE.links.sigma), np.asarray(LINEAR_CASE.links.row)
    b, a = (np.asarray(y) - row[:, :3] @ np.asarray(start.x)) / sigma, row[:, 3] / sigma
    assert float(found.theta.y) == pytest.approx(a @ b / (a @ a), rel=1e-12)


def line(num_links=12):
    """Links that all tell the same; as many as in the linear case, to share its kernel."""
    rows = np.ones((num_links, 4)) * np.arange(4.0)
    return LinearLink(jnp.asarray(rows), jnp.asarray(np.ones(num_links)))


def test_status_converged_has_an_empty_sentence():
    found = solve(DOPPLER.model, DOPPLER.start, DOPPLER_DATA, DOPPLER.free)
    assert Status[found.status] == ""


@pytest.mark.parametrize("solver", [GaussNewton(), LevenbergMarquardt()])
def test_status_too_few_measurements(solver):
    few = Data(*jax.tree.map(lambda a: jnp.asarray(np.asarray(a)[:3]), (LINEAR_CASE.links, ONES)))
    found = solve(LINEAR, LINEAR_CASE.start, few, ("x", "y"), solver=solver)
    assert found.status == Status.too_few_measurements
    assert int(found.num_iterations) == 0
    assert np.all(np.isnan(found.covariance))
    np.testing.assert_array_equal(found.theta.x, LINEAR_CASE.start.x)
    masked = Data(LINEAR_CASE.links, jnp.asarray(ONES), jnp.asarray(np.arange(12) < 3))
    found = solve(LINEAR, LINEAR_CASE.start, masked, ("x", "y"), solver=solver)
    assert found.status == Status.too_few_measurements


@pytest.mark.parametrize("solver", [GaussNewton(), LevenbergMarquardt()])
def test_status_unobservable(solver):
    found = solve(LINEAR, LINEAR_CASE.start, Data(line(), jnp.ones(12)), ("x", "y"), solver=solver)
    assert found.status == Status.unobservable
    assert np.all(np.isnan(found.covariance))
    assert np.all(np.isfinite(found.theta.x))


@pytest.mark.parametrize("solver", [GaussNewton(), LevenbergMarquardt()])
def test_status_not_finite(solver):
    y = jnp.asarray(np.where(np.arange(12) == 4, np.nan, ONES))
    found = solve(LINEAR, LINEAR_CASE.start, Data(LINEAR_CASE.links, y), ("x", "y"), solver=solver)
    assert found.status == Status.not_finite
    np.testing.assert_array_equal(found.theta.x, LINEAR_CASE.start.x)


@pytest.mark.parametrize(
    "solver", [GaussNewton(max_iterations=2), LevenbergMarquardt(max_iterations=2)]
)
def test_status_max_iterations(solver):
    start = CurveTheta(jnp.asarray(-1.2), jnp.asarray(1.0))
    solver = dataclasses.replace(solver, tolerance=1e-12)
    found = solve(VALLEY, start, VALLEY_DATA, ("x", "y"), solver=solver)
    assert found.status == Status.max_iterations
    assert int(found.num_iterations) == 2


def predict_arctan(theta, shared, link):
    return link * jnp.arctan(theta.x)


def test_status_diverged():
    # Newton's steps on arctan grow from any start beyond 1.3917: -1, +1, ever further out.
    model = Model(predict_arctan, Gaussian(1e-3))
    theta = CurveTheta(jnp.asarray(1.45), jnp.asarray(0.0))
    data = Data(jnp.ones(3), jnp.zeros(3))
    assert solve(model, theta, data, "x").status == Status.diverged
    damped = solve(model, theta, data, "x", solver=LevenbergMarquardt())
    assert bool(damped.converged)
    assert abs(float(damped.theta.x)) < 1e-8


def predict_cliff(theta, shared, link):
    """Falls towards larger x, where it ceases to exist."""
    return jnp.where(theta.x > 1.0, jnp.nan, -theta.x) * link


def test_status_stalled():
    model = Model(predict_cliff, Gaussian(1e-3))
    theta = CurveTheta(jnp.asarray(1.0), jnp.asarray(0.0))
    data = Data(jnp.ones(3), jnp.full(3, -50.0))
    found = solve(model, theta, data, "x", solver=LevenbergMarquardt())
    assert found.status == Status.stalled
    assert float(found.theta.x) == 1.0


def predict_noisy(theta, shared, link):
    """Loses digits: rounded to eps times `shared`."""
    return link * theta.x + (theta.y + shared) - shared


@pytest.mark.parametrize(
    ("solver", "large"), [(GaussNewton(1e-9), 1e13), (LevenbergMarquardt(1e-9), 1e10)]
)
def test_rounding_of_the_prediction_ends_in_convergence(solver, large):
    model = Model(predict_noisy, Gaussian(0.3))
    links, shared = jnp.linspace(1.0, 2.0, 9), jnp.asarray(large)
    truth, start = (CurveTheta(*map(jnp.asarray, pair)) for pair in ((2.0, 3.0), (0.0, 0.0)))
    data = Data(links, simulate(model, truth, links, KEY, shared), None, shared)
    found = solve(model, start, data, ("x", "y"), solver=solver)
    assert bool(found.converged), Status[found.status]


def test_a_large_constant_in_the_cost_does_not_stop_damped_steps():
    # 3e5 links of sigma 1e-6 add 4e6 nat of constants; eps of that hides steps of 4e-5 sigma.
    num = 300_000
    rng = np.random.default_rng(0)
    rows = jnp.asarray(rng.normal(size=(num, 4)))
    links = LinearLink(rows, jnp.full(num, 1e-6))
    truth = flat(LINEAR_CASE.truth, ("x", "y"))
    y = jnp.asarray(np.asarray(rows) @ truth + 1e-6 * rng.normal(size=num))
    found = solve(
        LINEAR, LINEAR_CASE.start, Data(links, y), ("x", "y"), solver=LevenbergMarquardt()
    )
    assert bool(found.converged)
    exact = np.linalg.lstsq(np.asarray(rows), np.asarray(y), rcond=None)[0]
    step = flat(found.theta, ("x", "y")) - exact
    assert np.sqrt(step @ np.linalg.solve(found.covariance, step)) < 1e-3


def test_problems_under_vmap_do_not_disturb_each_other():
    # One converges, one has NaN, one has too few links, one starts far away.
    y = simulate(LINEAR, LINEAR_CASE.truth, LINEAR_CASE.links, KEY)
    observations = np.stack([y] * 4)
    observations[1, 0] = np.nan
    visible = np.arange(12)[None, :] < np.array([12, 12, 2, 7])[:, None]

    def one(y, visible):
        return solve(LINEAR, LINEAR_CASE.start, Data(LINEAR_CASE.links, y, visible), ("x", "y"))

    found = jax.vmap(one)(jnp.asarray(observations), jnp.asarray(visible))
    assert count_statuses(found.status) == {
        "converged": 2,
        "too_few_measurements": 1,
        "not_finite": 1,
    }
    alone = one(y, jnp.ones(12, bool))
    np.testing.assert_allclose(found.theta.x[0], alone.theta.x, rtol=1e-13)
    np.testing.assert_array_equal(found.converged, [True, False, False, True])
    np.testing.assert_array_equal(np.isnan(found.covariance[:, 0, 0]), [False, True, True, False])


def test_fisher_scoring_is_gauss_newton_under_its_other_name():
    assert FisherScoring is GaussNewton


@pytest.mark.parametrize("kind", [GaussNewton, LevenbergMarquardt])
def test_solver_settings_must_be_positive(kind):
    with pytest.raises(
        LeopntError, match=f"{kind.__name__}: tolerance must be finite and positive"
    ):
        kind(tolerance=0.0)
    with pytest.raises(
        LeopntError, match=f"{kind.__name__}: max_iterations must be finite and pos"
    ):
        kind(max_iterations=0)
    with pytest.raises(LeopntError, match="damping must be finite and positive"):
        LevenbergMarquardt(damping=0.0)


def test_a_loss_needs_gaussian_noise():
    case = CASES["beam"]
    data = Data(case.links, jnp.abs(predict(case.model, case.truth, case.links)))
    with pytest.raises(LeopntError, match="loss: the noise is FoldedAmplitude; accepted: Gaussian"):
        solve(case.model, case.start, data, case.free, loss=Huber())
