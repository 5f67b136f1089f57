import erfa
import numpy as np

from leopnt.eop import EopTable
from leopnt.epochs import Epoch, TimeScale
from leopnt.frames.earth import teme_to_ecef
from leopnt.orbits.earth_spin import earth_rotation_vector, greenwich_angle, inertial_velocity

EPOCH = Epoch.from_iso("2025-06-01T08:00:00Z")


def test_inertial_velocity_agrees_with_the_forward_rotation():
    epoch = EPOCH + np.array([0.0, 5000.0])
    pos, vel = (
        np.array([[7e6, 1e5, 2e6], [1e6, -4e6, 5e6]]),
        np.array([[1e3, 7e3, 2e2], [5e3, 1e3, 0.0]]),
    )
    state = teme_to_ecef(pos, vel, epoch)
    found = inertial_velocity(state.pos_ecef_m, state.vel_ecef_mps, epoch)
    np.testing.assert_allclose(found, state.vel_inertial_ecef_mps, atol=1e-8)


def test_rotation_vector_has_the_published_rate_and_the_tilt_of_the_pole(evidence):
    spin = earth_rotation_vector(EPOCH)
    earth = EopTable.bundled().at(EPOCH)
    evidence(
        "orbits.earth_spin",
        "Rate of Earth rotation, relative",
        "IERS Conventions 2010, ERA rate plus precession of the equinox (46.1 arcsec/a)",
        "published",
        achieved=abs(np.linalg.norm(spin) / (7.292_115_146_7e-5 + 7.086e-12) - 1),
        tolerance=2e-8,  # 1 ms of excess length of day is 1.2e-8
    )
    np.testing.assert_allclose(
        spin[:2] / spin[2], [earth.x_pole_rad, -earth.y_pole_rad], atol=1e-11
    )


def test_rotation_vector_hardly_moves_in_a_day():
    later = earth_rotation_vector(EPOCH + 86_400.0)
    assert np.max(np.abs(later - earth_rotation_vector(EPOCH))) < 1e-12  # 7 um/s in LEO


def test_greenwich_angle_is_sidereal_time():
    earth = EopTable.bundled().at(EPOCH)
    gmst = erfa.gmst82(*(EPOCH + earth.ut1_minus_tai_s).to_jd(TimeScale.TAI))
    assert abs((greenwich_angle(EPOCH) - gmst + np.pi) % (2 * np.pi) - np.pi) < 1e-11
