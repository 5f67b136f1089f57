"""`leopnt run`, `study`, `list` and `reproduce`: what they print, write and return."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

from leopnt.cli import main
from leopnt.cli.progress import duration

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "studies"))

import tiny_study  # noqa: E402

from leopnt.studies import library, load_study  # noqa: E402
from leopnt.studies.method import MODULES  # noqa: E402

HEAVY = ("jax", "numpy", "scipy", "matplotlib", "xarray", "pandas", "pydantic", "rich", "erfa")
SWEEP = '[sweep.values]\n"noise.sigma_m" = [1.0, 2.0, 4.0]\n'


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    """The tiny study among the methods; the working folder is empty."""
    monkeypatch.setitem(MODULES, "tiny", "tiny_study")
    monkeypatch.chdir(tmp_path)


def run(capsys, *words):
    """Exit code, standard output and standard error of a command in this process."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def written(text, name="noise.toml"):
    """A tiny study in the working folder."""
    Path(name).write_text(tiny_study.study_text(extra=text), encoding="utf-8")
    return name


def complaint(capsys, *words):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, ""), (code, out, err)
    assert "Traceback" not in err
    return err


# Help


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--help"],
        ["study", "-h"],
        ["study", "check", "-h"],
        ["study", "new", "-h"],
        ["study", "schema", "-h"],
        ["list", "-h"],
        ["reproduce", "--help"],
    ],
)
def test_help_loads_nothing_heavy(words):
    code = (
        "import sys\nfrom leopnt.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit as end: assert end.code == 0, end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == "[]"


def test_listing_checking_and_beginning_a_study_compile_nothing():
    code = (
        "import sys\nfrom leopnt.cli.app import _run\n"
        "codes = [_run(one) for one in (['list'], ['study', 'new', 'pvt'], "
        "['study', 'check', 'pvt.toml'])]\n"
        "from jax._src import xla_bridge\nprint(codes, xla_bridge._backends, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == "[0, 0, 0] {}"


def test_the_commands_are_named_in_the_help(capsys):
    _, out, _ = run(capsys, "--help")
    assert all(f"\n  {name} " in out for name in ("run", "study", "list", "reproduce"))
    _, out, _ = run(capsys, "reproduce", "--help")
    words = " ".join(out.split())
    assert "Exit code 1: something failed, or a number differs and no reason is known." in words


# leopnt study


def test_a_checked_study_is_told_by_method_points_and_trials(capsys):
    written(SWEEP)
    assert run(capsys, "study", "check", "noise.toml") == (
        0,
        "noise.toml: no mistakes. Method tiny, 3 points (noise.sigma_m), 500 trials of each "
        "case.\n",
        "",
    )
    written("")
    assert "1 point (no sweep)" in run(capsys, "study", "check", "noise.toml")[1]


def test_five_mistakes_come_in_one_message_and_nothing_runs(capsys):
    written(
        "nose = 1\n[noise]\nsigma_m = -1\nsigma = 2\nnan_every = 1.5\n"
        '[sweep.values]\n"noise.sigma_n" = [1]'
    )
    for words in (["study", "check"], ["run"], ["run", "--dry-run"], ["run", "--json"]):
        err = complaint(capsys, *words, "noise.toml")
        assert "error: noise.toml: 5 mistakes.\n" in err
        for sentence in (
            "[study] nose: unknown key.",
            "[noise] sigma_m = -1: expected a number above 0.",
            "[noise] sigma: unknown key. Did you mean 'sigma_m'?",
            "[noise] nan_every = 1.5: expected a whole number.",
            "[sweep.values] noise.sigma_n: there is no 'noise.sigma_n'. Did you mean "
            "'noise.sigma_m'?",
        ):
            assert sentence in err
    assert [one.name for one in Path().iterdir()] == ["noise.toml"]


@pytest.mark.parametrize("method", ["pvt", "doppler_fix"])
def test_a_new_study_passes_the_check_and_is_never_overwritten(capsys, method):
    code, out, err = run(capsys, "study", "new", method)
    assert (code, err) == (0, "")
    assert out == f"{method}.toml: written. Run it with: leopnt run {method}.toml\n"
    assert run(capsys, "study", "check", f"{method}.toml")[0] == 0
    before = Path(f"{method}.toml").read_bytes()
    err = complaint(capsys, "study", "new", method)
    assert err == f"error: --out: '{method}.toml' is there already; choose another name.\n"
    assert Path(f"{method}.toml").read_bytes() == before
    assert run(capsys, "study", "new", method, "--out", "other.toml")[0] == 0
    assert Path("other.toml").read_bytes() == before


def test_a_new_study_of_no_method_or_place_gets_its_sentence(capsys):
    assert "expected one of 'pvt', 'doppler_fix'" in complaint(capsys, "study", "new", "../pvt")
    assert "Did you mean 'pvt'?" in complaint(capsys, "study", "new", "ptv")
    assert "none/pvt.toml" in complaint(capsys, "study", "new", "pvt", "--out", "none/pvt.toml")
    Path("there").mkdir()
    assert "'there' is there already" in complaint(capsys, "study", "new", "pvt", "--out", "there")
    assert [one.name for one in Path().iterdir()] == ["there"]


def test_the_schema_is_json_and_nothing_else(capsys):
    for words in ([], ["pvt"], ["doppler_fix"]):
        code, out, err = run(capsys, "study", "schema", *words)
        assert (code, err) == (0, "")
        assert "$defs" in json.loads(out)
    assert "Did you mean 'doppler_fix'?" in complaint(capsys, "study", "schema", "doppler")


# leopnt run


def test_a_run_prints_and_writes_its_result(capsys):
    written(SWEEP)
    code, out, err = run(capsys, "run", "noise.toml", "--format", "json", "--workers", 2)
    assert (code, err) == (0, "")
    folder = Path("out/noise")
    names = ["study.nc", "trials.nc", "study.json"]
    assert out.endswith("\nWritten:\n" + "".join(f"  out/noise/{one}\n" for one in names))
    assert {*names, "run.json"} <= {one.name for one in folder.iterdir()}
    with xr.open_dataset(folder / "study.nc") as found:
        assert found.attrs["complete"] == 1
        # the noise is white with 1, 2, 4 m an axis
        assert found["rmse_3d"].values == pytest.approx(
            math.sqrt(3) * found["noise.sigma_m"], rel=0.1
        )
    with xr.open_dataset(folder / "trials.nc") as found:
        assert dict(found.sizes) == {"point": 3, "trial": 1000, "enu": 3}
    again = run(capsys, "run", "noise.toml", "--format", "json")
    assert again == (0, out, "")


def test_every_format_is_written_unless_one_is_chosen(capsys):
    written(SWEEP)
    assert run(capsys, "run", "noise.toml", "--quiet") == (0, "", "")
    assert {"study.nc", "study.json", "report.html"} <= {
        p.name for p in Path("out/noise").iterdir()
    }
    code, _, err = run(capsys, "run", "noise.toml", "--out", "b", "--format", "html", "-q")
    assert (code, err) == (0, "")
    assert {p.name for p in Path("b").iterdir()} - {".lock"} == {
        "study.nc", "trials.nc", "run.json", "report.html",
    }  # fmt: skip


def test_json_is_the_result_and_nothing_else(capsys):
    written(SWEEP + "[noise]\ndiverge_every = 1")
    code, out, err = run(capsys, "run", "noise.toml", "--json", "--format", "json")
    assert (code, err) == (0, "")
    tree = json.loads(out)
    assert tree["kind"] == "study"
    assert tree["attrs"]["input_text"] == Path("noise.toml").read_text()
    assert [one["solved"] for one in tree["point"]] == [0, 0, 0]
    assert tree == json.loads(Path("out/noise/study.json").read_text())


def test_the_folder_is_that_of_the_option_else_of_the_file(capsys):
    Path("deep").mkdir()
    name = written('[output]\ndirectory = "../results/one"\nkeep_trials = false', "deep/noise.toml")
    assert run(capsys, "run", name, "-q", "--format", "json")[0] == 0
    assert {p.name for p in Path("results/one").iterdir()} - {".lock"} == {
        "study.nc", "run.json", "study.json",
    }  # fmt: skip
    assert run(capsys, "run", name, "-q", "--format", "json", "--out", "two")[0] == 0
    assert Path("two/study.nc").is_file()
    assert sorted(p.name for p in Path().iterdir()) == ["deep", "results", "two"]


def test_a_dry_run_tells_the_cost_and_writes_nothing(capsys):
    written(SWEEP)
    code, out, err = run(capsys, "run", "noise.toml", "--dry-run", "--workers", 3)
    assert (code, err) == (0, "")
    # 500 trials x 2 cases = 1000 a point: five chunks of 200
    assert (
        "noise.toml: no mistakes.\n3 points x 2 cases x 500 trials = 3000 trials in 15 chunks\n"
        in out
    )
    assert " on 3 workers (" in out
    code, out, err = run(capsys, "run", "noise.toml", "--dry-run", "--json")
    assert (code, err) == (0, "")
    cost = json.loads(out)
    assert (cost["num_points"], cost["num_cases"], cost["num_trials"]) == (3, 2, 3000)
    assert cost["num_chunks"] == 15
    assert cost["disk_bytes"] == 3000 * 8 * 5
    assert cost["seconds"] > 0
    assert run(capsys, "run", "noise.toml", "--dry-run", "--quiet") == (0, "", "")
    assert [one.name for one in Path().iterdir()] == ["noise.toml"]


def test_a_dry_run_of_a_billion_trials_is_as_quick(capsys):
    text = tiny_study.study_text(trials=10**9, extra=SWEEP)
    Path("noise.toml").write_text(text)
    code, out, _ = run(capsys, "run", "noise.toml", "--dry-run")
    assert code == 0
    assert "= 6000000000 trials in 30000000 chunks" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run"], "Missing argument 'FILE'"),
        (["run", "none.toml"], "none.toml: no such file."),
        (["run", "."], ". is a folder; expected a file."),
        (["run", "text.txt"], "text.txt: is not a settings file (TOML): "),
        (["run", "noise.toml", "--workers", "0"], "0 is not in the range 1<=x<=1024"),
        (["run", "noise.toml", "--workers", "many"], "'many' is not a valid integer"),
        (["run", "noise.toml", "--format", "pdf"], "'pdf' is not one of 'json', 'png', 'html'"),
        (["run", "noise.toml", "--out", "text.txt"], "cannot make the folder 'text.txt'"),
        (["run", "noise.toml", "--out", "text.txt/deep"], "cannot make the folder 'text.txt/deep'"),
        (["study"], "Usage: leopnt study"),
        (["study", "check"], "Missing argument 'FILE'"),
        (["study", "new"], "Missing argument 'METHOD'"),
        (["reproduce"], "give the NAME of a study (see `leopnt list`), or --all."),
        (
            ["reproduce", "pvt/mached"],
            "no catalogue study 'pvt/mached'. Did you mean 'pvt/matched'?",
        ),
    ],
)
def test_a_wrong_word_exits_with_2_and_a_sentence(capsys, words, sentence):
    written("")
    Path("text.txt").write_text("no settings")
    assert sentence in complaint(capsys, *words)


def test_a_run_with_failed_chunks_exits_with_1(capsys, monkeypatch):
    from leopnt.studies import runner

    monkeypatch.setenv("TINY_FAIL", "1 3")
    monkeypatch.setattr(runner, "compute_chunk", tiny_study.troubled(runner.compute_chunk))
    written("")
    code, _, err = run(capsys, "run", "noise.toml", "-q", "--format", "json")
    assert code == 1
    assert "not complete: Incomplete: 2 of 5 chunks are missing" in err


def test_times_are_told_as_a_person_says_them():
    found = [duration(one) for one in (0.5, 3.21, 90, 150, 3600, 8000, 3e5)]
    assert found == ["0.5 s", "3.2 s", "90 s", "2.5 min", "60 min", "2.2 h", "3 days"]


# leopnt list and reproduce


def test_the_list_has_a_line_for_each_study(capsys):
    code, out, err = run(capsys, "list")
    assert (code, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines()]
    assert names == sorted(names)
    assert {"pvt/matched", "doppler/arcs"} <= set(names)
    code, out, _ = run(capsys, "list", "--json")
    assert code == 0
    assert [one["name"] for one in json.loads(out)] == names
    assert all(Path(one["path"]).is_file() for one in json.loads(out))


NUMBER = '[[published]]\nquantity = "{}"\nvalue = {}\ntolerance = {}\nsource = "a paper"\n{}\n'
HELD = NUMBER.format("rmse_3d", 2 * math.sqrt(3), 0.2, 'at = { "noise.sigma_m" = 2 }')
WHY = 'why = "they count axes"\nours = 3.0\nours_within = 0.3'
EXPLAINED = NUMBER.format("mean_nees", 9.0, 0.2, WHY)
NO_DATA = NUMBER.format("rmse_3d", 9.0, 0.2, 'not_reproducible = "their data is not public"')
UNKNOWN = NUMBER.format("bound_3d", 9.0, 0.2, 'at = { "noise.sigma_m" = 4.0 }')
ABSENT = NUMBER.format("fame", 9.0, 0.2, "")


@pytest.fixture
def catalogue(monkeypatch):
    """Make a study the only one of the catalogue."""

    def only(text):
        path = Path(written('about = "x"\n' + text)).resolve()
        path.write_text('about = "x"\n' + tiny_study.study_text(extra=text))
        entry = library.Entry("tiny/noise", "tiny", "x", path)
        monkeypatch.setattr(library, "catalog", lambda: [entry])

    return only


def test_numbers_that_hold_or_differ_for_a_reason_exit_with_0(capsys, catalogue):
    catalogue(SWEEP + HELD + EXPLAINED + NO_DATA)
    code, out, err = run(capsys, "reproduce", "tiny/noise", "--format", "json", "--format", "html")
    assert (code, err) == (0, "")
    for text in ("held", "differs", "they count axes", "not reproducible"):
        assert text in out
    with xr.open_dataset("out/tiny/noise/study.nc") as found:
        assert found["verdict"].values.tolist() == ["held", "differs", "not reproducible"]
        assert found["ours"].values[0] == found["rmse_3d"].values[1]
        assert found["published_at"].values.tolist() == ["noise.sigma_m = 2", "", ""]
    report = Path("out/tiny/noise/report.html").read_text()
    assert "they count axes" in report
    assert "a paper" in report
    assert "their data is not public" in report


@pytest.mark.parametrize("words", [["reproduce", "tiny/noise"], ["run", "noise.toml"]])
def test_a_number_that_differs_for_no_known_reason_exits_with_1(capsys, catalogue, words):
    catalogue(SWEEP + HELD + UNKNOWN)
    for _ in range(2):  # computed, and read back
        code, out, err = run(capsys, *words, "--format", "json", "--quiet")
        assert (code, out) == (1, "")
        assert err == (
            "differs: bound_3d at noise.sigma_m = 4.0: ours is 6.9282, published 9 +- 0.2; no "
            "reason is known.\n"
        )


def test_a_number_that_no_study_gives_is_refused_unless_it_is_not_reproducible(capsys, catalogue):
    catalogue(HELD.replace('at = { "noise.sigma_m" = 2 }', "") + ABSENT)
    err = complaint(capsys, "reproduce", "tiny/noise", "-q")
    assert "published[1].quantity = 'fame': is no result of this study; accepted: bias_east" in err
    catalogue(ABSENT.rstrip() + '\nnot_reproducible = "no data"\n')
    code, _, err = run(capsys, "reproduce", "tiny/noise", "-q", "--restart", "--format", "json")
    assert (code, err) == (0, "")


def test_the_published_numbers_of_a_text_sweep_are_found(capsys, catalogue, monkeypatch):
    catalogue(
        '[sweep.values]\n"file" = ["noise.toml", "./noise.toml"]\n'
        + NUMBER.format("rmse_3d", 2 * math.sqrt(3), 0.2, 'at = { file = "./noise.toml" }')
    )
    code, _, err = run(capsys, "reproduce", "tiny/noise", "-q", "--format", "json")
    assert (code, err) == (0, "")
    err = complaint(capsys, "reproduce", "tiny/nose")
    assert "no catalogue study 'tiny/nose'. Did you mean 'tiny/noise'? `leopnt list`" in err


def test_published_quantities_of_the_catalogue_are_told_by_its_methods(tmp_path):
    """Every quantity that the catalogue compares is a column of its method's statistics."""
    for entry in library.catalog():
        study = load_study(entry.path)
        small = study.points[0].settings
        prepared = study.method.prepare(small, study.folder)
        columns = study.method.statistics(prepared, small.study.trials).columns()
        for one in study.settings.published:
            assert one.quantity in columns, entry.name
            assert columns[one.quantity].dims == ()
