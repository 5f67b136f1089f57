"""How the Sun and the Moon lift a station: tides of the solid Earth, IERS Conventions (2010).

    displacement = degree 2 and 3 in phase            (eq. 7.5, 7.6: up to 0.4 m)
                 + out of phase, and latitude         (eq. 7.8 to 7.11: mm)
                 + dependence on frequency            (eq. 7.12, 7.13: up to 13 mm, 1 mm)

The permanent part stays in (step 3 of the Conventions is not made), so that coordinates are
"conventional tide free" as those of the ITRF. Ocean loading (cm near coasts) is not included.
`pole_tide` has the effect of polar motion.

The host makes a `TideForcing` once; the rest is JAX, for stations and epochs whose leading axes
broadcast.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from leopnt.channel._batches import shaped
from leopnt.channel.sun_moon import moon_position_ecef, sun_position_ecef
from leopnt.constants import EARTH_EQUATORIAL_RADIUS_M
from leopnt.eop import EopTable
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError

_SUN_MASS, _MOON_MASS = 332_946.0482, 0.012_300_037_1  # over that of the Earth
_H2, _L2, _H3, _L3 = 0.6078, 0.0847, 0.292, 0.015
_H2_BY_LATITUDE, _L2_BY_LATITUDE = -0.0006, 0.0002
_L1_DIURNAL, _L1_SEMIDIURNAL = 0.0012, 0.0024
_H_OUT_DIURNAL, _L_OUT_DIURNAL = -0.0025, -0.0007
_H_OUT_SEMIDIURNAL, _L_OUT_SEMIDIURNAL = -0.0022, -0.0007

# Multiples of s, h, p, N', ps (tau once); radial in phase, out; transverse in phase, out [mm].
# IERS Conventions (2010), table 7.3a.
_DIURNAL = np.array(
    [
        [-3, 0, 2, 0, 0, -0.01, 0.0, 0.0, 0.0],
        [-3, 2, 0, 0, 0, -0.01, 0.0, 0.0, 0.0],
        [-2, 0, 1, -1, 0, -0.02, 0.0, 0.0, 0.0],
        [-2, 0, 1, 0, 0, -0.08, 0.0, -0.01, 0.01],
        [-2, 2, -1, 0, 0, -0.02, 0.0, 0.0, 0.0],
        [-1, 0, 0, -1, 0, -0.10, 0.0, 0.0, 0.0],
        [-1, 0, 0, 0, 0, -0.51, 0.0, -0.02, 0.03],
        [-1, 2, 0, 0, 0, 0.01, 0.0, 0.0, 0.0],
        [0, -2, 1, 0, 0, 0.01, 0.0, 0.0, 0.0],
        [0, 0, -1, 0, 0, 0.02, 0.0, 0.0, 0.0],
        [0, 0, 1, 0, 0, 0.06, 0.0, 0.0, 0.0],
        [0, 0, 1, 1, 0, 0.01, 0.0, 0.0, 0.0],
        [0, 2, -1, 0, 0, 0.01, 0.0, 0.0, 0.0],
        [1, -3, 0, 0, 1, -0.06, 0.0, 0.0, 0.0],
        [1, -2, 0, -1, 0, 0.01, 0.0, 0.0, 0.0],
        [1, -2, 0, 0, 0, -1.23, -0.07, 0.06, 0.01],
        [1, -1, 0, 0, -1, 0.02, 0.0, 0.0, 0.0],
        [1, -1, 0, 0, 1, 0.04, 0.0, 0.0, 0.0],
        [1, 0, 0, -1, 0, -0.22, 0.01, 0.01, 0.0],
        [1, 0, 0, 0, 0, 12.00, -0.80, -0.67, -0.03],
        [1, 0, 0, 1, 0, 1.73, -0.12, -0.10, 0.0],
        [1, 0, 0, 2, 0, -0.04, 0.0, 0.0, 0.0],
        [1, 1, 0, 0, -1, -0.50, -0.01, 0.03, 0.0],
        [1, 1, 0, 0, 1, 0.01, 0.0, 0.0, 0.0],
        [0, 1, 0, 1, -1, -0.01, 0.0, 0.0, 0.0],
        [1, 2, -2, 0, 0, -0.01, 0.0, 0.0, 0.0],
        [1, 2, 0, 0, 0, -0.11, 0.01, 0.01, 0.0],
        [2, -2, 1, 0, 0, -0.01, 0.0, 0.0, 0.0],
        [2, 0, -1, 0, 0, -0.02, 0.0, 0.0, 0.0],
    ]
)
# Multiples of s, h, p, N', ps; radial in phase, transverse in phase, radial out, transverse out
# [mm]. IERS Conventions (2010), table 7.3b.
_LONG_PERIOD = np.array(
    [
        [0, 0, 0, 1, 0, 0.47, 0.23, 0.16, 0.07],
        [0, 2, 0, 0, 0, -0.20, -0.12, -0.11, -0.05],
        [1, 0, -1, 0, 0, -0.11, -0.08, -0.09, -0.04],
        [2, 0, 0, 0, 0, -0.13, -0.11, -0.15, -0.07],
        [2, 0, 0, 1, 0, -0.05, -0.05, -0.06, -0.03],
    ]
)
# Degrees, by powers of Julian centuries TT since J2000: s without and general precession, h, p,
# N', ps, and the sidereal angle of tau.
_S = (218.31664563, 481267.88194, -0.0014663889, 0.00000185139)
_PRECESSION = (0.0, 1.396971278, 0.000308889, 0.000000021, 0.000000007)
_H = (280.46645, 36000.7697489, 0.00030322222, 0.000000020, -0.00000000654)
_P = (83.35324312, 4069.01363525, -0.01032172222, -0.0000124991, 0.00000005263)
_N = (234.95544499, 1934.13626197, -0.00207561111, -0.00000213944, 0.00000001650)
_PS = (282.93734098, 1.71945766667, 0.00045688889, -0.00000001778, -0.00000000334)
_SIDEREAL = (280.4606184, 36000.7700536, 0.00038793, -0.0000000258)


class TideForcing(eqx.Module):
    """What makes the tides at some epochs; the same for all stations. See `tide_forcing`.

    Attributes:
        sun_pos_ecef_m, moon_pos_ecef_m: from the Earth's center.
        angles_rad: tau, s, h, p, N', ps (Doodson's), see `tide_angles_rad`.
    """

    sun_pos_ecef_m: Float[Array | np.ndarray, "*epoch 3"]
    moon_pos_ecef_m: Float[Array | np.ndarray, "*epoch 3"]
    angles_rad: Float[Array | np.ndarray, "*epoch 6"]


def tide_forcing(epoch: Epoch, eop: EopTable | None = None) -> TideForcing:
    """Sun, Moon and arguments of the tides at some epochs, on the host.

    Args:
        epoch: instants, of any shape.
        eop: Earth orientation, None for the bundled table.

    Raises:
        LeopntError: an epoch outside the table.
    """
    day, part = epoch.to_jd(TimeScale.TT)
    ut_day, ut_part = epoch.to_jd(TimeScale.UT1, eop)
    return TideForcing(
        sun_position_ecef(epoch, eop),
        moon_position_ecef(epoch, eop),
        tide_angles_rad(
            ((day - 2_451_545.0) + part) / 36_525.0, 24.0 * np.mod((ut_day - 0.5) + ut_part, 1.0)
        ),
    )


def tide_angles_rad(
    tt_centuries: Float[np.ndarray, "*epoch"] | float, ut_hours: Float[np.ndarray, "*epoch"] | float
) -> Float[np.ndarray, "*epoch 6"]:
    """Doodson's arguments tau, s, h, p, N', ps [rad], 0 to 2 pi.

    Args:
        tt_centuries: Julian centuries of TT since 2000-01-01 12h.
        ut_hours: hours of Universal Time since midnight.

    Raises:
        LeopntError: not finite.

    Source: [iers-2010], ch. 7, software STEP2DIU. It adds precession to s, which has it
    already (0.36 degrees in 2025, 0.1 mm at most); so do we.
    """
    t, hours = np.asarray(tt_centuries, float), np.asarray(ut_hours, float)
    if not (np.all(np.isfinite(t)) and np.all(np.isfinite(hours))):
        raise LeopntError("tt_centuries or ut_hours holds NaN or infinity.")
    moon = _series(_S, t)
    tau = 15.0 * hours + _series(_SIDEREAL, t) - moon
    others = [_series(one, t) for one in (_H, _P, _N, _PS)]
    angles = np.stack([tau, moon + _series(_PRECESSION, t), *others], axis=-1)
    return np.deg2rad(np.mod(angles, 360.0))


def solid_tide_m(
    station_pos_ecef_m: Float[ArrayLike, "... 3"], forcing: TideForcing
) -> Float[Array, "... 3"]:
    """Displacement [m] of a station, ECEF: ADD it to the coordinates of the station.

    Args:
        station_pos_ecef_m: conventional (tide-free) position, near the ground.
        forcing: of the epochs; leading axes broadcast, so stations (station, 1, 3) with epochs
            (epoch, ...) give (station, epoch, 3).

    Raises:
        LeopntError: shapes that do not fit, 32 bits, not finite (if not traced).

    Source: [iers-2010], sec. 7.1.1; [mathews-1997].
    """
    station, sun, moon, angles = shaped(
        [(3,), (3,), (3,), (6,)],
        station_pos_ecef_m=station_pos_ecef_m,
        sun_pos_ecef_m=forcing.sun_pos_ecef_m,
        moon_pos_ecef_m=forcing.moon_pos_ecef_m,
        angles_rad=forcing.angles_rad,
    )
    return _solid_tide(station, sun, moon, angles)


@jax.jit
def _solid_tide(station_m, sun_m, moon_m, angles_rad):
    place = _Place(station_m)
    parts = [
        *_nominal(place, _SUN_MASS, sun_m),
        *_nominal(place, _MOON_MASS, moon_m),
        _by_frequency(place, angles_rad),
        _long_period(place, angles_rad),
    ]
    return place.ecef(*(sum(each) for each in zip(*parts, strict=True)))


class _Place:
    """Geocentric latitude and longitude of a station, and its local axes."""

    def __init__(self, station_m):
        x, y, z = (station_m[..., i] for i in range(3))
        axis = jnp.sqrt(x * x + y * y)
        radius = jnp.sqrt(axis * axis + z * z)
        self.sin, self.cos = z / radius, axis / radius
        self.lon = jnp.arctan2(y, x)
        self.sin_lon, self.cos_lon = jnp.sin(self.lon), jnp.cos(self.lon)

    def local(self, unit):
        """Up, north and east components of a vector."""
        x, y, z = (unit[..., i] for i in range(3))
        out = x * self.cos_lon + y * self.sin_lon
        east = y * self.cos_lon - x * self.sin_lon
        return self.cos * out + self.sin * z, self.cos * z - self.sin * out, east

    def ecef(self, up, north, east):
        out = self.cos * up - self.sin * north
        x = out * self.cos_lon - east * self.sin_lon
        y = out * self.sin_lon + east * self.cos_lon
        return jnp.stack([x, y, self.sin * up + self.cos * north], axis=-1)


def _nominal(place: _Place, mass: float, body_m):
    """Step 1 by one body: (up, north, east) in phase, out of phase and by latitude."""
    distance = jnp.linalg.norm(body_m, axis=-1)
    unit = body_m / distance[..., None]
    ratio = EARTH_EQUATORIAL_RADIUS_M / distance
    strength = mass * EARTH_EQUATORIAL_RADIUS_M * ratio**3
    return (
        _in_phase(place, unit, strength, strength * ratio),
        _out_of_phase(place, unit, strength),
        _by_latitude(place, unit, strength),
    )


def _in_phase(place: _Place, unit, second, third):
    """Eq. 7.5 and 7.6."""
    cos, north, east = place.local(unit)
    legendre = 0.5 * (3.0 * place.sin**2 - 1.0)
    h2, l2 = _H2 + _H2_BY_LATITUDE * legendre, _L2 + _L2_BY_LATITUDE * legendre
    up = second * h2 * (1.5 * cos**2 - 0.5) + third * _H3 * (2.5 * cos**2 - 1.5) * cos
    flat = second * l2 * 3.0 * cos + third * _L3 * (7.5 * cos**2 - 1.5)
    return up, flat * north, flat * east


def _out_of_phase(place: _Place, unit, strength):
    """Eq. 7.10 (diurnal) and 7.11 (semidiurnal)."""
    p, q, z = _relative(place, unit)
    sin, cos, double = place.sin, place.cos, place.cos**2 - place.sin**2
    up = -3.0 * _H_OUT_DIURNAL * sin * cos * z * q - 1.5 * _H_OUT_SEMIDIURNAL * cos**2 * p * q
    north = -3.0 * _L_OUT_DIURNAL * double * z * q + 3.0 * _L_OUT_SEMIDIURNAL * sin * cos * p * q
    east = -3.0 * _L_OUT_DIURNAL * sin * z * p - 1.5 * _L_OUT_SEMIDIURNAL * cos * (p * p - q * q)
    return strength * up, strength * north, strength * east


def _by_latitude(place: _Place, unit, strength):
    """Eq. 7.8 (diurnal) and 7.9 (semidiurnal)."""
    p, q, z = _relative(place, unit)
    sin, cos, double = place.sin, place.cos, place.cos**2 - place.sin**2
    north = -3.0 * _L1_DIURNAL * sin**2 * z * p
    north -= 1.5 * _L1_SEMIDIURNAL * sin * cos * (p * p - q * q)
    east = 3.0 * _L1_DIURNAL * sin * double * z * q - 3.0 * _L1_SEMIDIURNAL * sin**2 * cos * p * q
    return jnp.zeros_like(north), strength * north, strength * east


def _relative(place: _Place, unit):
    """Cos Phi cos(lon - Lambda), cos Phi sin(lon - Lambda), sin Phi of a body at (Phi, Lambda)."""
    x, y, z = (unit[..., i] for i in range(3))
    return x * place.cos_lon + y * place.sin_lon, x * place.sin_lon - y * place.cos_lon, z


def _by_frequency(place: _Place, angles):
    """Eq. 7.12, diurnal."""
    angle = angles[..., 1:] @ _DIURNAL[:, :5].T + (angles[..., 0] + place.lon)[..., None]
    amounts = 1e-3 * _DIURNAL[:, 5:]
    sin, cos = jnp.sin(angle), jnp.cos(angle)
    up = 2.0 * place.sin * place.cos * (sin @ amounts[:, 0] + cos @ amounts[:, 1])
    north = (place.cos**2 - place.sin**2) * (sin @ amounts[:, 2] + cos @ amounts[:, 3])
    east = place.sin * (cos @ amounts[:, 2] - sin @ amounts[:, 3])
    return up, north, east


def _long_period(place: _Place, angles):
    """Eq. 7.13."""
    angle = angles[..., 1:] @ _LONG_PERIOD[:, :5].T
    amounts = 1e-3 * _LONG_PERIOD[:, 5:]
    sin, cos = jnp.sin(angle), jnp.cos(angle)
    up = (1.5 * place.sin**2 - 0.5) * (cos @ amounts[:, 0] + sin @ amounts[:, 2])
    north = 2.0 * place.sin * place.cos * (cos @ amounts[:, 1] + sin @ amounts[:, 3])
    return up, north, jnp.zeros_like(up)


def _series(coefficients: tuple[float, ...], t: np.ndarray) -> np.ndarray:
    return np.polynomial.polynomial.polyval(t, coefficients)
