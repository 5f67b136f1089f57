"""Yaw steering against the formula of the yaw angle, and the duties that define it."""

import jax
import numpy as np
import pytest

from leopnt.channel import yaw_steering_axes
from leopnt.errors import LeopntError
from leopnt.frames import orbit_frame

RADIUS_M = 27_906.1e3
SUN = 1.5e15 * np.array([np.cos(0.7), np.sin(0.7), 0.0])  # so far that it is in one direction


def orbit(inclination_rad, angles):
    """Positions and velocities of a circular orbit with its node on the x axis."""
    across = np.array([0.0, np.cos(inclination_rad), np.sin(inclination_rad)])
    x = np.array([1.0, 0.0, 0.0])
    pos = np.cos(angles)[:, None] * x + np.sin(angles)[:, None] * across
    vel = -np.sin(angles)[:, None] * x + np.cos(angles)[:, None] * across
    return RADIUS_M * pos, 3_780.0 * vel


@pytest.mark.parametrize("inclination_deg", [55.0, 140.0])
def test_the_yaw_angle_is_that_of_the_formula(inclination_deg, evidence):
    # psi = atan2(-tan beta, sin mu), mu from orbit midnight in the sense of the motion (Kouba 2009;
    # Montenbruck et al. 2015, eq. 3).
    pos, vel = orbit(np.radians(inclination_deg), np.linspace(0.0, 6.2, 40))
    sun = SUN / np.linalg.norm(SUN)
    normal = np.cross(pos[0], vel[0]) / np.linalg.norm(np.cross(pos[0], vel[0]))
    beta = np.arcsin(normal @ sun)
    midnight = -(sun - (sun @ normal) * normal)
    mu = np.arctan2(pos @ np.cross(normal, midnight), pos @ midnight)
    expected = np.arctan2(-np.tan(beta), np.sin(mu))
    frames = np.asarray(jax.vmap(orbit_frame)(pos, vel))
    x = np.asarray(yaw_steering_axes(pos, SUN))[..., 0]
    along, across = (np.einsum("ij,ij->i", x, frames[..., i]) for i in (0, 1))
    found = np.arctan2(across, along)
    evidence(
        "channel.nominal_attitude",
        f"yaw angle over an orbit, Sun {abs(np.degrees(beta)):.0f} degrees off its plane",
        "atan2(-tan beta, sin mu), Montenbruck et al. (2015)",
        "published",
        achieved=np.max(np.abs(np.angle(np.exp(1j * (found - expected))))),
        tolerance=1e-7,
        unit="rad",
    )


def test_axes_point_down_across_the_sun_and_to_its_side():
    pos, _ = orbit(1.0, np.linspace(0.0, 6.2, 40))
    sun = np.array([1.2e11, -8e10, 3e10])
    axes = np.asarray(yaw_steering_axes(pos, sun))
    np.testing.assert_allclose(np.linalg.det(axes), 1.0, rtol=1e-12)
    np.testing.assert_allclose(
        np.swapaxes(axes, 1, 2) @ axes, np.eye(3)[None] * np.ones((40, 1, 1)), atol=1e-14
    )
    np.testing.assert_allclose(axes[..., 2], -pos / RADIUS_M, atol=1e-15)
    to_sun = (sun - pos) / np.linalg.norm(sun - pos, axis=1, keepdims=True)
    np.testing.assert_allclose(np.einsum("ij,ij->i", axes[..., 1], to_sun), 0.0, atol=1e-14)
    assert np.all(np.einsum("ij,ij->i", axes[..., 0], to_sun) > 0.0)


def test_no_axes_where_the_earth_and_the_sun_are_in_line():
    sat = np.array([RADIUS_M, 0.0, 0.0])
    assert np.all(np.isnan(np.asarray(yaw_steering_axes(sat, 5000.0 * sat))[:, :2]))


def test_bad_positions_are_refused(untyped):
    with pytest.raises(LeopntError, match=r"sun_pos_ecef_m: got shape \(4,\)"):
        yaw_steering_axes(np.ones(3), np.ones(4))
