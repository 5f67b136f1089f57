"""A second Doppler solver in plain NumPy, to compare with: Gauss-Newton with numeric derivatives.

Unknowns are named as in `DopplerTheta`; satellites are numbered as in the log.
"""

import numpy as np
from doppler_logs import FLATTENING, GM, LIGHT_MPS, RADIUS_M, SPIN, SPIN_RADPS

J2, EQUATOR_M = 1.0826359e-3, 6378136.6
STEP = {
    "rx_pos_ecef_m": 10.0,
    "rx_vel_ecef_mps": 0.1,
    "freq_offset_hz": 1.0,
    "freq_drift_hzps": 0.01,
    "sat_freq_offset_hz": 1.0,
    "sat_time_offset_s": 0.01,
}


def doppler(log, x):
    """Doppler of every measurement for unknowns in the dictionary x."""
    t = log.time_s - np.mean(log.time_s)
    sat, vel = log.sat_pos_ecef_m, log.sat_vel_ecef_mps
    if "sat_time_offset_s" in x:
        inertial = vel + np.cross(SPIN, sat)
        sat, inertial = fly(sat, inertial, x["sat_time_offset_s"][log.sat_index][:, None])
        vel = inertial - np.cross(SPIN, sat)
    rx_vel = x.get("rx_vel_ecef_mps", np.zeros(3))
    rx = x["rx_pos_ecef_m"] + t[:, None] * rx_vel
    tau = np.zeros(len(t))
    for _ in range(6):
        here = turned(sat, SPIN_RADPS * tau)
        tau = np.linalg.norm(here - rx, axis=1) / LIGHT_MPS
    los = (here - rx) / np.linalg.norm(here - rx, axis=1, keepdims=True)
    rate = np.sum(los * (turned(vel, SPIN_RADPS * tau) - rx_vel), axis=1)
    clock = x.get("freq_offset_hz", 0.0) + x.get("freq_drift_hzps", 0.0) * t
    of_sat = x.get("sat_freq_offset_hz", np.zeros(len(log.satellites)))[log.sat_index]
    return -log.carrier_hz * rate / LIGHT_MPS + clock + of_sat


def turned(vectors, angle):
    """Vectors in axes turned by an angle about z."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = vectors.T
    return np.stack([cos * x + sin * y, cos * y - sin * x, z], axis=1)


def fly(pos, vel, dt):
    """One Runge-Kutta step of an orbit with J2."""

    def acceleration(p):
        r2 = np.sum(p * p, axis=1, keepdims=True)
        z2 = 5 * p[:, 2:] ** 2 / r2
        bulge = 1.5 * J2 * EQUATOR_M**2 / r2 * (z2 - np.array([1.0, 1.0, 3.0]))
        return GM / r2**1.5 * p * (bulge - 1.0)

    k1 = acceleration(pos)
    k2 = acceleration(pos + 0.5 * dt * vel)
    k3 = acceleration(pos + 0.5 * dt * vel + 0.25 * dt**2 * k1)
    k4 = acceleration(pos + dt * vel + 0.5 * dt**2 * k2)
    new_pos = pos + dt * vel + dt**2 / 6 * (k1 + k2 + k3)
    return new_pos, vel + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def height(position):
    """Ellipsoidal height by fixed-point iteration on the latitude."""
    e2 = FLATTENING * (2 - FLATTENING)
    p, z = np.hypot(*position[:2]), position[2]
    lat = np.arctan2(z, p * (1 - e2))
    for _ in range(12):
        n = RADIUS_M / np.sqrt(1 - e2 * np.sin(lat) ** 2)
        lat = np.arctan2(z + e2 * n * np.sin(lat), p)
    return p * np.cos(lat) + z * np.sin(lat) - RADIUS_M * np.sqrt(1 - e2 * np.sin(lat) ** 2)


def solve(log, start, sigma_hz, priors=(), steps=25):
    """Unknowns in the dictionary `start`, by name, and their covariance in that order.

    Args:
        priors: functions of the dictionary of unknowns that return whitened misfits.
    """
    sizes = {name: np.size(value) for name, value in start.items()}
    scale = np.concatenate([np.full(sizes[name], STEP[name]) for name in start])

    def unpacked(vector):
        cuts = np.split(vector, np.cumsum(list(sizes.values()))[:-1])
        return {
            name: cut if np.ndim(start[name]) else cut[0]
            for name, cut in zip(start, cuts, strict=True)
        }

    def residual(vector):
        x = unpacked(vector)
        misfits = [np.atleast_1d(prior(x)) for prior in priors]
        return np.concatenate([(log.doppler_hz - doppler(log, x)) / sigma_hz, *misfits])

    vector = np.concatenate([np.ravel(value) for value in start.values()]).astype(float)
    for _ in range(steps):
        columns = [
            (residual(vector + h * axis) - residual(vector - h * axis)) / (2 * h) * h
            for h, axis in zip(scale, np.eye(len(vector)), strict=True)
        ]
        jacobian = np.stack(columns, axis=1)
        move = np.linalg.lstsq(jacobian, -residual(vector), rcond=None)[0]
        vector = vector + scale * move
        if not np.all(np.isfinite(vector)) or np.abs(move[:3]).max() < 1e-8:
            break
    root = np.linalg.inv(np.linalg.qr(jacobian, mode="r"))
    return unpacked(vector), root @ root.T * np.outer(scale, scale)
