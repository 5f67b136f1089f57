"""MUSIC: exact without noise, efficient with it, and honest where it cannot know."""

import re

import numpy as np
import pytest
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.inference.angle_bounds import (
    line_angle_variance,
    plane_cosine_variance,
    random_source_factor,
)
from leopnt.inference.subspace import (
    MusicStatus,
    music_line,
    music_plane,
    noise_subspace,
    sample_covariance,
)
from leopnt.inference.uniform_arrays import LineArray, PlaneArray


def normal(rng, *shape):
    """Circular complex Gaussian numbers of unit power."""
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2.0)


def status_names(status):
    values = {int(getattr(MusicStatus, n)._value): n for n in MusicStatus._name_to_item}
    return [values[int(v)] for v in np.ravel(np.asarray(status._value))]


def waves(rng, steering, snr, num_snapshots, batch):
    """Snapshots of uncorrelated Gaussian sources, one column of `steering` each, in unit noise."""
    num, sources = steering.shape
    clean = steering @ (np.sqrt(snr) * normal(rng, batch, sources, num_snapshots))
    return clean + normal(rng, batch, num, num_snapshots)


@pytest.mark.parametrize("spacing", [0.3, 0.5])
@pytest.mark.parametrize("angles_deg", [(12.0,), (-40.0, 5.0), (-63.0, -20.0, 31.0)])
def test_angles_without_noise_are_exact(angles_deg, spacing, evidence):
    array, rng = LineArray(8, spacing), np.random.default_rng(1)
    truth = np.radians(angles_deg)
    data = array.steering(np.sin(truth)).T @ normal(rng, len(truth), 20)
    found = music_line(array, data, len(truth))
    assert status_names(found.status) == ["converged"]
    evidence(
        "inference.subspace",
        f"angles of {len(truth)} sources without noise",
        "the directions that made the data",
        "closed form",
        achieved=np.max(np.abs(found.theta_rad - truth)),
        tolerance=1e-6,
        unit="rad",
    )


def test_direction_without_noise_is_exact_in_a_plane(evidence):
    array, rng = PlaneArray(5, 3), np.random.default_rng(2)
    truth = rng.uniform(-0.65, 0.65, (50, 2))
    data = array.steering(truth[:, 0], truth[:, 1])[..., None] * normal(rng, 50, 1, 4)
    found = music_plane(array, data)
    assert set(status_names(found.status)) == {"converged"}
    miss = np.stack([found.cosine_x, found.cosine_y], -1) - truth
    evidence(
        "inference.subspace",
        "direction cosines without noise",
        "the direction that made the data",
        "closed form",
        achieved=np.max(np.abs(miss)),
        tolerance=1e-6,
    )


def test_the_peak_is_that_of_the_spectrum_by_its_definition():
    # 1 / |E^H a|^2 on a fine grid, written from the definition.
    array, rng = LineArray(6), np.random.default_rng(3)
    truth = np.radians([-10.0, 25.0])
    data = waves(rng, array.steering(np.sin(truth)).T, 3.0, 30, 1)[0]
    found = music_line(array, data, 2)
    vectors = np.linalg.eigh(data @ data.conj().T)[1][:, :4]
    fine = np.linspace(-1.0, 1.0, 200_001)
    steering = np.exp(1j * np.pi * np.arange(6)[:, None] * fine[None, :])
    spectrum = 1.0 / np.sum(np.abs(vectors.conj().T @ steering) ** 2, axis=0)
    peaks = 1 + np.flatnonzero((spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:]))
    best = np.sort(fine[peaks[np.argsort(-spectrum[peaks])[:2]]])
    np.testing.assert_allclose(np.sin(found.theta_rad), best, atol=1.1e-5)


@pytest.mark.study
@pytest.mark.parametrize("theta_deg", [0.0, 20.0, 50.0])
def test_errors_of_a_line_reach_the_corrected_bound(theta_deg, evidence):
    array, rng = LineArray(8), np.random.default_rng(int(theta_deg))
    theta, snr, num = np.radians(theta_deg), 10.0, 100
    trials = study_size(2000, 20000)
    data = waves(rng, array.steering(np.sin(theta))[:, None], snr, num, trials)
    miss = music_line(array, data).theta_rad[:, 0] - theta
    bound = line_angle_variance(array, theta, snr, num) * random_source_factor(8, snr)
    ratio = np.sqrt(np.mean(miss**2) / bound)
    assert ratio > 1.0 - 3.0 / np.sqrt(2.0 * trials)
    # [zhang-astars] eq. (25) without 1 / (pi cos(theta)): elsewhere 0.34-0.39 and 0.52.
    printed = np.sqrt(6.0 / (snr * num * 8.0 * 63.0))
    np.testing.assert_allclose(np.std(miss) / printed, 1.0 / (np.pi * np.cos(theta)), rtol=0.09)
    evidence(
        "inference.subspace",
        f"MUSIC angle error over its bound, {theta_deg:g} deg from broadside",
        "corrected bound (1.01 to 1.09 in a second implementation)",
        "monte carlo",
        achieved=ratio,
        tolerance=1.09,
    )


@pytest.mark.study
def test_errors_in_a_plane_reach_the_bound_along_both_axes(evidence):
    array, rng = PlaneArray(6, 4), np.random.default_rng(9)
    snr, num, trials = 3.0, 50, study_size(2000, 20000)
    data = waves(rng, array.steering(0.3, -0.4)[:, None], snr, num, trials)
    found = music_plane(array, data)
    factor = random_source_factor(24, snr)
    bounds = [float(v * factor) for v in plane_cosine_variance(array, snr, num)]
    for name, miss, bound in zip(
        "xy", (found.cosine_x - 0.3, found.cosine_y + 0.4), bounds, strict=True
    ):
        ratio = np.sqrt(np.mean(miss**2) / bound)
        assert ratio > 1.0 - 3.0 / np.sqrt(2.0 * trials)
        evidence(
            "inference.subspace",
            f"MUSIC error of the direction cosine along {name} over its bound",
            "bound of a rectangular array",
            "monte carlo",
            achieved=ratio,
            tolerance=1.09,
        )


def test_two_sources_within_a_beam_are_told_apart():
    array, rng = LineArray(10), np.random.default_rng(5)
    truth = np.radians([-3.0, 4.0])  # 0.12 apart in sine; the beam reaches 0.2
    data = waves(rng, array.steering(np.sin(truth)).T, 30.0, 200, 100)
    found = music_line(array, data, 2)
    resolved = np.array(status_names(found.status)) == "converged"
    assert resolved.mean() > 0.95
    np.testing.assert_allclose(found.theta_rad[resolved].mean(0), truth, atol=np.radians(0.1))


def test_a_source_near_endfire_is_found_on_its_side_up_to_the_noise():
    array, rng = LineArray(8), np.random.default_rng(6)
    data = array.steering(np.sin(np.radians(88.0)))[:, None] * normal(rng, 1, 10)
    np.testing.assert_allclose(music_line(array, data).theta_rad, np.radians([88.0]), atol=1e-5)


def test_covariance_and_noise_subspace_follow_their_definitions():
    rng = np.random.default_rng(7)
    array = LineArray(5)
    steering = array.steering(np.array([-0.5, 0.2])).T
    data = steering @ normal(rng, 2, 6)
    cov = sample_covariance(data)
    np.testing.assert_allclose(cov, sum(np.outer(x, x.conj()) for x in data.T) / 6, atol=1e-12)
    noise = noise_subspace(cov, 2)
    np.testing.assert_allclose(noise.conj().T @ noise, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(noise.conj().T @ steering, 0.0, atol=1e-6)


def test_unusable_data_have_a_status_and_no_direction():
    data = np.ones((4, 6, 3), complex)
    data[1, 0, 0] = np.nan
    data[2] = 0.0
    found = music_line(LineArray(6), data)
    assert status_names(found.status) == ["converged", "not_finite", "no_signal", "converged"]
    assert np.isnan(found.theta_rad).ravel().tolist() == [False, True, True, False]
    found = music_plane(PlaneArray(3, 2), data)
    assert status_names(found.status) == ["converged", "not_finite", "no_signal", "converged"]
    assert np.isnan(found.cosine_x).tolist() == [False, True, True, False]


def test_sources_that_cannot_be_resolved_are_said_to_be():
    # Two fully correlated sources are one wave to a subspace method: data of one source.
    array, rng = LineArray(4, 0.1), np.random.default_rng(8)
    found = music_line(array, array.steering(0.0)[:, None] * normal(rng, 50, 1, 10), 3)
    names = status_names(found.status)
    assert "unresolved" in names
    bad = np.array(names) != "converged"
    assert np.isnan(found.theta_rad[bad]).all()


@pytest.mark.parametrize(
    ("num_sources", "num_snapshots", "message"),
    [
        (4, 8, "num_sources: got 4 for 4 elements; accepted: from 1 to 3"),
        (0, 8, "num_sources: got 0 for 4 elements"),
        (3, 2, "snapshots: got 2 for 3 sources; accepted: as many as sources or more"),
    ],
)
def test_sources_that_subspaces_cannot_hold_are_refused(num_sources, num_snapshots, message):
    with pytest.raises(LeopntError, match=message):
        music_line(LineArray(4), np.ones((4, num_snapshots), complex), num_sources)


def test_data_of_another_array_are_refused():
    with pytest.raises(
        LeopntError, match=re.escape("snapshots: got shape (3, 9); accepted: (...,")
    ):
        music_line(LineArray(4), np.ones((3, 9), complex))
    with pytest.raises(LeopntError, match="array: got 4 x 1 elements"):
        music_plane(PlaneArray(4, 1), np.ones((4, 9), complex))
