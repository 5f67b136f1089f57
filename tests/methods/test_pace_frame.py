"""A frame of PACE end to end, at reduced size: fixes, estimates and rates against their bounds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from study_sizes import study_size

from leopnt.antennas.steering import UniformPlanarArray
from leopnt.errors import LeopntError
from leopnt.inference.status import Status
from leopnt.methods import pace
from leopnt.signals import OfdmGrid

DEFAULT = pace.default_scene(user_power_w=10.0)
SCENE = pace.with_random_phases(jax.random.key(7), DEFAULT)
SYSTEM = pace.PaceSystem(
    downlink=OfdmGrid(64, 120e3, 800),
    uplink=OfdmGrid(64, 120e3, 400),
    array=UniformPlanarArray(4, 4),
)
PLAN = pace.FramePlan(num_subframe=2, subframe_s=5.0, blocks=pace.PilotBlocks(10, 4))
OFF_M = np.array([60.0, -80.0, 30.0])
BELIEVED = SCENE.user_pos_m + OFF_M[None, :]


def rms(values):
    return float(np.sqrt(np.mean(np.asarray(values) ** 2)))


@pytest.fixture(scope="module")
def frames():
    """Two frames of two subframes."""
    return pace.simulate_frames(jax.random.key(0), SCENE, SYSTEM, BELIEVED, 2, PLAN)


def test_circular_arcs_keep_height_and_speed_and_drift_as_the_closed_form_says(evidence):
    later = pace.circular_arcs(DEFAULT, 37.0)
    for moved, start in ((later.sat_pos_m, DEFAULT.sat_pos_m), (later.sat_vel_mps, None)):
        size = np.linalg.norm(moved, axis=1)
        expected = np.linalg.norm(DEFAULT.sat_vel_mps if start is None else start, axis=1)
        np.testing.assert_allclose(size, expected, rtol=1e-12)
    around_s = 2 * np.pi * 6900e3 / 7600.0
    np.testing.assert_allclose(
        pace.circular_arcs(DEFAULT, around_s).sat_pos_m, DEFAULT.sat_pos_m, atol=1e-6
    )
    step_s = 0.01
    ahead, behind = (
        pace.links_of(pace.circular_arcs(DEFAULT, t), SYSTEM).doppler_hz for t in (step_s, -step_s)
    )
    rates = pace.doppler_rates_hzps(DEFAULT, SYSTEM)
    evidence(
        "methods.pace.motion",
        "Doppler rate of satellites on arcs [Hz/s]",
        "closed form of the rate",
        "closed form",
        achieved=np.max(np.abs((ahead - behind) / (2 * step_s) - rates)),
        tolerance=1e-3,
        unit="Hz/s",
    )


def test_fixes_without_mismatch_scatter_as_the_bound_says(evidence):
    scene = eqx.tree_at(
        lambda s: (s.freq_offset_hz, s.clock_bias_s, s.sat_power_w),
        SCENE,
        # NumPy's floats: those of Python are weakly typed, and would compile everything anew.
        tuple(
            jnp.asarray(x) for x in (np.full((8, 4), 900.0), np.full((8, 4), 2e-8), np.float64(1e3))
        ),
    )
    draws = study_size(40, 300)
    parts = [
        pace.fix_positions(key, scene, SYSTEM, scene.user_pos_m, PLAN)
        for key in jax.random.split(jax.random.key(3), draws)
    ]
    assert all(bool(jnp.all(one.status == Status.converged)) for one in parts)
    position = np.mean([one.error_m**2 / one.crb_m**2 for one in parts]) ** 0.5
    doppler = np.mean([one.doppler_error_hz**2 / one.doppler_crb_hz**2 for one in parts]) ** 0.5
    delay = np.mean([one.delay_error_s**2 / one.delay_crb_s**2 for one in parts]) ** 0.5
    # 160 fixes of about two significant components, 1280 links; blocks cost up to 3 %.
    evidence(
        "methods.pace.frame",
        "RMSE of fixes, Doppler and delay over bounds, minus one",
        "CRB",
        "monte carlo",
        achieved=max(abs(one - 1) for one in (position, doppler, delay)),
        tolerance=0.15 if draws == 40 else 0.08,
    )
    np.testing.assert_allclose(parts[0].lb_m, parts[0].crb_m, rtol=1e-6)


def test_offsets_of_satellites_bias_the_fix_as_their_bound_says(frames):
    found = frames.downlink
    assert bool(jnp.all(found.status == Status.converged))
    # The bias, tens of meters, is far above the noise.
    assert rms(found.crb_m) < 0.1 * rms(found.bias_m)
    np.testing.assert_allclose(found.error_m, found.lb_m, atol=5.0 * float(jnp.max(found.crb_m)))
    spread = eqx.tree_at(lambda s: s.user_pos_m, SCENE, BELIEVED).user_pos_m
    aware = pace.FramePlan(
        blocks=PLAN.blocks, freq_offset_std_hz=500 / 12**0.5, clock_bias_std_s=40e-9 / 12**0.5
    )
    less = pace.fix_positions(jax.random.key(1), SCENE, SYSTEM, spread, aware)
    assert rms(less.error_m) < 0.6 * rms(found.error_m[0])


def test_channel_estimates_of_a_frame_meet_their_bounds(frames):
    ratios = []
    for kind in ("pace", "perfect_pace"):
        errors = getattr(frames.uplink, kind)
        assert bool(jnp.all(errors.converged))
        ratios += [rms(errors.vector_error) / rms(errors.vector_lb)]
        ratios += [rms(errors.toa_error_s / errors.toa_lb_s)]
    free = frames.uplink.uce
    ratios += [rms(free.vector_error) / rms(free.vector_lb)]
    # 128 links: the RMS of a real error scatters by 6 %.
    assert max(abs(one - 1) for one in ratios) <= 0.2


def test_rates_are_those_of_the_beams_on_the_true_channel(frames):
    rates = frames.uplink.rates
    assert rates.pace_bps.shape == frames.time_s.shape == (2, 2)
    np.testing.assert_allclose(frames.time_s, [[0.0, 5.0], [10.0, 15.0]])
    for other in ("pace_bps", "perfect_pace_bps", "uce_bps", "equal_gain_bps"):
        assert bool(jnp.all(getattr(rates, other) <= 1.001 * rates.perfect_bps))
    # Noise-limited users gain from what is known of the array.
    assert bool(jnp.all(rates.pace_bps > rates.uce_bps))
    later = pace.circular_arcs(SCENE, 15.0)
    links = pace.links_of(later, SYSTEM)
    steering = jax.vmap(jax.vmap(SYSTEM.array.steering))(links.az_rad, links.el_rad)
    channels = links.channel_gain[..., None] * steering
    beams = pace.wmmse_batch(channels, 100.0 / 8, SYSTEM.noise_w).beams
    direct = pace.network_rate(channels, jnp.asarray(beams), SYSTEM.noise_w, 64, 120e3)
    np.testing.assert_allclose(rates.perfect_bps[1, 1], direct.total_bps, rtol=1e-6)


def test_frames_start_from_the_fix_before(frames):
    again = pace.simulate_frame(
        jax.random.split(jax.random.key(0), 2)[1],
        SCENE,
        SYSTEM,
        frames.downlink.position_m[0],
        PLAN,
        start_s=10.0,
    )
    np.testing.assert_allclose(again.downlink.position_m, frames.downlink.position_m[1])


def test_plans_and_positions_that_make_no_sense_are_refused(untyped):
    with pytest.raises(LeopntError, match="subframe_s = -1"):
        pace.FramePlan(subframe_s=-1.0)
    with pytest.raises(LeopntError, match="num_subframe"):
        pace.FramePlan(num_subframe=0)
    with pytest.raises(LeopntError, match=r"believed_pos_m has shape \(3, 3\)"):
        pace.simulate_frame(jax.random.key(0), SCENE, SYSTEM, jnp.zeros((3, 3)), PLAN)
    with pytest.raises(LeopntError, match="num_frame"):
        pace.simulate_frames(jax.random.key(0), SCENE, SYSTEM, BELIEVED, 0, PLAN)
    two = jax.tree.map(lambda x: x[:2] if x.ndim and x.shape[0] == 8 else x, SCENE)
    with pytest.raises(LeopntError, match="need 2\\*S >= 5 measurements"):
        pace.simulate_frame(jax.random.key(0), two, SYSTEM, BELIEVED, PLAN)
