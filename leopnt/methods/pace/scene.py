"""A PACE scene: satellites, users, and the offsets and powers between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Key

from leopnt.errors import LeopntError

Numbers: TypeAlias = ArrayLike | Sequence[Any]
"""A number, an array, or nested lists of numbers."""

HIGHEST_POWER_W = 1e6
"""A power above this was probably meant in dBm."""


class PaceScene(eqx.Module):
    """Where satellites and users are, and what is wrong with their clocks. See `pace_scene`.

    Attributes:
        sat_pos_m, sat_vel_mps: in one frame whose origin is the Earth's center.
        user_pos_m: users at rest in that frame.
        clock_bias_s: b, reads late where positive, of each pair.
        freq_offset_hz: delta, carrier frequency offset of each pair.
        gain_phase_rad: phase of the complex gain alpha.
        sat_power_w: of each satellite, over all subcarriers.
        user_power_w: of each user, over all subcarriers.
    """

    sat_pos_m: Float[Array, "*batch sat 3"]
    sat_vel_mps: Float[Array, "*batch sat 3"]
    user_pos_m: Float[Array, "*batch user 3"]
    clock_bias_s: Float[Array, "*batch sat user"]
    freq_offset_hz: Float[Array, "*batch sat user"]
    gain_phase_rad: Float[Array, "*batch sat user"]
    sat_power_w: Float[Array, "*batch"]
    user_power_w: Float[Array, "*batch"]


def pace_scene(
    *,
    sat_pos_m: Numbers,
    sat_vel_mps: Numbers,
    user_pos_m: Numbers,
    clock_bias_s: Numbers = 0.0,
    freq_offset_hz: Numbers = 0.0,
    gain_phase_rad: Numbers = 0.0,
    sat_power_w: float = 100.0,
    user_power_w: float = 1.0,
) -> PaceScene:
    """Check explicit arrays and bring them to their full shapes.

    Args:
        sat_pos_m, sat_vel_mps: (sat, 3).
        user_pos_m: (user, 3), where they see every satellite above the horizon.
        clock_bias_s, freq_offset_hz, gain_phase_rad: scalar, (sat,) or (sat, user).
        sat_power_w, user_power_w: watts, not dBm.

    Raises:
        LeopntError: a shape, value or combination that makes no sense, by name.
    """
    sat_pos = _positions("sat_pos_m", sat_pos_m, "sat")
    sat_vel = _positions("sat_vel_mps", sat_vel_mps, "sat")
    user_pos = _positions("user_pos_m", user_pos_m, "user")
    if sat_vel.shape != sat_pos.shape:
        raise LeopntError(
            f"sat_vel_mps has shape {sat_vel.shape}; accepted, as sat_pos_m: {sat_pos.shape}."
        )
    pairs = (len(sat_pos), len(user_pos))
    _check_frames(sat_pos, sat_vel)
    _check_sight(sat_pos, user_pos)
    fields = {
        "sat_pos_m": sat_pos,
        "sat_vel_mps": sat_vel,
        "user_pos_m": user_pos,
        "clock_bias_s": _of_pairs("clock_bias_s", clock_bias_s, pairs),
        "freq_offset_hz": _of_pairs("freq_offset_hz", freq_offset_hz, pairs),
        "gain_phase_rad": _of_pairs("gain_phase_rad", gain_phase_rad, pairs),
        "sat_power_w": _power("sat_power_w", sat_power_w),
        "user_power_w": _power("user_power_w", user_power_w),
    }
    return PaceScene(**{name: jnp.asarray(value) for name, value in fields.items()})


def with_random_phases(key: Key[Array, ""], scene: PaceScene) -> PaceScene:
    """The scene with phases of the gains uniform in -pi to pi; `jax.vmap` over keys draws many."""
    shape = scene.gain_phase_rad.shape
    phase = jax.random.uniform(key, shape, minval=-jnp.pi, maxval=jnp.pi)
    return eqx.tree_at(lambda s: s.gain_phase_rad, scene, phase)


def numbers(name: str, value: Numbers) -> np.ndarray:
    """The value as finite 64-bit floats."""
    kind = getattr(value, "dtype", None)
    if kind in (np.float16, np.float32):
        raise LeopntError(
            f"{name} has type {kind}, which resolves 6 to 25 cm at LEO ranges; accepted: "
            "64-bit floats."
        )
    try:
        found = np.array(value, float)
    except (TypeError, ValueError):
        raise LeopntError(f"{name} = {value!r}: expected an array of numbers.") from None
    if not np.all(np.isfinite(found)):
        raise LeopntError(f"{name} holds NaN or infinity; expected finite numbers.")
    return found


def _positions(name: str, value: Numbers, axis: str) -> np.ndarray:
    found = numbers(name, value)
    if found.ndim != 2 or found.shape[1] != 3 or not len(found):
        raise LeopntError(f"{name} has shape {found.shape}; accepted: ({axis}, 3).")
    return found


def _of_pairs(name: str, value: Numbers, pairs: tuple[int, int]) -> np.ndarray:
    found = numbers(name, value)
    if found.shape not in ((), pairs[:1], pairs):
        raise LeopntError(
            f"{name} has shape {found.shape}; accepted: a number, {pairs[:1]} or {pairs}."
        )
    wide = found.reshape(found.shape + (1,) * (2 - found.ndim))
    return np.broadcast_to(wide, pairs).copy()


def _power(name: str, value: float) -> np.ndarray:
    found = numbers(name, value)
    if found.shape:
        raise LeopntError(f"{name} has shape {found.shape}; accepted: one number.")
    if not 0.0 < found <= HIGHEST_POWER_W:
        remedy = "; is it in dBm?" if found > HIGHEST_POWER_W else ""
        raise LeopntError(
            f"{name} = {float(found):g} W: expected above 0 and at most {HIGHEST_POWER_W:g} W"
            f"{remedy}."
        )
    return found


def _check_frames(sat_pos: np.ndarray, sat_vel: np.ndarray) -> None:
    radius, speed = np.linalg.norm(sat_pos, axis=1), np.linalg.norm(sat_vel, axis=1)
    level = np.linalg.norm(np.cross(sat_pos, sat_vel), axis=1)
    for i in np.flatnonzero(level <= 1e-9 * radius * speed):
        what = "zero" if speed[i] == 0.0 else "radial"
        raise LeopntError(
            f"sat_vel_mps[{i}] = {sat_vel[i].tolist()}: the velocity is {what}, so that the "
            "satellite's axes are undefined; expected a part across sat_pos_m."
        )


def _check_sight(sat_pos: np.ndarray, user_pos: np.ndarray) -> None:
    offset = sat_pos[:, None] - user_pos[None]
    sine_user = np.einsum("sui,ui->su", offset, user_pos)
    for s, u in np.argwhere(sine_user <= 0.0):
        length = np.linalg.norm(offset[s, u]) * np.linalg.norm(user_pos[u])
        el_deg = np.degrees(np.arcsin(sine_user[s, u] / length)) if length else 0.0
        raise LeopntError(
            f"user_pos_m[{u}] sees satellite {s} at an elevation of {el_deg:.3g} degrees; expected "
            "above 0."
        )
    sine_sat = np.einsum("sui,si->su", offset, sat_pos)
    for s, u in np.argwhere(sine_sat <= 0.0):
        raise LeopntError(
            f"user_pos_m[{u}] lies behind the array of satellite {s} (el <= 0), where its gain is "
            "undefined."
        )
