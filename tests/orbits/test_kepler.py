from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from leopnt.constants import (
    EARTH_EQUATORIAL_RADIUS_M,
    EARTH_GM_M3PS2,
    EARTH_J2,
    EARTH_ROTATION_ERA_RADPS,
)
from leopnt.epochs import Epoch
from leopnt.frames.earth import ecef_to_teme
from leopnt.io.tle import read_tle
from leopnt.orbits import kepler, sgp4
from leopnt.orbits.kepler import KeplerElements

DATA = Path(__file__).parents[2] / "examples" / "data" / "tle_2025"
STARLINK = read_tle(DATA / "starlink.tle")[::150]
LEO = (6_928e3, 0.012, 0.93, 1.0, 2.0, 3.0)
ORBITS = {
    "LEO": LEO,
    "Molniya": (26_600e3, 0.74, 1.107, 4.0, 4.7, 0.3),
    "retrograde": (7_200e3, 0.001, 2.4, 5.0, 0.1, 6.0),
    "HEO": (60_000e3, 0.88, 0.2, 0.5, 3.0, 1e-3),
}
propagate = jax.jit(kepler.propagate)
advance = jax.jit(kepler.advance)
advance_all = jax.jit(jax.vmap(kepler.advance, in_axes=(0, 0, None)))
state_of = jax.jit(kepler.state_from_elements)
elements_from = jax.jit(kepler.elements_from_state)
every_orbit = pytest.mark.parametrize("values", ORBITS.values(), ids=ORBITS.keys())


def elements_of(values):
    return KeplerElements(*(jnp.asarray(float(value)) for value in values))


def j2_gravity(_, state):
    """Acceleration from the potential mu/r (1 - J2 (R/r)^2 P2(z/r)), differentiated by hand."""
    pos = state[:3]
    r = np.sqrt(pos @ pos)
    radii2 = (EARTH_EQUATORIAL_RADIUS_M / r) ** 2
    z2 = (pos[2] / r) ** 2
    bulge = 1.5 * EARTH_J2 * radii2
    factor = 1.0 + bulge * np.array([1 - 5 * z2, 1 - 5 * z2, 3 - 5 * z2])
    return np.concatenate([state[3:], -EARTH_GM_M3PS2 / r**3 * pos * factor])


def integrated(pos, vel, t_s):
    """Numerically integrated J2 orbit at times (from 0) in increasing distance."""
    start = np.concatenate([pos, vel])
    span = (0.0, t_s[-1])
    run = solve_ivp(j2_gravity, span, start, "DOP853", t_eval=t_s, rtol=1e-13, atol=1e-9)
    return run.y.T


def test_keplers_equation_is_solved_to_rounding(evidence):
    mean = np.concatenate([np.linspace(-np.pi, np.pi, 20_001), np.geomspace(1e-12, 1, 2000)])
    worst = 0.0
    for e in (0.0, 1e-3, 0.1, 0.5, 0.7, 0.9, 0.95, 0.99):
        anomaly = jax.vmap(kepler.eccentric_anomaly, (0, None))(jnp.asarray(mean), jnp.asarray(e))
        worst = max(worst, np.max(np.abs(anomaly - e * np.sin(anomaly) - mean)))
    evidence(
        "orbits.kepler",
        "Residual of Kepler's equation, e up to 0.99",
        "the equation itself",
        "closed form",
        achieved=worst,
        tolerance=1e-15,
        unit="rad",
    )


def test_derivatives_of_the_anomaly_are_those_of_the_implicit_function():
    mean, e = jnp.asarray(0.4), jnp.asarray(0.3)
    anomaly = kepler.eccentric_anomaly(mean, e)
    slope = 1 - e * jnp.cos(anomaly)
    by_mean, by_e = jax.grad(kepler.eccentric_anomaly, argnums=(0, 1))(mean, e)
    second = jax.grad(jax.grad(kepler.eccentric_anomaly))(mean, e)
    np.testing.assert_allclose(by_mean, 1 / slope, rtol=1e-14)
    np.testing.assert_allclose(by_e, jnp.sin(anomaly) / slope, rtol=1e-14)
    np.testing.assert_allclose(second, -e * jnp.sin(anomaly) / slope**3, rtol=1e-13)


def test_anomaly_grows_through_many_revolutions():
    mean = jnp.asarray(12 * np.pi + 0.4)
    within = kepler.eccentric_anomaly(jnp.asarray(0.4), jnp.asarray(0.3))
    found = kepler.eccentric_anomaly(mean, jnp.asarray(0.3))
    np.testing.assert_allclose(found, 12 * np.pi + within, rtol=1e-15)


@every_orbit
def test_energy_momentum_and_perigee_follow_from_the_elements(values):
    elements = elements_of(values)
    pos, vel = state_of(elements)
    a, e, inclination = values[:3]
    energy = vel @ vel / 2 - EARTH_GM_M3PS2 / jnp.linalg.norm(pos)
    momentum = jnp.cross(pos, vel)
    np.testing.assert_allclose(energy, -EARTH_GM_M3PS2 / (2 * a), rtol=1e-13)
    size = np.sqrt(EARTH_GM_M3PS2 * a * (1 - e**2))
    np.testing.assert_allclose(jnp.linalg.norm(momentum), size, rtol=1e-13)
    np.testing.assert_allclose(momentum[2], size * np.cos(inclination), rtol=1e-12)


@every_orbit
def test_elements_and_state_round_trip(values, evidence, request):
    elements = elements_of(values)
    back = elements_from(*state_of(elements))
    pairs = zip(jax.tree.leaves(back), values, strict=True)
    worst = max(abs(float(found) / value - 1) for found, value in pairs)
    evidence(
        "orbits.kepler",
        f"Elements to state and back, {request.node.callspec.id}, relative",
        "round trip",
        "invariance",
        achieved=worst,
        tolerance=1e-11,
    )


@pytest.mark.parametrize(
    "values", [(7e6, 0.0, 0.9, 1.0, 0.0, 2.0), (4.2e7, 0.0, 0.0, 0.0, 0.0, 1.0)]
)
def test_circular_and_equatorial_states_come_back(values):
    state = state_of(elements_of(values))
    again = state_of(elements_from(*state))
    np.testing.assert_allclose(again[0], state[0], atol=1e-6)
    np.testing.assert_allclose(again[1], state[1], atol=1e-9)


def test_node_and_perigee_drift_like_an_integrated_orbit(evidence):
    elements = elements_of((7_178e3, 0.01, 1.2, 1.0, 0.7, 0.2))
    pos, vel = state_of(elements)
    period_s = 2 * np.pi * np.sqrt(float(elements.semi_major_axis_m) ** 3 / EARTH_GM_M3PS2)
    t_s = np.linspace(0, 40 * period_s, 40 * 60 + 1)
    states = jnp.asarray(integrated(pos, vel, t_s))
    osculating = jax.vmap(kepler.elements_from_state)(states[:, :3], states[:, 3:])
    per_turn = np.unwrap(np.asarray(osculating.raan_rad))[:-1].reshape(40, 60).mean(axis=1)
    drift_radps = np.polyfit(period_s * np.arange(40), per_turn, 1)[0]
    # The rates want mean elements: the mean semi-major axis is the average of the osculating one.
    mean = jax.tree.map(jnp.mean, osculating)
    rates = kepler.secular_rates(mean)
    evidence(
        "orbits.kepler",
        "Node drift under J2, relative",
        "numerical integration over 40 revolutions (theory lacks J2 squared)",
        "implementation",
        achieved=abs(float(rates.raan_radps) / drift_radps - 1),
        tolerance=3e-3,
    )


def test_gps_node_drift_is_the_published_one(evidence):
    gps = elements_of((26_559.7e3, 0.0, np.deg2rad(55.0), 0.0, 0.0, 0.0))
    drift_degps = np.rad2deg(float(kepler.secular_rates(gps).raan_radps))
    evidence(
        "orbits.kepler",
        "Node drift of the nominal GPS orbit, relative",
        "GPS SPS Performance Standard 2001, table A2-1: -4.4874e-7 deg/s",
        "published",
        achieved=abs(drift_degps / -4.4874e-7 - 1),
        tolerance=1e-3,
    )


def test_sun_synchronous_inclination_at_800_km_is_the_textbook_one():
    inclination = np.deg2rad(98.603)
    orbit = elements_of((7_178.137e3, 0.0, inclination, 0.0, 0.0, 0.0))
    per_year_deg = np.rad2deg(float(kepler.secular_rates(orbit).raan_radps)) * 86_400 * 365.2422
    assert per_year_deg == pytest.approx(360.0, abs=0.2)


@every_orbit
def test_velocity_is_the_derivative_of_position(values):
    elements, t = elements_of(values), 1234.5
    step = 1e-2
    before, _ = propagate(elements, jnp.asarray(t - step))
    after, _ = propagate(elements, jnp.asarray(t + step))
    _, vel = propagate(elements, jnp.asarray(t))
    np.testing.assert_allclose((after - before) / (2 * step), vel, atol=1e-5)


def test_derivatives_by_elements_match_differences():
    def position(values):
        return kepler.propagate(KeplerElements(*values), jnp.asarray(3000.0))[0]

    values = jnp.asarray(LEO)
    jacobian = jax.jit(jax.jacfwd(position))(values)
    position = jax.jit(position)
    for i, step in enumerate((1.0, 1e-7, 1e-7, 1e-7, 1e-7, 1e-7)):
        shift = jnp.zeros(6).at[i].set(step)
        slope = (position(values + shift) - position(values - shift)) / (2 * step)
        np.testing.assert_allclose(jacobian[:, i], slope, rtol=1e-6, atol=10.0)


def test_ecef_state_turns_with_the_earth():
    geo = elements_of((42_164.17e3, 0.0, 0.0, 0.3, 0.0, 0.0))
    start = kepler.ecef_state(geo, jnp.asarray(0.0), jnp.asarray(0.0))
    np.testing.assert_allclose(
        start.pos_ecef_m[:2], 42_164.17e3 * np.array([np.cos(0.3), np.sin(0.3)])
    )
    assert np.linalg.norm(start.vel_ecef_mps) < 0.5  # J2 drift only
    np.testing.assert_allclose(
        np.linalg.norm(start.vel_inertial_ecef_mps),
        42_164.17e3 * EARTH_ROTATION_ERA_RADPS,
        rtol=1e-4,
    )

    def position(t):
        return kepler.ecef_state(elements_of(LEO), t, jnp.asarray(1.0)).pos_ecef_m

    rate = jax.jit(jax.jacfwd(position))(jnp.asarray(77.0))
    state = kepler.ecef_state(elements_of(LEO), jnp.asarray(77.0), jnp.asarray(1.0))
    np.testing.assert_allclose(state.vel_ecef_mps, rate, atol=1e-8)


@pytest.mark.parametrize(("dt_s", "tolerance_m"), [(1.0, 1e-8), (10.0, 2e-5), (100.0, 0.2)])
def test_advance_follows_an_integrated_j2_orbit(dt_s, tolerance_m, evidence):
    worst = 0.0
    for sign in (1.0, -1.0):
        for values in (LEO, ORBITS["retrograde"]):
            pos, vel = state_of(elements_of(values))
            end = integrated(pos, vel, sign * np.array([0.0, dt_s]))[-1]
            moved, _ = advance(pos, vel, jnp.asarray(sign * dt_s))
            worst = max(worst, np.linalg.norm(moved - end[:3]))
    evidence(
        "orbits.kepler",
        f"advance by {dt_s:g} s in LEO",
        "numerically integrated J2 orbit (DOP853)",
        "implementation",
        achieved=worst,
        tolerance=tolerance_m,
        unit="m",
    )


@pytest.mark.parametrize(("dt_s", "tolerance_m"), [(1.0, 2e-4), (10.0, 0.02), (100.0, 2.0)])
def test_advance_follows_sgp4(dt_s, tolerance_m, evidence):
    elements = STARLINK
    worst = 0.0
    for minutes in range(0, 100, 10):
        at = Epoch.from_iso("2025-12-28T12:00:00Z") + 60.0 * minutes
        step = 0.5  # SGP4's velocity is not the rate of its position: take the rate
        epoch = at + np.array([0.0, -2 * step, -step, step, 2 * step, dt_s])
        ecef = sgp4.propagate(elements, epoch).state
        pos, _ = ecef_to_teme(ecef.pos_ecef_m, ecef.vel_ecef_mps, epoch)
        rate = (8 * (pos[:, 3] - pos[:, 2]) - (pos[:, 4] - pos[:, 1])) / (12 * step)
        moved, _ = advance_all(jnp.asarray(pos[:, 0]), jnp.asarray(rate), jnp.asarray(dt_s))
        worst = max(worst, np.max(np.linalg.norm(moved - pos[:, 5], axis=1)))
    evidence(
        "orbits.kepler",
        f"advance by {dt_s:g} s, Starlink",
        "SGP4 (J3, J4 and drag included)",
        "implementation",
        achieved=worst,
        tolerance=tolerance_m,
        unit="m",
    )


def test_advance_is_smooth_at_zero():
    pos, vel = state_of(elements_of(LEO))

    def position(dt):
        return kepler.advance(pos, vel, dt)[0]

    zero = jnp.asarray(0.0)
    np.testing.assert_allclose(position(zero), pos, rtol=1e-15)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(position))(zero), vel, rtol=1e-15)
    gravity = j2_gravity(0.0, np.concatenate([pos, vel]))[3:]
    np.testing.assert_allclose(jax.jit(jax.jacfwd(jax.jacfwd(position)))(zero), gravity, rtol=1e-12)


def test_advance_there_and_back_returns():
    pos, vel = state_of(elements_of(LEO))
    there = advance(pos, vel, jnp.asarray(30.0))
    back = advance(*there, jnp.asarray(-30.0))
    np.testing.assert_allclose(back[0], pos, atol=5e-3)
    np.testing.assert_allclose(back[1], vel, atol=5e-4)


@every_orbit
def test_advance_maps_over_satellites_under_jit(values):
    pos, vel = state_of(elements_of(values))
    many = jax.jit(jax.vmap(kepler.advance, in_axes=(None, None, 0)))
    moved, _ = many(pos, vel, jnp.linspace(-100, 100, 7))
    assert moved.shape == (7, 3)
    assert np.all(np.isfinite(moved))
    np.testing.assert_allclose(moved[3], pos, atol=1e-6)
