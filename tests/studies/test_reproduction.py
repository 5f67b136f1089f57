"""`leopnt reproduce --all`: every study, one page; failures, interruptions, exit codes."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tiny_study
import xarray as xr

from leopnt.cli import main
from leopnt.report.reproduction_html import reproduction_html
from leopnt.report.verdict_words import counted_verdicts
from leopnt.studies import Interrupted, library, reproduction
from leopnt.studies.method import MODULES
from leopnt.studies.seeds import Beyond, Seed, Shown

NUMBER = '[[published]]\nquantity = "{}"\nvalue = {}\ntolerance = {}\nsource = "a paper"\n{}\n'
HELD = NUMBER.format("rmse_3d", 2 * math.sqrt(3), 0.2, "")
WHY = 'why = "they count <axes>"\nours = {}\nours_within = 0.3'
EXPLAINED = NUMBER.format("mean_nees", 9.0, 0.2, WHY.format(3.0))
NO_DATA = NUMBER.format("rmse_3d", 9.0, 0.2, 'not_reproducible = "no data"')
UNKNOWN = NUMBER.format("bound_3d", 9.0, 0.2, "")
SEED = Seed(
    "a-key",
    "A & B",
    (
        Shown("Figure 1", "a drawing", (), "no numbers"),
        Shown("Figure 2", "errors", ("tiny/good", "tiny/odd"), ""),
    ),
)
BEYOND = Beyond("More", ("tiny/broken",))


@pytest.fixture
def catalogue(monkeypatch, tmp_path):
    """Make studies the only ones of the catalogue, in an empty working folder."""
    monkeypatch.setitem(MODULES, "tiny", "tiny_study")
    monkeypatch.setattr("leopnt.studies.seeds.seeds", lambda: [SEED])
    monkeypatch.setattr("leopnt.studies.seeds.beyond", lambda: [BEYOND])
    monkeypatch.chdir(tmp_path)

    def only(**texts):
        entries = []
        for name, text in texts.items():
            path = tmp_path / f"{name}.toml"
            path.write_text('about = "x"\n' + tiny_study.study_text(extra=text))
            entries.append(library.Entry(f"tiny/{name}", "tiny", f"about {name}", path))
        monkeypatch.setattr(library, "catalog", lambda: entries)

    return only


def run(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, words)])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_one_page_tells_of_every_study_and_a_failure_stops_no_other(capsys, catalogue, evidence):
    catalogue(broken="[noize]\nx = 1\n", good=HELD + EXPLAINED + NO_DATA, odd=UNKNOWN)
    code, out, err = run(capsys, "reproduce", "--all")
    assert code == 1
    assert "1 of 3 studies FAILED." in out
    lines = err.splitlines()
    assert "1 of 3  tiny/broken: FAILED: " in err
    assert "2 of 3  tiny/good: 1 held, 1 differs, 1 not reproducible (" in err
    assert lines[-1].startswith("tiny/odd differs: bound_3d: ours is 3.4641, published 9 +- 0.2;")
    assert any(line.startswith("tiny/broken failed: ") for line in lines)
    found = xr.load_dataset("out/reproduce/summary.nc")
    stored = json.loads(Path("out/reproduce/summary.json").read_text())
    counts = [int(found[f"study_{one}"].sum()) for one in ("held", "differs", "not_reproducible")]
    evidence(
        "studies.reproduction",
        "verdicts of four numbers of known verdict that are counted wrong",
        "the numbers' files",
        "own",
        achieved=sum(abs(a - b) for a, b in zip(counts, (1, 2, 1), strict=True)),
        tolerance=0,
    )
    assert found["number_study"].values.tolist() == [1, 1, 1, 2]
    assert found["study_unexplained"].values.tolist() == [0, 0, 1]
    assert "number_verdict" in json.dumps(stored)
    page = Path("out/reproduce/index.html").read_text()
    assert '<a href="tiny/good/report.html">tiny/good</a>' in page
    assert 'href="tiny/broken/report.html"' not in page
    for text in ("A &amp; B", "not covered", "no numbers", "they count &lt;axes&gt;", "no data",
                 "1 of 2", "All 4 numbers beside ours", "What the verdicts mean",
                 "beyond the tolerance; where the study knows a reason"):  # fmt: skip
        assert text in page, text
    assert Path("out/reproduce/tiny/good/report.html").is_file()


def test_numbers_that_hold_exit_with_0_and_are_read_back(capsys, catalogue):
    catalogue(good=HELD)
    assert run(capsys, "reproduce", "--all", "-q", "--full")[0] == 0
    first = Path("out/reproduce-full/tiny/good/trials.nc").stat().st_mtime_ns
    code, out, err = run(capsys, "reproduce", "--all", "-q", "--full", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["kind"] == "reproduction"
    assert Path("out/reproduce-full/tiny/good/trials.nc").stat().st_mtime_ns == first


def test_a_run_that_is_stopped_says_how_to_go_on(capsys, catalogue, monkeypatch):
    catalogue(good=HELD, odd=UNKNOWN)
    real = reproduction.run_study

    def stop_at_odd(study, folder, **how):
        if study.path.stem == "odd":
            raise Interrupted(1, 5)
        return real(study, folder, **how)

    monkeypatch.setattr(reproduction, "run_study", stop_at_odd)
    code, _, err = run(capsys, "reproduce", "--all", "-q")
    assert code == 130
    assert "interrupted: 1 studies are done, in out" in err
    monkeypatch.setattr(reproduction, "run_study", real)
    assert run(capsys, "reproduce", "--all", "-q")[0] == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "give the NAME of a study (see `leopnt list`), or --all."),
        (["pvt/matched", "--all"], "give the NAME of a study (see `leopnt list`), or --all."),
        (["pvt/matched", "--full"], "--full goes with --all; a single study always runs in full."),
    ],
)
def test_a_name_and_all_exclude_each_other(capsys, words, sentence):
    code, _, err = run(capsys, "reproduce", *words)
    assert code == 2
    assert sentence in err


def test_a_defect_of_a_study_is_a_failure_of_that_study(capsys, catalogue, monkeypatch):
    catalogue(good=HELD)

    def defect(*args, **how):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(reproduction, "run_study", defect)
    code, _, err = run(capsys, "reproduce", "--all", "-q")
    assert (code, err) == (1, "tiny/good failed: RuntimeError: no such luck\n")


def test_what_holds_by_a_wider_tolerance_alone_is_told_and_undecided_if_it_grew_much(
    capsys, catalogue
):
    # The error is 3.46 m; 2500 of 10000 trials of 2 cases: 0.4 % of it are a standard error.
    undecided = NUMBER.format("rmse_3d", 3.47, 1e-9, "")
    catalogue(near=undecided + HELD + NUMBER.format("rmse_3d", 3.58, 0.08, ""))
    path = Path("near.toml")
    path.write_text(path.read_text().replace("trials = 500", "trials = 10000"))
    code, out, err = run(capsys, "reproduce", "--all", "--format", "json", "--format", "html")
    assert code == 0
    assert "1 of 1  tiny/near: 2 held, 1 undecided (" in err
    told = " ".join(out.split())
    assert "papers print, each counted once: none. Checks" in told
    assert "independent implementations, 3: 2 held, 1 undecided." in told
    assert "Undecided: 1 number, of too few trials: they hold by a wider tolerance alone." in told
    assert "Of those held 1 did so by a wider tolerance: --full decides." in told
    page = Path("out/reproduce/index.html").read_text()
    for text in ("For a run in full to decide", "For a run in full to confirm", "too few trials"):
        assert text in page, text
    found = xr.load_dataset("out/reproduce/summary.nc")
    assert found["study_undecided"].values.tolist() == [1]
    assert found["total_undecided"].values.tolist() == [0, 0, 1]
    report = Path("out/reproduce/tiny/near/report.html").read_text()
    assert "Of 3 checks against theory or another implementation: 2 held, 1 undecided." in report


def test_a_number_that_papers_print_counts_once_and_apart_from_checks(capsys, catalogue, evidence):
    printed = HELD.replace("a paper", "[a-key], Table 1")
    catalogue(
        good=printed + printed + HELD,
        odd=printed + "fitted = 'axes'\n" + printed.replace("3.46", "3.47"),
        words=printed + 'kind = "reading"\n' + EXPLAINED + 'kind = "paper"\nprinted = "n"\n'
        + HELD + 'kind = "paper"\nprinted = "n"\n',
    )  # fmt: skip
    code, out, _ = run(capsys, "reproduce", "--all", "--full")
    told = " ".join(out.split())
    assert code == 0
    lead = "3 studies, 3 numbers that papers print, each counted once: 1 held, 1 fitted, 1 differs."
    assert lead in told
    assert "Checks against theory and independent implementations, 1: 1 held." in told
    assert "Readings of what papers say in words or leave open, 1: 1 held." in told
    found = xr.load_dataset("out/reproduce-full/summary.nc")
    names = ("total_held", "total_fitted", "total_differs")
    counts = np.array([found[name].values for name in names])
    evidence(
        "studies.reproduction",
        "printed numbers, readings and checks of eight rows that are counted wrong",
        "the numbers' files",
        "own",
        achieved=np.abs(counts - [[1, 1, 1], [1, 0, 0], [1, 0, 0]]).sum(),
        tolerance=0,
    )
    assert found["total_kind"].values.tolist() == ["paper", "reading", "check"]
    assert found["number_counted"].values.tolist() == [1, 0, 1, 0, 1, 1, 1, 0]


def test_a_folder_that_cannot_be_made_is_refused_before_anything_runs(
    capsys, catalogue, monkeypatch
):
    catalogue(good=HELD, odd=UNKNOWN)
    Path("taken").write_text("x")
    ran = []
    monkeypatch.setattr(reproduction, "run_study", lambda *args, **how: ran.append(args))
    code, out, err = run(capsys, "reproduce", "--all", "--out", "taken")
    assert (code, out, ran) == (2, "", [])
    assert err == "error: cannot make the folder 'taken': File exists.\n"


def test_a_reason_of_another_number_of_ours_does_not_count(capsys, catalogue):
    catalogue(good=NUMBER.format("mean_nees", 9.0, 0.2, WHY.format(5.0)))
    code, out, err = run(capsys, "reproduce", "--all")
    assert code == 1
    assert "ours was 5 +- 0.3 when the reason was written: they count <axes>" in err
    assert "DIFFERENT for no known reason: 1 number." in out


def test_an_empty_catalogue_gives_an_empty_page():
    page = reproduction_html(reproduction.reproduction([], [SEED], []))
    assert "0 studies, 0 numbers that papers print, each counted once: none." in page
    assert counted_verdicts(["held", "fitted", "held"]) == "2 held, 1 fitted"
    assert counted_verdicts(["differs"]) == "1 differs"
    assert counted_verdicts(["differs"] * 6) == "6 differ"
