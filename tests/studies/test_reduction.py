"""Studies at reduced size: which trials are left out, and what tolerances grow by."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
import tiny_study

from leopnt.studies import Threads, catalog, library, run_study
from leopnt.studies.method import MODULES
from leopnt.studies.reduction import full_size, reduced_size, reduced_text, reduced_trials, widened

NUMBER = '[[published]]\nquantity = "{}"\nvalue = 1.0\ntolerance = 0.5\nsource = "a paper"\n'
QUANTITIES = ("bias_east", "bias_north", "bias_up", "mean_nees", "rmse_3d")
FULL = 8000


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The result of a tiny study in full, and of its first quarter as `widened` judges it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODULES, "tiny", "tiny_study")
        patch.setattr(tiny_study.TinyStudy, "chunk_trials", 4000)
        folder = tmp_path_factory.mktemp("reduction")
        path = folder / "noise.toml"
        rows = "".join(NUMBER.format(name) for name in QUANTITIES)
        path.write_text('about = "x"\n' + tiny_study.study_text(FULL, extra=rows))
        entry = library.Entry("tiny/noise", "tiny", "x", path)
        full = run_study(full_size(entry, folder / "f"), folder / "f", workers=Threads(1))
        study = reduced_size(entry, folder / "r")
        found = run_study(study, folder / "r", workers=Threads(1))
        yield full, widened(study, found, folder / "r", FULL), folder, study


def test_trials_are_a_quarter_but_at_least_a_thousand():
    found = [reduced_trials(one) for one in (1, 10, 1999, 2000, 3000, 5000, 16000)]
    assert found == [1, 10, 1999, 1000, 1000, 1250, 4000]


def test_a_reduced_study_of_the_catalogue_differs_in_its_trials_only():
    for entry in catalog():
        text = entry.path.read_text(encoding="utf-8")
        full, small = tomllib.loads(text), tomllib.loads(reduced_text(text, 7))
        assert small["study"].pop("trials") == 7
        assert full["study"].pop("trials") > 0
        assert small == full, entry.name


def test_a_tolerance_grows_by_three_standard_errors_of_the_difference(runs, evidence):
    _, reduced, _, _ = runs
    number = tiny_study.NUM_CASES * FULL / 4
    # Of a mean of normal errors, of squares (6 for three axes), of the root of their mean.
    sigma = np.array([2.0, 2.0, 2.0, np.sqrt(6.0), 2.0 / np.sqrt(2.0)]) / np.sqrt(number)
    expected = 3.0 * sigma * np.sqrt(0.75)
    widening = reduced["published_widening"].values
    # Four independent numbers of eight groups: 28 degrees of freedom, 13 % of a sigma.
    ratio = np.sqrt(np.mean((widening[:4] / expected[:4]) ** 2))
    evidence(
        "studies.reduction",
        "widening of four tolerances over three standard errors of the difference, minus 1",
        "normal errors",
        "closed form",
        achieved=abs(ratio - 1.0),
        tolerance=0.4,
    )
    np.testing.assert_allclose(widening, expected, rtol=0.9)
    np.testing.assert_allclose(reduced["published_tolerance"].values, 0.5 + widening)


def test_full_and_reduced_numbers_differ_by_less_than_the_tolerance_grew(runs):
    full, reduced, _, _ = runs
    change = np.abs(full["ours"].values - reduced["ours"].values)
    assert np.all(change > 0)
    assert np.all(change < reduced["published_widening"].values)
    assert "Reduced size: the first 2000 of 8000 trials" in reduced.attrs["warnings"]


def test_a_full_run_and_one_without_its_trials_are_judged_as_they_are(runs):
    full, _, folder, study = runs
    assert widened(study, full, folder / "f", 2000) is full
    assert widened(study, full, folder, FULL) is full


def test_a_study_that_keeps_no_trials_runs_in_full(tmp_path, monkeypatch):
    monkeypatch.setitem(MODULES, "tiny", "tiny_study")
    path = Path(tmp_path / "noise.toml")
    text = tiny_study.study_text(FULL, extra="[output]\nkeep_trials = false\n")
    path.write_text('about = "x"\n' + text)
    entry = library.Entry("tiny/noise", "tiny", "x", path)
    assert reduced_size(entry, tmp_path / "r").settings.study.trials == FULL
