"""Visibility: elevation against spherical trigonometry, padding against a plain loop."""

import erfa
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.geometry import elevation_spherical, pad_visible, visible_above

EARTH_M = 6.371e6


def frame_of(seed):
    """Random orthonormal axes: up, and two horizontal directions."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0].T


def test_elevation_is_that_of_the_triangle_center_receiver_satellite(evidence):
    # Law of sines and cosines at central angle psi: tan el = (cos psi - R/r) / sin psi.
    worst = 0.0
    for seed in range(30):
        up, along, across = frame_of(seed)
        rng = np.random.default_rng(seed)
        psi, turn = rng.uniform(0.01, 3.0), rng.uniform(0, 2 * np.pi)
        radius = rng.uniform(6.7e6, 4.3e7)
        toward = np.cos(turn) * along + np.sin(turn) * across
        sat = radius * (np.cos(psi) * up + np.sin(psi) * toward)
        closed = np.arctan2(np.cos(psi) - EARTH_M / radius, np.sin(psi))
        got = elevation_spherical(jnp.asarray(sat), jnp.asarray(EARTH_M * up))
        worst = max(worst, abs(float(got) - closed))
    evidence(
        "geometry.visibility",
        "elevation over the geocentric horizon",
        "closed form in the central angle",
        "closed form",
        achieved=worst,
        tolerance=1e-11,
        unit="rad",
    )


def test_elevation_at_the_zenith_and_at_the_nadir_is_a_quarter_turn():
    rx = jnp.array([3e6, 4e6, 3.5e6])
    np.testing.assert_allclose(elevation_spherical(1.2 * rx, rx), np.pi / 2, rtol=0, atol=3e-8)
    np.testing.assert_allclose(elevation_spherical(0.2 * rx, rx), -np.pi / 2, rtol=0, atol=3e-8)


def test_elevation_differs_from_the_geodetic_one_by_at_most_0_193_degrees():
    # ERFA gives the geodetic vertical: the normal of WGS 84 at geodetic latitude.
    worst_deg = 0.0
    for lat in np.deg2rad(np.linspace(-89, 89, 90)):
        rx = erfa.gd2gc(1, 0.4, lat, 300.0)
        normal = np.array([np.cos(lat) * np.cos(0.4), np.cos(lat) * np.sin(0.4), np.sin(lat)])
        north = np.array([-np.sin(lat) * np.cos(0.4), -np.sin(lat) * np.sin(0.4), np.cos(lat)])
        for el in (0.1, 0.7, 1.3):
            sat = rx + 1.5e6 * (np.sin(el) * normal + np.cos(el) * north)
            got = float(elevation_spherical(jnp.asarray(sat), jnp.asarray(rx)))
            worst_deg = max(worst_deg, abs(np.rad2deg(got - el)))
    assert 0.19 < worst_deg < 0.193


def test_elevation_runs_compiled_batched_and_has_a_gradient():
    rng = np.random.default_rng(1)
    sat = jnp.asarray(rng.normal(size=(6, 3)) * 1e7)
    rx = jnp.array([4e6, -3e6, 3.9e6])
    got = jax.jit(jax.vmap(elevation_spherical, in_axes=(0, None)))(sat, rx)
    one_by_one = [elevation_spherical(s, rx) for s in sat]
    np.testing.assert_allclose(got, one_by_one, rtol=1e-14)
    # Moving along the line of sight leaves the elevation as it is.
    los = (sat[0] - rx) / jnp.linalg.norm(sat[0] - rx)
    assert abs(jax.grad(elevation_spherical)(sat[0], rx) @ los) < 1e-20


def test_the_mask_angle_itself_is_visible_and_nan_is_not():
    el = jnp.array([0.1, 0.2, 0.3, jnp.nan, -0.2])
    np.testing.assert_array_equal(visible_above(el, 0.2), [False, True, True, False, False])


def padded_by_loop(visible, num_slots):
    indices, filled = [], []
    for row in visible.reshape(-1, visible.shape[-1]):
        found = [i for i, seen in enumerate(row) if seen]
        indices.append(found + [0] * (num_slots - len(found)))
        filled.append([True] * len(found) + [False] * (num_slots - len(found)))
    shape = (*visible.shape[:-1], num_slots)
    return np.reshape(indices, shape), np.reshape(filled, shape)


@pytest.mark.parametrize("shape", [(7,), (5, 7), (2, 3, 11), (4, 1), (0, 5)])
@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("spare", [None, 0, 2, 20])
def test_padding_gathers_what_a_loop_gathers(shape, density, spare):
    visible = np.random.default_rng(5).uniform(size=shape) < density
    needed = max(visible.sum(axis=-1).max(initial=0), 1)
    num_slots = None if spare is None else int(needed) + spare
    indices, filled = pad_visible(visible, num_slots)
    expected = padded_by_loop(visible, needed if num_slots is None else num_slots)
    np.testing.assert_array_equal(indices, expected[0])
    np.testing.assert_array_equal(filled, expected[1])
    assert filled.dtype == bool


def test_padding_keeps_every_visible_satellite_once(evidence):
    visible = np.random.default_rng(6).uniform(size=(200, 60)) < 0.2
    indices, filled = pad_visible(visible)
    rebuilt = np.zeros_like(visible)
    rows = np.broadcast_to(np.arange(200)[:, None], indices.shape)
    rebuilt[rows[filled], indices[filled]] = True
    evidence(
        "geometry.visibility",
        "satellites lost or doubled by padding, 200 epochs of 60",
        "the mask itself",
        "invariance",
        achieved=np.sum(rebuilt != visible) + abs(filled.sum() - visible.sum()),
        tolerance=0.0,
    )


def test_too_few_slots_are_refused_with_the_number_that_is_needed():
    visible = np.array([[True, True, True, False], [True, False, False, False]])
    with pytest.raises(LeopntError, match=r"num_slots=2 .* 3 visible .* accepted: 3 or more"):
        pad_visible(visible, 2)
    with pytest.raises(LeopntError, match=r"num_slots=-1 .* accepted: 1 or more"):
        pad_visible(np.zeros((2, 4), bool), -1)


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (np.array([1, 0, 1]), r"int64 of shape \(3,\)"),
        (np.array([0.7, 0.1]), r"float64 of shape \(2,\)"),
        (np.array(True), r"bool of shape \(\)"),
        (np.zeros((3, 0), bool), r"bool of shape \(3, 0\)"),
    ],
)
def test_anything_but_a_mask_over_satellites_is_refused(untyped, wrong, found):
    with pytest.raises(LeopntError, match=f"visible: got {found}; accepted: a Boolean mask"):
        pad_visible(wrong)


def test_elevation_refuses_32_bit_positions(untyped):
    position = np.array([7e6, 0.0, 0.0])
    with pytest.raises(LeopntError, match="rx_pos_ecef_m: got float32"):
        elevation_spherical(position, position.astype(np.float32))
