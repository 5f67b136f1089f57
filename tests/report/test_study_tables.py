"""Words and tables of a study: counts add up, verdicts and gaps are said."""

import json

import numpy as np
import pytest
from synthetic_studies import (
    UNLIKELY,
    make_checked_study,
    make_incomplete_study,
    make_reproduced_study,
    make_single_study,
    make_study,
)

from leopnt.errors import LeopntError
from leopnt.report import plain_text, study_content, study_summary, study_tables, study_words


def sentences(study):
    return " ".join(study_words.study_sentences(study))


def test_trials_are_counted_over_points_and_cases():
    words = sentences(make_study())
    assert (
        "72,000 trials of pvt at 18 points of the sweep, over 200 cases (8 users, 25 epochs)"
        in words
    )
    assert "71,418 solved (99.2 %)" in words
    assert "Not solved: 582; of these 540 (fewer usable measurements than unknowns), 42 (" in words


def test_best_and_worst_error_are_compared_with_the_bound():
    words = sentences(make_study())
    # 2.5 * 0.5 m * (1 + 5/30) * 1.01 and 2.5 * 20 m * (1 + 25/30) * 1.18
    assert "best 1.47 m at code noise 0.5 m, elevation mask 5 deg" in words
    assert "worst 108 m at code noise 20 m, elevation mask 25 deg" in words
    assert "That is 1.010 ± 0.012 to 1.180 ± 0.012 times the Cramer-Rao bound." in words


def test_single_point_is_compared_in_one_sentence():
    words = sentences(make_single_study())
    assert "4,000 trials of pvt, over 1 case (1 user, 1 epoch)" in words
    assert "RMSE): 6.73 m, 1.010 ± 0.012 times the Cramer-Rao bound of 6.67 m." in words


def test_incomplete_and_not_finite_come_first():
    lead = study_words.study_sentences(make_incomplete_study())[0]
    assert lead == (
        "INCOMPLETE: 7,980 of 12,000 trials are missing, at 2 of 3 points; run the study again to "
        "resume it. NOT FINITE: 3 trials gave numbers that are not finite; no average contains "
        "them."
    )


def test_few_solved_trials_are_said():
    assert (
        "The statistics of 1 point rest on fewer than 30 solved trials (the fewest: 12)."
        in sentences(make_incomplete_study())
    )
    single = make_single_study()
    single["solved"][:] = 1
    assert "The statistics rest on only 1 solved trial." in sentences(single)


def test_nothing_solved_has_no_error():
    study = make_incomplete_study().isel(point=[2])
    assert "There is no error statistic: no point has a solved trial." in sentences(study)
    assert study_words.needs_attention(study)


def test_all_solved_is_said_and_needs_no_attention():
    study = make_single_study()
    study["solved"][:], study["not_solved"][:], study["count"][:] = 4000, 0, [[4000, 0, 0]]
    assert "(1 user, 1 epoch): all solved." in sentences(study)
    assert "Not solved" not in sentences(study)
    assert not study_words.needs_attention(study)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(1, 2, "50.0 %"), (999_999, 1_000_000, "99.9999 %"), (1, 100_000, "0.001 %"),
     (5, 5, "100.0 %"), (0, 5, "0.0 %"), (0, 0, "0.0 %")],
)  # fmt: skip
def test_a_share_is_100_percent_only_of_all(part, whole, text):
    assert study_words.share(part, whole) == text


def test_counts_of_the_outcomes_add_up_to_the_trials():
    study = make_incomplete_study()
    rows = {row[0]: int(row[1].replace(",", "")) for row in study_content.outcomes(study).rows}
    not_finite = rows.pop("of these not finite")
    assert not_finite == 3
    assert sum(rows.values()) == int(study["trials"].sum())


def test_outcome_names_the_point_where_it_was_most_frequent():
    rows = {row[0]: row for row in study_content.outcomes(make_incomplete_study()).rows}
    assert rows["missing"][3] == "5 m, 10 deg"
    assert rows[UNLIKELY][3] == "1 m, 10 deg"


def test_points_without_a_solved_trial_show_no_number():
    table = study_content.points(make_incomplete_study(), 99)
    assert table.rows[2][3] == "0 *"
    assert set(table.rows[2][4:7]) == {"-"}
    assert table.rows[1][3] == "12 *"
    assert "fewer than 30 solved trials" in table.note


def test_mismatched_bound_has_its_column_where_it_exists():
    study = make_study()
    wrong = study.assign(mismatched_bound_3d=study["bound_3d"].copy())
    assert "Mismatched bound 3D [m]" in study_content.points(wrong, 99).columns
    assert "Mismatched bound 3D [m]" not in study_content.points(study, 99).columns


def test_texts_that_were_swept_are_listed_as_they_are():
    study = make_study((1.0, 2.0), (5.0,))
    names = ("point", np.array(["[gps]", "bds-3"]), {"units": "1", "long_name": "constellation"})
    named = study.drop_vars("errors.code_sigma_m").assign({"errors.code_sigma_m": names})
    table = study_content.points(named, 99)
    assert [row[0] for row in table.rows] == ["[gps]", "bds-3"]
    assert not table.numeric[0]
    assert "[gps]" in plain_text(study_summary(named))


def test_published_numbers_stand_as_given_beside_ours():
    table = study_content.published(make_reproduced_study(), 99)
    assert table.columns[3:6] == ("Published", "Tolerance", "Ours")
    assert table.rows[0][1] == "3D error, 95 % [m]"
    assert table.rows[0][0] == "held"
    assert table.rows[0][3:6] == ("4.9", "0.5", "4.800")
    assert table.rows[2][5:7] == ("-", "orbits not given")


def test_papers_and_checks_have_tables_of_their_own_and_papers_come_first():
    study = make_checked_study(num_checks=12)
    papers, checks = study_content.published(study, 99), study_content.checks(study, 99)
    assert [row[0] for row in papers.rows] == ["held", "differs", "not reproducible"]
    assert [row[0] for row in checks.rows] == ["held"] * 12
    assert "Expected" in checks.columns
    assert "Reason" not in checks.columns
    text = plain_text(study_summary(study), 100)
    assert "Of 3 published numbers: 1 held, 1 differs, 1 not reproducible." in text
    assert text.index("other geometry") < text.index("Checks against theory and independent")
    assert "7 more rows" in text
    assert not study_content.checks(make_reproduced_study(), 99).rows


def test_a_reason_that_rows_share_stands_once_below_the_terminal_table():
    study = make_reproduced_study()
    study["verdict_reason"] = ("published", ["a reason of its own"] * 3)
    text = plain_text(study_summary(study), 100)
    assert text.count("a reason of its own") == 1
    assert text.count("(1)") == 4  # three rows and the note


def test_the_verdicts_that_occur_are_explained_and_no_others():
    told = dict(study_content.told_verdicts(make_reproduced_study()).rows)
    assert set(told) == {"held", "differs", "not reproducible"}
    assert "beyond the tolerance" in told["differs"]
    assert not study_content.told_verdicts(make_study()).rows


def test_study_tables_are_cut_and_say_so():
    tables = study_tables(make_reproduced_study(), 1)
    assert [table.title for table in tables] == [
        "Points of the sweep", "How the trials ended", "Ours beside the published",
        "What the verdicts mean", "Evidence"]  # fmt: skip
    assert tables[0].note == "1 more rows are in the NetCDF and JSON files."


def test_evidence_of_a_package_covers_its_modules():
    study = make_single_study().assign_attrs(evidence=json.dumps(["methods.doppler_fix"]))
    parts = {row[0] for row in study_content.evidence(study).rows}
    assert len(parts) > 1
    assert all(part.startswith("methods.doppler_fix") for part in parts)


def test_summary_fits_a_terminal_of_100_columns():
    for make in (make_study, make_incomplete_study, make_reproduced_study, make_single_study):
        text = plain_text(study_summary(make()), 100)
        assert max(map(len, text.splitlines())) <= 100
        assert "…" not in text
    assert "3 more rows" in plain_text(study_summary(make_study()), 100)


def test_summary_of_an_incomplete_study_starts_with_that():
    lines = plain_text(study_summary(make_incomplete_study())).splitlines()
    assert lines[2].startswith("INCOMPLETE: 7,980 of 12,000 trials")


def test_result_of_another_kind_is_refused(fix):
    with pytest.raises(LeopntError, match="kind 'fix'; expected a result of kind 'study'"):
        study_summary(fix)
