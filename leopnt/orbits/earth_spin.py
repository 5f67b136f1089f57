"""The Earth's angular velocity, which turns ECEF velocities into inertial ones."""

import numpy as np
from jaxtyping import Float

from leopnt.eop import EopTable
from leopnt.epochs import Epoch
from leopnt.frames.earth import ecef_to_teme, teme_to_ecef_matrix


def inertial_velocity(
    pos_ecef_m: Float[np.ndarray, "*batch 3"],
    vel_ecef_mps: Float[np.ndarray, "*batch 3"],
    epoch: Epoch,
    eop: EopTable | None = None,
) -> Float[np.ndarray, "*batch 3"]:
    """Velocity relative to inertial space, in ECEF axes: v_ecef + omega x r.

    The axes of `epoch` are the last batch axes, or broadcast against them. Inertial space is TEME
    here, whose slow turn (precession) is 0.05 mm/s in LEO.
    """
    _, vel_teme_mps = ecef_to_teme(pos_ecef_m, vel_ecef_mps, epoch, eop)
    return np.matmul(teme_to_ecef_matrix(epoch, eop), vel_teme_mps[..., None])[..., 0]


def earth_rotation_vector(epoch: Epoch, eop: EopTable | None = None) -> Float[np.ndarray, "3"]:
    """Angular velocity omega [rad/s] of the Earth at one epoch, in ECEF axes.

    Polar motion tilts it by up to 0.6 arcsec from the z axis; it moves by less than 1e-13 rad/s
    (1 um/s in LEO) a day.
    """
    still = np.zeros(3)
    of_x = inertial_velocity(np.array([1.0, 0.0, 0.0]), still, epoch, eop)  # omega x e_x
    of_y = inertial_velocity(np.array([0.0, 1.0, 0.0]), still, epoch, eop)
    return np.array([of_y[2], -of_x[2], of_x[1]])


def greenwich_angle(epoch: Epoch, eop: EopTable | None = None) -> float:
    """Right ascension [rad] of the ECEF x axis in TEME at one epoch, in (-pi, pi]."""
    matrix = teme_to_ecef_matrix(epoch, eop)
    return float(np.arctan2(matrix[0, 1], matrix[0, 0]))
