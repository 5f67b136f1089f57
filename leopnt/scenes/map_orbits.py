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
        pos_m, vel_mps = circular_states(self.elements, jnp.asarray(t_s))
        return np.asarray(pos_m), np.asarray(vel_mps)


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


@jax.jit
def circular_states(
    elements: KeplerElements, t_s: Float[Array, " epoch"]
) -> tuple[Float[Array, "epoch sat 3"], Float[Array, "epoch sat 3"]]:
    """ECEF positions [m] and velocities [m/s] of circular orbits, their nodes from Greenwich.

        u = M + omega + (M' + omega') t,    W = raan + (raan' - omega_earth) t
        r = a (cos W cos u - sin W cos i sin u, sin W cos u + cos W cos i sin u, sin i sin u)

    as `kepler.ecef_state` with eccentricity 0, without its solution of Kepler's equation.
    """
    rates = secular_rates(elements)
    latitude = elements.arg_perigee_rad + elements.mean_anomaly_rad
    latitude_rate = rates.arg_perigee_radps + rates.mean_anomaly_radps
    node_rate = rates.raan_radps - EARTH_ROTATION_ERA_RADPS
    u = latitude[None, :] + latitude_rate[None, :] * t_s[:, None]
    w = elements.raan_rad[None, :] + node_rate[None, :] * t_s[:, None]
    cos_i, sin_i = (f(elements.inclination_rad)[None, :] for f in (jnp.cos, jnp.sin))
    cos_u, sin_u, cos_w, sin_w = jnp.cos(u), jnp.sin(u), jnp.cos(w), jnp.sin(w)
    a_m = elements.semi_major_axis_m[None, :]
    along = (
        -cos_w * sin_u - sin_w * cos_i * cos_u,
        -sin_w * sin_u + cos_w * cos_i * cos_u,
        sin_i * cos_u,
    )
    x, y = cos_w * cos_u - sin_w * cos_i * sin_u, sin_w * cos_u + cos_w * cos_i * sin_u
    pos = jnp.stack([a_m * x, a_m * y, a_m * sin_i * sin_u], axis=-1)
    turn = jnp.stack([-y, x, jnp.zeros_like(x)], axis=-1) * (node_rate[None, :] * a_m)[..., None]
    return pos, jnp.stack(along, axis=-1) * (latitude_rate[None, :] * a_m)[..., None] + turn


@jax.jit
def _interpolated(ephemeris: Ephemeris, t_s: Float[Array, " epoch"]):
    over_satellites = jax.vmap(ephemeris.state, in_axes=(0, None))
    index = jnp.arange(ephemeris.pos_ecef_m.shape[0])
    state = jax.lax.map(lambda t: over_satellites(index, t), t_s)
    return state.pos_ecef_m, state.vel_ecef_mps
