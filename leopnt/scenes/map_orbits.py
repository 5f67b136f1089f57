"""States of all satellites at many epochs, for maps: fast where orbits are circular."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.constants import EARTH_ROTATION_ERA_RADPS
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.orbits.kepler import KeplerElements, secular_rates


@dataclasses.dataclass(frozen=True, eq=False)
class CircularOrbits:
    """Circular orbits with J2 drift, their nodes counted from Greenwich at t = 0."""

    elements: KeplerElements

    def states(
        self, t_s: Float[np.ndarray, " epoch"]
    ) -> tuple[Float[np.ndarray, "epoch sat 3"], Float[np.ndarray, "epoch sat 3"]]:
        """ECEF positions and velocities; see `circular_states`."""
        return circular_states(self.elements, t_s)


@dataclasses.dataclass(frozen=True, eq=False)
class InterpolatedOrbits:
    """Any satellites, through an ephemeris; t_s counts from its reference."""

    ephemeris: Ephemeris

    def states(
        self, t_s: Float[np.ndarray, " epoch"]
    ) -> tuple[Float[np.ndarray, "epoch sat 3"], Float[np.ndarray, "epoch sat 3"]]:
        """ECEF positions and velocities; NaN where there is no state."""
        pos_m, vel_mps = _interpolated(self.ephemeris, jnp.asarray(t_s))
        return np.asarray(pos_m), np.asarray(vel_mps)


MapOrbits = CircularOrbits | InterpolatedOrbits


def circular_states(
    elements: KeplerElements, t_s: Float[np.ndarray, " epoch"]
) -> tuple[Float[np.ndarray, "epoch sat 3"], Float[np.ndarray, "epoch sat 3"]]:
    """ECEF positions [m] and velocities [m/s] of circular orbits, their nodes from Greenwich.

        u = M + omega + (M' + omega') t,    W = raan + (raan' - omega_earth) t
        r = a (cos W cos u - sin W cos i sin u, sin W cos u + cos W cos i sin u, sin i sin u)

    as `kepler.ecef_state` with eccentricity 0, without its solution of Kepler's equation. Quick
    where neighbors share their rates, as those of a shell do: their states are products of six
    functions of time and six vectors of each satellite.
    """
    rates = _rates(elements)
    node_rate = np.asarray(rates.raan_radps) - EARTH_ROTATION_ERA_RADPS
    u_rate = np.asarray(rates.arg_perigee_radps + rates.mean_anomaly_radps)
    vectors, t = _vectors(elements), np.asarray(t_s)
    pos, vel = (np.empty((len(t), len(u_rate), 3)) for _ in range(2))
    for shell in _runs(u_rate, node_rate):
        turns, change = _turns(u_rate[shell][0], node_rate[shell][0], t)
        np.einsum("et,tsx->esx", turns, vectors[:, shell], out=pos[:, shell])
        np.einsum("et,tsx->esx", change, vectors[:, shell], out=vel[:, shell])
    return pos, vel


def _runs(*columns: Float[np.ndarray, " sat"]) -> Iterator[slice]:
    """Neighbors that are alike in all columns."""
    differs = np.any([np.diff(one) != 0.0 for one in columns], axis=0)
    edges = [0, *(np.flatnonzero(differs) + 1).tolist(), len(columns[0])]
    yield from map(slice, edges[:-1], edges[1:])


def _vectors(elements: KeplerElements) -> Float[np.ndarray, "6 sat 3"]:
    """Positions P at t = 0 and Q a quarter of a turn ahead, in parts that a turn mixes.

    P and Q across the Earth's axis, the same turned by a right angle, and P and Q along the axis.
    """
    inclination, raan, argument, anomaly = (
        np.asarray(one)
        for one in (
            elements.inclination_rad,
            elements.raan_rad,
            elements.arg_perigee_rad,
            elements.mean_anomaly_rad,
        )
    )
    cos_u, sin_u = np.cos(argument + anomaly), np.sin(argument + anomaly)
    cos_w, sin_w, cos_i = np.cos(raan), np.sin(raan), np.cos(inclination)
    found = np.zeros((6, len(raan), 3))
    for number, (along, across) in enumerate(((cos_u, sin_u), (-sin_u, cos_u))):
        x, y = cos_w * along - sin_w * cos_i * across, sin_w * along + cos_w * cos_i * across
        found[number, :, 0], found[number, :, 1] = x, y
        found[2 + number, :, 0], found[2 + number, :, 1] = -y, x
        found[4 + number, :, 2] = np.sin(inclination) * across
    return np.asarray(elements.semi_major_axis_m)[None, :, None] * found


def _turns(
    u_rate: float, node_rate: float, t: Float[np.ndarray, " epoch"]
) -> tuple[Float[np.ndarray, "epoch 6"], Float[np.ndarray, "epoch 6"]]:
    """Factors of the six vectors at each epoch, and their change with time."""
    c, s, cw, sw = (f(rate * t) for rate in (u_rate, node_rate) for f in (np.cos, np.sin))
    n, w = u_rate, node_rate
    turns = c * cw, s * cw, c * sw, s * sw, c, s
    change = (
        -n * s * cw - w * c * sw,
        n * c * cw - w * s * sw,
        w * c * cw - n * s * sw,
        n * c * sw + w * s * cw,
        -n * s,
        n * c,
    )
    return np.stack(turns, axis=1), np.stack(change, axis=1)


_rates = jax.jit(secular_rates)


@jax.jit
def _interpolated(ephemeris: Ephemeris, t_s: Float[Array, " epoch"]):
    over_satellites = jax.vmap(ephemeris.state, in_axes=(0, None))
    index = jnp.arange(ephemeris.pos_ecef_m.shape[0])
    state = jax.lax.map(lambda t: over_satellites(index, t), t_s)
    return state.pos_ecef_m, state.vel_ecef_mps
