"""Uplink bounds against published numbers, the generic engine on all samples, and Monte Carlo."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from study_sizes import study_size

from leopnt.antennas import UniformPlanarArray, correlation
from leopnt.errors import LeopntError
from leopnt.inference import fisher_information
from leopnt.inference.status import Status
from leopnt.methods import pace
from leopnt.signals import OfdmGrid

SCENE, SYSTEM = pace.default_scene(), pace.PaceSystem()

# Position error along x [m]: LB of gain, of TOA [s], of the vector.
PRINTED = {
    0.0: (4.39516526e-10, 2.46173549e-10, 3.51613221e-9),
    1000.0: (4.46007971e-10, 2.46197018e-10, 3.53830346e-9),
    10000.0: (8.75386314e-10, 2.48556921e-10, 5.29350549e-9),
}
UCE_VECTOR = 1.79875078e-8

# Figure 7: RMS over 32 links and 8 directions of LB(vector)/||h|| and LB(TOA) [ns].
FIG7 = {300.0: (0.1655, 0.332), 1e3: (0.1659, 0.332), 3e3: (0.169, 0.332),
        10e3: (0.201, 0.334), 30e3: (0.373, 0.350)}  # fmt: skip


def rms(values):
    return float(np.sqrt(np.mean(np.abs(np.asarray(values)) ** 2)))


def moved(error_m, scene=SCENE):
    """Bounds for all users displaced in 8 horizontal directions, leading axis direction."""
    angle = np.arange(8) * np.pi / 4
    steps = error_m * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    taken = scene.user_pos_m[None] + jnp.asarray(steps)[:, None, :]
    return jax.vmap(pace.uplink_kernel, in_axes=(None, 0, None))(scene, taken, SYSTEM)


def test_bounds_of_the_worked_case(evidence):
    worst = 0.0
    for error_m, printed in PRINTED.items():
        taken = SCENE.user_pos_m + jnp.array([error_m, 0.0, 0.0])[None]
        found = pace.uplink_bounds(SCENE, SYSTEM, taken)
        ours = [x[0, 0] for x in (found.pace.lb_gain, found.pace.lb_toa_s, found.pace.lb_vector)]
        worst = max(worst, np.max(np.abs(np.array(ours) / printed - 1)))
        assert np.all(found.pace.toa_bias_s == 0.0)
        worst = max(worst, abs(float(found.uce.lb_vector[0, 0]) / UCE_VECTOR - 1))
        np.testing.assert_allclose(found.uce.lb_toa_s, found.perfect.lb_toa_s, rtol=1e-14)
    evidence(
        "methods.pace.uplink",
        "LB of gain, TOA and vector at 0, 1 and 10 km, and of UCE, relative",
        "independent implementation, printed to 9 digits",
        "implementation",
        achieved=worst,
        tolerance=1e-6,
    )


def test_figure_7_is_met(evidence):
    worst_vector, worst_toa = 0.0, 0.0
    for error_m, (vector, toa_ns) in FIG7.items():
        found = moved(error_m)
        length = jnp.abs(found.channel_gain) * 8.0
        worst_vector = max(worst_vector, abs(rms(found.pace.lb_vector / length) - vector))
        worst_toa = max(worst_toa, abs(1e9 * rms(found.pace.lb_toa_s) - toa_ns))
        size = jnp.abs(found.channel_gain)
        gain_only = rms(jnp.sqrt(found.pace.gain_variance) / size)
        np.testing.assert_allclose(gain_only, 0.1655, atol=5e-5)
    evidence(
        "methods.pace.uplink",
        "LB of the vector over its length against position error (Figure 7)",
        "independent implementation, printed to 3 and 4 digits",
        "implementation",
        achieved=worst_vector,
        tolerance=5e-4,
    )
    evidence(
        "methods.pace.uplink",
        "LB of the TOA against position error (Figure 7)",
        "independent implementation, printed to 3 digits",
        "implementation",
        achieved=worst_toa,
        tolerance=5e-4,
        unit="ns",
    )


def test_figure_8_uce_over_pace_is_the_printed_ratio(evidence):
    q = 1.5 * 1025 / 1023
    closed = np.sqrt((64 + q) / (1 + q))
    still = pace.uplink_kernel(SCENE, SCENE.user_pos_m, SYSTEM)
    np.testing.assert_allclose(still.uce.lb_vector / still.pace.lb_vector, closed, rtol=1e-9)
    near = moved(100.0)
    ratio = rms(near.uce.lb_vector / near.pace.lb_vector)
    evidence(
        "methods.pace.uplink",
        "UCE over PACE for the vector at 0 and 100 m (Figure 8)",
        "independent implementation, printed: 5.1157 and 5.1155",
        "implementation",
        achieved=max(abs(closed - 5.1157), abs(ratio - 5.1155)),
        tolerance=6e-5,
    )
    np.testing.assert_allclose(near.uce.lb_toa_s[0], near.pace.lb_toa_s[0], rtol=1e-4)


SMALL = {
    "channel_gain": 3e-9 * np.exp(0.7j),
    "grid": OfdmGrid(6, 120e3, 4),
    "user_power_w": 1.3,
    "noise_w": 4.9e-15,
}
ARRAY = UniformPlanarArray(2, 3)


@pytest.mark.parametrize("reference", [0.0, 3.5, 6.0])
@pytest.mark.parametrize(("az", "el"), [(0.3, 1.1), (0.5, 1.0), (-1.0, 1.5)])
def test_the_generic_engine_on_all_samples_gives_the_same(az, el, reference, evidence):
    delay_s = 1.69e-3
    problem = pace.uplink_problem(
        delay_s=delay_s,
        true_steering=ARRAY.steering(0.3, 1.1),
        taken_steering=ARRAY.steering(az, el),
        reference_subcarrier=reference,
        **SMALL,
    )
    generic = pace.uplink_bound_numeric(problem)
    assert generic.status == Status.converged
    rho = correlation(ARRAY, az, el, 0.3, 1.1)
    ours = pace.pace_uplink(correlation=rho, num_ant=6, reference_subcarrier=reference, **SMALL)
    gain = complex(generic.theta.gain_real, generic.theta.gain_imag)
    mcrb = generic.mcrb
    evidence(
        "methods.pace.uplink_model",
        "pseudo-true gain, variances of gain and TOA in closed form, relative",
        "leopnt.inference.misspecified_bound on every sample",
        "implementation",
        achieved=max(
            abs(gain / complex(ours.pseudo_true_gain) - 1),
            abs(float((mcrb[0, 0] + mcrb[1, 1]) / ours.gain_variance) - 1),
            abs(float(mcrb[2, 2] / ours.toa_variance_s2) - 1),
        ),
        tolerance=1e-9,
    )
    sigma_s = float(jnp.sqrt(ours.toa_variance_s2))
    assert abs(float(generic.theta.delay_s) - delay_s) < 1e-9 * sigma_s + 4e-19
    # A = -B there, so that the bound is the plain CRB.
    size = np.sqrt(np.diag(generic.b))
    assert np.max(np.abs(np.asarray(generic.a - generic.b)) / np.outer(size, size)) < 1e-9


@pytest.mark.parametrize("reference", [0.0, 3.5])
def test_fisher_information_of_a_free_vector_gives_the_uce_bound(reference, evidence):
    vector = SMALL["channel_gain"] * ARRAY.steering(0.3, 1.1)
    problem = pace.uplink_problem(
        delay_s=1.69e-3,
        true_steering=ARRAY.steering(0.3, 1.1),
        taken_steering=ARRAY.steering(0.3, 1.1),
        reference_subcarrier=reference,
        **SMALL,
    )
    theta = pace.VectorTheta(vector.real, vector.imag, problem.truth.delay_s)
    free = ("vector_real", "vector_imag", "delay_s")
    crb = fisher_information(
        pace.VECTOR_MODEL, theta, problem.links, free, shared=problem.shared
    ).crb()
    ours = pace.uce_uplink(num_ant=6, reference_subcarrier=reference, **SMALL)
    evidence(
        "methods.pace.uplink",
        "UCE bounds of vector and TOA in closed form, relative",
        "Fisher information of every sample",
        "implementation",
        achieved=max(
            abs(float(jnp.trace(crb[:12, :12]) / ours.vector_variance) - 1),
            abs(float(crb[12, 12] / ours.toa_variance_s2) - 1),
        ),
        tolerance=1e-9,
    )


def test_the_reference_subcarrier_moves_the_bounds_as_printed():
    unit = SYSTEM.noise_w / (1.0 * 1000)
    center = pace.uplink_bounds(SCENE, SYSTEM, SCENE.user_pos_m, reference_subcarrier=512.5)
    np.testing.assert_allclose(center.perfect.lb_vector**2, unit, rtol=1e-12)
    np.testing.assert_allclose(center.uce.lb_vector**2, 64 * unit, rtol=1e-12)
    every = [
        pace.pace_uplink(
            channel_gain=1e-9,
            correlation=1.0,
            num_ant=64,
            grid=SYSTEM.uplink,
            user_power_w=1.0,
            noise_w=SYSTEM.noise_w,
            reference_subcarrier=float(k),
        ).lb_vector
        for k in range(1, 1025, 31)
    ]
    places = np.arange(1, 1025, 31)
    lever = (512.5 - places) ** 2 / (2 * (1024**2 - 1) / 12)
    np.testing.assert_allclose(np.square(every), unit * (1 + lever), rtol=1e-9)


def ml_errors(rho_direction, trials, rng):
    """Gain, TOA and vector errors of maximum likelihood with the steering vector of a direction."""
    array, grid, gain, tau = UniformPlanarArray(4, 4), OfdmGrid(32, 120e3, 10), 2e-9 + 1e-9j, 3e-9
    power_w, noise_w = 1.0, 1e-18  # 29 dB after integration
    true, taken = (np.asarray(array.steering(*d)) for d in ((0.3, 1.2), rho_direction))
    k = np.arange(1, 33)
    mean = gain * np.exp(-2j * np.pi * k * grid.spacing_hz * tau)[:, None] * true[None]
    # The mean over symbols says all that they do.
    sigma = np.sqrt(noise_w * 32 / power_w / 10 / 2)
    noise = rng.normal(size=(trials, 32, 16, 2)) @ np.array([1, 1j]) * sigma
    matched = (mean[None] + noise) @ np.conj(taken) / 16
    delay = np.full(trials, tau)
    for _ in range(6):
        turn = np.exp(2j * np.pi * k[None] * grid.spacing_hz * delay[:, None])
        slope = 2j * np.pi * k[None] * grid.spacing_hz
        f0, f1, f2 = (np.mean(matched * turn * slope**i, axis=1) for i in range(3))
        gradient = 2 * np.real(np.conj(f0) * f1)
        delay = delay - gradient / (2 * np.real(np.conj(f0) * f2) + 2 * np.abs(f1) ** 2)
    found = np.mean(matched * np.exp(2j * np.pi * k * grid.spacing_hz * delay[:, None]), axis=1)
    vector = found[:, None] * taken[None] - gain * true[None]
    bound = pace.pace_uplink(
        channel_gain=gain,
        correlation=correlation(array, *rho_direction, 0.3, 1.2),
        num_ant=16,
        grid=grid,
        user_power_w=power_w,
        noise_w=noise_w,
    )
    return (
        rms(found - gain) / float(bound.lb_gain),
        rms(delay - tau) / float(bound.lb_toa_s),
        np.sqrt(np.mean(np.sum(np.abs(vector) ** 2, axis=1))) / float(bound.lb_vector),
    )


@pytest.mark.parametrize("taken", [(0.3, 1.2), (0.35, 1.19)])
def test_maximum_likelihood_meets_its_bounds(taken, evidence):
    trials = study_size(1000, 4000)
    ratios = ml_errors(taken, trials, np.random.default_rng(12))
    evidence(
        "methods.pace.uplink",
        "RMSE of ML gain, TOA and vector over their bounds, minus one",
        "draws of the estimator",
        "monte carlo",
        achieved=np.max(np.abs(np.array(ratios) - 1)),
        tolerance=0.03 if trials == 4000 else 0.06,
    )


def test_many_scenes_give_what_single_scenes_give():
    scenes = jax.tree.map(lambda x: jnp.stack([x, x]), SCENE)
    scenes = eqx.tree_at(lambda s: s.user_power_w, scenes, jnp.array([1.0, 0.01]))
    taken = jnp.stack([SCENE.user_pos_m + 50.0, SCENE.user_pos_m])
    found = pace.uplink_bounds_of_scenes(scenes, SYSTEM, taken)
    one = pace.uplink_bounds(SCENE, SYSTEM, SCENE.user_pos_m + 50.0)
    np.testing.assert_allclose(found.pace.lb_gain[0], one.pace.lb_gain, rtol=1e-9)
    np.testing.assert_allclose(found.uce.lb_vector[1], 10 * found.uce.lb_vector[0], rtol=1e-12)


def null_scene():
    """A user at nadir; taken where the array of 8 x 8 has its first null, cos(el) = 1/4."""
    scene = pace.pace_scene(
        sat_pos_m=[[0.0, 0.0, 6.9e6]], sat_vel_mps=[[7600.0, 0, 0]], user_pos_m=[[0, 0, 6.4e6]]
    )
    return scene, jnp.array([[5e5 / np.sqrt(15.0), 0.0, 6.4e6]])


def test_a_position_in_a_null_is_refused():
    scene, taken = null_scene()
    with pytest.raises(LeopntError, match=r"in a null of satellite 0's .*is not bounded"):
        pace.uplink_bounds(scene, SYSTEM, taken)
    kernel = pace.uplink_kernel(scene, taken, SYSTEM)
    assert np.all(np.isnan(kernel.pace.lb_toa_s))


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        (np.zeros((3, 3)), r"user_pos_taken_m has shape \(3, 3\); accepted, as user_pos_m"),
        (np.full((4, 3), np.nan), "user_pos_taken_m holds NaN"),
        (np.asarray(SCENE.user_pos_m) * 1.2, "lies behind the array of satellite 0"),
        (np.asarray(SCENE.user_pos_m, np.float32), "user_pos_taken_m has type float32"),
    ],
)
def test_positions_taken_that_make_no_sense_are_refused(untyped, taken, words):
    with pytest.raises(LeopntError, match=words):
        pace.uplink_bounds(SCENE, SYSTEM, taken)


def test_one_subcarrier_is_refused():
    system = eqx.tree_at(lambda s: s.uplink, SYSTEM, OfdmGrid(1, 120e3, 10))
    with pytest.raises(LeopntError, match="num_sub = 1: delay is not identifiable"):
        pace.uplink_bounds(SCENE, system, SCENE.user_pos_m)
