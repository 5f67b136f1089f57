"""The cluster of satellites over a small region that the published figures are drawn for."""

from __future__ import annotations

import numpy as np

from leopnt.methods.pace.scene import PaceScene, pace_scene

EARTH_RADIUS_M = 6400e3
ALTITUDE_M = 500e3
SPEED_MPS = 7600.0

_SAT_INCLINATION_DEG = (1.0, 2.0, 3.0, 4.0, 1.5, 2.5, 3.5, 0.5)
_SAT_AZIMUTH_DEG = (0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0)
_SAT_SIGN = (1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0)
_USER_INCLINATION_DEG = (0.3, 0.9, 0.6, 0.8)
_USER_AZIMUTH_DEG = (20.0, 100.0, 200.0, 290.0)
_CLOCK_BIAS_NS = (92.0, 117.0, 81.0, 104.0, 98.0, 110.0, 86.0, 113.0)
_FREQ_OFFSET_HZ = (1110.0, 1420.0, 1020.0, 1335.0, 1260.0, 1485.0, 1190.0, 1050.0)


def default_scene(*, sat_power_w: float = 100.0, user_power_w: float = 1.0) -> PaceScene:
    """Eight satellites 500 km above a sphere, four users below, all in sight of each other.

    Clock biases of 81 to 117 ns and frequency offsets of 1020 to 1485 Hz, the same for all users;
    phases of the gains zero.

    Source: [zhang-pace] table I for numbers and ranges; places and draws are ours.
    """
    sat_pos, sat_vel = cluster_satellites(_SAT_INCLINATION_DEG, _SAT_AZIMUTH_DEG, _SAT_SIGN)
    return pace_scene(
        sat_pos_m=sat_pos,
        sat_vel_mps=sat_vel,
        user_pos_m=cluster_users(_USER_INCLINATION_DEG, _USER_AZIMUTH_DEG),
        clock_bias_s=1e-9 * np.array(_CLOCK_BIAS_NS),
        freq_offset_hz=np.array(_FREQ_OFFSET_HZ),
        sat_power_w=sat_power_w,
        user_power_w=user_power_w,
    )


def cluster_satellites(inclination_deg, azimuth_deg, sign) -> tuple[np.ndarray, np.ndarray]:
    """Positions [m] and velocities [m/s] of satellites at an angle from the z axis.

    p = (R + h) [sin i cos w, sin i sin w, cos i],   v = +-7600 [cos i cos w, cos i sin w, -sin i]
    """
    up = _unit(inclination_deg, azimuth_deg)
    i, w = np.radians(inclination_deg), np.radians(azimuth_deg)
    along = np.stack([np.cos(i) * np.cos(w), np.cos(i) * np.sin(w), -np.sin(i)], axis=-1)
    vel = SPEED_MPS * np.asarray(sign, float)[:, None] * along
    return (EARTH_RADIUS_M + ALTITUDE_M) * up, vel


def cluster_users(inclination_deg, azimuth_deg) -> np.ndarray:
    """Positions [m] on the sphere at an angle from the z axis."""
    return EARTH_RADIUS_M * _unit(inclination_deg, azimuth_deg)


def _unit(inclination_deg, azimuth_deg) -> np.ndarray:
    i, w = np.radians(inclination_deg), np.radians(azimuth_deg)
    return np.stack([np.sin(i) * np.cos(w), np.sin(i) * np.sin(w), np.cos(i)], axis=-1)
