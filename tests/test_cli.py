"""The command line: sentences, exit codes, files, and nothing heavy before a command runs."""

import importlib
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import leopnt
from leopnt.cli import main, session
from leopnt.cli.doctor import Finding
from leopnt.errors import LeopntWarning

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "report"))

HONG_KONG = ROOT / "examples" / "iridium_hong_kong.toml"
LOG = ROOT / "examples" / "data" / "iridium_hong_kong" / "iridium_doppler.csv"
GPS = ROOT / "examples" / "data" / "tle_2025" / "gps.tle"
SKY = ["sky", str(GPS), "--lat", "-33.9", "--lon", "18.4", "--start", "2025-12-28T12:00:00Z"]
HEAVY = ("jax", "numpy", "scipy", "matplotlib", "xarray", "pandas", "pydantic", "rich", "erfa")


def run(capsys, *words):
    """Exit code, standard output and standard error of a command in this process."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def run_alone(cache, *words, cwd=None):
    """As `run`, in a process of its own, with a compilation cache that the tests share."""
    code = "from leopnt.cli import main; main()"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_COMPILATION_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("jax")


# Start


@pytest.mark.parametrize("words", [["--help"], ["fix", "--help"], ["sky", "-h"], ["--version"]])
def test_help_loads_nothing_heavy(words):
    code = (
        "import sys\nfrom leopnt.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit as end: assert end.code == 0, end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_help_names_the_commands_and_the_exit_codes(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(f"\n  {name} " in out for name in ("fix", "sky", "doctor"))
    assert "Exit codes: 0 done, 1 not solved or not complete, 2 bad input" in out


@pytest.mark.parametrize("command", ["fix", "sky", "run", "reproduce"])
def test_help_gives_its_example_on_a_line_of_its_own(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert "\\b" not in out
    assert re.search(rf"^\s*(Example: )?leopnt {command} ", out, re.MULTILINE)


def test_the_version_is_that_of_the_package(capsys):
    assert run(capsys, "--version") == (0, f"leopnt, version {leopnt.__version__}\n", "")


def test_the_package_runs_as_the_command(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["leopnt", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("leopnt", run_name="__main__")
    assert not ended.value.code
    assert capsys.readouterr().out == f"leopnt, version {leopnt.__version__}\n"


def test_the_compilation_cache_goes_to_the_user_and_yields_to_the_environment(monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert session.cache_folder() == Path("/somewhere/leopnt/jax")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: Path("/me"))
    assert session.cache_folder() == Path("/me/.cache/leopnt/jax")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert session.cache_folder() == Path("/me/Library/Caches/leopnt/jax")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/mine")
    assert session.cache_folder() == Path("/mine")


def test_kernels_are_cached_unless_the_user_says_otherwise(monkeypatch):
    names = ["JAX_COMPILATION_CACHE_DIR", *session.CACHE_SETTINGS]
    for name in names:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "3")
    monkeypatch.delitem(sys.modules, "jax")
    session.use_compilation_cache()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(session.cache_folder())
    assert os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] == "3"
    assert os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] == "-1"


# leopnt fix


@pytest.fixture(scope="session")
def demo(cache, tmp_path_factory):
    """The demo run from another folder, with its results beside it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    relative = os.path.relpath(HONG_KONG, folder)
    return folder, run_alone(cache, "fix", relative, "--out", "result", cwd=folder)


def test_the_demo_prints_the_fix_its_error_and_its_sigma(demo):
    _, (code, out, err) = demo
    assert (code, err) == (0, "")
    assert "Error against the surveyed truth: 141 m horizontal, 165 m in 3D" in out
    assert "predicted 1-sigma" in out
    assert "218 Doppler measurements of 7 satellites: 218 used" in out


def test_the_demo_writes_every_format_and_says_where(demo):
    folder, (_, out, _) = demo
    written = out.split("Written:\n")[1].split()
    assert written[:4] == [f"result/fix.{one}" for one in ("json", "nc", "geojson", "kml")]
    assert "result/figures/residuals.png" in written
    assert written[-1] == "result/report.html"
    assert all((folder / name).stat().st_size > 1000 for name in written)
    assert {p.name for p in (folder / "result").iterdir()} == {
        "fix.json", "fix.nc", "fix.geojson", "fix.kml", "figures", "report.html",
    }  # fmt: skip


def test_json_is_the_result_and_nothing_else(demo, cache, tmp_path):
    folder, _ = demo
    code, out, err = run_alone(cache, "fix", HONG_KONG, "--json", cwd=tmp_path)
    assert (code, err) == (0, "")
    printed, kept = json.loads(out), json.loads((folder / "result" / "fix.json").read_text())
    assert printed["error_3d_m"] == pytest.approx(165.1, abs=1.0)
    assert printed["latitude_deg"] == kept["latitude_deg"]
    assert printed["measurement"] == kept["measurement"]
    assert printed["attrs"]["input_text"] == HONG_KONG.read_text()
    assert not list(tmp_path.iterdir())


def test_a_fix_that_is_not_solved_exits_with_1_and_is_written_all_the_same(
    capsys, tmp_path, monkeypatch
):
    from synthetic_results import make_unsolved_fix

    from leopnt.scenes.doppler_scene import load_doppler_scene

    output = '\n[output]\ndirectory = "there"\nformats = ["json", "kml"]\n'
    scene = load_doppler_scene(copied(tmp_path, settings=lambda text: text + output))
    found = (scene, make_unsolved_fix())
    monkeypatch.setattr(importlib.import_module("leopnt.cli.fix"), "_solve", lambda *_: found)
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "fix", "fix.toml")
    assert code == 1
    assert err == "not solved: fewer usable satellites than unknowns.\n"
    assert "Not converged: fewer usable satellites than unknowns." in out
    assert sorted(p.name for p in (tmp_path / "there").iterdir()) == ["fix.json", "fix.kml"]
    assert not (tmp_path / "out").exists()
    code, out, err = run(capsys, "fix", "fix.toml", "--format", "nc", "--quiet")
    assert (code, out) == (1, "")
    assert (tmp_path / "there" / "fix.nc").exists()


def copied(folder, log=None, settings=None):
    """The demo in a folder, its log and settings changed."""
    text = LOG.read_text() if log is None else log
    (folder / "log.csv").write_text(text)
    plain = HONG_KONG.read_text().replace("data/iridium_hong_kong/iridium_doppler.csv", "log.csv")
    path = folder / "fix.toml"
    path.write_text(plain if settings is None else settings(plain))
    return path


def scaled(column, factor):
    """The demo's log with one column in another unit."""
    header, *rows = LOG.read_text().splitlines()
    at = header.split(",").index(column)
    lines = [row.split(",") for row in rows]
    return "\n".join(
        [header, *(",".join([*r[:at], str(float(r[at]) * factor), *r[at + 1 :]]) for r in lines)]
    )


def complaint(capsys, *words):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "Traceback" not in err
    return err


def test_a_wrong_file_gets_its_sentence(capsys, tmp_path):
    path = copied(tmp_path)
    err = complaint(capsys, "fix", tmp_path / "fx.toml")
    assert err == f"error: {tmp_path / 'fx.toml'}: no such file. Did you mean 'fix.toml'?\n"
    path.write_text(path.read_text().replace("log.csv", "lag.csv"))
    assert "lag.csv: no such file. Did you mean 'log.csv'?" in complaint(capsys, "fix", path)
    assert "is not a settings file (TOML)" in complaint(capsys, "fix", LOG)


def test_a_wrong_column_gets_its_sentence(capsys, tmp_path):
    path = copied(tmp_path, settings=lambda text: text.replace("doppler_meas_hz", "doppler_hz"))
    err = complaint(capsys, "fix", path)
    assert "log.csv:1: no column 'doppler_hz'. Did you mean 'doppler_" in err
    assert "The columns there are: 'time_s', 'sat_id', 'doppler_meas_hz'" in err


def test_an_empty_log_gets_its_sentence(capsys, tmp_path):
    path = copied(tmp_path, log=LOG.read_text().splitlines()[0])
    assert "the log holds no measurement, only a header." in complaint(capsys, "fix", path)
    path = copied(tmp_path, log="")
    assert "is empty; expected a header line with column names." in complaint(capsys, "fix", path)


@pytest.mark.parametrize(
    ("column", "factor", "sentence"),
    [
        ("sat_x_m", 1e9, "it looks like mm"),
        ("doppler_meas_hz", 1e3, "wrong unit or wrong carrier"),
        ("time_s", 1 / 60, "The times look like minutes."),
    ],
)
def test_a_column_in_another_unit_gets_its_sentence(capsys, tmp_path, column, factor, sentence):
    path = copied(tmp_path, log=scaled(column, factor))
    assert sentence in complaint(capsys, "fix", path)


def test_a_carrier_in_mhz_gets_its_sentence(capsys, tmp_path):
    path = copied(tmp_path, settings=lambda text: text.replace("1626270833.0", "1626.270833"))
    assert "1626.270833 looks like MHz; write 1626270833." in complaint(capsys, "fix", path)


def test_five_mistakes_come_in_one_message(capsys, tmp_path):
    def spoiled(text):
        text = text.replace('type = "doppler"', 'type = "range"\ncorection = "none"')
        text = text.replace("1626270833.0", "1.6").replace("log.csv", "lag.csv")
        return text.replace('"frequency_offset"', '"frequency"')

    err = complaint(capsys, "fix", copied(tmp_path, settings=spoiled))
    assert "fix.toml: 5 mistakes.\n" in err
    for sentence in (
        "[measurement] type = 'range': expected 'doppler' or 'power'.",
        "[measurement] corection: unknown key. Did you mean 'correction'?",
        "1.6 looks like GHz; write 1600000000.",
        "[estimate] unknowns[1] = 'frequency': expected",
        "lag.csv: no such file.",
    ):
        assert sentence in err


def test_a_tle_of_another_year_gets_its_sentence(capsys, tmp_path):
    (tmp_path / "log.csv").write_text("time_s,satellite,doppler_hz\n1,NAVSTAR 46 (USA 145),100\n")
    path = tmp_path / "fix.toml"
    path.write_text(
        '[measurement]\ntype = "doppler"\nfile = "log.csv"\ncarrier_hz = 1.57542e9\n'
        f'reference_epoch = "2024-05-05T00:00:00Z"\n[satellites]\nfile = "{GPS}"\n'
    )
    err = complaint(capsys, "fix", path)
    assert "2024-05-05T00:00:01Z is 597.8 days before" in err
    assert "the elements of NAVSTAR 46 (USA 145) (" in err
    assert "Take element sets of the date, or raise max_age_days." in err


def test_a_folder_that_cannot_be_made_gets_its_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(leopnt.errors.LeopntError, match=r"cannot make the folder '.*file/deep': "):
        session.make_folder(tmp_path / "file" / "deep")


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(leopnt.errors.LeopntError, match="no such file"):
        main(["fix", str(tmp_path / "fx.toml"), "--debug"])


def test_a_defect_is_told_from_bad_input(capsys, monkeypatch):
    command = importlib.import_module("leopnt.cli.fix")
    monkeypatch.setattr(command, "_solve", lambda file, quiet: 1 / 0)
    code, out, err = run(capsys, "fix", "x.toml")
    assert (code, out) == (3, "")
    assert err.startswith("error: a defect in leopnt (ZeroDivisionError: division by zero). Run")
    with pytest.raises(ZeroDivisionError):
        main(["fix", "x.toml", "--debug"])


def test_an_interrupt_ends_quietly(capsys, monkeypatch):
    def interrupted(file, quiet):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("leopnt.cli.fix"), "_solve", interrupted)
    assert run(capsys, "fix", "x.toml") == (130, "", "\ninterrupted.\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fxi"], "No such command 'fxi'"),
        (["fix"], "Missing argument 'FILE'"),
        (["fix", "a.toml", "--format", "pdf"], "'pdf' is not one of 'json', 'nc'"),
        (["sky", "a.tle", "--step", "soon"], "'soon' is no duration; expected as 90, 30s, 10min"),
        (["sky", "a.tle", "--step", "1.2.3s"], "'1.2.3s' is no duration"),
        (["sky", "a.tle", "--mask", "low"], "'low' is not a valid float"),
    ],
)
def test_a_wrong_word_exits_with_2(capsys, words, sentence):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert sentence in err


def test_warnings_are_printed_once_and_kept_with_the_result(capsys):
    import warnings

    import xarray as xr

    with session.collected_warnings(quiet=False, debug=False) as sentences:
        for _ in range(2):
            warnings.warn("old table", LeopntWarning, stacklevel=1)
        warnings.warn("noise from elsewhere", UserWarning, stacklevel=1)
    assert sentences == ["old table"]
    assert capsys.readouterr().err == "warning: old table\n"
    dataset = session.with_warnings(xr.Dataset(attrs={"warnings": '["own"]'}), sentences)
    assert json.loads(dataset.attrs["warnings"]) == ["own", "old table"]
    with session.collected_warnings(quiet=True, debug=True):
        warnings.warn("noise", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == ""


def test_a_progress_bar_shows_on_a_terminal_only(capsys, monkeypatch):
    with session.progress_bar("Reading", quiet=False) as progress:
        progress(1, 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with session.progress_bar("Reading", quiet=False) as progress:
        progress(1, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Reading" in err
    assert "50%" in err
    with session.progress_bar("Reading", quiet=True) as progress:
        progress(1, 2)
    assert capsys.readouterr().err == ""


# leopnt sky


def test_the_sky_is_printed_as_a_table(capsys):
    code, out, err = run(capsys, *SKY, "--duration", "10min", "--mask", 5)
    assert (code, err) == (0, "")
    assert "Sky of gps.tle" in out
    assert "NAVSTAR" in out
    assert "GDOP" in out


def test_the_sky_as_json_is_parseable_and_alone(capsys):
    code, out, err = run(capsys, *SKY, "--duration", "60", "--step", "20s", "--json")
    assert (code, err) == (0, "")
    tree = json.loads(out)
    assert tree["kind"] == "sky"
    assert [one["epoch_utc"] for one in tree["epoch"]] == [
        f"2025-12-28T12:{m}.000Z" for m in ("00:00", "00:20", "00:40", "01:00")
    ]
    assert tree["attrs"]["latitude_deg"] == -33.9


def test_the_sky_is_written_where_it_shall(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, *SKY, "--duration", "0", "--out", "sky", "--format", "nc")
    assert code == 0
    assert out.endswith("\nWritten:\n  sky/sky.nc\n")
    words = ["--duration", "10min", "--step", "5min", "--out", tmp_path / "all", "--quiet"]
    code, out, err = run(capsys, *SKY, *words)
    assert (code, out, err) == (0, "", "")
    assert sorted(p.name for p in (tmp_path / "all").rglob("*.*")) == [
        "report.html", "satellites_and_dop.png", "sky.json", "sky.nc", "sky.png",
    ]  # fmt: skip


def test_a_city_may_stand_for_the_place(capsys):
    words = ["sky", GPS, "--place", "cape town", *SKY[-2:], "--duration", "0"]
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "gps.tle over cape town" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--lat", "5"], "no place: give --lat and --lon in degrees, or --place with a city."),
        (["--lat", "5", "--lon", "5", "--place", "Paris"], "give one or the other."),
        (["--place", "Pari"], "no city 'Pari'. Did you mean 'Paris'?"),
        (["--lat", "95", "--lon", "5"], "latitude_deg = 95.0: expected a number from -90 to 90."),
        (["--place", "Paris", "--start", "noon"], "--start: 'noon' is not an ISO 8601 time"),
        (["--place", "Paris", "--start", "2020-01-01"], "satellites has a state between 2020-01-0"),
        (["--place", "Paris", "--step", "0"], "step_s = 0.0: expected a number above 0."),
    ],
)
def test_a_sky_that_cannot_be_gets_its_sentence(capsys, words, sentence):
    assert sentence in complaint(capsys, "sky", GPS, *words)


def test_durations_are_read_with_their_unit():
    duration = importlib.import_module("leopnt.cli.sky").Duration()
    words = ["90", "30s", "10min", "2h", "1d", " 1.5 h "]
    found = [duration.convert(word, None, None) for word in words]
    assert found == [90.0, 30.0, 600.0, 7200.0, 86400.0, 5400.0]


# leopnt doctor


def test_the_doctor_names_what_matters(capsys):
    code, out, err = run(capsys, "doctor", "--json")
    assert err == ""
    tree = json.loads(out)
    assert code == (0 if tree["healthy"] else 1)
    found = {one["what"]: one for one in tree["findings"]}
    assert found["leopnt"]["found"] == leopnt.__version__
    assert found["64 bit"]["found"] == "on"
    assert found["JAX backend"]["found"].startswith("cpu")
    assert found["SGP4"]["found"] == "compiled"
    assert "finals2000A.all, 1973-01-02 to" in found["Earth orientation"]["found"]
    assert found["Leap seconds"]["found"].startswith("Leap_Second.dat, complete up to")
    assert "land outline" in found["Bundled data"]["found"]
    assert {"jax", "numpy", "sgp4", "pyarrow"} <= set(found)
    assert "pytest" not in found


def test_the_doctor_marks_what_is_wrong(capsys, monkeypatch):
    command = importlib.import_module("leopnt.cli.doctor")
    sick = [Finding("Moon", "full"), Finding("Table", "old", "get a new one")]
    monkeypatch.setattr(command, "examine", lambda: sick)
    code, out, _ = run(capsys, "doctor")
    assert code == 1
    assert out == "Moon   full\nTable  old  <- get a new one\n\n1 to attend to (marked with <-).\n"
    monkeypatch.setattr(command, "examine", lambda: sick[:1])
    assert run(capsys, "doctor") == (0, "Moon  full\n\nAll is well.\n", "")


def test_an_old_earth_orientation_table_is_marked(monkeypatch):
    command = importlib.import_module("leopnt.cli.doctor")
    monkeypatch.setattr(command, "EOP_OLD_DAYS", -1e9)
    orientation, _ = command._earth_orientation()
    assert orientation.remedy == "pip install --upgrade astropy-iers-data"
