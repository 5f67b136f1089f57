"""The error ellipse, against closed forms that the code under test does not use."""

import math

import numpy as np
import pytest

from leopnt.io.ellipse import error_ellipse, error_ellipse_enu_m, error_ellipse_rings_deg

COVARIANCE_M2 = np.array([[6000.0, -3000.0, 10.0], [-3000.0, 2500.0, 20.0], [10.0, 20.0, 900.0]])


def signed_area(ring):
    x, y = np.array(ring).T
    return 0.5 * float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


def test_axes_of_a_diagonal_covariance_are_scaled_standard_deviations():
    scale = math.sqrt(5.991464547107979)  # chi-square, 2 degrees of freedom, 95 %
    major_m, minor_m, az_rad = error_ellipse(np.diag([9.0, 4.0, 1.0]), 0.95)
    np.testing.assert_allclose([major_m, minor_m], [3 * scale, 2 * scale], rtol=1e-12)
    assert az_rad == pytest.approx(math.pi / 2)
    assert error_ellipse(np.diag([4.0, 9.0, 1.0]), 0.95)[2] == pytest.approx(0.0)


def test_every_point_has_the_same_mahalanobis_distance():
    ring = error_ellipse_enu_m(COVARIANCE_M2, 0.5)
    squared = np.einsum("pi,pi->p", ring, np.linalg.solve(COVARIANCE_M2[:2, :2], ring.T).T)
    np.testing.assert_allclose(squared, 2.0 * math.log(2.0), rtol=1e-10)
    assert signed_area(ring) > 0.0
    np.testing.assert_array_equal(ring[0], ring[-1])


def test_ellipse_holds_the_stated_share_of_gaussian_errors(evidence):
    rng = np.random.default_rng(7)
    errors = rng.multivariate_normal(np.zeros(3), COVARIANCE_M2, 40_000)[:, :2]
    ring = error_ellipse_enu_m(COVARIANCE_M2, 0.95)
    edges = np.diff(ring, axis=0)
    offsets = errors[:, None, :] - ring[None, :-1, :]
    inside = np.all(edges[:, 0] * offsets[..., 1] - edges[:, 1] * offsets[..., 0] >= 0.0, axis=1)
    # 4 standard errors of a share of 40 000 trials, and 0.001 for the 72 chords.
    evidence("io.ellipse", "share of Gaussian errors inside the 95 % polygon", "0.95",
             "monte carlo", achieved=abs(inside.mean() - 0.95), tolerance=0.0055)  # fmt: skip


def deviation_from_radii_of_curvature_m(lat_deg):
    (ring,) = error_ellipse_rings_deg(COVARIANCE_M2, lat_deg, 114.2, 0.95)
    e2 = 0.0066943799901413165
    w = math.sqrt(1.0 - e2 * math.sin(math.radians(lat_deg)) ** 2)
    normal_m, meridian_m = 6378137.0 / w, 6378137.0 * (1.0 - e2) / w**3
    lon, lat = np.radians(np.array(ring) - [114.2, lat_deg]).T
    east_north_m = np.stack(
        [lon * normal_m * math.cos(math.radians(lat_deg)), lat * meridian_m], axis=-1
    )
    expected = error_ellipse_enu_m(COVARIANCE_M2, 0.95)
    return np.abs(east_north_m - expected).max()


def test_vertices_on_the_ellipsoid_match_the_radii_of_curvature(evidence):
    # Second-order terms of the closed form are d^2 tan(lat) / R: 14 mm for 190 m at 67 degrees.
    largest_m = max(deviation_from_radii_of_curvature_m(lat) for lat in (0.0, 22.3, -67.0))
    evidence("io.ellipse", "vertices of a 190 m ellipse, linear in latitude and longitude",
             "radii of curvature of WGS 84", "closed form",
             achieved=largest_m, tolerance=0.02, unit="m")  # fmt: skip


def test_ring_is_closed_and_counterclockwise():
    (ring,) = error_ellipse_rings_deg(COVARIANCE_M2, 22.3, 114.2, 0.95)
    assert ring[0] == ring[-1]
    assert signed_area(ring) > 0.0


def test_ellipse_across_the_antimeridian_is_split_and_keeps_its_area():
    whole = error_ellipse_rings_deg(COVARIANCE_M2, 10.0, 150.0, 0.95)
    parts = error_ellipse_rings_deg(COVARIANCE_M2, 10.0, 179.9995, 0.95)
    assert len(parts) == 2
    for ring in parts:
        assert ring[0] == ring[-1]
        assert all(-180.0 <= lon <= 180.0 for lon, _ in ring)
        assert signed_area(ring) > 0.0
        assert np.ptp(np.array(ring)[:, 0]) < 1.0
    total = sum(signed_area(ring) for ring in parts)
    assert total == pytest.approx(signed_area(whole[0]), rel=1e-4)


@pytest.mark.parametrize("lat_deg", [89.999, -89.999])
def test_ellipse_around_a_pole_holds_the_pole(lat_deg):
    rings = error_ellipse_rings_deg(np.diag([1e4, 1e4, 1.0]), lat_deg, 30.0, 0.95)
    points = np.concatenate([np.array(ring) for ring in rings])
    assert np.abs(points[:, 1]).max() == 90.0
    assert all(signed_area(ring) > 0.0 for ring in rings)
    # All meridians are covered, each from the pole to about 245 m around the fix 111 m away.
    assert sum(np.ptp(np.array(ring)[:, 0]) for ring in rings) == pytest.approx(360.0)


@pytest.mark.parametrize(
    ("covariance", "lat_deg"),
    [
        (np.full((3, 3), np.nan), 22.3),
        (COVARIANCE_M2, np.nan),
        (np.zeros((3, 3)), 22.3),
        (np.diag([1e12, 1e12, 1.0]), 22.3),
    ],
)
def test_unknown_zero_or_huge_ellipses_have_no_ring(covariance, lat_deg):
    assert error_ellipse_rings_deg(covariance, float(lat_deg), 114.2, 0.95) == []
