"""Uplink: how well a satellite knows gain, delay and channel vector of a user, in closed form.

Three estimators: PACE takes the direction from a position and estimates one complex gain and the
delay; Perfect-PACE is given the true direction; UCE estimates all N entries of the channel vector
and the delay. A wrong position is a wrong steering vector and nothing else.

Source: [zhang-pace] eqs. 21-30 and App. B, in closed form.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact

from leopnt.antennas.steering import correlation
from leopnt.errors import LeopntError
from leopnt.inference.batch import batch_map
from leopnt.methods.pace.links import departure_angles, links_of
from leopnt.methods.pace.scene import PaceScene, numbers
from leopnt.methods.pace.system import PaceSystem
from leopnt.signals.ofdm import OfdmGrid

LOWEST_CORRELATION = 1e-6
"""|rho| below which the direction taken lies in a null: the delay is not bounded."""

TILE = 64
"""Scenes that advance together."""

Number = Float[Array, "..."] | float


class PaceUplink(NamedTuple):
    """Bounds with the direction taken from a position. NaN where |rho| < 1e-6.

    correlation: rho = a~^H a / N; pseudo_true_gain: rho vartheta; gain_variance: trace of the
    misspecified bound of (Re, Im); toa_variance_s2; toa_bias_s: exactly 0.
    lb_gain, lb_vector: roots of the bounds on mean |error|^2 of the gain, about vartheta, and of
    the vector gain a~, about vartheta a; lb_toa_s.
    """

    correlation: Complex[Array, "*link"]
    pseudo_true_gain: Complex[Array, "*link"]
    gain_variance: Float[Array, "*link"]
    toa_variance_s2: Float[Array, "*link"]
    toa_bias_s: Float[Array, "*link"]
    lb_gain: Float[Array, "*link"]
    lb_toa_s: Float[Array, "*link"]
    lb_vector: Float[Array, "*link"]


class UceUplink(NamedTuple):
    """Bounds with all entries of the vector unknown: trace for the vector, and delay."""

    vector_variance: Float[Array, "*link"]
    toa_variance_s2: Float[Array, "*link"]
    lb_vector: Float[Array, "*link"]
    lb_toa_s: Float[Array, "*link"]


class UplinkBounds(NamedTuple):
    """Bounds of the three estimators, and what they are measured against.

    channel_gain: vartheta; its modulus times sqrt(N) is the length of the channel vector.
    """

    pace: PaceUplink
    perfect: PaceUplink
    uce: UceUplink
    channel_gain: Complex[Array, "*link"]


def pace_uplink(
    *,
    channel_gain: Inexact[Array, "*link"] | complex,
    correlation: Inexact[Array, "*link"] | complex,
    num_ant: int,
    grid: OfdmGrid,
    user_power_w: Number,
    noise_w: Number,
    reference_subcarrier: Number = 0.0,
) -> PaceUplink:
    """Bounds on gain, delay and vector when the assumed direction is wrong.

        unit = sigma^2 / (P Lc),   kb = (K + 1)/2 - k0,   vk = (K^2 - 1)/12
        var(toa) = unit / (2 N |rho vartheta|^2 (2 pi Df)^2 vk)
        var(gain) = (unit / N) (1 + kb^2 / (2 vk))
        LB(gain)^2 = var(gain) + |vartheta|^2 |1 - rho|^2
        LB(vector)^2 = N var(gain) + N |vartheta|^2 (1 - |rho|^2)

    The vector is not N LB(gain)^2: the gain absorbs the phase of rho.

    Args:
        channel_gain: vartheta.
        correlation: rho = a~^H a / N of the assumed and the true direction; 1 for Perfect-PACE.
        num_ant: N.
        grid: of the uplink; its symbols are Lc.
        user_power_w: P over all subcarriers.
        noise_w: sigma^2 per sample and antenna.
        reference_subcarrier: k0, at which the phase of the gain is meant; 0 as printed,
            (K + 1)/2 at the band's center.
    """
    check_uplink(grid)
    gain = jnp.asarray(channel_gain, complex)
    rho = jnp.asarray(correlation, complex)
    unit = noise_w / (user_power_w * grid.num_symbol)
    seen = _square(gain) * _square(rho)
    seen = jnp.where(_square(rho) >= LOWEST_CORRELATION**2, seen, jnp.nan)
    toa = unit / (2.0 * num_ant * seen * _slope_square(grid))
    variance = unit / num_ant * (1.0 + _lever(grid, reference_subcarrier)) + 0.0 * seen
    off = num_ant * _square(gain) * jnp.maximum(1.0 - _square(rho), 0.0)
    return PaceUplink(
        correlation=rho,
        pseudo_true_gain=rho * gain,
        gain_variance=variance,
        toa_variance_s2=toa,
        toa_bias_s=jnp.zeros_like(toa),
        lb_gain=jnp.sqrt(variance + _square(gain) * _square(1.0 - rho)),
        lb_toa_s=jnp.sqrt(toa),
        lb_vector=jnp.sqrt(num_ant * variance + off),
    )


def uce_uplink(
    *,
    channel_gain: Inexact[Array, "*link"] | complex,
    num_ant: int,
    grid: OfdmGrid,
    user_power_w: Number,
    noise_w: Number,
    reference_subcarrier: Number = 0.0,
) -> UceUplink:
    """Bounds when every entry of the vector is estimated.

        tr CRB(vector) = unit (N + kb^2 / (2 vk)),   CRB(toa) that of Perfect-PACE

    Args: as `pace_uplink`.
    """
    check_uplink(grid)
    gain = jnp.asarray(channel_gain, complex)
    unit = noise_w / (user_power_w * grid.num_symbol)
    toa = unit / (2.0 * num_ant * _square(gain) * _slope_square(grid))
    vector = unit * (num_ant + _lever(grid, reference_subcarrier)) + 0.0 * toa
    return UceUplink(vector, toa, jnp.sqrt(vector), jnp.sqrt(toa))


@jax.jit
def uplink_kernel(
    scene: PaceScene,
    user_pos_taken_m: Float[Array, "user 3"],
    system: PaceSystem,
    reference_subcarrier: Number = 0.0,
) -> UplinkBounds:
    """Bounds of all links of a scene, axes (sat, user): for `jax.vmap` and `batch_map`."""
    links = links_of(scene, system)
    az, el = departure_angles(scene, user_pos_taken_m)
    rho = correlation(system.array, az, el, links.az_rad, links.el_rad)
    common = {
        "channel_gain": links.channel_gain,
        "num_ant": system.array.num_ant,
        "grid": system.uplink,
        "user_power_w": scene.user_power_w,
        "noise_w": system.noise_w,
        "reference_subcarrier": reference_subcarrier,
    }
    return UplinkBounds(
        pace_uplink(correlation=rho, **common),
        pace_uplink(correlation=jnp.ones_like(rho), **common),
        uce_uplink(**common),
        links.channel_gain,
    )


def uplink_bounds(
    scene: PaceScene,
    system: PaceSystem,
    user_pos_taken_m: Float[Array, "user 3"],
    *,
    reference_subcarrier: float = 0.0,
) -> UplinkBounds:
    """Bounds of all links of a scene when the satellites take the users to be elsewhere.

    Args:
        user_pos_taken_m: (user, 3), such as a downlink fix.

    Raises:
        LeopntError: one subcarrier; a shape; a position behind an array or in its null.
    """
    check_uplink(system.uplink)
    taken = numbers("user_pos_taken_m", user_pos_taken_m)
    if taken.shape != scene.user_pos_m.shape:
        raise LeopntError(
            f"user_pos_taken_m has shape {taken.shape}; accepted, as user_pos_m: "
            f"{scene.user_pos_m.shape}."
        )
    _, el = departure_angles(scene, jnp.asarray(taken))
    found = uplink_kernel(scene, jnp.asarray(taken), system, reference_subcarrier)
    for s, u in jnp.argwhere(~(el > 0.0)):
        raise LeopntError(
            f"user_pos_taken_m[{int(u)}] lies behind the array of satellite {int(s)} (el <= 0)."
        )
    for s, u in jnp.argwhere(~(jnp.abs(found.pace.correlation) >= LOWEST_CORRELATION)):
        raise LeopntError(
            f"user_pos_taken_m[{int(u)}] puts user {int(u)} in a null of satellite {int(s)}'s beam "
            f"(|rho| = {float(jnp.abs(found.pace.correlation[s, u])):.2g}, accepted: "
            f"{LOWEST_CORRELATION:g} or more): the delay is not bounded."
        )
    return found


def uplink_bounds_of_scenes(
    scenes: PaceScene,
    system: PaceSystem,
    user_pos_taken_m: Float[Array, "batch user 3"],
    *,
    tile: int = TILE,
    threads: int | None = None,
) -> UplinkBounds:
    """`uplink_bounds` of many scenes; arrays with a leading batch axis in and out, NaN in a null.

    The phase is meant at k = 0.
    """
    check_uplink(system.uplink)
    return batch_map(
        uplink_kernel, scenes, user_pos_taken_m, shared=system, tile=tile, threads=threads
    )


def check_uplink(grid: OfdmGrid) -> None:
    """Refuse an uplink of one subcarrier, which cannot tell the delay."""
    if grid.num_sub < 2:
        raise LeopntError("num_sub = 1: delay is not identifiable; expected 2 or more.")


def _square(value: Complex[Array, "*link"]) -> Float[Array, "*link"]:
    return value.real**2 + value.imag**2


def _slope_square(grid: OfdmGrid) -> Float[Array, ""] | float:
    """Mean square [1/s^2] of the phase's slope over subcarriers about its mean."""
    return (2.0 * jnp.pi * grid.spacing_hz) ** 2 * grid.sub_variance


def _lever(grid: OfdmGrid, reference_subcarrier: Number) -> Float[Array, ""] | float:
    """kb^2 / (2 vk): what an uncertain delay adds to the phase at the reference."""
    center = 0.5 * (grid.num_sub + 1) - reference_subcarrier
    return center**2 / (2.0 * grid.sub_variance)
