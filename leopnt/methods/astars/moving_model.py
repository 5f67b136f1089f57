"""The measurement model of several epochs: phases and Dopplers of a receiver that may move.

Through a surface the range rate is that of the surface, which rests, plus the radial motion of the
receiver plus its clock's drift. So Dopplers locate the surface and tell the drift; of a receiver at
rest they tell nothing, of a moving one the speed along the last leg, added to the drift.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from leopnt.constants import EARTH_ROTATION_RADPS, SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.inference.model import Model
from leopnt.inference.parameters import parameter
from leopnt.inference.priors import AbstractPrior
from leopnt.methods.astars.inputs import (
    RANGE_LIMITS_M,
    broadcast,
    check_above_zero,
    check_above_zero_or_none,
    check_ranges,
    check_satellites,
    common_shape,
    finite_array,
)
from leopnt.methods.astars.joint_model import DIRECT, AstarsTheta, Knowledge
from leopnt.noise.gaussian import Gaussian

FASTEST_MPS = 2e4
"""Range rates are below this."""

_NOWHERE_M = np.array([2.0e7, 0.0, 0.0])
"""Satellite of an empty slot."""


class MovingTheta(eqx.Module):
    """Surfaces, which rest, and a receiver in steady motion.

    Attributes:
        surface_pos_ecef_m: S, one row per surface.
        rx_pos_ecef_m: U at time 0.
        rx_vel_ecef_mps: of the receiver, constant.
        clock_bias_m: c times (receiver clock minus system time) at time 0, positive reads late.
        clock_drift_mps: its rate, constant.
    """

    surface_pos_ecef_m: Float[Array | np.ndarray, "*batch surface 3"] = parameter(unit="m")
    rx_pos_ecef_m: Float[Array | np.ndarray, "*batch 3"] = parameter(unit="m")
    rx_vel_ecef_mps: Float[Array | np.ndarray, "*batch 3"] = parameter(unit="m/s")
    clock_bias_m: Float[Array | np.ndarray, "*batch"] = parameter(unit="m")
    clock_drift_mps: Float[Array | np.ndarray, "*batch"] = parameter(unit="m/s")


class MovingLink(eqx.Module):
    """One satellite at one epoch: a range or a range rate.

    Attributes:
        time_s: since the epoch that positions and clock are given for.
        sat_pos_ecef_m, sat_vel_ecef_mps: at transmission, in the axes of the epoch of arrival.
        via: 1 for the surface that relays it, else 0; all 0 for a direct satellite.
        is_rate: 1 for a range rate, 0 for a range.
        sigma: standard deviation, m or m/s; infinite for an empty slot.
    """

    time_s: Float[Array | np.ndarray, "*link"]
    sat_pos_ecef_m: Float[Array | np.ndarray, "*link 3"]
    sat_vel_ecef_mps: Float[Array | np.ndarray, "*link 3"]
    via: Float[Array | np.ndarray, "*link surface"]
    is_rate: Float[Array | np.ndarray, "*link"]
    sigma: Float[Array | np.ndarray, "*link"]


def predict_moving(theta: MovingTheta, shared: None, link: MovingLink) -> Float[Array, ""]:
    """Range [m] or range rate [m/s, positive receding] of one satellite at one epoch.

        L  = |s - S| + |U - S| + b + d t                         U = U_0 + v t
        L' = e . v_s / (1 + e . w_s / c) + u . v + d

    e from S to the satellite, u from S to U, w_s the satellite's inertial velocity. A direct
    satellite has U in the place of S, v_s - v in that of v_s, and no last leg. L' is the derivative
    of L by the time of reception: the divisor is the light time, up to 0.2 m/s for LEO.

    Relativity of clocks is not included; it belongs to the satellite's clock.
    """
    via = jnp.asarray(link.via)
    relayed = jnp.sum(via) > 0.5
    velocity = jnp.asarray(theta.rx_vel_ecef_mps)
    receiver = theta.rx_pos_ecef_m + link.time_s * velocity
    surface = jnp.sum(via[:, None] * jnp.asarray(theta.surface_pos_ecef_m), axis=0)
    # The point that the satellite's ray meets first; from there to itself the way is 0.
    first = jnp.where(relayed, surface, receiver)
    last = jnp.where(relayed, receiver - surface, jnp.array([1.0, 0.0, 0.0]))
    ray, last_m = link.sat_pos_ecef_m - first, jnp.sqrt(jnp.sum(last * last))
    ray_m = jnp.sqrt(jnp.sum(ray * ray))
    clock_m = theta.clock_bias_m + link.time_s * theta.clock_drift_mps
    range_m = ray_m + jnp.where(relayed, last_m, 0.0) + clock_m
    e, sat_vel = ray / ray_m, jnp.asarray(link.sat_vel_ecef_mps)
    closing_mps = jnp.sum(e * jnp.where(relayed, sat_vel, sat_vel - velocity))
    light_time = 1.0 + jnp.sum(e * _inertial(link.sat_pos_ecef_m, sat_vel)) / SPEED_OF_LIGHT_MPS
    last_mps = jnp.where(relayed, jnp.sum(last * velocity) / last_m, 0.0)
    rate_mps = closing_mps / light_time + last_mps + theta.clock_drift_mps
    return jnp.where(jnp.asarray(link.is_rate) > 0.5, rate_mps, range_m)


def moving_noise(shared: None, link: MovingLink) -> Gaussian:
    """Independent Gaussian noise with the link's own sigma."""
    return Gaussian(jnp.asarray(link.sigma))


MOVING_PHASES = Model(predict_moving, moving_noise)
"""Simulate, estimate and bound with it; what is known besides is a `MovingKnowledge`."""


class MovingKnowledge(AbstractPrior):
    """A `Knowledge` about time 0: survey, directions and network time of that epoch."""

    known: Knowledge

    def residual(self, theta: MovingTheta) -> Float[Array, " row"]:
        """As `Knowledge.residual`."""
        at_zero = AstarsTheta(theta.surface_pos_ecef_m, theta.rx_pos_ecef_m, theta.clock_bias_m)
        return self.known.residual(at_zero)


class MovingRows(eqx.Module):
    """Measured ranges [m] and range rates [m/s]; made by `phase_rows` and `doppler_rows`."""

    links: MovingLink
    observed: Float[Array | np.ndarray, "*batch link"]


def phase_rows(
    time_s: Float[ArrayLike, "..."] | float,
    sat_pos_ecef_m: Float[ArrayLike, "*#batch link 3"],
    range_m: Float[ArrayLike, "*#batch link"],
    sigma_m: Float[ArrayLike, "..."] | float,
    surface: Int[ArrayLike, "..."] | int = 0,
    num_surfaces: int = 1,
) -> MovingRows:
    """Ranges of satellites, of one epoch or of several.

    Args:
        time_s: of each, or one for all.
        sat_pos_ecef_m: at transmission, in the axes of the epoch of arrival.
        range_m: L, see `ranges_of_phases`.
        sigma_m: of each, or one for all; infinite for a slot without a satellite, whose position
            and range count for nothing and may be NaN.
        surface: number of the surface of each, `DIRECT` for none; one for all.

    Raises:
        LeopntError: bad satellites or ranges (`inputs`), sigma not above zero, a surface that there
            is not.
    """
    sigma = check_above_zero_or_none("sigma_m", sigma_m)
    satellites = _filled("sat_pos_ecef_m", sat_pos_ecef_m, sigma[..., None], _NOWHERE_M)
    ranges = _filled("range_m", range_m, sigma, RANGE_LIMITS_M[1])
    satellites = check_satellites(satellites, 1)
    ranges = check_ranges("range_m", ranges, satellites)
    still = np.zeros_like(satellites)
    return _rows(time_s, satellites, still, ranges, 0.0, "sigma_m", sigma, surface, num_surfaces)


def doppler_rows(
    time_s: Float[ArrayLike, "..."] | float,
    sat_pos_ecef_m: Float[ArrayLike, "*#batch link 3"],
    sat_vel_ecef_mps: Float[ArrayLike, "*#batch link 3"],
    doppler_hz: Float[ArrayLike, "*#batch link"],
    wavelength_m: float,
    sigma_hz: Float[ArrayLike, "..."] | float,
    surface: Int[ArrayLike, "..."] | int = 0,
    num_surfaces: int = 1,
) -> MovingRows:
    """Dopplers of satellites, as range rates -lambda f_D.

    Args:
        sat_vel_ecef_mps: the derivative of the position, in the same axes: see `received`.
        doppler_hz: positive approaching: minus the rate of the carrier phase.
        Others as `phase_rows`.

    Raises:
        LeopntError: as `phase_rows`; range rates of 20 km/s and more.
    """
    sigma = check_above_zero_or_none("sigma_hz", sigma_hz)
    satellites = _filled("sat_pos_ecef_m", sat_pos_ecef_m, sigma[..., None], _NOWHERE_M)
    velocity = _filled("sat_vel_ecef_mps", sat_vel_ecef_mps, sigma[..., None], 0.0)
    dopplers = _filled("doppler_hz", doppler_hz, sigma, 0.0)
    satellites = check_satellites(satellites, 1)
    wavelength = float(check_above_zero("wavelength_m", wavelength_m))
    velocity = broadcast(
        "sat_vel_ecef_mps", finite_array("sat_vel_ecef_mps", velocity), satellites.shape
    )
    rate = -wavelength * finite_array("doppler_hz", dopplers)
    if np.any(np.abs(rate) >= FASTEST_MPS):
        worst = float(np.max(np.abs(rate)))
        raise LeopntError(
            f"doppler_hz times wavelength_m: {worst:g} m/s; expected below {FASTEST_MPS:g}."
        )
    sigma = wavelength * sigma
    return _rows(time_s, satellites, velocity, rate, 1.0, "sigma_hz", sigma, surface, num_surfaces)


def joined_rows(rows: Sequence[MovingRows]) -> MovingRows:
    """Rows of several kinds or epochs as one.

    Raises:
        LeopntError: no rows, numbers of surfaces or batches that differ.
    """
    counts = {one.links.via.shape[-1] for one in rows}
    if len(counts) != 1:
        raise LeopntError(
            f"rows: of {sorted(counts)} surfaces; expected one number, the same for all."
        )
    batches = {np.shape(one.observed)[:-1] for one in rows}
    if len(batches) != 1:
        raise LeopntError(f"rows: of batches {sorted(batches)}; expected the same for all.")
    axis = len(batches.pop())
    return jax.tree.map(lambda *parts: np.concatenate(parts, axis=axis), *rows)


def _filled(name: str, values, sigma: np.ndarray, harmless):
    """Something that can be in slots that are empty."""
    empty = np.isposinf(sigma)
    if not np.any(empty):
        return values
    common_shape(**{name: np.shape(values), "its sigma": np.shape(sigma)})
    return np.where(empty, harmless, values)


def _rows(time_s, sat_pos, sat_vel, observed, is_rate, name, sigma, surface, num_surfaces):
    batch = common_shape(sat_pos_ecef_m=sat_pos.shape[:-2], observed=observed.shape[:-1])
    shape = (*batch, sat_pos.shape[-2])
    numbers = np.asarray(surface)
    if not np.issubdtype(numbers.dtype, np.integer):
        raise LeopntError(f"surface has type {numbers.dtype}; accepted: integers.")
    if np.any(numbers < DIRECT) or np.any(numbers >= num_surfaces):
        raise LeopntError(
            f"surface: got {numbers.tolist()!r}; expected 0 to {num_surfaces - 1}, or {DIRECT} for "
            "a satellite that is received directly."
        )
    via = broadcast("surface", numbers, shape)[..., None] == np.arange(num_surfaces)
    links = MovingLink(
        np.array(broadcast("time_s", finite_array("time_s", time_s), shape)),
        np.array(broadcast("sat_pos_ecef_m", sat_pos, (*shape, 3))),
        np.array(broadcast("sat_vel_ecef_mps", sat_vel, (*shape, 3))),
        via.astype(float),
        np.full(shape, is_rate),
        np.array(broadcast(name, np.asarray(sigma), shape)),
    )
    return MovingRows(links, np.array(broadcast("observed", observed, shape)))


def _inertial(pos_ecef_m, vel_ecef_mps):
    """Inertial velocity in ECEF axes: v + omega x p."""
    turn = jnp.stack([-pos_ecef_m[1], pos_ecef_m[0], jnp.zeros_like(pos_ecef_m[0])])
    return vel_ecef_mps + EARTH_ROTATION_RADPS * turn
