"""Exact ranks against matrices of known rank; 64 bit against the same in 200 digits."""

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.inference.fisher import information_of_rows
from leopnt.inference.identifiability import (
    EXACT,
    Direction,
    Verdict,
    conditioning,
    exact_information,
    in_words,
)
from leopnt.inference.parameters import Unknowns

THREE = Unknowns(("a", "b", "c"), (1, 1, 1), (1.0, 1.0, 1.0), ("m", "rad", "s"))


def unknowns(*sizes):
    names = tuple("abcdef"[: len(sizes)])
    return Unknowns(names, sizes, (1.0,) * sum(sizes), ("m",) * len(sizes))


def exact(rows):
    return [[EXACT.convert(x) for x in row] for row in rows]


def test_ranks_of_integer_matrices_are_what_they_were_made_to_be(evidence):
    rng, wrong = np.random.default_rng(0), 0
    for rank in range(1, 7):
        left = np.vstack([np.eye(rank, dtype=int), rng.integers(-9, 10, (12, rank))])
        right = np.hstack([np.eye(rank, dtype=int), rng.integers(-9, 10, (rank, 6 - rank))])
        rows, order = (left @ right).astype(float), rng.permutation(6)
        found = exact_information(rows[:, order].tolist(), unknowns(1, 2, 3)).verdict()
        wrong += found.rank != rank or found.is_identifiable != (rank == 6)
        for one in found.null_space:
            np.testing.assert_allclose(rows[:, order] @ one.si, 0.0, atol=1e-12)
        assert len(found.null_space) == 6 - rank
    evidence(
        "inference.identifiability",
        "wrong ranks of integer matrices made with rank 1 to 6",
        "their factors",
        "closed form",
        achieved=wrong,
        tolerance=0,
    )


def test_information_far_below_64_bit_is_information():
    tiny = EXACT.mpf("1e-30")
    found = exact_information([[1, 1], [1, 1 + tiny], [1, 1]], unknowns(1, 1)).verdict()
    assert found.is_identifiable
    # det of the Gram matrix over the product of its diagonal, (2 tiny^2) / 9.
    assert found.smallest_pivot == pytest.approx(2e-60 / 9, rel=1e-12)


def test_pivots_between_zero_and_information_are_undecided():
    tiny = EXACT.mpf("1e-50")
    gram = exact_information([[1, 1, 0], [1, 1 + tiny, 0], [0, 0, 1]], THREE)
    assert gram.verdict().verdict is Verdict.UNDECIDED
    assert gram.eliminated(("a", "b")).verdict().verdict is Verdict.UNDECIDED
    assert gram.known("a").verdict().is_identifiable


def test_the_null_vector_is_in_si_units_and_its_shares_are_not():
    # Column b is -1000 times column a: the displacement (1000, 1) shows nothing.
    found = exact_information([[1, -1000, 2], [3, -3000, 1], [1, -1000, 0]], THREE).verdict()
    (null,) = found.null_space
    assert null.si[0] / null.si[1] == pytest.approx(1000.0, rel=1e-14)
    assert null.share("a") == pytest.approx(0.5, rel=1e-14)
    assert null.share("c") == 0.0
    assert found.determined == ("c",)
    assert found.rank == 2


def test_what_a_nuisance_explains_is_not_information():
    # A third of the nuisance's column: its remainder is rounding at 64 and at 660 bits alike.
    third = EXACT.mpf(1) / 3
    gram = exact_information([[1, third], [1, third], [1, third]], unknowns(1, 1))
    found = gram.eliminated("a").verdict()
    assert found.rank == 0
    assert gram.known("a").verdict().is_identifiable
    assert gram.eliminated("a").sigma("b") == np.inf


def test_columns_without_any_row_are_unidentifiable():
    found = exact_information([[0, 1], [0, 2]], unknowns(1, 1)).verdict()
    assert (found.rank, found.determined) == (1, ("b",))
    assert exact_information([], unknowns(1, 1)).verdict().rank == 0


def test_sigmas_and_conditioning_agree_with_numpy(evidence):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(20, 6)) * np.array([1e9, 1.0, 1e-6, 1e3, 1.0, 1e-9])
    names = unknowns(2, 3, 1)
    scale = np.linalg.norm(rows, axis=0)
    covariance = np.linalg.inv((rows / scale).T @ (rows / scale)) / np.outer(scale, scale)
    gram = exact_information(exact(rows), names)
    achieved = abs(gram.sigma("b") / np.sqrt(np.trace(covariance[2:5, 2:5])) - 1)
    q, _ = np.linalg.qr(rows[:, [5]] / scale[5])
    rest = rows[:, :5] - q @ (q.T @ rows[:, :5])
    rest /= np.linalg.norm(rest, axis=0)
    _, singular, right = np.linalg.svd(rest)
    in_64_bit = conditioning(information_of_rows(jnp.asarray(rows), names), ("a", "b"))
    for found in (gram.eliminated("c").conditioning(), in_64_bit):
        achieved = max(achieved, abs(found.number / (singular[0] / singular[-1]) - 1))
        achieved = max(achieved, 1 - abs(found.weakest.unit_free @ right[-1]))
    evidence(
        "inference.identifiability",
        "sigma, condition number and weakest direction of random rows, relative deviation",
        "NumPy inverse and SVD",
        "implementation",
        achieved=achieved,
        tolerance=1e-11,
    )


def test_a_column_that_is_gone_is_the_weakest_direction():
    rows = jnp.array([[1.0, 1.0, 2.0], [3.0, 3.0, 1.0], [1.0, 1.0, 5.0]])
    found = conditioning(information_of_rows(rows, THREE), ("b", "c"))
    assert found.number == np.inf
    np.testing.assert_allclose(abs(found.weakest.unit_free), [1.0, 0.0], atol=1e-12)
    exact_found = exact_information(exact(np.asarray(rows)), THREE).eliminated("a").conditioning()
    assert exact_found.number == np.inf
    np.testing.assert_array_equal(exact_found.weakest.unit_free, [1.0, 0.0])


def test_known_fields_leave_the_rows_of_the_others():
    rows = jnp.array([[1.0, 1.0, 2.0], [3.0, 3.0, 1.0], [1.0, 1.0, 5.0]])
    found = conditioning(information_of_rows(rows, THREE), "b", known=("a", "c"))
    assert found.number == pytest.approx(1.0)


def test_words_name_the_largest_field_first_and_leave_out_the_small():
    entries = np.array([0.6, 0.79, 0.12])
    direction = Direction(THREE, entries, 5.0 * entries)
    words = {"a": lambda way: f"shift along {way[0]:+.0f}"}
    assert in_words(direction, words) == "b together with shift along +1"


def test_the_default_precision_of_mpmath_stays_as_it_is():
    assert mpmath.mp.dps == 15
    assert EXACT.dps == 200


def test_rows_of_the_wrong_length_are_refused():
    with pytest.raises(LeopntError, match=r"rows: one has 2 entries; .* have 3"):
        exact_information([[1, 2, 3], [1, 2]], THREE)


def test_unknown_names_are_refused():
    with pytest.raises(LeopntError, match="'z' is not among the unknowns"):
        exact_information([[1, 2, 3]], THREE).known("z")
