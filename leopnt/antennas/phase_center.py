"""Where the antenna of a nadir-pointing LEO satellite is: body axes, offsets and their partials.

Body axes of a three-axis-stabilized satellite, as columns of A (body to ECEF):

    Z = -r / |r|      Y = Z x v / |Z x v|      X = Y x Z

with the *inertial* velocity v in ECEF axes. On a circular orbit X is the direction of flight and Y
opposite to the orbit normal. Leading axes are a batch. `frames.attitude.orbit_frame` is the same
frame for one satellite, in JAX.
"""

from __future__ import annotations

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from leopnt.constants import EARTH_ROTATION_ERA_RADPS
from leopnt.errors import LeopntError

Vectors = Float[np.ndarray, "*batch 3"]
Axes = Float[np.ndarray, "*batch 3 3"]

_SLOWEST_MPS = 1.0
_CLOSE = 0.25
"""Share of |omega x r| within which a velocity counts as explained."""


def inertial_velocity_of(
    pos_ecef_m: ArrayLike,
    vel_ecef_mps: ArrayLike,
    rotation_radps: float = EARTH_ROTATION_ERA_RADPS,
) -> Vectors:
    """Inertial velocity in ECEF axes, v_ecef + omega x r, omega along +Z.

    Polar motion, 0.3 mm/s in LEO, is not included: `orbits.earth_spin.inertial_velocity` has it.
    """
    pos, vel = _vectors("pos_ecef_m", pos_ecef_m), _vectors("vel_ecef_mps", vel_ecef_mps)
    return vel + _swept(pos, rotation_radps)


def body_axes(pos_ecef_m: ArrayLike, vel_inertial_ecef_mps: ArrayLike) -> Axes:
    """Axes X, Y, Z of the body as columns, in ECEF.

    Args:
        pos_ecef_m: center of mass.
        vel_inertial_ecef_mps: inertial velocity; the ECEF velocity would turn the axes about Z by
            up to 4 degrees at 1000 km, see `check_inertial_velocity`.

    Raises:
        LeopntError: not finite or of 32 bits, a velocity of zero or along the position.
    """
    pos = _vectors("pos_ecef_m", pos_ecef_m)
    vel = _vectors("vel_inertial_ecef_mps", vel_inertial_ecef_mps)
    z = -_unit(pos)
    across = np.cross(z, vel)
    if across.size and np.min(np.sum(across**2, axis=-1)) < _SLOWEST_MPS**2:
        raise LeopntError(
            "vel_inertial_ecef_mps: a velocity is zero or along the position, so that the body "
            "axes are not defined; expected the inertial velocity of each epoch in m/s."
        )
    y = _unit(across)
    return np.stack([np.cross(y, z), y, z], axis=-1)


def offset_partials(unit: ArrayLike, axes: ArrayLike) -> Vectors:
    """Derivatives of the range by the offset in the body frame, h = A^T u.

    Args:
        unit: u, unit vector from the station to the satellite, ECEF.
        axes: A, body axes as columns, or any attitude that turns body axes into ECEF.
    """
    return np.einsum("...ij,...i->...j", np.asarray(axes, float), np.asarray(unit, float))


def antenna_position(pos_ecef_m: ArrayLike, axes: ArrayLike, offset_body_m: ArrayLike) -> Vectors:
    """Phase center r + A p, ECEF."""
    turned = np.einsum("...ij,...j->...i", np.asarray(axes, float), offset_body_m)
    return np.asarray(pos_ecef_m, float) + turned


def offset_range(range_m: ArrayLike, partials: ArrayLike, offset_body_m: ArrayLike) -> np.ndarray:
    """Exact change of the range by an offset, |r + A p - x| - |r - x|.

        d rho = (2 rho h.p + |p|^2) / (rho + sqrt(rho^2 + 2 rho h.p + |p|^2))

    It differs from h.p by |p_perp|^2 / (2 rho), under 1 um for 1 m at 1000 km.
    """
    rho, p = np.asarray(range_m, float), np.asarray(offset_body_m, float)
    change = 2.0 * rho * np.sum(np.asarray(partials, float) * p, axis=-1) + np.sum(p * p, axis=-1)
    return np.asarray(change / (rho + np.sqrt(rho**2 + change)))


def quaternions_of(axes: ArrayLike) -> Float[np.ndarray, "*batch 4"]:
    """Attitude quaternions (w, x, y, z), w >= 0, that turn body axes into ECEF."""
    r = np.asarray(axes, float)
    if r.shape[-2:] != (3, 3):
        raise LeopntError(f"axes has shape {r.shape}; accepted: (..., 3, 3).")
    every = _four_rows(r)
    squares = np.stack([every[..., i, i] for i in range(4)], axis=-1)
    best = np.argmax(squares, axis=-1)[..., None, None]
    row = np.take_along_axis(every, best, axis=-2)[..., 0, :]
    unit = _unit(row)
    return np.where(unit[..., :1] < 0.0, -unit, unit)


def axes_of_quaternions(quaternion: ArrayLike) -> Axes:
    """Body axes as columns, of quaternions (w, x, y, z) of any length but zero.

    Raises:
        LeopntError: not finite, or zero.
    """
    q = np.asarray(quaternion, float)
    if q.shape[-1:] != (4,):
        raise LeopntError(f"quaternion has shape {q.shape}; accepted: (..., 4), scalar first.")
    length = np.sum(q * q, axis=-1)
    if not np.all(np.isfinite(length) & (length > 0.0)):
        raise LeopntError("quaternion holds NaN, infinity or a zero; expected four finite numbers.")
    w, x, y, z = np.moveaxis(q, -1, 0)
    rows = [
        [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2) / length[..., None, None]


def check_inertial_velocity(
    t_s: ArrayLike,
    pos_ecef_m: ArrayLike,
    vel_inertial_ecef_mps: ArrayLike,
    rotation_radps: float = EARTH_ROTATION_ERA_RADPS,
) -> None:
    """Refuse a velocity that is not the inertial one, by finite differences of the positions.

    The speed cannot tell: on a polar orbit both velocities differ by less than 0.3 % in length.

    Args:
        t_s: three or more increasing times of one satellite, (epoch,), up to some 300 s apart.
        pos_ecef_m, vel_inertial_ecef_mps: (epoch, 3).

    Raises:
        LeopntError: the velocity is Earth-relative, or fits neither.
    """
    pos = _vectors("pos_ecef_m", pos_ecef_m)
    vel = _vectors("vel_inertial_ecef_mps", vel_inertial_ecef_mps)
    t = np.asarray(t_s, float)
    if pos.ndim != 2 or len(t) < 3 or pos.shape != vel.shape or len(pos) != len(t):
        raise LeopntError(
            f"t_s, pos_ecef_m, vel_inertial_ecef_mps have shapes {t.shape}, {pos.shape}, "
            f"{vel.shape}; accepted: (epoch,), (epoch, 3), (epoch, 3) with 3 epochs or more."
        )
    if not np.all(np.diff(t) > 0.0):
        raise LeopntError("t_s does not increase; expected sorted epochs, each once.")
    seen = (pos[2:] - pos[:-2]) / (t[2:] - t[:-2])[:, None]
    swept = _swept(pos[1:-1], rotation_radps)
    allowed = _CLOSE * _rms(swept)
    if _rms(vel[1:-1] - seen - swept) < allowed:
        return
    if _rms(vel[1:-1] - seen) < allowed:
        raise LeopntError(
            "vel_inertial_ecef_mps is relative to the turning Earth: it equals the change of "
            "pos_ecef_m; expected v_ecef + omega x r (see `inertial_velocity_of`)."
        )
    raise LeopntError(
        "vel_inertial_ecef_mps is off the change of pos_ecef_m plus omega x r by "
        f"{_rms(vel[1:-1] - seen - swept):.3g} m/s; expected the inertial velocity in ECEF axes."
    )


def _swept(pos: Vectors, rotation_radps: float) -> Vectors:
    """Omega x r."""
    zero = np.zeros(pos.shape[:-1])
    return rotation_radps * np.stack([-pos[..., 1], pos[..., 0], zero], axis=-1)


def _unit(vec: np.ndarray) -> np.ndarray:
    return vec / np.sqrt(np.sum(vec * vec, axis=-1, keepdims=True))


def _rms(vec: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.sum(vec * vec, axis=-1))))


def _vectors(name: str, value: ArrayLike) -> Vectors:
    found = np.asarray(value)
    if found.dtype == np.float32:
        raise LeopntError(f"{name} is of 32 bits, good to 0.5 m only; expected float64.")
    found = np.asarray(found, float)
    if found.shape[-1:] != (3,):
        raise LeopntError(f"{name} has shape {found.shape}; accepted: (..., 3).")
    if not np.all(np.isfinite(found)):
        raise LeopntError(f"{name} holds NaN or infinity; expected finite vectors.")
    return found


def _four_rows(r: Axes) -> Float[np.ndarray, "*batch 4 4"]:
    """Row i is the quaternion times four times its component i."""
    a = [[r[..., i, j] for j in range(3)] for i in range(3)]
    wx, wy, wz = a[2][1] - a[1][2], a[0][2] - a[2][0], a[1][0] - a[0][1]
    xy, xz, yz = a[1][0] + a[0][1], a[0][2] + a[2][0], a[2][1] + a[1][2]
    ww, xx = 1 + a[0][0] + a[1][1] + a[2][2], 1 + a[0][0] - a[1][1] - a[2][2]
    yy, zz = 1 - a[0][0] + a[1][1] - a[2][2], 1 - a[0][0] - a[1][1] + a[2][2]
    rows = [[ww, wx, wy, wz], [wx, xx, xy, xz], [wy, xy, yy, yz], [wz, xz, yz, zz]]
    return np.stack([np.stack(row, -1) for row in rows], -2)
