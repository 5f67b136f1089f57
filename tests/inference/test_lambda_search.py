"""Search of the two best, in step and wide, against enumeration and brute force."""

import itertools

import numpy as np
import pytest
from ambiguity_cases import double_differences, draw, half_sky

from leopnt.errors import LeopntError
from leopnt.inference.lambda_reduction import conditional_variances
from leopnt.inference.lambda_search import search_two_best
from leopnt.inference.lambda_wide import search_wide


def problems(rng, num_problems, size):
    """Random covariances with standard deviations of 0.3 to 1 cycle, and float vectors."""
    root = rng.normal(size=(num_problems, size, size)) * 0.3
    cov = root @ np.swapaxes(root, -1, -2) + 0.05 * np.eye(size)
    return cov, rng.uniform(-0.5, 0.5, (num_problems, size))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_two_best_are_those_of_brute_force(size, evidence):
    cov, floats = problems(np.random.default_rng(size), 20, size)
    found = search_two_best(floats, *conditional_variances(cov))
    reach = 4 if size < 5 else 3
    box = np.array(list(itertools.product(range(-reach, reach + 1), repeat=size)), float)
    worst = 0.0
    for one, a, z, norms in zip(cov, floats, found.integers, found.squared_norms, strict=True):
        miss = box - a[None, :]
        all_norms = np.einsum("zi,ij,zj->z", miss, np.linalg.inv(one), miss)
        order = np.argsort(all_norms)[:2]
        np.testing.assert_array_equal(z, box[order])
        worst = max(worst, np.max(np.abs(norms / all_norms[order] - 1.0)))
    assert found.complete.all()
    evidence(
        "inference.lambda_search",
        "squared norms of the two best integer vectors, relative",
        "brute force over a box",
        "implementation",
        achieved=worst,
        tolerance=1e-9,
    )


def test_the_wide_search_finds_what_the_search_in_step_finds(evidence):
    rng = np.random.default_rng(3)
    cov, floats = problems(rng, 20, 6)
    lower, variances = conditional_variances(cov)
    found = search_two_best(floats, lower, variances)
    worst = 0.0
    for i in range(20):
        nothing = np.full((2, 6), np.nan), np.array([50.0, 50.0])
        wide = search_wide(floats[i], lower[i], 1.0 / variances[i], *nothing, 10**6)
        np.testing.assert_array_equal(wide[0], found.integers[i])
        worst = max(worst, float(np.max(np.abs(wide[1] / found.squared_norms[i] - 1.0))))
    evidence(
        "inference.lambda_wide",
        "squared norms of the two best of 20 problems of 6, integers equal",
        "search in step",
        "own",
        achieved=worst,
        tolerance=1e-9,
    )


def test_a_large_tree_is_finished_and_says_its_size():
    # Without decorrelation the tree of a double-difference problem is long and thin.
    rng = np.random.default_rng(5)
    cov, _, _ = double_differences(half_sky(rng, 4, 9))
    floats = draw(rng, cov) * 0.5
    found = search_two_best(floats, *conditional_variances(cov))
    assert found.complete.all()
    assert found.num_nodes.max() > 16 * 8
    few = search_two_best(floats, *conditional_variances(cov), max_nodes=20)
    assert not few.complete.any()
    assert np.all(few.num_nodes == 20)


def test_equally_good_vectors_are_both_found():
    found = search_two_best(np.array([0.5, 0.0]), np.eye(2), np.ones(2))
    assert found.squared_norms.tolist() == [0.25, 0.25]
    assert sorted(found.integers.tolist()) == [[0, 0], [1, 0]]


def test_a_limit_that_no_search_can_meet_is_refused():
    with pytest.raises(LeopntError, match="max_nodes: got 2; accepted: more than the 2 ambig"):
        search_two_best(np.zeros(2), np.eye(2), np.ones(2), max_nodes=2)
