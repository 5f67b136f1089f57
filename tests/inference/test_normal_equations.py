"""Elimination and constraints against dense least squares, and the printed worked case."""

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.inference.normal_equations import (
    eliminate_last,
    factor,
    inverse_of,
    solve_constrained,
    solve_factored,
    without_offsets,
)

RNG = np.random.default_rng(4)


def unnamed(i):
    return f"unknown {i}"


def test_clock_elimination_of_the_worked_case_has_all_printed_digits(evidence):
    # LEO (P 12.4, L 3.1) and BDS (P 2.2, L -5.0) of one epoch; unknowns d, B_leo, B_bds.
    rows = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]])
    weight = 1 / np.array([0.3, 0.003, 0.3, 0.003]) ** 2
    observed = np.array([12.4, 3.1, 2.2, -5.0])
    found = without_offsets(rows, weight, observed, np.zeros(4, int))
    printed = np.array(
        [
            [11.110555611, -5.5550000556, -5.5550000556],
            [-5.5550000556, 55561.110556, -55550.000556],
            [-5.5550000556, -55550.000556, 55561.110556],
        ]
    )
    np.testing.assert_allclose(found.matrix, printed, rtol=1e-10)
    np.testing.assert_allclose(
        found.vector, [148.32416758, 449908.34250, -450091.65750], rtol=1e-10
    )
    of = factor(found.matrix, unnamed)
    off = np.abs(solve_factored(of, found.vector) - [10.2, 0.9, -7.2])
    sigma = np.sqrt(np.diag(inverse_of(of))) - [0.4242640687, 0.3000149996, 0.3000149996]
    evidence(
        "inference.normal_equations",
        "solution and sigma after clock elimination",
        "worked case of an independent implementation, 10 decimals",
        "implementation",
        achieved=max(np.max(off), np.max(np.abs(sigma))),
        tolerance=1e-9,
        unit="m",
    )


def test_eliminated_unknowns_and_covariances_are_those_of_all_at_once():
    rows, y = RNG.normal(size=(40, 9)), RNG.normal(size=40)
    n, v, q = rows.T @ rows, rows.T @ y, float(y @ y)
    all_x, all_q = np.linalg.solve(n, v), np.linalg.inv(n)
    part = eliminate_last(n, v, q, 4, unnamed)
    kept = np.linalg.solve(part.matrix, part.vector)
    np.testing.assert_allclose(np.r_[kept, part.recovered(kept)], all_x, atol=1e-13)
    np.testing.assert_allclose(
        part.joint_covariance(np.linalg.inv(part.matrix)), all_q, rtol=0, atol=1e-13
    )
    miss = y - rows @ all_x
    assert part.square - part.vector @ kept == pytest.approx(miss @ miss, rel=1e-12)


def test_offsets_per_group_are_as_if_they_were_unknowns():
    rows, y = RNG.normal(size=(30, 3)), RNG.normal(size=30)
    group, weight = np.repeat(np.arange(6), 5), RNG.uniform(0.5, 2.0, 30)
    found = without_offsets(rows, weight, y, group)
    every = np.c_[rows, np.eye(6)[group]]
    root = np.sqrt(weight)
    expected = np.linalg.lstsq(every * root[:, None], y * root, rcond=None)[0][:3]
    np.testing.assert_allclose(np.linalg.solve(found.matrix, found.vector), expected, atol=1e-12)


def test_a_constrained_solution_solves_the_bordered_system():
    rows, y = RNG.normal(size=(20, 4)), RNG.normal(size=20)
    every = np.c_[rows, rows[:, :1] - rows[:, 1:2]] * np.array([1.0, 1e3, 1.0, 1e-2, 1.0])
    n, v = every.T @ every, every.T @ y  # a defect of one
    c = np.array([[0.0, 0.0, 0.0, 0.0, 2.0]])
    found = solve_constrained(n, v, c, np.array([0.6]), unnamed)
    bordered = np.linalg.inv(np.block([[n, c.T], [c, np.zeros((1, 1))]]))
    expected = (bordered @ np.r_[v, 0.6])[:5]
    np.testing.assert_allclose(found.estimate, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.covariance, bordered[:5, :5], rtol=1e-8, atol=1e-14)


def test_what_is_singular_is_named():
    rows = RNG.normal(size=(10, 3))
    rows[:, 2] = 2 * rows[:, 0]
    with pytest.raises(LeopntError, match="singular at unknown 2: the observations do not"):
        factor(rows.T @ rows, unnamed)
    rows[:, 1] = 0.0
    with pytest.raises(LeopntError, match="singular at unknown 1: its information is 0"):
        factor(rows.T @ rows, unnamed)
