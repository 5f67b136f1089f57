"""What makes a place available: the quantity of the map, and never another one of its chunk."""

import math

import numpy as np
import pytest

from leopnt.methods.coverage import (
    QUANTITIES,
    CompiledEngine,
    Limit,
    MapChunk,
    Pseudorange,
    TiledEngine,
    UserKnowledge,
    equal_angle_grid,
    link_weights,
    unknowns_of,
)
from leopnt.methods.coverage.from_scene import chunks_of
from leopnt.scenes.map_scene import load_map

WHEREVER = {
    "num_visible": Limit("num_visible", 1.0),
    "position_m": Limit("position_m", math.inf),
    "pdop": Limit("pdop", math.inf),
    "velocity_mps": Limit("velocity_mps", math.inf),
}
"""Limits of files that give none."""

ENGINES = pytest.mark.parametrize(
    "engine", [CompiledEngine(), TiledEngine()], ids=["compiled", "tiled"]
)
GRID = equal_angle_grid(math.radians(30.0))


def ranging(pos_m, limit):
    """All quantities of pseudoranges to satellites at rest."""
    weights = link_weights((Pseudorange(1.0),), pos_m.shape[1])
    unknowns = unknowns_of(UserKnowledge(), weights)
    states = pos_m, np.zeros_like(pos_m)
    return MapChunk(GRID, *states, math.radians(10.0), weights, unknowns, QUANTITIES, limit)


@ENGINES
def test_nothing_is_available_without_satellites_though_the_velocity_is_known(engine):
    nowhere = np.full((2, 1, 3), np.nan)
    for limit in (None, WHEREVER["position_m"], WHEREVER["num_visible"]):
        found = engine.statistics(ranging(nowhere, limit))
        assert not np.any(found.available_share)
        assert np.all(found.longest == 2)
        assert np.all(found.num_solved[QUANTITIES.index("velocity_mps")] == 2)
    assert np.all(
        engine.statistics(ranging(nowhere, WHEREVER["velocity_mps"])).available_share > 0.99
    )


@ENGINES
def test_without_a_limit_a_place_with_satellites_has_them(engine, evidence):
    pos_m = np.random.default_rng(3).normal(size=(4, 40, 3))
    pos_m *= 7.5e6 / np.linalg.norm(pos_m, axis=2, keepdims=True)
    values = engine.values(ranging(pos_m, None))
    for name in ("num_visible", "position_m", "pdop"):
        row = QUANTITIES.index(name)
        is_there = values[:, row] >= 1 if name == "num_visible" else np.isfinite(values[:, row])
        found = engine.statistics(ranging(pos_m, WHEREVER[name]))
        np.testing.assert_array_equal(found.num_available, is_there.sum(axis=0))
        assert 0.0 < is_there.mean() < 1.0
        np.testing.assert_allclose(found.available_share, is_there @ GRID.area_weight)
    evidence(
        "methods.coverage.statistics",
        "epochs at which a place is available, of pdop without a limit",
        "values of all places and epochs that are finite",
        "implementation",
        achieved=np.max(np.abs(found.num_available - np.isfinite(values[:, 2]).sum(axis=0))),
        tolerance=0,
    )


@pytest.mark.parametrize("quantity", ["position_m", "num_visible"])
def test_a_file_without_a_limit_is_judged_by_its_quantity(quantity, tmp_path):
    path = tmp_path / "map.toml"
    path.write_text(
        "[constellation]\npreset = 'iridium'\n[antenna]\nmask_deg = 40\n[map]\nstep_deg = 30\n"
        f"quantity = '{quantity}'\n[measurements]\npseudorange_m = 1\n"
    )
    assert chunks_of(load_map(path))[0]().limit == WHEREVER[quantity]
