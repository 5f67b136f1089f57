"""Walks through a city whose facades carry reconfigurable surfaces; maps; a room behind one.

Hong Kong, 28 December 2025. GPS and OneWeb satellites fly as their element sets say; that OneWeb
sends phases that a receiver can use, and on the clock of GPS, is an assumption. Panels are 5 m
wide and 5 m high. Run:

    python examples/astars_urban.py [folder]

With a folder, five pictures are written into it.
"""

import sys
from pathlib import Path

import numpy as np

from leopnt.epochs import Epoch
from leopnt.geometry import box, reflecting_panel
from leopnt.io.tle import read_tle
from leopnt.methods.astars.urban import (
    UrbanSigmas,
    availability,
    horizontal_bound_m,
    urban_bound,
    urban_fix,
)
from leopnt.orbits import AnyAge, Ephemeris, concatenate
from leopnt.scenes import (
    FacadePanel,
    city,
    city_block,
    facade_room,
    street_canyon,
    street_grid,
    urban_links,
    urban_sky,
    walk,
)

DATA = Path(__file__).parent / "data" / "tle_2025"
START = Epoch.from_iso("2025-12-28T12:00:00Z")
PLACE = city("Hong Kong")
MASK_RAD = np.radians(10.0)
LIMIT_M = 1.0
REACH_M = 150.0


def ephemeris(*constellations, duration_s=3700.0):
    """Orbits of some of the shipped element sets."""
    elements = concatenate([read_tle(DATA / f"{name}.tle") for name in constellations])
    return Ephemeris.from_sgp4(elements, START, duration_s, age_gate=AnyAge())


def canyon_walk():
    """A street 20 m wide between houses 40 m high, four panels, and 150 m along a sidewalk."""
    azimuth = np.radians(90.0)
    hung = [(-60.0, True), (-20.0, False), (20.0, True), (60.0, False)]
    panels = [FacadePanel(along, right, 25.0) for along, right in hung]
    site = street_canyon(PLACE, panels, azimuth_rad=azimuth, reach_m=REACH_M)
    ahead = np.array([np.sin(azimuth), np.cos(azimuth), 0.0])
    left = np.array([-ahead[1], ahead[0], 0.0])
    middle = 5.0 * left + np.array([0.0, 0.0, 1.5])
    time_s, places = walk(np.stack([middle - 75.0 * ahead, middle + 75.0 * ahead]))
    return site, time_s, places


def room_walk():
    """A hall on the third floor behind a panel, a house across the street, and a loop inside."""
    azimuth = np.radians(180.0)
    out = np.array([np.sin(azimuth), np.cos(azimuth)])
    across = box(20.0 * out, (10.0, 40.0), 18.0, azimuth_rad=azimuth)
    site = facade_room(PLACE, azimuth_rad=azimuth, around=[across])
    right = np.array([out[1], -out[0]])
    loop = [(3.0, -3.5), (12.0, -4.0), (12.0, 4.0), (3.0, 3.5), (3.0, -3.5)]
    corners = [[*(-deep * out + aside * right), 13.5] for deep, aside in loop]
    time_s, places = walk(np.array(corners), speed_mps=0.7, step_s=0.5)
    return site, time_s, places


def block():
    """Nine buildings, streets 20 m wide, six panels around the crossings of the middle one."""
    heights = np.array([[30.0, 45.0, 35.0], [50.0, 60.0, 40.0], [35.0, 55.0, 30.0]])
    hung = [
        ((10.0, -20.1), (0.0, -1.0)),
        ((-10.0, 20.1), (0.0, 1.0)),
        ((30.1, 5.0), (1.0, 0.0)),
        ((-30.1, -5.0), (-1.0, 0.0)),
        ((49.9, -45.0), (-1.0, 0.0)),
        ((-49.9, 45.0), (1.0, 0.0)),
    ]
    panels = [
        reflecting_panel(np.array([*at, 15.0]), np.array([*to, 0.0]), reach_m=REACH_M)
        for at, to in hung
    ]
    return city_block(PLACE, panels, heights)


def along(site, orbits, time_s, places, start_enu_m, seed, sigmas=None):
    """Links, fixes and bounds of a walk, with all links and without panels."""
    sky = urban_sky(site, orbits, time_s + 60.0, MASK_RAD)
    links = urban_links(site, sky, places[:, None])
    found = []
    for used in (links.without_panels(), links):
        fix = urban_fix(site, used, start_enu_m, np.random.default_rng(seed), sigmas)
        found.append((used, fix, urban_bound(site, used, sigmas)))
    return links, found


def maps(site, orbits, step_m=4.0, num_epochs=13, span_s=3600.0):
    """Cells of the block, and the share of an hour with a bound within the limit."""
    cells, is_open = street_grid(site, 70.0, 60.0, step_m)
    sky = urban_sky(site, orbits, 60.0 + np.linspace(0.0, span_s, num_epochs), MASK_RAD)
    links = urban_links(site, sky, cells[is_open][None])
    found = []
    for used in (links.without_panels(), links):
        share = np.full(is_open.shape, np.nan)
        share[is_open] = availability(horizontal_bound_m(urban_bound(site, used)), LIMIT_M)
        found.append(share)
    return cells, is_open, found


def row(name, used, fix, bound):
    """One line of the table."""
    error, limit = fix.horizontal_m[:, 0], horizontal_bound_m(bound)[:, 0]
    within = 100.0 * availability(np.nan_to_num(error, nan=np.inf), LIMIT_M)
    links = used.num_direct.mean(), used.num_relayed.mean()
    middle = np.median(np.nan_to_num(error, nan=np.inf)), np.median(limit)
    numbers = "".join(f"{x:9.2f}" if np.isfinite(x) else f"{'-':>9}" for x in middle)
    print(f"{name:34}{links[0]:9.1f}{links[1]:9.1f}{numbers}{within:9.0f}")


def series(name, used, fix, bound):
    """The same for a picture."""
    from leopnt.report.urban import WalkSeries

    count = (used.num_direct + used.num_relayed)[:, 0]
    return WalkSeries(name, fix.horizontal_m[:, 0], horizontal_bound_m(bound)[:, 0], count)


def main(folder=None):
    """Print the table, and draw if there is a folder."""
    gps, both = ephemeris("gps"), ephemeris("gps", "oneweb")
    street, time_s, places = canyon_walk()
    middle = np.array([0.0, 0.0, 1.5])
    _, alone = along(street, gps, time_s, places, middle, 1)
    links, found = along(street, both, time_s, places, middle, 2)
    hall, hall_s, loop = room_walk()
    indoors, inside = along(hall, both, hall_s, loop, loop.mean(axis=0), 3)
    _, timed = along(hall, both, hall_s, loop, loop.mean(axis=0), 4, UrbanSigmas(sync_s=1e-9))
    print(f"{'':34}{'direct':>9}{'relayed':>9}{'error':>9}{'bound':>9}{'<= 1 m':>9}")
    print(f"{'':34}{'links':>9}{'links':>9}{'[m]':>9}{'[m]':>9}{'[%]':>9}")
    for name, one in zip(("no panels", "four panels"), alone, strict=True):
        row(f"street, GPS, {name}", *one)
    for name, one in zip(("no panels", "four panels"), found, strict=True):
        row(f"street, GPS and OneWeb, {name}", *one)
    row("room, one panel", *inside[1])
    row("room, network time to 1 ns", *timed[1])
    site = block()
    cells, is_open, shares = maps(site, both)
    for name, share in zip(("no panels", "six panels"), shares, strict=True):
        mean = 100.0 * np.mean(share[is_open])
        print(f"block, {name}: bound within {LIMIT_M:g} m in {mean:.0f} % of places and times")
    if folder:
        draw(folder, (street, links, places, time_s, found), (hall, indoors, loop, hall_s,
             inside), (site, cells, is_open, shares))  # fmt: skip
    return found, inside, shares


def draw(folder, outdoors, indoors, block_maps):
    """The five pictures."""
    from leopnt.report.style import write_png
    from leopnt.report.urban import AvailabilityMap, availability_figure, walk_figure
    from leopnt.report.urban_3d import city_figure

    street, links, places, time_s, found = outdoors
    hall, hall_links, loop, hall_s, inside = indoors
    site, cells, is_open, shares = block_maps
    named = zip(("no panels", "four panels"), found, strict=True)
    titles = ("Direct satellites only", "With six panels")
    pictures = {
        "urban_street": city_figure(
            street, links, places, int(np.argmax(links.num_surfaces[:, 0])),
            "A street canyon with four panels",
            "20 m wide, 40 m high; GPS and OneWeb over Hong Kong",
            ray_m=55.0, azimuth_deg=-70.0, elevation_deg=38.0, zoom=0.82,
        ),
        "urban_walk": walk_figure(
            time_s, [series(name, *one) for name, one in named], "A walk along the street",
            "horizontal errors of the joint estimator, and their bounds (RMS)",
        ),
        "urban_room": city_figure(
            hall, hall_links, loop, len(loop) // 3, "A hall behind a transmitting panel",
            "no satellite is in view directly; one panel relays up to eight",
            ray_m=20.0, azimuth_deg=-25.0, zoom=0.66,
        ),
        "urban_room_walk": walk_figure(
            hall_s, [series("one panel", *inside[1])], "A walk through the hall",
            "horizontal errors of the joint estimator, and their bound (RMS)",
        ),
        "urban_map": availability_figure(
            site, cells, is_open,
            [AvailabilityMap(*one) for one in zip(titles, shares, strict=True)],
            f"Share of an hour with a horizontal bound within {LIMIT_M:g} m",
            "GPS and OneWeb; triangles point to the front of panels; heights of buildings",
        ),
    }  # fmt: skip
    Path(folder).mkdir(parents=True, exist_ok=True)
    for path in write_png(pictures, folder):
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
