"""Geodetic coordinates on WGS 84, local east-north-up axes, azimuth and elevation.

One point per call, in JAX: add axes with `jax.vmap`. Heights are above the ellipsoid. On the polar
axis the longitude is 0, so "north" at the north pole points along the meridian of 180 degrees.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from leopnt.constants import WGS84_FLATTENING, WGS84_SEMI_MAJOR_M
from leopnt.errors import LeopntError

_A = WGS84_SEMI_MAJOR_M
_E2 = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING)
_E4 = _E2 * _E2
_ONE_MINUS_E2 = (1.0 - WGS84_FLATTENING) ** 2


@jax.jit
def geodetic_to_ecef(
    lat_rad: Float[ArrayLike, ""], lon_rad: Float[ArrayLike, ""], height_m: Float[ArrayLike, ""]
) -> Float[Array, "3"]:
    """ECEF position [m] of geodetic latitude, longitude and ellipsoidal height.

        N = a / sqrt(1 - e^2 sin^2 lat)
        x, y = (N + h) cos lat (cos lon, sin lon),   z = ((1 - e^2) N + h) sin lat

    Source: NIMA TR8350.2, eq. (4-14).
    """
    sin_lat, cos_lat = jnp.sin(lat_rad), jnp.cos(lat_rad)
    normal_m = _A / jnp.sqrt(1.0 - _E2 * sin_lat**2)
    p = (normal_m + height_m) * cos_lat
    z = (_ONE_MINUS_E2 * normal_m + height_m) * sin_lat
    return jnp.stack([p * jnp.cos(lon_rad), p * jnp.sin(lon_rad), z])


def ecef_to_geodetic(
    pos_ecef_m: Float[ArrayLike, "3"],
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """Geodetic latitude [rad], longitude [rad] in [-pi, pi], ellipsoidal height [m].

    Defined everywhere, as the nearest point of the ellipsoid; where two are equally near (the
    equatorial disk within 43 km of the Earth's centre) the northern one. The centre has latitude
    pi/2 and height -b. Derivatives are closed forms of the result, so they are finite at the poles
    (there the longitude has derivative 0).

    Raises:
        LeopntError: the position has 32 bit.

    Source: H. Vermeille, An analytical method to transform geocentric into geodetic coordinates,
    J. Geodesy 85 (2011) 105-117.
    """
    pos_ecef_m = jnp.asarray(pos_ecef_m)
    if pos_ecef_m.dtype != jnp.float64:
        raise LeopntError(
            f"ecef_to_geodetic: pos_ecef_m has dtype {pos_ecef_m.dtype}, which resolves only "
            "decimetres at the Earth's radius; expected float64."
        )
    return _compiled(pos_ecef_m)


@jax.jit
def enu_basis(lat_rad: Float[ArrayLike, ""], lon_rad: Float[ArrayLike, ""]) -> Float[Array, "3 3"]:
    """Rotation from ECEF to local axes; its rows are east, north and up (ellipsoid normal)."""
    sin_lat, cos_lat = jnp.sin(lat_rad), jnp.cos(lat_rad)
    sin_lon, cos_lon = jnp.sin(lon_rad), jnp.cos(lon_rad)
    east = jnp.stack([-sin_lon, cos_lon, jnp.zeros_like(sin_lon)])
    north = jnp.stack([-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat])
    up = jnp.stack([cos_lat * cos_lon, cos_lat * sin_lon, sin_lat])
    return jnp.stack([east, north, up])


@jax.jit
def ecef_to_enu(
    vec_ecef: Float[ArrayLike, "3"], lat_rad: Float[ArrayLike, ""], lon_rad: Float[ArrayLike, ""]
) -> Float[Array, "3"]:
    """East, north and up components of a vector (a difference of positions, or a velocity)."""
    return enu_basis(lat_rad, lon_rad) @ jnp.asarray(vec_ecef)


@jax.jit
def enu_to_ecef(
    vec_enu: Float[ArrayLike, "3"], lat_rad: Float[ArrayLike, ""], lon_rad: Float[ArrayLike, ""]
) -> Float[Array, "3"]:
    """ECEF components of a vector given as east, north and up."""
    return enu_basis(lat_rad, lon_rad).T @ jnp.asarray(vec_enu)


@jax.jit
def azel(
    sat_pos_ecef_m: Float[ArrayLike, "3"], rx_pos_ecef_m: Float[ArrayLike, "3"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Azimuth [rad] in [0, 2 pi), from north over east, and elevation [rad] of a satellite.

    Geometric: no refraction, no light time. Elevation is above the plane normal to the ellipsoid
    normal at the receiver. At the zenith the azimuth is 0 and both derivatives are 0.
    """
    rx_pos_ecef_m = jnp.asarray(rx_pos_ecef_m)
    lat_rad, lon_rad, _ = ecef_to_geodetic(rx_pos_ecef_m)
    east, north, up = ecef_to_enu(sat_pos_ecef_m - rx_pos_ecef_m, lat_rad, lon_rad)
    horizontal2 = east**2 + north**2
    is_zenith = horizontal2 == 0.0
    azimuth = jnp.arctan2(jnp.where(is_zenith, 0.0, east), jnp.where(is_zenith, 1.0, north))
    azimuth = jnp.where(azimuth < 0.0, azimuth + 2.0 * jnp.pi, azimuth)
    azimuth = jnp.where(azimuth >= 2.0 * jnp.pi, 0.0, azimuth)
    horizontal = jnp.where(is_zenith, 0.0, jnp.sqrt(jnp.where(is_zenith, 1.0, horizontal2)))
    return azimuth, jnp.arctan2(up, horizontal)


@jax.custom_jvp
def _ecef_to_geodetic(pos_ecef_m):
    x, y, z = pos_ecef_m
    p = jnp.sqrt(x**2 + y**2)
    lat_rad, height_m = _meridian(p, z)
    return lat_rad, jnp.where(p > 0.0, jnp.arctan2(y, x), 0.0), height_m


@_ecef_to_geodetic.defjvp
def _ecef_to_geodetic_jvp(primals, tangents):
    """d(east, north, up) = (p dlon, (M + h) dlat, dh), from the result itself."""
    (pos_ecef_m,), (tangent,) = primals, tangents
    lat_rad, lon_rad, height_m = _ecef_to_geodetic(pos_ecef_m)
    east, north, up = enu_basis(lat_rad, lon_rad) @ tangent
    p2 = pos_ecef_m[0] ** 2 + pos_ecef_m[1] ** 2
    on_axis = p2 == 0.0
    dlon = jnp.where(on_axis, 0.0, east / jnp.sqrt(jnp.where(on_axis, 1.0, p2)))
    meridian_radius_m = _A * _ONE_MINUS_E2 / (1.0 - _E2 * jnp.sin(lat_rad) ** 2) ** 1.5
    dlat = north / (meridian_radius_m + height_m)
    return (lat_rad, lon_rad, height_m), (dlat, dlon, up)


_compiled = jax.jit(_ecef_to_geodetic)


def _meridian(p_m, z_m):
    """Latitude and height of a point of the meridian plane, at `p_m` from the axis.

    Names as in Vermeille (2011), sec. 2 and 3: `evolute` > 0 outside the evolute of the ellipse.
    """
    p = (p_m / _A) ** 2
    q = _ONE_MINUS_E2 * (z_m / _A) ** 2
    r = (p + q - _E4) / 6.0
    u = _cubic_root(r, _E4 * p * q)
    on_disk = (q == 0.0) & (p <= _E4)
    v = jnp.where(on_disk, 1.0, jnp.sqrt(u**2 + _E4 * q))
    w = _E2 * (u + v - q) / (2.0 * v)
    k = (u + v) / (jnp.sqrt(w**2 + u + v) + w)
    d_m = k * p_m / (k + _E2)
    s_m = jnp.sqrt(d_m**2 + z_m**2)
    lat_rad = 2.0 * jnp.arctan2(z_m, s_m + d_m)
    height_m = (k + _E2 - 1.0) / k * s_m
    disk_lat_rad, disk_height_m = _equatorial_disk(p_m)
    return jnp.where(on_disk, disk_lat_rad, lat_rad), jnp.where(on_disk, disk_height_m, height_m)


def _cubic_root(r, e4_p_q):
    """Root u of Vermeille's resolvent, real cube roots outside the evolute, angles inside."""
    evolute = 8.0 * r**3 + e4_p_q
    is_outside = evolute > 0.0
    cross = jnp.sqrt(e4_p_q)
    cube = jnp.cbrt((jnp.sqrt(jnp.where(is_outside, evolute, 1.0)) + cross) ** 2)
    outside = r + 0.5 * cube + 2.0 * r**2 / cube
    r_inside = jnp.minimum(r, 0.0)
    root_sum = jnp.sqrt(jnp.maximum(-evolute, 0.0)) + jnp.sqrt(-8.0 * r_inside**3)
    angle = (2.0 / 3.0) * jnp.arctan2(cross, root_sum)
    inside = -4.0 * r_inside * jnp.sin(angle) * jnp.cos(jnp.pi / 6.0 + angle)
    return jnp.where(is_outside, outside, inside)


def _equatorial_disk(p_m):
    """Point at z = 0 inside the evolute: its normal meets the ellipse at p = a cos(beta)."""
    cos_beta = jnp.minimum(p_m / (_A * _E2), 1.0)
    sin_beta = jnp.sqrt(1.0 - cos_beta**2)
    lat_rad = jnp.arctan2(sin_beta, (1.0 - WGS84_FLATTENING) * cos_beta)
    return lat_rad, -_A * _ONE_MINUS_E2 / jnp.sqrt(1.0 - _E2 * jnp.sin(lat_rad) ** 2)
