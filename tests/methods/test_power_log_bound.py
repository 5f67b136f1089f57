"""Bounds of power logs: the bound on a sphere, closed forms, and Doppler by finite differences."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from power_log_cases import (
    ANTENNA,
    MUNICH_M,
    NOISE_W,
    measured,
    one_epoch,
    positions,
    rows,
    turn,
    with_doppler,
    without_doppler,
)
from power_plain import plain_amplitudes

from leopnt.frames.geodetic import ecef_to_geodetic, enu_basis
from leopnt.methods.power import (
    NO_PRIOR,
    HeightPrior,
    PowerLogOptions,
    log_bound,
    power_bound,
    power_scene,
)

C_MPS = 299792458.0
AXES = turn(5)
GAMMA, BETA, RANGE_M = np.radians(33.0), np.radians(130.0), 1.5e6
UNIT = np.array([np.sin(GAMMA) * np.cos(BETA), np.sin(GAMMA) * np.sin(BETA), np.cos(GAMMA)])
PLACE_M = AXES @ (RANGE_M * UNIT - np.array([0.0, 0.0, 7571e3]))
STRONG = plain_amplitudes(GAMMA, BETA, RANGE_M) > 8.0
FREE = PowerLogOptions(height=NO_PRIOR)
KNOWN = PowerLogOptions(height=HeightPrior(520.0, 1000.0))
DOPPLER = dataclasses.replace(KNOWN, unknowns=("rx_pos_ecef_m", "freq_offset_hz"))


@pytest.fixture(scope="module")
def strong():
    """One epoch, the beams far above the noise, whose fold tells nothing."""
    return one_epoch(np.full(52, -140.0), AXES).rows(STRONG)


def on_the_sphere(noise_w=NOISE_W, sigma_cal_db=0.0):
    scene = power_scene(ANTENNA, noise_bandwidth_hz=1000.0 * noise_w / NOISE_W)
    place = (jnp.asarray(x) for x in (GAMMA, BETA, RANGE_M))
    return power_bound(scene, *place, transmitted=STRONG, sigma_cal_db=sigma_cal_db)


def repeated(log, times):
    """The same epoch, satellite at rest, several times."""
    many = log.rows(np.tile(np.arange(log.num_rows), times))
    return dataclasses.replace(many, time_s=np.repeat(np.arange(float(times)), log.num_rows))


def off(covariance, expected):
    scale = np.sqrt(np.diag(expected))
    return np.max(np.abs(covariance - expected) / scale[:, None] / scale[None, :])


@pytest.mark.parametrize("sigma_cal_db", [0.0, 0.3])
def test_one_epoch_has_the_bound_of_the_sphere_turned(strong, sigma_cal_db, evidence):
    plain = on_the_sphere(sigma_cal_db=sigma_cal_db)
    given = dataclasses.replace(FREE, sigma_cal_db=sigma_cal_db)
    bound = log_bound(strong, ANTENNA, PLACE_M, given)
    evidence(
        "methods.power.log_bound",
        f"covariance bound of strong beams known to {sigma_cal_db} dB, relative",
        "bound in (u, v, ln d) on a sphere, turned into ECEF",
        "implementation",
        achieved=off(bound.covariance_ecef_m2, AXES @ np.asarray(plain.covariance_m2) @ AXES.T),
        tolerance=1e-7,
    )
    np.testing.assert_allclose(bound.range_m, float(plain.range_m), rtol=1e-7)
    np.testing.assert_allclose(bound.timing_s, float(plain.timing_s), rtol=1e-7)
    np.testing.assert_allclose(bound.position_m, float(plain.position_m), rtol=1e-7)


def test_epochs_average_noise_but_not_what_eirp_is_wrong_by(strong, evidence):
    four = repeated(strong, 4)
    quiet = log_bound(four, ANTENNA, PLACE_M, FREE)
    plain = on_the_sphere(noise_w=NOISE_W / 4)
    np.testing.assert_allclose(quiet.position_m, float(plain.position_m), rtol=1e-7)
    np.testing.assert_allclose(plain.position_m * 2.0, on_the_sphere().position_m, rtol=1e-9)
    given = dataclasses.replace(FREE, sigma_cal_db=0.3)
    biased = log_bound(four, ANTENNA, PLACE_M, given)
    expected = on_the_sphere(noise_w=NOISE_W / 4, sigma_cal_db=0.3)
    evidence(
        "methods.power.log_bound",
        "position bound of four epochs with one EIRP error per beam, relative",
        "one epoch of a quarter of the noise with the same EIRP errors",
        "closed form",
        achieved=abs(biased.position_m / float(expected.position_m) - 1.0),
        tolerance=1e-7,
    )
    assert biased.position_m > 2.0 * quiet.position_m


def test_ten_times_the_integration_shrinks_the_bound_by_the_root_of_ten(strong):
    longer = dataclasses.replace(strong, noise_w=strong.noise_w / 10.0)
    ratio = (
        log_bound(strong, ANTENNA, PLACE_M, FREE).position_m
        / log_bound(longer, ANTENNA, PLACE_M, FREE).position_m
    )
    assert ratio == pytest.approx(np.sqrt(10.0), rel=1e-6)


def test_one_epoch_tells_no_level_without_a_height(strong):
    given = dataclasses.replace(FREE, unknowns=("rx_pos_ecef_m", "level_db"))
    bound = log_bound(strong, ANTENNA, PLACE_M, given)
    assert bound.condition == np.inf
    assert np.all(np.isnan(bound.covariance_ecef_m2))
    assert np.isnan(bound.level_db)


def test_a_level_known_to_a_decibel_adds_11_percent_of_range(strong, evidence):
    given = dataclasses.replace(FREE, unknowns=("rx_pos_ecef_m", "level_db"), level_sigma_db=1.0)
    bound = log_bound(strong, ANTENNA, PLACE_M, given)
    known = log_bound(strong, ANTENNA, PLACE_M, FREE)
    # ln d and the level enter every power as one sum.
    by_level = RANGE_M * np.log(10.0) / 20.0
    expected = np.hypot(known.range_m[0], by_level)
    evidence(
        "methods.power.log_bound",
        "range bound with a level known to 1 dB, relative",
        "root sum square with ln(10)/20 of the range",
        "closed form",
        achieved=abs(bound.range_m[0] / expected - 1.0),
        tolerance=1e-7,
    )
    assert bound.level_db == pytest.approx(1.0, rel=1e-6)


def enu_axes(place):
    lat, lon, _ = ecef_to_geodetic(jnp.asarray(place))
    return np.asarray(enu_basis(lat, lon))


def doppler_information(log):
    """About (place, offset), from ranges to the ephemeris half a second before and after."""
    times = log.doppler.time_s

    def shift(place):
        ranges = []
        for t in (times - 0.5, times + 0.5):
            ranges.append(np.linalg.norm(positions(t - 4e-3) - place[None], axis=1))
        return -(ranges[1] - ranges[0]) * 1.6e9 / C_MPS

    steps = 1e3 * np.eye(3)
    columns = [(shift(MUNICH_M + s) - shift(MUNICH_M - s)) / 2e3 for s in steps]
    jacobian = np.stack([*columns, np.ones(len(times))], axis=1) / 5.0
    return jacobian.T @ jacobian


def test_doppler_alone_has_the_bound_of_differenced_ranges(evidence):
    log = with_doppler()
    bound = log_bound(log, ANTENNA, MUNICH_M, DOPPLER, used=np.zeros(log.num_rows, bool))
    information = doppler_information(log)
    up = enu_axes(MUNICH_M)[2]
    information[:3, :3] += np.outer(up, up) / 1000.0**2
    plain = np.linalg.inv(information)
    axes = enu_axes(MUNICH_M)
    sigma = np.sqrt(np.diag(axes @ plain[:3, :3] @ axes.T))
    # Earth rotation in flight and the finite difference leave some 1e-4.
    evidence(
        "methods.power.log_bound",
        "east, north, up bound of a minute of Doppler with a known height, relative",
        "differences of ranges to the ephemeris in NumPy",
        "implementation",
        achieved=np.max(np.abs(bound.sigma_enu_m / sigma - 1.0)),
        tolerance=2e-3,
    )
    assert bound.freq_offset_hz == pytest.approx(np.sqrt(plain[3, 3]), rel=2e-3)


def test_information_adds(evidence):
    both = with_doppler()
    none = np.zeros(both.num_rows, bool)

    def information(log, options, used=None):
        return np.asarray(log_bound(log, ANTENNA, MUNICH_M, options, used=used).information.matrix)

    free = dataclasses.replace(DOPPLER, height=NO_PRIOR)
    together = information(both, free)
    doppler = information(both, free, none)
    powers = information(without_doppler(both), FREE)
    added = doppler.copy()
    added[:3, :3] += powers
    scale = np.sqrt(np.diag(together)[:, None] * np.diag(together)[None, :])
    evidence(
        "methods.power.log_bound",
        "information of powers and Doppler, relative",
        "sum of that of each",
        "invariance",
        achieved=np.max(np.abs(together - added) / scale),
        tolerance=1e-12,
    )


def test_both_are_better_than_each_in_every_direction():
    both = with_doppler()
    together = log_bound(both, ANTENNA, MUNICH_M, DOPPLER).covariance_ecef_m2
    for alone in (
        log_bound(both, ANTENNA, MUNICH_M, DOPPLER, used=np.zeros(both.num_rows, bool)),
        log_bound(without_doppler(both), ANTENNA, MUNICH_M, KNOWN),
    ):
        assert np.linalg.eigvalsh(alone.covariance_ecef_m2 - together)[0] > 0.0


def test_east_north_up_are_the_covariance_turned():
    bound = log_bound(measured(rows()), ANTENNA, MUNICH_M, KNOWN)
    axes = enu_axes(MUNICH_M)
    turned = axes @ bound.covariance_ecef_m2 @ axes.T
    np.testing.assert_allclose(bound.covariance_enu_m2, turned, rtol=1e-9)
    np.testing.assert_allclose(bound.sigma_enu_m, np.sqrt(np.diag(turned)))
    assert bound.position_m == pytest.approx(np.sqrt(np.trace(turned)))
    assert bound.sigma_enu_m[2] < 1000.0
