"""Nearest rows against a search by hand in double precision."""

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.inference.nearest import nearest, nearest_apart

RNG = np.random.default_rng(12)
TABLE = RNG.normal(size=(3000, 20)) * 50 + 400
QUERIES = TABLE[RNG.integers(3000, size=700)] + RNG.normal(size=(700, 20)) * 40
USED = RNG.random(QUERIES.shape) < 0.7


def by_hand(count, used=None):
    weight = np.ones(QUERIES.shape) if used is None else used
    square = np.sum(weight[:, None] * (QUERIES[:, None] - TABLE[None]) ** 2, axis=-1)
    row = np.argsort(square, axis=1, kind="stable")[:, :count]
    return row, np.take_along_axis(square, row, axis=1)


@pytest.mark.parametrize("used", [None, USED])
def test_the_nearest_rows_are_those_of_a_search_by_hand(used, evidence):
    found = nearest(TABLE, QUERIES, 5, used=used)
    row, square = by_hand(5, used)
    np.testing.assert_array_equal(found.row, row)
    evidence(
        "inference.nearest",
        f"squared distances of the 5 nearest of 3000 rows, {'with' if used is not None else 'no'} "
        "mask, relative",
        "search by hand, NumPy",
        "implementation",
        achieved=np.max(np.abs(found.square / square - 1)),
        tolerance=1e-10,
    )


def test_rows_apart_are_never_neighbors_and_the_first_is_the_nearest():
    places = RNG.uniform(size=(3000, 2))
    found = nearest_apart(TABLE, places, QUERIES, 3, 0.2)
    np.testing.assert_array_equal(found.row[:, 0], by_hand(1)[0][:, 0])
    rows = np.asarray(found.row)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert np.all(np.linalg.norm(places[rows[:, a]] - places[rows[:, b]], axis=1) > 0.2)
    # The second is the nearest of all that are not around the first.
    order, _ = by_hand(3000)
    for i in (0, 300, 699):
        away = np.linalg.norm(places[order[i]] - places[rows[i, 0]], axis=1) > 0.2
        assert rows[i, 1] == order[i][away][0]


def test_where_no_row_is_apart_there_is_none():
    found = nearest_apart(TABLE, np.zeros((3000, 2)), QUERIES[:3], 2, 0.1)
    np.testing.assert_array_equal(found.row[:, 1], -1)
    assert np.all(np.isinf(found.square[:, 1]))


def test_moving_table_and_queries_alike_changes_nothing():
    one, other = nearest(TABLE, QUERIES, 3), nearest(TABLE + 1e4, QUERIES + 1e4, 3)
    np.testing.assert_array_equal(one.row, other.row)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nearest(np.zeros((0, 3)), np.zeros((1, 3))), "table: it is empty"),
        (lambda: nearest(np.zeros((2, 3)), np.zeros((0, 3))), "queries: there are none"),
        (
            lambda: nearest(np.zeros((2, 3)), np.zeros((1, 4))),
            "queries have 4 columns",
        ),
        (lambda: nearest(np.zeros((2, 3)), np.zeros((1, 3)), 3), "count = 3: expected 1 to 2"),
        (
            lambda: nearest(np.zeros((2, 3)), np.zeros((1, 3)), used=np.ones((2, 3), bool)),
            r"used has shape \(2, 3\); accepted: \(1, 3\)",
        ),
        (
            lambda: nearest_apart(np.zeros((2, 3)), np.zeros((1, 2)), np.zeros((1, 3)), 1, 1.0),
            "places has 1 rows, the table 2",
        ),
        (
            lambda: nearest_apart(np.zeros((2, 3)), np.zeros((2, 2)), np.zeros((1, 3)), 1, -1.0),
            "radius = -1: expected 0 or more",
        ),
    ],
)
def test_bad_input_is_refused(untyped, call, message):
    with pytest.raises(LeopntError, match=message):
        call()
