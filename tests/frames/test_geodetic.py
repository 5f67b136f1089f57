"""Geodetic coordinates against 50-digit arithmetic, ERFA and astropy; poles and derivatives."""

from decimal import Decimal, getcontext

import erfa
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ITRS, AltAz, EarthLocation
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from leopnt.errors import LeopntError
from leopnt.frames import (
    azel,
    ecef_to_enu,
    ecef_to_geodetic,
    enu_basis,
    enu_to_ecef,
    geodetic_to_ecef,
)

getcontext().prec = 50
A = Decimal(6_378_137)
F = 1 / Decimal("298.257223563")
B = A * (1 - F)
E2 = F * (2 - F)

to_ecef = jax.jit(jax.vmap(geodetic_to_ecef))
to_geodetic = jax.jit(jax.vmap(ecef_to_geodetic))


def stacked(pos):
    return jnp.stack(ecef_to_geodetic(pos))


forward_jacobian = jax.jit(jax.jacfwd(stacked))
reverse_jacobian = jax.jit(jax.jacrev(stacked))
hessian = jax.jit(jax.hessian(stacked))


def sin_cos(angle):
    """Taylor series in 50 digits."""
    x2, sin, cos, power = angle * angle, Decimal(0), Decimal(0), Decimal(1)
    for n in range(60):
        if n % 2 == 0:
            cos += power * (-1) ** (n // 2)
        else:
            sin += power * (-1) ** (n // 2)
        power = power * angle / (n + 1)
    assert abs(sin * sin + cos * cos - 1) < Decimal("1e-45") * (1 + x2)
    return sin, cos


def exact_ecef(lat_rad, lon_rad, height_m):
    """TR8350.2 eq. (4-14) of float64 arguments, in 50 digits."""
    lat, lon, h = (Decimal(float(v)) for v in (lat_rad, lon_rad, height_m))
    (sin_lat, cos_lat), (sin_lon, cos_lon) = sin_cos(lat), sin_cos(lon)
    normal = A / (1 - E2 * sin_lat**2).sqrt()
    p = (normal + h) * cos_lat
    return p * cos_lon, p * sin_lon, ((1 - E2) * normal + h) * sin_lat


def apart_m(exact, pos_m):
    return float(
        sum((a - Decimal(float(b))) ** 2 for a, b in zip(exact, pos_m, strict=True)).sqrt()
    )


def errors_m(places, pos_m):
    pairs = zip(places, pos_m, strict=True)
    return np.array([apart_m(exact_ecef(*place), pos) for place, pos in pairs])


def places(num, low_m, high_m, seed=0):
    rng = np.random.default_rng(seed)
    lat = np.arcsin(rng.uniform(-1, 1, num))
    lat[: num // 8] = np.pi / 2 - 10.0 ** rng.uniform(-12, -1, num // 8)  # near the pole
    lat[num // 8 : num // 4] = 10.0 ** rng.uniform(-12, -1, num // 8)  # near the equator
    return lat, rng.uniform(-np.pi, np.pi, num), rng.uniform(low_m, high_m, num)


@pytest.mark.parametrize(
    ("band", "low_m", "high_m", "tolerance", "unit"),
    [
        ("-10 km to 2000 km", -1e4, 2e6, 1e-8, "m"),
        ("2000 km to 50 000 km, relative", 2e6, 5e7, 1e-15, ""),
    ],
)
def test_both_directions_agree_with_50_digit_arithmetic(
    band, low_m, high_m, tolerance, unit, evidence
):
    lat, lon, h = places(400, low_m, high_m)
    pos = np.asarray(to_ecef(lat, lon, h))
    back = np.array(to_geodetic(pos)).T
    scale = 1.0 if unit else np.linalg.norm(pos, axis=-1)
    forward = errors_m(np.array([lat, lon, h]).T, pos)
    inverse = errors_m(back, pos)
    for name, error in (("geodetic to ECEF", forward), ("ECEF to geodetic", inverse)):
        evidence(
            "frames.geodetic",
            f"{name}, {band}",
            "definition in 50-digit arithmetic",
            "closed form",
            achieved=np.max(error / scale),
            tolerance=tolerance,
            unit=unit,
        )


def test_a_round_trip_ends_where_it_began(evidence):
    for band, low_m, high_m, tolerance in (
        ("below 2000 km altitude", -1e4, 2e6, 1e-8),
        ("up to lunar distance, relative", 2e6, 4e8, 1e-15),
    ):
        pos = np.asarray(to_ecef(*places(50_000, low_m, high_m, seed=1)))
        back = np.asarray(to_ecef(*to_geodetic(pos)))
        radius = np.linalg.norm(pos, axis=-1) if low_m > 0 else 1.0
        evidence(
            "frames.geodetic",
            f"ECEF to geodetic and back, {band}",
            "itself",
            "own",
            achieved=np.max(np.linalg.norm(back - pos, axis=-1) / radius),
            tolerance=tolerance,
            unit="m" if low_m < 0 else "",
        )


def test_coordinates_agree_with_erfa(evidence):
    lat, lon, h = places(20_000, -1e4, 2e6, seed=2)
    pos = np.asarray(to_ecef(lat, lon, h))
    lon_erfa, lat_erfa, h_erfa = erfa.gc2gd(1, pos)
    lat_ours, lon_ours, h_ours = to_geodetic(pos)
    radius_m = np.linalg.norm(pos, axis=-1)
    apart = np.max(
        [
            np.abs(lat_ours - lat_erfa) * radius_m,
            np.abs(lon_ours - lon_erfa) * np.hypot(pos[:, 0], pos[:, 1]),
            np.abs(h_ours - h_erfa),
            np.linalg.norm(pos - erfa.gd2gc(1, lon, lat, h), axis=-1),
        ]
    )
    evidence(
        "frames.geodetic",
        "geodetic coordinates both ways, below 2000 km altitude",
        "ERFA 2.0 (gc2gd, gd2gc; its latitude is an approximation to 1e-11 rad)",
        "implementation",
        achieved=apart,
        tolerance=1e-4,
        unit="m",
    )


B_M = float(B)


@pytest.mark.parametrize(
    ("pos", "lat_deg", "height_m"),
    [
        ((0.0, 0.0, 0.0), 90.0, -B_M),
        ((0.0, 0.0, 7e6), 90.0, 7e6 - B_M),
        ((0.0, 0.0, -7e6), -90.0, 7e6 - B_M),
        ((0.0, 0.0, 1e3), 90.0, 1e3 - B_M),
        ((0.0, -0.0, -1e-3), -90.0, 1e-3 - B_M),
        ((6.4e6, 0.0, 0.0), 0.0, 6.4e6 - 6_378_137.0),
        ((5e4, 0.0, -0.0), 0.0, 5e4 - 6_378_137.0),
    ],
)
def test_poles_equator_and_centre_have_the_coordinates_of_the_convention(pos, lat_deg, height_m):
    lat, lon, h = ecef_to_geodetic(np.array(pos))
    assert float(lat) == pytest.approx(np.deg2rad(lat_deg), abs=1e-15)
    assert float(lon) == 0.0
    assert float(h) == pytest.approx(height_m, abs=3e-9)


@given(st.floats(0.0, 6e6), st.floats(-6e6, 6e6), st.floats(-np.pi, np.pi))
def test_deep_points_get_their_nearest_point_of_the_ellipsoid(p, z, lon):
    pos = np.array([p * np.cos(lon), p * np.sin(lon), z])
    lat, lon_back, h = (float(v) for v in ecef_to_geodetic(pos))
    assert apart_m(exact_ecef(lat, lon_back, h), pos) < 1e-8
    beta = np.linspace(-np.pi / 2, np.pi / 2, 20_001)
    distance_m = np.hypot(6_378_137.0 * np.cos(beta) - p, B_M * np.sin(beta) - z).min()
    assert abs(h) <= distance_m + 1e-6


@pytest.mark.parametrize(
    "pos",
    [
        (4e6, -3e6, 4e6),
        (7e6, 1e-3, -1e-3),
        (7e6, 0.0, 0.0),
        (1.0, 0.0, 6.4e6),
        (3e7, 1e7, -2e7),
        (1e6, 1e6, 5e5),
    ],
)
def test_derivatives_agree_with_central_differences(pos, evidence):
    pos = jnp.array(pos)
    lat, lon, _ = ecef_to_geodetic(pos)
    # In metres along north, east and up, so that rows compare.
    scale = jnp.array([jnp.sqrt(pos @ pos), jnp.hypot(pos[0], pos[1]), 1.0])[:, None]
    forward, reverse = forward_jacobian(pos) * scale, reverse_jacobian(pos) * scale
    step = 1e-3 if float(jnp.hypot(pos[0], pos[1])) < 10 else 10.0
    basis = enu_basis(lat, lon)[jnp.array([1, 0, 2])]
    along = jax.vmap(lambda d: (stacked(pos + step * d) - stacked(pos - step * d)) / (2 * step))
    numeric = along(basis).T * scale
    tolerance = 1e-9 if step == 10.0 else 5e-6  # rounding 1e-9 m over the step, and curvature
    evidence(
        "frames.geodetic",
        "derivatives of geodetic coordinates (north, east, up)",
        "central differences",
        "closed form",
        achieved=np.max(np.abs(forward @ basis.T - numeric)) / tolerance,
        tolerance=1.0,
        unit="of its tolerance",
    )
    np.testing.assert_allclose(forward, reverse, atol=1e-15)


@pytest.mark.parametrize("pos", [(0, 0, 7e6), (0, 0, -6e6), (7e6, 0, 0), (0, 0, 0), (2e4, 0, 0)])
def test_no_derivative_is_nan_at_poles_equator_or_centre(pos):
    pos = jnp.array(pos, dtype=float)
    assert np.isfinite(forward_jacobian(pos)).all()
    assert np.isfinite(reverse_jacobian(pos)).all()
    assert np.isfinite(hessian(pos)).all()


def test_height_at_the_pole_grows_along_the_axis():
    slope = jax.grad(lambda pos: ecef_to_geodetic(pos)[2])(jnp.array([0.0, 0.0, -6.4e6]))
    np.testing.assert_allclose(slope, [0.0, 0.0, -1.0], atol=1e-15)


def test_jacobians_of_the_two_directions_are_inverse():
    place = jnp.array([0.7, -2.0, 5e5])
    there = jax.jacfwd(lambda g: geodetic_to_ecef(*g))(place)
    back = jax.jacfwd(stacked)(geodetic_to_ecef(*place))
    np.testing.assert_allclose(back @ there, np.eye(3), atol=2e-9)


def test_local_axes_are_the_partial_derivatives_of_the_position(evidence):
    lat, lon = jnp.array(-0.6), jnp.array(2.2)
    rows = jax.jacfwd(lambda g: geodetic_to_ecef(g[1], g[0], g[2]))(jnp.array([lon, lat, 300.0])).T
    unit_rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    evidence(
        "frames.geodetic",
        "east, north and up axes",
        "normalized partial derivatives of the position",
        "closed form",
        achieved=np.max(np.abs(enu_basis(lat, lon) - unit_rows)),
        tolerance=1e-15,
    )
    vec = jnp.array([1.0, -2.0, 3.0])
    np.testing.assert_allclose(enu_to_ecef(ecef_to_enu(vec, lat, lon), lat, lon), vec, atol=1e-15)


def test_azimuth_and_elevation_agree_with_astropy(evidence):
    lat, lon, h = places(200, 0.0, 5e3, seed=4)
    rng = np.random.default_rng(5)
    rx = np.asarray(to_ecef(lat, lon, h))
    sat = rx + rng.normal(size=rx.shape) * 1e6
    az, el = jax.vmap(azel)(sat, rx)
    place = EarthLocation.from_geocentric(*rx.T, unit=u.m)
    when = Time("2025-05-05", scale="utc")
    local = ITRS(*(sat - rx).T * u.m, obstime=when, location=place)
    seen = local.transform_to(AltAz(obstime=when, location=place))
    turn = np.angle(np.exp(1j * (az - seen.az.rad))) * np.cos(el)
    evidence(
        "frames.geodetic",
        "azimuth and elevation",
        "astropy 8.0 (topocentric ITRS to AltAz)",
        "implementation",
        achieved=max(np.max(np.abs(turn)), np.max(np.abs(el - seen.alt.rad))),
        tolerance=1e-13,
        unit="rad",
    )
    assert np.all((az >= 0) & (az < 2 * np.pi))


@pytest.mark.parametrize(
    ("enu", "az_deg", "el_deg"),
    [
        ((0, 1e6, 0), 0, 0),
        ((1e6, 0, 0), 90, 0),
        ((0, -1e6, 0), 180, 0),
        ((-1e6, 0, 1e6), 270, 45),
        ((0, 0, 1e6), 0, 90),
    ],
)
def test_azimuth_counts_from_north_over_east(enu, az_deg, el_deg):
    lat, lon = jnp.array(0.4), jnp.array(-1.0)
    rx = geodetic_to_ecef(lat, lon, 100.0)
    az, el = azel(rx + enu_to_ecef(jnp.array(enu, dtype=float), lat, lon), rx)
    off = np.angle(np.exp(1j * (float(az) - np.deg2rad(az_deg))))
    assert abs(off) * np.cos(el) < 1e-14
    assert float(el) == pytest.approx(np.deg2rad(el_deg), abs=1e-7 if el_deg == 90 else 1e-14)


def test_azimuth_and_elevation_have_finite_derivatives_at_the_zenith():
    rx = jnp.array([6_378_137.0, 0.0, 0.0])
    jacobian = jax.jacrev(lambda sat: jnp.stack(azel(sat, rx)))(rx + jnp.array([1e6, 0.0, 0.0]))
    np.testing.assert_array_equal(jacobian, 0.0)


def test_a_32_bit_position_is_refused():
    with pytest.raises(LeopntError, match=r"pos_ecef_m has dtype float32, .* expected float64"):
        ecef_to_geodetic(np.array([7e6, 0, 0], dtype=np.float32))
