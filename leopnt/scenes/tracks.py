"""Where a moving user is, and how fast: great circles from waypoint to waypoint."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from leopnt.constants import WGS84_FLATTENING, WGS84_SEMI_MAJOR_M

_E2 = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING)
_STANDS_RAD = 1e-9


class Motion(NamedTuple):
    """A user over time, in ECEF; `normal` is that of the ellipsoid below the user."""

    pos_ecef_m: Float[np.ndarray, "epoch 3"]
    vel_ecef_mps: Float[np.ndarray, "epoch 3"]
    normal: Float[np.ndarray, "epoch 3"]
    height_m: Float[np.ndarray, " epoch"]


def normals(
    latitude_rad: Float[np.ndarray, "*batch"], longitude_rad: Float[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch 3"]:
    """Unit normals of the ellipsoid, in ECEF axes."""
    cos = np.cos(latitude_rad)
    return np.stack(
        [cos * np.cos(longitude_rad), cos * np.sin(longitude_rad), np.sin(latitude_rad)], axis=-1
    )


def angle_between(
    one: Float[np.ndarray, "*batch 3"], other: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch"]:
    """Angle of two unit vectors [rad], accurate from 0 to pi."""
    across = np.linalg.norm(np.cross(one, other), axis=-1)
    return np.asarray(np.arctan2(across, np.sum(one * other, axis=-1)))


def along_track(
    waypoint_s: Float[np.ndarray, " waypoint"],
    normal: Float[np.ndarray, "waypoint 3"],
    height_m: Float[np.ndarray, " waypoint"],
    time_s: Float[np.ndarray, " epoch"],
) -> Motion:
    """Where the user is at each time.

    Between two waypoints the normal turns at a constant rate in the plane of both, and the height
    above the ellipsoid is linear in time. So the ground speed is constant on the equator, and
    changes with the curvature of the ellipsoid (by less than 1 %) elsewhere. At a waypoint the
    velocity is that of the leg which begins there.

    Args:
        waypoint_s: increasing.
        normal, height_m: of the waypoints; neighbors are not opposite each other.
        time_s: between the first and the last waypoint.
    """
    last_leg = len(waypoint_s) - 2
    leg = np.clip(np.searchsorted(waypoint_s, time_s, side="right") - 1, 0, last_leg)
    lasts_s = np.diff(waypoint_s)[leg]
    part = (time_s - waypoint_s[leg]) / lasts_s
    turned, turning = _great_circle(normal[leg], normal[leg + 1], part[:, None])
    turning = turning / lasts_s[:, None]
    rise_m = np.diff(height_m)[leg]
    height, climb_mps = height_m[leg] + part * rise_m, rise_m / lasts_s
    return Motion(*on_ellipsoid(turned, turning, height, climb_mps), turned, height)


def _great_circle(start, end, part):
    """Unit vector at a part 0..1 of the way, and its derivative with respect to that part."""
    angle = angle_between(start, end)[:, None]
    stands = angle < _STANDS_RAD
    sine = np.where(stands, 1.0, np.sin(angle))
    weights = np.sin((1.0 - part) * angle) / sine, np.sin(part * angle) / sine
    rates = -angle * np.cos((1.0 - part) * angle) / sine, angle * np.cos(part * angle) / sine
    turned = np.where(stands, start + part * (end - start), weights[0] * start + weights[1] * end)
    turning = np.where(stands, end - start, rates[0] * start + rates[1] * end)
    return turned, turning


def on_ellipsoid(
    normal: Float[np.ndarray, "*batch 3"],
    turning_radps: Float[np.ndarray, "*batch 3"],
    height_m: Float[np.ndarray, "*batch"],
    climb_mps: Float[np.ndarray, "*batch"],
) -> tuple[Float[np.ndarray, "*batch 3"], Float[np.ndarray, "*batch 3"]]:
    """ECEF position [m] and velocity [m/s] of a point over the ellipsoid, from its normal.

        r = (N + h) n - e^2 N n_z z,   N = a / sqrt(1 - e^2 n_z^2)

    Args:
        normal: unit normals n.
        turning_radps: dn/dt.
        height_m, climb_mps: h and dh/dt.
    """
    n_z, rate_z = normal[..., 2], turning_radps[..., 2]
    root = np.sqrt(1.0 - _E2 * n_z**2)
    radius_m = WGS84_SEMI_MAJOR_M / root
    radius_mps = radius_m * _E2 * n_z * rate_z / root**2
    whole_m, whole_mps = (radius_m + height_m)[..., None], (radius_mps + climb_mps)[..., None]
    pos_m = whole_m * normal
    vel_mps = whole_m * turning_radps + whole_mps * normal
    pos_m[..., 2] -= _E2 * radius_m * n_z
    vel_mps[..., 2] -= _E2 * (radius_mps * n_z + radius_m * rate_z)
    return pos_m, vel_mps
