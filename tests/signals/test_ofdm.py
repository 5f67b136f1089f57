"""Sums over the grid against plain loops."""

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.signals import OfdmGrid


@pytest.mark.parametrize(("num_sub", "num_symbol"), [(1, 1), (2, 7), (13, 5), (1024, 30)])
def test_sums_in_closed_form_are_the_sums(num_sub, num_symbol, evidence):
    symbol, k = np.meshgrid(np.arange(1.0, num_symbol + 1), np.arange(1.0, num_sub + 1))
    w = np.stack([np.ones(k.size), symbol.ravel(), k.ravel()])
    grid = OfdmGrid(num_sub, 120e3, num_symbol)
    evidence(
        "signals.ofdm",
        "sums of 1, l, k and their products over a grid, relative",
        "sum over all samples",
        "closed form",
        achieved=np.max(np.abs(grid.sums / (w @ w.T) - 1)),
        tolerance=1e-14,
    )
    np.testing.assert_allclose(grid.sub_variance, np.var(k), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(grid.symbol_variance, np.var(symbol), rtol=1e-14, atol=1e-14)


def test_bandwidth_and_symbol_follow_from_the_spacing():
    grid = OfdmGrid(1024, 120e3, 10)
    assert grid.bandwidth_hz == 122.88e6
    assert grid.symbol_s == 1 / 120e3
    assert grid.num_sample == 10240


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_sub": 0}, "num_sub = 0: expected an integer of 1 or more"),
        ({"num_symbol": 2.5}, "num_symbol = 2.5: expected an integer"),
        ({"num_symbol": True}, "num_symbol = True"),
        ({"spacing_hz": 0.0}, "spacing_hz = 0: expected a finite number above 0"),
        ({"spacing_hz": float("nan")}, "spacing_hz = nan"),
        ({"spacing_hz": np.array([1.0, 2.0])}, "spacing_hz: got shape"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(untyped, change, words):
    with pytest.raises(LeopntError, match=words):
        OfdmGrid(**({"num_sub": 4, "spacing_hz": 1.0, "num_symbol": 4} | change))
