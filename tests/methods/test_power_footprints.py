"""Footprints against closed forms and rays met with the ellipsoid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas import GriddedBeams, b52
from leopnt.errors import LeopntError
from leopnt.frames import ecef_to_geodetic, enu_to_ecef, geodetic_to_ecef, orbit_frame
from leopnt.methods.power import Shell, earth_footprints, plane_footprints

LIMB_RAD = float(Shell().limb_rad())
LAT, LON = np.radians(22.3), np.radians(179.0)
SAT = geodetic_to_ecef(LAT, LON, 1200e3)
AXES = orbit_frame(SAT, enu_to_ecef(jnp.array([4e3, 6e3, 0.0]), LAT, LON))


@pytest.fixture(scope="module")
def plane():
    return plane_footprints(b52(), LIMB_RAD, 181)


@pytest.fixture(scope="module")
def earth():
    return earth_footprints(b52(), SAT, AXES, 181)


def test_beams_are_as_wide_as_their_array_makes_them(plane, evidence):
    half = 0.5 * 0.886 * 2 / 8
    antenna = b52()
    widths = []
    for beam in range(4):
        i = np.argmin(np.abs(plane.v - plane.peak_v[beam]))
        cut = plane.below_peak_db[beam, :, i]
        near = np.abs(plane.u - plane.peak_u[beam]) < 2 * half
        level, u = cut[near], plane.u[near]
        inside = np.flatnonzero(level > -3.0103)
        low, high = inside[0], inside[-1]
        left = np.interp(-3.0103, level[low - 1 : low + 1], u[low - 1 : low + 1])
        right = np.interp(3.0103, -level[high : high + 2], u[high : high + 2])
        widths.append(right - left)
    evidence(
        "methods.power.footprints",
        "half-power width of the inner beams of B52, relative",
        "0.886 lambda / L of a uniform array",
        "closed form",
        achieved=np.max(np.abs(np.array(widths) / (2 * half) - 1)),
        tolerance=0.03,
    )
    np.testing.assert_allclose(plane.peak_u[:14], antenna.beam_u[:14], atol=0.02)
    np.testing.assert_allclose(plane.peak_v[:14], antenna.beam_v[:14], atol=0.02)


def test_no_beam_is_above_its_peak_where_the_earth_is(plane):
    on_earth = np.hypot(*np.meshgrid(plane.u, plane.v, indexing="ij")) <= np.sin(LIMB_RAD)
    below = plane.below_peak_db[:, on_earth]
    np.testing.assert_array_equal(below.max(axis=1), 0.0)
    np.testing.assert_allclose(plane.peak_dbw[:4], 26.0 + 12 * np.log10(np.cos(0.1405)), atol=0.03)


GEODETIC = jax.jit(ecef_to_geodetic)


def met_with_the_ground_deg(u, v):
    """Bisection on the height along a ray."""
    ray = np.asarray(AXES) @ np.array([u, v, np.sqrt(1 - u * u - v * v)])
    near, far = 0.0, -float(np.asarray(SAT) @ ray)
    for _ in range(50):
        middle = 0.5 * (near + far)
        above = GEODETIC(SAT + middle * ray)[2] > 0
        near, far = (middle, far) if above else (near, middle)
    lat, lon, _ = GEODETIC(SAT + near * ray)
    return np.degrees([float(lat), float(lon) % (2 * np.pi)])


def test_beams_meet_the_ground_where_their_rays_do(earth, plane, evidence):
    worst = 0.0
    for beam in (0, 5, 9, 14, 22):
        expected = met_with_the_ground_deg(plane.peak_u[beam], plane.peak_v[beam])
        found = np.degrees([earth.peak_lat_rad[beam], earth.peak_lon_rad[beam]])
        worst = max(worst, np.max(np.abs(found - expected)))
    evidence(
        "methods.power.footprints",
        "where beams are strongest on the ground, nodes 0.4 deg apart",
        "rays of the peaks in (u, v) met with the ellipsoid by bisection",
        "implementation",
        achieved=worst,
        tolerance=0.7,
        unit="deg",
    )


def test_the_horizon_is_where_it_is_on_a_sphere(earth):
    seen = np.degrees(earth.lat_rad[np.any(earth.elevation_rad >= 0.0, axis=1)])
    reach = np.degrees(np.arccos(6371 / 7571))
    np.testing.assert_allclose([seen[0], seen[-1]], [22.3 - reach, 22.3 + reach], atol=0.6)
    assert np.all(np.isnan(earth.below_peak_db[:, earth.elevation_rad < 0]))
    # A node is at most 0.3 deg from nadir: 2 deg of elevation.
    assert np.nanmax(earth.elevation_rad) > np.radians(87)


def test_longitudes_go_on_beyond_the_antimeridian(earth):
    assert np.all(np.diff(earth.lon_rad) > 0)
    assert np.degrees(earth.lon_rad[-1]) > 200
    np.testing.assert_allclose(np.degrees([earth.sat_lat_rad, earth.sat_lon_rad]), [22.3, 179.0])


def test_a_pole_in_sight_is_seen_from_all_longitudes():
    sat = geodetic_to_ecef(np.radians(80.0), 0.0, 1200e3)
    axes = orbit_frame(sat, jnp.array([0.0, 7e3, 0.0]))
    found = earth_footprints(b52(), sat, axes, 41)
    np.testing.assert_allclose(np.degrees(found.lon_rad[[0, -1]]), [-180.0, 180.0])
    assert np.all(found.elevation_rad[-1] > 0)


def test_what_has_no_footprint_is_refused(untyped):
    with pytest.raises(LeopntError, match="limb_rad = 2 rad: expected 0 to"):
        plane_footprints(b52(), 2.0)
    with pytest.raises(LeopntError, match="count = 2: expected an integer of 3 or more"):
        plane_footprints(b52(), LIMB_RAD, 2)
    with pytest.raises(LeopntError, match=r"sat_pos_ecef_m is .* m above the ellipsoid; expected"):
        earth_footprints(b52(), 0.9 * geodetic_to_ecef(LAT, LON, 0.0), AXES)
    aside = GriddedBeams.of_samples(
        np.linspace(0.85, 0.95, 5), np.linspace(0, 0.2, 5), np.ones((1, 5, 5))
    )
    with pytest.raises(LeopntError, match="beam 0 is not known in any direction that meets"):
        plane_footprints(aside, LIMB_RAD, 41)
