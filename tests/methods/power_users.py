"""The 1200 users of the published tables, their powers, and noisy ones."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from leopnt.antennas.beams import b52
from leopnt.methods.power import (
    Shell,
    Starts,
    amplitude_table,
    fingerprint_search,
    measure,
    power_scene,
    received_power_dbw,
)

RUNS = 10
SHELL = Shell()
SAT_RADIUS_M, EARTH_RADIUS_M = 7571e3, 6371e3
BANDS = {"10-90": (10, 90), "10-30": (10, 30), "30-90": (30, 90)}


class Users(NamedTuple):
    """Truth, one entry per run (users repeated), in plain NumPy triangles."""

    alpha_deg: np.ndarray
    gamma_rad: np.ndarray
    beta_rad: np.ndarray
    range_m: np.ndarray
    distance_m: np.ndarray
    height_m: np.ndarray

    def band(self, low, high):
        return (self.alpha_deg > low) & (self.alpha_deg < high)

    def position_m(self):
        return position_m(self.gamma_rad, self.beta_rad, self.range_m)


def position_m(gamma, beta, d):
    up = SAT_RADIUS_M - d * np.cos(gamma)
    return np.stack([d * np.sin(gamma) * np.cos(beta), d * np.sin(gamma) * np.sin(beta), up], -1)


def position_error_m(fix, users):
    found = position_m(fix.gamma_rad, fix.beta_rad, fix.range_m)
    return np.linalg.norm(found - users.position_m(), axis=1)


@functools.cache
def scene():
    return power_scene(b52())


def users_at(alpha_deg, beta_deg, height_m=0.0):
    alpha, radius = np.radians(alpha_deg), EARTH_RADIUS_M + height_m
    gamma = np.arcsin(radius / SAT_RADIUS_M * np.cos(alpha))
    d = np.sqrt(SAT_RADIUS_M**2 - (radius * np.cos(alpha)) ** 2) - radius * np.sin(alpha)
    x = radius * np.tan(np.pi / 2 - alpha - gamma)
    height = np.broadcast_to(height_m, gamma.shape)
    return Users(np.asarray(alpha_deg), gamma, np.radians(beta_deg), d, x, height)


def grid(runs=RUNS, height_m=0.0):
    alpha, beta = np.meshgrid(10.5 + 2 * np.arange(40), 3.7 + 12 * np.arange(30), indexing="ij")
    return users_at(np.repeat(alpha.ravel(), runs), np.repeat(beta.ravel(), runs), height_m)


@functools.cache
def _drawer():
    def one(key, gamma, beta, d):
        return measure(scene(), key, received_power_dbw(scene(), gamma, beta, d))

    return jax.jit(jax.vmap(one))


def drawn_dbw(users, seed=0):
    keys = jax.random.split(jax.random.key(seed), len(users.gamma_rad))
    truth = (jnp.asarray(x) for x in (users.gamma_rad, users.beta_rad, users.range_m))
    return np.asarray(_drawer()(keys, *truth))


@functools.cache
def grid_draws(seed=0):
    """Measured powers of the grid's 12 000 runs."""
    return drawn_dbw(grid(), seed)


def nearest_start(power_dbw) -> Starts:
    return fingerprint_search(scene(), amplitude_table(scene()), power_dbw)
