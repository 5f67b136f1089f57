"""TEME and GCRS to ECEF against astropy, two published examples, and the time derivative."""

import dataclasses

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import (
    GCRS,
    ITRS,
    TEME,
    CartesianDifferential,
    CartesianRepresentation,
)
from astropy.time import Time
from astropy_offline import bundled_iers_table

from leopnt.eop import ARCSEC_RAD, EopTable
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.frames import (
    ecef_to_gcrs,
    ecef_to_teme,
    gcrs_to_ecef,
    gcrs_to_ecef_matrix,
    teme_to_ecef,
    teme_to_ecef_matrix,
)

BUNDLED = EopTable.bundled()
# Astropy leaves out dX and dY of the celestial pole.
WITHOUT_POLE_OFFSETS = dataclasses.replace(
    BUNDLED, dx_cip_rad=0.0 * BUNDLED.mjd_utc, dy_cip_rad=0.0 * BUNDLED.mjd_utc
)
FRAMES = {
    "TEME": (TEME, teme_to_ecef, ecef_to_teme, BUNDLED),
    "GCRS": (GCRS, gcrs_to_ecef, ecef_to_gcrs, WITHOUT_POLE_OFFSETS),
}


def orbits(num, radius_m=7.4e6, seed=0):
    """Circular states of any direction, and epochs from 1980 to the end of the measured table."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(num, 3, 2)))[0]
    pos_m = radius_m * axes[..., 0]
    vel_mps = np.sqrt(3.986e14 / radius_m) * axes[..., 1]
    epoch = Epoch.from_iso("1980-01-01") + rng.uniform(0, 46.75 * 365.25 * 86_400, num)
    return pos_m, vel_mps, epoch


def largest(difference):
    return float(np.max(np.linalg.norm(difference, axis=-1)))


def astropy_transform(pos_m, vel_mps, epoch, start, end):
    utc = Time(*epoch.to_jd(TimeScale.UTC), format="jd", scale="utc")
    velocity = CartesianDifferential(vel_mps.T * u.m / u.s)
    state = CartesianRepresentation(pos_m.T * u.m, differentials=velocity)
    with bundled_iers_table():
        moved = start(state, obstime=utc).transform_to(end(obstime=utc)).cartesian
    return (
        moved.xyz.to_value(u.m).T,
        moved.differentials["s"].d_xyz.to_value(u.m / u.s).T,
    )


@pytest.mark.parametrize("name", FRAMES)
def test_states_agree_with_astropy_in_both_directions(name, evidence):
    frame, to_ecef, from_ecef, eop = FRAMES[name]
    pos_m, vel_mps, epoch = orbits(400)
    ours = to_ecef(pos_m, vel_mps, epoch, eop)
    pos_there, vel_there = astropy_transform(pos_m, vel_mps, epoch, frame, ITRS)
    pos_back, vel_back = from_ecef(pos_m, vel_mps, epoch, eop)
    pos_oracle, vel_oracle = astropy_transform(pos_m, vel_mps, epoch, ITRS, frame)
    reference = "astropy 8.0 with the same Earth orientation"
    evidence(
        "frames.earth",
        f"{name} to ECEF position and back, LEO, 1980-2026",
        reference,
        "implementation",
        achieved=max(largest(ours.pos_ecef_m - pos_there), largest(pos_back - pos_oracle)),
        tolerance=1e-3,
        unit="m",
    )
    evidence(
        "frames.earth",
        f"{name} to ECEF velocity and back, LEO, 1980-2026",
        reference,
        "implementation",
        achieved=max(largest(ours.vel_ecef_mps - vel_there), largest(vel_back - vel_oracle)),
        tolerance=1e-4,
        unit="m/s",
    )


def constant_table(mjd, ut1_minus_utc_s, x_arcsec, y_arcsec, dx_mas=0.0, dy_mas=0.0, lod_s=0.0):
    """Two days around an example, with the excess length of day it names."""
    two = np.ones(2)
    day = np.floor(mjd)
    leaps = BUNDLED.leap_seconds
    tai_minus_utc_s = leaps.tai_minus_utc_s[np.searchsorted(leaps.mjd_utc, mjd, "right") - 1]
    return EopTable(
        mjd_utc=day + np.array([0.0, 1.0]),
        ut1_minus_tai_s=ut1_minus_utc_s - tai_minus_utc_s - lod_s * (np.array([0, 1]) - mjd + day),
        x_pole_rad=x_arcsec * ARCSEC_RAD * two,
        y_pole_rad=y_arcsec * ARCSEC_RAD * two,
        dx_cip_rad=dx_mas * ARCSEC_RAD / 1000 * two,
        dy_cip_rad=dy_mas * ARCSEC_RAD / 1000 * two,
        is_predicted=np.zeros(2, dtype=bool),
        leap_seconds=leaps,
        source="example",
    )


def test_the_published_teme_example_is_met(evidence):
    """Vallado et al., AIAA 2006-6753 rev. 2, Appendix C (Vallado, Fundamentals, ex. 3-15).

    Its program kept UT1 in one float64 Julian date, which moved the instant; so do we.
    """
    second_of_day = 7 * 3600 + 51 * 60 + 28.386009
    jd_ut1 = (2453101.5 + second_of_day / 86_400) - 0.4399619 / 86_400
    rounding_s = (jd_ut1 - 2453101.5) * 86_400 - (second_of_day - 0.4399619)
    assert abs(rounding_s) < 2e-5
    eop = constant_table(
        53_101 + second_of_day / 86_400, -0.4399619, -0.140682, 0.333309, lod_s=0.0015563
    )
    epoch = Epoch.from_calendar(2004, 4, 6, 7, 51, 28, fraction_s=0.386009) + rounding_s
    state = teme_to_ecef(
        np.array([5094.18016210, 6127.64465950, 6380.34453270]) * 1e3,
        np.array([-4.746131487, 0.785818041, 5.531931288]) * 1e3,
        epoch,
        eop,
    )
    pos_m = np.array([-1033.4793830, 7901.2952754, 6380.3565958]) * 1e3
    vel_mps = np.array([-3.225636520, -2.872451450, 5.531924446]) * 1e3
    evidence(
        "frames.earth",
        "TEME to ITRF position of the worked example",
        "Vallado et al. 2006, Appendix C (printed to 0.1 mm)",
        "published",
        achieved=largest(state.pos_ecef_m - pos_m),
        tolerance=1e-4,
        unit="m",
    )
    # The example turns with the rate of the Earth rotation angle, we with that of GMST 1982 (as
    # astropy does): 7e-12 rad/s of precession times 8000 km.
    evidence(
        "frames.earth",
        "TEME to ITRF velocity of the worked example",
        "Vallado et al. 2006, Appendix C (printed to 1 um/s)",
        "published",
        achieved=largest(state.vel_ecef_mps - vel_mps),
        tolerance=1e-4,
        unit="m/s",
    )


def test_the_published_gcrs_matrix_is_met(evidence):
    """SOFA Tools for Earth Attitude, sec. 5.5: IAU 2006/2000A, CIO based, with dX and dY."""
    published = np.array(
        [
            [0.973104317697536, 0.230363826239128, -0.000703163481769],
            [-0.230363800456036, 0.973104570632801, 0.000118545368117],
            [0.000711560162594, 0.000046626402444, 0.999999745754024],
        ]
    )
    eop = constant_table(
        54_195.5, -0.072073685, 0.0349282, 0.4833163, dx_mas=0.1750, dy_mas=-0.2259
    )
    matrix = gcrs_to_ecef_matrix(Epoch.from_iso("2007-04-05T12:00:00"), eop)
    evidence(
        "frames.earth",
        "GCRS to ITRS matrix with pole offsets, 5 April 2007",
        "SOFA Tools for Earth Attitude, sec. 5.5",
        "published",
        achieved=np.max(np.abs(matrix - published)),
        tolerance=3e-12,
    )


@pytest.mark.parametrize("to_ecef", [teme_to_ecef, gcrs_to_ecef])
def test_the_ecef_velocity_is_the_derivative_of_the_position(to_ecef, evidence):
    pos_m, vel_mps, epoch = orbits(100, seed=1)
    half_s = 8.0
    later = to_ecef(pos_m + half_s * vel_mps, vel_mps, epoch + half_s).pos_ecef_m
    earlier = to_ecef(pos_m - half_s * vel_mps, vel_mps, epoch - half_s).pos_ecef_m
    middle = to_ecef(pos_m, vel_mps, epoch)
    # Central difference of r(t) = R(t)(p + v t): the error is (omega h)^2/2 |v| + (omega h)^2/6
    # |omega x r|, under 1.5e-3 m/s, and quarters with half the step; so extrapolate once.
    closer = to_ecef(pos_m + half_s / 2 * vel_mps, vel_mps, epoch + half_s / 2).pos_ecef_m
    closer = closer - to_ecef(pos_m - half_s / 2 * vel_mps, vel_mps, epoch - half_s / 2).pos_ecef_m
    slope = (4 * closer / half_s - (later - earlier) / (2 * half_s)) / 3
    across_midnight = np.floor((epoch - half_s).to_jd(TimeScale.UTC)[0] - 0.5) != np.floor(
        (epoch + half_s).to_jd(TimeScale.UTC)[0] - 0.5
    )
    assert not across_midnight.any()
    evidence(
        "frames.earth",
        f"ECEF velocity of {to_ecef.__name__}",
        "central difference of the ECEF positions",
        "closed form",
        achieved=largest(middle.vel_ecef_mps - slope),
        tolerance=3e-6,  # the pole's own motion, up to 3 mas a day, is left out
        unit="m/s",
    )


@pytest.mark.parametrize("name", FRAMES)
def test_there_and_back_again(name, evidence):
    _, to_ecef, from_ecef, _ = FRAMES[name]
    pos_m, vel_mps, epoch = orbits(200, radius_m=4.2e7, seed=2)
    state = to_ecef(pos_m, vel_mps, epoch)
    pos_back, vel_back = from_ecef(state.pos_ecef_m, state.vel_ecef_mps, epoch)
    evidence(
        "frames.earth",
        f"{name} to ECEF and back at geostationary radius",
        "itself",
        "own",
        achieved=largest(pos_back - pos_m),
        tolerance=5e-8,
        unit="m",
    )
    assert largest(vel_back - vel_mps) < 1e-10


@pytest.mark.parametrize("matrix_of", [teme_to_ecef_matrix, gcrs_to_ecef_matrix])
def test_the_matrices_are_rotations(matrix_of):
    matrix = matrix_of(orbits(50)[2])
    unit = np.swapaxes(matrix, -1, -2) @ matrix
    np.testing.assert_allclose(unit, np.broadcast_to(np.eye(3), unit.shape), atol=2e-15)
    np.testing.assert_allclose(np.linalg.det(matrix), 1.0, atol=2e-15)


def test_a_satellite_by_epoch_grid_equals_its_single_states():
    pos_m, vel_mps, epoch = orbits(12, seed=3)
    pos_m, vel_mps = pos_m.reshape(3, 4, 3), vel_mps.reshape(3, 4, 3)
    grid = teme_to_ecef(pos_m, vel_mps, epoch[:4])
    assert grid.pos_ecef_m.flags.c_contiguous
    for sat in range(3):
        for k in range(4):
            one = teme_to_ecef(pos_m[sat, k], vel_mps[sat, k], epoch[k])
            np.testing.assert_allclose(grid.pos_ecef_m[sat, k], one.pos_ecef_m, rtol=1e-15)
            np.testing.assert_allclose(grid[sat, k].vel_ecef_mps, one.vel_ecef_mps, rtol=1e-13)
    same_time = teme_to_ecef(pos_m, vel_mps, epoch[0])
    one = teme_to_ecef(pos_m[2, 3], vel_mps[2, 3], epoch[0])
    np.testing.assert_allclose(same_time.pos_ecef_m[2, 3], one.pos_ecef_m, rtol=1e-15)
    column = teme_to_ecef(pos_m, vel_mps, epoch[:3, None])
    one = teme_to_ecef(pos_m[2, 3], vel_mps[2, 3], epoch[2])
    np.testing.assert_allclose(column.pos_ecef_m[2, 3], one.pos_ecef_m, rtol=1e-15)


def test_shapes_that_do_not_fit_are_refused():
    pos_m, vel_mps, epoch = orbits(6)
    with pytest.raises(LeopntError, match=r"positions \(6, 3\), .* epochs \(4,\) do not fit"):
        teme_to_ecef(pos_m, vel_mps, epoch[:4])
    with pytest.raises(LeopntError, match=r"positions \(3,\), .* epochs \(6,\) do not fit"):
        ecef_to_gcrs(pos_m[0], vel_mps[0], epoch)


def test_an_epoch_outside_the_table_is_refused():
    pos_m, vel_mps, _ = orbits(1)
    with pytest.raises(LeopntError, match="Earth orientation is not known at 2060-01-01"):
        teme_to_ecef(pos_m, vel_mps, Epoch.from_iso(["2060-01-01"], TimeScale.TAI))
