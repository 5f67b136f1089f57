"""Dilution of precision against textbook geometries and a plain NumPy solution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leopnt.geometry import Dop, dop_from_cofactor, dop_pseudorange

ALL = jnp.ones(4, bool)
THIRDS_DEG = [0.0, 120.0, 240.0]


def dop_deg(az_deg, el_deg, visible=None):
    visible = np.ones(len(az_deg), bool) if visible is None else np.asarray(visible)
    return dop_pseudorange(
        jnp.deg2rad(jnp.asarray(az_deg, float)),
        jnp.deg2rad(jnp.asarray(el_deg, float)),
        jnp.asarray(visible),
    )


def reference(az_rad, el_rad):
    """QR of the textbook geometry matrix; cofactors from the triangular factor."""
    g = np.column_stack(
        [
            -np.cos(el_rad) * np.sin(az_rad),
            -np.cos(el_rad) * np.cos(az_rad),
            -np.sin(el_rad),
            np.ones(len(az_rad)),
        ]
    )
    inverse = np.linalg.inv(np.linalg.qr(g, mode="r"))
    q = np.sum(inverse**2, axis=1)
    return np.sqrt([q.sum(), q[:3].sum(), q[:2].sum(), q[2], q[3]])


def random_sky(seed, num):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 2 * np.pi, num), np.arcsin(rng.uniform(0.09, 1.0, num))


def test_zenith_and_three_at_one_elevation_has_its_closed_form(evidence):
    # Horizontal: three directions of length cos e, 120 deg apart: H^T H = 1.5 cos^2 e.
    # Vertical and clock: the mean of the three against the zenith: (1/3 + 1) / (1 - sin e)^2 and
    # (1/3 + sin^2 e) / (1 - sin e)^2.
    worst = 0.0
    for el_deg in (0.0, 5.0, 30.0, 60.0, 85.0):
        sin, cos = np.sin(np.deg2rad(el_deg)), np.cos(np.deg2rad(el_deg))
        h2 = 2 / (1.5 * cos**2)
        v2 = (4 / 3) / (1 - sin) ** 2
        t2 = (1 / 3 + sin**2) / (1 - sin) ** 2
        closed = np.sqrt([h2 + v2 + t2, h2 + v2, h2, v2, t2])
        got = np.array(dop_deg([0.0, *THIRDS_DEG], [90.0] + 3 * [el_deg]))
        worst = max(worst, np.max(np.abs(got / closed - 1)))
    evidence(
        "geometry.dop",
        "GDOP, PDOP, HDOP, VDOP, TDOP of a zenith satellite and three at one elevation, relative",
        "closed form",
        "closed form",
        achieved=worst,
        tolerance=1e-12,
    )


def test_regular_tetrahedron_is_the_best_four_can_do():
    # u u^T sums to 4/3 I and u to zero: PDOP = sqrt(9/4), TDOP = 1/2, GDOP = sqrt(5/2).
    got = dop_deg([0.0, *THIRDS_DEG], [90.0] + 3 * [-np.rad2deg(np.arcsin(1 / 3))])
    np.testing.assert_allclose(
        got, [np.sqrt(2.5), 1.5, np.sqrt(1.5), np.sqrt(0.75), 0.5], rtol=1e-14
    )


def test_dop_of_random_skies_agrees_with_a_qr_solution(evidence):
    worst = 0.0
    compiled = jax.jit(dop_pseudorange)
    for seed in range(45):
        az, el = random_sky(seed, 12)
        visible = np.arange(12) < 4 + seed % 9
        got = np.array(compiled(*map(jnp.asarray, (az, el, visible))))
        expected = reference(az[visible], el[visible])
        worst = max(worst, np.max(np.abs(got / expected - 1)))
    evidence(
        "geometry.dop",
        "DOP of random skies of 4 to 12 satellites, relative",
        "numpy QR of the full geometry matrix",
        "implementation",
        achieved=worst,
        tolerance=1e-10,
    )


def test_weak_geometry_keeps_its_digits():
    # Directions almost on a horizontal cone: VDOP of 1e5 and more, still right to 1e-6.
    for spread_rad in (1e-3, 1e-5, 3e-6):
        az = np.array([0.1, 1.3, 2.9, 4.4, 5.5])
        el = 0.7 + spread_rad * np.array([0.3, -1.0, 0.6, 0.2, -0.4])
        got = np.array(dop_pseudorange(jnp.asarray(az), jnp.asarray(el), jnp.ones(5, bool)))
        np.testing.assert_allclose(got, reference(az, el), rtol=3e-16 / spread_rad * 20)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-7.0, 7.0), st.permutations(range(6)))
def test_turning_the_sky_and_reordering_satellites_changes_nothing(seed, turn_rad, order):
    az, el = (jnp.asarray(x) for x in random_sky(seed, 6))
    visible, order = jnp.ones(6, bool), jnp.asarray(order)
    before = np.array(dop_pseudorange(az, el, visible))
    after = np.array(dop_pseudorange(az[order] + turn_rad, el[order], visible))
    # Conditioning: an angle rounded to 1e-15 moves a DOP value by up to GDOP^2 times that.
    np.testing.assert_allclose(after, before, rtol=1e-13 * max(1.0, before[0] ** 2))


def test_satellites_that_are_not_visible_count_for_nothing_even_when_nan():
    az, el = random_sky(3, 5)
    padded_az, padded_el = (np.append(x, [np.nan, 0.3]) for x in (az, el))
    visible = jnp.array([True] * 5 + [False] * 2)

    def gdop(az, el, visible):
        return dop_pseudorange(az, el, visible).gdop

    value, slope = jax.jit(jax.value_and_grad(gdop, argnums=1))(
        jnp.asarray(padded_az), jnp.asarray(padded_el), visible
    )
    alone, slope_alone = jax.jit(jax.value_and_grad(gdop, argnums=1))(
        jnp.asarray(az), jnp.asarray(el), jnp.ones(5, bool)
    )
    np.testing.assert_allclose(value, alone, rtol=1e-14)
    np.testing.assert_allclose(slope, np.append(slope_alone, [0.0, 0.0]), rtol=1e-12)


@pytest.mark.parametrize("num", [0, 1, 2, 3])
def test_fewer_than_four_visible_satellites_give_nan_throughout(num):
    got = dop_deg([10.0, 100.0, 200.0, 300.0], [80.0, 20.0, 30.0, 40.0], np.arange(4) < num)
    assert np.all(np.isnan(got))


@pytest.mark.parametrize(
    ("az_deg", "el_deg"),
    [
        ([0.0, 90.0, 180.0, 270.0, 33.0], [30.0] * 5),  # one cone about the zenith
        ([0.0, 180.0, 0.0, 180.0, 0.0], [20.0, 40.0, 60.0, 80.0, 5.0]),  # one vertical plane
        ([90.0, 270.0, 90.0, 270.0, 90.0], [20.0, 40.0, 60.0, 80.0, 5.0]),  # the other plane
        ([45.0] * 5, [30.0] * 5),  # one direction
        ([10.0, 10.0, 200.0, 200.0, 200.0], [30.0, 30.0, 50.0, 50.0, 50.0]),  # two directions
        ([0.0] * 5, [90.0] * 5),  # all in the zenith
        ([77.0, 77.0, 200.0, 200.0, 300.0], [30.0, 30.0, 50.0, 50.0, 10.0]),  # three directions
    ],
)
def test_degenerate_geometry_gives_nan_throughout_never_a_number(az_deg, el_deg):
    assert np.all(np.isnan(dop_deg(az_deg, el_deg)))
    for turn_deg in (1.0, 47.0, 213.0):
        assert np.all(np.isnan(dop_deg(np.array(az_deg) + turn_deg, el_deg)))


def test_derivatives_are_right_where_the_symmetry_of_the_sky_is_perfect():
    # An eigenvalue decomposition has no derivative here: two or three eigenvalues coincide.
    az = np.deg2rad([0.0, *THIRDS_DEG])
    for el_deg in ([90.0] + 3 * [-np.rad2deg(np.arcsin(1 / 3))], [90.0, 5.0, 5.0, 5.0]):
        point = np.concatenate([az, np.deg2rad(el_deg)])
        jacobian = jax.jit(jax.jacrev(lambda x: jnp.array(dop_pseudorange(x[:4], x[4:], ALL))))(
            jnp.asarray(point)
        )
        step = 1e-5
        for i, unit in enumerate(np.eye(8)):
            up, down = point + step * unit, point - step * unit
            difference = (reference(up[:4], up[4:]) - reference(down[:4], down[4:])) / (2 * step)
            np.testing.assert_allclose(jacobian[:, i], difference, rtol=0, atol=1e-8)


def test_dop_runs_compiled_and_batched():
    skies = [random_sky(seed, 7) for seed in range(5)]
    az, el = (jnp.asarray(np.array(x)) for x in zip(*skies, strict=True))
    visible = jnp.ones((5, 7), bool)
    got = jax.jit(jax.vmap(dop_pseudorange))(az, el, visible)
    expected = np.array([reference(*sky) for sky in skies])
    np.testing.assert_allclose(np.stack(got, axis=1), expected, rtol=1e-11)


def test_named_values_follow_from_the_cofactor_diagonal():
    got = dop_from_cofactor(jnp.diag(jnp.array([4.0, 5.0, 16.0, 144.0])))
    assert got == Dop(*np.sqrt([169.0, 25.0, 9.0, 16.0, 144.0]))


def test_angles_of_any_real_type_are_computed_in_64_bit(untyped):
    az_deg, el_deg = [0.0, 90.0, 200.0, 300.0], [80.0, 20.0, 30.0, 45.0]
    expected = np.array(dop_deg(az_deg, el_deg))
    az, el = (np.deg2rad(x).astype(np.float32) for x in (az_deg, el_deg))
    got = np.array(dop_pseudorange(az, el, np.ones(4, bool)))
    assert got.dtype == np.float64
    np.testing.assert_allclose(
        got, reference(*(np.asarray(x, float) for x in (az, el))), rtol=1e-12
    )
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    as_list = dop_pseudorange(list(np.deg2rad(az_deg)), list(np.deg2rad(el_deg)), np.ones(4, bool))
    np.testing.assert_allclose(as_list, expected, rtol=1e-14)
