"""Fixes with an antenna known on a grid, and scenes with antennas of other kinds than B52."""

import numpy as np
import power_users
import pytest

from leopnt.antennas import GriddedBeams, b52, planar_array, sampled_beams, steered_beams
from leopnt.methods.power import NO_PRIOR, Starts, ml_fix, power_scene, received_power_dbw

SCENE = power_users.scene()
REACH = 0.6
"""Cosines that the grid goes to; the Earth reaches 0.84."""


@pytest.fixture(scope="module")
def fix(users, power):
    """By a grid that covers part of the Earth."""
    axis = np.linspace(-REACH, REACH, 121)
    scene = power_scene(sampled_beams(b52(), axis, axis))
    return ml_fix(scene, power, start(users), NO_PRIOR)


@pytest.fixture(scope="module")
def users():
    return power_users.users_at(np.repeat(np.linspace(20.0, 80.0, 25), 10), np.tile(
        np.linspace(-170.0, 170.0, 10), 25))  # fmt: skip


@pytest.fixture(scope="module")
def power(users):
    return power_users.drawn_dbw(users)


def start(users):
    """Close to the truth, but on the grid."""
    u, v = (np.sin(users.gamma_rad) * f(users.beta_rad) for f in (np.cos, np.sin))
    u, v = (np.clip(x + 1e-3, -0.95 * REACH, 0.95 * REACH) for x in (u, v))
    return Starts(np.arcsin(np.hypot(u, v))[:, None], np.arctan2(v, u)[:, None])


def is_covered(users, margin=0.02):
    u, v = (np.sin(users.gamma_rad) * f(users.beta_rad) for f in (np.cos, np.sin))
    return np.maximum(np.abs(u), np.abs(v)) < REACH - margin


def test_a_grid_gives_the_fixes_of_the_array_where_it_covers_the_user(fix, users, power, evidence):
    exact = ml_fix(SCENE, power, start(users), NO_PRIOR)
    inside = is_covered(users)
    assert np.all(fix.ok[inside])
    moved = np.abs(fix.u - exact.u) / np.sqrt(exact.bound.covariance[:, 0, 0])
    evidence(
        "antennas.beams",
        f"fixes with B52 on a 0.01 grid of (u, v), {np.sum(inside)} users, in sigmas",
        "fixes with the array itself",
        "own",
        achieved=np.max(moved[inside]),
        tolerance=0.02,
    )


def test_a_user_beyond_the_grid_gets_no_position(fix, users):
    beyond = ~is_covered(users, -0.02)
    assert np.sum(beyond) > 20
    assert not np.any(fix.ok[beyond])


def test_a_scene_keeps_complex_weights_and_what_is_known():
    like = b52()
    positions = np.asarray(planar_array(8, 8, 0.5))
    free = power_scene(steered_beams(positions, like.beam_u, like.beam_v, like.peak_dbw))
    expected = received_power_dbw(SCENE, 0.7, 1.0, 1.9e6)
    np.testing.assert_allclose(received_power_dbw(free, 0.7, 1.0, 1.9e6), expected, atol=1e-9)
    axis, known = np.linspace(-0.5, 0.5, 11), np.ones((1, 11, 11), bool)
    known[0, :5] = False
    part = GriddedBeams.of_samples(axis, axis, np.ones((1, 11, 11)), is_known=known)
    found = [received_power_dbw(power_scene(part), 0.3, beta, 1.9e6) for beta in (0.0, np.pi)]
    assert np.isfinite(found[0])
    assert np.isnan(found[1])
    assert power_scene(part).antenna.is_known.dtype == bool
