"""Pieces of a city against their own measures: walls, panels, walks and grids."""

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.frames import ecef_to_geodetic
from leopnt.geometry import reflecting_panel
from leopnt.scenes import (
    FacadePanel,
    UrbanSite,
    city,
    city_block,
    facade_room,
    street_canyon,
    street_grid,
    walk,
)

PLACE = city("Hong Kong")
HUNG = (FacadePanel(-30.0, True, 20.0), FacadePanel(40.0, False, 10.0))


def test_local_axes_are_east_north_and_up(evidence):
    site = street_canyon(PLACE, HUNG)
    lat, lon, height = (float(x) for x in ecef_to_geodetic(site.to_ecef(np.array([0.0, 0, 50.0]))))
    off = np.array([lat - np.radians(PLACE.latitude_deg), lon - np.radians(PLACE.longitude_deg)])
    evidence(
        "scenes.urban_site",
        "height of a point 50 m up",
        "geodetic coordinates",
        "implementation",
        achieved=abs(height - PLACE.height_m - 50.0) + 6.4e6 * np.max(np.abs(off)),
        tolerance=1e-7,
        unit="m",
    )
    places = np.random.default_rng(0).uniform(-100.0, 100.0, (7, 3))
    np.testing.assert_allclose(site.to_enu(site.to_ecef(places)), places, atol=1e-8)


@pytest.mark.parametrize("azimuth_deg", [0.0, 70.0, 200.0])
def test_a_canyon_has_its_width_and_panels_that_look_across(azimuth_deg):
    azimuth = np.radians(azimuth_deg)
    site = street_canyon(PLACE, HUNG, width_m=24.0, azimuth_rad=azimuth)
    ahead = np.array([np.sin(azimuth), np.cos(azimuth), 0.0])
    right = np.array([np.cos(azimuth), -np.sin(azimuth), 0.0])
    aside = np.array([-12.1, -11.9, 0.0, 11.9, 12.1, 31.9, 32.1])
    free = site.is_open(aside[:, None] * right + 20.0 * ahead + [0.0, 0.0, 1.5])
    assert free.tolist() == [False, True, True, True, False, False, True]
    first, second = site.panels
    np.testing.assert_allclose(first.center_m, -30 * ahead + 11.9 * right + [0, 0, 20], atol=1e-9)
    np.testing.assert_allclose(first.normal, -right, atol=1e-12)
    np.testing.assert_allclose(second.center_m, 40 * ahead - 11.9 * right + [0, 0, 10], atol=1e-9)
    np.testing.assert_allclose(second.normal, right, atol=1e-12)


def test_a_room_is_hollow_and_closed():
    site = facade_room(PLACE, width_m=12.0, depth_m=15.0, height_m=6.0, floor_m=12.0)
    # Facade toward north: the inside is south of the wall of 0.2 m.
    inside = np.array([[0.0, -0.21, 15.0], [0.0, -15.19, 15.0], [5.99, -7.0, 12.01]])
    walls = np.array([[0.0, -0.1, 15.0], [0.0, -15.3, 15.0], [6.1, -7.0, 15.0], [0.0, -7, 18.1]])
    outside = np.array([[0.0, 0.1, 15.0], [0.0, -15.5, 15.0], [0.0, -7.0, 11.0]])
    assert site.is_open(inside).all()
    assert not site.is_open(walls).any()
    assert site.is_open(outside).all()


def test_a_walk_keeps_its_speed_and_passes_its_corners():
    corners = np.array([[0.0, 0, 1.5], [30.0, 0, 1.5], [30.0, 40.0, 1.5]])
    time_s, places = walk(corners, speed_mps=2.0, step_s=5.0)
    assert time_s.tolist() == [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0]
    np.testing.assert_allclose(places[3], corners[1], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(np.diff(places, axis=0), axis=1), 10.0)


def test_a_block_leaves_streets_of_its_width():
    panel = reflecting_panel(np.array([0.0, 20.1, 10.0]), np.array([0.0, 1.0, 0.0]))
    site = city_block(PLACE, [panel], np.full((3, 3), 30.0))
    cells, free = street_grid(site, 100.0, 80.0, 2.0)
    assert cells.shape == (80, 100, 3)
    # Two streets of 20 m in 200 m, two in 160 m.
    assert np.mean(free) == pytest.approx(1.0 - 160 * 120 / (200 * 160))
    assert not free[40, 50]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: UrbanSite(PLACE, (), ()), "panels: there is none"),
        (lambda: street_canyon(PLACE, HUNG, width_m=0.0), "width_m = 0: expected a number"),
        (
            lambda: street_canyon(PLACE, [FacadePanel(98.0, True, 20.0)]),
            "is not on a facade 200 m long and 40 m high",
        ),
        (lambda: facade_room(PLACE, size_m=7.0), "size_m = 7: expected a panel that fits"),
        (lambda: city_block(PLACE, (), np.ones(3)), r"height_m has shape \(3,\)"),
        (lambda: walk(np.zeros((2, 3))), "corners_enu_m: expected two or more"),
        (lambda: walk(np.eye(3), speed_mps=0.0), "speed_mps = 0"),
        (lambda: street_grid(street_canyon(PLACE, HUNG), 10.0, 10.0, 0.0), "step_m = 0"),
    ],
)
def test_what_makes_no_city_is_refused(call, message, untyped):
    with pytest.raises(LeopntError, match=message):
        call()
