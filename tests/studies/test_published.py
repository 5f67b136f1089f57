"""Published numbers: which point they are compared with, and the verdict."""

import numpy as np
import pytest
import xarray as xr
from study_texts import PVT, load_text

from leopnt.errors import LeopntError
from leopnt.studies.published import (
    PublishedTable,
    joint_verdict,
    published_problems,
    unexplained,
    with_verdicts,
)

DATASET = xr.Dataset(
    {
        "rmse_3d": ("point", [1.0, 2.0, np.nan, 4.0]),
        "error_3d_quantile": (("point", "quantile"), np.ones((4, 3))),
        "errors.code_sigma_m": ("point", [0.1 * 3, 2.0, 3.0, 3.0]),
        "constellation.preset": ("point", ["gps", "gps", "gps", "bds-3"]),
    }
)


def published(quantity="rmse_3d", value=1.0, tolerance=0.1, **more):
    number = {"quantity": quantity, "value": value, "tolerance": tolerance, "source": "a paper"}
    return PublishedTable.model_validate(number | more)


def judged(*numbers, widening=None):
    return with_verdicts(DATASET, list(numbers), widening)


def reason(text, ours=1.0, ours_within=0.05):
    return {"why": text, "ours": ours, "ours_within": ours_within}


def test_a_result_without_published_numbers_stays_as_it_is():
    assert judged() is DATASET
    assert unexplained(DATASET) == []


@pytest.mark.parametrize(
    ("more", "ours", "verdict", "text"),
    [
        ({"value": 1.05}, 1.0, "held", ""),
        ({"value": 1.125, "tolerance": 0.125}, 1.0, "held", ""),
        ({"value": 1.2} | reason("their noise"), 1.0, "differs", "their noise"),
        ({"value": 1.2}, 1.0, "differs", "no reason is known"),
        ({"value": 1.05, "fitted": "noise"}, 1.0, "fitted", "noise"),
        ({"value": 1.2, "fitted": "noise"} | reason("axes"), 1.0, "differs", "axes"),
        ({"value": 9.0, "not_reproducible": "no data"}, 1.0, "not reproducible", "no data"),
        ({"quantity": "rmse_2d"}, np.nan, "differs", "the result has no rmse_2d there"),
        (
            {"quantity": "error_3d_quantile"},
            np.nan,
            "differs",
            "the result has no error_3d_quantile there",
        ),
    ],
)
def test_each_number_gets_its_verdict_and_reason(more, ours, verdict, text):
    found = judged(published(**more))
    np.testing.assert_equal(found["ours"].item(), ours)
    assert found["verdict"].item() == verdict
    assert found["verdict_reason"].item() == text
    assert found["published_source"].item() == "a paper"
    assert bool(unexplained(found)) == (verdict == "differs" and not more.get("why"))


@pytest.mark.parametrize(
    ("then", "within", "widening", "is_explained"),
    [
        (1.0, 0.05, 0.0, True),
        (1.04, 0.05, 0.0, True),
        (1.06, 0.05, 0.0, False),
        (1e9, 0.05, 0.0, False),
        (1.06, 0.05, 0.02, True),
        (1.06, 0.05, 0.005, False),
    ],
)
def test_a_reason_counts_for_the_number_it_was_written_for(then, within, widening, is_explained):
    one = published(value=2.0, **reason("axes", ours=then, ours_within=within))
    found = judged(one, widening=[widening])
    assert found["verdict"].item() == "differs"
    assert bool(unexplained(found)) != is_explained
    text = f"ours was {then:g} +- {within:g} when the reason was written: axes"
    assert found["verdict_reason"].item() == ("axes" if is_explained else text)


def test_no_value_of_ours_however_wrong_is_excused(evidence):
    one = published(value=2.0, **reason("axes"))
    wrong = [-1e9, -1.0, 0.9, 1.1, 2.2, 1e9]
    results = [DATASET.assign(rmse_3d=("point", [value] * 4)) for value in wrong]
    passed = [not unexplained(with_verdicts(dataset, [one])) for dataset in results]
    evidence(
        "studies.published",
        "numbers that are neither ours nor published, and pass by a reason",
        "6 wrong numbers",
        "own",
        achieved=passed.count(True),
        tolerance=0,
    )


@pytest.mark.parametrize(
    ("value", "tolerance", "widening", "verdict"),
    [
        (1.05, 0.1, 0.3, "held"),  # without widening
        (1.15, 0.1, 0.09, "held"),  # the tolerance still says more
        (1.15, 0.1, 0.11, "undecided"),
        (1.6, 0.1, 0.6, "undecided"),
        (1.6, 0.1, 0.4, "differs"),
    ],
)
def test_a_number_that_holds_by_a_large_widening_alone_is_undecided(
    value, tolerance, widening, verdict
):
    for more in ({}, {"fitted": "noise"}):
        one = published(value=value, tolerance=tolerance, **more)
        found = judged(one, widening=[widening])
        assert found["verdict"].item() == ("fitted" if more and verdict == "held" else verdict)
        assert bool(unexplained(found)) == (verdict == "differs")
        is_told = "too few trials" in found["verdict_reason"].item()
        assert is_told == (verdict == "undecided")


def test_a_number_known_to_differ_at_full_size_does_not_hold_by_a_wider_tolerance():
    one = published(value=1.15, fitted="noise", **reason("axes", ours=1.02))
    found = judged(one, widening=[0.07])
    assert found["verdict"].item() == "undecided"
    expected = "too few trials: at full size ours is 1.02, and differs: axes"
    assert found["verdict_reason"].item() == expected


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, "check"),
        ({"source": "[a-key], Table 2"}, "paper"),
        ({"source": "Cramer-Rao bound [kay-1993]"}, "check"),
        ({"source": "[a-key]: 'slow'", "kind": "reading"}, "reading"),
        ({"source": "a paper, p. 2", "kind": "paper"}, "paper"),
    ],
)
def test_a_source_that_begins_with_a_key_is_a_paper(more, kind):
    assert judged(published(**more))["published_kind"].item() == kind


def test_rows_of_one_printed_number_are_told_alike():
    rows = [
        published(),
        published(at={"errors.code_sigma_m": 2}),
        published(value=2.0),
        published("rmse_2d"),
        published(printed="n"),
        published(value=2.0, printed="n"),
    ]
    names = judged(*rows)["published_printed"].values.tolist()
    assert [names.index(one) for one in names] == [0, 0, 2, 3, 4, 4]


def test_the_least_favorable_verdict_counts_for_a_printed_number():
    order = ["differs", "undecided", "not reproducible", "fitted", "held"]
    for i in range(len(order)):
        assert joint_verdict(order[i:][::-1]) == order[i]


def test_the_point_is_found_by_numbers_and_texts(evidence):
    cases = [
        ({}, 1.0),
        ({"errors.code_sigma_m": 0.3}, 1.0),  # 0.1 * 3 is not 0.3
        ({"errors.code_sigma_m": 2}, 2.0),
        ({"constellation.preset": "bds-3"}, 4.0),
        ({"constellation.preset": "bds-3", "errors.code_sigma_m": 3.0}, 4.0),
        ({"constellation.preset": "gps", "errors.code_sigma_m": 3.0}, np.nan),
        ({"errors.code_sigma_m": 7.0}, np.nan),
        ({"errors.code_sigma_m": "2.0"}, np.nan),
        ({"errors.code_sigma_m": True}, np.nan),
        ({"errors.code_sigma_m": 10**400}, np.nan),
        ({"constellation.preset": 3}, np.nan),
    ]
    found = judged(*(published(at=at) for at, _ in cases))["ours"].values
    expected = [one for _, one in cases]
    np.testing.assert_array_equal(found, expected)
    evidence(
        "studies.published",
        "points found by the values of swept parameters",
        "a table of 4 points",
        "own",
        achieved=np.sum(~((found == expected) | (np.isnan(found) & np.isnan(expected)))),
        tolerance=0,
        unit="wrong points",
    )


def test_a_number_that_differs_without_a_reason_is_said_with_both_values():
    at = {"errors.code_sigma_m": 2}
    found = judged(
        published(), published(value=5.0, at=at), published("x", value=5.0, **reason("w"))
    )
    assert unexplained(found) == [
        "rmse_3d at errors.code_sigma_m = 2: ours is 2, published 5 +- 0.1; no reason is known",
        "x: ours is nan, published 5 +- 0.1; the result has no x there",
    ]


# Checked before the run


def problems(*at, **sweep):
    raw = {"published": [{"at": one} for one in at]}
    return list(published_problems(raw | ({"sweep": sweep} if sweep else {})))


@pytest.mark.parametrize(
    ("at", "sweep", "sentence"),
    [
        ({"a": 1}, {}, "published[0].at a = 1: is not swept. Swept: nothing."),
        ({"b": 1}, {"values": {"a": [1]}}, "published[0].at b = 1: is not swept. Swept: a."),
        (
            {"a": 3},
            {"values": {"a": [1, 2.5]}},
            "published[0].at a = 3: no point of the sweep has it; expected one of (1), (2.5).",
        ),
        (
            {"a": "y"},
            {"values": {"a": ["x"]}},
            "published[0].at a = 'y': no point of the sweep has it; expected one of ('x').",
        ),
        (
            {"a": 1, "b": 2},
            {"kind": "list", "values": {"a": [1, 2], "b": [1, 2]}},
            "published[0].at a = 1, b = 2: no point of the sweep has it; expected one of (1, 1), "
            "(2, 2).",
        ),
        (
            {"a": 1.25},
            {"values": {"a": {"low": 1.0, "high": 2.0, "num": 3}}},
            "no point of the sweep has it; expected one of (1.0), (1.5), (2.0).",
        ),
        (
            {"a": 50},
            {"values": {"a": list(range(20))}},
            "expected one of (0), (1), (2), (3), (4), (5), (6), (7), ....",
        ),
        (
            {"a": 0.5},
            {"kind": "random", "points": 1, "values": {"a": {"low": 0.0, "high": 1.0}}},
            "no point of the sweep has it; expected one of (0.6369616873214543).",
        ),
    ],
)
def test_a_number_at_no_point_of_the_sweep_is_refused(at, sweep, sentence):
    (found,) = problems(at, **sweep)
    assert sentence in found


def test_numbers_at_points_of_the_sweep_are_accepted():
    values = {"a": {"low": 0.1, "high": 0.5, "num": 5}, "b": ["x", "y"]}
    assert problems({}, {"a": 0.3}, {"b": "y"}, {"a": 0.1, "b": "x"}, values=values) == []


def test_what_pydantic_or_the_sweep_refuse_is_left_to_them():
    assert problems(3, {"a": [1]}, {"a": {}}, values={"a": [1]}) == []
    assert problems({"a": 2}, kind="grd", values={"a": [1]}) == []
    assert problems({"a": 2}, values={"a": []}) == []
    for listed in (3, "x", [3], {}):
        assert list(published_problems({"published": listed})) == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"why": "axes"},
            "published[0].why = 'axes': a reason counts for one number of ours; expected ours and "
            "ours_within, too.",
        ),
        ({"why": "axes", "ours": 3.0}, "published[0].why = 'axes': a reason counts for one number "
         "of ours; expected ours_within, too."),
        ({"ours": 3.0}, "published[0].ours = 3.0: a reason counts for one number of ours; expected "
         "why and ours_within, too."),
        ({"ours_within": 3.0}, "expected why and ours, too."),
        (
            reason("axes", ours=1.05),
            "published[0].ours = 1.05: is within 0.1 of the published 1.0 and needs no reason; "
            "expected a number that differs, or none of why, ours and ours_within.",
        ),
    ],
)  # fmt: skip
def test_a_reason_without_its_number_or_without_need_is_refused(more, sentence):
    (found,) = published_problems({"published": [{"value": 1.0, "tolerance": 0.1} | more]})
    assert sentence in found


def test_a_reason_with_its_number_is_accepted_and_other_types_are_left_to_pydantic():
    base = {"value": 1.0, "tolerance": 0.1}
    more = [reason("axes", ours=one) for one in (1.2, "x", 10**400, True)]
    rows = [base, base | {"why": ""}, *(base | one for one in more)]
    assert list(published_problems({"published": rows})) == []


def test_mistakes_of_published_numbers_are_refused_with_the_file(tmp_path):
    number = '[[published]]\nquantity = ""\nvalue = nan\ntolerance = 0\nat = { x = [1] }\nwhat = 1'
    with pytest.raises(LeopntError) as caught:
        load_text(tmp_path, PVT + number)
    for sentence in (
        "published[0].quantity = '': expected the name of a variable of the result.",
        "published[0].value = nan: expected the published number, in the unit of the variable.",
        "published[0].tolerance = 0: expected how far ours may be from it",
        "published[0].source: missing; expected text: paper, and table or figure.",
        "published[0].at.x = [1]: expected a table: values (numbers, texts) of swept parameters",
        "published[0].what: unknown key.",
    ):
        assert sentence in str(caught.value)


# Slopes

SPACING, MOTION = "geometry.slot_spacing_s", "geometry.motion"


def law(slope):
    """A point-by-point power law over two motions."""
    spacing = np.array([0.1, 0.3, 1.0, 0.1, 0.3, 1.0])
    values = np.append(2.0 * spacing[:3] ** slope, 7.0 * spacing[3:] ** 3)
    names = np.array(["seed"] * 3 + ["orbit"] * 3)
    return xr.Dataset(
        {
            "bound": ("point", values, {"units": "m"}),
            SPACING: ("point", spacing),
            MOTION: ("point", names),
        }
    )


@pytest.mark.parametrize("slope", [-2.0, -0.4, 1.0])
def test_the_slope_of_a_power_law_is_its_power(slope, evidence):
    one = published(
        "bound",
        at={SPACING: 1.0, MOTION: "seed"},
        slope_from={SPACING: 0.1},
        value=slope,
        tolerance=0.01,
    )
    found = with_verdicts(law(slope), [one])
    evidence(
        "studies.published",
        f"slope of a power law of {slope:g}, both axes logarithmic",
        "its power",
        "closed form",
        achieved=abs(found["ours"].item() - slope),
        tolerance=1e-12,
    )
    assert found["verdict"].item() == "held"
    assert found["published_quantity"].item() == "slope of bound"
    assert found["published_units"].item() == "1"
    assert found["published_at"].item() == f"{SPACING} = 0.1 to 1.0, {MOTION} = seed"


def test_a_slope_without_positive_ends_is_no_number():
    dataset = law(1.0)
    dataset["bound"][0] = np.nan
    one = published("bound", at={SPACING: 1.0}, slope_from={SPACING: 0.1})
    assert np.isnan(with_verdicts(dataset, [one])["ours"].item())
    dataset["bound"][0] = 0.0
    assert np.isnan(with_verdicts(dataset, [one])["ours"].item())


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        ({"b": 1.0}, "slope_from = {'b': 1.0}: expected one value, of one of: a, m."),
        ({"a": 1.0, "m": "x"}, "expected one value, of one of: a, m."),
        ({"a": 2.0}, "slope_from a = 2.0: expected a positive number other than that of at."),
        ({"m": "y"}, "slope_from m = 'y': expected a positive number other than that of at."),
        ({"a": -1.0}, "slope_from a = -1.0: expected a positive number other than that of at."),
        ({"a": 3.0}, "slope_from a = 3.0, m = 'x': no point of the sweep has it; expected one of"),
    ],
)
def test_a_slope_that_begins_nowhere_is_refused(start, sentence):
    values = {"a": [-1.0, 1.0, 2.0], "m": ["x", "y"]}
    one = {"at": {"a": 2.0, "m": "x"}, "slope_from": start}
    (found,) = published_problems({"published": [one], "sweep": {"values": values}})
    assert sentence in found


def test_a_slope_between_points_of_the_sweep_is_accepted():
    one = {"at": {"a": 2.0}, "slope_from": {"a": 1.0}}
    assert list(published_problems({"published": [one], "sweep": {"values": {"a": [1, 2]}}})) == []
