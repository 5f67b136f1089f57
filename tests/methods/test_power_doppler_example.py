"""One minute of powers and Doppler: the example runs, and its numbers obey what they must."""

import importlib.util
from pathlib import Path

import erfa
import jax
import numpy as np
import pytest
from study_sizes import study_size

EXAMPLES = Path(__file__).parents[2] / "examples"
EPOCH, POWER = "power, one epoch", "power, one minute"
DOPPLER, BOTH = "Doppler, one minute", "both, one minute"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("power_doppler", EXAMPLES / "power_doppler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def minute(example):
    return example.minute()


@pytest.fixture(scope="module")
def covariance(example, minute):
    return {name: bound.covariance_ecef_m2 for name, bound in example.bounds(*minute).items()}


def test_more_rows_are_better_in_every_direction(covariance):
    for better, worse in ((POWER, EPOCH), (BOTH, POWER), (BOTH, DOPPLER)):
        assert np.linalg.eigvalsh(covariance[worse] - covariance[better])[0] > 0.0


def test_information_adds(minute, covariance, evidence):
    """Powers do not know the offset: information about the position adds, the height once."""
    up = upward(minute[1])
    added = np.linalg.inv(covariance[POWER]) + np.linalg.inv(covariance[DOPPLER])
    added = added - np.outer(up, up) / 1000.0**2
    evidence(
        "methods.power.log_bound",
        "covariance bound of powers and Doppler, relative",
        "inverse of the added information about the position",
        "invariance",
        achieved=np.linalg.norm(np.linalg.inv(added) @ np.linalg.inv(covariance[BOTH]) - np.eye(3)),
        tolerance=1e-6,
    )


def upward(place_m):
    """Gradient of the ellipsoidal height, by ERFA."""
    lon, lat, _ = erfa.gc2gd(1, place_m)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def test_doppler_alone_does_not_know_the_side(example, minute, evidence):
    log, place = minute
    sides = [position for position, _ in example.doppler_sides(log)]
    assert len(sides) == 2
    # A pass tells the distance from the track, not the side: mirrored by the orbit plane.
    middle = len(log.doppler.time_s) // 2
    normal = np.cross(log.doppler.sat_pos_ecef_m[middle], log.doppler.sat_vel_ecef_mps[middle])
    normal = normal / np.linalg.norm(normal)
    mirror = place - 2.0 * (place @ normal) * normal
    off = max(min(np.linalg.norm(side - x) for side in sides) for x in (place, mirror))
    evidence(
        "methods.power.ellipsoid_fix",
        "the two positions of a minute of Doppler",
        "the place and its mirror in the plane of the pass (the Earth turns meanwhile)",
        "closed form",
        achieved=off / 1e3,
        tolerance=30.0,
        unit="km",
    )


@pytest.mark.study
def test_draws_of_both_reach_the_bound(example, minute, evidence):
    log, place = minute
    powers, options, _ = example.cases(log)[BOTH]
    count = study_size(48, 1000)
    key = jax.random.key(7)
    trials = example.power_trials(powers, example.b52(), place, options, count, key)
    assert np.all(trials.converged)
    evidence(
        "methods.power.log_trials",
        "RMS of a minute of powers (EIRP known to 0.3 dB) and Doppler over the bound, off 1",
        "Cramer-Rao bound",
        "monte carlo",
        achieved=abs(trials.ratio - 1.0),
        tolerance=4.0 / np.sqrt(2.0 * count),
    )
