"""Position bounds under mismatch: published numbers, 50 digits, the generic engine, Monte Carlo."""

from operator import itemgetter

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.inference import fisher_information
from leopnt.inference.status import Status
from leopnt.methods import pace

SCENE, SYSTEM = pace.default_scene(), pace.PaceSystem()
PAB, VDB = pace.UserBeams(), pace.VerticalBeam()
PROBLEM = pace.problem_of_user(SCENE, SYSTEM, 0)

# One compilation each for all tests.
fits_of = jax.jit(jax.vmap(pace.fit_position, in_axes=(None, 0)))
bound_of = jax.jit(pace.position_bound_kernel)

# CRB, MCRB, LB [m] of users 1 to 4 at 50 dBm with a beam per user.
PRINTED_M = [
    (0.018726992, 0.018723791, 82.654325),
    (0.022468767, 0.02246364, 119.69067),
    (0.019590366, 0.019588563, 41.714797),
    (0.020240564, 0.020238446, 43.216877),
]
PSEUDO_TRUE_OFFSET_M = (-35.105543, -2.061768, 74.800315)
FIG5_DBM = (-20.0, 0.0, 20.0, 40.0, 50.0)
FIG5_M = {
    PAB: ((64.2, 6.42, 0.642, 0.0642, 0.0203), (101.6, 78.95, 78.69, 78.69, 78.69)),
    VDB: ((422.0, 42.2, 4.22, 0.422, 0.134), (465.0, 199.8, 195.4, 195.3, 195.3)),
}


def watts(dbm):
    return 10 ** ((np.asarray(dbm) - 30) / 10)


def stacked(scenes):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *scenes)


def repeated(scenes):
    """Sixty scenes, those given over and over: the size of pieces that larger batches have, too."""
    every = stacked(scenes)
    return jax.tree.map(lambda leaf: leaf[jnp.arange(60) % len(scenes)], every)


def bounds_of(problems):
    """Bounds of many problems, one after the other: shares the kernel of `position_bound`."""
    given = jax.tree.map(np.asarray, problems)
    found = [bound_of(jax.tree.map(itemgetter(i), given)) for i in range(len(given.weight))]
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(x) for x in leaves]), *found)


def first(found, count):
    return jax.tree.map(lambda leaf: leaf[:count], found)


def with_offsets(scene, freq_hz, clock_s):
    """Scenes of drawn offsets, leading axis draw."""
    count = len(freq_hz)
    many = jax.tree.map(lambda x: jnp.broadcast_to(x[None], (count, *x.shape)), scene)
    where = lambda s: (s.freq_offset_hz, s.clock_bias_s)  # noqa: E731
    return eqx.tree_at(where, many, (jnp.asarray(freq_hz), jnp.asarray(clock_s)))


def rms(values, axis=None):
    return np.sqrt(np.mean(np.asarray(values) ** 2, axis=axis))


def test_bounds_of_the_worked_case(evidence):
    found = [pace.position_bound(pace.problem_of_user(SCENE, SYSTEM, u)) for u in range(4)]
    ours = np.array([(b.crb_m, b.mcrb_m, b.lb_m) for b in found])
    evidence(
        "methods.pace.positioning",
        "CRB, MCRB and LB of four users, relative",
        "independent implementation, printed to 8 digits",
        "implementation",
        achieved=np.max(np.abs(ours / PRINTED_M - 1)),
        tolerance=1e-6,
    )
    vertical = pace.position_bound(pace.problem_of_user(SCENE, SYSTEM, 0, VDB))
    evidence(
        "methods.pace.positioning",
        "CRB and LB of user 1 with a vertical beam, relative",
        "independent implementation, printed to 8 and 9 digits",
        "implementation",
        achieved=max(
            abs(float(vertical.crb_m) / 0.0691975627 - 1), abs(float(vertical.lb_m) / 208.21109 - 1)
        ),
        tolerance=1e-6,
    )


def test_pseudo_true_point_of_the_worked_case(evidence):
    found = pace.position_bound(PROBLEM)
    evidence(
        "methods.pace.positioning",
        "pseudo-true position of user 1 [m]",
        "independent implementation, printed to 1e-6 m",
        "implementation",
        achieved=np.max(np.abs(found.bias[:3] - np.array(PSEUDO_TRUE_OFFSET_M))),
        tolerance=1e-5,
        unit="m",
    )
    np.testing.assert_allclose(found.pseudo_true[3], 1226.370695, atol=1e-6)
    np.testing.assert_allclose(found.pseudo_true[4], 329.980425e-9, atol=1e-15)
    np.testing.assert_allclose(found.truth[3:], (1233.75, 100.125e-9), rtol=1e-14)
    assert int(found.iterations) <= 6
    assert np.all(np.linalg.eigvalsh(scaled(found.a)) < 0)


def scaled(matrix):
    size = np.sqrt(np.abs(np.diag(matrix)))
    return np.asarray(matrix) / np.outer(size, size)


def relative(found, expected):
    size = np.sqrt(np.abs(np.diag(expected)))
    return np.max(np.abs(np.asarray(found) - np.asarray(expected)) / np.outer(size, size))


@pytest.mark.parametrize(
    ("beam", "freq_std_hz", "clock_std_s"),
    [(PAB, 0.0, 0.0), (VDB, 0.0, 0.0), (PAB, 144.0, 11.5e-9)],
)
def test_the_generic_engine_gives_the_same(beam, freq_std_hz, clock_std_s, evidence):
    worst, farthest = 0.0, 0.0
    for user in range(4):
        problem = pace.problem_of_user(SCENE, SYSTEM, user, beam)
        if freq_std_hz:
            problem = pace.weighted_for_offsets(problem, freq_std_hz, clock_std_s)
        ours, generic = pace.position_bound(problem), pace.position_bound_numeric(problem)
        assert generic.status == Status.converged
        offset = ours.pseudo_true[:3] - generic.theta.user_pos_m
        farthest = max(farthest, float(jnp.max(jnp.abs(offset))))
        pairs = [(ours.a, -generic.a), (ours.b, generic.b), (ours.mcrb, generic.mcrb)]
        worst = max(worst, *(relative(a, b) for a, b in pairs))
    evidence(
        "methods.pace.position_model",
        "A, B and MCRB of the closed-form path, relative to sqrt of the diagonal",
        "leopnt.inference.misspecified_bound",
        "implementation",
        achieved=worst,
        tolerance=1e-9,
    )
    # The generic search ends where rounding of the misfit, 1e8 sigma^2, hides further descent.
    assert farthest < 1e-4


@pytest.mark.parametrize("beam", [PAB, VDB])
def test_the_crb_is_that_of_the_generic_engine(beam, evidence):
    worst = 0.0
    for user in range(4):
        problem = pace.problem_of_user(SCENE, SYSTEM, user, beam)
        theta, links, shared = pace.links_of_problem(problem)
        free = ("user_pos_m", "freq_offset_hz", "clock_bias_s")
        expected = fisher_information(pace.POSITION_MODEL, theta, links, free, shared=shared).crb()
        worst = max(worst, relative(pace.position_bound(problem).crb, expected))
    evidence(
        "methods.pace.positioning",
        "CRB of position, frequency offset and clock bias, relative to sqrt of the diagonal",
        "leopnt.inference.fisher_information",
        "implementation",
        achieved=worst,
        tolerance=1e-9,
    )


@mp.workdps(50)
def fifty_digits(problem, covariance):
    """Pseudo-true point and MCRB by numerical derivatives in 50-digit arithmetic."""
    num = problem.sat_pos_m.shape[0]
    c, wavelength = mp.mpf(299792458), mp.mpf(299792458) / mp.mpf(float(problem.carrier_hz))
    sats = [[mp.mpf(float(x)) for x in row] for row in problem.sat_pos_m]
    vels = [[mp.mpf(float(x)) for x in row] for row in problem.sat_vel_mps]
    user = [mp.mpf(float(x)) for x in problem.user_pos_m]
    sigma = [(mp.sqrt(mp.mpf(float(q[0, 0]))), mp.sqrt(mp.mpf(float(q[1, 1])))) for q in covariance]

    def predicted(s, r):
        """[nu, tau] in sigmas, of r in [m, m, m, m/s, m]."""
        d = [user[i] + r[i] - sats[s][i] for i in range(3)]
        n = mp.sqrt(sum(x * x for x in d))
        nu = (sum(v * x for v, x in zip(vels[s], d, strict=True)) / n + r[3]) / wavelength
        return nu / sigma[s][0], (n + r[4]) / c / sigma[s][1]

    zero = [mp.mpf(0)] * 5
    mean = []
    for s in range(num):
        nu, tau = predicted(s, zero)
        mean.append(
            (
                nu + mp.mpf(float(problem.freq_offset_hz[s])) / sigma[s][0],
                tau + mp.mpf(float(problem.clock_bias_s[s])) / sigma[s][1],
            )
        )

    def half_cost(*r):
        return (
            sum(
                (m - f) ** 2
                for s in range(num)
                for m, f in zip(mean[s], predicted(s, r), strict=True)
            )
            / 2
        )

    def order(*places):
        return tuple(sum(p == i for p in places) for i in range(5))

    start = pace.position_bound(problem).pseudo_true
    scales = [1, 1, 1, wavelength, c]
    origin = [*user, mp.mpf(0), mp.mpf(0)]
    r = [mp.mpf(float(start[i])) * scales[i] - origin[i] for i in range(5)]
    for _ in range(3):
        gradient = mp.matrix([mp.diff(half_cost, r, order(i)) for i in range(5)])
        hessian = mp.matrix(5)
        for i in range(5):
            for j in range(i + 1):
                hessian[i, j] = hessian[j, i] = mp.diff(half_cost, r, order(i, j))
        step = mp.lu_solve(hessian, gradient)
        r = [a - b for a, b in zip(r, step, strict=True)]
    rows = mp.matrix(2 * num, 5)
    for s in range(num):
        for k in range(2):
            for i in range(5):
                rows[2 * s + k, i] = mp.diff(lambda *x: predicted(s, x)[k], r, order(i))  # noqa: B023
    inverse = hessian**-1
    mcrb = inverse * (rows.T * rows) * inverse
    return np.array([float(x) for x in r]), np.array(mcrb.tolist(), float)


def test_fifty_digits_give_the_same(evidence):
    found = pace.position_bound(PROBLEM)
    r, mcrb = fifty_digits(PROBLEM, PROBLEM.covariance)
    evidence(
        "methods.pace.positioning",
        "pseudo-true position of user 1 [m]",
        "numerical derivatives in 50-digit arithmetic",
        "implementation",
        achieved=np.max(np.abs(np.asarray(found.bias[:3]) - r[:3])),
        tolerance=1e-7,
        unit="m",
    )
    unit = np.array([1, 1, 1, SYSTEM.wavelength_m, 299792458.0])
    evidence(
        "methods.pace.positioning",
        "MCRB of user 1, relative to sqrt of the diagonal",
        "numerical derivatives in 50-digit arithmetic",
        "implementation",
        achieved=relative(found.mcrb * np.outer(unit, unit), mcrb),
        tolerance=1e-9,
    )


def test_every_intermediate_is_what_its_formula_says():
    found = pace.position_bound(PROBLEM)
    inverse = np.linalg.inv(scaled(found.a))
    size = np.sqrt(-np.diag(found.a))
    mcrb = inverse @ (found.b / np.outer(size, size)) @ inverse / np.outer(size, size)
    assert relative(found.mcrb, mcrb) < 1e-10
    np.testing.assert_allclose(
        found.lower_bound, found.mcrb + np.outer(found.bias, found.bias), rtol=1e-12
    )
    np.testing.assert_allclose(found.lb_m, np.sqrt(np.trace(found.lower_bound[:3, :3])), rtol=1e-12)
    np.testing.assert_allclose(found.crb_m, np.sqrt(np.trace(found.crb[:3, :3])), rtol=1e-12)


def test_without_mismatch_all_bounds_are_the_crb(evidence):
    same = eqx.tree_at(
        lambda p: (p.freq_offset_hz, p.clock_bias_s),
        PROBLEM,
        tuple(jnp.asarray(np.full(8, x)) for x in (7e3, 1e-3)),
    )
    found = pace.position_bound(same)
    evidence(
        "methods.pace.positioning",
        "LB of one common offset of 7 kHz and 1 ms over the CRB, minus one",
        "a common offset is absorbed exactly",
        "closed form",
        achieved=max(abs(float(found.lb_m / found.crb_m) - 1), relative(found.mcrb, found.crb)),
        tolerance=1e-6,
    )
    plain = pace.position_bound(PROBLEM)
    moved = eqx.tree_at(
        lambda p: (p.freq_offset_hz, p.clock_bias_s),
        PROBLEM,
        (PROBLEM.freq_offset_hz + 5e3, PROBLEM.clock_bias_s - 3e-4),
    )
    np.testing.assert_allclose(
        pace.position_bound(moved).bias[:3], plain.bias[:3], atol=1e-5 * float(plain.crb_m) + 1e-6
    )


@pytest.mark.parametrize("beam", [PAB, VDB])
def test_figure_5_saturates_at_the_printed_errors(beam, evidence):
    scenes = [pace.default_scene(sat_power_w=float(w)) for w in watts(FIG5_DBM)]
    if beam is VDB:  # another beam would compile the batch anew
        problems = stacked([pace.position_problems(one, SYSTEM, beam) for one in scenes])
        every = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), problems)
        found = jax.tree.map(lambda x: x.reshape(5, 4, *x.shape[1:]), bounds_of(every))
    else:
        found = first(pace.position_errors(repeated(scenes), SYSTEM, beam), 5)
    assert np.all(found.is_local)
    crb, lb = rms(found.crb_m, axis=1), rms(found.lb_m, axis=1)
    printed = np.array(FIG5_M[beam])
    evidence(
        "methods.pace.batch",
        f"CRB and LB over five powers (Figure 5), {type(beam).__name__}, relative",
        "independent implementation, printed to 3 and 4 digits",
        "implementation",
        achieved=np.max(np.abs(np.stack([crb, lb]) / printed - 1)),
        tolerance=4e-3,  # half a unit of three digits
    )
    np.testing.assert_allclose(crb[:3] / crb[1:4], 10.0, rtol=1e-9)


def test_a_batch_gives_what_single_scenes_give():
    scenes = [pace.default_scene(sat_power_w=float(w)) for w in (0.1, 100.0, 1e4)]
    found = first(pace.position_errors(repeated(scenes), SYSTEM), 3)
    for i, power in enumerate((0.1, 100.0, 1e4)):
        one = pace.position_bound(
            pace.problem_of_user(pace.default_scene(sat_power_w=power), SYSTEM, 2)
        )
        np.testing.assert_allclose(found.lb_m[i, 2], one.lb_m, rtol=1e-9)
        np.testing.assert_allclose(found.bias_m[i, 2], one.bias[:3], atol=1e-6)
        np.testing.assert_allclose(found.mcrb_m[i, 2], one.mcrb_m, rtol=1e-9)


def test_figure_6_grows_as_printed(evidence):
    response = np.asarray(pace.offset_response(PROBLEM))[:3]
    per_ns = 1e-9 / np.sqrt(12) * np.linalg.norm(response[:, :, 1])
    per_step = 12.0 / np.sqrt(12) * np.linalg.norm(response[:, :, 0])  # 1e-4 of 120 kHz
    evidence(
        "methods.pace.positioning",
        "position error per ns of clock bias and 1e-4 of frequency offset, relative",
        "independent implementation, printed to 4 digits",
        "implementation",
        achieved=max(abs(per_ns / 0.3154 - 1), abs(per_step / 1.408 - 1)),
        tolerance=4e-4,
    )


@pytest.mark.parametrize(("max_clock_s", "max_freq_hz"), [(100e-9, 0.0), (0.0, 120.0)])
def test_drawn_offsets_scatter_as_the_response_says(max_clock_s, max_freq_hz):
    rng = np.random.default_rng(6)
    draws = 400
    freq = np.broadcast_to(rng.uniform(0, 1, (draws, 8, 1)) * max_freq_hz, (draws, 8, 4))
    clock = np.broadcast_to(rng.uniform(0, 1, (draws, 8, 1)) * max_clock_s, (draws, 8, 4))
    found = pace.position_errors(with_offsets(SCENE, freq, clock), SYSTEM)
    response = np.asarray(pace.offset_response(PROBLEM))[:3]
    expected = np.hypot(
        max_freq_hz * np.linalg.norm(response[:, :, 0]),
        max_clock_s * np.linalg.norm(response[:, :, 1]),
    ) / np.sqrt(12)
    assert abs(rms(np.linalg.norm(found.bias_m[:, 0], axis=1)) / expected - 1) < 0.10


def test_two_threads_give_the_same_to_the_last_bit_and_rounding_loses_no_draw():
    rng = np.random.default_rng(13)
    draws = study_size(1000, 4000)
    clock = np.broadcast_to(rng.uniform(0, 1e-7, (draws, 8, 1)), (draws, 8, 4))
    scenes = with_offsets(SCENE, 0.0 * clock, clock)
    one, two = (pace.position_errors(scenes, SYSTEM, threads=n) for n in (1, 2))
    assert np.all(one.is_local)
    assert np.array_equal(one.lb_m, two.lb_m)
    assert np.array_equal(one.bias_m, two.bias_m)


def test_microseconds_of_clock_bias_make_kilometers():
    # "3.1 km RMS at 10 us, 310 m at 1 us"
    rng = np.random.default_rng(7)
    unit = np.broadcast_to(rng.uniform(0, 1, (400, 8, 1)), (400, 8, 4))
    for max_clock_s, expected in ((1e-6, 310.0), (10e-6, 3100.0)):
        found = pace.position_errors(with_offsets(SCENE, 0.0 * unit, max_clock_s * unit), SYSTEM)
        assert np.mean(found.is_local) > 0.99
        error = rms(np.linalg.norm(found.bias_m[:, 0], axis=1)[found.is_local[:, 0]])
        assert abs(error / expected - 1) < 0.15


def test_knowing_the_spread_of_offsets_takes_most_of_the_bias(evidence):
    rng = np.random.default_rng(8)
    draws = study_size(100, 200)
    freq = np.broadcast_to(rng.uniform(1000, 1500, (draws, 8, 1)), (draws, 8, 4))
    clock = np.broadcast_to(rng.uniform(80e-9, 120e-9, (draws, 8, 1)), (draws, 8, 4))
    scenes = with_offsets(SCENE, freq, clock)

    @jax.jit
    @jax.vmap
    def problems_of(scene):
        problems = pace.position_problems(scene, SYSTEM)
        return problems, jax.vmap(
            lambda p: pace.weighted_for_offsets(p, 500 / np.sqrt(12), 40e-9 / np.sqrt(12))
        )(problems)

    def rms_bias(problems):
        every = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), problems)
        return rms(np.linalg.norm(bounds_of(every).bias[:, :3], axis=-1))

    plain, aware = (rms_bias(problems) for problems in problems_of(scenes))
    # Printed: 57 m to 17 m over 200 draws.
    evidence(
        "methods.pace.position_problem",
        "RMS bias over 200 draws, plain and aware of the spread, relative",
        "independent implementation, printed: 57 and 17 m",
        "implementation",
        achieved=max(abs(plain / 57 - 1), abs(aware / 17 - 1)),
        tolerance=0.10,
    )


def test_turning_the_world_and_reordering_satellites_change_nothing():
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    order = np.array([3, 1, 7, 0, 2, 6, 5, 4])
    other = pace.pace_scene(
        sat_pos_m=(SCENE.sat_pos_m @ turn.T)[order],
        sat_vel_mps=(SCENE.sat_vel_mps @ turn.T)[order],
        user_pos_m=SCENE.user_pos_m @ turn.T,
        clock_bias_s=SCENE.clock_bias_s[order],
        freq_offset_hz=SCENE.freq_offset_hz[order],
    )
    before = pace.position_bound(PROBLEM)
    after = pace.position_bound(pace.problem_of_user(other, SYSTEM, 0))
    np.testing.assert_allclose(after.crb_m, before.crb_m, rtol=1e-8)
    np.testing.assert_allclose(after.bias[:3], turn @ np.asarray(before.bias[:3]), atol=1e-5)


@pytest.mark.parametrize("power_dbm", [-10.0, 10.0, 50.0])
def test_the_mismatched_estimator_meets_its_bound(power_dbm, evidence):
    scene = pace.default_scene(sat_power_w=float(watts(power_dbm)))
    problem = pace.problem_of_user(scene, SYSTEM, 0)
    trials = study_size(1000, 3000)
    sigma = np.sqrt(np.diagonal(np.asarray(problem.covariance), axis1=1, axis2=2))
    noise = np.random.default_rng(9).normal(size=(trials, 8, 2)) * sigma
    measured = jnp.asarray(np.asarray(pace.true_mean(problem)) + noise)
    fits = fits_of(problem, measured)
    assert bool(jnp.all(fits.status == Status.converged))
    error = np.linalg.norm(fits.solution[:, :3] - problem.user_pos_m[None], axis=1)
    ratio = rms(error) / float(pace.position_bound(problem).lb_m)
    evidence(
        "methods.pace.position_search",
        f"RMSE of the mismatched estimator over LB at {power_dbm:.0f} dBm, minus one",
        "draws of the estimator",
        "monte carlo",
        achieved=abs(ratio - 1),
        tolerance=0.03 if trials == 3000 else 0.06,
    )


def test_scatter_about_the_pseudo_true_point_is_the_mcrb():
    problem = pace.problem_of_user(pace.default_scene(sat_power_w=1e-3), SYSTEM, 0)
    bound = pace.position_bound(problem)
    trials = study_size(1000, 3000)
    sigma = np.sqrt(np.diagonal(np.asarray(problem.covariance), axis1=1, axis2=2))
    noise = np.random.default_rng(10).normal(size=(trials, 8, 2)) * sigma
    measured = jnp.asarray(np.asarray(pace.true_mean(problem)) + noise)
    found = fits_of(problem, measured).solution
    off = np.asarray(found - bound.pseudo_true[None])
    size = np.sqrt(np.diag(bound.mcrb))
    whitened = (off / size) @ np.linalg.inv(np.linalg.cholesky(scaled(bound.mcrb))).T
    # Mean chi-square of five degrees; 1000 trials leave a standard deviation of 0.1.
    assert abs(np.mean(np.sum(whitened**2, axis=1)) - 5.0) < 0.4


def test_two_satellites_are_refused():
    two = pace.pace_scene(
        sat_pos_m=SCENE.sat_pos_m[:2],
        sat_vel_mps=SCENE.sat_vel_mps[:2],
        user_pos_m=SCENE.user_pos_m,
    )
    with pytest.raises(LeopntError, match=r"need 2\*S >= 5 measurements"):
        pace.problem_of_user(two, SYSTEM, 0)
    with pytest.raises(LeopntError, match="2 satellites; need"):
        pace.position_errors(stacked([two]), SYSTEM)


@pytest.mark.parametrize("repeat", [[0, 0, 0, 0], [0, 1, 1, 0]])
def test_coincident_satellites_are_refused_with_their_condition(repeat):
    scene = pace.pace_scene(
        sat_pos_m=SCENE.sat_pos_m[np.array(repeat)],
        sat_vel_mps=SCENE.sat_vel_mps[np.array(repeat)],
        user_pos_m=SCENE.user_pos_m,
    )
    with pytest.raises(LeopntError, match=r"the geometry is singular.*condition number"):
        pace.problem_of_user(scene, SYSTEM, 0)


def test_three_satellites_at_rest_are_refused():
    # Delays of eight would still do: position and clock from them, frequency from any Doppler.
    three = jax.tree.map(lambda x: x[:3] if x.shape[:1] == (8,) else x, PROBLEM)
    assert pace.condition_number(three) < 1e6
    still = eqx.tree_at(lambda p: p.sat_vel_mps, three, jnp.zeros((3, 3)))
    with pytest.raises(LeopntError, match="the geometry is singular"):
        pace.position_bound(still)


def test_a_mismatch_too_large_gives_no_number():
    rng = np.random.default_rng(11)
    draws = jnp.asarray(rng.uniform(0, 3e-2, (study_size(100, 800), 8)))
    many = jax.vmap(lambda c: eqx.tree_at(lambda p: p.clock_bias_s, PROBLEM, c))(draws)
    found = bounds_of(many)
    assert np.mean(found.is_local) < 0.2
    assert np.all(np.isnan(found.lb_m) == ~np.asarray(found.is_local))
    wild = jax.tree.map(lambda x: x[int(np.argmin(found.is_local))], many)
    with pytest.raises(LeopntError, match="mismatch too large for a local bound"):
        pace.position_bound(wild)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("sat_pos_m", np.full((8, 3), np.nan), "sat_pos_m holds NaN"),
        ("user_pos_m", np.ones(3, np.float32), "user_pos_m has type float32"),
        ("clock_bias_s", np.zeros(7), r"clock_bias_s has shape \(7,\); accepted: a row for each"),
        ("sat_vel_mps", np.zeros((7, 3)), r"sat_vel_mps has shape \(7, 3\)"),
        ("weight", np.zeros((8, 2, 2)), r"weight\[0\] = .*: expected a positive definite matrix"),
        ("covariance", np.full((8, 2, 2), 2.0), r"covariance\[0\] = .*positive definite"),
    ],
)
def test_a_problem_that_makes_no_sense_is_refused(untyped, field, value, words):
    bad = eqx.tree_at(lambda p: getattr(p, field), PROBLEM, jnp.asarray(value))
    with pytest.raises(LeopntError, match=words):
        pace.position_bound(bad)


def test_a_user_that_is_not_there_is_refused():
    with pytest.raises(LeopntError, match="user = 4: expected 0 to 3"):
        pace.problem_of_user(SCENE, SYSTEM, 4)
