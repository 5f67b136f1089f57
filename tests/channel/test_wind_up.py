"""Phase wind-up against the formula as printed, turned antennas, and passes of LEO satellites."""

import jax
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from leopnt.channel import continuous_cycles, north_west_up, wind_up_cycles
from leopnt.errors import LeopntError
from leopnt.frames import ecef_to_geodetic, geodetic_to_ecef, orbit_frame

GM, EARTH_RADPS = 3.986004418e14, 7.2921151467e-5
frames_of = jax.jit(jax.vmap(orbit_frame))


def printed(sat, sat_axes, rx, rx_axes):
    """Wu et al. (1993), eq. 12 and 29, with its sign and arc cosine, in cycles."""
    k = (rx - sat) / np.linalg.norm(rx - sat)
    transmitted = sat_axes[:, 0] - k * (k @ sat_axes[:, 0]) - np.cross(k, sat_axes[:, 1])
    received = rx_axes[:, 0] - k * (k @ rx_axes[:, 0]) + np.cross(k, rx_axes[:, 1])
    cosine = transmitted @ received / np.linalg.norm(transmitted) / np.linalg.norm(received)
    sign = np.sign(k @ np.cross(transmitted, received))
    return sign * np.arccos(np.clip(cosine, -1, 1)) / (2 * np.pi)


def random_links(num=200):
    rng = np.random.default_rng(4)
    return (
        2.7e7 * rng.normal(size=(num, 3)),
        Rotation.random(num, rng).as_matrix(),
        6.4e6 * rng.normal(size=(num, 3)),
        Rotation.random(num, rng).as_matrix(),
    )


def test_wind_up_is_the_formula_as_printed(evidence):
    links = random_links()
    found = np.asarray(wind_up_cycles(*links))
    expected = np.array([printed(*link) for link in zip(*links, strict=True)])
    evidence(
        "channel.wind_up",
        "200 links with random attitudes",
        "Wu et al. (1993), eq. 12 and 29 as printed",
        "published",
        achieved=np.max(np.abs(found - expected)),
        tolerance=1e-9,
        unit="cycles",
    )


def test_a_turned_antenna_shifts_the_phase_by_its_turn(evidence):
    sat, sat_axes, rx, rx_axes = random_links(20)
    turns = np.linspace(-0.4, 0.4, 20)
    turned = Rotation.from_rotvec(
        2 * np.pi * turns[:, None] * np.array([0.0, 0.0, 1.0])
    ).as_matrix()
    before = np.asarray(wind_up_cycles(sat, sat_axes, rx, rx_axes))
    by_sat = np.asarray(wind_up_cycles(sat, sat_axes @ turned, rx, rx_axes)) - before
    by_rx = np.asarray(wind_up_cycles(sat, sat_axes, rx, rx_axes @ turned)) - before
    # Counterclockwise seen from above: the receiver turns against the field and gains phase, so
    # the measured range falls.
    off = np.concatenate([by_rx + turns, by_sat + turns])
    evidence(
        "channel.wind_up",
        "antenna turned about its boresight",
        "one cycle per turn, any direction of the link",
        "closed form",
        achieved=np.max(np.abs(off - np.round(off))),
        tolerance=1e-12,
        unit="cycles",
    )


def polar_leo(node_rad, start_rad, height_m=1000e3):
    """One day of a circular polar orbit every 30 s: ECEF positions and nadir-pointing axes."""
    t, radius = np.arange(0.0, 86_400.0, 30.0), 6_378_137.0 + height_m
    motion = np.sqrt(GM / radius**3)
    u, east = start_rad + motion * t, node_rad - EARTH_RADPS * t
    out = np.stack([np.cos(east), np.sin(east), 0 * t], -1)
    pole = np.array([0.0, 0.0, 1.0])
    pos = radius * (np.cos(u)[:, None] * out + np.sin(u)[:, None] * pole)
    vel = radius * motion * (np.cos(u)[:, None] * pole - np.sin(u)[:, None] * out)
    return pos, np.asarray(frames_of(pos, vel))


def test_a_nadir_pointing_leo_winds_up_little_in_a_pass(evidence):
    station = 1e3 * np.array([-2674.427, 3757.143, 4391.521])  # CHAN
    lat, lon, _ = (float(x) for x in ecef_to_geodetic(station))
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    largest = 0.0
    for plane in range(6):
        pos, axes = polar_leo(np.pi * plane / 6, float(plane % 4))
        cycles = wind_up_cycles(pos, axes, station, north_west_up(lat, lon))
        found = np.asarray(continuous_cycles(cycles))
        way = pos - station
        seen = np.flatnonzero(way @ up > np.sin(np.radians(10.0)) * np.linalg.norm(way, axis=1))
        for one in np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1):
            largest = max(largest, np.ptp(found[one]))
    evidence(
        "channel.wind_up",
        "largest variation in a pass at 1000 km, CHAN, one day, mask 10 degrees",
        "0.016 cycles by another implementation",
        "implementation",
        achieved=abs(largest - 0.016),
        tolerance=0.0015,
        unit="cycles",
    )


def test_passes_are_continuous_and_arcs_begin_anew():
    truth = np.linspace(-0.3, 2.9, 50)
    wrapped = truth - np.round(truth)
    np.testing.assert_allclose(continuous_cycles(wrapped), truth, atol=1e-12)
    starts = np.zeros(50, bool)
    starts[[0, 20, 33]] = True
    expected = np.concatenate([np.unwrap(part, period=1.0) for part in np.split(wrapped, [20, 33])])
    found = continuous_cycles(np.stack([wrapped, -wrapped]), np.stack([starts, starts]))
    np.testing.assert_allclose(found, np.stack([expected, -expected]), atol=1e-12)
    np.testing.assert_allclose(jax.jit(continuous_cycles)(wrapped), truth, atol=1e-12)


def test_axes_of_a_station_are_north_west_and_up():
    lat, lon, step = 0.6, -2.1, 1e-7
    axes = np.asarray(north_west_up(lat, lon))
    here = np.asarray(geodetic_to_ecef(lat, lon, 0.0))
    moved = ((lat + step, lon, 0.0), (lat, lon - step, 0.0), (lat, lon, 1.0))
    for column, there in enumerate(moved):
        way = np.asarray(geodetic_to_ecef(*there)) - here
        np.testing.assert_allclose(axes[:, column], way / np.linalg.norm(way), atol=1e-6)


def test_bad_links_are_refused(untyped):
    sat, _, rx, rx_axes = random_links(2)
    with pytest.raises(
        LeopntError, match=r"sat_axes_ecef: got shape \(2, 3\); accepted: \(..., 3, 3\)"
    ):
        wind_up_cycles(sat, sat, rx, rx_axes)
    with pytest.raises(LeopntError, match=r"cycles = 0\.3: expected an axis of epochs"):
        continuous_cycles(0.3)
    with pytest.raises(LeopntError, match=r"is_start has shape \(2,\); accepted: \(3,\)"):
        continuous_cycles(np.zeros(3), np.zeros(2, bool))
    with pytest.raises(LeopntError, match="lat_rad holds NaN"):
        north_west_up(np.nan, 0.0)
