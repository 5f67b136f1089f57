"""The evidence table: page and package data list what the run showed, without what varies."""

import evidence_table
import pytest

ROW = {
    "capability": "epochs",
    "quantity": "q",
    "reference": "r",
    "kind": "own",
    "achieved": 1.2345e-9,
    "tolerance": 1e-8,
    "unit": "s",
    "test": "tests/test_epochs.py::test_q",
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence_table, "PAGE", tmp_path / "evidence.md")
    monkeypatch.setattr(evidence_table, "DATA", tmp_path / "evidence.json")
    monkeypatch.setattr(evidence_table, "capabilities", lambda: {"epochs"})
    evidence_table.PAGE.write_text(evidence_table.render([ROW]))
    evidence_table.DATA.write_text(evidence_table.packaged([ROW]))


def test_written_files_pass_their_own_check(files):
    assert list(evidence_table.problems([ROW])) == []


def test_another_achieved_value_is_no_difference(files):
    assert list(evidence_table.problems([ROW | {"achieved": 3e-9}])) == []


@pytest.mark.parametrize("change", [{"tolerance": 2e-8}, {"quantity": "p"}, {"unit": "ms"}])
def test_another_row_is_told_of_page_and_data(files, change):
    found = list(evidence_table.problems([ROW | change]))
    assert any("the page only" in problem for problem in found)
    assert any("the package data only" in problem for problem in found)


def test_rows_that_the_run_lacks_or_exceeds_are_told(files):
    evidence_table.DATA.unlink()
    found = list(evidence_table.problems([ROW | {"achieved": 1.0}]))
    assert any("exceeds its tolerance" in problem for problem in found)
    assert any("not in the package data" in problem for problem in found)
