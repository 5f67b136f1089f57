"""Beams of an array against element sums, the worked case and automatic differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import RectBivariateSpline

from leopnt.antennas.beams import (
    B52_RINGS,
    BeamRing,
    GriddedBeams,
    SeparableBeams,
    b52,
    ring_beams,
    sampled_beams,
)
from leopnt.errors import LeopntError

GAMMA, BETA = np.radians(43.57605386661909), np.radians(220.0)
STRONGEST = [43, 44, 24, 50, 39, 25]


def directions(count, seed=4, reach=0.98):
    rng = np.random.default_rng(seed)
    rho, beta = reach * np.sqrt(rng.uniform(size=count)), rng.uniform(-np.pi, np.pi, count)
    return jnp.asarray(rho * np.cos(beta)), jnp.asarray(rho * np.sin(beta))


def separable(num_x, num_y):
    return ring_beams(B52_RINGS, num_x, num_y)


def tapered():
    return SeparableBeams(
        taper_x=np.array([0.5, 1.0, 1.0, 0.5]),
        taper_y=np.array([0.3, 0.8, 1.0, 0.8, 0.3]),
        beam_u=np.array([0.1, -0.4]),
        beam_v=np.array([0.2, 0.3]),
        peak_dbw=np.array([20.0, 25.0]),
        element_exponent=0.7,
        floor_db=-30.0,
        spacing_wavelengths=0.6,
    )


ANTENNAS = {
    "B52": b52,
    "one element wide": lambda: separable(1, 5),
    "odd": lambda: separable(7, 4),
    "large": lambda: separable(32, 17),
    "tapered": tapered,
    "grid": lambda: sampled_beams(tapered(), np.linspace(-1, 1, 81), np.linspace(-1, 1, 83)),
}


def element_sum(taper_x, taper_y, spacing, du, dv):
    """|field|^2 of a rectangular grid, element by element, with complex phases."""
    x = np.arange(len(taper_x)) - (len(taper_x) - 1) / 2
    y = np.arange(len(taper_y)) - (len(taper_y) - 1) / 2
    phase = 2 * np.pi * spacing * (x[:, None] * du + y[None, :] * dv)
    field = np.sum(np.outer(taper_x, taper_y) * np.exp(1j * phase))
    return abs(field / (np.sum(taper_x) * np.sum(taper_y))) ** 2


def test_b52_has_52_beams_on_four_rings():
    antenna = b52()
    assert antenna.num_beams == 52
    rho = np.hypot(antenna.beam_u, antenna.beam_v)
    counts = [4, 10, 16, 22]
    np.testing.assert_allclose(rho, np.repeat([0.14, 0.35, 0.57, 0.78], counts), rtol=1e-14)
    np.testing.assert_allclose(antenna.peak_dbw, np.repeat([26.0, 28.0, 31.0, 38.0], counts))
    first = [0, 4, 14, 30]
    azimuth = np.degrees(np.arctan2(antenna.beam_v, antenna.beam_u))
    np.testing.assert_allclose(azimuth[first], [45.0, 0.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(azimuth[[5, 15, 31]], [36.0, 22.5, 360 / 22], rtol=1e-13)
    np.testing.assert_allclose(
        np.degrees(np.arcsin(rho[first])), [8.048, 20.487, 34.750, 51.261], atol=5e-4
    )


def test_eirp_of_b52_is_that_of_the_worked_case(evidence):
    expected = (
        np.array(
            [
                -129.64682945,
                -131.06044587,
                -136.68845646,
                -145.77510845,
                -147.27002352,
                -148.80033223,
            ]
        )
        + 161.78220061
    )
    rho = np.sin(GAMMA)
    found = b52().eirp_dbw(rho * np.cos(BETA), rho * np.sin(BETA))
    assert list(np.argsort(-found)[:6]) == STRONGEST
    evidence(
        "antennas.beams",
        "EIRP of the six strongest beams of B52",
        "worked case of an independent implementation",
        "implementation",
        achieved=np.max(np.abs(np.asarray(found)[STRONGEST] - expected)),
        tolerance=2e-8,
        unit="dB",
    )


def test_eirp_is_the_sum_over_the_elements(evidence):
    worst = 0.0
    for name in ("B52", "odd", "one element wide", "tapered"):
        antenna = ANTENNAS[name]()
        for u, v in np.transpose(directions(5)):
            found = antenna.eirp_w(u, v)
            array = np.array(
                [
                    element_sum(
                        antenna.taper_x,
                        antenna.taper_y,
                        antenna.spacing_wavelengths,
                        u - bu,
                        v - bv,
                    )
                    for bu, bv in zip(antenna.beam_u, antenna.beam_v, strict=True)
                ]
            )
            element = (1 - u**2 - v**2) ** (float(antenna.element_exponent) / 2)
            floor = 10 ** (float(antenna.floor_db) / 10)
            expected = 10 ** (np.asarray(antenna.peak_dbw) / 10) * element * (array + floor)
            worst = max(worst, np.max(np.abs(found / expected - 1)))
    evidence(
        "antennas.beams",
        "EIRP of separable arrays, relative",
        "complex sum over all elements",
        "closed form",
        achieved=worst,
        tolerance=1e-11,
    )


@pytest.mark.parametrize("name", ANTENNAS)
def test_analytic_and_automatic_derivatives_agree(name, evidence):
    antenna = ANTENNAS[name]()
    u, v = directions(40)

    def of(place):
        return antenna.eirp_w(place[0], place[1])

    automatic = jax.jit(jax.vmap(jax.jacfwd(of)))(jnp.stack([u, v], axis=1))
    found = jax.jit(jax.vmap(antenna.eirp_w_gradient))(u, v)
    np.testing.assert_allclose(found.eirp_w, jax.vmap(antenna.eirp_w)(u, v), rtol=1e-12)
    size = np.max(np.abs(automatic), axis=(1, 2))[:, None]
    worst = max(
        np.max(np.abs(found.by_u - automatic[..., 0]) / size),
        np.max(np.abs(found.by_v - automatic[..., 1]) / size),
    )
    evidence(
        "antennas.beams",
        f"derivative of the EIRP, {name}, relative",
        "automatic differentiation",
        "implementation",
        achieved=worst,
        tolerance=1e-10,
    )


def test_decibel_derivatives_are_those_of_the_decibels():
    antenna, (u, v) = b52(), directions(20)
    found = jax.jit(jax.vmap(antenna.eirp_dbw_gradient))(u, v)
    of = jax.jacfwd(lambda p: antenna.eirp_dbw(p[0], p[1]))
    automatic = jax.jit(jax.vmap(of))(jnp.stack([u, v], 1))
    np.testing.assert_allclose(found, automatic, rtol=1e-10, atol=1e-8)


def test_turning_b52_by_180_degrees_turns_its_beams():
    antenna, (u, v) = b52(), directions(20)
    turned = np.sort(jax.vmap(antenna.eirp_w)(-u, -v), axis=1)
    np.testing.assert_allclose(turned, np.sort(jax.vmap(antenna.eirp_w)(u, v), axis=1), rtol=1e-9)


@pytest.mark.parametrize(
    ("step", "published_db"), [(0.01745, 0.014), (0.01745 / 2, 0.001), (0.01745 / 4, 6e-5)]
)
def test_a_sampled_pattern_is_as_accurate_as_published(step, published_db, evidence):
    count = 2 * int(np.ceil(0.9 / step)) + 1
    axis = step * (np.arange(count) - count // 2)
    sampled, antenna = sampled_beams(b52(), axis, axis), b52()
    u, v = directions(400, seed=6, reach=0.829)
    error = np.max(
        np.abs(
            jax.jit(jax.vmap(sampled.eirp_dbw))(u, v) - jax.jit(jax.vmap(antenna.eirp_dbw))(u, v)
        )
    )
    evidence(
        "antennas.beams",
        f"EIRP of B52 by bicubic splines on a ({step:.5f})^2 grid, 400 directions",
        "the array itself; 1.3 times the published maximum",
        "published",
        achieved=error,
        tolerance=1.3 * published_db,
        unit="dB",
    )


def bare_power(u, v, beam_u, beam_v, peak_dbw):
    """One beam of B52 without its elements' factor, in plain NumPy."""

    def one_axis(x):
        return sum(np.cos(n * x) for n in (0.5, 1.5, 2.5, 3.5)) / 4

    field = one_axis(np.pi * (u - beam_u)) * one_axis(np.pi * (v - beam_v))
    return 10 ** (peak_dbw / 10) * (field**2 + 10**-3.5)


@pytest.mark.parametrize(
    ("step", "published_db"), [(0.01745, 4.6), (0.01745 / 2, 1.8), (0.01745 / 4, 0.22)]
)
def test_a_spline_through_decibels_is_wrong_by_as_much_as_published(step, published_db, evidence):
    count = 2 * int(np.ceil(0.9 / step)) + 1
    axis = step * (np.arange(count) - count // 2)
    u, v = (np.asarray(x) for x in directions(400, seed=6, reach=0.829))
    antenna, worst = b52(), 0.0
    for beam in zip(antenna.beam_u, antenna.beam_v, antenna.peak_dbw, strict=True):
        power_db = 10 * np.log10(bare_power(axis[:, None], axis[None, :], *beam))
        off = RectBivariateSpline(axis, axis, power_db).ev(u, v)
        worst = max(worst, np.max(np.abs(off - 10 * np.log10(bare_power(u, v, *beam)))))
    evidence(
        "antennas.beams",
        f"error of a spline through decibels on a ({step:.5f})^2 grid, relative to the published",
        "published maximum, on a grid that is not stated",
        "published",
        achieved=abs(worst / published_db - 1),
        tolerance=0.25,
    )


def test_splines_are_those_of_scipy(evidence):
    u_axis, v_axis = np.linspace(-0.5, 0.5, 31), np.linspace(-0.3, 0.6, 40)
    power = np.stack([bare_power(u_axis[:, None], v_axis[None, :], 0.1, b, 20.0) for b in (0, 0.3)])
    beams = GriddedBeams.of_samples(u_axis, v_axis, power, floor_w=1e-9)
    rng = np.random.default_rng(1)
    u, v = rng.uniform(-0.5, 0.5, 50), rng.uniform(-0.3, 0.6, 50)
    found = jax.jit(jax.vmap(beams.eirp_w))(jnp.asarray(u), jnp.asarray(v))
    scipy_s = np.stack([RectBivariateSpline(u_axis, v_axis, p).ev(u, v) for p in power], axis=1)
    evidence(
        "antennas.beams",
        "bicubic splines, relative to the peak",
        "scipy.interpolate.RectBivariateSpline",
        "implementation",
        achieved=np.max(np.abs(found - scipy_s)) / power.max(),
        tolerance=1e-12,
    )


def test_beams_are_unknown_where_their_samples_are():
    axis = np.linspace(-0.5, 0.5, 21)
    power = np.ones((2, 21, 21))
    known = np.ones((2, 21, 21), bool)
    known[1, :10] = False
    beams = GriddedBeams.of_samples(axis, axis, power, is_known=known)
    found = np.stack([beams.eirp_w(u, 0.11) for u in (-0.3, -0.01, 0.01, 0.3)])
    np.testing.assert_allclose(found[:, 0], 1.0, rtol=1e-12)
    np.testing.assert_array_equal(np.isnan(found[:, 1]), [True, True, False, False])
    gradient = beams.eirp_w_gradient(-0.3, 0.11)
    np.testing.assert_array_equal(np.isnan(gradient.by_u), [False, True])


def test_an_array_may_be_without_a_floor():
    bare = ring_beams(B52_RINGS, 8, 8, floor_db=-np.inf)
    at_null = bare.beam_u[0] + 0.25
    np.testing.assert_allclose(bare.eirp_w(at_null, bare.beam_v[0])[0], 0.0, atol=1e-27)


def test_outside_of_the_grid_a_sampled_pattern_is_unknown():
    axis = np.linspace(-0.5, 0.5, 21)
    sampled = sampled_beams(tapered(), axis, axis)
    assert np.all(np.isnan(sampled.eirp_w(0.51, 0.0)))
    assert np.all(np.isnan(sampled.eirp_w(0.0, -0.51)))
    assert np.all(np.isfinite(sampled.eirp_w(0.5, -0.5)))


def test_beyond_the_horizon_of_the_array_there_is_nothing():
    assert np.all(np.isnan(b52().eirp_w(0.8, 0.7)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ring_beams((), 8, 8), "rings: give at least one"),
        (lambda: ring_beams(B52_RINGS, 0, 8), "num_x = 0: expected an integer of 1 or more"),
        (lambda: BeamRing(0, 0.1, 0.0, 20.0), "count = 0: expected an integer of 1 or more"),
        (lambda: BeamRing(4, 1.0, 0.0, 20.0), "rho = 1: expected"),
        (
            lambda: SeparableBeams(
                np.array([1.0, 2.0]), np.ones(2), np.zeros(1), np.zeros(1), np.zeros(1)
            ),
            "taper_x must be symmetric",
        ),
        (
            lambda: SeparableBeams(np.ones(2), np.ones(2), np.zeros(2), np.zeros(1), np.zeros(2)),
            r"beam_v has shape \(1,\); accepted: \(2,\)",
        ),
        (
            lambda: SeparableBeams(
                np.ones(2), np.ones(2), np.array([np.nan]), np.zeros(1), np.zeros(1)
            ),
            "beam_u holds NaN or infinity",
        ),
        (
            lambda: GriddedBeams.of_samples(np.arange(3.0), np.arange(4.0), np.ones((1, 3, 4))),
            "u: got 3 values; expected 4 or more",
        ),
        (
            lambda: GriddedBeams.of_samples(
                np.array([0, 1, 2, 4.0]), np.arange(4.0), np.ones((1, 4, 4))
            ),
            "u must rise in equal steps",
        ),
        (
            lambda: GriddedBeams.of_samples(np.arange(4.0), np.arange(4.0), np.ones((1, 4, 5))),
            r"eirp_w has shape \(1, 4, 5\); accepted: \(beam, 4, 4\)",
        ),
        (
            lambda: GriddedBeams.of_samples(np.arange(4.0), np.arange(4.0), -np.ones((1, 4, 4))),
            "eirp_w = -1 W: expected 0 or more",
        ),
        (
            lambda: GriddedBeams.of_samples(
                np.arange(4.0), np.arange(4.0), np.full((1, 4, 4), np.nan)
            ),
            "eirp_w holds NaN or infinity",
        ),
        (
            lambda: GriddedBeams.of_samples(
                np.arange(4.0), np.arange(4.0), np.ones((1, 4, 4)), is_known=np.ones((4, 4), bool)
            ),
            r"is_known has type bool and shape \(4, 4\); accepted: bool, \(1, 4, 4\)",
        ),
        (
            lambda: ring_beams(B52_RINGS, 8, 8, floor_db=np.inf),
            "floor_db = inf: expected a finite number",
        ),
    ],
)
def test_what_is_no_antenna_is_refused(untyped, call, message):
    with pytest.raises(LeopntError, match=message):
        call()
