"""Doppler logs for tests: the real Iridium set, and circular orbits worked out in inertial axes.

Nothing here uses leopnt's own orbits, light time or Doppler: the Earth turns, satellites and
receiver move in inertial space, and the light time is iterated to convergence.
"""

import csv
import dataclasses
from pathlib import Path

import numpy as np

from leopnt.scenes import DopplerLog

LIGHT_MPS = 299_792_458.0
SPIN_RADPS = 7.292115e-5
SPIN = np.array([0.0, 0.0, SPIN_RADPS])
GM = 3.986004418e14
RADIUS_M, FLATTENING = 6378137.0, 1 / 298.257223563

IRIDIUM = Path(__file__).parents[2] / "examples/data/iridium_hong_kong/iridium_doppler.csv"
IRIDIUM_CARRIER_HZ = 1626270833.0
HONG_KONG_M = np.array([-2418244.985, 5385836.046, 2405675.159])

POSITION = ("rx_pos_ecef_m",)
OFFSET = (*POSITION, "freq_offset_hz")
DRIFT = (*OFFSET, "freq_drift_hzps")


def iridium():
    """218 bursts of Iridium NEXT satellites, received in Hong Kong at a surveyed point."""
    with IRIDIUM.open() as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["sat_id"] for row in rows})

    def columns(*keys):
        return np.array([[float(row[key]) for key in keys] for row in rows])

    return DopplerLog(
        time_s=columns("time_s")[:, 0],
        satellites=tuple(names),
        sat_index=np.array([names.index(row["sat_id"]) for row in rows]),
        doppler_hz=columns("doppler_meas_hz")[:, 0],
        sat_pos_ecef_m=columns("sat_x_m", "sat_y_m", "sat_z_m"),
        sat_vel_ecef_mps=columns("sat_vx_mps", "sat_vy_mps", "sat_vz_mps"),
        carrier_hz=np.full(len(rows), IRIDIUM_CARRIER_HZ),
    )


def ecef(lat_deg, lon_deg, height_m):
    """Textbook formula of a point on WGS 84."""
    lat, lon, e2 = np.radians(lat_deg), np.radians(lon_deg), FLATTENING * (2 - FLATTENING)
    n = RADIUS_M / np.sqrt(1 - e2 * np.sin(lat) ** 2)
    across = (n + height_m) * np.cos(lat)
    z = ((1 - e2) * n + height_m) * np.sin(lat)
    return np.array([across * np.cos(lon), across * np.sin(lon), z])


@dataclasses.dataclass(frozen=True)
class Circle:
    """Circular orbit; angles in radians, `phase` the argument of latitude at time 0."""

    radius_m: float
    inclination: float
    raan: float
    phase: float

    def inertial(self, t):
        """Position and velocity in inertial axes that agree with ECEF at time 0."""
        rate = np.sqrt(GM / self.radius_m**3)
        u = np.asarray(self.phase + rate * t)[..., None]
        node = np.array([np.cos(self.raan), np.sin(self.raan), 0.0])
        ahead = np.array(
            [
                -np.sin(self.raan) * np.cos(self.inclination),
                np.cos(self.raan) * np.cos(self.inclination),
                np.sin(self.inclination),
            ]
        )
        pos = self.radius_m * (np.cos(u) * node + np.sin(u) * ahead)
        return pos, self.radius_m * rate * (np.cos(u) * ahead - np.sin(u) * node)


def pass_over(
    lat_deg, lon_deg, altitude_m, *, inclination_deg=86.4, ascending=True, when_s=0.0, aside_deg=0.0
):
    """Circle that crosses the meridian of a place at its latitude at a time, `aside_deg` east."""
    inclination = np.radians(inclination_deg)
    sine = np.clip(np.sin(np.radians(lat_deg)) / np.sin(inclination), -1.0, 1.0)
    u = np.arcsin(sine) if ascending else np.pi - np.arcsin(sine)
    along = np.arctan2(np.cos(inclination) * np.sin(u), np.cos(u))
    raan = np.radians(lon_deg + aside_deg) - along + SPIN_RADPS * when_s
    radius_m = RADIUS_M + altitude_m
    return Circle(radius_m, inclination, raan, u - np.sqrt(GM / radius_m**3) * when_s)


def earth_axes(t):
    """Rotation from inertial to ECEF axes, (..., 3, 3)."""
    cos, sin = np.cos(SPIN_RADPS * t), np.sin(SPIN_RADPS * t)
    zero, one = np.zeros_like(cos), np.ones_like(cos)
    rows = [[cos, sin, zero], [-sin, cos, zero], [zero, zero, one]]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def observe(orbit, t, place_m, velocity_mps=np.zeros(3), carrier_hz=1.6e9):
    """Doppler (first order in v/c), satellite state at transmission in ECEF, sine of elevation.

    `place_m` is the receiver at time 0.
    """
    t = np.asarray(t, float)
    turn = earth_axes(t)
    here = place_m + t[:, None] * velocity_mps
    rx_pos = np.einsum("nji,nj->ni", turn, here)
    rx_vel = np.einsum("nji,nj->ni", turn, velocity_mps + np.cross(SPIN, here))
    tau = np.zeros_like(t)
    for _ in range(8):
        pos, vel = orbit.inertial(t - tau)
        tau = np.linalg.norm(pos - rx_pos, axis=1) / LIGHT_MPS
    los = (pos - rx_pos) / np.linalg.norm(pos - rx_pos, axis=1, keepdims=True)
    doppler_hz = -carrier_hz / LIGHT_MPS * np.sum(los * (vel - rx_vel), axis=1)
    sent = earth_axes(t - tau)
    pos_ecef = np.einsum("nij,nj->ni", sent, pos)
    vel_ecef = np.einsum("nij,nj->ni", sent, vel) - np.cross(SPIN, pos_ecef)
    up = rx_pos / np.linalg.norm(rx_pos, axis=1, keepdims=True)
    return doppler_hz, pos_ecef, vel_ecef, np.sum(los * up, axis=1)


def noise_free(
    orbits, times_s, place_m, *, mask_deg=10.0, velocity_mps=np.zeros(3), carrier_hz=1.6e9
):
    """Log of all orbits above the mask, without noise, sorted by time."""
    parts = []
    for number, orbit in enumerate(orbits):
        doppler, pos, vel, sine = observe(orbit, times_s, place_m, velocity_mps, carrier_hz)
        up = sine > np.sin(np.radians(mask_deg))
        index = np.full(up.sum(), number)
        parts.append((np.asarray(times_s)[up], index, doppler[up], pos[up], vel[up]))
    time, index, doppler, pos, vel = (np.concatenate(x) for x in zip(*parts, strict=True))
    order = np.lexsort((index, time))
    seen, index = np.unique(index[order], return_inverse=True)
    return DopplerLog(
        time_s=time[order],
        satellites=tuple(f"S{number}" for number in seen),
        sat_index=index,
        doppler_hz=doppler[order],
        sat_pos_ecef_m=pos[order],
        sat_vel_ecef_mps=vel[order],
        carrier_hz=np.full(len(time), float(carrier_hz)),
    )


def noisy(log, sigma_hz, rng, *, offset_hz=0.0, drift_hzps=0.0, sat_offset_hz=None, state=False):
    """The log with noise of `sigma_hz` (scalar or per satellite) and clock errors.

    Args:
        state: write the sigmas into the log.
    """
    sigma = np.broadcast_to(sigma_hz, len(log.satellites))[log.sat_index]
    shift = offset_hz + drift_hzps * (log.time_s - np.mean(log.time_s))
    if sat_offset_hz is not None:
        shift = shift + np.asarray(sat_offset_hz)[log.sat_index]
    return dataclasses.replace(
        log,
        doppler_hz=log.doppler_hz + shift + sigma * rng.normal(size=len(sigma)),
        sigma_hz=sigma.copy() if state else log.sigma_hz,
    )


PLACE_M = ecef(47.0, 8.5, 400.0)


def six_passes(place_deg=(47.0, 8.5), **options):
    """Six arcs of different satellites over a place, 220 to 250 measurements."""
    lat, lon = place_deg
    asides = [(-9, True, -200), (4, False, -60), (12, True, 40), (-3, True, 150), (8, False, 260)]
    asides.append((-14, False, 380))
    orbits = [
        pass_over(lat, lon, 780e3 + 5e3 * k, aside_deg=aside, ascending=up, when_s=when)
        for k, (aside, up, when) in enumerate(asides)
    ]
    return noise_free(orbits, np.arange(-450.0, 650.0, 15.0), ecef(lat, lon, 400.0), **options)
