"""Where a fix from a power log starts: fingerprints of one sweep of the beams."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from leopnt.antennas.beams import AbstractBeams
from leopnt.constants import WGS84_FLATTENING, WGS84_SEMI_MAJOR_M
from leopnt.errors import LeopntError
from leopnt.inference.nearest import nearest_apart
from leopnt.methods.power.fingerprints import (
    APART,
    AmplitudeTable,
    Starts,
    amplitude_table,
    starts_of,
)
from leopnt.methods.power.geometry import Shell, range_of_gamma
from leopnt.methods.power.inputs import Powers, powers_of_beams
from leopnt.methods.power.link import (
    PowerScene,
    amplitude_of_power,
    cosines,
    power_of_amplitude,
)
from leopnt.methods.power.log import PowerLog
from leopnt.methods.power.log_options import PowerLogOptions

SWEEP_S = 5.0
"""Beams farther apart in time than this, 35 km of orbit, are not taken for one epoch."""

NUM_DIRECTIONS = 3
_LOWEST_RAD = np.radians(2.0)
_INSIDE_LIMB = 0.999
_IMPLAUSIBLE_DB = 15.0


class Sweep(NamedTuple):
    """Rows of one satellite in which each beam occurs at most once, and the middle one of them."""

    rows: Int[np.ndarray, " row"]
    middle: int


def largest_sweep(log: PowerLog) -> Sweep:
    """The sweep with most beams: for beams that are measured at once, the epoch with most.

    Within `SWEEP_S` one state of the satellite stands for all: good enough for a start.
    """
    best: list[int] = []
    for sat in np.unique(log.sat_index):
        rows = np.flatnonzero(log.sat_index == sat)
        rows = rows[np.argsort(log.time_s[rows], kind="stable")]
        current: list[int] = []
        for row in rows.tolist():
            while current and (
                log.beam[row] in log.beam[current]
                or log.time_s[row] - log.time_s[current[0]] > SWEEP_S
            ):
                current.pop(0)
            current.append(row)
            if len(current) > len(best):
                best = list(current)
    return Sweep(np.array(best), best[len(best) // 2])


def start_positions(
    log: PowerLog, antenna: AbstractBeams, options: PowerLogOptions
) -> Float[np.ndarray, "start 3"]:
    """Positions to start from, ECEF, most likely first.

        r_user = r_sat + d (u e_x + v e_y + cos(gamma) e_z)

    The nearest fingerprints of the largest sweep, on the sphere below the satellite at the height
    that is believed; the mirror of the first in the plane in which the satellite moves over
    ground; the user's own, first.

    Raises:
        LeopntError: powers far above what the antenna gives anywhere on the Earth.
    """
    sweep = largest_sweep(log)
    scene, powers = _sphere(log, antenna, options, sweep)
    table = amplitude_table(scene, lowest_rad=_LOWEST_RAD, transmitted=powers.transmitted)
    strongest = float(np.max(np.asarray(table.amplitude)[:, np.asarray(powers.transmitted)[0]]))
    strongest_dbw = float(power_of_amplitude(scene, jnp.asarray(strongest)))
    _check_level(log, options, powers, strongest_dbw)
    starts = (
        starts_of(scene, powers, NUM_DIRECTIONS, table)
        if _knows_level(options)
        else starts_by_shape(scene, powers, table)
    )
    gamma, beta = (np.asarray(x)[0] for x in starts)
    height = float(options.height.mean_m)
    inside = np.minimum(gamma, _INSIDE_LIMB * float(scene.shell.limb_rad(height)))
    range_m = np.asarray(range_of_gamma(scene.shell, jnp.asarray(inside), height))
    sine = np.sin(inside)
    unit = np.stack([sine * np.cos(beta), sine * np.sin(beta), np.cos(inside)], axis=1)
    state = np.asarray(log.sat_pos_ecef_m)[sweep.middle]
    axes = np.asarray(log.axes_ecef)[sweep.middle]
    places = state[None] + range_m[:, None] * (unit @ axes.T)
    normal = np.cross(state, np.asarray(log.sat_vel_ecef_mps)[sweep.middle])
    normal = normal / np.linalg.norm(normal)
    places = np.concatenate([places, places[:1] - 2.0 * (places[0] @ normal) * normal[None]])
    if options.start_ecef_m is None:
        return places
    return np.concatenate([np.asarray(options.start_ecef_m, float)[None], places])


def starts_by_shape(scene: PowerScene, powers: Powers, table: AmplitudeTable) -> Starts:
    """Directions whose amplitudes are most nearly proportional to the measured ones.

    Fingerprints of unit length, over the transmitted beams of one user: the distance between two
    grows with the angle, whatever the level is.
    """
    mask = np.asarray(powers.transmitted)[0]
    y = np.asarray(amplitude_of_power(scene, jnp.asarray(powers.power_dbw)))[:, mask]
    amplitude = np.asarray(table.amplitude)[:, mask]
    length = np.linalg.norm(amplitude, axis=1)
    places = jnp.stack(cosines(table.gamma_rad, table.beta_rad), axis=1)
    found = nearest_apart(
        amplitude / length[:, None], places, y / np.linalg.norm(y), NUM_DIRECTIONS, APART
    )
    row = np.asarray(found.row)
    row = np.where(row < 0, row[:, :1], row)
    return Starts(np.asarray(table.gamma_rad)[row], np.asarray(table.beta_rad)[row])


def _knows_level(options: PowerLogOptions) -> bool:
    """Whether absolute fingerprints may be compared: a prior on the level may be decibels off."""
    return "level_db" not in options.unknowns


def _check_level(log: PowerLog, options: PowerLogOptions, powers: Powers, strongest_dbw) -> None:
    """Refuse powers that the antenna cannot send anywhere on the Earth, whatever the noise."""
    sigma_db = options.level_sigma_db if "level_db" in options.unknowns else 0.0
    allowed_db = _IMPLAUSIBLE_DB + 5.0 * (sigma_db + float(np.max(options.sigma_cal_db)))
    loudest = float(np.max(np.where(powers.transmitted, powers.power_dbw, -np.inf)))
    if loudest > strongest_dbw + allowed_db:
        raise LeopntError(
            f"{log.source or 'power_dbw'}: the strongest power is {loudest:.1f} dBW, and the "
            f"antenna gives at most {strongest_dbw:.1f} dBW on the Earth; dBm (subtract 30), or "
            "another gain or level?"
        )


def _sphere(
    log: PowerLog, antenna: AbstractBeams, options: PowerLogOptions, sweep: Sweep
) -> tuple[PowerScene, Powers]:
    """The sweep as one epoch over a sphere that touches the ellipsoid below the satellite."""
    position = np.asarray(log.sat_pos_ecef_m)[sweep.middle]
    radius = float(np.linalg.norm(position))
    polar = WGS84_SEMI_MAJOR_M * (1.0 - WGS84_FLATTENING)
    stretched = position / np.array([WGS84_SEMI_MAJOR_M, WGS84_SEMI_MAJOR_M, polar])
    earth = radius / float(np.linalg.norm(stretched))
    scene = PowerScene(
        antenna,
        Shell(jnp.asarray(earth), jnp.asarray(radius - earth)),
        jnp.asarray(float(log.carrier_hz[sweep.middle])),
        jnp.asarray(float(options.rx_gain_dbi + options.level_db)),
        jnp.asarray(float(np.median(log.noise_w[sweep.rows]))),
    )
    beams, powers = log.beam[sweep.rows].tolist(), log.power_dbw[sweep.rows].tolist()
    return scene, powers_of_beams(scene, beams, powers)
