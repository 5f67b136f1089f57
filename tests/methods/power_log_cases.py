"""Power logs of an Iridium satellite over Munich, and of one epoch over a sphere."""

import dataclasses
import functools
from pathlib import Path

import jax
import numpy as np

from leopnt.antennas.beams import b52
from leopnt.epochs import Epoch
from leopnt.io.tle import read_tle
from leopnt.methods.power import (
    DopplerPlan,
    PowerLog,
    all_beams,
    draw_powers,
    noise_of_integration,
    rows_from_ephemeris,
    simulate_log,
)
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.orbits.sgp4 import AnyAge
from leopnt.scenes.sky_scene import Place

ELEMENTS = Path(__file__).parents[2] / "examples" / "data" / "tle_2025" / "iridium.tle"
START = Epoch.from_iso("2025-12-28T18:42:10Z")
SATELLITE = 32
MUNICH_M = np.asarray(Place(48.14, 11.58, 520.0).pos_ecef_m)
ANTENNA = b52()
CARRIER_HZ = 1.6e9
NOISE_W = 1.380649e-23 * 290.0 * 1000.0


@functools.cache
def ephemeris():
    return Ephemeris.from_sgp4(read_tle(ELEMENTS), START, 120.0, age_gate=AnyAge())


@jax.jit
def _positions(ephemeris, time_s):
    return jax.vmap(lambda t: ephemeris.state(SATELLITE, t).pos_ecef_m)(time_s)


def positions(time_s):
    """Where the satellite is at some times."""
    return np.asarray(_positions(ephemeris(), time_s))


@functools.cache
def rows(num_epochs=1, step_s=10.0):
    """All beams at some epochs, without powers."""
    schedule = all_beams(ANTENNA, 30.0 + step_s * np.arange(num_epochs))
    return rows_from_ephemeris(ephemeris(), SATELLITE, schedule, MUNICH_M)


def measured(log, seed=0, **given):
    return draw_powers(log, ANTENNA, MUNICH_M, jax.random.key(seed), **given)


@functools.cache
def with_doppler(num_epochs=1, seed=0):
    schedule = all_beams(ANTENNA, 30.0 + 10.0 * np.arange(num_epochs))
    plan = DopplerPlan(30.0 + 2.0 * np.arange(30.0), 5.0, 120.0)
    key = jax.random.key(seed)
    return simulate_log(ephemeris(), SATELLITE, ANTENNA, schedule, MUNICH_M, key, doppler=plan)


def without_doppler(log):
    return dataclasses.replace(log, doppler=None)


def turn(seed):
    """A rotation drawn by QR of a random matrix."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))[None, :]
    return q * np.sign(np.linalg.det(q))


def one_epoch(power_dbw, axes, sat_radius_m=7571e3):
    """Powers of all beams at one epoch, axes as columns, the boresight to the Earth's center."""
    count = len(power_dbw)
    position = -sat_radius_m * axes[:, 2]
    velocity = 7e3 * axes[:, 0]
    return PowerLog(
        time_s=np.zeros(count),
        satellites=("satellite",),
        sat_index=np.zeros(count, int),
        beam=np.arange(count),
        power_dbw=np.asarray(power_dbw, float),
        sat_pos_ecef_m=np.tile(position, (count, 1)),
        sat_vel_ecef_mps=np.tile(velocity, (count, 1)),
        axes_ecef=np.tile(axes, (count, 1, 1)),
        carrier_hz=np.full(count, CARRIER_HZ),
        noise_w=np.full(count, float(noise_of_integration(1e-3))),
    )
