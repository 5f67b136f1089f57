"""What users know bounds them where nothing is measured: closed forms, by both engines."""

import math

import numpy as np
import pytest

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.methods.coverage import (
    QUANTITIES,
    CompiledEngine,
    MapChunk,
    Prior,
    Pseudorange,
    RangeRate,
    TiledEngine,
    Unknown,
    UserKnowledge,
    equal_angle_grid,
    link_weights,
    unknowns_of,
)

ENGINES = pytest.mark.parametrize(
    "engine", [CompiledEngine(), TiledEngine()], ids=["compiled", "tiled"]
)
BOUNDS = QUANTITIES[6:]
PARTS = ("position_m", "clock_s", "velocity_mps", "drift")


def bounds(engine, knowledge, observables=(Pseudorange(1.0),)):
    """Bounds by name at every place, and the satellites seen there: one above (0 N, 0 E)."""
    pos_m = np.array([[[7e6, 1e3, 2e3]]])
    weights = link_weights(observables, 1)
    chunk = MapChunk(
        equal_angle_grid(math.radians(20.0)), pos_m, np.ones_like(pos_m), math.radians(10.0),
        weights, unknowns_of(knowledge, weights), QUANTITIES,
    )  # fmt: skip
    values = dict(zip(QUANTITIES, engine.values(chunk)[0], strict=True))
    assert 0 < np.sum(values["num_visible"] == 1) < 10
    return values, values["num_visible"] == 0


@ENGINES
def test_a_prior_is_the_bound_where_no_satellite_is_seen(engine, evidence):
    values, nothing = bounds(engine, UserKnowledge(position=Prior(100.0)))
    expected = 100.0 * np.sqrt([3.0, 2.0, 1.0])
    found = np.array([values[name] for name in BOUNDS[:3]])
    is_tiled = isinstance(engine, TiledEngine)
    evidence(
        "methods.coverage.bound" if is_tiled else "methods.coverage.compiled",
        "position, horizontal and vertical bound of a prior of 100 m without satellites, relative",
        "sqrt(3, 2, 1) times 100 m",
        "closed form",
        achieved=np.max(np.abs(found[:, nothing] / expected[:, None] - 1.0)),
        tolerance=1e-14,
    )
    assert np.all(np.isnan(values["clock_s"][nothing]))
    # One range with a clock that is not known tells nothing either.
    np.testing.assert_allclose(found[:, ~nothing], expected[:, None] + 0.0 * found[:, ~nothing])


@ENGINES
def test_each_prior_bounds_its_own_part_and_nothing_else(engine):
    c, root, nan = SPEED_OF_LIGHT_MPS, math.sqrt(3.0), np.nan
    both = (Pseudorange(1.0), RangeRate(0.1))
    cases = [
        (UserKnowledge(clock=Prior(3.0), velocity=Prior(2.0)), (nan, 3.0 / c, 2.0 * root, nan)),
        (
            UserKnowledge(Prior(5.0), Prior(6.0), Prior(7.0), Prior(8.0)),
            (5.0 * root, 6.0 / c, 7.0 * root, 8.0 / c),
        ),
        (UserKnowledge(velocity=Unknown()), (nan, nan, nan, nan)),
    ]
    for knowledge, expected in cases:
        values, nothing = bounds(engine, knowledge, both)
        for name, one in zip(PARTS, expected, strict=True):
            np.testing.assert_allclose(values[name][nothing], one, rtol=1e-14, err_msg=name)


def test_both_engines_bound_the_same_where_little_is_seen():
    both = (Pseudorange(1.0), RangeRate(0.1))
    knowledge = UserKnowledge(Prior(5.0), velocity=Prior(1.0))
    ours, theirs = (bounds(one, knowledge, both)[0] for one in (CompiledEngine(), TiledEngine()))
    for name in BOUNDS:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, err_msg=name)
