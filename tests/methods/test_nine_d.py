"""9D bounds against numbers of 50-digit arithmetic, autodiff, dense formulas and invariances."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from nine_d_worked_case import (
    ANTENNAS_M,
    EFIM_EULER,
    EFIM_POSITION,
    EFIM_VELOCITY,
    JEEE_POSITION,
    SIGMA_9D_EULER,
    SIGMA_ALONE,
    SIGMA_EULER_ALONE,
    SIGMA_FREQ_OFFSET_HZ,
    SIGMA_TIME_OFFSET_S,
    worked_case,
)
from study_sizes import study_size

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.frames.attitude import vector_from_rotation
from leopnt.inference import fisher_information, simulate
from leopnt.inference.batch import batch_map
from leopnt.inference.least_squares import GaussNewton, solve
from leopnt.inference.model import Data
from leopnt.methods import nine_d
from leopnt.methods.nine_d import (
    BOTH_OFFSETS,
    LOCATION,
    MODEL,
    ClockDrift,
    CommonTimeOffset,
    DopplerRate,
    FrequencyOffset,
    PhaseOfAntenna,
    PhaseOfSlot,
    PhaseOfTrack,
    TimeOffset,
)

P, R, V = LOCATION
FREE = ("rx_pos_m", "rotation", "rx_vel_mps", "time_offset_s", "freq_offset_hz")


def relative(found, expected):
    """Largest deviation relative to sqrt(J_ii J_jj)."""
    size = np.sqrt(np.diag(expected))
    return np.max(np.abs(np.asarray(found) - expected) / np.outer(size, size))


def rss(covariance):
    return float(np.sqrt(np.trace(np.asarray(covariance))))


def euler_efim(scene):
    turn = nine_d.euler_matrix(scene)
    return turn.T @ np.asarray(nine_d.efim(scene)) @ turn


def test_delays_and_dopplers_of_the_worked_case():
    seen = nine_d.observed(worked_case())
    np.testing.assert_allclose(seen.delay_s[0, 0, 0], 0.006485165564067, rtol=1e-13)
    np.testing.assert_allclose(seen.doppler[0, 0], -3.8940034138788e-06, rtol=1e-12)
    np.testing.assert_allclose(seen.omega_hz2[0, 0], 1.0100077880220e18, rtol=1e-12)
    np.testing.assert_allclose(seen.observed_hz[0, 0], 1000003894.003, rtol=1e-12)


def test_information_of_the_worked_case(evidence):
    found = euler_efim(worked_case())
    blocks = [(found[i : i + 3, i : i + 3], e) for i, e in
              ((0, EFIM_POSITION), (3, EFIM_EULER), (6, EFIM_VELOCITY))]  # fmt: skip
    evidence(
        "methods.nine_d.bounds",
        "EFIM blocks of the worked case, relative to sqrt(J_ii J_jj)",
        "50-digit arithmetic",
        "implementation",
        achieved=max(relative(block, expected) for block, expected in blocks),
        tolerance=1e-8,
    )
    found = nine_d.information(worked_case()).efim(P)
    evidence(
        "methods.nine_d.bounds",
        "information on position with all else unknown, worked case, relative",
        "50-digit arithmetic",
        "implementation",
        achieved=relative(found, JEEE_POSITION),
        tolerance=1e-6,
    )


def test_deviations_of_the_worked_case(evidence):
    scene = worked_case()
    information = nine_d.information(scene)
    worst = 0.0
    for name, expected in SIGMA_ALONE.items():
        known = tuple(other for other in LOCATION if other != name)
        sigma = information.sigma(name, known)
        worst = max(worst, np.max(np.abs(np.asarray(sigma) / expected - 1)))
    back = np.linalg.inv(nine_d.euler_matrix(scene))
    whole = back @ np.asarray(information.crb(LOCATION)) @ back.T
    worst = max(worst, np.max(np.abs(np.sqrt(np.diag(whole)) / SIGMA_9D_EULER - 1)))
    alone = back[3:6, 3:6] @ np.asarray(information.crb(R, (P, V))) @ back[3:6, 3:6].T
    worst = max(worst, np.max(np.abs(np.sqrt(np.diag(alone)) / SIGMA_EULER_ALONE - 1)))
    for name, expected in (
        ("time_offset_s", SIGMA_TIME_OFFSET_S),
        ("freq_offset_hz", SIGMA_FREQ_OFFSET_HZ),
    ):
        worst = max(worst, np.max(np.abs(np.asarray(information.sigma(name)) / expected - 1)))
    evidence(
        "methods.nine_d.bounds",
        "CRB standard deviations of the worked case, offsets included, relative",
        "50-digit arithmetic",
        "implementation",
        achieved=worst,
        tolerance=1e-6,
    )


# p alone, v alone, p with v unknown, and of all nine: p, Euler angles, v.
VARIANTS = [
    ("no offsets", (), (0.033856, 0.026365, 0.053255, 0.053255, 0.19981, 0.041469)),
    (
        "frequency offset",
        (FrequencyOffset(),),
        (0.033856, 0.026365, 0.053255, 0.053255, 0.19981, 0.041469),
    ),
    ("time offset", (TimeOffset(),), (28.754, 0.041741, 14190, 14219, 0.19990, 65.717)),
    ("both", BOTH_OFFSETS, (28.754, 0.041741, 14193, 14222.5, 0.19990, 65.732)),
    (
        "both, phase of the track",
        (*BOTH_OFFSETS, PhaseOfTrack()),
        (28.754, 0.041741, 14193, 14222.5, 0.19990, 65.732),
    ),
    (
        "both, phase of the slot",
        (*BOTH_OFFSETS, PhaseOfSlot()),
        (288.97, 0.41949, 1.1333e5, 1.3191e5, 0.20776, 609.4),
    ),
    (
        "both, phase of the antenna",
        (*BOTH_OFFSETS, PhaseOfAntenna()),
        (288.97, 0.41949, 1.4194e5, 1.4224e5, 2.0090, 657.4),
    ),
]


@pytest.mark.parametrize(("label", "nuisances", "expected"), VARIANTS)
def test_what_each_ingredient_costs(label, nuisances, expected, evidence):
    scene = worked_case()
    information = nine_d.information(scene, nuisances)
    back = np.linalg.inv(nine_d.euler_matrix(scene))
    whole = back @ np.asarray(information.crb(LOCATION)) @ back.T
    found = [
        rss(information.crb(P, (R, V))),
        rss(information.crb(V, (P, R))),
        rss(information.crb(P, (R,))),
        *(rss(whole[i : i + 3, i : i + 3]) for i in (0, 3, 6)),
    ]
    # Printed to 4 or 5 digits.
    evidence(
        "methods.nine_d.nuisances",
        f"deviations of the worked case, {label}, relative",
        "independent implementation, printed to 4 to 6 digits",
        "implementation",
        achieved=max(abs(a / b - 1) for a, b in zip(found, expected, strict=True)),
        tolerance=1e-4,
    )


def test_closed_form_and_autodiff_agree(evidence):
    scene = worked_case(snr_linear=np.arange(1.0, 37.0).reshape(3, 3, 4), freq_offset_hz=250.0)
    truth, links, shared = nine_d.problem_of(scene)
    closed = np.asarray(nine_d.information(scene).matrix)
    auto = np.asarray(fisher_information(MODEL, truth, links, FREE, shared=shared).matrix)
    evidence(
        "methods.nine_d.closed_form",
        "Fisher information in closed form, relative to sqrt(J_ii J_jj)",
        "automatic differentiation of the model",
        "implementation",
        achieved=relative(auto, closed),
        tolerance=1e-10,
    )
    observed = nine_d.observed(scene)
    predicted = jax.vmap(lambda link: MODEL.predict_link(truth, shared, link))(links)
    delays = np.asarray(predicted[:, :4]).reshape(3, 3, 4)
    np.testing.assert_allclose(delays, observed.delay_s, rtol=1e-14)


def test_dense_channel_information_leads_to_the_same_bound(evidence):
    scene = worked_case()
    expected = np.asarray(nine_d.efim(scene))
    for gain in (nine_d.GainOfAntenna(), nine_d.GainOfSlot(), nine_d.GainOfSatellite()):
        channel = nine_d.channel_fim(scene, gain=gain, beta=0.3)
        upsilon = nine_d.location_jacobian(scene, channel)
        whole = np.asarray(jnp.einsum("bij,bjk,blk->bil", upsilon, channel.blocks, upsilon))
        found = whole[:, :9, :9].sum(axis=0)
        for block in whole:
            nuisance, cross = block[9:, 9:], block[:9, 9:]
            scale = np.sqrt(np.diag(nuisance))
            scaled = np.linalg.solve(nuisance / np.outer(scale, scale), (cross / scale).T)
            found = found - (cross / scale) @ scaled
        evidence(
            "methods.nine_d.channel_fim",
            f"EFIM by the Schur complement of the channel FIM, {type(gain).__name__}",
            "rows with offsets eliminated, relative to sqrt(J_ii J_jj)",
            "implementation",
            achieved=relative(found, expected),
            tolerance=1e-7,  # F is 1e7 times the EFIM: what the subtraction loses
        )
    loss = nine_d.losses(scene)
    assert relative(loss.fim - loss.time - loss.frequency, expected) < 1e-7
    none = nine_d.information(scene, ()).efim(LOCATION)
    assert relative(loss.fim, np.asarray(none)) < 1e-12


@pytest.mark.parametrize(
    ("slot_length_s", "too_small", "digit"),
    [(0.01, 5.5e-4, 5e-6), (0.1, 0.05, 5e-4), (1.0, 0.475, 5e-4)],
)
def test_without_the_motion_in_its_doppler_the_bound_is_too_small(slot_length_s, too_small, digit):
    # d nu/dv = D/c + T g: the paper leaves T g out. Printed shares of another implementation.
    scene = worked_case(mean_square_time_s2=slot_length_s**2 / 12)
    exact = nine_d.derivatives(scene)
    motion = scene.slot_time_s[None, :, None] * exact.doppler[..., :3]
    rows = nine_d.Derivatives(exact.delay, exact.doppler.at[..., 6:].add(-motion))
    printed, found = (
        rss(nine_d.information(scene, rows=r).crb(LOCATION)[:3, :3]) for r in (rows, exact)
    )
    np.testing.assert_allclose(1 - printed / found, too_small, atol=digit)


def waveform_fim(time_s, envelope, carrier_hz, delay_s, doppler, n0):
    """Fisher matrix of (tau, nu, delta, eps) from samples of a real passband signal, by central
    differences of the waveform: white noise of two-sided density N0/2.
    """
    step = time_s[1] - time_s[0]

    def signal(tau, nu, delta, eps):
        t = time_s - tau + delta
        f = carrier_hz * (1 - nu) + eps
        return np.interp(t, time_s, envelope) * np.sqrt(2) * np.cos(2 * np.pi * f * t)

    at = np.array([delay_s, doppler, 0.0, 0.0])
    steps = np.array([1e-12, 1e-9, 1e-12, 1e-9 * carrier_hz])
    columns = []
    for i, h in enumerate(steps):
        forward, back = at.copy(), at.copy()
        forward[i], back[i] = at[i] + h, at[i] - h
        columns.append((signal(*forward) - signal(*back)) / (2 * h))
    jacobian = np.stack(columns)
    return 2.0 / n0 * jacobian @ jacobian.T * step


def test_the_channel_information_is_that_of_a_sampled_waveform(evidence):
    # A Gaussian envelope: sigma_t gives alpha_1 = 1/(4 pi sigma_t) and t2 = sigma_t^2, all about
    # its middle; f_c tau and nu are small so that time counts from the middle.
    carrier_hz, sigma_t, n0 = 40e6, 2e-6, 1e-9
    time = np.arange(-16e-6, 16e-6, 1e-9)
    envelope = np.exp(-(time**2) / (4 * sigma_t**2))
    found = waveform_fim(time, envelope, carrier_hz, 0.0, 0.0, n0)
    energy = np.sum(envelope**2) * 1e-9
    scene = worked_case(
        snr_linear=8 * np.pi**2 * energy / n0,
        carrier_hz=carrier_hz,
        bandwidth_hz=1 / (4 * np.pi * sigma_t),
        mean_square_time_s2=sigma_t**2,
        antennas_body_m=[(0.0, 0.0, 0.0)],
    )
    # The worked case moves: take the waveform at rest, so only scale omega to f_o = f_c.
    omega = carrier_hz**2 + (1 / (4 * np.pi * sigma_t)) ** 2
    channel = np.asarray(nine_d.channel_fim(scene).blocks[0])
    ours_tau = channel[0, 0] / nine_d.observed(scene).omega_hz2[0, 0] * omega
    keep = [3, 3 + 3 + 3 + 1]  # nu of the first slot; eps
    ours = channel[np.ix_(keep, keep)]
    evidence(
        "methods.nine_d.channel_fim",
        "(tau,tau), (nu,nu) and (nu,eps) of one slot, relative",
        "samples of a passband waveform, numerical derivatives",
        "implementation",
        achieved=max(
            abs(found[0, 0] / ours_tau - 1),
            abs(found[1, 1] / ours[0, 0] - 1),
            abs(found[1, 3] / ours[0, 1] - 1),
        ),
        tolerance=2e-3,
    )


def test_bounds_scale_with_the_root_of_snr():
    weak, strong = (nine_d.information(worked_case(snr_linear=x)) for x in (1.0, 1e4))
    ratio = np.asarray(weak.sigma(P)) / np.asarray(strong.sigma(P))
    np.testing.assert_allclose(ratio, 100.0, rtol=1e-7)


def turned(scene, rotation):
    """The whole scene turned in space."""
    changes = {
        name: getattr(scene, name) @ rotation.T
        for name in ("sat_pos_m", "sat_vel_mps", "rx_pos_m", "rx_vel_mps")
    }
    changes["rotation"] = rotation @ scene.rotation
    names = list(changes)
    return eqx.tree_at(lambda s: [getattr(s, n) for n in names], scene, list(changes.values()))


def test_turning_the_world_turns_the_bound_and_nothing_else():
    scene = worked_case()
    axis = jnp.array([0.3, -1.1, 0.7])
    from leopnt.frames.attitude import rotation_from_vector

    rotation = rotation_from_vector(axis)
    before = np.asarray(nine_d.information(scene).crb(P))
    after = np.asarray(nine_d.information(turned(scene, rotation)).crb(P))
    turn = np.asarray(rotation)
    np.testing.assert_allclose(after, turn @ before @ turn.T, rtol=1e-5, atol=1e-6 * before.max())


def test_a_blocked_satellite_is_as_if_it_were_not_there(evidence):
    snr = np.full((3, 3, 4), 100.0)
    snr[2] = 0.0
    pos, vel = (np.array(getattr(worked_case(), n)) for n in ("sat_pos_m", "sat_vel_mps"))
    blocked = nine_d.efim(worked_case(snr_linear=snr))
    absent = nine_d.efim(worked_case(sat_pos_m=pos[:2], sat_vel_mps=vel[:2]))
    evidence(
        "methods.nine_d.scene",
        "EFIM with a blocked satellite, relative to sqrt(J_ii J_jj)",
        "the scene without it",
        "invariance",
        achieved=relative(blocked, np.asarray(absent)),
        tolerance=1e-9,
    )


def test_synchronized_satellites_tell_more_and_drift_costs():
    scene = worked_case()
    common = rss(nine_d.information(scene, (CommonTimeOffset(), FrequencyOffset())).crb(P))
    each = rss(nine_d.information(scene).crb(P))
    assert common < 0.1 * each
    # One oscillator for delay and Doppler is at most as many unknowns as offset plus rate.
    tied = rss(nine_d.information(scene, (TimeOffset(), ClockDrift())).crb(P))
    both = (TimeOffset(), ClockDrift(), FrequencyOffset())
    assert tied <= rss(nine_d.information(scene, both).crb(P))
    worse = rss(nine_d.information(scene, (*BOTH_OFFSETS, DopplerRate())).crb(P))
    assert worse > each * (1 - 1e-9)


def test_prior_knowledge_adds_information():
    scene = worked_case()
    information = nine_d.information(scene)
    known = information.with_prior(P, np.eye(3) / 10.0**2)
    expected = np.linalg.inv(np.asarray(information.efim(P)) + np.eye(3) / 100.0)
    np.testing.assert_allclose(known.crb(P), expected, rtol=1e-6, atol=1e-9)
    clocks = information.with_prior("time_offset_s", np.eye(3) / 1e-15**2)
    without = nine_d.information(scene, (FrequencyOffset(),))
    np.testing.assert_allclose(clocks.crb(P), without.crb(P), rtol=1e-3, atol=1e-6)
    with pytest.raises(LeopntError, match=r"accepted: symmetric, \(3, 3\)"):
        information.with_prior(P, np.eye(2))
    with pytest.raises(LeopntError, match="negative eigenvalue"):
        information.with_prior(P, -np.eye(3))


def test_many_scenes_at_once_are_bounded_as_one_by_one(evidence):
    rng = np.random.default_rng(0)
    pos_m = np.array(worked_case().sat_pos_m)
    scenes = [worked_case(sat_pos_m=pos_m + 1e5 * rng.normal(size=(3, 3, 3))) for _ in range(7)]
    batch = jax.tree.map(lambda *leaves: np.stack([np.asarray(x) for x in leaves]), *scenes)
    found = nine_d.location_bounds(batch, tile=4)
    expected = [nine_d.information(scene).crb(LOCATION) for scene in scenes]
    evidence(
        "methods.nine_d.batch",
        "bounds of many scenes at once, relative to sqrt(C_ii C_jj)",
        "one by one, nuisances eliminated by reflections",
        "implementation",
        achieved=max(relative(a, np.asarray(b)) for a, b in zip(found.crb, expected, strict=True)),
        tolerance=1e-6,
    )


def test_one_slot_tells_no_velocity_and_one_antenna_no_rotation():
    scene = worked_case()
    pos, vel = np.array(scene.sat_pos_m), np.array(scene.sat_vel_mps)
    one_slot = nine_d.location_bound(worked_case(sat_pos_m=pos[:, :1], sat_vel_mps=vel[:, :1]))
    assert np.all(np.isnan(one_slot.crb))
    assert np.all(np.asarray(one_slot.efim)[6:, 6:] == 0.0)
    one_antenna = nine_d.information(worked_case(antennas_body_m=[(0.0, 0.0, 0.0)]))
    assert np.all(np.isnan(one_antenna.crb(R)))
    assert np.all(np.isfinite(one_antenna.crb(P, (R, V))))


def trial(index, problem):
    """Error of a maximum-likelihood estimate of all nine and the offsets."""
    truth, links, shared = problem
    measured = simulate(MODEL, truth, links, jax.random.fold_in(jax.random.key(5), index), shared)
    data = Data(links, measured, None, shared)
    found = solve(MODEL, truth, data, FREE, solver=GaussNewton())
    turn = vector_from_rotation(found.theta.rotation @ truth.rotation.T)
    parts = [found.theta.rx_pos_m - truth.rx_pos_m, turn, found.theta.rx_vel_mps - truth.rx_vel_mps]
    return jnp.concatenate(parts), found.converged


@pytest.mark.study
def test_maximum_likelihood_reaches_the_bound_at_40_db(evidence):
    scene = worked_case(snr_linear=None, snr_db=40.0)
    trials = study_size(6000, 40_000)
    problem = nine_d.problem_of(scene)
    error, converged = batch_map(trial, np.arange(trials), shared=problem, tile=250, threads=1)
    assert converged.all()
    bound = np.asarray(nine_d.information(scene).crb(LOCATION))
    for name, i in (("position", 0), ("rotation", 3), ("velocity", 6)):
        part = slice(i, i + 3)
        ratio = np.sqrt(np.mean(np.sum(error[:, part] ** 2, axis=1)) / np.trace(bound[part, part]))
        # The worst of three correlated components: 1/sqrt(2 n) is 0.9 % at 6000 trials.
        evidence(
            "methods.nine_d.model",
            f"RMS error of maximum likelihood over the 9D bound at 40 dB, {name}",
            "Cramer-Rao bound",
            "monte carlo",
            achieved=abs(ratio - 1),
            tolerance=0.03,
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sat_pos_m": np.zeros((3, 3))}, r"sat_pos_m has shape \(3, 3\); accepted: \(sat, sl"),
        ({"sat_vel_mps": np.zeros((3, 2, 3))}, r"shape \(3, 2, 3\); accepted: \(3, 3, 3\)"),
        ({"sat_pos_m": np.full((3, 3, 3), np.nan)}, "sat_pos_m holds NaN or infinity"),
        ({"snr_linear": -1.0}, "snr_linear = -1: expected 0 or more"),
        ({"snr_linear": None}, "give one of snr_linear and snr_db"),
        ({"snr_db": 20.0}, "give one of snr_linear and snr_db"),
        ({"mean_square_time_s2": -1e-6}, "mean_square_time_s2 = -1e-06: expected 0 or more"),
        ({"bandwidth_hz": -5.0}, "bandwidth_hz = -5: expected 0 or more"),
        ({"slot_spacing_s": -1.0}, "slot_spacing_s = -1: expected 0 or more"),
        ({"correlation": 1.5}, "correlation = 1.5: expected -1 to 1"),
        ({"antennas_body_m": np.array(ANTENNAS_M) + 0.1}, "their mean is .* not zero; subtract it"),
        ({"rotation": np.eye(3)}, "give one of yaw_pitch_roll_rad and rotation"),
        ({"rotation": 2 * np.eye(3), "yaw_pitch_roll_rad": None}, "no rotation matrix"),
        ({"sat_pos_m": np.full((3, 3, 3), 20.0), "rx_pos_m": [20, 20, 20], "rx_vel_mps": [0, 0, 0]},
         "closer than its antennas' extent"),
        ({"snr_linear": "strong"}, "expected an array of numbers"),
    ],
)  # fmt: skip
def test_a_scene_that_cannot_be_is_refused_by_name(changes, message):
    with pytest.raises(LeopntError, match=message):
        worked_case(**changes)


def test_doubtful_scenes_are_warned_about():
    with pytest.warns(LeopntWarning, match="slots overlap"):
        worked_case(mean_square_time_s2=None, slot_length_s=2.0)
    with pytest.warns(LeopntWarning, match="slot_spacing_s = 0"):
        worked_case(slot_spacing_s=0.0)
