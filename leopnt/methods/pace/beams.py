"""Downlink beams that carry the positioning pilots: one per user, or one straight down."""

from __future__ import annotations

import abc
import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from leopnt.antennas.steering import UniformPlanarArray, dirichlet_power


class AbstractPilotBeam(abc.ABC):
    """Beamformer F of one satellite, scaled to a total power ||F||_F^2. A new one defines both."""

    @abc.abstractmethod
    def matrix(
        self,
        array: UniformPlanarArray,
        az_rad: Float[Array, " user"],
        el_rad: Float[Array, " user"],
        power_w: Float[Array, ""] | float,
    ) -> Complex[Array, "ant stream"]:
        """F [sqrt(W)], a column per stream of pilots.

        Args:
            array: of the satellite.
            az_rad, el_rad: where the satellite believes its users.
            power_w: ||F||_F^2, power per subcarrier.
        """

    @abc.abstractmethod
    def power_towards(
        self,
        array: UniformPlanarArray,
        az_rad: Float[Array, " user"],
        el_rad: Float[Array, " user"],
        power_w: Float[Array, ""] | float,
    ) -> Float[Array, " user"]:
        """||F^T a||^2 [W] at each user that a beam is meant for, without forming F."""


@dataclasses.dataclass(frozen=True)
class UserBeams(AbstractPilotBeam):
    """PAB: a beam towards each user, F = zeta [conj(a_1), ..., conj(a_U)].

    Source: [zhang-pace] Sec. III-A.
    """

    def matrix(self, array, az_rad, el_rad, power_w):
        columns = jnp.conj(jax.vmap(array.steering)(az_rad, el_rad)).T
        return jnp.sqrt(power_w / columns.size) * columns

    def power_towards(self, array, az_rad, el_rad, power_w):
        turn_h, turn_v = array.turns(az_rad, el_rad)
        kernel = _pair_power(array.num_h, turn_h) * _pair_power(array.num_v, turn_v)
        return power_w * array.num_ant * jnp.mean(kernel, axis=0)


@dataclasses.dataclass(frozen=True)
class VerticalBeam(AbstractPilotBeam):
    """VDB: one beam straight down, F = zeta 1."""

    def matrix(self, array, az_rad, el_rad, power_w):
        return jnp.sqrt(power_w / array.num_ant) * jnp.ones((array.num_ant, 1), complex)

    def power_towards(self, array, az_rad, el_rad, power_w):
        turn_h, turn_v = array.turns(az_rad, el_rad)
        kernel = dirichlet_power(array.num_h, turn_h) * dirichlet_power(array.num_v, turn_v)
        return power_w * array.num_ant * kernel


def _pair_power(num: int, turn: Float[Array, " user"]) -> Float[Array, "user user"]:
    return dirichlet_power(num, turn[:, None] - turn[None, :])
