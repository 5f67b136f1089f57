"""Body axes and offsets against the printed worked case, SciPy rotations and finite differences."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from leopnt.antennas.phase_center import (
    antenna_position,
    axes_of_quaternions,
    body_axes,
    check_inertial_velocity,
    inertial_velocity_of,
    offset_partials,
    offset_range,
    quaternions_of,
)
from leopnt.errors import LeopntError
from leopnt.frames.attitude import orbit_frame

POS = np.array([-2500000.0, 5200000.0, 4400000.0])
VEL = np.array([1800.0, -4700.0, 6577.2727272727])
STATION = np.array([-2831733.0, 4675666.0, 3275369.0])
OMEGA = 7.292115146706979e-5


def test_axes_and_partials_of_the_worked_case_have_all_printed_digits(evidence):
    axes = body_axes(POS, VEL)
    printed = np.array(
        [
            [0.2173404, -0.56749994, 0.79417061],
            [-0.91326595, -0.40541777, -0.03977102],
            [0.34454093, -0.71664513, -0.60639204],
        ]
    )
    range_m = np.linalg.norm(POS - STATION)
    h = offset_partials((POS - STATION) / range_m, axes)
    np.testing.assert_allclose(range_m, 1284432.876021943, rtol=0, atol=1e-8)
    worst = max(
        np.max(np.abs(axes.T - printed)),
        np.max(np.abs(h - [0.51983126, -0.43619445, -0.73451335])),
    )
    evidence(
        "antennas.phase_center",
        "body axes and partials of the range",
        "worked case of an independent implementation, 8 decimals",
        "implementation",
        achieved=worst,
        tolerance=5.1e-9,
    )


def test_axes_are_those_of_the_orbit_frame():
    np.testing.assert_allclose(body_axes(POS, VEL), orbit_frame(POS, VEL), rtol=0, atol=1e-15)


def test_partials_are_the_change_of_the_range():
    axes, step = body_axes(POS, VEL), 0.5
    h = offset_partials((POS - STATION) / np.linalg.norm(POS - STATION), axes)
    for i, unit in enumerate(np.eye(3)):
        ends = [
            np.linalg.norm(antenna_position(POS, axes, sign * step * unit) - STATION)
            for sign in (1, -1)
        ]
        assert abs((ends[0] - ends[1]) / (2 * step) - h[i]) < 3e-9


def test_the_exact_change_of_the_range_is_the_difference_of_two_ranges():
    axes, range_m = body_axes(POS, VEL), np.linalg.norm(POS - STATION)
    h = offset_partials((POS - STATION) / range_m, axes)
    offset = np.array([120.0, -80.0, 300.0])  # large, so that the square counts
    moved = np.linalg.norm(antenna_position(POS, axes, offset) - STATION)
    np.testing.assert_allclose(offset_range(range_m, h, offset), moved - range_m, atol=1e-9)
    one = np.array([0.3, -0.2, 0.9])
    assert abs(offset_range(range_m, h, one) - h @ one) < 1e-6


def test_quaternions_are_those_of_scipy_and_come_back():
    turns = Rotation.random(50, random_state=3)
    matrices = np.concatenate([turns.as_matrix(), np.diag([1.0, -1.0, -1.0])[None]])
    found = quaternions_of(matrices)
    expected = turns.as_quat(canonical=True, scalar_first=True)
    np.testing.assert_allclose(found[:-1], expected, atol=1e-14)
    np.testing.assert_allclose(axes_of_quaternions(3.0 * found), matrices, atol=1e-14)


def circle(step_s):
    t = np.arange(20) * step_s
    a = 7378e3
    n = np.sqrt(3.986004418e14 / a**3)
    turn = np.array([Rotation.from_euler("z", -OMEGA * x).as_matrix() for x in t])
    pos = a * np.stack([np.cos(n * t), 0 * t, np.sin(n * t)], -1)
    vel = a * n * np.stack([-np.sin(n * t), 0 * t, np.cos(n * t)], -1)
    return t, np.einsum("eij,ej->ei", turn, pos), np.einsum("eij,ej->ei", turn, vel)


@pytest.mark.parametrize("step_s", [1.0, 30.0, 180.0])
def test_an_earth_relative_velocity_is_told_from_the_inertial_one(step_s):
    t, pos, vel = circle(step_s)
    check_inertial_velocity(t, pos, vel)
    swept = np.cross([0, 0, OMEGA], pos)
    np.testing.assert_allclose(inertial_velocity_of(pos, vel - swept), vel, atol=1e-9)
    # The lengths agree within 0.3 %: only the positions can tell.
    assert np.max(np.abs(np.linalg.norm(vel - swept, axis=1) / 7350.0 - 1)) < 0.003
    with pytest.raises(LeopntError, match=r"relative to the turning Earth.*omega x r"):
        check_inertial_velocity(t, pos, vel - swept)
    with pytest.raises(LeopntError, match=r"is off the change of pos_ecef_m .* m/s"):
        check_inertial_velocity(t, pos, -vel)


def test_an_earth_relative_velocity_would_yaw_the_axes_by_four_degrees():
    _, pos, vel = circle(30.0)
    wrong = body_axes(pos, vel - np.cross([0, 0, OMEGA], pos))
    mixed = np.einsum("eij,eik->ejk", body_axes(pos, vel), wrong)[:, 1, 0]
    assert 0.065 < np.max(np.abs(mixed)) < 0.075  # 7 % of X in Y at 1000 km


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: body_axes(POS, 1e-3 * POS), "a velocity is zero or along the position"),
        (lambda: body_axes(POS, np.full(3, np.nan)), "vel_inertial_ecef_mps holds NaN"),
        (lambda: body_axes(POS.astype(np.float32), VEL), "pos_ecef_m is of 32 bits"),
        (lambda: body_axes(POS[:2], VEL), r"pos_ecef_m has shape \(2,\)"),
        (lambda: quaternions_of(np.eye(2)), r"axes has shape \(2, 2\)"),
        (lambda: axes_of_quaternions(np.zeros(4)), "quaternion holds NaN, infinity or a zero"),
        (lambda: axes_of_quaternions(np.zeros(3)), r"quaternion has shape \(3,\)"),
        (
            lambda: check_inertial_velocity(np.arange(2.0), POS[None], VEL[None]),
            "with 3 epochs or more",
        ),
        (
            lambda: check_inertial_velocity(
                np.array([0.0, 2.0, 1.0]), np.ones((3, 3)), np.ones((3, 3))
            ),
            "t_s does not increase",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(LeopntError, match=message):
        call()
