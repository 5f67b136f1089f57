"""Phase wind-up: a circularly polarized carrier counts the turns of the two antennas.

Axes are rotations with the body axes as columns, in ECEF; leading axes of all arguments broadcast.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float

from leopnt.channel._batches import numbers, shaped
from leopnt.errors import LeopntError


def wind_up_cycles(
    sat_pos_ecef_m: Float[ArrayLike, "... 3"],
    sat_axes_ecef: Float[ArrayLike, "... 3 3"],
    rx_pos_ecef_m: Float[ArrayLike, "... 3"],
    rx_axes_ecef: Float[ArrayLike, "... 3 3"],
) -> Float[Array, "..."]:
    """Wind-up of single epochs in cycles, -0.5 to 0.5: ADD it to the predicted carrier phase.

        D' = x' - k (k.x') - k x y',   D = x - k (k.x) + k x y
        phi = angle from D' to D about k  =  atan2(k.(D' x D), D'.D) / (2 pi)

    with k from satellite to receiver. In meters it is lambda phi, added to the range: the phase
    grows by one cycle for each clockwise turn of the receiver antenna seen from above. Of a pass,
    `continuous_cycles` removes the steps of whole cycles.

    Args:
        sat_pos_ecef_m: transmit antenna.
        sat_axes_ecef: of the satellite, antenna boresight +z: `yaw_steering_axes`, `orbit_frame`,
            or a measured attitude.
        rx_pos_ecef_m: receive antenna.
        rx_axes_ecef: of the receiver, boresight +z: `north_west_up` for a station. Turning them
            about z adds a constant.

    Raises:
        LeopntError: shapes that do not fit, 32 bits, not finite.

    Source: [wu-1993], as in IGS processing.
    """
    arguments = shaped(
        [(3,), (3, 3), (3,), (3, 3)],
        sat_pos_ecef_m=sat_pos_ecef_m,
        sat_axes_ecef=sat_axes_ecef,
        rx_pos_ecef_m=rx_pos_ecef_m,
        rx_axes_ecef=rx_axes_ecef,
    )
    return _wind_up_cycles(*arguments)


@jax.jit
def _wind_up_cycles(sat_m, sat_axes, rx_m, rx_axes):
    way = rx_m - sat_m
    k = way / jnp.linalg.norm(way, axis=-1, keepdims=True)
    transmitted = _across(k, sat_axes[..., 0]) - jnp.cross(k, sat_axes[..., 1])
    received = _across(k, rx_axes[..., 0]) + jnp.cross(k, rx_axes[..., 1])
    sine = _dot(k, jnp.cross(transmitted, received))
    return jnp.arctan2(sine, _dot(transmitted, received)) / (2.0 * jnp.pi)


def continuous_cycles(
    cycles: Float[ArrayLike, "... epoch"], is_start: Bool[ArrayLike, "... epoch"] | None = None
) -> Float[Array, "... epoch"]:
    """Wind-up along passes without steps: each epoch within half a cycle of the one before.

    Args:
        cycles: of `wind_up_cycles`, the last axis in order of time. Between neighbors of a pass the
            true change must be below half a cycle (minutes apart, for satellites that yaw).
        is_start: True where a new pass or arc begins, whose first value stays as it is; None for
            one pass.

    Raises:
        LeopntError: no axis of epochs, shapes that do not fit, 32 bits, not finite.
    """
    (values,) = numbers(cycles=cycles)
    if values.ndim == 0:
        raise LeopntError(f"cycles = {cycles!r}: expected an axis of epochs; got a single number.")
    start = jnp.zeros(values.shape, bool) if is_start is None else jnp.asarray(is_start, bool)
    if start.shape != values.shape:
        raise LeopntError(f"is_start has shape {start.shape}; accepted: {values.shape}, as cycles.")
    return _continuous(values, start)


@jax.jit
def _continuous(cycles, is_start):
    steps = jnp.diff(cycles, axis=-1, prepend=cycles[..., :1])
    whole = jnp.cumsum(-jnp.round(steps), axis=-1)
    index = jnp.where(is_start, jnp.arange(cycles.shape[-1]).reshape(_last(cycles)), 0)
    first = jax.lax.cummax(index, axis=index.ndim - 1)
    return cycles + whole - jnp.take_along_axis(whole, first, axis=-1)


def north_west_up(
    lat_rad: Float[ArrayLike, "..."], lon_rad: Float[ArrayLike, "..."]
) -> Float[Array, "... 3 3"]:
    """Axes of a station antenna turned to the north: x north, y west, z up, as columns in ECEF.

    Raises:
        LeopntError: shapes that do not fit, 32 bits, not finite.
    """
    lat, lon = numbers(lat_rad=lat_rad, lon_rad=lon_rad)
    sin, cos, zero = jnp.sin(lat), jnp.cos(lat), jnp.zeros_like(lat)
    sin_lon, cos_lon = jnp.sin(lon), jnp.cos(lon)
    north = jnp.stack([-sin * cos_lon, -sin * sin_lon, cos], axis=-1)
    west = jnp.stack([sin_lon, -cos_lon, zero], axis=-1)
    up = jnp.stack([cos * cos_lon, cos * sin_lon, sin], axis=-1)
    return jnp.stack([north, west, up], axis=-1)


def _last(array) -> tuple[int, ...]:
    """Shape of a row along the last axis."""
    return (*(1 for _ in array.shape[:-1]), array.shape[-1])


def _across(k, vector):
    """Part of a vector perpendicular to k."""
    return vector - k * _dot(k, vector)[..., None]


def _dot(a, b):
    return jnp.sum(a * b, axis=-1)
