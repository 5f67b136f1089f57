"""A function over many items gives the same on threads and on processes, and ends as it should."""

import itertools
import math
import os
from concurrent.futures import Future

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.studies import Processes, Threads
from leopnt.studies.tasks import as_they_end, failed


def power(item, shared):
    return np.asarray(item, float) ** shared


def die(item, shared):
    os._exit(9)


@pytest.mark.parametrize("workers", [Threads(3), Processes(1)], ids=str)
def test_every_item_ends_once_with_its_result(workers, evidence):
    found = dict(workers.map(power, iter(range(40)), 3))
    kind = type(workers).__name__.lower()
    evidence(
        "studies.tasks",
        f"cubes that differ in any bit, on {kind}",
        "Python's integers",
        "closed form",
        achieved=sum(found[n] != n**3 for n in range(40)) + abs(len(found) - 40),
        tolerance=0,
    )


@pytest.mark.parametrize("workers", [Threads(2), Processes(1)], ids=str)
def test_an_executor_runs_plain_functions(workers):
    with workers.executor() as pool:
        assert pool.submit(math.pow, 2.0, 5.0).result() == 32.0


def test_items_are_read_only_as_far_as_there_is_room():
    read, futures = itertools.count(), []

    def submit(item):
        futures.append(Future())
        if len(futures) == 1:  # the first has ended, the others never will
            futures[0].set_result("done")
        return futures[-1]

    assert next(as_they_end(submit, read, lambda: 3)) == (0, futures[0])
    assert next(read) == 3


def test_an_error_of_the_function_ends_the_map():
    with pytest.raises(ZeroDivisionError):
        list(Threads(2).map(lambda item, shared: 1 // item, [3, 0, 4]))
    with pytest.raises(ValueError, match="math domain error"):
        list(Processes(1).map(math.log, [-1.0], 2.0))


def test_a_process_that_dies_is_a_sentence():
    with pytest.raises(LeopntError, match="a worker process ended abruptly"):
        list(Processes(1).map(die, [1, 2]))


def test_an_item_may_always_be_under_way():
    ends = as_they_end(lambda item: failed(ArithmeticError(item)), "abc", lambda: 0)
    assert [(number, str(future.exception())) for number, future in ends] == [
        (0, "a"), (1, "b"), (2, "c"),
    ]  # fmt: skip
