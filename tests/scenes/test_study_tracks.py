"""Movement along great circles: lengths of known arcs, derivatives, poles and the antimeridian."""

import numpy as np
import pytest

from leopnt.scenes.tracks import along_track, angle_between, normals, on_ellipsoid

QUARTER_MERIDIAN_M = 10_001_965.729  # WGS 84, NIMA TR8350.2: 10 001 965.7293 m


def track(points, time_s):
    at_s, lat, lon, height = np.array(points, float).T
    return along_track(at_s, normals(np.radians(lat), np.radians(lon)), height, np.array(time_s))


def test_a_way_from_the_equator_to_the_pole_is_a_quarter_meridian_long(evidence):
    nodes, weights = np.polynomial.legendre.leggauss(30)
    motion = track([(0, 0, 30, 0), (1000, 90, 30, 0)], 500 + 500 * nodes)
    length_m = 500 * weights @ np.linalg.norm(motion.vel_ecef_mps, axis=1)
    evidence(
        "scenes.tracks",
        "speed along a meridian, integrated to its length",
        "WGS 84 quarter meridian (NIMA TR8350.2)",
        "published",
        achieved=abs(length_m - QUARTER_MERIDIAN_M),
        tolerance=1e-3,  # digits of the published length
        unit="m",
    )


def test_on_the_equator_the_speed_is_constant():
    motion = track([(0, 0, 170, 0), (1000, 0, -170, 0)], np.linspace(0, 1000, 21))
    speed = np.linalg.norm(motion.vel_ecef_mps, axis=1)
    np.testing.assert_allclose(speed, 6378137.0 * np.radians(20) / 1000, rtol=1e-12)
    assert np.all(motion.pos_ecef_m[:, 0] < -6.2e6)  # over the antimeridian, not around the Earth


def test_velocity_is_the_derivative_of_the_position():
    points = [(0, 48, 11, 500), (100, 60, -70, 9e3), (300, -20, -170, 0), (310, -20, -170, 0)]
    t = np.array([1.0, 50.0, 99.0, 101.0, 200.0, 299.0, 305.0])
    motion = track(points, t)
    slope = (track(points, t + 0.01).pos_ecef_m - track(points, t - 0.01).pos_ecef_m) / 0.02
    np.testing.assert_allclose(motion.vel_ecef_mps, slope, atol=2e-3)  # speeds of 1e5 m/s
    np.testing.assert_array_equal(motion.vel_ecef_mps[-1], 0.0)


def test_a_track_over_the_pole_goes_straight_on():
    motion = track([(0, 89, 20, 0), (10, 89, -160, 0)], [4.9, 5.0, 5.1])
    assert np.hypot(*motion.pos_ecef_m[1, :2]) < 1e-6
    np.testing.assert_allclose(motion.vel_ecef_mps[0], motion.vel_ecef_mps[2], rtol=1e-3, atol=20)
    np.testing.assert_allclose(motion.normal[1], [0, 0, 1], atol=1e-12)


def test_waypoints_are_met_and_the_velocity_there_is_that_of_the_next_leg():
    points = [(0, 0, 0, 0), (10, 0, 1, 0), (20, 0, 1, 1000)]
    motion = track(points, [0.0, 10.0, 20.0])
    expected, _ = on_ellipsoid(
        normals(np.zeros(3), np.radians([0, 1, 1])), np.zeros((3, 3)), np.array([0, 0, 1e3]),
        np.zeros(3),
    )  # fmt: skip
    np.testing.assert_allclose(motion.pos_ecef_m, expected, atol=1e-8)
    np.testing.assert_allclose(np.linalg.norm(motion.vel_ecef_mps[1:], axis=1), 100.0)


def test_a_track_may_start_before_the_first_epoch():
    motion = track([(-50, 0, 0, 0), (50, 0, 10, 0)], [0.0])
    np.testing.assert_allclose(
        motion.normal[0], normals(np.zeros(1), np.radians([5.0]))[0], atol=1e-15
    )


@pytest.mark.parametrize("angle_rad", [0.0, 1e-12, 1.0, np.pi - 1e-9, np.pi])
def test_angles_are_right_from_nothing_to_opposite(angle_rad):
    one, other = normals(np.zeros(2), np.array([0.3, 0.3 + angle_rad]))
    assert abs(angle_between(one, other) - angle_rad) < 1e-15
