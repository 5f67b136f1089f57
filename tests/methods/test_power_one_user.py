"""Searches and fixes of one user against those of arrays; other reference beams and ranges."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import power_users
import pytest

from leopnt.methods.power import (
    Angles,
    FirstVisibleBeam,
    MeanRange,
    ReferenceRange,
    StrongestBeam,
    amplitude_table,
    angle_error,
    fingerprint_search,
    nearest_fingerprint,
    nearest_in_all_bins,
    nearest_in_bin,
    received_power_dbw,
    seed_fix,
    seed_search,
    seed_tables,
    seed_user,
)

SCENE = power_users.scene()
TILE = 40
BEHIND = [(StrongestBeam(), ReferenceRange()), (FirstVisibleBeam(), ReferenceRange()),
          (StrongestBeam(), MeanRange())]  # fmt: skip


@functools.cache
def users():
    """Forty users all over the footprint."""
    return power_users.users_at(np.linspace(12.0, 85.0, TILE), 37.0 * np.arange(TILE) % 360)


@functools.cache
def drawn():
    return power_users.drawn_dbw(users(), seed=6)


@functools.cache
def quiet():
    """Powers without noise."""
    truth = jax.jit(jax.vmap(lambda g, b, d: received_power_dbw(SCENE, g, b, d)))
    return np.asarray(truth(users().gamma_rad, users().beta_rad, users().range_m))


def same_angles(found, expected):
    np.testing.assert_array_equal(found.gamma_rad, expected.gamma_rad)
    np.testing.assert_allclose(
        angle_error(np.asarray(found.beta_rad), np.asarray(expected.beta_rad)), 0.0, atol=1e-14
    )


def test_searches_of_one_user_are_those_of_arrays():
    tables = jax.tree.map(jnp.asarray, seed_tables(SCENE))
    known = jax.jit(jax.vmap(lambda p, b: nearest_in_bin(tables, p, b)))
    same_angles(known(drawn(), users().beta_rad), seed_search(tables, drawn(), users().beta_rad))
    unknown = jax.jit(jax.vmap(lambda p: nearest_in_all_bins(tables, p)))
    same_angles(unknown(drawn()), seed_search(tables, drawn()))
    table = amplitude_table(SCENE)
    found = jax.jit(jax.vmap(lambda p: nearest_fingerprint(SCENE, table, p)))(drawn())
    expected = fingerprint_search(SCENE, table, drawn())
    same_angles(found, Angles(expected.gamma_rad[:, 0], expected.beta_rad[:, 0]))


def test_a_fix_of_one_user_is_that_of_arrays(evidence):
    start = seed_search(seed_tables(SCENE), drawn(), users().beta_rad)
    expected = seed_fix(SCENE, drawn(), start, tile=TILE)
    one = jax.jit(jax.vmap(lambda p, g, b: seed_user(SCENE, p, Angles(g, b)).range_m))
    found = one(drawn(), jnp.asarray(start.gamma_rad), jnp.asarray(start.beta_rad))
    evidence(
        "methods.power.one_user",
        "range of the published method, one user at a time, relative",
        "the fix of arrays",
        "invariance",
        achieved=np.nanmax(np.abs(np.asarray(found) / expected.range_m - 1.0)),
        tolerance=1e-9,
    )


@pytest.mark.parametrize(("reference", "ranging"), BEHIND[1:])
def test_without_noise_any_reference_and_range_give_the_place_back(reference, ranging, evidence):
    near = Angles(users().gamma_rad + 1e-4, users().beta_rad + 1e-4)
    fix = seed_fix(SCENE, quiet(), near, reference=reference, ranging=ranging, tile=TILE)
    evidence(
        "methods.power.seed",
        "range from powers without noise, other references and ranges, relative",
        "the true range",
        "invariance",
        achieved=np.max(np.abs(fix.range_m / users().range_m - 1.0)),
        tolerance=1e-9,
    )


def test_references_and_ranges_are_what_their_names_say():
    power, used = jnp.array([-170.0, -150.0, -140.0]), jnp.array([False, True, True])
    assert int(StrongestBeam().beam(power, used)) == 2
    assert int(FirstVisibleBeam().beam(power, used)) == 1
    loss_db, reference = jnp.array([999.0, 160.0, 166.0]), jnp.asarray(1)
    wavelength_m = 299792458.0 / 1.6e9
    for ranging, expected_db in ((ReferenceRange(), 160.0), (MeanRange(), 163.0)):
        range_m = float(ranging.range_m(SCENE, loss_db, used, reference))
        np.testing.assert_allclose(
            20 * np.log10(4 * np.pi * range_m / wavelength_m), expected_db, rtol=1e-12
        )
