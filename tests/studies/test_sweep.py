"""Sweeps: order, counts, distributions and the sentences on what cannot be laid out."""

import itertools

import numpy as np
import pytest

from leopnt.studies.sweep import MAX_POINTS, SweepSettings, expand, points_of, sweep_problems

RANGE = {"low": 1.0, "high": 100.0, "num": 3}


def points(**table):
    return expand(SweepSettings.model_validate(table))


# Layout


def test_a_study_without_a_sweep_has_one_point_without_values():
    assert expand(None) == [{}]
    assert points_of(None) == [{}]


def test_a_grid_counts_like_an_odometer_with_the_last_parameter_fastest():
    values = {"a": [1, 2], "b": ["x", "y", "z"], "c": [0.5, 0.25]}
    found = points(values=values)
    assert found == [
        {"a": a, "b": b, "c": c} for a in (1, 2) for b in ("x", "y", "z") for c in (0.5, 0.25)
    ]


def test_a_list_takes_values_side_by_side():
    found = points(kind="list", values={"a": [1, 2, 3], "b": [9.0, 8.0, 7.0]})
    assert found == [{"a": 1, "b": 9.0}, {"a": 2, "b": 8.0}, {"a": 3, "b": 7.0}]


def test_ranges_are_arithmetic_and_geometric_sequences_with_both_ends():
    linear = [one["a"] for one in points(values={"a": {**RANGE, "num": 100}})]
    np.testing.assert_allclose(linear, np.arange(1, 101), rtol=1e-15)
    log = [one["a"] for one in points(values={"a": {**RANGE, "spacing": "log"}})]
    np.testing.assert_allclose(log, [1.0, 10.0, 100.0], rtol=1e-14)


def test_ranges_and_lists_mix():
    found = points(kind="list", values={"a": [1, 2, 3], "b": RANGE})
    assert [one["b"] for one in found] == [1.0, 50.5, 100.0]


# Random


def draws(count=20_000, seed=0, **values):
    found = points(kind="random", points=count, seed=seed, values=values)
    return {name: np.array([one[name] for one in found]) for name in values}


def test_random_values_have_the_moments_of_their_distributions(evidence):
    low, high, count = 2.0, 50.0, 20_000
    found = draws(
        count,
        flat={"low": low, "high": high},
        log={"low": low, "high": high, "spacing": "log"},
    )
    span, logs = high - low, np.log(high / low)
    # uniform: mean (a + b)/2, variance (b - a)^2/12; 1/x: mean (b - a)/ln(b/a),
    # mean square (b^2 - a^2)/(2 ln(b/a))
    mean = span / logs
    sigma = np.sqrt((high**2 - low**2) / (2 * logs) - mean**2)
    standard = {
        "flat": ((low + high) / 2, span / np.sqrt(12)),
        "log": (mean, sigma),
    }
    for name, (expected, deviation) in standard.items():
        off = abs(found[name].mean() - expected) / (deviation / np.sqrt(count))
        evidence(
            "studies.sweep",
            f"mean of random values, {name}",
            "moments of the distribution",
            "closed form",
            achieved=off,
            tolerance=4.0,
            unit="standard errors",
        )
        np.testing.assert_allclose(found[name].std(), deviation, rtol=0.03)
        assert found[name].min() >= low
        assert found[name].max() <= high
    # the logarithm of the log-uniform one is uniform: its quantiles are on a line
    quantiles = np.quantile(np.log(found["log"]), [0.25, 0.5, 0.75])
    np.testing.assert_allclose(
        quantiles, np.log(low) + logs * np.array([0.25, 0.5, 0.75]), atol=0.08
    )


def test_random_parameters_are_independent_and_lists_are_drawn_evenly():
    found = draws(a={"low": 0.0, "high": 1.0}, b={"low": 0.0, "high": 1.0}, c=["x", "y", "z"])
    assert abs(np.corrcoef(found["a"], found["b"])[0, 1]) < 4 / np.sqrt(20_000)
    shares = [np.mean(found["c"] == one) for one in "xyz"]
    np.testing.assert_allclose(shares, 1 / 3, atol=4 * np.sqrt(2 / 9 / 20_000))


def test_the_seed_decides_the_random_points():
    one, again, other = (draws(50, seed, a={"low": 0.0, "high": 1.0})["a"] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.any(one == other)


def test_more_random_points_do_not_change_the_first_of_a_single_parameter():
    few, many = (draws(count, a={"low": 0.0, "high": 1.0})["a"] for count in (5, 50))
    assert np.array_equal(few, many[:5])


# Mistakes

LIST_OR_RANGE = "a list of values, or a table with low, high, num and spacing"
ENDLESS = 16**5000  # as 0xfff... in TOML; Python refuses to print it in decimals


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({}, '[sweep] values: missing; expected a table as "errors.x" = [1, 2].'),
        ({"values": {}}, '[sweep] values: missing; expected a table as "errors.x" = [1, 2].'),
        ({"kind": "list"}, "[sweep] values: missing"),
        (
            {"kind": "random", "values": {"a": [1]}},
            "[sweep] points: missing; expected the number of random points.",
        ),
        (
            {"points": 3, "values": {"a": [1]}},
            "[sweep] points: goes with kind = 'random' only, not with 'grid'.",
        ),
        (
            {"kind": "list", "values": {"a": [1], "b": [1, 2]}},
            "[sweep] values: a list needs equally many of each; a has 1, b has 2.",
        ),
        (
            {"values": {"a": {**RANGE, "num": 400}, "b": {**RANGE, "num": 400}}},
            f"[sweep] values: 160000 points; expected at most {MAX_POINTS}.",
        ),
        (
            {"values": {str(i): {**RANGE, "num": MAX_POINTS} for i in range(80)}},
            f"points; expected at most {MAX_POINTS}.",
        ),
        (
            {"kind": "list", "values": {"a": [0] * (MAX_POINTS + 1)}},
            f"[sweep] values: {MAX_POINTS + 1} points; expected at most {MAX_POINTS}.",
        ),
        ({"values": {"a": 3}}, f"[sweep.values] a = 3: expected {LIST_OR_RANGE}"),
        ({"values": {"a": []}}, f"[sweep.values] a = []: expected {LIST_OR_RANGE}"),
        ({"values": {"a": [[1]]}}, "numbers or texts."),
        ({"values": {"a": [{"b": 1}]}}, "numbers or texts."),
        ({"values": {"a": [[ENDLESS]]}}, "a = a list that holds an endless number: expected"),
        (
            {"kind": "random", "points": 1, "values": {"a": 3}},
            "expected a list to draw from, or a table with low, high and spacing",
        ),
        (
            {"values": {"errors": {"code_sigma_m": [1]}}},
            '[sweep.values] errors: write the whole path in quotes, as "errors.code_sigma_m" = ',
        ),
        (
            {"values": {"a": {**RANGE, "step": 1}}},
            "[sweep.values] a: unknown key 'step'. Accepted: high, low, num, spacing.",
        ),
        (
            {"kind": "random", "points": 1, "values": {"a": RANGE}},
            "[sweep.values] a: unknown key 'num'. Accepted: high, low, spacing.",
        ),
        ({"values": {"a": {"high": 1.0, "num": 2}}}, "[sweep.values] a low: expected a number"),
        ({"values": {"a": {**RANGE, "low": "x"}}}, "a low = 'x': expected a number"),
        ({"values": {"a": {**RANGE, "low": True}}}, "a low = True: expected a number"),
        ({"values": {"a": {**RANGE, "low": float("nan")}}}, "a low = nan: expected a number"),
        ({"values": {"a": {**RANGE, "high": float("inf")}}}, "a high = inf: expected a number"),
        ({"values": {"a": {**RANGE, "high": 1e308}}}, "of size up to 1e+100."),
        ({"values": {"a": {**RANGE, "high": ENDLESS}}}, "a high = 0x1000"),
        (
            {"values": {"a": {**RANGE, "low": 100.0}}},
            "[sweep.values] a: low = 100.0 is not below high = 100.0.",
        ),
        (
            {"values": {"a": {**RANGE, "spacing": "logg"}}},
            "[sweep.values] a spacing = 'logg': expected 'linear' or 'log'.",
        ),
        (
            {"values": {"a": {**RANGE, "spacing": ["log"]}}},
            "[sweep.values] a spacing = ['log']: expected 'linear' or 'log'.",
        ),
        (
            {"values": {"a": {**RANGE, "low": 0.0, "spacing": "log"}}},
            "[sweep.values] a low = 0.0: expected above 0 with spacing = 'log'.",
        ),
        (
            {"values": {"a": {"low": 0.0, "high": 1.0}}},
            f"[sweep.values] a num: expected a whole number from 2 to {MAX_POINTS}.",
        ),
        ({"values": {"a": {**RANGE, "num": 1}}}, "a num = 1: expected a whole number from 2"),
        ({"values": {"a": {**RANGE, "num": 2.0}}}, "a num = 2.0: expected a whole number"),
        ({"values": {"a": {**RANGE, "num": True}}}, "a num = True: expected a whole number"),
    ],
)
def test_a_sweep_that_cannot_be_laid_out_gets_its_sentence(table, sentence):
    found = list(sweep_problems(table))
    assert any(sentence in one for one in found), found
    assert points_of(table) is None


def test_all_mistakes_of_the_values_come_together():
    found = list(sweep_problems({"values": {"a": 3, "b": [], "c": {**RANGE, "num": 1}}}))
    assert [one.split()[1] for one in found] == ["a", "b", "c"]


def test_what_pydantic_refuses_is_left_to_it():
    for table in ({"kind": "grd", "values": 3}, {"kind": ["grid"]}, {"values": []}):
        assert list(sweep_problems(table)) == []
        assert points_of(table) is None
    assert points_of(3) is None


def test_every_sweep_without_mistakes_can_be_laid_out():
    spacings, ends = ("linear", "log"), ((1e-100, 1e100), (0.1, 0.2), (1, 2))
    for spacing, (low, high), kind in itertools.product(spacings, ends, ("grid", "list", "random")):
        value = {"low": low, "high": high, "spacing": spacing}
        table = {"kind": kind, "values": {"a": value}}
        table |= {"points": 4} if kind == "random" else {}
        value |= {"num": 4} if kind != "random" else {}
        found = points_of(table)
        assert found is not None
        assert len(found) == 4
        assert all(low * (1 - 1e-9) <= one["a"] <= high * (1 + 1e-9) for one in found)
