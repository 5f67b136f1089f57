"""Axes of a nadir-pointing array against the orbit frame and directions put in by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas import array_angles, array_frame
from leopnt.frames import orbit_frame

POS = jnp.array([3.1e6, -5.0e6, 3.4e6])
VEL = jnp.array([4.2e3, 5.1e3, 3.9e3])


def test_the_array_is_turned_from_the_orbit_frame_by_a_quarter(evidence):
    orbit, array = np.asarray(orbit_frame(POS, VEL)), np.asarray(array_frame(POS, VEL))
    expected = np.stack([-orbit[:, 1], orbit[:, 0], orbit[:, 2]], axis=1)
    evidence(
        "antennas.orientation",
        "axes of the array, x = -y_orbit and y = x_orbit",
        "orbit frame of leopnt.frames",
        "implementation",
        achieved=np.max(np.abs(array - expected)),
        tolerance=1e-15,
    )
    np.testing.assert_allclose(array.T @ array, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(np.linalg.det(array), 1.0, rtol=1e-14)
    normal = np.cross(POS, VEL)
    np.testing.assert_allclose(array[:, 0], normal / np.linalg.norm(normal), rtol=1e-14)


@pytest.mark.parametrize(("az", "el"), [(0.4, 1.2), (-3.0, 0.1), (2.0, 1.5707), (1.0, -0.3)])
def test_angles_come_back_from_the_direction_they_make(az, el):
    local = np.array([np.cos(el) * np.cos(az), np.cos(el) * np.sin(az), np.sin(el)])
    frame = array_frame(POS, VEL)
    found = array_angles(frame, jnp.asarray(5e5 * np.asarray(frame) @ local))
    np.testing.assert_allclose(found, (az, el), rtol=1e-10)


def test_boresight_has_azimuth_zero_and_no_nan():
    pos = jnp.array([0.0, 0.0, 7e6])
    az, el = array_angles(array_frame(pos, jnp.array([7.5e3, 0.0, 0.0])), -pos)
    assert (float(az), float(el)) == (0.0, np.pi / 2)
