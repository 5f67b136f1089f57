"""Frames: inertial to Earth-fixed, geodetic and local, orbit and body axes."""

from leopnt.frames.attitude import (
    orbit_frame,
    quaternion_from_rotation,
    retract,
    rotation_from_quaternion,
    rotation_from_vector,
    rotation_from_yaw_pitch_roll,
    vector_from_rotation,
    yaw_pitch_roll_from_rotation,
)
from leopnt.frames.earth import (
    ecef_to_gcrs,
    ecef_to_teme,
    gcrs_to_ecef,
    gcrs_to_ecef_matrix,
    teme_to_ecef,
    teme_to_ecef_matrix,
)
from leopnt.frames.geodetic import (
    azel,
    ecef_to_enu,
    ecef_to_geodetic,
    enu_basis,
    enu_to_ecef,
    geodetic_to_ecef,
)
from leopnt.frames.state import SatelliteState

__all__ = [
    "SatelliteState",
    "azel",
    "ecef_to_enu",
    "ecef_to_gcrs",
    "ecef_to_geodetic",
    "ecef_to_teme",
    "enu_basis",
    "enu_to_ecef",
    "gcrs_to_ecef",
    "gcrs_to_ecef_matrix",
    "geodetic_to_ecef",
    "orbit_frame",
    "quaternion_from_rotation",
    "retract",
    "rotation_from_quaternion",
    "rotation_from_vector",
    "rotation_from_yaw_pitch_roll",
    "teme_to_ecef",
    "teme_to_ecef_matrix",
    "vector_from_rotation",
    "yaw_pitch_roll_from_rotation",
]
