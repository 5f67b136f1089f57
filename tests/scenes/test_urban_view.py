"""Links in a city against the closed form of a long street, and against each other."""

import numpy as np
import pytest

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.orbits import Ephemeris
from leopnt.orbits.constellations import GPS
from leopnt.scenes import (
    FacadePanel,
    UrbanSky,
    city,
    facade_room,
    street_canyon,
    urban_links,
    urban_sky,
)

PLACE = city("Hong Kong")
AZIMUTH_RAD = np.radians(30.0)
AHEAD = np.array([np.sin(AZIMUTH_RAD), np.cos(AZIMUTH_RAD), 0.0])
RIGHT = np.array([AHEAD[1], -AHEAD[0], 0.0])
LONG = street_canyon(
    PLACE,
    (FacadePanel(0.0, True, 12.0), FacadePanel(42.0, False, 12.0)),
    length_m=1e5,
    azimuth_rad=AZIMUTH_RAD,
)
ROOM = facade_room(PLACE)


def sky_of(site, direction):
    """Satellites 20 000 km away in given directions, at one epoch; none is empty."""
    pos = site.to_ecef(2e7 * direction)
    shape = (1, len(direction))
    up = np.ones(shape, bool)
    zero = np.zeros(shape)
    return UrbanSky(np.zeros(1), np.arange(len(direction))[None], up, pos[None], zero, zero)


def random_directions(count=400):
    rng = np.random.default_rng(3)
    up, az = rng.uniform(0.05, 1.0, count), rng.uniform(0.0, 2 * np.pi, count)
    flat = np.sqrt(1.0 - up**2)
    return np.stack([flat * np.sin(az), flat * np.cos(az), up], axis=1)


DIRECTIONS = random_directions()
SKY = sky_of(LONG, DIRECTIONS)
PLACES = np.stack([4.0 * RIGHT, 40.0 * AHEAD - 6.0 * RIGHT, 160.0 * AHEAD])
PLACES[:, 2] = 1.5
LINKS = urban_links(LONG, SKY, PLACES[None], max_per_panel=1000)


def over_the_roof(start):
    """In an endless street: rise over run across it, to the facade that the ray meets."""
    across = DIRECTIONS @ RIGHT
    room = 10.0 - np.sign(across) * (start @ RIGHT)
    return start[2] + DIRECTIONS[:, 2] / np.abs(across) * room > 40.0


def test_satellites_over_an_endless_street_are_those_above_its_roofs(evidence):
    expected = np.stack([over_the_roof(place) for place in PLACES])
    assert 0.1 < expected.mean() < 0.8
    evidence(
        "scenes.urban_view",
        "satellites in view in an endless street, number judged otherwise",
        "rise over run to the roof",
        "closed form",
        achieved=np.sum(LINKS.direct[0] != expected),
        tolerance=0,
    )


def test_panels_relay_what_they_see_to_whom_they_reach():
    for number, panel in enumerate(LONG.panels):
        normal = np.asarray(panel.normal)
        before = DIRECTIONS @ normal > np.cos(np.radians(75.0))
        seen = before & over_the_roof(np.asarray(panel.center_m) + 0.1 * normal)
        assert LINKS.fed[0, number].tolist() == seen.tolist()
    # Within 75 degrees of the normal and 150 m: the third place is too far along for both.
    assert LINKS.served[0].tolist() == [[True, True], [True, True], [False, False]]


def test_links_are_the_masks_in_one_row():
    for place in range(3):
        used = LINKS.used[0, place]
        pairs = set(zip(LINKS.surface[0, place][used], LINKS.sat[0, place][used], strict=True))
        direct = {(-1, sat) for sat in np.nonzero(LINKS.direct[0, place])[0]}
        relayed = {
            (panel, sat)
            for panel in range(2)
            for sat in np.nonzero(LINKS.fed[0, panel] & LINKS.served[0, place, panel])[0]
        }
        assert pairs == direct | relayed
    assert LINKS.num_surfaces[0].tolist() == [2, 2, 0]
    sat = LINKS.sat[0, 1][LINKS.used[0, 1]]
    np.testing.assert_array_equal(
        LINKS.sat_pos_ecef_m[0, 1][LINKS.used[0, 1]], SKY.sat_pos_ecef_m[0, sat]
    )


def test_panels_can_be_left_out_and_shared_by_a_few():
    assert np.all(LINKS.without_panels().num_relayed == 0)
    np.testing.assert_array_equal(LINKS.without_panels().num_direct, LINKS.num_direct)
    one = LINKS.of_panels(np.array([False, True]))
    assert one.num_surfaces[0].tolist() == [1, 1, 0]
    np.testing.assert_array_equal(one.num_direct, LINKS.num_direct)
    few = urban_links(LONG, SKY, PLACES[None], max_per_panel=3)
    assert few.num_relayed[0].tolist() == [6, 6, 0]
    first = np.nonzero(LINKS.fed[0, 0])[0][:3]
    assert np.nonzero(few.fed[0, 0])[0].tolist() == first.tolist()


def test_in_a_room_only_the_panel_brings_satellites():
    sky = sky_of(ROOM, DIRECTIONS)
    places = np.array([[0.0, -7.0, 13.5], [4.0, -3.0, 13.5], [0.0, 5.0, 1.5]])
    links = urban_links(ROOM, sky, places[None], max_per_panel=1000)
    assert links.num_direct[0].tolist()[:2] == [0, 0]
    assert links.num_direct[0, 2] > 0
    facing = DIRECTIONS[:, 1] > np.cos(np.radians(75.0))
    assert links.num_relayed[0].tolist() == [facing.sum(), facing.sum(), 0]


@pytest.fixture(scope="module")
def orbits():
    return Ephemeris.from_kepler(GPS.elements(), Epoch.from_iso("2025-12-28T12:00:00Z"), 600.0)


def test_directions_over_a_site_are_those_of_the_arriving_signals(orbits):
    sky = urban_sky(LONG, orbits, np.array([1.0, 300.0, 600.0]), np.radians(10.0))
    assert sky.up.sum(axis=1).min() >= 4
    east, north, up = np.moveaxis(LONG.to_enu(sky.sat_pos_ecef_m), -1, 0)
    el, az = np.arctan2(up, np.hypot(east, north)), np.arctan2(east, north) % (2 * np.pi)
    np.testing.assert_allclose(el[sky.up], sky.el_rad[sky.up], rtol=0, atol=1e-9)
    np.testing.assert_allclose(az[sky.up], sky.az_rad[sky.up], rtol=0, atol=1e-9)
    assert el[sky.up].min() >= np.radians(10.0)


def test_times_without_orbits_and_places_without_epochs_are_refused(orbits):
    with pytest.raises(LeopntError, match="time_s: 0 s to 5 s; the ephemeris gives signals"):
        urban_sky(LONG, orbits, np.array([0.0, 5.0]), 0.1)
    with pytest.raises(LeopntError, match=r"rx_enu_m has shape \(2, 1, 3\); expected \(1, place"):
        urban_links(LONG, SKY, np.zeros((2, 1, 3)))
    with pytest.raises(LeopntError, match="max_per_panel = 0"):
        urban_links(LONG, SKY, PLACES[None], max_per_panel=0)
