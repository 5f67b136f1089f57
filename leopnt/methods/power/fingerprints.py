"""Where to start: amplitudes of all beams, predicted on a grid of directions.

Amplitudes over sqrt(N) have equal, independent noise, so that their squared distance is the
likelihood; beams below the noise count as they should.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from leopnt.antennas._inputs import check_positive
from leopnt.errors import LeopntError
from leopnt.inference.nearest import nearest, nearest_apart
from leopnt.methods.power.geometry import gamma_of_elevation, range_of_elevation
from leopnt.methods.power.inputs import Powers
from leopnt.methods.power.link import PowerScene, amplitude_of_power, cosines, received_power_dbw

APART = 0.15
"""Starts differ by more than this in (u, v): most of the width of a beam."""


class Starts(NamedTuple):
    """Directions to start from, best first."""

    gamma_rad: Float[Array | np.ndarray, "user start"]
    beta_rad: Float[Array | np.ndarray, "user start"]


class AmplitudeTable(eqx.Module):
    """Predicted A / sqrt(N) of every beam on a grid of directions, users at one height.

    Attributes:
        gamma_rad, beta_rad: of each entry.
        amplitude: (entry, beam).
    """

    gamma_rad: Float[Array, " entry"]
    beta_rad: Float[Array, " entry"]
    amplitude: Float[Array, "entry beam"]


def amplitude_table(
    scene: PowerScene,
    *,
    elevation_step_rad: float = np.radians(1.0),
    azimuth_step_rad: float = np.radians(2.5),
    lowest_rad: float = np.radians(10.0),
    transmitted: Bool[np.ndarray, "*user beam"] | None = None,
) -> AmplitudeTable:
    """Fingerprints of users at h = 0, by default 81 elevations times 144 azimuths.

    Directions that a measured pattern does not cover are left out.

    Args:
        lowest_rad: elevation that the grid begins with; it ends at 90 degrees.
        transmitted: False for beams that do not count; where those are not known, entries hold 0.

    Raises:
        LeopntError: steps that are not above zero, a lowest elevation of 90 degrees or more, an
            antenna that is not known anywhere on the Earth.
    """
    check_positive("rad", elevation_step_rad=elevation_step_rad, azimuth_step_rad=azimuth_step_rad)
    if not 0.0 < lowest_rad < np.pi / 2:
        raise LeopntError(f"lowest_rad = {lowest_rad:g} rad: expected above 0, below pi/2.")
    alphas = np.linspace(
        lowest_rad, np.pi / 2, 1 + _count(np.pi / 2 - lowest_rad, elevation_step_rad)
    )
    betas = 2.0 * np.pi * np.arange(_count(2.0 * np.pi, azimuth_step_rad))
    alpha, beta = np.meshgrid(alphas, betas / _count(2.0 * np.pi, azimuth_step_rad), indexing="ij")
    table = _table(scene, jnp.asarray(alpha.ravel()), jnp.asarray(beta.ravel()))
    if transmitted is None:
        return _covered(table, np.ones(scene.antenna.num_beams, bool))
    return _covered(table, np.any(np.atleast_2d(transmitted), axis=0))


def _covered(table: AmplitudeTable, counts: Bool[np.ndarray, " beam"]) -> AmplitudeTable:
    """Entries whose beams are known, of those that count: patterns may cover part of the Earth."""
    finite = np.isfinite(np.asarray(table.amplitude))
    known = np.all(finite[:, counts], axis=1)
    if not known.any():
        raise LeopntError(
            "the antenna is known in no direction of the fingerprint grid; expected patterns that "
            "cover some of the Earth, all transmitted beams in the same directions."
        )
    if finite.all():
        return table
    table = eqx.tree_at(lambda own: own.amplitude, table, jnp.where(finite, table.amplitude, 0.0))
    return jax.tree.map(lambda leaf: leaf[known], table)


def _count(span: float, step: float) -> int:
    return max(1, round(span / step))


@eqx.filter_jit
def _table(scene: PowerScene, alpha, beta) -> AmplitudeTable:
    gamma = jax.vmap(lambda a: gamma_of_elevation(scene.shell, a))(alpha)
    range_m = jax.vmap(lambda a: range_of_elevation(scene.shell, a))(alpha)
    power = jax.vmap(lambda g, b, d: received_power_dbw(scene, g, b, d))(gamma, beta, range_m)
    return AmplitudeTable(gamma, beta, amplitude_of_power(scene, power))


def fingerprint_search(
    scene: PowerScene,
    table: AmplitudeTable,
    power_dbw: ArrayLike,
    count: int = 1,
    *,
    transmitted: Bool[np.ndarray, "user beam"] | None = None,
) -> Starts:
    """The nearest directions of each user, azimuth unknown, over all beams.

    Args:
        power_dbw: (user, beam) measured.
        count: how many; neighbors of the best in the grid are most of them. See `starts_of`.
    """
    y = amplitude_of_power(scene, jnp.asarray(power_dbw, float))
    found = nearest(table.amplitude, y, count, used=transmitted).row
    return Starts(np.asarray(table.gamma_rad)[found], np.asarray(table.beta_rad)[found])


def starts_of(
    scene: PowerScene, powers: Powers, count: int = 2, table: AmplitudeTable | None = None
) -> Starts:
    """Directions to start from: the nearest fingerprint, then the nearest one elsewhere."""
    if table is None:
        table = amplitude_table(scene, transmitted=np.asarray(powers.transmitted))
    y = amplitude_of_power(scene, jnp.asarray(powers.power_dbw))
    places = jnp.stack(cosines(table.gamma_rad, table.beta_rad), axis=1)
    mask = None if np.all(powers.transmitted) else powers.transmitted
    found = np.asarray(nearest_apart(table.amplitude, places, y, count, APART, used=mask).row)
    found = np.where(found < 0, found[:, :1], found)
    return Starts(np.asarray(table.gamma_rad)[found], np.asarray(table.beta_rad)[found])
