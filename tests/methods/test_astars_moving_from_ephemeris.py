"""Phases and Dopplers of real GPS and OneWeb satellites to a walker, and the fix from them."""

import astars_worked_case as case
import jax.numpy as jnp
import numpy as np
import pytest
from astars_ephemerides import READING, WEST, real

from leopnt.errors import LeopntError
from leopnt.methods.astars import (
    DIRECT,
    FREE_IN_MOTION,
    AstarsStatus,
    AstarsTheta,
    MovingTheta,
    Routes,
    Signals,
    knowledge,
    moving_fix,
    moving_rows,
    open_view,
    panel_view,
    received,
    routes,
    signals_in_motion,
)

C_MPS, WAVELENGTH_M = 299792458.0, case.WAVELENGTH_M
S, U, AOD = case.SURFACE_ECEF_M, case.OUTDOOR_ECEF_M, case.AOD
WALK_MPS, DRIFT_MPS, LATE_M = np.array([0.7, 0.9, -0.4]), 0.3, 1e-3 * C_MPS
TIMES_S, NUM_LINKS = (0.0, 20.0, 40.0), 8
SIGMA_M, SIGMA_HZ = 0.01, 0.01


def theta(off_m=np.zeros(3), vel_mps=WALK_MPS, drift_mps=DRIFT_MPS, clock_m=LATE_M):
    return MovingTheta(
        jnp.asarray(S[None] + off_m),
        jnp.asarray(U + off_m),
        jnp.asarray(vel_mps),
        jnp.asarray(clock_m),
        jnp.asarray(drift_mps),
    )


@pytest.fixture(scope="module")
def satellites():
    return [real(name) for name in ("oneweb", "gps")]


@pytest.fixture(scope="module")
def way(satellites):
    """Two of OneWeb and two of GPS through the wall, four of OneWeb over the receiver."""
    wall = routes([panel_view(satellites, WEST, READING)])
    chosen = np.concatenate([np.flatnonzero(wall.ephemeris == k)[:2] for k in (0, 1)])
    sky = open_view(satellites, U, READING)
    top = np.flatnonzero((sky.ephemeris == 0) & sky.visible)
    top = top[np.linspace(0, top.size - 1, 4).astype(int)]
    return Routes(
        np.concatenate([wall.ephemeris[chosen], sky.ephemeris[top]]),
        np.concatenate([wall.sat_index[chosen], sky.sat_index[top]]),
        np.concatenate([wall.surface[chosen], np.full(4, DIRECT)]),
    )


def ranges_at(satellites, way, time_s):
    there = AstarsTheta(S[None], U + time_s * WALK_MPS, np.asarray(LATE_M + time_s * DRIFT_MPS))
    return received(satellites, way, there, READING + time_s).range_m


@pytest.fixture(scope="module")
def measured(satellites, way):
    """Ranges, and Dopplers as differences of ranges: no formula of a Doppler is used."""
    found, step = [], 0.5
    for t in TIMES_S:
        near, far = (
            ranges_at(satellites, way, t + k * step) - ranges_at(satellites, way, t - k * step)
            for k in (1, 2)
        )
        rate_mps = (8.0 * near - far) / (12.0 * step)
        range_m = ranges_at(satellites, way, t)
        found.append(Signals(READING + t, way, range_m, -rate_mps / WAVELENGTH_M))
    return found


def test_dopplers_are_rates_of_phases(satellites, way, measured, evidence):
    readings = [READING + t for t in TIMES_S]
    got = signals_in_motion(satellites, [way] * 3, theta(), readings, WAVELENGTH_M)
    for one, other in zip(got, measured, strict=True):
        np.testing.assert_allclose(one.range_m, other.range_m, rtol=0.0, atol=1e-6)
    # With the velocities of SGP4 they would be 3 mm/s (OneWeb) and 7 mm/s (GPS) off; the rounding
    # of SGP4's time leaves 20 um/s, the drift 1e-9 of 6 km/s.
    off_hz = [a.doppler_hz - b.doppler_hz for a, b in zip(got, measured, strict=True)]
    evidence(
        "methods.astars.moving_from_ephemeris",
        "range rates of OneWeb and GPS, relayed and direct, to a walking receiver",
        "differences of ranges",
        "implementation",
        achieved=WAVELENGTH_M * np.max(np.abs(off_hz)),
        tolerance=5e-5,
        unit="m/s",
    )


@pytest.fixture(scope="module")
def told():
    return knowledge(surface_pos_ecef_m=S[None], departure=AOD[None], sigma_aod_rad=1e-4)


def fixed(satellites, signals, told):
    """Rows and fix from 12 m away, at rest, on time."""
    about = theta(np.array([8.0, -6.0, 7.0]), np.zeros(3), 0.0, 0.0)
    rows = moving_rows(satellites, signals, about, WAVELENGTH_M, SIGMA_M, SIGMA_HZ)
    return moving_fix(rows, told, about, FREE_IN_MOTION)


def test_the_planted_motion_is_recovered(satellites, measured, told, evidence):
    found = fixed(satellites, measured, told)
    assert found.status == AstarsStatus.ok
    assert found.dof == 2 * 3 * NUM_LINKS + 3 + 2 - 11
    quantities = {
        "position": (found.theta.rx_pos_ecef_m - U, "m"),
        "velocity": (found.theta.rx_vel_ecef_mps - WALK_MPS, "m/s"),
        "clock bias": (found.theta.clock_bias_m - LATE_M, "m"),
        "clock drift": (found.theta.clock_drift_mps - DRIFT_MPS, "m/s"),
    }
    for name, (off, unit) in quantities.items():
        evidence(
            "methods.astars.moving_from_ephemeris",
            f"{name} of a walker by GPS and OneWeb, relayed and direct, clock 1 ms late",
            "planted motion",
            "invariance",
            achieved=np.max(np.abs(off)),
            tolerance=1e-3 if unit == "m" else 1e-4,
            unit=unit,
        )


def test_noise_stays_within_its_sigmas(satellites, measured, told):
    rng = np.random.default_rng(5)
    noisy = [
        one._replace(
            range_m=one.range_m + SIGMA_M * rng.normal(size=NUM_LINKS),
            doppler_hz=one.doppler_hz + SIGMA_HZ * rng.normal(size=NUM_LINKS),
        )
        for one in measured
    ]
    found = fixed(satellites, noisy, told)
    off = np.asarray(found.theta.rx_vel_ecef_mps) - WALK_MPS
    assert np.all(np.abs(off) < 4.0 * found.sigma_of("rx_vel_ecef_mps"))
    # 48 rows drawn, 11 unknowns; survey and direction were not drawn.
    assert 0.001 < found.chi_square().p_value < 0.999


def test_what_was_not_measured_is_an_empty_slot(satellites, measured, told):
    gap = measured[1]
    gap = gap._replace(
        range_m=np.where(np.arange(NUM_LINKS) == 5, np.nan, gap.range_m),
        doppler_hz=np.where(np.arange(NUM_LINKS) == 2, np.nan, gap.doppler_hz),
    )
    found = fixed(satellites, [measured[0], gap, measured[2]], told)
    assert found.status == AstarsStatus.ok
    assert found.dof == 2 * 3 * NUM_LINKS - 2 + 3 + 2 - 11
    np.testing.assert_allclose(found.theta.rx_pos_ecef_m, U, atol=1e-3)


def test_wrong_shapes_and_missing_signals_are_refused(satellites, way, measured, untyped):
    def rows(*signals, **how):
        return moving_rows(satellites, signals, theta(), WAVELENGTH_M, SIGMA_M, SIGMA_HZ, **how)

    with pytest.raises(LeopntError, match="signals: none; expected one for each reading"):
        rows()
    with pytest.raises(LeopntError, match=r"doppler_hz has shape \(2,\) for 8 routes"):
        rows(measured[0]._replace(doppler_hz=np.zeros(2)))
    with pytest.raises(LeopntError, match="reading, zero: hold several epochs"):
        rows(measured[0], zero=READING + np.zeros(2))
    with pytest.raises(LeopntError, match="has no state when it sent what is received"):
        rows(measured[0]._replace(reading=READING + 1e4))
    with pytest.raises(LeopntError, match="ways: 1 for 2 readings; expected one for each"):
        signals_in_motion(satellites, [way], theta(), [READING] * 2, WAVELENGTH_M)
