"""The Doppler of one link, against motion worked out in inertial axes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from doppler_logs import (
    DRIFT,
    GM,
    LIGHT_MPS,
    PLACE_M,
    SPIN,
    Circle,
    earth_axes,
    ecef,
    noise_free,
    noisy,
    observe,
    pass_over,
    six_passes,
)

from leopnt.methods.doppler_fix import FIRST_ORDER, RELATIVISTIC, FixOptions, problem
from leopnt.methods.doppler_fix.judge import predicted_hz
from leopnt.methods.doppler_fix.model import along_ellipsoid, height_m

VELOCITY_MPS = np.array([120.0, -200.0, 90.0])


def prepared(log, **fields):
    """Data and theta at the true place, with some fields changed."""
    theta, data, _ = problem(log, FixOptions(unknowns=DRIFT))
    changes = {"rx_pos_ecef_m": PLACE_M, **fields}
    theta = dataclasses.replace(
        theta, **{name: jnp.asarray(value, dtype=float) for name, value in changes.items()}
    )
    return theta, data


def predictions(log, model=FIRST_ORDER, **fields):
    theta, data = prepared(log, **fields)
    return predicted_hz(model, theta, data)[: len(log.time_s)]


def test_doppler_of_a_moving_receiver_is_that_of_inertial_axes(evidence):
    log = noise_free([pass_over(47, 8.5, 780e3)], np.arange(-300.0, 300, 10), PLACE_M)
    moving = noise_free(
        [pass_over(47, 8.5, 780e3)], np.arange(-300.0, 300, 10), PLACE_M, velocity_mps=VELOCITY_MPS
    )
    at_mean = PLACE_M + np.mean(moving.time_s) * VELOCITY_MPS
    still = np.abs(predictions(log) - log.doppler_hz)
    moved = predictions(moving, rx_pos_ecef_m=at_mean, rx_vel_ecef_mps=VELOCITY_MPS)
    worst = max(still.max(), np.abs(moved - moving.doppler_hz).max())
    evidence(
        "methods.doppler_fix.model",
        "Doppler of receivers at rest and in flight",
        "satellite and receiver in inertial axes",
        "implementation",
        achieved=worst,
        tolerance=1e-5,
        unit="Hz",
    )


def test_clock_terms_scale_with_the_carrier_and_satellite_terms_do_not():
    log = six_passes()
    carrier = np.where(log.sat_index % 2 == 0, 1.6e9, 3.2e9)
    log = dataclasses.replace(log, carrier_hz=carrier, doppler_hz=log.doppler_hz * carrier / 1.6e9)
    of_sat = np.zeros(8)
    of_sat[:6] = [3.0, -7.0, 11.0, 0.5, 0.0, 2.0]
    predicted = predictions(
        log, freq_offset_hz=120.0, freq_drift_hzps=0.25, sat_freq_offset_hz=of_sat
    )
    clock = 120.0 + 0.25 * (log.time_s - log.time_s.mean())
    expected = log.doppler_hz + clock * carrier / np.median(carrier) + of_sat[log.sat_index]
    np.testing.assert_allclose(predicted, expected, atol=2e-5)


def test_time_offset_is_a_satellite_ahead_on_its_orbit_at_the_same_instant(evidence):
    t = np.arange(-200.0, 200, 20)
    orbit = pass_over(47, 8.5, 780e3)
    doppler, _, _, _ = observe(orbit, t, PLACE_M)
    ahead_s = 0.8
    # The true satellite runs ahead by 0.8 s; the log holds states of one that does not.
    true = Circle(
        orbit.radius_m,
        orbit.inclination,
        orbit.raan,
        orbit.phase + ahead_s * np.sqrt(GM / orbit.radius_m**3),
    )
    true_doppler = observe(true, t, PLACE_M)[0]
    log = noise_free([orbit], t, PLACE_M, mask_deg=-90)
    theta, data, _ = problem(log, FixOptions(ageing=None))
    theta = dataclasses.replace(
        theta,
        rx_pos_ecef_m=jnp.asarray(PLACE_M),
        sat_time_offset_s=jnp.full(8, ahead_s),
        sat_orbit_offset_m=jnp.zeros((8, 2)),
    )
    moved = predicted_hz(FIRST_ORDER, theta, data)[: len(t)]
    assert np.abs(true_doppler - doppler).max() > 100.0
    # The log's flight time is that of the old state (0.1 mm/s), and the simulated orbit has no J2
    # (0.8 s of it: 3 mm/s, 0.02 Hz).
    evidence(
        "methods.doppler_fix.model",
        "Doppler of a satellite 0.8 s ahead of its ephemeris",
        "circular orbit with another phase",
        "implementation",
        achieved=np.abs(moved - true_doppler).max(),
        tolerance=0.1,
        unit="Hz",
    )


def test_radial_and_normal_displacements_move_the_satellite_and_keep_its_velocity():
    log = noise_free([pass_over(47, 8.5, 780e3)], np.arange(-200.0, 200, 20), PLACE_M)
    theta, data, _ = problem(log, FixOptions())
    offset_m = np.array([300.0, -500.0])
    theta = dataclasses.replace(
        theta,
        rx_pos_ecef_m=jnp.asarray(PLACE_M),
        sat_time_offset_s=jnp.zeros(8),
        sat_orbit_offset_m=jnp.tile(jnp.asarray(offset_m), (8, 1)),
    )
    inertial = log.sat_vel_ecef_mps + np.cross(SPIN, log.sat_pos_ecef_m)
    up = log.sat_pos_ecef_m / np.linalg.norm(log.sat_pos_ecef_m, axis=1, keepdims=True)
    normal = np.cross(log.sat_pos_ecef_m, inertial)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    pos = log.sat_pos_ecef_m + offset_m[0] * up + offset_m[1] * normal
    moved = dataclasses.replace(
        log, sat_pos_ecef_m=pos, sat_vel_ecef_mps=inertial - np.cross(SPIN, pos)
    )
    count = len(log.time_s)
    np.testing.assert_allclose(
        predicted_hz(FIRST_ORDER, theta, data)[:count], predictions(moved), atol=1e-6
    )


def test_relativistic_doppler_is_the_ratio_of_proper_times(evidence):
    orbit, t = pass_over(47, 8.5, 780e3), np.arange(-300.0, 300, 30)
    log = noise_free([orbit], t, PLACE_M)
    t = log.time_s
    turn = earth_axes(t)
    rx_pos = np.einsum("nji,j->ni", turn, PLACE_M)
    rx_vel = np.einsum("nji,j->ni", turn, np.cross(SPIN, PLACE_M))
    tau = np.zeros_like(t)
    for _ in range(8):
        pos, vel = orbit.inertial(t - tau)
        tau = np.linalg.norm(pos - rx_pos, axis=1) / LIGHT_MPS
    los = (pos - rx_pos) / (tau * LIGHT_MPS)[:, None]

    def rate(position, velocity):  # of a clock, proper over coordinate time, minus 1
        potential = GM / np.linalg.norm(position, axis=1)
        return -(potential + 0.5 * np.sum(velocity**2, axis=1)) / LIGHT_MPS**2

    sent = (1 + np.sum(los * rx_vel, 1) / LIGHT_MPS) / (1 + np.sum(los * vel, 1) / LIGHT_MPS)
    ratio = sent * (1 + rate(pos, vel)) / (1 + rate(rx_pos, rx_vel))
    expected = 1.6e9 * (ratio - 1)
    predicted = predictions(log, RELATIVISTIC)
    assert np.abs(predicted - log.doppler_hz).max() > 0.3
    evidence(
        "methods.doppler_fix.model",
        "relativistic Doppler at 1.6 GHz",
        "ratio of proper times, inertial axes",
        "closed form",
        achieved=np.abs(predicted - expected).max(),
        tolerance=0.01,
        unit="Hz",
    )


@pytest.mark.parametrize(
    "place", [(47.0, 8.5, 400.0), (0.0, 180.0, 3e4), (89.999999, 10.0, 0.0), (-90.0, 0.0, 10.0)]
)
def test_a_small_move_is_the_sum_and_a_long_one_keeps_the_height(place, evidence):
    base = ecef(*place)
    slope = jax.jacfwd(lambda d: along_ellipsoid(jnp.asarray(base), d))(jnp.zeros(3))
    np.testing.assert_allclose(slope, np.eye(3), atol=1e-12)
    np.testing.assert_array_equal(along_ellipsoid(jnp.asarray(base), jnp.zeros(3)), base)

    lat, lon = np.radians(place[:2])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    step = np.cross(up, [0.3, 0.4, 0.5])
    step *= 1e6 / np.linalg.norm(step)
    far = along_ellipsoid(jnp.asarray(base), jnp.asarray(step + 70.0 * up))
    theta, _ = prepared(six_passes(), rx_pos_ecef_m=far)
    # Documented: the height changes by up to 0.3 % of itself.
    evidence(
        "methods.doppler_fix.model",
        "height gained over a step of 1000 km and 70 m upward",
        "70 m",
        "closed form",
        achieved=abs(float(height_m(theta)) - place[2] - 70.0) / (1.0 + 0.003 * place[2]),
        tolerance=1.0,
        unit="m (+ 0.3 % of the height)",
    )


def test_a_step_at_the_centre_of_the_earth_is_the_sum():
    step = jnp.array([1e3, -2e3, 3e3])
    np.testing.assert_array_equal(along_ellipsoid(jnp.zeros(3), step), step)


def test_ephemeris_errors_of_zero_change_nothing():
    log = noisy(six_passes(), 1.0, np.random.default_rng(0))
    theta, data = prepared(log)
    exact = predicted_hz(FIRST_ORDER, theta, data)
    np.testing.assert_allclose(
        predicted_hz(FIRST_ORDER, theta.with_orbit_errors(), data), exact, atol=1e-7
    )
