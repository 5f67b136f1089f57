"""Places, grids, scattered places and tracks, against geodesy done by others."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import EarthLocation
from scipy.stats import kstest

from leopnt.scenes.study_settings import UsersSettings
from leopnt.scenes.users import count_users, place_users

EPOCHS_S = np.array([0.0, 60.0])


def users(raw, time_s=EPOCHS_S):
    settings = UsersSettings.model_validate(raw)
    found = place_users(settings, time_s)
    assert len(found.names) == count_users(settings)
    return found


def grid(latitude_deg, longitude_deg):
    return users({"grid": {"latitude_deg": latitude_deg, "longitude_deg": longitude_deg}})


def places(*rows):
    names = ("name", "latitude_deg", "longitude_deg", "height_m")
    return users({"places": [dict(zip(names, row, strict=True)) for row in rows]})


def test_places_are_where_astropy_puts_them(evidence):
    rows = [
        ("A", 90.0, 77.0, 3e3), ("B", -90.0, 0.0, 0.0), ("C", 0.0, 180.0, -500.0),
        ("D", 51.5, -180.0, 2e6), ("E", -33.9, 359.5, 50.0), ("F", 1e-9, 0.0, 0.0),
    ]  # fmt: skip
    found = places(*rows)
    assert found.names == ("A", "B", "C", "D", "E", "F")
    _, lat, lon, height = zip(*rows, strict=True)
    there = EarthLocation.from_geodetic([*lon], [*lat], [*height], ellipsoid="WGS84")
    expected = np.stack([one.to_value(units.m) for one in there.geocentric], axis=-1)
    evidence(
        "scenes.users",
        "ECEF positions of places, poles and antimeridian among them",
        "astropy, EarthLocation.from_geodetic",
        "implementation",
        achieved=np.abs(found.pos_ecef_m - expected[:, None]).max(),
        tolerance=1e-8,
        unit="m",
    )
    assert not found.vel_ecef_mps.any()


def test_axes_are_east_north_and_up_also_at_a_pole():
    found = places(("N", 90.0, 90.0, 0.0), ("E", 0.0, 90.0, 0.0), ("Z", 45.0, 0.0, 0.0))
    half = np.sqrt(0.5)
    expected = [
        [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
        [[-1, 0, 0], [0, 0, 1], [0, 1, 0]],
        [[0, 1, 0], [-half, 0, half], [half, 0, half]],
    ]
    np.testing.assert_allclose(found.enu_axes[:, 1], expected, atol=1e-15)


def test_cities_keep_their_names():
    found = users({"cities": ["Quito", "hong kong"]})
    assert found.names == ("Quito", "hong kong")
    assert found.height_m[0, 0] == 2870.0


def test_a_grid_has_both_ends_and_runs_along_parallels():
    found = grid([10, 30, 10], [170, 190, 5])
    assert len(found.names) == 3 * 5
    np.testing.assert_array_equal(found.latitude_deg[:6, 0], [10, 10, 10, 10, 10, 20])
    np.testing.assert_array_equal(found.longitude_deg[:5, 0], [170, 175, 180, 185, 190])
    assert found.names[3] == "10 N, 175 W"


def test_steps_of_a_tenth_do_not_lose_the_last_place():
    found = grid([0.0, 0.3, 0.1], [-0.3, 0.0, 0.1])
    assert len(found.names) == 16
    assert found.latitude_deg.max() == pytest.approx(0.3)


def test_a_grid_of_the_whole_earth_has_each_place_once(evidence):
    found = grid([-90, 90, 30], [-180, 180, 30])
    apart = np.linalg.norm(found.pos_ecef_m[:, None, 0] - found.pos_ecef_m[None, :, 0], axis=-1)
    pairs = int(np.sum(apart < 1e5) - len(found.names))
    evidence(
        "scenes.users",
        "places missing or doubled in a 30 degree grid of the whole Earth",
        "5 parallels of 12 places and 2 poles",
        "closed form",
        achieved=abs(len(found.names) - 62) + pairs,
        tolerance=0,
    )


def test_a_grid_that_ends_between_steps_stops_before_the_end():
    found = grid([0, 25, 10], [5, 5, 1])
    np.testing.assert_array_equal(found.latitude_deg[:, 0], [0, 10, 20])


def test_scattered_places_are_even_over_the_sphere_and_repeat_with_the_seed():
    raw = {"random": {"count": 2000, "latitude_deg": [-30, 60], "seed": 3}}
    found = users(raw)
    sines = np.sin(np.radians(found.latitude_deg[:, 0]))
    assert kstest(sines, "uniform", args=(-0.5, 0.5 + np.sin(np.radians(60)))).pvalue > 0.01
    assert kstest(found.longitude_deg[:, 0], "uniform", args=(-180, 360)).pvalue > 0.01
    np.testing.assert_array_equal(found.pos_ecef_m, users(raw).pos_ecef_m)
    raw["random"]["seed"] = 4
    assert np.all(found.latitude_deg[:, 0] != users(raw).latitude_deg[:, 0])
    assert users({"random": {"count": 3}}).names == ("place 1", "place 2", "place 3")


def test_a_moving_user_has_places_axes_and_a_height_at_each_epoch():
    corners = [
        {"time_s": 0, "latitude_deg": 0, "longitude_deg": 170, "height_m": 1000},
        {"time_s": 100, "latitude_deg": 0, "longitude_deg": 190, "height_m": 3000},
    ]
    found = users({"track": {"waypoints": corners}}, np.array([0.0, 25.0, 100.0]))
    assert found.names == ("track",)
    np.testing.assert_allclose(found.longitude_deg[0], [170, 175, -170], atol=1e-12)
    np.testing.assert_allclose(found.height_m[0], [1000, 1500, 3000])
    # On the equator: east at a speed that grows with the height, 20 m/s up.
    speed_mps = np.radians(0.2) * (6378137.0 + found.height_m[0])
    enu = np.einsum("eij,ej->ei", found.enu_axes[0], found.vel_ecef_mps[0])
    np.testing.assert_allclose(enu, np.stack([speed_mps, 0 * speed_mps, 20 + 0 * speed_mps], 1),
                               atol=1e-9)  # fmt: skip
