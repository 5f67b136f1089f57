"""Bancroft's start: planted positions, and elimination in NumPy for both roots."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.frames import ecef_to_geodetic
from leopnt.geometry import rotate_earth
from leopnt.inference import bancroft, predict
from leopnt.methods import pvt

LEO_RADIUS_M, MEO_RADIUS_M = 7.0e6, 2.656e7


def geometry(rng, num_sats, orbit_radius_m, min_elevation_deg=15.0):
    """A receiver on the ground, satellites in its sky on one sphere, and its clock bias."""
    up = rng.normal(size=3)
    up /= np.linalg.norm(up)
    rx = up * (6.371e6 + rng.uniform(-1e4, 1e4))
    toward = []
    while len(toward) < num_sats:
        ray = rng.normal(size=3)
        ray /= np.linalg.norm(ray)
        if ray @ up > np.sin(np.radians(min_elevation_deg)):
            toward.append(ray)
    toward = np.array(toward)
    along = toward @ rx
    distance = -along + np.sqrt(along**2 + orbit_radius_m**2 - rx @ rx)
    return rx, rx + distance[:, None] * toward, rng.uniform(-3e5, 3e5)


def ranges(rx, sats, clock):
    return np.linalg.norm(sats - rx, axis=1) + clock


def eliminated(sats, rho):
    """Both (x, b) of four satellites: differences give x = p + q b, then a quadratic in b."""
    sats, rho = sats / 1e6, rho / 1e6
    matrix = 2 * (sats[1:] - sats[0])
    power = np.sum(sats**2, axis=1) - rho**2
    p = np.linalg.solve(matrix, power[1:] - power[0])
    q = np.linalg.solve(matrix, 2 * (rho[1:] - rho[0]))
    d = p - sats[0]
    b = np.roots([q @ q - 1, 2 * (d @ q + rho[0]), d @ d - rho[0] ** 2])
    return (p[None, :] + q[None, :] * b[:, None]) * 1e6, b * 1e6


@pytest.mark.parametrize("num_sats", [4, 5, 12])
@pytest.mark.parametrize(("name", "radius_m"), [("LEO", LEO_RADIUS_M), ("MEO", MEO_RADIUS_M)])
def test_exact_ranges_give_the_planted_position_and_clock(evidence, name, radius_m, num_sats):
    rng = np.random.default_rng(num_sats)
    cases = []
    while len(cases) < 50:
        rx, sats, clock = geometry(rng, num_sats, radius_m)
        normal = np.column_stack([(sats - rx) / 1e6, np.ones(num_sats)])
        normal /= np.linalg.norm(normal, axis=0)
        if np.linalg.cond(normal) < 100:
            cases.append((rx, sats, clock, ranges(rx, sats, clock)))
    rx, sats, clock, rho = (np.stack(x) for x in zip(*cases, strict=True))
    found = jax.vmap(bancroft)(jnp.asarray(sats), jnp.asarray(rho))
    misses = np.linalg.norm(np.asarray(found.rx_pos_ecef_m) - rx[:, None], axis=2)
    clocks = np.abs(np.asarray(found.clock_bias_m) - clock[:, None])
    # With four satellites the other root may be the one nearer to the surface.
    worst = np.max(np.min(np.maximum(misses, clocks), axis=1))
    evidence(
        "inference.closed_form",
        f"position and clock from exact ranges of {num_sats} {name} satellites",
        "planted receiver",
        "closed form",
        achieved=worst,
        tolerance=0.1,
        unit="m",
    )
    first = np.maximum(misses, clocks)[:, 0] < 0.1
    assert np.mean(first) > 0.85


@pytest.mark.parametrize("radius_m", [LEO_RADIUS_M, MEO_RADIUS_M])
def test_both_roots_of_four_satellites_satisfy_the_equations(evidence, radius_m):
    rng = np.random.default_rng(7)
    rx, sats, clock = geometry(rng, 4, radius_m)
    rho = ranges(rx, sats, clock)
    found = bancroft(jnp.asarray(sats), jnp.asarray(rho))
    position, bias = np.asarray(found.rx_pos_ecef_m), np.asarray(found.clock_bias_m)
    assert np.linalg.norm(position[0] - position[1]) > 1e5
    for x, b in zip(position, bias, strict=True):
        np.testing.assert_allclose(np.linalg.norm(sats - x, axis=1), np.abs(rho - b), atol=0.01)
    points, biases = eliminated(sats, rho)
    order = [np.argmin(np.abs(biases - b)) for b in bias]
    assert sorted(order) == [0, 1]
    away = np.abs(points[order] - position) / np.linalg.norm(position, axis=1)[:, None]
    evidence(
        "inference.closed_form",
        "both roots of four satellites",
        "elimination to a quadratic in the clock, numpy.roots",
        "implementation",
        achieved=np.max(away),
        tolerance=1e-8,
    )


def test_the_first_root_is_the_one_nearer_to_the_ellipsoid(evidence):
    rng, off_m = np.random.default_rng(1), []
    for _ in range(5):
        rx, sats, clock = geometry(rng, 4, LEO_RADIUS_M)
        found = bancroft(jnp.asarray(sats), jnp.asarray(ranges(rx, sats, clock)))
        heights = np.array([ecef_to_geodetic(p)[2] for p in found.rx_pos_ecef_m])
        off_m.append(np.abs(found.height_m - heights) / np.abs(heights))
        np.testing.assert_array_equal(found.radius_misfit_m, np.abs(found.height_m))
        assert np.all(found.solves)
        assert found.radius_misfit_m[0] <= found.radius_misfit_m[1]
    evidence(
        "inference.closed_form",
        "height of both roots, relative",
        "geodetic height",
        "closed form",
        achieved=np.max(off_m),
        tolerance=6e-6,
    )


def test_a_root_that_needs_negative_ranges_is_never_the_first():
    rng, mirrored = np.random.default_rng(8), 0
    for _ in range(20):
        rx, sats, clock = geometry(rng, 4, MEO_RADIUS_M)
        found = bancroft(jnp.asarray(sats), jnp.asarray(ranges(rx, sats, clock)))
        shortest = np.min(ranges(rx, sats, clock)) - np.asarray(found.clock_bias_m)
        np.testing.assert_array_equal(found.solves, shortest > 0.0)
        assert found.solves[0]
        mirrored += not found.solves[1]
    assert mirrored > 10


def test_masked_slots_count_for_nothing_whatever_they_hold():
    rx, sats, clock = geometry(np.random.default_rng(2), 6, LEO_RADIUS_M)
    rho = ranges(rx, sats, clock)
    keep = np.array([0, 2, 3, 5])
    bare = bancroft(jnp.asarray(sats[keep]), jnp.asarray(rho[keep]))
    for junk in (np.nan, np.inf, 0.0, 1e9):
        filled, measured = sats.copy(), rho.copy()
        filled[[1, 4]], measured[[1, 4]] = junk, junk
        visible = np.isin(np.arange(6), keep)
        found = bancroft(jnp.asarray(filled), jnp.asarray(measured), jnp.asarray(visible))
        np.testing.assert_allclose(found.rx_pos_ecef_m, bare.rx_pos_ecef_m, rtol=1e-9)
        np.testing.assert_allclose(found.clock_bias_m, bare.clock_bias_m, rtol=1e-9)


def one_plane(sats):
    flat = sats.copy()
    flat[:, 2] = 0.5 * flat[:, 0] - 0.2 * flat[:, 1]
    return flat


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sats: sats[:3],
        lambda sats: sats[[0, 1, 2, 2, 1]],
        one_plane,
        lambda sats: sats * np.array([1.0, 1.0, 0.0]),
    ],
    ids=["three satellites", "three and copies", "one orbit plane", "equator plane"],
)
def test_a_hopeless_geometry_gives_nan_and_an_infinite_misfit(spoil):
    rx, sats, clock = geometry(np.random.default_rng(3), 6, LEO_RADIUS_M)
    sats = spoil(sats)
    found = bancroft(jnp.asarray(sats), jnp.asarray(ranges(rx, sats, clock)))
    assert np.all(np.isnan(found.rx_pos_ecef_m))
    assert np.all(np.isnan(found.clock_bias_m))
    assert np.all(np.isposinf(found.radius_misfit_m))


def test_ranges_that_no_point_explains_give_nan():
    rng, count = np.random.default_rng(4), 0
    for _ in range(40):
        rx, sats, clock = geometry(rng, 4, LEO_RADIUS_M)
        rho = ranges(rx, sats, clock) + rng.normal(size=4) * 1e6
        real = np.all(np.isreal(eliminated(sats, rho)[1]))
        found = bancroft(jnp.asarray(sats), jnp.asarray(rho))
        assert np.all(np.isfinite(found.rx_pos_ecef_m)) == real
        assert np.all(np.isfinite(found.radius_misfit_m)) == real
        count += not real
    assert 3 < count < 37


def test_it_starts_a_fix_from_nothing_in_leo_geometry():
    rx, sats, _ = geometry(np.random.default_rng(5), 8, LEO_RADIUS_M)
    links = pvt.PvtLink(jnp.asarray(sats), jnp.zeros(8), jnp.ones(8))
    truth = pvt.PvtTheta(jnp.asarray(rx), jnp.asarray(3e5))
    rho = predict(pvt.MODEL, truth, links)
    turned = jax.vmap(rotate_earth)(links.sat_pos_ecef_m, rho / SPEED_OF_LIGHT_MPS)
    roots = bancroft(turned, rho)
    # The clock error of 1 ms turns the satellites by half a meter too much.
    assert np.linalg.norm(roots.rx_pos_ecef_m[0] - rx) < 10.0
    start = pvt.PvtTheta(roots.rx_pos_ecef_m[0], roots.clock_bias_m[0])
    found = pvt.fix(links, rho, start)
    assert bool(found.converged)
    assert np.linalg.norm(found.theta.rx_pos_ecef_m - rx) < 1e-5
