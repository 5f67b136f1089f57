"""Percentiles of maps against their definitions, and the memory that they take."""

import dataclasses
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from leopnt.methods.coverage import (
    CompiledEngine,
    coverage_map,
    percentiles_over_area,
    percentiles_over_time,
)
from leopnt.methods.coverage.dataset import map_dataset
from leopnt.methods.coverage.from_scene import chunks_of
from leopnt.scenes.map_scene import load_map

PERCENT = [1.0, 5.0, 29.0, 50.0, 57.0, 95.0, 99.0, 99.9, 100.0]


def by_sorting(values, weight, percent):
    """Smallest value up to which the weights of all that are known reach the share."""
    flat = values.ravel()
    weights = np.tile(weight, flat.size // len(weight))[~np.isnan(flat)]
    flat = flat[~np.isnan(flat)]
    order = np.argsort(flat, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    return [flat[order][np.flatnonzero(share >= one / 100 - 1e-12)[0]] for one in percent]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_percentiles_over_area_are_those_of_sorted_values(dtype, evidence):
    rng = np.random.default_rng(5)
    values = (rng.normal(size=(40, 700)) * 10.0 ** rng.integers(-4, 5, (40, 700))).astype(dtype)
    values[rng.random(values.shape) < 0.2] = np.nan
    values[:3, :5], values[4, 4], values[5] = 0.0, np.inf, 2.5
    weight = rng.random(700)
    found = percentiles_over_area(values, weight, np.array(PERCENT))
    evidence(
        "methods.coverage.percentiles",
        f"weighted percentiles of values of nine decades, {dtype.__name__}",
        "NumPy sort of all values",
        "implementation",
        achieved=np.nanmax(np.abs(found[:-1] - by_sorting(values, weight, PERCENT[:-1]))),
        tolerance=0.0,
    )
    assert found[-1] == np.inf
    nothing = np.full((2, 3), np.nan, dtype)
    assert np.isnan(percentiles_over_area(nothing, np.ones(3), np.array([50.0]))).all()


def map_of_counts(tmp_path, num_epochs, percentiles):
    """A map whose cells see 1, 2, 3, ... satellites in turn."""
    path = tmp_path / "counts.toml"
    path.write_text(
        "[constellation]\npreset = 'gps'\n[map]\nstep_deg = 60\nquantity = 'num_visible'\n"
        f"percentiles = {percentiles}\n[time]\nduration_s = {60 * (num_epochs - 1)}\nstep_s = 60\n"
    )
    scene = load_map(path)
    found = coverage_map([make() for make in chunks_of(scene)], engine=CompiledEngine())
    counts = np.arange(1, num_epochs + 1, dtype=np.float32)[:, None, None]
    kept = np.broadcast_to(counts, found.kept.shape)
    return map_dataset(scene, dataclasses.replace(found, kept=kept))


@pytest.mark.parametrize("num_epochs", [2, 97, 100])
def test_a_number_of_satellites_is_reached_for_as_long_as_it_says(num_epochs, tmp_path):
    result = map_of_counts(tmp_path, num_epochs, PERCENT)
    exact = [Fraction(str(one)) / 100 * num_epochs for one in PERCENT]
    # k satellites or more are seen at N - k + 1 epochs: the most with N - k + 1 >= N p / 100.
    best = [max(k for k in range(1, num_epochs + 1) if num_epochs - k + 1 >= n) for n in exact]
    over_time = result["num_visible_percentile"].values
    np.testing.assert_array_equal(over_time, np.broadcast_to(best, (3, 6, 9)).T.swapaxes(1, 2))
    np.testing.assert_array_equal(result["num_visible_area_percentile"], best)


@pytest.mark.parametrize("of", [percentiles_over_area, percentiles_over_time])
def test_percentiles_take_little_memory_beside_the_values(of):
    values = np.random.default_rng(0).random((80, 100_000)).astype(np.float32)
    extra = (np.full(100_000, 1e-5),) if of is percentiles_over_area else ()
    tracemalloc.start()
    try:
        of(values, *extra, np.array([50.0, 95.0]))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * values.size  # of a part; for many more values it stays as it is
