"""The way of a signal, and each correction of it, against other ways to the same number."""

import numpy as np
import pytest

from leopnt.channel import (
    niell_mapping,
    pole_offset_rad,
    pole_tide_m,
    saastamoinen,
    solid_tide_m,
    standard_weather,
    tide_forcing,
    wind_up_cycles,
    yaw_steering_axes,
)
from leopnt.channel.sun_moon import sun_position_ecef
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.frames import ecef_to_geodetic
from leopnt.io import read_antex
from leopnt.methods.calibration import bds3_orbits, polar_star
from leopnt.methods.calibration.antenna_corrections import (
    PhaseVariations,
    SatelliteOffsets,
    StationOffsets,
    StationVariations,
    WindUp,
    nadir_offsets,
    receiver_antenna,
    satellite_offsets,
)
from leopnt.methods.calibration.attitudes import NadirAttitude, NavigationAttitude
from leopnt.methods.calibration.constant_shapes import TILE, in_tiles
from leopnt.methods.calibration.link_path import PathModel, Satellites, link_path
from leopnt.methods.calibration.path_corrections import (
    EarthRotation,
    LightTime,
    PeriodicRelativity,
    PoleTides,
    ReceiverClock,
    SatelliteBiases,
    Shapiro,
    SolidTides,
    ZenithDelays,
)
from leopnt.methods.calibration.sky_tables import solid_tide_table, sun_table
from leopnt.methods.calibration.standard_air import StandardAir
from leopnt.observables import BEIDOU_B1I_B3I, GPS_L1_L2

C, OMEGA = 299_792_458.0, 7.292115146706979e-5
ORIGIN = Epoch.from_iso("2021-09-22", TimeScale.GPST)
STATION = np.array([-2_148_744.0, 4_426_641.0, 4_044_656.0])
ANTEX = "tests/io/data/subset_4_antennas.atx"


class Still:
    """Clocks that are right."""

    def at(self, satellite, t_s):
        return np.zeros(len(t_s))


def satellites(orbits, names=None):
    names = names or tuple(f"C{i + 1:02d}" for i in range(orbits.num_satellites))
    return Satellites(names, orbits, Still(), ORIGIN, BEIDOU_B1I_B3I)


def links(orbits, above_rad=0.2, seconds=np.arange(0.0, 20_000.0, 100.0)):
    sat = np.repeat(np.arange(orbits.num_satellites), len(seconds))
    t = np.tile(seconds, orbits.num_satellites)
    pos, _ = orbits.states(sat, t)
    away = pos - STATION
    sine = away @ STATION / np.linalg.norm(away, axis=1) / np.linalg.norm(STATION)
    return sat[sine > np.sin(above_rad)], t[sine > np.sin(above_rad)]


def path_of(orbits, *corrections, late_s=0.0, **which):
    sat, t = links(orbits, **which)
    late = np.full(len(t), late_s)
    return link_path(satellites(orbits), "BJFS", STATION, sat, t, late, corrections)


def turned(vec, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = vec.T
    return np.stack([cos * x - sin * y, cos * y + sin * x, z], axis=1)


@pytest.mark.parametrize(
    "orbits", [polar_star(24, 6, 1000e3), bds3_orbits()], ids=["LEO", "BeiDou"]
)
def test_light_time_is_that_of_points_in_axes_that_do_not_turn(orbits, evidence):
    late = 3e-4
    path = path_of(orbits, LightTime(), ReceiverClock(), EarthRotation(), late_s=late)
    received = path.tag_s - late
    station = turned(np.tile(STATION, (len(received), 1)), OMEGA * received)
    flight = np.full(len(received), 0.01)
    for _ in range(8):
        sent = received - flight
        sat = turned(orbits.states(path.satellite, sent)[0], OMEGA * sent)
        flight = np.linalg.norm(sat - station, axis=1) / C
    np.testing.assert_allclose(path.flight_s, flight, rtol=0, atol=1e-14)
    evidence(
        "methods.calibration.link_path",
        f"ranges to {orbits.num_satellites} satellites, clock 0.3 ms late",
        "two-body orbits in inertial axes at transmission",
        "closed form",
        achieved=np.max(np.abs(path.range_m - C * flight)),
        tolerance=2e-6,
        unit="m",
    )


def test_without_corrections_the_range_is_geometric():
    orbits = polar_star(6, 2, 1000e3)
    path = path_of(orbits)
    pos, _ = orbits.states(path.satellite, path.tag_s)
    np.testing.assert_allclose(path.range_m, np.linalg.norm(pos - STATION, axis=1))
    np.testing.assert_array_equal(path.code_prediction_m(), path.range_m)


def test_models_leave_corrections_out_by_class():
    model = PathModel((LightTime(), Shapiro()), (LightTime(),)).with_both(EarthRotation())
    left = model.without(LightTime)
    assert left == PathModel((Shapiro(), EarthRotation()), (EarthRotation(),))


def test_relativity_and_shapiro_have_their_known_sizes():
    orbits = bds3_orbits()
    path = path_of(orbits, Shapiro())
    assert 0.012 < path.delay_m.min() < path.delay_m.max() < 0.03
    circular = path_of(orbits, PeriodicRelativity())
    np.testing.assert_allclose(circular.delay_m, 0.0, atol=1e-6)  # r.v = 0 on a circle


def test_tides_and_the_sun_of_the_tables_are_those_of_the_series(evidence):
    t = np.array([11.0, 40_003.3, 86_399.0, 100_000.0])
    direct = np.asarray(solid_tide_m(STATION, tide_forcing(ORIGIN + t)))
    found = solid_tide_table(ORIGIN, STATION, t)
    evidence(
        "methods.calibration.sky_tables",
        "solid tide of BJFS between nodes every 5 minutes",
        "the series at the instant itself",
        "implementation",
        achieved=np.max(np.abs(found - direct)),
        tolerance=1e-6,
        unit="m",
    )
    np.testing.assert_allclose(sun_table(ORIGIN, t), sun_position_ecef(ORIGIN + t), rtol=1e-8)
    path = path_of(polar_star(6, 2, 1000e3), SolidTides())
    rise = path.rx_pos_ecef_m - STATION
    np.testing.assert_allclose(rise, solid_tide_table(ORIGIN, STATION, path.tag_s), atol=1e-7)


def test_zenith_delays_are_mapped_and_differ_by_station():
    orbits = polar_star(6, 2, 1000e3)
    path = path_of(orbits, ZenithDelays(2.3, 0.1))
    factor = 1.001 / np.sqrt(0.002001 + np.sin(path.elevation_rad) ** 2)
    np.testing.assert_allclose(path.delay_m, 2.4 * factor)
    own = path_of(orbits, ZenithDelays(by_station={"BJFS": 2.0}))
    np.testing.assert_allclose(own.delay_m, 2.0 * factor)


def test_real_air_is_that_of_saastamoinen_and_niell(evidence):
    path = path_of(polar_star(6, 2, 1000e3), StandardAir())
    lat, _, height = ecef_to_geodetic(STATION)
    zenith = saastamoinen(standard_weather(height), lat, height)
    factors = niell_mapping(lat, height, 59_479.0).factors(path.elevation_rad)
    expected = factors.hydrostatic * zenith.hydrostatic_m + factors.wet * zenith.wet_m
    evidence(
        "methods.calibration.standard_air",
        "slant delays of LEO links at BJFS",
        "functions of the channel, link by link",
        "implementation",
        achieved=np.max(np.abs(path.delay_m - np.asarray(expected))),
        tolerance=1e-4,  # a day of the season
        unit="m",
    )
    assert 2.2 < np.min(path.delay_m) < 2.6


def test_the_pole_tide_moves_a_station_by_millimeters():
    path = path_of(polar_star(6, 2, 1000e3), PoleTides())
    rise = np.unique(path.rx_pos_ecef_m - STATION, axis=0)
    expected = np.asarray(pole_tide_m(STATION, pole_offset_rad(ORIGIN + 10_000.0)))
    np.testing.assert_allclose(rise, expected[None, :], atol=1e-5)
    assert 1e-4 < np.linalg.norm(expected) < 0.025


def test_stations_above_the_air_are_refused():
    sat = np.zeros(1, int)
    high = 1.01 * STATION
    args = (satellites(polar_star(6, 2, 1000e3)), "HIGH", high, sat, np.zeros(1), np.zeros(1))
    with pytest.raises(LeopntError, match=r"station HIGH lies 6.* m above the ellipsoid"):
        link_path(*args, (StandardAir(),))


def test_biases_move_code_alone_and_mark_what_they_do_not_know():
    path = path_of(bds3_orbits(), SatelliteBiases({"C01": 1.5}))
    known = path.satellite == 0
    np.testing.assert_array_equal(path.code_m[known], 1.5)
    assert np.all(np.isnan(path.code_m[~known]))
    assert np.all(np.isfinite(path.phase_prediction_m()))


def test_a_nadir_offset_shortens_the_range_by_its_projection(evidence):
    orbits = polar_star(24, 6, 1000e3)
    p = np.array([0.2, -0.1, 0.7])
    names = satellites(orbits).names
    bare, moved = path_of(orbits), path_of(orbits, nadir_offsets(dict.fromkeys(names, p)))
    pos, vel = orbits.states(bare.satellite, bare.tag_s)
    z = -pos / np.linalg.norm(pos, axis=1, keepdims=True)
    y = np.cross(z, vel)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    antenna = pos + p[0] * np.cross(y, z) + p[1] * y + p[2] * z
    expected = np.linalg.norm(antenna - STATION, axis=1)
    evidence(
        "methods.calibration.antenna_corrections",
        "ranges to antennas off the center of mass",
        "axes written out",
        "closed form",
        achieved=np.max(np.abs(moved.range_m - expected)),
        tolerance=1e-8,
        unit="m",
    )


def test_geo_fly_orbit_normal_and_the_others_steer_to_the_sun(evidence):
    orbits = bds3_orbits()
    path = path_of(orbits)
    axes = NavigationAttitude().axes(path)
    is_geo = path.satellite >= 27
    assert np.any(is_geo)
    assert not np.all(is_geo)
    np.testing.assert_array_equal(axes[is_geo], NadirAttitude().axes(path.kept(is_geo)))
    sun = sun_position_ecef(ORIGIN + path.tag_s[~is_geo])
    expected = np.asarray(yaw_steering_axes(path.sat_pos_m[~is_geo], sun))
    evidence(
        "methods.calibration.attitudes",
        "axes of MEO and IGSO",
        "yaw steering to the Sun at each instant",
        "implementation",
        achieved=np.max(np.abs(axes[~is_geo] - expected)),
        tolerance=1e-7,
    )


def test_wind_up_is_continuous_and_that_of_single_epochs(evidence):
    orbits = bds3_orbits().subset(slice(0, 6))
    path = path_of(orbits, WindUp(NavigationAttitude()), seconds=np.arange(0.0, 40_000.0, 120.0))
    steps = np.diff(path.wind_up_cycles)[np.diff(path.tag_s) == 120.0]
    assert np.max(np.abs(steps)) < 0.5
    axes = NavigationAttitude().axes(path)
    east, north, up = path.station_axes
    station = np.stack([north, -east, up], axis=1)
    single = np.asarray(wind_up_cycles(path.sat_pos_m, axes, STATION, station))
    rest = path.wind_up_cycles - single
    evidence(
        "methods.calibration.constant_shapes",
        "wind-up of a day less that of single epochs, off whole cycles",
        "direct calls",
        "implementation",
        achieved=np.max(np.abs(rest - np.round(rest))),
        tolerance=1e-9,
        unit="cycles",
    )
    lane_m = C / (1561.098e6 + 1268.52e6)
    turned_m = path.phase_prediction_m() - path.code_prediction_m()
    np.testing.assert_allclose(turned_m, lane_m * path.wind_up_cycles, atol=1e-7)


def test_tiles_give_what_one_call_gives():
    values = np.arange(TILE + 5.0)
    np.testing.assert_array_equal(in_tiles(lambda x: 2.0 * x, values), 2.0 * values)


def test_station_antennas_shift_and_vary():
    orbits = polar_star(6, 2, 1000e3)
    bare = path_of(orbits)
    up = path_of(orbits, StationOffsets({"BJFS": np.array([0.0, 0.0, 0.1])}))
    np.testing.assert_allclose(
        up.range_m - bare.range_m, -0.1 * np.sin(bare.elevation_rad), atol=1e-7
    )
    assert np.all(path_of(orbits, StationOffsets({})).range_m == bare.range_m)
    zenith = np.radians([0.0, 45.0, 90.0])
    cone = PhaseVariations(zenith, np.zeros(0), np.array([[0.0, 1.0, 2.0]]))
    path = path_of(orbits, StationVariations({"BJFS": cone}))
    expected = (np.pi / 2 - bare.elevation_rad) / np.radians(45.0)
    np.testing.assert_allclose(path.delay_m, expected, atol=1e-9)


def test_variations_over_azimuth_turn_from_north_over_east():
    zenith, azimuth = np.radians([0.0, 90.0]), np.radians([0.0, 90.0, 180.0, 270.0, 360.0])
    value = np.array([[0.0, a] for a in (0.0, 1.0, 2.0, 3.0, 0.0)])
    of = PhaseVariations(zenith, azimuth, value)
    directions = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0], [np.sqrt(0.5)] * 2 + [0.0]])
    np.testing.assert_allclose(of.at(directions), [1.0, 2.0, 0.0, 0.5], atol=1e-12)


def test_antennas_come_from_antex_files():
    antex = read_antex(ANTEX)
    found = satellite_offsets(antex, ("C22", "C23"), ORIGIN, BEIDOU_B1I_B3I, ("C02", "C06"))
    assert list(found) == ["C22"]
    antenna = antex.satellite("C22", ORIGIN)
    first, second = (antenna.frequency(c).pco_m for c in ("C02", "C06"))
    ratio = (1561.098 / 1268.52) ** 2
    np.testing.assert_allclose(found["C22"], (ratio * first - second) / (ratio - 1.0))
    with pytest.raises(LeopntError, match="no antenna of any of C99 at 2021-09-2"):
        satellite_offsets(antex, ("C99",), ORIGIN, BEIDOU_B1I_B3I, ("C02", "C06"))
    name = next(one.name for one in antex.antennas if not one.sat_code)
    offset, variations = receiver_antenna(antex, name, GPS_L1_L2, ("G01", "G02"))
    _, east, up = antex.receiver(name).frequency("G01").pco_m
    assert abs(offset[2] - up) < 0.1
    assert abs(offset[0] - east) < 0.01
    assert variations.at(np.array([[0.0, 0.0, 1.0]])) == pytest.approx(0.0, abs=1e-6)


def test_satellites_without_an_offset_have_no_prediction():
    path = path_of(bds3_orbits(), SatelliteOffsets({"C01": np.zeros(3)}, NadirAttitude()))
    known = path.satellite == 0
    assert np.all(np.isfinite(path.range_m[known]))
    assert np.all(np.isnan(path.range_m[~known]))
