"""Circular orbits, light time and directions once more, in plain NumPy and with other algorithms.

Everything here is computed in axes that do not turn: satellites never leave them, and receivers are
turned into them at reception.
"""

import numpy as np

GM_M3PS2, J2, RADIUS_M = 3.986004418e14, 1.0826359e-3, 6378136.6
SPIN_RADPS = 7.292115146706979e-5
LIGHT_MPS = 299792458.0
A_M, F = 6378137.0, 1 / 298.257223563


def circular_position(axis_m, inclination_rad, node_rad, latitude_rad, t_s):
    """Inertial position under the secular rates of J2; any broadcastable shapes."""
    n = np.sqrt(GM_M3PS2 / axis_m**3)
    k = 1.5 * J2 * (RADIUS_M / axis_m) ** 2 * n
    node = node_rad - k * np.cos(inclination_rad) * t_s
    u = latitude_rad + (n + k * (3.0 - 4.0 * np.sin(inclination_rad) ** 2)) * t_s
    cos_i, sin_i = np.cos(inclination_rad), np.sin(inclination_rad)
    x = np.cos(node) * np.cos(u) - np.sin(node) * cos_i * np.sin(u)
    y = np.sin(node) * np.cos(u) + np.cos(node) * cos_i * np.sin(u)
    return axis_m * np.stack([x, y, sin_i * np.sin(u)], axis=-1)


def walker_angles(satellites, planes, phasing, spread_rad=2 * np.pi):
    """Node and argument of latitude at t = 0, plane after plane [walker-1984]."""
    per_plane = satellites // planes
    plane, place = np.divmod(np.arange(satellites), per_plane)
    latitude = 2 * np.pi * (place / per_plane + plane * phasing / satellites)
    return plane * spread_rad / planes, latitude


def geodetic(lat_deg, lon_deg, height_m):
    """ECEF position and east, north, up rows."""
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    e2 = F * (2 - F)
    n = A_M / np.sqrt(1 - e2 * np.sin(lat) ** 2)
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    pos = (n + height_m) * up - np.array([0.0, 0.0, e2 * n * up[2]])
    return pos, np.stack([east, np.cross(up, east), up])


def turn(vector, angle_rad):
    """Components in axes turned eastward by the angle."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    x, y, z = np.moveaxis(vector, -1, 0)
    return np.stack([cos * x + sin * y, cos * y - sin * x, z], axis=-1)


def seen(position_at, rx_ecef_m, enu, t_s):
    """Azimuth, elevation, range, flight time and ECEF position at transmission of satellites.

    Args:
        position_at: from times (sat,) to inertial positions (sat, 3).
        rx_ecef_m, enu: one receiver.
        t_s: reception.
    """
    rx = turn(rx_ecef_m, -SPIN_RADPS * t_s)
    tau = np.zeros(len(position_at(t_s)))
    for _ in range(20):
        tau = np.linalg.norm(position_at(t_s - tau) - rx, axis=-1) / LIGHT_MPS
    sat = position_at(t_s - tau)
    ray = turn(sat - rx, SPIN_RADPS * t_s)
    east, north, up = enu @ ray.T
    range_m = np.linalg.norm(ray, axis=-1)
    at_transmission = turn(sat, SPIN_RADPS * (t_s - tau))
    return np.arctan2(east, north) % (2 * np.pi), np.arcsin(up / range_m), range_m, at_transmission
