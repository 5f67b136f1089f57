"""The triangle against the worked case, itself solved another way, and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import power_worked_case as case
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.power.geometry import (
    Shell,
    elevation_of_gamma,
    gamma_of_elevation,
    place,
    place_gradient,
    position_m,
    range_of_elevation,
    range_of_gamma,
    seed_place,
    timing_error_s,
)

SHELL = Shell()
EARTH_M, ORBIT_M = 6371e3, 7571e3
HEIGHTS_M = np.array([-400.0, 0.0, 8848.0, 300e3])
ALPHAS = np.radians([3.0, 10.0, 35.0, 60.0, 88.0, 90.0])


def test_the_triangle_is_that_of_the_worked_case(evidence):
    gamma = gamma_of_elevation(SHELL, case.ALPHA_RAD)
    range_m = range_of_elevation(SHELL, case.ALPHA_RAD)
    found = place(SHELL, gamma, range_m)
    expected = [np.radians(case.GAMMA_DEG), case.RANGE_M, case.DISTANCE_M]
    error = np.array([gamma, range_m, found.distance_m]) / expected - 1
    evidence(
        "methods.power.geometry",
        "gamma, range and horizontal distance, relative",
        "worked case of an independent implementation",
        "implementation",
        achieved=np.max(np.abs(error)),
        tolerance=1e-10,
    )
    np.testing.assert_allclose(found.height_m, 0.0, atol=1e-8)


def test_published_formulas_give_the_worked_numbers():
    gamma = np.radians(case.AFTER_TEN_DEG[0])
    seed = seed_place(SHELL, gamma, case.SEED_RANGE_M)
    exact = place(SHELL, gamma, case.SEED_RANGE_M)
    np.testing.assert_allclose(seed.height_m, case.SEED_HEIGHT_M, rtol=1e-6)
    np.testing.assert_allclose(seed.distance_m, case.SEED_DISTANCE_M, rtol=1e-8)
    np.testing.assert_allclose(exact.height_m, case.EXACT_HEIGHT_M, rtol=1e-6)
    np.testing.assert_allclose(exact.distance_m, case.EXACT_DISTANCE_M, rtol=1e-8)
    timing = timing_error_s(case.SEED_RANGE_M, case.RANGE_M)
    np.testing.assert_allclose(timing, case.SEED_TIMING_S, atol=5e-10)


def test_triangles_built_from_vectors_are_solved():
    for height in HEIGHTS_M:
        for theta in (0.0, 0.01, 0.2, 0.4):
            # Satellite on the z axis, user at the Earth-central angle theta.
            user = (EARTH_M + height) * np.array([np.sin(theta), np.cos(theta)])
            ray = user - [0.0, ORBIT_M]
            d, gamma = np.linalg.norm(ray), np.arctan2(ray[0], -ray[1])
            up = user / np.linalg.norm(user)
            alpha = np.arcsin(-ray @ up / d)
            found = place(SHELL, gamma, d)
            np.testing.assert_allclose(found.height_m, height, atol=1e-7)
            tangent = (EARTH_M + height) * np.tan(theta)
            np.testing.assert_allclose(found.distance_m, tangent, rtol=1e-12, atol=1e-7)
            np.testing.assert_allclose(gamma_of_elevation(SHELL, alpha, height), gamma, atol=1e-8)
            np.testing.assert_allclose(range_of_elevation(SHELL, alpha, height), d, rtol=1e-12)
            np.testing.assert_allclose(range_of_gamma(SHELL, gamma, height), d, rtol=1e-10)
            np.testing.assert_allclose(elevation_of_gamma(SHELL, gamma, height), alpha, atol=1e-7)
            place_m = position_m(SHELL, gamma, 0.0, d)
            np.testing.assert_allclose(place_m, [user[0], 0.0, user[1]], atol=1e-7)


def test_the_limb_is_where_the_horizon_is():
    np.testing.assert_allclose(np.degrees(SHELL.limb_rad()), 57.2989, atol=5e-5)
    assert np.isnan(elevation_of_gamma(SHELL, SHELL.limb_rad() + 1e-6))
    assert np.isnan(range_of_gamma(SHELL, SHELL.limb_rad() + 1e-6))
    beyond = seed_place(SHELL, SHELL.limb_rad() + 1e-6, 3e6)
    assert np.isnan(beyond.height_m)
    assert np.isnan(beyond.distance_m)
    assert np.isfinite(place(SHELL, SHELL.limb_rad() + 1e-6, 3e6).height_m)


def test_derivatives_are_those_of_the_triangle(evidence):
    worst = 0.0
    for alpha in ALPHAS:
        gamma, d = gamma_of_elevation(SHELL, alpha), range_of_elevation(SHELL, alpha)
        automatic = jax.jacfwd(lambda y: jnp.stack(place(SHELL, y[0], y[1])))(jnp.stack([gamma, d]))
        found = place_gradient(SHELL, gamma, d)
        scale = np.array([1.0, 1e6])  # derivatives by d are about one, by gamma about a radius
        pairs = ((found.height, automatic[0]), (found.distance, automatic[1]))
        worst = max([worst, *(np.max(np.abs((a - b) * scale)) / 1e6 for a, b in pairs)])
        np.testing.assert_allclose(found.height[1], -np.sin(alpha), atol=1e-12)
    evidence(
        "methods.power.geometry",
        "derivatives of height and horizontal distance, relative",
        "automatic differentiation",
        "implementation",
        achieved=worst,
        tolerance=1e-12,
    )


def test_published_height_exaggerates_errors_of_range_as_stated():
    for alpha, expected in ((60.0, -0.911), (20.0, -0.643), (10.0, -0.613)):
        gamma = gamma_of_elevation(SHELL, np.radians(alpha))
        d = range_of_elevation(SHELL, np.radians(alpha))
        slope = jax.grad(lambda y, g=gamma: seed_place(SHELL, g, y).height_m)(d)
        np.testing.assert_allclose(slope, expected, atol=6e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gamma_of_elevation(SHELL, 0.0), "elevation_rad = 0 rad: expected above 0"),
        (lambda: range_of_elevation(SHELL, 1.6), r"elevation_rad = 1.6 rad: expected above 0, up"),
        (lambda: range_of_elevation(SHELL, np.nan), "elevation_rad = nan: expected a finite"),
        (lambda: range_of_gamma(SHELL, 0.1, -6.4e6), "height_m = -6.4e"),
        (lambda: SHELL.limb_rad(1.3e6), r"height_m = 1.3e\+06 m: expected -6.371e\+06 to 1.2e\+06"),
        (lambda: Shell(0.0), "earth_radius_m = 0 m: expected a number above 0"),
        (lambda: Shell(6371e3, -1.0), "orbit_height_m = -1 m: expected a number above 0"),
    ],
)
def test_impossible_triangles_are_refused(untyped, call, message):
    with pytest.raises(LeopntError, match=message):
        call()


def test_traced_elevations_outside_the_sky_are_unknown():
    found = jax.vmap(lambda a: gamma_of_elevation(SHELL, a))(jnp.array([-0.1, 0.0, 1.0, 1.6]))
    np.testing.assert_array_equal(np.isnan(found), [True, True, False, True])
