"""Rounding and bootstrapping, by hand and by the definition."""

import numpy as np
import pytest
from ambiguity_cases import draw

from leopnt.errors import LeopntError
from leopnt.inference.ambiguity import NO_INTEGER
from leopnt.inference.integer_rounding import bootstrap_integers, round_integers


def test_rounding_takes_the_nearest_integer_and_marks_what_has_none():
    found = round_integers(np.array([1.4, -2.6, 1e9 + 0.2, np.nan, np.inf]))
    assert found.dtype == np.int64
    assert found.tolist() == [1, -3, 10**9, NO_INTEGER, NO_INTEGER]


def test_bootstrapping_rounds_conditional_estimates(evidence):
    # By the definition: condition on the rounded ones with the full normal distribution.
    rng = np.random.default_rng(4)
    root = rng.normal(size=(50, 4, 4)) * 0.6
    cov = root @ root.mT + 0.02 * np.eye(4)
    floats = draw(rng, cov) + 7.0
    expected = np.zeros((50, 4), int)
    for b in range(50):
        for i in reversed(range(4)):
            miss = floats[b, i + 1 :] - expected[b, i + 1 :]
            gain = np.linalg.solve(cov[b, i + 1 :, i + 1 :], cov[b, i + 1 :, i])
            expected[b, i] = np.rint(floats[b, i] - gain @ miss)
    evidence(
        "inference.integer_rounding",
        "bootstrapped integers that differ",
        "rounded conditional means, one by one",
        "implementation",
        achieved=np.sum(bootstrap_integers(floats, cov) != expected),
        tolerance=0,
    )
    assert np.any(expected != round_integers(floats))


def test_unusable_problems_have_no_integers():
    floats = np.array([[0.2, 3.1], [np.nan, 0.0], [0.0, 0.0]])
    found = bootstrap_integers(floats, np.stack([np.eye(2), np.eye(2), -np.eye(2)]))
    assert found[0].tolist() == [0, 3]
    assert np.all(found[1:] == NO_INTEGER)


def test_shapes_that_do_not_match_are_refused(untyped):
    with pytest.raises(LeopntError, match="float_cycles: got shape"):
        bootstrap_integers(np.zeros(3), np.eye(2))
