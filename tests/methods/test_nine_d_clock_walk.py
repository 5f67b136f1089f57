"""Clocks that walk at random from slot to slot: limits, and a dense covariance as a second way."""

import dataclasses

import numpy as np
import pytest
from nine_d_worked_case import worked_case

from leopnt.errors import LeopntError
from leopnt.methods import nine_d
from leopnt.methods.nine_d import (
    BOTH_OFFSETS,
    LOCATION,
    AbstractNuisance,
    ClockWalk,
    Columns,
    FrequencyOffset,
)


@dataclasses.dataclass(frozen=True)
class OffsetOfSlot(AbstractNuisance):
    """An offset of its own for every satellite and slot."""

    name = "time_offset_of_slot_s"
    unit = "s"
    scale = 1e-9

    def columns(self, scene):
        num_sat, num_slot, num_ant = scene.snr.shape
        each = -np.eye(num_sat * num_slot).reshape(num_sat, num_slot, 1, -1)
        delay = np.repeat(each, num_ant, axis=2)
        return Columns(delay, np.zeros((num_sat, num_slot, num_sat * num_slot)))


def sigmas(nuisances):
    found = nine_d.information(worked_case(), nuisances)
    return np.concatenate([found.sigma(name) for name in LOCATION])


def test_a_walk_of_zero_is_a_constant_offset(evidence):
    still = sigmas((*BOTH_OFFSETS, ClockWalk(0.0)))
    evidence(
        "methods.nine_d.nuisances",
        "bounds with clocks that walk by 0, relative",
        "constant offsets",
        "closed form",
        achieved=np.max(np.abs(still / sigmas(BOTH_OFFSETS) - 1)),
        tolerance=1e-9,
    )


def test_a_boundless_walk_is_an_offset_for_every_slot(evidence):
    # Nine unknowns need more than delays with an offset per slot: position alone stays known.
    known = ("rotation_rad", "rx_vel_mps")
    wild = nine_d.information(worked_case(), (*BOTH_OFFSETS, ClockWalk(1.0)))
    each = nine_d.information(worked_case(), (OffsetOfSlot(), FrequencyOffset()))
    found, expected = (np.asarray(x.sigma("rx_pos_m", known)) for x in (wild, each))
    evidence(
        "methods.nine_d.nuisances",
        "position bound with clocks that walk by 1 s, relative",
        "an independent offset for every slot",
        "closed form",
        achieved=np.max(np.abs(found / expected - 1)),
        tolerance=1e-6,
    )


def test_the_bound_grows_with_the_walk():
    sizes = [0.0, 1e-12, 1e-11, 1e-10, 1e-9]
    bounds = np.array([sigmas((*BOTH_OFFSETS, ClockWalk(size))) for size in sizes])
    assert np.all(np.diff(bounds, axis=0) > -1e-9 * bounds[1:])
    assert bounds[-1, 0] > 1.5 * bounds[0, 0]


@pytest.mark.parametrize("sigma", [3e-12, 1e-10])
def test_a_walk_is_correlated_noise_of_the_delays(sigma, evidence):
    # The other way round: no unknown steps, but delays with the covariance that they cause,
    # C = diag(1/w) + sigma^2 min(T_k, T_l), in generalized least squares.
    scene = worked_case()
    found = np.asarray(nine_d.information(scene, (*BOTH_OFFSETS, ClockWalk(sigma))).efim(LOCATION))
    rows, weight = nine_d.derivatives(scene), nine_d.weights(scene)
    time, num_ant = np.asarray(scene.slot_time_s), scene.snr.shape[2]
    slots = np.repeat(time, num_ant)
    expected = np.zeros((9, 9))
    for b in range(3):
        own = np.column_stack([np.asarray(rows.delay[b]).reshape(-1, 9), -np.ones(len(slots))])
        cov = np.diag(1 / np.asarray(weight.delay[b]).reshape(-1))
        cov = cov + sigma**2 * np.minimum(slots[:, None], slots[None, :])
        unit = 1e-9
        root = np.linalg.cholesky(cov / unit**2)
        white = np.linalg.solve(root, own / unit)
        offset = white[:, 9] / np.linalg.norm(white[:, 9])
        left = white[:, :9] - np.outer(offset, offset @ white[:, :9])
        dop, q = np.asarray(rows.doppler[b]), np.asarray(weight.doppler[b])
        dop = np.sqrt(q)[:, None] * (dop - q @ dop / q.sum())
        expected += left.T @ left + dop.T @ dop
    size = np.sqrt(np.diag(expected))
    evidence(
        "methods.nine_d.nuisances",
        f"EFIM with clocks that walk by {sigma:g} s, relative to sqrt(J_ii J_jj)",
        "delays of correlated noise, generalized least squares",
        "implementation",
        achieved=np.max(np.abs(found - expected) / np.outer(size, size)),
        tolerance=1e-8,
    )


def test_exact_verdicts_know_about_the_walk():
    # What is known about the steps keeps them apart from the offset: formally identifiable, with
    # sigmas as in 64 bit.
    scene, nuisances = worked_case(), (*BOTH_OFFSETS, ClockWalk(1e-11))
    answer = nine_d.identifiability(scene, LOCATION, nuisances)
    found = nine_d.information(scene, nuisances)
    for name in LOCATION:
        sigma = np.linalg.norm(found.sigma(name))
        np.testing.assert_allclose(answer.practical.sigma[name], sigma, rtol=1e-6)


def test_a_walk_must_be_a_number_that_is_not_negative():
    for value in (-1e-9, float("nan"), float("inf")):
        with pytest.raises(LeopntError, match=r"sigma_1s_s = .*: expected 0 or more, finite"):
            ClockWalk(value)
