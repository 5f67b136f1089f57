"""Satellites that send one after the other: no slots, closed forms, what ignoring them costs."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.inference.status import Status
from leopnt.methods import pace
from leopnt.methods.pace.positioning import is_near

CAPABILITY = "methods.pace.slots"
SYSTEM = pace.PaceSystem()
SLOT_S = SYSTEM.downlink.num_symbol / 120e3
STARTS_S = pace.slot_starts_s(8, SLOT_S)


def one_offset(scene):
    """All satellites seen with the same clock bias and frequency offset."""
    both = (jnp.full((8, 4), 1e-7), jnp.full((8, 4), 1200.0))
    return eqx.tree_at(lambda s: (s.clock_bias_s, s.freq_offset_hz), scene, both)


SCENE = one_offset(pace.default_scene())
IN_SLOTS = pace.problem_of_user(pace.scene_in_slots(SCENE, STARTS_S), SYSTEM, 0)


def scaled(matrix):
    unit = np.array([1.0, 1.0, 1.0, 1.0, 1e-9])
    return np.asarray(matrix) / np.outer(unit, unit)


def test_every_satellite_is_where_it_is_in_its_slot():
    found = pace.scene_in_slots(SCENE, STARTS_S)
    for s in (0, 5):
        moved = pace.circular_arcs(SCENE, float(STARTS_S[s]))
        np.testing.assert_allclose(found.sat_pos_m[s], moved.sat_pos_m[s], rtol=1e-15)
        np.testing.assert_allclose(found.sat_vel_mps[s], moved.sat_vel_mps[s], rtol=1e-14)
    assert float(STARTS_S[7]) == pytest.approx(7 / 12)


def test_without_slots_the_bound_is_the_old_one(evidence):
    problem = pace.problem_of_user(pace.default_scene(), SYSTEM, 0)
    old = pace.position_bound(problem)
    found = pace.slotted_position_bound(problem, np.zeros(8))
    evidence(
        CAPABILITY,
        "misspecified bound of slots of no length, relative",
        "position_bound",
        "implementation",
        achieved=np.max(np.abs(scaled(found.mcrb) / scaled(old.mcrb) - 1)),
        tolerance=1e-5,
    )
    np.testing.assert_allclose(
        pace.slotted_mean(problem, np.zeros(8)), pace.true_mean(problem), rtol=0
    )


def jacobian(problem, start_s):
    """By NumPy, with the clock's drift in the column of the frequency offset."""
    offset = np.asarray(problem.user_pos_m)[None] - np.asarray(problem.sat_pos_m)
    n = np.linalg.norm(offset, axis=1)[:, None]
    v = np.asarray(problem.sat_vel_mps)
    wavelength = 299792458.0 / 12.7e9
    by_pos = (v / n - np.sum(v * offset, axis=1)[:, None] * offset / n**3) / wavelength
    rows = np.zeros((8, 2, 5))
    rows[:, 0, :3], rows[:, 0, 3] = by_pos, 1.0
    rows[:, 1, :3], rows[:, 1, 4] = offset / n / 299792458.0, 1.0
    rows[:, 1, 3] = -np.asarray(start_s) / 12.7e9
    return rows


def test_a_user_that_knows_the_slots_has_no_bias_and_the_crb(evidence):
    found = pace.slotted_position_bound(IN_SLOTS, STARTS_S)
    assert found.status == Status.converged
    truth = pace.links_of_problem(IN_SLOTS)[0]
    assert np.all(np.abs(found.bias_from(truth)) < (1e-3, 1e-3, 1e-3, 1e-3, 1e-11))
    rows = jacobian(IN_SLOTS, STARTS_S) * np.array([1, 1, 1, 1, 1e-9])
    fim = np.einsum("sai,sab,sbj->ij", rows, np.asarray(IN_SLOTS.weight), rows)
    size = np.sqrt(np.diag(fim))
    expected = np.linalg.inv(fim / np.outer(size, size)) / np.outer(size, size)
    evidence(
        CAPABILITY,
        "bound of a user that knows the slots, relative",
        "inverse of the information, derivatives in closed form by NumPy",
        "closed form",
        achieved=np.max(np.abs(scaled(found.mcrb) / expected - 1)),
        tolerance=1e-5,
    )


def bias_m(found, problem):
    truth = pace.links_of_problem(problem)[0]
    return np.asarray(found.bias_from(truth))[:3]


def test_a_clock_whose_drift_is_ignored_moves_the_fix_as_the_response_says(evidence):
    found = bias_m(pace.position_bound_ignoring_slots(IN_SLOTS, STARTS_S), IN_SLOTS)
    drift = np.stack([np.zeros(8), -1200.0 * STARTS_S / 12.7e9], axis=1)
    expected = np.einsum("isa,sa->i", np.asarray(pace.offset_response(IN_SLOTS)), drift)[:3]
    evidence(
        CAPABILITY,
        "bias of the position by a clock drift that is ignored, relative",
        "linear response to offsets of each pair",
        "implementation",
        achieved=np.linalg.norm(found - expected) / np.linalg.norm(expected),
        tolerance=1e-3,
    )
    # Numbers of the guide: slots of 83 ms, 1.2 kHz.
    assert drift[7, 1] == pytest.approx(-55e-9, abs=5e-10)
    assert np.linalg.norm(found) == pytest.approx(DRIFT_BIAS_M, rel=0.01)
    half = bias_m(pace.position_bound_ignoring_slots(IN_SLOTS, 1e-4 * STARTS_S), IN_SLOTS)
    np.testing.assert_allclose(half, 1e-4 * found, atol=float(1e-6 * np.linalg.norm(found)))


DRIFT_BIAS_M = 11.2


def test_satellites_taken_where_they_were_move_the_fix_by_kilometers():
    assumed = pace.problem_of_user(SCENE, SYSTEM, 0)
    found = pace.position_bound_ignoring_slots(IN_SLOTS, STARTS_S, assumed)
    assert found.status == Status.converged
    assert np.linalg.norm(bias_m(found, IN_SLOTS)) > 1e3


def test_a_mismatch_too_large_for_a_local_bound_is_refused():
    # Clocks that differ by seconds put the fix beyond the satellites, or nowhere.
    late = eqx.tree_at(lambda p: p.clock_bias_s, IN_SLOTS, jnp.arange(8.0) ** 2)
    for bound in (pace.slotted_position_bound, pace.position_bound_ignoring_slots):
        with pytest.raises(LeopntError, match="mismatch too large for a local bound"):
            bound(late, STARTS_S)


def test_a_fix_beyond_a_satellite_is_not_near():
    to_sat = np.asarray(IN_SLOTS.sat_pos_m[2] - IN_SLOTS.user_pos_m)
    assert is_near(IN_SLOTS, jnp.asarray(0.5 * to_sat))
    assert not is_near(IN_SLOTS, jnp.asarray(1.5 * to_sat))


def test_slots_that_make_no_sense_are_refused(untyped):
    with pytest.raises(LeopntError, match=r"num_sat = 0, slot_s = 1\.0: expected at least 1"):
        pace.slot_starts_s(0, 1.0)
    with pytest.raises(LeopntError, match=r"start_s has shape \(3,\); accepted: \(8,\)"):
        pace.scene_in_slots(SCENE, np.zeros(3))
