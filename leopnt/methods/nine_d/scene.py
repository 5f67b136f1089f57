"""A scene of the 9D bounds: satellites over slots, a receiver with antennas, its signals."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.frames.attitude import rotation_from_yaw_pitch_roll

Numbers: TypeAlias = ArrayLike | Sequence[Any]
"""A number, an array, or nested lists of numbers."""

_SLOT_LENGTH_S = 10e-3

_SURFACE_M = (6.33e6, 6.42e6)
"""Distances from the Earth's center at which a receiver has a horizon to look at."""


class NineDScene(eqx.Module):
    """Everything that is known, or at which the bounds are taken. Build it with `nine_d_scene`.

    Attributes:
        sat_pos_m, sat_vel_mps: satellites at the middle of each slot.
        slot_time_s: middle of each slot, counted from the first: the receiver is at
            rx_pos + slot_time rx_vel.
        rx_pos_m, rx_vel_mps: centroid of the antennas at slot_time 0, and its velocity.
        rotation: body to global axes, constant.
        antennas_body_m: antennas from their centroid, body axes.
        carrier_hz: carrier.
        bandwidth_hz: effective (RMS) bandwidth alpha_1.
        correlation: baseband-carrier correlation alpha_2, -1 to 1.
        snr: 8 pi^2 beta^2 E / N0 of each link; 0 where it is blocked.
        mean_square_time_s2: mean square time about the middle of the slot, T^2/12 for a constant
            envelope of length T.
        freq_offset_hz: of each satellite.
        doppler_weight: 1; the seed prints one half.

    All positions in one Cartesian frame in which the antennas do not turn, such as ECEF.

    Source: [emenonye-9d] Sec. II.
    """

    sat_pos_m: Float[Array, "sat slot 3"]
    sat_vel_mps: Float[Array, "sat slot 3"]
    slot_time_s: Float[Array, " slot"]
    rx_pos_m: Float[Array, "3"]
    rx_vel_mps: Float[Array, "3"]
    rotation: Float[Array, "3 3"]
    antennas_body_m: Float[Array, "ant 3"]
    carrier_hz: Float[Array, ""]
    bandwidth_hz: Float[Array, "sat slot"]
    correlation: Float[Array, "sat slot"]
    snr: Float[Array, "sat slot ant"]
    mean_square_time_s2: Float[Array, "sat slot"]
    freq_offset_hz: Float[Array, " sat"]
    doppler_weight: Float[Array, ""]


def nine_d_scene(
    *,
    sat_pos_m: Numbers,
    sat_vel_mps: Numbers,
    slot_spacing_s: float,
    rx_pos_m: Numbers,
    rx_vel_mps: Numbers,
    antennas_body_m: Numbers,
    snr_linear: Numbers | None = None,
    snr_db: Numbers | None = None,
    yaw_pitch_roll_rad: Numbers | None = None,
    rotation: Numbers | None = None,
    carrier_hz: float = 1e9,
    bandwidth_hz: Numbers = 100e6,
    correlation: Numbers = 0.0,
    slot_length_s: float | None = None,
    mean_square_time_s2: Numbers | None = None,
    freq_offset_hz: Numbers = 0.0,
    doppler_weight: float = 1.0,
    up: Numbers | None = None,
) -> NineDScene:
    """Check explicit arrays and bring them to their full shapes.

    Args:
        sat_pos_m, sat_vel_mps: (sat, slot, 3), at the middle of each slot.
        slot_spacing_s: between the middles of slots, 0 or more.
        rx_pos_m, rx_vel_mps: (3,) at the first slot.
        antennas_body_m: (ant, 3); their mean must be zero, or rx_pos would mean something else.
        snr_linear, snr_db: one of them; scalar, (sat, slot) or (sat, slot, ant). It contains
            8 pi^2: 18.97 dB more than E/N0.
        yaw_pitch_roll_rad, rotation: one of them: (3,) for Rz(yaw) Ry(pitch) Rx(roll), or (3, 3).
        bandwidth_hz, correlation: scalar or (sat, slot).
        slot_length_s, mean_square_time_s2: one of them; the default is a slot of 10 ms.
        freq_offset_hz: scalar or (sat,).
        up: (3,) towards the zenith, any length, for the warning about satellites below the horizon.
            Default: away from the origin if the receiver is near the Earth's surface; else there
            is no such warning.

    Warns of satellites that send from below the horizon, of slots that overlap, and of slots at one
    instant.

    Raises:
        LeopntError: a shape, value or combination that makes no sense, by name.
    """
    sat_pos = _array("sat_pos_m", sat_pos_m)
    if sat_pos.ndim != 3 or sat_pos.shape[2] != 3 or 0 in sat_pos.shape:
        raise LeopntError(
            f"sat_pos_m has shape {sat_pos.shape}; accepted: (sat, slot, 3), one or more of each."
        )
    num_sat, num_slot, _ = sat_pos.shape
    antennas = _array("antennas_body_m", antennas_body_m)
    if antennas.ndim != 2 or antennas.shape[1] != 3 or 0 in antennas.shape:
        raise LeopntError(
            f"antennas_body_m has shape {antennas.shape}; accepted: (ant, 3), one or more."
        )
    per_slot, links = (num_sat, num_slot), (num_sat, num_slot, len(antennas))
    spacing = float(_full("slot_spacing_s", slot_spacing_s, (), low=0.0))
    fields = {
        "sat_pos_m": sat_pos,
        "sat_vel_mps": _full("sat_vel_mps", sat_vel_mps, (*per_slot, 3), exact=True),
        "slot_time_s": spacing * np.arange(num_slot),
        "rx_pos_m": _full("rx_pos_m", rx_pos_m, (3,), exact=True),
        "rx_vel_mps": _full("rx_vel_mps", rx_vel_mps, (3,), exact=True),
        "rotation": _rotation(yaw_pitch_roll_rad, rotation),
        "antennas_body_m": antennas,
        "carrier_hz": _full("carrier_hz", carrier_hz, (), low=1.0),
        "bandwidth_hz": _full("bandwidth_hz", bandwidth_hz, per_slot, low=0.0),
        "correlation": _full("correlation", correlation, per_slot, low=-1.0, high=1.0),
        "snr": _snr(snr_linear, snr_db, links),
        "mean_square_time_s2": _square_time(slot_length_s, mean_square_time_s2, per_slot, spacing),
        "freq_offset_hz": _full("freq_offset_hz", freq_offset_hz, (num_sat,)),
        "doppler_weight": _full("doppler_weight", doppler_weight, (), low=0.0),
    }
    _check_antennas(antennas)
    _check_geometry(fields, spacing)
    _warn_below_horizon(fields, up)
    # One transfer; `jnp.asarray` would compile a copy for every shape.
    return NineDScene(**jax.device_put(fields, may_alias=False))


def _array(name: str, value: Any) -> np.ndarray:
    try:
        found = np.asarray(value, float)
    except (TypeError, ValueError):
        raise LeopntError(f"{name} = {value!r}: expected an array of numbers.") from None
    if not np.all(np.isfinite(found)):
        raise LeopntError(f"{name} holds NaN or infinity; expected finite numbers.")
    return found


def _full(
    name: str,
    value: Any,
    shape: tuple[int, ...],
    *,
    low: float = -np.inf,
    high: float = np.inf,
    exact: bool = False,
) -> np.ndarray:
    """The value in its full shape: missing trailing axes are repeated."""
    found = _array(name, value)
    if (exact and found.shape != shape) or found.shape != shape[: found.ndim]:
        raise LeopntError(f"{name} has shape {found.shape}; accepted: {shape}.")
    if np.any(found < low) or np.any(found > high):
        worst = found[(found < low) | (found > high)].flat[0]
        limits = f"{low:g} or more" if high == np.inf else f"{low:g} to {high:g}"
        raise LeopntError(f"{name} = {worst:g}: expected {limits}.")
    wide = found.reshape(found.shape + (1,) * (len(shape) - found.ndim))
    return np.broadcast_to(wide, shape).copy()


def _rotation(yaw_pitch_roll_rad: Any, rotation: Any) -> np.ndarray:
    if (yaw_pitch_roll_rad is None) == (rotation is None):
        raise LeopntError("give one of yaw_pitch_roll_rad and rotation.")
    if rotation is None:
        angles = _full("yaw_pitch_roll_rad", yaw_pitch_roll_rad, (3,), exact=True)
        return np.asarray(rotation_from_yaw_pitch_roll(*map(jnp.asarray, angles)))
    found = _full("rotation", rotation, (3, 3), exact=True)
    if np.max(np.abs(found.T @ found - np.eye(3))) > 1e-9 or np.linalg.det(found) < 0:
        raise LeopntError("rotation is no rotation matrix (orthonormal, determinant +1).")
    return found


def _snr(snr_linear: Any, snr_db: Any, shape: tuple[int, ...]) -> np.ndarray:
    if (snr_linear is None) == (snr_db is None):
        raise LeopntError("give one of snr_linear and snr_db.")
    if snr_db is None:
        return _full("snr_linear", snr_linear, shape, low=0.0)
    try:
        decibels = np.asarray(snr_db, float)
    except (TypeError, ValueError):
        raise LeopntError(f"snr_db = {snr_db!r}: expected an array of numbers.") from None
    if np.any(np.isnan(decibels)) or np.any(decibels == np.inf):
        raise LeopntError("snr_db holds NaN or +infinity; -infinity means a blocked link.")
    return _full("snr_db", 10.0 ** (decibels / 10.0), shape)


def _square_time(slot_length_s: Any, square: Any, shape, spacing: float) -> np.ndarray:
    if square is not None:
        if slot_length_s is not None:
            raise LeopntError("give one of slot_length_s and mean_square_time_s2.")
        return _full("mean_square_time_s2", square, shape, low=0.0)
    given = _SLOT_LENGTH_S if slot_length_s is None else slot_length_s
    length = float(_full("slot_length_s", given, (), low=0.0))
    if 0.0 < spacing < length and shape[1] > 1:
        warnings.warn(
            f"slot_length_s = {length:g} is above the spacing, {spacing:g} s: slots overlap.",
            LeopntWarning,
            stacklevel=3,
        )
    return _full("slot_length_s", length**2 / 12.0, shape)


def _check_antennas(antennas: np.ndarray) -> None:
    size = max(np.max(np.linalg.norm(antennas, axis=1)), 1e-12)
    mean = antennas.mean(axis=0)
    if np.linalg.norm(mean) > 1e-9 * size:
        raise LeopntError(
            f"antennas_body_m: their mean is {mean.tolist()}, not zero; subtract it, and move "
            "rx_pos_m by the rotated mean: rx_pos_m is the centroid."
        )


def _check_geometry(fields: dict[str, np.ndarray], spacing: float) -> None:
    time = fields["slot_time_s"][:, None]
    receiver = fields["rx_pos_m"] + time * fields["rx_vel_mps"]
    offset = fields["sat_pos_m"] - receiver
    nearest = float(np.min(np.linalg.norm(offset, axis=-1)))
    size = float(np.max(np.linalg.norm(fields["antennas_body_m"], axis=1)))
    if nearest <= 2.0 * size or nearest == 0.0:
        raise LeopntError(
            f"sat_pos_m: a satellite is {nearest:g} m from the receiver, closer than its antennas' "
            f"extent of {size:g} m."
        )
    if spacing == 0.0 and len(time) > 1:
        warnings.warn(
            "slot_spacing_s = 0: further slots tell nothing about the velocity through delays.",
            LeopntWarning,
            stacklevel=3,
        )


def _warn_below_horizon(fields: dict[str, np.ndarray], up: Any) -> None:
    """Warn of links from below the plane through the receiver, across `up`."""
    rx_pos = fields["rx_pos_m"]
    if up is not None:
        zenith = _full("up", up, (3,), exact=True)
        if not np.any(zenith):
            raise LeopntError("up = (0, 0, 0): expected a direction.")
    elif _SURFACE_M[0] < np.linalg.norm(rx_pos) < _SURFACE_M[1]:
        zenith = rx_pos
    else:
        return
    offset = fields["sat_pos_m"] - rx_pos
    sends = np.any(fields["snr"] > 0, axis=-1)
    below = np.any(sends & (offset @ zenith < 0.0), axis=1)
    if np.any(below):
        which = ", ".join(str(b + 1) for b in np.flatnonzero(below))
        warnings.warn(
            f"sat_pos_m: below the horizon, but with a link: satellite {which} of {len(below)}; "
            "an SNR of 0 blocks a link.",
            LeopntWarning,
            stacklevel=3,
        )
