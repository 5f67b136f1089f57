"""States of all satellites at many epochs, for maps: fast where orbits are circular."""

from __future__ import annotations

import dataclasses

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

    as `kepler.ecef_state` with eccentricity 0, without its solution of Kepler's equation.
    """
    rates = _rates(elements)
    a_m, inclination, raan, argument, anomaly, node_rate, u_rate = (
        np.asarray(one)[None, :]
        for one in (
            elements.semi_major_axis_m,
            elements.inclination_rad,
            elements.raan_rad,
            elements.arg_perigee_rad,
            elements.mean_anomaly_rad,
            rates.raan_radps - EARTH_ROTATION_ERA_RADPS,
            rates.arg_perigee_radps + rates.mean_anomaly_radps,
        )
    )
    t = np.asarray(t_s)[:, None]
    u, w = argument + anomaly + u_rate * t, raan + node_rate * t
    cos_i, sin_i = np.cos(inclination), np.sin(inclination)
    cos_u, sin_u, cos_w, sin_w = a_m * np.cos(u), a_m * np.sin(u), np.cos(w), np.sin(w)
    pos, vel = (np.empty((*u.shape, 3)) for _ in range(2))
    across, along = cos_i * sin_u, cos_i * cos_u
    x, y = cos_w * cos_u - sin_w * across, sin_w * cos_u + cos_w * across
    pos[..., 0], pos[..., 1], pos[..., 2] = x, y, sin_i * sin_u
    vel[..., 0] = -u_rate * (cos_w * sin_u + sin_w * along) - node_rate * y
    vel[..., 1] = u_rate * (cos_w * along - sin_w * sin_u) + node_rate * x
    vel[..., 2] = u_rate * sin_i * cos_u
    return pos, vel


_rates = jax.jit(secular_rates)


@jax.jit
def _interpolated(ephemeris: Ephemeris, t_s: Float[Array, " epoch"]):
    over_satellites = jax.vmap(ephemeris.state, in_axes=(0, None))
    index = jnp.arange(ephemeris.pos_ecef_m.shape[0])
    state = jax.lax.map(lambda t: over_satellites(index, t), t_s)
    return state.pos_ecef_m, state.vel_ecef_mps
