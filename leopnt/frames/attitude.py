"""Rotations, orbit frame and body attitude, one rotation per call, in JAX.

A rotation is the matrix that takes components in the turned (body) axes to components in the
reference axes, `v_ref = rotation @ v_body`; its columns are the body axes. Derivatives are finite
everywhere, at zero angle and at half a turn too.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

_SMALL_ANGLE2 = 1e-2  # below: series, whose first dropped term is under 1e-17


@jax.jit
def rotation_from_vector(rotvec_rad: Float[ArrayLike, "3"]) -> Float[Array, "3 3"]:
    """Rotation by |rotvec| about rotvec: exp of its cross-product matrix (Rodrigues)."""
    rotvec_rad = jnp.asarray(rotvec_rad)
    angle2 = rotvec_rad @ rotvec_rad
    is_small = angle2 < _SMALL_ANGLE2
    angle = jnp.sqrt(jnp.where(is_small, 1.0, angle2))
    sinc = jnp.where(is_small, _sinc_series(angle2), jnp.sin(angle) / angle)
    half = jnp.where(is_small, _sinc_series(angle2 / 4), jnp.sin(angle / 2) / (angle / 2))
    cross = _cross_matrix(rotvec_rad)
    return jnp.eye(3) + sinc * cross + 0.5 * half**2 * (cross @ cross)


@jax.jit
def vector_from_rotation(rotation: Float[ArrayLike, "3 3"]) -> Float[Array, "3"]:
    """Rotation vector [rad] of angle at most pi; at exactly pi one of the two signs."""
    quaternion = quaternion_from_rotation(rotation)
    w, v = quaternion[0], quaternion[1:]
    sin2 = v @ v
    tan2 = sin2 / jnp.maximum(w, 0.5) ** 2
    is_small = sin2 < 1e-3
    sin = jnp.sqrt(jnp.where(is_small, 1.0, sin2))
    series = _arctan_series(tan2) / jnp.maximum(w, 0.5)
    return 2.0 * jnp.where(is_small, series, jnp.arctan2(sin, w) / sin) * v


@jax.jit
def retract(
    rotation: Float[ArrayLike, "3 3"], rotvec_rad: Float[ArrayLike, "3"]
) -> Float[Array, "3 3"]:
    """Rotation turned further by a small vector in reference axes: exp(rotvec) @ rotation."""
    return rotation_from_vector(rotvec_rad) @ jnp.asarray(rotation)


@jax.jit
def rotation_from_yaw_pitch_roll(
    yaw_rad: Float[ArrayLike, ""], pitch_rad: Float[ArrayLike, ""], roll_rad: Float[ArrayLike, ""]
) -> Float[Array, "3 3"]:
    """Rz(yaw) @ Ry(pitch) @ Rx(roll): turn about z, then the new y, then the new x axis."""
    cy, sy = jnp.cos(yaw_rad), jnp.sin(yaw_rad)
    cp, sp = jnp.cos(pitch_rad), jnp.sin(pitch_rad)
    cr, sr = jnp.cos(roll_rad), jnp.sin(roll_rad)
    rows = [
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ]
    return jnp.stack([jnp.stack(row) for row in rows])


@jax.jit
def yaw_pitch_roll_from_rotation(
    rotation: Float[ArrayLike, "3 3"],
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """Yaw and roll in [-pi, pi], pitch in [-pi/2, pi/2]; roll is 0 where pitch is +-pi/2."""
    r = jnp.asarray(rotation)
    cos2 = r[0, 0] ** 2 + r[1, 0] ** 2
    is_locked = cos2 < 1e-24
    cos_pitch = jnp.where(is_locked, 0.0, jnp.sqrt(jnp.where(is_locked, 1.0, cos2)))
    pitch = jnp.arctan2(-r[2, 0], cos_pitch)
    yaw = jnp.arctan2(
        jnp.where(is_locked, -r[0, 1], r[1, 0]), jnp.where(is_locked, r[1, 1], r[0, 0])
    )
    roll = jnp.arctan2(jnp.where(is_locked, 0.0, r[2, 1]), jnp.where(is_locked, 1.0, r[2, 2]))
    return yaw, pitch, roll


@jax.jit
def rotation_from_quaternion(quaternion: Float[ArrayLike, "4"]) -> Float[Array, "3 3"]:
    """Rotation of a quaternion, scalar first (w, x, y, z), of any norm but 0."""
    q = jnp.asarray(quaternion)
    w, v = q[0], q[1:]
    cross = _cross_matrix(v)
    return jnp.eye(3) + 2.0 * (w * cross + cross @ cross) / (q @ q)


@jax.jit
def quaternion_from_rotation(rotation: Float[ArrayLike, "3 3"]) -> Float[Array, "4"]:
    """Unit quaternion, scalar first (w, x, y, z), with w >= 0.

    Each row below is the quaternion times four times one of its components; the row of the largest
    component is well conditioned at every angle.
    """
    r = jnp.asarray(rotation)
    wx, wy, wz = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    xy, xz, yz = r[1, 0] + r[0, 1], r[0, 2] + r[2, 0], r[2, 1] + r[1, 2]
    ww = 1.0 + r[0, 0] + r[1, 1] + r[2, 2]
    xx = 1.0 + r[0, 0] - r[1, 1] - r[2, 2]
    yy = 1.0 - r[0, 0] + r[1, 1] - r[2, 2]
    zz = 1.0 - r[0, 0] - r[1, 1] + r[2, 2]
    table = jnp.stack(
        [
            jnp.stack([ww, wx, wy, wz]),
            jnp.stack([wx, xx, xy, xz]),
            jnp.stack([wy, xy, yy, yz]),
            jnp.stack([wz, xz, yz, zz]),
        ]
    )
    row = table[jnp.argmax(jnp.stack([ww, xx, yy, zz]))]
    unit = row / jnp.sqrt(row @ row)
    return jnp.where(unit[0] < 0.0, -unit, unit)


@jax.jit
def orbit_frame(
    pos_ecef_m: Float[ArrayLike, "3"], vel_inertial_ecef_mps: Float[ArrayLike, "3"]
) -> Float[Array, "3 3"]:
    """Axes of the orbit frame as COLUMNS, in ECEF: x along-track, y = z cross x, z nadir.

    y is opposite to the orbital angular momentum. A body frame is `orbit_frame(...) @ body`, where
    `body` turns body axes into orbit axes.

    Args:
        pos_ecef_m: position; z points to the Earth's centre (not along the ellipsoid normal).
        vel_inertial_ecef_mps: inertial velocity in ECEF axes, not the ECEF velocity, which tilts x
            by up to 4 degrees in LEO.
    """
    pos, vel = jnp.asarray(pos_ecef_m), jnp.asarray(vel_inertial_ecef_mps)
    z = -_unit(pos)
    y = _unit(jnp.cross(z, vel))
    return jnp.stack([jnp.cross(y, z), y, z], axis=1)


def _unit(vec):
    return vec / jnp.sqrt(vec @ vec)


def _cross_matrix(v):
    """Matrix K with K @ u = v cross u."""
    zero = jnp.zeros_like(v[0])
    return jnp.stack(
        [
            jnp.stack([zero, -v[2], v[1]]),
            jnp.stack([v[2], zero, -v[0]]),
            jnp.stack([-v[1], v[0], zero]),
        ]
    )


def _sinc_series(x2):
    """sin(x)/x for small x."""
    return 1 - x2 / 6 * (1 - x2 / 20 * (1 - x2 / 42 * (1 - x2 / 72 * (1 - x2 / 110))))


def _arctan_series(x2):
    """arctan(x)/x for small x."""
    return 1 - x2 * (1 / 3 - x2 * (1 / 5 - x2 * (1 / 7 - x2 * (1 / 9 - x2 / 11))))
