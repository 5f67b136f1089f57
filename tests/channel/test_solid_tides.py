"""Tides of the solid Earth and of the pole against the test cases of the IERS, and theory."""

import erfa
import jax
import numpy as np
import pytest

from leopnt.channel import (
    TideForcing,
    pole_offset_rad,
    pole_tide_m,
    solid_tide_m,
    tide_angles_rad,
    tide_forcing,
)
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError

# IERS Conventions software, DEHANTTIDEINEL, its three test cases at 0h UTC: station, Sun, Moon,
# displacement [m].
DATES = ["2009-04-13T00:00:00Z", "2012-07-13T00:00:00Z", "2015-07-15T00:00:00Z"]
STATIONS = np.array(
    [
        [4075578.385, 931852.890, 4801570.154],
        [1112189.660, -4842955.026, 3985352.284],
        [1112200.5696, -4842957.8511, 3985345.9122],
    ]
)
SUNS = np.array(
    [
        [137859926952.015, 54228127881.4350, 23509422341.6960],
        [-54537460436.2357, 130244288385.279, 56463429031.5996],
        [100210282451.6279, 103055630398.3160, 56855096480.4475],
    ]
)
MOONS = np.array(
    [
        [-179996231.920342, -312468450.131567, -169288918.592160],
        [300396716.912, 243238281.451, 120548075.939],
        [369817604.4348, 1897917.5258, 120804980.8284],
    ]
)
DISPLACEMENTS_M = np.array(
    [
        [0.7700420357108125891e-1, 0.6304056321824967613e-1, 0.5516568152597246810e-1],
        [-0.2036831479592075833e-1, 0.5658254776225972449e-1, -0.7597679676871742227e-1],
        [0.00509570869172363845, 0.0828663025983528700, -0.0636634925404189617],
    ]
)


def centuries(epoch):
    day, part = epoch.to_jd(TimeScale.TT)
    return ((day - 2451545.0) + part) / 36525.0


def iers_cases():
    angles = tide_angles_rad(centuries(Epoch.from_iso(DATES)), np.zeros(3))
    return TideForcing(SUNS, MOONS, angles)


def test_displacements_are_those_of_the_iers_routine(evidence):
    found = np.asarray(solid_tide_m(STATIONS, iers_cases()))
    evidence(
        "channel.solid_tides",
        "displacement, the three test cases of DEHANTTIDEINEL",
        "IERS Conventions (2010) software",
        "published",
        achieved=np.max(np.abs(found - DISPLACEMENTS_M)),
        tolerance=1e-15,
        unit="m",
    )


def test_arguments_are_those_of_the_nutation_theory(evidence):
    # Doodson's variables from the fundamental arguments of IERS 2003 and the sidereal time of IAU
    # 2006: s = F + Omega, h = s - D, p = s - l, N' = -Omega, ps = s - D - l', tau = GMST + pi - s.
    epoch = Epoch.from_iso(["1995-01-01T06:00:00Z", "2021-09-22T12:00:00Z", "2025-05-05T23:00:00Z"])
    t = centuries(epoch)
    moon, sun, far, elongation, node = (
        f(t) for f in (erfa.fal03, erfa.falp03, erfa.faf03, erfa.fad03, erfa.faom03)
    )
    s = far + node
    gmst = erfa.gmst06(*epoch.to_jd(TimeScale.UT1), *epoch.to_jd(TimeScale.TT))
    theory = [gmst + np.pi - s, s, s - elongation, s - moon, -node, s - elongation - sun]
    found = tide_forcing(epoch).angles_rad
    difference = np.angle(np.exp(1j * (found - np.stack(theory, axis=-1))))
    # The routine of the IERS adds precession to s, which has it already: 0.36 degrees by now.
    difference[:, 1] -= np.radians(1.396971278 * t)
    evidence(
        "channel.solid_tides",
        "six arguments of the tides at three epochs",
        "ERFA fundamental arguments (IERS 2003) and sidereal time (2006)",
        "implementation",
        achieved=np.max(np.abs(difference)),
        tolerance=2e-5,
        unit="rad",
    )


def test_a_moon_overhead_lifts_and_one_at_the_horizon_lowers():
    # h2 GM_moon R^4 / (GM d^3) = 0.217 m at a distance of 60.27 R, and minus half of it.
    r, d, far = 6378136.6, 384_400e3, np.array([0.0, 0.0, 1e16])
    forcing = TideForcing(np.stack([far, far]), np.diag([d, d, d])[:2], np.zeros((2, 6)))
    found = np.asarray(solid_tide_m(np.array([r, 0.0, 0.0]), forcing))
    lift = 0.6081 * 0.0123 * r * (r / d) ** 3
    np.testing.assert_allclose(found[:, 0], [lift, -lift / 2], atol=0.005)  # degree 3, frequency


def test_stations_and_epochs_broadcast_and_compile():
    forcing = tide_forcing(Epoch.from_iso("2021-09-22T00:00:00Z") + 3600.0 * np.arange(5))
    found = solid_tide_m(STATIONS[:, None], forcing)
    assert found.shape == (3, 5, 3)
    one = solid_tide_m(STATIONS[1], jax.tree.map(lambda leaf: leaf[2], forcing))
    np.testing.assert_allclose(found[1, 2], one, atol=1e-15)
    compiled = jax.jit(solid_tide_m)(STATIONS[1], jax.tree.map(lambda leaf: leaf[2], forcing))
    np.testing.assert_allclose(compiled, one, atol=1e-15)
    assert 0.05 < np.max(np.linalg.norm(found, axis=-1)) < 0.5


def test_the_pole_tide_is_the_yield_to_the_centrifugal_potential(evidence):
    # dV = -Omega^2 r^2 sin(2 theta) / 2 (m1 cos lon + m2 sin lon), lifted by h2 dV / g and moved by
    # l2 grad(dV) / g with h2 = 0.6207, l2 = 0.0836 (IERS Conventions 2010, sec. 7.1.4).
    m1, m2 = np.radians(0.3 / 3600), np.radians(-0.2 / 3600)
    omega, g = 7.292115e-5, 9.80665

    def potential(pos):
        return -(omega**2) * pos[2] * (m1 * pos[0] + m2 * pos[1])

    for station in STATIONS[:2]:
        r = np.linalg.norm(station)
        up = station / r
        gradient = -(omega**2) * np.array(
            [m1 * station[2], m2 * station[2], m1 * station[0] + m2 * station[1]]
        )
        along = gradient - up * (up @ gradient)
        expected = (0.6207 * potential(station) * up + 0.0836 * r * along) / g
        found = np.asarray(pole_tide_m(station, np.array([m1, m2])))
        evidence(
            "channel.pole_tide",
            f"displacement at {np.degrees(np.arcsin(up[2])):.0f} degrees for 0.36 arcsec",
            "IERS (2010) potential and Love numbers (coefficients there are rounded to 1 mm)",
            "closed form",
            achieved=np.linalg.norm(found - expected),
            tolerance=2e-4,
            unit="m",
        )
        assert 0.005 < np.linalg.norm(found) < 0.02


def test_the_pole_is_near_its_secular_place():
    offset = pole_offset_rad(Epoch.from_iso(["2010-01-01T00:00:00Z", "2021-09-22T00:00:00Z"]))
    assert offset.shape == (2, 2)
    # IERS EOP 14 C04, 2010-01-01: x = 0.0985, y = 0.1930 arcsec; secular 0.07177, 0.3551.
    np.testing.assert_allclose(
        np.degrees(offset[0]) * 3600, [0.0985 - 0.0718, 0.3551 - 0.1930], atol=2e-3
    )
    assert np.max(np.abs(offset)) < np.radians(0.4 / 3600)


def test_bad_tides_are_refused(untyped):
    forcing = iers_cases()
    with pytest.raises(LeopntError, match=r"station_pos_ecef_m: got shape \(2,\)"):
        solid_tide_m(np.zeros(2), forcing)
    with pytest.raises(LeopntError, match=r"angles_rad: got shape \(3, 5\); accepted: \(..., 6\)"):
        solid_tide_m(STATIONS, TideForcing(SUNS, MOONS, np.zeros((3, 5))))
    with pytest.raises(LeopntError, match="tt_centuries or ut_hours holds NaN or infinity"):
        tide_angles_rad(np.nan, 0.0)
    with pytest.raises(LeopntError, match=r"pole_offset_rad: got shape \(3,\); accepted"):
        pole_tide_m(STATIONS[0], np.zeros(3))
