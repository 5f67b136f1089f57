"""Heading, pitch and roll over the ground, by hand-made cases."""

import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.frames.geodetic import enu_basis
from leopnt.scenes.receiver_pose import BODY_UP, body_rotation

QUARTER = 0.5 * np.pi
FORWARD, RIGHT, DOWN = np.eye(3)


def in_enu(vector_body, angles_rad, lat_deg=48.0, lon_deg=11.0):
    """East, north and up components of a body vector."""
    axes = enu_basis(jnp.radians(lat_deg), jnp.radians(lon_deg))
    return np.asarray(axes @ (body_rotation(axes, *angles_rad) @ vector_body))


@pytest.mark.parametrize(
    ("angles_rad", "vector_body", "enu"),
    [
        ((0.0, 0.0, 0.0), FORWARD, (0.0, 1.0, 0.0)),
        ((0.0, 0.0, 0.0), RIGHT, (1.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), DOWN, (0.0, 0.0, -1.0)),
        ((QUARTER, 0.0, 0.0), FORWARD, (1.0, 0.0, 0.0)),
        ((QUARTER, 0.0, 0.0), RIGHT, (0.0, -1.0, 0.0)),
        ((0.0, QUARTER, 0.0), FORWARD, (0.0, 0.0, 1.0)),
        ((0.0, 0.0, QUARTER), RIGHT, (0.0, 0.0, -1.0)),
        ((QUARTER, QUARTER, 0.0), DOWN, (1.0, 0.0, 0.0)),
    ],
)
def test_heading_90_points_forward_east_and_pitch_lifts_the_nose(
    angles_rad, vector_body, enu, evidence
):
    worst = np.abs(in_enu(vector_body, angles_rad) - enu).max()
    evidence(
        "scenes.receiver_pose",
        "axes of a body with given heading, pitch and roll",
        "hand-made cases",
        "closed form",
        achieved=worst,
        tolerance=1e-14,
    )


def test_up_of_a_level_body_is_up_at_any_heading():
    for heading_rad in (0.0, 1.0, 4.0):
        found = in_enu(np.array(BODY_UP), (heading_rad, 0.0, 0.0), -33.0, -70.0)
        np.testing.assert_allclose(found, [0.0, 0.0, 1.0], atol=1e-14)


def test_the_pose_is_a_rotation():
    axes = enu_basis(jnp.asarray(0.3), jnp.asarray(2.0))
    found = np.asarray(body_rotation(axes, 0.4, -0.2, 1.1))
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(found) == pytest.approx(1.0)
