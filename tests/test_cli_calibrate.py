"""`leopnt calibrate`: what it prints, writes and returns."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from leopnt.cli import calibrate as command
from leopnt.cli import main, progress
from leopnt.errors import LeopntError
from leopnt.io.antex import read_antex
from leopnt.io.results import read_netcdf

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "studies"))

from calibration_texts import calibration_text, written  # noqa: E402

HEAVY = ("jax", "numpy", "scipy", "matplotlib", "xarray", "pandas", "pydantic", "rich", "erfa")
DELAYS = '[delays]\nmodel = "shared_level"\n'


def run(capsys, *words):
    """Exit code, standard output and standard error of a command in this process."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a finished run, and its file beside it."""
    folder = tmp_path_factory.mktemp("cli")
    file = written(folder, days=1, more=DELAYS)
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", str(file), "--out", str(folder / "out"), "--workers", "1"])
    assert ended.value.code == 0
    return folder


def test_a_run_writes_every_format_and_says_where(done, capsys):
    code, out, err = run(
        capsys, "calibrate", done / "small.toml", "--out", done / "out", "--workers", 1
    )
    assert (code, err) == (0, "")
    names = ("calibration.nc", "delays.nc", "calibration.csv", "calibration.atx")
    names += ("calibration.json", "figures/errors.png", "figures/delays.png", "report.html")
    for name in names:
        assert (done / "out" / name).is_file(), name
        assert name in out
    assert "Phase-center offsets [mm], body axes" in out
    assert "Equipment delays [ns]; inter-system biases add up to zero" in out
    assert "Datum: inter-system biases add up to zero." in out
    assert len(read_antex(done / "out" / "calibration.atx").antennas) == 4


def test_json_prints_the_result_and_nothing_else(done, capsys):
    code, out, err = run(
        capsys, "calibrate", done / "small.toml", "--out", done / "out", "--json",
        "--format", "csv", "--workers", 1,
    )  # fmt: skip
    assert (code, err) == (0, "")
    found, stored = json.loads(out), read_netcdf(done / "out" / "calibration.nc")
    assert found["kind"] == "calibration"
    assert [one["satellite"] for one in found["satellite"]] == ["L01", "L02", "L03", "L04"]
    np.testing.assert_array_equal(found["offset_m"], stored["offset_m"].values)
    assert found["satellite"][1]["delay_m"] == float(stored["delay_m"][1])
    assert found["units"]["delay_m"] == "m"


def test_a_killed_command_goes_on_to_the_same_bits(done, tmp_path, evidence):
    # The process ends itself as soon as it has seen one station-day kept: no timing is in it.
    file = written(tmp_path, days=1, more=DELAYS)
    code = (
        "import os, signal\nfrom leopnt.cli import calibrate, main\n"
        "from contextlib import contextmanager\n"
        "@contextmanager\n"
        "def stop(title, *, quiet):\n"
        "    yield lambda done, total: os.kill(os.getpid(), signal.SIGKILL) if done else None\n"
        "calibrate.job_progress = stop\n"
        f"main(['calibrate', {str(file)!r}, '--workers', '1', '--out', {str(tmp_path / 'o')!r}])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [p.name for p in (tmp_path / "o" / "chunks").glob("day*")] == ["day000-00-SHAO.npz"]
    assert not (tmp_path / "o" / "calibration.nc").exists()
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", str(file), "--workers", "1", "--out", str(tmp_path / "o"), "-q"])
    assert ended.value.code == 0
    first, second = (
        read_netcdf(folder / "calibration.nc").assign_attrs(created="")
        for folder in (done / "out", tmp_path / "o")
    )
    assert first.identical(second)
    evidence(
        "studies.calibration_run",
        "offsets of a command killed after one of two station-days, then run again",
        "the same study in one go",
        "invariance",
        achieved=np.max(np.abs(first["offset_m"].values - second["offset_m"].values)),
        tolerance=0.0,
        unit="m",
    )


def test_a_command_killed_in_a_round_goes_on_to_the_same_bits(tmp_path, capsys, evidence):
    # The process ends itself when the first station-day of the last step of two rounds is kept.
    more = "[simulation.noise]\ngross_share = 0.02\n[estimate.robust]\nmax_rounds = 2\n"
    more += "[estimate.variance_components]\nmax_rounds = 2\n[output]\nresiduals = false\n"
    file = written(tmp_path, days=1, more=more)
    words = ("calibrate", file, "--workers", 1, "--format", "csv")
    code, out, err = run(capsys, *words, "--out", tmp_path / "whole")
    assert code == 0
    assert "Robust weights (IGG III, full weight to 2.5 sigma, none from 6):" in out
    assert "Weights did not settle in 2 rounds" in out + err
    code = (
        "import os, signal\nfrom leopnt.cli import calibrate, main\n"
        "from contextlib import contextmanager\n"
        "@contextmanager\n"
        "def stop(title, *, quiet):\n"
        "    def show(done, total, stage=''):\n"
        "        if done == 1 and stage == 'round 2 of at most 2, reduction':\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "    yield show\n"
        "calibrate.job_progress = stop\n"
        f"main(['calibrate', {str(file)!r}, '--workers', '1', '--out', {str(tmp_path / 'o')!r}])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    rounds = {path.name for path in (tmp_path / "o" / "chunks").glob("round02*")}
    assert rounds == {"round02-day000-00-SHAO.npz"}
    assert run(capsys, *words, "--out", tmp_path / "o")[0] == 0
    first, second = (
        read_netcdf(tmp_path / folder / "calibration.nc").assign_attrs(created="")
        for folder in ("whole", "o")
    )
    assert first.identical(second)
    evidence(
        "studies.calibration_rounds",
        "offsets of a command killed in its second round, then run again",
        "the same study in one go",
        "invariance",
        achieved=np.max(np.abs(first["offset_m"].values - second["offset_m"].values)),
        tolerance=0.0,
        unit="m",
    )


def test_mistakes_are_told_all_at_once(tmp_path, capsys):
    file = written(tmp_path, stations=("SHAO", "NOWHERE"), more='[datum]\nhold = "mean"\n')
    code, out, err = run(capsys, "calibrate", file)
    assert (code, out) == (2, "")
    assert "2 mistakes" in err
    assert "[simulation] stations[1]: no station 'NOWHERE'" in err
    assert "[datum] hold = 'mean': expected 'isb_zero_sum'" in err
    code, out, err = run(capsys, "calibrate", tmp_path / "none.toml")
    assert code == 2
    assert "none.toml" in err
    assert "Traceback" not in err


def test_a_dry_run_says_what_it_will_cost_and_keeps_nothing(done, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "calibrate", done / "small.toml", "--dry-run", "--workers", 2)
    assert code == 0
    assert "4 satellites, 2 stations, 1 day: 2 station-days, 50 unknowns" in out
    assert "on 2 workers" in out
    assert list(tmp_path.iterdir()) == []
    code, out, _ = run(capsys, "calibrate", done / "small.toml", "--dry-run", "--json")
    assert json.loads(out)["num_jobs"] == 2


def test_a_new_file_is_accepted_and_not_written_over(tmp_path, capsys):
    file = tmp_path / "mine.toml"
    code, out, _ = run(capsys, "calibrate", file, "--new")
    assert code == 0
    assert f"leopnt calibrate {file}" in out
    code, out, _ = run(capsys, "calibrate", file, "--dry-run")
    assert code == 0
    assert "no mistakes" in out
    code, _, err = run(capsys, "calibrate", file, "--new")
    assert code == 2
    assert "is there already" in err


def test_another_study_needs_restart(done, tmp_path, capsys):
    out = tmp_path / "out"
    first = written(tmp_path, "a.toml", days=1, stations=("SHAO",))
    second = written(tmp_path, "b.toml", days=1, stations=("HKSL",))
    words = ("--out", out, "-q", "--format", "csv", "--workers", 1)
    assert run(capsys, "calibrate", first, *words)[0] == 0
    code, _, err = run(capsys, "calibrate", second, *words)
    assert code == 2
    assert "--restart" in err
    assert run(capsys, "calibrate", second, "--restart", *words)[0] == 0
    assert [path.name for path in (out / "chunks").glob("day*")] == ["day000-00-HKSL.npz"]


def test_missing_station_days_give_exit_code_1(tmp_path, capsys, monkeypatch):
    from leopnt.studies import calibration_run

    reduce = calibration_run.reduce_job

    def fails_once(job, layout, settings):
        if job.station == 1:
            raise LeopntError("no clock for L03 at noon.")
        return reduce(job, layout, settings)

    monkeypatch.setattr(calibration_run, "reduce_job", fails_once)
    file = written(tmp_path, days=1)
    code, out, err = run(
        capsys, "calibrate", file, "--out", tmp_path / "o", "--format", "csv", "--workers", 1
    )
    assert code == 1
    assert "not complete: Incomplete: 1 of 2 station-days are missing" in err
    assert "INCOMPLETE: 1 of 2 station-days are missing." in out
    assert "no clock for L03 at noon." in out


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    from contextlib import contextmanager

    @contextmanager
    def stop(title, *, quiet):
        def show(done, total):
            if done == 1:
                raise KeyboardInterrupt

        yield show

    monkeypatch.setattr(command, "job_progress", stop)
    file = written(tmp_path, days=1)
    code, _, err = run(capsys, "calibrate", file, "--out", tmp_path / "o", "--workers", 1)
    assert code == 130
    assert "interrupted: 1 of 4 jobs are done" in err
    assert "run the same command again" in err


def test_progress_in_a_log_file_tells_rate_and_time_left(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 0.0, 20.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    lines = progress.LogLines()
    lines(0, 12)
    lines(4, 12)
    assert capsys.readouterr().err == " 33%  4 of 12 jobs, 0.2/s, 40 s left\n"


def test_progress_in_a_log_file_counts_each_stage_to_its_end(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 0.0, 5.0, 5.0, 6.0, 6.0, 18.0, 18.0, 19.0, 19.0, 19.5, 19.5])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    lines = progress.LogLines("trials")
    lines(8, 12)
    lines(1, 12, "round 1 of at most 2")
    lines(2, 12, "round 1 of at most 2")
    lines(8, 12, "round 1 of at most 2")
    lines(12, 12, "round 1 of at most 2")
    lines(12, 12, "round 1 of at most 2")
    assert capsys.readouterr().err == (
        " 67%  8 of 12 trials, 0.538/s, 7.4 s left, round 1 of at most 2\n"
        "100%  12 of 12 trials, round 1 of at most 2\n"
    )


def test_an_interrupt_before_the_first_job_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    from leopnt.studies import calibration_settings

    def stop(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(calibration_settings, "load_calibration", stop)
    code, _, err = run(capsys, "calibrate", written(tmp_path, days=1))
    assert (code, err) == (130, "interrupted: run the same command again.\n")


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom leopnt.cli import main\n"
        "try: main(['calibrate', '--help'])\nexcept SystemExit as end: assert end.code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr.strip() == "[]"
    assert "Every finished station-day is kept" in ended.stdout


def test_files_are_accepted_and_looked_for(tmp_path, capsys):
    table = '[files]\nobservations = ["*.rnx"]\nleo_orbits = ["leo.sp3"]\n'
    table += 'reference_orbits = ["bds.sp3"]\nsinex = "stations.snx"\n'
    file = tmp_path / "files.toml"
    file.write_text(table)
    code, _, err = run(capsys, "calibrate", file)
    assert code == 2
    assert err.count("there is no such file") == 4
    assert calibration_text().count("[simulation]") == 1
