"""The limit holds inside, nests, and is lifted afterwards."""

import numpy as np
import pytest

from leopnt.inference.blas_threads import blas_threads, one_blas_thread


def test_the_limit_holds_inside_and_is_lifted_afterwards(evidence):
    before = blas_threads()
    with one_blas_thread():
        with one_blas_thread():
            pass
        inside = blas_threads()  # the inner block does not lift it
        product = np.ones((300, 300)) @ np.ones((300, 300))
    assert product[0, 0] == 300.0
    assert blas_threads() == before
    evidence(
        "inference.blas_threads",
        "threads beyond one inside the block",
        "what OpenBLAS reports",
        "implementation",
        achieved=max((count - 1 for count in inside), default=0),
        tolerance=0,
    )


def fail():
    with one_blas_thread():
        raise KeyError("inside")


def test_the_limit_is_lifted_after_an_error():
    before = blas_threads()
    with pytest.raises(KeyError):
        fail()
    assert blas_threads() == before
