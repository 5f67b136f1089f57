"""The 9D estimator for users: from measured delays and Dopplers to a pose, with nothing known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from nine_d_worked_case import worked_case

from leopnt.errors import LeopntError
from leopnt.frames.attitude import rotation_from_vector, vector_from_rotation
from leopnt.inference.status import Status
from leopnt.methods import nine_d
from leopnt.methods.nine_d import LOCATION, Measured, estimate, simulate_measured

DELTA_S = np.array([1e-5, -2e-4, 3e-6])
EPS_HZ = np.array([120.0, -800.0, 35.0])


def guess(scene, away_m=10e3, turned_rad=0.3, faster_mps=30.0):
    """The scene with another pose of the receiver."""
    turn = rotation_from_vector(jnp.array([turned_rad, -turned_rad, turned_rad]))
    pose = [scene.rx_pos_m + away_m, turn @ scene.rotation, scene.rx_vel_mps - faster_mps]
    return eqx.tree_at(
        lambda s: [s.rx_pos_m, s.rotation, s.rx_vel_mps, s.freq_offset_hz],
        scene,
        [*pose, jnp.zeros(3)],
    )


def error(found, scene):
    turn = vector_from_rotation(found.theta.rotation @ scene.rotation.T)
    parts = [found.theta.rx_pos_m - scene.rx_pos_m, turn, found.theta.rx_vel_mps - scene.rx_vel_mps]
    return np.concatenate(parts)


def strong(**changes):
    return worked_case(**({"snr_linear": None, "snr_db": 40.0, "freq_offset_hz": EPS_HZ} | changes))


def exact(scene):
    """Measurements without error, from the closed form."""
    seen = nine_d.observed(scene)
    delay = np.asarray(seen.delay_s) - DELTA_S[:, None, None]
    return Measured(delay, np.asarray(seen.doppler) - EPS_HZ[:, None] / 1e9)


def test_exact_measurements_give_the_pose_back(evidence):
    scene = strong()
    found = estimate(guess(scene), exact(scene))
    assert found.converged
    sigma = np.sqrt(np.diag(np.asarray(nine_d.information(scene).crb(LOCATION))))
    evidence(
        "methods.nine_d.estimate",
        "position, rotation and velocity from exact delays and Dopplers, in sigmas",
        "the scene they are of",
        "closed form",
        achieved=np.max(np.abs(error(found, scene)) / sigma),
        tolerance=0.02,  # rounding of 7 ms in 64 bit, 1e-18 s, is 1e-7 of a delay's sigma
    )
    np.testing.assert_allclose(found.theta.time_offset_s, DELTA_S, atol=2e-8)
    np.testing.assert_allclose(found.theta.freq_offset_hz, EPS_HZ, atol=0.05)


def test_noisy_measurements_give_all_nine_within_their_bounds():
    scene = strong()
    bound = np.asarray(nine_d.information(scene).crb(LOCATION))
    scale = np.sqrt(np.diag(bound))
    squares = []
    for seed in range(20):
        measured = simulate_measured(scene, jax.random.key(seed), DELTA_S)
        found = estimate(guess(scene), measured)
        assert found.converged, Status[found.status]
        unit = error(found, scene) / scale
        squares.append(unit @ np.linalg.solve(bound / np.outer(scale, scale), unit))
    # Chi square of 180 degrees of freedom: 99.9 percent between 124 and 246.
    assert 124 < np.sum(squares) < 246


def test_what_is_known_may_stay_fixed():
    scene = strong()
    found = estimate(scene, exact(scene), ("rx_pos_m", "time_offset_s", "freq_offset_hz"))
    assert found.covariance.shape == (9, 9)
    expected = nine_d.information(scene).sigma("rx_pos_m", ("rotation_rad", "rx_vel_mps"))
    np.testing.assert_allclose(found.sigma_of("rx_pos_m"), expected, rtol=1e-5)


def test_values_of_blocked_links_do_not_matter():
    snr_db = np.full((3, 3, 4), 40.0)
    snr_db[0, 1, 2] = snr_db[1, 2, :3] = -np.inf
    snr_db[2, 0, 1] = -np.inf
    scene = strong(snr_db=snr_db)
    assert np.all(np.isfinite(simulate_measured(scene, jax.random.key(0)).delay_s))
    measured = exact(scene)
    measured.delay_s[~(snr_db > 0)] = np.nan
    found = estimate(guess(scene), measured)
    assert found.converged
    assert np.isfinite(found.cost)
    sigma = np.sqrt(np.diag(np.asarray(nine_d.information(scene).crb(LOCATION))))
    assert np.max(np.abs(error(found, scene)) / sigma) < 0.02


def test_one_slot_is_answered_with_a_status():
    scene = strong()
    pos, vel = np.array(scene.sat_pos_m)[:, :1], np.array(scene.sat_vel_mps)[:, :1]
    one = strong(sat_pos_m=pos, sat_vel_mps=vel)
    found = estimate(one, simulate_measured(one, jax.random.key(0)))
    assert not found.converged
    assert np.all(np.isnan(found.covariance))
    assert Status[found.status] == Status[Status.unobservable]


@pytest.mark.usefixtures("untyped")
def test_measurements_that_do_not_fit_the_scene_are_refused():
    scene = strong()
    delay, doppler = exact(scene)
    with pytest.raises(
        LeopntError, match=r"measured.delay_s has shape \(3, 3\); accepted: \(3, 3, 4"
    ):
        estimate(scene, Measured(delay[..., 0], doppler))
    with pytest.raises(LeopntError, match=r"measured.doppler has shape \(3,\); accepted: \(3, 3\)"):
        estimate(scene, Measured(delay, doppler[0]))
    delay[0, 0, 0] = np.nan
    with pytest.raises(
        LeopntError, match=r"measured.delay_s holds NaN or infinity where the scene h"
    ):
        estimate(scene, Measured(delay, doppler))
