"""The measurement model of one receiver's phases, direct or relayed, and what else is known."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.inference.model import Model
from leopnt.inference.parameters import parameter
from leopnt.inference.priors import AbstractPrior
from leopnt.methods.astars.inputs import (
    broadcast,
    check_above_zero_or_none,
    check_directions,
    check_ranges,
    check_satellites,
    common_shape,
    finite_array,
)
from leopnt.noise.gaussian import Gaussian

DIRECT = -1
"""Number of the surface, for a satellite that is received without one."""


UNKNOWNS_OF_RECEIVER = 4
"""Its position and its clock."""


class AstarsTheta(eqx.Module):
    """Surfaces, receiver and its clock.

    Attributes:
        surface_pos_ecef_m: S, one row per surface.
        rx_pos_ecef_m: U.
        clock_bias_m: c times (receiver clock minus system time), positive reads late: -c T_u.
    """

    surface_pos_ecef_m: Float[Array | np.ndarray, "*batch surface 3"] = parameter(unit="m")
    rx_pos_ecef_m: Float[Array | np.ndarray, "*batch 3"] = parameter(unit="m")
    clock_bias_m: Float[Array | np.ndarray, "*batch"] = parameter(unit="m")


class RelayLink(eqx.Module):
    """One satellite.

    Attributes:
        sat_pos_ecef_m: at transmission, in the axes of the epoch of reception.
        via: 1 for the surface that relays it, else 0; all 0 for a direct satellite.
        sigma_m: standard deviation of its range.
    """

    sat_pos_ecef_m: Float[Array | np.ndarray, "*link 3"]
    via: Float[Array | np.ndarray, "*link surface"]
    sigma_m: Float[Array | np.ndarray, "*link"]


def predict_relayed(theta: AstarsTheta, shared: None, link: RelayLink) -> Float[Array, ""]:
    """Range [m] of one satellite, direct or by way of a surface, clock included.

    L = |s - S| + |U - S| - c T_u,   or   |s - U| - c T_u
    """
    via = jnp.asarray(link.via)
    surface = jnp.sum(via[:, None] * jnp.asarray(theta.surface_pos_ecef_m), axis=0)
    satellite, receiver = jnp.asarray(link.sat_pos_ecef_m), jnp.asarray(theta.rx_pos_ecef_m)
    relayed = jnp.sum(via) > 0.5
    # The point that the satellite's ray meets first; from there to itself the way is 0.
    first = jnp.where(relayed, surface, receiver)
    last = jnp.where(relayed, receiver - surface, jnp.array([1.0, 0.0, 0.0]))
    ray = satellite - first
    leg_m = jnp.where(relayed, jnp.sqrt(jnp.sum(last * last)), 0.0)
    return jnp.sqrt(jnp.sum(ray * ray)) + leg_m + jnp.asarray(theta.clock_bias_m)


def relay_noise(shared: None, link: RelayLink) -> Gaussian:
    """Independent Gaussian noise with the link's own sigma."""
    return Gaussian(jnp.asarray(link.sigma_m))


RELAYED_PHASES = Model(predict_relayed, relay_noise)
"""Simulate, estimate and bound with it; what is known besides is a `Knowledge`."""


class Knowledge(AbstractPrior):
    """What is known besides the phases; an infinite sigma means not known. Made by `knowledge`.

    Attributes:
        surface_pos_ecef_m, sigma_survey_m: surveyed surfaces, and the sigma of each component.
        departure, sigma_aod_rad: measured directions from the surfaces to the receiver, and the
            sigma on each of two axes across them.
        clock_bias_s, sigma_sync_s: network time: receiver clock minus system time.
    """

    surface_pos_ecef_m: Float[Array | np.ndarray, "*batch surface 3"]
    sigma_survey_m: Float[Array | np.ndarray, "*batch surface"]
    departure: Float[Array | np.ndarray, "*batch surface 3"]
    sigma_aod_rad: Float[Array | np.ndarray, "*batch surface"]
    clock_bias_s: Float[Array | np.ndarray, "*batch"]
    sigma_sync_s: Float[Array | np.ndarray, "*batch"]

    def residual(self, theta: AstarsTheta) -> Float[Array, " row"]:
        """Survey (3 per surface), directions (2 per surface), clock; each over its sigma."""
        surfaces = jnp.asarray(theta.surface_pos_ecef_m)
        survey = (surfaces - self.surface_pos_ecef_m) / jnp.asarray(self.sigma_survey_m)[:, None]
        offset = jnp.asarray(theta.rx_pos_ecef_m)[None, :] - surfaces
        unit = offset / jnp.sqrt(jnp.sum(offset * offset, axis=1))[:, None]
        axes = jax.vmap(transverse_axes)(jnp.asarray(self.departure))
        aod = jnp.sum(axes * unit[:, None, :], axis=2) / jnp.asarray(self.sigma_aod_rad)[:, None]
        sync_m = SPEED_OF_LIGHT_MPS * jnp.asarray(self.sigma_sync_s)
        clock = (theta.clock_bias_m - SPEED_OF_LIGHT_MPS * self.clock_bias_s) / sync_m
        return jnp.concatenate([survey.ravel(), aod.ravel(), jnp.reshape(clock, (1,))])


def numbers_about_receiver(
    phases: RelayedPhases, known: Knowledge
) -> tuple[Int[Array, "*batch"], Int[Array, "*batch"], Int[Array, "*batch"], Int[Array, "*batch"]]:
    """How many numbers tell of the receiver and its clock.

    One for each surface that relays anything, one for each direct satellite, two for each direction
    from a surface that is surveyed or relays anything, one for network time. Surfaces are taken as
    surveyed, or found by four satellites of their own.
    """
    via, there = jnp.asarray(phases.links.via), jnp.isfinite(phases.links.sigma_m)
    used = jnp.any((via > 0.5) & there[..., None], axis=-2)
    direct = jnp.sum((jnp.sum(via, axis=-1) < 0.5) & there, axis=-1)
    stands = used | jnp.isfinite(known.sigma_survey_m)
    pointed = jnp.sum(stands & jnp.isfinite(known.sigma_aod_rad), axis=-1)
    sync = jnp.isfinite(known.sigma_sync_s).astype(int)
    return jnp.sum(used, axis=-1), direct, 2 * pointed, sync


def transverse_axes(direction: Float[Array, "3"]) -> Float[Array, "2 3"]:
    """Two unit vectors across a unit vector, and across each other.

    Source: Duff et al., J. Comput. Graph. Tech. 6 (2017) 1, listing 3.
    """
    x, y, z = direction
    sign = jnp.where(z >= 0.0, 1.0, -1.0)
    a = -1.0 / (sign + z)
    b = x * y * a
    first = jnp.stack([1.0 + sign * x * x * a, sign * b, -sign * x])
    return jnp.stack([first, jnp.stack([b, sign + y * y * a, -y])])


class RelayedPhases(eqx.Module):
    """Measured ranges of all satellites of one epoch; made by `relayed_phases`."""

    links: RelayLink
    range_m: Float[Array | np.ndarray, "*batch link"]


def relayed_phases(
    sat_pos_ecef_m: Float[ArrayLike, "*#batch link 3"],
    range_m: Float[ArrayLike, "*#batch link"],
    sigma_m: Float[ArrayLike, "..."] | float,
    surface: Int[ArrayLike, " link"] | int = 0,
    num_surfaces: int = 1,
) -> RelayedPhases:
    """Ranges and the surface that relays each.

    Args:
        range_m: L, see `ranges_of_phases`.
        sigma_m: of each range, or one for all; infinite for a slot without a satellite, whose
            position and range count for nothing.
        surface: number of the surface of each satellite, `DIRECT` for none; one for all.

    Raises:
        LeopntError: bad satellites or ranges (`inputs`), sigma not above zero, a surface that there
            is not.
    """
    satellites = check_satellites(sat_pos_ecef_m, 1)
    ranges = check_ranges("range_m", range_m, satellites)
    batch = common_shape(sat_pos_ecef_m=satellites.shape[:-2], range_m=ranges.shape[:-1])
    shape = (*batch, satellites.shape[-2])
    sigma = broadcast("sigma_m", check_above_zero_or_none("sigma_m", sigma_m), shape)
    numbers = np.asarray(surface)
    if num_surfaces < 1:
        raise LeopntError(f"num_surfaces = {num_surfaces}: expected 1 or more, used or not.")
    if not np.issubdtype(numbers.dtype, np.integer):
        raise LeopntError(f"surface has type {numbers.dtype}; accepted: integers.")
    if np.any(numbers < DIRECT) or np.any(numbers >= num_surfaces):
        raise LeopntError(
            f"surface: got {numbers.tolist()!r}; expected 0 to {num_surfaces - 1}, or {DIRECT} for "
            "a satellite that is received directly."
        )
    via = broadcast("surface", numbers, shape)[..., None] == np.arange(num_surfaces)
    links = RelayLink(
        np.array(broadcast("sat_pos_ecef_m", satellites, (*shape, 3))),
        via.astype(float),
        np.array(sigma),
    )
    return RelayedPhases(links, np.array(broadcast("range_m", ranges, shape)))


def knowledge(
    *,
    surface_pos_ecef_m: Float[ArrayLike, "*#batch surface 3"] | None = None,
    sigma_survey_m: Float[ArrayLike, "..."] | float = 0.01,
    departure: Float[ArrayLike, "*#batch surface 3"] | None = None,
    sigma_aod_rad: Float[ArrayLike, "..."] | float | None = None,
    clock_bias_s: Float[ArrayLike, "*#batch"] | float | None = None,
    sigma_sync_s: Float[ArrayLike, "..."] | float | None = None,
    num_surfaces: int = 1,
) -> Knowledge:
    """What is known of surfaces, directions and the clock; what is left out is not known.

    An infinite sigma says so of one surface of several, whose vector then counts for nothing.

    Args:
        surface_pos_ecef_m: surveyed positions, with a sigma of 1 cm unless told otherwise.
        departure: unit vectors from the surfaces to the receiver.
        sigma_aod_rad: on each of two axes across; needed with `departure`.
        clock_bias_s: the network's value of the receiver clock, positive reads late.
        sigma_sync_s: needed with `clock_bias_s`.

    Raises:
        LeopntError: shapes that are not (..., num_surfaces, 3), no unit vectors, sigmas missing or
            not above zero, not finite.
    """
    up = np.array([0.0, 0.0, 1.0])
    survey = _of_surfaces(
        "surface_pos_ecef_m", surface_pos_ecef_m, sigma_survey_m, num_surfaces, 0 * up
    )
    aod = _of_surfaces("departure", departure, sigma_aod_rad, num_surfaces, up)
    if aod is not None:
        check_directions("departure", aod)
    clock = None if clock_bias_s is None else finite_array("clock_bias_s", clock_bias_s)
    batch = common_shape(
        surface_pos_ecef_m=() if survey is None else survey.shape[:-2],
        departure=() if aod is None else aod.shape[:-2],
        clock_bias_s=() if clock is None else clock.shape,
    )
    each = (*batch, num_surfaces)
    return Knowledge(
        _filled(survey, np.zeros(3), (*each, 3)),
        _sigma("sigma_survey_m", sigma_survey_m, survey, each),
        _filled(aod, up, (*each, 3)),
        _sigma("sigma_aod_rad", sigma_aod_rad, aod, each),
        _filled(clock, np.zeros(()), batch),
        _sigma("sigma_sync_s", sigma_sync_s, clock, batch),
    )


def _of_surfaces(name, value, sigma, num_surfaces: int, default: np.ndarray):
    """Vectors of the surfaces; the default where the sigma says that there is none."""
    if value is None:
        return None
    found = np.asarray(value)
    if found.ndim < 2 or found.shape[-2:] != (num_surfaces, 3):
        raise LeopntError(f"{name} has shape {found.shape}; accepted: (..., {num_surfaces}, 3).")
    if sigma is None or not np.any(np.isposinf(sigma)):
        return finite_array(name, value)
    none = np.isposinf(np.asarray(sigma, float))[..., None]
    shape = common_shape(**{name: found.shape[:-1], f"the sigma of {name}": none.shape[:-1]})
    if shape[-1:] != (num_surfaces,):
        raise LeopntError(
            f"the sigma of {name} has shape {none.shape[:-1]}; accepted: ({num_surfaces},) or one."
        )
    return finite_array(name, np.where(none, default, found))


def _filled(value: np.ndarray | None, default: np.ndarray, shape) -> np.ndarray:
    return np.array(np.broadcast_to(default if value is None else value, shape))


def _sigma(name: str, sigma, value: np.ndarray | None, shape) -> np.ndarray:
    if value is None:
        return np.full(shape, np.inf)
    if sigma is None:
        raise LeopntError(f"{name}: missing; expected a standard deviation for what is given.")
    return np.array(broadcast(name, check_above_zero_or_none(name, sigma), shape))
