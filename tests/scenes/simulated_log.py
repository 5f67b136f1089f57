"""A noise-free Doppler log of Iridium over a known place, made without the code under test.

States come from SGP4 at the transmission times; flight time and Doppler are worked out here.
"""

from pathlib import Path

import numpy as np

from leopnt.epochs import Epoch
from leopnt.io.tle import read_tle
from leopnt.orbits.sgp4 import propagate

DATA = Path(__file__).parents[2] / "examples" / "data"
IRIDIUM = DATA / "tle_2025" / "iridium.tle"
START = Epoch.from_iso("2025-12-28T12:00:00Z")
RX_POS_ECEF_M = np.array([-2418244.985, 5385836.046, 2405675.159])
CARRIER_HZ = 1_626_270_833.0
OFFSET_HZ = 12.5
C_MPS, OMEGA_RADPS = 299_792_458.0, 7.292115e-5


def turned(vector, angle):
    """Components of vectors in axes turned about z."""
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y, z = (vector[:, [i]] for i in range(3))
    return np.concatenate([cos * x + sin * y, cos * y - sin * x, z], axis=1)


def link(pos_m, vel_mps, rx_pos_m=RX_POS_ECEF_M):
    """Flight time, Doppler and sine of the geocentric elevation of states at transmission."""
    tau = np.linalg.norm(pos_m - rx_pos_m, axis=1) / C_MPS
    for _ in range(5):
        offset = turned(pos_m, OMEGA_RADPS * tau) - rx_pos_m
        tau = np.linalg.norm(offset, axis=1) / C_MPS
    los = offset / np.linalg.norm(offset, axis=1, keepdims=True)
    rate = np.sum(los * turned(vel_mps, OMEGA_RADPS * tau), axis=1)
    return tau, -CARRIER_HZ * rate / C_MPS, los @ (rx_pos_m / np.linalg.norm(rx_pos_m))


def simulated():
    """Columns of the log: reception epochs, names, numbers, Doppler, states at transmission."""
    elements = read_tle(IRIDIUM)
    since_s = np.arange(0.0, 900.0, 5.0)
    sent = START + since_s
    state = propagate(elements, sent).state
    parts = []
    for i in range(len(elements)):
        pos_m, vel_mps = state.pos_ecef_m[i], state.vel_ecef_mps[i]
        tau, doppler_hz, sine = link(pos_m, vel_mps)
        up = sine > np.sin(np.radians(10))
        parts.append((i, since_s[up], tau[up], doppler_hz[up] + OFFSET_HZ, pos_m[up], vel_mps[up]))
    index = np.concatenate([np.full(len(p[1]), p[0]) for p in parts])
    columns = [np.concatenate([p[k] for p in parts]) for k in range(1, 6)]
    order = np.argsort(columns[0] + columns[1], kind="stable")
    sent_s, tau, doppler_hz, pos_m, vel_mps = (column[order] for column in columns)
    return {
        "sent_s": sent_s,
        "received_s": sent_s + tau,
        "name": [elements.name[i] for i in index[order]],
        "number": elements.norad_cat_id[index[order]],
        "doppler_hz": doppler_hz,
        "pos_m": pos_m,
        "vel_mps": vel_mps,
    }


def csv_text(columns):
    """A log from lists of equal length; floats with all their digits."""
    rows = zip(*columns.values(), strict=True)
    cell = lambda v: repr(float(v)) if isinstance(v, float | np.floating) else str(v)  # noqa: E731
    return "\n".join([",".join(columns), *(",".join(map(cell, row)) for row in rows)]) + "\n"
